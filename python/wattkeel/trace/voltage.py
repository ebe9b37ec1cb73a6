"""Reading of one voltage on an even time base."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wattkeel.trace.cells import Cells, read_numbers, read_time
from wattkeel.trace.csv_reader import shown_names
from wattkeel.trace.headers import Column, describe_column, time_column
from wattkeel.trace.layout import matches
from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes
from wattkeel.trace.reader import load, open_table
from wattkeel.trace.samples import Table

# Divisor to V, exact where a product with 1e-3 is not; pu stays what it is.
_UNITS = {"v": (1.0, 1.0), "kv": (1e3, 1.0), "mv": (1.0, 1e3), "pu": (1.0, 1.0)}
_NAMES = frozenset(("voltage", "volts", "u", "v", "vrms", "urms", "v_rms", "u_rms"))
MOST_JITTER = 0.5  # of a spacing, by which a time may lie beside its place: coarse stamps, but no lost sample


@dataclass(frozen=True, eq=False, slots=True)
class VoltageTrace:
    """A voltage, evenly sampled.

    Attributes
    ----------
    voltage : ndarray, shape (n,)
        V, or pu.
    tick_s : float
        Time between samples, s.
    column : str
        Name of the column as in the file.
    unit : str
        "V", or "pu"; "" where the file states none.
    source : str
        The path as it was given.
    warnings : tuple of str
        What was assumed.
    """

    voltage: Floats
    tick_s: float
    column: str
    unit: str
    source: str
    warnings: tuple[str, ...] = ()


def read_voltage(
    path: str | os.PathLike[str], column: str = "", *, rate_hz: float | None = None, where: str = "file"
) -> VoltageTrace:
    """Read a voltage, waveform or RMS values, that is sampled at even times.

    Parameters
    ----------
    path : path
        CSV (gzip allowed) or Parquet with a column of time.
    column : str
        Name of the column, with or without its unit; "" where one alone is a voltage by name or unit.
    rate_hz : float, optional
        Samples per second; the column of time, where there is one, is then not read.
    where : str
        Place of the file, for messages.

    Raises
    ------
    TraceError
        The file cannot be used; the error holds every fault found, each with its remedy.
    """
    notes = Notes(where, os.fspath(path))
    table, stamps = open_table(Path(path), load(Path(path), notes), notes)
    columns = [describe_column(index, name) for index, name in enumerate(table.names)]
    chosen = _choose(columns, column, notes)
    time = None if rate_hz is not None else _time(columns, stamps, notes)
    if rate_hz is not None and not 0.0 < rate_hz < math.inf:
        notes.fault(f"{rate_hz} samples per second", "give a rate above 0")
    notes.check()
    assert chosen is not None
    raw = table.read(sorted({chosen.index, *([time.index] if time else [])}))
    cells = read_numbers(raw[chosen.index], _unit, decimal_comma=table.decimal_comma)
    _judge(cells, chosen, table, notes)
    tick_s = 0.0 if rate_hz is None else 1.0 / rate_hz
    if time is not None:
        times = read_time(raw[time.index], time.unit, time.name, notes, decimal_comma=table.decimal_comma)
        _judge(times, time, table, notes)
        notes.check()
        tick_s = _spacing(times.values, notes)
    notes.check()
    unit = cells.unit or _unit(chosen.unit)
    multiplier, divisor = _UNITS.get(unit, (1.0, 1.0))
    voltage = np.ascontiguousarray(cells.values * multiplier / divisor)
    written = {"": "", "pu": "pu"}.get(unit, "V")
    return VoltageTrace(voltage, tick_s, chosen.name, written, notes.source, tuple(notes.warnings))


def _time(columns: list[Column], stamps: list[int], notes: Notes) -> Column | None:
    """The column of time; a fault where there is none."""
    time = time_column(columns) or (columns[stamps[0]] if len(stamps) == 1 else None)
    if time is None:
        names = shown_names([column.name for column in columns])
        remedy = "name it t_s, t_ms, time or timestamp in the header, or give the rate: --rate HZ"
        notes.fault(f"no column of time; columns found: {names}", remedy)
    elif time.index in stamps:
        return replace(time, unit="ns")  # points in time are read as whole nanoseconds
    return time


def _judge(cells: Cells, column: Column, table: Table, notes: Notes) -> None:
    """A fault where cells hold no number."""
    rows = sorted(
        {row for rows in cells.bad.values() for row in rows} | set(np.flatnonzero(cells.void).tolist())
    )
    if rows:
        kinds = ", ".join(cells.bad) or "without a value"
        place = table.place(rows)
        notes.fault(f"column '{column.name}': cells {kinds} ({place})", "mend them: a gap cannot be judged")


def _unit(text: str) -> str:
    unit = text.strip().lower()
    return unit if unit in _UNITS else ""


def _choose(columns: list[Column], asked: str, notes: Notes) -> Column | None:
    """The column asked for, or the only one that is a voltage."""
    names = shown_names([column.name for column in columns])
    if asked:
        for fold in (False, True):
            for bare in (False, True):
                found = [c for c in columns if matches(c.plain if bare else c.name, asked, fold=fold)]
                if len(found) == 1:
                    return found[0]
        notes.fault(f"no column '{asked}'; columns found: {names}", "name one of these")
        return None
    found = [c for c in columns if c.kind in ("foreign", "unknown") and _is_voltage(c)]
    if len(found) != 1:
        several = shown_names([column.name for column in found])
        message = (
            f"several columns are voltages: {several}" if found else f"no column is a voltage; found: {names}"
        )
        notes.fault(message, "name the column: --column NAME")
        return None
    return found[0]


def _is_voltage(column: Column) -> bool:
    words = column.plain.split("_")
    named = "voltage" in words or column.plain in _NAMES
    return named or (column.unit in _UNITS and column.unit != "pu" and column.unit != "mv")


def _spacing(time_s: Floats, notes: Notes) -> float:
    """Even spacing of the samples, s; a fault where they are not even."""
    if len(time_s) < 3:
        notes.stop(f"the file holds {len(time_s)} samples", "record for longer")
    tick_s = float(time_s[-1] - time_s[0]) / (len(time_s) - 1)
    if not tick_s > 0.0:
        notes.stop("time does not go on", "sort the file by time")
    usual_s = float(np.median(np.diff(time_s)))
    beside = np.abs(time_s - time_s[0] - tick_s * np.arange(len(time_s)))
    worst = int(np.argmax(beside))
    if beside[worst] > MOST_JITTER * tick_s:
        at = f"t = {time_s[worst] - time_s[0]:.6g} s"
        message = f"the samples are not evenly spaced: {beside[worst]:.3g} s beside an even grid at {at}"
        usual = f"the usual spacing is {usual_s:.6g} s"
        remedy = f"samples may be missing ({usual}): resample, cut at the gap, or give --rate HZ"
        notes.stop(message, remedy)
    return tick_s
