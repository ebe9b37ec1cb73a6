"""Grid support of a storage unit: droop, synthetic inertia, fast frequency response, voltage support.

The converter follows the grid: it measures frequency and voltage of the tick before through first-order lags
and adds powers to its command; its own limits, ramp and lag come after. ``wattkeel.support`` says when such a
loop is stable.
"""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, snap

# 1.5 * 2^52 quanta of 2^-54 (deviations of frequency up to 0.125 pu) and 2^-50 (rates and voltages up to 2).
FREQUENCY_MAGIC = 1.5 * 2.0**-2
OTHER_MAGIC = 1.5 * 2.0**2


@kernel
def past(x, band):
    """What of ``x`` lies beyond a dead band of both signs."""
    if x > band:
        return x - band
    return x + band if x < -band else 0.0


@kernel
def fast_response(p, s):
    """Share of the fast response that is on, and 1 in the tick in which it begins, -1 when it has ended.

    Armed, it waits until the measured frequency has been beyond the threshold for the delay; then the
    step is held, released on a line and rests, whatever the frequency does.
    """
    if s.response_tick == 0:
        if p.response_sign * (p.response_pu - s.frequency_pu) <= 0.0:
            s.waited_tick = 0
            return 0.0, 0
        if s.waited_tick < p.delay_tick:
            s.waited_tick += 1
            return 0.0, 0
        s.waited_tick = 0
    at = s.response_tick
    s.response_tick = at + 1 if at + 1 < p.rest_tick else 0
    if at < p.sustain_tick:
        return 1.0, 1 if at == 0 else 0
    over = at - p.sustain_tick
    if over < p.release_tick:
        return 1.0 - (over + 0.5) * p.per_release, 0
    return 0.0, -1 if over == p.release_tick else 0


@kernel
def support_step(p, s, frequency_hz, phase_jump_rad, voltage_pu):
    """Powers that support adds to the command in this tick: (W, var, change of the fast response).

    The measured frequency y follows T dy/dt = f - y, its rate r follows T_r dr/dt = dy/dt - r; both exact for
    f held over the tick, and the powers are those of their means over it. A jump of the grid's phase by
    a is an impulse of f by a/(2 pi), so that y jumps by a/(2 pi T) (in Hz) and r by that over T_r.
    """
    f = (frequency_hz - p.nominal_hz) * p.per_nominal_hz
    jump = phase_jump_rad * p.jump_pu
    away = (s.frequency_pu + jump) - f
    rate = s.rate_per_s + jump * p.per_rate_s
    deviation = f + away * p.hold
    mean_rate = rate * p.rate_hold - away * p.rate_mean
    s.frequency_pu = snap(f + away * p.decay, FREQUENCY_MAGIC)
    s.rate_per_s = snap(rate * p.rate_decay - away * p.rate_gain, OTHER_MAGIC)
    power = 0.0 - p.droop_w * past(deviation, p.deadband_pu) - p.inertia_w_s * mean_rate
    change = 0
    if p.response_w != 0.0:
        share, change = fast_response(p, s)
        power += share * p.response_w
    var = 0.0
    if p.voltage_var > 0.0:
        if s.started == 0:
            s.voltage_pu = voltage_pu
        lower = s.voltage_pu - voltage_pu
        mean = voltage_pu + lower * p.voltage_hold
        s.voltage_pu = snap(voltage_pu + lower * p.voltage_decay, OTHER_MAGIC)
        var = clamp(
            0.0 - p.voltage_var * past(mean - p.middle_pu, p.voltage_band_pu), -p.limit_var, p.limit_var
        )
    s.started = 1
    return clamp(power, -p.down_w, p.up_w), var, change
