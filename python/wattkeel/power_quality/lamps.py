"""Reference lamps of IEC 61000-4-15 and the numbers of a flickermeter that follow from them.

The eye and the brain are taken through a filter between the fluctuation of the voltage and what is seen,

    F(s) = k w1 s / (s^2 + 2 lambda s + w1^2) (1 + s/w2) / ((1 + s/w3) (1 + s/w4)),

whose numbers belong to the lamp (230 V or 120 V, 60 W, incandescent); the low-pass before it belongs to the
frequency of the system. Every part is turned digital by the bilinear transform, equal to the analogue one at
8.8 Hz or at its own edge, and the scale is taken from the response of the digital parts, so that it is right
at any sampling rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import filters
from wattkeel._generated import dtypes
from wattkeel._generated.models import Flickermeter as Settings
from wattkeel.plant import records

__all__ = ["LAMPS", "Lamp", "lower_flickermeter", "response"]

Floats = NDArray[np.float64]

# IEC 61000-4-15:2010, 5.5 and 5.6.
HIGH_PASS_HZ = 0.05
LOW_PASS_ORDER = 6
CALIBRATION_HZ = 8.8
SMOOTHING_S = 0.3
# The mean of the voltage answers a step from 10 to 90 % within one minute (5.3): ln(9) time constants.
MEAN_S = 60.0 / math.log(9.0)


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp and the system that it is at.

    Parameters
    ----------
    voltage_v
        Rated voltage of the lamp, V.
    frequency_hz
        Nominal frequency of the system, Hz.
    gain
        k.
    damping_hz
        lambda / 2 pi, Hz.
    corner_hz
        w1 to w4 over 2 pi, Hz.
    low_pass_hz
        Edge of the low-pass, Hz.
    calibration
        Relative change of the voltage, maximum less minimum, of a sinusoidal fluctuation of 8.8 Hz for which
        P_inst reaches 1 (Table 1).
    """

    voltage_v: float
    frequency_hz: float
    gain: float
    damping_hz: float
    corner_hz: tuple[float, float, float, float]
    low_pass_hz: float
    calibration: float


_EYES = {  # k, lambda / 2 pi, w1 to w4 / 2 pi, calibration
    230.0: (1.74802, 4.05981, (9.15494, 2.27979, 1.22535, 21.9), 0.00250),
    120.0: (1.6357, 4.167375, (9.077169, 2.939902, 1.394468, 17.31512), 0.00321),
}
_LOW_PASS_HZ = {50.0: 35.0, 60.0: 42.0}

#: Lamps by the name that settings give them. Source of all numbers: IEC 61000-4-15:2010, as used by
#: `flicker_sim` of QWTB (Solcept, TUBITAK UME, CMI); Table 1 as in its `verify_flicker_sim`.
LAMPS = {
    f"{voltage_v:.0f}v_{frequency_hz:.0f}hz": Lamp(
        voltage_v, frequency_hz, gain, damping_hz, corner_hz, low_pass_hz, calibration
    )
    for frequency_hz, low_pass_hz in _LOW_PASS_HZ.items()
    for voltage_v, (gain, damping_hz, corner_hz, calibration) in _EYES.items()
}


def sections_of(lamp: Lamp, tick_s: float) -> Floats:
    """Low-pass and weighting as second-order sections, shape (5, 6)."""
    rate = [2.0 * math.pi * hz for hz in lamp.corner_hz]
    w1, w2, w3, w4 = rate
    damping = 2.0 * math.pi * lamp.damping_hz
    low = filters.butterworth_low(LOW_PASS_ORDER, lamp.low_pass_hz, tick_s)
    band = filters.bilinear((0.0, lamp.gain * w1, 0.0), (1.0, 2.0 * damping, w1 * w1), tick_s, CALIBRATION_HZ)
    slope = filters.bilinear(
        (0.0, 1.0 / w2, 1.0), (1.0 / (w3 * w4), 1.0 / w3 + 1.0 / w4, 1.0), tick_s, CALIBRATION_HZ
    )
    return np.vstack([low, band, slope])


def lower_flickermeter(settings: Settings, tick_s: float) -> Any:
    """The core's record of a flickermeter for one time between samples.

    The scale is that for which the fluctuation of the lamp's calibration gives a P_inst of at most 1. Such a
    fluctuation, amplitude d/2 of the voltage and d of its square, leaves the weighting as a sine of amplitude
    ``a = d |H|``; its square is ``a^2/2`` and a ripple at twice the frequency, of which the smoothing leaves
    ``|L|``.

    Parameters
    ----------
    settings : Flickermeter
        Of these the lamp counts.
    tick_s : float
        Time between samples, s.

    Returns
    -------
    record array of one `FlickerParams`
    """
    lamp = LAMPS[settings.lamp]
    params = records(dtypes.FlickerParams, 1)
    raw = params.view(np.ndarray)
    warped = math.tan(math.pi * HIGH_PASS_HZ * tick_s)  # first order, bilinear, exact at its edge
    raw["high_gain"] = 1.0 / (1.0 + warped)
    raw["high_pole"] = (1.0 - warped) / (1.0 + warped)
    raw["section"][0] = sections_of(lamp, tick_s)[:, [0, 1, 2, 4, 5]].ravel()
    raw["mean_share"] = -math.expm1(-tick_s / MEAN_S)
    raw["smooth_share"] = -math.expm1(-tick_s / SMOOTHING_S)
    amplitude = lamp.calibration * abs(response(params, tick_s, CALIBRATION_HZ))
    ripple = abs(_smoothing(params, tick_s, 2.0 * CALIBRATION_HZ))
    raw["scale"] = 2.0 / (amplitude * amplitude * (1.0 + ripple))
    return params


def response(params: Any, tick_s: float, frequency_hz: float) -> complex:
    """Response from the squared voltage over its mean to the weighted signal, at one frequency."""
    back = np.exp(-2j * math.pi * frequency_hz * tick_s)
    raw = params.view(np.ndarray)[0]
    total = raw["high_gain"] * (1.0 - back) / (1.0 - raw["high_pole"] * back)
    for b0, b1, b2, a1, a2 in raw["section"].reshape(-1, 5):
        total = total * (b0 + (b1 + b2 * back) * back) / (1.0 + (a1 + a2 * back) * back)
    return complex(total)


def _smoothing(params: Any, tick_s: float, frequency_hz: float) -> complex:
    """Response of the last low-pass."""
    share = float(params.view(np.ndarray)["smooth_share"][0])
    return complex(share / (1.0 - (1.0 - share) * np.exp(-2j * math.pi * frequency_hz * tick_s)))
