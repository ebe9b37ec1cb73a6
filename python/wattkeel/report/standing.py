"""How firm a rule is: law or draft, how old, and how its numbers were seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from wattkeel.report.interface import FindingLike
from wattkeel.report.markup import link, plain_name, table, text

__all__ = ["EVIDENCE", "STANDING", "age", "standing", "standing_table"]

#: Status of a document -> (mark, what it means for the reader).
STANDING: dict[str, tuple[str, str]] = {
    "in_force": ("in force", "law, code or standard in force"),
    "adopted": ("adopted", "decided by the body in charge; see the document for its effective date"),
    "adopted_secondary": ("adopted, by secondary report", "adoption known at second hand only"),
    "proposed": ("proposed", "a proposal, not binding; it may still change"),
    "draft": ("draft", "a draft, not binding; it will probably change"),
    "guideline": ("guideline", "published requirements of an operator or maker; binding by contract only"),
    "equipment_envelope": ("equipment envelope", "immunity of equipment, not a rule of connection"),
    "example": ("example", "an illustration from a paper, binding on nobody"),
    "not_seen": ("not seen", "the numbers of the document were not seen"),
    "user": ("own rule", "written by the user"),
}
#: Evidence of a rule's numbers -> what it means.
EVIDENCE: dict[str, str] = {
    "primary_excerpt": "numbers read in the document itself",
    "secondary_quote": "numbers quoted by another text",
    "code_transcription": "numbers from code that transcribes the standard",
    "third_party_code": "numbers from an application built on the document: weakest",
    "none": "no document",
}
_DAYS_PER_YEAR = 365.2425
_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def standing(status: str) -> str:
    """Standing of a document in a few words."""
    return STANDING.get(status, (plain_name(status), ""))[0]


def age(of: str, on: date) -> str:
    """How old a document was on a day: "4 months", "8 years"; empty where its date is no date.

    Parameters
    ----------
    of : str
        Date of the document: YYYY, YYYY-MM or YYYY-MM-DD, and perhaps a remark after it.
    on : date
        Day of the judgement.
    """
    found = _DATE.match(of.strip())
    if found is None:
        return ""
    year, month, day = (int(part) if part else 0 for part in found.groups())
    try:
        days = (on - date(year, month or 7, day or 1)).days
    except ValueError:
        return ""
    if not month:
        years = on.year - year
        return "of this year" if years <= 0 else _count(years, "year") + ", by the year alone"
    if days < 0:
        return "dated after this page"
    if days < 60:
        return _count(days, "day")
    months = round(days / _DAYS_PER_YEAR * 12)
    return _count(months, "month") if months < 24 else _count(int(days / _DAYS_PER_YEAR), "year")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


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
