"""What a table of rules gave for one of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.profile import Row
from wattkeel.compliance.record import Measured

__all__ = ["Judged", "plain"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a table of rules gave for one of them.

    Attributes
    ----------
    name : str
        Name of the rule, unique within the profile.
    measured : Measured or None
        Readings and limit; None where there is no verdict.
    reason : str
        Why there is none.
    verdict : Verdict or None
        Where it does not follow from the readings alone; None when it does.
    row : Row or None
        Row of the profile that holds the rule, for its own evidence and remarks.
    notes : list of str
    """

    name: str
    measured: Measured | None = None
    reason: str = ""
    verdict: Verdict | None = None
    row: Row | None = None
    notes: list[str] = field(default_factory=list)


def plain(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a row, ready for JSON: dates as text."""
    return {
        key: value.isoformat() if isinstance(value, datetime.date) else value for key, value in keys.items()
    }
