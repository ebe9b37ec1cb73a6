"""Test 4: AI buffering. The load and the control of the user's scenario, then the mean of the load, held.

The guideline's numbers (v0.4, by third-party code) name no statistic. Every reading that the words admit is
evaluated; where readings disagree the verdict is marginal, unless the user pins the statistic.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel._generated import models
from wattkeel.loading import bus_load_w, inlet_w, mean_import_w
from wattkeel.measures import rolling_average_ramp, rolling_range
from wattkeel.qualify.bench import Bench, Log, Order, Segment, loads, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import OWN, Chart, Criteria, Reading, TestOutcome, series_of, verdict_of
from wattkeel.qualify.swings import swing

__all__ = ["buffering_test"]

Floats = NDArray[np.float64]

WINDOW_S = 1.0
MEAN_S = 0.1
"""Means that a meter of ten readings a second gives."""
PERCENTILE = 99.0
LEAST_TAIL_S = 1.0
HELD = "qualify_mean_load"
"""Name of the load that takes over at the end of the wave."""


def buffering_test(context: Context) -> TestOutcome:
    """Run and judge test 4."""
    settings = context.settings.buffering or models.QualifyBuffering()
    subject, test = context.subject, context.test(4)
    wave_s = settings.settle_s + settings.duration_s
    control = context.scenario.model.control
    # Behind the end of the wave the moving average still holds some of it.
    tail_s = settings.ring_s + control.average_s
    names = ["poi.power_w", "poi.voltage_pu", "site.it_power_w", "site.load_power_w", "site.target_power_w"]
    names += ["poi.unserved_power_w", *(subject.signal(key) for key in ("command_w", "power_w", "soc"))]
    bench = Bench(subject, "Test 4: AI buffering", wave_s + tail_s, record=names)
    log = run(_scenario(context, bench, wave_s), _orders(context), progress=context.progress)
    criteria = context.criteria(4)
    span = (settings.settle_s, wave_s)
    _judge_ramp(criteria, context, log, span, float(test.keys["ramp_pct_it_load_per_s_max"]))
    _judge_tracking(criteria, context, log, span, settings, float(test.keys["tracking_error_pct_max"]))
    _judge_ringing(criteria, context, log, settings)
    limited = [event for event in log.events if event.kind == "storage_limited"]
    notes = [
        f"IT load rating {context.it_load_w / 1e6:.4g} MW; judged from {span[0]:g} to {span[1]:g} s",
        "statistic unspecified in what was seen of the guideline: all readings count"
        if settings.statistic == "unspecified"
        else f"tracking error by {settings.statistic}, as set in qualify.buffering.statistic",
        f"the system met a limit {len(limited)} times" if limited else "the system met no limit of its own",
        "20 % of IT load per second is far looser than the ramp limits of utilities: judge those too",
        test.method_note,
    ]
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"buffering": log},
        series=[series_of("buffering", log)],
        charts=[
            Chart("Load and import", "MW", 1e-6, (("load", "site.load_power_w"), ("import", "poi.power_w"))),
            Chart(
                "The system", "MW", 1e-6,
                (("command", subject.signal("command_w")), ("delivered", subject.signal("power_w"))),
            ),
        ],
    )  # fmt: skip


def _orders(context: Context) -> list[Order]:
    return [Order(0.0, context.subject.command, math.nan)]  # the control commands the system


def _scenario(context: Context, bench: Bench, wave_s: float) -> Any:
    """The user's site; at the end of the wave all jobs stop and one constant load takes their mean."""
    scenario = context.scenario
    model = scenario.model
    held_w = mean_import_w(scenario) - bus_load_w(
        scenario,
        {
            name: inlet_w(scenario, rack, model.gpu[rack.gpu].idle_power_w)
            for name, rack in model.rack.items()
        },
    )
    more: dict[str, Any] = {
        "workload": {
            name: {"stop_s": min(job.stop_s, wave_s), "stop_ramp_s": 0.0}
            for name, job in model.workload.items()
        }
    }
    if held_w > 0.0:
        held = loads([Segment(wave_s, math.inf, held_w)])
        for section, tables in held.items():
            more.setdefault(section, {})[HELD] = next(iter(tables.values()))
        more["rack"][HELD] |= {"gpu": HELD, "workload": HELD}
    return bench.site(more)


def _judge_ramp(
    criteria: Criteria, context: Context, log: Log, span: tuple[float, float], limit_pct: float
) -> None:
    """Steepest change of the import, in per cent of the IT load per second."""
    power, per_cent = log.part("poi.power_w", *span), 100.0 / context.it_load_w
    coarse, coarse_s = _means(power, log.tick_s, MEAN_S)
    found = rolling_range(power, log.tick_s, WINDOW_S)
    readings = [
        _steepest("change over 1 s", power, log.tick_s, WINDOW_S, per_cent, span[0]),
        Reading(
            "largest rise or fall within 1 s",
            max(found.rise_w, found.fall_w) * per_cent / WINDOW_S,
            span[0] + (found.rise_time_s if found.rise_w >= found.fall_w else found.fall_time_s),
        ),
        _steepest("change over 1 s of 0.1 s means", coarse, coarse_s, WINDOW_S, per_cent, span[0]),
        _steepest("slope between 0.1 s means", coarse, coarse_s, coarse_s, per_cent, span[0]),
    ]
    load = log.part("site.load_power_w", *span)
    without = _steepest("", load, log.tick_s, WINDOW_S, per_cent, span[0]).value
    criteria.judge(
        "grid_ramp",
        "ramp at the grid side, of the IT load per second",
        readings,
        limit_pct,
        "%/s",
        method="four readings of 'per second', every tick",
        note=f"the load itself changes by {without:.4g} % within a second",
        quantity="poi.power_w",
    )


def _steepest(
    label: str, values: Floats, tick_s: float, window_s: float, factor: float, start_s: float
) -> Reading:
    change = np.abs(rolling_average_ramp(values, tick_s, window_s)) * factor
    worst = int(np.argmax(change))
    return Reading(label, float(change[worst]), start_s + worst * tick_s + window_s)


def _means(values: Floats, tick_s: float, over_s: float) -> tuple[Floats, float]:
    """Means over whole ticks, and their spacing, s."""
    every = max(1, round(over_s / tick_s))
    count = values.size // every
    return values[: count * every].reshape(count, every).mean(axis=1), every * tick_s


def _judge_tracking(
    criteria: Criteria,
    context: Context,
    log: Log,
    span: tuple[float, float],
    settings: models.QualifyBuffering,
    limit_pct: float,
) -> None:
    """Power delivered against the command of the same tick, in per cent of rated power."""
    subject = context.subject
    error = np.abs(log.part(subject.signal("power_w"), *span) - log.part(subject.signal("command_w"), *span))
    error = 100.0 * error / subject.rated_w
    worst = int(np.argmax(error))
    found = {
        "rms": Reading("rms", math.sqrt(float(error @ error) / error.size)),
        "percentile_99": Reading("99th percentile", float(np.percentile(error, PERCENTILE))),
        "maximum": Reading("maximum", float(error[worst]), span[0] + worst * log.tick_s),
    }
    chosen = list(found.values()) if settings.statistic == "unspecified" else [found[settings.statistic]]
    told = "; ".join(f"{one.label}: {one.value:.4g} %" for one in found.values())
    criteria.judge(
        "tracking_error",
        "tracking error, of rated power",
        chosen,
        limit_pct,
        "%",
        method="power at the terminals less command, every tick",
        note=told if len(chosen) == 1 else "",
        quantity=subject.signal("power_w"),
    )


def _judge_ringing(criteria: Criteria, context: Context, log: Log, settings: models.QualifyBuffering) -> None:
    """What still swings once the load is held, in the last stretches of three lengths."""
    power, per_unit = log["poi.power_w"], 1.0 / context.it_load_w
    readings = []
    for share in (1.0, 0.5, 0.25):
        length_s = max(LEAST_TAIL_S, 0.5 * share * settings.ring_s)
        part = power[-round(length_s / log.tick_s) :]
        readings.append(Reading(f"last {length_s:g} s", swing(part) * per_unit, log.duration_s))
    early = log.part("poi.power_w", log.duration_s - settings.ring_s, log.duration_s - 0.5 * settings.ring_s)
    last = power[-early.size :]
    ratio = swing(last) / swing(early) if swing(early) > 0.0 else 0.0
    limits = (0.5, 2.0)
    told = ", ".join(
        f"{factor * settings.oscillation_pu:g} pu would be "
        + ("met" if max(one.value for one in readings) <= factor * settings.oscillation_pu else "exceeded")
        for factor in limits
    )
    criteria.judge(
        "oscillation",
        "no sustained oscillation: swing of the import under a held load, of the IT load",
        readings,
        settings.oscillation_pu,
        "pu",
        method="peak to peak behind the linear trend; our limit (qualify.buffering.oscillation)",
        evidence=OWN,
        note=f"second half of the held load over its first half: {ratio:.3g}; sensitivity: {told}",
        quantity="poi.power_w",
    )
