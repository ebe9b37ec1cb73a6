"""Voltage ride-through: bands of low and high voltage, curves over the time of a fault, over-voltages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from wattkeel.compliance.band_judge import Ask, View, judge_bands
from wattkeel.compliance.bands import TIMERS, Band, Excursions, Table, excursions, tables
from wattkeel.compliance.judged import Judged
from wattkeel.compliance.losses import COUNTED, RETURN_S, Loss, of_power, of_run, unreturned
from wattkeel.compliance.profile import Profile, Row
from wattkeel.compliance.quantities import FREQUENCY, VOLTAGE, need_model, of_voltage
from wattkeel.compliance.record import Array, CannotJudgeError, Record

__all__ = [
    "counted_losses",
    "frequency_band",
    "overvoltage_withstand",
    "split_unseen",
    "timers_of",
    "voltage_band",
    "voltage_ride_through",
]

#: Bands in which a quantity is normal where a profile names none: pu, and Hz either side of nominal.
NORMAL_PU, NORMAL_HZ = (0.9, 1.1), 1.2
#: Time after an excursion of another quantity in which a loss is put down to that, s.
AFTER_S = 1.0

Sides = tuple[Excursions, Excursions]


def voltage_ride_through(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``voltage_ride_through``: one `Judged` per band of each table."""
    block = "voltage_ride_through"
    judged, rows = split_unseen(profile, block)
    if not rows:
        return judged
    for table in tables(rows, "v_min_pu", "v_max_pu", 1.0):
        judged += _judge(record, profile, block, [("", table)])
    return judged


def overvoltage_withstand(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``overvoltage_withstand``: single points (voltage, time).

    A point may be meant from its voltage on or up to it: both readings.
    """
    block = "overvoltage_withstand"
    judged, rows = split_unseen(profile, block)
    if not rows:
        return judged
    rows = sorted(rows, key=lambda row: float(row.keys["v_pu"]))
    points = [float(row.keys["v_pu"]) for row in rows]
    normal = voltage_band(profile)[1]
    upward = [*points[1:], math.inf]
    downward = [min(normal, points[0]), *points[:-1]]
    readings = []
    for label, lows, highs in (
        ("from the voltage named on", points, upward),
        ("up to the voltage named", downward, points),
    ):
        bands = tuple(
            Band(low, high, row, least_s=float(row.keys["min_duration_s"]), most_s=float(row.keys["min_duration_s"]))
            for low, high, row in zip(lows, highs, rows, strict=True)
            if low < high
        )
        if len(bands) == len(rows):
            readings.append((label, Table("", bands, -math.inf, bands[0].low)))
    return judged + _judge(record, profile, block, readings)


def _judge(
    record: Record, profile: Profile, block: str, readings: Sequence[tuple[str, Table]]
) -> list[Judged]:
    need_model(record, VOLTAGE)
    voltages = of_voltage(record, profile.head)
    views: list[View] = []
    method = ""
    for label, table in readings:
        for quantity, low, high in voltages:
            sides = _sides(record, low, high, table)
            for words, losses, undecided, method in counted_losses(record, profile, sides, low):  # noqa: B007
                for timer in timers_of(profile):
                    labels = (TIMERS[timer], quantity, words, label)
                    views.append(
                        View(labels, table, timer, *sides, losses, undecided, words == COUNTED)
                    )
    size = voltages[0][1].size - record.first()
    excused = _excused_by_frequency(record, profile)
    drops = unexplained_drops(record, [side for view in views for side in (view.below, view.above)])
    return judge_bands(record, Ask(block, "pu", VOLTAGE, size, method, excused, drops), views)


def _sides(record: Record, low: Array, high: Array, table: Table) -> Sides:
    first, tick_s = record.first(), record.tick_s
    below = excursions(low, first, table, True, tick_s)
    return below, excursions(high, first, table, False, tick_s)


def split_unseen(profile: Profile, block: str) -> tuple[list[Judged], list[Row]]:
    """Rows of a block whose numbers were not seen, as findings without a verdict; and the others."""
    judged, rows = [], []
    for row in profile.rows_of(block):
        own = bool(row.keys.get("evidence")) or profile.seen
        if row.seen and own:
            rows.append(row)
            continue
        words = [block, *(str(row.keys[key]) for key in ("name", "who", "area", "category") if key in row.keys)]
        note = row.keys.get("note")
        reason = "the numbers of this rule were not seen" + (f": {note}" if note else "")
        judged.append(Judged(" ".join([*words, "(not seen)"]), reason=reason, row=row))
    return judged, rows


def timers_of(profile: Profile) -> list[str]:
    """Ways in which the timers of a profile may run."""
    given = str(profile.head.get("timer", "unspecified")).replace(" ", "_")
    for timer in TIMERS:
        if given.startswith(timer):
            return [timer]
    return ["nested", "per_band"]


def voltage_band(profile: Profile) -> tuple[float, float]:
    """Band of voltage in which nothing is the matter, pu: that of the profile's table, else 0.9 to 1.1."""
    return _normal(profile, "voltage_ride_through", "v_min_pu", "v_max_pu", 1.0) or NORMAL_PU


def frequency_band(record: Record, profile: Profile) -> tuple[float, float]:
    """Band of frequency in which nothing is the matter, Hz."""
    nominal_hz = record.nominal_frequency_hz
    found = _normal(profile, "frequency_ride_through", "f_min_hz", "f_max_hz", nominal_hz)
    return found or (nominal_hz - NORMAL_HZ, nominal_hz + NORMAL_HZ)


def _normal(profile: Profile, block: str, low: str, high: str, nominal: float) -> tuple[float, float] | None:
    rows = [row for row in profile.rows_of(block) if row.seen]
    found = [
        (table.low, table.high)
        for table in tables(rows, low, high, nominal)
        if math.isfinite(table.low) and math.isfinite(table.high) and table.low <= nominal < table.high
    ]
    if not found:
        return None
    return max(edge for edge, _ in found), min(edge for _, edge in found)


def counted_losses(
    record: Record, profile: Profile, sides: Sides, voltage: Array | None, *, shed: bool = False
) -> list[tuple[str, list[Loss], list[Loss], str]]:
    """Losses of load in every reading: label, losses, those that the record does not decide, and how.

    A rule that says when the load must be back (`recovery`) lets it cease for that time. One that does not is
    read both ways: a momentary cessation counts, or it does not when the load is back within a second. Where
    the rule forbids cessation, it counts.
    """
    given = [float(row.keys["within_s"]) for row in _recovery(profile)]
    return_s = max(given, default=RETURN_S)
    if record.simulated:
        found = of_run(record, shed=shed)
        how = "losses of load by the events of the run"
    else:
        found = of_power(record, sides, return_s, voltage)
        how = (
            "load is lost where the power is below half of what a constant impedance would draw, from the "
            "lowest power of the 10 s before"
        )
    lasting, undecided = unreturned(found, sides, record, return_s)
    back = f"a cessation of up to {return_s:g} s after the excursion does not count"
    forgiving = (back, sorted([*lasting, *undecided], key=lambda loss: loss.tick), undecided)
    if _no_cessation(profile):
        return [(COUNTED, found, [], f"{how}; {COUNTED}")]
    if given:
        return [(*forgiving, f"{how}; {back}")]
    text = f"{how}; the rule does not say whether a momentary cessation counts"
    return [(COUNTED, found, [], text), (*forgiving, text)]


def _recovery(profile: Profile) -> list[Row]:
    rows = [*profile.rows_of("recovery"), *profile.rows_of("recovery_level")]
    return [row for row in rows if row.seen and "within_s" in row.keys]


def _no_cessation(profile: Profile) -> bool:
    tests = [*profile.rows_of("lvrt"), *profile.rows_of("hvrt")]
    return any(row.keys.get("no_momentary_cessation") for row in tests)


def _excused_by_frequency(record: Record, profile: Profile) -> Callable[[Loss], bool]:
    low, high = frequency_band(record, profile)
    return excused_by(record, record.frequency_hz, record.frequency_hz, low, high)


def excused_by(
    record: Record, low_series: Array | None, high_series: Array | None, low: float, high: float
) -> Callable[[Loss], bool]:
    """Whether a loss began while another quantity was outside its band, or within a second after."""
    ticks = max(1, round(AFTER_S / record.tick_s))

    def excused(loss: Loss) -> bool:
        if low_series is None or high_series is None:
            return False
        part = slice(max(record.first(), loss.tick - ticks), loss.tick + 1)
        return bool((low_series[part] < low).any() or (high_series[part] >= high).any())

    return excused


def unexplained_drops(record: Record, sides: Sequence[Excursions]) -> str:
    """Of a measured record: where the power fell to half without an excursion, which may be a loss or not."""
    from wattkeel.compliance.losses import sudden_drop

    if record.simulated:
        return ""
    tick = sudden_drop(record, sides)
    if tick is None:
        return ""
    return (
        f"the power falls below half of its lowest value of the 10 s before at {tick * record.tick_s:.6g} s, while "
        "the value is in this band: the record does not say whether load left or its work ended"
    )
