"""Many meters on one series, which share filters, samples and spectra.

What is wanted of a series is told as data (`Wanted`), so that it can be drawn up before a run, kept with what
was found, and asked for again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wattkeel.filters import as_samples
from wattkeel.meters._nodes import CHUNK, Band, Causal, Difference, Node, Range, Span, ZeroPhase
from wattkeel.meters.content import LASTING, Content, Kept, Percentile

__all__ = [
    "VERSION",
    "MeterBank",
    "Wanted",
    "WantedChange",
    "WantedContent",
    "WantedDifference",
    "WantedPercentile",
    "WantedSpan",
    "check_found",
]

#: Version of what meters give under the key of a wish; numbers of another one are not read.
VERSION = 1

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a series; samples count from the first one that the bank judges."""

    kind: ClassVar[str] = ""

    def key(self) -> str:
        """Text that is the same for the same wish, today and in another process."""
        return f"{self.kind} {json.dumps(asdict(self), sort_keys=True)}"

    def blank(self) -> dict[str, Any]:
        """What a meter gives that has seen next to nothing: for drawing up a plan."""
        return {}


_NO_CHANGE = {
    "value": 0.0, "rise": False, "at": 0, "stretch": 0, "longest": 0, "total": 0, "stretches": 0,
    "samples": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WantedChange(Wanted):
    """Largest change in a closed window (`RollingRange`).

    Parameters
    ----------
    ticks
        Samples between the two ends of the window.
    direction
        "both", "up" or "down".
    limit_w
        Limit for the lengths of what is above it, W; None: they are not wanted.
    band
        Filter before it, or None.
    skip
        Samples that are filtered, but not judged.
    """

    kind: ClassVar[str] = "change"

    ticks: int
    direction: str = "both"
    limit_w: float | None = None
    band: Band | None = None
    skip: int = 0

    def blank(self) -> dict[str, Any]:
        """No change."""
        return dict(_NO_CHANGE)


@dataclass(frozen=True, slots=True)
class WantedDifference(Wanted):
    """Largest difference over a rolling window (`RollingDifference`); parameters as `WantedChange`."""

    kind: ClassVar[str] = "difference"

    ticks: int
    direction: str = "both"
    limit_w: float | None = None

    def blank(self) -> dict[str, Any]:
        """No difference."""
        return dict(_NO_CHANGE)


@dataclass(frozen=True, slots=True)
class WantedSpan(Wanted):
    """Largest and smallest value of the whole series; parameters as `WantedChange`."""

    kind: ClassVar[str] = "span"

    band: Band | None = None
    skip: int = 0

    def blank(self) -> dict[str, Any]:
        """One watt, so that it can be divided by."""
        return {"high": 1.0, "high_at": 0, "low": 0.0, "low_at": 0, "samples": 0}


@dataclass(frozen=True, slots=True)
class WantedPercentile(Wanted):
    """Percentile of the average ramps over a window (`content.Percentile`)."""

    kind: ClassVar[str] = "percentile"

    ticks: int
    percent: float

    def blank(self) -> dict[str, Any]:
        """No ramp."""
        return dict.fromkeys(("rolling", "rolling_low", "rolling_high", "means"), 0.0)


@dataclass(frozen=True, slots=True)
class WantedContent(Wanted):
    """Content between two frequencies (`content.Content`)."""

    kind: ClassVar[str] = "content"

    low_hz: float
    high_hz: float
    skip: int
    readings: tuple[str, ...]

    def blank(self) -> dict[str, Any]:
        """Nothing in the band."""
        reading = {"value": 0.0, "frequency_hz": 0.0, "end": 0, "span": 0}
        return dict.fromkeys(self.readings, reading) | {"segment": 0, "segments": 0}


_KINDS: dict[str, type[Wanted]] = {
    one.kind: one for one in (WantedChange, WantedDifference, WantedSpan, WantedPercentile, WantedContent)
}


def check_found(key: str, found: Mapping[str, Any]) -> None:
    """Check that what is said to be found for a wish can be: KeyError, TypeError or ValueError if not.

    Parameters
    ----------
    key
        `Wanted.key` of the wish.
    found
        What `MeterBank.close` is said to have given for it.
    """
    kind, _, text = key.partition(" ")
    for name, example in _KINDS[kind](**json.loads(text)).blank().items():
        given = found[name]
        if isinstance(example, dict):
            if given is None and name == LASTING:  # the record was too short for it
                continue
            given = given["value"]
        if not isinstance(given, int | float):
            raise TypeError(f"{name} of {kind} is {given!r}, not a number")


class MeterBank:
    """Meters of one series, fed together.

    Parameters
    ----------
    wanted
        What is to be read; the same wish twice is one meter.
    tick_s
        Time between samples, s.
    skip
        Samples at the start that no meter sees.
    kept
        The record itself, where it is at hand and several banks read it.
    engine
        "native" or "numba"; both give the same bits.

    Notes
    -----
    How the series is cut into pieces changes no bit, nor does what else is metered. Memory does not grow with
    the length of the record beyond `content.KEPT` samples, but for one mean per window of a percentile.
    """

    def __init__(
        self,
        wanted: Iterable[Wanted],
        tick_s: float,
        *,
        skip: int = 0,
        kept: Kept | None = None,
        engine: str = "native",
    ) -> None:
        self.tick_s, self.skip, self.samples = tick_s, skip, 0
        self._left, self._engine, self._closed = skip, engine, False
        self._kept = Kept(tick_s) if kept is None else kept
        self._wanted = {one.key(): one for one in wanted}
        self._meters: dict[str, Any] = {}
        self._nodes: list[Node] = []
        self._endings: list[ZeroPhase] = []
        behind: dict[Band, list[Node]] = {}
        keeps = False
        for key, one in self._wanted.items():
            meter = self._meters[key] = self._meter(one)
            keeps = keeps or isinstance(meter, Content | Percentile)
            band = getattr(one, "band", None)
            if band is not None:
                behind.setdefault(band, []).append(meter)
            elif not isinstance(meter, Content | Percentile):
                self._nodes.append(meter)
        if keeps:
            self._nodes.append(self._kept)
        self._filters(behind)

    def _meter(self, one: Wanted) -> Any:
        """Meter of a wish."""
        engine = self._engine
        match one:
            case WantedChange():
                limit_w = math.inf if one.limit_w is None else one.limit_w
                return Range(one.ticks, one.direction, one.skip, limit_w, engine)
            case WantedDifference():
                limit_w = math.inf if one.limit_w is None else one.limit_w
                return Difference(one.ticks, one.direction, limit_w, engine)
            case WantedSpan():
                return Span(one.skip, engine)
            case WantedPercentile():
                return Percentile(self._kept, one.ticks, one.percent, engine)
            case WantedContent():
                return Content(self._kept, one.low_hz, one.high_hz, one.skip, tuple(one.readings))
        raise TypeError(f"{type(one).__name__} is nothing that a bank meters")

    def _filters(self, behind: dict[Band, list[Node]]) -> None:
        """Put the filters before what they feed: causal ones side by side, zero-phase ones by their band."""
        causal = {band: nodes for band, nodes in behind.items() if not band.zero_phase}
        if causal:
            self._nodes.append(Causal(causal, self.tick_s, self._engine))
        edges = dict.fromkeys((band.low_hz, band.high_hz) for band in behind if band.zero_phase)
        for low_hz, high_hz in edges:
            orders = {
                band.order: nodes
                for band, nodes in behind.items()
                if band.zero_phase and (band.low_hz, band.high_hz) == (low_hz, high_hz)
            }
            node = ZeroPhase(low_hz, high_hz, orders, self.tick_s, self._engine)
            self._nodes.append(node)
            self._endings.append(node)

    def feed(self, samples: Floats) -> None:
        """Take the next samples, shape (n,), finite; ValueError where one is not, or after `close`."""
        if self._closed:
            raise ValueError("the bank is closed: a series that goes on needs a new one")
        if len(samples) == 0:
            return
        samples = as_samples(samples)
        cut = min(self._left, len(samples))
        self._left -= cut
        self.samples += len(samples)
        judged = samples[cut:]
        for start in range(0, len(judged), CHUNK):
            part = np.ascontiguousarray(judged[start : start + CHUNK])
            for node in self._nodes:
                node.feed(part)

    def close(self) -> dict[str, dict[str, Any]]:
        """The series has ended: what every meter found, by the `Wanted.key` of its wish.

        Left out is what needs a longer record (a line of which no period was seen, a percentile of no
        window).
        """
        if not self._closed:
            self._closed = True
            for node in self._endings:
                node.close()
            self._kept.close()
        found = {}
        for key, meter in self._meters.items():
            try:
                found[key] = meter.result()
            except ValueError:  # the record is too short for this measure
                continue
        return found
