"""Demand metering: mean power of intervals that are aligned to the clock, and the highest of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.compliance.judged import plain
from wattkeel.compliance.quantities import need_time
from wattkeel.compliance.record import MW, CannotJudgeError, Measured, Reading, Record, lesser_limit
from wattkeel.errors import Fault, ScenarioError

__all__ = ["Demand", "demand", "demand_limit"]

Array = NDArray[np.float64]

#: Share of an interval by which its edge may miss an edge of the record.
SLACK = 1e-9
#: Intervals listed in a finding.
LISTED = 500


@dataclass(frozen=True, eq=False)
class Demand:
    """Mean power of all whole intervals of a record.

    Attributes
    ----------
    interval_s : float
        Length of an interval, s.
    step_s : float
        Time from one to the next, s: the length itself for blocks, the subinterval for rolling ones.
    start_s : ndarray, shape (n,)
        Begin of each, s from the first sample.
    power_w : ndarray, shape (n,)
        Mean power of each, W.
    """

    interval_s: float
    step_s: float
    start_s: Array
    power_w: Array

    @property
    def highest_w(self) -> float:
        """Largest mean power, W; NaN where the record holds no whole interval."""
        return float(self.power_w.max()) if self.power_w.size else math.nan

    @property
    def highest_start_s(self) -> float:
        """Begin of the (first) interval that has it, s from the first sample."""
        return float(self.start_s[int(np.argmax(self.power_w))]) if self.power_w.size else math.nan


def demand(
    power_w: ArrayLike,
    tick_s: float,
    interval_s: float,
    subinterval_s: float | None = None,
    clock_s: float = 0.0,
) -> Demand:
    """Demand of a record: means over clock-aligned intervals, in blocks or rolling by subintervals.

    An interval starts where the time of day is a whole multiple of the step; those that the record does not
    hold in full are left out. A sample is the mean of its tick, so that an interval which is no whole number
    of ticks takes its share of the first and the last one.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power, W.
    tick_s : float
        Time between samples, s.
    interval_s : float
        Length of an interval, s; 300, 900, 1800 and 3600 are common.
    subinterval_s : float, optional
        Step of a rolling interval, s; a whole number of them makes an interval. Blocks when None.
    clock_s : float
        Time of day of the first sample, s.

    Returns
    -------
    Demand

    Raises
    ------
    ScenarioError
        All that is wrong with the input.
    """
    power = np.asarray(power_w, dtype=np.float64)
    step_s = interval_s if subinterval_s is None else subinterval_s
    _check(power, tick_s, interval_s, step_s, clock_s)
    length_s = power.size * tick_s
    first = math.ceil(clock_s / step_s - SLACK)
    last = math.floor((clock_s + length_s - interval_s) / step_s + SLACK)
    start_s = np.arange(first, last + 1, dtype=np.float64) * step_s - clock_s
    # energy beyond that of the first sample: sums of a nearly constant power lose no digits
    energy = np.concatenate(([0.0], np.cumsum(power - power[0])))
    ticks = np.arange(energy.size, dtype=np.float64)
    begin = np.interp(start_s / tick_s, ticks, energy)
    end = np.interp((start_s + interval_s) / tick_s, ticks, energy)
    mean_w = power[0] + (end - begin) * tick_s / interval_s
    return Demand(float(interval_s), float(step_s), np.maximum(start_s, 0.0), mean_w)


def _check(power: Array, tick_s: float, interval_s: float, step_s: float, clock_s: float) -> None:
    faults = []
    if power.ndim != 1 or power.size == 0:
        faults.append(Fault("power_w", None, f"must be 1-D and not empty, has shape {power.shape}"))
    elif not np.isfinite(power).all():
        first = int(np.argmin(np.isfinite(power)))
        faults.append(
            Fault(f"power_w[{first}]", float(power[first]), "must be finite", "fill or cut the gap")
        )
    for place, value in (("tick_s", tick_s), ("interval_s", interval_s), ("subinterval_s", step_s)):
        if not (math.isfinite(value) and value > 0.0):
            faults.append(Fault(place, value, "must be finite and above 0 (s)"))
    if not math.isfinite(clock_s):
        faults.append(
            Fault("clock_s", clock_s, "must be finite (s)", "give the time of day of the first sample")
        )
    if not faults:
        parts = interval_s / step_s
        if parts < 1.0 - SLACK or abs(parts - round(parts)) > SLACK * parts:
            message = f"{interval_s:g} s is no whole number of them"
            faults.append(Fault("subinterval_s", step_s, message, "give a divisor of interval_s"))
        if interval_s < tick_s * (1.0 - SLACK):
            message = f"shorter than the {tick_s:g} s between samples"
            faults.append(Fault("interval_s", interval_s, message, "give a finer record"))
    if faults:
        raise ScenarioError(faults)


def demand_limit(record: Record, keys: Mapping[str, Any]) -> Measured:
    """Judge of the block ``demand``: the highest demand against its limit."""
    interval_s = float(keys["interval_s"])
    step_s = float(keys["subinterval_s"]) if "subinterval_s" in keys else None
    need_time(record, interval_s)
    limit, notes = lesser_limit(keys, "limit_mw", "limit_pct_nominal", record.nominal_mw)
    aligned = bool(keys.get("clock_aligned", True))
    first_s = record.first() * record.tick_s
    clock_s = record.clock_s + first_s if aligned else 0.0
    found = demand(record.judged(), record.tick_s, interval_s, step_s, clock_s)
    if not found.power_w.size:
        where = " aligned to the clock" if aligned else ""
        raise CannotJudgeError(
            f"record of {record.length()} holds no whole interval of {interval_s:g} s{where}"
        )
    over = found.power_w * MW > limit * (1.0 + 1e-9)
    end_s = first_s + found.highest_start_s + interval_s
    exceeded_s = float(np.count_nonzero(over)) * found.step_s
    reading = Reading(
        "", found.highest_w * MW, end_s, interval_s if over.any() else 0.0, exceeded_s, window_s=interval_s
    )
    shape = f"rolling by {step_s:g} s" if step_s is not None else "in blocks"
    method = f"highest mean of {interval_s:g} s, {shape}" + (", aligned to the clock" if aligned else "")
    notes.append(f"{found.power_w.size} whole intervals")
    rows = [
        [first_s + float(start_s), float(power_w) * MW]
        for start_s, power_w in zip(found.start_s[:LISTED], found.power_w[:LISTED], strict=True)
    ]
    details = {"row": plain(keys), "interval_s": interval_s, "intervals": rows}
    return Measured([reading], limit, "MW", method, notes, details=details)
