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
    CELL_ASKED,
    CELL_BRANCH_0,
    CELL_CAPACITY_AH,
    CELL_CHARGE_OHM,
    CELL_CHARGE_PER_TICK,
    CELL_CHARGE_ROOT_0,
    CELL_CURRENT_A,
    CELL_CURRENT_PER_SOC_A,
    CELL_CURRENT_SUM_A,
    CELL_DISCHARGE_OHM,
    CELL_DISCHARGE_ROOT_0,
    CELL_EMF_V,
    CELL_END_VOLTAGE_V,
    CELL_ENTROPY_V,
    CELL_HEAT_SUM_W,
    CELL_HEAT_W,
    CELL_HIGH_A,
    CELL_HYSTERESIS,
    CELL_INNER_W,
    CELL_INSTANT_OHM,
    CELL_LEAST_A,
    CELL_LIMITED,
    CELL_LOOP_V,
    CELL_LOW_A,
    CELL_MOST_A,
    CELL_OCV_OHM,
    CELL_OCV_V,
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
from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, rise_of

# What is asked of a battery.
POWER, CURRENT, VOLTAGE = 0, 1, 2
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


@kernel
def slow_value(table, at, up, row, soc_share, warm_share):
    """One row of the slow table between its four neighbours; ``up`` leads to the next temperature."""
    here = table[at + row]
    here = here + (table[at + SLOW_ROWS + row] - here) * soc_share
    there = table[at + up + row]
    there = there + (table[at + up + SLOW_ROWS + row] - there) * soc_share
    return here + (there - here) * warm_share


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
        discharge = scale * slow_value(table, at, up, SLOW_DISCHARGE_OHM, x, y)
        charge = scale * slow_value(table, at, up, SLOW_CHARGE_OHM, x, y)
        cell[CELL_DISCHARGE_OHM, i] = p.ohmic_share * discharge
        cell[CELL_CHARGE_OHM, i] = p.ohmic_share * charge
        cell[CELL_DISCHARGE_ROOT_0, i] = math.sqrt(p.transfer_share * discharge)
        cell[CELL_CHARGE_ROOT_0, i] = math.sqrt(p.transfer_share * charge)
        for k in range(3):
            cell[CELL_ROOT_1 + k, i] = math.sqrt(
                scale * slow_value(table, at, up, SLOW_BRANCH_1_OHM + k, x, y)
            )
        cell[CELL_WIDTH, i] = math.sqrt(p.series * slow_value(table, at, up, SLOW_WIDTH_V, x, y))
        coefficient = p.series * slow_value(table, at, up, SLOW_ENTROPY_V_PER_K, x, y)
        cell[CELL_SHIFT_V, i] = (kelvin - p.reference_k) * coefficient
        cell[CELL_ENTROPY_V, i] = kelvin * coefficient
        rate_a = cell[CELL_CAPACITY_AH, i]
        cell[CELL_MOST_A, i] = (
            p.discharge_limit_c * slow_value(table, at, up, SLOW_DISCHARGE_SHARE, x, y) * rate_a
        )
        cell[CELL_LEAST_A, i] = -(
            p.charge_limit_c * slow_value(table, at, up, SLOW_CHARGE_SHARE, x, y) * rate_a
        )
        outside = 1 if kelvin < p.table_least_k or kelvin > p.table_most_k else outside
    s.outside = outside


@kernel
def mean_hysteresis(p, mode, cell, i, ocv, fallen, ohm, target):
    """Mean of the hysteresis state over the tick, with the current to be expected.

    Its turnover x has the mean share x/(x + 2) in a tick. Expected is at constant power the current behind
    the voltage that the nominal current would leave, at constant voltage the root of
    A - B x/(x + 2) - R i = 0, x = k i, with the voltage A to fall and the hysteresis B to turn.
    """
    asked = cell[CELL_ASKED, i]
    hysteresis = cell[CELL_HYSTERESIS, i]
    width = cell[CELL_WIDTH, i]
    rate = p.hysteresis_per_soc * cell[CELL_CHARGE_PER_TICK, i]
    against = 1.0
    expected = asked if asked > 0.0 else -asked
    if mode == POWER:
        volts = ocv - ohm * asked * p.per_volt
        against = volts if volts > 0.5 * ocv else 0.5 * ocv
    elif mode == VOLTAGE:
        fall = ocv + width * hysteresis - fallen - asked
        fall = fall if fall > 0.0 else -fall
        turn = hysteresis - target
        turn = width * (turn if turn > 0.0 else -turn)
        linear = 2.0 * ohm + (turn - fall) * rate
        root = math.sqrt(linear * linear + 8.0 * ohm * rate * fall)
        under = linear + root if linear > 0.0 else 2.0 * ohm * rate
        over = 4.0 * fall if linear > 0.0 else root - linear
        expected = over / (under if under > LEAST_OHM else LEAST_OHM)
    turned = rate * expected
    turned = turned if turned < SUDDEN else SUDDEN
    return hysteresis + (target - hysteresis) * (turned / (turned + 2.0 * against))


@kernel
def current_range(p, cell, i, emf, ohm):
    """Largest discharge and charge current: C-rate, SoC window, terminal voltage, largest power."""
    soc = cell[CELL_SOC, i]
    high = cell[CELL_MOST_A, i]
    room = (soc - p.soc_min) * cell[CELL_CURRENT_PER_SOC_A, i]
    high = high if high < room else room
    least = cell[CELL_LEAST_A, i]
    room = (soc - p.soc_max) * cell[CELL_CURRENT_PER_SOC_A, i] * p.per_charge_share
    least = least if least > room else room
    per_ohm = 1.0 / (ohm if ohm > LEAST_OHM else LEAST_OHM)
    room = (emf - p.voltage_min_v) * per_ohm
    high = high if high < room else room
    room = (emf - p.voltage_max_v) * per_ohm
    least = least if least > room else room
    room = 0.5 * emf * per_ohm
    high = high if high < room else room
    return high if high > 0.0 else 0.0, least if least < 0.0 else 0.0


@kernel
def battery_source(n, p, mode, cell, table):
    """Each string as a voltage behind a resistance, in means over the tick, and its limits.

    The mean of a branch's voltage under constant current is linear in the current, so is that of the
    open-circuit voltage on its straight piece. The hysteresis enters with the turnover that the current to
    be expected gives. At constant power that is a few per mille off, of a turnover that is small in a tick;
    heat takes the difference.
    """
    intervals = int(p.ocv_intervals)
    for i in range(n):
        soc = cell[CELL_SOC, i]
        place = clamp(soc, 0.0, 1.0) * p.ocv_intervals
        index = int(place)
        index = index if index < intervals else intervals - 1
        low = table[p.ocv_first + index]
        step = table[p.ocv_first + index + 1] - low
        ocv = p.series * (low + step * (place - index)) + cell[CELL_SHIFT_V, i]

        asked = cell[CELL_ASKED, i]
        hysteresis = cell[CELL_HYSTERESIS, i]
        width = cell[CELL_WIDTH, i]
        rest = ocv + width * hysteresis
        settled = cell[CELL_DISCHARGE_ROOT_0, i] * p.hold[0] * cell[CELL_BRANCH_0, i]
        for k in range(3):
            settled += cell[CELL_ROOT_1 + k, i] * p.hold[k + 1] * cell[CELL_BRANCH_0 + 1 + k, i]
        discharges = (rest - settled > asked) if mode == VOLTAGE else (asked >= 0.0)
        instant = cell[CELL_DISCHARGE_OHM, i] if discharges else cell[CELL_CHARGE_OHM, i]
        root_0 = cell[CELL_DISCHARGE_ROOT_0, i] if discharges else cell[CELL_CHARGE_ROOT_0, i]
        target = -width if discharges else width

        charged = 1.0 if discharges else p.charge_share
        ocv_ohm = p.mean_ocv * p.series * step * p.ocv_intervals * (charged * cell[CELL_CHARGE_PER_TICK, i])
        fallen = root_0 * p.hold[0] * cell[CELL_BRANCH_0, i]
        ohm = instant + ocv_ohm + root_0 * root_0 * (1.0 - p.hold[0])
        for k in range(3):
            root = cell[CELL_ROOT_1 + k, i]
            fallen += root * p.hold[k + 1] * cell[CELL_BRANCH_0 + 1 + k, i]
            ohm += root * root * (1.0 - p.hold[k + 1])
        loop = width * mean_hysteresis(p, mode, cell, i, ocv, fallen, ohm, target)
        emf = ocv + loop - fallen

        cell[CELL_HIGH_A, i], cell[CELL_LOW_A, i] = current_range(p, cell, i, emf, ohm)
        cell[CELL_OCV_V, i] = ocv
        cell[CELL_OCV_OHM, i] = ocv_ohm
        cell[CELL_INSTANT_OHM, i] = instant
        cell[CELL_ROOT_0, i] = root_0
        cell[CELL_LOOP_V, i] = loop
        cell[CELL_EMF_V, i] = emf
        cell[CELL_SOURCE_OHM, i] = ohm


@kernel
def battery_meet(n, mode, cell):
    """Current of strings that stand alone, for the power, current or voltage asked, within their limits.

    P = (E - R i) i has the root i = 2P/(E + sqrt(E^2 - 4RP)), which neither cancels nor fails for R = 0.
    Beyond E^2/(4R), reached at E/(2R), there is no solution: the limit is given.
    """
    for i in range(n):
        emf = cell[CELL_EMF_V, i]
        ohm = cell[CELL_SOURCE_OHM, i]
        asked = cell[CELL_ASKED, i]
        high = cell[CELL_HIGH_A, i]
        low = cell[CELL_LOW_A, i]
        if mode == POWER:
            inner = emf * emf - 4.0 * ohm * asked
            whole = emf + math.sqrt(inner if inner > 0.0 else 0.0)
            wanted = 2.0 * asked / whole if emf > 0.0 else 0.0
        elif mode == CURRENT:
            wanted = asked
        else:
            wanted = (emf - asked) / (ohm if ohm > LEAST_OHM else LEAST_OHM)
        current = wanted if wanted < high else high
        current = current if current > low else low
        cell[CELL_CURRENT_A, i] = current
        met = current == wanted and (mode != POWER or emf > 0.0 or asked == 0.0)
        cell[CELL_LIMITED, i] = 0.0 if met else 1.0


@kernel
def battery_share(n, mode, cell, asked):
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
        bound = cell[CELL_EMF_V, i] - cell[CELL_SOURCE_OHM, i] * cell[CELL_HIGH_A, i]
        least_v = least_v if least_v > bound else bound
        bound = cell[CELL_EMF_V, i] - cell[CELL_SOURCE_OHM, i] * cell[CELL_LOW_A, i]
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
        cell[CELL_LIMITED, i] = limited
    return limited


@kernel
def battery_apply(n, p, cell):
    """State after a tick of the current found, and where the energy of the chemistry went."""
    for i in range(n):
        current = cell[CELL_CURRENT_A, i]
        mean_ocv = cell[CELL_OCV_V, i] - cell[CELL_OCV_OHM, i] * current
        voltage = cell[CELL_EMF_V, i] - cell[CELL_SOURCE_OHM, i] * current
        amount = current if current > 0.0 else -current
        stored = 0.0
        heat = cell[CELL_INSTANT_OHM, i] * current * current
        end = cell[CELL_OCV_V, i] - (cell[CELL_OCV_OHM, i] + cell[CELL_OCV_OHM, i]) * current
        end = end - cell[CELL_INSTANT_OHM, i] * current
        for k in range(4):
            root = cell[CELL_ROOT_0, i] if k == 0 else cell[CELL_ROOT_1 + k - 1, i]
            before = cell[CELL_BRANCH_0 + k, i]
            settled = root * current
            after = settled + (before - settled) * p.decay[k]
            after = after if after > TINY or after < -TINY else 0.0
            kept = p.half_tau_per_tick[k] * ((after - before) * (after + before))
            held = p.hold[k] * before + settled * (1.0 - p.hold[k])
            heat += held * settled - kept
            stored += kept
            end -= root * after
            cell[CELL_BRANCH_0 + k, i] = after

        before = cell[CELL_HYSTERESIS, i]
        width = cell[CELL_WIDTH, i]
        target = width if current < 0.0 else -width
        turned = p.hysteresis_per_soc * amount * cell[CELL_CHARGE_PER_TICK, i]
        after = clamp(before + (target - before) * rise_of(turned), -width, width)
        kept = p.hysteresis_w * cell[CELL_CAPACITY_AH, i] * ((after - before) * (after + before))
        heat += -(cell[CELL_LOOP_V, i] * current) - kept
        stored += kept
        end += width * after
        cell[CELL_HYSTERESIS, i] = after

        charged = p.charge_share if current < 0.0 else 1.0
        leak = cell[CELL_SOC, i] * (p.leak_per_s * 3600.0 * cell[CELL_CAPACITY_AH, i])
        moved = charged * current + leak
        heat += mean_ocv * (leak + (charged - 1.0) * current)
        change = cell[CELL_SOC_CARRY, i] - moved * cell[CELL_CHARGE_PER_TICK, i]
        total = cell[CELL_SOC, i] + change
        cell[CELL_SOC_CARRY, i] = change - (total - cell[CELL_SOC, i])
        cell[CELL_SOC, i] = total
        cell[CELL_HEAT_SUM_W, i] += heat
        cell[CELL_CURRENT_SUM_A, i] += current
        cell[CELL_VOLTAGE_V, i] = voltage
        cell[CELL_END_VOLTAGE_V, i] = end
        cell[CELL_INNER_W, i] = mean_ocv * moved
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

    Returns (delivered W, chemical W, heat W, into polarisation W, current A, voltage V, SoC, limited 0/1).
    """
    n = p.groups
    battery_renew(n, p, s, c, cell, table)
    if n == 1:
        cell[CELL_ASKED, 0] = asked if mode == VOLTAGE else asked / cell[CELL_STRINGS, 0]
        battery_source(n, p, mode, cell, table)
        battery_meet(n, mode, cell)
        limited = int(cell[CELL_LIMITED, 0])
    else:
        strings = 0.0
        for i in range(n):
            strings += cell[CELL_STRINGS, i]
        for i in range(n):  # what an even string would do
            cell[CELL_ASKED, i] = asked if mode == VOLTAGE else asked / strings
        battery_source(n, p, mode, cell, table)
        limited = battery_share(n, mode, cell, asked)
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
    soc = cell[CELL_SOC, 0] if n == 1 else charge / capacity
    return delivered, inner, heat, stored, current, cell[CELL_VOLTAGE_V, 0], soc, limited


@kernel
def hottest(n, cell):
    """Highest temperature of the strings."""
    most = cell[CELL_TEMPERATURE_K, 0]
    for i in range(1, n):
        most = most if most > cell[CELL_TEMPERATURE_K, i] else cell[CELL_TEMPERATURE_K, i]
    return most
