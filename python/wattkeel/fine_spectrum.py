"""Fourier amplitude of a record at any frequency, many at a time.

A spectrum knows its bins. Between them a sum over all samples is due for every frequency, or a spectrum of
twice as many bins and a short sum over it: the samples are divided by the transform of a narrow kernel, and
what the kernel takes together of the neighbouring bins is the record's amplitude (J. A. Fessler and B. P.
Sutton, IEEE Trans. Signal Processing 51 (2003) 560; kernel of Kaiser and Bessel).
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FineSpectrum"]

Array = NDArray[np.float64]

#: Bins that the kernel takes together: with twice the bins its error is exp(-pi 14 / sqrt(2)), 3e-14.
_WIDTH = 14
_BETA = math.pi * math.sqrt((0.75 * _WIDTH) ** 2 - 0.8)  # P. J. Beatty et al., IEEE TMI 24 (2005) 799
#: Longest record whose weights are kept for the next of its length.
_REMEMBERED = 1 << 20


def _bins(samples: int) -> int:
    """Even number of bins, at least twice the samples, of which a transform is fast."""
    wanted = max(2 * samples, 4 * _WIDTH)
    sizes = (odd << max(0, math.ceil(math.log2(wanted / odd))) for odd in (1, 3, 5, 9, 15, 25))
    return min(size for size in sizes if size % 2 == 0 and size >= wanted)


def _weights(samples: int) -> Array:
    """One over the kernel's transform at the place of every sample, the middle one at 0."""
    place = np.arange(max(samples // 2, samples - 1 - samples // 2) + 1) / _bins(samples)
    root = np.sqrt(_BETA * _BETA - np.square(math.pi * _WIDTH * place))
    half = root * float(np.i0(_BETA)) / (_WIDTH * np.sinh(root))
    middle = samples // 2
    return np.concatenate([half[middle:0:-1], half[: samples - middle]])


_kept_weights = functools.lru_cache(maxsize=2)(_weights)


class FineSpectrum:
    """Amplitude at any frequency, of the deviation of a record from its mean.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W, finite.
    tick_s : float
        Time between samples, s.
    """

    def __init__(self, power_w: ArrayLike, tick_s: float) -> None:
        power = np.asarray(power_w, dtype=np.float64)
        self._samples, self._tick_s, self._bins = power.size, tick_s, _bins(power.size)
        weighted = power - power.mean()
        weighted *= (_kept_weights if power.size <= _REMEMBERED else _weights)(power.size)
        middle = power.size // 2
        turned = np.zeros(self._bins)
        turned[: power.size - middle] = weighted[middle:]
        turned[self._bins - middle :] = weighted[:middle]
        del weighted
        self._spectrum = np.fft.rfft(turned)

    def amplitude_w(self, frequency_hz: ArrayLike) -> Array:
        """Amplitudes, W, shape (m,), at frequencies from 0 to half the sampling rate, Hz.

        They are those of `wattkeel.measures.line_amplitude`, to 1e-12 of the largest in the record.
        """
        place = np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64)) * (self._tick_s * self._bins)
        bins = np.ceil(place - 0.5 * _WIDTH).astype(np.int64)[:, None] + np.arange(_WIDTH)
        across = np.square((place[:, None] - bins) / (0.5 * _WIDTH))
        kernel = np.i0(_BETA * np.sqrt(np.maximum(1.0 - across, 0.0))) / float(np.i0(_BETA))
        bins %= self._bins
        mirrored = bins > self._bins // 2
        around = self._spectrum[np.where(mirrored, self._bins - bins, bins)]
        around.imag[mirrored] *= -1.0
        return np.asarray(2.0 / self._samples * np.abs((around * kernel).sum(axis=1)))
