"""Stability for small deviations, of the sampled loops through the network at an operating point.

Two kinds of unit, two kinds of loop. A unit that follows the grid measures frequency and voltage
(`wattkeel.support`); its volt-var loop is closed by the slope dV/dQ of the network, which grows towards the
nose of the PV curve. A grid-forming unit turns its angle by its droop against that of the grid; its loop is
closed by the synchronising power dP/d(delta) between both.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattkeel import frequency, lowering
from wattkeel._generated import dtypes, models
from wattkeel.loading import rated_power_w
from wattkeel.scenario import Scenario
from wattkeel.support import Complexes, frequency_loop, margin, voltage_loop

__all__ = ["Network", "forming_loop", "forming_margin", "network_of", "support_margin", "way_of"]

_POINTS = 4000
_DECADES = 6.0
_STEP = 1e-5


@dataclass(frozen=True, slots=True)
class Network:
    """The way from the source to the site bus on the base of the contracted power, and the load there.

    Attributes
    ----------
    source_pu : float
        Voltage of the source, pu.
    impedance : complex
        Impedance of the way, pu.
    power, var : float
        Load of the bus, pu, taken as constant power: the hardest on the voltage.
    base_va : float
        Base, VA.
    """

    source_pu: float
    impedance: complex
    power: float
    var: float
    base_va: float

    def voltage(self, power: float, var: float, source: complex, impedance: complex) -> float:
        """Voltage of the bus behind a source; NaN beyond the nose (see docs/stages.md, grid)."""
        square = abs(source) ** 2
        half = 0.5 * square - (impedance.real * power + impedance.imag * var)
        inside = half * half - abs(impedance) ** 2 * (power * power + var * var)
        return math.sqrt(half + math.sqrt(inside)) if inside >= 0.0 and half > 0.0 else math.nan

    def var_slope(self) -> float:
        """Rise of the bus voltage per unit of reactive power delivered there, pu."""
        step = _STEP
        up = self.voltage(self.power, self.var - step, self.source_pu, self.impedance)
        down = self.voltage(self.power, self.var + step, self.source_pu, self.impedance)
        return (up - down) / (2.0 * step)

    def power_of(self, own: complex, admittance: complex) -> float:
        """Active power that a unit behind an admittance delivers at its voltage phasor, pu; NaN for none."""
        total = admittance + 1.0 / self.impedance
        behind = (own * admittance + self.source_pu / self.impedance) / total
        size = self.voltage(self.power, self.var, behind, 1.0 / total)
        if math.isnan(size) or size <= 0.0:
            return math.nan
        current = complex(self.power, -self.var) / size
        bus = size * cmath.exp(1j * (cmath.phase(behind) - cmath.phase(size + current / total)))
        return float((bus * ((own - bus) * admittance).conjugate()).real)


def _network_record(scenario: Scenario) -> Any:
    record = np.zeros(1, dtype=dtypes.GridParams).view(np.recarray)[0]
    lowering.lower_network(record, scenario.model.grid, rated_power_w(scenario))
    return record


def way_of(scenario: Scenario) -> complex:
    """Impedance of cable and transformers between the POI and the site bus, pu."""
    record = _network_record(scenario)
    return complex(
        record.cable_resistance_pu + record.transformer_resistance_pu,
        record.cable_reactance_pu + record.transformer_reactance_pu,
    )


def network_of(scenario: Scenario, power_w: float, var: float) -> Network:
    """The network of a scenario with an active and reactive load at the bus, W and var."""
    grid = scenario.model.grid
    base_va = rated_power_w(scenario)
    record = _network_record(scenario)
    impedance = complex(record.resistance_pu, record.reactance_pu) + way_of(scenario)
    return Network(grid.source_voltage_pu, impedance, power_w / base_va, var / base_va, base_va)


def support_margin(scenario: Scenario, power_w: float, var: float) -> float:
    """Least margin of the loops of units that support the grid; 1 without any, NaN without a solution.

    Parameters
    ----------
    scenario : Scenario
    power_w, var : float
        What the network delivers to the bus at the operating point, W and var: the load less what the storage
        gives.
    """
    model = scenario.model
    network = network_of(scenario, power_w, var)
    slope = network.var_slope()
    if math.isnan(slope):
        return math.nan
    units = [
        (unit.support, unit.converter)
        for unit in model.storage.values()
        if unit.support is not None and unit.converter is not None and unit.forming is None
    ]
    if not units:
        return 1.0
    tick_s = model.simulation.tick_s
    by_frequency = margin(frequency_loop(model.grid, units, tick_s)[1])
    loop = voltage_loop(model.grid, network.base_va, units, tick_s)[1]
    # `voltage_loop` is closed by the reactance; at the operating point the slope takes its place.
    return min(by_frequency, margin(loop * (slope / network.impedance.imag)))


def forming_loop(scenario: Scenario, power_w: float, var: float, unit_w: float = 0.0) -> Complexes:
    """Loop gain of a grid-forming unit against the grid, sampled as the engine steps it.

    Parameters
    ----------
    scenario : Scenario
    power_w, var : float
        Load of the bus, W and var, taken as constant power.
    unit_w : float
        Power of the unit at the operating point, W.

    Notes
    -----
    The frequency of the unit is droop times (set power - power) behind a first-order filter; the angle is
    its integral, less that of the grid, which the unit's power moves too. With the synchronising power K:

        L(z) = K 2 pi f0 dt/(z - 1) (z R (1 - d)/(z - d)/P_r + G(z)/S),

    G the frequency of the area per unit of relief. Current limits, cells and secondary control are left out.
    NaN where the voltage has no solution at the operating point, or the unit no angle there.
    """
    model = scenario.model
    unit = next(unit for unit in model.storage.values() if unit.forming is not None)
    forming, converter = unit.forming, unit.converter
    assert forming is not None
    assert converter is not None
    network = network_of(scenario, power_w, var)
    set_pu = unit_w / network.base_va
    stiffness_w = _synchronising_pu(network, forming, converter, set_pu) * network.base_va
    tick_s, grid = model.simulation.tick_s, model.grid
    z = np.exp(2j * math.pi * 0.5 * np.logspace(-_DECADES, 0.0, _POINTS))
    decay = lowering.lag_decay(forming.power_filter_s, tick_s)
    droop = z * (forming.droop / converter.rated_power_w) * (1.0 - decay) / (z - decay)
    system = frequency.frequency_model(grid)
    relief = np.zeros(len(z), dtype=complex)
    if system.states:
        step, held = system.step(tick_s)
        inner = z[:, None, None] * np.eye(len(step)) - step
        relief = -(system.c[:1] @ np.linalg.solve(inner, held.astype(complex)[None]))[:, 0, 0]
    turn = 2.0 * math.pi * grid.nominal_frequency_hz * tick_s
    return np.asarray(stiffness_w * turn / (z - 1.0) * (droop + relief / grid.system_power_w))


def _synchronising_pu(
    network: Network, forming: models.Forming, converter: models.Converter, set_pu: float
) -> float:
    """dP/d(delta) of a unit at the angle at which it delivers its set power, pu per rad; NaN for none."""
    apparent_va = converter.apparent_power_va or converter.rated_power_w
    impedance = complex(forming.virtual_resistance, forming.virtual_reactance)
    admittance = apparent_va / network.base_va / impedance

    def power(angle: float) -> float:
        return network.power_of(forming.voltage_setpoint_pu * cmath.exp(1j * angle), admittance)

    angle, step = 0.0, 1e-4
    for _ in range(30):
        here = power(angle) - set_pu
        slope = (power(angle + step) - power(angle - step)) / (2.0 * step)
        if math.isnan(slope) or slope <= 0.0 or abs(angle) > math.pi / 2.0:
            return math.nan
        if abs(here) < 1e-9:
            return slope
        angle -= max(-0.2, min(0.2, here / slope))
    return math.nan


def forming_margin(scenario: Scenario, power_w: float, var: float, unit_w: float = 0.0) -> float:
    """Margin of the loop of a grid-forming unit; NaN where it has no operating point. See `forming_loop`."""
    loop = forming_loop(scenario, power_w, var, unit_w)
    return math.nan if np.isnan(loop).any() else margin(loop)
