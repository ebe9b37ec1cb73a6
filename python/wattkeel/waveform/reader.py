"""Reading of three-phase records and of records of RMS values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wattkeel.trace.notes import Notes, counted
from wattkeel.waveform.columns import UNIT_OF, Choice, Label, choose
from wattkeel.waveform.model import Connection, Course, Floats, Record, Sampling, frozen
from wattkeel.waveform.tables import RecordFile

NOMINALS_HZ = (50.0, 60.0)
_NEAR_HZ = 2.0  # a stated line frequency this near to a nominal one is a measured value of it
_FAR = 0.1  # a strongest line this far from nominal is no grid
_GAP = 1.5  # spacings above this many medians are gaps
_MOST = 1e9  # V, A or Hz that are believed
_EVEN = 0.1  # a record is sampled evenly where nine of ten spacings are within this of the median


def read_record(
    path: str | os.PathLike[str],
    columns: Sequence[str] = (),
    *,
    connection: str = "auto",
    nominal_frequency_hz: float = 0.0,
    where: str = "file",
) -> Record:
    """Read the waveforms of three phases.

    Parameters
    ----------
    path : path
        COMTRADE (.cfg, .dat or .cff; needs the extra `io`), CSV (gzip allowed) or Parquet (extra `io`).
    columns : sequence of str
        Voltages of the phases a, b, c, or of two or three pairs of lines; empty: found by name.
    connection : {"auto", "phase_to_ground", "line_to_line"}
        Between what they were measured; auto: by their names.
    nominal_frequency_hz : float
        Nominal frequency, Hz; 0: that of the file, or the nearest of 50 and 60 Hz to the waveform.
    where : str
        Place of the file in the scenario, for messages.

    Returns
    -------
    Record
        In V, time from the first sample.

    Raises
    ------
    TraceError
        The file cannot be used; holds all faults found, each with its remedy.
    MissingExtra
        An optional package is absent.
    """
    notes = Notes(where, os.fspath(path))
    file = RecordFile(Path(path), notes)
    choice = choose(file.labels, "waveform", columns, "", connection, notes)
    time_s, values = file.read([*choice.voltage, *choice.current])
    _believable([*choice.voltage, *choice.current], values, notes)
    count = len(choice.voltage)
    voltage, names = _three(choice, values[:, :count], notes)
    sampling = _sampling(time_s, notes)
    nominal = nominal_frequency_hz or _nominal(file, time_s, voltage, sampling, notes)
    line_hz = _line_hz(time_s, voltage, sampling)
    if abs(line_hz - nominal) > _FAR * nominal + 1.0 / time_s[-1]:
        notes.warn(
            f"the strongest line of the waveform is at {line_hz:.4g} Hz, far from {nominal:g} Hz: check the "
            "times of the samples and the nominal frequency; estimates for that frequency are wrong"
        )
    return Record(
        time_s=frozen(time_s), voltage_v=frozen(voltage), connection=choice.connection,
        current_a=frozen(values[:, count:]) if choice.current else None, nominal_frequency_hz=nominal,
        columns=names, sampling=sampling, per_unit=_per_unit(choice.voltage, notes), source=notes.source,
        sha256=file.sha256, notes=tuple(notes.warnings),
    )  # fmt: skip


def read_course(
    path: str | os.PathLike[str],
    columns: Sequence[str] = (),
    *,
    frequency_column: str = "",
    connection: str = "auto",
    nominal_frequency_hz: float = 0.0,
    hold_below: float = 0.1,
    base_v: float | None = None,
    where: str = "file",
) -> Course:
    """Read RMS values of voltage and, if recorded, frequency; they are used as they are.

    Parameters
    ----------
    path, columns, connection, nominal_frequency_hz, where
        As in `read_record`; one column of voltage is enough.
    frequency_column : str
        Column of frequency; empty: found by name, if there is one.
    hold_below : float
        Frequency is held where the mean voltage is below this part of the base.
    base_v : float, optional
        RMS voltage of 1 pu; without it the largest mean voltage but for the top 5 % of the time.

    Raises
    ------
    TraceError
        The file cannot be used; holds all faults found, each with its remedy.
    MissingExtra
        An optional package is absent.
    """
    notes = Notes(where, os.fspath(path))
    file = RecordFile(Path(path), notes)
    choice = choose(file.labels, "rms", columns, frequency_column, connection, notes)
    wanted = [*choice.voltage, *([choice.frequency] if choice.frequency else [])]
    time_s, values = file.read(wanted)
    _believable(wanted, values, notes)
    voltage = values[:, : len(choice.voltage)]
    below = int((voltage < 0.0).any(axis=1).sum())
    if below:
        notes.fault(
            f"{counted(below, 'sample')} of RMS voltage below zero, the lowest {voltage.min():.6g}",
            'an RMS value is positive: correct it, or read waveforms with kind = "waveform"',
        )
    if choice.frequency and (values[:, -1] <= 0.0).any():
        notes.fault("frequency at or below zero", f"correct column '{choice.frequency.name}'")
    notes.check()
    mean = voltage.mean(axis=1)
    held = mean < hold_below * (base_v or float(np.quantile(mean, 0.95)))
    frequency = _held(values[:, -1], held, time_s, notes) if choice.frequency else None
    step_s = np.diff(time_s)
    if _is_even(step_s):
        _sampling(time_s, notes)
    nominal = nominal_frequency_hz or file.nominal_frequency_hz or _nearest_nominal(frequency)
    held.setflags(write=False)
    return Course(
        time_s=frozen(time_s), rms_v=frozen(voltage), positive_v=None, negative_v=None, zero_v=None,
        angle_rad=None, frequency_hz=frequency, held=held, nominal_frequency_hz=nominal,
        connection=choice.connection, delay_s=0.0, frequency_delay_s=0.0, sampling_s=float(np.median(step_s)),
        per_unit=_per_unit(choice.voltage, notes), columns=tuple(one.name for one in choice.voltage),
        source=notes.source, sha256=file.sha256, notes=tuple(notes.warnings),
    )  # fmt: skip


def _held(frequency: Floats, held: np.ndarray, time_s: Floats, notes: Notes) -> Floats:
    """Hold the frequency where there is hardly a voltage."""
    if held.all() or not held.any():
        return frozen(frequency)
    first = int(np.argmin(held))
    source = np.maximum.accumulate(np.where(held, 0, np.arange(len(held))))
    source[:first] = first
    share_s = float(np.diff(time_s, prepend=time_s[0])[held].sum())
    notes.warn(f"frequency is held for {share_s:.4g} s in all, where the voltage is too low for it")
    return frozen(frequency[source])


def _believable(labels: Sequence[Label], values: Floats, notes: Notes) -> None:
    """Refuse values that no meter gives: a failed channel, or a slip of the unit."""
    largest = np.abs(values).max(axis=0)
    for one, value in zip(labels, largest.tolist(), strict=True):
        if value > _MOST:
            unit = UNIT_OF[one.quantity]
            notes.fault(
                f"column '{one.name}' reaches {value:.4g} {unit}", "correct the unit, or delete these samples"
            )
    notes.check()


def _three(choice: Choice, values: Floats, notes: Notes) -> tuple[Floats, tuple[str, ...]]:
    """Give three columns; of two voltages between lines the third closes the triangle."""
    names = [one.name for one in choice.voltage]
    if len(names) == 3:
        return values, tuple(names)
    places = [one.phase for one in choice.voltage]
    if sorted(places) not in ([0, 1], [0, 2], [1, 2]):
        places = [0, 1]  # names that tell nothing: in the order given
    absent = ({0, 1, 2} - set(places)).pop()
    made = np.empty((len(values), 3))
    made[:, places] = values
    made[:, absent] = -values.sum(axis=1)
    formula = f"-({names[0]} + {names[1]})"
    notes.warn(f"the third voltage between lines is {formula}")
    whole = dict(zip(places, names, strict=True)) | {absent: formula}
    return made, tuple(whole[place] for place in range(3))


def _per_unit(voltage: Sequence[Label], notes: Notes) -> bool:
    """Whether voltages are in pu; columns without a unit are volts."""
    units = {one.unit == "pu" for one in voltage}
    if len(units) > 1:
        notes.stop("some columns of voltage are in pu and some in V", "name columns of one kind")
    bare = [one.name for one in voltage if not one.unit]
    if bare:
        notes.warn(f"column '{bare[0]}' states no unit: taken as V")
    return units == {True}


def _is_even(step_s: Floats) -> bool:
    """Whether a record is sampled evenly, rather than written where something changes."""
    median_s = float(np.median(step_s))
    return float(np.mean(np.abs(step_s - median_s) <= _EVEN * median_s)) >= 0.9


def _sampling(time_s: Floats, notes: Notes) -> Sampling:
    """Judge rate, jitter and gaps."""
    step_s = np.diff(time_s)
    median_s = float(np.median(step_s))
    gap = step_s > _GAP * median_s
    if gap.any():
        longest = f"the longest {step_s.max():.6g} s at t = {time_s[int(np.argmax(step_s))]:.6g} s"
        notes.warn(f"{counted(int(gap.sum()), 'gap')} in the samples, {longest}")
    return Sampling(
        rate_hz=1.0 / float(step_s[~gap].mean()),
        jitter_s=float(np.abs(step_s[~gap] - median_s).max(initial=0.0)),
        gaps=int(gap.sum()),
        longest_gap_s=float(step_s.max()) if gap.any() else 0.0,
    )


def _nominal(file: RecordFile, time_s: Floats, voltage: Floats, sampling: Sampling, notes: Notes) -> float:
    """Nominal frequency: as stated, else the nearest usual one to the strongest line of the waveform."""
    stated = file.nominal_frequency_hz
    for nominal in NOMINALS_HZ:
        if 0.0 < abs(stated - nominal) <= _NEAR_HZ:
            notes.warn(f"the file states a line frequency of {stated:g} Hz: taken as {nominal:g} Hz nominal")
            return nominal
    if stated > 0.0:
        return stated
    line_hz = _line_hz(time_s, voltage, sampling)
    nominal = min(NOMINALS_HZ, key=lambda hertz: abs(hertz - line_hz))
    notes.warn(f"the strongest line of the waveform is at {line_hz:.4g} Hz: nominal frequency {nominal:g} Hz")
    return nominal


def _line_hz(time_s: Floats, voltage: Floats, sampling: Sampling) -> float:
    """Frequency of the strongest line of all phases together, Hz."""
    even_s = np.arange(0.0, time_s[-1], 1.0 / sampling.rate_hz)
    power = np.zeros(len(even_s) // 2 + 1)
    for phase in range(3):
        wave = np.interp(even_s, time_s, voltage[:, phase])
        power += np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    return float(np.fft.rfftfreq(len(even_s), 1.0 / sampling.rate_hz)[int(np.argmax(power))])


def _nearest_nominal(frequency: Floats | None) -> float:
    """Usual nominal frequency nearest to the median of what was recorded; 50 Hz without a record of it."""
    if frequency is None:
        return NOMINALS_HZ[0]
    median_hz = float(np.median(frequency))
    return min(NOMINALS_HZ, key=lambda hertz: abs(hertz - median_hz))


__all__ = ["Connection", "read_course", "read_record"]
