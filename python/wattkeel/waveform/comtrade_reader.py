"""COMTRADE records (IEEE C37.111-1991, -1999, -2013; IEC 60255-24) through the optional package `comtrade`.

The package is strict about text that recorders write freely. So the configuration is cleaned before it is
handed over: any encoding, blank fields, commas in the name of the station, unreadable dates. And the package
fills a data file that was cut off with zeros; the samples that are there are counted here.
"""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wattkeel.errors import MissingExtra
from wattkeel.trace.notes import Notes, counted
from wattkeel.trace.reader import load
from wattkeel.waveform.columns import Label, label
from wattkeel.waveform.model import Floats

SUFFIXES = (".cfg", ".dat", ".cff")

# Defaults of the fields of an analog channel, where the standard lets them be blank or recorders leave them.
_ANALOG = ("", "", "", "", "", None, "0", "0", "-99999", "99999", "1", "1", "P")
_FIELD_NAMES = ("number", "name", "phase", "component", "unit", "multiplier a")
_DATE = re.compile(r"\s*\d{1,2}/\d{1,2}/\d{2,4}\s*,\s*\d{1,2}:\d{2}:\d{1,2}(\.\d{1,12})?\s*")
_NO_YEAR = 1970
_NO_DATE = f"01/01/{_NO_YEAR},00:00:00.000000"
_PART = re.compile(rb"--- *file type: *([A-Za-z]+)(?: +([A-Za-z0-9]+))?(?: *: *(\d+))? *---[ \t]*\r?\n", re.I)
_VALUE_BYTES = {"BINARY": 2, "BINARY32": 4, "FLOAT32": 4}


@dataclass(frozen=True, slots=True)
class Channels:
    """Analog channels of a COMTRADE record.

    Attributes
    ----------
    labels : list of Label
        Names, units and phases.
    time_s : ndarray, shape (n,)
        Time from the first sample, s.
    values : ndarray, shape (n, m)
        Primary values in the channels' units; NaN where the recorder had none.
    nominal_frequency_hz : float
        Line frequency that the file states, Hz; 0 when it states none.
    stored : bytes
        What was hashed: the bytes of the data.
    units : list of str
        Units of the channels as written.
    clock_s : float or None
        Time of day of the first sample, s; None when the file states no date that can be read.
    """

    labels: list[Label]
    time_s: Floats
    values: Floats
    nominal_frequency_hz: float
    stored: bytes
    units: list[str]
    clock_s: float | None


def read_comtrade(path: Path, notes: Notes) -> Channels:
    """Read the analog channels of a record.

    Parameters
    ----------
    path : Path
        The `.cfg` or `.dat` of a pair, or a `.cff`.
    notes : Notes
        Takes faults and warnings.

    Raises
    ------
    TraceError
        The files do not hold a record that can be read.
    MissingExtra
        The package `comtrade` is absent.
    """
    try:
        library: Any = importlib.import_module("comtrade")
    except ImportError:
        raise MissingExtra("comtrade", "io", "reading COMTRADE records") from None
    text, data = _parts(path, notes)
    lines, form, declared = _cleaned(_decoded(text, notes), notes)
    samples = _count(data, form, lines, notes)
    record = library.Comtrade(ignore_warnings=True, use_numpy_arrays=True, use_double_precision=True)
    content: Any = data if form in _VALUE_BYTES else _ascii(data, lines)
    try:
        record.read("\n".join(lines) + "\n", content)
    except Exception as error:  # the package raises whatever its parsing met
        notes.stop(f"the package comtrade cannot read it ({type(error).__name__}: {error})", _REMEDY)
    if samples < declared:
        notes.warn(f"the data hold {samples} of the {declared} samples that the configuration states")
    count = min(samples, declared)
    return _channels(record, count, data, notes)


_REMEDY = "have the recorder's software export it anew (COMTRADE 1999 or 2013), or convert it to CSV"


def _parts(path: Path, notes: Notes) -> tuple[bytes, bytes]:
    """Give configuration and data."""
    if path.suffix.lower() != ".cff":
        return load(_beside(path, ".cfg", notes), notes), load(_beside(path, ".dat", notes), notes)
    whole = load(path, notes)
    found: dict[str, bytes] = {}
    at = 0
    while part := _PART.search(whole, at):
        kind, size = part[1].upper().decode(), part[3]
        after = _PART.search(whole, part.end()) if size is None else None
        # The length in bytes is stated for binary data alone; text ends at the next part.
        at = min(len(whole), part.end() + int(size)) if size else after.start() if after else len(whole)
        found[kind] = whole[part.end() : at]
    for kind in ("CFG", "DAT"):
        if kind not in found:
            notes.stop(f"there is no part '--- file type: {kind} ---'", "give a whole .cff file")
    return found["CFG"], found["DAT"]


def _beside(path: Path, suffix: str, notes: Notes) -> Path:
    """Give the file of the pair, whatever the case of its suffix."""
    if path.suffix.lower() == suffix:
        return path
    for form in (suffix, suffix.upper(), suffix.capitalize()):
        if path.with_suffix(form).is_file():
            return path.with_suffix(form)
    return notes.stop(
        f"there is no {suffix} beside it: {path.with_suffix(suffix)}", "put both files of the record there"
    )


def _decoded(data: bytes, notes: Notes) -> str:
    """Give text of any encoding; names may be garbled, numbers cannot."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.warn("the configuration is not UTF-8: names are read as Latin-1 and may be garbled")
        return data.decode("latin-1")


def _cleaned(text: str, notes: Notes) -> tuple[list[str], str, int]:
    """Give the lines as the package wants them, the format of the data and the number of samples."""
    lines = [line.strip() for line in text.replace("\x1a", "").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    # The first three fields may not be blank lines; a first blank line is not of the standard.
    while lines and not lines[0]:
        lines.pop(0)
    try:
        first = [cell.strip() for cell in lines[0].split(",")]
        if len(first) > 3:
            first = [" ".join(first[:-2]), *first[-2:]]
        lines[0] = ",".join(first if len(first) > 1 else [*first, ""])
        counts = [int(re.sub(r"[^0-9]", "", cell) or "0") for cell in lines[1].split(",")]
        analog, status = counts[1], counts[2] if len(counts) > 2 else 0
        lines[1] = f"{analog + status},{analog}A,{status}D"
        for row in range(2, 2 + analog):
            lines[row] = _analog(lines[row], notes)
        at = 2 + analog + status
        lines[at] = re.sub(r"[^0-9.eE+-]", "", lines[at])  # 50.0 Hz
        rates = int(lines[at + 1] or "0")
        at += 2
        declared = int(float(lines[at + max(1, rates) - 1].split(",")[1]))
        at += max(1, rates)
        for row in (at, at + 1):
            if not _DATE.fullmatch(lines[row]):
                notes.warn(
                    f"the date '{lines[row][:40]}' is not read: times are counted from the first sample"
                )
                lines[row] = _NO_DATE
            elif "." not in lines[row]:
                lines[row] += ".000000"
        form = lines[at + 2].upper()
    except (IndexError, ValueError) as error:
        notes.stop(f"the configuration cannot be read ({error})", _REMEDY)
    notes.check()
    if form != "ASCII" and form not in _VALUE_BYTES:
        notes.stop(f"'{lines[at + 2][:20]}' is no format of data of the standard", _REMEDY)
    return lines, form, declared


def _analog(line: str, notes: Notes) -> str:
    """Fill the blank fields of an analog channel."""
    cells = [cell.strip() for cell in line.split(",")]
    cells += [""] * (len(_ANALOG) - len(cells))
    for place, default in enumerate(_ANALOG):
        if cells[place] or default == "":
            continue
        if default is None:
            notes.fault(f"channel '{cells[1]}' has no {_FIELD_NAMES[place]}", _REMEDY)
        else:
            cells[place] = default
    return ",".join(cells[: len(_ANALOG)])


def _count(data: bytes, form: str, lines: list[str], notes: Notes) -> int:
    """Samples that the data hold."""
    total = [int(re.sub(r"[^0-9]", "", cell)) for cell in lines[1].split(",")]
    if form in _VALUE_BYTES:
        row = 8 + total[1] * _VALUE_BYTES[form] + 2 * math.ceil(total[2] / 16)
        samples = len(data) // row
    else:
        samples = sum(1 for line in data.splitlines() if line.strip(b" \t\x1a"))
    if samples < 2:
        notes.stop(f"the data hold {counted(samples, 'sample')}", "copy the .dat again: it was cut off")
    return samples


def _ascii(data: bytes, lines: list[str]) -> str:
    """Give the rows of the data; a blank value is one that is missing."""
    rows = [line.strip(" \t\x1a") for line in data.decode("latin-1").splitlines()]
    missing = "" if lines[0].count(",") < 2 or lines[0].endswith(",1991") else "99999"

    def filled(row: str) -> str:
        cells = [cell.strip() for cell in row.split(",")]
        return ",".join([*cells[:2], *(cell or missing for cell in cells[2:])])

    return "\n".join(filled(row) if ",," in row or row.endswith(",") else row for row in rows if row)


def _channels(record: Any, count: int, data: bytes, notes: Notes) -> Channels:
    """Turn what the package read into primary values."""
    labels, columns = [], []
    scaled, skewed = [], []
    for place, channel in enumerate(record.cfg.analog_channels):
        values = np.asarray(record.analog[place], dtype=np.float64)[:count]
        ratio = channel.primary / channel.secondary if channel.primary > 0.0 < channel.secondary else 1.0
        if channel.pors.strip().upper() == "S" and ratio != 1.0:
            values = values * ratio
            scaled.append(channel.name)
        if channel.skew:
            skewed.append(abs(channel.skew))
        labels.append(label(place, channel.name, channel.uu, channel.ph))
        columns.append(values)
    if scaled:
        notes.warn(f"{counted(len(scaled), 'channel')} in secondary values, scaled to primary ones")
    if skewed:
        notes.warn(f"channels are skewed in time by up to {max(skewed):g} us; that is not taken into account")
    time_s = np.asarray(record.time, dtype=np.float64)[:count]
    values = np.stack(columns, axis=1) if columns else np.zeros((count, 0))
    units = [channel.uu.strip() for channel in record.cfg.analog_channels]
    nominal_hz = float(record.frequency or 0.0)
    return Channels(labels, time_s - time_s[0], values, nominal_hz, data, units, _clock_s(record))


def _clock_s(record: Any) -> float | None:
    """Time of day of the first sample, s."""
    start = record.start_timestamp
    if start is None or start.year == _NO_YEAR:
        return None
    return float(start.hour * 3600.0 + start.minute * 60.0 + start.second + 1e-6 * start.microsecond)
