"""Picture of a capability: voltage over time, as ride-through curves are drawn, with every run in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from wattkeel.interconnection.staying import COUNTED
from wattkeel.report.markup import text
from wattkeel.report.still import LEFT, WIDTH, Frame, decades, label, polyline, ticks

if TYPE_CHECKING:
    from wattkeel.interconnection.capability import Capability, Point

__all__ = ["draw"]

HEIGHT = 420.0
#: Shortest time that is drawn: the axis is logarithmic.
_LEAST_S = 0.01
_STYLE = """
svg.capability{font:12px system-ui,sans-serif;background:#fff;fill:#374151}
svg.capability .strong{font-weight:600}
svg.capability .grid{stroke:#e5e7eb;fill:none}
svg.capability .asked{fill:#fecaca;fill-opacity:.75}
svg.capability .edge{stroke:#b91c1c;fill:none;stroke-width:1.6}
svg.capability .worst{stroke:#1d4ed8;fill:none;stroke-width:2.2}
svg.capability .best{stroke:#1d4ed8;fill:none;stroke-width:1.2;stroke-dasharray:5 4}
svg.capability .rode{fill:#0f766e}
svg.capability .back{fill:none;stroke:#b45309;stroke-width:1.4}
svg.capability .left{stroke:#b91c1c;fill:none;stroke-width:1.4}
svg.capability .small{font-size:11px;fill:#4b5563}
""".replace("\n", "")


def draw(study: Capability) -> str:
    """SVG of a capability, complete in itself."""
    frame = _frame(study)
    y_values = ticks(frame.y[0], frame.y[1], 6)
    axes = frame.axes(
        decades(*frame.x), [(value, label(value, 0.1)) for value in y_values if value >= 0.0], "duration (s)"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="capability" viewBox="0 0 {WIDTH:g} {HEIGHT + 42:g}" '
        f'role="img" aria-label="{text(_title(study))}"><style>{_STYLE}</style>',
        _asked(study, frame),
        axes,
        *(_marks(study, frame)),
        _lines(study, frame),
        _head(study),
        _key(),
        f'<text class="small" x="{LEFT:g}" y="{HEIGHT + 36:g}">{text(_foot(study))}</text>',
        "</svg>",
    ]
    return "".join(parts)


def _title(study: Capability) -> str:
    return f"{study.title or 'site'}: ride-through against {study.profile}"


def _frame(study: Capability) -> Frame:
    times = [row[2] for row in study.tried] or [1.0]
    asked = [time_s for row in study.curve for time_s in row["required_s"].values() if math.isfinite(time_s)]
    longest = max([*times, *asked, 0.1])
    levels = [row[0] for row in study.tried] + [row["high_pu"] for row in study.curve if row["high_pu"] < 2.0]
    high = max([1.15, *levels]) + 0.05
    return Frame(HEIGHT, (math.log10(_LEAST_S), math.log10(longest * 1.3)), (-0.05, high))


def _x(frame: Frame, time_s: float) -> float:
    """Place of a time; what is shorter or longer than the axis stands at its end."""
    shown = math.log10(max(time_s, _LEAST_S)) if math.isfinite(time_s) else frame.x[1]
    return float(frame.at_x(min(max(shown, frame.x[0]), frame.x[1])))


def _asked(study: Capability, frame: Frame) -> str:
    """Area in which the site has to stay connected, by the reading that asks for most."""
    parts = []
    for row in study.curve:
        times = list(row["required_s"].values())
        if not times or max(times) <= 0.0:
            continue
        top, low = float(frame.at_y(min(row["high_pu"], frame.y[1]))), float(frame.at_y(row["low_pu"]))
        right, first = _x(frame, max(times)), _x(frame, min(times))
        parts.append(
            f'<rect class="asked" x="{LEFT:g}" y="{top:.1f}" width="{right - LEFT:.1f}" '
            f'height="{low - top:.1f}"/><path class="edge" d="M{right:.1f},{top:.1f}V{low:.1f}"/>'
        )
        if first < right:
            parts.append(f'<path class="edge" stroke-dasharray="3 3" d="M{first:.1f},{top:.1f}V{low:.1f}"/>')
    return "".join(parts)


def _marks(study: Capability, frame: Frame) -> list[str]:
    """Every run: connected, away for a moment but back in time, or not."""
    parts = []
    for voltage, _, duration_s, whole, back in sorted(set(study.tried)):
        x, y = _x(frame, duration_s), float(frame.at_y(voltage))
        if whole:
            parts.append(f'<circle class="rode" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>')
        elif back:
            parts.append(f'<circle class="back" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>')
        else:
            parts.append(f'<path class="left" d="M{x - 3:.1f},{y - 3:.1f}l6,6m0,-6l-6,6"/>')
    return parts


def _lines(study: Capability, frame: Frame) -> str:
    """Capability without interruption, of the worst moment and of the best."""
    parts = []
    for under in (True, False):
        levels = sorted({p.voltage_pu for p in study.points if (p.voltage_pu < 1.0) == under})
        if not levels:
            continue
        for name, pick in (("worst", min), ("best", max)):
            times = [
                pick(_reach(point) for point in study.points if point.voltage_pu == level) for level in levels
            ]
            x = np.array([_x(frame, value) for value in times])
            y = np.asarray(frame.at_y(np.array(levels)))
            parts.append(f'<polyline class="{name}" points="{polyline(x, y)}"/>')
    return "".join(parts)


def _reach(point: Point) -> float:
    return point.longest_s[COUNTED]


def _head(study: Capability) -> str:
    return (
        f'<text x="{LEFT:g}" y="13"><tspan class="strong">{text(_title(study))}</tspan>'
        '<tspan class="small" dx="10">voltage (pu) over duration</tspan></text>'
    )


def _key() -> str:
    y = HEIGHT + 16
    entries = (
        ('<rect class="asked" x="0" y="-9" width="16" height="10"/>', "must stay connected"),
        ('<path class="worst" d="M0,-4h18"/>', "capability, worst moment"),
        ('<path class="best" d="M0,-4h18"/>', "best moment"),
        ('<circle class="rode" cx="8" cy="-4" r="2.6"/>', "connected"),
        ('<circle class="back" cx="8" cy="-4" r="3.2"/>', "away, back in time"),
        ('<path class="left" d="M5,-7l6,6m0,-6l-6,6"/>', "left"),
    )
    parts, x = [], LEFT
    for mark, words in entries:
        parts.append(f'<g transform="translate({x:g},{y:g})">{mark}<text x="22" y="0">{words}</text></g>')
        x += 34.0 + 6.6 * len(words)
    return "".join(parts)


def _foot(study: Capability) -> str:
    return f"{study.statement().partition(', took')[0]}. A line that ends at the last run may go further."
