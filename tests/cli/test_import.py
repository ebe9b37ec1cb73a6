"""`wattkeel import`: what it prints of a record, what it writes, and that this plays back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sites import Run, lossless_site
from waves import balanced, times, write_csv

from wattkeel.cli import main
from wattkeel.scenario import Scenario

TIME = times(0.5, 2000.0)
LEVEL = np.where((TIME > 0.2) & (TIME < 0.3), 40.0, 100.0)


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATTKEEL_DEBUG", raising=False)
    waves = balanced(2.0 * np.pi * 50.0 * TIME, LEVEL)
    return write_csv(tmp_path / "record.csv", TIME, "t_s,va_v,vb_v,vc_v", waves)


def test_text_tells_phases_rate_and_extremes(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(record), "--base", "0.1 kV"]) == 0
    out = capsys.readouterr().out
    for part in (
        "waveforms of va_v, vb_v, vc_v, to ground, 50 Hz",
        "2000 Hz, 40 samples per cycle",
        "0.4 pu",
    ):
        assert part in out
    assert "written" not in out
    assert list(record.parent.iterdir()) == [record]


def test_json_holds_the_same(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(record), "--json", "--nominal", "50"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == "waveform"
    assert facts["samples"] == len(TIME)
    assert facts["sampling"]["rate_hz"] == pytest.approx(2000.0)
    found = facts["quantities"]["va_rms_v"]
    assert found["first"] == pytest.approx(100.0)
    assert found["lowest"] == pytest.approx(40.0)
    assert 0.2 < found["lowest_at_s"] < 0.301
    assert facts["quantities"]["frequency_hz"]["lowest"] == pytest.approx(50.0)
    assert facts["delay_s"] == pytest.approx(0.01)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_it_writes_plays_back(record: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    assert main(["import", str(record), "--out", f"course.{suffix}", "--base", "100 V"]) == 0
    out = capsys.readouterr().out
    section = out[out.index("[grid.playback]") :]
    tables = {
        "simulation": {"duration_s": 0.5, "tick_s": 5e-4},
        "grid": {"nominal_frequency_hz": 50.0},
    }
    import tomllib

    played = tomllib.loads(section)["grid"]["playback"]
    assert played["file"] == f"course.{suffix}"
    tables["grid"]["playback"] = {**played, "at": "poi", "interpolation": "hold"}
    run = Run(Scenario.from_dict(lossless_site(1e6, tables)))
    direct = {"file": str(record), "base_voltage_v": 100.0, "at": "poi", "interpolation": "hold"}
    tables["grid"]["playback"] = direct
    again = Run(Scenario.from_dict(lossless_site(1e6, tables)))
    np.testing.assert_allclose(run["poi.voltage_pu"], again["poi.voltage_pu"], rtol=1e-8)
    if suffix == "csv":
        with open("course.csv", newline="") as text:
            names = next(csv.reader(text))
        phases = ["va_rms_v", "vb_rms_v", "vc_rms_v"]
        assert names == ["t_s", *phases, "v_positive_v", "v_negative_v", "v_zero_v", "frequency_hz"]


def test_rms_records_are_told_by_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    three = write_csv(
        tmp_path / "a.csv", np.arange(5) * 2.0, "t_s,v_l1_v,v_l2_v,v_l3_v,f_hz", np.full((5, 3), 230.0),
        np.full(5, 50.01),
    )  # fmt: skip
    one = write_csv(tmp_path / "b.csv", [0.0, 1.0], "t_s,voltage_pu", [1.0, 0.5])
    for path in (three, one):
        assert main(["import", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kind"] == "rms"
    assert main(["import", str(one)]) == 0
    assert "RMS values of voltage_pu" in capsys.readouterr().out


def test_faults_are_told_without_a_traceback(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "none.csv"]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["import", str(record), "--cycles", "0", "--hold-below", "2", "--nominal", "400"]) == 2
    told = capsys.readouterr().err
    assert "3 faults" in told
    assert main(["import", str(record), "--base", "three"]) == 2
    assert main(["import", str(record), "--out", "no/folder.csv"]) == 2
    assert main(["import", str(record), "--columns", "va_v,vb_v,vx_v"]) == 2
    assert "did you mean" in capsys.readouterr().err
