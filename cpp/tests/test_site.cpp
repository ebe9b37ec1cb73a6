// SPDX-License-Identifier: Apache-2.0
// A whole site built without Python: threads, splits and instruction sets change no bit.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "cells.hpp"
#include "check.hpp"
#include "wattkeel/crew.hpp"
#include "wattkeel/kernels.hpp"

namespace {

using wattkeel::Rows;

template <class T> Rows<T> rows(std::vector<std::remove_const_t<T>>& x) {
    return {x.data(), static_cast<std::int64_t>(x.size())};
}

constexpr std::int64_t lanes = 600;
constexpr std::int64_t signals = wattkeel::site_signals + wattkeel::rack_signals +
                                 wattkeel::node_signals + wattkeel::storage_signals;

// One job on 600 racks behind a UPS, with a battery: every stage has something to do.
struct Site {
    std::vector<wattkeel::SiteParams> site{1};
    std::vector<wattkeel::JobParams> job{1};
    std::vector<wattkeel::JobState> job_state{1};
    std::vector<wattkeel::GpuParams> gpu{1};
    std::vector<wattkeel::GpuState> gpu_state{1};
    std::vector<wattkeel::RackParams> rack{1};
    std::vector<wattkeel::NodeParams> node{1};
    std::vector<wattkeel::NodeState> node_state{1};
    std::vector<wattkeel::RideParams> ride;
    std::vector<wattkeel::RideState> ride_state;
    std::vector<wattkeel::ChainParams> chain;
    std::vector<wattkeel::ChainState> chain_state;
    std::vector<wattkeel::CoolingParams> cooling{1};
    std::vector<wattkeel::CoolingState> cooling_state{1};
    std::vector<wattkeel::GenerationParams> generation;
    std::vector<wattkeel::GenerationState> generation_state;
    std::vector<wattkeel::ConverterParams> converter{1};
    std::vector<wattkeel::ConverterState> converter_state{1};
    std::vector<wattkeel::BatteryParams> battery{1};
    std::vector<wattkeel::BatteryState> battery_state{1};
    std::vector<wattkeel::ContainerParams> container{1};
    Cells cells{{3.0, 3.3, 3.4}, 1e-5, 3e7 / 3600.0, 8e3};
    std::vector<wattkeel::SupercapacitorParams> supercapacitor{1};
    std::vector<wattkeel::SupercapacitorState> supercapacitor_state{1};
    std::vector<wattkeel::SupportParams> support{1};
    std::vector<wattkeel::SupportState> support_state{1};
    std::vector<wattkeel::ControlParams> control{1};
    std::vector<wattkeel::ControlState> control_state{1};
    std::vector<wattkeel::GridParams> grid{1};
    std::vector<wattkeel::GridState> grid_state{1};
    std::vector<wattkeel::GridEvent> grid_event;
    std::vector<wattkeel::PlaybackParams> playback{1};
    std::vector<wattkeel::SheddingStage> shedding{2};
    std::vector<wattkeel::SheddingState> shedding_state{2};
    std::vector<double> frequency_ring = std::vector<double>(8);
    std::vector<wattkeel::TapChangerParams> tap_changer{1};
    std::vector<wattkeel::TapChangerState> tap_changer_state{1};
    std::vector<wattkeel::CapacitorBankParams> capacitor_bank{1};
    std::vector<wattkeel::CapacitorBankState> capacitor_bank_state{1};
    std::vector<wattkeel::IslandParams> island{1};
    std::vector<wattkeel::IslandState> island_state{1};
    std::vector<wattkeel::FormingParams> forming{1};
    std::vector<wattkeel::FormingState> forming_state{1};
    std::vector<wattkeel::RecordParams> record{1};
    std::vector<std::int64_t> clock = {0, 0};
    std::vector<double> lane = std::vector<double>(wattkeel::lane_rows * lanes);
    std::vector<std::int64_t> lane_id = std::vector<std::int64_t>(lanes);
    std::vector<double> trace_time = {0.0}, trace_value = {0.0}, level = {0.0},
                        generation_level = {0.0}, playback_level = {0.0, 0.0}, ring = {0.0, 0.0},
                        converter_table = {0.0}, converter_ring = {0.0}, unit_soc = {0.5},
                        node_load = {0.0}, node_input = {0.0}, node_loss = {0.0};
    std::vector<std::int64_t> node_changed = {0};
    std::vector<double> signal = std::vector<double>(signals), meter = signal, meter_carry = signal,
                        bucket_low = signal, bucket_high = signal, bucket_total = signal;
    std::vector<std::int64_t> keep = {0, 8};
    std::vector<double> full = std::vector<double>(2000),
                        envelope = std::vector<double>(120 * 3 * signals),
                        event_value = std::vector<double>(64);
    std::vector<std::int64_t> event_index = std::vector<std::int64_t>(128), tally = {0, 0, 0, 0};

    Site() {
        site[0] = {1e-3, 9, 1.5 * 4503599627370496.0 / 1024.0 / 1024.0,
                   1.5 * 4503599627370496.0 / 1024.0, 0};
        wattkeel::JobParams& j = job[0];
        j.compute_pu = 0.95;
        j.communication_pu = 0.4;
        j.checkpoint_pu = 0.3;
        j.checkpoint_every = 2;
        j.period_jitter = 0.02;
        j.stop_tick = std::numeric_limits<double>::infinity();
        j.start_ramp_per_tick = 0.02;
        j.stop_ramp_per_tick = 1e9;
        j.period_tick = 137.3;
        j.compute_fraction_core = 0.7;
        j.edge_per_tick = 0.2;
        j.checkpoint_tick = 60.0;
        j.straggler_tick = 9.0;
        j.rack_jitter_tick = 3.0;
        job_state[0].iteration = -1;
        gpu[0] = {1000.0, 90.0, 150.0, 600.0, 40.0, 30.0, 12.0, 0.95, 0.975, 0.11, 100.0};
        gpu_state[0].cap_w = 980.0;
        wattkeel::RackParams& r = rack[0];
        r.overhead_w = 8e3;
        r.overhead_fraction = 0.05;
        r.store_energy_j = 4680.0;
        r.store_power_w = 3e4;
        r.lane_count = lanes;
        r.gpus = 72.0;
        r.loss_0_w = 900.0;
        r.loss_1 = 0.02;
        r.knots = 2;
        r.knot_w[0] = 3e4;
        r.knot_slope[0] = 0.01;
        r.knot_w[1] = 7e4;
        r.knot_slope[1] = 0.02;
        r.store_charge_factor = 0.97;
        r.store_discharge_factor = 1.0 / 0.97;
        r.store_average_decay = 0.999;
        r.store_target_j = 2340.0;
        r.store_recovery_per_s = 0.05;
        node[0].parent_index = node[0].ride_index = node[0].chain_index = -1;
        node[0].rated_w = 45e6;
        node[0].loss_1 = 0.02;
        cooling[0] = {1e5, 0.05, 0.1, 0.9999};
        wattkeel::ConverterParams& c = converter[0];
        c.rated_power_w = c.limit_w = c.limit_va = c.most_w = c.most_va = 1e7;
        c.current_limit_pu = 1.1;
        c.decay = 0.9;
        c.ramp_w_per_tick = 1e6;
        c.ramp_lag_w = 9e6;
        c.lag_per_tick = 0.105;
        c.power_round_w = 1.5 * 4503599627370496.0 / 1024.0;
        c.share = 1.0;
        for (int way = 0; way < 2; ++way) {
            c.loss_0_w[way] = c.idle_w[way] = 7e4;
            c.loss_2_per_w[way] = 3.4e-9;
        }
        converter_state[0].override_w = std::numeric_limits<double>::quiet_NaN();
        battery[0] = cells.p;
        battery[0].series = 416.0;
        battery[0].soc_min = 0.05;
        battery[0].soc_max = 0.95;
        battery[0].voltage_min_v = 1000.0;
        battery[0].voltage_max_v = 1500.0;
        battery_state[0] = cells.s;
        control[0].target = wattkeel::control_target_follow;
        control[0].soc_power_max_w = 1e6;
        control[0].period_tick = 2;
        control[0].average_first = 1;
        control[0].ramp_up_w_per_period = 2e3;
        control[0].ramp_down_w_per_period = 2e3;
        control[0].slow_limit_w = 1e7;
        grid[0].nominal_frequency_hz = 60.0;
        grid[0].source_voltage_pu = 1.0;
        grid[0].per_base = 1e-8;
        grid[0].resistance_pu = 0.01;
        grid[0].reactance_pu = 0.1;
        frequency_side();
        grid_state[0].event_voltage_pu = 1.0;
        grid_state[0].playback_voltage_pu = 1.0;
        grid_state[0].event_impedance = 1.0;
        grid_state[0].bus_voltage_pu = 1.0;
        tap_changer_state[0].ratio = 1.0;
        island_state[0].connected = 1.0;
        island_state[0].energised = 1.0;
        island_state[0].cosine = 1.0;
        record[0].envelope_tick = 10;
        for (std::int64_t i = 0; i < lanes; ++i) {
            lane_id[static_cast<std::size_t>(i)] = i;
            lane[static_cast<std::size_t>(wattkeel::lane_gpu_power_w * lanes + i)] = 90.0;
            lane[static_cast<std::size_t>(wattkeel::lane_below_floor_tick * lanes + i)] = 13.0;
            lane[static_cast<std::size_t>(wattkeel::lane_store_energy_j * lanes + i)] = 2340.0;
        }
    }

    // A swing equation with a governor, a stage on either side, and a unit that supports.
    void frequency_side() {
        wattkeel::GridParams& p = grid[0];
        p.system_power_w = 1e9;
        p.per_system = 1e-9;
        p.states = 2;
        const double step[4] = {0.9997, 1e-4, -0.06, 0.997};
        for (int i = 0; i < 2; ++i) {
            p.step_matrix[8 * i] = step[2 * i];
            p.step_matrix[8 * i + 1] = step[2 * i + 1];
        }
        p.step_input[0] = -1e-4;
        p.output_matrix[0] = p.output_matrix[8] = 1.0;
        for (double& magic : p.state_magic) magic = 6.0;
        p.window_tick = static_cast<std::int64_t>(frequency_ring.size());
        p.per_window_s = 125.0;
        p.shedding_stages = 2;
        shedding[0] = {59.9999, 0.0, 1.0, 0.01, 3};
        shedding[1] = {60.0001, 0.0, -1.0, -0.01, 0};
        wattkeel::SupportParams& q = support[0];
        q.active = 1;
        q.nominal_hz = 60.0;
        q.per_nominal_hz = 1.0 / 60.0;
        q.droop_w = 2e8;
        q.inertia_w_s = 1e7;
        q.decay = q.hold = q.rate_decay = q.rate_hold = 0.99;
        q.rate_gain = 0.2;
        q.rate_mean = 0.1;
        q.up_w = q.down_w = q.response_w = 1e6;
        q.response_pu = -1e-6;
        q.response_sign = 1.0;
        q.sustain_tick = q.release_tick = 5;
        q.per_release = 0.2;
        q.rest_tick = 50;
        q.voltage_var = 1e7;
        q.middle_pu = 1.0;
        q.voltage_decay = q.voltage_hold = 0.99;
        q.limit_var = 1e6;
    }

    wattkeel::SiteView view() {
        return {rows<const wattkeel::SiteParams>(site),
                rows<const wattkeel::JobParams>(job),
                rows<wattkeel::JobState>(job_state),
                rows<const wattkeel::GpuParams>(gpu),
                rows<wattkeel::GpuState>(gpu_state),
                rows<const wattkeel::RackParams>(rack),
                rows<const wattkeel::NodeParams>(node),
                rows<wattkeel::NodeState>(node_state),
                rows<const wattkeel::RideParams>(ride),
                rows<wattkeel::RideState>(ride_state),
                rows<const wattkeel::ChainParams>(chain),
                rows<wattkeel::ChainState>(chain_state),
                rows<const wattkeel::CoolingParams>(cooling),
                rows<wattkeel::CoolingState>(cooling_state),
                rows<const wattkeel::GenerationParams>(generation),
                rows<wattkeel::GenerationState>(generation_state),
                rows<const wattkeel::ConverterParams>(converter),
                rows<wattkeel::ConverterState>(converter_state),
                rows<const wattkeel::BatteryParams>(battery),
                rows<wattkeel::BatteryState>(battery_state),
                rows<const wattkeel::ContainerParams>(container),
                rows<double>(cells.cell),
                rows<const wattkeel::SupercapacitorParams>(supercapacitor),
                rows<wattkeel::SupercapacitorState>(supercapacitor_state),
                rows<const wattkeel::SupportParams>(support),
                rows<wattkeel::SupportState>(support_state),
                rows<const wattkeel::ControlParams>(control),
                rows<wattkeel::ControlState>(control_state),
                rows<const wattkeel::GridParams>(grid),
                rows<wattkeel::GridState>(grid_state),
                rows<const wattkeel::GridEvent>(grid_event),
                rows<const wattkeel::PlaybackParams>(playback),
                rows<const wattkeel::SheddingStage>(shedding),
                rows<wattkeel::SheddingState>(shedding_state),
                rows<double>(frequency_ring),
                rows<const wattkeel::TapChangerParams>(tap_changer),
                rows<wattkeel::TapChangerState>(tap_changer_state),
                rows<const wattkeel::CapacitorBankParams>(capacitor_bank),
                rows<wattkeel::CapacitorBankState>(capacitor_bank_state),
                rows<const wattkeel::IslandParams>(island),
                rows<wattkeel::IslandState>(island_state),
                rows<const wattkeel::FormingParams>(forming),
                rows<wattkeel::FormingState>(forming_state),
                rows<const wattkeel::RecordParams>(record),
                rows<std::int64_t>(clock),
                rows<double>(lane),
                rows<const std::int64_t>(lane_id),
                rows<const double>(cells.table),
                rows<const double>(trace_time),
                rows<const double>(trace_value),
                rows<double>(level),
                rows<double>(generation_level),
                rows<double>(playback_level),
                rows<double>(ring),
                rows<const double>(converter_table),
                rows<double>(converter_ring),
                rows<double>(unit_soc),
                rows<double>(node_load),
                rows<double>(node_input),
                rows<double>(node_loss),
                rows<std::int64_t>(node_changed),
                rows<double>(signal),
                rows<double>(meter),
                rows<double>(meter_carry),
                rows<double>(bucket_low),
                rows<double>(bucket_high),
                rows<double>(bucket_total)};
    }

    wattkeel::ChunkView chunk() {
        return {rows<const std::int64_t>(keep), rows<double>(full),
                rows<double>(envelope),         rows<std::int64_t>(event_index),
                rows<double>(event_value),      rows<std::int64_t>(tally)};
    }
};

void step(Site& s, const std::string& isa, int threads, const std::vector<std::int64_t>& parts) {
    wattkeel::Crew crew(threads);
    const wattkeel::SiteView view = s.view();
    crew.assign(view);
    for (const std::int64_t ticks : parts)
        wattkeel::kernels(isa).advance(view, s.chunk(), ticks, crew.team());
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

bool same(Site& a, Site& b) {
    return same(a.lane, b.lane) && same(a.signal, b.signal) && same(a.meter, b.meter) &&
           same(a.bucket_total, b.bucket_total) && same(a.cells.cell, b.cells.cell) &&
           std::memcmp(a.battery_state.data(), b.battery_state.data(),
                       sizeof(wattkeel::BatteryState)) == 0;
}

}  // namespace

TEST(the_balance_of_the_poi_closes) {
    Site s;
    step(s, "", 1, {700});
    const double* x = s.signal.data();
    const double* r = x + wattkeel::site_signals;
    const double* n = r + wattkeel::rack_signals;
    const double* b = n + wattkeel::node_signals;
    CHECK(x[0] > 1e6);
    CHECK_CLOSE(x[0] + b[1], r[10] + n[1] + x[11] + x[5], 1e-14);
    CHECK_CLOSE(b[4], b[1] + b[2] + b[3] + b[9], 1e-13);
    CHECK_CLOSE(r[1] + r[5] + r[6], r[10] + r[7], 1e-14);
    for (const double value : s.signal) CHECK(std::isfinite(value));
    CHECK_EQ(s.clock[0], 700);
}

TEST(threads_splits_and_instruction_sets_change_no_bit) {
    Site one;
    step(one, "", 1, {700});
    for (const std::string& isa : wattkeel::available_instruction_sets()) {
        for (const int threads : {1, 2, 3}) {
            Site other;
            step(other, isa, threads, {1, 299, 0, 400});
            CHECK(same(one, other));
        }
    }
}

TEST(frequency_moves_stages_trip_and_the_unit_supports) {
    Site s;
    s.grid[0].reference_core_w = 1e6;  // less than the site draws: the frequency falls
    step(s, "", 1, {700});
    CHECK(s.grid_state[0].frequency_pu < 0.0);
    CHECK_EQ(s.shedding_state[0].tripped, 2);
    CHECK_EQ(s.shedding_state[1].tripped, 0);
    CHECK_CLOSE(s.signal[18], 1e7, 1e-12);
    CHECK(s.converter_state[0].support_w > 0.0);
    CHECK(s.support_state[0].frequency_pu < 0.0);
}

TEST(events_beyond_the_table_are_counted) {
    Site s;
    s.node[0].rated_w = 30e6;
    s.event_value.resize(2);
    step(s, "", 1, {700});
    CHECK_EQ(s.tally[2], 1);
    CHECK(s.tally[3] > 0);
}
