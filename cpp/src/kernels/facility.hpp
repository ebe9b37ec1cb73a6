// SPDX-License-Identifier: Apache-2.0
// Stage `distribution`: dynamics of a node's power electronics. Specification:
// prototype/facility.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index chain_rows = 24;
inline constexpr double chain_least_w = 1e-100;

// The width is known when compiled, so that the sums of all rows stay in registers.
template <int width>
static inline double chain_advance(const ChainParams& p, ChainState& s, double power_w) {
    double sum[width];
    for (int i = 0; i < width; ++i) sum[i] = p.given[i] * power_w;
    for (Index j = 0; j < p.states; ++j) {
        const double x = s.state[j];
        const double* column = p.forward + chain_rows * j;
        for (int i = 0; i < width; ++i) sum[i] += column[i] * x;
    }
    const double before_j = s.state[p.states];
    for (int i = 0; i < width; ++i) s.next[i] = sum[i];
    for (int i = 0; i < width; ++i) {
        const double y = s.next[i];
        s.state[i] = (y > chain_least_w || y < -chain_least_w) ? y : 0.0;
    }
    s.stored_w = (s.state[p.states] - before_j) * p.per_tick_hz;
    return s.stored_w;
}

static inline double chain_step(const ChainParams& p, ChainState& s, double power_w) {
    if (s.started == 0) {
        s.started = 1;
        for (Index i = 0; i < p.width; ++i) s.state[i] = p.settled[i] * power_w;
    }
    if (p.width == 8) return chain_advance<8>(p, s, power_w);
    if (p.width == 16) return chain_advance<16>(p, s, power_w);
    return chain_advance<24>(p, s, power_w);
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
