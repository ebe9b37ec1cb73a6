"""Readers of grid records: columns by name, units, COMTRADE as recorders write it, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from waves import balanced, times, write_csv

from wattkeel.interop.comtrade import Channel, write_comtrade
from wattkeel.trace import TraceError
from wattkeel.waveform import estimate, read_course, read_record
from wattkeel.waveform.columns import label, unit_of

RATE = 1000.0
TIME = times(0.2, RATE)
WAVES = balanced(2.0 * np.pi * 50.0 * TIME, 1000.0)


def faults(path: Path, *columns: str, rms: bool = False, **options: object) -> str:
    with pytest.raises(TraceError) as caught:
        (read_course if rms else read_record)(path, columns, **options)  # type: ignore[operator]
    assert all(fault.remedy for fault in caught.value.faults)
    return str(caught.value)


# -- names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "quantity", "unit", "phase", "connection"),
    [
        ("va_kv", "voltage", "kV", 0, "phase_to_ground"),
        ("v1_v", "voltage", "V", 0, "phase_to_ground"),
        ("U L3 [V]", "voltage", "V", 2, "phase_to_ground"),
        ("v_l2_v", "voltage", "V", 1, "phase_to_ground"),
        ("Vbn", "voltage", "", 1, "phase_to_ground"),
        ("bus2.voltage_b", "voltage", "", 1, "phase_to_ground"),
        ("vab_v", "voltage", "V", 0, "line_to_line"),
        ("U12 (kV)", "voltage", "kV", 0, "line_to_line"),
        ("u_l3-l1", "voltage", "", 2, "line_to_line"),
        ("va_rms_v", "voltage", "V", 0, "phase_to_ground"),
        ("ia_a", "current", "A", 0, "phase_to_ground"),
        ("f_hz", "frequency", "Hz", -1, ""),
        ("poi.frequency_hz", "frequency", "Hz", -1, ""),
        ("v_positive_v", "voltage", "V", -1, ""),
        ("poi.voltage_pu", "voltage", "pu", -1, ""),
        ("vdc_station_battery_v", "voltage", "V", -1, ""),
        ("ac_w_node12", "other", "", -1, ""),
        ("pcie1_a", "current", "A", -1, ""),
    ],
)
def test_names_tell_quantity_unit_and_phase(
    name: str, quantity: str, unit: str, phase: int, connection: str
) -> None:
    found = label(3, name)
    assert (found.quantity, found.unit, found.phase, found.connection) == (quantity, unit, phase, connection)


def test_units_of_milli_and_mega_are_not_mixed() -> None:
    assert (unit_of("kv"), unit_of("mV"), unit_of("MV"), unit_of("mv")) == ("kV", "mV", "MV", "")


def test_channel_phase_tells_where_the_name_does_not() -> None:
    found = label(0, "LINE 7 A", "kV", "A")
    assert (found.quantity, found.phase, found.group) == ("voltage", 0, "line 7")


# -- CSV and Parquet -----------------------------------------------------------------------------------


def test_csv_of_phases_in_kilovolts(tmp_path: Path) -> None:
    currents = 0.1 * WAVES
    header = "t_ms,va_kv,vb_kv,vc_kv,ia_a,ib_a,ic_a"
    path = write_csv(tmp_path / "r.csv", TIME * 1e3, header, WAVES / 1e3, currents)
    record = read_record(path)
    np.testing.assert_allclose(record.voltage_v, WAVES, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(record.time_s, TIME, rtol=0.0, atol=1e-12)
    assert record.current_a is not None
    np.testing.assert_allclose(record.current_a, currents, rtol=1e-9, atol=1e-6)
    assert record.sampling.rate_hz == pytest.approx(RATE)
    assert (record.sampling.gaps, record.nominal_frequency_hz) == (0, 50.0)
    assert not record.voltage_v.flags.writeable
    packed = tmp_path / "r.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_record(packed).voltage_v, record.voltage_v)


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"t_s": TIME, **{f"v{p}_v": WAVES[:, i] for i, p in enumerate("abc")}})
    parquet.write_table(table, tmp_path / "r.parquet")
    np.testing.assert_array_equal(read_record(tmp_path / "r.parquet").voltage_v, WAVES)


def test_two_voltages_between_lines_give_the_third(tmp_path: Path) -> None:
    lines = WAVES - WAVES[:, [1, 2, 0]]
    path = write_csv(tmp_path / "r.csv", TIME, "t_s,vab_v,vbc_v", lines[:, :2])
    record = read_record(path)
    assert record.connection == "line_to_line"
    assert record.columns[2] == "-(vab_v + vbc_v)"
    np.testing.assert_allclose(record.voltage_v, lines, rtol=0.0, atol=1e-6)
    course = estimate(record)
    assert course.positive_v is not None
    np.testing.assert_allclose(course.positive_v, 1000.0 * np.sqrt(3.0), rtol=1e-9)


def test_columns_in_any_order_by_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", TIME, "t_s,x,y,z", WAVES[:, [2, 0, 1]])
    np.testing.assert_allclose(read_record(path, ["y", "Z", "x"]).voltage_v, WAVES, atol=1e-6)
    assert "the names do not tell" in faults(path)
    assert "did you mean" in faults(path, "y", "z", "xx")
    assert "named twice" in faults(path, "y", "z", "z")
    assert "do not give the third" in faults(path, "y", "z")


def test_several_sets_are_for_the_user_to_choose(tmp_path: Path) -> None:
    header = "t_s,bus1_va,bus1_vb,bus1_vc,bus2_va,bus2_vb,bus2_vc"
    path = write_csv(tmp_path / "r.csv", TIME, header, WAVES, 0.5 * WAVES)
    assert "several sets of phases" in faults(path)
    found = read_record(path, ["bus2_va", "bus2_vb", "bus2_vc"])
    np.testing.assert_allclose(found.voltage_v, 0.5 * WAVES, atol=1e-6)


def test_missing_values_are_left_out_while_they_are_few(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", TIME, "t_s,va,vb,vc", WAVES)
    lines = path.read_text().splitlines()
    lines[10] = lines[10].rsplit(",", 1)[0] + ","
    path.write_text("\n".join(lines))
    record = read_record(path)
    assert len(record.time_s) == len(TIME) - 1
    assert record.sampling.gaps == 1
    assert any("without a value" in note for note in record.notes)
    lines[20:50] = [line.rsplit(",", 1)[0] + "," for line in lines[20:50]]
    path.write_text("\n".join(lines))
    assert "lack a value" in faults(path)


def test_what_is_wrong_in_a_table_is_told(tmp_path: Path) -> None:
    assert "no such file" in faults(tmp_path / "none.csv")
    path = write_csv(tmp_path / "r.csv", TIME, "x_s,va,vb,vc", WAVES)
    assert "no column of time" in faults(path)
    path = write_csv(tmp_path / "r.csv", TIME[::-1], "t_s,va,vb,vc", WAVES)
    assert "does not ascend" in faults(path)
    path = write_csv(tmp_path / "r.csv", TIME, "t_s,va_pu,vb_pu,vc_v", WAVES)
    assert "some columns of voltage are in pu" in faults(path)
    text = (tmp_path / "r.csv").read_text().replace("vc_v", "vc_pu").splitlines()
    text[7], text[9] = text[7].replace(",", ",bad,", 1).rsplit(",", 1)[0], text[9] + "x"
    path.write_text("\n".join(text))
    message = faults(path)
    assert "vc_pu" in message
    assert "va_pu" in message


def test_a_line_far_from_nominal_is_noted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", TIME * 0.6, "t_s,va,vb,vc", WAVES)
    assert any("far from 60 Hz" in note for note in read_record(path).notes)


# -- RMS values ----------------------------------------------------------------------------------------


def test_rms_values_are_used_as_they_are(tmp_path: Path) -> None:
    time_s = np.arange(6) * 2.0
    rms = np.array([[230.0, 231.0, 229.0]] * 4 + [[5.0, 5.0, 5.0]] * 2)
    hertz = np.array([50.0, 49.9, 49.5, 48.6, 40.0, 40.0])
    path = write_csv(tmp_path / "r.csv", time_s, "t_s,v_l1_v,v_l2_v,v_l3_v,f_hz", rms, hertz)
    course = read_course(path)
    np.testing.assert_array_equal(course.rms_v, rms)
    assert course.frequency_hz is not None
    assert course.frequency_hz.tolist() == [50.0, 49.9, 49.5, 48.6, 48.6, 48.6]
    assert course.held.tolist() == [False] * 4 + [True] * 2
    assert course.voltage("mean_rms").tolist() == pytest.approx([230.0] * 4 + [5.0] * 2)
    assert course.voltage("least_phase").tolist() == [229.0] * 4 + [5.0] * 2
    assert course.voltage("phase_b").tolist() == rms[:, 1].tolist()
    with pytest.raises(ValueError, match="no positive sequence"):
        course.voltage("positive_sequence")
    assert course.length_s == 12.0


def test_one_column_in_pu_is_enough(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", [0.0, 1.0, 1.5], "t_s,voltage_pu", [1.0, 0.5, 1.0])
    course = read_course(path)
    assert course.per_unit
    assert (course.frequency_hz, course.notes) == (None, ())
    with pytest.raises(ValueError, match="no phase_b"):
        course.voltage("phase_b")


def test_rms_below_zero_and_bad_frequency_are_told_together(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", [0.0, 1.0], "t_s,v_v,f_hz", [-230.0, 230.0], [50.0, 0.0])
    message = faults(path, rms=True)
    assert "below zero" in message
    assert "frequency at or below zero" in message


# -- COMTRADE ------------------------------------------------------------------------------------------

ANALOG = "{n},{name},{phase},,kV,{a},{b},{skew},{low},{high},{primary},{secondary},{ps}"


def comtrade_file(
    folder: Path, form: str, *, skew: str = "0", station: str = "Station", name: str = "U{}", ps: str = "P",
    ratio: tuple[str, str] = ("1", "1"), bounds: tuple[str, str] = ("-32767", "32767"),
    encoding: str = "utf-8", date: str = "01/02/2024,00:00:00.000000", frequency: str = "50", status: int = 0,
    cut: int = 0,
) -> Path:  # fmt: skip
    """A record as another program would write it: integers of 16 or 32 bits, floats, or ASCII."""
    pytest.importorskip("comtrade")
    a = 1e-4 if form != "FLOAT32" else 1.0
    head = [f"{station},7,1999", f"{3 + status},3A,{status}D"]
    for number, phase in enumerate("ABC", 1):
        head.append(
            ANALOG.format(
                n=number, name=name.format(phase), phase=phase, a=a, b="", skew=skew, low=bounds[0],
                high=bounds[1], primary=ratio[0], secondary=ratio[1], ps=ps,
            )
        )  # fmt: skip
    head += [f"{4 + n},S{n},,,0" for n in range(status)]
    head += [frequency, "1", f"{RATE:g},{len(TIME)}", date, date, form, "1", ""]
    (folder / "r.CFG").write_bytes("\r\n".join(head).encode(encoding))
    raw = WAVES / 1e3 / a
    kind = {"BINARY": "<i2", "BINARY32": "<i4", "FLOAT32": "<f4"}.get(form)
    if kind is None:
        rows = [
            f"{i + 1},{i * 1000},{','.join(f'{value:.0f}' for value in row)}{',0' * status}"
            for i, row in enumerate(raw)
        ]
        (folder / "r.DAT").write_text("\r\n".join(rows[: len(rows) - cut]) + "\r\n\x1a")
    else:
        table = np.zeros(
            len(TIME),
            dtype=[("n", "<u4"), ("t", "<u4"), ("v", kind, (3,)), ("s", "<u2", ((status + 15) // 16,))],
        )
        table["n"], table["t"] = np.arange(1, len(TIME) + 1), np.arange(len(TIME)) * 1000
        table["v"] = raw if form == "FLOAT32" else np.rint(raw)
        (folder / "r.DAT").write_bytes(table[: len(table) - cut].tobytes())
    return folder / "r.CFG"


@pytest.mark.parametrize("status", [0, 17])
@pytest.mark.parametrize("form", ["ASCII", "BINARY", "BINARY32", "FLOAT32"])
def test_comtrade_in_every_format(tmp_path: Path, form: str, status: int) -> None:
    record = read_record(comtrade_file(tmp_path, form, status=status))
    np.testing.assert_allclose(record.voltage_v, WAVES, rtol=0.0, atol=0.06)
    np.testing.assert_allclose(record.time_s, TIME, rtol=0.0, atol=1e-12)
    assert record.columns == ("UA", "UB", "UC")
    assert record.nominal_frequency_hz == 50.0
    assert record.notes == ()
    np.testing.assert_array_equal(read_record(tmp_path / "r.DAT").voltage_v, record.voltage_v)


def test_comtrade_with_blank_fields_and_foreign_text(tmp_path: Path) -> None:
    """Blank skew, bounds and ratios, cp1251, commas in the station, no date, a measured frequency."""
    path = comtrade_file(
        tmp_path, "BINARY", skew="", bounds=("", ""), ratio=("", ""), ps="", station="ПС Южная, 110 кВ, 1СШ",
        name="Напряжение {}", encoding="cp1251", date="-", frequency="49.98",
    )  # fmt: skip
    record = read_record(path)
    np.testing.assert_allclose(record.voltage_v, WAVES, rtol=0.0, atol=0.06)
    assert record.nominal_frequency_hz == 50.0
    told = "\n".join(record.notes)
    for part in ("not UTF-8", "the date", "49.98 Hz"):
        assert part in told


def test_the_package_alone_fails_on_such_a_file(tmp_path: Path) -> None:
    """Why the configuration is cleaned; should this pass some day, the cleaning can go."""
    library = pytest.importorskip("comtrade")
    path = comtrade_file(tmp_path, "BINARY", bounds=("", ""), name="Напряжение {}", encoding="cp1251")
    with pytest.raises((UnicodeDecodeError, ValueError)):
        library.load(str(path), str(tmp_path / "r.DAT"))


def test_comtrade_secondary_values_are_scaled(tmp_path: Path) -> None:
    record = read_record(comtrade_file(tmp_path, "BINARY32", ps="S", ratio=("110000", "100")))
    np.testing.assert_allclose(record.voltage_v, 1100.0 * WAVES, rtol=0.0, atol=60.0)
    assert any("secondary" in note for note in record.notes)


def test_comtrade_cut_off_is_not_filled_with_zeros(tmp_path: Path) -> None:
    for form in ("ASCII", "BINARY"):
        record = read_record(comtrade_file(tmp_path, form, cut=50))
        assert len(record.time_s) == len(TIME) - 50
        np.testing.assert_allclose(record.voltage_v, WAVES[:-50], rtol=0.0, atol=0.06)
        assert any("150 of the 200 samples" in note for note in record.notes)


def test_comtrade_skew_is_noted(tmp_path: Path) -> None:
    assert any("skewed" in n for n in read_record(comtrade_file(tmp_path, "ASCII", skew="10")).notes)


@pytest.mark.parametrize("form", ["ASCII", "FLOAT32"])
def test_single_file_format(tmp_path: Path, form: str) -> None:
    path = comtrade_file(tmp_path, form)
    cfg, dat = path.read_bytes(), (tmp_path / "r.DAT").read_bytes()
    size = f": {len(dat)}" if form != "ASCII" else ""
    parts = [b"--- file type: CFG ---\r\n", cfg, b"\r\n--- file type: INF ---\r\nhello\r\n"]
    parts += [f"--- file type: DAT {form}{size} ---\r\n".encode(), dat]
    (tmp_path / "r.cff").write_bytes(b"".join(parts))
    record = read_record(tmp_path / "r.cff")
    np.testing.assert_array_equal(record.voltage_v, read_record(path).voltage_v)
    (tmp_path / "r.cff").write_bytes(b"".join(parts[:3]))
    assert "DAT" in faults(tmp_path / "r.cff")


def test_what_is_wrong_in_comtrade_is_told(tmp_path: Path) -> None:
    path = comtrade_file(tmp_path, "ASCII")
    (tmp_path / "r.DAT").unlink()
    assert "there is no .dat" in faults(path)
    path = comtrade_file(tmp_path, "ASCII", cut=199)
    assert "1 sample" in faults(path)
    path = comtrade_file(tmp_path, "ASCII")
    path.write_text(path.read_text().replace("ASCII", "BCD"))
    assert "no format" in faults(path)
    path.write_text("only one line")
    assert "cannot be read" in faults(path)
    path = comtrade_file(tmp_path, "ASCII")
    path.write_text(path.read_text().replace("kV,0.0001,", "kV,,", 2))
    assert faults(path).count("multiplier a") == 2
    path = comtrade_file(tmp_path, "ASCII")
    (tmp_path / "r.DAT").write_text("1,0,a,b,c\n2,1,d,e,f\n")
    assert "the package comtrade cannot read it" in faults(path)


# -- writer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "revision"), [("FLOAT32", "2013"), ("ASCII", "2013"), ("ASCII", "1999")])
def test_round_trip_through_the_package(tmp_path: Path, form: str, revision: str) -> None:
    library = pytest.importorskip("comtrade")
    rng = np.random.default_rng(5)
    channels = [
        Channel("V, positive", "pu", 1.0 + 0.1 * rng.standard_normal(500), "A"),
        Channel("P", "W", 1e8 * rng.random(500)),
        Channel("still", "Hz", np.full(500, 59.987)),
    ]
    cfg, dat = write_comtrade(
        tmp_path / "out.cfg", np.arange(500) * 1e-3, channels, frequency_hz=60.0, trigger_s=0.1,
        form=form, revision=revision,
    )  # fmt: skip
    found = library.Comtrade(use_numpy_arrays=True, use_double_precision=True)
    found.load(str(cfg), str(dat))
    assert found.rev_year == revision
    assert found.frequency == 60.0
    assert found.trigger_time == pytest.approx(0.1)
    assert found.analog_channel_ids == ["V  positive", "P", "still"]
    np.testing.assert_allclose(found.time, np.arange(500) * 1e-3, rtol=1e-9)
    for channel, values in zip(channels, found.analog, strict=True):
        wanted = np.asarray(channel.values)
        if form == "FLOAT32":
            np.testing.assert_array_equal(values, wanted.astype(np.float32))
        else:
            slack = 0.5001 * np.ptp(wanted) / (2 * 99998) + 1e-12
            np.testing.assert_allclose(values, wanted, rtol=0.0, atol=slack)


def test_uneven_samples_go_by_their_stamps(tmp_path: Path) -> None:
    pytest.importorskip("comtrade")
    time_s = np.cumsum(np.random.default_rng(3).integers(400, 600, 400)) * 1e-6
    time_s -= time_s[0]
    waves = balanced(2.0 * np.pi * 50.0 * time_s, 1000.0)
    channels = [Channel(f"V{p}", "V", waves[:, i], p) for i, p in enumerate("ABC")]
    cfg, _ = write_comtrade(tmp_path / "out", time_s, channels, frequency_hz=50.0)
    record = read_record(cfg)
    np.testing.assert_allclose(record.time_s, time_s, rtol=0.0, atol=1e-9)
    np.testing.assert_array_equal(record.voltage_v, waves.astype(np.float32))


def test_records_longer_than_the_stamps_reach(tmp_path: Path) -> None:
    library = pytest.importorskip("comtrade")
    time_s = np.array([0.0, 10.0, 86400.0])
    cfg, dat = write_comtrade(
        tmp_path / "out.cfg", time_s, [Channel("V", "V", [1.0, 2.0, 3.0])], frequency_hz=50.0
    )
    found = library.load(str(cfg), str(dat), use_double_precision=True)
    np.testing.assert_allclose(found.time, time_s, rtol=0.0, atol=1e-5)


def test_the_writer_tells_all_faults_at_once(tmp_path: Path) -> None:
    from wattkeel import ScenarioError

    with pytest.raises(ScenarioError) as caught:
        write_comtrade(
            tmp_path / "x", [0.0, 0.0], [Channel("V", "V", [1.0, np.nan])], frequency_hz=0.0, revision="1999"
        )
    assert {fault.place for fault in caught.value.faults} == {
        "time_s", "channels.V", "form", "frequency_hz"
    }  # fmt: skip
    assert not list(tmp_path.iterdir())
