"""Ways to meet a rule on power, from settings of what is there to more of it: each a function of its size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.interconnection import needs
from wattkeel.interconnection.changes import Change
from wattkeel.interconnection.needs import Wave
from wattkeel.interconnection.waves import Cycle, cycle_of_job, cycle_of_load
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel._generated.models import Storage
    from wattkeel.compliance import Finding
    from wattkeel.scenario import Scenario
    from wattkeel.sizing import StorageNeed

__all__ = ["Site", "Step", "power_steps"]

Array = NDArray[np.float64]

NEW_UNIT = "smoother"
#: Head room of power and energy over the closed form, for losses, lag and the return of the state of charge.
POWER_ROOM, ENERGY_ROOM = 1.1, 1.3
#: A store whose energy lasts no longer than this at its power is one of supercapacitors, s.
FAST_STORE_S = 120.0
#: Highest C-rate that a battery is sized for: what such cells stand.
C_RATE = 1.0
#: Share of a battery's nominal energy that is used.
BATTERY_WINDOW = 0.8
#: Answer of the fastest converters, s; presets of whole plants answer within 15 to 20 ms.
FAST_ANSWER_S, FASTEST_ANSWER_S = 0.005, 0.002
#: Iterations over which the target averages, at least.
AVERAGED_CYCLES = 4.0
#: Time in which a store comes back to its state of charge, s.
RETURN_S = 120.0
#: No limit, as scenarios write it.
FREE = "inf"
#: Share of the fast change that a rule allows, which edges may take in both directions.
EDGE_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Step:
    """One way to meet a rule.

    Attributes
    ----------
    name : str
    at : callable
        Change for a size of power and one of energy, 1 as the closed form gives them.
    sized : bool
        Whether the sizes matter: then the smallest that do are looked for.
    """

    name: str
    at: Callable[[float, float], Change]
    sized: bool = False


@dataclass(frozen=True)
class Site:
    """What the closed forms need to know of a site.

    Attributes
    ----------
    scenario : Scenario
    load_w : ndarray
        Load of the site bus at every tick, W.
    tick_s : float
    settle_s : float
        Time from the start that is not judged, s.
    """

    scenario: Scenario
    load_w: Array
    tick_s: float
    settle_s: float

    @property
    def judged_w(self) -> Array:
        """Load in the time that is judged, W."""
        return self.load_w[min(round(self.settle_s / self.tick_s), self.load_w.size - 2) :]

    def cycle(self) -> Cycle:
        """Cycle of the load."""
        return cycle_of_job(self.scenario) or cycle_of_load(self.judged_w, self.tick_s)

    def average_s(self) -> float:
        """Time over which the target of the import averages: full before it is judged, whole iterations."""
        given_s = float(self.scenario.model.control.average_s)
        if given_s > 0.0:
            return given_s
        cycle_s = self.cycle().period_s or 1.0
        period_s = self.scenario.model.control.period_s
        count = max(1.0, AVERAGED_CYCLES)
        if self.settle_s > 0.0:
            count = min(count, math.floor(self.settle_s / cycle_s))
            if count < 1.0:  # no whole iteration fits: the target has no ramp limit until its average is full
                return max(math.floor(self.settle_s / period_s), 1) * period_s
        return max(round(count * cycle_s / period_s), 1) * period_s

    def rated_w(self) -> float:
        """Rated power of all storage, W."""
        units = self.scenario.model.storage.values()
        return sum(unit.converter.rated_power_w for unit in units if unit.converter is not None)

    def usable_j(self) -> float:
        """Usable energy of all storage, J."""
        return sum(usable_j(unit) for unit in self.scenario.model.storage.values())


def usable_j(unit: Storage) -> float:
    """Energy of a unit within its window, J, nominal for batteries."""
    if unit.supercapacitor is not None:
        cell = unit.supercapacitor
        full_j = cell.energy_j
        if not full_j:
            full_j = 0.5 * cell.capacitance_f * (cell.voltage_max_v**2 - cell.voltage_min_v**2)
        return float(full_j * (cell.soc_max - cell.soc_min))
    if unit.battery is None:
        return 0.0
    return float(_nominal_j(unit) * (unit.battery.soc_max - unit.battery.soc_min))


def _nominal_j(unit: Storage) -> float:
    battery = unit.battery
    assert battery is not None
    if battery.energy_j:
        return float(battery.energy_j)
    cell_j = battery.cell_voltage_v * battery.cell_capacity_ah * 3600.0
    return float(battery.strings * battery.cells_series * cell_j)


def power_steps(site: Site, finding: Finding, wave: Wave) -> tuple[list[Step], list[str]]:
    """Ways to meet a rule on power, the least first, and what can be ruled out without a run.

    Settings of the GPUs; the control of the storage that is there; more of it; and then, one upon the other,
    what makes it follow edges: faster converters, shelf stores that do not run empty, slower edges, half the
    ramp, the highest floor of the GPUs.
    """
    steps: list[Step] = []
    out: list[str] = []
    average_s = site.average_s()
    floor = _floor(site, finding, out)
    if floor.values:
        steps.append(Step("GPU power floor", floor.of_any_size))
    if site.scenario.model.storage:
        steps.append(Step("control", _control(site, wave, average_s).of_any_size))
    need, _, _ = needs.store_for(site.load_w, site.tick_s, wave, average_s)
    if need.power_w <= 0.0:
        return steps, out
    half = Wave(0.5 * wave.ramp_w_per_s, wave.swing_w, wave.text)
    wide = needs.store_for(site.load_w, site.tick_s, half, average_s)[0]
    parts = Change()
    for name, part in (
        ("store", Change()),
        ("faster converter", _fast(site, FAST_ANSWER_S)),
        ("larger shelf stores", _shelves(site)),
        ("slower edges of the GPUs", _edges(site, wave)),
        ("fastest converter", _fast(site, FASTEST_ANSWER_S)),
        ("half the ramp", _control(site, half, average_s) if math.isfinite(half.ramp_w_per_s) else Change()),
        ("highest GPU power floor", _highest_floor(site)),
    ):
        if name != "store" and not part.values:
            continue
        parts = parts | part
        sizing = wide if name in ("half the ramp", "highest GPU power floor") else need
        base = _control(site, wave, average_s) | parts
        steps.append(Step(name, _sized(site, sizing, base), sized=True))
    return steps, out


def _sized(site: Site, need: StorageNeed, rest: Change) -> Callable[[float, float], Change]:
    """A store of a size with all the rest."""
    return lambda power, energy: _store(site, need, power, energy) | rest


def _training(site: Site) -> list[Any]:
    model = site.scenario.model
    return [rack for rack in model.rack.values() if model.workload[rack.workload].kind == "training"]


def _floor(site: Site, finding: Finding, out: list[str]) -> Change:
    """Power floor of the GPUs, where their settings alone can do it; else why they cannot."""
    if (finding.block == "ramp" and finding.unit != "MW") or not finding.value or finding.limit is None:
        return Change()
    racks = _training(site)
    if not racks:
        return Change()
    if finding.block == "dynamic_range":
        why = _floor_range(site, finding, racks)
        if why:
            out.append(why)
            return Change()
    model, share = site.scenario.model, needs.USED * finding.limit / finding.value
    floors = {}
    for rack in racks:
        job = model.workload[rack.workload]
        floors[rack.gpu] = needs.floor_for(job.compute_pu, job.communication_pu, share)
    if max(floors.values()) > needs.HIGHEST_FLOOR_PU:
        out.append(
            "GPU power smoothing alone is infeasible: it would take a floor of "
            f"{max(floors.values()):.0%} of rated power, above the highest, {needs.HIGHEST_FLOOR_PU:.0%}"
        )
        return Change()
    return _floors(site, floors)


def _highest_floor(site: Site) -> Change:
    return _floors(site, {rack.gpu: needs.HIGHEST_FLOOR_PU for rack in _training(site)})


def _floors(site: Site, floors: dict[str, float]) -> Change:
    """Floors by GPU type, held through communication and checkpoints."""
    model = site.scenario.model
    if not floors:  # what was measured cannot be set
        return Change()
    values: dict[str, object] = {}
    for rack in _training(site):
        job, gpu = model.workload[rack.workload], model.gpu[rack.gpu]
        percent = float(math.ceil(100.0 * floors[rack.gpu] - 1e-9))
        lasts_ms = 1e3 * max(2.0 * job.period_s, 1.1 * job.checkpoint_s)
        if gpu.percent_tmp_floor < percent:
            values[f"gpu.{rack.gpu}.percent_tmp_floor"] = percent
        if gpu.ramp_down_hysteresis_ms < lasts_ms:
            values[f"gpu.{rack.gpu}.ramp_down_hysteresis_ms"] = lasts_ms
    percents = sorted({math.ceil(100.0 * floor - 1e-9) for floor in floors.values()})
    overhead = max(
        needs.floor_overhead(job.compute_pu, job.communication_pu, percents[-1] / 100.0, job.compute_fraction)
        for job in (model.workload[rack.workload] for rack in _training(site))
    )
    words = (
        f"a power floor of the GPUs of {', '.join(map(str, percents))} % of rated power "
        f"(up to {overhead:.1%} more GPU energy)"
    )
    return Change.of("floor", values, words)


def _floor_range(site: Site, finding: Finding, racks: list[Any]) -> str:
    """Why GPU power smoothing cannot keep a dynamic range; empty where it may."""
    assert finding.limit is not None
    model = site.scenario.model
    edp = max(model.gpu[rack.gpu].edp_factor for rack in racks)
    rest = needs.smoothing_range_pu(edp)
    peak_w = sum(rack.count * rack.gpus_per_rack * model.gpu[rack.gpu].rated_power_w for rack in racks)
    allowed_w = finding.limit * (1e6 if finding.unit == "MW" else float(site.judged_w.max()))
    if rest * peak_w <= allowed_w:
        return ""
    return (
        "GPU power smoothing alone is infeasible: between its highest floor, "
        f"{needs.HIGHEST_FLOOR_PU:.0%} of rated power, and a peak of {edp:.0%} lie {rest:.0%}, "
        f"{_power(rest * peak_w)} > {_power(allowed_w)}"
    )


def _shelves(site: Site) -> Change:
    """Shelf stores of twice the energy: one that runs empty within an edge makes it a step."""
    racks = site.scenario.model.rack.items()
    values: dict[str, object] = {
        f"rack.{name}.store_energy_j": 2.0 * rack.store_energy_j
        for name, rack in racks
        if rack.store_energy_j > 0.0
    }
    return Change.of("shelves", values, "shelf stores of twice the energy")


def _control(site: Site, wave: Wave, average_s: float) -> Change:
    """Target of the import: the average of the load with limited ramps."""
    control = site.scenario.model.control
    values: dict[str, object] = {}
    if control.target != "follow":
        values["control.target"] = "follow"
    if control.average_s != average_s:
        values["control.average_s"] = average_s
    words = f"an import that follows the load's average over {average_s:g} s"
    if math.isfinite(wave.ramp_w_per_s):
        for name in ("ramp_up_w_per_s", "ramp_down_w_per_s"):
            if getattr(control, name) > wave.ramp_w_per_s:
                values[f"control.{name}"] = float(f"{wave.ramp_w_per_s:.4g}")
        words += f" with ramps of {needs.ramp_text(wave.ramp_w_per_s)} at most"
    return Change.of("control", values, words)


def _store(site: Site, need: StorageNeed, power: float, energy: float) -> Change:
    """More of the storage that is there, or a store where there is none."""
    power_w = _rounded(power * POWER_ROOM * need.power_w)
    # The state of charge starts in the middle: each half has to hold what goes one way.
    half_j = max(need.start_j, need.energy_j - need.start_j)
    energy_j = _rounded(energy * ENERGY_ROOM * 2.0 * half_j)
    if site.scenario.model.storage:
        return _more(site, power_w, energy_j)
    return _new(site, power_w, energy_j)


def _rounded(value: float) -> float:
    """Three digits, upwards."""
    if value <= 0.0:
        return value
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return float(f"{math.ceil(value / step - 1e-9) * step:.6g}")


def _new(site: Site, power_w: float, energy_j: float) -> Change:
    fast = energy_j <= FAST_STORE_S * power_w
    head = f"storage.{NEW_UNIT}"
    values: dict[str, object] = {f"{head}.role": "slow", f"{head}.converter.rated_power_w": power_w}
    if fast:
        values |= {
            f"{head}.kind": "supercapacitor",
            f"{head}.preset": "supercapacitor-15mw",
            f"{head}.supercapacitor.energy_j": energy_j,
            f"{head}.converter.ramp_w_per_s": FREE,
            f"{head}.converter.time_constant_s": FAST_ANSWER_S,
        }
        kind = "supercapacitor store"
    else:
        energy_j = _rounded(max(energy_j / BATTERY_WINDOW, power_w * 3600.0 / C_RATE))
        values |= {
            f"{head}.preset": "enerc-container",
            f"{head}.battery.energy_j": energy_j,
        }
        kind = "battery"
    values |= {
        "control.soc_gain_w": min(energy_j / RETURN_S, 2.0 * power_w),
        "control.soc_power_max_w": max(0.05 * power_w, 1.0),
    }
    if site.scenario.model.control.measurement_delay_s == 0.0:
        values["control.measurement_delay_s"] = site.scenario.model.control.period_s
    return Change.of("store", values, f"a {_power(power_w)} / {_energy(energy_j)} {kind}")


def _more(site: Site, power_w: float, energy_j: float) -> Change:
    """All units enlarged alike, where they are too small."""
    rated_w, stored_j = site.rated_w(), site.usable_j()
    by_power = max(power_w / rated_w, 1.0)
    by_energy = max(energy_j / stored_j, 1.0)
    values: dict[str, object] = {}
    units = site.scenario.model.storage
    usable_now_j = 0.0
    for name, unit in units.items():
        assert unit.converter is not None
        if by_power > 1.0:
            values[f"storage.{name}.converter.rated_power_w"] = _rounded(
                by_power * unit.converter.rated_power_w
            )
            if unit.converter.apparent_power_va > 0.0:
                values[f"storage.{name}.converter.apparent_power_va"] = _rounded(
                    by_power * unit.converter.apparent_power_va
                )
        size_j = usable_j(unit)
        if unit.battery is not None:
            # Cells must stand the power of their converter.
            factor = max(by_energy, by_power)
            if factor > 1.0:
                energy_now_j = _rounded(factor * _nominal_j(unit))
                values[f"storage.{name}.battery.energy_j"] = energy_now_j
                size_j *= energy_now_j / _nominal_j(unit)
        elif unit.supercapacitor is not None and by_energy > 1.0:
            window = unit.supercapacitor.soc_max - unit.supercapacitor.soc_min
            energy_now_j = _rounded(by_energy * size_j / window)
            values[f"storage.{name}.supercapacitor.energy_j"] = energy_now_j
            size_j = energy_now_j * window
        usable_now_j += size_j
    words = f"storage of {_power(by_power * rated_w)} / {_energy(usable_now_j)} usable in all"
    if all(unit.role == "fast" for unit in units.values()):
        # Fast units take what the slow ones leave; alone they leave the average to nobody.
        values |= {f"storage.{name}.role": "slow" for name in units}
        words += ", which takes all of the swing (role slow)"
    return Change.of("store", values, words)


def _fast(site: Site, answer_s: float) -> Change:
    """Converters that answer within a time and ramp freely."""
    values: dict[str, object] = {}
    for name, unit in site.scenario.model.storage.items():
        assert unit.converter is not None
        if unit.converter.time_constant_s > answer_s:
            values[f"storage.{name}.converter.time_constant_s"] = answer_s
        if math.isfinite(unit.converter.ramp_w_per_s):
            values[f"storage.{name}.converter.ramp_w_per_s"] = FREE
    if not site.scenario.model.storage:
        values[f"storage.{NEW_UNIT}.converter.time_constant_s"] = answer_s
    return Change.of("answer", values, f"converters that answer within {answer_s * 1e3:g} ms")


def _edges(site: Site, wave: Wave) -> Change:
    """GPU ramp limits by which edges of the load are slow enough for a converter."""
    if not math.isfinite(wave.swing_w):
        return Change()
    model = site.scenario.model
    delay_s = model.control.measurement_delay_s or model.control.period_s
    swing_w = float(np.ptp(site.judged_w))
    edge_s = swing_w * (delay_s + FAST_ANSWER_S) / max(EDGE_SHARE * wave.swing_w, 1e-9)
    values: dict[str, object] = {}
    fastest = 0.0
    for rack in model.rack.values():
        job, gpu = model.workload[rack.workload], model.gpu[rack.gpu]
        if job.kind != "training" or edge_s >= 0.5 * job.period_s:
            continue
        levels = (job.compute_pu, job.communication_pu)
        rate = float(f"{(max(levels) - min(levels)) * gpu.rated_power_w / edge_s:.3g}")
        if rate <= 0.0:
            continue
        fastest = max(fastest, rate)
        for name in ("ramp_up_w_per_s", "ramp_down_w_per_s"):
            if getattr(gpu, name) > rate:
                values[f"gpu.{rack.gpu}.{name}"] = rate
    words = f"GPU ramps of {format_quantity(fastest, 'W/s', 3)} (edges of {edge_s * 1e3:.3g} ms)"
    return Change.of("edges", values, words)


def _power(value_w: float) -> str:
    return format_quantity(value_w, "W", 3)


def _energy(value_j: float) -> str:
    """Energy in watt-hours, as stores are rated."""
    for factor, unit in ((3.6e12, "GWh"), (3.6e9, "MWh"), (3.6e6, "kWh"), (3.6e3, "Wh")):
        if value_j >= factor:
            return f"{value_j / factor:.3g} {unit}"
    return f"{value_j:.3g} J"
