"""What a value of a profile may be: one definition for the check and for the JSON schema.

Every `Kind` holds a test and the same thing as JSON schema. The schema is never stricter than the test: what
the test accepts, the schema accepts. Where JSON schema cannot say it (an ascending pair), the test is
stricter.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = [
    "ASCENDING",
    "COUNT",
    "DATE",
    "DURATIONS",
    "FREQUENCIES",
    "FREQUENCY",
    "NOT_NEGATIVE",
    "NUMBER",
    "ORDINAL",
    "PAIR",
    "PERCENT",
    "PERCENTS",
    "POSITIVE",
    "SHARE",
    "TEXT",
    "TEXTS",
    "TEXT_OR_TEXTS",
    "TRUTH",
    "VOLTAGE",
    "VOLTAGES",
    "WINDOW",
    "Kind",
    "any_of",
    "choice",
    "finite",
    "is_number",
]

#: Highest voltage that a rule may name, pu; 90 in place of 0.90 is a mistake of the unit.
HIGHEST_VOLTAGE_PU = 3.0
#: Highest frequency of a grid that a rule may name, Hz.
HIGHEST_FREQUENCY_HZ = 100.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be.

    Attributes
    ----------
    wanted : str
        Words that follow "must be".
    test : callable
        Whether a value is of the kind.
    json : dict
        The same as JSON schema.
    numeric : bool
        Whether a value states a number of the rule, which a row with ``seen = false`` must not.
    """

    wanted: str
    test: Callable[[Any], bool]
    json: Mapping[str, Any]
    numeric: bool = True

    def wrong(self, value: Any) -> str:
        """Empty text for a value of the kind, else what it must be."""
        return "" if self.test(value) else f"must be {self.wanted}"


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of more than 308 digits
        return False


def _between(wanted: str, low: float, high: float = math.inf, *, open_below: bool = False) -> Kind:
    json: dict[str, Any] = {"type": "number", "exclusiveMinimum" if open_below else "minimum": low}
    if math.isfinite(high):
        json["maximum"] = high

    def test(value: Any) -> bool:
        return is_number(value) and (low < value if open_below else low <= value) and value <= high

    return Kind(wanted, test, json)


def _list(wanted: str, of: Kind, least: int = 1, most: int | None = None, *, ascending: bool = False) -> Kind:
    json: dict[str, Any] = {"type": "array", "items": dict(of.json), "minItems": least}
    if most is not None:
        json["maxItems"] = most

    def test(value: Any) -> bool:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            return False
        return all(of.test(item) for item in value) and (
            not ascending or all(low < high for low, high in pairwise(value))
        )

    return Kind(wanted, test, json, numeric=of.numeric)


def any_of(wanted: str, *kinds: Kind) -> Kind:
    """A value of one of several kinds."""
    return Kind(
        wanted,
        lambda value: any(kind.test(value) for kind in kinds),
        {"anyOf": [dict(kind.json) for kind in kinds]},
        numeric=any(kind.numeric for kind in kinds),
    )


def choice(*words: str) -> Kind:
    """One of several words."""
    return Kind(
        "one of " + ", ".join(map(repr, words)),
        lambda value: isinstance(value, str) and value in words,
        {"enum": list(words)},
        numeric=False,
    )


def _is_date(value: Any) -> bool:
    # a TOML datetime is a date to isinstance, but carries a time of day
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)


def finite(value: Any, depth: int = 0) -> bool:
    """Whether all numbers within a value of any shape are finite, and it is not nested without end."""
    if isinstance(value, bool) or not isinstance(value, (int, float, list, dict)):
        return True
    if isinstance(value, (int, float)):
        return is_number(value)
    parts = value.values() if isinstance(value, dict) else value
    return depth < 16 and all(finite(part, depth + 1) for part in parts)


NUMBER = Kind("a finite number", is_number, {"type": "number"})
POSITIVE = _between("a number above 0", 0.0, open_below=True)
NOT_NEGATIVE = _between("a number of at least 0", 0.0)
SHARE = _between("a number above 0, at most 1", 0.0, 1.0, open_below=True)
PERCENT = _between("a number above 0, at most 100", 0.0, 100.0, open_below=True)
VOLTAGE = _between(
    f"a voltage in pu, 0 to {HIGHEST_VOLTAGE_PU:g} (1 is nominal: 0.9, not 90)", 0.0, HIGHEST_VOLTAGE_PU
)
FREQUENCY = _between(
    f"a frequency of the grid in Hz, above 0, at most {HIGHEST_FREQUENCY_HZ:g}",
    0.0,
    HIGHEST_FREQUENCY_HZ,
    open_below=True,
)
COUNT = Kind(
    "a whole number of at least 1",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1,
    {"type": "integer", "minimum": 1},
)
#: A number that names a row and states nothing of its rule.
ORDINAL = Kind(COUNT.wanted, COUNT.test, COUNT.json, numeric=False)
TEXT = Kind(
    "a text",
    lambda value: isinstance(value, str) and bool(value.strip()),
    {"type": "string", "minLength": 1},
    numeric=False,
)
TEXTS = _list("a list of texts", TEXT)
TEXT_OR_TEXTS = any_of("a text or a list of texts", TEXT, TEXTS)
TRUTH = Kind("true or false", lambda value: isinstance(value, bool), {"type": "boolean"}, numeric=False)
DATE = Kind(
    "a TOML date (2026-06-19, without quotes)",
    _is_date,
    {"type": "string", "format": "date"},
    numeric=False,
)
PAIR = _list("two ascending numbers above 0", POSITIVE, 2, 2, ascending=True)
WINDOW = any_of("a number above 0, or two ascending ones", POSITIVE, PAIR)
DURATIONS = _list("a list of ascending times of at least 0, two or more", NOT_NEGATIVE, 2, ascending=True)
ASCENDING = _list("a list of ascending numbers above 0", POSITIVE, ascending=True)
VOLTAGES = _list(f"a list of {VOLTAGE.wanted.removeprefix('a ')}", VOLTAGE)
FREQUENCIES = _list("a list of frequencies of the grid in Hz", FREQUENCY)
PERCENTS = _list("a list of numbers above 0, at most 100", PERCENT)
