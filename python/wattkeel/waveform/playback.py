"""From a record to what drives the grid of a site: voltage in pu and frequency over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wattkeel.errors import Fault, ScenarioError
from wattkeel.waveform.estimator import estimate
from wattkeel.waveform.model import Course, Floats, Selection, frozen
from wattkeel.waveform.reader import read_course, read_record

if TYPE_CHECKING:
    from wattkeel._generated.models import GridPlayback

MOST_PU = 2.0
"""Largest voltage that is believed, as for events of the grid; above it the base is wrong."""

MOST_OFFSET_HZ = 15.0
"""Largest offset of frequency that is believed, as for events of the grid."""

OTHER_NOMINAL_HZ = 3.0
"""Median offset from which a record is of another nominal frequency: 50 Hz and 60 Hz lie 10 Hz apart."""


@dataclass(frozen=True, eq=False, slots=True)
class Playback:
    """What a record does to the grid of a site. Arrays are read-only.

    Attributes
    ----------
    time_s : ndarray, shape (n,)
        Time from the first sample of the record, s, strictly ascending.
    voltage_pu : ndarray, shape (n,)
        Voltage.
    offset_hz : ndarray, shape (n,)
        Frequency less the nominal one of the record; zeros where it is not played.
    length_s : float
        Length of the record, its last sample held for the median spacing, s.
    course : Course
        Where they are from.
    notes : tuple of str
        What was decided or noticed on the way.
    """

    time_s: Floats
    voltage_pu: Floats
    offset_hz: Floats
    length_s: float
    course: Course
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The path as it was given."""
        return self.course.source

    @property
    def sha256(self) -> str:
        """Hash of the file as stored."""
        return self.course.sha256

    @property
    def sampling_s(self) -> float:
        """Median spacing of the samples, s."""
        return self.course.sampling_s


def play(parameters: GridPlayback, nominal_frequency_hz: float, where: str = "grid.playback") -> Playback:
    """Read a record and make of it what drives the grid.

    Parameters
    ----------
    parameters : GridPlayback
        The section `[grid.playback]`; `file` absolute or relative to the current folder.
    nominal_frequency_hz : float
        That of the site's grid, Hz: of the record too, where neither it nor the parameters state one.
    where : str
        Place of the section, for messages.

    Raises
    ------
    ScenarioError
        The record cannot be used; holds all faults found.
    MissingExtra
        An optional package is absent.
    """
    course = _course(parameters, nominal_frequency_hz, where)
    faults = []
    base_v = parameters.base_voltage_v
    if course.per_unit and base_v not in (0.0, 1.0):
        message = "the columns are in pu already"
        faults.append(Fault(f"{where}.base_voltage_v", base_v, message, "leave it out"))
    elif not course.per_unit and base_v <= 0.0:
        typical_v = float(np.median(course.rms_v.max(axis=1)))
        message = f"is required: the columns are in V, typically {typical_v:.6g} V"
        kind = "phase to ground" if course.connection == "phase_to_ground" else "line to line"
        remedy = f"give the RMS voltage, {kind}, that is 1 pu"
        faults.append(Fault(f"{where}.base_voltage_v", None, message, remedy))
    usual: Selection = "mean_rms" if course.positive_v is None else "positive_sequence"
    try:
        voltage = course.voltage(usual if parameters.voltage == "auto" else parameters.voltage)
    except ValueError as error:
        faults.append(Fault(f"{where}.voltage", parameters.voltage, str(error), "choose another"))
    if faults:
        raise ScenarioError(faults)
    voltage_pu = voltage if course.per_unit else voltage / base_v
    if voltage_pu.max() > MOST_PU:
        message = f"makes {voltage_pu.max():.4g} pu of the record's largest voltage, more than {MOST_PU:g}"
        raise ScenarioError(
            [Fault(f"{where}.base_voltage_v", base_v, message, "check it and the unit of the columns")]
        )
    notes = list(course.notes)
    offset_hz = np.zeros_like(voltage_pu)
    if parameters.use_frequency and course.frequency_hz is not None:
        offset_hz = course.frequency_hz - course.nominal_frequency_hz
        widest_hz = float(np.abs(offset_hz).max())
        if widest_hz > MOST_OFFSET_HZ:
            message = (
                f"the frequency leaves nominal by up to {widest_hz:.4g} Hz, more than {MOST_OFFSET_HZ:g} Hz"
            )
            remedy = "raise hold_below_pu or frequency_cycles, or set use_frequency = false"
            raise ScenarioError([Fault(f"{where}.use_frequency", True, message, remedy)])
        typical_hz = float(np.median(course.frequency_hz))
        if abs(typical_hz - course.nominal_frequency_hz) > OTHER_NOMINAL_HZ:
            message = f"the record runs at about {typical_hz:.4g} Hz: not of this nominal frequency"
            remedy = f'give the nominal frequency of the record, e.g. "{round(typical_hz, -1):g} Hz"'
            place = f"{where}.record_frequency_hz"
            raise ScenarioError([Fault(place, course.nominal_frequency_hz, message, remedy)])
        recorded_hz = course.nominal_frequency_hz
        if recorded_hz != nominal_frequency_hz:
            told = f"the record is of {recorded_hz:g} Hz, the grid of {nominal_frequency_hz:g} Hz"
            notes.append(f"{told}: offsets are taken over in Hz")
    return Playback(
        time_s=course.time_s, voltage_pu=frozen(voltage_pu), offset_hz=frozen(offset_hz),
        length_s=course.length_s, course=course, notes=tuple(notes),
    )  # fmt: skip


def _course(parameters: GridPlayback, nominal_frequency_hz: float, where: str) -> Course:
    base_v = parameters.base_voltage_v or None
    if parameters.kind == "rms":
        return read_course(
            parameters.file, parameters.voltage_columns, frequency_column=parameters.frequency_column,
            connection=parameters.connection,
            nominal_frequency_hz=parameters.record_frequency_hz or nominal_frequency_hz,
            hold_below=parameters.hold_below_pu, base_v=base_v, where=f"{where}.file",
        )  # fmt: skip
    record = read_record(
        parameters.file,
        parameters.voltage_columns,
        connection=parameters.connection,
        nominal_frequency_hz=parameters.record_frequency_hz,
        where=f"{where}.file",
    )
    return estimate(
        record,
        cycles=parameters.cycles,
        frequency_cycles=parameters.frequency_cycles,
        hold_below=parameters.hold_below_pu,
        base_v=base_v if not record.per_unit else 1.0,
    )
