"""Counter-based random numbers: Philox4x32-10 (Salmon et al., SC11, doi:10.1145/2063384.2063405).

A number is a pure function of (seed, stream, lane, index): it does not depend on the order in which lanes
are stepped, on threads, or on where a run was split.
"""

from __future__ import annotations

import numpy as np

from wattkeel.prototype._jit import kernel

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
# Lane numbers that no rack has: they serve draws that belong to the job as a whole.
JOB_LANE = 0xFFFFFFF0


@kernel
def philox_words(counter_0, counter_1, counter_2, counter_3, key_0, key_1):
    """Four 32-bit words of Philox4x32-10, each held in a uint64."""
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * counter_0
        product_1 = _MULTIPLIER_1 * counter_2
        counter_0 = (product_1 >> _SHIFT) ^ counter_1 ^ key_0
        counter_2 = (product_0 >> _SHIFT) ^ counter_3 ^ key_1
        counter_1 = product_1 & _MASK
        counter_3 = product_0 & _MASK
        key_0 = (key_0 + _WEYL_0) & _MASK
        key_1 = (key_1 + _WEYL_1) & _MASK
    return counter_0, counter_1, counter_2, counter_3


@kernel
def philox_uniform(seed, stream, lane, index):
    """Four independent numbers in (0, 1), at the middles of 2^32 equal cells."""
    key = np.uint64(seed)
    step = np.uint64(index)
    words = philox_words(
        np.uint64(lane) & _MASK,
        step & _MASK,
        step >> _SHIFT,
        np.uint64(stream) & _MASK,
        key & _MASK,
        key >> _SHIFT,
    )
    return (
        (float(words[0]) + 0.5) * 2.3283064365386963e-10,
        (float(words[1]) + 0.5) * 2.3283064365386963e-10,
        (float(words[2]) + 0.5) * 2.3283064365386963e-10,
        (float(words[3]) + 0.5) * 2.3283064365386963e-10,
    )


@kernel
def philox_bell(seed, stream, index):
    """Irwin-Hall deviate: the sum of twelve uniforms less six.

    Mean 0, variance 1, bounded by +-6, and made of additions alone, so that it is the same number on every
    machine; a normal deviate would need a logarithm, whose last bit is a matter of the C library.
    """
    total = 0.0
    for part in range(3):
        draw = philox_uniform(seed, stream, JOB_LANE + part, index)
        total += ((draw[0] + draw[1]) + draw[2]) + draw[3]
    return total - 6.0


@kernel
def philox_fill(n, seed, stream, index, lane_id, uniform):
    """First uniform of every lane: ``uniform[i] = u(seed, stream, lane_id[i], index)``; shapes (n,)."""
    for i in range(n):
        uniform[i] = philox_uniform(seed, stream, lane_id[i], index)[0]
