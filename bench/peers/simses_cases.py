"""simses beside wattkeel: a Sony LFP cell with all its tables or few, and a hundred of them, at 1 ms."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import wattkeel as wk

from .link import Answer, Case, Peer
from .ours import Ours
from .serving import tiled

TICK_S = 1e-3
TEMPERATURE_K = 298.15
SOC_MIN, SOC_MAX = 0.05, 0.95
RESISTANCE_OHM = 0.04783  # discharge at 50 % SoC and 25 degC
# Iterations of a job: 350 ms of 9.6 W, 100 ms of 2 W, 50 ms in which 5 W come back.
POWER_W = [9.6] * 350 + [2.0] * 100 + [-5.0] * 50
TICKS, LOOP_TICKS, LANES, LANE_TICKS = 50_000, 20_000, 100, 500
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


def _checked(peer: Peer, ours: Ours, power_w: np.ndarray, request: Answer) -> tuple[Answer, Answer]:
    """The last tick on both sides; what is timed gives means over all ticks in the place of currents."""
    return ours.run(power_w, every=1), peer.ask(request)["final"]


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
OUTPUT = "both keep the last state; wattkeel has the energy balance and means over the run in addition"
# Name of a cell and of its row, what it computes, how far the answers may differ.
CELLS = (
    ("plain", "plain cell", PLAIN_TEXT, EXACT),
    ("sony", "Sony cell", SONY_TEXT, RENEWED),
)


def cases(peer: Peer) -> list[Case]:
    """All cases; the tables are asked of the peer, so that both sides have the same."""
    tables = peer.ask({"case": "tables"})
    params = {"plain": plain_cell(tables), "sony": sony_cell(tables)}
    power_w, found = np.array(tiled(POWER_W, TICKS)), []
    for cell, name, physics, limits in CELLS:
        request = {**SHARED, "cell": cell, "resistance_ohm": RESISTANCE_OHM,
                   "case": "single", "soc": [0.5], "ticks": TICKS}  # fmt: skip
        ours = Ours(params[cell], TICK_S)
        found.append(
            Case(
                f"{name}, 1 ms", f"{physics}; {OUTPUT}", request, partial(ours.run, power_w), TICKS, *limits,
                partial(_checked, peer, ours, power_w, request),
            )
        )  # fmt: skip
    lanes_w = np.outer(tiled(POWER_W, LANE_TICKS), SHARE)
    for cell, name, _, limits in CELLS:
        request = {**SHARED, "cell": cell, "resistance_ohm": RESISTANCE_OHM, "case": "many",
                   "soc": SOC.tolist(), "share": SHARE.tolist(), "ticks": LANE_TICKS}  # fmt: skip
        ours = Ours(params[cell], TICK_S, SOC)
        found.append(
            Case(
                f"{LANES} {name}s, 1 ms", f"as the {name}, each with a SoC and a power of its own; {OUTPUT}",
                request, partial(ours.run, lanes_w), LANES * LANE_TICKS, *limits,
                partial(_checked, peer, ours, lanes_w, request),
            )
        )  # fmt: skip
    request = {**SHARED, "cell": "sony", "case": "single", "soc": [0.5], "ticks": LOOP_TICKS, "read": True}
    found.append(
        Case(
            "Sony cell, closed loop, 1 ms",
            "as the Sony cell; both are commanded and read from Python at every tick",
            request, partial(Ours(params["sony"], TICK_S).loop, tiled(POWER_W, LOOP_TICKS)), LOOP_TICKS,
            *RENEWED,
        )
    )  # fmt: skip
    return found
