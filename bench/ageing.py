"""Ageing: time of one count, and of a projection over years; each answer is checked before it is timed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from timing import SPIN, Findings, Measure, require, round_robin

CALLS = 20_000
YEARS = 20.0
DAY_S = 86400.0


def _history(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SoC, temperature and lengths: a slow wave, or a walk that turns at every other step."""
    rng = np.random.default_rng(7)
    soc = 0.5 + 0.3 * np.sin(1e-3 * np.arange(CALLS))
    if kind == "walk":
        soc = np.clip(0.5 + np.cumsum(rng.normal(0.0, 0.005, CALLS)), 0.05, 0.95)
    return soc, 298.15 + 5.0 * np.sin(1e-4 * np.arange(CALLS)), np.full(CALLS, 0.1)


def _counters(method: str) -> dict[str, Any]:
    from wattkeel.ageing import Counter
    from wattkeel.parameters import Ageing
    from wattkeel.prototype import _jit

    engines = ("native", "numba") if _jit.AVAILABLE else ("native",)
    return {name: Counter(0.5, 298.15, Ageing(method=method), engine=name) for name in engines}


def _counts(budget_s: float) -> Findings:
    """Nanoseconds of one ``stress_add``, by method and history."""
    found = Findings()
    for method in ("rainflow", "half_cycle"):
        for kind in ("wave", "walk"):
            history, counters = _history(kind), _counters(method)
            for counter in counters.values():
                counter.run(*history)
            bits = {counter.counter.tobytes() + counter.state.tobytes() for counter in counters.values()}
            require(len(bits) == 1, f"{method}, {kind}: the engines differ")
            best = round_robin(
                {name: partial(c.run, *history) for name, c in counters.items()}, budget_s=budget_s
            )
            for name in counters:
                ns = best[name] / CALLS * 1e9
                found.measures[f"ageing/stress_add, {method}, {kind}/{name}"] = Measure(
                    ns, "ns/call", spin_s=best[SPIN]
                )
    found.checks.append("ageing: counts equal in all bits in every engine")
    return found


def _projections(budget_s: float) -> Findings:
    """Milliseconds of 20 years from a day of 15 min samples, the count included."""
    from wattkeel import ageing

    time_s = 900.0 * np.arange(97)
    hour = [0.0, 2.0, 6.0, 8.0, 14.0, 18.0, 24.0]
    soc = 0.5 + 0.35 * np.interp(time_s / 3600.0, hour, [0.0, 1.0, 1.0, -1.0, -1.0, 0.0, 0.0])
    warm = 298.15 + 100.0 * np.abs(np.gradient(soc))
    model, day = ageing.model("naumann-lfp"), ageing.duty(time_s, soc, warm, ambient_k=298.15)
    full = ageing.project(model, day, YEARS, macro_steps=None).fade.capacity_loss
    quick = ageing.project(model, day, YEARS).fade.capacity_loss
    require(abs(quick - full) < 1e-4, f"20 years in macro-steps {quick}, counted day by day {full}")
    calls = {
        "without feedback": partial(ageing.project, model, day, YEARS, feedback=False),
        "with feedback": partial(ageing.project, model, day, YEARS),
    }
    best = round_robin(calls, budget_s=budget_s)
    found = Findings()
    for name in calls:
        found.measures[f"ageing/20 years, {name}/native"] = Measure(best[name] * 1e3, "ms", spin_s=best[SPIN])
    found.checks.append(
        f"ageing: 20 years in macro-steps within {abs(quick - full):.1e} of every day counted"
    )
    return found


def measure(isas: list[str], quick: bool) -> Findings:
    """All of it, on the instruction set in use."""
    found = _counts(budget_s=0.2 if quick else 1.0)
    found.add(_projections(budget_s=0.3 if quick else 2.0))
    return found
