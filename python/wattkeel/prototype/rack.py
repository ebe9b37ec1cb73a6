"""Stage `rack`: server overhead, shelf store and PSU."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import snap


@kernel
def rack_load(n, p, magic, gpu_w, overhead_w, load_w):
    """Load on the PSU's output side: GPUs plus servers, fans and switches; shapes (n,)."""
    for i in range(n):
        overhead = snap(p.overhead_w + p.overhead_fraction * gpu_w[i], magic)
        overhead_w[i] = overhead
        load_w[i] = gpu_w[i] + overhead


@kernel
def rack_store(n, p, magic, dt_s, first, load_w, average_w, energy_j, store_power_w, store_loss_w, output_w):
    """One tick of every rack's shelf store, which holds a moving average of the load.

    The store delivers what the load exceeds its average by, within its joules and watts, and returns
    slowly to its initial energy. A delivered watt takes ``1/efficiency`` from the store, a taken watt adds
    ``efficiency``. Model: rack storage with a moving-average target, arXiv:2508.14318 section IV-C.
    State: ``average_w``, ``energy_j``; ``output_w`` is what remains for the PSU. Shapes (n,).
    """
    quantum = magic * 1.4802973661668753e-16  # 1 / (1.5 * 2^52)
    margin = 4.0 * quantum  # rounding to the quantum must not overdraw the store
    out_per_j = 1.0 / (dt_s * p.store_discharge_factor)
    in_per_j = 1.0 / (dt_s * p.store_charge_factor)
    for i in range(n):
        load = load_w[i]
        average = load if first == 1 else load + (average_w[i] - load) * p.store_average_decay
        average_w[i] = average
        energy = energy_j[i]
        wanted = (load - average) - (p.store_target_j - energy) * p.store_recovery_per_s
        most = energy * out_per_j - margin
        most = most if most < p.store_power_w else p.store_power_w
        most = most if most < load else load
        most = most if most > 0.0 else 0.0
        least = (p.store_energy_j - energy) * in_per_j - margin
        least = least if least < p.store_power_w else p.store_power_w
        least = -least if least > 0.0 else 0.0
        power = wanted if wanted > least else least
        power = snap(power if power < most else most, magic)
        inside = power * (p.store_discharge_factor if power > 0.0 else p.store_charge_factor)
        loss = snap(inside - power, magic)
        energy_j[i] = energy - (power + loss) * dt_s
        store_power_w[i] = power
        store_loss_w[i] = loss
        output_w[i] = load - power


@kernel
def rack_psu(n, p, magic, output_w, loss_w, inlet_w):
    """PSU loss and rack inlet power from PSU output; shapes (n,). See ``loss_curve`` for the law."""
    for i in range(n):
        x = output_w[i]
        loss = p.loss_0_w + x * (p.loss_1 + p.loss_2_per_w * x)
        for j in range(p.knots):
            over = x - p.knot_w[j]
            loss += p.knot_slope[j] * (over if over > 0.0 else 0.0)
        loss = snap(loss, magic)
        loss_w[i] = loss
        inlet_w[i] = x + loss
