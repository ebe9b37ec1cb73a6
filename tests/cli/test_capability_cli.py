"""`wattkeel capability` as a user meets it."""

from __future__ import annotations

import json

import pytest

from wattkeel.cli import main

SCENARIO = """
title = "one hall"
[simulation]
duration = "8 s"
[workload.job]
period = "1 s"
edge = "20 ms"
[gpu.h100]
rated_power = "700 W"
[rack.hall]
count = 50
gpu = "h100"
workload = "job"
feeds_from = "ups"
[distribution.ups]
rated_power = "1 MW"
ride_through = "perc1"
[distribution.ups.perc1]
cease_voltage_pu = 0.5
reconnect_delay = "5 s"
"""
QUICK = ["--phases", "2", "--depths", "0.3,0.85", "--no-trains", "--quiet"]


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATTKEEL_DEBUG", raising=False)
    (tmp_path / "site.toml").write_text(SCENARIO)
    return "site.toml"


def run(scenario: str, *more: str) -> int:
    return main(["capability", scenario, "--profile", "ercot_nogrr282", *QUICK, *more])


def test_table_picture_and_files(scenario, capsys, tmp_path):
    assert run(scenario, "--svg", "a.svg", "--out", "study") == 1
    said = capsys.readouterr().out
    for part in ("one hall: ride-through against ercot_nogrr282", "runs,", "2 moments", "fail"):
        assert part in said
    assert any(line.split()[-5:] == ["s", "at", "least", "0.25", "s"] for line in said.splitlines())
    picture = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg xmlns=")
    assert (tmp_path / "study" / "capability.svg").read_text(encoding="utf-8") == picture
    kept = json.loads((tmp_path / "study" / "capability.json").read_text(encoding="utf-8"))
    assert kept["runs"] > 4
    assert {point["voltage_pu"] for point in kept["points"]} == {0.3, 0.85}


def test_json_and_exit_status_of_a_site_that_stays(scenario, capsys):
    stays = ["--set", "distribution.ups.perc1.cease_voltage_pu=0"]
    assert run(scenario, "--json", *stays) == 0
    told = json.loads(capsys.readouterr().out)
    judged = [finding for finding in told["findings"] if finding["value"] is not None]
    assert {finding["verdict"] for finding in judged} == {"pass"}
    assert told["cycle_s"] == 1.0


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (["--svg", "a.png"], ".svg"),
        (["--svg", "nowhere/a.svg"], "folder"),
        (["--phases", "0"], "phases"),
        (["--depths", "7"], "depths_pu[0]"),
        (["--set", "distribution.ups.kind=ups", "--out", "site.toml"], "--out"),
    ],
)
def test_mistakes_are_told_before_anything_is_run(scenario, capsys, more, part):
    assert run(scenario, *more) == 2
    assert part in capsys.readouterr().err


def test_profile_without_ride_through_and_unknown_one(scenario, capsys):
    assert main(["capability", scenario, "--profile", "ercot_power_variation_2026", *QUICK]) == 2
    assert "no ride-through" in capsys.readouterr().err
    assert main(["capability", scenario, "--profile", "ercot_nogr", *QUICK]) == 2
    assert "ercot_nogrr282" in capsys.readouterr().err


def test_no_list_of_numbers_is_a_usage_fault(scenario, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["capability", scenario, "--profile", "ercot_nogrr282", "--depths", "half"])
    assert caught.value.code == 2
    assert "no list of numbers" in capsys.readouterr().err
