"""Numbers that the streaming meters' kernels and their callers share; loaded without a compiler."""

from __future__ import annotations

# The same numbers stand in cpp/src/kernels/meters.hpp.
COEFFICIENTS = 5
MEMORIES = 2
CLASSES_PER_OCTAVE = 1024
LEAST_OCTAVE = -10
OCTAVES = 54
RAMP_CLASSES = 1 + OCTAVES * CLASSES_PER_OCTAVE
BOTH, UP, DOWN = 0, 1, 2
