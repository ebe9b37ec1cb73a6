"""One face for all files of records: what columns there are, and their values over time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wattkeel.trace.cells import Cells, Raw, read_numbers, read_time
from wattkeel.trace.csv_reader import CsvTable, shown_names
from wattkeel.trace.headers import Column, describe_column, time_column
from wattkeel.trace.notes import Notes, counted, placed
from wattkeel.trace.reader import load, open_table
from wattkeel.waveform.columns import UNITS, Label, label, unit_of
from wattkeel.waveform.comtrade_reader import SUFFIXES, read_comtrade
from wattkeel.waveform.model import Floats

Rows = NDArray[np.intp]
Place = Callable[[Sequence[int]], str]

VOID_SHARE = 0.05  # up to this share of the samples may lack a value


class RecordFile:
    """An open file of a record.

    Parameters
    ----------
    path : Path
        COMTRADE (.cfg, .dat, .cff), CSV (gzip allowed) or Parquet.
    notes : Notes
        Takes faults and warnings.

    Attributes
    ----------
    labels : list of Label
        All columns but time.
    nominal_frequency_hz : float
        Line frequency that the file states, Hz; 0 when it states none.
    sha256 : str
        Hash of the file that holds the samples.
    format : str
        `COMTRADE`, `CSV` or `Parquet`.

    Raises
    ------
    TraceError
        The file cannot be used.
    MissingExtra
        An optional package that reads this format is absent.
    """

    def __init__(self, path: Path, notes: Notes) -> None:
        self._notes = notes
        self.nominal_frequency_hz = 0.0
        if path.suffix.lower() in SUFFIXES:
            self.format = "COMTRADE"
            self._channels = read_comtrade(path, notes)
            self.labels = self._channels.labels
            self.nominal_frequency_hz = self._channels.nominal_frequency_hz
            self.sha256 = hashlib.sha256(self._channels.stored).hexdigest()
            return
        stored = load(path, notes)
        self.sha256 = hashlib.sha256(stored).hexdigest()
        self._table, stamps = open_table(path, stored, notes)
        self.format = "CSV" if isinstance(self._table, CsvTable) else "Parquet"
        self._time = self._time_column(stamps)
        self.labels = [
            label(index, name) for index, name in enumerate(self._table.names) if index != self._time.index
        ]

    def _time_column(self, stamps: Sequence[int]) -> Column:
        columns = [describe_column(index, name) for index, name in enumerate(self._table.names)]
        found = time_column(columns)
        if found is None and len(stamps) == 1:
            found = columns[stamps[0]]
        if found is None:
            self._notes.stop(
                f"no column of time; columns found: {shown_names(self._table.names)}",
                "name it t_s, t_ms, time or timestamp in the header",
            )
        if found.index in stamps:
            return Column(found.index, found.name, found.plain, "ns", "time")
        return found

    def read(self, wanted: Sequence[Label]) -> tuple[Floats, Floats]:
        """Read columns.

        Parameters
        ----------
        wanted : sequence of Label
            Columns, in order.

        Returns
        -------
        time_s : ndarray, shape (n,)
            Time from the first sample, strictly ascending, s.
        values : ndarray, shape (n, m)
            Values in V, A, Hz, or pu; rows that lack one are dropped.

        Raises
        ------
        TraceError
            Cells cannot be read, time does not ascend, or too many values are missing.
        """
        if self.format == "COMTRADE":
            time_s = self._channels.time_s
            values = self._channels.values[:, [one.index for one in wanted]]
            place: Place = _rows
        else:
            time_s, values = self._cells(wanted)
            place = self._table.place
        scale = [UNITS.get(one.unit, ("other", 1.0, 1.0))[1:] for one in wanted]
        values = values * np.array([up for up, _ in scale]) / np.array([down for _, down in scale])
        void = ~np.isfinite(values).all(axis=1)
        if void.sum() > VOID_SHARE * len(void):
            self._notes.fault(
                f"{int(void.sum())} of {counted(len(void), 'sample')} lack a value",
                "give a record that is whole",
            )
        elif void.any():
            self._notes.warn(f"{counted(int(void.sum()), 'sample')} without a value left out")
        self._notes.check()
        kept = np.flatnonzero(~void)
        return self._ordered(time_s[kept], values[kept], kept, place)

    def _ordered(self, time_s: Floats, values: Floats, rows: Rows, place: Place) -> tuple[Floats, Floats]:
        """Drop rows that repeat the one before; refuse time that does not ascend."""
        step_s = np.diff(time_s)
        same = (values[1:] == values[:-1]).all(axis=1)
        repeated = (step_s == 0.0) & same
        back = np.flatnonzero((step_s < 0.0) | ((step_s == 0.0) & ~same)) + 1
        if back.size:
            message = f"time does not ascend at {counted(back.size, 'sample')} ({place(rows[back].tolist())})"
            self._notes.fault(message, "sort the samples by time, or give stamps of finer resolution")
            self._notes.check()
        if repeated.any():
            self._notes.warn(f"{counted(int(repeated.sum()), 'row')} that repeat the one before left out")
            keep = np.concatenate(([True], ~repeated))
            time_s, values = time_s[keep], values[keep]
        if len(time_s) < 2:
            self._notes.stop("a course in time needs at least two samples", "record for longer")
        return time_s - time_s[0], values

    def _cells(self, wanted: Sequence[Label]) -> tuple[Floats, Floats]:
        table, notes = self._table, self._notes
        raw = table.read(sorted({self._time.index, *(one.index for one in wanted)}))
        comma = table.decimal_comma
        time = read_time(raw[self._time.index], self._time.unit, self._time.name, notes, decimal_comma=comma)
        self._judge(self._time.name, time, allowed=())
        columns = []
        for one in wanted:
            cells = self._numbers(one, raw[one.index], comma)
            columns.append(cells.values)
        notes.check()
        return time.values, np.stack(columns, axis=1)

    def _numbers(self, one: Label, raw: Raw, comma: bool) -> Cells:
        cells = read_numbers(raw, unit_of, decimal_comma=comma)
        if cells.unit and cells.unit != one.unit:
            self._notes.fault(
                f"column '{one.name}': the cells say {cells.unit}", "state this unit in the header alone"
            )
        self._judge(one.name, cells, allowed=("empty or NaN",))
        return cells

    def _judge(self, name: str, cells: Cells, allowed: Sequence[str]) -> None:
        for kind, rows in cells.bad.items():
            if kind not in allowed:
                message = f"column '{name}': {counted(len(rows), 'cell')} {kind} ({self._table.place(rows)})"
                self._notes.fault(message, "delete or correct them")


def _rows(rows: Sequence[int]) -> str:
    return placed("sample", [row + 1 for row in rows])
