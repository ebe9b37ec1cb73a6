// SPDX-License-Identifier: Apache-2.0
// The site bus and all that feeds it. Specification: prototype/bus.py.
#pragma once

#include "battery.hpp"
#include "control.hpp"
#include "converter.hpp"
#include "cooling.hpp"
#include "distribution.hpp"
#include "event_log.hpp"
#include "grid.hpp"
#include "island.hpp"
#include "playback.hpp"
#include "storage.hpp"
#include "support.hpp"
#include "workload.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

// Voltage of the site bus in the tick before, as loads with ride-through see it.
static inline double seen_voltage(const SiteView& v) {
    const GridState& grid = v.grid_state[0];
    return grid.started == 1 ? grid.bus_voltage_pu : WK_NAN;
}

static inline double frequency_deviation(const SiteView& v) {
    const double frequency_hz = v.island_state[0].frequency_hz;
    return frequency_hz > 0.0 ? frequency_hz / v.grid[0].nominal_frequency_hz - 1.0 : 0.0;
}

static inline void ride_events(const SiteView& v, const ChunkView& k, Index tick, Index i,
                               Index r) {
    const RideParams& p = v.ride[r];
    RideState& s = v.ride_state[r];
    if (s.mode != s.mode_was) {
        const Index first = event_load_ceased - 1;
        if (s.mode_was > 0) log_event(k, tick, first + s.mode_was, i, 0, s.voltage_pu, 0.0);
        if (s.mode > 0) {
            double limit = s.mode == ride_ceased ? p.cease_voltage_pu : p.reconnect_voltage_pu;
            limit = s.mode == ride_transferred ? p.sag_voltage_pu : limit;
            log_event(k, tick, first + s.mode, i, 1, s.voltage_pu, limit);
        }
        s.mode_was = s.mode;
    }
    if (s.empty != s.empty_was) {
        log_event(k, tick, event_backup_empty, i, s.empty, s.lost_w + s.backup_w, s.backup_w);
        s.empty_was = s.empty;
    }
}

struct FacilityLoad {
    double it_w;
    double load_w;
    double ride_w;  // drawn behind ride-through, and its reactive power
    double ride_var;
};

static inline FacilityLoad facility_step(const SiteView& v, const ChunkView& k, Index tick,
                                         double* signal) {
    double direct_w = 0.0;
    double it_w = 0.0;
    for (Index i = 0; i < v.node.size; ++i) v.node_load[i] = 0.0;
    for (Index r = 0; r < v.rack.size; ++r) {
        const double power = signal[site_signals + rack_signals * r + 10];
        it_w += power;
        if (v.rack[r].node_index >= 0) {
            v.node_load[v.rack[r].node_index] += power;
        } else {
            direct_w += power;
        }
    }
    const double bus_w =
        direct_w + distribution_step(v.node.size, v.node.data, v.node_state.data, v.ride.data,
                                     v.ride_state.data, v.chain.data, v.chain_state.data, tick,
                                     seen_voltage(v), frequency_deviation(v), v.node_load.data,
                                     v.node_input.data, v.node_loss.data, v.node_changed.data);
    double* out = signal + site_signals + rack_signals * v.rack.size;
    double* chains = out + node_signals * v.node.size;
    double* rides = chains + chain_signals * v.chain.size;
    double ride_w = 0.0;
    double ride_var = 0.0;
    for (Index i = 0; i < v.node.size; ++i) {
        const Index c = v.node[i].chain_index;
        if (c >= 0) chains[c] = v.chain_state[c].stored_w;
        const Index r = v.node[i].ride_index;
        if (r >= 0) {
            write_ride_signals(v.ride_state[r], rides + ride_signals * r);
            ride_events(v, k, tick, i, r);
            ride_w += v.ride_state[r].drawn_w;
            ride_var += v.ride_state[r].reactive_var;
        }
        out[2 * i] = v.node_input[i];
        out[2 * i + 1] = v.node_loss[i];
        if (v.node_changed[i] != 0) {
            log_event(k, tick, event_node_overload, i, v.node_changed[i] > 0 ? 1 : 0,
                      v.node_load[i], v.node[i].rated_w);
        }
    }
    const double cooling_w = cooling_step(v.cooling[0], v.cooling_state[0], it_w);
    signal[11] = cooling_w;
    return {it_w, bus_w + cooling_w, ride_w, ride_var};
}

static inline double generation_step(const SiteView& v, Index tick, double* out) {
    double total_w = 0.0;
    for (Index g = 0; g < v.generation.size; ++g) {
        const GenerationParams& p = v.generation[g];
        GenerationState& s = v.generation_state[g];
        double* level = v.generation_level.data;
        level[0] = 0.0;
        if (s.trace_cursor < p.trace_rows) {
            const TracePlace place = trace_mean(
                static_cast<double>(tick) + p.trace_offset_tick, v.trace_time.data + p.trace_first,
                v.trace_value.data + p.trace_value_first, p.trace_rows, 1, p.trace_length_tick,
                p.trace_linear, p.trace_repeat_core, s.trace_cursor, s.trace_pass, level);
            s.trace_cursor = place.cursor;
            s.trace_pass = place.turn;
        }
        double power = level[0] * p.scale;
        power = power > 0.0 ? power : 0.0;
        out[g] = power;
        total_w += power;
    }
    return total_w;
}

static inline double role_soc(const SiteView& v, Index fast) {
    double soc = 0.0;
    for (Index u = 0; u < v.converter.size; ++u) {
        if (v.converter[u].fast == fast) soc += v.converter[u].share * v.unit_soc[u];
    }
    return soc;
}

static inline void shedding_step(const SiteView& v, const ChunkView& k, Index tick) {
    const GridParams& grid = v.grid[0];
    GridState& state = v.grid_state[0];
    if (load_shedding(grid, state, v.shedding.data, v.shedding_state.data) == 0) return;
    for (Index j = 0; j < grid.shedding_stages; ++j) {
        const SheddingStage& stage = v.shedding[j];
        if (v.shedding_state[j].tripped == shed_trips) {
            log_event(k, tick, stage.direction > 0.0 ? event_load_shed : event_generation_trip, j,
                      1, state.frequency_hz, stage.threshold_hz);
        }
    }
}

static inline void frequency_end(const SiteView& v, const ChunkView& k, Index tick,
                                 double tripped_w) {
    const GridParams& grid = v.grid[0];
    GridState& state = v.grid_state[0];
    double* signal = v.signal.data;
    frequency_window(grid, state, v.frequency_ring.data);
    signal[16] = state.rocof_window_hz_per_s;
    const double offset = state.event_frequency_hz + state.playback_frequency_hz;
    signal[17] = grid.nominal_frequency_hz * (1.0 + state.remote_frequency_pu) + offset;
    signal[18] = state.shed_pu * grid.system_power_w;
    signal[19] = tripped_w;
    if (grid.shedding_stages > 0) shedding_step(v, k, tick);
}

static inline void events_step(const SiteView& v, const ChunkView& k, Index tick) {
    const GridParams& grid = v.grid[0];
    grid_events(grid, v.grid_state[0], v.grid_event.data, tick);
    for (Index j = 0; j < grid.events; ++j) {
        const GridEvent& e = v.grid_event[j];
        if (e.start_tick == tick) {
            log_event(k, tick, event_grid_event, e.row, 1, e.voltage_pu, e.frequency_offset_hz);
        }
        if (e.stop_tick == tick) {
            log_event(k, tick, event_grid_event, e.row, 0, e.voltage_pu, e.frequency_offset_hz);
        }
    }
}

static inline void log_island(const SiteView& v, const ChunkView& k, Index tick, Index told) {
    const double poi_pu = v.grid_state[0].voltage_pu;
    const IslandState& island = v.island_state[0];
    const double least_pu = v.island[0].separate_below_pu;
    const double lacked = island.short_of_w * v.grid[0].per_base;
    if (told & told_separated) log_event(k, tick, event_island, 0, 1, poi_pu, least_pu);
    if (told & told_went_dark) {
        log_event(k, tick, event_island, 0, 0, poi_pu, least_pu);
        log_event(k, tick, event_blackout, 0, 1, lacked, 0.0);
    }
    if (told & told_lit) log_event(k, tick, event_blackout, 0, 0, lacked, 0.0);
    if (told & told_started) {
        log_event(k, tick, event_island, 0, 1, poi_pu, least_pu);
        log_event(k, tick, event_black_start, 0, 1, island.connected, 1.0);
    }
    if ((told & told_returned) && !(told & told_lit)) {
        log_event(k, tick, event_island, 0, 0, poi_pu, least_pu);
    }
    if (told & told_picked_up) log_event(k, tick, event_load_pickup, 0, 1, island.connected, 1.0);
    if (told & told_restored) log_event(k, tick, event_black_start, 0, 0, island.connected, 1.0);
}

static inline void supply_step(const SiteView& v, const ChunkView& k, Index tick) {
    const GridParams& grid = v.grid[0];
    const GridState& gs = v.grid_state[0];
    IslandState& island = v.island_state[0];
    const double grid_pu = gs.frequency_hz / grid.nominal_frequency_hz - 1.0;
    Index told = 0;
    if (gs.started == 1) {
        const bool dead =
            v.site[0].forming == 1 && gs.event_voltage_pu * gs.playback_voltage_pu <= 0.0;
        const Index opened = dead ? 1 : gs.event_open;
        told = island_step(v.island[0], island, v.site[0].forming, opened, gs.voltage_pu,
                           gs.bus_voltage_pu, gs.frequency_hz - grid.nominal_frequency_hz,
                           grid.nominal_frequency_hz);
        log_island(v, k, tick, told);
    }
    for (Index u = 0; u < v.converter.size; ++u) {
        FormingState& fs = v.forming_state[u];
        if (told & told_lit) {
            forming_place(fs, 1.0, 0.0, told & told_returned ? grid_pu : 0.0);
        } else if (told & told_returned) {
            forming_shift(fs, island.cosine, island.sine);
            fs.bump_w = fs.set_w - v.converter_state[u].asked_w;
        }
        if (island.mode == mode_connected && gs.phase_jump_rad != 0.0) {
            const Phasor at = turned(fs.cosine, fs.sine, -gs.phase_jump_rad);
            fs.cosine = at.cosine;
            fs.sine = at.sine;
        }
    }
}

static inline void switching_step(const SiteView& v, const ChunkView& k, Index tick) {
    const double voltage_pu = v.grid_state[0].bus_voltage_pu;
    if (tap_step(v.tap_changer[0], v.tap_changer_state[0], voltage_pu) != 0) {
        log_event(k, tick, event_tap_change, 0, 1,
                  static_cast<double>(v.tap_changer_state[0].position), voltage_pu);
    }
    if (capacitor_step(v.capacitor_bank[0], v.capacitor_bank_state[0], voltage_pu) != 0) {
        log_event(k, tick, event_capacitor_switch, 0, 1,
                  static_cast<double>(v.capacitor_bank_state[0].in_use), voltage_pu);
    }
}

struct SeparatedFlow {
    double short_w;
    double response_w;
};

static inline SeparatedFlow separated_step(const SiteView& v, double load_w, double plain_w,
                                           double generation_w, double storage_w,
                                           double voltage_pu) {
    GridState& gs = v.grid_state[0];
    IslandState& island = v.island_state[0];
    const double response = voltage_pu > 0.0 ? load_response(v.grid[0], plain_w, voltage_pu) : 0.0;
    const double demand = load_w + response;
    const double delivered = storage_w + generation_w;
    const double lacking = island_balance(v.island[0], island, demand, delivered);
    if (lacking > 0.0 && demand > 0.0) {
        const double left = delivered / demand;
        voltage_pu *= WK_SQRT(left > 0.0 ? left : 0.0);
    }
    gs.bus_voltage_pu = voltage_pu;
    const double site_pu = site_deviation(v);
    const double nominal = v.grid[0].nominal_frequency_hz;
    const double grid_pu = gs.frequency_hz / nominal - 1.0;
    island_turn(v.island[0], island, site_pu, grid_pu, nominal, gs.phase_jump_rad);
    island.frequency_hz = voltage_pu > 0.0 ? nominal * (1.0 + site_pu) : 0.0;
    return {lacking, response};
}

// What the site bus asks for and is given in a tick.
struct BusPower {
    double load_w;
    double connected_w;
    double plain_w;  // part of it that has no answer to the voltage of its own
    double generation_w;
    double storage_w;
    double load_var;
    double given_var;
    double forming_pu;  // voltage at which forming units delivered
};

static inline void poi_step(const SiteView& v, const ChunkView& k, Index tick,
                            const BusPower& bus) {
    const GridParams& grid = v.grid[0];
    GridState& gs = v.grid_state[0];
    IslandState& island = v.island_state[0];
    const double ratio = v.tap_changer_state[0].ratio;
    const double dt_s = v.site[0].tick_s;
    PoiFlow poi;
    double unserved;
    double response;
    double asked;
    if (island.mode == mode_connected) {
        const double bank =
            v.capacitor_bank[0].step_pu * static_cast<double>(v.capacitor_bank_state[0].in_use);
        const double bus_w = bus.connected_w - bus.generation_w - bus.storage_w;
        poi =
            grid_step(grid, gs, dt_s, ratio, bank, bus_w, bus.plain_w, bus.load_var, bus.given_var);
        unserved = poi.unserved_w;
        response = gs.response_w;
        asked = (poi.power_w + unserved) * grid.per_base;
        island.frequency_hz = gs.frequency_hz;
        island.short_of_w = 0.0;
        switching_step(v, k, tick);
    } else {
        poi = grid_step(grid, gs, dt_s, ratio, 0.0, 0.0, 0.0, 0.0, 0.0);
        asked = poi.power_w * grid.per_base;
        const SeparatedFlow flow = separated_step(v, bus.connected_w, bus.plain_w, bus.generation_w,
                                                  bus.storage_w, bus.forming_pu);
        unserved = flow.short_w;
        response = flow.response_w;
    }
    if (poi.change != 0) {
        log_event(k, tick, event_voltage_collapse, 0, poi.change > 0 ? 1 : 0, asked,
                  poi.power_w * grid.per_base);
    }
    double lacking = unserved > 0.0 ? unserved : 0.0;
    double surplus = unserved < 0.0 ? -unserved : 0.0;
    if (gs.bus_voltage_pu <= 0.0) {
        response = 0.0;
        lacking = bus.connected_w - (bus.storage_w < 0.0 ? bus.storage_w : 0.0);
        surplus = bus.generation_w + (bus.storage_w > 0.0 ? bus.storage_w : 0.0);
    }
    double* signal = v.signal.data;
    signal[0] = poi.power_w;
    signal[1] = poi.reactive_var;
    signal[2] = gs.voltage_pu;
    signal[3] = gs.frequency_hz;
    signal[4] = poi.rocof_hz_per_s;
    signal[5] = poi.loss_w;
    signal[6] = lacking + (bus.load_w - bus.connected_w);
    signal[7] = surplus;
    signal[12] = gs.bus_voltage_pu;
    signal[13] = island.frequency_hz;
    signal[14] = response;
    signal[15] = gs.nose_loading_pu;
}

static inline void play_back(const SiteView& v, const ChunkView& k, Index tick) {
    GridState& s = v.grid_state[0];
    const Index played = playback_step(v.playback[0], s, v.trace_time.data, v.trace_value.data,
                                       v.playback_level.data, tick);
    if (played != 0) {
        log_event(k, tick, event_grid_playback, 0, played > 0 ? 1 : 0, s.playback_voltage_pu,
                  s.playback_frequency_hz);
    }
}

static inline void bus_step(const SiteView& v, const ChunkView& k, Index tick) {
    const GridParams& grid = v.grid[0];
    const IslandState& island = v.island_state[0];
    double* signal = v.signal.data;
    v.grid_state[0].phase_jump_rad = 0.0;
    if (tick >= v.grid_state[0].next_change_tick) events_step(v, k, tick);
    play_back(v, k, tick);
    const FacilityLoad facility = facility_step(v, k, tick, signal);
    double* out = signal + site_signals + rack_signals * v.rack.size + node_signals * v.node.size +
                  chain_signals * v.chain.size + ride_signals * v.ride.size;
    BusPower bus{};
    const double tripped_w = v.grid_state[0].shed_share * facility.load_w;
    bus.load_w = facility.load_w - tripped_w;
    bus.generation_w = generation_step(v, tick, out);
    out += generation_signals * v.generation.size;
    supply_step(v, k, tick);
    bus.connected_w = island.connected * bus.load_w;
    const double kept = island.connected * (1.0 - v.grid_state[0].shed_share);
    bus.plain_w = bus.connected_w - kept * facility.ride_w;
    const ControlParams& control = v.control[0];
    ControlState& cs = v.control_state[0];
    const double measured =
        measured_load(control, cs, v.ring.data, tick, bus.connected_w - bus.generation_w);
    if (control.period_tick == 1 || tick % control.period_tick == 0) {
        const Commands commands =
            control_step(control, cs, v.ring.data, measured, role_soc(v, 0), role_soc(v, 1));
        for (Index u = 0; u < v.converter.size; ++u) {
            const double part = v.converter[u].fast == 1 ? commands.fast_w : commands.slow_w;
            v.converter_state[u].command_w = v.converter[u].share * part;
        }
    }
    const StorageFlow following = following_step(v, k, tick, out);
    bus.storage_w = following.power_w;
    bus.given_var = following.reactive_var - kept * facility.ride_var;
    bus.load_var = grid.reactive_per_watt * bus.plain_w;
    if (v.site[0].forming == 1) {
        const double bus_w = bus.connected_w - bus.generation_w - bus.storage_w;
        const FormingFlow more =
            forming_units_step(v, k, tick, out, bus_w, bus.plain_w, bus.load_var, bus.given_var);
        bus.forming_pu = more.voltage_pu;
        bus.storage_w += more.total.power_w;
        bus.given_var += more.total.reactive_var;
        island_lift(v.island[0], v.island_state[0],
                    island.syncing == 1 ? v.grid_state[0].voltage_pu : 1.0, bus.forming_pu);
    }
    poi_step(v, k, tick, bus);
    frequency_end(v, k, tick, tripped_w);
    signal[8] = facility.load_w;
    signal[9] = facility.it_w;
    signal[10] = cs.target_w;
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
