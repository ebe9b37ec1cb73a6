"""The verdict on a table of bands, from excursions, obligations and losses of load.

A rule is one band. Its limit is the time for which the record asks the site to stay in it: the time of the
rule, or less where the value leaves the band (or the obligation ends) before. Its value is the time for which
the load stayed. So a record that stays in a band for 66 ms says that the load stayed for 66 ms, and not that
it would have stayed for the 250 ms of the rule; that is for the ride-through sweep to show.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wattkeel import measures
from wattkeel.compliance.bands import Band, Excursions, Table, Ticks
from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.judged import Judged, plain
from wattkeel.compliance.losses import Loss
from wattkeel.compliance.quantities import need_time
from wattkeel.compliance.record import CannotJudgeError, Measured, Reading, Record

__all__ = ["Ask", "View", "band_name", "judge_bands", "merged", "unjudged"]

SWEEP = "sweep depth and duration with `wattkeel capability` to see whether the load would ride through"
SHORTER = "the record asks for less time than the rule: it shows that the load rode what there was, no more"
RANK: dict[str, int] = {"pass": 0, "marginal": 1, "fail": 2}
#: Shortest record that shows load staying where nothing happens, s; shorter where a table's times are.
LEAST_S = 1.0
#: Modes of operation in which the site may cease, or must.
CEASING = ("permissive", "momentary_cessation")
#: Excursions and losses listed in a finding.
LISTED = 20
#: Share of a time that is only known "about", within which a trip is marginal.
APPROXIMATE = 0.1


@dataclass(frozen=True, slots=True)
class View:
    """One way to read a table of rules on a record.

    Attributes
    ----------
    labels : tuple of str
        What tells this reading from the others, one text per question left open.
    table : Table
    timer : str
        One of `wattkeel.compliance.bands.TIMERS`.
    below, above : Excursions
    losses : sequence of Loss
        Losses of load that count in this reading.
    undecided : sequence of Loss
        Of those, the ones of which the record ends too soon to tell.
    counts_cessation : bool
        Whether a momentary cessation counts as a loss.
    ends : ndarray or None
        Ticks for which each excursion below obliges, where that does not follow from the bands.
    untold : frozenset of int
        First ticks of the excursions that say nothing, since there was no load to lose.
    """

    labels: tuple[str, ...]
    table: Table
    timer: str
    below: Excursions
    above: Excursions
    losses: Sequence[Loss]
    undecided: Sequence[Loss] = ()
    counts_cessation: bool = False
    ends: Ticks | None = None
    untold: frozenset[int] = frozenset()

    def obliged(self, side: Excursions) -> Ticks:
        """Ticks for which each excursion of a side obliges the site to stay."""
        if self.ends is not None and side.below:
            return self.ends
        return side.obliged(self.table.side(side.below), self.timer)

    def side(self, below: bool) -> Excursions:
        """Excursions of one side."""
        return self.below if below else self.above


@dataclass(frozen=True, slots=True)
class Ask:
    """What a table of bands is judged for.

    Attributes
    ----------
    block, unit, quantity : str
        Block of the profile, unit of the value, and signal.
    excused : callable
        Whether a loss that began while the value was normal is put down to another quantity.
    method : str
        How losses were told.
    drops : str
        Of a measured record: a fall of power while the value was normal, which may be a loss or not.
    notes : list of str
        Remarks for every band.
    curve : dict or None
        Corners of the required curve, where they do not follow from the bands.
    """

    block: str
    unit: str
    quantity: str
    excused: Callable[[Loss], bool]
    method: str = ""
    drops: str = ""
    notes: list[str] = field(default_factory=list)
    curve: dict[str, list[list[float]]] | None = None

    def on(self, method: str, drops: str, notes: list[str]) -> Ask:
        """Add what the record gave."""
        return replace(self, method=method, drops=drops, notes=[*self.notes, *notes])

    def drawn(self, curve: dict[str, list[list[float]]]) -> Ask:
        """Take another curve for the drawing."""
        return replace(self, curve=curve)


def unjudged(ask: Ask, table: Table, reason: str) -> list[Judged]:
    """Every band of a table without a verdict, for one reason."""
    return [
        Judged(band_name(ask.block, band, ask.unit, table.choice), reason=reason, row=band.row)
        for band in table.bands
    ]


def judge_bands(record: Record, ask: Ask, views: Sequence[View]) -> list[Judged]:
    """One `Judged` per band of a table.

    Parameters
    ----------
    record : Record
    ask : Ask
    views : sequence of View
        All readings; the bands of their tables correspond, one by one.
    """
    table = views[0].table
    ridden = [_of_view(view, ask) for view in views]
    judged = []
    for index, band in enumerate(table.bands):
        name = band_name(ask.block, band, ask.unit, table.choice)
        spared = ""
        try:
            _need_trip(record, table, band, views)
            if band.continuous:
                found = _continuous(record, ask, views, index)
            else:
                found, spared = _timed(record, ask, views, ridden, index)
        except CannotJudgeError as reason:
            judged.append(Judged(name, reason=str(reason), row=band.row))
            continue
        if spared:
            judged.append(Judged(name, found, verdict="marginal", row=band.row, notes=[spared]))
        else:
            judged.append(Judged(name, measured=found, row=band.row))
    return judged


def _need_trip(record: Record, table: Table, band: Band, views: Sequence[View]) -> None:
    """Raise CannotJudgeError for a band above nominal of a run that lost nothing.

    Cessation, counters, separation and relays of the site act below thresholds: no trip above nominal is in
    the model, so that riding through would be asserted.
    """
    if not record.simulated or record.load_model is None or band.continuous or band.low < table.high:
        return
    if any(len(view.above) for view in views) and not any(view.losses or view.undecided for view in views):
        raise CannotJudgeError(
            "no part of the load of this run can leave above nominal, so that riding through would be "
            "asserted, not shown: judge a measured record"
        )


def band_name(block: str, band: Band, unit: str, choice: str) -> str:
    """Name of a band's rule: block, edges, time, choice."""
    parts = [block, str(band.row.keys.get("name", "")), f"{band_text(band)} {unit}"]
    if band.continuous:
        parts.append("continuous")
    elif math.isnan(band.least_s):
        parts.append("time of the operator")
    elif band.slope_s:
        parts.append(f"{band.shortest_s():g}-{band.longest_s():g} s")
    else:
        parts.append(f"{band.least_s:g} s")
    return " ".join(part for part in (*parts, choice) if part)


def band_text(band: Band) -> str:
    """Edges of a band as text."""
    if math.isinf(band.high):
        return f">={band.low:g}"
    if math.isinf(band.low):
        return f"<{band.high:g}"
    return f"{band.low:g}-{band.high:g}"


# ------------------------------------------------------------------------------------------ timed bands


@dataclass(frozen=True, slots=True)
class _Ridden:
    """What one excursion says of one band."""

    number: int
    value_s: float
    limit_s: float
    verdict: Verdict
    loss: Loss | None

    def rank(self) -> tuple[int, float, float]:
        return RANK[self.verdict], self.limit_s - self.value_s, self.limit_s


@dataclass(frozen=True, slots=True)
class _OfView:
    """What the bands of a table say in one reading.

    `by_band` holds the timed bands by number (without those that the reading leaves to others), `violating`
    the losses that violate any band.
    """

    by_band: dict[int, list[_Ridden]]
    violating: list[Loss]


def _of_view(view: View, ask: Ask) -> _OfView:
    """What all bands say in one reading, and which losses violate any of them."""
    by_band: dict[int, list[_Ridden]] = {}
    violating: list[Loss] = []
    for index, band in enumerate(view.table.bands):
        if band.continuous:
            violating += [loss for loss in view.losses if _in_band(loss, view) and not ask.excused(loss)]
            continue
        if view.counts_cessation and band.row.keys.get("mode") in CEASING:
            continue
        by_band[index] = _ridden(view.side(band.high <= view.table.low), view, band)
        violating += [one.loss for one in by_band[index] if one.verdict == "fail" and one.loss is not None]
    return _OfView(by_band, violating)


def _timed(
    record: Record, ask: Ask, views: Sequence[View], ridden: Sequence[_OfView], index: int
) -> tuple[Measured, str]:
    """Readings of a timed band; and, where it is violated in some readings only, in which it is not."""
    first = views[0].table.bands[index]
    if math.isnan(first.least_s):
        raise CannotJudgeError("the system operator sets the time, which is not known")
    need_time(record, first.shortest_s())
    readings: list[tuple[tuple[str, ...], Reading]] = []
    picked: list[tuple[View, _Ridden]] = []
    for view, of_view in zip(views, ridden, strict=True):
        band = view.table.bands[index]
        side = view.side(band.high <= view.table.low)
        if not of_view.by_band.get(index):
            continue
        worst = max(of_view.by_band[index], key=_Ridden.rank)
        picked.append((view, worst))
        start = int(side.first[worst.number])
        at = start if worst.loss is None else worst.loss.tick
        length_s = int(side.last[worst.number] - side.first[worst.number]) * side.tick_s
        reading = Reading(
            "", worst.value_s, at * side.tick_s, length_s, limit=worst.limit_s, verdict=worst.verdict
        )
        readings.append((view.labels, reading))
    if not readings:
        raise CannotJudgeError(_not_entered(record, ask, views, index))
    merged_readings = merged(readings)
    view, worst = max(picked, key=lambda item: item[1].rank())
    notes = [*_about_time(first, worst), *ask.notes, *_about_row(first)]
    if worst.loss is not None:
        notes.insert(0, worst.loss.text(record.tick_s))
    side = view.side(first.high <= view.table.low)
    details = _details(ask, view, side) | {
        "band": [None if math.isinf(edge) else edge for edge in (first.low, first.high)],
        "min_duration_s": first.shortest_s(),
        "row": plain(first.row.keys),
    }
    if worst.limit_s < first.shortest_s() * (1.0 - measures.TOLERANCE):
        details["cautions"] = [SHORTER]
    method = (
        "time for which the load stayed connected while the value was in the band, of the time for which it "
        f"had to, worst excursion; timers are reset on return to the continuous band; {ask.method}"
    )
    found = Measured(
        merged_readings, first.shortest_s(), "s", method, notes, at_least=True, details=details,
        quantity=ask.quantity,
    )  # fmt: skip
    return found, _spared(views, ridden, index, worst)


def _spared(views: Sequence[View], ridden: Sequence[_OfView], index: int, worst: _Ridden) -> str:
    """Readings in which the load is not in this band when it leaves, and violates no other."""
    if worst.verdict != "fail" or worst.loss is None:
        return ""
    labels = []
    for view, of_view in zip(views, ridden, strict=True):
        absent = index in of_view.by_band and not of_view.by_band[index]
        if absent and worst.loss in view.losses and worst.loss not in of_view.violating:
            labels.append(", ".join(label for label in view.labels if label))
    if not labels:
        return ""
    return f"not violated where the value is read otherwise ({'; '.join(dict.fromkeys(labels))})"


def _ridden(side: Excursions, view: View, band: Band) -> list[_Ridden]:
    """What every excursion that asks something of a band says of it."""
    if not len(side):
        return []
    bands = view.table.side(side.below)
    inside = band.holds(side.value)
    entered = np.add.reduceat(inside, side.start[:-1]) > 0
    if not entered.any():
        return []
    counts = side.timers(side.runs(band, view.timer, bands))
    length = side.last - side.first
    open_until = view.obliged(side)
    obliged = np.minimum(open_until, length)
    # a band that is entered only after the obligation has ended asks for nothing
    asked = np.where(_count_at(side.timers(inside), side, obliged) > 0, _count_at(counts, side, obliged), 0)
    rode = _count_at(counts, side, length)
    out = []
    by_number, off = _losses_of(side, view.losses)
    for number in np.flatnonzero(entered).tolist():
        if number in off or int(side.first[number]) in view.untold:
            continue
        loss = by_number.get(number)
        ticks = int(asked[number]), int(rode[number]), int(open_until[number])
        one = _one(side, view, band, number, inside, counts, ticks, loss)
        if one is not None:
            out.append(one)
    return out


def _one(
    side: Excursions, view: View, band: Band, number: int, inside: np.ndarray, counts: Ticks,
    ticks: tuple[int, int, int], loss: Loss | None,
) -> _Ridden | None:  # fmt: skip
    begin = int(side.start[number])
    asked, rode, open_until = ticks
    blamed, spare_s = False, 0.0
    if loss is not None:
        place = loss.tick - int(side.first[number])
        rode = int(counts[begin + place - 1]) if place > 0 else 0
        end = int(side.start[number + 1])
        blamed = bool(inside[min(begin + place, end - 1)])
        if not blamed:  # the load left in another band: only what it rode before counts
            if not inside[begin : begin + place].any():
                return None
            asked = min(asked, rode)
        else:
            place_at = side.value[min(begin + place, end - 1)]
            spare_s = (place - open_until) * side.tick_s
            if open_until > end - begin:  # still obliged when the voltage came back: its time is the rule's
                spare_s = rode * side.tick_s - float(band.time_s(place_at))
                asked = max(asked, rode + 1)  # nor may the load leave right then
    limit_s = min(asked * side.tick_s, band.longest_s())
    if asked == 0:
        return None
    value_s = rode * side.tick_s
    verdict: Verdict = "pass"
    if blamed and loss is not None:
        verdict = _verdict(spare_s, value_s, band, side.tick_s)
        if loss in view.undecided and verdict == "fail":
            verdict = "marginal"
    return _Ridden(number, value_s, limit_s, verdict, loss if blamed else None)


def _verdict(spare_s: float, rode_s: float, band: Band, tick_s: float) -> Verdict:
    """Of a load that left: too soon, in time, or within what the sampling or the rule can tell."""
    resolution_s = tick_s
    if band.row.keys.get("approximate"):
        resolution_s = max(resolution_s, APPROXIMATE * band.shortest_s())
    if abs(spare_s) <= resolution_s * (1.0 + 1e-6):
        return "marginal"
    if spare_s < 0.0:
        return "fail"
    return "marginal" if band.most_s > band.least_s and rode_s < band.most_s else "pass"


def _count_at(counts: Ticks, side: Excursions, ticks: Ticks) -> Ticks:
    """Timer of each excursion after so many of its ticks."""
    place = side.start[:-1] + ticks - 1
    return np.where(ticks > 0, counts[np.maximum(place, 0)], 0)


def _losses_of(side: Excursions, losses: Sequence[Loss]) -> tuple[dict[int, Loss], set[int]]:
    """First loss within each excursion, and the excursions at whose start load was off already.

    A loss in the first sample after an excursion is one of it: the sampling cannot tell.
    """
    found: dict[int, Loss] = {}
    off: set[int] = set()
    for loss in losses:
        number = side.of(loss.tick)
        if number is None:
            number = side.of(loss.tick - 1)
        if number is not None:
            found.setdefault(number, loss)
        low = int(np.searchsorted(side.first, loss.tick, side="right"))
        high = int(np.searchsorted(side.first, loss.end, side="left"))
        off.update(range(low, high))
    return found, off


def _not_entered(record: Record, ask: Ask, views: Sequence[View], index: int) -> str:
    band = views[0].table.bands[index]
    below = band.high <= views[0].table.low
    entered = any(band.holds(view.side(below).value).any() for view in views)
    if entered:
        empty = "with no import before, " if any(view.untold for view in views) else ""
        return (
            f"the record enters this band only while the load was off already, {empty}or after the "
            f"obligation had ended; {SWEEP}"
        )
    sides = [view.side(below) for view in views if len(view.side(below))]
    if sides:
        extreme = (min if below else max)(
            float((side.value.min if below else side.value.max)()) for side in sides
        )
        reach = f"{'lowest' if below else 'highest'} value {extreme:.4g} {ask.unit}"
    else:
        reach = "no excursion on this side"
    return f"the record does not enter this band ({reach}); {SWEEP}"


def _about_time(band: Band, worst: _Ridden) -> list[str]:
    asked = f"{band.shortest_s():g}" + (f"-{band.longest_s():g}" if band.slope_s else "")
    if worst.limit_s < band.shortest_s() * (1.0 - measures.TOLERANCE):
        return [f"the rule asks for {asked} s, the record for {worst.limit_s:.6g} s of them"]
    return [f"the rule asks for {asked} s"]


def _about_row(band: Band) -> list[str]:
    keys, notes = band.row.keys, []
    if keys.get("approximate"):
        notes.append("the rule's figures are approximate")
    if keys.get("upper_bound_seen") is False or keys.get("lower_bound_seen") is False:
        notes.append("the outer edge of the band was not seen")
    if keys.get("implied"):
        notes.append("the band is implied, not written in the rule")
    if keys.get("tso"):
        notes.append("the system operator may ask for longer")
    if keys.get("mode") not in (None, "mandatory"):
        notes.append(f"mode of operation: {str(keys['mode']).replace('_', ' ')}")
    return notes


# ------------------------------------------------------------------------------------------- continuous


def _continuous(record: Record, ask: Ask, views: Sequence[View], index: int) -> Measured:
    resolution_s = min(view.table.resolution_s() for view in views)
    if math.isfinite(resolution_s):
        need_time(record, resolution_s)
    if views[0].below.judged * record.tick_s < min(resolution_s, LEAST_S):
        raise CannotJudgeError(f"record of {record.length()} is too short to show that load stays")
    if ask.drops:
        raise CannotJudgeError(ask.drops)
    readings: list[tuple[tuple[str, ...], Reading]] = []
    notes: list[str] = []
    judged = views[0].below.judged
    for view in views:
        outside = np.concatenate((view.below.at, view.above.at))
        limit_s = (judged - outside.size) * record.tick_s
        if limit_s <= 0.0:
            continue
        loss = next((loss for loss in view.losses if _in_band(loss, view) and not ask.excused(loss)), None)
        value_s, at_s, verdict = limit_s, None, "pass"
        if loss is not None:
            before = loss.tick - record.first() - int(np.count_nonzero(outside < loss.tick))
            value_s, at_s = before * record.tick_s, loss.tick * record.tick_s
            verdict = "marginal" if loss in view.undecided else "fail"
            notes = [loss.text(record.tick_s)]
        elif (loss := next((loss for loss in view.losses if _between(loss, view)), None)) is not None:
            at_s, verdict = loss.tick * record.tick_s, "marginal"
            notes = [f"{loss.text(record.tick_s)}, at a value for which the table has no row"]
        readings.append((view.labels, Reading("", value_s, at_s, limit=limit_s, verdict=verdict)))  # type: ignore[arg-type]
    if not readings:
        raise CannotJudgeError("the record does not enter this band")
    band = views[0].table.bands[index]
    method = f"time in the band until load left in it, of all time in the band; {ask.method}"
    details = _details(ask, views[0], views[0].below) | {
        "band": [None if math.isinf(edge) else edge for edge in (band.low, band.high)],
        "row": plain(band.row.keys),
    }
    return Measured(
        merged(readings), judged * record.tick_s, "s", method, [*notes, *ask.notes, *_about_row(band)],
        at_least=True, details=details, quantity=ask.quantity,
    )  # fmt: skip


def _in_band(loss: Loss, view: View) -> bool:
    return all(
        side.of(tick) is None for side in (view.below, view.above) for tick in (loss.tick, loss.tick - 1)
    )


def _between(loss: Loss, view: View) -> bool:
    """Whether load left at a value between the bands of a table, while the site still had to stay."""
    for side in (view.below, view.above):
        number, bands = side.of(loss.tick), view.table.side(side.below)
        if number is None or not bands:
            continue
        place = loss.tick - int(side.first[number])
        value = side.value[int(side.start[number]) + place : int(side.start[number]) + place + 1]
        edge = min(band.low for band in bands) if side.below else max(band.high for band in bands)
        within = bool(value[0] >= edge if side.below else value[0] < edge)
        still = place < int(view.obliged(side)[number])
        return within and still and not any(band.holds(value)[0] for band in view.table.bands)
    return False


# ---------------------------------------------------------------------------------------------- readings


def merged(readings: Sequence[tuple[tuple[str, ...], Reading]]) -> list[Reading]:
    """Readings without those that a question left open does not change, labelled by what is left.

    Parameters
    ----------
    readings : sequence of (labels, Reading)
        Labels: one text per question, in one order.
    """
    kept = list(readings)
    questions = len(kept[0][0]) if kept else 0
    open_ = list(range(questions))
    for question in range(questions):
        groups: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}
        seen: dict[tuple[str, ...], set[str]] = {}
        for labels, reading in kept:
            rest = tuple(labels[i] for i in open_ if i != question)
            groups.setdefault(rest, set()).add((reading.value, reading.limit, reading.verdict))
            seen.setdefault(rest, set()).add(labels[question])
        options = {labels[question] for labels, _ in kept}
        same = all(len(found) == 1 for found in groups.values())
        if len(options) == 1 or (same and all(found == options for found in seen.values())):
            open_.remove(question)
            unique: dict[tuple[str, ...], tuple[tuple[str, ...], Reading]] = {}
            for labels, reading in kept:
                unique.setdefault(tuple(labels[i] for i in open_), (labels, reading))
            kept = list(unique.values())
    return [
        replace(reading, label=", ".join(labels[i] for i in open_ if labels[i])) for labels, reading in kept
    ]


# ----------------------------------------------------------------------------------------------- details


def _details(ask: Ask, view: View, side: Excursions) -> dict[str, Any]:
    """Required curve, and the excursions that say most, for drawing."""
    by_number, _ = _losses_of(side, view.losses)
    length = (side.last - side.first) * side.tick_s
    extreme = side.extreme()
    depth = extreme if side.below else -extreme
    order = sorted(range(len(side)), key=lambda k: (k not in by_number, depth[k], -length[k]))[:LISTED]
    if len(side):
        obliged = np.minimum(view.obliged(side), side.last - side.first)
    else:
        obliged = np.empty(0, np.int64)
    rows = []
    for k in sorted(order):
        loss = by_number.get(k)
        left_s = None if loss is None else loss.tick * side.tick_s
        rows.append({
            "start_s": float(side.first[k]) * side.tick_s, "duration_s": float(length[k]),
            "extreme": float(extreme[k]), "obliged_s": float(obliged[k]) * side.tick_s, "left_s": left_s,
        })  # fmt: skip
    return {
        "curve": ask.curve or view.table.curve(),
        "unit": ask.unit,
        "side": "low" if side.below else "high",
        "excursions": rows,
        "excursion_count": len(side),
    }
