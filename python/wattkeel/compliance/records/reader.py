"""From a file to the record that rules are judged on."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattkeel.compliance.record import Array
from wattkeel.compliance.records import quantities, stretches, waveforms
from wattkeel.compliance.records.model import MeasuredRecord, RecordNotes, Wanted
from wattkeel.compliance.records.sizes import sized
from wattkeel.compliance.records.sources import Signal, Source, Values, open_source
from wattkeel.trace.csv_reader import shown_names
from wattkeel.trace.headers import power_unit
from wattkeel.waveform.columns import unit_of
from wattkeel.waveform.estimator import LEAST_PER_CYCLE

CHOICES = {
    "connection": ("auto", "phase_to_ground", "line_to_line"),
    "sign": ("import", "export"),
    "kind": ("auto", "values", "waveform"),
    "gaps": ("refuse", "longest"),
}
POSITIVE = (
    "nominal_voltage_v",
    "nominal_frequency_hz",
    "step_s",
    "rated_power_w",
    "peak_power_w",
    "scale_to_w",
)


def load_record(path: str | os.PathLike[str], *, where: str = "file", **options: Any) -> MeasuredRecord:
    """Read what was measured at a point of interconnection.

    Parameters
    ----------
    path : path
        CSV (gzip allowed), Parquet or COMTRADE (.cfg, .dat, .cff; both need the extra `io`).
    where : str
        Place of the file, for messages.
    **options
        power_columns : sequence of str
            Columns of power, which are summed; `*` and `?` are wildcards; found by name and unit when empty.
        voltage_columns : sequence of str
            One voltage, or the phases in their order; found by name when empty, not read when "none".
        frequency_column : str
            As `voltage_columns`.
        reactive_column : str
            Column of reactive power in var, kvar or Mvar; found by its unit when empty.
        power_unit, voltage_unit : str
            Unit of columns that state none; a column without a unit is a fault otherwise.
        nominal_voltage_v : float
            Line-to-line RMS voltage that is 1 pu, V; without it a voltage in V is not judged.
        connection : {"auto", "phase_to_ground", "line_to_line"}
            Between what voltages were measured; auto: by their names.
        nominal_frequency_hz : float
            Nominal frequency, Hz; that of the record, where it holds one, must agree.
        sign : {"import", "export"}
            What positive power means in the file.
        kind : {"auto", "values", "waveform"}
            Values of a meter, or waveforms of three phases; told by voltages below zero.
        gaps : {"refuse", "longest"}
            Whether gaps are a fault, or the longest stretch without one is judged.
        step_s : float
            Step at which waveforms are judged, s.
        settle_s, rated_power_w, peak_power_w : float
            As in `Record`.
        scale_to_w : float
            Scale power so that the largest of the judged record becomes this, W; the contracted power
            too, unless it is given.

    Returns
    -------
    MeasuredRecord

    Raises
    ------
    ScenarioError
        The file or an option cannot be used; holds all faults found, each with its remedy.
    MissingExtra
        An optional package is absent.
    """
    listed = {key: tuple(value) for key, value in options.items() if key.endswith("_columns")}
    wanted = Wanted(**{**options, **listed})
    notes = RecordNotes(where, os.fspath(path))
    _judge(wanted, notes)
    source = open_source(Path(path), notes)
    chosen = _choose(source.signals, wanted, notes)
    if wanted.kind == "waveform":
        return _of_waveforms(path, wanted, source, source.read([]).clock_s, notes)
    read = source.read([*chosen.power, *chosen.reactive, *chosen.voltage, *chosen.frequency])
    if wanted.kind == "auto" and _is_waveform(chosen, read, notes):
        return _of_waveforms(path, wanted, source, read.clock_s, notes)
    return _of_values(source, chosen, read, wanted, notes)


def _judge(wanted: Wanted, notes: RecordNotes) -> None:
    """Refuse options out of range, all at once."""
    for key, choices in CHOICES.items():
        if getattr(wanted, key) not in choices:
            notes.fault(f"{key} {getattr(wanted, key)!r} is unknown", f"choose one of {', '.join(choices)}")
    for key in POSITIVE:
        value = getattr(wanted, key)
        if value is not None and not 0.0 < value < math.inf:
            notes.fault(f"{key} {value!r} must be finite and above 0", "correct it")
    if not 0.0 <= wanted.settle_s < math.inf:
        notes.fault(f"settle_s {wanted.settle_s!r} must be finite and at least 0", "correct it")
    if wanted.power_unit and wanted.power_unit not in quantities.POWER_UNITS:
        told = power_unit(wanted.power_unit)
        hint = "may be milli or mega" if told else "is no unit of power"
        known = ", ".join(quantities.POWER_UNITS)
        notes.fault(f"power_unit {wanted.power_unit!r} {hint}", f"write one of {known}")
    if wanted.voltage_unit and unit_of(wanted.voltage_unit) not in quantities.VOLTAGE_UNITS:
        known = ", ".join(quantities.VOLTAGE_UNITS)
        notes.fault(f"voltage_unit {wanted.voltage_unit!r} is no unit of voltage", f"write one of {known}")
    notes.check()


@dataclass(slots=True)
class _Chosen:
    """Columns that may be in use: candidates of power until it is known which hold values."""

    power: list[Signal]
    voltage: list[Signal]
    frequency: list[Signal]
    reactive: list[Signal]
    connection: str = ""


def _choose(signals: list[Signal], wanted: Wanted, notes: RecordNotes) -> _Chosen:
    power = quantities.choose_power(signals, wanted, notes)
    voltage, connection = quantities.choose_voltage(signals, wanted, notes)
    frequency = quantities.choose_frequency(signals, wanted, notes)
    reactive = quantities.choose_reactive(signals, wanted, notes)
    notes.check()
    if not (power or voltage or frequency):
        names = shown_names([one.name for one in signals])
        notes.stop(f"no column is power, voltage or frequency; columns: {names}", notes.choose)
    return _Chosen(power, voltage, frequency, reactive, connection)


def _is_waveform(chosen: _Chosen, read: Values, notes: RecordNotes) -> bool:
    """Whether the voltages are samples of waveforms: three phases (or two between lines) of both signs."""
    phases = [one for one in chosen.voltage if one.label.phase >= 0]
    if len(phases) < 2 or len(read.time_s) < 2:
        return False
    both = all(bool((read.of[one.index] < 0.0).any() and (read.of[one.index] > 0.0).any()) for one in phases)
    if both and chosen.power:
        names = shown_names([one.name for one in phases])
        notes.stop(
            f"the voltages ({names}) are waveforms beside a column of power",
            "judge one of the two: --voltage-column none, or --kind waveform",
        )
    slowest_hz = LEAST_PER_CYCLE * quantities.NOMINALS_HZ[0]
    usual_s = float(np.median(np.diff(read.time_s)))
    return both and usual_s > 0.0 and 1.0 / usual_s >= slowest_hz


def _of_waveforms(
    path: str | os.PathLike[str], wanted: Wanted, source: Source, clock_s: float | None, notes: RecordNotes
) -> MeasuredRecord:
    found = waveforms.measured(path, wanted, notes)
    found.fields["clock_s"] = (clock_s or 0.0) + found.begin_s
    return _record(found.power_w, found.tick_s, found.fields, wanted, notes, banded_w=found.banded_w)


def _of_values(
    source: Source, chosen: _Chosen, read: Values, wanted: Wanted, notes: RecordNotes
) -> MeasuredRecord:
    power = quantities.power(chosen.power, read, wanted, notes)
    voltage = quantities.voltage(chosen.voltage, chosen.connection, read, wanted, source.place, notes)
    frequency = quantities.frequency(chosen.frequency, read, voltage, source.place, notes)
    notes.check()
    reactive = quantities.reactive(chosen.reactive, read, wanted)
    held = [part for part in (power, reactive, voltage, frequency) if part is not None]
    if not (power or voltage or frequency):
        notes.stop(
            f"no column of {shown_names([one.name for one in source.signals])} can be judged"
            + (f": {'; '.join(notes.warnings)}" if notes.warnings else ""),
            notes.choose,
        )
    values = np.column_stack([part.values for part in held])
    rows = stretches.ascending(read.time_s, values, source.place, notes)
    usable = np.asarray(np.isfinite(values).all(axis=1))

    def place(some: Any) -> str:
        return source.place([int(rows[row]) for row in some])

    stretch = stretches.even(read.time_s[rows], usable[rows], wanted.gaps, place, notes)
    kept = rows[stretch.rows]
    nominal_hz = quantities.nominal_frequency(
        frequency.values[kept, 0] if frequency else None, source.nominal_frequency_hz, wanted, notes
    )
    begin_s = float(read.time_s[kept[0]] - read.time_s[0])
    pu, phases_pu = _voltages(voltage, kept)
    fields: dict[str, Any] = {
        "nominal_frequency_hz": nominal_hz,
        "voltage_pu": pu,
        "phase_voltage_pu": phases_pu,
        "reactive_power_var": np.ascontiguousarray(reactive.values[kept, 0]) if reactive else None,
        "frequency_hz": np.ascontiguousarray(frequency.values[kept, 0]) if frequency else None,
        "clock_s": (read.clock_s or 0.0) + begin_s,
        "remarks": stretch.remarks,
        "sha256": source.sha256,
        "kind": "values",
        "columns": {part.quantity: part.names for part in held},
        "count": len(kept),
    }
    power_w = np.ascontiguousarray(power.values[kept, 0]) if power else None
    return _record(power_w, stretch.tick_s, fields, wanted, notes)


def _voltages(part: quantities.Part | None, kept: Any) -> tuple[Array | None, Array | None]:
    """Positive sequence (or what stands for it) and phases, pu."""
    if part is None:
        return None, None
    values, count = part.values[kept], part.phases
    one = values[:, count] if count < values.shape[1] else values.mean(axis=1)
    return np.ascontiguousarray(one), np.ascontiguousarray(values[:, :count].T) if count > 1 else None


def _record(
    power_w: Array | None,
    tick_s: float,
    fields: dict[str, Any],
    wanted: Wanted,
    notes: RecordNotes,
    banded_w: Array | None = None,
) -> MeasuredRecord:
    """The record, its power signed and scaled."""
    size = sized(power_w, tick_s, wanted, notes)
    notes.check()
    if fields.get("reactive_power_var") is not None:
        fields["reactive_power_var"] = fields["reactive_power_var"] * size.factor
    record = MeasuredRecord(
        power_w=np.zeros(0) if power_w is None else power_w * size.factor,
        tick_s=tick_s,
        settle_s=wanted.settle_s,
        rated_power_w=size.rated_power_w,
        peak_power_w=wanted.peak_power_w,
        source=notes.source,
        notes=tuple(notes.warnings),
        has_power=power_w is not None,
        **{**fields, "remarks": (*fields["remarks"], *size.remarks)},
    )
    if banded_w is not None:
        record.banded = record.twin(banded_w * size.factor)
    return record
