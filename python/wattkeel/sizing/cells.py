"""A battery at constant power without dynamics: what sizing needs of the model, over the SoC.

The same tables, limits and ages as in the engine, at one temperature; branches have settled, hysteresis is
fully turned over, strings are equal. Current is positive in the direction asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wattkeel import battery_lowering, stages
from wattkeel.cell_checks import battery_faults
from wattkeel.sizing._input import Checks, Floats

if TYPE_CHECKING:
    from wattkeel import parameters

__all__ = ["CellCurves", "PowerCurve", "cell_curves", "dc_power", "power_curve"]

_POINTS = 2001
# Columns of the engine's table of slow quantities (see `prototype.battery.SLOW_COUNT`).
_DISCHARGE_OHM, _CHARGE_OHM, _BRANCHES, _HYSTERESIS_V, _ENTROPY, _DISCHARGE, _CHARGE = (
    0,
    1,
    (2, 3, 4),
    5,
    6,
    7,
    8,
)


@dataclass(frozen=True, slots=True)
class CellCurves:
    """One cell in one direction over the SoC window of its battery; arrays of shape (points,).

    Parameters
    ----------
    soc
        From the lower to the upper end of the window.
    emf_v
        Voltage behind the resistance: open circuit, less (discharge) or plus (charge) hysteresis, V.
    ocv_v
        Open-circuit voltage at the temperature, V.
    resistance_ohm
        Sum of all resistances, aged, ohm.
    current_a
        Current limit, derated, A.
    capacity_as
        Capacity of a cell, aged, As.
    cells
        Cells of the battery; all carry the same power.
    voltage_v
        Terminal voltage limit of a cell in this direction, V.
    charging
        Direction.
    charge_share
        Share of the charge that is stored: the coulombic efficiency in charge, 1 in discharge.
    """

    soc: Floats
    emf_v: Floats
    ocv_v: Floats
    resistance_ohm: Floats
    current_a: Floats
    capacity_as: float
    cells: float
    voltage_v: float
    charging: bool
    charge_share: float


def cell_curves(
    battery: parameters.Battery,
    *,
    charging: bool,
    temperature_k: float = 298.15,
    soc_low: float | None = None,
    soc_high: float | None = None,
) -> CellCurves:
    """Curves of a cell of a battery in one direction.

    Parameters
    ----------
    battery
        Parameters, with their ages ``soh_capacity`` and ``soh_resistance``.
    charging
        Direction.
    temperature_k
        Temperature of the cells, K.
    soc_low, soc_high
        Ends of the window; those of the battery where not given.

    Raises
    ------
    ScenarioError
        The battery or an input is not valid, or its strings are unequal.
    """
    check = Checks()
    if check.battery(battery):
        check.faults += battery_faults("battery", battery)
        check.alike(battery)
    check.number("temperature_k", temperature_k, least=150.0, most=500.0)
    check.stop()
    low = check.number("soc_low", battery.soc_min if soc_low is None else soc_low, least=0.0, most=1.0)
    high = check.number("soc_high", battery.soc_max if soc_high is None else soc_high, above=low, most=1.0)
    check.stop()
    soc = np.linspace(low, high, _POINTS)
    slow = battery_lowering.slow_table(battery)
    kelvin = slow.least_k + np.arange(slow.values.shape[0]) / slow.per_k
    grid = np.linspace(0.0, 1.0, slow.values.shape[1])
    warm = float(np.interp(temperature_k, kelvin, np.arange(len(kelvin))))
    row = min(int(warm), len(kelvin) - 2)
    table = slow.values[row] + (slow.values[row + 1] - slow.values[row]) * (warm - row)
    column = {k: np.interp(soc, grid, table[:, k]) for k in range(table.shape[1])}
    ocv = battery_lowering.even_ocv_table(battery)
    ocv_v = np.interp(soc, np.linspace(0.0, 1.0, len(ocv)), ocv)
    ocv_v = ocv_v + (temperature_k - battery.reference_temperature_k) * column[_ENTROPY]
    sign = 1.0 if charging else -1.0
    ohm = column[_CHARGE_OHM if charging else _DISCHARGE_OHM] + sum(column[k] for k in _BRANCHES)
    capacity_ah = battery.cell_capacity_ah * battery.soh_capacity
    rate = battery.max_charge_c if charging else battery.max_discharge_c
    return CellCurves(
        soc=soc,
        emf_v=ocv_v + sign * column[_HYSTERESIS_V],
        ocv_v=ocv_v,
        resistance_ohm=ohm * battery.soh_resistance,
        current_a=rate * capacity_ah * column[_CHARGE if charging else _DISCHARGE],
        capacity_as=3600.0 * capacity_ah,
        cells=battery.cells_series * battery_lowering.battery_strings(battery),
        voltage_v=battery.cell_voltage_max_v if charging else battery.cell_voltage_min_v,
        charging=charging,
        charge_share=battery.coulombic_efficiency if charging else 1.0,
    )


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """A cell at one terminal power over the SoC; arrays of shape (points,).

    Parameters
    ----------
    current_a, voltage_v
        Current and terminal voltage, A and V; where the power cannot be given, those of its largest value.
    margin
        The least distance from a limit, relative; below 0 the power cannot be held.
    limit
        Which limit that is: ``"current"``, ``"voltage"`` or ``"power"`` (there is no solution).
    """

    current_a: Floats
    voltage_v: Floats
    margin: Floats
    limit: list[str]


def power_curve(cell: CellCurves, power_w: float) -> PowerCurve:
    """A cell at constant terminal power.

    Discharge P = (E - R i) i has the root 2P/(E + sqrt(E^2 - 4 R P)) up to E^2/(4 R); charge P = (E + R i) i
    has 2P/(E + sqrt(E^2 + 4 R P)).

    Parameters
    ----------
    cell
        Its curves.
    power_w
        Power of one cell at its terminals, W, at least 0.
    """
    sign = 1.0 if cell.charging else -1.0
    square = cell.emf_v**2 + sign * 4.0 * cell.resistance_ohm * power_w
    current_a = 2.0 * power_w / (cell.emf_v + np.sqrt(np.maximum(square, 0.0)))
    voltage_v = cell.emf_v + sign * cell.resistance_ohm * current_a
    margins = np.stack(
        (
            (cell.current_a - current_a) / (cell.capacity_as / 3600.0),
            sign * (cell.voltage_v - voltage_v) / cell.voltage_v,
            square / cell.emf_v**2,
        )
    )
    names = ("current", "voltage", "power")
    return PowerCurve(
        current_a=current_a,
        voltage_v=voltage_v,
        margin=margins.min(axis=0),
        limit=[names[k] for k in margins.argmin(axis=0)],
    )


def dc_power(
    converter: parameters.Converter | None, power_w: ArrayLike, asked_w: float | None = None
) -> Floats:
    """Settled power on the DC side for powers at the AC side, positive in discharge, W.

    Parameters
    ----------
    converter
        Its parameters; None for one without loss.
    power_w : array_like, shape (n,)
        Power at the AC side, W.
    asked_w
        What the user gave, where the powers are more or less than that by auxiliaries.

    Raises
    ------
    ScenarioError
        A power is beyond the rating.
    """
    check = Checks()
    check.converter(converter)
    wanted_w = check.series("power_w", np.atleast_1d(np.asarray(power_w, dtype=np.float64)))
    check.stop()
    if converter is None:
        return wanted_w
    settled = converter.model_copy(update={"delay_s": 0.0, "time_constant_s": 0.0, "ramp_w_per_s": math.inf})
    run = stages.converter(settled, command_w=wanted_w, time_step_s=1.0)
    beyond = np.abs(run.power_w - wanted_w) > 1e-9 * converter.rated_power_w
    if beyond.any():
        at = int(np.flatnonzero(beyond)[0])
        remedy = f"stay within {converter.rated_power_w:g} W or give a larger converter"
        value, message = float(wanted_w[at]), "beyond the rating of the converter"
        if asked_w is not None and asked_w != abs(value):
            message = f"with auxiliaries {abs(value):g} W, {message}"
        check.fault("power_w", value if asked_w is None else asked_w, message, remedy)
    check.stop()
    return run.dc_power_w
