// SPDX-License-Identifier: Apache-2.0
// Stage `storage`: a source behind a resistance. Specification and sources:
// prototype/source.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

struct SourceCurrent {
    double current_a;
    Index limited;
};

static inline SourceCurrent current_for_power(double power_w, double emf_v, double resistance_ohm,
                                              double per_ohm, double least, double most) {
    if (per_ohm > 0.0) {
        const double nose = 0.5 * emf_v * per_ohm;
        most = most < nose ? most : nose;
    }
    most = most > 0.0 ? most : 0.0;
    least = least < 0.0 ? least : 0.0;
    const double inner = emf_v * emf_v - 4.0 * resistance_ohm * power_w;
    if (inner < 0.0) return {most, 1};
    const double current = 2.0 * power_w / (emf_v + WK_SQRT(inner));
    if (current > most) return {most, 1};
    if (current < least) return {least, 1};
    return {current, 0};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
