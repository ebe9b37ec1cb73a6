"""A change of a scenario: values by path, and tables that it adds."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wattkeel.toml_text import write_toml

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

__all__ = ["Change"]


@dataclass(frozen=True)
class Part:
    """Values by path, in SI under their full names, and what they are, for an engineer."""

    values: Mapping[str, object]
    words: str


@dataclass(frozen=True)
class Change:
    """What differs from a scenario: parts by name.

    Attributes
    ----------
    parts : dict of str to Part
    """

    parts: Mapping[str, Part] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, values: Mapping[str, object], words: str) -> Change:
        """One part; none where there are no values."""
        return cls({name: Part(values, words)} if values else {})

    def __or__(self, other: Change) -> Change:
        """Both; a part of the second takes the place of one of the same name."""
        return Change({**self.parts, **other.parts})

    @property
    def values(self) -> dict[str, object]:
        """Values of all parts; later parts win."""
        return {path: value for part in self.parts.values() for path, value in part.values.items()}

    @property
    def words(self) -> str:
        """What it is, for an engineer."""
        return ", ".join(part.words for part in self.parts.values() if part.words)

    def without(self, name: str) -> Change:
        """All but one part."""
        return Change({other: part for other, part in self.parts.items() if other != name})

    def of_any_size(self, power: float, energy: float) -> Change:
        """The change itself: a setting has no size."""
        return self

    def key(self) -> tuple[tuple[str, str], ...]:
        """What tells it from another."""
        return tuple(sorted((path, repr(value)) for path, value in self.values.items()))

    def apply(self, scenario: Scenario) -> Scenario:
        """The scenario with the change.

        An override cannot add a table, so that new ones go into the tree of the scenario first.

        Raises
        ------
        ScenarioError
            The change does not fit the scenario.
        """
        from wattkeel.scenario import Scenario as Made

        added = {path: value for path, value in self.values.items() if _is_new(scenario, path)}
        if added:
            tree = copy.deepcopy(scenario.tree)
            for path, value in added.items():
                _set(tree, path, value)
            scenario = Made.from_dict(tree, scenario.base_dir)
        rest = {path: value for path, value in self.values.items() if path not in added}
        return scenario.with_overrides(rest) if rest else scenario

    def overrides(self, scenario: Scenario) -> dict[str, object]:
        """Values that ``--set`` and `with_overrides` take."""
        return {path: value for path, value in self.values.items() if not _is_new(scenario, path)}

    def toml(self, scenario: Scenario) -> str:
        """Tables to paste into the scenario; empty where it adds none."""
        tree: dict[str, Any] = {}
        for path, value in self.values.items():
            if _is_new(scenario, path):
                _set(tree, path, value)
        return write_toml(tree) if tree else ""


def _is_new(scenario: Scenario, path: str) -> bool:
    """Whether a path lies in a named table that the scenario lacks."""
    section, _, rest = path.partition(".")
    named = getattr(scenario.model, section, None)
    return isinstance(named, dict) and rest.partition(".")[0] not in named


def _set(tree: dict[str, Any], path: str, value: object) -> None:
    *steps, last = path.split(".")
    for step in steps:
        tree = tree.setdefault(step, {})
    tree[last] = value
