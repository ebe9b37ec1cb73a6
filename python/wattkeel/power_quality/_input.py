"""Checks of voltages: all faults of a call are told at once."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.ageing import _input
from wattkeel.errors import Fault, ScenarioError

__all__ = ["Checks", "voltage_of"]

Floats = NDArray[np.float64]

MOST_VOLTAGE = 1e9  # V; the largest transmission voltage is a thousandth of it
MOST_DIRECT = 0.2  # direct component of a waveform, of its RMS value


class Checks(_input.Checks):
    """Checks of sampling and of voltages."""

    def rate(self, place: str, tick_s: object, least_hz: float, most_hz: float, kind: str) -> float:
        """Time between samples as a float, s; a fault where the sampling is too slow or too fast."""
        tick = self.number(place, tick_s, above=0.0)
        if tick > 0.0:
            rate_hz = 1.0 / tick
            if rate_hz < least_hz * (1.0 - 1e-9):
                what = "a waveform needs" if kind == "waveform" else "RMS values need"
                message = f"{rate_hz:.6g} samples/s are too few: {what} at least {least_hz:g}"
                self.fault(place, tick_s, message, f"sample every {1.0 / least_hz:g} s or more often")
            elif rate_hz > most_hz * (1.0 + 1e-9):
                message = f"{rate_hz:.6g} samples/s are too many: at most {most_hz:g}"
                self.fault(place, tick_s, message, "take means of several samples; is it in seconds?")
        return tick

    def system(self, place: str, nominal_hz: object) -> None:
        """A fault if this is no nominal frequency that the standards know."""
        if self.number(place, nominal_hz) not in (50.0, 60.0):
            self.fault(place, nominal_hz, "no nominal frequency of a system", "give 50 or 60 Hz")

    def course(self, samples: Floats, kind: str) -> None:
        """Faults of a whole record: no voltage, or of another kind than said."""
        square = float(np.mean(samples * samples))
        if not square > 0.0:
            self.fault("voltage", None, "is zero throughout", "give the voltage at the point of interest")
        elif kind == "waveform" and float(samples.min()) >= 0.0:
            self.fault("voltage", None, "never below zero: no waveform", 'give kind="rms"')
        elif kind == "waveform" and abs(float(samples.mean())) > MOST_DIRECT * square**0.5:
            message = (
                f"mean {samples.mean():.4g} beside an RMS value of {square**0.5:.4g}: no alternating voltage"
            )
            self.fault("voltage", None, message, "remove the offset of the instrument")


def voltage_of(voltage: ArrayLike, kind: str) -> Floats:
    """Samples as a contiguous float64 array.

    Raises
    ------
    ScenarioError
        They are not 1-D, not finite, out of range, or negative though RMS values.
    """
    try:
        given = np.asarray(voltage)
        if given.dtype.kind not in "iuf":
            raise TypeError
        samples = np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        _refuse(None, "not an array of numbers", "give samples of the voltage")
    if samples.ndim != 1 or not samples.size:
        _refuse(None, f"shape {samples.shape}: not one row of samples", "give an array of shape (samples,)")
    low, high = float(samples.min()), float(samples.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        at = int(np.flatnonzero(~np.isfinite(samples))[0])
        _refuse(
            float(samples[at]), "not a finite number", "fill or cut the gap in the record", f"voltage[{at}]"
        )
    if max(-low, high) > MOST_VOLTAGE:
        _refuse(max(-low, high), f"above {MOST_VOLTAGE:g} V", "check the unit")
    if kind == "rms" and low < 0.0:
        at = int(np.argmin(samples))
        remedy = 'give kind="waveform" where it is one'
        _refuse(low, "below zero: no RMS value", remedy, f"voltage[{at}]")
    return samples


def _refuse(value: object, message: str, remedy: str, place: str = "voltage") -> NoReturn:
    raise ScenarioError([Fault(place, value, message, remedy)])
