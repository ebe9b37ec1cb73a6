"""Augmentation: when to add how much capacity, so that a plant keeps an energy for years."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wattkeel.ageing._input import Checks
from wattkeel.ageing.duties import WORN_OUT, YEAR_S, Duty, closed_duty
from wattkeel.ageing.modelling import Fade, Model, merged
from wattkeel.ageing.modelling import model as model_of
from wattkeel.errors import Fault, ScenarioError

__all__ = ["Addition", "Augmentation", "augmentation"]

_TRIES = 30
_CLOSE = 1e-7
_STEP_YEARS = 0.5
_MOST_YEARS = 100.0
_MOST_STEPS = 2000
_MOST_ADDITIONS = 100


@dataclass(frozen=True)
class Addition:
    """Capacity that is installed at a time.

    Parameters
    ----------
    year
        Time of installation, years from the begin.
    energy_j
        Nominal energy installed, J.
    fade
        Fade of this vintage at the end of the horizon; None where it is installed then.
    """

    year: float
    energy_j: float
    fade: Fade | None


@dataclass(frozen=True)
class Augmentation:
    """Schedule of additions, the first of which is the plant as built.

    Parameters
    ----------
    additions
        What is installed when.
    installed_j
        Sum of their nominal energies, J.
    required_energy_j
        Energy that is kept, J: nominal, as all energies here (capacity now times nominal voltage). What a
        discharge gives at its terminals is less, by SoC window and losses.
    years
        Ends of the steps, years.
    energy_j
        Nominal energy of all vintages then, before an addition at that time, J.
    cautions
        Where the model left its range; one of each kind.
    basis
        Of all energies: ``"nominal"``, not usable.
    """

    additions: tuple[Addition, ...]
    installed_j: float
    years: tuple[float, ...]
    energy_j: tuple[float, ...]
    cautions: tuple[str, ...]
    required_energy_j: float
    basis: str = "nominal"


@dataclass
class _Vintage:
    energy_j: float
    year: float
    fade: Fade | None = None

    @property
    def present_j(self) -> float:
        return self.energy_j * (self.fade.soh_capacity if self.fade else 1.0)


@dataclass(frozen=True)
class _Plant:
    """What does not change over the years."""

    model: Model
    duty: Duty
    required_j: float
    step_years: float

    def worn(self, fleet: list[_Vintage], years: float) -> list[_Vintage]:
        """All vintages after a while: the duty at the middle of the step, found by a first try."""
        times = years * YEAR_S / self.duty.length_s
        lead = 0.5 * times
        return self._aged(fleet, self._aged(fleet, fleet, lead, told=False), times, told=True)

    def _aged(
        self, fleet: list[_Vintage], state: list[_Vintage], times: float, *, told: bool
    ) -> list[_Vintage]:
        scale = self.required_j / max(total_j(state), WORN_OUT * self.required_j)
        made = []
        for vintage, at in zip(fleet, state, strict=True):
            capacity = max(at.fade.soh_capacity, WORN_OUT) if at.fade else 1.0
            resistance = (at.fade.soh_resistance if at.fade else None) or 1.0
            stress = self.duty.aged(scale, capacity, resistance)
            cautions = self.model.cautions(stress) if told else ()
            fade = self.model.faded(self.model.prepared(stress), times, vintage.fade, cautions)
            made.append(_Vintage(vintage.energy_j, vintage.year, fade))
        return made

    def run(self, fleet: list[_Vintage], years: float) -> list[tuple[float, list[_Vintage]]]:
        """States after every step of an interval: (years into it, vintages)."""
        count = max(1, math.ceil(years / self.step_years - 1e-9))
        states = []
        for j in range(count):
            fleet = self.worn(fleet, years / count)
            states.append(((j + 1) * years / count, fleet))
        return states

    def enough(
        self, fleet: list[_Vintage], year: float, years: float
    ) -> tuple[_Vintage, list[tuple[float, list[_Vintage]]]]:
        """The vintage that, added now, leaves just what is required after some years; and those years."""
        base = total_j(fleet)
        energy_j = max(0.0, self.required_j - base) or 0.01 * self.required_j
        for _ in range(_TRIES):
            states = self.run([*fleet, _Vintage(energy_j, year)], years)
            last = states[-1][1]
            short_j = self.required_j - total_j(last)
            worth = last[-1].present_j / energy_j
            if abs(short_j) <= _CLOSE * self.required_j or worth <= 0.0:
                break
            energy_j = max(energy_j + short_j / worth, 1e-6 * self.required_j)
        else:
            worth = 0.0
        if worth <= 0.0:
            text = f"under this duty no addition after {year:.3g} years lasts so long"
            raise ScenarioError([Fault("interval_years", years, text, "give a shorter interval")])
        return _Vintage(energy_j, year), states


def total_j(fleet: list[_Vintage]) -> float:
    """Present energy of all vintages, J."""
    return math.fsum(vintage.present_j for vintage in fleet)


def augmentation(
    model: Model | str,
    repeated: Duty,
    *,
    required_energy_j: float,
    years: float,
    interval_years: float,
    initial_energy_j: float | None = None,
    step_years: float | None = None,
) -> Augmentation:
    """When and how much capacity to add, so that the energy never falls below what is required.

    Every vintage ages by itself, from its own installation on. The duty is that of a plant that has just the
    required energy: a plant that has more swings less. All vintages make the same swing of their SoC.
    An addition comes when the energy has fallen to what is required, and is sized to last for an interval,
    or to the end.

    Parameters
    ----------
    model
        Ageing model, or its name.
    repeated
        Duty of a plant of the required energy.
    required_energy_j
        Energy to be kept, J: nominal energy of the capacity that is left, not usable energy. For a usable one
        divide it by the share that a discharge gives (`wattkeel.sizing.overbuild` with ``fade=0``).
    years
        Horizon, years of 365.25 d, at most 100.
    interval_years
        For how long an addition must last; at most 100 intervals.
    initial_energy_j
        Nominal energy as built, J; None sizes it to last for an interval.
    step_years
        Step in which the duty is held; second order. At most an interval, at most 2000 steps; None means half
        a year, or an interval where that is shorter.

    Raises
    ------
    ScenarioError
        There is no such model or duty, a number is out of its range, less than the required energy is built,
        or an addition wears out before its interval ends.
    """
    model = model_of(model)
    check = Checks()
    closed_duty(check, repeated)
    check.number("required_energy_j", required_energy_j, above=0.0)
    if initial_energy_j is not None:
        least = required_energy_j if isinstance(required_energy_j, float | int) else 0.0
        check.number("initial_energy_j", initial_energy_j, least=least)
    _times(check, years, interval_years, step_years)
    check.stop()
    step = min(_STEP_YEARS, interval_years) if step_years is None else step_years
    plant = _Plant(model, repeated, required_energy_j, step)
    now, fleet = 0.0, list[_Vintage]()
    if initial_energy_j is not None:
        fleet = [_Vintage(initial_energy_j, 0.0)]
    trace = [(0.0, initial_energy_j or 0.0)]
    while now < years * (1.0 - 1e-12):
        if fleet and total_j(fleet) > required_energy_j * (1.0 + _CLOSE):
            found = _until_short(plant, fleet, years - now)
        else:
            ahead = min(interval_years, years - now)
            added, found = plant.enough(fleet, now, ahead)
            if not fleet:
                trace = [(0.0, added.energy_j)]
            fleet = [*fleet, added]
        trace += [(now + after, total_j(state)) for after, state in found]
        now, fleet = now + found[-1][0], found[-1][1]
    return Augmentation(
        additions=tuple(Addition(v.year, v.energy_j, v.fade) for v in fleet),
        installed_j=math.fsum(v.energy_j for v in fleet),
        years=tuple(year for year, _ in trace),
        energy_j=tuple(energy for _, energy in trace),
        cautions=merged(text for v in fleet if v.fade for text in v.fade.cautions),
        required_energy_j=required_energy_j,
    )


def _times(check: Checks, years: float, interval_years: float, step_years: float | None) -> None:
    """Faults of horizon, interval and step, and where they would take too many of either."""
    before = len(check.faults)
    check.number("years", years, above=0.0, most=_MOST_YEARS)
    check.number("interval_years", interval_years, above=0.0)
    if step_years is not None:
        check.number("step_years", step_years, above=0.0)
    if len(check.faults) > before:
        return
    if years > _MOST_ADDITIONS * interval_years:
        remedy = f"give at least {years / _MOST_ADDITIONS:g}"
        check.fault("interval_years", interval_years, f"more than {_MOST_ADDITIONS} additions", remedy)
    if step_years is None:
        return
    if step_years > interval_years:
        message = f"longer than interval_years, {interval_years:g}"
        check.fault("step_years", step_years, message, "give a shorter step, or none")
    if years > _MOST_STEPS * step_years:
        remedy = f"give at least {years / _MOST_STEPS:g}, or none"
        check.fault("step_years", step_years, f"more than {_MOST_STEPS} steps", remedy)


def _until_short(plant: _Plant, fleet: list[_Vintage], years: float) -> list[tuple[float, list[_Vintage]]]:
    """Steps until the energy meets what is required, the last one cut there, or to the end."""
    states: list[tuple[float, list[_Vintage]]] = []
    now = 0.0
    while now < years * (1.0 - 1e-12):
        step = min(plant.step_years, years - now)
        after = plant.worn(fleet, step)
        if total_j(after) < plant.required_j:
            low, high = 0.0, step
            for _ in range(50):
                middle = 0.5 * (low + high)
                enough = total_j(plant.worn(fleet, middle)) >= plant.required_j
                low, high = (middle, high) if enough else (low, middle)
                if high - low <= 1e-10 * step:
                    break
            states.append((now + high, plant.worn(fleet, high)))
            break
        now += step
        fleet = after
        states.append((now, fleet))
    return states
