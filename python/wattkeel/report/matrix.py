"""The matrix of a compliance check: a row per profile, a column per kind of rule, verdicts with margins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wattkeel.report.drawing import identity, words_of
from wattkeel.report.interface import FindingLike
from wattkeel.report.markup import number, plain_name, text
from wattkeel.report.outcome import UNJUDGED

__all__ = ["KINDS", "kind_of", "matrix_table", "short_name"]

#: Columns of the matrix: key -> head, in order.
KINDS: dict[str, str] = {
    "ramp": "Ramp",
    "variation": "Variation",
    "band": "Band",
    "oscillation": "Oscillation",
    "low_voltage": "Low voltage",
    "high_voltage": "High voltage",
    "frequency": "Frequency",
    "recovery": "Recovery",
    "rocof": "RoCoF, phase jump",
    "voltage_quality": "Voltage quality",
    "demand": "Demand",
    "test": "Tests",
    "other": "Other",
}
_BLOCKS: dict[str, tuple[str, ...]] = {
    "ramp": ("ramp",),
    "variation": ("power_variation", "dynamic_range"),
    "band": ("band_power",),
    "oscillation": ("oscillation",),
    "low_voltage": ("voltage_ride_through", "frt_curve", "lvrt", "reclosing", "undervoltage_pickup"),
    "high_voltage": ("overvoltage_withstand", "overvoltage_instantaneous", "hvrt"),
    "frequency": ("frequency_ride_through", "frequency_point", "load_shedding"),
    "recovery": ("recovery", "recovery_level", "reconnection", "enter_service"),
    "rocof": ("rocof", "phase_jump"),
    "voltage_quality": (
        "flicker",
        "rapid_voltage_change",
        "power_factor",
        "voltage_distortion",
        "phase_imbalance",
        "small_voltage_steps",
        "reactive_current",
    ),
    "demand": ("demand",),
    "test": ("test",),
}
_KIND_OF: dict[str, str] = {block: kind for kind, blocks in _BLOCKS.items() for block in blocks}
#: Lower edge of a band of voltage in the name of its rule.
_LOWER_EDGE = re.compile(r"(?:^| )>?=?([\d.]+)(?:-[\d.]+)? pu")
#: Sign of a verdict; read without colour.
SIGNS: dict[str, str] = {"fail": "✕", "marginal": "≈", "pass": "✓", "emt_required": "◇", "not_evaluated": "–"}
_WORDS: dict[str, str] = {
    "fail": "fail",
    "marginal": "marginal",
    "pass": "pass",
    "emt_required": "EMT required",
    "not_evaluated": "not evaluated",
}
#: What colours a cell, worst first: a cell is that of a pass only where all its rules pass.
_WORST = ("fail", "marginal", "emt_required", "not_evaluated", "pass")


def kind_of(finding: FindingLike) -> str:
    """Column of a finding: a key of `KINDS`."""
    if "sag" in finding.block or "sag_count" in finding.rule:
        return "low_voltage"
    if finding.block == "voltage_ride_through":
        edge = _LOWER_EDGE.search(finding.rule)
        high = finding.details.get("side") == "high" or (edge is not None and float(edge.group(1)) >= 1.0)
        return "high_voltage" if high else "low_voltage"
    return _KIND_OF.get(finding.block, "other")


def short_name(finding: FindingLike) -> str:
    """Name of a rule without the words that its column says already."""
    name = finding.rule
    if name.startswith(finding.block) and name != finding.block:
        name = name[len(finding.block) :]
    words = " ".join(word for word in plain_name(name).split() if word not in ("both", "unspecified"))
    return words.strip(" ,:") or plain_name(finding.block)


def _margin(finding: FindingLike) -> str:
    return "" if finding.margin is None else f"{number(100.0 * finding.margin, 2)}\u00a0%"


def _chip(finding: FindingLike, drawn: frozenset[str]) -> str:
    """One judged rule: sign, margin and name; a link where the page draws it."""
    name = short_name(finding)
    about = f"{_WORDS.get(finding.verdict, finding.verdict)}: {plain_name(finding.rule)}, {words_of(finding)}"
    inner = f"<b>{SIGNS.get(finding.verdict, '?')} {text(_margin(finding))}</b> <span>{text(name)}</span>"
    target = identity(finding)
    if target in drawn:
        inner = f'<a href="#{target}">{inner}</a>'
    spoken = f'<span class="spoken">{text(_WORDS.get(finding.verdict, finding.verdict))}: </span>'
    return f'<li class="v-{text(finding.verdict)}" title="{text(about)}">{spoken}{inner}</li>'


def _cell(findings: Sequence[FindingLike], drawn: frozenset[str]) -> str:
    if not findings:
        return '<td class="empty"><span class="spoken">no rule</span></td>'
    worst = min((f.verdict for f in findings), key=lambda v: _WORST.index(v) if v in _WORST else len(_WORST))
    judged = [f for f in findings if f.verdict not in UNJUDGED]
    judged.sort(key=lambda f: (_WORST.index(f.verdict) if f.verdict in _WORST else 9, f.margin or 0.0))
    chips = [_chip(finding, drawn) for finding in judged]
    for verdict in UNJUDGED:
        these = [f for f in findings if f.verdict == verdict]
        if these:
            names = "; ".join(f"{plain_name(f.rule)}: {f.note}" for f in these)
            chips.append(
                f'<li class="v-{verdict}" title="{text(names)}"><b>{SIGNS[verdict]} {len(these)}</b> '
                f"<span>{_WORDS[verdict]}</span></li>"
            )
    return f'<td class="c-{text(worst)}"><ul>{"".join(chips)}</ul></td>'


def matrix_table(
    findings: Sequence[FindingLike], standings: Mapping[str, str], drawn: frozenset[str] = frozenset()
) -> str:
    """Profiles by kinds of rule; each cell lists its rules with verdict and margin.

    Parameters
    ----------
    findings : sequence of FindingLike
    standings : mapping
        Profile -> standing of its document, in words.
    drawn : frozenset of str
        Identities of findings that the page draws.
    """
    profiles = list(dict.fromkeys(finding.profile for finding in findings))
    cells: dict[tuple[str, str], list[FindingLike]] = {}
    for finding in findings:
        cells.setdefault((finding.profile, kind_of(finding)), []).append(finding)
    kinds = [kind for kind in KINDS if any((profile, kind) in cells for profile in profiles)]
    heads = "".join(f'<th scope="col">{text(KINDS[kind])}</th>' for kind in kinds)
    rows = []
    for profile in profiles:
        row = "".join(_cell(cells.get((profile, kind), ()), drawn) for kind in kinds)
        standing = standings.get(profile, "")
        head = f'<th scope="row">{text(profile).replace("_", "_<wbr>")}<small>{text(standing)}</small></th>'
        rows.append(f"<tr>{head}{row}</tr>")
    key = " · ".join(f"{sign} {_WORDS[verdict]}" for verdict, sign in SIGNS.items())
    return (
        '<div class="scroll"><table class="matrix"><caption class="spoken">Verdicts and margins by profile '
        f'and kind of rule</caption><thead><tr><th scope="col">Profile</th>{heads}</tr></thead><tbody>'
        f'{"".join(rows)}</tbody></table></div><p class="hint">{key}. The percentage is the margin: share of '
        "the limit that is left, negative where the rule is violated. A cell takes the colour of its worst "
        "rule, and that of a pass only where every rule in it passes.</p>"
    )
