"""How large a recorded site is: its scale, its contracted power, and whether they fit each other."""

from __future__ import annotations

from dataclasses import dataclass

from wattkeel.compliance.record import Array, first_judged
from wattkeel.compliance.records.model import RecordNotes, Wanted
from wattkeel.units import format_quantity

#: Largest power as a share of the contracted one, beyond which one of the two is in a wrong unit (by 1000).
LEAST_SHARE, MOST_SHARE = 2e-3, 20.0
SMALL_SHARE = 0.05  # below, limits of a document for the whole site are far away: told


@dataclass(frozen=True, slots=True)
class Size:
    """Factor on the recorded power, contracted power, W, and what every finding must say of them."""

    factor: float = 1.0
    rated_power_w: float | None = None
    remarks: tuple[str, ...] = ()


def sized(power_w: Array | None, tick_s: float, wanted: Wanted, notes: RecordNotes) -> Size:
    """Scale of a record and its contracted power.

    Parameters
    ----------
    power_w : ndarray, shape (n,), or None
        Power as recorded, W, import positive.
    tick_s : float
        Time between samples, s.
    wanted : Wanted
        ``scale_to_w``: what the largest power behind ``settle_s`` becomes.
    notes : RecordNotes
        Takes faults and warnings.
    """
    rated_w, target_w = wanted.rated_power_w, wanted.scale_to_w
    if power_w is None:
        if target_w is not None:
            notes.fault("there is no power to scale", "leave --scale-to out")
        return Size(rated_power_w=rated_w)
    judged = power_w[first_judged(wanted.settle_s, tick_s) :]
    largest_w = float((judged if judged.size else power_w).max())
    if target_w is not None:
        if largest_w <= 0.0:
            notes.fault(
                f"the largest power is {format_quantity(largest_w, 'W')}: it cannot be scaled to "
                f"{format_quantity(target_w, 'W')}",
                "leave --scale-to out; if the file counts import as negative, give --sign export",
            )
            return Size()
        factor = target_w / largest_w
        remark = (
            f"power times {factor:.6g}: the largest of the record, {format_quantity(largest_w, 'W')}, stands "
            f"for {format_quantity(target_w, 'W')}, as if every part of the site swung in step"
        )
        return Size(factor, target_w if rated_w is None else rated_w, (remark,))
    if rated_w is not None and largest_w > 0.0:
        share = largest_w / rated_w
        largest = format_quantity(largest_w, "W")
        told = f"the largest power of the record, {largest}, is {share:.3g} of the rated power"
        if not LEAST_SHARE <= share <= MOST_SHARE:
            notes.fault(told, "correct the unit (--power-unit) or --rated-power, or scale it with --scale-to")
        elif share < SMALL_SHARE:
            notes.warn(told)
    return Size(rated_power_w=rated_w)
