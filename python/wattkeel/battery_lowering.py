"""From a battery's parameters to the records, tables and cell matrix of the core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel._generated import dtypes, models
from wattkeel.lowering import fill

Floats = NDArray[np.float64]

BRANCHES = 4
# Even grids that are tried for tables whose points are uneven, coarsest first; the last one takes all.
_INTERVALS: tuple[int, ...] = (*range(1, 17), 20, 25, 40, 50, 100, 200, 250, 400, 500, 1000)
_ON_GRID = 1e-9


class SlowTable(NamedTuple):
    """Quantities over SoC and temperature on even grids; see ``SLOW_STATE`` for the values at a point."""

    values: Floats  # temperatures x SoC points x SLOW_ROWS
    least_k: float  # lowest temperature of the grid
    per_k: float  # intervals per kelvin


def battery_strings(battery: models.Battery) -> float:
    """Parallel strings, given or from the nominal energy; not rounded, so that a size can be swept."""
    return battery.strings or battery.energy_j / string_energy_j(battery)


def string_energy_j(battery: models.Battery) -> float:
    """Nominal energy of a string when new, J."""
    return battery.cells_series * battery.cell_voltage_v * battery.cell_capacity_ah * 3600.0


def string_groups(battery: models.Battery) -> int:
    """Groups of unequal strings, at least one."""
    return max(1, len(battery.string_share))


def even_ocv_table(battery: models.Battery) -> Floats:
    """Cell OCV on an even SoC grid from 0 to 1: the table itself where it is even, else 1000 intervals."""
    if len(battery.ocv_soc) < 2:
        raise ValueError("a battery needs an OCV table of at least two points")
    soc = np.asarray(battery.ocv_soc, dtype=np.float64)
    ocv_v = np.asarray(battery.ocv_v, dtype=np.float64)
    grid = np.linspace(0.0, 1.0, len(soc))
    if np.allclose(soc, grid, rtol=0.0, atol=_ON_GRID):
        return ocv_v
    return np.interp(np.linspace(0.0, 1.0, _even_intervals(soc) + 1), soc, ocv_v)


def _even_intervals(shares: Floats) -> int:
    """Fewest intervals of an even grid over 0 to 1 that holds all points, or the most there are."""
    for intervals in _INTERVALS:
        places = shares * intervals
        if np.abs(places - np.round(places)).max(initial=0.0) <= _ON_GRID * intervals:
            return intervals
    return _INTERVALS[-1]


def _grid(tables: Sequence[Sequence[float]]) -> Floats:
    """Even SoC grid that holds the points of all tables."""
    points = np.concatenate([np.asarray(table, dtype=np.float64) for table in tables])
    return np.linspace(0.0, 1.0, _even_intervals(points) + 1)


def _warm_grid(tables: Sequence[Sequence[float]], elsewhere_k: float) -> Floats:
    """Even grid of temperatures that holds the points of all tables; at least two of them."""
    points = np.concatenate([np.asarray(table, dtype=np.float64) for table in tables])
    if not points.size:
        points = np.array([elsewhere_k])
    least, most = float(points.min()), float(points.max())
    if least == most:
        return np.array([least, least + 1.0])
    return np.linspace(least, most, _even_intervals((points - least) / (most - least)) + 1)


def _between(grid: Floats, points: Sequence[float], values: Sequence[float], missing: float) -> Floats:
    """Values on the grid, held beyond the ends of the table; ``missing`` where there is none."""
    return np.interp(grid, points, values) if len(points) else np.full(len(grid), missing)


def _resistances(battery: models.Battery, values: ArrayLike, soc: Floats, kelvin: Floats) -> Floats:
    """A table over SoC and temperature on the grids, shape (temperatures, SoC points), ohm."""
    shape = (len(battery.resistance_soc), len(battery.resistance_temperature_k))
    table = np.asarray(values, dtype=np.float64).reshape(shape)
    by_soc = _rows_between(soc, battery.resistance_soc, table)
    return _rows_between(kelvin, battery.resistance_temperature_k, by_soc.T)


def _rows_between(grid: Floats, points: Sequence[float], rows: Floats) -> Floats:
    """Rows of a table at the points of a grid, linear between its own and held beyond their ends."""
    if len(points) == 1:
        return np.tile(rows, (len(grid), 1))
    place = np.interp(grid, points, np.arange(len(points), dtype=np.float64))
    left = np.minimum(place.astype(np.int64), len(points) - 2)
    share = (place - left)[:, np.newaxis]
    between: Floats = rows[left] * (1.0 - share) + rows[left + 1] * share
    return between


def _branch_resistances(battery: models.Battery, soc: Floats, kelvin: Floats) -> list[Floats]:
    """Resistance of each slower branch on the grids, ohm; a branch has one value or a table."""
    branches = len(battery.rc_time_constant_s)
    values = np.asarray(battery.rc_resistance_ohm, dtype=np.float64)
    if len(values) == branches:
        return [np.full((len(kelvin), len(soc)), value) for value in values]
    return [_resistances(battery, part, soc, kelvin) for part in np.split(values, branches)]


def slow_table(battery: models.Battery) -> SlowTable:
    """Resistances, hysteresis, entropy and derating of a cell over SoC and temperature."""
    soc = _grid([battery.resistance_soc, battery.hysteresis_soc, battery.entropy_soc, battery.derate_soc])
    kelvin = _warm_grid(
        [battery.resistance_temperature_k, battery.derate_temperature_k], battery.reference_temperature_k
    )
    table = np.zeros((len(kelvin), len(soc), dtypes.SLOW_ROWS))
    table[:, :, dtypes.SLOW_DISCHARGE_OHM] = battery.cell_resistance_ohm
    table[:, :, dtypes.SLOW_CHARGE_OHM] = battery.cell_resistance_ohm
    if battery.resistance_discharge_ohm:
        table[:, :, dtypes.SLOW_DISCHARGE_OHM] = _resistances(
            battery, battery.resistance_discharge_ohm, soc, kelvin
        )
        charge = battery.resistance_charge_ohm or battery.resistance_discharge_ohm
        table[:, :, dtypes.SLOW_CHARGE_OHM] = _resistances(battery, charge, soc, kelvin)
    for k, values in enumerate(_branch_resistances(battery, soc, kelvin)):
        table[:, :, dtypes.SLOW_BRANCH_1_OHM + k] = values
    table[:, :, dtypes.SLOW_WIDTH_V] = battery.hysteresis_scale * _between(
        soc, battery.hysteresis_soc, battery.hysteresis_v, 0.0
    )
    table[:, :, dtypes.SLOW_ENTROPY_V_PER_K] = _between(
        soc, battery.entropy_soc, battery.entropy_v_per_k, 0.0
    )
    warm, points = battery.derate_temperature_k, battery.derate_soc
    for column, over_k, over_soc in (
        (dtypes.SLOW_DISCHARGE_SHARE, battery.derate_discharge, battery.derate_soc_discharge),
        (dtypes.SLOW_CHARGE_SHARE, battery.derate_charge, battery.derate_soc_charge),
    ):
        by_soc = _between(soc, points, over_soc, 1.0)
        table[:, :, column] = np.outer(_between(kelvin, warm, over_k, 1.0), by_soc)
    return SlowTable(table, float(kelvin[0]), (len(kelvin) - 1) / float(kelvin[-1] - kelvin[0]))


def lower_battery(
    record: Any,
    battery: models.Battery,
    container: models.Container | None,
    first: tuple[int, int],
    tick_s: float,
) -> Floats:
    """Cells as strings of an equivalent circuit.

    Parameters
    ----------
    record
        ``BatteryParams`` to fill.
    battery, container
        Parameters; without a container the air keeps its temperature.
    first
        Place of the tables in the table pool, and of the groups in the cell matrix.
    tick_s
        Length of a tick, s.

    Returns
    -------
    ndarray
        Tables of this battery for the pool.
    """
    fill(record, battery)
    ocv, slow = even_ocv_table(battery), slow_table(battery)
    record.dt_s = tick_s
    record.series = float(battery.cells_series)
    record.groups = string_groups(battery)
    record.per_volt = 1.0 / (battery.cells_series * battery.cell_voltage_v)
    record.ocv_first, record.first = first
    record.ocv_intervals = len(ocv) - 1
    pieces = straight_pieces(battery.cells_series * ocv)
    record.mean_ocv = 0.0 if battery.hold_ocv else 0.5
    record.slow_first = first[0] + pieces.size
    record.slow_intervals = slow.values.shape[1] - 1
    record.slow_warm_intervals = slow.values.shape[0] - 1
    record.slow_first_k, record.slow_per_k = slow.least_k, slow.per_k
    given_k = battery.resistance_temperature_k or (-math.inf, math.inf)
    record.table_least_k, record.table_most_k = given_k[0], given_k[-1]
    _lower_branches(record, battery, tick_s)
    record.charge_share = battery.coulombic_efficiency
    record.per_charge_share = 1.0 / battery.coulombic_efficiency
    record.leak_per_s = -math.expm1(-battery.self_discharge_per_s * tick_s) / tick_s
    record.reference_k = battery.reference_temperature_k
    record.charge_limit_c, record.discharge_limit_c = battery.max_charge_c, battery.max_discharge_c
    record.voltage_min_v = battery.cells_series * battery.cell_voltage_min_v
    record.voltage_max_v = battery.cells_series * battery.cell_voltage_max_v
    _lower_heat(record, battery, container, tick_s)
    return np.concatenate((pieces.reshape(-1), slow.values.reshape(-1)))


def straight_pieces(values: Floats) -> Floats:
    """Values on an even grid from 0 to 1 as straight pieces: value at 0 and slope; the last one twice."""
    intervals = len(values) - 1
    slope = np.diff(values) * intervals
    at_zero = values[:-1] - slope * (np.arange(intervals) / intervals)
    pieces = np.stack((at_zero, slope), axis=1)
    return np.concatenate((pieces, pieces[-1:]))


def _lower_branches(record: Any, battery: models.Battery, tick_s: float) -> None:
    record.transfer_share = battery.transfer_fraction
    record.ohmic_share = 1.0 - battery.transfer_fraction
    times_s = [battery.transfer_time_constant_s, *battery.rc_time_constant_s]
    for k in range(BRANCHES):
        if k >= len(times_s):
            continue
        x = tick_s / times_s[k]
        record.rise[k] = -math.expm1(-x)
        record.hold[k] = record.rise[k] / x
        record.half_tau_per_tick[k] = 0.5 / x
    rate = battery.hysteresis_rate
    record.hysteresis_per_soc = rate
    record.hysteresis_w = 3600.0 / (2.0 * rate * tick_s) if rate > 0.0 else 0.0


def refresh_ticks(battery: models.Battery, tick_s: float) -> int:
    """Ticks between two renewals of the slow quantities, at least one."""
    return max(1, round(battery.refresh_s / tick_s))


def _lower_heat(
    record: Any, battery: models.Battery, container: models.Container | None, tick_s: float
) -> None:
    record.refresh_tick = refresh_ticks(battery, tick_s)
    period_s = record.refresh_tick * tick_s
    record.refresh_per_s = 1.0 / period_s
    record.heat_j_per_k = battery.cells_series * battery.cell_heat_capacity_j_per_k
    record.heat_w_per_k = battery.cells_series * battery.cell_heat_transfer_w_per_k
    record.warm_k_per_w = rise_per_watt(record.heat_j_per_k, record.heat_w_per_k, period_s)
    record.contained = 0 if container is None else 1


def rise_per_watt(heat_j_per_k: float, loss_w_per_k: float, period_s: float) -> float:
    """Rise of a thermal node in a period per watt of constant heat, exact, K/W; 0 without heat capacity."""
    if heat_j_per_k <= 0.0:
        return 0.0
    if loss_w_per_k <= 0.0:
        return period_s / heat_j_per_k
    return -math.expm1(-period_s * loss_w_per_k / heat_j_per_k) / loss_w_per_k


def containers(battery: models.Battery, container: models.Container) -> float:
    """How many containers of its size the battery fills; not rounded, so that a size can be swept."""
    nominal_j = battery_strings(battery) * string_energy_j(battery)
    return nominal_j / container.energy_j if container.energy_j > 0.0 else 1.0


def lower_container(record: Any, battery: models.Battery, container: models.Container, tick_s: float) -> None:
    """Climate of all containers of a battery together."""
    fill(record, container)
    scale = containers(battery, container)
    record.wall_core_w_per_k = scale * container.wall_w_per_k
    record.cooling_core_w = scale * container.cooling_power_w
    record.heating_core_w = scale * container.heating_power_w
    record.auxiliary_core_w = scale * container.auxiliary_power_w
    period_s = refresh_ticks(battery, tick_s) * tick_s
    record.air_w_per_k = scale * container.heat_capacity_j_per_k / period_s


def start_battery(
    state: Any,
    cell: Floats,
    battery: models.Battery,
    container: models.Container | None,
    tick_s: float,
    soc_initial: ArrayLike | None = None,
) -> None:
    """State before the first tick.

    Parameters
    ----------
    state
        ``BatteryState`` to fill.
    cell
        Its cell matrix, shape (CELL_ROWS, groups); or (CELL_ROWS, batteries) for many that are alike.
    battery, container
        Parameters.
    tick_s
        Length of a tick, s.
    soc_initial
        SoC in place of that of the parameters, one or one for each column.
    """
    state.held_tick = -1
    state.air_k = container.temperature_initial_k if container else battery.air_temperature_k
    state.auxiliary_w = containers(battery, container) * container.auxiliary_power_w if container else 0.0
    ones = (1.0,) * string_groups(battery)
    share = np.asarray(battery.string_share or ones) / math.fsum(battery.string_share or ones)
    factor = np.asarray(battery.string_capacity or ones, dtype=np.float64)
    capacity_ah = battery.cell_capacity_ah * battery.soh_capacity * factor
    difference = np.asarray(battery.string_soc or (0.0,))
    begin = battery.soc_initial if soc_initial is None else soc_initial
    cell[dtypes.CELL_STRINGS] = battery_strings(battery) * share
    cell[dtypes.CELL_PER_STRINGS] = 1.0 / cell[dtypes.CELL_STRINGS]
    cell[dtypes.CELL_CAPACITY_AH] = capacity_ah
    cell[dtypes.CELL_CHARGE_PER_TICK] = tick_s / (3600.0 * capacity_ah)
    cell[dtypes.CELL_CURRENT_PER_SOC_A] = 3600.0 * capacity_ah / tick_s
    spread = np.asarray(battery.string_resistance or ones, dtype=np.float64)
    cell[dtypes.CELL_RESISTANCE_SCALE] = battery.soh_resistance * spread
    cell[dtypes.CELL_SOC] = np.clip(np.asarray(begin, dtype=np.float64) + difference, 0.0, 1.0)
    cell[dtypes.CELL_TEMPERATURE_K] = battery.temperature_initial_k
    width_v = (
        battery.cells_series
        * battery.hysteresis_scale
        * np.interp(cell[dtypes.CELL_SOC], battery.hysteresis_soc or (0.0,), battery.hysteresis_v or (0.0,))
    )
    cell[dtypes.CELL_HYSTERESIS] = battery.hysteresis_initial * np.sqrt(width_v)
