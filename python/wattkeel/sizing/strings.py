"""Spread of parallel strings as a few groups, and how many strings to build so that enough of them serve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from wattkeel.sizing._input import Checks

__all__ = ["StringSpread", "string_spread", "strings_for_availability"]

_MOST_STRINGS = 1_000_000


@dataclass(frozen=True, slots=True)
class StringSpread:
    """Groups of strings that stand for a distribution; the weakest group comes first.

    Parameters
    ----------
    share
        Share of all strings, which sum to 1.
    capacity, resistance
        Factors on capacity and resistance, of mean 1.
    kept_variance
        Part of the variance of the capacity that is between the groups; the rest is within them and lost.
    """

    share: tuple[float, ...]
    capacity: tuple[float, ...]
    resistance: tuple[float, ...]
    kept_variance: float

    def parameters(self) -> dict[str, list[float]]:
        """The groups as keys of a battery: ``string_share``, ``string_capacity``, ``string_resistance``."""
        return {
            "string_share": list(self.share),
            "string_capacity": list(self.capacity),
            "string_resistance": list(self.resistance),
        }


def string_spread(
    groups: int, *, capacity_std: float, resistance_std: float = 0.0, correlation: float = -1.0
) -> StringSpread:
    """Equal groups at the quantiles of a normal distribution, each with its mean.

    The mean of a normal deviate between two quantiles is (pdf(a) - pdf(b))/(cdf(b) - cdf(a)). Resistance
    follows capacity by its correlation with it; the part that does not follow averages out in a group.
    Strings in parallel share current by conductance: the mean of 1/resistance exceeds 1 by about
    resistance_std^2.

    Parameters
    ----------
    groups : int
        Number of groups, 1 to 1000.
    capacity_std, resistance_std : float
        Standard deviations relative to the mean, 0 to 0.3.
    correlation : float
        Of resistance with capacity, -1 to 1; -1: a string of less capacity has more resistance.

    Raises
    ------
    ScenarioError
        An input is out of range, or a group would have no capacity or resistance.
    """
    check = Checks()
    check.number("groups", groups, least=1, most=1000, whole=True)
    check.number("capacity_std", capacity_std, least=0.0, most=0.3)
    check.number("resistance_std", resistance_std, least=0.0, most=0.3)
    check.number("correlation", correlation, least=-1.0, most=1.0)
    check.stop()
    count = int(groups)
    normal = NormalDist()
    edges = [normal.inv_cdf(k / count) for k in range(1, count)]
    heights = [0.0, *(normal.pdf(edge) for edge in edges), 0.0]
    means = [count * (heights[k] - heights[k + 1]) for k in range(count)]
    capacity = tuple(1.0 + capacity_std * mean for mean in means)
    resistance = tuple(1.0 + resistance_std * correlation * mean for mean in means)
    if min(*capacity, *resistance, 1.0) <= 0.0:
        check.fault(
            "capacity_std", capacity_std, "a group has nothing left", "give less spread or fewer groups"
        )
    check.stop()
    kept = math.fsum(mean**2 for mean in means) / count
    return StringSpread((1.0 / count,) * count, capacity, resistance, kept)


def strings_for_availability(needed: int, availability: float, confidence: float) -> int:
    """Strings to build so that at least ``needed`` of them serve with the given probability.

    The least n with P(Binomial(n, availability) >= needed) >= confidence: strings fail independently.

    Parameters
    ----------
    needed : int
        Strings that must serve.
    availability : float
        Probability that one string serves, above 0 to 1.
    confidence : float
        Probability wanted, above 0 and below 1.

    Raises
    ------
    ScenarioError
        An input is out of range, or more than a million strings would be needed.
    """
    check = Checks()
    check.number("needed", needed, least=0, most=_MOST_STRINGS // 2, whole=True)
    check.efficiency("availability", availability)
    check.number("confidence", confidence, above=0.0, most=1.0 - 1e-12)
    check.stop()
    if availability == 1.0 or needed == 0:
        return int(needed)
    low, high = int(needed), max(2 * int(needed), 1)
    while _enough(high, int(needed), availability) < confidence:
        low, high = high, 2 * high
        if high > _MOST_STRINGS:
            check.fault("availability", availability, "more than a million strings", "give a larger one")
            check.stop()
    while low < high:
        middle = (low + high) // 2
        if _enough(middle, int(needed), availability) >= confidence:
            high = middle
        else:
            low = middle + 1
    return low


def _enough(strings: int, needed: int, availability: float) -> float:
    """Probability that at least ``needed`` of ``strings`` serve."""
    if strings < needed:
        return 0.0
    down = math.log1p(-availability)
    up = math.log(availability)
    spare = strings - needed
    logs = [
        math.lgamma(strings + 1) - math.lgamma(k + 1) - math.lgamma(strings - k + 1)
        + k * down + (strings - k) * up
        for k in range(spare + 1)
    ]  # fmt: skip
    return math.fsum(map(math.exp, logs))
