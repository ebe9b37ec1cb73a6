"""Stage `storage`: the power conversion system (PCS); delivered power is positive."""

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
