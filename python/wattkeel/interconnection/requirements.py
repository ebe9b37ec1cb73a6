"""What a profile asks a load to ride through at one level, and along a course of levels.

Tables, bands and timers are those by which records are judged (`wattkeel.compliance.bands`); here they are
asked the other way round: not how long a record had to be ridden, but how long a test has to last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from wattkeel.compliance import Profile
from wattkeel.compliance.bands import Band, Table, excursions
from wattkeel.compliance.views import table_from

__all__ = ["BLOCKS", "band_at", "obligation_s", "required_s", "tables_of"]

#: Blocks that hold tables: keys of their edges, unit, nominal value (None: the nominal frequency).
BLOCKS: dict[str, tuple[str, str, str, float | None]] = {
    "voltage_ride_through": ("v_min_pu", "v_max_pu", "pu", 1.0),
    "frequency_ride_through": ("f_min_hz", "f_max_hz", "Hz", None),
}
#: Grid on which a course of levels is laid, s: published times are whole milliseconds.
_STEP_S = 1e-3


def tables_of(profile: Profile, block: str, nominal_hz: float = 60.0) -> list[Table]:
    """Tables of a block, one for every choice that the profile leaves open; without those not seen."""
    low, high, _, nominal = BLOCKS[block]
    middle = nominal_hz if nominal is None else nominal
    return [table_from(variant, low, high, middle) for variant in profile.variants_of(block) if variant.rows]


def band_at(table: Table, value: float) -> Band | None:
    """Band that holds a value: the one that asks for most where several do."""
    held = [band for band in table.bands if bool(band.holds(np.asarray(value)))]
    return max(held, key=lambda band: _time_s(band, value), default=None)


def _time_s(band: Band, value: float) -> float:
    if band.continuous:
        return math.inf
    return 0.0 if math.isnan(band.least_s) else float(band.time_s(value))


def required_s(table: Table, value: float, timer: str) -> float:
    """Time for which a load has to stay at one level, s.

    Infinite where it must stay for good, 0 where nothing is asked for: outside all bands, or where only the
    operator knows the time.

    Parameters
    ----------
    table : Table
    value : float
        Level, in the unit of the table.
    timer : {"nested", "per_band", "per_excursion"}
    """
    own = band_at(table, value)
    if own is None:
        return 0.0
    time_s = _time_s(own, value)
    if timer != "nested" or math.isinf(time_s):
        return time_s
    below = own.high <= table.low
    running = [
        band
        for band in table.side(below)
        if not math.isnan(band.least_s) and (value < band.high if below else value >= band.low)
    ]
    return min([time_s, *(float(band.time_s(value)) for band in running)])


def obligation_s(table: Table, pieces: Sequence[tuple[float, float, float]], timer: str) -> float:
    """Time until which a course of levels obliges to stay connected, s from its begin; infinite for good.

    Parameters
    ----------
    table : Table
    pieces : sequence of (begin_s, end_s, value)
        Levels in order of time; nominal between them.
    timer : {"nested", "per_band", "per_excursion"}
    """
    end_s = max(end for _, end, _ in pieces)
    middle = 0.5 * (table.low + table.high)
    series = np.full(round(end_s / _STEP_S) + 1, middle)
    for begin, end, value in pieces:
        series[round(begin / _STEP_S) : round(end / _STEP_S)] = value
    ended_s = math.inf
    for below in (True, False):
        side = excursions(series, 0, table, below, _STEP_S)
        if not len(side):
            continue
        obliged = side.obliged(table.side(below), timer)
        short = obliged < side.last - side.first
        if short.any():
            first = int(np.argmax(short))
            ended_s = min(ended_s, float(side.first[first] + obliged[first]) * _STEP_S)
    return ended_s
