"""Batteries alone by `wattkeel.stages.battery`: one over many ticks, and a thousand side by side.

What is timed is the whole call, from the check of its input to its output. Batteries are cells of a shipped
preset with all its tables, at ticks of 1 ms under the power of a job.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from timing import SPIN, Findings, Measure, require, round_robin

import wattkeel as wk

PRESET = "lfp-sony-26650"
TICK_S = 1e-3
POWER_W = np.tile(np.repeat([9.6, 2.0, -5.0], [350, 100, 50]), 200)
# Batteries, ticks, and ticks of which a row of the output is the mean.
ROWS = {
    "one, every tick": (1, 100_000, 1),
    "one, means of 100 ticks": (1, 100_000, 100),
    "1000, means of 100 ticks": (1_000, 1_000, 100),
}


def cell() -> Any:
    """One cell of the preset."""
    return wk.parameters.preset("battery", PRESET, strings=1.0)


def run(params: Any, batteries: int, ticks: int, every: int, engine: str) -> Any:
    """Batteries under the power of a job, each with a SoC and a share of the power of its own."""
    power_w, soc = POWER_W[:ticks], None
    if batteries > 1:
        power_w = np.outer(power_w, np.linspace(0.1, 1.0, batteries))
        soc = np.linspace(0.3, 0.7, batteries)
    return wk.stages.battery(
        params, power_w=power_w, time_step_s=TICK_S, soc_initial=soc, every=every, engine=engine
    )


def _engines() -> list[str]:
    from wattkeel.prototype import _jit

    return ["native", "numba"] if _jit.AVAILABLE else ["native"]


def check(params: Any, name: str, engines: list[str]) -> str:
    """Engines agree bit by bit, the power is delivered, and the energy balance closes; says so."""
    runs = {engine: run(params, *ROWS[name], engine) for engine in engines}
    native = runs["native"]
    for engine, other in runs.items():
        for quantity in native.__dataclass_fields__:
            if quantity == "stress":  # counted only where it is asked for
                continue
            same = getattr(native, quantity).tobytes() == getattr(other, quantity).tobytes()
            require(same, f"batteries, {name}: {quantity} of {engine} differs from native")
    require(int(native.limited.sum()) == 0, f"batteries, {name}: a limit was met")
    out_w = native.power_w + native.loss_w + native.polarisation_power_w
    gap_w = float(np.abs(native.cell_power_w - out_w).max())
    largest_w = float(np.abs(native.cell_power_w).max())
    require(gap_w <= 1e-9 * largest_w, f"batteries, {name}: energy balance open by {gap_w:g} W")
    return f"batteries, {name}: equal in all bits in {', '.join(engines)}; energy balance closes"


def measure(isas: list[str], quick: bool) -> Findings:
    """One and many; ``isas`` is not used: the best is taken."""
    del isas
    found, params, engines = Findings(), cell(), _engines()
    for name, (batteries, ticks, every) in ROWS.items():
        found.checks.append(check(params, name, engines))
        calls: dict[str, Callable[[], object]] = {
            engine: partial(run, params, batteries, ticks, every, engine) for engine in engines
        }
        best = round_robin(calls, budget_s=0.5 if quick else 3.0)
        for engine in engines:
            rate = batteries * ticks / best[engine]
            found.measures[f"battery/{name}/{engine}"] = Measure(rate, "1/s", "higher", best[SPIN])
    return found
