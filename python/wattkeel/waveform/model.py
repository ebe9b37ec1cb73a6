"""What the rest of the package works with: a record as measured, and its course in RMS and frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Connection: TypeAlias = Literal["phase_to_ground", "line_to_line"]
Selection: TypeAlias = Literal[
    "positive_sequence", "least_phase", "mean_rms", "phase_a", "phase_b", "phase_c"
]

PHASES: dict[str, tuple[str, str, str]] = {
    "phase_to_ground": ("a", "b", "c"),
    "line_to_line": ("ab", "bc", "ca"),
}
"""Names of the three columns by connection."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How evenly a record is sampled.

    Attributes
    ----------
    rate_hz : float
        Samples per second, gaps left out.
    jitter_s : float
        Largest deviation of a spacing from the median, gaps excluded, s.
    gaps : int
        Spacings of more than 1.5 medians.
    longest_gap_s : float
        The longest of them, s; 0 without gaps.
    """

    rate_hz: float
    jitter_s: float
    gaps: int
    longest_gap_s: float


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """Waveforms of three phases on one time base. Arrays are read-only.

    Attributes
    ----------
    time_s : ndarray, shape (n,)
        Time of the samples from the first, s, strictly ascending.
    voltage_v : ndarray, shape (n, 3)
        Voltages of phases a, b, c to ground, or between a-b, b-c, c-a, V.
    connection : {"phase_to_ground", "line_to_line"}
        Between what they were measured.
    current_a : ndarray, shape (n, 3), or None
        Currents of the phases, A, where the file has exactly three by name.
    nominal_frequency_hz : float
        Nominal frequency, Hz.
    columns : tuple of str
        Names in the file of what `voltage_v` holds; a derived one as a formula.
    sampling : Sampling
        Rate, jitter and gaps.
    per_unit : bool
        The file states pu instead of volts; `voltage_v` holds pu of an RMS base then.
    source, sha256 : str
        Path as given, and hash of the file that holds the samples, as stored.
    notes : tuple of str
        What the reader decided or noticed.
    """

    time_s: Floats
    voltage_v: Floats
    connection: Connection
    current_a: Floats | None
    nominal_frequency_hz: float
    columns: tuple[str, ...]
    sampling: Sampling
    per_unit: bool
    source: str
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def phases(self) -> tuple[str, str, str]:
        """Names of the columns: a, b, c or ab, bc, ca."""
        return PHASES[self.connection]


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """RMS voltage and frequency over time: estimated from a `Record`, or as recorded. Arrays are read-only.

    Attributes
    ----------
    time_s : ndarray, shape (n,)
        Time from the first sample, s, strictly ascending.
    rms_v : ndarray, shape (n, m)
        RMS voltage of the m = 3 phases, or of the one column there is, V (or pu, see `per_unit`).
    positive_v, negative_v, zero_v : ndarray, shape (n,), or None
        Magnitudes of the symmetrical components as RMS values, V; None for RMS records. The zero sequence
        of voltages between lines is nothing by their sum, whatever that to ground is.
    angle_rad : ndarray, shape (n,), or None
        Angle of the positive sequence against a phasor that turns at the nominal frequency, unwrapped.
    frequency_hz : ndarray, shape (n,), or None
        Frequency; None where a record of RMS values has none.
    held : ndarray of bool, shape (n,)
        Where the frequency is not measured but held.
    nominal_frequency_hz : float
        Nominal frequency, Hz.
    connection : {"phase_to_ground", "line_to_line"}
        Between what the voltages were measured.
    delay_s, frequency_delay_s : float
        By how much voltage and frequency lag what they measure: half a window, and half a window with half
        the time over which the angle is differenced; 0 for records of RMS values.
    sampling_s : float
        Median spacing, s.
    per_unit : bool
        Voltages are in pu already.
    columns : tuple of str
        Names in the file of the columns of voltage.
    source, sha256 : str
        Path as given, and hash of the file as stored.
    notes : tuple of str
        What was decided or noticed on the way.
    """

    time_s: Floats
    rms_v: Floats
    positive_v: Floats | None
    negative_v: Floats | None
    zero_v: Floats | None
    angle_rad: Floats | None
    frequency_hz: Floats | None
    held: Flags
    nominal_frequency_hz: float
    connection: Connection
    delay_s: float
    frequency_delay_s: float
    sampling_s: float
    per_unit: bool
    columns: tuple[str, ...]
    source: str
    sha256: str
    notes: tuple[str, ...] = ()

    @property
    def length_s(self) -> float:
        """Length of the record, its last sample held for the median spacing, s."""
        return float(self.time_s[-1]) + self.sampling_s

    def voltage(self, selection: Selection) -> Floats:
        """Give the voltage that drives a site.

        Parameters
        ----------
        selection : str
            `positive_sequence`, `least_phase` (the lowest RMS value at each time), `mean_rms`, or `phase_a`,
            `phase_b`, `phase_c` (line to line: a-b, b-c, c-a).

        Returns
        -------
        ndarray, shape (n,)
            V, or pu where `per_unit`.

        Raises
        ------
        ValueError
            The course has no positive sequence, or no such phase.
        """
        if selection == "positive_sequence":
            if self.positive_v is None:
                raise ValueError("RMS values have no positive sequence: choose mean_rms or least_phase")
            return self.positive_v
        if selection == "least_phase":
            return np.asarray(self.rms_v.min(axis=1))
        if selection == "mean_rms":
            return np.asarray(self.rms_v.mean(axis=1))
        place = {"phase_a": 0, "phase_b": 1, "phase_c": 2}.get(selection)
        if place is None or place >= self.rms_v.shape[1]:
            raise ValueError(f"there is no {selection} among {self.rms_v.shape[1]} columns of RMS voltage")
        return np.asarray(self.rms_v[:, place])


def frozen(array: Floats) -> Floats:
    """Give the array as a contiguous one that cannot be written."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
