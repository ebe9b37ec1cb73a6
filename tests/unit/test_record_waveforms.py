"""Records of waveforms: power, voltage and frequency at an even step, against closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from waves import balanced, times, write_csv

from wattkeel.compliance import evaluate_record, load_record
from wattkeel.errors import ScenarioError

RATE = 4800.0
NOMINAL_V = 138e3
PHASE_V = NOMINAL_V / math.sqrt(3.0)
MEAN_W, SWING_W = 80e6, 6e6


def waves(
    length_s: float, swing_hz: float, line_hz: float = 60.0, rate_hz: float = RATE, swing_w: float = SWING_W
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, voltages, currents, and the power they carry: balanced, so that p(t) is 3 V I(t) exactly."""
    time = times(length_s, rate_hz)
    power = MEAN_W + swing_w * np.sin(2.0 * np.pi * swing_hz * time)
    angle = 2.0 * np.pi * line_hz * time
    return time, balanced(angle, PHASE_V), balanced(angle, power / (3.0 * PHASE_V)), power


def write(
    path: Path, time: np.ndarray, volts: np.ndarray, amperes: np.ndarray, header: str = "va_v,vb_v,vc_v"
) -> Path:
    return write_csv(path, time, f"t_s,{header},ia_a,ib_a,ic_a", volts, amperes)


@pytest.mark.parametrize("swing_hz", [1.0, 20.0, 50.0])
def test_power_of_a_band_is_that_of_each_step_and_other_power_of_a_cycle(
    tmp_path: Path, swing_hz: float
) -> None:
    time, volts, amperes, _ = waves(4.0, swing_hz)
    record = load_record(write(tmp_path / "w.csv", time, volts, amperes), nominal_voltage_v=NOMINAL_V)
    assert (record.kind, record.tick_s, record.nominal_frequency_hz) == ("waveform", 1e-3, 60.0)
    fast = record.of_rule({"band_hz": [0.1, 55.0]})
    assert record.of_rule({"window_s": 5.0}) is record
    # a mean over w passes sin(pi f w) / (pi f w); the steps of 4.8 samples follow the hold of the samples
    for held, window_s in ((record, 1.0 / 60.0), (fast, 1e-3)):
        passed = math.sin(math.pi * swing_hz * window_s) / (math.pi * swing_hz * window_s)
        swing = held.power_w[500:3500]  # whole periods
        found = 2.0 * abs(
            np.mean((swing - swing.mean()) * np.exp(-2j * np.pi * swing_hz * 1e-3 * np.arange(swing.size)))
        )
        assert found == pytest.approx(SWING_W * passed, rel=0.01)
        assert swing.mean() == pytest.approx(MEAN_W, rel=2e-3)
    np.testing.assert_allclose(record.voltage_pu[50:], 1.0, rtol=1e-6)
    np.testing.assert_allclose(record.phase_voltage_pu[:, 50:], 1.0, rtol=1e-6)
    np.testing.assert_allclose(record.frequency_hz[200:], 60.0, atol=1e-6)


def test_a_band_is_judged_on_fast_power(tmp_path: Path) -> None:
    time, volts, amperes, _ = waves(40.0, 50.0, rate_hz=1200.0, swing_w=5e6)
    record = load_record(write(tmp_path / "w.csv", time, volts, amperes), nominal_voltage_v=NOMINAL_V)
    found = {f.rule: f for f in evaluate_record(record, ["lipa_pseg"])}
    band = next(f for rule, f in found.items() if "5-55" in rule)
    line = next(one for one in band.readings if "largest line, no window" in one["label"])
    # 5 MW at 50 Hz; a mean over a cycle of 60 Hz would pass 0.19 of it and meet the 3.5 MW
    assert line["value"] == pytest.approx(5.0, rel=0.01)
    assert line["verdict"] == "fail"


def test_unbalance_shows_at_twice_the_line_frequency_in_fast_power_only(tmp_path: Path) -> None:
    time, volts, amperes, _ = waves(2.0, 1.0, swing_w=0.0)
    amperes[:, 0] = 0.0  # one conductor open
    record = load_record(write(tmp_path / "w.csv", time, volts, amperes), nominal_voltage_v=NOMINAL_V)
    assert np.ptp(record.power_w[50:]) < 1e-3 * MEAN_W
    assert record.banded is not None
    assert np.ptp(record.banded.power_w[50:]) > 0.5 * MEAN_W
    assert record.power_w[50:].mean() == pytest.approx(MEAN_W * 2.0 / 3.0, rel=1e-3)


def test_two_wattmeters_give_the_power_of_three_phases(tmp_path: Path) -> None:
    time, volts, amperes, _ = waves(1.0, 1.0)
    between = volts - np.roll(volts, -1, axis=1)  # a-b, b-c, c-a
    three = load_record(write(tmp_path / "p.csv", time, volts, amperes), nominal_voltage_v=NOMINAL_V)
    two = load_record(
        write(tmp_path / "l.csv", time, between, amperes, "vab_v,vbc_v,vca_v"), nominal_voltage_v=NOMINAL_V
    )
    np.testing.assert_allclose(two.power_w, three.power_w, rtol=1e-9)
    np.testing.assert_allclose(two.voltage_pu[50:], 1.0, rtol=1e-6)
    assert any("two wattmeters" in note for note in two.notes)


def test_sign_scale_and_steps_of_slow_samples(tmp_path: Path) -> None:
    time, volts, amperes, _ = waves(2.0, 1.0, rate_hz=800.0, line_hz=50.0)
    path = write(tmp_path / "w.csv", time, volts, -amperes)
    record = load_record(path, nominal_voltage_v=NOMINAL_V, sign="export", scale_to_w=200e6)
    assert record.tick_s == 1.0 / 800.0  # slower than 1 ms: the samples' own
    assert record.power_w.max() == pytest.approx(200e6)
    assert record.banded is not None
    assert record.banded.rated_power_w == record.rated_power_w == 200e6
    assert record.banded.power_w.mean() == pytest.approx(record.power_w.mean(), rel=2e-2)
    slow = load_record(path, step_s=0.01)
    assert (slow.tick_s, slow.samples, slow.voltage_pu) == (0.01, 200, None)


def test_gaps_and_other_frequencies_are_refused(tmp_path: Path) -> None:
    time, volts, amperes, _ = waves(2.0, 1.0)
    keep = (time < 0.6) | (time > 0.65)
    path = write(tmp_path / "w.csv", time[keep], volts[keep], amperes[keep])
    with pytest.raises(ScenarioError, match=r"1 gap: 0\.05.* s after t = 0\.59"):
        load_record(path)
    record = load_record(path, gaps="longest", nominal_voltage_v=NOMINAL_V)
    assert record.samples == pytest.approx(1349, abs=1)
    assert record.clock_s == pytest.approx(0.65, abs=1e-3)
    assert "longest stretch" in record.remarks[0]
    path = write(tmp_path / "w.csv", time, volts, amperes)
    with pytest.raises(ScenarioError, match="not the 50 Hz asked for"):
        load_record(path, nominal_frequency_hz=50.0)
    with pytest.raises(ScenarioError, match="highest peak"):
        load_record(path, nominal_voltage_v=10e3)


def test_without_currents_there_is_no_power(tmp_path: Path) -> None:
    time, volts, _, _ = waves(1.0, 1.0)
    path = write_csv(tmp_path / "w.csv", time, "t_s,va_v,vb_v,vc_v", volts)
    record = load_record(path, nominal_voltage_v=NOMINAL_V)
    assert not record.has_power
    assert record.banded is None
    assert any("no three currents" in note for note in record.notes)
    assert record.of_rule({"band_hz": [0.1, 55.0]}) is record


def test_comtrade_gives_what_its_csv_gives_with_the_time_of_day(tmp_path: Path) -> None:
    pytest.importorskip("comtrade")
    import datetime

    from wattkeel.interop.comtrade import Channel, write_comtrade

    time, volts, amperes, _ = waves(1.0, 5.0)
    channels = [Channel(f"V{p}", "V", volts[:, i], p) for i, p in enumerate("ABC")]
    channels += [Channel(f"I{p}", "A", amperes[:, i], p) for i, p in enumerate("ABC")]
    start = datetime.datetime(2026, 5, 4, 6, 7, 8, 500000)
    write_comtrade(tmp_path / "c.cfg", time, channels, frequency_hz=60.0, start=start)
    found = load_record(tmp_path / "c.cfg", nominal_voltage_v=NOMINAL_V)
    same = load_record(write(tmp_path / "w.csv", time, volts, amperes), nominal_voltage_v=NOMINAL_V)
    np.testing.assert_allclose(found.power_w, same.power_w, rtol=1e-5)  # stamps of whole microseconds
    np.testing.assert_allclose(found.voltage_pu, same.voltage_pu, rtol=1e-5)
    assert found.clock_s == 6 * 3600.0 + 7 * 60.0 + 8.5


def test_a_dip_of_one_phase_is_seen_by_that_phase(tmp_path: Path) -> None:
    time, volts, amperes, _ = waves(1.0, 1.0)
    volts[(time > 0.4) & (time < 0.6), 0] *= 0.4
    record = load_record(write(tmp_path / "w.csv", time, volts, amperes), nominal_voltage_v=NOMINAL_V)
    middle = slice(450, 590)
    np.testing.assert_allclose(record.phase_voltage_pu[0, middle], 0.4, rtol=1e-6)
    np.testing.assert_allclose(record.phase_voltage_pu[1, middle], 1.0, rtol=1e-6)
    np.testing.assert_allclose(record.voltage_pu[middle], 0.8, rtol=1e-6)  # (0.4 + 1 + 1) / 3
