"""Stage `distribution`: dynamics of a node's power electronics as a linear model with an exact step.

The model dx/dt = A x + B u, y = C x + D u takes the load u and gives the power y asked of upstream, with gain
1 at zero frequency. Then 1 - H(s) = -s C A^-1 (s - A)^-1 B, so the energy that the chain holds is linear in
its state, E = C A^-1 x, and the mean of y over a tick is exactly u + (E' - E)/dt for a load held over it.
No energy is lost or made, at any tick and over any time.
"""

from __future__ import annotations

from wattkeel.prototype._jit import kernel

CHAIN_ROWS = 24
# States that decay end at zero here, long before they are denormal.
LEAST_W = 1e-100


@kernel
def chain_step(p, s, power_w):
    """One tick of the chain for a load held over it; returns the power stored, W (mean over the tick).

    What its rectifiers ask for is ``power_w`` plus that. ``state`` holds ``states`` states, then the energy,
    which the matrix carries as one more row. The first call starts in equilibrium.
    """
    x = s.state
    new = s.next
    forward = p.forward
    given = p.given
    if s.started == 0:
        s.started = 1
        for i in range(p.width):
            x[i] = p.settled[i] * power_w
    for i in range(p.width):
        new[i] = given[i] * power_w
    for j in range(p.states):
        for i in range(p.width):
            new[i] += forward[CHAIN_ROWS * j + i] * x[j]
    before_j = x[p.states]
    for i in range(p.width):
        y = new[i]
        x[i] = y if y > LEAST_W or y < -LEAST_W else 0.0
    s.stored_w = (x[p.states] - before_j) * p.per_tick_hz
    return s.stored_w
