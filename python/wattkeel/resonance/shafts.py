"""Torsional modes of a shaft of masses and springs, and the torques that a swinging air-gap torque causes.

``2 H_i / w0 * d2 theta_i/dt2 = sum of the torques of the adjacent sections - electrical torque``, angles in
electrical radians, torques per unit of the machine's rating (IEEE SSR Task Force, IEEE Trans. PAS-96 (1977)
1565; Kundur, Power System Stability and Control, 1994, chapter 15). Damping is modal. The electrical torque
is an input: what the network adds to stiffness and damping is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ShaftModes", "shaft_modes"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShaftModes:
    """Modes of a shaft, without the one in which all masses move alike.

    Attributes
    ----------
    frequency_hz : ndarray, shape (modes,)
        Frequencies, ascending, Hz.
    shape : ndarray, shape (masses, modes)
        Angles of the masses in each mode; the largest is 1.
    inertia_s : ndarray, shape (modes,)
        Modal inertia constant referred to the generator, s: small where the mode moves the generator much,
        infinite where it does not move it.
    """

    frequency_hz: Floats
    shape: Floats
    inertia_s: Floats
    _vectors: Floats
    _stiffness_pu: Floats
    _generator: int

    def torque_pu(self, frequency_hz: ArrayLike, damping_ratio: Sequence[float]) -> NDArray[np.complex128]:
        """Torques of the sections per unit of swing of the electrical torque, steady state.

        Parameters
        ----------
        frequency_hz : array_like (k,)
            Frequencies, Hz.
        damping_ratio : sequence of float
            Damping of each mode over the critical one.

        Returns
        -------
        ndarray (k, masses - 1) of complex
        """
        omega = 2.0 * math.pi * np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64))
        own = 2.0 * math.pi * self.frequency_hz
        zeta = np.asarray(damping_ratio, dtype=np.float64)
        stiff = own**2 - omega[:, None] ** 2 + 2j * zeta * own * omega[:, None]
        # Each mode is driven by as much as it moves the generator.
        # An undamped mode met exactly has no steady state.
        share = np.where(stiff == 0.0, math.nan, self._vectors[self._generator])
        angle = -(share / np.where(stiff == 0.0, 1.0, stiff)) @ self._vectors.T
        return np.asarray((angle[:, :-1] - angle[:, 1:]) * self._stiffness_pu)


def shaft_modes(
    inertia_s: ArrayLike, stiffness_pu: ArrayLike, generator_mass: int, nominal_frequency_hz: float
) -> ShaftModes:
    """Modes of a chain of masses.

    Parameters
    ----------
    inertia_s : array_like (masses,)
        Inertia constants H, s.
    stiffness_pu : array_like (masses - 1,)
        Stiffness of the sections, torque per unit per electrical radian.
    generator_mass : int
        Number of the generator's mass, counted from 1.
    nominal_frequency_hz : float
        Nominal frequency, Hz.

    Returns
    -------
    ShaftModes
    """
    inertia = np.asarray(inertia_s, dtype=np.float64)
    springs = np.asarray(stiffness_pu, dtype=np.float64)
    stiffness = np.zeros((len(inertia), len(inertia)))
    for i, spring in enumerate(springs):
        stiffness[i : i + 2, i : i + 2] += spring * np.array([[1.0, -1.0], [-1.0, 1.0]])
    mass = 2.0 * inertia / (2.0 * math.pi * nominal_frequency_hz)
    root = np.sqrt(mass)
    squared, vectors = np.linalg.eigh(stiffness / np.outer(root, root))
    squared, vectors = squared[1:], (vectors / root[:, None])[:, 1:]  # the first is the rigid body
    shape = vectors / vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    generator = generator_mass - 1
    with np.errstate(divide="ignore"):
        modal = (inertia @ shape**2) / shape[generator] ** 2
    return ShaftModes(np.sqrt(squared) / (2.0 * math.pi), shape, modal, vectors, springs, generator)
