"""Linear time-invariant systems: exact steps for a held input, frequency response, poles.

Frequency models of the grid and the dynamics of a facility are such systems. They are written down once, in
continuous time; the core steps their exact discrete form and the resonance study reads their response.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_TAYLOR_ORDER = 20  # at a norm of 1/16 the next term is below 1e-44


@dataclass(frozen=True, slots=True)
class StateSpace:
    """``dx/dt = A x + B u``, ``y = C x + D u``.

    Attributes
    ----------
    a : ndarray (states, states)
        System matrix [1/s].
    b : ndarray (states, inputs)
        Input matrix.
    c : ndarray (outputs, states)
        Output matrix.
    d : ndarray (outputs, inputs)
        Feed-through.
    states, inputs, outputs : tuple of str
        Names, with units as suffixes.
    """

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    states: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        sizes = (len(self.states), len(self.inputs), len(self.outputs))
        n, m, q = sizes
        shapes = {"a": (n, n), "b": (n, m), "c": (q, n), "d": (q, m)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: shape {getattr(self, name).shape}, expected {shape}")

    def response(self, frequency_hz: ArrayLike) -> NDArray[np.complex128]:
        """Frequency response ``C (j w - A)^-1 B + D``.

        Parameters
        ----------
        frequency_hz : array_like (k,)
            Frequencies [Hz].

        Returns
        -------
        ndarray (k, outputs, inputs) of complex
        """
        s = 2j * math.pi * np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64))
        n = len(self.states)
        inner = s[:, None, None] * np.eye(n) - self.a
        return np.asarray(self.c @ np.linalg.solve(inner, self.b.astype(complex)[None]) + self.d)

    def gain(self) -> Floats:
        """Response at zero frequency, shape (outputs, inputs)."""
        return np.asarray(self.d - self.c @ np.linalg.solve(self.a, self.b))

    def poles(self) -> NDArray[np.complex128]:
        """Eigenvalues of A [rad/s], the least damped first."""
        found = np.linalg.eigvals(self.a).astype(complex)
        return np.asarray(found[np.argsort(-found.real, kind="stable")])

    def step(self, tick_s: float) -> tuple[Floats, Floats]:
        """Exact step for an input held over a tick: ``x <- F x + G u``.

        Parameters
        ----------
        tick_s : float
            Length of a tick [s].

        Returns
        -------
        (ndarray (states, states), ndarray (states, inputs))
        """
        n, m = len(self.states), len(self.inputs)
        system = np.zeros((n + m, n + m))
        system[:n, :n] = self.a
        system[:n, n:] = self.b
        total = exponential(system * tick_s)
        return total[:n, :n], total[:n, n:]


def exponential(matrix: Floats) -> Floats:
    """Matrix exponential by scaling and squaring of a Taylor series.

    Parameters
    ----------
    matrix : ndarray (n, n)

    Returns
    -------
    ndarray (n, n)
    """
    size = float(np.abs(matrix).sum())
    squarings = max(0, math.ceil(math.log2(max(1e-300, size))) + 4)
    part = matrix / 2.0**squarings
    total = np.eye(len(matrix))
    term = np.eye(len(matrix))
    for order in range(1, _TAYLOR_ORDER):
        term = term @ part / order
        total = total + term
    for _ in range(squarings):
        total = total @ total
    return total
