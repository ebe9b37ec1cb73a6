"""Recording: full-rate signals, envelopes and the windows around events, in bounded memory.

The engine hands over chunks: the chosen signals at every tick, and the finest envelope (min, mean, max of
every signal per bucket). The recorder passes the kept full-rate columns on, forms the coarser envelopes
from the finest, and cuts windows of the event signals out of a short ring of recent rows. Everything that
grows with the run goes to a `Store`: memory, or the files of a run directory.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wattkeel.events import BEGIN, EventLog
from wattkeel.ledger import places_of
from wattkeel.meters import CHUNK, Range, Span

if TYPE_CHECKING:
    from wattkeel.engine import Chunk, Engine

Floats = NDArray[np.float64]

ENVELOPE_POINTS = 6000
"""Most points of the finest envelope that is chosen when the scenario names none."""

RANGE_WINDOW_S = 5.0
"""Window of the largest swing: about the longest period of a training iteration."""

SWINGS = ("poi.power_w", "site.load_power_w")
"""Signals of which swings are told."""

FREQUENCY = "poi.frequency_hz"
"""Signal of which the moments of nadir and peak are told."""

FULL_RATE = "full_rate"
WINDOWS = "windows"
# Kinds of which the end, too, opens a window: the recovery is what ride-through rules judge.
RECOVERY_KINDS = (3, 4)


def expand(patterns: Iterable[str], names: Sequence[str]) -> list[str]:
    """Return the names that match any pattern (``*`` and ``?``), in the order of `names`."""
    wanted = list(patterns)
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)]


def envelope_periods_tick(envelope_s: Sequence[float], tick_s: float, ticks: int) -> list[int]:
    """Return the periods of the envelopes in ticks, ascending, each a multiple of the first.

    Parameters
    ----------
    envelope_s : sequence of float
        Periods asked for [s]; empty chooses one that gives at most `ENVELOPE_POINTS` points, at least 10
        ms, and 1 s.
    tick_s : float
        Length of a tick [s].
    ticks : int
        Ticks of the run.

    Returns
    -------
    list of int
    """
    if envelope_s:
        asked_s = sorted(envelope_s)
    else:
        asked_s = sorted({_round_up(max(0.01, tick_s, ticks * tick_s / ENVELOPE_POINTS)), max(1.0, tick_s)})
    first = max(1, math.ceil(asked_s[0] / tick_s - 1e-6))
    factors = sorted({max(1, round(period_s / tick_s / first)) for period_s in asked_s})
    return [first * factor for factor in factors]


def _round_up(period_s: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten [s]."""
    decade = 10.0 ** math.floor(math.log10(period_s) + 1e-9)
    step = next(step for step in (1.0, 2.0, 5.0, 10.0) if step * decade >= period_s * (1.0 - 1e-9))
    return step * decade


def period_text(period_s: float) -> str:
    """Return a period for file names: ``10ms``, ``1s``."""
    if period_s >= 1.0:
        return f"{period_s:.9g}s"
    return f"{period_s * 1e3:.9g}ms"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """What is kept of a run, in ticks and columns.

    Attributes
    ----------
    tick_s : float
        Length of a tick [s].
    ticks : int
        Ticks of the run.
    signal_names : list of str
        All signals: the columns of the envelopes.
    signal_units : dict of str to str
        Their units.
    chunk_names : list of str
        Columns of a chunk's full-rate rows.
    full_rate : list of str
        Signals kept at every tick.
    event_signals : list of str
        Signals kept at every tick around events.
    envelope_ticks : list of int
        Periods of the envelopes; the first is the engine's.
    before_ticks, after_ticks : int
        Reach of a window around its event.
    windows : int
        Most windows.
    """

    tick_s: float
    ticks: int
    signal_names: list[str]
    signal_units: dict[str, str]
    chunk_names: list[str]
    full_rate: list[str]
    event_signals: list[str]
    envelope_ticks: list[int]
    before_ticks: int
    after_ticks: int
    windows: int

    @classmethod
    def from_engine(cls, record: Any, engine: Engine) -> RecordPlan:
        """Draw up the plan from the scenario's ``record`` section and an engine."""
        names = engine.full_rate_names
        return cls._build(
            record, engine.tick_s, engine.ticks, engine.signal_units, names, engine.envelope_tick
        )

    @classmethod
    def from_model(cls, model: Any) -> RecordPlan:
        """Draw up the plan from a scenario's parameters alone, to tell its size before a run."""
        from wattkeel.signals import site_signals

        record, tick_s = model.record, model.simulation.tick_s
        ticks = round(model.simulation.duration_s / tick_s)
        units = {signal.name: signal.unit for signal in site_signals(model)}
        names = expand([*record.full_rate, *record.event_signals], list(units))
        finest = envelope_periods_tick(record.envelope_s, tick_s, ticks)[0]
        return cls._build(record, tick_s, ticks, units, names, finest)

    @classmethod
    def _build(
        cls,
        record: Any,
        tick_s: float,
        ticks: int,
        units: Mapping[str, str],
        chunk_names: Sequence[str],
        finest: int,
    ) -> RecordPlan:
        periods = envelope_periods_tick(record.envelope_s, tick_s, ticks)
        coarser = [period for period in periods if period > finest and period % finest == 0]
        return cls(
            tick_s=tick_s,
            ticks=ticks,
            signal_names=list(units),
            signal_units=dict(units),
            chunk_names=list(chunk_names),
            full_rate=expand(record.full_rate, chunk_names),
            event_signals=expand(record.event_signals, chunk_names),
            envelope_ticks=[finest, *coarser],
            before_ticks=round(record.event_before_s / tick_s),
            after_ticks=round(record.event_after_s / tick_s),
            windows=record.event_windows,
        )

    def envelope_name(self, period_tick: int) -> str:
        """Return the series name of an envelope."""
        return f"envelope_{period_text(period_tick * self.tick_s)}"

    def window_rows(self) -> int:
        """Return the most rows that all windows together take."""
        return min(self.windows * (self.before_ticks + self.after_ticks + 1), self.ticks)

    def series(self) -> dict[str, tuple[tuple[int, ...], int]]:
        """Return the shape of a row and the most rows of each series that is stored."""
        signals = len(self.signal_names)
        series: dict[str, tuple[tuple[int, ...], int]] = {
            FULL_RATE: ((len(self.full_rate),), self.ticks),
            WINDOWS: ((len(self.event_signals),), self.window_rows()),
        }
        for period in self.envelope_ticks:
            series[self.envelope_name(period)] = ((3, signals), -(-self.ticks // period))
        return series

    def size_byte(self) -> int:
        """Return the most bytes that the series take (float64)."""
        return sum(8 * math.prod(shape) * rows for shape, rows in self.series().values())

    def places(self) -> dict[str, list[str]]:
        """Return the names of nodes and storage units in the core's order (that of the signals)."""
        patterns = {"distribution": "distribution.*.loss_w", "storage": "storage.*.command_w"}
        return {stage: places_of(pattern, self.signal_names) for stage, pattern in patterns.items()}


class Store(Protocol):
    """Where the growing series go."""

    def append(self, name: str, rows: Floats) -> None:
        """Add rows to a series; the store copies what it keeps."""

    def array(self, name: str) -> Floats:
        """Return all rows of a series, without a copy."""


class RamStore:
    """Keeps the series in memory; each is allocated once and touched only as it fills.

    Parameters
    ----------
    plan : RecordPlan
        What will be kept.

    Raises
    ------
    ScenarioError
        The series would not fit into the machine's memory.
    """

    def __init__(self, plan: RecordPlan) -> None:
        size_byte, memory_byte = plan.size_byte(), _memory_byte()
        if size_byte > memory_byte:
            from wattkeel.errors import Fault, ScenarioError

            message = f"takes {size_byte / 1e9:.3g} GB in memory, which holds {memory_byte / 1e9:.3g} GB"
            remedy = "give an output directory (out_dir, --out), or keep fewer signals at full rate"
            raise ScenarioError([Fault("record", plan.full_rate, message, remedy)])
        self._arrays = {name: np.empty((rows, *shape)) for name, (shape, rows) in plan.series().items()}
        self._rows = dict.fromkeys(self._arrays, 0)

    def append(self, name: str, rows: Floats) -> None:
        """Add rows to a series."""
        first = self._rows[name]
        self._arrays[name][first : first + len(rows)] = rows
        self._rows[name] = first + len(rows)

    def array(self, name: str) -> Floats:
        """Return all rows of a series, without a copy, read-only."""
        view = self._arrays[name][: self._rows[name]]
        view.flags.writeable = False
        return view


def _memory_byte() -> float:
    """Return the memory of the machine, or infinity where it does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * float(os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return math.inf


class _Coarser:
    """One coarser envelope, formed from the finest; holds one unfinished bucket."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._bucket = -1
        self._weight = 0.0
        self._parts: Floats | None = None

    def take(self, first: int, envelope: Floats, weight_tick: Floats) -> Floats:
        """Add finest buckets from number `first` on; return the coarser buckets they completed, (n, 3, S).

        `weight_tick` is the number of ticks in each finest bucket.
        """
        number = (first + np.arange(len(envelope))) // self._factor
        starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
        weight = np.add.reduceat(weight_tick, starts)
        parts = np.stack(
            [
                np.minimum.reduceat(envelope[:, 0], starts, axis=0),
                np.add.reduceat(envelope[:, 1] * weight_tick[:, None], starts, axis=0),
                np.maximum.reduceat(envelope[:, 2], starts, axis=0),
            ],
            axis=1,
        )
        groups = number[starts]
        done: list[Floats] = []
        if self._parts is not None and groups[0] == self._bucket:
            parts[0, 0] = np.minimum(parts[0, 0], self._parts[0])
            parts[0, 1] += self._parts[1]
            parts[0, 2] = np.maximum(parts[0, 2], self._parts[2])
            weight[0] += self._weight
        elif self._parts is not None:
            done.append(self.rest())
        # The last group waits, even when it is full: the next chunk says so by beginning another.
        done.append(_mean(parts[:-1], weight[:-1]))
        self._bucket, self._parts, self._weight = int(groups[-1]), parts[-1], float(weight[-1])
        return np.concatenate(done)

    def rest(self) -> Floats:
        """Return the unfinished bucket, (0 or 1, 3, S)."""
        if self._parts is None:
            return np.empty((0, 3, 0))
        parts, self._parts = self._parts, None
        return _mean(parts[None].copy(), np.array([self._weight]))


def _mean(parts: Floats, weight: Floats) -> Floats:
    """Turn the weighted sums in the middle of `parts` into means, in place."""
    parts[:, 1] /= weight[:, None]
    return parts


class _Windows:
    """Cuts windows of rows around events; in order, without overlap, stored one after the other."""

    def __init__(self, plan: RecordPlan, columns: NDArray[np.intp], store: Store) -> None:
        self._plan = plan
        self._columns = columns
        self._store = store
        self._recent = np.empty((0, len(columns)))
        self._budget = plan.windows * (plan.before_ticks + plan.after_ticks + 1)
        self._written = 0
        self.spans: list[list[int]] = []
        self.dropped = 0

    def take(self, first_tick: int, full: Floats, triggers: Sequence[int]) -> None:
        """Add rows; `triggers` are the ticks of events among them."""
        for tick in sorted(triggers):
            start = max(tick - self._plan.before_ticks, 0)
            self._open(start, min(tick + self._plan.after_ticks + 1, self._plan.ticks))
        stop, before = first_tick + len(full), self._plan.before_ticks
        pending = self.spans[self._pending() :]
        if not pending and len(full) >= before:  # the usual case: nothing but the ring to renew
            self._recent = full[len(full) - before :, self._columns]
            return
        rows = np.concatenate([self._recent, full[:, self._columns]])
        origin = first_tick - len(self._recent)
        for span in pending:
            begin, end = max(span[0], self._written), min(span[1], stop)
            if end > begin:
                self._store.append(WINDOWS, rows[begin - origin : end - origin])
                self._written = end
        self._recent = rows[max(len(rows) - before, 0) :].copy()

    def _open(self, start: int, stop: int) -> None:
        """Open a window, or lengthen the last where they touch; count it as dropped when there is no room."""
        last = self.spans[-1] if self.spans else None
        if last is not None and start <= last[1]:
            grown = min(max(stop - last[1], 0), self._budget)
            self.dropped += stop - last[1] > grown
            last[1] += grown
            self._budget -= grown
        elif len(self.spans) < self._plan.windows and stop - start <= self._budget:
            self.spans.append([start, stop])
            self._budget -= stop - start
        else:
            self.dropped += 1

    def _pending(self) -> int:
        """Return the number of the first window that is not fully stored."""
        index = len(self.spans)
        while index > 0 and self.spans[index - 1][1] > self._written:
            index -= 1
        return index


class _Sum:
    """Compensated running sum (Neumaier), so that long runs lose nothing."""

    def __init__(self) -> None:
        self._high = 0.0
        self._low = 0.0

    def add(self, value: float) -> None:
        total = self._high + value
        big, small = (self._high, value) if abs(self._high) >= abs(value) else (value, self._high)
        self._low += (big - total) + small
        self._high = total

    @property
    def value(self) -> float:
        return self._high + self._low


class Recorder:
    """Drains the chunks of an engine.

    Memory is bounded: one ring of recent rows, one unfinished bucket per envelope, at most `EVENTS_KEPT`
    events. What grows is in the store.

    Parameters
    ----------
    plan : RecordPlan
        What is kept.
    store : Store
        Where the series go.
    jobs : sequence of str
        Names of the jobs, in the core's order.
    settle_s : float
        Time from the start that swings leave out, s.
    engine : {"native", "numba"}
        Which kernels meter the full-rate signals; both give the same bits.
    """

    def __init__(
        self,
        plan: RecordPlan,
        store: Store,
        jobs: Sequence[str] = (),
        *,
        settle_s: float = 0.0,
        engine: str = "native",
    ) -> None:
        self.plan = plan
        self.store = store
        self.log = EventLog(plan.tick_s, {**plan.places(), "workload": list(jobs)})
        self.ticks = 0
        """Ticks recorded."""
        columns = {name: index for index, name in enumerate(plan.chunk_names)}
        self._full_columns = np.array([columns[name] for name in plan.full_rate], dtype=np.intp)
        event_columns = np.array([columns[name] for name in plan.event_signals], dtype=np.intp)
        self._windows = _Windows(plan, event_columns, store)
        finest = plan.envelope_ticks[0]
        self._coarser = {period: _Coarser(period // finest) for period in plan.envelope_ticks[1:]}
        self.minimum: Floats = np.full(len(plan.signal_names), np.inf)
        """Smallest value of each signal so far."""
        self.maximum: Floats = np.full(len(plan.signal_names), -np.inf)
        """Largest value of each signal so far."""
        units = [f"storage.{place}.power_w" for place in plan.places()["storage"]]
        self._turned = {name: _Sum() for name in units}
        self._chunk_column = columns
        skip = round(settle_s / plan.tick_s)
        window = max(1, round(RANGE_WINDOW_S / plan.tick_s))
        self._swings = {
            name: Range(window, "both", skip, math.inf, engine) for name in SWINGS if name in plan.full_rate
        }
        self._frequency = Span(0, engine) if FREQUENCY in plan.full_rate else None

    def take(self, chunk: Chunk) -> None:
        """Record one chunk; nothing of it is kept by reference."""
        first_tick, full = int(chunk.first_tick), chunk.full
        self.ticks = max(self.ticks, first_tick + len(full))
        if len(full) and len(self._full_columns):
            self.store.append(FULL_RATE, full[:, self._full_columns])
        self._meter(full)
        self._take_events(chunk, first_tick, full)
        if len(chunk.envelope):
            self._take_envelope(int(chunk.first_bucket), chunk.envelope)
        for name, turned in self._turned.items():
            if name in self._chunk_column:
                turned.add(float(np.abs(full[:, self._chunk_column[name]]).sum()) * self.plan.tick_s)

    def finish(self, chunk: Chunk) -> None:
        """Record the engine's last chunk and close the unfinished buckets."""
        self.take(chunk)
        for period, coarser in self._coarser.items():
            rest = coarser.rest()
            if len(rest):
                self.store.append(self.plan.envelope_name(period), rest)

    def _meter(self, full: Floats) -> None:
        """Meter swings and extremes of what is kept at every tick, so that no one has to read it again."""
        meters: list[tuple[str, Range | Span]] = list(self._swings.items())
        if self._frequency is not None:
            meters.append((FREQUENCY, self._frequency))
        for name, meter in meters:
            column = full[:, self._chunk_column[name]]
            for first in range(0, len(column), CHUNK):
                meter.feed(np.ascontiguousarray(column[first : first + CHUNK]))

    def _take_events(self, chunk: Chunk, first_tick: int, full: Floats) -> None:
        self.log.take(chunk.events, chunk.events_lost)
        if not self.plan.windows or not self.plan.event_signals:
            return
        triggers = [
            int(record.tick)
            for record in chunk.events
            if int(record.phase) == BEGIN or int(record.kind) in RECOVERY_KINDS
        ]
        self._windows.take(first_tick, full, triggers)

    def _take_envelope(self, first_bucket: int, envelope: Floats) -> None:
        finest = self.plan.envelope_ticks[0]
        begins = (first_bucket + np.arange(len(envelope))) * finest
        weight_tick = np.minimum(finest, self.ticks - begins).astype(np.float64)
        self.store.append(self.plan.envelope_name(finest), envelope)
        np.minimum(self.minimum, envelope[:, 0].min(axis=0), out=self.minimum)
        np.maximum(self.maximum, envelope[:, 2].max(axis=0), out=self.maximum)
        for period, coarser in self._coarser.items():
            completed = coarser.take(first_bucket, envelope, weight_tick)
            if len(completed):
                self.store.append(self.plan.envelope_name(period), completed)
        for name, turned in self._turned.items():
            if name not in self._chunk_column:
                mean = envelope[:, 1, self.plan.signal_names.index(name)]
                turned.add(float(np.abs(mean) @ weight_tick) * self.plan.tick_s)

    @property
    def windows(self) -> list[tuple[int, int]]:
        """First tick and first tick after, of each window begun."""
        return [(start, min(stop, self.ticks)) for start, stop in self._windows.spans]

    @property
    def windows_dropped(self) -> int:
        """Events for which there was no room for a window."""
        return self._windows.dropped

    def extremes(self) -> Mapping[str, tuple[float, float]]:
        """Return the smallest and largest value of each signal, exact; empty before the first full bucket."""
        if not np.isfinite(self.minimum).any():
            return {}
        pairs = zip(self.minimum.tolist(), self.maximum.tolist(), strict=True)
        return dict(zip(self.plan.signal_names, pairs, strict=True))

    def swings(self) -> dict[str, float]:
        """Return the largest max - min within `RANGE_WINDOW_S`, of each of `SWINGS` kept at full rate."""
        found = {name: meter.result() for name, meter in self._swings.items()}
        return {name: float(result["value"]) for name, result in found.items() if result["samples"]}

    def nadir_ticks(self) -> tuple[int, int] | None:
        """Return the ticks at which the frequency is first lowest and highest; None if it was not kept."""
        found = self._frequency.result() if self._frequency is not None else {"samples": 0}
        return (found["low_at"], found["high_at"]) if found["samples"] else None

    def turned_j(self) -> dict[str, float]:
        """Return the energy that went through each storage unit, both ways, at its bus [J].

        Exact when the unit's power is kept at full rate or around events; otherwise from the means of the
        finest envelope, in which what turns within a bucket cancels.
        """
        return {name: turned.value for name, turned in self._turned.items()}
