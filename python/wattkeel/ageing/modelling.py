"""Published ageing models: what they say of a stress, and where they may be used."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from wattkeel.ageing._input import Checks
from wattkeel.ageing.laws import Law
from wattkeel.ageing.stress import Stress
from wattkeel.errors import Fault, ScenarioError

__all__ = ["Fade", "Model", "Validity", "model", "models"]

_KELVIN = 273.15
_UNCOUNTED = 0.05
_KNEE = 0.2


class Caution(str):
    """A caution with the range that was met, in the units of its text.

    Parameters
    ----------
    form
        Text with places for ``low`` and ``high``; cautions of one form are of one kind.
    low, high
        Least and largest value met.
    """

    __slots__ = ("form", "high", "low")

    form: str
    low: float
    high: float

    def __new__(cls, form: str, low: float, high: float) -> Caution:
        made = super().__new__(cls, form.format(low=low, high=high))
        made.form, made.low, made.high = form, low, high
        return made

    def __getnewargs__(self) -> tuple[str, float, float]:  # type: ignore[override]
        return self.form, self.low, self.high


def merged(cautions: Iterable[str]) -> tuple[str, ...]:
    """One caution of each kind, over the whole range that was met, in the order in which they first came."""
    told: dict[str, str] = {}
    for text in cautions:
        if not isinstance(text, Caution):
            told[text] = text
            continue
        before = told.get(text.form)
        low, high = text.low, text.high
        if isinstance(before, Caution):
            low, high = min(low, before.low), max(high, before.high)
        told[text.form] = Caution(text.form, low, high)
    return tuple(told.values())


@dataclass(frozen=True)
class Validity:
    """Range of the data that a model was fitted to.

    Parameters
    ----------
    temperature_k, soc, depth
        Least and largest value.
    c_rate_max
        Largest C-rate, 1/h.
    source
        Where the range comes from.
    """

    temperature_k: tuple[float, float]
    soc: tuple[float, float]
    depth: tuple[float, float]
    c_rate_max: float
    source: str


@dataclass(frozen=True)
class Fade:
    """Capacity lost and resistance gained, as fractions of the new cell.

    Parameters
    ----------
    model
        Name of the model.
    capacity_loss
        Sum of the capacity parts.
    resistance_increase
        Sum of the resistance parts; None where no resistance is published.
    parts
        Loss or increase by part.
    soh_capacity
        1 - capacity_loss, not below 0.
    soh_resistance
        1 + resistance_increase; None where no resistance is published.
    cautions
        Where the model was used outside its range, or the count was poor; one of each kind, with the range
        that was met since the begin.
    state
        State of every part, from which a later stress goes on.
    """

    model: str
    capacity_loss: float
    resistance_increase: float | None
    parts: Mapping[str, float]
    soh_capacity: float
    soh_resistance: float | None
    cautions: tuple[str, ...]
    state: Mapping[str, float] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Model:
    """A published ageing model.

    Parameters
    ----------
    name
        Name for `model`.
    cell
        Cell that it was fitted to.
    capacity_ah
        Nominal capacity of that cell, Ah.
    source, licence
        Where equations and coefficients come from.
    valid
        Range of the data.
    laws
        Its parts.
    notes
        What a user must know.
    """

    name: str
    cell: str
    capacity_ah: float
    source: str
    licence: str
    valid: Validity
    laws: tuple[Law, ...]
    notes: str = ""

    def fade(self, stress: Stress, start: Fade | None = None) -> Fade:
        """Fade after a stress, of a new cell or of one that had faded before.

        Raises
        ------
        ScenarioError
            ``stress`` is none, or ``start`` is of another model.
        """
        check = Checks()
        stressed(check, stress)
        fade_of(check, start)
        check.stop()
        return self.faded(self.prepared(stress), 1.0, start, self.cautions(stress))

    def calendar(self, time_s: float, soc: float, temperature_k: float, start: Fade | None = None) -> Fade:
        """Fade of a rest at constant SoC and temperature; closed form, without the grid.

        Raises
        ------
        ScenarioError
            A number is out of its range.
        """
        check = Checks()
        check.number("time_s", time_s, least=0.0)
        check.number("soc", soc, least=0.0, most=1.0)
        kelvin(check, temperature_k)
        fade_of(check, start)
        check.stop()
        prepared = self._prepared_at("calendar", time_s, (soc, temperature_k), None)
        told = [*self._beyond("soc", (soc, soc)), *self._beyond("temperature_k", (temperature_k,) * 2)]
        return self.faded(prepared, 1.0, start, tuple(told))

    def cycle(
        self,
        fec: float,
        depth: float,
        c_rate: float,
        temperature_k: float,
        *,
        mean_soc: float = 0.5,
        start: Fade | None = None,
    ) -> Fade:
        """Fade of equal cycles, without the time that they take; closed form, without the grid.

        Parameters
        ----------
        fec
            Equivalent full cycles.
        depth
            Depth of a cycle.
        c_rate
            Mean C-rate of its half cycles, 1/h.
        temperature_k
            Cell temperature, K.
        mean_soc
            Middle of a cycle; only some models use it.
        start
            Fade before.

        Raises
        ------
        ScenarioError
            A number is out of its range.
        """
        check = Checks()
        check.number("fec", fec, least=0.0)
        check.number("c_rate", c_rate, least=0.0)
        for name, value in (("depth", depth), ("mean_soc", mean_soc)):
            check.number(name, value, least=0.0, most=1.0)
        kelvin(check, temperature_k)
        fade_of(check, start)
        check.stop()
        prepared = self._prepared_at("cycle", fec, (depth, c_rate, temperature_k), (depth, mean_soc))
        told = [*self._beyond("depth", (depth, depth)), *self._beyond("temperature_k", (temperature_k,) * 2)]
        return self.faded(prepared, 1.0, start, (*told, *self._fast(c_rate)))

    def _prepared_at(
        self, kind: str, amount: float, at: tuple[float, ...], swing: tuple[float, ...] | None
    ) -> list[tuple[float, ...]]:
        found = []
        for law in self.laws:
            if law.kind == kind:
                found.append(law.prepared_at(amount, *at))
            elif law.kind == "swing" and swing is not None:
                found.append(law.prepared_at(amount, *swing))
            else:
                found.append(law.prepared_at(0.0, *_SOMEWHERE[law.kind]))
        return found

    def prepared(self, stress: Stress) -> list[tuple[float, ...]]:
        """What the parts need to know of a stress; for many fades of one stress."""
        return [law.prepared(stress) for law in self.laws]

    def faded(
        self,
        prepared: list[tuple[float, ...]],
        times: float,
        start: Fade | None = None,
        cautions: tuple[str, ...] = (),
    ) -> Fade:
        """Fade after so many repetitions of a prepared stress."""
        if start is not None and start.model != self.name:
            remedy = f"begin anew, or go on with {start.model}"
            raise ScenarioError(
                [Fault("start", start.model, f"a fade of another model than {self.name}", remedy)]
            )
        before = start.state if start else dict.fromkeys((law.name for law in self.laws), 0.0)
        state = {
            law.name: law.advanced(before[law.name], known, times)
            for law, known in zip(self.laws, prepared, strict=True)
        }
        parts = {law.name: law.value(state[law.name]) for law in self.laws}
        loss = math.fsum(parts[law.name] for law in self.laws if law.quantity == "capacity")
        gains = [parts[law.name] for law in self.laws if law.quantity == "resistance"]
        gain = math.fsum(gains) if gains else None
        told = [*(start.cautions if start else ()), *cautions]
        if loss > _KNEE:
            told.append(f"loss beyond {_KNEE:.0%}: an extrapolation; none of these models has a knee")
        return Fade(
            model=self.name,
            capacity_loss=loss,
            resistance_increase=gain,
            parts=parts,
            soh_capacity=max(0.0, 1.0 - loss),
            soh_resistance=None if gain is None else 1.0 + gain,
            cautions=merged(told),
            state=state,
        )

    def cautions(self, stress: Stress) -> tuple[str, ...]:
        """Where a stress leaves the range of the model, or was counted poorly."""
        told = [*self._beyond("soc", stress.soc_range)]
        told += self._beyond("temperature_k", stress.temperature_range_k)
        if stress.half_cycles > 0.0:
            told += [*self._beyond("depth", stress.depth_range), *self._fast(stress.c_rate_max)]
        if stress.outside_s > 0.0:
            told.append("SoC or temperature beyond the grid of the count, taken at its edge")
        missing = stress.throughput_fec - stress.counted_fec
        if missing > _UNCOUNTED * stress.throughput_fec:
            share = missing / stress.throughput_fec
            form = "{high:.0%} of the throughput is in no counted cycle: within the dead band or under way"
            told.append(Caution(form, share, share))
        if stress.overflows > 0.0:
            told.append("more than 64 reversals were open at once; the oldest were counted as half cycles")
        return tuple(told)

    def _beyond(self, what: str, met: tuple[float, float]) -> Iterator[str]:
        low, high = getattr(self.valid, what)
        slack = 1e-9 * high
        if met[0] <= met[1] and (met[0] < low - slack or met[1] > high + slack):
            shift, unit, name = (
                (_KELVIN, " °C", "temperature") if what == "temperature_k" else (0.0, "", what)
            )
            holds = f"{self.name} holds for {low - shift:.4g} to {high - shift:.4g}{unit}"
            form = f"{name} {{low:.4g}} to {{high:.4g}}{unit} was met; {holds}"
            yield Caution(form, met[0] - shift, met[1] - shift)

    def _fast(self, c_rate: float) -> Iterator[str]:
        if c_rate > self.valid.c_rate_max * (1.0 + 1e-9):
            holds = f"{self.name} holds up to {self.valid.c_rate_max:.4g}/h"
            yield Caution(f"C-rate {{high:.4g}}/h was met; {holds}", c_rate, c_rate)


# A condition at which every rate is finite, for parts that a constant condition leaves alone.
_SOMEWHERE = {"calendar": (0.5, 298.15), "cycle": (0.8, 0.5, 298.15), "swing": (0.8, 0.5)}


def stressed(check: Checks, stress: object) -> None:
    """A fault if this is no stress."""
    check.kind("stress", stress, Stress, "count one with ageing.count, or give duty.stress()")


def fade_of(check: Checks, start: object) -> None:
    """A fault if this is neither a fade nor None."""
    if start is not None:
        check.kind("start", start, Fade, "give the Fade of an earlier call, or None for a new battery")


def kelvin(check: Checks, temperature_k: object) -> None:
    """A fault if this is no temperature of a cell."""
    check.number("temperature_k", temperature_k, least=150.0, most=450.0)


def models() -> tuple[str, ...]:
    """Names of all models."""
    from wattkeel.ageing.published import PUBLISHED

    return tuple(PUBLISHED)


def model(name: str | Model) -> Model:
    """One of the published models.

    Parameters
    ----------
    name
        Its name; a model itself is given back.

    Raises
    ------
    ScenarioError
        There is none of this name.
    """
    from wattkeel.ageing.published import PUBLISHED

    if isinstance(name, Model):
        return name
    if not isinstance(name, str) or name not in PUBLISHED:
        near = difflib.get_close_matches(name, PUBLISHED, 1) if isinstance(name, str) else []
        remedy = f'did you mean "{near[0]}"?' if near else f"one of {', '.join(PUBLISHED)}"
        raise ScenarioError([Fault("model", name, "no such ageing model", remedy)])
    return PUBLISHED[name]
