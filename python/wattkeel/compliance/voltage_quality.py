"""Voltage quality: rapid changes, flicker, power factor, imbalance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from wattkeel import measures, power_quality
from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.judged import Judged, plain
from wattkeel.compliance.profile import Profile, Row
from wattkeel.compliance.quantities import POSITIVE, VOLTAGE, need_voltage
from wattkeel.compliance.record import Array, CannotJudgeError, Measured, Reading, Record
from wattkeel.errors import ScenarioError

__all__ = ["flicker", "phase_imbalance", "power_factor", "rapid_voltage_change"]

Keys = Mapping[str, Any]

#: Voltage of a dip and of a swell, pu: what they bring is a fault of the grid, no rapid change.
DIP_PU, SWELL_PU = 0.9, 1.1
#: A second, against which a rapid change is seen (IEC 61000-4-30).
SECOND_S = 1.0
#: Half cycles either side of a dip that may hold a part of it.
PARTLY = 2
#: Interval of a Pst, and least time that a meter settles, s.
PST_S, SETTLE_S = 600.0, 60.0
LAMPS = {50.0: "230v_50hz", 60.0: "120v_60hz"}
#: Share of the site's power below which a power factor says nothing, and intervals of its means, s.
LEAST_LOAD, FACTOR_WINDOWS_S = 0.1, (1.0, 900.0)
#: Intervals of the means of an imbalance, s: 150 or 180 cycles, and ten minutes.
IMBALANCE_WINDOWS_S = (3.0, 600.0)
SITE_ONLY = "what the grid brings is not told from what the site causes"


def _voltages(record: Record) -> list[tuple[str, Array]]:
    """Every voltage that a meter could be connected to: the phases, or the only one that is known."""
    need_voltage(record)
    if record.phase_voltage_pu is not None:
        return [(f"phase {k + 1}", phase) for k, phase in enumerate(record.phase_voltage_pu)]
    assert record.voltage_pu is not None
    return [(POSITIVE, record.voltage_pu)]


def _text(error: ScenarioError) -> str:
    return "; ".join(f"{fault.place}: {fault.message}" for fault in error.faults)


# ------------------------------------------------------------------------------------------ rapid change


def rapid_voltage_change(record: Record, keys: Keys) -> Measured:
    """Judge of the block ``rapid_voltage_change``: largest quick change of the RMS value of one cycle.

    Readings: the largest difference of a value from the mean of the second before, and the largest range
    within one second. A second either side of a dip or a swell is left out: what becomes one is none.
    """
    dip = "marginal_pct" in keys and "limit_pct" not in keys
    limit = float(keys.get("limit_pct", keys.get("marginal_pct", math.nan)))
    readings: dict[str, Reading] = {}
    for _, voltage in _voltages(record):
        for label, value, at_s in _changes(record, voltage, down=dip):
            reading = Reading(label, 100.0 * value, at_s, 0.0, window_s=SECOND_S)
            if label not in readings or reading.value > readings[label].value:
                readings[label] = reading
    if not readings:
        raise CannotJudgeError("no second of the record is without a dip or a swell")
    found = list(readings.values())
    if dip:
        found = [_called(reading, limit) for reading in found]
    notes = ["the rule does not say how the change is measured", SITE_ONLY]
    if dip:
        notes.append("the document calls it marginal from the limit on; the POI stands for the critical bus")
    kind = "falls" if dip else "changes"
    method = (
        f"largest {kind} of U_rms(1/2), in % of nominal, within a second or from the mean of the second "
        "before; a second either side of a dip or a swell left out"
    )
    return Measured(found, limit, "%", method, notes, details={"row": plain(keys)}, quantity=VOLTAGE)


def _called(reading: Reading, limit: float) -> Reading:
    verdict: Verdict = "marginal" if reading.value >= limit * (1.0 - measures.TOLERANCE) else "pass"
    return Reading(
        reading.label, reading.value, reading.time_s, 0.0, window_s=reading.window_s, verdict=verdict
    )


def _changes(record: Record, voltage: Array, *, down: bool) -> list[tuple[str, float, float]]:
    """Label, largest change (share of nominal) and its time, s, of each reading."""
    first = record.first()
    try:
        found = power_quality.cycles(voltage[first:], record.tick_s, "rms", record.nominal_frequency_hz)
    except ScenarioError as error:
        raise CannotJudgeError(_text(error)) from error
    level, window = found.rms, found.per_second
    if level.size <= window:
        raise CannotJudgeError(
            f"record of {record.length()} is not longer than the second that it is seen against"
        )
    half_s = 0.5 / record.nominal_frequency_hz
    beyond = (level < DIP_PU) | (level > SWELL_PU)
    # cycles that hold only a part of a dip may not be below its threshold: one either side counts as well,
    # and the second before a dip is left out too
    beyond = np.convolve(beyond, np.ones(2 * PARTLY + 1), "same") > 0.5
    outside = np.concatenate(([0], np.cumsum(beyond)))
    until = np.minimum(np.arange(window, level.size) + window + 1, level.size)
    quiet = outside[until] == outside[: level.size - window]
    if not quiet.any():
        return []
    total = np.concatenate(([0.0], np.cumsum(level - level[0])))
    before = (total[window:-1] - total[: -window - 1]) / window + level[0]
    from_mean = (before - level[window:]) if down else np.abs(level[window:] - before)
    within = measures.rolling_change(level, half_s, SECOND_S, "down" if down else "both")[window:]
    out = []
    for label, series in (("from the mean of the second before", from_mean), ("within a second", within)):
        series = np.where(quiet, series, -math.inf)
        at = int(np.argmax(series))
        out.append(
            (label, max(float(series[at]), 0.0), first * record.tick_s + float(found.time_s[window + at]))
        )
    return out


# ----------------------------------------------------------------------------------------------- flicker


def flicker(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``flicker``: Pst and Plt by IEC 61000-4-15, from RMS values of the voltage."""
    rows = [row for row in profile.rows_of("flicker") if row.seen]
    try:
        found, notes = _severities(record)
    except CannotJudgeError as error:
        why = str(error)
        return [Judged(_name(row, kind), reason=why, row=row) for row in rows for kind in _kinds(row)]
    judged = []
    for row in rows:
        for kind in _kinds(row):
            readings = [reading for name, label, reading in found if name == kind and label is not None]
            if not readings:
                reason = "; ".join(notes) or f"the record is too short for a {kind}"
                judged.append(Judged(_name(row, kind), reason=reason, row=row))
                continue
            worst = max(readings, key=lambda reading: reading.value)
            limit = float(row.keys[f"{kind.lower()}_max"])
            method = (
                f"largest {kind} of IEC 61000-4-15 ed. 2 behind RMS values, all phases; intervals with a dip "
                "or a swell left out"
            )
            measured = Measured(
                [worst], limit, "1", method, [*notes, SITE_ONLY], details={"row": plain(row.keys)},
                quantity=VOLTAGE,
            )  # fmt: skip
            judged.append(Judged(_name(row, kind), measured=measured, row=row))
    return judged


def _kinds(row: Row) -> list[str]:
    return [kind for kind in ("Pst", "Plt") if f"{kind.lower()}_max" in row.keys]


def _name(row: Row, kind: str) -> str:
    words = ["flicker", kind]
    for key in ("name", "who", "voltage_class"):
        value = row.keys.get(key)
        if value:
            words.append("/".join(value) if isinstance(value, list) else str(value))
    return " ".join(words)


def _severities(record: Record) -> tuple[list[tuple[str, str, Reading]], list[str]]:
    """Every Pst and Plt of every voltage as (kind, voltage, reading), and what could not be told."""
    lamp = LAMPS.get(record.nominal_frequency_hz)
    if lamp is None:
        raise CannotJudgeError(f"no flickermeter is defined for {record.nominal_frequency_hz:g} Hz")
    first_s = record.first() * record.tick_s
    # a run has no time of day: its intervals begin where the meter has settled
    settle_s = SETTLE_S if record.simulated else _aligned(record.clock_s + first_s)
    out: list[tuple[str, str, Reading]] = []
    notes: list[str] = []
    for label, voltage in _voltages(record):
        try:
            found = power_quality.assess(
                voltage[record.first() :], record.tick_s, "rms",
                lamp=lamp, declared=1.0, settle_s=settle_s, interval_s=PST_S, series_s=0.0,
            )  # fmt: skip
        except ScenarioError as error:
            raise CannotJudgeError(_text(error)) from error
        notes += [note for note in found.flicker.notes if note not in notes]
        flagged = sum(found.flagged)
        if flagged:
            notes.append(f"{flagged} intervals of {label} hold a dip or a swell and are left out")
        for interval, bad in zip(found.flicker.intervals, found.flagged, strict=True):
            if not bad:
                end_s = first_s + interval.start_s + PST_S
                out.append(("Pst", label, Reading("", interval.pst, end_s, 0.0, window_s=PST_S)))
        for k, plt in enumerate(found.flicker.plt):
            if not any(found.flagged[12 * k : 12 * k + 12]):
                end_s = first_s + found.flicker.intervals[12 * k].start_s + 12.0 * PST_S
                out.append(("Plt", label, Reading("", plt, end_s, 0.0, window_s=12.0 * PST_S)))
    return out, notes


def _aligned(clock_s: float) -> float:
    """Time to the next full ten minutes of the clock that leaves the meter time to settle, s."""
    return math.ceil((clock_s + SETTLE_S) / PST_S - 1e-9) * PST_S - clock_s


# ------------------------------------------------------------------------------------------ power factor


def power_factor(record: Record, keys: Keys) -> Measured:
    """Judge of the block ``power_factor``: least |P| / S, lagging and leading against their own limits."""
    if record.reactive_power_var is None:
        remedy = (
            '; add "poi.reactive_power_var" to record.full_rate and run again' if record.simulated else ""
        )
        raise CannotJudgeError(f"the record holds no reactive power{remedy}")
    active, reactive = record.judged(), record.reactive_power_var[record.first() :]
    if not np.isfinite(reactive).all():
        raise CannotJudgeError("the reactive power has gaps")
    size_mw, notes = record.nominal_mw()
    readings = []
    for window_s in FACTOR_WINDOWS_S:
        ticks = max(1, round(window_s / record.tick_s))
        count = active.size // ticks
        if count and ticks * record.tick_s <= 2.0 * window_s:
            reading = _least_factor(record, keys, active, reactive, ticks, count, LEAST_LOAD * size_mw * 1e6)
            if reading is not None:
                readings.append(reading)
    if not readings:
        raise CannotJudgeError(f"the site never draws a tenth of its {size_mw:.6g} MW")
    method = (
        "least |P| / sqrt(P^2 + Q^2) of the means named, while the site draws a tenth of its power; each "
        "side against its own limit"
    )
    return Measured(
        readings, float(keys.get("lag_min", keys.get("lead_min", math.nan))), "1", method,
        [*notes, "the rule does not say over which time"], at_least=True, details={"row": plain(keys)},
        quantity="poi.reactive_power_var",
    )  # fmt: skip


def _least_factor(
    record: Record, keys: Keys, active: Array, reactive: Array, ticks: int, count: int, least_w: float
) -> Reading | None:
    p = active[: count * ticks].reshape(count, ticks).mean(axis=1)
    q = reactive[: count * ticks].reshape(count, ticks).mean(axis=1)
    loaded = p >= least_w
    if not loaded.any():
        return None
    factor = np.abs(p) / np.maximum(np.hypot(p, q), 1e-300)
    limit = np.where(q >= 0.0, float(keys.get("lag_min", 0.0)), float(keys.get("lead_min", 0.0)))
    at = int(np.argmin(np.where(loaded, factor - limit, np.inf)))
    side = "lagging" if q[at] >= 0.0 else "leading"
    end_s = (record.first() + (at + 1) * ticks) * record.tick_s
    label = f"means of {ticks * record.tick_s:g} s, {side}"
    return Reading(
        label, float(factor[at]), end_s, 0.0, window_s=ticks * record.tick_s, limit=float(limit[at])
    )


# --------------------------------------------------------------------------------------------- imbalance


def phase_imbalance(record: Record, keys: Keys) -> Measured:
    """Judge of the block ``phase_imbalance``: measured for the voltage, without a verdict.

    The rule says neither voltage nor current, and a record has no currents; the figure is told.
    """
    phases = record.phase_voltage_pu
    if phases is None or phases.shape[0] < 3:
        raise CannotJudgeError("the record does not hold the three phases")
    need_voltage(record)
    judged = phases[:, record.first() :]
    texts = []
    for window_s in IMBALANCE_WINDOWS_S:
        ticks = max(1, round(window_s / record.tick_s))
        count = judged.shape[1] // ticks
        if count:
            means = judged[:, : count * ticks].reshape(judged.shape[0], count, ticks).mean(axis=2)
            middle = means.mean(axis=0)
            share = np.abs(means - middle).max(axis=0)[middle > 0.0] / middle[middle > 0.0]
            if share.size:
                texts.append(f"{100.0 * float(share.max()):.4g} % in means of {ticks * record.tick_s:g} s")
    found = " and ".join(texts) or "no whole interval of 3 s"
    raise CannotJudgeError(
        f"largest deviation of a phase voltage from the mean of the phases: {found}, against "
        f"{float(keys['limit_pct']):g} %; whether voltage or current is meant is not said, and the record "
        "holds no currents"
    )
