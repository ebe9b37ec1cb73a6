"""Table of documents: law or draft, how old, and how their numbers were seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from wattkeel.report.interface import FindingLike
from wattkeel.report.markup import link, plain_name, table, text
from wattkeel.standing import EVIDENCE, STANDING, age

__all__ = ["standing_table"]


def standing_table(findings: Sequence[FindingLike], on: date) -> str:
    """One row per document: what it is, how old, and how its numbers were seen.

    Parameters
    ----------
    findings : sequence of FindingLike
    on : date
        Day to which the ages refer.
    """
    documents: dict[tuple[str, str, str, str], list[str]] = {}
    for finding in findings:
        key = (finding.profile, finding.status, finding.date, finding.source)
        documents.setdefault(key, []).append(finding.evidence)
    rows = []
    for (profile, status, dated, source), evidence in documents.items():
        mark, meaning = STANDING.get(status, (plain_name(status), ""))
        seen = [EVIDENCE.get(each, plain_name(each)) for each in dict.fromkeys(evidence) if each]
        old = age(dated, on)
        rows.append(
            (
                f"<b>{text(profile)}</b>",
                f'<span class="standing s-{_class(status)}">{text(mark)}</span>'
                f"<small>{text(meaning)}</small>",
                text(dated) + (f"<small>{text(old)}</small>" if old else ""),
                text("; ".join(seen)),
                link(source),
            )
        )
    head = ("Document", "Standing", f"Date (age on {on.isoformat()})", "Evidence", "Source")
    return table(head, rows, kind="standings")


def _class(status: str) -> str:
    """Name of a style for a status: binding, not binding, or neither."""
    if status in ("in_force", "adopted", "adopted_secondary"):
        return "firm"
    return "soft" if status in ("proposed", "draft") else "other"
