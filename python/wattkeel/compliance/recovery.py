"""Recovery: the power is back, and stays, within a time of the voltage being back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wattkeel import measures
from wattkeel.compliance.band_judge import merged
from wattkeel.compliance.bands import Excursions, Table, excursions
from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.judged import Judged, plain
from wattkeel.compliance.losses import Before, power_before
from wattkeel.compliance.profile import Profile
from wattkeel.compliance.quantities import VOLTAGE, need_model, need_time, of_voltage
from wattkeel.compliance.record import Array, CannotJudgeError, Measured, Reading, Record
from wattkeel.compliance.views import normal_band, table_from, timers_of

__all__ = ["recovery", "recovery_level"]

#: Time for which the power must hold its level to be back, s; longer ones would count the swing of the work.
HOLD_S = 1.0
#: Share by which a level of 100 % may be missed in the milder reading: no meter shows equality.
ROUNDING = 0.01
#: Swing of the load before the event, as a share of its mean, from which the level is read both ways.
SWING = 0.1
#: Excursions listed in a finding, and those not judged that a note names.
LISTED, NOTED = 20, 3


@dataclass(frozen=True, slots=True)
class _Level:
    """What the power must reach: bounds in W, and how they were taken."""

    label: str
    low_w: float
    high_w: float


def recovery(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``recovery``."""
    return _judge(record, profile, "recovery")


def recovery_level(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``recovery_level``: as `recovery`, one `Judged` per level of the standard."""
    return _judge(record, profile, "recovery_level")


def _judge(record: Record, profile: Profile, block: str) -> list[Judged]:
    judged = []
    for row in (row for row in profile.rows_of(block) if row.seen):
        words = [block, row.keys.get("name"), row.keys.get("standard"), row.keys.get("who")]
        name = " ".join([*(str(word) for word in words if word), f"{float(row.keys['within_s']):g} s"])
        try:
            judged.append(Judged(name, measured=_measured(record, profile, row.keys), row=row))
        except CannotJudgeError as reason:
            judged.append(Judged(name, reason=str(reason), row=row))
    return judged


def _measured(record: Record, profile: Profile, keys: Mapping[str, Any]) -> Measured:
    within_s = float(keys["within_s"])
    after_pu = float(keys.get("after_v_pu", normal_band(profile)[0]))
    voltages = of_voltage(record, profile.head)
    need_model(record, VOLTAGE)
    need_time(record, within_s)
    readings: list[tuple[tuple[str, ...], Reading]] = []
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    for label, low, _ in voltages:
        side = excursions(low, record.first(), Table("", (), after_pu, math.inf), True, record.tick_s)
        spared = _spared(profile, low, record, side)
        found = _all(record, keys, side, spared, within_s)
        notes += [note for note in found.notes if note not in notes]
        for words, each in found.readings.items():
            readings.append(((label, words), max(each, key=_rank)))
        rows = rows or found.rows
    if not readings:
        reason = (
            "; ".join(notes) or f"the voltage is never below {after_pu:g} pu: the record shows no recovery"
        )
        raise CannotJudgeError(reason)
    if len(notes) > NOTED:
        notes = [*notes[:NOTED], f"{len(notes)} excursions are not judged"]
    bounds = f"{_low(keys):.0%}" + (f" to {_high(keys):.0%}" if math.isfinite(_high(keys)) else "")
    method = (
        f"time from the voltage being above {after_pu:g} pu until the power is at {bounds} of that before "
        f"the event and stays there for {HOLD_S:g} s; the mean of the second before, worst excursion"
    )
    if "after_v_pu" not in keys:
        notes.append(f"the rule names no voltage: {after_pu:g} pu, where the continuous band begins")
    details = {"row": plain(keys), "after_v_pu": after_pu, "p_fraction_min": _low(keys), "excursions": rows}
    return Measured(merged(readings), within_s, "s", method, notes, details=details)


def _low(keys: Mapping[str, Any]) -> float:
    if "p_fraction_min" in keys:
        return float(keys["p_fraction_min"])
    return 1.0 - 0.01 * float(keys["p_tolerance_pct"])


def _high(keys: Mapping[str, Any]) -> float:
    if "p_fraction_max" in keys:
        return float(keys["p_fraction_max"])
    return 1.0 + 0.01 * float(keys["p_tolerance_pct"]) if "p_tolerance_pct" in keys else math.inf


def _rank(reading: Reading) -> tuple[int, float]:
    return {"pass": 0, "marginal": 1, "fail": 2}.get(str(reading.verdict), 0), reading.value


@dataclass(slots=True)
class _Found:
    readings: dict[str, list[Reading]]
    notes: list[str]
    rows: list[dict[str, Any]]

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)


def _all(record: Record, keys: Mapping[str, Any], side: Excursions, spared: Array, within_s: float) -> _Found:
    """Time to recovery of every excursion that can be judged, by reading."""
    found = _Found({}, [], [])
    starts, ends = side.first.tolist(), side.last.tolist()
    deadline = max(1, round(within_s / record.tick_s))
    for k, before in enumerate(power_before(record, starts, ends)):
        begin = ends[k]
        stop = starts[k + 1] if k + 1 < len(starts) else record.power_w.size
        where = f"the excursion at {starts[k] * record.tick_s:.6g} s"
        if before is None or before.mean_w <= 0.0:
            found.note(f"{where} has no import before it and is not judged")
            continue
        if spared[k]:
            found.note(f"{where} went beyond what must be ridden through, and is not judged")
            continue
        worst: Reading | None = None
        for level in _levels(keys, before):
            reading = _one(record, level, begin, stop, deadline, within_s)
            if reading is None:
                note = "the voltage fell again" if k + 1 < len(starts) else "the record ends"
                found.note(f"{where}: {note} before the {within_s:g} s were over")
                continue
            held_s = (stop - begin) * record.tick_s - reading.value
            if (
                reading.verdict == "marginal"
                and k + 1 == len(starts)
                and 0.0 < held_s < HOLD_S * (1.0 - 1e-9)
            ):
                found.note(f"{where}: the record ends {held_s:.4g} s after the power was back")
            if reading.value >= (stop - begin) * record.tick_s:
                found.note(f"{where}: not back in the {reading.value:.6g} s to the next one or to the end")
            found.readings.setdefault(level.label, []).append(reading)
            worst = reading if worst is None or _rank(reading) > _rank(worst) else worst
        if len(found.rows) < LISTED:
            found.rows.append({
                "start_s": starts[k] * record.tick_s, "back_s": begin * record.tick_s,
                "before_w": before.mean_w, "recovered_s": None if worst is None else worst.value,
            })  # fmt: skip
    labels = set(found.readings)
    for label in labels:  # a level that was read in one way only for some excursions counts in both
        for other in labels - {label}:
            have = {reading.time_s for reading in found.readings[label]}
            extra = [reading for reading in found.readings[other] if reading.time_s not in have]
            found.readings[label] = [*found.readings[label], *extra]
    return found


def _levels(keys: Mapping[str, Any], before: Before) -> list[_Level]:
    """Levels that the rule may mean, where the load swings or the level is exactly that before."""
    low, high = _low(keys), _high(keys)
    levels = [_Level("of the mean before", low * before.mean_w, high * before.mean_w)]
    if low == 1.0:
        label = f"of the mean before, within {ROUNDING:.0%}"
        levels.append(_Level(label, (1.0 - ROUNDING) * before.mean_w, high * before.mean_w))
    if before.low_w < (1.0 - SWING) * before.mean_w or before.high_w > (1.0 + SWING) * before.mean_w:
        text = "of the lowest before" if math.isinf(high) else "of the lowest and highest before"
        top_w = high * before.high_w if math.isfinite(high) else math.inf
        levels.append(_Level(f"{text} (it swings)", low * before.low_w, top_w))
    return levels


def _one(
    record: Record, level: _Level, begin: int, stop: int, deadline: int, within_s: float
) -> Reading | None:
    """Time to recovery of one excursion; None where the record does not show it."""
    power = record.power_w[begin:stop]
    slack = measures.TOLERANCE
    bad = np.flatnonzero((power < level.low_w * (1.0 - slack)) | (power > level.high_w * (1.0 + slack)))
    hold = max(1, math.ceil(HOLD_S / record.tick_s))
    # candidates: the first sample, and each one behind a bad one; the first that holds long enough counts
    starts = np.concatenate(([0], bad + 1))
    until = np.concatenate((bad, [power.size]))
    good = np.flatnonzero((until - starts >= hold) | ((until == power.size) & (starts < power.size)))
    at_s = begin * record.tick_s
    if good.size:
        value_s = float(starts[good[0]]) * record.tick_s
        close = abs(value_s - within_s) <= record.tick_s * (1.0 + 1e-6) and value_s > 0.0
        # the record ends before it has shown that the power stays; what never left need not come back
        held = until[good[0]] - starts[good[0]]
        cut = held < hold and stop == record.power_w.size and value_s > 0.0
        if close or (cut and value_s <= within_s):
            verdict: Verdict = "marginal"
        else:
            verdict = "pass" if value_s <= within_s else "fail"
        return Reading("", value_s, at_s, max(0.0, value_s - within_s), window_s=value_s, verdict=verdict)
    if power.size <= deadline:
        return None
    # not back before the record ends or the voltage falls again: at least so long
    value_s = power.size * record.tick_s
    return Reading("", value_s, at_s, value_s - within_s, window_s=value_s, verdict="fail")


def _spared(profile: Profile, low: Array, record: Record, side: Excursions) -> Array:
    """Excursions during which every reading of the ride-through table let the site leave."""
    spared = np.zeros(len(side), dtype=bool)
    variants = profile.variants_of("voltage_ride_through")
    if len(variants) != 1 or not len(side):
        return spared
    table = table_from(variants[0], "v_min_pu", "v_max_pu", 1.0)
    bands = table.side(True)
    if not bands:
        return spared
    own = excursions(low, record.first(), table, True, record.tick_s)
    length = own.last - own.first
    free = np.ones(len(own), dtype=bool)
    for timer in timers_of(profile):
        free &= own.obliged(bands, timer) < length
    for begin, end in zip(own.first[free], own.last[free], strict=True):
        spared |= (side.first < end) & (side.last > begin)
    return spared
