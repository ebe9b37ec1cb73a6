"""Trials: a change, run and judged, each made once and all of them counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance import Finding, Profile, evaluate, load_profile, load_profiles
from wattkeel.compliance.rules import rule_name
from wattkeel.errors import ScenarioError
from wattkeel.interconnection.changes import Change

if TYPE_CHECKING:
    from wattkeel.interconnection.capability import Capability
    from wattkeel.result import Result
    from wattkeel.scenario import Scenario

__all__ = ["Outcome", "Terms", "Trials", "of_capability", "of_result", "row_of"]

Key = tuple[str, str]
Judge = Callable[["Scenario"], list[Finding]]

LOAD, POWER = "site.load_power_w", "poi.power_w"
_KEPT = [POWER, "poi.reactive_power_var", "poi.voltage_pu", "poi.frequency_hz", LOAD]


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a run was judged beside its scenario: what the command line added.

    Attributes
    ----------
    profiles : tuple of Profile
        Profiles already read: a path of a user's own file is not found again by its name.
    rules : tuple of mapping
        Further rules.
    settle_s : float or None
        Time from the start that was not judged, s; that of the scenario when None.
    """

    profiles: tuple[Profile, ...] = ()
    rules: tuple[Mapping[str, Any], ...] = ()
    settle_s: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change gave: findings by profile and rule, or why it could not be run."""

    findings: dict[Key, Finding] = field(default_factory=dict)
    fault: str = ""

    def finding(self, key: Key) -> Finding | None:
        """Finding of a rule."""
        return self.findings.get(key)


class Trials:
    """Runs changes of one scenario.

    Parameters
    ----------
    scenario : Scenario
    judge : callable
        Runs a scenario and gives its findings.
    before : sequence of Finding
        Findings of the scenario as it is.
    progress : callable, optional
        Called as ``progress(runs done, runs at most)``.
    """

    def __init__(
        self,
        scenario: Scenario,
        judge: Judge,
        before: Sequence[Finding],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.runs = 0
        self.most = 0
        self._judge = judge
        self._before = {(finding.profile, finding.rule): finding for finding in before}
        self._known: dict[Any, Outcome] = {}
        self._progress = progress

    def grant(self, runs: int) -> None:
        """Allow so many runs from now on."""
        self.most = self.runs + runs

    @property
    def left(self) -> int:
        """Runs that may still be made."""
        return self.most - self.runs

    def run(self, change: Change) -> Outcome | None:
        """Outcome of a change; None where no run is left for it."""
        key = change.key()
        if key in self._known:
            return self._known[key]
        if self.left <= 0:
            return None
        self.runs += 1
        try:
            found = self._judge(change.apply(self.scenario))
            outcome = Outcome({(finding.profile, finding.rule): finding for finding in found})
        except ScenarioError as error:
            outcome = Outcome(fault=str(error.faults[0]))
        self._known[key] = outcome
        if self._progress is not None:
            self._progress(self.runs, max(self.most, self.runs))
        return outcome

    def broken(self, outcome: Outcome) -> list[str]:
        """Rules that were met before and are not any more, with what became of those that do not fail."""
        told = []
        for key, finding in outcome.findings.items():
            before = self._before.get(key)
            if before is None or before.verdict != "pass" or finding.verdict == "pass":
                continue
            now = "" if finding.verdict == "fail" else f" ({finding.verdict.replace('_', ' ')})"
            told.append(f"{key[0]}: {key[1]}{now}")
        return told


def of_result(result: Result, findings: Sequence[Finding], terms: Terms | None = None) -> Judge:
    """Judge that runs a scenario to its end and judges it as the run was judged.

    By the rules of the scenario, by those of the findings, and by what was asked beside them.
    """
    terms = terms or Terms()
    compliance = result.scenario.model.compliance
    own = [] if compliance is None else load_profiles(compliance.profiles, result.scenario.base_dir)
    profiles = {profile.name: profile for profile in [*terms.profiles, *own]}
    for name in dict.fromkeys(finding.profile for finding in findings):
        if name != "scenario" and name not in profiles and _known(name):
            profiles[name] = load_profile(name)
    rules = [*(dict(rule) for rule in (() if compliance is None else compliance.rule)), *terms.rules]

    def judge(scenario: Scenario) -> list[Finding]:
        from wattkeel.simulation import simulate

        bare = scenario.with_overrides(
            {
                "compliance.profiles": [],
                "record.full_rate": _KEPT,
                "record.event_signals": [],
                "record.event_windows": 0,
            }
        )
        again = simulate(bare, progress=False)
        return evaluate(again, list(profiles.values()), rules, settle_s=terms.settle_s)

    return judge


def of_capability(study: Capability, rules: Sequence[str]) -> Judge:
    """Judge that runs the study of ride-through again."""
    from wattkeel.interconnection.capability import capability

    def judge(scenario: Scenario) -> list[Finding]:
        return capability(scenario, study.arguments["profile"], **_again(study)).findings

    return judge


def _again(study: Capability) -> dict[str, Any]:
    return {name: value for name, value in study.arguments.items() if name != "profile"}


def _known(name: str) -> bool:
    try:
        load_profile(name)
    except ScenarioError:
        return False
    return True


def row_of(finding: Finding, scenario: Scenario | None, terms: Terms | None = None) -> dict[str, Any]:
    """Keys of the rule that a finding judges; empty where the profile cannot be read."""
    terms = terms or Terms()
    if "row" in finding.details:
        return dict(finding.details["row"])
    compliance = None if scenario is None else scenario.model.compliance
    if finding.profile == "scenario":
        rules: list[Any] = [*([] if compliance is None else compliance.rule), *terms.rules]
        for rule in rules:
            keys: dict[str, Any] = dict(rule)
            name = str(keys.get("name", keys["kind"]))
            if finding.rule in (name, f"{name} (power)", f"{name} (share)"):
                return keys
        return {}
    names: list[Any] = [*terms.profiles, finding.profile]
    names += [] if compliance is None else compliance.profiles
    for name in names:
        try:
            base_dir = None if scenario is None else scenario.base_dir
            profile = name if isinstance(name, Profile) else load_profile(name, base_dir)
        except ScenarioError:
            continue
        if profile.name != finding.profile:
            continue
        for row in profile.rows_of(finding.block):
            if finding.rule.startswith(rule_name(finding.block, row.keys)):
                return dict(row.keys)
    return {}


def load_of(result: Result) -> tuple[NDArray[np.float64], float]:
    """Load of the site less its generation at every tick, W, and the tick, s.

    Where the run did not keep it at full rate, the site is run again.
    """
    try:
        return np.asarray(result.signals[LOAD], dtype=np.float64), float(result.tick_s)
    except KeyError:
        from wattkeel.simulation import simulate

        again = simulate(
            result.scenario.with_overrides({"record.full_rate": _KEPT, "compliance.profiles": []}),
            progress=False,
        )
        return np.asarray(again.signals[LOAD], dtype=np.float64), float(again.tick_s)
