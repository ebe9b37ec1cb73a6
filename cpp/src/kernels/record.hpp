// SPDX-License-Identifier: Apache-2.0
// Stage `record`: meters, envelopes, full-rate rows. Specification: prototype/record.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr double big = 1.7976931348623157e308;

static inline void envelope_clear(Index n, double* WK_RESTRICT low, double* WK_RESTRICT high,
                                  double* WK_RESTRICT total) {
    for (Index i = 0; i < n; ++i) {
        low[i] = big;
        high[i] = -big;
        total[i] = 0.0;
    }
}

// Meter and envelope in one pass over the signals.
static inline void signals_add(Index n, const double* WK_RESTRICT signal, double* WK_RESTRICT meter,
                               double* WK_RESTRICT meter_carry, double* WK_RESTRICT low,
                               double* WK_RESTRICT high, double* WK_RESTRICT total) {
    for (Index i = 0; i < n; ++i) {
        const double x = signal[i];
        two_sum(x, meter[i], meter_carry[i]);
        low[i] = x < low[i] ? x : low[i];
        high[i] = x > high[i] ? x : high[i];
        total[i] += x;
    }
}

static inline void envelope_close(Index n, Index count, const double* WK_RESTRICT low,
                                  const double* WK_RESTRICT high, const double* WK_RESTRICT total,
                                  double* WK_RESTRICT out) {
    const double ticks = static_cast<double>(count);
    for (Index i = 0; i < n; ++i) {
        out[i] = low[i];
        out[n + i] = total[i] / ticks;
        out[2 * n + i] = high[i];
    }
}

static inline Index record_tick(Index n, const double* WK_RESTRICT signal,
                                double* WK_RESTRICT meter, double* WK_RESTRICT meter_carry,
                                double* WK_RESTRICT low, double* WK_RESTRICT high,
                                double* WK_RESTRICT total, Index bucket_fill, Index bucket_ticks,
                                Index kept, const Index* WK_RESTRICT keep, double* WK_RESTRICT row,
                                double* WK_RESTRICT bucket) {
    if (bucket_fill == 0) envelope_clear(n, low, high, total);
    signals_add(n, signal, meter, meter_carry, low, high, total);
    for (Index j = 0; j < kept; ++j) row[j] = signal[keep[j]];
    ++bucket_fill;
    if (bucket_fill == bucket_ticks) {
        envelope_close(n, bucket_fill, low, high, total, bucket);
        bucket_fill = 0;
    }
    return bucket_fill;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
