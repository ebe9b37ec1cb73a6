"""Frequency responses of the linear pieces that the engine is made of.

Every function takes the angular frequency, rad/s, and the tick of the engine, s. With a tick above 0 the
answer is that of the discrete piece as the kernels step it, exactly; with 0 it is the limit of ever shorter
ticks, the piece in continuous time. A quantity of tick ``n`` is what acts throughout that tick.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from wattkeel.linear import StateSpace

__all__ = ["average", "delay", "hold", "integral", "lag", "stepped"]

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


def delay(omega: Floats, time_s: float) -> Complexes:
    """Pure delay."""
    return np.asarray(np.exp(-1j * omega * time_s))


def lag(omega: Floats, time_constant_s: float, tick_s: float) -> Complexes:
    """First-order lag, ``y += (u - y) (1 - exp(-dt/tau))``; the value after the tick is that of the tick."""
    if time_constant_s <= 0.0:
        return np.ones(len(omega), dtype=complex)
    if tick_s <= 0.0:
        return np.asarray(1.0 / (1.0 + 1j * omega * time_constant_s))
    decay = math.exp(-tick_s / time_constant_s)
    return np.asarray((1.0 - decay) / (1.0 - decay * delay(omega, tick_s)))


def average(omega: Floats, count: int, period_s: float) -> Complexes:
    """Mean of the last ``count`` values, the newest included, one every ``period_s``; 1 for no average."""
    if count <= 1:
        return np.ones(len(omega), dtype=complex)
    return _geometric(omega * period_s, count) / count


def hold(omega: Floats, period_s: float, tick_s: float) -> Complexes:
    """Value that is taken every ``period_s`` and held until the next: the part at the frequency itself.

    The other parts, at multiples of ``1/period_s`` from it, are images that a linear response does not have.
    """
    if tick_s > 0.0:
        count = max(1, round(period_s / tick_s))
        return _geometric(omega * tick_s, count) / count
    angle = omega * period_s
    return np.asarray(np.sinc(angle / (2.0 * np.pi)) * np.exp(-0.5j * angle))


def integral(omega: Floats, tick_s: float) -> Complexes:
    """Integral over time, s, at the end of the tick."""
    if tick_s <= 0.0:
        return np.asarray(1.0 / (1j * omega))
    return np.asarray(tick_s / (1.0 - delay(omega, tick_s)))


def stepped(system: StateSpace, omega: Floats, tick_s: float) -> Complexes:
    """Response of a linear system that is stepped exactly for inputs held over a tick.

    The output belongs to the state after the tick. Shape (frequencies, outputs, inputs).
    """
    if tick_s <= 0.0:
        return system.response(omega / (2.0 * np.pi))
    step, drive = system.step(tick_s)
    ahead = 1.0 / delay(omega, tick_s)
    inner = ahead[:, None, None] * np.eye(len(system.states)) - step
    states = ahead[:, None, None] * np.linalg.solve(inner, drive.astype(complex)[None])
    return np.asarray(system.c @ states + system.d)


def conserving(system: StateSpace, omega: Floats, tick_s: float) -> Complexes:
    """Power asked for by a node with dynamics over its load: mean over the tick, from the energy held.

    See ``wattkeel.prototype.facility``. Shape (frequencies,).
    """
    if tick_s <= 0.0:
        return system.response(omega / (2.0 * np.pi))[:, 0, 0]
    energy = np.linalg.solve(system.a.T, system.c[0])[None]
    held = StateSpace(
        system.a, system.b, energy, np.zeros((1, 1)), system.states, system.inputs, ("energy_j",)
    )
    return np.asarray(1.0 + (1.0 - delay(omega, tick_s)) / tick_s * stepped(held, omega, tick_s)[:, 0, 0])


def _geometric(angle: Floats, count: int) -> Complexes:
    """Sum of ``exp(-j k angle)`` for k from 0 to count - 1, without cancellation."""
    half = 0.5 * angle
    base = np.sin(half)
    near = np.abs(base) < 1e-12
    ratio = np.where(near, float(count), np.sin(count * half) / np.where(near, 1.0, base))
    # Near a whole turn the quotient is count times the ratio of the cosines there, +1 or -1.
    turns = np.round(half / np.pi)
    sign = np.where((turns * (count - 1)) % 2 == 0, 1.0, -1.0)
    ratio = np.where(near, count * sign, ratio)
    return np.asarray(ratio * np.exp(-1j * half * (count - 1)))
