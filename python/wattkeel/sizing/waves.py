"""Power and energy that turn a given wave into a smoother one, and how a hybrid shares them.

Targets say what the grid shall see; a need says what a store must have for it. Powers are means over ticks of
``tick_s``, W; a store that delivers is positive. The store is lossless unless efficiencies are given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike

from wattkeel.measures import flattening_energy_two_level
from wattkeel.sizing._input import Checks, Floats

__all__ = [
    "HybridSplit",
    "StorageNeed",
    "average_target",
    "closing_target",
    "flattening_need",
    "hybrid_split",
    "lag_target",
    "ramp_target",
    "sine_split",
    "square_wave_need",
    "step_need",
]


@dataclass(frozen=True, slots=True)
class StorageNeed:
    """What a store must have.

    Parameters
    ----------
    discharge_power_w, charge_power_w
        Largest power in either direction, W, both positive.
    energy_j
        Usable energy: range of what is stored, J.
    start_j
        Part of it that must be stored at the start, J.
    drift_j
        Stored energy at the end less that at the start, J.
    throughput_j
        Energy delivered, J.
    ramp_w_per_s
        Largest change of its power, W/s; infinite where a closed form has a step.
    """

    discharge_power_w: float
    charge_power_w: float
    energy_j: float
    start_j: float
    drift_j: float
    throughput_j: float
    ramp_w_per_s: float

    @property
    def power_w(self) -> float:
        """Largest power, W: the rating of a converter."""
        return max(self.discharge_power_w, self.charge_power_w)


def lag_target(load_w: ArrayLike, tick_s: float, time_constant_s: float, *, periodic: bool = False) -> Floats:
    """Load behind a first-order lag, mean over each tick (exact for a load held over ticks), W.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s, time_constant_s : float
        Length of a tick and time constant, s.
    periodic : bool
        The record repeats for ever; otherwise the lag begins settled at the first value.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    load = check.series("load_w", load_w)
    check.number("tick_s", tick_s, above=0.0)
    check.number("time_constant_s", time_constant_s, above=0.0)
    check.stop()
    x = tick_s / time_constant_s
    keep, gain = math.exp(-x), -math.expm1(-x)

    def pass_from(start_w: float) -> list[float]:
        return list(accumulate(load.tolist(), lambda y, v: y + gain * (v - y), initial=start_w))

    lagged_w = pass_from(float(load[0]))
    if periodic:
        # Linear in the start: what is left of it after one period fades by keep^n.
        forget = -math.expm1(-x * len(load))
        start_w = (lagged_w[-1] - keep ** len(load) * lagged_w[0]) / forget
        lagged_w = pass_from(start_w)
    return load + (np.asarray(lagged_w[:-1]) - load) * (gain / x)


def average_target(load_w: ArrayLike, tick_s: float, window_s: float, *, periodic: bool = False) -> Floats:
    """Mean of the load over the last ``window_s``, this tick included, W.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s, window_s : float
        Length of a tick and of the window, s; the window is rounded to ticks.
    periodic : bool
        The record repeats for ever; otherwise the load before the record is its first value.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    load = check.series("load_w", load_w)
    check.number("tick_s", tick_s, above=0.0)
    check.number("window_s", window_s, above=0.0)
    check.stop()
    ticks = max(1, round(window_s / tick_s))
    if periodic:
        before = np.resize(load[::-1], ticks)[::-1]
    else:
        before = np.full(ticks, load[0])
    middle = float(load.mean())  # a small sum keeps the difference of two long sums exact enough
    total = np.cumsum(np.concatenate(([0.0], before - middle, load - middle)))
    mean_w: Floats = middle + (total[ticks + 1 :] - total[1 : len(load) + 1]) / ticks
    return mean_w


def ramp_target(
    load_w: ArrayLike,
    tick_s: float,
    ramp_up_w_per_s: float,
    ramp_down_w_per_s: float | None = None,
    *,
    periodic: bool = False,
) -> Floats:
    """Load followed with limited ramps, W.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s : float
        Length of a tick, s.
    ramp_up_w_per_s, ramp_down_w_per_s : float
        Limits, W/s, both positive; down as up where it is not given.
    periodic : bool
        The record repeats: it begins where a first pass ended. Otherwise it begins at the first value.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    load = check.series("load_w", load_w)
    check.number("tick_s", tick_s, above=0.0)
    check.number("ramp_up_w_per_s", ramp_up_w_per_s, above=0.0, infinite=True)
    down_w_per_s = ramp_up_w_per_s if ramp_down_w_per_s is None else ramp_down_w_per_s
    check.number("ramp_down_w_per_s", down_w_per_s, above=0.0, infinite=True)
    check.stop()
    up, down = ramp_up_w_per_s * tick_s, down_w_per_s * tick_s

    def pass_from(start_w: float) -> list[float]:
        return list(accumulate(load.tolist(), lambda y, v: min(max(v, y - down), y + up), initial=start_w))[
            1:
        ]

    target_w = pass_from(float(load[0]))
    return np.asarray(pass_from(target_w[-1]) if periodic else target_w)


def closing_target(
    load_w: ArrayLike, charge_efficiency: float = 1.0, discharge_efficiency: float = 1.0
) -> float:
    """Constant import at which a store that flattens a load ends where it began, W.

    The root m of sum(max(P - m, 0))/discharge_efficiency = charge_efficiency sum(max(m - P, 0)). Without
    losses it is the mean of the load; losses raise it.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    charge_efficiency, discharge_efficiency : float
        Of the store with its converter, above 0 to 1.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    load = check.series("load_w", load_w)
    check.efficiency("charge_efficiency", charge_efficiency)
    check.efficiency("discharge_efficiency", discharge_efficiency)
    check.stop()
    middle_w = float(load.mean())
    if charge_efficiency == discharge_efficiency == 1.0:
        return middle_w
    # Between two loads next to one another in size the balance is a straight line in m.
    size = np.sort(load - middle_w)
    below = np.arange(1, len(size) + 1)
    taken, given = charge_efficiency * np.cumsum(size), np.cumsum(size[::-1])[::-1] / discharge_efficiency
    above = np.append(given[1:], 0.0)
    weight = charge_efficiency * below + (len(size) - below) / discharge_efficiency
    root = (taken + above) / weight
    at = int(np.argmax(np.append(size[1:], np.inf) >= root))
    return middle_w + float(root[at])


def flattening_need(
    load_w: ArrayLike,
    tick_s: float,
    target_w: ArrayLike | None = None,
    *,
    charge_efficiency: float = 1.0,
    discharge_efficiency: float = 1.0,
) -> StorageNeed:
    """Power and energy of a store that turns a load into a target.

    Stored energy falls by (load - target)/discharge_efficiency while the store delivers and rises by
    (target - load) charge_efficiency while it takes; the need is the range of this sum.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s : float
        Length of a tick, s.
    target_w : array_like, optional
        What the grid shall see, W: one value or shape (ticks,). None means `closing_target`: the level at
        which the store ends where it began, which is the mean of the load plus the losses. With another
        target, also with the mean, losses empty the store: that is in ``drift_j``, and ``energy_j`` grows
        with the length of the record.
    charge_efficiency, discharge_efficiency : float
        Of the store with its converter, above 0 to 1.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    load = check.series("load_w", load_w)
    check.number("tick_s", tick_s, above=0.0)
    check.efficiency("charge_efficiency", charge_efficiency)
    check.efficiency("discharge_efficiency", discharge_efficiency)
    target = None if target_w is None else check.series("target_w", target_w, like=load)
    check.stop()
    if target is None:
        target = np.full(len(load), closing_target(load, charge_efficiency, discharge_efficiency))
    return _need(load - target, tick_s, charge_efficiency, discharge_efficiency)


def _need(power_w: Floats, tick_s: float, charge: float = 1.0, discharge: float = 1.0) -> StorageNeed:
    """Need of a store that delivers this power."""
    flow_w = np.where(power_w > 0.0, power_w / discharge, power_w * charge)
    stored_j = -np.cumsum(flow_w) * tick_s
    lowest_j = min(float(stored_j.min()), 0.0)
    steps_w = np.abs(np.diff(power_w))
    return StorageNeed(
        discharge_power_w=max(float(power_w.max()), 0.0),
        charge_power_w=max(-float(power_w.min()), 0.0),
        energy_j=max(float(stored_j.max()), 0.0) - lowest_j,
        start_j=-lowest_j,
        drift_j=float(stored_j[-1]),
        throughput_j=float(np.maximum(power_w, 0.0).sum()) * tick_s,
        ramp_w_per_s=float(steps_w.max(initial=0.0)) / tick_s,
    )


def square_wave_need(
    swing_w: float, duty: float, period_s: float, *, time_constant_s: float = math.inf
) -> StorageNeed:
    """Need of one period of a settled square wave, in closed form.

    With the mean as target: swing d (1 - d) T. Behind a first-order lag y' = (x - y)/tau the store delivers
    x - y = tau y', so its energy is tau times the swing of y, which is
    swing (1 - a)(1 - b)/(1 - a b), a = exp(-d T/tau), b = exp(-(1 - d) T/tau).

    Parameters
    ----------
    swing_w : float
        High less low level, W, at least 0.
    duty : float
        Share of the period at the high level, above 0 and below 1.
    period_s : float
        Period, s; it begins with the high level.
    time_constant_s : float
        Of the lag, s; infinite for the mean.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    check.number("swing_w", swing_w, least=0.0)
    check.number("duty", duty, above=0.0, most=1.0 - 1e-15)
    check.number("period_s", period_s, above=0.0)
    check.number("time_constant_s", time_constant_s, above=0.0, infinite=True)
    check.stop()
    if math.isinf(time_constant_s):
        low_w, high_w = swing_w * duty, swing_w * duty
        energy_j = flattening_energy_two_level(swing_w, duty, period_s)
    else:
        rise = -math.expm1(-duty * period_s / time_constant_s)
        fall = -math.expm1(-(1.0 - duty) * period_s / time_constant_s)
        cycle = -math.expm1(-period_s / time_constant_s)
        high_w = swing_w * rise / cycle
        low_w = high_w * (1.0 - fall)
        energy_j = time_constant_s * swing_w * rise * fall / cycle
    return StorageNeed(
        discharge_power_w=swing_w - low_w,
        charge_power_w=high_w,
        energy_j=energy_j,
        start_j=energy_j,
        drift_j=0.0,
        throughput_j=energy_j,
        ramp_w_per_s=math.inf if swing_w > 0.0 else 0.0,
    )


def step_need(
    step_w: float,
    *,
    ramp_w_per_s: float | None = None,
    time_constant_s: float | None = None,
    window_s: float | None = None,
) -> StorageNeed:
    """Need of one lasting step of the load, in closed form; give exactly one kind of target.

    Area between the step and its target: step^2/(2 ramp) behind a ramp limit, tau step behind a first-order
    lag, step window/2 behind a moving average.

    Parameters
    ----------
    step_w : float
        Step of the load, W; down is negative, and then the store takes energy.
    ramp_w_per_s, time_constant_s, window_s : float, optional
        Ramp limit, W/s; time constant, s; length of the moving average, s.

    Raises
    ------
    ScenarioError
        An input is out of range, or not exactly one target is given.
    """
    check = Checks()
    size_w = abs(check.number("step_w", step_w))
    given = {"ramp_w_per_s": ramp_w_per_s, "time_constant_s": time_constant_s, "window_s": window_s}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        check.fault(
            "step_need", ", ".join(named) or None, "the target is not clear", f"give one of {[*given]}"
        )
    for name, value in named.items():
        check.number(name, value, above=0.0)
    check.stop()
    if ramp_w_per_s is not None:
        energy_j = size_w**2 / (2.0 * ramp_w_per_s)
    elif time_constant_s is not None:
        energy_j = size_w * time_constant_s
    else:
        energy_j = size_w * (window_s or 0.0) / 2.0
    up = step_w > 0.0
    return StorageNeed(
        discharge_power_w=size_w if up else 0.0,
        charge_power_w=0.0 if up else size_w,
        energy_j=energy_j,
        start_j=energy_j if up else 0.0,
        drift_j=-energy_j if up else energy_j,
        throughput_j=energy_j if up else 0.0,
        ramp_w_per_s=math.inf if size_w > 0.0 else 0.0,
    )


@dataclass(frozen=True, slots=True)
class HybridSplit:
    """A wave shared between a slow and a fast store.

    Parameters
    ----------
    slow, fast
        What each must have.
    slow_power_w, fast_power_w
        Power of each, shape (ticks,), W; their sum is the difference of load and target.
    fast_share
        Mean square of the fast part over that of the difference, 0 to 1; the rest is slow or common to both.
    """

    slow: StorageNeed
    fast: StorageNeed
    slow_power_w: Floats
    fast_power_w: Floats
    fast_share: float


def hybrid_split(
    load_w: ArrayLike,
    tick_s: float,
    corner_hz: float,
    target_w: ArrayLike | None = None,
    *,
    periodic: bool = False,
) -> HybridSplit:
    """Share the difference of load and target by a first-order low-pass, as the control's split does.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s : float
        Length of a tick, s.
    corner_hz : float
        Corner frequency, Hz: the slow store gets what is below, the fast one the rest.
    target_w : array_like, optional
        What the grid shall see, W; the mean of the load when None.
    periodic : bool
        The record repeats for ever; otherwise the low-pass begins at the first difference.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    load = check.series("load_w", load_w)
    check.number("tick_s", tick_s, above=0.0)
    check.number("corner_hz", corner_hz, above=0.0)
    target = None if target_w is None else check.series("target_w", target_w, like=load)
    check.stop()
    power_w = load - (load.mean() if target is None else target)
    slow_w = lag_target(power_w, tick_s, 1.0 / (2.0 * math.pi * corner_hz), periodic=periodic)
    fast_w = power_w - slow_w
    square = float(np.mean(power_w**2))
    return HybridSplit(
        slow=_need(slow_w, tick_s),
        fast=_need(fast_w, tick_s),
        slow_power_w=slow_w,
        fast_power_w=fast_w,
        fast_share=float(np.mean(fast_w**2)) / square if square > 0.0 else 0.0,
    )


def sine_split(amplitude_w: float, frequency_hz: float, corner_hz: float) -> tuple[StorageNeed, StorageNeed]:
    """Needs of the slow and the fast store for one line of a spectrum, settled, in closed form.

    A first-order low-pass leaves the slow store the amplitude A/sqrt(1 + (f/fc)^2) and the fast one
    f/fc times that; a sine of amplitude A moves the energy A/(pi f).

    Parameters
    ----------
    amplitude_w, frequency_hz, corner_hz : float
        Amplitude of the line, W; its frequency and the corner, Hz.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    check.number("amplitude_w", amplitude_w, least=0.0)
    check.number("frequency_hz", frequency_hz, above=0.0)
    check.number("corner_hz", corner_hz, above=0.0)
    check.stop()
    ratio = frequency_hz / corner_hz
    slow_w = amplitude_w / math.hypot(1.0, ratio)
    return _sine(slow_w, frequency_hz), _sine(slow_w * ratio, frequency_hz)


def _sine(amplitude_w: float, frequency_hz: float) -> StorageNeed:
    energy_j = amplitude_w / (math.pi * frequency_hz)
    return StorageNeed(
        discharge_power_w=amplitude_w,
        charge_power_w=amplitude_w,
        energy_j=energy_j,
        start_j=energy_j / 2.0,
        drift_j=0.0,
        throughput_j=energy_j,
        ramp_w_per_s=2.0 * math.pi * frequency_hz * amplitude_w,
    )
