// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: cells as an equivalent circuit. Specification and sources:
// prototype/battery.py.
#pragma once

#include "source.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

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

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
