"""The evidence as one page that needs no network: verdicts, requirement table, tests with charts, map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.qualify.map_svg import map_svg
from wattkeel.qualify.outcome import Chart, TestOutcome
from wattkeel.report.markup import number, table, text
from wattkeel.report.still import LEFT, WIDTH, Frame, label, legend, polyline, ticks

if TYPE_CHECKING:
    from wattkeel.qualify.suite import Qualification

__all__ = ["page"]

Floats = NDArray[np.float64]

POINTS = 560
HEIGHT = 190.0
WORDS = {
    "pass": "✓ pass",
    "fail": "✕ fail",
    "marginal": "≈ marginal",
    "not_evaluated": "– not evaluated",
    "emt_required": "– EMT required",
}
_STYLE = """
:root{--ink:#1f2430;--dim:#5c6370;--rule:#d9dce3;--c0:#2563eb;--c1:#c2410c}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:24px;color:var(--ink);
font:15px/1.45 system-ui,sans-serif}h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 8px}
h3{font-size:15px;margin:20px 0 6px}p,ul{margin:6px 0}small,.hint{color:var(--dim);font-size:13px}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;vertical-align:top;
padding:5px 8px;border-bottom:1px solid var(--rule)}td.n,th.n{text-align:right;white-space:nowrap}
.scroll{overflow-x:auto}
.req td:nth-child(3){min-width:300px}.req td:first-child{white-space:nowrap}
.v{font-weight:600;white-space:nowrap}.v-pass{color:#15803d}.v-fail{color:#b91c1c}
.v-marginal{color:#a16207}.v-not_evaluated,.v-emt_required{color:#5c6370}
svg.still{width:100%;height:auto;font:11px system-ui,sans-serif;fill:var(--ink)}svg .grid{stroke:var(--rule)}
svg .l0,svg .l1{fill:none;stroke-width:1.3}svg .l0{stroke:var(--c0)}svg .l1{stroke:var(--c1)}
svg .f0,svg .f1{stroke:none;opacity:.22}svg .f0,svg .t0{fill:var(--c0)}svg .f1,svg .t1{fill:var(--c1)}
svg .strong{font-weight:600}.maps{display:flex;flex-wrap:wrap;gap:12px}.maps svg{max-width:100%;height:auto}
@media print{body{max-width:none;padding:0}h2{break-after:avoid}svg{break-inside:avoid}}
"""


def page(found: Qualification, rows: Sequence[dict[str, Any]]) -> str:
    """Write the page.

    Parameters
    ----------
    found : Qualification
    rows : sequence of dict
        Requirement table.
    """
    title = found.scenario.model.title or "Battery system"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{text(title)}: self-qualification</title><style>{_STYLE}</style></head><body>",
        f"<h1>{text(title)}</h1>",
        _head(found),
        _tests(found),
        "<h2>Requirement table</h2>",
        _requirements(rows),
    ]
    if found.stability is not None:
        parts.append(_map(found))
    parts.append("<h2>Tests</h2>")
    parts += [_test(outcome) for outcome in found.outcomes if outcome.criteria]
    return "".join(parts) + "</body></html>\n"


def _head(found: Qualification) -> str:
    source = found.source
    boundary = source.facts.get("boundary", {})
    excluded = ", ".join(boundary.get("excluded_v1_0", []))
    return (
        f"<p>{text(source.title)}, {text(source.document)}, {text(source.date)} ({text(source.status)}). "
        f"Unit under test: {text(found.unit)}. Verdict of these tests: {_verdict(found.verdict)}.</p>"
        '<p class="hint">Test 1 and the start of Test 2 were read in v1.0; all other numbers come from '
        "third-party programs written against v0.4 and may have changed. What an RMS engine cannot decide is "
        "never a pass. Passing does not imply "
        f"{text(boundary.get('does_not_imply', 'site-level stability'))}. Outside the guideline: "
        f"{text(excluded)}.</p>"
    )


def _verdict(verdict: str) -> str:
    return f'<span class="v v-{text(verdict)}">{text(WORDS[verdict])}</span>'


def _tests(found: Qualification) -> str:
    rows = [
        (
            str(outcome.test.number),
            text(outcome.test.name),
            text(outcome.test.requirement_id),
            _verdict(outcome.verdict),
            text(outcome.summary),
            text(outcome.test.standing),
            f"<small>{text(outcome.test.method_note)}</small>",
        )
        for outcome in found.outcomes
    ]
    heads = ("#", "Test", "Requirement", "Verdict", "Criteria", "Numbers from", "Method")
    return "<h2>Verdicts</h2>" + table(heads, rows, numeric=(0,))


def _requirements(rows: Sequence[dict[str, Any]]) -> str:
    cells = [
        (
            text(row["requirement_id"]),
            text(row["item"].replace("_", " ")),
            f"{text(row['description'])}<small><br>{text(row['method'])}"
            f"{'. ' if row['method'] else ''}{text(row['note'])}</small>",
            f'<span class="v v-{text(row["verdict"])}">{text(row["partner_response"])}</span>',
            f"{number(row['value'])} {text(row['unit'])}",
            f"{number(row['limit'])} {text(row['unit'])}" if row["limit"] is not None else "–",
            f"v{text(row['guideline_version'])}<br><small>"
            f"{text(row['evidence_of_criterion'].replace('_', ' '))}</small>"
            if row["guideline_version"]
            else "–",
            _file(row["evidence_file"]),
        )
        for row in rows
    ]
    heads = ("Requirement", "Item", "Description", "Answer", "Value", "Limit", "Version", "Evidence")
    return table(heads, cells, numeric=(4, 5), kind="req")


def _file(name: str) -> str:
    return f'<a href="{text(name)}">{text(name.rpartition("/")[2])}</a>' if name else "–"


def _map(found: Qualification) -> str:
    stability = found.stability
    assert stability is not None
    counts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in stability.counts().items())
    pictures = "".join(map_svg(stability, load_pu) for load_pu in stability.load_pu)
    notes = "".join(f"<li>{text(note)}</li>" for note in stability.notes)
    return (
        "<h2>Stability over SCR, X/R and load</h2>"
        f"<p>{stability.runs} runs of the engine in {stability.wall_s:.1f} s: {text(counts)}.</p>"
        f'<div class="maps">{pictures}</div><ul class="hint">{notes}</ul>'
    )


def _test(outcome: TestOutcome) -> str:
    test = outcome.test
    notes = "".join(f"<li>{text(note)}</li>" for note in outcome.notes)
    charts = "".join(_chart(outcome, chart) for chart in outcome.charts)
    return (
        f"<h3>Test {test.number}: {text(test.name)} — {_verdict(outcome.verdict)}</h3>"
        f'<p class="hint">{text(test.standing)}; {text(outcome.summary)}; {outcome.wall_s:.2f} s</p>'
        f'<ul class="hint">{notes}</ul>{charts}'
    )


def _buckets(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Minimum, mean and maximum of at most `POINTS` buckets."""
    every = max(1, -(-values.size // POINTS))
    edges = np.arange(0, values.size, every)
    sizes = np.diff(np.append(edges, values.size))
    mean = np.add.reduceat(values, edges) / sizes
    return np.minimum.reduceat(values, edges), mean, np.maximum.reduceat(values, edges)


def _chart(outcome: TestOutcome, chart: Chart) -> str:
    """Bands of minimum and maximum, lines of the mean, over the time of a test."""
    columns = next((series.columns for series in outcome.series), {})
    lines = [
        (name, np.nan_to_num(columns[key]) * chart.factor) for name, key in chart.lines if key in columns
    ]
    if not lines:
        return ""
    time = columns["time_s"]
    first = 0
    if chart.unit == "Hz":  # a dark bus has none: the axis begins where it is lit
        first = int(np.argmax(lines[0][1] > 0.0))
        lines = [(name, values[first:]) for name, values in lines]
    bands = [(name, *_buckets(values)) for name, values in lines]
    low, high = min(float(band[1].min()) for band in bands), max(float(band[3].max()) for band in bands)
    pad = max(0.06 * (high - low), 1e-3 * max(abs(low), abs(high)), 1e-9)
    end_s = float(time[-1])
    unit_s, unit = (3600.0, "h") if end_s > 7200.0 else (1.0, "s")
    frame = Frame(HEIGHT, (0.0, max(end_s, 1e-9)), (low - pad, high + pad))
    x_values, y_values = ticks(0.0, end_s / unit_s, 8), ticks(low - pad, high + pad, 4)
    x_step = x_values[1] - x_values[0] if len(x_values) > 1 else 1.0
    y_step = y_values[1] - y_values[0] if len(y_values) > 1 else 1.0
    parts = [
        frame.axes(
            [(value * unit_s, label(value, x_step)) for value in x_values],
            [(value, label(value, y_step)) for value in y_values],
            f"time ({unit})",
        )
    ]
    for colour, (_, least, mean, most) in enumerate(bands):
        x = frame.at_x(np.linspace(float(time[first]), end_s, least.size))
        hull = f"{polyline(x, frame.at_y(most))} {polyline(x[::-1], frame.at_y(least)[::-1])}"
        parts.append(f'<polygon class="f{colour}" points="{hull}"/>')
        parts.append(f'<polyline class="l{colour}" points="{polyline(x, frame.at_y(mean))}"/>')
    named = [(name, colour) for colour, (name, *_) in enumerate(bands)]
    heading = f"{chart.title} ({chart.unit})" if chart.unit else chart.title
    parts.append(legend(heading, named if len(named) > 1 else []))
    return (
        f'<svg class="still" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="{text(chart.title)}" data-left="{LEFT:g}">{"".join(parts)}</svg>'
    )
