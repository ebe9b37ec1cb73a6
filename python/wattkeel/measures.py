"""Measures of a power waveform: spectrum, band content, rolling ranges, ramps, flattening energy.

Pure functions of numpy arrays, usable without a scenario or a run. Power is an array of equidistant samples,
W, each the mean over one tick; the time of sample ``i`` is ``i * tick_s``. A *closed window* of ``window_s``
holds ``window_s / tick_s + 1`` samples, so that its two ends are exactly ``window_s`` apart; a window that is
no whole number of ticks is shortened to one. Nothing here modifies its input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.filters import as_samples, band_pass, butterworth_band, settling_time
from wattkeel.fine_spectrum import FineSpectrum

__all__ = [
    "Line",
    "RollingRange",
    "Spectrum",
    "band_pass",
    "band_rms",
    "band_share",
    "butterworth_band",
    "dynamic_range",
    "energy_overhead",
    "flattening_energy",
    "flattening_energy_two_level",
    "flattening_period",
    "line_amplitude",
    "peak_line",
    "percentile_average_ramp",
    "rms_residual",
    "rolling_average_ramp",
    "rolling_change",
    "rolling_difference",
    "rolling_range",
    "settling_time",
    "spectrum",
    "tapered",
    "tapered_band_rms",
    "tapered_band_share",
    "window_ticks",
]

Array = NDArray[np.float64]
Direction = Literal["up", "down", "both"]

#: Relative slack of every comparison with an edge or a limit (a ramp exactly at its limit passes).
TOLERANCE = 1e-9

#: Noise bandwidth of a Hann window, bins: what its spectrum shows of a stationary record's power.
HANN_BANDWIDTH = 1.5


def window_ticks(window_s: float, tick_s: float) -> int:
    """Whole ticks between the two ends of a closed window.

    Parameters
    ----------
    window_s, tick_s : float
        Length of the window and of one tick, s.

    Raises
    ------
    ValueError
        If the window is shorter than one tick.
    """
    ticks = math.floor(window_s / tick_s * (1.0 + TOLERANCE))
    if ticks < 1:
        raise ValueError(f"window of {window_s:g} s is shorter than one tick of {tick_s:g} s")
    return ticks


def _window(power_w: ArrayLike, tick_s: float, window_s: float) -> tuple[Array, int]:
    power = as_samples(power_w)
    ticks = window_ticks(window_s, tick_s)
    if power.size <= ticks:
        raise ValueError(
            f"record of {power.size * tick_s:g} s is shorter than the {window_s:g} s window "
            f"({ticks + 1} samples)"
        )
    return power, ticks


# --------------------------------------------------------------------------------------------- spectrum


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One-sided amplitude spectrum of a whole record, no window function.

    Attributes
    ----------
    frequency_hz : ndarray, shape (samples // 2 + 1,)
        Frequencies of the bins, Hz, from 0.
    amplitude_w : ndarray, same shape
        Amplitude (half of peak-to-peak) of the sinusoid of each bin, W; bin 0 holds the mean.
    samples : int
        Samples of the record.
    """

    frequency_hz: Array
    amplitude_w: Array
    samples: int

    def band(self, f_low_hz: float, f_high_hz: float) -> slice:
        """Bins from `f_low_hz` to `f_high_hz`, Hz, edges included, the mean (bin 0) left out."""
        first = int(np.searchsorted(self.frequency_hz, f_low_hz * (1.0 - TOLERANCE), side="left"))
        last = int(np.searchsorted(self.frequency_hz, f_high_hz * (1.0 + TOLERANCE), side="right"))
        return slice(max(first, 1), max(last, 1))


def spectrum(power_w: ArrayLike, tick_s: float) -> Spectrum:
    """Amplitude spectrum of a record (rfft of the deviation from the mean, rectangular window).

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s : float
        Time between samples, s.

    Returns
    -------
    Spectrum
    """
    power = as_samples(power_w)
    mean_w = float(power.mean())
    amplitude = np.abs(np.fft.rfft(power - mean_w))
    amplitude *= 2.0 / power.size
    amplitude[0] = mean_w
    if power.size % 2 == 0 and power.size > 1:
        amplitude[-1] *= 0.5  # the bin at half the sampling rate has no mirror image
    frequency = np.asarray(np.fft.rfftfreq(power.size, tick_s), dtype=np.float64)
    return Spectrum(frequency, amplitude, power.size)


def band_share(of: Spectrum, f_low_hz: float, f_high_hz: float) -> float:
    """Share of the AC energy between two frequencies: sum of |X_k|^2 in the band over that of all k >= 1.

    Edges are included. 0 when the power does not vary.
    """
    squared = np.square(of.amplitude_w)
    squared[0] = 0.0
    if of.samples % 2 == 0:
        squared[-1] *= 4.0  # back from amplitude to |X_k|^2, which the definition counts once per bin
    total = float(squared.sum())
    if _constant(of, total):
        return 0.0
    return float(squared[of.band(f_low_hz, f_high_hz)].sum()) / total


def _constant(of: Spectrum, total: float) -> bool:
    """Whether the AC energy is none: rounding leaves lines of about 1e-16 of the mean in a constant one."""
    return total <= (1e-13 * float(of.amplitude_w[0])) ** 2


def band_rms(of: Spectrum, f_low_hz: float, f_high_hz: float) -> float:
    """RMS of the content between two frequencies (edges included), W, by Parseval's theorem."""
    part = of.band(f_low_hz, f_high_hz)
    squared = 0.5 * np.square(of.amplitude_w[part])
    if of.samples % 2 == 0 and part.stop == of.amplitude_w.size and squared.size:
        squared[-1] *= 2.0  # at half the sampling rate the samples are +a, -a: RMS a
    return math.sqrt(float(squared.sum()))


def tapered(power_w: ArrayLike) -> Array:
    """Record without its linear trend, under a Hann window of mean 1.

    The plain spectrum takes a record as one period of a wave: a trend becomes a jump from its end back to its
    start, whose lines fall only as 1 / f and reach into any band. `spectrum` and `peak_line` of the tapered
    record show the amplitude of a lasting line unchanged, and nothing of a trend.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.

    Returns
    -------
    ndarray, shape (n,)
        Deviation from the trend, weighted, W; its mean is 0.
    """
    power = as_samples(power_w)
    centred = np.arange(power.size) - 0.5 * (power.size - 1)
    rest = power - power.mean()
    rest -= float(centred @ rest) / max(float(centred @ centred), 1.0) * centred
    window = 1.0 - np.cos(2.0 * np.pi / power.size * np.arange(power.size))
    rest -= float(window @ rest) / power.size  # the level that is 0 under the window, not before it
    rest *= window
    return np.asarray(rest)


def tapered_band_rms(power_w: ArrayLike, tick_s: float, f_low_hz: float, f_high_hz: float) -> float:
    """`band_rms` of the record without its linear trend, behind a Hann window, W.

    Content that lasts through the record reads as by `band_rms`; the middle of the record counts more than
    its ends.
    """
    return band_rms(spectrum(tapered(power_w), tick_s), f_low_hz, f_high_hz) / math.sqrt(HANN_BANDWIDTH)


def tapered_band_share(
    power_w: ArrayLike, tick_s: float, f_low_hz: float, f_high_hz: float, *, of: Spectrum | None = None
) -> float:
    """Energy in a band by `tapered_band_rms`, as a share of the AC energy of the record as it is.

    The trend is left out of the band, not of the AC energy: without it the smallest ripple on a ramp would be
    all the energy that there is. 0 when the power does not vary.

    Parameters
    ----------
    power_w, tick_s, f_low_hz, f_high_hz
        As `peak_line`.
    of : Spectrum, optional
        Plain spectrum of the same record, if it is at hand.
    """
    whole = spectrum(power_w, tick_s) if of is None else of
    total_w = band_rms(whole, 0.0, math.inf)
    if _constant(whole, 2.0 * total_w * total_w):
        return 0.0
    # content that is larger in the middle of the record weighs more than it has
    return min((tapered_band_rms(power_w, tick_s, f_low_hz, f_high_hz) / total_w) ** 2, 1.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One spectral line: its frequency, Hz, and amplitude (half of peak-to-peak), W."""

    frequency_hz: float
    amplitude_w: float


def line_amplitude(power_w: ArrayLike, tick_s: float, frequency_hz: ArrayLike) -> Array:
    """Amplitude of the Fourier component at any frequencies, not only at the bins of a spectrum.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s : float
        Time between samples, s.
    frequency_hz : array_like, shape (m,)
        Frequencies above 0, Hz.

    Returns
    -------
    ndarray, shape (m,)
        ``2 / n * |sum_k (P_k - mean) exp(-2 pi i f k tick_s)|``, W.
    """
    power = as_samples(power_w)
    omega = 2.0 * np.pi * tick_s * np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64))
    # Two levels, block by block: a matrix product instead of n complex exponentials per frequency.
    block = max(1, math.isqrt(power.size))
    phase = np.outer(np.arange(block), omega)
    kernel = np.exp(-1j * phase)
    rows = power.size // block
    total = np.zeros(omega.size, dtype=np.complex128)
    mean_w = float(power.mean())
    for first in range(0, rows, 256):
        part = power[first * block : min(first + 256, rows) * block].reshape(-1, block) - mean_w
        shift = np.exp(-1j * np.outer(block * np.arange(first, first + part.shape[0]), omega))
        inner = part @ kernel.real + 1j * (part @ kernel.imag)
        total += np.sum(inner * shift, axis=0)
    rest = power[rows * block :] - mean_w
    total += np.exp(-1j * omega * rows * block) * (rest @ kernel[: rest.size])
    return np.asarray(2.0 / power.size * np.abs(total))


def peak_line(
    power_w: ArrayLike,
    tick_s: float,
    f_low_hz: float,
    f_high_hz: float,
    *,
    of: Spectrum | None = None,
    fine: FineSpectrum | None = None,
) -> Line:
    """Largest spectral line between two frequencies, also where it lies between the bins of the spectrum.

    A line halfway between two bins reads 36 % low in each of them; the largest bins are therefore searched at
    1/16, and the best of them at 1/128 of the bin width (error of the search below
    3e-5).

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s : float
        Time between samples, s.
    f_low_hz, f_high_hz : float
        Edges of the band (included), Hz.
    of : Spectrum, optional
        Spectrum of the same record, if it is at hand.
    fine : FineSpectrum, optional
        The same between its bins.

    Raises
    ------
    ValueError
        If no bin lies in the band (record shorter than one period, or sampled too coarsely).
    """
    whole = spectrum(power_w, tick_s) if of is None else of
    part = whole.band(f_low_hz, f_high_hz)
    amplitude = whole.amplitude_w[part]
    if amplitude.size == 0:
        raise ValueError(f"no line between {f_low_hz:g} and {f_high_hz:g} Hz in a spectrum of this record")
    floor = 0.63 * float(amplitude.max())  # no line below this can exceed the largest bin (2 / pi)
    candidates = np.flatnonzero(amplitude >= floor)
    if candidates.size > 16:  # broadband: the largest are enough
        candidates = candidates[np.argsort(amplitude[candidates])[-16:]]
    width_hz = 1.0 / (whole.samples * tick_s)
    centre_hz = whole.frequency_hz[part][candidates]
    trial_hz = (centre_hz[:, None] + width_hz * np.linspace(-0.5, 0.5, 17)[None, :]).ravel()
    between = FineSpectrum(power_w, tick_s) if fine is None else fine
    for step_hz in (width_hz / 16.0, width_hz / 128.0):
        inside = (trial_hz >= f_low_hz * (1.0 - TOLERANCE)) & (trial_hz <= f_high_hz * (1.0 + TOLERANCE))
        trial_hz = trial_hz[inside]
        found = between.amplitude_w(trial_hz)
        best = Line(float(trial_hz[int(np.argmax(found))]), float(found.max()))
        trial_hz = best.frequency_hz + step_hz * np.linspace(-1.0, 1.0, 17)
    return best


# --------------------------------------------------------------------------------------------- rolling


def _rolling(power: Array, count: int, extreme: np.ufunc, identity: float) -> Array:
    """Extreme of every `count` consecutive samples, O(n) whatever the window.

    M. van Herk, Pattern Recognition Letters 13 (1992) 517: running extremes forward and backward inside
    blocks of the window's length; any window is the end of one block and the beginning of the next.
    """
    blocks = -(-power.size // count)
    padded = np.full(blocks * count, identity)
    padded[: power.size] = power
    padded.shape = (blocks, count)
    backward = extreme.accumulate(padded[:, ::-1], axis=1)[:, ::-1].reshape(-1)
    extreme.accumulate(padded, axis=1, out=padded)
    forward = padded.reshape(-1)
    windows = power.size - count + 1
    return np.asarray(extreme(backward[:windows], forward[count - 1 : power.size]))


def _trailing(power: Array, ticks: int, extreme: np.ufunc, identity: float) -> Array:
    """Extreme of the closed window that ends at each sample (shorter at the start), shape (n,)."""
    out = np.empty(power.size)
    extreme.accumulate(power[:ticks], out=out[:ticks])
    out[ticks:] = _rolling(power, ticks + 1, extreme, identity)
    return out


def rolling_change(
    power_w: ArrayLike, tick_s: float, window_s: float, direction: Direction = "both"
) -> Array:
    """Change within the closed window that ends at each sample.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s, window_s : float
        Time between samples and length of the window, s.
    direction : {"both", "up", "down"}
        "both": max - min. "up": rise from the lowest value of the window to its last. "down": fall from the
        highest.

    Returns
    -------
    ndarray, shape (n,)
        Change, W, >= 0. The largest value of "both" is that of "up" or of "down".

    Raises
    ------
    ValueError
        If the record is shorter than the window, or the window shorter than a tick.
    """
    power, ticks = _window(power_w, tick_s, window_s)
    if direction == "up":
        low = _trailing(power, ticks, np.minimum, np.inf)
        return np.subtract(power, low, out=low)
    high = _trailing(power, ticks, np.maximum, -np.inf)
    if direction == "down":
        return np.subtract(high, power, out=high)
    high -= _trailing(power, ticks, np.minimum, np.inf)
    return high


@dataclass(frozen=True, slots=True)
class RollingRange:
    """Largest rise and largest fall within any closed window, W, and the times at which each is complete,
    s.
    """

    rise_w: float
    rise_time_s: float
    fall_w: float
    fall_time_s: float

    @property
    def peak_to_peak_w(self) -> float:
        """Largest max - min within any closed window, W."""
        return max(self.rise_w, self.fall_w)

    @property
    def time_s(self) -> float:
        """Time at which the largest change is complete, s."""
        return self.rise_time_s if self.rise_w >= self.fall_w else self.fall_time_s


def rolling_range(power_w: ArrayLike, tick_s: float, window_s: float) -> RollingRange:
    """Largest rise and fall within any closed window of a record; O(n) for any window.

    Parameters and errors as `rolling_change`.
    """
    up = rolling_change(power_w, tick_s, window_s, "up")
    rise = int(np.argmax(up))
    rise_w = float(up[rise])
    del up
    down = rolling_change(power_w, tick_s, window_s, "down")
    fall = int(np.argmax(down))
    return RollingRange(rise_w, rise * tick_s, float(down[fall]), fall * tick_s)


def rolling_difference(power_w: ArrayLike, tick_s: float, window_s: float) -> Array:
    """P(t) - P(t - window_s) at every time from `window_s` on, sign kept.

    Returns
    -------
    ndarray, shape (n - window_ticks,)
        Difference, W; element 0 belongs to the time of the window's end.

    Raises
    ------
    ValueError
        If the record is shorter than the window, or the window shorter than a tick.
    """
    power, ticks = _window(power_w, tick_s, window_s)
    return power[ticks:] - power[:-ticks]


def rolling_average_ramp(power_w: ArrayLike, tick_s: float, window_s: float) -> Array:
    """Average ramp over a rolling window, (P(t) - P(t - w)) / w, W/s; shape and errors as
    `rolling_difference`.
    """
    ramp = rolling_difference(power_w, tick_s, window_s)
    ramp /= window_ticks(window_s, tick_s) * tick_s
    return ramp


def percentile_average_ramp(
    power_w: ArrayLike,
    tick_s: float,
    percent: float = 75.0,
    window_s: float = 60.0,
    *,
    of_means: bool = False,
) -> float:
    """Percentile of the absolute average ramps over one minute (or another window).

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s, window_s : float
        Time between samples and window, s.
    percent : float
        Percentile, 0-100, linear between order statistics.
    of_means : bool
        False: |P(t) - P(t - w)| / w at every t. True: difference between the means of consecutive windows,
        over w.

    Returns
    -------
    float
        W/s.

    Raises
    ------
    ValueError
        If the record is shorter than the window (`of_means`: than two).
    """
    if not of_means:
        ramp = rolling_average_ramp(power_w, tick_s, window_s)
    else:
        power = as_samples(power_w)
        ticks = window_ticks(window_s, tick_s)
        count = power.size // ticks
        if count < 2:
            raise ValueError(
                f"record of {power.size * tick_s:g} s is shorter than two windows of {window_s:g} s"
            )
        ramp = np.diff(power[: count * ticks].reshape(count, ticks).mean(axis=1)) / (ticks * tick_s)
    return float(np.percentile(np.abs(ramp, out=ramp), percent))


# --------------------------------------------------------------------------------------------- whole record


def dynamic_range(power_w: ArrayLike) -> float:
    """Largest minus smallest power of the record, W."""
    power = as_samples(power_w)
    return float(power.max()) - float(power.min())


def energy_overhead(power_w: ArrayLike, demand_w: ArrayLike) -> float:
    """Energy drawn beyond the demand, as a share of the demand's energy: sum(P) / sum(demand) - 1.

    Raises
    ------
    ValueError
        If the arrays differ in shape or the demand has no energy.
    """
    power, demand = as_samples(power_w), as_samples(demand_w)
    total = float(demand.sum())
    if power.shape != demand.shape or total <= 0.0:
        raise ValueError("power_w and demand_w must have one shape, and the demand energy above 0")
    return float(power.sum()) / total - 1.0


def flattening_energy(power_w: ArrayLike, tick_s: float) -> float:
    """Energy that a lossless store needs to turn the record into its mean: max - min of the integral of P -
    mean, J.
    """
    power = as_samples(power_w)
    energy = np.cumsum(power - power.mean())
    return (max(float(energy.max()), 0.0) - min(float(energy.min()), 0.0)) * tick_s


def flattening_energy_two_level(swing_w: float, duty: float, period_s: float) -> float:
    """The same in closed form for a two-level wave: swing d (1 - d) T, J.

    Parameters
    ----------
    swing_w : float
        High minus low level, W.
    duty : float
        Share of the period at the high level, 0-1.
    period_s : float
        Period, s.
    """
    return swing_w * duty * (1.0 - duty) * period_s


def flattening_period(energy_j: float, swing_w: float, duty: float) -> float:
    """Longest period of a two-level wave that a store of `energy_j` flattens, s (infinite without a
    swing).
    """
    per_second = flattening_energy_two_level(swing_w, duty, 1.0)
    return energy_j / per_second if per_second > 0.0 else math.inf


def rms_residual(
    power_w: ArrayLike, compensation_w: ArrayLike = 0.0, reference_w: float | None = None
) -> float:
    """RMS about zero of P - reference - compensation, W.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    compensation_w : array_like
        Power that the storage delivers, W: one value or shape (n,).
    reference_w : float, optional
        Level to be held, W; the mean of the record when None.
    """
    power = as_samples(power_w)
    level_w = float(power.mean()) if reference_w is None else reference_w
    residual = power - level_w - np.asarray(compensation_w, dtype=np.float64)
    return math.sqrt(float(np.mean(np.square(residual, out=residual))))
