"""The buffers of a site: parameters, state and outputs as flat numpy arrays that both engines step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattkeel import (
    battery_lowering,
    facility_lowering,
    frequency,
    loading,
    lowering,
    playback_lowering,
    supply_lowering,
    support,
)
from wattkeel._generated import dtypes, models
from wattkeel.signals import distribution_order, signal_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeel.scenario import Scenario

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Records = Any  # a structured array seen as np.recarray

CACHE_LINE = 8  # float64 in a cache line; populations begin at one
TILE_LANES = 256
SCRATCH_ROWS = 12
OFFSET_TICK, GPU_POWER_W, BELOW_FLOOR_TICK, OVERSHOOT_W, STORE_AVERAGE_W, STORE_ENERGY_J = range(6)


class Plant(NamedTuple):
    """Everything that a site is, as the kernels see it; members as in cpp/include/wattkeel/site.hpp."""

    site: Records
    job: Records
    job_state: Records
    gpu: Records
    gpu_state: Records
    rack: Records
    node: Records
    node_state: Records
    ride: Records
    ride_state: Records
    chain: Records
    chain_state: Records
    cooling: Records
    cooling_state: Records
    generation: Records
    generation_state: Records
    converter: Records
    converter_state: Records
    battery: Records
    battery_state: Records
    container: Records
    cell: Floats
    supercapacitor: Records
    supercapacitor_state: Records
    support: Records
    support_state: Records
    control: Records
    control_state: Records
    grid: Records
    grid_state: Records
    grid_event: Records
    playback: Records
    shedding: Records
    shedding_state: Records
    frequency_ring: Floats
    tap_changer: Records
    tap_changer_state: Records
    capacitor_bank: Records
    capacitor_bank_state: Records
    island: Records
    island_state: Records
    forming: Records
    forming_state: Records
    record: Records
    clock: Indices
    lane: Floats
    lane_id: Indices
    table: Floats
    trace_time: Floats
    trace_value: Floats
    level: Floats
    generation_level: Floats
    playback_level: Floats
    ring: Floats
    converter_table: Floats
    converter_ring: Floats
    unit_soc: Floats
    node_load: Floats
    node_input: Floats
    node_loss: Floats
    node_changed: Indices
    signal: Floats
    meter: Floats
    meter_carry: Floats
    bucket_low: Floats
    bucket_high: Floats
    bucket_total: Floats
    scratch: Floats


# What changes while a site is stepped: a snapshot is a copy of these.
STATE_MEMBERS = (
    "job_state", "gpu_state", "node_state", "ride_state", "chain_state", "cooling_state", "generation_state",
    "converter_state",
    "converter_ring", "battery_state", "cell", "supercapacitor_state", "support_state", "control_state",
    "grid_state", "shedding_state", "frequency_ring", "tap_changer_state", "capacitor_bank_state",
    "island_state", "forming_state", "clock", "lane", "level", "ring", "unit_soc", "signal", "meter",
    "meter_carry", "bucket_low", "bucket_high", "bucket_total",
)  # fmt: skip


# What a tick writes before it reads it.
SCRATCH_MEMBERS = (
    "scratch", "generation_level", "playback_level", "node_load", "node_input", "node_loss", "node_changed",
)  # fmt: skip


class ChunkBuffers(NamedTuple):
    """What one call of ``advance`` fills; members as in cpp/include/wattkeel/site.hpp."""

    keep: Indices
    full: Floats
    envelope: Floats
    event_index: Indices
    event_value: Floats
    tally: Indices


def records(dtype: np.dtype[Any], count: int) -> Records:
    """``count`` zeroed records of a core struct."""
    return np.zeros(count, dtype=dtype).view(np.recarray)


def aligned_zeros(*shape: int) -> Floats:
    """Zeros that begin at a cache line, so that a vector never straddles two."""
    size = math.prod(shape)
    raw = np.zeros(size + CACHE_LINE)
    offset = (-raw.ctypes.data // 8) % CACHE_LINE
    return raw[offset : offset + size].reshape(shape)


class TracePool:
    """Times and values of all replayed traces, one after another."""

    def __init__(self) -> None:
        self.time: list[Floats] = []
        self.value: list[Floats] = []
        self.rows = 0
        self.values = 0

    def add(self, record: Any, time_tick: Floats, value: Floats, linear: bool, repeat: bool) -> None:
        """Append a trace and note its place in ``record``."""
        record.trace_first = self.rows
        record.trace_rows = len(time_tick)
        record.trace_value_first = self.values
        record.trace_linear = 1 if linear else 0
        record.trace_repeat_core = 1 if repeat else 0
        self.time.append(np.ascontiguousarray(time_tick, dtype=np.float64))
        self.value.append(np.ascontiguousarray(value, dtype=np.float64).reshape(-1))
        self.rows += len(time_tick)
        self.values += value.size

    def arrays(self) -> tuple[Floats, Floats]:
        """The pools; never empty, so that a kernel always gets an address."""
        if not self.time:
            return np.zeros(1), np.zeros(1)
        return np.concatenate(self.time), np.concatenate(self.value)


def _lower_site(scenario: Scenario) -> Records:
    model = scenario.model
    site = records(dtypes.SiteParams, 1)
    lowering.fill(site[0], model.simulation)
    site[0].forming = int(any(unit.forming is not None for unit in model.storage.values()))
    energy_j = sum(rack.count * rack.store_energy_j for rack in model.rack.values())
    site[0].power_round_w = lowering.rounding_magic(2.0 * loading.lane_power_bound_w(scenario))
    site[0].energy_round_j = lowering.rounding_magic(max(1.0, 2.0 * energy_j))
    return site


def _lower_jobs(scenario: Scenario, pool: TracePool) -> tuple[Records, Records, int]:
    model = scenario.model
    tick_s = model.simulation.tick_s
    job = records(dtypes.JobParams, len(model.workload))
    state = records(dtypes.JobState, len(model.workload))
    levels = 0
    for j, (name, parameters) in enumerate(model.workload.items()):
        lowering.lower_job(job[j], parameters, j, tick_s)
        lowering.start_job(state[j], job[j])
        if parameters.kind != "trace":
            continue
        trace = scenario.traces[f"workload.{name}"]
        linear = parameters.trace_interpolation == "linear"
        pool.add(job[j], trace.time_s / tick_s, trace.power_w, linear, parameters.trace_repeat)
        job[j].trace_columns_count = trace.power_w.shape[1]
        job[j].trace_level_first = levels
        job[j].trace_offset_tick = lowering.in_ticks(parameters.trace_start_s, tick_s)
        job[j].trace_length_tick = trace.length_s / tick_s
        levels += trace.power_w.shape[1]
    return job, state, levels


def _lower_racks(scenario: Scenario) -> dict[str, Any]:
    model = scenario.model
    tick_s = model.simulation.tick_s
    jobs = list(model.workload)
    nodes = distribution_order(model)
    gpu = records(dtypes.GpuParams, len(model.rack))
    gpu_state = records(dtypes.GpuState, len(model.rack))
    rack = records(dtypes.RackParams, len(model.rack))
    lanes = 0
    for r, parameters in enumerate(model.rack.values()):
        job = model.workload[parameters.workload]
        bypass = loading.is_bypassed(job)
        module = model.gpu[parameters.gpu]
        if bypass:
            module = lowering.unsmoothed(module)
        lowering.lower_gpu(gpu[r], module, tick_s)
        gpu_state[r].cap_w = module.cap_w
        lowering.lower_rack(rack[r], parameters, module, bypass, tick_s)
        rack[r].first_lane = lanes
        rack[r].job_index = jobs.index(parameters.workload)
        rack[r].node_index = nodes.index(parameters.feeds_from) if parameters.feeds_from in nodes else -1
        rack[r].trace_scale = 1.0 / job.trace_gpus if job.kind == "trace" else 0.0
        lanes += -(-parameters.count // CACHE_LINE) * CACHE_LINE
    lane = aligned_zeros(len(dtypes.LANE_STATE), lanes)
    lane_id = np.zeros(lanes, dtype=np.int64)
    ids = 0
    for r in range(len(rack)):
        part = slice(rack[r].first_lane, rack[r].first_lane + rack[r].lane_count)
        lane_id[part] = np.arange(ids, ids + rack[r].lane_count)
        ids += rack[r].lane_count
        lane[GPU_POWER_W, part] = gpu[r].idle_power_w
        lane[BELOW_FLOOR_TICK, part] = gpu[r].hysteresis_tick + 1.0
        lane[STORE_ENERGY_J, part] = rack[r].store_target_j
    return {"gpu": gpu, "gpu_state": gpu_state, "rack": rack, "lane": lane, "lane_id": lane_id}


def _lower_nodes(model: models.ScenarioModel) -> dict[str, Any]:
    order = distribution_order(model)
    nodes = {name: model.distribution[name] for name in order}
    ratio = lowering.reactive_per_watt(model.grid.power_factor)
    tree = facility_lowering.lower_tree(nodes, ratio, model.simulation.tick_s)
    return {
        **tree._asdict(),
        "node_state": records(dtypes.NodeState, len(order)),
        "ride_state": records(dtypes.RideState, len(tree.ride)),
        "chain_state": records(dtypes.ChainState, len(tree.chain)),
        "node_load": np.zeros(len(order)),
        "node_input": np.zeros(len(order)),
        "node_loss": np.zeros(len(order)),
        "node_changed": np.zeros(len(order), dtype=np.int64),
    }


def _lower_generation(scenario: Scenario, pool: TracePool) -> tuple[Records, Records]:
    model = scenario.model
    tick_s = model.simulation.tick_s
    generation = records(dtypes.GenerationParams, len(model.generation))
    for g, (name, parameters) in enumerate(model.generation.items()):
        trace = scenario.traces[f"generation.{name}"]
        value = trace.power_w[:, :1]
        linear = parameters.trace_interpolation == "linear"
        pool.add(generation[g], trace.time_s / tick_s, value, linear, parameters.trace_repeat)
        measured_w = parameters.trace_rated_power_w or float(value.max())
        generation[g].scale = parameters.rated_power_w / measured_w
        generation[g].trace_offset_tick = lowering.in_ticks(parameters.trace_start_s, tick_s)
        generation[g].trace_length_tick = trace.length_s / tick_s
    return generation, records(dtypes.GenerationState, len(model.generation))


def role_limits(storage: Sequence[models.Storage]) -> dict[str, float]:
    """Rated power of all slow and of all fast units, W."""
    limits = {"slow": 0.0, "fast": 0.0}
    for unit in storage:
        assert unit.converter is not None  # the checks of a scenario see to it
        limits[unit.role] += unit.converter.rated_power_w
    return limits


def _lower_storage(model: models.ScenarioModel) -> dict[str, Any]:
    tick_s = model.simulation.tick_s
    units = list(model.storage.values())
    limits = role_limits(units)
    out: dict[str, Any] = {
        "converter": records(dtypes.ConverterParams, len(units)),
        "converter_state": records(dtypes.ConverterState, len(units)),
        "battery": records(dtypes.BatteryParams, len(units)),
        "battery_state": records(dtypes.BatteryState, len(units)),
        "container": records(dtypes.ContainerParams, len(units)),
        "supercapacitor": records(dtypes.SupercapacitorParams, len(units)),
        "supercapacitor_state": records(dtypes.SupercapacitorState, len(units)),
        "support": records(dtypes.SupportParams, len(units)),
        "support_state": records(dtypes.SupportState, len(units)),
        "unit_soc": np.zeros(len(units)),
    }
    tables: list[Floats] = []
    cells: list[Floats] = []
    losses: list[Floats] = [np.zeros(1)]
    delays = 0
    for u, unit in enumerate(units):
        assert unit.converter is not None
        share = unit.converter.rated_power_w / limits[unit.role]
        first = sum(map(len, losses))
        losses.append(lowering.lower_converter(out["converter"][u], unit, share, tick_s, first, delays))
        delays += 2 * int(out["converter"][u].delay_tick)
        out["converter_state"][u].override_w = math.nan
        if unit.support is not None:
            nominal_hz = model.grid.nominal_frequency_hz
            support.lower_support(out["support"][u], unit.support, unit.converter, nominal_hz, tick_s)
        if unit.battery is not None:
            places = (sum(map(len, tables)), sum(part.size for part in cells))
            record = out["battery"][u]
            tables.append(
                battery_lowering.lower_battery(record, unit.battery, unit.container, places, tick_s)
            )
            if unit.container is not None:
                battery_lowering.lower_container(out["container"][u], unit.battery, unit.container, tick_s)
            cells.append(np.zeros((dtypes.CELL_ROWS, record.groups)))
            battery_lowering.start_battery(
                out["battery_state"][u], cells[-1], unit.battery, unit.container, tick_s
            )
            out["unit_soc"][u] = unit.battery.soc_initial
        elif unit.supercapacitor is not None:
            cell = out["supercapacitor"][u]
            lowering.lower_supercapacitor(cell, unit.supercapacitor, tick_s)
            start = unit.supercapacitor.soc_initial
            out["supercapacitor_state"][u].energy_j = cell.energy_empty_j + start * cell.energy_usable_j
            out["unit_soc"][u] = start
    out["table"] = np.concatenate(tables) if tables else np.zeros(1)
    out["cell"] = np.concatenate([part.reshape(-1) for part in cells]) if cells else np.zeros(1)
    out["converter_table"] = np.concatenate(losses)
    out["converter_ring"] = np.zeros(max(1, delays))
    return out


def _lower_bus(scenario: Scenario) -> dict[str, Any]:
    model = scenario.model
    tick_s = model.simulation.tick_s
    cooling = records(dtypes.CoolingParams, 1)
    lowering.fill(cooling[0], model.cooling)
    cooling[0].decay = lowering.lag_decay(model.cooling.time_constant_s, tick_s)
    control = records(dtypes.ControlParams, 1)
    limits = role_limits(list(model.storage.values()))
    lowering.lower_control(control[0], model.control, (limits["slow"], limits["fast"]), tick_s)
    grid = records(dtypes.GridParams, 1)
    reference_w = model.grid.reference_power_w or loading.mean_import_w(scenario)
    lowering.lower_grid(grid[0], model.grid, loading.rated_power_w(scenario), reference_w, tick_s)
    event = supply_lowering.event_records(model.grid.event, tick_s)
    grid[0].events = len(event)
    grid_state = start_grid(model.grid)
    ring = np.zeros(int(control[0].delay_tick + 1 + max(1, control[0].average_count)))
    return {
        "cooling": cooling, "cooling_state": records(dtypes.CoolingState, 1),
        "control": control, "control_state": records(dtypes.ControlState, 1), "ring": ring,
        "grid": grid, "grid_state": grid_state, "grid_event": event,
        **shedding_records(model.grid, tick_s),
        "frequency_ring": np.zeros(int(grid[0].window_tick)),
        **_lower_supply(model, float(grid[0].base_va)),
    }  # fmt: skip


def shedding_records(grid: models.Grid, tick_s: float) -> dict[str, Records]:
    """Stages of load shedding and their state."""
    shedding = records(dtypes.SheddingStage, len(grid.load_shedding))
    for j, stage in enumerate(grid.load_shedding):
        frequency.lower_stage(shedding[j], stage, grid.nominal_frequency_hz, tick_s)
    return {"shedding": shedding, "shedding_state": records(dtypes.SheddingState, len(shedding))}


def start_grid(grid: models.Grid) -> Records:
    """State of the grid before the first tick."""
    state = records(dtypes.GridState, 1)
    state[0].event_voltage_pu = 1.0
    state[0].event_impedance = 1.0
    state[0].playback_voltage_pu = 1.0
    state[0].bus_voltage_pu = 1.0
    state[0].frequency_hz = grid.nominal_frequency_hz
    return state


def _lower_supply(model: models.ScenarioModel, base_va: float) -> dict[str, Any]:
    """Switching at the POI, the island, and the units that form it."""
    tick_s = model.simulation.tick_s
    units = list(model.storage.values())
    names = ("tap_changer", "tap_changer_state", "capacitor_bank", "capacitor_bank_state")
    out = dict(zip(names, switching_records(model.grid, base_va, tick_s), strict=True))
    out["island"], out["island_state"] = records(dtypes.IslandParams, 1), records(dtypes.IslandState, 1)
    supply_lowering.lower_island(out["island"][0], out["island_state"][0], model.grid, base_va, tick_s)
    forming = records(dtypes.FormingParams, len(units))
    state = records(dtypes.FormingState, len(units))
    for u, unit in enumerate(units):
        supply_lowering.lower_forming(forming[u], state[u], unit, base_va, tick_s)
    rated_w = [
        unit.converter.rated_power_w * forming[u].present for u, unit in enumerate(units) if unit.converter
    ]
    if sum(rated_w) > 0.0:
        forming.weight = np.asarray(rated_w) / sum(rated_w)
    return {**out, "forming": forming, "forming_state": state}


def switching_records(grid: models.Grid, base_va: float, tick_s: float) -> tuple[Records, ...]:
    """Parameters and state of the tap changer, then of the capacitor bank."""
    tap, tap_state = records(dtypes.TapChangerParams, 1), records(dtypes.TapChangerState, 1)
    supply_lowering.lower_tap_changer(tap[0], tap_state[0], grid.tap_changer, tick_s)
    bank, bank_state = records(dtypes.CapacitorBankParams, 1), records(dtypes.CapacitorBankState, 1)
    supply_lowering.lower_capacitor_bank(bank[0], bank_state[0], grid.capacitor_bank, base_va, tick_s)
    return tap, tap_state, bank, bank_state


def build_plant(scenario: Scenario, envelope_tick: int) -> Plant:
    """All buffers of a site in their state before the first tick.

    Parameters
    ----------
    scenario
        Checked scenario.
    envelope_tick
        Length of the finest envelope bucket, ticks.
    """
    pool = TracePool()
    job, job_state, levels = _lower_jobs(scenario, pool)
    generation, generation_state = _lower_generation(scenario, pool)
    playback = records(dtypes.PlaybackParams, 1)
    playback_lowering.lower_playback(
        playback[0], scenario.model.grid.playback, scenario.playback, pool, scenario.model.simulation.tick_s
    )
    record = records(dtypes.RecordParams, 1)
    record[0].envelope_tick = envelope_tick
    trace_time, trace_value = pool.arrays()
    signals = len(signal_names(scenario.model))
    return Plant(
        site=_lower_site(scenario), job=job, job_state=job_state,
        generation=generation, generation_state=generation_state, playback=playback, record=record,
        clock=np.zeros(2, dtype=np.int64), trace_time=trace_time, trace_value=trace_value,
        level=np.zeros(max(1, levels)), generation_level=np.zeros(1), playback_level=np.zeros(2),
        signal=aligned_zeros(signals), meter=aligned_zeros(signals), meter_carry=aligned_zeros(signals),
        bucket_low=aligned_zeros(signals), bucket_high=aligned_zeros(signals),
        bucket_total=aligned_zeros(signals),
        scratch=np.zeros((SCRATCH_ROWS, TILE_LANES)),
        **_lower_racks(scenario), **_lower_nodes(scenario.model), **_lower_storage(scenario.model),
        **_lower_bus(scenario),
    )  # fmt: skip


def build_chunk(
    keep: Sequence[int], signals: int, ticks: int, envelope_tick: int, events: int
) -> ChunkBuffers:
    """Output buffers for at most ``ticks`` ticks and ``events`` events."""
    buckets = ticks // envelope_tick + 2
    return ChunkBuffers(
        keep=np.asarray(keep, dtype=np.int64),
        full=np.zeros((ticks, len(keep))),
        envelope=np.zeros((buckets, 3, signals)),
        event_index=np.zeros((events, 4), dtype=np.int64),
        event_value=np.zeros((events, 2)),
        tally=np.zeros(4, dtype=np.int64),
    )
