"""What would mend a rule that failed: worked out by closed forms, proven by running it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel.compliance import Finding, Profile, Verdict
from wattkeel.interconnection import needs
from wattkeel.interconnection.capability import Capability
from wattkeel.interconnection.causes import explain
from wattkeel.interconnection.changes import Change
from wattkeel.interconnection.power_steps import Site, Step, power_steps
from wattkeel.interconnection.ride_steps import ride_steps
from wattkeel.interconnection.trials import Outcome, Terms, Trials, load_of, of_capability, of_result, row_of
from wattkeel.interconnection.waves import cycle_of_load
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.compliance.record import Record
    from wattkeel.result import Result

__all__ = ["Suggestion", "suggest", "suggest_for_series"]

#: Runs in which power and energy of a store that does it are each reduced: to an eighth of the closed form.
_SHRINKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What would mend one rule.

    Attributes
    ----------
    profile, rule : str
        As in the finding.
    action : str
        What to do, for an engineer; empty where nothing was found.
    cause : str
        What happens at the worst moment; empty where that is not known.
    overrides : dict of str to object
        Values by path, as ``--set`` and `Scenario.with_overrides` take them, in SI.
    toml : str
        Tables to add to the scenario, where the action needs such.
    verified : bool
        Whether the scenario was run with it and the rule is met.
    value_after : float or None
        What the rule reads then, in its own unit.
    verdict_after : str or None
    method : str
        How it was found.
    runs : int
        Runs that were made for it.
    tried : list of str
        What was tried and is not enough, and what is ruled out without a run.
    finding : Finding
        The finding, with `remedy` filled.
    """

    profile: str
    rule: str
    action: str
    cause: str = ""
    overrides: dict[str, object] = field(default_factory=dict)
    toml: str = ""
    verified: bool = False
    value_after: float | None = None
    verdict_after: Verdict | None = None
    method: str = ""
    runs: int = 0
    tried: list[str] = field(default_factory=list)
    finding: Finding

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "finding"}
        return plain | {"finding": self.finding.to_dict()}


def suggest(
    result: Result | Capability,
    findings: Sequence[Finding],
    *,
    progress: Callable[[int, int], None] | None = None,
    runs: int = 24,
    profiles: Sequence[Profile] = (),
    rules: Sequence[Mapping[str, Any]] = (),
    settle_s: float | None = None,
) -> list[Suggestion]:
    """Say what would mend each rule that failed or is marginal, and prove it by running it.

    For a rule on power the closed forms give an import that meets it and the store that makes it; settings of
    what is there come before more of it. For a rule of riding through the settings of the power supplies are
    gone through. Every candidate is run and judged; of a store that does it, the smallest is looked for.

    Parameters
    ----------
    result : Result or Capability
        The run that was judged, or a study of ride-through.
    findings : sequence of Finding
        Its findings; those that pass or have no verdict are passed over.
    progress : callable, optional
        Called as ``progress(runs done, runs at most)``.
    runs : int
        Most runs for one finding.
    profiles : sequence of Profile
        Profiles that the findings come from beside those of the scenario; shipped ones are found by name.
    rules : sequence of mapping
        Rules that they come from beside those of the scenario.
    settle_s : float, optional
        Time from the start that was not judged, s; that of the scenario when None.

    Returns
    -------
    list of Suggestion
        One for every finding that failed or is marginal and whose kind can be mended here, in their order.

    Raises
    ------
    ValueError
        `runs` is below 1.
    """
    if runs < 1:
        raise ValueError(f"runs must be at least 1, got {runs}")
    failed = [f for f in findings if f.verdict in ("fail", "marginal") and needs.kind_of(f)]
    if not failed:
        return []
    scenario = result.scenario
    terms = Terms(tuple(profiles), tuple(rules), settle_s)
    if isinstance(result, Capability):
        judge = of_capability(result, [finding.rule for finding in failed])
    else:
        judge = of_result(result, failed, terms)
    trials = Trials(scenario, judge, findings, progress)
    site: Site | None = None
    suggestions = []
    for finding in failed:
        trials.grant(runs)
        before = trials.runs
        keys = row_of(finding, scenario, terms)
        if needs.kind_of(finding) == "ride":
            steps, out = ride_steps(scenario, finding, keys)
        else:
            if site is None:
                site = _site(result, settle_s)
            wave = needs.wave_for(finding, keys, site.judged_w, site.tick_s)
            steps, out = power_steps(site, finding, wave)
        found = _search(trials, finding, steps, out)
        cause = "" if isinstance(result, Capability) else explain(result, finding)
        suggestions.append(replace(found, cause=cause, runs=trials.runs - before))
    return suggestions


def _site(result: Any, settle_s: float | None) -> Site:
    load_w, tick_s = load_of(result)
    compliance = result.scenario.model.compliance
    if settle_s is None:
        settle_s = 0.0 if compliance is None else compliance.settle_s
    return Site(result.scenario, load_w, tick_s, settle_s)


def _search(trials: Trials, finding: Finding, steps: Sequence[Step], out: Sequence[str]) -> Suggestion:
    """Run the ways in turn; of the first that meets the rule, the least that does."""
    tried = list(out)
    key = (finding.profile, finding.rule)
    nearest: Finding | None = None
    seen = set()
    for step in steps:
        change = step.at(1.0, 1.0)
        if not change.values or change.key() in seen:
            continue
        seen.add(change.key())
        outcome = trials.run(change)
        if outcome is None:
            tried.append(f"{step.name}: not run, the runs were used up")
            continue
        after = outcome.finding(key)
        if after is None:
            tried.append(f"{step.name}: {outcome.fault or 'the rule is not among the findings'}")
            continue
        if after.verdict != "pass":
            tried.append(f"{step.name} ({change.words}): {_reads(after)}")
            nearest = _nearer(nearest, after)
            continue
        left_out, outcome = _drop(trials, key, change, outcome)
        change = _less(change, left_out)
        if step.sized and "store" in change.parts:
            change, outcome = _shrink(trials, key, step, left_out, change, outcome)
        return _suggestion(trials, finding, step, change, outcome, tried)
    return _nothing(finding, tried, nearest)


def _nearer(one: Finding | None, other: Finding) -> Finding:
    """The finding with the larger margin."""
    if one is None or one.margin is None:
        return other
    return other if other.margin is not None and other.margin > one.margin else one


def _less(change: Change, names: Sequence[str]) -> Change:
    for name in names:
        change = change.without(name)
    return change


def _drop(
    trials: Trials, key: tuple[str, str], change: Change, outcome: Outcome
) -> tuple[list[str], Outcome]:
    """Parts that the rule can do without, the first tried first; the last one made the difference."""
    left_out: list[str] = []
    for name in list(change.parts)[:-1]:
        smaller = _less(change, [*left_out, name])
        found = trials.run(smaller) if smaller.values else None
        after = None if found is None else found.finding(key)
        if found is not None and after is not None and after.verdict == "pass":
            left_out.append(name)
            outcome = found
    return left_out, outcome


def _shrink(
    trials: Trials,
    key: tuple[str, str],
    step: Step,
    left_out: Sequence[str],
    change: Change,
    outcome: Outcome,
) -> tuple[Change, Outcome]:
    """Smallest power that meets the rule, then smallest energy, each by bisection between none and enough."""
    power = 1.0
    for energies in (False, True):
        low, high = 0.0, 1.0
        for _ in range(_SHRINKS):
            size = 0.5 * (low + high)
            smaller = _less(step.at(power, size) if energies else step.at(size, 1.0), left_out)
            found = outcome if smaller.key() == change.key() else trials.run(smaller)
            if found is None:
                return change, outcome
            after = found.finding(key)
            if after is not None and after.verdict == "pass":
                high, change, outcome = size, smaller, found
            else:
                low = size
        power = power if energies else high
    return change, outcome


def _suggestion(
    trials: Trials, finding: Finding, step: Step, change: Change, outcome: Outcome, tried: list[str]
) -> Suggestion:
    after = outcome.findings[finding.profile, finding.rule]
    action = change.words
    remedy = f"{action}; verified: {_reads(after)}"
    broken = trials.broken(outcome)
    if broken:
        remedy += f"; but it breaks {', '.join(broken)}"
    return Suggestion(
        profile=finding.profile,
        rule=finding.rule,
        action=action,
        overrides=change.overrides(trials.scenario),
        toml=change.toml(trials.scenario),
        verified=True,
        value_after=after.value,
        verdict_after=after.verdict,
        method=f"{step.name}, run with the scenario and judged again",
        tried=tried,
        finding=replace(finding, remedy=remedy),
    )


def _nothing(finding: Finding, tried: list[str], nearest: Finding | None) -> Suggestion:
    near = "" if nearest is None else f"; nearest: {_reads(nearest)}"
    what = "; ".join(tried) or "nothing here can be set"
    return Suggestion(
        profile=finding.profile,
        rule=finding.rule,
        action="",
        value_after=None if nearest is None else nearest.value,
        verdict_after=None if nearest is None else nearest.verdict,
        method="bounded search; nothing that was tried meets the rule",
        tried=tried,
        finding=replace(finding, remedy=f"no remedy found{near}; tried: {what}"),
    )


def _reads(finding: Finding) -> str:
    """Value against limit, as the rule reads."""
    if finding.value is None or finding.limit is None:
        return finding.verdict.replace("_", " ")
    unit = "" if finding.unit in ("", "1") else f" {finding.unit}"
    met = (finding.value >= finding.limit) if finding.at_least else (finding.value <= finding.limit)
    sign = (">=" if met else "<") if finding.at_least else ("<=" if met else ">")
    text = f"{finding.value:.4g}{unit} {sign} {finding.limit:.4g}{unit}"
    return text if finding.verdict == "pass" else f"{text} ({finding.verdict})"


# ---------------------------------------------------------------------------------------------- measured


def suggest_for_series(record: Record, findings: Sequence[Finding]) -> list[Suggestion]:
    """What a store would need to mend each failed rule on power of a measured record, by the closed forms.

    Nothing of it is run: there is no scenario. Converters that lag are not in it.

    Parameters
    ----------
    record : Record
    findings : sequence of Finding
        Its findings.

    Returns
    -------
    list of Suggestion
        One for every rule on power that failed or is marginal.
    """
    power_w = np.asarray(record.judged(), dtype=np.float64)
    suggestions = []
    for finding in findings:
        kind = needs.kind_of(finding)
        if finding.verdict not in ("fail", "marginal") or kind == "ride" or not kind:
            continue
        keys = row_of(finding, None)
        wave = needs.wave_for(finding, keys, power_w, record.tick_s)
        cycle = cycle_of_load(power_w, record.tick_s)
        # A whole record as its own average would leave nothing to the ramp limit.
        average_s = min(4.0 * cycle.period_s, 0.1 * power_w.size * record.tick_s)
        need, _, _ = needs.store_for(power_w, record.tick_s, wave, average_s)
        suggestions.append(_reckoned(finding, wave, average_s, need.power_w, need.energy_j))
    return suggestions


def _reckoned(
    finding: Finding, wave: needs.Wave, average_s: float, power_w: float, energy_j: float
) -> Suggestion:
    limit = ""
    if math.isfinite(wave.ramp_w_per_s):
        limit = f", with ramps of the import of {needs.ramp_text(wave.ramp_w_per_s)} at most"
    action = (
        f"a store of {format_quantity(power_w, 'W', 3)} and {energy_j / 3.6e6:.3g} kWh usable that holds the "
        f"average over {average_s:.3g} s{limit}"
    )
    why = "not verified: no scenario"
    return Suggestion(
        profile=finding.profile,
        rule=finding.rule,
        action=action,
        method=f"closed form on the record: {wave.text}; flattening need, lossless and without lag; {why}",
        finding=replace(finding, remedy=f"{action} (closed form; {why})"),
    )
