"""Depth by duration by moment of the load's cycle: for how long a site rides a level of voltage or frequency.

At every level and moment a ladder of durations is run first; if the site rides a longer disturbance after it
left in a shorter one, the capability is not monotone and that is said. The boundary between the last duration
ridden and the first that was not is then found by bisection, to a tick. What counts is the longest duration
up to which *every* one that was run was ridden.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wattkeel.interconnection.bench import Bench, Moment
from wattkeel.interconnection.disturbances import Disturbance, Train
from wattkeel.interconnection.staying import COUNTED, Criterion, Stay

__all__ = ["Boundary", "Ladder", "Level", "LevelRun", "Sweep"]

#: Parts of the time asked for at which a level is run before the bisection.
RUNGS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25)


@dataclass(frozen=True, slots=True)
class Level:
    """A constant level of the supply.

    Attributes
    ----------
    voltage_pu : float
    frequency_offset_hz, frequency_ramp_hz_per_s : float
        Hz and Hz/s.
    """

    voltage_pu: float = 1.0
    frequency_offset_hz: float = 0.0
    frequency_ramp_hz_per_s: float = math.inf

    def course(self, duration_s: float) -> Train:
        """The level for a time."""
        piece = Disturbance(
            0.0, duration_s, self.voltage_pu, self.frequency_offset_hz, self.frequency_ramp_hz_per_s
        )
        return Train("", (piece,))


@dataclass(frozen=True, slots=True)
class LevelRun:
    """One run: what was imposed, and how the load came through."""

    level: Level
    phase: float
    duration_s: float
    stay: Stay


@dataclass(frozen=True, slots=True)
class Boundary:
    """Capability at one level and moment, by one reading.

    Attributes
    ----------
    longest_s : float
        Longest duration up to which every one that was run was ridden, s.
    left_s : float
        Shortest duration that was not ridden, s; infinite where there was none.
    monotone : bool
        False: a longer one was ridden after one that was not.
    """

    longest_s: float
    left_s: float
    monotone: bool

    @property
    def capped(self) -> bool:
        """Whether the site rode all that was run: it may ride for longer."""
        return math.isinf(self.left_s)


@dataclass
class Ladder:
    """All runs at one level and moment."""

    level: Level
    moment: Moment
    tests: dict[int, LevelRun] = field(default_factory=dict)

    @property
    def readings(self) -> list[str]:
        """Readings of "stays connected" that the runs were judged by."""
        for test in self.tests.values():
            return list(test.stay.left_s)
        return [COUNTED]

    def boundary(self, reading: str, tick_s: float) -> Boundary:
        """Capability by one reading, from what was run."""
        longest, left, monotone = 0, math.inf, True
        for ticks in sorted(self.tests):
            if not self.tests[ticks].stay.rides(reading):
                left = min(left, ticks)
            elif left < math.inf:
                monotone = False
            else:
                longest = ticks
        return Boundary(round(longest * tick_s, 9), round(left * tick_s, 9), monotone)


class Sweep:
    """Runs tests on a bench and remembers them.

    Parameters
    ----------
    bench : Bench
    criterion : Criterion
    watch_s : float
        Time for which a site is watched after a disturbance, s.
    told : callable, optional
        Called after every run.
    """

    def __init__(
        self,
        bench: Bench,
        criterion: Criterion,
        watch_s: float,
        told: Callable[[], None] | None = None,
    ) -> None:
        self.bench = bench
        self.criterion = criterion
        self.watch_s = watch_s
        self._told = told
        self._ladders: dict[tuple[Level, float], Ladder] = {}

    def ladder(self, level: Level, moment: Moment) -> Ladder:
        """Runs at a level and moment, those made so far."""
        return self._ladders.setdefault((level, moment.phase), Ladder(level, moment))

    @property
    def tests(self) -> list[LevelRun]:
        """All runs."""
        return [test for ladder in self._ladders.values() for test in ladder.tests.values()]

    def test(self, level: Level, moment: Moment, ticks: int) -> LevelRun:
        """One run, made once."""
        ladder = self.ladder(level, moment)
        if ticks not in ladder.tests:
            duration_s = ticks * self.bench.tick_s
            done = self.bench.run(moment, level.course(duration_s), self.watch_s)
            stay = self.criterion.of(done, self.bench.scenario)
            ladder.tests[ticks] = LevelRun(level, moment.phase, duration_s, stay)
            if self._told is not None:
                self._told()
        return ladder.tests[ticks]

    def climb(self, level: Level, moment: Moment, durations_s: Sequence[float]) -> Ladder:
        """Run a ladder of durations, then find the boundary of every reading to a tick.

        The longest comes first, so that the twin is carried on once.
        """
        tick_s = self.bench.tick_s
        rungs = sorted({max(1, round(duration_s / tick_s)) for duration_s in durations_s}, reverse=True)
        for ticks in rungs:
            self.test(level, moment, ticks)
        ladder = self.ladder(level, moment)
        for reading in ladder.readings:
            self._bisect(ladder, reading)
        return ladder

    def _bisect(self, ladder: Ladder, reading: str) -> None:
        tick_s = self.bench.tick_s
        while True:
            found = ladder.boundary(reading, tick_s)
            if found.capped:
                return
            low, high = round(found.longest_s / tick_s), round(found.left_s / tick_s)
            if high - low <= 1:
                return
            self.test(ladder.level, ladder.moment, (low + high) // 2)
