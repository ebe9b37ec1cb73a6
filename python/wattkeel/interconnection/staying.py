"""Whether a load stayed connected through a disturbance, and how soon its power was back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattkeel.interconnection.bench import Course

__all__ = ["READINGS", "Recovery", "Stay", "recovery_of", "stayed"]

#: Two readings of "stays connected": the load never leaves; or it may cease for a moment, as long as its power
#: is back in time after the voltage is.
READINGS = ("uninterrupted", "back in time")

#: Share of the power that has to be there where a profile gives none.
USUAL_SHARE = 0.9
#: Voltage above which it has to be back, and time for it, where a profile gives none.
USUAL_VOLTAGE_PU = 0.9
USUAL_WITHIN_S = 2.0
#: A rule that asks for all of the power is met at this share: lags of cooling and the state of the storage
#: leave a trace of any disturbance for minutes.
LARGEST_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a profile asks of the recovery.

    Attributes
    ----------
    share : float
        Least share of the power.
    within_s : float
        Time for it after the return of the voltage, s.
    after_v_pu : float
        Voltage that counts as returned, pu.
    asked : bool
        Whether the profile asks for it; otherwise the values are the usual ones.
    """

    share: float = USUAL_SHARE
    within_s: float = USUAL_WITHIN_S
    after_v_pu: float = USUAL_VOLTAGE_PU
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Stay:
    """How a load came through a disturbance.

    Attributes
    ----------
    left_s : float
        When more of it had left than the recovery may lack, s from the begin; infinite where it never did.
    back_s : float
        From the return of the voltage until its power at the POI is there for good, s; infinite where that is
        not within what was watched.
    load_back_s : float
        The same for the load of the site bus, without what storage does.
    watched_s : float
        Time watched after the return of the voltage, s.
    voltage_pu : float
        Voltage at the POI while the disturbance lasted, pu: the value farthest from nominal.
    """

    left_s: float
    back_s: float
    load_back_s: float
    watched_s: float
    voltage_pu: float

    def rides(self, reading: str, within_s: float) -> bool:
        """Whether the load stayed connected, by one of `READINGS`."""
        back = self.back_s <= within_s * (1.0 + 1e-9)
        return back and (reading == "back in time" or math.isinf(self.left_s))


def stayed(course: Course, asked: Recovery) -> Stay:
    """Judge one test.

    The load has left where a larger share of it is away from the grid than the recovery may lack: ceased,
    transferred to its own supply, shed, separated with the site, or unserved at good voltage. Its power is
    back where it is at least `asked.share` of what the undisturbed twin draws, from there to the end of what
    was watched. A share of the power *before* would compare a moment of computing with one of communicating.

    Parameters
    ----------
    course : Course
    asked : Recovery
    """
    gone = np.flatnonzero(course.away > 1.0 - asked.share + 1e-9)
    left_s = float(gone[0]) * course.tick_s if gone.size else math.inf
    returned = _returned(course, asked.after_v_pu)
    last = course.train.end_s
    during = course.voltage_pu[: max(round(last / course.tick_s), 1)]
    farthest = float(during[int(np.argmax(np.abs(during - 1.0)))])
    watched_s = (len(course.power_w) - returned) * course.tick_s
    return Stay(
        left_s=left_s,
        back_s=_back(course.power_w, course.twin_power_w, returned, asked.share, course.tick_s),
        load_back_s=_back(course.load_w, course.twin_load_w, returned, asked.share, course.tick_s),
        watched_s=watched_s,
        voltage_pu=farthest,
    )


def _returned(course: Course, after_v_pu: float) -> int:
    """First tick from which the voltage stays above a value; the last tick where it does not."""
    low = np.flatnonzero(course.voltage_pu <= after_v_pu)
    end = round(course.train.end_s / course.tick_s)
    first = int(low[-1]) + 1 if low.size else 0
    above = course.train.pieces[-1].voltage_pu > after_v_pu
    return min(max(first, end if above else 0), len(course.voltage_pu) - 1)


def _back(
    power_w: NDArray[np.float64], twin_w: NDArray[np.float64], first: int, share: float, tick_s: float
) -> float:
    """Time until a power stays at its share of the twin's, s; infinite where it does not."""
    short = np.flatnonzero(power_w[first:] < share * twin_w[first:] * (1.0 - 1e-9) - 1e-6)
    if short.size == 0:
        return 0.0
    if short[-1] == len(power_w) - first - 1:
        return math.inf
    return (float(short[-1]) + 1.0) * tick_s


def recovery_of(keys: dict[str, float] | None) -> Recovery:
    """Requirement of a profile's ``[recovery]``; the usual values where it gives none."""
    if keys is None or not keys.get("seen", True):
        return Recovery()
    share = keys.get("p_fraction_min")
    if share is None and "p_tolerance_pct" in keys:
        share = 1.0 - 0.01 * keys["p_tolerance_pct"]
    return Recovery(
        share=min(float(USUAL_SHARE if share is None else share), LARGEST_SHARE),
        within_s=float(keys.get("within_s", USUAL_WITHIN_S)),
        after_v_pu=float(keys.get("after_v_pu", USUAL_VOLTAGE_PU)),
        asked="within_s" in keys,
    )
