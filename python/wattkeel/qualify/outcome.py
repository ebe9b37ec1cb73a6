"""What a test found: criteria with their verdicts, and the verdict of the test that follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance.finding import Finding, Verdict
from wattkeel.qualify.bench import Log
from wattkeel.qualify.guideline import PROFILE, Guideline, GuidelineTest

__all__ = [
    "OWN",
    "USER",
    "Chart",
    "Criteria",
    "Criterion",
    "Reading",
    "Series",
    "TestOutcome",
    "series_of",
    "verdict_of",
]

OWN, USER = "own_choice", "user"
"""Evidence of a limit that is no number of the guideline: ours, or one that the user has set."""
TOLERANCE = 1e-9
"""Relative tolerance of a comparison with a limit."""

ANSWERS = {
    "pass": "compliant",
    "fail": "non-compliant",
    "marginal": "exception",
    "not_evaluated": "not evaluated",
    "emt_required": "EMT required",
}
"""Answers of the requirement table. An exception is for a person to explain: the readings differ."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a criterion: label, value, and when the worst of it was, s."""

    label: str
    value: float
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row of the requirement table.

    Attributes
    ----------
    finding : Finding
        Verdict, value, limit and how it was computed.
    item, description : str
        Item and description of the row.
    counts : bool
        Whether the verdict of the test depends on it: not for values that are shown without a criterion.
    version : str
        Version of the guideline that it comes from, where that is not the version of its test; empty else.
    """

    finding: Finding
    item: str
    description: str
    counts: bool = True
    version: str = ""

    @property
    def answer(self) -> str:
        """Answer of the requirement table."""
        return ANSWERS[self.finding.verdict]


@dataclass(frozen=True, eq=False)
class Series:
    """Time series of a test for the evidence: equally long columns by name, with the unit in it."""

    name: str
    columns: Mapping[str, NDArray[np.float64]]


def series_of(name: str, log: Log) -> Series:
    """All signals of a log that move, at every tick."""
    kept = {key: values for key, values in log.signals.items() if float(np.ptp(values)) > 0.0}
    return Series(name, {"time_s": log.time_s, **kept})


@dataclass(frozen=True, slots=True)
class Chart:
    """What the page draws of a series: title, unit shown, factor to it, and (label, column) of each line."""

    title: str
    unit: str
    factor: float
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class TestOutcome:
    """What one test found.

    Attributes
    ----------
    test : GuidelineTest
    verdict : str
        fail where a criterion fails; marginal where the readings of one disagree; pass where every criterion
        that counts passes; else not_evaluated. emt_required where an RMS engine cannot decide the test.
    criteria : list of Criterion
    notes : list of str
    logs : dict of str to Log
        Bench runs by name.
    series : list of Series
    charts : list of Chart
        What is drawn of them.
    files : dict of str to str
        Further evidence, text by file name.
    wall_s : float
        Time taken.
    """

    __test__ = False  # no class of tests, whatever its name says

    test: GuidelineTest
    verdict: Verdict
    criteria: list[Criterion]
    notes: list[str]
    logs: dict[str, Log] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def summary(self) -> str:
        """How many criteria passed, failed and stay open."""
        counted = [criterion.finding.verdict for criterion in self.criteria]
        words = (("pass", "pass"), ("fail", "fail"), ("marginal", "marginal"), ("not_evaluated", "open"))
        told = [f"{counted.count(verdict)} {word}" for verdict, word in words if verdict in counted]
        if not told:
            return "no criterion that an RMS engine can decide"
        return ", ".join(told) + ("; a screening" if self.test.evaluation == "screening" else "")


def verdict_of(criteria: Sequence[Criterion]) -> Verdict:
    """Verdict of a test from those of its criteria that count; never a pass while one of them is open."""
    found = [criterion.finding.verdict for criterion in criteria if criterion.counts]
    worst: tuple[Verdict, ...] = ("fail", "marginal")
    for verdict in worst:
        if verdict in found:
            return verdict
    return "pass" if found and all(verdict == "pass" for verdict in found) else "not_evaluated"


class Criteria:
    """Gathers the criteria of one test.

    Parameters
    ----------
    source : Guideline
        Where the test stands.
    test : GuidelineTest
        The test.
    """

    def __init__(self, source: Guideline, test: GuidelineTest) -> None:
        self.rows: list[Criterion] = []
        self._about: dict[str, Any] = {
            "profile": PROFILE,
            "status": source.status,
            "date": source.date,
            "source": source.url,
            "block": f"test {test.number}",
            "evidence": test.evidence,
        }
        self._test = test

    def judge(
        self,
        item: str,
        description: str,
        readings: Sequence[Reading],
        limit: float,
        unit: str,
        *,
        method: str,
        missing: str = "",
        note: str = "",
        at_least: bool = False,
        resolution: float = 0.0,
        quantity: str = "",
        counts: bool = True,
        evidence: str = "",
    ) -> None:
        """Add a criterion: every reading against the limit.

        Parameters
        ----------
        item, description : str
            As in the requirement table.
        readings : sequence of Reading
            All admissible readings; where they disagree the verdict is marginal. NaN is never within.
        limit : float
            The limit; 0 for one that is not known, where `missing` names the parameter that sets it.
        unit : str
            Unit of values and limit.
        method : str
            How they were computed.
        missing : str
            Parameter that sets the limit, e.g. ``qualify.island.frequency_limit``.
        note : str
            What else there is to say.
        at_least : bool
            Whether the limit is the least that is asked for.
        resolution : float
            Margin, in `unit`, below which the value cannot be told from the limit.
        quantity : str
            Signal that was judged.
        counts : bool
            See `Criterion`.
        evidence : str
            Where the limit comes from, if not from the guideline: `OWN` or `USER`, which is taken where
            `missing` is given.
        """
        worst = _worst(readings, at_least)
        told = "; ".join(f"{one.label}: {one.value:.6g} {unit}".rstrip() for one in readings)
        common: dict[str, Any] = {
            "rule": f"{self._test.requirement_id}.{item}",
            "value": None if worst is None or not math.isfinite(worst.value) else worst.value,
            "unit": unit,
            "method": method,
            "at_least": at_least,
            "quantity": quantity,
            "time_s": None if worst is None else worst.time_s,
            **self._about,
        }
        if evidence or missing:
            common["evidence"] = evidence or USER
        if missing and limit == 0.0:
            reason = f"criterion not known; set {missing} to judge it"
            common["evidence"] = "none"
            finding = Finding(verdict="not_evaluated", note=_joined(reason, told, note), **common)
            self.rows.append(Criterion(finding, item, description, counts))
            return
        each = [_verdict(one.value, limit, at_least, resolution) for one in readings]
        verdict: Verdict = "marginal"
        if len(set(each)) == 1:
            verdict = each[0]
        elif not each:
            verdict = "not_evaluated"
        value = common["value"]
        margin = None
        if value is not None and limit != 0.0:
            margin = (value - limit) / limit if at_least else (limit - value) / limit
        rows = [
            {"label": one.label, "value": one.value, "verdict": own, "time_s": one.time_s}
            for one, own in zip(readings, each, strict=True)
        ]
        finding = Finding(
            verdict=verdict, limit=limit, margin=margin, readings=rows, note=_joined(told, note), **common
        )
        self.rows.append(Criterion(finding, item, description, counts))

    def open(
        self,
        item: str,
        description: str,
        reason: str,
        *,
        counts: bool = False,
        evidence: str = "",
        version: str = "",
    ) -> None:
        """Add a criterion that cannot be judged, with the reason."""
        rule = f"{self._test.requirement_id}.{item}"
        about = self._about | ({"evidence": evidence} if evidence else {})
        finding = Finding(rule=rule, verdict="not_evaluated", note=reason, **about)
        self.rows.append(Criterion(finding, item, description, counts, version))

    def emt(self, item: str, description: str, reason: str) -> None:
        """Add a criterion that an RMS engine cannot decide."""
        rule = f"{self._test.requirement_id}.{item}"
        finding = Finding(rule=rule, verdict="emt_required", note=reason, **self._about)
        self.rows.append(Criterion(finding, item, description))


def _joined(*parts: str) -> str:
    return ". ".join(part for part in parts if part)


def _worst(readings: Sequence[Reading], at_least: bool) -> Reading | None:
    if not readings:
        return None
    broken = [one for one in readings if not math.isfinite(one.value)]
    if broken:
        return broken[0]
    return (min if at_least else max)(readings, key=lambda one: one.value)


def _verdict(value: float, limit: float, at_least: bool, resolution: float) -> Verdict:
    if math.isnan(value):
        return "fail"
    beyond = limit - value if at_least else value - limit
    if resolution > 0.0 and abs(beyond) < resolution * (1.0 - TOLERANCE):
        return "marginal"
    return "pass" if beyond <= TOLERANCE * abs(limit) else "fail"
