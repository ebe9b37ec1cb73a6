"""`Engine`: steps one site, natively or with the Numba prototypes, on buffers that Python owns."""

from __future__ import annotations

import difflib
import hashlib
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.errors import Fault, MissingExtra, ScenarioError, SimulationError
from wattkeel.loading import is_bypassed
from wattkeel.plant import SCRATCH_MEMBERS, STATE_MEMBERS, Plant, build_chunk, build_plant
from wattkeel.record import envelope_periods_tick, expand
from wattkeel.scenario import expect_scenario
from wattkeel.signals import distribution_order, judged_signals, site_signals
from wattkeel.stage_inputs import expect_snapshot, known_engine, of_type, whole
from wattkeel.supply_lowering import event_records

if TYPE_CHECKING:
    from wattkeel._generated.models import GridEvent
    from wattkeel.scenario import Scenario

EVENTS_PER_CHUNK = 4096
CHUNK_TICKS = 8192
LANE_TICKS_PER_CHUNK = 100_000_000  # a chunk takes well under a second, so that Ctrl-C is heard


@dataclass(frozen=True, slots=True)
class Chunk:
    """What some ticks gave. The arrays are valid until the engine is stepped again.

    Attributes
    ----------
    first_tick
        Tick of the first row.
    full
        Kept signals, shape (ticks, len(full_rate_names)).
    first_bucket
        Number of the first envelope bucket completed.
    envelope
        Minimum, mean and maximum of every signal, shape (buckets, 3, signals).
    events
        Record array with fields tick, kind, place, phase, value, limit.
    events_lost
        Events beyond the capacity of the chunk.
    """

    first_tick: int
    full: NDArray[np.float64]
    first_bucket: int
    envelope: NDArray[np.float64]
    events: Any
    events_lost: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of an engine at one tick; restores into any engine of the same scenario.

    ``site`` identifies the parameters that the state belongs to.
    """

    tick: int
    site: str
    arrays: Mapping[str, NDArray[Any]]


EVENT_DTYPE = np.dtype(
    [(name, np.int64) for name in ("tick", "kind", "place", "phase")]
    + [(name, np.float64) for name in ("value", "limit")]
)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class _State(dict[str, float]):
    """Signals by name; a wrong name is told the nearest ones."""

    def __missing__(self, name: str) -> float:
        near = difflib.get_close_matches(str(name), self, n=3)
        said = f"; did you mean {', '.join(near)}?" if near else ""
        raise KeyError(f"no signal {name!r}{said}")


class Engine:
    """Steps one site tick by tick.

    Parameters
    ----------
    scenario
        Checked scenario.
    engine
        "native" (C++ core) or "numba" (prototypes); default as in the scenario. Both give the same bits.
    threads
        Threads of the native engine, at most one per core; never changes a result.
    isa
        Instruction set of the native engine, e.g. "x86_64_v3"; default: the environment variable
        WATTKEEL_ISA, else the best that the machine has. Never changes a result.

    Raises
    ------
    TypeError
        ``scenario`` is no `Scenario`.
    ScenarioError
        For an unknown engine or instruction set.
    MissingExtra
        When engine is "numba" and numba is not installed.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        engine: str | None = None,
        threads: int | None = None,
        isa: str | None = None,
    ) -> None:
        expect_scenario(scenario, "Engine")
        model = scenario.model
        threads = model.simulation.threads if threads is None else threads
        threads = whole("threads", threads, 1, 256)
        threads = min(threads, available_cores())  # members that spin on a shared core only hinder each other
        self.scenario = scenario
        self.engine = known_engine(model.simulation.engine if engine is None else engine)
        self.tick_s = model.simulation.tick_s
        self.ticks = round(model.simulation.duration_s / self.tick_s)
        self.envelope_tick = envelope_periods_tick(model.record.envelope_s, self.tick_s, self.ticks)[0]
        signals = site_signals(model)
        self.signal_names = [signal.name for signal in signals]
        self.signal_units = {signal.name: signal.unit for signal in signals}
        patterns = [*model.record.full_rate, *model.record.event_signals, *judged_signals(model)]
        self.full_rate_names = expand(patterns, self.signal_names)
        lanes = sum(rack.count for rack in model.rack.values())
        self.chunk_ticks = int(max(16, min(CHUNK_TICKS, LANE_TICKS_PER_CHUNK // lanes)))
        self.plant = build_plant(scenario, self.envelope_tick)
        self._chunk = build_chunk(
            [self.signal_names.index(name) for name in self.full_rate_names],
            len(self.signal_names), self.chunk_ticks, self.envelope_tick, EVENTS_PER_CHUNK,
        )  # fmt: skip
        self._site = _digest(self.plant)
        self._runner = self._start(threads, isa or "")

    def _start(self, threads: int, isa: str) -> Any:
        if self.engine == "native":
            from wattkeel.native import core

            try:
                return core().Runner(self.plant, self._chunk, isa, threads)
            except ValueError as error:
                place = "isa" if isa else "environment variable WATTKEEL_ISA"
                given = isa or os.environ.get("WATTKEEL_ISA", "")
                raise ScenarioError(
                    [Fault(place, given, str(error), "choose one of them, or none")]
                ) from None
            except RuntimeError as error:
                raise ScenarioError([Fault("threads", threads, str(error), "ask for fewer")]) from None
        return _PrototypeRunner(self.plant, self._chunk)

    @property
    def tick(self) -> int:
        """Ticks done."""
        return int(self.plant.clock[0])

    @property
    def time_s(self) -> float:
        """Time simulated, s."""
        return self.tick * self.tick_s

    def advance(self, ticks: int) -> Chunk:
        """Step by ``ticks`` (at most ``chunk_ticks``) and return what they gave.

        Raises
        ------
        SimulationError
            When a signal is not finite: a fault of ours, not of the scenario.
        """
        if not 0 <= ticks <= self.chunk_ticks:
            raise ValueError(f"advance: {ticks} ticks; this engine takes 0 to {self.chunk_ticks} at a time")
        first_tick = self.tick
        first_bucket = first_tick // self.envelope_tick
        self._runner.advance(ticks)
        self._check_finite(first_tick)
        rows, buckets, events, lost = (int(x) for x in self._chunk.tally)
        return Chunk(
            first_tick, self._chunk.full[:rows], first_bucket, self._chunk.envelope[:buckets],
            self._events(events), lost,
        )  # fmt: skip

    def finish(self) -> Chunk:
        """The envelope bucket that is still open, as a chunk without rows."""
        plant = self.plant
        fill = int(plant.clock[1])
        bucket = np.stack([plant.bucket_low, plant.bucket_total / max(1, fill), plant.bucket_high])
        envelope = bucket[None] if fill else np.empty((0, 3, len(self.signal_names)))
        empty = np.empty((0, len(self.full_rate_names)))
        return Chunk(self.tick, empty, self.tick // self.envelope_tick, envelope, self._events(0), 0)

    def _events(self, count: int) -> Any:
        events = np.empty(count, dtype=EVENT_DTYPE).view(np.recarray)
        for column, name in enumerate(("tick", "kind", "place", "phase")):
            events[name] = self._chunk.event_index[:count, column]
        events.value = self._chunk.event_value[:count, 0]
        events.limit = self._chunk.event_value[:count, 1]
        return events

    def _check_finite(self, first_tick: int) -> None:
        if np.isfinite(self.plant.meter).all():
            return
        bad = self.signal_names[int(np.flatnonzero(~np.isfinite(self.plant.meter))[0])]
        stage = bad.partition(".")[0]
        raise SimulationError(stage, None, self.tick, f"{bad} is not finite; it was at tick {first_tick}")

    def step(self, ticks: int = 1) -> None:
        """Step by any number of ticks without keeping records; ``state`` shows the last one."""
        ticks = operator.index(ticks)
        if ticks < 0:
            raise ValueError(f"step: {ticks} ticks; time does not run backwards (use restore)")
        while ticks > 0:
            part = min(ticks, self.chunk_ticks)
            self._runner.advance(part)
            ticks -= part
        self._check_finite(self.tick)

    @property
    def state(self) -> Mapping[str, float]:
        """All signals in the last tick, by name."""
        return _State(zip(self.signal_names, self.plant.signal.tolist(), strict=True))

    def meters(self) -> dict[str, float]:
        """Integral of every signal over the time so far (a power gives J); compensated sums."""
        total = (self.plant.meter + self.plant.meter_carry) * self.tick_s
        return dict(zip(self.signal_names, total.tolist(), strict=True))

    def command(self, name: str, value: float) -> None:
        """Command something from outside; it acts in the next tick.

        Parameters
        ----------
        name
            ``gpu.<rack>.cap_w`` (W per GPU), ``storage.<unit>.power_w`` (W, positive delivers; NaN gives it
            back to the control), ``storage.<unit>.reactive_power_var`` (var delivered) or
            ``distribution.<node>.reconnect`` (1: load that a counter of sags has transferred returns).
        value
            The command.

        Raises
        ------
        ScenarioError
            For an unknown name or a value out of range.
        """
        if not isinstance(name, str):
            raise ScenarioError([Fault("name", name, f"is {of_type(name)}", 'give "storage.<unit>.power_w"')])
        try:
            value = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ScenarioError([Fault(name, value, "is not a number", "give it in SI units")]) from None
        stage, _, rest = name.partition(".")
        unit, _, quantity = rest.rpartition(".")
        nodes = self.scenario.model.distribution
        rides = [
            node for node in distribution_order(self.scenario.model) if nodes[node].ride_through != "none"
        ]
        racks, units = list(self.scenario.model.rack), list(self.scenario.model.storage)
        if (stage, quantity) == ("gpu", "cap_w") and unit in racks:
            if not value > 0.0:
                raise ScenarioError([Fault(name, value, "a cap is a power above 0 W", "give W per GPU")])
            if is_bypassed(self.scenario.model.workload[self.scenario.model.rack[unit].workload]):
                message = "the racks replay power measured at their inlet: no cap acts on it"
                raise ScenarioError([Fault(name, value, message, 'replay with trace_boundary = "gpu"')])
            self.plant.gpu_state[racks.index(unit)].cap_w = value
        elif (stage, quantity) == ("storage", "power_w") and unit in units:
            if math.isinf(value):
                raise ScenarioError(
                    [Fault(name, value, "not a finite power", "give W, or NaN for the control")]
                )
            self.plant.converter_state[units.index(unit)].override_w = value
        elif (stage, quantity) == ("storage", "reactive_power_var") and unit in units:
            u = units.index(unit)
            limit = float(self.plant.converter[u].limit_va)
            if not abs(value) <= limit:
                raise ScenarioError(
                    [Fault(name, value, f"beyond the converter's {limit:g} VA", "ask for less")]
                )
            self.plant.converter_state[u].reactive_var = value
        elif (stage, quantity) == ("distribution", "reconnect") and unit in rides:
            if value != 1.0:
                raise ScenarioError([Fault(name, value, "is a command without a size", "give 1")])
            self.plant.ride_state[rides.index(unit)].reconnect = 1
        else:
            known = [f"gpu.{r}.cap_w" for r in racks]
            known += [f"storage.{u}.{q}" for u in units for q in ("power_w", "reactive_power_var")]
            known += [f"distribution.{r}.reconnect" for r in rides]
            raise ScenarioError([Fault(name, value, "no such command", "one of: " + ", ".join(known))])

    def replace_events(self, events: Sequence[GridEvent]) -> None:
        """Put other events of the grid in the place of the scenario's, from the next tick on.

        For studies that disturb one site in many ways: with `restore`, every test begins from the same state
        without building the site anew. Events are no part of a snapshot.

        Parameters
        ----------
        events
            Rows of ``[[grid.event]]``, times counted from the start of the run; with their repetitions at
            most as many as the scenario has.

        Raises
        ------
        ValueError
            There are more of them.
        """
        rows = event_records(events, self.tick_s)
        room = len(self.plant.grid_event)
        if len(rows) > room:
            raise ValueError(f"{len(rows)} events; the scenario has room for {room}")
        self.plant.grid_event[: len(rows)] = rows
        self.plant.grid[0].events = len(rows)
        self.plant.grid_state[0].next_change_tick = self.tick  # looks at the table again in the next tick

    def snapshot(self) -> Snapshot:
        """Copy of the whole state."""
        return Snapshot(
            self.tick, self._site, {name: getattr(self.plant, name).copy() for name in STATE_MEMBERS}
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot of an engine of the same scenario.

        Raises
        ------
        ScenarioError
            When the snapshot belongs to other parameters, or is none.
        """
        expect_snapshot(snapshot, Snapshot)
        if snapshot.site != self._site:
            remedy = "restore it into an engine of the scenario that it was taken from"
            raise ScenarioError(
                [Fault("snapshot", f"tick {snapshot.tick}", "does not fit this site", remedy)]
            )
        for name in STATE_MEMBERS:
            getattr(self.plant, name)[...] = snapshot.arrays[name]

    def describe(self) -> dict[str, Any]:
        """Engine, instruction set and threads, for a run's manifest."""
        return {"engine": self.engine, "isa": self._runner.isa, "threads": self._runner.threads}


def _digest(plant: Plant) -> str:
    """Digest of everything that a site is and that stepping does not change."""
    digest = hashlib.sha256()
    for name in plant._fields:
        if name not in STATE_MEMBERS and name not in SCRATCH_MEMBERS:
            digest.update(np.ascontiguousarray(getattr(plant, name)).tobytes())
    return digest.hexdigest()


class _PrototypeRunner:
    """Steps the buffers with the Numba prototypes."""

    isa = "numba"
    threads = 1

    def __init__(self, plant: Any, chunk: Any) -> None:
        from wattkeel.prototype import _jit, site

        if not _jit.AVAILABLE:
            raise MissingExtra("numba", "numba", 'engine "numba"')
        self._advance: Callable[..., None] = site.advance
        self._plant = plant
        self._chunk = chunk

    def advance(self, ticks: int) -> None:
        """Step the plant by ``ticks``."""
        self._advance(self._plant, self._chunk, ticks)
