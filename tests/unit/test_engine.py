"""`Engine`: stepping, commands, snapshots, and what a wrong use is told."""

from __future__ import annotations

import inspect
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattkeel as wk

SITE = {
    "schema_version": 1,
    "simulation": {"duration": "2 s", "tick": "1 ms"},
    "workload": {"job": {"period": "0.4 s", "edge": "5 ms"}},
    "gpu": {"h": {"rated_power": "700 W", "idle_power": "70 W"}},
    "rack": {"a": {"count": 20, "gpus_per_rack": 32, "gpu": "h", "workload": "job", "feeds_from": "ups"}},
    "distribution": {"ups": {"kind": "ups", "rated_power": "400 kW", "loss_a": 0.01, "loss_c": 0.02}},
    "storage": {
        "bess": {
            "kind": "battery",
            "battery": {"energy": "500 kWh", "preset": "lfp-enerc-306ah"},
            "converter": {"rated_power": "300 kW", "ramp": "20 MW/s"},
        }
    },
    "control": {"ramp_up": "1 MW/min", "ramp_down": "1 MW/min"},
}


@pytest.fixture
def scenario() -> wk.Scenario:
    return wk.Scenario.from_dict(SITE, base_dir=".")


def test_step_and_advance_give_the_same_state(scenario: wk.Scenario, engine: str) -> None:
    one, other = wk.Engine(scenario, engine=engine), wk.Engine(scenario, engine=engine)
    one.step(500)
    chunk = other.advance(500)
    assert chunk.full.shape == (500, len(other.full_rate_names))
    assert one.tick == other.tick == 500
    assert one.state == other.state
    assert chunk.full[-1].tolist() == [other.state[name] for name in other.full_rate_names]


def test_meters_integrate_the_signals(scenario: wk.Scenario) -> None:
    engine = wk.Engine(scenario)
    chunk = engine.advance(1000)
    column = engine.full_rate_names.index("poi.power_w")
    expected = math.fsum(chunk.full[:, column]) * engine.tick_s
    assert engine.meters()["poi.power_w"] == pytest.approx(expected, rel=1e-15)


def test_envelope_is_that_of_the_rows(scenario: wk.Scenario) -> None:
    engine = wk.Engine(scenario)
    chunk = engine.advance(engine.envelope_tick * 7 + 3)
    column = engine.full_rate_names.index("poi.power_w")
    signal = engine.signal_names.index("poi.power_w")
    rows = chunk.full[: engine.envelope_tick * 7, column].reshape(7, -1)
    assert np.array_equal(chunk.envelope[:, 0, signal], rows.min(axis=1))
    assert np.array_equal(chunk.envelope[:, 2, signal], rows.max(axis=1))
    assert np.allclose(chunk.envelope[:, 1, signal], rows.mean(axis=1), rtol=1e-14)
    rest = engine.finish().envelope
    assert rest.shape[0] == 1
    assert rest[0, 2, signal] == chunk.full[-3:, column].max()


def test_commands_act_in_the_next_tick(scenario: wk.Scenario) -> None:
    engine = wk.Engine(scenario)
    engine.step(300)
    before = engine.state["storage.bess.power_w"]
    engine.command("storage.bess.power_w", 123e3)
    engine.step(1)
    assert engine.state["storage.bess.command_w"] == 123e3
    assert abs(engine.state["storage.bess.power_w"] - before) <= 20e6 * 1e-3 + 1e-6
    engine.command("storage.bess.power_w", math.nan)
    engine.step(1)
    assert engine.state["storage.bess.command_w"] != 123e3
    engine.command("gpu.a.cap_w", 200.0)
    engine.step(1)
    assert engine.state["gpu.a.power_w"] <= 20 * 32 * 200.0
    reactive = engine.state["poi.reactive_power_var"]
    engine.command("storage.bess.reactive_power_var", 50e3)
    engine.step(1)
    assert engine.state["poi.reactive_power_var"] < reactive - 2e3  # the lag of 20 ms: 5 % in the first tick
    engine.step(500)
    assert engine.plant.converter_state[0].reactive_power_var == pytest.approx(50e3, rel=1e-6)


def test_a_snapshot_restores_into_the_other_engine(scenario: wk.Scenario) -> None:
    pytest.importorskip("numba")
    native, numba = wk.Engine(scenario, engine="native"), wk.Engine(scenario, engine="numba")
    native.step(333)
    numba.restore(native.snapshot())
    native.step(200)
    numba.step(200)
    assert native.tick == numba.tick == 533
    assert native.state == numba.state


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("gpu.nosuch.cap_w", 1.0, "gpu.a.cap_w"),
        ("gpu.a.cap_w", -5.0, "above 0 W"),
        ("gpu.a.cap_w", math.nan, "above 0 W"),
        ("storage.bess.reactive_power_var", 1e9, "300000 VA"),
        ("storage.bess.power_w", math.inf, "finite"),
        ("poi.power_w", 1.0, "no such command"),
        ("storage.bess.power_w", None, "not a number"),
        ("storage.bess.power_w", "full", "not a number"),
        (None, 1.0, "is None"),
    ],
)
def test_wrong_commands_are_refused(scenario: wk.Scenario, name: Any, value: Any, said: str) -> None:
    engine = wk.Engine(scenario)
    with pytest.raises(wk.ScenarioError, match=said.replace(".", r"\.")):
        engine.command(name, value)


@pytest.mark.parametrize("nothing", [None, {}, "snapshot"])
def test_only_a_snapshot_is_restored(scenario: wk.Scenario, nothing: Any) -> None:
    engine = wk.Engine(scenario)
    with pytest.raises(wk.ScenarioError, match="not a Snapshot"):
        engine.restore(nothing)


def test_wrong_choices_are_refused(scenario: wk.Scenario) -> None:
    with pytest.raises(wk.ScenarioError, match="native"):
        wk.Engine(scenario, engine="fortran")
    with pytest.raises(wk.ScenarioError, match="z80"):
        wk.Engine(scenario, isa="z80")
    with pytest.raises(wk.ScenarioError, match="threads"):
        wk.Engine(scenario, threads=0)
    engine = wk.Engine(scenario)
    with pytest.raises(ValueError, match="at a time"):
        engine.advance(engine.chunk_ticks + 1)
    with pytest.raises(ValueError, match="backwards"):
        engine.step(-1)
    racks = {"rack": {"a": {**SITE["rack"]["a"], "count": 99}}}
    other = wk.Scenario.from_dict({**SITE, **racks}, base_dir=".")
    with pytest.raises(wk.ScenarioError, match="does not fit"):
        wk.Engine(other).restore(engine.snapshot())


def test_the_core_has_the_layout_that_python_fills() -> None:
    from wattkeel import native
    from wattkeel._generated import dtypes

    assert [tuple(row) for row in native.core().param_fields()] == list(dtypes.layout())


def test_a_forced_instruction_set_is_used(scenario: wk.Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    from wattkeel.native import core

    lowest = core().build_info()["instruction_sets_available"][0]
    monkeypatch.setenv("WATTKEEL_ISA", lowest)
    assert wk.Engine(scenario).describe()["isa"] == lowest


def test_names_of_the_package_survive_the_import_of_its_modules() -> None:
    """A submodule named like a function would replace it in the package once anyone imports it."""
    import importlib

    for module in ("simulation", "scenario", "result", "engine", "errors"):
        importlib.import_module(f"wattkeel.{module}")
    for name in wk.__all__:
        thing = getattr(wk, name)
        assert name == "__version__" or inspect.ismodule(thing) or callable(thing), name


def test_two_threads_may_not_step_one_engine(scenario: wk.Scenario) -> None:
    engine = wk.Engine(scenario)
    refused: list[str] = []

    def step() -> None:
        try:
            for _ in range(200):
                engine.step(500)
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=step) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Either they took turns by luck, or one was told; never a lost tick.
    assert (engine.tick == 2 * 200 * 500) == (not refused)
    assert all("another thread" in text for text in refused)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_engine_with_threads_survives_a_fork() -> None:
    code = """
import os, sys, wattkeel as wk
from test_engine import SITE
e = wk.Engine(wk.Scenario.from_dict(SITE, base_dir="."), threads=2)
e.step(10)
child = os.fork()
e.step(10)
if child == 0:
    os._exit(e.tick)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) - 20)
"""
    here = Path(__file__).parent
    subprocess.run([sys.executable, "-c", code], cwd=here, check=True, timeout=60)


def test_the_frequency_does_not_depend_on_the_first_tick() -> None:
    """The area is balanced for the mean load: a start ramp shifts the start, not the steady state."""
    ends = []
    for ramp in ("0 s", "1 ms", "20 ms"):
        site = {**SITE, "simulation": {"duration": "30 s", "tick": "1 ms"}, "control": {"target": "off"}}
        site["workload"] = {"job": {"period": "0.4 s", "start_ramp": ramp}}
        site["grid"] = {"system_power": "10 MW"}
        engine = wk.Engine(wk.Scenario.from_dict(site, base_dir="."))
        engine.step(26_000)
        before = engine.meters()["poi.frequency_hz"]
        engine.step(4_000)
        ends.append((engine.meters()["poi.frequency_hz"] - before) / 4.0)
    assert max(ends) - min(ends) < 1e-4
    assert ends[0] == pytest.approx(60.0, abs=0.02)


def test_a_measured_inlet_takes_no_cap(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t_s,power_w\n0,30000\n1,40000\n2,30000\n")
    job = {"kind": "trace", "trace": "t.csv", "trace_boundary": "rack", "trace_gpus": 32}
    gpu = {"h": {"rated_power": "700 W", "idle_power": "70 W", "cap": "300 W", "edp_factor": 1.1}}
    site = {**SITE, "workload": {"job": job}, "gpu": gpu}
    engine = wk.Engine(wk.Scenario.from_dict(site, base_dir=tmp_path))
    engine.step(1500)
    assert engine.state["rack.a.power_w"] == pytest.approx(20 * 40e3, rel=1e-12)
    with pytest.raises(wk.ScenarioError, match="no cap acts"):
        engine.command("gpu.a.cap_w", 100.0)


def test_reactive_power_gives_way_to_active_power(scenario: wk.Scenario) -> None:
    engine = wk.Engine(scenario)
    engine.command("storage.bess.power_w", 300e3)
    engine.step(400)
    engine.command("storage.bess.reactive_power_var", 250e3)
    engine.step(1)
    load_var = math.tan(math.acos(0.98)) * engine.state["site.load_power_w"]
    assert engine.state["poi.reactive_power_var"] == pytest.approx(
        load_var, abs=100.0
    )  # the lag leaves it a little room


def test_a_wrong_signal_name_is_told_the_nearest(scenario: wk.Scenario) -> None:
    engine = wk.Engine(scenario)
    engine.step(1)
    with pytest.raises(KeyError, match=r"did you mean poi\.power_w"):
        engine.state["poi.powr_w"]
