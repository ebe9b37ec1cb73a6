"""Tables of "stay connected at least so long while the value is in this band".

The same for voltage (pu) and frequency (Hz). A table has a continuous band, and timed bands below and above.
Samples outside the continuous band form excursions, each side by itself; an excursion ends where the value is
back in the continuous band, and with it all its timers. An obligation ends where the timer of a band has run
out, or where the value is beyond all bands; it stays so until the excursion ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures
from wattkeel.compliance.profile import Row
from wattkeel.compliance.record import CannotJudgeError

__all__ = ["TIMERS", "Band", "Excursions", "Table", "band_from", "excursions", "table_of"]

#: Most excursions of a record: more of them are a value that chatters at the edge of its band.
MOST = 10_000

Array = NDArray[np.float64]
Ticks = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: How timers may run, as readings are labelled.
TIMERS: dict[str, str] = {
    "nested": "nested timers",
    "per_band": "a timer per band",
    "per_excursion": "one timer per excursion",
}


@dataclass(frozen=True, slots=True)
class Band:
    """One row of a table.

    Attributes
    ----------
    low, high : float
        ``low <= value < high``; infinite where the row names no edge.
    row : Row
    continuous : bool
        Whether the site must stay without a limit of time.
    least_s : float
        Time for which the site must stay, s; NaN where only the operator knows it.
    most_s : float
        The operator may ask for up to this, s; `least_s` where he may not.
    slope_s : float
        Further time per unit of the value above `low`, s.
    """

    low: float
    high: float
    row: Row
    continuous: bool = False
    least_s: float = math.nan
    most_s: float = math.nan
    slope_s: float = 0.0

    def holds(self, value: Array) -> Flags:
        """Which values lie in the band; an edge belongs to the band above it."""
        return (value >= _edge(self.low)) & (value < _edge(self.high))

    def time_s(self, value: Array | float) -> Array:
        """Time for which the site must stay at these values, s."""
        span = math.inf if math.isinf(self.high) else self.high - self.low
        above = np.clip(np.asarray(value, dtype=np.float64) - self.low, 0.0, span) if self.slope_s else 0.0
        return np.asarray(self.least_s + self.slope_s * above)

    def shortest_s(self) -> float:
        """Shortest time that the band asks for, s."""
        return self.least_s

    def longest_s(self) -> float:
        """Longest time that the band asks for, s."""
        return self.least_s + (self.slope_s * (self.high - self.low) if self.slope_s else 0.0)


def _edge(value: float) -> float:
    return value * (1.0 - measures.TOLERANCE) if math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class Table:
    """Bands that hold together, and the continuous band between them.

    Attributes
    ----------
    choice : str
        What this table is chosen by ("CE, row A"); empty where there is nothing to choose.
    bands : tuple of Band
        Without rows whose numbers were not seen.
    low, high : float
        Edges of the continuous band: of the row that says so, else between the timed bands.
    """

    choice: str
    bands: tuple[Band, ...]
    low: float
    high: float

    def side(self, below: bool) -> list[Band]:
        """Timed bands below or above the continuous band, the nearest first."""
        if below:
            picked = [b for b in self.bands if not b.continuous and b.high <= self.low]
            return sorted(picked, key=lambda band: -band.high)
        picked = [b for b in self.bands if not b.continuous and b.low >= self.high]
        return sorted(picked, key=lambda band: band.low)

    def resolution_s(self) -> float:
        """Shortest time of its bands, s; infinite where it has none."""
        times = [band.shortest_s() for band in self.bands if not band.continuous]
        return min((time for time in times if not math.isnan(time)), default=math.inf)

    def curve(self) -> dict[str, list[list[float]]]:
        """Corners (time s, value) of the required curve on either side, for drawing.

        The site must stay connected at a value for at least the time at which the curve reaches it.
        """
        out: dict[str, list[list[float]]] = {}
        for name, below in (("low", True), ("high", False)):
            corners: list[list[float]] = []
            last_s = 0.0
            for band in reversed(self.side(below)):
                outer = band.low if below else band.high
                if math.isnan(band.least_s):
                    continue
                if math.isfinite(outer):
                    corners += [[last_s, outer], [band.shortest_s(), outer]]
                if band.slope_s and below:
                    corners.append([band.longest_s(), band.high])
                last_s = band.longest_s()
            inner = self.low if below else self.high
            if corners and math.isfinite(inner):
                corners.append([last_s, inner])
            out[name] = corners
        return out


def band_from(row: Row, low_key: str, high_key: str) -> Band:
    """Band of a row with the keys of the ride-through blocks."""
    keys = row.keys
    low, high = float(keys.get(low_key, -math.inf)), float(keys.get(high_key, math.inf))
    if keys.get("continuous"):
        return Band(low, high, row, continuous=True)
    slope_s = 0.0
    if "t0_s" in keys:
        least_s, slope_s = float(keys["t0_s"]), float(keys["slope_s_per_pu"])
    else:
        least_s = float(keys.get("min_duration_s", math.nan))
    most_s = least_s
    if "max_duration_s" in keys:
        most_s = float(keys["max_duration_s"])
    elif keys.get("tso"):
        most_s = math.inf
    return Band(low, high, row, least_s=least_s, most_s=most_s, slope_s=slope_s)


def table_of(bands: Sequence[Band], nominal: float, choice: str = "") -> Table:
    """Table of bands that hold together.

    Parameters
    ----------
    bands : sequence of Band
    nominal : float
        Value around which the continuous band lies where no row names it.
    choice : str
        What the table is chosen by.
    """
    whole = [band for band in bands if band.continuous]
    if whole:
        low, high = min(band.low for band in whole), max(band.high for band in whole)
    else:
        low = max((band.high for band in bands if band.high <= nominal), default=-math.inf)
        high = min((band.low for band in bands if band.low >= nominal), default=math.inf)
    return Table(choice, tuple(bands), low, high)


# ------------------------------------------------------------------------------------------- excursions


@dataclass(frozen=True, slots=True)
class Excursions:
    """All excursions of a series to one side of a table's continuous band.

    Attributes
    ----------
    below : bool
    first, last : ndarray, shape (m,)
        First sample of each, and the first one after it.
    start : ndarray, shape (m + 1,)
        Where each begins in `at`.
    at : ndarray, shape (k,)
        Samples outside, in order.
    value : ndarray, shape (k,)
        Their values.
    tick_s : float
    judged : int
        Samples that were judged.
    """

    below: bool
    first: Ticks
    last: Ticks
    start: Ticks
    at: Ticks
    value: Array
    tick_s: float
    judged: int

    def __len__(self) -> int:
        return self.first.size

    def only(self, numbers: Sequence[int]) -> Excursions:
        """These excursions alone, by their numbers in ascending order."""
        parts = [np.arange(self.start[k], self.start[k + 1]) for k in numbers]
        kept = np.concatenate(parts).astype(np.int64) if parts else np.empty(0, np.int64)
        start = np.concatenate(([0], np.cumsum([part.size for part in parts]))).astype(np.int64)
        which = np.asarray(numbers, dtype=np.int64)
        return replace(
            self, first=self.first[which], last=self.last[which], start=start, at=self.at[kept],
            value=self.value[kept],
        )  # fmt: skip

    def extreme(self) -> Array:
        """Farthest value of each, shape (m,)."""
        if not len(self):
            return np.empty(0)
        pick = np.minimum if self.below else np.maximum
        return np.asarray(pick.reduceat(self.value, self.start[:-1]))

    def of(self, tick: int) -> int | None:
        """Number of the excursion that holds a sample; None where the value is not outside."""
        index = int(np.searchsorted(self.first, tick, side="right")) - 1
        return index if index >= 0 and tick < self.last[index] else None

    def timers(self, running: Flags) -> Ticks:
        """Ticks for which a timer has run at the end of each sample, from 0 in each excursion; (k,)."""
        total = np.cumsum(running, dtype=np.int64)
        before = np.concatenate(([0], total))[self.start[:-1]]
        return np.asarray(total - np.repeat(before, np.diff(self.start)))

    def runs(self, band: Band, timer: str, bands: Sequence[Band]) -> Flags:
        """Samples in which the timer of a band runs.

        Neighbouring bands with one time are one band to a timer per band: where an edge is drawn through a
        band changes no obligation.
        """
        if timer == "per_excursion":
            return np.ones(self.at.size, dtype=bool)
        if timer == "nested":
            if self.below:
                return self.value < _edge(band.high)
            return self.value >= _edge(band.low)
        low, high = _joined(band, bands)
        return (self.value >= _edge(low)) & (self.value < _edge(high))

    def obliged(self, bands: Sequence[Band], timer: str) -> Ticks:
        """Ticks from the start of each excursion for which the site is obliged to stay, shape (m,).

        The length of the excursion plus one where the obligation does not end within it.
        """
        size = self.at.size
        place = np.arange(size) - np.repeat(self.start[:-1], np.diff(self.start))
        length = np.diff(self.start)
        end = np.repeat(length + 1, length)
        # what lies between bands asks for nothing by itself, but does not let the site leave either
        if self.below:
            covered = self.value >= _edge(min((band.low for band in bands), default=math.inf))
        else:
            covered = self.value < _edge(max((band.high for band in bands), default=-math.inf))
        for band in bands:
            inside = band.holds(self.value)
            if math.isnan(band.least_s):
                continue
            running = self.runs(band, timer, bands)
            done = self.timers(running) * self.tick_s >= band.time_s(self.value) * (1.0 - measures.TOLERANCE)
            spent = running & done if timer == "nested" else inside & done
            np.minimum(end, np.where(spent, place + 1, length.max(initial=0) + 1), out=end)
        end = np.where(covered, end, np.minimum(end, place))
        return np.asarray(np.minimum.reduceat(end, self.start[:-1])) if len(self) else np.empty(0, np.int64)


def _joined(band: Band, bands: Sequence[Band]) -> tuple[float, float]:
    """Edges of a band together with neighbours that ask for the same time."""
    low, high = band.low, band.high
    same = [b for b in bands if b.least_s == band.least_s and b.slope_s == band.slope_s == 0.0]
    grown = True
    while grown:
        grown = False
        for other in same:
            if other.high == low:
                low, grown = other.low, True
            elif other.low == high:
                high, grown = other.high, True
    return low, high


def excursions(series: Array, first: int, table: Table, below: bool, tick_s: float) -> Excursions:
    """Excursions of a series beyond one edge of the continuous band.

    Parameters
    ----------
    series : ndarray, shape (n,)
        Value at every sample.
    first : int
        First sample that is judged.
    table : Table
    below : bool
        Below its lower edge, or from its upper edge on.
    tick_s : float

    Raises
    ------
    CannotJudgeError
        If there are too many: the value chatters at the edge.
    """
    judged = series[first:]
    outside = judged < _edge(table.low) if below else judged >= _edge(table.high)
    at = np.flatnonzero(outside).astype(np.int64)
    if at.size:
        breaks = np.flatnonzero(np.diff(at) > 1) + 1
        start = np.concatenate(([0], breaks, [at.size])).astype(np.int64)
    else:
        start = np.zeros(1, dtype=np.int64)
    if start.size > MOST + 1:
        edge = table.low if below else table.high
        raise CannotJudgeError(
            f"the value crosses the edge of its continuous band ({edge:g}) {start.size - 1} times: that is "
            "noise at the edge, in which no excursion is told from another"
        )
    value = np.asarray(judged[at], dtype=np.float64)
    at += first
    begins = at[start[:-1]] if at.size else np.empty(0, np.int64)
    ends = at[start[1:] - 1] + 1 if at.size else np.empty(0, np.int64)
    return Excursions(below, begins, ends, start, at, value, tick_s, judged.size)
