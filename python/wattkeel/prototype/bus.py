"""The site bus and all that feeds it: facility, generation, control, storage, the way to the grid.

Second half of a tick, after the racks: see `site`.
"""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.control import control_step, measured_load
from wattkeel.prototype.cooling import cooling_step
from wattkeel.prototype.distribution import distribution_step, ride_signals
from wattkeel.prototype.event_log import (
    BACKUP_EMPTY,
    BLACK_START,
    BLACKOUT,
    CAPACITOR_SWITCH,
    GENERATION_TRIP,
    GRID_EVENT,
    GRID_PLAYBACK,
    ISLAND,
    LOAD_CEASED,
    LOAD_PICKUP,
    LOAD_SHED,
    NODE_OVERLOAD,
    TAP_CHANGE,
    VOLTAGE_COLLAPSE,
    log_event,
)
from wattkeel.prototype.forming import (
    forming_place,
    forming_shift,
    turned,
)
from wattkeel.prototype.frequency import TRIPS, frequency_window, load_shedding
from wattkeel.prototype.grid import grid_events, grid_step
from wattkeel.prototype.island import (
    CONNECTED,
    LIT,
    PICKED_UP,
    RESTORED,
    RETURNED,
    SEPARATED,
    STARTED,
    WENT_DARK,
    island_balance,
    island_lift,
    island_step,
    island_turn,
)
from wattkeel.prototype.layout import (
    CHAIN_SIGNALS,
    GENERATION_SIGNALS,
    NODE_SIGNALS,
    RACK_SIGNALS,
    RIDE_SIGNALS,
    SITE_SIGNALS,
)
from wattkeel.prototype.network import (
    capacitor_step,
    load_response,
    tap_step,
)
from wattkeel.prototype.playback import playback_step
from wattkeel.prototype.storage import following_step, forming_units_step, site_deviation
from wattkeel.prototype.workload import trace_mean


@kernel
def seen_voltage(v):
    """Voltage of the site bus in the tick before, as loads with ride-through see it; NaN before the first."""
    grid = v.grid_state[0]
    return grid.bus_voltage_pu if grid.started == 1 else math.nan


@kernel
def frequency_deviation(v):
    """Deviation of the frequency of the site bus in the tick before, pu; 0 where there is none."""
    frequency_hz = v.island_state[0].frequency_hz
    return frequency_hz / v.grid[0].nominal_frequency_hz - 1.0 if frequency_hz > 0.0 else 0.0


@kernel
def ride_events(v, k, tick, i, r):
    """Events of the ride-through ``r`` of node ``i``: of its mode, and of its backup."""
    p = v.ride[r]
    s = v.ride_state[r]
    if s.mode != s.mode_was:
        if s.mode_was > 0:
            log_event(k, tick, LOAD_CEASED - 1 + s.mode_was, i, 0, s.voltage_pu, 0.0)
        if s.mode > 0:
            limit = p.cease_voltage_pu if s.mode == 1 else p.reconnect_voltage_pu
            limit = p.sag_voltage_pu if s.mode == 3 else limit
            log_event(k, tick, LOAD_CEASED - 1 + s.mode, i, 1, s.voltage_pu, limit)
        s.mode_was = s.mode
    if s.empty != s.empty_was:
        log_event(k, tick, BACKUP_EMPTY, i, s.empty, s.lost_w + s.backup_w, s.backup_w)
        s.empty_was = s.empty


@kernel
def facility_step(v, k, tick, signal):
    """Distribution and cooling; returns (IT power, load of the site bus, P and Q behind ride-through)."""
    nodes = v.node.shape[0]
    direct_w = 0.0
    it_w = 0.0
    for i in range(nodes):
        v.node_load[i] = 0.0
    for r in range(v.rack.shape[0]):
        power = signal[SITE_SIGNALS + RACK_SIGNALS * r + 10]
        it_w += power
        if v.rack[r].node_index >= 0:
            v.node_load[v.rack[r].node_index] += power
        else:
            direct_w += power
    bus_w = direct_w + distribution_step(
        nodes, v.node, v.node_state, v.ride, v.ride_state, v.chain, v.chain_state, tick, seen_voltage(v),
        frequency_deviation(v), v.node_load, v.node_input, v.node_loss, v.node_changed,
    )  # fmt: skip
    at = SITE_SIGNALS + RACK_SIGNALS * v.rack.shape[0]
    chains_at = at + NODE_SIGNALS * nodes
    rides_at = chains_at + CHAIN_SIGNALS * v.chain.shape[0]
    ride_w = 0.0
    ride_var = 0.0
    for i in range(nodes):
        c = v.node[i].chain_index
        if c >= 0:
            signal[chains_at + c] = v.chain_state[c].stored_w
        r = v.node[i].ride_index
        if r >= 0:
            ride_signals(v.ride_state[r], signal, rides_at + RIDE_SIGNALS * r)
            ride_events(v, k, tick, i, r)
            ride_w += v.ride_state[r].drawn_w
            ride_var += v.ride_state[r].reactive_var
        signal[at + 2 * i] = v.node_input[i]
        signal[at + 2 * i + 1] = v.node_loss[i]
        if v.node_changed[i] != 0:
            phase = 1 if v.node_changed[i] > 0 else 0
            log_event(k, tick, NODE_OVERLOAD, i, phase, v.node_load[i], v.node[i].rated_w)
    cooling_w = cooling_step(v.cooling[0], v.cooling_state[0], it_w)
    signal[11] = cooling_w
    return it_w, bus_w + cooling_w, ride_w, ride_var


@kernel
def generation_step(v, tick, signal, at):
    """Power of all generation, W."""
    total_w = 0.0
    for g in range(v.generation.shape[0]):
        p = v.generation[g]
        s = v.generation_state[g]
        level = v.generation_level
        level[0] = 0.0
        if s.trace_cursor < p.trace_rows:
            time = v.trace_time[p.trace_first : p.trace_first + p.trace_rows]
            value = v.trace_value[p.trace_value_first :]
            s.trace_cursor, s.trace_pass = trace_mean(
                tick + p.trace_offset_tick, time, value, p.trace_rows, 1, p.trace_length_tick,
                p.trace_linear, p.trace_repeat_core, s.trace_cursor, s.trace_pass, level,
            )  # fmt: skip
        power = level[0] * p.scale
        power = power if power > 0.0 else 0.0
        signal[at + g] = power
        total_w += power
    return total_w


@kernel
def role_soc(v, at, fast):
    """SoC of all slow or fast units, weighted by their share; that of the tick before."""
    soc = 0.0
    for u in range(v.converter.shape[0]):
        if v.converter[u].fast == fast:
            soc += v.converter[u].share * v.unit_soc[u]
    return soc


@kernel
def shedding_step(v, k, tick):
    """Load shedding at the end of a tick, by the frequency of the grid, with its events."""
    grid = v.grid[0]
    state = v.grid_state[0]
    if load_shedding(grid, state, v.shedding, v.shedding_state) == 0:
        return
    for j in range(grid.shedding_stages):
        if v.shedding_state[j].tripped == TRIPS:
            kind = LOAD_SHED if v.shedding[j].direction > 0.0 else GENERATION_TRIP
            log_event(k, tick, kind, j, 1, state.frequency_hz, v.shedding[j].threshold_hz)


@kernel
def frequency_end(v, k, tick, signal, tripped_w):
    """End of a tick of the frequency: RoCoF over the window, load shedding, and their signals."""
    grid = v.grid[0]
    state = v.grid_state[0]
    frequency_window(grid, state, v.frequency_ring)
    signal[16] = state.rocof_window_hz_per_s
    offset = state.event_frequency_hz + state.playback_frequency_hz
    signal[17] = grid.nominal_frequency_hz * (1.0 + state.remote_frequency_pu) + offset
    signal[18] = state.shed_pu * grid.system_power_w
    signal[19] = tripped_w
    if grid.shedding_stages > 0:
        shedding_step(v, k, tick)


@kernel
def events_step(v, k, tick):
    """Events that begin, end or move in this tick."""
    grid = v.grid[0]
    grid_events(grid, v.grid_state[0], v.grid_event, tick)
    for j in range(grid.events):
        e = v.grid_event[j]
        if e.start_tick == tick:
            log_event(k, tick, GRID_EVENT, e.row, 1, e.voltage_pu, e.frequency_offset_hz)
        if e.stop_tick == tick:
            log_event(k, tick, GRID_EVENT, e.row, 0, e.voltage_pu, e.frequency_offset_hz)


@kernel
def log_island(v, k, tick, told):
    """Log what the island said."""
    poi_pu = v.grid_state[0].voltage_pu
    island = v.island_state[0]
    least_pu = v.island[0].separate_below_pu
    lacked = island.short_of_w * v.grid[0].per_base
    if told & SEPARATED:
        log_event(k, tick, ISLAND, 0, 1, poi_pu, least_pu)
    if told & WENT_DARK:
        log_event(k, tick, ISLAND, 0, 0, poi_pu, least_pu)
        log_event(k, tick, BLACKOUT, 0, 1, lacked, 0.0)
    if told & LIT:
        log_event(k, tick, BLACKOUT, 0, 0, lacked, 0.0)
    if told & STARTED:
        log_event(k, tick, ISLAND, 0, 1, poi_pu, least_pu)
        log_event(k, tick, BLACK_START, 0, 1, island.connected, 1.0)
    if told & RETURNED and not told & LIT:
        log_event(k, tick, ISLAND, 0, 0, poi_pu, least_pu)
    if told & PICKED_UP:
        log_event(k, tick, LOAD_PICKUP, 0, 1, island.connected, 1.0)
    if told & RESTORED:
        log_event(k, tick, BLACK_START, 0, 0, island.connected, 1.0)


@kernel
def supply_step(v, k, tick):
    """Begin a tick of the supply: separation, return and restoration, and the angles that go with them."""
    grid = v.grid[0]
    gs = v.grid_state[0]
    island = v.island_state[0]
    grid_pu = gs.frequency_hz / grid.nominal_frequency_hz - 1.0
    units = v.converter.shape[0]
    told = 0
    if gs.started == 1:
        deviation_hz = gs.frequency_hz - grid.nominal_frequency_hz
        dead = v.site[0].forming == 1 and gs.event_voltage_pu * gs.playback_voltage_pu <= 0.0
        opened = 1 if dead else gs.event_open  # a dead source is an open one to those who hold the bus
        told = island_step(
            v.island[0], island, v.site[0].forming, opened, gs.voltage_pu, gs.bus_voltage_pu,
            deviation_hz, grid.nominal_frequency_hz,
        )  # fmt: skip
        log_island(v, k, tick, told)
    for u in range(units):
        fs = v.forming_state[u]
        if told & LIT:
            forming_place(fs, 1.0, 0.0, grid_pu if told & RETURNED else 0.0)
        elif told & RETURNED:
            forming_shift(fs, island.cosine, island.sine)
            fs.bump_w = fs.set_w - v.converter_state[u].asked_w
        if island.mode == CONNECTED and gs.phase_jump_rad != 0.0:
            fs.cosine, fs.sine = turned(fs.cosine, fs.sine, -gs.phase_jump_rad)


@kernel
def switching_step(v, k, tick):
    """Tap changer and capacitor bank, by the voltage of the site bus."""
    voltage_pu = v.grid_state[0].bus_voltage_pu
    if tap_step(v.tap_changer[0], v.tap_changer_state[0], voltage_pu) != 0:
        position = v.tap_changer_state[0].position
        log_event(k, tick, TAP_CHANGE, 0, 1, position, voltage_pu)
    if capacitor_step(v.capacitor_bank[0], v.capacitor_bank_state[0], voltage_pu) != 0:
        log_event(k, tick, CAPACITOR_SWITCH, 0, 1, v.capacitor_bank_state[0].in_use, voltage_pu)


@kernel
def separated_step(v, load_w, plain_w, generation_w, storage_w, voltage_pu):
    """The site bus without the grid; returns (power that it lacks W, change of the load by the voltage W)."""
    gs = v.grid_state[0]
    island = v.island_state[0]
    response = load_response(v.grid[0], plain_w, voltage_pu) if voltage_pu > 0.0 else 0.0
    demand = load_w + response
    delivered = storage_w + generation_w
    short = island_balance(v.island[0], island, demand, delivered)
    if short > 0.0 and demand > 0.0:
        left = delivered / demand
        voltage_pu *= math.sqrt(left if left > 0.0 else 0.0)
    gs.bus_voltage_pu = voltage_pu
    site_pu = site_deviation(v)
    nominal = v.grid[0].nominal_frequency_hz
    grid_pu = gs.frequency_hz / nominal - 1.0
    island_turn(v.island[0], island, site_pu, grid_pu, nominal, gs.phase_jump_rad)
    island.frequency_hz = nominal * (1.0 + site_pu) if voltage_pu > 0.0 else 0.0
    return short, response


@kernel
def poi_step(
    v, k, tick, signal, load_w, connected_w, plain_w, generation_w, storage_w, load_var, given_var, bus_pu
):  # fmt: skip
    """The balance of the site bus: with the grid, or without it.

    Of the load ``load_w`` the part ``connected_w`` is connected, and of that ``plain_w`` and its reactive
    power ``load_var`` have the voltage-dependent shares of the grid section.
    """
    grid = v.grid[0]
    gs = v.grid_state[0]
    island = v.island_state[0]
    tap = v.tap_changer_state[0].ratio
    bank = v.capacitor_bank[0].step_pu * v.capacitor_bank_state[0].in_use
    dt_s = v.site[0].tick_s
    if island.mode == CONNECTED:
        bus_w = connected_w - generation_w - storage_w
        power, reactive, loss, unserved, rocof, change = grid_step(
            grid, gs, dt_s, tap, bank, bus_w, plain_w, load_var, given_var
        )
        response = gs.response_w
        asked = (power + unserved) * grid.per_base
        island.frequency_hz = gs.frequency_hz
        island.short_of_w = 0.0
        switching_step(v, k, tick)
    else:
        power, reactive, loss, unserved, rocof, change = grid_step(
            grid, gs, dt_s, tap, 0.0, 0.0, 0.0, 0.0, 0.0
        )
        asked = power * grid.per_base
        unserved, response = separated_step(v, connected_w, plain_w, generation_w, storage_w, bus_pu)
    if change != 0:
        log_event(k, tick, VOLTAGE_COLLAPSE, 0, 1 if change > 0 else 0, asked, power * grid.per_base)
    lacking = unserved if unserved > 0.0 else 0.0
    surplus = -unserved if unserved < 0.0 else 0.0
    if gs.bus_voltage_pu <= 0.0:  # a dead bus: nothing is served, nothing is taken
        response = 0.0
        lacking = connected_w - (storage_w if storage_w < 0.0 else 0.0)
        surplus = generation_w + (storage_w if storage_w > 0.0 else 0.0)
    signal[0] = power
    signal[1] = reactive
    signal[2] = gs.voltage_pu
    signal[3] = gs.frequency_hz
    signal[4] = rocof
    signal[5] = loss
    signal[6] = lacking + (load_w - connected_w)
    signal[7] = surplus
    signal[12] = gs.bus_voltage_pu
    signal[13] = island.frequency_hz
    signal[14] = response
    signal[15] = gs.nose_loading_pu


@kernel
def play_back(v, k, tick):
    """Voltage and frequency of the record that is played back, and its begin and end."""
    s = v.grid_state[0]
    played = playback_step(v.playback[0], s, v.trace_time, v.trace_value, v.playback_level, tick)
    if played != 0:
        phase = 1 if played > 0 else 0
        log_event(k, tick, GRID_PLAYBACK, 0, phase, s.playback_voltage_pu, s.playback_frequency_hz)


@kernel
def bus_step(v, k, tick, signal):
    """All that is behind the racks: facility, generation, control, storage, grid."""
    grid = v.grid[0]
    island = v.island_state[0]
    v.grid_state[0].phase_jump_rad = 0.0
    if tick >= v.grid_state[0].next_change_tick:
        events_step(v, k, tick)
    play_back(v, k, tick)
    it_w, asked_w, ride_w, ride_var = facility_step(v, k, tick, signal)
    tripped_w = v.grid_state[0].shed_share * asked_w
    load_w = asked_w - tripped_w
    at = SITE_SIGNALS + RACK_SIGNALS * v.rack.shape[0] + NODE_SIGNALS * v.node.shape[0]
    at += CHAIN_SIGNALS * v.chain.shape[0] + RIDE_SIGNALS * v.ride.shape[0]
    generation_w = generation_step(v, tick, signal, at)
    at += GENERATION_SIGNALS * v.generation.shape[0]
    supply_step(v, k, tick)
    connected_w = island.connected * load_w
    kept = island.connected * (1.0 - v.grid_state[0].shed_share)
    plain_w = connected_w - kept * ride_w  # load that has no answer to the voltage of its own
    control = v.control[0]
    cs = v.control_state[0]
    measured = measured_load(control, cs, v.ring, tick, connected_w - generation_w)
    if tick % control.period_tick == 0:
        slow, fast = control_step(control, cs, v.ring, measured, role_soc(v, at, 0), role_soc(v, at, 1))
        for u in range(v.converter.shape[0]):
            part = fast if v.converter[u].fast == 1 else slow
            v.converter_state[u].command_w = v.converter[u].share * part
    storage_w, given_var = following_step(v, k, tick, signal, at)
    given_var -= kept * ride_var
    load_var = grid.reactive_per_watt * plain_w
    bus_pu = 0.0
    if v.site[0].forming == 1:
        bus_w = connected_w - generation_w - storage_w
        more_w, more_var, bus_pu = forming_units_step(
            v, k, tick, signal, at, bus_w, plain_w, load_var, given_var
        )
        storage_w += more_w
        given_var += more_var
        island_lift(v.island[0], island, v.grid_state[0].voltage_pu if island.syncing == 1 else 1.0, bus_pu)
    poi_step(
        v, k, tick, signal, load_w, connected_w, plain_w, generation_w, storage_w, load_var, given_var, bus_pu
    )  # fmt: skip
    frequency_end(v, k, tick, signal, tripped_w)
    signal[8] = asked_w
    signal[9] = it_w
    signal[10] = cs.target_w
