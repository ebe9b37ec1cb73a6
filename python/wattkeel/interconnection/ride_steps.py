"""Ways to ride through: settings of the power supplies that leave the grid, from the least change on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wattkeel.interconnection.changes import Change
from wattkeel.interconnection.power_steps import Step
from wattkeel.interconnection.waves import cycle_of_job

if TYPE_CHECKING:
    from wattkeel.compliance import Finding
    from wattkeel.scenario import Scenario

__all__ = ["ride_steps"]

#: Parts of the time for the recovery that the wait and the ramp of a return may take.
_WAIT_SHARE, _RAMP_SHARE = 0.05, 0.5
#: A site that ceases in a sag of the length asked for has to wait for longer than that, s.
_BEYOND_S = 0.02
#: Usual time for the recovery where the profile names none, s.
_WITHIN_S = 1.0


def ride_steps(scenario: Scenario, finding: Finding, keys: dict[str, Any]) -> tuple[list[Step], list[str]]:
    """Ways to meet a rule of riding through, the least first, and what stands against it."""
    model = scenario.model
    nodes = {name: node for name, node in model.distribution.items() if node.ride_through != "none"}
    island = _island(scenario, finding, keys)
    if not nodes and not island.values:
        return [], ["no node of the distribution answers the voltage: there is nothing to set"]
    within_s = _within(finding)
    counter, back, patience = (
        _merge(name, part, nodes, within_s, finding, keys) for name, part in _PARTS.items()
    )
    steps: list[Step] = []
    seen = set()
    ready, idle = _control(scenario, finding, within_s)
    for name, parts in (
        ("sags not counted", (counter,)),
        ("quick return", (back,)),
        ("quick return, sags not counted", (back, counter)),
        ("no cessation in the time asked for", (patience,)),
        ("no cessation in the time asked for, sags not counted", (patience, counter)),
        ("later separation", (island,)),
        ("all of these", (patience, back, counter, island)),
        ("quick return, quick target of the storage", (back, ready)),
        ("quick return, storage idle", (back, idle)),
    ):
        change = Change()
        for part in parts:
            change = change | part
        if not change.values or change.key() in seen:
            continue
        seen.add(change.key())
        steps.append(Step(name, change.of_any_size))
    return steps, []


def _island(scenario: Scenario, finding: Finding, keys: dict[str, Any]) -> Change:
    """A site that separates from the grid later than the rule lets it go."""
    island, asked_s = scenario.model.grid.island, _asked_s(finding, keys)
    if island is None or asked_s is None:
        return Change()
    wanted_s = round(asked_s + _BEYOND_S, 3)
    values = {"grid.island.separate_after_s": wanted_s} if island.separate_after_s < wanted_s else {}
    return Change.of("island", values, f"separation from the grid after {wanted_s:g} s at the earliest")


def _asked_s(finding: Finding, keys: dict[str, Any]) -> float | None:
    """Time for which a rule asks the site to stay, s; None where it asks for none."""
    given = keys.get("min_duration_s", finding.limit if finding.unit == "s" and finding.at_least else None)
    return None if given is None else float(given)


def _control(scenario: Scenario, finding: Finding, within_s: float) -> tuple[Change, Change]:
    """Control by which the storage does not hold the import low after the load is back."""
    control = scenario.model.control
    recovers = finding.block in ("recovery", "recovery_level")
    if not recovers or not scenario.model.storage or control.target == "off":
        return Change(), Change()
    cycle = cycle_of_job(scenario)
    period_s = control.period_s if cycle is None else cycle.period_s
    average_s = max(1, int(0.5 * within_s / period_s)) * period_s
    values: dict[str, object] = {}
    if control.average_s > average_s:
        values["control.average_s"] = average_s
    quick = Change.of("average", values, f"a target of the storage averaged over {average_s:g} s only")
    return quick, Change.of("average", {"control.target": "off"}, "storage left idle")


def _within(finding: Finding) -> float:
    """Time in which the power has to be back, s."""
    from wattkeel.compliance import load_profile
    from wattkeel.compliance.views import recovery_rows
    from wattkeel.errors import ScenarioError

    if finding.block in ("recovery", "recovery_level") and finding.limit:
        return float(finding.limit)
    try:
        rows = recovery_rows(load_profile(finding.profile))
    except ScenarioError:
        return _WITHIN_S
    return min((float(row.keys["within_s"]) for row in rows), default=_WITHIN_S)


def _merge(
    name: str, part: Any, nodes: dict[str, Any], within_s: float, finding: Finding, keys: dict[str, Any]
) -> Change:
    values: dict[str, object] = {}
    words = ""
    for place, node in nodes.items():
        found = dict(part(node.perc1, within_s, finding, keys))
        values |= {f"distribution.{place}.perc1.{key}": value for key, value in found.items()}
        words = words or _words(found)
    return Change.of(name, values, words)


def _words(found: dict[str, object]) -> str:
    texts = {
        "sag_count": "the counter of sags off",
        "reconnect_delay_s": "return {:g} s after the voltage is back",
        "reconnect_ramp_s": "return ramp of {:g} s",
        "cease_delay_s": "no cessation before {:g} s of low voltage",
        "reconnect_voltage_pu": "return at {:g} pu",
    }
    return ", ".join(texts[key].format(value) for key, value in found.items())


def _counter(
    perc1: Any, within_s: float, finding: Finding, keys: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    if perc1 is None or perc1.sag_count > 0:
        yield "sag_count", 0


def _return(perc1: Any, within_s: float, finding: Finding, keys: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, share in (("reconnect_delay_s", _WAIT_SHARE), ("reconnect_ramp_s", _RAMP_SHARE)):
        if perc1 is not None and getattr(perc1, name) > share * within_s:
            yield name, round(share * within_s, 3)


def _patience(
    perc1: Any, within_s: float, finding: Finding, keys: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    asked_s = _asked_s(finding, keys)
    if perc1 is None or asked_s is None:
        return
    wanted_s = round(asked_s + perc1.voltage_filter_s + _BEYOND_S, 3)
    if perc1.cease_delay_s < wanted_s <= 60.0:
        yield "cease_delay_s", wanted_s


_PARTS = {"counter": _counter, "return": _return, "patience": _patience}
