"""The self-contained HTML page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from wattkeel.jsonio import write_text
from wattkeel.report.data import Embedded, embed, merged
from wattkeel.report.excitation import excitation
from wattkeel.report.interface import ResultLike, StudyLike
from wattkeel.report.markup import (
    embedded_json,
    is_long,
    number,
    plain_name,
    quantity,
    scaling,
    table,
    text,
)
from wattkeel.report.moments import compliance_parts, day_of
from wattkeel.report.outcome import key_figures, outcome
from wattkeel.report.panels import Panel, build_panels
from wattkeel.report.parameters import parameter_tables, parameters, provenance_table
from wattkeel.report.sankey import sankey
from wattkeel.report.sections import (
    event_table,
    half_width_s,
    ledger_table,
    storage_table,
    verdict_table,
)
from wattkeel.report.series import Reader
from wattkeel.report.spectrum import BANDS, Reach, Spectrum, amplitude_spectrum, trace_reach
from wattkeel.report.still import panel_svg, spectrum_svg

#: Scripts of the page, in order.
SCRIPTS = ("levels.js", "charts.js", "spectrum.js", "main.js")
#: Most marks of events in the charts.
MARKS = 1_000

Spectra = list[tuple[str, int, Spectrum]]


def _asset(*path: str) -> str:
    return resources.files("wattkeel.report").joinpath(*path).read_text(encoding="utf-8")


def _spectra(result: ResultLike, measured: Reach | None) -> Spectra:
    signals = (("Site load", 1, "site.load_power_w"), ("Grid import (POI)", 0, "poi.power_w"))
    found = (
        (label, colour, amplitude_spectrum(Reader(result, name), measured)) for label, colour, name in signals
    )
    return [(label, colour, spectrum) for label, colour, spectrum in found if spectrum is not None]


def _spectrum_scale(spectra: Spectra) -> tuple[float, str]:
    return scaling(max((float(s.amplitude.max()) for _, _, s in spectra), default=0.0), "W")


def _spectrum_section(result: ResultLike, spectra: Spectra, measured: Reach | None) -> str:
    if not spectra:
        if not (Reader(result, "poi.power_w") or Reader(result, "site.load_power_w")):
            return "<p>Not recorded.</p>"
        why = "" if measured is None else f" ({text(measured.why)})"
        return f"<p>The record is too short for a spectrum{why}.</p>"
    factor, unit = _spectrum_scale(spectra)
    rows = []
    for low, high, name in BANDS:
        cells = [f"{low:g}–{high:g} Hz", text(name)]
        for _, _, spectrum in spectra:
            peak = spectrum.peak(low, high)
            if peak is None:
                cells.append(text(spectrum.why_none(low, high)))
            else:
                reach = f" ({text(spectrum.reach.why)})" if spectrum.reach.limit_hz < high else ""
                cells.append(f"{quantity(peak[1], 'W', digits=3)} at {number(peak[0], 3)} Hz{reach}")
        rows.append(cells)
    heads = ("Band", "Meaning", *(f"Largest line, {text(label)}" for label, _, _ in spectra))
    methods = "; ".join(f"{label}: {spectrum.method}" for label, _, spectrum in spectra)
    if len({spectrum.method for _, _, spectrum in spectra}) == 1:
        methods = f"Both: {spectra[0][2].method}" if len(spectra) > 1 else spectra[0][2].method
    return (
        f'<div id="spectrum" class="live chart"></div>{spectrum_svg(spectra, factor, unit, measured)}'
        f'<p class="hint">Amplitude is the peak of the sine, {unit}. {text(methods)}.</p>{table(heads, rows)}'
    )


def _marks(result: ResultLike) -> list[dict[str, Any]]:
    """Worst moments and events as marks of the charts, findings first."""
    marks: list[dict[str, Any]] = []
    for finding in result.findings:
        if finding.verdict in ("fail", "marginal") and finding.time_s is not None and finding.time_s >= 0:
            marks.append(
                {
                    "t": float(finding.time_s),
                    "end": None,
                    "half": half_width_s(finding),
                    "kind": finding.verdict,
                    "label": plain_name(finding.rule),
                }
            )
    spans = [(event.time_s, event.time_s + (event.duration_s or 0.0)) for event in result.events]
    if len(spans) > MARKS:  # what no screen could show apart is one mark
        gap_s = result.ticks * result.tick_s / MARKS
        spans = [(start, stop - gap_s) for start, stop in merged((a, b + gap_s) for a, b in spans)]
    marks.extend(
        {"t": start, "end": stop if stop > start else None, "kind": "event"} for start, stop in spans
    )
    return marks


def _payload(
    result: ResultLike,
    panels: Sequence[Panel],
    spectra: Spectra,
    data: Embedded,
    measured: Reach | None,
) -> dict[str, Any]:
    """What the scripts need, ready for JSON."""
    factor, unit = _spectrum_scale(spectra)
    curves = []
    for label, colour, spectrum in spectra:
        frequency_hz, amplitude = spectrum.shown()
        points = [
            [float(f"{f:.5g}"), float(f"{a * factor:.4g}")]
            for f, a in zip(frequency_hz, amplitude, strict=True)
        ]
        curves.append({"label": label, "colour": colour, "points": points})
    return {
        "tick": result.tick_s,
        "end": result.ticks * result.tick_s,
        "long": is_long(result),
        "series": data.series,
        "panels": [
            {
                "key": panel.key,
                "title": panel.title,
                "unit": panel.unit,
                "factor": panel.factor,
                "span": panel.smallest_span,
                "height": panel.height_px,
                "note": panel.note,
                "lines": [
                    {"name": line.name, "label": name, "colour": colour}
                    for line, name, colour in zip(panel.lines, panel.labels, panel.colours, strict=True)
                ],
            }
            for panel in panels
        ],
        "marks": _marks(result),
        "spectrum": {
            "unit": unit,
            "curves": curves,
            "bands": [list(band) for band in BANDS],
            "reach": None if measured is None else {"hz": measured.limit_hz, "why": measured.why},
        },
    }


def _banner(head: str, words: str) -> str:
    return f'<div class="banner" role="alert"><b>{text(head)}</b> {text(words)}</div>'


def _notices(result: ResultLike) -> str:
    """Banners of a run that was cut, failed or lacks files, and the warnings of the scenario."""
    parts = []
    if "failed" in result.manifest:
        parts.append(_banner("This run failed.", str(result.manifest["failed"])))
    lacks = ", ".join(result.missing)
    if not result.complete:
        reached_s = result.ticks * result.tick_s
        words = (
            f"It stopped at {number(reached_s, 6)} s of {number(result.duration_s, 6)} s. Everything below "
            "describes only what was recorded; no verdict holds for the whole run."
        )
        written_s = result.summary.get("duration_s", reached_s)
        if written_s < reached_s - 0.5 * result.tick_s:
            words += f" Energy and summary figures were last written at {number(written_s, 6)} s."
        parts.append(_banner("Incomplete run.", words + (f" Not recorded: {lacks}." if lacks else "")))
    elif lacks:
        words = f"The run was complete, but its directory lacks {lacks}; what they held is not shown."
        parts.append(_banner("Files are missing.", words))
    warnings = list(dict.fromkeys(result.scenario.warnings))
    if warnings:
        items = "".join(f"<li>{text(warning)}</li>" for warning in warnings)
        parts.append(f'<div class="warning" role="note"><b>Mind, about the inputs:</b><ul>{items}</ul></div>')
    return "".join(parts)


def _subtitle(result: ResultLike) -> str:
    manifest = result.manifest
    version = manifest.get("version", "")
    length = f"{number(result.duration_s, 6)} s"
    if not result.complete:
        length = f"{number(result.ticks * result.tick_s, 6)} s of {length}"
    parts = [
        f"wattkeel {version}".strip(),
        f"{length} in steps of {number(result.tick_s * 1e3, 4)} ms",
    ]
    for key in ("engine", "isa", "finished", "created"):
        if isinstance(manifest.get(key), str):
            parts.append(manifest[key].replace("T", " ").replace("+00:00", " UTC"))
    return text(" · ".join(parts))


def _compliance(result: ResultLike) -> str:
    """Verdicts: the matrix, the table, the worst moments drawn, and how firm the rules are."""
    verdicts = verdict_table(result)
    if "findings.json" in result.missing or not result.findings:
        return verdicts
    matrix, moments, standing = compliance_parts(result, result.findings, day_of(result.manifest))
    return (
        f"{matrix}<h3>Verdicts</h3>{verdicts}<h3>Worst moments</h3>{moments}"
        f"<h3>Standing of the rules</h3>{standing}"
    )


def _event_count(result: ResultLike) -> str:
    lost = "events.json" in result.missing or not (result.ticks or result.events)
    return "not recorded" if lost else str(sum(result.event_counts.values()))


def render(result: ResultLike, study: StudyLike | None = None) -> str:
    """Render the report of a run.

    Parameters
    ----------
    result : ResultLike
        The run, complete or not.
    study : StudyLike, optional
        Its screening for resonances, shown beside the spectrum.

    Returns
    -------
    str
        One HTML document without any outside resource, at most about 12 MB however long the run.
    """
    panels, measured = build_panels(result), trace_reach(result)
    spectra = _spectra(result, measured)
    data = embed(result, panels)
    tree = parameters(result)
    title = str(getattr(result.scenario.model, "title", "") or "wattkeel run")
    end_s = result.ticks * result.tick_s
    return Template(_asset("assets", "page.html")).substitute(
        title=text(title),
        subtitle=_subtitle(result),
        notices=_notices(result),
        outcome=text(outcome(result)),
        verdicts=_compliance(result),
        figures=key_figures(result),
        stills="".join(panel_svg(panel, end_s) for panel in panels) if end_s > 0 else "",
        resolution=text(data.note),
        spectrum=_spectrum_section(result, spectra, measured),
        excitation=excitation(study),
        events=event_table(result),
        event_count=_event_count(result),
        ledger=ledger_table(result),
        sankey=sankey(result.ledger),
        storage=storage_table(result),
        parameters=parameter_tables(tree),
        provenance=provenance_table(result),
        uplot_licence=text(_asset("vendor", "uplot", "LICENSE")),
        style=_asset("vendor", "uplot", "uPlot.min.css") + _asset("assets", "report.css"),
        data=embedded_json(_payload(result, panels, spectra, data, measured)),
        script="\n".join(
            [_asset("vendor", "uplot", "uPlot.iife.min.js"), *(_asset("assets", name) for name in SCRIPTS)]
        ),
    )


def write_report(result: ResultLike, path: str | Path, study: StudyLike | None = None) -> Path:
    """Write the report of a run to a file.

    Parameters
    ----------
    result : ResultLike
        The run, complete or not.
    path : str or Path
        File to write; its folder must exist.
    study : StudyLike, optional
        Screening for resonances, as `wattkeel.resonance.screen` gives it.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    target = Path(path)
    write_text(target, render(result, study))
    return target
