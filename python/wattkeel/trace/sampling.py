"""How well a trace samples the power: spacing, gaps, sensor refresh, copies of a column."""

from __future__ import annotations

import numpy as np

from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes, counted, listed

GAP = 5.0  # a spacing above this many medians is a gap
STALE = 1.5  # a refresh above this many spacings shows a sensor slower than its poll


def spacing_of(time_s: Floats, notes: Notes) -> float:
    """Give the median spacing, s, and warn about gaps.

    Parameters
    ----------
    time_s : ndarray, shape (n,)
        Strictly ascending, n >= 2.
    notes : Notes
        Takes the warning.
    """
    step_s = np.diff(time_s)
    median_s = float(np.median(step_s))
    gaps = np.flatnonzero(step_s > GAP * median_s)
    if gaps.size:
        widest = int(np.argmax(step_s))
        notes.warn(
            f"{counted(gaps.size, 'gap')} longer than {GAP:g} spacings of {median_s:.6g} s; "
            f"the longest is {step_s[widest]:.6g} s at t = {time_s[widest]:.6g} s"
        )
    return median_s


def refresh_of(time_s: Floats, power_w: Floats, length_s: float) -> float:
    """Give the typical time between two changes of the value, s.

    Parameters
    ----------
    time_s : ndarray, shape (n,)
        Strictly ascending.
    power_w : ndarray, shape (n, m)
        Power, W.
    length_s : float
        Time of one pass, s: given back when no column changes twice.

    Returns
    -------
    float
        Median over the columns of the median time between changes of each.
    """
    medians_s = []
    for column in power_w.T:
        changed_s = time_s[1:][column[1:] != column[:-1]]
        if len(changed_s) > 1:
            medians_s.append(float(np.median(np.diff(changed_s))))
    return float(np.median(medians_s)) if medians_s else length_s


def warn_of_refresh(sampling_s: float, refresh_s: float, length_s: float, notes: Notes) -> None:
    """Warn when the sensor is slower than its poll."""
    if STALE * sampling_s < refresh_s < length_s:
        notes.warn(
            f"the value changes only every {refresh_s:.4g} s (median) though it is sampled every "
            f"{sampling_s:.4g} s: faster power is not in this trace"
        )


def warn_of_copies(columns: tuple[str, ...], power_w: Floats, notes: Notes) -> None:
    """Warn about columns that are identical to the last bit: they are one record, not several."""
    groups: dict[bytes, list[str]] = {}
    for name, column in zip(columns, power_w.T, strict=True):
        groups.setdefault(column.tobytes(), []).append(name)
    copies = [" = ".join(names) for names in groups.values() if len(names) > 1]
    if copies:
        notes.warn(
            f"{len(groups)} distinct records among {len(columns)} columns; "
            f"{len(copies)} sets of columns are identical: {listed(copies)}"
        )
