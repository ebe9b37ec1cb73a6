// SPDX-License-Identifier: Apache-2.0
// Compiled once per instruction set: all kernels, as a table.
#include "kernels/ageing.hpp"
#include "kernels/flicker.hpp"
#include "kernels/runs.hpp"
#include "kernels/site.hpp"
#include "wattkeel/kernels.hpp"

#define WATTKEEL_TEXT_OF(x) #x
#define WATTKEEL_TEXT(x) WATTKEEL_TEXT_OF(x)

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

extern const KernelTable table;
// In the order of KernelTable. The name is the namespace's without "isa_".
const KernelTable table = {
    &WATTKEEL_TEXT(WATTKEEL_ISA_NAMESPACE)[4],
    advance,
    lane_sum,
    snapped_sum,
    compensated_add,
    rise_of,
    philox_bell,
    philox_fill,
    job_step,
    workload_offset,
    workload_demand,
    trace_mean,
    trace_demand,
    gpu_power,
    rack_load,
    rack_store,
    rack_psu,
    chain_step,
    perc1_step,
    distribution_step,
    cooling_step,
    converter_capability,
    converter_response,
    converter_settle,
    converter_dc,
    converter_ac,
    battery_warm,
    battery_hold,
    battery_source,
    battery_share,
    battery_apply,
    battery_step,
    supercapacitor_step,
    support_step,
    dwell_add,
    stress_begin,
    stress_add,
    stress_close,
    stress_run,
    measured_load,
    moving_average,
    control_step,
    playback_step,
    grid_events,
    largest_root,
    bus_voltage,
    tap_step,
    capacitor_step,
    turned,
    forming_solve,
    forming_step,
    forming_begin,
    island_step,
    island_balance,
    island_lift,
    island_turn,
    frequency_step,
    frequency_window,
    load_shedding,
    grid_step,
    record_tick,
    workload_run,
    gpu_run,
    rack_run,
    distribution_run,
    cooling_run,
    converter_run,
    battery_run,
    batteries_run,
    supercapacitor_run,
    control_run,
    grid_run,
    support_run,
    transformer_step,
    transformer_run,
    flicker_class,
    flicker_step,
    flicker_run,
};

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
