"""Key figures of a run. The unit of each is the suffix of its key."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel.ledger import places_of
from wattkeel.record import FREQUENCY, RANGE_WINDOW_S, SWINGS, Floats, Recorder
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.result import Envelope, SignalMap

COLLAPSE = "voltage_collapse"
"""Kind of the events in which the load has no voltage solution."""

BLACKOUT = "blackout"
"""Kind of the events in which the site bus is dark."""

_EXTREMES = (
    ("poi_power", "w", "poi.power_w"),
    ("load_power", "w", "site.load_power_w"),
    ("it_power", "w", "site.it_power_w"),
    ("voltage", "pu", "poi.voltage_pu"),
    ("frequency", "hz", "poi.frequency_hz"),
    ("rocof", "hz_per_s", "poi.rocof_hz_per_s"),
    ("rocof_window", "hz_per_s", "poi.rocof_window_hz_per_s"),
    ("site_voltage", "pu", "site.voltage_pu"),
    ("nose_loading", "pu", "poi.nose_loading_pu"),
)
# Left to the racks whose GPUs the model knows; what was measured at the inlet is summed apart.
_GPU = "gpu_energy_j"
_ENERGIES = (
    ("import_energy_j", "poi.power_w"),
    ("load_energy_j", "site.load_power_w"),
    ("it_energy_j", "site.it_power_w"),
    (_GPU, "gpu.*.power_w"),
    ("floor_energy_j", "gpu.*.floor_power_w"),
    ("deficit_energy_j", "gpu.*.deficit_power_w"),
    ("overshoot_energy_j", "gpu.*.overshoot_power_w"),
    ("cooling_energy_j", "cooling.power_w"),
    ("generation_energy_j", "generation.*.power_w"),
    ("unserved_energy_j", "poi.unserved_power_w"),
    ("curtailed_energy_j", "poi.curtailed_power_w"),
    ("storage_shortfall_energy_j", "storage.*.shortfall_power_w"),
)
_RANGES = dict(zip(SWINGS, ("poi_range_5s_w", "load_range_5s_w"), strict=True))


def summarise(
    model: Any,
    *,
    meters: Mapping[str, float],
    final: Mapping[str, float],
    recorder: Recorder,
    signals: SignalMap | None = None,
    finest: Envelope | None = None,
) -> dict[str, float]:
    """Return the key figures of a run, finished or under way.

    Parameters
    ----------
    model : ScenarioModel
        The scenario's parameters.
    meters : Mapping of str to float
        Integral of each signal over the run, value * s.
    final : Mapping of str to float
        Each signal at the last tick.
    recorder : Recorder
        Extremes and turned energies.
    signals : SignalMap, optional
        Full-rate signals; without them the ranges are left out.
    finest : Envelope, optional
        Finest envelope, for the ranges of signals that were not kept at full rate: then of windows of whole
        buckets.

    Returns
    -------
    dict of str to float
        E.g. ``poi_power_max_w``, ``import_energy_j``, ``storage.bess.soc_min``. Extremes are exact over all
        ticks; means and energies come from the engine's compensated meters; swings within 5 s are those
        after ``compliance.settle_s``. Times of nadir and peak are exact where the frequency is kept at full
        rate, else ends of buckets of the finest envelope.
    """
    duration_s = recorder.ticks * recorder.plan.tick_s
    measured = measured_racks(model)
    extremes = recorder.extremes()
    figures: dict[str, float] = {"duration_s": duration_s}
    for name, unit, signal in _EXTREMES:
        if signal in extremes:
            figures[f"{name}_max_{unit}"] = extremes[signal][1]
            figures[f"{name}_min_{unit}"] = extremes[signal][0]
        if signal in meters and unit == "w" and duration_s > 0.0:
            figures[f"{name}_mean_{unit}"] = meters[signal] / duration_s
    if figures.get("nose_loading_max_pu", 0.0) > 0.0:
        figures["collapse_margin_pu"] = 1.0 / figures["nose_loading_max_pu"] - 1.0
    if signals is not None and finest is not None:
        figures.update(_nadir(recorder, finest))
        figures.update(_ranges(recorder, signals, finest, settled_s(model, duration_s)))
    for name, pattern in _ENERGIES:
        places = [place for place in places_of(pattern, meters) if name != _GPU or place not in measured]
        if places:
            figures[name] = sum(meters[pattern.replace("*", place)] for place in places)
    if measured:
        figures["measured_it_energy_j"] = sum(meters[f"gpu.{place}.power_w"] for place in measured)
    if figures.get("it_energy_j", 0.0) > 0.0 and "load_energy_j" in figures:
        figures["facility_ratio"] = figures["load_energy_j"] / figures["it_energy_j"]
    for place in recorder.plan.places()["storage"]:
        figures.update(_storage(place, model.storage[place], extremes, final, recorder))
        figures.update(_heat(f"storage.{place}", model.storage[place], extremes, meters))
    figures["event_count"] = float(sum(recorder.log.counts.values()))
    return figures


def _storage(
    place: str,
    storage: Any,
    extremes: Mapping[str, tuple[float, float]],
    final: Mapping[str, float],
    recorder: Recorder,
) -> dict[str, float]:
    """Return the key figures of one storage unit."""
    head = f"storage.{place}"
    turned_j, nominal_j = recorder.turned_j()[f"{head}.power_w"], nominal_energy_j(storage)
    figures = {
        f"{head}.throughput_j": turned_j,
        f"{head}.equivalent_full_cycles": turned_j / (2.0 * nominal_j) if nominal_j > 0.0 else 0.0,
        f"{head}.soc_final": final[f"{head}.soc"],
    }
    for name in ("soc", "power_w"):
        if f"{head}.{name}" in extremes:
            stem, _, unit = name.partition("_")
            suffix = f"_{unit}" if unit else ""
            low, high = extremes[f"{head}.{name}"]
            figures[f"{head}.{stem}_min{suffix}"], figures[f"{head}.{stem}_max{suffix}"] = low, high
    return figures


def _heat(
    head: str,
    storage: Any,
    extremes: Mapping[str, tuple[float, float]],
    meters: Mapping[str, float],
) -> dict[str, float]:
    """Return the key figures of a battery whose temperature is modelled: hottest cells, climate."""
    heated = storage.kind == "battery" and (
        storage.battery.cell_heat_capacity_j_per_k > 0.0 or storage.container is not None
    )
    figures = {}
    if heated and f"{head}.temperature_k" in extremes:
        figures[f"{head}.temperature_max_k"] = extremes[f"{head}.temperature_k"][1]
    if heated and f"{head}.auxiliary_power_w" in meters:
        figures[f"{head}.auxiliary_energy_j"] = meters[f"{head}.auxiliary_power_w"]
    return figures


def measured_racks(model: Any) -> list[str]:
    """Return the rack populations that replay power measured at their inlet."""
    from wattkeel.loading import is_bypassed

    return [name for name, rack in model.rack.items() if is_bypassed(model.workload[rack.workload])]


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a reader must know before any other figure: what happened, and how much of it."""

    name: str
    amount: str


def troubles(figures: Mapping[str, float], counts: Mapping[str, int], events: Sequence[Any]) -> list[Trouble]:
    """Return what the site had to do without: voltage collapse, blackout, load not served, surplus not taken.

    Parameters
    ----------
    figures : Mapping of str to float
        Key figures of the run, at least ``unserved_energy_j`` and ``curtailed_energy_j``.
    counts : Mapping of str to int
        Events by kind.
    events : sequence of Event
        Events in order of time; only kind and time are read.
    """
    found = []
    for kind, name in ((COLLAPSE, "voltage collapse at the POI"), (BLACKOUT, "blackout of the site bus")):
        count = counts.get(kind, 0)
        if count:
            first_s = next((event.time_s for event in events if event.kind == kind), None)
            often = "once" if count == 1 else f"{count} times"
            at = "" if first_s is None else f", {'at' if count == 1 else 'first at'} {first_s:g} s"
            found.append(Trouble(name, f"{often}{at}"))
    for key, name in (
        ("unserved_energy_j", "load not served"),
        ("curtailed_energy_j", "surplus that the grid could not take"),
    ):
        energy_j = figures.get(key, 0.0)
        if energy_j > 0.0:
            found.append(Trouble(name, format_quantity(energy_j, "J")))
    return found


def nominal_energy_j(storage: Any) -> float:
    """Return the nominal (battery) or usable (supercapacitor) energy of a storage unit [J]."""
    cells = storage.battery if storage.kind == "battery" else storage.supercapacitor
    if cells.energy_j > 0.0:
        return float(cells.energy_j)
    if storage.kind == "battery":
        charge_as = cells.strings * cells.cell_capacity_ah * 3600.0
        return float(charge_as * cells.cells_series * cells.cell_voltage_v)
    return float(0.5 * cells.capacitance_f * (cells.voltage_max_v**2 - cells.voltage_min_v**2))


def settled_s(model: Any, duration_s: float) -> float:
    """Return the time [s] from which a run is judged: ``compliance.settle_s``, 0 for a shorter run."""
    settle_s = float(model.compliance.settle_s)
    return settle_s if settle_s < duration_s else 0.0


def _nadir(recorder: Recorder, finest: Envelope) -> dict[str, float]:
    """Return the times at which the frequency is first at its lowest and at its highest."""
    ticks, period_s = recorder.nadir_ticks(), recorder.plan.tick_s
    if ticks is None and FREQUENCY in finest.names and len(finest.time_s):
        _, low, _, high = finest.of(FREQUENCY)
        ticks, period_s = (int(np.argmin(low)), int(np.argmax(high))), finest.period_s
    if ticks is None:
        return {}
    # A frequency is that at the end of its tick.
    keys = ("frequency_nadir_s", "frequency_peak_s")
    return {key: (tick + 1) * period_s for key, tick in zip(keys, ticks, strict=True)}


def _ranges(recorder: Recorder, signals: SignalMap, finest: Envelope, start_s: float) -> dict[str, float]:
    """Return the largest swing of import and load within `RANGE_WINDOW_S`, from `start_s` on."""
    ranges, swings = {}, recorder.swings()
    for name, key in _RANGES.items():
        if name in swings:
            ranges[key] = swings[name]
        elif name in signals:  # shorter than its settling: all of it counts
            window = round(RANGE_WINDOW_S / recorder.plan.tick_s)
            ranges[key] = _range(signals[name][round(start_s / recorder.plan.tick_s) :], window)
        elif name in finest.names and finest.period_s <= RANGE_WINDOW_S / 4.0:
            _, low, _, high = finest.of(name)
            # Low and high of each bucket, one after the other. The span below holds one value less than the
            # buckets of a window do: it never reaches beyond them, whether it begins with a low or with a
            # high.
            span = 2 * round(RANGE_WINDOW_S / finest.period_s) - 2
            first = round(start_s / finest.period_s)
            ranges[key] = _range(np.stack([low[first:], high[first:]], axis=1).ravel(), span)
    return ranges


def _range(values: Floats, span: int) -> float:
    """Return the largest max - min within any `span` + 1 values."""
    from wattkeel.measures import rolling_change

    if len(values) <= max(span, 1):
        return float(np.ptp(values)) if len(values) else 0.0
    return float(rolling_change(values, 1.0, max(span, 1)).max())
