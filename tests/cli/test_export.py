"""``wattkeel export`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wattkeel.cli import main

SCENARIO = """
title = "to hand over"
[simulation]
duration = "2 s"
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
scr = 4.0
[record]
full_rate = ["poi.power_w", "poi.reactive_power_var", "poi.voltage_pu"]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    """A run directory in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("site.toml").write_text(SCENARIO)
    assert main(["run", "site.toml", "--out", "run", "--no-report", "--quiet"]) == 0
    capsys.readouterr()
    return "run"


def test_files_are_named_and_the_load_described(run: str, capsys: Any) -> None:
    assert main(["export", run, "--opendss", "dss", "--csv", "a.csv", "--window", "100 ms"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert "  load at the POI: 20 steps of 0.1 s" in lines
    named = [line for line in lines if not line.startswith(" ")]
    assert all(Path(name).is_file() for name in named)
    assert {Path(name).name for name in named} >= {"wattkeel_run.dss", "wattkeel_power_kw.sng", "a.csv"}
    assert len(Path("a.csv").read_text().splitlines()) == 21


def test_part_of_a_run_and_chosen_signals(run: str, capsys: Any) -> None:
    options = ["--csv", "a.csv", "--signals", "poi.power_w", "--from", "0.5", "--to", "600 ms"]
    assert main(["export", run, *options]) == 0
    rows = Path("a.csv").read_text().splitlines()
    assert rows[0] == "time_s,poi.power_w"
    assert len(rows) == 101
    assert rows[1].startswith("0.5,")
    capsys.readouterr()


def test_record_for_a_viewer(run: str, capsys: Any) -> None:
    assert main(["export", run, "--comtrade", "poi", "--to", "0.5", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["comtrade"]["files"]
    assert [Path(name).name for name in files] == ["poi.cfg", "poi.dat"]
    assert Path("poi.dat").stat().st_size == 500 * (
        8 + 3 * 4
    )  # number, time stamp, three signals that were kept
    assert main(["export", run, "--comtrade", "poi", "--signals", "poi.frequency_hz"]) == 2
    assert 'add "poi.frequency_hz" to record.full_rate' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "target", "package", "tolerance"),
    [("opendss", "dss", "opendssdirect", 7e-8), ("power-grid-model", "poi.json", "power_grid_model", 1e-12)],
)
def test_solved_and_compared_as_json(
    run: str, option: str, target: str, package: str, tolerance: float, capsys: Any
) -> None:
    pytest.importorskip(package)
    assert main(["export", run, f"--{option}", target, "--solve", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)[option.replace("-", "_")]
    assert (told["steps"], told["time_step_s"], told["notes"]) == (2000, 1e-3, [])
    assert all(Path(name).is_file() for name in told["files"])
    found = told["voltages"]
    assert found["unsolved_steps"] == 0
    assert 0.8 < found["minimum_pu"] < found["maximum_pu"] < 1.0
    assert found["largest_difference_pu"]["poi.voltage_pu"] < tolerance
    assert main(["export", run, f"--{option}", target, "--solve"]) == 0
    assert "largest difference from poi.voltage_pu" in capsys.readouterr().out


def test_usage_is_told_with_a_remedy_all_at_once(run: str, capsys: Any) -> None:
    assert main(["export", run]) == 2
    assert (
        "add --opendss DIR, --power-grid-model FILE, --comtrade FILE or --csv FILE" in capsys.readouterr().err
    )
    assert main(["export", run, "--csv", "no/a.csv", "--bus", "x", "--node", "3"]) == 2
    err = capsys.readouterr().err
    assert "3 faults" in err
    assert "add --opendss" in err
    assert "add --power-grid-model" in err
    assert main(["export", run, "--csv", "a.csv", "--window", "3 parsec"]) == 2
    assert "unit" in capsys.readouterr().err
    assert main(["export", "nowhere", "--csv", "a.csv"]) == 2
    assert main(["export", run, "--csv", "run"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_signal_that_was_not_kept_is_told_with_what_to_record(run: str, capsys: Any) -> None:
    text = SCENARIO.replace(', "poi.reactive_power_var"', "")
    Path("site.toml").write_text(text)
    main(["run", "site.toml", "--out", "other", "--no-report", "--quiet"])
    capsys.readouterr()
    assert main(["export", "other", "--opendss", "dss", "--json"]) == 2
    out, err = capsys.readouterr()
    assert 'add "poi.reactive_power_var" to record.full_rate' in err
    assert json.loads(out)["faults"][0]["place"] == "record.full_rate"
    assert not Path("dss").exists()
    assert main(["export", "other", "--opendss", "dss", "--window", "10 ms"]) == 0  # from the envelope


def test_without_a_package_its_extra_is_named(run: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "power_grid_model", None)
    assert main(["export", run, "--power-grid-model", "poi.json"]) == 2
    assert 'pip install "wattkeel[grid]"' in capsys.readouterr().err
