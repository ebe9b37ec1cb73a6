"""Small numeric building blocks that several kernels share."""

from __future__ import annotations

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
