"""Every stage alone, on arrays: parameters first, inputs as keyword arrays, a frozen record of arrays back.

    >>> import numpy as np, wattkeel as wk  # doctest: +SKIP
    >>> cell = wk.parameters.Battery(strings=1, cells_series=1, cell_capacity_ah=100.0, ...)  # doctest: +SKIP
    >>> wk.stages.battery(cell, power_w=np.full(1000, 300.0), time_step_s=1e-3).voltage_v  # doctest: +SKIP

Each function runs the kernels that a whole site runs. Arrays are float64 with one value per tick, held over
the tick. ``engine`` is "native" (C++) or "numba" (prototypes); both give the same bits. A wrong input raises
``ScenarioError``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import lowering
from wattkeel._generated import dtypes
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import records

if TYPE_CHECKING:
    from wattkeel import parameters

Floats = NDArray[np.float64]

__all__ = [
    "battery",
    "control",
    "converter",
    "cooling",
    "distribution",
    "gpu",
    "grid",
    "rack",
    "supercapacitor",
    "workload",
]


@dataclass(frozen=True, slots=True)
class WorkloadRun:
    """Demand of a job: ``demand_power_w`` (ticks, racks), W per GPU."""

    demand_power_w: Floats


@dataclass(frozen=True, slots=True)
class GpuRun:
    """Power of a GPU, its part without work, demand not served, and overshoot; shapes as the demand, W."""

    power_w: Floats
    floor_power_w: Floats
    deficit_power_w: Floats
    overshoot_power_w: Floats


@dataclass(frozen=True, slots=True)
class RackRun:
    """Inlet power of a rack and what it is made of; shapes as the GPU power, W and J."""

    power_w: Floats
    overhead_power_w: Floats
    psu_loss_w: Floats
    store_power_w: Floats
    store_loss_w: Floats
    store_energy_j: Floats


@dataclass(frozen=True, slots=True)
class DistributionRun:
    """Input power and loss of every node by name, and power drawn from the site bus; (ticks,), W."""

    power_w: Mapping[str, Floats]
    loss_w: Mapping[str, Floats]
    bus_power_w: Floats
    overloaded: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class CoolingRun:
    """Cooling power, shape (ticks,), W."""

    power_w: Floats


@dataclass(frozen=True, slots=True)
class ConverterRun:
    """AC power delivered, DC power taken and loss; shapes (ticks,), W."""

    power_w: Floats
    dc_power_w: Floats
    loss_w: Floats


@dataclass(frozen=True, slots=True)
class CellRun:
    """What a battery or supercapacitor did; shapes (ticks,).

    ``power_w`` is delivered at the terminals, ``cell_power_w`` leaves the chemistry or field, ``loss_w`` is
    heat: cell_power_w = power_w + loss_w. ``limited`` marks ticks in which a limit was met.
    """

    power_w: Floats
    cell_power_w: Floats
    loss_w: Floats
    current_a: Floats
    voltage_v: Floats
    soc: Floats
    limited: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ControlRun:
    """Target of the import and commands to all slow and all fast units; shapes (ticks,), W."""

    target_power_w: Floats
    slow_command_w: Floats
    fast_command_w: Floats


@dataclass(frozen=True, slots=True)
class GridRun:
    """State of the POI; shapes (ticks,). ``unserved_power_w`` is above 0 while the voltage has collapsed."""

    power_w: Floats
    reactive_power_var: Floats
    voltage_pu: Floats
    frequency_hz: Floats
    rocof_hz_per_s: Floats
    unserved_power_w: Floats


def _kernel(name: str, engine: str) -> Callable[..., Any]:
    if engine == "native":
        from wattkeel.native import core

        kernel: Callable[..., Any] = core().kernels()[name]
        return kernel
    if engine == "numba":
        from wattkeel.prototype import runs

        prototype: Callable[..., Any] = getattr(runs, name)
        return prototype
    raise ScenarioError([Fault("engine", engine, "unknown engine", 'write "native" or "numba"')])


def _series(place: str, values: ArrayLike, lanes: bool = False) -> Floats:
    """Input as a C-contiguous float64 array of one dimension, or of two where lanes are allowed."""
    try:
        array = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ScenarioError(
            [Fault(place, values, "not an array of numbers", "give one number a tick")]
        ) from None
    if array.ndim not in ((1, 2) if lanes else (1,)) or array.size == 0:
        shape = "(ticks,) or (ticks, lanes)" if lanes else "(ticks,)"
        raise ScenarioError([Fault(place, array.shape, "wrong shape", f"give an array of shape {shape}")])
    if not np.isfinite(array).all():
        at = int(np.flatnonzero(~np.isfinite(array.reshape(-1)))[0])
        raise ScenarioError(
            [Fault(f"{place}[{at}]", array.reshape(-1)[at], "not a finite number", "mend the input")]
        )
    return array


def _positive(place: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0.0):
        raise ScenarioError([Fault(place, value, "must be a finite number above 0", "give it in SI units")])
    return float(value)


def _whole_ticks(place: str, time_s: float, step_s: float) -> None:
    ticks = lowering.in_ticks(time_s, _positive("time_step_s", step_s))
    if ticks != round(ticks):
        remedy = f"give a whole multiple of {step_s:g} s"
        raise ScenarioError([Fault(place, time_s, "not a whole number of ticks", remedy)])


def _outputs(count: int, shape: tuple[int, ...]) -> list[Floats]:
    return [np.zeros(shape) for _ in range(count)]


def workload(
    params: parameters.Workload, gpu: parameters.Gpu, *, duration_s: float, time_step_s: float,
    racks: int = 1, seed: int = 1, engine: str = "native",
) -> WorkloadRun:  # fmt: skip
    """Demand of a training job.

    Parameters
    ----------
    params, gpu
        The job (kind "training") and the GPU whose rated and idle power it refers to.
    duration_s, time_step_s
        Length of the run and of a tick, s.
    racks
        Racks, each with its own lateness.
    seed
        Seed of the random generator.
    """
    if params.kind != "training":
        raise ScenarioError(
            [Fault("params.kind", params.kind, "only training", "read a trace with read_trace")]
        )
    ticks = max(1, round(_positive("duration_s", duration_s) / _positive("time_step_s", time_step_s)))
    job, state = records(dtypes.JobParams, 1), records(dtypes.JobState, 1)
    lowering.lower_job(job[0], params, 0, time_step_s)
    lowering.start_job(state[0], job[0])
    demand_w = np.zeros((ticks, racks))
    p, s = _one(job, engine), _one(state, engine)
    _kernel("workload_run", engine)(
        ticks, racks, p, s, seed, gpu.rated_power_w, gpu.idle_power_w,
        np.arange(racks, dtype=np.int64), np.zeros(racks), demand_w,
    )  # fmt: skip
    return WorkloadRun(demand_w)


def _one(record: Any, engine: str) -> Any:
    """A single record as an engine takes it: an array of one for C++, the record itself for Python."""
    return record if engine == "native" else record[0]


def gpu(
    params: parameters.Gpu, *, demand_power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> GpuRun:
    """Power smoothing of a GPU for a given demand, W per GPU; shape (ticks,) or (ticks, lanes).

    See ``wattkeel.prototype.gpu.gpu_power`` for the model and its source.
    """
    demand_w = _series("demand_power_w", demand_power_w, lanes=True)
    ticks, lanes = demand_w.shape[0], 1 if demand_w.ndim == 1 else demand_w.shape[1]
    record = records(dtypes.GpuParams, 1)
    lowering.lower_gpu(record[0], params, _positive("time_step_s", time_step_s))
    magic = lowering.rounding_magic(
        4.0 * max(params.rated_power_w * params.edp_factor, float(np.abs(demand_w).max()))
    )
    out = _outputs(5, (ticks, lanes))
    power_w = np.full(lanes, params.idle_power_w)
    below = np.full(lanes, float(record[0].hysteresis_tick) + 1.0)
    _kernel("gpu_run", engine)(
        ticks, lanes, _one(record, engine), 1.0, magic, params.cap_w, demand_w.reshape(ticks, lanes),
        power_w, below, np.zeros(lanes), *out,
    )  # fmt: skip
    return GpuRun(*(array.reshape(demand_w.shape) for array in out[1:]))


def rack(
    params: parameters.Rack, gpu: parameters.Gpu, *, gpu_power_w: ArrayLike, time_step_s: float,
    engine: str = "native",
) -> RackRun:  # fmt: skip
    """Overhead, shelf store and PSU of a rack for the power of all its GPUs together, W.

    Shape of ``gpu_power_w``: (ticks,) or (ticks, racks).
    """
    power_w = _series("gpu_power_w", gpu_power_w, lanes=True)
    ticks, lanes = power_w.shape[0], 1 if power_w.ndim == 1 else power_w.shape[1]
    record = records(dtypes.RackParams, 1)
    lowering.lower_rack(record[0], params, gpu, False, _positive("time_step_s", time_step_s))
    bound = float(np.abs(power_w).max()) * (1.0 + params.overhead_fraction) + params.overhead_w
    magic = lowering.rounding_magic(8.0 * (bound + params.store_power_w + float(record[0].loss_0_w)))
    overhead, store_w, lost_w, stored_j, psu_w, inlet_w = _outputs(6, (ticks, lanes))
    _kernel("rack_run", engine)(
        ticks, lanes, _one(record, engine), magic, time_step_s, power_w.reshape(ticks, lanes),
        np.zeros(lanes), np.full(lanes, float(record[0].store_target_j)), np.zeros(lanes), np.zeros(lanes),
        overhead, store_w, lost_w, stored_j, psu_w, inlet_w,
    )  # fmt: skip
    ordered = (inlet_w, overhead, psu_w, store_w, lost_w, stored_j)
    return RackRun(*(array.reshape(power_w.shape) for array in ordered))


def distribution(
    params: Mapping[str, parameters.Distribution],
    *,
    load_power_w: Mapping[str, ArrayLike],
    engine: str = "native",
) -> DistributionRun:
    """Losses of a distribution tree.

    Parameters
    ----------
    params
        Nodes by name; ``feeds_from`` names the node upstream or "site".
    load_power_w
        Load that hangs at a node itself, by name, shapes (ticks,), W.
    """
    depth = {name: _depth(params, name) for name in params}
    order = sorted(params, key=lambda name: -depth[name])
    unknown = [name for name in load_power_w if name not in order]
    if unknown or not load_power_w:
        raise ScenarioError([Fault("load_power_w", unknown, "no such node", "nodes: " + ", ".join(order))])
    series = {name: _series(f"load_power_w.{name}", values) for name, values in load_power_w.items()}
    ticks = len(next(iter(series.values())))
    load_w = np.zeros((ticks, len(order)))
    for name, values in series.items():
        if len(values) != ticks:
            raise ScenarioError(
                [Fault(f"load_power_w.{name}", len(values), "lengths differ", f"give {ticks}")]
            )
        load_w[:, order.index(name)] = values
    nodes = records(dtypes.NodeParams, len(order))
    for i, name in enumerate(order):
        parent = params[name].feeds_from
        lowering.lower_node(nodes[i], params[name], order.index(parent) if parent in order else -1)
    input_w, loss_w = _outputs(2, load_w.shape)
    bus_w = np.zeros(ticks)
    changed = np.zeros(load_w.shape, dtype=np.int64)
    _kernel("distribution_run", engine)(
        ticks,
        len(order),
        nodes,
        records(dtypes.NodeState, len(order)),
        load_w,
        input_w,
        loss_w,
        bus_w,
        changed,
    )
    overloaded = np.cumsum(changed, axis=0) > 0
    return DistributionRun(
        {name: input_w[:, i] for i, name in enumerate(order)},
        {name: loss_w[:, i] for i, name in enumerate(order)},
        bus_w,
        {name: overloaded[:, i] for i, name in enumerate(order)},
    )


def _depth(params: Mapping[str, parameters.Distribution], name: str) -> int:
    seen = [name]
    while params[seen[-1]].feeds_from in params:
        seen.append(params[seen[-1]].feeds_from)
        if len(seen) > len(params):
            raise ScenarioError(
                [Fault(f"params.{name}.feeds_from", seen[1], "the tree runs in a circle", "cut it")]
            )
    return len(seen)


def cooling(
    params: parameters.Cooling, *, it_power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> CoolingRun:
    """Cooling power for given IT power, shape (ticks,), W."""
    it_w = _series("it_power_w", it_power_w)
    record = records(dtypes.CoolingParams, 1)
    lowering.fill(record[0], params)
    record[0].decay = lowering.lag_decay(params.time_constant_s, _positive("time_step_s", time_step_s))
    power_w = np.zeros(len(it_w))
    state = records(dtypes.CoolingState, 1)
    _kernel("cooling_run", engine)(len(it_w), _one(record, engine), _one(state, engine), it_w, power_w)
    return CoolingRun(power_w)


def converter(
    params: parameters.Converter, *, command_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> ConverterRun:
    """Response and loss of a converter whose store can do all; shape (ticks,), W, positive delivers."""
    from wattkeel import parameters as models

    command = _series("command_w", command_w)
    record, state = records(dtypes.ConverterParams, 1), records(dtypes.ConverterState, 1)
    storage = models.Storage(converter=params)
    lowering.lower_converter(record[0], storage, 1.0, _positive("time_step_s", time_step_s))
    state[0].override_w = np.nan
    power_w, dc_w = _outputs(2, command.shape)
    _kernel("converter_run", engine)(
        len(command), _one(record, engine), _one(state, engine), command, power_w, dc_w
    )
    return ConverterRun(power_w, dc_w, dc_w - power_w)


def battery(
    params: parameters.Battery, *, power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> CellRun:
    """A battery under commanded DC power, positive in discharge; shape (ticks,), W.

    Raises
    ------
    ScenarioError
        Also when ``params`` has no OCV table or no size.
    """
    command = _series("power_w", power_w)
    if len(params.ocv_v) < 2 or len(params.ocv_v) != len(params.ocv_soc):
        raise ScenarioError(
            [Fault("params.ocv_v", list(params.ocv_v), "no OCV table", "give ocv_soc and ocv_v")]
        )
    if lowering.battery_strings(params) <= 0.0:
        raise ScenarioError(
            [Fault("params.energy_j", params.energy_j, "no size", "give energy_j or strings")]
        )
    table = lowering.even_ocv_table(params)
    record, state = records(dtypes.BatteryParams, 1), records(dtypes.BatteryState, 1)
    lowering.lower_battery(record[0], params, 0, len(table), _positive("time_step_s", time_step_s))
    state[0].soc = params.soc_initial
    return _cell_run("battery_run", record, state, (table,), command, engine)


def supercapacitor(
    params: parameters.Supercapacitor, *, power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> CellRun:
    """A supercapacitor under commanded DC power, positive in discharge; shape (ticks,), W."""
    command = _series("power_w", power_w)
    if params.energy_j <= 0.0 and params.capacitance_f <= 0.0:
        raise ScenarioError(
            [Fault("params.energy_j", params.energy_j, "no size", "give energy_j or capacitance_f")]
        )
    record, state = records(dtypes.SupercapacitorParams, 1), records(dtypes.SupercapacitorState, 1)
    lowering.lower_supercapacitor(record[0], params)
    state[0].energy_j = record[0].energy_empty_j + params.soc_initial * record[0].energy_usable_j
    step_s = _positive("time_step_s", time_step_s)
    return _cell_run("supercapacitor_run", record, state, (step_s,), command, engine)


def _cell_run(
    name: str, record: Any, state: Any, extra: tuple[Any, ...], command: Floats, engine: str
) -> CellRun:
    out = _outputs(6, command.shape)
    limited = np.zeros(len(command), dtype=np.int64)
    _kernel(name, engine)(
        len(command), _one(record, engine), _one(state, engine), *extra, command, *out, limited
    )
    delivered, inner, loss, current, voltage, soc = out
    return CellRun(delivered, inner, loss, current, voltage, soc, limited == 1)


def control(
    params: parameters.Control, *, load_w: ArrayLike, time_step_s: float, slow_power_w: float,
    fast_power_w: float = 0.0, slow_soc: float = 0.5, fast_soc: float = 0.5, engine: str = "native",
) -> ControlRun:  # fmt: skip
    """The storage control for a measured load, shape (ticks,), W, at constant SoC.

    ``slow_power_w`` and ``fast_power_w`` are the ratings of all slow and all fast units together.
    """
    load = _series("load_w", load_w)
    _whole_ticks("params.period_s", params.period_s, time_step_s)
    _whole_ticks("params.measurement_delay_s", params.measurement_delay_s, time_step_s)
    record, state = records(dtypes.ControlParams, 1), records(dtypes.ControlState, 1)
    lowering.lower_control(
        record[0], params, (slow_power_w, fast_power_w), _positive("time_step_s", time_step_s)
    )
    ring = np.zeros(int(record[0].delay_tick + 1 + max(1, record[0].average_count)))
    out = _outputs(3, load.shape)
    _kernel("control_run", engine)(
        len(load), _one(record, engine), _one(state, engine), ring, load, slow_soc, fast_soc, *out
    )
    return ControlRun(*out)


def grid(
    params: parameters.Grid, *, power_w: ArrayLike, time_step_s: float,
    reactive_power_var: ArrayLike | None = None, engine: str = "native",
) -> GridRun:  # fmt: skip
    """POI voltage and frequency for a load of the site bus, shape (ticks,), W.

    ``params.rated_power_w`` must be given: it is the base of SCR and of pu. Without
    ``reactive_power_var`` the load has ``params.power_factor``.
    """
    bus_w = _series("power_w", power_w)
    if params.rated_power_w <= 0.0:
        raise ScenarioError(
            [Fault("params.rated_power_w", params.rated_power_w, "no base", "give the rated power")]
        )
    record, state = records(dtypes.GridParams, 1), records(dtypes.GridState, 1)
    step_s = _positive("time_step_s", time_step_s)
    reference_w = params.reference_power_w or math.nan
    lowering.lower_grid(record[0], params, params.rated_power_w, reference_w, step_s)
    event = records(dtypes.GridEvent, len(params.event))
    for j, row in enumerate(params.event):
        lowering.lower_event(event[j], row, step_s)
    state[0].event_voltage_pu = 1.0
    if reactive_power_var is None:
        load_var = float(record[0].reactive_per_watt) * bus_w
    else:
        load_var = _series("reactive_power_var", reactive_power_var)
    if len(load_var) != len(bus_w):
        raise ScenarioError(
            [Fault("reactive_power_var", len(load_var), "lengths differ", f"give {len(bus_w)}")]
        )
    out = _outputs(6, bus_w.shape)
    _kernel("grid_run", engine)(
        len(bus_w), _one(record, engine), _one(state, engine), event, step_s, bus_w, load_var, *out
    )
    return GridRun(*out)
