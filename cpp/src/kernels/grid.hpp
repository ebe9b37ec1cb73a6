// SPDX-License-Identifier: Apache-2.0
// Stage `grid`: events, Thevenin voltage, frequency. Specification and sources: prototype/grid.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index never = Index{1} << 62;
// 1.5 * 2^52 quanta of 2^-54 (deviations up to 0.125 pu) and 2^-50 (up to 2 pu): far below any
// effect.
inline constexpr double frequency_magic = 0.375;
inline constexpr double mechanical_magic = 6.0;

static inline void grid_events(const GridParams& p, GridState& s, const GridEvent* event,
                               Index tick) {
    double voltage = 1.0;
    double frequency = 0.0;
    Index change = never;
    for (Index j = 0; j < p.events; ++j) {
        const Index start = event[j].start_tick;
        const Index stop = event[j].stop_tick;
        if (tick < start) {
            change = start < change ? start : change;
        } else if (tick < stop) {
            change = stop < change ? stop : change;
            voltage *= event[j].voltage_pu;
            frequency += event[j].frequency_offset_hz;
        }
    }
    s.event_voltage_pu = voltage;
    s.event_frequency_hz = frequency;
    s.next_change_tick = change;
}

static inline PoiVoltage thevenin_voltage(const GridParams& p, double source_pu, double power_pu,
                                          double reactive_pu) {
    const double source = source_pu * source_pu;
    const double along = p.resistance_pu * power_pu + p.reactance_pu * reactive_pu;
    const double size = p.impedance_squared * (power_pu * power_pu + reactive_pu * reactive_pu);
    const double half = 0.5 * source - along;
    const double inner = half * half - size;
    if (source <= 0.0) return {0.0, 0.0};
    if (inner >= 0.0 && half >= 0.0) return {WK_SQRT(half + WK_SQRT(inner)), 1.0};
    const double share = source / (2.0 * (along + WK_SQRT(size)));
    const double rest = 0.5 * source - share * along;
    return {WK_SQRT(rest > 0.0 ? rest : 0.0), share};
}

static inline void frequency_step(const GridParams& p, GridState& s, double power_w) {
    const double load = (power_w - s.reference_w) * p.per_system;
    const double w = s.frequency_pu;
    const double m = s.mechanical_pu;
    s.frequency_pu = snap(p.swing_ff * w + p.swing_fm * m + p.swing_fp * load, frequency_magic);
    s.mechanical_pu = snap(p.swing_mf * w + p.swing_mm * m + p.swing_mp * load, mechanical_magic);
}

static inline double carried_power(const GridParams& p, double power_w) {
    const double over = power_w - p.transformer_loss_0_w;
    const double inner = 1.0 + 4.0 * p.transformer_loss_2_per_w * over;
    return 2.0 * over / (1.0 + WK_SQRT(inner > 0.0 ? inner : 0.0));
}

static inline PoiFlow grid_step(const GridParams& p, GridState& s, double dt_s, double bus_w,
                                double load_var) {
    const double power =
        bus_w + (p.transformer_loss_0_w + p.transformer_loss_2_per_w * (bus_w * bus_w));
    const PoiVoltage poi = thevenin_voltage(p, p.source_voltage_pu * s.event_voltage_pu,
                                            power * p.per_base, load_var * p.per_base);
    const Index collapsed = poi.share < 1.0 ? 1 : 0;
    const Index change = collapsed - s.collapsed;
    s.collapsed = collapsed;
    const double served = poi.share * power;
    double carried = bus_w;
    if (poi.share < 1.0) carried = poi.share > 0.0 ? carried_power(p, served) : 0.0;
    s.voltage_pu = poi.voltage_pu;
    if (s.started == 0) {
        s.started = 1;
        s.reference_w = p.reference_core_w != p.reference_core_w ? served : p.reference_core_w;
    }
    double rocof = 0.0;
    if (p.frequency_model == grid_frequency_model_swing) {
        const double before = s.frequency_pu;
        frequency_step(p, s, served);
        rocof = (s.frequency_pu - before) * p.nominal_frequency_hz / dt_s;
    }
    s.frequency_hz = p.nominal_frequency_hz * (1.0 + s.frequency_pu) + s.event_frequency_hz;
    return {served, poi.share * load_var, served - carried, bus_w - carried, rocof, change};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
