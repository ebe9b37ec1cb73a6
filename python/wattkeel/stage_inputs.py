"""Inputs of stages that run alone, and the faults of wrong ones: parameters of their kind, arrays, times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import lowering
from wattkeel._generated.models import Parameters
from wattkeel.errors import Fault, ScenarioError
from wattkeel.normalise import near

Floats = NDArray[np.float64]
T = TypeVar("T")

ENGINES = ("native", "numba")
# A day and some hours: beyond, no stage has anything to resolve, and a slip of units is likely.
_LONGEST_STEP_S = 1e5


def gather(faults: list[Fault], check: Callable[..., T], *values: Any) -> T | None:
    """Result of a check; where it fails, its faults join the others and there is none."""
    try:
        return check(*values)
    except ScenarioError as error:
        faults.extend(error.faults)
        return None


def expect(**given: tuple[object, type[Parameters]]) -> None:
    """Raise unless every value is a parameter model of its kind.

    Parameters
    ----------
    **given
        Value and model by the name of the argument.

    Raises
    ------
    ScenarioError
        All arguments that are something else.
    """
    faults = [fault for place, (value, kind) in given.items() for fault in strangers(place, value, kind)]
    if faults:
        raise ScenarioError(faults)


def strangers(place: str, value: object, kind: type[Parameters]) -> list[Fault]:
    """The fault of a value that is not of the model ``kind``; none of one that is."""
    if isinstance(value, kind):
        return []
    name, made = kind.__name__, f"wk.parameters.{kind.__name__}"
    if isinstance(value, Mapping):
        remedy = f"give {made}(**values)"
    elif kind.preset_kind:
        remedy = f'give {made}(...) or wk.parameters.preset("{kind.preset_kind}", name)'
    else:
        remedy = f"give {made}(...)"
    shown = None if isinstance(value, Parameters) else value
    return [Fault(place, shown, f"is {of_type(value)}, not {name}", remedy)]


def of_type(value: object) -> str:
    """Type of a value in words: ``a str``, ``an int``, ``None``."""
    word = type(value).__name__
    return "None" if value is None else f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"


def expect_snapshot(snapshot: object, kind: type) -> None:
    """Raise unless a snapshot is of its kind."""
    if not isinstance(snapshot, kind):
        message = f"is {of_type(snapshot)}, not a {kind.__name__}"
        raise ScenarioError([Fault("snapshot", None, message, "give what snapshot() returned")])


def known_engine(engine: Any) -> str:
    """The name of an engine, where it is one."""
    if not isinstance(engine, str) or engine not in ENGINES:
        meant = near(engine, ENGINES) if isinstance(engine, str) else ""
        remedy = meant if meant.startswith("did") else 'write "native" or "numba"'
        raise ScenarioError([Fault("engine", engine, "unknown engine", remedy)])
    return engine


def _float64(place: str, values: ArrayLike) -> Floats:
    """Numbers of any shape; text, booleans, complex numbers and times are none."""
    message = "not an array of numbers"
    try:
        raw = np.asarray(values)
        if values is not None and raw.dtype.kind in "iufO":
            return np.asarray(raw, dtype=np.float64, order="C")
        word = {"b": "booleans", "c": "complex numbers"}.get(raw.dtype.kind)
        message = f"is of {word}, not of numbers" if word else message
    except (TypeError, ValueError, OverflowError):
        pass
    raise ScenarioError([Fault(place, values, message, "give one number a tick")])


def series(place: str, values: ArrayLike, lanes: bool | str = False) -> Floats:
    """Input as a C-contiguous float64 array of one dimension, or of two where lanes are allowed.

    Parameters
    ----------
    place
        Name of the argument.
    values
        One number a tick.
    lanes
        Whether a second dimension may be, or the word for it; of batteries where only ``True`` is given.
    """
    array = np.ascontiguousarray(_float64(place, values))
    if array.ndim not in ((1, 2) if lanes else (1,)) or array.size == 0:
        word = lanes if isinstance(lanes, str) else "batteries"
        shape = f"(ticks,) or (ticks, {word})" if lanes else "(ticks,)"
        raise ScenarioError([Fault(place, array.shape, "wrong shape", f"give an array of shape {shape}")])
    _all(place, array, np.isfinite(array), "not a finite number", "mend the input")
    return array


def _all(place: str, array: Floats, good: NDArray[np.bool_], message: str, remedy: str) -> None:
    """Raise with the first value that is not good."""
    if not good.all():
        at = int(np.flatnonzero(~good.reshape(-1))[0])
        raise ScenarioError([Fault(f"{place}[{at}]", float(array.reshape(-1)[at]), message, remedy)])


def like(
    place: str,
    values: ArrayLike | None,
    other: Floats | None,
    default: float,
    ends: tuple[float, float] = (-math.inf, math.inf),
    unit: str = "",
) -> Floats:
    """A further input with as many values as ``other``, or one for all; the default where none is given.

    Parameters
    ----------
    place
        Name of the argument.
    values
        Its values.
    other
        Input that gives the number of ticks; None, where that is wrong itself, takes any.
    default
        Value where none are given.
    ends, unit
        Range of the values, and their unit for the message.
    """
    ticks = None if other is None else len(other)
    if values is None:
        return np.full(ticks or 1, default)
    array = _float64(place, values)
    array = np.full(ticks or 1, float(array)) if array.ndim == 0 else array
    array = series(place, array)
    if ticks is not None and len(array) != ticks:
        raise ScenarioError([Fault(place, len(array), "lengths differ", f"give {ticks}, or one number")])
    good = (array >= ends[0]) & (array <= ends[1])
    message = f"lies outside {ends[0]:g} to {ends[1]:g} {unit}".rstrip()
    _all(place, array, good, message, "check the unit and the sign")
    return array


def number(place: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """A finite number within its range."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ScenarioError([Fault(place, value, "is not a number", "give a number in SI units")])
    try:
        given = float(value)
    except OverflowError:  # an integer beyond all floats
        given = math.nan
    if not (math.isfinite(given) and least <= given <= most):
        message = "must be a finite number"
        if math.isfinite(least) or math.isfinite(most):
            message += f" from {least:g} to {most:g}"
        raise ScenarioError([Fault(place, value, message, "give it in SI units")])
    return given


def whole(place: str, value: Any, least: int, most: int) -> int:
    """A whole number within its range."""
    given = number(place, value, least, most)
    if given != round(given):
        raise ScenarioError([Fault(place, value, "must be a whole number", f"give {round(given)}")])
    return int(value)


def positive(place: str, value: Any) -> float:
    """A finite number above 0; a length of a tick is bounded, too."""
    if not number(place, value) > 0.0:
        raise ScenarioError(
            [Fault(place, float(value), "must be a finite number above 0", "give it in SI units")]
        )
    if place == "time_step_s" and value > _LONGEST_STEP_S:
        message = f"is longer than {_LONGEST_STEP_S:g} s"
        raise ScenarioError([Fault(place, float(value), message, "give the length of a tick in s")])
    return float(value)


def whole_ticks(place: str, time_s: float, step_s: float) -> None:
    """Raise unless a time is a whole number of ticks."""
    ticks = lowering.in_ticks(time_s, positive("time_step_s", step_s))
    if ticks != round(ticks):
        remedy = f"give a whole multiple of {step_s:g} s"
        raise ScenarioError([Fault(place, time_s, "not a whole number of ticks", remedy)])
