"""Charts as plain SVG: for paper and for browsers without scripts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from wattkeel.report.interface import Array
from wattkeel.report.markup import LONG_RUN_S, text
from wattkeel.report.panels import Panel
from wattkeel.report.series import Band
from wattkeel.report.spectrum import BANDS, Reach, Spectrum

#: Most buckets that a still chart draws.
POINTS = 560
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 900.0, 62.0, 12.0, 20.0, 34.0
#: Width of a letter, generously; a label is placed before its width is known.
LETTER = 6.6
#: How far beyond the reach of measured inputs the axis of a spectrum goes, so that the mark stands inside.
BEYOND = 1.3


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) within a range."""
    if not high > low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def label(value: float, step: float) -> str:
    """A tick's value with as many decimals as the step needs."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:.{decimals}f}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Frame:
    """Area of a chart: maps values to the picture, and draws the axes."""

    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at_x(self, value: Array | float) -> Array:
        """Place of a value along the axis below."""
        share = (np.asarray(value) - self.x[0]) / (self.x[1] - self.x[0])
        return np.asarray(LEFT + share * (WIDTH - LEFT - RIGHT))

    def at_y(self, value: Array | float) -> Array:
        """Place of a value along the axis at the left."""
        share = (np.asarray(value) - self.y[0]) / (self.y[1] - self.y[0])
        return np.asarray(self.height - BOTTOM - share * (self.height - TOP - BOTTOM))

    def axes(self, x_marks: list[tuple[float, str]], y_marks: list[tuple[float, str]], x_name: str) -> str:
        """Grid and labels."""
        base, parts = self.height - BOTTOM, []
        for value, words in y_marks:
            y = float(self.at_y(value))
            parts.append(f'<path class="grid" d="M{LEFT:g},{y:.1f}H{WIDTH - RIGHT:g}"/>')
            if y < base - 7:  # in the corner it would touch the first label below
                parts.append(f'<text x="{LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
        free = -math.inf  # right end of the last label: the next is left out where it would touch it
        for value, words in x_marks:
            x, half = float(self.at_x(value)), LETTER * len(words) / 2.0
            parts.append(f'<path class="grid" d="M{x:.1f},{TOP:g}V{base:g}"/>')
            if x - half < free + LETTER:
                continue
            free, x = x + half, min(x, WIDTH - half)
            parts.append(f'<text x="{x:.1f}" y="{base + 14:g}" text-anchor="middle">{words}</text>')
        parts.append(
            f'<text x="{WIDTH - RIGHT:g}" y="{self.height - 4:g}" text-anchor="end">{text(x_name)}</text>'
        )
        return "".join(parts)


def polyline(x: Array, y: Array) -> str:
    """Points of a line for SVG."""
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def unbroken(values: Array) -> Iterator[slice]:
    """Stretches of finite values: a gap of a record is no line."""
    finite = np.isfinite(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]]).astype(np.int8)))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(first), int(stop))


def _band_svg(frame: Frame, band: Band, factor: float, colour: int) -> str:
    middles: Array = band.start_s + (np.arange(len(band), dtype=np.float64) + 0.5) * band.period_s
    x = frame.at_x(middles)
    low, mean, high = (frame.at_y(factor * v) for v in (band.minimum, band.mean, band.maximum))
    parts = []
    for part in unbroken(band.mean):
        hull = f"{polyline(x[part], high[part])} {polyline(x[part][::-1], low[part][::-1])}"
        parts.append(
            f'<polygon class="f{colour}" points="{hull}"/><polyline class="l{colour}" '
            f'points="{polyline(x[part], mean[part])}"/>'
        )
    return "".join(parts)


def legend(title: str, names: Iterable[tuple[str, int]]) -> str:
    """First line of a chart: what it shows, and the name of each line in its colour."""
    keys = "".join(f'<tspan class="t{colour}" dx="14">■ {text(name)}</tspan>' for name, colour in names)
    return f'<text x="{LEFT:g}" y="13"><tspan class="strong">{text(title)}</tspan>{keys}</text>'


def panel_svg(panel: Panel, end_s: float) -> str:
    """One panel over the whole run: bands of minimum and maximum, lines of the mean."""
    bands = [reader.about(POINTS) for reader in panel.lines]
    low = panel.factor * min(float(np.nanmin(band.minimum)) for band in bands)
    high = panel.factor * max(float(np.nanmax(band.maximum)) for band in bands)
    pad = max(0.06 * (high - low), (panel.smallest_span - (high - low)) / 2, 1e-12)
    frame = Frame(panel.height_px * 0.72 + 40.0, (0.0, end_s), (low - pad, high + pad))
    y_values = ticks(*frame.y, 4)
    step = y_values[1] - y_values[0] if len(y_values) > 1 else 1.0
    unit_s, unit = (3600.0, "h") if end_s > 7200 else (60.0, "min") if end_s > LONG_RUN_S else (1.0, "s")
    x_values = ticks(0.0, end_s / unit_s, 8)
    x_step = x_values[1] - x_values[0] if len(x_values) > 1 else 1.0
    axes = frame.axes(
        [(v * unit_s, label(v, x_step)) for v in x_values],
        [(v, label(v, step)) for v in y_values],
        f"time ({unit})",
    )
    lines = "".join(
        _band_svg(frame, band, panel.factor, colour)
        for band, colour in zip(bands, panel.colours, strict=True)
    )
    alone = len(panel.lines) == 1 and panel.labels[0] == panel.title
    head_line = legend(
        f"{panel.title} ({panel.unit})", [] if alone else zip(panel.labels, panel.colours, strict=True)
    )
    head = (
        f'<svg class="still" viewBox="0 0 {WIDTH:g} {frame.height:.0f}" role="img" '
        f'aria-label="{text(panel.title)}">'
    )
    return f"{head}{axes}{lines}{head_line}</svg>"


def decades(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten within a range of logarithms, with their texts."""
    return [(float(k), f"{10.0**k:g}") for k in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]


def zone_svg(frame: Frame, index: int, first_hz: float, last_hz: float, name: str) -> str:
    """A named band behind the curves; its label stays inside the chart."""
    at = (float(frame.at_x(math.log10(hz))) for hz in (first_hz, last_hz))
    x0, x1 = (min(max(x, LEFT), WIDTH - RIGHT) for x in at)
    if x1 <= x0:
        return ""
    words = f"{first_hz:g}–{last_hz:g} Hz {name}"
    fits = x0 + 3 + LETTER * len(words) < WIDTH - RIGHT
    x, anchor = (x0 + 3, "start") if fits else (WIDTH - RIGHT - 3, "end")
    return (
        f'<rect class="zone" x="{x0:.1f}" y="{TOP:g}" width="{x1 - x0:.1f}" '
        f'height="{frame.height - TOP - BOTTOM:g}"/>'
        f'<text class="dim" x="{x:.1f}" y="{TOP + 11 + 12 * index:g}" text-anchor="{anchor}">{words}</text>'
    )


def _reach_svg(frame: Frame, measured: Reach) -> str:
    """A line where the measured inputs end, with the reason."""
    x = float(frame.at_x(math.log10(measured.limit_hz)))
    if not LEFT <= x <= WIDTH - RIGHT:
        return ""
    return (
        f'<path class="reach" d="M{x:.1f},{TOP:g}V{frame.height - BOTTOM:g}"/>'
        f'<text class="dim" x="{x - 4:.1f}" y="{frame.height - BOTTOM - 6:g}" text-anchor="end">'
        f"{text(measured.why)}</text>"
    )


def spectrum_svg(
    spectra: Sequence[tuple[str, int, Spectrum]], factor: float, unit: str, measured: Reach | None = None
) -> str:
    """Spectra on log axes, with the named bands; each spectrum is (name, colour, spectrum)."""
    log: Callable[[Array], Array] = np.log10
    curves = [(name, colour, *spectrum.shown(500)) for name, colour, spectrum in spectra]
    top = max(float((factor * amplitude).max()) for *_, amplitude in curves)
    if not top > 0:
        return ""
    high = math.log10(top) + 0.2
    lowest, highest = min(float(f[0]) for *_, f, _ in curves), max(float(f[-1]) for *_, f, _ in curves)
    if measured is not None and highest <= measured.limit_hz * (1.0 + 1e-9):
        highest = max(highest, BEYOND * measured.limit_hz)
    frame = Frame(270.0, (math.log10(lowest), math.log10(highest)), (high - 6.0, high))
    parts = [zone_svg(frame, index, *band) for index, band in enumerate(BANDS[:2])]
    if measured is not None:
        parts.append(_reach_svg(frame, measured))
    for _, colour, frequency_hz, amplitude in curves:
        y = np.maximum(log(np.maximum(factor * amplitude, 1e-300)), frame.y[0])
        points = polyline(frame.at_x(log(frequency_hz)), frame.at_y(y))
        parts.append(f'<polyline class="l{colour}" points="{points}"/>')
    parts.append(frame.axes(decades(*frame.x), decades(*frame.y), "frequency (Hz)"))
    parts.append(legend(f"Amplitude ({unit})", [(name, colour) for name, colour, *_ in curves]))
    head = (
        f'<svg class="still" viewBox="0 0 {WIDTH:g} 270" role="img" aria-label="Spectrum of '
        'the active power">'
    )
    return f"{head}{''.join(parts)}</svg>"


def sparkline(band: Band, width: int = 260, height: int = 42) -> str:
    """A small picture of one signal, without axes; colours follow the text around it."""
    low, high = float(np.nanmin(band.minimum)), float(np.nanmax(band.maximum))
    size = (high - low) or 1.0
    x = (np.arange(len(band)) + 0.5) / len(band) * width
    top, mean, bottom = (
        2 + (height - 4) * (1 - (v - low) / size) for v in (band.maximum, band.mean, band.minimum)
    )
    hull = f"{polyline(x, np.asarray(top))} {polyline(x[::-1], np.asarray(bottom)[::-1])}"
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="course over the run">'
        f'<polygon points="{hull}" fill="#2563eb" fill-opacity="0.25"/>'
        f'<polyline points="{polyline(x, np.asarray(mean))}" fill="none" stroke="#2563eb" '
        'stroke-width="1"/></svg>'
    )
