"""Power, voltage and frequency of a file of values: which columns they are; their values in W, pu, Hz."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wattkeel.compliance.record import Array
from wattkeel.compliance.records.model import RecordNotes, Wanted
from wattkeel.compliance.records.sources import Signal, Values, is_filled, named
from wattkeel.trace import layout, sampling
from wattkeel.trace.cells import to_si
from wattkeel.trace.csv_reader import shown_names
from wattkeel.trace.headers import POWER_UNITS
from wattkeel.trace.notes import Notes, TraceError, counted
from wattkeel.trace.samples import MOST_POWER_W
from wattkeel.waveform.columns import UNITS, choose, unit_of
from wattkeel.waveform.playback import MOST_PU, OTHER_NOMINAL_HZ

__all__ = ["NOMINALS_HZ", "POWER_UNITS", "VOLTAGE_UNITS", "Part"]

Place = Callable[[Sequence[int]], str]

NONE = "none"
NOMINALS_HZ = (50.0, 60.0)
VOLTAGE_UNITS = ("V", "kV", "MV", "mV", "pu")
VAR_UNITS = {"var": 1.0, "kvar": 1e3, "mvar": 1e6}  # as headers are read, in lower case
SQRT3 = math.sqrt(3.0)
POI_POWER = "poi_power"  # of files that wattkeel wrote itself

LIVE_PU = 0.7  # typical voltage (95 % quantile) below which a base is wrong (1/sqrt 3 = 0.58), and
HIGH_PU = 1.4  # above which it is
NEAR = 0.15  # share by which a typical voltage may lie beside the base that tells its connection
MOST_VOLTAGE = 1e9  # of any unit, that is believed
DEAD_PU = 0.1  # voltage below which a meter has no frequency
MIXED = 0.02  # share of frequencies near each of the nominal ones from which a record is a mixture


@dataclass(frozen=True, slots=True)
class Part:
    """One quantity of a record.

    Attributes
    ----------
    quantity : str
        "power", "reactive power", "voltage" or "frequency".
    names : tuple of str
        Columns, as in the file.
    values : ndarray, shape (n, k)
        W, var, Hz (k = 1) or pu; NaN where there is none.
    phases : int
        How many of the columns of a voltage are phases; the one after them is the positive sequence.
    """

    quantity: str
    names: tuple[str, ...]
    values: Array
    phases: int = 0


# ---------------------------------------------------------------------------------------------- power


def choose_power(signals: Sequence[Signal], wanted: Wanted, notes: RecordNotes) -> list[Signal]:
    """Columns of power: those named, else all that are power by name and unit."""
    asked = wanted.power_columns
    if asked == (NONE,):
        return []
    if asked:
        found = named(signals, asked, "--power-column", notes)
        wrong = [
            one.name
            for one in found
            if one.quantity not in ("power", "other") or one.column.kind == "foreign"
        ]
        if wrong:
            notes.fault(f"{shown_names(wrong)} is not power", notes.choose)
        return found
    found = [one for one in signals if one.quantity == "power"]
    own = [one for one in found if one.column.plain == POI_POWER]
    if own and len(found) > 1:
        others = shown_names([one.name for one in found if one not in own])
        notes.warn(f"power is read from '{own[0].name}'; left out: {others}")
    return own or found


def power(chosen: Sequence[Signal], read: Values, wanted: Wanted, notes: RecordNotes) -> Part | None:
    """Power of the site, W, import positive: the sum of the columns in use; None where there is none."""
    if not chosen:
        return None
    filled = [one for one in chosen if is_filled(read.of[one.index])]
    empty = shown_names([one.name for one in chosen if one not in filled])
    if not filled or (empty and wanted.power_columns):
        notes.fault(f"no value in {empty}", notes.choose)
        return None
    if empty:
        notes.warn(f"{empty} left out: no value in it")
    if not wanted.power_columns:
        columns = layout.choose([one.column for one in filled], notes)
        filled = [one for one in filled if one.column in columns]
    parts = [values for one in filled if (values := _watts(one, read, wanted, notes)) is not None]
    if len(parts) < max(len(filled), 1):
        return None  # a fault says why
    names = tuple(one.name for one in filled)
    each = np.column_stack(parts)
    total = each.sum(axis=1)
    if len(names) > 1:
        notes.warn(f"power is the sum of {len(names)} columns: {shown_names(names)}")
        sampling.warn_of_copies(names, each, notes)
    _warn_of_refresh(read.time_s, each, notes)
    if wanted.sign == "export":
        total = -total
        notes.warn("power was exported in the file: its sign is turned")
    elif np.nanmean(total) < 0.0:
        notes.warn("power is below zero on average: if that is import in the file, give --sign export")
    return Part("power", names, total[:, None])


def _watts(one: Signal, read: Values, wanted: Wanted, notes: RecordNotes) -> Array | None:
    """One column in W; a fault where its unit is not told."""
    stated, values = read.units[one.index], read.of[one.index]
    unit = wanted.power_unit or stated
    if unit not in POWER_UNITS:
        told = "states no unit" if not unit else f"is in {unit!r}, which may be milliwatts or megawatts"
        largest = float(np.nanmax(np.abs(values)))
        notes.fault(
            f"column '{one.name}' {told}; its largest value is {largest:.6g}",
            "write it in the header, e.g. 'power [MW]', or give --power-unit MW (or kW, W)",
        )
        return None
    if wanted.power_unit and stated and stated != unit:
        notes.warn(f"column '{one.name}': the file says {stated}, read as {unit} as asked for")
    watts = to_si(values, unit, POWER_UNITS)
    if np.nanmax(np.abs(watts)) > MOST_POWER_W:
        notes.fault(
            f"column '{one.name}': {np.nanmax(np.abs(watts)):.4g} W is above {MOST_POWER_W:g} W",
            "correct the unit (--power-unit), or delete the samples in which the meter failed",
        )
        return None
    return watts


def _warn_of_refresh(time_s: Array, each: Array, notes: Notes) -> None:
    """Tell of a meter that repeats its last value, so that nothing faster is in the record."""
    step_s = np.diff(time_s)
    if len(step_s) < 2 or not (step_s > 0.0).all():
        return
    usual_s, length_s = float(np.median(step_s)), float(time_s[-1] - time_s[0])
    sampling.warn_of_refresh(usual_s, sampling.refresh_of(time_s, each, length_s), length_s, notes)


# ---------------------------------------------------------------------------------------------- reactive


def choose_reactive(signals: Sequence[Signal], wanted: Wanted, notes: RecordNotes) -> list[Signal]:
    """The column of reactive power: that named, else the only one by its unit."""
    asked = wanted.reactive_column
    if asked == NONE:
        return []
    found = named(signals, [asked], "--reactive-column", notes) if asked else []
    wrong = [one.name for one in found if one.column.unit not in VAR_UNITS]
    if wrong:
        remedy = "name a column with such a unit: --reactive-column NAME"
        notes.fault(f"{shown_names(wrong)} is not in var, kvar or Mvar", remedy)
    found = found or [one for one in signals if one.column.unit in VAR_UNITS]
    own = [one for one in found if one.column.plain == "poi_reactive_power"]
    if len(own or found) > 1:
        names = shown_names([one.name for one in found])
        notes.warn(f"reactive power is not judged: several columns are: {names}; give --reactive-column")
        return []
    return own or found


def reactive(chosen: Sequence[Signal], read: Values, wanted: Wanted) -> Part | None:
    """Reactive power of the site, var, import (lagging) positive."""
    if not chosen or not is_filled(read.of[chosen[0].index]):
        return None
    one = chosen[0]
    values = read.of[one.index] * VAR_UNITS[one.column.unit]
    return Part("reactive power", (one.name,), (-values if wanted.sign == "export" else values)[:, None])


# ---------------------------------------------------------------------------------------------- voltage


def choose_voltage(signals: Sequence[Signal], wanted: Wanted, notes: RecordNotes) -> tuple[list[Signal], str]:
    """Columns of voltage, phases in their order and then the positive sequence, and their connection.

    The connection is "" where nothing tells it. Names that do not tell are no fault unless asked for: the
    record is then judged without its voltage, with a note.
    """
    asked = wanted.voltage_columns
    if asked == (NONE,):
        return [], ""
    if asked:
        found = named(signals, asked, "--voltage-column", notes)
        wrong = [one.name for one in found if one.quantity not in ("voltage", "other")]
        if wrong:
            notes.fault(f"{shown_names(wrong)} is not voltage", "name voltages: --voltage-column NAME")
        if len(found) > 3:
            notes.fault(f"{len(found)} columns of voltage", "name one, or the three phases")
        return found, _connection(found, wanted)
    voltages = [one for one in signals if one.quantity == "voltage"]
    positive = [one for one in voltages if one.label.phase < 0 and "pos" in one.label.group]
    by_index = {one.index: one for one in voltages}
    for kind in ("rms", "waveform"):
        try:
            labels = [one.label for one in voltages]
            picked = choose(labels, kind, (), "", wanted.connection, Notes(notes.place, notes.source))
        except TraceError:
            continue
        found = [by_index[one.index] for one in picked.voltage]
        added = [one for one in positive[:1] if one not in found]
        return [*found, *added], _connection(found, wanted)
    if positive:
        return positive[:1], _connection(positive[:1], wanted)
    if voltages:
        names = shown_names([one.name for one in voltages])
        told = f"the names do not tell which of {names}"
        notes.warn(f"voltage is not judged: {told}; give --voltage-column")
    return [], ""


def _connection(found: Sequence[Signal], wanted: Wanted) -> str:
    if wanted.connection != "auto":
        return wanted.connection
    told = {one.label.connection for one in found if one.label.connection}
    return told.pop() if len(told) == 1 else ""


def voltage(
    chosen: Sequence[Signal], connection: str, read: Values, wanted: Wanted, place: Place, notes: RecordNotes
) -> Part | None:
    """RMS voltage in pu; None where there is none, or its base is not known (then a note says so)."""
    chosen = [one for one in chosen if is_filled(read.of[one.index])]
    if not chosen:
        return None
    names = tuple(one.name for one in chosen)
    unit = _voltage_unit(chosen, read, wanted, notes)
    if not unit:
        return None
    values = np.column_stack([read.of[one.index] for one in chosen])
    absurd = np.flatnonzero((np.abs(values) > MOST_VOLTAGE).any(axis=1))
    if absurd.size:
        largest = f"{np.nanmax(np.abs(values)):.4g} {unit} ({place(absurd.tolist())})"
        notes.fault(
            f"{shown_names(names)}: a voltage of {largest}", "correct the unit, or delete these samples"
        )
        return None
    below = np.flatnonzero((values < 0.0).any(axis=1))
    if below.size:
        notes.fault(
            f"RMS voltage ({shown_names(names)}) below zero in {counted(below.size, 'sample')} "
            f"({place(below.tolist())})",
            "correct it; or read waveforms with --kind waveform, or leave it out with --voltage-column none",
        )
        return None
    pu = (
        values
        if unit == "pu"
        else _per_unit(values * UNITS[unit][1] / UNITS[unit][2], connection, names, wanted, notes)
    )
    if pu is None:
        return None
    phases = len(chosen) - (
        1 if len(chosen) > 1 and chosen[-1].label.phase < 0 <= chosen[0].label.phase else 0
    )
    if phases == len(chosen) > 1:
        notes.warn(
            "voltage is the mean of the RMS values of the phases: without angles there is no positive "
            "sequence"
        )
    return Part("voltage", names, pu, phases)


def _voltage_unit(chosen: Sequence[Signal], read: Values, wanted: Wanted, notes: RecordNotes) -> str:
    """Unit of the columns; "" where it is not told."""
    units = {unit_of(wanted.voltage_unit) or read.units[one.index] for one in chosen}
    names = shown_names([one.name for one in chosen])
    if len(units) > 1:
        notes.fault(f"{names} are in different units", "name columns of one unit: --voltage-column")
        return ""
    unit = units.pop()
    if unit in VOLTAGE_UNITS:
        return unit
    remedy = "write it in the header, e.g. 'voltage [kV]', or give --voltage-unit"
    if wanted.voltage_columns:
        notes.fault(f"{names}: no unit is stated", remedy)
    else:
        notes.warn(f"voltage is not judged: {names} without a unit; {remedy}")
    return ""


def _per_unit(
    volts: Array, connection: str, names: tuple[str, ...], wanted: Wanted, notes: RecordNotes
) -> Array | None:
    """Voltage in pu of the nominal one; the connection, where it is not told, by the typical value."""
    nominal_v = wanted.nominal_voltage_v
    live = volts[np.isfinite(volts).all(axis=1)].max(axis=1)
    typical_v = float(np.quantile(live, 0.95)) if live.size else 0.0
    if nominal_v is None:
        notes.warn(
            f"voltage is not judged: {shown_names(names)} in V, typically {typical_v:.6g} V; give "
            "--nominal-voltage, line to line"
        )
        return None
    if not connection:
        ratio = typical_v / nominal_v
        if abs(ratio - 1.0) <= NEAR:
            connection = "line_to_line"
        elif abs(ratio * SQRT3 - 1.0) <= NEAR:
            connection = "phase_to_ground"
        else:
            notes.fault(
                f"{shown_names(names)}: typically {typical_v:.6g} V, neither {nominal_v:.6g} V between lines "
                f"nor {nominal_v / SQRT3:.6g} V to ground",
                "correct --nominal-voltage or the unit, or give --connection",
            )
            return None
        notes.warn(f"voltage is taken as {connection.replace('_', ' ')}: it is typically {typical_v:.6g} V")
    base_v = nominal_v / SQRT3 if connection == "phase_to_ground" else nominal_v
    typical, largest = typical_v / base_v, float(np.nanmax(volts)) / base_v if live.size else 0.0
    if not LIVE_PU <= typical <= HIGH_PU or largest > MOST_PU:
        between = "to ground" if connection == "phase_to_ground" else "between lines"
        notes.fault(
            f"{shown_names(names)}: typically {typical:.4g} pu, at most {largest:.4g} pu of {base_v:.6g} V "
            f"{between}",
            "correct --nominal-voltage (line to line), --connection or the unit",
        )
        return None
    return volts / base_v


# ---------------------------------------------------------------------------------------------- frequency


def choose_frequency(signals: Sequence[Signal], wanted: Wanted, notes: RecordNotes) -> list[Signal]:
    """The column of frequency: that named, else the only one by name and unit."""
    asked = wanted.frequency_column
    if asked == NONE:
        return []
    if asked:
        found = named(signals, [asked], "--frequency-column", notes)
        if len(found) > 1:
            notes.fault(f"{len(found)} columns are '{asked}'", "name one: --frequency-column NAME")
        return found[:1]
    found = [one for one in signals if one.quantity == "frequency"]
    if len(found) > 1:
        names = shown_names([one.name for one in found])
        notes.warn(f"frequency is not judged: several columns are: {names}; give --frequency-column")
        return []
    return found


def frequency(
    chosen: Sequence[Signal], read: Values, voltage: Part | None, place: Place, notes: RecordNotes
) -> Part | None:
    """Frequency, Hz; held where there is hardly a voltage, since a meter has none then."""
    if not chosen or not is_filled(read.of[chosen[0].index]):
        return None
    one = chosen[0]
    _, up, down = UNITS.get(read.units[one.index], ("frequency", 1.0, 1.0))
    hertz = read.of[one.index] * up / down
    missing = ~(hertz > 0.0)
    if voltage is not None:
        with np.errstate(invalid="ignore"):
            dead = voltage.values.mean(axis=1) < DEAD_PU
        if (missing & dead).any() and not missing.all():
            hertz = _held(hertz, missing & dead, missing)
            told = counted(int((missing & dead).sum()), "sample")
            notes.warn(f"frequency is held for {told} without one, where the voltage is below {DEAD_PU:g} pu")
    bad = np.flatnonzero(hertz <= 0.0)
    if bad.size:
        notes.fault(
            f"column '{one.name}': frequency at or below zero in {counted(bad.size, 'sample')} "
            f"({place(bad.tolist())})",
            "correct it, or leave it out: --frequency-column none",
        )
        return None
    return Part("frequency", (one.name,), hertz[:, None])


def _held(values: Array, where: np.ndarray, missing: np.ndarray) -> Array:
    """Values with the last one that is there (before the first: that) where told."""
    source = np.maximum.accumulate(np.where(missing, 0, np.arange(len(values))))
    first = int(np.argmin(missing))
    source[:first] = first
    return np.where(where, values[source], values)


def nominal_frequency(hertz: Array | None, stated_hz: float, wanted: Wanted, notes: RecordNotes) -> float:
    """Nominal frequency, Hz: of the record's frequency, as the file states, as asked for, else 60 Hz.

    A record whose frequency is another than that asked for, or that mixes 50 and 60 Hz, is a fault.
    """
    asked_hz = wanted.nominal_frequency_hz
    nearest = [hz for hz in NOMINALS_HZ if abs(stated_hz - hz) <= OTHER_NOMINAL_HZ]
    if hertz is not None:
        typical_hz = float(np.median(hertz))
        shares = [float(np.mean(np.abs(hertz - hz) < 1.0)) for hz in NOMINALS_HZ]
        if min(shares) > MIXED:
            notes.stop(
                f"the record mixes 50 and 60 Hz: {shares[0]:.0%} of its samples are near 50 Hz and "
                f"{shares[1]:.0%} near 60 Hz",
                "split it: records of two grids were joined",
            )
        nominal_hz = asked_hz or min(NOMINALS_HZ, key=lambda hz: abs(hz - typical_hz))
        if abs(typical_hz - nominal_hz) > OTHER_NOMINAL_HZ:
            told = f"not at the {asked_hz:g} Hz asked for" if asked_hz else "neither at 50 nor at 60 Hz"
            notes.stop(
                f"the record runs at about {typical_hz:.5g} Hz, {told}",
                "correct --nominal-frequency, or the column and unit of the frequency",
            )
        return nominal_hz
    if asked_hz and nearest and abs(nearest[0] - asked_hz) > OTHER_NOMINAL_HZ:
        notes.stop(
            f"the file states a line frequency of {stated_hz:g} Hz, not the {asked_hz:g} Hz asked for",
            "correct --nominal-frequency",
        )
    if asked_hz or nearest:
        return asked_hz or nearest[0]
    notes.warn("the nominal frequency is not told: 60 Hz is taken; give --nominal-frequency")
    return NOMINALS_HZ[1]
