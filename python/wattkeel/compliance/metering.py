"""Rules of power metered while a run is under way, so that it can be judged without its record.

What a rule reads is drawn up by judging a record that has no samples yet: the judges ask it as they ask any
other, it notes what they want and gives next to nothing. There is one text of every rule, and the plan cannot
differ from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance.profile import Profile
from wattkeel.compliance.record import CannotJudgeError, Metered, Unkept
from wattkeel.compliance.rules import RULES
from wattkeel.compliance.verdicts import judge_scenario_rule, too_small
from wattkeel.meters import VERSION, MeterBank, Wanted, check_found

__all__ = ["RunMeter", "meter_plan", "metered_row", "read_metered", "site_of"]


class _Plan(Unkept):
    """A record that is still to come; it notes what is asked of it."""

    def __init__(self, samples: int, tick_s: float, **settings: Any) -> None:
        super().__init__(samples, tick_s, **settings)
        self.wanted: dict[str, Wanted] = {}

    def read(self, *wanted: Wanted) -> list[Mapping[str, Any]]:
        """Note the wishes; what a meter gives that has seen next to nothing."""
        self.wanted.update((one.key(), one) for one in wanted)
        return [one.blank() for one in wanted]


def meter_plan(
    profiles: Iterable[Profile],
    rules: Iterable[Mapping[str, Any]],
    samples: int,
    tick_s: float,
    **site: Any,
) -> list[Wanted]:
    """What rules of power need metered.

    Parameters
    ----------
    profiles : iterable of Profile
        Profiles.
    rules : iterable of mapping
        Rules with the keys of ``[[compliance.rule]]`` in SI.
    samples : int
        Length of the record to come; what it is too short for is not metered.
    tick_s : float
        Time between its samples, s.
    site
        Fields of `Record` that say what is known of the site: ``settle_s``, ``rated_power_w``,
        ``peak_power_w``, ``nominal_frequency_hz``.

    Returns
    -------
    list of Wanted
        Each once; rules of other quantities add nothing.
    """
    plan = _Plan(samples, tick_s, **site)
    for profile in profiles:
        for row in profile.rows:
            if row.block in RULES and profile.seen and row.seen:
                too_small(profile, row.keys, plan)
                try:
                    RULES[row.block](plan, row.keys)
                except CannotJudgeError:
                    continue
    for rule in rules:
        judge_scenario_rule(plan, rule)
    return list(plan.wanted.values())


def site_of(model: Any, settle_s: float) -> dict[str, Any]:
    """What a scenario says of its site, as fields of `Record`."""
    grid = model.grid
    return {
        "settle_s": settle_s,
        "rated_power_w": (grid.rated_power_w or None) if grid is not None else None,
        "nominal_frequency_hz": grid.nominal_frequency_hz if grid is not None else 60.0,
    }


def metered_row(metered: Metered) -> dict[str, Any]:
    """What a run directory keeps of what was metered, ready for JSON."""
    row = {"samples": metered.samples, "skip": metered.skip, "found": metered.found}
    return {"version": VERSION, **row}


def read_metered(row: Any) -> Metered | None:
    """What was metered of a run, from `metered_row`; None where another version's meters found it.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the row is damaged.
    """
    if row["version"] != VERSION:
        return None
    samples, skip, found = row["samples"], row["skip"], row["found"]
    for name, count in (("samples", samples), ("skip", skip)):
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"meters: {name} is {count!r}, not a count")
    if not isinstance(found, Mapping):
        raise TypeError(f"meters: found is {found!r}, not a table")
    for key, one in found.items():
        check_found(key, one)
    return Metered(samples, skip, found)


class RunMeter:
    """Meters what the rules of a scenario read of its power.

    Parameters
    ----------
    model : ScenarioModel
        The scenario.
    profiles : sequence of Profile
        Its profiles.
    samples : int
        Ticks that are to come.
    tick_s : float
        Length of a tick, s.
    engine : {"native", "numba"}
        Which kernels meter; both give the same bits.
    """

    def __init__(
        self, model: Any, profiles: Sequence[Profile], samples: int, tick_s: float, engine: str
    ) -> None:
        compliance = model.compliance
        site = site_of(model, compliance.settle_s)
        rules = [dict(rule) for rule in compliance.rule]
        wanted = meter_plan(profiles, rules, samples, tick_s, **site)
        self._bank = MeterBank(wanted, tick_s, skip=Unkept(samples, tick_s, **site).first(), engine=engine)
        self.wanted = len(wanted)
        """Meters that the rules need."""

    def feed(self, power_w: NDArray[np.float64]) -> None:
        """Take the power of the next ticks, W, shape (n,)."""
        self._bank.feed(power_w)

    def close(self) -> Metered:
        """What was found; the run has ended, or was stopped."""
        return Metered(self._bank.samples, self._bank.skip, self._bank.close())
