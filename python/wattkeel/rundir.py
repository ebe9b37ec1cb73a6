"""The run directory: written while the run goes on, readable at every moment.

Series are ``.npy`` files that grow. Their header has a fixed length and is rewritten after the rows are
down, so that a run that is killed leaves files that numpy opens. The JSON beside them is replaced whole;
events are appended to ``events.jsonl`` until ``events.json`` takes its place at the end. ``manifest.json``
says ``complete: false`` until the very end. A lock keeps a second run out of the directory.
"""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.errors import Fault, ScenarioError
from wattkeel.jsonio import plain, read_json, write_json, write_text
from wattkeel.record import FULL_RATE, WINDOWS, RecordPlan
from wattkeel.runlock import HeldError, RunLock

if TYPE_CHECKING:
    from wattkeel.events import Event

FORMAT = 1
"""Version of the layout of a run directory."""

MANIFEST = "manifest.json"
SCENARIO = "scenario.resolved.toml"
SUMMARY = "summary.json"
EVENTS = "events.json"
EVENTS_LOG = "events.jsonl"
LEDGER = "ledger.json"
FINDINGS = "findings.json"
METERS = "meters.json"
REPORT = "report.html"
SERIES = "series"
INDEX = "index.json"
LOCK = ".lock"

VALUES = (SCENARIO, SUMMARY, EVENTS, LEDGER, FINDINGS)
"""Files of a finished run beside its manifest and its series; where rules are judged, `METERS` joins them."""

_HEADER_BYTE = 256
_MAGIC = b"\x93NUMPY\x01\x00"
_FLUSH_S = 1.0


def _header(shape: tuple[int, ...]) -> bytes:
    """Return a .npy header of `_HEADER_BYTE` bytes for float64 rows (format 1.0: NEP 1)."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape!r}, }}"
    length = _HEADER_BYTE - len(_MAGIC) - 2
    return _MAGIC + struct.pack("<H", length) + text.ljust(length - 1).encode("ascii") + b"\n"


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Give the path to an error of the system that names none: a write that the disk does not take."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


class GrowingArray:
    """A .npy file of float64 rows that grows at its end.

    Parameters
    ----------
    path : Path
        File to create.
    shape : tuple of int
        Shape of a row.

    Raises
    ------
    OSError
        The file cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path = path
        self.shape = shape
        self.rows = 0
        self._file: IO[bytes] = path.open("wb")
        with _naming(path):
            self._file.write(_header((0, *shape)))
            self._file.flush()

    def append(self, rows: NDArray[np.float64]) -> None:
        """Add rows, (n, *shape)."""
        with _naming(self.path):
            self._file.write(np.ascontiguousarray(rows, dtype="<f8").data.cast("B") if rows.size else b"")
        self.rows += len(rows)

    def flush(self) -> None:
        """Bring the rows down, then the header that counts them."""
        with _naming(self.path):
            self._file.flush()
            self._file.seek(0)
            self._file.write(_header((self.rows, *self.shape)))
            self._file.flush()
            self._file.seek(0, 2)

    def close(self) -> None:
        """Flush and close; nothing happens the second time."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                # What the disk did not take is not asked of it again.
                with contextlib.suppress(OSError):
                    self._file.close()


def open_array(path: Path) -> NDArray[np.float64]:
    """Return the rows of a .npy file, memory-mapped and read-only."""
    if not _rows_in(path):
        return np.load(path)  # type: ignore[no-any-return]  # an empty file cannot be mapped
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def _rows_in(path: Path) -> int:
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
    return int(np.prod(shape))


def is_run_directory(path: Path) -> bool:
    """Return whether a directory holds a run of wattkeel."""
    try:
        manifest = read_json(path / MANIFEST)
    except (OSError, ValueError):
        return False
    return isinstance(manifest, Mapping) and manifest.get("format") is not None


def check_directory(path: Path) -> None:
    """Make sure that a run may be written to `path`, without writing anything.

    Raises
    ------
    ScenarioError
        It is a file, or holds something that is not a run.
    """
    if path.exists() and not path.is_dir():
        raise _refusal(path, "is a file, not a directory")
    try:
        holds_other = path.is_dir() and not _is_bare(path) and not is_run_directory(path)
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from error
    if holds_other:
        raise _refusal(path, "holds files that are not a run of wattkeel; they are not overwritten")


def _is_bare(path: Path) -> bool:
    """Return whether a directory holds nothing, or only what a run leaves that died before its manifest."""
    for member in path.iterdir():
        if member.name == SERIES and member.is_dir():
            if any(member.iterdir()):
                return False
        elif member.name not in (LOCK, f".{MANIFEST}.tmp"):
            return False
    return True


def _refusal(
    path: Path, message: str, remedy: str = "choose an empty, a new or an earlier run directory"
) -> ScenarioError:
    return ScenarioError([Fault("out_dir", str(path), message, remedy)])


def read_events(path: Path) -> list[dict[str, Any]] | None:
    """Return the events of a run directory, finished or not, as rows; None when there are none on record."""
    rows: list[dict[str, Any]] | None = read_json(path / EVENTS)
    if rows is not None or not (path / EVENTS_LOG).is_file():
        return rows
    by_number: dict[int, dict[str, Any]] = {}
    for line in (path / EVENTS_LOG).read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            number, row = json.loads(line)
        except ValueError:  # the process died within this line, the last
            break
        by_number[number] = row
    return [by_number[number] for number in sorted(by_number)]


class RunWriter:
    """Writes one run directory; a `Store` for the recorder.

    Parameters
    ----------
    path : Path
        Directory; made when missing. An older run in it is replaced, and nothing else in it is touched.
    plan : RecordPlan
        What is kept.
    manifest : Mapping
        First manifest; ``format`` and ``complete`` are added.
    scenario_toml : str
        The resolved scenario.

    Raises
    ------
    ScenarioError
        The directory holds something else, is being written by another run, or cannot be written.
    """

    def __init__(self, path: Path, plan: RecordPlan, manifest: Mapping[str, Any], scenario_toml: str) -> None:
        check_directory(path)
        self.path = path
        self._plan = plan
        self._series: dict[str, GrowingArray] = {}
        self._windows: list[tuple[int, int]] | None = None
        self._flushed_s = time.monotonic()
        self._events: IO[str] | None = None
        self._lock: RunLock | None = None
        made = not path.exists()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = RunLock(path / LOCK)
            self._begin(manifest, scenario_toml)
        except HeldError as error:
            remedy = "wait for its end, stop it, or choose another directory"
            raise _refusal(path, f"is being written by another run ({error})", remedy) from None
        except OSError as error:
            with contextlib.suppress(OSError):
                self.close()
            self._undo(made)
            raise _refusal(path, f"cannot be written: {error.strerror or error}") from error

    def _begin(self, manifest: Mapping[str, Any], scenario_toml: str) -> None:
        """Lay down what a run starts with."""
        series = self.path / SERIES
        series.mkdir(exist_ok=True)
        self.write_manifest(manifest, complete=False)
        self._remove_older()
        write_text(self.path / SCENARIO, scenario_toml)
        for name, (shape, _) in self._plan.series().items():
            self._series[name] = GrowingArray(series / f"{name}.npy", shape)
        self._events = (self.path / EVENTS_LOG).open("w", encoding="utf-8", newline="\n")
        self.write_windows([])

    def _undo(self, made: bool) -> None:
        """Take back what a run that could not begin has laid down, unless a run is there to be read."""
        self.release()
        if not is_run_directory(self.path):
            with contextlib.suppress(OSError):
                (self.path / SERIES).rmdir()
        if made:
            with contextlib.suppress(OSError):
                self.path.rmdir()

    def _remove_older(self) -> None:
        """Remove the files of an older run; the new manifest is down, so it stays a run directory."""
        for name in (*VALUES, METERS, EVENTS_LOG, REPORT):
            (self.path / name).unlink(missing_ok=True)
        for file in (self.path / SERIES).glob("*.npy"):
            file.unlink()
        (self.path / SERIES / INDEX).unlink(missing_ok=True)

    def append(self, name: str, rows: NDArray[np.float64]) -> None:
        """Add rows to a series; they reach the disk once a second."""
        self._series[name].append(rows)
        now_s = time.monotonic()
        if now_s - self._flushed_s >= _FLUSH_S:
            self.flush()
            self._flushed_s = now_s

    def append_events(self, changed: Sequence[tuple[int, Event]]) -> None:
        """Bring down events that began or ended, by number; a later line of a number replaces the earlier."""
        if not changed or self._events is None:
            return
        with _naming(self.path / EVENTS_LOG):
            for number, event in changed:
                self._events.write(json.dumps([number, plain(event)], allow_nan=False) + "\n")
            self._events.flush()

    def write_events(self, events: Sequence[Event]) -> None:
        """Write all events at the end of a run; the list takes the place of what was appended."""
        write_json(self.path / EVENTS, events)
        self._close_events()
        (self.path / EVENTS_LOG).unlink(missing_ok=True)

    def flush(self) -> None:
        """Bring all series down."""
        for array in self._series.values():
            array.flush()

    def array(self, name: str) -> NDArray[np.float64]:
        """Return all rows of a series, memory-mapped and read-only."""
        self._series[name].flush()
        return open_array(self._series[name].path)

    def write_windows(self, windows: list[tuple[int, int]]) -> None:
        """Write the index of the series, with the spans of the windows [tick, first after]."""
        if windows == self._windows:
            return
        self._windows = list(windows)
        plan = self._plan
        envelopes = [
            {"name": plan.envelope_name(period), "period_tick": period, "period_s": period * plan.tick_s}
            for period in plan.envelope_ticks
        ]
        index = {
            "tick_s": plan.tick_s,
            "units": plan.signal_units,
            "full_rate": {"name": FULL_RATE, "columns": plan.full_rate},
            "envelopes": envelopes,
            "envelope_columns": plan.signal_names,
            "envelope_rows": ["min", "mean", "max"],
            "windows": {"name": WINDOWS, "columns": plan.event_signals, "spans_tick": windows},
        }
        write_json(self.path / SERIES / INDEX, index)

    def write_manifest(self, manifest: Mapping[str, Any], *, complete: bool) -> None:
        """Replace the manifest."""
        write_json(self.path / MANIFEST, {"format": FORMAT, **manifest, "complete": complete})

    def write_values(self, values: Mapping[str, Any]) -> None:
        """Replace JSON files: file name -> content."""
        for name, content in values.items():
            write_json(self.path / name, content)

    def close(self) -> None:
        """Flush and close what grows, all of it even when one file cannot be written."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_events)
            for array in self._series.values():
                stack.callback(array.close)

    def _close_events(self) -> None:
        if self._events is not None:
            with contextlib.suppress(OSError):  # each line was brought down, or its failure told, at once
                self._events.close()

    def release(self) -> None:
        """Let other runs into the directory, after the last file is written."""
        self._close_events()
        if self._lock is not None:
            self._lock.release()
