"""From the spectrum of the workload to what it excites.

`transfer` gives the response of a site to a swing of its load, from the linear parts of the engine or
measured on the engine itself; `screen` holds the lines of a run against bands, modes and shafts; `plot`
draws both.
"""

from __future__ import annotations

from wattkeel.resonance.plot import plot
from wattkeel.resonance.shafts import ShaftModes, shaft_modes
from wattkeel.resonance.study import LIMITS_OF_SCREENING, Reading, Study, screen, spectrum_of
from wattkeel.resonance.targets import Mode, Target, known_targets
from wattkeel.resonance.transfer import Transfer, log_grid, transfer

__all__ = [
    "LIMITS_OF_SCREENING",
    "Mode",
    "Reading",
    "ShaftModes",
    "Study",
    "Target",
    "Transfer",
    "known_targets",
    "log_grid",
    "plot",
    "screen",
    "shaft_modes",
    "spectrum_of",
    "transfer",
]
