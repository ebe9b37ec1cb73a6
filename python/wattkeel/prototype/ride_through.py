"""Stage `distribution`: how the load behind a node answers the voltage of the site bus.

PERC1, the aggregate power-electronic load of EPRI and WECC, with a counter of sags and a backup. Quantities
are per unit of the rating of the node and of the voltage before the first disturbance. In each pair P comes
first, then Q.
"""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, snap

CONNECTED, CEASED, RETURNING, TRANSFERRED = range(4)
BACKUP = 0
SAGS_KEPT = 8
LEAST_VOLTAGE_PU = 0.01  # no current command is divided by less
# 1.5 * 2^52 quanta of 2^-50: filters that decay end at zero.
FILTER_MAGIC = 1.5 * 2.0**2
# Quanta of 2^-46 for the product of voltage and current, so that it is 1 in the steady state.
PRODUCT_MAGIC = 1.5 * 2.0**6
LEAST_J = 1e-9  # a backup that lacks less is full


@kernel
def filtered(value, state, decay):
    """Exact first-order lag for a value held over the tick; its state at the end of the tick.

    Where the grid of the states stops it short of the value it goes the rest at once, so that it settles.
    """
    moved = snap(value + (state - value) * decay, FILTER_MAGIC)
    return snap(value, FILTER_MAGIC) if moved == state else moved


@kernel
def voltage_power(ratio, exponent):
    """``ratio`` to the power 0, 1 or 2."""
    if exponent == 0:
        return 1.0
    return ratio if exponent == 1 else ratio * ratio


@kernel
def ride_begin(s, voltage_pu):
    """State at a steady voltage, taken as that before the first disturbance."""
    nominal = voltage_pu if voltage_pu > 0.1 else 1.0
    s.per_nominal = 1.0 / nominal
    s.voltage_pu = nominal
    s.frequency_pu = 0.0
    s.share = 1.0
    for a in range(2):
        s.slow_voltage_pu[a] = nominal
        s.lag[a] = 1.0
        s.current[a] = 1.0 / nominal


@kernel
def ride_response(p, s, voltage_pu, demand_w, a):
    """Active (a = 0, W) or reactive (a = 1, var) power drawn by what is connected.

    Command over voltage is the current, which lags, is limited and meets the voltage of the tick. Only the
    factor on the demand is filtered: the load itself follows its demand at once.
    """
    slow = filtered(s.voltage_pu, s.slow_voltage_pu[a], p.washout_decay[a])
    s.slow_voltage_pu[a] = slow
    wanted = voltage_power(s.voltage_pu * s.per_nominal, p.exponent[a])
    if a == 0:
        over = s.frequency_pu - p.deadband_high_pu
        under = s.frequency_pu + p.deadband_low_pu
        beyond = (over if over > 0.0 else 0.0) + (under if under < 0.0 else 0.0)
        wanted *= 1.0 + p.frequency_droop * beyond
    wanted += p.washout[a] * (s.voltage_pu - slow)
    behind = s.lag[a]
    s.lag[a] = filtered(wanted, behind, p.lag_decay[a])
    led = s.lag[a] + p.lead_ratio[a] * (wanted - s.lag[a])
    voltage = s.voltage_pu if s.voltage_pu > LEAST_VOLTAGE_PU else LEAST_VOLTAGE_PU
    s.current[a] = filtered(led / voltage, s.current[a], p.output_decay)
    size = demand_w if a == 0 else demand_w * p.reactive_ratio
    drawn = snap(voltage_pu * s.current[a], PRODUCT_MAGIC) * size
    return clamp(drawn, voltage_pu * p.current_min_w[a], voltage_pu * p.current_max_w[a])


@kernel
def sag_counted(p, s, tick, voltage_pu):
    """Count a sag that begins in this tick; returns 1 when the counter transfers the load."""
    low = 1 if voltage_pu < p.sag_voltage_pu else 0
    begins = 1 if low == 1 and s.low == 0 else 0
    s.low = low
    if begins == 0 or p.sags == 0 or s.mode == TRANSFERRED:
        return 0
    if s.sag_total > 0 and tick - s.sag_tick[0] <= p.sag_merge_tick:
        return 0
    for j in range(SAGS_KEPT - 1, 0, -1):
        s.sag_tick[j] = s.sag_tick[j - 1]
    s.sag_tick[0] = tick
    s.sag_total += 1
    if s.sag_total < p.sags:
        return 0
    return 1 if tick - s.sag_tick[p.sags - 1] <= p.sag_window_tick else 0


@kernel
def ride_mode(p, s, tick, voltage_pu):
    """Cease, return, transfer. Both thresholds are strict; times count from the end of a tick."""
    s.below_tick = s.below_tick + 1 if s.voltage_pu < p.cease_voltage_pu else 0
    s.above_tick = s.above_tick + 1 if s.voltage_pu > p.reconnect_voltage_pu else 0
    ready = 1 if s.above_tick > p.reconnect_tick else 0
    if sag_counted(p, s, tick, voltage_pu) == 1:
        s.mode = TRANSFERRED
        s.share = 0.0
        return
    if s.mode == TRANSFERRED:
        if s.reconnect == 0 and tick - s.sag_tick[0] < p.sag_return_tick:
            return
        s.sag_total = 0
        s.mode = CEASED
    s.reconnect = 0
    if s.mode == CEASED:
        if ready == 1:
            s.mode = RETURNING
            s.ramp = (p.returned_share - s.share) * p.ramp_per_tick
    elif s.below_tick > p.cease_tick:
        s.mode = CEASED
        s.share = p.ceased_share


@kernel
def ride_share(p, s):
    """Mean over the tick of the share that is connected."""
    before = s.share
    if s.mode != RETURNING:
        return before
    left = p.returned_share - before
    if s.ramp < left:
        s.share = before + s.ramp
        return 0.5 * (before + s.share)
    s.share = p.returned_share
    s.mode = CONNECTED
    part = left / s.ramp if s.ramp > 0.0 else 0.0
    return part * (0.5 * (before + s.share)) + (1.0 - part) * s.share


@kernel
def backup_step(p, s, ceased_w):
    """Exchange with the backup for a load that is not drawn; returns what is drawn to recharge it, W.

    While the load is connected the backup is recharged, so that it takes recharge less ``ceased_w``. That may
    be below zero (short of demand: it delivers) or above (the load draws more than its demand). What it can
    neither deliver nor take is lost load, in the second case negative.
    """
    s.backup_w = 0.0
    s.backup_loss_w = 0.0
    s.empty = 0
    s.lost_w = ceased_w
    if p.ceased_load != BACKUP:
        return 0.0
    room_w = s.spent_j * p.per_tick_hz / p.recharge_efficiency
    recharge = 0.0
    if s.mode == CONNECTED and s.spent_j > 0.0:
        recharge = clamp(p.recharge_w, 0.0, room_w + ceased_w if room_w + ceased_w > 0.0 else 0.0)
    net = recharge - ceased_w
    if net >= 0.0:
        taken = net if net < room_w else room_w
        stored = taken * p.recharge_efficiency
        left = s.spent_j - stored * p.dt_s
        s.spent_j = left if left > LEAST_J else 0.0
        s.backup_w = -stored
        s.backup_loss_w = taken - stored
        s.lost_w = taken - net
        return recharge
    most_w = (p.backup_j - s.spent_j) * p.per_tick_hz
    need_w = -net
    s.empty = 1 if most_w < need_w else 0
    s.backup_w = most_w if s.empty == 1 else need_w
    s.spent_j = p.backup_j if s.empty == 1 else s.spent_j + need_w * p.dt_s
    s.lost_w = need_w - s.backup_w
    return recharge


@kernel
def perc1_step(p, s, tick, voltage_pu, frequency_pu, demand_w):
    """One tick of the load behind a node; returns what the node delivers: load drawn and recharge, W.

    ``voltage_pu`` is held over the tick and NaN before one is known: then all is steady. ``frequency_pu`` is
    the deviation from nominal.
    """
    if s.started == 0:
        ride_begin(s, voltage_pu if voltage_pu == voltage_pu else 1.0)
    if voltage_pu != voltage_pu:
        voltage_pu = s.voltage_pu
    else:
        s.started = 1
    s.voltage_pu = filtered(voltage_pu, s.voltage_pu, p.voltage_decay)
    s.frequency_pu = filtered(frequency_pu, s.frequency_pu, p.frequency_decay)
    active_w = ride_response(p, s, voltage_pu, demand_w, 0)
    reactive_var = ride_response(p, s, voltage_pu, demand_w, 1)
    ride_mode(p, s, tick, voltage_pu)
    share = ride_share(p, s)
    s.drawn_w = share * active_w
    s.reactive_var = share * reactive_var
    s.ceased_w = demand_w - s.drawn_w
    return s.drawn_w + backup_step(p, s, s.ceased_w)
