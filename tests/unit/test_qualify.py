"""Self-qualification: a system that passes, one made to fail each criterion, and what is never a pass."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import numpy as np
import pytest
from qualification import FOLLOWING, outcome, settings, site, subject, unit, verdicts

import wattkeel as wk
from wattkeel._generated import models
from wattkeel.qualify import guideline, qualify
from wattkeel.qualify.bench import Bench, Order, Segment, merged, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import Criteria, Reading, TestOutcome, verdict_of
from wattkeel.qualify.suite import EMT_REASONS, RUNNERS
from wattkeel.qualify.swings import band_swing, settled_after_s, swing
from wattkeel.scenario import Scenario

# A day of this is a second of work: one rack, a following unit, long ticks that its slow edges allow.
DAY: dict[str, Any] = {
    "storage": {"bess": {"forming": None}},
    "rack": {"hall": {"count": 1, "gpus_per_rack": 72 * 800, "feeds_from": "site", "preset": None}},
    "workload": {"training": {"period": "20 s", "edge": "1 s", "straggler": "0 s"}},
    "gpu": {"gb200": {"ramp_up_w_per_s": 1e9, "ramp_down_w_per_s": 1e9}},
    "distribution": None,
    "control": {"average": "40 s", "measurement_delay": "0 s", "period": "100 ms"},
    "simulation": {"tick": "100 ms"},
    "qualify": {"cycling": {"tick_s": 0.1, "check_s": 0.0}},
}


# -- a system that passes ------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 4, 6, 7, 9, 10])
def test_the_example_passes(number: int) -> None:
    found = outcome(number)
    assert found.verdict == "pass", [(row.item, row.finding.note) for row in found.criteria]
    assert found.logs
    assert found.series
    assert any(row.counts for row in found.criteria)


def test_every_verdict_carries_version_and_evidence() -> None:
    """v1.0 for Test 1 and the start of Test 2, v0.4 by third-party code for all others."""
    source = guideline()
    assert sorted(source.tests) == list(range(1, 13))
    for number, test in source.tests.items():
        seen = number in (1, 2)
        assert test.version == ("1.0" if seen else "0.4")
        assert test.evidence == ("primary_excerpt" if seen else "third_party_code")
        assert ("read in the document" in test.standing) is seen
        assert "unconfirmed" in test.method_note
    found = outcome(10)
    evidence = {row.item: row.finding.evidence for row in found.criteria}
    assert evidence["step_25pct"] == "third_party_code"
    assert evidence["frequency_deviation"] == "user"  # the limit is one of the example
    assert outcome(10, {"qualify": {"black_start": None}}).criteria[-1].finding.evidence == "none"
    assert {row.finding.date for row in found.criteria} == {"2026-05-28"}


def test_what_needs_emt_is_never_a_pass() -> None:
    assert set(EMT_REASONS) | set(RUNNERS) == set(range(1, 13))
    assert not set(EMT_REASONS) & set(RUNNERS)
    found = qualify(site(), tests=EMT_REASONS)
    assert found.verdict == "emt_required"
    for one in found.outcomes:
        assert one.verdict == "emt_required"
        assert [row.finding.verdict for row in one.criteria] == ["emt_required"]
        assert one.test.evaluation == "emt_required"
        assert one.criteria[0].finding.note == EMT_REASONS[one.test.number]


# -- systems made to fail ------------------------------------------------------------------------------

# k K/(2 H) = 0.25 * 400/8 = 12.5 is above 1/T + 1/T_c = 10: unstable by the formula of docs/stages.md.
LOOP = unit(
    converter={"time_constant": "0.2 s"},
    support={"frequency_gain": 400.0, "frequency_time_constant": "0.2 s"},
)

FAILS = [
    (1, "p_error", settings("telemetry", gain_error=0.006)),
    (1, "p_error", settings("telemetry", gain_error=0.0, gain_drift_per_h=0.5)),
    (1, "q_error", settings("telemetry", gain_error=-0.006)),
    (1, "alignment", settings("telemetry", clock_offset="-6.2 ms")),
    (1, "alignment", settings("telemetry", clock_offset="0 s", clock_drift=2e-4)),
    (1, "event_resolution", settings("telemetry", event_resolution_s=0.01)),
    (1, "channels", settings("telemetry", frozen=["SOC"])),
    (1, "channels", settings("telemetry", missing=["f"])),
    (1, "retention", settings("telemetry", storage_bytes=1e8)),
    (1, "points", unit(energy="20 MWh")),  # its cells bear 1C
    (2, "dead_bus", FOLLOWING),
    (2, "energise_time", settings("island", energise_limit="0.5 s")),
    (2, "frequency_deviation", unit(forming={"droop": 0.12, "power_filter": "50 ms"})),
    (2, "voltage_deviation", unit(forming={"virtual_reactance": 0.8})),
    (2, "settling_time", {"grid": {"island": {"restore": "30 s"}}}),
    (2, "served", settings("island", load_pu=[0.5, 1.4, 0.5])),
    (4, "tracking_error", merged(FOLLOWING, unit(converter={"time_constant": "0.5 s"}))),
    (4, "grid_ramp", unit(rated_power="5 MW", apparent_power="6 MVA")),
    (
        4,
        "oscillation",
        merged(
            merged(FOLLOWING, LOOP),
            {"grid": {"system_power": "200 MW"}},
        ),
    ),
    (6, "fast_response", settings("dispatch", command_delay_s=2.5)),
    (6, "fast_response", merged(FOLLOWING, unit(converter={"ramp": "5 MW/s"}))),
    (6, "slow_response", settings("dispatch", slow_ramp_s=90.0)),
    (6, "slow_response", unit(energy="20 MWh")),
    (6, "soc_reserve", settings("dispatch", soc_reserve=0.49)),
    (7, "stays_connected", settings("ride_through", trip=[{"below_pu": 0.6, "delay": "100 ms"}])),
    (7, "stays_connected", settings("ride_through", trip=[{"above_pu": 1.15, "delay": "160 ms"}])),
    (7, "recovery", settings("ride_through", recovery_limit="100 ms")),
    (9, "oscillation", unit(forming={"droop": 0.01, "power_filter": "2 s"})),
    (10, "dead_bus", FOLLOWING),
    (10, "step_50pct", settings("black_start", soc=0.0525)),  # 0.25 MWh above the window's end
    (10, "step_25pct", unit(energy="8 MWh")),  # 8 MW at 1C, 12.5 MW are asked
]


@pytest.mark.parametrize(("number", "item", "change"), FAILS, ids=lambda value: str(value)[:60])
def test_a_system_made_to_fail_fails(number: int, item: str, change: dict[str, Any]) -> None:
    found = outcome(number, change)
    assert verdicts(found)[item] == "fail", {row.item: row.finding.note for row in found.criteria}
    assert found.verdict == "fail"


@pytest.mark.parametrize("number", [2, 4, 6, 7, 9])
@pytest.mark.parametrize("slow", [{"time_constant": "500 ms"}, {"ramp": "1 MW/s"}], ids=["lag", "ramp"])
def test_a_slow_converter_is_not_hidden_by_grid_forming_control(number: int, slow: dict[str, str]) -> None:
    """Lag and ramp do not act on a unit that forms: what a quick one passes is open for a slow one."""
    found = outcome(number, unit(**slow))
    assert found.verdict == "not_evaluated"
    assert verdicts(found)["converter_answer"] == "not_evaluated"
    assert "converter_answer" not in verdicts(outcome(number))


def test_a_slow_converter_that_follows_is_in_the_model() -> None:
    found = outcome(4, FOLLOWING, unit(time_constant="500 ms"))
    assert verdicts(found)["tracking_error"] == "fail"
    assert "converter_answer" not in verdicts(found)


def test_an_empty_system_does_not_follow_a_generator() -> None:
    """It swings least of all; ordered to deliver, it gives nothing."""
    found = outcome(9, unit(energy="0.2 MWh"))
    assert verdicts(found)["takes_part"] == "fail"
    assert found.verdict == "fail"
    whole = next(row.finding for row in outcome(9, FOLLOWING).criteria if row.item == "takes_part")
    assert whole.value == pytest.approx(1.0, abs=0.01)


def test_a_rating_far_beyond_the_load_is_refused() -> None:
    """The ramp is judged in per cent of it: any system would pass."""
    with pytest.raises(wk.ScenarioError, match=r"qualify.it_load = '10000 MW'.*model the racks"):
        outcome(4, {"qualify": {"it_load": "10 GW"}})


def test_a_late_measurement_fails_the_ai_buffering() -> None:
    """The load's edges pass to the grid until the system hears of them; a following unit has nothing else."""
    quick = outcome(4, FOLLOWING, {"control": {"measurement_delay": "2 ms"}})
    late = outcome(4, FOLLOWING, {"control": {"measurement_delay": "1 s"}})

    def ramp(found: TestOutcome) -> float:
        return max(reading["value"] for reading in found.criteria[0].finding.readings)

    assert verdicts(late)["grid_ramp"] in ("fail", "marginal")
    assert ramp(late) > 20.0 > ramp(quick)


def test_energy_decides_how_far_a_black_start_gets() -> None:
    """25 MW for 60 s need 0.42 MWh; 0.25 MWh carry them part of the way."""
    found = verdicts(outcome(10, settings("black_start", soc=0.0525)))
    assert (found["step_10pct"], found["step_25pct"], found["step_50pct"]) == ("pass", "pass", "fail")
    row = next(
        row for row in outcome(10, settings("black_start", soc=0.0525)).criteria if row.item == "step_50pct"
    )
    assert row.finding.value is not None
    assert 0.05 < row.finding.value < 0.9


# -- the day -------------------------------------------------------------------------------------------


def test_a_day_without_recovery_drifts_and_with_it_does_not() -> None:
    kept = outcome(11, DAY)
    lost = outcome(11, DAY, {"control": {"soc_gain": "0 W"}})
    assert kept.verdict == "pass", kept.criteria[0].finding.note
    assert lost.verdict == "fail", lost.criteria[0].finding.note
    assert lost.criteria[0].finding.value is not None
    assert kept.criteria[0].finding.value is not None
    assert lost.criteria[0].finding.value > 2.0 * kept.criteria[0].finding.value
    soc = lost.logs["cycling"].envelopes["storage.bess.soc"]
    assert soc.shape[1] == 1440
    assert float(soc[2].max() - soc[0].min()) > 0.5  # the deep cycles were done


def test_less_than_a_day_is_not_evaluated() -> None:
    found = outcome(11, DAY, settings("cycling", duration_s=3600.0))
    assert found.verdict == "not_evaluated"
    assert "too short" in found.criteria[0].finding.note


def test_the_answer_of_the_day_does_not_depend_on_the_tick() -> None:
    """Four hours with a deep cycle at 100 and at 10 ms.

    All that differs is of first order in the tick: the control's and the operator's samples. A tick of 0.1 s
    late at 25 MW is 0.7 kWh of 90 MWh, 8e-6; the bound leaves room for a few of them and for losses.
    """
    ends = []
    for tick_s in (0.1, 0.01):
        change = settings("cycling", duration_s=14400.0, tick_s=tick_s, deep_cycles=1)
        log = outcome(11, DAY, change, {"control": {"period": "100 ms"}}).logs["cycling"]
        assert log.tick_s == tick_s
        ends.append(log.envelopes["storage.bess.soc"][1])
    assert np.abs(ends[0] - ends[1]).max() < 1e-4


def test_a_tick_that_the_site_does_not_bear_is_shortened_and_told() -> None:
    found = outcome(11, settings("cycling", duration_s=60.0, check_s=0.0, tick_s=0.01))
    assert found.logs["cycling"].tick_s == pytest.approx(0.005)
    assert any("does not fit this site" in note for note in found.notes)
    assert any("control.period 0.005 s for 0.001 s" in note for note in found.notes)


def test_what_a_shorter_tick_gives_is_told() -> None:
    found = outcome(11, DAY, settings("cycling", duration_s=600.0, check_s=60.0))
    assert any("does not matter here" in note for note in found.notes)


# -- verdicts ------------------------------------------------------------------------------------------


def criteria(number: int = 4) -> Criteria:
    source = guideline()
    return Criteria(source, source.tests[number])


def judged(*values: float, limit: float = 2.0, **options: Any) -> str:
    rows = criteria()
    readings = [Reading(str(index), value) for index, value in enumerate(values)]
    rows.judge("item", "what", readings, limit, "%", method="so", **options)
    return rows.rows[0].finding.verdict


def test_readings_decide_the_verdict() -> None:
    assert judged(1.0, 1.9) == "pass"
    assert judged(2.0 * (1.0 + 1e-12)) == "pass"  # compared with a tolerance
    assert judged(2.1, 3.0) == "fail"
    assert judged(1.0, 3.0) == "marginal"
    assert judged(math.nan) == "fail"
    assert judged(math.inf) == "fail"
    assert judged(1.999, resolution=0.01) == "marginal"
    assert judged(3.0, at_least=True) == "pass"
    assert judged(1.0, at_least=True) == "fail"
    assert judged(1.0, limit=0.0, missing="qualify.x") == "not_evaluated"


def test_an_unknown_limit_names_what_would_set_it() -> None:
    rows = criteria(2)
    rows.judge("item", "what", [Reading("a", 1.0)], 0.0, "Hz", method="so", missing="qualify.island.x")
    assert rows.rows[0].finding.note.startswith("criterion not known; set qualify.island.x to judge it")
    assert rows.rows[0].finding.value == 1.0
    assert rows.rows[0].answer == "not evaluated"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "not_evaluated"),
        (["pass"], "pass"),
        (["pass", "not_evaluated"], "not_evaluated"),
        (["pass", "not_evaluated", "fail"], "fail"),
        (["pass", "marginal", "not_evaluated"], "marginal"),
    ],
)
def test_a_test_never_passes_while_a_criterion_is_open(found: list[str], expected: str) -> None:
    rows = criteria()
    for index, verdict in enumerate(found):
        value = {"pass": (1.0,), "fail": (3.0,), "marginal": (1.0, 3.0)}.get(verdict)
        if value is None:
            rows.open(str(index), "what", "open", counts=True)
        else:
            readings = [Reading("", one) for one in value]
            rows.judge(str(index), "what", readings, 2.0, "%", method="so")
    assert verdict_of(rows.rows) == expected


def test_unknown_limits_leave_a_screening_open() -> None:
    bare = {"qualify": {"island": None, "ride_through": None, "generator": None, "dispatch": None}}
    for number in (2, 6, 7, 9):
        found = outcome(number, bare)
        assert found.verdict == "not_evaluated", number
        assert all(row.finding.verdict in ("pass", "not_evaluated") for row in found.criteria)
        assert any("set " in row.finding.note for row in found.criteria)


def test_a_pinned_statistic_is_the_only_reading() -> None:
    slow = merged(FOLLOWING, unit(converter={"time_constant": "30 ms"}))
    every = outcome(4, slow)
    pinned = outcome(4, slow, settings("buffering", statistic="rms"))
    assert verdicts(every)["tracking_error"] == "marginal"
    assert verdicts(pinned)["tracking_error"] == "pass"
    assert "maximum" in next(row.finding.note for row in pinned.criteria if row.item == "tracking_error")


def test_a_trip_that_runs_out_in_the_last_tick_is_marginal() -> None:
    point = [{"voltage_pu": 0.5, "duration": "500 ms"}]
    change = settings("ride_through", point=point, trip=[{"below_pu": 0.6, "delay": "500 ms"}])
    assert verdicts(outcome(7, change))["stays_connected"] == "marginal"


def test_points_of_ride_through_come_from_a_profile() -> None:
    change = settings("ride_through", point=[], profile="ercot_nogrr282")
    found = outcome(7, change)
    assert "0.5 pu 0.5 s" in found.notes[0]
    assert "0 pu 0.15 s" in found.notes[0]


# -- measures ------------------------------------------------------------------------------------------


def test_swing_is_that_behind_a_trend() -> None:
    time = np.linspace(0.0, 2.0, 2001)
    assert swing(3.0 + 5.0 * time) < 1e-9
    # Over whole periods a sine keeps a part of its own trend: 6/(pi k) of its amplitude for k periods.
    wave = np.sin(2.0 * math.pi * 20.0 * time)
    assert swing(3.0 + 5.0 * time + wave) == pytest.approx(2.0, rel=0.05)


def test_band_swing_is_the_peak_to_peak_of_a_sine_in_the_band() -> None:
    time = np.arange(4000) * 1e-3
    values = 10.0 * time + 0.7 * np.sin(2.0 * math.pi * 7.3 * time) + np.sin(2.0 * math.pi * 60.0 * time)
    assert band_swing(values, 1e-3, 1.0, 30.0) == pytest.approx(1.4, rel=0.02)
    assert math.isnan(band_swing(values[:1000], 1e-3, 1.0, 30.0))  # two periods of 1 Hz are not there


def test_settled_is_for_good() -> None:
    values = np.array([5.0, 0.0, 3.0, 0.1, -0.1, 0.0])
    assert settled_after_s(values, 0.5, -1.0, 1.0) == 1.5
    assert settled_after_s(values[:3], 0.5, -1.0, 1.0) == math.inf
    assert settled_after_s(values[3:], 0.5, -1.0, 1.0) == 0.0


@pytest.mark.parametrize("offset_s", [-0.12, -0.0031, 0.0, 0.0047, 0.2])
def test_the_lag_of_a_clock_is_found_to_a_tenth_of_a_millisecond(offset_s: float) -> None:
    """Sampled at 0.1 s and with a wrong gain: the fit still sees far below a sample."""
    found = outcome(1, settings("telemetry", clock_offset=f"{offset_s} s", gain_error=0.003))
    row = next(row for row in found.criteria if row.item == "alignment")
    assert row.finding.value == pytest.approx(abs(offset_s), abs=1.1e-3)  # the event log has 1 ms
    told = row.finding.note.split("; ")
    for half in told[:2]:
        assert float(half.split(": ")[-1].split()[0]) == pytest.approx(1e3 * abs(offset_s), abs=0.15)


# -- the bench -----------------------------------------------------------------------------------------


def test_bench_loads_are_exact() -> None:
    bench = Bench(subject(site()), "loads", 3.0, record=["site.load_power_w"])
    log = run(bench.scenario([Segment(0.0, math.inf, 7e6), Segment(1.0, 2.0, 3e6)]))
    load = log["site.load_power_w"]
    # One part in 2^50 of the largest power is the quantum of lane powers.
    assert np.abs(load[:1000] - 7e6).max() < 1e-6
    assert np.abs(load[1000:2000] - 10e6).max() < 1e-6
    assert np.abs(load[2000:] - 7e6).max() < 1e-6


def test_bench_orders_act_in_the_tick_that_follows() -> None:
    following = site(FOLLOWING, unit(converter={"time_constant": "0 s"}))
    own = subject(following)
    bench = Bench(own, "orders", 2.0, record=[own.signal("power_w")])
    log = run(bench.scenario([Segment(0.0, math.inf, 1e6)]), [Order(0.5, own.command, 4e6)])
    power = log[own.signal("power_w")]
    assert np.flatnonzero(power > 3.9e6)[0] == 500
    assert np.all(power[:500] < 1.0)


def test_bench_scenarios_are_ordinary_ones() -> None:
    for log in outcome(6).logs.values():
        again = Scenario.from_dict(tomllib.loads(log.scenario.to_toml()))
        assert again.model == log.scenario.model


def test_it_load_is_that_of_the_racks_unless_given() -> None:
    scenario = site({"qualify": {"it_load": None}})
    context = Context(subject(scenario), scenario.model.qualify or models.Qualify(), guideline())
    assert context.it_load_w == pytest.approx(90.3e6, rel=0.01)
    assert context.it_load_w < context.peak_w


# -- bad input -----------------------------------------------------------------------------------------


def test_all_faults_of_the_section_at_once() -> None:
    bad = {
        "qualify": {
            "telemetry": {"missing": ["watts"], "sampling": "5 s"},
            "island": {"load_pu": [0.5, -1.0]},
            "ride_through": {"trip": [{"delay": "1 s"}], "point": [{"voltage_pu": 9.0, "duration": "1 s"}]},
            "map": {"scr": [], "x_over_r": [0.0, 3.0]},
            "blackstart": {},
        }
    }
    with pytest.raises(wk.ScenarioError) as caught:
        site(bad)
    places = {fault.place for fault in caught.value.faults}
    assert places >= {
        "qualify.telemetry.missing[0]",
        "qualify.telemetry.sampling",
        "qualify.island.load_pu[1]",
        "qualify.ride_through.trip[0]",
        "qualify.ride_through.point[0].voltage_pu",
        "qualify.map.scr",
        "qualify.map.x_over_r[0]",
        "qualify.blackstart",
    }
    assert 'did you mean "black_start"?' in str(caught.value)


def test_what_only_the_suite_knows_is_told_at_once() -> None:
    two = site(
        {"storage": {"other": {"preset": "enerc-container", "energy": "10 MWh", "rated_power": "5 MW"}}}
    )
    with pytest.raises(wk.ScenarioError) as caught:
        qualify(two, tests=[1, 13], map_points=1000)
    assert [fault.place for fault in caught.value.faults] == ["tests", "map", "storage"]
    with pytest.raises(wk.ScenarioError, match=r"qualify.ride_through.profile = 'nope'"):
        qualify(site(settings("ride_through", profile="nope")), tests=[7])
    with pytest.raises(wk.ScenarioError, match="has several sets of bands"):
        qualify(site(settings("ride_through", profile="ieee1547_2018")), tests=[7])
    with pytest.raises(TypeError, match="qualify takes a Scenario"):
        qualify({})  # type: ignore[arg-type]


def test_a_scenario_without_the_section_is_not_changed_by_it() -> None:
    plain = site({"qualify": None})
    assert plain.model.qualify is None
    assert "qualify" not in plain.to_toml()
    assert wk.Engine(plain)._site == wk.Engine(site())._site
