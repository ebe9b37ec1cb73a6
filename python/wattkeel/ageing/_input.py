"""Checks of what a user gives to functions: all faults of a call are told at once."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
from pydantic import BaseModel

from wattkeel.errors import Fault, ScenarioError


class Checks:
    """Faults found so far; `stop` raises them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, place: str, value: object, message: str, remedy: str) -> None:
        """Note one fault."""
        self.faults.append(Fault(place, value, message, remedy))

    def number(
        self,
        place: str,
        value: object,
        *,
        least: float = -math.inf,
        most: float = math.inf,
        above: float = -math.inf,
        infinite: bool = False,
        whole: bool = False,
    ) -> float:
        """`value` as a float; a fault if it is no number, not above ``above`` or outside the other bounds."""
        what = "whole number" if whole else "number"
        bounds = [f"above {above:g}"] if above > -math.inf else []
        bounds += [f"at least {least:g}"] if least > -math.inf else []
        bounds += [f"at most {most:g}"] if most < math.inf else []
        remedy = f"give a {what} {' and '.join(bounds)}".strip()
        number = _float(value)
        if number is None or (whole and not number.is_integer()):
            self.fault(place, value, f"not a {what}", remedy)
            return math.nan
        finite = math.isfinite(number) or (infinite and number == math.inf)
        if not (finite and least <= number <= most and number > above):
            self.fault(place, value, "out of range", remedy)
        return number

    def within(self, place: str, value: object, section: type[BaseModel], name: str = "") -> float:
        """`value` as a float within the range that a parameter has in its section."""
        least, most = bounds(section, name or place)
        return self.number(place, value, least=least, most=most)

    def choice(self, place: str, value: object, choices: tuple[str, ...]) -> None:
        """A fault if `value` is none of the choices."""
        if not (isinstance(value, str) and value in choices):
            names = " or ".join(f'"{name}"' for name in choices)
            self.fault(place, value, f"unknown {place}", f"write {names}")

    def kind(self, place: str, value: object, kind: type, remedy: str) -> bool:
        """Whether `value` is of a type; a fault if it is not."""
        fits = isinstance(value, kind)
        if not fits:
            given = type(value).__name__
            self.fault(place, None if value is None else value, f"{given} is no {kind.__name__}", remedy)
        return fits

    def stop(self) -> None:
        """Raise all faults.

        Raises
        ------
        ScenarioError
            There are some.
        """
        if self.faults:
            raise ScenarioError(self.faults)


def _float(value: object) -> float | None:
    """A real number as a float; None for anything else, texts and truth values too."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def bounds(section: type[BaseModel], name: str) -> tuple[float, float]:
    """Least and largest value of a parameter."""
    rules = section.model_fields[name].metadata
    least = [rule.ge for rule in rules if getattr(rule, "ge", None) is not None]
    most = [rule.le for rule in rules if getattr(rule, "le", None) is not None]
    return max(least, default=-math.inf), min(most, default=math.inf)
