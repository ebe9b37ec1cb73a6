"""Stage `storage`: cells as an equivalent circuit; current and power are positive in discharge.

A string is an open-circuit voltage, a hysteresis, a resistance, a charge-transfer branch and three slower
RC branches in series (Plett, Battery Management Systems I, 2015, ch. 2). Current is held over a tick, and
everything that follows from it is exact or a mean over the tick, so that a tick of 10 s and one of 0.1 ms
agree to second order.

Polarisation is kept in the root of its energy: a branch of resistance R and time constant tau has the state
s = sqrt(R) j, j being the current of its resistor, so that

    ds/dt = (sqrt(R) i - s)/tau,    v = sqrt(R) s,    stored energy = tau s^2/2,    heat = s^2.

The hysteresis has x = sqrt(M) h, M being half the width of the loop and h in [-1, 1]:

    dx/dq = g (sqrt(M) sign - x),   v = sqrt(M) x,    stored energy = x^2/(2 g),    heat = x^2 |i|.

So heat is a square whatever R and M do while SoC and temperature move: no table can create energy.
"""

from __future__ import annotations

import math

from wattkeel._generated.dtypes import (
    CELL_BIAS_V,
    CELL_BRANCH_0,
    CELL_CAPACITY_AH,
    CELL_CHARGE_MEAN_OHM,
    CELL_CHARGE_OHM,
    CELL_CHARGE_PER_TICK,
    CELL_CHARGE_ROOT_0,
    CELL_CURRENT_A,
    CELL_CURRENT_PER_SOC_A,
    CELL_CURRENT_SUM_A,
    CELL_DISCHARGE_MEAN_OHM,
    CELL_DISCHARGE_OHM,
    CELL_DISCHARGE_ROOT_0,
    CELL_EMF_V,
    CELL_END_VOLTAGE_V,
    CELL_ENTROPY_V,
    CELL_HEAT_SUM_W,
    CELL_HEAT_W,
    CELL_HELD_OCV_V,
    CELL_HIGH_A,
    CELL_HYSTERESIS,
    CELL_INNER_W,
    CELL_INSTANT_OHM,
    CELL_LEAST_A,
    CELL_LOW_A,
    CELL_MEAN_OHM,
    CELL_MOST_A,
    CELL_OCV_OHM,
    CELL_OCV_V,
    CELL_PER_STRINGS,
    CELL_PIECE,
    CELL_PIECE_SLOPE_V,
    CELL_PIECE_V,
    CELL_RESISTANCE_SCALE,
    CELL_ROOT_0,
    CELL_ROOT_1,
    CELL_SHIFT_V,
    CELL_SOC,
    CELL_SOC_CARRY,
    CELL_SOURCE_OHM,
    CELL_STORED_W,
    CELL_STRINGS,
    CELL_TEMPERATURE_K,
    CELL_VOLTAGE_V,
    CELL_WIDTH,
    SLOW_BRANCH_1_OHM,
    SLOW_CHARGE_OHM,
    SLOW_CHARGE_SHARE,
    SLOW_DISCHARGE_OHM,
    SLOW_DISCHARGE_SHARE,
    SLOW_ENTROPY_V_PER_K,
    SLOW_ROWS,
    SLOW_WIDTH_V,
)
from wattkeel.prototype._jit import kernel, part
from wattkeel.prototype.numeric import clamp, rise_of

# What is asked of a battery.
POWER, CURRENT, VOLTAGE = 0, 1, 2
ROUNDING = 1e-14  # of a square: at the largest power their difference is zero or this far off
TINY = 1e-100  # below it a decaying state is zero: it must not run among the denormals
# Without resistance a limit of voltage is met or it is not: behind this one any current can flow.
LEAST_OHM = 1e-30
SUDDEN = 1e18  # more turnover of the hysteresis in a tick than can matter


@kernel
def climate_w(s, c, free, held):
    """Heat that the HVAC gives to the air, W; ``free`` / ``held`` is the air's temperature without it.

    It begins where the air would leave the band, and stops at the set temperature, also within a period.
    """
    wanted = c.set_temperature_k * held - free
    if s.hvac == 0:
        warm = free / held
        s.hvac = 1 if warm > c.set_temperature_k + c.band_k else 0
        s.hvac = -1 if warm < c.set_temperature_k - c.band_k else s.hvac
    given = 0.0
    s.auxiliary_w = c.auxiliary_core_w
    if s.hvac == 1:
        given = clamp(wanted, -c.cooling_core_w, 0.0)
        s.auxiliary_w = c.auxiliary_core_w - given / c.cop_cooling
        s.hvac = 0 if wanted > -c.cooling_core_w else 1
    elif s.hvac == -1:
        given = clamp(wanted, 0.0, c.heating_core_w)
        s.auxiliary_w = c.auxiliary_core_w + given / c.cop_heating
        s.hvac = 0 if wanted < c.heating_core_w else -1
    return given


@kernel
def battery_warm(n, p, s, c, cell):
    """Temperatures after a renewal period of constant mean heat; thermostat and air of the container.

    C dT/dt = heat - i T dU/dT - hA (T - T_air) per string, exact for the air of the period's end, and for the
    air C dT/dt = heat of the cells + HVAC - UA (T - T_ambient) by the implicit Euler step: both together keep
    energy, and are stable at any period however little the air holds against the cells.
    """
    share = p.heat_j_per_k * p.warm_k_per_w * p.refresh_per_s
    if p.contained == 1:
        free = c.air_w_per_k * s.air_k + c.wall_core_w_per_k * c.ambient_temperature_k
        held = c.air_w_per_k + c.wall_core_w_per_k
        for i in range(n):
            heat_w = mean_heat(p, cell, i)
            coupled = share * p.heat_w_per_k
            free += cell[CELL_STRINGS, i] * (heat_w * (1.0 - share) + coupled * cell[CELL_TEMPERATURE_K, i])
            held += cell[CELL_STRINGS, i] * coupled
        s.air_k = (free + climate_w(s, c, free, held)) / held
    for i in range(n):
        heat_w = mean_heat(p, cell, i)
        before = cell[CELL_TEMPERATURE_K, i]
        rise = (heat_w - p.heat_w_per_k * (before - s.air_k)) * p.warm_k_per_w
        cell[CELL_TEMPERATURE_K, i] = before + rise
        cell[CELL_HEAT_SUM_W, i] = 0.0
        cell[CELL_CURRENT_SUM_A, i] = 0.0


@kernel
def mean_heat(p, cell, i):
    """Irreversible and reversible heat of a string, mean since the last renewal, W."""
    heat_w = cell[CELL_HEAT_SUM_W, i] / p.refresh_tick
    return heat_w - cell[CELL_CURRENT_SUM_A, i] / p.refresh_tick * cell[CELL_ENTROPY_V, i]


@part
def find_piece(p, cell, i, table):
    """Find the straight piece of the open-circuit voltage in which the SoC lies.

    A piece is kept by its value at SoC 0 and its slope; the last one is there twice, for SoC 1. Beyond 0 and
    1 the voltage is held.
    """
    piece = int(clamp(cell[CELL_SOC, i], 0.0, 1.0) * p.ocv_intervals)
    cell[CELL_PIECE, i] = piece
    cell[CELL_PIECE_V, i] = table[p.ocv_first + 2 * piece] + cell[CELL_SHIFT_V, i]
    cell[CELL_PIECE_SLOPE_V, i] = table[p.ocv_first + 2 * piece + 1]


@part
def ocv_of(cell, i):
    """Open-circuit voltage of a string at its SoC, V."""
    return cell[CELL_PIECE_V, i] + cell[CELL_PIECE_SLOPE_V, i] * clamp(cell[CELL_SOC, i], 0.0, 1.0)


@kernel
def slow_value(table, at, up, row, soc_share, warm_share):
    """One row of the slow table between its four neighbours; ``up`` leads to the next temperature."""
    here = table[at + row]
    here = here + (table[at + SLOW_ROWS + row] - here) * soc_share
    there = table[at + up + row]
    there = there + (table[at + up + SLOW_ROWS + row] - there) * soc_share
    return here + (there - here) * warm_share


@kernel
def hold_resistances(p, cell, i, discharge, charge):
    """Renew what follows from the resistances of a string in both directions and from its slower branches."""
    slower = 0.0
    for k in range(1, 4):
        slower += cell[CELL_ROOT_1 + k - 1, i] * cell[CELL_ROOT_1 + k - 1, i] * (1.0 - p.hold[k])
    moving = p.transfer_share * (1.0 - p.hold[0])
    cell[CELL_DISCHARGE_OHM, i] = p.ohmic_share * discharge
    cell[CELL_CHARGE_OHM, i] = p.ohmic_share * charge
    cell[CELL_DISCHARGE_ROOT_0, i] = math.sqrt(p.transfer_share * discharge)
    cell[CELL_CHARGE_ROOT_0, i] = math.sqrt(p.transfer_share * charge)
    cell[CELL_DISCHARGE_MEAN_OHM, i] = (p.ohmic_share + moving) * discharge + slower
    cell[CELL_CHARGE_MEAN_OHM, i] = (p.ohmic_share + moving) * charge + slower


@kernel
def battery_hold(n, p, s, cell, table):
    """Renew what changes slowly: resistances, hysteresis width, entropy, limits, from SoC and temperature."""
    intervals = int(p.slow_intervals)
    warm_intervals = int(p.slow_warm_intervals)
    up = (intervals + 1) * SLOW_ROWS
    outside = 0
    for i in range(n):
        place = clamp(cell[CELL_SOC, i], 0.0, 1.0) * p.slow_intervals
        index = int(place)
        index = index if index < intervals else intervals - 1
        kelvin = cell[CELL_TEMPERATURE_K, i]
        warm = clamp((kelvin - p.slow_first_k) * p.slow_per_k, 0.0, p.slow_warm_intervals)
        row = int(warm)
        row = row if row < warm_intervals else warm_intervals - 1
        x = place - index
        y = warm - row
        at = p.slow_first + row * up + index * SLOW_ROWS
        scale = p.series * cell[CELL_RESISTANCE_SCALE, i]
        for k in range(3):
            cell[CELL_ROOT_1 + k, i] = math.sqrt(
                scale * slow_value(table, at, up, SLOW_BRANCH_1_OHM + k, x, y)
            )
        for k in range(4):
            before = cell[CELL_BRANCH_0 + k, i]
            cell[CELL_BRANCH_0 + k, i] = before if before > TINY or before < -TINY else 0.0
        hold_resistances(
            p,
            cell,
            i,
            scale * slow_value(table, at, up, SLOW_DISCHARGE_OHM, x, y),
            scale * slow_value(table, at, up, SLOW_CHARGE_OHM, x, y),
        )
        cell[CELL_WIDTH, i] = math.sqrt(p.series * slow_value(table, at, up, SLOW_WIDTH_V, x, y))
        coefficient = p.series * slow_value(table, at, up, SLOW_ENTROPY_V_PER_K, x, y)
        cell[CELL_SHIFT_V, i] = (kelvin - p.reference_k) * coefficient
        cell[CELL_ENTROPY_V, i] = kelvin * coefficient
        find_piece(p, cell, i, table)
        cell[CELL_HELD_OCV_V, i] = ocv_of(cell, i)
        rate_a = cell[CELL_CAPACITY_AH, i]
        cell[CELL_MOST_A, i] = (
            p.discharge_limit_c * slow_value(table, at, up, SLOW_DISCHARGE_SHARE, x, y) * rate_a
        )
        cell[CELL_LEAST_A, i] = -(
            p.charge_limit_c * slow_value(table, at, up, SLOW_CHARGE_SHARE, x, y) * rate_a
        )
        outside = 1 if kelvin < p.table_least_k or kelvin > p.table_most_k else outside
    s.outside = outside


@part
def turned_share(p, mode, cell, i, asked, fall, ohm, target):
    """Share of the hysteresis that turns over in the mean of the tick, with the current to be expected.

    It is x/(x + 2) for the turnover x. Expected is at constant power the current behind the voltage that the
    nominal current would leave of the open-circuit voltage at the last renewal, at constant voltage the root
    of A - B x/(x + 2) - R i = 0, x = k i, with the voltage A to ``fall`` and the hysteresis B to turn.
    """
    rate = p.hysteresis_per_soc * cell[CELL_CHARGE_PER_TICK, i]
    against = 1.0
    expected = abs(asked)
    if mode == POWER:
        held = cell[CELL_HELD_OCV_V, i]
        volts = held - ohm * asked * p.per_volt
        against = volts if volts > 0.5 * held else 0.5 * held
    elif mode == VOLTAGE:
        turn = cell[CELL_WIDTH, i] * abs(cell[CELL_HYSTERESIS, i] - target)
        linear = 2.0 * ohm + (turn - fall) * rate
        root = math.sqrt(linear * linear + 8.0 * ohm * rate * fall)
        under = linear + root if linear > 0.0 else 2.0 * ohm * rate
        over = 4.0 * fall if linear > 0.0 else root - linear
        expected = over / (under if under > LEAST_OHM else LEAST_OHM)
    turned = rate * expected
    turned = turned if turned < SUDDEN else SUDDEN
    return turned / (turned + 2.0 * against)


@part
def string_source(p, mode, cell, i, table, asked):
    """A string as a voltage behind a resistance, in means over the tick, and the parts of both.

    The mean of a branch's voltage under constant current is linear in the current, so is that of the
    open-circuit voltage on its straight piece. The hysteresis enters with the turnover that the current to
    be expected gives. At constant power that is a few per mille off, of a turnover that is small in a tick;
    heat takes the difference.

    Returns (OCV at the start V, fall of its mean ohm, resistance that acts at once ohm, root of the charge
    transfer's ohm^0.5, fall of the mean of all else ohm, hysteresis less branches V).
    """
    find_piece(p, cell, i, table)
    ocv = ocv_of(cell, i)
    width = cell[CELL_WIDTH, i]
    moved = p.hold[0] * cell[CELL_BRANCH_0, i]
    slower = 0.0
    for k in range(3):
        slower += cell[CELL_ROOT_1 + k, i] * (p.hold[k + 1] * cell[CELL_BRANCH_0 + 1 + k, i])
    hysteresis = cell[CELL_HYSTERESIS, i]
    rest = ocv + (width * hysteresis - slower)
    discharges = asked >= 0.0
    if mode == VOLTAGE:
        discharges = rest - cell[CELL_DISCHARGE_ROOT_0, i] * moved > asked
    instant = cell[CELL_DISCHARGE_OHM, i] if discharges else cell[CELL_CHARGE_OHM, i]
    root_0 = cell[CELL_DISCHARGE_ROOT_0, i] if discharges else cell[CELL_CHARGE_ROOT_0, i]
    mean_ohm = cell[CELL_DISCHARGE_MEAN_OHM, i] if discharges else cell[CELL_CHARGE_MEAN_OHM, i]
    target = -width if discharges else width
    charged = 1.0 if discharges else p.charge_share
    ocv_ohm = p.mean_ocv * cell[CELL_PIECE_SLOPE_V, i] * (charged * cell[CELL_CHARGE_PER_TICK, i])
    ohm = mean_ohm
    fall = 0.0
    if mode == VOLTAGE:
        ohm = mean_ohm + ocv_ohm
        fall = abs(rest - root_0 * moved - asked)
    share = turned_share(p, mode, cell, i, asked, fall, ohm, target)
    # The state of the tick before enters last: the next tick waits for it.
    bias = (width * (target * share) - (slower + root_0 * moved)) + (width * (1.0 - share)) * hysteresis
    return ocv, ocv_ohm, instant, root_0, mean_ohm, bias


@part
def string_limits(p, cell, i):
    """Largest discharge and charge current of a string by C-rate and SoC window, A."""
    high = cell[CELL_MOST_A, i]
    room = (cell[CELL_SOC, i] - p.soc_min) * cell[CELL_CURRENT_PER_SOC_A, i]
    high = high if high < room else room
    low = cell[CELL_LEAST_A, i]
    room = (cell[CELL_SOC, i] - p.soc_max) * cell[CELL_CURRENT_PER_SOC_A, i] * p.per_charge_share
    low = low if low > room else room
    return high if high > 0.0 else 0.0, low if low < 0.0 else 0.0


@part
def string_current(p, mode, emf, ohm, high, low, asked):
    """Current of a string that stands alone for what is asked, A, and 1 where a limit is met.

    P = (E - R i) i has the root i = 2P/(E + sqrt(E^2 - 4RP)), which neither cancels nor fails for R = 0;
    below the line stands twice the terminal voltage. Beyond E^2/(4R), reached at E/2, there is no solution.
    Where the voltage would pass a limit, or fall below E/2, that voltage gives the current.
    """
    discharges = asked < emf if mode == VOLTAGE else asked >= 0.0
    most_ohm = ohm if ohm > LEAST_OHM else LEAST_OHM
    least = 2.0 * p.voltage_min_v if 2.0 * p.voltage_min_v > emf else emf
    bound = least if discharges else 2.0 * p.voltage_max_v  # twice the voltage, like all that follows
    if mode == POWER:
        square = emf * emf
        inner = square - 4.0 * ohm * asked
        twice = emf + math.sqrt(inner if inner > 0.0 else 0.0)
        beyond = inner < -ROUNDING * square or (twice - bound if discharges else bound - twice) < 0.0
        over = 2.0 * emf - bound if beyond else 2.0 * asked
        under = 2.0 * most_ohm if beyond else twice
        solved = over / under if emf > 0.0 else 0.0
        beyond = beyond or emf <= 0.0
    else:
        twice = 2.0 * asked if mode == VOLTAGE else 2.0 * (emf - ohm * asked)
        beyond = (twice - bound if discharges else bound - twice) < 0.0
        solved = (2.0 * emf - (bound if beyond else twice)) / (2.0 * most_ohm)
        solved = asked if mode == CURRENT and not beyond else solved
    current = clamp(solved, 0.0 if discharges else low, high if discharges else 0.0)
    idle = mode != VOLTAGE and asked == 0.0
    return current, 0.0 if idle or (current == solved and not beyond) else 1.0


@part
def string_apply(p, cell, i, source, current):
    """State of a string after a tick of the current found, and where the energy of the chemistry went.

    Heat is what the voltage between chemistry and terminals takes, in means over the tick, less what is
    stored, and the chemical energy of the charge that does not pass the terminals.

    Returns (mean voltage V, chemical W, heat W, into polarisation W).
    """
    ocv, ocv_ohm, _, root_0, mean_ohm, bias = source
    mean_ocv = ocv - ocv_ohm * current
    stored = 0.0
    for k in range(4):
        root = root_0 if k == 0 else cell[CELL_ROOT_1 + k - 1, i]
        before = cell[CELL_BRANCH_0 + k, i]
        step = (root * current - before) * p.rise[k]
        after = before + step
        stored += p.half_tau_per_tick[k] * (step * (after + before))
        cell[CELL_BRANCH_0 + k, i] = after

    before = cell[CELL_HYSTERESIS, i]
    width = cell[CELL_WIDTH, i]
    within = clamp(before, -width, width)  # it may have become narrower
    target = width if current < 0.0 else -width
    turned = p.hysteresis_per_soc * cell[CELL_CHARGE_PER_TICK, i] * abs(current)
    after = within + (target - within) * rise_of(turned)
    stored += p.hysteresis_w * cell[CELL_CAPACITY_AH, i] * ((after - before) * (after + before))
    cell[CELL_HYSTERESIS, i] = after

    charged = p.charge_share if current < 0.0 else 1.0
    soc = cell[CELL_SOC, i]
    per_tick = cell[CELL_CHARGE_PER_TICK, i]
    leak = soc * (p.leak_per_s * 3600.0 * cell[CELL_CAPACITY_AH, i])
    change = (cell[CELL_SOC_CARRY, i] - leak * per_tick) - (charged * per_tick) * current
    total = soc + change
    cell[CELL_SOC_CARRY, i] = change - (total - soc)
    cell[CELL_SOC, i] = total
    heat = (mean_ohm * current - bias) * current - stored + mean_ocv * (leak + (charged - 1.0) * current)
    cell[CELL_HEAT_SUM_W, i] += heat
    cell[CELL_CURRENT_SUM_A, i] += current
    voltage = (ocv + bias) - (mean_ohm + ocv_ohm) * current
    return voltage, mean_ocv * (charged * current + leak), heat, stored


@part
def end_voltage(cell, i, source, current):
    """Terminal voltage of a string at the end of the tick, its current still flowing, V."""
    ocv, ocv_ohm, instant, root_0, _, _ = source
    volts = (ocv - (ocv_ohm + ocv_ohm) * current) - instant * current
    volts -= root_0 * cell[CELL_BRANCH_0, i]
    for k in range(3):
        volts -= cell[CELL_ROOT_1 + k, i] * cell[CELL_BRANCH_0 + 1 + k, i]
    return volts + cell[CELL_WIDTH, i] * cell[CELL_HYSTERESIS, i]


@part
def battery_alone(p, mode, cell, i, table, asked):
    """A tick of strings that are alike and stand alone, in column i.

    Returns as ``battery_step``, but for SoC; the last value is a float.
    """
    strings = cell[CELL_STRINGS, i]
    of_string = asked if mode == VOLTAGE else asked * cell[CELL_PER_STRINGS, i]
    source = string_source(p, mode, cell, i, table, of_string)
    high, low = string_limits(p, cell, i)
    emf = source[0] + source[5]
    current, limited = string_current(p, mode, emf, source[4] + source[1], high, low, of_string)
    voltage, inner, heat, stored = string_apply(p, cell, i, source, current)
    end = end_voltage(cell, i, source, current)
    delivered = strings * (voltage * current)
    delivered = asked if mode == POWER and limited == 0.0 else delivered
    return (
        delivered,
        strings * inner,
        strings * heat,
        strings * stored,
        strings * current,
        voltage,
        end,
        limited,
    )


@kernel
def battery_source(n, p, mode, cell, table, asked):
    """Strings in parallel, each as a voltage behind a resistance, and its largest currents."""
    for i in range(n):
        ocv, ocv_ohm, instant, root_0, mean_ohm, bias = string_source(p, mode, cell, i, table, asked)
        cell[CELL_HIGH_A, i], cell[CELL_LOW_A, i] = string_limits(p, cell, i)
        cell[CELL_OCV_V, i] = ocv
        cell[CELL_OCV_OHM, i] = ocv_ohm
        cell[CELL_INSTANT_OHM, i] = instant
        cell[CELL_ROOT_0, i] = root_0
        cell[CELL_MEAN_OHM, i] = mean_ohm
        cell[CELL_BIAS_V, i] = bias
        cell[CELL_EMF_V, i] = ocv + bias
        cell[CELL_SOURCE_OHM, i] = mean_ohm + ocv_ohm


@kernel
def battery_share(n, p, mode, cell, asked):
    """Currents of unequal strings in parallel, all at one terminal voltage; returns 1 where a limit is met.

    Together they are a source of their mean voltage behind their joint resistance. A limit of one string is
    a limit of the common voltage; circulating currents may pass it, a current through the terminals not.
    """
    siemens = 0.0
    weighted = 0.0
    for i in range(n):
        siemens += cell[CELL_STRINGS, i] / cell[CELL_SOURCE_OHM, i]
        weighted += cell[CELL_STRINGS, i] / cell[CELL_SOURCE_OHM, i] * cell[CELL_EMF_V, i]
    emf = weighted / siemens
    least_v = 0.0
    most_v = math.inf
    for i in range(n):
        emf_v = cell[CELL_EMF_V, i]
        floor_v = p.voltage_min_v if p.voltage_min_v > 0.5 * emf_v else 0.5 * emf_v
        floor_v = floor_v if floor_v < emf_v else emf_v
        bound = emf_v - cell[CELL_SOURCE_OHM, i] * cell[CELL_HIGH_A, i]
        bound = bound if bound > floor_v else floor_v
        least_v = least_v if least_v > bound else bound
        bound = emf_v - cell[CELL_SOURCE_OHM, i] * cell[CELL_LOW_A, i]
        roof_v = p.voltage_max_v if p.voltage_max_v > emf_v else emf_v
        bound = bound if bound < roof_v else roof_v
        most_v = most_v if most_v < bound else bound
    high = siemens * (emf - least_v)
    nose = 0.5 * emf * siemens
    high = high if high < nose else nose
    high = high if high > 0.0 else 0.0
    low = siemens * (emf - most_v)
    low = low if low < 0.0 else 0.0
    if mode == POWER:
        inner = emf * emf - 4.0 * asked / siemens
        wanted = 2.0 * asked / (emf + math.sqrt(inner if inner > 0.0 else 0.0)) if emf > 0.0 else 0.0
    elif mode == CURRENT:
        wanted = asked
    else:
        wanted = siemens * (emf - asked)
    current = wanted if wanted < high else high
    current = current if current > low else low
    met = current == wanted and (mode != POWER or emf > 0.0 or asked == 0.0)
    limited = 0 if met else 1
    voltage = emf - current / siemens
    for i in range(n):
        cell[CELL_CURRENT_A, i] = (cell[CELL_EMF_V, i] - voltage) / cell[CELL_SOURCE_OHM, i]
    return limited


@kernel
def battery_apply(n, p, cell):
    """State of strings in parallel after a tick of the currents found."""
    for i in range(n):
        source = (
            cell[CELL_OCV_V, i], cell[CELL_OCV_OHM, i], cell[CELL_INSTANT_OHM, i], cell[CELL_ROOT_0, i],
            cell[CELL_MEAN_OHM, i], cell[CELL_BIAS_V, i],
        )  # fmt: skip
        current = cell[CELL_CURRENT_A, i]
        voltage, inner, heat, stored = string_apply(p, cell, i, source, current)
        cell[CELL_VOLTAGE_V, i] = voltage
        cell[CELL_END_VOLTAGE_V, i] = end_voltage(cell, i, source, current)
        cell[CELL_INNER_W, i] = inner
        cell[CELL_HEAT_W, i] = heat
        cell[CELL_STORED_W, i] = stored


@kernel
def battery_renew(n, p, s, c, cell, table):
    """Renew the slow quantities where it is time for it."""
    if s.held_tick == p.refresh_tick:
        battery_warm(n, p, s, c, cell)
        s.held_tick = 0
    if s.held_tick <= 0:
        battery_hold(n, p, s, cell, table)
        s.held_tick = 0
    s.held_tick += 1


@kernel
def battery_step(p, s, c, mode, cell, table, asked):
    """One tick of a unit of parallel strings, driven by its power, current or voltage.

    Returns (delivered W, chemical W, heat W, into polarisation W, current A, mean voltage V, voltage at the
    end V, SoC, limited 0/1).
    """
    n = p.groups
    battery_renew(n, p, s, c, cell, table)
    if n == 1:
        delivered, inner, heat, stored, current, voltage, end, met = battery_alone(
            p, mode, cell, 0, table, asked
        )
        return delivered, inner, heat, stored, current, voltage, end, cell[CELL_SOC, 0], int(met)
    strings = 0.0
    for i in range(n):
        strings += cell[CELL_STRINGS, i]
    # asked of each is what an even string would do
    battery_source(n, p, mode, cell, table, asked if mode == VOLTAGE else asked / strings)
    limited = battery_share(n, p, mode, cell, asked)
    battery_apply(n, p, cell)
    delivered = 0.0
    inner = 0.0
    heat = 0.0
    stored = 0.0
    current = 0.0
    charge = 0.0
    capacity = 0.0
    for i in range(n):
        strings = cell[CELL_STRINGS, i]
        delivered += strings * (cell[CELL_VOLTAGE_V, i] * cell[CELL_CURRENT_A, i])
        inner += strings * cell[CELL_INNER_W, i]
        heat += strings * cell[CELL_HEAT_W, i]
        stored += strings * cell[CELL_STORED_W, i]
        current += strings * cell[CELL_CURRENT_A, i]
        charge += strings * cell[CELL_CAPACITY_AH, i] * cell[CELL_SOC, i]
        capacity += strings * cell[CELL_CAPACITY_AH, i]
    delivered = asked if mode == POWER and limited == 0 else delivered
    voltage, end = cell[CELL_VOLTAGE_V, 0], cell[CELL_END_VOLTAGE_V, 0]
    return delivered, inner, heat, stored, current, voltage, end, charge / capacity, limited


@kernel
def hottest(n, cell):
    """Highest temperature of the strings."""
    most = cell[CELL_TEMPERATURE_K, 0]
    for i in range(1, n):
        most = most if most > cell[CELL_TEMPERATURE_K, i] else cell[CELL_TEMPERATURE_K, i]
    return most
