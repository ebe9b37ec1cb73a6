"""Amplitude spectra of the power at the point of interconnection and of the site's load.

A spectrum ends where its data end: at 0.4 of the rate of the samples it is computed from, and at half the
rate of the coarsest measured workload, above which the record holds only the steps between two readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattkeel.measures import HANN_BANDWIDTH
from wattkeel.report.interface import Array
from wattkeel.report.markup import duration, number
from wattkeel.report.series import Reader
from wattkeel.spectra import SEGMENT_SAMPLES, SEGMENTS, USABLE, Reach, line_spectrum, trace_reach

__all__ = [
    "BANDS",
    "POINTS",
    "SEGMENTS",
    "SEGMENT_SAMPLES",
    "Reach",
    "Spectrum",
    "amplitude_spectrum",
    "trace_reach",
]

#: Points of a spectrum in the page; each shows the largest line in its share of the log axis.
POINTS = 1_200

#: Frequency bands that are named on the page: (low Hz, high Hz, name).
BANDS: tuple[tuple[float, float, str], ...] = (
    (0.1, 0.8, "inter-area modes"),
    (1.0, 2.5, "local modes"),
    (0.1, 55.0, "torsional and control range"),
)


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
    reach_hz = USABLE / band.period_s
    source = "a tick of" if reader.full_rate else "means over"
    reach = Reach(reach_hz, f"{source} {duration(band.period_s)}: nothing above {number(reach_hz, 3)} Hz")
    if measured is not None and measured.limit_hz < reach_hz:
        reach = measured
    found = line_spectrum(band.mean, band.period_s, reach.limit_hz)
    if found is None:
        return None
    kept = "full rate" if reader.full_rate else f"read from {duration(band.period_s)} means of an envelope"
    segments = "one segment" if found.segments == 1 else f"{found.segments} segments"
    share = "" if found.segments == found.possible else f" spread over {duration(reader.end_s)}"
    method = (
        f"{kept}, {duration(band.period_s)} sampling; Hann window, {segments} of "
        f"{duration(1.0 / found.resolution_hz)}{share}, "
        f"line spacing {number(found.resolution_hz, 3)} Hz, noise bandwidth "
        f"{number(HANN_BANDWIDTH * found.resolution_hz, 3)} Hz; {reach.why}"
    )
    return Spectrum(found.frequency_hz, found.amplitude, found.resolution_hz, method, reach)
