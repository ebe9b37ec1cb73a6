// SPDX-License-Identifier: Apache-2.0
// Single stages over a whole horizon, for wattkeel.stages. Specification: prototype/runs.py.
// Arrays of a run are ticks x lanes, row by row.
#pragma once

#include "ageing.hpp"
#include "battery.hpp"
#include "control.hpp"
#include "converter.hpp"
#include "cooling.hpp"
#include "distribution.hpp"
#include "gpu.hpp"
#include "grid.hpp"
#include "rack.hpp"
#include "supercapacitor.hpp"
#include "support.hpp"
#include "transformer.hpp"
#include "wattkeel/site.hpp"
#include "workload.hpp"

namespace wattkeel::WATTKEEL_ISA_NAMESPACE {

constexpr Index prefetch_rows = 4;  // rows of a command that are fetched ahead
constexpr Index battery_tile = 64;  // batteries stepped together through a whole run
constexpr Index battery_lanes = 8;  // and in one step of the innermost loop: the widest vector
constexpr Index tile_rows =
    cell_ocv_v;  // what follows in the cell matrix is of strings in parallel

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
                             Rows<const RideParams> ride, RideState* ride_state,
                             Rows<const ChainParams> chain, ChainState* chain_state,
                             const double* voltage_pu, const double* frequency_pu, double* load_w,
                             double* input_w, double* loss_w, double* bus_w, Index* changed,
                             double* stored_w, double* ride_signal, Index* mode) {
    for (Index t = 0; t < ticks; ++t) {
        bus_w[t] = distribution_step(n, p, s, ride.data, ride_state, chain.data, chain_state, t,
                                     voltage_pu[t], frequency_pu[t], load_w + t * n,
                                     input_w + t * n, loss_w + t * n, changed + t * n);
        for (Index c = 0; c < chain.size; ++c) *stored_w++ = chain_state[c].stored_w;
        for (Index r = 0; r < ride.size; ++r, ride_signal += ride_signals) {
            write_ride_signals(ride_state[r], ride_signal);
            *mode++ = ride_state[r].mode;
        }
    }
}

static void cooling_run(Index ticks, const CoolingParams& p, CoolingState& s, const double* it_w,
                        double* power_w) {
    for (Index t = 0; t < ticks; ++t) power_w[t] = cooling_step(p, s, it_w[t]);
}

static void converter_run(Index ticks, const ConverterParams& p, ConverterState& s, double* ring,
                          const double* table, const double* command_w, const double* command_var,
                          const double* voltage_pu, double* power_w, double* reactive_var,
                          double* dc_w, Index* limited) {
    for (Index t = 0; t < ticks; ++t) {
        s.command_w = command_w[t];
        s.reactive_var = command_var[t];
        power_w[t] = converter_response(p, s, ring, voltage_pu[t]);
        reactive_var[t] = converter_settle(p, s, power_w[t]);
        dc_w[t] = converter_dc(p, table, power_w[t], reactive_var[t]);
        limited[t] = s.curbed;
    }
}

static void battery_run(Index ticks, Index every, const BatteryParams& p, BatteryState& s,
                        const ContainerParams& c, Index mode, const CellRows cell,
                        const double* table, Index counted, const StressParams& q, StressState& w,
                        double* counter, double* log, const double* command, double* power_w,
                        double* cell_power_w, double* loss_w, double* stored_w, double* current_a,
                        double* voltage_v, double* end_voltage_v, double* soc,
                        double* temperature_k, double* auxiliary_w, Index* limited) {
    const double share = 1.0 / static_cast<double>(every);
    const double period_s = static_cast<double>(p.refresh_tick) * p.dt_s;
    const auto run = [&](auto step) {
        for (Index row = 0; row < ticks / every; ++row) {
            BatteryFlow sum{};
            double climate = 0.0;
            for (Index t = row * every; t < row * every + every; ++t) {
                const BatteryFlow flow = step(command[t]);
                sum.delivered_w += flow.delivered_w;
                sum.inner_w += flow.inner_w;
                sum.heat_w += flow.heat_w;
                sum.stored_w += flow.stored_w;
                sum.current_a += flow.current_a;
                sum.voltage_v += flow.voltage_v;
                sum.end_voltage_v = flow.end_voltage_v;
                sum.soc = flow.soc;
                sum.limited += flow.limited;
                climate += s.auxiliary_w;
                if (counted == 1 && s.held_tick == p.refresh_tick) {
                    stress_add(q, w, counter, log, cell.at(cell_soc)[0],
                               cell.at(cell_temperature_k)[0], period_s);
                }
            }
            power_w[row] = sum.delivered_w * share;
            cell_power_w[row] = sum.inner_w * share;
            loss_w[row] = sum.heat_w * share;
            stored_w[row] = sum.stored_w * share;
            current_a[row] = sum.current_a * share;
            voltage_v[row] = sum.voltage_v * share;
            end_voltage_v[row] = sum.end_voltage_v;
            soc[row] = sum.soc;
            temperature_k[row] = hottest(p.groups, cell);
            auxiliary_w[row] = climate * share;
            limited[row] = sum.limited;
        }
    };
    // A loop for each, so that what a step gives stays in registers.
    if (p.groups != 1) {
        run([&](double asked)
                WK_INLINED { return battery_step_shared(p, s, c, mode, cell, table, asked); });
    } else if (mode == drive_power) {
        run([&](double asked) WK_INLINED {
            return battery_step_alone<drive_power>(p, s, c, cell.base, table, asked);
        });
    } else if (mode == drive_current) {
        run([&](double asked) WK_INLINED {
            return battery_step_alone<drive_current>(p, s, c, cell.base, table, asked);
        });
    } else {
        run([&](double asked) WK_INLINED {
            return battery_step_alone<drive_voltage>(p, s, c, cell.base, table, asked);
        });
    }
}

// A tile of batteries side by side, with rows that lie close together: their cell matrix, what is
// asked of them, the tick under way, and sums of what they did.
struct alignas(64) BatteryTile {
    static constexpr Index sums = 7;
    double cell[tile_rows * battery_tile];
    double asked[battery_tile];
    double ocv[battery_tile];
    double ocv_ohm[battery_tile];
    double instant[battery_tile];
    double root_0[battery_tile];
    double mean_ohm[battery_tile];
    double bias[battery_tile];
    double current[battery_tile];
    double limited[battery_tile];
    double sum[sums][battery_tile];

    CellRows rows() { return {cell, battery_tile}; }
    Source source(Index i) const {
        return {ocv[i], ocv_ohm[i], instant[i], root_0[i], mean_ohm[i], bias[i]};
    }
};

// Takes columns of the cell matrix; the last is repeated up to a whole number of vectors.
static inline Index tile_load(BatteryTile& tile, Index count, const CellRows cell) {
    const Index lanes = (count + battery_lanes - 1) / battery_lanes * battery_lanes;
    for (Index row = 0; row < tile_rows; ++row) {
        double* WK_RESTRICT to = tile.rows().at(row);
        const double* WK_RESTRICT from = cell.at(row);
        for (Index i = 0; i < count; ++i) to[i] = from[i];
        for (Index i = count; i < lanes; ++i) to[i] = from[count - 1];
    }
    return lanes;
}

static inline void tile_store(BatteryTile& tile, Index count, const CellRows cell) {
    for (Index row = 0; row < tile_rows; ++row) {
        double* WK_RESTRICT to = cell.at(row);
        const double* WK_RESTRICT from = tile.rows().at(row);
        for (Index i = 0; i < count; ++i) to[i] = from[i];
    }
}

// Whether no current within the limits turns the hysteresis over fast; until the next renewal.
static inline bool tile_is_calm(BatteryTile& tile, Index lanes, const BatteryParams& p) {
    const CellRows cell = tile.rows();
    bool calm = true;
    for (Index i = 0; i < lanes; ++i) {
        const double per_ampere = p.hysteresis_per_soc * cell.at(cell_charge_per_tick)[i];
        calm = calm && per_ampere * cell.at(cell_most_a)[i] < gentle &&
               per_ampere * -cell.at(cell_least_a)[i] < gentle;
    }
    return calm;
}

static inline void tile_find_pieces(BatteryTile& tile, Index lanes, const BatteryParams& p,
                                    const double* table) {
    const CellRows cell = tile.rows();
    Index left = 0;
    for (Index i = 0; i < lanes; ++i) left |= on_piece(p, cell, i) ? 0 : 1;
    if (left == 0) return;
    for (Index i = 0; i < lanes; ++i) find_piece(p, cell, i, table);
}

// Currents of a tick. Two short loops, here and in tile_apply: of a long one a processor sees too
// little ahead to work on several vectors at a time.
template <Index mode>
static inline void tile_solve(BatteryTile& tile, Index lanes, const BatteryParams& given) {
    const BatteryParams p = given;
    const CellRows cell = tile.rows();
    for (Index first = 0; first < lanes; first += battery_lanes) {
        WK_LANES
        for (Index i = first; i < first + battery_lanes; ++i) {
            const double asked = asked_of_string<mode>(cell, i, tile.asked[i]);
            const Source x = string_source<mode>(p, cell, i, asked);
            const Range range = string_limits(p, cell, i);
            const Current found = string_current<mode>(p, x.emf(), x.ohm(), range, asked);
            tile.ocv[i] = x.ocv;
            tile.ocv_ohm[i] = x.ocv_ohm;
            tile.instant[i] = x.instant;
            tile.root_0[i] = x.root_0;
            tile.mean_ohm[i] = x.mean_ohm;
            tile.bias[i] = x.bias;
            tile.current[i] = found.amperes;
            tile.limited[i] = found.limited;
        }
    }
}

template <Index mode, bool calm>
static inline void tile_apply(BatteryTile& tile, Index lanes, const BatteryParams& given) {
    const BatteryParams p = given;
    const CellRows cell = tile.rows();
    for (Index first = 0; first < lanes; first += battery_lanes) {
        WK_LANES
        for (Index i = first; i < first + battery_lanes; ++i) {
            const double current = tile.current[i];
            const StringFlow flow = string_apply<calm>(p, cell, i, tile.source(i), current);
            const double strings = cell.at(cell_strings)[i];
            double delivered = strings * (flow.voltage_v * current);
            if constexpr (mode == drive_power) {
                delivered = tile.limited[i] == 0.0 ? tile.asked[i] : delivered;
            }
            tile.sum[0][i] += delivered;
            tile.sum[1][i] += strings * flow.inner_w;
            tile.sum[2][i] += strings * flow.heat_w;
            tile.sum[3][i] += strings * flow.stored_w;
            tile.sum[4][i] += strings * current;
            tile.sum[5][i] += flow.voltage_v;
            tile.sum[6][i] += tile.limited[i];
        }
    }
}

// Tile by tile over all ticks: a tile stays in the first-level cache.
template <Index mode>
static void batteries_run_of(Index ticks, Index every, Index n, const BatteryParams& p,
                             BatteryState& s, const ContainerParams& c, const CellRows cell,
                             const double* table, const double* command, double* const* mean,
                             double* end_voltage_v, double* soc, double* temperature_k,
                             double* limited) {
    const double share = 1.0 / static_cast<double>(every);
    const BatteryState start = s;
    Index outside = 0;
    BatteryTile tile;
    for (Index first = 0; first < n; first += battery_tile) {
        const Index count = n - first < battery_tile ? n - first : battery_tile;
        const CellRows columns{cell.base + first, cell.stride};
        const Index lanes = tile_load(tile, count, columns);
        bool calm = tile_is_calm(tile, lanes, p);
        s = start;
        for (Index row = 0; row < ticks / every; ++row) {
            for (Index k = 0; k < BatteryTile::sums; ++k) {
                for (Index i = 0; i < lanes; ++i) tile.sum[k][i] = 0.0;
            }
            const Index at = row * n + first;
            for (Index i = 0; i < count; i += 8) {
                for (Index k = 0; k < 6; ++k) WK_PREFETCH_WRITE(mean[k] + at + i);
                WK_PREFETCH_WRITE(limited + at + i);
                WK_PREFETCH_WRITE(end_voltage_v + at + i);
                WK_PREFETCH_WRITE(soc + at + i);
                WK_PREFETCH_WRITE(temperature_k + at + i);
            }
            for (Index t = row * every; t < row * every + every; ++t) {
                const double* const asked = command + t * n + first;
                // The rows of a wide command lie pages apart: no hardware fetches them ahead.
                for (Index i = 0; i < count; i += 8) WK_PREFETCH(asked + prefetch_rows * n + i);
                for (Index i = 0; i < count; ++i) tile.asked[i] = asked[i];
                for (Index i = count; i < lanes; ++i) tile.asked[i] = asked[count - 1];
                battery_renew(lanes, p, s, c, tile.rows(), table);
                if (s.held_tick == 1) calm = tile_is_calm(tile, lanes, p);
                tile_find_pieces(tile, lanes, p, table);
                tile_solve<mode>(tile, lanes, p);
                if (calm) {
                    tile_apply<mode, true>(tile, lanes, p);
                } else {
                    tile_apply<mode, false>(tile, lanes, p);
                }
            }
            for (Index k = 0; k < 6; ++k) {
                for (Index i = 0; i < count; ++i) mean[k][at + i] = tile.sum[k][i] * share;
            }
            for (Index i = 0; i < count; ++i) {
                limited[at + i] = tile.sum[6][i];
                end_voltage_v[at + i] =
                    end_voltage(tile.rows(), i, tile.source(i), tile.current[i]);
                soc[at + i] = tile.rows().at(cell_soc)[i];
                temperature_k[at + i] = tile.rows().at(cell_temperature_k)[i];
            }
        }
        tile_store(tile, count, columns);
        outside = s.outside == 1 ? 1 : outside;
    }
    s.outside = outside;
}

static void batteries_run(Index ticks, Index every, Index n, const BatteryParams& p,
                          BatteryState& s, const ContainerParams& c, Index mode,
                          const CellRows cell, const double* table, const double* command,
                          double* power_w, double* cell_power_w, double* loss_w, double* stored_w,
                          double* current_a, double* voltage_v, double* end_voltage_v, double* soc,
                          double* temperature_k, double* limited) {
    double* const mean[] = {power_w, cell_power_w, loss_w, stored_w, current_a, voltage_v};
    const auto run = mode == drive_power     ? batteries_run_of<drive_power>
                     : mode == drive_current ? batteries_run_of<drive_current>
                                             : batteries_run_of<drive_voltage>;
    run(ticks, every, n, p, s, c, cell, table, command, mean, end_voltage_v, soc, temperature_k,
        limited);
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

static void grid_run(Index ticks, const GridParams& p, GridState& s, const TapChangerParams& tap,
                     TapChangerState& tap_state, const CapacitorBankParams& bank,
                     CapacitorBankState& bank_state, const GridEvent* event,
                     const SheddingStage* stage, SheddingState* stage_state, double* ring,
                     double dt_s, const double* load_w, const double* load_var, double* power_w,
                     double* reactive_var, double* voltage_pu, double* bus_voltage_pu,
                     double* frequency_hz, double* rocof_hz_per_s, double* unserved_w,
                     double* loss_w, double* response_w, double* nose_loading_pu,
                     double* rocof_window_hz_per_s, double* remote_frequency_hz, double* shed_w,
                     double* site_shed_w, Index* tap_position, Index* bank_steps) {
    for (Index t = 0; t < ticks; ++t) {
        s.phase_jump_rad = 0.0;
        if (t >= s.next_change_tick) grid_events(p, s, event, t);
        const double capacitor_pu = bank.step_pu * static_cast<double>(bank_state.in_use);
        const double tripped = s.shed_share * load_w[t];
        const double left = load_w[t] - tripped;
        const double var = load_var[t] - s.shed_share * load_var[t];
        const PoiFlow poi =
            grid_step(p, s, dt_s, tap_state.ratio, capacitor_pu, left, left, var, 0.0);
        frequency_window(p, s, ring);
        rocof_window_hz_per_s[t] = s.rocof_window_hz_per_s;
        const double offset = s.event_frequency_hz + s.playback_frequency_hz;
        remote_frequency_hz[t] = p.nominal_frequency_hz * (1.0 + s.remote_frequency_pu) + offset;
        shed_w[t] = s.shed_pu * p.system_power_w;
        site_shed_w[t] = tripped;
        load_shedding(p, s, stage, stage_state);
        tap_position[t] = tap_state.position;
        bank_steps[t] = bank_state.in_use;
        tap_step(tap, tap_state, s.bus_voltage_pu);
        capacitor_step(bank, bank_state, s.bus_voltage_pu);
        power_w[t] = poi.power_w;
        reactive_var[t] = poi.reactive_var;
        voltage_pu[t] = s.voltage_pu;
        bus_voltage_pu[t] = s.bus_voltage_pu;
        frequency_hz[t] = s.frequency_hz;
        rocof_hz_per_s[t] = poi.rocof_hz_per_s;
        unserved_w[t] = poi.unserved_w;
        loss_w[t] = poi.loss_w;
        response_w[t] = s.response_w;
        nose_loading_pu[t] = s.nose_loading_pu;
    }
}

static void support_run(Index ticks, const SupportParams& p, SupportState& s,
                        const double* frequency_hz, const double* phase_jump_rad,
                        const double* voltage_pu, double* power_w, double* reactive_var,
                        Index* change) {
    for (Index t = 0; t < ticks; ++t) {
        const SupportFlow flow =
            support_step(p, s, frequency_hz[t], phase_jump_rad[t], voltage_pu[t]);
        power_w[t] = flow.power_w;
        reactive_var[t] = flow.reactive_var;
        change[t] = flow.change;
    }
}

static void transformer_run(Index ticks, const NodeParams& p, const GridParams& z,
                            const double* source_pu, const double* load_w, const double* load_var,
                            double* power_w, double* reactive_var, double* loss_w,
                            double* voltage_pu, double* share) {
    for (Index t = 0; t < ticks; ++t) {
        const TransformerFlow flow = transformer_step(p, z, source_pu[t], load_w[t], load_var[t]);
        power_w[t] = flow.power_w;
        reactive_var[t] = flow.reactive_var;
        loss_w[t] = flow.loss_w;
        voltage_pu[t] = flow.voltage_pu;
        share[t] = flow.share;
    }
}

}  // namespace wattkeel::WATTKEEL_ISA_NAMESPACE
