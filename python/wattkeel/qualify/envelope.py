"""Stability of the site over short-circuit ratio, X/R and load: what passing the tests does not imply.

Every point of the map is looked at in three ways: whether the voltage has a solution and how far it is from
the nose of the PV curve; the margin of the loops for small deviations (`small_signal`); and a run of the
engine through a step of the load, down and back, after which nothing may swing on or go unserved.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wattkeel._generated import models
from wattkeel.qualify.bench import Bench, Log, Segment, dumped, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.small_signal import forming_margin, support_margin, way_of
from wattkeel.qualify.swings import band_swing
from wattkeel.scenario import Scenario

__all__ = ["STATES", "Envelope", "MapPoint", "State", "axis", "envelope"]

State = Literal["stable", "marginal", "unstable", "no_solution"]
STATES: tuple[State, ...] = ("stable", "marginal", "unstable", "no_solution")

PERIODS = 2.0
"""Periods of the slowest swing that is looked for, within half of a stretch."""


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One point of the map.

    Attributes
    ----------
    load_pu, scr, x_over_r : float
        Load, of the largest load of the site; short-circuit ratio; X/R.
    state : str
        stable, marginal, unstable or no_solution.
    reason : str
        What decided.
    margin : float
        Modulus margin of the loops; below 0 unstable, NaN without an operating point.
    collapse_margin : float
        1 less load over that at the nose, at the hardest moment of the run.
    swing_pu : float
        Largest swing at the end of a stretch.
    unserved_pu : float
        Largest unserved power, of the largest load.
    """

    load_pu: float
    scr: float
    x_over_r: float
    state: State
    reason: str
    margin: float
    collapse_margin: float
    swing_pu: float
    unserved_pu: float


@dataclass(frozen=True)
class Envelope:
    """The map, with the user's own point and what it cost.

    Attributes
    ----------
    points : list of MapPoint
        In the order load, X/R, SCR.
    scr, x_over_r, load_pu : list of float
        Axes.
    own : (float, float) or None
        SCR and X/R of the user's grid.
    runs : int
        Runs of the engine.
    wall_s : float
        Time taken, s.
    notes : list of str
    """

    points: list[MapPoint]
    scr: list[float]
    x_over_r: list[float]
    load_pu: list[float]
    own: tuple[float, float] | None
    runs: int
    wall_s: float
    notes: list[str]

    def level(self, load_pu: float) -> list[MapPoint]:
        """Points of one load level."""
        return [point for point in self.points if point.load_pu == load_pu]

    def counts(self) -> dict[str, int]:
        """Points by state."""
        return {state: sum(point.state == state for point in self.points) for state in STATES}


def axis(values: Sequence[float], count: int) -> list[float]:
    """Points of an axis: two ends are filled evenly in the logarithm, more are taken as they are."""
    if len(values) != 2 or count < 2:
        return sorted(set(values))
    return [float(f"{value:.4g}") for value in np.geomspace(min(values), max(values), count)]


def envelope(context: Context, count: int) -> Envelope:
    """Compute the map.

    Parameters
    ----------
    context : Context
    count : int
        Points of each of the two axes, SCR and X/R.
    """
    settings = context.settings.map or models.QualifyMap()
    started_s = time.perf_counter()
    scr, x_over_r = axis(settings.scr, count), axis(settings.x_over_r, count)
    total = len(scr) * len(x_over_r) * len(settings.load_pu)
    points: list[MapPoint] = []
    for load_pu in settings.load_pu:
        base = _level(context, settings, load_pu)
        for ratio in x_over_r:
            for strength in scr:
                points.append(_point(context, settings, base, load_pu, strength, ratio))
                if context.progress is not None:
                    context.progress(len(points) / total)
    grid = context.scenario.model.grid
    ohmic = grid.source_resistance_ohm > 0.0 or grid.source_reactance_ohm > 0.0
    way = grid.transformer_impedance > 0.0 or grid.cable_reactance_ohm > 0.0
    notes = [
        f"SCR on {context.base_w / 1e6:.4g} MW at the POI; "
        + ("cable and transformers of the site lie behind it" if way else "the terminals are the POI"),
        "no events, no separation, no switching of taps; the control of the scenario is on",
        "RMS: nothing of phase-locked loops, inner loops and resonances, which decide weak grids in EMT",
    ]
    forming, converter = context.subject.unit.forming, context.subject.converter
    if forming is not None and converter.time_constant_s + converter.delay_s > forming.power_filter_s:
        notes.append("lag and dead time of the converter are not in the model of a unit that forms")
    own = None if ohmic else (grid.scr, grid.x_over_r)
    return Envelope(
        points, scr, x_over_r, list(settings.load_pu), own, total, time.perf_counter() - started_s, notes
    )


def _level(context: Context, settings: models.QualifyMap, load_pu: float) -> Scenario:
    """Bench of one load level: the load, a step less, and back."""
    subject, peak_w, stretch_s = context.subject, context.peak_w, settings.settle_s
    step_w = min(settings.load_step_pu, load_pu) * peak_w
    load = [
        Segment(0.0, math.inf, load_pu * peak_w - step_w),
        Segment(0.0, stretch_s, step_w),
        Segment(2.0 * stretch_s, math.inf, step_w),
    ]
    record = ["poi.power_w", "poi.reactive_power_var", "poi.voltage_pu", "poi.unserved_power_w"]
    record += ["poi.nose_loading_pu", "site.voltage_pu"]
    record += [subject.signal("power_w"), subject.signal("auxiliary_power_w")]
    bench = Bench(subject, "Map of stability", 3.0 * stretch_s, record=record)
    grid = {
        "rated_power_w": context.base_w,
        "reference_power_w": load_pu * peak_w,
        "source_resistance_ohm": 0.0,
        "source_reactance_ohm": 0.0,
        "island": None,
        "tap_changer": None,
    }
    control = dumped(context.scenario.model.control)
    return bench.scenario(load, grid=grid, control=control, own_way=True)


def _at(base: Scenario, scr: float, x_over_r: float) -> Scenario:
    """The bench at another grid: only two numbers within their ranges change, nothing is checked anew."""
    grid = base.model.grid.model_copy(update={"scr": scr, "x_over_r": x_over_r})
    return dataclasses.replace(base, model=base.model.model_copy(update={"grid": grid}))


def _point(
    context: Context, settings: models.QualifyMap, base: Scenario, load_pu: float, scr: float, ratio: float
) -> MapPoint:
    scenario = _at(base, scr, ratio)
    log = run(scenario)
    stretch_s = settings.settle_s
    restless, _ = _late_swing(context, log, stretch_s, (stretch_s,))
    margin = math.nan  # about no operating point
    if restless <= settings.oscillation_pu:
        margin = _margin(context, scenario, log, load_pu * context.peak_w, (0.75 * stretch_s, stretch_s))
    unserved = np.abs(log["poi.unserved_power_w"]) / context.peak_w
    before = float(unserved[log.at(0.5 * stretch_s) : log.at(stretch_s)].max())
    nose = float(log.part("poi.nose_loading_pu", 0.5 * stretch_s, log.duration_s).max())
    swing, late = _late_swing(context, log, stretch_s, (stretch_s, 2.0 * stretch_s, 3.0 * stretch_s))
    why = f"{late} swings on by {100.0 * swing:.3g} % after the load step"
    if restless > settings.oscillation_pu:
        why = "swings before any step: no steady state, a grid-forming unit loses synchronism"
        why = why if context.subject.forms else "swings before any step"
    state, reason = _state(settings, margin, before, float(unserved.max()), nose, swing, why)
    return MapPoint(load_pu, scr, ratio, state, reason, margin, 1.0 - nose, swing, float(unserved.max()))


def _margin(
    context: Context, scenario: Scenario, log: Log, load_w: float, span: tuple[float, float]
) -> float:
    """Margin of the loops at the operating point that the run has found before the step."""
    grid, subject = scenario.model.grid, context.subject

    def mean(name: str) -> float:
        return float(log.part(name, *span).mean())

    unit_w = mean(subject.signal("power_w")) - mean(subject.signal("auxiliary_power_w"))
    if subject.forms:
        return forming_margin(scenario, load_w, load_w * math.tan(math.acos(grid.power_factor)), unit_w)
    # What arrives at the bus: import less what the way takes.
    power_w, var, size_pu = mean("poi.power_w"), mean("poi.reactive_power_var"), mean("poi.voltage_pu")
    if size_pu <= 0.0:
        return math.nan
    way, base_va = way_of(scenario), context.base_w
    current = math.hypot(power_w, var) / base_va / size_pu
    arrives = complex(power_w, var) - way * current * current * base_va
    return support_margin(scenario, arrives.real, arrives.imag)


def _late_swing(context: Context, log: Log, stretch_s: float, stops_s: Sequence[float]) -> tuple[float, str]:
    """Largest swing in the second half of the stretches that end so, per unit, and where it is."""
    signals = {
        "poi.power_w": context.peak_w,
        context.subject.signal("power_w"): context.peak_w,
        "site.voltage_pu": 1.0,
    }
    low_hz = PERIODS / (0.5 * stretch_s)
    found = [
        (band_swing(log.part(name, stop_s - 0.5 * stretch_s, stop_s), log.tick_s, low_hz, 0.5 / log.tick_s)
         / unit, name)
        for name, unit in signals.items()
        for stop_s in stops_s
    ]  # fmt: skip
    return max(found)


def _state(
    settings: models.QualifyMap,
    margin: float,
    before: float,
    unserved: float,
    nose: float,
    swing: float,
    why: str,
) -> tuple[State, str]:
    """Class of a point, and what decided it."""
    if before > 0.0:
        return "no_solution", "the load has no voltage solution"
    if unserved > 0.0:
        return "unstable", "the voltage collapses in the load step"
    if swing > settings.oscillation_pu:
        return "unstable", why
    if math.isnan(margin):
        return "no_solution", "no operating point for small deviations"
    if margin < 0.0:
        return "unstable", "a loop is unstable for small deviations"
    if margin < settings.margin:
        return "marginal", f"margin of the loops {margin:.3f}"
    if 1.0 - nose < settings.collapse_margin:
        return "marginal", f"{100.0 * (1.0 - nose):.3g} % from the nose of the PV curve"
    return "stable", ""
