"""Findings as text: what was judged, by how much, how it was computed, and how firm the rule is."""

from __future__ import annotations

import datetime
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from wattkeel.cli.common import table, verdict_text
from wattkeel.standing import EVIDENCE, STANDING, age, standing

if TYPE_CHECKING:
    from wattkeel.compliance import Finding

WIDTH = 110
SCENARIO = "scenario"

FAIL_ON = ("fail", "marginal", "not-evaluated", "never")
FAIL_ON_HELP = (
    "exit 1 when a rule fails (default); when one is also marginal; when one could also not be "
    "evaluated, or none was; or never"
)


def falls_short(verdict: str, findings: Iterable[Finding], fail_on: str) -> bool:
    """Whether a rule met a verdict that ``--fail-on`` names; "not-evaluated" also when none was."""
    order = ("fail", "marginal", "not_evaluated")
    limits = order[: {"never": 0, "fail": 1, "marginal": 2, "not-evaluated": 3}[fail_on]]
    return verdict in limits or any(finding.verdict in limits for finding in findings)


def findings_lines(findings: Sequence[Finding], today: datetime.date | None = None) -> list[str]:
    """Return all that is told of findings; nothing where there are none.

    Parameters
    ----------
    findings : sequence of Finding
        In order; those of one profile stand together.
    today : date, optional
        Day from which the age of documents is counted; the present one when None.
    """
    if not findings:
        return []
    day = today or datetime.date.today()
    judged = [one for one in findings if one.verdict not in ("not_evaluated", "emt_required")]
    lines = ["rules", *_tables(findings, judged, day)] if judged else []
    for finding in judged:
        if finding.verdict != "pass":
            lines += ["", *_detail(finding, day)]
    lines += _with_care(judged)
    lines += _unjudged(findings, judged)
    return [*lines, *_standings(findings)]


# ---------------------------------------------------------------------------------------------- table


def _tables(findings: Sequence[Finding], judged: list[Finding], day: datetime.date) -> Iterator[str]:
    """Lines of the table, with a heading per profile."""
    rows = table(map(_row, judged), right=(2, 4, 5), indent="    ")
    last = ""
    for finding, row in zip(judged, rows, strict=True):
        if finding.profile != last:
            last = finding.profile
            yield _heading(finding, findings, day)
        yield row


def _heading(finding: Finding, findings: Sequence[Finding], day: datetime.date) -> str:
    others = [one for one in findings if one.profile == finding.profile]
    open_count = sum(one.verdict in ("not_evaluated", "emt_required") for one in others)
    count = f"; {open_count} of its {len(others)} rules not evaluated" if open_count else ""
    if finding.profile == SCENARIO:
        return f"  rules of your own{count}"
    return f"  {finding.profile} ({_standing(finding, day)}){count}"


def _row(finding: Finding) -> tuple[str, ...]:
    value, limit = _pair(finding)
    bound = ("at least" if finding.at_least else "limit") if limit else ""
    margin = "" if finding.margin is None else f"margin {_percent(finding.margin)}"
    return verdict_text(finding.verdict), finding.rule, value, bound, limit, margin, _when(finding)


def _percent(share: float) -> str:
    """Return a share in percent, with three digits and no exponent."""
    percent = 100.0 * share
    return f"{percent:.0f} %" if abs(percent) >= 100.0 else f"{percent:.3g} %"


def _when(finding: Finding) -> str:
    if finding.time_s is None:
        return ""
    lasting = f" for {finding.duration_s:.4g} s" if finding.duration_s else ""
    return f"at {finding.time_s:.7g} s{lasting}"


def _pair(finding: Finding) -> tuple[str, str]:
    """Value and limit, with as many digits as tell them apart."""
    for digits in (4, 6, 9, 12):
        value = number(finding.value, finding.unit, digits)
        limit = number(finding.limit, finding.unit, digits)
        if value != limit or finding.value == finding.limit:
            break
    return value, limit


def number(value: float | None, unit: str, digits: int = 4) -> str:
    """Return a value in the unit of its rule; empty when there is none."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if unit in ("", "1") else f"{value:.{digits}g} {unit}"


# ---------------------------------------------------------------------------------------------- details


def _detail(finding: Finding, day: datetime.date) -> Iterator[str]:
    """How a rule that is not met was computed, every reading of it, and how firm it is."""
    profile = "" if finding.profile == SCENARIO else f"{finding.profile}, "
    yield f"  {verdict_text(finding.verdict)}: {profile}{finding.rule}"
    value, limit = _pair(finding)
    bound = "at least " if finding.at_least else "limit "
    window = f", over the {finding.window_s:.6g} s before" if finding.window_s else ""
    yield from item("worst", f"{value} ({bound}{limit}) {_when(finding)}{window}".rstrip())
    yield from item("computed", finding.method)
    if len(finding.readings) > 1:
        yield "    readings:"
        rows = [_reading(finding, one) for one in finding.readings]
        if not any(row[2] for row in rows):  # no reading has a limit of its own
            rows = [row[:2] + row[3:] for row in rows]
        yield from table(rows, right=(1,), indent="      ")
    if finding.profile != SCENARIO:
        evidence = EVIDENCE.get(finding.evidence, "")
        parts = [_standing(finding, day), evidence, finding.source if finding.source != "none" else ""]
        yield from item("rule", ", ".join(part for part in parts if part))
    note = re.sub(
        r"readings: [^;]*(; |$)|(?<=; )evidence: [^;]*(; |$)|^evidence: [^;]*(; |$)", "", finding.note
    )
    yield from item("notes", note.rstrip("; "))
    yield from item("remedy", finding.remedy)


def _reading(finding: Finding, reading: dict[str, object]) -> tuple[str, ...]:
    value, own, time_s = reading["value"], reading.get("limit"), reading.get("time_s")
    shown = number(value, finding.unit, 6) if isinstance(value, int | float) else ""
    bound = f"of {number(own, finding.unit, 6)}" if isinstance(own, int | float) else ""
    when = f"at {time_s:.7g} s" if isinstance(time_s, int | float) else ""
    return str(reading["label"]), shown, bound, verdict_text(str(reading["verdict"])), when


def item(name: str, text: str, indent: str = "    ") -> list[str]:
    """Return a named text as lines, folded; none where the text is empty."""
    if not text:
        return []
    return textwrap.wrap(
        f"{name}: {text}", WIDTH, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _standing(finding: Finding, day: datetime.date) -> str:
    """Return ``proposed 2026-06-19, 5 months old``."""
    words = standing(finding.status)
    old = age(finding.date, day)
    return " ".join(part for part in (words, finding.date) if part) + (f", {old}" if old else "")


# ---------------------------------------------------------------------------------------------- the rest


def _with_care(judged: Iterable[Finding]) -> Iterator[str]:
    """What passes do not show: small sites, coarse samples, events shorter than the rule's time."""
    cautions: dict[str, list[Finding]] = {}
    for finding in judged:
        for caution in finding.details.get("cautions", ()) if finding.verdict == "pass" else ():
            cautions.setdefault(str(caution), []).append(finding)
    if cautions:
        yield from ("", "passes, to be read with care")
    for caution, those in cautions.items():
        yield from textwrap.wrap(
            f"{_names(those)}: {caution}", WIDTH, initial_indent="  ", subsequent_indent="    ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _unjudged(findings: Sequence[Finding], judged: list[Finding]) -> Iterator[str]:
    """Give why each rule without a verdict has none, the same reason once; what needs EMT apart."""
    for verdict, head in (
        ("not_evaluated", "not evaluated"),
        ("emt_required", "EMT required: no RMS engine decides it"),
    ):
        reasons: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.verdict == verdict:
                reason = str(finding.details.get("reason") or finding.note or "no reason is given")
                reasons.setdefault(reason, []).append(finding)
        if not reasons:
            continue
        if judged or verdict == "emt_required":
            yield from ("", head)
        else:
            yield from ("", "NO RULE COULD BE EVALUATED: whether they are met is not known")
        for reason, those in reasons.items():
            yield from textwrap.wrap(
                f"{_names(those)}: {reason}", WIDTH, initial_indent="  ", subsequent_indent="    ",
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip


def _names(findings: Sequence[Finding]) -> str:
    """Rules, each profile named once."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        groups.setdefault(finding.profile, []).append(finding.rule)
    texts = [
        (f"{profile} " if profile != SCENARIO else "") + ", ".join(rules) for profile, rules in groups.items()
    ]
    return "; ".join(texts)


def _words(status: str) -> str:
    """A standing and what it means."""
    mark, meaning = STANDING.get(status, (standing(status), ""))
    return f"{mark} ({meaning})" if meaning else mark


def _standings(findings: Sequence[Finding]) -> Iterator[str]:
    """The footnote: which documents are in force, adopted, proposed, drafts, guidelines."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        if finding.profile != SCENARIO and finding.status:
            profiles = groups.setdefault(finding.status, [])
            if finding.profile not in profiles:
                profiles.append(finding.profile)
    if not groups:
        return
    yield from ("", "standing of the rules (check the current official document before claiming compliance)")
    order = {status: place for place, status in enumerate(STANDING)}
    for status in sorted(groups, key=lambda one: order.get(one, len(order))):
        yield from textwrap.wrap(
            f"{_words(status)}: {', '.join(groups[status])}", WIDTH,
            initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
