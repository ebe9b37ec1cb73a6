"""How firm a rule is: what its document is worth, how old it is, and how its numbers were seen.

The words of profiles, of the command line and of the report are these.
"""

from __future__ import annotations

import re
from datetime import date

__all__ = ["EVIDENCE", "STANDING", "age", "standing"]

#: Status of a document, firmest first -> (in a few words, what it means for the reader).
STANDING: dict[str, tuple[str, str]] = {
    "in_force": ("in force", "law, code or standard in force"),
    "adopted": ("adopted", "decided by the body in charge; see the document for its effective date"),
    "adopted_secondary": ("adopted, by secondary report", "adoption known at second hand only"),
    "proposed": ("proposed", "a proposal, not binding; it may still change"),
    "draft": ("draft", "a draft or straw proposal, not binding; it will probably change"),
    "guideline": ("guideline", "published requirements of an operator or maker; binding by contract only"),
    "equipment_envelope": ("equipment envelope", "immunity of equipment, no rule of the connection"),
    "example": ("example", "an illustration or observed data, binding on nobody"),
    "not_seen": ("not seen", "the document is known, its numbers are not"),
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
_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


def standing(status: str) -> str:
    """Standing of a document in a few words."""
    return STANDING.get(status, (status.replace("_", " "), ""))[0]


def age(dated: str, on: date) -> str:
    """How old a document was on a day: "5 months old"; empty where its date is no date.

    Whole months of the calendar; whole years from two on.

    Parameters
    ----------
    dated : str
        Date of the document: YYYY, YYYY-MM or YYYY-MM-DD, and perhaps a remark after it.
    on : date
        The day.
    """
    found = _DATE.match(dated.strip())
    if found is None:
        return ""
    year, month, day = (int(part) if part else 0 for part in found.groups())
    if not month:
        years = on.year - year
        return "of this year" if years <= 0 else f"{_count(years, 'year')} old, by the year alone"
    try:
        then = date(year, month, day or 1)
    except ValueError:
        return ""
    if then > on:
        return "of a later date"
    months = 12 * (on.year - then.year) + on.month - then.month - (on.day < then.day)
    if months == 0:
        return f"{_count((on - then).days, 'day')} old"
    return f"{_count(months, 'month') if months < 24 else _count(months // 12, 'year')} old"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
