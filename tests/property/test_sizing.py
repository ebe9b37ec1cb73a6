"""Sizing: what holds for any wave and any store."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattkeel import sizing
from wattkeel.parameters import preset

waves = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e3, 1e3, width=32))
shares = st.floats(0.5, 1.0)
targets = st.sampled_from(["mean", "lag", "average", "ramp"])


def target_of(kind: str, load_w: np.ndarray, periodic: bool = False) -> np.ndarray | None:
    if kind == "lag":
        return sizing.lag_target(load_w, 0.5, 2.0, periodic=periodic)
    if kind == "average":
        return sizing.average_target(load_w, 0.5, 3.0, periodic=periodic)
    if kind == "ramp":
        return sizing.ramp_target(load_w, 0.5, 40.0, 20.0, periodic=periodic)
    return None


def brute_need(power_w: np.ndarray, tick_s: float, up: float, down: float) -> tuple[float, float]:
    """Range and end of what is stored, one tick after the other."""
    stored_j, low_j, high_j = 0.0, 0.0, 0.0
    for value in power_w:
        stored_j -= (value / down if value > 0.0 else value * up) * tick_s
        low_j, high_j = min(low_j, stored_j), max(high_j, stored_j)
    return high_j - low_j, stored_j


@given(waves, targets, shares, shares)
def test_need_is_that_of_a_walk(load_w: np.ndarray, kind: str, up: float, down: float) -> None:
    target_w = target_of(kind, load_w)
    need = sizing.flattening_need(load_w, 0.5, target_w, charge_efficiency=up, discharge_efficiency=down)
    power_w = load_w - (sizing.closing_target(load_w, up, down) if target_w is None else target_w)
    energy_j, drift_j = brute_need(power_w, 0.5, up, down)
    slack = 1e-9 * (1.0 + np.abs(load_w).sum())
    assert abs(need.energy_j - energy_j) <= slack
    assert abs(need.drift_j - drift_j) <= slack
    assert 0.0 <= need.start_j <= need.energy_j + slack
    if target_w is None:
        assert abs(need.drift_j) <= slack


@given(waves, targets, st.floats(0.01, 100.0), st.floats(-1e3, 1e3))
def test_scale_and_shift(load_w: np.ndarray, kind: str, factor: float, shift_w: float) -> None:
    """Needs are linear in the wave and blind to its level; ramp limits scale with it."""
    kinds = {"ramp": lambda wave: sizing.ramp_target(wave, 0.5, 40.0 * factor, 20.0 * factor)}
    plain = sizing.flattening_need(load_w, 0.5, target_of(kind, load_w))
    moved_w = factor * load_w + shift_w
    moved = sizing.flattening_need(moved_w, 0.5, kinds.get(kind, lambda w: target_of(kind, w))(moved_w))
    slack = 1e-9 * (factor + 1.0) * (1e3 + np.abs(load_w).max()) * len(load_w)
    for name in ("energy_j", "start_j", "drift_j", "throughput_j", "discharge_power_w", "charge_power_w"):
        assert abs(getattr(moved, name) - factor * getattr(plain, name)) <= slack, name


@given(waves, targets, st.integers(0, 59))
def test_a_target_that_repeats_needs_no_more_than_another_turn(
    load_w: np.ndarray, kind: str, turn: int
) -> None:
    """A wave that repeats has the same range wherever its period is cut."""
    if kind == "ramp":  # not linear: it need not have settled after one pass
        kind = "lag"
    there = np.roll(load_w, turn)
    here = sizing.flattening_need(load_w, 0.5, target_of(kind, load_w, periodic=True))
    rolled = sizing.flattening_need(there, 0.5, target_of(kind, there, periodic=True))
    slack = 1e-9 * (1.0 + np.abs(load_w).sum())
    assert abs(here.energy_j - rolled.energy_j) <= slack
    assert abs(here.drift_j) <= slack


@given(waves, st.floats(0.01, 10.0))
def test_split_adds_up(load_w: np.ndarray, corner_hz: float) -> None:
    split = sizing.hybrid_split(load_w, 0.5, corner_hz)
    assert np.allclose(split.slow_power_w + split.fast_power_w, load_w - load_w.mean(), atol=1e-9)
    together_w = split.slow.power_w + split.fast.power_w
    assert together_w >= np.abs(load_w - load_w.mean()).max() - 1e-9


@given(waves, st.floats(-500.0, 500.0), st.floats(1.0, 2e3), st.floats(1.0, 1e5), shares, shares, shares)
def test_shaving_keeps_its_books(
    load_w: np.ndarray, limit_w: float, power_w: float, energy_j: float, up: float, down: float, start: float
) -> None:
    run = sizing.shave_peak(
        load_w, 0.5, limit_w=limit_w, energy_j=energy_j, power_w=power_w, charge_efficiency=up,
        discharge_efficiency=down, soc_initial=start,
    )  # fmt: skip
    assert np.all((run.soc >= 0.0) & (run.soc <= 1.0))
    assert np.abs(run.battery_w).max() <= power_w
    gained_j = up * run.charged_j - run.discharged_j / down
    assert (run.soc[-1] - start) * energy_j == pytest.approx(gained_j, abs=1e-9 * energy_j + 1e-6)
    assert run.peak_w <= max(load_w.max(), limit_w) + 1e-9
    needed_j = sizing.shaving_energy(
        load_w, 0.5, limit_w=limit_w, power_w=power_w, charge_efficiency=up, discharge_efficiency=down
    )
    full = sizing.shave_peak(
        load_w, 0.5, limit_w=limit_w, energy_j=energy_j, power_w=power_w, charge_efficiency=up,
        discharge_efficiency=down,
    )  # fmt: skip
    kept = full.peak_w <= limit_w + 1e-9 * (1.0 + abs(limit_w))
    if energy_j > needed_j * (1.0 + 1e-9) + 1e-6:
        assert kept
    if energy_j < needed_j * (1.0 - 1e-6) - 1e-6 and needed_j < math.inf:
        assert not kept


@given(waves, st.floats(1.0, 2e3), st.floats(1.0, 1e4), st.floats(1.0, 3.0), shares)
def test_more_storage_never_raises_the_least_limit(
    load_w: np.ndarray, power_w: float, energy_j: float, more: float, start: float
) -> None:
    options = {"charge_efficiency": 0.95, "discharge_efficiency": 0.9}
    small_w = sizing.least_limit(
        load_w, 0.5, energy_j=energy_j, power_w=power_w, soc_initial=start, **options
    )
    # More energy with the same stored at the start; and more power.
    large_w = sizing.least_limit(
        load_w, 0.5, energy_j=more * energy_j, power_w=power_w, soc_initial=start / more, **options
    )
    strong_w = sizing.least_limit(
        load_w, 0.5, energy_j=energy_j, power_w=more * power_w, soc_initial=start, **options
    )
    assert large_w <= small_w + 1e-9 * (1.0 + abs(small_w))
    assert strong_w <= small_w + 1e-9 * (1.0 + abs(small_w))
    # And the limit is one that the rule keeps.
    run = sizing.shave_peak(
        load_w, 0.5, limit_w=small_w, energy_j=energy_j, power_w=power_w, soc_initial=start, **options
    )
    assert run.peak_w <= small_w + 1e-6 * (1.0 + abs(small_w))


CELLS = {
    name: preset("battery", name, strings=1.0)
    for name in ("lfp-314ah", "lfp-280ah-grid", "lfp-sony-26650", "nmc-94ah-temperature")
}


@given(
    st.sampled_from(sorted(CELLS)), st.floats(0.02, 0.9), st.floats(0.6, 1.0), st.floats(1.0, 2.0),
    st.floats(283.0, 313.0), st.floats(1.05, 3.0),
)  # fmt: skip
def test_usable_energy_falls_with_rate_and_age(
    name: str, rate: float, capacity: float, resistance: float, temperature_k: float, more: float
) -> None:
    cell = CELLS[name]
    power_w = rate * cell.cells_series * cell.cell_voltage_v * cell.cell_capacity_ah
    given_state = {"temperature_k": temperature_k, "soh_capacity": capacity, "soh_resistance": resistance}
    usable = sizing.usable_energy(cell, power_w=power_w, **given_state)
    assert usable.energy_j <= usable.chemical_energy_j * (1.0 + 1e-12)
    assert usable.soc_end >= cell.soc_min
    worse = [
        sizing.usable_energy(cell, power_w=more * power_w, **given_state),
        sizing.usable_energy(cell, power_w=power_w, **(given_state | {"soh_resistance": more * resistance})),
        sizing.usable_energy(cell, power_w=power_w, **(given_state | {"soh_capacity": capacity / more})),
    ]
    for other in worse:
        assert other.energy_j <= usable.energy_j * (1.0 + 1e-12)
    # Twice the strings at twice the power are the same cells.
    double = cell.model_copy(update={"strings": 2.0})
    twice = sizing.usable_energy(double, power_w=2.0 * power_w, **given_state)
    assert twice.energy_j == pytest.approx(2.0 * usable.energy_j, rel=1e-12)


@given(st.sampled_from(sorted(CELLS)), st.floats(0.02, 0.4), st.floats(0.0, 0.1))
def test_round_trip_is_below_one_and_falls_with_the_rate(name: str, rate: float, share: float) -> None:
    cell = CELLS[name]
    power_w = rate * cell.cells_series * cell.cell_voltage_v * cell.cell_capacity_ah
    window = {"soc_low": 0.2, "soc_high": 0.8}
    trip = sizing.round_trip(cell, power_w=power_w, **window)
    assert 0.0 < trip.efficiency < 1.0
    assert sizing.round_trip(cell, power_w=1.1 * power_w, **window).efficiency < trip.efficiency
    served = sizing.round_trip(cell, power_w=power_w, auxiliary_power_w=share * power_w, **window)
    assert served.efficiency == pytest.approx(trip.efficiency * (1.0 - share) / (1.0 + share), rel=1e-12)
