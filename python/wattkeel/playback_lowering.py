"""From the record of a playback to the records of the core."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import lowering
from wattkeel._generated import models

if TYPE_CHECKING:
    from wattkeel.plant import TracePool
    from wattkeel.waveform import Playback

# Beyond any run, and finite: 0 passes times the length must be 0.
_FOR_GOOD = 2.0**62


def lower_playback(
    record: Any, given: models.GridPlayback | None, playback: Playback | None, pool: TracePool, tick_s: float
) -> None:
    """Put a record into the pool of traces and its place and times into the core's record.

    The last row holds for good. Where the grid is to be nominal after the record, two rows follow it: the
    last value once more at its end, so that a linear course does not slope, and nominal.
    """
    if given is None or playback is None:
        return
    time_tick = _in_ticks(playback.time_s, tick_s)
    value = np.stack((playback.voltage_pu, playback.offset_hz), axis=1)
    length_tick = lowering.in_ticks(playback.length_s, tick_s)
    if given.after == "nominal":
        time_tick = np.concatenate((time_tick, [length_tick, length_tick]))
        value = np.concatenate((value, value[-1:], [[1.0, 0.0]]))
    pool.add(record, time_tick, value, given.interpolation == "linear", repeat=False)
    record.trace_offset_tick = lowering.in_ticks(given.trace_start_s, tick_s)
    record.trace_length_tick = _FOR_GOOD
    record.start_tick = round(given.start_s / tick_s)
    left = lowering.in_ticks(playback.length_s - given.trace_start_s, tick_s)
    record.stop_tick = record.start_tick + max(1, math.ceil(left))


def _in_ticks(time_s: NDArray[np.float64], tick_s: float) -> NDArray[np.float64]:
    """Times in ticks; whole numbers where they are such but for rounding."""
    ticks = time_s / tick_s
    whole = np.rint(ticks)
    return np.where(np.abs(ticks - whole) <= 1e-9 * np.maximum(1.0, whole), whole, ticks)
