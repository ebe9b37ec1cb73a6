"""Nodes of which meters are made: each takes the next samples of a series and goes on from its state."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wattkeel.filters import band_sections, settling_time
from wattkeel.measures import TOLERANCE
from wattkeel.prototype import meter_layout as layout

__all__ = ["CHUNK", "Band", "Causal", "Difference", "Node", "Range", "Span", "Worst", "ZeroPhase", "kernel"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Samples that go through a chain of nodes at once: what lies between them stays in the second-level cache.
CHUNK = 8192

MODES = {"both": layout.BOTH, "up": layout.UP, "down": layout.DOWN}

#: Share of what lies beyond a look-ahead that is left in what a filter gives.
FORGOTTEN = 1e-13

LANES = 4  # filters of one vector in the compiled kernel; more of them come in whole vectors


@functools.cache
def kernel(engine: str, name: str) -> Callable[..., Any]:
    """Kernel of an engine, "native" or "numba"."""
    if engine == "native":
        from wattkeel.native import kernels

        found: Callable[..., Any] = kernels()[name]
        return found
    from wattkeel.prototype import meters as prototype

    readable: Callable[..., Any] = getattr(prototype, name)
    return readable


class Node(Protocol):
    """What takes samples."""

    def feed(self, x: Floats) -> None:
        """Take the next samples; they are read, not kept."""


@dataclass(frozen=True, slots=True, order=True)
class Band:
    """A Butterworth band-pass.

    Parameters
    ----------
    low_hz, high_hz
        Edges, Hz.
    order
        Order of the low-pass prototype.
    zero_phase
        Forward and backward instead of causal.
    """

    low_hz: float
    high_hz: float
    order: int = 2
    zero_phase: bool = False


class Worst:
    """Largest value of a reading that exists at every sample, and the time above a limit.

    Parameters
    ----------
    mode
        "both": size of the reading; "up", "down": its positive or negative part.
    limit
        In the reading's unit; a stretch above it by more than the tolerance of comparisons counts. Infinite:
        none does.
    engine
        "native" or "numba".
    """

    def __init__(self, mode: str, limit: float, engine: str) -> None:
        self._mode, self._engine = MODES[mode], engine
        self._limit = limit * (1.0 + TOLERANCE)
        self._tally: Counts = np.zeros(8, dtype=np.int64)
        self._level = np.array([-math.inf, 0.0])

    def feed(self, x: Floats) -> None:
        """Take the next values of the reading."""
        kernel(self._engine, "worst_run")(len(x), self._mode, self._limit, self._tally, self._level, x)

    def result(self) -> dict[str, Any]:
        """Largest value, its sign and sample, and stretches above the limit, in samples."""
        samples, at, _, _, stretch, longest, total, stretches = self._tally.tolist()
        value, signed = self._level.tolist()
        return {
            "value": value if samples else 0.0, "rise": signed > 0.0, "at": at, "stretch": stretch,
            "longest": longest, "total": total, "stretches": stretches, "samples": samples,
        }  # fmt: skip


class Span:
    """Largest and smallest sample behind the first `skip`."""

    def __init__(self, skip: int, engine: str) -> None:
        self._skip, self._left, self._engine = skip, skip, engine
        self._tally: Counts = np.zeros(3, dtype=np.int64)
        self._level = np.array([-math.inf, math.inf])

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        cut = min(self._left, len(x))
        self._left -= cut
        kernel(self._engine, "span_run")(len(x) - cut, self._tally, self._level, x[cut:])

    def result(self) -> dict[str, Any]:
        """Extremes and their samples."""
        samples, high_at, low_at = self._tally.tolist()
        high, low = self._level.tolist() if samples else (0.0, 0.0)
        at = self._skip
        return {"high": high, "high_at": at + high_at, "low": low, "low_at": at + low_at, "samples": samples}


class Range:
    """Largest change in a closed window behind the first `skip` samples: `measures.rolling_change`.

    Parameters
    ----------
    ticks
        Samples between the two ends of the window.
    direction
        "both", "up" or "down".
    skip
        Samples at the start that are not judged.
    limit
        As `Worst`.
    engine
        "native" or "numba".
    """

    def __init__(self, ticks: int, direction: str, skip: int, limit: float, engine: str) -> None:
        self._ticks, self._mode, self._engine = ticks, MODES[direction], engine
        self._skip, self._left = skip, skip
        length = ticks + 1
        self._tally: Counts = np.zeros(1, dtype=np.int64)
        self._level = np.array([-math.inf, math.inf])
        self._past = np.empty(3 * length + 2)
        self._past[: 2 * length + 1] = -math.inf
        self._past[2 * length + 1 :] = math.inf
        self._out = np.empty(CHUNK)
        self._worst = Worst("both", limit, engine)

    def feed(self, x: Floats) -> None:
        """Take at most `CHUNK` samples."""
        cut = min(self._left, len(x))
        self._left -= cut
        rest = x[cut:]
        out = self._out[: len(rest)]
        run = kernel(self._engine, "range_run")
        run(len(rest), self._ticks, self._mode, self._tally, self._level, self._past, rest, out)
        self._worst.feed(out)

    def result(self) -> dict[str, Any]:
        """As `Worst.result`, samples counted from the first one fed."""
        found = self._worst.result()
        return {**found, "at": found["at"] + self._skip}


class Difference:
    """Largest difference over a rolling window, `measures.rolling_difference`; arguments as for `Range`."""

    def __init__(self, ticks: int, direction: str, limit: float, engine: str) -> None:
        self._ticks, self._engine = ticks, engine
        self._tally: Counts = np.zeros(2, dtype=np.int64)
        self._past = np.empty(ticks)
        self._out = np.empty(CHUNK)
        self._worst = Worst(direction, limit, engine)

    def differences(self, x: Floats) -> Floats:
        """The differences that the next samples, at most `CHUNK`, complete; valid until the next call."""
        run = kernel(self._engine, "difference_run")
        return self._out[: run(len(x), self._ticks, self._tally, self._past, x, self._out)]

    def feed(self, x: Floats) -> None:
        """Take at most `CHUNK` samples."""
        self._worst.feed(self.differences(x))

    def result(self) -> dict[str, Any]:
        """As `Worst.result`, samples counted from the first one fed."""
        found = self._worst.result()
        return {**found, "at": found["at"] + self._ticks}


class _Lanes:
    """Filters side by side; each starts in its steady state at a level."""

    def __init__(self, bands: Sequence[Band], tick_s: float, engine: str) -> None:
        count = len(bands) if len(bands) == 1 else -(-len(bands) // LANES) * LANES
        longest = max(band.order for band in bands)
        sections = next((size for size in (1, 2, 4) if size >= longest), longest)
        table = np.zeros((sections, layout.COEFFICIENTS, count))
        table[:, 0] = 1.0  # a section that lets everything through
        for lane, band in enumerate(bands):
            table[: band.order, :, lane] = band_sections(band.order, band.low_hz, band.high_hz, tick_s)
        self.count, self._sections, self._engine = count, sections, engine
        self._table = table.reshape(-1)
        self._out = np.empty(count * CHUNK)
        self.rest(np.zeros(count))

    def rest(self, level: Floats) -> None:
        """Begin anew at a level for every filter."""
        self._level = np.ascontiguousarray(level, dtype=np.float64)
        self._memory = np.zeros(layout.MEMORIES * self._sections * self.count)
        self._tally: Counts = np.zeros(1, dtype=np.int64)

    def run(self, x: Floats, across: int = 0) -> Floats:
        """Filter at most `CHUNK` samples, (n,) or, with rows `across` apart, (count, n); (count, n)."""
        n = len(x) if across == 0 else across
        out = self._out[: self.count * n]
        kernel(self._engine, "filter_run")(
            n, self.count, across, self._sections, self._table, self._memory, self._tally, self._level,
            x, out,
        )  # fmt: skip
        return out.reshape(self.count, n)


class Causal:
    """Causal band-passes side by side, from the level of the first sample; each feeds its own nodes."""

    def __init__(self, nodes: dict[Band, list[Node]], tick_s: float, engine: str) -> None:
        self._nodes = list(nodes.values())
        self._lanes = _Lanes(list(nodes), tick_s, engine)
        self._begun = False

    def feed(self, x: Floats) -> None:
        """Take at most `CHUNK` samples."""
        if not self._begun and len(x):
            self._lanes.rest(np.full(self._lanes.count, x[0]))
            self._begun = True
        for row, nodes in zip(self._lanes.run(x), self._nodes, strict=False):
            for node in nodes:
                node.feed(row)


def _odd_extension(x: Floats, pad: int) -> tuple[Floats, Floats]:
    """What `measures.band_pass` puts before and behind a record, `pad` samples each."""
    return 2.0 * x[0] - x[pad:0:-1], 2.0 * x[-1] - x[-2 : -pad - 2 : -1]


class _Ring:
    """The last samples of a series."""

    def __init__(self, size: int) -> None:
        self._kept = np.empty(size)
        self._end = 0

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        size, tail = len(self._kept), x[-len(self._kept) :]
        at = (self._end + len(x) - len(tail)) % size
        first = min(size - at, len(tail))
        self._kept[at : at + first] = tail[:first]
        self._kept[: len(tail) - first] = tail[first:]
        self._end += len(x)

    def last(self) -> Floats:
        """In their order."""
        size = len(self._kept)
        if self._end <= size:
            return self._kept[: self._end]
        return np.roll(self._kept, -(self._end % size))


class ZeroPhase:
    """Band-passes of one band, forward and backward, as `measures.band_pass` has them of a whole record.

    The pass forward runs along. The pass backward runs block by block, each time from so far ahead of the
    block that what lies beyond is forgotten to `FORGOTTEN`; blocks count from the first sample, so that how a
    record is cut changes nothing. The look-ahead is that of order 4 (or more) for every order, so that a
    reading does not depend on which others are taken with it.

    Parameters
    ----------
    low_hz, high_hz
        Edges, Hz.
    nodes
        Nodes that each order feeds.
    tick_s
        Time between samples, s.
    engine
        "native" or "numba".
    """

    def __init__(
        self, low_hz: float, high_hz: float, nodes: dict[int, list[Node]], tick_s: float, engine: str
    ) -> None:
        bands = [Band(low_hz, high_hz, order) for order in nodes]
        self._nodes = list(nodes.values())
        self._forward, self._backward = (_Lanes(bands, tick_s, engine) for _ in range(2))
        slowest = max(4, *nodes)
        self._ahead = math.ceil(settling_time(slowest, low_hz, high_hz, tick_s, FORGOTTEN) / tick_s)
        self._block = max(self._ahead, CHUNK)
        self._kept = np.empty((len(nodes), self._block + self._ahead))
        self._filled = 0
        self._pad = max(1, round(2.0 / low_hz / tick_s))
        self._head: list[Floats] | None = []
        self._head_size = 0
        self._tail = _Ring(self._pad + 1)

    def feed(self, x: Floats) -> None:
        """Take the next samples."""
        self._tail.feed(x)
        if self._head is None:
            self._along(x)
            return
        self._head.append(x.copy())
        self._head_size += len(x)
        if self._head_size > self._pad:
            self._begin()

    def close(self) -> None:
        """The record has ended: give what was held back."""
        if self._head is not None:
            self._pad = self._head_size - 1
            if self._head_size == 0:
                return
            self._begin()
        last = self._tail.last()
        _, after = _odd_extension(last, min(self._pad, len(last) - 1))
        rows = len(self._kept)
        ends = [self._forward.run(after[i : i + CHUNK])[:rows].copy() for i in range(0, len(after), CHUNK)]
        behind = np.concatenate([self._kept[:, : self._filled], *ends], axis=1)
        self._back(behind, self._filled)
        self._filled = 0

    def _begin(self) -> None:
        """Filter what comes before the record, and what has come of it so far."""
        head = np.concatenate(self._head or [])
        self._head = None
        before, _ = _odd_extension(head, self._pad)
        self._forward.rest(np.full(self._forward.count, before[0] if len(before) else head[0]))
        for start in range(0, len(before), CHUNK):
            self._forward.run(before[start : start + CHUNK])
        self._along(head)

    def _along(self, x: Floats) -> None:
        """Filter forward, and backward where enough has come together."""
        room = self._kept.shape[1]
        while len(x):
            part = x[: min(CHUNK, room - self._filled)]
            x = x[len(part) :]
            self._kept[:, self._filled : self._filled + len(part)] = self._forward.run(part)[
                : len(self._kept)
            ]
            self._filled += len(part)
            if self._filled == room:
                self._back(self._kept, self._block)
                self._kept[:, : self._ahead] = self._kept[:, self._block :].copy()
                self._filled = self._ahead

    def _back(self, rows: Floats, wanted: int) -> None:
        """Filter the rows from their end to their beginning; the first `wanted` results go on."""
        lanes, count = self._backward, len(rows)
        level = np.zeros(lanes.count)
        level[:count] = rows[:, -1]
        lanes.rest(level)
        done = np.empty((count, wanted))
        part = np.zeros((lanes.count, CHUNK))
        for stop in range(rows.shape[1], 0, -CHUNK):
            start = max(0, stop - CHUNK)
            size = stop - start
            part[:count, :size] = rows[:, start:stop][:, ::-1]
            given = part if size == CHUNK else np.ascontiguousarray(part[:, :size])
            out = lanes.run(given.reshape(-1), across=size)
            if start < wanted:
                until = min(stop, wanted)
                done[:, start:until] = out[:count, ::-1][:, : until - start]
        for row, nodes in zip(done, self._nodes, strict=True):
            for start in range(0, wanted, CHUNK):
                for node in nodes:
                    node.feed(row[start : start + CHUNK])
