"""Playback of a record in the grid stage of a site: times, means, courses, events, faults."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import Run, lossless_site, state_bits
from waves import balanced, times, write_csv

import wattkeel as wk
from wattkeel import events
from wattkeel.engine import Engine
from wattkeel.interop.comtrade import POI, write_poi
from wattkeel.parameters import Grid, GridPlayback, Island
from wattkeel.scenario import Scenario
from wattkeel.waveform import read_course

TICK_S = 1e-3
# Time, voltage pu, frequency Hz of a record with corners within ticks.
RECORD = np.array(
    [[0.0, 1.0, 60.0], [0.0204, 0.9, 59.9], [0.0211, 0.4, 59.5], [0.0607, 0.7, 59.8], [0.0900, 1.0, 60.0]]
)
END_S = 0.09 + np.median(np.diff(RECORD[:, 0]))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "record.csv", RECORD[:, 0], "t_s,v_pu,f_hz", RECORD[:, 1:])


def site(record: Path, grid: dict[str, Any] | None = None, **playback: Any) -> Scenario:
    tables = {
        "title": "playback",
        "simulation": {"duration_s": 0.2, "tick_s": TICK_S},
        "grid": {"playback": {"file": str(record), "kind": "rms", **playback}, **(grid or {})},
    }
    return Scenario.from_dict(lossless_site(1e6, tables))


def mean_over_ticks(column: int, interpolation: str, first_s: float, ticks: int) -> np.ndarray:
    """Mean of a column of the record over each tick, by brute force; its last value holds."""
    fine = 2000
    at_s = first_s + (np.arange(ticks * fine) + 0.5) * TICK_S / fine
    if interpolation == "linear":
        values = np.interp(at_s, RECORD[:, 0], RECORD[:, column])
    else:
        values = RECORD[np.searchsorted(RECORD[:, 0], at_s, side="right") - 1, column]
    return values.reshape(ticks, fine).mean(axis=1)


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
def test_voltage_and_frequency_are_means_over_the_tick(record: Path, engine: str, interpolation: str) -> None:
    run = Run(site(record, at="poi", interpolation=interpolation, start_s=0.05), engine=engine)
    assert (run["poi.voltage_pu"][:50] == 1.0).all()
    assert (run["poi.frequency_hz"][:50] == 60.0).all()
    played = mean_over_ticks(1, interpolation, 0.0, 150)
    np.testing.assert_allclose(run["poi.voltage_pu"][50:], played, rtol=0.0, atol=2e-4)
    offsets = mean_over_ticks(2, interpolation, 0.0, 150)
    np.testing.assert_allclose(run["poi.frequency_hz"][50:], offsets, rtol=0.0, atol=2e-4)
    # Where the course is even the mean is exact to rounding.
    if interpolation == "hold":
        np.testing.assert_allclose(run["poi.voltage_pu"][50 + 22 : 50 + 60], 0.4, rtol=1e-15)


def test_trace_start_and_whole_ticks(record: Path) -> None:
    run = Run(site(record, at="poi", trace_start_s=0.03, start_s=0.0104))
    np.testing.assert_allclose(
        run["poi.voltage_pu"][10:], mean_over_ticks(1, "linear", 0.03, 190), rtol=0.0, atol=2e-4
    )
    assert (run["poi.voltage_pu"][:10] == 1.0).all()


@pytest.mark.parametrize(("after", "voltage", "hertz"), [("last", 0.7, 59.8), ("nominal", 1.0, 60.0)])
def test_what_holds_after_the_record(tmp_path: Path, after: str, voltage: float, hertz: float) -> None:
    short = write_csv(tmp_path / "short.csv", RECORD[:4, 0], "t_s,v_pu,f_hz", RECORD[:4, 1:])
    run = Run(site(short, at="poi", after=after, interpolation="linear"))
    end_tick = (RECORD[3, 0] + np.median(np.diff(RECORD[:4, 0]))) / TICK_S
    # No slope towards nominal: the last value holds to the end of the record.
    np.testing.assert_allclose(run["poi.voltage_pu"][61 : int(end_tick)], 0.7, rtol=1e-12)
    np.testing.assert_allclose(run["poi.voltage_pu"][int(end_tick) + 1 :], voltage, rtol=1e-12)
    np.testing.assert_allclose(run["poi.frequency_hz"][int(end_tick) + 1 :], hertz, rtol=1e-12)


def test_source_voltage_is_multiplied_behind_the_impedance(record: Path, engine: str) -> None:
    """The POI voltage is that of a load behind the impedance, for the source that the record gives."""
    grid = {"scr": 5.0, "x_over_r": 3.0, "source_voltage_pu": 1.05, "rated_power_w": 2e7}
    run = Run(site(record, grid, interpolation="hold"), engine=engine)
    p = run["poi.power_w"] / 2e7
    source = 1.05 * mean_over_ticks(1, "hold", 0.0, 200)
    z = 1.0 / 5.0
    r = z / np.sqrt(10.0)
    half = 0.5 * source**2 - r * p
    np.testing.assert_allclose(
        run["poi.voltage_pu"], np.sqrt(half + np.sqrt(half**2 - (z * p) ** 2)), rtol=0.0, atol=5e-4
    )
    assert run["poi.unserved_power_w"].max() == 0.0


def test_playback_and_events_multiply_and_add(record: Path) -> None:
    event = {"start_s": 0.03, "duration_s": 0.01, "voltage_pu": 0.5, "frequency_offset_hz": -0.25}
    plain = Run(site(record, at="poi"))
    both = Run(site(record, {"event": [event]}, at="poi"))
    during = slice(30, 40)
    np.testing.assert_allclose(
        both["poi.voltage_pu"][during], 0.5 * plain["poi.voltage_pu"][during], rtol=1e-14
    )
    np.testing.assert_allclose(
        both["poi.frequency_hz"][during], plain["poi.frequency_hz"][during] - 0.25, rtol=1e-14
    )
    after = slice(40, None)
    assert both["poi.voltage_pu"][after].tobytes() == plain["poi.voltage_pu"][after].tobytes()


def test_frequency_is_left_out_where_it_is_not_wanted(record: Path) -> None:
    run = Run(site(record, at="poi", use_frequency=False))
    assert (run["poi.frequency_hz"] == 60.0).all()


def test_begin_and_end_are_an_event(record: Path, engine: str) -> None:
    result = wk.simulate(site(record, start_s=0.05), engine=engine, progress=False)
    found = [event for event in result.events if event.kind == "grid_playback"]
    assert [(event.place, event.tick) for event in found] == [("grid.playback", 50)]
    assert found[0].duration_s == pytest.approx(np.ceil(END_S / TICK_S) * TICK_S)
    assert "playback of a measured grid record" in events.describe(found[0])


def test_engines_give_the_same_bits_from_any_tick(record: Path) -> None:
    scenario = site(record, start_s=0.0123, trace_start_s=0.0051, interpolation="linear")
    native, numba = (Run(scenario, engine=name) for name in ("native", "numba"))
    assert native.values.tobytes() == numba.values.tobytes()
    assert native.events == numba.events
    assert state_bits(native.engine) == state_bits(numba.engine)
    engine = Engine(scenario)
    engine.step(37)
    kept = engine.snapshot()
    engine.step(100)
    wanted = state_bits(engine)
    other = Engine(scenario, engine="numba")
    other.restore(kept)
    other.step(100)
    assert state_bits(other) == wanted


def test_waveforms_drive_by_the_voltage_chosen(tmp_path: Path) -> None:
    """Steady unbalance: each choice gives its own value."""
    time_s = times(0.25, 2000.0)
    waves = balanced(2.0 * np.pi * 60.0 * time_s, 100.0) * [1.0, 0.7, 0.9]
    path = write_csv(tmp_path / "w.csv", time_s, "t_s,va_v,vb_v,vc_v", waves)
    mean = 2.6 / 3.0
    wanted = {
        "auto": mean,
        "positive_sequence": mean,
        "least_phase": 0.7,
        "mean_rms": mean,
        "phase_a": 1.0,
        "phase_c": 0.9,
    }
    for name, value in wanted.items():
        run = Run(site(path, kind="waveform", base_voltage_v=100.0, at="poi", voltage=name))
        # 33.3 samples a cycle: the sum of squares is off by a fraction of one sample.
        np.testing.assert_allclose(run["poi.voltage_pu"], value, rtol=2e-3)
        np.testing.assert_allclose(run["poi.frequency_hz"], 60.0, rtol=0.0, atol=1e-6)


def test_overrides_read_again_only_what_changes(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = site(record)
    assert scenario.playback is not None
    same = scenario.with_overrides({"grid.scr": 4.0})
    assert same.playback is scenario.playback
    other = scenario.with_overrides({"grid.playback.use_frequency": False})
    assert other.playback is not scenario.playback
    assert other.playback is not None
    assert not other.playback.offset_hz.any()


def test_resolved_scenario_loads_again(record: Path, tmp_path: Path) -> None:
    scenario = site(record, start_s=0.05)
    (tmp_path / "again.toml").write_text(scenario.to_toml(), encoding="utf-8")
    assert wk.load(tmp_path / "again.toml").model == scenario.model


def test_manifest_names_the_record_and_its_hash(record: Path, tmp_path: Path) -> None:
    wk.simulate(site(record), out_dir=tmp_path / "run", progress=False)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    (entry,) = [row for row in manifest["inputs"] if row["place"] == "grid.playback"]
    assert entry["sha256"] == read_course(record).sha256
    assert entry["source"] == str(record)


# -- faults --------------------------------------------------------------------------------------------


def faults(record: Path, grid: dict[str, Any] | None = None, **playback: Any) -> dict[str, str]:
    with pytest.raises(wk.ScenarioError) as caught:
        site(record, grid, **playback)
    told: dict[str, str] = {}
    for fault in caught.value.faults:
        told[fault.place] = f"{told.get(fault.place, '')}{fault}\n"
    return told


def test_missing_file_is_told_with_a_near_name(record: Path) -> None:
    told = faults(record.with_name("recrod.csv"))
    assert "no such file" in told["grid.playback.file"]
    assert "record.csv" in told["grid.playback.file"]
    assert "folder" in faults(record.parent)["grid.playback.file"]


def test_all_faults_at_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", [0.0, 1.0], "t_s,v_v", [-230.0, 230.0])
    told = faults(
        path, {"source_voltage_pu": 1.02, "scr": -1.0}, at="poi", voltage="positive_sequence", start_s=-1.0
    )
    playback = {f"grid.playback.{key}" for key in ("voltage", "start_s", "file")}
    assert set(told) == {"grid.source_voltage_pu", "grid.scr", *playback}
    assert "below zero" in told["grid.playback.file"]


def test_wrong_columns_are_told(record: Path) -> None:
    told = faults(record, voltage_columns=["v_pu", "w_pu"], frequency_column="g_hz")
    assert "no column 'w_pu'" in told["grid.playback.file"]
    many = faults(record, kind="waveform", frequency_column="f_hz")
    assert "estimated" in many["grid.playback.frequency_column"]
    assert "do not tell" in many["grid.playback.file"]


def test_base_is_needed_for_volts_and_checked(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", [0.0, 1.0], "t_s,v_v,f_hz", [230.0, 231.0], [60.0, 60.0])
    assert "is required" in faults(path)["grid.playback.base_voltage_v"]
    assert "more than 2" in faults(path, base_voltage_v=100.0)["grid.playback.base_voltage_v"]
    per_unit = write_csv(tmp_path / "pu.csv", [0.0, 1.0], "t_s,v_pu", [1.0, 1.0])
    assert "already" in faults(per_unit, base_voltage_v=230.0)["grid.playback.base_voltage_v"]


def test_frequency_far_off_and_start_past_the_end_are_told(tmp_path: Path, record: Path) -> None:
    path = write_csv(tmp_path / "r.csv", [0.0, 1.0], "t_s,v_pu,f_hz", [1.0, 1.0], [60.0, 40.0])
    assert "15 Hz" in faults(path)["grid.playback.use_frequency"]
    assert "past the end" in faults(record, trace_start_s=5.0)["grid.playback.trace_start_s"]


def test_file_is_required(record: Path) -> None:
    with pytest.raises(wk.ScenarioError, match=r"grid\.playback\.file"):
        Scenario.from_dict(lossless_site(1e6, {"grid": {"playback": {"kind": "rms"}}}))


def test_notes_become_warnings(tmp_path: Path, record: Path) -> None:
    assert site(record).warnings == []
    path = write_csv(
        tmp_path / "r.csv", [0.0, 1.0, 2.0], "t_s,v_pu,f_hz", [1.0, 0.0, 1.0], [60.0, 58.0, 60.0]
    )
    scenario = site(path, {"frequency_model": "swing"}, at="poi")
    told = "\n".join(scenario.warnings)
    assert "frequency is held" in told
    assert scenario.playback is not None
    assert not scenario.playback.offset_hz.any()
    late = site(record, {"frequency_model": "swing"}, at="poi", start_s=1.0)
    assert any("after the end of the run" in text for text in late.warnings)
    assert any("contains the answer of the area" in text for text in late.warnings)


def test_the_stage_alone_refuses_a_record_and_an_island(record: Path) -> None:
    grid = Grid(rated_power_w=1e6, playback=GridPlayback(file=str(record), kind="rms"), island=Island())
    with pytest.raises(wk.ScenarioError, match="plays no record") as caught:
        wk.stages.grid(grid, power_w=[1e5], time_step_s=1e-3)
    assert [fault.place for fault in caught.value.faults] == ["params.playback", "params.island"]


# -- example and export --------------------------------------------------------------------------------


def test_example_is_what_its_script_writes(repository: Path) -> None:
    space: dict[str, Any] = {
        "__name__": "made",
        "__file__": str(repository / "examples/make_grid_playback.py"),
    }
    exec(compile((repository / "examples/make_grid_playback.py").read_text(), "made", "exec"), space)
    assert (repository / "examples/grid-playback.csv").read_text() == space["text"]()


def test_example_plays_six_depressions(repository: Path) -> None:
    """Starts and durations of NERC's review, to a tick, at the POI of the example."""
    run = Run(wk.load(repository / "examples/grid-playback.toml", {"record.full_rate": ["*"]}))
    low = run["poi.voltage_pu"] < 0.9
    edges = np.flatnonzero(np.diff(low.astype(int)))
    starts, ends = edges[::2] + 1, edges[1::2] + 1
    assert (starts - 10000).tolist() == [0, 532, 15860, 21279, 76249, 81665]
    assert (ends - starts).tolist() == [42, 66, 58, 50, 66, 59]
    np.testing.assert_allclose(run["poi.voltage_pu"][low], 0.325, rtol=1e-12)
    assert run["poi.unserved_power_w"].max() == 0.0


def test_poi_of_a_run_is_exported_and_played_back(record: Path, tmp_path: Path) -> None:
    pytest.importorskip("comtrade")
    result = wk.simulate(site(record, at="poi"), progress=False)
    cfg, _ = write_poi(result, tmp_path / "poi")
    course = read_course(cfg, ["poi.voltage_pu"], frequency_column="poi.frequency_hz")
    assert course.per_unit
    wanted = np.asarray(result.signals[POI[0]]).astype(np.float32)
    np.testing.assert_array_equal(course.rms_v[:, 0], wanted)
    again = Run(site(cfg, at="poi", interpolation="hold", voltage_columns=["poi.voltage_pu"]))
    np.testing.assert_allclose(again["poi.voltage_pu"], wanted, rtol=1e-12)


def test_absent_package_is_told_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "comtrade", None)
    (tmp_path / "r.cfg").write_text("x", encoding="utf-8")
    (tmp_path / "r.dat").write_text("x", encoding="utf-8")
    assert 'pip install "wattkeel[io]"' in faults(tmp_path / "r.cfg", kind="waveform")["grid.playback.file"]


def test_a_record_of_another_nominal_frequency_is_refused(tmp_path: Path) -> None:
    values = np.column_stack([np.ones(50), np.full(50, 50.0)])
    path = write_csv(tmp_path / "fifty.csv", np.arange(50) * 0.02, "t_s,v_pu,f_hz", values)
    with pytest.raises(wk.ScenarioError, match="runs at about 50 Hz"):
        site(path)
    scenario = site(path, record_frequency_hz=50.0)
    assert scenario.playback is not None
    assert (scenario.playback.offset_hz == 0.0).all()
