"""What a table of rules gave for one of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.profile import Row
from wattkeel.compliance.record import Measured

__all__ = ["Judged"]


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
