"""Stage `cooling`: facility overhead as a fixed, a proportional and a lagged part."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel


@kernel
def cooling_step(p, s, it_w):
    """Cooling power of the tick; the lag is exact for IT power held over the tick."""
    if s.started == 0:
        s.started = 1
        s.lagged_w = it_w
    s.lagged_w = it_w + (s.lagged_w - it_w) * p.decay
    return p.fixed_w + p.proportional * it_w + p.lagged * s.lagged_w
