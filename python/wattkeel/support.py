"""Grid support of storage units: parameters to records, and whether the loop through the grid is stable.

A unit measures the frequency (first-order lag T, its rate behind a second lag T_r), its converter answers
with dead time and lag T_c, and its power moves the frequency that it measures. For small deviations all of
this is linear. With the share k of the units' rating in the system base, above the bandwidth of governors,

    L(s) = k (K + 2 H_syn s/(1 + s T_r)) / (2 H s (1 + s T)(1 + s T_c)),

so that droop alone is stable for k K/(2 H) < 1/T + 1/T_c. `frequency_loop` is the exact loop: sampled, held
over a tick, with dead time and with the whole model of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import frequency, linear, lowering
from wattkeel._generated import dtypes, models

__all__ = ["frequency_loop", "lower_support", "margin", "voltage_loop"]

Complexes = NDArray[np.complex128]
Unit = tuple[models.Support, models.Converter]

_POINTS = 4000
_DECADES = 8.0
"""Frequencies of the loops: so many below half the sampling frequency, evenly in the logarithm."""


def lower_support(
    record: Any, support: models.Support, converter: models.Converter, nominal_hz: float, tick_s: float
) -> None:
    """Gains, filters and the fast response of a unit's grid support."""
    rated_w = converter.rated_power_w
    limit_va = converter.apparent_power_va or rated_w
    record.active = 1
    record.nominal_hz = nominal_hz
    record.per_nominal_hz = 1.0 / nominal_hz
    record.droop_w = support.frequency_gain * rated_w
    record.deadband_pu = support.frequency_deadband_hz / nominal_hz
    record.inertia_w_s = 2.0 * support.inertia_s * rated_w
    _filters(record, support, nominal_hz, tick_s)
    record.up_w, record.down_w = support.up_limit * rated_w, support.down_limit * rated_w
    _response(record, support, rated_w, tick_s)
    record.voltage_var = support.voltage_gain * limit_va
    record.middle_pu = support.voltage_reference_pu
    record.voltage_band_pu = support.voltage_deadband_pu
    record.limit_var = support.reactive_limit * limit_va
    ratio = tick_s / support.voltage_time_constant_s
    record.voltage_decay = math.exp(-ratio)
    record.voltage_hold = -math.expm1(-ratio) / ratio


def _filters(record: Any, support: models.Support, nominal_hz: float, tick_s: float) -> None:
    """Exact step and mean over a tick of the measured frequency and its rate.

    With e = y - f for a held f: T de/dt = -e and T_r dr/dt = de/dt - r; the third state is the integral of r.
    """
    lag, rate_lag = support.frequency_time_constant_s, support.rocof_time_constant_s
    matrix = np.array(
        [[-1.0 / lag, 0.0, 0.0], [-1.0 / (lag * rate_lag), -1.0 / rate_lag, 0.0], [0.0, 1.0, 0.0]]
    )
    step = linear.exponential(matrix * tick_s)
    record.decay = math.exp(-tick_s / lag)
    record.hold = -math.expm1(-tick_s / lag) * lag / tick_s
    record.rate_decay = math.exp(-tick_s / rate_lag)
    record.rate_hold = -math.expm1(-tick_s / rate_lag) * rate_lag / tick_s
    record.rate_gain = -step[1, 0]
    record.rate_mean = -step[2, 0] / tick_s
    record.jump_pu = 1.0 / (2.0 * math.pi * nominal_hz * lag)
    record.per_rate_s = 1.0 / rate_lag


def _response(record: Any, support: models.Support, rated_w: float, tick_s: float) -> None:
    """Threshold, size and times of the fast frequency response."""
    under = support.response_threshold_hz < record.nominal_hz
    record.response_sign = 1.0 if under else -1.0
    record.response_w = record.response_sign * support.response_power * rated_w
    record.response_pu = (support.response_threshold_hz - record.nominal_hz) / record.nominal_hz
    record.delay_tick = round(support.response_delay_s / tick_s)
    record.sustain_tick = max(1, round(support.response_sustain_s / tick_s))
    record.release_tick = round(support.response_release_s / tick_s)
    record.per_release = 1.0 / record.release_tick if record.release_tick else 0.0
    active = int(record.sustain_tick + record.release_tick) + 1
    record.rest_tick = max(active, round(support.response_rest_s / tick_s))


def margin(loop: Complexes) -> float:
    """How far a loop stays from the point of instability.

    Parameters
    ----------
    loop : ndarray (k,) of complex
        Loop gain of a stable open loop along ascending frequencies, from where it is real to half the
        sampling frequency.

    Returns
    -------
    float
        Least distance of the loop gain from -1 (modulus margin), in 0 to 1; negative where the closed
        loop is unstable: where the curve encircles -1.
    """
    if not len(loop):
        return 1.0
    # 1 + L ends real and positive; where its angle has turned on the way, L has gone around -1.
    turned = np.unwrap(np.angle(1.0 + loop))[-1]
    least = float(min(1.0, np.abs(1.0 + loop).min()))
    return -least if abs(turned) > 0.5 * math.pi else least


def frequency_loop(
    grid: models.Grid, units: Iterable[Unit], tick_s: float
) -> tuple[NDArray[np.float64], Complexes]:
    """Loop gain from the frequency through all units and the grid back to it, sampled at every tick.

    Limits, ramps, dead bands and the fast response are left out: the gain is that of small deviations.

    Parameters
    ----------
    grid : Grid
        Its frequency model; with ``fixed`` the loop is open and its gain 0.
    units : iterable of (Support, Converter)
        Units with support.
    tick_s : float
        Length of a tick [s].

    Returns
    -------
    (ndarray (k,), ndarray (k,) of complex)
        Frequencies [Hz] and loop gain; -1 is the point of instability.
    """
    hertz, z = _points(tick_s)
    system = frequency.frequency_model(grid)
    if not system.states:
        return hertz, np.zeros(len(z), dtype=complex)
    step, held = system.step(tick_s)
    inner = z[:, None, None] * np.eye(len(step)) - step
    plant = (system.c[:1] @ np.linalg.solve(inner, held.astype(complex)[None]))[:, 0, 0]
    total = np.zeros(len(z), dtype=complex)
    for support, converter in units:
        record = np.zeros(1, dtype=dtypes.SupportParams).view(np.recarray)[0]
        lower_support(record, support, converter, grid.nominal_frequency_hz, tick_s)
        # y+ = d y + (1 - d) f, r+ = c r + g (f - y); the powers are those of the means over the tick.
        away = (1.0 - record.decay) / (z - record.decay) - 1.0  # y - f
        rate = -record.rate_gain * away / (z - record.rate_decay)
        power = record.droop_w * (1.0 + away * record.hold)
        power = power + record.inertia_w_s * (rate * record.rate_hold - away * record.rate_mean)
        total += power * _converter(converter, z, tick_s) / grid.system_power_w
    return hertz, -plant * total


def voltage_loop(
    grid: models.Grid, rated_w: float, units: Iterable[Unit], tick_s: float
) -> tuple[NDArray[np.float64], Complexes]:
    """Loop gain of voltage support, sampled at every tick: the voltage rises by X per pu of reactive power.

    Parameters
    ----------
    grid : Grid
        Impedances from the source to the site bus.
    rated_w : float
        Base of these [W].
    units, tick_s
        As of `frequency_loop`.

    Returns
    -------
    (ndarray (k,), ndarray (k,) of complex)
        Frequencies [Hz] and loop gain.
    """
    hertz, z = _points(tick_s)
    network = np.zeros(1, dtype=dtypes.GridParams).view(np.recarray)[0]
    lowering.lower_network(network, grid, rated_w)
    reactance = network.reactance_pu + network.cable_reactance_pu + network.transformer_reactance_pu
    total = np.zeros(len(z), dtype=complex)
    for support, converter in units:
        record = np.zeros(1, dtype=dtypes.SupportParams).view(np.recarray)[0]
        lower_support(record, support, converter, grid.nominal_frequency_hz, tick_s)
        away = (1.0 - record.voltage_decay) / (z - record.voltage_decay) - 1.0
        measured = 1.0 + away * record.voltage_hold
        total += record.voltage_var * measured * _converter(converter, z, tick_s) / rated_w
    return hertz, reactance * total / z


def _points(tick_s: float) -> tuple[NDArray[np.float64], Complexes]:
    hertz = 0.5 / tick_s * np.logspace(-_DECADES, 0.0, _POINTS)
    return hertz, np.exp(2j * math.pi * tick_s * hertz)


def _converter(converter: models.Converter, z: Complexes, tick_s: float) -> Complexes:
    """Answer of a converter to a command: whole ticks of dead time, then the lag."""
    lag_s = converter.time_constant_s
    decay = math.exp(-tick_s / lag_s) if lag_s > 0.0 else 0.0
    return np.asarray((1.0 - decay) / (1.0 - decay / z) * z ** -float(round(converter.delay_s / tick_s)))
