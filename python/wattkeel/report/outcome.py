"""What happened, in words and in key figures, computed from the record."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wattkeel.report.interface import FindingLike, ResultLike
from wattkeel.report.markup import (
    clock,
    decimals,
    duration,
    energy_scaling,
    is_long,
    number,
    quantity,
    span,
    text,
    unit_of,
)
from wattkeel.report.panels import signal_names, storage_units
from wattkeel.report.series import Band, Reader, largest_change
from wattkeel.summary import Trouble, settled_s, troubles

#: Window of the power variation in words and figures; the rules judge with their own windows.
VARIATION_S = 5.0
#: Most buckets over which extremes in a rolling window are sought.
ROLLING_BUCKETS = 4_000_000
#: Verdicts that say nothing of whether the rule is met.
UNJUDGED = ("emt_required", "not_evaluated")
#: Keys of the summary that hold the largest (max - min) in 5 s.
SUMMARY_RANGES = {"poi.power_w": "poi_range_5s_w", "site.load_power_w": "load_range_5s_w"}


@dataclass(frozen=True, slots=True)
class PowerFigures:
    """Range, mean and variation of one power.

    ``minimum_w``, ``maximum_w``, ``mean_w`` over the run; ``variation_w`` is the largest (max - min) in a
    closed window of `VARIATION_S`, ending at ``variation_end_s``; ``minute_w`` the same in 60 s, NaN for
    shorter runs.
    """

    minimum_w: float
    maximum_w: float
    mean_w: float
    variation_w: float
    variation_end_s: float
    minute_w: float


def power_figures(result: ResultLike, name: str) -> PowerFigures | None:
    """Figures of one power signal; None where the run did not keep it."""
    reader = Reader(result, name)
    if not reader:
        return None
    low, high = reader.extremes()
    band: Band = reader.finest(ROLLING_BUCKETS)
    settle_s = settled_s(result.scenario.model, reader.end_s)
    band = band.cut(round((settle_s - band.start_s) / band.period_s), len(band))
    variation, end_s = largest_change(band, VARIATION_S)
    variation = result.summary.get(SUMMARY_RANGES.get(name, ""), variation)  # exact on runs of any length
    minute = largest_change(band, 60.0)[0]
    return PowerFigures(low, high, reader.mean(), variation, end_s, minute)


def not_recorded(result: ResultLike, *files: str) -> str:
    """What to say where a run lacks all of these files; empty where it has one."""
    if not all(file in result.missing for file in files):
        return ""
    reason = f"{' and '.join(files)} {'is' if len(files) == 1 else 'are'} missing from the run directory"
    return f"Not recorded: {reason if result.complete else 'the run ended before this was written'}."


def found_troubles(result: ResultLike) -> list[Trouble]:
    """What the grid could not carry, from the summary or, in a run without one, from the signals."""
    figures = dict(result.summary)
    for key, name in (
        ("unserved_energy_j", "poi.unserved_power_w"),
        ("curtailed_energy_j", "poi.curtailed_power_w"),
    ):
        reader = Reader(result, name)
        if not result.complete and reader:  # the summary of a killed run is behind its series
            figures[key] = max(figures.get(key, 0.0), reader.integral())
        elif key not in figures and reader:
            figures[key] = reader.integral()
    return troubles(figures, result.event_counts, result.events)


def _verdicts(result: ResultLike) -> str:
    if not_recorded(result, "findings.json"):
        return "Verdicts were not recorded."
    return verdict_sentence(result.findings)


def verdict_sentence(findings: Sequence[FindingLike]) -> str:
    """How many rules are met, violated, marginal or not judged, as a sentence."""
    counts = Counter(finding.verdict for finding in findings)
    judged = sum(count for verdict, count in counts.items() if verdict not in UNJUDGED)
    if not findings:
        return "No connection rule was checked."
    parts = [
        f"{counts['fail']} of {judged} evaluated rules {'is' if counts['fail'] == 1 else 'are'} violated"
    ]
    if not counts["fail"]:
        parts = [f"All {judged} evaluated rules are met" if judged > 1 else "The one evaluated rule is met"]
        if counts["marginal"]:
            parts = [f"No evaluated rule is violated, {counts['marginal']} of {judged} marginal"]
        if not judged:
            parts = ["No rule could be evaluated"]
    elif counts["marginal"]:
        parts.append(f"{counts['marginal']} marginal")
    if counts["not_evaluated"] and judged:
        parts.append(f"{counts['not_evaluated']} could not be evaluated")
    if counts["emt_required"]:
        verb = "needs" if counts["emt_required"] == 1 else "need"
        parts.append(f"{counts['emt_required']} {verb} an EMT study")
    return ", ".join(parts) + "."


def _grid_sentence(result: ResultLike, load: PowerFigures | None, poi: PowerFigures) -> str:
    units = storage_units(signal_names(result))
    long_enough = result.ticks * result.tick_s >= VARIATION_S
    window = f"in any {VARIATION_S:g} s" if long_enough else "over the run"
    window += " after settling" if settled_s(result.scenario.model, result.duration_s) > 0.0 else ""
    control = getattr(result.scenario.model, "control", None)
    idle = getattr(control, "target", "") == "off"
    change = quantity(poi.variation_w, "W", digits=3)
    if math.isnan(poi.variation_w):
        return f"The grid sees {span(poi.minimum_w, poi.maximum_w, 'W', 3)}."
    if not units or load is None or idle:
        why = "; the storage is not used (control.target is off)" if units and idle else ""
        return (
            f"The grid sees {span(poi.minimum_w, poi.maximum_w, 'W', 3)}, at most {change} of "
            f"change {window}{why}."
        )
    storage = f"the storage unit {units[0]}" if len(units) == 1 else f"{len(units)} storage units"
    before = quantity(load.variation_w, "W", like=poi.variation_w, digits=3)
    return (
        f"With {storage} the grid sees {span(poi.minimum_w, poi.maximum_w, 'W', 3)}, at most "
        f"{change} of change {window}; the load alone changes by up to {before}."
    )


def _voltage_sentence(result: ResultLike) -> str:
    parts = []
    voltage = Reader(result, "poi.voltage_pu")
    if voltage:
        shown = decimals(*voltage.extremes(), 3, "pu")
        parts.append(f"the voltage at the POI stays {'within' if '–' in shown else 'at'} {shown}")
    frequency = Reader(result, "poi.frequency_hz")
    if frequency:
        shown = decimals(*frequency.extremes(), 3, "Hz")
        parts.append(f"the frequency {'within' if '–' in shown else 'at'} {shown}")
    sentence = " and ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def outcome(result: ResultLike) -> str:
    """One paragraph of plain language (not yet escaped)."""
    load, poi = power_figures(result, "site.load_power_w"), power_figures(result, "poi.power_w")
    sentences = []
    found = found_troubles(result)
    if found:
        said = "; ".join(f"{trouble.name}: {trouble.amount}" for trouble in found)
        sentences.append(f"The grid could not carry this site: {said}.")
    if result.ticks == 0:
        sentences.append("No tick was recorded.")
    if load is not None:
        low, high = span(load.minimum_w, load.maximum_w, "W", 3), quantity(load.mean_w, "W", digits=3)
        sentences.append(
            f"Over {duration(result.ticks * result.tick_s)} the campus draws {low}, {high} on average."
        )
    if poi is not None:
        sentences.append(_grid_sentence(result, load, poi))
    sentences.append(_voltage_sentence(result))
    sentences.append(_verdicts(result))
    return " ".join(sentence for sentence in sentences if sentence)


def _power_cards(label: str, figures: PowerFigures, long_run: bool) -> list[tuple[str, str, str]]:
    window = f"most in any {VARIATION_S:g} s, reached at {clock(figures.variation_end_s, long_run=long_run)}"
    mean = f"mean {quantity(figures.mean_w, 'W', like=figures.maximum_w)}"
    cards = [(label, span(figures.minimum_w, figures.maximum_w, "W", 4), mean)]
    if not math.isnan(figures.variation_w):
        cards.append((f"{label}: change", quantity(figures.variation_w, "W"), window))
    if not math.isnan(figures.minute_w):
        cards.append((f"{label}: change in 60 s", quantity(figures.minute_w, "W"), "most in any 60 s"))
    return cards


def key_figures(result: ResultLike) -> str:
    """Cards of the figures that an engineer asks for first, then the run's whole summary, folded."""
    cards = [(f"{t.name[0].upper()}{t.name[1:]}", t.amount, "") for t in found_troubles(result)]
    alarms = len(cards)
    for label, name in (("Grid import", "poi.power_w"), ("Site load", "site.load_power_w")):
        figures = power_figures(result, name)
        if figures is not None:
            cards.extend(_power_cards(label, figures, is_long(result)))
    for label, name, unit, digits in (
        ("POI voltage", "poi.voltage_pu", "pu", 4),
        ("Frequency", "poi.frequency_hz", "Hz", 3),
    ):
        reader = Reader(result, name)
        if reader:
            shown = decimals(*reader.extremes(), digits, unit)
            cards.append((label, shown, f"mean {reader.mean():.{digits}f} {unit}"))
    cards.append(_loss_card(result))
    body = "".join(
        f'<div class="card{" alarm" if index < alarms else ""}"><dt>{text(label)}</dt>'
        f"<dd><b>{text(value)}</b><small>{text(note)}</small></dd></div>"
        for index, (label, value, note) in enumerate(cards)
    )
    return f'<dl class="cards">{body}</dl>{_summary_table(result)}'


def _loss_card(result: ResultLike) -> tuple[str, str, str]:
    ledger = result.ledger
    if not ledger.recorded:
        return "Losses", "not recorded", ""
    losses_j = sum(entry.energy_j for entry in ledger.entries if entry.group == "loss")
    share = ledger.share(losses_j)
    note = "" if math.isnan(share) else f"{number(100 * share, 3)} % of what the sources gave"
    return "Losses", quantity(losses_j, "J"), note


def _summary_table(result: ResultLike) -> str:
    lost = not_recorded(result, "summary.json")
    if lost:
        return f"<p>Summary figures. {text(lost)}</p>"
    if not result.summary:
        return ""
    rows = []
    energies = (value for key, value in result.summary.items() if unit_of(key) == "J")
    factor, energy_unit = energy_scaling(energies)
    for key, value in result.summary.items():
        if unit_of(key) == "J":
            shown = f"{number(value * factor)} {energy_unit}"
        else:
            shown = quantity(value, unit_of(key)) if isinstance(value, int | float) else str(value)
        rows.append(f"<div><dt>{text(key)}</dt><dd>{text(shown)}</dd></div>")
    return (
        f"<details><summary>All {len(rows)} summary figures of the run</summary>"
        f'<dl class="pairs">{"".join(rows)}</dl></details>'
    )
