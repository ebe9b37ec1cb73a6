"""The way from the source to the site bus, against independent solutions of the power flow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattkeel as wk
from wattkeel.parameters import CapacitorBank, Grid, GridEvent, TapChanger
from wattkeel.prototype import forming, network

RATED_W = 1e8


def grid(**values: Any) -> Grid:
    base = {
        "rated_power_w": RATED_W, "scr": 5.0, "x_over_r": 10.0, "power_factor": 0.95,
        "frequency_model": "fixed",
        "transformer_no_load_loss": 0.0, "transformer_load_loss": 0.0,
    }  # fmt: skip
    return Grid(**(base | values))


def run(params: Grid, power_pu: Any, engine: str = "native", tick_s: float = 1e-3) -> Any:
    power_w = np.atleast_1d(np.asarray(power_pu, dtype=float)) * RATED_W
    return wk.stages.grid(params, power_w=power_w, time_step_s=tick_s, engine=engine)


def test_a_tick_too_short_for_the_window_of_the_rocof_is_told() -> None:
    with pytest.raises(wk.ScenarioError, match=r"5e\+08 ticks of params.rocof_window_s; give 5e-08 s"):
        run(grid(), 0.5, tick_s=1e-9)


shares = st.floats(0.0, 0.5)


@given(
    scr=st.floats(2.0, 50.0), x_over_r=st.floats(0.0, 30.0), power=st.floats(-0.5, 1.5),
    var=st.floats(-0.3, 0.8),
    current=shares, impedance=shares, q_current=shares, q_impedance=shares, bank=st.floats(0.0, 0.3),
)  # fmt: skip
def test_voltage_solves_the_power_flow(
    scr, x_over_r, power, var, current, impedance, q_current, q_impedance, bank
) -> None:
    """The phasor equation E = V + Z conj(S/V) holds for the load at the voltage found, and no higher one."""
    z = complex(1.0, x_over_r) / abs(complex(1.0, x_over_r)) / scr
    p = (power * (1.0 - current - impedance), power * current, power * impedance)
    q = (var * (1.0 - q_current - q_impedance), var * q_current, var * q_impedance - bank)
    voltage, share, p_at, q_at, taken, loading = network.bus_voltage(1.0, z.real, z.imag, *p, *q, 1.0)
    s = complex(p[0] + (p[1] + p[2] * taken) * taken, q[0] + (q[1] + q[2] * taken) * taken)
    assert complex(p_at, q_at) == pytest.approx(s, rel=1e-14, abs=1e-14)
    served = share * s
    # Near the nose the voltage is the square root of a rounded difference.
    assert abs(voltage + z * served.conjugate() / voltage) == pytest.approx(1.0, abs=2e-7)
    coefficients = [
        1.0 + 2.0 * (z.real * p[2] + z.imag * q[2]) + abs(z) ** 2 * (p[2] ** 2 + q[2] ** 2),
        2.0 * (z.real * p[1] + z.imag * q[1]) + 2.0 * abs(z) ** 2 * (p[1] * p[2] + q[1] * q[2]),
        2.0 * (z.real * p[0] + z.imag * q[0]) - 1.0
        + abs(z) ** 2 * (p[1] ** 2 + q[1] ** 2 + 2.0 * (p[0] * p[2] + q[0] * q[2])),
        2.0 * abs(z) ** 2 * (p[0] * p[1] + q[0] * q[1]),
        abs(z) ** 2 * (p[0] ** 2 + q[0] ** 2),
    ]  # fmt: skip
    roots = np.roots(coefficients)
    real = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 1e-6)]
    if len(real) and taken == voltage:
        assert voltage == pytest.approx(real.max(), abs=1e-6)
    elif not len(real[np.polyval(coefficients, real) < 1e-12]):
        assert share <= 1.0
    assert math.isfinite(loading)


def test_constant_current_load_has_its_closed_form(engine: str) -> None:
    """A purely resistive source and a constant-current load: V = E - R I, a line."""
    params = grid(scr=4.0, x_over_r=0.0, power_factor=1.0, load_current_share=1.0)
    found = run(params, [0.2, 1.0, 2.0], engine)
    assert found.bus_voltage_pu == pytest.approx([0.95, 0.75, 0.5], abs=1e-12)
    assert found.power_w / RATED_W == pytest.approx([0.19, 0.75, 1.0], abs=1e-12)
    assert found.voltage_response_power_w / RATED_W == pytest.approx([-0.01, -0.25, -1.0], abs=1e-12)


def test_constant_impedance_load_is_a_divider(engine: str) -> None:
    params = grid(scr=4.0, x_over_r=0.0, power_factor=1.0, load_impedance_share=1.0)
    found = run(params, [1.0, 4.0], engine)
    assert found.bus_voltage_pu == pytest.approx([1.0 / 1.25, 1.0 / 2.0], abs=1e-12)
    assert (found.unserved_power_w == 0.0).all()  # a divider has no nose


def test_nose_loading_is_the_load_over_the_largest(engine: str) -> None:
    params = grid()
    largest = 1.0 / run(params, [1.0], engine).nose_loading_pu[0]
    below, above = (
        run(params, [largest * (1.0 - 1e-9)], engine),
        run(params, [largest * (1.0 + 1e-9)], engine),
    )
    assert below.unserved_power_w[0] == 0.0
    assert above.unserved_power_w[0] > 0.0
    assert below.nose_loading_pu[0] == pytest.approx(1.0, abs=1e-8)
    assert run(params, [0.0], engine).nose_loading_pu[0] == 0.0


def test_impedance_in_ohm_is_that_of_scr(engine: str) -> None:
    base_ohm = 230e3**2 / RATED_W
    resistance = base_ohm / 5.0 / math.sqrt(101.0)
    by_ohm = grid(source_resistance_ohm=resistance, source_reactance_ohm=10.0 * resistance, scr=77.0)
    found, expected = run(by_ohm, [0.4, 1.0], engine), run(grid(), [0.4, 1.0], engine)
    assert found.voltage_pu == pytest.approx(expected.voltage_pu, abs=1e-14)


def test_way_from_poi_to_bus_loses_what_its_current_says(engine: str) -> None:
    base_ohm = 230e3**2 / RATED_W
    params = grid(
        cable_resistance_ohm=0.01 * base_ohm, cable_reactance_ohm=0.03 * base_ohm,
        transformer_load_loss=0.005, transformer_impedance=0.1, transformer_no_load_loss=0.001,
    )  # fmt: skip
    found = run(params, [0.9], engine)
    s = complex(0.901, 0.9 * math.tan(math.acos(0.95)))
    v, poi = found.bus_voltage_pu[0], found.voltage_pu[0]
    way = complex(0.01 + 0.005, 0.03 + math.sqrt(0.01 - 0.005**2))
    current = (s / v).conjugate()
    assert abs(v + way * current) == pytest.approx(poi, abs=1e-12)
    assert found.loss_w[0] == pytest.approx((0.001 + way.real * abs(current) ** 2) * RATED_W, rel=1e-12)
    assert found.power_w[0] == pytest.approx(0.9 * RATED_W + found.loss_w[0], rel=1e-15)
    expected = (s.imag + way.imag * abs(current) ** 2) * RATED_W
    assert found.reactive_power_var[0] == pytest.approx(expected, rel=1e-12)


def test_tap_changer_brings_the_bus_into_its_band(engine: str) -> None:
    tap = TapChanger(step_pu=0.0125, deadband_pu=0.01, delay_s=2.0, interval_s=0.5, highest=16)
    params = grid(scr=8.0, transformer_impedance=0.12, transformer_load_loss=0.004, tap_changer=tap)
    found = run(params, np.full(80, 0.8), engine, tick_s=0.1)
    steps = np.flatnonzero(np.diff(found.tap_position))
    assert found.bus_voltage_pu[0] < 0.95
    assert abs(found.bus_voltage_pu[-1] - 1.0) <= 0.01
    assert (np.diff(found.tap_position)[steps] == 1).all()
    # Twenty ticks outside before the first step, five before each further one; each acts in the next tick.
    assert steps.tolist() == [19 + 5 * n for n in range(len(steps))]


def test_tap_changer_stops_at_its_end(engine: str) -> None:
    tap = TapChanger(delay_s=0.0, interval_s=0.1, highest=2, lowest=0)
    found = run(grid(scr=3.0, tap_changer=tap), np.full(20, 0.8), engine, tick_s=0.1)
    assert found.tap_position.max() == 2
    assert found.bus_voltage_pu[-1] < 0.98


def test_capacitors_are_switched_one_by_one(engine: str) -> None:
    bank = CapacitorBank(step_var=5e6, steps=4, in_below_pu=0.96, out_above_pu=1.02, delay_s=0.3)
    load = np.repeat([0.9, 0.1], 30)
    found = run(grid(capacitor_bank=bank), load, engine, tick_s=0.1)
    change = np.diff(found.capacitor_steps)
    assert found.capacitor_steps[29] > 0
    assert set(np.unique(change)) <= {-1, 0, 1}
    assert (np.diff(np.flatnonzero(change[:29])) == 3).all()
    assert found.reactive_power_var[29] < found.reactive_power_var[0]


def test_loss_of_a_feeder_and_reclosing(engine: str) -> None:
    events = [
        GridEvent(start_s=0.01, duration_s=0.01, impedance_factor=2.0),
        GridEvent(
            start_s=0.03, duration_s=0.002, voltage_pu=0.3,
            repeat_after_s=[0.005, 0.01], repeat_duration_s=[0.001, 0.003],
        ),
    ]  # fmt: skip
    found = run(grid(event=events), np.full(50, 0.5), engine)
    double = run(grid(scr=2.5), [0.5], engine).voltage_pu[0]
    assert found.voltage_pu[10:20] == pytest.approx(double, abs=1e-14)
    low = np.flatnonzero(found.voltage_pu < 0.6)
    assert low.tolist() == [30, 31, 35, 40, 41, 42]


def test_frequency_offset_comes_and_goes_by_its_ramp(engine: str) -> None:
    event = GridEvent(start_s=0.1, duration_s=0.2, frequency_offset_hz=-0.5, frequency_ramp_hz_per_s=5.0)
    found = run(grid(event=[event]), np.full(500, 0.5), engine).frequency_hz - 60.0
    time_s = np.arange(1, 501) * 1e-3
    expected = -0.5 * np.clip((time_s - 0.1) / 0.1, 0.0, 1.0) + 0.5 * np.clip((time_s - 0.3) / 0.1, 0.0, 1.0)
    assert found == pytest.approx(expected, abs=1e-12)


@given(angle=st.floats(-3.0, 3.0), by=st.floats(-30.0, 30.0))
def test_phasors_turn_by_any_angle(angle: float, by: float) -> None:
    cosine, sine = forming.turned(math.cos(angle), math.sin(angle), by)
    assert cosine == pytest.approx(math.cos(angle + by), abs=2e-14)
    assert sine == pytest.approx(math.sin(angle + by), abs=2e-14)
    assert cosine**2 + sine**2 == pytest.approx(1.0, abs=4e-15)
