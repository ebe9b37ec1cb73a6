// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: the power conversion system (PCS). Specification and sources:
// prototype/converter.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline double converter_asked(const ConverterParams& p, const ConverterState& s) {
    const double command = s.override_w != s.override_w ? s.command_w : s.override_w;
    return clamp(command, -p.limit_w, p.limit_w);
}

static inline double converter_reactive(const ConverterParams& p, const ConverterState& s,
                                        double power_w) {
    if (s.reactive_var == 0.0) return 0.0;
    const double room = p.limit_va * p.limit_va - power_w * power_w;
    const double limit = room > 0.0 ? WK_SQRT(room) : 0.0;
    return clamp(s.reactive_var, -limit, limit);
}

static inline double converter_response(const ConverterParams& p, const ConverterState& s) {
    const double wanted = converter_asked(p, s);
    const double power = snap(wanted + (s.power_w - wanted) * p.decay, p.power_round_w);
    return s.power_w + clamp(power - s.power_w, -p.ramp_w_per_tick, p.ramp_w_per_tick);
}

static inline double converter_dc(const ConverterParams& p, double ac_w) {
    const double size = ac_w > 0.0 ? ac_w : -ac_w;
    return ac_w + (p.loss_0_w + size * (p.loss_1 + p.loss_2_per_w * size));
}

static inline double converter_ac(const ConverterParams& p, double dc_w) {
    const double over = dc_w - p.loss_0_w;
    if (over >= 0.0) {
        const double b = 1.0 + p.loss_1;
        return 2.0 * over / (b + WK_SQRT(b * b + 4.0 * p.loss_2_per_w * over));
    }
    const double b = 1.0 - p.loss_1;
    const double inner = b * b + 4.0 * p.loss_2_per_w * over;
    return 2.0 * over / (b + WK_SQRT(inner > 0.0 ? inner : 0.0));
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
