"""All tests of the guideline for one battery system, in order, and what they say together."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from wattkeel._generated import models
from wattkeel.compliance.finding import Finding, Verdict
from wattkeel.errors import Fault, ScenarioError
from wattkeel.qualify.bench import Subject
from wattkeel.qualify.buffering import buffering_test
from wattkeel.qualify.context import Context, it_load_w
from wattkeel.qualify.cycling import cycling_test
from wattkeel.qualify.dispatch import dispatch_test
from wattkeel.qualify.envelope import Envelope, envelope
from wattkeel.qualify.guideline import Guideline, guideline
from wattkeel.qualify.islanding import black_start_test, generator_test, island_test
from wattkeel.qualify.outcome import TestOutcome, verdict_of
from wattkeel.qualify.ride_through import points_of, ride_through_test
from wattkeel.qualify.telemetry import telemetry_test
from wattkeel.scenario import Scenario, expect_scenario

__all__ = ["EMT_REASONS", "RUNNERS", "Progress", "Qualification", "qualify"]

Progress = Callable[[str, float], None]
"""Told what is under way and the share of it that is done; 1 when it ends."""
Taker = Callable[[TestOutcome], None]

RUNNERS: dict[int, Callable[[Context], TestOutcome]] = {
    1: telemetry_test,
    2: island_test,
    4: buffering_test,
    6: dispatch_test,
    7: ride_through_test,
    9: generator_test,
    10: black_start_test,
    11: cycling_test,
}
"""Tests that an RMS engine can decide, fully or as a screening."""

EMT_REASONS = {
    3: "current limits, P/Q priority and limit cycles act within a period of the grid: waveforms are needed. "
    "The engine's capability circle is one of RMS values",
    5: "an EMT study by its own name (SCR 2.0, high R/X); failing it fails the whole qualification. The "
    "map of stability is a screening of the same grids, no substitute",
    8: "transfer and resynchronisation take a fraction of a period: breakers, phase and waveforms decide",
    12: "a package of documents with a runnable EMT model (step at most 50 us), dq impedances at four or "
    "more operating points, and a Nyquist or passivity proof",
}
"""Why the others need EMT."""

MAP_POINTS_MAX = 60
ANSWERED = (2, 4, 6, 7, 9)
"""Tests that a quick answer of the converter decides."""
IT_LOAD_MOST = 2.0
"""Largest rating of the IT load, of what the racks ask for: ramps are judged in per cent of it."""


@dataclass(frozen=True, eq=False)
class Qualification:
    """What all tests found.

    Attributes
    ----------
    scenario : Scenario
        The user's scenario.
    unit : str
        Storage unit under test.
    source : Guideline
    outcomes : list of TestOutcome
        In the order of the guideline.
    stability : Envelope or None
        Map of stability, where it was asked for.
    wall_s : float
        Time taken, s.
    """

    scenario: Scenario
    unit: str
    source: Guideline
    outcomes: list[TestOutcome]
    stability: Envelope | None = None
    wall_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst that a test says; a pass is one of the tests asked for, never of the guideline."""
        found = [outcome.verdict for outcome in self.outcomes]
        order: tuple[Verdict, ...] = ("fail", "marginal", "not_evaluated", "emt_required")
        return next((verdict for verdict in order if verdict in found), "pass")

    @property
    def findings(self) -> list[Finding]:
        """Findings of all criteria."""
        return [row.finding for outcome in self.outcomes for row in outcome.criteria]

    def outcome(self, number: int) -> TestOutcome:
        """Outcome of one test."""
        return next(outcome for outcome in self.outcomes if outcome.test.number == number)


def qualify(
    scenario: Scenario,
    *,
    tests: Iterable[int] | None = None,
    map_points: int = 0,
    progress: Progress | None = None,
    taker: Taker | None = None,
) -> Qualification:
    """Run the tests of the NVIDIA BESS self-qualification guidelines that an RMS engine can decide.

    Parameters
    ----------
    scenario : Scenario
        A site with one storage unit, the system under test, and a ``[qualify]`` table for what the guideline
        leaves open.
    tests : iterable of int, optional
        Numbers of tests; all twelve when None. Those that need EMT are listed with the reason.
    map_points : int
        Points of each axis of the map of stability; 0 for none.
    progress : callable, optional
        Called as ``progress(what, share)``.
    taker : callable, optional
        Takes each outcome as soon as it is there.

    Returns
    -------
    Qualification

    Raises
    ------
    TypeError
        `scenario` is no `Scenario`.
    ScenarioError
        There is not exactly one storage unit, a test is not known, or a profile cannot be read: all at once.
    """
    expect_scenario(scenario, "qualify")
    source = guideline()
    numbers = sorted(source.tests) if tests is None else sorted(set(tests))
    context = _context(scenario, source, numbers, map_points)
    started_s = time.perf_counter()
    outcomes = []
    for number in numbers:
        outcome = _one(context, number, progress)
        outcomes.append(outcome)
        if taker is not None:
            taker(outcome)
    stability = None
    if map_points:
        stability = envelope(_told(context, "map of stability", progress), map_points)
        if progress is not None:
            progress("map of stability", 1.0)
    wall_s = time.perf_counter() - started_s
    return Qualification(scenario, context.subject.name, source, outcomes, stability, wall_s)


def _context(scenario: Scenario, source: Guideline, numbers: list[int], map_points: int) -> Context:
    """Check what the scenario's own checks do not know of, all at once."""
    faults: list[Fault] = []
    known = ", ".join(str(number) for number in sorted(source.tests))
    faults += [
        Fault("tests", number, "is no test of the guideline", f"there is {known}")
        for number in numbers
        if number not in source.tests
    ]
    if not 0 <= map_points <= MAP_POINTS_MAX:
        faults.append(
            Fault("map", map_points, f"is out of range: 0 to {MAP_POINTS_MAX} points an axis", "choose fewer")
        )
    storage = scenario.model.storage
    if len(storage) != 1:
        named = ", ".join(storage) or None
        remedy = "keep one [storage.<name>], the system at its AC terminals"
        faults.append(Fault("storage", named, f"{len(storage)} units; one is qualified at a time", remedy))
    settings = scenario.model.qualify or models.Qualify()
    modelled_w = it_load_w(scenario)
    if 4 in numbers and settings.it_load_w > IT_LOAD_MOST * modelled_w:
        message = f"is {settings.it_load_w / modelled_w:.3g} times what the racks of this file ask for"
        remedy = f"model the racks, or give at most {IT_LOAD_MOST * modelled_w / 1e6:.4g} MW"
        faults.append(Fault("qualify.it_load", f"{settings.it_load_w / 1e6:.6g} MW", message, remedy))
    if not faults and 7 in numbers and settings.ride_through is not None:
        name, unit = next(iter(storage.items()))
        try:
            points_of(settings.ride_through, Context(Subject(scenario, name, unit), settings, source))
        except ScenarioError as error:
            faults += [
                Fault(_place(fault.place), fault.value, fault.message, fault.remedy) for fault in error.faults
            ]
    if faults:
        raise ScenarioError(faults)
    name, unit = next(iter(storage.items()))
    return Context(Subject(scenario, name, unit), settings, source)


def _with_answer(context: Context, outcome: TestOutcome) -> TestOutcome:
    """The outcome; open where the converter is slower than the model of a grid-forming unit takes it to be.

    Lag, dead time and ramp of the converter do not act on a unit that forms (docs/stages.md, grid-forming
    units): a slow one would pass as a quick one.
    """
    subject = context.subject
    forming, converter = subject.unit.forming, subject.converter
    if outcome.test.number not in ANSWERED or forming is None:
        return outcome
    slow = []
    lag_s = converter.time_constant_s + converter.delay_s
    if lag_s > forming.power_filter_s * (1.0 + 1e-9):
        slow.append(
            f"its lag and dead time, {lag_s:g} s, exceed the power filter, {forming.power_filter_s:g} s"
        )
    rates = [
        np.abs(np.diff(log[subject.signal("power_w")])).max() / log.tick_s for log in outcome.logs.values()
    ]
    asked = float(max(rates, default=0.0))
    if asked > converter.ramp_w_per_s * (1.0 + 1e-9):
        slow.append(
            f"the run moves it by {asked / 1e6:.4g} MW/s, its ramp is {converter.ramp_w_per_s / 1e6:.4g}"
        )
    if not slow:
        return outcome
    criteria = context.criteria(outcome.test.number)
    criteria.open(
        "converter_answer",
        "the converter answers as quickly as the model of a grid-forming unit takes it to",
        f"lag and ramp of the converter are not in the model of a unit that forms, and {' and '.join(slow)}: "
        "show it on hardware or in EMT",
        counts=True,
        evidence="none",
    )
    rows = [*outcome.criteria, *criteria.rows]
    return dataclasses.replace(outcome, criteria=rows, verdict=verdict_of(rows))


def _place(place: str) -> str:
    """Name a fault of a profile by the parameter that named the profile."""
    return place if place.startswith("qualify.") else "qualify.ride_through.profile"


def _told(context: Context, what: str, progress: Progress | None) -> Context:
    if progress is None:
        return context
    # The end is told once, by the suite: a test may take several runs.
    return dataclasses.replace(context, progress=lambda share: progress(what, min(share, 0.99)))


def _one(context: Context, number: int, progress: Progress | None) -> TestOutcome:
    """Run one test, or say why it is not run."""
    test = context.test(number)
    what = f"test {number}, {test.name}"
    started_s = time.perf_counter()
    if number in RUNNERS:
        outcome = _with_answer(context, RUNNERS[number](_told(context, what, progress)))
    else:
        criteria = context.criteria(number)
        criteria.emt("emt_study", test.name, EMT_REASONS[number])
        outcome = TestOutcome(test, "emt_required", criteria.rows, [test.method_note])
    if progress is not None:
        progress(what, 1.0)
    return dataclasses.replace(outcome, wall_s=time.perf_counter() - started_s)
