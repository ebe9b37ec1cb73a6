"""Line spectra of long records: averaged, bounded in work, with an honest end.

`wattkeel.measures` has the spectrum of a record as one piece, which rules are judged by. Here a record of
any length is cut into segments behind a Hann window, whose squares are averaged (Welch 1967): what a page
shows and what the screening for resonances reads. A spectrum ends where its data end: at 0.4 of the rate of
its samples, and at half the rate of the coarsest measured workload.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.measures import HANN_BANDWIDTH, Line
from wattkeel.units import format_quantity

__all__ = ["SEGMENTS", "SEGMENT_SAMPLES", "USABLE", "LineSpectrum", "Reach", "line_spectrum", "trace_reach"]

Floats = NDArray[np.float64]

#: Longest segment, a power of two, and most segments of one spectrum: bounds the work on long runs.
SEGMENT_SAMPLES = 1 << 18
SEGMENTS = 48
#: Share of the sampling rate up to which lines are shown: above it, what is faster folds back on them.
USABLE = 0.4
#: Fewest samples of a spectrum.
LEAST_SAMPLES = 16

# Half the width of the main lobe of a Hann window, bins: what lies nearer to a line is part of it.
_LOBE = 2


@dataclass(frozen=True, slots=True)
class Reach:
    """Frequency up to which a record says something, and why no further."""

    limit_hz: float
    why: str


@dataclass(frozen=True, slots=True)
class LineSpectrum:
    """Amplitude (half of peak-to-peak) against frequency.

    Attributes
    ----------
    frequency_hz : ndarray, shape (n,)
        Frequencies of the bins, Hz, without 0.
    amplitude : ndarray, shape (n,)
        Amplitude of a sine at the bin, root of the mean square over the segments, in the unit of the record.
    resolution_hz : float
        Distance of two bins, Hz.
    sampling_s : float
        Time between samples, s.
    segments, possible : int
        Segments averaged, and those that the whole record would give.
    """

    frequency_hz: Floats
    amplitude: Floats
    resolution_hz: float
    sampling_s: float
    segments: int
    possible: int

    def band(self, low_hz: float, high_hz: float) -> slice:
        """Bins from `low_hz` to `high_hz`, edges included."""
        slack = 1e-9 * self.resolution_hz
        first = int(np.searchsorted(self.frequency_hz, low_hz - slack, side="left"))
        last = int(np.searchsorted(self.frequency_hz, high_hz + slack, side="right"))
        return slice(first, max(first, last))

    def rms(self, low_hz: float, high_hz: float) -> float:
        """RMS of what lies in a band, by Parseval's theorem."""
        squared = np.square(self.amplitude[self.band(low_hz, high_hz)])
        return math.sqrt(0.5 * float(squared.sum()) / HANN_BANDWIDTH)

    def share(self, low_hz: float, high_hz: float) -> float:
        """Share of the AC energy that lies in a band; 0 where nothing varies."""
        total = float(np.square(self.amplitude).sum())
        part = float(np.square(self.amplitude[self.band(low_hz, high_hz)]).sum())
        return part / total if total > 0.0 else 0.0

    def strongest(self, low_hz: float, high_hz: float) -> Line | None:
        """Strongest line in a band, also between two bins; None where no bin lies in the band.

        A line halfway between two bins of a Hann window reads 15 % low in both; frequency and amplitude
        follow from the larger neighbour (exact for a single lasting line).
        """
        part = self.band(low_hz, high_hz)
        if part.stop == part.start:
            return None
        index = part.start + int(np.argmax(self.amplitude[part]))
        line = self._line(index)
        if low_hz <= line.frequency_hz <= high_hz:
            return line
        return Line(float(self.frequency_hz[index]), float(self.amplitude[index]))

    def lines(self, count: int = 20) -> list[Line]:
        """The strongest lines: maxima that no larger value is near, strongest first.

        Parameters
        ----------
        count : int
            Most lines.
        """
        found: list[Line] = []
        taken = np.zeros(len(self.amplitude), dtype=bool)
        for index in np.argsort(self.amplitude)[::-1]:
            if len(found) == count or self.amplitude[index] <= 0.0:
                break
            near = slice(max(0, index - _LOBE), index + _LOBE + 1)
            if not taken[near].any() and self.amplitude[index] >= self.amplitude[near].max():
                found.append(self._line(int(index)))
            taken[index] = True
        return found

    def at(self, frequency_hz: float) -> float:
        """Amplitude of the line within a bin of a frequency; NaN beyond the spectrum."""
        part = self.band(frequency_hz - self.resolution_hz, frequency_hz + self.resolution_hz)
        if part.stop == part.start:
            return math.nan
        return self._line(part.start + int(np.argmax(self.amplitude[part]))).amplitude_w

    def _line(self, index: int) -> Line:
        """Line about a bin, by the ratio of the bin to its larger neighbour."""
        here = float(self.amplitude[index])
        sides = [
            (float(self.amplitude[index + side]), side)
            for side in (-1, 1)
            if 0 <= index + side < len(self.amplitude)
        ]
        beside, side = max(sides, default=(0.0, 1))
        if here <= 0.0 or beside > here:
            return Line(float(self.frequency_hz[index]), here)
        ratio = beside / here
        away = min(max((2.0 * ratio - 1.0) / (1.0 + ratio), 0.0), 0.5)
        gain = 1.0 if away == 0.0 else math.sin(math.pi * away) / (math.pi * away * (1.0 - away * away))
        return Line(float(self.frequency_hz[index]) + side * away * self.resolution_hz, here / gain)


def line_spectrum(
    values: ArrayLike,
    sampling_s: float,
    limit_hz: float = math.inf,
    *,
    segment_samples: int = SEGMENT_SAMPLES,
    segments: int = SEGMENTS,
) -> LineSpectrum | None:
    """Averaged spectrum of a record.

    Hann window over segments that overlap by half, the straight line through each taken out. Of a record that
    has more than `segments` of them, that many are used, spread evenly.

    Parameters
    ----------
    values : array_like, shape (n,)
        Equidistant samples.
    sampling_s : float
        Time between samples, s.
    limit_hz : float
        Highest frequency that is kept; 0.4 of the sampling rate at most.
    segment_samples, segments : int
        Longest segment and most segments.

    Returns
    -------
    LineSpectrum or None
        None where there are fewer than 16 samples, or fewer than two lines within reach.
    """
    record = np.asarray(values)
    size = min(len(record), segment_samples)
    if size < LEAST_SAMPLES:
        return None
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    possible = (len(record) - size) // (size // 2) + 1
    used = min(possible, segments)
    starts = np.linspace(0, len(record) - size, used).round().astype(int) if used > 1 else [0]
    axis = np.arange(size) - (size - 1) / 2
    square = np.zeros(size // 2 + 1)
    for first in starts:
        part = np.nan_to_num(np.asarray(record[first : first + size], dtype=np.float64))
        part = part - part.mean()
        part -= axis * (axis @ part / (axis @ axis))
        square += np.abs(np.fft.rfft(part * window)) ** 2
    amplitude = 2.0 * np.sqrt(square / used) / window.sum()
    frequency_hz = np.arange(size // 2 + 1) / (size * sampling_s)
    within = (frequency_hz > 0.0) & (frequency_hz <= min(limit_hz, USABLE / sampling_s) * (1.0 + 1e-9))
    if within.sum() < 2:
        return None
    return LineSpectrum(
        frequency_hz[within], amplitude[within], 1.0 / (size * sampling_s), sampling_s, used, possible
    )


def trace_reach(result: Any) -> Reach | None:
    """How far the measured workloads of a run reach; None where all are synthetic.

    The coarsest counts: between two of its readings the record holds a step (or a line), whose lines above
    half the rate of the readings are no property of the site. A trace that could not be read again is known
    from the manifest.

    Parameters
    ----------
    result : Result
        The run: its manifest, where it has one, and its scenario.
    """
    refresh_s: dict[str, float] = {}
    for row in getattr(result, "manifest", {}).get("inputs", ()):
        if isinstance(row, Mapping) and "refresh_s" in row:
            refresh_s[str(row["place"])] = _refresh_s(row["sampling_s"], row["refresh_s"])
    for place, trace in getattr(result.scenario, "traces", {}).items():
        refresh_s[place] = _refresh_s(trace.sampling_s, trace.refresh_s)
    racks = getattr(result.scenario.model, "rack", {}).values()
    used = {f"workload.{rack.workload}" for rack in racks}
    coarsest = max(((time_s, place) for place, time_s in refresh_s.items() if place in used), default=None)
    if coarsest is None or not 0.0 < coarsest[0] < math.inf:
        return None
    limit_hz = 0.5 / coarsest[0]
    every = format_quantity(coarsest[0], "s")
    return Reach(limit_hz, f"{coarsest[1]} was measured every {every}: nothing above {limit_hz:.3g} Hz")


def _refresh_s(sampling_s: Any, refresh_s: Any) -> float:
    """Time between two readings; a sensor that only repeats itself is as slow as it changes."""
    return max((float(value) for value in (sampling_s, refresh_s) if value is not None), default=0.0)
