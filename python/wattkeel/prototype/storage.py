"""Stage `storage`: converter, battery and supercapacitor; delivered power and current are positive."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, snap


@kernel
def converter_asked(p, s):
    """AC power that is asked for, from the control or from outside, within the converter's limit."""
    command = s.command_w if s.override_w != s.override_w else s.override_w
    return clamp(command, -p.limit_w, p.limit_w)


@kernel
def converter_reactive(p, s, power_w):
    """Reactive power delivered: the command, as far as active power leaves room for it."""
    if s.reactive_var == 0.0:
        return 0.0
    room = p.limit_va * p.limit_va - power_w * power_w
    limit = math.sqrt(room) if room > 0.0 else 0.0
    return clamp(s.reactive_var, -limit, limit)


@kernel
def converter_response(p, s):
    """AC power that the converter would deliver in this tick: limit, first-order lag, ramp limit.

    Held on a fine grid, so that the lag ends and does not run among the denormals.
    """
    wanted = converter_asked(p, s)
    power = snap(wanted + (s.power_w - wanted) * p.decay, p.power_round_w)
    return s.power_w + clamp(power - s.power_w, -p.ramp_w_per_tick, p.ramp_w_per_tick)


@kernel
def converter_dc(p, ac_w):
    """DC power that AC power takes: P_dc = P_ac + a + b|P| + c P^2, losses also at standstill."""
    size = ac_w if ac_w > 0.0 else -ac_w
    return ac_w + (p.loss_0_w + size * (p.loss_1 + p.loss_2_per_w * size))


@kernel
def converter_ac(p, dc_w):
    """Inverse of ``converter_dc``, in the form of the quadratic's root that does not cancel."""
    over = dc_w - p.loss_0_w
    if over >= 0.0:
        b = 1.0 + p.loss_1
        return 2.0 * over / (b + math.sqrt(b * b + 4.0 * p.loss_2_per_w * over))
    b = 1.0 - p.loss_1
    inner = b * b + 4.0 * p.loss_2_per_w * over
    return 2.0 * over / (b + math.sqrt(inner if inner > 0.0 else 0.0))


@kernel
def current_for_power(power_w, emf_v, resistance_ohm, per_ohm, least, most):
    """Current of a source behind a resistance at constant power; returns (current A, limited 0/1).

    P = (E - R i) i has the root i = 2P/(E + sqrt(E^2 - 4RP)), which neither cancels nor fails for R = 0.
    Beyond E^2/(4R), reached at E/(2R), there is no solution: the limit is given. ``least`` <= 0 <= ``most``
    after clipping: a source outside its window may only return to it.
    """
    if per_ohm > 0.0:
        nose = 0.5 * emf_v * per_ohm
        most = most if most < nose else nose
    most = most if most > 0.0 else 0.0
    least = least if least < 0.0 else 0.0
    inner = emf_v * emf_v - 4.0 * resistance_ohm * power_w
    if inner < 0.0:
        return most, 1
    current = 2.0 * power_w / (emf_v + math.sqrt(inner))
    if current > most:
        return most, 1
    if current < least:
        return least, 1
    return current, 0


@kernel
def battery_step(p, s, table, power_w):
    """One tick at constant DC power; returns (delivered W, chemical W, heat W, limited 0/1).

    Open-circuit voltage from a table on an even SoC grid. Limits: C-rate, SoC window, terminal voltage.
    SoC is carried as a compensated sum.
    """
    place = clamp(s.soc, 0.0, 1.0) * p.ocv_intervals
    index = int(place)
    index = index if index < int(p.ocv_intervals) else int(p.ocv_intervals) - 1
    low = table[p.ocv_first + index]
    high = table[p.ocv_first + index + 1]
    ocv = p.series * (low + (high - low) * (place - index))

    most = p.current_max_a
    least = p.current_min_a
    room = (s.soc - p.soc_min) * p.current_per_soc_a
    most = most if most < room else room
    room = (s.soc - p.soc_max) * p.current_per_soc_a
    least = least if least > room else room
    if p.per_ohm > 0.0:
        room = (ocv - p.voltage_min_v) * p.per_ohm
        most = most if most < room else room
        room = (ocv - p.voltage_max_v) * p.per_ohm
        least = least if least > room else room
    else:  # without resistance the terminal has the open-circuit voltage: beyond a limit no current that way
        most = most if ocv > p.voltage_min_v else 0.0
        least = least if ocv < p.voltage_max_v else 0.0
    current, limited = current_for_power(power_w, ocv, p.resistance_ohm, p.per_ohm, least, most)
    voltage = ocv - p.resistance_ohm * current
    s.current_a = current
    s.voltage_v = voltage
    change = s.soc_carry - current * p.charge_per_tick
    total = s.soc + change
    s.soc_carry = change - (total - s.soc)
    s.soc = total
    heat = (p.resistance_ohm * current) * current
    delivered = voltage * current if limited == 1 else power_w
    return delivered, ocv * current, heat, limited


@kernel
def supercapacitor_step(p, s, dt_s, power_w):
    """One tick at constant DC power; returns (delivered W, field W, heat W, limited 0/1).

    The state is the energy W = C V^2 / 2, so that the ledger closes exactly; V is held over the tick.
    Leakage takes a fixed share of W per second and counts as heat.
    """
    voltage = math.sqrt(s.energy_j * p.two_per_farad)
    leak = s.energy_j * p.leakage_per_s
    current = 0.0
    limited = 0
    if voltage > p.voltage_least_v:
        per_tick = 1.0 / (voltage * dt_s)
        most = (s.energy_j - leak * dt_s - p.energy_min_j) * per_tick
        least = (s.energy_j - leak * dt_s - p.energy_max_j) * per_tick
        if p.per_ohm > 0.0:  # the terminals may not exceed the limit either
            room = (voltage - p.voltage_max_v) * p.per_ohm
            least = least if least > room else room
        current, limited = current_for_power(power_w, voltage, p.resistance_ohm, p.per_ohm, least, most)
    elif power_w != 0.0:
        limited = 1
    s.current_a = current
    s.voltage_v = voltage - p.resistance_ohm * current
    heat = (p.resistance_ohm * current) * current + leak
    field = voltage * current + leak
    energy = s.energy_j - field * dt_s
    s.energy_j = energy if energy > 0.0 else 0.0
    delivered = s.voltage_v * current if limited == 1 else power_w
    return delivered, field, heat, limited
