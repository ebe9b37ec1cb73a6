"""Records from files whatever is in them: a record or a fault with a remedy, never a traceback; and laws."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wattkeel.cli import main
from wattkeel.compliance import MeasuredRecord, evaluate_record, load_record
from wattkeel.errors import Fault, ScenarioError

PROFILES = ["ercot_power_variation_2026", "ieso_trlcl_v3", "southern_company", "lipa_pseg"]
VERDICTS = {"pass", "fail", "marginal", "not_evaluated", "emt_required"}


def relaxed(examples: int) -> settings:
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=examples, deadline=None, suppress_health_check=quiet)


TIMES = ("t_s", "t_ms", "time", "timestamp", "Time (h)", "t_us")
HEADERS = (
    "power [MW]", "power_w", "p_mw", "power", "ac_w_node01", "ac_w_node02", "poi.power_w", "voltage [kV]",
    "va_v", "vb_v", "vc_v", "vab_kv", "vbc_kv", "v_pu", "v", "f_hz", "frequency", "f_mhz", "ia_a", "ib_a",
    "ic_a", "x", "", "power_factor", "gpu", "v_positive_pu",
)  # fmt: skip
SETS = (
    ["power [MW]"], ["power [MW]", "v_pu", "f_hz"], ["va_v", "vb_v", "vc_v", "ia_a", "ib_a", "ic_a"],
    ["vab_kv", "vbc_kv", "ia_a", "ib_a", "ic_a"], ["power_w", "va_v", "vb_v", "vc_v", "f_hz"],
    ["ac_w_node01", "ac_w_node02", "frequency"],
)  # fmt: skip
ODD = (
    "50", "60", "100 MW", "1e300", "-1e300", "0", "-1", "", "", "nan", "inf", "-inf", "N/A", "[N/A]", "x",
    "1,5",    "1e-320", "0x1", "9" * 400, '"', "2026-01-01",
)  # fmt: skip


def course(name: str, count: int, alternating: bool) -> list[str]:
    """Values that a column of this name may well hold."""
    low = name.lower()
    if low.startswith(("v", "u", "i")) and alternating and "pu" not in low:
        phase = 2.1 * ("abc".find(low[1]) if len(low) > 1 else 0)
        return [f"{1e5 * math.cos(0.3 * index - phase):.6g}" for index in range(count)]
    typical = {"v": 63.5, "f": 50.0}.get(low[:1], 80.0)
    typical = 1.0 if "pu" in low else 110.0 if "vab" in low or "vbc" in low else typical
    if low == "f_mhz" or low in ("va_v", "vb_v", "vc_v"):
        typical *= 1e3
    return [f"{typical + 0.01 * typical * math.sin(index):.6g}" for index in range(count)]


@st.composite
def tables(draw: Any) -> bytes:
    """A tidy record with a few things wrong in it."""
    names = draw(
        st.one_of(
            st.sampled_from(SETS), st.lists(st.sampled_from(HEADERS), min_size=1, max_size=5, unique=True)
        )
    )
    count = draw(st.integers(20, 90)) if draw(st.integers(0, 9)) else draw(st.integers(0, 3))
    step = draw(st.sampled_from((0.001, 1.0, 2.0, 0.05, 3600.0)))
    begin = draw(st.sampled_from((0.0, 1.7e9, -5.0)))
    alternating = draw(st.booleans())
    columns = [course(name, count, alternating) for name in names]
    times = [repr(begin + step * index) for index in range(count)]
    if draw(st.integers(0, 9)) == 9:
        times = [f"2026-03-29T01:{index // 60:02d}:{index % 60:02d}" for index in range(count)]
    rows = [list(row) for row in zip(times, *columns, strict=True)]
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2, 4)))):
        mutate(draw, rows)
    header = [draw(st.sampled_from(TIMES)) if draw(st.integers(0, 9)) == 9 else "t_s", *names]
    if draw(st.integers(0, 19)) == 19:
        header = header[: draw(st.integers(0, len(header)))]
    joint = draw(st.sampled_from((",", ",", ";", "\t")))
    data = "\n".join(joint.join(row) for row in [header, *rows])
    coded = data.encode(draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-16"))))
    return coded[: draw(st.integers(0, len(coded)))] if draw(st.integers(0, 19)) == 19 else coded


def mutate(draw: Any, rows: list[list[str]]) -> None:
    """Make one thing wrong: a cell, a row that is lost, doubled, moved or cut."""
    if not rows:
        return
    place = draw(st.integers(0, len(rows) - 1))
    what = draw(st.sampled_from(("cell", "cell", "blank", "lose", "double", "move", "cut", "clock", "latin")))
    if what in ("cell", "blank", "latin"):
        cell = {"cell": draw(st.sampled_from(ODD)), "blank": "", "latin": "\u00b5"}[what]
        if rows[place]:
            rows[place][draw(st.integers(0, len(rows[place]) - 1))] = cell
    elif what == "lose":
        del rows[place : place + draw(st.integers(1, 3))]
    elif what == "double":
        rows.insert(place, list(rows[place]))
    elif what == "move":
        rows.append(rows.pop(place))
    elif what == "cut":
        rows[place] = rows[place][:-1]
    else:
        for row in rows[place:]:
            if row and row[0].replace(".", "").isdigit():
                row[0] = repr(float(row[0]) + 7.0)


GOOD = st.fixed_dictionaries(
    {},
    optional={
        "gaps": st.sampled_from(("refuse", "longest", "longest")),
        "sign": st.sampled_from(("import", "export")),
        "kind": st.sampled_from(("auto", "auto", "values", "waveform")),
        "power_unit": st.sampled_from(("", "MW", "kW")),
        "voltage_unit": st.sampled_from(("", "kV", "V")),
        "nominal_voltage_v": st.sampled_from((None, 110e3)),
        "nominal_frequency_hz": st.sampled_from((None, 50.0)),
        "connection": st.sampled_from(("auto", "auto", "phase_to_ground", "line_to_line")),
        "scale_to_w": st.sampled_from((None, 1e8)),
        "settle_s": st.sampled_from((0.0, 0.01, 5.0, 1e9)),
        "voltage_columns": st.sampled_from(((), (), ("none",))),
        "frequency_column": st.sampled_from(("", "", "none")),
    },
)
BAD = st.sampled_from(
    (
        {"power_unit": "mw"}, {"power_unit": "furlong"}, {"voltage_unit": "m"},
        {"nominal_voltage_v": math.nan},
        {"nominal_voltage_v": 1.0}, {"nominal_frequency_hz": -1.0},
        {"nominal_frequency_hz": 60.0},
        {"connection": "delta"}, {"rated_power_w": 1.0}, {"settle_s": -1.0}, {"power_columns": ("p*",)},
        {"power_columns": ("nothing",)}, {"power_columns": ("none",)}, {"voltage_columns": ("va_v", "vb_v")},
        {"frequency_column": "x"}, {"step_s": 1e-9}, {"step_s": 1e9},
    )
)  # fmt: skip
OPTIONS = st.one_of(GOOD, GOOD, GOOD, st.builds(lambda good, bad: {**good, **bad}, GOOD, BAD))


def judged(record: MeasuredRecord) -> None:
    """A record holds finite numbers of one length, and rules judge it."""
    arrays = [record.voltage_pu, record.frequency_hz]
    if record.has_power:
        arrays.append(record.power_w)
    if record.phase_voltage_pu is not None:
        arrays += list(record.phase_voltage_pu)
    held = [array for array in arrays if array is not None]
    assert held
    assert all(array.shape == (record.samples,) and np.isfinite(array).all() for array in held)
    assert record.samples >= 2
    assert 0.0 < record.tick_s < math.inf
    assert 0.0 <= record.clock_s < math.inf
    findings = evaluate_record(record, PROFILES)
    assert findings
    assert {finding.verdict for finding in findings} <= VERDICTS
    if not record.has_power:
        assert not any(finding.verdict == "pass" and finding.block == "ramp" for finding in findings)


def loaded(path: Path, options: dict[str, Any]) -> tuple[MeasuredRecord | None, tuple[Fault, ...]]:
    try:
        return load_record(path, **options), ()
    except ScenarioError as error:
        return None, error.faults


@relaxed(250)
@given(data=tables(), options=OPTIONS)
@example(data=b"t_s,power [MW]\n0,50\n1,50\n2,60\n", options={})
@example(data=b"\xff\xfe", options={})
def test_any_table_gives_a_record_or_faults_with_remedies(
    tmp_path: Path, data: bytes, options: dict[str, Any]
) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    record, faults = loaded(path, options)
    if record is None:
        assert faults
        assert all(fault.message and fault.remedy for fault in faults)
    else:
        judged(record)


@relaxed(80)
@given(data=st.binary(max_size=200), suffix=st.sampled_from((".csv", ".parquet", ".csv.gz", ".cff", ".cfg")))
@example(data=b"PAR1\x00\x00PAR1", suffix=".parquet")
@example(data=b"\x1f\x8b\x08\x00\x00", suffix=".csv.gz")
@example(
    data=b"--- file type: CFG ---\r\nx\r\n--- file type: DAT ASCII ---\r\n1,0,1\r\n2,1,1\r\n", suffix=".cff"
)
def test_any_bytes_are_bad_input_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, suffix: str
) -> None:
    pytest.importorskip("comtrade")
    pytest.importorskip("pyarrow")
    path = tmp_path / f"r{suffix}"
    path.write_bytes(data)
    (tmp_path / "r.dat").write_bytes(data)
    status = main(["comply", str(path), "--profile", "ieso_trlcl_v3"])
    out, err = capsys.readouterr()
    assert status == 2, err
    assert out == ""
    assert "fault" in err


POWERS = st.lists(st.integers(0, 1000), min_size=20, max_size=80)


def written(folder: Path, power_w: np.ndarray, time_s: np.ndarray, unit: str = "W") -> Path:
    scale = {"W": 1.0, "kW": 1e3, "MW": 1e6}[unit]
    rows = [f"{t!r},{p / scale!r}" for t, p in zip(time_s.tolist(), power_w.tolist(), strict=True)]
    (folder / "r.csv").write_text("\n".join([f"t_s,power [{unit}]", *rows]), encoding="utf-8")
    return folder / "r.csv"


def rules(limit_w: float) -> list[dict[str, Any]]:
    return [
        {"name": "ramp", "kind": "ramp", "window_s": 4.0, "limit_w_per_s": limit_w / 4.0},
        {"name": "step", "kind": "power_variation", "window_s": 3.0, "limit_w": limit_w},
        {"name": "share", "kind": "power_variation", "window_s": 3.0, "limit_fraction": 0.25},
        {"name": "range", "kind": "dynamic_range", "limit_fraction": 0.5},
        {
            "name": "band",
            "kind": "band_power",
            "band_low_hz": 0.1,
            "band_high_hz": 0.4,
            "limit_w": limit_w / 8.0,
        },
    ]


@relaxed(60)
@given(values=POWERS, limit=st.integers(1, 1000), power_of_two=st.integers(1, 16))
def test_power_and_limits_scaled_alike_change_no_verdict(
    tmp_path: Path, values: list[int], limit: int, power_of_two: int
) -> None:
    power_w, time_s, scale = np.array(values) * 1e3 + 1e5, np.arange(float(len(values))), 2.0**power_of_two
    small = load_record(written(tmp_path, power_w, time_s), rated_power_w=1e6, nominal_frequency_hz=50.0)
    large = load_record(written(tmp_path, power_w * scale, time_s), rated_power_w=1e6 * scale)
    before = evaluate_record(small, [], rules=rules(1e3 * limit))
    after = evaluate_record(large, [], rules=rules(1e3 * limit * scale))
    assert [(f.verdict, f.time_s) for f in before] == [(f.verdict, f.time_s) for f in after]
    assert len(before) == 5
    for one, other in zip(before, after, strict=True):
        factor = 1.0 if one.unit == "1" else scale
        assert other.value == pytest.approx((one.value or 0.0) * factor, rel=1e-12)
    target = load_record(written(tmp_path, power_w, time_s), scale_to_w=float(power_w.max()) * scale)
    np.testing.assert_allclose(target.power_w, large.power_w, rtol=1e-15)


@relaxed(40)
@given(
    values=POWERS, shift_s=st.sampled_from((0.0, 3.0, -1e4, 1.7e9)), unit=st.sampled_from(("W", "kW", "MW"))
)
def test_where_time_begins_and_how_power_is_written_change_nothing(
    tmp_path: Path, values: list[int], shift_s: float, unit: str
) -> None:
    power_w, time_s = np.array(values) * 1e5, np.arange(float(len(values)))
    plain = load_record(written(tmp_path, power_w, time_s))
    other = load_record(written(tmp_path, power_w, time_s + shift_s, unit))
    np.testing.assert_allclose(other.power_w, plain.power_w, rtol=1e-15)
    assert other.tick_s == plain.tick_s == 1.0
    negative = load_record(written(tmp_path, -power_w, time_s), sign="export")
    np.testing.assert_array_equal(negative.power_w, plain.power_w)
    with pytest.raises(ScenarioError, match="steps back"):
        load_record(written(tmp_path, power_w, time_s[::-1]))


@relaxed(60)
@given(values=POWERS, lost=st.sets(st.integers(1, 18), min_size=1, max_size=3))
def test_the_longest_stretch_is_what_stands_between_the_gaps(
    tmp_path: Path, values: list[int], lost: set[int]
) -> None:
    power_w, time_s = np.array(values, dtype=np.float64) + 1.0, np.arange(float(len(values)))
    keep = np.array([index not in lost for index in range(len(values))])
    path = written(tmp_path, power_w[keep], time_s[keep])
    with pytest.raises(ScenarioError, match="gap"):
        load_record(path)
    record = load_record(path, gaps="longest")
    edges = [-1, *sorted(lost), len(values)]
    begin, end = max(
        itertools.pairwise(edges), key=lambda pair: pair[1] - pair[0]
    )  # the first of the longest
    np.testing.assert_array_equal(record.power_w, power_w[begin + 1 : end])
    assert f"t = {begin + 1} s of the file" in record.remarks[0]
    blank = "\n".join(
        f"{t!r},{p!r}" if kept else f"{t!r},"
        for t, p, kept in zip(time_s.tolist(), power_w.tolist(), keep, strict=True)
    )
    path.write_text("t_s,power [W]\n" + blank, encoding="utf-8")
    same = load_record(path, gaps="longest")
    np.testing.assert_array_equal(same.power_w, record.power_w)
