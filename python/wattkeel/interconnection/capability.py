"""Ride-through of a load, run and not asserted: the capability of a site over what a profile asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel.compliance import Finding, Profile, load_profile
from wattkeel.compliance.bands import Table
from wattkeel.compliance.views import timers_of
from wattkeel.errors import Fault, ScenarioError
from wattkeel.interconnection import verdicts
from wattkeel.interconnection.bench import Bench, Moment, Source
from wattkeel.interconnection.disturbances import Train, load_trains, sag
from wattkeel.interconnection.requirements import band_at, required_s, tables_of
from wattkeel.interconnection.staying import COUNTED, Criterion
from wattkeel.interconnection.sweep import RUNGS, Level, Sweep
from wattkeel.interconnection.trains import TrainRun, run_train

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

__all__ = ["Capability", "Point", "capability"]

ProgressCallback = Callable[[int, int], None]

#: A band without limit is shown for so long, s.
CONTINUOUS_S = 10.0
#: Distance from an edge of a band at which it is run, pu: the load moves the voltage of the stiff source by
#: less than 0.001 pu, and a test must not fall into the band next to it.
VOLTAGE_EDGE_PU = 0.002
#: Runs at one level and moment, for the estimate of progress: the rungs and some bisection.
_TYPICAL_RUNS = 12
#: Moments of the cycle at which levels of frequency are run: what answers them are relays, not the load.
FREQUENCY_MOMENTS = 2


@dataclass(frozen=True, slots=True)
class Point:
    """Capability at one voltage and moment of the load's cycle.

    Attributes
    ----------
    voltage_pu : float
        Voltage imposed, pu.
    poi_voltage_pu : float
        Voltage at the POI while it lasted, pu; differs where the scenario's own grid is the source.
    phase : float
        Moment of the cycle, 0 to 1.
    longest_s : dict of str to float
        Longest duration up to which every one run was ridden, by reading, s.
    capped : dict of str to bool
        Whether all that was run was ridden.
    monotone : dict of str to bool
        False where a longer sag was ridden after a shorter one that was not.
    recovery_s : float
        Time until the power at the POI is back after the duration that is asked for, s; infinite where it was
        not.
    load_recovery_s : float
        The same for the load of the site bus, without what storage does.
    required_s : dict of str to float
        What the profile asks for, by reading of the timers, s.
    spent_s : float
        Time after which a backup runs out in the disturbance that is asked for, s; infinite where none does.
    """

    voltage_pu: float
    poi_voltage_pu: float
    phase: float
    longest_s: Mapping[str, float]
    capped: Mapping[str, bool]
    monotone: Mapping[str, bool]
    recovery_s: float
    load_recovery_s: float
    required_s: Mapping[str, float]
    spent_s: float = math.inf


@dataclass(frozen=True)
class Capability:
    """What a site rides through, against a profile.

    Attributes
    ----------
    profile : str
        Name of the profile.
    title : str
        Title of the scenario.
    source : {"stiff", "scenario"}
        What stood behind the POI.
    cycle_s, cycle : float and str
        Period of the load, s, and where it was taken from.
    moments : list of (float, float)
        Moments of the cycle that were tried: share of it, and the load then, W.
    points : list of Point
        Capability by voltage and moment.
    curve : list of dict
        Required time by voltage: ``low_pu``, ``high_pu``, ``required_s`` by reading of the timers.
    tried : list of (float, float, float, bool, bool)
        Every run: voltage in pu, phase, duration in s, ridden by each of the readings.
    trains : list of TrainRun
        Trains of sags.
    findings : list of Finding
        One per row of the profile, and per train.
    runs : int
    simulated_s, wall_s : float
        Time simulated and taken, s.
    notes : list of str
        What limits the statement.
    scenario : Scenario
    arguments : dict
        Arguments that give the same study again.
    """

    profile: str
    title: str
    source: Source
    cycle_s: float
    cycle: str
    moments: list[tuple[float, float]]
    points: list[Point]
    curve: list[dict[str, Any]]
    tried: list[tuple[float, float, float, bool, bool]]
    trains: list[TrainRun]
    findings: list[Finding]
    runs: int
    simulated_s: float
    wall_s: float
    notes: list[str]
    tick_s: float
    scenario: Scenario = field(repr=False, compare=False)
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def failed(self) -> bool:
        """Whether a rule is violated."""
        return any(finding.verdict == "fail" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        from dataclasses import asdict

        left_out = {"scenario", "arguments", "findings", "points", "trains"}
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in left_out}
        return plain | {
            "points": [asdict(point) for point in self.points],
            "trains": [asdict(run) for run in self.trains],
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def to_svg(self) -> str:
        """Picture: capability over what is asked for."""
        from wattkeel.interconnection.picture import draw

        return draw(self)

    def statement(self) -> str:
        """How much was run, in a line."""
        moments = "one moment" if len(self.moments) == 1 else f"{len(self.moments)} moments"
        return (
            f"{self.runs} runs, {self.simulated_s:.4g} s of the site at {moments} of its cycle "
            f"({self.cycle}), took {self.wall_s:.3g} s"
        )


def capability(
    scenario: Scenario,
    profile: str | Path | Profile,
    *,
    depths_pu: Sequence[float] | None = None,
    durations_s: Sequence[float] | None = None,
    phases: int = 8,
    trains: Sequence[Train] | None = None,
    source: Source = "stiff",
    settle_s: float | None = None,
    longest_s: float = 300.0,
    look_s: float = 30.0,
    engine: str | None = None,
    progress: ProgressCallback | None = None,
) -> Capability:
    """Run a site through what a profile asks it to ride through.

    At every voltage, and at moments spread over the cycle of the load, sags (or swells) of rising length are
    run from the same steady state, and the boundary is found by bisection to a tick. The load has stayed
    connected by two readings: it was never away from the grid; or it was, and its power was back in time.

    Parameters
    ----------
    scenario : Scenario
        The site, with what of it answers the voltage: nodes with ``ride_through``, ``[grid.island]``. Its own
        grid events are left out.
    profile : str, Path or Profile
        Name of a shipped profile, path of a file, or a profile already read.
    depths_pu : sequence of float, optional
        Voltages to run, pu; by default near both edges of every band of the profile.
    durations_s : sequence of float, optional
        Durations to run at every voltage before the bisection, s; by default shares of what is asked for.
    phases : int
        Moments, equally spaced over the cycle of the load.
    trains : sequence of Train, optional
        Trains of sags; the published ones when None.
    source : {"stiff", "scenario"}
        What stands behind the POI: a test stand that holds the voltage, or the scenario's own grid.
    settle_s : float, optional
        Time before the first disturbance, s.
    longest_s : float
        No disturbance lasts longer, s; what a rule asks beyond it is not evaluated.
    look_s : float
        Time for which the worst case of every voltage is watched, to tell when its power is back, s.
    engine : {"native", "numba"}, optional
    progress : callable, optional
        Called as ``progress(runs done, runs expected)``.

    Returns
    -------
    Capability

    Raises
    ------
    ScenarioError
        The profile is unknown, has faults or no ride-through; an argument is out of range; a measured record
        drives the grid of the scenario.
    """
    found = profile if isinstance(profile, Profile) else load_profile(profile)
    nominal_hz = scenario.model.grid.nominal_frequency_hz
    tables = tables_of(found, "voltage_ride_through")
    frequencies = tables_of(found, "frequency_ride_through", nominal_hz)
    chosen = load_trains() if trains is None else list(trains)
    _check(found, tables, frequencies, depths_pu, durations_s, phases, longest_s, look_s)
    arguments = {
        "profile": found, "depths_pu": depths_pu, "durations_s": durations_s, "phases": phases,
        "trains": trains, "source": source, "settle_s": settle_s, "longest_s": longest_s, "look_s": look_s,
        "engine": engine,
    }  # fmt: skip
    begin_s = time.monotonic()
    rows = max([1, *(len(one.pieces) for one in chosen)])
    bench = Bench(scenario, source=source, rows=rows, settle_s=settle_s, engine=engine)
    study = Study(found, tables, bench, phases, longest_s, look_s, progress)
    study.expect(len(_levels(tables, depths_pu)), len(chosen) if tables else 0)
    points = study.voltages(depths_pu, durations_s)
    runs = study.trains(chosen)
    findings = [
        *verdicts.voltage_findings(study, points),
        *verdicts.recovery_findings(study, points),
        *verdicts.train_findings(study, runs),
        *verdicts.frequency_findings(study, frequencies),
        *verdicts.rocof_findings(study),
    ]
    return Capability(
        profile=found.name,
        title=scenario.model.title,
        source=source,
        cycle_s=bench.cycle.period_s,
        cycle=bench.cycle.why,
        moments=[(moment.phase, moment.load_w) for moment in study.moments],
        points=points,
        curve=_curve(tables, study.timers),
        tried=[
            (
                test.level.voltage_pu,
                test.phase,
                test.duration_s,
                test.stay.rides(COUNTED),
                test.stay.rides(study.back),
            )
            for test in study.sweep.tests
            if test.level.frequency_offset_hz == 0.0
        ],
        trains=runs,
        findings=findings,
        runs=bench.runs,
        simulated_s=bench.simulated_s,
        wall_s=time.monotonic() - begin_s,
        notes=study.notes(),
        tick_s=bench.tick_s,
        scenario=scenario,
        arguments=arguments,
    )


class Study:
    """One study under way: profile, bench, and what was run."""

    def __init__(
        self,
        profile: Profile,
        tables: list[Table],
        bench: Bench,
        phases: int,
        longest_s: float,
        look_s: float,
        progress: ProgressCallback | None,
    ) -> None:
        self.profile = profile
        self.tables = tables
        self.bench = bench
        self.timers = timers_of(profile)
        self.criterion = Criterion(profile, tables)
        self.longest_s = longest_s
        self.look_s = look_s
        self.moments: list[Moment] = bench.moments(phases)
        self._progress = progress
        self._expected = 0
        # One cycle longer than the load may take to be back: what dips again is not.
        self.watch_s = self.criterion.watch_s + max(bench.cycle.period_s, 0.1)
        self.sweep = Sweep(bench, self.criterion, self.watch_s, self._told)
        idle = bench.run(self.moments[0], sag(1.0, 2.0 * bench.tick_s), 2.0 * bench.tick_s)
        #: Readings on which verdicts rest, and the one that forgives a cessation, if any does.
        self.readings = self.criterion.readings(idle, bench.scenario)
        self.back = next((words for words in self.readings if words != COUNTED), COUNTED)

    def expect(self, levels: int, trains: int) -> None:
        """Estimate how many runs there will be."""
        self._expected = len(self.moments) * (levels * _TYPICAL_RUNS + trains) + levels

    def _told(self) -> None:
        if self._progress is not None:
            self._expected = max(self._expected, self.bench.runs + 1)
            self._progress(self.bench.runs, self._expected)

    def voltages(self, depths_pu: Sequence[float] | None, durations_s: Sequence[float] | None) -> list[Point]:
        """Capability at every voltage and moment."""
        if self.bench.answers("voltage_ride_through"):
            return []
        points = []
        for voltage_pu in _levels(self.tables, depths_pu):
            asked = {timer: self.required_s(voltage_pu, timer) for timer in self.timers}
            held = [band_at(table, voltage_pu) for table in self.tables]
            rungs = (1.0,) if all(band is None or band.continuous for band in held) else RUNGS
            tries_s = list(durations_s or [share * max(asked.values()) for share in rungs])
            tries_s += [value for value in asked.values() if value > 0.0]
            tries_s = [min(value, self.longest_s) for value in tries_s if value > 0.0] or [1.0]
            points += [
                self._point(Level(voltage_pu=voltage_pu), moment, tries_s, asked) for moment in self.moments
            ]
        return points

    def required_s(self, voltage_pu: float, timer: str) -> float:
        """Time that is asked for and can be run, s: of all choices the longest."""
        times_s = [required_s(table, voltage_pu, timer) for table in self.tables]
        return max((CONTINUOUS_S if math.isinf(time_s) else time_s for time_s in times_s), default=0.0)

    def _point(
        self, level: Level, moment: Moment, tries_s: Sequence[float], asked: dict[str, float]
    ) -> Point:
        tick_s = self.bench.tick_s
        ladder = self.sweep.climb(level, moment, tries_s)
        found = {reading: ladder.boundary(reading, tick_s) for reading in ladder.readings}
        owed = min(max(asked.values()), self.longest_s)
        test = ladder.tests[max(1, round(owed / tick_s))] if owed > 0.0 else ladder.tests[min(ladder.tests)]
        return Point(
            voltage_pu=level.voltage_pu,
            poi_voltage_pu=test.stay.voltage_pu,
            phase=moment.phase,
            longest_s={reading: one.longest_s for reading, one in found.items()},
            capped={reading: one.capped for reading, one in found.items()},
            monotone={reading: one.monotone for reading, one in found.items()},
            recovery_s=test.stay.back_s if owed > 0.0 else 0.0,
            load_recovery_s=test.stay.load_back_s if owed > 0.0 else 0.0,
            required_s=asked,
            spent_s=test.stay.spent_s if owed > 0.0 else math.inf,
        )

    def slowest_s(self, point: Point) -> tuple[float, float]:
        """Recovery of a point, of import and load, s; watched for longer where the power was not back."""
        if math.isfinite(point.recovery_s):
            return point.recovery_s, point.load_recovery_s
        owed = min(max(point.required_s.values()), self.longest_s)
        moment = next(one for one in self.moments if one.phase == point.phase)
        watcher = Sweep(self.bench, self.criterion, self.look_s)
        ticks = max(1, round(owed / self.bench.tick_s))
        stay = watcher.test(Level(voltage_pu=point.voltage_pu), moment, ticks).stay
        return stay.back_s, stay.load_back_s

    def trains(self, chosen: Sequence[Train]) -> list[TrainRun]:
        """Every train at every moment."""
        if not self.tables or self.bench.answers("voltage_ride_through"):
            return []
        runs = []
        for course in chosen:
            for moment in self.moments:
                runs.append(run_train(self.bench, moment, course, self.criterion, self.watch_s))
                self._told()
        return runs

    def notes(self) -> list[str]:
        """What limits the statement."""
        notes = []
        blind = self.bench.blind_share()
        if blind > 0.005 and not self.bench.answers("voltage_ride_through"):
            notes.append(
                f"{blind:.0%} of the load answers no voltage in this model and is taken as staying connected"
            )
        if self.bench.source == "scenario":
            notes.append(
                "voltages are those of the source; the POI sees what the scenario's grid leaves of them"
            )
        about = str(self.profile.head.get("applies_to", "load"))
        if "load" not in about and "demand" not in about:
            notes.append(f"the profile is about {about.replace('_', ' ')}, not about loads")
        return notes


def _levels(tables: Sequence[Table], depths_pu: Sequence[float] | None) -> list[float]:
    """Voltages to run, deepest first."""
    if depths_pu is not None:
        return sorted({float(value) for value in depths_pu})
    levels = set()
    for band in (band for table in tables for band in table.bands):
        levels.add(0.0 if band.low <= 0.0 else round(band.low + VOLTAGE_EDGE_PU, 6))
        if math.isfinite(band.high):
            levels.add(round(band.high - VOLTAGE_EDGE_PU, 6))
    return sorted(levels)


def _curve(tables: Sequence[Table], timers: Sequence[str]) -> list[dict[str, Any]]:
    """What is asked for, between all edges of the bands."""
    bands = [band for table in tables for band in table.bands]
    edges = {max(edge, 0.0) for band in bands for edge in (band.low, band.high) if edge < math.inf}
    if any(math.isinf(band.high) for band in bands):
        edges.add(max(edges) + 0.1)
    curve = []
    for low, high in pairwise(sorted(edges)):
        # The time of a slope is drawn at the lower edge, where it asks for least.
        times = {timer: max(required_s(table, low, timer) for table in tables) for timer in timers}
        curve.append({"low_pu": low, "high_pu": high, "required_s": times})
    return curve


def _check(
    profile: Profile,
    tables: Sequence[Table],
    frequencies: Sequence[Table],
    depths_pu: Sequence[float] | None,
    durations_s: Sequence[float] | None,
    phases: int,
    longest_s: float,
    look_s: float,
) -> None:
    """Raise one ScenarioError with all that is wrong."""
    faults = []
    if not tables and not frequencies and not profile.rows_of("rocof"):
        faults.append(
            Fault(
                "profile", profile.name, "asks for no ride-through whose numbers were seen",
                "name one with voltage or frequency ride-through, e.g. ercot_nogrr282",
            )
        )  # fmt: skip
    for index, value in enumerate(depths_pu or ()):
        if not (math.isfinite(value) and 0.0 <= value <= 2.0):
            faults.append(Fault(f"depths_pu[{index}]", value, "must be from 0 to 2 (pu)", "0.5 for half"))
    for index, value in enumerate(durations_s or ()):
        if not (math.isfinite(value) and 0.0 < value <= longest_s):
            faults.append(
                Fault(f"durations_s[{index}]", value, f"must be above 0, at most {longest_s:g} (s)")
            )
    if depths_pu is not None and len(depths_pu) == 0:
        faults.append(Fault("depths_pu", "[]", "is empty", "leave it out for the bands of the profile"))
    if isinstance(phases, bool) or not isinstance(phases, (int, np.integer)) or not 1 <= phases <= 1000:
        faults.append(Fault("phases", phases, "must be a whole number from 1 to 1000"))
    for name, value in (("longest_s", longest_s), ("look_s", look_s)):
        if not (math.isfinite(value) and value > 0.0):
            faults.append(Fault(name, value, "must be a time above 0 (s)"))
    if faults:
        raise ScenarioError(faults)
