"""Stage `grid`: separation of the site from the grid, island, blackout, restoration, return."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.forming import DEVIATION_MAGIC, turned
from wattkeel.prototype.numeric import clamp, snap

CONNECTED, ISLANDED, DARK = range(3)
# What a step of the island tells the site to log: bits of its result.
SEPARATED, RETURNED, WENT_DARK, LIT, STARTED, PICKED_UP, RESTORED = 1, 2, 4, 8, 16, 32, 64
MOST_LIFT_PU = 0.1


@kernel
def begin_restoration(p, s):
    """Disconnect the load; it comes back in steps."""
    s.step = 0
    s.step_tick = 0
    s.connected = 0.0


@kernel
def go_dark(p, s):
    """Blackout: nothing is energised, no load is connected."""
    s.mode = DARK
    s.waited_tick = 0
    s.dark_tick = 0
    s.short_tick = 0
    s.energised = 0.0
    s.syncing = 0
    s.restoring = 0
    s.lift_pu = 0.0
    begin_restoration(p, s)


@kernel
def grid_is_back(p, s, open_now, voltage_pu, deviation_hz):
    """Whether voltage and frequency of the grid have been within for long enough."""
    size = deviation_hz if deviation_hz > 0.0 else -deviation_hz
    within = voltage_pu >= p.return_low_pu and voltage_pu <= p.return_high_pu and size <= p.return_band_hz
    s.waited_tick = s.waited_tick + 1 if within and open_now == 0 else 0
    return s.waited_tick > p.return_tick


@kernel
def connected_step(p, s, forming, open_now, voltage_pu):
    """A connected site: whether it separates. Returns what is to be logged."""
    low = voltage_pu < p.separate_below_pu
    s.waited_tick = s.waited_tick + 1 if low else 0
    if open_now == 0 and (not low or s.waited_tick < p.separate_tick):
        return 0
    s.waited_tick = 0
    s.short_tick = 0
    s.cosine = 1.0
    s.sine = 0.0
    s.mode = ISLANDED
    if forming == 1:
        return SEPARATED
    go_dark(p, s)
    return SEPARATED | WENT_DARK


@kernel
def islanded_step(p, s, open_now, voltage_pu, bus_pu, deviation_hz, nominal_hz):
    """An island: whether it goes dark or returns. Returns what is to be logged.

    Before it returns it waits, at a small slip, for the angle across the breaker to pass through zero.
    """
    s.short_tick = s.short_tick + 1 if s.short_of_w > 0.0 else 0
    if s.short_tick > p.blackout_tick:
        told = WENT_DARK | (RESTORED if s.restoring == 1 else 0)  # a black start that fails ends
        go_dark(p, s)
        return told
    s.syncing = 1 if grid_is_back(p, s, open_now, voltage_pu, deviation_hz) else 0
    apart = voltage_pu - bus_pu
    apart = apart if apart > 0.0 else -apart
    slip_hz = s.frequency_hz - nominal_hz - deviation_hz
    slip_hz = slip_hz if slip_hz > 0.0 else -slip_hz
    met = s.cosine * s.bus_cosine - s.sine * s.bus_sine >= p.sync_cosine
    met = met and apart <= p.sync_voltage_pu and slip_hz <= p.sync_band_hz
    if s.syncing == 1 and s.energised >= 1.0 and met:
        s.mode = CONNECTED
        s.syncing = 0
        s.waited_tick = 0
        return RETURNED
    return 0


@kernel
def dark_step(p, s, forming, open_now, voltage_pu, deviation_hz):
    """A dark site: whether the grid or its own units light it. Returns what is to be logged."""
    s.dark_tick += 1
    if grid_is_back(p, s, open_now, voltage_pu, deviation_hz):
        s.mode = CONNECTED
        s.waited_tick = 0
        s.energised = 1.0
        return RETURNED | LIT
    waits = s.waited_tick > 0  # the grid is back, and about to be sound for long enough
    if forming == 1 and p.black_start == 1 and s.dark_tick > p.black_start_tick and not waits:
        s.mode = ISLANDED
        s.waited_tick = 0
        s.restoring = 1
        s.cosine = 1.0
        s.sine = 0.0
        return LIT | STARTED
    return 0


@kernel
def pickup_step(p, s):
    """Energise, then connect the load step by step. Returns what is to be logged."""
    if s.mode == DARK or s.step >= p.pickup_steps:
        return 0
    if s.energised < 1.0:
        risen = s.energised + p.energise_per_tick
        s.energised = risen if risen < 1.0 else 1.0
        return 0
    s.step_tick += 1
    if s.step_tick <= p.pickup_tick:
        return 0
    s.step_tick = 0
    s.connected = p.pickup[s.step]
    s.step += 1
    if s.step < p.pickup_steps or s.restoring == 0:
        return PICKED_UP
    s.restoring = 0
    return PICKED_UP | RESTORED


@kernel
def island_step(p, s, forming, open_now, voltage_pu, bus_pu, deviation_hz, nominal_hz):
    """Begin a tick: mode of the site and share of its load that is connected.

    ``forming`` is 1 where a unit can hold the bus; ``voltage_pu`` and ``deviation_hz`` are of the grid at the
    POI, ``bus_pu`` of the site bus, all of the tick before. Returns what is to be logged, as bits.
    """
    if p.present == 0:
        return 0
    if s.mode == CONNECTED:
        told = connected_step(p, s, forming, open_now, voltage_pu)
    elif s.mode == ISLANDED:
        told = islanded_step(p, s, open_now, voltage_pu, bus_pu, deviation_hz, nominal_hz)
    else:
        told = dark_step(p, s, forming, open_now, voltage_pu, deviation_hz)
    return told | pickup_step(p, s)


@kernel
def island_balance(p, s, demand_w, delivered_w):
    """Power that a separated site lacks, W (negative: surplus); 0 where it is rounding."""
    short = demand_w - delivered_w
    if short < p.rounding_w and -short < p.rounding_w:
        short = 0.0
    s.short_of_w = short
    return short


@kernel
def island_lift(p, s, aim_pu, voltage_pu):
    """Secondary control of the voltage: a slow integral, within bounds; it fades once there is a grid."""
    lift = s.lift_pu * p.restore_decay
    if s.mode == ISLANDED and s.energised >= 1.0:
        lift = s.lift_pu + (aim_pu - voltage_pu) * (1.0 - p.restore_decay)
    s.lift_pu = snap(clamp(lift, -MOST_LIFT_PU, MOST_LIFT_PU), DEVIATION_MAGIC)


@kernel
def island_turn(p, s, site_pu, grid_pu, nominal_hz, jump_rad):
    """Turn the island's angle against the grid by their difference of frequency over the tick."""
    turn = (site_pu - grid_pu) * nominal_hz * p.turn_per_hz - jump_rad
    s.cosine, s.sine = turned(s.cosine, s.sine, turn)
