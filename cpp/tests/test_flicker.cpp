// SPDX-License-Identifier: Apache-2.0
// The flickermeter, on every instruction set that the machine has: classes, cuts, memory.
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "check.hpp"
#include "wattkeel/kernels.hpp"

using wattkeel::FlickerParams;
using wattkeel::FlickerState;
using wattkeel::kernels;
using wattkeel::KernelTable;

namespace {

constexpr std::int64_t classes = 12289;  // a class below 2^-24, then 48 octaves of 256

void on_every_instruction_set(void (*body)(const KernelTable&)) {
    for (const std::string& name : wattkeel::available_instruction_sets()) body(kernels(name));
}

// A chain that lets everything through: P_inst is the square of the high-passed level, smoothed.
FlickerParams open_chain() {
    FlickerParams p{};
    p.mean_share = 1e-4;
    p.high_gain = 1.0;
    p.high_pole = 0.999;
    for (int i = 0; i < 5; ++i) p.section[5 * i] = 1.0;
    p.smooth_share = 0.1;
    p.scale = 1.0;
    return p;
}

}  // namespace

TEST(every_double_has_a_class) {
    on_every_instruction_set([](const KernelTable& k) {
        const double infinity = std::numeric_limits<double>::infinity();
        for (const double low :
             {0.0, -0.0, -1.0, 5e-324, std::nextafter(std::ldexp(1.0, -24), 0.0), std::nan("")}) {
            CHECK_EQ(k.flicker_class(low), 0);
        }
        CHECK_EQ(k.flicker_class(std::ldexp(1.0, -24)), 1);
        CHECK_EQ(k.flicker_class(std::nextafter(std::ldexp(1.0, 24), 0.0)), classes - 1);
        CHECK_EQ(k.flicker_class(std::ldexp(1.0, 24)), classes - 1);
        CHECK_EQ(k.flicker_class(infinity), classes - 1);
        CHECK_EQ(k.flicker_class(1.0), 1 + 24 * 256);
        CHECK_EQ(k.flicker_class(std::nextafter(1.0, 0.0)), 24 * 256);
    });
}

TEST(a_cut_changes_no_bit_and_every_sample_is_counted) {
    on_every_instruction_set([](const KernelTable& k) {
        const FlickerParams p = open_chain();
        std::vector<double> voltage(1000);
        for (std::size_t i = 0; i < voltage.size(); ++i)
            voltage[i] = 1.0 + 0.01 * static_cast<double>(i % 7);
        FlickerState whole{}, cut{};
        std::vector<std::int64_t> one(classes), two(classes);
        std::vector<double> series(100), pieces(100);
        k.flicker_run(1000, p, whole, one.data(), 1, 10, voltage.data(), series.data());
        std::int64_t done = 0, written = 0;
        for (const std::int64_t n : {3, 250, 7, 740}) {
            k.flicker_run(n, p, cut, two.data(), 1, 10, voltage.data() + done,
                          pieces.data() + written);
            done += n;
            written = done / 10;
        }
        CHECK_EQ(std::memcmp(&whole, &cut, sizeof whole), 0);
        CHECK(one == two);
        CHECK(series == pieces);
        CHECK_EQ(std::accumulate(one.begin(), one.end(), std::int64_t{0}), 1000);
    });
}
