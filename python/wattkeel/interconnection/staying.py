"""Whether a load stayed connected through a disturbance, and how soon its power was back.

When load was lost is told by the judge of records (`wattkeel.compliance.losses`), so that a test and a record
of the same course have the same verdict. How soon the power is back is told against the undisturbed twin: a
share of the power *before* would compare a moment of computing with one of communicating.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance import Profile
from wattkeel.compliance.bands import Table, excursions
from wattkeel.compliance.losses import COUNTED, LOST_SHARE, RETURN_S, Loss, of_run
from wattkeel.compliance.profile import Row
from wattkeel.compliance.views import counted_losses, recovery_rows
from wattkeel.interconnection.bench import Course, as_record

__all__ = ["COUNTED", "Criterion", "Recovery", "Stay"]

#: A rule that asks for all of the power is met at this share: lags of cooling and the state of the storage
#: leave a trace of any disturbance for minutes.
LARGEST_SHARE = 0.99
#: What is asked of the power where a profile gives none of it.
USUAL_SHARE, USUAL_VOLTAGE_PU = 0.9, 0.9


@dataclass(frozen=True, slots=True)
class Recovery:
    """One row of a profile that says how soon the power must be back.

    Attributes
    ----------
    share : float
        Least share of the power.
    within_s : float
        Time for it after the return of the voltage, s.
    after_v_pu : float
        Voltage that counts as returned, pu.
    most : float
        Largest share of the power; infinite where the row names none.
    row : Row or None
        None where the profile has no such row; the values are then the usual ones.
    """

    share: float = USUAL_SHARE
    within_s: float = RETURN_S
    after_v_pu: float = USUAL_VOLTAGE_PU
    most: float = math.inf
    row: Row | None = None

    @classmethod
    def of(cls, row: Row) -> Recovery:
        """Requirement of a row of ``[recovery]`` or ``[[recovery_level]]``."""
        keys: Mapping[str, Any] = row.keys
        share = keys.get("p_fraction_min", 1.0 - 0.01 * float(keys.get("p_tolerance_pct", 10.0)))
        return cls(
            share=min(float(share), LARGEST_SHARE),
            within_s=float(keys["within_s"]),
            after_v_pu=float(keys.get("after_v_pu", USUAL_VOLTAGE_PU)),
            most=float(keys.get("p_fraction_max", math.inf)),
            row=row,
        )


@dataclass(frozen=True, slots=True)
class Stay:
    """How a load came through a disturbance.

    Attributes
    ----------
    left_s : dict of str to float
        Time at which load was lost, by reading, s from the begin; infinite where none was. `COUNTED` is
        always among them: whether load left at all.
    back_s : float
        From the return of the voltage until the power at the POI is there for good, s; infinite where that is
        not within what was watched.
    load_back_s : float
        The same for the load of the site bus, without what storage does.
    voltage_pu : float
        Voltage at the POI while the disturbance lasted, pu: the value farthest from nominal.
    transferred_s : float
        Time at which a counter of sags transferred the load, s; infinite where none did.
    lost_w : float
        Largest power that was missing at good voltage, against the twin, W.
    text : str
        First loss in words.
    faded_s : float
        Time at which the load first drew less than half of the twin's at good voltage, s, without having left
        by an event: a droop may take it away as well. Infinite where it never did.
    spent_s : float
        Time at which a backup ran out and lost its load, s; infinite where none did.
    judged_by : tuple of str
        Readings on which the verdict of the profile rests.
    """

    left_s: dict[str, float]
    back_s: float
    load_back_s: float
    voltage_pu: float
    transferred_s: float
    lost_w: float
    text: str = ""
    faded_s: float = math.inf
    spent_s: float = math.inf

    judged_by: tuple[str, ...] = ()

    def judged(self) -> list[tuple[str, float]]:
        """Readings on which the verdict of the profile rests, and when load was lost by each, s."""
        return [(words, self.left_s[words]) for words in self.judged_by]

    def rides(self, reading: str) -> bool:
        """Whether the load stayed connected, by one reading."""
        return math.isinf(self.left_s[reading])


@dataclass(frozen=True)
class Criterion:
    """By what a profile says whether a load stayed.

    Parameters
    ----------
    profile : Profile
    tables : list of Table
        Its tables of voltage; the first says where an excursion ends.
    """

    profile: Profile
    tables: list[Table]
    recoveries: list[Recovery] = field(init=False)

    def __post_init__(self) -> None:
        timed = [Recovery.of(row) for row in recovery_rows(self.profile)]
        object.__setattr__(self, "recoveries", sorted(timed, key=lambda each: each.within_s) or [Recovery()])

    @property
    def asked(self) -> Recovery:
        """Strictest requirement on the recovery."""
        return self.recoveries[0]

    @property
    def watch_s(self) -> float:
        """Time for which a site has to be watched after a disturbance to judge it, s."""
        return max(RETURN_S, *(each.within_s for each in self.recoveries))

    def of(self, course: Course, scenario: Any) -> Stay:
        """Judge one test."""
        record = as_record(course, scenario)
        before = record.power_w.size - course.power_w.size
        table = self.tables[0] if self.tables else Table("", (), 0.9, 1.1)
        assert record.voltage_pu is not None
        sides = (
            excursions(record.voltage_pu, 0, table, True, record.tick_s),
            excursions(record.voltage_pu, 0, table, False, record.tick_s),
        )
        every = of_run(record)
        losses = {COUNTED: every}
        counted, _ = counted_losses(record, self.profile, sides, record.voltage_pu)
        losses |= {way.label: way.losses for way in counted}
        every = next((way.losses for way in counted if way.losses), every)
        moved = [event.time_s for event in course.events if event.kind == "load_transferred"]
        missing_w = np.where(
            course.voltage_pu > self.asked.after_v_pu, course.twin_power_w - course.power_w, 0.0
        )
        return Stay(
            left_s={
                words: min(((loss.tick - before) * course.tick_s for loss in lost), default=math.inf)
                for words, lost in losses.items()
            },
            back_s=self._back(course, course.power_w, course.twin_power_w),
            load_back_s=self._back(course, course.load_w, course.twin_load_w),
            voltage_pu=_farthest(course),
            transferred_s=min(moved, default=math.inf),
            lost_w=float(missing_w.max(initial=0.0)),
            text=_since(every[0], before).text(course.tick_s) if every else "",
            faded_s=_faded_s(course),
            spent_s=min(
                (one.time_s for one in course.events if one.kind == "backup_empty"), default=math.inf
            ),
            judged_by=tuple(way.label for way in counted),
        )

    def readings(self, course: Course, scenario: Any) -> list[str]:
        """Readings on which the profile's verdict rests."""
        record = as_record(course, scenario)
        table = self.tables[0] if self.tables else Table("", (), 0.9, 1.1)
        assert record.voltage_pu is not None
        side = excursions(record.voltage_pu, 0, table, True, record.tick_s)
        found, _ = counted_losses(record, self.profile, (side, side), record.voltage_pu)
        return [way.label for way in found]

    def _back(self, course: Course, power_w: NDArray[np.float64], twin_w: NDArray[np.float64]) -> float:
        """Time from the return of the voltage until a power stays at its share of the twin's, s."""
        first = _returned(course, self.asked.after_v_pu)
        least_w = self.asked.share * twin_w[first:]
        off = power_w[first:] < least_w * (1.0 - 1e-9) - 1e-6
        if math.isfinite(self.asked.most):
            off |= power_w[first:] > self.asked.most * twin_w[first:] * (1.0 + 1e-9) + 1e-6
        short = np.flatnonzero(off)
        if short.size == 0:
            return 0.0
        if short[-1] == len(power_w) - first - 1:
            return math.inf
        return (float(short[-1]) + 1.0) * course.tick_s


def _since(loss: Loss, before: int) -> Loss:
    """A loss with its times counted from the begin of the test, as all others are."""
    return replace(loss, tick=loss.tick - before, end=loss.end - before)


def _faded_s(course: Course) -> float:
    good = course.voltage_pu > USUAL_VOLTAGE_PU
    faded = np.flatnonzero(good & (course.load_w < LOST_SHARE * course.twin_load_w - 1e-6))
    return float(faded[0]) * course.tick_s if faded.size else math.inf


def _farthest(course: Course) -> float:
    during = course.voltage_pu[: max(round(course.train.end_s / course.tick_s), 1)]
    return float(during[int(np.argmax(np.abs(during - 1.0)))])


def _returned(course: Course, after_v_pu: float) -> int:
    """First tick from which the voltage stays above a value and the disturbance is over."""
    low = np.flatnonzero(course.voltage_pu <= after_v_pu)
    first = int(low[-1]) + 1 if low.size else round(course.train.end_s / course.tick_s)
    return min(first, len(course.voltage_pu) - 1)
