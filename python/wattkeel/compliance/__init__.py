"""Connection rules as data, and the verdict on a run or a record.

`evaluate` judges a run by the profiles and rules that its scenario names, or by others; `evaluate_record` a
record, `load_record` reads one from a file; `evaluate_series` judges bare arrays. Each rule gives one
`Finding`. Where a rule leaves its reading open (filter, window, statistic), every reading is evaluated and
printed, and readings that disagree make the verdict "marginal". What cannot be judged is "not_evaluated" with
the reason, never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.compliance.demand import Demand, demand
from wattkeel.compliance.finding import Finding, Verdict
from wattkeel.compliance.load_model import load_model_of
from wattkeel.compliance.metering import RunMeter, site_of
from wattkeel.compliance.own_rules import load_rules
from wattkeel.compliance.profile import Profile, load_profile, profile_names
from wattkeel.compliance.record import CannotJudgeError, Metered, Record, Unkept
from wattkeel.compliance.records import MeasuredRecord, load_record
from wattkeel.compliance.verdicts import judge_profile, judge_scenario_rule
from wattkeel.errors import Fault, ScenarioError
from wattkeel.spectra import trace_reach

__all__ = [
    "Demand",
    "Finding",
    "MeasuredRecord",
    "Metered",
    "Profile",
    "Record",
    "RunMeter",
    "Verdict",
    "demand",
    "evaluate",
    "evaluate_record",
    "evaluate_series",
    "load_profile",
    "load_profiles",
    "load_record",
    "load_rules",
    "profile_names",
]

POWER, VOLTAGE, FREQUENCY = "poi.power_w", "poi.voltage_pu", "poi.frequency_hz"
REACTIVE = "poi.reactive_power_var"


class RunResult(Protocol):
    """What `evaluate` needs of a run's result."""

    @property
    def scenario(self) -> Any: ...
    @property
    def tick_s(self) -> float: ...
    @property
    def complete(self) -> bool: ...
    @property
    def signals(self) -> Mapping[str, NDArray[np.float64]]: ...
    @property
    def events(self) -> Sequence[Any]: ...
    @property
    def metered(self) -> Metered | None: ...


def load_profiles(profiles: Iterable[str | Path | Profile], base_dir: Path | None = None) -> list[Profile]:
    """Read several profiles (see `load_profile`); one ScenarioError holds the faults of all of them."""
    loaded: list[Profile] = []
    faults: list[Fault] = []
    for profile in profiles:
        try:
            loaded.append(profile if isinstance(profile, Profile) else load_profile(profile, base_dir))
        except ScenarioError as error:
            faults += error.faults
    if faults:
        raise ScenarioError(faults)
    return loaded


def evaluate(
    result: RunResult,
    profiles: Sequence[str | Path | Profile] | None = None,
    rules: Sequence[Mapping[str, Any]] | None = None,
    *,
    settle_s: float | None = None,
) -> list[Finding]:
    """Judge a run.

    Rules of power that the scenario names were metered while it ran. All others read ``poi.power_w``,
    ``poi.voltage_pu`` and ``poi.frequency_hz`` at full rate; rules of what was neither metered nor kept are
    "not_evaluated" with the remedy. An envelope never takes its place.

    Parameters
    ----------
    result : Result
        Result of a run (complete or not).
    profiles : sequence of str, Path or Profile, optional
        Profiles to judge by; those of the scenario when None. Relative paths start from its folder.
    rules : sequence of mapping, optional
        Further rules, as in `evaluate_series`; those of the scenario when None.
    settle_s : float, optional
        Time from the start that is not judged, s; that of the scenario when None.

    Returns
    -------
    list of Finding
        One per rule, in the order of the profiles; then the rules without one.

    Raises
    ------
    ScenarioError
        If a profile is unknown or has faults (all of them).
    """
    model = result.scenario.model
    compliance = model.compliance
    if profiles is None:
        profiles = compliance.profiles if compliance is not None else []
    if rules is None:
        rules = compliance.rule if compliance is not None else []
    if settle_s is None:
        settle_s = compliance.settle_s if compliance is not None else 0.0
    loaded = load_profiles(profiles, result.scenario.base_dir)
    keys = [dict(rule) for rule in rules]
    if not loaded and not keys:
        return []
    record = _record_of_run(result, settle_s)
    if isinstance(record, CannotJudgeError):
        return _judge(record, loaded, keys)
    remark = "" if result.complete else f"the run did not reach its end: judged to {record.length()}"
    return _judge(record, loaded, keys, remark)


def _record_of_run(result: RunResult, settle_s: float) -> Record | CannotJudgeError:
    """The record of a run, of its power at full rate or as it was metered, or why there is none."""
    power, metered = _signal(result, POWER), result.metered
    known: dict[str, Any] = {
        **site_of(result.scenario.model, settle_s),
        "voltage_pu": _signal(result, VOLTAGE),
        "frequency_hz": _signal(result, FREQUENCY),
        "events": result.events,
        "simulated": True,
        "reactive_power_var": _signal(result, REACTIVE),
        "load_model": load_model_of(result.scenario.model),
        "metered": metered,
        "reach": trace_reach(result),
    }
    if power is not None and power.size:
        return Record(power, result.tick_s, **known)
    if power is None and metered is not None and metered.samples:
        return Unkept(metered.samples, result.tick_s, **known)
    return CannotJudgeError(
        "the run holds no tick"
        if power is not None or metered is not None
        else f'{POWER} was not kept at full rate; add "{POWER}" to record.full_rate and run again'
    )


def evaluate_record(
    record: Record,
    profiles: Sequence[str | Path | Profile],
    *,
    rules: Sequence[Mapping[str, Any]] = (),
    base_dir: Path | None = None,
) -> list[Finding]:
    """Judge a record, e.g. of `load_record`.

    Parameters
    ----------
    record : Record
    profiles, rules, base_dir
        As `evaluate_series`.

    Returns
    -------
    list of Finding
        As `evaluate`; every one says the remarks of the record.

    Raises
    ------
    ScenarioError
        If a profile is unknown or has faults (all of them).
    """
    loaded = load_profiles(profiles, base_dir)
    return _judge(record, loaded, [dict(rule) for rule in rules], "; ".join(record.remarks))


def _signal(result: RunResult, name: str) -> NDArray[np.float64] | None:
    """A signal at every tick (a view), or None where it was not kept."""
    try:
        return result.signals[name]
    except KeyError:
        return None


def evaluate_series(
    power_w: ArrayLike,
    tick_s: float,
    profiles: Sequence[str | Path | Profile],
    *,
    rules: Sequence[Mapping[str, Any]] = (),
    rated_power_w: float | None = None,
    peak_power_w: float | None = None,
    nominal_frequency_hz: float = 60.0,
    settle_s: float = 0.0,
    base_dir: Path | None = None,
) -> list[Finding]:
    """Judge a power record, measured or simulated.

    Parameters
    ----------
    power_w : array_like, shape (n,)
        Power at the point of interconnection, W, import positive, equidistant.
    tick_s : float
        Time between samples, s.
    profiles : sequence of str, Path or Profile
        Names of shipped profiles, paths of profile files, or profiles already read.
    rules : sequence of mapping
        Further rules with the keys of ``[[compliance.rule]]`` in SI: name, kind, direction, window_s,
        band_low_hz, band_high_hz, limit_w, limit_w_per_s, limit_fraction. A fraction is one of the AC energy
        (band_power), of the largest power (dynamic_range), or of `rated_power_w` within the window
        (power_variation, ramp). Each limit given is judged by itself.
    rated_power_w : float, optional
        Contracted (nominal) power of the site, W; the largest power of the record when None.
    peak_power_w : float, optional
        Registered peak, W; `rated_power_w` when None.
    nominal_frequency_hz : float
        Nominal frequency, Hz: upper edge of "sub-synchronous".
    settle_s : float
        Time from the start that is not judged, s.
    base_dir : Path, optional
        Folder from which relative paths of profiles start.

    Returns
    -------
    list of Finding
        As `evaluate`.

    Raises
    ------
    ScenarioError
        If the record is empty, not 1-D or holds a value that is not finite, if a time is out of its range, or
        if a profile is unknown or has faults (all of them).
    """
    power = np.ascontiguousarray(power_w, dtype=np.float64)
    faults = _series_faults(power, tick_s, settle_s)
    loaded: list[Profile] = []
    try:
        loaded = load_profiles(profiles, base_dir)
    except ScenarioError as error:
        faults += error.faults
    if faults:
        raise ScenarioError(faults)
    record = Record(power, tick_s, settle_s, rated_power_w, peak_power_w, nominal_frequency_hz)
    return _judge(record, loaded, [dict(rule) for rule in rules])


def _series_faults(power: NDArray[np.float64], tick_s: float, settle_s: float) -> list[Fault]:
    faults: list[Fault] = []
    if power.ndim != 1 or power.size == 0:
        faults.append(Fault("power_w", None, f"must be 1-D and not empty, has shape {power.shape}"))
    elif not np.isfinite(power).all():
        first = int(np.argmin(np.isfinite(power)))
        faults.append(Fault(f"power_w[{first}]", float(power[first]), "must be finite"))
    if not (np.isfinite(tick_s) and tick_s > 0.0):
        faults.append(Fault("tick_s", tick_s, "must be finite and above 0 (s)"))
    if not (np.isfinite(settle_s) and settle_s >= 0.0):
        faults.append(Fault("settle_s", settle_s, "must be finite and at least 0 (s)"))
    return faults


def _judge(
    record: Record | CannotJudgeError,
    profiles: Sequence[Profile],
    rules: Sequence[Mapping[str, Any]],
    remark: str = "",
) -> list[Finding]:
    findings: list[Finding] = []
    for profile in profiles:
        findings += judge_profile(record, profile, remark)
    for rule in rules:
        findings += judge_scenario_rule(record, rule, remark)
    return findings
