"""Stage `distribution`: the tree from rack inlets to the site bus."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import loss_curve


@kernel
def distribution_step(n, p, s, load_w, input_w, loss_w, changed):
    """Losses of every node, children before parents; returns the power drawn from the site bus.

    ``load_w`` (n,) holds the racks' share on entry and the output of every node on return. ``changed`` (n,)
    is 1 where an overload began, -1 where one ended.
    """
    bus_w = 0.0
    for i in range(n):
        out = load_w[i]
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
