"""Test 6: demand response. A load target arrives, the system makes the import follow it.

Fast: a step of the target. Slow: a target of full power, to which the controller ramps. The response time
runs from the target's begin until the import stays within the tolerance of it. The targets are written as
DSX Flex `loadtarget` data beside the result.
"""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np

from wattkeel._generated import models
from wattkeel.jsonio import dumps
from wattkeel.qualify.bench import Bench, Log, Order, Segment, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import Chart, Criteria, Reading, TestOutcome, series_of, verdict_of
from wattkeel.qualify.swings import settled_after_s

__all__ = ["dispatch_test"]

START_S = 5.0
REST_S = 15.0
"""Time between the end of the fast dispatch and the slow one, and after that."""
RAMP_STEP_S = 0.1
LEAST_HOLD_S = 10.0
EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
"""Start of the run in the targets' clock."""


def dispatch_test(context: Context) -> TestOutcome:
    """Run and judge test 6."""
    settings = context.settings.dispatch or models.QualifyDispatch()
    subject, test = context.subject, context.test(6)
    fast_hold_s = max(LEAST_HOLD_S, settings.hold_s / 5.0)
    fast = (START_S, START_S + fast_hold_s)
    slow_s = fast[1] + REST_S
    slow = (slow_s, slow_s + settings.command_delay_s + settings.slow_ramp_s + settings.hold_s)
    load_w = max(context.peak_w, subject.rated_w)
    bench = Bench(
        subject, "Test 6: demand response", slow[1] + REST_S,
        record=["poi.power_w", "site.load_power_w", subject.signal("power_w"),
                subject.signal("command_w"), subject.signal("soc")],
    )  # fmt: skip
    grid = {"rated_power_w": context.base_w, "reference_power_w": load_w}
    orders = [Order(0.0, subject.command, 0.0), *_orders(context, settings, fast, slow)]
    scenario = bench.scenario([Segment(0.0, math.inf, load_w)], grid=grid)
    log = run(scenario, orders, progress=context.progress)
    criteria = context.criteria(6)
    for name, span, share in (("fast", fast, settings.fast_pu), ("slow", slow, settings.slow_pu)):
        limit_s = float(test.keys[f"{name}_response_s_max"])
        _judge_response(criteria, context, log, settings, name, span, share * subject.rated_w, limit_s)
    soc = log[subject.signal("soc")]
    criteria.judge(
        "soc_reserve",
        "SoC that is left at the end of both dispatches",
        [Reading("lowest SoC", float(soc.min()), float(np.argmin(soc)) * log.tick_s)],
        settings.soc_reserve,
        "",
        method="SoC at every tick",
        missing="qualify.dispatch.soc_reserve",
        at_least=True,
        quantity=subject.signal("soc"),
    )
    targets = [(*fast, load_w - settings.fast_pu * subject.rated_w)]
    targets.append((*slow, load_w - settings.slow_pu * subject.rated_w))
    notes = [
        f"constant load of {load_w / 1e6:.4g} MW; {settings.command_delay_s:g} s from target to command, a "
        f"ramp of {settings.slow_ramp_s:g} s in the slow dispatch (qualify.dispatch)",
        test.method_note,
    ]
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"dispatch": log},
        series=[series_of("dispatch", log)],
        charts=[
            Chart("Import", "MW", 1e-6, (("import", "poi.power_w"),)),
            Chart("State of charge", "", 1.0, (("SoC", subject.signal("soc")),)),
        ],
        files={"loadtarget.json": dumps(_targets(targets))},
    )  # fmt: skip


def _orders(
    context: Context,
    settings: models.QualifyDispatch,
    fast: tuple[float, float],
    slow: tuple[float, float],
) -> list[Order]:
    """Commands of the controller: late by its delay, ramped in the slow dispatch."""
    name, rated_w, late_s = context.subject.command, context.subject.rated_w, settings.command_delay_s
    orders = [
        Order(fast[0] + late_s, name, settings.fast_pu * rated_w),
        Order(fast[1] + late_s, name, 0.0),
    ]
    steps = max(1, round(settings.slow_ramp_s / RAMP_STEP_S))
    for step in range(1, steps + 1):
        share = settings.slow_pu * step / steps
        at_s = slow[0] + late_s + (step - 1) * settings.slow_ramp_s / steps
        orders.append(Order(at_s, name, share * rated_w))
    orders.append(Order(slow[1] + late_s, name, 0.0))
    return orders


def _judge_response(
    criteria: Criteria,
    context: Context,
    log: Log,
    settings: models.QualifyDispatch,
    name: str,
    span: tuple[float, float],
    step_w: float,
    limit_s: float,
) -> None:
    """Time until the import stays below the target, within the tolerance."""
    before_w = float(log.part("poi.power_w", span[0] - 1.0, span[0]).mean())
    power = log.part("poi.power_w", *span)
    readings = []
    for tolerance in (settings.tolerance, 2.0 * settings.tolerance):
        most_w = before_w - step_w * (1.0 - tolerance)
        took_s = settled_after_s(power, log.tick_s, -math.inf, most_w)
        readings.append(Reading(f"within {100 * tolerance:g} %", took_s, span[0] + min(took_s, span[1])))
    tail = power[-max(1, power.size // 10) :]
    reached = (before_w - float(tail.mean())) / step_w
    criteria.judge(
        f"{name}_response",
        f"{name} dispatch of {step_w / 1e6:.4g} MW: time from the target until the import stays within it",
        readings[:1],
        limit_s,
        "s",
        method=f"import at every tick, within {100 * settings.tolerance:g} % of the dispatch of the target",
        note=f"within {200 * settings.tolerance:g} %: {readings[1].value:.4g} s; at the end of the dispatch "
        f"{100 * reached:.4g} % of it is there",
        resolution=log.tick_s,
        quantity="poi.power_w",
    )


def _targets(targets: list[tuple[float, float, float]]) -> dict[str, Any]:
    """Data of `loadtarget` events, schema 1.7.0: intervals and constraints."""

    def clock(time_s: float) -> str:
        at = EPOCH + datetime.timedelta(seconds=time_s)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    rows = [
        {
            "interval": {"start_time": clock(start_s), "end_time": clock(stop_s)},
            "load_constraint": {"value": round(power_w / 1e6, 6), "unit": "megawatt"},
            "strategy": {"best_effort": False},
        }
        for start_s, stop_s, power_w in targets
    ]
    return {"targets": rows}
