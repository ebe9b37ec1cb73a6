"""Parts of the drawings of rules: a sheet with axes, traces with gaps, limits, marks, and words for them.

Plain SVG that needs no script. Colours are classes of the style sheet; what is allowed, what was measured and
what is too much differ in form as well (area, line, dashes, arrow), for readers who cannot tell the colours
apart and for black-and-white paper.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattkeel.report.interface import Array, FindingLike, SourceLike
from wattkeel.report.markup import LONG_RUN_S, amount, amounts, duration, plain_name, text
from wattkeel.report.series import Band, Reader, coarsen
from wattkeel.report.still import (
    BOTTOM,
    LEFT,
    LETTER,
    POINTS,
    RIGHT,
    TOP,
    WIDTH,
    Frame,
    label,
    polyline,
    ticks,
    unbroken,
)

__all__ = [
    "Drawing",
    "Sheet",
    "course",
    "identity",
    "middles",
    "padded",
    "readings_strip",
    "samples",
    "thinned",
    "words_of",
]

HEIGHT = 236.0
#: Width of a letter of the bold title, generously.
BOLD_LETTER = 7.4
#: Longest label of a reading that fits beside its line.
LONGEST_LABEL = 58
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture of a finding: SVG, and what to say below it (markup)."""

    svg: str
    caption: str


def identity(finding: FindingLike) -> str:
    """Name of a finding that is fit for an address within the page, alike on every run."""
    name = f"{finding.profile}\n{finding.rule}"
    return "rule-" + hashlib.sha256(name.encode()).hexdigest()[:10]


def words_of(finding: FindingLike) -> str:
    """Value against limit, in words: "14.2 MW, at most 10.0 MW allowed"."""
    value, limit = amounts(finding)
    if finding.limit is None:
        return value
    return f"{value}, at least {limit} asked" if finding.at_least else f"{value}, at most {limit} allowed"


# --------------------------------------------------------------------------------------------- data


def middles(band: Band, tick_s: float) -> Array:
    """Times of the buckets of a band, s; that of a single sample is its own, as in findings."""
    own = (np.arange(len(band), dtype=np.float64) + 0.5) * band.period_s - 0.5 * tick_s
    return band.start_s + (own if not band.plain else own + 0.5 * (tick_s - band.period_s))


def samples(source: SourceLike, name: str, start_s: float, stop_s: float) -> tuple[float, Array] | None:
    """Every tick of a signal between two times (both included), and the time of the first.

    From the whole run at full rate, or from a piece around an event that covers the stretch; None where
    neither was kept.
    """
    tick_s = source.tick_s
    reader = Reader(source, name)
    if reader.full_rate:
        pieces = [(0, reader.levels[0].mean)]
    else:
        pieces = [
            (w.first_tick, np.asarray(w.values[:, list(w.names).index(name)], dtype=np.float64))
            for w in source.windows
            if name in w.names
        ]
    first, stop = max(round(start_s / tick_s), 0), min(round(stop_s / tick_s) + 1, source.ticks)
    for begin, values in pieces:
        if begin <= first < stop <= begin + len(values):
            return first * tick_s, values[first - begin : stop - begin]
    return None


def course(source: SourceLike, name: str, start_s: float, stop_s: float) -> tuple[Band, str] | None:
    """A signal between two times as finely as a drawing can show, and a remark where ticks were not kept.

    Every tick where the run kept them, else the finest envelope. None where the run kept nothing of it.
    """
    kept = samples(source, name, start_s, stop_s)
    if kept is not None:
        begin_s, values = kept
        return thinned(Band(begin_s, source.tick_s, values, values, values, plain=True)), ""
    reader = Reader(source, name)
    start_s, stop_s = max(start_s, 0.0), min(stop_s, reader.end_s)
    if not reader or not stop_s > start_s:
        return None
    finest_s = reader.levels[0].period_s
    band = reader.piece(start_s, stop_s, max(finest_s, (stop_s - start_s) / POINTS))
    if band is None or not len(band):
        return None
    remark = (
        f"Drawn from minimum, mean and maximum in steps of {duration(band.period_s)}: the run did not keep "
        f"{name} at every tick here."
    )
    return band, remark


def thinned(band: Band) -> Band:
    """A band of no more buckets than a drawing can show."""
    return coarsen(band, math.ceil(len(band) / POINTS)) if len(band) > 2 * POINTS else band


def padded(low: float, high: float, share: float = 0.08) -> tuple[float, float]:
    """A range with some room around it; a range of one value gets room too."""
    room = share * (high - low) or max(abs(high), 1.0) * 0.01
    return low - room, high + room


# --------------------------------------------------------------------------------------------- the sheet


class Sheet:
    """A drawing on linear axes under construction.

    Parameters
    ----------
    x, y : (float, float)
        Ranges of the axes.
    """

    def __init__(self, x: Point, y: Point, height: float = HEIGHT) -> None:
        self.frame = Frame(height, x, y)
        self.parts: list[str] = []
        self.names: list[tuple[str, str]] = []

    def place(self, x: float, y: float) -> Point:
        """Place of a point in the picture, held within the axes."""
        f = self.frame
        return (
            float(f.at_x(min(max(x, f.x[0]), f.x[1]))),
            float(f.at_y(min(max(y, f.y[0]), f.y[1]))),
        )

    def area(self, points: Sequence[Point], kind: str, name: str = "") -> None:
        """A filled area."""
        placed = " ".join(f"{a:.1f},{b:.1f}" for a, b in (self.place(*point) for point in points))
        self.parts.append(f'<polygon class="{kind}" points="{placed}"/>')
        self.entry(kind, name)

    def rows(self, low: float, high: float, kind: str, name: str = "") -> None:
        """An area between two heights, over all of the width."""
        left, right = self.frame.x
        self.area([(left, low), (right, low), (right, high), (left, high)], kind, name)

    def columns(self, start: float, stop: float, kind: str, name: str = "") -> None:
        """An area between two places of the axis below, over all of the height."""
        low, high = self.frame.y
        self.area([(start, low), (stop, low), (stop, high), (start, high)], kind, name)

    def path(self, points: Sequence[Point], kind: str, name: str = "") -> None:
        """A line through points."""
        placed = "L".join(f"{a:.1f},{b:.1f}" for a, b in (self.place(*point) for point in points))
        self.parts.append(f'<path class="{kind}" d="M{placed}"/>')
        self.entry(kind, name)

    def level(self, y: float, kind: str, name: str = "") -> None:
        """A line of one height."""
        self.path([(self.frame.x[0], y), (self.frame.x[1], y)], kind, name)

    def moment(self, x: float, kind: str, name: str = "") -> None:
        """An upright line."""
        self.path([(x, self.frame.y[0]), (x, self.frame.y[1])], kind, name)

    def trace(self, band: Band, tick_s: float, factor: float, colour: int, name: str = "") -> None:
        """A signal: its mean as a line, minimum to maximum behind it; gaps stay gaps."""
        x = np.asarray(self.frame.at_x(middles(band, tick_s)))
        y = [
            np.asarray(self.frame.at_y(factor * values)) for values in (band.minimum, band.mean, band.maximum)
        ]
        for part in unbroken(band.mean):
            if not band.plain:
                hull = f"{polyline(x[part], y[2][part])} {polyline(x[part][::-1], y[0][part][::-1])}"
                self.parts.append(f'<polygon class="f{colour}" points="{hull}"/>')
            self.parts.append(f'<polyline class="l{colour} thick" points="{polyline(x[part], y[1][part])}"/>')
        self.entry(f"l{colour}", name)

    def dot(self, x: float, y: float, kind: str) -> None:
        """A mark at one point."""
        a, b = self.place(x, y)
        self.parts.append(f'<circle class="{kind}" cx="{a:.1f}" cy="{b:.1f}" r="4"/>')

    def arrow(self, x: float, low: float, high: float, words: str, kind: str) -> None:
        """A double arrow between two heights, with words beside it."""
        (a, bottom), (_, top) = self.place(x, low), self.place(x, high)
        heads = f"M{a - 4:.1f},{bottom - 6:.1f}L{a:.1f},{bottom:.1f}L{a + 4:.1f},{bottom - 6:.1f}"
        heads += f"M{a - 4:.1f},{top + 6:.1f}L{a:.1f},{top:.1f}L{a + 4:.1f},{top + 6:.1f}"
        self.parts.append(f'<path class="arrow {kind}" d="M{a:.1f},{bottom:.1f}V{top:.1f}{heads}"/>')
        self.words(x, 0.5 * (low + high), words, f"strong {kind}-text", beside=True)

    def words(
        self, x: float, y: float, words: str, kind: str = "dim", *, beside: bool = False, down: float = 0.0
    ) -> None:
        """Words at a point, or `down` below it; to its left where they would leave the picture."""
        a, b = self.place(x, y)
        b += down
        gap = 7.0 if beside else 3.0
        fits = a + gap + LETTER * len(words) < WIDTH - RIGHT
        anchor = "start" if fits else "end"
        b = min(max(b, TOP + 11.0), self.frame.height - BOTTOM - 4.0)
        self.parts.append(
            f'<text class="{kind} halo" x="{a + (gap if fits else -gap):.1f}" y="{b + 4:.1f}" '
            f'text-anchor="{anchor}">{text(words)}</text>'
        )

    def entry(self, kind: str, name: str) -> None:
        """Remember what a form means, for the line of names; once per name."""
        if name and (kind, name) not in self.names:
            self.names.append((kind, name))

    def time_marks(self) -> tuple[list[tuple[float, str]], str]:
        """Marks of a time axis, and its name."""
        (start, stop) = self.frame.x
        size, unit = (
            (3600.0, "h")
            if stop - start > 7200
            else (60.0, "min")
            if stop - start > LONG_RUN_S
            else (1.0, "s")
        )
        return [(v * size, words) for v, words in _marks(start / size, stop / size, 8)], f"time ({unit})"

    def svg(
        self,
        name: str,
        title: str,
        about: str,
        x_name: str,
        *,
        x_marks: list[tuple[float, str]] | None = None,
        y_marks: list[tuple[float, str]] | None = None,
    ) -> str:
        """The picture; `name` is its identity in the page, `title` and `about` are read to the blind."""
        if x_marks is None:
            x_marks = _marks(*self.frame.x, 8)
        axes = self.frame.axes(x_marks, y_marks or _marks(*self.frame.y, 5), x_name)
        return (
            f'<svg class="rule" viewBox="0 0 {WIDTH:g} {self.frame.height:.0f}" role="img" '
            f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{text(title)}</title>'
            f'<desc id="{name}-d">{text(about)}</desc>{axes}{"".join(self.parts)}{self._legend(title)}</svg>'
        )

    def _legend(self, title: str) -> str:
        """First line of the picture: the quantity at the axis, then form and name of everything drawn."""
        parts = [f'<text x="{LEFT:g}" y="13"><tspan class="strong">{text(title)}</tspan></text>']
        x = LEFT + BOLD_LETTER * len(title) + 20.0
        for kind, name in self.names:
            shape = (
                f'<rect class="{kind}" x="{x:.1f}" y="4" width="16" height="9"/>'
                if kind.startswith(("allowed", "zone"))
                else f'<path class="{kind} thick" d="M{x:.1f},9H{x + 16:.1f}"/>'
            )
            parts.append(f'{shape}<text class="dim" x="{x + 20:.1f}" y="13">{text(name)}</text>')
            x += 20.0 + LETTER * len(name) + 14.0
        return "".join(parts)


def _marks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    values = ticks(low, high, count)
    step = values[1] - values[0] if len(values) > 1 else 1.0
    return [(value, label(value, step)) for value in values]


def readings_strip(finding: FindingLike) -> str:
    """All readings of a rule as marks on one line, with the limit: whether, and how, they disagree.

    A reading may have a limit of its own (a time that depends on how timers run).
    """
    readings = [r for r in finding.readings if r.get("value") is not None and math.isfinite(r["value"])]
    if len(readings) < 2 or finding.limit is None:
        return ""
    values = [float(reading["value"]) for reading in readings]
    limits = [float(reading.get("limit", finding.limit)) for reading in readings]
    low, high = min(*values, *limits, 0.0), max(*values, *limits)
    row, top, left, right = 16.0, 20.0, 400.0, WIDTH - 124.0
    height = top + row * len(readings) + 8.0

    def at(value: float) -> float:
        return left + (value - low) / ((high - low) or 1.0) * (right - left)

    parts = []
    for index, (reading, value, limit) in enumerate(zip(readings, values, limits, strict=True)):
        y, verdict = top + row * (index + 0.5), str(reading.get("verdict", ""))
        mark, kind = {"fail": ("✕", "bad"), "marginal": ("≈", "spot")}.get(verdict, ("✓", "good"))
        words = plain_name(str(reading.get("label", ""))) or "reading"
        whole = words if len(words) <= LONGEST_LABEL else f"{words[: LONGEST_LABEL - 1]}…"
        parts.append(
            f'<text x="{left - 10:g}" y="{y + 4:.1f}" text-anchor="end">{text(whole)}<title>{text(words)}'
            f'</title></text><path class="grid" d="M{left:g},{y:.1f}H{right:g}"/>'
            f'<path class="limit" d="M{at(limit):.1f},{y - 8:.1f}V{y + 8:.1f}"/>'
            f'<circle class="{kind}" cx="{at(value):.1f}" cy="{y:.1f}" r="4"/>'
            f'<text x="{right + 8:g}" y="{y + 4:.1f}">{mark} {text(amount(value, finding.unit))}</text>'
        )
    words = f"limit {amount(limits[0], finding.unit)}" if len(set(limits)) == 1 else "limits, each its own"
    parts.append(
        f'<text class="dim" x="{at(limits[0]):.1f}" y="12" text-anchor="middle">{text(words)}</text>'
    )
    return (
        f'<svg class="rule strip" viewBox="0 0 {WIDTH:g} {height:.0f}" role="img" '
        f'aria-label="{len(readings)} readings of the rule against its limit">{"".join(parts)}</svg>'
    )
