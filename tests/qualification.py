"""Battery systems for the tests of qualification: the example, changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from wattkeel.qualify import qualify
from wattkeel.qualify.bench import Subject, merged
from wattkeel.qualify.outcome import TestOutcome
from wattkeel.scenario import Scenario

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "bess-qualification.toml"

FOLLOWING: dict[str, Any] = {"storage": {"bess": {"forming": None}}}


@cache
def example() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def site(*changes: Mapping[str, Any]) -> Scenario:
    """The example with changes; None removes a key."""
    tables = example()
    for change in changes:
        tables = merged(tables, change)
    return Scenario.from_dict(tables)


def outcome(number: int, *changes: Mapping[str, Any]) -> TestOutcome:
    return qualify(site(*changes), tests=[number]).outcome(number)


def verdicts(found: TestOutcome) -> dict[str, str]:
    return {row.item: row.finding.verdict for row in found.criteria}


def settings(name: str, **values: Any) -> dict[str, Any]:
    return {"qualify": {name: values}}


def unit(**values: Any) -> dict[str, Any]:
    return {"storage": {"bess": values}}


def subject(scenario: Scenario) -> Subject:
    name, storage = next(iter(scenario.model.storage.items()))
    return Subject(scenario, name, storage)
