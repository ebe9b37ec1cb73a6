"""The map of stability as SVG: one picture a load level, colours with a letter each, the site's own point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from wattkeel.qualify.envelope import Envelope, MapPoint, State
from wattkeel.report.markup import number, text

__all__ = ["COLOURS", "map_svg"]

COLOURS: dict[State, tuple[str, str, str]] = {
    "stable": ("#cfe8d5", "S", "stable"),
    "marginal": ("#fbe3a6", "M", "marginal"),
    "unstable": ("#f2b8a8", "U", "unstable"),
    "no_solution": ("#c9ccd3", "N", "no solution"),
}
"""Fill, letter and word of each state: distinct without colours too."""

WIDTH, HEIGHT = 620.0, 470.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 58.0, 52.0
SMALLEST_CELL = 30.0
"""Width of a cell, px, from which its margin is written into it."""
_FONT = 'font-family="system-ui, sans-serif"'


def map_svg(found: Envelope, load_pu: float) -> str:
    """Draw one load level.

    Parameters
    ----------
    found : Envelope
        The map.
    load_pu : float
        Level, one of ``found.load_pu``.

    Returns
    -------
    str
        An SVG element that stands alone.
    """
    x_edges, y_edges = _edges(found.scr), _edges(found.x_over_r)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" '
        f'height="{HEIGHT:g}" role="img" aria-label="Stability at {100 * load_pu:g} % load" {_FONT} '
        'font-size="12" fill="#1f2430">',
        f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#ffffff"/>',
        f'<text x="{LEFT:g}" y="18" font-weight="600" font-size="14">Load {100 * load_pu:g} % of the '
        "site's largest</text>",
        _legend(found.level(load_pu)),
    ]
    for point in found.level(load_pu):
        parts.append(_cell(point, found, x_edges, y_edges))
    parts.append(_axes(found, x_edges, y_edges))
    if found.own is not None:
        parts.append(_own(found.own, x_edges, y_edges))
    return "".join(parts) + "</svg>"


def _edges(values: Sequence[float]) -> list[float]:
    """Borders of the cells in the logarithm: midway between points."""
    logs = [math.log(value) for value in values]
    if len(logs) == 1:
        return [logs[0] - 0.5, logs[0] + 0.5]
    middles = [0.5 * (a + b) for a, b in pairwise(logs)]
    return [2.0 * logs[0] - middles[0], *middles, 2.0 * logs[-1] - middles[-1]]


def _x(value: float, edges: Sequence[float]) -> float:
    return LEFT + (value - edges[0]) / (edges[-1] - edges[0]) * (WIDTH - LEFT - RIGHT)


def _y(value: float, edges: Sequence[float]) -> float:
    return HEIGHT - BOTTOM - (value - edges[0]) / (edges[-1] - edges[0]) * (HEIGHT - TOP - BOTTOM)


def _cell(point: MapPoint, found: Envelope, x_edges: list[float], y_edges: list[float]) -> str:
    column, row = found.scr.index(point.scr), found.x_over_r.index(point.x_over_r)
    x0, x1 = _x(x_edges[column], x_edges), _x(x_edges[column + 1], x_edges)
    y0, y1 = _y(y_edges[row + 1], y_edges), _y(y_edges[row], y_edges)
    fill, letter, word = COLOURS[point.state]
    told = (
        f"SCR {point.scr:g}, X/R {point.x_over_r:g}: {word}"
        + (f" ({point.reason})" if point.reason else "")
        + f"; margin {number(point.margin, 3)}, collapse margin {number(point.collapse_margin, 3)}"
    )
    middle = 0.5 * (x0 + x1)
    label = f'<text x="{middle:.1f}" y="{0.5 * (y0 + y1) + 1:.1f}" text-anchor="middle">{letter}</text>'
    if x1 - x0 >= SMALLEST_CELL and y1 - y0 >= SMALLEST_CELL and math.isfinite(point.margin):
        label += (
            f'<text x="{middle:.1f}" y="{0.5 * (y0 + y1) + 13:.1f}" text-anchor="middle" font-size="9" '
            f'fill="#4a5160">{point.margin:.2f}</text>'
        )
    return (
        f'<g><title>{text(told)}</title><rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" '
        f'height="{y1 - y0:.1f}" fill="{fill}" stroke="#ffffff"/>{label}</g>'
    )


def _legend(points: Sequence[MapPoint]) -> str:
    parts, x = [], LEFT
    for state, (fill, letter, word) in COLOURS.items():
        count = sum(point.state == state for point in points)
        words = f"{letter} {word} ({count})"
        parts.append(
            f'<rect x="{x:.0f}" y="30" width="14" height="14" fill="{fill}"/>'
            f'<text x="{x + 20:.0f}" y="42">{words}</text>'
        )
        x += 34.0 + 6.6 * len(words)
    return "".join(parts)


def _axes(found: Envelope, x_edges: list[float], y_edges: list[float]) -> str:
    base, parts, free = HEIGHT - BOTTOM, [], -math.inf
    for value in found.scr:
        x, words = _x(math.log(value), x_edges), f"{value:.3g}"
        if x - 3.6 * len(words) < free:
            continue
        free = x + 3.6 * len(words) + 6.0
        parts.append(f'<text x="{x:.1f}" y="{base + 16:g}" text-anchor="middle">{words}</text>')
    above = math.inf
    for value in found.x_over_r:
        y = _y(math.log(value), y_edges)
        if y > above - 14.0:
            continue
        above = y
        parts.append(f'<text x="{LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    middle_y = 0.5 * (TOP + base)
    parts.append(
        f'<text x="{0.5 * (LEFT + WIDTH - RIGHT):g}" y="{HEIGHT - 12:g}" text-anchor="middle">'
        "short-circuit ratio (small number: modulus margin of the loops)</text>"
        f'<text x="16" y="{middle_y:g}" text-anchor="middle" transform="rotate(-90 16 {middle_y:g})">'
        "X/R of the source</text>"
    )
    return "".join(parts)


def _own(own: tuple[float, float], x_edges: list[float], y_edges: list[float]) -> str:
    """A ring at the SCR and X/R of the user's grid, where they lie on the map."""
    at = (math.log(own[0]), math.log(own[1]))
    if not (x_edges[0] <= at[0] <= x_edges[-1] and y_edges[0] <= at[1] <= y_edges[-1]):
        return ""
    x, y = _x(at[0], x_edges), _y(at[1], y_edges)
    return (
        f"<g><title>this site: SCR {own[0]:g}, X/R {own[1]:g}</title>"
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="13" fill="none" stroke="#1f2430" stroke-width="2"/></g>'
        f'<text x="{WIDTH - RIGHT:g}" y="18" text-anchor="end" font-size="11">○ this site</text>'
    )
