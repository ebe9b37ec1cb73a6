// SPDX-License-Identifier: Apache-2.0
// The kernels of one instruction set as a table. Every kernel has a prototype of the same name and
// order of arguments in python/wattkeel/prototype/, which is its specification.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wattkeel/flows.hpp"
#include "wattkeel/site.hpp"

namespace wattkeel {

struct KernelTable {
    using Index = std::int64_t;
    using In = const double*;
    using Out = double*;

    const char* name;
    AdvanceFunction advance;

    // numeric, philox
    double (*lane_sum)(Index n, In x);
    double (*snapped_sum)(Index n, In x, double magic);
    void (*compensated_add)(Index n, In x, Out total, Out carry);
    double (*rise_of)(double x);
    double (*philox_bell)(Index seed, Index stream, Index index);
    void (*philox_fill)(Index n, Index seed, Index stream, Index index, const Index* lane_id,
                        Out uniform);
    // workload
    void (*job_step)(const JobParams& p, JobState& s, Index seed, Index tick);
    void (*workload_offset)(Index n, const JobParams& p, const JobState& s, Index seed,
                            const Index* lane_id, Out offset_tick);
    void (*workload_demand)(Index n, const JobParams& p, const JobState& s, double rated_w,
                            double idle_w, In offset_tick, Out demand_w);
    TracePlace (*trace_mean)(double start, In time, In value, Index rows, Index columns,
                             double length, Index linear, Index repeat, Index cursor, Index turn,
                             Out level);
    void (*trace_demand)(Index n, const JobState& s, Index columns, double scale, double idle_w,
                         const Index* lane_id, In level, Out demand_w);
    // gpu
    void (*gpu_power)(Index n, const GpuParams& p, double gpus, double magic, double cap_w,
                      double secondary_floor_w, In demand_w, Out gpu_power_w, Out below_floor_tick,
                      Out overshoot_w, Out rack_demand_w, Out rack_power_w, Out rack_floor_w,
                      Out rack_deficit_w, Out rack_overshoot_w);
    // rack
    void (*rack_load)(Index n, const RackParams& p, double magic, In gpu_w, Out overhead_w,
                      Out load_w);
    void (*rack_store)(Index n, const RackParams& p, double magic, double dt_s, Index first,
                       In load_w, Out average_w, Out energy_j, Out store_power_w, Out store_loss_w,
                       Out output_w);
    void (*rack_psu)(Index n, const RackParams& p, double magic, In output_w, Out loss_w,
                     Out inlet_w);
    // distribution, cooling
    double (*chain_step)(const ChainParams& p, ChainState& s, double power_w);
    double (*perc1_step)(const RideParams& p, RideState& s, Index tick, double voltage_pu,
                         double frequency_pu, double demand_w);
    double (*distribution_step)(Index n, const NodeParams* p, NodeState* s, const RideParams* ride,
                                RideState* ride_state, const ChainParams* chain,
                                ChainState* chain_state, Index tick, double voltage_pu,
                                double frequency_pu, Out load_w, Out input_w, Out loss_w,
                                Index* changed);
    double (*cooling_step)(const CoolingParams& p, CoolingState& s, double it_w);
    // storage
    double (*converter_capability)(const ConverterParams& p, ConverterState& s, double power,
                                   double var, double voltage_pu);
    double (*converter_response)(const ConverterParams& p, ConverterState& s, Out ring,
                                 double voltage_pu);
    double (*converter_settle)(const ConverterParams& p, ConverterState& s, double power_w);
    double (*converter_dc)(const ConverterParams& p, In table, double ac_w, double var);
    double (*converter_ac)(const ConverterParams& p, In table, double dc_w, double var);
    void (*battery_warm)(Index n, const BatteryParams& p, BatteryState& s, const ContainerParams& c,
                         CellRows cell);
    void (*battery_hold)(Index n, const BatteryParams& p, BatteryState& s, CellRows cell, In table);
    void (*battery_source)(Index n, const BatteryParams& p, Index mode, CellRows cell, In table,
                           double asked);
    Index (*battery_share)(Index n, const BatteryParams& p, Index mode, CellRows cell,
                           double asked);
    void (*battery_apply)(Index n, const BatteryParams& p, CellRows cell);
    BatteryFlow (*battery_step)(const BatteryParams& p, BatteryState& s, const ContainerParams& c,
                                Index mode, CellRows cell, In table, double asked);
    CellFlow (*supercapacitor_step)(const SupercapacitorParams& p, SupercapacitorState& s,
                                    double dt_s, double power_w);
    SupportFlow (*support_step)(const SupportParams& p, SupportState& s, double frequency_hz,
                                double phase_jump_rad, double voltage_pu);
    // ageing
    void (*dwell_add)(Out counter, double soc, double temperature_k, double elapsed_s);
    void (*stress_begin)(const StressParams& p, StressState& s, Out counter, double soc,
                         double temperature_k);
    void (*stress_add)(const StressParams& p, StressState& s, Out counter, Out log, double soc,
                       double temperature_k, double elapsed_s);
    void (*stress_close)(const StressParams& p, StressState& s, Out counter, Out log);
    void (*stress_run)(Index n, const StressParams& p, StressState& s, Out counter, Out log, In soc,
                       In temperature_k, In elapsed_s);
    // control
    double (*measured_load)(const ControlParams& p, const ControlState& s, Out ring, Index tick,
                            double load_w);
    double (*moving_average)(const ControlParams& p, ControlState& s, Out ring, double load_w);
    Commands (*control_step)(const ControlParams& p, ControlState& s, Out ring, double load_w,
                             double slow_soc, double fast_soc);
    // grid
    Index (*playback_step)(const PlaybackParams& p, GridState& s, In time, In value, Out level,
                           Index tick);
    void (*grid_events)(const GridParams& p, GridState& s, const GridEvent* event, Index tick);
    double (*largest_root)(double c4, double c3, double c2, double c1, double c0);
    BusVoltage (*bus_voltage)(double source_pu, double resistance_pu, double reactance_pu,
                              double p0, double p1, double p2, double q0, double q1, double q2,
                              double before_pu);
    Index (*tap_step)(const TapChangerParams& p, TapChangerState& s, double voltage_pu);
    Index (*capacitor_step)(const CapacitorBankParams& p, CapacitorBankState& s, double voltage_pu);
    Phasor (*turned)(double cosine, double sine, double angle_rad);
    BusPhasor (*forming_solve)(Index n, const FormingParams* f, FormingState* s, double energised,
                               double source_pu, double resistance_pu, double reactance_pu,
                               double p0, double p1, double p2, double q0, double q1, double q2,
                               double before_pu, double base_va);
    void (*forming_step)(const FormingParams& p, FormingState& s, double slip_pu, double turn_rad,
                         double reference_pu);
    void (*forming_begin)(Index n, const FormingParams* f, FormingState* s, double resistance_pu,
                          double reactance_pu, double power_pu, double var_pu, double voltage_pu);
    Index (*island_step)(const IslandParams& p, IslandState& s, Index forming, Index open_now,
                         double voltage_pu, double bus_pu, double deviation_hz, double nominal_hz);
    double (*island_balance)(const IslandParams& p, IslandState& s, double demand_w,
                             double delivered_w);
    void (*island_lift)(const IslandParams& p, IslandState& s, double aim_pu, double voltage_pu);
    void (*island_turn)(const IslandParams& p, IslandState& s, double site_pu, double grid_pu,
                        double nominal_hz, double jump_rad);
    void (*frequency_step)(const GridParams& p, GridState& s, double power_w);
    void (*frequency_window)(const GridParams& p, GridState& s, Out ring);
    Index (*load_shedding)(const GridParams& p, GridState& s, const SheddingStage* stage,
                           SheddingState* stage_state);
    PoiFlow (*grid_step)(const GridParams& p, GridState& s, double dt_s, double ratio,
                         double capacitor_pu, double bus_w, double load_w, double load_var,
                         double given_var);
    // record
    Index (*record_tick)(Index n, In signal, Out meter, Out meter_carry, Out low, Out high,
                         Out total, Index bucket_fill, Index bucket_ticks, Index kept,
                         const Index* keep, Out row, Out bucket);
    // single stages over a horizon
    void (*workload_run)(Index ticks, Index n, const JobParams& p, JobState& s, Index seed,
                         double rated_w, double idle_w, const Index* lane_id, Out offset_tick,
                         Out demand_w);
    void (*gpu_run)(Index ticks, Index n, const GpuParams& p, double gpus, double magic,
                    double cap_w, In demand_w, Out gpu_power_w, Out below_floor_tick,
                    Out overshoot_w, Out rack_demand_w, Out rack_power_w, Out rack_floor_w,
                    Out rack_deficit_w, Out rack_overshoot_w);
    void (*rack_run)(Index ticks, Index n, const RackParams& p, double magic, double dt_s, In gpu_w,
                     Out average_w, Out energy_j, Out output_w, Out load_w, Out overhead_w,
                     Out store_power_w, Out store_loss_w, Out store_energy_j, Out psu_loss_w,
                     Out inlet_w);
    void (*distribution_run)(Index ticks, Index n, const NodeParams* p, NodeState* s,
                             Rows<const RideParams> ride, RideState* ride_state,
                             Rows<const ChainParams> chain, ChainState* chain_state, In voltage_pu,
                             In frequency_pu, Out load_w, Out input_w, Out loss_w, Out bus_w,
                             Index* changed, Out stored_w, Out ride_signal, Index* ride_mode);
    void (*cooling_run)(Index ticks, const CoolingParams& p, CoolingState& s, In it_w, Out power_w);
    void (*converter_run)(Index ticks, const ConverterParams& p, ConverterState& s, Out ring,
                          In table, In command_w, In command_var, In voltage_pu, Out power_w,
                          Out reactive_var, Out dc_w, Index* limited);
    void (*battery_run)(Index ticks, Index every, const BatteryParams& p, BatteryState& s,
                        const ContainerParams& c, Index mode, CellRows cell, In table,
                        Index counted, const StressParams& q, StressState& w, Out counter, Out log,
                        In command, Out power_w, Out cell_power_w, Out loss_w, Out stored_w,
                        Out current_a, Out voltage_v, Out end_voltage_v, Out soc, Out temperature_k,
                        Out auxiliary_w, Index* limited);
    void (*batteries_run)(Index ticks, Index every, Index n, const BatteryParams& p,
                          BatteryState& s, const ContainerParams& c, Index mode, CellRows cell,
                          In table, In command, Out power_w, Out cell_power_w, Out loss_w,
                          Out stored_w, Out current_a, Out voltage_v, Out end_voltage_v, Out soc,
                          Out temperature_k, Out limited);
    void (*supercapacitor_run)(Index ticks, const SupercapacitorParams& p, SupercapacitorState& s,
                               double dt_s, In command_w, Out power_w, Out cell_power_w, Out loss_w,
                               Out current_a, Out voltage_v, Out soc, Index* limited);
    void (*control_run)(Index ticks, const ControlParams& p, ControlState& s, Out ring, In load_w,
                        double slow_soc, double fast_soc, Out target_w, Out slow_w, Out fast_w);
    void (*grid_run)(Index ticks, const GridParams& p, GridState& s, const TapChangerParams& tap,
                     TapChangerState& tap_state, const CapacitorBankParams& bank,
                     CapacitorBankState& bank_state, const GridEvent* event,
                     const SheddingStage* stage, SheddingState* stage_state, Out ring, double dt_s,
                     In load_w, In load_var, Out power_w, Out reactive_var, Out voltage_pu,
                     Out bus_voltage_pu, Out frequency_hz, Out rocof_hz_per_s, Out unserved_w,
                     Out loss_w, Out response_w, Out nose_loading_pu, Out rocof_window_hz_per_s,
                     Out remote_frequency_hz, Out shed_w, Out site_shed_w, Index* tap_position,
                     Index* bank_steps);
    void (*support_run)(Index ticks, const SupportParams& p, SupportState& s, In frequency_hz,
                        In phase_jump_rad, In voltage_pu, Out power_w, Out reactive_var,
                        Index* change);
    // distribution
    TransformerFlow (*transformer_step)(const NodeParams& p, const GridParams& z, double source_pu,
                                        double power_w, double reactive_var);
    void (*transformer_run)(Index ticks, const NodeParams& p, const GridParams& z, In source_pu,
                            In load_w, In load_var, Out power_w, Out reactive_var, Out loss_w,
                            Out voltage_pu, Out share);
    // flicker
    Index (*flicker_class)(double p_inst);
    double (*flicker_step)(const FlickerParams& p, FlickerState& s, double voltage);
    void (*flicker_run)(Index n, const FlickerParams& p, FlickerState& s, Index* classes,
                        Index counted, Index every, In voltage, Out series);
    // meters
    void (*filter_run)(Index n, Index lanes, Index across, Index sections, In section, Out memory,
                       Index* tally, In level, In x, Out y);
    void (*range_run)(Index n, Index ticks, Index mode, Index* tally, Out level, Out past, In x,
                      Out y);
    Index (*mean_run)(Index n, Index ticks, Index* tally, Out level, Out past, In x, Out y);
    Index (*difference_run)(Index n, Index ticks, Index* tally, Out past, In x, Out y);
    void (*worst_run)(Index n, Index mode, double limit, Index* tally, Out level, In y);
    void (*span_run)(Index n, Index* tally, Out level, In x);
    void (*tones_run)(Index n, Index tones, In turn, Out memory, Out level, In x);
    Index (*ramp_class)(double size);
    void (*classes_run)(Index n, Index* classes, In y);
    void (*excursion_run)(Index n, Index timers, In low, In high, In inside, Index capacity,
                          Index* tally, Index* count, Index* rows, Out extremes, In x);
};

// Instruction sets compiled in, and those of them that this machine has; ascending.
std::vector<std::string> compiled_instruction_sets();
std::vector<std::string> available_instruction_sets();

// The table of an instruction set; "" means the environment variable WATTKEEL_ISA, or else the best
// available. Throws std::invalid_argument when it is not available.
const KernelTable& kernels(const std::string& name = "");

}  // namespace wattkeel
