"""Meters for a series that comes piece by piece: rolling ranges, differences, means, tones."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.filters import as_samples
from wattkeel.measures import Direction, window_ticks
from wattkeel.meters._nodes import (
    CHUNK,
    Band,
    Causal,
    Counts,
    Difference,
    Node,
    Range,
    Span,
    ZeroPhase,
    kernel,
)

__all__ = ["Change", "MeanExtremes", "RollingDifference", "RollingMean", "RollingRange", "Tone", "Tones"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Change:
    """Largest change of a record, and how long changes were above a limit.

    Attributes
    ----------
    value_w : float
        Largest change, W; 0 where the record is empty.
    time_s : float
        End of the window that holds it, s from the first sample.
    rise : bool or None
        Whether it is a rise; None where nothing changed.
    duration_s, longest_s, total_s : float
        Length of the stretch above the limit that holds the largest change, of the longest such stretch, and
        of all of them, s; 0 without a limit.
    stretches : int
        Their number.
    samples : int
        Samples at which there was a change to read.
    """

    value_w: float
    time_s: float
    rise: bool | None
    duration_s: float
    longest_s: float
    total_s: float
    stretches: int
    samples: int


def _change(found: dict[str, Any], tick_s: float) -> Change:
    return Change(
        value_w=found["value"],
        time_s=found["at"] * tick_s,
        rise=found["rise"] if found["value"] > 0.0 else None,
        duration_s=found["stretch"] * tick_s,
        longest_s=found["longest"] * tick_s,
        total_s=found["total"] * tick_s,
        stretches=found["stretches"],
        samples=found["samples"],
    )


def feed_in_parts(node: Node, samples: ArrayLike) -> None:
    """Feed finite samples of any number to a node that takes `CHUNK` at a time."""
    given = np.asarray(samples, dtype=np.float64)
    if given.size == 0:
        return
    power = np.ascontiguousarray(as_samples(given))
    for start in range(0, power.size, CHUNK):
        node.feed(power[start : start + CHUNK])


class RollingRange:
    """Largest change in a closed rolling window, of a power or of its band-passed part.

    It gives what `measures.rolling_change` of the whole record (behind `measures.band_pass`) gives: the same
    numbers, bit for bit without a filter, and to 1e-9 of the largest change with one. Memory is that of three
    windows, and with a zero-phase filter that of its look-ahead, whatever the length of the record.

    Parameters
    ----------
    window_s, tick_s
        Length of the window and time between samples, s.
    direction
        "both" (max - min), "up" or "down".
    band_hz
        Edges of a band-pass, Hz; None for none.
    order, zero_phase
        Of that filter (Butterworth).
    settle_s
        Time from the first sample that is filtered but not judged, s.
    limit_w
        Limit, W, for the lengths of what is above it.
    engine
        "native" or "numba"; both give the same bits.

    Raises
    ------
    ValueError
        The window is shorter than a tick, the band does not fit the sampling, or ``settle_s`` is below 0.
    """

    def __init__(
        self,
        window_s: float,
        tick_s: float,
        *,
        direction: Direction = "both",
        band_hz: tuple[float, float] | None = None,
        order: int = 2,
        zero_phase: bool = False,
        settle_s: float = 0.0,
        limit_w: float = math.inf,
        engine: str = "native",
    ) -> None:
        self.tick_s = tick_s
        if not settle_s >= 0.0:
            raise ValueError(f"settle_s must be at least 0, got {settle_s:g}")
        skip = math.ceil(settle_s / tick_s * (1.0 - 1e-9))
        self._range = Range(window_ticks(window_s, tick_s), direction, skip, limit_w, engine)
        self._node: Node = self._range
        if band_hz is not None and zero_phase:
            self._node = ZeroPhase(*band_hz, {order: [self._range]}, tick_s, engine)
        elif band_hz is not None:
            self._node = Causal({Band(*band_hz, order): [self._range]}, tick_s, engine)

    def feed(self, samples: ArrayLike) -> None:
        """Take the next samples, W, shape (n,); ValueError where one is not finite."""
        feed_in_parts(self._node, samples)

    def result(self) -> Change:
        """What was found so far, as if the record ended here; more can be fed."""
        if not isinstance(self._node, ZeroPhase):
            return _change(self._range.result(), self.tick_s)
        ended = copy.deepcopy(self)
        ended._node.close()  # type: ignore[attr-defined]
        return _change(ended._range.result(), self.tick_s)


class RollingDifference:
    """Largest difference P(t) - P(t - w): `measures.rolling_difference`; parameters as `RollingRange`."""

    def __init__(
        self,
        window_s: float,
        tick_s: float,
        *,
        direction: Direction = "both",
        limit_w: float = math.inf,
        engine: str = "native",
    ) -> None:
        self.tick_s = tick_s
        self._node = Difference(window_ticks(window_s, tick_s), direction, limit_w, engine)

    def feed(self, samples: ArrayLike) -> None:
        """Take the next samples, W, shape (n,); ValueError where one is not finite."""
        feed_in_parts(self._node, samples)

    def result(self) -> Change:
        """What was found so far."""
        return _change(self._node.result(), self.tick_s)


@dataclass(frozen=True, slots=True)
class MeanExtremes:
    """Largest and smallest rolling mean, W, and the ends of their windows, s; None without a whole window."""

    highest_w: float | None
    highest_s: float | None
    lowest_w: float | None
    lowest_s: float | None


class RollingMean:
    """Extremes of the mean over a rolling window of ``window_s / tick_s`` samples (a demand).

    Sums are formed anew for every window, so that nothing drifts however long the record is.

    Parameters
    ----------
    window_s, tick_s
        Length of the window and time between samples, s.
    engine
        "native" or "numba".
    """

    def __init__(self, window_s: float, tick_s: float, *, engine: str = "native") -> None:
        self.tick_s, self._engine = tick_s, engine
        self._ticks = window_ticks(window_s, tick_s)
        self._tally: Counts = np.zeros(2, dtype=np.int64)
        self._level, self._past = np.zeros(1), np.zeros(2 * self._ticks + 1)
        self._out = np.empty(CHUNK)
        self._span = Span(0, engine)

    def feed(self, samples: ArrayLike) -> None:
        """Take the next samples, W, shape (n,); ValueError where one is not finite."""
        feed_in_parts(_Means(self), samples)

    def _means(self, x: Floats) -> Floats:
        run = kernel(self._engine, "mean_run")
        return self._out[: run(len(x), self._ticks, self._tally, self._level, self._past, x, self._out)]

    def result(self) -> MeanExtremes:
        """What was found so far."""
        found = self._span.result()
        if not found["samples"]:
            return MeanExtremes(None, None, None, None)
        high_s, low_s = ((found[key] + self._ticks) * self.tick_s for key in ("high_at", "low_at"))
        return MeanExtremes(found["high"], high_s, found["low"], low_s)


class _Means:
    """Node between samples and the extremes of their means."""

    def __init__(self, meter: RollingMean) -> None:
        self._meter = meter

    def feed(self, x: Floats) -> None:
        self._meter._span.feed(self._meter._means(x))


@dataclass(frozen=True, slots=True)
class Tone:
    """Largest amplitude (half of peak-to-peak) of a frequency in any window, W, and the end of that, s."""

    frequency_hz: float
    amplitude_w: float
    time_s: float | None


class Tones:
    """Amplitude of named frequencies in consecutive windows: `measures.line_amplitude` of each.

    A bank of phasors that turn by one tick each sample (Goertzel's sums, without his loss of digits at low
    frequencies); no spectrum is formed and no sample kept.

    Parameters
    ----------
    frequency_hz
        Frequencies, Hz, above 0.
    window_s, tick_s
        Length of a window and time between samples, s. A window of whole periods shows a tone alone.
    engine
        "native" or "numba".
    """

    def __init__(
        self, frequency_hz: ArrayLike, window_s: float, tick_s: float, *, engine: str = "native"
    ) -> None:
        self.frequency_hz = np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64))
        self.tick_s, self._engine = tick_s, engine
        self._ticks = window_ticks(window_s, tick_s)
        angle = 2.0 * np.pi * tick_s * self.frequency_hz
        self._turn = np.concatenate([np.cos(angle), np.sin(angle)])
        count = self.frequency_hz.size
        self._memory, self._level = np.zeros(6 * count), np.zeros(2)
        self._filled = self._done = 0
        self._best, self._at = np.full(count, -1.0), np.zeros(count)

    def feed(self, samples: ArrayLike) -> None:
        """Take the next samples, W, shape (n,); ValueError where one is not finite."""
        x = np.ascontiguousarray(as_samples(samples)) if np.size(samples) else np.empty(0)
        count = self.frequency_hz.size
        while len(x):
            if self._filled == 0:
                self._memory[:] = 0.0
                self._memory[:count] = 1.0
                self._level[:] = x[0], 0.0
            part = x[: self._ticks - self._filled]
            kernel(self._engine, "tones_run")(len(part), count, self._turn, self._memory, self._level, part)
            self._filled += len(part)
            x = x[len(part) :]
            if self._filled == self._ticks:
                self._close()

    def _close(self) -> None:
        """Note the amplitudes of a whole window."""
        _, _, real, imaginary, steady, turned = self._memory.reshape(6, -1)
        mean = self._level[1] / self._ticks
        amplitude = 2.0 / self._ticks * np.hypot(real - mean * steady, imaginary - mean * turned)
        self._done += self._ticks
        self._filled = 0
        larger = amplitude > self._best
        self._best[larger], self._at[larger] = amplitude[larger], self._done

    def result(self) -> list[Tone]:
        """Largest amplitude of each frequency so far; 0 without a whole window."""
        return [
            Tone(float(f), max(float(best), 0.0), float(at) * self.tick_s if best >= 0.0 else None)
            for f, best, at in zip(self.frequency_hz, self._best, self._at, strict=True)
        ]
