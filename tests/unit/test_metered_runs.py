"""Runs judged by what was metered while they ran, with and without their power at full rate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_engine import fake_scenario
from hypothesis import given, settings
from hypothesis import strategies as st

import wattkeel as wk
from wattkeel import rundir
from wattkeel.compliance import (
    Metered,
    RunMeter,
    evaluate,
    evaluate_series,
    load_profile,
    profile_names,
    readings,
)
from wattkeel.compliance.metering import meter_plan
from wattkeel.compliance.record import CannotJudgeError, Record, Unkept
from wattkeel.compliance.rules import RULES as JUDGES
from wattkeel.meters import MeterBank, content

PROFILES = ["ercot_power_variation_2026", "ieso_trlcl_v3", "southern_company", "spp_hill", "lipa_pseg"]
RULES = [
    {"name": "r", "kind": "ramp", "window": "10 s", "limit": "5 MW/min"},
    {"name": "d", "kind": "dynamic_range", "limit": "0.5 MW", "limit_fraction": 0.2},
    {"name": "b", "kind": "band_power", "band_low": "0.2 Hz", "band_high": "20 Hz", "limit_fraction": 0.1},
]


def site(full_rate: list[str], duration: str = "70 s", rated: str = "2 MW", **compliance: Any) -> wk.Scenario:
    grid = {"rated_power": rated} if rated else {}
    return wk.Scenario.from_dict(
        {
            "simulation": {"duration": duration, "tick": "8 ms"},
            "workload": {"job": {"period": "1.7 s"}},
            "gpu": {"h100": {}},
            "rack": {"train": {"count": 20, "gpu": "h100", "workload": "job"}},
            "grid": grid,
            "record": {"full_rate": full_rate, "event_signals": []},
            "compliance": {"profiles": PROFILES, "rule": RULES, **compliance},
        }
    )


def test_a_small_site_is_told_whether_its_power_was_kept_or_not() -> None:
    own = {"profiles": ["spp_hill"], "rule": []}
    kept, bare = (
        wk.simulate(site(names, rated="", **own), progress=False) for names in (["poi.power_w"], [])
    )
    rows = [row for row in told(kept.findings) if row["details"].get("cautions")]
    assert rows == [row for row in told(bare.findings) if row["details"].get("cautions")]
    assert ["the document applies from 50 MW" in row["note"] for row in rows] == [True]


def told(findings: list[Any]) -> list[dict[str, Any]]:
    """Findings of rules of power, as rows."""
    kinds = {*JUDGES, *(rule["kind"] for rule in RULES)}
    return [finding.to_dict() for finding in findings if finding.block in kinds]


@pytest.mark.parametrize("settle", ["0 s", "3.5 s"])
@pytest.mark.parametrize("rated", ["2 MW", ""])
def test_a_run_is_judged_the_same_with_and_without_its_power(settle: str, rated: str, tmp_path: Path) -> None:
    kept = wk.simulate(site(["poi.power_w"], rated=rated, settle=settle), progress=False)
    bare = wk.simulate(site([], rated=rated, settle=settle), progress=False, out_dir=tmp_path / "run")
    assert list(bare.signals) == []
    verdicts = [row["verdict"] for row in told(kept.findings)]
    assert verdicts.count("not_evaluated") < len(verdicts) / 2
    assert {"pass", "fail"} <= set(verdicts)
    for one, other in zip(told(kept.findings), told(bare.findings), strict=True):
        if not rated and other["note"] != one["note"]:  # the limit follows from the largest power
            assert "was not metered: its limit follows from the largest power" in other["note"]
            assert other["duration_s"] is None
            other["duration_s"], other["note"] = one["duration_s"], one["note"]
        assert other == one
    # a record of the same samples reads the same
    power = kept.signals["poi.power_w"]
    plain = evaluate_series(
        power, 0.008, PROFILES, rated_power_w=2e6 if rated else None, settle_s=float(settle[:-2])
    )
    for one, other in zip(told(plain), told(kept.findings), strict=False):
        assert other == one
    # and so does the run when it is opened again
    again = wk.open_result(tmp_path / "run")
    assert isinstance(again.metered, Metered)
    assert told(evaluate(again)) == told(bare.findings)
    assert (tmp_path / "run" / rundir.METERS).stat().st_size < 50_000


def test_other_rules_than_those_metered_are_not_evaluated() -> None:
    bare = wk.simulate(site([]), progress=False)
    (found,) = evaluate(bare, [], [{"name": "x", "kind": "dynamic_range", "limit_w": 1.0}])
    assert found.verdict == "fail"  # largest and smallest power were metered for another rule
    (found,) = evaluate(bare, [], [{"name": "x", "kind": "power_variation", "limit_w": 1.0, "window_s": 3.0}])
    assert found.verdict == "not_evaluated"
    assert 'add "poi.power_w" to record.full_rate' in found.note
    # another stretch of time is another record
    assert {row["verdict"] for row in told(evaluate(bare, settle_s=5.0))} == {"not_evaluated"}


def _with(**changes: Any) -> Callable[[dict[str, Any]], str]:
    return lambda row: json.dumps({**row, **changes})


def _each(found: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], str]:
    return lambda row: json.dumps({**row, "found": {key: found(one) for key, one in row["found"].items()}})


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: "",
        lambda row: json.dumps(row)[:400],
        lambda row: "[]",
        lambda row: "null",
        _with(found=None),
        _with(samples="many"),
        _with(skip=-1),
        _with(found={"colour {}": {}}),
        _each(lambda one: {}),
        _each(lambda one: dict.fromkeys(one)),
        _each(lambda one: dict.fromkeys(one, "red")),
    ],
)
def test_damaged_meters_are_told(damage: Callable[[dict[str, Any]], str], tmp_path: Path) -> None:
    wk.simulate(site([], "10 s"), progress=False, out_dir=tmp_path)
    file = tmp_path / rundir.METERS
    row = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(wk.open_result(tmp_path).metered, Metered)
    file.write_text(damage(row), encoding="utf-8")
    with pytest.raises(wk.ScenarioError, match="damaged"):
        wk.open_result(tmp_path)


def test_meters_of_another_version_are_not_read(tmp_path: Path) -> None:
    run = wk.simulate(site([], "10 s"), progress=False, out_dir=tmp_path)
    file = tmp_path / rundir.METERS
    row = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(_with(version=row["version"] + 1)(row), encoding="utf-8")
    again = wk.open_result(tmp_path)
    assert again.metered is None
    assert told(again.findings) == told(run.findings)  # what was judged stands
    assert {row["verdict"] for row in told(evaluate(again))} == {"not_evaluated"}


def test_a_run_that_was_stopped_is_judged_on_what_was_metered(monkeypatch: pytest.MonkeyPatch) -> None:
    from wattkeel import simulation

    def stopped(full_rate: list[str]) -> Any:
        taken = simulation._Run.take

        def take(self: Any, chunk: Any) -> None:
            taken(self, chunk)
            if chunk.first_tick + len(chunk.full) > 6000:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(simulation._Run, "take", take)
        monkeypatch.setattr(simulation, "_CHUNK_S", 1e-3)
        monkeypatch.setattr(simulation, "_FIRST_CHUNK_TICKS", 16)
        try:
            with pytest.raises(simulation.Interrupted) as caught:
                wk.simulate(site(full_rate), progress=False)
        finally:
            monkeypatch.undo()
        return caught.value.result

    result = stopped([])
    assert 6000 < result.ticks < 8750
    kept = stopped(["poi.power_w"])
    length = f"judged to {result.ticks * 0.008:g} s"
    assert all(length in row["note"] for row in told(result.findings))
    plain = evaluate_series(kept.signals["poi.power_w"], 0.008, PROFILES, rated_power_w=2e6)
    for one, other in zip(told(plain), told(kept.findings), strict=False):
        assert (other["value"], other["verdict"], other["time_s"]) == (
            one["value"],
            one["verdict"],
            one["time_s"],
        )


def test_both_engines_meter_the_same_bits() -> None:
    power = 1e8 + 1e6 * np.cumsum(np.random.default_rng(9).normal(size=9000))
    profiles = [load_profile(name) for name in PROFILES]
    found = []
    for engine in ("native", "numba"):
        meter = RunMeter(
            fake_scenario(compliance={"profiles": PROFILES}).model, profiles, 9000, 0.008, engine
        )
        meter.feed(power)
        found.append(meter.close())
    assert found[0] == found[1]


def test_nothing_is_metered_where_nothing_is_asked() -> None:
    result = wk.simulate(site([], "1 s", profiles=[], rule=[]), progress=False)
    assert (result.metered, result.findings) == (None, [])


def test_the_plan_is_what_the_judges_ask_for() -> None:
    """Whatever the site: a run of planned length that is metered needs no record for any rule of power."""
    rng = np.random.default_rng(3)
    power = 5e7 + 5e6 * np.cumsum(rng.normal(size=90_000)) / 100.0
    profiles = [load_profile(name) for name in profile_names()]
    for rated_w in (None, 8e7):
        wanted = meter_plan(profiles, [], power.size, 0.008, rated_power_w=rated_w)
        assert len(wanted) > 30
        bank = MeterBank(wanted, 0.008)
        bank.feed(power)
        metered = Metered(bank.samples, 0, json.loads(json.dumps(bank.close())))
        record = Unkept(power.size, 0.008, rated_power_w=rated_w, metered=metered)
        for profile in profiles:
            for row in profile.rows:
                if row.block in JUDGES and profile.seen and row.seen:
                    measured = JUDGES[row.block](record, row.keys)
                    assert np.isfinite(measured.worst().value)


@given(size=st.integers(1, 3000), settle_s=st.floats(0.0, 20.0))
@settings(max_examples=40, deadline=None)
def test_a_run_of_any_length_reads_as_its_record(size: int, settle_s: float) -> None:
    power = 1e8 + 1e6 * np.sin(np.arange(size) * 0.3)
    compliance = {"profiles": PROFILES, "settle": f"{settle_s!r} s"}
    scenario = fake_scenario(compliance=compliance, grid={"rated_power": "100 MW"})
    profiles = [load_profile(name) for name in PROFILES]
    meter = RunMeter(scenario.model, profiles, size, 0.008, "native")
    for start in range(0, size, 700):
        meter.feed(power[start : start + 700])
    run: dict[str, Any] = {"scenario": scenario, "tick_s": 0.008, "complete": True, "events": []}
    found = evaluate(SimpleNamespace(**run, signals={}, metered=meter.close()))
    plain = evaluate(SimpleNamespace(**run, signals={"poi.power_w": power}, metered=None))
    assert told(found) == told(plain)


def test_a_long_record_says_that_it_was_cut_into_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "KEPT", 8192)
    monkeypatch.setattr(content, "SEGMENT", 4096)
    monkeypatch.setattr("wattkeel.meters.KEPT", 8192)
    time_s = np.arange(20_000) * 0.008
    power = 1e8 + 2e6 * np.sin(2.0 * np.pi * 1.3 * time_s) + 5e4 * time_s
    scenario = fake_scenario(compliance={"profiles": PROFILES}, grid={"rated_power": "100 MW"})
    meter = RunMeter(scenario.model, [load_profile(name) for name in PROFILES], power.size, 0.008, "native")
    for part in np.array_split(power, 40):
        meter.feed(part)
    run: dict[str, Any] = {"scenario": scenario, "tick_s": 0.008, "complete": True, "events": []}
    found = told(evaluate(SimpleNamespace(**run, signals={}, metered=meter.close())))
    # rule after rule from the record, which only a whole one keeps between them
    assert found == told(evaluate(SimpleNamespace(**run, signals={"poi.power_w": power}, metered=None)))
    whole = [row for row in found if "s that overlap by half" in row["note"]]
    assert all("segments of 32.768 s" in row["note"] for row in whole if "5-55 Hz" in row["rule"])
    assert all("segments of 65.536 s" in row["note"] for row in whole if "0.1-5 Hz" in row["rule"])
    assert {row["block"] for row in whole} == {"band_power", "oscillation"}
    (percentile,) = (row for row in found if "percentile75" in row["rule"])
    assert "ramps are sorted into classes" in percentile["note"]
    assert len(percentile["readings"]) == 3
    low, high, _ = (reading["value"] for reading in percentile["readings"])
    assert low < high < low * 1.003


def test_a_band_below_the_segments_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "KEPT", 1024)
    monkeypatch.setattr(content, "SEGMENT", 1024)
    rule = {"kind": "band_power", "limit_fraction": 0.1, "band_low_hz": 0.01, "band_high_hz": 1.0}
    (found,) = evaluate_series(np.arange(90_000.0) % 700, 0.01, [], rules=[rule])
    assert found.verdict == "not_evaluated"
    assert "which cannot show 0.01 Hz" in found.note


def test_no_verdict_on_less_than_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "KEPT", 4096)
    monkeypatch.setattr(content, "SEGMENT", 4096)
    record = Record(np.arange(6000.0) % 700, 0.1)
    with pytest.raises(CannotJudgeError, match=r"less than one is left behind the 300 s"):
        readings.content(record, (1.0, 4.0), 300.0, ("rms",))
    found, remarks = readings.content(record, (1.0, 4.0), 100.0, ("rms",))
    assert found["segments"] == 2
    assert "spectra of 2 segments of 409.6 s" in remarks[0]
