// SPDX-License-Identifier: Apache-2.0
// Stage `gpu`: power smoothing by the NVML names. Specification and sources: prototype/gpu.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline void gpu_power(Index n, const GpuParams& p, double gpus, double magic, double cap_w,
                             double secondary_floor_w, const double* WK_RESTRICT demand_w,
                             double* WK_RESTRICT gpu_power_w, double* WK_RESTRICT below_floor_tick,
                             double* WK_RESTRICT overshoot_w, double* WK_RESTRICT rack_demand_w,
                             double* WK_RESTRICT rack_power_w, double* WK_RESTRICT rack_floor_w,
                             double* WK_RESTRICT rack_deficit_w,
                             double* WK_RESTRICT rack_overshoot_w) {
    const double floor_w = p.floor_w;
    const double hysteresis_tick = p.hysteresis_tick;
    const double up = p.ramp_up_w_per_tick;
    const double down = p.ramp_down_w_per_tick;
    const double edp_decay = p.edp_decay;
    const double edp_mean = p.edp_mean;
    const double edp_gain = p.edp_gain;
    const double edp_max_w = p.edp_max_w;
    for (Index i = 0; i < n; ++i) {
        const double demand = demand_w[i];
        const double wanted = demand < cap_w ? demand : cap_w;
        const double before = gpu_power_w[i];
        const double below = demand >= floor_w ? 0.0 : below_floor_tick[i] + 1.0;
        double floor = below <= hysteresis_tick ? floor_w : secondary_floor_w;
        floor = floor < cap_w ? floor : cap_w;
        const double target = wanted > floor ? wanted : floor;
        const double highest = before + up;
        const double lowest = before - down;
        double power = target < highest ? target : highest;
        power = power > lowest ? power : lowest;
        power = power < cap_w ? power : cap_w;
        double rise = power - before;
        rise = rise > 0.0 ? rise : 0.0;
        double start = overshoot_w[i] + edp_gain * rise;
        start = start < edp_max_w ? start : edp_max_w;
        const double peak = start * edp_mean;
        const double burnt = power - demand;
        const double shortage = demand - power;
        gpu_power_w[i] = power;
        below_floor_tick[i] = below;
        overshoot_w[i] = snap(start * edp_decay, magic);
        rack_demand_w[i] = snap(gpus * demand, magic);
        rack_power_w[i] = snap(gpus * (power + peak), magic);
        rack_floor_w[i] = snap(gpus * (burnt > 0.0 ? burnt : 0.0), magic);
        rack_deficit_w[i] = snap(gpus * (shortage > 0.0 ? shortage : 0.0), magic);
        rack_overshoot_w[i] = snap(gpus * peak, magic);
    }
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
