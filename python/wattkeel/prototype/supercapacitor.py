"""Stage `storage`: capacitance, resistance, leakage; current and power are positive in discharge."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel


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
