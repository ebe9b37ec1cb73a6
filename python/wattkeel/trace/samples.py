"""From the raw cells of a table to named columns of power on one time base."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattkeel.trace import layout, pairing
from wattkeel.trace.cells import Cells, Raw, read_power, read_time
from wattkeel.trace.csv_reader import CsvTable
from wattkeel.trace.headers import Column
from wattkeel.trace.layout import Choice
from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes, counted, listed
from wattkeel.trace.pairing import Rows, Samples
from wattkeel.trace.parquet_reader import ParquetTable

MOST_POWER_W = 1e12  # a third of the world's electricity; failed sensors have returned 3.69e12 W
VOID_SHARE = 0.05  # up to this share of the samples may lack a value

Table: TypeAlias = CsvTable | ParquetTable


def samples_of(
    plan: layout.Layout, table: Table, raw: dict[int, Raw], notes: Notes
) -> tuple[tuple[str, ...], Samples]:
    """Turn cells into samples of one or more meters on one time base.

    Parameters
    ----------
    plan : Layout
        Columns of time, key and power.
    table : CsvTable or ParquetTable
        Where the cells are from, for the places in messages.
    raw : dict
        Position of the column -> its cells.
    notes : Notes
        Takes faults and warnings.

    Returns
    -------
    names : tuple of str
        One per column of power.
    samples : Samples
        Time, s, and power, W, in order.

    Raises
    ------
    TraceError
        Cells cannot be read, time does not ascend, or nothing is left.
    """
    chosen = _choose(plan, table, raw, notes)
    time = read_time(
        raw[plan.time.index], plan.time.unit, plan.time.name, notes, decimal_comma=table.decimal_comma
    )
    _judge(time, plan.time, table, raw, notes)
    columns = list(dict.fromkeys(choice.column for choice in chosen))
    powers = [_read_power(column, table, raw, notes) for column in columns]
    if not powers:
        notes.check()
    # Order in time is judged on what could be read, so that one run shows the faults of both kinds.
    rows = np.flatnonzero(np.isfinite(time.values))
    samples = Samples(
        time.values, np.column_stack([cells.values for cells in powers]), np.arange(len(time.values))
    )
    void = np.logical_or.reduce([cells.void for cells in powers])
    groups = _group(plan, raw, rows, time.values)
    parts = {
        key: _part(samples.take(picked), void[picked], key, table, notes) for key, picked in groups.items()
    }
    notes.check()
    uses = _uses([key for key in parts if len(parts[key].time_s)], chosen, notes)
    return tuple(_name(choice, key) for choice, key in uses), _join(parts, columns, uses, notes)


def _choose(plan: layout.Layout, table: Table, raw: dict[int, Raw], notes: Notes) -> list[Choice]:
    """Settle the power columns now that it is known which of them hold values."""
    if plan.is_asked:
        return plan.power
    filled = [choice.column for choice in plan.power if not table.is_empty(raw[choice.column.index])]
    empty = [f"'{choice.column.name}'" for choice in plan.power if choice.column not in filled]
    if not filled:
        notes.stop(
            f"no value in {listed(empty)}: the meter does not support this reading",
            f"log another reading (nvidia-smi: power.draw), or {notes.choose}",
        )
    if empty:
        notes.warn(f"{listed(empty)} left out: no value in it")
    return [Choice(column) for column in layout.choose(filled, notes)]


def _read_power(column: Column, table: Table, raw: dict[int, Raw], notes: Notes) -> Cells:
    """Read one column of power as watts, with its faults."""
    comma = table.decimal_comma
    cells = read_power(raw[column.index], column.unit, column.name, notes, decimal_comma=comma)
    _judge(cells, column, table, raw, notes)
    rows = np.flatnonzero(np.isfinite(cells.values) & (np.abs(cells.values) > MOST_POWER_W)).tolist()
    if rows:
        notes.fault(
            f"column '{column.name}': {counted(len(rows), 'value')} above {MOST_POWER_W:g} W, the largest "
            f"{np.abs(cells.values[rows]).max():.4g} W ({table.place(rows)})",
            "delete these samples, the sensor failed there; or correct the unit in the header",
        )
    return cells


def _judge(cells: Cells, column: Column, table: Table, raw: dict[int, Raw], notes: Notes) -> None:
    """Make faults of cells that hold no number."""
    for kind, rows in cells.bad.items():
        remedy = "delete or correct them"
        if any(table.repeats_header(row, column.index, raw[column.index]) for row in rows):
            remedy = "the header stands there again: split the file into one log each"
        where = table.place(rows)
        notes.fault(f"column '{column.name}': {counted(len(rows), 'cell')} {kind} ({where})", remedy)


def _group(plan: layout.Layout, raw: dict[int, Raw], rows: Rows, time_s: Floats) -> dict[str, Rows]:
    """Give the readable rows by meter; one meter with the name "" where nothing is interleaved."""
    texts = [[str(cell).strip() for cell in raw[key.index]] for key in plan.keys]
    texts = [cells for cells in texts if len(set(cells)) > 1]  # a key that never changes tells nothing
    if not texts or not len(rows):
        return {"": rows}
    keys = ["/".join(cells[row] for cells in texts) for row in rows.tolist()]
    return {key: rows[picked] for key, picked in pairing.group_rows(keys, time_s[rows]).items()}


def _part(samples: Samples, void: NDArray[np.bool_], key: str, table: Table, notes: Notes) -> Samples:
    """Give the samples of one meter in order; those without a value are dropped while they are few."""
    of = f" of meter {key}" if key else ""
    number = int(void.sum())
    if number and number == len(void) and key:
        notes.warn(f"meter {key} left out: it never has a value")
        return samples.take(~void)
    if number > VOID_SHARE * len(void):
        notes.fault(
            f"{number} of {counted(len(void), 'sample')}{of} without a value such as [N/A] "
            f"({table.place(samples.rows[void].tolist())})",
            f"log a reading that the meter supports: at most {VOID_SHARE:.0%} may be missing",
        )
    elif number:
        notes.warn(f"{number} of {counted(len(void), 'sample')}{of} dropped: the meter had no value ([N/A])")
    return pairing.in_order(samples.take(~void), of, table.place, notes)


def _name(choice: Choice, key: str) -> str:
    return f"{choice.column.name}[{key}]" if key else choice.column.name


def _uses(keys: list[str], chosen: list[Choice], notes: Notes) -> list[tuple[Choice, str]]:
    """Give column and meter of each column of the trace."""
    uses: list[tuple[Choice, str]] = []
    for choice in chosen:
        pattern = choice.key_pattern
        found = [key for key in keys if not pattern or layout.matches(key, pattern)]
        if pattern and not found:
            several = f"the meters are {listed(keys)}"
            remedy = several if len(keys) > 1 else f"the file holds one meter: write '{choice.column.name}'"
            notes.fault(f"no column '{choice.column.name}[{pattern}]'", remedy)
        uses.extend((choice, key) for key in found)
    notes.check()
    return list({(choice.column.index, key): (choice, key) for choice, key in uses}.values())


def _join(
    parts: dict[str, Samples], columns: list[Column], uses: list[tuple[Choice, str]], notes: Notes
) -> Samples:
    """Put the meters in use side by side."""
    keys = list(dict.fromkeys(key for _, key in uses))
    if not keys:
        return Samples(np.empty(0), np.empty((0, 0)), np.empty(0, np.intp))
    used = {key: parts[key] for key in keys}
    joined = used[keys[0]] if len(keys) == 1 else pairing.side_by_side(used, notes)
    order = [keys.index(key) * len(columns) + columns.index(choice.column) for choice, key in uses]
    return Samples(joined.time_s, joined.power_w[:, order], joined.rows)
