"""What a network solver needs of a run: the way from the source to the load, and the load as a series.

The load is taken where the study connects it: at the POI, with the power that was recorded there, or at the
site bus, behind cable and transformers, with its voltage-dependent parts. Either way the solver that is given
the same network finds the voltages of the run (equations: docs/interop.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import lowering, stage_inputs, supply_lowering
from wattkeel._generated import models
from wattkeel.errors import Fault, ScenarioError
from wattkeel.interop.steps import Floats, Statistic, Steps, courses, opened, steps_of

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["Handover", "LoadPart", "Network", "Voltages", "handover", "handover_of_arrays"]

Place = Literal["poi", "site"]
Law = Literal["power", "current", "impedance"]

PLACES: tuple[Place, ...] = ("poi", "site")
# Per unit of rating, in place of none, which no solver takes: transformers without impedance, a record
# that is played back at the POI. Moves no voltage beyond 1e-7.
LEAST_IMPEDANCE = 1e-7


@dataclass(frozen=True, slots=True)
class Network:
    """The way from the source to the site bus, per unit of `base_va` and the nominal voltage.

    Attributes
    ----------
    voltage_v, frequency_hz : float
        Nominal, line to line.
    base_va : float
        Base.
    source_resistance_pu, source_reactance_pu : float
        Of the Thevenin source at the POI.
    cable_resistance_pu, cable_reactance_pu : float
        From the POI to the transformers.
    transformer_va : float
        Rating of the POI transformers.
    transformer_resistance_pu, transformer_reactance_pu : float
        On the side of the site bus.
    site_voltage_v : float
        Nominal voltage of the site bus.
    """

    voltage_v: float
    frequency_hz: float
    base_va: float
    source_resistance_pu: float
    source_reactance_pu: float
    cable_resistance_pu: float
    cable_reactance_pu: float
    transformer_va: float
    transformer_resistance_pu: float
    transformer_reactance_pu: float
    site_voltage_v: float

    @classmethod
    def of(cls, grid: models.Grid, rated_w: float, site_voltage_v: float | None = None) -> Network:
        """The network of a scenario; `rated_w` is the contracted power, the site bus at the voltage given."""
        pu = SimpleNamespace()
        lowering.lower_network(pu, grid, rated_w)
        rating_va = grid.transformer_rated_va or rated_w
        resistance, reactance = pu.transformer_resistance_pu, pu.transformer_reactance_pu
        source_r, source_x = pu.resistance_pu, pu.reactance_pu
        least = LEAST_IMPEDANCE * rated_w / rating_va
        return cls(
            voltage_v=grid.nominal_voltage_v,
            frequency_hz=grid.nominal_frequency_hz,
            base_va=rated_w,
            source_resistance_pu=source_r,
            source_reactance_pu=source_x if math.hypot(source_r, source_x) > 0.0 else LEAST_IMPEDANCE,
            cable_resistance_pu=pu.cable_resistance_pu,
            cable_reactance_pu=pu.cable_reactance_pu,
            transformer_va=rating_va,
            transformer_resistance_pu=resistance,
            transformer_reactance_pu=reactance if math.hypot(resistance, reactance) >= least else least,
            site_voltage_v=site_voltage_v or grid.nominal_voltage_v,
        )

    @property
    def base_ohm(self) -> float:
        """Impedance of 1 pu at the POI."""
        return self.voltage_v**2 / self.base_va

    @property
    def short_circuit_va(self) -> float:
        """Short-circuit power at the POI."""
        return self.base_va / math.hypot(self.source_resistance_pu, self.source_reactance_pu)

    @property
    def has_cable(self) -> bool:
        """Whether anything lies between the POI and the transformers."""
        return self.cable_resistance_pu > 0.0 or self.cable_reactance_pu > 0.0


@dataclass(frozen=True, slots=True)
class LoadPart:
    """A part of the load that follows the voltage by one law.

    Attributes
    ----------
    law : {"power", "current", "impedance"}
        Constant power, proportional to the voltage, or to its square.
    power_w, reactive_power_var : ndarray (n,)
        At nominal voltage; import is positive.
    """

    law: Law
    power_w: Floats
    reactive_power_var: Floats


@dataclass(frozen=True, slots=True)
class Handover:
    """A load series and the network that it is to be solved in.

    Attributes
    ----------
    at : {"poi", "site"}
        Where the load hangs.
    network : Network
        From the source to the site bus.
    time_step_s : float
        Length of a step [s].
    time_s : ndarray (n,)
        Start of every step [s].
    parts : tuple of LoadPart
        The load; together they draw what was recorded, at the voltage that was recorded.
    source_voltage_pu : ndarray (n,)
        Voltage behind the source impedance.
    source_factor : ndarray (n,)
        Factor on the source impedance.
    tap_ratio : ndarray (n,)
        Ratio of the POI transformers: above 1 raises the site bus.
    capacitor_var : ndarray (n,)
        Capacitors at the site bus, at nominal voltage; 0 where they are within the load.
    recorded : Mapping of str to ndarray (n,)
        What the run has of `poi.voltage_pu` and `site.voltage_pu`, to compare with.
    notes : tuple of str
        What the series does not say by itself.
    """

    at: Place
    network: Network
    time_step_s: float
    time_s: Floats
    parts: tuple[LoadPart, ...]
    source_voltage_pu: Floats
    source_factor: Floats
    tap_ratio: Floats
    capacitor_var: Floats
    recorded: Mapping[str, Floats] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.time_s)


@dataclass(frozen=True, slots=True)
class Voltages:
    """What a solver found.

    Attributes
    ----------
    time_s : ndarray (n,)
        Start of every step [s].
    poi_pu : ndarray (n,)
        Voltage where the load hangs, or at the POI of the network that was handed over; positive sequence.
        NaN where the solver found none.
    site_pu : ndarray (n,) or None
        Of the site bus, where it was handed over.
    """

    time_s: Floats
    poi_pu: Floats
    site_pu: Floats | None = None

    @property
    def unsolved(self) -> NDArray[np.bool_]:
        """Steps for which the solver found no voltage, (n,)."""
        return np.isnan(self.poi_pu)

    def differences(self, recorded: Mapping[str, Floats]) -> dict[str, float]:
        """Largest difference from each voltage of the run [pu], over the steps that were solved."""
        found = {"poi.voltage_pu": self.poi_pu, "site.voltage_pu": self.site_pu}
        solved = ~self.unsolved
        if not solved.any():
            return {}
        return {
            name: float(np.abs(found[name] - values)[solved].max())  # type: ignore[operator]
            for name, values in recorded.items()
            if found.get(name) is not None
        }


def handover(
    run: Result | str | Path,
    *,
    at: Place = "poi",
    window_s: float | None = None,
    statistic: Statistic = "mean",
    span_s: tuple[float, float] | None = None,
    site_voltage_v: float | None = None,
) -> Handover:
    """What a network solver needs of a run.

    Parameters
    ----------
    run : Result, str or Path
        A run, or its directory, with `poi.power_w` and `poi.reactive_power_var` at full rate, or in the
        envelope of `window_s`. The site bus needs `poi.voltage_pu` too, and `site.load_power_w` where the
        load depends on the voltage.
    at : {"poi", "site"}
        Where the load hangs.
    window_s : float, optional
        Length of a step [s], a whole number of ticks; one tick without it.
    statistic : {"mean", "minimum", "maximum"}
        What is taken of the power in a step. Of P and Q each by itself: their extremes need not have met.
    span_s : tuple of float, optional
        Begin and end [s]; the whole run without it.
    site_voltage_v : float, optional
        Nominal voltage of the site bus, line to line [V]; that of the POI without it.

    Raises
    ------
    ScenarioError
        A signal is not there, or an argument does not fit; holds all faults.
    """
    result = opened(run)
    _judge(at, site_voltage_v, statistic)
    steps = steps_of(result, window_s, statistic, span_s)
    grid = result.scenario.model.grid
    network = Network.of(grid, _rated_power_w(result), site_voltage_v)
    bends = any((grid.load_current_share, grid.load_impedance_share,
                 grid.reactive_current_share, grid.reactive_impedance_share))  # fmt: skip
    names = ["poi.power_w", "poi.reactive_power_var"]
    played = grid.playback is not None
    names += ["poi.voltage_pu"] if at == "site" or played else []
    names += ["site.load_power_w"] if at == "site" and bends else []
    found = courses(result, names, steps)
    base = Handover(
        at=at, network=network, time_step_s=steps.time_step_s, time_s=steps.time_s, parts=(),
        recorded=_recorded(result, steps, at), notes=_notes(result, at), **_states(result, steps, at),
    )  # fmt: skip
    if played:
        power_w, var, poi = (found[name] for name in names[:3])
        source = source_behind(network, base.source_factor, power_w, var, poi)
        base = replace(base, source_voltage_pu=source)
    if at == "poi":
        part = LoadPart("power", found["poi.power_w"], found["poi.reactive_power_var"])
        return replace(base, parts=(part,))
    return replace(base, parts=_site_parts(base, grid, found))


def handover_of_arrays(
    grid: models.Grid,
    *,
    power_w: ArrayLike,
    reactive_power_var: ArrayLike | None = None,
    time_step_s: float,
    at: Place = "poi",
    source_voltage_pu: ArrayLike | None = None,
    tap_ratio: ArrayLike | None = None,
    capacitor_var: ArrayLike | None = None,
    site_voltage_v: float | None = None,
) -> Handover:
    """What a network solver needs, from a series of your own.

    Parameters
    ----------
    grid : wk.parameters.Grid
        The network; `rated_power_w` must be given, events are not taken from it.
    power_w, reactive_power_var : array_like, shape (n,)
        Load [W, var]: at the POI as constant power, at the site bus at nominal voltage with the shares of
        `grid` and its transformers' no-load loss, as `wk.stages.grid` takes it. Without reactive power it has
        the power factor of `grid`.
    time_step_s : float
        Length of a step [s].
    at : {"poi", "site"}
        Where the load hangs.
    source_voltage_pu, tap_ratio, capacitor_var : array_like, shape (n,) or one for all
        As in `Handover`; that of `grid`, 1 and 0 without them.
    site_voltage_v : float, optional
        As in `handover`.

    Raises
    ------
    ScenarioError
        The input is wrong.
    """
    stage_inputs.expect(grid=(grid, models.Grid))
    _judge(at, site_voltage_v, "mean")
    load_w = stage_inputs.series("power_w", power_w)
    step_s = stage_inputs.positive("time_step_s", time_step_s)
    if grid.rated_power_w <= 0.0:
        message, remedy = "is the base of SCR and of pu", "give the rated power"
        raise ScenarioError([Fault("grid.rated_power_w", grid.rated_power_w, message, remedy)])
    load_var = math.sqrt(1.0 - grid.power_factor**2) / grid.power_factor * load_w
    if reactive_power_var is not None:
        load_var = stage_inputs.like("reactive_power_var", reactive_power_var, load_w, 0.0)
    like = stage_inputs.like
    parts: tuple[LoadPart, ...] = (LoadPart("power", load_w, load_var),)
    if at == "site":
        rating_va = grid.transformer_rated_va or grid.rated_power_w
        bent = _bent(grid, load_w, load_var)
        standing_w = grid.transformer_no_load_loss * rating_va
        rest_w = load_w + standing_w - sum(part.power_w for part in bent)
        parts = (LoadPart("power", rest_w, load_var - sum(part.reactive_power_var for part in bent)), *bent)
    return Handover(
        at=at,
        network=Network.of(grid, grid.rated_power_w, site_voltage_v),
        time_step_s=step_s,
        time_s=np.asarray(np.arange(len(load_w)) * step_s, dtype=np.float64),
        parts=parts,
        source_voltage_pu=like(
            "source_voltage_pu", source_voltage_pu, load_w, grid.source_voltage_pu, (0.0, 2.0), "pu"
        ),
        source_factor=np.ones(len(load_w)),
        tap_ratio=like("tap_ratio", tap_ratio, load_w, 1.0, (0.5, 2.0)),
        capacitor_var=like("capacitor_var", capacitor_var, load_w, 0.0),
    )


def _judge(at: str, site_voltage_v: float | None, statistic: str) -> None:
    faults = []
    if at not in PLACES:
        faults.append(Fault("at", at, "unknown place of the load", 'choose "poi" or "site"'))
    if at == "site" and statistic != "mean":
        message = "extremes of powers and of voltages do not belong together"
        faults.append(Fault("statistic", statistic, message, 'take the mean, or at = "poi"'))
    if site_voltage_v is not None:
        stage_inputs.gather(faults, stage_inputs.positive, "site_voltage_v", site_voltage_v)
    if faults:
        raise ScenarioError(faults)


def _rated_power_w(run: Result) -> float:
    """Contracted power of a run, the base of SCR."""
    from wattkeel import loading

    try:
        return loading.rated_power_w(run.scenario)
    except KeyError:  # a trace from which it follows is gone
        message = "follows from the largest load, and a trace of it is gone"
        remedy = "bring the trace back, or write the rated power into scenario.resolved.toml"
        raise ScenarioError([Fault("grid.rated_power_w", 0.0, message, remedy)]) from None


def _recorded(run: Result, steps: Steps, at: Place) -> dict[str, Floats]:
    """Voltages of the run, as far as they are there; means, whatever is taken of the power."""
    steps = replace(steps, statistic="mean")
    found = {}
    for name in ("poi.voltage_pu", "site.voltage_pu") if at == "site" else ("poi.voltage_pu",):
        faults: list[Fault] = []
        values = stage_inputs.gather(faults, courses, run, [name], steps)
        if values is not None:
            found[name] = values[name]
    return found


def _states(run: Result, steps: Steps, at: Place) -> dict[str, Floats]:
    """Source, tap changer and capacitors in every step, from the scenario and the events of the run."""
    grid = run.scenario.model.grid
    voltage = np.full(run.ticks, grid.source_voltage_pu)
    factor = np.ones(run.ticks)
    for event in supply_lowering.event_records(grid.event, run.tick_s):
        under_way = slice(int(event.start_tick), int(event.stop_tick))
        voltage[under_way] *= event.voltage_pu
        factor[under_way] *= event.impedance_factor
    ratio, capacitor = np.ones(run.ticks), np.zeros(run.ticks)
    if at == "site" and grid.tap_changer is not None:
        tap = grid.tap_changer
        ratio = 1.0 + tap.step_pu * _positions(run, "tap_change", tap.initial)
    if at == "site" and grid.capacitor_bank is not None:
        bank = grid.capacitor_bank
        capacitor = bank.step_var * _positions(run, "capacitor_switch", bank.initial)
    named = {"source_voltage_pu": voltage, "source_factor": factor,
             "tap_ratio": ratio, "capacitor_var": capacitor}  # fmt: skip
    return {name: steps.of_ticks(values, "mean") for name, values in named.items()}


def _positions(run: Result, kind: str, initial: int) -> Floats:
    """Position of a switch at every tick; an event moves it for the tick that follows."""
    moves = [event for event in run.events if event.kind == kind]
    positions = np.array([float(initial), *(event.value for event in moves)])
    done = np.searchsorted([event.tick for event in moves], np.arange(run.ticks), side="left")
    return np.asarray(positions[done], dtype=np.float64)


def source_behind(network: Network, factor: Floats, power_w: Floats, var: Floats, poi_pu: Floats) -> Floats:
    """Voltage of the source for power and voltage at the POI: E = |V + Z I|, I = (P - jQ)/V; 0 without V."""
    impedance = factor * (network.source_resistance_pu + 1j * network.source_reactance_pu)
    live = poi_pu > 0.0
    current = (power_w - 1j * var) / network.base_va / np.where(live, poi_pu, 1.0)
    return np.where(live, np.abs(poi_pu + impedance * current), 0.0)


def _bent(grid: models.Grid, load_w: Floats, load_var: Floats) -> tuple[LoadPart, ...]:
    """Voltage-dependent parts of a load at nominal voltage, those that there are."""
    parts = (
        LoadPart("current", grid.load_current_share * load_w, grid.reactive_current_share * load_var),
        LoadPart("impedance", grid.load_impedance_share * load_w, grid.reactive_impedance_share * load_var),
    )
    return tuple(part for part in parts if part.power_w.any() or part.reactive_power_var.any())


def _site_parts(base: Handover, grid: models.Grid, found: Mapping[str, Floats]) -> tuple[LoadPart, ...]:
    """Load of the site bus from what was recorded at the POI.

    With the current I = (P - jQ)/V, V real, cable and transformers give the voltage of the bus and what
    they lose; the voltage-dependent parts follow from the load, and the rest is constant power.
    """
    network, ratio = base.network, base.tap_ratio
    power = found["poi.power_w"] / network.base_va
    var = found["poi.reactive_power_var"] / network.base_va
    poi = found["poi.voltage_pu"]
    live = (poi > 0.0) & ((power != 0.0) | (var != 0.0))
    current = np.where(live, (power - 1j * var) / np.where(live, poi, 1.0), 0.0)
    cable = network.cable_resistance_pu + 1j * network.cable_reactance_pu
    transformer = network.transformer_resistance_pu + 1j * network.transformer_reactance_pu
    voltage = np.abs(ratio * (poi - cable * current) - transformer * current / ratio)
    lost = np.abs(current) ** 2 * (cable + transformer / ratio**2)
    rest_w = (power - lost.real) * network.base_va
    rest_var = (var - lost.imag) * network.base_va + base.capacitor_var * voltage**2
    bent: tuple[LoadPart, ...] = ()
    if "site.load_power_w" in found:
        load_w = np.where(live, found["site.load_power_w"], 0.0)
        bent = _bent(grid, load_w, math.sqrt(1.0 - grid.power_factor**2) / grid.power_factor * load_w)
    for part in bent:
        scale = voltage if part.law == "current" else voltage**2
        rest_w = rest_w - part.power_w * scale
        rest_var = rest_var - part.reactive_power_var * scale
    return (LoadPart("power", rest_w, rest_var), *bent)


def _notes(run: Result, at: Place) -> tuple[str, ...]:
    """What a solver must not be blamed for."""
    notes = []
    counts = run.event_counts
    if counts.get("voltage_collapse"):
        notes.append(
            "the voltage collapsed: the power of that time is what the grid could carry, at the nose of "
            "the PV curve, where a solver may find no voltage"
        )
    if run.scenario.model.grid.playback is not None:
        notes.append("a record was played back: the voltage of the source follows from that of the POI")
    if counts.get("island") and at == "site":
        notes.append("while the site was separated from the grid no load is handed over; its own bus is not")
    kept = sum(1 for event in run.events if event.kind in ("tap_change", "capacitor_switch"))
    if at == "site" and kept < counts.get("tap_change", 0) + counts.get("capacitor_switch", 0):
        notes.append("not all steps of tap changer and capacitor bank are among the events that were kept")
    if not run.complete:
        notes.append(f"the run was cut after {run.recorded_s:g} s")
    return tuple(notes)
