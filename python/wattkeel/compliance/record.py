"""The record that rules are judged on, one reading of a rule, and what a rule measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures
from wattkeel.meters import Kept, MeterBank, Wanted, WantedSpan

if TYPE_CHECKING:
    from wattkeel.compliance.finding import Verdict
    from wattkeel.spectra import Reach

__all__ = [
    "MW",
    "CannotJudgeError",
    "LoadModel",
    "Measured",
    "Metered",
    "Reading",
    "Record",
    "Unkept",
    "first_judged",
    "lesser_limit",
    "within",
]

Array = NDArray[np.float64]

MW = 1e-6
"""Megawatts in a watt."""


class CannotJudgeError(Exception):
    """No statement on this rule is possible; the text says why."""


def within(value: float, limit: float, *, at_least: bool = False) -> bool:
    """Whether a value meets a limit: <= (or >=) with a relative tolerance of 1e-9."""
    slack = abs(limit) * measures.TOLERANCE
    return value >= limit - slack if at_least else value <= limit + slack


def first_judged(settle_s: float, tick_s: float) -> int:
    """First sample at or after a time from the start, s."""
    return math.ceil(settle_s / tick_s * (1.0 - measures.TOLERANCE))


def lesser_limit(
    keys: Mapping[str, Any],
    absolute: str,
    percent: str,
    size: Callable[[], tuple[float, list[str]]],
    words: str = "{percent:g} % of {size_mw:.6g} MW",
) -> tuple[float, list[str]]:
    """Limit of a rule that gives an absolute one, one in percent of the site, or both: then the lesser.

    Parameters
    ----------
    keys : mapping
        Keys of the rule.
    absolute, percent : str
        Names of the two limits among them.
    size : callable
        Size of the site that the percentage is of, MW, and remarks; asked only where it is needed.
    words : str
        Remark on the percentage, with the fields ``percent`` and ``size_mw``.

    Returns
    -------
    limit : float
        In the unit of `absolute`.
    notes : list of str
    """
    limits = [float(keys[absolute])] if absolute in keys else []
    notes: list[str] = []
    if percent in keys:
        share = float(keys[percent])
        size_mw, notes = size()
        limits.append(0.01 * share * size_mw)
        notes = [words.format(percent=share, size_mw=size_mw), *notes]
    return min(limits), notes


@dataclass(frozen=True, slots=True)
class Reading:
    """Worst value of one way to read a rule.

    Attributes
    ----------
    label : str
        What distinguishes this reading ("causal n=2"); empty when there is only one.
    value : float
        In the rule's unit.
    time_s, duration_s, total_s : float or None
        Worst moment, length of the exceedance that holds it, length of all exceedances; None for a measure of
        the whole record.
    window_s : float or None
        Length of the stretch that ends at the worst moment and holds the change, s.
    limit : float or None
        Limit of this reading where it is its own (a time that depends on how timers run); that of the rule
        when None.
    verdict : Verdict or None
        Where it does not follow from value and limit: a margin below the resolution is "marginal".
    """

    label: str
    value: float
    time_s: float | None = None
    duration_s: float | None = None
    total_s: float | None = None
    window_s: float | None = None
    limit: float | None = None
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """All readings of a rule, its limit, how they were computed, and remarks.

    Attributes
    ----------
    readings : list of Reading
        Every admissible reading; at least one.
    limit : float
        In `unit`.
    unit, method : str
    notes : list of str
    at_least : bool
        Whether the limit is the least that is asked for (a time ridden through), not the most allowed.
    details : dict
        What a drawing of the rule needs beyond value and limit (bands, curves), ready for JSON.
    quantity : str
        Signal that was judged, as runs name it.
    """

    readings: list[Reading]
    limit: float
    unit: str
    method: str
    notes: list[str] = field(default_factory=list)
    at_least: bool = False
    details: dict[str, Any] = field(default_factory=dict)
    quantity: str = "poi.power_w"

    def worst(self) -> Reading:
        """The reading that is farthest on the wrong side of its limit; a failed one before all others."""
        sign = -1.0 if self.at_least else 1.0
        rank = {"pass": 0, "marginal": 1, "fail": 2}
        return max(
            self.readings,
            key=lambda reading: (
                rank.get(self.verdict_of(reading), 0),
                sign * (reading.value - self.limit_of(reading)),
            ),
        )

    def limit_of(self, reading: Reading) -> float:
        """Limit of a reading: its own, or that of the rule."""
        return self.limit if reading.limit is None else reading.limit

    def verdict_of(self, reading: Reading) -> Verdict:
        """Verdict of a reading by itself."""
        if reading.verdict is not None:
            return reading.verdict
        met = within(reading.value, self.limit_of(reading), at_least=self.at_least)
        return "pass" if met else "fail"


@dataclass(frozen=True, slots=True)
class LoadModel:
    """What a run models of how its load leaves the grid.

    A load that cannot trip in the model rides through by assertion; the rules on that are then not evaluated.

    Attributes
    ----------
    on_voltage, on_frequency : bool
        Whether a part of the load, or the site, can leave at a voltage or at a frequency.
    sag_count : int
        Least number of sags that a node of the run counts before it transfers its load; 0 for no counter.
    """

    on_voltage: bool = False
    on_frequency: bool = False
    sag_count: int = 0


@dataclass(frozen=True, slots=True)
class Metered:
    """What meters found while a run was under way.

    Attributes
    ----------
    samples : int
        Samples of power that passed.
    skip : int
        Samples at the start that no meter saw.
    found : Mapping of str to Mapping
        Result of each meter by the `Wanted.key` of its wish.
    """

    samples: int
    skip: int
    found: Mapping[str, Mapping[str, Any]]


@dataclass
class Record:
    """What was recorded at the point of interconnection, and what the rules need to know of the site.

    Attributes
    ----------
    power_w : ndarray, shape (n,)
        Power at the point of interconnection, W, import positive.
    tick_s : float
        Time between samples, s.
    settle_s : float
        Time from the start that is not judged, s.
    rated_power_w, peak_power_w : float or None
        Contracted power and registered peak of the site, W; None when not known.
    nominal_frequency_hz : float
        Nominal frequency of the grid, Hz; upper edge of a "sub-synchronous" band.
    voltage_pu : ndarray, shape (n,), or None
        RMS voltage at the POI, pu of nominal: the positive sequence, or the only voltage that is known.
    phase_voltage_pu : ndarray, shape (phases, n), or None
        RMS voltage of every phase, pu; None where phases are not known.
    frequency_hz : ndarray, shape (n,), or None
        Frequency at the POI, Hz.
    events : sequence
        Events of a run (`wattkeel.events.Event`), which say what the site did; empty for a measured record.
    simulated : bool
        Whether the record is that of a run.
    clock_s : float
        Time of day of the first sample, s, for intervals that are aligned to the clock.
    reactive_power_var : ndarray, shape (n,), or None
        Reactive power at the POI, var, import (lagging) positive.
    load_model : LoadModel or None
        Of a run: how its load may leave the grid. None where that is not known.
    remarks : tuple of str
        What every finding on this record must say (that only a stretch of it was judged).
    reach : Reach or None
        Of a run whose load was measured: how far those measurements reach, however short its tick is.
    metered : Metered or None
        What meters found of this very record while it came; the rest is read of the record itself.
    """

    power_w: Array
    tick_s: float
    settle_s: float = 0.0
    rated_power_w: float | None = None
    peak_power_w: float | None = None
    nominal_frequency_hz: float = 60.0
    voltage_pu: Array | None = None
    phase_voltage_pu: Array | None = None
    frequency_hz: Array | None = None
    events: Sequence[Any] = ()
    simulated: bool = False
    clock_s: float = 0.0
    reactive_power_var: Array | None = None
    load_model: LoadModel | None = None
    remarks: tuple[str, ...] = ()
    reach: Reach | None = None
    metered: Metered | None = None

    def __post_init__(self) -> None:
        self._kept: Kept | None = None
        self._found: dict[str, Mapping[str, Any]] = {}
        if self.metered is not None and self.metered.skip == self.first():
            self._found.update(self.metered.found)

    def read(self, *wanted: Wanted) -> list[Mapping[str, Any]]:
        """What meters find of the power from `first` on; each wish is metered once.

        Parameters
        ----------
        wanted : Wanted
            Wishes; those of one call share filters and spectra.

        Raises
        ------
        CannotJudgeError
            If there is neither a record of the power nor a meter that saw it.
        """
        missing = [one for one in wanted if one.key() not in self._found]
        if missing:
            power = self.power_w[self.first() :]
            if self._kept is None or not self._kept.whole:  # only a whole record can be read again
                self._kept = Kept(self.tick_s, power)
            bank = MeterBank(missing, self.tick_s, kept=self._kept)
            bank.feed(power)
            self._found.update(bank.close())
        for one in wanted:
            if one.key() not in self._found:
                raise CannotJudgeError(f"record of {self.length()} is too short for a measure of this rule")
        return [self._found[one.key()] for one in wanted]

    def limit_of_size(self, limit: float, known: bool) -> float | None:
        """A limit that lengths are metered by; None while it follows from a size that only the end tells.

        Parameters
        ----------
        limit : float
            Limit, in the unit of the reading.
        known : bool
            Whether it stood before the record began.
        """
        return limit

    @property
    def samples(self) -> int:
        """Number of samples, of whatever quantity."""
        return self.power_w.size

    def of_rule(self, keys: Mapping[str, Any]) -> Record:
        """The record on which a rule with these keys is judged: this one.

        A record that holds its power in more than one form (`wattkeel.compliance.records`) chooses here.
        """
        return self

    def first(self, settle_s: float = 0.0) -> int:
        """First sample that is judged, given how long the measure itself must settle.

        The measure starts where the site has settled, so that one time follows the other: what happens before
        `self.settle_s` reaches no verdict.
        """
        return first_judged(self.settle_s + settle_s, self.tick_s)

    def judged(self, settle_s: float = 0.0) -> Array:
        """Samples that are judged (a view).

        Raises
        ------
        CannotJudgeError
            If none is left.
        """
        part = self.power_w[self.first(settle_s) :]
        self.need_some(settle_s)
        return part

    def length(self) -> str:
        """Length of the record as text."""
        return f"{self.samples * self.tick_s:g} s"

    def need_some(self, settle_s: float = 0.0) -> None:
        """Raise CannotJudgeError unless a sample is judged."""
        if self.samples <= self.first(settle_s):
            raise CannotJudgeError(
                f"record of {self.length()} is not longer than the {self.settle_s + settle_s:g} s "
                "that are not judged"
            )

    def need_window(self, window_s: float, settle_s: float = 0.0) -> None:
        """Raise CannotJudgeError unless a closed window fits into the part that is judged."""
        if window_s < self.tick_s * (1.0 - measures.TOLERANCE):
            raise CannotJudgeError(f"sampling {self.tick_s:g} s cannot show a window of {window_s:g} s")
        samples = measures.window_ticks(window_s, self.tick_s) + 1
        if self.samples - self.first(settle_s) < samples:
            settled_s = self.settle_s + settle_s
            behind = f" behind the first {settled_s:g} s, which are not judged" if settled_s > 0.0 else ""
            if settle_s > 0.0:
                behind += f" (filters settle for {settle_s:.4g} s)"
            raise CannotJudgeError(
                f"record of {self.length()} is shorter than the {window_s:g} s window{behind} "
                f"(closed window: {samples} samples of {self.tick_s:g} s)"
            )

    def need_band(self, f_low_hz: float, f_high_hz: float) -> None:
        """Raise CannotJudgeError unless the sampling shows the band up to its upper edge."""
        if f_high_hz >= 0.5 / self.tick_s * (1.0 - measures.TOLERANCE):
            raise CannotJudgeError(
                f"sampling {self.tick_s:g} s cannot show {f_low_hz:g}-{f_high_hz:g} Hz "
                f"(it needs more than {2.0 * f_high_hz:g} samples/s)"
            )
        if self.reach is not None and f_high_hz > self.reach.limit_hz * (1.0 + measures.TOLERANCE):
            raise CannotJudgeError(f"the load cannot show {f_low_hz:g}-{f_high_hz:g} Hz: {self.reach.why}")

    @property
    def size_known(self) -> bool:
        """Whether the site's contracted power is known without the record."""
        return self.rated_power_w is not None and self.rated_power_w > 0.0

    @property
    def peak_known(self) -> bool:
        """Whether its registered peak is."""
        return self.size_known or (self.peak_power_w is not None and self.peak_power_w > 0.0)

    def peak_mw(self) -> tuple[float, list[str]]:
        """Registered peak, MW, and a remark when it had to be replaced."""
        return self._size_mw(self.peak_power_w, "registered peak")

    def nominal_mw(self) -> tuple[float, list[str]]:
        """Nominal (contracted) power, MW, and a remark when it had to be replaced."""
        return self._size_mw(None, "nominal power")

    def _size_mw(self, given_w: float | None, name: str) -> tuple[float, list[str]]:
        if given_w is not None and given_w > 0.0:
            return given_w * MW, []
        if self.rated_power_w is not None and self.rated_power_w > 0.0:
            remark = [] if name == "nominal power" else [f"{name} not given: contracted power used"]
            return self.rated_power_w * MW, remark
        self.need_some()
        (span,) = self.read(WantedSpan())
        largest_mw = float(span["high"]) * MW
        if largest_mw <= 0.0:
            raise CannotJudgeError(
                f"{name} is not given and the record shows no import; give grid.rated_power_w"
            )
        return largest_mw, [f"{name} not given: largest power of the record, {largest_mw:.6g} MW, used"]


class Unkept(Record):
    """A record of which the power itself was not kept: only what was metered of it can be judged.

    Parameters
    ----------
    samples : int
        Samples that passed.
    settings
        As `Record`, without ``power_w``.
    """

    def __init__(self, samples: int, tick_s: float, **settings: Any) -> None:
        self._samples = samples
        super().__init__(np.empty(0), tick_s, **settings)

    @property
    def power_w(self) -> Array:
        """There is none: CannotJudgeError."""
        raise CannotJudgeError(
            "poi.power_w was not kept at full rate, and no meter of this run read it so; "
            'add "poi.power_w" to record.full_rate, or name the rule in the scenario, and run again'
        )

    @power_w.setter
    def power_w(self, value: Array) -> None:
        """Nothing to keep."""

    @property
    def samples(self) -> int:
        """Samples that passed."""
        return self._samples

    def limit_of_size(self, limit: float, known: bool) -> float | None:
        """As `Record.limit_of_size`: while a run is under way its largest power is not known."""
        return limit if known else None
