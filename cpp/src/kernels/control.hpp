// SPDX-License-Identifier: Apache-2.0
// Stage `control`. Specification and sources: prototype/control.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline double measured_load(const ControlParams& p, const ControlState& s, double* ring,
                                   Index tick, double load_w) {
    const Index places = p.delay_tick + 1;
    double* delay = ring + p.delay_first;
    if (s.started == 0) {
        for (Index j = 0; j < places; ++j) delay[j] = load_w;
    }
    if (places == 1) return delay[0] = load_w;
    delay[tick % places] = load_w;
    return delay[(tick + 1) % places];
}

static inline double moving_average(const ControlParams& p, ControlState& s, double* ring,
                                    double load_w) {
    double* place = ring + p.average_first + s.average_head;
    double change = load_w;
    if (s.average_fill < p.average_count) {
        ++s.average_fill;
    } else {
        change = load_w - *place;
    }
    *place = load_w;
    s.average_head = s.average_head + 1 < p.average_count ? s.average_head + 1 : 0;
    two_sum(change, s.average_sum_w, s.average_carry_w);
    return s.average_sum_w / static_cast<double>(s.average_fill);
}

static inline Commands control_step(const ControlParams& p, ControlState& s, double* ring,
                                    double load_w, double slow_soc, double fast_soc) {
    double wanted = load_w;
    if (p.average_count > 0) wanted = moving_average(p, s, ring, load_w);
    const double error = p.soc_target - slow_soc;
    double beyond = 0.0;
    if (error > p.soc_deadband) beyond = error - p.soc_deadband;
    if (error < -p.soc_deadband) beyond = error + p.soc_deadband;
    const double recovery = clamp(p.soc_gain_w * beyond, -p.soc_power_max_w, p.soc_power_max_w);
    if (p.target == control_target_fixed) {
        s.target_w = p.target_power_w + recovery;
    } else if (s.started == 0 || s.average_fill < p.average_count) {
        s.target_w = wanted + recovery;  // no ramp limit before there is a full average to follow
    } else {
        const double change = wanted + recovery - s.target_w;
        s.target_w = s.target_w + clamp(change, -p.ramp_down_w_per_period, p.ramp_up_w_per_period);
    }
    s.started = 1;
    if (p.target == control_target_off) {
        s.target_w = load_w;
        return {0.0, 0.0};
    }
    const double difference = load_w - s.target_w;
    double fast = 0.0;
    if (p.fast_limit_w > 0.0) {
        s.low_w = p.split_decay * s.low_w + (1.0 - p.split_decay) * difference;
        s.shaped_w = p.shape_decay * s.shaped_w + (1.0 - p.shape_decay) * (difference - s.low_w);
        const double refill = p.fast_soc_gain_w * (p.fast_soc_target - fast_soc);
        fast = clamp(s.shaped_w - refill, -p.fast_limit_w, p.fast_limit_w);
    }
    return {clamp(difference - fast, -p.slow_limit_w, p.slow_limit_w), fast};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
