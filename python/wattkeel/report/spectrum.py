"""Amplitude spectra of the power at the point of interconnection and of the site's load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wattkeel.report.interface import Array
from wattkeel.report.markup import duration, number
from wattkeel.report.series import Reader

#: Longest segment, a power of two, and most segments of one spectrum: bounds the work on long runs.
SEGMENT_SAMPLES = 1 << 18
SEGMENTS = 48
#: Points of a spectrum in the page; each shows the largest line in its share of the log axis.
POINTS = 1_200
#: Equivalent noise bandwidth of the Hann window, in bins.
HANN_BINS = 1.5

#: Frequency bands that are named on the page: (low Hz, high Hz, name).
BANDS: tuple[tuple[float, float, str], ...] = (
    (0.1, 0.8, "inter-area modes"),
    (1.0, 2.5, "local modes"),
    (0.1, 55.0, "torsional and control range"),
)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Amplitude (peak of the sine) against frequency, lines of the full resolution.

    ``frequency_hz`` and ``amplitude`` have shape (n,), without the line at 0 Hz; ``method`` says how they
    were computed.
    """

    frequency_hz: Array
    amplitude: Array
    resolution_hz: float
    method: str

    def peak(self, low_hz: float, high_hz: float) -> tuple[float, float] | None:
        """Frequency and amplitude of the largest line in a band; None where the record is too short."""
        inside = (self.frequency_hz >= low_hz) & (self.frequency_hz <= high_hz)
        if not inside.any() or self.frequency_hz[0] > low_hz * 1.5:
            return None
        index = int(np.argmax(np.where(inside, self.amplitude, -1.0)))
        return float(self.frequency_hz[index]), float(self.amplitude[index])

    def shown(self, points: int = POINTS) -> tuple[Array, Array]:
        """Lines for a log axis: all where they are sparse, elsewhere the largest of each share of one."""
        edges = np.geomspace(self.frequency_hz[0], self.frequency_hz[-1] * (1 + 1e-12), points + 1)
        place = np.clip(np.searchsorted(edges, self.frequency_hz, side="right") - 1, 0, points - 1)
        order = np.lexsort((-self.amplitude, place))
        _, first = np.unique(place[order], return_index=True)
        index = np.sort(order[first])
        return self.frequency_hz[index], self.amplitude[index]


def amplitude_spectrum(reader: Reader) -> Spectrum | None:
    """Spectrum of the finest level that covers the whole run.

    Hann window over segments that overlap by half, the straight line through each taken out; the squares
    of the segments are averaged (Welch 1967). Runs of more than `SEGMENTS` segments use that many, spread
    evenly.

    Returns
    -------
    Spectrum or None
        None where there are fewer than 16 samples.
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
    kept = "full rate" if reader.full_rate else "envelope means"
    segments = "one segment" if used == 1 else f"{used} segments"
    share = "" if used == possible else f" spread over {duration(reader.end_s)}"
    resolution_hz = 1.0 / (size * band.period_s)
    method = (
        f"{kept}, {duration(band.period_s)} sampling; Hann window, {segments} of "
        f"{duration(size * band.period_s)}{share}, "
        f"line spacing {number(resolution_hz, 3)} Hz, noise bandwidth "
        f"{number(HANN_BINS * resolution_hz, 3)} Hz"
    )
    return Spectrum(frequency_hz[1:], amplitude[1:], resolution_hz, method)
