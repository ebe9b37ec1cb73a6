"""Stage `control`: from the measured load to the storage commands."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, two_sum


@kernel
def measured_load(p, s, ring, tick, load_w):
    """Store this tick's load and return the one that is ``delay_tick`` old (the first one before that)."""
    places = p.delay_tick + 1
    if s.started == 0:
        for j in range(places):
            ring[p.delay_first + j] = load_w
    ring[p.delay_first + tick % places] = load_w
    return ring[p.delay_first + (tick + 1) % places]


@kernel
def moving_average(p, s, ring, load_w):
    """Mean of the last ``average_count`` measurements; the running sum is compensated, so it cannot drift."""
    place = p.average_first + s.average_head
    change = load_w
    if s.average_fill < p.average_count:
        s.average_fill = s.average_fill + 1
    else:
        change = load_w - ring[place]
    ring[place] = load_w
    s.average_head = s.average_head + 1 if s.average_head + 1 < p.average_count else 0
    s.average_sum_w, s.average_carry_w = two_sum(change, s.average_sum_w, s.average_carry_w)
    return s.average_sum_w / s.average_fill


@kernel
def control_step(p, s, ring, load_w, slow_soc, fast_soc):
    """One control period; returns the commands of all slow and of all fast units, W.

    ``load_w`` is the measured load net of generation. The target follows it through a moving average and a
    ramp limit (or is fixed); SoC recovery shifts the target inside the ramp limit. The difference is split
    by a first-order low-pass: the fast units take the shaped rest, the slow units all that remains.
    Split and shaping: rule baseline of arXiv:2606.04869, equations in the order used there.
    """
    wanted = load_w
    if p.average_count > 0:
        wanted = moving_average(p, s, ring, load_w)
    error = p.soc_target - slow_soc
    beyond = 0.0
    if error > p.soc_deadband:
        beyond = error - p.soc_deadband
    if error < -p.soc_deadband:
        beyond = error + p.soc_deadband
    recovery = clamp(p.soc_gain_w * beyond, -p.soc_power_max_w, p.soc_power_max_w)
    if p.target == 1:
        s.target_w = p.target_power_w + recovery
    elif s.started == 0 or s.average_fill < p.average_count:
        s.target_w = wanted + recovery  # no ramp limit before there is a full average to follow
    else:
        change = wanted + recovery - s.target_w
        s.target_w = s.target_w + clamp(change, -p.ramp_down_w_per_period, p.ramp_up_w_per_period)
    s.started = 1
    if p.target == 0:
        s.target_w = load_w
        return 0.0, 0.0
    difference = load_w - s.target_w
    fast = 0.0
    if p.fast_limit_w > 0.0:
        s.low_w = p.split_decay * s.low_w + (1.0 - p.split_decay) * difference
        s.shaped_w = p.shape_decay * s.shaped_w + (1.0 - p.shape_decay) * (difference - s.low_w)
        refill = p.fast_soc_gain_w * (p.fast_soc_target - fast_soc)
        fast = clamp(s.shaped_w - refill, -p.fast_limit_w, p.fast_limit_w)
    slow = clamp(difference - fast, -p.slow_limit_w, p.slow_limit_w)
    return slow, fast
