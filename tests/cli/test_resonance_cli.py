"""`wattkeel resonance` as a user meets it."""

from __future__ import annotations

import json

import pytest

from wattkeel.cli import main

SCENARIO = """
title = "one hall"
[simulation]
duration = "12 s"
[workload.job]
period = "1 s"
compute_fraction = 0.5
[gpu.h100]
rated_power = "700 W"
idle_power = "50 W"
[rack.hall]
count = 50
gpu = "h100"
workload = "job"
[resonance.mine]
low = "0.9 Hz"
high = "1.1 Hz"
limit = "1 W"
[record]
full_rate = ["poi.power_w", "site.load_power_w"]
"""


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATTKEEL_DEBUG", raising=False)
    (tmp_path / "site.toml").write_text(SCENARIO)
    return "site.toml"


def test_scenario_is_run_and_screened(scenario, capsys):
    assert main(["resonance", scenario, "--quiet"]) == 1  # its limit is exceeded
    said = capsys.readouterr().out
    for part in ("one hall: 0 to 12 s", "inter-area", "EXCEEDS LIMIT", "1 Hz", "no torsional study"):
        assert part in said
    assert main(["resonance", scenario, "--quiet", "--set", "resonance.mine.limit=1 MW"]) == 0


def test_run_directory_is_screened_and_drawn(scenario, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert main(["run", scenario, "--out", "runs/a", "--quiet"]) == 0
    assert "What the lines may excite" in (tmp_path / "runs/a/report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["resonance", "runs/a", "--json", "--plot", "a.svg"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["picture"] == "a.svg"
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")
    mine = next(each for each in told["readings"] if each["target"] == "mine")
    assert mine["verdict"] == "exceeds"
    assert mine["import_hz"] == pytest.approx(1.0, abs=1e-3)
    assert told["response"]["method"] == "analytic"


def test_measured_response(scenario, capsys):
    arguments = ["--quiet", "--json", "--measured", "--set", "simulation.tick=10 ms"]
    assert main(["resonance", scenario, *arguments]) == 1
    told = json.loads(capsys.readouterr().out)["response"]
    assert told["method"] == "measured"
    assert told["nonlinearity"] < 1e-5
    assert max(told["power_gain"]) == pytest.approx(min(told["power_gain"]), rel=1e-3)  # no storage


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.toml"], "nothing.toml"),
        (["site.toml", "--plot", "none/a.svg"], "there is no folder none"),
        (["site.toml", "--quiet", "--plot", "a.doc"], "no kind of picture"),
        (["site.toml", "--set", "resonance.mine.low=5 Hz"], "below high"),
        ([".", "--set", "a=1"], "cannot be changed"),
        (["."], "holds no run"),
    ],
)
def test_mistakes_are_told(scenario, capsys, arguments, said):
    assert main(["resonance", *arguments]) == 2
    assert said in capsys.readouterr().err
