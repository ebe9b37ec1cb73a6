"""Stage `grid`: from the source to the site bus. Voltage, tap changer, capacitor bank."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel

NEWTON_STEPS = 60
# Of |1 + Z Y*|^2: a capacitor bank in resonance with the source at power frequency.
LEAST_STIFFNESS = 1e-12
# Undervoltage blocking: below it neither tap changer nor capacitors act.
BLOCKED_BELOW_PU = 0.7


@kernel
def largest_root(c4, c3, c2, c1, c0):
    """Largest root of a quartic that rises beyond it; 0 where there is none above 0.

    Newton's method from Cauchy's bound. Beyond the largest root the quartic rises and curves upwards, so the
    iteration falls monotonically to the root, and ends where rounding stops it. Without a root it falls past
    the lowest point, where the slope changes its sign.
    """
    bound = 0.0
    for c in (c3, c2, c1, c0):
        size = (c if c > 0.0 else -c) / c4
        bound = size if size > bound else bound
    x = 1.0 + bound
    for _ in range(NEWTON_STEPS):
        value = (((c4 * x + c3) * x + c2) * x + c1) * x + c0
        slope = ((4.0 * c4 * x + 3.0 * c3) * x + 2.0 * c2) * x + c1
        if slope <= 0.0:
            return 0.0
        lower = x - value / slope
        if lower <= 0.0:
            return 0.0
        if lower >= x:
            return x
        x = lower
    return x


@kernel
def bus_voltage(source_pu, resistance_pu, reactance_pu, p0, p1, p2, q0, q1, q2, before_pu):
    """Voltage of a load P(V) + jQ(V) behind R + jX, with P = p0 + p1 V + p2 V^2 and Q alike.

    Returns (voltage pu, served share, P pu, Q pu, voltage at which P and Q are taken, nose loading).

    V^4 + (2(RP + XQ) - E^2) V^2 + |Z|^2 (P^2 + Q^2) = 0, largest root: a quadratic in V^2 without
    constant-current parts, else a quartic in V. Where there is none, the voltage-dependent parts are taken as
    constant power at the voltage ``before_pu``, and the share of all at the nose of the PV curve is served:
    E^2 = 2 share (RP + XQ + |Z| |S|). The nose loading is the reciprocal of that share, for the load as it is
    taken as constant power: 1 at the nose, 0 without load. A source without voltage carries nothing.
    """
    source = source_pu * source_pu
    if source <= 0.0:
        return 0.0, 0.0, p0, q0, 0.0, 0.0
    z2 = resistance_pu * resistance_pu + reactance_pu * reactance_pu
    c4 = 1.0 + 2.0 * (resistance_pu * p2 + reactance_pu * q2) + z2 * (p2 * p2 + q2 * q2)
    c4 = c4 if c4 > LEAST_STIFFNESS else LEAST_STIFFNESS
    c2 = 2.0 * (resistance_pu * p0 + reactance_pu * q0) - source
    c2 += z2 * (p1 * p1 + q1 * q1 + 2.0 * (p0 * p2 + q0 * q2))
    c0 = z2 * (p0 * p0 + q0 * q0)
    voltage = 0.0
    if p1 == 0.0 and q1 == 0.0:
        half = -0.5 * c2
        inner = half * half - c4 * c0
        if inner >= 0.0 and half >= 0.0:
            voltage = math.sqrt((half + math.sqrt(inner)) / c4)
    else:
        c3 = 2.0 * (resistance_pu * p1 + reactance_pu * q1) + 2.0 * z2 * (p1 * p2 + q1 * q2)
        voltage = largest_root(c4, c3, c2, 2.0 * z2 * (p0 * p1 + q0 * q1), c0)
    taken = voltage if voltage > 0.0 else before_pu
    power = p0 + (p1 + p2 * taken) * taken
    var = q0 + (q1 + q2 * taken) * taken
    along = resistance_pu * power + reactance_pu * var
    size = math.sqrt(z2 * (power * power + var * var))
    loading = 2.0 * (along + size) / source
    share = 1.0
    if voltage <= 0.0:
        share = 1.0 / loading if loading > 1.0 else 1.0
        half = 0.5 * source - share * along
        inner = half * half - share * share * size * size
        square = half + math.sqrt(inner if inner > 0.0 else 0.0)
        voltage = math.sqrt(square if square > 0.0 else 0.0)
    return voltage, share, power, var, taken, loading


@kernel
def network_source(p, s, ratio):
    """The source as the site bus sees it through transformers of a ratio, and the way from POI to bus.

    Returns (voltage, resistance, reactance, resistance of the way alone, reactance of the way alone), pu on
    the side of the bus.
    """
    square = ratio * ratio
    way_r = p.cable_resistance_pu * square + p.transformer_resistance_pu
    way_x = p.cable_reactance_pu * square + p.transformer_reactance_pu
    return (
        p.source_voltage_pu * s.event_voltage_pu * s.playback_voltage_pu * ratio,
        p.resistance_pu * s.event_impedance * square + way_r,
        p.reactance_pu * s.event_impedance * square + way_x,
        way_r,
        way_x,
    )


@kernel
def network_load(p, capacitor_pu, bus_w, load_w, load_var, given_var):
    """Load of the site bus as P = p0 + p1 V + p2 V^2 and Q alike, pu; returns (p0, p1, p2, q0, q1, q2).

    ``bus_w`` is the whole active power at nominal voltage, ``load_w`` and ``load_var`` the parts that have
    voltage-dependent shares; ``given_var`` is what storage delivers, ``capacitor_pu`` a susceptance.
    """
    p1 = p.load_current_share * load_w
    p2 = p.load_impedance_share * load_w
    q1 = p.reactive_current_share * load_var
    q2 = p.reactive_impedance_share * load_var
    return (
        (bus_w - p1 - p2) * p.per_base,
        p1 * p.per_base,
        p2 * p.per_base,
        (load_var - q1 - q2 - given_var) * p.per_base,
        q1 * p.per_base,
        q2 * p.per_base - capacitor_pu,
    )


@kernel
def load_response(p, load_w, voltage_pu):
    """Change of the load by the voltage of the site bus, W."""
    change = voltage_pu - 1.0
    square = voltage_pu * voltage_pu - 1.0
    return p.load_current_share * load_w * change + p.load_impedance_share * load_w * square


@kernel
def tap_step(p, s, voltage_pu):
    """One tick of the tap changer; returns the steps made (-1, 0 or 1).

    The voltage must lie outside the deadband for the delay before the first step, and for the interval
    before each further one.
    """
    over = voltage_pu - p.target_pu
    outside = over if over > 0.0 else -over
    if p.present == 0 or voltage_pu < BLOCKED_BELOW_PU:
        return 0
    if outside <= p.deadband_pu:
        s.waited_tick = 0
        s.wait_tick = p.delay_tick
        return 0
    s.waited_tick += 1
    change = -1 if over > 0.0 else 1
    position = s.position + change
    if s.waited_tick < s.wait_tick or position < p.lowest or position > p.highest:
        return 0
    s.waited_tick = 0
    s.wait_tick = p.interval_tick
    s.position = position
    s.ratio = 1.0 + position * p.step_pu
    return change


@kernel
def capacitor_step(p, s, voltage_pu):
    """One tick of the switching of the capacitor bank; returns the steps switched (-1, 0 or 1)."""
    change = 0
    if voltage_pu < p.in_below_pu and s.in_use < p.steps:
        change = 1
    elif voltage_pu > p.out_above_pu and s.in_use > 0:
        change = -1
    if change == 0 or p.present == 0 or voltage_pu < BLOCKED_BELOW_PU:
        s.waited_tick = 0
        return 0
    s.waited_tick += 1
    if s.waited_tick < p.delay_tick:
        return 0
    s.waited_tick = 0
    s.in_use += change
    return change
