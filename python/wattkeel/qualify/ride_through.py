"""Test 7: low- and high-voltage ride-through. Dips and swells of a stiff source at the terminals.

Points come from the user or from the bands of a profile; the guideline's own (IEEE 2800 baseline) were not
seen. Whether the system stays connected is a question of its protection: its trip stages are timed on the
terminal voltage of the run. The current that it delivers meanwhile is that of the converter's RMS model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel._generated import models
from wattkeel.errors import Fault, ScenarioError
from wattkeel.qualify.bench import LEAST_W, Bench, Log, Order, Segment, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import USER, Chart, Criteria, Reading, TestOutcome, series_of, verdict_of
from wattkeel.qualify.swings import settled_after_s

__all__ = ["Point", "points_of", "ride_through_test"]

Floats = NDArray[np.float64]

BLOCK = "voltage_ride_through"
STIFF_SCR = 1000.0
LEAD_S, TAIL_S = 3.0, 3.0
LONGEST_S = 600.0
"""Bands that last longer are continuous operation, not a dip."""
NOMINAL = (0.9, 1.1)
CEASES = "momentary_cessation"
"""Mode of a band in which a unit may stop: nothing to ride through."""


@dataclass(frozen=True, slots=True)
class Point:
    """One dip or swell: voltage at the terminals, pu, length, s, and where it comes from."""

    voltage_pu: float
    duration_s: float
    origin: str


def points_of(settings: models.QualifyRideThrough, context: Context) -> list[Point]:
    """Points of the user, then those at the edges of a profile's bands.

    Raises
    ------
    ScenarioError
        The profile cannot be read, or offers a choice that was not made.
    """
    found = [Point(point.voltage_pu, point.duration_s, "user") for point in settings.point]
    if not settings.profile:
        return found
    from wattkeel.compliance import load_profile

    loaded = load_profile(settings.profile, context.scenario.base_dir)
    variants = loaded.variants_of(BLOCK)
    if len(variants) > 1:
        named = "; ".join(",".join(f"{k}={v}" for k, v in one.chosen.items()) for one in variants)
        remedy = f"choose one, as in {settings.profile}[{named.partition(';')[0]}]: there is {named}"
        place = "qualify.ride_through.profile"
        raise ScenarioError([Fault(place, settings.profile, "has several sets of bands", remedy)])
    points = [_point(row.keys, settings.profile) for one in variants for row in one.rows]
    return found + [point for point in points if point is not None]


def _point(row: Mapping[str, Any], origin: str) -> Point | None:
    """The hardest point of a band: its outer edge, for as long as the band is required there."""
    if row.get("mode") == CEASES:
        return None
    low, high = float(row.get("v_min_pu", 0.0)), float(row.get("v_max_pu", math.inf))
    outer = low if high <= 1.0 else high
    if outer >= 1.0 and not math.isfinite(outer):
        outer = low
    if "min_duration_s" in row:
        least = float(row["min_duration_s"])
    elif "t0_s" in row:
        least = float(row["t0_s"]) + float(row.get("slope_s_per_pu", 0.0)) * (outer - low)
    else:
        return None
    if not 0.0 < least <= LONGEST_S or NOMINAL[0] <= outer <= NOMINAL[1]:
        return None
    return Point(outer, least, origin)


def ride_through_test(context: Context) -> TestOutcome:
    """Run and judge test 7."""
    settings = context.settings.ride_through or models.QualifyRideThrough()
    test = context.test(7)
    criteria = context.criteria(7)
    points = points_of(settings, context)
    notes = ["screening: no protection but the trip stages given, no phase-locked loop", test.method_note]
    if not points:
        reason = (
            "criterion not known: the points of the guideline were not seen; set "
            "[[qualify.ride_through.point]] or qualify.ride_through.profile to judge it"
        )
        criteria.open("stays_connected", "rides through every dip and swell", reason, counts=True)
        return TestOutcome(test, verdict_of(criteria.rows), criteria.rows, notes)
    log, starts = _run(context, points)
    _judge_trips(criteria, settings, log, points, starts)
    _judge_recovery(criteria, context, settings, log, points, starts)
    told = ", ".join(f"{point.voltage_pu:g} pu {point.duration_s:g} s" for point in points)
    notes.insert(0, f"points at full discharge and full charge: {told} ({points[0].origin})")
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"ride_through": log},
        series=[series_of("ride_through", log)],
        charts=[
            Chart("Voltage of the terminals", "pu", 1.0, (("voltage", "site.voltage_pu"),)),
            Chart(
                "Power of the system", "MW", 1e-6, (("delivered", context.subject.signal("power_w")),)
            ),
        ],
    )  # fmt: skip


def _run(context: Context, points: list[Point]) -> tuple[Log, list[tuple[float, float]]]:
    """All points one after the other at full discharge, then at full charge; begins and signs."""
    subject = context.subject
    orders = [Order(0.0, subject.command, subject.rated_w)]
    events, starts, now_s = [], [], LEAD_S
    for sign in (1.0, -1.0):
        orders.append(Order(now_s - LEAD_S, subject.command, sign * subject.rated_w))
        for point in points:
            events.append({"start_s": now_s, "duration_s": point.duration_s, "voltage_pu": point.voltage_pu})
            starts.append((now_s, sign))
            now_s += point.duration_s + TAIL_S
        now_s += LEAD_S
    grid = {
        "rated_power_w": context.base_w,
        "scr": STIFF_SCR,
        "source_resistance_ohm": 0.0,
        "source_reactance_ohm": 0.0,
        "source_voltage_pu": 1.0,
        "frequency_model": "fixed",
        "remote": None,
        "event": events,
    }
    record = ["site.voltage_pu", "poi.power_w", "poi.reactive_power_var", subject.signal("power_w")]
    bench = Bench(subject, "Test 7: ride-through", now_s, record=record)
    scenario = bench.scenario([Segment(0.0, math.inf, LEAST_W)], grid=grid)
    return run(scenario, orders, progress=context.progress), starts


def _beyond(voltage: Floats, tick_s: float, trip: models.QualifyTrip) -> tuple[float, int]:
    """Longest time beyond a stage's voltage without a break, s, and the tick at which it ends."""
    outside = voltage < trip.below_pu
    if trip.above_pu > 0.0:
        outside = outside | (voltage > trip.above_pu)
    edges = np.diff(np.concatenate([[0], outside.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not begins.size:
        return 0.0, 0
    longest = int(np.argmax(ends - begins))
    return float(ends[longest] - begins[longest]) * tick_s, int(ends[longest])


def _judge_trips(
    criteria: Criteria,
    settings: models.QualifyRideThrough,
    log: Log,
    points: list[Point],
    starts: list[tuple[float, float]],
) -> None:
    """How much of its delay each trip stage still has, at the worst point."""
    description = "rides through every dip and swell: no trip stage runs out"
    if not settings.trip:
        reason = (
            "the trip settings of the system are not known: set [[qualify.ride_through.trip]] to judge it"
        )
        criteria.open("stays_connected", description, reason, counts=True)
        return
    found: list[Reading] = []
    tripped = []
    for index, (start_s, sign) in enumerate(starts):
        point = points[index % len(points)]
        voltage = log.part("site.voltage_pu", start_s, start_s + point.duration_s + 0.5 * TAIL_S)
        for trip in settings.trip:
            longest_s, end = _beyond(voltage, log.tick_s, trip)
            way = "discharge" if sign > 0.0 else "charge"
            label = f"{point.voltage_pu:g} pu for {point.duration_s:g} s in {way}"
            left_s = longest_s - trip.delay_s
            if longest_s == 0.0:  # the stage never began; without a delay it has a tick in hand
                left_s = min(left_s, -log.tick_s)
            found.append(Reading(label, left_s, start_s + end * log.tick_s))
            if left_s >= 0.0:
                tripped.append(label)
    worst = max(found, key=lambda one: one.value)
    names = list(dict.fromkeys(tripped))
    note = f"the delay is used up at {', '.join(names)}" if names else "no stage trips"
    criteria.judge(
        "stays_connected",
        description,
        [Reading(f"time beyond a stage less its delay, worst at {worst.label}", worst.value, worst.time_s)],
        0.0,
        "s",
        method="every trip stage timed on the terminal voltage, every tick",
        evidence=USER,
        note=note,
        resolution=log.tick_s,
        quantity="site.voltage_pu",
    )


def _judge_recovery(
    criteria: Criteria,
    context: Context,
    settings: models.QualifyRideThrough,
    log: Log,
    points: list[Point],
    starts: list[tuple[float, float]],
) -> None:
    """Time from the return of the voltage until the power is back, and the power meanwhile."""
    name = context.subject.signal("power_w")
    took, during = [], []
    for index, (start_s, sign) in enumerate(starts):
        point = points[index % len(points)]
        before_w = float(log.part(name, start_s - 0.5, start_s).mean())
        stop_s = start_s + point.duration_s
        after = sign * log.part(name, stop_s, stop_s + TAIL_S)
        back_s = settled_after_s(after, log.tick_s, settings.recovery_share * sign * before_w, math.inf)
        took.append((back_s, stop_s))
        held = float(log.part(name, start_s, stop_s).mean())
        during.append(f"{point.voltage_pu:g} pu: {held / context.subject.rated_w:.3g} pu")
    worst_s, at_s = max(took)
    criteria.judge(
        "recovery",
        f"time from the return of the voltage until {100 * settings.recovery_share:g} % of the power is back",
        [Reading("slowest", worst_s, at_s)],
        settings.recovery_limit_s,
        "s",
        method="power at the terminals, every tick",
        missing="qualify.ride_through.recovery_limit",
        note=f"mean power in the dips: {'; '.join(during)}",
        resolution=log.tick_s if settings.recovery_limit_s > 0.0 else 0.0,
        quantity=name,
    )
