"""From the readings of a rule to its finding: verdict, worst value, margin, and the note."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.finding import Finding, Verdict
from wattkeel.compliance.head import APPLIES_TO, BAND_STATS, HEAD_RULES
from wattkeel.compliance.judges import HEADS, ROWS, TABLES, Judged
from wattkeel.compliance.profile import Profile, Row
from wattkeel.compliance.record import MW, CannotJudgeError, Measured, Reading, Record
from wattkeel.compliance.rules import OF_RECORD, PER_MINUTE, RULES, dynamic_range, rule_name

__all__ = ["judge_profile", "judge_scenario_rule", "too_small"]

Keys = Mapping[str, Any]
Measure = Callable[[Record, Keys], Measured]
TableJudge = Callable[[Record, Profile], list[Judged]]

SCENARIO = "scenario"
#: What documents about the load itself say in ``applies_to``.
LOADS = ("load", "transmission_connected_demand")
NO_RULES = "this file holds facts and no rule: there is nothing to judge"

_KIND_DEFAULTS: dict[str, Any] = {
    "direction": "both",
    "window_s": 60.0,
    "band_low_hz": 0.0,
    "band_high_hz": 0.0,
    "limit_w": 0.0,
    "limit_w_per_s": 0.0,
    "limit_fraction": 0.0,
}


def judge_profile(record: Record | CannotJudgeError, profile: Profile, remark: str = "") -> list[Finding]:
    """One finding per rule of a profile: no row passes unseen.

    Rows without numbers are "not_evaluated", and so is a block that has no judge or from which the choice of
    the user left nothing.

    Parameters
    ----------
    record : Record or CannotJudgeError
        The record, or why there is none.
    profile : Profile
    remark : str
        Added to every note.
    """
    findings: list[Finding] = []
    for block in dict.fromkeys(row.block for row in profile.rows):
        rows = profile.rows_of(block)
        if block in TABLES:
            if any(row.seen for row in rows):
                findings += _judge_table(record, profile, block, remark)
            rows = [row for row in rows if not row.seen]
        findings += [_judge_row(record, profile, row, rule_name(block, row.keys), remark) for row in rows]
    findings += _judge_head(record, profile, remark)
    for block in profile.left_out:
        reason = "no row of this block belongs to the choice that was made"
        findings.append(_not_evaluated(profile.name, block, _about(profile, block), reason, [remark]))
    if not findings:
        findings.append(_not_evaluated(profile.name, "none", _about(profile, ""), NO_RULES, [remark]))
    return _named_apart(findings)


def _named_apart(findings: list[Finding]) -> list[Finding]:
    """Number rules of one name: rows that differ in their limit only, or that belong to every variant."""
    names: dict[str, int] = {}
    apart = []
    for finding in findings:
        names[finding.rule] = count = names.get(finding.rule, 0) + 1
        apart.append(finding if count == 1 else replace(finding, rule=f"{finding.rule} ({count})"))
    return apart


def _judge_row(
    record: Record | CannotJudgeError, profile: Profile, row: Row, name: str, remark: str
) -> Finding:
    """Finding of a row that stands for itself, or that is not judged at all."""
    notes = [*_row_notes(profile, row, record), remark]
    about = _about(profile, row.block, row)
    if row.seen and row.block in ROWS:
        finding = _judge(record, ROWS[row.block], row.keys, (profile.name, name), about, notes)
        return _cautioned(finding, too_small(profile, row.keys, record))
    verdict, reason = BLOCKS[row.block].unjudged(row.keys)
    if not row.seen:
        reason = _unseen(row) if verdict == "not_evaluated" else f"{reason}; {_unseen(row)}"
    return replace(_not_evaluated(profile.name, name, about, reason, notes), verdict=verdict)


def _judge_table(
    record: Record | CannotJudgeError, profile: Profile, block: str, remark: str
) -> list[Finding]:
    """Findings of the seen rows of a block, which are one table."""
    return _findings(record, profile, block, TABLES[block], remark)


def _judge_head(record: Record | CannotJudgeError, profile: Profile, remark: str) -> list[Finding]:
    """Findings of the rules that stand in the head of a profile."""
    findings: list[Finding] = []
    for key, reason in HEAD_RULES.items():
        if profile.head.get(key) is not True:
            continue
        if key in HEADS:
            judge = HEADS[key]
            findings += _findings(record, profile, key, lambda *args, judge=judge: [judge(*args)], remark)
        else:
            about = _about(profile, key)
            findings.append(_not_evaluated(profile.name, key.replace("_", " "), about, reason, [remark]))
    return findings


def _findings(
    record: Record | CannotJudgeError, profile: Profile, block: str, judge: TableJudge, remark: str
) -> list[Finding]:
    try:
        if isinstance(record, CannotJudgeError):
            raise record
        judged = judge(record, profile)
    except CannotJudgeError as reason:
        judged = [Judged(block, reason=str(reason))]
    findings = []
    for rule in judged:
        about = _about(profile, block, rule.row)
        own = _row_notes(profile, rule.row, record) if rule.row is not None else []
        notes = [*rule.notes, *own, remark]
        if rule.measured is None:
            finding = _not_evaluated(profile.name, rule.name, about, rule.reason, notes)
            if rule.verdict is not None:
                finding = replace(finding, verdict=rule.verdict)
        else:
            finding = _finding(rule.measured, (profile.name, rule.name), about, notes, rule.verdict)
            keys = {} if rule.row is None else rule.row.keys
            finding = _cautioned(finding, too_small(profile, keys, record))
        findings.append(finding)
    return findings


def _about(profile: Profile, block: str, row: Row | None = None) -> dict[str, Any]:
    """What every finding says of its rule's document."""
    keys: Keys = {} if row is None else row.keys
    evidence = keys.get("evidence", profile.evidence)
    return {
        "status": profile.status,
        "date": profile.date,
        "source": keys.get("url", profile.source),
        "block": block,
        "evidence": evidence,
    }


def _unseen(row: Row) -> str:
    own = row.keys.get("note")
    return "the numbers of this rule were not seen" + (f": {own}" if own else "")


def judge_scenario_rule(record: Record | CannotJudgeError, rule: Keys, remark: str = "") -> list[Finding]:
    """One finding per limit of a rule of the scenario itself (keys of ``[[compliance.rule]]``, SI units)."""
    name = str(rule.get("name", rule["kind"]))
    about = {"status": "user", "date": "", "source": "", "block": str(rule["kind"]), "evidence": "none"}
    try:
        cases = _scenario_cases({**_KIND_DEFAULTS, **rule})
    except CannotJudgeError as reason:
        return [_not_evaluated(SCENARIO, name, about, str(reason), [remark])]
    findings = []
    for suffix, measure, keys in cases:
        label = f"{name} ({suffix})" if len(cases) > 1 else name
        findings.append(_judge(record, measure, keys, (SCENARIO, label), about, [remark]))
    return findings


def _scenario_cases(rule: dict[str, Any]) -> list[tuple[str, Measure, Keys]]:
    """The scenario's rule as keys of the profile blocks, one case per limit given."""
    kind, low_hz, high_hz = rule["kind"], rule["band_low_hz"], rule["band_high_hz"]
    limit_mw, share = rule["limit_w"] * MW, rule["limit_fraction"]
    if kind in ("ramp", "power_variation"):
        return _window_cases(rule, limit_mw, share)
    _need(limit_mw > 0.0 or share > 0.0, f"{kind} needs limit_w or limit_fraction")
    limits: list[tuple[str, Keys]] = []
    if limit_mw > 0.0:
        limits.append(("power", {"limit_mw": limit_mw, "stat": "line_amplitude"}))
    if share > 0.0:
        limits.append(("share", {"limit_fraction": share, "stat": BAND_STATS[-1]}))
    if kind == "dynamic_range":
        return [(suffix, dynamic_range, keys) for suffix, keys in limits]
    _need(kind == "band_power", f"there is no rule of kind {kind!r}")
    _need(0.0 <= low_hz < high_hz, "band_power needs band_low_hz below band_high_hz")
    band = {"f_lo_hz": low_hz, "f_hi_hz": high_hz}
    return [(suffix, RULES["band_power"], {**keys, **band}) for suffix, keys in limits]


def _window_cases(rule: dict[str, Any], limit_mw: float, share: float) -> list[tuple[str, Measure, Keys]]:
    """Cases of a rule on a rolling window, whose share is one of the contracted power."""
    kind, low_hz, high_hz = rule["kind"], rule["band_low_hz"], rule["band_high_hz"]
    keys = {"direction": rule["direction"], "window_s": rule["window_s"]}
    if kind == "ramp":
        key, limit = "limit_mw_per_min", rule["limit_w_per_s"] * MW * PER_MINUTE
        _need(limit > 0.0 or share > 0.0, 'a ramp needs limit_w_per_s (e.g. "20 MW/min") or limit_fraction')
        keys["stat"] = "average_over_window"
        of_size = share * PER_MINUTE / rule["window_s"]  # the share may be covered once within the window
    else:
        key, limit, of_size = "limit_mw", limit_mw, share
        _need(limit > 0.0 or share > 0.0, "power_variation needs limit_w or limit_fraction")
        keys["stat"] = "peak_to_peak"
        if high_hz > 0.0 or low_hz > 0.0:
            _need(0.0 < low_hz < high_hz, "a filtered variation needs 0 < band_low_hz < band_high_hz")
            keys |= {"band_hz": [low_hz, high_hz], "filter": "unspecified"}
    cases: list[tuple[str, Measure, Keys]] = []
    if limit > 0.0:
        cases.append(("power", RULES[kind], {**keys, key: limit}))
    if share > 0.0:
        cases.append(("share", _of_contracted(RULES[kind], key, share, of_size), keys))
    return cases


def _of_contracted(measure: Measure, key: str, share: float, of_size: float) -> Measure:
    """A measure whose limit `key` is `of_size` times the contracted power; `share` is what the user wrote."""

    def measured(record: Record, keys: Keys) -> Measured:
        size_mw, remarks = record.nominal_mw()
        found = measure(record, {**keys, key: of_size * size_mw, OF_RECORD: not record.size_known})
        base = f"limit_fraction {share:g} of {size_mw:.6g} MW" + ("" if remarks else ", the contracted power")
        within_s = f", within {keys['window_s']:g} s"
        return replace(found, notes=[base + within_s, *remarks, *found.notes])

    return measured


def _need(condition: bool, remedy: str) -> None:
    if not condition:
        raise CannotJudgeError(remedy)


# --------------------------------------------------------------------------------------------- verdict


def _judge(
    record: Record | CannotJudgeError,
    measure: Measure,
    keys: Keys,
    names: tuple[str, str],
    about: Mapping[str, Any],
    notes: list[str],
) -> Finding:
    try:
        if isinstance(record, CannotJudgeError):
            raise record
        measured = measure(record.of_rule(keys), keys)
        measured = replace(measured, details={"row": dict(keys), **measured.details})
    except CannotJudgeError as reason:
        return _not_evaluated(*names, about, str(reason), notes)
    return _finding(measured, names, about, notes)


def _finding(
    measured: Measured,
    names: tuple[str, str],
    about: Mapping[str, Any],
    notes: list[str],
    verdict: Verdict | None = None,
) -> Finding:
    worst = measured.worst()
    limit = measured.limit_of(worst)
    short = worst.value - limit if measured.at_least else limit - worst.value
    return Finding(
        profile=names[0],
        rule=names[1],
        verdict=verdict or _verdict(measured),
        value=worst.value,
        limit=limit,
        unit=measured.unit,
        margin=short / abs(limit) if limit else None,
        time_s=worst.time_s,
        duration_s=worst.duration_s,
        window_s=worst.window_s,
        method=measured.method,
        note=_join([*_reading_notes(measured, worst), *measured.notes, *notes]),
        quantity=measured.quantity,
        at_least=measured.at_least,
        readings=[_reading(measured, reading) for reading in measured.readings],
        details=measured.details,
        **about,
    )


def _reading(measured: Measured, reading: Reading) -> dict[str, Any]:
    entry = {
        "label": reading.label,
        "value": reading.value,
        "verdict": measured.verdict_of(reading),
        "time_s": reading.time_s,
    }
    if reading.limit is not None:
        entry["limit"] = reading.limit
    return entry


def _verdict(measured: Measured) -> Verdict:
    """That of the readings when all agree, else marginal."""
    verdicts = {measured.verdict_of(reading) for reading in measured.readings}
    return "marginal" if len(verdicts) > 1 else verdicts.pop()


def _reading_notes(measured: Measured, worst: Reading) -> list[str]:
    notes = []
    unit = "" if measured.unit == "1" else f" {measured.unit}"
    if len(measured.readings) > 1:
        texts = []
        for reading in measured.readings:
            own = "" if reading.limit is None else f" of {reading.limit:.6g}"
            verdict = measured.verdict_of(reading)
            texts.append(f"{reading.label}: {reading.value:.6g}{own}{unit} ({verdict})")
        notes.append("readings: " + ", ".join(texts))
    if worst.total_s and worst.duration_s and worst.total_s > worst.duration_s:
        notes.append(f"above the limit for {worst.total_s:.6g} s in all")
    return notes


def _row_notes(profile: Profile, row: Row, record: Record | CannotJudgeError) -> list[str]:
    """What the row says of itself, and which of its conditions are not told apart."""
    keys = row.keys
    notes = []
    if "applies" in keys:
        notes.append(f"the rule applies in {_words(keys['applies'])}; the whole record was judged")
    if "excludes" in keys:
        notes.append(f"the rule exempts {_words(keys['excludes'])}, which is not told apart here")
    if "scope" in keys:
        notes.append(f"the rule applies only to: {keys['scope'].replace('_', ' ')}")
    if keys.get("window_implied"):
        notes.append("the window is implied, not written in the rule")
    notes += too_small(profile, keys, record)
    if (about := profile.head["applies_to"]) not in LOADS:
        notes.append(f"the document is about {APPLIES_TO[about]}, not about loads: for comparison")
    if "effective" in keys:
        notes.append(f"in force from {keys['effective'].isoformat()}")
    evidence = keys.get("evidence", profile.evidence)
    notes.append(f"evidence: {evidence.replace('_', ' ')}")
    if row.seen and "note" in keys:
        notes.append(keys["note"])
    return notes


def too_small(profile: Profile, keys: Keys, record: Record | CannotJudgeError) -> list[str]:
    """Remark where the site is smaller than those that the rule is for.

    Parameters
    ----------
    profile : Profile
    keys : mapping
        Of the row, which may have a threshold of its own.
    record : Record or CannotJudgeError
        Its contracted power, else its largest, is the size.
    """
    threshold_mw = float(keys.get("threshold_mw", profile.threshold_mw))
    if not isinstance(record, Record) or threshold_mw <= 0.0:
        return []
    try:
        size_mw, replaced = record.nominal_mw()
    except CannotJudgeError:
        return []
    if size_mw >= threshold_mw:
        return []
    of = "row" if "threshold_mw" in keys else "document"
    what = (
        f"the largest power of the record is {size_mw:.4g} MW" if replaced else f"the site has {size_mw:g} MW"
    )
    return [f"the {of} applies from {threshold_mw:g} MW; {what}"]


def _cautioned(finding: Finding, cautions: list[str]) -> Finding:
    """The finding with what even a pass of it does not say."""
    if not cautions or finding.value is None:
        return finding
    told = [*finding.details.get("cautions", []), *cautions]
    return replace(finding, details={**finding.details, "cautions": told})


def _words(names: list[str]) -> str:
    return " and ".join(name.replace("_", " ") for name in names)


def _not_evaluated(
    profile: str, rule: str, about: Mapping[str, Any], reason: str, notes: list[str]
) -> Finding:
    note = _join([reason, *notes])
    return Finding(
        profile=profile, rule=rule, verdict="not_evaluated", note=note, details={"reason": reason}, **about
    )


def _join(notes: list[str]) -> str:
    return "; ".join(note for note in notes if note)
