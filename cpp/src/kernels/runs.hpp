// SPDX-License-Identifier: Apache-2.0
// Single stages over a whole horizon, for wattkeel.stages. Specification: prototype/runs.py.
// Arrays of a run are ticks x lanes, row by row.
#pragma once

#include "battery.hpp"
#include "control.hpp"
#include "converter.hpp"
#include "cooling.hpp"
#include "distribution.hpp"
#include "gpu.hpp"
#include "grid.hpp"
#include "rack.hpp"
#include "supercapacitor.hpp"
#include "workload.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

static void workload_run(Index ticks, Index n, const JobParams& p, JobState& s, Index seed,
                         double rated_w, double idle_w, const Index* lane_id, double* offset_tick,
                         double* demand_w) {
    for (Index t = 0; t < ticks; ++t) {
        job_step(p, s, seed, t);
        if (s.renew == 1) workload_offset(n, p, s, seed, lane_id, offset_tick);
        workload_demand(n, p, s, rated_w, idle_w, offset_tick, demand_w + t * n);
    }
}

static void gpu_run(Index ticks, Index n, const GpuParams& p, double gpus, double magic,
                    double cap_w, const double* demand_w, double* gpu_power_w,
                    double* below_floor_tick, double* overshoot_w, double* rack_demand_w,
                    double* rack_power_w, double* rack_floor_w, double* rack_deficit_w,
                    double* rack_overshoot_w) {
    for (Index t = 0; t < ticks; ++t) {
        const Index at = t * n;
        gpu_power(n, p, gpus, magic, cap_w, p.secondary_floor_w, demand_w + at, gpu_power_w,
                  below_floor_tick, overshoot_w, rack_demand_w + at, rack_power_w + at,
                  rack_floor_w + at, rack_deficit_w + at, rack_overshoot_w + at);
    }
}

static void rack_run(Index ticks, Index n, const RackParams& p, double magic, double dt_s,
                     const double* gpu_w, double* average_w, double* energy_j, double* output_w,
                     double* load_w, double* overhead_w, double* store_power_w,
                     double* store_loss_w, double* store_energy_j, double* psu_loss_w,
                     double* inlet_w) {
    for (Index t = 0; t < ticks; ++t) {
        const Index at = t * n;
        rack_load(n, p, magic, gpu_w + at, overhead_w + at, load_w);
        rack_store(n, p, magic, dt_s, t == 0 ? 1 : 0, load_w, average_w, energy_j,
                   store_power_w + at, store_loss_w + at, output_w);
        rack_psu(n, p, magic, output_w, psu_loss_w + at, inlet_w + at);
        for (Index i = 0; i < n; ++i) store_energy_j[at + i] = energy_j[i];
    }
}

static void distribution_run(Index ticks, Index n, const NodeParams* p, NodeState* s,
                             double* load_w, double* input_w, double* loss_w, double* bus_w,
                             Index* changed) {
    for (Index t = 0; t < ticks; ++t) {
        bus_w[t] = distribution_step(n, p, s, load_w + t * n, input_w + t * n, loss_w + t * n,
                                     changed + t * n);
    }
}

static void cooling_run(Index ticks, const CoolingParams& p, CoolingState& s, const double* it_w,
                        double* power_w) {
    for (Index t = 0; t < ticks; ++t) power_w[t] = cooling_step(p, s, it_w[t]);
}

static void converter_run(Index ticks, const ConverterParams& p, ConverterState& s,
                          const double* command_w, double* power_w, double* dc_w) {
    for (Index t = 0; t < ticks; ++t) {
        s.command_w = command_w[t];
        s.power_w = converter_response(p, s);
        power_w[t] = s.power_w;
        dc_w[t] = converter_dc(p, s.power_w);
    }
}

static void battery_run(Index ticks, const BatteryParams& p, BatteryState& s, const double* table,
                        const double* command_w, double* power_w, double* cell_power_w,
                        double* loss_w, double* current_a, double* voltage_v, double* soc,
                        Index* limited) {
    for (Index t = 0; t < ticks; ++t) {
        const CellFlow flow = battery_step(p, s, table, command_w[t]);
        power_w[t] = flow.delivered_w;
        cell_power_w[t] = flow.inner_w;
        loss_w[t] = flow.heat_w;
        limited[t] = flow.limited;
        current_a[t] = s.current_a;
        voltage_v[t] = s.voltage_v;
        soc[t] = s.soc;
    }
}

static void supercapacitor_run(Index ticks, const SupercapacitorParams& p, SupercapacitorState& s,
                               double dt_s, const double* command_w, double* power_w,
                               double* cell_power_w, double* loss_w, double* current_a,
                               double* voltage_v, double* soc, Index* limited) {
    for (Index t = 0; t < ticks; ++t) {
        const CellFlow flow = supercapacitor_step(p, s, dt_s, command_w[t]);
        power_w[t] = flow.delivered_w;
        cell_power_w[t] = flow.inner_w;
        loss_w[t] = flow.heat_w;
        limited[t] = flow.limited;
        current_a[t] = s.current_a;
        voltage_v[t] = s.voltage_v;
        soc[t] = (s.energy_j - p.energy_empty_j) * p.soc_per_j;
    }
}

static void control_run(Index ticks, const ControlParams& p, ControlState& s, double* ring,
                        const double* load_w, double slow_soc, double fast_soc, double* target_w,
                        double* slow_w, double* fast_w) {
    Commands commands{0.0, 0.0};
    for (Index t = 0; t < ticks; ++t) {
        const double measured = measured_load(p, s, ring, t, load_w[t]);
        if (t % p.period_tick == 0)
            commands = control_step(p, s, ring, measured, slow_soc, fast_soc);
        target_w[t] = s.target_w;
        slow_w[t] = commands.slow_w;
        fast_w[t] = commands.fast_w;
    }
}

static void grid_run(Index ticks, const GridParams& p, GridState& s, const GridEvent* event,
                     double dt_s, const double* bus_w, const double* load_var, double* power_w,
                     double* reactive_var, double* voltage_pu, double* frequency_hz,
                     double* rocof_hz_per_s, double* unserved_w) {
    for (Index t = 0; t < ticks; ++t) {
        if (t >= s.next_change_tick) grid_events(p, s, event, t);
        const PoiFlow poi = grid_step(p, s, dt_s, bus_w[t], load_var[t]);
        power_w[t] = poi.power_w;
        reactive_var[t] = poi.reactive_var;
        voltage_pu[t] = s.voltage_pu;
        frequency_hz[t] = s.frequency_hz;
        rocof_hz_per_s[t] = poi.rocof_hz_per_s;
        unserved_w[t] = poi.unserved_w;
    }
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
