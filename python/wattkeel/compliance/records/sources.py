"""One face for the files that hold a record: columns by quantity and unit, their values, and the time."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattkeel.trace import layout
from wattkeel.trace.cells import Cells, Raw, clock_of, read_numbers, read_time
from wattkeel.trace.csv_reader import shown_names
from wattkeel.trace.headers import Column, describe_column, power_unit, time_column
from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes, counted, placed
from wattkeel.trace.reader import load, open_table
from wattkeel.waveform.columns import Label, label, unit_of
from wattkeel.waveform.comtrade_reader import SUFFIXES, read_comtrade

MAY_LACK = "empty or NaN"
"""Kind of cell that is a gap, not a fault."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One column or channel.

    Attributes
    ----------
    index : int
        Position in the file.
    name : str
        As written.
    quantity : {"power", "voltage", "current", "frequency", "other"}
    unit : str
        As the header or the channel states it; canonical where it is known, "" where none is stated.
    column, label : Column, Label
        What the readers of power and of grid records made of the name.
    """

    index: int
    name: str
    quantity: str
    unit: str
    column: Column
    label: Label


@dataclass(slots=True)
class Values:
    """What was read.

    Attributes
    ----------
    time_s : ndarray, shape (n,)
        Time from the first sample, s.
    of : dict of int to ndarray, shape (n,)
        Values by position of their column, in the unit of `units`; NaN where there is none.
    units : dict of int to str
        Unit of the cells where they state one, else of the header; "" for none.
    clock_s : float or None
        Time of day of the first sample, s.
    """

    time_s: Floats
    of: dict[int, Floats]
    units: dict[int, str]
    clock_s: float | None


def _signal(column: Column, about: Label) -> Signal:
    """Quantity and unit of one column, of what its name says."""
    if column.is_reading:
        return Signal(about.index, about.name, "power", column.unit, column, about)
    return Signal(about.index, about.name, about.quantity, about.unit, column, about)


class TableSource:
    """CSV or Parquet."""

    nominal_frequency_hz = 0.0

    def __init__(self, path: Path, notes: Notes) -> None:
        self._notes = notes
        stored = load(path, notes)
        self.sha256 = hashlib.sha256(stored).hexdigest()
        self._table, stamps = open_table(path, stored, notes)
        columns = [describe_column(index, name) for index, name in enumerate(self._table.names)]
        time = time_column(columns) or (columns[stamps[0]] if len(stamps) == 1 else None)
        if time is None:
            notes.stop(
                f"no column of time; columns found: {shown_names(self._table.names)}",
                "name it t_s, t_ms, time or timestamp in the header",
            )
        self._time = replace(time, unit="ns") if time.index in stamps else time
        self.signals = [
            _signal(column, label(column.index, column.name))
            for column in columns
            if column.index != time.index
        ]
        self.place = self._table.place

    def read(self, wanted: Sequence[Signal]) -> Values:
        """Read columns; cells that hold no number are faults, absent ones NaN."""
        table, notes, time = self._table, self._notes, self._time
        twice = [one.name for one in wanted if table.names.count(one.name) > 1]
        if twice:
            notes.stop(
                f"the header names {shown_names(twice)} more than once", "give each column its own name"
            )
        raw = table.read(sorted({time.index, *(one.index for one in wanted)}))
        comma = table.decimal_comma
        times = read_time(raw[time.index], time.unit, time.name, notes, decimal_comma=comma)
        self._judge(time.name, times, lacking=False)
        of, units = {}, {}
        for one in wanted:
            find = _finder(one)
            cells = read_numbers(raw[one.index], find, decimal_comma=comma)
            self._judge(one.name, cells, lacking=True)
            of[one.index], units[one.index] = cells.values, self._unit(one, cells)
        notes.check()
        return Values(times.values, of, units, self._clock(raw[time.index]))

    def _clock(self, raw: Raw) -> float | None:
        return clock_of(raw, self._time.unit)

    def _unit(self, one: Signal, cells: Cells) -> str:
        if cells.unit and one.unit and cells.unit != one.unit:
            self._notes.fault(
                f"column '{one.name}': the header says {one.unit}, the cells say {cells.unit}",
                "make header and cells agree",
            )
        return cells.unit or one.unit

    def _judge(self, name: str, cells: Cells, *, lacking: bool) -> None:
        for kind, rows in cells.bad.items():
            if not (lacking and kind == MAY_LACK):
                message = f"column '{name}': {counted(len(rows), 'cell')} {kind} ({self.place(rows)})"
                self._notes.fault(message, "correct or delete them")


def _finder(one: Signal) -> Callable[[str], str]:
    """What reads a unit in the cells of a column."""
    if one.quantity == "power":
        return power_unit
    if one.quantity == "other":
        return lambda text: text.strip().lower() if text.strip().lower() == one.column.unit else ""
    return unit_of


def _channel(about: Label, unit: str) -> Signal:
    """Quantity of a channel, whose unit and phase are stated apart; where they do not tell, by its name."""
    if about.quantity == "other":
        about = label(about.index, about.name)
    column = describe_column(about.index, about.name)
    if stated := power_unit(unit):
        column = replace(column, unit=stated, kind="power")
    elif about.quantity == "other" and unit:
        column = replace(column, unit=unit.lower(), kind="foreign")
    return _signal(column, about)


class ChannelSource:
    """COMTRADE."""

    def __init__(self, path: Path, notes: Notes) -> None:
        channels = read_comtrade(path, notes)
        self._channels = channels
        self.nominal_frequency_hz = channels.nominal_frequency_hz
        self.sha256 = hashlib.sha256(channels.stored).hexdigest()
        self.signals = [
            _channel(one, unit) for one, unit in zip(channels.labels, channels.units, strict=True)
        ]

    def read(self, wanted: Sequence[Signal]) -> Values:
        """Give channels."""
        of = {one.index: self._channels.values[:, one.index] for one in wanted}
        units = {one.index: one.unit for one in wanted}
        return Values(self._channels.time_s, of, units, self._channels.clock_s)

    @staticmethod
    def place(rows: Sequence[int]) -> str:
        """Give rows (from 0) as samples counted from 1."""
        return placed("sample", [row + 1 for row in rows])


Source = TableSource | ChannelSource


def open_source(path: Path, notes: Notes) -> Source:
    """Open a file that holds a record.

    Raises
    ------
    TraceError
        The file cannot be used.
    MissingExtra
        An optional package that reads this format is absent.
    """
    return ChannelSource(path, notes) if path.suffix.lower() in SUFFIXES else TableSource(path, notes)


def named(signals: Sequence[Signal], patterns: Sequence[str], option: str, notes: Notes) -> list[Signal]:
    """Columns that the user named, in the order named, each once; a fault with the nearest name for others.

    Parameters
    ----------
    signals : sequence of Signal
        Columns of the file.
    patterns : sequence of str
        Names as written, in any case of letters, with or without unit; `*` and `?` are wildcards.
    option : str
        Option by which they were named, for messages.
    notes : Notes
        Takes faults.
    """
    found: dict[int, Signal] = {}
    for pattern in patterns:
        matches = _matching(signals, pattern.strip())
        if not matches:
            names = [one.name for one in signals]
            near = difflib.get_close_matches(pattern, names, 3, cutoff=0.5)
            hint = f"did you mean {shown_names(near)}?" if near else f"columns: {shown_names(names)}"
            notes.fault(f"no column '{pattern}'", f"{option}: {hint}")
        found |= {one.index: one for one in matches if one.index not in found}
    return list(found.values())


def _matching(signals: Sequence[Signal], pattern: str) -> list[Signal]:
    for names in ([one.name for one in signals], [one.column.plain for one in signals]):
        for fold in (False, True):
            fits = [layout.matches(name, pattern, fold=fold) for name in names]
            if any(fits):
                return [one for one, fit in zip(signals, fits, strict=True) if fit]
    return []


def is_filled(values: Floats) -> bool:
    """Whether a column holds any value."""
    return bool(np.isfinite(values).any())
