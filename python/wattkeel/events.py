"""Events of a run: what the core's codes mean, how begin and end are joined, and how they read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

EVENTS_KEPT = 100_000
"""Most events that are kept one by one; the counts by kind stay exact beyond it."""

BEGIN = 1
END = 0


@dataclasses.dataclass(frozen=True, slots=True)
class EventKind:
    """What one event code of the core means.

    Attributes
    ----------
    code : int
        Number that the core writes.
    name : str
        Name in results.
    stage : str
        Stage that the event's place belongs to.
    unit : str
        Unit of value and limit; empty where there is none.
    lasts : bool
        Whether an end follows the begin.
    text : str
        One-line meaning, for people.
    """

    code: int
    name: str
    stage: str
    unit: str
    lasts: bool
    text: str


KINDS: dict[int, EventKind] = {
    kind.code: kind
    for kind in (
        EventKind(1, "node_overload", "distribution", "W", True, "load above the rating of the node"),
        EventKind(2, "storage_limited", "storage", "W", True, "storage delivers less than commanded"),
        EventKind(3, "voltage_collapse", "poi", "pu", True, "the load at the POI has no voltage solution"),
        EventKind(4, "grid_event", "grid", "", True, "voltage or frequency event of the grid"),
        EventKind(5, "job_start", "workload", "", False, "job starts"),
        EventKind(6, "job_stop", "workload", "", False, "job stops"),
        EventKind(30, "island", "site", "pu", True, "separated from the grid"),
        EventKind(31, "blackout", "site", "pu", True, "the site bus is dark"),
        EventKind(32, "black_start", "site", "1", True, "the site's own units restore the bus"),
        EventKind(33, "load_pickup", "site", "1", False, "share of the load that is connected"),
        EventKind(34, "tap_change", "site", "1", False, "tap changer moves to this position"),
        EventKind(35, "capacitor_switch", "site", "1", False, "capacitor bank switches to so many steps"),
        EventKind(7, "cells_outside", "storage", "K", True, "cells beyond the temperatures of their tables"),
        EventKind(40, "grid_playback", "playback", "", True, "playback of a measured grid record"),
        EventKind(10, "load_shed", "shedding", "Hz", False, "a stage of under-frequency load shedding trips"),
        EventKind(11, "generation_trip", "shedding", "Hz", False, "generation trips at over-frequency"),
        EventKind(12, "fast_response", "storage", "Hz", True, "fast frequency response is on"),
        EventKind(
            20, "load_ceased", "distribution", "pu", True, "the load ceased: voltage too low for too long"
        ),
        EventKind(21, "load_returning", "distribution", "pu", True, "the voltage is back: the load returns"),
        EventKind(
            22, "load_transferred", "distribution", "pu", True, "too many sags: the load is transferred"
        ),
        EventKind(23, "backup_empty", "distribution", "W", True, "the backup is spent: load is lost"),
    )
}
"""Kinds by code. The codes are the core's."""


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """One event of a run.

    Attributes
    ----------
    time_s : float
        Start of the tick in which it began [s].
    tick : int
        That tick.
    kind : str
        Name of the kind (see `KINDS`).
    place : str
        Where: ``distribution.<node>``, ``storage.<unit>``, ``poi``, ``site``, ``grid.event[<row>]``,
        ``grid.load_shedding[<row>]``, ``grid.playback``, ``workload.<job>``.
    value, limit : float
        What was met and what bounds it, in `unit`; NaN where the kind has none.
    unit : str
        Unit of value and limit.
    duration_s : float or None
        How long it lasted [s]; None where it has no length or had not ended when the run did.
    """

    time_s: float
    tick: int
    kind: str
    place: str
    value: float
    limit: float
    unit: str
    duration_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as a plain dictionary."""
        return dataclasses.asdict(self)


def describe(event: Event) -> str:
    """Return one line of text for a person."""
    meaning = next((kind.text for kind in KINDS.values() if kind.name == event.kind), event.kind)
    length = "" if event.duration_s is None else f", for {event.duration_s:g} s"
    return f"{event.time_s:g} s  {event.place}: {meaning}{length}"


class EventLog:
    """Turns the core's event records into `Event`, joining each begin with its end.

    Parameters
    ----------
    tick_s : float
        Length of a tick [s].
    places : Mapping of str to Sequence of str
        Names of the places of each stage, in the core's order: ``{"storage": ["bess"], ...}``.
    keep : int
        Most events kept one by one.
    """

    def __init__(
        self, tick_s: float, places: Mapping[str, Sequence[str]], *, keep: int = EVENTS_KEPT
    ) -> None:
        self._tick_s = tick_s
        self._places = places
        self._keep = keep
        self._events: list[Event] = []
        self._open: dict[tuple[int, int], int] = {}
        self._changed: set[int] = set()
        self.counts: dict[str, int] = {}
        """Begun events by kind; exact however many there were."""
        self.lost = 0
        """Records that the engine could not hold; they are in no count."""

    def take(self, records: Any, lost: int = 0) -> None:
        """Add records of one chunk.

        Parameters
        ----------
        records : recarray (tick, kind, place, phase, value, limit)
            In order of time.
        lost : int
            Records that the engine had no room for.
        """
        self.lost += int(lost)
        for record in records:
            kind = KINDS[int(record.kind)]
            if kind.lasts and int(record.phase) == END:
                self._end(kind, int(record.place), int(record.tick))
            else:
                self._begin(kind, record)

    def _begin(self, kind: EventKind, record: Any) -> None:
        self.counts[kind.name] = self.counts.get(kind.name, 0) + 1
        if len(self._events) >= self._keep:
            # The end that belongs to this begin must not close an older event of the same place.
            self._open.pop((kind.code, int(record.place)), None)
            return
        if kind.lasts:
            self._open[kind.code, int(record.place)] = len(self._events)
        self._changed.add(len(self._events))
        tick = int(record.tick)
        nothing = float("nan")
        self._events.append(
            Event(
                time_s=tick * self._tick_s,
                tick=tick,
                kind=kind.name,
                place=self.place(kind, int(record.place)),
                value=float(record.value) if kind.unit else nothing,
                limit=float(record.limit) if kind.unit else nothing,
                unit=kind.unit,
            )
        )

    def _end(self, kind: EventKind, place: int, tick: int) -> None:
        index = self._open.pop((kind.code, place), None)
        if index is not None:
            begun = self._events[index]
            duration_s = (tick - begun.tick) * self._tick_s
            self._events[index] = dataclasses.replace(begun, duration_s=duration_s)
            self._changed.add(index)

    def place(self, kind: EventKind, index: int) -> str:
        """Return the name of a place from its number in the core."""
        if kind.stage in ("poi", "site"):
            return kind.stage
        if kind.stage == "grid":
            return f"grid.event[{index}]"
        if kind.stage == "playback":
            return "grid.playback"
        if kind.stage == "shedding":
            return f"grid.load_shedding[{index}]"
        names = self._places.get(kind.stage, ())
        return f"{kind.stage}.{names[index] if 0 <= index < len(names) else index}"

    def changed(self) -> list[tuple[int, Event]]:
        """Return number and state of each event that began or ended since the last call."""
        numbers, self._changed = sorted(self._changed), set()
        return [(number, self._events[number]) for number in numbers]

    @property
    def events(self) -> list[Event]:
        """Events in order of their begin, at most `keep`."""
        return list(self._events)

    @property
    def dropped(self) -> int:
        """Events that are counted but not kept one by one."""
        return sum(self.counts.values()) - len(self._events)
