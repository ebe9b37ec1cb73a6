"""Signals of a run over a span of time, at every tick or in windows, from full rate or from an envelope."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wattkeel.errors import Fault, ScenarioError

if TYPE_CHECKING:
    from wattkeel.result import Result

Floats = NDArray[np.float64]
Statistic = Literal["mean", "minimum", "maximum"]

STATISTICS: tuple[Statistic, ...] = ("mean", "minimum", "maximum")
_NEAR = 1e-9  # of a tick: what a time in decimal seconds may be off a whole number of ticks


@dataclass(frozen=True, slots=True)
class Steps:
    """Equal stretches of time of a run.

    Attributes
    ----------
    tick_s : float
        Length of a tick [s].
    first, stop : int
        First tick, and first tick after; `first` is a multiple of `size`.
    size : int
        Ticks in a step; the last may be shorter.
    statistic : {"mean", "minimum", "maximum"}
        What is taken of a signal in a step.
    """

    tick_s: float
    first: int
    stop: int
    size: int = 1
    statistic: Statistic = "mean"

    @property
    def count(self) -> int:
        """Number of steps."""
        return -(-(self.stop - self.first) // self.size)

    @property
    def time_step_s(self) -> float:
        """Length of a step [s]."""
        return self.size * self.tick_s

    @property
    def time_s(self) -> Floats:
        """Start of every step [s], (count,)."""
        return np.asarray((self.first + self.size * np.arange(self.count)) * self.tick_s, dtype=np.float64)

    def of_ticks(self, values: Floats, statistic: Statistic | None = None) -> Floats:
        """Values of all ticks of a run, (ticks,), as values of the steps, (count,)."""
        part = np.asarray(values[self.first : self.stop], dtype=np.float64)
        if self.size == 1:
            return part
        begins = np.arange(0, len(part), self.size)
        wanted = statistic or self.statistic
        if wanted == "mean":
            lengths = np.diff(begins, append=len(part))
            return np.asarray(np.add.reduceat(part, begins) / lengths, dtype=np.float64)
        reduce = np.minimum if wanted == "minimum" else np.maximum
        return np.asarray(reduce.reduceat(part, begins), dtype=np.float64)


def steps_of(
    run: Result,
    window_s: float | None = None,
    statistic: Statistic = "mean",
    span_s: tuple[float, float] | None = None,
) -> Steps:
    """Steps of a run.

    Parameters
    ----------
    run : Result
        The run; what was recorded of it, where it was cut.
    window_s : float, optional
        Length of a step [s], a whole number of ticks; one tick without it.
    statistic : {"mean", "minimum", "maximum"}
        What is taken of a signal in a step.
    span_s : tuple of float, optional
        Begin and end [s]; all without it. Steps that reach into it are whole.

    Raises
    ------
    ScenarioError
        All faults of these.
    """
    faults = []
    tick_s, ticks = run.tick_s, run.ticks
    size = 1 if window_s is None else window_s / tick_s
    if not (math.isfinite(size) and round(size) >= 1 and abs(size - round(size)) <= _NEAR * max(1.0, size)):
        faults.append(
            Fault("window_s", window_s, f"is no whole number of ticks of {tick_s:g} s", "give a multiple")
        )
        size = 1
    if statistic not in STATISTICS:
        faults.append(Fault("statistic", statistic, "unknown", f"choose among {', '.join(STATISTICS)}"))
    begin_s, end_s = span_s if span_s is not None else (0.0, ticks * tick_s)
    if not 0.0 <= begin_s < end_s or ticks == 0 or begin_s >= ticks * tick_s:
        message = f"must be two times, ascending, within the {ticks * tick_s:g} s that were recorded"
        faults.append(Fault("span_s", span_s, message, "give begin and end in s"))
    if faults:
        raise ScenarioError(faults)
    size = round(size)
    first = math.floor(begin_s / tick_s + _NEAR) // size * size
    stop = min(ticks, -(-math.ceil(min(end_s / tick_s, ticks) - _NEAR) // size) * size)
    return Steps(tick_s, first, stop, size, statistic)


def courses(run: Result, names: Iterable[str], steps: Steps) -> dict[str, Floats]:
    """Signals of a run in steps, from full rate or else from the envelope of that period.

    Raises
    ------
    ScenarioError
        Signals that are neither; holds all of them, with what to record or which window to take.
    """
    found: dict[str, Floats] = {}
    faults = []
    envelope = next(
        (e for e in run.envelopes if abs(e.period_s - steps.time_step_s) <= _NEAR * steps.tick_s), None
    )
    for name in names:
        if name in run.signals:
            found[name] = steps.of_ticks(run.signals[name])
        elif envelope is not None and name in envelope.names:
            rows = dict(zip(("minimum", "mean", "maximum"), envelope.of(name)[1:], strict=True))
            begin = steps.first // steps.size
            found[name] = np.array(rows[steps.statistic][begin : begin + steps.count])
        else:
            faults.append(_not_there(run, name))
    if faults:
        raise ScenarioError(faults)
    return found


def _not_there(run: Result, name: str) -> Fault:
    if name not in run.units:
        return Fault("signals", name, "is no signal of this run", "see the units in series/index.json")
    periods = [f"{envelope.period_s:g} s" for envelope in run.envelopes]
    remedy = f'add "{name}" to record.full_rate and run again'
    remedy += f", or take a window of {' or '.join(periods)}, of which envelopes are kept" if periods else ""
    return Fault("record.full_rate", name, "was not kept at full rate", remedy)


def opened(run: Result | str | Path) -> Result:
    """A run, opened where its directory is given."""
    from wattkeel.result import Result, open_result

    return run if isinstance(run, Result) else open_result(run)
