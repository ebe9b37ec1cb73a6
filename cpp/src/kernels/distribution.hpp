// SPDX-License-Identifier: Apache-2.0
// Stage `distribution`. Specification: prototype/distribution.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline double distribution_step(Index n, const NodeParams* p, NodeState* s,
                                       double* WK_RESTRICT load_w, double* WK_RESTRICT input_w,
                                       double* WK_RESTRICT loss_w, Index* WK_RESTRICT changed) {
    double bus_w = 0.0;
    for (Index i = 0; i < n; ++i) {
        const double out = load_w[i];
        const double loss = loss_curve(out, p[i].loss_0_w, p[i].loss_1, p[i].loss_2_per_w,
                                       p[i].knots, p[i].knot_w, p[i].knot_slope);
        const double power = out + loss;
        loss_w[i] = loss;
        input_w[i] = power;
        const Index over = out > p[i].rated_w ? 1 : 0;
        changed[i] = over - s[i].overloaded;
        s[i].overloaded = over;
        if (p[i].parent_index >= 0) {
            load_w[p[i].parent_index] += power;
        } else {
            bus_w += power;
        }
    }
    return bus_w;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
