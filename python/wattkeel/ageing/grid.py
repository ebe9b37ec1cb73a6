"""Grids on which stress is counted, and the interpolation that reads rates from them.

A duty is deposited on these grids with the weights of cubic interpolation (Lagrange, four nodes an axis). The
weights of the deposit are those of the interpolation, so the sum over a table of rates equals the sum of
the interpolated rates at the points that were counted. The weights reproduce cubics, so total time, mean
temperature and mean SoC are those of the duty, to rounding. SoC, depth and C-rate are laid out in their
square roots: that gives fine steps near zero, where graphite's potential is steep, and makes rates with a
square root of the C-rate or of the depth smooth.

The same constants stand in ``prototype/ageing.py``, which this module takes them from.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.prototype import ageing as layout

Floats = NDArray[np.float64]

__all__ = ["axes", "interpolate", "shape", "table"]


def _even(nodes: int) -> Floats:
    return np.arange(nodes, dtype=np.float64)


@functools.cache
def _axis(name: str) -> tuple[Floats, Floats]:
    """Nodes of an axis: (in the even coordinate, in the quantity itself)."""
    if name == "soc":
        root = _even(layout.SOC_NODES) / (layout.SOC_NODES - 1)
        return root, np.square(root)
    if name == "temperature":
        value = layout.LEAST_K + _even(layout.WARM_NODES) * layout.WARM_STEP_K
        return value, value
    if name == "cycle_temperature":
        value = layout.LEAST_K + _even(layout.HEAT_NODES) * layout.HEAT_STEP_K
        return value, value
    if name == "depth":
        root = _even(layout.DEPTH_NODES) / (layout.DEPTH_NODES - 1)
        return root, np.square(root)
    if name == "c_rate":
        root = _even(layout.RATE_NODES) * layout.RATE_ROOT_STEP
        return root, np.square(root)
    value = _even(layout.MEAN_NODES) / (layout.MEAN_NODES - 1)
    return value, value


_KINDS = {
    "calendar": ("soc", "temperature"),
    "cycle": ("depth", "c_rate", "cycle_temperature"),
    "swing": ("depth", "mean_soc"),
}


def axes(kind: str) -> tuple[Floats, ...]:
    """Nodes of the grid ``calendar`` (SoC, K), ``cycle`` (depth, 1/h, K) or ``swing`` (depth, mean SoC)."""
    return tuple(_axis(name)[1] for name in _KINDS[kind])


def shape(kind: str) -> tuple[int, ...]:
    """Number of nodes of every axis of a grid."""
    return tuple(len(nodes) for nodes in axes(kind))


def table(kind: str, rate: Callable[..., Floats]) -> Floats:
    """Values of ``rate`` at the nodes of a grid; the axes are its arguments."""
    return np.ascontiguousarray(np.broadcast_to(rate(*np.ix_(*axes(kind))), shape(kind)), dtype=np.float64)


def interpolate(kind: str, values: Floats, *at: ArrayLike) -> Floats:
    """Read a table between its nodes, with the weights that a deposit has.

    Parameters
    ----------
    kind
        Grid of the table.
    values
        Values at the nodes.
    at
        One coordinate for each axis; they are broadcast together. Points outside the grid are moved to
        its edge.
    """
    points = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in at))
    first, weight = [], []
    for name, x in zip(_KINDS[kind], points, strict=True):
        even, nodes = _axis(name)
        held = np.clip(x, nodes[0], nodes[-1])
        y = np.sqrt(held) if even is not nodes else held
        place = (y - even[0]) / (even[1] - even[0])
        begin = np.clip(place.astype(np.int64) - 1, 0, len(even) - 4)
        t = place - (begin + 1)
        first.append(begin)
        weight.append(
            (
                -t * (t - 1.0) * (t - 2.0) / 6.0,
                (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0,
                -(t + 1.0) * t * (t - 2.0) / 2.0,
                (t + 1.0) * t * (t - 1.0) / 6.0,
            )
        )
    total = np.zeros(points[0].shape)
    for corner in np.ndindex(*(4,) * len(first)):
        share = np.ones(points[0].shape)
        for axis, step in enumerate(corner):
            share = share * weight[axis][step]
        total = total + share * values[tuple(begin + step for begin, step in zip(first, corner, strict=True))]
    return total
