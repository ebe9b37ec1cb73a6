// SPDX-License-Identifier: Apache-2.0
// All stages of one site in their fixed order, tick by tick. Specification: prototype/site.py.
#pragma once

#include "bus.hpp"
#include "gpu.hpp"
#include "rack.hpp"
#include "record.hpp"
#include "workload.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

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
