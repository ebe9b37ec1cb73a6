"""Records of waveforms: power, positive sequence, RMS values and frequency at an even step.

Power is p(t) = sum of v i over the phases (of voltages between lines: v_ab i_a - v_bc i_c, the two
wattmeters, exact without a current of zero sequence). Rules without a band are judged on its mean over one
nominal cycle, (t - T, t], the active power of IEEE 1459; rules of a band on its mean over each step, since a
mean over a cycle hides what is faster: it passes 0.99 at 0.08/T (4.7 Hz at 60 Hz) and 0.09 at 55 Hz. The mean
over a step of 1 ms passes 0.995 at 55 Hz. Unbalance shows in it at twice the nominal frequency, above every
band.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wattkeel.compliance.record import Array
from wattkeel.compliance.records import quantities, stretches
from wattkeel.compliance.records.model import RecordNotes, Wanted
from wattkeel.trace.notes import placed
from wattkeel.waveform import Course, Record, estimate, read_record
from wattkeel.waveform.playback import MOST_PU, OTHER_NOMINAL_HZ

__all__ = ["Waveforms", "measured"]


@dataclass(slots=True)
class Waveforms:
    """What was computed from waveforms, at an even step.

    Attributes
    ----------
    power_w : ndarray, shape (n,), or None
        Mean over the last nominal cycle, W, as signed in the file; None without three currents in A.
    banded_w : ndarray, shape (n,), or None
        Mean over each step, W.
    tick_s : float
        Step, s.
    begin_s : float
        Where the stretch that is judged begins, s from the first sample of the file.
    fields : dict
        Further fields of a `MeasuredRecord`.
    """

    power_w: Array | None
    banded_w: Array | None
    tick_s: float
    begin_s: float
    fields: dict[str, Any] = field(default_factory=dict)


def measured(path: str | os.PathLike[str], wanted: Wanted, notes: RecordNotes) -> Waveforms:
    """Read waveforms and compute what rules are judged on.

    Raises
    ------
    ScenarioError
        The file cannot be used; holds all faults found.
    """
    named = tuple(name for name in wanted.voltage_columns if name != quantities.NONE)
    whole = read_record(path, named, connection=wanted.connection, where=notes.place)
    _same_nominal(whole, wanted, notes)
    every = np.ones(len(whole.time_s), dtype=np.bool_)
    stretch = stretches.even(whole.time_s, every, wanted.gaps, _samples, notes)
    record = _cut(whole, stretch)
    base_v = _base_v(record, wanted, notes)
    course = estimate(record, base_v=base_v)
    _same_frequency(course, notes)
    grid = _Grid(record.time_s, stretch.tick_s, wanted.step_s)
    if len(grid.end_s) < 2:
        length_s = len(record.time_s) * stretch.tick_s
        message = f"the record lasts {length_s:.4g} s, less than two steps of {grid.tick_s:g} s"
        notes.stop(message, "give a shorter --step (1 ms), or record for longer")
    power = _power(record, notes)
    cycle_s = 1.0 / record.nominal_frequency_hz
    cycle_w = banded_w = None
    if power is not None:
        turned = -power if wanted.sign == "export" else power
        cycle_w, banded_w = grid.mean_over(turned, cycle_s), grid.mean_over(turned, grid.tick_s)
    _tell(record, course, grid.tick_s, power is not None, notes)
    fields: dict[str, Any] = {
        "nominal_frequency_hz": record.nominal_frequency_hz,
        "frequency_hz": grid.at(course.frequency_hz) if course.frequency_hz is not None else None,
        "remarks": stretch.remarks,
        "sha256": record.sha256,
        "kind": "waveform",
        "columns": {"voltage": record.columns, **({"current": ("by phase",)} if power is not None else {})},
        "count": len(grid.end_s),
    }
    if base_v is not None and course.positive_v is not None:
        fields["voltage_pu"] = grid.at(course.positive_v) / base_v
        fields["phase_voltage_pu"] = np.stack([grid.at(phase) for phase in course.rms_v.T]) / base_v
    return Waveforms(cycle_w, banded_w, grid.tick_s, float(whole.time_s[stretch.rows[0]]), fields)


def _samples(rows: Any) -> str:
    return placed("sample", [row + 1 for row in rows])


def _cut(whole: Record, stretch: stretches.Stretch) -> Record:
    """The stretch that is judged, on the times of its even grid."""
    rows = stretch.rows
    time_s = np.asarray(np.arange(len(rows)) * stretch.tick_s, dtype=np.float64)
    even = dataclasses.replace(
        whole.sampling, rate_hz=1.0 / stretch.tick_s, jitter_s=0.0, gaps=0, longest_gap_s=0.0
    )
    return dataclasses.replace(
        whole, time_s=time_s, voltage_v=whole.voltage_v[rows], sampling=even,
        current_a=None if whole.current_a is None else whole.current_a[rows],
    )  # fmt: skip


def _same_nominal(record: Record, wanted: Wanted, notes: RecordNotes) -> None:
    asked_hz = wanted.nominal_frequency_hz
    if asked_hz and abs(record.nominal_frequency_hz - asked_hz) > OTHER_NOMINAL_HZ:
        notes.stop(
            f"the waveforms are of {record.nominal_frequency_hz:g} Hz, not the {asked_hz:g} Hz asked for",
            "correct --nominal-frequency",
        )


def _same_frequency(course: Course, notes: RecordNotes) -> None:
    """Refuse a record that runs at another frequency than its file states: estimates would be wrong."""
    if course.frequency_hz is None or course.held.all():
        return
    typical_hz = float(np.median(course.frequency_hz[~course.held]))
    if abs(typical_hz - course.nominal_frequency_hz) > OTHER_NOMINAL_HZ:
        notes.stop(
            f"the waveforms run at about {typical_hz:.4g} Hz, not at {course.nominal_frequency_hz:g} Hz",
            "check the times of the samples and the line frequency that the file states",
        )


def _base_v(record: Record, wanted: Wanted, notes: RecordNotes) -> float | None:
    """RMS voltage of 1 pu, between what the record was measured; None where it is not known."""
    if record.per_unit:
        return 1.0
    typical_v = float(np.sqrt((record.voltage_v**2).mean(axis=0)).max())
    if wanted.nominal_voltage_v is None:
        notes.warn(
            f"voltage is not judged: its RMS value is {typical_v:.6g} V; give --nominal-voltage, line to line"
        )
        return None
    to_ground = record.connection == "phase_to_ground"
    base_v = wanted.nominal_voltage_v / (quantities.SQRT3 if to_ground else 1.0)
    peak_pu = float(np.abs(record.voltage_v).max()) / (np.sqrt(2.0) * base_v)
    if not quantities.LIVE_PU / 2.0 <= peak_pu <= 2.0 * MOST_PU:
        between = "to ground" if to_ground else "between lines"
        notes.stop(
            f"the highest peak of the voltage {between} is {peak_pu:.4g} times that of {base_v:.6g} V RMS",
            "correct --nominal-voltage (line to line), --connection or the unit",
        )
    return base_v


def _power(record: Record, notes: RecordNotes) -> Array | None:
    """Instantaneous power of the three phases, W."""
    if record.current_a is None:
        notes.warn("there is no power: the file has no three currents by name")
        return None
    if record.per_unit:
        notes.warn("there is no power: voltages are in pu")
        return None
    volts, amperes = record.voltage_v, record.current_a
    if record.connection == "phase_to_ground":
        return np.asarray((volts * amperes).sum(axis=1))
    notes.warn("power by two wattmeters: exact without a current of zero sequence")
    return np.asarray(volts[:, 0] * amperes[:, 0] - volts[:, 1] * amperes[:, 2])


class _Grid:
    """Even steps over the samples; those of the samples where they are slower than the step asked for."""

    def __init__(self, time_s: Array, sample_s: float, step_s: float) -> None:
        self._time_s, self._sample_s = time_s, sample_s
        self.tick_s = max(sample_s, step_s)
        length_s = len(time_s) * sample_s
        count = int(length_s / self.tick_s * (1.0 + 1e-9))
        #: End of every step, s; each sample stands for the time up to its successor.
        self.end_s = (np.arange(count) + 1.0) * self.tick_s

    def at(self, values: Array) -> Array:
        """Values at the end of every step."""
        return np.asarray(np.interp(self.end_s - self._sample_s, self._time_s, values))

    def mean_over(self, values: Array, window_s: float) -> Array:
        """Mean over the window that ends with every step; the first whole one before."""
        edges_s = np.concatenate((self._time_s, [self._time_s[-1] + self._sample_s]))
        sums = np.concatenate(([0.0], np.cumsum(values))) * self._sample_s
        end_s = np.minimum(np.maximum(self.end_s, window_s), edges_s[-1])
        return np.asarray(
            (np.interp(end_s, edges_s, sums) - np.interp(end_s - window_s, edges_s, sums)) / window_s
        )


def _tell(record: Record, course: Course, tick_s: float, has_power: bool, notes: RecordNotes) -> None:
    """What the estimates are, and how late."""
    for note in course.notes:
        notes.warn(note)
    cycle_ms = 1e3 / record.nominal_frequency_hz
    notes.warn(
        f"waveforms are judged every {tick_s:.6g} s; voltage is that of the last cycle "
        f"({1e3 * course.delay_s:.3g} ms late), frequency that of the last "
        f"{2e3 * course.frequency_delay_s:.4g} ms"
    )
    if has_power:
        notes.warn(
            f"power: mean over the last cycle ({cycle_ms:.4g} ms) for rules without a band, over each step "
            "for rules of a band"
        )
