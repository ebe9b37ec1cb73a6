"""Timers of a voltage or a frequency outside its continuous range: nested, per band, worst phase."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.measures import TOLERANCE
from wattkeel.meters._nodes import Counts, kernel

__all__ = ["Excursion", "Excursions", "Timer", "nested_timers", "timers_per_band"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that runs while ``low <= x < high``; either edge may be infinite."""

    low: float = -math.inf
    high: float = math.inf


def timers_per_band(bands: Sequence[tuple[float, float]]) -> list[Timer]:
    """Timers that run only while the value is in their own band.

    Parameters
    ----------
    bands
        Lower and upper edge of each band; an edge belongs to the band above it.
    """
    return [Timer(low, high) for low, high in bands]


def nested_timers(bands: Sequence[tuple[float, float]], *, below: bool) -> list[Timer]:
    """Timers that run while the value is in their band or in a severer one.

    Parameters
    ----------
    bands
        As `timers_per_band`.
    below
        Whether these are bands of low values: a timer then runs below its upper edge, else from its lower
        edge on.
    """
    return [Timer(high=high) if below else Timer(low=low) for low, high in bands]


def _edge(value: float) -> float:
    """Edge with the slack of every comparison: what is meant to lie on it belongs to what is above."""
    return value - abs(value) * TOLERANCE if math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class Excursion:
    """One stretch outside the continuous range.

    Attributes
    ----------
    series
        Number of the series (phase).
    start_s, stop_s
        First moment outside, and the first one back inside (or the end of what was fed), s.
    lowest, highest
        Extremes, in the quantity's unit.
    timers_s
        What each timer had reached at its end, s.
    """

    series: int
    start_s: float
    stop_s: float
    lowest: float
    highest: float
    timers_s: tuple[float, ...]


class Excursions:
    """Timers of one or several series that are cleared on return to the continuous range.

    Parameters
    ----------
    timers
        Timers (`timers_per_band`, `nested_timers`).
    inside
        Continuous range, ``inside[0] <= x < inside[1]``, in the quantity's unit; one edge may be infinite
        where only one side counts.
    tick_s
        Time between samples, s.
    series
        Number of series; each has timers of its own, and the worst one counts.
    most
        Most excursions of a series that are listed; timers count them all.
    engine
        "native" or "numba".
    """

    def __init__(
        self,
        timers: Sequence[Timer],
        inside: tuple[float, float],
        tick_s: float,
        *,
        series: int = 1,
        most: int = 64,
        engine: str = "native",
    ) -> None:
        self.timers, self.tick_s, self._most, self._engine = tuple(timers), tick_s, most, engine
        count = len(self.timers)
        self._low = np.array([_edge(timer.low) for timer in self.timers])
        self._high = np.array([_edge(timer.high) for timer in self.timers])
        self._inside = np.array([_edge(edge) for edge in inside])
        self._tally: Counts = np.zeros((series, 3), dtype=np.int64)
        self._count: Counts = np.zeros((series, 3 * count), dtype=np.int64)
        self._rows: Counts = np.zeros((series, most * (2 + count)), dtype=np.int64)
        self._extremes = np.zeros((series, 2 * most))

    def feed(self, values: ArrayLike) -> None:
        """Take the next values, shape (n,) or (series, n); ValueError where one is not a number."""
        rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
        if rows.shape[0] != len(self._tally):
            raise ValueError(f"{len(self._tally)} series expected, got shape {rows.shape}")
        if np.isnan(rows).any():  # it is in no band: every timer would stand still
            raise ValueError("a value is not a number")
        run, count = kernel(self._engine, "excursion_run"), len(self.timers)
        for index, row in enumerate(rows):
            given = np.ascontiguousarray(row)
            run(
                len(given), count, self._low, self._high, self._inside, self._most, self._tally[index],
                self._count[index], self._rows[index], self._extremes[index], given,
            )  # fmt: skip

    @property
    def excursions(self) -> int:
        """Excursions of all series, also those that are not listed."""
        return int(self._tally[:, 2].sum())

    def longest_s(self) -> list[float]:
        """What each timer reached at most, in the worst series, s."""
        count = len(self.timers)
        return [float(ticks) * self.tick_s for ticks in self._count[:, count : 2 * count].max(axis=0)]

    def reached_s(self) -> list[float | None]:
        """End of the tick in which each timer was at its most, s; None where it never ran."""
        count = len(self.timers)
        most, at = self._count[:, count : 2 * count], self._count[:, 2 * count :]
        found: list[float | None] = []
        for timer, worst in enumerate(most.argmax(axis=0)):
            ran = most[worst, timer] > 0
            found.append(float(at[worst, timer] + 1) * self.tick_s if ran else None)
        return found

    def listed(self) -> list[Excursion]:
        """The first excursions of every series, in order of time."""
        width, found = 2 + len(self.timers), []
        for series, (tally, rows, extremes) in enumerate(
            zip(self._tally, self._rows, self._extremes, strict=True)
        ):
            for number in range(min(int(tally[2]), self._most)):
                start, stop, *ticks = rows[number * width : (number + 1) * width].tolist()
                low, high = extremes[2 * number : 2 * number + 2].tolist()
                timers_s = tuple(count * self.tick_s for count in ticks)
                found.append(Excursion(series, start * self.tick_s, stop * self.tick_s, low, high, timers_s))
        return sorted(found, key=lambda excursion: (excursion.start_s, excursion.series))

    def result(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        listed = [
            [e.series, e.start_s, e.stop_s, e.lowest, e.highest, list(e.timers_s)] for e in self.listed()
        ]
        return {
            "longest_s": self.longest_s(), "reached_s": self.reached_s(), "excursions": self.excursions,
            "listed": listed, "samples": int(self._tally[0, 0]),
        }  # fmt: skip
