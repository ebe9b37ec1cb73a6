"""Stage `storage`: grid-forming units, each a voltage behind a virtual impedance at RMS level.

The network is solved with all sources before the units deliver (``forming_solve``), so that their power and
the voltage belong to the same tick; ``forming_step`` then moves frequency and angle for the next tick.
"""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.network import bus_voltage
from wattkeel.prototype.numeric import snap

TURN = 6.283185307179586
ANGLE_MAGIC = 1.5 * 2.0**2  # quanta of 2^-50
DEVIATION_MAGIC = 1.5 * 2.0**-2  # quanta of 2^-54
SERIES_TERMS = 14
NEARLY = 1e-9  # relative; rounding is no limit


@kernel
def turned(cosine, sine, angle_rad):
    """Rotate a unit phasor by any angle; returns its cosine and sine.

    Sine and cosine of the angle by their series, at most half a turn: the last terms are below 1e-17. The
    length is set to 1 again, and both parts lie on a fine grid, so that a decaying angle ends at zero.
    """
    angle = angle_rad - TURN * math.floor(angle_rad / TURN + 0.5)
    square = angle * angle
    c = 1.0
    s = 1.0
    for k in range(SERIES_TERMS, 0, -1):
        c = 1.0 - c * square / ((2.0 * k - 1.0) * (2.0 * k))
        s = 1.0 - s * square / ((2.0 * k) * (2.0 * k + 1.0))
    s *= angle
    across = cosine * c - sine * s
    along = sine * c + cosine * s
    size = math.sqrt(across * across + along * along)
    return snap(across / size, ANGLE_MAGIC), snap(along / size, ANGLE_MAGIC)


@kernel
def forming_solve(
    n, f, s, energised, source_pu, resistance_pu, reactance_pu, p0, p1, p2, q0, q1, q2, before_pu, base_va
):
    """Voltage of the site bus with ``n`` storage units, and what the network takes from each that forms.

    All sources that no limit holds, the grid among them where ``source_pu`` is above 0, make one Thevenin
    equivalent: admittances and short-circuit currents add. Its load is that of ``bus_voltage``. Returns the
    voltage, pu, and its angle as a phasor.
    """
    yr = 0.0
    yi = 0.0
    jr = 0.0
    ji = 0.0
    if source_pu > 0.0:
        z2 = resistance_pu * resistance_pu + reactance_pu * reactance_pu
        yr = resistance_pu / z2
        yi = -reactance_pu / z2
        jr = yr * source_pu
        ji = yi * source_pu
    for u in range(n):
        if f[u].present == 1 and s[u].fixed == 0:
            size = f[u].voltage_setpoint_pu * energised
            g = f[u].conductance_pu
            b = f[u].susceptance_pu
            yr += g
            yi += b
            jr += size * (g * s[u].cosine - b * s[u].sine)
            ji += size * (g * s[u].sine + b * s[u].cosine)
    y2 = yr * yr + yi * yi
    er = (jr * yr + ji * yi) / y2
    ei = (ji * yr - jr * yi) / y2
    e2 = er * er + ei * ei
    r = yr / y2
    x = -yi / y2
    voltage, share, power, var, _, _ = bus_voltage(math.sqrt(e2), r, x, p0, p1, p2, q0, q1, q2, before_pu)
    vr = 0.0
    vi = 0.0
    if e2 > 0.0:
        wr = voltage * voltage + share * (r * power + x * var)
        wi = share * (x * power - r * var)
        vr = (wr * er + wi * ei) / e2
        vi = (wr * ei - wi * er) / e2
    for u in range(n):
        if f[u].present == 1 and s[u].fixed == 0:
            size = f[u].voltage_setpoint_pu * energised
            g = f[u].conductance_pu
            b = f[u].susceptance_pu
            ar = size * s[u].cosine - vr
            ai = size * s[u].sine - vi
            ir = g * ar - b * ai
            ii = g * ai + b * ar
            s[u].wanted_w = (vr * ir + vi * ii) * base_va
            s[u].wanted_var = (vi * ir - vr * ii) * base_va
    if voltage <= 0.0:
        return 0.0, 1.0, 0.0
    return voltage, vr / voltage, vi / voltage


@kernel
def forming_step(p, s, slip_pu, turn_rad, reference_pu):
    """Frequency and angle of a unit for the next tick.

    The frequency follows the droop through a first-order filter, exact for the power of this tick:
    deviation = droop (set power - power) + ``slip_pu``. The angle turns against a frame whose deviation is
    ``reference_pu`` by ``turn_rad`` per unit of difference.
    """
    target = p.droop_per_w * (s.set_w - s.wanted_w) + slip_pu
    s.deviation_pu = snap(target + (s.deviation_pu - target) * p.decay, DEVIATION_MAGIC)
    s.cosine, s.sine = turned(s.cosine, s.sine, (s.deviation_pu - reference_pu) * turn_rad)


@kernel
def forming_begin(n, f, s, resistance_pu, reactance_pu, power_pu, var_pu, voltage_pu):
    """Place all units at the angle that the bus has without them, so that they begin without power."""
    wr = voltage_pu * voltage_pu + resistance_pu * power_pu + reactance_pu * var_pu
    wi = reactance_pu * power_pu - resistance_pu * var_pu
    size = math.sqrt(wr * wr + wi * wi)
    for u in range(n):
        if f[u].present == 1 and size > 0.0:
            s[u].cosine = wr / size
            s[u].sine = -wi / size


@kernel
def forming_place(s, cosine, sine, deviation_pu):
    """Place a unit that starts, or that is to be in step, at an angle and a frequency."""
    s.cosine = cosine
    s.sine = sine
    s.deviation_pu = deviation_pu
    s.curtailed = 0
    s.bump_w = 0.0
    s.set_w = 0.0


@kernel
def forming_limit(s, room_va, most_w, voltage_pu):
    """Hold a unit at its current limit, the angle of its power kept; returns 1 where that binds.

    A unit at its limit is a constant current: its power per unit of voltage is kept. ``room_va`` and
    ``most_w`` are the largest apparent and active power at the voltage.
    """
    size = math.sqrt(s.wanted_w * s.wanted_w + s.wanted_var * s.wanted_var)
    active = s.wanted_w if s.wanted_w > 0.0 else -s.wanted_w
    share = 1.0
    if size > room_va:
        share = room_va / size
    if active * share > most_w:
        share = most_w / active
    if share >= 1.0:
        return 0
    s.held_w = s.wanted_w * share / voltage_pu
    s.held_var = s.wanted_var * share / voltage_pu
    s.fixed = 1
    return 1


@kernel
def forming_beyond(s, gave_w):
    """Whether the cells, which gave less in the last tick (``gave_w``), are asked for more again."""
    beyond = s.wanted_w > gave_w if s.wanted_w > 0.0 else s.wanted_w < gave_w
    return s.curtailed == 1 and beyond


@kernel
def forming_curtailed(s, gave_w):
    """Remember whether the cells gave less than the network took."""
    gap = s.wanted_w - gave_w
    gap = gap if gap > 0.0 else -gap
    size = s.wanted_w if s.wanted_w > 0.0 else -s.wanted_w
    s.curtailed = 1 if gap > NEARLY * size else 0


@kernel
def forming_shift(s, cosine, sine):
    """Turn a unit's angle into a frame that is behind by the angle of a unit phasor."""
    across = s.cosine * cosine - s.sine * sine
    s.sine = s.sine * cosine + s.cosine * sine
    s.cosine = across
