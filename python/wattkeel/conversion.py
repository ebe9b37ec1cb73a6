"""Loss and efficiency of a power converter (PCS): the published forms, and what a law must be.

All loads are AC power over rated power, all losses per unit of rated power. In discharge the efficiency is
``P_ac/P_dc = p/(p + l)``, in charge ``P_dc/P_ac = (p - l)/p``, with the loss ``l`` of that direction.

Forms of the loss of a direction (``parameters.Converter``):

- quadratic ``a + b p + c p^2``: Notton et al. 2010 (b = 0) and Rampinelli et al. 2014 in discharge;
- with the rise ``d (1 - exp(-r p))``: Schimpe et al. 2018 (Sinamics S120);
- in charge, ``charge_form = "efficiency"``: ``P_dc/P_ac = p/(p + q)`` with ``q = a + b p + c p^2``, the
  convention of SimSES for coefficients of the Notton form, so that the loss is ``p q/(p + q)``;
- a table of efficiencies: exact at its points, the loss linear between them. Below the first point it
  follows, in discharge, the first segment down to no load (not below zero), and in charge the line to no
  loss at no load; beyond the last point the last segment, where it rises.

``no_load_loss`` is the least loss of either direction while the unit is energised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel._generated.models import Converter

__all__ = ["LossCurve", "efficiency", "european_efficiency", "loss_curve", "loss_pu", "peak_efficiency"]

Floats = NDArray[np.float64]

# European weighting of inverters: share of the energy at each load.
EUROPEAN = ((0.03, 0.05), (0.06, 0.1), (0.13, 0.2), (0.10, 0.3), (0.48, 0.5), (0.20, 1.0))
# Largest error of a lowered table against the law that it stands for, per unit of rating.
TABLE_ERROR_PU = 2.5e-7
_DEEPEST = 24
# Load beyond which no converter works; the last segment of a table reaches to it.
_FAR_PU = 1e4
_SAMPLES = 2001
_LEAST_EFFICIENCY = 0.01


@dataclass(frozen=True, slots=True)
class LossCurve:
    """Loss of one direction over AC power, all per unit of rating, without the floor ``no_load_loss``.

    Parameters
    ----------
    form
        "loss" (quadratic, with or without rise), "efficiency" (the charge form) or "table".
    coefficients
        Constant, proportional, square loss. [pu]
    rise
        Size and rate of the rise. [pu, 1]
    points
        Load and loss of a table, from no load to far beyond the rating; else empty. [pu]
    """

    form: str
    coefficients: tuple[float, float, float]
    rise: tuple[float, float]
    points: tuple[Floats, Floats]

    @property
    def smooth(self) -> bool:
        """Whether the kernels have the law itself, and no table of it."""
        return self.form != "table" and self.rise[0] == 0.0

    def __call__(self, load_pu: ArrayLike) -> Floats:
        """Loss at AC powers of any shape, from 0. [pu]"""
        load = np.asarray(load_pu, dtype=np.float64)
        if self.form == "table":
            return np.asarray(np.interp(load, *self.points))
        a, b, c = self.coefficients
        law = a + load * (b + c * load) - self.rise[0] * np.expm1(-self.rise[1] * load)
        if self.form == "loss":
            return np.asarray(law)
        whole = load + law
        return np.asarray(np.divide(load * law, whole, out=np.zeros_like(whole), where=whole > 0.0))

    def table(self, most_pu: float) -> tuple[Floats, Floats]:
        """Points between which the loss may be taken as linear.

        The error is below TABLE_ERROR_PU up to ``most_pu``; beyond, the last segment goes on.
        """
        if self.form == "table":
            return self.points
        load = np.unique(np.concatenate((np.linspace(0.0, most_pu, 17), [0.5 * most_pu])))
        for _ in range(_DEEPEST):
            inner = load[:-1] + np.diff(load) * np.array([[0.25], [0.5], [0.75]])
            chord = np.interp(inner, load, self(load))
            coarse = np.abs(chord - self(inner)).max(axis=0) > TABLE_ERROR_PU
            if not coarse.any():
                break
            load = np.sort(np.concatenate((load, inner[1][coarse])))
        loss = self(load)
        slope = max(0.0, float((loss[-1] - loss[-2]) / (load[-1] - load[-2])))
        return np.append(load, _FAR_PU), np.append(loss, loss[-1] + slope * (_FAR_PU - load[-1]))


def loss_curve(params: Converter, *, charge: bool = False) -> LossCurve:
    """Loss curve of one direction as the parameters state it.

    Parameters
    ----------
    params
        Converter.
    charge
        Direction: from AC to DC.
    """
    plain = (params.loss_a, params.loss_b, params.loss_c)
    rise = (params.loss_rise, params.loss_rise_rate)
    nothing = (np.zeros(0), np.zeros(0))
    if params.loss_form == "table":
        return LossCurve("table", (0.0, 0.0, 0.0), (0.0, 1.0), _table_points(params, charge))
    if not charge:
        return LossCurve("loss", plain, rise, nothing)
    if params.charge_loss:
        a, b, c = params.charge_loss
        plain = (a, b, c)
    return LossCurve(params.charge_form, plain, rise, nothing)


def _table_points(params: Converter, charge: bool) -> tuple[Floats, Floats]:
    load = np.asarray(params.load_pu, dtype=np.float64)
    share = np.asarray(params.efficiency, dtype=np.float64)
    if charge:
        share = np.asarray(params.charge_efficiency or params.efficiency, dtype=np.float64)
        loss = load * (1.0 - share)
        idle = 0.0
    else:
        loss = load * (1.0 / share - 1.0)
        first = (loss[1] - loss[0]) / (load[1] - load[0]) if len(load) > 1 else 0.0
        idle = max(0.0, float(loss[0] - first * load[0]))
    load, loss = np.append(0.0, load), np.append(idle, loss)
    slope = max(0.0, float((loss[-1] - loss[-2]) / (load[-1] - load[-2])))
    return np.append(load, _FAR_PU), np.append(loss, loss[-1] + slope * (_FAR_PU - load[-1]))


def loss_pu(params: Converter, load_pu: ArrayLike, *, charge: bool = False) -> Floats:
    """Loss of an energised converter without reactive power.

    Parameters
    ----------
    params
        Converter.
    load_pu
        AC power over rated power, from 0, any shape.
    charge
        Direction: from AC to DC.

    Returns
    -------
    ndarray
        Loss over rated power, shape of ``load_pu``.
    """
    return np.asarray(np.maximum(params.no_load_loss, loss_curve(params, charge=charge)(load_pu)))


def efficiency(params: Converter, load_pu: ArrayLike, *, charge: bool = False) -> Floats:
    """Efficiency over AC power: ``P_ac/P_dc`` in discharge, ``P_dc/P_ac`` in charge.

    Where in charge the loss exceeds the AC power, the store makes up for it and the value is negative; at no
    load it is 0 in discharge and, in charge, ``nan``.

    Parameters
    ----------
    params
        Converter.
    load_pu
        AC power over rated power, from 0, any shape.
    charge
        Direction: from AC to DC.

    Returns
    -------
    ndarray
        Efficiency, shape of ``load_pu``.
    """
    load = np.asarray(load_pu, dtype=np.float64)
    loss = loss_pu(params, load, charge=charge)
    with np.errstate(divide="ignore", invalid="ignore"):
        if charge:
            return np.asarray(np.where(load > 0.0, (load - loss) / load, np.nan))
        return np.asarray(np.where(load > 0.0, load / (load + loss), 0.0))


def peak_efficiency(params: Converter, *, charge: bool = False) -> tuple[float, float]:
    """Load with the highest efficiency up to the rating, and that efficiency.

    Found on a grid that is refined around its best point, to about 1e-8 of the load for a smooth curve.

    Parameters
    ----------
    params
        Converter.
    charge
        Direction: from AC to DC.

    Returns
    -------
    tuple of float
        Load over rated power, efficiency.
    """
    low, high = 1e-6, 1.0
    best, value = high, float(efficiency(params, high, charge=charge))
    for _ in range(5):
        load = np.linspace(low, high, 1001)
        shares = efficiency(params, load, charge=charge)
        at = int(np.argmax(shares))
        best, value = float(load[at]), float(shares[at])
        low, high = float(load[max(at - 1, 0)]), float(load[min(at + 1, 1000)])
    return best, value


def european_efficiency(params: Converter, *, charge: bool = False) -> float:
    """European weighted efficiency.

    3, 6, 13, 10, 48 and 20 % of the energy at 5, 10, 20, 30, 50 and 100 % load.

    Parameters
    ----------
    params
        Converter.
    charge
        Direction: from AC to DC.

    Returns
    -------
    float
        Weighted efficiency.
    """
    return float(sum(share * efficiency(params, load, charge=charge) for share, load in EUROPEAN))


# -- judging a law ------------------------------------------------------------------------------------------

# Keys that a fault concerns, value, what is wrong, remedy.
Finding = tuple[tuple[str, ...], object, str, str]
_QUADRATIC_KEYS = ("loss_c", "loss_b", "loss_a", "loss_rise", "loss_rise_rate")


def findings(params: Converter) -> Iterator[Finding]:
    """Reasons why a loss law cannot be that of a converter, or cannot be inverted.

    Yields
    ------
    tuple
        Keys, value, message, remedy.
    """
    table = params.loss_form == "table"
    broken = list(_table_findings(params) if table else _quadratic_findings(params))
    given = [key for key in ("efficiency", "charge_efficiency", "load_pu") if getattr(params, key)]
    if given and not table:
        message = f'a table is given but loss_form is "{params.loss_form}"'
        remedy = f'write loss_form = "table", or empty the table: {given[0]} = []'
        yield (given[0], *given[1:], "loss_form"), list(getattr(params, given[0])), message, remedy
        broken += _table_findings(params)
    yield from broken
    if not broken:
        yield from _law_findings(params)
    if params.overload_pu > 1.0 and params.overload_s <= 0.0:
        remedy = "give the time for which overload_pu is held"
        yield ("overload_s", "overload_pu"), params.overload_s, "is required with overload_pu above 1", remedy


def _quadratic_findings(params: Converter) -> Iterator[Finding]:
    parts = params.charge_loss
    if parts and len(parts) != 3:
        remedy = "give constant, proportional and square loss"
        yield ("charge_loss",), list(parts), "must be three numbers", remedy
    elif parts and not (0.0 <= parts[0] <= 0.2 and -0.5 <= parts[1] < 1.0 and 0.0 <= parts[2] <= 0.5):
        message = "is out of range: 0 to 0.2, -0.5 to 1, 0 to 0.5"
        yield ("charge_loss",), list(parts), message, "losses are per unit of rating"


def _table_findings(params: Converter) -> Iterator[Finding]:
    load, shares = params.load_pu, (params.efficiency, params.charge_efficiency)
    if not load or not shares[0]:
        yield ("load_pu", "efficiency"), None, "is required by the form table", "give load_pu and efficiency"
        return
    if not all(1e-6 <= x <= 100.0 for x in load) or any(high - low < 1e-6 for low, high in pairwise(load)):
        message = "must be > 0 and <= 100, in pu, and ascending"
        yield ("load_pu",), list(load), message, "sort them and drop doubles"
    for key, share in zip(("efficiency", "charge_efficiency"), shares, strict=True):
        if len(share) != len(load) and (share or key == "efficiency"):
            message = f"{len(load)} load points but {len(share)} efficiencies"
            yield (key, "load_pu"), list(share), message, "give as many of each"
        elif not all(_LEAST_EFFICIENCY <= x <= 1.0 for x in share):
            message = f"must be >= {_LEAST_EFFICIENCY} and <= 1"
            yield (key,), list(share), message, "write 0.96 for 96 %"


def _law_findings(params: Converter) -> Iterator[Finding]:
    """Loss not below zero; DC power that rises with AC power through both directions."""
    most = params.overload_pu
    sides = {False: loss_curve(params), True: loss_curve(params, charge=True)}
    idle = {charge: max(params.no_load_loss, float(curve(0.0))) for charge, curve in sides.items()}
    for charge, curve in sides.items():
        load = curve.points[0][:-1] if curve.form == "table" else np.linspace(0.0, most, _SAMPLES)
        bare = curve(load)
        loss = np.maximum(bare, params.no_load_loss)
        keys = _keys(params, charge)
        way = "charge" if charge else "discharge"
        value = getattr(params, keys[0])
        shown = list(value) if isinstance(value, tuple) else value
        if bare.min() < 0.0 and params.no_load_loss == 0.0:
            at = load[int(np.argmin(bare))]
            message = f"the loss in {way} is negative at load {at:.3g}"
            yield keys, shown, message, "raise the constant loss or give no_load_loss"
        slope = _steepest(curve, load, loss, charge)
        if charge and slope >= 1.0:
            message = "the loss grows faster than the power: less would be stored for a larger command"
            if curve.form == "loss" and curve.rise[0] == 0.0 and most == 1.0:
                message = "with loss_b + 2 loss_c >= 1 less would be delivered for a larger command"
            yield keys, shown, message, "lower loss_c or loss_b; losses are per unit of rating"
        if not charge and slope <= -1.0:
            message = "the loss in discharge falls faster than the power grows"
            yield keys, shown, message, "check the curve"
    if idle[True] > idle[False] * (1.0 + 1e-12):
        keys = _keys(params, True)
        message = f"without load, {idle[True]:.4g} pu are lost in charge but {idle[False]:.4g} in discharge"
        remedy = f"give no_load_loss = {idle[True]:.4g}, which stands for both"
        yield (*keys, "no_load_loss"), None, message, remedy


def _keys(params: Converter, charge: bool) -> tuple[str, ...]:
    if params.loss_form == "table":
        return ("charge_efficiency" if charge and params.charge_efficiency else "efficiency", "load_pu")
    return ("charge_loss", *_QUADRATIC_KEYS) if charge and params.charge_loss else _QUADRATIC_KEYS


def _steepest(curve: LossCurve, load: Floats, loss: Floats, charge: bool) -> float:
    """Slope of the loss that matters: the largest in charge, the smallest in discharge."""
    if curve.form == "loss":
        slope = curve.coefficients[1] + 2.0 * curve.coefficients[2] * load
        slope = slope + curve.rise[0] * curve.rise[1] * np.exp(-curve.rise[1] * load)
    elif curve.form == "efficiency" and curve.rise[0] == 0.0:
        return 0.0  # P_dc = p^2/(p + q) always rises: its slope has the sign of 2 a + (1 + b) p
    else:
        slope = np.diff(loss) / np.diff(load) if len(load) > 1 else np.zeros(1)
    return float(slope.max() if charge else slope.min())
