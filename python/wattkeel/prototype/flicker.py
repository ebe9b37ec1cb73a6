"""Flickermeter of IEC 61000-4-15 edition 2: from a voltage to the instantaneous flicker sensation P_inst.

Squared voltage over its slow mean; high-pass, low-pass and weighting of lamp, eye and brain as sections
a1, a2 in transposed direct form II; square, smoothing, scale; classes of P_inst for its percentiles. The
voltage may be the waveform or its RMS value: the low-pass removes what the square has at twice the frequency
of the system. Coefficients: `wattkeel.power_quality.lamps`.
"""

from __future__ import annotations

import math

from wattkeel.prototype._jit import kernel

# The same numbers stand in cpp/src/kernels/flicker.hpp.
SECTIONS = 5
CLASSES_PER_OCTAVE = 256
LEAST_OCTAVE = -24
OCTAVES = 48
FLICKER_CLASSES = 1 + OCTAVES * CLASSES_PER_OCTAVE
LEAST_P = 2.0**LEAST_OCTAVE
MOST_P = 2.0 ** (LEAST_OCTAVE + OCTAVES)
TIDY_EVERY = 256
TINY = 1e-60  # below it a decaying state is zero: neither it nor its square may run among the denormals


@kernel
def flicker_class(p_inst):
    """Class of a P_inst: 0 below 2^-24, then 256 even classes in every octave; the last one is open above."""
    found = 0
    if p_inst >= LEAST_P:
        found = FLICKER_CLASSES - 1
        if p_inst < MOST_P:
            part, octave = math.frexp(p_inst)
            found = (octave - 1 - LEAST_OCTAVE) * CLASSES_PER_OCTAVE
            found += int(part * (2 * CLASSES_PER_OCTAVE)) - CLASSES_PER_OCTAVE + 1
    return found


@kernel
def flicker_tidy(s):
    """Set to zero what has all but decayed."""
    for i in range(2 * SECTIONS):
        s.memory[i] = s.memory[i] if s.memory[i] > TINY or s.memory[i] < -TINY else 0.0
    s.high = s.high if s.high > TINY or s.high < -TINY else 0.0
    s.smooth = s.smooth if s.smooth > TINY else 0.0
    s.mean_square = s.mean_square if s.mean_square > TINY else 0.0


@kernel
def flicker_step(p, s, voltage):
    """Take in one sample of the voltage and return P_inst.

    The slow mean begins as the mean of all samples so far and goes on as a first-order lag, so that it is
    right from the first sample on.
    """
    square = voltage * voltage
    s.samples += 1
    share = 1.0 / s.samples
    share = share if share > p.mean_share else p.mean_share
    s.mean_square += share * (square - s.mean_square)
    level = square / s.mean_square if s.mean_square > 0.0 else 1.0
    s.high = p.high_pole * s.high + p.high_gain * (level - s.last)
    s.last = level
    x = s.high
    for i in range(SECTIONS):
        y = p.section[5 * i] * x + s.memory[2 * i]
        s.memory[2 * i] = (p.section[5 * i + 1] * x - p.section[5 * i + 3] * y) + s.memory[2 * i + 1]
        s.memory[2 * i + 1] = p.section[5 * i + 2] * x - p.section[5 * i + 4] * y
        x = y
    s.smooth += p.smooth_share * (x * x - s.smooth)
    if s.samples % TIDY_EVERY == 0:
        flicker_tidy(s)
    return p.scale * s.smooth


@kernel
def flicker_run(n, p, s, classes, counted, every, voltage, series):
    """Take in ``n`` samples of the voltage.

    Where ``counted``, P_inst goes into ``classes`` (FLICKER_CLASSES,) and its maximum. Every ``every``
    samples, where that is not 0, P_inst goes to the next place of ``series``.
    """
    place = 0
    for i in range(n):
        p_inst = flicker_step(p, s, voltage[i])
        if counted:
            classes[flicker_class(p_inst)] += 1
            s.p_inst_max = p_inst if p_inst > s.p_inst_max else s.p_inst_max
        if every > 0:
            s.phase += 1
            if s.phase == every:
                s.phase = 0
                series[place] = p_inst
                place += 1
