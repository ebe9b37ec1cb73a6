// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: cells as an equivalent circuit. Specification and sources:
// prototype/battery.py. Rows of the cell matrix lie `stride` apart.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

constexpr Index drive_power = 0;
constexpr Index drive_current = 1;
constexpr Index drive_voltage = 2;
constexpr double rounding = 1e-14;
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

WK_INLINE void find_piece(const BatteryParams& p, const CellRows cell, Index i,
                          const double* table) {
    const double* const pieces = table + p.ocv_first;
    const std::int32_t piece =
        static_cast<std::int32_t>(clamp(cell.at(cell_soc)[i], 0.0, 1.0) * p.ocv_intervals);
    cell.at(cell_piece)[i] = static_cast<double>(piece);
    cell.at(cell_piece_v)[i] = pieces[2 * piece] + cell.at(cell_shift_v)[i];
    cell.at(cell_piece_slope_v)[i] = pieces[2 * piece + 1];
}

// Whether the SoC still lies in the piece that was found: find_piece would change nothing.
WK_INLINE bool on_piece(const BatteryParams& p, const CellRows cell, Index i) {
    const double place = clamp(cell.at(cell_soc)[i], 0.0, 1.0) * p.ocv_intervals;
    const double piece = cell.at(cell_piece)[i];
    return (place >= piece) & (place < piece + 1.0);
}

WK_INLINE double ocv_of(const CellRows cell, Index i) {
    return cell.at(cell_piece_v)[i] +
           cell.at(cell_piece_slope_v)[i] * clamp(cell.at(cell_soc)[i], 0.0, 1.0);
}

WK_INLINE double slow_value(const double* table, Index at, Index up, Index row, double soc_share,
                            double warm_share) {
    double here = table[at + row];
    here = here + (table[at + slow_rows + row] - here) * soc_share;
    double there = table[at + up + row];
    there = there + (table[at + up + slow_rows + row] - there) * soc_share;
    return here + (there - here) * warm_share;
}

WK_INLINE void hold_resistances(const BatteryParams& p, const CellRows cell, Index i,
                                double discharge, double charge) {
    double slower = 0.0;
    WK_UNROLL
    for (Index k = 1; k < 4; ++k) {
        const double root = cell.at(cell_root_1 + k - 1)[i];
        slower += root * root * (1.0 - p.hold[k]);
    }
    const double moving = p.transfer_share * (1.0 - p.hold[0]);
    cell.at(cell_discharge_ohm)[i] = p.ohmic_share * discharge;
    cell.at(cell_charge_ohm)[i] = p.ohmic_share * charge;
    cell.at(cell_discharge_root_0)[i] = WK_SQRT(p.transfer_share * discharge);
    cell.at(cell_charge_root_0)[i] = WK_SQRT(p.transfer_share * charge);
    cell.at(cell_discharge_mean_ohm)[i] = (p.ohmic_share + moving) * discharge + slower;
    cell.at(cell_charge_mean_ohm)[i] = (p.ohmic_share + moving) * charge + slower;
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
        for (Index k = 0; k < 3; ++k) {
            cell.at(cell_root_1 + k)[i] =
                WK_SQRT(scale * slow_value(table, at, up, slow_branch_1_ohm + k, x, y));
        }
        for (Index k = 0; k < 4; ++k) {
            const double before = cell.at(cell_branch_0 + k)[i];
            cell.at(cell_branch_0 + k)[i] =
                before > tiny_state || before < -tiny_state ? before : 0.0;
        }
        hold_resistances(p, cell, i, scale * slow_value(table, at, up, slow_discharge_ohm, x, y),
                         scale * slow_value(table, at, up, slow_charge_ohm, x, y));
        cell.at(cell_width)[i] = WK_SQRT(p.series * slow_value(table, at, up, slow_width_v, x, y));
        const double coefficient = p.series * slow_value(table, at, up, slow_entropy_v_per_k, x, y);
        cell.at(cell_shift_v)[i] = (kelvin - p.reference_k) * coefficient;
        cell.at(cell_entropy_v)[i] = kelvin * coefficient;
        find_piece(p, cell, i, table);
        cell.at(cell_held_ocv_v)[i] = ocv_of(cell, i);
        const double rate_a = cell.at(cell_capacity_ah)[i];
        cell.at(cell_most_a)[i] =
            p.discharge_limit_c * slow_value(table, at, up, slow_discharge_share, x, y) * rate_a;
        cell.at(cell_least_a)[i] =
            -(p.charge_limit_c * slow_value(table, at, up, slow_charge_share, x, y) * rate_a);
        outside = kelvin < p.table_least_k || kelvin > p.table_most_k ? 1 : outside;
    }
    s.outside = outside;
}

// A string in means over the tick: a voltage behind a resistance, by the parts of both.
struct Source {
    double ocv, ocv_ohm, instant, root_0, mean_ohm, bias;
    double emf() const { return ocv + bias; }
    double ohm() const { return mean_ohm + ocv_ohm; }
};

template <Index mode>
WK_INLINE double turned_share(const BatteryParams& p, const CellRows cell, Index i, double asked,
                              double fall, double ohm, double target) {
    const double rate = p.hysteresis_per_soc * cell.at(cell_charge_per_tick)[i];
    double against = 1.0;
    double expected = WK_ABS(asked);
    if constexpr (mode == drive_power) {
        const double held = cell.at(cell_held_ocv_v)[i];
        const double volts = held - ohm * asked * p.per_volt;
        against = volts > 0.5 * held ? volts : 0.5 * held;
    } else if constexpr (mode == drive_voltage) {
        const double turn = cell.at(cell_width)[i] * WK_ABS(cell.at(cell_hysteresis)[i] - target);
        const double linear = 2.0 * ohm + (turn - fall) * rate;
        const double root = WK_SQRT(linear * linear + 8.0 * ohm * rate * fall);
        const double under = linear > 0.0 ? linear + root : 2.0 * ohm * rate;
        const double over = linear > 0.0 ? 4.0 * fall : root - linear;
        expected = over / (under > least_ohm ? under : least_ohm);
    }
    double turned = rate * expected;
    turned = turned < sudden_turn ? turned : sudden_turn;
    return turned / (turned + 2.0 * against);
}

template <Index mode>
WK_INLINE Source string_source(const BatteryParams& p, const CellRows cell, Index i, double asked) {
    const double ocv = ocv_of(cell, i);
    const double width = cell.at(cell_width)[i];
    const double discharge_root = cell.at(cell_discharge_root_0)[i];
    const double charge_root = cell.at(cell_charge_root_0)[i];
    const double discharge_ohm = cell.at(cell_discharge_ohm)[i];
    const double charge_ohm = cell.at(cell_charge_ohm)[i];
    const double discharge_mean_ohm = cell.at(cell_discharge_mean_ohm)[i];
    const double charge_mean_ohm = cell.at(cell_charge_mean_ohm)[i];
    const double moved = p.hold[0] * cell.at(cell_branch_0)[i];
    double slower = 0.0;
    WK_UNROLL
    for (Index k = 0; k < 3; ++k) {
        slower += cell.at(cell_root_1 + k)[i] * (p.hold[k + 1] * cell.at(cell_branch_1 + k)[i]);
    }
    const double hysteresis = cell.at(cell_hysteresis)[i];
    const double rest = ocv + (width * hysteresis - slower);
    const bool discharges =
        mode == drive_voltage ? rest - discharge_root * moved > asked : asked >= 0.0;
    const double instant = discharges ? discharge_ohm : charge_ohm;
    const double root_0 = discharges ? discharge_root : charge_root;
    const double mean_ohm = discharges ? discharge_mean_ohm : charge_mean_ohm;
    const double target = discharges ? -width : width;
    const double charged = discharges ? 1.0 : p.charge_share;
    const double ocv_ohm =
        p.mean_ocv * cell.at(cell_piece_slope_v)[i] * (charged * cell.at(cell_charge_per_tick)[i]);
    double ohm = mean_ohm;
    double fall = 0.0;
    if constexpr (mode == drive_voltage) {
        ohm = mean_ohm + ocv_ohm;
        fall = WK_ABS(rest - root_0 * moved - asked);
    }
    const double share = turned_share<mode>(p, cell, i, asked, fall, ohm, target);
    const double bias = (width * (target * share) - (slower + root_0 * moved)) +
                        (width * (1.0 - share)) * hysteresis;
    return {ocv, ocv_ohm, instant, root_0, mean_ohm, bias};
}

struct Range {
    double high, low;
};

WK_INLINE Range string_limits(const BatteryParams& p, const CellRows cell, Index i) {
    const double soc = cell.at(cell_soc)[i];
    double high = cell.at(cell_most_a)[i];
    double room = (soc - p.soc_min) * cell.at(cell_current_per_soc_a)[i];
    high = high < room ? high : room;
    double low = cell.at(cell_least_a)[i];
    room = (soc - p.soc_max) * cell.at(cell_current_per_soc_a)[i] * p.per_charge_share;
    low = low > room ? low : room;
    return {high > 0.0 ? high : 0.0, low < 0.0 ? low : 0.0};
}

struct Current {
    double amperes, limited;
};

template <Index mode>
WK_INLINE Current string_current(const BatteryParams& p, double emf, double ohm, Range range,
                                 double asked) {
    const bool discharges = mode == drive_voltage ? asked < emf : asked >= 0.0;
    const double most_ohm = ohm > least_ohm ? ohm : least_ohm;
    const double least = 2.0 * p.voltage_min_v > emf ? 2.0 * p.voltage_min_v : emf;
    const double bound = discharges ? least : 2.0 * p.voltage_max_v;
    double solved;
    bool beyond;
    if constexpr (mode == drive_power) {
        const double square = emf * emf;
        const double inner = square - 4.0 * ohm * asked;
        const double twice = emf + WK_SQRT(inner > 0.0 ? inner : 0.0);
        beyond =
            (inner < -rounding * square) | ((discharges ? twice - bound : bound - twice) < 0.0);
        const double over = beyond ? 2.0 * emf - bound : 2.0 * asked;
        const double under = beyond ? 2.0 * most_ohm : twice;
        solved = emf > 0.0 ? over / under : 0.0;
        beyond = beyond | (emf <= 0.0);
    } else {
        const double twice = mode == drive_voltage ? 2.0 * asked : 2.0 * (emf - ohm * asked);
        beyond = (discharges ? twice - bound : bound - twice) < 0.0;
        solved = (2.0 * emf - (beyond ? bound : twice)) / (2.0 * most_ohm);
        solved = mode == drive_current && !beyond ? asked : solved;
    }
    const double current =
        clamp(solved, discharges ? 0.0 : range.low, discharges ? range.high : 0.0);
    const bool idle = mode != drive_voltage && asked == 0.0;
    return {current, idle | ((current == solved) & !beyond) ? 0.0 : 1.0};
}

// What a string did in a tick.
struct StringFlow {
    double voltage_v, inner_w, heat_w, stored_w;
};

// `calm`: no current that the limits allow turns the hysteresis over fast.
template <bool calm>
WK_INLINE StringFlow string_apply(const BatteryParams& p, const CellRows cell, Index i,
                                  const Source& x, double current) {
    const double mean_ocv = x.ocv - x.ocv_ohm * current;
    double stored = 0.0;
    WK_UNROLL
    for (Index k = 0; k < 4; ++k) {
        const double root = k == 0 ? x.root_0 : cell.at(cell_root_1 + (k > 0 ? k - 1 : 0))[i];
        const double before = cell.at(cell_branch_0 + k)[i];
        const double step = (root * current - before) * p.rise[k];
        const double after = before + step;
        stored += p.half_tau_per_tick[k] * (step * (after + before));
        cell.at(cell_branch_0 + k)[i] = after;
    }

    const double before = cell.at(cell_hysteresis)[i];
    const double width = cell.at(cell_width)[i];
    const double within = clamp(before, -width, width);
    const double target = current < 0.0 ? width : -width;
    const double per_tick = cell.at(cell_charge_per_tick)[i];
    const double turned = p.hysteresis_per_soc * per_tick * WK_ABS(current);
    const double rise = calm ? gentle_rise(turned) : rise_of(turned);
    const double after = within + (target - within) * rise;
    const double capacity_ah = cell.at(cell_capacity_ah)[i];
    stored += p.hysteresis_w * capacity_ah * ((after - before) * (after + before));
    cell.at(cell_hysteresis)[i] = after;

    const double charged = current < 0.0 ? p.charge_share : 1.0;
    const double soc = cell.at(cell_soc)[i];
    const double leak = soc * (p.leak_per_s * 3600.0 * capacity_ah);
    const double change =
        (cell.at(cell_soc_carry)[i] - leak * per_tick) - (charged * per_tick) * current;
    const double total = soc + change;
    cell.at(cell_soc_carry)[i] = change - (total - soc);
    cell.at(cell_soc)[i] = total;
    const double heat = (x.mean_ohm * current - x.bias) * current - stored +
                        mean_ocv * (leak + (charged - 1.0) * current);
    cell.at(cell_heat_sum_w)[i] += heat;
    cell.at(cell_current_sum_a)[i] += current;
    return {x.emf() - x.ohm() * current, mean_ocv * (charged * current + leak), heat, stored};
}

WK_INLINE double end_voltage(const CellRows cell, Index i, const Source& x, double current) {
    double volts = (x.ocv - (x.ocv_ohm + x.ocv_ohm) * current) - x.instant * current;
    volts -= x.root_0 * cell.at(cell_branch_0)[i];
    WK_UNROLL
    for (Index k = 0; k < 3; ++k) {
        volts -= cell.at(cell_root_1 + k)[i] * cell.at(cell_branch_1 + k)[i];
    }
    return volts + cell.at(cell_width)[i] * cell.at(cell_hysteresis)[i];
}

template <Index mode> WK_INLINE double asked_of_string(const CellRows cell, Index i, double asked) {
    return mode == drive_voltage ? asked : asked * cell.at(cell_per_strings)[i];
}

template <Index mode>
WK_INLINE BatteryFlow battery_alone(const BatteryParams& p, const CellRows cell, Index i,
                                    const double* table, double asked) {
    if (!on_piece(p, cell, i)) find_piece(p, cell, i, table);
    const double of_string = asked_of_string<mode>(cell, i, asked);
    const Source x = string_source<mode>(p, cell, i, of_string);
    const Range range = string_limits(p, cell, i);
    const Current found = string_current<mode>(p, x.emf(), x.ohm(), range, of_string);
    const StringFlow flow = string_apply<false>(p, cell, i, x, found.amperes);
    const double strings = cell.at(cell_strings)[i];
    double delivered = strings * (flow.voltage_v * found.amperes);
    if constexpr (mode == drive_power) delivered = found.limited == 0.0 ? asked : delivered;
    return {delivered,
            strings * flow.inner_w,
            strings * flow.heat_w,
            strings * flow.stored_w,
            strings * found.amperes,
            flow.voltage_v,
            end_voltage(cell, i, x, found.amperes),
            cell.at(cell_soc)[i],
            static_cast<Index>(found.limited)};
}

template <Index mode>
WK_INLINE void battery_source_of(Index n, const BatteryParams& given, const CellRows cell,
                                 const double* table, double asked) {
    const BatteryParams p = given;  // a copy that no store to the cells can change
    for (Index i = 0; i < n; ++i) find_piece(p, cell, i, table);
    WK_LANES
    for (Index i = 0; i < n; ++i) {
        const Source x = string_source<mode>(p, cell, i, asked);
        const Range range = string_limits(p, cell, i);
        cell.at(cell_high_a)[i] = range.high;
        cell.at(cell_low_a)[i] = range.low;
        cell.at(cell_ocv_v)[i] = x.ocv;
        cell.at(cell_ocv_ohm)[i] = x.ocv_ohm;
        cell.at(cell_instant_ohm)[i] = x.instant;
        cell.at(cell_root_0)[i] = x.root_0;
        cell.at(cell_mean_ohm)[i] = x.mean_ohm;
        cell.at(cell_bias_v)[i] = x.bias;
        cell.at(cell_emf_v)[i] = x.emf();
        cell.at(cell_source_ohm)[i] = x.ohm();
    }
}

static inline void battery_source(Index n, const BatteryParams& p, Index mode, const CellRows cell,
                                  const double* table, double asked) {
    if (mode == drive_power) {
        battery_source_of<drive_power>(n, p, cell, table, asked);
    } else if (mode == drive_current) {
        battery_source_of<drive_current>(n, p, cell, table, asked);
    } else {
        battery_source_of<drive_voltage>(n, p, cell, table, asked);
    }
}

static inline Index battery_share(Index n, const BatteryParams& p, Index mode, const CellRows cell,
                                  double asked) {
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
        double floor_v = p.voltage_min_v > 0.5 * emf_v[i] ? p.voltage_min_v : 0.5 * emf_v[i];
        floor_v = floor_v < emf_v[i] ? floor_v : emf_v[i];
        double bound = emf_v[i] - ohm[i] * cell.at(cell_high_a)[i];
        bound = bound > floor_v ? bound : floor_v;
        least_v = least_v > bound ? least_v : bound;
        bound = emf_v[i] - ohm[i] * cell.at(cell_low_a)[i];
        const double roof_v = p.voltage_max_v > emf_v[i] ? p.voltage_max_v : emf_v[i];
        bound = bound < roof_v ? bound : roof_v;
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
    }
    return limited;
}

static inline void battery_apply(Index n, const BatteryParams& given, const CellRows cell) {
    const BatteryParams p = given;
    WK_LANES
    for (Index i = 0; i < n; ++i) {
        const Source x{cell.at(cell_ocv_v)[i],       cell.at(cell_ocv_ohm)[i],
                       cell.at(cell_instant_ohm)[i], cell.at(cell_root_0)[i],
                       cell.at(cell_mean_ohm)[i],    cell.at(cell_bias_v)[i]};
        const double current = cell.at(cell_current_a)[i];
        const StringFlow flow = string_apply<false>(p, cell, i, x, current);
        cell.at(cell_voltage_v)[i] = flow.voltage_v;
        cell.at(cell_end_voltage_v)[i] = end_voltage(cell, i, x, current);
        cell.at(cell_inner_w)[i] = flow.inner_w;
        cell.at(cell_heat_w)[i] = flow.heat_w;
        cell.at(cell_stored_w)[i] = flow.stored_w;
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

// Strings that are alike: the rows of the cell matrix then lie at fixed places.
template <Index mode>
WK_INLINE BatteryFlow battery_step_alone(const BatteryParams& p, BatteryState& s,
                                         const ContainerParams& c, double* base,
                                         const double* table, double asked) {
    const CellRows cell{base, 1};
    battery_renew(1, p, s, c, cell, table);
    return battery_alone<mode>(p, cell, 0, table, asked);
}

static BatteryFlow battery_step_shared(const BatteryParams& p, BatteryState& s,
                                       const ContainerParams& c, Index mode, const CellRows cell,
                                       const double* table, double asked) {
    const double* const strings = cell.at(cell_strings);
    const Index n = p.groups;
    battery_renew(n, p, s, c, cell, table);
    double all = 0.0;
    for (Index i = 0; i < n; ++i) all += strings[i];
    // Asked of each is what an even string would do.
    battery_source(n, p, mode, cell, table, mode == drive_voltage ? asked : asked / all);
    const Index limited = battery_share(n, p, mode, cell, asked);
    battery_apply(n, p, cell);
    BatteryFlow flow{};
    flow.voltage_v = cell.at(cell_voltage_v)[0];
    flow.end_voltage_v = cell.at(cell_end_voltage_v)[0];
    flow.limited = limited;
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
    flow.soc = charge / capacity;
    return flow;
}

static inline BatteryFlow battery_step(const BatteryParams& p, BatteryState& s,
                                       const ContainerParams& c, Index mode, const CellRows cell,
                                       const double* table, double asked) {
    if (p.groups != 1) return battery_step_shared(p, s, c, mode, cell, table, asked);
    if (mode == drive_power) {
        return battery_step_alone<drive_power>(p, s, c, cell.base, table, asked);
    }
    if (mode == drive_current) {
        return battery_step_alone<drive_current>(p, s, c, cell.base, table, asked);
    }
    return battery_step_alone<drive_voltage>(p, s, c, cell.base, table, asked);
}

static inline double hottest(Index n, const CellRows cell) {
    const double* const kelvin = cell.at(cell_temperature_k);
    double most = kelvin[0];
    for (Index i = 1; i < n; ++i) most = most > kelvin[i] ? most : kelvin[i];
    return most;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
