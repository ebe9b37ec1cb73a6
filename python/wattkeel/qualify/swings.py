"""What still swings: peak-to-peak behind a trend, in a band, and times until a signal stays within."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wattkeel.measures import tapered_band_rms

__all__ = ["band_swing", "settled_after_s", "swing"]

Floats = NDArray[np.float64]


def swing(values: Floats) -> float:
    """Peak to peak of a stretch without its linear trend: a slow return is no oscillation."""
    if values.size < 3:
        return 0.0
    time = np.linspace(-1.0, 1.0, values.size)
    slope = float(values @ time / (time @ time))
    rest = values - values.mean() - slope * time
    return float(rest.max() - rest.min())


def band_swing(values: Floats, tick_s: float, low_hz: float, high_hz: float) -> float:
    """Peak to peak of the sine that has the content of a band: 2 sqrt(2) times its RMS, Hann window.

    NaN where the stretch is shorter than two periods of the lower edge.
    """
    if values.size * tick_s < 2.0 / low_hz:
        return math.nan
    return 2.0 * math.sqrt(2.0) * tapered_band_rms(values, tick_s, low_hz, high_hz)


def settled_after_s(values: Floats, tick_s: float, low: float, high: float) -> float:
    """Time from the start of a stretch until it stays within; infinite where it ends outside."""
    outside = np.flatnonzero((values < low) | (values > high))
    if not outside.size:
        return 0.0
    last = int(outside[-1]) + 1
    return math.inf if last >= values.size else last * tick_s
