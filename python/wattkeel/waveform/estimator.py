"""RMS values, symmetrical components and frequency of a record of three phases.

Definitions, with `T` = ``cycles`` / f0 and f0 the nominal frequency. Every value at time t is of the window
(t - T, t] that ends there, at the record's own sampling times, with no smoothing beyond it.

- RMS of a phase: the square root of the mean of v^2 over the window (IEC 61000-4-30, 5.4.1, with a window
  that moves by one sample).
- Fundamental phasor of a phase: least squares of c + a cos(2 pi f0 t) + b sin(2 pi f0 t) over the window,
  V = (a - jb)/sqrt(2). Where a cycle holds a whole number of evenly spaced samples it is the full-cycle
  discrete Fourier transform (Phadke and Thorp, Synchronized Phasor Measurements and Their Applications,
  Springer 2008, ch. 1 and 3), which rejects the mean and whole harmonics; elsewhere it stays exact for a
  sinusoid at f0 with an offset, and harmonics leak by about the fraction of a sample per window.
- Symmetrical components (C. L. Fortescue, Trans. AIEE 37, 1918): V1 = (Va + u Vb + u^2 Vc)/3,
  V2 = (Va + u^2 Vb + u Vc)/3, V0 = (Va + Vb + Vc)/3, u = exp(j 2 pi/3). Of voltages between lines
  they are those of the line-to-line system.
- Frequency: f0 + (phi(t) - phi(t - D)) / (2 pi D), phi the unwrapped angle of V1 against a phasor at f0,
  D = ``frequency_cycles`` / f0 (Phadke, Thorp and Adamiak, IEEE Trans. PAS-102, 1983).

Each sample stands for the time since the one before; where the window begins within that time the share
counts. So uneven sampling needs no resampling.

Errors, for a balanced set at f = f0 + d: the magnitude reads sin(pi d T)/(pi d T) times the truth (1 - 6.6e-4
at d = 1 Hz, T = 20 ms), the frequency is exact; the RMS value ripples at 2f by about |d|/(2f). With
unbalance the positive sequence ripples at f + f0 by about |d|/(2 f0) |V2|/|V1|; differencing over whole
cycles cancels that in the frequency but for terms of order d D. A linear ramp of frequency is read T/2 + D/2
late, a step of magnitude rises linearly over T, and a jump of angle by p shows as an error of frequency of
p/(2 pi D) for D (a meter of such a window reads the same; it is no motion of machines). While a step of
magnitude passes the window off nominal, its weight lies up to T/2 off: an error of at most d T/(2D).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from wattkeel.errors import Fault, ScenarioError
from wattkeel.waveform.model import Course, Flags, Floats, Record, frozen

LEAST_PER_CYCLE = 4.0
"""Samples per nominal cycle below which the three unknowns of the fit are not determined."""

FEW_PER_CYCLE = 10.0  # below, harmonics up to the ninth fold onto the fundamental: told in a note
_GAP = 1.5  # spacings above this many medians are gaps
_CHUNK = 8192  # windows at a time: running sums stay short, so that nothing is lost where voltage vanishes
_TURN = np.exp(2j * np.pi / 3.0)


def estimate(
    record: Record,
    *,
    cycles: int = 1,
    frequency_cycles: int = 5,
    hold_below: float = 0.1,
    base_v: float | None = None,
) -> Course:
    """Estimate RMS values, symmetrical components and frequency of a record.

    Parameters
    ----------
    record : Record
        Waveforms.
    cycles : int
        Window in nominal cycles.
    frequency_cycles : int
        Nominal cycles over which the angle is differenced.
    hold_below : float
        Frequency is held where it would be read from angles within a window of a time at which the positive
        sequence is below this part of the base: the angle has no meaning there, and the windows on the way
        there and back are mixed.
    base_v : float, optional
        RMS voltage of 1 pu; without it the largest positive sequence but for the top 5 % of the time.

    Returns
    -------
    Course
        At the record's own sampling times. Values of the first window hold over it; where a gap in the
        samples lies in the window, the value before holds.

    Raises
    ------
    ScenarioError
        The record is too short or too coarsely sampled for the window.
    """
    window_s = cycles / record.nominal_frequency_hz
    notes = _judge(record, window_s)
    rms, phasor, valid = _windows(record, window_s)
    first = int(np.argmax(valid))
    if not valid.any():
        message = f"no window of {window_s:g} s is without a gap"
        raise ScenarioError([Fault("file", record.source, message, "give a record without gaps")])
    if valid[first:].sum() < len(valid) - first:
        notes.append(
            f"{int((~valid[first:]).sum())} values lie in gaps of the samples: the value before holds"
        )
    keep = np.maximum.accumulate(np.where(valid, np.arange(len(valid)), 0))
    keep[: first + 1] = first
    rms, phasor = rms[keep], phasor[keep]
    order = _order(phasor)
    if order == -1:
        notes.append("the phases follow in the order a, c, b: b and c are exchanged for the sequences")
    one, two, zero = _sequences(phasor, order)
    angle = np.asarray(np.unwrap(np.angle(one)), dtype=np.float64)
    base_v = base_v or float(np.quantile(np.abs(one), 0.95))
    span_s = frequency_cycles / record.nominal_frequency_hz
    usable = valid & ~_within(record.time_s, np.abs(one) < hold_below * base_v, window_s)
    frequency, held = _frequency(record.time_s, angle, usable, span_s, record.nominal_frequency_hz)
    late = record.time_s >= window_s + span_s
    if (held & late).any():
        held_s, unit = _time_of(record.time_s, held & late), "pu" if record.per_unit else "V"
        notes.append(
            f"frequency is held for {held_s:.4g} s in all: the positive sequence is below {hold_below:g} of "
            f"{base_v:.6g} {unit}, or samples are missing"
        )
    return Course(
        time_s=record.time_s,
        rms_v=frozen(rms),
        positive_v=frozen(np.abs(one)),
        negative_v=frozen(np.abs(two)),
        zero_v=frozen(np.abs(zero)),
        angle_rad=frozen(angle),
        frequency_hz=frozen(frequency),
        held=held,
        nominal_frequency_hz=record.nominal_frequency_hz,
        connection=record.connection,
        delay_s=0.5 * window_s,
        frequency_delay_s=0.5 * (window_s + span_s),
        sampling_s=float(np.median(np.diff(record.time_s))),
        per_unit=record.per_unit,
        columns=record.columns,
        source=record.source,
        sha256=record.sha256,
        notes=(*record.notes, *notes),
    )


def _judge(record: Record, window_s: float) -> list[str]:
    """Refuse records that the window does not fit; give notes on what harms the estimate."""
    per_cycle = record.sampling.rate_hz / record.nominal_frequency_hz
    faults = []
    if per_cycle < LEAST_PER_CYCLE:
        message = f"{per_cycle:.3g} samples per cycle: a waveform needs at least {LEAST_PER_CYCLE:g}"
        faults.append(Fault("file", record.source, message, 'RMS values are read with kind = "rms"'))
    if record.time_s[-1] < window_s:
        message = f"the record lasts {record.time_s[-1]:.4g} s, less than the window of {window_s:.4g} s"
        faults.append(Fault("file", record.source, message, "give a longer record or fewer cycles"))
    if faults:
        raise ScenarioError(faults)
    if per_cycle < FEW_PER_CYCLE:
        return [f"{per_cycle:.3g} samples per cycle: low harmonics fold onto the fundamental"]
    return []


def _windows(record: Record, window_s: float) -> tuple[Floats, np.ndarray, Flags]:
    """Give RMS (n, 3), phasors (n, 3) in the frame at the nominal frequency, and where windows are whole."""
    time_s, count = record.time_s, len(record.time_s)
    spacing = np.diff(time_s)
    median_s = float(np.median(spacing))
    width = np.concatenate(([median_s], spacing))
    gap = np.concatenate(([0], np.cumsum(width > _GAP * median_s)))
    # The first sample stands for a median spacing before it: the time of the samples begins there.
    begin = np.searchsorted(time_s, time_s - window_s * (1.0 - 1e-9), side="right")
    whole = time_s + median_s >= window_s * (1.0 - 1e-9)
    valid = whole & (gap[1:] == gap[begin])
    rms, phasor = np.zeros((count, 3)), np.zeros((count, 3), dtype=np.complex128)
    turning = np.exp(-2j * np.pi * record.nominal_frequency_hz * time_s)
    for low, high in _chunks(np.flatnonzero(valid)):
        start = int(begin[low])
        part = slice(start, high)
        fit = _Fit(width[part], turning[part], record.voltage_v[part])
        rows = np.arange(low, high) - start
        after = time_s[begin[low:high]] - (time_s[low:high] - window_s)  # of the oldest sample, in the window
        share = np.clip(after / width[begin[low:high]], 0.0, 1.0)
        rms[low:high], phasor[low:high] = fit.solve(begin[low:high] - start, share, rows)
    return rms, phasor, valid


def _chunks(valid: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of windows, none longer than a chunk, without those that are not valid."""
    breaks = np.flatnonzero(np.diff(valid) > 1) + 1
    for run in np.split(valid, breaks):
        for low in range(0, len(run), _CHUNK):
            part = run[low : low + _CHUNK]
            if len(part):
                yield int(part[0]), int(part[-1]) + 1


class _Fit:
    """Running sums of one stretch of samples, from which any window in it is fitted."""

    def __init__(self, width: Floats, turning: np.ndarray, voltage: Floats) -> None:
        cosine, sine = turning.real, -turning.imag
        products = [np.ones_like(width), cosine, sine, cosine * cosine, cosine * sine, sine * sine]
        for phase in range(3):
            x = voltage[:, phase]
            products += [x, x * cosine, x * sine, x * x]
        self._each = np.stack(products, axis=1) * width[:, None]
        self._sum = np.concatenate((np.zeros((1, 18)), np.cumsum(self._each, axis=0)))

    def solve(self, begin: np.ndarray, share: Floats, end: np.ndarray) -> tuple[Floats, np.ndarray]:
        """RMS and phasors of the windows from ``share`` of sample ``begin`` to all of sample ``end``."""
        total = self._sum[end + 1] - self._sum[begin] - (1.0 - share)[:, None] * self._each[begin]
        one, c, s, cc, cs, ss = (total[:, i] for i in range(6))
        normal = np.stack(
            [np.stack([one, c, s], axis=1), np.stack([c, cc, cs], axis=1), np.stack([s, cs, ss], axis=1)],
            axis=1,
        )
        moments = total[:, 6:].reshape(-1, 3, 4)
        # A mean of squares below rounding of the running sums may come out below zero.
        rms = np.sqrt(np.maximum(moments[:, :, 3] / one[:, None], 0.0))
        found = np.linalg.solve(normal, moments[:, :, :3].transpose(0, 2, 1))
        return rms, (found[:, 1] - 1j * found[:, 2]) / math.sqrt(2.0)


def _order(phasor: np.ndarray) -> int:
    """Direction in which the phases follow: 1 for a, b, c and -1 for a, c, b."""
    one, two, _ = _sequences(phasor, 1)
    return -1 if np.median(np.abs(two)) > 2.0 * np.median(np.abs(one)) else 1


def _sequences(phasor: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positive, negative and zero sequence of phasors (n, 3)."""
    a, b, c = phasor[:, 0], phasor[:, 1], phasor[:, 2]
    turn = _TURN if order == 1 else _TURN.conjugate()
    back = turn.conjugate()
    return (a + turn * b + back * c) / 3.0, (a + back * b + turn * c) / 3.0, (a + b + c) / 3.0


def _frequency(
    time_s: Floats, angle: Floats, usable: Flags, span_s: float, nominal_hz: float
) -> tuple[Floats, Flags]:
    """Frequency by differences of the angle over ``span_s``, and where it is held."""
    before = np.interp(time_s - span_s, time_s, angle)
    frequency = nominal_hz + (angle - before) / (2.0 * np.pi * span_s)
    # All angles from the sample at or before the begin of the span on must be usable.
    unusable = np.concatenate(([0], np.cumsum(~usable)))
    begin = np.searchsorted(time_s, time_s - span_s * (1.0 + 1e-9), side="right") - 1
    reaches = begin >= 0
    measured = reaches & (unusable[1:] == unusable[np.maximum(begin, 0)])
    if not measured.any():
        return np.full(len(time_s), nominal_hz), np.ones(len(time_s), dtype=np.bool_)
    source = np.maximum.accumulate(np.where(measured, np.arange(len(time_s)), 0))
    source[: int(np.argmax(measured))] = int(np.argmax(measured))
    return frequency[source], ~measured


def _within(time_s: Floats, flags: Flags, reach_s: float) -> Flags:
    """Whether a flag is set within ``reach_s`` before or after: windows that reach into it are mixed."""
    count = np.concatenate(([0], np.cumsum(flags)))
    begin = np.searchsorted(time_s, time_s - reach_s * (1.0 + 1e-9), side="left")
    end = np.searchsorted(time_s, time_s + reach_s * (1.0 + 1e-9), side="right")
    return np.asarray(count[end] > count[begin])


def _time_of(time_s: Floats, flags: Flags) -> float:
    """Time for which flags are set, s."""
    return float(np.diff(time_s, prepend=time_s[0])[flags].sum())
