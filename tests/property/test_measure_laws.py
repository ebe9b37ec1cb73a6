from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattkeel import measures

LEVELS = st.floats(-1e9, 1e9, allow_nan=False, width=32)
RECORDS = arrays(np.float64, st.integers(2, 60), elements=LEVELS)


def brute_force(power: np.ndarray, ticks: int) -> tuple[float, float]:
    """Largest rise and fall by trying every pair of samples at most `ticks` apart."""
    rise = fall = 0.0
    for end in range(power.size):
        for start in range(max(0, end - ticks), end):
            rise = max(rise, power[end] - power[start])
            fall = max(fall, power[start] - power[end])
    return rise, fall


@given(power=RECORDS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_rolling_extremes_equal_every_pair(power: np.ndarray, data: st.DataObject) -> None:
    ticks = data.draw(st.integers(1, power.size - 1))
    rise, fall = brute_force(power, ticks)
    found = measures.rolling_range(power, 1.0, float(ticks))
    assert (found.rise_w, found.fall_w) == (rise, fall)
    both = measures.rolling_change(power, 1.0, float(ticks))
    expected = [np.ptp(power[max(0, end - ticks) : end + 1]) for end in range(power.size)]
    np.testing.assert_array_equal(both, expected)
    assert both.max() == found.peak_to_peak_w
    assert power[int(found.rise_time_s)] - power[: int(found.rise_time_s) + 1].min() >= found.rise_w


@given(power=RECORDS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_longer_window_never_sees_less(power: np.ndarray, data: st.DataObject) -> None:
    ticks = data.draw(st.integers(1, power.size - 1))
    longer = data.draw(st.integers(ticks, power.size - 1))
    short = measures.rolling_range(power, 1.0, float(ticks))
    long = measures.rolling_range(power, 1.0, float(longer))
    assert long.rise_w >= short.rise_w
    assert long.fall_w >= short.fall_w


@given(power=RECORDS)
@settings(max_examples=60, deadline=None)
def test_turning_time_round_swaps_rise_and_fall(power: np.ndarray) -> None:
    ahead = measures.rolling_range(power, 1.0, 1.0)
    back = measures.rolling_range(power[::-1], 1.0, 1.0)
    assert (ahead.rise_w, ahead.fall_w) == (back.fall_w, back.rise_w)


@given(
    power=arrays(np.float64, st.integers(40, 400), elements=st.floats(-100.0, 100.0, width=32)),
    shift=st.floats(-1e3, 1e3),
    scale=st.floats(0.01, 100.0),
)
@settings(max_examples=60, deadline=None)
def test_shifting_changes_nothing_and_scaling_scales(power: np.ndarray, shift: float, scale: float) -> None:
    moved = scale * power + shift
    slack = 1e-9 * (abs(shift) + scale * 100.0)
    for law in (
        lambda p: measures.rolling_range(p, 0.01, 0.2).peak_to_peak_w,
        lambda p: float(np.abs(measures.rolling_average_ramp(p, 1.0, 10.0)).max()),
        lambda p: measures.percentile_average_ramp(p, 1.0, window_s=10.0),
        lambda p: measures.dynamic_range(p),
        lambda p: measures.rms_residual(p),
        lambda p: measures.flattening_energy(p, 0.01),
        lambda p: measures.band_rms(measures.spectrum(p, 0.01), 1.0, 20.0),
        lambda p: float(np.ptp(measures.band_pass(p, 0.01, 1.0, 20.0))),
        lambda p: float(np.ptp(measures.band_pass(p, 0.01, 1.0, 20.0, zero_phase=True))),
    ):
        assert law(moved) == pytest.approx(scale * law(power), rel=1e-9, abs=slack)


@given(
    power=arrays(np.float64, st.integers(40, 400), elements=st.floats(-100.0, 100.0, width=32)),
    edges=st.lists(st.floats(0.0, 50.0), min_size=2, max_size=2, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_shares_are_between_nothing_and_all(power: np.ndarray, edges: list[float]) -> None:
    whole = measures.spectrum(power, 0.01)
    share = measures.band_share(whole, min(edges), max(edges))
    assert 0.0 <= share <= 1.0 + 1e-12
    assert share <= measures.band_share(whole, 0.0, 50.0) + 1e-12


@given(st.integers(1, 4), st.integers(1, 3000), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_causal_filter_does_not_know_the_future(order: int, cut: int, seed: int) -> None:
    power = np.random.default_rng(seed).normal(size=3001)
    whole = measures.band_pass(power, 1e-3, 0.5, 55.0, order=order)
    head = measures.band_pass(power[:cut], 1e-3, 0.5, 55.0, order=order)
    np.testing.assert_allclose(whole[:cut], head, atol=1e-9)
