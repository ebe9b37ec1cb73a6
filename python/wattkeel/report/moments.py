"""Compliance beyond the table of verdicts: matrix, worst moments drawn, standing of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from wattkeel.report.drawing import Drawing, identity, readings_strip
from wattkeel.report.grid_drawings import recovery, ride_through
from wattkeel.report.interface import FindingLike, SourceLike
from wattkeel.report.markup import number, plain_name, text
from wattkeel.report.matrix import matrix_table
from wattkeel.report.outcome import UNJUDGED
from wattkeel.report.power_drawings import band_of, change, demand, line, percentile, spectrum, worst_label
from wattkeel.report.sections import VERDICTS
from wattkeel.report.standing import standing_table
from wattkeel.standing import standing

__all__ = ["DRAWINGS", "compliance_parts", "day_of", "draw"]

#: Most drawings of a page; what is beyond is listed.
DRAWINGS = 40
#: Verdicts that are drawn, in this order; those that pass are folded.
DRAWN = ("fail", "marginal", "pass")

Draw = Callable[[SourceLike, FindingLike], Drawing | None]


def draw(source: SourceLike, finding: FindingLike) -> Drawing | None:
    """The worst moment of a finding with its limit on it; None where the record shows nothing of it."""
    fast = getattr(source, "banded", None)
    seen = source if fast is None or band_of(finding) is None else fast
    return _drawing_of(finding)(seen, finding)


def _drawing_of(finding: FindingLike) -> Draw:
    block = finding.block
    if "curve" in finding.details:
        return ride_through
    if block in ("recovery", "recovery_level"):
        return recovery
    if block == "ramp" and finding.time_s is None:
        return percentile
    if block in ("band_power", "oscillation"):
        return spectrum
    if block in ("ramp", "power_variation", "dynamic_range", "rocof"):
        return change
    return demand if block == "demand" else line


def day_of(manifest: Mapping[str, Any]) -> date:
    """Day of a run, to which the ages of the rules refer: that of its manifest, else today."""
    for key in ("finished", "created"):
        value = manifest.get(key)
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value).date()
            except ValueError:
                continue
    return datetime.now(UTC).date()


def compliance_parts(source: SourceLike, findings: Sequence[FindingLike], on: date) -> tuple[str, str, str]:
    """Matrix, drawings and standing of the rules, as markup.

    Parameters
    ----------
    source : SourceLike
        What was judged.
    findings : sequence of FindingLike
        At least one.
    on : date
        Day to which the ages of the rules refer.

    Returns
    -------
    tuple of str
        Matrix; worst moments; standing of the documents.
    """
    order = sorted(
        (finding for finding in findings if finding.verdict in DRAWN),
        key=lambda finding: (
            DRAWN.index(finding.verdict),
            finding.margin if finding.margin is not None else 0.0,
        ),
    )
    figures: list[tuple[FindingLike, str]] = []
    left_out: list[FindingLike] = []
    for finding in order:
        drawing = draw(source, finding) if len(figures) < DRAWINGS else None
        if drawing is None:
            left_out.append(finding)
        else:
            figures.append((finding, _figure(finding, drawing)))
    drawn = frozenset(identity(finding) for finding, _ in figures)
    standings = {f.profile: standing(f.status) for f in findings}
    matrix = matrix_table(findings, standings, drawn)
    return matrix, _moments(figures, left_out) + _unjudged(findings), standing_table(findings, on)


def _figure(finding: FindingLike, drawing: Drawing) -> str:
    """A drawing with its verdict, and all readings where there are several."""
    _, word = VERDICTS[finding.verdict]
    margin = "" if finding.margin is None else f", margin {number(100.0 * finding.margin, 3)} %"
    strip = readings_strip(finding)
    remedy = (
        f'<p class="remedy"><b>What would mend it:</b> {text(finding.remedy)}</p>' if finding.remedy else ""
    )
    return (
        f'<figure class="moment v-{text(finding.verdict)}" id="{identity(finding)}"><h4>'
        f'<span class="verdict">{text(word)}</span> {text(plain_name(finding.rule))} '
        f"<small>{text(finding.profile)}{margin}</small></h4>"
        f"{drawing.svg}{strip}<figcaption>{text(drawing.caption)}</figcaption>{remedy}</figure>"
    )


def _moments(figures: Sequence[tuple[FindingLike, str]], left_out: Sequence[FindingLike]) -> str:
    open_parts = "".join(markup for finding, markup in figures if finding.verdict != "pass")
    passed = [markup for finding, markup in figures if finding.verdict == "pass"]
    parts = [open_parts or "<p>No rule is violated or marginal.</p>"]
    if passed:
        noun = "rule that is met" if len(passed) == 1 else "rules that are met"
        parts.append(
            f'<details class="passed noprint"><summary>{len(passed)} {noun}, at the moment closest to the '
            f"limit</summary>{''.join(passed)}</details>"
        )
    if left_out:
        items = "".join(
            f"<li>{text(VERDICTS[f.verdict][1])} {text(plain_name(f.rule))} ({text(f.profile)})"
            f"{text(': ' + worst_label(f)) if worst_label(f) else ''}</li>"
            for f in left_out
        )
        words = f"Not drawn: the page holds at most {DRAWINGS} drawings, or the run kept nothing to draw"
        parts.append(f"<details><summary>{words} ({len(left_out)})</summary><ul>{items}</ul></details>")
    return "".join(parts)


def _unjudged(findings: Sequence[FindingLike]) -> str:
    """What is not known, by reason: rules that need another kind of study, and rules that were not judged."""
    heads = {
        "emt_required": "◇ EMT required: outside what an engine of RMS values can decide",
        "not_evaluated": "– Not evaluated: whether these are met is not known",
    }
    parts = []
    for verdict in UNJUDGED:
        reasons: dict[str, list[FindingLike]] = {}
        for finding in findings:
            if finding.verdict == verdict:
                reason = finding.details.get("reason") or finding.note.split("; evidence:")[0]
                reasons.setdefault(str(reason) or "no reason given", []).append(finding)
        if not reasons:
            continue
        items = "".join(
            f"<li><b>{text(reason)}</b>: "
            + ", ".join(f"{text(plain_name(f.rule))} <small>({text(f.profile)})</small>" for f in those)
            + "</li>"
            for reason, those in reasons.items()
        )
        parts.append(f'<div class="unjudged v-{verdict}"><h4>{heads[verdict]}</h4><ul>{items}</ul></div>')
    return "".join(parts)
