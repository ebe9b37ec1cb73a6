"""A duty that repeats for years: its ageing by multiplication, and with feedback by macro-steps."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel._generated.models import Ageing, Battery
from wattkeel.ageing import stress as counting
from wattkeel.ageing._input import Checks
from wattkeel.ageing.laws import PowerLaw
from wattkeel.ageing.modelling import Fade, Model, fade_of, merged, stressed
from wattkeel.ageing.modelling import model as model_of
from wattkeel.ageing.stress import CLOSES, Stress
from wattkeel.errors import Fault, ScenarioError

Floats = NDArray[np.float64]

__all__ = ["Duty", "Life", "Projection", "duty", "project", "years_to"]

YEAR_S = 365.25 * 86400.0
_LONGEST_YEARS = 1000.0
WORN_OUT = 0.05  # below this capacity the duty is no longer widened: nothing is left to swing


@dataclass(frozen=True, eq=False)
class Duty:
    """SoC and temperature over one repetition; made by `duty`.

    Parameters
    ----------
    elapsed_s
        Lengths of the stretches, s, shape (n - 1,).
    soc, temperature_k
        At their ends, shape (n,), for a new battery.
    ambient_k
        Temperature without load, K, shape (n,); the part above it grows with the resistance.
    pivot_soc
        SoC about which swings widen.
    settings, engine
        How to count.
    """

    elapsed_s: Floats
    soc: Floats
    temperature_k: Floats
    ambient_k: Floats
    pivot_soc: float
    settings: Ageing = field(repr=False)
    engine: str = "native"

    @property
    def length_s(self) -> float:
        """Time of one repetition, s."""
        return float(self.elapsed_s.sum())

    def fits(self, scale: float) -> bool:
        """Whether the swing stays within 0 and 1 when it is scaled."""
        low = self.pivot_soc + (float(self.soc.min()) - self.pivot_soc) * scale
        high = self.pivot_soc + (float(self.soc.max()) - self.pivot_soc) * scale
        return low >= -CLOSES and high <= 1.0 + CLOSES

    def stress(self, scale: float = 1.0, soh_capacity: float = 1.0, soh_resistance: float = 1.0) -> Stress:
        """Stress of one repetition by a battery that has aged.

        Parameters
        ----------
        scale
            Swing over that of the new battery. An aged battery that moves the same energy has
            1 / soh_capacity. A swing that would leave 0 to 1 is cut there.
        soh_capacity
            Present over nominal capacity.
        soh_resistance
            Present over new resistance.

        Raises
        ------
        ScenarioError
            A number is out of its range.
        """
        check = Checks()
        check.number("scale", scale, least=0.0)
        check.within("soh_capacity", soh_capacity, Battery)
        check.within("soh_resistance", soh_resistance, Battery)
        check.stop()
        return self.aged(scale, soh_capacity, soh_resistance)

    def aged(self, scale: float, soh_capacity: float, soh_resistance: float) -> Stress:
        """`stress` without its checks."""
        soc = self.pivot_soc + (self.soc - self.pivot_soc) * scale
        warm = self.ambient_k + (self.temperature_k - self.ambient_k) * soh_resistance
        return counting.counted(
            self.elapsed_s, np.clip(soc, 0.0, 1.0), warm, self.settings,
            soh_capacity=soh_capacity, repeating=True, log_rows=0, engine=self.engine,
        )  # fmt: skip


def duty(
    time_s: ArrayLike,
    soc: ArrayLike,
    temperature_k: ArrayLike,
    *,
    ambient_k: ArrayLike | None = None,
    pivot_soc: float | None = None,
    method: str = "rainflow",
    dead_band_soc: float = 0.001,
    rest_c_rate: float = 0.01,
    engine: str = "native",
) -> Duty:
    """A duty that repeats.

    Parameters
    ----------
    time_s, soc, temperature_k
        As for `count`; the SoC ends where it began.
    ambient_k
        Temperature without load, K; None means that resistance does not change the temperature.
    pivot_soc
        SoC about which swings widen; None means the middle of the swing.
    method, dead_band_soc, rest_c_rate, engine
        As for `count`.

    Raises
    ------
    ScenarioError
        An input is malformed, or the duty does not close or lasts no time.
    """
    settings = counting.settings_of(method, dead_band_soc, rest_c_rate, engine)
    if pivot_soc is not None:
        check = Checks()
        check.number("pivot_soc", pivot_soc, least=0.0, most=1.0)
        check.stop()
    time, z, warm = counting.checked(time_s, soc, temperature_k)
    faults = []
    if time[-1] <= time[0]:
        faults.append(Fault("time_s", None, "the duty lasts no time", "give times that grow"))
    if abs(z[-1] - z[0]) > CLOSES:
        text = f"a repeating duty must close: {z[0]:.6g} to {z[-1]:.6g}"
        faults.append(Fault("soc", None, text, "let it end at the SoC at which it begins"))
    if faults:
        raise ScenarioError(faults)
    base = warm if ambient_k is None else counting.checked(time_s, soc, ambient_k, "ambient_k")[2]
    middle = 0.5 * float(z.min() + z.max()) if pivot_soc is None else float(pivot_soc)
    return Duty(np.diff(time), z, warm, base, middle, settings, engine)


@dataclass(frozen=True, eq=False)
class Projection:
    """State of health over the years; arrays of shape (macro-steps + 1,).

    Parameters
    ----------
    time_s
        Time from the begin, s.
    soh_capacity
        Present over nominal capacity.
    soh_resistance
        Present over new resistance; None where no resistance is published.
    equivalent_full_cycles
        Full cycles of the nominal capacity.
    fade
        Fade at the end.
    """

    time_s: Floats
    soh_capacity: Floats
    soh_resistance: Floats | None
    equivalent_full_cycles: Floats
    fade: Fade


def graded(repetitions: float, macro_steps: int | None) -> list[float]:
    """Lengths of macro-steps in repetitions, growing evenly; None gives single repetitions.

    Fade begins steeply (like the square root of time), hence the short steps at the begin.
    """
    whole = math.floor(repetitions)
    count = whole if macro_steps is None else min(macro_steps, whole)
    at = sorted(
        {round(whole * (j / count) ** 2) for j in range(count + 1)} if count < whole else range(whole + 1)
    )
    steps = [float(b - a) for a, b in itertools.pairwise(at)]
    return [*steps, repetitions - whole] if repetitions > whole else steps


def stepped(
    model: Model, repeated: Duty, repetitions: float, before: Fade | None, feedback: bool
) -> tuple[Fade, Stress]:
    """One macro-step: the duty at its middle, found by a first try; second order in its length.

    One repetition alone is taken as the battery is at its begin, as a run that counts every repetition does.
    """
    aged = _aged(repeated, before) if feedback else repeated.stress()
    lead = 0.5 * (repetitions - 1.0)
    if feedback and lead > 0.0:
        aged = _aged(repeated, model.faded(model.prepared(aged), lead, before))
    told = model.cautions(aged)
    fade = model.faded(model.prepared(aged), repetitions, before, told)
    if feedback and not repeated.fits(1.0 / max(fade.soh_capacity, WORN_OUT)):
        cut = "the swing has outgrown the SoC from 0 to 1 and is cut: the energy of the duty is no longer met"
        fade = dataclasses.replace(fade, cautions=merged((*fade.cautions, cut)))
    return fade, aged


def closed_duty(check: Checks, repeated: object) -> None:
    """A fault if this is no duty that repeats."""
    check.kind("repeated", repeated, Duty, "make it with ageing.duty(time_s, soc, temperature_k)")


def _aged(repeated: Duty, fade: Fade | None) -> Stress:
    if fade is None:
        return repeated.stress()
    capacity = max(fade.soh_capacity, WORN_OUT)
    return repeated.aged(1.0 / capacity, capacity, fade.soh_resistance or 1.0)


def project(
    model: Model | str,
    repeated: Duty,
    years: float,
    *,
    feedback: bool = True,
    macro_steps: int | None = 40,
    start: Fade | None = None,
) -> Projection:
    """Ageing under a duty that repeats for years.

    Parameters
    ----------
    model
        Ageing model, or its name.
    repeated
        The duty.
    years
        Length of the projection (of 365.25 d), at most 1000.
    feedback
        Capacity lost widens the swing at constant energy, resistance gained raises the temperature above
        ambient. Without it one count is multiplied, exactly.
    macro_steps
        Steps in which the feedback is held; None counts every repetition, the full run. The error falls
        with the square of their number.
    start
        Fade before.

    Raises
    ------
    ScenarioError
        There is no such model or duty, the length is not above 0, or there are too few steps.
    """
    model = model_of(model)
    check = Checks()
    closed_duty(check, repeated)
    check.number("years", years, above=0.0, most=_LONGEST_YEARS)
    if macro_steps is not None:
        check.number("macro_steps", macro_steps, least=1, whole=True)
    fade_of(check, start)
    check.stop()
    fade = start
    rows = [(0.0, start.soh_capacity if start else 1.0, start.soh_resistance if start else 1.0, 0.0)]
    once = None if feedback else repeated.stress()
    for repetitions in graded(years * YEAR_S / repeated.length_s, macro_steps):
        if once is None:
            fade, aged = stepped(model, repeated, repetitions, fade, True)
        else:
            aged = once
            fade = model.faded(model.prepared(once), repetitions, fade, model.cautions(once))
        time_s, _, _, fec = rows[-1]
        time_s += repetitions * repeated.length_s
        fec += repetitions * aged.throughput_fec
        rows.append((time_s, fade.soh_capacity, fade.soh_resistance, fec))
    assert fade is not None
    time, capacity, resistance, cycles = zip(*rows, strict=True)
    known = None if fade.soh_resistance is None else np.array(resistance, dtype=np.float64)
    return Projection(np.array(time), np.array(capacity), known, np.array(cycles), fade)


@dataclass(frozen=True)
class Life:
    """When a battery under a repeating duty reaches a state of health.

    Parameters
    ----------
    years
        Time (years of 365.25 d); infinite where the duty does not age it so far in 1000 years.
    repetitions
        Repetitions of the duty.
    equivalent_full_cycles
        Full cycles until then.
    closed_form
        Whether the time was found without search.
    fade
        Fade at that time; None where it is never reached.
    """

    years: float
    repetitions: float
    equivalent_full_cycles: float
    closed_form: bool
    fade: Fade | None


def years_to(
    model: Model | str, stress: Stress | Duty, soh_capacity: float = 0.8, start: Fade | None = None
) -> Life:
    """Time until a duty, repeated without feedback, has worn the battery to a capacity.

    Parameters
    ----------
    model
        Ageing model, or its name.
    stress
        Stress of one repetition, or the duty itself.
    soh_capacity
        Capacity at the end of life over the nominal one.
    start
        Fade before.

    Raises
    ------
    ScenarioError
        There is no such model or stress, the state of health is not between 0 and 1, or the stress lasts no
        time.
    """
    model = model_of(model)
    check = Checks()
    if isinstance(stress, Duty):
        stress = stress.stress()
    stressed(check, stress)
    check.number("soh_capacity", soh_capacity, above=0.0, most=1.0 - 1e-12)
    fade_of(check, start)
    check.stop()
    if stress.elapsed_s <= 0.0:
        raise ScenarioError([Fault("stress", None, "it lasts no time", "count some")])
    prepared = model.prepared(stress)

    def loss(times: float) -> float:
        return model.faded(prepared, times, start).capacity_loss

    target = 1.0 - soh_capacity
    most = _LONGEST_YEARS * YEAR_S / stress.elapsed_s
    if loss(0.0) >= target:
        times, closed = 0.0, True
    elif loss(most) < target:
        return Life(math.inf, math.inf, math.inf, False, None)
    else:
        found = _closed_form(model, prepared, target, start)
        closed = found is not None
        times = found if found is not None else _root(loss, target, most)
    return Life(
        years=times * stress.elapsed_s / YEAR_S,
        repetitions=times,
        equivalent_full_cycles=times * stress.throughput_fec,
        closed_form=closed,
        fade=model.faded(prepared, times, start, model.cautions(stress)),
    )


def _closed_form(
    model: Model, prepared: list[tuple[float, ...]], target: float, start: Fade | None
) -> float | None:
    """Repetitions until the loss, where a single power law makes it."""
    acting = [
        (law, known)
        for law, known in zip(model.laws, prepared, strict=True)
        if law.quantity == "capacity" and (not isinstance(law, PowerLaw) or known[0] > 0.0)
    ]
    if len(acting) != 1:
        return None
    law, known = acting[0]
    if not isinstance(law, PowerLaw):
        return None
    before = 0.0
    if start is not None:
        before = start.state[law.name]
        target -= math.fsum(
            start.parts[x.name] for x in model.laws if x.quantity == "capacity" and x is not law
        )
    return float((target ** (1.0 / law.exponent) - before) / known[0])


def _root(loss: Callable[[float], float], target: float, most: float) -> float:
    """Bisection on the number of repetitions, in its exponent first: it may span many decades."""
    low, high = 0.0, most
    while high > 1e-12 and low == 0.0:  # bracket within a factor of two
        if loss(0.5 * high) < target:
            low = 0.5 * high
        else:
            high *= 0.5
    for _ in range(60):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if loss(middle) < target else (low, middle)
    return high
