"""The test bench: the system under test beside a load and a grid that a test sets, stepped and logged.

A bench scenario takes the storage unit and the grid of the user's scenario as they are and puts loads of
known power in place of the racks. It is an ordinary scenario: what a test was run on is written beside its
result, and `wattkeel run` runs it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.engine import Engine
from wattkeel.events import Event, EventLog
from wattkeel.scenario import Scenario
from wattkeel.signals import distribution_order

if TYPE_CHECKING:
    from wattkeel._generated import models

__all__ = ["Bench", "Log", "Order", "Segment", "Subject", "dark", "loads", "run"]

Floats = NDArray[np.float64]
Tables = dict[str, Any]
Pilot = Callable[[Engine], float]
Progress = Callable[[float], None]
"""Told the share of a run that is done."""

GPUS = 100_000
"""GPUs of a bench load: one rack of so many draws any power that a GPU of the spec tables scales to."""
LEAST_W = 1e3
"""Power of a load that stands for none."""
_NO_WINDOWS = 1
DARK = 2
"""Mode of a dark site, as in `wattkeel.prototype.island`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A constant load: from when to when, s, and its power, W."""

    start_s: float
    stop_s: float
    power_w: float


@dataclass(frozen=True, slots=True)
class Order:
    """A command from outside at a time, s: its name and value as `Engine.command` takes them."""

    time_s: float
    name: str
    value: float


@dataclass(frozen=True)
class Subject:
    """The battery system under test: the one storage unit of a scenario.

    Attributes
    ----------
    scenario : Scenario
        The user's scenario.
    name : str
        Name of the unit.
    unit : Storage
        Its parameters.
    """

    scenario: Scenario
    name: str
    unit: models.Storage

    @property
    def converter(self) -> models.Converter:
        """Its power conversion system."""
        assert self.unit.converter is not None  # the checks of a scenario require one
        return self.unit.converter

    @property
    def rated_w(self) -> float:
        """Rated power, W."""
        return self.converter.rated_power_w

    @property
    def limit_va(self) -> float:
        """Apparent-power limit, VA."""
        return self.converter.apparent_power_va or self.converter.rated_power_w

    @property
    def window(self) -> tuple[float, float]:
        """Lower and upper end of the usable SoC."""
        cells = self.unit.battery or self.unit.supercapacitor
        assert cells is not None
        return cells.soc_min, cells.soc_max

    @property
    def soc_initial(self) -> float:
        """SoC at the start."""
        cells = self.unit.battery or self.unit.supercapacitor
        assert cells is not None
        return cells.soc_initial

    @property
    def forms(self) -> bool:
        """Whether it can hold a bus alone."""
        return self.unit.forming is not None

    @property
    def command(self) -> str:
        """Name of its active-power command."""
        return f"storage.{self.name}.power_w"

    def signal(self, quantity: str) -> str:
        """Name of one of its signals."""
        return f"storage.{self.name}.{quantity}"


def loads(segments: Sequence[Segment]) -> Tables:
    """Workload, GPU and rack tables of constant loads without any loss, each on its own rack."""
    tables: Tables = {"workload": {}, "gpu": {}, "rack": {}}
    for index, segment in enumerate(segments):
        name = f"load{index + 1}"
        tables["workload"][name] = {
            "kind": "training",
            "start_s": segment.start_s,
            "compute_pu": 1.0,
            "communication_pu": 1.0,
            "edge_s": 0.0,
        }
        if np.isfinite(segment.stop_s):
            tables["workload"][name]["stop_s"] = segment.stop_s
        tables["gpu"][name] = {"rated_power_w": max(segment.power_w, LEAST_W) / GPUS, "idle_power_w": 0.0}
        tables["rack"][name] = {
            "count": 1,
            "gpus_per_rack": GPUS,
            "gpu": name,
            "workload": name,
            "psu_loss_a": 0.0,
            "psu_loss_c": 0.0,
        }
    return tables


@dataclass
class Bench:
    """Builds the scenario of one test.

    Attributes
    ----------
    subject : Subject
        The system under test.
    title : str
        Title of the bench scenario.
    duration_s, tick_s : float
        Length and tick, s; the tick is that of the user's scenario unless given.
    """

    subject: Subject
    title: str
    duration_s: float
    tick_s: float = 0.0
    record: Sequence[str] = ()
    envelope_s: float = 0.0

    def scenario(
        self,
        load: Sequence[Segment],
        *,
        grid: Mapping[str, Any] | None = None,
        control: Mapping[str, Any] | None = None,
        unit: Mapping[str, Any] | None = None,
        own_way: bool = False,
    ) -> Scenario:
        """Return the checked scenario.

        Parameters
        ----------
        load : sequence of Segment
            Load of the bus.
        grid, control, unit : mapping, optional
            Values laid over the grid section, over a control that is off, and over the storage unit; None
            removes a key.
        own_way : bool
            Keep the user's cable, transformers and capacitors between POI and terminals.
        """
        model = self.subject.scenario.model
        tables = {**self._common(), **loads(load)}
        own = dumped(model.grid)
        tables["grid"] = merged(without_events(own) if own_way else stiff_way(own), grid or {})
        tables["control"] = {"target": "off", **(control or {})}
        tables["storage"] = {self.subject.name: merged(dumped(self.subject.unit), unit or {})}
        return Scenario.from_dict(tables, self.subject.scenario.base_dir)

    def site(self, more: Mapping[str, Any]) -> Scenario:
        """Return the user's own site with other clock and record; tables of `more` are laid over it."""
        tables = dumped(self.subject.scenario.model)
        tables.pop("qualify", None)
        tables["compliance"] = {}
        tables["grid"] = without_events(tables["grid"])
        tables = merged(tables, {key: value for key, value in self._common().items() if key != "title"})
        tables["title"] = self.title
        return Scenario.from_dict(merged(tables, more), self.subject.scenario.base_dir)

    def _common(self) -> Tables:
        clock = self.subject.scenario.model.simulation
        record: Tables = {
            "full_rate": list(self.record),
            "event_signals": [],
            "event_windows": _NO_WINDOWS,
            "envelope_s": [self.envelope_s] if self.envelope_s else [],
        }
        simulation = dumped(clock) | {
            "duration_s": self.duration_s,
            "tick_s": self.tick_s or clock.tick_s,
        }
        return {"title": self.title, "simulation": simulation, "record": record}


def dumped(model: Any) -> Tables:
    """Values of a parameter model, in SI, without what is not there."""
    values: Tables = model.model_dump(mode="python", exclude_none=True)
    return values


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Tables:
    """One tree of tables over another; None removes a key."""
    out = dict(under)
    for key, value in over.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = merged(out[key], value)
        else:
            out[key] = value
    return out


def without_events(grid: Mapping[str, Any]) -> Tables:
    """The grid section without what the user's scenario does to it."""
    return {key: value for key, value in grid.items() if key not in ("event", "playback", "load_shedding")}


def stiff_way(grid: Mapping[str, Any]) -> Tables:
    """The grid section with the POI at the terminals: nothing lies between, nothing happens."""
    gone = ("tap_changer", "capacitor_bank", "island")
    own = {key: value for key, value in without_events(grid).items() if key not in gone}
    return own | {
        "transformer_no_load_loss": 0.0,
        "transformer_load_loss": 0.0,
        "transformer_impedance": 0.0,
        "cable_resistance_ohm": 0.0,
        "cable_reactance_ohm": 0.0,
    }


@dataclass(frozen=True, eq=False)
class Log:
    """What a bench run gave.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    tick_s : float
        Tick, s.
    ticks : int
        Ticks done.
    signals : dict of str to ndarray (ticks,)
        Recorded signals at every tick; tick k covers the time from k to k + 1 ticks.
    envelopes : dict of str to ndarray (3, buckets)
        Minimum, mean and maximum of the chosen signals in buckets of `envelope_s`, where they were kept.
    envelope_s : float
        Length of a bucket, s.
    events : list of Event
    manifest : dict
        Engine, instruction set, threads, seed, wall time.
    """

    scenario: Scenario
    tick_s: float
    ticks: int
    signals: dict[str, Floats]
    envelopes: dict[str, Floats]
    envelope_s: float
    events: list[Event]
    manifest: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Floats:
        return self.signals[name]

    @property
    def duration_s(self) -> float:
        """Length, s."""
        return self.ticks * self.tick_s

    @property
    def time_s(self) -> Floats:
        """Begins of the ticks, s."""
        return np.asarray(np.arange(self.ticks) * self.tick_s, dtype=np.float64)

    def at(self, time_s: float) -> int:
        """Tick that begins at a time."""
        return min(self.ticks, max(0, round(time_s / self.tick_s)))

    def part(self, name: str, start_s: float, stop_s: float) -> Floats:
        """A signal from one time to another."""
        return self.signals[name][self.at(start_s) : self.at(stop_s)]

    def times(self, kind: str) -> list[float]:
        """Times at which events of a kind began, s."""
        return [event.time_s for event in self.events if event.kind == kind]


def dark(engine: Engine) -> None:
    """Make the bus of an engine dead, as after a blackout: nothing energised, no load connected."""
    island = engine.plant.island_state[0]
    island.mode = DARK
    island.energised = 0.0
    island.connected = 0.0
    island.step = 0
    island.step_tick = 0
    island.dark_tick = 0
    for state in engine.plant.grid_state:
        state.bus_voltage_pu = 0.0


def run(
    scenario: Scenario,
    orders: Sequence[Order] = (),
    *,
    before: Callable[[Engine], None] | None = None,
    pilot: Pilot | None = None,
    envelope: Sequence[str] = (),
    progress: Progress | None = None,
) -> Log:
    """Step a bench scenario to its end.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    orders : sequence of Order
        Commands at times.
    before : callable, optional
        Sets the engine before its first tick.
    pilot : callable, optional
        A controller in Python: given the engine it commands, and returns after how many seconds it wants to
        look again.
    envelope : sequence of str
        Signals whose envelopes are kept.
    progress : callable, optional
        Told the share that is done.
    """
    started_s = time.perf_counter()
    engine = Engine(scenario)
    if before is not None:
        before(engine)
    places = {
        "storage": list(scenario.model.storage),
        "distribution": distribution_order(scenario.model),
        "workload": list(scenario.model.workload),
    }
    log = EventLog(engine.tick_s, places)
    rows: list[Floats] = []
    buckets: list[Floats] = []
    kept = [engine.signal_names.index(name) for name in envelope]
    for ticks in _strides(engine, orders, pilot):
        chunk = engine.advance(ticks)
        rows.append(chunk.full.copy())
        if kept:
            buckets.append(chunk.envelope[:, :, kept].copy())
        log.take(chunk.events, chunk.events_lost)
        if progress is not None:
            progress(engine.tick / engine.ticks)
    if kept:
        buckets.append(engine.finish().envelope[:, :, kept].copy())
    full = np.concatenate(rows) if rows else np.empty((0, len(engine.full_rate_names)))
    bands = np.concatenate(buckets) if buckets else np.empty((0, 3, 0))
    return Log(
        scenario=scenario,
        tick_s=engine.tick_s,
        ticks=engine.tick,
        signals={name: full[:, k] for k, name in enumerate(engine.full_rate_names)},
        envelopes={name: bands[:, :, k].T for k, name in enumerate(envelope)},
        envelope_s=engine.envelope_tick * engine.tick_s,
        events=log.events,
        manifest={
            **engine.describe(),
            "seed": scenario.model.simulation.seed,
            "wall_s": time.perf_counter() - started_s,
        },
    )


def _strides(engine: Engine, orders: Sequence[Order], pilot: Pilot | None) -> Iterator[int]:
    """Ticks to advance, in turn; commands are given in between, and act in the tick that follows."""
    waiting = sorted(orders, key=lambda order: order.time_s)
    look = 0
    while engine.tick < engine.ticks:
        while waiting and round(waiting[0].time_s / engine.tick_s) <= engine.tick:
            order = waiting.pop(0)
            engine.command(order.name, order.value)
        stop = engine.ticks
        if pilot is not None:
            if engine.tick >= look:
                wait_s = min(pilot(engine), engine.ticks * engine.tick_s)
                look = engine.tick + max(1, round(wait_s / engine.tick_s))
            stop = min(stop, look)
        if waiting:
            stop = min(stop, round(waiting[0].time_s / engine.tick_s))
        yield min(engine.chunk_ticks, stop - engine.tick)
