// SPDX-License-Identifier: Apache-2.0
// Stage `grid`: separation, island, blackout, restoration, return. Specification:
// prototype/island.py.
#pragma once

#include "forming.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index mode_connected = 0;
inline constexpr Index mode_islanded = 1;
inline constexpr Index mode_dark = 2;
inline constexpr Index told_separated = 1;
inline constexpr Index told_returned = 2;
inline constexpr Index told_went_dark = 4;
inline constexpr Index told_lit = 8;
inline constexpr Index told_started = 16;
inline constexpr Index told_picked_up = 32;
inline constexpr Index told_restored = 64;
inline constexpr double most_lift_pu = 0.1;

static inline void begin_restoration(IslandState& s) {
    s.step = 0;
    s.step_tick = 0;
    s.connected = 0.0;
}

static inline void go_dark(IslandState& s) {
    s.mode = mode_dark;
    s.waited_tick = 0;
    s.dark_tick = 0;
    s.short_tick = 0;
    s.energised = 0.0;
    s.syncing = 0;
    s.restoring = 0;
    s.lift_pu = 0.0;
    begin_restoration(s);
}

static inline bool grid_is_back(const IslandParams& p, IslandState& s, Index open_now,
                                double voltage_pu, double deviation_hz) {
    const double size = deviation_hz > 0.0 ? deviation_hz : -deviation_hz;
    const bool within =
        voltage_pu >= p.return_low_pu && voltage_pu <= p.return_high_pu && size <= p.return_band_hz;
    s.waited_tick = within && open_now == 0 ? s.waited_tick + 1 : 0;
    return s.waited_tick > p.return_tick;
}

static inline Index connected_step(const IslandParams& p, IslandState& s, Index forming,
                                   Index open_now, double voltage_pu) {
    const bool low = voltage_pu < p.separate_below_pu;
    s.waited_tick = low ? s.waited_tick + 1 : 0;
    if (open_now == 0 && (!low || s.waited_tick < p.separate_tick)) return 0;
    s.waited_tick = 0;
    s.short_tick = 0;
    s.cosine = 1.0;
    s.sine = 0.0;
    s.mode = mode_islanded;
    if (forming == 1) return told_separated;
    go_dark(s);
    return told_separated | told_went_dark;
}

static inline Index islanded_step(const IslandParams& p, IslandState& s, Index open_now,
                                  double voltage_pu, double bus_pu, double deviation_hz,
                                  double nominal_hz) {
    s.short_tick = s.short_of_w > 0.0 ? s.short_tick + 1 : 0;
    if (s.short_tick > p.blackout_tick) {
        const Index told = told_went_dark | (s.restoring == 1 ? told_restored : 0);
        go_dark(s);
        return told;
    }
    s.syncing = grid_is_back(p, s, open_now, voltage_pu, deviation_hz) ? 1 : 0;
    double apart = voltage_pu - bus_pu;
    apart = apart > 0.0 ? apart : -apart;
    double slip_hz = s.frequency_hz - nominal_hz - deviation_hz;
    slip_hz = slip_hz > 0.0 ? slip_hz : -slip_hz;
    const double cosine = s.cosine * s.bus_cosine - s.sine * s.bus_sine;
    const bool met =
        cosine >= p.sync_cosine && apart <= p.sync_voltage_pu && slip_hz <= p.sync_band_hz;
    if (s.syncing == 1 && s.energised >= 1.0 && met) {
        s.mode = mode_connected;
        s.syncing = 0;
        s.waited_tick = 0;
        return told_returned;
    }
    return 0;
}

static inline Index dark_step(const IslandParams& p, IslandState& s, Index forming, Index open_now,
                              double voltage_pu, double deviation_hz) {
    s.dark_tick += 1;
    if (grid_is_back(p, s, open_now, voltage_pu, deviation_hz)) {
        s.mode = mode_connected;
        s.waited_tick = 0;
        s.energised = 1.0;
        return told_returned | told_lit;
    }
    const bool waits = s.waited_tick > 0;
    if (forming == 1 && p.black_start == 1 && s.dark_tick > p.black_start_tick && !waits) {
        s.mode = mode_islanded;
        s.waited_tick = 0;
        s.restoring = 1;
        s.cosine = 1.0;
        s.sine = 0.0;
        return told_lit | told_started;
    }
    return 0;
}

static inline Index pickup_step(const IslandParams& p, IslandState& s) {
    if (s.mode == mode_dark || s.step >= p.pickup_steps) return 0;
    if (s.energised < 1.0) {
        const double risen = s.energised + p.energise_per_tick;
        s.energised = risen < 1.0 ? risen : 1.0;
        return 0;
    }
    s.step_tick += 1;
    if (s.step_tick <= p.pickup_tick) return 0;
    s.step_tick = 0;
    s.connected = p.pickup[s.step];
    s.step += 1;
    if (s.step < p.pickup_steps || s.restoring == 0) return told_picked_up;
    s.restoring = 0;
    return told_picked_up | told_restored;
}

static inline Index island_step(const IslandParams& p, IslandState& s, Index forming,
                                Index open_now, double voltage_pu, double bus_pu,
                                double deviation_hz, double nominal_hz) {
    if (p.present == 0) return 0;
    Index told;
    if (s.mode == mode_connected) {
        told = connected_step(p, s, forming, open_now, voltage_pu);
    } else if (s.mode == mode_islanded) {
        told = islanded_step(p, s, open_now, voltage_pu, bus_pu, deviation_hz, nominal_hz);
    } else {
        told = dark_step(p, s, forming, open_now, voltage_pu, deviation_hz);
    }
    return told | pickup_step(p, s);
}

static inline double island_balance(const IslandParams& p, IslandState& s, double demand_w,
                                    double delivered_w) {
    double lacking = demand_w - delivered_w;
    if (lacking < p.rounding_w && -lacking < p.rounding_w) lacking = 0.0;
    s.short_of_w = lacking;
    return lacking;
}

static inline void island_lift(const IslandParams& p, IslandState& s, double aim_pu,
                               double voltage_pu) {
    double lift = s.lift_pu * p.restore_decay;
    if (s.mode == mode_islanded && s.energised >= 1.0) {
        lift = s.lift_pu + (aim_pu - voltage_pu) * (1.0 - p.restore_decay);
    }
    s.lift_pu = snap(clamp(lift, -most_lift_pu, most_lift_pu), deviation_magic);
}

static inline void island_turn(const IslandParams& p, IslandState& s, double site_pu,
                               double grid_pu, double nominal_hz, double jump_rad) {
    const double angle = (site_pu - grid_pu) * nominal_hz * p.turn_per_hz - jump_rad;
    const Phasor at = turned(s.cosine, s.sine, angle);
    s.cosine = at.cosine;
    s.sine = at.sine;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
