// SPDX-License-Identifier: Apache-2.0
// Stage `distribution`: how the load behind a node answers the voltage. Specification:
// prototype/ride_through.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

enum RideMode : Index { ride_connected, ride_ceased, ride_returning, ride_transferred };
inline constexpr Index sags_kept = 8;
inline constexpr double least_voltage_pu = 0.01;
inline constexpr double filter_magic = 1.5 * 4.0;
inline constexpr double product_magic = 1.5 * 64.0;
inline constexpr double backup_least_j = 1e-9;

WK_INLINE double filtered(double value, double state, double decay) {
    const double moved = snap(value + (state - value) * decay, filter_magic);
    return moved == state ? snap(value, filter_magic) : moved;
}

WK_INLINE double voltage_power(double ratio, Index exponent) {
    if (exponent == 0) return 1.0;
    return exponent == 1 ? ratio : ratio * ratio;
}

static inline void ride_begin(RideState& s, double voltage_pu) {
    const double nominal = voltage_pu > 0.1 ? voltage_pu : 1.0;
    s.per_nominal = 1.0 / nominal;
    s.voltage_pu = nominal;
    s.frequency_pu = 0.0;
    s.share = 1.0;
    for (int a = 0; a < 2; ++a) {
        s.slow_voltage_pu[a] = nominal;
        s.lag[a] = 1.0;
        s.current[a] = 1.0 / nominal;
    }
}

static inline double ride_response(const RideParams& p, RideState& s, double voltage_pu,
                                   double demand_w, int a) {
    const double slow = filtered(s.voltage_pu, s.slow_voltage_pu[a], p.washout_decay[a]);
    s.slow_voltage_pu[a] = slow;
    double wanted = voltage_power(s.voltage_pu * s.per_nominal, p.exponent[a]);
    if (a == 0) {
        const double over = s.frequency_pu - p.deadband_high_pu;
        const double under = s.frequency_pu + p.deadband_low_pu;
        const double beyond = (over > 0.0 ? over : 0.0) + (under < 0.0 ? under : 0.0);
        wanted *= 1.0 + p.frequency_droop * beyond;
    }
    wanted += p.washout[a] * (s.voltage_pu - slow);
    s.lag[a] = filtered(wanted, s.lag[a], p.lag_decay[a]);
    const double led = s.lag[a] + p.lead_ratio[a] * (wanted - s.lag[a]);
    const double voltage = s.voltage_pu > least_voltage_pu ? s.voltage_pu : least_voltage_pu;
    s.current[a] = filtered(led / voltage, s.current[a], p.output_decay);
    const double size = a == 0 ? demand_w : demand_w * p.reactive_ratio;
    const double drawn = snap(voltage_pu * s.current[a], product_magic) * size;
    return clamp(drawn, voltage_pu * p.current_min_w[a], voltage_pu * p.current_max_w[a]);
}

// Counts a sag that begins in this tick; true when the counter transfers the load.
static inline bool sag_counted(const RideParams& p, RideState& s, Index tick, double voltage_pu) {
    const Index low = voltage_pu < p.sag_voltage_pu ? 1 : 0;
    const bool begins = low == 1 && s.low == 0;
    s.low = low;
    if (!begins || p.sags == 0 || s.mode == ride_transferred) return false;
    if (s.sag_total > 0 && static_cast<double>(tick - s.sag_tick[0]) <= p.sag_merge_tick) {
        return false;
    }
    for (Index j = sags_kept - 1; j > 0; --j) s.sag_tick[j] = s.sag_tick[j - 1];
    s.sag_tick[0] = tick;
    ++s.sag_total;
    if (s.sag_total < p.sags) return false;
    return static_cast<double>(tick - s.sag_tick[p.sags - 1]) <= p.sag_window_tick;
}

static inline void ride_mode(const RideParams& p, RideState& s, Index tick, double voltage_pu) {
    s.below_tick = s.voltage_pu < p.cease_voltage_pu ? s.below_tick + 1 : 0;
    s.above_tick = s.voltage_pu > p.reconnect_voltage_pu ? s.above_tick + 1 : 0;
    const bool ready = static_cast<double>(s.above_tick) > p.reconnect_tick;
    if (sag_counted(p, s, tick, voltage_pu)) {
        s.mode = ride_transferred;
        s.share = 0.0;
        return;
    }
    if (s.mode == ride_transferred) {
        const double waited = static_cast<double>(tick - s.sag_tick[0]);
        if (s.reconnect == 0 && waited < p.sag_return_tick) return;
        s.sag_total = 0;
        s.mode = ride_ceased;
    }
    s.reconnect = 0;
    if (s.mode == ride_ceased) {
        if (ready) {
            s.mode = ride_returning;
            s.ramp = (p.returned_share - s.share) * p.ramp_per_tick;
        }
    } else if (static_cast<double>(s.below_tick) > p.cease_tick) {
        s.mode = ride_ceased;
        s.share = p.ceased_share;
    }
}

static inline double ride_share(const RideParams& p, RideState& s) {
    const double before = s.share;
    if (s.mode != ride_returning) return before;
    const double left = p.returned_share - before;
    if (s.ramp < left) {
        s.share = before + s.ramp;
        return 0.5 * (before + s.share);
    }
    s.share = p.returned_share;
    s.mode = ride_connected;
    const double part = s.ramp > 0.0 ? left / s.ramp : 0.0;
    return part * (0.5 * (before + s.share)) + (1.0 - part) * s.share;
}

static inline double backup_step(const RideParams& p, RideState& s, double ceased_w) {
    s.backup_w = 0.0;
    s.backup_loss_w = 0.0;
    s.empty = 0;
    s.lost_w = ceased_w;
    if (p.ceased_load != ride_ceased_load_backup) return 0.0;
    const double room_w = s.spent_j * p.per_tick_hz / p.recharge_efficiency;
    double recharge = 0.0;
    if (s.mode == ride_connected && s.spent_j > 0.0) {
        recharge = clamp(p.recharge_w, 0.0, room_w + ceased_w > 0.0 ? room_w + ceased_w : 0.0);
    }
    const double net = recharge - ceased_w;
    if (net >= 0.0) {
        const double taken = net < room_w ? net : room_w;
        const double stored = taken * p.recharge_efficiency;
        const double left = s.spent_j - stored * p.dt_s;
        s.spent_j = left > backup_least_j ? left : 0.0;
        s.backup_w = -stored;
        s.backup_loss_w = taken - stored;
        s.lost_w = taken - net;
        return recharge;
    }
    const double most_w = (p.backup_j - s.spent_j) * p.per_tick_hz;
    const double need_w = -net;
    s.empty = most_w < need_w ? 1 : 0;
    s.backup_w = s.empty == 1 ? most_w : need_w;
    s.spent_j = s.empty == 1 ? p.backup_j : s.spent_j + need_w * p.dt_s;
    s.lost_w = need_w - s.backup_w;
    return recharge;
}

static inline double perc1_step(const RideParams& p, RideState& s, Index tick, double voltage_pu,
                                double frequency_pu, double demand_w) {
    const bool known = voltage_pu == voltage_pu;
    if (s.started == 0) ride_begin(s, known ? voltage_pu : 1.0);
    if (known) {
        s.started = 1;
    } else {
        voltage_pu = s.voltage_pu;
    }
    s.voltage_pu = filtered(voltage_pu, s.voltage_pu, p.voltage_decay);
    s.frequency_pu = filtered(frequency_pu, s.frequency_pu, p.frequency_decay);
    const double active_w = ride_response(p, s, voltage_pu, demand_w, 0);
    const double reactive_var = ride_response(p, s, voltage_pu, demand_w, 1);
    ride_mode(p, s, tick, voltage_pu);
    const double share = ride_share(p, s);
    s.drawn_w = share * active_w;
    s.reactive_var = share * reactive_var;
    s.ceased_w = demand_w - s.drawn_w;
    return s.drawn_w + backup_step(p, s, s.ceased_w);
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
