"""Import of measured traces: every layout, every fault, the exact integral."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattkeel.errors import ScenarioError
from wattkeel.trace import Trace, TraceError, read_trace

PLAIN = "t_s,power_w\n0,100\n1,200\n2,150\n"


def put(folder: Path, content: str | bytes, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(folder: Path, content: str | bytes, columns: tuple[str, ...] = ()) -> Trace:
    return read_trace(put(folder, content), columns, where="workload.llm.trace")


def refused(folder: Path, content: str | bytes, columns: tuple[str, ...] = ()) -> list[str]:
    """Give message and remedy of every fault."""
    with pytest.raises(TraceError) as caught:
        read(folder, content, columns)
    assert isinstance(caught.value, ScenarioError)
    assert all(fault.place == "workload.llm.trace" and fault.remedy for fault in caught.value.faults)
    return [f"{fault.message} -> {fault.remedy}" for fault in caught.value.faults]


def one_fault(folder: Path, content: str | bytes, columns: tuple[str, ...] = ()) -> str:
    faults = refused(folder, content, columns)
    assert len(faults) == 1, faults
    return faults[0]


# --- what a trace is ---


def test_fields_of_a_plain_trace(tmp_path: Path) -> None:
    trace = read(tmp_path, PLAIN)
    assert trace.time_s.tolist() == [0.0, 1.0, 2.0]
    assert trace.power_w.tolist() == [[100.0], [200.0], [150.0]]
    assert trace.power_w.flags.c_contiguous
    assert not trace.power_w.flags.writeable
    assert not trace.time_s.flags.writeable
    assert trace.columns == ("power_w",)
    assert trace.source == str(tmp_path / "trace.csv")
    assert len(trace.sha256) == 64
    assert (trace.sampling_s, trace.refresh_s, trace.length_s) == (1.0, 1.0, 3.0)
    assert trace.warnings == ()


def test_energy_is_the_exact_integral(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,power_w\n0,100\n1,200\n3,150\n4,50\n")
    # hold: 100*1 + 200*2 + 150*1, then the last sample for the median spacing of 1 s
    assert trace.energy_j("hold").tolist() == [100.0 + 400.0 + 150.0 + 50.0]
    assert trace.energy_j("linear").tolist() == [150.0 + 350.0 + 100.0 + 50.0]


@pytest.mark.parametrize(
    ("interpolation", "window", "mean_w"),
    [
        ("hold", (0.5, 1.5), 150.0),
        ("hold", (2.5, 5.0), (200.0 * 0.5 + 150.0 + 50.0) / 2.5),
        ("linear", (0.0, 0.5), 125.0),
        ("linear", (0.25, 0.75), 150.0),
        ("linear", (4.0, 5.0), 50.0),  # after the last sample it is held
        ("linear", (0.0, 5.0), 130.0),
    ],
)
def test_mean_over_a_window(
    tmp_path: Path, interpolation: str, window: tuple[float, float], mean_w: float
) -> None:
    trace = read(tmp_path, "t_s,power_w\n0,100\n1,200\n3,150\n4,50\n")
    assert trace.mean_over(*window, interpolation)[0] == pytest.approx(mean_w, rel=1e-15)


@pytest.mark.parametrize("window", [(-1.0, 1.0), (1.0, 1.0), (2.0, 1.0), (0.0, 3.1), (float("nan"), 1.0)])
def test_mean_over_refuses_windows_outside(tmp_path: Path, window: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="window"):
        read(tmp_path, PLAIN).mean_over(*window)


def test_unknown_interpolation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="interpolation"):
        read(tmp_path, PLAIN).energy_j("cubic")  # type: ignore[arg-type]


# --- layouts ---


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(",", ", "),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", ",\n"),
        PLAIN.rstrip("\n"),
        "\n" + PLAIN.replace("\n", "\n\n"),
        "# a comment, with a comma\n" + PLAIN,
        "# " + PLAIN,  # as numpy.savetxt writes a header
        "\ufeff" + PLAIN,
        PLAIN.encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        '"t_s","power_w"\n"0","100"\n"1","200"\n"2","150"\n',
        "power_w,t_s\n100,0\n200,1\n150,2\n",
        "t_s;power_w\n0,0;100,0\n1,0;200,0\n2,0;150,0\n",  # decimal commas
    ],
)
def test_text_variants_give_the_same_trace(tmp_path: Path, content: str | bytes) -> None:
    trace = read(tmp_path, content)
    assert trace.time_s.tolist() == [0.0, 1.0, 2.0]
    assert trace.power_w.ravel().tolist() == [100.0, 200.0, 150.0]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("t_s", ("10", "10.5", "11")),
        ("t", ("0", "0.5", "1")),
        ("time", ("0", "0.5", "1")),
        ("time_s", ("0.0", "0.5", "1.0")),
        ("Time(s)", ("0.0", "0.5", "1.0")),
        ("elapsed [ms]", ("0", "500", "1000")),
        ("t_ms", ("-500", "0", "500")),
        ("timestamp_us", ("0", "500000", "1000000")),
        ("timestamp", ("1715900000", "1715900000.5", "1715900001")),
        ("timestamp", ("1715900000000", "1715900000500", "1715900001000")),
        ("timestamp", ("1715900000000000001", "1715900000500000001", "1715900001000000001")),
        ("timestamp", ("2024/05/16 23:59:59.500", "2024/05/17 00:00:00.000", "2024/05/17 00:00:00.500")),
        (
            "measured_on",
            ("2022-03-18 04:33:00-07:00", "2022-03-18 04:33:00.5-07:00", "2022-03-18 11:33:01+00:00"),
        ),
        ("time_utc", ("2025-04-28T11:00:00Z", "2025-04-28T11:00:00.5Z", "2025-04-28T11:00:01Z")),
        ("time_cest", ("2025-04-28T11:00:00", "2025-04-28T11:00:00.5", "2025-04-28T11:00:01")),
        ("Timestamp", ("2024-05-16 10:00:00 UTC", "2024-05-16 10:00:00.5 UTC", "2024-05-16 10:00:01 UTC")),
    ],
)
def test_time_columns(tmp_path: Path, header: str, cells: tuple[str, ...]) -> None:
    rows = "".join(f"{cell},{power}\n" for cell, power in zip(cells, (100, 200, 150), strict=True))
    assert read(tmp_path, f"{header},power_w\n{rows}").time_s.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("header", "cell", "power_w"),
    [
        ("power_w", "121.46", 121.46),
        ("power_W", "121.46", 121.46),
        ("ac_w", "9637.0", 9637.0),
        ("dc_w", "9637.0", 9637.0),
        ("W", "2406.5", 2406.5),
        ("Watts", "2406.5", 2406.5),
        ("ac_power__752", "4628.5", 4628.5),
        ("power_draw_W", "71", 71.0),
        ("power.draw [W]", "121.46", 121.46),
        ("power.draw [W]", "121.46 W", 121.46),
        ("power.draw", "121.46 W", 121.46),
        ("power_kw", "7.25", 7250.0),
        ("site power (kW)", "7.25", 7250.0),
        ("load [MW]", "120.5", 120.5e6),
        ("load_MW", "120.5", 120.5e6),
        ("power_mW", "121460", 121.46),
        ("power_phase_a", "5", 5.0),
        ("DCGM_FI_DEV_POWER_USAGE", "310.5", 310.5),
        ("rack power", "1.5 kW", 1500.0),
    ],
)
def test_power_columns(tmp_path: Path, header: str, cell: str, power_w: float) -> None:
    trace = read(
        tmp_path, f"t_s,{header},temperature.gpu,util_gpu,v_v\n0,{cell},50,1,230\n1,{cell},50,1,230\n"
    )
    assert trace.columns == (header,)
    assert trace.power_w.ravel().tolist() == [power_w, power_w]


def test_limits_and_statistics_are_not_power(tmp_path: Path) -> None:
    text = "timestamp, power.limit [W], enforced.power.limit [W], power.draw [W], power_factor, ghi_w_m2\n"
    rows = "".join(f"2024/05/16 10:00:0{s}.000, 400.00 W, 400.00 W, {s}.00 W, 0.98, 700\n" for s in (1, 2, 3))
    assert read(tmp_path, text + rows).columns == ("power.draw [W]",)


def test_nvidia_smi_csv_of_two_gpus(tmp_path: Path) -> None:
    lines = [
        "timestamp, index, name, pci.bus_id, utilization.gpu [%], power.draw [W], clocks.current.sm [MHz]"
    ]
    for poll in range(4):
        for gpu in range(2):
            lines.append(
                f"2024/05/16 10:00:0{poll}.00{gpu * 4}, {gpu}, NVIDIA H100 80GB HBM3, 00000000:{gpu}B:00.0, "
                f"99 %, {100 + 10 * poll + gpu}.50 W, 1980 MHz"
            )
    trace = read(tmp_path, "\n".join(lines) + "\n")
    assert trace.columns == ("power.draw [W][0]", "power.draw [W][1]")
    assert trace.power_w.tolist() == [[100.5 + 10 * k, 101.5 + 10 * k] for k in range(4)]
    assert trace.time_s.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert trace.sampling_s == 1.0
    assert any("0.004 s apart" in text for text in trace.warnings)


@pytest.mark.parametrize("key", ["gpu_index", "index", "uuid", "pci.bus_id", "gpu", "UUID", "node"])
def test_interleaved_rows_become_columns(tmp_path: Path, key: str) -> None:
    text = f"t,{key},power_w\n" + "".join(f"{t},{g},{10 * t + g}\n" for t in range(3) for g in (10, 9, 2))
    trace = read(tmp_path, text)
    assert trace.columns == ("power_w[2]", "power_w[9]", "power_w[10]")  # by number, not by text
    assert trace.power_w.tolist() == [[10 * t + g for g in (2, 9, 10)] for t in range(3)]


def test_hosts_and_gpus_together_are_the_key(tmp_path: Path) -> None:
    rows = [(t, host, gpu) for t in range(2) for host in ("a", "b") for gpu in (0, 1)]
    trace = read(tmp_path, "t_s,hostname,gpu,power_w\n" + "".join(f"{t},{h},{g},{t}\n" for t, h, g in rows))
    assert trace.columns == tuple(f"power_w[{key}]" for key in ("a/0", "a/1", "b/0", "b/1"))


def test_index_that_counts_rows_is_no_gpu(tmp_path: Path) -> None:
    assert read(tmp_path, "index,t_s,power_w\n0,0,1\n1,1,2\n2,2,3\n").columns == ("power_w",)


def test_gpus_polled_apart_are_read_at_the_nearest_sample(tmp_path: Path) -> None:
    text = "t_s,gpu_index,power_w\n0,0,10\n0.1,1,20\n1,0,11\n2,0,12\n2.1,1,22\n3,0,13\n3.1,1,23\n"
    trace = read(tmp_path, text)
    assert trace.time_s.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert trace.power_w.tolist() == [[10, 20], [11, 20], [12, 22], [13, 23]]
    assert any("not polled together" in text for text in trace.warnings)


def test_choice_of_one_gpu(tmp_path: Path) -> None:
    text = "t_s,gpu_index,power_w\n" + "".join(f"{t},{g},{10 * t + g}\n" for t in range(3) for g in range(3))
    assert read(tmp_path, text, ("power_w[1]",)).power_w.ravel().tolist() == [1.0, 11.0, 21.0]
    assert read(tmp_path, text, ("power_w[2]", "power_w[*]")).columns == (
        "power_w[2]",
        "power_w[0]",
        "power_w[1]",
    )
    assert "meters are 0, 1, 2" in one_fault(tmp_path, text, ("power_w[7]",))


def test_instant_reading_goes_before_the_average(tmp_path: Path) -> None:
    header = (
        "t_s,power.draw [W],power.draw.average [W],power.draw.instant [W],module.power.draw.instant [W]\n"
    )
    trace = read(tmp_path, header + "0,1,1,5,9\n1,2,2,6,9\n2,2,2,7,9\n")
    assert trace.columns == ("power.draw.instant [W]",)
    assert any("left out" in text and "power.draw.average" in text for text in trace.warnings)


def test_unsupported_reading_falls_back(tmp_path: Path) -> None:
    text = "t_s, power.draw [W], power.draw.instant [W]\n0, 1.00 W, [N/A]\n1, 2.00 W, [N/A]\n"
    trace = read(tmp_path, text)
    assert trace.columns == ("power.draw [W]",)
    assert any("instant" in text and "no value" in text for text in trace.warnings)


def test_average_alone_is_read_with_a_warning(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,power.draw.average [W]\n0,1\n1,2\n2,3\n")
    assert any("running average" in text for text in trace.warnings)


def test_ac_goes_before_dc(tmp_path: Path) -> None:
    text = "t_s,ac_w_node01,ac_w_node02,dc_w_node01,dc_w_node02\n0,1,2,3,4\n1,2,3,4,5\n"
    trace = read(tmp_path, text)
    assert trace.columns == ("ac_w_node01", "ac_w_node02")
    assert any("AC and DC" in text for text in trace.warnings)
    assert read(tmp_path, text, ("dc_w_node*",)).columns == ("dc_w_node01", "dc_w_node02")
    assert read(tmp_path, text, ("?c_w_node02", "ac_w_node01")).power_w[0].tolist() == [2, 4, 1]


def test_total_goes_before_its_parts(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,W,V,A,PF,Ch1_W,Ch2_W\n0,30,230,1,1,10,20\n1,31,230,1,1,10,21\n")
    assert trace.columns == ("W",)
    assert any("Ch1_W" in text for text in trace.warnings)


def test_rails_of_a_shunt_meter_are_not_power(tmp_path: Path) -> None:
    text = "t_ms,pcie1_v,pcie1_a,eps_v,eps_a,power_w\n0,12,1,12,2,36\n0.2,12,1,12,3,48\n"
    assert read(tmp_path, text).columns == ("power_w",)


def test_columns_named_without_their_unit_or_in_other_case(tmp_path: Path) -> None:
    text = "t_s,Power.Draw [W],cpu_w\n0,1,2\n1,2,3\n"
    assert read(tmp_path, text, ("power.draw",)).columns == ("Power.Draw [W]",)


# --- warnings ---


def test_negative_values_are_kept_with_a_warning(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,ac_w\n0,-2.7\n1,5\n2,-1\n")
    assert trace.power_w.min() == -2.7
    assert any("2 values below zero, the lowest -2.7 W" in text for text in trace.warnings)


def test_gaps_are_warned_of(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,power_w\n0,1\n1,2\n2,3\n8,4\n9,5\n")
    assert any("1 gap longer" in text and "6 s at t = 2 s" in text for text in trace.warnings)


def test_sensor_slower_than_its_poll(tmp_path: Path) -> None:
    rows = "".join(f"{k * 10},{50 + (k // 10) % 7}\n" for k in range(200))
    trace = read(tmp_path, "t_ms,power_w\n" + rows)
    assert trace.sampling_s == pytest.approx(0.01, rel=1e-12)
    assert trace.refresh_s == pytest.approx(0.1, rel=1e-12)
    assert any("changes only every 0.1 s" in text for text in trace.warnings)


def test_constant_power_has_no_refresh(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,power_w\n0,7\n1,7\n2,7\n")
    assert trace.refresh_s == trace.length_s == 3.0


def test_identical_columns_are_found(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,ac_w_node1,ac_w_node2,ac_w_node3\n0,1,5,1\n1,2,6,2\n")
    assert any("2 distinct records among 3" in t and "ac_w_node1 = ac_w_node3" in t for t in trace.warnings)


def test_repeated_rows_are_dropped(tmp_path: Path) -> None:
    trace = read(tmp_path, "t_s,power_w\n0,1\n1,2\n1,2\n2,3\n")
    assert trace.time_s.tolist() == [0.0, 1.0, 2.0]
    assert any("1 row with the same time and power" in text for text in trace.warnings)


def test_few_missing_readings_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = "".join(f"{k}, {'[N/A]' if k == 30 else f'{k}.00 W'}\n" for k in range(60))
    trace = read(tmp_path, "t_s, power.draw [W]\n" + rows)
    assert len(trace.time_s) == 59
    assert any("1 of 60 samples dropped" in text for text in trace.warnings)


def test_gpu_without_readings_is_left_out(tmp_path: Path) -> None:
    rows = "".join(f"{t}, {g}, {'[Not Supported]' if g else f'{t}.00 W'}\n" for t in range(3) for g in (0, 1))
    trace = read(tmp_path, "t_s, index, power.draw [W]\n" + rows)
    assert trace.columns == ("power.draw [W][0]",)
    assert any("meter 1 left out" in text for text in trace.warnings)


# --- faults ---

MANY = "t_s,power_w\n" + "".join(f"{k},{100 + k}\n" for k in range(50))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (gzip.compress(b"", mtime=0), "0 bytes"),
        (gzip.compress(MANY.encode(), mtime=0)[:-20], "cut off"),
        (gzip.compress(MANY.encode(), mtime=0)[:12], "cut off"),
        (b"\x1f\x8b" + bytes(range(200)), "damaged"),
        (bytes(range(256)) * 4, "binary"),
        (b"\x7fELF\x02\x01\x01\0" * 9, "binary"),
        (b"PK\x03\x04rest", "zip"),
        (b"BZh91AY", "bzip2"),
        (PLAIN.replace("t_s", "t [\u00b5s]").encode("latin-1"), "byte 0xb5 is not UTF-8"),
        (PLAIN.encode("utf-16")[:-1], "UTF-16"),
        (":::MLLOG {}\n", "MLPerf"),
        ('{"a": 1}', "JSON"),
        ("<html></html>", "HTML"),
        ("0,100\n1,200\n2,300\n", "no header"),
        ("2024/05/16 10:00:00.000, NVIDIA H100, 121.46 W\n" * 2, "noheader"),
        ("power_w\n1\n2\n", "separates columns"),
        ("17\n18\n", "no header"),
        ("t_s,power_w\n", "no sample"),
        ("t_s,power_w\n0,1\n", "1 sample"),
        ("t_s,power_w\n0,1\n0,1\n", "1 sample"),
        ("time_a,voltage_v\n0,1\n", "no column is power"),
        ("clock,power_w\n0,1\n", "no column of time"),
        ("t_s,energy_j,gpu0_energy\n0,1,1\n1,2,2\n", "trace_columns"),
        ("t_s,power_limit_w\n0,1\n1,2\n", "no column is power"),
        ("t_s,cpu_power,gpu_power,ram_power\n0,1,2,3\n1,1,2,3\n", "several different columns"),
        ("t_s,power_w,power_w\n0,1,2\n1,1,2\n", "more than once"),
        ("t_s,power_mw\n0,1\n1,2\n", "milliwatts or megawatts"),
        ("t_s,power [kW]\n0,1 W\n1,2 W\n", "the header says kW, the cells say W"),
        ("t_s,power_w\n0,1 W\n1,2 kW\n2,3 W\n", "'kW' where others have 'W'"),
        ("t_s,power_w\n0,1 W\n1,2 V\n2,3 W\n", "unit 'V'"),
        ("t_s,power_w\n0,1\n1\n2,3\n", "1 row with another number of cells than the header's 2 (line 3"),
        ("t_s,power_w\n0,1\n1,2,9\n2,3\n", "line 3"),
        (MANY + "51", "line 52, the last, is cut off"),
        ("t_s,power_w\n0,1\n1,\n2,nan\n3,4\n", "2 cells empty or NaN (lines 3, 4)"),
        ("t_s,power_w\n0,1\n1,inf\n2,3\n", "infinite (line 3)"),
        ("t_s,power_w\n0,1\n,2\n2,3\n", "'t_s': 1 cell empty or NaN (line 3)"),
        ("t_s,power_w\n0,1\n1,abc\n2,3\n", "'abc'"),
        ("t_s,power_w\n0,1\n1,3.69e12\n2,3\n", "above 1e+12 W"),
        ("t_s,power_w\n0,1\n1,2\n1,3\n2,3\n", "the time of the one before but another power (line 4)"),
        ("t_s,power_w\n0,1\n2,2\n1,3\n3,3\n", "steps back 1 time (line 4)"),
        (PLAIN + PLAIN, "the header stands there again"),
        ("t_s,power_w\n" + "0,[N/A]\n1,[N/A]\n", "does not support"),
        ("t_s,power_w\n" + "".join(f"{k},{'[N/A]' if k % 2 else 5}\n" for k in range(9)), "4 of 9 samples"),
        ("timestamp,power_w\n5/16/2024 10:00,1\n5/16/2024 10:01,2\n", "no date and time"),
        ("timestamp,power_w\n2024-05-16T10:00:00,1\n2024-05-16T10:00:01Z,2\n", "time zone"),
        ("t_s,power_w\n0,1\n[N/A],2\n2,3\n", "without a time (line 3)"),
        ('t_s,power_w\n0,"1\n' + "1,2\n" * 40000, "field larger"),
        ("t_s,gpu_index,power_w\n0,0,1\n1,0,2\n8,1,3\n9,1,4\n10,1,5\n", "no time in common"),
    ],
)
def test_faults(tmp_path: Path, content: str | bytes, part: str) -> None:
    assert any(part in text for text in refused(tmp_path, content)), refused(tmp_path, content)


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = "t_s,power_w\n0,1\n1,\n2,abc\n3,inf\n4,5e12\nx,3\n3,3\n9,9\n8,8\n8"
    faults = refused(tmp_path, text)
    for part in ("empty", "'abc'", "infinite", "above", "'x'", "steps back 2 times", "cut off"):
        assert any(part in fault for fault in faults), part
    assert "no column of time" in (both := refused(tmp_path, "a,b\n1,2\n"))[0]
    assert "no column is power" in both[1]


def test_line_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    text = "# made by hand\n\nt_s,power_w\n0,1\n\n1,2\n" + "".join(f"{k},\n" for k in range(2, 9))
    assert "7 cells empty or NaN (lines 7, 8, 9, 10, 11 and 2 more)" in one_fault(tmp_path, text)


def test_missing_file_folder_and_near_name(tmp_path: Path) -> None:
    put(tmp_path, PLAIN, "gpu_trace.csv")
    for path, part in (
        (tmp_path / "gpu_tracee.csv", "did you mean gpu_trace.csv?"),
        (tmp_path / "zzzzz", "no such file"),
        (tmp_path / "no" / "such" / "x.csv", "does not exist"),
        (tmp_path, "folder"),
        (tmp_path / "nul\0.csv", "cannot be read"),
    ):
        with pytest.raises(TraceError, match="trace") as caught:
            read_trace(path)
        assert part in str(caught.value).replace("\\", "")


def test_wrong_columns_are_named_with_near_names(tmp_path: Path) -> None:
    faults = refused(tmp_path, "t_s,power_w,v_v\n0,1,2\n1,2,2\n", ("power_v", "v_v", "t_s", "zzz*"))
    assert "did you mean 'power_w'" in faults[0]
    assert "'v_v' is not power" in faults[1]
    assert "'t_s' is not power" in faults[2]
    assert "no column 'zzz*'" in faults[3]


def test_one_meter_asked_by_index(tmp_path: Path) -> None:
    assert "write 'power_w'" in one_fault(tmp_path, PLAIN, ("power_w[0]",))


def test_remedy_names_the_key_of_the_section(tmp_path: Path) -> None:
    path = put(tmp_path, "t_s,ghi_w_m2\n0,1\n1,2\n")
    with pytest.raises(TraceError, match=r'trace_column = "\.\.\."'):
        read_trace(path, where="generation.pv.trace")
    with pytest.raises(TraceError, match="trace_columns = "):
        read_trace(path, where="workload.llm.trace")
    assert read_trace(path, ["ghi_w_m2"]).warnings == ("column 'ghi_w_m2' states no unit: taken as W",)


# --- Parquet ---


def parquet(**columns: object) -> bytes:
    arrow = pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    sink = io.BytesIO()
    importlib.import_module("pyarrow.parquet").write_table(arrow.table(columns), sink)
    return sink.getvalue()


def test_parquet(tmp_path: Path) -> None:
    data = parquet(
        **{"t_ms": np.array([0, 1, 2], np.float32), "power.draw [W]": [1.0, 2.0, 4.0], "x_v": [1, 2, 3]}
    )
    trace = read(tmp_path, data)
    assert trace.time_s.tolist() == [0.0, 0.001, 0.002]
    assert trace.power_w.ravel().tolist() == [1.0, 2.0, 4.0]


def test_parquet_with_points_in_time_and_text_keys(tmp_path: Path) -> None:
    begin = datetime(2024, 5, 16, 10)
    stamps = [begin + timedelta(microseconds=250 * (k // 2)) for k in range(6)]
    data = parquet(__index_level_0__=stamps, uuid=["GPU-b", "GPU-a"] * 3, power_w=[1, 2, 3, 4, 5, 6])
    trace = read(tmp_path, data)
    assert trace.columns == ("power_w[GPU-b]", "power_w[GPU-a]")
    assert trace.time_s.tolist() == [0.0, 0.00025, 0.0005]
    assert trace.power_w.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        ({"t_s": [0.0, 1.0, None], "power_w": [1.0, float("nan"), 3.0]}, "(row 3)"),
        ({"t_s": [0.0, 1.0], "power_w": [[1.0], [2.0]]}, "has the type list"),
        ({"t_s": [], "power_w": []}, "no row"),
        ({"t_s": [0, 1], "voltage": [1, 2]}, "no column is power"),
    ],
)
def test_parquet_faults(tmp_path: Path, columns: dict[str, list[object]], part: str) -> None:
    assert any(part in text for text in refused(tmp_path, parquet(**columns)))


def test_damaged_parquet(tmp_path: Path) -> None:
    data = parquet(t_s=list(range(900)), power_w=list(range(900)))
    assert "damaged" in one_fault(tmp_path, data[: len(data) // 2])
    with pytest.raises(TraceError, match="not Parquet"):
        read_trace(put(tmp_path, PLAIN, "x.parquet"))
    hole = data[:40] + b"\xff" * 400 + data[440:]
    assert refused(tmp_path, hole)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    assert 'pip install "wattkeel[io]"' in one_fault(tmp_path, b"PAR1....PAR1")


# --- properties ---

FINITE = st.floats(-1e11, 1e11, allow_nan=False, width=64)


@settings(max_examples=60, deadline=None)
@given(
    steps_ms=st.lists(st.integers(1, 10_000), min_size=1, max_size=20),
    powers=st.lists(FINITE, min_size=21, max_size=21),
    separator=st.sampled_from([",", ";", "\t", ", "]),
    end=st.sampled_from(["\n", "\r\n"]),
    unit=st.sampled_from(["", " W"]),
    packed=st.booleans(),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    steps_ms: list[int],
    powers: list[float],
    separator: str,
    end: str,
    unit: str,
    packed: bool,
) -> None:
    time_ms = [0, *np.cumsum(steps_ms).tolist()]
    power_w = powers[: len(time_ms)]
    rows = [f"{t}{separator}{p!r}{unit}" for t, p in zip(time_ms, power_w, strict=True)]
    data = end.join([f"t_ms{separator}power.draw [W]", *rows, ""]).encode()
    trace = read(tmp_path_factory.mktemp("trace"), gzip.compress(data, mtime=0) if packed else data)
    assert trace.power_w.ravel().tolist() == power_w
    assert trace.time_s.tolist() == [t / 1000 for t in time_ms]
    # The integral over one pass is the sum of the integrals over its parts.
    scale = float(np.abs(trace.power_w).max()) * trace.length_s
    for interpolation in ("hold", "linear"):
        cut_s = 0.37 * trace.length_s
        parts = trace.mean_over(0.0, cut_s, interpolation) * cut_s
        parts = parts + trace.mean_over(cut_s, trace.length_s, interpolation) * (trace.length_s - cut_s)
        assert np.abs(parts - trace.energy_j(interpolation)).max() <= 1e-12 * scale + 1e-300


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_junk_is_refused_without_a_traceback(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("junk")
    for data in (
        junk,
        b"t_s,power_w\n0,1\n" + junk,
        gzip.compress(junk, mtime=0),
        b"PAR1" + junk,
        b"t_s;power_w [W]\n" + junk,
    ):
        with contextlib.suppress(TraceError):
            read(folder, data)
