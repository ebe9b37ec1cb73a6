// SPDX-License-Identifier: Apache-2.0
// Stage `storage` of a site: its units. Specification: prototype/storage.py.
#pragma once

#include "battery.hpp"
#include "converter.hpp"
#include "event_log.hpp"
#include "island.hpp"
#include "supercapacitor.hpp"
#include "support.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

struct StorageFlow {
    double power_w;
    double reactive_var;
};

// What the store of a unit did, its hottest temperature and its auxiliaries.
struct StoreFlow {
    BatteryFlow flow;
    double temperature_k;
    double auxiliary_w;
};

static inline StoreFlow cells_step(const SiteView& v, const ChunkView& k, Index tick, Index u,
                                   double dc_w) {
    const BatteryParams& p = v.battery[u];
    BatteryState& s = v.battery_state[u];
    const CellRows cell{v.cell.data + p.first, p.groups};
    const BatteryFlow flow =
        battery_step(p, s, v.container[u], drive_power, cell, v.table.data, dc_w);
    const double warmth = hottest(p.groups, cell);
    if (s.outside != s.outside_was) {
        const double limit = warmth < p.table_least_k ? p.table_least_k : p.table_most_k;
        log_event(k, tick, event_cells_outside, u, s.outside, warmth, limit);
        s.outside_was = s.outside;
    }
    return {flow, warmth, s.auxiliary_w};
}

// Converter and cells of unit `u`, asked for `wanted` W; `out` are its signals.
static inline StorageFlow store_step(const SiteView& v, const ChunkView& k, Index tick, Index u,
                                     double wanted, double* out) {
    const ConverterParams& p = v.converter[u];
    ConverterState& s = v.converter_state[u];
    const bool live = s.room_va > 0.0;
    const double dc_w =
        live ? converter_dc(p, v.converter_table.data, wanted, s.reactive_power_var) : 0.0;
    StoreFlow store;
    if (p.kind == storage_kind_battery) {
        store = cells_step(v, k, tick, u, dc_w);
    } else {
        const SupercapacitorParams& c = v.supercapacitor[u];
        SupercapacitorState& b = v.supercapacitor_state[u];
        const CellFlow cell = supercapacitor_step(c, b, v.site[0].tick_s, dc_w);
        const double soc = (b.energy_j - c.energy_empty_j) * c.soc_per_j;
        store = {{cell.delivered_w, cell.inner_w, cell.heat_w, 0.0, b.current_a, b.voltage_v,
                  b.voltage_v, soc, cell.limited},
                 0.0,
                 0.0};
    }
    const BatteryFlow& cell = store.flow;
    double power = wanted;
    if (cell.limited == 1 && live) {
        power = converter_ac(p, v.converter_table.data, cell.delivered_w, s.reactive_power_var);
    }
    const Index limited = cell.limited | (s.curbed & 1);
    if (limited != s.limited) {
        log_event(k, tick, event_storage_limited, u, limited, power, s.asked_w);
    }
    s.limited = limited;
    v.unit_soc[u] = cell.soc;
    out[0] = converter_asked(p, s);
    out[1] = power;
    out[2] = cell.delivered_w - power;
    out[3] = cell.heat_w;
    out[4] = cell.inner_w;
    out[5] = cell.soc;
    out[6] = cell.voltage_v;
    out[7] = cell.current_a;
    out[8] = limited == 1 ? s.asked_w - power : 0.0;
    out[9] = cell.stored_w;
    out[10] = store.temperature_k;
    out[11] = store.auxiliary_w;
    out[12] = s.support_w;
    return {power - store.auxiliary_w, converter_settle(p, s, power)};
}

static inline void unit_support(const SiteView& v, const ChunkView& k, Index tick, Index u) {
    const SupportParams& p = v.support[u];
    const GridState& grid = v.grid_state[0];
    if (p.active == 0 || grid.started == 0) return;
    ConverterState& s = v.converter_state[u];
    const IslandState& island = v.island_state[0];
    if (island.mode == mode_dark || island.frequency_hz <= 0.0) {
        s.support_w = 0.0;
        s.support_var = 0.0;
        return;
    }
    const double jump_rad = island.mode == mode_connected ? grid.phase_jump_rad : 0.0;
    const SupportFlow flow =
        support_step(p, v.support_state[u], island.frequency_hz, jump_rad, grid.bus_voltage_pu);
    s.support_w = flow.power_w;
    s.support_var = flow.reactive_var;
    if (flow.change != 0) {
        log_event(k, tick, event_fast_response, u, flow.change > 0 ? 1 : 0, island.frequency_hz,
                  p.nominal_hz * (1.0 + p.response_pu));
    }
}

static inline StorageFlow following_step(const SiteView& v, const ChunkView& k, Index tick,
                                         double* out) {
    StorageFlow total{0.0, 0.0};
    const double voltage_pu = v.grid_state[0].bus_voltage_pu;
    for (Index u = 0; u < v.converter.size; ++u) {
        if (v.forming[u].present == 1) continue;
        unit_support(v, k, tick, u);
        const double wanted = converter_response(v.converter[u], v.converter_state[u],
                                                 v.converter_ring.data, voltage_pu);
        const StorageFlow flow = store_step(v, k, tick, u, wanted, out + storage_signals * u);
        total.power_w += flow.power_w;
        total.reactive_var += flow.reactive_var;
    }
    return total;
}

static inline double forming_network(const SiteView& v, double bus_w, double load_w,
                                     double load_var, double given_var, double held_w,
                                     double held_var) {
    const GridParams& p = v.grid[0];
    const GridState& s = v.grid_state[0];
    IslandState& island = v.island_state[0];
    const bool connected = island.mode == mode_connected;
    const NetworkSource z = network_source(p, s, v.tap_changer_state[0].ratio);
    const double bank =
        v.capacitor_bank[0].step_pu * static_cast<double>(v.capacitor_bank_state[0].in_use);
    const double standing = connected ? p.transformer_loss_0_w : 0.0;
    NetworkLoad q = network_load(p, bank, bus_w + standing, load_w, load_var, given_var);
    q.p1 -= held_w * p.per_base;
    q.q1 -= held_var * p.per_base;
    if (s.started == 0) {
        const BusVoltage bus = bus_voltage(z.voltage_pu, z.resistance_pu, z.reactance_pu, q.p0,
                                           q.p1, q.p2, q.q0, q.q1, q.q2, s.bus_voltage_pu);
        forming_begin(v.converter.size, v.forming.data, v.forming_state.data, z.resistance_pu,
                      z.reactance_pu, bus.share * bus.power_pu, bus.share * bus.var_pu,
                      bus.voltage_pu);
    }
    const BusPhasor bus_at = forming_solve(
        v.converter.size, v.forming.data, v.forming_state.data,
        island.energised * (1.0 + island.lift_pu), connected ? z.voltage_pu : 0.0, z.resistance_pu,
        z.reactance_pu, q.p0, q.p1, q.p2, q.q0, q.q1, q.q2, s.bus_voltage_pu, p.base_va);
    island.bus_cosine = bus_at.cosine;
    island.bus_sine = bus_at.sine;
    return bus_at.voltage_pu;
}

// Deviation of the frequency of all forming units together, pu.
static inline double site_deviation(const SiteView& v) {
    double site_pu = 0.0;
    for (Index u = 0; u < v.converter.size; ++u) {
        site_pu += v.forming[u].weight * v.forming_state[u].deviation_pu;
    }
    return site_pu;
}

static inline StorageFlow forming_unit_step(const SiteView& v, const ChunkView& k, Index tick,
                                            double* out, Index u, double voltage_pu) {
    const ConverterParams& p = v.converter[u];
    ConverterState& s = v.converter_state[u];
    FormingState& f = v.forming_state[u];
    const GridParams& grid = v.grid[0];
    const IslandState& island = v.island_state[0];
    converter_heard(p, s, v.converter_ring.data);
    const double command_w = s.asked_w;
    const double wanted = converter_capability(p, s, f.wanted_w, f.wanted_var, voltage_pu);
    s.asked_w = f.ideal_w;
    s.curbed |= f.fixed == 1 ? 1 : 0;
    const StorageFlow flow = store_step(v, k, tick, u, wanted, out + storage_signals * u);
    forming_curtailed(f, s.power_w);
    if (island.mode == mode_connected) {
        f.set_w = command_w + f.bump_w;
        f.bump_w = snap(f.bump_w * v.island[0].restore_decay, p.power_round_w);
    } else {
        f.set_w = f.wanted_w + (f.set_w - f.wanted_w) * v.island[0].restore_decay;
    }
    if (island.mode != mode_dark) {
        const double grid_pu = v.grid_state[0].frequency_hz / grid.nominal_frequency_hz - 1.0;
        double slip_pu = 0.0;
        if (island.syncing == 1) {
            slip_pu = grid_pu + v.island[0].sync_slip_hz / grid.nominal_frequency_hz;
        }
        const double frame_pu = island.mode == mode_connected ? grid_pu : island.deviation_pu;
        forming_step(v.forming[u], f, slip_pu, grid.nominal_frequency_hz * v.island[0].turn_per_hz,
                     frame_pu);
    }
    return flow;
}

struct FormingFlow {
    StorageFlow total;
    double voltage_pu;
};

static inline bool forming_dead(const SiteView& v) {
    const IslandState& island = v.island_state[0];
    if (island.mode == mode_connected) {
        return network_source(v.grid[0], v.grid_state[0], v.tap_changer_state[0].ratio)
                   .voltage_pu <= 0.0;
    }
    return island.mode == mode_dark;
}

struct CellsFlow {
    StorageFlow total;
    double converter_w;
};

static inline CellsFlow forming_cells(const SiteView& v, const ChunkView& k, Index tick,
                                      double* out, double voltage_pu) {
    CellsFlow sum{{0.0, 0.0}, 0.0};
    for (Index u = 0; u < v.converter.size; ++u) {
        FormingState& f = v.forming_state[u];
        if (v.forming[u].present == 0 || !forming_beyond(f, v.converter_state[u].power_w)) continue;
        f.fixed = 2;
        const StorageFlow flow = forming_unit_step(v, k, tick, out, u, voltage_pu);
        sum.total.power_w += flow.power_w;
        sum.total.reactive_var += flow.reactive_var;
        sum.converter_w += v.converter_state[u].power_w;
    }
    return sum;
}

static inline double forming_shared(const SiteView& v, double bus_w, double load_var,
                                    double given_var, double held_va) {
    const double var = load_var - given_var;
    const double size = WK_SQRT(bus_w * bus_w + var * var);
    double voltage = 1.0;
    if (bus_w > 0.0 && held_va < size) voltage = held_va / size;
    for (Index u = 0; u < v.converter.size; ++u) {
        FormingState& f = v.forming_state[u];
        if (v.forming[u].present == 0 || f.fixed != 1) continue;
        const double own = WK_SQRT(f.held_w * f.held_w + f.held_var * f.held_var) / held_va;
        f.wanted_w = bus_w * voltage * voltage * own;
        f.wanted_var = var * voltage * voltage * own;
        f.ideal_w = bus_w * own;
    }
    return voltage;
}

struct HeldVoltage {
    double bus_pu;
    double units_pu;
};

static inline HeldVoltage forming_held(const SiteView& v, double bus_w, double load_w,
                                       double load_var, double given_var) {
    const Index units = v.converter.size;
    double voltage = 0.0;
    for (Index pass = 0; pass < units + 1; ++pass) {
        double held_w = 0.0;
        double held_var = 0.0;
        double held_va = 0.0;
        bool free = v.island_state[0].mode == mode_connected;
        for (Index u = 0; u < units; ++u) {
            const FormingState& f = v.forming_state[u];
            if (v.forming[u].present == 1 && f.fixed == 1) {
                held_w += f.held_w;
                held_var += f.held_var;
                held_va += WK_SQRT(f.held_w * f.held_w + f.held_var * f.held_var);
            } else if (v.forming[u].present == 1 && f.fixed == 0) {
                free = true;
            }
        }
        if (!free) {
            const double full = v.island_state[0].energised;
            if (held_va <= 0.0) return {full, full};
            return {full, forming_shared(v, bus_w, load_var, given_var, held_va)};
        }
        voltage = forming_network(v, bus_w, load_w, load_var, given_var, held_w, held_var);
        Index held = 0;
        for (Index u = 0; u < units; ++u) {
            FormingState& f = v.forming_state[u];
            if (v.forming[u].present == 0 || f.fixed != 0) continue;
            const ConverterRoom room =
                converter_room(v.converter[u], v.converter_state[u], voltage);
            held |= forming_limit(f, room.apparent_va, v.converter[u].limit_w * room.over, voltage);
        }
        if (held == 0) break;
    }
    for (Index u = 0; u < units; ++u) {
        FormingState& f = v.forming_state[u];
        if (v.forming[u].present == 0 || f.fixed != 1) continue;
        f.wanted_w = f.held_w * voltage;
        f.wanted_var = f.held_var * voltage;
    }
    return {voltage, voltage};
}

static inline FormingFlow forming_units_step(const SiteView& v, const ChunkView& k, Index tick,
                                             double* out, double bus_w, double load_w,
                                             double load_var, double given_var) {
    StorageFlow total{0.0, 0.0};
    double voltage = 0.0;
    double units_pu = 0.0;
    v.island_state[0].deviation_pu = site_deviation(v);
    const bool dead = forming_dead(v);
    for (Index u = 0; u < v.converter.size; ++u) {
        FormingState& f = v.forming_state[u];
        f.fixed = 0;
        f.wanted_w = 0.0;
        f.wanted_var = 0.0;
        if (v.forming[u].present == 1) bus_w += v.battery_state[u].auxiliary_w;
    }
    if (!dead) voltage = forming_network(v, bus_w, load_w, load_var, given_var, 0.0, 0.0);
    for (Index u = 0; u < v.converter.size; ++u) {
        v.forming_state[u].ideal_w = v.forming_state[u].wanted_w;
    }
    if (!dead) {
        const CellsFlow cells = forming_cells(v, k, tick, out, voltage);
        total = cells.total;
        const HeldVoltage held = forming_held(v, bus_w - cells.converter_w, load_w, load_var,
                                              given_var + total.reactive_var);
        voltage = held.bus_pu;
        units_pu = held.units_pu;
    }
    for (Index u = 0; u < v.converter.size; ++u) {
        if (v.forming[u].present == 0 || v.forming_state[u].fixed == 2) continue;
        const StorageFlow flow = forming_unit_step(v, k, tick, out, u, units_pu);
        total.power_w += flow.power_w;
        total.reactive_var += flow.reactive_var;
    }
    return {total, voltage};
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
