"""What the lines of the run may excite: response of the site, bands and modes, beside the spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wattkeel.report.interface import ReadingLike, ResponseLike, StudyLike
from wattkeel.report.markup import number, quantity, table, text
from wattkeel.report.still import BOTTOM, TOP, Frame, decades, legend, polyline, zone_svg

_HEIGHT = 210.0
_POINTS = 600
_DECADES = 3.0
_VERDICTS = {"exceeds": "✕ above limit", "within": "✓ within limit", "no_limit": "–", "not_seen": "not seen"}


def excitation(study: StudyLike | None) -> str:
    """Section below the spectrum; empty without a study.

    Parameters
    ----------
    study : StudyLike or None
        Screening of the run.
    """
    if study is None:
        return ""
    bands = [each for each in study.readings if math.isnan(each.mode_hz)]
    modes = [each for each in study.readings if not math.isnan(each.mode_hz)]
    parts = ["<h3>What the lines may excite</h3>"]
    if study.response is not None:
        parts.append(_response_svg(study.response, bands, modes))
        parts.append(
            '<p class="hint">Import over load of the site bus for small swings, by the linear parts of '
            "control, converters and grid; vertical lines are modes.</p>"
        )
    parts.append(_band_table(bands))
    if modes:
        parts.append(f"<details><summary>{len(modes)} modes</summary>{_mode_table(modes)}</details>")
    notes = "".join(f"<li>{text(note)}</li>" for note in study.notes)
    return "".join(parts) + f'<ul class="hint">{notes}</ul>'


def _response_svg(response: ResponseLike, bands: Sequence[ReadingLike], modes: Sequence[ReadingLike]) -> str:
    """Gain on log axes, with bands behind it and modes as lines; it shows with and without scripts."""
    pick = np.unique(np.linspace(0, len(response.frequency_hz) - 1, _POINTS).round().astype(int))
    frequency, gain = response.frequency_hz[pick], np.abs(response.power[pick])
    high = math.log10(max(float(gain.max()), 1e-12)) + 0.15
    low = max(math.log10(max(float(gain.min()), 1e-12)) - 0.1, high - _DECADES)
    frame = Frame(_HEIGHT, (math.log10(frequency[0]), math.log10(frequency[-1])), (low, high))
    parts = [
        zone_svg(frame, index, each.low_hz, each.high_hz, text(each.target))
        for index, each in enumerate(bands)
        if each.nature == "electromechanical"
    ]
    for each in modes:
        x = float(frame.at_x(math.log10(each.mode_hz)))
        if frame.x[0] <= math.log10(each.mode_hz) <= frame.x[1]:
            words = f"{text(each.target)} {number(each.mode_hz)} Hz"
            line = f"M{x:.1f},{TOP:g}V{_HEIGHT - BOTTOM:g}"
            parts.append(f'<path class="reach" opacity=".45" d="{line}"><title>{words}</title></path>')
    y = frame.at_y(np.maximum(np.log10(np.maximum(gain, 1e-300)), low))
    parts.append(f'<polyline class="l0" points="{polyline(frame.at_x(np.log10(frequency)), y)}"/>')
    parts.append(frame.axes(decades(*frame.x), decades(*frame.y), "frequency (Hz)"))
    parts.append(legend("Import over load (W/W)", []))
    return (
        f'<svg class="sankey" viewBox="0 0 900 {_HEIGHT:g}" role="img" '
        f'aria-label="Response of the import to a swing of the load">{"".join(parts)}</svg>'
    )


def _amplitude(power_w: float, frequency_hz: float) -> str:
    if math.isnan(power_w):
        return "–"
    return f"{quantity(power_w, 'W', digits=3)} at {number(frequency_hz, 4)} Hz"


def _limit(each: ReadingLike) -> str:
    limit = "" if math.isnan(each.limit_w) else f" ({quantity(each.limit_w, 'W', digits=3)})"
    return f"{_VERDICTS.get(each.verdict, each.verdict)}{limit}"


def _band_table(bands: Sequence[ReadingLike]) -> str:
    heads = ("Band", "Meaning", "Strongest line, load", "Strongest line, import", "Ratio", "Small signal")
    rows = [
        (
            f"{each.low_hz:g}–{each.high_hz:g} Hz",
            text(each.title),
            _amplitude(each.load_w, each.load_hz),
            _amplitude(each.import_w, each.import_hz),
            number(each.ratio, 3),
            number(each.gain, 3),
            "–" if math.isnan(each.import_share) else f"{100 * each.import_share:.1f} %",
            "–" if math.isnan(each.frequency_hz) else f"{number(1e3 * each.frequency_hz, 3)} mHz",
            _limit(each),
        )
        for each in bands
    ]
    return table((*heads, "Share of AC energy", "Frequency", "Limit"), rows)


def _mode_table(modes: Sequence[ReadingLike]) -> str:
    heads = ("Entry", "Mode", "Strongest line, import", "Distance", "Amplified", "Q", "Limit")
    rows = [
        (
            text(each.target),
            f"{number(each.mode_hz)} Hz",
            _amplitude(each.import_w, each.import_hz),
            "–" if math.isnan(each.distance_hz) else f"{number(each.distance_hz, 2)} Hz",
            number(each.amplification, 3),
            number(each.quality, 3),
            _limit(each),
        )
        for each in modes
    ]
    return table(heads, rows)
