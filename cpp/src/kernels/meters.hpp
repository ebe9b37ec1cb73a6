// SPDX-License-Identifier: Apache-2.0
// Streaming meters of a power: filters, rolling windows, worst moments, tones, excursions.
// Specification: prototype/meters.py.
#pragma once

#include "numeric.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

// The same numbers stand in prototype/meters.py.
inline constexpr Index filter_coefficients = 5;
inline constexpr Index filter_memories = 2;
inline constexpr Index meter_tidy_every = 256;
inline constexpr double meter_tiny = 1e-60;
inline constexpr Index ramp_class_bits = 10;
inline constexpr Index ramp_least_octave = -10;
inline constexpr Index ramp_octaves = 54;
inline constexpr Index ramp_classes = 1 + (ramp_octaves << ramp_class_bits);
inline constexpr double least_ramp = 1.0 / 1024.0;
inline constexpr double most_ramp = 17592186044416.0;
inline constexpr Index change_both = 0;
inline constexpr Index change_up = 1;

// Filters that run side by side in one vector. A compiler does not find these lanes by itself: it
// would have to see that memories and samples never overlap across a recursion.
inline constexpr Index filter_width = 4;
#if defined(_MSC_VER)
struct FilterLanes {
    double lane[filter_width];
    double& operator[](Index j) { return lane[j]; }
    double operator[](Index j) const { return lane[j]; }
};
#define WATTKEEL_LANEWISE(op)                                                                      \
    WK_INLINE FilterLanes operator op(const FilterLanes& a, const FilterLanes& b) {                \
        FilterLanes r;                                                                             \
        for (Index j = 0; j < filter_width; ++j) r[j] = a[j] op b[j];                              \
        return r;                                                                                  \
    }
WATTKEEL_LANEWISE(+)
WATTKEEL_LANEWISE(-)
WATTKEEL_LANEWISE(*)
#undef WATTKEEL_LANEWISE
#else
typedef double FilterLanes __attribute__((vector_size(filter_width * sizeof(double))));
#endif

WK_INLINE void filter_gather(double& to, const double* from) { to = *from; }
WK_INLINE void filter_gather(FilterLanes& to, const double* from) {
    to = FilterLanes{from[0], from[1], from[2], from[3]};
}
WK_INLINE void filter_scatter(const double& from, double* to, Index) { *to = from; }
WK_INLINE void filter_scatter(const FilterLanes& from, double* to, Index stride) {
    for (Index j = 0; j < filter_width; ++j) to[j * stride] = from[j];
}
WK_INLINE void filter_input(double& to, const double* from, Index) { to = *from; }
WK_INLINE void filter_input(FilterLanes& to, const double* from, Index across) {
    to = FilterLanes{from[0], from[across], from[2 * across], from[3 * across]};
}

// One stretch of at most meter_tidy_every samples through filters of a known number of sections,
// whose memories stay in registers: one filter (Lane = double), or several side by side. Samples of
// neighbouring filters lie `across` apart (0: they share them).
template <Index sections, class Lane>
static inline void filter_stretch(Index n, Index lanes, Index across, Index stride,
                                  const double* section, double* memory, const double* level,
                                  const double* WK_RESTRICT x, double* WK_RESTRICT y) {
    Lane c[sections][filter_coefficients];
    Lane m[sections][filter_memories];
    Lane level_now;
    filter_gather(level_now, level);
    for (Index k = 0; k < sections; ++k) {
        for (Index q = 0; q < filter_coefficients; ++q) {
            filter_gather(c[k][q], section + (filter_coefficients * k + q) * lanes);
        }
        for (Index q = 0; q < filter_memories; ++q) {
            filter_gather(m[k][q], memory + (filter_memories * k + q) * lanes);
        }
    }
    for (Index i = 0; i < n; ++i) {
        Lane v;
        filter_input(v, x + i, across);
        v = v - level_now;
        WK_UNROLL
        for (Index k = 0; k < sections; ++k) {
            const Lane out = c[k][0] * v + m[k][0];
            m[k][0] = ((c[k][1] * v + m[k][1]) + m[k][0]) - c[k][3] * out;
            m[k][1] = (c[k][2] * v + m[k][1]) - c[k][4] * out;
            v = out;
        }
        filter_scatter(v, y + i, stride);
    }
    for (Index k = 0; k < sections; ++k) {
        for (Index q = 0; q < filter_memories; ++q) {
            filter_scatter(m[k][q], memory + (filter_memories * k + q) * lanes, 1);
        }
    }
}

// Any number of sections, one filter at a time.
static inline void filter_lane(Index n, Index lanes, Index sections, const double* section,
                               double* memory, double level, const double* WK_RESTRICT x,
                               double* WK_RESTRICT y) {
    for (Index i = 0; i < n; ++i) {
        double v = x[i] - level;
        for (Index k = 0; k < sections; ++k) {
            const double* c = section + filter_coefficients * k * lanes;
            double* m = memory + filter_memories * k * lanes;
            const double out = c[0] * v + m[0];
            m[0] = ((c[lanes] * v + m[lanes]) + m[0]) - c[3 * lanes] * out;
            m[lanes] = (c[2 * lanes] * v + m[lanes]) - c[4 * lanes] * out;
            v = out;
        }
        y[i] = v;
    }
}

template <class Lane>
static inline bool filter_known(Index n, Index lanes, Index across, Index stride, Index sections,
                                const double* section, double* memory, const double* level,
                                const double* x, double* y) {
    switch (sections) {
    case 1:
        filter_stretch<1, Lane>(n, lanes, across, stride, section, memory, level, x, y);
        return true;
    case 2:
        filter_stretch<2, Lane>(n, lanes, across, stride, section, memory, level, x, y);
        return true;
    case 4:
        filter_stretch<4, Lane>(n, lanes, across, stride, section, memory, level, x, y);
        return true;
    default:
        return false;
    }
}

static void filter_run(Index n, Index lanes, Index across, Index sections, const double* section,
                       double* memory, Index* tally, const double* level, const double* x,
                       double* y) {
    for (Index start = 0; start < n;) {
        Index part = meter_tidy_every - tally[0] % meter_tidy_every;
        part = part < n - start ? part : n - start;
        for (Index j = 0; j < lanes;) {
            const double* c = section + j;
            double* m = memory + j;
            const double* in = x + j * across + start;
            double* out = y + j * n + start;
            if (lanes - j >= filter_width &&
                filter_known<FilterLanes>(part, lanes, across, n, sections, c, m, level + j, in,
                                          out)) {
                j += filter_width;
            } else if (filter_known<double>(part, lanes, across, n, sections, c, m, level + j, in,
                                            out)) {
                j += 1;
            } else {
                filter_lane(part, lanes, sections, c, m, level[j], in, out);
                j += 1;
            }
        }
        start += part;
        tally[0] += part;
        if (tally[0] % meter_tidy_every == 0) {
            for (Index j = 0; j < filter_memories * sections * lanes; ++j) {
                memory[j] = memory[j] > meter_tiny || memory[j] < -meter_tiny ? memory[j] : 0.0;
            }
        }
    }
}

// From each place of a full block to its end.
static inline void range_turn(Index length, const double* WK_RESTRICT block,
                              double* WK_RESTRICT tops, double* WK_RESTRICT bottoms) {
    double high = -WK_INFINITY, low = WK_INFINITY;
    for (Index j = length - 1; j >= 0; --j) {
        const double v = block[j];
        high = v > high ? v : high;
        low = v < low ? v : low;
        tops[j] = high;
        bottoms[j] = low;
    }
}

template <Index mode>
static inline void range_part(Index n, double* level, double* WK_RESTRICT block,
                              const double* WK_RESTRICT tops, const double* WK_RESTRICT bottoms,
                              const double* WK_RESTRICT x, double* WK_RESTRICT y) {
    double high = level[0], low = level[1];
    for (Index i = 0; i < n; ++i) {
        const double v = x[i];
        high = v > high ? v : high;
        low = v < low ? v : low;
        const double top = high > tops[i] ? high : tops[i];
        const double bottom = low < bottoms[i] ? low : bottoms[i];
        if constexpr (mode == change_both) {
            y[i] = v == top ? top - bottom : bottom - top;
        } else if constexpr (mode == change_up) {
            y[i] = v - bottom;
        } else {
            y[i] = top - v;
        }
        block[i] = v;
    }
    level[0] = high;
    level[1] = low;
}

static void range_run(Index n, Index ticks, Index mode, Index* tally, double* level, double* past,
                      const double* WK_RESTRICT x, double* WK_RESTRICT y) {
    const Index length = ticks + 1;
    double* tops = past + length;
    double* bottoms = tops + length + 1;
    for (Index start = 0; start < n;) {
        const Index at = tally[0];
        const Index part = length - at < n - start ? length - at : n - start;
        double* block = past + at;
        const double* top = tops + at + 1;
        const double* bottom = bottoms + at + 1;
        if (mode == change_both) {
            range_part<change_both>(part, level, block, top, bottom, x + start, y + start);
        } else if (mode == change_up) {
            range_part<change_up>(part, level, block, top, bottom, x + start, y + start);
        } else {
            range_part<2>(part, level, block, top, bottom, x + start, y + start);
        }
        start += part;
        tally[0] = at + part;
        if (tally[0] == length) {
            range_turn(length, past, tops, bottoms);
            tally[0] = 0;
            level[0] = -WK_INFINITY;
            level[1] = WK_INFINITY;
        }
    }
}

static Index mean_run(Index n, Index ticks, Index* tally, double* level, double* past,
                      const double* WK_RESTRICT x, double* WK_RESTRICT y) {
    double* ends = past + ticks;
    Index count = 0;
    for (Index i = 0; i < n; ++i) {
        const double v = x[i];
        const Index at = tally[0];
        level[0] += v;
        past[at] = v;
        if (tally[1] == 1 || at + 1 == ticks) {
            y[count] = (ends[at + 1] + level[0]) / static_cast<double>(ticks);
            ++count;
        }
        tally[0] = at + 1;
        if (tally[0] == ticks) {
            double total = 0.0;
            for (Index j = ticks - 1; j >= 0; --j) {
                total += past[j];
                ends[j] = total;
            }
            tally[0] = 0;
            tally[1] = 1;
            level[0] = 0.0;
        }
    }
    return count;
}

static Index difference_run(Index n, Index ticks, Index* tally, double* past,
                            const double* WK_RESTRICT x, double* WK_RESTRICT y) {
    Index count = 0;
    for (Index start = 0; start < n;) {
        const Index at = tally[0];
        Index part = ticks - at < n - start ? ticks - at : n - start;
        double* WK_RESTRICT ring = past + at;
        const double* WK_RESTRICT now = x + start;
        if (tally[1] == ticks) {
            double* WK_RESTRICT out = y + count;
            for (Index i = 0; i < part; ++i) {
                const double v = now[i];
                out[i] = v - ring[i];
                ring[i] = v;
            }
            count += part;
        } else {
            part = part < ticks - tally[1] ? part : ticks - tally[1];
            for (Index i = 0; i < part; ++i) ring[i] = now[i];
            tally[1] += part;
        }
        start += part;
        tally[0] = at + part < ticks ? at + part : 0;
    }
    return count;
}

template <Index mode> static inline double worst_size(double v) {
    if constexpr (mode == change_both) return v >= 0.0 ? v : -v;
    if constexpr (mode == change_up) return v > 0.0 ? v : 0.0;
    return v < 0.0 ? -v : 0.0;
}

// What worst_run counts, in registers while a stretch is read.
struct WorstTally {
    Index samples, at, stretch, holds, held, longest, above, stretches;
};

template <Index mode>
static inline void worst_part(Index n, double limit, WorstTally& t, double* level,
                              const double* WK_RESTRICT y) {
    for (Index i = 0; i < n; ++i) {
        const double v = worst_size<mode>(y[i]);
        const bool above = v > limit;
        if (!above) {
            t.stretch = 0;
            t.holds = 0;
        }
        if (v > level[0]) {
            level[0] = v;
            level[1] = y[i];
            t.at = t.samples + i;
            t.holds = above ? 1 : 0;
            t.held = 0;
        }
        if (above) {
            t.stretch += 1;
            t.held = t.holds == 1 ? t.stretch : t.held;
            t.longest = t.stretch > t.longest ? t.stretch : t.longest;
            t.above += 1;
            t.stretches += t.stretch == 1 ? 1 : 0;
        }
    }
    t.samples += n;
}

// Most stretches hold no new largest value, and are below the limit or above it from end to end:
// they are counted at once.
template <Index mode>
static inline void worst_series(Index n, double limit, Index* tally, double* level,
                                const double* WK_RESTRICT y) {
    constexpr Index size = 64;
    WorstTally t{tally[0], tally[1], tally[2], tally[3], tally[4], tally[5], tally[6], tally[7]};
    for (Index start = 0; start < n; start += size) {
        const double* WK_RESTRICT part = y + start;
        const Index count = n - start < size ? n - start : size;
        const double most = level[0];
        Index over = 0, larger = 0;
        for (Index i = 0; i < count; ++i) {
            const double v = worst_size<mode>(part[i]);
            over += v > limit ? 1 : 0;
            larger += v > most ? 1 : 0;
        }
        if (larger == 0 && over == 0) {
            t.samples += count;
            t.stretch = 0;
            t.holds = 0;
        } else if (larger == 0 && over == count) {
            t.samples += count;
            t.stretches += t.stretch == 0 ? 1 : 0;
            t.stretch += count;
            t.held = t.holds == 1 ? t.stretch : t.held;
            t.longest = t.stretch > t.longest ? t.stretch : t.longest;
            t.above += count;
        } else {
            worst_part<mode>(count, limit, t, level, part);
        }
    }
    tally[0] = t.samples;
    tally[1] = t.at;
    tally[2] = t.stretch;
    tally[3] = t.holds;
    tally[4] = t.held;
    tally[5] = t.longest;
    tally[6] = t.above;
    tally[7] = t.stretches;
}

static void worst_run(Index n, Index mode, double limit, Index* tally, double* level,
                      const double* WK_RESTRICT y) {
    if (mode == change_both) {
        worst_series<change_both>(n, limit, tally, level, y);
    } else if (mode == change_up) {
        worst_series<change_up>(n, limit, tally, level, y);
    } else {
        worst_series<2>(n, limit, tally, level, y);
    }
}

static void span_run(Index n, Index* tally, double* level, const double* WK_RESTRICT x) {
    constexpr Index stretch = 64;
    for (Index start = 0; start < n; start += stretch) {
        const Index part = n - start < stretch ? n - start : stretch;
        const double* WK_RESTRICT now = x + start;
        const double high = level[0], low = level[1];
        Index beyond = 0;
        for (Index i = 0; i < part; ++i) beyond += (now[i] > high ? 1 : 0) + (now[i] < low ? 1 : 0);
        for (Index i = 0; beyond != 0 && i < part; ++i) {
            if (now[i] > level[0]) {
                level[0] = now[i];
                tally[1] = tally[0] + i;
            }
            if (now[i] < level[1]) {
                level[1] = now[i];
                tally[2] = tally[0] + i;
            }
        }
        tally[0] += part;
    }
}

static void tones_run(Index n, Index tones, const double* WK_RESTRICT turn, double* memory,
                      double* WK_RESTRICT level, const double* WK_RESTRICT x) {
    for (Index i = 0; i < n; ++i) {
        const double v = x[i] - level[0];
        level[1] += v;
        WK_LANES
        for (Index j = 0; j < tones; ++j) {
            const double c = memory[j], s = memory[tones + j];
            memory[2 * tones + j] += v * c;
            memory[3 * tones + j] += v * s;
            memory[4 * tones + j] += c;
            memory[5 * tones + j] += s;
            memory[j] = c * turn[j] - s * turn[tones + j];
            memory[tones + j] = s * turn[j] + c * turn[tones + j];
        }
    }
}

static inline Index ramp_class(double size) {
    if (!(size >= least_ramp)) return 0;
    if (!(size < most_ramp)) return ramp_classes - 1;
    // Exponent and leading bits of the fraction, one after the other, count the classes.
    const std::uint64_t bits = __builtin_bit_cast(std::uint64_t, size) >> (52 - ramp_class_bits);
    return static_cast<Index>(bits) - ((1023 + ramp_least_octave) << ramp_class_bits) + 1;
}

static void classes_run(Index n, Index* WK_RESTRICT classes, const double* WK_RESTRICT y) {
    for (Index i = 0; i < n; ++i) classes[ramp_class(y[i] >= 0.0 ? y[i] : -y[i])] += 1;
}

static void excursion_run(Index n, Index timers, const double* WK_RESTRICT low,
                          const double* WK_RESTRICT high, const double* WK_RESTRICT inside,
                          Index capacity, Index* tally, Index* count, Index* rows, double* extremes,
                          const double* WK_RESTRICT x) {
    const Index width = 2 + timers;
    for (Index i = 0; i < n; ++i) {
        const double v = x[i];
        if (v >= inside[0] && v < inside[1]) {
            if (tally[1] == 1) {
                tally[1] = 0;
                for (Index j = 0; j < timers; ++j) count[j] = 0;
            }
        } else {
            if (tally[1] == 0) {
                tally[1] = 1;
                tally[2] += 1;
                if (tally[2] <= capacity) {
                    rows[(tally[2] - 1) * width] = tally[0];
                    extremes[(tally[2] - 1) * 2] = v;
                    extremes[(tally[2] - 1) * 2 + 1] = v;
                }
            }
            for (Index j = 0; j < timers; ++j) {
                if (v >= low[j] && v < high[j]) {
                    count[j] += 1;
                    if (count[j] > count[timers + j]) {
                        count[timers + j] = count[j];
                        count[2 * timers + j] = tally[0];
                    }
                }
            }
            if (tally[2] <= capacity) {
                const Index at = tally[2] - 1;
                rows[at * width + 1] = tally[0] + 1;
                for (Index j = 0; j < timers; ++j) rows[at * width + 2 + j] = count[j];
                extremes[2 * at] = v < extremes[2 * at] ? v : extremes[2 * at];
                extremes[2 * at + 1] = v > extremes[2 * at + 1] ? v : extremes[2 * at + 1];
            }
        }
        tally[0] += 1;
    }
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
