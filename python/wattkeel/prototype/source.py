"""Stage `storage`: a source behind a resistance; current and power are positive in discharge."""

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
