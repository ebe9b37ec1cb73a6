"""Voltage dips, swells, interruptions and rapid voltage changes, from RMS values of half cycles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattkeel.power_quality._input import Checks
from wattkeel.power_quality.cycles import Cycles

__all__ = ["RapidChange", "Thresholds", "VoltageEvent", "rapid_changes", "voltage_events"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

KINDS = ("dip", "swell", "interruption")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What counts as an event, as shares of the declared voltage.

    Parameters
    ----------
    dip, swell, interruption
        A dip is below, a swell above, an interruption below. 0.9 and 1.1 as in EN 50160; 0.05 likewise.
    hysteresis
        An event ends when the voltage is back by this beyond its threshold; typically 0.02 (IEC 61000-4-30).
    change
        Threshold of a rapid change; IEC 61000-4-30 considers 0.01 to 0.06.
    change_hysteresis
        By which the threshold is lower while a change lasts; IEC 61000-4-30 considers half of it.
    """

    dip: float = 0.9
    swell: float = 1.1
    interruption: float = 0.05
    hysteresis: float = 0.02
    change: float = 0.03
    change_hysteresis: float = 0.015

    def check(self, declared: float) -> None:
        """Raise all faults of these numbers.

        Raises
        ------
        ScenarioError
            One is out of its range, or they contradict each other.
        """
        check = Checks()
        check.number("declared", declared, above=0.0)
        check.number("interruption", self.interruption, above=0.0, most=0.5)
        check.number("dip", self.dip, least=0.5, most=1.0)
        check.number("swell", self.swell, least=1.0, most=2.0)
        check.number("hysteresis", self.hysteresis, least=0.0, most=0.1)
        check.number("change", self.change, least=0.001, most=0.5)
        check.number("change_hysteresis", self.change_hysteresis, least=0.0)
        if not check.faults and self.change_hysteresis >= self.change:
            message = f"not below the threshold of {self.change:g}"
            check.fault("change_hysteresis", self.change_hysteresis, message, "give half of the threshold")
        check.stop()


@dataclass(frozen=True, slots=True)
class VoltageEvent:
    """A dip, a swell or an interruption.

    Parameters
    ----------
    kind
        "dip", "swell" or "interruption". A deep dip is an interruption as well, with its own times.
    start_s
        Begin of the cycle whose RMS value first crossed the threshold, s.
    duration_s
        To the begin of the first one that is back beyond the hysteresis, s; of an event under way at the
        end of the record, so far.
    extreme
        Residual voltage of a dip or an interruption: the least RMS value; the largest of a swell. Of the
        declared voltage.
    complete
        Whether it ended within the record.
    """

    kind: str
    start_s: float
    duration_s: float
    extreme: float
    complete: bool


@dataclass(frozen=True, slots=True)
class RapidChange:
    """A rapid voltage change (RVC), a transition between two steady states without a dip or a swell.

    Parameters
    ----------
    start_s
        When the voltage left the steady state, s.
    duration_s
        Time from there until it was steady, without the second over which that is seen, s.
    delta_max
        Largest difference of an RMS value, until the voltage is seen to be steady again, from the mean of the
        second before; of the declared voltage.
    delta_ss
        Difference of the mean of the first steady second after from that of the last before; negative where
        the voltage fell; NaN where the record ends before.
    before
        Mean of the last steady second before; of the declared voltage.
    complete
        Whether the voltage was steady again within the record.
    """

    start_s: float
    duration_s: float
    delta_max: float
    delta_ss: float
    before: float
    complete: bool


def voltage_events(
    found: Cycles, declared: float, thresholds: Thresholds | None = None
) -> tuple[VoltageEvent, ...]:
    """Dips, swells and interruptions of IEC 61000-4-30:2015, 5.4 and 5.5, by their begin.

    Parameters
    ----------
    found : Cycles
        From `cycles`.
    declared : float
        Declared voltage, in the unit of the cycles.
    thresholds : Thresholds, optional
        What counts.

    Raises
    ------
    ScenarioError
        A threshold is out of its range.
    """
    limits = thresholds or Thresholds()
    limits.check(declared)
    level = found.rms / declared
    events: list[VoltageEvent] = []
    for kind in KINDS:
        sign = 1.0 if kind == "swell" else -1.0
        over = sign * (level - getattr(limits, kind))  # positive beyond the threshold
        for first, last in _spans(over > 0.0, over <= -limits.hysteresis):
            complete = last < len(level)
            end_s = found.cut_s[last] if complete else found.cut_s[-1]
            inside = level[first:last]
            extreme = float(inside.max() if kind == "swell" else inside.min())
            start_s = float(found.cut_s[first])
            events.append(VoltageEvent(kind, start_s, float(end_s) - start_s, extreme, complete))
    return tuple(sorted(events, key=lambda event: (event.start_s, KINDS.index(event.kind))))


def _spans(begins: Flags, ends: Flags) -> list[tuple[int, int]]:
    """Spans ``[first, last)`` that open where ``begins`` and close at the next place where ``ends``."""
    opening, closing = np.flatnonzero(begins), np.flatnonzero(ends)
    spans: list[tuple[int, int]] = []
    at = 0
    while (k := int(np.searchsorted(opening, at))) < len(opening):
        first = int(opening[k])
        m = int(np.searchsorted(closing, first))
        at = int(closing[m]) if m < len(closing) else len(begins)
        spans.append((first, at))
    return spans


def rapid_changes(
    found: Cycles, declared: float, thresholds: Thresholds | None = None
) -> tuple[RapidChange, ...]:
    """Rapid voltage changes of IEC 61000-4-30:2015, 5.11.

    The voltage is steady while all RMS values of the last second (100 or 120 half cycles, the new one among
    them) lie within the threshold of their mean. A change begins when it ceases to be steady; while it lasts,
    the threshold is lower by the hysteresis. One during which the voltage crosses the threshold of a dip or a
    swell is none.

    Parameters
    ----------
    found : Cycles
        From `cycles`; no change is seen in the first second.
    declared : float
        Declared voltage, in the unit of the cycles.
    thresholds : Thresholds, optional
        What counts.

    Raises
    ------
    ScenarioError
        A threshold is out of its range.
    """
    limits = thresholds or Thresholds()
    limits.check(declared)
    window = found.per_second
    level = found.rms / declared
    if len(level) < window:
        return ()
    mean, away = _steadiness(level, window)  # entry i: the window that ends at i + window - 1
    within = limits.change - limits.change_hysteresis
    events: list[RapidChange] = []
    steady = np.flatnonzero(away <= limits.change)
    if not len(steady):
        return ()
    seen = int(steady[0])  # before the first steady second there is nothing to change from
    for opening, closing in _spans(away[seen:] > limits.change, away[seen:] <= within):
        first, last = seen + opening + window - 1, seen + closing + window - 1
        complete = last < len(level)
        # The last window is steady already: the voltage was so for its whole second.
        until = max(first + 1, last - window + 1) if complete else len(level)
        inside = level[first : last + 1]
        if inside.min() < limits.dip or inside.max() > limits.swell:
            continue
        before = float(mean[seen + opening - 1])
        start_s, end_s = float(found.cut_s[first]), float(found.cut_s[until])
        events.append(
            RapidChange(
                start_s=start_s,
                duration_s=end_s - start_s,
                delta_max=float(np.abs(inside - before).max()),
                delta_ss=float(mean[seen + closing]) - before if complete else float("nan"),
                before=before,
                complete=complete,
            )
        )
    return tuple(events)


def _steadiness(level: Floats, window: int) -> tuple[Floats, Floats]:
    """Mean of every window, and the farthest of its values from that."""
    total = np.concatenate(([0.0], np.cumsum(level - level[0])))
    mean = (total[window:] - total[:-window]) / window + level[0]
    views = np.lib.stride_tricks.sliding_window_view(level, window)
    return mean, np.maximum(views.max(axis=1) - mean, mean - views.min(axis=1))
