"""RMS values of a voltage by half cycles and by 10/12 cycles, and their aggregation (IEC 61000-4-30).

A waveform is cut where its fundamental crosses zero; a series of RMS values, which knows no phase, at even
steps of the nominal frequency. Either is integrated as a course: a value holds until the next, and a cut may
lie between two samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import filters
from wattkeel.power_quality._input import Checks, voltage_of

__all__ = ["Aggregates", "Cycles", "aggregate", "cycles", "deviations"]

Floats = NDArray[np.float64]

LEAST_PER_CYCLE = {"waveform": 20, "rms": 4}  # samples
MOST_RATE_HZ = 1e6
# Cycles of the basic interval by nominal frequency, and basic intervals in the next one: IEC 61000-4-30, 4.4.
BASIC_CYCLES = {50.0: 10, 60.0: 12}
PER_SHORT = 15
SHORT_S = 3.0
TEN_MINUTES_S = 600.0
PER_LONG = 12
# Half cycles of a waveform shorter or longer than these, of a nominal one, are none of the fundamental.
SHORTEST, LONGEST = 0.6, 1.5
LEAST_WAVE = 0.02  # of the record's RMS value: a fundamental smaller than this has no phase to be cut by


@dataclass(frozen=True, eq=False)
class Cycles:
    """A voltage cycle by cycle.

    Parameters
    ----------
    nominal_hz
        Nominal frequency, Hz.
    cut_s
        Begin of every half cycle, and the end of the last, s, shape (n + 2,).
    rms
        U_rms(1/2), the RMS value of one cycle, renewed every half cycle, shape (n,); value ``i`` covers
        ``cut_s[i]`` to ``cut_s[i + 2]``. In the unit of the voltage.
    """

    nominal_hz: float
    cut_s: Floats
    rms: Floats

    @property
    def time_s(self) -> Floats:
        """Time at which each value is known: the end of its cycle, s, shape (n,)."""
        return self.cut_s[2:]

    @property
    def per_second(self) -> int:
        """Half cycles of a nominal second: 100 or 120."""
        return round(2.0 * self.nominal_hz)


@dataclass(frozen=True, eq=False)
class Aggregates:
    """RMS values of the intervals of IEC 61000-4-30; the last one of each is left out where it is not whole.

    Parameters
    ----------
    basic_s, basic
        Begin, s, and RMS value of every 10 (50 Hz) or 12 (60 Hz) cycles, shape (n,).
    short
        Of every 15 of them: 150/180 cycles, about 3 s, shape (n // 15,).
    ten_minutes
        Of the basic intervals that end within the same 10 min of the record.
    two_hours
        Of every 12 values of 10 min.
    """

    basic_s: Floats
    basic: Floats
    short: Floats
    ten_minutes: Floats
    two_hours: Floats


def cycles(voltage: ArrayLike, tick_s: float, kind: str, nominal_hz: float) -> Cycles:
    """RMS value of one cycle, renewed every half cycle: U_rms(1/2) of IEC 61000-4-30:2015, 3.25.

    Parameters
    ----------
    voltage
        Samples, V or pu, shape (n,).
    tick_s
        Time between samples, s; a cycle has at least 20 of a waveform, 4 of RMS values.
    kind
        "waveform" or "rms".
    nominal_hz
        50 or 60 Hz.

    Raises
    ------
    ScenarioError
        All that is wrong with the input.
    """
    check = Checks()
    check.choice("kind", kind, ("waveform", "rms"))
    check.system("nominal_hz", nominal_hz)
    if not check.faults:
        check.rate("tick_s", tick_s, LEAST_PER_CYCLE[kind] * nominal_hz, MOST_RATE_HZ, kind)
    check.stop()
    samples = voltage_of(voltage, kind)
    check.course(samples, kind)
    length_s = len(samples) * tick_s
    if length_s < 2.0 / nominal_hz:
        check.fault("voltage", len(samples), "shorter than two cycles", "give a longer record")
    check.stop()
    half_s = 0.5 / nominal_hz
    if kind == "rms":
        steps = 1 + math.floor(length_s / half_s * (1.0 + 1e-12))
        cut_s: Floats = half_s * np.arange(steps, dtype=np.float64)
    else:
        cut_s = _crossings(samples, tick_s, nominal_hz)
    return Cycles(float(nominal_hz), cut_s, _rms(samples, tick_s, cut_s[:-2], cut_s[2:]))


def _rms(samples: Floats, tick_s: float, begin_s: Floats, end_s: Floats) -> Floats:
    """RMS value between pairs of times."""
    total = np.concatenate(([0.0], np.cumsum(samples * samples)))
    ticks = np.arange(len(total), dtype=np.float64)
    energy = np.interp(end_s / tick_s, ticks, total) - np.interp(begin_s / tick_s, ticks, total)
    return np.asarray(np.sqrt(np.maximum(energy, 0.0) * tick_s / (end_s - begin_s)))


def _crossings(samples: Floats, tick_s: float, nominal_hz: float) -> Floats:
    """Zero crossings of the fundamental; where it is lost, as in an interruption, even steps.

    The filter does not know what lies beyond the record: the first and last four are up to 0.3 ms beside.
    """
    wave = filters.band_pass(samples, tick_s, 0.5 * nominal_hz, 1.5 * nominal_hz, order=1, zero_phase=True)
    slope = 2.0 * math.pi * nominal_hz * tick_s * math.sqrt(2.0) * float(np.sqrt(np.mean(samples * samples)))
    steep = np.abs(wave[1:] - wave[:-1]) > LEAST_WAVE * slope
    before = np.flatnonzero(steep & ((wave[:-1] < 0.0) != (wave[1:] < 0.0)))
    # A sample stands for the middle of its tick.
    time_s = (before + 0.5 + wave[before] / (wave[before] - wave[before + 1])) * tick_s
    half_s, end_s = 0.5 / nominal_hz, len(samples) * tick_s
    cuts = [float(time_s[0]) if len(time_s) else 0.0]
    for at in [*time_s[1:].tolist(), end_s]:
        gap = (at - cuts[-1]) / half_s
        if gap > LONGEST:  # lost: even steps as far as they fit
            steps = round(gap) if at < end_s else int(gap)
            width = (at - cuts[-1]) / steps if at < end_s else half_s
            cuts += [cuts[-1] + width * step for step in range(1, steps + (at >= end_s))]
        if gap >= SHORTEST and at < end_s:
            cuts.append(at)
    return np.array(cuts)


def aggregate(found: Cycles) -> Aggregates:
    """RMS values of 10/12 cycles, 150/180 cycles, 10 min and 2 h.

    Every value is the square root of the mean of the squares of the values that it is made of (IEC
    61000-4-30:2015, 4.4). Intervals follow each other without gap or overlap from the begin of the record;
    the 10 min are not set anew by a clock.

    Parameters
    ----------
    found : Cycles
        From `cycles`.
    """
    halves = 2 * BASIC_CYCLES[found.nominal_hz]
    whole = found.rms[::2]  # the cycles that follow each other
    count = len(whole) // (halves // 2)
    edges_s = found.cut_s[: count * halves + 1 : halves]
    # Cycles of one basic interval are all but equally long: weighted by their length all the same.
    length_s = found.cut_s[2 : 2 * len(whole) + 1 : 2] - found.cut_s[0 : 2 * len(whole) - 1 : 2]
    used = count * halves // 2
    energy = (whole[:used] ** 2 * length_s[:used]).reshape(count, -1).sum(axis=1)
    basic = np.sqrt(energy / np.diff(edges_s))
    return Aggregates(
        basic_s=edges_s[:-1],
        basic=basic,
        short=_root_mean(basic, PER_SHORT),
        ten_minutes=(ten := _ten_minutes(basic, edges_s)),
        two_hours=_root_mean(ten, PER_LONG),
    )


def _root_mean(values: Floats, per: int) -> Floats:
    count = len(values) // per
    return np.asarray(np.sqrt(np.mean(values[: count * per].reshape(count, per) ** 2, axis=1)))


def _ten_minutes(basic: Floats, edges_s: Floats) -> Floats:
    """By the 10 min in which each basic interval ends; one that the record leaves unfinished is left out."""
    origin_s = edges_s[0] if len(edges_s) else 0.0
    place = np.ceil((edges_s[1:] - origin_s) / TEN_MINUTES_S - 1e-9).astype(np.int64) - 1
    spacing_s = float(np.diff(edges_s).mean()) if len(edges_s) > 1 else 0.0
    last_s = edges_s[-1] - origin_s if len(edges_s) else 0.0
    count = int((last_s + 0.5 * spacing_s) // TEN_MINUTES_S)
    return np.array([math.sqrt(float(np.mean(basic[place == i] ** 2))) for i in range(count)])


def deviations(basic: ArrayLike, declared: float) -> tuple[float, float]:
    """Underdeviation and overdeviation of the voltage, as shares of the declared one.

    RMS values of 10/12 cycles above (below) the declared voltage count as equal to it; the deviation of the
    root of the mean square of the rest is the underdeviation (overdeviation): IEC 61000-4-30:2015, Annex D.

    Parameters
    ----------
    basic : array_like (n,)
        RMS values of 10/12 cycles.
    declared : float
        Declared voltage, in the same unit.

    Returns
    -------
    (under, over) : float
        0 where there is none.
    """
    check = Checks()
    check.number("declared", declared, above=0.0)
    check.stop()
    values = voltage_of(basic, "rms") / declared
    under = 1.0 - math.sqrt(float(np.mean(np.minimum(values, 1.0) ** 2)))
    over = math.sqrt(float(np.mean(np.maximum(values, 1.0) ** 2))) - 1.0
    return under, over
