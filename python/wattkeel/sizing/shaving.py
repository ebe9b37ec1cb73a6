"""Peak shaving: what a store does under a limit on the import, what it must hold, and what it can keep.

The rule: above the limit the store delivers the excess, below it the store recharges with what is left below
the limit. Stored energy falls by power/discharge_efficiency and rises by power charge_efficiency. For the
peak alone no dispatch is better: energy taken early is never in the way, and none is given before it is
needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from wattkeel.sizing._input import Checks, Floats

__all__ = ["ShavingRun", "least_limit", "shave_peak", "shaving_energy"]

_HALVINGS = 200


@dataclass(frozen=True, slots=True)
class ShavingRun:
    """Peak shaving by the rule; shapes (ticks,).

    Parameters
    ----------
    battery_w
        Power of the store, W, positive in discharge.
    grid_w
        Import, W.
    soc
        State of charge at the end of each tick.
    discharged_j, charged_j
        Energy delivered and taken, J.
    peak_w
        Largest import, W.
    """

    battery_w: Floats
    grid_w: Floats
    soc: Floats
    discharged_j: float
    charged_j: float
    peak_w: float


@dataclass(frozen=True, slots=True)
class _Store:
    energy_j: float
    power_w: float
    charge_efficiency: float
    discharge_efficiency: float
    soc_initial: float


def _inputs(
    load_w: ArrayLike, tick_s: float, store: _Store, limit_w: float | None = None, unlimited: bool = False
) -> Floats:
    check = Checks()
    load = check.series("load_w", load_w)
    check.number("tick_s", tick_s, above=0.0)
    check.number("energy_j", store.energy_j, above=0.0, infinite=unlimited)
    check.number("power_w", store.power_w, above=0.0, infinite=True)
    check.efficiency("charge_efficiency", store.charge_efficiency)
    check.efficiency("discharge_efficiency", store.discharge_efficiency)
    check.number("soc_initial", store.soc_initial, least=0.0, most=1.0)
    if limit_w is not None:
        check.number("limit_w", limit_w)
    check.stop()
    return load


def shave_peak(
    load_w: ArrayLike,
    tick_s: float,
    *,
    limit_w: float,
    energy_j: float,
    power_w: float,
    charge_efficiency: float = 1.0,
    discharge_efficiency: float = 1.0,
    soc_initial: float = 1.0,
) -> ShavingRun:
    """Shave a load by the rule with a store of given size.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s : float
        Length of a tick, s.
    limit_w : float
        Import that shall not be exceeded, W; recharging stays below it, too.
    energy_j, power_w : float
        Usable energy, J, and power in either direction at the grid side, W.
    charge_efficiency, discharge_efficiency : float
        Of the store with its converter, above 0 to 1.
    soc_initial : float
        Share of the usable energy that is stored at the start.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    store = _Store(energy_j, power_w, charge_efficiency, discharge_efficiency, soc_initial)
    load = _inputs(load_w, tick_s, store, limit_w)
    stored_j = soc_initial * energy_j
    battery_w, soc = np.zeros(len(load)), np.zeros(len(load))
    for k, excess_w in enumerate((load - limit_w).tolist()):
        if excess_w > 0.0:
            given_w = min(excess_w, power_w, stored_j * discharge_efficiency / tick_s)
            stored_j = max(stored_j - given_w / discharge_efficiency * tick_s, 0.0)
        else:
            room_j = (energy_j - stored_j) / charge_efficiency
            given_w = -min(-excess_w, power_w, room_j / tick_s)
            stored_j = min(stored_j - given_w * charge_efficiency * tick_s, energy_j)
        battery_w[k] = given_w
        soc[k] = stored_j / energy_j
    grid_w = load - battery_w
    return ShavingRun(
        battery_w=battery_w,
        grid_w=grid_w,
        soc=soc,
        discharged_j=float(np.maximum(battery_w, 0.0).sum()) * tick_s,
        charged_j=float(np.maximum(-battery_w, 0.0).sum()) * tick_s,
        peak_w=float(grid_w.max()),
    )


def shaving_energy(
    load_w: ArrayLike,
    tick_s: float,
    *,
    limit_w: float,
    power_w: float = math.inf,
    charge_efficiency: float = 1.0,
    discharge_efficiency: float = 1.0,
    periodic: bool = False,
) -> float:
    """Least usable energy of a store that keeps the limit, full at the start, J; infinite if none can.

    The deficit below full grows by the excess over the limit and shrinks by the recharge, never below 0
    (Lindley's recursion); its largest value is the energy.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s, limit_w : float
        Length of a tick, s; import that shall not be exceeded, W.
    power_w : float
        Power of the store in either direction, W. If the largest excess is above it, no energy suffices.
    charge_efficiency, discharge_efficiency : float
        Of the store with its converter, above 0 to 1.
    periodic : bool
        The record repeats for ever, e.g. a day: infinite too where it does not refill within it.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    store = _Store(math.inf, power_w, charge_efficiency, discharge_efficiency, 1.0)
    load = _inputs(load_w, tick_s, store, limit_w, unlimited=True)
    excess_w = load - limit_w
    if float(excess_w.max()) > power_w:
        return math.inf
    taken_w = np.maximum(excess_w, -power_w)
    flow_j = np.where(taken_w > 0.0, taken_w / discharge_efficiency, taken_w * charge_efficiency) * tick_s
    if periodic and float(flow_j.sum()) > 0.0:
        return math.inf
    # Deficit after tick k = S_k - min of S up to k, S being the sum of the flows from 0.
    total_j = np.concatenate(([0.0], np.cumsum(np.tile(flow_j, 2) if periodic else flow_j)))
    return float((total_j - np.minimum.accumulate(total_j)).max())


def least_limit(
    load_w: ArrayLike,
    tick_s: float,
    *,
    energy_j: float,
    power_w: float,
    charge_efficiency: float = 1.0,
    discharge_efficiency: float = 1.0,
    soc_initial: float = 1.0,
) -> float:
    """Least import that a store of given size can keep over the record with perfect foresight, W.

    Bisection on the limit of the rule, which is the best dispatch for the peak; to rounding. No controller of
    the same store, from the same start, gets below it.

    Parameters
    ----------
    load_w : array_like, shape (ticks,)
        Load, W.
    tick_s : float
        Length of a tick, s.
    energy_j, power_w : float
        Usable energy, J, and power in either direction at the grid side, W.
    charge_efficiency, discharge_efficiency : float
        Of the store with its converter, above 0 to 1.
    soc_initial : float
        Share of the usable energy that is stored at the start.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    store = _Store(energy_j, power_w, charge_efficiency, discharge_efficiency, soc_initial)
    load = _inputs(load_w, tick_s, store)
    high_w = float(load.max())
    low_w = high_w - power_w if math.isfinite(power_w) else float(load.min()) - energy_j / tick_s

    def kept(limit_w: float) -> bool:
        """The deficit below full never exceeds the energy: as `shaving_energy`, from a given start."""
        excess_w = load - limit_w
        if float(excess_w.max()) > power_w * (1.0 + 1e-15):
            return False
        taken_w = np.maximum(excess_w, -power_w)
        flow_j = np.where(taken_w > 0.0, taken_w / discharge_efficiency, taken_w * charge_efficiency) * tick_s
        total_j = np.concatenate(([(1.0 - soc_initial) * energy_j], flow_j)).cumsum()
        deficit_j = total_j - np.minimum(np.minimum.accumulate(total_j), 0.0)
        return float(deficit_j.max()) <= energy_j

    for _ in range(_HALVINGS):
        middle_w = 0.5 * (low_w + high_w)
        if middle_w in (low_w, high_w):
            break
        if kept(middle_w):
            high_w = middle_w
        else:
            low_w = middle_w
    return high_w
