"""The numbers inside the page: series as base64 float32 pieces, bounded in size.

A short run goes in at full rate. Of a long one the page holds an envelope of the whole and, around the
moments that matter (worst moments of findings, events), ever finer envelopes down to full rate. The page's
script joins the pieces and coarsens them on its own, so that each zoom shows the finest that is there and
never more points than pixels.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wattkeel.report.interface import Array, ResultLike
from wattkeel.report.markup import duration
from wattkeel.report.panels import Panel
from wattkeel.report.series import Band, Reader

#: Most bytes of series in the page. With charts, tables and spectra the page stays below 12 MB.
BUDGET_BYTES = 9_500_000
#: Buckets of the envelope of a whole run that does not fit at full rate.
BASE_BUCKETS = 16_384
#: The same where the moments leave room.
MOST_BUCKETS = 131_072
#: Ticks kept around a moment at full rate, and buckets of each coarser level around it.
FULL_TICKS = 4_000
MIDDLE_BUCKETS = 1_024
#: Ratio of the periods of two levels around a moment.
LEVEL_RATIO = 16
#: Base64 text of one float32 value.
VALUE_BYTES = 16.0 / 3.0
#: Most moments that are considered.
MOMENTS = 200

Interval = tuple[float, float]


@dataclass(slots=True)
class Embedded:
    """Series of the page by signal name, ready for JSON, and what the reader must know about them."""

    series: dict[str, dict[str, Any]] = field(default_factory=dict)
    size_bytes: float = 0.0
    complete: bool = True
    windows: list[Interval] = field(default_factory=list)
    note: str = ""


def pack(values: Array, offset: float, scale: float) -> str:
    """Base64 of little-endian float32 of (value - offset) / scale: precise on the swing, not on the level."""
    packed = ((np.asarray(values, dtype=np.float64) - offset) / scale).astype("<f4")
    return base64.b64encode(packed.tobytes()).decode("ascii")


def unpack(coded: str, offset: float, scale: float) -> Array:
    """Inverse of `pack`, shape (n,), within float32 of the swing."""
    return np.frombuffer(base64.b64decode(coded), dtype="<f4").astype(np.float64) * scale + offset


def _coded(band: Band, offset: float, scale: float) -> dict[str, Any]:
    head: dict[str, Any] = {"start": band.start_s, "period": band.period_s, "n": len(band)}
    if band.plain:
        return head | {"value": pack(band.mean, offset, scale)}
    parts = {"min": band.minimum, "mean": band.mean, "max": band.maximum}
    return head | {key: pack(values, offset, scale) for key, values in parts.items()}


def _cost(buckets: float, plain: bool) -> float:
    return buckets * VALUE_BYTES * (1 if plain else 3)


def moments(result: ResultLike) -> list[float]:
    """Times worth full resolution [s]: worst moments, failures first; then events, one of each kind first."""
    rank = {"fail": 0, "marginal": 1, "pass": 2}
    judged = sorted((f for f in result.findings if f.verdict in rank), key=lambda f: rank[f.verdict])
    times = [f.time_s for f in judged if f.time_s is not None and math.isfinite(f.time_s)]
    seen: set[tuple[str, str]] = set()
    first: list[float] = []
    rest: list[float] = []
    for event in result.events:
        key = (event.kind, event.place)
        (rest if key in seen else first).append(event.time_s)
        seen.add(key)
    return list(dict.fromkeys([*times, *first, *rest]))[:MOMENTS]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Union of intervals, ascending."""
    union: list[Interval] = []
    for start, stop in sorted(intervals):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(union[-1][1], stop))
        else:
            union.append((start, stop))
    return union


class _Plan:
    """Intervals around moments, by period, as far as the budget reaches."""

    def __init__(self, tick_s: float, end_s: float, base_s: float) -> None:
        self.end_s = end_s
        self.halves: dict[float, float] = {tick_s: FULL_TICKS * tick_s / 2}
        period_s = tick_s * LEVEL_RATIO
        while period_s < base_s / 2:
            self.halves[period_s] = MIDDLE_BUCKETS * period_s / 2
            period_s *= LEVEL_RATIO
        self.tick_s = tick_s
        self.intervals: dict[float, list[Interval]] = {period: [] for period in self.halves}

    def cost(self, intervals: dict[float, list[Interval]], signals: int) -> float:
        """Bytes of the pieces of so many signals."""
        return sum(
            signals * _cost(sum(stop - start for start, stop in spans) / period_s, period_s == self.tick_s)
            for period_s, spans in intervals.items()
        )

    def add(self, moment_s: float, signals: int, budget: float) -> bool:
        """Take a moment in if its pieces fit the budget."""
        trial: dict[float, list[Interval]] = {}
        for period_s, half_s in self.halves.items():
            around = (max(moment_s - half_s, 0.0), min(moment_s + half_s, self.end_s))
            trial[period_s] = merged([*self.intervals[period_s], around])
        if self.cost(trial, signals) > budget:
            return False
        self.intervals = trial
        return True


def _window_bands(result: ResultLike, name: str) -> list[Band]:
    """Pieces at full rate that the run kept around events, of a signal not kept at full rate as a whole."""
    bands = []
    for window in result.windows:
        if name in window.names:
            column = np.asarray(window.values[:, list(window.names).index(name)], dtype=np.float64)
            bands.append(
                Band(window.first_tick * result.tick_s, result.tick_s, column, column, column, plain=True)
            )
    return bands


def _whole_run(readers: Sequence[Reader], budget: float) -> dict[str, Band] | None:
    """The finest level of each signal that covers the whole run, if all of them fit the budget."""
    whole = {r.name: r.levels[0] if r.full_rate else r.finest(BASE_BUCKETS) for r in readers}
    return whole if sum(_cost(len(band), band.plain) for band in whole.values()) <= budget else None


def embed(result: ResultLike, panels: Sequence[Panel], budget: float = BUDGET_BYTES) -> Embedded:
    """Choose and code the series of the panels.

    Parameters
    ----------
    result : ResultLike
        The run.
    panels : sequence of Panel
        Charts of the page; each signal is embedded once.
    budget : float
        Most bytes of base64.

    Returns
    -------
    Embedded
    """
    readers = list({line.name: line for panel in panels for line in panel.lines}.values())
    if not readers:
        return Embedded(note="The run kept no signal that the page could chart.")
    plan = _Plan(result.tick_s, readers[0].end_s, readers[0].end_s / BASE_BUCKETS)
    base, buckets = _whole_run(readers, budget), BASE_BUCKETS
    complete = base is not None
    if base is None:
        left = budget - _cost(BASE_BUCKETS, False) * len(readers)
        for moment_s in moments(result):
            plan.add(moment_s, len(readers), left)
        # What the moments leave makes the envelope of the whole finer.
        spare = left - plan.cost(plan.intervals, len(readers))
        buckets += int(spare / _cost(len(readers), False))
        base = {r.name: r.finest(min(buckets, MOST_BUCKETS)) for r in readers}
    used = sum(_cost(len(band), band.plain) for band in base.values())
    used += plan.cost(plan.intervals, len(readers))
    out = Embedded(complete=complete, windows=plan.intervals[result.tick_s])
    left = budget - used
    for reader in readers:
        bands = [base[reader.name]]
        for period_s in sorted(plan.intervals, reverse=True):
            found = (reader.piece(start, stop, period_s) for start, stop in plan.intervals[period_s])
            bands.extend(band for band in found if band is not None)
        if not reader.full_rate:
            for band in _window_bands(result, reader.name):
                if _cost(len(band), True) < left / 2:
                    bands.append(band)
                    left -= _cost(len(band), True)
        low, high = reader.extremes()
        offset, scale = (low + high) / 2, (high - low) / 2 or 1.0
        out.series[reader.name] = {
            "offset": offset,
            "scale": scale,
            "pieces": [_coded(b, offset, scale) for b in bands],
        }
        out.size_bytes += sum(_cost(len(band), band.plain) for band in bands)
    out.note = _note(result, readers, base, out)
    return out


def _note(result: ResultLike, readers: Sequence[Reader], base: dict[str, Band], out: Embedded) -> str:
    """What resolution the page holds, in words."""
    tick = duration(result.tick_s)
    full = [r.name for r in readers if r.full_rate]
    coarse = [r.name for r in readers if not r.full_rate]
    if out.complete:
        parts = [f"At full rate ({tick}) over the whole run: {', '.join(full)}."] if full else []
    else:
        length = sum(stop - start for start, stop in out.windows)
        period = duration(max(band.period_s for band in base.values()))
        parts = [
            "This run is too long to embed at full rate. The page holds minimum, mean and "
            f"maximum in steps of {period}",
            f"over the whole run, and finer levels down to {tick} in {len(out.windows)} windows "
            f"({duration(length)} in all)",
            "around the worst moments of findings and around events. The full record is in the "
            "run directory.",
        ]
    if coarse:
        period = duration(max(base[name].period_s for name in coarse))
        around = (
            f", and at {tick} around events"
            if any(set(coarse) & set(w.names) for w in result.windows)
            else ""
        )
        parts.append(f"As minimum, mean and maximum in steps of {period}{around}: {', '.join(coarse)}.")
    return " ".join(parts)
