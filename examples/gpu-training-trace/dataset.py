"""Reads the data set, and folds what repeats; numpy alone."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FOLDER = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Mark:
    """From start to end the GPU was in this phase of this step."""

    section: str
    step: int
    phase: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Recording:
    """One recording; all times in seconds since its beginning, on one clock.

    Attributes
    ----------
    meta : dict
        What ran on what.
    time_s, power_w : ndarray
        Samples of the driver's buffer.
    readings : dict
        Name with unit -> (time_s, value): each value from the time at which it was first seen.
    marks : list of Mark
        In order of time.
    """

    meta: dict[str, Any]
    time_s: Floats
    power_w: Floats
    readings: dict[str, tuple[Floats, Floats]]
    marks: list[Mark]

    def of(self, section: str, *phases: str) -> list[Mark]:
        """Marks of a section, of some phases or all."""
        return [m for m in self.marks if m.section == section and (not phases or m.phase in phases)]

    def span(self, section: str) -> tuple[float, float]:
        """Start and end of a section."""
        marks = self.of(section)
        return marks[0].start_s, marks[-1].end_s

    def within(self, start_s: float, end_s: float) -> tuple[Floats, Floats]:
        """Samples between two times."""
        inside = (self.time_s >= start_s) & (self.time_s < end_s)
        return self.time_s[inside], self.power_w[inside]


def rows(path: Path) -> list[list[str]]:
    """Rows of a gzipped CSV below its header."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def read(number: int, folder: Path = FOLDER) -> Recording:
    """Read recording 1 or 2."""
    stem = folder / f"recording-{number}"
    meta = json.loads(Path(f"{stem}.json").read_text(encoding="utf-8"))
    power = np.array(rows(Path(f"{stem}-power.csv.gz")), dtype=float)
    found: dict[str, list[tuple[float, float]]] = {}
    for name, _, time_s, value in rows(Path(f"{stem}-readings.csv.gz")):
        found.setdefault(name, []).append((float(time_s), float(value)))
    readings = {}
    for name, pairs in found.items():
        table = np.array(pairs)
        readings[name] = (table[:, 0], table[:, 1])
    marks = [
        Mark(section, int(step), phase, float(start_s), float(end_s))
        for section, step, phase, start_s, end_s in rows(Path(f"{stem}-marks.csv.gz"))
    ]
    return Recording(meta, power[:, 0], power[:, 1], readings, marks)


def iterations(recording: Recording, section: str) -> tuple[Floats, float]:
    """Starts of the iterations of a section that are of its usual length within 5 %, and that length.

    The first two are left out: clocks and temperature have not settled.
    """
    first: dict[int, float] = {}
    for mark in recording.of(section):
        first.setdefault(mark.step, mark.start_s)
    starts = np.array(list(first.values()))[2:]
    lengths = np.diff(starts)
    usual_s = float(np.median(lengths))
    return starts[:-1][np.abs(lengths / usual_s - 1.0) < 0.05], usual_s


def folded(recording: Recording, section: str) -> tuple[Floats, Floats, float]:
    """Samples of a section over the time since their iteration began: time s, power W, length s of one."""
    starts, length_s = iterations(recording, section)
    parts = [recording.within(start_s, start_s + length_s) for start_s in starts]
    phase_s = np.concatenate([t - start for (t, _), start in zip(parts, starts, strict=True)])
    power_w = np.concatenate([p for _, p in parts])
    order = np.argsort(phase_s)
    return phase_s[order], power_w[order], length_s


def sharpened(
    phase_s: Floats, power_w: Floats, length_s: float, *, delay_s: float, tau_s: float, bins: int
) -> Floats:
    """Estimate the power before the sensor's low pass, of an iteration that repeats.

    The power is taken as constant in each of `bins` parts of the iteration. Its values are those that explain
    the samples through a delay and a first-order low pass, with the least bending that still does (ridge on
    second differences); far-off samples count less (Huber, 15 W).
    """
    edges_s = np.linspace(0.0, length_s, bins + 1)
    late_s = (phase_s - delay_s)[:, None] % length_s
    wraps = int(np.ceil(8.0 * tau_s / length_s)) + 1
    weights = np.zeros((len(phase_s), bins))
    for wrap in range(wraps + 1):
        since_s = late_s + wrap * length_s
        passed = np.exp(-np.maximum(since_s - edges_s, 0.0) / tau_s)
        weights += passed[:, 1:] - passed[:, :-1]
    bend = np.roll(np.eye(bins), 1, 1) - 2.0 * np.eye(bins) + np.roll(np.eye(bins), -1, 1)
    ridge = 0.02 * len(phase_s) / bins
    trust = np.ones(len(phase_s))
    found: Floats = np.zeros(bins)
    for _ in range(12):
        left = weights.T * trust
        found = np.asarray(np.linalg.solve(left @ weights + ridge * bend.T @ bend, left @ power_w))
        trust = 1.0 / np.maximum(1.0, np.abs(weights @ found - power_w) / 15.0)
    return found
