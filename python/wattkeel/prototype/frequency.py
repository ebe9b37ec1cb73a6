"""Frequency side of stage `grid`: the model's exact step, RoCoF over a window, load shedding.

The models and their sources are in ``wattkeel.frequency``.
"""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import snap

STATES = 8  # width of the rows of `step_matrix`
ARMED, TRIPS, TRIPPED = range(3)


@kernel
def frequency_step(p, s, power_w):
    """Step the frequency model exactly for power held over the tick.

    x <- F x + G dP, deviations = C x; any linear model of up to eight states. The area is balanced for
    ``reference_w``; load that was shed is off. The states are held on fine grids, so that they end there and
    not among the denormals.
    """
    load = (power_w - s.reference_w) * p.per_system - s.shed_pu
    near = 0.0
    far = 0.0
    x = s.model_state
    x0, x1, x2, x3, x4, x5, x6, x7 = x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]
    for i in range(p.states):
        row = p.step_matrix[STATES * i : STATES * i + STATES]
        value = row[0] * x0 + row[1] * x1
        if p.states > 2:
            value += row[2] * x2 + row[3] * x3
            value += (row[4] * x4 + row[5] * x5) + (row[6] * x6 + row[7] * x7)
        value = snap(value + p.step_input[i] * load, p.state_magic[i])
        s.model_state[i] = value
        near += p.output_matrix[i] * value
        far += p.output_matrix[STATES + i] * value
    s.frequency_pu = near
    s.remote_frequency_pu = far


@kernel
def frequency_window(p, s, ring):
    """RoCoF of the frequency at the POI over the rolling window; nominal before the start.

    The change over the window by its length is the mean of the rate in it. Imposed offsets of events are in
    it, as a meter would see them.
    """
    deviation = s.frequency_hz - p.nominal_frequency_hz
    at = s.window_head
    s.rocof_window_hz_per_s = (deviation - ring[at]) * p.per_window_s
    ring[at] = deviation
    s.window_head = at + 1 if at + 1 < p.window_tick else 0


@kernel
def load_shedding(p, s, stage, stage_state):
    """Trip the stages whose threshold was passed for their delay; returns how many trip now.

    A stage counts ticks that end beyond its threshold and starts anew when one does not. What it trips
    is off from the next tick on, for good. Below nominal frequency load is shed, above it generation.
    """
    trips = 0
    for j in range(p.shedding_stages):
        q = stage[j]
        w = stage_state[j]
        if w.tripped != ARMED:
            w.tripped = TRIPPED
        elif q.direction * (q.threshold_hz - s.frequency_hz) <= 0.0:
            w.waited_tick = 0
        elif w.waited_tick < q.delay_tick:
            w.waited_tick += 1
        else:
            w.tripped = TRIPS
            trips += 1
    if trips > 0:
        shed = 0.0
        share = 0.0
        for j in range(p.shedding_stages):
            if stage_state[j].tripped != ARMED:
                shed += stage[j].shed_pu
                share += stage[j].site_share
        s.shed_pu = shed
        s.shed_share = share if share < 1.0 else 1.0
    return trips
