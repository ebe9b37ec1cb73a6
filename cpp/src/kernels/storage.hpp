// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: converter, battery, supercapacitor. Specification and sources:
// prototype/storage.py.
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

static inline CellFlow battery_step(const BatteryParams& p, BatteryState& s,
                                    const double* WK_RESTRICT table, double power_w) {
    const double place = clamp(s.soc, 0.0, 1.0) * p.ocv_intervals;
    Index index = static_cast<Index>(place);
    const Index end = static_cast<Index>(p.ocv_intervals);
    index = index < end ? index : end - 1;
    const double low = table[p.ocv_first + index];
    const double high = table[p.ocv_first + index + 1];
    const double ocv = p.series * (low + (high - low) * (place - static_cast<double>(index)));

    double most = p.current_max_a;
    double least = p.current_min_a;
    double room = (s.soc - p.soc_min) * p.current_per_soc_a;
    most = most < room ? most : room;
    room = (s.soc - p.soc_max) * p.current_per_soc_a;
    least = least > room ? least : room;
    if (p.per_ohm > 0.0) {
        room = (ocv - p.voltage_min_v) * p.per_ohm;
        most = most < room ? most : room;
        room = (ocv - p.voltage_max_v) * p.per_ohm;
        least = least > room ? least : room;
    } else {  // without resistance the terminal has the open-circuit voltage
        most = ocv > p.voltage_min_v ? most : 0.0;
        least = ocv < p.voltage_max_v ? least : 0.0;
    }
    const auto [current, limited] =
        current_for_power(power_w, ocv, p.resistance_ohm, p.per_ohm, least, most);
    const double voltage = ocv - p.resistance_ohm * current;
    s.current_a = current;
    s.voltage_v = voltage;
    const double change = s.soc_carry - current * p.charge_per_tick;
    const double total = s.soc + change;
    s.soc_carry = change - (total - s.soc);
    s.soc = total;
    const double heat = (p.resistance_ohm * current) * current;
    return {limited == 1 ? voltage * current : power_w, ocv * current, heat, limited};
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
