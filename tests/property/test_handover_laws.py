"""Any network and any load: power-grid-model finds the voltages of wattkeel, at the POI and the site bus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import wattkeel as wk
from wattkeel.parameters import Grid

pytest.importorskip("power_grid_model", reason="needs power-grid-model (extra grid)")

RATED_W, TICKS = 100e6, 8
LAWS = settings(max_examples=min(60, settings.default.max_examples), deadline=None)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False).map(lambda value: round(value, 6))


@st.composite
def networks(draw: Any) -> dict[str, Any]:
    resistance = draw(between(0.0, 0.02))
    shares = [draw(between(0.0, 1.0)) for _ in range(2)]
    return {
        "scr": draw(between(2.0, 50.0)),
        "x_over_r": draw(st.sampled_from([0.0, 0.5, 10.0, 50.0])),
        "source_voltage_pu": draw(between(0.9, 1.1)),
        "power_factor": draw(between(0.8, 1.0)),
        "cable_resistance_ohm": draw(st.sampled_from([0.0, 1.0, 10.0])),
        "cable_reactance_ohm": draw(st.sampled_from([0.0, 5.0, 30.0])),
        "transformer_rated_va": draw(st.sampled_from([0.0, 60e6, 250e6])),
        "transformer_load_loss": resistance,
        "transformer_impedance": draw(st.sampled_from([0.0, resistance, 0.05, 0.15])),
        "load_current_share": round(shares[0] * shares[1], 6),
        "load_impedance_share": round(shares[0] * (1.0 - shares[1]), 6),
        "reactive_current_share": draw(between(0.0, 0.5)),
        "reactive_impedance_share": draw(between(0.0, 0.5)),
    }


@LAWS
@given(
    values=networks(),
    load_pu=st.lists(between(-0.8, 1.0), min_size=TICKS, max_size=TICKS),
    position=st.integers(-6, 6),
    bank=st.integers(0, 2),
)
def test_power_grid_model_agrees(
    values: dict[str, Any], load_pu: list[float], position: int, bank: int
) -> None:
    assume(sum(load_pu) != 0.0)
    grid = Grid(
        rated_power_w=RATED_W, frequency_model="fixed", **values,
        tap_changer={"initial": position, "delay_s": 3600.0},
        capacitor_bank={"step_var": 1e7, "steps": 2, "initial": bank},
    )  # fmt: skip
    power_w = np.array(load_pu) * RATED_W
    run = wk.stages.grid(grid, power_w=power_w, time_step_s=1e-3)
    assume(run.nose_loading_pu.max() < 0.95)
    handed = wk.interop.handover_of_arrays(
        grid, power_w=power_w, time_step_s=1e-3, at="site", tap_ratio=1.0 + 0.0125 * position,
        capacitor_var=1e7 * bank, site_voltage_v=34.5e3,
    )  # fmt: skip
    found = wk.interop.power_grid_model(handed).solve()
    # 1e-7 of impedance stands in for transformers without any, and 1e-9 of reactance for a pure resistance.
    bare = values["transformer_impedance"] == values["transformer_load_loss"] == 0.0
    resistive = (
        values["x_over_r"] == 0.0 or values["transformer_impedance"] <= values["transformer_load_loss"]
    )
    tolerance = 1e-6 if bare else 1e-8 if resistive else 1e-10
    assert found.poi_pu == pytest.approx(run.voltage_pu, abs=tolerance)
    assert found.site_pu == pytest.approx(run.bus_voltage_pu, abs=tolerance)
