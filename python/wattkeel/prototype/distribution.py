"""Stage `distribution`: the tree from rack inlets to the site bus."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.facility import chain_step
from wattkeel.prototype.numeric import loss_curve
from wattkeel.prototype.ride_through import perc1_step


@kernel
def distribution_step(
    n, p, s, ride, ride_state, chain, chain_state, tick, voltage_pu, frequency_pu, load_w, input_w, loss_w,
    changed,
):  # fmt: skip
    """Losses of every node, children before parents; returns the power drawn from the site bus.

    The load of a node passes its dynamics (what its rectifiers ask for, and when), its ride-through (what
    they draw at this voltage), then the loss law. ``load_w`` (n,) holds the racks' share on entry, and on
    return what every node carries before its loss. ``changed`` (n,) is 1 where an overload began, -1 where
    one ended.
    """
    bus_w = 0.0
    for i in range(n):
        out = load_w[i]
        c = p[i].chain_index
        if c >= 0:
            out += chain_step(chain[c], chain_state[c], out)
        r = p[i].ride_index
        if r >= 0:
            out = perc1_step(ride[r], ride_state[r], tick, voltage_pu, frequency_pu, out)
        load_w[i] = out
        loss = loss_curve(
            out, p[i].loss_0_w, p[i].loss_1, p[i].loss_2_per_w, p[i].knots, p[i].knot_w, p[i].knot_slope
        )
        power = out + loss
        loss_w[i] = loss
        input_w[i] = power
        over = 1 if out > p[i].rated_w else 0
        changed[i] = over - s[i].overloaded
        s[i].overloaded = over
        if p[i].parent_index >= 0:
            load_w[p[i].parent_index] += power
        else:
            bus_w += power
    return bus_w


@kernel
def ride_signals(s, out, at):
    """Write the signals of one ride-through to ``out[at:]``, in the order of python/wattkeel/signals.py."""
    out[at] = s.ceased_w
    out[at + 1] = s.lost_w
    out[at + 2] = s.backup_w
    out[at + 3] = s.backup_loss_w
    out[at + 4] = s.spent_j
    out[at + 5] = s.reactive_var
    out[at + 6] = s.share
