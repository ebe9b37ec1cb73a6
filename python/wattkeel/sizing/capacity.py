"""Usable energy of a battery at a power, and how much of it to build for a duty at the end of its life."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wattkeel import battery_lowering
from wattkeel._generated.models import Battery
from wattkeel.sizing._input import Checks
from wattkeel.sizing.cells import CellCurves, cell_curves, dc_power, power_curve

if TYPE_CHECKING:
    from wattkeel import parameters

__all__ = ["Overbuild", "SizedBattery", "UsableEnergy", "overbuild", "required_battery", "usable_energy"]

_LARGEST_STRINGS = 1e12


@dataclass(frozen=True, slots=True)
class UsableEnergy:
    """Energy of one full discharge or charge at constant power.

    Parameters
    ----------
    energy_j
        At the point of use, J: behind the converter and after auxiliaries.
    terminal_energy_j
        At the terminals of the cells, J.
    chemical_energy_j
        Open-circuit voltage times charge, J.
    duration_s
        How long the power holds, s.
    soc_start, soc_end
        State of charge at its ends.
    limit
        What ends it: ``"window"`` (of SoC), ``"voltage"``, ``"current"`` (with derating) or ``"power"``.
    """

    energy_j: float
    terminal_energy_j: float
    chemical_energy_j: float
    duration_s: float
    soc_start: float
    soc_end: float
    limit: str


def usable_energy(
    battery: parameters.Battery,
    *,
    power_w: float,
    converter: parameters.Converter | None = None,
    auxiliary_power_w: float = 0.0,
    charging: bool = False,
    temperature_k: float = 298.15,
    soh_capacity: float | None = None,
    soh_resistance: float | None = None,
) -> UsableEnergy:
    """Energy from one end of the SoC window until the power no longer holds.

    Integral over the SoC of the settled model at constant power: charge is dz Q = i dt, and the power ends
    where the terminal voltage, the derated current or the largest power of the cells is met.

    Parameters
    ----------
    battery
        Parameters; its SoC window counts.
    power_w
        Power at the point of use, W, positive in either direction.
    converter
        Between cells and the point of use; None for one without loss.
    auxiliary_power_w
        Climate and other auxiliaries that the unit feeds itself, W.
    charging
        Energy taken from the lower end of the window, instead of given from the upper.
    temperature_k
        Temperature of the cells, K, held.
    soh_capacity, soh_resistance
        Capacity and resistance over those when new, in the ranges of a battery's own (0.05 to 1.2 and 0.5
        to 20), which count where not given.

    Raises
    ------
    ScenarioError
        An input is not valid, strings are unequal, or the power is beyond the converter.
    """
    check = Checks()
    _unit_checks(check, battery, converter, soh_capacity, soh_resistance)
    check.number("power_w", power_w, above=0.0)
    check.number("auxiliary_power_w", auxiliary_power_w, least=0.0)
    check.stop()
    if charging and power_w <= auxiliary_power_w:
        check.fault("power_w", power_w, "auxiliaries take it all", "give more than auxiliary_power_w")
    check.stop()
    aged = battery.model_copy(
        update={
            "soh_capacity": battery.soh_capacity if soh_capacity is None else soh_capacity,
            "soh_resistance": battery.soh_resistance if soh_resistance is None else soh_resistance,
        }
    )
    cell = cell_curves(aged, charging=charging, temperature_k=temperature_k)
    inner_w = power_w - auxiliary_power_w if charging else power_w + auxiliary_power_w
    terminal_w = abs(float(dc_power(converter, [-inner_w if charging else inner_w], power_w)[0]))
    return _until_a_limit(cell, terminal_w, power_w)


def _unit_checks(
    check: Checks, battery: object, converter: object, soh_capacity: object, soh_resistance: object
) -> None:
    """Faults of the parameters and ages of a unit."""
    check.battery(battery)
    check.converter(converter)
    for name, value in (("soh_capacity", soh_capacity), ("soh_resistance", soh_resistance)):
        if value is not None:
            check.within(name, value, Battery)


def _until_a_limit(cell: CellCurves, terminal_w: float, power_w: float) -> UsableEnergy:
    """Integrate from the start of the window to its end or to the first limit."""
    curve = power_curve(cell, terminal_w / cell.cells)
    order = slice(None) if cell.charging else slice(None, None, -1)
    soc, margin = cell.soc[order], curve.margin[order]
    seconds_per_soc = (cell.capacity_as / (curve.current_a * cell.charge_share))[order]
    ocv_v, limits = cell.ocv_v[order], curve.limit[order]
    below = np.flatnonzero(margin < 0.0)
    limit, last = "window", len(soc)
    if below.size:
        last = int(below[0])
        limit = limits[last]
        if last == 0:
            return UsableEnergy(0.0, 0.0, 0.0, 0.0, float(soc[0]), float(soc[0]), limit)
        # The limit lies between two points: straight lines between them.
        share = margin[last - 1] / (margin[last - 1] - margin[last])
        cut = [values[last - 1] + share * (values[last] - values[last - 1]) for values in
               (soc, seconds_per_soc, ocv_v)]  # fmt: skip
        soc, seconds_per_soc, ocv_v = (
            np.append(values[:last], end)
            for values, end in zip((soc, seconds_per_soc, ocv_v), cut, strict=True)
        )
    duration_s = abs(float(np.trapezoid(seconds_per_soc, soc)))
    charge_j = abs(float(np.trapezoid(ocv_v, soc))) * cell.capacity_as * cell.cells
    return UsableEnergy(
        energy_j=power_w * duration_s,
        terminal_energy_j=terminal_w * duration_s,
        chemical_energy_j=charge_j,
        duration_s=duration_s,
        soc_start=float(soc[0]),
        soc_end=float(soc[-1]),
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Overbuild:
    """Energy and power to build when new.

    Parameters
    ----------
    energy_j
        Nominal energy of all cells, J.
    power_w
        Power at the terminals of the cells, with strings missing, W.
    factor
        Nominal energy over the energy wanted.
    window, fade, loss, auxiliary, availability
        Factors whose product it is: SoC window, capacity fade, discharge loss, auxiliaries, strings that
        may be missing.
    """

    energy_j: float
    power_w: float
    factor: float
    window: float
    fade: float
    loss: float
    auxiliary: float
    availability: float


def overbuild(
    *,
    energy_j: float,
    power_w: float,
    soc_window: float = 1.0,
    fade: float = 0.0,
    round_trip_efficiency: float = 1.0,
    discharge_efficiency: float | None = None,
    auxiliary_power_w: float = 0.0,
    availability: float = 1.0,
) -> Overbuild:
    """Nominal energy when new for an energy and a power at the point of interconnection at the end of life.

    nominal = (E + A E/P) / (discharge efficiency x window x (1 - fade) x availability), A being the
    auxiliaries that the unit feeds during the discharge of E/P seconds.

    Parameters
    ----------
    energy_j, power_w : float
        Energy and power wanted at the end of life, J and W.
    soc_window : float
        Share of the capacity that is used, above 0 to 1.
    fade : float
        Share of the capacity lost at the end of life, 0 to below 1.
    round_trip_efficiency : float
        From grid to grid; its root is taken for the discharge where ``discharge_efficiency`` is not given.
    discharge_efficiency : float, optional
        From open-circuit energy to the grid.
    auxiliary_power_w : float
        Auxiliaries that the unit feeds itself while it delivers, W.
    availability : float
        Share of the strings that serve, above 0 to 1.

    Raises
    ------
    ScenarioError
        An input is out of range.
    """
    check = Checks()
    check.number("energy_j", energy_j, above=0.0)
    check.number("power_w", power_w, above=0.0)
    check.efficiency("soc_window", soc_window)
    check.number("fade", fade, least=0.0, most=1.0 - 1e-9)
    check.efficiency("round_trip_efficiency", round_trip_efficiency)
    if discharge_efficiency is not None:
        check.efficiency("discharge_efficiency", discharge_efficiency)
    check.number("auxiliary_power_w", auxiliary_power_w, least=0.0)
    check.efficiency("availability", availability)
    check.stop()
    way_out = math.sqrt(round_trip_efficiency) if discharge_efficiency is None else discharge_efficiency
    auxiliary = 1.0 + auxiliary_power_w / power_w
    factor = auxiliary / (way_out * soc_window * (1.0 - fade) * availability)
    return Overbuild(
        energy_j=factor * energy_j,
        power_w=power_w * auxiliary / (way_out * availability),
        factor=factor,
        window=1.0 / soc_window,
        fade=1.0 / (1.0 - fade),
        loss=1.0 / way_out,
        auxiliary=auxiliary,
        availability=1.0 / availability,
    )


@dataclass(frozen=True, slots=True)
class SizedBattery:
    """A battery that is just large enough.

    Parameters
    ----------
    strings
        Parallel strings, not rounded, those that may be missing included.
    nominal_energy_j
        Nominal energy of all cells, J.
    factor
        Nominal energy over the energy wanted.
    usable
        What the strings that serve give at the end of life.
    """

    strings: float
    nominal_energy_j: float
    factor: float
    usable: UsableEnergy


def required_battery(
    battery: parameters.Battery,
    *,
    energy_j: float,
    power_w: float,
    converter: parameters.Converter | None = None,
    auxiliary_power_w: float = 0.0,
    availability: float = 1.0,
    temperature_k: float = 298.15,
    soh_capacity: float | None = None,
    soh_resistance: float | None = None,
) -> SizedBattery:
    """Least number of strings that still gives an energy at a power at the end of life.

    Bisection on `usable_energy`, which holds all limits of the model: a smaller battery works at a higher
    rate, where voltage and current limits end it earlier.

    Parameters
    ----------
    battery
        Cells; their number does not count.
    energy_j, power_w
        Energy and power wanted at the point of use, J and W.
    availability
        Share of the strings that serve, above 0 to 1.
    converter, auxiliary_power_w, temperature_k, soh_capacity, soh_resistance
        As in `usable_energy`.

    Raises
    ------
    ScenarioError
        An input is not valid, strings are unequal, or no size gives the energy.
    """
    check = Checks()
    check.number("energy_j", energy_j, above=0.0)
    check.number("power_w", power_w, above=0.0)
    check.number("auxiliary_power_w", auxiliary_power_w, least=0.0)
    check.efficiency("availability", availability)
    _unit_checks(check, battery, converter, soh_capacity, soh_resistance)
    check.stop()

    def of(strings: float) -> UsableEnergy:
        return usable_energy(
            battery.model_copy(update={"strings": strings, "energy_j": 0.0}),
            power_w=power_w,
            converter=converter,
            auxiliary_power_w=auxiliary_power_w,
            temperature_k=temperature_k,
            soh_capacity=soh_capacity,
            soh_resistance=soh_resistance,
        )

    string_j = battery.cells_series * battery.cell_voltage_v * battery.cell_capacity_ah * 3600.0
    low, high = 0.0, energy_j / string_j
    while of(high).energy_j < energy_j:
        low, high = high, 2.0 * high
        if high > _LARGEST_STRINGS:
            check.fault("energy_j", energy_j, "no size of this battery gives it", "look at the SoC window")
            check.stop()
    while True:
        middle = 0.5 * (low + high)
        if not low < middle < high or high - low <= 1e-12 * high:
            break
        if of(middle).energy_j < energy_j:
            low = middle
        else:
            high = middle
    total = high / availability
    built = battery.model_copy(update={"strings": total, "energy_j": 0.0})
    nominal_j = battery_lowering.battery_strings(built) * string_j
    return SizedBattery(total, nominal_j, nominal_j / energy_j, of(high))
