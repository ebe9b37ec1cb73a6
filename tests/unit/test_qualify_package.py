"""The evidence package: what it holds, that it says what was found, and what it never overwrites."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from qualification import settings, site

import wattkeel as wk
from wattkeel.qualify import PAGE, Qualification, qualify, write_package
from wattkeel.qualify.evidence import COLUMNS, ROWS_MAX, series_csv
from wattkeel.qualify.outcome import ANSWERS, Series
from wattkeel.scenario import Scenario


@pytest.fixture(scope="module")
def found() -> Qualification:
    return qualify(
        site(settings("telemetry", gain_error=0.006), settings("map", load_pu=[1.0])),
        tests=[1, 6, 12],
        map_points=2,
    )


@pytest.fixture(scope="module")
def folder(found: Qualification, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "evidence"
    assert write_package(found, path) == path / PAGE
    return path


def test_the_manifest_names_every_file_with_its_hash(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["complete"] is True
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*manifest["files"], "manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert manifest["version"] == wk.__version__
    assert manifest["guideline"]["versions"] == {"1": "1.0", "6": "0.4", "12": "0.4"}
    assert set(manifest["runs"]) == {"01 telemetry", "06 dispatch"}
    assert all(one["seed"] == 1 for one in manifest["runs"].values())


def test_the_requirement_table_has_the_columns_of_the_guideline_first(
    folder: Path, found: Qualification
) -> None:
    with (folder / "requirements.csv").open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert tuple(rows[0]) == COLUMNS
    assert list(COLUMNS[:4]) == found.source.facts["prd_response"]["columns"]
    assert len(rows) == sum(len(outcome.criteria) for outcome in found.outcomes) + 1
    last = rows.pop()
    assert (last["requirement_id"], last["partner_response"]) == ("PRD", "not evaluated")
    assert rows == [
        {key: "" if value is None else str(value) for key, value in row.items()}
        for row in json.loads((folder / "requirements.json").read_text(encoding="utf-8"))[:-1]
    ]
    assert len({row["evidence_id"] for row in rows}) == len(rows)
    for row in rows:
        failed = row["partner_response"] in ("non-compliant", "exception")
        assert bool(row["current_behaviour"]) is failed
        assert row["roadmap"] == row["workaround"] == row["risk"] == ""
    answers = {row["item"]: row["partner_response"] for row in rows}
    assert answers["p_error"] == "non-compliant"
    assert answers["alignment"] == "compliant"
    assert answers["pcs_temperature"] == "not evaluated"
    assert answers["emt_study"] == "EMT required"
    assert set(answers.values()) <= set(ANSWERS.values())
    for row in rows:
        assert row["guideline_version"] in ("1.0", "0.4")
        assert not row["evidence_file"] or (folder / row["evidence_file"]).is_file()


def test_every_test_leaves_the_scenario_that_it_ran_on(folder: Path, found: Qualification) -> None:
    text = (folder / "tests/06/dispatch.scenario.toml").read_text(encoding="utf-8")
    assert Scenario.from_dict(tomllib.loads(text)).model == found.outcome(6).logs["dispatch"].scenario.model
    targets = json.loads((folder / "tests/06/loadtarget.json").read_text(encoding="utf-8"))["targets"]
    assert [sorted(target) for target in targets] == [["interval", "load_constraint", "strategy"]] * 2
    assert targets[0]["load_constraint"]["unit"] == "megawatt"


def test_the_page_needs_no_network_and_tells_all(folder: Path, found: Qualification) -> None:
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page
    for outcome in found.outcomes:
        assert outcome.test.name in page.replace("&#x27;", "'")
        assert outcome.test.standing in page
    assert "does not imply" in page.replace("Passing does", "Passing does")
    assert "site-level stability" in page
    assert page.count('class="still"') == 4
    assert "Stability over SCR" in page
    for name in re.findall(r'href="([^"]+)"', page):
        assert (folder / name).is_file()


def test_a_title_cannot_break_the_page(tmp_path: Path) -> None:
    found = qualify(site({"title": "<script>alert(1)</script>"}), tests=[12])
    assert "<script" not in write_package(found, tmp_path / "x").read_text(encoding="utf-8")


def test_long_series_are_bounded_and_keep_their_extremes(folder: Path) -> None:
    values = np.sin(np.arange(100_000) * 0.01)
    values[77_777] = 5.0
    series = Series("long", {"time_s": np.arange(100_000) * 1e-3, "x": values})
    lines = series_csv(series).splitlines()
    assert len(lines) - 1 <= ROWS_MAX
    assert lines[0] == '"time_s","x.min","x.mean","x.max"'
    table = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    assert table[:, 3].max() == 5.0
    assert table[:, 1].min() == pytest.approx(values.min(), rel=1e-8)
    assert (table[:, 1] <= table[:, 2]).all()
    assert (table[:, 2] <= table[:, 3]).all()
    for path in folder.rglob("*.csv"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= ROWS_MAX + 1


def test_an_earlier_package_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    first, second = (qualify(site(), tests=tests) for tests in ([6, 12], [12]))
    path = tmp_path / "evidence"
    write_package(first, path)
    (path / "mine.txt").write_text("kept", encoding="utf-8")
    write_package(second, path)
    assert not (path / "tests/06/dispatch.csv").exists()
    assert (path / "mine.txt").read_text(encoding="utf-8") == "kept"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x", encoding="utf-8")
    with pytest.raises(wk.ScenarioError, match="not overwritten"):
        write_package(second, other)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(wk.ScenarioError, match="is a file"):
        write_package(second, tmp_path / "file")
    assert [entry.name for entry in other.iterdir()] == ["thesis.tex"]


def test_the_verdict_of_all_is_the_worst(found: Qualification) -> None:
    assert found.verdict == "fail"
    assert qualify(site(), tests=[6]).verdict == "pass"
    assert qualify(site(), tests=[6, 12]).verdict == "emt_required"
    assert {finding.profile for finding in found.findings} == {"nvidia_bess_self_qualification"}
