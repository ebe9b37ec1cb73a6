"""A battery that Python steps: the same bits as a run, on either engine, and plain words for wrong input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import wattkeel as wk
from wattkeel.errors import ScenarioError

TICK_S = 1e-2
FIELDS = ("power_w", "cell_power_w", "loss_w", "polarisation_power_w", "current_a", "voltage_v",
          "end_voltage_v", "soc", "limited")  # fmt: skip


def cell(**values: Any) -> Any:
    return wk.parameters.preset("battery", "lfp-280ah-grid", strings=2.0, **values)


def powers(ticks: int, scale_w: float = 600.0) -> np.ndarray:
    return scale_w * np.random.default_rng(4).uniform(-1.0, 1.0, ticks)


@pytest.mark.parametrize("drive", ["power_w", "current_a", "voltage_v"])
@pytest.mark.parametrize("strings", [{}, {"string_share": [0.5, 0.5], "string_soc": [0.01, -0.01]}])
def test_steps_give_the_bits_of_a_run(engine: str, drive: str, strings: dict[str, Any]) -> None:
    params = cell(**strings)
    command = {"power_w": powers(60), "current_a": powers(60, 200.0),
               "voltage_v": 3.3 * params.cells_series + powers(60, 0.02)}[drive]  # fmt: skip
    run = wk.stages.battery(params, time_step_s=TICK_S, engine=engine, **{drive: command})
    stepper = wk.BatteryStepper(params, time_step_s=TICK_S, engine=engine)
    steps = [stepper.step(**{drive: value}) for value in command.tolist()]
    for name in FIELDS:
        given = np.array([getattr(step, name) for step in steps])
        assert given.tobytes() == getattr(run, name).tobytes(), name
    assert stepper.temperature_k == run.temperature_k[-1]
    assert type(steps[0].limited) is int


def test_many_step_as_one_by_one(engine: str) -> None:
    soc = np.linspace(0.2, 0.8, 11)
    power_w = np.outer(powers(30), np.linspace(0.1, 1.0, 11))
    many = wk.BatteryStepper(cell(), time_step_s=TICK_S, batteries=11, soc_initial=soc, engine=engine)
    steps = [many.step(row) for row in power_w]
    last = wk.BatteryStepper(cell(soc_initial=soc[-1]), time_step_s=TICK_S, engine=engine)
    for row, step in zip(power_w, steps, strict=True):
        one = last.step(row[-1])
        assert [getattr(step, name)[-1] for name in FIELDS] == list(one)
    assert many.temperature_k.shape == (11,)  # type: ignore[union-attr]
    assert steps[0].soc[0] != steps[1].soc[0]  # type: ignore[index]  # each step has arrays of its own


@pytest.mark.parametrize("batteries", [None, 5])
def test_a_run_goes_on_from_a_snapshot_on_either_engine(batteries: int | None) -> None:
    pytest.importorskip("numba")
    shape = (40,) if batteries is None else (40, batteries)
    power_w = np.resize(powers(40), shape[::-1]).T.copy()
    make: dict[str, Any] = {"time_step_s": TICK_S, "batteries": batteries}
    native, numba = (wk.BatteryStepper(cell(), engine=name, **make) for name in ("native", "numba"))
    native.run(power_w=power_w)
    middle = native.snapshot()
    expected = native.run(power_w=power_w, every=4)
    for stepper in (native, numba):
        stepper.restore(middle)
        again = stepper.run(power_w=power_w, every=4)
        assert again.loss_w.tobytes() == expected.loss_w.tobytes()
        assert again.soc.tobytes() == expected.soc.tobytes()
    assert middle.cell.flags.owndata
    with pytest.raises(ScenarioError, match="is None, not a BatterySnapshot"):
        stepper.restore(None)  # type: ignore[arg-type]
    with pytest.raises(ScenarioError, match="another battery"):
        wk.BatteryStepper(cell(soh_capacity=0.9), **make).restore(middle)


def test_a_container_goes_with_it() -> None:
    house = wk.parameters.Container(cooling_power_w=1e3, auxiliary_power_w=20.0)
    stepper = wk.BatteryStepper(cell(), time_step_s=1.0, container=house)
    stepper.step(500.0)
    assert stepper.auxiliary_power_w == 20.0


@pytest.mark.parametrize("wrong", [math.nan, math.inf, "5 W", None, True, [1.0, 2.0], 1j, 10**400])
def test_what_is_no_number_is_told(engine: str, wrong: Any) -> None:
    stepper = wk.BatteryStepper(cell(), time_step_s=TICK_S, engine=engine)
    before = stepper.snapshot()
    with pytest.raises(ScenarioError, match="power_w"):
        stepper.step(wrong)
    assert stepper.snapshot().cell.tobytes() == before.cell.tobytes()


@pytest.mark.parametrize("number", [5, np.float32(5.0), np.int64(5), np.float64(5.0)])
def test_numbers_of_any_type(engine: str, number: Any) -> None:
    stepper = wk.BatteryStepper(cell(), time_step_s=TICK_S, engine=engine)
    assert stepper.step(number).power_w == 5.0


def test_wrong_input_is_told_with_a_remedy() -> None:
    stepper = wk.BatteryStepper(cell(), time_step_s=TICK_S)
    many = wk.BatteryStepper(cell(), time_step_s=TICK_S, batteries=3)
    for call, words in (
        (lambda: stepper.step(1.0, current_a=1.0), "exactly one of power_w, current_a and voltage_v"),
        (lambda: stepper.step(), "exactly one"),
        (lambda: stepper.step(voltage_v="high"), "voltage_v"),
        (lambda: many.step([1.0, 2.0]), "one number for each of 3 batteries"),
        (lambda: many.step([1.0, 2.0, math.nan]), r"power_w\[2\]"),
        (lambda: many.step(), "exactly one"),
        (lambda: many.run(power_w=np.zeros(4)), r"\(ticks, 3\)"),
        (lambda: stepper.run(power_w=np.zeros((4, 3))), r"\(ticks,\)"),
        (lambda: stepper.run(power_w=np.zeros(4), every=5), "from 1 to 4"),
        (lambda: wk.BatteryStepper(cell(), time_step_s=0.0), "time_step_s"),
        (lambda: wk.BatteryStepper(cell(), time_step_s=TICK_S, batteries=0), "batteries"),
        (lambda: wk.BatteryStepper(cell(), time_step_s=TICK_S, engine="fast"), "unknown engine"),
        (lambda: wk.BatteryStepper({"strings": 1}, time_step_s=TICK_S), "params"),  # type: ignore[arg-type]
        (lambda: wk.BatteryStepper(cell(), time_step_s=TICK_S, soc_initial=2.0), "soc_initial"),
        (
            lambda: wk.BatteryStepper(
                cell(), time_step_s=TICK_S, batteries=2, container=wk.parameters.Container()
            ),
            "only one battery has a container",
        ),
    ):
        with pytest.raises(ScenarioError, match=words):
            call()
