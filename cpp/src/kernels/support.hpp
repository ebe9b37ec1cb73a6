// SPDX-License-Identifier: Apache-2.0
// Grid support of a storage unit. Specification: prototype/support.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

// 1.5 * 2^52 quanta of 2^-54 (deviations of frequency up to 0.125 pu) and 2^-50 (rates and
// voltages up to 2).
inline constexpr double support_frequency_magic = 0.375;
inline constexpr double support_other_magic = 6.0;

// What of x lies beyond a dead band of both signs.
WK_INLINE double past(double x, double band) {
    if (x > band) return x - band;
    return x < -band ? x + band : 0.0;
}

struct ResponseShare {
    double share;
    Index change;
};

static inline ResponseShare fast_response(const SupportParams& p, SupportState& s) {
    if (s.response_tick == 0) {
        if (p.response_sign * (p.response_pu - s.frequency_pu) <= 0.0) {
            s.waited_tick = 0;
            return {0.0, 0};
        }
        if (s.waited_tick < p.delay_tick) {
            ++s.waited_tick;
            return {0.0, 0};
        }
        s.waited_tick = 0;
    }
    const Index at = s.response_tick;
    s.response_tick = at + 1 < p.rest_tick ? at + 1 : 0;
    if (at < p.sustain_tick) return {1.0, at == 0 ? 1 : 0};
    const Index over = at - p.sustain_tick;
    if (over < p.release_tick) {
        return {1.0 - (static_cast<double>(over) + 0.5) * p.per_release, 0};
    }
    return {0.0, over == p.release_tick ? -1 : 0};
}

static inline SupportFlow support_step(const SupportParams& p, SupportState& s, double frequency_hz,
                                       double phase_jump_rad, double voltage_pu) {
    const double f = (frequency_hz - p.nominal_hz) * p.per_nominal_hz;
    const double jump = phase_jump_rad * p.jump_pu;
    const double away = (s.frequency_pu + jump) - f;
    const double rate = s.rate_per_s + jump * p.per_rate_s;
    const double deviation = f + away * p.hold;
    const double mean_rate = rate * p.rate_hold - away * p.rate_mean;
    s.frequency_pu = snap(f + away * p.decay, support_frequency_magic);
    s.rate_per_s = snap(rate * p.rate_decay - away * p.rate_gain, support_other_magic);
    double power = 0.0 - p.droop_w * past(deviation, p.deadband_pu) - p.inertia_w_s * mean_rate;
    Index change = 0;
    if (p.response_w != 0.0) {
        const ResponseShare response = fast_response(p, s);
        change = response.change;
        power += response.share * p.response_w;
    }
    double var = 0.0;
    if (p.voltage_var > 0.0) {
        if (s.started == 0) s.voltage_pu = voltage_pu;
        const double lower = s.voltage_pu - voltage_pu;
        const double mean = voltage_pu + lower * p.voltage_hold;
        s.voltage_pu = snap(voltage_pu + lower * p.voltage_decay, support_other_magic);
        var = clamp(0.0 - p.voltage_var * past(mean - p.middle_pu, p.voltage_band_pu), -p.limit_var,
                    p.limit_var);
    }
    s.started = 1;
    return {clamp(power, -p.down_w, p.up_w), var, change};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
