"""Small numeric building blocks that several kernels share."""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel


@kernel
def clamp(x, low, high):
    """``x`` held between ``low`` and ``high``; written with two comparisons so that every engine agrees."""
    x = x if x > low else low
    return x if x < high else high


@kernel
def snap(x, magic):
    """Round ``x`` to the power quantum q, where ``magic`` = 1.5 * 2^52 * q.

    In that binade a float64 has steps of exactly q, so the addition rounds and the subtraction is exact.
    Lane powers are held on this grid because sums of multiples of q below 2^53 q are exact: the order of
    lanes, tiles and threads cannot change a bit of a sum.
    """
    return (x + magic) - magic


@kernel
def lane_sum(n, x):
    """Sum of ``x[:n]``; exact, hence the same in any order, when all are multiples of the power quantum."""
    total = 0.0
    for i in range(n):
        total += x[i]
    return total


@kernel
def snapped_sum(n, x, magic):
    """Sum of ``x[:n]``, each rounded to the quantum of ``magic`` first; exact, the same in any order."""
    total = 0.0
    for i in range(n):
        total += snap(x[i], magic)
    return total


@kernel
def two_sum(x, total, carry):
    """Add ``x`` to the running sum ``total + carry`` (Knuth's TwoSum; error of second order in eps)."""
    b = x + carry
    s = total + b
    t = s - total
    return s, (total - (s - t)) + (b - t)


@kernel
def compensated_add(n, x, total, carry):
    """Add ``x`` to the running sums ``total + carry``; shapes (n,)."""
    for i in range(n):
        total[i], carry[i] = two_sum(x[i], total[i], carry[i])


@kernel
def loss_curve(x, loss_0_w, loss_1, loss_2_per_w, knots, knot_w, knot_slope):
    """Loss at output ``x``: a parabola plus corners; a table of losses is the sum of its corners.

    Losses follow the magnitude of the flow, whichever way it goes.
    """
    m = x if x > 0.0 else -x
    loss = loss_0_w + m * (loss_1 + loss_2_per_w * m)
    for j in range(knots):
        over = m - knot_w[j]
        loss += knot_slope[j] * (over if over > 0.0 else 0.0)
    return loss


# Below it 1 - exp(-x) is six terms of its series.
GENTLE = 1.0 / 512.0


@kernel
def gentle_rise(x):
    """1 - exp(-x) for 0 <= x < ``GENTLE``, by six terms of its series; the seventh is 1e-19 of them."""
    x2 = x * x
    low = 1.0 - x * 0.5
    middle = 1.0 / 6.0 - x * (1.0 / 24.0)
    high = 1.0 / 120.0 - x * (1.0 / 720.0)
    return x * ((low + x2 * middle) + (x2 * x2) * high)


@kernel
def rise_of(x):
    """1 - exp(-x) for x >= 0, to 1e-15 relative, also where x is tiny; from basic operations only.

    Below ``GENTLE`` by its series. Else -x = -n ln 2 + r with |r| <= ln(2)/2 (Cody and Waite: ln 2 in two
    parts, the first exact when multiplied by n), then q = exp(r) - 1 by its Taylor polynomial of degree 13,
    and 1 - 2^-n (1 + q). 1 beyond 700.
    """
    if x < GENTLE:
        return gentle_rise(x)
    y = x if x < 700.0 else 700.0
    n = math.floor(y * 1.4426950408889634 + 0.5)
    r = (n * 0.6931471803691238 - y) + n * 1.9082149292705877e-10
    r2 = r * r
    r4 = r2 * r2
    # Estrin's order: pairs first, so that few steps wait for each other.
    low = (0.5 + r * (1.0 / 6.0)) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0))
    middle = (1.0 / 720.0 + r * (1.0 / 5040.0)) + r2 * (1.0 / 40320.0 + r * (1.0 / 362880.0))
    high = (1.0 / 3628800.0 + r * (1.0 / 39916800.0)) + r2 * (1.0 / 479001600.0 + r * (1.0 / 6227020800.0))
    q = r + r2 * (low + r4 * (middle + r4 * high))
    power = math.ldexp(1.0, -int(n))
    return (1.0 - power) - power * q if x < 700.0 else 1.0
