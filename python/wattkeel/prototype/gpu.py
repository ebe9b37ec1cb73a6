"""Stage `gpu`: power drawn from demand under cap, floor, ramps and hysteresis."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import snap


@kernel
def gpu_power(
    n, p, gpus, magic, cap_w, secondary_floor_w,
    demand_w, gpu_power_w, below_floor_tick, overshoot_w,
    rack_demand_w, rack_power_w, rack_floor_w, rack_deficit_w, rack_overshoot_w,
):  # fmt: skip
    """One tick of the power smoothing of every rack's GPUs.

    Demand at or above the floor arms it. When demand falls below, the floor holds for the hysteresis, then
    the secondary floor (while the job runs) or the demand is approached at the ramp-down rate. The cap rules
    over both. A rise is followed by a decaying overshoot (EDP peak), which no cap limits; its mean over the
    tick is exact, and it ends at the quantum rather than among the denormals.
    Model: arXiv:2508.14318 section IV-B, with the parameter names of NVML power smoothing.

    Parameters per GPU are turned to rack powers at the end, on the power quantum: ``rack_floor_w`` is power
    without work, ``rack_deficit_w`` work not served. Shapes (n,); state: ``gpu_power_w``,
    ``below_floor_tick``, ``overshoot_w``.
    """
    for i in range(n):
        demand = demand_w[i]
        wanted = demand if demand < cap_w else cap_w
        before = gpu_power_w[i]
        below = 0.0 if demand >= p.floor_w else below_floor_tick[i] + 1.0
        floor = p.floor_w if below <= p.hysteresis_tick else secondary_floor_w
        floor = floor if floor < cap_w else cap_w
        target = wanted if wanted > floor else floor
        highest = before + p.ramp_up_w_per_tick
        lowest = before - p.ramp_down_w_per_tick
        power = target if target < highest else highest
        power = power if power > lowest else lowest
        power = power if power < cap_w else cap_w
        rise = power - before
        rise = rise if rise > 0.0 else 0.0
        start = overshoot_w[i] + p.edp_gain * rise
        start = start if start < p.edp_max_w else p.edp_max_w
        peak = start * p.edp_mean
        burnt = power - demand
        short = demand - power
        gpu_power_w[i] = power
        below_floor_tick[i] = below
        overshoot_w[i] = snap(start * p.edp_decay, magic)
        rack_demand_w[i] = snap(gpus * demand, magic)
        rack_power_w[i] = snap(gpus * (power + peak), magic)
        rack_floor_w[i] = snap(gpus * (burnt if burnt > 0.0 else 0.0), magic)
        rack_deficit_w[i] = snap(gpus * (short if short > 0.0 else 0.0), magic)
        rack_overshoot_w[i] = snap(gpus * peak, magic)
