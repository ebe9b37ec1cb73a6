"""Drawings of rules of voltage, frequency and recovery: excursions against a curve, power after an event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattkeel.report.drawing import Drawing, Sheet, course, identity, middles, padded, words_of
from wattkeel.report.interface import Array, FindingLike, SourceLike
from wattkeel.report.markup import duration, number, plain_name, quantity
from wattkeel.report.power_drawings import MW, around, row_of
from wattkeel.report.series import Reader

__all__ = ["recovery", "ride_through"]

#: Shortest time on the axis of durations, s.
SHORTEST_S = 1e-3
#: Levels at which the time beyond them is counted.
LEVELS = 120
#: Most excursions that are drawn.
EXCURSIONS = 60
#: Most samples that are searched for the time beyond each level.
SEARCHED = 2_000_000


@dataclass(frozen=True, slots=True)
class _Band:
    """One band of a curve: a site must stay connected for a time while a value lies between two."""

    low: float
    high: float
    time_s: float


@dataclass(frozen=True, slots=True)
class _Excursion:
    """One departure of the record from the continuous band."""

    extreme: float
    duration_s: float
    start_s: float | None
    held: bool | None


def _first(entry: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = entry.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
            return float(value)
    return None


def _curve(entries: Iterable[Any]) -> list[_Band]:
    """Bands of ``details["curve"]``; a band without a time is one of continuous operation."""
    bands = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        low = _first(entry, "v_min_pu", "f_min_hz", "low")
        high = _first(entry, "v_max_pu", "f_max_hz", "high")
        time_s = _first(entry, "min_duration_s", "duration_s", "required_s")
        if entry.get("continuous") or time_s is None:
            time_s = math.inf
        bands.append(_Band(-math.inf if low is None else low, math.inf if high is None else high, time_s))
    return bands


def _excursions(entries: Iterable[Any]) -> list[_Excursion]:
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        extreme = _first(
            entry, "extreme", "extreme_pu", "extreme_hz", "voltage_pu", "v_pu", "frequency_hz", "f_hz"
        )
        time_s = _first(entry, "duration_s", "length_s", "time_beyond_s")
        if extreme is None or time_s is None:
            continue
        held = next((bool(entry[k]) for k in ("held", "ridden_through", "connected") if k in entry), None)
        if held is None and "tripped" in entry:
            held = not entry["tripped"]
        found.append(_Excursion(extreme, time_s, _first(entry, "start_s", "time_s"), held))
    return found


def ride_through(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """The plane of level and time: where the site must stay, and what the record brought.

    Marks are the excursions of the record by depth and length. The line is the longest time without a break
    that the record spent beyond each level, which is what nested timers count.
    """
    bands = _curve(finding.details.get("curve", ()))
    if not bands:
        return around(source, finding)
    excursions = _excursions(finding.details.get("excursions", ()))[:EXCURSIONS]
    unit, name = ("Hz", "Frequency") if finding.quantity.endswith("_hz") else ("pu", "Voltage")
    limits_s = [band.time_s for band in bands if math.isfinite(band.time_s) and band.time_s > 0.0]
    lengths_s = [each.duration_s for each in excursions if each.duration_s > 0.0]
    longest_s = 3.0 * max([*limits_s, *lengths_s, 0.1])
    edges = [edge for band in bands for edge in (band.low, band.high) if math.isfinite(edge)]
    levels = [each.extreme for each in excursions]
    sheet = Sheet(
        (math.log10(SHORTEST_S), math.log10(longest_s)),
        padded(min([*edges, *levels]), max([*edges, *levels]), 0.06),
    )
    _required(sheet, bands)
    beyond = _time_beyond(source, finding.quantity, bands, sheet.frame.y)
    for points in beyond:
        sheet.path(points, "l0 thick", "longest time beyond each level")
    for each in excursions:
        at = math.log10(max(each.duration_s, SHORTEST_S))
        sheet.dot(at, each.extreme, {True: "good", False: "bad"}.get(each.held, "spot"))  # type: ignore[arg-type]
    count = f"{len(excursions)} excursion{'' if len(excursions) == 1 else 's'}"
    if excursions:
        deepest = max(excursions, key=lambda each: abs(each.extreme - _middle(bands)))
        at = math.log10(max(deepest.duration_s, SHORTEST_S))
        sheet.words(
            at,
            deepest.extreme,
            f"{number(deepest.extreme)} {unit}, {duration(deepest.duration_s)}",
            beside=True,
        )
    about = (
        f"{plain_name(finding.rule)}: {words_of(finding)}. {count} of the record against the required curve."
    )
    svg = sheet.svg(
        identity(finding),
        f"{name} ({unit})",
        about,
        "time beyond the level (s, logarithmic)",
        x_marks=[(k, f"{10.0**k:g}") for k in range(-3, math.floor(math.log10(longest_s)) + 1)],
    )
    said = f"{count} of the record" + (
        ", hollow where the site did not stay connected" if _lost(excursions) else ""
    )
    return Drawing(svg, f"{words_of(finding)}. Shaded: the site must stay connected. Marks: {said}.")


def _lost(excursions: Sequence[_Excursion]) -> bool:
    return any(each.held is False for each in excursions)


def _middle(bands: Sequence[_Band]) -> float:
    """A value within continuous operation, from which depths are counted."""
    free = [
        band
        for band in bands
        if math.isinf(band.time_s) and math.isfinite(band.low) and math.isfinite(band.high)
    ]
    if free:
        return 0.5 * (free[0].low + free[0].high)
    return max((band.high for band in bands if math.isfinite(band.high)), default=1.0)


def _required(sheet: Sheet, bands: Sequence[_Band]) -> None:
    """Bands as areas that end where the obligation ends, with that end as the limit."""
    left, right = sheet.frame.x
    low_end, high_end = sheet.frame.y
    for band in bands:
        low, high = max(band.low, low_end), min(band.high, high_end)
        if high <= low:
            continue
        stop = right if math.isinf(band.time_s) else math.log10(max(band.time_s, SHORTEST_S))
        sheet.area([(left, low), (stop, low), (stop, high), (left, high)], "allowed", "must stay connected")
        if stop < right:
            sheet.path([(stop, low), (stop, high)], "limit", "end of the obligation")


def _time_beyond(
    source: SourceLike, name: str, bands: Sequence[_Band], span: tuple[float, float]
) -> list[list[tuple[float, float]]]:
    """Longest unbroken time below (above) each level outside continuous operation, as points of lines."""
    reader = Reader(source, name)
    if not reader.full_rate or len(reader.levels[0]) > SEARCHED:
        return []
    values, middle = reader.levels[0].mean, _middle(bands)
    lines = []
    for below in (True, False):
        extreme = float(np.nanmin(values) if below else np.nanmax(values))
        edge = max(min(extreme, span[1]), span[0])
        free = [b for b in bands if math.isinf(b.time_s)]
        start = (free[0].low if below else free[0].high) if free else middle
        if not math.isfinite(start) or (edge >= start if below else edge <= start):
            continue
        levels = np.linspace(start, edge, LEVELS)
        times = [_longest(values < level if below else values > level) * source.tick_s for level in levels]
        points = [
            (math.log10(max(time_s, SHORTEST_S)), float(level))
            for level, time_s in zip(levels, times, strict=True)
            if time_s > 0.0
        ]
        if len(points) > 1:
            lines.append(points)
    return lines


def _longest(flags: Array | np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """Length of the longest stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0


def recovery(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """Power around an event: the level to which it must come back, and until when."""
    details, row = finding.details, row_of(finding)
    returned_s = _first(details, "voltage_returned_s", "return_s", "clear_s")
    before_w = _first(details, "before_w", "pre_event_power_w", "pre_event_w")
    within_s = _first(row, "within_s") or _first(details, "within_s")
    share = _first(row, "p_fraction_min") or _first(details, "p_fraction_min")
    if returned_s is None or before_w is None or within_s is None or share is None:
        return around(source, finding)
    event_s = _first(details, "event_s", "start_s") or returned_s
    back_s = _first(details, "recovered_s")
    end_s = max(returned_s + 1.6 * within_s, (back_s or 0.0) + 0.4 * within_s)
    found = course(source, "poi.power_w", event_s - 0.6 * within_s, min(end_s, returned_s + 20.0 * within_s))
    if found is None:
        return None
    band, remark = found
    x = middles(band, source.tick_s)
    level = MW * share * before_w
    sheet = Sheet(
        (float(x[0]), float(x[-1])),
        padded(
            min(MW * float(np.nanmin(band.minimum)), level),
            max(MW * float(np.nanmax(band.maximum)), MW * before_w),
        ),
    )
    deadline_s = returned_s + within_s
    right, top = sheet.frame.x[1], sheet.frame.y[1]
    sheet.area([(deadline_s, level), (right, level), (right, top), (deadline_s, top)], "allowed", "required")
    sheet.columns(event_s, returned_s, "zone", "disturbance")
    sheet.path([(deadline_s, sheet.frame.y[0]), (deadline_s, level), (right, level)], "limit", "limit")
    sheet.level(MW * before_w, "extreme", "before the event")
    sheet.trace(band, source.tick_s, MW, 0, "power")
    if back_s is not None:
        sheet.dot(back_s, level, "spot")
        sheet.words(back_s, level, f"back after {duration(back_s - returned_s)}", beside=True)
    marks, x_name = sheet.time_marks()
    about = f"{plain_name(finding.rule)}: {words_of(finding)}."
    svg = sheet.svg(identity(finding), "Power (MW)", about, x_name, x_marks=marks)
    words = (
        f"{quantity(level, 'MW')} is asked for from {duration(within_s)} after the voltage is back. {remark}"
    )
    return Drawing(svg, words.strip())
