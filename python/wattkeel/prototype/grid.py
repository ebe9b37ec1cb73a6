"""Stage `grid`: events, one tick from the source to the site bus."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.frequency import frequency_step
from wattkeel.prototype.network import bus_voltage, load_response, network_load, network_source

NEVER = 2**62


@kernel
def event_share(e, tick):
    """Share of an event's frequency offset that is there at the end of a tick, by its ramp."""
    until = e.stop_tick if tick >= e.stop_tick else tick + 1
    risen = (until - e.start_tick) * e.ramp_per_tick
    risen = risen if risen < 1.0 else 1.0
    fallen = (tick + 1 - until) * e.ramp_per_tick
    return risen - fallen if fallen < risen else 0.0


@kernel
def grid_events(p, s, event, tick):
    """Set the combined effect of the events under way and the tick at which that changes next.

    Voltage and impedance factors multiply, frequency offsets and angles add.
    """
    voltage = 1.0
    impedance = 1.0
    frequency = 0.0
    jump = 0.0
    opened = 0
    change = NEVER
    for j in range(p.events):
        e = event[j]
        if tick < e.start_tick:
            change = e.start_tick if e.start_tick < change else change
            continue
        if tick < e.stop_tick:
            change = e.stop_tick if e.stop_tick < change else change
            voltage *= e.voltage_pu
            impedance *= e.impedance_factor
            opened |= e.opens_breaker
        if tick < e.end_tick:
            share = event_share(e, tick)
            frequency += share * e.frequency_offset_hz
            moves = tick + 1 if share < 1.0 or tick >= e.stop_tick else change
            change = moves if moves < change else change
        if e.phase_jump_rad != 0.0 and (tick == e.start_tick or tick == e.stop_tick):
            jump += e.phase_jump_rad if tick == e.start_tick else -e.phase_jump_rad
            change = tick + 1
    s.event_voltage_pu = voltage
    s.event_impedance = impedance
    s.event_frequency_hz = frequency
    s.event_open = opened
    s.phase_jump_rad = jump
    s.next_change_tick = change


@kernel
def grid_step(p, s, dt_s, ratio, capacitor_pu, bus_w, load_w, load_var, given_var):
    """One tick from the source to the site bus.

    Returns (import W, reactive import var, loss of transformers and cable W, unserved W, RoCoF Hz/s, change).

    ``bus_w`` is what the site bus draws, in it the load ``load_w`` at nominal voltage, whose
    voltage-dependent shares follow the voltage of the bus (``s.response_w``); ``load_var`` is the reactive
    power of the load, ``given_var`` what storage delivers. The transformers have the ratio ``ratio`` and
    their impedance on the side of the bus; the capacitor bank has the susceptance ``capacitor_pu``. What the
    grid cannot carry is unserved (negative: surplus), measured at the site bus; the loss is that of what it
    does carry. ``change`` is 1 where a voltage collapse begins, -1 where it ends.
    """
    source, r, x, way_r, way_x = network_source(p, s, ratio)
    p0, p1, p2, q0, q1, q2 = network_load(
        p, capacitor_pu, bus_w + p.transformer_loss_0_w, load_w, load_var, given_var
    )
    voltage, share, power, var, taken, loading = bus_voltage(
        source, r, x, p0, p1, p2, q0, q1, q2, s.bus_voltage_pu
    )
    power *= share
    var *= share
    flow = 0.0
    poi = 0.0
    if voltage > 0.0:
        along = voltage + (way_r * power + way_x * var) / voltage
        across = (way_x * power - way_r * var) / voltage
        poi = math.sqrt(along * along + across * across) / ratio
        flow = (power * power + var * var) / (voltage * voltage)
    response = load_response(p, load_w, taken) if share > 0.0 else 0.0
    carried = share * (bus_w + response)
    loss = share * p.transformer_loss_0_w + way_r * flow * p.base_va
    served = carried + loss
    collapsed = 1 if share < 1.0 and share > 0.0 else 0  # a dead source is no collapse
    change = collapsed - s.collapsed
    s.collapsed = collapsed
    s.voltage_pu = poi
    s.bus_voltage_pu = voltage
    s.nose_loading_pu = loading
    s.response_w = response
    if s.started == 0:
        s.started = 1
        s.reference_w = served if p.reference_core_w != p.reference_core_w else p.reference_core_w
    rocof = 0.0
    if p.states > 0:
        before = s.frequency_pu
        frequency_step(p, s, served)
        rocof = (s.frequency_pu - before) * p.nominal_frequency_hz / dt_s
    offset = s.event_frequency_hz + s.playback_frequency_hz
    s.frequency_hz = p.nominal_frequency_hz * (1.0 + s.frequency_pu) + offset
    reactive = (var + way_x * flow) * p.base_va
    return served, reactive, loss, bus_w + response - carried, rocof, change
