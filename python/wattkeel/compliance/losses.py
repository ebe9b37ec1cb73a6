"""When the load left the grid, and for how long: from the events of a run, or from measured power.

Of a run the events decide. Of a measured record the power does: the load is off where it draws less than
half of what a constant impedance would draw at that voltage, counted from the lowest power of the ten seconds
before the voltage fell. A constant impedance draws the least of all loads that stay connected, and a training
job swings: both are no loss. Where that half is below 2 % of the power before (deep in a fault), a power
below it is no loss either, but where a cessation counts it leaves the verdict open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures
from wattkeel.compliance.bands import Excursions
from wattkeel.compliance.record import Record

if TYPE_CHECKING:
    from wattkeel.events import Event

__all__ = [
    "CEASED",
    "COUNTED",
    "RETURN_S",
    "Loss",
    "doubtful",
    "of_power",
    "of_run",
    "power_before",
    "sudden_drop",
    "unreturned",
    "untold",
]

Array = NDArray[np.float64]

#: Share of the power of a constant impedance below which the load is off.
LOST_SHARE = 0.5
#: Least power, as a share of that before, that is told from nothing.
LEAST_SHARE = 0.02
#: Time over which the power before an excursion is taken: its mean, and its lowest value, s.
BEFORE_S, SWING_S = 1.0, 10.0
#: Time within which load must be back where the rule names none, s; published rules ask for 0.5 to 3 s.
RETURN_S = 1.0

#: Events that say that load is off until they end; those that the site chose not to come back from at once.
CEASED = ("load_ceased", "blackout")
LEFT = ("load_transferred", "island")
SHED = "load_shed"

#: Labels of the two ways to see a load that ceases and comes back by itself.
COUNTED = "a momentary cessation counts"


@dataclass(frozen=True, slots=True)
class Loss:
    """A time in which load was off.

    Attributes
    ----------
    tick : int
        First sample without it.
    end : float
        First sample with it again; infinite where it did not come back within the record.
    kind : str
        Kind of the event, or "power".
    place : str
        Where; empty when not known.
    momentary : bool
        Whether it may come back by itself: a cessation, not a transfer.
    """

    tick: int
    end: float
    kind: str
    place: str = ""
    momentary: bool = True

    def text(self, tick_s: float) -> str:
        """What happened, for a note."""
        what = {
            "load_ceased": "the load ceased",
            "blackout": "the site went dark",
            "load_transferred": "the load was transferred after counted sags",
            "island": "the site separated from the grid",
            "load_shed": "a stage of load shedding tripped",
            "power": "the power fell below half of what a constant impedance draws",
        }.get(self.kind, self.kind)
        where = f" ({self.place})" if self.place and self.place not in ("site", "poi") else ""
        if math.isinf(self.end):
            back = "and was not back within the record"
        else:
            back = f"for {(self.end - self.tick) * tick_s:.4g} s"
        return f"{what} at {self.tick * tick_s:.6g} s{where} {back}"


def of_run(record: Record, *, shed: bool = False) -> list[Loss]:
    """Losses by the events of a run, in order of time.

    An island counts where the voltage opened the breaker, not where the scenario did; a blackout only ceases
    the load. `shed` takes load shedding in. Where the supply died at once the event still has the voltage of
    before, so that the record is asked, too.
    """
    found = []
    for event in record.events:
        if event.kind not in (*CEASED, *LEFT, SHED) or (event.kind == SHED and not shed):
            continue
        if event.kind == "island" and not _low_voltage(record, event):
            continue
        end = math.inf
        if event.duration_s is not None and event.kind != SHED:
            end = event.tick + round(event.duration_s / record.tick_s)
        if event.tick >= record.first():
            found.append(Loss(event.tick, end, event.kind, event.place, event.kind in CEASED))
    return sorted(found, key=lambda loss: (loss.tick, loss.end))


def _low_voltage(record: Record, event: Event) -> bool:
    """Whether the voltage at the POI was below that of separation when a site separated."""
    lowest = float(event.value)
    if record.voltage_pu is not None:
        lowest = min(lowest, *record.voltage_pu[event.tick : event.tick + 2])
    return lowest < event.limit


@dataclass(frozen=True, slots=True)
class Before:
    """Power before an excursion, W: its mean over one second, its lowest and highest over ten."""

    mean_w: float
    low_w: float
    high_w: float
    at_s: float


def power_before(record: Record, starts: Sequence[int], ends: Sequence[int]) -> list[Before | None]:
    """Power before each of a list of excursions; None where the record has no sample before it.

    Where one follows another within a second, the power is that before the first of them.
    """
    ticks, swing = _ticks(record, BEFORE_S), _ticks(record, SWING_S)
    out: list[Before | None] = []
    for k, start in enumerate(starts):
        since = max(record.first(), ends[k - 1] if k else 0)
        if k and start - ends[k - 1] < ticks:
            out.append(out[-1])
            continue
        if start <= since:
            out.append(None)
            continue
        near = record.power_w[max(since, start - ticks) : start]
        far = record.power_w[max(since, start - swing) : start]
        at_s = start * record.tick_s
        out.append(Before(float(near.mean()), float(far.min()), float(far.max()), at_s))
    return out


def _ticks(record: Record, time_s: float) -> int:
    return max(1, round(time_s / record.tick_s))


def of_power(
    record: Record, found: Sequence[Excursions], return_s: float, voltage: Array | None
) -> list[Loss]:
    """Losses of a measured record, in and shortly after its excursions.

    Parameters
    ----------
    record : Record
    found : sequence of Excursions
        Both sides.
    return_s : float
        Time after an excursion in which a loss is put down to it, s.
    voltage : ndarray or None
        Voltage by which a constant impedance is reckoned, pu; None: that of the whole time.
    """
    spans = sorted(
        (int(first), int(last)) for side in found for first, last in zip(side.first, side.last, strict=True)
    )
    starts, ends = [span[0] for span in spans], [span[1] for span in spans]
    losses: list[Loss] = []
    for k, before in enumerate(power_before(record, starts, ends)):
        if before is None or before.low_w <= 0.0:
            continue
        stop = min(record.power_w.size, ends[k] + _ticks(record, return_s))
        stop = min([stop, *starts[k + 1 : k + 2]])
        least_w = _least(before, starts[k], stop, voltage)
        part = record.power_w[starts[k] : stop]
        off = (part < least_w) & (least_w >= LEAST_SHARE * before.mean_w)
        if losses and losses[-1].end > starts[k]:
            continue  # still off from an excursion before
        since = starts[k]
        while since < stop and off[since - starts[k] :].any():  # load that is back may leave again
            tick = since + int(np.argmax(off[since - starts[k] :]))
            losses.append(Loss(tick, _back(record, before, tick, voltage), "power"))
            since = stop if math.isinf(losses[-1].end) else int(losses[-1].end)
    return losses


def doubtful(
    record: Record, found: Sequence[Excursions], losses: Sequence[Loss], voltage: Array | None
) -> list[Loss]:
    """Where a load may have ceased deep in a fault: below half of a constant impedance, both near nothing.

    Parameters
    ----------
    record, found, voltage
        As `of_power`.
    losses : sequence of Loss
        What that gave: an excursion that holds one has no further one.
    """
    spans = sorted(
        (int(first), int(last)) for side in found for first, last in zip(side.first, side.last, strict=True)
    )
    starts, ends = [span[0] for span in spans], [span[1] for span in spans]
    out: list[Loss] = []
    for k, before in enumerate(power_before(record, starts, ends)):
        if before is None or before.low_w <= 0.0:
            continue
        if any(loss.tick < ends[k] and loss.end > starts[k] for loss in losses):
            continue
        least_w = _least(before, starts[k], ends[k], voltage)
        off = (record.power_w[starts[k] : ends[k]] < least_w) & (least_w < LEAST_SHARE * before.mean_w)
        if off.any():
            where = np.flatnonzero(off)
            out.append(Loss(starts[k] + int(where[0]), float(starts[k] + where[-1] + 1), "power"))
    return out


def untold(record: Record, found: Sequence[Excursions]) -> frozenset[int]:
    """First samples of the excursions of a measured record that show no load to lose.

    Before them there was no import, or none for a moment of the ten seconds; or they begin with the record.
    """
    spans = sorted(
        (int(first), int(last)) for side in found for first, last in zip(side.first, side.last, strict=True)
    )
    before = power_before(record, [span[0] for span in spans], [span[1] for span in spans])
    return frozenset(
        first for (first, _), one in zip(spans, before, strict=True) if one is None or one.low_w <= 0.0
    )


def _least(before: Before, start: int, stop: int, voltage: Array | None) -> Array:
    """Power below which the load is off, W, at the samples from `start` to `stop`."""
    if voltage is None:
        return np.full(stop - start, LOST_SHARE * before.low_w)
    reference = voltage[start - 1] if start and voltage[start - 1] > 0.0 else 1.0
    return np.asarray(LOST_SHARE * before.low_w * np.minimum(1.0, np.square(voltage[start:stop] / reference)))


def _back(record: Record, before: Before, tick: int, voltage: Array | None) -> float:
    """First sample after `tick` with the load connected again; samples that tell nothing are passed over."""
    size, step = record.power_w.size, _ticks(record, 60.0)
    for begin in range(tick, size, step):
        stop = min(begin + step, size)
        least_w = _least(before, begin, stop, voltage)
        on = (record.power_w[begin:stop] >= least_w) & (least_w >= LEAST_SHARE * before.mean_w)
        if on.any():
            return begin + int(np.argmax(on))
    return math.inf


def unreturned(
    losses: Sequence[Loss], found: Sequence[Excursions], record: Record, return_s: float
) -> tuple[list[Loss], list[Loss]]:
    """Losses that are none of a momentary cessation, and those of which the record ends too soon to tell.

    A cessation is forgiven when the load is back within `return_s` of the end of the excursion that it began
    in, or of the last of those that followed before that time was up.
    """
    spans = sorted(
        (int(first), int(last)) for side in found for first, last in zip(side.first, side.last, strict=True)
    )
    lasting, open_ = [], []
    for loss in losses:
        if not loss.momentary:
            lasting.append(loss)
            continue
        deadline = loss.tick + _ticks(record, return_s)
        for first, last in spans:
            if last >= loss.tick and first < min(deadline, loss.end):
                deadline = max(deadline, last + _ticks(record, return_s))
        if loss.end <= deadline:
            continue
        if math.isinf(loss.end) and deadline >= record.power_w.size:
            open_.append(loss)
        else:
            lasting.append(loss)
    return lasting, open_


def sudden_drop(record: Record, found: Sequence[Excursions]) -> int | None:
    """First sample, outside all excursions and the second after them, below half of the lowest power before.

    The power before is the lowest of the ten seconds before, so that the swing of a training job is none.
    """
    power = record.power_w[record.first() :]
    if power.size < 3:
        return None
    window_s = min(SWING_S, (power.size - 2) * record.tick_s)
    window_s = max(window_s, record.tick_s)
    low = power - measures.rolling_change(power, record.tick_s, window_s, "up")
    drop = np.concatenate(([False], (power[1:] < LOST_SHARE * low[:-1]) & (low[:-1] > 0.0)))
    after = _ticks(record, BEFORE_S)
    for side in found:
        for first, last in zip(side.first, side.last, strict=True):
            drop[max(0, int(first) - record.first()) : int(last) - record.first() + after] = False
    return record.first() + int(np.argmax(drop)) if drop.any() else None
