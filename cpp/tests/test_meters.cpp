// SPDX-License-Identifier: Apache-2.0
// Streaming meters, on every instruction set that the machine has: brute force, cuts, tidying.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "wattkeel/kernels.hpp"

using wattkeel::kernels;
using wattkeel::KernelTable;

namespace {

using Index = std::int64_t;
constexpr double infinity = std::numeric_limits<double>::infinity();

void on_every_instruction_set(void (*body)(const KernelTable&)) {
    for (const std::string& name : wattkeel::available_instruction_sets()) body(kernels(name));
}

// Plateaus and jumps, so that equal values occur.
std::vector<double> course(std::size_t n) {
    std::vector<double> x(n);
    std::uint64_t state = 12345;
    for (double& v : x) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        v = static_cast<double>(state >> 60);
    }
    return x;
}

struct Window {
    Index ticks;
    std::vector<double> past, level{-infinity, infinity};
    Index tally[1] = {0};

    explicit Window(Index w)
        : ticks(w), past(static_cast<std::size_t>(3 * (w + 1) + 2), -infinity) {
        for (std::size_t i = static_cast<std::size_t>(2 * (w + 1) + 1); i < past.size(); ++i)
            past[i] = infinity;
    }
};

}  // namespace

TEST(a_range_is_that_of_its_window) {
    on_every_instruction_set([](const KernelTable& k) {
        const std::vector<double> x = course(400);
        for (const Index ticks : {1, 2, 7, 63, 399, 1000}) {
            Window w(ticks);
            std::vector<double> y(x.size());
            for (std::size_t at = 0; at < x.size(); at += 25) {
                k.range_run(25, ticks, 0, w.tally, w.level.data(), w.past.data(), &x[at], &y[at]);
            }
            for (std::size_t i = 0; i < x.size(); ++i) {
                double high = x[i], low = x[i];
                for (std::size_t j = i; j + static_cast<std::size_t>(ticks) >= i; --j) {
                    high = std::fmax(high, x[j]);
                    low = std::fmin(low, x[j]);
                    if (j == 0) break;
                }
                CHECK_EQ(std::fabs(y[i]), high - low);
                CHECK(high == low || (y[i] > 0.0) == (x[i] == high));
            }
        }
    });
}

TEST(a_stretch_above_the_limit_is_measured_across_blocks) {
    on_every_instruction_set([](const KernelTable& k) {
        std::vector<double> y(1000, 0.0);
        for (std::size_t i = 100; i < 300; ++i) y[i] = 2.0;
        for (std::size_t i = 500; i < 510; ++i) y[i] = -3.0;
        Index tally[8] = {};
        double level[2] = {-infinity, 0.0};
        k.worst_run(1000, 0, 1.0, tally, level, y.data());
        CHECK_EQ(level[0], 3.0);
        CHECK_EQ(level[1], -3.0);
        const Index expected[8] = {1000, 500, 0, 0, 10, 200, 210, 2};
        CHECK(std::memcmp(tally, expected, sizeof tally) == 0);
    });
}

TEST(what_decays_is_tidied_and_a_cut_changes_no_bit) {
    on_every_instruction_set([](const KernelTable& k) {
        const double pole = 0.5;
        std::vector<double> section(5 * 4, 0.0), x(5000, 0.0), whole(4 * 5000), cut(4 * 5000);
        for (std::size_t j = 0; j < 4; ++j) {
            // z^2 / (z^2 - pole z), in d = z - 1
            section[j] = 1.0;
            section[4 + j] = 2.0;
            section[8 + j] = 1.0;
            section[12 + j] = 2.0 - pole;
            section[16 + j] = 1.0 - pole;
        }
        x[0] = 1e9;
        std::vector<double> level(4, 0.0), memory(8, 0.0), other(8, 0.0);
        Index tally[1] = {0}, again[1] = {0};
        k.filter_run(5000, 4, 0, 1, section.data(), memory.data(), tally, level.data(), x.data(),
                     whole.data());
        for (const double m : memory) CHECK_EQ(m, 0.0);
        CHECK_EQ(whole[3], 1e9 * pole * pole * pole);
        for (std::size_t at = 0; at < 5000; at += 100) {
            std::vector<double> part(400);
            k.filter_run(100, 4, 0, 1, section.data(), other.data(), again, level.data(), &x[at],
                         part.data());
            for (std::size_t j = 0; j < 4; ++j)
                std::memcpy(&cut[j * 5000 + at], &part[j * 100], 100 * sizeof(double));
        }
        CHECK(std::memcmp(whole.data(), cut.data(), whole.size() * sizeof(double)) == 0);
    });
}
