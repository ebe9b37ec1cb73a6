// SPDX-License-Identifier: Apache-2.0
// A site as flat buffers that the caller owns: parameters, state, outputs. The core allocates none
// of them, so that a snapshot is a copy of the state and every engine can step the same buffers.
#pragma once

#include <cstdint>

#include "wattkeel/params.hpp"
#include "wattkeel/team.hpp"

namespace wattkeel {

// Widths of the blocks of the signal vector, in the order site, racks, nodes, chains,
// rides, generation, storage.
// python/wattkeel/signals.py gives the names.
inline constexpr std::int64_t site_signals = 20;
inline constexpr std::int64_t rack_signals = 11;
inline constexpr std::int64_t node_signals = 2;
inline constexpr std::int64_t chain_signals = 1;  // of nodes with dynamics
inline constexpr std::int64_t ride_signals = 7;   // of nodes with ride-through
inline constexpr std::int64_t generation_signals = 1;
inline constexpr std::int64_t storage_signals = 13;

inline constexpr std::int64_t tile_lanes =
    256;  // lanes stepped together: their buffers stay in the L1 cache

enum EventKind : std::int64_t {
    event_node_overload = 1,
    event_storage_limited = 2,
    event_voltage_collapse = 3,
    event_grid_event = 4,
    event_job_start = 5,
    event_job_stop = 6,
    event_cells_outside = 7,
    event_grid_playback = 40,
    event_load_shed = 10,
    event_generation_trip = 11,
    event_fast_response = 12,
    event_island = 30,
    event_blackout = 31,
    event_black_start = 32,
    event_load_pickup = 33,
    event_tap_change = 34,
    event_capacitor_switch = 35,
    event_load_ceased = 20,
    event_load_returning = 21,
    event_load_transferred = 22,
    event_backup_empty = 23,
};

// A counted run of elements.
template <class T> struct Rows {
    T* data = nullptr;
    std::int64_t size = 0;
    T& operator[](std::int64_t i) const { return data[i]; }
};

// Names and order of the members follow the named tuple `Plant` of python/wattkeel/plant.py.
struct SiteView {
    Rows<const SiteParams> site;
    Rows<const JobParams> job;
    Rows<JobState> job_state;
    Rows<const GpuParams> gpu;  // one per rack population
    Rows<GpuState> gpu_state;
    Rows<const RackParams> rack;
    Rows<const NodeParams> node;
    Rows<NodeState> node_state;
    Rows<const RideParams> ride;  // one per node with ride-through
    Rows<RideState> ride_state;
    Rows<const ChainParams> chain;  // one per node with dynamics
    Rows<ChainState> chain_state;
    Rows<const CoolingParams> cooling;
    Rows<CoolingState> cooling_state;
    Rows<const GenerationParams> generation;
    Rows<GenerationState> generation_state;
    Rows<const ConverterParams>
        converter;  // converter, battery, supercapacitor: one each per storage unit
    Rows<ConverterState> converter_state;
    Rows<const BatteryParams> battery;
    Rows<BatteryState> battery_state;
    Rows<const ContainerParams> container;
    Rows<double> cell;  // cell_rows x groups of strings
    Rows<const SupercapacitorParams> supercapacitor;
    Rows<SupercapacitorState> supercapacitor_state;
    Rows<const SupportParams> support;
    Rows<SupportState> support_state;
    Rows<const ControlParams> control;
    Rows<ControlState> control_state;
    Rows<const GridParams> grid;
    Rows<GridState> grid_state;
    Rows<const GridEvent> grid_event;
    Rows<const PlaybackParams> playback;
    Rows<const SheddingStage> shedding;
    Rows<SheddingState> shedding_state;
    Rows<double> frequency_ring;
    Rows<const TapChangerParams> tap_changer;
    Rows<TapChangerState> tap_changer_state;
    Rows<const CapacitorBankParams> capacitor_bank;
    Rows<CapacitorBankState> capacitor_bank_state;
    Rows<const IslandParams> island;
    Rows<IslandState> island_state;
    Rows<const FormingParams> forming;  // one per storage unit
    Rows<FormingState> forming_state;
    Rows<const RecordParams> record;
    Rows<std::int64_t> clock;  // tick, fill of the envelope bucket
    Rows<double> lane;         // lane_rows x lanes
    Rows<const std::int64_t> lane_id;
    Rows<const double> table;
    Rows<const double> trace_time;
    Rows<const double> trace_value;
    Rows<double> level;
    Rows<double> generation_level;
    Rows<double> playback_level;
    Rows<double> ring;
    Rows<const double> converter_table;
    Rows<double> converter_ring;
    Rows<double> unit_soc;
    Rows<double> node_load;
    Rows<double> node_input;
    Rows<double> node_loss;
    Rows<std::int64_t> node_changed;
    Rows<double> signal;
    Rows<double> meter;
    Rows<double> meter_carry;
    Rows<double> bucket_low;
    Rows<double> bucket_high;
    Rows<double> bucket_total;
};

// What one call of advance() gives. Names follow `ChunkBuffers` of python/wattkeel/plant.py.
struct ChunkView {
    Rows<const std::int64_t> keep;   // signals kept at full rate
    Rows<double> full;               // ticks x keep
    Rows<double> envelope;           // buckets x 3 x signals
    Rows<std::int64_t> event_index;  // events x (tick, kind, place, phase)
    Rows<double> event_value;        // events x (value, limit)
    Rows<std::int64_t> tally;        // rows, buckets, events, events lost
};

// Steps the site by `ticks` ticks. The result does not depend on the team.
using AdvanceFunction = void (*)(const SiteView& view, const ChunkView& chunk, std::int64_t ticks,
                                 const Team& team);

}  // namespace wattkeel
