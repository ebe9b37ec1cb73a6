// SPDX-License-Identifier: Apache-2.0
// All stages of one site in their fixed order, tick by tick. Specification: prototype/site.py.
#pragma once

#include "battery.hpp"
#include "control.hpp"
#include "converter.hpp"
#include "cooling.hpp"
#include "distribution.hpp"
#include "gpu.hpp"
#include "grid.hpp"
#include "rack.hpp"
#include "record.hpp"
#include "supercapacitor.hpp"
#include "wattkeel/site.hpp"
#include "workload.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index tick_place = 0;
inline constexpr Index bucket_fill_place = 1;
enum TallyPlace : Index { tally_rows, tally_buckets, tally_events, tally_events_lost };

static inline void log_event(const ChunkView& k, Index tick, Index kind, Index place, Index phase,
                             double value, double limit) {
    const Index at = k.tally[tally_events];
    if (at >= k.event_value.size / 2) {
        ++k.tally[tally_events_lost];
        return;
    }
    Index* index = k.event_index.data + 4 * at;
    index[0] = tick;
    index[1] = kind;
    index[2] = place;
    index[3] = phase;
    k.event_value[2 * at] = value;
    k.event_value[2 * at + 1] = limit;
    k.tally[tally_events] = at + 1;
}

static inline void jobs_step(const SiteView& v, const ChunkView& k, Index tick) {
    for (Index j = 0; j < v.job.size; ++j) {
        const JobParams& p = v.job[j];
        JobState& s = v.job_state[j];
        const double before = s.envelope;
        job_step(p, s, v.site[0].seed, tick);
        if (p.kind == job_kind_trace) {
            const double start = static_cast<double>(tick) - p.start_tick + p.trace_offset_tick;
            if (static_cast<double>(tick) >= p.start_tick && s.trace_cursor < p.trace_rows) {
                const TracePlace place = trace_mean(
                    start, v.trace_time.data + p.trace_first,
                    v.trace_value.data + p.trace_value_first, p.trace_rows, p.trace_columns_count,
                    p.trace_length_tick, p.trace_linear, p.trace_repeat_core, s.trace_cursor,
                    s.trace_pass, v.level.data + p.trace_level_first);
                s.trace_cursor = place.cursor;
                s.trace_pass = place.turn;
            } else if (s.trace_cursor >= p.trace_rows) {
                s.envelope = 0.0;
            }
        }
        if (before == 0.0 && s.envelope > 0.0) {
            log_event(k, tick, event_job_start, j, 1, s.envelope, 0.0);
        }
        if (before > 0.0 && s.envelope == 0.0) {
            log_event(k, tick, event_job_stop, j, 1, s.envelope, 0.0);
        }
    }
}

// Workload, gpu and rack of one tile; adds to the population's signals in `sum`.
static inline void lanes_step(const SiteView& v, const Tile& tile, Index tick, double* x,
                              double* sum) {
    const Index n = tile.lanes;
    const RackParams& p = v.rack[tile.rack];
    const GpuParams& gpu = v.gpu[tile.rack];
    const JobParams& job = v.job[p.job_index];
    const JobState& s = v.job_state[p.job_index];
    const double magic = v.site[0].power_round_w;
    const Index stride = v.lane.size / lane_rows;
    double* lane = v.lane.data + tile.first;
    double* demand = x;
    double* load = x + tile_lanes;
    double* inlet = x + 2 * tile_lanes;
    double* rack_demand = x + 3 * tile_lanes;
    double* gpu_w = x + 4 * tile_lanes;
    double* floor_w = x + 5 * tile_lanes;
    double* deficit_w = x + 6 * tile_lanes;
    double* over_w = x + 7 * tile_lanes;
    double* ahead_w = x + 8 * tile_lanes;
    double* psu_w = x + 9 * tile_lanes;
    double* store_w = x + 10 * tile_lanes;
    double* lost_w = x + 11 * tile_lanes;
    const Index* lane_id = v.lane_id.data + tile.first;
    if (job.kind == job_kind_trace) {
        trace_demand(n, s, job.trace_columns_count, p.trace_scale, gpu.idle_power_w, lane_id,
                     v.level.data + job.trace_level_first, demand);
    } else {
        double* offset = lane + lane_offset_tick * stride;
        if (s.renew == 1) workload_offset(n, job, s, v.site[0].seed, lane_id, offset);
        workload_demand(n, job, s, gpu.rated_power_w, gpu.idle_power_w, offset, demand);
    }
    const double secondary_w = s.envelope > 0.0 ? gpu.secondary_floor_w : 0.0;
    gpu_power(n, gpu, p.gpus, magic, v.gpu_state[tile.rack].cap_w, secondary_w, demand,
              lane + lane_gpu_power_w * stride, lane + lane_below_floor_tick * stride,
              lane + lane_overshoot_w * stride, rack_demand, gpu_w, floor_w, deficit_w, over_w);
    rack_load(n, p, magic, gpu_w, ahead_w, load);
    double* at = sum + rack_signals * tile.rack;
    if (p.store_energy_j > 0.0) {
        double* energy = lane + lane_store_energy_j * stride;
        rack_store(n, p, magic, v.site[0].tick_s, tick == 0 ? 1 : 0, load,
                   lane + lane_store_average_w * stride, energy, store_w, lost_w, demand);
        rack_psu(n, p, magic, demand, psu_w, inlet);
        at[7] += lane_sum(n, store_w);
        at[8] += lane_sum(n, lost_w);
        at[9] += snapped_sum(n, energy, v.site[0].energy_round_j);
    } else {
        rack_psu(n, p, magic, load, psu_w, inlet);
    }
    at[0] += lane_sum(n, rack_demand);
    at[1] += lane_sum(n, gpu_w);
    at[2] += lane_sum(n, floor_w);
    at[3] += lane_sum(n, deficit_w);
    at[4] += lane_sum(n, over_w);
    at[5] += lane_sum(n, ahead_w);
    at[6] += lane_sum(n, psu_w);
    at[10] += lane_sum(n, inlet);
}

struct FacilityLoad {
    double it_w;
    double load_w;
};

static inline FacilityLoad facility_step(const SiteView& v, const ChunkView& k, Index tick,
                                         double* signal) {
    double direct_w = 0.0;
    double it_w = 0.0;
    for (Index i = 0; i < v.node.size; ++i) v.node_load[i] = 0.0;
    for (Index r = 0; r < v.rack.size; ++r) {
        const double power = signal[site_signals + rack_signals * r + 10];
        it_w += power;
        if (v.rack[r].node_index >= 0) {
            v.node_load[v.rack[r].node_index] += power;
        } else {
            direct_w += power;
        }
    }
    const double bus_w =
        direct_w + distribution_step(v.node.size, v.node.data, v.node_state.data, v.node_load.data,
                                     v.node_input.data, v.node_loss.data, v.node_changed.data);
    double* out = signal + site_signals + rack_signals * v.rack.size;
    for (Index i = 0; i < v.node.size; ++i) {
        out[2 * i] = v.node_input[i];
        out[2 * i + 1] = v.node_loss[i];
        if (v.node_changed[i] != 0) {
            log_event(k, tick, event_node_overload, i, v.node_changed[i] > 0 ? 1 : 0,
                      v.node_load[i], v.node[i].rated_w);
        }
    }
    const double cooling_w = cooling_step(v.cooling[0], v.cooling_state[0], it_w);
    signal[11] = cooling_w;
    return {it_w, bus_w + cooling_w};
}

static inline double generation_step(const SiteView& v, Index tick, double* out) {
    double total_w = 0.0;
    for (Index g = 0; g < v.generation.size; ++g) {
        const GenerationParams& p = v.generation[g];
        GenerationState& s = v.generation_state[g];
        double* level = v.generation_level.data;
        level[0] = 0.0;
        if (s.trace_cursor < p.trace_rows) {
            const TracePlace place = trace_mean(
                static_cast<double>(tick) + p.trace_offset_tick, v.trace_time.data + p.trace_first,
                v.trace_value.data + p.trace_value_first, p.trace_rows, 1, p.trace_length_tick,
                p.trace_linear, p.trace_repeat_core, s.trace_cursor, s.trace_pass, level);
            s.trace_cursor = place.cursor;
            s.trace_pass = place.turn;
        }
        double power = level[0] * p.scale;
        power = power > 0.0 ? power : 0.0;
        out[g] = power;
        total_w += power;
    }
    return total_w;
}

static inline double role_soc(const SiteView& v, Index fast) {
    double soc = 0.0;
    for (Index u = 0; u < v.converter.size; ++u) {
        if (v.converter[u].fast == fast) soc += v.converter[u].share * v.unit_soc[u];
    }
    return soc;
}

struct StorageFlow {
    double power_w;
    double reactive_var;
};

// What the store of a unit did, its hottest temperature and its auxiliaries.
struct StoreFlow {
    BatteryFlow flow;
    double temperature_k;
    double auxiliary_w;
};

static inline StoreFlow cells_step(const SiteView& v, const ChunkView& k, Index tick, Index u,
                                   double dc_w) {
    const BatteryParams& p = v.battery[u];
    BatteryState& s = v.battery_state[u];
    const CellRows cell{v.cell.data + p.first, p.groups};
    const BatteryFlow flow =
        battery_step(p, s, v.container[u], drive_power, cell, v.table.data, dc_w);
    const double warmth = hottest(p.groups, cell);
    if (s.outside != s.outside_was) {
        const double limit = warmth < p.table_least_k ? p.table_least_k : p.table_most_k;
        log_event(k, tick, event_cells_outside, u, s.outside, warmth, limit);
        s.outside_was = s.outside;
    }
    return {flow, warmth, s.auxiliary_w};
}

static inline StorageFlow storage_step(const SiteView& v, const ChunkView& k, Index tick,
                                       double* out) {
    double total_w = 0.0;
    double total_var = 0.0;
    const GridState& grid = v.grid_state[0];
    const double voltage_pu = grid.started == 1 ? grid.voltage_pu : 1.0;
    for (Index u = 0; u < v.converter.size; ++u, out += storage_signals) {
        const ConverterParams& p = v.converter[u];
        ConverterState& s = v.converter_state[u];
        const double wanted = converter_response(p, s, v.converter_ring.data, voltage_pu);
        const double dc_w = converter_dc(p, v.converter_table.data, wanted, s.reactive_power_var);
        StoreFlow store;
        if (p.kind == storage_kind_battery) {
            store = cells_step(v, k, tick, u, dc_w);
        } else {
            const SupercapacitorParams& c = v.supercapacitor[u];
            SupercapacitorState& b = v.supercapacitor_state[u];
            const CellFlow cell = supercapacitor_step(c, b, v.site[0].tick_s, dc_w);
            const double soc = (b.energy_j - c.energy_empty_j) * c.soc_per_j;
            store = {{cell.delivered_w, cell.inner_w, cell.heat_w, 0.0, b.current_a, b.voltage_v,
                      soc, cell.limited},
                     0.0,
                     0.0};
        }
        const BatteryFlow& cell = store.flow;
        const double power =
            cell.limited == 1
                ? converter_ac(p, v.converter_table.data, cell.delivered_w, s.reactive_power_var)
                : wanted;
        const Index limited = cell.limited | (s.curbed & 1);
        if (limited != s.limited) {
            log_event(k, tick, event_storage_limited, u, limited, power, s.asked_w);
        }
        s.limited = limited;
        v.unit_soc[u] = cell.soc;
        total_w += power - store.auxiliary_w;
        total_var += converter_settle(p, s, power);
        out[0] = converter_asked(p, s);
        out[1] = power;
        out[2] = cell.delivered_w - power;
        out[3] = cell.heat_w;
        out[4] = cell.inner_w;
        out[5] = cell.soc;
        out[6] = cell.voltage_v;
        out[7] = cell.current_a;
        out[8] = limited == 1 ? s.asked_w - power : 0.0;
        out[9] = cell.stored_w;
        out[10] = store.temperature_k;
        out[11] = store.auxiliary_w;
    }
    return {total_w, total_var};
}

static inline void events_step(const SiteView& v, const ChunkView& k, Index tick) {
    const GridParams& grid = v.grid[0];
    grid_events(grid, v.grid_state[0], v.grid_event.data, tick);
    for (Index j = 0; j < grid.events; ++j) {
        const GridEvent& e = v.grid_event[j];
        if (e.start_tick == tick) {
            log_event(k, tick, event_grid_event, j, 1, e.voltage_pu, e.frequency_offset_hz);
        }
        if (e.stop_tick == tick) {
            log_event(k, tick, event_grid_event, j, 0, e.voltage_pu, e.frequency_offset_hz);
        }
    }
}

static inline void bus_step(const SiteView& v, const ChunkView& k, Index tick) {
    const GridParams& grid = v.grid[0];
    GridState& state = v.grid_state[0];
    double* signal = v.signal.data;
    if (tick >= state.next_change_tick) events_step(v, k, tick);
    const FacilityLoad facility = facility_step(v, k, tick, signal);
    double* out = signal + site_signals + rack_signals * v.rack.size + node_signals * v.node.size;
    const double generation_w = generation_step(v, tick, out);
    out += generation_signals * v.generation.size;
    const ControlParams& control = v.control[0];
    ControlState& cs = v.control_state[0];
    const double measured =
        measured_load(control, cs, v.ring.data, tick, facility.load_w - generation_w);
    if (control.period_tick == 1 || tick % control.period_tick == 0) {
        const Commands commands =
            control_step(control, cs, v.ring.data, measured, role_soc(v, 0), role_soc(v, 1));
        for (Index u = 0; u < v.converter.size; ++u) {
            const double part = v.converter[u].fast == 1 ? commands.fast_w : commands.slow_w;
            v.converter_state[u].command_w = v.converter[u].share * part;
        }
    }
    const StorageFlow storage = storage_step(v, k, tick, out);
    const double bus_w = facility.load_w - generation_w - storage.power_w;
    const double load_var = grid.reactive_per_watt * facility.load_w - storage.reactive_var;
    const PoiFlow poi = grid_step(grid, state, v.site[0].tick_s, bus_w, load_var);
    if (poi.change != 0) {
        log_event(k, tick, event_voltage_collapse, 0, poi.change > 0 ? 1 : 0,
                  (poi.power_w + poi.unserved_w) * grid.per_base, poi.power_w * grid.per_base);
    }
    signal[0] = poi.power_w;
    signal[1] = poi.reactive_var;
    signal[2] = state.voltage_pu;
    signal[3] = state.frequency_hz;
    signal[4] = poi.rocof_hz_per_s;
    signal[5] = poi.loss_w;
    signal[6] = poi.unserved_w > 0.0 ? poi.unserved_w : 0.0;
    signal[7] = poi.unserved_w < 0.0 ? -poi.unserved_w : 0.0;
    signal[8] = facility.load_w;
    signal[9] = facility.it_w;
    signal[10] = cs.target_w;
}

struct LaneWork {
    const SiteView* view;
    const Team* team;
    Index tick;
};

static void lane_work(void* context, int index) {
    const LaneWork& work = *static_cast<const LaneWork*>(context);
    const Member& member = work.team->member[index];
    const Index sums = work.view->rack.size * rack_signals;
    for (Index i = 0; i < sums; ++i) member.sum[i] = 0.0;
    for (Index t = 0; t < member.tiles; ++t) {
        lanes_step(*work.view, member.tile[t], work.tick, member.scratch, member.sum);
    }
}

static void advance(const SiteView& v, const ChunkView& k, Index ticks, const Team& team) {
    const Index signals = v.signal.size;
    const Index sums = v.rack.size * rack_signals;
    const int threads = team.threads;
    for (Index i = 0; i < k.tally.size; ++i) k.tally[i] = 0;
    LaneWork work{&v, &team, 0};
    for (Index step = 0; step < ticks; ++step) {
        const Index tick = v.clock[tick_place];
        work.tick = tick;
        jobs_step(v, k, tick);
        if (threads == 1) {
            lane_work(&work, 0);
        } else {
            team.run(team.crew, lane_work, &work);
        }
        double* total = v.signal.data + site_signals;
        for (Index i = 0; i < sums; ++i) total[i] = team.member[0].sum[i];
        for (int m = 1; m < threads; ++m) {
            for (Index i = 0; i < sums; ++i) total[i] += team.member[m].sum[i];
        }
        bus_step(v, k, tick);
        const Index fill = record_tick(signals, v.signal.data, v.meter.data, v.meter_carry.data,
                                       v.bucket_low.data, v.bucket_high.data, v.bucket_total.data,
                                       v.clock[bucket_fill_place], v.record[0].envelope_tick,
                                       k.keep.size, k.keep.data, k.full.data + step * k.keep.size,
                                       k.envelope.data + k.tally[tally_buckets] * 3 * signals);
        v.clock[bucket_fill_place] = fill;
        if (fill == 0) ++k.tally[tally_buckets];
        v.clock[tick_place] = tick + 1;
    }
    k.tally[tally_rows] = ticks;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
