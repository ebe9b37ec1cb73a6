"""Signals of a run as a table of comma-separated values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wattkeel.errors import Fault, ScenarioError
from wattkeel.interop.steps import Statistic, courses, opened, steps_of

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["write_csv"]

_ROWS = 20_000  # written at a time


def write_csv(
    run: Result | str | Path,
    path: str | Path,
    *,
    signals: Sequence[str] | None = None,
    window_s: float | None = None,
    statistic: Statistic = "mean",
    span_s: tuple[float, float] | None = None,
) -> Path:
    """Write signals as CSV: a column `time_s`, then one a signal, its unit in the name.

    Numbers are written so that they read back as the same float64. `wattkeel` reads the table as a trace.

    Parameters
    ----------
    run : Result, str or Path
        A run, or its directory.
    path : str or Path
        File to write.
    signals : sequence of str, optional
        Names; all that were kept at full rate without it.
    window_s, statistic, span_s
        As in `handover`.

    Raises
    ------
    ScenarioError
        A signal is not there, or the window or span does not fit.
    OSError
        The file cannot be written.
    """
    result = opened(run)
    names = list(result.signals if signals is None else signals)
    if not names:
        remedy = "name signals, with the window of an envelope, or keep some in record.full_rate"
        raise ScenarioError([Fault("signals", names, "none was kept at full rate", remedy)])
    steps = steps_of(result, window_s, statistic, span_s)
    found = courses(result, names, steps)
    rows = np.column_stack([steps.time_s, *found.values()])
    target = Path(path)
    with target.open("w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(["time_s", *names]) + "\n")
        for begin in range(0, len(rows), _ROWS):
            part = rows[begin : begin + _ROWS].tolist()
            file.write("".join(",".join(map(repr, row)) + "\n" for row in part))
    return target
