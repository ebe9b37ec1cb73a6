"""`site`: all stages of one site in their fixed order, tick by tick.

This is the whole engine as readable Python. Order of a tick: events, workload, gpu, rack, distribution,
cooling, generation, control, storage, grid, record. Power goes up this order. What comes down against it
is one tick old: the SoC that the control sees, commands and caps from outside.
"""

from __future__ import annotations

from wattkeel._generated.dtypes import CELL_ROWS
from wattkeel.prototype._jit import kernel
from wattkeel.prototype.battery import POWER, battery_step, hottest
from wattkeel.prototype.control import control_step, measured_load
from wattkeel.prototype.converter import (
    converter_ac,
    converter_asked,
    converter_dc,
    converter_response,
    converter_settle,
)
from wattkeel.prototype.cooling import cooling_step
from wattkeel.prototype.distribution import distribution_step
from wattkeel.prototype.gpu import gpu_power
from wattkeel.prototype.grid import grid_events, grid_step
from wattkeel.prototype.numeric import lane_sum, snapped_sum
from wattkeel.prototype.rack import rack_load, rack_psu, rack_store
from wattkeel.prototype.record import record_tick
from wattkeel.prototype.supercapacitor import supercapacitor_step
from wattkeel.prototype.workload import (
    job_step,
    trace_demand,
    trace_mean,
    workload_demand,
    workload_offset,
)

TILE_LANES = 256

# Columns of the signal vector; python/wattkeel/signals.py gives them their names, in this order.
SITE_SIGNALS = 12
RACK_SIGNALS = 11
NODE_SIGNALS = 2
GENERATION_SIGNALS = 1
STORAGE_SIGNALS = 12

# Event kinds; python/wattkeel/events.py gives them their texts.
NODE_OVERLOAD = 1
STORAGE_LIMITED = 2
VOLTAGE_COLLAPSE = 3
GRID_EVENT = 4
JOB_START = 5
JOB_STOP = 6
CELLS_OUTSIDE = 7

# Rows of the lane matrix, as generated from the spec tables.
OFFSET_TICK, GPU_POWER_W, BELOW_FLOOR_TICK, OVERSHOOT_W, STORE_AVERAGE_W, STORE_ENERGY_J = range(6)
# Entries of `clock`.
TICK, BUCKET_FILL = range(2)
# Entries of `tally` in a chunk.
ROWS, BUCKETS, EVENTS, EVENTS_LOST = range(4)


@kernel
def log_event(k, tick, kind, place, phase, value, limit):
    """Append one event to the chunk; when its table is full, only count."""
    at = k.tally[EVENTS]
    if at >= k.event_index.shape[0]:
        k.tally[EVENTS_LOST] += 1
        return
    k.event_index[at, 0] = tick
    k.event_index[at, 1] = kind
    k.event_index[at, 2] = place
    k.event_index[at, 3] = phase
    k.event_value[at, 0] = value
    k.event_value[at, 1] = limit
    k.tally[EVENTS] = at + 1


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
def facility_step(v, k, tick, signal):
    """Distribution and cooling; returns (IT power, load of the site bus)."""
    nodes = v.node.shape[0]
    direct_w = 0.0
    it_w = 0.0
    for i in range(nodes):
        v.node_load[i] = 0.0
    for r in range(v.rack.shape[0]):
        power = signal[SITE_SIGNALS + RACK_SIGNALS * r + 10]
        it_w += power
        if v.rack[r].node_index >= 0:
            v.node_load[v.rack[r].node_index] += power
        else:
            direct_w += power
    bus_w = direct_w + distribution_step(
        nodes, v.node, v.node_state, v.node_load, v.node_input, v.node_loss, v.node_changed
    )
    at = SITE_SIGNALS + RACK_SIGNALS * v.rack.shape[0]
    for i in range(nodes):
        signal[at + 2 * i] = v.node_input[i]
        signal[at + 2 * i + 1] = v.node_loss[i]
        if v.node_changed[i] != 0:
            phase = 1 if v.node_changed[i] > 0 else 0
            log_event(k, tick, NODE_OVERLOAD, i, phase, v.node_load[i], v.node[i].rated_w)
    cooling_w = cooling_step(v.cooling[0], v.cooling_state[0], it_w)
    signal[11] = cooling_w
    return it_w, bus_w + cooling_w


@kernel
def generation_step(v, tick, signal, at):
    """Power of all generation, W."""
    total_w = 0.0
    for g in range(v.generation.shape[0]):
        p = v.generation[g]
        s = v.generation_state[g]
        level = v.generation_level
        level[0] = 0.0
        if s.trace_cursor < p.trace_rows:
            time = v.trace_time[p.trace_first : p.trace_first + p.trace_rows]
            value = v.trace_value[p.trace_value_first :]
            s.trace_cursor, s.trace_pass = trace_mean(
                tick + p.trace_offset_tick, time, value, p.trace_rows, 1, p.trace_length_tick,
                p.trace_linear, p.trace_repeat_core, s.trace_cursor, s.trace_pass, level,
            )  # fmt: skip
        power = level[0] * p.scale
        power = power if power > 0.0 else 0.0
        signal[at + g] = power
        total_w += power
    return total_w


@kernel
def role_soc(v, at, fast):
    """SoC of all slow or fast units, weighted by their share; that of the tick before."""
    soc = 0.0
    for u in range(v.converter.shape[0]):
        if v.converter[u].fast == fast:
            soc += v.converter[u].share * v.unit_soc[u]
    return soc


@kernel
def limit_k(p, temperature_k):
    """End of the resistance tables that a temperature lies beyond."""
    return p.table_least_k if temperature_k < p.table_least_k else p.table_most_k


@kernel
def storage_step(v, k, tick, signal, at):
    """All storage units; returns (active W, reactive var) delivered to the site bus."""
    total_w = 0.0
    total_var = 0.0
    grid = v.grid_state[0]
    voltage_pu = grid.voltage_pu if grid.started == 1 else 1.0
    for u in range(v.converter.shape[0]):
        p = v.converter[u]
        s = v.converter_state[u]
        wanted = converter_response(p, s, v.converter_ring, voltage_pu)
        dc_w = converter_dc(p, v.converter_table, wanted, s.reactive_power_var)
        if p.kind == 0:
            battery = v.battery[u]
            state = v.battery_state[u]
            end = battery.first + CELL_ROWS * battery.groups
            cell = v.cell[battery.first : end].reshape((CELL_ROWS, battery.groups))
            got, inner, heat, stored, current, voltage, soc, limited = battery_step(
                battery, state, v.container[u], POWER, cell, v.table, dc_w
            )
            warmth = hottest(battery.groups, cell)
            auxiliary = state.auxiliary_w
            if state.outside != state.outside_was:
                log_event(k, tick, CELLS_OUTSIDE, u, state.outside, warmth, limit_k(battery, warmth))
                state.outside_was = state.outside
        else:
            pool = v.supercapacitor_state[u]
            got, inner, heat, limited = supercapacitor_step(v.supercapacitor[u], pool, v.site[0].tick_s, dc_w)
            current = pool.current_a
            voltage = pool.voltage_v
            soc = (pool.energy_j - v.supercapacitor[u].energy_empty_j) * v.supercapacitor[u].soc_per_j
            stored = 0.0
            warmth = 0.0
            auxiliary = 0.0
        power = converter_ac(p, v.converter_table, got, s.reactive_power_var) if limited == 1 else wanted
        limited |= s.curbed & 1
        if limited != s.limited:
            log_event(k, tick, STORAGE_LIMITED, u, limited, power, s.asked_w)
        s.limited = limited
        v.unit_soc[u] = soc
        total_w += power - auxiliary
        total_var += converter_settle(p, s, power)
        b = at + STORAGE_SIGNALS * u
        signal[b] = converter_asked(p, s)
        signal[b + 1] = power
        signal[b + 2] = got - power
        signal[b + 3] = heat
        signal[b + 4] = inner
        signal[b + 5] = soc
        signal[b + 6] = voltage
        signal[b + 7] = current
        signal[b + 8] = s.asked_w - power if limited == 1 else 0.0
        signal[b + 9] = stored
        signal[b + 10] = warmth
        signal[b + 11] = auxiliary
    return total_w, total_var


@kernel
def bus_step(v, k, tick, signal):
    """All that is behind the racks: facility, generation, control, storage, grid."""
    grid = v.grid[0]
    state = v.grid_state[0]
    if tick >= state.next_change_tick:
        grid_events(grid, state, v.grid_event, tick)
        for j in range(grid.events):
            if v.grid_event[j].start_tick == tick:
                log_event(
                    k, tick, GRID_EVENT, j, 1, v.grid_event[j].voltage_pu, v.grid_event[j].frequency_offset_hz
                )
            if v.grid_event[j].stop_tick == tick:
                log_event(
                    k, tick, GRID_EVENT, j, 0, v.grid_event[j].voltage_pu, v.grid_event[j].frequency_offset_hz
                )
    it_w, load_w = facility_step(v, k, tick, signal)
    at = SITE_SIGNALS + RACK_SIGNALS * v.rack.shape[0] + NODE_SIGNALS * v.node.shape[0]
    generation_w = generation_step(v, tick, signal, at)
    at += GENERATION_SIGNALS * v.generation.shape[0]
    control = v.control[0]
    cs = v.control_state[0]
    measured = measured_load(control, cs, v.ring, tick, load_w - generation_w)
    if tick % control.period_tick == 0:
        slow, fast = control_step(control, cs, v.ring, measured, role_soc(v, at, 0), role_soc(v, at, 1))
        for u in range(v.converter.shape[0]):
            part = fast if v.converter[u].fast == 1 else slow
            v.converter_state[u].command_w = v.converter[u].share * part
    storage_w, storage_var = storage_step(v, k, tick, signal, at)
    bus_w = load_w - generation_w - storage_w
    load_var = grid.reactive_per_watt * load_w - storage_var
    power, reactive, loss, unserved, rocof, change = grid_step(grid, state, v.site[0].tick_s, bus_w, load_var)
    if change != 0:
        phase = 1 if change > 0 else 0
        log_event(
            k, tick, VOLTAGE_COLLAPSE, 0, phase, (power + unserved) * grid.per_base, power * grid.per_base
        )
    signal[0] = power
    signal[1] = reactive
    signal[2] = state.voltage_pu
    signal[3] = state.frequency_hz
    signal[4] = rocof
    signal[5] = loss
    signal[6] = unserved if unserved > 0.0 else 0.0
    signal[7] = -unserved if unserved < 0.0 else 0.0
    signal[8] = load_w
    signal[9] = it_w
    signal[10] = cs.target_w


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
