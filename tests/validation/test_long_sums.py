"""Sums over ten million ticks and more: state of charge and meters lose nothing that a double can hold."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from sites import lossless_site

from wattkeel import battery_stage
from wattkeel._generated import dtypes
from wattkeel.engine import Engine
from wattkeel.native import core
from wattkeel.parameters import Battery
from wattkeel.prototype.battery import POWER
from wattkeel.scenario import Scenario

TICK_S = 1e-3
CHUNK = 1_000_000
CHUNKS = 12


def powers(wave: str) -> np.ndarray:
    """One chunk of power, W: a discharge of 1.9 W in the mean, so that 12000 s take 0.6 of the charge."""
    swing = np.sin(np.arange(CHUNK) * (2.0 * math.pi / 777.7))
    return np.full(CHUNK, 1.9) if wave == "constant" else 1.9 + 5.0 * swing


@pytest.mark.parametrize("wave", ["constant", "swinging"])
def test_state_of_charge_over_twelve_million_ticks(wave: str) -> None:
    """The change of SoC is the exact sum of the charge of all ticks, to 1e-12.

    Currents come from the run itself; their products with the charge of a tick are added without any
    rounding (`math.fsum`). What rounding does to a plain sum depends on the wave: at constant current the
    errors all have one sign, and a plain sum is off by sixty times the bound.
    """
    ocv_v = [3.2, 3.2, 3.2] if wave == "constant" else [3.0, 3.25, 3.4]
    cell = Battery(
        strings=1.0, cells_series=1, cell_capacity_ah=3.0, cell_voltage_v=3.2, cell_resistance_ohm=0.03,
        cell_voltage_min_v=2.0, cell_voltage_max_v=4.2, ocv_soc=[0.0, 0.5, 1.0], ocv_v=ocv_v,
        max_charge_c=2.0, soc_initial=0.9, soc_min=0.0, soc_max=1.0,
    )  # fmt: skip
    unit = battery_stage.prepare(cell, None, TICK_S)
    soc, charge_per_tick = unit.cell[dtypes.CELL_SOC], float(unit.cell[dtypes.CELL_CHARGE_PER_TICK, 0])
    power_w = powers(wave)
    outputs = [np.zeros(CHUNK) for _ in range(10)]
    none = battery_stage.uncounted().arguments("native")
    limited = np.zeros(CHUNK, dtype=np.int64)
    parts, plain = [cell.soc_initial], cell.soc_initial
    for _ in range(CHUNKS):
        run = core().kernels()["battery_run"]
        run(CHUNK, 1, *unit[:3], POWER, unit.cell, unit.table, *none, power_w, *outputs, limited)
        assert not limited.any()
        charge = outputs[4] * charge_per_tick
        parts.append(-math.fsum(charge))
        plain = float(np.cumsum(np.concatenate(([plain], -charge)))[-1])
    exact = math.fsum(parts)
    soc = float(soc[0])
    assert 0.1 < soc < 0.4
    assert abs(soc - exact) < 1e-12
    assert abs(soc - exact) <= 2.0**-53  # in fact it is the double next to it
    assert wave == "swinging" or abs(plain - exact) > 1e-11  # the test can tell


def test_meters_over_ten_million_ticks() -> None:
    """The meters' energy is the exact product of power and time for a load that is not a whole number."""
    ticks = 10_000_000
    simulation = {"duration_s": ticks * TICK_S, "tick_s": TICK_S}
    job = {"compute_pu": 0.7, "communication_pu": 0.7}
    tables = {"title": "long", "simulation": simulation, "workload": {"job": job}}
    tables["grid"] = {"frequency_model": "swing", "transformer_load_loss": 0.004, "scr": 7.0}
    site = Engine(Scenario.from_dict(lossless_site(1.0e6 / 3.0, tables)))
    site.step(ticks)
    power_w = site.state["poi.power_w"]
    assert power_w != round(power_w)
    exact_j = Fraction(power_w) * ticks * Fraction(site.tick_s)
    found_j = Fraction(site.meters()["poi.power_w"])
    assert abs(found_j / exact_j - 1) < Fraction(1, 10**15)
    assert site.tick == ticks
