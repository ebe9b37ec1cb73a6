"""Whether samples follow evenly; which stretch of them is judged where they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes, counted, listed

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
Place = Callable[[Sequence[int]], str]

LATE = 0.5  # of the usual spacing: from this much more or less on, a sample is missing or one too many
MOST_UNEVEN = 0.25  # share of uneven spacings above which a record was not sampled at even times at all
LEAST_SKIPS = 8  # single skips from which they may be the beat of a poll against coarse stamps, and
MOST_BESIDE = 1.5  # spacings within which all stamps must lie beside an even grid then
JITTER = 0.01  # of the spacing: jitter that is told
LEAST_TICK_S, MOST_TICK_S = 1e-6, 86400.0  # spacings beyond which the unit of time is wrong
DRIFT = 2e-4  # by which a clock may be off a round spacing or rate and still be meant to keep it


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples that follow evenly.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Which of the samples given.
    tick_s : float
        Time between samples, s.
    remarks : tuple of str
        What every finding must say.
    """

    rows: Rows
    tick_s: float
    remarks: tuple[str, ...] = ()


def ascending(time_s: Floats, values: Floats, place: Place, notes: Notes) -> Rows:
    """Rows in which time ascends: those that only repeat the one before are dropped.

    Parameters
    ----------
    time_s : ndarray, shape (n,)
        Time, s.
    values : ndarray, shape (n, m)
        What was sampled; NaN where there is none.
    place : callable
        Gives rows as text.
    notes : Notes
        Takes faults and warnings.

    Raises
    ------
    TraceError
        Time steps back, or two samples of one time differ: the true order is unknown, so nothing is sorted.
    """
    step_s = np.diff(time_s)
    alike = ((values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))).all(axis=1)
    clash = np.flatnonzero((step_s == 0.0) & ~alike) + 1
    back = np.flatnonzero(step_s < 0.0) + 1
    if clash.size:
        first = int(clash[0])
        notes.fault(
            f"{counted(clash.size, 'sample')} with the time of the one before but other values "
            f"({place(clash.tolist())}); the first at t = {time_s[first] - time_s[0]:.6g} s",
            "give stamps of finer resolution; where rows of several meters are interleaved, split them",
        )
    if back.size:
        first = int(back[0])
        notes.fault(
            f"time steps back {counted(back.size, 'time')} ({place(back.tolist())}); the first from "
            f"t = {time_s[first - 1] - time_s[0]:.6g} s to {time_s[first] - time_s[0]:.6g} s",
            "sort the file by time if its stamps are right, or split logs that were appended to each other",
        )
    notes.check()
    repeated = (step_s == 0.0) & alike
    if repeated.any():
        notes.warn(f"{counted(int(repeated.sum()), 'row')} that repeat the one before left out")
    return np.flatnonzero(np.concatenate(([True], ~repeated)))


def even(time_s: Floats, usable: Flags, gaps: str, place: Place, notes: Notes) -> Stretch:
    """The stretch of even samples that is judged: the whole record, or the longest one between its gaps.

    Parameters
    ----------
    time_s : ndarray, shape (n,)
        Strictly ascending, s.
    usable : ndarray of bool, shape (n,)
        Samples that hold every value.
    gaps : {"refuse", "longest"}
        What to do about gaps.
    place, notes
        As `ascending`.

    Raises
    ------
    TraceError
        Fewer than two samples, an absurd spacing, samples that are not even at all, or a gap where gaps are
        refused; the fault lists the first gaps with their times and lengths.
    """
    rows = np.flatnonzero(usable)
    if len(rows) < 2:
        notes.stop(
            f"{counted(len(rows), 'sample')} with a value: a course in time needs at least two",
            "record for longer",
        )
    time_s, remarks = _of_coarse_stamps(time_s)
    usual_s = float(np.median(np.diff(time_s)))
    step_s = np.diff(time_s[rows])
    broken = _broken(step_s, usual_s)
    if broken.mean() > MOST_UNEVEN and int(broken.sum()) > 1:
        notes.stop(
            f"the samples are not evenly spaced: {broken.mean():.0%} of the spacings differ by more than "
            f"half from the usual {usual_s:.6g} s (from {step_s.min():.6g} to {step_s.max():.6g} s)",
            "a log that was written on change shows no ramps: record, or resample, at even times",
        )
    lost = int(rows[0]) + len(time_s) - 1 - int(rows[-1])
    if lost:
        notes.warn(f"{counted(lost, 'sample')} without a value at begin or end left out")
    breaks = np.flatnonzero(broken)
    edges = np.concatenate(([0], breaks + 1, [len(rows)]))
    sizes = np.diff(edges)
    best = int(np.argmax(sizes))
    kept = rows[edges[best] : edges[best + 1]]
    told = _told(time_s, rows, breaks, place)
    length_s = float(time_s[kept[-1]] - time_s[kept[0]])
    if breaks.size and gaps == "refuse":
        notes.stop(
            f"{counted(breaks.size, 'gap')}: {told}; the longest stretch without one is {length_s:.6g} s "
            f"from t = {time_s[kept[0]] - time_s[0]:.6g} s on",
            "mend the record, or judge that stretch alone: --gaps longest",
        )
    if len(kept) < 2:
        notes.stop(f"no two samples follow without a gap ({told})", "record at even times")
    if breaks.size:
        remarks += (
            f"judged is only the longest stretch without a gap, {length_s:.6g} s of "
            f"{time_s[-1] - time_s[0]:.6g} s; its t = 0 is t = {time_s[kept[0]] - time_s[0]:.6g} s of the "
            f"file ({counted(breaks.size, 'gap')}: {told})",
        )
    return Stretch(kept, _tick(time_s[kept], notes), remarks)


def _of_coarse_stamps(time_s: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Times of even samples whose stamps are coarse, and what to say of them; other times as they are.

    A poll every 1.055 s with stamps of whole seconds skips one second in 18, evenly; lost samples do not
    come evenly. So many single skips, and stamps that stay beside an even grid throughout, are no gaps.
    """
    step_s = np.diff(time_s)
    usual_s = float(np.median(step_s))
    skips = np.abs(step_s - 2.0 * usual_s) <= JITTER * usual_s
    whole = skips | (np.abs(step_s - usual_s) <= JITTER * usual_s)
    if int(skips.sum()) < LEAST_SKIPS or not whole.all():
        return time_s, ()
    tick_s = float(time_s[-1] - time_s[0]) / len(step_s)
    grid_s = time_s[0] + tick_s * np.arange(len(time_s))
    beside_s = time_s - grid_s
    if float(np.ptp(beside_s)) > MOST_BESIDE * usual_s:
        return time_s, ()
    remark = (
        f"stamps of whole {usual_s:g} s: samples are taken as even, every {tick_s:.6g} s "
        f"(stamps lie within {np.ptp(beside_s):.3g} s of that)"
    )
    return grid_s, (remark,)


def _broken(step_s: Floats, usual_s: float) -> Flags:
    """Where a spacing is so far from the usual that a sample is missing, or one too many."""
    late, early = step_s > (1.0 + LATE) * usual_s, step_s < (1.0 - LATE) * usual_s
    # A late sample whose follower is in time again: neither is a gap.
    pair = step_s[1:] + step_s[:-1]
    caught_up = np.abs(pair - 2.0 * usual_s) <= LATE * usual_s
    paired = caught_up & ((late[:-1] & early[1:]) | (early[:-1] & late[1:]))
    broken = late | early
    broken[:-1] &= ~paired
    broken[1:] &= ~paired
    return broken


def _told(time_s: Floats, rows: Rows, breaks: Rows, place: Place) -> str:
    """The first gaps with place and length."""
    texts = []
    for one in breaks.tolist():
        before, after = int(rows[one]), int(rows[one + 1])
        begin_s = time_s[before] - time_s[0]
        where = place([before])
        texts.append(f"{time_s[after] - time_s[before]:.6g} s after t = {begin_s:.6g} s ({where})")
    return listed(texts)


def _tick(time_s: Floats, notes: Notes) -> float:
    """Even spacing of samples, s: their mean, or the round spacing or rate that was meant."""
    step_s = np.diff(time_s)
    mean_s = float(time_s[-1] - time_s[0]) / len(step_s)
    if not LEAST_TICK_S <= mean_s <= MOST_TICK_S:
        notes.stop(
            f"samples every {mean_s:.4g} s: no record of power is sampled so",
            "correct the unit of time in the header (t_s, t_ms, ...)",
        )
    rate_hz = 1.0 / mean_s
    tick_s = 1.0 / round(rate_hz) if rate_hz >= 1.0 else float(round(mean_s))
    if abs(tick_s - mean_s) > DRIFT * mean_s:
        tick_s = mean_s
    jitter_s = float(np.abs(step_s - mean_s).max())
    if jitter_s > JITTER * tick_s:
        notes.warn(
            f"spacings differ by up to {jitter_s:.4g} s from their mean of {mean_s:.6g} s: the samples are "
            f"taken as even, every {tick_s:.6g} s"
        )
    return tick_s
