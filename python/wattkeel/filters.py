"""Digital filters, and a Butterworth band-pass of a long record in numpy alone.

A recursive filter is sequential, which pure Python cannot afford over millions of samples. The record is cut
into blocks that run side by side as lanes of numpy rows, each from rest; what every block inherits from the
one before is added afterwards. The result is that of the plain recursion to rounding.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "as_samples",
    "band_pass",
    "band_sections",
    "bilinear",
    "butterworth_band",
    "butterworth_low",
    "settling_time",
]

Array = NDArray[np.float64]

# Samples of one block and blocks side by side in the vectorised recursion of `_cascade`: a row of lanes stays
# in the first-level cache, and a segment (block x lanes) bounds the temporary memory whatever the length of
# the record.
_BLOCK = 256
_LANES = 4096


def as_samples(power_w: ArrayLike) -> Array:
    """`power_w` as a 1-D float64 array; ValueError if it is empty, not 1-D, or not finite."""
    power = np.asarray(power_w, dtype=np.float64)
    if power.ndim != 1 or power.size == 0:
        raise ValueError(f"power_w must be a non-empty 1-D array, got shape {power.shape}")
    # min + max instead of isfinite(): no temporary as long as the record
    if not math.isfinite(float(power.min())) or not math.isfinite(float(power.max())):
        raise ValueError("power_w holds a value that is not finite")
    return power


def band_sections(order: int, f_low_hz: float, f_high_hz: float, tick_s: float) -> Array:
    """Sections of `butterworth_band` as polynomials in ``z - 1``.

    A pole at f lies ``2 pi f tick_s`` from z = 1: what a section does down there is a difference of nearly
    equal coefficients in z, of which rounding leaves few digits when the tick is short (at 0.1 Hz and 0.1 ms
    eight). In ``d = z - 1`` every coefficient keeps all of them, and so does a recursion that adds to its
    memories (R. H. Middleton and G. C. Goodwin, IEEE Trans. Automatic Control 31 (1986) 1015).

    Returns
    -------
    ndarray, shape (order, 5)
        Rows ``b0 b1 b2 d1 d2`` of ``(b0 d^2 + b1 d + b2) / (d^2 + d1 d + d2)``.

    Other parameters and errors as `butterworth_band`.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    if not 0.0 < f_low_hz < f_high_hz < 0.5 / tick_s:
        raise ValueError(
            f"need 0 < {f_low_hz:g} < {f_high_hz:g} < {0.5 / tick_s:g} Hz (half the sampling rate)"
        )
    # Frequencies in units of 2 / tick_s, so that the bilinear transform is z - 1 = 2 s / (1 - s).
    low, high = math.tan(math.pi * f_low_hz * tick_s), math.tan(math.pi * f_high_hz * tick_s)
    prototype = np.exp(1j * np.pi * (2.0 * np.arange(1, order + 1) + order - 1.0) / (2.0 * order))
    if order % 2:
        prototype[order // 2] = -1.0
    half = prototype * (high - low) / 2.0
    root = np.sqrt(half * half - low * high)
    fast = np.where(np.abs(half + root) >= np.abs(half - root), half + root, half - root)
    slow = low * high / fast  # not the difference of half and root, which cancel
    s = np.concatenate([fast, slow])
    poles = 2.0 * s / (1.0 - s)

    upper = poles[poles.imag > 1e-9 * np.abs(poles)]
    upper = upper[np.argsort(np.angle(1.0 + upper))]
    real = np.sort(poles[np.abs(poles.imag) <= 1e-9 * np.abs(poles)].real)
    denominators = [(-2.0 * p.real, abs(p) ** 2) for p in upper]
    for p, q in zip(real[0::2], real[1::2], strict=True):  # odd order: the pair of the prototype's real pole
        denominators.insert(len(denominators) // 2, (-(p + q), p * q))
    # The zeros at z = 1 go to the slow poles and those at z = -1 to the fast ones: no section amplifies.
    pairs = order // 2
    kinds = [(1.0, 0.0, 0.0)] * pairs + [(1.0, 2.0, 0.0)] * (order % 2) + [(1.0, 4.0, 4.0)] * pairs
    middle = 1j * math.sqrt(low * high)
    centre = 2.0 * middle / (1.0 - middle)
    sections = np.empty((order, 5))
    for row, b, (d1, d2) in zip(sections, kinds, denominators, strict=True):
        gain = abs(np.polyval((1.0, d1, d2), centre) / np.polyval(b, centre))
        row[:] = (gain * b[0], gain * b[1], gain * b[2], d1, d2)
    return sections


def butterworth_band(order: int, f_low_hz: float, f_high_hz: float, tick_s: float) -> Array:
    """Second-order sections of a digital Butterworth band-pass (bilinear transform, edges pre-warped).

    Parameters
    ----------
    order : int
        Order of the low-pass prototype; the band-pass has `order` sections, 3 dB down at both edges.
    f_low_hz, f_high_hz : float
        Edges, Hz, ``0 < f_low_hz < f_high_hz < 0.5 / tick_s``.
    tick_s : float
        Time between samples, s.

    Returns
    -------
    ndarray, shape (order, 6)
        Rows ``b0 b1 b2 1 a1 a2``, the layout of ``scipy.signal.butter(..., output="sos")``.

    Raises
    ------
    ValueError
        If the order is below 1 or the edges are out of their range.
    """
    b0, b1, b2, d1, d2 = band_sections(order, f_low_hz, f_high_hz, tick_s).T
    return np.column_stack([b0, b1 - 2.0 * b0, (b0 - b1) + b2, np.ones(order), d1 - 2.0, 1.0 - (d1 - d2)])


def bilinear(
    numerator: tuple[float, float, float],
    denominator: tuple[float, float, float],
    tick_s: float,
    match_hz: float,
) -> Array:
    """Digital section of an analogue one of second order, by the bilinear transform.

    Parameters
    ----------
    numerator, denominator : tuple of float
        Coefficients of ``s^2``, ``s`` and 1; the first one of the denominator is not 0.
    tick_s : float
        Time between samples, s.
    match_hz : float
        Frequency at which the two responses are equal, Hz, ``0 < match_hz < 0.5 / tick_s``.

    Returns
    -------
    ndarray, shape (6,)
        ``b0 b1 b2 1 a1 a2``, as `butterworth_band`.

    Raises
    ------
    ValueError
        If the frequency is out of its range.
    """
    if not 0.0 < match_hz < 0.5 / tick_s:
        raise ValueError(f"need 0 < {match_hz:g} < {0.5 / tick_s:g} Hz (half the sampling rate)")
    c = 2.0 * math.pi * match_hz / math.tan(math.pi * match_hz * tick_s)  # s = c (z - 1) / (z + 1)
    section = np.array(
        [
            coefficient
            for q2, q1, q0 in (numerator, denominator)
            for coefficient in ((q2 * c + q1) * c + q0, 2.0 * (q0 - q2 * c * c), (q2 * c - q1) * c + q0)
        ]
    )
    return np.asarray(section / section[3])


def butterworth_low(order: int, f_hz: float, tick_s: float) -> Array:
    """Second-order sections of a digital Butterworth low-pass of even order (bilinear, edge pre-warped).

    Parameters
    ----------
    order : int
        Order, even.
    f_hz : float
        Frequency at which it is 3 dB down, Hz.
    tick_s : float
        Time between samples, s.

    Returns
    -------
    ndarray, shape (order / 2, 6)
        Rows ``b0 b1 b2 1 a1 a2``.

    Raises
    ------
    ValueError
        If the order is odd or below 2, or the frequency not below half the sampling rate.
    """
    if order < 2 or order % 2:
        raise ValueError(f"order must be even and at least 2, got {order}")
    w = 2.0 * math.pi * f_hz
    damping = [math.sin(math.pi * (2 * i + 1) / (2 * order)) for i in range(order // 2)]
    return np.array([bilinear((0.0, 0.0, w * w), (1.0, 2.0 * d * w, w * w), tick_s, f_hz) for d in damping])


def settling_time(
    order: int, f_low_hz: float, f_high_hz: float, tick_s: float, remainder: float = 1e-3
) -> float:
    """Time in which a band-pass forgets the level from which it started.

    The slowest pole decides: about 0.4 / f_low_hz per e-fold for a wide band of order 4, and longer for a
    narrow band, whose width decides instead of its edge.

    Parameters
    ----------
    order, f_low_hz, f_high_hz, tick_s
        As `butterworth_band`.
    remainder : float
        Share of the slowest mode that is left, above 0 and below 1.

    Returns
    -------
    float
        ``ln(1 / remainder)`` time constants of the slowest pole, s.

    Raises
    ------
    ValueError
        As `butterworth_band`.
    """
    sections = band_sections(order, f_low_hz, f_high_hz, tick_s)
    poles = np.concatenate([np.roots((1.0, *section[3:])) for section in sections])
    with np.errstate(divide="ignore"):  # a pole at z = 0 forgets at once
        decay = np.log1p(2.0 * poles.real + np.square(np.abs(poles)))  # of |1 + pole|
    slowest = 0.5 * float(decay.max())
    return tick_s * math.log(remainder) / slowest


def _recursion(work: Array, section: Array, state: Array) -> Array:
    """One section over one segment, in place; returns the state after it.

    `work` (block, lanes + 2) holds consecutive blocks as columns. All columns run side by side from rest; the
    last two columns have no input and unit states, so they yield the free response, with which the true
    starting state of each block is added afterwards. The recursion is the transposed direct form II in
    ``z - 1``, whose memories accumulate (`band_sections`).
    """
    b0, b1, b2, d1, d2 = (float(c) for c in section)
    width = work.shape[1]
    first, second, y, product = (np.zeros(width) for _ in range(4))
    first[-2] = second[-1] = 1.0
    for row in work:
        np.multiply(row, b0, out=y)
        y += first
        first += second
        for memory, b, d in ((first, b1, d1), (second, b2, d2)):
            np.multiply(row, b, out=product)
            memory += product
            np.multiply(y, d, out=product)
            memory -= product
        row[:] = y
    m11, m12, m21, m22 = first[-2], first[-1], second[-2], second[-1]
    starts = np.empty((2, width - 2))
    s1, s2 = float(state[0]), float(state[1])
    for lane, (r1, r2) in enumerate(zip(first[:-2].tolist(), second[:-2].tolist(), strict=True)):
        starts[0, lane], starts[1, lane] = s1, s2
        s1, s2 = float(m11 * s1 + m12 * s2 + r1), float(m21 * s1 + m22 * s2 + r2)
    # Row by row, not as a matrix product: rows stay in cache, and no BLAS threads are woken for two columns.
    for row in work:
        inherited = row[:-2]
        for response, start in zip(row[-2:].tolist(), starts, strict=True):
            np.multiply(start, response, out=product[:-2])
            inherited += product[:-2]
    return np.array([s1, s2])


def _cascade(x: Array, sections: Array) -> None:
    """Filter `x` in place from rest; the first sample is taken as the level before the record.

    The band-pass has no gain at zero frequency, so removing the first sample is the same as starting every
    section in its steady state at that level, without the rounding of a large constant.
    """
    x -= x[0]
    states = np.zeros((len(sections), 2))
    span = _BLOCK * _LANES
    for start in range(0, x.size, span):
        part = x[start : start + span]
        lanes = -(-part.size // _BLOCK)
        flat = np.zeros((lanes, _BLOCK))
        flat.reshape(-1)[: part.size] = part
        work = np.zeros((_BLOCK, lanes + 2))
        work[:, :-2] = flat.T
        for section, state in zip(sections, states, strict=True):
            work[:, -2:] = 0.0
            state[:] = _recursion(work, section, state)
        flat[:] = work[:, :-2].T
        part[:] = flat.reshape(-1)[: part.size]


def band_pass(
    power_w: ArrayLike,
    tick_s: float,
    f_low_hz: float,
    f_high_hz: float,
    *,
    order: int = 2,
    zero_phase: bool = False,
    pad_s: float | None = None,
) -> Array:
    """Butterworth band-pass of a record, causal or zero-phase.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s : float
        Time between samples, s.
    f_low_hz, f_high_hz : float
        Edges, Hz.
    order : int
        Order of the low-pass prototype.
    zero_phase : bool
        False: causal, states initialised at the first sample. True: forward and backward (6 dB at the edges),
        over a record extended by odd reflection.
    pad_s : float, optional
        Length of that extension, s; 2 / f_low_hz (at most the record) when None.

    Returns
    -------
    ndarray, shape (n,)
        Band-passed power, W. Let a causal filter settle for `settling_time` before judging it.

    Raises
    ------
    ValueError
        As `butterworth_band`.
    """
    power = as_samples(power_w)
    sections = band_sections(order, f_low_hz, f_high_hz, tick_s)
    if not zero_phase:
        out = power.copy()
        _cascade(out, sections)
        return out
    wanted_s = 2.0 / f_low_hz if pad_s is None else pad_s
    pad = min(power.size - 1, round(wanted_s / tick_s))
    head, tail = 2.0 * power[0] - power[pad:0:-1], 2.0 * power[-1] - power[-2 : -pad - 2 : -1]
    out = np.concatenate([head, power, tail])
    _cascade(out, sections)
    _cascade(out[::-1], sections)
    return out[pad : pad + power.size].copy()
