"""Frequency: bands to ride through, single points, rate of change, and jumps of the phase."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from wattkeel import measures
from wattkeel.compliance.band_judge import Ask, merged
from wattkeel.compliance.bands import Band, Excursions, Table, excursions
from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.judged import Judged, plain
from wattkeel.compliance.losses import Loss, untold
from wattkeel.compliance.profile import Profile, Row
from wattkeel.compliance.quantities import FREQUENCY, need_model, need_time, of_frequency
from wattkeel.compliance.record import Array, CannotJudgeError, Measured, Reading, Record
from wattkeel.compliance.views import (
    Series,
    counted_losses,
    judge_views,
    lowest_voltage,
    normal_band,
    outside_within,
    table_from,
)

__all__ = ["frequency_point", "frequency_ride_through", "phase_jump", "rocof"]

NOMINALS_HZ = (50.0, 60.0)

#: Windows in which a rate of change is taken where the rule names none, s: protection relays use 0.1 to 0.5,
#: the European and Irish codes 0.5.
ROCOF_WINDOWS_S = (0.1, 0.5, 1.0)
#: Share of the withstand value from which a record shows a rate of change at all.
ROCOF_LEAST = 0.1


def frequency_ride_through(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``frequency_ride_through``: one `Judged` per band of each table."""
    block = "frequency_ride_through"
    judged = []
    for variant in profile.variants_of(block):
        nominal_hz = nominal_of(variant.rows)
        table = table_from(variant, "f_min_hz", "f_max_hz", nominal_hz)
        ask, series = _ask(record, profile, block, nominal_hz)
        judged += judge_views(record, profile, ask, [("", table)], series)
    return judged


def frequency_point(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``frequency_point``: points (frequency, time) above or below nominal.

    The timer of a point runs while the frequency is at the point or beyond: nested by their nature.
    """
    block = "frequency_point"
    judged = []
    for variant in profile.variants_of(block):
        nominal_hz = nominal_of(variant.rows)
        over = _points(variant.rows, "over")
        under = _points(variant.rows, "under")
        edges = [*(float(row.keys["f_hz"]) for row in over), math.inf]
        bands = [_point_band(row, low, high) for row, (low, high) in zip(over, pairwise(edges), strict=True)]
        edges = [-math.inf, *(float(row.keys["f_hz"]) for row in under)]
        bands += [
            _point_band(row, low, high) for row, (low, high) in zip(under, pairwise(edges), strict=True)
        ]
        low = max((band.high for band in bands if math.isinf(band.low)), default=-math.inf)
        low = max((float(row.keys["f_hz"]) for row in under), default=low)
        high = min((float(row.keys["f_hz"]) for row in over), default=math.inf)
        table = Table(variant.label, tuple(bands), low, high)
        ask, series = _ask(record, profile, block, nominal_hz)
        judged += judge_views(record, profile, ask, [("", table)], series, timers=["nested"])
    return judged


def _points(rows: tuple[Row, ...], side: str) -> list[Row]:
    return sorted((row for row in rows if row.keys["side"] == side), key=lambda row: float(row.keys["f_hz"]))


def _point_band(row: Row, low: float, high: float) -> Band:
    time_s = float(row.keys["min_duration_s"])
    return Band(low, high, row, least_s=time_s, most_s=time_s)


def nominal_of(rows: tuple[Row, ...]) -> float:
    """Nominal frequency of the system that rows are about, Hz: the nearest to the middle of their edges."""
    edges = [
        float(row.keys[key]) for row in rows for key in ("f_min_hz", "f_max_hz", "f_hz") if key in row.keys
    ]
    middle_hz = 0.5 * (min(edges) + max(edges)) if edges else NOMINALS_HZ[-1]
    return min(NOMINALS_HZ, key=lambda nominal_hz: abs(nominal_hz - middle_hz))


def _ask(
    record: Record, profile: Profile, block: str, nominal_hz: float
) -> tuple[Ask, Callable[[], list[Series]]]:
    voltage = lowest_voltage(record)
    excused = outside_within(record, voltage, voltage, normal_band(profile))

    def series() -> list[Series]:
        frequency = of_frequency(record, nominal_hz)
        need_model(record, FREQUENCY)
        return [Series("", frequency, frequency)]

    return Ask(block, "Hz", FREQUENCY, excused), series


# ------------------------------------------------------------------------------------------------ RoCoF


def rocof(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``rocof``: no trip at a rate of change up to the withstand value."""
    judged = []
    for row in (row for row in profile.rows_of("rocof") if row.seen):
        name = " ".join(
            str(part)
            for part in ("rocof", row.keys.get("who", ""), f"{row.keys['withstand_hz_per_s']:g} Hz/s")
            if part
        )
        try:
            judged.append(Judged(name, measured=_rocof(record, profile, row.keys), row=row))
        except CannotJudgeError as reason:
            judged.append(Judged(name, reason=str(reason), row=row))
    return judged


def _rocof(record: Record, profile: Profile, keys: Mapping[str, Any]) -> Measured:
    withstand = float(keys["withstand_hz_per_s"])
    frequency = of_frequency(record)
    if record.simulated and record.load_model is not None:
        raise CannotJudgeError(
            "relays of the model act on the level of the frequency, none on its rate: a trip or none in this "
            "run says nothing of a rate; judge a measured record"
        )
    windows_s = _windows(record, keys)
    readings: list[tuple[tuple[str, ...], Reading]] = []
    notes = [] if "window_s" in keys else ["the rule does not specify the window"]
    largest, how, empty = 0.0, "", False
    for window_s in windows_s:
        rate, first = _rates(record, frequency, window_s)
        largest = max(largest, float(rate[first:].max()))
        table = Table("", (), -math.inf, ROCOF_LEAST * withstand)
        side = excursions(rate, first, table, False, record.tick_s)
        if not record.simulated:  # where no load was drawn, none could be lost
            silent = untold(record, (side,))
            side = side.only([k for k, tick in enumerate(side.first.tolist()) if tick not in silent])
            empty |= bool(silent)
        if not len(side):
            continue
        counted, how = counted_losses(record, profile, (side,), lowest_voltage(record))
        for way in counted:
            reading, loss = _withstood(record, profile, side, rate, window_s, withstand, way.losses)
            if loss is not None:
                notes.append(loss.text(record.tick_s))
            readings.append(((f"window {window_s:g} s" if len(windows_s) > 1 else "", way.label), reading))
    if not readings and empty:
        raise CannotJudgeError("the frequency changes only where the record shows no import before")
    if not readings:
        raise CannotJudgeError(
            f"the largest rate of change of the record is {largest:.4g} Hz/s, below a tenth of the "
            f"{withstand:g} Hz/s to be withstood: it shows nothing of this rule"
        )
    text = " and ".join(f"{window_s:g}" for window_s in windows_s)
    method = (
        f"largest |f(t) - f(t - w)| / w, w = {text} s, that the load rode through, of the largest in the "
        f"record up to {withstand:g} Hz/s; {how}"
    )
    details: dict[str, Any] = {"row": plain(keys), "window_s": windows_s}
    if largest < withstand * (1.0 - measures.TOLERANCE):
        slower = f"no rate of the record reaches the {withstand:g} Hz/s to be withstood"
        notes.append(slower)
        details["cautions"] = [slower]
    return Measured(
        merged(readings), withstand, "Hz/s", method, list(dict.fromkeys(notes)), at_least=True,
        details=details, quantity=FREQUENCY,
    )  # fmt: skip


def _windows(record: Record, keys: Mapping[str, Any]) -> list[float]:
    """Windows of the rate: that of the rule, or all that are offered and that the sampling shows."""
    if "window_s" in keys:
        need_time(record, float(keys["window_s"]))
        record.need_window(float(keys["window_s"]))
        return [float(keys["window_s"])]
    found = []
    for window_s in ROCOF_WINDOWS_S:
        try:
            need_time(record, window_s)
            record.need_window(window_s)
        except CannotJudgeError as reason:
            why = reason
        else:
            found.append(window_s)
    if not found:
        raise why
    return found


def _rates(record: Record, frequency: Array, window_s: float) -> tuple[Array, int]:
    """Absolute rate of change that ends at each sample, Hz/s, and the first sample that has one."""
    ticks = measures.window_ticks(window_s, record.tick_s)
    first = record.first() + ticks
    rate = np.zeros(frequency.size)
    rate[first:] = np.abs(frequency[first:] - frequency[first - ticks : frequency.size - ticks])
    rate[first:] /= ticks * record.tick_s
    return rate, first


def _withstood(
    record: Record,
    profile: Profile,
    side: Excursions,
    rate: Array,
    window_s: float,
    withstand: float,
    losses: list[Loss],
) -> tuple[Reading, Loss | None]:
    """Largest rate ridden through, or the one at which load was lost too soon."""
    voltage = lowest_voltage(record)
    disturbed = outside_within(record, voltage, voltage, normal_band(profile))
    ticks = measures.window_ticks(window_s, record.tick_s)
    for loss in losses:
        recent = rate[max(0, loss.tick - ticks) : loss.tick + 1]
        at_loss = float(recent.max(initial=0.0))
        if not ROCOF_LEAST * withstand <= at_loss:
            continue
        if at_loss > withstand * (1.0 + measures.TOLERANCE):
            continue
        verdict: Verdict = "marginal" if disturbed(loss) else "fail"
        reading = Reading(
            "", at_loss, loss.tick * record.tick_s, 0.0, limit=withstand, verdict=verdict, window_s=window_s
        )
        return reading, loss
    at = side.at[int(np.argmax(side.value))]
    value = float(side.value.max())
    limit = min(withstand, value)
    return Reading("", value, float(at) * record.tick_s, 0.0, limit=limit, window_s=window_s), None


def phase_jump(record: Record, keys: Mapping[str, Any]) -> Measured:
    """Judge of the block ``phase_jump``: the record has no angle of the voltage."""
    what = "withstand" if "withstand_deg" in keys else "excuse"
    raise CannotJudgeError(
        f"a record of RMS values and frequency holds no angle of the voltage: the jump to {what} is not seen"
    )
