"""Checks of what a user gives to the sizing functions: all faults of a call are told at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel._generated.models import Battery, Container, Converter
from wattkeel.ageing import _input

Floats = NDArray[np.float64]

__all__ = ["Checks", "Floats"]


class Checks(_input.Checks):
    """Checks of sizing: efficiencies, series of ticks and the parameters of units."""

    def efficiency(self, place: str, value: object) -> float:
        """`value` as an efficiency, above 0 and at most 1."""
        return self.number(place, value, above=0.0, most=1.0)

    def series(self, place: str, values: ArrayLike, like: Floats | None = None) -> Floats:
        """`values` as a 1-D float64 array without gaps, as long as `like` where that is given."""
        missing = np.zeros(1 if like is None else len(like))
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            self.fault(place, values, "not an array of numbers", "give one number a tick")
            return missing
        if like is not None and array.ndim == 0:
            array = np.full(len(like), float(array))
        if array.ndim != 1 or array.size == 0:
            self.fault(place, array.shape, "wrong shape", "give an array of shape (ticks,)")
            return missing
        if not np.isfinite(array).all():
            at = int(np.flatnonzero(~np.isfinite(array))[0])
            self.fault(f"{place}[{at}]", float(array[at]), "not a finite number", "mend the input")
        elif like is not None and len(array) != len(like):
            self.fault(place, len(array), "lengths differ", f"give {len(like)} ticks")
        return array

    def battery(self, value: object) -> bool:
        """Whether `value` is a battery, of ages within their ranges; faults if not."""
        remedy = 'give wk.parameters.Battery, e.g. wk.parameters.preset("battery", "lfp-314ah", strings=1.0)'
        if not self.kind("battery", value, Battery, remedy):
            return False
        for name in ("soh_capacity", "soh_resistance"):
            self.within(f"battery.{name}", getattr(value, name), Battery, name)
        return True

    def alike(self, battery: Battery) -> None:
        """A fault where the strings of a battery are unequal: sizing takes them as one."""
        unequal = [
            f"battery.{name}"
            for name, neutral in (("string_capacity", 1.0), ("string_resistance", 1.0), ("string_soc", 0.0))
            if any(value != neutral for value in getattr(battery, name))
        ]
        if unequal:
            message = "sizing takes all strings as alike"
            remedy = (
                "leave the string_* lists empty and lower soh_capacity to that of the weakest group, "
                "or measure a run with duty_efficiency"
            )
            self.fault(", ".join(unequal), None, message, remedy)

    def converter(self, value: object) -> None:
        """A fault if `value` is neither a converter nor None."""
        if value is not None:
            remedy = "give wk.parameters.Converter, or None for one without loss"
            self.kind("converter", value, Converter, remedy)

    def container(self, value: object) -> None:
        """A fault if `value` is neither a container nor None."""
        if value is not None:
            self.kind("container", value, Container, "give wk.parameters.Container, or None for no climate")
