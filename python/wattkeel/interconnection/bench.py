"""A site on the test bench: brought to its steady swing once, then disturbed again and again.

Every test begins from the same state: the engine is restored to a snapshot at the chosen moment of the load's
cycle, the rows of its table of grid events are rewritten, and it is stepped. Beside every disturbed course
stands its *twin*, the same site from the same state without the disturbance; what the load would have drawn
is therefore known, not estimated from what it drew before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wattkeel._generated.models import Perc1
from wattkeel.compliance.record import Record
from wattkeel.errors import Fault, ScenarioError
from wattkeel.events import Event, EventLog
from wattkeel.interconnection.disturbances import Disturbance, Train
from wattkeel.interconnection.waves import Cycle, cycle_of_job, cycle_of_load

if TYPE_CHECKING:
    from wattkeel._generated.models import ScenarioModel
    from wattkeel.engine import Snapshot
    from wattkeel.scenario import Scenario

__all__ = ["Bench", "Course", "Moment", "Source", "as_record", "settling_s"]

Array = NDArray[np.float64]
Source = Literal["stiff", "scenario"]

POWER, VOLTAGE, FREQUENCY, LOAD = "poi.power_w", "poi.voltage_pu", "poi.frequency_hz", "site.load_power_w"
#: A row of the table of events that never comes.
_NEVER_S = 3.1e9
#: The bench records so many cycles of the load before the first moment.
_LEAD_CYCLES = 1.0
#: What is looked at to find the cycle of a load that no job describes, s.
_LISTEN_S = 60.0
#: The stiff source: the POI sees what is asked for, whatever the load draws. The scenario's own impedance
#: behind the POI would turn every test of the load into one of the grid.
_STIFF: dict[str, object] = {
    "grid.scr": 1000.0,
    "grid.source_resistance_ohm": 0.0,
    "grid.source_reactance_ohm": 0.0,
    "grid.source_voltage_pu": 1.0,
    "grid.frequency_model": "fixed",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of the load's cycle at which a test begins.

    Attributes
    ----------
    phase : float
        Share of the cycle that has passed since the first moment, 0 to 1.
    tick : int
    load_w : float
        Load of the site bus in the tick before, W.
    snapshot : Snapshot
    """

    phase: float
    tick: int
    load_w: float
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Course:
    """What a site did in a test, and what its twin did.

    Attributes
    ----------
    tick_s : float
    power_w, voltage_pu, frequency_hz, load_w : ndarray, shape (ticks,)
        At the POI, and load of the site bus, W; the first value is that of the first tick of the test.
    twin_power_w, twin_load_w : ndarray, shape (ticks,)
        The same without the disturbance.
    before : dict of str to ndarray
        POI power, voltage and frequency of the cycle before the test.
    events : list of Event
        Times from the begin of the test.
    train : Train
        The disturbance.
    """

    tick_s: float
    power_w: Array
    voltage_pu: Array
    frequency_hz: Array
    load_w: Array
    twin_power_w: Array
    twin_load_w: Array
    before: Mapping[str, Array]
    events: list[Event]
    train: Train


class Bench:
    """A site, ready to be disturbed.

    Parameters
    ----------
    scenario : Scenario
        The site. Its own grid events play no part.
    source : {"stiff", "scenario"}
        "stiff": the POI has the voltage and frequency of the test, as at a test stand. "scenario": the test
        acts on the source behind the scenario's own grid, and the POI sees what is left of it.
    rows : int
        Most disturbances of one test.
    settle_s : float, optional
        Time before the first test, s; see `settling_s` when None.
    engine : {"native", "numba"}, optional

    Raises
    ------
    ScenarioError
        A measured record drives the grid of the scenario.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        source: Source = "stiff",
        rows: int = 1,
        settle_s: float | None = None,
        engine: str | None = None,
    ) -> None:
        from wattkeel.engine import Engine

        if scenario.playback is not None:
            raise ScenarioError(
                [
                    Fault(
                        "grid.playback",
                        scenario.playback.source,
                        "drives the grid by a record; a test drives it itself",
                        "leave [grid.playback] out",
                    )
                ]
            )
        self.source = source
        self.rows = rows
        self.scenario = _prepared(scenario, source, rows)
        self.engine = Engine(self.scenario, engine=engine, threads=1)
        self.tick_s = self.engine.tick_s
        self._column = {name: k for k, name in enumerate(self.engine.full_rate_names)}
        self._rides = _rides(self.scenario.model)
        self.runs = 0
        self.simulated_s = 0.0
        self.settle_s = settling_s(self.scenario) if settle_s is None else settle_s
        self._rows: list[Array] = []
        self._settle()

    def _settle(self) -> None:
        """Come to the steady swing, find the cycle, and keep the course from one cycle before."""
        cycle = cycle_of_job(self.scenario)
        lead_s = _LISTEN_S if cycle is None else _LEAD_CYCLES * cycle.period_s
        lead_s = max(min(lead_s, self.settle_s), 2.0 * self.tick_s)
        self._place([])
        self.engine.step(max(round((self.settle_s - lead_s) / self.tick_s), 0))
        self._first_tick = self.engine.tick
        self._end: Snapshot = self.engine.snapshot()
        self._undisturbed(self._first_tick + round(lead_s / self.tick_s))
        self.begin_tick = self._end.tick
        load_w = self._twin(LOAD)
        self.cycle: Cycle = cycle_of_load(load_w, self.tick_s) if cycle is None else cycle
        self._before = min(load_w.size, max(2, round(self.cycle.period_s / self.tick_s)))

    def moments(self, phases: int) -> list[Moment]:
        """Moments equally spaced over one cycle of the load; one where the load is flat."""
        count = phases if self.cycle.period_s > 0.0 else 1
        ticks = self.cycle.period_s / self.tick_s
        count = max(1, min(count, int(ticks)))
        start = self._end
        if start.tick != self.begin_tick:
            raise RuntimeError("moments must be chosen before the first test")
        self.engine.restore(start)
        found = []
        for k in range(count):
            tick = self.begin_tick + round(k * ticks / count)
            self._undisturbed(tick)
            found.append(Moment(k / count, tick, float(self._twin(LOAD)[-1]), self._end))
        return found

    def _undisturbed(self, tick: int) -> None:
        """Carry the undisturbed course on to a tick."""
        engine = self.engine
        if self._end.tick >= tick:
            return
        engine.restore(self._end)
        self._place([])
        while engine.tick < tick:
            chunk = engine.advance(min(engine.chunk_ticks, tick - engine.tick))
            self._rows.append(chunk.full.copy())
        self._end = engine.snapshot()

    def _twin(self, name: str, first: int = 0, last: int | None = None) -> Array:
        if len(self._rows) > 1:
            self._rows = [np.concatenate(self._rows)]
        return np.ascontiguousarray(self._rows[0][first:last, self._column[name]])

    def _place(self, pieces: Sequence[Disturbance], tick: int = 0) -> None:
        """Put disturbances before the engine, counted from `tick`."""
        from wattkeel._generated.models import GridEvent

        self.engine.replace_events(
            [
                GridEvent(
                    start_s=tick * self.tick_s + piece.start_s,
                    duration_s=piece.duration_s,
                    voltage_pu=piece.voltage_pu,
                    frequency_offset_hz=piece.frequency_offset_hz,
                    frequency_ramp_hz_per_s=piece.frequency_ramp_hz_per_s,
                )
                for piece in pieces
            ]
        )

    def run(self, moment: Moment, course: Train, after_s: float) -> Course:
        """Disturb the site at a moment and watch it until `after_s` after the end of the disturbance.

        Parameters
        ----------
        moment : Moment
        course : Train
        after_s : float
            s.
        """
        engine = self.engine
        ticks = max(2, round((course.end_s + after_s) / self.tick_s))
        self._undisturbed(moment.tick + ticks)
        engine.restore(moment.snapshot)
        self._place(course.pieces, moment.tick)
        log = EventLog(self.tick_s, self._event_places())
        rows = []
        while engine.tick < moment.tick + ticks:
            chunk = engine.advance(min(engine.chunk_ticks, moment.tick + ticks - engine.tick))
            rows.append(chunk.full.copy())
            log.take(chunk.events, chunk.events_lost)
        self.runs += 1
        self.simulated_s += ticks * self.tick_s
        full = np.concatenate(rows)
        at = moment.tick - self._first_tick
        events = [_shifted(event, moment.tick, self.tick_s) for event in log.events]
        column = {name: np.ascontiguousarray(full[:, k]) for name, k in self._column.items()}
        return Course(
            tick_s=self.tick_s,
            power_w=column[POWER],
            voltage_pu=column[VOLTAGE],
            frequency_hz=column[FREQUENCY],
            load_w=column[LOAD],
            twin_power_w=self._twin(POWER, at, at + ticks),
            twin_load_w=self._twin(LOAD, at, at + ticks),
            before={
                name: self._twin(name, max(at - self._before, 0), at) for name in (POWER, VOLTAGE, FREQUENCY)
            },
            events=events,
            train=course,
        )

    def _event_places(self) -> dict[str, list[str]]:
        from wattkeel.signals import distribution_order

        model = self.scenario.model
        return {
            "distribution": distribution_order(model),
            "storage": list(model.storage),
            "workload": list(model.workload),
        }

    def answers(self, block: str) -> str:
        """Why a test of this block would show nothing: empty where something of the site answers it.

        Parameters
        ----------
        block : {"voltage_ride_through", "frequency_ride_through"}
        """
        model = self.scenario.model
        if block == "voltage_ride_through":
            opens = model.grid.island is not None and model.grid.island.separate_below_pu > 0.0
            if self._rides or opens:
                return ""
            return (
                "nothing in this site answers the voltage, so that it cannot trip: give a node of the "
                'distribution ride_through = "perc1", or [grid.island] with separate_below'
            )
        if any(stage.site_share > 0.0 for stage in model.grid.load_shedding):
            return ""
        return (
            "nothing in this site answers the frequency, so that it cannot trip: give the under-frequency "
            "relays of the site as [[grid.load_shedding]] with site_share"
        )

    @property
    def load_answers(self) -> bool:
        """Whether a part of the load answers the voltage, not only the breaker of the site."""
        return bool(self._rides)

    def answers_above(self, level_pu: float) -> bool:
        """Whether something of the site acts on a voltage that is above a level, pu.

        Cessation, counters and separation act *below* their thresholds: over-voltage trips are not modelled.
        """
        model = self.scenario.model
        loads = [model.distribution[node].perc1 or Perc1() for node in self._rides]
        acts = [load.cease_voltage_pu for load in loads]
        acts += [load.sag_voltage_pu for load in loads if load.sag_count > 0]
        if model.grid.island is not None:
            acts.append(model.grid.island.separate_below_pu)
        return max(acts, default=0.0) > level_pu

    def blind_share(self) -> float:
        """Share of the load that answers no voltage in the model, and so is taken as staying connected."""
        total_w = max(float(self._twin(LOAD).mean()), 1e-9)
        seen_w = sum(float(self._twin(f"distribution.{node}.power_w").mean()) for node in self._rides)
        return float(np.clip(1.0 - seen_w / total_w, 0.0, 1.0))


def _prepared(scenario: Scenario, source: Source, rows: int) -> Scenario:
    """The scenario as the bench runs it: its own events gone, room for those of a test."""
    spare = [{"start_s": _NEVER_S, "duration_s": 1.0} for _ in range(rows)]
    rides = _rides(scenario.model)
    kept = [POWER, VOLTAGE, FREQUENCY, LOAD, *(f"distribution.{node}.power_w" for node in rides)]
    overrides: dict[str, object] = {
        "grid.event": spare,
        "record.full_rate": kept,
        "record.event_signals": [],
        "compliance.profiles": [],
    }
    if source == "stiff":
        overrides |= _STIFF
    return scenario.with_overrides(overrides)


def settling_s(scenario: Scenario) -> float:
    """Time after which a site is taken as steady, s.

    What the scenario itself does not judge (``compliance.settle``); two averages of the control; the start of
    every job with its ramp and four iterations; the shelf stores' averages.
    """
    model = scenario.model
    times = [2.0 * model.control.average_s]
    if model.compliance is not None:
        times.append(model.compliance.settle_s)
    for job in model.workload.values():
        iterations_s = 4.0 * job.period_s if job.kind == "training" else 10.0
        times.append(job.start_s + job.start_ramp_s + job.phase_s + iterations_s)
    times += [4.0 * rack.store_recovery_s for rack in model.rack.values() if rack.store_energy_j > 0.0]
    return max(times)


def _rides(model: ScenarioModel) -> list[str]:
    return [name for name, node in model.distribution.items() if node.ride_through != "none"]


def _shifted(event: Event, tick: int, tick_s: float) -> Event:
    """An event with its times counted from the begin of the test."""
    return dataclasses.replace(event, tick=event.tick - tick, time_s=(event.tick - tick) * tick_s)


def as_record(course: Course, scenario: Scenario) -> Record:
    """A test as a record that the rules can judge, from one cycle before the disturbance.

    Parameters
    ----------
    course : Course
    scenario : Scenario
        For the contracted power and the nominal frequency.

    Returns
    -------
    Record
    """
    before = course.before[POWER].size
    grid = scenario.model.grid
    shift_s = before * course.tick_s
    events = [
        dataclasses.replace(event, tick=event.tick + before, time_s=event.time_s + shift_s)
        for event in course.events
    ]
    return Record(
        np.concatenate([course.before[POWER], course.power_w]),
        course.tick_s,
        rated_power_w=grid.rated_power_w or None,
        nominal_frequency_hz=grid.nominal_frequency_hz,
        voltage_pu=np.concatenate([course.before[VOLTAGE], course.voltage_pu]),
        frequency_hz=np.concatenate([course.before[FREQUENCY], course.frequency_hz]),
        events=events,
        simulated=True,
    )
