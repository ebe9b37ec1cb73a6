"""Recorder: coarser envelopes, full rate, windows, in any chunking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fake_engine import EVENT, FakeEngine, fake_scenario

from wattkeel.errors import ScenarioError
from wattkeel.record import FULL_RATE, WINDOWS, RamStore, Recorder, RecordPlan, envelope_periods_tick, expand


def record(scenario, chunk=700, events=()):
    engine = FakeEngine(scenario, events)
    plan = RecordPlan.from_engine(scenario.model.record, engine)
    recorder = Recorder(plan, RamStore(plan), list(scenario.model.workload))
    while engine.tick < engine.ticks:
        recorder.take(engine.advance(min(chunk, engine.ticks - engine.tick)))
    recorder.finish(engine.finish())
    return recorder, FakeEngine(scenario).rows(0, engine.ticks)


def scenario_of(duration_s=3.456, **keys):
    return fake_scenario(simulation={"duration_s": duration_s}, record=keys)


@pytest.mark.parametrize("chunk", [1, 7, 333, 700])
def test_every_envelope_is_that_of_the_rows(chunk):
    recorder, rows = record(scenario_of(envelope_s=(0.01, 0.05, 1.0)), chunk)
    assert recorder.plan.envelope_ticks == [10, 50, 1000]
    for period in recorder.plan.envelope_ticks:
        got = recorder.store.array(recorder.plan.envelope_name(period))
        buckets = [rows[first : first + period] for first in range(0, len(rows), period)]
        assert len(got) == len(buckets)
        np.testing.assert_array_equal(got[:, 0], [bucket.min(axis=0) for bucket in buckets])
        np.testing.assert_array_equal(got[:, 2], [bucket.max(axis=0) for bucket in buckets])
        np.testing.assert_allclose(got[:, 1], [bucket.mean(axis=0) for bucket in buckets], rtol=1e-13)


@pytest.mark.parametrize("chunk", [1, 700])
def test_full_rate_and_extremes_are_exact(chunk):
    recorder, rows = record(scenario_of(full_rate=("poi.*", "storage.bess.soc")), chunk)
    names = recorder.plan.signal_names
    assert recorder.plan.full_rate == [
        *(name for name in names if name.startswith("poi.")),
        "storage.bess.soc",
    ]
    columns = [names.index(name) for name in recorder.plan.full_rate]
    np.testing.assert_array_equal(recorder.store.array(FULL_RATE), rows[:, columns])
    low, high = zip(*recorder.extremes().values(), strict=True)
    np.testing.assert_array_equal(low, rows.min(axis=0))
    np.testing.assert_array_equal(high, rows.max(axis=0))


@pytest.mark.parametrize("kept", [("storage.bess.power_w",), ("poi.power_w",)])
def test_turned_energy_counts_both_ways(kept):
    recorder, _ = record(scenario_of(duration_s=4.0, full_rate=kept, event_signals=(), envelope_s=(0.01,)))
    assert recorder.turned_j()["storage.bess.power_w"] == pytest.approx(4.0 * 30e6)


@pytest.mark.parametrize("chunk", [1, 50, 700])
def test_windows_are_cut_merged_and_clipped(chunk):
    events = (
        (30, 1, 0, 1),
        (1000, 2, 0, 1),
        (1500, 2, 0, 1),
        (1500, 2, 0, 0),
        (3000, 4, 0, 1),
        (3400, 4, 0, 0),
    )
    recorder, rows = record(scenario_of(event_signals=("poi.frequency_hz",)), chunk, events)
    # 0.2 s before and 0.8 s after: all but the grid event touch; it and its end share a window.
    assert recorder.windows == [(0, 2301), (2800, 3456)]
    column = recorder.plan.signal_names.index("poi.frequency_hz")
    wanted = [rows[start:stop, [column]] for start, stop in recorder.windows]
    np.testing.assert_array_equal(recorder.store.array(WINDOWS), np.concatenate(wanted))
    assert recorder.windows_dropped == 0


def test_number_and_length_of_windows_are_bounded():
    often = tuple((tick, 2, 0, 1) for tick in range(100, 3400, 100))
    recorder, _ = record(scenario_of(event_windows=1, event_before_s=0.05, event_after_s=0.1), events=often)
    ((start, stop),) = recorder.windows
    assert stop - start <= 151
    assert recorder.windows_dropped == len(often) - 1
    assert len(recorder.store.array(WINDOWS)) == stop - start


def test_no_windows_when_none_are_asked_for():
    recorder, _ = record(scenario_of(event_windows=0), events=((100, 1, 0, 1),))
    assert recorder.windows == []
    assert recorder.log.counts == {"node_overload": 1}


def test_events_are_named_and_joined():
    events = (
        (100, 2, 0, 1, 3e6, 5e6),
        (350, 2, 0, 0),
        (400, 5, 0, 1),
        (500, 4, 1, 1),
        (600, 3, 0, 1, 1.2, 1.0),
    )
    recorder, _ = record(scenario_of(), events=events)
    limited, start, grid, collapse = recorder.log.events
    assert (limited.kind, limited.place, limited.unit) == ("storage_limited", "storage.bess", "W")
    assert (limited.time_s, limited.value, limited.limit) == (0.1, 3e6, 5e6)
    assert limited.duration_s == pytest.approx(0.25)
    assert (start.kind, start.place, start.duration_s) == ("job_start", "workload.job", None)
    assert math.isnan(start.value)
    assert (grid.place, grid.duration_s) == ("grid.event[1]", None)
    assert (collapse.place, collapse.value) == ("poi", 1.2)


def test_unclosed_older_event_is_not_closed_by_a_later_end():
    recorder, _ = record(scenario_of(), events=())
    log = type(recorder.log)(1e-3, {}, keep=1)
    rows = [(0, 1, 0, 1), (5, 1, 0, 0), (9, 1, 0, 1), (20, 1, 0, 0)]
    log.take(np.array([(*row, 0.0, 0.0) for row in rows], dtype=EVENT).view(np.recarray))
    assert log.counts == {"node_overload": 2}
    assert log.dropped == 1
    assert log.events[0].duration_s == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("duration_s", "tick_s", "wanted_s"),
    [
        (60.0, 1e-3, [0.01, 1.0]),
        (600.0, 1e-3, [0.1, 1.0]),
        (86400.0, 1e-3, [1.0, 20.0]),
        (3600.0, 1.0, [1.0]),
    ],
)
def test_envelopes_of_choice(duration_s, tick_s, wanted_s):
    ticks = envelope_periods_tick((), tick_s, round(duration_s / tick_s))
    assert [period * tick_s for period in ticks] == pytest.approx(wanted_s)
    assert all(period % ticks[0] == 0 for period in ticks)


def test_a_record_that_memory_cannot_hold_is_refused(monkeypatch):
    monkeypatch.setattr("wattkeel.record._memory_byte", lambda: 1e6)
    scenario = scenario_of(duration_s=3600.0)
    with pytest.raises(ScenarioError, match="output directory"):
        RamStore(RecordPlan.from_engine(scenario.model.record, FakeEngine(scenario)))


def test_wildcards_keep_the_order_of_the_signals():
    assert expand(["b.*", "a.x", "a.?"], ["a.x", "a.y", "b.z", "c"]) == ["a.x", "a.y", "b.z"]
