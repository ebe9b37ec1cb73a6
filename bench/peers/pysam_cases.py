"""PySAM's BatteryStateful beside wattkeel, at 1 ms and 1 s: with a voltage table, and with its formula."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import wattkeel as wk

from .link import Answer, Case, Peer
from .ours import Ours
from .serving import tiled

SERIES, CAPACITY_AH, CELL_V, RESISTANCE_OHM = 160, 100.0, 3.2, 1e-3
OCV_SOC = np.linspace(0.0, 1.0, 21)
OCV_V = 3.0 + 0.4 * OCV_SOC + 0.2 * OCV_SOC**3
SOC_MIN, SOC_MAX = 0.05, 0.95
POWER_W = [20e3] * 35 + [5e3] * 10 + [-8e3] * 5
TABLE_TICKS, FORMULA_TICKS = 5_000, 200
# Of the formula: Q/q, an exponential; values of PySAM's own LFP defaults, for cells of 2.25 Ah.
FORMULA = {"capacity_ah": 2.25, "cell_voltage_v": 3.6, "resistance_ohm": 0.002}


def pack(ocv_soc: Any, ocv_v: Any, capacity_ah: float, cell_v: float, resistance_ohm: float) -> Any:
    """A string of cells: OCV table and a constant resistance."""
    return wk.parameters.Battery(
        strings=1.0, cells_series=SERIES, cell_capacity_ah=capacity_ah, cell_voltage_v=cell_v,
        cell_resistance_ohm=resistance_ohm, cell_voltage_min_v=1.0, cell_voltage_max_v=5.0,
        ocv_soc=list(ocv_soc), ocv_v=list(ocv_v), max_charge_c=10.0, max_discharge_c=10.0,
        soc_initial=0.5, soc_min=SOC_MIN, soc_max=SOC_MAX,
    )  # fmt: skip


def _final(ours: Ours, power_w: Any) -> Answer:
    last = ours.run(np.asarray(power_w), every=1)
    return {"soc": last["soc"], "voltage_v": last["end_voltage_v"] / SERIES}


def _checked(peer: Peer, request: Answer, ours: Ours) -> tuple[Answer, Answer]:
    """Ours for the power that the peer delivered, which is not the power commanded."""
    theirs = peer.ask({**request, "delivered": True})
    return _final(ours, theirs["delivered_w"]), theirs["final"]


def _case(peer: Peer, name: str, physics: str, request: Answer, params: Any) -> Case:
    tick_s, ticks = request["tick_s"], request["ticks"]
    ours = Ours(params, tick_s)
    power_w = np.array(tiled(request["power_w"], ticks))
    tolerance = {"soc": 1e-5 * tick_s + 1e-8, "voltage_v": 1e-5 * tick_s + 1e-7}
    argument = "for the power that PySAM delivered; it holds the current over a tick, wattkeel the power"
    return Case(
        name, physics, request, partial(ours.run, power_w), ticks, tolerance, argument,
        partial(_checked, peer, request, ours),
    )  # fmt: skip


def cases(peer: Peer) -> list[Case]:
    """Two voltage models at two ticks."""
    shared = {"soc": [0.5], "soc_min": SOC_MIN, "soc_max": SOC_MAX, "temperature_k": 298.15, "series": SERIES}
    table = {
        **shared, "ocv_soc": OCV_SOC.tolist(), "ocv_v": OCV_V.tolist(), "capacity_ah": CAPACITY_AH,
        "cell_voltage_v": CELL_V, "resistance_ohm": RESISTANCE_OHM, "power_w": POWER_W, "ticks": TABLE_TICKS,
    }  # fmt: skip
    scale = FORMULA["capacity_ah"] / CAPACITY_AH
    formula = {
        **shared, **FORMULA, "ocv_soc": [], "ocv_v": [], "power_w": [scale * power for power in POWER_W],
        "ticks": FORMULA_TICKS,
    }  # fmt: skip
    curve = peer.ask({"case": "curve", "tick_s": 1e-3, **formula})
    by_table = pack(OCV_SOC, OCV_V, CAPACITY_AH, CELL_V, RESISTANCE_OHM)
    by_formula = pack(curve["ocv_soc"], curve["ocv_v"], *FORMULA.values())
    common = "and constant resistance on both sides; PySAM has a temperature and counts cycles too"
    found = []
    for label, tick_s in (("1 ms", 1e-3), ("1 s", 1.0)):
        request = {"case": "power", "tick_s": tick_s}
        found += [
            _case(peer, f"voltage table, {label}", f"OCV table {common}", {**request, **table}, by_table),
            _case(
                peer, f"voltage formula, {label}",
                f"PySAM's default voltage formula, for wattkeel as an OCV table of 201 points, {common}",
                {**request, **formula}, by_formula,
            ),
        ]  # fmt: skip
    return found
