"""Reading one signal of a run at any resolution, from full rate where it was kept and else from envelopes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np

from wattkeel.measures import rolling_change
from wattkeel.report.interface import Array, SourceLike

#: Samples reduced at a time; keeps a memory-mapped series of any length out of memory.
CHUNK_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True)
class Band:
    """Minimum, mean and maximum of a signal over equal buckets, or plain values (``plain``: all three one).

    ``start_s`` is the start of the first bucket [s], ``period_s`` the length of a bucket [s].
    """

    start_s: float
    period_s: float
    minimum: Array
    mean: Array
    maximum: Array
    plain: bool = False

    def __len__(self) -> int:
        return int(self.mean.shape[0])

    @property
    def stop_s(self) -> float:
        """End of the last bucket [s]."""
        return self.start_s + len(self) * self.period_s

    def cut(self, first: int, stop: int) -> Band:
        """The buckets from ``first`` up to ``stop``."""
        part = slice(first, stop)
        return Band(
            self.start_s + first * self.period_s,
            self.period_s,
            self.minimum[part],
            self.mean[part],
            self.maximum[part],
            self.plain,
        )


def _blocks(values: Array, factor: int, how: str) -> Array:
    """Reduce whole blocks of ``factor`` values, and the partial block at the end by what it has."""
    whole = (values.shape[0] // factor) * factor
    blocks = values[:whole].reshape(-1, factor)
    rest = values[whole:]
    if how == "min":
        reduced, last = blocks.min(axis=1), rest.min() if rest.size else 0.0
    elif how == "max":
        reduced, last = blocks.max(axis=1), rest.max() if rest.size else 0.0
    else:
        reduced, last = blocks.mean(axis=1), rest.mean() if rest.size else 0.0
    return np.append(reduced, last) if rest.size else cast(Array, reduced)


def coarsen(band: Band, factor: int) -> Band:
    """Join ``factor`` buckets to one; the mean of a partial last bucket is that of its parts."""
    if factor <= 1:
        return band
    step = max(CHUNK_SAMPLES // factor, 1) * factor
    lows: list[Array] = []
    means: list[Array] = []
    highs: list[Array] = []
    for first in range(0, len(band), step):
        part = slice(first, first + step)
        mean = np.asarray(band.mean[part], dtype=np.float64)
        lows.append(_blocks(mean if band.plain else band.minimum[part], factor, "min"))
        means.append(_blocks(mean, factor, "mean"))
        highs.append(_blocks(mean if band.plain else band.maximum[part], factor, "max"))
    joined = [np.concatenate(parts) if parts else np.empty(0) for parts in (lows, means, highs)]
    return Band(band.start_s, band.period_s * factor, joined[0], joined[1], joined[2])


class Reader:
    """One signal of a run at every resolution that the run kept.

    Attributes
    ----------
    name : str
        Name of the signal.
    levels : list of Band
        What was kept of the whole run, finest first.
    full_rate : bool
        Whether the first level holds every tick.
    end_s : float
        End of the record [s]; a partial last bucket of an envelope reaches only to here.
    """

    def __init__(self, result: SourceLike, name: str) -> None:
        self.name = name
        self.tick_s = result.tick_s
        self.end_s = result.ticks * result.tick_s
        self.levels: list[Band] = []
        try:
            full = np.asarray(result.signals[name], dtype=np.float64)
        except KeyError:
            full = np.empty(0)
        self.full_rate = full.size > 0
        if self.full_rate:
            self.levels.append(Band(0.0, result.tick_s, full, full, full, plain=True))
        for envelope in sorted(result.envelopes, key=lambda e: e.period_s):
            if name in envelope.names:
                time_s, low, mean, high = envelope.of(name)
                if len(mean):
                    self.levels.append(Band(float(time_s[0]), envelope.period_s, low, mean, high))

    def __bool__(self) -> bool:
        return bool(self.levels)

    def finest(self, most: int) -> Band:
        """The whole run as finely as it was kept, in at most ``most`` buckets."""
        if self.full_rate and len(self.levels[0]) > most:
            return coarsen(self.levels[0], math.ceil(len(self.levels[0]) / most))
        fitting = [level for level in self.levels if len(level) <= most]
        return fitting[0] if fitting else coarsen(self.levels[-1], math.ceil(len(self.levels[-1]) / most))

    def about(self, count: int) -> Band:
        """The whole run in about ``count`` buckets, read from the cheapest level that has as many."""
        fine = [level for level in self.levels if len(level) >= count]
        level = fine[-1] if fine else self.levels[0]
        return coarsen(level, math.ceil(len(level) / count))

    def piece(self, start_s: float, stop_s: float, period_s: float) -> Band | None:
        """The signal from start to stop in steps of at most ``period_s``; None where nothing is so fine."""
        suitable = [level for level in self.levels if level.period_s <= period_s * (1 + 1e-9)]
        if not suitable:
            return None
        level = suitable[-1]
        factor = max(int(period_s / level.period_s + 1e-9), 1)
        first = max(math.floor((start_s - level.start_s) / level.period_s + 1e-9), 0) // factor * factor
        stop = min(math.ceil((stop_s - level.start_s) / level.period_s - 1e-9), len(level))
        return coarsen(level.cut(first, stop), factor) if stop > first else None

    def extremes(self) -> tuple[float, float]:
        """Smallest and largest value over the run."""
        band = self.levels[-1]
        return float(np.nanmin(band.minimum)), float(np.nanmax(band.maximum))

    def integral(self, sign: int = 0) -> float:
        """Integral over time [unit * s]; ``sign`` +1 or -1 takes only that part of the means."""
        total, band = 0.0, self.levels[0]
        for first in range(0, len(band), CHUNK_SAMPLES):
            part = np.asarray(band.mean[first : first + CHUNK_SAMPLES], dtype=np.float64)
            if sign:
                part = np.maximum(sign * part, 0.0)
            total += float(part.sum())
            if first + part.shape[0] == len(band):  # the last bucket may be cut short by the end of the run
                short = max(band.stop_s - self.end_s, 0.0) / band.period_s
                total -= float(part[-1]) * min(short, 1.0)
        return total * band.period_s

    def mean(self) -> float:
        """Mean over the run."""
        return self.integral() / self.end_s if self.end_s > 0 else math.nan


def largest_change(band: Band, window_s: float) -> tuple[float, float]:
    """Largest (max - min) in a closed window, and the end of that window [s].

    On an envelope the low and the high of each bucket follow one another, and the window holds whole buckets.
    NaN where the record is shorter than the window, or a bucket longer than a quarter of it.
    """
    if band.plain:
        values, step_s, span_s = band.mean, band.period_s, window_s
    else:
        values = np.stack([band.minimum, band.maximum], axis=1).ravel()
        step_s, span_s = band.period_s / 2, window_s - band.period_s
    if band.period_s > window_s / 4 or len(values) * step_s <= window_s:
        return math.nan, math.nan
    change = rolling_change(values, step_s, span_s)
    worst = int(np.argmax(change))
    return float(change[worst]), band.start_s + (worst + 1) * step_s
