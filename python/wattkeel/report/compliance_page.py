"""A page on compliance alone, for a measured record that no run stands behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from pathlib import Path
from string import Template
from typing import cast

import numpy as np

from wattkeel.jsonio import write_text
from wattkeel.report.interface import (
    Array,
    EnvelopeLike,
    FindingLike,
    RecordLike,
    SourceLike,
    WindowLike,
)
from wattkeel.report.markup import LONG_RUN_S, duration, text
from wattkeel.report.moments import compliance_parts, day_of
from wattkeel.report.outcome import verdict_sentence
from wattkeel.report.panels import build_panels
from wattkeel.report.sections import findings_table
from wattkeel.report.still import panel_svg

__all__ = ["compliance_page", "render_compliance"]


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A measured record in the form in which runs give their signals.

    `banded` is the same record with the power on which rules of a band of frequencies were judged, where it
    is another than that of the rest.
    """

    tick_s: float
    ticks: int
    signals: Mapping[str, Array]
    envelopes: Sequence[EnvelopeLike] = field(default_factory=tuple)
    windows: Sequence[WindowLike] = field(default_factory=tuple)
    banded: SourceLike | None = None


def source_of(record: RecordLike | SourceLike) -> SourceLike:
    """Signals of a run or of a measured record."""
    if hasattr(record, "signals"):
        return cast("SourceLike", record)
    measured = record
    given = {
        # a record of voltage alone holds no power and refuses to be asked for it
        "poi.power_w": measured.power_w if getattr(measured, "has_power", True) else None,
        "poi.voltage_pu": measured.voltage_pu,
        "poi.frequency_hz": measured.frequency_hz,
    }
    signals = {
        name: np.asarray(values, dtype=np.float64) for name, values in given.items() if values is not None
    }
    ticks = max((len(values) for values in signals.values()), default=0)
    fast = getattr(measured, "banded", None)
    return _Recorded(measured.tick_s, ticks, signals, banded=None if fast is None else source_of(fast))


def render_compliance(
    record: RecordLike | SourceLike,
    findings: Sequence[FindingLike],
    *,
    title: str = "",
    notes: Sequence[str] = (),
    on: date | None = None,
) -> str:
    """Render the page of a compliance check.

    Parameters
    ----------
    record : RecordLike or SourceLike
        The measured record (`wattkeel.compliance.record.Record`), or a result.
    findings : sequence of FindingLike
        Verdicts on it.
    title : str
        Head of the page.
    notes : sequence of str
        Remarks on the record (gaps, unit, source), shown above the verdicts.
    on : date, optional
        Day to which the ages of the rules refer; that of the run, or today.

    Returns
    -------
    str
        One HTML document without any outside resource.
    """
    source = source_of(record)
    end_s = source.ticks * source.tick_s
    manifest = getattr(record, "manifest", {})
    day = on or day_of(manifest if isinstance(manifest, Mapping) else {})
    matrix, moments, standing = ("", "", "")
    verdicts = "<p>No connection rule was checked: no profile was named.</p>"
    if findings:
        matrix, moments, standing = compliance_parts(source, findings, day)
        verdicts = findings_table(findings, end_s > LONG_RUN_S)
    panels = [panel for panel in build_panels(source) if _finite(panel.lines[0].extremes())] if end_s else []
    length = f"{duration(end_s)} in steps of {duration(source.tick_s)}"
    remarks = "".join(f"<li>{text(note)}</li>" for note in notes)
    asset = resources.files("wattkeel.report").joinpath("assets")
    return Template(asset.joinpath("compliance.html").read_text(encoding="utf-8")).substitute(
        title=text(title or "Compliance of a measured record"),
        subtitle=text(f"wattkeel · {length} · judged on {day.isoformat()}"),
        notices=f'<div class="warning" role="note"><b>On the record:</b><ul>{remarks}</ul></div>'
        if remarks
        else "",
        outcome=text(verdict_sentence(findings)),
        matrix=matrix,
        moments=moments,
        verdicts=verdicts,
        standing=standing,
        stills="".join(panel_svg(panel, end_s) for panel in panels) if end_s > 0 else "",
        style=asset.joinpath("report.css").read_text(encoding="utf-8"),
    )


def _finite(ends: tuple[float, float]) -> bool:
    return bool(np.isfinite(ends).all())


def compliance_page(
    record: RecordLike | SourceLike,
    findings: Sequence[FindingLike],
    path: str | Path,
    *,
    title: str = "",
    notes: Sequence[str] = (),
    on: date | None = None,
) -> Path:
    """Write the page of a compliance check: one HTML file that opens without a network or scripts.

    Parameters
    ----------
    record, findings, title, notes, on
        As `render_compliance`.
    path : str or Path
        File to write; its folder must exist.

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
    write_text(target, render_compliance(record, findings, title=title, notes=notes, on=on))
    return target
