// SPDX-License-Identifier: Apache-2.0
// Stage `grid`: from the source to the site bus. Specification and sources: prototype/network.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr int newton_steps = 60;
inline constexpr double least_stiffness = 1e-12;
inline constexpr double blocked_below_pu = 0.7;

static inline double largest_root(double c4, double c3, double c2, double c1, double c0) {
    double bound = 0.0;
    const double rest[4] = {c3, c2, c1, c0};
    for (const double c : rest) {
        const double size = (c > 0.0 ? c : -c) / c4;
        bound = size > bound ? size : bound;
    }
    double x = 1.0 + bound;
    for (int i = 0; i < newton_steps; ++i) {
        const double value = (((c4 * x + c3) * x + c2) * x + c1) * x + c0;
        const double slope = ((4.0 * c4 * x + 3.0 * c3) * x + 2.0 * c2) * x + c1;
        if (slope <= 0.0) return 0.0;
        const double lower = x - value / slope;
        if (lower <= 0.0) return 0.0;
        if (lower >= x) return x;
        x = lower;
    }
    return x;
}

static inline BusVoltage bus_voltage(double source_pu, double resistance_pu, double reactance_pu,
                                     double p0, double p1, double p2, double q0, double q1,
                                     double q2, double before_pu) {
    const double source = source_pu * source_pu;
    if (source <= 0.0) return {0.0, 0.0, p0, q0, 0.0, 0.0};
    const double z2 = resistance_pu * resistance_pu + reactance_pu * reactance_pu;
    double c4 = 1.0 + 2.0 * (resistance_pu * p2 + reactance_pu * q2) + z2 * (p2 * p2 + q2 * q2);
    c4 = c4 > least_stiffness ? c4 : least_stiffness;
    double c2 = 2.0 * (resistance_pu * p0 + reactance_pu * q0) - source;
    c2 += z2 * (p1 * p1 + q1 * q1 + 2.0 * (p0 * p2 + q0 * q2));
    const double c0 = z2 * (p0 * p0 + q0 * q0);
    double voltage = 0.0;
    if (p1 == 0.0 && q1 == 0.0) {
        const double half = -0.5 * c2;
        const double inner = half * half - c4 * c0;
        if (inner >= 0.0 && half >= 0.0) voltage = WK_SQRT((half + WK_SQRT(inner)) / c4);
    } else {
        const double c3 =
            2.0 * (resistance_pu * p1 + reactance_pu * q1) + 2.0 * z2 * (p1 * p2 + q1 * q2);
        voltage = largest_root(c4, c3, c2, 2.0 * z2 * (p0 * p1 + q0 * q1), c0);
    }
    const double taken = voltage > 0.0 ? voltage : before_pu;
    const double power = p0 + (p1 + p2 * taken) * taken;
    const double var = q0 + (q1 + q2 * taken) * taken;
    const double along = resistance_pu * power + reactance_pu * var;
    const double size = WK_SQRT(z2 * (power * power + var * var));
    const double loading = 2.0 * (along + size) / source;
    double share = 1.0;
    if (voltage <= 0.0) {
        share = loading > 1.0 ? 1.0 / loading : 1.0;
        const double half = 0.5 * source - share * along;
        const double inner = half * half - share * share * size * size;
        const double square = half + WK_SQRT(inner > 0.0 ? inner : 0.0);
        voltage = WK_SQRT(square > 0.0 ? square : 0.0);
    }
    return {voltage, share, power, var, taken, loading};
}

static inline NetworkSource network_source(const GridParams& p, const GridState& s, double ratio) {
    const double square = ratio * ratio;
    const double way_r = p.cable_resistance_pu * square + p.transformer_resistance_pu;
    const double way_x = p.cable_reactance_pu * square + p.transformer_reactance_pu;
    return {p.source_voltage_pu * s.event_voltage_pu * s.playback_voltage_pu * ratio,
            p.resistance_pu * s.event_impedance * square + way_r,
            p.reactance_pu * s.event_impedance * square + way_x, way_r, way_x};
}

static inline NetworkLoad network_load(const GridParams& p, double capacitor_pu, double bus_w,
                                       double load_w, double load_var, double given_var) {
    const double p1 = p.load_current_share * load_w;
    const double p2 = p.load_impedance_share * load_w;
    const double q1 = p.reactive_current_share * load_var;
    const double q2 = p.reactive_impedance_share * load_var;
    return {(bus_w - p1 - p2) * p.per_base,
            p1 * p.per_base,
            p2 * p.per_base,
            (load_var - q1 - q2 - given_var) * p.per_base,
            q1 * p.per_base,
            q2 * p.per_base - capacitor_pu};
}

static inline double load_response(const GridParams& p, double load_w, double voltage_pu) {
    const double change = voltage_pu - 1.0;
    const double square = voltage_pu * voltage_pu - 1.0;
    return p.load_current_share * load_w * change + p.load_impedance_share * load_w * square;
}

static inline Index tap_step(const TapChangerParams& p, TapChangerState& s, double voltage_pu) {
    const double over = voltage_pu - p.target_pu;
    const double outside = over > 0.0 ? over : -over;
    if (p.present == 0 || voltage_pu < blocked_below_pu) return 0;
    if (outside <= p.deadband_pu) {
        s.waited_tick = 0;
        s.wait_tick = p.delay_tick;
        return 0;
    }
    s.waited_tick += 1;
    const Index change = over > 0.0 ? -1 : 1;
    const Index position = s.position + change;
    if (s.waited_tick < s.wait_tick || position < p.lowest || position > p.highest) return 0;
    s.waited_tick = 0;
    s.wait_tick = p.interval_tick;
    s.position = position;
    s.ratio = 1.0 + static_cast<double>(position) * p.step_pu;
    return change;
}

static inline Index capacitor_step(const CapacitorBankParams& p, CapacitorBankState& s,
                                   double voltage_pu) {
    Index change = 0;
    if (voltage_pu < p.in_below_pu && s.in_use < p.steps) {
        change = 1;
    } else if (voltage_pu > p.out_above_pu && s.in_use > 0) {
        change = -1;
    }
    if (change == 0 || p.present == 0 || voltage_pu < blocked_below_pu) {
        s.waited_tick = 0;
        return 0;
    }
    s.waited_tick += 1;
    if (s.waited_tick < p.delay_tick) return 0;
    s.waited_tick = 0;
    s.in_use += change;
    return change;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
