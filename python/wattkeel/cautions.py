"""What a valid scenario allows but hardly means: a lost factor, a coarse tick, a rule not judged.

Nothing here stops a run. Every caution names a place, its value, and what to do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from wattkeel import battery_lowering, conversion, lowering, support
from wattkeel._generated import dtypes
from wattkeel._generated.models import Battery, Container, Converter, Perc1, Rack, Workload
from wattkeel.loading import is_bypassed, peak_gpu_w, peak_load_w, rated_power_w
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

__all__ = ["cautions"]

# Peak of a GPU over its rated power: above short overshoots (edp_factor), below two GPUs in one column.
_GPU_PEAK_SHARE = 1.5
# Ticks in an iteration, and in the average of a shelf store, below which their course is lost.
_TICKS_PER_PERIOD = 10.0
_TICKS_PER_AVERAGE = 5.0
# Time constants of a converter that a tick may last: beyond, its answer lies within one tick.
_LAGS_PER_TICK = 2.0
# Power of a battery over its energy, per hour: well above the 1C of cells for storage, so a slip of units.
_MOST_C = 20.0
# Distance of a loop from instability (modulus margin) below which it rings.
_LEAST_MARGIN = 0.2
# Susceptance of capacitors times reactance to the source, above which they are near resonance at power
# frequency: without load they raise the voltage by 1 / (1 - 0.3), 43 %.
_MOST_RAISE = 0.3
_ROUNDING = 1e-9
_HOUR_S = 3600.0
_WINDOWED = ("ramp", "power_variation")


def cautions(scenario: Scenario) -> list[str]:
    """Find what is allowed but deserves a second look.

    Parameters
    ----------
    scenario
        Scenario that has passed all checks, with its traces.

    Returns
    -------
    list of str
        Place, value, what is odd about it, and what to do.
    """
    return [
        *_traces(scenario),
        *_ticks(scenario),
        *_psus(scenario),
        *_distribution(scenario),
        *_grid(scenario),
        *_storage(scenario),
        *_support(scenario),
        *_control(scenario),
        *_compliance(scenario),
    ]


def _traces(scenario: Scenario) -> Iterator[str]:
    """Tell of traces that measure more than the GPUs they are said to measure."""
    model = scenario.model
    told = set()
    for rack in model.rack.values():
        job, gpu = model.workload[rack.workload], model.gpu[rack.gpu]
        if job.kind != "trace" or is_bypassed(job) or (rack.workload, rack.gpu) in told:
            continue
        told.add((rack.workload, rack.gpu))
        peak_w = float(scenario.traces[f"workload.{rack.workload}"].power_w.max()) / job.trace_gpus
        if peak_w > _GPU_PEAK_SHARE * gpu.rated_power_w:
            yield (
                f"workload.{rack.workload}.trace_gpus: {job.trace_gpus:g} makes "
                f"{format_quantity(peak_w, 'W')} per GPU at the peak of the trace, more than "
                f"{_GPU_PEAK_SHARE:g} times the {format_quantity(gpu.rated_power_w, 'W')} of gpu.{rack.gpu}; "
                "give the GPUs that one column measures"
            )


def _ticks(scenario: Scenario) -> Iterator[str]:
    """Tell of what a tick is too coarse for."""
    model = scenario.model
    tick_s = model.simulation.tick_s
    for name, job in model.workload.items():
        yield from _job_ticks(f"workload.{name}", job, tick_s)
    for name, rack in model.rack.items():
        store = rack.store_energy_j > 0.0 and rack.store_power_w > 0.0
        if store and _exceeds(tick_s, rack.store_average_s / _TICKS_PER_AVERAGE):
            place = f"rack.{name}.store_average_s"
            yield _coarse(place, rack.store_average_s, tick_s, rack.store_average_s / _TICKS_PER_AVERAGE)
    for name, unit in model.storage.items():
        lag_s = unit.converter.time_constant_s if unit.converter else 0.0
        if lag_s > 0.0 and _exceeds(tick_s, _LAGS_PER_TICK * lag_s):
            place = f"storage.{name}.converter.time_constant_s"
            yield _coarse(place, lag_s, tick_s, _LAGS_PER_TICK * lag_s)


def _job_ticks(place: str, job: Workload, tick_s: float) -> Iterator[str]:
    if job.kind != "training":
        return
    if _exceeds(tick_s, job.period_s / _TICKS_PER_PERIOD):
        yield _coarse(f"{place}.period_s", job.period_s, tick_s, job.period_s / _TICKS_PER_PERIOD)
    if job.edge_s > 0.0 and _exceeds(tick_s, job.edge_s):
        yield _coarse(f"{place}.edge_s", job.edge_s, tick_s, job.edge_s)


def _exceeds(value: float, limit: float) -> bool:
    return value > limit * (1.0 + _ROUNDING)


def _coarse(place: str, time_s: float, tick_s: float, needed_s: float) -> str:
    return (
        f"{place}: {format_quantity(time_s, 's')} is not resolved by a tick of "
        f"{format_quantity(tick_s, 's')}; set simulation.tick to {format_quantity(needed_s, 's')} or less"
    )


def _psus(scenario: Scenario) -> Iterator[str]:
    model = scenario.model
    for name, rack in model.rack.items():
        if rack.psu_rated_w <= 0.0 or is_bypassed(model.workload[rack.workload]):
            continue
        largest_w = _rack_peak_w(scenario, rack)
        if _exceeds(largest_w, rack.psu_rated_w):
            yield (
                f"rack.{name}.psu_rated_w: {format_quantity(rack.psu_rated_w, 'W')} is below the largest "
                f"load of a rack, {format_quantity(largest_w, 'W')}; give the rating of all its PSUs together"
            )


def _rack_peak_w(scenario: Scenario, rack: Rack) -> float:
    return lowering.rack_load_w(rack, scenario.model.gpu[rack.gpu], peak_gpu_w(scenario, rack))


def _distribution(scenario: Scenario) -> Iterator[str]:
    """Two chains in a row, and ride-through at ticks that its filter does not resolve."""
    nodes, tick_s = scenario.model.distribution, scenario.model.simulation.tick_s
    for name, node in nodes.items():
        above = node.feeds_from
        while node.dynamics != "none" and above in nodes:
            if nodes[above].dynamics != "none":
                yield (
                    f"distribution.{name}.dynamics: {above} upstream has dynamics too, and the published "
                    "chain reaches from the grid to the chips; keep one of them"
                )
                break
            above = nodes[above].feeds_from
        if node.ride_through == "none":
            continue
        filter_s = (node.perc1 or Perc1()).voltage_filter_s
        if 0.0 < filter_s < tick_s * (1.0 - _ROUNDING):
            yield (
                f"distribution.{name}.perc1.voltage_filter: {format_quantity(filter_s, 's')} lies within "
                f"one tick of {format_quantity(tick_s, 's')}; shorten the tick to see which sags make the "
                "load cease"
            )


def _grid(scenario: Scenario) -> Iterator[str]:
    """Tell of capacitors near resonance with the source, where the quasi-steady network means nothing."""
    grid, base_va = scenario.model.grid, rated_power_w(scenario)
    bank = grid.capacitor_bank
    if bank is None:
        return
    record = np.zeros(1, dtype=dtypes.GridParams).view(np.recarray)[0]
    lowering.lower_network(record, grid, base_va)
    reactance_pu = record.reactance_pu + record.cable_reactance_pu + record.transformer_reactance_pu
    all_var = bank.steps * bank.step_var
    raised = reactance_pu * all_var / base_va
    if _exceeds(raised, _MOST_RAISE):
        yield (
            f"grid.capacitor_bank.step_var: {bank.steps} steps make {format_quantity(all_var, 'var')}, "
            f"{raised:.2g} of the short-circuit power at the site bus: in resonance with the source at "
            f"{1.0 / math.sqrt(raised):.2g} times its frequency; use fewer or smaller steps"
        )


def _storage(scenario: Scenario) -> Iterator[str]:
    """Tell of converters that do not fit their cells, their site or themselves."""
    site_w = peak_load_w(scenario) if scenario.model.storage else 0.0
    for name, unit in scenario.model.storage.items():
        place = f"storage.{name}.converter"
        if unit.converter is None:  # not in a valid scenario
            continue
        if unit.kind == "battery" and unit.battery is not None:
            yield from _c_rate(place, unit.converter, unit.battery)
            yield from _cold(f"storage.{name}", unit.battery, unit.container)
            if unit.container is not None:
                yield from _cooling(f"storage.{name}.container", unit.container, unit.battery, unit.converter)
        yield from _converter(place, unit.converter, site_w)


def _support(scenario: Scenario) -> Iterator[str]:
    """Tell of grid support whose loop through the grid is unstable, or nearly so."""
    model = scenario.model
    units = {
        name: (unit.support, unit.converter)
        for name, unit in model.storage.items()
        if unit.support is not None and unit.converter is not None
    }
    if not units:
        return
    tick_s = model.simulation.tick_s
    loops = {
        "frequency": support.frequency_loop(model.grid, units.values(), tick_s)[1],
        "voltage": support.voltage_loop(model.grid, rated_power_w(scenario), units.values(), tick_s)[1],
    }
    gains = {"frequency": "frequency_gain and inertia", "voltage": "voltage_gain"}
    for word, loop in loops.items():
        least = support.margin(loop)
        if least < _LEAST_MARGIN:
            state = "is unstable" if least < 0.0 else f"comes within {least:.2g} of instability"
            yield (
                f"storage.{next(iter(units))}.support: the loop from the {word} through units and grid "
                f"{state} for small deviations at a tick of {format_quantity(tick_s, 's')}; lower "
                f"{gains[word]}, or shorten lags and dead time of measurement and converter"
            )


def _c_rate(place: str, converter: Converter, cells: Battery) -> Iterator[str]:
    string_wh = cells.cells_series * cells.cell_capacity_ah * cells.cell_voltage_v
    energy_j = cells.energy_j or cells.strings * string_wh * _HOUR_S
    rate = converter.rated_power_w * _HOUR_S / energy_j
    if _exceeds(rate, _MOST_C):
        yield (
            f"{place}.rated_power_w: {format_quantity(converter.rated_power_w, 'W')} on cells of "
            f"{format_quantity(energy_j, 'J')} is {rate:.3g}C, more than {_MOST_C:g}C; check both units"
        )


def _cold(place: str, cells: Battery, container: Container | None) -> Iterator[str]:
    """Tell of cells colder than their resistance tables, which are held there though the cold raises them."""
    if len(cells.resistance_temperature_k) == 0:
        return
    coldest_k = cells.resistance_temperature_k[0]
    given = {"battery.temperature_initial_k": cells.temperature_initial_k}
    if cells.cell_heat_capacity_j_per_k > 0.0 and cells.cell_heat_transfer_w_per_k > 0.0:
        if container is None:
            given["battery.air_temperature_k"] = cells.air_temperature_k
        else:
            given["container.set_temperature_k"] = container.set_temperature_k
    for key, kelvin in given.items():
        if _exceeds(coldest_k, kelvin):
            yield (
                f"{place}.{key}: {kelvin:g} K is below the coldest resistance of the cells, that of "
                f"{coldest_k:g} K, which is held there: loss and fall of voltage come out too small; "
                "give resistances at that temperature, or keep the cells warmer"
            )


def _cooling(place: str, container: Container, cells: Battery, converter: Converter) -> Iterator[str]:
    """Tell of cells that give off more heat than their containers carry off, by I^2 R at half charge."""
    if cells.cell_heat_capacity_j_per_k <= 0.0 or cells.cell_heat_transfer_w_per_k <= 0.0:
        return
    count = battery_lowering.battery_strings(cells) * cells.cells_series
    ocv_v = float(np.interp(0.5, cells.ocv_soc, cells.ocv_v))
    limit_a = cells.max_discharge_c * cells.cell_capacity_ah * cells.soh_capacity
    current_a = min(limit_a, converter.rated_power_w / (count * ocv_v))
    heat_w = count * current_a**2 * _cell_ohm(cells, container.set_temperature_k)
    cooling_w = battery_lowering.containers(cells, container) * container.cooling_power_w
    if _exceeds(heat_w, cooling_w):
        yield (
            f"{place}.cooling_power_w: {format_quantity(cooling_w, 'W')} in all is below the heat of the "
            f"cells at rated_power, about {format_quantity(heat_w, 'W')}: they warm up while that lasts; "
            "raise it, or lower rated_power"
        )


def _cell_ohm(cells: Battery, temperature_k: float) -> float:
    """Resistance of a cell in lasting discharge at half charge, its branches included, ohm."""
    slow = battery_lowering.slow_table(cells)
    warm, points = slow.values.shape[:2]
    at_k = min(max(round((temperature_k - slow.least_k) * slow.per_k), 0), warm - 1)
    here = slow.values[at_k, (points - 1) // 2]
    branches = [dtypes.SLOW_BRANCH_1_OHM + k for k in range(len(cells.rc_time_constant_s))]
    return cells.soh_resistance * float(sum(here[[dtypes.SLOW_DISCHARGE_OHM, *branches]]))


def _converter(place: str, converter: Converter, site_w: float) -> Iterator[str]:
    rated_w, apparent_va = converter.rated_power_w, converter.apparent_power_va
    standby = float(conversion.loss_pu(converter, 0.0))
    standby_w = standby * rated_w
    if _exceeds(standby_w, site_w):
        key = "loss_a" if converter.loss_form == "quadratic" else "efficiency"
        yield (
            f"{place}.{key}: {standby:g} of {format_quantity(rated_w, 'W')} loses "
            f"{format_quantity(standby_w, 'W')} at standstill, more than the largest load of the site, "
            f"{format_quantity(site_w, 'W')}; check rated_power"
        )
    if apparent_va > 0.0 and _exceeds(rated_w, apparent_va):
        yield (
            f"{place}.apparent_power_va: {format_quantity(apparent_va, 'VA')} is below rated_power, "
            f"{format_quantity(rated_w, 'W')}, which is never reached; raise it or lower rated_power"
        )


def _control(scenario: Scenario) -> Iterator[str]:
    model = scenario.model
    control = model.control
    if model.storage and control.target == "fixed" and control.target_power_w == 0.0:
        yield (
            "control.target_power_w: 0 W is held by target fixed: storage is to carry the whole site; "
            'give target_power, or write target = "follow"'
        )
    if control.soc_gain_w > 0.0 and not any(unit.role == "slow" for unit in model.storage.values()):
        yield (
            f"control.soc_gain_w: {format_quantity(control.soc_gain_w, 'W')} brings back slow units and "
            "there is none; remove it, or use fast_soc_gain"
        )
    fast = [name for name, unit in model.storage.items() if unit.role == "fast"]
    if control.target != "off" and fast and len(fast) == len(model.storage):
        yield (
            f"storage.{fast[0]}.role: fast, and no slow unit takes what is below control.split, "
            f"{format_quantity(control.split_hz, 'Hz')}: that stays with the grid; "
            'write role = "slow", or add a slow unit'
        )
    if _exceeds(control.measurement_delay_s, model.simulation.duration_s):
        yield (
            f"control.measurement_delay_s: {format_quantity(control.measurement_delay_s, 's')} is longer "
            f"than the run, {format_quantity(model.simulation.duration_s, 's')}; shorten it, or lengthen "
            "the run"
        )


def _compliance(scenario: Scenario) -> Iterator[str]:
    """Tell of rules for which the run is too short; those of profiles say so in their findings."""
    compliance, clock = scenario.model.compliance, scenario.model.simulation
    settle, run = format_quantity(compliance.settle_s, "s"), format_quantity(clock.duration_s, "s")
    if not (compliance.rule or compliance.profiles):
        return
    if compliance.settle_s >= clock.duration_s:
        yield (
            f"compliance.settle_s: {settle} is not shorter than the run, {run}: no rule will be evaluated; "
            "shorten it or lengthen the run"
        )
        return
    for index, rule in enumerate(compliance.rule):
        # A closed window has a sample at both ends.
        needed_s = compliance.settle_s + rule.window_s + clock.tick_s
        if rule.kind in _WINDOWED and _exceeds(needed_s, clock.duration_s):
            after = f" after {settle} of settling" if compliance.settle_s > 0.0 else ""
            yield (
                f"compliance.rule[{index}].window_s: {format_quantity(rule.window_s, 's')}{after} does not "
                f"fit into the run, {run}: rule {rule.name!r} will not be evaluated; "
                "shorten it or lengthen the run"
            )
