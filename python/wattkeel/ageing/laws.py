"""Laws of ageing: how a rate and an amount of stress become a loss, whatever went before."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wattkeel.ageing import grid
from wattkeel.ageing.stress import Stress

Floats = NDArray[np.float64]
Rate = Callable[..., Floats]

_COUNTS = {"calendar": "dwell_s", "cycle": "cycle_fec", "swing": "swing_fec"}


class Law(Protocol):
    """One part of a model; its state is a number that starts at 0."""

    @property
    def name(self) -> str:
        """Name of the part, e.g. ``calendar capacity``."""

    @property
    def kind(self) -> str:
        """Grid of its stress: calendar, cycle or swing."""

    @property
    def quantity(self) -> str:
        """``capacity`` or ``resistance``."""

    def prepared(self, stress: Stress) -> tuple[float, ...]:
        """What the law needs to know of a stress."""

    def prepared_at(self, amount: float, *condition: float) -> tuple[float, ...]:
        """The same for an amount (s, or full cycles) at one exact condition."""

    def advanced(self, state: float, prepared: tuple[float, ...], times: float) -> float:
        """State after so many repetitions."""

    def value(self, state: float) -> float:
        """Loss, or increase, that a state stands for."""


def _sum(table: Floats, counted: Floats) -> float:
    """Sum of products; einsum, because a threaded dot costs more than it saves at this size."""
    return float(np.einsum("i,i->", table.ravel(), counted.ravel()))


def _at(rate: Rate, condition: tuple[float, ...]) -> float:
    return float(rate(*(np.asarray(x, dtype=np.float64) for x in condition)))


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """y = k x^p, with state u = y^(1/p): du = k^(1/p) dx is linear, so order and splits do not matter.

    Parameters
    ----------
    name, quantity, kind
        See `Law`.
    exponent
        p.
    unit
        Seconds, or full cycles, in one unit of x.
    rate
        k as a function of the conditions of the grid.
    """

    name: str
    quantity: str
    kind: str
    exponent: float
    unit: float
    rate: Rate

    def speed(self, *condition: Floats) -> Floats:
        """Speed of the state: du per second, or per full cycle."""
        return np.asarray(self.rate(*condition) ** (1.0 / self.exponent) / self.unit)

    @functools.cached_property
    def _table(self) -> Floats:
        with np.errstate(all="ignore"):  # at corners of the grid beyond any use the fits may fail
            return np.nan_to_num(grid.table(self.kind, self.speed))

    def prepared(self, stress: Stress) -> tuple[float, ...]:
        """Sum of the speed over all that was counted; not below 0, where two of the fits may lead."""
        counted: Floats = getattr(stress, _COUNTS[self.kind])
        return (max(0.0, _sum(self._table, counted)),)

    def prepared_at(self, amount: float, *condition: float) -> tuple[float, ...]:
        """Speed at one condition, times the amount."""
        return (max(0.0, amount * _at(self.speed, condition)),)

    def advanced(self, state: float, prepared: tuple[float, ...], times: float) -> float:
        """Add to the state."""
        return state + times * prepared[0]

    def value(self, state: float) -> float:
        """u^p."""
        return float(state**self.exponent)


@dataclass(frozen=True, eq=False)
class MeanSigmoid:
    """y = 2 y_inf (1/2 - 1/(1 + exp((k t)^p))), where y_inf and p depend on the conditions; state y.

    Within one stress the time means of y_inf and p are used, as BLAST-Lite does within a block; from one
    stress to the next the state goes over through the virtual time at which the new curve has the same loss.
    It is exact for constant conditions and their repetitions. For others it depends on how the duty is cut,
    unlike a power law. Above the present y_inf the loss stays.
    """

    name: str
    quantity: str
    kind: str
    per_s: float
    extent: Rate
    shape: Rate

    @functools.cached_property
    def _tables(self) -> tuple[Floats, Floats]:
        return grid.table(self.kind, self.extent), grid.table(self.kind, self.shape)

    def prepared(self, stress: Stress) -> tuple[float, ...]:
        """Mean extent, mean shape, time."""
        counted: Floats = getattr(stress, _COUNTS[self.kind])
        if stress.elapsed_s <= 0.0:
            return (0.0, 1.0, 0.0)
        extent, shape = (_sum(table, counted) / stress.elapsed_s for table in self._tables)
        return extent, shape, stress.elapsed_s

    def prepared_at(self, amount: float, *condition: float) -> tuple[float, ...]:
        """Extent and shape at one condition, and the time."""
        return _at(self.extent, condition), _at(self.shape, condition), amount

    def advanced(self, state: float, prepared: tuple[float, ...], times: float) -> float:
        """Go on along the curve of these conditions from where it has the present loss."""
        extent, shape, time_s = prepared
        if time_s * times <= 0.0 or state >= extent:
            return state
        before = (2.0 * math.atanh(state / extent)) ** (1.0 / shape)
        return max(state, extent * math.tanh(0.5 * (before + self.per_s * time_s * times) ** shape))

    def value(self, state: float) -> float:
        """The state is the loss."""
        return state
