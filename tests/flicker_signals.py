"""Voltages that fluctuate as the tables of IEC 61000-4-15 have it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wattkeel.power_quality import LAMPS

Floats = NDArray[np.float64]


def fluctuating(
    lamp: str,
    kind: str,
    tick_s: float,
    length_s: float,
    shape: str,
    frequency_hz: float,
    change: float,
    *,
    start_s: float = 0.0,
) -> Floats:
    """A voltage of RMS value about 1 whose amplitude fluctuates by ``change``, maximum less minimum.

    RMS values are the root of the mean square over each tick, as an RMS simulation has them; samples of a
    waveform are taken in the middle of the tick, with edges off the samples.
    """
    ticks = round(length_s / tick_s)
    half = 0.5 * change
    if kind == "rms":
        edge_s = np.arange(ticks + 1) * tick_s - start_s
        rising, squares = _integrals(shape, frequency_hz, edge_s)
        mean_square = 1.0 + (2.0 * half * np.diff(rising) + half * half * np.diff(squares)) / tick_s
        return np.asarray(np.sqrt(mean_square))
    time_s = (np.arange(ticks) + 0.5) * tick_s
    turn = frequency_hz * (time_s - start_s)
    # A quarter of a tick beside the samples: no edge falls on one, to be rounded to either side.
    wave = (
        np.sin(2.0 * math.pi * turn)
        if shape == "sine"
        else np.where((turn + 0.25 * frequency_hz * tick_s) % 1.0 < 0.5, 1.0, -1.0)
    )
    carrier = np.sin(2.0 * math.pi * LAMPS[lamp].frequency_hz * time_s)
    return np.asarray(math.sqrt(2.0) * (1.0 + half * wave) * carrier)


def _integrals(shape: str, frequency_hz: float, time_s: Floats) -> tuple[Floats, Floats]:
    """Integrals of a wave of amplitude 1 and of its square."""
    w = 2.0 * math.pi * frequency_hz
    if shape == "sine":
        return (1.0 - np.cos(w * time_s)) / w, 0.5 * time_s - np.sin(2.0 * w * time_s) / (4.0 * w)
    turn = (frequency_hz * time_s) % 1.0
    return np.where(turn < 0.5, turn, 1.0 - turn) / frequency_hz, time_s
