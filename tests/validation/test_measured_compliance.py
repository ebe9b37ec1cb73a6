"""Measured records against the rules, from the files as they are to the verdicts.

The records are not part of this repository: WATTKEEL_DATA names the folder that contains `starter/`. Expected
numbers are computed here by plain numpy from the same columns, so that a slip of the reader, the scale or the
windows shows.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from wattkeel.cli import main
from wattkeel.compliance import evaluate_record, load_record
from wattkeel.errors import ScenarioError

GPT3 = "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
B200 = "train_llama2_70b_lora_8xB200_mlperf50_lenovo_1s.csv.gz"
IBERIA = "grid_iberian_blackout_2025-04-28_toledo_2s.csv.gz"
SWING = "grid_power_swing_110kV_1200Hz.csv.gz"
SLG = "grid_slg_fault_recovery_275kV_1000Hz.csv.gz"


@pytest.fixture
def measured(data_dir: Path):
    def path(name: str) -> Path:
        found = data_dir / "starter" / name
        if not found.is_file():
            pytest.skip(f"WATTKEEL_DATA has no starter/{name}")
        return found

    return path


def column(path: Path, name: str) -> np.ndarray:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        place = file.readline().strip().split(",").index(name)
        return np.array([float(line.split(",")[place] or "nan") for line in file])


@pytest.mark.parametrize("site_mw", [20.0, 100.0, 500.0])
def test_gpt3_at_two_seconds_shows_ramps_and_no_band(measured, site_mw: float) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = measured(GPT3)
    table = parquet.read_table(path)
    nodes = [name for name in table.column_names if name.startswith("ac_w")]
    power_w = sum(table.column(name).to_numpy().astype(float) for name in nodes)
    power_mw = site_mw * power_w / power_w.max()
    record = load_record(path, scale_to_w=site_mw * 1e6, nominal_frequency_hz=60.0)
    np.testing.assert_allclose(record.power_w, power_mw * 1e6, rtol=1e-12)
    found = {
        (f.profile, f.rule): f
        for f in evaluate_record(
            record, ["ercot_power_variation_2026", "ieso_trlcl_v3", "caiso_large_load_straw_2026"]
        )
    }
    band = found["ercot_power_variation_2026", "power_variation filtered peak_to_peak 5 s 0.1-55 Hz"]
    assert band.verdict == "not_evaluated"
    assert band.note.startswith("sampling 2 s cannot show 0.1-55 Hz")
    # 5 s lie between two and three spacings of 2 s, 15 s between seven and eight: both are read
    windows = np.lib.stride_tricks.sliding_window_view
    wanted = {
        ("ercot_power_variation_2026", "power_variation unfiltered peak_to_peak 5 s"): (
            [np.ptp(windows(power_mw, samples), axis=1).max() for samples in (3, 4)], 10.0,
        ),
        ("ieso_trlcl_v3", "ramp both max_change_in_window 15 s"): (
            [np.ptp(windows(power_mw, samples), axis=1).max() for samples in (8, 9)], 5.0,
        ),
        ("ieso_trlcl_v3", "ramp both per_minute 60 s"): (
            [np.abs(power_mw[30:] - power_mw[:-30]).max()], 20.0,
        ),
        ("caiso_large_load_straw_2026", "ramp both average_over_window 600 s"): (
            [np.abs(power_mw[300:] - power_mw[:-300]).max() / 10.0], 20.0,
        ),
    }  # fmt: skip
    for key, (values, limit) in wanted.items():
        assert [reading["value"] for reading in found[key].readings] == pytest.approx(values, rel=1e-9)
        met = {value <= limit for value in values}
        assert found[key].verdict == ("marginal" if len(met) > 1 else "pass" if met.pop() else "fail")
        assert f"stands for {site_mw:g} MW" in found[key].note


def test_b200_polled_every_1055_ms_under_stamps_of_seconds(measured) -> None:
    record = load_record(measured(B200), scale_to_w=100e6)
    stamps = column(measured(B200), "t_s")
    assert record.samples == len(
        stamps
    )  # 34 seconds are skipped by the beat of poll and stamps: none is lost
    assert record.tick_s == pytest.approx(1.0546, abs=1e-4)
    assert "stamps of whole 1 s" in record.remarks[0]
    np.testing.assert_allclose(record.power_w.max(), 100e6)


def test_the_iberian_blackout_has_gaps_and_no_power(measured) -> None:
    with pytest.raises(ScenarioError, match="10 gaps: 4 s after t = 88 s"):
        load_record(measured(IBERIA))
    record = load_record(measured(IBERIA), gaps="longest", nominal_voltage_v=45e3)
    assert record.nominal_frequency_hz == 50.0
    assert not record.has_power
    assert record.phase_voltage_pu is not None
    assert record.phase_voltage_pu.shape == (3, record.samples)
    findings = evaluate_record(record, ["ieso_trlcl_v3", "southern_company"])
    of_power = [f for f in findings if f.block in ("ramp", "power_variation")]
    assert of_power
    assert {f.verdict for f in of_power} == {"not_evaluated"}


def test_a_power_swing_at_110_kv_is_read_with_its_currents(measured) -> None:
    record = load_record(measured(SWING), nominal_voltage_v=110e3)
    assert (record.kind, record.tick_s, record.nominal_frequency_hz) == ("waveform", 1e-3, 50.0)
    volts = [column(measured(SWING), f"v{phase}_kv") * 1e3 for phase in "abc"]
    amperes = [column(measured(SWING), f"i{phase}_a") for phase in "abc"]
    instant = sum(v * i for v, i in zip(volts, amperes, strict=True))
    cycle = np.convolve(instant, np.full(24, 1.0 / 24.0), "valid")  # 24 samples of a cycle
    # the same windows at steps of 1 ms between samples of 0.83 ms: the extremes of a smooth course
    assert record.power_w.max() == pytest.approx(cycle.max(), rel=2e-3)
    assert record.power_w.min() == pytest.approx(cycle.min(), rel=2e-3)
    assert record.voltage_pu is not None
    assert 0.0 <= record.voltage_pu.min() < 0.2
    assert record.voltage_pu.max() == pytest.approx(1.1, abs=0.1)


def test_a_fault_that_recovers_is_judged_by_phase(measured) -> None:
    record = load_record(measured(SLG), nominal_voltage_v=275e3, sign="export")
    assert record.phase_voltage_pu is not None
    lowest = record.phase_voltage_pu.min(axis=1)
    assert lowest.min() < 0.7 * lowest.max()  # one phase to ground
    assert record.power_w.mean() > 0.0


def test_the_command_prints_one_object(measured, capsys) -> None:
    pytest.importorskip("pyarrow")
    rules = ["--profile", "ieso_trlcl_v3", "--profile", "ercot_power_variation_2026"]
    status = main(["comply", str(measured(GPT3)), *rules, "--scale-to", "100 MW", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == 1
    assert found["verdict"] == "fail"
    assert {one["profile"] for one in found["findings"]} == {"ieso_trlcl_v3", "ercot_power_variation_2026"}
