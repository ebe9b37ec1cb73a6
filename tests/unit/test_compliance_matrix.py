"""The example compliance_matrix.py: what its cells say, its rule for storage, and the page in the docs."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

import pytest

from wattkeel.compliance import Finding, profile_names

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "compliance_matrix.py"
PAGE = ROOT / "docs" / "compliance_matrix.md"
DATA = Path(os.environ.get("WATTKEEL_DATA", "")) / "starter"
DIFFUSION = "train_stable_diffusion_8xB200_mlperf50_lenovo_1s.csv.gz"


def run_example(*arguments: str, name: str = "__main__") -> dict:
    """What the script leaves behind; `name` other than "__main__" only loads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        return runpy.run_path(str(SCRIPT), run_name=name)


@pytest.fixture(scope="module")
def example():
    return run_example(name="loaded")


def finding(verdict, margin=None, rule="ramp", **more) -> Finding:
    return Finding(profile="p", rule=rule, verdict=verdict, margin=margin, block="ramp", **more)


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ([], ""),
        ([finding("pass", 0.4), finding("pass", 0.1)], "✓ 10 %"),
        ([finding("pass", 0.4), finding("fail", -0.42)], "✕ −42 %"),
        ([finding("fail", -0.42), finding("fail", -3.0)], "✕ −300 %"),
        ([finding("pass", 0.4), finding("not_evaluated"), finding("emt_required")], "✓ 40 % (+2 –)"),
        ([finding("marginal", -0.01), finding("pass", 0.5)], "≈ −1 %"),
        ([finding("not_evaluated"), finding("emt_required")], "◇"),
        ([finding("not_evaluated")], "–"),
        ([finding("marginal", -0.004)], "≈ 0 %"),
        ([finding("pass"), finding("not_evaluated")], "✓ (+1 –)"),
    ],
)
def test_a_cell_names_the_worst_rule_and_what_was_not_judged(example, findings, said):
    assert example["cell"](findings) == said


def case_of(example, without, with_):
    case = example["Case"]("name", "Title", "About.", {})
    case.findings = {"without": without, "with": with_}
    return case


def test_a_page_sets_both_runs_side_by_side(example):
    bare = [
        finding("fail", -0.5, value=15.0, limit=10.0, unit="MW"),
        finding("not_evaluated", rule="other", note="why (5 s); more"),
    ]
    stored = [
        finding("pass", 0.9, value=1.0, limit=10.0, unit="MW"),
        finding("not_evaluated", rule="other", note="why (6 s); more"),
    ]
    case = case_of(example, bare, stored)
    page = example["page"]([case], ["a trace (file.csv)"])
    assert "| `p` | ✕ −50 % (+1 –) → ✓ 90 % (+1 –) |" in page
    assert "| `p` ramp | 10 MW | ✕ 15 MW | ✓ 1 MW |" in page
    assert "Left out, since their data were not there: a trace (file.csv)." in page
    assert page.count("- – why: `p`") == 1  # of both runs and, as the only case, of all cases


def test_limits_keep_their_last_digit(example):
    assert example["amount"](0.1, "1") == "0.1"
    assert example["amount"](21.0, "MW/min") == "21 MW/min"
    asked = finding("fail", -0.9, value=0.02, limit=0.15, unit="s", at_least=True)
    assert example["shown"](asked) == "✕ 0.02 s of 0.15 s"


def test_storage_follows_its_rule(example):
    unit = example["battery"](45e6)
    assert (unit["energy"], unit["rated_power"]) == ("45 MWh", "45 MW")
    assert example["shelves"](45e6)["supercapacitor"]["energy"] == "2.7e+08 J"  # 22.5 MW for 12 s
    assert example["control"](20, 1e6, "1 ms")["ramp_up"] == "0.36 MW/min"
    assert example["control"](500, 1e6, "1 ms")["ramp_up"] == "7.2 MW/min"


def test_without_data_it_says_what_is_missing(tmp_path, capsys):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WATTKEEL_DATA", str(tmp_path))
        with pytest.raises(SystemExit) as stop:
            run_example("--case", "gpt3-20mw", "--out", str(tmp_path / "page.md"))
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert "WATTKEEL_DATA does not name the data" in said
    assert "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet" in said
    assert not (tmp_path / "page.md").exists()


def test_an_unknown_case_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run_example("--case", "gpt4", "--out", str(tmp_path / "page.md"))
    assert stop.value.code == 2
    assert "gpt3-20mw" in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / DIFFUSION).is_file(), reason="WATTKEEL_DATA does not name the traces")
def test_a_measured_trace_is_judged_without_and_with_storage(tmp_path):
    page, found = tmp_path / "page.md", tmp_path / "all.json"
    with pytest.raises(SystemExit) as stop:
        run_example("--case", "stable-100mw", "--out", str(page), "--json", str(found))
    assert stop.value.code == 0
    rows = json.loads(found.read_text(encoding="utf-8"))
    ramp = {
        row["storage"]: row["value"]
        for row in rows
        if row["profile"] == "ieso_trlcl_v3" and row["rule"].startswith("ramp both per_minute")
    }
    assert 0.0 < ramp[True] < ramp[False]
    bands = [row for row in rows if row["block"] in ("band_power", "oscillation")]
    assert bands
    assert {row["verdict"] for row in bands} == {"not_evaluated"}  # one sample a second shows no 0.1-55 Hz
    assert "scaled to 100 MW" in page.read_text(encoding="utf-8")


def test_the_page_says_how_it_was_made_and_holds_every_profile(example):
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(f"# Compliance matrix\n\n<!-- Written by `{example['COMMAND']}`; do not edit. -->")
    assert f"WATTKEEL_DATA=... {example['COMMAND']}" in text
    assert "Left out" not in text
    for case in (*example["replays"](), *example["others"]()):
        assert f"## {case.title}\n" in text
    assert set(example["PROFILES"]) <= set(profile_names())
    for name in example["PROFILES"]:
        assert f"| `{name}` |" in text, name


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / DIFFUSION).is_file(), reason="WATTKEEL_DATA does not name the traces")
def test_the_page_is_up_to_date(tmp_path):
    with pytest.raises(SystemExit):
        run_example("--out", str(tmp_path / "page.md"))
    written = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert written == PAGE.read_text(encoding="utf-8"), "run the command that the page names"
