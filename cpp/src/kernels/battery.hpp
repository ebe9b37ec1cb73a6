// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: cells as an equivalent circuit. Specification and sources:
// prototype/battery.py. Rows of the cell matrix lie `stride` apart.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

constexpr Index drive_power = 0;
constexpr Index drive_current = 1;
constexpr Index drive_voltage = 2;
constexpr double tiny_state = 1e-100;
constexpr double sudden_turn = 1e18;
constexpr double least_ohm = 1e-30;

static inline double climate_w(BatteryState& s, const ContainerParams& c, double free,
                               double held) {
    const double wanted = c.set_temperature_k * held - free;
    if (s.hvac == 0) {
        const double warm = free / held;
        s.hvac = warm > c.set_temperature_k + c.band_k ? 1 : 0;
        s.hvac = warm < c.set_temperature_k - c.band_k ? -1 : s.hvac;
    }
    double given = 0.0;
    s.auxiliary_w = c.auxiliary_core_w;
    if (s.hvac == 1) {
        given = clamp(wanted, -c.cooling_core_w, 0.0);
        s.auxiliary_w = c.auxiliary_core_w - given / c.cop_cooling;
        s.hvac = wanted > -c.cooling_core_w ? 0 : 1;
    } else if (s.hvac == -1) {
        given = clamp(wanted, 0.0, c.heating_core_w);
        s.auxiliary_w = c.auxiliary_core_w + given / c.cop_heating;
        s.hvac = wanted < c.heating_core_w ? 0 : -1;
    }
    return given;
}

static inline double mean_heat(const BatteryParams& p, const CellRows cell, Index i) {
    const double ticks = static_cast<double>(p.refresh_tick);
    const double heat_w = cell.at(cell_heat_sum_w)[i] / ticks;
    return heat_w - cell.at(cell_current_sum_a)[i] / ticks * cell.at(cell_entropy_v)[i];
}

static inline void battery_warm(Index n, const BatteryParams& p, BatteryState& s,
                                const ContainerParams& c, const CellRows cell) {
    double* const temperature = cell.at(cell_temperature_k);
    const double* const strings = cell.at(cell_strings);
    const double share = p.heat_j_per_k * p.warm_k_per_w * p.refresh_per_s;
    if (p.contained == 1) {
        double free = c.air_w_per_k * s.air_k + c.wall_core_w_per_k * c.ambient_temperature_k;
        double held = c.air_w_per_k + c.wall_core_w_per_k;
        for (Index i = 0; i < n; ++i) {
            const double heat_w = mean_heat(p, cell, i);
            const double coupled = share * p.heat_w_per_k;
            free += strings[i] * (heat_w * (1.0 - share) + coupled * temperature[i]);
            held += strings[i] * coupled;
        }
        s.air_k = (free + climate_w(s, c, free, held)) / held;
    }
    for (Index i = 0; i < n; ++i) {
        const double heat_w = mean_heat(p, cell, i);
        const double before = temperature[i];
        const double rise = (heat_w - p.heat_w_per_k * (before - s.air_k)) * p.warm_k_per_w;
        temperature[i] = before + rise;
        cell.at(cell_heat_sum_w)[i] = 0.0;
        cell.at(cell_current_sum_a)[i] = 0.0;
    }
}

WK_INLINE double slow_value(const double* table, Index at, Index up, Index row, double soc_share,
                            double warm_share) {
    double here = table[at + row];
    here = here + (table[at + slow_rows + row] - here) * soc_share;
    double there = table[at + up + row];
    there = there + (table[at + up + slow_rows + row] - there) * soc_share;
    return here + (there - here) * warm_share;
}

static inline void battery_hold(Index n, const BatteryParams& p, BatteryState& s,
                                const CellRows cell, const double* table) {
    const Index intervals = static_cast<Index>(p.slow_intervals);
    const Index warm_intervals = static_cast<Index>(p.slow_warm_intervals);
    const Index up = (intervals + 1) * slow_rows;
    Index outside = 0;
    for (Index i = 0; i < n; ++i) {
        const double place = clamp(cell.at(cell_soc)[i], 0.0, 1.0) * p.slow_intervals;
        Index index = static_cast<Index>(place);
        index = index < intervals ? index : intervals - 1;
        const double kelvin = cell.at(cell_temperature_k)[i];
        const double warm =
            clamp((kelvin - p.slow_first_k) * p.slow_per_k, 0.0, p.slow_warm_intervals);
        Index row = static_cast<Index>(warm);
        row = row < warm_intervals ? row : warm_intervals - 1;
        const double x = place - static_cast<double>(index);
        const double y = warm - static_cast<double>(row);
        const Index at = p.slow_first + row * up + index * slow_rows;
        const double scale = p.series * cell.at(cell_resistance_scale)[i];
        const double discharge = scale * slow_value(table, at, up, slow_discharge_ohm, x, y);
        const double charge = scale * slow_value(table, at, up, slow_charge_ohm, x, y);
        cell.at(cell_discharge_ohm)[i] = p.ohmic_share * discharge;
        cell.at(cell_charge_ohm)[i] = p.ohmic_share * charge;
        cell.at(cell_discharge_root_0)[i] = WK_SQRT(p.transfer_share * discharge);
        cell.at(cell_charge_root_0)[i] = WK_SQRT(p.transfer_share * charge);
        for (Index k = 0; k < 3; ++k) {
            cell.at(cell_root_1 + k)[i] =
                WK_SQRT(scale * slow_value(table, at, up, slow_branch_1_ohm + k, x, y));
        }
        cell.at(cell_width)[i] = WK_SQRT(p.series * slow_value(table, at, up, slow_width_v, x, y));
        const double coefficient = p.series * slow_value(table, at, up, slow_entropy_v_per_k, x, y);
        cell.at(cell_shift_v)[i] = (kelvin - p.reference_k) * coefficient;
        cell.at(cell_entropy_v)[i] = kelvin * coefficient;
        const double rate_a = cell.at(cell_capacity_ah)[i];
        cell.at(cell_most_a)[i] =
            p.discharge_limit_c * slow_value(table, at, up, slow_discharge_share, x, y) * rate_a;
        cell.at(cell_least_a)[i] =
            -(p.charge_limit_c * slow_value(table, at, up, slow_charge_share, x, y) * rate_a);
        outside = kelvin < p.table_least_k || kelvin > p.table_most_k ? 1 : outside;
    }
    s.outside = outside;
}

// A string in means over a tick: a voltage behind a resistance, its parts, and its limits.
struct Source {
    double ocv, ocv_ohm, instant, root_0, loop, emf, ohm, high, low;
};

WK_INLINE Source source_at(const CellRows cell, Index i) {
    return {cell.at(cell_ocv_v)[i],      cell.at(cell_ocv_ohm)[i], cell.at(cell_instant_ohm)[i],
            cell.at(cell_root_0)[i],     cell.at(cell_loop_v)[i],  cell.at(cell_emf_v)[i],
            cell.at(cell_source_ohm)[i], cell.at(cell_high_a)[i],  cell.at(cell_low_a)[i]};
}

WK_INLINE void keep_source(const CellRows cell, Index i, const Source& x) {
    cell.at(cell_high_a)[i] = x.high;
    cell.at(cell_low_a)[i] = x.low;
    cell.at(cell_ocv_v)[i] = x.ocv;
    cell.at(cell_ocv_ohm)[i] = x.ocv_ohm;
    cell.at(cell_instant_ohm)[i] = x.instant;
    cell.at(cell_root_0)[i] = x.root_0;
    cell.at(cell_loop_v)[i] = x.loop;
    cell.at(cell_emf_v)[i] = x.emf;
    cell.at(cell_source_ohm)[i] = x.ohm;
}

struct Range {
    double high, low;
};

WK_INLINE Range current_range(const BatteryParams& p, const CellRows cell, Index i, double emf,
                              double ohm) {
    const double soc = cell.at(cell_soc)[i];
    double high = cell.at(cell_most_a)[i];
    double room = (soc - p.soc_min) * cell.at(cell_current_per_soc_a)[i];
    high = high < room ? high : room;
    double least = cell.at(cell_least_a)[i];
    room = (soc - p.soc_max) * cell.at(cell_current_per_soc_a)[i] * p.per_charge_share;
    least = least > room ? least : room;
    const double per_ohm = 1.0 / (ohm > least_ohm ? ohm : least_ohm);
    room = (emf - p.voltage_min_v) * per_ohm;
    high = high < room ? high : room;
    room = (emf - p.voltage_max_v) * per_ohm;
    least = least > room ? least : room;
    room = 0.5 * emf * per_ohm;
    high = high < room ? high : room;
    return {high > 0.0 ? high : 0.0, least < 0.0 ? least : 0.0};
}

template <Index mode>
WK_INLINE double mean_hysteresis(const BatteryParams& p, const CellRows cell, Index i, double asked,
                                 double ocv, double fallen, double ohm, double target) {
    const double hysteresis = cell.at(cell_hysteresis)[i];
    const double width = cell.at(cell_width)[i];
    const double rate = p.hysteresis_per_soc * cell.at(cell_charge_per_tick)[i];
    double against = 1.0;
    double expected = asked > 0.0 ? asked : -asked;
    if constexpr (mode == drive_power) {
        const double volts = ocv - ohm * asked * p.per_volt;
        against = volts > 0.5 * ocv ? volts : 0.5 * ocv;
    } else if constexpr (mode == drive_voltage) {
        double fall = ocv + width * hysteresis - fallen - asked;
        fall = fall > 0.0 ? fall : -fall;
        double turn = hysteresis - target;
        turn = width * (turn > 0.0 ? turn : -turn);
        const double linear = 2.0 * ohm + (turn - fall) * rate;
        const double root = WK_SQRT(linear * linear + 8.0 * ohm * rate * fall);
        const double under = linear > 0.0 ? linear + root : 2.0 * ohm * rate;
        const double over = linear > 0.0 ? 4.0 * fall : root - linear;
        expected = over / (under > least_ohm ? under : least_ohm);
    }
    double turned = rate * expected;
    turned = turned < sudden_turn ? turned : sudden_turn;
    return hysteresis + (target - hysteresis) * (turned / (turned + 2.0 * against));
}

template <Index mode>
WK_INLINE Source source_of(const BatteryParams& p, const CellRows cell, Index i, double asked,
                           const double* ocv_table, std::int32_t intervals) {
    const double soc = cell.at(cell_soc)[i];
    const double place = clamp(soc, 0.0, 1.0) * p.ocv_intervals;
    std::int32_t index = static_cast<std::int32_t>(place);
    index = index < intervals ? index : intervals - 1;
    const double low = ocv_table[index];
    const double step = ocv_table[index + 1] - low;
    const double ocv =
        p.series * (low + step * (place - static_cast<double>(index))) + cell.at(cell_shift_v)[i];

    const double per_tick = cell.at(cell_charge_per_tick)[i];
    const double discharge_ohm = cell.at(cell_discharge_ohm)[i];
    const double charge_ohm = cell.at(cell_charge_ohm)[i];
    const double discharge_root = cell.at(cell_discharge_root_0)[i];
    const double charge_root = cell.at(cell_charge_root_0)[i];
    const double hysteresis = cell.at(cell_hysteresis)[i];
    const double width = cell.at(cell_width)[i];
    const double rest = ocv + width * hysteresis;
    double settled = discharge_root * p.hold[0] * cell.at(cell_branch_0)[i];
    WK_UNROLL
    for (Index k = 0; k < 3; ++k) {
        settled += cell.at(cell_root_1 + k)[i] * p.hold[k + 1] * cell.at(cell_branch_1 + k)[i];
    }
    const bool discharges = mode == drive_voltage ? rest - settled > asked : asked >= 0.0;
    const double instant = discharges ? discharge_ohm : charge_ohm;
    const double root_0 = discharges ? discharge_root : charge_root;
    const double target = discharges ? -width : width;

    const double charged = discharges ? 1.0 : p.charge_share;
    const double ocv_ohm = p.mean_ocv * p.series * step * p.ocv_intervals * (charged * per_tick);
    double fallen = root_0 * p.hold[0] * cell.at(cell_branch_0)[i];
    double ohm = instant + ocv_ohm + root_0 * root_0 * (1.0 - p.hold[0]);
    WK_UNROLL
    for (Index k = 0; k < 3; ++k) {
        const double root = cell.at(cell_root_1 + k)[i];
        fallen += root * p.hold[k + 1] * cell.at(cell_branch_1 + k)[i];
        ohm += root * root * (1.0 - p.hold[k + 1]);
    }
    const double loop = width * mean_hysteresis<mode>(p, cell, i, asked, ocv, fallen, ohm, target);
    const double emf = ocv + loop - fallen;

    const Range range = current_range(p, cell, i, emf, ohm);
    return {ocv, ocv_ohm, instant, root_0, loop, emf, ohm, range.high, range.low};
}

template <Index mode>
WK_INLINE void battery_source_of(Index n, const BatteryParams& given, const CellRows cell,
                                 const double* table) {
    const BatteryParams p = given;  // a copy that no store to the cells can change
    const std::int32_t intervals = static_cast<std::int32_t>(p.ocv_intervals);
    const double* const ocv_table = table + p.ocv_first;
    WK_LANES
    for (Index i = 0; i < n; ++i) {
        keep_source(cell, i,
                    source_of<mode>(p, cell, i, cell.at(cell_asked)[i], ocv_table, intervals));
    }
}

WK_INLINE void battery_source(Index n, const BatteryParams& p, Index mode, const CellRows cell,
                              const double* table) {
    if (mode == drive_power) {
        battery_source_of<drive_power>(n, p, cell, table);
    } else if (mode == drive_current) {
        battery_source_of<drive_current>(n, p, cell, table);
    } else {
        battery_source_of<drive_voltage>(n, p, cell, table);
    }
}

template <Index mode> WK_INLINE double wanted_of(const Source& x, double asked) {
    if constexpr (mode == drive_power) {
        const double inner = x.emf * x.emf - 4.0 * x.ohm * asked;
        const double whole = x.emf + WK_SQRT(inner > 0.0 ? inner : 0.0);
        return x.emf > 0.0 ? 2.0 * asked / whole : 0.0;
    } else if constexpr (mode == drive_voltage) {
        return (x.emf - asked) / (x.ohm > least_ohm ? x.ohm : least_ohm);
    } else {
        return asked;
    }
}

template <Index mode>
WK_INLINE double meet_of(const CellRows cell, Index i, const Source& x, double asked) {
    const double wanted = wanted_of<mode>(x, asked);
    double current = wanted < x.high ? wanted : x.high;
    current = current > x.low ? current : x.low;
    cell.at(cell_current_a)[i] = current;
    double limited = current == wanted ? 0.0 : 1.0;
    if constexpr (mode == drive_power) {
        const double dead = asked == 0.0 ? 0.0 : 1.0;
        limited = x.emf > 0.0 ? limited : dead;
    }
    cell.at(cell_limited)[i] = limited;
    return current;
}

template <Index mode> WK_INLINE void battery_meet_of(Index n, const CellRows cell) {
    WK_LANES
    for (Index i = 0; i < n; ++i) {
        meet_of<mode>(cell, i, source_at(cell, i), cell.at(cell_asked)[i]);
    }
}

WK_INLINE void battery_meet(Index n, Index mode, const CellRows cell) {
    if (mode == drive_power) {
        battery_meet_of<drive_power>(n, cell);
    } else if (mode == drive_current) {
        battery_meet_of<drive_current>(n, cell);
    } else {
        battery_meet_of<drive_voltage>(n, cell);
    }
}

static inline Index battery_share(Index n, Index mode, const CellRows cell, double asked) {
    const double* const emf_v = cell.at(cell_emf_v);
    const double* const ohm = cell.at(cell_source_ohm);
    const double* const strings = cell.at(cell_strings);
    double siemens = 0.0;
    double weighted = 0.0;
    for (Index i = 0; i < n; ++i) {
        siemens += strings[i] / ohm[i];
        weighted += strings[i] / ohm[i] * emf_v[i];
    }
    const double emf = weighted / siemens;
    double least_v = 0.0;
    double most_v = WK_INFINITY;
    for (Index i = 0; i < n; ++i) {
        double bound = emf_v[i] - ohm[i] * cell.at(cell_high_a)[i];
        least_v = least_v > bound ? least_v : bound;
        bound = emf_v[i] - ohm[i] * cell.at(cell_low_a)[i];
        most_v = most_v < bound ? most_v : bound;
    }
    double high = siemens * (emf - least_v);
    const double nose = 0.5 * emf * siemens;
    high = high < nose ? high : nose;
    high = high > 0.0 ? high : 0.0;
    double low = siemens * (emf - most_v);
    low = low < 0.0 ? low : 0.0;
    double wanted = asked;
    if (mode == drive_power) {
        const double inner = emf * emf - 4.0 * asked / siemens;
        wanted = emf > 0.0 ? 2.0 * asked / (emf + WK_SQRT(inner > 0.0 ? inner : 0.0)) : 0.0;
    } else if (mode == drive_voltage) {
        wanted = siemens * (emf - asked);
    }
    double current = wanted < high ? wanted : high;
    current = current > low ? current : low;
    const bool met = current == wanted && (mode != drive_power || emf > 0.0 || asked == 0.0);
    const Index limited = met ? 0 : 1;
    const double voltage = emf - current / siemens;
    for (Index i = 0; i < n; ++i) {
        cell.at(cell_current_a)[i] = (emf_v[i] - voltage) / ohm[i];
        cell.at(cell_limited)[i] = static_cast<double>(limited);
    }
    return limited;
}

WK_INLINE void apply_of(const BatteryParams& p, const CellRows cell, Index i, const Source& x,
                        double current) {
    const double per_tick = cell.at(cell_charge_per_tick)[i];
    const double mean_ocv = x.ocv - x.ocv_ohm * current;
    const double voltage = x.emf - x.ohm * current;
    const double amount = current > 0.0 ? current : -current;
    double stored = 0.0;
    double heat = x.instant * current * current;
    double end = x.ocv - (x.ocv_ohm + x.ocv_ohm) * current;
    end = end - x.instant * current;
    WK_UNROLL
    for (Index k = 0; k < 4; ++k) {
        const double root = k == 0 ? x.root_0 : cell.at(cell_root_1 + (k > 0 ? k - 1 : 0))[i];
        const double before = cell.at(cell_branch_0 + k)[i];
        const double settled = root * current;
        double after = settled + (before - settled) * p.decay[k];
        after = after > tiny_state ? after : (after < -tiny_state ? after : 0.0);
        const double kept = p.half_tau_per_tick[k] * ((after - before) * (after + before));
        const double held = p.hold[k] * before + settled * (1.0 - p.hold[k]);
        heat += held * settled - kept;
        stored += kept;
        end -= root * after;
        cell.at(cell_branch_0 + k)[i] = after;
    }

    const double before = cell.at(cell_hysteresis)[i];
    const double width = cell.at(cell_width)[i];
    const double target = current < 0.0 ? width : -width;
    const double turned = p.hysteresis_per_soc * amount * per_tick;
    const double after = clamp(before + (target - before) * rise_of(turned), -width, width);
    const double kept =
        p.hysteresis_w * cell.at(cell_capacity_ah)[i] * ((after - before) * (after + before));
    heat += -(x.loop * current) - kept;
    stored += kept;
    end += width * after;
    cell.at(cell_hysteresis)[i] = after;

    const double charged = current < 0.0 ? p.charge_share : 1.0;
    const double soc = cell.at(cell_soc)[i];
    const double leak = soc * (p.leak_per_s * 3600.0 * cell.at(cell_capacity_ah)[i]);
    const double moved = charged * current + leak;
    heat += mean_ocv * (leak + (charged - 1.0) * current);
    const double change = cell.at(cell_soc_carry)[i] - moved * per_tick;
    const double total = soc + change;
    cell.at(cell_soc_carry)[i] = change - (total - soc);
    cell.at(cell_soc)[i] = total;
    cell.at(cell_heat_sum_w)[i] += heat;
    cell.at(cell_current_sum_a)[i] += current;
    cell.at(cell_voltage_v)[i] = voltage;
    cell.at(cell_end_voltage_v)[i] = end;
    cell.at(cell_inner_w)[i] = mean_ocv * moved;
    cell.at(cell_heat_w)[i] = heat;
    cell.at(cell_stored_w)[i] = stored;
}

WK_INLINE void battery_apply(Index n, const BatteryParams& given, const CellRows cell) {
    const BatteryParams p = given;
    WK_LANES
    for (Index i = 0; i < n; ++i) {
        apply_of(p, cell, i, source_at(cell, i), cell.at(cell_current_a)[i]);
    }
}

// battery_source, battery_meet and battery_apply in one pass, for strings that stand alone.
template <Index mode>
WK_INLINE void battery_alone(Index n, const BatteryParams& given, const CellRows cell,
                             const double* table) {
    const BatteryParams p = given;
    const std::int32_t intervals = static_cast<std::int32_t>(p.ocv_intervals);
    const double* const ocv_table = table + p.ocv_first;
    WK_LANES
    for (Index i = 0; i < n; ++i) {
        const double asked = cell.at(cell_asked)[i];
        const Source x = source_of<mode>(p, cell, i, asked, ocv_table, intervals);
        keep_source(cell, i, x);
        apply_of(p, cell, i, x, meet_of<mode>(cell, i, x, asked));
    }
}

static inline void battery_renew(Index n, const BatteryParams& p, BatteryState& s,
                                 const ContainerParams& c, const CellRows cell,
                                 const double* table) {
    if (s.held_tick == p.refresh_tick) {
        battery_warm(n, p, s, c, cell);
        s.held_tick = 0;
    }
    if (s.held_tick <= 0) {
        battery_hold(n, p, s, cell, table);
        s.held_tick = 0;
    }
    s.held_tick += 1;
}

// One group alone is by far the usual case: its rows then lie at fixed places, and what a step
// writes and reads again stays in registers.
template <bool alone>
static inline BatteryFlow battery_step_of(const BatteryParams& p, BatteryState& s,
                                          const ContainerParams& c, Index mode,
                                          const CellRows given, const double* table, double asked) {
    const CellRows cell{given.base, alone ? 1 : given.stride};
    const double* const strings = cell.at(cell_strings);
    const Index n = alone ? 1 : p.groups;
    battery_renew(n, p, s, c, cell, table);
    Index limited;
    if constexpr (alone) {
        cell.at(cell_asked)[0] = mode == drive_voltage ? asked : asked / strings[0];
        if (mode == drive_power) {
            battery_alone<drive_power>(1, p, cell, table);
        } else if (mode == drive_current) {
            battery_alone<drive_current>(1, p, cell, table);
        } else {
            battery_alone<drive_voltage>(1, p, cell, table);
        }
        limited = static_cast<Index>(cell.at(cell_limited)[0]);
    } else {
        double total = 0.0;
        for (Index i = 0; i < n; ++i) total += strings[i];
        for (Index i = 0; i < n; ++i) {
            cell.at(cell_asked)[i] = mode == drive_voltage ? asked : asked / total;
        }
        battery_source(n, p, mode, cell, table);
        limited = battery_share(n, mode, cell, asked);
        battery_apply(n, p, cell);
    }
    BatteryFlow flow{0.0, 0.0, 0.0, 0.0, 0.0, cell.at(cell_voltage_v)[0], 0.0, limited};
    double charge = 0.0;
    double capacity = 0.0;
    for (Index i = 0; i < n; ++i) {
        flow.delivered_w += strings[i] * (cell.at(cell_voltage_v)[i] * cell.at(cell_current_a)[i]);
        flow.inner_w += strings[i] * cell.at(cell_inner_w)[i];
        flow.heat_w += strings[i] * cell.at(cell_heat_w)[i];
        flow.stored_w += strings[i] * cell.at(cell_stored_w)[i];
        flow.current_a += strings[i] * cell.at(cell_current_a)[i];
        charge += strings[i] * cell.at(cell_capacity_ah)[i] * cell.at(cell_soc)[i];
        capacity += strings[i] * cell.at(cell_capacity_ah)[i];
    }
    flow.delivered_w = mode == drive_power && limited == 0 ? asked : flow.delivered_w;
    flow.soc = n == 1 ? cell.at(cell_soc)[0] : charge / capacity;
    return flow;
}

static inline BatteryFlow battery_step(const BatteryParams& p, BatteryState& s,
                                       const ContainerParams& c, Index mode, const CellRows cell,
                                       const double* table, double asked) {
    if (p.groups == 1 && cell.stride == 1) {
        return battery_step_of<true>(p, s, c, mode, cell, table, asked);
    }
    return battery_step_of<false>(p, s, c, mode, cell, table, asked);
}

static inline double hottest(Index n, const CellRows cell) {
    const double* const kelvin = cell.at(cell_temperature_k);
    double most = kelvin[0];
    for (Index i = 1; i < n; ++i) most = most > kelvin[i] ? most : kelvin[i];
    return most;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
