// SPDX-License-Identifier: Apache-2.0
// Small numeric building blocks that several kernels share. Specification: prototype/numeric.py.
#pragma once

#include "wattkeel/flows.hpp"
#include "wattkeel/params.hpp"

#if defined(_MSC_VER)
#include <cmath>
#define WK_RESTRICT __restrict
#define WK_INLINE static __forceinline
#define WK_INLINED
#define WK_SQRT(x) std::sqrt(x)
#define WK_FLOOR(x) std::floor(x)
#define WK_ABS(x) std::fabs(x)
#define WK_INFINITY HUGE_VAL
#define WK_NAN NAN
#define WK_LANES
#define WK_UNROLL
#define WK_PREFETCH(address)
#define WK_PREFETCH_WRITE(address)
#else
#define WK_RESTRICT __restrict__
// Kernel units see no inline function of the standard library: the linker may keep any one copy of
// it, and a copy compiled for AVX-512 would be an illegal instruction elsewhere.
#define WK_INLINE static inline __attribute__((always_inline))
#define WK_INLINED __attribute__((always_inline))  // of a lambda
#define WK_SQRT(x) __builtin_sqrt(x)
#define WK_FLOOR(x) __builtin_floor(x)
#define WK_ABS(x) __builtin_fabs(x)
#define WK_INFINITY __builtin_inf()
#define WK_NAN __builtin_nan("")
#define WK_PREFETCH(address) __builtin_prefetch(address)
#define WK_PREFETCH_WRITE(address) __builtin_prefetch(address, 1)
// Before a loop over lanes whose rows lie in one matrix: they do not overlap.
#if defined(__clang__)
#define WK_LANES _Pragma("clang loop vectorize(assume_safety)")
#define WK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define WK_LANES _Pragma("GCC ivdep")
#define WK_UNROLL _Pragma("GCC unroll 4")
#endif
#endif

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

using Index = std::int64_t;

WK_INLINE double clamp(double x, double low, double high) {
    x = x > low ? x : low;
    return x < high ? x : high;
}

// Rounds to the power quantum; see prototype/numeric.py for why sums of such powers are exact.
WK_INLINE double snap(double x, double magic) { return (x + magic) - magic; }

// Sums in many parts, for vectors and for additions that do not wait for each other; exact addition
// makes the order irrelevant.
#define WATTKEEL_EXACT_SUM(n, TERM)                                                                \
    double part[8] = {};                                                                           \
    Index i = 0;                                                                                   \
    if (n >= 32) {                                                                                 \
        double wide[32] = {};                                                                      \
        for (; i + 32 <= n; i += 32) {                                                             \
            for (Index j = 0; j < 32; ++j) wide[j] += TERM(i + j);                                 \
        }                                                                                          \
        for (Index j = 0; j < 8; ++j) {                                                            \
            part[j] = (wide[j] + wide[8 + j]) + (wide[16 + j] + wide[24 + j]);                     \
        }                                                                                          \
    }                                                                                              \
    for (; i + 8 <= n; i += 8) {                                                                   \
        for (Index j = 0; j < 8; ++j) part[j] += TERM(i + j);                                      \
    }                                                                                              \
    double rest = 0.0;                                                                             \
    for (; i < n; ++i) rest += TERM(i);                                                            \
    return rest + (((part[0] + part[4]) + (part[1] + part[5])) +                                   \
                   ((part[2] + part[6]) + (part[3] + part[7])))

static inline double lane_sum(Index n, const double* WK_RESTRICT x) {
#define WATTKEEL_TERM(at) x[at]
    WATTKEEL_EXACT_SUM(n, WATTKEEL_TERM);
#undef WATTKEEL_TERM
}

static inline double snapped_sum(Index n, const double* WK_RESTRICT x, double magic) {
#define WATTKEEL_TERM(at) snap(x[at], magic)
    WATTKEEL_EXACT_SUM(n, WATTKEEL_TERM);
#undef WATTKEEL_TERM
}

// Adds x to the running sum total + carry (Knuth's TwoSum; error of second order in eps).
WK_INLINE void two_sum(double x, double& total, double& carry) {
    const double a = total;
    const double b = x + carry;
    const double s = a + b;
    const double t = s - a;
    carry = (a - (s - t)) + (b - t);
    total = s;
}

static inline void compensated_add(Index n, const double* WK_RESTRICT x, double* WK_RESTRICT total,
                                   double* WK_RESTRICT carry) {
    for (Index i = 0; i < n; ++i) two_sum(x[i], total[i], carry[i]);
}

constexpr double gentle = 1.0 / 512.0;

WK_INLINE double gentle_rise(double x) {
    const double x2 = x * x;
    const double low = 1.0 - x * 0.5;
    const double middle = 1.0 / 6.0 - x * (1.0 / 24.0);
    const double high = 1.0 / 120.0 - x * (1.0 / 720.0);
    return x * ((low + x2 * middle) + (x2 * x2) * high);
}

// Without a branch, for lanes.
WK_INLINE double steep_rise(double x) {
    const double y = x < 700.0 ? x : 700.0;
    const double n = WK_FLOOR(y * 1.4426950408889634 + 0.5);
    const double r = (n * 0.6931471803691238 - y) + n * 1.9082149292705877e-10;
    const double r2 = r * r;
    const double r4 = r2 * r2;
    const double low = (0.5 + r * (1.0 / 6.0)) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
    const double middle =
        (1.0 / 720.0 + r * (1.0 / 5040.0)) + r2 * (1.0 / 40320.0 + r * (1.0 / 362880.0));
    const double high = (1.0 / 3628800.0 + r * (1.0 / 39916800.0)) +
                        r2 * (1.0 / 479001600.0 + r * (1.0 / 6227020800.0));
    const double q = r + r2 * (low + r4 * (middle + r4 * high));
    // 2^-n by its bits: in the binade of 2^52 the last bits of 1023 - n + 2^52 are the exponent.
    const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, 4503599627371519.0 - n) << 52;
    const double power = __builtin_bit_cast(double, bits);
    return x < 700.0 ? (1.0 - power) - power * q : 1.0;
}

WK_INLINE double rise_of(double x) {
    if (x < gentle) return gentle_rise(x);
    return steep_rise(x);
}

WK_INLINE double loss_curve(double x, double loss_0_w, double loss_1, double loss_2_per_w,
                            Index knots, const double* knot_w, const double* knot_slope) {
    const double m = x > 0.0 ? x : -x;
    double loss = loss_0_w + m * (loss_1 + loss_2_per_w * m);
    for (Index j = 0; j < knots; ++j) {
        const double over = m - knot_w[j];
        loss += knot_slope[j] * (over > 0.0 ? over : 0.0);
    }
    return loss;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
