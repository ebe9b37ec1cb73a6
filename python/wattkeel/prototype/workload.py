"""Stage `workload`: demand of training jobs and replayed traces."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp
from wattkeel.prototype.philox import philox_bell, philox_uniform


@kernel
def job_step(p, s, seed, tick):
    """Advance the clock of one training job to ``tick`` and set what all its racks share.

    The demand of a tick is the demand at its middle. An iteration is compute, then communication; after
    every ``checkpoint_every`` iterations a checkpoint follows. All racks of a job share this clock:
    synchronous training swings in phase (GPT-3 on 512 H100, MLPerf v4.0: node correlation 0.77).
    """
    middle = tick + 0.5
    rise = clamp((middle - p.start_tick) * p.start_ramp_per_tick, 0.0, 1.0)
    fall = clamp((p.stop_tick - middle) * p.stop_ramp_per_tick, 0.0, 1.0)
    s.envelope = rise if rise < fall else fall
    s.renew = 0
    while (tick - s.begin_tick) + 0.5 - s.begin_fraction >= s.length_tick:
        begin = s.begin_fraction + s.length_tick
        whole = math.floor(begin)
        s.begin_tick = s.begin_tick + int(whole)
        s.begin_fraction = begin - whole
        if s.checkpoint == 0 and s.iteration >= 0:
            s.since_checkpoint = s.since_checkpoint + 1
        if p.checkpoint_every > 0 and s.checkpoint == 0 and s.since_checkpoint >= p.checkpoint_every:
            s.checkpoint = 1
            s.since_checkpoint = 0
            s.length_tick = p.checkpoint_tick
        else:
            s.checkpoint = 0
            s.iteration = s.iteration + 1
            s.length_tick = p.period_tick
            if p.period_jitter > 0.0:
                s.length_tick = p.period_tick * (
                    1.0 + p.period_jitter * philox_bell(seed, p.stream, s.iteration)
                )
            s.renew = 1
    s.elapsed_tick = (tick - s.begin_tick) + 0.5 - s.begin_fraction
    s.compute_end_tick = s.length_tick * p.compute_fraction_core
    if s.checkpoint == 1:
        into = clamp(s.elapsed_tick * p.edge_per_tick, 0.0, 1.0)
        out = clamp((s.elapsed_tick - s.length_tick) * p.edge_per_tick + 1.0, 0.0, 1.0)
        s.base_pu = p.communication_pu + (p.checkpoint_pu - p.communication_pu) * (into - out)
        s.swing_pu = 0.0
    else:
        s.base_pu = p.communication_pu
        s.swing_pu = p.compute_pu - p.communication_pu


@kernel
def workload_offset(n, p, s, seed, lane_id, offset_tick):
    """Lateness of every rack in the iteration that begins: its own share plus a draw per iteration."""
    for i in range(n):
        own = philox_uniform(seed, p.stream, lane_id[i], 0)[0]
        draw = philox_uniform(seed, p.stream, lane_id[i], s.iteration + 1)[0]
        offset_tick[i] = p.straggler_tick * own + p.rack_jitter_tick * draw


@kernel
def workload_demand(n, p, s, rated_w, idle_w, offset_tick, demand_w):
    """Demand of one GPU in every rack, W; shapes (n,)."""
    idle = idle_w * (1.0 - s.envelope)
    base = s.envelope * (s.base_pu * rated_w)
    swing = s.envelope * (s.swing_pu * rated_w)
    per_tick = p.edge_per_tick
    rise_at = s.elapsed_tick
    fall_at = s.elapsed_tick - s.compute_end_tick
    for i in range(n):
        rise = clamp((rise_at - offset_tick[i]) * per_tick, 0.0, 1.0)
        fall = clamp((fall_at - offset_tick[i]) * per_tick, 0.0, 1.0)
        demand_w[i] = idle + (base + swing * (rise - fall))


@kernel
def trace_mean(start, time, value, rows, columns, length, linear, repeat, cursor, turn, level):
    """Mean of every column of a trace over the tick that begins at ``start`` ticks into the trace.

    The exact integral over the tick, so that the energy of a replay is that of the trace at any tick.
    ``time`` (rows,) in ticks from 0; ``value`` (rows * columns,) row-major; the last sample holds until
    ``length``. Returns the row under way at the end of the tick and the number of passes completed;
    a trace that has ended and does not repeat leaves ``cursor == rows``.
    """
    for c in range(columns):
        level[c] = 0.0
    a = start - turn * length
    b = a + 1.0
    while cursor < rows:
        last = cursor + 1 == rows
        end = length if last else time[cursor + 1]
        high = b if b < end else end
        width = high - a
        if width > 0.0:
            first = cursor * columns
            if linear == 1 and not last:
                share = (0.5 * (a + high) - time[cursor]) / (end - time[cursor])
                for c in range(columns):
                    here = value[first + c]
                    level[c] += width * (here + (value[first + columns + c] - here) * share)
            else:
                for c in range(columns):
                    level[c] += width * value[first + c]
        if b < end:
            break
        a = a if a > end else end
        cursor += 1
        if cursor == rows and repeat == 1:
            cursor = 0
            turn += 1
            a -= length
            b -= length
    return cursor, turn


@kernel
def trace_demand(n, s, columns, scale, idle_w, lane_id, level, demand_w):
    """Demand of one GPU in every rack; rack i replays column ``lane_id[i] % columns``."""
    idle = idle_w * (1.0 - s.envelope)
    gain = scale * s.envelope
    for i in range(n):
        demand_w[i] = idle + level[lane_id[i] % columns] * gain
