"""Voltage ride-through: bands of low and high voltage, curves over the time of a fault, over-voltages."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from wattkeel import measures
from wattkeel.compliance.band_judge import Ask
from wattkeel.compliance.bands import Band, Excursions, Table, Ticks
from wattkeel.compliance.judged import Judged
from wattkeel.compliance.profile import Profile, Row
from wattkeel.compliance.quantities import VOLTAGE, need_model, of_voltage
from wattkeel.compliance.record import Record
from wattkeel.compliance.views import Series, judge_views, normal_band, outside_within, table_from

__all__ = ["frt_curve", "overvoltage_withstand", "reclosing", "voltage_ride_through"]


def voltage_ride_through(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``voltage_ride_through``: one `Judged` per band of each table."""
    ask, series = _ask(record, profile, "voltage_ride_through")
    judged = []
    for variant in profile.variants_of("voltage_ride_through"):
        table = table_from(variant, "v_min_pu", "v_max_pu", 1.0)
        judged += judge_views(record, profile, ask, [("", table)], series)
    return judged


def overvoltage_withstand(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``overvoltage_withstand``: single points (voltage, time).

    A point may be meant from its voltage on or up to it: both readings.
    """
    ask, series = _ask(record, profile, "overvoltage_withstand")
    judged = []
    for variant in profile.variants_of("overvoltage_withstand"):
        rows = sorted(variant.rows, key=lambda row: float(row.keys["v_pu"]))
        points = [float(row.keys["v_pu"]) for row in rows]
        tables = []
        for label, edges in (
            ("from the voltage named on", [*points, math.inf]),
            ("up to the voltage named", [min(normal_band(profile)[1], points[0] - 0.05), *points]),
        ):
            bands = []
            for row, (low, high) in zip(rows, pairwise(edges), strict=True):
                time_s = float(row.keys["min_duration_s"])
                bands.append(Band(low, high, row, least_s=time_s, most_s=time_s))
            tables.append((label, Table(variant.label, tuple(bands), -math.inf, bands[0].low)))
        judged += judge_views(record, profile, ask, tables, series)
    return judged


def frt_curve(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``frt_curve``: stay while the voltage is above a curve of the time since the fault.

    The fault starts where the voltage falls below the last point of the curve, and ends where it is back
    there. Between points the curve is linear, behind the last it holds.
    """
    judged = []
    for variant in profile.variants_of("frt_curve"):
        for row in variant.rows:
            ask, series = _ask(record, profile, "frt_curve")
            times_s, volts = row.keys["t_s"], row.keys["v_pu"]
            corners = {"low": [[float(t), float(v)] for t, v in zip(times_s, volts, strict=True)], "high": []}
            band = Band(
                -math.inf, float(volts[-1]), row, least_s=float(times_s[-1]), most_s=float(times_s[-1])
            )
            table = Table(variant.label, (band,), band.high, math.inf)
            judged += judge_views(
                record, profile, ask.drawn(corners), [("", table)], series,
                timers=["per_excursion"], ends=_curve_end(row),
            )  # fmt: skip
    return judged


def reclosing(record: Record, profile: Profile) -> list[Judged]:
    """Judge of the block ``reclosing``: stay through depressions of up to the longest shot.

    A rule of this kind names no voltage: a depression is what leaves the continuous band, as elsewhere.
    """
    judged = []
    for row in (row for row in profile.rows_of("reclosing") if row.seen):
        ask, series = _ask(record, profile, "reclosing")
        shot_s, low = float(row.keys["shot_s"][1]), normal_band(profile)[0]
        band = Band(-math.inf, low, row, least_s=shot_s, most_s=shot_s)
        table = Table(str(row.keys.get("who", "")), (band,), low, math.inf)
        noted = ask.on("", "", [f"the rule names no voltage: depressions below {low:g} pu"])
        judged += judge_views(record, profile, noted, [("", table)], series, timers=["per_excursion"])
    return judged


def _curve_end(row: Row) -> Callable[[Excursions], Ticks]:
    times_s = np.asarray(row.keys["t_s"], dtype=np.float64)
    volts = np.asarray(row.keys["v_pu"], dtype=np.float64)

    def ends(side: Excursions) -> Ticks:
        length = np.diff(side.start)
        place = np.arange(side.at.size) - np.repeat(side.start[:-1], length)
        # a voltage exactly on the curve is above it
        least = np.interp(place * side.tick_s, times_s, volts) * (1.0 - measures.TOLERANCE)
        end = np.where(side.value < least, place, np.repeat(length + 1, length))
        return np.asarray(np.minimum.reduceat(end, side.start[:-1])) if len(side) else np.empty(0, np.int64)

    return ends


def _ask(record: Record, profile: Profile, block: str) -> tuple[Ask, Callable[[], list[Series]]]:
    band = normal_band(profile, record.nominal_frequency_hz)
    excused = outside_within(record, record.frequency_hz, record.frequency_hz, band)

    def series() -> list[Series]:
        need_model(record, VOLTAGE)
        return [Series(*one) for one in of_voltage(record, profile.head)]

    return Ask(block, "pu", VOLTAGE, excused), series
