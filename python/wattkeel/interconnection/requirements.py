"""What a profile asks a load to ride through: bands of voltage and frequency with least times.

How timers run where bands lie in one another is a reading: *nested*, a point's timer runs whenever the voltage
is beyond its inner edge; *per band*, only while the voltage is within its own band; *per excursion*, one timer
runs from the begin of the excursion and is held against the band of the moment. For one level of voltage all
ask for the same wherever deeper is shorter; for a staircase they differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wattkeel.compliance import Profile

__all__ = ["TIMERS", "Band", "bands_of", "groups_of", "obligation_s", "required_s", "timers_of"]

TIMERS = ("nested", "per band", "per excursion")
#: Readings of a table by what its file says of the timers.
_BY_HEAD = {
    "nested": ("nested",),
    "per_band": ("per band",),
    "per_excursion": ("per excursion",),
    "unspecified": ("nested", "per band"),
}
#: Keys between whose values a user chooses.
_CHOICES = ("category", "area", "voltage_row", "voltage_class", "standard")
#: Relative slack of comparisons with an edge, as everywhere.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Band:
    """One row of a ride-through table.

    Attributes
    ----------
    low, high : float
        Edges, pu or Hz; the low one belongs to the band. Infinite (or 0 pu) where none was seen.
    duration_s : float
        Least time, s; infinite for continuous operation.
    slope_s : float
        Added time per unit above `low`, s/pu.
    name : str
        How findings name it.
    choice : str
        Category, area or row of the table that a user chooses; empty where there is none.
    keys : dict
        Row as written.
    """

    low: float
    high: float
    duration_s: float
    slope_s: float
    name: str
    choice: str
    keys: dict[str, Any]

    def holds(self, value: float) -> bool:
        """Whether a value lies in the band."""
        return self.low * (1.0 - _SLACK) <= value < self.high * (1.0 - _SLACK)

    def time_s(self, value: float) -> float:
        """Least time at a value, s."""
        return self.duration_s + self.slope_s * max(value - self.low, 0.0)

    @property
    def continuous(self) -> bool:
        """Whether the band asks for operation without limit."""
        return math.isinf(self.duration_s)


def bands_of(profile: Profile, block: str = "voltage_ride_through") -> list[Band]:
    """Bands of a profile's table whose numbers were seen, in the order of the file.

    Parameters
    ----------
    profile : Profile
    block : {"voltage_ride_through", "frequency_ride_through"}
    """
    unit, letter = ("pu", "v") if block == "voltage_ride_through" else ("Hz", "f")
    suffix = unit.lower()
    bands = []
    for row in profile.rows_of(block):
        keys = dict(row.keys)
        continuous = bool(keys.get("continuous"))
        if not (profile.seen and row.seen) or not (continuous or {"min_duration_s", "t0_s"} & set(keys)):
            continue
        low = float(keys.get(f"{letter}_min_{suffix}", 0.0))
        high = float(keys.get(f"{letter}_max_{suffix}", math.inf))
        time_s = math.inf if continuous else float(keys.get("min_duration_s", keys.get("t0_s", 0.0)))
        slope_s = float(keys.get("slope_s_per_pu", 0.0))
        for choice in _choices(keys):
            name = f"{_span(low, high)} {unit}" + (f" ({choice})" if choice else "")
            bands.append(Band(low, high, time_s, slope_s, name, choice, keys))
    return bands


def _span(low: float, high: float) -> str:
    if math.isinf(high):
        return f"above {low:g}"
    return f"below {high:g}" if low == 0.0 else f"{low:g}-{high:g}"


def _choices(keys: dict[str, Any]) -> list[str]:
    """Tables that a row belongs to: one for every value of the keys between which a user chooses."""
    found = [""]
    for key in _CHOICES:
        given = keys.get(key)
        values = given if isinstance(given, list) else [] if given is None else [given]
        if values:
            found = [f"{head} {value}".strip() for head in found for value in values]
    return found


def groups_of(bands: Sequence[Band]) -> dict[str, list[Band]]:
    """Tables that stand for themselves, by their choice; rows without one belong to all of them."""
    chosen = list(dict.fromkeys(band.choice for band in bands if band.choice)) or [""]
    return {name: [band for band in bands if band.choice in ("", name)] for name in chosen}


def timers_of(profile: Profile) -> tuple[str, ...]:
    """Readings of the timers that a profile admits."""
    text = str(profile.head.get("timer", "unspecified"))
    # "per excursion below 0.88 / above 1.10, reset on return" is one of the wordings.
    known = "per_excursion" if text.startswith("per excursion") else text
    return _BY_HEAD.get(known, _BY_HEAD["unspecified"])


def _under(bands: Sequence[Band], middle: float) -> list[Band]:
    return [band for band in bands if not band.continuous and band.high <= middle * (1.0 + _SLACK)]


def _over(bands: Sequence[Band], middle: float) -> list[Band]:
    return [band for band in bands if not band.continuous and band.low >= middle * (1.0 - _SLACK)]


def required_s(bands: Sequence[Band], value: float, timer: str, middle: float = 1.0) -> float:
    """Time for which a load has to stay at one level, s; infinite where it must stay for good, 0 where never.

    Parameters
    ----------
    bands : sequence of Band
        One table (one area, category or row of it).
    value : float
        Level, pu or Hz.
    timer : {"nested", "per band", "per excursion"}
    middle : float
        Nominal value, which tells under from over, pu or Hz.
    """
    own = [band for band in bands if band.holds(value)]
    if not own:
        return 0.0  # outside all bands nothing is asked for
    time_s = max(band.time_s(value) for band in own)
    if timer != "nested" or math.isinf(time_s):
        return time_s
    if value < middle:
        outer = [b.time_s(max(value, b.low)) for b in _under(bands, middle) if value < b.high]
    else:
        outer = [b.time_s(value) for b in _over(bands, middle) if value >= b.low * (1.0 - _SLACK)]
    return min([time_s, *outer])


def obligation_s(
    bands: Sequence[Band], pieces: Sequence[tuple[float, float, float]], timer: str, middle: float = 1.0
) -> float:
    """Time until which a course of voltage obliges to stay connected, s from its begin; infinite for good.

    Timers are reset where the voltage returns to a continuous band. Between pieces the voltage is nominal.

    Parameters
    ----------
    bands : sequence of Band
    pieces : sequence of (begin_s, end_s, value)
        Levels in order of time.
    timer : {"nested", "per band", "per excursion"}
    middle : float
        Nominal value.
    """
    spent: dict[int, float] = {}
    last_s, since_s = -math.inf, 0.0
    for begin_s, end_s, value in pieces:
        if begin_s > last_s * (1.0 + _SLACK) + _SLACK:
            spent, since_s = {}, begin_s
        last_s = end_s
        own = [k for k, band in enumerate(bands) if band.holds(value)]
        if not own:
            return begin_s
        if any(bands[k].continuous for k in own):
            spent, since_s = {}, end_s
            continue
        if timer == "per excursion":
            until_s = since_s + max(bands[k].time_s(value) for k in own)
            if until_s < end_s * (1.0 - _SLACK):
                return max(until_s, begin_s)
            continue
        running = own if timer == "per band" else _running(bands, value, middle)
        left_s = min(bands[k].time_s(max(value, bands[k].low)) - spent.get(k, 0.0) for k in running)
        length_s = end_s - begin_s
        if left_s < length_s * (1.0 - _SLACK):
            return begin_s + max(left_s, 0.0)
        for k in running:
            spent[k] = spent.get(k, 0.0) + length_s
    return math.inf


def _running(bands: Sequence[Band], value: float, middle: float) -> list[int]:
    """Bands whose timer runs at a value, in the nested reading."""
    found = []
    for k, band in enumerate(bands):
        if band.continuous:
            continue
        under = value < middle and band.high <= middle * (1.0 + _SLACK) and value < band.high
        over = value >= middle and band.low >= middle and value >= band.low * (1.0 - _SLACK)
        if under or over:
            found.append(k)
    return found
