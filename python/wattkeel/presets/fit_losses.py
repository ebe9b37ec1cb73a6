"""Quadratic fits of PSU efficiencies that are published at a few loads.

PSUs in the quadratic form lose ``a + b x + c x^2`` per unit of rating, with ``x`` the output per unit of
rating and no negative coefficient. This module turns efficiencies at a few loads into that form and says
how well that works; the presets quote the result, and a test keeps the two together.

``python -m wattkeel.presets.fit_losses`` prints all fits. It is deterministic and needs only numpy.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattkeel.presets.catalogue import read_preset

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFit:
    """A fitted loss curve, per unit of rating.

    Parameters
    ----------
    loss_a, loss_b, loss_c
        Constant, proportional and square loss. [pu]
    loss_residual
        Largest error of the loss over the fitted loads. [pu]
    efficiency_residual
        Largest error of the efficiency ``x / (x + loss)`` over the fitted loads. [1]
    """

    loss_a: float
    loss_b: float
    loss_c: float
    loss_residual: float
    efficiency_residual: float


def fit_quadratic(load_pu: Array, loss_pu: Array, weight: Array) -> LossFit:
    """Fit ``a + b x + c x^2`` with ``a, b, c >= 0`` by weighted least squares.

    A least-squares problem of three non-negative unknowns has its solution on one of eight faces: each subset
    of the unknowns is solved freely, and the best solution without a negative coefficient wins. This needs no
    iteration, so that the result is the same everywhere.

    Parameters
    ----------
    load_pu, loss_pu
        Loads and losses, shape (n,). [pu]
    weight
        Weight of each loss error, shape (n,).

    Returns
    -------
    LossFit
        Coefficients and largest errors.
    """
    powers = np.vander(load_pu, 3, increasing=True)
    best = np.zeros(3)
    best_error = float(np.sum((weight * loss_pu) ** 2))
    for size in (1, 2, 3):
        for chosen in itertools.combinations(range(3), size):
            columns = list(chosen)
            solution, *_ = np.linalg.lstsq(powers[:, columns] * weight[:, None], loss_pu * weight, rcond=None)
            trial = np.zeros(3)
            trial[columns] = solution
            error = float(np.sum((weight * (powers @ trial - loss_pu)) ** 2))
            if np.all(trial >= 0.0) and error < best_error:
                best, best_error = trial, error
    fitted_pu = powers @ best
    efficiency_error = load_pu / (load_pu + fitted_pu) - load_pu / (load_pu + loss_pu)
    return LossFit(
        loss_a=float(best[0]),
        loss_b=float(best[1]),
        loss_c=float(best[2]),
        loss_residual=float(np.max(np.abs(fitted_pu - loss_pu))),
        efficiency_residual=float(np.max(np.abs(efficiency_error))),
    )


def fit_psu(table: str) -> LossFit:
    """Fit the efficiency points of the rack preset ``table``.

    The weights turn loss errors into efficiency errors (``d eta = eta^2/x d loss``), because an efficiency is
    what the label states.
    """
    values = read_preset("rack", table).values
    load_pu = np.asarray(values["psu_load_pu"], dtype=np.float64)
    efficiency = np.asarray(values["psu_efficiency"], dtype=np.float64)
    return fit_quadratic(load_pu, load_pu / efficiency - load_pu, efficiency**2 / load_pu)


# (kind, preset that quotes the fit) -> fit.
FITS: dict[tuple[str, str], Callable[[], LossFit]] = {
    ("rack", "psu-80plus-titanium-quadratic"): lambda: fit_psu("psu-80plus-titanium"),
    ("rack", "psu-80plus-ruby-quadratic"): lambda: fit_psu("psu-80plus-ruby"),
}


def main() -> None:
    """Print every fit with its largest errors."""
    for (kind, name), fit in FITS.items():
        result = fit()
        print(
            f"{kind}/{name}: a {result.loss_a:.6f}, b {result.loss_b:.6f}, c {result.loss_c:.6f} pu; "
            f"largest error {result.loss_residual:.6f} pu of loss, "
            f"{100.0 * result.efficiency_residual:.2f} points of efficiency"
        )


if __name__ == "__main__":
    main()
