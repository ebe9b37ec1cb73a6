"""Turn the raw cells of one column into numbers or times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wattkeel.trace.headers import POWER_UNITS, TIME_UNITS, power_unit, time_unit
from wattkeel.trace.model import Floats
from wattkeel.trace.notes import Notes

# What meters print when they have no value; nvidia-smi puts it in brackets.
VOID_WORDS = frozenset(
    (
        "n/a",
        "not supported",
        "not available",
        "not found",
        "unknown error",
        "insufficient permissions",
        "gpu requires reset",
    )
)
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµμ%]*)")
# Relative times stay far below these; Unix times of the years 1973 to 5000 lie between them.
_EPOCH_LEAST = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))
_EPOCH_LEAST_S = 1e8  # 1973 in seconds; a record that counts from its own start does not last three years

Raw = Sequence[str] | NDArray[np.generic]


@dataclass(slots=True)
class Cells:
    """One column as numbers.

    Attributes
    ----------
    values : ndarray, shape (n,)
        NaN where a cell holds no number.
    void : ndarray of bool, shape (n,)
        The meter said that it had no value (`[N/A]`, `Not Supported`).
    unit : str
        Unit written in the cells, "" when they hold bare numbers.
    bad : dict
        Kind of fault -> rows (from 0) that have it.
    """

    values: Floats
    void: NDArray[np.bool_]
    unit: str = ""
    bad: dict[str, list[int]] = field(default_factory=dict)


def is_void(cell: str) -> bool:
    """Whether a cell says that the meter had no value."""
    return cell.strip().strip("[]").strip().lower() in VOID_WORDS


def read_numbers(raw: Raw, find_unit: Callable[[str], str], *, decimal_comma: bool = False) -> Cells:
    """Read a column of numbers, each with or without a unit.

    Parameters
    ----------
    raw : sequence of str or ndarray
        Cells of a text file, or an array of numbers in which NaN marks an absent cell.
    find_unit : callable
        Gives the canonical unit of a text or "".
    decimal_comma : bool
        Read `0,5` as one half.

    Returns
    -------
    Cells
        Numbers and the rows that hold none.
    """
    if isinstance(raw, np.ndarray):
        values = np.array(raw, dtype=np.float64)
        cells = Cells(values, np.zeros(len(values), dtype=np.bool_))
    else:
        try:
            values = np.array(list(map(float, raw)), dtype=np.float64)
            cells = Cells(values, np.zeros(len(values), dtype=np.bool_))
        except ValueError:
            cells = _read_each(raw, find_unit, decimal_comma=decimal_comma)
    _find_unusable(cells)
    return cells


def _read_each(raw: Sequence[str], find_unit: Callable[[str], str], *, decimal_comma: bool) -> Cells:
    """Read cells one by one, where not all are bare numbers."""
    cells = Cells(np.full(len(raw), np.nan), np.zeros(len(raw), dtype=np.bool_))
    units: dict[str, list[int]] = {}
    for row, cell in enumerate(raw):
        text = cell.strip()
        quantity = _QUANTITY.fullmatch(text.replace(",", ".") if decimal_comma else text)
        if quantity:
            cells.values[row] = float(quantity.group(1))
            units.setdefault(quantity.group(2), []).append(row)
        elif is_void(text):
            cells.void[row] = True
        elif text.lower().lstrip("+-") in ("", "nan", "null", "none"):
            cells.bad.setdefault("empty or NaN", []).append(row)
        elif text.lower().lstrip("+-") in ("inf", "infinity"):
            cells.values[row] = np.inf
        else:
            cells.bad.setdefault(f"not a number (the first reads {text[:40]!r})", []).append(row)
    _settle_unit(cells, units, find_unit)
    return cells


def _settle_unit(cells: Cells, units: dict[str, list[int]], find_unit: Callable[[str], str]) -> None:
    """Accept one unit for all cells; the rarer ones are faults (a cut-off `121.46 W` reads 121.46)."""
    if not units:
        return
    usual = max(units, key=lambda text: len(units[text]))
    cells.unit = find_unit(usual)
    for text, rows in units.items():
        if text and not find_unit(text):
            cells.bad.setdefault(f"in the unit {text!r}, which does not fit", []).extend(rows)
        elif text != usual:
            shown = repr(text) if text else "no unit"
            cells.bad.setdefault(f"with {shown} where others have {usual!r}", []).extend(rows)


def _find_unusable(cells: Cells) -> None:
    """Add the rows that hold NaN or infinity."""
    infinite = np.flatnonzero(np.isinf(cells.values)).tolist()
    if infinite:
        cells.bad["infinite"] = infinite
    known = {row for rows in cells.bad.values() for row in rows}
    absent = np.flatnonzero(np.isnan(cells.values) & ~cells.void).tolist()
    if absent := [row for row in absent if row not in known]:
        cells.bad["empty or NaN"] = sorted(cells.bad.get("empty or NaN", []) + absent)


def to_si(values: Floats, unit: str, units: dict[str, tuple[float, float]]) -> Floats:
    """Scale values to watts or seconds; exact where the scale is a power of ten."""
    multiplier, divisor = units[unit]
    if divisor != 1.0:
        return values / divisor
    return values if multiplier == 1.0 else values * multiplier


def read_power(raw: Raw, header_unit: str, name: str, notes: Notes, *, decimal_comma: bool) -> Cells:
    """Read a column of power as watts.

    Parameters
    ----------
    raw : sequence of str or ndarray
        The cells.
    header_unit : str
        Unit stated by the header, or "".
    name : str
        Header, for messages.
    notes : Notes
        Takes faults and warnings.
    decimal_comma : bool
        Read `0,5` as one half.

    Returns
    -------
    Cells
        Values in W.
    """
    cells = read_numbers(raw, power_unit, decimal_comma=decimal_comma)
    if cells.unit and header_unit and cells.unit != header_unit:
        notes.fault(
            f"column '{name}': the header says {header_unit}, the cells say {cells.unit}",
            "make header and cells agree",
        )
    unit = cells.unit or header_unit
    if unit and unit not in POWER_UNITS:
        notes.fault(
            f"column '{name}': {unit!r} may mean milliwatts or megawatts",
            "write the unit as [mW], [MW] or [W] in the header",
        )
        return cells
    if not unit:
        notes.warn(f"column '{name}' states no unit: taken as W")
    cells.values = to_si(cells.values, unit or "W", POWER_UNITS)
    return cells


def read_time(raw: Raw, header_unit: str, name: str, notes: Notes, *, decimal_comma: bool) -> Cells:
    """Read a column of time as seconds from its first sample.

    Parameters
    ----------
    raw : sequence of str or ndarray
        Numbers in the unit of the header, Unix times, or date and time as text.
    header_unit : str
        Unit stated by the header, or "".
    name : str
        Header, for messages.
    notes : Notes
        Takes faults and warnings.
    decimal_comma : bool
        Read `0,5` as one half.

    Returns
    -------
    Cells
        Values in s. Offsets are taken before anything is rounded, so Unix nanoseconds stay exact.
    """
    first = 0.0
    if isinstance(raw, np.ndarray) and np.issubdtype(raw.dtype, np.integer):
        first = float(raw[0])
        cells = read_numbers(raw - raw[0], time_unit)
    elif isinstance(raw, np.ndarray):
        cells = read_numbers(raw, time_unit)
    elif whole := _whole_numbers(raw):
        first = float(whole[0])
        cells = read_numbers(np.array([value - whole[0] for value in whole], dtype=np.float64), time_unit)
    elif _is_stamp(raw):
        return _read_stamps(raw, name, notes)
    else:
        cells = read_numbers(raw, time_unit, decimal_comma=decimal_comma)
    if cells.void.any():
        cells.bad["without a time"] = np.flatnonzero(cells.void).tolist()
    if not first:
        first = next((float(value) for value in cells.values if np.isfinite(value)), 0.0)
        cells.values = cells.values - first
    unit = _time_scale(cells.unit, header_unit, first, name, notes)
    cells.values = to_si(cells.values, unit, TIME_UNITS)
    return cells


def clock_of(raw: Raw, unit: str) -> float | None:
    """Time of day of the first sample, s from midnight; None where times are not dates.

    Parameters
    ----------
    raw : sequence of str or ndarray
        Cells of a column of time: dates as written, in their own time zone, or Unix times (UTC).
    unit : str
        Unit stated by the header, or "".
    """
    if not isinstance(raw, np.ndarray):
        stamp = _stamp(raw[0])
        if stamp is not None and _is_stamp(raw):
            return stamp.hour * 3600.0 + stamp.minute * 60.0 + stamp.second + 1e-6 * stamp.microsecond
        try:
            first = float(raw[0])
        except ValueError:
            return None
    else:
        first = float(raw[0])
    for least, epoch_unit in _EPOCH_LEAST:
        if first >= least and unit in ("", epoch_unit):
            return float(to_si(np.array([first]), epoch_unit, TIME_UNITS)[0] % 86400.0)
    if _EPOCH_LEAST_S <= first < _EPOCH_LEAST[-1][0] and unit in ("", "s"):
        return first % 86400.0
    return None


def _time_scale(cell_unit: str, header_unit: str, first: float, name: str, notes: Notes) -> str:
    """Settle the unit of a numeric time column."""
    if unit := cell_unit or header_unit:
        return unit
    for least, unit in _EPOCH_LEAST:
        if first >= least:
            notes.warn(f"column '{name}' states no unit: its size shows Unix time in {unit}")
            return unit
    notes.warn(f"column '{name}' states no unit: taken as s")
    return "s"


def _whole_numbers(raw: Sequence[str]) -> list[int]:
    """Give the cells as integers, or an empty list when one is none."""
    try:
        return list(map(int, raw))
    except ValueError:
        return []


def _is_stamp(raw: Sequence[str]) -> bool:
    """Whether most of the first cells look like a date (1 or 2 separators before any other text)."""
    first = [cell for cell in raw[:20] if cell.strip()]
    return sum(bool(re.match(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}", cell)) for cell in first) * 2 > len(first)


def _stamp(text: str) -> datetime | None:
    """Read `2025/04/28 11:00:00.123` or an ISO 8601 date and time; None when it is neither."""
    text = text.strip().replace("/", "-")
    if text.endswith((" UTC", " GMT")):
        text = text[:-4] + "+00:00"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _read_stamps(raw: Sequence[str], name: str, notes: Notes) -> Cells:
    """Read dates and times as seconds from the first."""
    stamps = [_stamp(cell) for cell in raw]
    cells = Cells(np.full(len(raw), np.nan), np.zeros(len(raw), dtype=np.bool_))
    bad = [row for row, stamp in enumerate(stamps) if stamp is None]
    if bad:
        empty = [row for row in bad if not raw[row].strip()]
        other = [row for row in bad if raw[row].strip()]
        if empty:
            cells.bad["empty or NaN"] = empty
        if other:
            shown = f"the first reads {raw[other[0]][:40]!r}"
            cells.bad[f"no date and time like 2025/04/28 11:00:00.123 or ISO 8601 ({shown})"] = other
    first = next((stamp for stamp in stamps if stamp is not None), None)
    if first is None:
        return cells
    has_zone = first.tzinfo is not None
    mixed = [row for row, stamp in enumerate(stamps) if stamp and (stamp.tzinfo is not None) != has_zone]
    if mixed:
        cells.bad[f"{'without' if has_zone else 'with'} time zone, unlike the first,"] = mixed
    skipped = {*bad, *mixed}
    for row, stamp in enumerate(stamps):
        if stamp is not None and row not in skipped:
            cells.values[row] = (stamp - first).total_seconds()
    if not has_zone and not bad and not mixed and len(raw) > 1 and cells.values[-1] >= 86400.0:
        notes.warn(f"column '{name}' has no time zone: a change to or from summer time would show as a jump")
    return cells
