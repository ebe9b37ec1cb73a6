"""Stage `storage`: the power conversion system (PCS); delivered power is positive.

One tick: ``converter_response`` says what the converter would deliver, ``converter_dc`` what it takes from
the cells for that, ``converter_ac`` what the AC side gets where the cells give less, and
``converter_settle`` keeps what was delivered. Losses: ``wattkeel.conversion``; direction 0 is discharge, 1
is charge.
"""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, rise_of, snap

QUADRATIC, AS_EFFICIENCY, TABLE = range(3)
ACTIVE, REACTIVE = range(2)
# Powers above a limit by less than this are at the limit: rounding is no overload.
OVERLOAD_SLACK = 1e-9
BUDGET_SLACK = 1e-12


@kernel
def converter_asked(p, s):
    """AC power that is asked for: control or command from outside, and grid support, within the largest."""
    command = s.command_w if s.override_w != s.override_w else s.override_w
    return clamp(command + s.support_w, -p.most_w, p.most_w)


@kernel
def converter_heard(p, s, ring):
    """Commands after the dead time: those of ``delay_tick`` ticks ago, none before the start."""
    s.asked_w = converter_asked(p, s)
    s.asked_var = clamp(s.reactive_var + s.support_var, -p.most_va, p.most_va)
    if p.delay_tick > 0:
        at = p.ring_first + 2 * s.ring_head
        asked_w = ring[at]
        asked_var = ring[at + 1]
        ring[at] = s.asked_w
        ring[at + 1] = s.asked_var
        s.asked_w = asked_w
        s.asked_var = asked_var
        s.ring_head = s.ring_head + 1 if s.ring_head + 1 < p.delay_tick else 0


@kernel
def converter_lag(p, power_w, wanted_w):
    """Power one tick later of dP/dt = (w - P)/tau, held within the ramp; exact for a held command.

    Far from the command the ramp rules, closer than ramp * tau the lag; where the change from the one to the
    other lies within the tick, the rest of it is a lag. Held on a fine grid, so that the lag ends and does
    not run among the denormals.
    """
    away = power_w - wanted_w
    size = away if away > 0.0 else -away
    if size <= p.ramp_lag_w:
        return snap(wanted_w + away * p.decay, p.power_round_w)
    over = size - p.ramp_lag_w
    if over >= p.ramp_w_per_tick:
        return power_w - p.ramp_w_per_tick if away > 0.0 else power_w + p.ramp_w_per_tick
    left = p.ramp_lag_w * (1.0 - rise_of((1.0 - over / p.ramp_w_per_tick) * p.lag_per_tick))
    return snap(wanted_w + (left if away > 0.0 else -left), p.power_round_w)


@kernel
def converter_room(p, s, voltage_pu):
    """Overload that is left, as a factor, and largest apparent power with it at a voltage."""
    over = 1.0
    if p.overload_extra > 0.0 and s.overload_spent == 0:
        left = (1.0 - s.overload_used) * p.overload_room
        over = 1.0 + (left if left < p.overload_extra else p.overload_extra)
    part = p.current_limit_pu * voltage_pu
    part = part if part < 1.0 else 1.0
    return over, p.limit_va * over * part


@kernel
def converter_capability(p, s, power, var, voltage_pu):
    """Active power that the converter delivers of ``power`` and ``var``; the reactive one is kept in ``s``.

    The capability is the circle of apparent power, larger by the overload that is left and smaller by the
    voltage where the current limit binds. The power with priority keeps its value as far as the circle goes,
    the other gets the rest.
    """
    over, room = converter_room(p, s, voltage_pu)
    s.room_va = room
    most = p.limit_w * over
    most = most if most < room else room
    held_var = var
    if p.priority == REACTIVE:
        held_var = clamp(var, -room, room)
        rest = math.sqrt(room * room - held_var * held_var)
        most = most if most < rest else rest
    held = clamp(power, -most, most)
    if var != 0.0 and p.priority == ACTIVE:
        rest = room * room - held * held
        rest = math.sqrt(rest) if rest > 0.0 else 0.0
        held_var = clamp(var, -rest, rest)
    s.reactive_power_var = held_var
    s.curbed = (1 if held != power else 0) + (2 if held_var != var else 0)
    return held


@kernel
def converter_response(p, s, ring, voltage_pu):
    """AC power that the converter would deliver in this tick: dead time, lag, ramp, capability.

    ``voltage_pu`` is that of the tick before.
    """
    converter_heard(p, s, ring)
    power = converter_lag(p, s.power_w, s.asked_w)
    var = s.asked_var + (s.reactive_power_var - s.asked_var) * p.decay
    return converter_capability(p, s, power, snap(var, p.power_round_w), voltage_pu)


@kernel
def converter_settle(p, s, power_w):
    """Keep what is delivered; returns the reactive power.

    ``power_w`` may differ from the response where the cells limit it; reactive power then stays within the
    circle. The overload budget is the area of the power above its limit, per unit of overload_extra *
    overload_s. It recovers at a constant rate while the power is within its limit; once spent it is there
    again only when it has recovered in full.
    """
    s.power_w = power_w
    var = s.reactive_power_var
    if var != 0.0:
        rest = s.room_va * s.room_va - power_w * power_w
        rest = math.sqrt(rest) if rest > 0.0 else 0.0
        var = clamp(var, -rest, rest)
        s.reactive_power_var = var
    if p.overload_extra > 0.0:
        size = power_w if power_w > 0.0 else -power_w
        load = size * p.per_limit_w
        apparent = math.sqrt(power_w * power_w + var * var) * p.per_limit_va
        load = (load if load > apparent else apparent) - 1.0
        used = s.overload_used + (load * p.overload_use if load > OVERLOAD_SLACK else -p.overload_recover)
        used = clamp(used, 0.0, 1.0)
        if used >= 1.0 - BUDGET_SLACK:
            s.overload_spent = 1
        elif used <= BUDGET_SLACK:
            s.overload_spent = 0
        s.overload_used = used
    return var


@kernel
def table_place(table, first, points, x):
    """Index of the interval of an ascending table that holds ``x``; the outer ones go on."""
    rest = points - 1
    while rest > 1:
        half = rest // 2
        first += half if table[first + half] <= x else 0
        rest -= half
    return first


@kernel
def dc_place(table, first, points, sign, x):
    """Index of the interval of a loss table that holds the DC power ``x`` = loss + sign * AC power."""
    rest = points - 1
    while rest > 1:
        half = rest // 2
        at = first + half
        first += half if sign * (table[at + points] + sign * table[at]) <= sign * x else 0
        rest -= half
    return first


@kernel
def converter_loss(p, table, size_w, way):
    """Loss at AC power ``size_w`` >= 0 in direction ``way``, at least that of no load."""
    if p.law[way] == TABLE:
        points = p.table_points[way]
        i = table_place(table, p.table_first[way], points, size_w)
        slope = (table[i + points + 1] - table[i + points]) / (table[i + 1] - table[i])
        loss = table[i + points] + (size_w - table[i]) * slope
    else:
        loss = p.loss_0_w[way] + size_w * (p.loss_1[way] + p.loss_2_per_w[way] * size_w)
        if p.law[way] == AS_EFFICIENCY:
            whole = size_w + loss
            loss = size_w * loss / whole if whole > 0.0 else 0.0
    return loss if loss > p.no_load_w else p.no_load_w


@kernel
def converter_dc(p, table, ac_w, var):
    """DC power that AC power takes: P_dc = P_ac + loss, also at standstill; reactive power adds to it."""
    way = 0 if ac_w >= 0.0 else 1
    size = ac_w if ac_w >= 0.0 else -ac_w
    return ac_w + (converter_loss(p, table, size, way) + p.reactive_loss_per_w * (var * var))


@kernel
def delivered_size(p, table, dc_w):
    """AC power in discharge for DC power at or above that of no load."""
    if p.law[0] == TABLE:
        points = p.table_points[0]
        i = dc_place(table, p.table_first[0], points, 1.0, dc_w)
        below = table[i] + table[i + points]
        above = table[i + 1] + table[i + points + 1]
        size = table[i] + (dc_w - below) * ((table[i + 1] - table[i]) / (above - below))
    else:
        over = dc_w - p.loss_0_w[0]
        b = 1.0 + p.loss_1[0]
        inner = b * b + 4.0 * p.loss_2_per_w[0] * over
        size = 2.0 * over / (b + math.sqrt(inner if inner > 0.0 else 0.0))
    room = dc_w - p.no_load_w
    return size if size < room else room


@kernel
def stored_size(p, table, dc_w):
    """AC power in charge for DC power at or below that of no load."""
    if p.law[1] == TABLE:
        points = p.table_points[1]
        i = dc_place(table, p.table_first[1], points, -1.0, dc_w)
        below = table[i + points] - table[i]
        above = table[i + points + 1] - table[i + 1]
        size = table[i] + (dc_w - below) * ((table[i + 1] - table[i]) / (above - below))
    elif p.law[1] == AS_EFFICIENCY:
        stored = -dc_w if dc_w < 0.0 else 0.0
        b = stored * (1.0 + p.loss_1[1])
        rest = 1.0 - stored * p.loss_2_per_w[1]
        rest = rest if rest > 1e-3 else 1e-3
        size = (b + math.sqrt(b * b + 4.0 * rest * stored * p.loss_0_w[1])) / (2.0 * rest)
    else:
        over = dc_w - p.loss_0_w[1]
        b = 1.0 - p.loss_1[1]
        inner = b * b + 4.0 * p.loss_2_per_w[1] * over
        size = -(2.0 * over / (b + math.sqrt(inner if inner > 0.0 else 0.0)))
    room = p.no_load_w - dc_w
    return size if size > room else room


@kernel
def converter_ac(p, table, dc_w, var):
    """Inverse of ``converter_dc``, each law in the form of the root that does not cancel.

    Between the losses without load of both directions no power but zero fits.
    """
    inner = dc_w - p.reactive_loss_per_w * (var * var)
    if inner >= p.idle_w[0]:
        return delivered_size(p, table, inner)
    if inner >= p.idle_w[1]:
        return 0.0
    return -stored_size(p, table, inner)
