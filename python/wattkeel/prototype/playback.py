"""Stage `grid`: playback of a measured record of voltage and frequency."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.workload import trace_mean


@kernel
def playback_step(p, s, time, value, level, tick):
    """Voltage factor and frequency offset of the record in the exact mean over the tick.

    ``time`` and ``value`` are the pools of all traces; a row of the record holds (factor pu, offset Hz).
    The last row holds for good. Returns 1 in the tick in which the record begins, -1 where it has ended.
    """
    if p.trace_rows == 0 or tick < p.start_tick:
        return 0
    s.playback_cursor, _ = trace_mean(
        tick - p.start_tick + p.trace_offset_tick, time[p.trace_first :], value[p.trace_value_first :],
        p.trace_rows, 2, p.trace_length_tick, p.trace_linear, p.trace_repeat_core, s.playback_cursor, 0,
        level,
    )  # fmt: skip
    s.playback_voltage_pu = level[0]
    s.playback_frequency_hz = level[1]
    return 1 if tick == p.start_tick else (-1 if tick == p.stop_tick else 0)
