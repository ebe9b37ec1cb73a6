"""``wattkeel qualify`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattkeel.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = str(ROOT / "examples" / "bess-qualification.toml")


def test_verdicts_with_version_and_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["qualify", EXAMPLE, "--tests", "6,9,12", "--out", str(tmp_path / "q")]) == 0
    out, err = capsys.readouterr()
    assert "Demand response dispatch" in out
    assert "v0.4, from third-party code" in out
    assert "emt required" in out
    assert "unconfirmed: third-party programs written against v0.4 ask for EMT evidence" in out
    assert "passing does not imply site-level stability" in out
    assert "done: test 6, Demand response dispatch" in err
    assert (tmp_path / "q" / "index.html").is_file()


def test_a_failing_system_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = ["--set", "qualify.dispatch.command_delay=3 s"]
    call = ["qualify", EXAMPLE, "--tests", "6", "--quiet", "--out", str(tmp_path / "q"), *change]
    assert main(call) == 1
    out, err = capsys.readouterr()
    assert "fail  fast_response" in out
    assert "done" not in err
    assert main([*call, "--fail-on", "never"]) == 0


def test_fail_on_counts_what_is_open(tmp_path: Path) -> None:
    call = ["qualify", EXAMPLE, "--tests", "12", "--quiet", "--out", str(tmp_path / "q"), "--fail-on"]
    assert main([*call, "fail"]) == 0
    assert main([*call, "marginal"]) == 0
    assert main([*call, "not-evaluated"]) == 1


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["qualify", EXAMPLE, "--tests", "6", "--map", "2", "--json", "--out", str(tmp_path / "q")]
    call += ["--set", "qualify.map.load_pu=[1.0]"]
    assert main(call) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "pass"
    assert [test["number"] for test in found["tests"]] == [6]
    assert found["tests"][0]["criteria"][0]["finding"]["limit"] == 2.0
    assert found["map"]["runs"] == 4
    assert len(found["map"]["points"]) == 4
    assert found["report"].endswith("index.html")


def test_bad_input_ends_with_2_and_makes_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["qualify", EXAMPLE, "--tests", "1,two,-3"]) == 2
    err = capsys.readouterr().err
    assert "--tests = 'two'" in err
    assert "--tests = '-3'" in err
    assert main(["qualify", EXAMPLE, "--tests", "99", "--map", "-1"]) == 2
    err = capsys.readouterr().err
    assert "tests = 99: is no test of the guideline" in err
    assert "map = -1" in err
    assert main(["qualify", str(ROOT / "examples/quickstart.toml")]) == 2
    assert main(["qualify", EXAMPLE, "--set", "qualify.island.hold=0 s", "--set", "qualify.nope=1"]) == 2
    err = capsys.readouterr().err
    assert "qualify.island.hold" in err
    assert "qualify.nope" in err
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["qualify", EXAMPLE, "--tests", "12", "--out", str(tmp_path)]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
