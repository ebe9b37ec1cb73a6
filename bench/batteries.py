"""Batteries alone: one over many ticks, a thousand side by side, and both stepped by a loop in Python.

A battery is built before it is timed. What is timed is a call, from the check of its input to its output. The
preset has tables over SoC and temperature, charge transfer and three slower branches, hysteresis and heat; it
runs at ticks of 1 ms under the power of a job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from timing import SPIN, Findings, Measure, require, round_robin

import wattkeel as wk

PRESET = "lfp-280ah-grid"
TICK_S = 1e-3
# Of the nominal power, 0.5C and below: 350 ms of work, 100 ms of communication, 50 ms that come back.
JOB = np.repeat([0.4, 0.1, -0.2], [350, 100, 50])


@dataclass(frozen=True)
class Row:
    """Batteries, ticks, and ticks of which a row of the output is the mean; ``loop``: stepped from Python."""

    batteries: int
    ticks: int
    every: int = 1
    counted: bool = False  # stress, for ageing
    loop: bool = False


ROWS = {
    "one, every tick": Row(1, 100_000),
    "one, means of 100 ticks": Row(1, 100_000, 100),
    "one, means of 100 ticks, stress counted": Row(1, 100_000, 100, counted=True),
    "100, means of 100 ticks": Row(100, 2_000, 100),
    "1000, means of 100 ticks": Row(1_000, 1_000, 100),
    "1000, every tick": Row(1_000, 200),
    "one, stepped from Python": Row(1, 10_000, loop=True),
    "1000, stepped from Python": Row(1_000, 100, loop=True),
}
QUANTITIES = ("power_w", "cell_power_w", "loss_w", "polarisation_power_w", "current_a", "voltage_v",
              "end_voltage_v", "soc")  # fmt: skip


def cell() -> Any:
    """One string of the preset."""
    return wk.parameters.preset("battery", PRESET, strings=1.0)


class Work:
    """One row with its input: a battery at its start, and what is asked of it."""

    def __init__(self, params: Any, row: Row, engine: str) -> None:
        self.params, self.row, self.engine = params, row, engine
        nominal_w = params.cells_series * params.cell_voltage_v * params.cell_capacity_ah
        self.power_w = nominal_w * np.resize(JOB, row.ticks)
        many: dict[str, Any] = {}
        if row.batteries > 1:
            self.power_w = np.outer(self.power_w, np.linspace(0.1, 1.0, row.batteries))
            many = {"batteries": row.batteries, "soc_initial": np.linspace(0.3, 0.7, row.batteries)}
        self.stepper = wk.BatteryStepper(params, time_step_s=TICK_S, engine=engine, **many)
        self.start = self.stepper.snapshot()
        self.commands = list(self.power_w) if row.batteries > 1 else self.power_w.tolist()

    def __call__(self) -> Any:
        """From the start: the whole run, or as an array what the steps of a loop gave."""
        row = self.row
        if row.counted:
            return wk.stages.battery(
                self.params, power_w=self.power_w, time_step_s=TICK_S, every=row.every,
                ageing=wk.parameters.Ageing(), engine=self.engine,
            )  # fmt: skip
        self.stepper.restore(self.start)
        if not row.loop:
            return self.stepper.run(power_w=self.power_w, every=row.every)
        step, last = self.stepper.step, None
        for command in self.commands:
            last = step(command)
        return last


def _engines() -> list[str]:
    from wattkeel.prototype import _jit

    return ["native", "numba"] if _jit.AVAILABLE else ["native"]


def check(name: str, works: dict[str, Work]) -> str:
    """Engines agree bit by bit, the power is delivered, and the energy balance closes; says so."""
    answers = {engine: work() for engine, work in works.items()}
    native = answers["native"]
    for engine, other in answers.items():
        for quantity in QUANTITIES:
            same = np.all(np.asarray(getattr(native, quantity)) == np.asarray(getattr(other, quantity)))
            require(bool(same), f"batteries, {name}: {quantity} of {engine} differs from native")
    require(int(np.sum(native.limited)) == 0, f"batteries, {name}: a limit was met")
    if works["native"].row.loop:  # on to the answer of one call over all ticks
        work = works["native"]
        work.stepper.restore(work.start)
        whole = work.stepper.run(power_w=work.power_w)
        for quantity in QUANTITIES:
            same = np.all(getattr(whole, quantity)[-1] == np.asarray(getattr(native, quantity)))
            require(bool(same), f"batteries, {name}: {quantity} of steps differs from that of a run")
    if works["native"].row.counted:
        require(native.stress is not None, f"batteries, {name}: no stress was counted")
    out_w = np.asarray(native.power_w) + native.loss_w + native.polarisation_power_w
    gap_w = float(np.abs(native.cell_power_w - out_w).max())
    largest_w = float(np.abs(native.cell_power_w).max())
    require(gap_w <= 1e-12 * largest_w, f"batteries, {name}: energy balance open by {gap_w:g} W")
    return f"batteries, {name}: equal in all bits in {', '.join(works)}; energy balance closes"


def measure_row(name: str, row: Row, params: Any, budget_s: float) -> Findings:
    """Check and time one row in every engine."""
    works = {engine: Work(params, row, engine) for engine in _engines()}
    found = Findings()
    found.checks.append(check(name, works))
    calls: dict[str, Callable[[], object]] = {engine: partial(work) for engine, work in works.items()}
    best = round_robin(calls, budget_s=budget_s)
    for engine in works:
        rate = row.batteries * row.ticks / best[engine]
        found.measures[f"battery/{name}/{engine}"] = Measure(rate, "1/s", "higher", best[SPIN])
    return found


def measure(isas: list[str], quick: bool) -> Findings:
    """All rows; ``isas`` is not used: the best is taken."""
    del isas
    found, params = Findings(), cell()
    for name, row in ROWS.items():
        found.add(measure_row(name, row, params, budget_s=0.4 if quick else 2.0))
    return found
