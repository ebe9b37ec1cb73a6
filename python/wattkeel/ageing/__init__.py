"""Ageing of batteries: stress counted once, read by every published model.

    >>> import numpy as np, wattkeel as wk  # doctest: +SKIP
    >>> day = wk.ageing.duty([0, 14400, 86400], [0.9, 0.1, 0.9], 298.15)  # doctest: +SKIP
    >>> wk.ageing.project(wk.ageing.model("lfp-250ah"), day, 20.0).soh_capacity  # doctest: +SKIP

Models are fits to tests of a few years at most, and two fits of the same cell differ: at 25 °C and 50 % SoC
the two Sony models are 0.004 of the capacity apart after one year. No accuracy beyond that is claimed.
"""

from __future__ import annotations

from wattkeel.ageing.duties import Duty, Life, Projection, duty, project, years_to
from wattkeel.ageing.modelling import Fade, Model, Validity, model, models
from wattkeel.ageing.runs import of_run
from wattkeel.ageing.stress import Counter, Stress, count
from wattkeel.ageing.vintages import Addition, Augmentation, augmentation

__all__ = [
    "Addition",
    "Augmentation",
    "Counter",
    "Duty",
    "Fade",
    "Life",
    "Model",
    "Projection",
    "Stress",
    "Validity",
    "augmentation",
    "count",
    "duty",
    "model",
    "models",
    "of_run",
    "project",
    "years_to",
]
