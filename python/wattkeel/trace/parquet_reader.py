"""Parquet tables through pyarrow, which is loaded only here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from wattkeel.trace.cells import Raw, is_void
from wattkeel.trace.notes import Notes, placed


class ParquetTable:
    """A Parquet file, of which only the schema is read at first.

    Parameters
    ----------
    data : bytes
        The whole file.
    notes : Notes
        Takes faults and warnings.

    Raises
    ------
    TraceError
        pyarrow is absent, or the file is damaged or has no row.
    """

    row_word = "row"
    decimal_comma = False

    def __init__(self, data: bytes, notes: Notes) -> None:
        self._notes = notes
        try:
            # By name: pyarrow takes longer to load than a CSV to read, and has no complete types.
            self._arrow: Any = importlib.import_module("pyarrow")
            parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            notes.stop(f"reading Parquet needs pyarrow ({error})", 'pip install "wattkeel[io]"')
        try:
            self._file = parquet.ParquetFile(self._arrow.BufferReader(data))
        except (self._arrow.ArrowException, OSError) as error:
            self._refuse(error)
        self._schema = self._file.schema_arrow
        self.names: list[str] = list(self._schema.names)
        if not self._file.metadata.num_rows:
            notes.stop("the file holds no row", "give a file with at least two samples")

    def _refuse(self, error: Exception) -> None:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        self._notes.stop(f"the Parquet file is damaged or cut off: {first_line}", "copy the file again")

    def stamp_columns(self) -> list[int]:
        """Give the columns whose type is a point in time, whatever their name."""
        types = self._arrow.types
        return [i for i, field in enumerate(self._schema) if types.is_timestamp(field.type)]

    def read(self, indices: Sequence[int]) -> dict[int, Raw]:
        """Read some columns.

        Parameters
        ----------
        indices : sequence of int
            Positions of the columns.

        Returns
        -------
        dict
            Position -> int64 (whole numbers, and nanoseconds for points in time) or float64 array, or
            a list of str.
        """
        try:
            table = self._file.read(columns=[self.names[index] for index in indices])
        except (self._arrow.ArrowException, OSError) as error:
            self._refuse(error)
        return {index: self._raw(index, table.column(self.names[index])) for index in indices}

    def _raw(self, index: int, column: Any) -> Raw:
        """Give one column as numpy numbers or as text."""
        types, arrow = self._arrow.types, self._arrow
        if types.is_dictionary(column.type):
            column = column.combine_chunks().dictionary_decode()
        kind = column.type
        if types.is_timestamp(kind):
            column = column.cast(arrow.timestamp("ns")).cast(arrow.int64())
            kind = column.type
        if types.is_integer(kind) and not column.null_count:
            return np.asarray(column.to_numpy(), dtype=np.int64)
        if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            values = column.cast(arrow.float64()).to_numpy(zero_copy_only=False)
            return np.asarray(values, dtype=np.float64)
        if types.is_string(kind) or types.is_large_string(kind):
            return ["" if cell is None else str(cell) for cell in column.to_pylist()]
        return self._notes.stop(
            f"column '{self.names[index]}' has the type {kind}, which is no number, text or point in time",
            self._notes.choose,
        )

    def place(self, rows: Sequence[int]) -> str:
        """Give rows (from 0) as rows counted from 1."""
        return placed(self.row_word, [row + 1 for row in rows])

    @staticmethod
    def is_empty(cells: Raw) -> bool:
        """Whether no cell of a column holds a value."""
        if isinstance(cells, np.ndarray):
            return bool(np.isnan(cells.astype(np.float64)).all())
        return all(not cell.strip() or is_void(cell) for cell in cells)

    def repeats_header(self, row: int, index: int, cells: Raw) -> bool:
        """Whether a row is the header once more; never in Parquet."""
        return False
