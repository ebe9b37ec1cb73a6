"""No transfer by a counter of sags: what the head of a profile prohibits."""

from __future__ import annotations

import math

import numpy as np

from wattkeel.compliance.bands import Table, excursions
from wattkeel.compliance.judged import Judged
from wattkeel.compliance.losses import RETURN_S, of_power
from wattkeel.compliance.profile import Profile
from wattkeel.compliance.quantities import VOLTAGE, of_voltage
from wattkeel.compliance.record import CannotJudgeError, Measured, Reading, Record
from wattkeel.compliance.views import normal_band

__all__ = ["sag_counting"]

#: Time over which counters of sags count, s: three in 60 s in Virginia, 2024.
COUNTED_S = 60.0
NAME = "sag counting"


def sag_counting(record: Record, profile: Profile) -> Judged:
    """Whether the site transfers load because sags were counted (``sag_counting_transfer_prohibited``).

    Of a run its nodes say so. A measured record can only hint: load that leaves at a sag no worse than one it
    rode through within the minute before.
    """
    try:
        measured = _of_run(record) if record.simulated else _of_record(record, profile)
    except CannotJudgeError as reason:
        return Judged(NAME, reason=str(reason))
    return Judged(NAME, measured=measured)


def _of_run(record: Record) -> Measured:
    transfers = [event for event in record.events if event.kind == "load_transferred"]
    method = (
        "transfers of load by a counter of sags, from the events of the run and the settings of its nodes"
    )
    if transfers:
        first = transfers[0]
        note = f"{first.place} transfers its load at {first.time_s:.6g} s after counted sags"
        reading = Reading("", float(len(transfers)), first.time_s, 0.0)
        return Measured([reading], 0.0, "1", method, [note], quantity="events")
    if record.load_model is None:
        raise CannotJudgeError(
            "the record does not say whether the site counts sags, and no transfer is seen"
        )
    count = record.load_model.sag_count
    if count:
        note = f"a node counts sags (sag_count = {count}), although this run does not reach its count"
        return Measured([Reading("", 1.0)], 0.0, "1", method, [note], quantity="events")
    return Measured([Reading("", 0.0)], 0.0, "1", method, ["no node counts sags"], quantity="events")


def _of_record(record: Record, profile: Profile) -> Measured:
    low = of_voltage(record, profile.head)[-1][1]
    table = Table("", (), normal_band(profile)[0], math.inf)
    side = excursions(low, record.first(), table, True, record.tick_s)
    losses = of_power(record, (side,), RETURN_S, low)
    length = side.last - side.first
    extreme = side.extreme()
    for loss in losses:
        number = side.of(loss.tick)
        if not number:
            continue
        since = loss.tick - round(COUNTED_S / record.tick_s)
        before = np.flatnonzero(side.first[:number] >= since)
        worse = before[(extreme[before] <= extreme[number]) & (length[before] >= length[number])]
        ridden = [k for k in worse.tolist() if not any(side.of(other.tick) == k for other in losses)]
        if ridden and math.isinf(loss.end):
            at_s, ridden_s = loss.tick * record.tick_s, float(side.first[ridden[-1]]) * record.tick_s
            note = (
                f"load leaves at {at_s:.6g} s for good, in a sag no deeper and no longer than the one at "
                f"{ridden_s:.6g} s that it rode through: a counter of sags would do so"
            )
            reading = Reading("", 1.0, loss.tick * record.tick_s, 0.0, verdict="marginal")
            method = "losses of load in sags no worse than others within 60 s before"
            return Measured([reading], 0.0, "1", method, [note], quantity=VOLTAGE)
    raise CannotJudgeError(
        "the record does not say whether the site counts sags, and shows no loss that hints at it"
    )
