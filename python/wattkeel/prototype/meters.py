"""Streaming meters: what a rule reads of a power, one pass, memory that does not grow with the record.

Every kernel takes the next ``n`` samples of a series and goes on from where its state stands, so how a record
is cut changes no bit. State is flat arrays that the caller owns: ``tally`` counts, ``level`` holds values,
``past`` what a window still needs. They are made by `wattkeel.meters`.

Windows use the scheme of M. van Herk (Pattern Recognition Letters 13 (1992) 517): a window of L samples is
the end of one block of L and the beginning of the next. What the end gives is tabulated when its block is
full; what the beginning gives is carried along. A sample costs three comparisons whatever the window and the
signal, where a queue of candidates branches on every one; and sums need no subtraction, so that they do not
drift.
"""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.meter_layout import (
    BOTH,
    CLASSES_PER_OCTAVE,
    COEFFICIENTS,
    LEAST_OCTAVE,
    MEMORIES,
    OCTAVES,
    RAMP_CLASSES,
    UP,
)

# The same numbers stand in cpp/src/kernels/meters.hpp.
TIDY_EVERY = 256
TINY = 1e-60  # below it a decaying memory is zero: it must not run among the denormals
INFINITE = math.inf
LEAST_RAMP = 2.0**LEAST_OCTAVE
MOST_RAMP = 2.0 ** (LEAST_OCTAVE + OCTAVES)


@kernel
def filter_run(n, lanes, across, sections, section, memory, tally, level, x, y):
    """Pass ``x`` through ``lanes`` filters side by side into ``y`` (lanes, n).

    ``x`` is (n,) for all of them where ``across`` is 0, else (lanes, across) with a row for each. A filter is
    a cascade of ``sections`` sections of second order in transposed direct form II of ``d = z - 1``, which
    keeps its digits however short the tick: ``section`` (sections, 5, lanes) holds b0 b1 b2 d1 d2 of
    (b0 d^2 + b1 d + b2) / (d^2 + d1 d + d2), ``memory`` (sections, 2, lanes) their state. What is filtered
    is the deviation from ``level`` (lanes,); ``tally[0]`` counts samples.
    """
    for i in range(n):
        for j in range(lanes):
            v = x[j * across + i] - level[j]
            for k in range(sections):
                c = COEFFICIENTS * k * lanes + j
                m = MEMORIES * k * lanes + j
                out = section[c] * v + memory[m]
                more = (section[c + lanes] * v + memory[m + lanes]) + memory[m]
                memory[m] = more - section[c + 3 * lanes] * out
                more = section[c + 2 * lanes] * v + memory[m + lanes]
                memory[m + lanes] = more - section[c + 4 * lanes] * out
                v = out
            y[j * n + i] = v
        tally[0] += 1
        if tally[0] % TIDY_EVERY == 0:
            for j in range(MEMORIES * sections * lanes):
                memory[j] = memory[j] if memory[j] > TINY or memory[j] < -TINY else 0.0


@kernel
def range_run(n, ticks, mode, tally, level, past, x, y):
    """Change in the closed window of ``ticks + 1`` samples that ends at each sample (shorter at the start).

    ``mode`` BOTH: max - min, negative where the last sample is not the largest; the first time that a change
    is the largest so far, its last sample is one of the extremes, so the sign says rise or fall. UP: rise
    from the smallest sample to the last. DOWN: fall from the largest.
    ``level`` is the largest and the smallest of the block so far, ``tally[0]`` its filling; ``past`` holds
    the block (L,) and, of the block before, the largest (L + 1,) and the smallest (L + 1,) from each place to
    the end, with L = ticks + 1.
    """
    length = ticks + 1
    tops, bottoms = length, 2 * length + 1
    for i in range(n):
        v = x[i]
        at = tally[0]
        level[0] = v if v > level[0] else level[0]
        level[1] = v if v < level[1] else level[1]
        top, bottom = past[tops + at + 1], past[bottoms + at + 1]
        top = level[0] if level[0] > top else top
        bottom = level[1] if level[1] < bottom else bottom
        if mode == BOTH:
            y[i] = top - bottom if v == top else bottom - top
        elif mode == UP:
            y[i] = v - bottom
        else:
            y[i] = top - v
        past[at] = v
        tally[0] = at + 1
        if tally[0] == length:
            high, low = -INFINITE, INFINITE
            for j in range(length - 1, -1, -1):
                v = past[j]
                high = v if v > high else high
                low = v if v < low else low
                past[tops + j] = high
                past[bottoms + j] = low
            tally[0] = 0
            level[0] = -INFINITE
            level[1] = INFINITE


@kernel
def mean_run(n, ticks, tally, level, past, x, y):
    """Means of every ``ticks`` consecutive samples into ``y``; returns how many.

    ``level[0]`` is the sum of the block so far, ``tally`` its filling and whether there was one before it;
    ``past`` holds the block (L,) and the sums of the block before from each place to the end (L + 1,), with L
    = ticks.
    """
    count = 0
    for i in range(n):
        v = x[i]
        at = tally[0]
        level[0] += v
        past[at] = v
        if tally[1] == 1 or at + 1 == ticks:
            y[count] = (past[ticks + at + 1] + level[0]) / ticks
            count += 1
        tally[0] = at + 1
        if tally[0] == ticks:
            total = 0.0
            for j in range(ticks - 1, -1, -1):
                total += past[j]
                past[ticks + j] = total
            tally[0] = 0
            tally[1] = 1
            level[0] = 0.0
    return count


@kernel
def difference_run(n, ticks, tally, past, x, y):
    """Each sample less that ``ticks`` before it, into ``y``; returns how many there were.

    ``past`` (ticks,) is a ring; ``tally`` its place, and the samples in it.
    """
    count = 0
    for i in range(n):
        at = tally[0]
        if tally[1] == ticks:
            y[count] = x[i] - past[at]
            count += 1
        else:
            tally[1] += 1
        past[at] = x[i]
        tally[0] = at + 1 if at + 1 < ticks else 0
    return count


@kernel
def worst_run(n, mode, limit, tally, level, y):
    """Take in a reading that exists at every sample: its largest value, and the time above ``limit``.

    ``mode`` BOTH: size of the reading, UP: reading where it is above 0, DOWN: where it is below, turned.
    ``level`` is the largest value and that reading with its sign. ``tally``: samples; sample of the largest
    value (the first of equal ones); length of the stretch above the limit under way, and whether it holds the
    largest value; length of the stretch that holds it; longest stretch; samples above the limit; stretches.
    """
    for i in range(n):
        v = y[i]
        if mode == BOTH:
            v = v if v >= 0.0 else -v
        elif mode == UP:
            v = v if v > 0.0 else 0.0
        else:
            v = -v if v < 0.0 else 0.0
        above = v > limit
        if not above:
            tally[2] = 0
            tally[3] = 0
        if v > level[0]:
            level[0] = v
            level[1] = y[i]
            tally[1] = tally[0]
            tally[3] = 1 if above else 0
            tally[4] = 0
        if above:
            tally[2] += 1
            tally[4] = tally[2] if tally[3] == 1 else tally[4]
            tally[5] = tally[2] if tally[2] > tally[5] else tally[5]
            tally[6] += 1
            tally[7] += 1 if tally[2] == 1 else 0
        tally[0] += 1


@kernel
def span_run(n, tally, level, x):
    """Largest and smallest sample into ``level``; samples, and the first place of each, into ``tally``."""
    for i in range(n):
        if x[i] > level[0]:
            level[0] = x[i]
            tally[1] = tally[0]
        if x[i] < level[1]:
            level[1] = x[i]
            tally[2] = tally[0]
        tally[0] += 1


@kernel
def tones_run(n, tones, turn, memory, level, x):
    """Fourier sums of ``x`` at ``tones`` frequencies.

    ``turn`` (2, tones) is cosine and sine of the angle of one tick. ``memory`` (6, tones): where the phasor
    stands, the sum of samples times phasor, the sum of phasors. ``level``: level that is taken off the
    samples, and their sum without it.
    """
    for i in range(n):
        v = x[i] - level[0]
        level[1] += v
        for j in range(tones):
            c, s = memory[j], memory[tones + j]
            memory[2 * tones + j] += v * c
            memory[3 * tones + j] += v * s
            memory[4 * tones + j] += c
            memory[5 * tones + j] += s
            memory[j] = c * turn[j] - s * turn[tones + j]
            memory[tones + j] = s * turn[j] + c * turn[tones + j]


@kernel
def ramp_class(size):
    """Class of a size: 0 below 2^-10, then 1024 even classes in every octave; the last one is open above."""
    found = 0
    if size >= LEAST_RAMP:
        found = RAMP_CLASSES - 1
        if size < MOST_RAMP:
            fraction, octave = math.frexp(size)
            found = (octave - 1 - LEAST_OCTAVE) * CLASSES_PER_OCTAVE
            found += int(fraction * (2 * CLASSES_PER_OCTAVE)) - CLASSES_PER_OCTAVE + 1
    return found


@kernel
def classes_run(n, classes, y):
    """Count the sizes of ``y`` by class (`ramp_class`)."""
    for i in range(n):
        size = y[i] if y[i] >= 0.0 else -y[i]
        classes[ramp_class(size)] += 1


@kernel
def excursion_run(n, timers, low, high, inside, capacity, tally, count, rows, extremes, x):
    """Timers of a quantity outside its continuous range.

    Timer j runs while ``low[j] <= x < high[j]`` and is cleared when x returns to the continuous range,
    ``inside[0] <= x < inside[1]``. ``count`` (3, timers): ticks of each timer now, the most that it reached,
    and the sample of that. ``tally``: samples, whether an excursion is under way, and excursions so far, of
    which the first ``capacity`` have a row: ``rows`` (capacity, 2 + timers) first sample, sample after the
    last, ticks of each timer; ``extremes`` (capacity, 2) smallest and largest value.
    """
    width = 2 + timers
    for i in range(n):
        v = x[i]
        if v >= inside[0] and v < inside[1]:
            if tally[1] == 1:
                tally[1] = 0
                for j in range(timers):
                    count[j] = 0
        else:
            if tally[1] == 0:
                tally[1] = 1
                tally[2] += 1
                if tally[2] <= capacity:
                    rows[(tally[2] - 1) * width] = tally[0]
                    extremes[(tally[2] - 1) * 2] = v
                    extremes[(tally[2] - 1) * 2 + 1] = v
            for j in range(timers):
                if v >= low[j] and v < high[j]:
                    count[j] += 1
                    if count[j] > count[timers + j]:
                        count[timers + j] = count[j]
                        count[2 * timers + j] = tally[0]
            if tally[2] <= capacity:
                at = tally[2] - 1
                rows[at * width + 1] = tally[0] + 1
                for j in range(timers):
                    rows[at * width + 2 + j] = count[j]
                extremes[2 * at] = v if v < extremes[2 * at] else extremes[2 * at]
                extremes[2 * at + 1] = v if v > extremes[2 * at + 1] else extremes[2 * at + 1]
        tally[0] += 1
