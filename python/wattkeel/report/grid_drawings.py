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


Corners = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Excursion:
    """One departure of the record from the continuous band; `left_s` is when load left, if it did."""

    extreme: float
    duration_s: float
    start_s: float
    left_s: float | None


def _number(entry: Mapping[str, Any], name: str) -> float | None:
    value = entry.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _first(entry: Mapping[str, Any], *names: str) -> float | None:
    """The first of several entries that is a number."""
    return next((value for value in (_number(entry, name) for name in names) if value is not None), None)


def _corners(curve: object, side: str) -> Corners:
    """Corners (time s, value) of one side of a required curve; empty where there is none."""
    given = curve.get(side, ()) if isinstance(curve, Mapping) else ()
    return [(float(time_s), float(value)) for time_s, value in given]


def _excursions(entries: Iterable[Any]) -> list[_Excursion]:
    found = []
    for entry in entries:
        extreme, length_s, start_s = (_number(entry, name) for name in ("extreme", "duration_s", "start_s"))
        if extreme is not None and length_s is not None and start_s is not None:
            found.append(_Excursion(extreme, length_s, start_s, _number(entry, "left_s")))
    return found[:EXCURSIONS]


def ride_through(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """The plane of level and time: where the site must stay, and what the record brought.

    Marks are the excursions of the record by depth and length, or by the time at which load left. The line is
    the longest time without a break that the record spent beyond each level, which is what nested timers
    count.
    """
    details = finding.details
    below = details.get("side", "low") == "low"
    corners = _corners(details.get("curve"), "low" if below else "high")
    others = _corners(details.get("curve"), "high" if below else "low")
    excursions = _excursions(details.get("excursions", ()))
    if not corners:
        return around(source, finding)
    unit, name = ("Hz", "Frequency") if finding.quantity.endswith("_hz") else ("pu", "Voltage")
    inner = corners[-1][1]
    outer = others[-1][1] if others else inner + (0.1 if below else -0.1) * abs(inner)
    levels = [inner, outer, *(value for _, value in corners), *(each.extreme for each in excursions)]
    times_s = [time_s for time_s, _ in corners] + [each.duration_s for each in excursions]
    longest_s = 3.0 * max([*(t for t in times_s if math.isfinite(t)), 0.1])
    sheet = Sheet((math.log10(SHORTEST_S), math.log10(longest_s)), padded(min(levels), max(levels), 0.06))
    _required(sheet, corners, (inner, outer))
    _own_band(sheet, details, unit)
    beyond = _time_beyond(source, finding.quantity, inner, sheet.frame.y, below=below)
    if len(beyond) > 1:
        sheet.path(beyond, "l0 thick", "longest time beyond each level")
    _marks(sheet, excursions, unit, below=below)
    count = int(details.get("excursion_count", len(excursions)))
    said = f"{count} excursion{'' if count == 1 else 's'} of the record"
    if count > len(excursions):
        said += f", {len(excursions)} of them shown"
    if any(each.left_s is not None for each in excursions):
        said += ", hollow at the time at which load left"
    about = f"{plain_name(finding.rule)}: {words_of(finding)}. {said}, against the required curve."
    svg = sheet.svg(
        identity(finding),
        f"{name} ({unit})",
        about,
        "time beyond the level (s, logarithmic)",
        x_marks=[(k, f"{10.0**k:g}") for k in range(-3, math.floor(math.log10(longest_s)) + 1)],
    )
    return Drawing(svg, f"{words_of(finding)}. Shaded: the site must stay connected. Marks: {said}.")


def _at(time_s: float) -> float:
    return math.log10(max(time_s, SHORTEST_S))


def _required(sheet: Sheet, corners: Corners, free: tuple[float, float]) -> None:
    """The area in which the site must stay: under the curve, and the continuous band."""
    left, right = sheet.frame.x
    inner, outer = free
    sheet.area(
        [(left, inner), (right, inner), (right, outer), (left, outer)], "allowed", "must stay connected"
    )
    curve = [(_at(time_s), value) for time_s, value in corners]
    sheet.area([(left, inner), (left, curve[0][1]), *curve, (curve[-1][0], inner)], "allowed")
    sheet.path([*curve, (right, inner)], "limit", "required curve")


def _own_band(sheet: Sheet, details: Mapping[str, Any], unit: str) -> None:
    """The band of this rule among those of its table."""
    ends = zip(details.get("band") or (None, None), sheet.frame.y, strict=True)
    low, high = (edge if given is None else float(given) for given, edge in ends)
    sheet.rows(low, high, "zone", "band of this rule")


def _marks(sheet: Sheet, excursions: Sequence[_Excursion], unit: str, *, below: bool) -> None:
    """Excursions as dots; the farthest with its figures."""
    for each in excursions:
        left = each.left_s is not None
        time_s = each.left_s - each.start_s if each.left_s is not None else each.duration_s
        sheet.dot(_at(time_s), each.extreme, "bad" if left else "good")
    if excursions:
        pick = min if below else max
        farthest = pick(excursions, key=lambda each: each.extreme)
        words = f"{number(farthest.extreme)} {unit} for {duration(farthest.duration_s)}"
        sheet.words(
            _at(farthest.duration_s), farthest.extreme, words, beside=True, down=14.0 if below else -14.0
        )


def _time_beyond(
    source: SourceLike, name: str, start: float, span: tuple[float, float], *, below: bool
) -> Corners:
    """Longest unbroken time beyond each level outside continuous operation, as points of a line."""
    reader = Reader(source, name)
    if not reader.full_rate or len(reader.levels[0]) > SEARCHED:
        return []
    values = reader.levels[0].mean
    extreme = float(np.nanmin(values) if below else np.nanmax(values))
    edge = max(min(extreme, span[1]), span[0])
    if edge >= start if below else edge <= start:
        return []
    outside = values[values < start] if below else values[values > start]
    levels = np.linspace(start, edge, LEVELS)
    if not outside.size:
        return []
    points = []
    for level in levels:
        time_s = _longest(values < level if below else values > level) * source.tick_s
        if time_s > 0.0:
            points.append((_at(time_s), float(level)))
    return points


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
    back_s = _number(details, "recovered_s")
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
