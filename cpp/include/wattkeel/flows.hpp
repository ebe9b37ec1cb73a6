// SPDX-License-Identifier: Apache-2.0
// Small results that kernels return by value.
#pragma once

#include <cstdint>

namespace wattkeel {

// Place in a trace: row under way, passes completed.
struct TracePlace {
    std::int64_t cursor;
    std::int64_t turn;
};

// What a cell store did in a tick.
struct CellFlow {
    double delivered_w;
    double inner_w;
    double heat_w;
    std::int64_t limited;
};

// The cell matrix: at(row)[i] is a quantity of group i of strings.
struct CellRows {
    double* base;
    std::int64_t stride;
    double* at(std::int64_t row) const { return base + row * stride; }
};

// What a unit of battery strings did in a tick.
struct BatteryFlow {
    double delivered_w;
    double inner_w;
    double heat_w;
    double stored_w;
    double current_a;
    double voltage_v;
    double end_voltage_v;
    double soc;
    std::int64_t limited;
};

// Commands of the control to all slow and to all fast units.
struct Commands {
    double slow_w;
    double fast_w;
};

// Voltage of a bus, the share of its load that it serves, the load and the voltage it is taken at.
struct BusVoltage {
    double voltage_pu;
    double share;
    double power_pu;
    double var_pu;
    double taken_pu;
    double loading_pu;
};

// The source as the site bus sees it, and the way from the POI to the bus alone.
struct NetworkSource {
    double voltage_pu;
    double resistance_pu;
    double reactance_pu;
    double way_resistance_pu;
    double way_reactance_pu;
};

// P = p0 + p1 V + p2 V^2 and Q alike.
struct NetworkLoad {
    double p0;
    double p1;
    double p2;
    double q0;
    double q1;
    double q2;
};

// Voltage of a bus, and its angle as a unit phasor.
struct BusPhasor {
    double voltage_pu;
    double cosine;
    double sine;
};

// A unit phasor.
struct Phasor {
    double cosine;
    double sine;
};

// What the grid stage gives for a tick.
struct PoiFlow {
    double power_w;
    double reactive_var;
    double loss_w;
    double unserved_w;
    double rocof_hz_per_s;
    std::int64_t change;
};

// What grid support adds to the command of a converter in a tick; change of the fast response.
struct SupportFlow {
    double power_w;
    double reactive_var;
    std::int64_t change;
};

// What a transformer alone gives for a tick.
struct TransformerFlow {
    double power_w;
    double reactive_var;
    double loss_w;
    double voltage_pu;
    double share;
};

}  // namespace wattkeel
