"""PyBaMM's Thevenin model beside wattkeel: open loop, and closed loop tick by tick."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import wattkeel as wk

from .link import Case, Peer
from .ours import Ours
from .serving import tiled

TICK_S = 1e-3
CAPACITY_AH, RESISTANCE_OHM = 100.0, 1e-3
OCV_SOC, OCV_V = [0.0, 1.0], [3.0, 3.6]
RC = [(5e-4, 10.0), (8e-4, 120.0)]  # ohm, s
HEAT_CAPACITY_J_PER_K, HEAT_TRANSFER_W_PER_K = 1000.0, 1.0
TEMPERATURE_K = 298.15
# 250 ms of load, 250 ms at a third of it in the other direction.
POWER_W = [300.0] * 250 + [-100.0] * 250
TICKS, CLOSED_TICKS = 50_000, 500


def cell() -> Any:
    """The cell of ``REQUEST`` by wattkeel."""
    return wk.parameters.Battery(
        strings=1.0, cells_series=1, cell_capacity_ah=CAPACITY_AH, cell_voltage_v=3.3,
        cell_resistance_ohm=RESISTANCE_OHM, cell_voltage_min_v=2.0, cell_voltage_max_v=4.5,
        ocv_soc=OCV_SOC, ocv_v=OCV_V, max_charge_c=10.0, max_discharge_c=10.0,
        rc_resistance_ohm=[ohm for ohm, _ in RC], rc_time_constant_s=[tau_s for _, tau_s in RC],
        cell_heat_capacity_j_per_k=HEAT_CAPACITY_J_PER_K, cell_heat_transfer_w_per_k=HEAT_TRANSFER_W_PER_K,
        temperature_initial_k=TEMPERATURE_K, air_temperature_k=TEMPERATURE_K,
        soc_initial=0.5, soc_min=0.05, soc_max=0.95,
    )  # fmt: skip


REQUEST = {
    "tick_s": TICK_S, "soc": [0.5], "temperature_k": TEMPERATURE_K, "capacity_ah": CAPACITY_AH,
    "resistance_ohm": RESISTANCE_OHM, "rc": RC, "ocv_soc": OCV_SOC, "ocv_v": OCV_V,
    "voltage_min_v": 2.0, "voltage_max_v": 4.5, "heat_capacity_j_per_k": HEAT_CAPACITY_J_PER_K,
    "heat_transfer_w_per_k": HEAT_TRANSFER_W_PER_K, "rtol": 1e-6, "atol": 1e-8, "power_w": POWER_W,
}  # fmt: skip


def cases(peer: Peer) -> list[Case]:
    """Both cases."""
    del peer
    one = Ours(cell(), TICK_S)
    physics = (
        "OCV table, resistance, RC branches, temperature, power held over the tick; PyBaMM finds the current "
        "by iteration and controls its error (relative 1e-6)"
    )
    # PyBaMM counts as heat what goes into the branches, wattkeel what their resistances lose; the rest
    # is stored: 7.7 J at the end, that is 7.7 mK of 266 mK.
    warm = {"temperature_k": 0.01}
    return [
        Case(
            f"{len(RC)} RC, open loop, 1 ms", f"{physics}; its answer is interpolated to every tick",
            {"case": "open_loop", **REQUEST, "ticks": TICKS},
            partial(one.run, np.array(tiled(POWER_W, TICKS)), every=1), TICKS,
            {"soc": 1e-8, "end_voltage_v": 1e-6, **warm},
            "PyBaMM's solver tolerance; heat of the branches is counted when it goes in or when it is lost",
        ),
        Case(
            f"{len(RC)} RC, closed loop, 1 ms",
            f"{physics}; both are commanded and read from Python at every tick",
            {"case": "closed_loop", **REQUEST, "ticks": CLOSED_TICKS},
            partial(one.loop, tiled(POWER_W, CLOSED_TICKS)), CLOSED_TICKS,
            {"soc": 1e-8, "end_voltage_v": 1e-5},
            "PyBaMM's solver tolerance",
        ),
    ]  # fmt: skip
