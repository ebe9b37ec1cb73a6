"""Stage `storage` of a site: its units, those that follow the grid and those that form it.

Each is a converter (`converter`) with cells behind it (`battery`, `supercapacitor`).
"""

from __future__ import annotations

import math

from wattkeel._generated.dtypes import CELL_ROWS
from wattkeel.prototype._jit import kernel
from wattkeel.prototype.battery import POWER, battery_step, hottest
from wattkeel.prototype.converter import (
    converter_ac,
    converter_asked,
    converter_capability,
    converter_dc,
    converter_heard,
    converter_response,
    converter_room,
    converter_settle,
)
from wattkeel.prototype.event_log import (
    CELLS_OUTSIDE,
    FAST_RESPONSE,
    STORAGE_LIMITED,
    log_event,
)
from wattkeel.prototype.forming import (
    forming_begin,
    forming_beyond,
    forming_curtailed,
    forming_limit,
    forming_solve,
    forming_step,
)
from wattkeel.prototype.island import CONNECTED, DARK
from wattkeel.prototype.layout import STORAGE_SIGNALS
from wattkeel.prototype.network import bus_voltage, network_load, network_source
from wattkeel.prototype.numeric import snap
from wattkeel.prototype.supercapacitor import supercapacitor_step
from wattkeel.prototype.support import support_step


@kernel
def limit_k(p, temperature_k):
    """End of the resistance tables that a temperature lies beyond."""
    return p.table_least_k if temperature_k < p.table_least_k else p.table_most_k


@kernel
def store_step(v, k, tick, signal, at, u, wanted):
    """Converter and cells of unit ``u``, asked for ``wanted`` W; returns (active W, reactive var).

    A converter at a dead bus stands still: it takes nothing from its cells.
    """
    p = v.converter[u]
    s = v.converter_state[u]
    live = s.room_va > 0.0
    dc_w = converter_dc(p, v.converter_table, wanted, s.reactive_power_var) if live else 0.0
    if p.kind == 0:
        battery = v.battery[u]
        state = v.battery_state[u]
        end = battery.first + CELL_ROWS * battery.groups
        cell = v.cell[battery.first : end].reshape((CELL_ROWS, battery.groups))
        got, inner, heat, stored, current, voltage, _, soc, limited = battery_step(
            battery, state, v.container[u], POWER, cell, v.table, dc_w
        )
        warmth = hottest(battery.groups, cell)
        auxiliary = state.auxiliary_w
        if state.outside != state.outside_was:
            log_event(k, tick, CELLS_OUTSIDE, u, state.outside, warmth, limit_k(battery, warmth))
            state.outside_was = state.outside
    else:
        pool = v.supercapacitor_state[u]
        got, inner, heat, limited = supercapacitor_step(v.supercapacitor[u], pool, v.site[0].tick_s, dc_w)
        current = pool.current_a
        voltage = pool.voltage_v
        soc = (pool.energy_j - v.supercapacitor[u].energy_empty_j) * v.supercapacitor[u].soc_per_j
        stored = 0.0
        warmth = 0.0
        auxiliary = 0.0
    power = wanted
    if limited == 1 and live:
        power = converter_ac(p, v.converter_table, got, s.reactive_power_var)
    limited |= s.curbed & 1
    if limited != s.limited:
        log_event(k, tick, STORAGE_LIMITED, u, limited, power, s.asked_w)
    s.limited = limited
    v.unit_soc[u] = soc
    b = at + STORAGE_SIGNALS * u
    signal[b] = converter_asked(p, s)
    signal[b + 1] = power
    signal[b + 2] = got - power
    signal[b + 3] = heat
    signal[b + 4] = inner
    signal[b + 5] = soc
    signal[b + 6] = voltage
    signal[b + 7] = current
    signal[b + 8] = s.asked_w - power if limited == 1 else 0.0
    signal[b + 9] = stored
    signal[b + 10] = warmth
    signal[b + 11] = auxiliary
    signal[b + 12] = s.support_w
    return power - auxiliary, converter_settle(p, s, power)


@kernel
def unit_support(v, k, tick, u):
    """Grid support of unit ``u``, by frequency and voltage of the site bus of the tick before.

    None in the first tick and in the dark, nor in the tick in which the bus is lit.
    """
    p = v.support[u]
    grid = v.grid_state[0]
    if p.active == 0 or grid.started == 0:
        return
    s = v.converter_state[u]
    island = v.island_state[0]
    if island.mode == DARK or island.frequency_hz <= 0.0:
        s.support_w = 0.0
        s.support_var = 0.0
        return
    jump_rad = grid.phase_jump_rad if island.mode == CONNECTED else 0.0
    s.support_w, s.support_var, change = support_step(
        p, v.support_state[u], island.frequency_hz, jump_rad, grid.bus_voltage_pu
    )
    if change != 0:
        threshold_hz = p.nominal_hz * (1.0 + p.response_pu)
        log_event(k, tick, FAST_RESPONSE, u, 1 if change > 0 else 0, island.frequency_hz, threshold_hz)


@kernel
def following_step(v, k, tick, signal, at):
    """All storage units that follow the grid; returns (active W, reactive var) delivered to the site bus."""
    total_w = 0.0
    total_var = 0.0
    grid = v.grid_state[0]
    for u in range(v.converter.shape[0]):
        if v.forming[u].present == 1:
            continue
        unit_support(v, k, tick, u)
        wanted = converter_response(
            v.converter[u], v.converter_state[u], v.converter_ring, grid.bus_voltage_pu
        )
        power, var = store_step(v, k, tick, signal, at, u, wanted)
        total_w += power
        total_var += var
    return total_w, total_var


@kernel
def forming_network(v, bus_w, load_w, load_var, given_var, held_w, held_var):
    """Solve the network with the units that no limit holds; returns the voltage of the site bus, pu.

    ``held_w`` and ``held_var`` are the powers per unit of voltage of units at their current limit. The angle
    of the bus is kept in the state of the island.
    """
    p = v.grid[0]
    s = v.grid_state[0]
    island = v.island_state[0]
    connected = island.mode == CONNECTED
    source, r, x, _, _ = network_source(p, s, v.tap_changer_state[0].ratio)
    bank = v.capacitor_bank[0].step_pu * v.capacitor_bank_state[0].in_use
    standing = p.transformer_loss_0_w if connected else 0.0
    p0, p1, p2, q0, q1, q2 = network_load(p, bank, bus_w + standing, load_w, load_var, given_var)
    p1 -= held_w * p.per_base
    q1 -= held_var * p.per_base
    if s.started == 0:
        voltage, share, power, var, _, _ = bus_voltage(source, r, x, p0, p1, p2, q0, q1, q2, s.bus_voltage_pu)
        forming_begin(
            v.converter.shape[0], v.forming, v.forming_state, r, x, share * power, share * var, voltage
        )
    voltage, island.bus_cosine, island.bus_sine = forming_solve(
        v.converter.shape[0], v.forming, v.forming_state, island.energised * (1.0 + island.lift_pu),
        source if connected else 0.0, r, x, p0, p1, p2, q0, q1, q2, s.bus_voltage_pu, p.base_va,
    )  # fmt: skip
    return voltage


@kernel
def site_deviation(v):
    """Deviation of the frequency of all forming units together, pu."""
    site_pu = 0.0
    for u in range(v.converter.shape[0]):
        site_pu += v.forming[u].weight * v.forming_state[u].deviation_pu
    return site_pu


@kernel
def forming_unit_step(v, k, tick, signal, at, u, voltage_pu):
    """One grid-forming unit at the voltage of this tick; returns (active W, reactive var) delivered."""
    p = v.converter[u]
    s = v.converter_state[u]
    f = v.forming_state[u]
    grid = v.grid[0]
    island = v.island_state[0]
    converter_heard(p, s, v.converter_ring)
    command_w = s.asked_w
    wanted = converter_capability(p, s, f.wanted_w, f.wanted_var, voltage_pu)
    s.asked_w = f.ideal_w
    s.curbed |= 1 if f.fixed == 1 else 0
    power, var = store_step(v, k, tick, signal, at, u, wanted)
    forming_curtailed(f, s.power_w)
    if island.mode == CONNECTED:
        f.set_w = command_w + f.bump_w
        f.bump_w = snap(f.bump_w * v.island[0].restore_decay, p.power_round_w)
    else:
        f.set_w = f.wanted_w + (f.set_w - f.wanted_w) * v.island[0].restore_decay
    if island.mode != DARK:
        grid_pu = v.grid_state[0].frequency_hz / grid.nominal_frequency_hz - 1.0
        slip_pu = 0.0
        if island.syncing == 1:
            slip_pu = grid_pu + v.island[0].sync_slip_hz / grid.nominal_frequency_hz
        frame_pu = grid_pu if island.mode == CONNECTED else island.deviation_pu
        forming_step(v.forming[u], f, slip_pu, grid.nominal_frequency_hz * v.island[0].turn_per_hz, frame_pu)
    return power, var


@kernel
def forming_dead(v):
    """Whether the bus has no voltage: it is dark, or the source is dead and nothing separates the site."""
    island = v.island_state[0]
    if island.mode == CONNECTED:
        source, _, _, _, _ = network_source(v.grid[0], v.grid_state[0], v.tap_changer_state[0].ratio)
        return source <= 0.0
    return island.mode == DARK


@kernel
def forming_cells(v, k, tick, signal, at, voltage_pu):
    """Units whose cells limit them deliver first; returns (active W, reactive var, power of converters W)."""
    total_w = 0.0
    total_var = 0.0
    converter_w = 0.0
    for u in range(v.converter.shape[0]):
        f = v.forming_state[u]
        if v.forming[u].present == 1 and forming_beyond(f, v.converter_state[u].power_w):
            f.fixed = 2
            power, var = forming_unit_step(v, k, tick, signal, at, u, voltage_pu)
            total_w += power
            total_var += var
            converter_w += v.converter_state[u].power_w
    return total_w, total_var, converter_w


@kernel
def forming_shared(v, bus_w, load_var, given_var, held_va):
    """Share a load among units that are all at their limits; returns their voltage, pu.

    Like a constant impedance the load takes what the currents of the units allow; a surplus is taken up to
    their limits at full voltage.
    """
    var = load_var - given_var
    size = math.sqrt(bus_w * bus_w + var * var)
    voltage = 1.0
    if bus_w > 0.0 and held_va < size:
        voltage = held_va / size
    for u in range(v.converter.shape[0]):
        f = v.forming_state[u]
        if v.forming[u].present == 1 and f.fixed == 1:
            own = math.sqrt(f.held_w * f.held_w + f.held_var * f.held_var) / held_va
            f.wanted_w = bus_w * voltage * voltage * own
            f.wanted_var = var * voltage * voltage * own
            f.ideal_w = bus_w * own
    return voltage


@kernel
def forming_held(v, bus_w, load_w, load_var, given_var):
    """Find the units that their current limit holds, and the voltage with them; returns (voltage, of units).

    The network is solved again for those that are left, until none is held anew. The second voltage is that
    at which the units deliver; it differs from the first where all are held.
    """
    units = v.converter.shape[0]
    voltage = 0.0
    for _ in range(units + 1):
        held_w = 0.0
        held_var = 0.0
        held_va = 0.0
        free = 1 if v.island_state[0].mode == CONNECTED else 0
        for u in range(units):
            f = v.forming_state[u]
            if v.forming[u].present == 1 and f.fixed == 1:
                held_w += f.held_w
                held_var += f.held_var
                held_va += math.sqrt(f.held_w * f.held_w + f.held_var * f.held_var)
            elif v.forming[u].present == 1 and f.fixed == 0:
                free = 1
        if free == 0:
            full = v.island_state[0].energised
            return full, forming_shared(v, bus_w, load_var, given_var, held_va) if held_va > 0.0 else full
        voltage = forming_network(v, bus_w, load_w, load_var, given_var, held_w, held_var)
        held = 0
        for u in range(units):
            f = v.forming_state[u]
            if v.forming[u].present == 1 and f.fixed == 0:
                over, room = converter_room(v.converter[u], v.converter_state[u], voltage)
                held |= forming_limit(f, room, v.converter[u].limit_w * over, voltage)
        if held == 0:
            break
    for u in range(units):
        f = v.forming_state[u]
        if v.forming[u].present == 1 and f.fixed == 1:
            f.wanted_w = f.held_w * voltage
            f.wanted_var = f.held_var * voltage
    return voltage, voltage


@kernel
def forming_units_step(v, k, tick, signal, at, bus_w, load_w, load_var, given_var):
    """All grid-forming units; returns (active W, reactive var) delivered and the voltage of the bus, pu.

    Units whose cells limit them deliver first, those at their current limit are constant currents, and the
    others carry the rest.
    """
    total_w = 0.0
    total_var = 0.0
    voltage = 0.0
    units_pu = 0.0
    island = v.island_state[0]
    island.deviation_pu = site_deviation(v)
    dead = forming_dead(v)
    for u in range(v.converter.shape[0]):
        f = v.forming_state[u]
        f.fixed = 0
        f.wanted_w = 0.0
        f.wanted_var = 0.0
        if v.forming[u].present == 1:
            bus_w += v.battery_state[u].auxiliary_w  # of the tick before; following units have it in theirs
    if not dead:
        voltage = forming_network(v, bus_w, load_w, load_var, given_var, 0.0, 0.0)
    for u in range(v.converter.shape[0]):
        v.forming_state[u].ideal_w = v.forming_state[u].wanted_w
    if not dead:
        total_w, total_var, converter_w = forming_cells(v, k, tick, signal, at, voltage)
        voltage, units_pu = forming_held(v, bus_w - converter_w, load_w, load_var, given_var + total_var)
    for u in range(v.converter.shape[0]):
        if v.forming[u].present == 1 and v.forming_state[u].fixed < 2:
            power, var = forming_unit_step(v, k, tick, signal, at, u, units_pu)
            total_w += power
            total_var += var
    return total_w, total_var, voltage
