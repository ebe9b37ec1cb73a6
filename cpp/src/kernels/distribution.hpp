// SPDX-License-Identifier: Apache-2.0
// Stage `distribution`. Specification: prototype/distribution.py.
#pragma once

#include "facility.hpp"
#include "numeric.hpp"
#include "ride_through.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline double distribution_step(Index n, const NodeParams* p, NodeState* s,
                                       const RideParams* ride, RideState* ride_state,
                                       const ChainParams* chain, ChainState* chain_state,
                                       Index tick, double voltage_pu, double frequency_pu,
                                       double* WK_RESTRICT load_w, double* WK_RESTRICT input_w,
                                       double* WK_RESTRICT loss_w, Index* WK_RESTRICT changed) {
    double bus_w = 0.0;
    for (Index i = 0; i < n; ++i) {
        double out = load_w[i];
        const Index c = p[i].chain_index;
        if (c >= 0) out += chain_step(chain[c], chain_state[c], out);
        const Index r = p[i].ride_index;
        if (r >= 0) out = perc1_step(ride[r], ride_state[r], tick, voltage_pu, frequency_pu, out);
        load_w[i] = out;
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

static inline void write_ride_signals(const RideState& s, double* out) {
    out[0] = s.ceased_w;
    out[1] = s.lost_w;
    out[2] = s.backup_w;
    out[3] = s.backup_loss_w;
    out[4] = s.spent_j;
    out[5] = s.reactive_var;
    out[6] = s.share;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
