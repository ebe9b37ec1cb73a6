"""The battery alone: one unit of strings, or many batteries side by side; see ``wattkeel.stages.battery``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wattkeel import battery_lowering, stages
from wattkeel._generated import dtypes
from wattkeel.cell_checks import battery_faults
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import Floats, aligned_zeros, records

if TYPE_CHECKING:
    from wattkeel import parameters
    from wattkeel.ageing import Stress

# POWER, CURRENT and VOLTAGE of prototype/battery.py, which loads Numba and so is not imported here.
_MODES = {"power_w": 0, "current_a": 1, "voltage_v": 2}
_OUTPUTS = 10


class Unit(NamedTuple):
    """One battery, or many side by side, as the kernels take it."""

    record: Any  # BatteryParams
    state: Any  # BatteryState
    climate: Any  # ContainerParams
    table: Floats
    cell: Floats  # (CELL_ROWS, groups of strings or batteries)


def prepare(
    params: parameters.Battery,
    container: parameters.Container | None,
    step_s: float,
    batteries: int | None = None,
    soc_initial: ArrayLike | None = None,
) -> Unit:
    """A battery before its first tick; with ``batteries``, as many that stand alone."""
    record, state, climate = (
        records(dtype, 1) for dtype in (dtypes.BatteryParams, dtypes.BatteryState, dtypes.ContainerParams)
    )
    table = battery_lowering.lower_battery(record[0], params, container, (0, 0), step_s)
    if container is not None:
        battery_lowering.lower_container(climate[0], params, container, step_s)
    cell = aligned_zeros(dtypes.CELL_ROWS, batteries or int(record[0].groups))
    soc = None if soc_initial is None else _soc(soc_initial, cell[0])
    battery_lowering.start_battery(state[0], cell, params, container, step_s, soc)
    return Unit(record, state, climate, table, cell)


def run(
    params: parameters.Battery,
    drive: Mapping[str, ArrayLike | None],
    time_step_s: float,
    container: parameters.Container | None,
    soc_initial: ArrayLike | None,
    ageing: parameters.Ageing | None,
    every: int,
    engine: str,
) -> stages.BatteryRun:
    """Check the input and run the kernels; parameters as in ``wattkeel.stages.battery``."""
    name, command = _command(drive)
    step_s = stages.positive("time_step_s", time_step_s)
    faults = battery_faults("params", params)
    if not isinstance(every, int) or not 1 <= every <= len(command):
        remedy = f"give a whole number from 1 to {len(command)}"
        faults.append(
            Fault("every", every, "must be a whole number of ticks, no more than there are", remedy)
        )
    if command.ndim == 2:
        faults += _alone(params, container, ageing)
    if faults:
        raise ScenarioError(faults)
    columns = command.shape[1] if command.ndim == 2 else None
    unit = prepare(params, container, step_s, columns, soc_initial)
    one = [stages.one(array, engine) for array in unit[:3]]
    shape = (len(command) // every, *command.shape[1:])
    out: list[Any] = [np.zeros(shape) for _ in range(_OUTPUTS)]
    if command.ndim == 2:
        climate_w, met = out.pop(), np.zeros(shape)
        stages.kernel("batteries_run", engine)(
            len(command), every, columns, *one, _MODES[name], unit.cell, unit.table, command, *out, met
        )
        return stages.BatteryRun(*[*out, climate_w, met.astype(np.int64)])
    limited = np.zeros(shape, dtype=np.int64)
    counting = _counting(unit, params, ageing)
    stages.kernel("battery_run", engine)(
        len(command), every, *one, _MODES[name], unit.cell, unit.table, *counting.arguments(engine),
        command, *out, limited,
    )  # fmt: skip
    return stages.BatteryRun(*[*out, limited, _stress(counting)])


class Counting(NamedTuple):
    """Buffers that count the stress of a battery, as the kernel takes them."""

    counted: int
    params: Any  # StressParams
    state: Any  # StressState
    counter: Floats
    log: Floats

    def arguments(self, engine: str) -> list[Any]:
        """Arguments of ``battery_run``."""
        records_of = [stages.one(array, engine) for array in (self.params, self.state)]
        return [self.counted, *records_of, self.counter, self.log]


def uncounted() -> Counting:
    """No counting: buffers that the kernel does not touch."""
    params, state = (records(dtype, 1) for dtype in (dtypes.StressParams, dtypes.StressState))
    return Counting(0, params, state, np.zeros(1), np.zeros(1))


def _counting(unit: Unit, params: parameters.Battery, ageing: parameters.Ageing | None) -> Counting:
    if ageing is None:
        return uncounted()
    from wattkeel.ageing import Counter

    soc, kelvin = (float(unit.cell[row, 0]) for row in (dtypes.CELL_SOC, dtypes.CELL_TEMPERATURE_K))
    begun = Counter(soc, kelvin, ageing, soh_capacity=params.soh_capacity)
    return Counting(1, begun.params, begun.state, begun.counter, begun.log)


def _stress(counting: Counting) -> Stress | None:
    if counting.counted == 0:
        return None
    from wattkeel.ageing.stress import stress_of

    return stress_of(counting.state, counting.counter)


def _command(drive: Mapping[str, ArrayLike | None]) -> tuple[str, Floats]:
    given = {name: values for name, values in drive.items() if values is not None}
    if len(given) != 1:
        message = "give exactly one of power_w, current_a and voltage_v"
        raise ScenarioError([Fault("power_w", list(given) or None, "what drives it is not clear", message)])
    name = next(iter(given))
    return name, stages.series(name, given[name], lanes=True)


def _alone(
    params: parameters.Battery, container: parameters.Container | None, ageing: parameters.Ageing | None
) -> list[Fault]:
    """What many batteries side by side cannot have."""
    faults = []
    if container is not None:
        faults.append(Fault("container", "given", "only one battery has a container", "run them one by one"))
    if ageing is not None:
        faults.append(Fault("ageing", "given", "stress is counted for one battery", "run them one by one"))
    if battery_lowering.string_groups(params) > 1:
        message = "batteries side by side have equal strings"
        faults.append(Fault("params.string_share", params.string_share, message, "run them one by one"))
    return faults


def _soc(values: ArrayLike, like: Floats) -> Floats:
    soc = np.asarray(values, dtype=np.float64)
    if soc.ndim > 1 or soc.shape not in ((), like.shape) or not ((soc >= 0.0) & (soc <= 1.0)).all():
        remedy = f"give one number or {len(like)}, from 0 to 1"
        raise ScenarioError([Fault("soc_initial", values, "is not a state of charge for each", remedy)])
    return np.broadcast_to(soc, like.shape)
