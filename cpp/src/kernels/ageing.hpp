// SPDX-License-Identifier: Apache-2.0
// Ageing: dwell times and cycles of a battery on grids. Specification: prototype/ageing.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

// The same numbers stand in prototype/ageing.py.
inline constexpr double least_k = 238.15;
inline constexpr Index soc_nodes = 129;
inline constexpr Index warm_nodes = 41;
inline constexpr double warm_step_k = 2.5;
inline constexpr Index depth_nodes = 21;
inline constexpr Index rate_nodes = 65;
inline constexpr double rate_root_step = 0.0375;
inline constexpr Index heat_nodes = 11;
inline constexpr double heat_step_k = 10.0;
inline constexpr Index mean_nodes = 97;
inline constexpr Index stack_rows = 64;
inline constexpr double per_piece_soc = 1.0 / 0.02;
inline constexpr double low_soc = 0.05;
inline constexpr double per_low_piece_soc = 1.0 / 0.005;
inline constexpr double per_piece_k = 1.0 / 2.0;
inline constexpr Index most_pieces = 64;
inline constexpr double short_piece = 0.125;
inline constexpr double gauss = 0.28867513459481287;

inline constexpr Index cycle_first = soc_nodes * warm_nodes;
inline constexpr Index swing_first = cycle_first + depth_nodes * rate_nodes * heat_nodes;
inline constexpr Index stack_first = swing_first + depth_nodes * mean_nodes;
inline constexpr Index log_columns = 7;

inline constexpr double most_k = least_k + warm_step_k * (warm_nodes - 1);
inline constexpr double most_rate =
    (rate_root_step * (rate_nodes - 1)) * (rate_root_step * (rate_nodes - 1));

struct CubicPlace {
    Index first;
    double weight[4];
};

WK_INLINE CubicPlace cubic_place(double place, Index nodes) {
    constexpr double sixth = 1.0 / 6.0;
    Index first = static_cast<Index>(place) - 1;
    first = first > 0 ? first : 0;
    first = first < nodes - 4 ? first : nodes - 4;
    const double t = place - static_cast<double>(first + 1);
    const double below = t - 1.0;
    const double above = t + 1.0;
    const double far = t - 2.0;
    const double inner = t * below;
    const double outer = above * far;
    return {first,
            {-sixth * (inner * far), 0.5 * (outer * below), -0.5 * (outer * t),
             sixth * (inner * above)}};
}

static inline void dwell_add(double* WK_RESTRICT counter, double soc, double temperature_k,
                             double elapsed_s) {
    constexpr double per_warm = 1.0 / warm_step_k;
    const CubicPlace z =
        cubic_place(WK_SQRT(clamp(soc, 0.0, 1.0)) * static_cast<double>(soc_nodes - 1), soc_nodes);
    CubicPlace k =
        cubic_place((clamp(temperature_k, least_k, most_k) - least_k) * per_warm, warm_nodes);
    for (double& weight : k.weight) weight = weight * elapsed_s;
    double* row = counter + z.first * warm_nodes + k.first;
    for (const double a : z.weight) {
        for (Index j = 0; j < 4; ++j) row[j] += a * k.weight[j];
        row += warm_nodes;
    }
}

static inline void half_cycle_add(const StressParams& p, StressState& s,
                                  double* WK_RESTRICT counter, double* WK_RESTRICT log,
                                  double begin_soc, double end_soc, double leg_s, double leg_ks) {
    constexpr double per_heat = 1.0 / heat_step_k;
    constexpr double per_rate_root = 1.0 / rate_root_step;
    const double depth = end_soc > begin_soc ? end_soc - begin_soc : begin_soc - end_soc;
    if (!(depth > 0.0)) return;
    const double c_rate = leg_s > 0.0 ? depth * s.soh_capacity * 3600.0 / leg_s : 0.0;
    const double warm = leg_s > 0.0 ? leg_ks / leg_s : s.temperature_k;
    const double mean = 0.5 * (begin_soc + end_soc);
    const double cycles = 0.5 * depth * s.soh_capacity;
    s.depth_min = depth < s.depth_min ? depth : s.depth_min;
    s.depth_max = depth > s.depth_max ? depth : s.depth_max;
    s.c_rate_max = c_rate > s.c_rate_max ? c_rate : s.c_rate_max;
    s.half_cycles += 1;
    s.counted_fec += cycles;
    const CubicPlace d = cubic_place(
        WK_SQRT(clamp(depth, 0.0, 1.0)) * static_cast<double>(depth_nodes - 1), depth_nodes);
    const CubicPlace r =
        cubic_place(WK_SQRT(clamp(c_rate, 0.0, most_rate)) * per_rate_root, rate_nodes);
    const CubicPlace k =
        cubic_place((clamp(warm, least_k, most_k) - least_k) * per_heat, heat_nodes);
    const CubicPlace m =
        cubic_place(clamp(mean, 0.0, 1.0) * static_cast<double>(mean_nodes - 1), mean_nodes);
    for (Index i = 0; i < 4; ++i) {
        const double a = d.weight[i] * cycles;
        double* swing = counter + swing_first + (d.first + i) * mean_nodes + m.first;
        for (Index j = 0; j < 4; ++j) swing[j] += a * m.weight[j];
        double* cycle =
            counter + cycle_first + ((d.first + i) * rate_nodes + r.first) * heat_nodes + k.first;
        for (const double weight : r.weight) {
            const double b = a * weight;
            for (Index j = 0; j < 4; ++j) cycle[j] += b * k.weight[j];
            cycle += heat_nodes;
        }
    }
    if (p.log_rows > 0) {
        if (s.log_used < p.log_rows) {
            double* row = log + s.log_used * log_columns;
            row[0] = s.elapsed_s;
            row[1] = begin_soc;
            row[2] = end_soc;
            row[3] = c_rate;
            row[4] = warm;
            row[5] = leg_s;
            row[6] = cycles;
        }
        s.log_used += 1;
    }
}

static inline void rainflow_oldest(const StressParams& p, StressState& s,
                                   double* WK_RESTRICT counter, double* WK_RESTRICT log) {
    double* point = counter + stack_first;
    half_cycle_add(p, s, counter, log, point[0], point[3], point[4], point[5]);
    const Index numbers = 3 * (s.stack_points - 1);
    for (Index i = 0; i < numbers; ++i) point[i] = point[3 + i];
    s.stack_points -= 1;
}

static inline void rainflow_push(const StressParams& p, StressState& s, double* WK_RESTRICT counter,
                                 double* WK_RESTRICT log, double soc, double leg_s, double leg_ks) {
    if (s.stack_points == stack_rows) {
        rainflow_oldest(p, s, counter, log);
        s.overflows += 1;
    }
    double* at = counter + stack_first + 3 * s.stack_points;
    at[0] = soc;
    at[1] = leg_s;
    at[2] = leg_ks;
    s.stack_points += 1;
    while (s.stack_points >= 3) {
        at = counter + stack_first + 3 * (s.stack_points - 1);
        double last = at[0] - at[-3];
        last = last > 0.0 ? last : -last;
        double inner = at[-3] - at[-6];
        inner = inner > 0.0 ? inner : -inner;
        if (last < inner) break;
        if (s.stack_points == 3) {
            rainflow_oldest(p, s, counter, log);
        } else {
            const double back = inner / last;
            const double top = at[-3];
            half_cycle_add(p, s, counter, log, at[-6], top, at[-2], at[-1]);
            const double back_s = back * at[1];
            const double back_ks = back * at[2];
            half_cycle_add(p, s, counter, log, top, at[-6], back_s, back_ks);
            at[-6] = at[0];
            at[-5] += at[1] - back_s;
            at[-4] += at[2] - back_ks;
            s.stack_points -= 2;
        }
    }
}

static inline void reversal(const StressParams& p, StressState& s, double* WK_RESTRICT counter,
                            double* WK_RESTRICT log) {
    if (p.method == stress_method_half_cycle) {
        half_cycle_add(p, s, counter, log, s.turn_soc, s.extreme_soc, s.leg_s, s.leg_ks);
    } else {
        rainflow_push(p, s, counter, log, s.extreme_soc, s.leg_s, s.leg_ks);
    }
    s.turn_soc = s.extreme_soc;
    s.leg_s = 0.0;
    s.leg_ks = 0.0;
}

static inline void stress_begin(const StressParams&, StressState& s, double* WK_RESTRICT counter,
                                double soc, double temperature_k) {
    s.soc = soc;
    s.temperature_k = temperature_k;
    s.direction = 0;
    s.turn_soc = soc;
    s.extreme_soc = soc;
    s.leg_s = 0.0;
    s.leg_ks = 0.0;
    s.tail_s = 0.0;
    s.tail_ks = 0.0;
    counter[stack_first] = soc;
    counter[stack_first + 1] = 0.0;
    counter[stack_first + 2] = 0.0;
    s.stack_points = 1;
}

static inline void stress_add(const StressParams& p, StressState& s, double* WK_RESTRICT counter,
                              double* WK_RESTRICT log, double soc, double temperature_k,
                              double elapsed_s) {
    const double warm = 0.5 * (s.temperature_k + temperature_k);
    const double move = soc - s.soc;
    const double size = soc > s.soc ? move : -move;
    const double rise = temperature_k - s.temperature_k;
    constexpr double most_wanted = static_cast<double>(most_pieces - 1);
    double wanted = size * (s.soc < low_soc || soc < low_soc ? per_low_piece_soc : per_piece_soc);
    const double other = rise > 0.0 ? rise * per_piece_k : -rise * per_piece_k;
    wanted = other > wanted ? other : wanted;
    const Index pieces = static_cast<Index>(wanted < most_wanted ? wanted : most_wanted) + 1;
    const Index points = wanted > short_piece ? 2 * pieces : 1;
    const double share = 1.0 / static_cast<double>(pieces);
    const double aside = points > 1 ? gauss * share : 0.0;
    const double part_s = elapsed_s / static_cast<double>(points);
    for (Index i = 0; i < points; ++i) {
        const double along =
            (static_cast<double>(i / 2) + 0.5) * share + (i % 2 == 1 ? aside : -aside);
        const double at = s.soc + along * move;
        const double at_k = s.temperature_k + along * rise;
        dwell_add(counter, at, at_k, part_s);
        const bool inside = at >= 0.0 && at <= 1.0 && at_k >= least_k && at_k <= most_k;
        s.outside_s += inside ? 0.0 : part_s;
    }
    two_sum(elapsed_s, s.elapsed_s, s.elapsed_carry_s);
    two_sum(0.5 * size * s.soh_capacity, s.throughput_fec, s.throughput_carry_fec);
    s.soc_min = soc < s.soc_min ? soc : s.soc_min;
    s.soc_max = soc > s.soc_max ? soc : s.soc_max;
    s.temperature_min_k = temperature_k < s.temperature_min_k ? temperature_k : s.temperature_min_k;
    s.temperature_max_k = temperature_k > s.temperature_max_k ? temperature_k : s.temperature_max_k;
    const bool moving = size * 3600.0 > p.rest_c_rate * elapsed_s;
    s.tail_s += moving ? elapsed_s : 0.0;
    s.tail_ks += moving ? warm * elapsed_s : 0.0;
    s.soc = soc;
    s.temperature_k = temperature_k;
    double ahead = soc - s.extreme_soc;
    ahead = s.direction >= 0 ? ahead : -ahead;
    if (s.direction == 0) {
        if (ahead > p.dead_band_soc || -ahead > p.dead_band_soc) {
            s.direction = ahead > 0.0 ? 1 : -1;
            ahead = 1.0;
        } else {
            ahead = 0.0;
        }
    } else if (-ahead > p.dead_band_soc) {
        reversal(p, s, counter, log);
        s.direction = -s.direction;
        ahead = 1.0;
    }
    if (ahead > 0.0) {
        s.extreme_soc = soc;
        s.leg_s += s.tail_s;
        s.leg_ks += s.tail_ks;
        s.tail_s = 0.0;
        s.tail_ks = 0.0;
    }
}

static inline void stress_close(const StressParams& p, StressState& s, double* WK_RESTRICT counter,
                                double* WK_RESTRICT log) {
    if (s.direction != 0) reversal(p, s, counter, log);
    while (s.stack_points > 1) rainflow_oldest(p, s, counter, log);
    stress_begin(p, s, counter, s.soc, s.temperature_k);
}

static void stress_run(Index n, const StressParams& p, StressState& s, double* WK_RESTRICT counter,
                       double* WK_RESTRICT log, const double* WK_RESTRICT soc,
                       const double* WK_RESTRICT temperature_k,
                       const double* WK_RESTRICT elapsed_s) {
    for (Index i = 0; i < n; ++i) {
        stress_add(p, s, counter, log, soc[i], temperature_k[i], elapsed_s[i]);
    }
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
