"""The cycle of a load: how long it is, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

__all__ = ["Cycle", "cycle_of_job", "cycle_of_load"]

#: A load that swings by less than this share of its mean has no cycle worth a point on wave.
_FLAT = 1e-3
#: Lowest and highest frequency that is taken for the cycle of a load, Hz.
_BAND_HZ = (0.02, 10.0)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Period of a load, s (0 for a flat load), and where it was taken from."""

    period_s: float
    why: str


def cycle_of_job(scenario: Scenario) -> Cycle | None:
    """Cycle of the training job with the most rated power; None where no job is described by its phases."""
    model = scenario.model
    power_w: dict[str, float] = {}
    for rack in model.rack.values():
        rated_w = rack.count * rack.gpus_per_rack * model.gpu[rack.gpu].rated_power_w
        power_w[rack.workload] = power_w.get(rack.workload, 0.0) + rated_w
    largest = max(power_w, key=lambda name: power_w[name])
    job = model.workload[largest]
    if job.kind != "training" or job.compute_pu == job.communication_pu:
        return None
    return Cycle(float(job.period_s), f"period of workload.{largest}, {job.period_s:g} s")


def cycle_of_load(load_w: NDArray[np.float64], tick_s: float) -> Cycle:
    """Cycle of a recorded load: its largest spectral line, or none where the load is flat."""
    mean_w = float(load_w.mean())
    if float(np.ptp(load_w)) <= _FLAT * max(abs(mean_w), 1e-12):
        return Cycle(0.0, "the load is flat: every moment is like any other")
    high_hz = min(_BAND_HZ[1], 0.45 / tick_s)
    low_hz = max(_BAND_HZ[0], 2.0 / (load_w.size * tick_s))
    if low_hz >= high_hz:
        return Cycle(0.0, "the record is too short to tell a cycle")
    line = measures.peak_line(measures.tapered(load_w), tick_s, low_hz, high_hz)
    return Cycle(1.0 / line.frequency_hz, f"largest line of the load, {line.frequency_hz:.4g} Hz")
