// SPDX-License-Identifier: Apache-2.0
// Properties of single kernels, on every instruction set that the machine has.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "cells.hpp"
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
        Cells b({3.3, 3.3}, 1e-3, 1e6, 1e9);
        const auto step = [&](double power_w) {
            return k.battery_step(b.p, b.s, b.c, 0, b.rows(), b.table.data(), power_w);
        };
        const auto flow = step(330.0);
        CHECK_CLOSE(flow.current_a, 103.229170174, 1e-9);
        CHECK_CLOSE(flow.voltage_v, 3.19677082983, 1e-9);
        CHECK_CLOSE(flow.inner_w, flow.delivered_w + flow.heat_w, 1e-12);
        CHECK_CLOSE(step(-330.0).current_a, -97.1405209656, 1e-9);
        const auto beyond = step(2722.6);
        CHECK_EQ(beyond.limited, 1);
        CHECK_CLOSE(beyond.current_a, 1650.0, 1e-12);
        CHECK_CLOSE(beyond.delivered_w, 2722.5, 1e-12);
    });
}

TEST(an_empty_battery_delivers_nothing_and_stays_in_its_window) {
    on_every_instruction_set([](const KernelTable& k) {
        Cells b({3.0, 3.4}, 1e-3, 1.0 / 3600.0, 1e9);
        b.p.soc_min = 0.1;
        const auto step = [&](double power_w) {
            return k.battery_step(b.p, b.s, b.c, 0, b.rows(), b.table.data(), power_w);
        };
        b.at(wattkeel::cell_soc) = 0.1;
        CHECK_EQ(step(100.0).delivered_w, 0.0);
        b.at(wattkeel::cell_soc) = 0.1 + 5e-6;
        for (int i = 0; i < 100; ++i) step(1.0);
        CHECK(b.at(wattkeel::cell_soc) >= 0.1 - 1e-15);
    });
}

TEST(many_batteries_step_like_one) {
    on_every_instruction_set([](const KernelTable& k) {
        constexpr std::int64_t n = 131, ticks = 250;  // more than two tiles, and a renewal
        Cells b({3.0, 3.2, 3.4}, 1e-3, 5.0, 1e3);
        std::vector<double> cell(static_cast<std::size_t>(wattkeel::cell_rows * n));
        for (std::int64_t row = 0; row < wattkeel::cell_rows; ++row) {
            std::fill_n(cell.begin() + row * n, n, b.at(row));
        }
        std::vector<double> command(static_cast<std::size_t>(ticks * n));
        for (std::size_t i = 0; i < command.size(); ++i) {
            command[i] = 40.0 * static_cast<double>(i % 7) - 100.0;
        }
        std::vector<std::vector<double>> out(10, std::vector<double>(command.size()));
        wattkeel::BatteryState s = b.s;
        k.batteries_run(ticks, 1, n, b.p, s, b.c, 0, {cell.data(), n}, b.table.data(),
                        command.data(), out[0].data(), out[1].data(), out[2].data(), out[3].data(),
                        out[4].data(), out[5].data(), out[6].data(), out[7].data(), out[8].data(),
                        out[9].data());
        for (std::int64_t t = 0; t < ticks; ++t) {
            const auto at = static_cast<std::size_t>(t * n + n - 1);
            const auto flow =
                k.battery_step(b.p, b.s, b.c, 0, b.rows(), b.table.data(), command[at]);
            CHECK_EQ(flow.delivered_w, out[0][at]);
            CHECK_EQ(flow.current_a, out[4][at]);
            CHECK_EQ(flow.soc, out[7][at]);
        }
    });
}

TEST(converter_losses_invert) {
    on_every_instruction_set([](const KernelTable& k) {
        wattkeel::ConverterParams p{};
        for (int way = 0; way < 2; ++way) {
            p.loss_0_w[way] = p.idle_w[way] = 7200.0;
            p.loss_1[way] = 0.002;
            p.loss_2_per_w[way] = 0.0345e-6;
        }
        const double none[1] = {};
        for (const double ac : {-1e6, -3e5, -1.0, 0.0, 1.0, 4e5, 1e6}) {
            const double dc = k.converter_dc(p, none, ac, 0.0);
            CHECK(std::fabs(k.converter_ac(p, none, dc, 0.0) - ac) < 1e-8);
            CHECK(dc >= ac + 7200.0);
        }
    });
}

TEST(voltage_collapses_beyond_the_nose_and_is_never_nan) {
    // SCR 2, X/R 10, unity power factor: P_max = 1/(2(R + |Z|)) = 0.9095012.
    on_every_instruction_set([](const KernelTable& k) {
        const double r = 0.5 / std::sqrt(101.0);
        const auto solve = [&k, r](double source, double power, double var) {
            return k.bus_voltage(source, r, 10.0 * r, power, 0.0, 0.0, var, 0.0, 0.0, 1.0);
        };
        const auto below = solve(1.0, 0.9095, 0.0);
        CHECK_EQ(below.share, 1.0);
        CHECK(below.loading_pu < 1.0);
        const auto beyond = solve(1.0, 1.0, 0.0);
        CHECK_CLOSE(beyond.share, 0.9095012, 1e-7);
        CHECK(beyond.voltage_pu > 0.6 && beyond.voltage_pu < 0.8);
        const auto dead = solve(0.0, 1.0, 0.2);
        CHECK_EQ(dead.share, 0.0);
        CHECK_EQ(dead.voltage_pu, 0.0);
    });
}

TEST(an_unknown_instruction_set_is_refused) { CHECK_THROWS(kernels("z80"), std::invalid_argument); }

namespace {

// A first-order lag with the factor `decay` per tick of 1 ms, and its energy; `width` rows in use.
wattkeel::ChainParams lag_chain(double decay, std::int64_t width) {
    wattkeel::ChainParams p{};
    const double time_constant_s = -1e-3 / std::log(decay);
    p.states = 1;
    p.width = width;
    p.forward[0] = decay;
    p.forward[1] = -time_constant_s * decay;
    p.given[0] = 1.0 - decay;
    p.given[1] = -time_constant_s * (1.0 - decay);
    p.settled[0] = 1.0;
    p.settled[1] = -time_constant_s;
    p.per_tick_hz = 1e3;
    return p;
}

}  // namespace

TEST(a_chain_keeps_its_energy_and_ends_at_zero) {
    on_every_instruction_set([](const KernelTable& k) {
        for (const std::int64_t width : {8, 16, 24}) {
            const wattkeel::ChainParams p = lag_chain(0.98, width);
            wattkeel::ChainState s{};
            CHECK(std::fabs(k.chain_step(p, s, 4e6)) < 1e-6);
            double stored_j = 0.0;
            for (int t = 0; t < 20'000; ++t) stored_j += 1e-3 * k.chain_step(p, s, 0.0);
            CHECK_CLOSE(stored_j, -p.settled[1] * 4e6, 1e-12);
            CHECK(s.state[0] == 0.0);
            CHECK(s.state[1] == 0.0);
        }
    });
}

TEST(a_load_ceases_returns_and_is_paid_back) {
    on_every_instruction_set([](const KernelTable& k) {
        wattkeel::RideParams p{};
        p.cease_voltage_pu = 0.5;
        p.reconnect_voltage_pu = 0.6;
        p.sag_voltage_pu = 0.9;
        p.ceased_load = wattkeel::ride_ceased_load_backup;
        p.voltage_decay = p.output_decay = std::exp(-0.05);
        p.lead_ratio[0] = p.lead_ratio[1] = 1.0;
        p.current_max_w[0] = p.current_max_w[1] = 2e6;
        p.cease_tick = 10.0;
        p.returned_share = 1.0;
        p.reconnect_tick = 50.0;
        p.ramp_per_tick = 0.01;
        p.backup_j = std::numeric_limits<double>::infinity();
        p.recharge_w = 2e5;
        p.recharge_efficiency = 0.9;
        p.dt_s = 1e-3;
        p.per_tick_hz = 1e3;
        p.sags = 2;
        p.sag_window_tick = 60'000.0;
        p.sag_return_tick = 500.0;
        wattkeel::RideState s{};
        double left_j = 0.0;
        std::int64_t ceased = 0;
        for (std::int64_t t = 0; t < 20'000; ++t) {
            const double voltage = (t >= 100 && t < 300) || (t >= 2000 && t < 2010) ? 0.25 : 1.0;
            k.perc1_step(p, s, t, voltage, 0.0, 1e6);
            left_j += 1e-3 * s.backup_w;
            if (s.mode == 1 && ceased == 0) ceased = t;
            if (t == 2000) CHECK_EQ(s.mode, 3);
            CHECK(std::fabs(s.lost_w) < 1e-6);
        }
        CHECK_EQ(ceased, 131);  // 21.97 ms and 10 ms after the step
        CHECK_EQ(s.mode, 0);
        CHECK(std::fabs(left_j) < 1e-3);
        CHECK(s.spent_j == 0.0);
    });
}
