"""What happened, in words and in key figures, computed from the record."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from wattkeel.report.interface import ResultLike
from wattkeel.report.markup import clock, duration, is_long, number, quantity, span, text, unit_of
from wattkeel.report.panels import signal_names, storage_units
from wattkeel.report.series import Band, Reader, largest_change
from wattkeel.summary import settled_s

#: Window of the power variation in words and figures; the rules judge with their own windows.
VARIATION_S = 5.0
#: Most buckets over which extremes in a rolling window are sought.
ROLLING_BUCKETS = 4_000_000
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


def _verdicts(result: ResultLike) -> str:
    counts = Counter(finding.verdict for finding in result.findings)
    judged = sum(count for verdict, count in counts.items() if verdict != "not_evaluated")
    if not result.findings:
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
    if counts["not_evaluated"]:
        parts.append(f"{counts['not_evaluated']} could not be evaluated")
    return ", ".join(parts) + "."


def _grid_sentence(result: ResultLike, load: PowerFigures | None, poi: PowerFigures) -> str:
    units = storage_units(signal_names(result))
    window = f"{VARIATION_S:g} s" if result.duration_s >= VARIATION_S else "the run"
    window += " after settling" if settled_s(result.scenario.model, result.duration_s) > 0.0 else ""
    change = quantity(poi.variation_w, "W", digits=3)
    if math.isnan(poi.variation_w):
        return f"The grid sees {span(poi.minimum_w, poi.maximum_w, 'W', 3)}."
    if not units or load is None:
        return (
            f"The grid sees {span(poi.minimum_w, poi.maximum_w, 'W', 3)}, at most {change} of "
            f"change in any {window}."
        )
    storage = f"the storage unit {units[0]}" if len(units) == 1 else f"{len(units)} storage units"
    before = quantity(load.variation_w, "W", like=poi.variation_w, digits=3)
    return (
        f"With {storage} the grid sees {span(poi.minimum_w, poi.maximum_w, 'W', 3)}, at most "
        f"{change} of change in any "
        f"{window}; the load alone changes by up to {before}."
    )


def _voltage_sentence(result: ResultLike) -> str:
    parts = []
    voltage = Reader(result, "poi.voltage_pu")
    if voltage:
        low, high = voltage.extremes()
        parts.append(f"the voltage at the POI stays within {low:.3f}–{high:.3f} pu")
    frequency = Reader(result, "poi.frequency_hz")
    if frequency:
        low, high = frequency.extremes()
        parts.append(f"the frequency within {low:.3f}–{high:.3f} Hz")
    sentence = " and ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def outcome(result: ResultLike) -> str:
    """One paragraph of plain language (not yet escaped)."""
    load, poi = power_figures(result, "site.load_power_w"), power_figures(result, "poi.power_w")
    sentences = []
    if load is not None:
        low, high = span(load.minimum_w, load.maximum_w, "W", 3), quantity(load.mean_w, "W", digits=3)
        sentences.append(
            f"Over {duration(result.ticks * result.tick_s)} the campus draws {low}, {high} on average."
        )
    if poi is not None:
        sentences.append(_grid_sentence(result, load, poi))
    sentences.append(_voltage_sentence(result))
    unserved = Reader(result, "poi.unserved_power_w")
    if unserved and unserved.integral() > 0:
        sentences.append(f"{quantity(unserved.integral(), 'J')} of load could not be served.")
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
    cards: list[tuple[str, str, str]] = []
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
            low, high = reader.extremes()
            cards.append(
                (
                    label,
                    f"{low:.{digits}f}–{high:.{digits}f} {unit}",
                    f"mean {reader.mean():.{digits}f} {unit}",
                )
            )
    ledger = result.ledger
    losses_j = sum(entry.energy_j for entry in ledger.entries if entry.group == "loss")
    share = (
        f"{number(100 * losses_j / ledger.through_j, 3)} % of the energy that passed"
        if ledger.through_j
        else ""
    )
    cards.append(("Losses", quantity(losses_j, "J"), share))
    body = "".join(
        f'<div class="card"><dt>{text(label)}</dt><dd><b>{text(value)}</b><small>{text(note)}'
        "</small></dd></div>"
        for label, value, note in cards
    )
    return f'<dl class="cards">{body}</dl>{_summary_table(result)}'


def _summary_table(result: ResultLike) -> str:
    if not result.summary:
        return ""
    rows = []
    for key, value in result.summary.items():
        shown = quantity(value, unit_of(key)) if isinstance(value, int | float) else str(value)
        rows.append(f"<div><dt>{text(key)}</dt><dd>{text(shown)}</dd></div>")
    return (
        f"<details><summary>All {len(rows)} summary figures of the run</summary>"
        f'<dl class="pairs">{"".join(rows)}</dl></details>'
    )
