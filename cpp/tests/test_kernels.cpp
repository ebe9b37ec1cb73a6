// SPDX-License-Identifier: Apache-2.0
// Properties of single kernels, on every instruction set that the machine has.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.hpp"
#include "wattkeel/kernels.hpp"

using wattkeel::kernels;
using wattkeel::KernelTable;

namespace {

constexpr double quantum = 1.0 / (1 << 20);
const double magic = 1.5 * 4503599627370496.0 * quantum;  // 1.5 * 2^52 quanta

double snap(double x) { return (x + magic) - magic; }

void on_every_instruction_set(void (*body)(const KernelTable&)) {
    for (const std::string& name : wattkeel::available_instruction_sets()) body(kernels(name));
}

wattkeel::BatteryParams battery() {
    wattkeel::BatteryParams p{};
    p.soc_min = 0.0;
    p.soc_max = 1.0;
    p.capacity_as = 3600.0 * 1e6;
    p.charge_per_tick = 1e-3 / p.capacity_as;
    p.current_per_soc_a = 1.0 / p.charge_per_tick;
    p.series = 1.0;
    p.resistance_ohm = 1e-3;
    p.per_ohm = 1e3;
    p.current_min_a = -1e9;
    p.current_max_a = 1e9;
    p.voltage_min_v = 0.0;
    p.voltage_max_v = 1e9;
    p.ocv_intervals = 1.0;
    return p;
}

}  // namespace

TEST(sum_of_snapped_powers_is_the_same_in_any_order) {
    on_every_instruction_set([](const KernelTable& k) {
        std::mt19937_64 random(1);
        std::uniform_real_distribution<double> power(0.0, 1.5e5);
        std::vector<double> x(1003);
        for (double& value : x) value = snap(power(random));
        const double total = k.lane_sum(static_cast<std::int64_t>(x.size()), x.data());
        for (int turn = 0; turn < 20; ++turn) {
            std::shuffle(x.begin(), x.end(), random);
            CHECK_EQ(k.lane_sum(static_cast<std::int64_t>(x.size()), x.data()), total);
        }
        long double exact = 0.0L;
        for (const double value : x) exact += value;
        CHECK_EQ(static_cast<double>(exact), total);
    });
}

TEST(compensated_sum_does_not_drift) {
    on_every_instruction_set([](const KernelTable& k) {
        double total = 0.0, carry = 0.0;
        const double x = 0.1;
        for (int i = 0; i < 1000000; ++i) k.compensated_add(1, &x, &total, &carry);
        // 0.1 is the double nearest to a tenth: 1e6 times it, computed in long double.
        CHECK_CLOSE(total + carry, static_cast<double>(1e6L * static_cast<long double>(x)), 1e-15);
    });
}

TEST(philox_draws_do_not_depend_on_neighbours) {
    on_every_instruction_set([](const KernelTable& k) {
        const std::int64_t lanes[3] = {5, 900, 17};
        double all[3], one;
        k.philox_fill(3, 42, 7, 11, lanes, all);
        for (int i = 0; i < 3; ++i) {
            k.philox_fill(1, 42, 7, 11, lanes + i, &one);
            CHECK_EQ(one, all[i]);
            CHECK(one > 0.0 && one < 1.0);
        }
    });
}

TEST(battery_solves_constant_power_as_in_closed_form) {
    // E 3.3 V, R 1 mohm: P = (E - R i) i; the largest power is E^2/(4R) = 2722.5 W at E/(2R) = 1650
    // A.
    on_every_instruction_set([](const KernelTable& k) {
        const double table[2] = {3.3, 3.3};
        wattkeel::BatteryState s{};
        s.soc = 0.5;
        const wattkeel::BatteryParams p = battery();
        const auto flow = k.battery_step(p, s, table, 330.0);
        CHECK_CLOSE(s.current_a, 103.229170174, 1e-9);
        CHECK_CLOSE(s.voltage_v, 3.19677082983, 1e-9);
        CHECK_CLOSE(flow.inner_w, flow.delivered_w + flow.heat_w, 1e-12);
        k.battery_step(p, s, table, -330.0);
        CHECK_CLOSE(s.current_a, -97.1405209656, 1e-9);
        const auto beyond = k.battery_step(p, s, table, 2722.6);
        CHECK_EQ(beyond.limited, 1);
        CHECK_CLOSE(s.current_a, 1650.0, 1e-12);
        CHECK_CLOSE(beyond.delivered_w, 2722.5, 1e-12);
    });
}

TEST(an_empty_battery_delivers_nothing_and_stays_in_its_window) {
    on_every_instruction_set([](const KernelTable& k) {
        const double table[2] = {3.0, 3.4};
        wattkeel::BatteryParams p = battery();
        p.soc_min = 0.1;
        p.capacity_as = 1.0;
        p.charge_per_tick = 1e-3;
        p.current_per_soc_a = 1e3;
        wattkeel::BatteryState s{};
        s.soc = 0.1;
        CHECK_EQ(k.battery_step(p, s, table, 100.0).delivered_w, 0.0);
        s.soc = 0.1 + 5e-6;
        for (int i = 0; i < 100; ++i) k.battery_step(p, s, table, 1.0);
        CHECK(s.soc >= 0.1 - 1e-15);
    });
}

TEST(converter_losses_invert) {
    on_every_instruction_set([](const KernelTable& k) {
        wattkeel::ConverterParams p{};
        p.loss_0_w = 7200.0;
        p.loss_1 = 0.002;
        p.loss_2_per_w = 0.0345e-6;
        for (const double ac : {-1e6, -3e5, -1.0, 0.0, 1.0, 4e5, 1e6}) {
            CHECK(std::fabs(k.converter_ac(p, k.converter_dc(p, ac)) - ac) < 1e-8);
            CHECK(k.converter_dc(p, ac) >= ac + 7200.0);
        }
    });
}

TEST(voltage_collapses_beyond_the_nose_and_is_never_nan) {
    // SCR 2, X/R 10, unity power factor: P_max = 1/(2(R + |Z|)) = 0.9095012.
    on_every_instruction_set([](const KernelTable& k) {
        wattkeel::GridParams p{};
        p.resistance_pu = 0.5 / std::sqrt(101.0);
        p.reactance_pu = 10.0 * p.resistance_pu;
        p.impedance_squared = 0.25;
        const auto below = k.thevenin_voltage(p, 1.0, 0.9095, 0.0);
        CHECK_EQ(below.share, 1.0);
        const auto beyond = k.thevenin_voltage(p, 1.0, 1.0, 0.0);
        CHECK_CLOSE(beyond.share, 0.9095012, 1e-7);
        CHECK(beyond.voltage_pu > 0.6 && beyond.voltage_pu < 0.8);
        const auto dead = k.thevenin_voltage(p, 0.0, 1.0, 0.2);
        CHECK_EQ(dead.share, 0.0);
        CHECK_EQ(dead.voltage_pu, 0.0);
    });
}

TEST(an_unknown_instruction_set_is_refused) { CHECK_THROWS(kernels("z80"), std::invalid_argument); }
