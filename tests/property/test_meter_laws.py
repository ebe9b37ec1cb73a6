"""Streaming meters: how a record is cut changes no bit, and all numbers are those of a plain reading."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wattkeel import measures, meters
from wattkeel.meters import _nodes, content

LEVELS = st.one_of(st.floats(-1e9, 1e9, width=32), st.sampled_from([0.0, 1.0, 5e7]))
RECORDS = arrays(np.float64, st.integers(2, 80), elements=LEVELS)
DIRECTIONS = st.sampled_from(["both", "up", "down"])


def cuts(data: st.DataObject, size: int) -> list[int]:
    """Places at which a record is cut."""
    return sorted(data.draw(st.lists(st.integers(0, size), max_size=6)))


def fed(meter: Any, power: np.ndarray, places: list[int]) -> Any:
    for part in np.split(power, places):
        meter.feed(part)
    return meter.result()


def stretches(over: np.ndarray) -> list[tuple[int, int]]:
    """First and last-but-one of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], over, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def brute_force(readings: list[float], limit: float, first: int) -> dict[str, Any]:
    """Worst value, its sample, and the stretches above the limit, from the values one by one."""
    values = np.array(readings)
    worst = int(np.argmax(values))
    above = stretches(values > limit * (1.0 + 1e-9))
    return {
        "value_w": values[worst],
        "time_s": float(first + worst),
        "duration_s": float(sum(b - a for a, b in above if a <= worst < b)),
        "longest_s": float(max((b - a for a, b in above), default=0)),
        "total_s": float(sum(b - a for a, b in above)),
        "stretches": len(above),
        "samples": len(values),
    }


def check(found: meters.Change, expected: dict[str, Any]) -> None:
    assert {name: getattr(found, name) for name in expected} == expected


@given(power=RECORDS, direction=DIRECTIONS, data=st.data())
@settings(max_examples=200, deadline=None)
def test_rolling_range_is_that_of_every_window(power: np.ndarray, direction: Any, data: Any) -> None:
    ticks, skip = data.draw(st.integers(1, 90)), data.draw(st.integers(0, power.size - 1))
    limit = data.draw(st.sampled_from([math.inf, 0.0, 1.0, float(np.ptp(power)) / 2]))
    judged = power[skip:]
    readings, rises = [], []
    for end in range(judged.size):
        window = judged[max(0, end - ticks) : end + 1]
        change = {"both": np.ptp(window), "up": window[-1] - window.min(), "down": window.max() - window[-1]}
        readings.append(float(change[direction]))
        rises.append(bool(np.argmax(window) > np.argmin(window)))
    meter = meters.RollingRange(
        float(ticks), 1.0, direction=direction, limit_w=limit, settle_s=float(skip), engine="numba"
    )
    found = fed(meter, power, cuts(data, power.size))
    check(found, brute_force(readings, limit, skip))
    if direction == "both" and found.value_w > 0.0:
        assert found.rise == rises[int(np.argmax(readings))]
    native = meters.RollingRange(
        float(ticks), 1.0, direction=direction, limit_w=limit, settle_s=float(skip), engine="native"
    )
    assert fed(native, power, cuts(data, power.size)) == found


@given(power=RECORDS, direction=DIRECTIONS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_rolling_difference_is_every_difference(power: np.ndarray, direction: Any, data: Any) -> None:
    ticks = data.draw(st.integers(1, power.size - 1))
    limit = data.draw(st.sampled_from([math.inf, 0.0, 1e8]))
    plain = measures.rolling_difference(power, 1.0, float(ticks))
    sized = {"both": np.abs(plain), "up": np.maximum(plain, 0.0), "down": np.maximum(-plain, 0.0)}
    meter = meters.RollingDifference(float(ticks), 1.0, direction=direction, limit_w=limit)
    found = fed(meter, power, cuts(data, power.size))
    check(found, brute_force(sized[direction].tolist(), limit, ticks))
    if found.value_w > 0.0:
        assert found.rise == (plain[int(np.argmax(sized[direction]))] > 0.0)


@given(power=RECORDS, data=st.data())
@settings(max_examples=100, deadline=None)
def test_rolling_mean_is_every_mean(power: np.ndarray, data: Any) -> None:
    ticks = data.draw(st.integers(1, power.size))
    plain = np.lib.stride_tricks.sliding_window_view(power, ticks).mean(axis=1)
    places = cuts(data, power.size)
    found = fed(meters.RollingMean(float(ticks), 1.0), power, places)
    scale = 1e-12 * np.abs(power).max()
    assert found.highest_w == pytest.approx(plain.max(), rel=0.0, abs=scale)
    assert found.lowest_w == pytest.approx(plain.min(), rel=0.0, abs=scale)
    assert plain[round(found.highest_s) - ticks] == pytest.approx(plain.max(), rel=0.0, abs=scale)
    assert fed(meters.RollingMean(float(ticks), 1.0, engine="numba"), power, []) == found


BANK_LIMIT = 3e5


def wanted() -> list[meters.Wanted]:
    """Every kind of meter, at 100 samples/s."""
    found: list[meters.Wanted] = [
        meters.WantedDifference(100, "both", BANK_LIMIT),
        meters.WantedChange(50, "up", BANK_LIMIT),
        meters.WantedSpan(),
        meters.WantedPercentile(100, 75.0),
        meters.WantedContent(1.0, 20.0, 30, ("line", "tapered_line", "rms", "tapered_rms", "lasting")),
        meters.WantedContent(2.0, 20.0, 0, ("share", "tapered_share")),
    ]
    for order in (1, 2, 3, 4, 6):
        band = meters.Band(2.0, 20.0, order)
        found += [meters.WantedChange(50, "both", BANK_LIMIT, band, 30), meters.WantedSpan(band, 30)]
    for order in (1, 2, 4):
        band = meters.Band(2.0, 20.0, order, zero_phase=True)
        found += [meters.WantedChange(50, "both", BANK_LIMIT, band, 30), meters.WantedSpan(band, 30)]
    return found


def banked(power: np.ndarray, places: list[int], engine: str = "native", **changes: Any) -> dict[str, Any]:
    bank = meters.MeterBank(changes.pop("wanted", wanted()), 0.01, engine=engine, **changes)
    for part in np.split(power, places):
        bank.feed(part)
    return bank.close()


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long records that are short enough for a test: look-ahead, segments and all."""
    monkeypatch.setattr(_nodes, "CHUNK", 64)
    monkeypatch.setattr(content, "CHUNK", 64)
    monkeypatch.setattr("wattkeel.meters.bank.CHUNK", 64)
    monkeypatch.setattr(content, "KEPT", 2048)
    monkeypatch.setattr(content, "SEGMENT", 1024)


@pytest.mark.usefixtures("short_memory")
@pytest.mark.parametrize("size", [1, 40, 700, 2048, 2049, 6000])
def test_how_a_record_is_cut_changes_no_bit(size: int) -> None:
    rng = np.random.default_rng(size)
    power = 5e7 + 1e5 * np.cumsum(rng.normal(size=size))
    whole = banked(power, [])
    assert whole
    for _ in range(4):
        places = sorted(rng.integers(0, size + 1, rng.integers(1, 30)).tolist())
        assert banked(power, places) == whole
    assert banked(power, [7], "numba") == whole
    for one in wanted():  # nor does what else is metered
        alone = banked(power, [], wanted=[one])
        assert alone == {key: value for key, value in whole.items() if key == one.key()}
    assert all(math.isfinite(v) for row in whole.values() for v in row.values() if isinstance(v, float))


@pytest.mark.usefixtures("short_memory")
@pytest.mark.parametrize("size", [2049, 4999, 5000])
def test_a_percentile_needs_two_windows_of_a_long_record(size: int) -> None:
    one = meters.WantedPercentile(2500, 75.0)  # two windows are longer than what is read as a whole
    found = banked(np.arange(float(size)), [], wanted=[one])
    assert list(found) == ([one.key()] if size >= 5000 else [])


def test_a_bank_that_is_closed_takes_no_more() -> None:
    bank = meters.MeterBank(wanted(), 0.01)
    bank.feed(np.arange(500.0) % 7.0)
    found = bank.close()
    assert bank.close() == found
    with pytest.raises(ValueError, match="closed"):
        bank.feed(np.ones(5))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        meters.MeterBank(wanted(), 0.01).feed(np.array([1.0, bad, 3.0]))
    with pytest.raises(ValueError, match="not finite"):
        meters.RollingRange(1.0, 0.01).feed([1.0, bad])
    with pytest.raises(ValueError, match="not a number"):
        meters.Excursions([meters.Timer(0.0, 0.9)], (0.9, math.inf), 0.01).feed([1.0, math.nan])
    with pytest.raises(ValueError, match="settle_s"):
        meters.RollingRange(1.0, 0.01, settle_s=-1.0)


@pytest.mark.usefixtures("short_memory")
@pytest.mark.parametrize("size", [2, 5, 90, 800, 3000, 6000])
@pytest.mark.parametrize("zero_phase", [False, True])
def test_filters_are_those_of_the_whole_record(size: int, zero_phase: bool) -> None:
    rng = np.random.default_rng(size)
    power = 5e7 + 1e6 * rng.normal(size=size) + np.where(np.arange(size) < size // 3, 0.0, 3e7)
    for order in (1, 2, 4):
        plain = measures.band_pass(power, 0.01, 2.0, 20.0, order=order, zero_phase=zero_phase)
        change = measures.rolling_change(plain, 0.01, min(0.5, 0.01 * (size - 1)))
        band = meters.Band(2.0, 20.0, order, zero_phase)
        one, span = meters.WantedChange(min(50, size - 1), band=band), meters.WantedSpan(band)
        found = banked(power, [size // 2], wanted=[one, span])
        scale = 1e-9 * np.ptp(plain) + 1e-6
        assert found[one.key()]["value"] == pytest.approx(change.max(), rel=0.0, abs=scale)
        assert change[found[one.key()]["at"]] == pytest.approx(change.max(), rel=0.0, abs=scale)
        assert found[span.key()]["high"] == pytest.approx(plain.max(), rel=0.0, abs=scale)
        assert found[span.key()]["low"] == pytest.approx(plain.min(), rel=0.0, abs=scale)


@given(data=st.data(), phases=st.integers(1, 3), below=st.booleans(), nested=st.booleans())
@settings(max_examples=100, deadline=None)
def test_timers_are_those_counted_by_hand(data: Any, phases: int, below: bool, nested: bool) -> None:
    levels = [1.0, 0.95, 0.9, 0.85, 0.8, 0.5, 0.3, 0.1, 1.1, 1.15, 1.2, 1.3]
    voltage = data.draw(
        arrays(np.float64, (phases, data.draw(st.integers(1, 40))), elements=st.sampled_from(levels))
    )
    bands = [(0.8, 0.9), (0.5, 0.8), (0.0, 0.5)] if below else [(1.1, 1.2), (1.2, math.inf)]
    inside = (0.9, math.inf) if below else (-math.inf, 1.1)
    timers = meters.nested_timers(bands, below=below) if nested else meters.timers_per_band(bands)
    longest, listed = [0] * len(bands), 0
    for row in voltage:
        count, out = [0] * len(bands), False
        for v in row:
            if inside[0] <= v < inside[1]:
                count, out = [0] * len(bands), False
                continue
            listed += not out
            out = True
            for j, (low, high) in enumerate(bands):
                runs = (v < high if below else v >= low) if nested else low <= v < high
                count[j] += runs
                longest[j] = max(longest[j], count[j])
    for engine in ("native", "numba"):
        meter = meters.Excursions(timers, inside, 0.5, series=phases, engine=engine)
        for part in np.split(voltage, cuts(data, voltage.shape[1]), axis=1):
            meter.feed(part)
        assert meter.longest_s() == [0.5 * ticks for ticks in longest]
        assert meter.excursions == listed == len(meter.listed())
        for j, most in enumerate(longest):
            assert (meter.reached_s()[j] is None) == (most == 0)
            assert max((e.timers_s[j] for e in meter.listed()), default=0.0) == 0.5 * most
        for e in meter.listed():
            part = voltage[e.series, round(e.start_s / 0.5) : round(e.stop_s / 0.5)]
            assert (e.lowest, e.highest) == (part.min(), part.max())
            assert not ((part >= inside[0]) & (part < inside[1])).any()
