"""Laws of excursions, timers and obligations, whatever the voltage, the table and the trip."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from ride_records import TICK_S, bands, event, findings, profile, run, stretches

from wattkeel.compliance import demand
from wattkeel.compliance.band_judge import merged
from wattkeel.compliance.bands import Table, band_from, excursions, table_of
from wattkeel.compliance.profile import Row
from wattkeel.compliance.record import Reading

EDGES = (0.0, 0.2, 0.5, 0.8, 0.9)
LEVELS = st.sampled_from([0.05, 0.2, 0.3, 0.45, 0.5, 0.65, 0.79, 0.85, 0.9, 1.0])
COURSE = st.lists(st.tuples(LEVELS, st.integers(1, 200)), min_size=1, max_size=8)
TIMES = st.lists(st.integers(20, 400), min_size=4, max_size=4)
RANK = {"pass": 0, "not_evaluated": 0, "marginal": 1, "fail": 2}


def course(parts: list[tuple[float, int]]) -> np.ndarray:
    """Nominal, a course in milliseconds, nominal again."""
    return stretches((1.0, 0.5), *((level, ms * TICK_S) for level, ms in parts), (1.0, 1.0))


def rows(times_ms: list[int]) -> list[dict[str, Any]]:
    timed = [(EDGES[i], EDGES[i + 1], time * TICK_S) for i, time in enumerate(times_ms)]
    return bands((0.9, 1.1, None), *timed)


def table(keys: list[dict[str, Any]]) -> Table:
    return table_of(
        [
            band_from(Row("voltage_ride_through", i, key), "v_min_pu", "v_max_pu")
            for i, key in enumerate(keys)
        ],
        1.0,
    )


def verdicts(voltage: np.ndarray, keys: list[dict[str, Any]], trip: int | None, timer: str) -> dict[str, str]:
    events = [] if trip is None else [event("load_transferred", trip * TICK_S)]
    found = findings(run(voltage, *events), profile({"voltage_ride_through": keys}, timer=timer))
    return {rule: finding.verdict for rule, finding in found.items()}


@given(COURSE, TIMES)
def test_a_nested_timer_runs_at_least_as_long_and_obliges_at_most_as_long(
    parts: list[tuple[float, int]], times_ms: list[int]
) -> None:
    given_table = table(rows(times_ms))
    side = excursions(course(parts), 0, given_table, True, TICK_S)
    timed = given_table.side(True)
    for band in timed if len(set(times_ms)) == 4 else ():  # bands of one time share their timer
        nested = side.timers(side.runs(band, "nested", timed))
        per_band = side.timers(side.runs(band, "per_band", timed))
        whole = side.timers(side.runs(band, "per_excursion", timed))
        assert (per_band <= nested).all()
        assert (nested <= whole).all()
    assert (side.obliged(timed, "nested") <= side.obliged(timed, "per_band")).all()


@given(COURSE, TIMES)
def test_timers_are_those_of_a_loop(parts: list[tuple[float, int]], times_ms: list[int]) -> None:
    """Obligation by a loop over the samples, for timers per band of unlike times."""
    assume(len(set(times_ms)) == 4)
    given_table = table(rows(times_ms))
    voltage = course(parts)
    side = excursions(voltage, 0, given_table, True, TICK_S)
    expected: list[int] = []
    clocks, length, end = dict.fromkeys(range(4), 0), 0, None
    for value in voltage.tolist():
        if value >= 0.9:
            if length:
                expected.append(length + 1 if end is None else end)
            clocks, length, end = dict.fromkeys(range(4), 0), 0, None
            continue
        band = next(i for i in range(4) if EDGES[i] <= value < EDGES[i + 1])
        clocks[band] += 1
        length += 1
        if clocks[band] >= times_ms[band] and end is None:
            end = length
    assert side.obliged(given_table.side(True), "per_band").tolist() == expected
    assert (side.last - side.first).sum() == np.count_nonzero(voltage < 0.9)


@given(
    COURSE,
    TIMES,
    st.integers(0, 1200),
    st.integers(1, 300),
    st.sampled_from(["nested", "per_band", "per_excursion"]),
)
def test_a_longer_excursion_never_mends_a_trip(
    parts: list[tuple[float, int]], times_ms: list[int], after: int, more: int, timer: str
) -> None:
    """The obligation follows from the past: what comes after the trip does not excuse it."""
    assume(all(level < 0.9 for level, _ in parts))
    length = sum(ms for _, ms in parts)
    trip = 500 + after % length
    before = verdicts(course(parts), rows(times_ms), trip, timer)
    longer = verdicts(course([*parts[:-1], (parts[-1][0], parts[-1][1] + more)]), rows(times_ms), trip, timer)
    for rule, verdict in before.items():
        if verdict == "fail":
            assert longer[rule] == "fail", rule


@given(st.integers(0, 3), st.integers(1, 600), TIMES, st.integers(0, 599))
def test_deeper_within_a_band_changes_nothing(band: int, ms: int, times_ms: list[int], after: int) -> None:
    """A table obliges by its bands alone: depth within one neither mends nor breaks."""
    low, high = EDGES[band], EDGES[band + 1]
    trip = 500 + after % ms
    shallow = verdicts(course([(high - 0.01, ms)]), rows(times_ms), trip, "per_band")
    deep = verdicts(course([(low + 0.01, ms)]), rows(times_ms), trip, "per_band")
    assert shallow == deep


@given(
    COURSE,
    TIMES,
    st.integers(0, 3),
    st.floats(0.1, 0.9),
    st.sampled_from(["nested", "per_band", "per_excursion"]),
)
def test_splitting_a_band_changes_no_obligation(
    parts: list[tuple[float, int]], times_ms: list[int], band: int, share: float, timer: str
) -> None:
    whole = rows(times_ms)
    edge = EDGES[band] + share * (EDGES[band + 1] - EDGES[band])
    split = [dict(key) for key in whole]
    lower = dict(split[band + 1])
    split[band + 1]["v_min_pu"] = lower["v_max_pu"] = edge
    split.append(lower)
    voltage = course(parts)
    found = []
    for keys in (whole, split):
        given_table = table(keys)
        side = excursions(voltage, 0, given_table, True, TICK_S)
        found.append(side.obliged(given_table.side(True), timer).tolist())
    assert found[0] == found[1]


@given(COURSE, TIMES, st.integers(0, 2500))
def test_open_timers_are_marginal_exactly_where_their_readings_part(
    parts: list[tuple[float, int]], times_ms: list[int], trip: int
) -> None:
    voltage = course(parts)
    trip = min(trip, voltage.size - 1)
    nested = verdicts(voltage, rows(times_ms), trip, "nested")
    per_band = verdicts(voltage, rows(times_ms), trip, "per_band")
    for rule, verdict in verdicts(voltage, rows(times_ms), trip, "unspecified").items():
        both = {nested[rule], per_band[rule]}
        if len(both) == 1:
            assert {verdict} == both
        elif both == {"pass", "fail"}:
            assert verdict == "marginal"
        assert RANK[verdict] <= max(RANK[nested[rule]], RANK[per_band[rule]])


@given(COURSE, TIMES)
def test_without_a_trip_nothing_fails(parts: list[tuple[float, int]], times_ms: list[int]) -> None:
    assert set(verdicts(course(parts), rows(times_ms), None, "unspecified").values()) <= {
        "pass",
        "not_evaluated",
    }


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.floats(0.0, 3.0)), min_size=1, max_size=8
    )
)
def test_merging_keeps_every_value(given_readings: list[tuple[str, str, float]]) -> None:
    unique = {(a, b): value for a, b, value in given_readings}
    readings = [((a, b), Reading("", value)) for (a, b), value in unique.items()]
    found = merged(readings)
    assert {reading.value for reading in found} == set(unique.values())
    assert len({reading.label for reading in found}) == len(found)


@given(
    st.lists(st.floats(0.0, 1e9), min_size=1, max_size=400),
    st.floats(0.1, 30.0),
    st.integers(1, 20),
    st.integers(1, 5),
    st.floats(0.0, 86_400.0),
)
def test_demand_lies_within_the_power_and_follows_the_clock(
    power: list[float], tick_s: float, ticks: int, parts: int, clock_s: float
) -> None:
    interval_s = ticks * tick_s * parts
    found = demand(power, tick_s, interval_s, interval_s / parts, clock_s)
    slack = 1e-9 * max(power) + 1e-9
    assert (found.power_w >= min(power) - slack).all()
    assert (found.power_w <= max(power) + slack).all()
    steps = (found.start_s + clock_s) / found.step_s
    assert np.abs(steps - np.round(steps)).max(initial=0.0) < 1e-6
    length_s = len(power) * tick_s
    assert found.start_s.size in {
        math.floor(max(length_s - interval_s, -1.0) / found.step_s) + extra for extra in (0, 1, 2)
    } | {0}
