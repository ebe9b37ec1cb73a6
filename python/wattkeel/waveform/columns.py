"""What the columns of a record are: quantity, unit and phase, by their names; and which of them are used."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wattkeel.trace.csv_reader import shown_names
from wattkeel.trace.notes import Notes
from wattkeel.waveform.model import Connection

Quantity = Literal["voltage", "current", "frequency", "other"]

# Unit -> quantity and (multiplier, divisor) to V, A, Hz: a division by 1000 is exact where a product is not.
UNITS: dict[str, tuple[Quantity, float, float]] = {
    "V": ("voltage", 1.0, 1.0), "kV": ("voltage", 1e3, 1.0), "MV": ("voltage", 1e6, 1.0),
    "mV": ("voltage", 1.0, 1e3), "A": ("current", 1.0, 1.0), "kA": ("current", 1e3, 1.0),
    "mA": ("current", 1.0, 1e3), "Hz": ("frequency", 1.0, 1.0), "mHz": ("frequency", 1.0, 1e3),
}  # fmt: skip
UNIT_OF: dict[Quantity, str] = {"voltage": "V", "current": "A", "frequency": "Hz", "other": ""}
"""Unit in which a quantity is read."""

_AMBIGUOUS = frozenset(("mv", "Mv", "ma", "Ma", "mhz"))  # milli or mega: only as written above
_LOOSE = {name.lower(): name for name in UNITS if name.lower() not in _AMBIGUOUS}
_PU = frozenset(("pu", "p.u.", "per_unit"))

_PHASE = {"a": 0, "b": 1, "c": 2, "1": 0, "2": 1, "3": 2, "r": 0, "s": 1, "t": 2}
_LINE = {"ab": 0, "bc": 1, "ca": 2, "12": 0, "23": 1, "31": 2, "rs": 0, "st": 1, "tr": 2}
_GLUE = r"[_ .\-/]*"
_NAME = re.compile(
    rf"(?P<prefix>(?:.*?[_ .\-/])?)(?P<quantity>volt(?:age)?|curr(?:ent)?|v|u|i){_GLUE}"
    rf"(?:phase|ph|line|l)?{_GLUE}"
    rf"(?:(?P<line>ab|bc|ca|12|23|31|rs|st|tr|l1{_GLUE}l2|l2{_GLUE}l3|l3{_GLUE}l1)"
    rf"|(?P<phase>[abc]|[123]|[rst])){_GLUE}[neg]?{_GLUE}(?:rms|mag|inst)?"
)
_ALONE = re.compile(rf"(?:.*[_ .\-/])?(?:volt(?:age)?|v|u){_GLUE}(?:rms|positive|pos)?")
_FREQUENCY = re.compile(rf"(?:.*[_ .\-/])?(?:f|freq|frequency){_GLUE}(?:hz)?")


@dataclass(frozen=True, slots=True)
class Label:
    """One column or channel, as far as its name and unit tell.

    Attributes
    ----------
    index : int
        Position in the file.
    name : str
        As written.
    quantity : {"voltage", "current", "frequency", "other"}
        What it holds.
    unit : str
        Unit as in `UNITS`, "pu", or "" when none is stated.
    phase : int
        0, 1, 2 for a, b, c or a-b, b-c, c-a; -1 when the name does not tell.
    connection : str
        `phase_to_ground` or `line_to_line`, "" when the name does not tell.
    group : str
        What the columns of one set of phases share: the name without the phase.
    """

    index: int
    name: str
    quantity: Quantity
    unit: str
    phase: int
    connection: str
    group: str


def unit_of(text: str) -> str:
    """Give the canonical unit of a text, "pu", or "" for anything else."""
    text = text.strip()
    if text in UNITS:
        return text
    if text.lower() in _PU:
        return "pu"
    return _LOOSE.get(text.lower(), "")


def label(index: int, name: str, unit: str | None = None, phase: str = "") -> Label:
    """Read quantity, unit and phase of one column.

    Parameters
    ----------
    index : int
        Position in the file.
    name : str
        Header or channel name, such as `va_kv`, `U L1 [V]`, `VAB`.
    unit : str, optional
        Unit, where the file states it apart from the name (COMTRADE).
    phase : str
        Phase, where the file states it apart (COMTRADE: A, BC, L1, ...).

    Returns
    -------
    Label
        What could be told.
    """
    name = name.strip()
    stem, stated = (name, unit_of(unit)) if unit is not None else _split(name)
    quantity: Quantity = UNITS[stated][0] if stated in UNITS else "other"
    found = _NAME.fullmatch(stem.lower())
    if found and (
        quantity == "other" or quantity == ("current" if found["quantity"][0] in "ci" else "voltage")
    ):
        quantity = "current" if found["quantity"][0] in "ci" else "voltage"
        line = re.sub(r"[^a-z0-9]|l", "", found["line"] or "")
        place = _LINE[line] if line else _PHASE[found["phase"]]
        return Label(
            index,
            name,
            quantity,
            stated,
            place,
            "line_to_line" if line else "phase_to_ground",
            found["prefix"],
        )
    if quantity == "other" and _FREQUENCY.fullmatch(stem.lower()):
        quantity = "frequency"
    if quantity == "other" and (stated or unit is None) and _ALONE.fullmatch(stem.lower()):
        quantity = "voltage"
    word = phase.strip().lower().removeprefix("l").rstrip("ng-") if quantity in ("voltage", "current") else ""
    for places, connection in ((_PHASE, "phase_to_ground"), (_LINE, "line_to_line")):
        if word in places:
            group = re.sub(rf"{_GLUE}{re.escape(phase.strip().lower())}{_GLUE}$", "", stem.lower())
            return Label(index, name, quantity, stated, places[word], connection, group)
    return Label(index, name, quantity, stated, -1, "", stem.lower())


def _split(name: str) -> tuple[str, str]:
    """Give name without unit, and the unit: in brackets, or the last word of several."""
    bracket = re.fullmatch(r"(.*?)\s*[\[(]\s*([^\[\]()]*?)\s*[\])]", name)
    if bracket:
        return bracket[1], unit_of(bracket[2])
    stem, _, last = name.rpartition("_")
    if stem and (unit := unit_of(last)):
        return stem, unit
    return name, ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Columns in use.

    Attributes
    ----------
    voltage : list of Label
        In the order of the phases.
    connection : {"phase_to_ground", "line_to_line"}
        Between what they were measured.
    current : list of Label
        Three, or none.
    frequency : Label or None
        Column of frequency.
    """

    voltage: list[Label]
    connection: Connection
    current: list[Label]
    frequency: Label | None


def choose(
    labels: Sequence[Label], kind: str, columns: Sequence[str], frequency: str, connection: str, notes: Notes
) -> Choice:
    """Choose the columns to use.

    Parameters
    ----------
    labels : sequence of Label
        All columns but time.
    kind : {"waveform", "rms"}
        What they hold.
    columns : sequence of str
        Voltages that the user named, in the order of the phases; empty for a choice by name.
    frequency : str
        Column of frequency that the user named; empty for a choice by name.
    connection : {"auto", "phase_to_ground", "line_to_line"}
        Between what the voltages were measured.
    notes : Notes
        Takes faults.

    Returns
    -------
    Choice
        What to read.

    Raises
    ------
    TraceError
        A named column is not there, or the names do not tell.
    """
    voltage = _named(labels, columns, notes) if columns else _found(labels, kind, connection, notes)
    hertz = next(iter(_named(labels, [frequency], notes)), None) if frequency else _frequency(labels)
    least, most = (1, 3) if kind == "rms" else (2, 3)
    if voltage and not least <= len(voltage) <= most:
        notes.fault(
            f"{len(voltage)} columns of voltage",
            f"name {'one to three' if kind == 'rms' else 'three phases, or two voltages between lines'}",
        )
    told = {one.connection for one in voltage if one.connection}
    if connection == "auto":
        connection = told.pop() if len(told) == 1 else "phase_to_ground"
    if kind == "waveform" and len(voltage) == 2 and connection != "line_to_line":
        notes.fault(
            f"two voltages to ground ({shown_names([one.name for one in voltage])}) do not give the third",
            'name three; or, if they were measured between lines, connection = "line_to_line"',
        )
    notes.check()
    current = [one for one in labels if one.quantity == "current" and one.connection == "phase_to_ground"]
    whole = len(current) == 3 and {one.phase for one in current} == {0, 1, 2}
    return Choice(
        voltage,
        "line_to_line" if connection == "line_to_line" else "phase_to_ground",
        sorted(current, key=lambda one: one.phase) if whole else [],
        hertz,
    )


def _frequency(labels: Sequence[Label]) -> Label | None:
    """The one column that is frequency by name and unit, if there is one."""
    found = [one for one in labels if one.quantity == "frequency"]
    return found[0] if len(found) == 1 else None


def _named(labels: Sequence[Label], wanted: Sequence[str], notes: Notes) -> list[Label]:
    """Give the columns that the user named; by whole name, in any case of letters, or without the unit."""
    found = []
    for name in wanted:
        matches = _matches(labels, name.strip())
        if len(matches) == 1:
            found.append(matches[0])
            continue
        names = [one.name for one in labels]
        near = difflib.get_close_matches(name, names, 3)
        hint = f"did you mean {shown_names(near)}?" if near else f"there is {shown_names(names)}"
        told = f"{len(matches)} columns are named '{name}'" if matches else f"no column '{name}'"
        notes.fault(told, "name columns as the file does" if matches else hint)
    if len({one.index for one in found}) < len(found):
        notes.fault("one column is named twice", "name each phase once")
    return found


def _matches(labels: Sequence[Label], name: str) -> list[Label]:
    """Give the columns of a name: as written, else in any case of letters, else without their units."""
    low = name.lower()
    same = [one for one in labels if one.name == name]
    same = same or [one for one in labels if one.name.lower() == low]
    return same or [one for one in labels if _split(one.name)[0].lower() == low]


def _found(labels: Sequence[Label], kind: str, connection: str, notes: Notes) -> list[Label]:
    """Give the voltages by their names, in the order of the phases."""
    voltages = [one for one in labels if one.quantity == "voltage"]
    groups: dict[tuple[str, str], dict[int, Label]] = {}
    for one in voltages:
        if one.phase >= 0 and connection in ("auto", one.connection):
            groups.setdefault((one.connection, one.group), {}).setdefault(one.phase, one)
    whole = {
        key: group
        for key, group in groups.items()
        if len(group) == 3 or (len(group) == 2 and key[0] == "line_to_line" and kind == "waveform")
    }
    if kind == "rms" and not whole and len(voltages) == 1:
        return voltages
    to_ground = {key: group for key, group in whole.items() if key[0] == "phase_to_ground"}
    if to_ground and len(to_ground) < len(whole):
        notes.warn("voltages to ground and between lines are both there: those to ground are read")
    usable = to_ground or whole
    if len(usable) == 1:
        return [one for _, one in sorted(next(iter(usable.values())).items())]
    names = shown_names([one.name for one in voltages or labels])
    remedy = 'name them in the order of the phases: voltage_columns = ["...", "...", "..."]'
    if usable:
        notes.fault(f"several sets of phases are voltage: {names}", remedy)
    else:
        notes.fault(f"the names do not tell the three phases of voltage; columns: {names}", remedy)
    return []
