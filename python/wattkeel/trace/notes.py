"""Faults and warnings that gather while a trace is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from wattkeel.errors import Fault, ScenarioError

SHOWN = 5  # places listed in one message; the rest is counted


class TraceError(ScenarioError):
    """A measured trace cannot be used; holds all faults found in it."""


class Notes:
    """Faults and warnings of one file.

    Parameters
    ----------
    place : str
        Where the file is named, for example `workload.llm.trace`.
    source : str
        The path as it was given.
    """

    def __init__(self, place: str, source: str) -> None:
        self.place = place
        self.source = source
        self.faults: list[Fault] = []
        self.warnings: list[str] = []

    @property
    def choose(self) -> str:
        """The remedy of naming the columns, with the key that the section has for it."""
        if self.place.startswith("generation."):
            return 'name the column that holds power: trace_column = "..."'
        return 'name the columns that hold power: trace_columns = ["..."] (wildcards * and ? are allowed)'

    def fault(self, message: str, remedy: str) -> None:
        """Keep a fault; reading goes on to find the others."""
        self.faults.append(Fault(self.place, self.source, message, remedy))

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self.warnings.append(message)

    def stop(self, message: str, remedy: str) -> NoReturn:
        """Keep a fault that ends the reading, and raise all faults.

        Raises
        ------
        TraceError
            Always.
        """
        self.fault(message, remedy)
        raise TraceError(self.faults)

    def check(self) -> None:
        """Raise the faults gathered so far, if any.

        Raises
        ------
        TraceError
            At least one fault was kept.
        """
        if self.faults:
            raise TraceError(self.faults)


def listed(items: Sequence[object], shown: int = SHOWN) -> str:
    """Give the first items as text and count the others: `a, b and 3 more`."""
    text = ", ".join(str(item) for item in items[:shown])
    return text if len(items) <= shown else f"{text} and {len(items) - shown} more"


def placed(word: str, numbers: Sequence[int]) -> str:
    """Give line or row numbers as text: `line 4`, `lines 4, 7, 9, 12, 15 and 3 more`."""
    return f"{word}{'s' if len(numbers) != 1 else ''} {listed(numbers)}"


def counted(number: int, word: str) -> str:
    """Give a number with its noun: `1 cell`, `3 cells`."""
    return f"{number} {word}{'s' if number != 1 else ''}"
