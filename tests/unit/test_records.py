"""Records of values from files: columns, units, gaps, clocks, voltages and frequencies; what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from waves import write_csv

from wattkeel.compliance import MeasuredRecord, evaluate_record, evaluate_series, load_record
from wattkeel.compliance.record import CannotJudgeError
from wattkeel.errors import ScenarioError

TIME = np.arange(0.0, 40.0, 2.0)
POWER_MW = 50.0 + 0.01 * np.arange(len(TIME)) ** 2


def write(folder: Path, text: str) -> Path:
    path = folder / "r.csv"
    path.write_text(text, encoding="utf-8")
    return path


def table(folder: Path, header: str, *columns: Any, time: Any = TIME) -> Path:
    return write_csv(folder / "r.csv", time, header, *columns)


def faults(path: Path, **options: Any) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_record(path, **options)
    assert all(fault.remedy for fault in caught.value.faults)
    return str(caught.value)


def noted(record: MeasuredRecord, *words: str) -> bool:
    return any(all(word in note for word in words) for note in record.notes)


# -- power ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "scale"), [("p_mw", 0.0), ("p [MW]", 1.0), ("power_kw", 1e3), ("power_w", 1e6)]
)
def test_power_in_any_unit_is_watts(tmp_path: Path, header: str, scale: float) -> None:
    path = table(tmp_path, f"t_s,{header}", POWER_MW * (scale or 1.0))
    if not scale:  # mw may be milli or mega: nothing is assumed
        assert "--power-unit" in faults(path)
        record = load_record(path, power_unit="MW")
    else:
        record = load_record(path)
    np.testing.assert_allclose(record.power_w, POWER_MW * 1e6, rtol=1e-12)
    assert (record.tick_s, record.samples, record.has_power) == (2.0, len(TIME), True)


def test_a_power_without_unit_is_asked_for_its_unit(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,site_power", POWER_MW)
    told = faults(path)
    assert "'site_power' states no unit" in told
    assert f"{POWER_MW.max():.6g}" in told
    assert load_record(path, power_unit="MW").power_w[0] == 50e6


def test_a_unit_that_does_not_fit_the_rated_power_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,power_w", POWER_MW)  # megawatts that are called watts
    assert "--power-unit" in faults(path, rated_power_w=100e6)
    record = load_record(path, rated_power_w=100e6, power_unit="MW")
    assert noted(record, "the file says W", "read as MW")
    assert noted(
        load_record(table(tmp_path, "t_s,power_mw_x [MW]", 0.03 * POWER_MW), rated_power_w=100e6), "0.016"
    )


def test_export_is_turned_and_told(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,power [MW]", -POWER_MW)
    assert noted(load_record(path), "below zero", "--sign export")
    np.testing.assert_allclose(load_record(path, sign="export").power_w, POWER_MW * 1e6)


def test_columns_are_summed_and_named_ones_are_found_nearly(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,feeder1_kw,feeder2_kw", POWER_MW * 400.0, POWER_MW * 600.0)
    record = load_record(path)
    np.testing.assert_allclose(record.power_w, POWER_MW * 1e6, rtol=1e-12)
    assert noted(record, "sum of 2 columns")
    assert load_record(path, power_columns=["feeder2_kw"]).power_w[0] == pytest.approx(30e6)
    assert load_record(path, power_columns=["feeder?_kw"]).power_w[0] == pytest.approx(50e6)
    assert "did you mean 'feeder1_kw'" in faults(path, power_columns=["feder1_kw"])


def test_own_files_are_read_by_their_poi(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "t_s,site.load_power_w,poi.power_w,poi.voltage_pu",
        POWER_MW * 2e6,
        POWER_MW * 1e6,
        POWER_MW / 50.0,
    )
    record = load_record(path)
    np.testing.assert_allclose(record.power_w, POWER_MW * 1e6)
    np.testing.assert_allclose(record.voltage_pu, POWER_MW / 50.0)


def test_reactive_and_apparent_power_and_limits_are_no_power(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,p [MW],q [Mvar],s [MVA],power_limit [MW],power_factor", *[POWER_MW] * 5)
    assert load_record(path).columns["power"] == ("p [MW]",)


def test_reactive_power_is_read_by_its_unit_and_follows_sign_and_scale(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,p [MW],q [Mvar]", -POWER_MW, -0.2 * POWER_MW)
    record = load_record(path, sign="export", scale_to_w=POWER_MW.max() * 2e6)
    np.testing.assert_allclose(record.reactive_power_var, 0.4e6 * POWER_MW, rtol=1e-12)
    assert record.columns["reactive power"] == ("q [Mvar]",)
    assert load_record(path, reactive_column="none").reactive_power_var is None
    assert "is not in var" in faults(path, reactive_column="p [MW]")
    two = table(tmp_path, "t_s,p [MW],q1_kvar,q2_kvar", POWER_MW, 1e3 * POWER_MW, 2e3 * POWER_MW)
    assert noted(load_record(two), "reactive power is not judged", "--reactive-column")
    record = load_record(two, reactive_column="q2_kvar")
    np.testing.assert_allclose(record.reactive_power_var, 2e6 * POWER_MW, rtol=1e-12)


# -- time ----------------------------------------------------------------------------------------------


def test_gaps_are_listed_with_place_and_length_and_the_longest_stretch_is_judged(tmp_path: Path) -> None:
    values = POWER_MW.copy()
    values[4] = np.nan
    rows = [
        f"{t:g},{'' if math.isnan(v) else v}"
        for t, v in zip(TIME, values, strict=True)
        if not 13.0 < t < 17.0
    ]
    path = write(tmp_path, "\n".join(["t_s,power [MW]", *rows]) + "\n")
    told = faults(path)
    assert "2 gaps: 4 s after t = 6 s (line 5), 6 s after t = 12 s (line 8)" in told
    assert "--gaps longest" in told
    record = load_record(path, gaps="longest")
    np.testing.assert_allclose(record.power_w, POWER_MW[9:] * 1e6)
    assert "t = 0 is t = 18 s of the file" in record.remarks[0]
    assert all(record.remarks[0] in finding.note for finding in evaluate_record(record, ["ieso_trlcl_v3"]))


def test_missing_values_at_the_ends_are_left_out_and_told(tmp_path: Path) -> None:
    values = [math.nan, *POWER_MW[1:-1], math.nan]
    record = load_record(table(tmp_path, "t_s,power [MW]", values))
    assert record.samples == len(TIME) - 2
    assert noted(record, "2 samples without a value at begin or end")


def test_time_that_steps_back_or_stands_still_is_refused_with_its_place(tmp_path: Path) -> None:
    back = TIME.copy()
    back[5] = 3.0
    assert "time steps back 1 time (line 7); the first from t = 8 s to 3 s" in faults(
        table(tmp_path, "t_s,power [MW]", POWER_MW, time=back)
    )
    still = TIME.copy()
    still[5] = still[4]
    told = faults(table(tmp_path, "t_s,power [MW]", POWER_MW, time=still))
    assert "1 sample with the time of the one before but other values (line 7)" in told
    path = table(tmp_path, "t_s,power [MW]", np.repeat(POWER_MW, 2), time=np.repeat(TIME, 2))
    record = load_record(path)
    assert noted(record, "20 rows that repeat")
    assert record.samples == len(TIME)


def test_a_log_written_on_change_is_refused(tmp_path: Path) -> None:
    uneven = np.cumsum(1.0 + 9.0 * (np.arange(len(TIME)) % 3 == 0))
    assert "not evenly spaced" in faults(
        table(tmp_path, "t_s,power [MW]", POWER_MW, time=uneven), gaps="longest"
    )


def test_jitter_is_told_and_a_late_sample_is_no_gap(tmp_path: Path) -> None:
    late = TIME.copy()
    late[7] += 1.2  # more than half a spacing late, the next in time
    record = load_record(table(tmp_path, "t_s,power [MW]", POWER_MW, time=late))
    assert record.tick_s == 2.0
    assert noted(record, "spacings differ by up to 1.2 s")


def test_coarse_stamps_are_told_from_lost_samples(tmp_path: Path) -> None:
    count = 700
    power = 50.0 + np.sin(np.arange(count))
    stamps = np.floor(1.055 * np.arange(count) + 0.3)
    record = load_record(table(tmp_path, "t_s,power [MW]", power, time=stamps))
    # stamps of whole seconds tell the length of 699 spacings to a second
    assert record.tick_s == pytest.approx(1.055, abs=1.0 / 699.0)
    assert record.samples == count
    assert "stamps of whole 1 s" in record.remarks[0]
    lost = np.delete(np.arange(count), np.random.default_rng(3).choice(count - 2, 36, replace=False) + 1)
    told = faults(table(tmp_path, "t_s,power [MW]", power[lost], time=lost.astype(float)))
    assert " gaps: 2 s after" in told or " gaps: 3 s after" in told


def test_the_clock_of_dates_and_of_unix_time(tmp_path: Path) -> None:
    rows = [f"2026-03-01T13:20:{2 * i:02d},{50 + i}" for i in range(10)]
    record = load_record(write(tmp_path, "\n".join(["time,power [MW]", *rows])))
    assert record.clock_s == 13 * 3600.0 + 20 * 60.0
    rows[2] = rows[2].split(",")[0] + ","
    record = load_record(write(tmp_path, "\n".join(["time,power [MW]", *rows])), gaps="longest")
    assert record.clock_s == 13 * 3600.0 + 20 * 60.0 + 6.0
    unix = 86400.0 * 20000 + 4500.0
    assert load_record(table(tmp_path, "t_s,power [MW]", POWER_MW, time=unix + TIME)).clock_s == 4500.0
    assert load_record(table(tmp_path, "t_s,power [MW]", POWER_MW)).clock_s == 0.0


# -- voltage and frequency -----------------------------------------------------------------------------


def test_voltage_needs_its_nominal_and_is_told_apart_by_it(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,power [MW],voltage [kV]", POWER_MW, 134.0 + 0.0 * TIME)
    record = load_record(path)
    assert record.voltage_pu is None
    assert noted(record, "voltage is not judged", "134000 V", "--nominal-voltage")
    np.testing.assert_allclose(load_record(path, nominal_voltage_v=138e3).voltage_pu, 134.0 / 138.0)
    to_ground = load_record(path, nominal_voltage_v=230e3)
    np.testing.assert_allclose(to_ground.voltage_pu, 134.0 / 230.0 * math.sqrt(3.0))
    assert noted(to_ground, "phase to ground")
    assert "neither 20000 V between lines" in faults(path, nominal_voltage_v=20e3)


def test_phases_give_their_mean_and_stay(tmp_path: Path) -> None:
    level = [1.0, 0.9, 0.8]
    columns = [20e3 / math.sqrt(3.0) * one + 0.0 * TIME for one in level]
    path = table(tmp_path, "t_s,v_l1_v,v_l2_v,v_l3_v", *columns)
    record = load_record(path, nominal_voltage_v=20e3)
    np.testing.assert_allclose(record.voltage_pu, 0.9)
    assert record.phase_voltage_pu is not None
    np.testing.assert_allclose(record.phase_voltage_pu[:, 3], level)
    path = table(
        tmp_path, "t_s,v_l1_pu,v_l2_pu,v_l3_pu,v_positive_pu", *[one + 0.0 * TIME for one in [*level, 0.95]]
    )
    np.testing.assert_allclose(load_record(path).voltage_pu, 0.95)
    wrong = faults(table(tmp_path, "t_s,vab_v,vbc_v,vca_v", *columns), nominal_voltage_v=20e3)
    assert "typically 0.5774 pu" in wrong


def test_a_base_far_from_the_record_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,vab [kV],vbc [kV],vca [kV]", *[110.0 + 0.0 * TIME] * 3)
    assert "typically 3.333 pu" in faults(path, nominal_voltage_v=33e3)
    assert load_record(path, nominal_voltage_v=110e3).voltage_pu[0] == pytest.approx(1.0)


def test_a_record_without_power_passes_no_rule_of_power(tmp_path: Path) -> None:
    record = load_record(table(tmp_path, "t_s,f_hz", np.full(900, 50.01), time=np.arange(900.0)))
    assert not record.has_power
    with pytest.raises(CannotJudgeError, match="holds no power"):
        record.power_w  # noqa: B018
    assert repr(record).endswith("frequency_hz>")
    findings = evaluate_record(record, ["ieso_trlcl_v3", "southern_company"])
    assert {finding.verdict for finding in findings} <= {"not_evaluated", "emt_required"}
    assert sum("holds no power" in finding.note for finding in findings) >= 3


@pytest.mark.parametrize("hertz", [50.0, 60.0])
def test_the_nominal_frequency_is_that_of_the_record(tmp_path: Path, hertz: float) -> None:
    path = table(tmp_path, "t_s,power [MW],frequency [Hz]", POWER_MW, hertz + 0.02 * np.sin(TIME))
    assert load_record(path).nominal_frequency_hz == hertz
    assert load_record(path, nominal_frequency_hz=hertz).nominal_frequency_hz == hertz
    assert "asked for" in faults(path, nominal_frequency_hz=110.0 - hertz)
    mixed = np.where(TIME < 20.0, 50.0, 60.0)
    assert "mixes 50 and 60 Hz" in faults(table(tmp_path, "t_s,power [MW],frequency [Hz]", POWER_MW, mixed))
    assert "neither at 50 nor at 60" in faults(
        table(tmp_path, "t_s,power [MW],f_hz", POWER_MW, 400.0 + 0.0 * TIME)
    )


def test_without_a_frequency_the_nominal_one_is_taken_and_told(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,power [MW]", POWER_MW)
    assert noted(load_record(path), "60 Hz is taken", "--nominal-frequency")
    record = load_record(path, nominal_frequency_hz=50.0)
    assert record.nominal_frequency_hz == 50.0
    assert not noted(record, "60 Hz")


def test_frequency_is_held_where_there_is_no_voltage_only(tmp_path: Path) -> None:
    voltage, frequency = np.ones(len(TIME)), 50.0 + 0.001 * TIME
    voltage[8:11], frequency[8:11] = 0.0, 0.0
    path = table(tmp_path, "t_s,power [MW],voltage_pu,f_hz", POWER_MW, voltage, frequency)
    record = load_record(path)
    assert record.frequency_hz is not None
    np.testing.assert_array_equal(record.frequency_hz[8:11], frequency[7])
    assert noted(record, "frequency is held for 3 samples")
    told = faults(table(tmp_path, "t_s,power [MW],voltage_pu,f_hz", POWER_MW, np.ones(len(TIME)), frequency))
    assert "at or below zero in 3 samples (lines 10, 11, 12)" in told


def test_a_quantity_can_be_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "t_s,power [MW],voltage_pu,f_hz", POWER_MW, np.ones(len(TIME)), 50.0 + 0.0 * TIME)
    record = load_record(path, voltage_columns=["none"], frequency_column="none", nominal_frequency_hz=60.0)
    assert (record.voltage_pu, record.frequency_hz, record.nominal_frequency_hz) == (None, None, 60.0)
    assert not load_record(path, power_columns=["none"]).has_power


# -- scale, other formats, the same numbers --------------------------------------------------------------


def test_scaling_maps_the_largest_judged_power_and_says_so(tmp_path: Path) -> None:
    power = POWER_MW.copy()
    power[0] = 200.0  # inrush, within what is not judged
    record = load_record(table(tmp_path, "t_s,power [MW]", power), scale_to_w=500e6, settle_s=2.0)
    assert record.power_w[1:].max() == pytest.approx(500e6, rel=1e-12)
    assert record.rated_power_w == 500e6
    assert all("stands for 500 MW" in finding.note for finding in evaluate_record(record, ["ieso_trlcl_v3"]))
    kept = load_record(table(tmp_path, "t_s,power [MW]", power), scale_to_w=500e6, rated_power_w=600e6)
    assert kept.rated_power_w == 600e6
    assert "cannot be scaled" in faults(table(tmp_path, "t_s,power [MW]", -POWER_MW), scale_to_w=1e8)


def test_a_record_gives_the_findings_of_its_array(tmp_path: Path) -> None:
    time = np.arange(0.0, 120.0, 0.005)
    power = 50e6 + 4e6 * np.sin(2.0 * np.pi * 1.3 * time)
    path = table(tmp_path, "t_s,power_w", power, time=time)
    record = load_record(path, rated_power_w=60e6)
    np.testing.assert_allclose(record.power_w, power, rtol=1e-11)  # the file holds 12 digits
    profiles = ["ercot_power_variation_2026", "ieso_trlcl_v3", "lipa_pseg"]
    assert evaluate_record(record, profiles) == evaluate_series(
        record.power_w, 0.005, profiles, rated_power_w=60e6
    )


def test_parquet_and_comtrade_hold_the_same_record(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("comtrade")
    from wattkeel.interop.comtrade import Channel, write_comtrade

    hertz, voltage = 60.0 + 0.01 * np.sin(TIME), 1.0 - 0.001 * TIME
    columns = {
        "t_s": TIME,
        "poi.power_w": POWER_MW * 1e6,
        "poi.voltage_pu": voltage,
        "poi.frequency_hz": hertz,
        "poi.reactive_power_var": POWER_MW * 1e5,
    }
    parquet.write_table(arrow.table(columns), tmp_path / "r.parquet")
    channels = [
        Channel("poi.power_w", "W", POWER_MW * 1e6),
        Channel("poi.voltage_pu", "pu", voltage),
        Channel("poi.frequency_hz", "Hz", hertz),
        Channel("poi.reactive_power_var", "var", POWER_MW * 1e5),
    ]
    write_comtrade(tmp_path / "c.cfg", TIME, channels, frequency_hz=60.0)
    # COMTRADE stores 32-bit floats: 6e-8 of a value
    for name, tolerance in (("r.parquet", 0.0), ("c.cfg", 1e-7)):
        record = load_record(tmp_path / name)
        np.testing.assert_allclose(record.power_w, POWER_MW * 1e6, rtol=tolerance)
        np.testing.assert_allclose(record.voltage_pu, voltage, rtol=tolerance)
        np.testing.assert_allclose(record.frequency_hz, hertz, rtol=tolerance)
        np.testing.assert_allclose(record.reactive_power_var, POWER_MW * 1e5, rtol=tolerance)
        assert (record.tick_s, record.nominal_frequency_hz) == (2.0, 60.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "0 bytes"),
        ("t_s,power [MW]\n", "no sample below the header"),
        ("t_s,power [MW]\n0,1\n", "at least two"),
        ("power [MW],x\n1,2\n2,3\n", "no column of time"),
        ("t_s,x\n1,2\n2,3\n", "no column is power, voltage or frequency"),
        ("t_s,power [MW]\n0,1\n1,inf\n2,3\n", "infinite (line 3)"),
        ("t_s,power [MW]\n0,1\n1,many\n2,3\n", "not a number"),
        ("t_s,power [MW]\n0,1\nx,2\n2,3\n", "'t_s'"),
        ("t_s,power [MW]\n0,\n1,\n2,\n", "no value"),
        ("t_s,power [MW]\n0,1e13\n1,1e13\n", "is above"),
        (
            "t_s,va_v,vb_v,vc_v,power [MW]\n0,-1,1,1,1\n0.001,1,-1,-1,1\n",
            "waveforms beside a column of power",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_remedy(tmp_path: Path, text: str, words: str) -> None:
    assert words in faults(write(tmp_path, text))


def test_options_out_of_range_are_told_at_once(tmp_path: Path) -> None:
    told = faults(tmp_path / "r.csv", sign="both", gaps="bridge", nominal_voltage_v=-1.0, power_unit="mw")
    assert told.startswith("4 faults")
    assert "may be milli or mega" in told
    with pytest.raises(TypeError):
        load_record(tmp_path / "r.csv", no_such_option=1)
