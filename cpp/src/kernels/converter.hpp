// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: the power conversion system (PCS). Specification and sources:
// prototype/converter.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index law_as_efficiency = 1;
inline constexpr Index law_table = 2;
inline constexpr double overload_slack = 1e-9;
inline constexpr double budget_slack = 1e-12;

static inline double converter_asked(const ConverterParams& p, const ConverterState& s) {
    const double command = s.override_w != s.override_w ? s.command_w : s.override_w;
    return clamp(command + s.support_w, -p.most_w, p.most_w);
}

static inline void converter_heard(const ConverterParams& p, ConverterState& s, double* ring) {
    s.asked_w = converter_asked(p, s);
    s.asked_var = clamp(s.reactive_var + s.support_var, -p.most_va, p.most_va);
    if (p.delay_tick > 0) {
        double* at = ring + (p.ring_first + 2 * s.ring_head);
        const double asked_w = at[0];
        const double asked_var = at[1];
        at[0] = s.asked_w;
        at[1] = s.asked_var;
        s.asked_w = asked_w;
        s.asked_var = asked_var;
        s.ring_head = s.ring_head + 1 < p.delay_tick ? s.ring_head + 1 : 0;
    }
}

static inline double converter_lag(const ConverterParams& p, double power_w, double wanted_w) {
    const double away = power_w - wanted_w;
    const double size = away > 0.0 ? away : -away;
    if (size <= p.ramp_lag_w) return snap(wanted_w + away * p.decay, p.power_round_w);
    const double over = size - p.ramp_lag_w;
    if (over >= p.ramp_w_per_tick) {
        return away > 0.0 ? power_w - p.ramp_w_per_tick : power_w + p.ramp_w_per_tick;
    }
    const double left =
        p.ramp_lag_w * (1.0 - rise_of((1.0 - over / p.ramp_w_per_tick) * p.lag_per_tick));
    return snap(wanted_w + (away > 0.0 ? left : -left), p.power_round_w);
}

struct ConverterRoom {
    double over;
    double apparent_va;
};

static inline ConverterRoom converter_room(const ConverterParams& p, const ConverterState& s,
                                           double voltage_pu) {
    double over = 1.0;
    if (p.overload_extra > 0.0 && s.overload_spent == 0) {
        const double left = (1.0 - s.overload_used) * p.overload_room;
        over = 1.0 + (left < p.overload_extra ? left : p.overload_extra);
    }
    double part = p.current_limit_pu * voltage_pu;
    part = part < 1.0 ? part : 1.0;
    return {over, p.limit_va * over * part};
}

static inline double converter_capability(const ConverterParams& p, ConverterState& s, double power,
                                          double var, double voltage_pu) {
    const ConverterRoom room_at = converter_room(p, s, voltage_pu);
    const double over = room_at.over;
    const double room = room_at.apparent_va;
    s.room_va = room;
    double most = p.limit_w * over;
    most = most < room ? most : room;
    double held_var = var;
    if (p.priority == converter_priority_reactive) {
        held_var = clamp(var, -room, room);
        const double rest = WK_SQRT(room * room - held_var * held_var);
        most = most < rest ? most : rest;
    }
    const double held = clamp(power, -most, most);
    if (var != 0.0 && p.priority == converter_priority_active) {
        double rest = room * room - held * held;
        rest = rest > 0.0 ? WK_SQRT(rest) : 0.0;
        held_var = clamp(var, -rest, rest);
    }
    s.reactive_power_var = held_var;
    s.curbed = (held != power ? 1 : 0) + (held_var != var ? 2 : 0);
    return held;
}

static inline double converter_response(const ConverterParams& p, ConverterState& s, double* ring,
                                        double voltage_pu) {
    converter_heard(p, s, ring);
    const double power = converter_lag(p, s.power_w, s.asked_w);
    const double var = s.asked_var + (s.reactive_power_var - s.asked_var) * p.decay;
    return converter_capability(p, s, power, snap(var, p.power_round_w), voltage_pu);
}

static inline double converter_settle(const ConverterParams& p, ConverterState& s, double power_w) {
    s.power_w = power_w;
    double var = s.reactive_power_var;
    if (var != 0.0) {
        double rest = s.room_va * s.room_va - power_w * power_w;
        rest = rest > 0.0 ? WK_SQRT(rest) : 0.0;
        var = clamp(var, -rest, rest);
        s.reactive_power_var = var;
    }
    if (p.overload_extra > 0.0) {
        const double size = power_w > 0.0 ? power_w : -power_w;
        double load = size * p.per_limit_w;
        const double apparent = WK_SQRT(power_w * power_w + var * var) * p.per_limit_va;
        load = (load > apparent ? load : apparent) - 1.0;
        double used =
            s.overload_used + (load > overload_slack ? load * p.overload_use : -p.overload_recover);
        used = clamp(used, 0.0, 1.0);
        if (used >= 1.0 - budget_slack) {
            s.overload_spent = 1;
        } else if (used <= budget_slack) {
            s.overload_spent = 0;
        }
        s.overload_used = used;
    }
    return var;
}

static inline Index table_place(const double* table, Index first, Index points, double x) {
    Index rest = points - 1;
    while (rest > 1) {
        const Index half = rest / 2;
        first += table[first + half] <= x ? half : 0;
        rest -= half;
    }
    return first;
}

static inline Index dc_place(const double* table, Index first, Index points, double sign,
                             double x) {
    Index rest = points - 1;
    while (rest > 1) {
        const Index half = rest / 2;
        const double* at = table + (first + half);
        first += sign * (at[points] + sign * at[0]) <= sign * x ? half : 0;
        rest -= half;
    }
    return first;
}

static inline double converter_loss(const ConverterParams& p, const double* table, double size_w,
                                    Index way) {
    double loss;
    if (p.law[way] == law_table) {
        const Index points = p.table_points[way];
        const double* at = table + table_place(table, p.table_first[way], points, size_w);
        const double slope = (at[points + 1] - at[points]) / (at[1] - at[0]);
        loss = at[points] + (size_w - at[0]) * slope;
    } else {
        loss = p.loss_0_w[way] + size_w * (p.loss_1[way] + p.loss_2_per_w[way] * size_w);
        if (p.law[way] == law_as_efficiency) {
            const double whole = size_w + loss;
            loss = whole > 0.0 ? size_w * loss / whole : 0.0;
        }
    }
    return loss > p.no_load_w ? loss : p.no_load_w;
}

static inline double converter_dc(const ConverterParams& p, const double* table, double ac_w,
                                  double var) {
    const Index way = ac_w >= 0.0 ? 0 : 1;
    const double size = ac_w >= 0.0 ? ac_w : -ac_w;
    return ac_w + (converter_loss(p, table, size, way) + p.reactive_loss_per_w * (var * var));
}

static inline double delivered_size(const ConverterParams& p, const double* table, double dc_w) {
    double size;
    if (p.law[0] == law_table) {
        const Index points = p.table_points[0];
        const double* at = table + dc_place(table, p.table_first[0], points, 1.0, dc_w);
        const double below = at[0] + at[points];
        const double above = at[1] + at[points + 1];
        size = at[0] + (dc_w - below) * ((at[1] - at[0]) / (above - below));
    } else {
        const double over = dc_w - p.loss_0_w[0];
        const double b = 1.0 + p.loss_1[0];
        const double inner = b * b + 4.0 * p.loss_2_per_w[0] * over;
        size = 2.0 * over / (b + WK_SQRT(inner > 0.0 ? inner : 0.0));
    }
    const double room = dc_w - p.no_load_w;
    return size < room ? size : room;
}

static inline double stored_size(const ConverterParams& p, const double* table, double dc_w) {
    double size;
    if (p.law[1] == law_table) {
        const Index points = p.table_points[1];
        const double* at = table + dc_place(table, p.table_first[1], points, -1.0, dc_w);
        const double below = at[points] - at[0];
        const double above = at[points + 1] - at[1];
        size = at[0] + (dc_w - below) * ((at[1] - at[0]) / (above - below));
    } else if (p.law[1] == law_as_efficiency) {
        const double stored = dc_w < 0.0 ? -dc_w : 0.0;
        const double b = stored * (1.0 + p.loss_1[1]);
        double rest = 1.0 - stored * p.loss_2_per_w[1];
        rest = rest > 1e-3 ? rest : 1e-3;
        size = (b + WK_SQRT(b * b + 4.0 * rest * stored * p.loss_0_w[1])) / (2.0 * rest);
    } else {
        const double over = dc_w - p.loss_0_w[1];
        const double b = 1.0 - p.loss_1[1];
        const double inner = b * b + 4.0 * p.loss_2_per_w[1] * over;
        size = -(2.0 * over / (b + WK_SQRT(inner > 0.0 ? inner : 0.0)));
    }
    const double room = p.no_load_w - dc_w;
    return size > room ? size : room;
}

static inline double converter_ac(const ConverterParams& p, const double* table, double dc_w,
                                  double var) {
    const double inner = dc_w - p.reactive_loss_per_w * (var * var);
    if (inner >= p.idle_w[0]) return delivered_size(p, table, inner);
    if (inner >= p.idle_w[1]) return 0.0;
    return -stored_size(p, table, inner);
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
