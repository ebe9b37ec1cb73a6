"""Laws of the flickermeter and of cycles that hold for any voltage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattkeel.parameters import Flickermeter as Settings
from wattkeel.power_quality import Flickermeter, Thresholds, cycles, flicker, rapid_changes, voltage_events
from wattkeel.power_quality.flickermeter import exceeded
from wattkeel.prototype import flicker as layout

TICK_S = 1e-3
LEVELS = arrays(np.float64, st.integers(40, 120), elements=st.floats(0.85, 1.15))
WEIGHTS = 0.0314 + 0.0525 + 0.0657 + 0.28 + 0.08


def held(levels: np.ndarray) -> np.ndarray:
    """Levels of 50 ms each."""
    return np.repeat(levels, 50)


@given(levels=LEVELS, data=st.data())
@settings(max_examples=40)
def test_pst_is_bounded_by_the_largest_sensation(levels: np.ndarray, data: st.DataObject) -> None:
    lamp = data.draw(st.sampled_from(["230v_50hz", "120v_60hz", "120v_50hz", "230v_60hz"]))
    found = flicker(held(levels), TICK_S, "rms", lamp=lamp, settle_s=0.5, interval_s=1.0, series_s=TICK_S)
    assert (found.p_inst >= 0.0).all()
    assert len(found.pst) == (len(levels) * 50 - 500) // 1000
    for interval in found.intervals:
        assert 0.0 <= interval.pst <= math.sqrt(WEIGHTS * interval.p_inst_max) * (1.0 + 1e-12)
        first = round(interval.start_s / TICK_S)
        assert interval.p_inst_max == found.p_inst[first : first + 1000].max()


@given(levels=LEVELS, cuts=st.lists(st.integers(1, 2500), min_size=1, max_size=8))
@settings(max_examples=40)
def test_cuts_change_no_bit(levels: np.ndarray, cuts: list[int]) -> None:
    voltage = held(levels)
    settings_ = Settings(settle_s=0.3, interval_s=1.0, series_s=0.007)
    whole, pieces = (Flickermeter(TICK_S, "rms", settings_) for _ in range(2))
    whole.add(voltage)
    for part in np.split(voltage, sorted({cut for cut in cuts if cut < len(voltage)})):
        pieces.add(part)
    a, b = whole.found(), pieces.found()
    assert a.intervals == b.intervals
    assert a.p_inst.tobytes() == b.p_inst.tobytes()
    assert whole.state.tobytes() == pieces.state.tobytes()


@given(levels=LEVELS, power=st.integers(-20, 20))
@settings(max_examples=30)
def test_a_unit_of_a_power_of_two_changes_no_bit(levels: np.ndarray, power: int) -> None:
    options = {"settle_s": 0.5, "interval_s": 1.0}
    a = flicker(held(levels), TICK_S, "rms", **options)
    b = flicker(held(levels) * 2.0**power, TICK_S, "rms", **options)
    assert a.intervals == b.intervals


@given(
    p_inst=arrays(np.float64, st.integers(1, 400), elements=st.floats(1e-7, 1e7)),
    percent=st.floats(0.1, 99.0),
)
@settings(max_examples=100)
def test_a_level_lies_between_neighbours_in_order(p_inst: np.ndarray, percent: float) -> None:
    classes = np.bincount([layout.flicker_class(p) for p in p_inst], minlength=layout.FLICKER_CLASSES)
    level = exceeded(classes, percent, float(p_inst.max()))
    ordered = np.sort(p_inst)[::-1]
    place = 0.01 * percent * len(ordered)
    above, below = ordered[max(0, math.ceil(place) - 1)], ordered[min(len(ordered) - 1, math.floor(place))]
    assert below * (1.0 - 1.0 / 256.0) <= level <= above * (1.0 + 1.0 / 256.0)


@given(levels=LEVELS, nominal_hz=st.sampled_from([50.0, 60.0]))
@settings(max_examples=60)
def test_cycles_keep_the_energy_and_lie_within_the_voltage(levels: np.ndarray, nominal_hz: float) -> None:
    voltage = held(levels)
    found = cycles(voltage, TICK_S, "rms", nominal_hz)
    assert found.rms.min() >= voltage.min() * (1.0 - 1e-9)
    assert found.rms.max() <= voltage.max() * (1.0 + 1e-9)
    whole = found.rms[::2]
    end = round(2 * len(whole) * 0.5 / nominal_hz / TICK_S, 9)
    energy = (voltage[: int(end)] ** 2).sum() + (end % 1.0) * voltage[min(int(end), len(voltage) - 1)] ** 2
    assert (whole**2).sum() / nominal_hz / TICK_S == pytest.approx(energy, rel=1e-9)


@given(levels=LEVELS)
@settings(max_examples=60)
def test_events_lie_in_order_and_changes_between_dip_and_swell(levels: np.ndarray) -> None:
    found = cycles(held(levels), TICK_S, "rms", 50.0)
    limits = Thresholds(change=0.02, change_hysteresis=0.01)
    events = voltage_events(found, 1.0, limits)
    for kind in ("dip", "swell"):
        own = [event for event in events if event.kind == kind]
        for event, after in itertools.pairwise(own):
            assert event.complete
            assert event.start_s + event.duration_s <= after.start_s + 1e-9
        assert all((event.extreme < 0.9) if kind == "dip" else (event.extreme > 1.1) for event in own)
        assert bool(own) == bool(((found.rms < 0.9) if kind == "dip" else (found.rms > 1.1)).any())
    for change in rapid_changes(found, 1.0, limits):
        assert change.duration_s > 0.0
        assert change.before - change.delta_max >= 0.9 or change.before + change.delta_max <= 1.1
        assert not change.complete or abs(change.delta_ss) <= change.delta_max + limits.change
