// SPDX-License-Identifier: Apache-2.0
// Flickermeter: from a voltage to P_inst and its classes. Specification: prototype/flicker.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

// The same numbers stand in prototype/flicker.py.
inline constexpr Index flicker_sections = 5;
inline constexpr Index flicker_class_bits = 8;
inline constexpr Index flicker_least_octave = -24;
inline constexpr Index flicker_octaves = 48;
inline constexpr Index flicker_classes = 1 + (flicker_octaves << flicker_class_bits);
inline constexpr double least_p_inst = 1.0 / 16777216.0;
inline constexpr double most_p_inst = 16777216.0;
inline constexpr Index flicker_tidy_every = 256;
inline constexpr double flicker_tiny = 1e-60;

static inline Index flicker_class(double p_inst) {
    if (!(p_inst >= least_p_inst)) return 0;
    if (!(p_inst < most_p_inst)) return flicker_classes - 1;
    // Exponent and leading bits of the fraction, one after the other, count the classes.
    const std::uint64_t bits =
        __builtin_bit_cast(std::uint64_t, p_inst) >> (52 - flicker_class_bits);
    return static_cast<Index>(bits) - ((1023 + flicker_least_octave) << flicker_class_bits) + 1;
}

static inline void flicker_tidy(FlickerState& s) {
    for (double& m : s.memory) m = m > flicker_tiny || m < -flicker_tiny ? m : 0.0;
    s.high = s.high > flicker_tiny || s.high < -flicker_tiny ? s.high : 0.0;
    s.smooth = s.smooth > flicker_tiny ? s.smooth : 0.0;
    s.mean_square = s.mean_square > flicker_tiny ? s.mean_square : 0.0;
}

static inline double flicker_step(const FlickerParams& p, FlickerState& s, double voltage) {
    const double square = voltage * voltage;
    s.samples += 1;
    double share = 1.0 / static_cast<double>(s.samples);
    share = share > p.mean_share ? share : p.mean_share;
    s.mean_square += share * (square - s.mean_square);
    const double level = s.mean_square > 0.0 ? square / s.mean_square : 1.0;
    s.high = p.high_pole * s.high + p.high_gain * (level - s.last);
    s.last = level;
    double x = s.high;
    WK_UNROLL
    for (Index i = 0; i < flicker_sections; ++i) {
        const double* c = p.section + 5 * i;
        double* m = s.memory + 2 * i;
        const double y = c[0] * x + m[0];
        m[0] = (c[1] * x - c[3] * y) + m[1];
        m[1] = c[2] * x - c[4] * y;
        x = y;
    }
    s.smooth += p.smooth_share * (x * x - s.smooth);
    if (s.samples % flicker_tidy_every == 0) flicker_tidy(s);
    return p.scale * s.smooth;
}

static void flicker_run(Index n, const FlickerParams& p, FlickerState& s,
                        Index* WK_RESTRICT classes, Index counted, Index every,
                        const double* WK_RESTRICT voltage, double* WK_RESTRICT series) {
    const FlickerParams held = p;  // copies that nothing else can point to stay in registers
    FlickerState state = s;
    Index place = 0;
    for (Index i = 0; i < n; ++i) {
        const double p_inst = flicker_step(held, state, voltage[i]);
        if (counted != 0) {
            classes[flicker_class(p_inst)] += 1;
            state.p_inst_max = p_inst > state.p_inst_max ? p_inst : state.p_inst_max;
        }
        if (every > 0) {
            state.phase += 1;
            if (state.phase == every) {
                state.phase = 0;
                series[place] = p_inst;
                ++place;
            }
        }
    }
    s = state;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
