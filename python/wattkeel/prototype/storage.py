"""Stage `storage` of a site: its units, those that follow the grid and those that form it.

Each is a converter (`converter`) with cells behind it (`battery`, `supercapacitor`).
"""

from __future__ import annotations

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
    forming_curtailed,
    forming_limit,
    forming_solve,
    forming_step,
)
from wattkeel.prototype.island import (
    CONNECTED,
    DARK,
)
from wattkeel.prototype.layout import (
    STORAGE_SIGNALS,
)
from wattkeel.prototype.network import (
    bus_voltage,
    network_load,
    network_source,
)
from wattkeel.prototype.numeric import snap
from wattkeel.prototype.supercapacitor import supercapacitor_step
from wattkeel.prototype.support import support_step


@kernel
def limit_k(p, temperature_k):
    """End of the resistance tables that a temperature lies beyond."""
    return p.table_least_k if temperature_k < p.table_least_k else p.table_most_k


@kernel
def store_step(v, k, tick, signal, at, u, wanted):
    """Converter and cells of unit ``u``, asked for ``wanted`` W; returns (active W, reactive var)."""
    p = v.converter[u]
    s = v.converter_state[u]
    dc_w = converter_dc(p, v.converter_table, wanted, s.reactive_power_var)
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
    power = converter_ac(p, v.converter_table, got, s.reactive_power_var) if limited == 1 else wanted
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
def forming_network(v, bus_w, load_w, load_var, given_var):
    """Solve the network with the units that no limit holds; returns the voltage of the site bus, pu.

    The angle of the bus is kept in the state of the island.
    """
    p = v.grid[0]
    s = v.grid_state[0]
    island = v.island_state[0]
    connected = island.mode == CONNECTED
    source, r, x, _, _ = network_source(p, s, v.tap_changer_state[0].ratio)
    bank = v.capacitor_bank[0].step_pu * v.capacitor_bank_state[0].in_use
    standing = p.transformer_loss_0_w if connected else 0.0
    p0, p1, p2, q0, q1, q2 = network_load(p, bank, bus_w + standing, load_w, load_var, given_var)
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
    wanted = converter_capability(p, s, f.wanted_w, f.wanted_var, voltage_pu)
    power, var = store_step(v, k, tick, signal, at, u, wanted)
    forming_curtailed(f, s.power_w)
    if island.mode == CONNECTED:
        f.set_w = s.asked_w + f.bump_w
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
def forming_units_step(v, k, tick, signal, at, bus_w, load_w, load_var, given_var):
    """All grid-forming units; returns (active W, reactive var) delivered and the voltage of the bus, pu.

    Units that a limit holds deliver first; the network is solved again for the rest.
    """
    total_w = 0.0
    total_var = 0.0
    voltage = 0.0
    island = v.island_state[0]
    island.deviation_pu = site_deviation(v)
    held = 0
    free = 1 if island.mode == CONNECTED else 0
    for u in range(v.converter.shape[0]):
        v.forming_state[u].fixed = 0
        if v.forming[u].present == 1:
            bus_w += v.battery_state[u].auxiliary_w  # of the tick before; following units have it in theirs
            if island.mode == DARK:
                v.forming_state[u].wanted_w = 0.0
                v.forming_state[u].wanted_var = 0.0
    if island.mode != DARK:
        voltage = forming_network(v, bus_w, load_w, load_var, given_var)
    for u in range(v.converter.shape[0]):
        if v.forming[u].present == 1:
            s = v.converter_state[u]
            _, room = converter_room(v.converter[u], s, voltage)
            if forming_limit(v.forming_state[u], room, s.power_w) == 1:
                power, var = forming_unit_step(v, k, tick, signal, at, u, voltage)
                total_w += power
                total_var += var
                bus_w -= s.power_w
                given_var += var
                held = 1
            else:
                free = 1
    if held == 1 and free == 1 and island.mode != DARK:
        voltage = forming_network(v, bus_w, load_w, load_var, given_var)
    for u in range(v.converter.shape[0]):
        if v.forming[u].present == 1 and v.forming_state[u].fixed == 0:
            power, var = forming_unit_step(v, k, tick, signal, at, u, voltage)
            total_w += power
            total_var += var
    return total_w, total_var, voltage
