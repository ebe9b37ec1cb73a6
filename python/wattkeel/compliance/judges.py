"""Who judges which block of a profile.

A block of rules that stand for themselves has a function per row (`ROWS`): record and keys give all
readings. A block whose rows are one table (ride-through) has a function for the whole of it (`TABLES`):
record and profile give one `Judged` per rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.profile import Profile, Row
from wattkeel.compliance.record import Measured, Record
from wattkeel.compliance.rules import RULES

__all__ = ["ROWS", "TABLES", "Judged"]


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


#: Blocks whose rows are judged one by one.
ROWS: dict[str, Callable[[Record, Any], Measured]] = dict(RULES)

#: Blocks that are judged as a whole. A judge raises `CannotJudgeError` where nothing of it can be told.
TABLES: dict[str, Callable[[Record, Profile], list[Judged]]] = {}
