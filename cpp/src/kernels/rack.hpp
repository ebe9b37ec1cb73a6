// SPDX-License-Identifier: Apache-2.0
// Stage `rack`: server overhead, shelf store, PSU. Specification and sources: prototype/rack.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline void rack_load(Index n, const RackParams& p, double magic,
                             const double* WK_RESTRICT gpu_w, double* WK_RESTRICT overhead_w,
                             double* WK_RESTRICT load_w) {
    const double constant_w = p.overhead_w;
    const double fraction = p.overhead_fraction;
    for (Index i = 0; i < n; ++i) {
        const double overhead = snap(constant_w + fraction * gpu_w[i], magic);
        overhead_w[i] = overhead;
        load_w[i] = gpu_w[i] + overhead;
    }
}

static inline void rack_store(Index n, const RackParams& p, double magic, double dt_s, Index first,
                              const double* WK_RESTRICT load_w, double* WK_RESTRICT average_w,
                              double* WK_RESTRICT energy_j, double* WK_RESTRICT store_power_w,
                              double* WK_RESTRICT store_loss_w, double* WK_RESTRICT output_w) {
    const double quantum = magic * 1.4802973661668753e-16;  // 1 / (1.5 * 2^52)
    const double margin = 4.0 * quantum;  // rounding to the quantum must not overdraw the store
    const double out_factor = p.store_discharge_factor;
    const double in_factor = p.store_charge_factor;
    const double out_per_j = 1.0 / (dt_s * out_factor);
    const double in_per_j = 1.0 / (dt_s * in_factor);
    const double decay = p.store_average_decay;
    const double target_j = p.store_target_j;
    const double recovery_per_s = p.store_recovery_per_s;
    const double capacity_j = p.store_energy_j;
    const double limit_w = p.store_power_w;
    for (Index i = 0; i < n; ++i) {
        const double load = load_w[i];
        const double average = first == 1 ? load : load + (average_w[i] - load) * decay;
        average_w[i] = average;
        const double energy = energy_j[i];
        const double wanted = (load - average) - (target_j - energy) * recovery_per_s;
        double most = energy * out_per_j - margin;
        most = most < limit_w ? most : limit_w;
        most = most < load ? most : load;
        most = most > 0.0 ? most : 0.0;
        double least = (capacity_j - energy) * in_per_j - margin;
        least = least < limit_w ? least : limit_w;
        least = least > 0.0 ? -least : 0.0;
        double power = wanted > least ? wanted : least;
        power = snap(power < most ? power : most, magic);
        const double inside = power * (power > 0.0 ? out_factor : in_factor);
        const double loss = snap(inside - power, magic);
        energy_j[i] = energy - (power + loss) * dt_s;
        store_power_w[i] = power;
        store_loss_w[i] = loss;
        output_w[i] = load - power;
    }
}

// The number of corners is known to the compiler, so that lanes can be vectorised across.
template <int knots>
WK_INLINE void rack_psu_with(Index n, const RackParams& p, double magic,
                             const double* WK_RESTRICT output_w, double* WK_RESTRICT loss_w,
                             double* WK_RESTRICT inlet_w) {
    const double loss_0_w = p.loss_0_w;
    const double loss_1 = p.loss_1;
    const double loss_2_per_w = p.loss_2_per_w;
    double knot_w[8];
    double knot_slope[8];
    for (int j = 0; j < knots; ++j) {
        knot_w[j] = p.knot_w[j];
        knot_slope[j] = p.knot_slope[j];
    }
    for (Index i = 0; i < n; ++i) {
        const double x = output_w[i];
        double loss = loss_0_w + x * (loss_1 + loss_2_per_w * x);
        for (int j = 0; j < knots; ++j) {
            const double over = x - knot_w[j];
            loss += knot_slope[j] * (over > 0.0 ? over : 0.0);
        }
        loss = snap(loss, magic);
        loss_w[i] = loss;
        inlet_w[i] = x + loss;
    }
}

static inline void rack_psu(Index n, const RackParams& p, double magic,
                            const double* WK_RESTRICT output_w, double* WK_RESTRICT loss_w,
                            double* WK_RESTRICT inlet_w) {
    switch (p.knots) {
    case 0:
        return rack_psu_with<0>(n, p, magic, output_w, loss_w, inlet_w);
    case 1:
        return rack_psu_with<1>(n, p, magic, output_w, loss_w, inlet_w);
    case 2:
        return rack_psu_with<2>(n, p, magic, output_w, loss_w, inlet_w);
    case 3:
        return rack_psu_with<3>(n, p, magic, output_w, loss_w, inlet_w);
    case 4:
        return rack_psu_with<4>(n, p, magic, output_w, loss_w, inlet_w);
    case 5:
        return rack_psu_with<5>(n, p, magic, output_w, loss_w, inlet_w);
    case 6:
        return rack_psu_with<6>(n, p, magic, output_w, loss_w, inlet_w);
    case 7:
        return rack_psu_with<7>(n, p, magic, output_w, loss_w, inlet_w);
    default:
        return rack_psu_with<8>(n, p, magic, output_w, loss_w, inlet_w);
    }
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
