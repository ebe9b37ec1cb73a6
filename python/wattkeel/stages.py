"""Every stage alone, on arrays: parameters first, inputs as keyword arrays, a frozen record of arrays back.

    >>> import numpy as np, wattkeel as wk  # doctest: +SKIP
    >>> cell = wk.parameters.Battery(strings=1, cells_series=1, cell_capacity_ah=100.0, ...)  # doctest: +SKIP
    >>> wk.stages.battery(cell, power_w=np.full(1000, 300.0), time_step_s=1e-3).voltage_v  # doctest: +SKIP

Each function runs the kernels that a whole site runs. Arrays are float64 with one value per tick, held over
the tick. ``engine`` is "native" (C++) or "numba" (prototypes); both give the same bits. A wrong input raises
``ScenarioError``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import lowering, stage_inputs
from wattkeel._generated import dtypes, models
from wattkeel.errors import Fault, ScenarioError
from wattkeel.grid_stage import GridRun, SupportRun
from wattkeel.plant import records
from wattkeel.stage_inputs import expect, number, whole, whole_ticks
from wattkeel.stage_inputs import positive as positive
from wattkeel.stage_inputs import series as series

if TYPE_CHECKING:
    from wattkeel import parameters
    from wattkeel.ageing import Stress

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
    "support",
    "transformer",
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
class RideRun:
    """What became of the load behind a node with ride-through; shapes (ticks,).

    Load drawn = demand - ``ceased_power_w``; what is ceased is lost or leaves the backup. ``mode``: 0
    connected, 1 ceased, 2 returning, 3 transferred by the counter of sags.
    """

    ceased_power_w: Floats
    lost_power_w: Floats
    backup_power_w: Floats
    backup_loss_w: Floats
    backup_spent_j: Floats
    reactive_power_var: Floats
    connected: Floats
    mode: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DistributionRun:
    """Input power and loss of every node by name, and power drawn from the site bus; (ticks,), W.

    ``stored_power_w`` goes into the power electronics of nodes with dynamics; ``ride`` is there for nodes
    with ride-through. power = load - ceased + loss + stored + recharge (of the backup).
    """

    power_w: Mapping[str, Floats]
    loss_w: Mapping[str, Floats]
    bus_power_w: Floats
    overloaded: Mapping[str, NDArray[np.bool_]]
    stored_power_w: Mapping[str, Floats]
    ride: Mapping[str, RideRun]


@dataclass(frozen=True, slots=True)
class CoolingRun:
    """Cooling power, shape (ticks,), W."""

    power_w: Floats


@dataclass(frozen=True, slots=True)
class ConverterRun:
    """Active and reactive power delivered, DC power taken, loss; shapes (ticks,), W and var.

    ``limited`` marks ticks in which the capability (apparent power, voltage, spent overload) held active or
    reactive power below the response.
    """

    power_w: Floats
    reactive_power_var: Floats
    dc_power_w: Floats
    loss_w: Floats
    limited: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TransformerRun:
    """Power at the primary side, loss, voltage of the secondary side; shapes (ticks,).

    ``unserved_power_w`` is what no voltage can deliver; ``overloaded`` marks apparent power above the rating.
    """

    power_w: Floats
    reactive_power_var: Floats
    loss_w: Floats
    voltage_pu: Floats
    unserved_power_w: Floats
    overloaded: NDArray[np.bool_]


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
class BatteryRun:
    """What a battery, or each of many, did; shapes (rows,) or (rows, batteries), a row being ``every`` ticks.

    ``power_w`` is delivered at the terminals, ``cell_power_w`` leaves the chemistry, ``loss_w`` is heat and
    ``polarisation_power_w`` goes into branches and hysteresis, from which it comes back:
    cell_power_w = power_w + loss_w + polarisation_power_w. ``voltage_v`` is the mean of the terminal voltage,
    ``end_voltage_v`` its value at the end. ``temperature_k`` is that of the hottest string,
    ``auxiliary_power_w`` that of HVAC and auxiliaries of the container. ``limited`` counts the ticks in which
    a limit was met. ``stress`` is what ageing models need, where it was asked for.
    """

    power_w: Floats
    cell_power_w: Floats
    loss_w: Floats
    polarisation_power_w: Floats
    current_a: Floats
    voltage_v: Floats
    end_voltage_v: Floats
    soc: Floats
    temperature_k: Floats
    auxiliary_power_w: Floats
    limited: NDArray[np.int64]
    stress: Stress | None = None


@dataclass(frozen=True, slots=True)
class ControlRun:
    """Target of the import and commands to all slow and all fast units; shapes (ticks,), W."""

    target_power_w: Floats
    slow_command_w: Floats
    fast_command_w: Floats


def kernel(name: str, engine: str) -> Callable[..., Any]:
    """Kernel of that name of an engine."""
    if stage_inputs.known_engine(engine) == "native":
        from wattkeel.native import kernels

        kernel: Callable[..., Any] = kernels()[name]
        return kernel
    from wattkeel.prototype import runs

    prototype: Callable[..., Any] = getattr(runs, name)
    return prototype


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
    expect(params=(params, models.Workload), gpu=(gpu, models.Gpu))
    racks, seed = whole("racks", racks, 1, 10**7), whole("seed", seed, 0, 2**63 - 1)
    if params.kind != "training":
        raise ScenarioError(
            [Fault("params.kind", params.kind, "only training", "read a trace with read_trace")]
        )
    ticks = max(1, round(positive("duration_s", duration_s) / positive("time_step_s", time_step_s)))
    job, state = records(dtypes.JobParams, 1), records(dtypes.JobState, 1)
    lowering.lower_job(job[0], params, 0, time_step_s)
    lowering.start_job(state[0], job[0])
    demand_w = np.zeros((ticks, racks))
    p, s = one(job, engine), one(state, engine)
    kernel("workload_run", engine)(
        ticks, racks, p, s, seed, gpu.rated_power_w, gpu.idle_power_w,
        np.arange(racks, dtype=np.int64), np.zeros(racks), demand_w,
    )  # fmt: skip
    return WorkloadRun(demand_w)


def one(record: Any, engine: str) -> Any:
    """A single record as an engine takes it: an array of one for C++, the record itself for Python."""
    return record if engine == "native" else record[0]


def gpu(
    params: parameters.Gpu, *, demand_power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> GpuRun:
    """Power smoothing of a GPU for a given demand, W per GPU; shape (ticks,) or (ticks, gpus).

    See ``wattkeel.prototype.gpu.gpu_power`` for the model and its source.
    """
    expect(params=(params, models.Gpu))
    demand_w = series("demand_power_w", demand_power_w, lanes="gpus")
    ticks, lanes = demand_w.shape[0], 1 if demand_w.ndim == 1 else demand_w.shape[1]
    record = records(dtypes.GpuParams, 1)
    lowering.lower_gpu(record[0], params, positive("time_step_s", time_step_s))
    magic = lowering.rounding_magic(
        4.0 * max(params.rated_power_w * params.edp_factor, float(np.abs(demand_w).max()))
    )
    out = _outputs(5, (ticks, lanes))
    power_w = np.full(lanes, params.idle_power_w)
    below = np.full(lanes, float(record[0].hysteresis_tick) + 1.0)
    kernel("gpu_run", engine)(
        ticks, lanes, one(record, engine), 1.0, magic, params.cap_w, demand_w.reshape(ticks, lanes),
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
    expect(params=(params, models.Rack), gpu=(gpu, models.Gpu))
    power_w = series("gpu_power_w", gpu_power_w, lanes="racks")
    ticks, lanes = power_w.shape[0], 1 if power_w.ndim == 1 else power_w.shape[1]
    record = records(dtypes.RackParams, 1)
    lowering.lower_rack(record[0], params, gpu, False, positive("time_step_s", time_step_s))
    bound = float(np.abs(power_w).max()) * (1.0 + params.overhead_fraction) + params.overhead_w
    magic = lowering.rounding_magic(8.0 * (bound + params.store_power_w + float(record[0].loss_0_w)))
    overhead, store_w, lost_w, stored_j, psu_w, inlet_w = _outputs(6, (ticks, lanes))
    kernel("rack_run", engine)(
        ticks, lanes, one(record, engine), magic, time_step_s, power_w.reshape(ticks, lanes),
        np.zeros(lanes), np.full(lanes, float(record[0].store_target_j)), np.zeros(lanes), np.zeros(lanes),
        overhead, store_w, lost_w, stored_j, psu_w, inlet_w,
    )  # fmt: skip
    ordered = (inlet_w, overhead, psu_w, store_w, lost_w, stored_j)
    return RackRun(*(array.reshape(power_w.shape) for array in ordered))


def distribution(
    params: Mapping[str, parameters.Distribution], *, load_power_w: Mapping[str, ArrayLike],
    time_step_s: float | None = None, voltage_pu: ArrayLike | None = None,
    frequency_pu: ArrayLike | None = None, engine: str = "native",
) -> DistributionRun:  # fmt: skip
    """A distribution tree: losses, dynamics of power electronics, ride-through of voltage sags.

    Parameters
    ----------
    params
        Nodes by name; ``feeds_from`` names the node upstream or "site".
    load_power_w
        Load that hangs at a node itself, by name, shapes (ticks,), W.
    time_step_s
        Length of a tick, s; needed where a node has ``dynamics`` or ``ride_through``.
    voltage_pu
        Voltage of the site bus, shape (ticks,) or one for all, 0 to 2 pu; 1 without it. The first value is
        taken as that before the first disturbance. In a site it is that of the tick before.
    frequency_pu
        Frequency over nominal, shape (ticks,) or one for all, 0.5 to 1.5; 1 without it.
    engine
        "native" or "numba".

    Raises
    ------
    ScenarioError
        Also when a chain has no stable operating point.
    """
    from wattkeel import distribution_stage

    return distribution_stage.run_distribution(
        params, load_power_w, time_step_s, voltage_pu, frequency_pu, engine
    )


def cooling(
    params: parameters.Cooling, *, it_power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> CoolingRun:
    """Cooling power for given IT power, shape (ticks,), W."""
    expect(params=(params, models.Cooling))
    it_w = series("it_power_w", it_power_w)
    record = records(dtypes.CoolingParams, 1)
    lowering.fill(record[0], params)
    record[0].decay = lowering.lag_decay(params.time_constant_s, positive("time_step_s", time_step_s))
    power_w = np.zeros(len(it_w))
    state = records(dtypes.CoolingState, 1)
    kernel("cooling_run", engine)(len(it_w), one(record, engine), one(state, engine), it_w, power_w)
    return CoolingRun(power_w)


def converter(
    params: parameters.Converter, *, command_w: ArrayLike, time_step_s: float,
    reactive_var: ArrayLike | None = None, voltage_pu: ArrayLike | None = None, engine: str = "native",
) -> ConverterRun:  # fmt: skip
    """Capability, response and loss of a converter whose store can do all.

    Parameters
    ----------
    params
        Converter; ``wattkeel.conversion`` has its efficiency as a curve.
    command_w
        Active power commanded, positive delivers, shape (ticks,), W.
    time_step_s
        Length of a tick, s; ``params.delay_s`` is a whole number of them.
    reactive_var
        Reactive power commanded, shape (ticks,) or one for all, var; none without it.
    voltage_pu
        Voltage at the terminals, shape (ticks,) or one for all, 0 to 2 pu; 1 without it. In a site it is
        that of the tick before.
    """
    from wattkeel import conversion_stage

    return conversion_stage.run_converter(params, command_w, time_step_s, reactive_var, voltage_pu, engine)


def transformer(
    params: parameters.Distribution, *, power_w: ArrayLike, reactive_power_var: ArrayLike | None = None,
    source_voltage_pu: ArrayLike | None = None, impedance_pu: float = 0.0, engine: str = "native",
) -> TransformerRun:  # fmt: skip
    """A transformer under a load of its secondary side: losses, and the voltage behind its impedance.

    The loss is the law of the distribution nodes (``loss_a``: no-load loss; ``loss_c``: load loss at rating;
    or a table) at the apparent power of the load and nominal voltage; the presets of ``distribution`` fit.
    The impedance is split into the resistance of the load loss and a reactance.

    Parameters
    ----------
    params
        The transformers: ``rated_power_w`` is the rating of one in VA, ``count`` of them share the load.
    power_w, reactive_power_var
        Load, shape (ticks,), W and var; no reactive power without it, one number for all.
    source_voltage_pu
        Voltage of the primary side, shape (ticks,) or one for all, 0 to 2 pu; 1 without it.
    impedance_pu
        Short-circuit impedance per unit of the rating, 0 for a stiff voltage; not below ``loss_c``.
    """
    from wattkeel import conversion_stage

    return conversion_stage.run_transformer(
        params, power_w, reactive_power_var, source_voltage_pu, impedance_pu, engine
    )


def battery(
    params: parameters.Battery, *, power_w: ArrayLike | None = None, current_a: ArrayLike | None = None,
    voltage_v: ArrayLike | None = None, time_step_s: float, container: parameters.Container | None = None,
    soc_initial: ArrayLike | None = None, ageing: parameters.Ageing | None = None, every: int = 1,
    engine: str = "native",
) -> BatteryRun:  # fmt: skip
    """A battery under commanded DC power, current or voltage; discharge is positive.

    See ``wattkeel.prototype.battery`` for the model and its sources.

    Parameters
    ----------
    params
        Cells; an OCV table and a size are needed.
    power_w, current_a, voltage_v
        One of them: (ticks,) for one battery, or (ticks, batteries) for batteries that stand alone. W, A or V
        at the terminals of a whole battery, held over a tick.
    time_step_s
        Length of a tick, s.
    container
        Climate around one battery; without it the air keeps its temperature.
    soc_initial
        SoC at the start, one or (batteries,), instead of that of the parameters.
    ageing
        How to count the stress of one battery, for the models of ``wattkeel.ageing``; without it none is
        counted. SoC and temperature are those of the first group of strings at every renewal of the slow
        quantities (``params.refresh_s``); what is left of a last period is not counted.
    every
        Ticks in a row of the result: means of powers, current and voltage, last values of the state. A rest
        that fills no row is left out.
    engine
        "native" or "numba".

    Raises
    ------
    ScenarioError
        Also when ``params`` contradicts itself, or has no OCV table or no size.
    """
    from wattkeel import battery_stage

    given: dict[str, tuple[object, type[models.Parameters]]] = {"params": (params, models.Battery)}
    given |= {} if container is None else {"container": (container, models.Container)}
    given |= {} if ageing is None else {"ageing": (ageing, models.Ageing)}
    expect(**given)
    stage_inputs.known_engine(engine)
    every = whole("every", every, 1, 2**53)
    drive = {"power_w": power_w, "current_a": current_a, "voltage_v": voltage_v}
    return battery_stage.run(params, drive, time_step_s, container, soc_initial, ageing, every, engine)


def supercapacitor(
    params: parameters.Supercapacitor, *, power_w: ArrayLike, time_step_s: float, engine: str = "native"
) -> CellRun:
    """A supercapacitor under commanded DC power, positive in discharge; shape (ticks,), W."""
    expect(params=(params, models.Supercapacitor))
    command = series("power_w", power_w)
    if params.energy_j <= 0.0 and params.capacitance_f <= 0.0:
        raise ScenarioError(
            [Fault("params.energy_j", params.energy_j, "no size", "give energy_j or capacitance_f")]
        )
    record, state = records(dtypes.SupercapacitorParams, 1), records(dtypes.SupercapacitorState, 1)
    step_s = positive("time_step_s", time_step_s)
    lowering.lower_supercapacitor(record[0], params, step_s)
    state[0].energy_j = record[0].energy_empty_j + params.soc_initial * record[0].energy_usable_j
    return _cell_run("supercapacitor_run", record, state, (step_s,), command, engine)


def _cell_run(
    name: str, record: Any, state: Any, extra: tuple[Any, ...], command: Floats, engine: str
) -> CellRun:
    out = _outputs(6, command.shape)
    limited = np.zeros(len(command), dtype=np.int64)
    kernel(name, engine)(
        len(command), one(record, engine), one(state, engine), *extra, command, *out, limited
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
    expect(params=(params, models.Control))
    load = series("load_w", load_w)
    for place, value in (("slow_power_w", slow_power_w), ("fast_power_w", fast_power_w)):
        number(place, value, 0.0, 1e15)
    for place, value in (("slow_soc", slow_soc), ("fast_soc", fast_soc)):
        number(place, value, 0.0, 1.0)
    whole_ticks("params.period_s", params.period_s, time_step_s)
    whole_ticks("params.measurement_delay_s", params.measurement_delay_s, time_step_s)
    record, state = records(dtypes.ControlParams, 1), records(dtypes.ControlState, 1)
    lowering.lower_control(
        record[0], params, (slow_power_w, fast_power_w), positive("time_step_s", time_step_s)
    )
    ring = np.zeros(int(record[0].delay_tick + 1 + max(1, record[0].average_count)))
    out = _outputs(3, load.shape)
    kernel("control_run", engine)(
        len(load), one(record, engine), one(state, engine), ring, load, slow_soc, fast_soc, *out
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
    from wattkeel import grid_stage

    return grid_stage.run_grid(params, power_w, time_step_s, reactive_power_var, engine)


def support(
    params: parameters.Support, converter: parameters.Converter, *, frequency_hz: ArrayLike,
    time_step_s: float, nominal_frequency_hz: float, voltage_pu: ArrayLike | None = None,
    phase_jump_rad: ArrayLike | None = None, engine: str = "native",
) -> SupportRun:  # fmt: skip
    """Grid support that a storage unit asks of its converter, for a given frequency and voltage of the grid.

    See ``wattkeel.prototype.support`` for the model; ``converter`` gives the ratings. Its answer is
    `converter`.

    Parameters
    ----------
    params, converter
        Support and converter of a unit.
    frequency_hz
        Frequency at the terminals, held over a tick, shape (ticks,), Hz. In a site it is that at the end of
        the tick before.
    time_step_s
        Length of a tick, s.
    nominal_frequency_hz
        Frequency without deviation, Hz.
    voltage_pu
        Voltage, shape (ticks,) or one for all, 0 to 2 pu; 1 without it.
    phase_jump_rad
        Jump of the grid's phase at the start of a tick, shape (ticks,) or one for all, rad; none without it.
    """
    from wattkeel import grid_stage

    return grid_stage.run_support(
        params, converter, frequency_hz, time_step_s, nominal_frequency_hz, voltage_pu, phase_jump_rad, engine
    )
