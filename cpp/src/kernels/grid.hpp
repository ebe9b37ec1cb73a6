// SPDX-License-Identifier: Apache-2.0
// Stage `grid`: events, one tick from the source to the site bus. Specification and sources:
// prototype/grid.py.
#pragma once

#include "frequency.hpp"
#include "network.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index never = Index{1} << 62;

static inline double event_share(const GridEvent& e, Index tick) {
    const Index until = tick >= e.stop_tick ? e.stop_tick : tick + 1;
    double risen = static_cast<double>(until - e.start_tick) * e.ramp_per_tick;
    risen = risen < 1.0 ? risen : 1.0;
    const double fallen = static_cast<double>(tick + 1 - until) * e.ramp_per_tick;
    return fallen < risen ? risen - fallen : 0.0;
}

static inline void grid_events(const GridParams& p, GridState& s, const GridEvent* event,
                               Index tick) {
    double voltage = 1.0;
    double impedance = 1.0;
    double frequency = 0.0;
    double jump = 0.0;
    Index opened = 0;
    Index change = never;
    for (Index j = 0; j < p.events; ++j) {
        const GridEvent& e = event[j];
        if (tick < e.start_tick) {
            change = e.start_tick < change ? e.start_tick : change;
            continue;
        }
        if (tick < e.stop_tick) {
            change = e.stop_tick < change ? e.stop_tick : change;
            voltage *= e.voltage_pu;
            impedance *= e.impedance_factor;
            opened |= e.opens_breaker;
        }
        if (tick < e.end_tick) {
            const double share = event_share(e, tick);
            frequency += share * e.frequency_offset_hz;
            const Index moves = share < 1.0 || tick >= e.stop_tick ? tick + 1 : change;
            change = moves < change ? moves : change;
        }
        if (e.phase_jump_rad != 0.0 && (tick == e.start_tick || tick == e.stop_tick)) {
            jump += tick == e.start_tick ? e.phase_jump_rad : -e.phase_jump_rad;
            change = tick + 1;
        }
    }
    s.event_voltage_pu = voltage;
    s.event_impedance = impedance;
    s.event_frequency_hz = frequency;
    s.event_open = opened;
    s.phase_jump_rad = jump;
    s.next_change_tick = change;
}

static inline PoiFlow grid_step(const GridParams& p, GridState& s, double dt_s, double ratio,
                                double capacitor_pu, double bus_w, double load_w, double load_var,
                                double given_var) {
    const NetworkSource z = network_source(p, s, ratio);
    const NetworkLoad q =
        network_load(p, capacitor_pu, bus_w + p.transformer_loss_0_w, load_w, load_var, given_var);
    const BusVoltage bus = bus_voltage(z.voltage_pu, z.resistance_pu, z.reactance_pu, q.p0, q.p1,
                                       q.p2, q.q0, q.q1, q.q2, s.bus_voltage_pu);
    const double voltage = bus.voltage_pu;
    const double power = bus.power_pu * bus.share;
    const double var = bus.var_pu * bus.share;
    double flow = 0.0;
    double poi = 0.0;
    if (voltage > 0.0) {
        const double along =
            voltage + (z.way_resistance_pu * power + z.way_reactance_pu * var) / voltage;
        const double across = (z.way_reactance_pu * power - z.way_resistance_pu * var) / voltage;
        poi = WK_SQRT(along * along + across * across) / ratio;
        flow = (power * power + var * var) / (voltage * voltage);
    }
    const double response = bus.share > 0.0 ? load_response(p, load_w, bus.taken_pu) : 0.0;
    const double carried = bus.share * (bus_w + response);
    const double loss = bus.share * p.transformer_loss_0_w + z.way_resistance_pu * flow * p.base_va;
    const double served = carried + loss;
    const Index collapsed = bus.share < 1.0 && bus.share > 0.0 ? 1 : 0;
    const Index change = collapsed - s.collapsed;
    s.collapsed = collapsed;
    s.voltage_pu = poi;
    s.bus_voltage_pu = voltage;
    s.nose_loading_pu = bus.loading_pu;
    s.response_w = response;
    if (s.started == 0) {
        s.started = 1;
        s.reference_w = p.reference_core_w != p.reference_core_w ? served : p.reference_core_w;
    }
    double rocof = 0.0;
    if (p.states > 0) {
        const double before = s.frequency_pu;
        frequency_step(p, s, served);
        rocof = (s.frequency_pu - before) * p.nominal_frequency_hz / dt_s;
    }
    const double offset = s.event_frequency_hz + s.playback_frequency_hz;
    s.frequency_hz = p.nominal_frequency_hz * (1.0 + s.frequency_pu) + offset;
    const double reactive = (var + z.way_reactance_pu * flow) * p.base_va;
    return {served, reactive, loss, bus_w + response - carried, rocof, change};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
