"""Amplitude spectra of the power at the point of interconnection and of the site's load.

A spectrum ends where its data end: at 0.4 of the rate of the samples it is computed from, and at half the
rate of the coarsest measured workload, above which the record holds only the steps between two readings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattkeel.report.interface import Array, ResultLike
from wattkeel.report.markup import duration, number
from wattkeel.report.series import Reader

#: Longest segment, a power of two, and most segments of one spectrum: bounds the work on long runs.
SEGMENT_SAMPLES = 1 << 18
SEGMENTS = 48
#: Points of a spectrum in the page; each shows the largest line in its share of the log axis.
POINTS = 1_200
#: Equivalent noise bandwidth of the Hann window, in bins.
HANN_BINS = 1.5

#: Share of the sampling rate up to which lines are shown: above it, what is faster folds back on them.
USABLE = 0.4

#: Frequency bands that are named on the page: (low Hz, high Hz, name).
BANDS: tuple[tuple[float, float, str], ...] = (
    (0.1, 0.8, "inter-area modes"),
    (1.0, 2.5, "local modes"),
    (0.1, 55.0, "torsional and control range"),
)


@dataclass(frozen=True, slots=True)
class Reach:
    """Frequency up to which a record says something, and why no further."""

    limit_hz: float
    why: str


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Amplitude (peak of the sine) against frequency, lines of the full resolution.

    ``frequency_hz`` and ``amplitude`` have shape (n,), without the line at 0 Hz and up to ``reach``;
    ``method`` says how they were computed.
    """

    frequency_hz: Array
    amplitude: Array
    resolution_hz: float
    method: str
    reach: Reach

    def peak(self, low_hz: float, high_hz: float) -> tuple[float, float] | None:
        """Frequency and amplitude of the largest line in a band; None where `why_none` says why."""
        inside = (self.frequency_hz >= low_hz) & (self.frequency_hz <= high_hz)
        if not inside.any() or self.frequency_hz[0] > low_hz * 1.5:
            return None
        index = int(np.argmax(np.where(inside, self.amplitude, -1.0)))
        return float(self.frequency_hz[index]), float(self.amplitude[index])

    def why_none(self, low_hz: float, high_hz: float) -> str:
        """Why there is no line in a band."""
        if low_hz > self.reach.limit_hz:
            return self.reach.why
        if self.resolution_hz > low_hz * 1.5:
            return f"record too short for {low_hz:g} Hz"
        return f"no line: one every {number(self.resolution_hz, 3)} Hz, and {self.reach.why}"

    def shown(self, points: int = POINTS) -> tuple[Array, Array]:
        """Lines for a log axis: all where they are sparse, elsewhere the largest of each share of one."""
        edges = np.geomspace(self.frequency_hz[0], self.frequency_hz[-1] * (1 + 1e-12), points + 1)
        place = np.clip(np.searchsorted(edges, self.frequency_hz, side="right") - 1, 0, points - 1)
        order = np.lexsort((-self.amplitude, place))
        _, first = np.unique(place[order], return_index=True)
        index = np.sort(order[first])
        return self.frequency_hz[index], self.amplitude[index]


def trace_reach(result: ResultLike) -> Reach | None:
    """How far the measured workloads of a run reach; None where all are synthetic.

    The coarsest counts: between two of its readings the record holds a step (or a line), whose lines above
    half the rate of the readings are no property of the site. A trace that could not be read again is known
    from the manifest.
    """
    refresh_s: dict[str, float] = {}
    for row in result.manifest.get("inputs", ()):
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
    why = f"{coarsest[1]} was measured every {duration(coarsest[0])}: nothing above {number(limit_hz, 3)} Hz"
    return Reach(limit_hz, why)


def _refresh_s(sampling_s: Any, refresh_s: Any) -> float:
    """Time between two readings; a sensor that only repeats itself is as slow as it changes."""
    return max((float(value) for value in (sampling_s, refresh_s) if value is not None), default=0.0)


def amplitude_spectrum(reader: Reader, measured: Reach | None = None) -> Spectrum | None:
    """Spectrum of the finest level that covers the whole run.

    Hann window over segments that overlap by half, the straight line through each taken out; the squares
    of the segments are averaged (Welch 1967). Runs of more than `SEGMENTS` segments use that many, spread
    evenly.

    Parameters
    ----------
    reader : Reader
        The signal.
    measured : Reach, optional
        How far the inputs of the run reach.

    Returns
    -------
    Spectrum or None
        None where there are fewer than 16 samples, or fewer than two lines within reach.
    """
    if not reader:
        return None
    band = reader.levels[0]
    size = min(len(band), SEGMENT_SAMPLES)
    if size < 16:
        return None
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    possible = (len(band) - size) // (size // 2) + 1
    used = min(possible, SEGMENTS)
    starts = (
        np.linspace(0, len(band) - size, used).round().astype(int) if used > 1 else np.zeros(1, dtype=int)
    )
    axis = np.arange(size) - (size - 1) / 2
    square = np.zeros(size // 2 + 1)
    for first in starts:
        values = np.nan_to_num(np.asarray(band.mean[first : first + size], dtype=np.float64))
        values = values - values.mean()
        values -= axis * (axis @ values / (axis @ axis))
        square += np.abs(np.fft.rfft(values * window)) ** 2
    amplitude = 2.0 * np.sqrt(square / used) / window.sum()
    frequency_hz = np.arange(size // 2 + 1) / (size * band.period_s)
    kept = "full rate" if reader.full_rate else f"read from {duration(band.period_s)} means of an envelope"
    segments = "one segment" if used == 1 else f"{used} segments"
    share = "" if used == possible else f" spread over {duration(reader.end_s)}"
    resolution_hz = 1.0 / (size * band.period_s)
    usable_hz = USABLE / band.period_s
    source = "a tick of" if reader.full_rate else "means over"
    reach = Reach(usable_hz, f"{source} {duration(band.period_s)}: nothing above {number(usable_hz, 3)} Hz")
    if measured is not None and measured.limit_hz < usable_hz:
        reach = measured
    method = (
        f"{kept}, {duration(band.period_s)} sampling; Hann window, {segments} of "
        f"{duration(size * band.period_s)}{share}, "
        f"line spacing {number(resolution_hz, 3)} Hz, noise bandwidth "
        f"{number(HANN_BINS * resolution_hz, 3)} Hz; {reach.why}"
    )
    within = (frequency_hz > 0.0) & (frequency_hz <= reach.limit_hz * (1.0 + 1e-9))
    if within.sum() < 2:
        return None
    return Spectrum(frequency_hz[within], amplitude[within], resolution_hz, method, reach)
