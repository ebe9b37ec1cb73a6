"""A transformer alone: no-load and load loss, and the voltage behind its impedance."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.network import bus_voltage
from wattkeel.prototype.numeric import loss_curve


@kernel
def transformer_step(p, z, source_pu, power_w, reactive_var):
    """One tick of a load P + jQ; returns (input W, input var, loss W, voltage pu, served share).

    ``p`` has the loss law, taken at the apparent power of the load and nominal voltage, as the distribution
    nodes do; ``z`` the impedance per unit of ``z.base_va``. Beyond the nose of the PV curve only the share of
    the load at the nose is served. The reactive power lost is that of the current in the reactance.
    """
    voltage, share, _, _, _, _ = bus_voltage(
        source_pu, z.resistance_pu, z.reactance_pu,
        power_w * z.per_base, 0.0, 0.0, reactive_var * z.per_base, 0.0, 0.0, 1.0,
    )  # fmt: skip
    power = share * power_w
    var = share * reactive_var
    square = power * power + var * var
    loss = loss_curve(
        math.sqrt(square), p.loss_0_w, p.loss_1, p.loss_2_per_w, p.knots, p.knot_w, p.knot_slope
    )
    drop = 0.0
    if voltage > 0.0:
        drop = z.reactance_pu * (square * z.per_base) / (voltage * voltage)
    return power + loss, var + drop, loss, voltage, share
