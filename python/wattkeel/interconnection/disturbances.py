"""Disturbances of the supply: single sags and swells, steps of frequency, and trains of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wattkeel.compliance import load_profile
from wattkeel.errors import Fault, ScenarioError

__all__ = ["Disturbance", "Train", "load_trains", "sag", "train"]

#: Shipped file of observed events.
OBSERVED = "oscillation_events"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One disturbance with square edges.

    Attributes
    ----------
    start_s : float
        Begin, s, counted from the moment of the load's cycle at which the test begins.
    duration_s : float
        Length, s.
    voltage_pu : float
        Voltage while it lasts, pu; 1 leaves it.
    frequency_offset_hz : float
        Offset of the frequency while it lasts, Hz.
    frequency_ramp_hz_per_s : float
        Rate at which the offset comes and goes, Hz/s.
    """

    start_s: float
    duration_s: float
    voltage_pu: float = 1.0
    frequency_offset_hz: float = 0.0
    frequency_ramp_hz_per_s: float = math.inf

    @property
    def end_s(self) -> float:
        """End, s, ramps included."""
        size_hz = abs(self.frequency_offset_hz)
        return self.start_s + self.duration_s + size_hz / self.frequency_ramp_hz_per_s


@dataclass(frozen=True, slots=True)
class Train:
    """Several disturbances that follow one another.

    Attributes
    ----------
    name : str
    pieces : tuple of Disturbance
        In order of time; they may adjoin (a staircase), but not overlap.
    source : str
        Where the course was published.
    """

    name: str
    pieces: tuple[Disturbance, ...]
    source: str = ""

    @property
    def end_s(self) -> float:
        """End of the last disturbance, s."""
        return max(piece.end_s for piece in self.pieces)

    def voltages(self) -> list[tuple[float, float, float]]:
        """Begin, end (s) and voltage (pu) of every piece."""
        return [(piece.start_s, piece.start_s + piece.duration_s, piece.voltage_pu) for piece in self.pieces]


def sag(voltage_pu: float, duration_s: float) -> Train:
    """One sag (or swell) that begins at once."""
    return Train(f"{voltage_pu:g} pu for {duration_s:g} s", (Disturbance(0.0, duration_s, voltage_pu),))


def train(
    name: str,
    start_s: Sequence[float],
    duration_s: Sequence[float],
    voltage_pu: Sequence[float],
    source: str = "",
) -> Train:
    """Make a train of sags.

    Parameters
    ----------
    name : str
    start_s, duration_s, voltage_pu : sequence of float
        Begin and length, s, and voltage, pu, of every sag.
    source : str

    Raises
    ------
    ScenarioError
        The lengths differ, a value is out of range, or sags overlap.
    """
    faults = []
    if not len(start_s) == len(duration_s) == len(voltage_pu) or not start_s:
        sizes = f"{len(start_s)}, {len(duration_s)}, {len(voltage_pu)}"
        raise ScenarioError(
            [Fault(f"train {name}", sizes, "needs as many starts as durations and voltages", "at least one")]
        )
    free_s = 0.0
    for index, (begin, length, voltage) in enumerate(zip(start_s, duration_s, voltage_pu, strict=True)):
        place = f"train {name}[{index}]"
        if not (math.isfinite(begin) and begin >= free_s * (1.0 - 1e-12)):
            faults.append(Fault(f"{place}.start_s", begin, "begins before the one before has ended"))
        if not (math.isfinite(length) and length > 0.0):
            faults.append(Fault(f"{place}.duration_s", length, "must be a time above 0 (s)"))
        if not 0.0 <= voltage <= 2.0:
            faults.append(Fault(f"{place}.voltage_pu", voltage, "must be from 0 to 2 (pu)"))
        free_s = begin + length
    if faults:
        raise ScenarioError(faults)
    pieces = [
        Disturbance(*values[:2], voltage_pu=values[2])
        for values in zip(start_s, duration_s, voltage_pu, strict=True)
    ]
    return Train(name, tuple(pieces), source)


def load_trains(names: Iterable[str] | None = None) -> list[Train]:
    """Trains of sags that were observed, from the shipped file of observed events; all of them when None.

    A train whose voltage was published as a range gives two, at its lowest and at its highest value.

    Raises
    ------
    ScenarioError
        A name is unknown.
    """
    tables = {
        name: facts
        for name, facts in load_profile(OBSERVED).facts.items()
        if {"t_s", "duration_s", "residual_v_pu"} <= set(facts)
    }
    chosen = list(tables) if names is None else list(names)
    unknown = [name for name in chosen if name not in tables]
    if unknown:
        raise ScenarioError(
            [Fault("train", name, "is not known", f"there is {', '.join(tables)}") for name in unknown]
        )
    trains = []
    for name in chosen:
        facts = tables[name]
        starts, lengths = list(facts["t_s"]), list(facts["duration_s"])
        voltages, source = list(facts["residual_v_pu"]), str(facts.get("source", ""))
        if len(voltages) == len(starts):
            trains.append(train(name, starts, lengths, voltages, source))
            continue
        for voltage in voltages:
            trains.append(
                train(f"{name} at {voltage:g} pu", starts, lengths, [voltage] * len(starts), source)
            )
    return trains
