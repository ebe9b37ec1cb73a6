"""Transfer functions of a scenario, from its parts or as the engine gives them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wattkeel.errors import Fault, ScenarioError
from wattkeel.resonance import chain, probe
from wattkeel.resonance.pieces import Complexes, Floats

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

__all__ = ["PLACES", "Transfer", "log_grid", "transfer"]

#: Where the swing may be put in.
PLACES = ("site", "rack", "gpu")
METHODS = ("analytic", "measured")

#: Sum of the amplitudes of a probe over the mean load: so small that square laws do not show, and far above
#: the rounding of the engine.
PROBE_SWING = 1e-4
# Slope of the probe over the least ramp limit.
_OF_RAMP = 0.25
_LOW_HZ, _HIGH_HZ = 0.01, 100.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Small-signal responses of a site to a swing of its load.

    Attributes
    ----------
    frequency_hz : ndarray (k,)
        Frequencies, Hz.
    power : ndarray (k,) of complex
        Import at the POI over the swing, W/W.
    frequency_hz_per_w : ndarray (k,) of complex
        Frequency at the POI over the swing, Hz/W.
    voltage_pu_per_w : ndarray (k,) of complex
        Voltage at the POI over the swing, pu/W.
    ramp_limit_w : ndarray (k,)
        Amplitude at the site bus above which the ramp limit of the storage's target acts and the linear
        answer no longer holds, W; inf without such a limit.
    at : str
        Where the swing is: ``site`` (bus), ``rack`` (all inlets) or ``gpu`` (power of all GPUs).
    method : str
        ``analytic`` or ``measured``.
    nonlinearity : float
        Measured: largest relative difference of the response from that to half the swing; NaN otherwise.
    notes : tuple of str
        What the numbers do not hold for.
    """

    frequency_hz: Floats
    power: Complexes
    frequency_hz_per_w: Complexes
    voltage_pu_per_w: Complexes
    ramp_limit_w: Floats
    at: str
    method: str
    nonlinearity: float = math.nan
    notes: tuple[str, ...] = field(default=())

    def between(self, frequency_hz: ArrayLike) -> Transfer:
        """Sizes at other frequencies, interpolated over their logarithm and held beyond the ends; no phases.

        Parameters
        ----------
        frequency_hz : array_like (k,)
            Frequencies, Hz.
        """
        wanted = np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64))

        def size(of: Complexes | Floats) -> Floats:
            return np.interp(np.log(wanted), np.log(self.frequency_hz), np.abs(of))

        return replace(
            self,
            frequency_hz=wanted,
            power=size(self.power).astype(complex),
            frequency_hz_per_w=size(self.frequency_hz_per_w).astype(complex),
            voltage_pu_per_w=size(self.voltage_pu_per_w).astype(complex),
            ramp_limit_w=size(self.ramp_limit_w),
        )


def log_grid(low_hz: float = _LOW_HZ, high_hz: float = _HIGH_HZ, per_decade: int = 200) -> Floats:
    """Frequencies evenly spread on a log scale, both ends included, Hz."""
    count = max(2, round(per_decade * math.log10(high_hz / low_hz)) + 1)
    return np.geomspace(low_hz, high_hz, count)


def transfer(
    scenario: Scenario,
    *,
    method: str = "analytic",
    at: str = "site",
    frequency_hz: ArrayLike | None = None,
    tick_s: float | None = None,
    swing: float | None = None,
    check_linear: bool = True,
) -> Transfer:
    """Responses of import, frequency and voltage at the POI to a swing of the load.

    Parameters
    ----------
    scenario : Scenario
        The site. It is linear about the mean load of its jobs, with the storage at its start SoC.
    method : {"analytic", "measured"}
        From the linear parts of the engine, or by a run of the engine with small sines on the load.
    at : {"site", "rack", "gpu"}
        Where the swing is: at the site bus, at all rack inlets, or as power of all GPUs (behind their
        smoothing).
    frequency_hz : array_like (k,), optional
        Frequencies, Hz, above 0; 0.01 to 100 Hz when None, up to 0.4 of the tick's rate. A measurement moves
        them to the nearest odd multiples of its base frequency.
    tick_s : float, optional
        Analytic: tick of the engine for which the answer holds, s; the scenario's when None, and 0 for the
        limit of ever shorter ticks (the control keeps its period).
    swing : float, optional
        Measured: sum of the amplitudes of all sines over the mean load; by default 1e-4, and less where a
        ramp limit would act. A larger one shows what limits do to a swing of that size.
    check_linear : bool
        Measured: run once more with half the swing and tell the difference.

    Returns
    -------
    Transfer

    Raises
    ------
    ScenarioError
        An argument is out of range, there is no power to swing, or a part has no linear response (analytic).
    """
    frequency = _checked(scenario, method, at, frequency_hz, tick_s, swing)
    point = chain.operating_point(scenario)
    _check_point(scenario, point, at)
    notes = _notes(scenario, point)
    if method == "analytic":
        _check_parts(scenario)
        tick = scenario.model.simulation.tick_s if tick_s is None else tick_s
        return _analytic(scenario, point, at, frequency, tick, notes)
    return _measured(scenario, point, at, frequency, swing, check_linear, notes)


def _checked(
    scenario: Scenario,
    method: str,
    at: str,
    frequency_hz: ArrayLike | None,
    tick_s: float | None,
    swing: float | None,
) -> Floats:
    from wattkeel.scenario import expect_scenario

    expect_scenario(scenario, "resonance.transfer")
    faults = []
    for place, word, words in (("method", method, METHODS), ("at", at, PLACES)):
        if word not in words:
            faults.append(Fault(place, word, "is not known", f"give {' or '.join(words)}"))
    own_s = scenario.model.simulation.tick_s
    rate_s = own_s if tick_s is None or method == "measured" else tick_s
    most_hz = 0.4 / rate_s if rate_s > 0.0 else math.inf
    if frequency_hz is None:
        step = 200 if method == "analytic" else 6
        frequency = log_grid(_LOW_HZ, min(_HIGH_HZ, most_hz), step)
    else:
        frequency = np.atleast_1d(np.asarray(frequency_hz, dtype=np.float64))
    sound = frequency.ndim == 1 and frequency.size > 0 and bool(np.isfinite(frequency).all())
    if not sound or float(frequency.min()) < 1e-4 or float(frequency.max()) > most_hz * (1.0 + 1e-9):
        message = f"must be frequencies from 1e-4 to {most_hz:g} Hz (0.4 of the rate of the ticks)"
        faults.append(Fault("frequency_hz", frequency_hz, message, "leave out what lies beyond"))
    if tick_s is not None and not 0.0 <= tick_s <= 1.0:
        faults.append(Fault("tick_s", tick_s, "must be from 0 (no tick) to 1 s", "give the tick in s"))
    if swing is not None and not 0.0 < swing <= 0.5:
        faults.append(Fault("swing", swing, "must be above 0 and at most 0.5", "give a share of the load"))
    if faults:
        raise ScenarioError(faults)
    return frequency


def _check_point(scenario: Scenario, point: chain.Point, at: str) -> None:
    from wattkeel.loading import is_bypassed

    racks = scenario.model.rack
    if at == "gpu" and all(is_bypassed(scenario.model.workload[rack.workload]) for rack in racks.values()):
        message = "all racks replay power measured at their inlet: their GPUs are not known apart"
        raise ScenarioError([Fault("at", at, message, 'give at="rack" or at="site"')])
    if not sum(point.inlet_w.values()) > 0.0:
        raise ScenarioError([Fault("scenario", None, "the site draws no power", "give its jobs a load")])


def _check_parts(scenario: Scenario) -> None:
    """Refuse what has no linear part here."""
    faults = [
        Fault(
            f"storage.{name}.forming",
            None,
            "a grid-forming unit answers voltage and frequency, which the parts do not have",
            'measure the response on the engine: method="measured"',
        )
        for name, unit in scenario.model.storage.items()
        if unit.forming is not None
    ]
    if faults:
        raise ScenarioError(faults)


def _notes(scenario: Scenario, point: chain.Point) -> tuple[str, ...]:
    """What the linear answer leaves out in this scenario."""
    model, control = scenario.model, scenario.model.control
    notes = []
    if model.storage and control.target == "follow":
        if control.average_s == 0.0 and math.isinf(min(control.ramp_up_w_per_s, control.ramp_down_w_per_s)):
            notes.append("the target follows the load at once: the storage does nothing")
        elif control.average_s == 0.0:
            notes.append(
                "the target follows small swings at once, and only its ramp limit keeps it from larger ones: "
                "above ramp_limit_w the storage does more than this response says"
            )
    if model.storage and control.target == "fixed" and point.storage_w != 0.0:
        notes.append("the storage delivers or takes a steady power at this target, and will run out")
    if any(rack.store_energy_j > 0.0 for rack in model.rack.values()):
        notes.append("shelf stores are linear only within their energy and power")
    riding = [name for name, node in model.distribution.items() if node.ride_through != "none"]
    if riding:
        notes.append(
            f"the answer of {', '.join(riding)} to the voltage (ride_through) is left out of the parts"
        )
    return tuple(notes)


def _analytic(
    scenario: Scenario, point: chain.Point, at: str, frequency: Floats, tick_s: float, notes: tuple[str, ...]
) -> Transfer:
    omega = 2.0 * math.pi * frequency
    from_rack, from_gpu = chain.upstream(scenario, point, omega, tick_s)
    ahead = {"site": np.ones(len(omega)), "rack": from_rack, "gpu": from_gpu}[at]
    grid = chain.grid_response(scenario, point, omega, tick_s)
    taken = 1.0 - chain.storage_response(scenario, point, omega, tick_s)
    power = grid.power_per_load - grid.power_per_storage * taken
    voltage = grid.voltage_per_load - grid.voltage_per_storage * taken
    return Transfer(
        frequency_hz=frequency,
        power=np.asarray(ahead * power),
        frequency_hz_per_w=np.asarray(ahead * power * grid.frequency_hz_per_w),
        voltage_pu_per_w=np.asarray(ahead * voltage),
        ramp_limit_w=chain.ramp_limit_w(scenario, omega),
        at=at,
        method="analytic",
        notes=notes,
    )


def _measured(
    scenario: Scenario,
    point: chain.Point,
    at: str,
    frequency: Floats,
    swing: float | None,
    check_linear: bool,
    notes: tuple[str, ...],
) -> Transfer:
    share = _small_swing(scenario, point, at, frequency) if swing is None else swing
    settle_s = probe.settling_time(scenario, [_slowest_s(scenario)])
    first = probe.measure(scenario, point, at, frequency, share, settle_s)
    told = list(notes)
    if first.change > probe.SETTLED:
        told.append(f"not settled: the last window still moved the answer by {first.change:.1g}")
    if first.limited:
        told.append("a storage unit was at a limit during the measurement")
    nonlinearity = math.nan
    if check_linear:
        half = probe.measure(scenario, point, at, frequency, 0.5 * share, settle_s)
        size = np.abs(first.response).max(axis=0)
        apart = np.abs(first.response - half.response) / np.where(size > 0.0, size, 1.0)
        nonlinearity = float(apart.max())
    return Transfer(
        frequency_hz=first.frequency_hz,
        power=first.response[:, 0],
        frequency_hz_per_w=first.response[:, 1],
        voltage_pu_per_w=first.response[:, 2],
        ramp_limit_w=chain.ramp_limit_w(scenario, 2.0 * math.pi * first.frequency_hz),
        at=at,
        method="measured",
        nonlinearity=nonlinearity,
        notes=tuple(told),
    )


def _slowest_s(scenario: Scenario) -> float:
    """Slowest time constant of the grid's frequency, several times over, s."""
    system = chain.frequency_system(scenario.model.grid)
    return 0.0 if system is None else 12.0 / float(-system.poles().real.max())


def _small_swing(scenario: Scenario, point: chain.Point, at: str, frequency: Floats) -> float:
    """Swing of a probe that stays clear of ramp limits."""
    model = scenario.model
    tick_s = model.simulation.tick_s
    numbers, window = probe.harmonics(frequency, tick_s, model.control.period_s)
    weight = probe.line_weights(numbers)
    slope_per_s = float(np.sum(weight / weight.sum() * 2.0 * math.pi * numbers / (window * tick_s)))
    limits = [PROBE_SWING]
    if model.storage and model.control.target == "follow":
        ramp = min(model.control.ramp_up_w_per_s, model.control.ramp_down_w_per_s)
        limits.append(_OF_RAMP * ramp / (slope_per_s * point.load_w))
    for unit in model.storage.values():
        if unit.converter is not None:
            limits.append(_OF_RAMP * unit.converter.ramp_w_per_s / (slope_per_s * point.load_w))
    if at == "gpu":
        for name, rack in model.rack.items():
            gpu = model.gpu[rack.gpu]
            ramp = min(gpu.ramp_up_w_per_s, gpu.ramp_down_w_per_s)
            limits.append(_OF_RAMP * ramp / (slope_per_s * point.gpu_w[name]))
    return min(limits)
