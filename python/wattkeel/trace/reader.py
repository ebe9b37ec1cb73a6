"""Reading of one measured power trace from a file."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wattkeel.trace import layout, pairing, sampling
from wattkeel.trace.csv_reader import CsvTable, decode
from wattkeel.trace.model import Trace
from wattkeel.trace.notes import Notes, counted, listed
from wattkeel.trace.parquet_reader import ParquetTable
from wattkeel.trace.samples import Table, samples_of

_PACKED = {
    b"PK\x03\x04": "zip (or an Excel workbook)",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def read_trace(path: str | os.PathLike[str], columns: Sequence[str] = (), *, where: str = "trace") -> Trace:
    """Read a measured power trace.

    Parameters
    ----------
    path : path
        CSV with comma, semicolon or tab (nvidia-smi's too; gzip allowed) or Parquet, told apart by content.
    columns : sequence of str
        Columns that hold power; `*` and `?` are wildcards, `name[1]` is GPU 1 of interleaved rows. Empty:
        found by name and unit (W, kW, MW in brackets or at the end of the name).
    where : str
        Place of the file in the scenario, for messages.

    Returns
    -------
    Trace
        Seconds from the first sample and watts.

    Raises
    ------
    TraceError
        The file cannot be used; the error holds every fault found, each with its remedy.
    """
    notes = Notes(where, os.fspath(path))
    stored = load(Path(path), notes)
    table, stamps = open_table(Path(path), stored, notes)
    plan = layout.find_layout(table.names, columns, stamps, notes)
    wanted = {plan.time.index, *(c.index for c in plan.keys), *(c.column.index for c in plan.power)}
    names, samples = samples_of(plan, table, table.read(sorted(wanted)), notes)
    return _finished(names, samples, hashlib.sha256(stored).hexdigest(), notes)


def open_table(path: Path, stored: bytes, notes: Notes) -> tuple[Table, list[int]]:
    """Open the table in the bytes of a file; also the columns whose type is a point in time."""
    data = _unpack(stored, notes)
    if data[:4] == b"PAR1":
        table = ParquetTable(data, notes)
        return table, table.stamp_columns()
    if path.suffix.lower() in (".parquet", ".pq"):
        notes.stop(f"the file is not Parquet (it begins with {data[:4]!r})", "copy it or name it anew")
    return CsvTable(decode(data, notes), notes), []


def load(path: Path, notes: Notes) -> bytes:
    """Give the bytes of the file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        try:
            beside = [entry.name for entry in path.parent.iterdir()]
        except OSError:
            notes.stop(f"the folder '{path.parent}' does not exist", "correct the path")
        near = difflib.get_close_matches(path.name, beside, 3)
        notes.stop("there is no such file", f"did you mean {listed(near)}?" if near else "correct the path")
    except IsADirectoryError:
        notes.stop("this is a folder, not a file", "name one file in it")
    except (OSError, ValueError) as error:
        # Windows reports a folder as a permission error; a NUL in a path is a ValueError.
        if path.is_dir():
            notes.stop("this is a folder, not a file", "name one file in it")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        notes.stop(f"the file cannot be read: {reason}", "correct the path or its permissions")
    if not data:
        notes.stop("the file is empty (0 bytes)", "give the file that holds the samples")
    return data


def _unpack(data: bytes, notes: Notes) -> bytes:
    """Give the content of a gzip file; other files as they are."""
    for magic, kind in _PACKED.items():
        if data.startswith(magic):
            notes.stop(f"the file is packed with {kind}", "unpack it, or use gzip; save a workbook as CSV")
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        unpacked = gzip.decompress(data)
    except EOFError:
        notes.stop("the gzip file ends early: it was cut off", "copy the file again")
    except (gzip.BadGzipFile, zlib.error) as error:
        notes.stop(f"the gzip file is damaged: {error}", "copy the file again")
    if not unpacked:
        notes.stop("the gzip file holds 0 bytes", "give the file that holds the samples")
    return unpacked


def _finished(names: tuple[str, ...], samples: pairing.Samples, sha256: str, notes: Notes) -> Trace:
    """Analyse the sampling and give the trace."""
    if len(samples.time_s) < 2:
        notes.stop(
            f"the file holds {counted(len(samples.time_s), 'sample')}: a course in time needs at least two",
            "record for longer; for a constant power no trace is needed",
        )
    time_s = samples.time_s - samples.time_s[0]
    power_w = np.ascontiguousarray(samples.power_w, dtype=np.float64)
    sampling_s = sampling.spacing_of(time_s, notes)
    length_s = float(time_s[-1]) + sampling_s
    refresh_s = sampling.refresh_of(time_s, power_w, length_s)
    sampling.warn_of_refresh(sampling_s, refresh_s, length_s, notes)
    sampling.warn_of_copies(names, power_w, notes)
    negative = int((power_w < 0.0).sum())
    if negative:
        notes.warn(f"{counted(negative, 'value')} below zero, the lowest {power_w.min():.6g} W")
    time_s.setflags(write=False)
    power_w.setflags(write=False)
    return Trace(
        time_s=time_s,
        power_w=power_w,
        columns=names,
        source=notes.source,
        sha256=sha256,
        sampling_s=sampling_s,
        refresh_s=refresh_s,
        length_s=length_s,
        warnings=tuple(notes.warnings),
    )
