"""From what was run to findings: one for each row of a profile, for its recovery, and for every train."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wattkeel.compliance import Finding, Profile, Verdict
from wattkeel.compliance.band_judge import band_name
from wattkeel.compliance.bands import TIMERS, Band, Table
from wattkeel.compliance.sags import NAME as COUNTING
from wattkeel.interconnection.requirements import band_at, obligation_s, required_s
from wattkeel.interconnection.staying import COUNTED
from wattkeel.interconnection.sweep import Level
from wattkeel.interconnection.trains import TrainRun

if TYPE_CHECKING:
    from wattkeel.interconnection.capability import Point, Study

__all__ = [
    "frequency_findings",
    "recovery_findings",
    "rocof_findings",
    "train_findings",
    "voltage_findings",
]

#: Frequency is run this far inside the edge of a band, Hz.
_EDGE_HZ = 0.01
#: Excursion of a test of RoCoF where the profile gives no band of frequency, Hz.
_EXCURSION_HZ = 1.0
#: Farthest from nominal that a frequency is run, Hz.
_FARTHEST_HZ = 15.0
#: Time for which a level is held at the end of a ramp, s.
_HOLD_S = 0.5
#: What this model has nothing for; a pass there would be asserted, not shown.
ABOVE_V = "no over-voltage trip is in this model, nothing of the site acts on a voltage above nominal"
BREAKER = "only the breaker of the site answers a voltage in this model, and none so high; the load takes all"
ABOVE_F = "no over-frequency trip of the load is in this model"
FADED = "a load below half of the undisturbed counts as lost"
RATE = "no relay of this model acts on the rate of change of the frequency, only on its level"


def _about(profile: Profile, block: str, keys: dict[str, Any] | None = None) -> dict[str, Any]:
    keys = keys or {}
    return {
        "profile": profile.name,
        "status": profile.status,
        "date": profile.date,
        "source": profile.source,
        "block": block,
        "evidence": str(keys.get("evidence", profile.evidence)),
    }


def _joined(notes: Iterable[str]) -> str:
    return "; ".join(note for note in notes if note)


def _verdict(verdicts: Sequence[str]) -> Verdict:
    kinds = set(verdicts)
    if "not_evaluated" in kinds:
        return "not_evaluated"
    return "marginal" if "marginal" in kinds or len(kinds) > 1 else "fail" if "fail" in kinds else "pass"


def _one_verdict(value_s: float, limit_s: float, tick_s: float, capped: bool) -> str:
    """Verdict of one reading: a margin of no more than a tick is below the resolution."""
    if capped and value_s < limit_s * (1.0 - 1e-9):
        return "not_evaluated"  # all that was run was ridden, but it was not run for long enough
    if not capped and abs(value_s - limit_s) <= 1.5 * tick_s:
        return "marginal"
    return "pass" if value_s >= limit_s * (1.0 - 1e-9) else "fail"


# ------------------------------------------------------------------------------------------------- voltage


def voltage_findings(study: Study, points: Sequence[Point]) -> list[Finding]:
    """One finding for every band of voltage."""
    block = "voltage_ride_through"
    findings = []
    for table in study.tables:
        for band in table.bands:
            rule, keys = band_name(block, band, "pu", table.choice), dict(band.row.keys)
            inside = [point for point in points if band_at(table, point.voltage_pu) is band]
            reason = study.bench.answers(block)
            if math.isnan(band.least_s) and not band.continuous:
                reason = "the system operator sets the time, which is not known"
            if not reason and not inside:
                reason = "none of the voltages that were run lies in this band"
            if not reason and _unshown(study, band.low, inside):
                reason = (
                    ABOVE_V if band.low >= table.high else BREAKER if not study.bench.load_answers else ""
                )
            if reason:
                findings.append(_unjudged(study.profile, block, rule, reason, keys))
            else:
                findings.append(_band_finding(study, table, band, rule, inside))
    return findings


def _unshown(study: Study, level_pu: float, points: Sequence[Point]) -> bool:
    """Whether all was ridden from a level on because nothing could leave there: that shows nothing."""
    ridden = all(capped for point in points for capped in point.capped.values())
    return ridden and not study.bench.answers_above(level_pu)


def _unjudged(
    profile: Profile, block: str, rule: str, why: str, keys: dict[str, Any] | None = None
) -> Finding:
    return Finding(rule=rule, verdict="not_evaluated", note=why, **_about(profile, block, keys))


def _band_finding(study: Study, table: Table, band: Band, rule: str, points: Sequence[Point]) -> Finding:
    """Worst of all voltages and moments of a band, by every reading of timer and of staying connected."""
    readings = [
        _band_reading(study, table, points, stay, timer)
        for stay in _stay_readings(study, band)
        for timer in study.timers
    ]
    readings = _merged(readings)
    worst = min(readings, key=lambda r: r["value"] / max(r["limit"], 1e-12))
    value, limit = float(worst["value"]), float(worst["limit"])
    notes = [*(_case_text(reading) for reading in readings), *_curve_notes(band, points, limit)]
    if band.continuous and not study.bench.answers_above(1.0):
        notes.append(f"above nominal it is not shown: {ABOVE_V}")
    if COUNTED not in study.readings:
        whole = min(points, key=lambda point: point.longest_s[COUNTED])
        if whole.longest_s[COUNTED] < value:
            notes.append(f"without any cessation {whole.longest_s[COUNTED]:.6g} s at {whole.voltage_pu:g} pu")
    verdict: Verdict = _verdict([reading["verdict"] for reading in readings])
    if not band.continuous and band.longest_s() > study.longest_s and verdict == "pass":
        verdict = "not_evaluated"
        notes.insert(0, f"run for {study.longest_s:g} s only, of {band.longest_s():g} s that are asked for")
    return Finding(
        rule=rule,
        verdict=verdict,
        value=value,
        limit=limit,
        unit="s",
        margin=(value - limit) / limit if limit else None,
        method=_method(study),
        note=_joined(notes),
        quantity="poi.voltage_pu",
        at_least=True,
        readings=readings,
        details={
            "band": [None if math.isinf(edge) else edge for edge in (band.low, band.high)],
            "row": dict(band.row.keys),
        },
        **_about(study.profile, "voltage_ride_through", dict(band.row.keys)),
    )


def _band_reading(
    study: Study, table: Table, points: Sequence[Point], stay: str, timer: str
) -> dict[str, Any]:
    """Worst case of a band by one reading."""
    worst = min(points, key=lambda p: p.longest_s[stay] - _owed(study, table, p.voltage_pu, timer))
    value, limit = worst.longest_s[stay], _owed(study, table, worst.voltage_pu, timer)
    verdict = _one_verdict(value, limit, study.bench.tick_s, worst.capped[stay])
    if verdict == "fail" and _elsewhere(study, table, worst):
        # The POI saw another band, which may ask for less: only a point that it saw as imposed decides.
        seen = [point for point in points if not _elsewhere(study, table, point)]
        owed = [_owed(study, table, point.voltage_pu, timer) for point in seen]
        left = [
            _one_verdict(point.longest_s[stay], owed_s, study.bench.tick_s, point.capped[stay])
            for point, owed_s in zip(seen, owed, strict=True)
        ]
        verdict = "fail" if "fail" in left else "marginal"
    return {
        "label": stay,
        "timer": TIMERS[timer],
        "value": value,
        "limit": limit,
        "verdict": verdict,
        "time_s": None,
        "voltage_pu": worst.voltage_pu,
        "poi_voltage_pu": worst.poi_voltage_pu,
        "phase": worst.phase,
        "capped": worst.capped[stay],
    }


def _elsewhere(study: Study, table: Table, point: Point) -> bool:
    """Whether the POI saw another band than that of the voltage imposed on the source."""
    if study.bench.source == "stiff":
        return False
    return band_at(table, point.poi_voltage_pu) is not band_at(table, point.voltage_pu)


def _stay_readings(study: Study, band: Band) -> list[str]:
    """Readings of "stays connected": where a row allows to cease, only the return counts."""
    forgiving = [words for words in study.readings if words != COUNTED]
    allowed = band.row.keys.get("mode") in ("permissive", "momentary_cessation")
    return forgiving if allowed and forgiving else study.readings


def _owed(study: Study, table: Table, voltage_pu: float, timer: str) -> float:
    from wattkeel.interconnection.capability import CONTINUOUS_S

    asked_s = required_s(table, voltage_pu, timer)
    return min(CONTINUOUS_S if math.isinf(asked_s) else asked_s, study.longest_s)


def _merged(readings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Readings of the timers that agree in all become one; where they do not, the label names the timer."""
    kept: list[dict[str, Any]] = []
    for label in dict.fromkeys(reading["label"] for reading in readings):
        same = [reading for reading in readings if reading["label"] == label]
        if len({(reading["value"], reading["limit"], reading["verdict"]) for reading in same}) == 1:
            same = same[:1]
        else:
            same = [reading | {"label": f"{label}, {reading['timer']}"} for reading in same]
        kept += same
    return kept


def _case_text(reading: dict[str, Any]) -> str:
    most = "at least " if reading["capped"] else ""
    seen = reading["poi_voltage_pu"]
    at_poi = f" ({seen:.4g} pu at the POI)" if abs(seen - reading["voltage_pu"]) > 0.005 else ""
    return (
        f"{reading['label']}: {most}{reading['value']:.6g} s of {reading['limit']:.6g} s at "
        f"{reading['voltage_pu']:g} pu{at_poi}, {reading['phase']:.0%} into the cycle ({reading['verdict']})"
    )


def _curve_notes(band: Band, points: Sequence[Point], limit: float) -> list[str]:
    notes, keys = [], band.row.keys
    if band.continuous:
        notes.append(f"continuous operation is asked for; it was run for {limit:g} s")
    if any(not value for point in points for value in point.monotone.values()):
        notes.append("not monotone: a longer disturbance was ridden after a shorter one that was not")
    if math.isinf(band.high):
        notes.append("the rule gives no upper edge; the band was run near its lower edge")
    spent_s = min(point.spent_s for point in points)
    if math.isfinite(spent_s):
        notes.append(
            f"a backup runs out after {spent_s:.4g} s and its load is lost; the model brings it back with "
            "the voltage, jobs that died do not come back so soon"
        )
    if keys.get("tso"):
        notes.append("the system operator may ask for longer")
    if keys.get("note"):
        notes.append(str(keys["note"]))
    return notes


def _method(study: Study) -> str:
    moments = len(study.moments)
    behind = "a stiff source" if study.bench.source == "stiff" else "the scenario's grid"
    return (
        f"run behind {behind} at {moments} moment{'s' if moments != 1 else ''} of the load's cycle; longest "
        f"duration up to which every one was ridden, to {study.bench.tick_s:g} s; losses of load by the "
        "events of the run"
    )


# ------------------------------------------------------------------------------------------------ recovery


def recovery_findings(study: Study, points: Sequence[Point]) -> list[Finding]:
    """Slowest recovery after a sag of the length that is asked for, against every row that limits it."""
    asked = [each for each in study.criterion.recoveries if each.row is not None]
    owed = [point for point in points if max(point.required_s.values()) > 0.0 and point.voltage_pu < 0.9]
    findings = []
    worst = max(owed, key=lambda point: point.recovery_s, default=None)
    value_s, load_s = study.slowest_s(worst) if worst is not None and asked else (math.inf, math.inf)
    for each in asked:
        assert each.row is not None
        keys = each.row.keys
        words = [each.row.block, keys.get("name"), keys.get("standard"), keys.get("who")]
        rule = " ".join([*(str(word) for word in words if word), f"{each.within_s:g} s"])
        if worst is None:
            why = study.bench.answers("voltage_ride_through") or "no sag that is asked for was run"
            findings.append(_unjudged(study.profile, each.row.block, rule, why, dict(each.row.keys)))
            continue
        watched = study.criterion.asked
        if (each.share, each.after_v_pu, each.most) != (watched.share, watched.after_v_pu, watched.most):
            why = (
                f"watched for {watched.share:.0%} as the strictest row asks; judge this row in a profile of "
                "its own"
            )
            findings.append(_unjudged(study.profile, each.row.block, rule, why, dict(keys)))
            continue
        value = min(value_s, study.look_s)
        fine = value_s <= each.within_s * (1.0 + 1e-9)
        notes = [
            f"slowest after {worst.voltage_pu:g} pu for {max(worst.required_s.values()):g} s, "
            f"{worst.phase:.0%} into the cycle",
            f"not back within the {study.look_s:g} s watched" if math.isinf(value_s) else "",
            f"the load itself is back after {load_s:.4g} s; storage holds the import for the rest"
            if load_s < 0.9 * value
            else "",
        ]
        findings.append(
            Finding(
                rule=rule,
                verdict="pass" if fine else "fail",
                value=value,
                limit=each.within_s,
                unit="s",
                margin=(each.within_s - value) / each.within_s,
                method=(
                    f"time from V > {each.after_v_pu:g} pu until the power at the POI stays at "
                    f"{study.criterion.asked.share:.0%} of that of the undisturbed twin"
                ),
                note=_joined(notes),
                quantity="poi.power_w",
                readings=[
                    {"label": "", "value": value, "verdict": "pass" if fine else "fail", "time_s": None}
                ],
                **_about(study.profile, each.row.block, dict(each.row.keys)),
            )
        )
    return findings


# ------------------------------------------------------------------------------------------------ trains


def train_findings(study: Study, runs: Sequence[TrainRun]) -> list[Finding]:
    """Every train, as long as the profile obliges; and whether sags were counted where that is prohibited."""
    findings = []
    for name in dict.fromkeys(run.name for run in runs):
        findings.append(_train_finding(study, [run for run in runs if run.name == name]))
    if study.profile.head.get("sag_counting_transfer_prohibited") and runs:
        findings.append(_counting_finding(study, runs))
    return findings


def _train_finding(study: Study, runs: Sequence[TrainRun]) -> Finding:
    pieces, end_s = runs[0].pieces, runs[0].end_s
    readings: list[dict[str, Any]] = []
    for stay in study.readings:
        for timer in study.timers:
            owed_s = max(obligation_s(table, pieces, timer) for table in study.tables)
            worst = min(runs, key=lambda run: run.stay.left_s[stay])
            left_s = worst.stay.left_s[stay]
            readings.append(
                {
                    "label": stay,
                    "timer": TIMERS[timer],
                    "value": min(left_s, end_s),
                    "limit": min(owed_s, end_s),
                    # The obligation does not end with the last sag: load may not leave after it either.
                    "verdict": "pass" if left_s >= owed_s * (1.0 - 1e-9) else "fail",
                    "time_s": None,
                    "phase": worst.phase,
                }
            )
    readings = _merged(readings)
    first = min(readings, key=lambda reading: float(reading["value"]))
    lost_w = max(run.stay.lost_w for run in runs)
    moved_s = min(run.stay.transferred_s for run in runs)
    notes = [f"{r['label']}: connected for {r['value']:.6g} s ({r['verdict']})" for r in readings]
    if math.isfinite(moved_s):
        notes.append(f"a counter of sags transfers the load at {moved_s:.6g} s")
    notes.append(f"up to {lost_w * 1e-6:.4g} MW missing at good voltage")
    return Finding(
        rule=f"train {runs[0].name}",
        verdict=_verdict([reading["verdict"] for reading in readings]),
        value=float(first["value"]),
        limit=float(first["limit"]),
        unit="s",
        margin=(first["value"] - first["limit"]) / first["limit"] if first["limit"] else None,
        method=f"{len(pieces)} sags in {end_s:.4g} s; " + _method(study),
        note=_joined(notes),
        quantity="poi.voltage_pu",
        at_least=True,
        readings=readings,
        details={"pieces": pieces, "lost_w": lost_w},
        **_about(study.profile, "voltage_ride_through"),
    )


def _counting_finding(study: Study, runs: Sequence[TrainRun]) -> Finding:
    moved = sum(math.isfinite(run.stay.transferred_s) for run in runs)
    return Finding(
        rule=COUNTING,
        verdict="fail" if moved else "pass",
        value=float(moved),
        limit=0.0,
        unit="1",
        method="trains in which a counter of sags transferred the load",
        note=f"{moved} of {len(runs)} runs of trains",
        quantity="poi.voltage_pu",
        readings=[
            {"label": "", "value": float(moved), "verdict": "fail" if moved else "pass", "time_s": None}
        ],
        **_about(study.profile, "sag_counting_transfer_prohibited"),
    )


# ------------------------------------------------------------------------------------------------ frequency


def frequency_findings(study: Study, tables: Sequence[Table]) -> list[Finding]:
    """One finding for every band of frequency, run as a step to its edges."""
    block = "frequency_ride_through"
    reason = study.bench.answers(block)
    findings = []
    for table in tables:
        for band in table.bands:
            rule, keys = band_name(block, band, "Hz", table.choice), dict(band.row.keys)
            why = reason
            if not why and band.low >= _nominal_hz(study):
                why = ABOVE_F
            if math.isnan(band.least_s) and not band.continuous:
                why = "the system operator sets the time, which is not known"
            if not why and not _edges_hz(study, band):
                why = "no edge of the band is within 15 Hz of the nominal frequency"
            if why:
                findings.append(_unjudged(study.profile, block, rule, why, keys))
            else:
                findings.append(_frequency_finding(study, band, rule))
    return findings


def _nominal_hz(study: Study) -> float:
    return float(study.bench.scenario.model.grid.nominal_frequency_hz)


def _edges_hz(study: Study, band: Band) -> list[float]:
    edges = []
    if band.low > 0.0:
        edges.append(band.low + _EDGE_HZ)
    if math.isfinite(band.high):
        edges.append(band.high - _EDGE_HZ)
    return [edge for edge in edges if abs(edge - _nominal_hz(study)) < _FARTHEST_HZ]


def _frequency_finding(study: Study, band: Band, rule: str) -> Finding:
    from wattkeel.interconnection.capability import CONTINUOUS_S, FREQUENCY_MOMENTS

    asked_s = CONTINUOUS_S if band.continuous else band.shortest_s()
    limit = min(asked_s, study.longest_s)
    cases: dict[str, list[tuple[float, float, float, str]]] = {}
    for edge_hz in _edges_hz(study, band):
        level = Level(frequency_offset_hz=edge_hz - _nominal_hz(study))
        for moment in study.moments[:FREQUENCY_MOMENTS]:
            test = study.sweep.test(level, moment, max(1, round(limit / study.bench.tick_s)))
            for words, left_s in test.stay.judged():
                case = (min(left_s, limit), edge_hz, moment.phase, test.stay.text)
                cases.setdefault(words, []).append(case)
            if math.isfinite(test.stay.faded_s):
                case = (min(test.stay.faded_s, limit), edge_hz, moment.phase, "")
                cases.setdefault(FADED, []).append(case)
    readings = []
    for words, found in cases.items():
        least_s = min(found)[0]
        met = least_s >= limit * (1.0 - 1e-9)
        readings.append(
            {"label": words, "value": least_s, "verdict": "pass" if met else "fail", "time_s": None}
        )
    value, edge_hz, phase, text = min(case for found in cases.values() for case in found)
    verdict: Verdict = _verdict([str(reading["verdict"]) for reading in readings])
    notes = [f"least at {edge_hz:g} Hz, {phase:.0%} into the cycle", text]
    if FADED in cases:
        notes.append(f"the load falls below half of the undisturbed, after {min(cases[FADED])[0]:.4g} s")
    if verdict == "pass" and limit < asked_s:
        verdict = "not_evaluated"
        notes.insert(0, f"run for {limit:g} s only, of {asked_s:g} s that are asked for")
    if band.continuous:
        notes.append(f"continuous operation is asked for; it was run for {limit:g} s")
        notes.append(f"above nominal it is not shown: {ABOVE_F}")
    return Finding(
        rule=rule,
        verdict=verdict,
        value=value,
        limit=limit,
        unit="s",
        margin=(value - limit) / limit,
        method="step of the frequency to the edges of the band; losses of load by the events of the run",
        note=_joined(notes),
        quantity="poi.frequency_hz",
        at_least=True,
        readings=readings,
        details={
            "band": [None if math.isinf(edge) else edge for edge in (band.low, band.high)],
            "row": dict(band.row.keys),
        },
        **_about(study.profile, "frequency_ride_through", dict(band.row.keys)),
    )


def rocof_findings(study: Study) -> list[Finding]:
    """Why a rate cannot be decided, and what ramps at it do.

    Relays of the model time the level of the frequency: a ramp trips them where it stays beyond a threshold,
    the slower the sooner. A verdict on the rate would be one on the level.
    """
    findings = []
    for row in study.profile.rows_of("rocof"):
        if not row.seen or "withstand_hz_per_s" not in row.keys:
            continue
        limit, keys = float(row.keys["withstand_hz_per_s"]), dict(row.keys)
        parts = ("rocof", str(keys.get("who", "")), f"{limit:g} Hz/s")
        rule = " ".join(part for part in parts if part)
        reason = study.bench.answers("frequency_ride_through") or _ramps(study, limit, keys)
        findings.append(_unjudged(study.profile, "rocof", rule, reason, keys))
    return findings


def _ramps(study: Study, limit: float, keys: dict[str, Any]) -> str:
    """What ramps down and up at a rate do, in words."""
    size = limit * float(keys["window_s"]) if "window_s" in keys else _EXCURSION_HZ
    told = []
    for offset in (-size, size):
        level = Level(frequency_offset_hz=offset, frequency_ramp_hz_per_s=limit)
        hold = max(1, round((size / limit + _HOLD_S) / study.bench.tick_s))
        stay = study.sweep.test(level, study.moments[0], hold).stay
        told.append(f"a ramp of {offset:+.3g} Hz at it: {stay.text or 'nothing leaves'}")
    return _joined([RATE, *told])
