"""Stage `storage`: cells as an equivalent circuit; current and power are positive in discharge."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp
from wattkeel.prototype.source import current_for_power


@kernel
def battery_step(p, s, table, power_w):
    """One tick at constant DC power; returns (delivered W, chemical W, heat W, limited 0/1).

    Open-circuit voltage from a table on an even SoC grid. Limits: C-rate, SoC window, terminal voltage.
    SoC is carried as a compensated sum.
    """
    place = clamp(s.soc, 0.0, 1.0) * p.ocv_intervals
    index = int(place)
    index = index if index < int(p.ocv_intervals) else int(p.ocv_intervals) - 1
    low = table[p.ocv_first + index]
    high = table[p.ocv_first + index + 1]
    ocv = p.series * (low + (high - low) * (place - index))

    most = p.current_max_a
    least = p.current_min_a
    room = (s.soc - p.soc_min) * p.current_per_soc_a
    most = most if most < room else room
    room = (s.soc - p.soc_max) * p.current_per_soc_a
    least = least if least > room else room
    if p.per_ohm > 0.0:
        room = (ocv - p.voltage_min_v) * p.per_ohm
        most = most if most < room else room
        room = (ocv - p.voltage_max_v) * p.per_ohm
        least = least if least > room else room
    else:  # without resistance the terminal has the open-circuit voltage: beyond a limit no current that way
        most = most if ocv > p.voltage_min_v else 0.0
        least = least if ocv < p.voltage_max_v else 0.0
    current, limited = current_for_power(power_w, ocv, p.resistance_ohm, p.per_ohm, least, most)
    voltage = ocv - p.resistance_ohm * current
    s.current_a = current
    s.voltage_v = voltage
    change = s.soc_carry - current * p.charge_per_tick
    total = s.soc + change
    s.soc_carry = change - (total - s.soc)
    s.soc = total
    heat = (p.resistance_ohm * current) * current
    delivered = voltage * current if limited == 1 else power_w
    return delivered, ocv * current, heat, limited
