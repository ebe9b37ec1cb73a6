"""`site`: all stages of one site in their fixed order, tick by tick.

This is the whole engine as readable Python. Order of a tick: events, workload, gpu, rack, distribution,
cooling, generation, control, storage, grid, record. Power goes up this order. What comes down against it
is one tick old: the SoC that the control sees, commands and caps from outside.
"""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.bus import bus_step
from wattkeel.prototype.event_log import JOB_START, JOB_STOP, log_event
from wattkeel.prototype.gpu import gpu_power
from wattkeel.prototype.layout import (
    BUCKET_FILL,
    BUCKETS,
    RACK_SIGNALS,
    ROWS,
    SITE_SIGNALS,
    TICK,
)
from wattkeel.prototype.numeric import lane_sum, snapped_sum
from wattkeel.prototype.rack import rack_load, rack_psu, rack_store
from wattkeel.prototype.record import record_tick
from wattkeel.prototype.workload import (
    job_step,
    trace_demand,
    trace_mean,
    workload_demand,
    workload_offset,
)

TILE_LANES = 256

# Rows of the lane matrix, as generated from the spec tables.
OFFSET_TICK, GPU_POWER_W, BELOW_FLOOR_TICK, OVERSHOOT_W, STORE_AVERAGE_W, STORE_ENERGY_J = range(6)


@kernel
def jobs_step(v, k, tick):
    """Clocks of all jobs, and the column means of all replayed traces."""
    seed = v.site[0].seed
    for j in range(v.job.shape[0]):
        p = v.job[j]
        s = v.job_state[j]
        before = s.envelope
        job_step(p, s, seed, tick)
        if p.kind == 1:
            level = v.level[p.trace_level_first : p.trace_level_first + p.trace_columns_count]
            start = tick - p.start_tick + p.trace_offset_tick
            if tick >= p.start_tick and s.trace_cursor < p.trace_rows:
                time = v.trace_time[p.trace_first : p.trace_first + p.trace_rows]
                value = v.trace_value[p.trace_value_first :]
                s.trace_cursor, s.trace_pass = trace_mean(
                    start, time, value, p.trace_rows, p.trace_columns_count, p.trace_length_tick,
                    p.trace_linear, p.trace_repeat_core, s.trace_cursor, s.trace_pass, level,
                )  # fmt: skip
            elif s.trace_cursor >= p.trace_rows:
                s.envelope = 0.0
        if before == 0.0 and s.envelope > 0.0:
            log_event(k, tick, JOB_START, j, 1, s.envelope, 0.0)
        if before > 0.0 and s.envelope == 0.0:
            log_event(k, tick, JOB_STOP, j, 1, s.envelope, 0.0)


@kernel
def lanes_step(v, r, first, n, tick, signal):
    """Workload, gpu and rack of ``n`` lanes of population ``r`` from lane ``first``; adds to its signals."""
    p = v.rack[r]
    gpu = v.gpu[r]
    job = v.job[p.job_index]
    s = v.job_state[p.job_index]
    magic = v.site[0].power_round_w
    x = v.scratch
    demand, load, inlet, rack_demand, gpu_w, floor_w, deficit_w, over_w, ahead_w, psu_w, store_w, lost_w = (
        x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11],
    )  # fmt: skip
    lane_id = v.lane_id[first : first + n]
    offset = v.lane[OFFSET_TICK, first : first + n]
    if job.kind == 1:
        level = v.level[job.trace_level_first : job.trace_level_first + job.trace_columns_count]
        trace_demand(n, s, job.trace_columns_count, p.trace_scale, gpu.idle_power_w, lane_id, level, demand)
    else:
        if s.renew == 1:
            workload_offset(n, job, s, v.site[0].seed, lane_id, offset)
        workload_demand(n, job, s, gpu.rated_power_w, gpu.idle_power_w, offset, demand)
    secondary_w = gpu.secondary_floor_w if s.envelope > 0.0 else 0.0
    gpu_power(
        n, gpu, p.gpus, magic, v.gpu_state[r].cap_w, secondary_w, demand,
        v.lane[GPU_POWER_W, first : first + n], v.lane[BELOW_FLOOR_TICK, first : first + n],
        v.lane[OVERSHOOT_W, first : first + n], rack_demand, gpu_w, floor_w, deficit_w, over_w,
    )  # fmt: skip
    rack_load(n, p, magic, gpu_w, ahead_w, load)
    at = SITE_SIGNALS + RACK_SIGNALS * r
    if p.store_energy_j > 0.0:
        energy = v.lane[STORE_ENERGY_J, first : first + n]
        rack_store(
            n, p, magic, v.site[0].tick_s, 1 if tick == 0 else 0, load,
            v.lane[STORE_AVERAGE_W, first : first + n], energy, store_w, lost_w, demand,
        )  # fmt: skip
        rack_psu(n, p, magic, demand, psu_w, inlet)
        signal[at + 7] += lane_sum(n, store_w)
        signal[at + 8] += lane_sum(n, lost_w)
        signal[at + 9] += snapped_sum(n, energy, v.site[0].energy_round_j)
    else:
        rack_psu(n, p, magic, load, psu_w, inlet)
    signal[at] += lane_sum(n, rack_demand)
    signal[at + 1] += lane_sum(n, gpu_w)
    signal[at + 2] += lane_sum(n, floor_w)
    signal[at + 3] += lane_sum(n, deficit_w)
    signal[at + 4] += lane_sum(n, over_w)
    signal[at + 5] += lane_sum(n, ahead_w)
    signal[at + 6] += lane_sum(n, psu_w)
    signal[at + 10] += lane_sum(n, inlet)


@kernel
def advance(v, k, ticks):
    """Step the site ``v`` by ``ticks`` ticks and fill the chunk ``k``."""
    signals = v.signal.shape[0]
    first_rack_signal = SITE_SIGNALS
    end_rack_signal = SITE_SIGNALS + RACK_SIGNALS * v.rack.shape[0]
    k.tally[:] = 0
    for step in range(ticks):
        tick = v.clock[TICK]
        signal = v.signal
        jobs_step(v, k, tick)
        for i in range(first_rack_signal, end_rack_signal):
            signal[i] = 0.0
        for r in range(v.rack.shape[0]):
            lane = v.rack[r].first_lane
            end = lane + v.rack[r].lane_count
            while lane < end:
                n = end - lane if end - lane < TILE_LANES else TILE_LANES
                lanes_step(v, r, lane, n, tick, signal)
                lane += n
        bus_step(v, k, tick, signal)
        at = k.tally[BUCKETS]
        fill = record_tick(
            signals, signal, v.meter, v.meter_carry, v.bucket_low, v.bucket_high, v.bucket_total,
            v.clock[BUCKET_FILL], v.record[0].envelope_tick, k.keep.shape[0], k.keep, k.full[step],
            k.envelope[at],
        )  # fmt: skip
        v.clock[BUCKET_FILL] = fill
        if fill == 0:
            k.tally[BUCKETS] = at + 1
        v.clock[TICK] = tick + 1
    k.tally[ROWS] = ticks
