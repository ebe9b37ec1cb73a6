"""What does not fit together in a row of a profile, and why a row is not judged.

A function of the first kind gets the keys of a row, each right by itself, and gives texts of what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wattkeel.compliance.finding import Verdict
from wattkeel.compliance.head import BAND_STATS

__all__ = ["Contradictions", "Keys", "Unjudged"]

Keys = Mapping[str, Any]
Contradictions = Callable[[Keys], list[str]]
Unjudged = Callable[[Keys], tuple[Verdict, str]]


def no_contradiction(_: Keys) -> list[str]:
    """Any row whose keys are right fits."""
    return []


def _one(keys: Keys, *names: str) -> list[str]:
    given = [name for name in names if name in keys]
    return [] if given else [f"no limit: give {' or '.join(names)}"]


def _limits(keys: Keys, *names: str) -> list[str]:
    given = [name for name in names if name in keys]
    if len(given) == 2 and "combine" not in keys:
        return [f'{" and ".join(names)} together need combine = "lesser"']
    return _one(keys, *names)


def _ascending(keys: Keys, low: str, high: str) -> list[str]:
    return [f"{low} must be below {high}"] if low in keys and high in keys and keys[low] >= keys[high] else []


def of_ramp(keys: Keys) -> list[str]:
    """Tell which limit and window a statistic of ramps needs."""
    stat = keys["stat"]
    if stat == "max_change_in_window":
        wrong = [] if "limit_mw" in keys else [f"stat {stat!r} needs limit_mw"]
    elif stat == "rate":
        wrong = [] if "limit_mw_per_s" in keys else [f"stat {stat!r} needs limit_mw_per_s"]
        if ("window_s" in keys) == ("applies_when_change_mw_above" in keys):
            wrong.append(f"stat {stat!r} needs either window_s or applies_when_change_mw_above")
        return wrong
    else:
        wrong = _limits(keys, "limit_mw_per_min", "limit_pct_peak_per_min")
    if "window_s" not in keys:
        wrong.append(f"stat {stat!r} needs window_s")
    return wrong


def of_variation(keys: Keys) -> list[str]:
    """Tell a filter without a band, and a band without a filter."""
    chosen = keys.get("filter", "none")
    if chosen != "none" and "band_hz" not in keys:
        return [f"filter {chosen!r} needs band_hz"]
    if chosen == "none" and "band_hz" in keys:
        return ['band_hz needs a filter; write filter = "unspecified" for all readings']
    return []


def of_band(keys: Keys) -> list[str]:
    """Tell which limit a statistic of a band needs, and edges that do not ascend."""
    wanted = "limit_fraction" if keys["stat"] == BAND_STATS[-1] else "limit_mw"
    wrong = [] if wanted in keys else [f"stat {keys['stat']!r} needs {wanted}"]
    return wrong + _ascending(keys, "f_lo_hz", "f_hi_hz")


def of_oscillation(keys: Keys) -> list[str]:
    """Tell a band that is named twice or not at all, and missing limits."""
    wrong = ["needs either band or band_hz"] if ("band" in keys) == ("band_hz" in keys) else []
    return wrong + _limits(keys, "limit_mw", "limit_pct_nominal")


def of_ride_through(low: str, high: str) -> Contradictions:
    """Check of a band with its time, whose edges have these names."""

    def contradictions(keys: Keys) -> list[str]:
        wrong = _ascending(keys, low, high) + _ascending(keys, "min_duration_s", "max_duration_s")
        if low not in keys and high not in keys:
            wrong.append(f"needs {low} or {high}")
        slope = [name for name in ("t0_s", "slope_s_per_pu") if name in keys]
        if len(slope) == 1 or (slope and low not in keys):
            wrong.append(f"a slope needs t0_s, slope_s_per_pu and {low}")
        forms = [keys.get("continuous") is True, "min_duration_s" in keys, bool(slope)]
        if sum(forms) > 1:
            wrong.append("needs one of continuous = true, min_duration_s, t0_s with slope_s_per_pu")
        if not any(forms) and keys.get("tso") is not True:
            wrong.append("no duration: give continuous = true, min_duration_s, a slope, or tso = true")
        return wrong

    return contradictions


def of_curve(keys: Keys) -> list[str]:
    """Tell lists of unequal length."""
    return [] if len(keys["t_s"]) == len(keys["v_pu"]) else ["t_s and v_pu must have as many points"]


def of_recovery(keys: Keys) -> list[str]:
    """Tell a recovery without a level."""
    wrong = _one(keys, "p_fraction_min", "p_tolerance_pct")
    return wrong + _ascending(keys, "p_fraction_min", "p_fraction_max")


def needs_one_of(*names: str) -> Contradictions:
    """Check that one of these keys is there."""
    return lambda keys: _one(keys, *names)


def of_enter_service(keys: Keys) -> list[str]:
    """Tell edges that do not ascend."""
    return _ascending(keys, "v_min_pu", "v_max_pu") + _ascending(keys, "f_min_hz", "f_max_hz")


def of_demand(keys: Keys) -> list[str]:
    """Tell missing limits, and an interval that is no multiple of its step."""
    wrong = _limits(keys, "limit_mw", "limit_pct_nominal")
    if "subinterval_s" in keys:
        parts = keys["interval_s"] / keys["subinterval_s"]
        if not (parts >= 1.0 and abs(parts - round(parts)) <= 1e-9 * parts):
            wrong.append("interval_s must be a whole number of subinterval_s")
    return wrong


def later(_: Keys) -> tuple[Verdict, str]:
    """Not judged by this version."""
    return "not_evaluated", "evaluated by a later version"


def because(reason: str, verdict: Verdict = "not_evaluated") -> Unjudged:
    """Not judged, for this reason."""
    return lambda _: (verdict, reason)


def of_test(keys: Keys) -> tuple[Verdict, str]:
    """Say of a test of a plant what it takes to decide it."""
    if keys.get("evaluation") == "emt_required":
        return "emt_required", "needs an EMT study: an engine of RMS values cannot decide it"
    return "not_evaluated", "a test of the storage plant, not of a record: run `wattkeel qualify`"
