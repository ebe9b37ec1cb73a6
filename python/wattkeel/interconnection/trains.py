"""Trains of sags: whether a load that rides one sag rides several that follow one another."""

from __future__ import annotations

from dataclasses import dataclass

from wattkeel.interconnection.bench import Bench, Moment
from wattkeel.interconnection.disturbances import Train
from wattkeel.interconnection.staying import Criterion, Stay

__all__ = ["TrainRun", "run_train"]


@dataclass(frozen=True, slots=True)
class TrainRun:
    """One train at one moment of the load's cycle.

    Attributes
    ----------
    name : str
    phase : float
        Moment of the cycle, 0 to 1.
    end_s : float
        End of the last sag, s.
    stay : Stay
        How the load came through.
    pieces : list of (float, float, float)
        Begin and end, s, and voltage, pu, of every sag.
    """

    name: str
    phase: float
    end_s: float
    stay: Stay
    pieces: list[tuple[float, float, float]]


def run_train(bench: Bench, moment: Moment, course: Train, criterion: Criterion, watch_s: float) -> TrainRun:
    """Run a train at a moment and judge it.

    Parameters
    ----------
    bench : Bench
    moment : Moment
    course : Train
    criterion : Criterion
    watch_s : float
        Time watched after the last sag, s.
    """
    stay = criterion.of(bench.run(moment, course, watch_s), bench.scenario)
    return TrainRun(course.name, moment.phase, course.end_s, stay, course.voltages())
