"""Stage `record`: meters, envelopes and full-rate rows."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.numeric import compensated_add

BIG = 1.7976931348623157e308


@kernel
def envelope_clear(n, low, high, total):
    """Begin a bucket; shapes (n,)."""
    for i in range(n):
        low[i] = BIG
        high[i] = -BIG
        total[i] = 0.0


@kernel
def envelope_add(n, signal, low, high, total):
    """Take one tick of every signal into the bucket under way; shapes (n,)."""
    for i in range(n):
        x = signal[i]
        low[i] = x if x < low[i] else low[i]
        high[i] = x if x > high[i] else high[i]
        total[i] += x


@kernel
def envelope_close(n, count, low, high, total, out):
    """Write minimum, mean and maximum of the bucket to ``out`` (3, n)."""
    for i in range(n):
        out[0, i] = low[i]
        out[1, i] = total[i] / count
        out[2, i] = high[i]


@kernel
def record_tick(
    n, signal, meter, meter_carry, low, high, total, bucket_fill, bucket_ticks, kept, keep, row, bucket
):
    """Record one tick: meters of all signals, the envelope, the full-rate row; returns the bucket's fill.

    ``keep`` (kept,) are the indices of the signals that go to ``row`` (kept,). A full bucket is written to
    ``bucket`` (3, n) and the fill starts again from 0.
    """
    compensated_add(n, signal, meter, meter_carry)
    if bucket_fill == 0:
        envelope_clear(n, low, high, total)
    envelope_add(n, signal, low, high, total)
    for j in range(kept):
        row[j] = signal[keep[j]]
    bucket_fill += 1
    if bucket_fill == bucket_ticks:
        envelope_close(n, bucket_fill, low, high, total, bucket)
        bucket_fill = 0
    return bucket_fill
