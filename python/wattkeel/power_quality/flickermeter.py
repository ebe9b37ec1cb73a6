"""Flickermeter of IEC 61000-4-15 edition 2: P_inst, Pst and Plt of a voltage, at once or while it comes."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel._generated import dtypes
from wattkeel._generated.models import Flickermeter as Settings
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import records
from wattkeel.power_quality._input import Checks, voltage_of
from wattkeel.power_quality.lamps import LAMPS, lower_flickermeter
from wattkeel.prototype import flicker as layout

__all__ = ["Flicker", "Flickermeter", "Interval", "exceeded", "flicker", "long_term", "short_term"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

LEAST_RATE_HZ = {"waveform": 2000.0, "rms": 400.0}
MOST_RATE_HZ = 1e6  # beyond it the slowest poles lie too near to 1 for float64
PER_LONG_TERM = 12

# IEC 61000-4-15:2010, 5.7.2: weights, and the percentiles whose mean each takes ("smoothed" but for P0.1).
_LEVELS = (
    (0.0314, (0.1,)),
    (0.0525, (0.7, 1.0, 1.5)),
    (0.0657, (2.2, 3.0, 4.0)),
    (0.28, (6.0, 8.0, 10.0, 13.0, 17.0)),
    (0.08, (30.0, 50.0, 80.0)),
)


@dataclass(frozen=True, slots=True)
class Interval:
    """One whole interval.

    Parameters
    ----------
    start_s
        Its begin, s from the first sample.
    pst
        Short-term flicker severity.
    p_inst_max
        Largest instantaneous flicker sensation.
    """

    start_s: float
    pst: float
    p_inst_max: float


@dataclass(frozen=True, eq=False)
class Flicker:
    """What a flickermeter found.

    Parameters
    ----------
    settings
        How it was measured.
    kind
        "waveform" or "rms".
    tick_s
        Time between samples, s.
    length_s
        Time measured, s, the settling included.
    intervals
        Whole intervals.
    plt
        Long-term severity of every twelve intervals, one after the other.
    p_inst_max
        Largest P_inst after settling; NaN if the record ends before.
    p_inst_time_s, p_inst
        Series of P_inst, shape (n,), from the first sample on; what lies before ``settings.settle_s`` has
        not settled.
    """

    settings: Settings
    kind: str
    tick_s: float
    length_s: float
    intervals: tuple[Interval, ...]
    plt: tuple[float, ...]
    p_inst_max: float
    p_inst_time_s: Floats
    p_inst: Floats

    @property
    def pst(self) -> Floats:
        """Short-term severities of the whole intervals, shape (k,)."""
        return np.array([interval.pst for interval in self.intervals])

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be judged, and why."""
        s, found = self.settings, []
        left_s = self.length_s - s.settle_s
        if left_s <= 0.0:
            found.append(f"too short for a P_inst: {s.settle_s:g} s of settling, {self.length_s:g} s given")
        if not self.intervals:
            needed = f"{s.interval_s:g} s + {s.settle_s:g} s of settling needed"
            found.append(f"too short for a Pst: {needed}, {self.length_s:g} s given")
        elif not self.plt:
            needed = f"{PER_LONG_TERM} intervals of {s.interval_s:g} s needed"
            found.append(f"too short for a Plt: {needed}, {len(self.intervals)} given")
        rest_s = left_s - len(self.intervals) * s.interval_s
        if self.intervals and rest_s > 0.5 * self.tick_s:
            found.append(f"the last {rest_s:g} s are no whole interval: in P_inst only")
        return tuple(found)


def class_edges() -> Floats:
    """Edges of the classes of P_inst, shape (FLICKER_CLASSES + 1,): class i is from edge i to edge i + 1."""
    per = layout.CLASSES_PER_OCTAVE
    steps = np.arange(layout.FLICKER_CLASSES)
    octave = (layout.LEAST_OCTAVE + steps // per).astype(np.float64)
    return np.concatenate(([0.0], 2.0**octave * (1.0 + (steps % per) / per)))


def exceeded(classes: Counts, percent: float, most: float = math.inf) -> float:
    """Level of P_inst that is exceeded for a share of the time.

    Classes are 1/256 to 1/512 of their value wide, and within a class the level is interpolated: it is
    within 0.4 % of the true one, and a Pst within 0.2 %.

    Parameters
    ----------
    classes : ndarray (FLICKER_CLASSES,) of int
        Samples by class, at least one in all.
    percent : float
        Share of the time, %.
    most : float
        Largest P_inst, which no level exceeds.
    """
    above = np.cumsum(classes[::-1])
    wanted = 0.01 * percent * float(above[-1])
    place = int(np.searchsorted(above, wanted))
    row = len(classes) - 1 - place
    low, high = _EDGES[row], min(_EDGES[row + 1], most)
    share = (wanted - float(above[place] - classes[row])) / float(classes[row])
    return float(min(high - (high - low) * share, most))


_EDGES = class_edges()


def short_term(classes: Counts, most: float = math.inf) -> float:
    """Short-term severity Pst from classes of P_inst; arguments as for `exceeded`.

    ``Pst = sqrt(0.0314 P0.1 + 0.0525 P1s + 0.0657 P3s + 0.28 P10s + 0.08 P50s)``, where an ``s`` marks the
    mean of neighbouring percentiles (IEC 61000-4-15:2010, 5.7.2).
    """
    total = 0.0
    for weight, levels in _LEVELS:
        total += weight * sum(exceeded(classes, percent, most) for percent in levels) / len(levels)
    return math.sqrt(total)


def long_term(pst: ArrayLike) -> float:
    """Long-term severity Plt of successive Pst: the cube root of the mean of their cubes.

    Parameters
    ----------
    pst : array_like (n,)
        Twelve Pst of 10 min each by IEC 61000-4-15; any number is taken.

    Raises
    ------
    ScenarioError
        There is none, or one is no number from 0 on.
    """
    values = np.atleast_1d(np.asarray(pst, dtype=np.float64))
    if not values.size or not (np.isfinite(values) & (values >= 0.0)).all():
        raise ScenarioError([Fault("pst", pst, "not a list of severities", "give Pst from 0 on, none NaN")])
    return float(np.mean(values**3) ** (1.0 / 3.0))


@functools.cache
def _kernel(engine: str) -> Callable[..., None]:
    if engine == "native":
        from wattkeel.native import core

        found: Callable[..., None] = core().kernels()["flicker_run"]
        return found
    return layout.flicker_run


class Flickermeter:
    """A flickermeter that takes a voltage piece by piece; how it is cut changes no bit.

    Parameters
    ----------
    tick_s
        Time between samples, s. A waveform needs at least 2 kHz, a series of RMS values 400 Hz.
    kind
        "waveform": samples of the voltage. "rms": its RMS value or magnitude, as an RMS simulation has it.
    settings
        Lamp, interval, settling, series; `wattkeel.parameters.Flickermeter`.
    engine
        "native" or "numba"; both give the same bits.

    Notes
    -----
    ``params``, ``state`` and ``classes`` are flat arrays (100 kB) that can be copied at any time.

    Raises
    ------
    ScenarioError
        The sampling is too slow or too fast, or a name is unknown.
    """

    def __init__(
        self, tick_s: float, kind: str, settings: Settings | None = None, *, engine: str = "native"
    ) -> None:
        self.settings = settings or Settings()
        check = Checks()
        check.choice("kind", kind, ("waveform", "rms"))
        check.choice("engine", engine, ("native", "numba"))
        if not check.faults:
            check.rate("tick_s", tick_s, LEAST_RATE_HZ[kind], MOST_RATE_HZ, kind)
        check.stop()
        self.tick_s, self.kind, self.engine = float(tick_s), kind, engine
        self.params = lower_flickermeter(self.settings, self.tick_s)
        self.state = records(dtypes.FlickerState, 1)
        self.state.view(np.ndarray)["last"] = 1.0  # as if the voltage had always been what it is at first
        self.classes: Counts = np.zeros(layout.FLICKER_CLASSES, dtype=np.int64)
        self._settle = round(self.settings.settle_s / self.tick_s)
        self._interval = max(1, round(self.settings.interval_s / self.tick_s))
        self._every = round(self.settings.series_s / self.tick_s)
        if self.settings.series_s > 0.0:
            self._every = max(1, self._every)
        self._intervals: list[Interval] = []
        self._series: list[Floats] = []
        self._largest = -math.inf

    @property
    def samples(self) -> int:
        """Samples taken in."""
        return int(self.state.view(np.ndarray)["samples"][0])

    def add(self, voltage: ArrayLike) -> None:
        """Take in the next samples; V or pu, which of them does not matter.

        Parameters
        ----------
        voltage : array_like (n,)

        Raises
        ------
        ScenarioError
            The samples are no finite numbers, or an RMS value is negative; none of them is taken in.
        """
        samples = voltage_of(voltage, self.kind)
        every = self._every
        already = int(self.state.view(np.ndarray)["phase"][0])
        series = np.empty((already + len(samples)) // every if every else 0)
        start = written = 0
        while start < len(samples):
            stop = start + min(self._until(), len(samples) - start)
            counted = int(self.samples >= self._settle)
            due = (int(self.state.view(np.ndarray)["phase"][0]) + stop - start) // every if every else 0
            self._run(samples[start:stop], counted, series[written : written + due])
            start, written = stop, written + due
            if counted:
                self._close()
        if every:
            self._series.append(series)

    def _until(self) -> int:
        """Samples to the end of the settling or of the interval under way."""
        done = self.samples
        if done < self._settle:
            return self._settle - done
        return self._interval - (done - self._settle) % self._interval

    def _run(self, samples: Floats, counted: int, series: Floats) -> None:
        native = self.engine == "native"
        p, s = (self.params, self.state) if native else (self.params[0], self.state[0])
        _kernel(self.engine)(len(samples), p, s, self.classes, counted, self._every, samples, series)

    def _close(self) -> None:
        """Note the largest P_inst; where an interval is whole, take its Pst and begin anew."""
        raw = self.state.view(np.ndarray)
        most = float(raw["p_inst_max"][0])
        self._largest = max(self._largest, most)
        done = self.samples - self._settle
        if done % self._interval == 0:
            start_s = (self._settle + done - self._interval) * self.tick_s
            self._intervals.append(Interval(start_s, short_term(self.classes, most), most))
            self.classes[:] = 0
            raw["p_inst_max"] = 0.0

    def copy(self) -> Flickermeter:
        """Copy that goes on from here by itself."""
        return copy.deepcopy(self)

    def found(self) -> Flicker:
        """What has been found so far."""
        p_inst = np.concatenate(self._series) if self._series else np.empty(0)
        time_s = (1 + np.arange(len(p_inst))) * self._every * self.tick_s
        return Flicker(
            settings=self.settings,
            kind=self.kind,
            tick_s=self.tick_s,
            length_s=self.samples * self.tick_s,
            intervals=tuple(self._intervals),
            plt=long_terms([interval.pst for interval in self._intervals]),
            p_inst_max=self._largest if self._largest >= 0.0 else math.nan,
            p_inst_time_s=np.asarray(time_s, dtype=np.float64),
            p_inst=p_inst,
        )


def long_terms(pst: Sequence[float]) -> tuple[float, ...]:
    """Plt of every twelve Pst, one after the other; a rest gives none."""
    last = len(pst) // PER_LONG_TERM * PER_LONG_TERM
    return tuple(long_term(pst[i : i + PER_LONG_TERM]) for i in range(0, last, PER_LONG_TERM))


def flicker(
    voltage: ArrayLike,
    tick_s: float,
    kind: str,
    *,
    lamp: str = "230v_50hz",
    interval_s: float = 600.0,
    settle_s: float = 60.0,
    series_s: float = 0.1,
    engine: str = "native",
) -> Flicker:
    """Flicker of a voltage by IEC 61000-4-15 edition 2.

    Parameters
    ----------
    voltage
        Samples, V or pu (which does not matter), shape (n,).
    tick_s
        Time between samples, s. A waveform needs at least 2 kHz, a series of RMS values 400 Hz.
    kind
        "waveform": samples of the voltage. "rms": its RMS value or magnitude, as an RMS simulation has it.
        That does not show how the overtones of a fluctuation beat with the frequency of the system, which
        counts above about 15 Hz.
    lamp
        "230v_50hz", "120v_60hz", "120v_50hz" or "230v_60hz".
    interval_s
        Time of one Pst, s.
    settle_s
        Time at the begin that is not judged, s.
    series_s
        Spacing of the series of P_inst, s; 0 for none.
    engine
        "native" (C++) or "numba" (prototype).

    Returns
    -------
    Flicker
        Where the record is too short for a Pst there is none, and ``notes`` says so.

    Raises
    ------
    ScenarioError
        All that is wrong with the input.
    """
    check = Checks()
    check.choice("lamp", lamp, tuple(LAMPS))
    times = {"interval_s": interval_s, "settle_s": settle_s, "series_s": series_s}
    for name, value in times.items():
        check.within(name, value, Settings)
    check.stop()
    settings = Settings.model_validate({"lamp": lamp} | {name: float(value) for name, value in times.items()})
    meter = Flickermeter(tick_s, kind, settings, engine=engine)
    samples = voltage_of(voltage, kind)
    check.course(samples, kind)
    check.stop()
    meter.add(samples)
    return meter.found()
