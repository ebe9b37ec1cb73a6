"""From rows of samples to columns of power: order in time, and interleaved GPUs side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes, counted, listed

Rows = NDArray[np.intp]
Place = Callable[[Sequence[int]], str]


@dataclass(slots=True)
class Samples:
    """Samples row by row, as in the file.

    Attributes
    ----------
    time_s : ndarray, shape (r,)
        Time, s.
    power_w : ndarray, shape (r, c)
        Power, W.
    rows : ndarray of int, shape (r,)
        Row of the file (from 0) that each came from.
    """

    time_s: Floats
    power_w: Floats
    rows: Rows

    def take(self, picked: Rows | NDArray[np.bool_]) -> Samples:
        """Give some of the samples."""
        return Samples(self.time_s[picked], self.power_w[picked], self.rows[picked])


def in_order(samples: Samples, of: str, place: Place, notes: Notes) -> Samples:
    """Refuse samples whose time does not ascend; drop rows that only repeat the one before.

    Nothing is sorted: where a clock steps back (summer time, appended logs, unlabelled GPUs), the true order
    is unknown.

    Parameters
    ----------
    samples : Samples
        Samples of one meter.
    of : str
        Which meter, for messages: "" or ` of GPU 1`.
    place : callable
        Gives rows as text.
    notes : Notes
        Takes faults and warnings.

    Returns
    -------
    Samples
        Without repeated rows.
    """
    step_s = np.diff(samples.time_s)
    same_power = (samples.power_w[1:] == samples.power_w[:-1]).all(axis=1)
    repeated = np.flatnonzero((step_s == 0.0) & same_power) + 1
    clash = np.flatnonzero((step_s == 0.0) & ~same_power) + 1
    back = np.flatnonzero(step_s < 0.0) + 1
    if clash.size:
        notes.fault(
            f"{counted(clash.size, 'sample')}{of} with the time of the one before but another power "
            f"({place(samples.rows[clash].tolist())})",
            "log the index of the GPU (nvidia-smi: index or uuid) where several are interleaved, "
            "or a time of finer resolution",
        )
    if back.size:
        notes.fault(
            f"time{of} steps back {counted(back.size, 'time')} ({place(samples.rows[back].tolist())})",
            "split logs that were appended to each other, or sort the file by time if its stamps are right",
        )
    if repeated.size:
        rows = counted(repeated.size, "row")
        notes.warn(f"{rows}{of} with the same time and power as the one before dropped")
        return samples.take(np.delete(np.arange(len(samples.time_s)), repeated))
    return samples


def group_rows(keys: Sequence[str], time_s: Floats) -> dict[str, Rows]:
    """Give the rows of each key in order of index, or of appearance where keys are no numbers.

    Keys that never repeat along ascending time count rows, not GPUs: then all rows belong to one key.
    """
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    if len(groups) == len(keys) and bool((np.diff(time_s) > 0.0).all()):
        return {"": np.arange(len(keys))}
    names = list(groups)
    if all(name.isdigit() for name in names):
        names.sort(key=int)
    return {name: np.array(groups[name], dtype=np.intp) for name in names}


def side_by_side(groups: dict[str, Samples], notes: Notes) -> Samples:
    """Put the samples of several meters on one time base.

    Polls that hold every meter once, in the same order, stay as they are, at the time of their first row.
    Otherwise the meter with the most samples gives the times, over the span that all have, and the others
    are read at their nearest sample.

    Parameters
    ----------
    groups : dict of str to Samples
        Samples in order, by meter; the same number of columns in each.
    notes : Notes
        Takes warnings, or the fault that the meters have no time in common.

    Returns
    -------
    Samples
        Columns meter by meter.
    """
    parts = list(groups.values())
    if (polls := _whole_polls(parts)) is not None:
        spread_s = float((polls.max(axis=0) - polls.min(axis=0)).max())
        if spread_s > 0.0:
            notes.warn(f"readings of one poll are up to {spread_s:.4g} s apart: the first one's time is used")
        return Samples(polls.min(axis=0), np.hstack([part.power_w for part in parts]), parts[0].rows)
    base = max(parts, key=lambda part: len(part.time_s))
    spacing_s = float(np.median(np.diff(base.time_s))) if len(base.time_s) > 1 else 0.0
    begin_s = max(float(part.time_s[0]) for part in parts) - 0.5 * spacing_s
    end_s = min(float(part.time_s[-1]) for part in parts) + 0.5 * spacing_s
    shared = base.take((base.time_s >= begin_s) & (base.time_s <= end_s))
    if len(shared.time_s) < 2:
        spans = [f"{name} {p.time_s[0]:.6g}-{p.time_s[-1]:.6g} s" for name, p in groups.items()]
        notes.stop(f"the meters have no time in common: {listed(spans)}", "split the file by meter")
    nearest = [_nearest(part.time_s, shared.time_s) for part in parts]
    pairs = list(zip(parts, nearest, strict=True))
    away_s = max(float(np.abs(part.time_s[picked] - shared.time_s).max()) for part, picked in pairs)
    unread = sum(len(part.time_s) - len(np.unique(picked)) for part, picked in pairs)
    numbers = listed([f"{name}: {len(part.time_s)}" for name, part in groups.items()])
    notes.warn(
        f"the meters were not polled together (samples of {numbers}): each is read at its sample nearest "
        f"to the times of the most frequent, at most {away_s:.4g} s off; {counted(unread, 'sample')} left out"
    )
    power_w = np.hstack([part.power_w[picked] for part, picked in pairs])
    return Samples(shared.time_s, power_w, shared.rows)


def _whole_polls(parts: list[Samples]) -> Floats | None:
    """Give the times by meter and poll, when every poll holds every meter, else None."""
    if len({len(part.time_s) for part in parts}) != 1:
        return None
    times_s = np.vstack([part.time_s for part in parts])
    first, last = times_s.min(axis=0), times_s.max(axis=0)
    # A poll ends before the next begins; otherwise the n-th samples do not belong together.
    return times_s if bool((last[:-1] < first[1:]).all()) else None


def _nearest(time_s: Floats, at_s: Floats) -> Rows:
    """Give for each time the nearest of ascending times; the earlier one on a tie."""
    after = np.clip(np.searchsorted(time_s, at_s), 1, max(len(time_s) - 1, 1))
    if len(time_s) == 1:
        return np.zeros(len(at_s), dtype=np.intp)
    is_after = time_s[after] - at_s < at_s - time_s[after - 1]
    return np.where(is_after, after, after - 1)
