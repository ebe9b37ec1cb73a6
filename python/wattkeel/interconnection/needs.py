"""Closed forms: from a failed rule to the wave that would meet it, and to the store that makes that wave.

A rule on power is met by an import that follows the average of the load with limited ramps. Which ramp meets
the rule is arithmetic on its window or band; the store that makes this import of a load is the flattening
need of the load (`wattkeel.sizing`): power, the largest difference; energy, the range of its integral, for
one step of the load dP^2/(2 R). What a converter leaves of an edge is its slope times dead time and lag. None
of this is a proof: it says where to begin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance import Finding
from wattkeel.sizing import StorageNeed, average_target, flattening_need, ramp_target

__all__ = [
    "HIGHEST_FLOOR_PU",
    "USED",
    "Wave",
    "floor_for",
    "floor_overhead",
    "kind_of",
    "lag_residual_w",
    "ramp_text",
    "smoothing_range_pu",
    "store_for",
    "wave_for",
]

Array = NDArray[np.float64]

#: Highest power floor of GPUs, share of the module's rated power: arXiv:2508.14318, section IV-B; NVIDIA
#: application note DA-12033-001_v03 in quotation.
HIGHEST_FLOOR_PU = 0.90
#: Part of a limit that a design may use: the rest is for what converters leave of edges.
USED = 0.9
#: Window of a rule whose profile cannot be read, s: that of most rules on seconds.
_USUAL_WINDOW_S = 5.0
#: Longest record that is reckoned sample by sample; longer ones are taken in means.
_SAMPLES = 400_000

POWER = ("ramp", "power_variation", "band_power", "oscillation", "dynamic_range")
VOLTAGE = ("rapid_voltage_change", "flicker")
RIDE = (
    "voltage_ride_through",
    "recovery",
    "recovery_level",
    "sag_counting",
    "sag_counting_transfer_prohibited",
    "frt_curve",
    "reclosing",
)
_PER_UNIT = {"MW": 1e6, "MW/min": 1e6 / 60.0, "MW/s": 1e6, "kW": 1e3, "W": 1.0}


@dataclass(frozen=True, slots=True)
class Wave:
    """An import that meets a rule.

    Attributes
    ----------
    ramp_w_per_s : float
        Largest slope of the import, W/s; infinite where only its swing counts.
    swing_w : float
        Largest fast change that may be left, W; infinite where only the slope counts.
    text : str
        How it follows from the rule.
    """

    ramp_w_per_s: float
    swing_w: float
    text: str


def kind_of(finding: Finding) -> str:
    """Which of "power", "voltage", "ride" can mend a rule; empty where none does."""
    for kind, blocks in (("power", POWER), ("voltage", VOLTAGE), ("ride", RIDE)):
        if finding.block in blocks:
            return kind
    return ""


def wave_for(finding: Finding, keys: Mapping[str, Any], load_w: Array, tick_s: float) -> Wave:
    """The import that meets a rule.

    Parameters
    ----------
    finding : Finding
        With value and limit.
    keys : mapping
        Row of the profile, or rule of the scenario.
    load_w : ndarray
        Load or import that was judged, W, for rules in shares.
    tick_s : float
        s.
    """
    assert finding.limit is not None
    swing_w = float(np.ptp(load_w))
    share = finding.limit / finding.value if finding.value else 0.0
    scale = _PER_UNIT.get(finding.unit, math.nan)
    limit_w = finding.limit * scale
    window = keys.get("window_s", 0.0)
    window_s = float(max(window) if isinstance(window, list) else window)
    window_s = window_s or finding.window_s or _USUAL_WINDOW_S
    low_hz = _low_hz(keys)
    if finding.block == "dynamic_range":
        size_w = limit_w if math.isfinite(limit_w) else finding.limit * float(load_w.max())
        length_s = load_w.size * tick_s
        return Wave(0.5 * size_w / length_s, size_w, "half of the range for the trend, half for the edges")
    if not math.isfinite(limit_w):  # a share of energy, a voltage in per cent: the swing in proportion
        return Wave(math.inf, USED * share * swing_w, "the swing in proportion to the limit")
    if finding.block == "ramp" and finding.unit != "MW":
        return Wave(limit_w, limit_w * window_s, f"a slope of {ramp_text(limit_w)} is one over any window")
    if finding.block == "ramp" or (finding.block == "power_variation" and not low_hz):
        return Wave(
            USED * limit_w / window_s,
            limit_w,
            f"no more than the limit within {window_s:g} s: limit / window",
        )
    if finding.block == "power_variation":
        return Wave(
            USED * limit_w / window_s,
            limit_w,
            f"limit / {window_s:g} s; the band-pass lets less of a slow ramp through",
        )
    # A triangle of slope R and frequency f swings by R/(2f): by that every statistic of a band is bounded.
    return Wave(
        USED * 2.0 * low_hz * limit_w, limit_w, f"a triangle at {low_hz:g} Hz swings by slope / (2 f)"
    )


def _low_hz(keys: Mapping[str, Any]) -> float:
    if "band_hz" in keys:
        return float(keys["band_hz"][0])
    low_hz = float(keys.get("f_lo_hz", keys.get("band_low_hz", 0.0)))
    return low_hz or (0.1 if keys.get("band") else 0.0)


def ramp_text(limit_w_per_s: float) -> str:
    """Ramp limit as connection rules write it."""
    return f"{limit_w_per_s * 60e-6:.4g} MW/min"


def store_for(load_w: Array, tick_s: float, wave: Wave, average_s: float) -> tuple[StorageNeed, Array, float]:
    """Store between a load and the import that meets a rule; also that import, and the tick of both, s.

    The import is the moving average with limited slope, as the control of the engine forms it: without a
    limit until the average is full.
    """
    block = -(-load_w.size // _SAMPLES)
    if block > 1:
        whole = load_w.size // block * block
        load_w, tick_s = load_w[:whole].reshape(-1, block).mean(axis=1), tick_s * block
    target_w = np.asarray(average_target(load_w, tick_s, max(average_s, tick_s)))
    full = min(round(average_s / tick_s), load_w.size - 1)
    if math.isfinite(wave.ramp_w_per_s) and full < load_w.size - 1:
        target_w = np.concatenate([target_w[:full], ramp_target(target_w[full:], tick_s, wave.ramp_w_per_s)])
    return flattening_need(load_w, tick_s, target_w), target_w, tick_s


def lag_residual_w(swing_w: float, edge_s: float, time_constant_s: float, delay_s: float) -> float:
    """What a converter leaves of a linear edge, W: it is behind by dead time and lag.

    swing / edge * (delay + tau (1 - exp(-edge / tau))), at most the swing.

    Parameters
    ----------
    swing_w : float
        Height of the edge, W.
    edge_s, time_constant_s, delay_s : float
        Length of the edge, lag and dead time of measurement and converter together, s.
    """
    if edge_s <= 0.0:
        return swing_w
    lag_s = time_constant_s * -math.expm1(-edge_s / time_constant_s) if time_constant_s > 0.0 else 0.0
    return min(swing_w, swing_w / edge_s * (min(delay_s, edge_s) + lag_s))


def smoothing_range_pu(edp_factor: float) -> float:
    """Smallest range that GPU power smoothing alone guarantees, per unit of rated power: peak less floor.

    1.1 - 0.9 = 20 % for GB200 (arXiv:2508.14318): a 100 MW job with 10 MW allowed is infeasible by it.
    """
    return max(edp_factor, 1.0) - HIGHEST_FLOOR_PU


def floor_for(compute_pu: float, communication_pu: float, share: float) -> float:
    """Floor that leaves a share of the swing between two levels, per unit of rated power."""
    return compute_pu - share * (compute_pu - communication_pu)


def floor_overhead(compute_pu: float, communication_pu: float, floor_pu: float, duty: float) -> float:
    """Energy overhead of a floor on a two-level wave: (1 - d)(F - L)/(d P + (1 - d) L).

    10.5 % for 1.0, 0.5, 0.9 and d = 0.768, as published in arXiv:2508.14318.
    """
    lift = max(floor_pu - communication_pu, 0.0)
    return (1.0 - duty) * lift / (duty * compute_pu + (1.0 - duty) * communication_pu)
