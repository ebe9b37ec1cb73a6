"""Test 11: drift of the SoC over a day of shallow and deep cycles.

Shallow: the load and the control of the user's scenario. Deep: at even times an operator takes the system
down and up through most of its window and gives it back at the SoC at which he took it. Losses pull the SoC
down; what is left after a day is what the control does not bring back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel._generated import models
from wattkeel.engine import Engine
from wattkeel.errors import ScenarioError
from wattkeel.qualify.bench import Bench, Log, Subject, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import Chart, Criteria, Reading, Series, TestOutcome, verdict_of
from wattkeel.scenario import Scenario
from wattkeel.summary import nominal_energy_j

__all__ = ["cycling_test"]

Floats = NDArray[np.float64]

DAY_S = 86400.0
BUCKETS = 1440
"""Rows of the series: minutes of a day."""
LOOK_S = 1.0
"""Shortest time between two looks of the operator."""
GUARD = 0.005
"""Distance from the ends of the window, in SoC, at which the operator turns round."""
SHORTER = (1, 2, 5, 10)
"""Parts of the tick asked for that are tried in turn: a fast grid-forming unit does not bear every tick."""
SAME_SOC = 1e-3
"""Difference of SoC between two ticks, of the usable window, above which the tick is said to matter."""


@dataclass
class _Operator:
    """Deep cycles: down, up, and back to where it began, by the SoC that the system shows."""

    subject: Subject
    starts_s: list[float]
    depth: float
    power_w: float
    leg: int = -1
    home: float = 0.0
    low: float = 0.0
    high: float = 0.0
    deepest: float = 0.0
    column: int = -1

    def __call__(self, engine: Engine) -> float:
        """Look at the SoC and command; returns when to look again, s."""
        if self.leg < 0:
            if not self.starts_s:
                return math.inf
            if engine.time_s < self.starts_s[0]:
                return self.starts_s[0] - engine.time_s
        if self.column < 0:
            self.column = engine.signal_names.index(self.subject.signal("soc"))
        soc = float(engine.plant.signal[self.column]) if engine.tick else self.subject.soc_initial
        if self.leg < 0:
            self.starts_s.pop(0)
            self._begin(soc)
            engine.command(self.subject.command, self.power_w)
        gap = (soc - self.low, self.high - soc, soc - self.home)[self.leg]
        if gap > 0.0:
            # Half of the time that full power needs for it: never past the mark by more than a look.
            return max(LOOK_S, 0.5 * gap * nominal_energy_j(self.subject.unit) / self.power_w)
        self.leg += 1
        if self.leg == 3:
            self.leg = -1
            engine.command(self.subject.command, math.nan)  # back to the control
        else:
            engine.command(self.subject.command, self.power_w if self.leg == 2 else -self.power_w)
        return LOOK_S

    def _begin(self, soc: float) -> None:
        least, most = self.subject.window
        half = 0.5 * self.depth * (most - least)
        self.leg, self.home = 0, soc
        self.low = max(soc - half, least + GUARD)
        self.high = max(soc, min(self.low + 2.0 * half, most - GUARD))
        self.deepest = max(self.deepest, self.high - self.low)


def cycling_test(context: Context) -> TestOutcome:
    """Run and judge test 11."""
    settings = context.settings.cycling or models.QualifyCycling()
    subject, test = context.subject, context.test(11)
    names = [subject.signal(key) for key in ("soc", "power_w", "command_w", "temperature_k")]
    names += ["poi.power_w", "site.load_power_w"]
    operator = _operator(subject, settings)
    scenario, refused = _fitting(context, settings)
    log = run(scenario, pilot=operator, envelope=names, progress=context.within(0.0, 0.9))
    criteria = context.criteria(11)
    _judge_drift(criteria, context, log, settings, operator)
    notes = [_tick_note(context, settings, log), *refused, *_clock_notes(context, scenario)]
    notes += [
        f"{settings.deep_cycles} deep cycles of {100 * settings.deep_depth:g} % of the window at "
        f"{100 * settings.deep_power_pu:g} % of rated power, a choice: the guideline's steps were not seen",
        "one program asks for a window of 20 to 80 %, unconfirmed; judged is the window of the battery, "
        f"{100 * subject.window[0]:g} to {100 * subject.window[1]:g} %",
        test.method_note,
    ]
    count = log.envelopes[names[0]].shape[1]
    columns: dict[str, Floats] = {"time_s": log.envelope_s * np.arange(1.0, count + 1.0)}
    for name in names:
        columns[f"{name} (mean)"] = log.envelopes[name][1]
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"cycling": log}, series=[Series("cycling", columns)],
        charts=[
            Chart("State of charge", "", 1.0, (("SoC", f"{subject.signal('soc')} (mean)"),)),
            Chart(
                "Power of the system, means", "MW", 1e-6,
                (("delivered", f"{subject.signal('power_w')} (mean)"),),
            ),
        ],
    )  # fmt: skip


def _operator(subject: Subject, settings: models.QualifyCycling) -> _Operator:
    """Deep cycles evenly over the time, the first after half of the spacing."""
    count = settings.deep_cycles
    starts = [(index + 0.25) * settings.duration_s / count for index in range(count)]
    return _Operator(subject, starts, settings.deep_depth, settings.deep_power_pu * subject.rated_w)


def _fitting(context: Context, settings: models.QualifyCycling) -> tuple[Scenario, list[str]]:
    """The site at the tick asked for, or at the longest shorter one at which its own checks let it run."""
    own_s = context.scenario.model.simulation.tick_s
    refused: list[str] = []
    for parts in SHORTER:
        tick_s = settings.tick_s / parts
        try:
            return _scenario(context, settings.duration_s, tick_s), refused
        except ScenarioError as error:
            if tick_s / 2.0 < own_s or parts == SHORTER[-1]:
                raise
            refused = [f"a tick of {settings.tick_s:g} s does not fit this site: {error.faults[0]}"]
    raise AssertionError("the last tick returns or raises")


def _whole(time_s: float, tick_s: float) -> float:
    """A time in whole ticks, rounded up."""
    return math.ceil(time_s / tick_s - 1e-9) * tick_s


def _scenario(context: Context, duration_s: float, tick_s: float, bucket_s: float = 0.0) -> Scenario:
    """The user's site at another tick; what has to be a whole number of ticks is rounded up to one.

    ``bucket_s`` is the period of the series, that of `_bucket_s` where it is 0.
    """
    model = context.scenario.model
    more: dict[str, Any] = {
        "control": {
            "period_s": max(tick_s, _whole(model.control.period_s, tick_s)),
            "measurement_delay_s": _whole(model.control.measurement_delay_s, tick_s),
        },
        "grid": {"rocof_window_s": max(tick_s, _whole(model.grid.rocof_window_s, tick_s))},
        "storage": {
            context.subject.name: {
                "converter": {"delay_s": _whole(context.subject.converter.delay_s, tick_s)}
            }
        },
    }
    support = context.subject.unit.support
    if support is not None:
        more["storage"][context.subject.name]["support"] = {
            "response_delay_s": _whole(support.response_delay_s, tick_s)
        }
    bucket_s = bucket_s or _bucket_s(duration_s, tick_s)
    bench = Bench(context.subject, "Test 11: SoC drift", duration_s, tick_s, envelope_s=bucket_s)
    return bench.site(more)


def _bucket_s(duration_s: float, tick_s: float) -> float:
    """Period of the series in whole ticks."""
    return max(tick_s, round(duration_s / BUCKETS / tick_s) * tick_s)


def _judge_drift(
    criteria: Criteria,
    context: Context,
    log: Log,
    settings: models.QualifyCycling,
    operator: _Operator,
) -> None:
    """Net change of the SoC over the time, of the usable window."""
    least, most = context.subject.window
    soc = log.envelopes[context.subject.signal("soc")]
    end, start = float(soc[1, -1]), context.subject.soc_initial
    drift = 100.0 * (end - start) / (most - least)
    turned = "no deep cycle"
    if settings.deep_cycles:
        turned = f"the deep cycles reached {100 * operator.deepest / (most - least):.3g} % of the window"
    spread = (
        f"{drift:+.4g} % in {settings.duration_s / 3600.0:g} h: SoC from {start:.4f} to {end:.4f}, between "
        f"{soc[0].min():.4f} and {soc[2].max():.4f}; {turned}"
    )
    if operator.leg >= 0 or operator.starts_s:
        spread += "; the last deep cycle was not finished"
    description = "net change of the SoC over 24 h, of usable capacity"
    if settings.duration_s < DAY_S:
        hours = settings.duration_s / 3600.0
        reason = f"{hours:g} h are too short for a drift over 24 h; {spread}"
        criteria.open("soc_drift", description, reason, counts=True)
        return
    per_day = abs(drift) * DAY_S / settings.duration_s if settings.duration_s > DAY_S else abs(drift)
    limit = float(context.test(11).keys["soc_drift_pct_max"])
    criteria.judge(
        "soc_drift",
        description,
        [Reading("a day", per_day, log.duration_s)],
        limit,
        "%",
        method=f"mean SoC of the last {log.envelope_s:g} s less SoC at the start, tick {log.tick_s:g} s",
        note=spread,
        quantity=context.subject.signal("soc"),
    )


def _tick_note(context: Context, settings: models.QualifyCycling, log: Log) -> str:
    """What a tick of a tenth gives for a stretch with a deep leg: stated, not assumed."""
    stretch_s = min(settings.check_s, settings.duration_s)
    if stretch_s <= 0.0:
        return f"tick {log.tick_s:g} s; not compared with a shorter one (qualify.cycling.check = 0)"
    name = context.subject.signal("soc")
    least, most = context.subject.window
    ends = []
    bucket_s = _bucket_s(stretch_s, log.tick_s)  # the same for both, so that like is compared with like
    for tick_s in (log.tick_s, log.tick_s / 10.0):
        scenario = _scenario(context, stretch_s, tick_s, bucket_s)
        operator = _operator(context.subject, settings)
        operator.starts_s = [stretch_s / 2.0] if settings.deep_cycles else []
        found = run(scenario, pilot=operator, envelope=[name], progress=context.within(0.9, 1.0))
        ends.append(found.envelopes[name][1])
    apart = float(np.abs(ends[0] - ends[1][: ends[0].size]).max()) / (most - least)
    verdict = "does not matter here" if apart <= SAME_SOC else "MATTERS: choose a shorter one"
    return (
        f"tick {log.tick_s:g} s: against {log.tick_s / 10.0:g} s the SoC of {stretch_s:g} s with the "
        f"begin of a deep cycle differs by at most {100.0 * apart:.2g} % of the window; the tick {verdict}"
    )


def _clock_notes(context: Context, scenario: Scenario) -> list[str]:
    """Which times of the user's scenario this tick has rounded."""
    own, now = context.scenario.model, scenario.model
    unit = now.storage[context.subject.name].converter
    pairs = [
        ("control.period", own.control.period_s, now.control.period_s),
        ("control.measurement_delay", own.control.measurement_delay_s, now.control.measurement_delay_s),
    ]
    if unit is not None:
        place = f"storage.{context.subject.name}.converter.delay"
        pairs.append((place, context.subject.converter.delay_s, unit.delay_s))
    told = [f"{name} {new:g} s for {old:g} s" for name, old, new in pairs if abs(new - old) > 1e-12]
    return [f"rounded up to the tick of this test: {', '.join(told)}"] if told else []
