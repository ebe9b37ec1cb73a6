"""Tables of the page: verdicts, events, energy, storage work, provenance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wattkeel.report.interface import EventLike, FindingLike, ResultLike
from wattkeel.report.markup import (
    amounts,
    clock,
    decimals,
    duration,
    energy_scaling,
    fixed,
    is_long,
    link,
    number,
    plain_name,
    quantity,
    scaling,
    table,
    text,
)
from wattkeel.report.outcome import UNJUDGED, not_recorded
from wattkeel.report.panels import signal_names, storage_units
from wattkeel.report.series import Reader
from wattkeel.standing import standing
from wattkeel.summary import nominal_energy_j, settled_s

#: Verdict -> (order, word); the style sheet colours by the verdict's name.
VERDICTS: dict[str, tuple[int, str]] = {
    "fail": (0, "✕ FAIL"),
    "marginal": (1, "≈ MARGINAL"),
    "pass": (2, "✓ PASS"),
    "emt_required": (3, "◇ EMT REQUIRED"),
    "not_evaluated": (4, "– NOT EVALUATED"),
}
#: Events listed openly, and listed at all.
EVENTS_OPEN, EVENTS_LISTED = 200, 2_000
#: Longest note of a finding that is shown openly.
NOTE_OPEN = 90


def jump(time_s: float, half_s: float, label: str) -> str:
    """A button that shows a time in the charts; plain text in print. The label is markup."""
    return (
        f'<button type="button" class="jump" data-time="{time_s!r}" data-half="{half_s!r}" '
        f'title="Show this moment in the charts">{label}</button>'
    )


def half_width_s(finding: FindingLike) -> float:
    """Half of the time that the charts show around the worst moment of a finding [s].

    The moment is the end of a change, whose beginning lies up to a window before it.
    """
    return max(3.0, min(1.5 * (finding.duration_s or 0.0), 15.0), 1.25 * (finding.window_s or 0.0))


def _side(column: int) -> str:
    """Class of a cell of the findings: value, limit and margin are numbers."""
    return ' class="n"' if column in (2, 3, 4) else ""


def _how(finding: FindingLike) -> str:
    """Method and note; a long note is folded, but never the reason why there is no verdict."""
    note = text(finding.note)
    if len(finding.note) > NOTE_OPEN and finding.verdict not in UNJUDGED:
        note = f'<details class="noprint"><summary>readings and notes</summary>{note}</details>'
    return f"{text(finding.method)}<small>{note}</small>"


def _finding_row(finding: FindingLike, long_run: bool, charts: bool) -> str:
    _, word = VERDICTS.get(finding.verdict, (9, finding.verdict))
    value, limit = amounts(finding)
    margin = "–" if finding.margin is None else f"{number(100 * finding.margin, 3)} %"
    when = "–"
    if finding.time_s is not None and math.isfinite(finding.time_s):
        when = text(clock(finding.time_s, long_run=long_run))
        if charts:
            when = jump(float(finding.time_s), half_width_s(finding), when)
        if finding.duration_s:
            when += f"<small>beyond the limit for {text(duration(finding.duration_s))}</small>"
    date = f'<span class="date">{text(finding.date)}</span>'
    cells = (
        f"<b>{text(plain_name(finding.rule))}</b><small>{text(finding.profile)}</small>",
        f'<span class="verdict">{text(word)}</span>',
        text(value),
        text(limit),
        text(margin),
        when,
        f"{text(standing(finding.status))} {date}<small>{link(finding.source)}</small>",
        _how(finding),
    )
    joined = "".join(f"<td{_side(i)}>{cell}</td>" for i, cell in enumerate(cells))
    return f'<tr class="v-{text(finding.verdict)}">{joined}</tr>'


def _settling(result: ResultLike) -> str:
    settle_s = settled_s(result.scenario.model, result.duration_s)
    return f"Rules are judged from {text(duration(settle_s))} on. " if settle_s > 0 else ""


def _none_judged(findings: Sequence[FindingLike]) -> str:
    if any(finding.verdict not in UNJUDGED for finding in findings):
        return ""
    return "<p><b>No rule could be evaluated: whether the rules are met is not known.</b></p>"


def _printed_notes(findings: Sequence[FindingLike]) -> str:
    """Long notes for paper, where nothing can be unfolded."""
    items = [
        f"<li><b>{text(plain_name(f.rule))}</b>: {text(f.note)}</li>"
        for f in findings
        if len(f.note) > NOTE_OPEN and f.verdict not in UNJUDGED
    ]
    return f'<div class="paper"><h3>Readings and notes</h3><ul>{"".join(items)}</ul></div>' if items else ""


def verdict_table(result: ResultLike) -> str:
    """The findings of a run, worst first; those that could not be evaluated last, with the reason."""
    lost = not_recorded(result, "findings.json")
    if lost:
        return f"<p>{text(lost)} Whether the rules are met is not known.</p>"
    if not result.findings:
        return "<p>No connection rule was checked: the scenario names no compliance profile.</p>"
    return findings_table(result.findings, is_long(result), _settling(result), charts=True)


def findings_table(
    findings: Sequence[FindingLike], long_run: bool, remark: str = "", *, charts: bool = False
) -> str:
    """Findings as a table, worst first; what could not be judged stands apart below, with the reason.

    Parameters
    ----------
    findings : sequence of FindingLike
        At least one.
    long_run : bool
        Whether times are written as h:mm:ss.
    remark : str
        Markup before the general remarks.
    charts : bool
        Whether the page has charts to which a time can jump.
    """
    order = sorted(findings, key=lambda f: VERDICTS.get(f.verdict, (9, ""))[0])
    head = ("Rule", "Verdict", "Value", "Limit", "Margin", "Worst at", "Standing of the rule", "How computed")
    heads = "".join(f'<th scope="col"{_side(i)}>{h}</th>' for i, h in enumerate(head))
    judged = [finding for finding in order if finding.verdict not in UNJUDGED]
    unjudged = [finding for finding in order if finding.verdict in UNJUDGED]
    bodies = "".join(
        f"<tbody>{title}{''.join(_finding_row(finding, long_run, charts) for finding in part)}</tbody>"
        for part, title in ((judged, ""), (unjudged, _apart(len(unjudged), len(head))))
        if part
    )
    return (
        f'<div class="scroll"><table class="findings"><thead><tr>{heads}</tr></thead>{bodies}'
        f'</table></div>{_none_judged(order)}<p class="hint">{remark}A verdict is this model’s '
        "reading of a rule, not a certificate. “Not evaluated” and “EMT required” (outside what an engine of "
        "RMS values can decide) are never a pass. Margin: share of the limit left. “Marginal”: admissible "
        "readings of the rule disagree, or the margin is below the resolution.</p>" + _printed_notes(order)
    )


def _apart(count: int, columns: int) -> str:
    words = "1 rule" if count == 1 else f"{count} rules"
    return (
        f'<tr class="apart"><th scope="rowgroup" colspan="{columns}">Not judged: of {words} nothing is known'
        "</th></tr>"
    )


def _event_rows(events: list[EventLike], long_run: bool) -> Iterator[tuple[str, ...]]:
    for event in events:
        half_s = min(max(1.0, 1.5 * (event.duration_s or 0.0)), 600.0)
        yield (
            jump(event.time_s, half_s, text(clock(event.time_s, long_run=long_run))),
            text(plain_name(event.kind)),
            text(event.place),
            text(quantity(event.value, event.unit, like=event.limit)),
            text(quantity(event.limit, event.unit, like=event.limit)),
            text(duration(event.duration_s)),
        )


def event_table(result: ResultLike) -> str:
    """Events in time; long lists are counted by kind and place, and folded."""
    events = list(result.events)
    lost = not_recorded(result, "events.json")
    if lost:
        return f"<p>{text(lost)}</p>"
    if not events:
        return "<p>No events.</p>" if result.ticks else "<p>Not recorded.</p>"
    head = ("Time", "Kind", "Place", "Value", "Limit", "Duration")
    if len(events) <= EVENTS_OPEN:
        return table(head, _event_rows(events, is_long(result)), numeric=(3, 4, 5))
    groups: dict[tuple[str, str], list[EventLike]] = {}
    for event in events:
        groups.setdefault((event.kind, event.place), []).append(event)
    counted = (
        (
            text(plain_name(kind)),
            text(place),
            str(len(members)),
            text(clock(members[0].time_s, long_run=is_long(result))),
            text(clock(members[-1].time_s, long_run=is_long(result))),
            text(duration(sum(member.duration_s or 0.0 for member in members))),
        )
        for (kind, place), members in sorted(groups.items())
    )
    listed = events[:EVENTS_LISTED]
    short = f", the first {len(listed)} of them" if len(listed) < len(events) else ""
    return (
        table(("Kind", "Place", "Count", "First", "Last", "Total duration"), counted, numeric=(2, 3, 4, 5))
        + f'<details class="noprint"><summary>All {len(events)} events{short}</summary>'
        + table(head, _event_rows(listed, is_long(result)), numeric=(3, 4, 5))
        + "</details>"
    )


def ledger_table(result: ResultLike) -> str:
    """The energy balance with shares of what the sources gave, and the residual."""
    ledger = result.ledger
    if not ledger.recorded:
        return f"<p>{text(not_recorded(result, 'ledger.json') or 'Not recorded.')}</p>"
    factor, unit = scaling(ledger.through_j, "J")
    groups = (("source", "Sources"), ("load", "Loads"), ("loss", "Losses"), ("stored", "Stored (gain)"))
    rows: list[str] = []

    def line(name: str, energy_j: float, kind: str = "") -> str:
        of_sources = ledger.share(energy_j)
        share = "–" if math.isnan(of_sources) else f"{100 * of_sources:.3f} %".replace("-", "−")
        shown = fixed(energy_j * factor, ledger.through_j * factor, 5)
        cells = f'<td>{text(name)}</td><td class="n">{shown}</td><td class="n">{share}</td>'
        return f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>"

    for group, label in groups:
        members = [entry for entry in ledger.entries if entry.group == group]
        if members:
            rows.append(line(label, math.fsum(entry.energy_j for entry in members), "sum"))
            rows.extend(line(entry.name, entry.energy_j) for entry in members)
    residual = f"{ledger.residual_j:.3g} J ({ledger.residual_relative:.2g} of the energy that passed)"
    unserved = any(entry.name == "poi.unserved" and entry.energy_j for entry in ledger.entries)
    about = (
        "Loads are what the site asks for; poi.unserved takes off what the grid could not give. "
        if unserved
        else ""
    )
    return (
        '<div class="scroll"><table class="ledger"><thead><tr><th scope="col">Entry</th><th '
        f'scope="col" class="n">{unit}</th>'
        f'<th scope="col" class="n">Share</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        '<p class="hint">Sources = loads + losses + stored. Residual of the balance: '
        f"<b>{text(residual.replace('-', '−'))}</b>. "
        "Shares are of the sources together. Storage cells count as a source, negative when they end fuller "
        f"than they began. {about}The drawing leaves out flows below 0.05 %.</p>"
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """Energies of one storage unit [J]; NaN where the run did not keep the signal."""

    capacity_j: float
    out_j: float
    in_j: float
    losses_j: tuple[float, float]

    @classmethod
    def of(cls, result: ResultLike, unit: str) -> _Work:
        power = Reader(result, f"storage.{unit}.power_w")
        losses = [Reader(result, f"storage.{unit}.{part}_loss_w") for part in ("cell", "converter")]
        out_j, in_j = (power.integral(+1), power.integral(-1)) if power else (math.nan, math.nan)
        cells_j, converter_j = (loss.integral() if loss else math.nan for loss in losses)
        capacity_j = nominal_energy_j(result.scenario.model.storage[unit]) or math.nan
        return cls(capacity_j, out_j, in_j, (cells_j, converter_j))


def _storage_row(result: ResultLike, unit: str, work: _Work, factor: float) -> list[str]:
    power = Reader(result, f"storage.{unit}.power_w")
    soc = Reader(result, f"storage.{unit}.soc")
    low, high = power.extremes() if power else (math.nan, math.nan)
    least, most = (100 * x for x in soc.extremes()) if soc else (math.nan, math.nan)
    end = 100 * float(soc.levels[0].mean[-1]) if soc else math.nan
    return [
        unit,
        number(work.capacity_j * factor),
        number(work.out_j * factor),
        number(work.in_j * factor),
        number((work.out_j + work.in_j) / 2 / work.capacity_j, 3),
        decimals(least, most, 2, "%") if soc else "–",
        f"{end:.2f} %" if soc else "–",
        f"{quantity(max(high, 0.0), 'W', digits=3)} / {quantity(max(-low, 0.0), 'W', digits=3)}",
        " + ".join(number(loss_j * factor, 3) for loss_j in work.losses_j),
    ]


def storage_table(result: ResultLike) -> str:
    """What each storage unit did: throughput, cycles, range of the state of charge, peaks, losses."""
    units = storage_units(signal_names(result))
    if not units and result.scenario.model.storage and not result.envelopes:
        return "<p>Not recorded.</p>"
    if not units:
        return "<p>The site has no storage.</p>"
    works = {unit: _Work.of(result, unit) for unit in units}
    factor, energy = energy_scaling(
        size for w in works.values() for size in (w.capacity_j, w.out_j, w.in_j, *w.losses_j)
    )
    head = f"Unit|Nominal energy ({energy})|Delivered ({energy})|Absorbed ({energy})|Full cycles|SoC range"
    head += f"|SoC at end|Peak out / in|Loss: cells + converter ({energy})"
    rows = [[text(cell) for cell in _storage_row(result, unit, work, factor)] for unit, work in works.items()]
    hint = (
        '<p class="hint">Energies at the terminals of the converter. Full cycles: equivalent, half the '
        "throughput over the nominal energy.</p>"
    )
    return table(head.split("|"), rows, numeric=range(1, 9)) + hint
