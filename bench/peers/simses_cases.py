"""simses beside wattkeel: a Sony LFP cell with all its tables or few, and a hundred of them, at 1 ms."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import wattkeel as wk

from .link import Answer, Case, Peer
from .loop import Loop
from .serving import tiled

TICK_S = 1e-3
TEMPERATURE_K = 298.15
SOC_MIN, SOC_MAX = 0.05, 0.95
RESISTANCE_OHM = 0.04783  # discharge at 50 % SoC and 25 degC
# Iterations of a job: 350 ms of 9.6 W, 100 ms of 2 W, 50 ms in which 5 W come back.
POWER_W = [9.6] * 350 + [2.0] * 100 + [-5.0] * 50
TICKS, LOOP_TICKS, LANES, LANE_TICKS = 50_000, 20_000, 100, 500
KEEP_TICKS = 100  # of the many: means over so many ticks
SOC = np.linspace(0.3, 0.7, LANES)
SHARE = np.linspace(0.2, 1.0, LANES)
SHARED = {"tick_s": TICK_S, "temperature_k": TEMPERATURE_K, "soc_min": SOC_MIN, "soc_max": SOC_MAX,
          "power_w": POWER_W}  # fmt: skip


def plain_cell(tables: Answer, **more: Any) -> Any:
    """One cell: OCV table and a constant resistance; the OCV held over a tick, as simses does."""
    return wk.parameters.Battery(
        strings=1.0, cells_series=1, cell_capacity_ah=3.0, cell_voltage_v=3.2,
        cell_resistance_ohm=RESISTANCE_OHM, cell_voltage_min_v=2.0, cell_voltage_max_v=3.6,
        ocv_soc=tables["ocv_soc"], ocv_v=tables["ocv_v"], max_charge_c=1.0, max_discharge_c=6.6,
        soc_initial=0.5, soc_min=SOC_MIN, soc_max=SOC_MAX, hold_ocv=True, **more,
    )  # fmt: skip


def sony_cell(tables: Answer) -> Any:
    """The same with resistance over SoC, temperature and direction, hysteresis and entropy."""
    resistance = (
        "resistance_soc", "resistance_temperature_k", "resistance_charge_ohm", "resistance_discharge_ohm",
    )  # fmt: skip
    return plain_cell(
        tables,
        **{key: tables[key] for key in (*resistance, "entropy_soc", "entropy_v_per_k")},
        hysteresis_soc=tables["ocv_soc"],
        hysteresis_v=tables["hysteresis_v"],
        hysteresis_rate=1e12,  # turns over at once
    )


def _single(cell: Any, power_w: np.ndarray) -> Answer:
    run = wk.stages.battery(cell, power_w=power_w, time_step_s=TICK_S)
    return {"soc": run.soc[-1], "voltage_v": run.voltage_v[-1], "current_a": run.current_a[-1]}


def _many(cell: Any, power_w: np.ndarray, every: int = KEEP_TICKS) -> Answer:
    run = wk.stages.battery(cell, power_w=power_w, time_step_s=TICK_S, soc_initial=SOC, every=every)
    return {"soc": run.soc[-1], "voltage_v": run.voltage_v[-1], "current_a": run.current_a[-1]}


def _many_case(peer: Peer, name: str, physics: str, request: Answer, cell: Any, limits: Limits) -> Case:
    power_w = np.outer(tiled(POWER_W, LANE_TICKS), SHARE)
    asked = {"case": "many", **request, "soc": SOC.tolist(), "share": SHARE.tolist(), "ticks": LANE_TICKS}

    def checked() -> tuple[Answer, Answer]:
        return _many(cell, power_w, every=1), peer.ask(asked)["final"]

    return Case(
        name,
        f"{physics}, each with a SoC and a power of its own; wattkeel returns means of {KEEP_TICKS} ticks",
        asked, partial(_many, cell, power_w), LANES * LANE_TICKS, *limits, checked,
    )  # fmt: skip


Limits = tuple[dict[str, float], str]
EXACT: Limits = (
    {"soc": 1e-11, "voltage_v": 1e-9, "current_a": 1e-9},
    "same equations, only rounding differs",
)
RENEWED: Limits = (
    {"soc": 1e-8, "voltage_v": 1e-6, "current_a": 1e-6},
    "wattkeel renews resistances, hysteresis width and entropy every 0.1 s",
)
PLAIN_TEXT = (
    "OCV of 201 points, constant resistance, closed-form current, limits of current, voltage and SoC on both "
    "sides"
)
SONY_TEXT = (
    "in addition resistance over SoC, temperature and direction, hysteresis with the sign of the direction, "
    "entropic heat"
)


def cases(peer: Peer) -> list[Case]:
    """All cases; the tables are asked of the peer, so that both sides have the same."""
    tables = peer.ask({"case": "tables"})
    plain, sony = plain_cell(tables), sony_cell(tables)
    ask_plain = {**SHARED, "cell": "plain", "resistance_ohm": RESISTANCE_OHM}
    ask_sony = {**SHARED, "cell": "sony"}
    single = {"case": "single", "soc": [0.5], "ticks": TICKS}
    power_w = np.array(tiled(POWER_W, TICKS))
    output = "simses keeps the last state, wattkeel returns its arrays of every tick"
    return [
        Case(
            "plain cell, 1 ms", f"{PLAIN_TEXT}; {output}", {**ask_plain, **single},
            partial(_single, plain, power_w), TICKS, *EXACT,
        ),
        Case(
            "Sony cell, 1 ms", f"{SONY_TEXT}; {output}", {**ask_sony, **single},
            partial(_single, sony, power_w), TICKS, *RENEWED,
        ),
        _many_case(peer, "100 plain cells, 1 ms", "as the plain cell", ask_plain, plain, EXACT),
        _many_case(peer, "100 Sony cells, 1 ms", "as the Sony cell", ask_sony, sony, RENEWED),
        Case(
            "Sony cell, closed loop, 1 ms",
            "as the Sony cell; both are commanded and read from Python at every tick; wattkeel steps a whole "
            "site",
            {**ask_sony, **single, "ticks": LOOP_TICKS, "read": True},
            partial(Loop(sony, TICK_S, 100.0), tiled(POWER_W, LOOP_TICKS)), LOOP_TICKS, *RENEWED,
        ),
    ]  # fmt: skip
