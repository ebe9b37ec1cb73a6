"""What can go wrong, and whose fault it is.

A mistake of the user is a `ScenarioError` that holds all faults at once; a mistake of ours is a
`SimulationError`; a missing optional package is a `MissingExtra`. A physical shortfall is none of these: it
is a result.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Fault", "MissingExtra", "ScenarioError", "SimulationError", "WattkeelError"]

_VALUE_LENGTH = 80


@dataclass(frozen=True)
class Fault:
    """One mistake in an input.

    Parameters
    ----------
    place
        Path of the value, e.g. ``storage.bess.battery.soc_min``, or the file.
    value
        What was given; None when nothing was.
    message
        What is wrong, with the range and unit expected.
    remedy
        What to write instead; may be empty.
    """

    place: str
    value: object
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line: place, value, message, remedy."""
        given = "" if self.value is None else f" = {shorten(self.value)}"
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.place}{given}: {self.message}{remedy}"


def shorten(value: object) -> str:
    """Text of a value as given, of bounded length and on one line."""
    try:
        text = repr(_plain(value))
    except (ValueError, RecursionError):  # an int of thousands of digits, a list that holds itself
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= _VALUE_LENGTH else f"{text[: _VALUE_LENGTH - 3]}..."


def _plain(value: Any) -> object:
    """Value without the types of numpy, which is not loaded here; of a long list only what is shown."""
    kind = type(value)
    if kind.__module__ == "numpy" and hasattr(value, "ravel"):
        return value.tolist() if value.size <= _VALUE_LENGTH else value.ravel()[:_VALUE_LENGTH].tolist()
    if kind in (list, tuple):
        return kind(_plain(item) for item in value[:_VALUE_LENGTH])
    return value


class WattkeelError(Exception):
    """Base of the errors that wattkeel raises itself."""


class ScenarioError(WattkeelError, ValueError):
    """An input is wrong; nothing was run.

    Parameters
    ----------
    faults
        All faults found.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        """All faults, one a line."""
        count = len(self.faults)
        head = "1 fault" if count == 1 else f"{count} faults"
        return "\n".join([f"{head} in the input:", *(f"  {fault}" for fault in self.faults)])


class SimulationError(WattkeelError, RuntimeError):
    """A fault of wattkeel itself, found while a run was under way.

    Parameters
    ----------
    stage
        Stage that went wrong, e.g. ``rack``.
    lane
        Lane of the population, None when the stage has none.
    tick
        Tick at which it was found, None before the first.
    message
        What was found.
    """

    def __init__(self, stage: str, lane: int | None, tick: int | None, message: str) -> None:
        self.stage = stage
        self.lane = lane
        self.tick = tick
        self.message = message
        super().__init__(stage, lane, tick, message)

    def __str__(self) -> str:
        """Stage, lane and tick, then the message."""
        parts = [self.stage]
        if self.lane is not None:
            parts.append(f"lane {self.lane}")
        if self.tick is not None:
            parts.append(f"tick {self.tick}")
        return f"{', '.join(parts)}: {self.message}"


class MissingExtra(WattkeelError, ImportError):
    """An optional package is not installed.

    Parameters
    ----------
    package
        Name of the package that is missing.
    extra
        Extra of wattkeel that brings it.
    purpose
        What it is needed for, e.g. ``reading Parquet traces``.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package = package
        self.extra = extra
        self.purpose = purpose
        super().__init__(f'{purpose} needs {package}: pip install "wattkeel[{extra}]"', name=package)

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str, str]]:
        """Rebuild from the three parts when it comes from another process."""
        return type(self), (self.package, self.extra, self.purpose)
