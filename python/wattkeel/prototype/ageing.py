"""Ageing: what a battery goes through, counted on grids that every ageing model can be read from.

A power law q = k x^p has u = q^(1/p) linear in its stress: du = k^(1/p) dx. So the time spent at each SoC and
temperature, and the full cycles of each depth, C-rate and temperature, say all, in any order. They are
deposited with the weights of cubic interpolation; `wattkeel.ageing.grid` says why.

Layout of ``counter``: dwell time, s, over (SoC, temperature); equivalent full cycles over (depth, C-rate,
temperature), then over (depth, mean SoC); then the stack of rainflow. SoC, depth and C-rate have even steps
in their square roots.
"""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import clamp, two_sum

# The same numbers stand in cpp/src/kernels/ageing.hpp.
LEAST_K = 238.15
SOC_NODES = 129
WARM_NODES = 41
WARM_STEP_K = 2.5
DEPTH_NODES = 21
RATE_NODES = 65
RATE_ROOT_STEP = 0.0375
HEAT_NODES = 11
HEAT_STEP_K = 10.0
MEAN_NODES = 97
STACK_ROWS = 64
PIECE_SOC = 0.02
LOW_SOC = 0.05
LOW_PIECE_SOC = 0.005
PIECE_K = 2.0
MOST_PIECES = 64
SHORT_PIECE = 0.125

CYCLE_FIRST = SOC_NODES * WARM_NODES
SWING_FIRST = CYCLE_FIRST + DEPTH_NODES * RATE_NODES * HEAT_NODES
STACK_FIRST = SWING_FIRST + DEPTH_NODES * MEAN_NODES
COUNTER_SIZE = STACK_FIRST + 3 * STACK_ROWS
LOG_COLUMNS = 7

PER_PIECE_SOC = 1.0 / PIECE_SOC
PER_LOW_PIECE_SOC = 1.0 / LOW_PIECE_SOC
PER_PIECE_K = 1.0 / PIECE_K
GAUSS = 0.28867513459481287  # half of 1/sqrt(3)
PER_WARM = 1.0 / WARM_STEP_K
PER_HEAT = 1.0 / HEAT_STEP_K
PER_RATE_ROOT = 1.0 / RATE_ROOT_STEP
MOST_K = LEAST_K + WARM_STEP_K * (WARM_NODES - 1)
MOST_RATE = (RATE_ROOT_STEP * (RATE_NODES - 1)) * (RATE_ROOT_STEP * (RATE_NODES - 1))
SIXTH = 1.0 / 6.0
HALF_CYCLE = 1


@kernel
def cubic_place(place, nodes):
    """First of the four nodes around ``place``, and their weights; on a node only that node counts."""
    first = int(place) - 1
    first = first if first > 0 else 0
    first = first if first < nodes - 4 else nodes - 4
    t = place - (first + 1)
    below = t - 1.0
    above = t + 1.0
    far = t - 2.0
    inner = t * below
    outer = above * far
    return first, -SIXTH * (inner * far), 0.5 * (outer * below), -0.5 * (outer * t), SIXTH * (inner * above)


@kernel
def dwell_add(counter, soc, temperature_k, elapsed_s):
    """Deposit dwell time at a SoC and a temperature."""
    z, a0, a1, a2, a3 = cubic_place(math.sqrt(clamp(soc, 0.0, 1.0)) * (SOC_NODES - 1), SOC_NODES)
    k, b0, b1, b2, b3 = cubic_place((clamp(temperature_k, LEAST_K, MOST_K) - LEAST_K) * PER_WARM, WARM_NODES)
    b0 = b0 * elapsed_s
    b1 = b1 * elapsed_s
    b2 = b2 * elapsed_s
    b3 = b3 * elapsed_s
    at = z * WARM_NODES + k
    for i in range(4):
        a = a0 if i == 0 else (a1 if i == 1 else (a2 if i == 2 else a3))
        counter[at] += a * b0
        counter[at + 1] += a * b1
        counter[at + 2] += a * b2
        counter[at + 3] += a * b3
        at += WARM_NODES


@kernel
def half_cycle_add(p, s, counter, log, begin_soc, end_soc, leg_s, leg_ks):
    """Count one half cycle between two SoC that took ``leg_s`` in motion."""
    depth = end_soc - begin_soc if end_soc > begin_soc else begin_soc - end_soc
    if depth > 0.0:
        c_rate = depth * s.soh_capacity * 3600.0 / leg_s if leg_s > 0.0 else 0.0
        warm = leg_ks / leg_s if leg_s > 0.0 else s.temperature_k
        mean = 0.5 * (begin_soc + end_soc)
        cycles = 0.5 * depth * s.soh_capacity
        s.depth_min = depth if depth < s.depth_min else s.depth_min
        s.depth_max = depth if depth > s.depth_max else s.depth_max
        s.c_rate_max = c_rate if c_rate > s.c_rate_max else s.c_rate_max
        s.half_cycles += 1
        s.counted_fec += cycles
        root = math.sqrt(clamp(depth, 0.0, 1.0)) * (DEPTH_NODES - 1)
        d, a0, a1, a2, a3 = cubic_place(root, DEPTH_NODES)
        speed = math.sqrt(clamp(c_rate, 0.0, MOST_RATE)) * PER_RATE_ROOT
        r, b0, b1, b2, b3 = cubic_place(speed, RATE_NODES)
        k, c0, c1, c2, c3 = cubic_place((clamp(warm, LEAST_K, MOST_K) - LEAST_K) * PER_HEAT, HEAT_NODES)
        m, e0, e1, e2, e3 = cubic_place(clamp(mean, 0.0, 1.0) * (MEAN_NODES - 1), MEAN_NODES)
        for i in range(4):
            a = a0 if i == 0 else (a1 if i == 1 else (a2 if i == 2 else a3))
            a = a * cycles
            at = SWING_FIRST + (d + i) * MEAN_NODES + m
            counter[at] += a * e0
            counter[at + 1] += a * e1
            counter[at + 2] += a * e2
            counter[at + 3] += a * e3
            at = CYCLE_FIRST + ((d + i) * RATE_NODES + r) * HEAT_NODES + k
            for j in range(4):
                b = b0 if j == 0 else (b1 if j == 1 else (b2 if j == 2 else b3))
                b = a * b
                counter[at] += b * c0
                counter[at + 1] += b * c1
                counter[at + 2] += b * c2
                counter[at + 3] += b * c3
                at += HEAT_NODES
        if p.log_rows > 0:
            if s.log_used < p.log_rows:
                row = s.log_used * LOG_COLUMNS
                log[row] = s.elapsed_s
                log[row + 1] = begin_soc
                log[row + 2] = end_soc
                log[row + 3] = c_rate
                log[row + 4] = warm
                log[row + 5] = leg_s
                log[row + 6] = cycles
            s.log_used += 1


@kernel
def rainflow_oldest(p, s, counter, log):
    """Count the oldest range on the stack as a half cycle and let its first reversal go."""
    first = STACK_FIRST
    half_cycle_add(
        p, s, counter, log, counter[first], counter[first + 3], counter[first + 4], counter[first + 5]
    )
    for i in range(3 * (s.stack_points - 1)):
        counter[first + i] = counter[first + 3 + i]
    s.stack_points -= 1


@kernel
def rainflow_push(p, s, counter, log, soc, leg_s, leg_ks):
    """Take in a reversal and count the cycles that it closes (ASTM E1049-85, 5.4.4).

    A closed cycle is two half cycles: the way there took the time of its own leg, the way back the share of
    the next leg that leads back over it. What is left of the two legs joins the leg before.
    """
    if s.stack_points == STACK_ROWS:
        rainflow_oldest(p, s, counter, log)
        s.overflows += 1
    at = STACK_FIRST + 3 * s.stack_points
    counter[at] = soc
    counter[at + 1] = leg_s
    counter[at + 2] = leg_ks
    s.stack_points += 1
    while s.stack_points >= 3:
        at = STACK_FIRST + 3 * (s.stack_points - 1)
        last = counter[at] - counter[at - 3]
        last = last if last > 0.0 else -last
        inner = counter[at - 3] - counter[at - 6]
        inner = inner if inner > 0.0 else -inner
        if last < inner:
            break
        if s.stack_points == 3:
            rainflow_oldest(p, s, counter, log)
        else:
            back = inner / last
            top = counter[at - 3]
            half_cycle_add(p, s, counter, log, counter[at - 6], top, counter[at - 2], counter[at - 1])
            back_s = back * counter[at + 1]
            back_ks = back * counter[at + 2]
            half_cycle_add(p, s, counter, log, top, counter[at - 6], back_s, back_ks)
            counter[at - 6] = counter[at]
            counter[at - 5] += counter[at + 1] - back_s
            counter[at - 4] += counter[at + 2] - back_ks
            s.stack_points -= 2


@kernel
def reversal(p, s, counter, log):
    """The extreme that was last met is a reversal: count, and begin the next leg there."""
    if p.method == HALF_CYCLE:
        half_cycle_add(p, s, counter, log, s.turn_soc, s.extreme_soc, s.leg_s, s.leg_ks)
    else:
        rainflow_push(p, s, counter, log, s.extreme_soc, s.leg_s, s.leg_ks)
    s.turn_soc = s.extreme_soc
    s.leg_s = 0.0
    s.leg_ks = 0.0


@kernel
def stress_begin(p, s, counter, soc, temperature_k):
    """Begin a history at a SoC and a temperature; what was counted before stays."""
    s.soc = soc
    s.temperature_k = temperature_k
    s.direction = 0
    s.turn_soc = soc
    s.extreme_soc = soc
    s.leg_s = 0.0
    s.leg_ks = 0.0
    s.tail_s = 0.0
    s.tail_ks = 0.0
    counter[STACK_FIRST] = soc
    counter[STACK_FIRST + 1] = 0.0
    counter[STACK_FIRST + 2] = 0.0
    s.stack_points = 1


@kernel
def stress_add(p, s, counter, log, soc, temperature_k, elapsed_s):
    """Count a stretch of time at whose end the battery has this SoC and temperature.

    SoC and temperature run straight from those of the call before. Dwell time is counted at the two Gauss
    points of pieces over which neither changes much, finer where graphite's potential is steep, at low SoC; a
    stretch of much less than one piece is counted at its middle.
    """
    warm = 0.5 * (s.temperature_k + temperature_k)
    move = soc - s.soc
    size = move if soc > s.soc else -move
    rise = temperature_k - s.temperature_k
    wanted = size * (PER_LOW_PIECE_SOC if s.soc < LOW_SOC or soc < LOW_SOC else PER_PIECE_SOC)
    other = rise * PER_PIECE_K if rise > 0.0 else -rise * PER_PIECE_K
    wanted = other if other > wanted else wanted
    pieces = int(wanted if wanted < MOST_PIECES - 1 else MOST_PIECES - 1) + 1
    points = 2 * pieces if wanted > SHORT_PIECE else 1
    share = 1.0 / pieces
    aside = GAUSS * share if points > 1 else 0.0
    part_s = elapsed_s / points
    for i in range(points):
        along = (i // 2 + 0.5) * share + (aside if i % 2 == 1 else -aside)
        at = s.soc + along * move
        at_k = s.temperature_k + along * rise
        dwell_add(counter, at, at_k, part_s)
        inside = at >= 0.0 and at <= 1.0 and at_k >= LEAST_K and at_k <= MOST_K
        s.outside_s += 0.0 if inside else part_s
    s.elapsed_s, s.elapsed_carry_s = two_sum(elapsed_s, s.elapsed_s, s.elapsed_carry_s)
    s.throughput_fec, s.throughput_carry_fec = two_sum(
        0.5 * size * s.soh_capacity, s.throughput_fec, s.throughput_carry_fec
    )
    s.soc_min = soc if soc < s.soc_min else s.soc_min
    s.soc_max = soc if soc > s.soc_max else s.soc_max
    s.temperature_min_k = temperature_k if temperature_k < s.temperature_min_k else s.temperature_min_k
    s.temperature_max_k = temperature_k if temperature_k > s.temperature_max_k else s.temperature_max_k
    moving = size * 3600.0 > p.rest_c_rate * elapsed_s
    s.tail_s += elapsed_s if moving else 0.0
    s.tail_ks += warm * elapsed_s if moving else 0.0
    s.soc = soc
    s.temperature_k = temperature_k
    ahead = soc - s.extreme_soc
    ahead = ahead if s.direction >= 0 else -ahead
    if s.direction == 0:
        if ahead > p.dead_band_soc or -ahead > p.dead_band_soc:
            s.direction = 1 if ahead > 0.0 else -1
            ahead = 1.0
        else:
            ahead = 0.0
    elif -ahead > p.dead_band_soc:
        reversal(p, s, counter, log)
        s.direction = -s.direction
        ahead = 1.0
    if ahead > 0.0:
        s.extreme_soc = soc
        s.leg_s += s.tail_s
        s.leg_ks += s.tail_ks
        s.tail_s = 0.0
        s.tail_ks = 0.0


@kernel
def stress_close(p, s, counter, log):
    """Count what is under way as half cycles, and begin anew: the end of a history."""
    if s.direction != 0:
        reversal(p, s, counter, log)
    while s.stack_points > 1:
        rainflow_oldest(p, s, counter, log)
    stress_begin(p, s, counter, s.soc, s.temperature_k)


@kernel
def stress_run(n, p, s, counter, log, soc, temperature_k, elapsed_s):
    """Count ``n`` stretches of time."""
    for i in range(n):
        stress_add(p, s, counter, log, soc[i], temperature_k[i], elapsed_s[i])
