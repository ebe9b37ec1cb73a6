"""What would mend a rule: search, budget, words, causes."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sites import laid_over, lossless_site

import wattkeel as wk
from wattkeel.compliance import Finding, evaluate, evaluate_series, load_profile
from wattkeel.compliance.record import Record
from wattkeel.interconnection.causes import explain
from wattkeel.interconnection.power_steps import _energy, usable_j
from wattkeel.interconnection.suggest import suggest, suggest_for_series
from wattkeel.interconnection.trials import Outcome, Trials
from wattkeel.jsonio import dumps
from wattkeel.scenario import Scenario

SIZE_W = 40e6


def site(*rules: dict[str, Any], tables: dict[str, Any] | None = None) -> Scenario:
    """A 40 MW job that swings by half, at a tick of 10 ms."""
    base = {
        "simulation": {"duration_s": 30.0, "tick_s": 0.01},
        "workload": {
            "job": {
                "period_s": 2.0,
                "compute_fraction": 0.5,
                "communication_pu": 0.5,
                "compute_pu": 1.0,
                "edge_s": 0.1,
            }
        },
        "control": {"period_s": 0.01},
        "compliance": {"settle_s": 8.0, "rule": list(rules)},
    }
    return Scenario.from_dict(lossless_site(SIZE_W, laid_over(base, tables or {})))


def rule(kind: str = "power_variation", name: str = "rule", **limits: float) -> dict[str, Any]:
    window = {"window_s": 2.0} if kind in ("power_variation", "ramp") else {}
    return {"name": name, "kind": kind} | window | limits


def run(scenario: Scenario) -> Any:
    return wk.simulate(scenario, progress=False)


def test_nothing_to_mend_takes_no_run():
    result = run(site(rule(limit_w=1e9)))
    assert result.findings[0].verdict == "pass"
    assert suggest(result, result.findings) == []
    with pytest.raises(ValueError, match="runs"):
        suggest(result, result.findings, runs=0)


def test_settings_come_before_hardware_and_their_cost_is_told():
    """A floor that leaves nine tenths of the limit, by its closed form; with more GPU energy."""
    result = run(site(rule(limit_w=10e6)))
    assert result.findings[0].value == pytest.approx(20.0)
    (found,) = suggest(result, result.findings)
    assert found.verified
    assert found.toml == ""
    floor = found.overrides["gpu.gpu.percent_tmp_floor"]
    assert floor == 78.0  # 1 - 0.9 * 10/20 * 0.5 = 0.775, in whole per cent
    assert found.value_after == pytest.approx(0.22 * 40.0)
    assert "more GPU energy" in found.action
    assert found.runs == 1


def test_storage_that_is_there_is_set_before_more_is_bought():
    unit = {"kind": "supercapacitor", "preset": "supercapacitor-15mw", "supercapacitor": {"energy_j": 2e9}}
    unit |= {
        "role": "slow",
        "converter": {"ramp_w_per_s": "inf", "time_constant_s": 0.0, "rated_power_w": 30e6},
    }
    result = run(site(rule(limit_w=2e6), tables={"storage": {"store": unit}, "control": {"target": "off"}}))
    (found,) = suggest(result, result.findings)
    assert found.verified
    assert found.overrides["control.target"] == "follow"
    assert not any(path.startswith("storage.") for path in found.overrides)
    assert found.toml == ""
    assert "above the highest, 90%" in found.tried[0]  # GPU floor ruled out by its closed form


def test_store_that_is_added_is_made_small():
    result = run(site(rule(limit_w=4e6)))
    (found,) = suggest(result, result.findings)
    assert found.verified
    assert found.toml.startswith("[storage.smoother]")
    # mean of 30 MW +- 10 MW, less what is allowed: 8 MW either way, plus what lags
    made = Scenario.from_dict(laid_over(site(rule(limit_w=4e6)).tree, tomllib.loads(found.toml)))
    power_w = made.model.storage["smoother"].converter.rated_power_w
    assert 8e6 <= power_w <= 13e6
    assert json.loads(dumps(found.to_dict()))["verified"] is True


def test_bounded_search_says_what_it_tried():
    """A limit that no store at this tick can keep: the edges are as fast as the control."""
    scenario = site(rule(limit_w=1e3))
    result = run(scenario)
    counted: list[tuple[int, int]] = []
    (found,) = suggest(result, result.findings, runs=3, progress=lambda *each: counted.append(each))
    assert not found.verified
    assert found.action == ""
    assert found.runs == 3
    assert counted[-1] == (3, 3)
    assert found.tried[-1].endswith("the runs were used up")
    assert found.finding.remedy.startswith("no remedy found; nearest: ")
    assert found.finding.verdict == "fail"


OWN_PROFILE = """
schema_version = 1
id = "own"
title = "Own"
issuer = "Own"
jurisdiction = "US"
url = "none"
date = 2026-01-01
status = "user"
evidence = "primary_excerpt"
seen = true
applies_to = "load"

[[power_variation]]
stat = "peak_to_peak"
window_s = 2.0
limit_mw = 10.0
seen = true
"""


def test_profiles_rules_and_settling_beside_the_scenario_are_run_too(tmp_path):
    """What the command line adds is no part of the scenario: a path, a file of rules, another settling."""
    path = tmp_path / "own.toml"
    path.write_text(OWN_PROFILE, "utf-8")
    scenario = site(rule(limit_w=1e9))
    result = run(scenario)
    beside: dict[str, Any] = {
        "profiles": [load_profile(path)],
        "rules": [rule(name="beside", limit_w=8e6)],
        "settle_s": 12.0,
    }
    own = [dict(one) for one in scenario.model.compliance.rule]
    findings = evaluate(result, beside["profiles"], [*own, *beside["rules"]], settle_s=12.0)
    assert [finding.verdict for finding in findings].count("fail") == 2
    found = {one.rule: one for one in suggest(result, findings, **beside)}
    assert len(found) == 2
    for one in found.values():
        assert one.verified, one.tried
        mended = run(scenario.with_overrides(one.overrides)) if not one.toml else None
        if mended is not None:
            after = evaluate(mended, beside["profiles"], [*own, *beside["rules"]], settle_s=12.0)
            assert next(f for f in after if f.rule == one.rule).value == one.value_after


def test_a_rule_that_becomes_marginal_is_named():
    before = [Finding(rule=name, verdict="pass", profile="p") for name in "abc"]
    trials = Trials(site(), lambda scenario: [], before)
    after = {
        ("p", name): Finding(rule=name, verdict=verdict, profile="p")
        for name, verdict in (("a", "fail"), ("b", "marginal"), ("c", "pass"))
    }
    assert trials.broken(Outcome(after)) == ["p: a", "p: b (marginal)"]


def test_a_battery_is_added_where_minutes_have_to_be_bridged_and_settling_is_short():
    """A cycle of 4 min and 8 s that are not judged: an average over a cycle would not be full in time."""
    slow = {
        "simulation": {"duration_s": 600.0, "tick_s": 0.05},
        "control": {"period_s": 0.05},
        "workload": {"job": {"period_s": 240.0, "edge_s": 10.0}},
    }
    limits = rule("ramp", limit_w_per_s=2e6 / 60.0) | {"window_s": 60.0}
    scenario = site(limits, tables=slow)
    result = run(scenario)
    (found,) = suggest(result, result.findings)
    assert found.verified, found.tried
    assert "battery" in found.action
    made = Scenario.from_dict(laid_over(scenario.tree, tomllib.loads(found.toml)))
    (after,) = run(made.with_overrides(found.overrides)).findings
    assert (after.verdict, after.value) == ("pass", found.value_after)


@pytest.mark.parametrize(
    "unit",
    [
        {"preset": "enerc-container", "battery": {"energy_j": 3.6e9}, "converter": {"rated_power_w": 1e6}},
        {"kind": "supercapacitor", "preset": "supercapacitor-15mw", "converter": {"rated_power_w": 2e6}},
    ],
    ids=["battery", "supercapacitor alone, of role fast"],
)
def test_storage_that_is_there_is_enlarged_and_its_size_told(unit):
    tables = {"storage": {"store": unit}, "simulation": {"tick_s": 1e-3}, "control": {"period_s": 1e-3}}
    scenario = site(rule(limit_w=4e6), tables=tables)
    result = run(scenario)
    (found,) = suggest(result, result.findings)
    assert found.verified, found.tried
    assert found.action.startswith("storage of ")
    made = scenario.with_overrides(found.overrides)
    store = made.model.storage["store"]
    told = found.action.partition(" usable")[0].rpartition("/ ")[2]
    assert told == _energy(usable_j(store))
    assert store.role == "slow"
    (after,) = run(made).findings
    assert (after.verdict, after.value) == ("pass", found.value_after)


def test_flicker_and_voltage_changes_are_mended(tmp_path):
    path = tmp_path / "own.toml"
    blocks = (
        "[[flicker]]\npst_max = 0.8\nseen = true\n[[rapid_voltage_change]]\nlimit_pct = 1.5\nseen = true\n"
    )
    path.write_text(OWN_PROFILE.partition("[[")[0] + blocks, "utf-8")
    weak = {
        "simulation": {"duration_s": 680.0, "tick_s": 2e-3},
        "control": {"period_s": 2e-3},
        "workload": {"job": {"period_s": 0.5, "edge_s": 0.05}},
        "grid": {
            "rated_power_w": 60e6, "scr": 8.0, "x_over_r": 5.0, "power_factor": 0.98,
            "nominal_voltage_v": 138e3,
        },
    }  # fmt: skip
    scenario = site(tables=weak)
    result = run(scenario.with_overrides({"compliance.profiles": [str(path)], "compliance.rule": []}))
    failed = [finding for finding in result.findings if finding.verdict in ("fail", "marginal")]
    assert {finding.block for finding in failed} == {"flicker", "rapid_voltage_change"}
    for found in suggest(result, result.findings):
        assert found.verified, found.tried
        assert found.value_after < found.finding.limit


def test_rules_that_a_remedy_breaks_are_named():
    """A floor lifts the mean: a rule on the least power in a band of its own is met before, not after."""
    floor_breaks = {"name": "share", "kind": "band_power", "band_low_hz": 0.4, "band_high_hz": 0.6}
    scenario = site(rule(limit_w=10e6), floor_breaks | {"limit_fraction": 0.9})
    result = run(scenario)
    other = replace(result.findings[1], verdict="pass")
    (found,) = suggest(result, [result.findings[0], other])
    assert found.verified
    after = run(scenario.with_overrides(found.overrides)).findings[1]
    assert ("breaks scenario: share" in found.finding.remedy) == (after.verdict == "fail")


def test_profile_beside_the_scenario_and_a_run_that_kept_little(tmp_path):
    """As `comply RUN --profile` gives it: a rule that the run did not know, and a run opened from disk."""
    scenario = site(tables={"record": {"full_rate": ["poi.power_w"]}})
    wk.simulate(scenario, out_dir=tmp_path / "run", progress=False)
    result = wk.open_result(tmp_path / "run")
    from wattkeel.compliance import evaluate_record

    power_w = np.asarray(result.signals["poi.power_w"])
    record = Record(power_w, result.tick_s, settle_s=8.0, rated_power_w=SIZE_W, simulated=True)
    findings = [f for f in evaluate_record(record, ["spp_hill"]) if f.block == "power_variation"]
    (before,) = findings
    assert before.verdict == "pass"  # 20 MW of 25 MW allowed
    failed = replace(before, verdict="fail", limit=15.0, value=20.0)
    (found,) = suggest(result, [failed])
    assert found.verified
    assert found.rule == before.rule


def test_unknown_profile_is_tried_but_never_verified():
    result = run(site(rule(limit_w=10e6)))
    strange = replace(result.findings[0], profile="mine", rule="rule", block="power_variation")
    (found,) = suggest(result, [strange], runs=2)
    assert not found.verified
    assert "not among the findings" in found.tried[0]


def test_rules_without_a_remedy_are_passed_over():
    result = run(site(rule(limit_w=10e6)))
    other = Finding(
        profile="p", rule="power factor", verdict="fail", value=0.9, limit=0.95, block="power_factor"
    )
    assert suggest(result, [other]) == []


def test_cause_names_change_edge_and_event():
    sag = {"start_s": 15.0, "duration_s": 0.2, "voltage_pu": 0.0}
    result = run(site(rule(limit_w=1e6), tables={"grid": {"event": [sag]}}))
    text = explain(result, result.findings[0])
    assert "the import changes by" in text
    assert "the load by" in text
    assert "within 20 ms" in text
    assert "an event of the grid" in text
    whole = replace(result.findings[0], time_s=None)
    assert explain(result, whole) == ""


def test_measured_records_get_closed_forms():
    """One lasting step of 30 MW against 20 MW/min: dP^2/(2 R) = 375 kWh."""
    power_w = np.concatenate([np.full(1200, 50e6), np.full(3000, 80e6)])
    rules = [{"name": "ramp", "kind": "ramp", "window_s": 60.0, "limit_w_per_s": 20e6 / 60.0}]
    findings = evaluate_series(power_w, 0.1, [], rules=rules)
    (found,) = suggest_for_series(Record(power_w, 0.1), findings)
    assert not found.verified
    assert found.verdict_after is None
    assert "20 MW/min at most" in found.action
    assert "30 MW" in found.action
    energy_kwh = float(found.action.split(" kWh")[0].rsplit(" ", 1)[1])
    # the average in front of the ramp delays it: step * window / 2 more
    assert 375.0 <= energy_kwh <= 375.0 + 30e6 * 42.0 / 3.6e6
    assert found.finding.remedy.endswith("(closed form; not verified: no scenario)")


def test_ride_through_of_a_run_is_mended_by_settings():
    tables = {
        "rack": {"racks": {"feeds_from": "ups"}},
        "distribution": {
            "ups": {
                "rated_power_w": 2 * SIZE_W, "ride_through": "perc1",
                "perc1": {"power_factor": 1.0, "cease_voltage_pu": 0.5, "reconnect_delay_s": 7.0},
            }
        },
        "grid": {"event": [{"start_s": 15.0, "duration_s": 0.1, "voltage_pu": 0.4}]},
        "compliance": {"profiles": ["ercot_nogrr282"]},
        "simulation": {"tick_s": 1e-3},
        "control": {"period_s": 1e-3},
    }  # fmt: skip
    scenario = site(tables=tables)
    result = run(scenario)
    found = {one.rule: one for one in suggest(result, result.findings)}
    ridden = next(one for name, one in found.items() if "0.2-0.5" in name)
    assert ridden.verified
    assert ridden.overrides == {
        "distribution.ups.perc1.reconnect_delay_s": 0.1,
    }
    after = {f.rule: f for f in run(scenario.with_overrides(ridden.overrides)).findings}
    assert after[ridden.rule].verdict == "pass"
    bare = site(tables={"compliance": {"profiles": ["ercot_nogrr282"]}})
    failed = replace(next(f for f in result.findings if "0.2-0.5" in f.rule), verdict="fail")
    (nothing,) = suggest(run(bare), [failed], runs=1)
    assert "nothing to set" in nothing.finding.remedy
