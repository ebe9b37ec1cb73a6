"""What one parameter alone cannot show: references, contradictions, sizes, times.

A check names the places that it reads. Where one of them has a fault already, the check says nothing, so that
a mistake is told once, and all other mistakes are told with it.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Sequence
from itertools import pairwise

from wattkeel import conversion
from wattkeel._generated.models import (
    Converter,
    Distribution,
    Rack,
    Rule,
    ScenarioModel,
    Storage,
    Supercapacitor,
    Workload,
)
from wattkeel.cell_checks import battery_findings, supercapacitor_findings
from wattkeel.errors import Fault, ScenarioError
from wattkeel.facility_checks import node_findings, tree_findings
from wattkeel.grid_checks import shedding_findings, support_findings
from wattkeel.normalise import SECTIONS, Tree, near
from wattkeel.playback_checks import playback_findings, playback_warnings
from wattkeel.profile_files import find_profile
from wattkeel.qualify_checks import qualify_findings
from wattkeel.resonance_checks import resonance_findings
from wattkeel.supply_checks import forming_findings, grid_findings
from wattkeel.toml_text import read_toml
from wattkeel.units import format_quantity

__all__ = ["Judge", "whole_ticks"]

# Sums over lanes are exact below this, see power_round_w in the spec.
_LARGEST_POWER_W = 8e12
_LONGEST_S = 3.2e9
_MOST_PLACES = 1e7
_LEAST_EFFICIENCY = 0.01
# Efficiencies are given to 0.01 %.
_EFFICIENCY_ROUNDING = 5e-5
_MOST_RACKS = 10_000_000
_MOST_TICKS = 1e11
_MOST_POINTS = 7
# Iteration lengths vary within six standard deviations (Irwin-Hall of 12).
_JITTER_REACH = 6.0


def whole_ticks(time_s: float, tick_s: float) -> int | None:
    """Ticks in a time that must be a whole number of them.

    Parameters
    ----------
    time_s, tick_s
        Time and tick, s.

    Returns
    -------
    int or None
        None when the time is not a whole multiple of the tick, to 1e-9 of it.
    """
    if not tick_s > 0.0:
        return None
    ratio = time_s / tick_s
    if not math.isfinite(ratio):
        return None
    count = round(ratio)
    return count if abs(ratio - count) <= 1e-9 * max(1.0, abs(ratio)) else None


def _quadratic_loss_w(power_w: float, rated_w: float, factors: tuple[float, float, float]) -> float:
    """Loss of a quadratic law at a load, W."""
    return factors[0] * rated_w + (factors[1] + factors[2] * power_w / max(rated_w, 1e-3)) * power_w


class Judge:
    """Checks across parameters.

    Parameters
    ----------
    model
        Scenario, without its faulty parts.
    tree
        Canonical tables with presets, before defaults: tells what was given.
    bad
        Canonical places that have faults already.
    """

    def __init__(self, model: ScenarioModel, tree: Tree, bad: set[str]) -> None:
        self.model = model
        self.tree = tree
        self.bad = bad
        self.faults: list[Fault] = []
        self.warnings: list[str] = []

    def is_bad(self, place: str) -> bool:
        """Whether a place, or a table that it lies in, has a fault already."""
        return any(place == bad or place.startswith((f"{bad}.", f"{bad}[")) for bad in self.bad)

    def fault(self, places: Sequence[str], value: object, message: str, remedy: str) -> None:
        """Keep a fault at the first place unless one of the places has a fault already."""
        if not any(self.is_bad(place) for place in places):
            self.faults.append(Fault(places[0], value, message, remedy))

    def all(self) -> None:
        """Run all checks."""
        self._simulation()
        self._references()
        self._distribution_tree()
        for name, job in self.model.workload.items():
            self._workload(f"workload.{name}", job)
        for name, gpu in self.model.gpu.items():
            place = f"gpu.{name}"
            if gpu.idle_power_w >= gpu.rated_power_w:
                message = f"must be below the rated power, {format_quantity(gpu.rated_power_w, 'W')}"
                places = [f"{place}.idle_power_w", f"{place}.rated_power_w"]
                self.fault(places, gpu.idle_power_w, message, "lower it or raise rated_power")
            if gpu.secondary_floor_w > gpu.rated_power_w:
                places = [f"{place}.secondary_floor_w", f"{place}.rated_power_w"]
                self.fault(places, gpu.secondary_floor_w, "is above the rated power", "lower it")
            if gpu.cap_w < gpu.idle_power_w:
                message = f"is below the idle power, {format_quantity(gpu.idle_power_w, 'W')}"
                self.fault([f"{place}.cap_w", f"{place}.idle_power_w"], gpu.cap_w, message, "raise the cap")
        for name, rack in self.model.rack.items():
            self._rack(f"rack.{name}", rack)
        for name, node in self.model.distribution.items():
            self._node(f"distribution.{name}", node)
        for name, unit in self.model.storage.items():
            self._storage(f"storage.{name}", unit)
        for name, entry in self.model.resonance.items():
            for places, value, message, remedy in resonance_findings(f"resonance.{name}", entry):
                self.fault(places, value, message, remedy)
        if self.model.qualify is not None:
            for places, value, message, remedy in qualify_findings(self.model.qualify):
                self.fault(places, value, message, remedy)
        self._size()
        self._control()
        self._grid()
        self._grid_playback()
        self._envelopes()
        self.compliance()
        self._signals()

    # -- clock ------------------------------------------------------------------------------------------

    def _simulation(self) -> None:
        clock = self.model.simulation
        places = ["simulation.duration_s", "simulation.tick_s"]
        ticks = clock.duration_s / clock.tick_s
        # Half a tick and more is rounded to one by the engine; a run without a tick is a mistake.
        if ticks < 1.0 - 1e-9:
            message = f"is shorter than one tick, {format_quantity(clock.tick_s, 's')}"
            self.fault(places, clock.duration_s, message, "lengthen the run or shorten the tick")
        elif ticks > _MOST_TICKS:
            message = f"makes {ticks:.3g} ticks, more than {_MOST_TICKS:.0e}"
            self.fault(places, clock.duration_s, message, "shorten the run or lengthen the tick")
        elif whole_ticks(clock.duration_s, clock.tick_s) is None:
            self.warnings.append("simulation.duration_s: not a whole number of ticks; it is rounded to one")

    def _whole(self, place: str, value_s: float) -> None:
        """Check a time that must be a whole number of ticks."""
        tick_s = self.model.simulation.tick_s
        if whole_ticks(value_s, tick_s) is None:
            message = f"must be a whole number of ticks of {format_quantity(tick_s, 's')}"
            nearest = max(1, round(min(value_s / tick_s, 1e15))) * tick_s
            self.fault([place, "simulation.tick_s"], value_s, message, f'the nearest is "{nearest:.9g} s"')

    def _control(self) -> None:
        control = self.model.control
        self._whole("control.period_s", control.period_s)
        self._whole("control.measurement_delay_s", control.measurement_delay_s)
        delay_s, tick_s = control.measurement_delay_s, self.model.simulation.tick_s
        self._places("control.measurement_delay_s", delay_s, "simulation.tick_s", tick_s)
        self._places("control.average_s", control.average_s, "control.period_s", control.period_s)
        for role, target in (("slow", control.soc_target), ("fast", control.fast_soc_target)):
            key = "control.soc_target" if role == "slow" else "control.fast_soc_target"
            for name, unit in self.model.storage.items():
                cells = unit.battery if unit.kind == "battery" else unit.supercapacitor
                if unit.role == role and cells and not cells.soc_min <= target <= cells.soc_max:
                    self.warnings.append(f"{key}: {target:g} lies outside the SoC window of storage.{name}")

    def _places(self, place: str, time_s: float, step_place: str, step_s: float) -> None:
        """Check that what a delay or an average remembers fits into memory."""
        if time_s / step_s > _MOST_PLACES:
            step = step_place.rpartition(".")[2].removesuffix("_s")
            message = f"holds {time_s / step_s:.3g} values, one a {step}, more than {_MOST_PLACES:.0e}"
            self.fault([place, step_place], time_s, message, f"shorten it or lengthen the {step}")

    def _grid(self) -> None:
        for finding in grid_findings("grid", self.model.grid):
            self.fault(*finding)
        duration_s = self.model.simulation.duration_s
        for index, event in enumerate(self.model.grid.event):
            if event.start_s >= duration_s:
                self.warnings.append(f"grid.event[{index}]: starts after the end of the run")
            elif event.start_s + event.duration_s > duration_s:
                self.warnings.append(f"grid.event[{index}]: lasts longer than the run")
        for finding in shedding_findings("grid", self.model.grid):
            self.fault(*finding)
        for index, stage in enumerate(self.model.grid.load_shedding):
            self._whole(f"grid.load_shedding[{index}].delay_s", stage.delay_s)

    def _grid_playback(self) -> None:
        for places, value, message, remedy in playback_findings(self.model):
            self.fault(places, value, message, remedy)
        self.warnings += playback_warnings(self.model)

    def _envelopes(self) -> None:
        periods = self.model.record.envelope_s
        for index, period_s in enumerate(periods):
            place = f"record.envelope_s[{index}]"
            if period_s <= 0.0:
                self.fault([place], period_s, "must be > 0, in s", "give a period of at least one tick")
                continue
            if period_s > _LONGEST_S:
                message = f"is out of range: <= {_LONGEST_S:.10g}, in s"
                self.fault([place], period_s, message, "shorten it")
                continue
            self._whole(place, period_s)
            if index and period_s <= periods[index - 1]:
                self.fault([place], period_s, "must be longer than the one before", "list them ascending")
            elif periods[0] > 0.0 and whole_ticks(period_s, periods[0]) is None:
                message = f"must be a whole multiple of the first, {format_quantity(periods[0], 's')}"
                self.fault([place, "record.envelope_s[0]"], period_s, message, "choose such a multiple")

    # -- references -------------------------------------------------------------------------------------

    def _names(self, section: str) -> list[str]:
        """Names of a section, of its faulty tables too."""
        return list(self.tree.get(section, {}))

    def _reference(self, place: str, section: str, name: str, others: Sequence[str] = ()) -> None:
        names = [*others, *self._names(section)]
        # A faulty name of a table is told by itself; whether it was meant here cannot be known.
        if name not in names and not self.is_bad(f"{section}.{name}"):
            self.fault([place], name, f"there is no {section} of that name", near(name, names))

    def _references(self) -> None:
        for name, rack in self.model.rack.items():
            self._reference(f"rack.{name}.gpu", "gpu", rack.gpu)
            self._reference(f"rack.{name}.workload", "workload", rack.workload)
            self._reference(f"rack.{name}.feeds_from", "distribution", rack.feeds_from, ["site"])
        for name, node in self.model.distribution.items():
            self._reference(f"distribution.{name}.feeds_from", "distribution", node.feeds_from, ["site"])
        used = {rack.workload for rack in self.model.rack.values()}
        idle = [name for name in self.model.workload if name not in used]
        if not any(bad.startswith("rack.") for bad in self.bad):
            self.warnings += [f"workload.{name}: no rack runs this job" for name in idle]

    def _distribution_tree(self) -> None:
        nodes = self.model.distribution
        for finding in tree_findings(nodes):
            self.fault(*finding)
        told: set[str] = set()
        for start in nodes:
            path = [start]
            while (above := nodes[path[-1]].feeds_from) in nodes and above not in path:
                path.append(above)
            if above in path and not told.intersection(path):
                loop = path[path.index(above) :]
                told.update(path)
                shown = " -> ".join([*loop, above])
                message = f"the tree has a cycle: {shown}"
                places = [f"distribution.{name}.feeds_from" for name in loop]
                self.fault(places, nodes[loop[0]].feeds_from, message, 'let one of them feed from "site"')

    # -- workload ---------------------------------------------------------------------------------------

    def _workload(self, place: str, job: Workload) -> None:
        if job.stop_s <= job.start_s:
            message = f"must come after the start, {format_quantity(job.start_s, 's')}"
            self.fault([f"{place}.stop_s", f"{place}.start_s"], job.stop_s, message, "stop later")
        elif job.start_ramp_s + job.stop_ramp_s > job.stop_s - job.start_s:
            places = [f"{place}.{key}" for key in ("stop_ramp_s", "start_ramp_s", "start_s", "stop_s")]
            message = "the ramps of start and stop do not fit between start and stop"
            self.fault(places, job.stop_ramp_s, message, "shorten them")
        if job.start_s >= self.model.simulation.duration_s:
            self.warnings.append(f"{place}.start_s: the job starts after the end of the run")
        if job.kind == "trace":
            if not job.trace:
                self.fault(
                    [f"{place}.trace", f"{place}.kind"], None, "is required", 'write trace = "file.csv"'
                )
            return
        if job.trace:
            remedy = 'add kind = "trace" to replay it, or remove trace'
            message = "is given, but the job is of kind training"
            self.fault([f"{place}.trace", f"{place}.kind"], job.trace, message, remedy)
        self._iteration(place, job)

    def _iteration(self, place: str, job: Workload) -> None:
        """Check that compute, edges and lateness fit in the shortest iteration."""
        keys = ("period_s", "compute_fraction", "edge_s", "straggler_s", "rack_jitter_s", "period_jitter")
        places = [f"{place}.{key}" for key in keys]
        shortest_s = job.period_s * (1.0 - _JITTER_REACH * job.period_jitter)
        compute_s = job.compute_fraction * shortest_s
        needed_s = compute_s + job.edge_s + job.straggler_s + job.rack_jitter_s
        tick_s = self.model.simulation.tick_s
        if shortest_s < tick_s:
            message = f"the shortest iteration, {format_quantity(shortest_s, 's')}, is less than one tick"
            self.fault(
                [*places, "simulation.tick_s"], job.period_s, message, "lengthen it or shorten the tick"
            )
        elif needed_s > shortest_s * (1.0 + 1e-12):
            message = (
                f"compute, edge, straggler and jitter take {format_quantity(needed_s, 's')} of the shortest "
                f"iteration, {format_quantity(shortest_s, 's')}"
            )
            self.fault(places, job.period_s, message, "lengthen the period or shorten the others")
        elif job.edge_s > compute_s:
            message = f"is longer than compute, {format_quantity(compute_s, 's')}"
            self.fault([places[2], *places], job.edge_s, message, "shorten it or raise compute_fraction")
        if job.checkpoint_every and job.edge_s > job.checkpoint_s:
            places = [f"{place}.checkpoint_s", f"{place}.edge_s"]
            self.fault(places, job.checkpoint_s, "is shorter than the edge", "lengthen the checkpoint")

    # -- racks and distribution -------------------------------------------------------------------------

    def _rack(self, place: str, rack: Rack) -> None:
        store = (rack.store_energy_j, rack.store_power_w)
        places = [f"{place}.store_energy_j", f"{place}.store_power_w"]
        if store[1] > 0.0 >= store[0]:
            self.fault(places[::-1], store[1], "a shelf store with power but no energy", "give store_energy")
        if store[0] > 0.0 >= store[1]:
            self.fault(places, store[0], "a shelf store with energy but no power", "give store_power")
        tick_s = self.model.simulation.tick_s
        if rack.store_recovery_s < tick_s * (1.0 - 1e-9):
            message = f"is shorter than one tick, {format_quantity(tick_s, 's')}"
            places = [f"{place}.store_recovery_s", "simulation.tick_s"]
            self.fault(places, rack.store_recovery_s, message, "lengthen it or shorten the tick")
        table = bool(rack.psu_load_pu or rack.psu_efficiency)
        form = f"{place}.psu_form"
        name = place.removeprefix("rack.")
        if rack.psu_form == "table":
            self._loss_table(
                place, ("psu_load_pu", "psu_efficiency"), rack.psu_load_pu, rack.psu_efficiency, True
            )
        elif table and "psu_form" not in self.tree.get("rack", {}).get(name, {}):
            remedy = 'add psu_form = "table", or remove the table'
            message = "is not used by the form quadratic"
            self.fault([f"{place}.psu_load_pu", form], list(rack.psu_load_pu), message, remedy)

    def _node(self, place: str, node: Distribution) -> None:
        for finding in node_findings(place, node):
            self.fault(*finding)
        if not (node.load_pu or node.efficiency):
            return
        self._loss_table(place, ("load_pu", "efficiency"), node.load_pu, node.efficiency, False)
        for key in ("loss_a", "loss_b", "loss_c"):
            if getattr(node, key) > 0.0:
                message = "contradicts the efficiency table: a node has the one or the other"
                self.fault(
                    [f"{place}.{key}", f"{place}.load_pu"], getattr(node, key), message, "remove one of them"
                )

    def _loss_table(
        self,
        place: str,
        keys: tuple[str, str],
        loads: Sequence[float],
        efficiencies: Sequence[float],
        needed: bool,
    ) -> None:
        places = [f"{place}.{key}" for key in keys]
        if needed and not loads and not efficiencies:
            self.fault(places, None, "is required by the form table", f"give {keys[0]} and {keys[1]}")
        elif len(loads) != len(efficiencies):
            message = f"{len(loads)} load points but {len(efficiencies)} efficiencies"
            self.fault(places, list(loads), message, "give as many of each")
        elif len(loads) > _MOST_POINTS:
            self.fault(places, list(loads), f"more than {_MOST_POINTS} points", "leave some out")
        ascending = all(high - low >= 1e-6 for low, high in pairwise(loads))
        if not ascending or not all(1e-6 <= load <= 100.0 for load in loads):
            message = "must be > 0 and <= 100, in pu, and ascending"
            self.fault(places[:1], list(loads), message, "sort them and drop doubles")
        elif not all(_LEAST_EFFICIENCY <= share <= 1.0 for share in efficiencies):
            message = f"must be >= {_LEAST_EFFICIENCY} and <= 1"
            self.fault(places[1:], list(efficiencies), message, "write 0.96 for 96 %")
        elif len(loads) == len(efficiencies):
            self._falling_loss(places[1], loads, efficiencies)

    def _falling_loss(self, place: str, loads: Sequence[float], efficiencies: Sequence[float]) -> None:
        """Warn of a loss that falls with load: real where phases are switched, else a slip of the table."""
        points = [(load, load * (1.0 / share - 1.0)) for load, share in zip(loads, efficiencies, strict=True)]
        for (low, loss_low), (high, loss_high) in pairwise(points):
            if loss_low - loss_high > _EFFICIENCY_ROUNDING * (low + high):
                self.warnings.append(
                    f"{place}: the loss falls from {loss_low:.3g} pu at load {low:g} to {loss_high:.3g} pu "
                    f"at load {high:g}; check these two points, unless phases are shed at low load"
                )

    # -- storage ----------------------------------------------------------------------------------------

    def _storage(self, place: str, unit: Storage) -> None:
        other = "supercapacitor" if unit.kind == "battery" else "battery"
        if getattr(unit, unit.kind) is None:
            places = [f"{place}.{unit.kind}", f"{place}.kind"]
            self.fault(places, None, f"is required by kind {unit.kind}", f"add [{place}.{unit.kind}]")
        if getattr(unit, other) is not None:
            message = f"contradicts kind {unit.kind}"
            self.fault(
                [f"{place}.{other}", f"{place}.kind"], None, message, f'remove it or set kind = "{other}"'
            )
        if unit.converter is None:
            remedy = f"add [{place}.converter] with its rated_power"
            self.fault([f"{place}.converter"], None, "is required", remedy)
        else:
            self._converter(f"{place}.converter", unit.converter)
        if unit.forming is not None:
            clock, grid = self.model.simulation, self.model.grid
            findings = forming_findings(
                f"{place}.forming", unit.forming, grid.nominal_frequency_hz, clock.tick_s
            )
            for finding in findings:
                self.fault(*finding)
        if unit.battery is not None:
            for finding in battery_findings(f"{place}.battery", unit.battery):
                self.fault(*finding)
        if unit.container is not None and unit.kind != "battery":
            places = [f"{place}.container", f"{place}.kind"]
            self.fault(places, None, "only a battery has a container", "remove it")
        if unit.supercapacitor is not None:
            self._supercapacitor(f"{place}.supercapacitor", unit.supercapacitor)
        if unit.support is not None:
            for finding in support_findings(
                f"{place}.support", unit.support, self.model.grid.nominal_frequency_hz
            ):
                self.fault(*finding)
            if unit.forming is not None:
                message = "a unit that forms the grid has its own droop and holds the voltage by itself"
                self.fault([f"{place}.support", f"{place}.forming"], None, message, "remove one of the two")

    def _converter(self, place: str, converter: Converter) -> None:
        for keys, value, message, remedy in conversion.findings(converter):
            self.fault([f"{place}.{key}" for key in keys], value, message, remedy)
        self._whole(f"{place}.delay_s", converter.delay_s)
        tick_s = self.model.simulation.tick_s
        self._places(f"{place}.delay_s", converter.delay_s, "simulation.tick_s", tick_s)

    def _supercapacitor(self, place: str, cells: Supercapacitor) -> None:
        for finding in supercapacitor_findings(place, cells):
            self.fault(*finding)
        tick_s = self.model.simulation.tick_s
        if cells.leakage_time_constant_s < 2.0 * tick_s:
            places = [f"{place}.leakage_time_constant_s", "simulation.tick_s"]
            message = f"is shorter than two ticks of {format_quantity(tick_s, 's')}"
            self.fault(places, cells.leakage_time_constant_s, message, "it is hours to weeks: check the unit")

    # -- size -------------------------------------------------------------------------------------------

    def _size(self) -> None:
        racks = sum(rack.count for rack in self.model.rack.values())
        counts = [f"rack.{name}.count" for name in self.model.rack]
        if racks > _MOST_RACKS:
            message = f"{racks} racks in all, more than {_MOST_RACKS}"
            largest = max(self.model.rack, key=lambda name: self.model.rack[name].count)
            count = self.model.rack[largest].count
            self.fault([f"rack.{largest}.count", *counts], count, message, "model fewer racks")
        powers = {name: self._rack_power(rack) for name, rack in self.model.rack.items()}
        total_w = sum(powers.values())
        if total_w <= _LARGEST_POWER_W and not self.faults and not self.bad:
            self._node_powers(powers)
        if total_w > _LARGEST_POWER_W:
            largest = max(powers, key=lambda name: powers[name])
            message = f"the site would draw about {format_quantity(total_w, 'W')}: an absurd size"
            remedy = f"stay below {format_quantity(_LARGEST_POWER_W, 'W')}; check counts and units"
            self.fault([f"rack.{largest}", *counts], None, message, remedy)

    def _rack_power(self, rack: Rack) -> float:
        """Estimate the largest power of a population at the inlet, W."""
        gpu = self.model.gpu.get(rack.gpu)
        gpus_w = rack.gpus_per_rack * gpu.rated_power_w * gpu.edp_factor if gpu else 0.0
        output_w = gpus_w * (1.0 + rack.overhead_fraction) + rack.overhead_w + rack.store_power_w
        if rack.psu_form == "offset":
            input_w = (output_w + rack.psu_offset_w) / rack.psu_offset_efficiency
        elif rack.psu_form == "table":
            input_w = output_w / max(_LEAST_EFFICIENCY, min(rack.psu_efficiency, default=1.0))
        else:
            factors = (rack.psu_loss_a, rack.psu_loss_b, rack.psu_loss_c)
            input_w = output_w + _quadratic_loss_w(output_w, rack.psu_rated_w or 1.25 * output_w, factors)
        return rack.count * input_w

    def _node_powers(self, racks: dict[str, float]) -> None:
        """Check that the losses of overloaded nodes do not run away on the way to the site bus."""
        nodes = self.model.distribution
        power = dict.fromkeys(nodes, 0.0)
        for name, rack in self.model.rack.items():
            if rack.feeds_from in power:
                power[rack.feeds_from] += racks[name]
        waiting = set(nodes)
        while waiting:
            for name in [name for name in waiting if not any(nodes[n].feeds_from == name for n in waiting)]:
                waiting.remove(name)
                node = nodes[name]
                rated_w = node.rated_power_w * node.count
                loss_w = _quadratic_loss_w(power[name], rated_w, (node.loss_a, node.loss_b, node.loss_c))
                input_w = power[name] / min(node.efficiency, default=1.0) + loss_w
                if input_w > _LARGEST_POWER_W:
                    message = f"the node would draw about {format_quantity(input_w, 'W')}: an absurd size"
                    remedy = f"its load is about {format_quantity(power[name], 'W')}; check the rating"
                    self.fault([f"distribution.{name}.rated_power_w"], node.rated_power_w, message, remedy)
                    return
                if node.feeds_from in power:
                    power[node.feeds_from] += input_w

    # -- compliance and record --------------------------------------------------------------------------

    def compliance(self) -> None:
        """Check rules and profiles; all that this needs of the model is its section of them."""
        seen: set[str] = set()
        for index, rule in enumerate(self.model.compliance.rule):
            place = f"compliance.rule[{index}]"
            if rule.name in seen:
                self.fault([f"{place}.name"], rule.name, "two rules have this name", "rename one")
            seen.add(rule.name)
            self._rule(place, rule)
        self._profiles()

    def _rule(self, place: str, rule: Rule) -> None:
        limits = {
            "ramp": ("limit_w_per_s", "limit_fraction"),
            "power_variation": ("limit_w", "limit_fraction"),
            "dynamic_range": ("limit_w", "limit_fraction"),
            "band_power": ("limit_w", "limit_fraction"),
        }[rule.kind]
        if all(getattr(rule, key) <= 0.0 for key in limits):
            places = [f"{place}.{limits[0]}", *(f"{place}.{key}" for key in limits)]
            self.fault(places, None, f"is required by kind {rule.kind}", f"give {' or '.join(limits)}")
        band = [f"{place}.band_high_hz", f"{place}.band_low_hz"]
        if (rule.band_low_hz > 0.0 or rule.kind == "band_power") and rule.band_high_hz <= rule.band_low_hz:
            message = f"must be above band_low, {rule.band_low_hz:g} Hz"
            self.fault(band, rule.band_high_hz, message, "give the upper edge of the band")

    def _profiles(self) -> None:
        """Check that the profiles are there; what they say is judged by the room that reads them."""
        for index, name in enumerate(self.model.compliance.profiles):
            try:
                read_toml(find_profile(name)[0])
            except ScenarioError as error:
                for fault in error.faults:
                    self.fault([f"compliance.profiles[{index}]"], name, fault.message, fault.remedy)

    def _signals(self) -> None:
        """Check that the patterns of recorded signals match; unknown while a table is missing."""
        named = [key for key, model in SECTIONS.items() if model.toml_section.endswith(".*")]
        if any(set(getattr(self.model, key)) != set(self._names(key)) for key in named):
            return
        from wattkeel.signals import signal_names

        names = list(signal_names(self.model))
        for key in ("full_rate", "event_signals"):
            # The usual patterns name stages that a scenario may not have.
            usual = SECTIONS["record"].model_fields[key].default
            for index, pattern in enumerate(getattr(self.model.record, key)):
                if pattern not in usual and not fnmatch.filter(names, pattern):
                    place = f"record.{key}[{index}]"
                    self.fault([place], pattern, "matches no signal", near(pattern, names))
