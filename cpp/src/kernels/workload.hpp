// SPDX-License-Identifier: Apache-2.0
// Stage `workload`. Specification and sources: prototype/workload.py.
#pragma once

#include "philox.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline void job_step(const JobParams& p, JobState& s, Index seed, Index tick) {
    const double middle = static_cast<double>(tick) + 0.5;
    const double rise = clamp((middle - p.start_tick) * p.start_ramp_per_tick, 0.0, 1.0);
    const double fall = clamp((p.stop_tick - middle) * p.stop_ramp_per_tick, 0.0, 1.0);
    s.envelope = rise < fall ? rise : fall;
    s.renew = 0;
    while (static_cast<double>(tick - s.begin_tick) + 0.5 - s.begin_fraction >= s.length_tick) {
        const double begin = s.begin_fraction + s.length_tick;
        const double whole = WK_FLOOR(begin);
        s.begin_tick += static_cast<Index>(whole);
        s.begin_fraction = begin - whole;
        if (s.checkpoint == 0 && s.iteration >= 0) ++s.since_checkpoint;
        if (p.checkpoint_every > 0 && s.checkpoint == 0 &&
            s.since_checkpoint >= p.checkpoint_every) {
            s.checkpoint = 1;
            s.since_checkpoint = 0;
            s.length_tick = p.checkpoint_tick;
        } else {
            s.checkpoint = 0;
            ++s.iteration;
            s.length_tick = p.period_tick;
            if (p.period_jitter > 0.0) {
                s.length_tick = p.period_tick *
                                (1.0 + p.period_jitter * philox_bell(seed, p.stream, s.iteration));
            }
            s.renew = 1;
        }
    }
    s.elapsed_tick = static_cast<double>(tick - s.begin_tick) + 0.5 - s.begin_fraction;
    s.compute_end_tick = s.length_tick * p.compute_fraction_core;
    if (s.checkpoint == 1) {
        const double into = clamp(s.elapsed_tick * p.edge_per_tick, 0.0, 1.0);
        const double out =
            clamp((s.elapsed_tick - s.length_tick) * p.edge_per_tick + 1.0, 0.0, 1.0);
        s.base_pu = p.communication_pu + (p.checkpoint_pu - p.communication_pu) * (into - out);
        s.swing_pu = 0.0;
    } else {
        s.base_pu = p.communication_pu;
        s.swing_pu = p.compute_pu - p.communication_pu;
    }
}

static inline void workload_offset(Index n, const JobParams& p, const JobState& s, Index seed,
                                   const Index* WK_RESTRICT lane_id,
                                   double* WK_RESTRICT offset_tick) {
    const double straggler_tick = p.straggler_tick;
    const double rack_jitter_tick = p.rack_jitter_tick;
    const Index stream = p.stream;
    const Index iteration = s.iteration;
    for (Index i = 0; i < n; ++i) {
        const double own = philox_first(seed, stream, lane_id[i], 0);
        const double draw = philox_first(seed, stream, lane_id[i], iteration + 1);
        offset_tick[i] = straggler_tick * own + rack_jitter_tick * draw;
    }
}

static inline void workload_demand(Index n, const JobParams& p, const JobState& s, double rated_w,
                                   double idle_w, const double* WK_RESTRICT offset_tick,
                                   double* WK_RESTRICT demand_w) {
    const double idle = idle_w * (1.0 - s.envelope);
    const double base = s.envelope * (s.base_pu * rated_w);
    const double swing = s.envelope * (s.swing_pu * rated_w);
    const double per_tick = p.edge_per_tick;
    const double rise_at = s.elapsed_tick;
    const double fall_at = s.elapsed_tick - s.compute_end_tick;
    for (Index i = 0; i < n; ++i) {
        const double rise = clamp((rise_at - offset_tick[i]) * per_tick, 0.0, 1.0);
        const double fall = clamp((fall_at - offset_tick[i]) * per_tick, 0.0, 1.0);
        demand_w[i] = idle + (base + swing * (rise - fall));
    }
}

static inline TracePlace trace_mean(double start, const double* WK_RESTRICT time,
                                    const double* WK_RESTRICT value, Index rows, Index columns,
                                    double length, Index linear, Index repeat, Index cursor,
                                    Index turn, double* WK_RESTRICT level) {
    for (Index c = 0; c < columns; ++c) level[c] = 0.0;
    double a = start - static_cast<double>(turn) * length;
    double b = a + 1.0;
    while (cursor < rows) {
        const bool last = cursor + 1 == rows;
        const double end = last ? length : time[cursor + 1];
        const double high = b < end ? b : end;
        const double width = high - a;
        if (width > 0.0) {
            const double* here = value + cursor * columns;
            if (linear == 1 && !last) {
                const double share = (0.5 * (a + high) - time[cursor]) / (end - time[cursor]);
                for (Index c = 0; c < columns; ++c) {
                    level[c] += width * (here[c] + (here[columns + c] - here[c]) * share);
                }
            } else {
                for (Index c = 0; c < columns; ++c) level[c] += width * here[c];
            }
        }
        if (b < end) break;
        a = a > end ? a : end;
        ++cursor;
        if (cursor == rows && repeat == 1) {
            cursor = 0;
            ++turn;
            a -= length;
            b -= length;
        }
    }
    return {cursor, turn};
}

static inline void trace_demand(Index n, const JobState& s, Index columns, double scale,
                                double idle_w, const Index* WK_RESTRICT lane_id,
                                const double* WK_RESTRICT level, double* WK_RESTRICT demand_w) {
    const double idle = idle_w * (1.0 - s.envelope);
    const double gain = scale * s.envelope;
    if (columns == 1) {  // every rack replays the one column: no remainder to take
        for (Index i = 0; i < n; ++i) demand_w[i] = idle + level[0] * gain;
        return;
    }
    for (Index i = 0; i < n; ++i) demand_w[i] = idle + level[lane_id[i] % columns] * gain;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
