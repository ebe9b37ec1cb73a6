"""`wattkeel comply` as a user meets it: runs judged anew, files, faults, JSON, exit status."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from wattkeel.cli import main
from wattkeel.cli.findings import findings_lines
from wattkeel.compliance import Finding

SCENARIO = """
title = "two halls"
[simulation]
duration = "70 s"
tick = "10 ms"
[workload.job]
period = "1 s"
edge = "100 ms"
[gpu.h100]
rated_power = "700 W"
[rack.hall]
count = 50
gpu = "h100"
workload = "job"
[grid]
rated_power = "3 MW"
[compliance]
profiles = ["ieso_trlcl_v3", "southern_company"]
settle = "2 s"
[[compliance.rule]]
name = "range"
kind = "dynamic_range"
limit = "100 MW"
"""
RULES = '[[compliance.rule]]\nname = "step"\nkind = "power_variation"\nwindow = "5 s"\nlimit = "1 MW"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATTKEEL_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    """Directory of a run, with its findings."""
    (folder / "site.toml").write_text(SCENARIO)
    main(["run", "site.toml", "--no-report", "--quiet"])
    capsys.readouterr()
    return "runs/site"


def write_record(path: str = "poi.csv", swing_mw: float = 3.0, unit: str = " [MW]") -> str:
    time = np.arange(0.0, 120.0, 0.05)
    power = 50.0 + swing_mw * np.sign(np.sin(0.2 * time))
    rows = [f"{t:.2f},{p:.6f}" for t, p in zip(time, power, strict=True)]
    Path(path).write_text("\n".join([f"t_s,power{unit}", *rows]))
    return path


def told(capsys, *arguments: str) -> dict:
    main(["comply", *arguments, "--json"])
    return json.loads(capsys.readouterr().out)


# -- runs ----------------------------------------------------------------------------------------------


def test_a_run_judged_anew_gives_its_own_findings(run, capsys):
    found = told(capsys, run)
    assert found["findings"] == json.loads(Path(run, "findings.json").read_text())
    assert len(found["findings"]) > 5
    assert (found["run_dir"], found["record"]) == (run, None)
    text = Path(run, "findings.json").read_text()
    assert main(["comply", run, "--fail-on", "never"]) == 0
    out = capsys.readouterr().out
    assert f"two halls, {run}: {found['verdict'].replace('_', ' ')}" in out
    assert Path(run, "findings.json").read_text() == text


def test_run_and_comply_print_findings_alike(run, capsys):
    main(["comply", run])
    judged = capsys.readouterr().out.split("\n\n", 1)[1].rstrip()
    main(["run", "site.toml", "--no-report", "--quiet"])
    assert judged in capsys.readouterr().out


def test_profiles_and_rules_are_added_to_those_of_the_scenario(run, capsys):
    Path("rules.toml").write_text(RULES)
    own = told(capsys, run)["findings"]
    more = told(capsys, run, "--profile", "lipa_pseg", "--profile", "ieso_trlcl_v3", "--rules", "rules.toml")[
        "findings"
    ]
    names = [finding["profile"] for finding in more]
    assert list(dict.fromkeys(names)) == ["ieso_trlcl_v3", "southern_company", "lipa_pseg", "scenario"]
    assert [finding for finding in more if finding in own] == own
    assert [finding["rule"] for finding in more if finding["profile"] == "scenario"] == ["range", "step"]


def test_another_time_to_settle_judges_another_stretch(run, capsys):
    def times(*arguments):
        return [
            one["time_s"] for one in told(capsys, run, *arguments)["findings"] if one["time_s"] is not None
        ]

    assert min(times()) < 30.0 <= min(times("--settle", "30 s"))


def test_what_was_not_kept_is_told_as_the_run_found_it(run, capsys):
    kept = json.loads(Path(run, "findings.json").read_text())
    index = Path(run, "series", "index.json")
    series = json.loads(index.read_text())
    series["full_rate"]["columns"] = [
        name.replace("poi.power_w", "x") for name in series["full_rate"]["columns"]
    ]
    index.write_text(json.dumps(series))
    judged = [one for one in kept if one["verdict"] != "not_evaluated"]
    assert len(judged) > 3
    assert [one for one in told(capsys, run)["findings"] if one["verdict"] != "not_evaluated"] == judged
    found = told(capsys, run, "--profile", "lipa_pseg")["findings"]
    lost = [finding for finding in found if finding["profile"] == "lipa_pseg"]
    assert {finding["verdict"] for finding in lost} == {"not_evaluated"}
    assert "record.full_rate" in lost[0]["note"]


def test_options_of_files_are_refused_for_runs(run, capsys):
    assert main(["comply", run, "--scale-to", "1 MW", "--column", "p", "--profile", "lipa_psge"]) == 2
    err = capsys.readouterr().err
    assert "3 faults" in err
    assert "--scale-to = '1 MW': is for a file" in err
    assert "--power-column" in err
    assert "did you mean" in err


# -- files ---------------------------------------------------------------------------------------------


def test_exit_status_follows_fail_on(folder, capsys):
    place = write_record()
    rules = ["--profile", "ieso_trlcl_v3", "--rated-power", "60 MW"]
    assert main(["comply", place, *rules]) == 1  # 6 MW in 15 s
    assert main(["comply", place, *rules, "--fail-on", "never"]) == 0
    calm = write_record("calm.csv", 0.1)
    assert main(["comply", calm, "--profile", "caiso_large_load_straw_2026"]) == 0
    assert (
        main(["comply", calm, "--profile", "caiso_large_load_straw_2026", "--fail-on", "not-evaluated"]) == 1
    )
    capsys.readouterr()


def test_the_text_says_how_old_and_how_firm_each_rule_is(folder, capsys):
    main(["comply", write_record(), "--profile", "ieso_trlcl_v3", "--profile", "ercot_power_variation_2026"])
    out = capsys.readouterr().out
    assert out.startswith(
        "poi.csv: fail (3 of 8 rules judged)\n"
        "  values: 120 s in 2400 samples, every 50 ms\n  power: power [MW]\n"
    )
    assert "fail  ramp both max_change_in_window 15 s" in out
    assert "    computed: largest change between any two moments of a closed window of 15 s" in out
    assert "numbers quoted by another text" in out
    assert "sampling 0.05 s cannot show 0.1-55 Hz" in " ".join(out.split())
    tail = out[out.index("standing of the rules") :]
    assert "proposed (a proposal, not binding; it may still change): ercot_power_variation_2026" in tail
    assert (
        "guideline (published requirements of an operator or maker; binding by contract only): ieso" in tail
    )


def test_a_pass_says_what_the_record_does_not_show(folder, capsys):
    rows = "\n".join(f"{2 * k},{500 + 30 * (k % 7 > 3)}" for k in range(600))
    Path("small.csv").write_text("t_s,power [kW]\n" + rows)
    status = main(["comply", "small.csv", "--profile", "ieso_trlcl_v3"])
    out = " ".join(capsys.readouterr().out.split())
    assert (status, out.startswith("small.csv: pass (2 of 6 rules judged)")) == (0, True)
    care = out[out.index("passes, to be read with care") : out.index("not evaluated ieso")]
    rules = ("ramp both per_minute 60 s", "ramp both max_change_in_window 15 s")
    small = "the document applies from 10 MW; the largest power of the record is 0.53 MW"
    assert f"ieso_trlcl_v3 {', '.join(rules)}: {small}" in care
    assert f"{rules[1]}: sampling 2 s has no window of 15 s: read over 14 s and over 16 s" in care
    assert f"{rules[1]}: what rises and falls within the 2 s between samples is not seen" in care


def test_json_holds_the_record_and_every_field_of_a_finding(folder, capsys):
    found = told(
        capsys,
        write_record(),
        "--profile",
        "ieso_trlcl_v3",
        "--nominal-frequency",
        "50",
        "--scale-to",
        "1 GW",
    )
    assert found["record"]["nominal_frequency_hz"] == 50.0
    assert found["record"]["largest_power_w"] == pytest.approx(1e9)
    assert found["record"]["rated_power_w"] == 1e9
    assert (found["run_dir"], found["report"], found["source"]) == (None, None, "poi.csv")
    assert set(found["findings"][0]) == set(Finding.__dataclass_fields__)


def test_findings_and_page_are_written(folder, capsys):
    found = told(capsys, write_record(), "--profile", "ieso_trlcl_v3", "--out", "out/deep")
    assert found["findings"] == json.loads(Path("out/deep/findings.json").read_text())
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "Compliance of poi.csv" in page
    drawn = sum(row["verdict"] in ("fail", "marginal", "pass") for row in found["findings"])
    assert 0 < page.count('<figure class="moment') <= drawn
    assert 'class="matrix"' in page


def test_a_run_directory_is_not_written_over(run, capsys):
    assert main(["comply", write_record(), "--profile", "ieso_trlcl_v3", "--out", run]) == 2
    assert "is a run directory" in capsys.readouterr().err


def test_a_suggestion_for_a_record_is_a_closed_form_and_says_so(folder, capsys):
    main(["comply", write_record(), "--profile", "ieso_trlcl_v3", "--suggest"])
    said = " ".join(capsys.readouterr().out.split())
    # a swing of 6 MW is taken whole where its average is held
    assert "remedy: a store of 5.99 MW and 16.4 kWh usable that holds the average over 12 s" in said
    told_last = said[said.index("what would mend it") :]
    assert "ramp both max_change_in_window 15 s" in told_last
    assert "not run; closed form" in told_last
    assert "not verified: no scenario" in told_last


def test_a_suggestion_for_a_run_is_run(folder, capsys):
    Path("site.toml").write_text(SCENARIO.replace('limit = "100 MW"', 'limit = "5 kW"'))
    main(["run", "site.toml", "--no-report", "--quiet", "--fail-on", "never"])
    capsys.readouterr()
    found = told(capsys, "runs/site", "--suggest")
    assert found["suggestions"]
    for one in found["suggestions"]:
        assert one["verified"] == (one["verdict_after"] == "pass")
        assert one["finding"]["remedy"] in {row["remedy"] for row in found["findings"]}


def test_rules_of_ones_own_alone(folder, capsys):
    Path("rules.toml").write_text(RULES)
    found = told(capsys, write_record(), "--rules", "rules.toml")
    assert [(one["rule"], one["verdict"]) for one in found["findings"]] == [("step", "fail")]
    assert found["findings"][0]["value"] == pytest.approx(6.0)
    Path("settled.toml").write_text('[compliance]\nsettle = "100 s"\n' + RULES)
    assert told(capsys, "poi.csv", "--rules", "settled.toml")["record"]["settle_s"] == 100.0
    for text, words in (
        (RULES.replace('"1 MW"', '"1 MWh"'), "rules.toml: compliance.rule[0].limit"),
        (RULES.replace("limit", "limt"), "limt"),
        (RULES.replace('limit = "1 MW"\n', ""), "is required by kind power_variation"),
        ("[grid]\n", "has no section [compliance]"),
        ("[compliance\n", "rules.toml"),
    ):
        Path("rules.toml").write_text(text)
        assert main(["comply", "poi.csv", "--rules", "rules.toml"]) == 2
        assert words in capsys.readouterr().err


def test_profile_all_and_list_name_every_profile(folder, capsys):
    from wattkeel.compliance import profile_names

    found = told(capsys, write_record(), "--profile", "all")
    assert {one["profile"] for one in found["findings"]} <= set(profile_names())
    assert main(["comply", "--list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == profile_names()
    assert "2026-06-19" in out
    main(["comply", "--list", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == profile_names()
    assert any("ramp" in one["covers"] for one in listed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "RUN|FILE: is missing"),
        (["site.toml", "--profile", "all"], "run it first"),
        (["poi.csv"], "there is no rule to judge by"),
        (["poi.cvs", "--profile", "lipa_pseg"], "did you mean poi.csv?"),
        (["empty", "--profile", "lipa_pseg"], "holds no run"),
        (["poi.csv", "--profile", "ercot_power_variation_2025"], "ercot_power_variation_2026"),
        (["poi.csv", "--profile", "lipa_pseg", "--rated-power", "60"], "--rated-power"),
        (["poi.csv", "--profile", "lipa_pseg", "--settle", "-3 s"], "--settle"),
        (["poi.csv", "--profile", "lipa_pseg", "--nominal-voltage", "1 kW"], "--nominal-voltage"),
        (["poi.csv", "--profile", "lipa_pseg", "--out", "poi.csv"], "is a file"),
        (["bare.csv", "--profile", "lipa_pseg"], "--power-unit"),
    ],
)
def test_bad_input_is_status_2_with_a_remedy(folder, capsys, arguments, words):
    write_record()
    write_record("bare.csv", unit="")
    Path("empty").mkdir()
    assert main(["comply", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err


# -- the text of findings ------------------------------------------------------------------------------


def finding(**fields) -> Finding:
    usual = {"profile": "p", "rule": "r", "verdict": "fail", "value": 1.0, "limit": 2.0, "unit": "MW"}
    return Finding(**{**usual, **fields})


def test_values_near_their_limit_are_told_apart():
    lines = "\n".join(findings_lines([finding(value=10.00001, limit=10.0, margin=-1e-6)]))
    assert "10.00001 MW  limit  10 MW" in lines
    assert "margin -0.0001 %" in lines


def test_what_is_asked_for_at_least_and_what_needs_emt():
    lines = findings_lines(
        [
            finding(rule="dip", at_least=True, value=0.1, limit=0.15, unit="s", margin=-1 / 3, time_s=3.0),
            finding(rule="t5", verdict="emt_required", value=None, limit=None, note="weak grid"),
            finding(
                rule="t6", verdict="not_evaluated", value=None, limit=None, details={"reason": "unknown"}
            ),
        ]
    )
    text = "\n".join(lines)
    assert "0.1 s  at least  0.15 s  margin -33.3 %  at 3 s" in text
    assert "2 of its 3 rules not evaluated" in text
    assert text.index("not evaluated\n  p t6: unknown") < text.index(
        "EMT required: no RMS engine decides it\n  p t5: weak grid"
    )


def test_readings_are_listed_where_they_disagree():
    readings = [
        {"label": "causal n=1", "value": 9.0, "verdict": "pass", "time_s": 4.0},
        {"label": "causal n=2", "value": 11.0, "verdict": "fail", "time_s": 4.5},
    ]
    note = (
        "readings: causal n=1: 9 MW (pass), causal n=2: 11 MW (fail); open filter; evidence: secondary quote"
    )
    text = "\n".join(
        findings_lines(
            [finding(verdict="marginal", readings=readings, note=note, evidence="secondary_quote")]
        )
    )
    assert "causal n=1   9 MW  pass  at 4 s" in text
    assert "causal n=2  11 MW  fail  at 4.5 s" in text
    assert "    notes: open filter\n" in text + "\n"
    assert findings_lines([]) == []
