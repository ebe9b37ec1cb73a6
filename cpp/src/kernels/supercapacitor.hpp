// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: capacitance, resistance, leakage. Specification and sources:
// prototype/supercapacitor.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

struct SourceCurrent {
    double current_a;
    Index limited;
};

static inline SourceCurrent current_for_power(double power_w, double emf_v, double resistance_ohm,
                                              double per_ohm, double least, double most) {
    if (per_ohm > 0.0) {
        const double nose = 0.5 * emf_v * per_ohm;
        most = most < nose ? most : nose;
    }
    most = most > 0.0 ? most : 0.0;
    least = least < 0.0 ? least : 0.0;
    const double inner = emf_v * emf_v - 4.0 * resistance_ohm * power_w;
    if (inner < 0.0) return {most, 1};
    const double current = 2.0 * power_w / (emf_v + WK_SQRT(inner));
    if (current > most) return {most, 1};
    if (current < least) return {least, 1};
    return {current, 0};
}

static inline CellFlow supercapacitor_step(const SupercapacitorParams& p, SupercapacitorState& s,
                                           double dt_s, double power_w) {
    const double voltage = WK_SQRT(s.energy_j * p.two_per_farad);
    const double leak = s.energy_j * p.leakage_per_s;
    SourceCurrent solved{0.0, power_w != 0.0 ? Index{1} : Index{0}};
    if (voltage > p.voltage_least_v) {
        const double per_tick = 1.0 / (voltage * dt_s);
        const double most = (s.energy_j - leak * dt_s - p.energy_min_j) * per_tick;
        double least = (s.energy_j - leak * dt_s - p.energy_max_j) * per_tick;
        if (p.per_ohm > 0.0) {  // the terminals may not exceed the limit either
            const double room = (voltage - p.voltage_max_v) * p.per_ohm;
            least = least > room ? least : room;
        }
        solved = current_for_power(power_w, voltage, p.resistance_ohm, p.per_ohm, least, most);
    }
    const auto [current, limited] = solved;
    s.current_a = current;
    s.voltage_v = voltage - p.resistance_ohm * current;
    const double heat = (p.resistance_ohm * current) * current + leak;
    const double field = voltage * current + leak;
    const double energy = s.energy_j - field * dt_s;
    s.energy_j = energy > 0.0 ? energy : 0.0;
    return {limited == 1 ? s.voltage_v * current : power_w, field, heat, limited};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
