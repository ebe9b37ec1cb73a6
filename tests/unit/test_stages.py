"""Every stage alone: shapes, balances, and what a wrong input is told."""

from __future__ import annotations

import numpy as np
import pytest

import wattkeel as wk
from wattkeel import parameters, stages

GPU = parameters.Gpu(rated_power_w=1000.0, idle_power_w=100.0)
RACK = parameters.Rack(
    count=1, gpu="g", workload="w", gpus_per_rack=8, overhead_w=800.0, overhead_fraction=0.05,
    store_energy_j=500.0, store_power_w=4000.0,
)  # fmt: skip
OCV = {"ocv_soc": (0.0, 0.5, 1.0), "ocv_v": (3.0, 3.3, 3.4)}


def wave(ticks: int = 2000) -> np.ndarray:
    return np.where(np.arange(ticks) % 400 < 200, 900.0, 400.0)


def test_workload_is_drawn_per_rack(engine: str) -> None:
    job = parameters.Workload(period_s=0.2, straggler_s=0.02)
    run = stages.workload(job, GPU, duration_s=1.0, time_step_s=1e-3, racks=5, engine=engine)
    assert run.demand_power_w.shape == (1000, 5)
    assert run.demand_power_w.max() == pytest.approx(950.0)
    assert not np.array_equal(run.demand_power_w[:, 0], run.demand_power_w[:, 1])


def test_gpu_balance(engine: str) -> None:
    smooth = GPU.model_copy(
        update={"percent_tmp_floor": 70.0, "ramp_down_hysteresis_ms": 50.0, "edp_factor": 1.1}
    )
    run = stages.gpu(smooth, demand_power_w=wave(), time_step_s=1e-3, engine=engine)
    drawn = wave() + run.floor_power_w - run.deficit_power_w + run.overshoot_power_w
    assert run.power_w == pytest.approx(drawn, abs=1e-6)
    assert run.overshoot_power_w.max() <= 100.0 + 1e-9
    assert run.power_w[240] == pytest.approx(700.0, abs=1e-3)  # the floor holds for 50 ms only ...
    assert run.power_w[390] == pytest.approx(400.0, abs=1e-3)  # ... then the demand rules


def test_rack_balance_and_store_bounds(engine: str) -> None:
    run = stages.rack(RACK, GPU, gpu_power_w=8.0 * wave(), time_step_s=1e-3, engine=engine)
    load = 8.0 * wave() + run.overhead_power_w
    assert run.power_w == pytest.approx(load - run.store_power_w + run.psu_loss_w, abs=1e-6)
    assert run.store_energy_j.min() >= 0.0
    assert run.store_energy_j.max() <= 500.0
    assert (run.store_loss_w >= 0.0).all()
    stored = 250.0 - np.cumsum(run.store_power_w + run.store_loss_w) * 1e-3
    assert run.store_energy_j == pytest.approx(stored, abs=1e-6)


def test_distribution_tree(engine: str) -> None:
    tree = {
        "pdu": parameters.Distribution(rated_power_w=1e5, loss_b=0.01, feeds_from="ups"),
        "ups": parameters.Distribution(kind="ups", rated_power_w=2e5, loss_a=0.01, loss_c=0.02),
    }
    run = stages.distribution(tree, load_power_w={"pdu": np.array([5e4, 1.5e5, 5e4])}, engine=engine)
    assert run.power_w["pdu"] == pytest.approx([5.05e4, 1.515e5, 5.05e4])
    assert run.overloaded["pdu"].tolist() == [False, True, False]
    assert run.bus_power_w == pytest.approx(run.power_w["ups"])
    losses = run.loss_w["pdu"] + run.loss_w["ups"]
    assert run.bus_power_w == pytest.approx(np.array([5e4, 1.5e5, 5e4]) + losses)


def test_cooling_follows_its_lag_exactly(engine: str) -> None:
    cooling = parameters.Cooling(fixed_w=10.0, proportional=0.1, lagged=0.2, time_constant_s=2.0)
    it_w = np.concatenate(([100.0], np.full(999, 200.0)))
    run = stages.cooling(cooling, it_power_w=it_w, time_step_s=1e-3, engine=engine)
    lag = 200.0 - 100.0 * np.exp(-np.arange(1000) * 1e-3 / 2.0)
    assert run.power_w == pytest.approx(10.0 + 0.1 * it_w + 0.2 * lag, rel=1e-12)


def test_converter_stands_idle_at_a_loss(engine: str) -> None:
    converter = parameters.Converter(rated_power_w=1e6, loss_a=0.007, time_constant_s=0.0)
    run = stages.converter(
        converter, command_w=np.array([0.0, 5e5, 2e6, -5e5]), time_step_s=1e-3, engine=engine
    )
    assert run.power_w.tolist() == [0.0, 5e5, 1e6, -5e5]
    assert run.loss_w[0] == pytest.approx(7000.0)
    assert (run.loss_w > 0.0).all()


@pytest.mark.parametrize("kind", ["battery", "supercapacitor"])
def test_cells_balance(kind: str, engine: str) -> None:
    command = 3e5 * np.sin(np.arange(3000) / 200.0)
    if kind == "battery":
        cell = parameters.Battery(strings=4.0, cells_series=400, **OCV)
        run = stages.battery(cell, power_w=command, time_step_s=1e-3, engine=engine)
    else:
        pool = parameters.Supercapacitor(energy_j=2e6)
        run = stages.supercapacitor(pool, power_w=command, time_step_s=1e-3, engine=engine)
    assert run.cell_power_w == pytest.approx(run.power_w + run.loss_w, rel=1e-12, abs=1e-6)
    assert (run.loss_w >= 0.0).all()
    assert np.array_equal(run.power_w[~run.limited], command[~run.limited])
    assert run.soc.min() >= 0.0
    assert run.soc.max() <= 1.0


def test_control_holds_the_ramp(engine: str) -> None:
    control = parameters.Control(ramp_up_w_per_s=1e3, ramp_down_w_per_s=1e3)
    load = np.concatenate((np.full(100, 1e6), np.full(900, 2e6)))
    run = stages.control(control, load_w=load, time_step_s=1e-3, slow_power_w=5e6, engine=engine)
    assert np.abs(np.diff(run.target_power_w)).max() <= 1.0 + 1e-6
    assert run.slow_command_w == pytest.approx(load - run.target_power_w)


def test_grid_collapses_with_a_result_and_not_with_a_nan(engine: str) -> None:
    grid = parameters.Grid(rated_power_w=1e8, scr=2.0, x_over_r=10.0, power_factor=1.0,
                           transformer_no_load_loss=0.0, transformer_load_loss=0.0)  # fmt: skip
    run = stages.grid(grid, power_w=np.array([9e7, 1e8]), time_step_s=1e-3, engine=engine)
    assert run.unserved_power_w[0] == 0.0
    assert run.power_w[1] == pytest.approx(0.9095012e8, rel=1e-7)
    assert np.isfinite(run.voltage_pu).all()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: stages.gpu(GPU, demand_power_w=[1.0, np.nan], time_step_s=1e-3), r"demand_power_w\[1\]"),
        (lambda: stages.gpu(GPU, demand_power_w=[1.0], time_step_s=0.0), "time_step_s"),
        (lambda: stages.gpu(GPU, demand_power_w=["a"], time_step_s=1e-3), "not an array of numbers"),
        (lambda: stages.cooling(parameters.Cooling(), it_power_w=np.ones((2, 2)), time_step_s=1.0), "shape"),
        (lambda: stages.battery(parameters.Battery(strings=1.0), power_w=[1.0], time_step_s=1.0), "OCV"),
        (lambda: stages.battery(parameters.Battery(**OCV), power_w=[1.0], time_step_s=1.0), "energy_j"),
        (
            lambda: stages.supercapacitor(parameters.Supercapacitor(), power_w=[1.0], time_step_s=1.0),
            "no size",
        ),
        (lambda: stages.grid(parameters.Grid(), power_w=[1.0], time_step_s=1.0), "rated_power_w"),
        (
            lambda: stages.cooling(parameters.Cooling(), it_power_w=[1.0], time_step_s=1.0, engine="x"),
            "engine",
        ),
        (lambda: stages.distribution({}, load_power_w={"pdu": [1.0]}), "no such node"),
    ],
)
def test_wrong_inputs_are_refused(call: object, said: str) -> None:
    with pytest.raises(wk.ScenarioError, match=said):
        call()
