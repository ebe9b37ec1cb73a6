// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers, Philox4x32-10 (Salmon et al., SC11, doi:10.1145/2063384.2063405).
// Specification: prototype/philox.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

inline constexpr Index job_lane =
    0xFFFFFFF0;  // lanes that no rack has: draws of the job as a whole

struct Words {
    std::uint64_t word[4];
};

WK_INLINE Words philox_words(std::uint64_t c0, std::uint64_t c1, std::uint64_t c2, std::uint64_t c3,
                             std::uint64_t k0, std::uint64_t k1) {
    constexpr std::uint64_t mask = 0xFFFFFFFF;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = 0xD2511F53ULL * c0;
        const std::uint64_t p1 = 0xCD9E8D57ULL * c2;
        c0 = (p1 >> 32) ^ c1 ^ k0;
        c2 = (p0 >> 32) ^ c3 ^ k1;
        c1 = p1 & mask;
        c3 = p0 & mask;
        k0 = (k0 + 0x9E3779B9ULL) & mask;
        k1 = (k1 + 0xBB67AE85ULL) & mask;
    }
    return {{c0, c1, c2, c3}};
}

WK_INLINE double unit_interval(std::uint64_t word) {
    return (static_cast<double>(static_cast<Index>(word)) + 0.5) * 2.3283064365386963e-10;
}

WK_INLINE Words philox_at(Index seed, Index stream, Index lane, Index index) {
    constexpr std::uint64_t mask = 0xFFFFFFFF;
    const auto key = static_cast<std::uint64_t>(seed);
    const auto step = static_cast<std::uint64_t>(index);
    return philox_words(static_cast<std::uint64_t>(lane) & mask, step & mask, step >> 32,
                        static_cast<std::uint64_t>(stream) & mask, key & mask, key >> 32);
}

WK_INLINE double philox_first(Index seed, Index stream, Index lane, Index index) {
    return unit_interval(philox_at(seed, stream, lane, index).word[0]);
}

static inline double philox_bell(Index seed, Index stream, Index index) {
    double total = 0.0;
    for (Index part = 0; part < 3; ++part) {
        const Words w = philox_at(seed, stream, job_lane + part, index);
        total +=
            ((unit_interval(w.word[0]) + unit_interval(w.word[1])) + unit_interval(w.word[2])) +
            unit_interval(w.word[3]);
    }
    return total - 6.0;
}

static inline void philox_fill(Index n, Index seed, Index stream, Index index,
                               const Index* WK_RESTRICT lane_id, double* WK_RESTRICT uniform) {
    for (Index i = 0; i < n; ++i) uniform[i] = philox_first(seed, stream, lane_id[i], index);
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
