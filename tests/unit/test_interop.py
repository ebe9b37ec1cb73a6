"""A run handed over to network solvers and tables: files, series, the user's own networks, faults."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattkeel as wk
from wattkeel.interop import steps as steps_module
from wattkeel.interop.poi import source_behind
from wattkeel.parameters import Grid

TICKS, TICK_S = 3000, 1e-3
SITE: dict[str, Any] = {
    "schema_version": 1,
    "simulation": {"duration_s": TICKS * TICK_S},
    "workload": {"job": {"period_s": 1.0, "edge_s": 0.1}},
    "gpu": {"h100": {"rated_power_w": 700.0}},
    "rack": {"hall": {"count": 500, "gpu": "h100", "workload": "job"}},
    "grid": {
        "scr": 4.0,
        "load_current_share": 0.2,
        "reactive_impedance_share": 0.3,
        "transformer_impedance": 0.08,
        "cable_reactance_ohm": 20.0,
        "tap_changer": {"delay_s": 0.3, "interval_s": 0.5},
        "capacitor_bank": {"step_var": 1e6, "steps": 2, "in_below_pu": 0.99, "delay_s": 0.2},
        "event": [
            {"start_s": 1.5, "duration_s": 0.2, "voltage_pu": 0.95, "impedance_factor": 1.2},
            {"start_s": 2.0, "duration_s": 0.05, "voltage_pu": 0.0},
        ],
    },
    "record": {"full_rate": ["poi.*", "site.*"], "envelope_s": [0.01, 1.0]},
}
POWER, VAR = "poi.power_w", "poi.reactive_power_var"


def pgm() -> Any:
    return pytest.importorskip("power_grid_model", reason="needs power-grid-model (extra grid)")


def dss() -> Any:
    return pytest.importorskip("opendssdirect", reason="needs OpenDSSDirect (extra opendss)")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> wk.Result:
    """A run with a tap changer and capacitors that move, a sag with a weaker grid, and an interruption."""
    scenario = wk.Scenario.from_dict(SITE)
    result = wk.simulate(scenario, out_dir=tmp_path_factory.mktemp("run"), progress=False)
    assert {"tap_change", "capacitor_switch", "grid_event"} <= set(result.event_counts)
    return result


def sine(count: int = 50, mean_w: float = 60e6) -> np.ndarray:
    return mean_w * (1.0 + 0.3 * np.sin(0.3 * np.arange(count)))


GRID = Grid(rated_power_w=100e6, scr=5.0, nominal_voltage_v=110e3)


# -- the series ----------------------------------------------------------------------------------------


def test_poi_series_is_what_was_recorded(run: wk.Result) -> None:
    handed = wk.interop.handover(run.directory)
    (part,) = handed.parts
    assert part.law == "power"
    assert part.power_w.tobytes() == np.ascontiguousarray(run.signals[POWER]).tobytes()
    assert part.reactive_power_var.tobytes() == np.ascontiguousarray(run.signals[VAR]).tobytes()
    assert (handed.steps, handed.time_step_s) == (TICKS, TICK_S)
    assert (handed.source_voltage_pu[1500:1700] == 0.95).all()
    assert (handed.source_factor[1500:1700] == 1.2).all()
    assert (handed.source_voltage_pu[2000:2050] == 0.0).all()
    assert handed.source_voltage_pu[1499] == handed.source_voltage_pu[1700] == 1.0


def test_site_series_draws_what_the_poi_did(run: wk.Result) -> None:
    """Parts at the recorded voltage of the bus, what cable and transformers take, and capacitors: P and Q."""
    handed = wk.interop.handover(run, at="site")
    network = handed.network
    voltage = run.signals["site.voltage_pu"]
    scale = {"power": 1.0, "current": voltage, "impedance": voltage**2}
    assert [part.law for part in handed.parts] == ["power", "current", "impedance"]
    power_w = sum(part.power_w * scale[part.law] for part in handed.parts)
    var = sum(part.reactive_power_var * scale[part.law] for part in handed.parts)
    var = var - handed.capacitor_var * voltage**2
    live = voltage > 0.0
    flow = (power_w**2 + var**2)[live] / voltage[live] ** 2 / network.base_va
    square = handed.tap_ratio[live] ** 2
    lost_w = flow * (network.transformer_resistance_pu + network.cable_resistance_pu * square)
    lost_var = flow * (network.transformer_reactance_pu + network.cable_reactance_pu * square)
    assert power_w[live] + lost_w == pytest.approx(run.signals[POWER][live], rel=1e-12)
    assert var[live] + lost_var == pytest.approx(run.signals[VAR][live], rel=1e-11)
    assert handed.parts[1].power_w[live] == pytest.approx(0.2 * run.signals["site.load_power_w"][live])


def test_switches_follow_the_events(run: wk.Result) -> None:
    handed = wk.interop.handover(run, at="site")
    moves = [event for event in run.events if event.kind == "tap_change"]
    assert np.flatnonzero(np.diff(handed.tap_ratio)).tolist() == [event.tick for event in moves]
    assert handed.tap_ratio[moves[-1].tick + 1] == 1.0 + 0.0125 * moves[-1].value
    assert np.unique(handed.capacitor_var).tolist() == [0.0, 1e6, 2e6]


def test_windows_are_means_or_extremes(run: wk.Result) -> None:
    power_w = run.signals[POWER]
    for statistic, take in (("mean", np.mean), ("minimum", np.min), ("maximum", np.max)):
        handed = wk.interop.handover(run, window_s=0.07, statistic=statistic, span_s=(0.2, 0.5))  # type: ignore[arg-type]
        # Windows of 70 ms from 140 ms to 560 ms cover the span.
        assert handed.time_s == pytest.approx(0.14 + 0.07 * np.arange(6))
        expected = take(power_w[140:560].reshape(6, 70), axis=1)
        assert handed.parts[0].power_w == pytest.approx(expected, rel=1e-14)
    rest = wk.interop.handover(run, window_s=0.7)
    assert rest.steps == 5
    assert rest.parts[0].power_w[-1] == pytest.approx(power_w[2800:].mean(), rel=1e-14)
    # From 1.4 s to 2.1 s: 200 ms at 0.95, 50 ms at 0, the rest at 1.
    assert rest.source_voltage_pu[2] == pytest.approx((450 + 0.95 * 200) / 700, rel=1e-14)
    assert rest.recorded["poi.voltage_pu"][0] == pytest.approx(run.signals["poi.voltage_pu"][:700].mean())


def test_steps_of_one_tick_and_of_windows() -> None:
    values = np.arange(10.0)
    steps = steps_module.Steps(1.0, 0, 10, 4, "maximum")
    assert steps.count == 3
    assert steps.of_ticks(values).tolist() == [3.0, 7.0, 9.0]
    assert steps.of_ticks(values, "mean").tolist() == [1.5, 5.5, 8.5]
    assert steps.time_s.tolist() == [0.0, 4.0, 8.0]


def test_envelope_serves_where_there_is_no_full_rate(run: wk.Result) -> None:
    bare = SITE | {"record": {"full_rate": ["poi.voltage_pu"], "envelope_s": [0.01, 1.0]}}
    other = wk.simulate(wk.Scenario.from_dict(bare), progress=False)
    for window_s in (0.01, 1.0):
        for statistic in ("mean", "minimum", "maximum"):
            options: dict[str, Any] = {"window_s": window_s, "statistic": statistic, "span_s": (0.5, 2.0)}
            known, found = (wk.interop.handover(given, **options) for given in (run, other))
            assert found.parts[0].power_w == pytest.approx(known.parts[0].power_w, rel=1e-12)
            assert found.parts[0].reactive_power_var == pytest.approx(
                known.parts[0].reactive_power_var, rel=1e-12
            )
            assert found.time_s.tolist() == known.time_s.tolist()


def faults_of(call: Any) -> list[str]:
    with pytest.raises(wk.ScenarioError) as caught:
        call()
    return [str(fault) for fault in caught.value.faults]


def test_missing_signals_are_all_told_with_what_to_do() -> None:
    bare = SITE | {"record": {"full_rate": ["poi.voltage_pu"], "envelope_s": [0.01, 1.0]}}
    result = wk.simulate(wk.Scenario.from_dict(bare), progress=False)
    told = faults_of(lambda: wk.interop.handover(result))
    assert len(told) == 2
    for fault, name in zip(told, (POWER, VAR), strict=True):
        assert f'add "{name}" to record.full_rate' in fault
        assert "a window of 0.01 s or 1 s" in fault
    assert "is no signal" in faults_of(lambda: wk.interop.write_csv(result, "x.csv", signals=["poi.x"]))[0]


def test_windows_spans_and_places_are_judged(run: wk.Result) -> None:
    handover = wk.interop.handover
    told = faults_of(lambda: handover(run, window_s=0.0015, statistic="median", span_s=(2.0, 1.0)))  # type: ignore[arg-type]
    assert [fault.partition(" ")[0] for fault in told] == ["window_s", "statistic", "span_s"]
    for window_s in (0.0, -1.0, float("nan")):
        assert "whole number of ticks" in faults_of(lambda w=window_s: handover(run, window_s=w))[0]
    assert "3 s that were recorded" in faults_of(lambda: handover(run, span_s=(3.0, 4.0)))[0]
    told = faults_of(lambda: handover(run, at="moon", site_voltage_v=-1.0))  # type: ignore[arg-type]
    assert len(told) == 2
    assert "take the mean" in faults_of(lambda: handover(run, at="site", statistic="maximum"))[0]
    assert handover(run, span_s=(2.5, float("inf"))).steps == 500


def test_arrays_are_judged() -> None:
    make = wk.interop.handover_of_arrays
    good: dict[str, Any] = {"power_w": sine(), "time_step_s": 1e-3}
    assert "give the rated power" in faults_of(lambda: make(Grid(), **good))[0]
    assert "lengths differ" in faults_of(lambda: make(GRID, **good, reactive_power_var=[1.0, 2.0]))[0]
    assert "finite" in faults_of(lambda: make(GRID, power_w=[1.0, np.nan], time_step_s=1e-3))[0]
    assert "not Grid" in faults_of(lambda: make({}, **good))[0]  # type: ignore[arg-type]
    assert "outside" in faults_of(lambda: make(GRID, **good, tap_ratio=0.0))[0]


def test_source_that_is_not_in_the_scenario_follows_from_the_record(run: wk.Result) -> None:
    """What playback needs: the voltage behind the impedance from what was met at the POI."""
    handed = wk.interop.handover(run)
    part, voltage = handed.parts[0], np.asarray(run.signals["poi.voltage_pu"])
    found = source_behind(
        handed.network, handed.source_factor, part.power_w, part.reactive_power_var, voltage
    )
    assert found == pytest.approx(handed.source_voltage_pu, abs=1e-13)


def test_notes_say_what_a_solver_is_not_to_blame_for() -> None:
    grid = SITE["grid"] | {"scr": 1.0}
    result = wk.simulate(wk.Scenario.from_dict(SITE | {"grid": grid}), progress=False)
    assert result.event_counts["voltage_collapse"] > 0
    assert "nose" in wk.interop.handover(result).notes[0]


# -- whole runs through the solvers --------------------------------------------------------------------


@pytest.mark.parametrize("at", ["poi", "site"])
def test_power_grid_model_finds_the_voltages_of_a_run(run: wk.Result, at: Any) -> None:
    pgm()
    made = wk.interop.power_grid_model(run, at=at)
    found = made.solve()
    differences = found.differences(made.series.recorded)
    assert set(differences) == ({"poi.voltage_pu", "site.voltage_pu"} if at == "site" else {"poi.voltage_pu"})
    assert not found.unsolved.any()
    assert max(differences.values()) < 1e-12
    assert (found.poi_pu[2000:2050] == 0.0).all()  # the interruption
    assert len(made.input_data["source"]) == 2  # one for each impedance


@pytest.mark.parametrize("at", ["poi", "site"])
def test_opendss_finds_the_voltages_of_a_run(run: wk.Result, at: Any, tmp_path: Path) -> None:
    dss()
    written = wk.interop.opendss(run, tmp_path, at=at)
    found = written.solve()
    assert not found.unsolved.any()
    # 6e-8 of the source, by its shape in 32 bits, as much of P and Q, and a voltage down to 0.7 pu.
    assert max(found.differences(written.series.recorded).values()) < 2e-7


def test_scripts_run_in_opendss_alone(run: wk.Result, tmp_path: Path) -> None:
    """As a user of OpenDSS runs them: compile the one script, look at the monitor and what it exported."""
    package = dss()
    folder = tmp_path / "a folder"
    written = wk.interop.opendss(run, folder, at="site", span_s=(0.0, 1.9))
    with contextlib.chdir(tmp_path):
        engine = package.dss.NewContext()
        engine.Text.Command(f'Compile "{folder / "wattkeel_run.dss"}"')
    (exported,) = folder.glob("*.csv")
    assert len(exported.read_text().splitlines()) == 1901
    assert engine.Solution.Converged()
    assert engine.Solution.Seconds() == pytest.approx(1.9)
    engine.Monitors.Name("wattkeel")
    volts = np.asarray(engine.Monitors.Channel(1))
    assert len(volts) == 1900
    nominal_v = run.scenario.model.grid.nominal_voltage_v / np.sqrt(3.0)
    assert volts / nominal_v == pytest.approx(run.signals["site.voltage_pu"][:1900], abs=3e-7)
    assert any("Edit Transformer.poi" in command for _, row in written.segments for command in row)


def test_solving_leaves_the_working_folder_and_open_circuits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = dss()
    monkeypatch.chdir(tmp_path)
    package.Text.Command("New Circuit.mine bus1=here")
    written = wk.interop.opendss(
        wk.interop.handover_of_arrays(GRID, power_w=sine(), time_step_s=1e-3), "relative"
    )
    monkeypatch.chdir(tmp_path)
    assert not written.solve().unsolved.any()
    assert Path.cwd() == tmp_path
    assert package.Circuit.Name() == "mine"
    package.Text.Command("Clear")


def test_unsolvable_steps_are_nan_and_nothing_else(tmp_path: Path) -> None:
    power_w = sine()
    power_w[7] = 1e9  # beyond the nose
    handed = wk.interop.handover_of_arrays(GRID, power_w=power_w, time_step_s=1e-3)
    good = np.arange(len(power_w)) != 7
    known = wk.stages.grid(
        GRID.model_copy(update={"transformer_no_load_loss": 0.0, "transformer_load_loss": 0.0}),
        power_w=power_w[good], time_step_s=1e-3,
    )  # fmt: skip
    solvers = []
    for name, solve in (
        ("power_grid_model", lambda: wk.interop.power_grid_model(handed).solve()),
        ("opendssdirect", lambda: wk.interop.opendss(handed, tmp_path).solve()),
    ):
        try:
            __import__(name)
        except ImportError:
            continue
        found = solve()
        assert found.unsolved.tolist() == (~good).tolist()
        assert found.poi_pu[good] == pytest.approx(known.voltage_pu, abs=1e-7)
        solvers.append(name)
    if not solvers:
        pytest.skip("needs a solver (extras grid, opendss)")


def test_record_that_was_played_back(tmp_path: Path) -> None:
    """The source then is no event of the scenario; its voltage follows from the record."""
    pgm()
    (tmp_path / "sag.csv").write_text("t_s,voltage_pu\n0,1\n0.1,0.85\n0.3,0.95\n")
    for at in ("source", "poi"):
        playback = {"file": str(tmp_path / "sag.csv"), "kind": "rms", "start_s": 0.5, "at": at}
        grid = {"scr": 6.0, "transformer_impedance": 0.08, "playback": playback}
        result = wk.simulate(wk.Scenario.from_dict(SITE | {"grid": grid}), progress=False)
        assert result.signals["poi.voltage_pu"].min() < 0.86
        for place in ("poi", "site"):
            made = wk.interop.power_grid_model(result, at=place)
            assert max(made.solve().differences(made.series.recorded).values()) < 1e-12
            assert "played back" in made.notes[0]


# -- files ---------------------------------------------------------------------------------------------


def test_load_shapes_are_little_endian_singles(tmp_path: Path) -> None:
    handed = wk.interop.handover_of_arrays(GRID, power_w=sine(), time_step_s=1e-3)
    written = wk.interop.opendss(handed, tmp_path)
    read = np.frombuffer((tmp_path / "wattkeel_power_kw.sng").read_bytes(), dtype="<f4").astype(float)
    assert read * 1e3 == pytest.approx(sine(), rel=2.0**-24)
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in written.files}
    before = wk.interop.handover_of_arrays(
        GRID, power_w=sine(), time_step_s=1e-3, source_voltage_pu=np.linspace(0.9, 1.0, 50)
    )
    wk.interop.opendss(before, tmp_path)
    assert (tmp_path / "wattkeel_source_pu.sng").is_file()
    (tmp_path / "mine.txt").write_text("mine")
    wk.interop.opendss(
        handed, tmp_path
    )  # what the later call does not need is gone, what is the user's stays
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in written.files} | {"mine.txt"}


@pytest.mark.parametrize("suffix", [".json", ".msgpack"])
def test_power_grid_model_files_read_back(run: wk.Result, suffix: str, tmp_path: Path) -> None:
    package = pgm()
    from power_grid_model import utils

    made = wk.interop.power_grid_model(run, at="site", window_s=0.01)
    input_file, update_file = made.write(tmp_path / f"poi{suffix}")
    assert update_file.name == f"poi_update{suffix}"
    read = utils.json_deserialize_from_file if suffix == ".json" else utils.msgpack_deserialize_from_file
    model = package.PowerGridModel(read(input_file))
    found = model.calculate_power_flow(update_data=read(update_file))
    known = made.solve()
    assert found["node"]["u_pu"][:, 0] == pytest.approx(known.poi_pu, abs=1e-14)
    assert found["node"]["u_pu"][:, -1] == pytest.approx(known.site_pu, abs=1e-14)
    if suffix == ".json":
        assert json.loads(input_file.read_text())["type"] == "input"
    assert ".json" in faults_of(lambda: made.write(tmp_path / "poi.xml"))[0]


def test_input_is_valid_for_power_grid_model(run: wk.Result) -> None:
    pgm()
    from power_grid_model.validation import validate_batch_data, validate_input_data

    for at in ("poi", "site"):
        made = wk.interop.power_grid_model(run, at=at, window_s=0.1)  # type: ignore[arg-type]
        assert not validate_input_data(made.input_data)
        assert not validate_batch_data(made.input_data, made.update_data)


def test_csv_reads_back_to_the_same_bits(run: wk.Result, tmp_path: Path) -> None:
    path = wk.interop.write_csv(run, tmp_path / "a.csv", signals=[POWER, "poi.voltage_pu"])
    with path.open(newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == ["time_s", POWER, "poi.voltage_pu"]
    table = np.array(rows, dtype=float)
    assert table[:, 1].tobytes() == np.ascontiguousarray(run.signals[POWER]).tobytes()
    assert table[:, 2].tobytes() == np.ascontiguousarray(run.signals["poi.voltage_pu"]).tobytes()
    assert table[:, 0] == pytest.approx(np.arange(TICKS) * TICK_S)
    wk.interop.write_csv(run.directory, path, window_s=1.0)
    assert len(path.read_text().splitlines()) == 4


def test_csv_without_signals_says_what_to_do() -> None:
    bare = SITE | {"record": {"full_rate": [], "envelope_s": [0.01]}}
    result = wk.simulate(wk.Scenario.from_dict(bare), progress=False)
    assert "none was kept" in faults_of(lambda: wk.interop.write_csv(result, "x.csv"))[0]


# -- the user's own networks ---------------------------------------------------------------------------

# A 110 kV source of 500 MVA, X/R 10, a line of 2 + 6j ohm, and another load of 20 MW + 5 Mvar at its end.
SOURCE_VA, LINE_OHM, OTHER_VA = 500e6, 2.0 + 6.0j, 20e6 + 5e6j
MASTER = """Clear
Set DefaultBaseFrequency=50
New Circuit.mine bus1=source basekv=110 pu=1.02 phases=3 mvasc3=500 mvasc1=500 x1r1=10 x0r0=10
New Line.feeder bus1=source bus2=far.1.2.3 phases=3 length=1 units=none r1=2 x1=6 r0=2 x0=6 c1=0 c0=0
New Load.other bus1=far phases=3 kv=110 kw=20000 kvar=5000 model=1 vminpu=0.5
Set VoltageBases=[110]
CalcVoltageBases
Set LoadMult=1.0
Set tolerance=1e-9
Solve
"""


def user_voltages(power_w: np.ndarray, var: np.ndarray) -> np.ndarray:
    """Voltage at the far end, pu, by the quartic of two buses."""
    base_va = 100e6
    base_ohm = 110e3**2 / base_va
    x = base_va / SOURCE_VA / np.sqrt(1.01)
    z = (0.1 * x + 1j * x) + LINE_OHM / base_ohm
    s = (power_w + OTHER_VA.real + 1j * (var + OTHER_VA.imag)) / base_va
    half = 0.5 * 1.02**2 - (z.real * s.real + z.imag * s.imag)
    return np.asarray(np.sqrt(half + np.sqrt(half**2 - abs(z) ** 2 * abs(s) ** 2)))


def own_network(package: Any) -> dict[str, Any]:
    make = package.initialize_array
    node, source = make("input", "node", 2), make("input", "source", 1)
    branch, load = make("input", "generic_branch", 1), make("input", "sym_load", 1)
    node["id"], node["u_rated"] = [70, 71], 110e3
    for name, value in {
        "id": 80,
        "node": 70,
        "status": 1,
        "u_ref": 1.02,
        "sk": 500e6,
        "rx_ratio": 0.1,
    }.items():
        source[name] = value
    for name, value in {
        "id": 81, "from_node": 70, "to_node": 71, "from_status": 1, "to_status": 1, "r1": 2.0, "x1": 6.0,
        "g1": 0.0, "b1": 0.0,
    }.items():  # fmt: skip
        branch[name] = value
    for name, value in {
        "id": 99, "node": 71, "status": 1, "type": 0, "p_specified": 20e6, "q_specified": 5e6,
    }.items():  # fmt: skip
        load[name] = value
    return {"node": node, "source": source, "generic_branch": branch, "sym_load": load}


@pytest.fixture
def handed() -> Any:
    return wk.interop.handover_of_arrays(GRID, power_w=sine(), time_step_s=1e-3)


def test_load_joins_a_network_of_power_grid_model(handed: Any, tmp_path: Path) -> None:
    package = pgm()
    from power_grid_model import utils

    own = own_network(package)
    file = tmp_path / "own.json"
    utils.json_serialize_to_file(file, own)
    known = user_voltages(handed.parts[0].power_w, handed.parts[0].reactive_power_var)
    for network in (own, file):
        made = wk.interop.power_grid_model(handed, network=network, node=71)
        assert made.solve().poi_pu == pytest.approx(known, abs=1e-12)
        assert made.input_data["sym_load"]["id"].tolist() == [99, 100]
        assert made.notes == ()
        assert made.solve().site_pu is None
    assert len(own["sym_load"]) == 1  # the user's is not changed
    other = wk.interop.handover_of_arrays(
        GRID.model_copy(update={"nominal_voltage_v": 230e3}), power_w=sine(), time_step_s=1e-3
    )
    assert "node 71 has 110000 V" in wk.interop.power_grid_model(other, network=own, node=71).notes[0]


def test_networks_of_power_grid_model_are_judged(handed: Any, tmp_path: Path) -> None:
    own = own_network(pgm())
    make = wk.interop.power_grid_model
    assert "nodes are 70, 71" in faults_of(lambda: make(handed, network=own, node=5))[0]
    assert "says where" in faults_of(lambda: make(handed, network=own))[0]
    assert "give network" in faults_of(lambda: make(handed, node=5))[0]
    assert "No such file" in faults_of(lambda: make(handed, network=tmp_path / "no.json", node=1))[0]
    (tmp_path / "bad.json").write_text("{]")
    assert "is no input" in faults_of(lambda: make(handed, network=tmp_path / "bad.json", node=1))[0]


@pytest.mark.parametrize("multiplier", [1.0, 0.5])
def test_load_joins_a_circuit_of_opendss(handed: Any, multiplier: float, tmp_path: Path) -> None:
    """Its load multiplier scales its own loads, not what is handed over."""
    dss()
    master = tmp_path / "grid" / "Master.dss"
    master.parent.mkdir()
    text = MASTER.replace("LoadMult=1.0", f"LoadMult={multiplier}")
    text = text.replace("kw=20000 kvar=5000", f"kw={20000 / multiplier} kvar={5000 / multiplier}")
    master.write_text(text)
    written = wk.interop.opendss(handed, tmp_path / "out", master=master, bus="far")
    known = user_voltages(handed.parts[0].power_w, handed.parts[0].reactive_power_var)
    assert written.solve().poi_pu == pytest.approx(known, abs=1e-7)
    assert master.read_text() == text
    assert not (tmp_path / "out" / "wattkeel_network.dss").exists()


def test_circuits_of_opendss_are_judged(handed: Any, tmp_path: Path) -> None:
    write = wk.interop.opendss
    told = faults_of(lambda: write(handed, tmp_path, master=tmp_path / "no.dss", voltage_v=-1.0))
    assert [fault.partition(" ")[0] for fault in told] == ["master", "master", "voltage_v"]
    assert "give both" in faults_of(lambda: write(handed, tmp_path, bus="far"))[0]
    dss()
    master = tmp_path / "Master.dss"
    master.write_text(MASTER)
    told = faults_of(lambda: write(handed, tmp_path, master=master, bus="near").solve())
    assert "buses are source, far" in told[0]
    master.write_text(MASTER.replace("CalcVoltageBases", "").replace("Set VoltageBases=[110]", ""))
    assert (
        "CalcVoltageBases" in faults_of(lambda: write(handed, tmp_path, master=master, bus="far").solve())[0]
    )
    master.write_text("New Nonsense\n")
    assert (
        "OpenDSS refuses" in faults_of(lambda: write(handed, tmp_path, master=master, bus="far").solve())[0]
    )


def test_missing_packages_name_their_extra(
    handed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "power_grid_model", None)
    monkeypatch.setitem(sys.modules, "opendssdirect", None)
    with pytest.raises(wk.MissingExtra, match=r"wattkeel\[grid\]"):
        wk.interop.power_grid_model(handed)
    written = wk.interop.opendss(handed, tmp_path)  # the files need nothing
    with pytest.raises(wk.MissingExtra, match=r"wattkeel\[opendss\]"):
        written.solve()
