"""From what was run to findings: one for each row of a profile, for its recovery, and for every train."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wattkeel.compliance import Finding, Profile, Verdict
from wattkeel.interconnection.requirements import Band, groups_of, obligation_s, required_s
from wattkeel.interconnection.staying import READINGS
from wattkeel.interconnection.sweep import Level, Sweep
from wattkeel.interconnection.trains import TrainRun

if TYPE_CHECKING:
    from wattkeel.interconnection.capability import Point, _Study

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
#: Rates that are run, as shares of what is to be withstood.
_RATES = (0.25, 0.5, 1.0, 1.5)


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
    return "marginal" if "marginal" in kinds or len(kinds) > 1 else "fail" if "fail" in kinds else "pass"


def _one_verdict(value_s: float, limit_s: float, tick_s: float, capped: bool) -> str:
    """Verdict of one reading: a margin of no more than a tick is below the resolution."""
    if not capped and abs(value_s - limit_s) <= 1.5 * tick_s:
        return "marginal"
    return "pass" if value_s >= limit_s * (1.0 - 1e-9) else "fail"


# ------------------------------------------------------------------------------------------------- voltage


def voltage_findings(study: _Study, bands: Sequence[Band], points: Sequence[Point]) -> list[Finding]:
    """One finding for every band of voltage."""
    reason = study.bench.answers("voltage_ride_through")
    findings = []
    for group in groups_of(bands).values():
        for band in group:
            rule = f"ride through {band.name}"
            if any(finding.rule == rule for finding in findings):
                continue
            inside = [point for point in points if band.holds(point.voltage_pu)]
            if reason or not inside:
                why = reason or "none of the voltages that were run lies in this band"
                findings.append(_unjudged(study.profile, "voltage_ride_through", rule, why, band.keys))
            else:
                findings.append(_band_finding(study, group, band, rule, inside))
    return findings


def _unjudged(
    profile: Profile, block: str, rule: str, why: str, keys: dict[str, Any] | None = None
) -> Finding:
    return Finding(rule=rule, verdict="not_evaluated", note=why, **_about(profile, block, keys))


def _band_finding(
    study: _Study, group: Sequence[Band], band: Band, rule: str, points: Sequence[Point]
) -> Finding:
    """Worst of all voltages and moments of a band, by every reading of timer and of staying connected."""
    tick_s = study.bench.tick_s
    readings: list[dict[str, Any]] = []
    for stay in _stay_readings(band):
        for timer in study.timers:
            worst = min(points, key=lambda p: p.longest_s[stay] - _owed(study, group, p, timer))
            value, limit = worst.longest_s[stay], _owed(study, group, worst, timer)
            readings.append(
                {
                    "label": f"{stay}, timers {timer}",
                    "value": value,
                    "limit": limit,
                    "verdict": _one_verdict(value, limit, tick_s, worst.capped[stay]),
                    "time_s": None,
                    "voltage_pu": worst.voltage_pu,
                    "phase": worst.phase,
                    "capped": worst.capped[stay],
                    "recovery_s": worst.recovery_s,
                }
            )
    readings = _merged(readings)
    worst_reading = min(readings, key=lambda r: r["value"] / max(r["limit"], 1e-12))
    value, limit = float(worst_reading["value"]), float(worst_reading["limit"])
    notes = [_case_text(reading) for reading in readings]
    notes += _curve_notes(band, points, limit, study)
    verdict: Verdict = _verdict([reading["verdict"] for reading in readings])
    if band.duration_s > study.longest_s and not band.continuous and verdict == "pass":
        verdict = "not_evaluated"
        notes.insert(0, f"run for {study.longest_s:g} s only, of {band.duration_s:g} s that are asked for")
    return Finding(
        rule=rule,
        verdict=verdict,
        value=value,
        limit=limit,
        unit="s",
        margin=(value - limit) / limit if limit else None,
        duration_s=None,
        method=_method(study),
        note=_joined(notes),
        quantity="poi.voltage_pu",
        at_least=True,
        readings=readings,
        details={"v_low_pu": band.low, "v_high_pu": band.high if math.isfinite(band.high) else None},
        **_about(study.profile, "voltage_ride_through", band.keys),
    )


def _stay_readings(band: Band) -> tuple[str, ...]:
    """Readings of "stays connected": where a row allows to cease, only the return counts."""
    return READINGS[1:] if band.keys.get("mode") in ("permissive", "momentary_cessation") else READINGS


def _owed(study: _Study, group: Sequence[Band], point: Point, timer: str) -> float:
    from wattkeel.interconnection.capability import CONTINUOUS_S

    asked_s = required_s(group, point.voltage_pu, timer)
    return min(CONTINUOUS_S if math.isinf(asked_s) else asked_s, study.longest_s)


def _merged(readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Readings of the timers that agree in all become one."""
    kept: list[dict[str, Any]] = []
    for reading in readings:
        stay = reading["label"].partition(",")[0]
        same = [
            other
            for other in kept
            if other["label"].partition(",")[0] == stay
            and (other["value"], other["limit"]) == (reading["value"], reading["limit"])
        ]
        if same:
            same[0]["label"] = stay
        else:
            kept.append(reading)
    return kept


def _case_text(reading: dict[str, Any]) -> str:
    most = "at least " if reading["capped"] else ""
    return (
        f"{reading['label']}: {most}{reading['value']:.6g} s of {reading['limit']:.6g} s at "
        f"{reading['voltage_pu']:g} pu, {reading['phase']:.0%} into the cycle ({reading['verdict']})"
    )


def _curve_notes(band: Band, points: Sequence[Point], limit: float, study: _Study) -> list[str]:
    notes = []
    if band.continuous:
        notes.append(f"continuous operation is asked for; it was run for {limit:g} s")
    if any(not value for point in points for value in point.monotone.values()):
        notes.append("not monotone: a longer disturbance was ridden after a shorter one that was not")
    if math.isinf(band.high):
        notes.append("the rule gives no upper edge; the band was run near its lower edge")
    if band.keys.get("note"):
        notes.append(str(band.keys["note"]))
    return notes


def _method(study: _Study) -> str:
    moments = len(study.moments)
    behind = "a stiff source" if study.bench.source == "stiff" else "the scenario's grid"
    return (
        f"run behind {behind} at {moments} moment{'s' if moments != 1 else ''} of the load's cycle; longest "
        f"duration up to which every one was ridden, to {study.bench.tick_s:g} s; away: more than "
        f"{1.0 - study.asked.share:.0%} of the load"
    )


# ------------------------------------------------------------------------------------------------ recovery


def recovery_findings(study: _Study, points: Sequence[Point]) -> list[Finding]:
    """Slowest recovery after a sag of the length that is asked for."""
    if not study.asked.asked:
        return []
    about = _about(study.profile, "recovery")
    owed = [point for point in points if max(point.required_s.values()) > 0.0 and point.voltage_pu < 1.0]
    if not owed:
        why = study.bench.answers("voltage_ride_through") or "no sag of a length that is asked for was run"
        return [_unjudged(study.profile, "recovery", "recovery after a sag", why)]
    worst = max(owed, key=lambda point: point.recovery_s)
    value, note = worst.recovery_s, ""
    if math.isinf(value):
        value = study.long_look_s(worst)
        if math.isinf(value):
            value, note = study.look_s, f"not back within the {study.look_s:g} s watched"
    limit = study.asked.within_s
    fine = value <= limit * (1.0 + 1e-9)
    return [
        Finding(
            rule="recovery after a sag",
            verdict="pass" if fine else "fail",
            value=value,
            limit=limit,
            unit="s",
            margin=(limit - value) / limit,
            method=(
                f"time from V > {study.asked.after_v_pu:g} pu until the power at the POI stays at "
                f"{study.asked.share:.0%} of that of the undisturbed twin"
            ),
            note=_joined(
                [
                    f"slowest after {worst.voltage_pu:g} pu for {max(worst.required_s.values()):g} s, "
                    f"{worst.phase:.0%} into the cycle",
                    note,
                ]
            ),
            quantity="poi.power_w",
            readings=[{"label": "", "value": value, "verdict": "pass" if fine else "fail", "time_s": None}],
            **about,
        )
    ]


# ------------------------------------------------------------------------------------------------ trains


def train_findings(study: _Study, bands: Sequence[Band], runs: Sequence[TrainRun]) -> list[Finding]:
    """Every train, as long as the profile obliges; and whether sags were counted where that is prohibited."""
    findings = []
    for name in dict.fromkeys(run.name for run in runs):
        findings.append(_train_finding(study, bands, [run for run in runs if run.name == name]))
    if study.profile.head.get("sag_counting_transfer_prohibited") and runs:
        findings.append(_counting_finding(study, runs))
    return findings


def _train_finding(study: _Study, bands: Sequence[Band], runs: Sequence[TrainRun]) -> Finding:
    readings: list[dict[str, Any]] = []
    for stay in READINGS:
        for timer in study.timers:
            owed_s = max(obligation_s(group, runs[0].pieces, timer) for group in groups_of(bands).values())
            limit = min(owed_s, runs[0].end_s)
            worst = min(runs, key=lambda run: run.left_s[stay])
            value = min(worst.left_s[stay], worst.end_s)
            # After the last sag the load has to be back; the obligation to stay does not end with the sag.
            met = math.isinf(worst.left_s[stay]) or worst.left_s[stay] >= owed_s * (1.0 - 1e-9)
            readings.append(
                {
                    "label": f"{stay}, timers {timer}",
                    "value": value,
                    "limit": limit,
                    "verdict": "pass" if met else "fail",
                    "time_s": None,
                    "phase": worst.phase,
                }
            )
    readings = _merged(readings)
    first = min(readings, key=lambda reading: reading["value"])
    lost_w = max(run.lost_w for run in runs)
    moved_s = min(run.transferred_s for run in runs)
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
        method=f"{len(runs[0].pieces)} sags in {runs[0].end_s:.4g} s; " + _method(study),
        note=_joined(notes),
        quantity="poi.voltage_pu",
        at_least=True,
        readings=readings,
        details={"pieces": runs[0].pieces, "lost_w": lost_w},
        **_about(study.profile, "voltage_ride_through"),
    )


def _counting_finding(study: _Study, runs: Sequence[TrainRun]) -> Finding:
    moved = sum(math.isfinite(run.transferred_s) for run in runs)
    return Finding(
        rule="no transfer by counting sags",
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
        **_about(study.profile, "sag_counting"),
    )


# ------------------------------------------------------------------------------------------------ frequency


def frequency_findings(study: _Study, bands: Sequence[Band]) -> list[Finding]:
    """One finding for every band of frequency, run as a step to its edge."""
    reason = study.bench.answers("frequency_ride_through")
    findings = []
    for band in bands:
        rule = f"ride through {band.name}"
        if reason:
            findings.append(_unjudged(study.profile, "frequency_ride_through", rule, reason, band.keys))
        else:
            findings.append(_frequency_finding(study, band, rule))
    return findings


def _edges_hz(band: Band, nominal_hz: float) -> list[float]:
    edges = []
    if band.low > 0.0:
        edges.append(band.low + _EDGE_HZ)
    if math.isfinite(band.high):
        edges.append(band.high - _EDGE_HZ)
    return [edge for edge in edges if abs(edge - nominal_hz) < 15.0]


def _frequency_finding(study: _Study, band: Band, rule: str) -> Finding:
    from wattkeel.interconnection.capability import _FREQUENCY_MOMENTS, CONTINUOUS_S

    nominal_hz = study.bench.scenario.model.grid.nominal_frequency_hz
    edges = _edges_hz(band, nominal_hz)
    if not edges:
        why = f"no edge of the band is within 15 Hz of {nominal_hz:g} Hz"
        return _unjudged(study.profile, "frequency_ride_through", rule, why, band.keys)
    asked_s = CONTINUOUS_S if band.continuous else band.duration_s
    limit = min(asked_s, study.longest_s)
    cases = []
    for edge_hz in edges:
        for moment in study.moments[:_FREQUENCY_MOMENTS]:
            level = Level(frequency_offset_hz=edge_hz - nominal_hz)
            test = study.sweep.test(level, moment, max(1, round(limit / study.bench.tick_s)))
            cases.append((min(test.stay.left_s, limit), edge_hz, moment.phase))
    value, edge_hz, phase = min(cases)
    fine = value >= limit * (1.0 - 1e-9)
    verdict: Verdict = "pass" if fine else "fail"
    notes = [f"least at {edge_hz:g} Hz, {phase:.0%} into the cycle"]
    if fine and limit < asked_s:
        verdict = "not_evaluated"
        notes.insert(0, f"run for {limit:g} s only, of {asked_s:g} s that are asked for")
    if band.continuous:
        notes.append(f"continuous operation is asked for; it was run for {limit:g} s")
    return Finding(
        rule=rule,
        verdict=verdict,
        value=value,
        limit=limit,
        unit="s",
        margin=(value - limit) / limit,
        method="step of the frequency to the edge of the band; time until more of the load is away than the "
        "recovery may lack",
        note=_joined(notes),
        quantity="poi.frequency_hz",
        at_least=True,
        readings=[{"label": "", "value": value, "verdict": "pass" if fine else "fail", "time_s": None}],
        details={"f_low_hz": band.low, "f_high_hz": band.high if math.isfinite(band.high) else None},
        **_about(study.profile, "frequency_ride_through", band.keys),
    )


def rocof_findings(study: _Study, bands: Sequence[Band]) -> list[Finding]:
    """Ramps of the frequency, down and up, at the rate that is to be withstood and around it."""
    rows = [row for row in study.profile.rows_of("rocof") if row.seen and "withstand_hz_per_s" in row.keys]
    findings = []
    for row in rows:
        limit = float(row.keys["withstand_hz_per_s"])
        rule = f"withstand {limit:g} Hz/s"
        reason = study.bench.answers("rocof")
        if reason:
            findings.append(_unjudged(study.profile, "rocof", rule, reason, dict(row.keys)))
            continue
        findings.append(_rocof_finding(study, bands, limit, rule, dict(row.keys)))
    return findings


def _rocof_finding(
    study: _Study, bands: Sequence[Band], limit: float, rule: str, keys: dict[str, Any]
) -> Finding:
    nominal_hz = study.bench.scenario.model.grid.nominal_frequency_hz
    edges = [edge for band in bands for edge in _edges_hz(band, nominal_hz)]
    down = min([edge - nominal_hz for edge in edges if edge < nominal_hz], default=-_EXCURSION_HZ)
    up = max([edge - nominal_hz for edge in edges if edge > nominal_hz], default=_EXCURSION_HZ)
    ridden, watcher = 0.0, Sweep(study.bench, study.asked, study.asked.within_s)
    for rate in (share * limit for share in _RATES):
        stays = []
        for size in (down, up):
            level = Level(frequency_offset_hz=size, frequency_ramp_hz_per_s=rate)
            hold = max(1, round((abs(size) / rate + 0.5) / study.bench.tick_s))
            stays.append(watcher.test(level, study.moments[0], hold).stay)
        if not all(math.isinf(stay.left_s) for stay in stays):
            break
        ridden = rate
    fine = ridden >= limit * (1.0 - 1e-9)
    return Finding(
        rule=rule,
        verdict="pass" if fine else "fail",
        value=ridden,
        limit=limit,
        unit="Hz/s",
        margin=(ridden - limit) / limit,
        method=f"ramps of {down:+.3g} and {up:+.3g} Hz at {', '.join(f'{s:g}' for s in _RATES)} times the rate",
        note="the largest rate run was ridden" if ridden >= _RATES[-1] * limit else "",
        quantity="poi.frequency_hz",
        at_least=True,
        readings=[{"label": "", "value": ridden, "verdict": "pass" if fine else "fail", "time_s": None}],
        **_about(study.profile, "rocof", keys),
    )
