// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: grid-forming units. Specification: prototype/forming.py.
#pragma once

#include "network.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr double turn = 6.283185307179586;
inline constexpr double angle_magic = 6.0;
inline constexpr double deviation_magic = 0.375;
inline constexpr int series_terms = 14;
inline constexpr double nearly = 1e-9;

static inline Phasor turned(double cosine, double sine, double angle_rad) {
    const double angle = angle_rad - turn * WK_FLOOR(angle_rad / turn + 0.5);
    const double square = angle * angle;
    double c = 1.0;
    double s = 1.0;
    for (int i = series_terms; i > 0; --i) {
        const double k = static_cast<double>(i);
        c = 1.0 - c * square / ((2.0 * k - 1.0) * (2.0 * k));
        s = 1.0 - s * square / ((2.0 * k) * (2.0 * k + 1.0));
    }
    s *= angle;
    const double across = cosine * c - sine * s;
    const double along = sine * c + cosine * s;
    const double size = WK_SQRT(across * across + along * along);
    return {snap(across / size, angle_magic), snap(along / size, angle_magic)};
}

static inline BusPhasor forming_solve(Index n, const FormingParams* f, FormingState* s,
                                      double energised, double source_pu, double resistance_pu,
                                      double reactance_pu, double p0, double p1, double p2,
                                      double q0, double q1, double q2, double before_pu,
                                      double base_va) {
    double yr = 0.0;
    double yi = 0.0;
    double jr = 0.0;
    double ji = 0.0;
    if (source_pu > 0.0) {
        const double z2 = resistance_pu * resistance_pu + reactance_pu * reactance_pu;
        yr = resistance_pu / z2;
        yi = -reactance_pu / z2;
        jr = yr * source_pu;
        ji = yi * source_pu;
    }
    for (Index u = 0; u < n; ++u) {
        if (f[u].present == 1 && s[u].fixed == 0) {
            const double size = f[u].voltage_setpoint_pu * energised;
            const double g = f[u].conductance_pu;
            const double b = f[u].susceptance_pu;
            yr += g;
            yi += b;
            jr += size * (g * s[u].cosine - b * s[u].sine);
            ji += size * (g * s[u].sine + b * s[u].cosine);
        }
    }
    const double y2 = yr * yr + yi * yi;
    const double er = (jr * yr + ji * yi) / y2;
    const double ei = (ji * yr - jr * yi) / y2;
    const double e2 = er * er + ei * ei;
    const double r = yr / y2;
    const double x = -yi / y2;
    const BusVoltage bus = bus_voltage(WK_SQRT(e2), r, x, p0, p1, p2, q0, q1, q2, before_pu);
    double vr = 0.0;
    double vi = 0.0;
    if (e2 > 0.0) {
        const double wr =
            bus.voltage_pu * bus.voltage_pu + bus.share * (r * bus.power_pu + x * bus.var_pu);
        const double wi = bus.share * (x * bus.power_pu - r * bus.var_pu);
        vr = (wr * er + wi * ei) / e2;
        vi = (wr * ei - wi * er) / e2;
    }
    for (Index u = 0; u < n; ++u) {
        if (f[u].present == 1 && s[u].fixed == 0) {
            const double size = f[u].voltage_setpoint_pu * energised;
            const double g = f[u].conductance_pu;
            const double b = f[u].susceptance_pu;
            const double ar = size * s[u].cosine - vr;
            const double ai = size * s[u].sine - vi;
            const double ir = g * ar - b * ai;
            const double ii = g * ai + b * ar;
            s[u].wanted_w = (vr * ir + vi * ii) * base_va;
            s[u].wanted_var = (vi * ir - vr * ii) * base_va;
        }
    }
    if (bus.voltage_pu <= 0.0) return {0.0, 1.0, 0.0};
    return {bus.voltage_pu, vr / bus.voltage_pu, vi / bus.voltage_pu};
}

static inline void forming_step(const FormingParams& p, FormingState& s, double slip_pu,
                                double turn_rad, double reference_pu) {
    const double target = p.droop_per_w * (s.set_w - s.wanted_w) + slip_pu;
    s.deviation_pu = snap(target + (s.deviation_pu - target) * p.decay, deviation_magic);
    const Phasor at = turned(s.cosine, s.sine, (s.deviation_pu - reference_pu) * turn_rad);
    s.cosine = at.cosine;
    s.sine = at.sine;
}

static inline void forming_begin(Index n, const FormingParams* f, FormingState* s,
                                 double resistance_pu, double reactance_pu, double power_pu,
                                 double var_pu, double voltage_pu) {
    const double wr = voltage_pu * voltage_pu + resistance_pu * power_pu + reactance_pu * var_pu;
    const double wi = reactance_pu * power_pu - resistance_pu * var_pu;
    const double size = WK_SQRT(wr * wr + wi * wi);
    for (Index u = 0; u < n; ++u) {
        if (f[u].present == 1 && size > 0.0) {
            s[u].cosine = wr / size;
            s[u].sine = -wi / size;
        }
    }
}

static inline void forming_place(FormingState& s, double cosine, double sine, double deviation_pu) {
    s.cosine = cosine;
    s.sine = sine;
    s.deviation_pu = deviation_pu;
    s.curtailed = 0;
    s.bump_w = 0.0;
    s.set_w = 0.0;
}

static inline Index forming_limit(FormingState& s, double room_va, double most_w,
                                  double voltage_pu) {
    const double size = WK_SQRT(s.wanted_w * s.wanted_w + s.wanted_var * s.wanted_var);
    const double active = s.wanted_w > 0.0 ? s.wanted_w : -s.wanted_w;
    double share = 1.0;
    if (size > room_va) share = room_va / size;
    if (active * share > most_w) share = most_w / active;
    if (share >= 1.0) return 0;
    s.held_w = s.wanted_w * share / voltage_pu;
    s.held_var = s.wanted_var * share / voltage_pu;
    s.fixed = 1;
    return 1;
}

static inline bool forming_beyond(const FormingState& s, double gave_w) {
    const bool beyond = s.wanted_w > 0.0 ? s.wanted_w > gave_w : s.wanted_w < gave_w;
    return s.curtailed == 1 && beyond;
}

static inline void forming_curtailed(FormingState& s, double gave_w) {
    double gap = s.wanted_w - gave_w;
    gap = gap > 0.0 ? gap : -gap;
    const double size = s.wanted_w > 0.0 ? s.wanted_w : -s.wanted_w;
    s.curtailed = gap > nearly * size ? 1 : 0;
}

static inline void forming_shift(FormingState& s, double cosine, double sine) {
    const double across = s.cosine * cosine - s.sine * sine;
    s.sine = s.sine * cosine + s.cosine * sine;
    s.cosine = across;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
