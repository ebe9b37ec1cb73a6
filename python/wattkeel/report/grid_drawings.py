"""Drawings of rules of voltage, frequency and recovery: excursions against a curve, power after an event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.report.drawing import Drawing, Sheet, course, identity, middles, padded, words_of
from wattkeel.report.interface import FindingLike, SourceLike
from wattkeel.report.markup import duration, number, plain_name, quantity
from wattkeel.report.power_drawings import MW, around, row_of
from wattkeel.report.series import Reader

__all__ = ["recovery", "ride_through"]

#: Shortest time on the axis of durations, s.
SHORTEST_S = 1e-3
#: Levels at which the time beyond them is counted.
LEVELS = 120
#: Most of the time asked for that is shown of a slow recovery.
LONGEST_WAITS = 12.0
#: Most excursions that are drawn.
EXCURSIONS = 60
#: Most samples that are searched for the time beyond each level.
SEARCHED = 20_000_000


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
    at = np.flatnonzero(values < start if below else values > start)
    if not at.size:
        return []
    outside = values[at]
    edge = max(min(float(outside.min() if below else outside.max()), span[1]), span[0])
    points = []
    for level in np.linspace(start, edge, LEVELS):
        ticks = _longest(at[outside < level if below else outside > level])
        if ticks:
            points.append((_at(ticks * source.tick_s), float(level)))
    return points


def _longest(at: NDArray[np.int64]) -> int:
    """Length of the longest stretch of consecutive numbers."""
    if not at.size:
        return 0
    breaks = np.flatnonzero(np.diff(at) > 1) + 1
    return int(np.diff(np.concatenate([[0], breaks, [at.size]])).max())


def recovery(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """Power around an event: the level to which it must come back, and until when."""
    details = finding.details
    share, within_s = _number(details, "p_fraction_min"), _number(row_of(finding), "within_s")
    event = _event_of(finding)
    if share is None or within_s is None or event is None:
        return around(source, finding)
    start_s, back_s, before_w, recovered_s = event
    shown_s = max(1.6 * within_s, min(1.4 * (recovered_s or 0.0), LONGEST_WAITS * within_s))
    found = course(source, "poi.power_w", start_s - 0.6 * within_s, back_s + shown_s)
    if found is None or not np.isfinite(found[0].mean).any():
        return None
    band, remark = found
    x = middles(band, source.tick_s)
    level = MW * share * before_w
    low = min(MW * float(np.nanmin(band.minimum)), level)
    high = max(MW * float(np.nanmax(band.maximum)), MW * before_w)
    sheet = Sheet((float(x[0]), float(x[-1])), padded(low, high))
    (_, right), (floor, top), deadline_s = sheet.frame.x, sheet.frame.y, back_s + within_s
    sheet.area([(deadline_s, level), (right, level), (right, top), (deadline_s, top)], "allowed", "required")
    sheet.columns(start_s, back_s, "zone", "disturbance")
    sheet.path([(deadline_s, floor), (deadline_s, level), (right, level)], "limit", "limit")
    sheet.level(MW * before_w, "extreme", "before the event")
    sheet.trace(band, source.tick_s, MW, 0, "power")
    if recovered_s is not None and finding.verdict == "pass":
        sheet.dot(back_s + recovered_s, level, "spot")
        sheet.words(back_s + recovered_s, level, f"back after {duration(recovered_s)}", beside=True)
    marks, x_name = sheet.time_marks()
    about = f"{plain_name(finding.rule)}: {words_of(finding)}."
    svg = sheet.svg(identity(finding), "Power (MW)", about, x_name, x_marks=marks)
    asked = (
        f"{quantity(level, 'MW')} is asked for from {duration(within_s)} after the return of the voltage on"
    )
    return Drawing(svg, f"{words_of(finding)}. {asked}. {remark}".strip())


def _event_of(finding: FindingLike) -> tuple[float, float, float, float | None] | None:
    """Start, return of the voltage, power before, and time to recovery of the excursion that was worst."""
    for entry in finding.details.get("excursions", ()):
        values = [_number(entry, name) for name in ("start_s", "back_s", "before_w")]
        start_s, back_s, before_w = values
        if start_s is None or back_s is None or before_w is None:
            continue
        if finding.time_s is None or math.isclose(back_s, finding.time_s, rel_tol=1e-9, abs_tol=1e-9):
            return start_s, back_s, before_w, _number(entry, "recovered_s")
    return None
