"""What a record holds in a band of frequencies, and how steep it is by the minute: whole, or in segments.

A spectrum and a percentile are properties of a whole record. Up to `KEPT` samples they are read of the record
itself (the samples are kept until its end), with the numbers of `wattkeel.measures`. A longer record is read
in segments that overlap by half, and its ramps are sorted into classes; what is given then says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures
from wattkeel.fine_spectrum import FineSpectrum
from wattkeel.measures import TOLERANCE, Spectrum
from wattkeel.meters._nodes import CHUNK, Counts, Difference, kernel
from wattkeel.prototype import meter_layout as layout

__all__ = ["KEPT", "SEGMENT", "Content", "Kept", "Percentile", "lasting_line"]

Floats = NDArray[np.float64]

#: Most samples of a record that is read as a whole: 70 min at 1 ms.
KEPT = 1 << 22
#: Samples of a segment of a longer record; `KEPT` where a band needs more than this for eight periods.
SEGMENT = 1 << 20
PERIODS = 8.0
#: Periods of the lower edge in a stretch of `lasting_line`, and most stretches of a record.
STRETCH_PERIODS = 3.0
STRETCHES = 200

LINE, TAPERED_LINE, RMS, TAPERED_RMS = "line", "tapered_line", "rms", "tapered_rms"
SHARE, TAPERED_SHARE, LASTING = "share", "tapered_share", "lasting"
#: Forms of a segment, and the line that is read of each.
PLAIN, TAPERED = 0, 1
LINES = (LINE, TAPERED_LINE)


def lasting_line(
    power_w: Floats, tick_s: float, f_low_hz: float, f_high_hz: float
) -> tuple[float, int, int] | None:
    """Largest line that is there in three consecutive stretches: periodic, not a single change.

    A stretch is three periods of the lower edge (longer in records of more than 200 of them), its linear
    trend removed.

    Returns
    -------
    (float, int, int) or None
        Amplitude, W; sample at which the third stretch ends; samples of the three. None if the record is
        shorter than three stretches.
    """
    whole = math.floor(power_w.size * tick_s * f_low_hz / STRETCH_PERIODS * (1.0 + TOLERANCE))
    count = min(whole, STRETCHES)
    if count < 3:
        return None
    ticks = power_w.size // count
    lines = [
        _detrended_line(power_w[index * ticks : (index + 1) * ticks], tick_s, f_low_hz, f_high_hz)
        for index in range(count)
    ]
    lasting = [min(lines[index : index + 3]) for index in range(count - 2)]
    best = int(np.argmax(lasting))
    return lasting[best], (best + 3) * ticks, 3 * ticks


def _detrended_line(part: Floats, tick_s: float, f_low_hz: float, f_high_hz: float) -> float:
    # Sums, not products of matrices: no threads are woken for a short row.
    centred = np.arange(part.size) - 0.5 * (part.size - 1)
    slope = float((centred * (part - part.mean())).sum()) / float(np.square(centred).sum())
    return measures.peak_line(part - slope * centred, tick_s, f_low_hz, f_high_hz).amplitude_w


class Segments:
    """Cuts a series into segments; the last one ends with the series.

    Parameters
    ----------
    size
        Samples of a segment.
    step
        Samples from the begin of one to that of the next, at most `size`.
    take
        Called with each segment (valid during the call) and the sample after its last.
    """

    def __init__(self, size: int, step: int, take: Callable[[Floats, int], None]) -> None:
        self._size, self._step, self._take = size, step, take
        self._row = np.empty(size + step)
        self._filled = self._end = 0

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        while len(x):
            full = self._size if self._filled < self._size else len(self._row)
            part = x[: full - self._filled]
            self._row[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            self._end += len(part)
            x = x[len(part) :]
            if self._filled == full:
                self._take(self._row[full - self._size : full], self._end)
                if full > self._size:
                    self._row[: self._size] = self._row[self._step :].copy()
                    self._filled = self._size

    def close(self) -> None:
        """Take the segment that ends with the series, where samples have come behind the last one."""
        if self._filled > self._size:
            self._take(self._row[self._filled - self._size : self._filled], self._end)


class _Power:
    """Mean square of a series about its mean; summed in blocks that count from its first sample."""

    def __init__(self) -> None:
        self._row = np.empty(CHUNK)
        self._filled = self._count = 0
        self._level: float | None = None
        self._sum = self._square = 0.0

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        if self._level is None and len(x):
            self._level = float(x[0])
        while len(x):
            part = x[: len(self._row) - self._filled]
            self._row[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            x = x[len(part) :]
            if self._filled == len(self._row):
                self._sum, self._square, self._count = self._with_rest()
                self._filled = 0

    def _with_rest(self) -> tuple[float, float, int]:
        rest = self._row[: self._filled] - (self._level or 0.0)
        square = float(np.square(rest).sum())
        return self._sum + float(rest.sum()), self._square + square, self._count + len(rest)

    def result(self) -> float:
        """Variance of what was fed."""
        total, square, count = self._with_rest()
        return max((square - total * total / count) / count, 0.0) if count else 0.0


class Kept:
    """Samples of a record as long as it is read as a whole; beyond `KEPT` of them, what reads it in segments.

    Parameters
    ----------
    tick_s
        Time between samples, s.
    record
        Samples, where they are all at hand; otherwise they are fed.
    """

    def __init__(self, tick_s: float, record: Floats | None = None) -> None:
        self.tick_s = tick_s
        self.whole = record is None or len(record) <= KEPT
        self._given = self.whole and record is not None
        self._samples = record if self._given and record is not None else np.empty(0)
        self._count = len(self._samples)
        self._readers: list[Content | Percentile] = []
        self._spectra: dict[int, Spectrum] = {}
        self._shared: dict[tuple[int, int], _SegmentSpectra] = {}

    def attach(self, reader: Content | Percentile) -> None:
        """Add what reads the record, before the first sample."""
        self._readers.append(reader)

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        if self._given:
            return
        if self.whole and self._count + len(x) <= KEPT:
            end = self._count + len(x)
            if end > len(self._samples):
                grown = np.empty(min(KEPT, max(2 * end, CHUNK)))
                grown[: self._count] = self._samples[: self._count]
                self._samples = grown
            self._samples[self._count : end] = x
            self._count = end
            return
        if self.whole:  # too long from here on
            self.whole = False
            for reader in self._readers:
                reader.begin()
            self._pass_on(self._samples[: self._count])
            self._samples = np.empty(0)
        self._pass_on(x)

    def _pass_on(self, x: Floats) -> None:
        for start in range(0, len(x), CHUNK):
            part = x[start : start + CHUNK]
            for reader in self._readers:
                reader.feed(part)
            for spectra in self._shared.values():
                spectra.feed(part)

    def close(self) -> None:
        """The record has ended."""
        for spectra in self._shared.values():
            spectra.close()

    def samples(self, skip: int) -> Floats:
        """Samples behind the first `skip`, of a record that is read as a whole."""
        return self._samples[skip : self._count]

    def spectrum(self, skip: int) -> Spectrum:
        """Their spectrum; kept, since several rules ask for it."""
        if skip not in self._spectra:
            self._spectra[skip] = measures.spectrum(self.samples(skip), self.tick_s)
        return self._spectra[skip]

    def segments(self, skip: int, size: int) -> _SegmentSpectra:
        """Spectra of the segments behind the first `skip` samples, for all bands together."""
        if (skip, size) not in self._shared:
            self._shared[skip, size] = _SegmentSpectra(skip, size, self.tick_s)
        return self._shared[skip, size]


class _SegmentSpectra:
    """Both spectra of every segment, for the bands that want them."""

    def __init__(self, skip: int, size: int, tick_s: float) -> None:
        self._left, self._tick_s = skip, tick_s
        self._cut = Segments(size, size // 2, self._take)
        self._power = _Power()
        self.readers: list[Content] = []

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        cut = min(self._left, len(x))
        self._left -= cut
        self._cut.feed(x[cut:])
        self._power.feed(x[cut:])

    def close(self) -> None:
        """Take the last segment."""
        self._cut.close()

    def power(self) -> float:
        """AC power of the series: its mean square about its mean, W²."""
        return self._power.result()

    def _take(self, part: Floats, end: int) -> None:
        for kind, samples in ((PLAIN, part), (TAPERED, measures.tapered(part))):
            whole = measures.spectrum(samples, self._tick_s)
            fine = None
            if any(LINES[kind] in reader.readings for reader in self.readers):
                fine = FineSpectrum(samples, self._tick_s)
            for reader in self.readers:
                reader.take(kind, samples, whole, fine, end)


class Content:
    """Content of a record between two frequencies.

    Parameters
    ----------
    kept
        The record.
    low_hz, high_hz
        Edges, Hz.
    skip
        Samples at the start that are not judged.
    readings
        What is wanted: "line", "tapered_line", "rms", "tapered_rms", "share", "tapered_share" (as in
        `wattkeel.measures`) and "lasting" (`lasting_line`).
    """

    def __init__(
        self, kept: Kept, low_hz: float, high_hz: float, skip: int, readings: tuple[str, ...]
    ) -> None:
        self._kept, self._band, self._skip, self.readings = kept, (low_hz, high_hz), skip, readings
        needed = PERIODS / low_hz / kept.tick_s if low_hz > 0.0 else 0.0
        self._size = SEGMENT if needed <= SEGMENT else KEPT
        self._begun = False
        kept.attach(self)
        if not kept.whole:
            self.begin()

    def begin(self) -> None:
        """The record is too long to be read as a whole."""
        self._begun = True
        self._left, self._count = self._skip, 0
        self._lines = {LINE: (-1.0, 0.0, 0), TAPERED_LINE: (-1.0, 0.0, 0)}
        self._squares = dict.fromkeys((RMS, TAPERED_RMS), 0.0)
        self._recent: list[float] = []
        self._lasting = (-1.0, 0)
        stretch = 0
        if LASTING in self.readings:
            stretch = math.floor(STRETCH_PERIODS / self._band[0] / self._kept.tick_s * (1.0 + TOLERANCE))
            self._stretches = Segments(stretch, stretch, self._take_stretch)
        self._stretch = stretch
        self._spectra = self._kept.segments(self._skip, self._size)
        self._spectra.readers.append(self)

    def feed(self, x: Floats) -> None:
        """Take the next samples of a long record."""
        cut = min(self._left, len(x))
        self._left -= cut
        if self._stretch:
            self._stretches.feed(x[cut:])

    def _take_stretch(self, part: Floats, end: int) -> None:
        line = _detrended_line(part, self._kept.tick_s, *self._band)
        self._recent = [*self._recent[-2:], line]
        if len(self._recent) == 3 and min(self._recent) > self._lasting[0]:
            self._lasting = (min(self._recent), end)

    def take(self, kind: int, samples: Floats, of: Spectrum, fine: FineSpectrum | None, end: int) -> None:
        """Take one segment, plain or tapered, and its spectrum (between the bins where a line is wanted)."""
        name, bins = LINES[kind], of.band(*self._band)
        if name in self.readings and bins.stop > bins.start:
            line = measures.peak_line(samples, self._kept.tick_s, *self._band, of=of, fine=fine)
            if line.amplitude_w > self._lines[name][0]:
                self._lines[name] = (line.amplitude_w, line.frequency_hz, end)
        square = measures.band_rms(of, *self._band) ** 2
        if kind == PLAIN:
            self._count += 1
            self._squares[RMS] += square
        else:
            self._squares[TAPERED_RMS] += square / measures.HANN_BANDWIDTH

    def result(self) -> dict[str, Any]:
        """Each reading: value (W, or a share), and where it has them frequency, last sample and samples."""
        found = self._of_segments() if self._begun else self._of_whole()
        return {name: found[name] for name in self.readings} | {
            "segment": self._size if self._begun else 0,
            "segments": self._count if self._begun else 0,
        }

    def _of_whole(self) -> dict[str, Any]:
        power, tick_s, band = self._kept.samples(self._skip), self._kept.tick_s, self._band
        found: dict[str, Any] = {}
        wanted = set(self.readings)
        if wanted & {LINE, RMS, SHARE, TAPERED_SHARE}:
            whole = self._kept.spectrum(self._skip)
        if LINE in wanted:
            line = measures.peak_line(power, tick_s, *band, of=whole)
            found[LINE] = {"value": line.amplitude_w, "frequency_hz": line.frequency_hz}
        if RMS in wanted:
            found[RMS] = {"value": measures.band_rms(whole, *band)}
        if SHARE in wanted:
            found[SHARE] = {"value": measures.band_share(whole, *band)}
        if TAPERED_SHARE in wanted:
            share = measures.tapered_band_share(power, tick_s, *band, of=whole)
            found[TAPERED_SHARE] = {"value": share}
        if wanted & {TAPERED_LINE, TAPERED_RMS}:
            row = measures.tapered(power)
            tapered = measures.spectrum(row, tick_s)
            rms_w = measures.band_rms(tapered, *band) / math.sqrt(measures.HANN_BANDWIDTH)
            found[TAPERED_RMS] = {"value": rms_w}
        if TAPERED_LINE in wanted:
            line = measures.peak_line(row, tick_s, *band, of=tapered)
            found[TAPERED_LINE] = {"value": line.amplitude_w, "frequency_hz": line.frequency_hz}
        if LASTING in wanted:
            lasting = lasting_line(power, tick_s, *band)
            found[LASTING] = None
            if lasting is not None:
                value, end, span = lasting
                found[LASTING] = {"value": value, "end": self._skip + end, "span": span}
        return found

    def _of_segments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        count, skip, total = max(self._count, 1), self._skip, self._spectra.power()
        for name, (value, frequency_hz, end) in self._lines.items():
            found[name] = {"value": max(value, 0.0), "frequency_hz": frequency_hz, "end": skip + end}
        for name, share in ((RMS, SHARE), (TAPERED_RMS, TAPERED_SHARE)):
            square = self._squares[name] / count
            found[name] = {"value": math.sqrt(square)}
            found[share] = {"value": min(square / total, 1.0) if total > 0.0 else 0.0}
        value, end = self._lasting
        found[LASTING] = None
        if value >= 0.0:
            found[LASTING] = {"value": value, "end": skip + end, "span": 3 * self._stretch}
        return found


def class_edge(number: int) -> float:
    """Lower edge of a class of `prototype.meters.ramp_class`; infinite for the class after the last."""
    if number <= 0:
        return 0.0
    if number >= layout.RAMP_CLASSES:
        return math.inf
    octave, step = divmod(number - 1, layout.CLASSES_PER_OCTAVE)
    return float(2.0 ** (layout.LEAST_OCTAVE + octave) * (1.0 + step / layout.CLASSES_PER_OCTAVE))


class Percentile:
    """Percentile of the absolute average ramps over a window: `measures.percentile_average_ramp`.

    The differences of consecutive means are one number per window and are kept, so that theirs is exact. The
    rolling differences of a record of more than `KEPT` samples are sorted into classes of 0.05 to 0.1 % of
    their value (below 1 mW, all are one): the percentile lies between two edges.
    """

    def __init__(self, kept: Kept, ticks: int, percent: float, engine: str) -> None:
        self._kept, self._ticks, self._percent, self._engine = kept, ticks, percent, engine
        self._begun = False
        kept.attach(self)
        if not kept.whole:
            self.begin()

    def begin(self) -> None:
        """The record is too long to be read as a whole."""
        self._begun = True
        ticks = self._ticks
        self._difference = Difference(ticks, "both", math.inf, self._engine)
        self._classes: Counts = np.zeros(layout.RAMP_CLASSES, dtype=np.int64)
        self._tally: Counts = np.zeros(2, dtype=np.int64)
        self._level, self._past, self._out = np.zeros(1), np.zeros(2 * ticks + 1), np.empty(CHUNK)
        self._seen = 0
        self._means: list[float] = []

    def feed(self, x: Floats) -> None:
        """Take at most `CHUNK` of the next samples of a long record."""
        ramps = self._difference.differences(x)
        kernel(self._engine, "classes_run")(len(ramps), self._classes, ramps)
        run = kernel(self._engine, "mean_run")
        count = run(len(x), self._ticks, self._tally, self._level, self._past, x, self._out)
        self._seen += len(x)
        first = self._seen - count - self._ticks + 1  # sample at which the window of the first mean begins
        self._means += self._out[:count][-first % self._ticks :: self._ticks].tolist()

    def result(self) -> dict[str, Any]:
        """Percentile of the rolling differences (and the edges between which it lies) and of the means,
        W/s.
        """
        rate = 1.0 / (self._ticks * self._kept.tick_s)
        if not self._begun:
            power, tick_s, window_s = (
                self._kept.samples(0),
                self._kept.tick_s,
                self._ticks * self._kept.tick_s,
            )
            rolling, means = (
                measures.percentile_average_ramp(power, tick_s, self._percent, window_s, of_means=of_means)
                for of_means in (False, True)
            )
            return {"rolling": rolling, "rolling_low": rolling, "rolling_high": rolling, "means": means}
        if self._seen < 2 * self._ticks:  # of a long window: a run that was stopped
            raise ValueError(f"{self._seen} samples are fewer than two windows of {self._ticks}")
        place = 0.01 * self._percent * float(self._classes.sum() - 1)
        up_to = np.cumsum(self._classes)
        lower, upper = (
            int(np.searchsorted(up_to, rank, side="right")) for rank in (math.floor(place), math.ceil(place))
        )
        low, high = class_edge(lower) * rate, class_edge(upper + 1) * rate
        steps = np.abs(np.diff(self._means))
        means = float(np.percentile(steps, self._percent)) * rate
        return {"rolling": 0.5 * (low + high), "rolling_low": low, "rolling_high": high, "means": means}
