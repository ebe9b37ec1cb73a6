// SPDX-License-Identifier: Apache-2.0
// Stage `cooling`. Specification: prototype/cooling.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static inline double cooling_step(const CoolingParams& p, CoolingState& s, double it_w) {
    if (s.started == 0) {
        s.started = 1;
        s.lagged_w = it_w;
    }
    s.lagged_w = it_w + (s.lagged_w - it_w) * p.decay;
    return p.fixed_w + p.proportional * it_w + p.lagged * s.lagged_w;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
