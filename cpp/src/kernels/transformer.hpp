// SPDX-License-Identifier: Apache-2.0
// A transformer alone. Specification: prototype/transformer.py.
#pragma once

#include "network.hpp"
#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline TransformerFlow transformer_step(const NodeParams& p, const GridParams& z,
                                               double source_pu, double power_w,
                                               double reactive_var) {
    const BusVoltage poi =
        bus_voltage(source_pu, z.resistance_pu, z.reactance_pu, power_w * z.per_base, 0.0, 0.0,
                    reactive_var * z.per_base, 0.0, 0.0, 1.0);
    const double power = poi.share * power_w;
    const double var = poi.share * reactive_var;
    const double square = power * power + var * var;
    const double loss = loss_curve(WK_SQRT(square), p.loss_0_w, p.loss_1, p.loss_2_per_w, p.knots,
                                   p.knot_w, p.knot_slope);
    double drop = 0.0;
    if (poi.voltage_pu > 0.0) {
        drop = z.reactance_pu * (square * z.per_base) / (poi.voltage_pu * poi.voltage_pu);
    }
    return {power + loss, var + drop, loss, poi.voltage_pu, poi.share};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
