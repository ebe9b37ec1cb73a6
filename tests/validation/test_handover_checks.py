"""A load series handed over: wattkeel, power-grid-model and OpenDSS find the same voltages."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sites import case

import wattkeel as wk
from wattkeel.interop import Handover, Voltages
from wattkeel.parameters import Grid

DATA = case("network_handover")
SOLVERS = ("power_grid_model", "opendss")
NETWORK = {
    "rated_power_w": DATA["rated_w"],
    "x_over_r": DATA["x_over_r"],
    "power_factor": DATA["power_factor"],
    "frequency_model": "fixed",
}
BARE = {"transformer_no_load_loss": 0.0, "transformer_load_loss": 0.0}
WAY = DATA["way"]


def series(shape: str) -> NDArray[np.float64]:
    time_s = np.arange(DATA["steps"]) * DATA["time_step_s"]
    if shape == "step":
        low, high = DATA["step_pu"]
        load_pu = np.where(time_s % 0.1 < 0.05, low, high)
    else:
        mean, swing = DATA["wave_pu"]
        load_pu = mean + swing * np.sin(2.0 * math.pi * DATA["wave_hz"] * time_s)
    return np.asarray(load_pu * DATA["rated_w"])


def solve(solver: str, handed: Handover, folder: Path) -> Voltages:
    """Voltages by a solver; without it the test is skipped."""
    if solver == "power_grid_model":
        pytest.importorskip("power_grid_model", reason="needs power-grid-model (extra grid)")
        return wk.interop.power_grid_model(handed).solve()
    pytest.importorskip("opendssdirect", reason="needs OpenDSSDirect (extra opendss)")
    return wk.interop.opendss(handed, folder).solve()


def agree(solver: str, found: Voltages, run: Any) -> None:
    """All voltages of a run within the tolerance of a solver, none left out."""
    assert not found.unsolved.any()
    recorded = {"poi.voltage_pu": run.voltage_pu}
    recorded |= {} if found.site_pu is None else {"site.voltage_pu": run.bus_voltage_pu}
    differences = found.differences(recorded)
    assert set(differences) == set(recorded)
    assert max(differences.values()) <= DATA["tolerance"][f"{solver}_pu"], differences


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", ["step", "wave"])
@pytest.mark.parametrize("scr", DATA["scr"])
def test_load_behind_the_source(solver: str, shape: str, scr: float, tmp_path: Path) -> None:
    grid = Grid(scr=scr, **NETWORK, **BARE)
    run = wk.stages.grid(grid, power_w=series(shape), time_step_s=DATA["time_step_s"])
    assert run.nose_loading_pu.max() < 0.95
    assert np.ptp(run.voltage_pu) > 0.01  # there is something to find
    handed = wk.interop.handover_of_arrays(
        grid, power_w=run.power_w, reactive_power_var=run.reactive_power_var, time_step_s=DATA["time_step_s"]
    )
    agree(solver, solve(solver, handed, tmp_path), run)


def way(**more: Any) -> Grid:
    names = (
        "scr", "cable_resistance_ohm", "cable_reactance_ohm", "transformer_rated_va", "transformer_impedance",
        "transformer_load_loss", "transformer_no_load_loss", "nominal_voltage_v",
    )  # fmt: skip
    return Grid(**NETWORK, **{name: WAY[name] for name in names}, **more)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("bent", [False, True], ids=["constant power", "ZIP"])
@pytest.mark.parametrize("switched", [False, True], ids=["fixed", "tap changer and capacitors"])
def test_site_bus_behind_cable_and_transformer(
    solver: str, bent: bool, switched: bool, tmp_path: Path
) -> None:
    shares = {name: value for name, value in WAY.items() if name.endswith("_share")} if bent else {}
    switches = {
        "tap_changer": {key: WAY[key] for key in ("step_pu", "delay_s", "interval_s")},
        "capacitor_bank": {
            "step_var": WAY["capacitor_var"], "steps": 3, "initial": 1, "in_below_pu": 0.99,
            "delay_s": WAY["capacitor_delay_s"],
        },
    }  # fmt: skip
    grid = way(**shares, **(switches if switched else {}))
    run = wk.stages.grid(grid, power_w=series("wave"), time_step_s=DATA["time_step_s"])
    if switched:
        assert len(np.unique(run.tap_position)) >= 2
        assert len(np.unique(run.capacitor_steps)) >= 2
    handed = wk.interop.handover_of_arrays(
        grid, power_w=series("wave"), time_step_s=DATA["time_step_s"], at="site",
        tap_ratio=1.0 + WAY["step_pu"] * run.tap_position,
        capacitor_var=WAY["capacitor_var"] * run.capacitor_steps, site_voltage_v=WAY["site_voltage_v"],
    )  # fmt: skip
    assert len(handed.parts) == (3 if bent else 1)
    agree(solver, solve(solver, handed, tmp_path), run)
    # The same run seen from the POI: its power there, as constant power, behind the source alone.
    at_poi = wk.interop.handover_of_arrays(
        grid, power_w=run.power_w, reactive_power_var=run.reactive_power_var, time_step_s=DATA["time_step_s"]
    )
    agree(solver, solve(solver, at_poi, tmp_path), run)


@pytest.mark.parametrize("solver", SOLVERS)
def test_transformer_without_impedance_and_source_of_one_kind(solver: str, tmp_path: Path) -> None:
    """What a solver does not take: no impedance at all; a source of resistance or reactance alone."""
    for source in ({"source_resistance_ohm": 100.0}, {"source_reactance_ohm": 100.0}):
        for loss in (0.0, 0.004):
            grid = Grid(**NETWORK, **source, transformer_load_loss=loss, transformer_no_load_loss=0.0)
            run = wk.stages.grid(grid, power_w=series("step"), time_step_s=DATA["time_step_s"])
            handed = wk.interop.handover_of_arrays(
                grid, power_w=series("step"), time_step_s=DATA["time_step_s"], at="site"
            )
            found = solve(solver, handed, tmp_path)
            assert found.poi_pu == pytest.approx(run.voltage_pu, abs=4e-7)
            assert found.site_pu == pytest.approx(run.bus_voltage_pu, abs=4e-7)


def test_default_limits_of_opendss_would_not_do(tmp_path: Path) -> None:
    """Why the scripts set Vminpu: below 0.95 pu a load would become an impedance."""
    pytest.importorskip("opendssdirect", reason="needs OpenDSSDirect (extra opendss)")
    row = DATA["default_limits"]
    grid = Grid(scr=row["scr"], **NETWORK, **BARE)
    run = wk.stages.grid(grid, power_w=series("step"), time_step_s=DATA["time_step_s"])
    handed = wk.interop.handover_of_arrays(
        grid, power_w=run.power_w, reactive_power_var=run.reactive_power_var, time_step_s=DATA["time_step_s"]
    )
    written = wk.interop.opendss(handed, tmp_path)
    script = next(file for file in written.files if file.name == "wattkeel_load.dss")
    text = script.read_text(encoding="utf-8")
    assert "vminpu=0.1" in text
    script.write_text(text.replace("vminpu=0.1", f"vminpu={row['vminpu']}"), encoding="utf-8")
    differences = written.solve().differences({"poi.voltage_pu": run.voltage_pu})
    assert differences["poi.voltage_pu"] > row["least_difference_pu"]
