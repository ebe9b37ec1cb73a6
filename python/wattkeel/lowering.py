"""From a scenario's parameters to the records of the core, stage by stage.

Everything that the kernels need once per run is computed here, once, in Python, and shared by both engines:
exponentials of lags, reciprocals, rates per tick. So no kernel calls a transcendental function and both
engines start from the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import conversion, frequency
from wattkeel._generated import models
from wattkeel._generated.dtypes import CHOICES

KNOTS = 8
STEEP = 1e9  # reciprocal of a ramp of no length, per tick


def in_ticks(time_s: float, tick_s: float) -> float:
    """``time_s`` in ticks; a whole number where it is one but for rounding."""
    ticks = time_s / tick_s
    if math.isfinite(ticks):
        whole = float(round(ticks))
        if abs(ticks - whole) <= 1e-9 * max(1.0, abs(whole)):
            return whole
    return ticks


def per_tick(time_s: float, tick_s: float) -> float:
    """Reciprocal of a time in ticks, bounded for a time of zero."""
    return min(STEEP, tick_s / time_s) if time_s > 0.0 else STEEP


def lag_decay(time_constant_s: float, step_s: float) -> float:
    """Factor of the exact zero-order-hold update of a first-order lag; 0 for no lag."""
    return math.exp(-step_s / time_constant_s) if time_constant_s > 0.0 else 0.0


def rounding_magic(bound: float) -> float:
    """1.5 * 2^52 quanta, the quantum being small enough for ``bound`` and large enough for exact sums.

    With 2^e >= bound the quantum is 2^(e-50): a sum stays below 2^53 quanta as long as it stays below
    8 bound, and one value is rounded by at most 2^-51 of the bound.
    """
    exponent = math.ceil(math.log2(max(bound, 1e-6)))
    return float(1.5 * 2.0**52 * 2.0 ** (exponent - 50))


def reciprocal(value: float) -> float:
    """1/value, and 0 for 0."""
    return 1.0 / value if value != 0.0 else 0.0


def reactive_per_watt(power_factor: float) -> float:
    """Q/P of a load at a power factor."""
    return math.sqrt(1.0 - power_factor**2) / power_factor


def fill(record: Any, parameters: models.Parameters) -> None:
    """Copy the input rows that a core struct shares with its parameter model."""
    model = type(parameters)
    for name in record.dtype.names:
        if name in model.model_fields:
            value = getattr(parameters, name)
            codes = CHOICES.get(f"{model.__name__}.{name}")
            record[name] = codes[value] if codes is not None else value


def loss_law(
    rated_w: float,
    parabola: tuple[float, float, float],
    load_pu: Sequence[float],
    efficiency: Sequence[float],
) -> dict[str, Any]:
    """Coefficients of ``loss_curve`` from a + b x + c x^2 of rating, or from an efficiency table.

    A table is exact at its points; its loss is linear between them, follows the first segment down to no
    load (but not below zero) and the last segment beyond, where it does not fall.
    """
    law: dict[str, Any] = {
        "loss_0_w": parabola[0] * rated_w,
        "loss_1": parabola[1],
        "loss_2_per_w": parabola[2] / rated_w,
        "knots": 0,
        "knot_w": np.zeros(KNOTS),
        "knot_slope": np.zeros(KNOTS),
    }
    if not load_pu:
        return law
    output_w = np.asarray(load_pu, dtype=np.float64) * rated_w
    loss_w = output_w * (1.0 / np.asarray(efficiency, dtype=np.float64) - 1.0)
    slopes = np.diff(loss_w) / np.diff(output_w)
    idle_w = max(0.0, loss_w[0] - slopes[0] * output_w[0]) if len(slopes) else 0.0
    slopes = np.concatenate(([(loss_w[0] - idle_w) / output_w[0]], slopes))
    slopes = np.append(slopes, max(0.0, slopes[-1]))
    law.update(loss_0_w=idle_w, loss_1=slopes[0], loss_2_per_w=0.0, knots=len(output_w))
    law["knot_w"][: len(output_w)] = output_w
    law["knot_slope"][: len(output_w)] = np.diff(slopes)
    return law


def apply_law(law: dict[str, Any], output_w: float) -> float:
    """Loss at one output, W; for sizing before a run."""
    over = np.maximum(output_w - law["knot_w"], 0.0)
    return float(
        law["loss_0_w"]
        + output_w * (law["loss_1"] + law["loss_2_per_w"] * output_w)
        + np.dot(law["knot_slope"], over)
    )


def lower_job(record: Any, job: models.Workload, stream: int, tick_s: float) -> None:
    """Clock and levels of one job; the trace rows are set where the traces are pooled."""
    fill(record, job)
    record.stream = stream
    record.start_tick = in_ticks(job.start_s, tick_s)
    record.stop_tick = in_ticks(job.stop_s, tick_s)
    record.start_ramp_per_tick = per_tick(job.start_ramp_s, tick_s)
    record.stop_ramp_per_tick = per_tick(job.stop_ramp_s, tick_s)
    record.phase_tick = in_ticks(job.phase_s, tick_s)
    record.period_tick = in_ticks(job.period_s, tick_s)
    record.compute_fraction_core = job.compute_fraction
    record.edge_per_tick = per_tick(job.edge_s, tick_s)
    record.checkpoint_tick = in_ticks(job.checkpoint_s, tick_s)
    record.straggler_tick = in_ticks(job.straggler_s, tick_s)
    record.rack_jitter_tick = in_ticks(job.rack_jitter_s, tick_s)


def start_job(state: Any, record: Any) -> None:
    """State before the first iteration: it begins ``phase`` after the start."""
    begin = record.start_tick + record.phase_tick
    state.iteration = -1
    state.begin_tick = math.floor(begin)
    state.begin_fraction = begin - math.floor(begin)


def lower_gpu(record: Any, gpu: models.Gpu, tick_s: float) -> None:
    """Smoothing settings per tick."""
    fill(record, gpu)
    record.floor_w = gpu.percent_tmp_floor / 100.0 * gpu.rated_power_w
    record.ramp_up_w_per_tick = gpu.ramp_up_w_per_s * tick_s
    record.ramp_down_w_per_tick = gpu.ramp_down_w_per_s * tick_s
    record.hysteresis_tick = in_ticks(gpu.ramp_down_hysteresis_ms / 1000.0, tick_s)
    record.edp_decay = lag_decay(gpu.edp_time_constant_s, tick_s)
    record.edp_max_w = (gpu.edp_factor - 1.0) * gpu.rated_power_w
    record.edp_mean = (1.0 - record.edp_decay) * gpu.edp_time_constant_s / tick_s
    record.edp_gain = record.edp_max_w / (gpu.rated_power_w - gpu.idle_power_w)


def unsmoothed(gpu: models.Gpu) -> models.Gpu:
    """The GPU without caps, floors, ramps and overshoot: for a trace that has them in it."""
    none = {"cap_w": math.inf, "percent_tmp_floor": 0.0, "secondary_floor_w": 0.0, "edp_factor": 1.0}
    return gpu.model_copy(update={**none, "ramp_up_w_per_s": math.inf, "ramp_down_w_per_s": math.inf})


def rack_law(rack: models.Rack, gpu: models.Gpu) -> dict[str, Any]:
    """Coefficients of the PSU loss of one rack in its chosen form."""
    rated_w = rack.psu_rated_w or 1.25 * rack_load_w(rack, gpu, gpu.rated_power_w)
    if rack.psu_form == "table":
        return loss_law(rated_w, (0.0, 0.0, 0.0), rack.psu_load_pu, rack.psu_efficiency)
    if rack.psu_form == "offset":
        eta = rack.psu_offset_efficiency
        law = loss_law(1.0, (0.0, 0.0, 0.0), (), ())
        law.update(loss_0_w=rack.psu_offset_w / eta, loss_1=1.0 / eta - 1.0)
        return law
    return loss_law(rated_w, (rack.psu_loss_a, rack.psu_loss_b, rack.psu_loss_c), (), ())


def rack_load_w(rack: models.Rack, gpu: models.Gpu, gpu_power_w: float) -> float:
    """Load on the PSU's output side of one rack at a given power per GPU, W."""
    return rack.gpus_per_rack * gpu_power_w * (1.0 + rack.overhead_fraction) + rack.overhead_w


def lower_rack(record: Any, rack: models.Rack, gpu: models.Gpu, bypass: bool, tick_s: float) -> None:
    """Overhead, shelf store and PSU of a population; ``bypass`` for a trace measured at the rack inlet."""
    fill(record, rack)
    record.lane_count = rack.count
    record.gpus = float(rack.gpus_per_rack)
    law = loss_law(1.0, (0.0, 0.0, 0.0), (), ()) if bypass else rack_law(rack, gpu)
    for name, value in law.items():
        record[name] = value
    if bypass:
        record.overhead_w = 0.0
        record.overhead_fraction = 0.0
    record.store_charge_factor = rack.store_efficiency
    record.store_discharge_factor = 1.0 / rack.store_efficiency
    record.store_average_decay = lag_decay(rack.store_average_s, tick_s)
    record.store_target_j = rack.store_soc_initial * rack.store_energy_j
    record.store_recovery_per_s = (1.0 - lag_decay(rack.store_recovery_s, tick_s)) / tick_s


def node_law(node: models.Distribution) -> dict[str, Any]:
    """Coefficients of the loss of all units of a node together."""
    parabola = (node.loss_a, node.loss_b, node.loss_c)
    return loss_law(node.rated_power_w * node.count, parabola, node.load_pu, node.efficiency)


def lower_node(record: Any, node: models.Distribution, parent: int) -> None:
    """Losses of all units of a node together; they share their load evenly."""
    record.parent_index = parent
    record.ride_index = record.chain_index = -1
    record.rated_w = node.rated_power_w * node.count
    for name, value in node_law(node).items():
        record[name] = value


def lower_impedance(record: Any, node: models.Distribution, impedance_pu: float) -> None:
    """Short-circuit impedance of transformers alone: the load loss is its resistance, the rest reactance."""
    record.base_va = node.rated_power_w * node.count
    record.per_base = 1.0 / record.base_va
    record.resistance_pu = min(node.loss_c, impedance_pu)
    record.reactance_pu = math.sqrt(impedance_pu**2 - record.resistance_pu**2)


def lower_converter(
    record: Any,
    storage: models.Storage,
    share: float,
    tick_s: float,
    table_first: int = 0,
    ring_first: int = 0,
) -> NDArray[np.float64]:
    """Rating, capability, losses and response of a storage unit's converter.

    Returns its part of ``converter_table``, which is to stand at ``table_first``; its dead time takes
    ``2 * record.delay_tick`` entries of ``converter_ring`` from ``ring_first``.
    """
    converter = storage.converter
    assert converter is not None  # the checks of a scenario see to it
    fill(record, converter)
    record.kind = CHOICES["Storage.kind"][storage.kind]
    record.fast = 1 if storage.role == "fast" else 0
    record.limit_va = converter.apparent_power_va or converter.rated_power_w
    record.limit_w = min(converter.rated_power_w, record.limit_va)
    record.per_limit_w = 1.0 / record.limit_w
    record.per_limit_va = 1.0 / record.limit_va
    record.most_w = record.limit_w * converter.overload_pu
    record.most_va = record.limit_va * converter.overload_pu
    record.overload_extra = converter.overload_pu - 1.0
    record.overload_room = record.overload_extra * converter.overload_s / tick_s
    record.overload_use = reciprocal(record.overload_room)
    record.overload_recover = tick_s / converter.overload_recovery_s
    record.delay_tick = round(converter.delay_s / tick_s)
    record.ring_first = ring_first
    lag_s = converter.time_constant_s
    record.decay = lag_decay(lag_s, tick_s)
    record.lag_per_tick = tick_s / lag_s if lag_s > 0.0 else 0.0
    record.ramp_w_per_tick = converter.ramp_w_per_s * tick_s
    record.ramp_lag_w = converter.ramp_w_per_s * lag_s if converter.ramp_w_per_s < math.inf else math.inf
    record.share = share
    record.power_round_w = rounding_magic(record.most_va)
    return lower_losses(record, converter, table_first)


def lower_losses(record: Any, converter: models.Converter, table_first: int) -> NDArray[np.float64]:
    """Loss law of both directions; returns their tables, AC powers then losses in W."""
    rated_w = converter.rated_power_w
    tables: list[NDArray[np.float64]] = [np.zeros(0)]
    record.no_load_w = converter.no_load_loss * rated_w
    for way in (0, 1):
        curve = conversion.loss_curve(converter, charge=way == 1)
        a, b, c = curve.coefficients
        record.law[way] = 1 if curve.form == "efficiency" else 0
        record.loss_0_w[way], record.loss_1[way], record.loss_2_per_w[way] = a * rated_w, b, c / rated_w
        record.idle_w[way] = max(converter.no_load_loss, float(curve(0.0))) * rated_w
        if not curve.smooth:
            load, loss = curve.table(max(1.0, converter.overload_pu))
            record.law[way] = 2
            record.table_first[way] = table_first + sum(map(len, tables))
            record.table_points[way] = len(load)
            tables += [load * rated_w, loss * rated_w]
    square = converter.reactive_loss or converter.loss_c
    if converter.loss_form == "table" and converter.reactive_loss == 0.0:
        rise = conversion.loss_pu(converter, [0.0, 1.0])
        square = max(0.0, float(rise[1] - rise[0]))
    record.reactive_loss_per_w = square / rated_w
    return np.concatenate(tables)


def lower_supercapacitor(record: Any, cell: models.Supercapacitor, tick_s: float) -> None:
    """Capacitance, resistance, leakage and energy limits."""
    fill(record, cell)
    span = cell.voltage_max_v**2 - cell.voltage_min_v**2
    record.capacitance_core_f = cell.capacitance_f or 2.0 * cell.energy_j / span
    record.two_per_farad = 2.0 / record.capacitance_core_f
    record.resistance_ohm = cell.time_constant_s / record.capacitance_core_f
    record.per_ohm = reciprocal(record.resistance_ohm)
    record.voltage_least_v = 1e-6 * cell.voltage_max_v
    record.leakage_per_s = -math.expm1(-2.0 * tick_s / cell.leakage_time_constant_s) / tick_s
    record.energy_empty_j = 0.5 * record.capacitance_core_f * cell.voltage_min_v**2
    record.energy_usable_j = 0.5 * record.capacitance_core_f * span
    record.soc_per_j = 1.0 / record.energy_usable_j
    record.energy_min_j = record.energy_empty_j + cell.soc_min * record.energy_usable_j
    record.energy_max_j = record.energy_empty_j + cell.soc_max * record.energy_usable_j


def lower_control(record: Any, control: models.Control, limits_w: tuple[float, float], tick_s: float) -> None:
    """Periods in ticks and filters per control period; ``limits_w`` of slow and fast units together."""
    fill(record, control)
    record.period_tick = max(1, round(control.period_s / tick_s))
    period_s = record.period_tick * tick_s
    record.delay_tick = round(control.measurement_delay_s / tick_s)
    record.average_count = round(control.average_s / period_s)
    record.delay_first = 0
    record.average_first = record.delay_tick + 1
    record.ramp_up_w_per_period = control.ramp_up_w_per_s * period_s
    record.ramp_down_w_per_period = control.ramp_down_w_per_s * period_s
    record.split_decay = math.exp(-2.0 * math.pi * control.split_hz * period_s)
    record.shape_decay = math.exp(-2.0 * math.pi * control.shape_hz * period_s)
    record.slow_limit_w, record.fast_limit_w = limits_w
    if limits_w[0] <= 0.0:
        record.soc_gain_w = 0.0  # no slow unit, no SoC to recover
    if limits_w[1] <= 0.0:
        record.fast_soc_gain_w = 0.0


def lower_network(record: Any, grid: models.Grid, rated_w: float) -> None:
    """Impedances from the source to the site bus, per unit of ``rated_w`` and the nominal voltage."""
    per_ohm = rated_w / grid.nominal_voltage_v**2
    if grid.source_resistance_ohm > 0.0 or grid.source_reactance_ohm > 0.0:
        record.resistance_pu = grid.source_resistance_ohm * per_ohm
        record.reactance_pu = grid.source_reactance_ohm * per_ohm
    else:
        record.resistance_pu = 1.0 / grid.scr / math.sqrt(1.0 + grid.x_over_r**2)
        record.reactance_pu = record.resistance_pu * grid.x_over_r
    if grid.playback is not None and grid.playback.at == "poi":
        # The measured voltage is that of the POI itself: an ideal source.
        record.resistance_pu = record.reactance_pu = 0.0
    record.cable_resistance_pu = grid.cable_resistance_ohm * per_ohm
    record.cable_reactance_pu = grid.cable_reactance_ohm * per_ohm
    transformer_va = grid.transformer_rated_va or rated_w
    size, resistance = grid.transformer_impedance, grid.transformer_load_loss
    record.transformer_resistance_pu = resistance * rated_w / transformer_va
    reactance = math.sqrt(max(0.0, size**2 - resistance**2))
    record.transformer_reactance_pu = reactance * rated_w / transformer_va
    record.transformer_loss_0_w = grid.transformer_no_load_loss * transformer_va
    record.reactive_per_watt = reactive_per_watt(grid.power_factor)


def lower_grid(record: Any, grid: models.Grid, rated_w: float, reference_w: float, tick_s: float) -> None:
    """Source impedance, transformer and frequency model.

    ``rated_w`` is the contracted power; ``reference_w`` the import at which the area is balanced, NaN for
    that of the first tick.
    """
    fill(record, grid)
    record.base_va = rated_w
    record.per_base = 1.0 / rated_w
    lower_network(record, grid, rated_w)
    record.reference_core_w = reference_w
    record.per_system = 1.0 / grid.system_power_w
    frequency.lower_frequency(record, grid, tick_s)
