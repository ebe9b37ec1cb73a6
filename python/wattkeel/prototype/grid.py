"""Stage `grid`: transformer, voltage at the POI, frequency, events."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import snap

NEVER = 2**62
# 1.5 * 2^52 quanta of 2^-54 (deviations up to 0.125 pu) and 2^-50 (up to 2 pu): far below any effect.
FREQUENCY_MAGIC = 1.5 * 2.0**-2
MECHANICAL_MAGIC = 1.5 * 2.0**2


@kernel
def grid_events(p, s, event, tick):
    """Set the combined effect of the events under way and the tick at which that changes next."""
    voltage = 1.0
    frequency = 0.0
    change = NEVER
    for j in range(p.events):
        start = event[j].start_tick
        stop = event[j].stop_tick
        if tick < start:
            change = start if start < change else change
        elif tick < stop:
            change = stop if stop < change else change
            voltage *= event[j].voltage_pu
            frequency += event[j].frequency_offset_hz
    s.event_voltage_pu = voltage
    s.event_frequency_hz = frequency
    s.next_change_tick = change


@kernel
def thevenin_voltage(p, source_pu, power_pu, reactive_pu):
    """POI voltage of a constant P + jQ behind R + jX; returns (voltage pu, served share).

    V^4 + (2(RP + XQ) - E^2) V^2 + |Z|^2 (P^2 + Q^2) = 0, upper root. Where there is none, the share of the
    load at the nose of the PV curve is served: E^2 = 2 share (RP + XQ + |Z| |S|); the rest is unserved.
    A source without voltage carries nothing in either direction.
    """
    source = source_pu * source_pu
    along = p.resistance_pu * power_pu + p.reactance_pu * reactive_pu
    size = p.impedance_squared * (power_pu * power_pu + reactive_pu * reactive_pu)
    half = 0.5 * source - along
    inner = half * half - size
    if source <= 0.0:
        return 0.0, 0.0
    if inner >= 0.0 and half >= 0.0:
        return math.sqrt(half + math.sqrt(inner)), 1.0
    share = source / (2.0 * (along + math.sqrt(size)))
    rest = 0.5 * source - share * along
    return math.sqrt(rest if rest > 0.0 else 0.0), share


@kernel
def frequency_step(p, s, power_w):
    """Swing equation with first-order governor, exact for power held over the tick.

    2H dw/dt = m - dP - D w;  T_g dm/dt = -m - w/R  (arXiv:2512.08076). The area is balanced for
    ``reference_w``. The states are held on a fine grid, so that they reach zero and no denormals.
    """
    load = (power_w - s.reference_w) * p.per_system
    w = s.frequency_pu
    m = s.mechanical_pu
    s.frequency_pu = snap(p.swing_ff * w + p.swing_fm * m + p.swing_fp * load, FREQUENCY_MAGIC)
    s.mechanical_pu = snap(p.swing_mf * w + p.swing_mm * m + p.swing_mp * load, MECHANICAL_MAGIC)


@kernel
def carried_power(p, power_w):
    """Power on the bus side of the POI transformer for ``power_w`` on its grid side: the loss inverted."""
    over = power_w - p.transformer_loss_0_w
    inner = 1.0 + 4.0 * p.transformer_loss_2_per_w * over
    return 2.0 * over / (1.0 + math.sqrt(inner if inner > 0.0 else 0.0))


@kernel
def grid_step(p, s, dt_s, bus_w, load_var):
    """One tick at the POI.

    Returns (import W, reactive import var, transformer loss W, unserved W, RoCoF Hz/s, change).

    ``bus_w`` is what the site bus draws, ``load_var`` its reactive power. What the grid cannot carry is
    unserved (negative: surplus), measured at the site bus; the transformer's loss is that of what it does
    carry. ``change`` is 1 where a voltage collapse begins, -1 where it ends.
    """
    power = bus_w + (p.transformer_loss_0_w + p.transformer_loss_2_per_w * (bus_w * bus_w))
    voltage, share = thevenin_voltage(
        p, p.source_voltage_pu * s.event_voltage_pu, power * p.per_base, load_var * p.per_base
    )
    collapsed = 1 if share < 1.0 else 0
    change = collapsed - s.collapsed
    s.collapsed = collapsed
    served = share * power
    carried = bus_w
    if share < 1.0:
        carried = carried_power(p, served) if share > 0.0 else 0.0
    s.voltage_pu = voltage
    if s.started == 0:
        s.started = 1
        s.reference_w = served if p.reference_core_w != p.reference_core_w else p.reference_core_w
    rocof = 0.0
    if p.frequency_model == 1:
        before = s.frequency_pu
        frequency_step(p, s, served)
        rocof = (s.frequency_pu - before) * p.nominal_frequency_hz / dt_s
    s.frequency_hz = p.nominal_frequency_hz * (1.0 + s.frequency_pu) + s.event_frequency_hz
    return served, share * load_var, served - carried, bus_w - carried, rocof, change
