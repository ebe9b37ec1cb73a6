"""Drawings of rules of power: the worst moment of a trace, or a spectrum, with the limit on it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattkeel import measures
from wattkeel.filters import settling_time
from wattkeel.report.drawing import (
    Drawing,
    Sheet,
    course,
    identity,
    middles,
    padded,
    samples,
    thinned,
    words_of,
)
from wattkeel.report.interface import Array, FindingLike, SourceLike
from wattkeel.report.markup import duration, number, plain_name, quantity, unit_of
from wattkeel.report.series import Band, Reader
from wattkeel.report.spectrum import amplitude_spectrum
from wattkeel.report.still import decades

__all__ = ["around", "change", "demand", "line", "percentile", "spectrum", "worst_label"]

MW = 1e-6
#: Time shown before and after the worst window, as a share of it, and at least so many ticks.
CONTEXT, LEAST_TICKS = 0.6, 12
#: Most samples that are filtered for one drawing.
FILTERED_SAMPLES = 4_000_000
#: Most samples whose ramps are put in order.
RAMP_SAMPLES = 8_000_000
#: Decades of a spectrum below its largest line or limit.
DECADES = 5.0
#: Signals of the point of interconnection; a rule on anything else (events) is drawn on the first.
_SIGNALS = ("poi.power_w", "poi.voltage_pu", "poi.frequency_hz", "poi.reactive_power_var")
_FILTER = re.compile(r"(causal|zero-phase) n=(\d)")


def row_of(finding: FindingLike) -> Mapping[str, Any]:
    """The rule's own keys."""
    row = finding.details.get("row", {})
    return row if isinstance(row, Mapping) else {}


def band_of(finding: FindingLike) -> tuple[float, float] | None:
    """Edges of the frequency band that a rule limits, Hz; None where it limits none."""
    row = row_of(finding)
    given = finding.details.get("band_hz", row.get("band_hz"))
    if given is None and "f_lo_hz" in row:
        given = (row["f_lo_hz"], row["f_hi_hz"])
    if given is None:
        return None
    low, high = float(given[0]), float(given[1])
    return (low, high) if 0.0 <= low < high else None


def worst_label(finding: FindingLike) -> str:
    """Label of the reading that gave the value; empty when there is only one."""
    for reading in finding.readings:
        if reading.get("value") == finding.value:
            return str(reading.get("label", ""))
    return ""


def axis_of(quantity: str) -> tuple[float, str, str]:
    """Factor, unit and name with which a signal is drawn: power in MW, all else as it is."""
    if quantity.endswith("_w"):
        return MW, "MW", "Power"
    unit = unit_of(quantity)
    return 1.0, unit, {"Hz": "Frequency", "pu": "Voltage"}.get(unit, plain_name(quantity))


def _allowed(finding: FindingLike, window_s: float) -> float:
    """Change that the limit allows within the window, in the unit of the axis; NaN where it is no change."""
    factors = {"MW": 1.0, "MW/min": window_s / 60.0, "MW/s": window_s, "Hz/s": window_s}
    return (finding.limit or 0.0) * factors.get(finding.unit, math.nan)


# --------------------------------------------------------------------------------------------- traces


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a rule saw of a signal: a band to draw, and the values within the window.

    `low` and `high` have one value per tick, or are the ends of the buckets of an envelope.
    """

    band: Band
    low: Array
    mean: Array
    high: Array
    remark: str


def change(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """Change within a window: the trace, the window, its extremes, and what the limit allows from there.

    A difference between the ends of the window is drawn against a cone from its beginning, a range (max -
    min) against a bar as high as the limit. Where the rule band-passes the power, the trace is what the
    reading with the largest value saw.
    """
    window_s, end_s = finding.window_s, finding.time_s
    if not window_s or end_s is None or finding.value is None or finding.limit is None:
        return around(source, finding)
    window = (end_s - window_s, end_s)
    label = worst_label(finding)
    by_filter = _FILTER.search(label) is not None
    seen = _filtered(source, finding, window, label) if by_filter else _plain(source, finding, window)
    if seen is None or not math.isfinite(_allowed(finding, window_s)) or not _drawable(seen.band):
        return around(source, finding)
    draw = _cone if _between_ends(finding) else _bar
    sheet, words = draw(source, finding, seen, window)
    marks, x_name = sheet.time_marks()
    _, unit, name = axis_of(finding.quantity)
    title = f"{name}{' behind the band-pass' if by_filter else ''} ({unit})"
    about = f"{plain_name(finding.rule)}: {words_of(finding)}; {words}, {window[0]:.6g} s to {end_s:.6g} s."
    svg = sheet.svg(identity(finding), title, about, x_name, x_marks=marks)
    read = f" Reading: {label}." if label else ""
    return Drawing(svg, f"{words[0].upper()}{words[1:]}.{read} {seen.remark}".strip())


def _span(source: SourceLike, window: tuple[float, float]) -> tuple[float, float]:
    """What is shown around a window, s."""
    room_s = max(CONTEXT * (window[1] - window[0]), LEAST_TICKS * source.tick_s)
    return max(window[0] - room_s, 0.0), min(window[1] + room_s, (source.ticks - 1) * source.tick_s)


def _plain(source: SourceLike, finding: FindingLike, window: tuple[float, float]) -> _Seen | None:
    """The signal as it was recorded."""
    found = course(source, finding.quantity, *_span(source, window))
    if found is None:
        return None
    band, remark = found
    kept = samples(source, finding.quantity, *window)
    if kept is not None:
        return _Seen(band, kept[1], kept[1], kept[1], remark)
    x, slack_s = middles(band, source.tick_s), 0.5 * band.period_s
    where = np.flatnonzero((x >= window[0] - slack_s) & (x <= window[1] + slack_s))
    if not where.size:
        return None
    part = slice(int(where[0]), int(where[-1]) + 1)
    return _Seen(band, band.minimum[part], band.mean[part], band.maximum[part], remark)


def _between_ends(finding: FindingLike) -> bool:
    """Whether the change is one between the two ends of the window, not between its extremes."""
    row = row_of(finding)
    if finding.unit == "Hz/s" or row.get("stat") in ("average_over_window", "per_minute"):
        return True
    return row.get("stat") == "rate" and "window_s" in row


def _sheet(
    source: SourceLike, band: Band, window: tuple[float, float], heights: tuple[float, ...], factor: float
) -> Sheet:
    x = middles(band, source.tick_s)
    low = min(factor * float(np.nanmin(band.minimum)), *heights)
    high = max(factor * float(np.nanmax(band.maximum)), *heights)
    sheet = Sheet((float(x[0]), float(x[-1])), padded(low, high))
    sheet.columns(*window, "zone", "worst window")
    return sheet


def _cone(
    source: SourceLike, finding: FindingLike, seen: _Seen, window: tuple[float, float]
) -> tuple[Sheet, str]:
    """Trace against the values that the limit allows after the beginning of the window."""
    (start_s, end_s), allowed = window, _allowed(finding, window[1] - window[0])
    factor, unit, name = axis_of(finding.quantity)
    first, last = factor * float(seen.mean[0]), factor * float(seen.mean[-1])
    direction = row_of(finding).get("direction", "both")
    up, down = direction in ("both", "up"), direction in ("both", "down")
    heights = (*((first + allowed,) if up else ()), *((first - allowed,) if down else ()), first, last)
    sheet = _sheet(source, seen.band, window, heights, factor)
    top = first + allowed if up else sheet.frame.y[1]
    bottom = first - allowed if down else sheet.frame.y[0]
    start_top, start_bottom = (first if up else top), (first if down else bottom)
    corners = [(start_s, start_bottom), (start_s, start_top), (end_s, top), (end_s, bottom)]
    sheet.area(corners, "allowed", "allowed")
    for wanted, edge in ((up, top), (down, bottom)):
        if wanted:
            sheet.path([(start_s, first), (end_s, edge)], "limit", "limit")
    sheet.trace(seen.band, source.tick_s, factor, 0, name.lower())
    sheet.dot(start_s, first, "spot")
    sheet.dot(end_s, last, "spot")
    size = quantity(abs(last - first), unit)
    sheet.arrow(end_s, min(first, last), max(first, last), size, _kind(finding))
    words = (
        f"{size} between the ends of the window of {duration(end_s - start_s)}, "
        f"of {quantity(allowed, unit)} {'to be withstood' if finding.at_least else 'allowed'}"
    )
    return sheet, words


def _bar(
    source: SourceLike, finding: FindingLike, seen: _Seen, window: tuple[float, float]
) -> tuple[Sheet, str]:
    """Trace with the largest and smallest value of the window, and the limit from the earlier of them."""
    (start_s, end_s), allowed = window, _allowed(finding, window[1] - window[0])
    factor, unit, name = axis_of(finding.quantity)
    low, high = factor * float(np.nanmin(seen.low)), factor * float(np.nanmax(seen.high))
    rise = int(np.nanargmax(seen.high)) >= int(np.nanargmin(seen.low))
    base, edge = (low, low + allowed) if rise else (high, high - allowed)
    sheet = _sheet(source, seen.band, window, (low, high, edge), factor)
    corners = [(start_s, base), (end_s, base), (end_s, edge), (start_s, edge)]
    sheet.area(corners, "allowed", "allowed")
    sheet.path([(start_s, edge), (end_s, edge)], "limit", "limit")
    sheet.trace(seen.band, source.tick_s, factor, 0, name.lower())
    for value in (low, high):
        sheet.path([(start_s, value), (end_s, value)], "extreme", "largest and smallest")
    size = quantity(high - low, unit)
    sheet.arrow(end_s, low, high, size, _kind(finding))
    words = (
        f"{size} between the largest and the smallest value of {duration(end_s - start_s)}, "
        f"of {quantity(allowed, unit)} allowed"
    )
    return sheet, words


def _kind(finding: FindingLike) -> str:
    return "good" if finding.verdict == "pass" else "bad"


def _filtered(
    source: SourceLike, finding: FindingLike, window: tuple[float, float], label: str
) -> _Seen | None:
    """The band-passed power as the reading with this label saw it; None where the run kept too little."""
    found, edges, reader = _FILTER.search(label), band_of(finding), Reader(source, finding.quantity)
    if found is None or edges is None or not reader.full_rate:
        return None
    order, zero_phase = int(found.group(2)), found.group(1) == "zero-phase"
    tick_s, (start_s, stop_s) = source.tick_s, _span(source, window)
    try:
        settle_s = max(2.0 * settling_time(order, *edges, tick_s), 3.0 / edges[0])
        first = max(math.floor((start_s - settle_s) / tick_s), 0)
        stop = math.ceil((stop_s + (settle_s if zero_phase else 0.0)) / tick_s) + 1
        power = np.asarray(reader.levels[0].mean[first:stop], dtype=np.float64)
        if power.size > FILTERED_SAMPLES:
            return None
        passed = measures.band_pass(power, tick_s, *edges, order=order, zero_phase=zero_phase)
    except ValueError:  # a gap, or a band beyond the sampling
        return None

    def cut(begin_s: float, end_s: float) -> Array:
        return passed[round(begin_s / tick_s) - first : round(end_s / tick_s) - first + 1]

    shown, inside = cut(start_s, stop_s), cut(*window)
    band = thinned(Band(round(start_s / tick_s) * tick_s, tick_s, shown, shown, shown, plain=True))
    remark = f"Filtered from {first * tick_s:.6g} s on for this drawing." if first else ""
    return _Seen(band, inside, inside, inside, remark)


def line(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """A trace over the whole record with the limit as a line, for a rule on the value itself."""
    found = course(source, finding.quantity, 0.0, source.ticks * source.tick_s)
    factor, unit, name = axis_of(finding.quantity)
    if found is None or finding.limit is None or finding.unit != unit or not _drawable(found[0]):
        return around(source, finding)
    band, remark = found
    low, high = factor * float(np.nanmin(band.minimum)), factor * float(np.nanmax(band.maximum))
    x = middles(band, source.tick_s)
    sheet = Sheet((float(x[0]), float(x[-1])), padded(min(low, finding.limit), max(high, finding.limit)))
    sheet.trace(band, source.tick_s, factor, 0, name.lower())
    sheet.level(finding.limit, "limit", "limit")
    if finding.time_s is not None:
        sheet.moment(finding.time_s, "reach", "worst moment")
    marks, x_name = sheet.time_marks()
    about = f"{plain_name(finding.rule)}: {words_of(finding)}."
    svg = sheet.svg(identity(finding), f"{name} ({unit})", about, x_name, x_marks=marks)
    return Drawing(svg, f"{words_of(finding)}. {remark}".strip())


def demand(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """The mean of every interval against the limit, with the power behind it."""
    rows, step_s = finding.details.get("intervals", ()), finding.details.get("interval_s")
    found = course(source, finding.quantity, 0.0, source.ticks * source.tick_s)
    if not rows or not step_s or found is None or finding.limit is None or not _drawable(found[0]):
        return line(source, finding)
    band, remark = found
    x, means = middles(band, source.tick_s), [float(mean) for _, mean in rows]
    low = min(MW * float(np.nanmin(band.minimum)), finding.limit)
    high = max(MW * float(np.nanmax(band.maximum)), finding.limit)
    sheet = Sheet((float(x[0]), float(x[-1])), padded(low, high))
    sheet.trace(band, source.tick_s, MW, 1, "power")
    for (start_s, _), mean in zip(rows, means, strict=True):
        ends = (float(start_s), float(start_s) + float(step_s))
        sheet.path([(ends[0], mean), (ends[1], mean)], "l0 thick", "mean of an interval")
    sheet.level(finding.limit, "limit", "limit")
    marks, x_name = sheet.time_marks()
    about = f"{plain_name(finding.rule)}: {words_of(finding)}. Largest of {len(means)} intervals."
    svg = sheet.svg(identity(finding), "Power (MW)", about, x_name, x_marks=marks)
    return Drawing(svg, f"{words_of(finding)}. {remark}".strip())


def _drawable(band: Band) -> bool:
    """Whether a band has a line at all."""
    return len(band) > 1 and bool(np.isfinite(band.mean).any())


def around(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """The judged signal around the worst moment, or over the whole record, without a limit on it."""
    whole_s = source.ticks * source.tick_s
    if finding.time_s is None:
        span = (0.0, whole_s)
    else:
        half_s = max(1.5 * (finding.window_s or 0.0), 1.5 * (finding.duration_s or 0.0), 50 * source.tick_s)
        span = (finding.time_s - half_s, finding.time_s + half_s)
    name_of = finding.quantity if finding.quantity in _SIGNALS else _SIGNALS[0]
    found = course(source, name_of, *span)
    if found is None:
        return None
    band, remark = found
    factor, unit, name = axis_of(name_of)
    x = middles(band, source.tick_s)
    if not _drawable(band):
        return None
    sheet = Sheet(
        (float(x[0]), float(x[-1])),
        padded(factor * float(np.nanmin(band.minimum)), factor * float(np.nanmax(band.maximum))),
    )
    if finding.time_s is not None:
        if finding.window_s:
            sheet.columns(finding.time_s - finding.window_s, finding.time_s, "zone", "worst window")
        sheet.moment(finding.time_s, "reach", "worst moment")
    sheet.trace(band, source.tick_s, factor, 0, "measured")
    marks, x_name = sheet.time_marks()
    about = f"{plain_name(finding.rule)}: {words_of(finding)}."
    svg = sheet.svg(identity(finding), f"{name} ({unit})", about, x_name, x_marks=marks)
    return Drawing(svg, f"{words_of(finding)}. {remark}".strip())


# --------------------------------------------------------------------------------------------- statistics


def percentile(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """All absolute ramps in order of their size, with the share that the rule counts and its limit."""
    reader = Reader(source, finding.quantity)
    window_s = float(row_of(finding).get("window_s", 60.0))
    if not reader.full_rate or finding.limit is None or finding.value is None:
        return None
    band = reader.finest(RAMP_SAMPLES)
    try:
        ramps = np.abs(measures.rolling_average_ramp(band.mean, band.period_s, window_s))
    except ValueError:  # a gap, or too short for the window
        return None
    shares = np.linspace(0.0, 100.0, 401)
    heights = np.percentile(ramps, shares) * MW * 60.0
    sheet = Sheet((0.0, 100.0), padded(0.0, max(float(heights[-1]), finding.limit)))
    sheet.rows(sheet.frame.y[0], finding.limit, "allowed", "allowed")
    sheet.level(finding.limit, "limit", "limit")
    sheet.path(
        list(zip(shares.tolist(), heights.tolist(), strict=True)), "l0 thick", "ramps in order of size"
    )
    sheet.moment(75.0, "extreme", "75 %")
    at_mark = float(np.interp(75.0, shares, heights))
    sheet.dot(75.0, at_mark, "spot")
    sheet.words(75.0, at_mark, f"{number(at_mark)} MW/min", f"strong {_kind(finding)}-text", beside=True)
    below = f"75 % of the ramps are below {number(at_mark)} MW/min."
    about = f"{plain_name(finding.rule)}: {words_of(finding)}. {below}"
    title = f"Absolute ramp over {number(window_s)} s (MW/min)"
    svg = sheet.svg(identity(finding), title, about, "share of all ramps of the record (%)")
    means = "" if band.plain else f" of means over {duration(band.period_s)}"
    return Drawing(
        svg, f"Rolling differences{means} of the whole record, settling included, in order of size."
    )


def spectrum(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """Amplitudes of the whole record with the band shaded and, where the limit is one of power, its line."""
    edges, reader = band_of(finding), Reader(source, finding.quantity)
    if edges is None or not reader or not math.isfinite(reader.integral()):
        return None
    found = amplitude_spectrum(reader)
    if found is None:
        return None
    frequency_hz, amplitude = found.shown(500)
    inside = (frequency_hz >= edges[0]) & (frequency_hz <= edges[1])
    if not inside.any():
        return None
    mw = np.maximum(MW * amplitude, 1e-300)
    limit_mw = finding.limit if finding.unit == "MW" and finding.limit else None
    high = math.log10(max(float(mw.max()), limit_mw or 0.0, 1e-12)) + 0.3
    low = max(math.log10(max(float(mw.min()), 1e-300)), high - DECADES)
    sheet = Sheet((math.log10(frequency_hz[0]), math.log10(frequency_hz[-1])), (low, high))
    band = (math.log10(max(edges[0], frequency_hz[0])), math.log10(min(edges[1], frequency_hz[-1])))
    sheet.columns(*band, "zone", f"{edges[0]:g}–{edges[1]:g} Hz")
    points = zip(np.log10(frequency_hz).tolist(), np.maximum(np.log10(mw), low).tolist(), strict=True)
    sheet.path(list(points), "l0", "spectral lines")
    if limit_mw is not None:
        sheet.path([(band[0], math.log10(limit_mw)), (band[1], math.log10(limit_mw))], "limit", "limit")
    top = int(np.argmax(np.where(inside, mw, -1.0)))
    words = f"{quantity(float(mw[top]), 'MW', digits=3)} at {number(float(frequency_hz[top]), 3)} Hz"
    sheet.dot(math.log10(frequency_hz[top]), math.log10(mw[top]), "spot")
    sheet.words(math.log10(frequency_hz[top]), math.log10(mw[top]), words, "strong", beside=True)
    about = f"{plain_name(finding.rule)}: {words_of(finding)}. Largest line in the band: {words}."
    svg = sheet.svg(
        identity(finding),
        "Amplitude (MW, peak of the sine)",
        about,
        "frequency (Hz)",
        x_marks=decades(*sheet.frame.x),
        y_marks=decades(*sheet.frame.y),
    )
    label = worst_label(finding)
    read = f"The value judged is {words_of(finding)}{f' ({label})' if label else ''}. "
    return Drawing(svg, f"{read}Curve, lines of the whole record: {found.method}.")
