"""Trains of sags: whether a load that rides one sag rides several that follow one another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wattkeel.interconnection.bench import Bench, Course, Moment
from wattkeel.interconnection.disturbances import Train
from wattkeel.interconnection.staying import READINGS, Recovery

__all__ = ["TrainRun", "run_train"]


@dataclass(frozen=True, slots=True)
class TrainRun:
    """One train at one moment of the load's cycle.

    Attributes
    ----------
    name : str
    phase : float
    end_s : float
        End of the last sag, s.
    left_s : dict of str to float
        Time at which the load was no longer connected, by reading, s from the begin; infinite where it was to
        the end.
    transferred_s : float
        Time at which a counter of sags transferred the load, s; infinite where none did.
    lost_w : float
        Largest power that was missing at good voltage against the undisturbed twin, W.
    pieces : list of (float, float, float)
        Begin and end, s, and voltage, pu, of every sag.
    """

    name: str
    phase: float
    end_s: float
    left_s: dict[str, float]
    transferred_s: float
    lost_w: float
    pieces: list[tuple[float, float, float]]


def run_train(bench: Bench, moment: Moment, course: Train, asked: Recovery) -> TrainRun:
    """Run a train and judge it; the power has to be back in time after every sag that leaves the time for it."""
    done = bench.run(moment, course, asked.within_s + max(bench.cycle.period_s, 0.1))
    gone = np.flatnonzero(done.away > 1.0 - asked.share + 1e-9)
    moved = [event.time_s for event in done.events if event.kind == "load_transferred"]
    good = done.voltage_pu > asked.after_v_pu
    missing_w = np.where(good, done.twin_power_w - done.power_w, 0.0)
    return TrainRun(
        name=course.name,
        phase=moment.phase,
        end_s=course.end_s,
        left_s={
            READINGS[0]: float(gone[0]) * done.tick_s if gone.size else math.inf,
            READINGS[1]: _late_s(done, asked),
        },
        transferred_s=min(moved, default=math.inf),
        lost_w=float(missing_w.max(initial=0.0)),
        pieces=course.voltages(),
    )


def _late_s(done: Course, asked: Recovery) -> float:
    """First moment at which the power should be back and is not, s; infinite where it always is."""
    wait = math.ceil(asked.within_s / done.tick_s)
    low = done.voltage_pu <= asked.after_v_pu
    # Ticks since the voltage was last low; a run of good voltage shorter than the wait obliges to nothing.
    ticks = np.arange(len(low))
    last_low = np.maximum.accumulate(np.where(low, ticks, -1))
    due = (ticks - last_low > wait) & (last_low >= 0)
    short = done.power_w < asked.share * done.twin_power_w * (1.0 - 1e-9) - 1e-6
    late = np.flatnonzero(due & short)
    return float(late[0]) * done.tick_s if late.size else math.inf
