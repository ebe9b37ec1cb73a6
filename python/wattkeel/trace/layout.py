"""Which columns of a file are time, power and the key of interleaved GPUs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wattkeel.trace.csv_reader import shown_names
from wattkeel.trace.headers import Column, describe_column, key_columns, time_column
from wattkeel.trace.notes import Notes, listed

# Names of a whole; the other power columns beside it are its parts or something else.
_WHOLE = frozenset(
    "power total total_power power_total sum power_sum ac dc ac_power dc_power power_ac power_dc site_power "
    "node_power power_draw".split()
) | {""}
_DRAW = re.compile(r"(.*?)_?power_draw(_instant|_average)?")


@dataclass(frozen=True, slots=True)
class Choice:
    """A power column in use, and which keys of it (GPUs), as a pattern; "" means all."""

    column: Column
    key_pattern: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns to read.

    Attributes
    ----------
    time : Column
        The column of time.
    keys : list of Column
        Columns that tell interleaved meters apart.
    power : list of Choice
        Columns asked for by the user, or all that may be power by name and unit.
    is_asked : bool
        The user named the columns; otherwise `choose` has still to decide.
    """

    time: Column
    keys: list[Column]
    power: list[Choice]
    is_asked: bool


def find_layout(names: Sequence[str], asked: Sequence[str], stamps: Sequence[int], notes: Notes) -> Layout:
    """Find time, keys and power by name and unit.

    Parameters
    ----------
    names : sequence of str
        Header of the file.
    asked : sequence of str
        Columns named by the user, wildcards allowed; empty for a choice by name and unit.
    stamps : sequence of int
        Columns whose type is a point in time, used when no name is one of time.
    notes : Notes
        Takes faults.

    Returns
    -------
    Layout
        What to read.

    Raises
    ------
    TraceError
        There is no column of time, none of power, or an asked one is not there.
    """
    columns = [describe_column(index, name) for index, name in enumerate(names)]
    time = time_column(columns)
    if time is None and len(stamps) == 1:
        time = columns[stamps[0]]
    if time is not None and time.index in stamps:
        time = replace(time, unit="ns")  # points in time are read as whole nanoseconds
    if time is None:
        notes.fault(
            f"no column of time; columns found: {shown_names(names)}",
            "name it t_s, t_ms, time or timestamp in the header",
        )
    if asked:
        power = _asked(columns, asked, notes)
    else:
        power = [Choice(column) for column in columns if column.is_reading]
        if not power:
            notes.fault(
                f"no column is power by name and unit; columns found: {shown_names(names)}", notes.choose
            )
    used = [choice.column for choice in power] + ([time] if time else [])
    twice = sorted({column.name for column in used if sum(name == column.name for name in names) > 1})
    if twice:
        notes.fault(f"the header names {shown_names(twice)} more than once", "give each column its own name")
    notes.check()
    assert time is not None
    taken = {column.index for column in used}
    keys = [key for key in key_columns(columns) if key.index not in taken]
    return Layout(time, keys, power, bool(asked))


def _asked(columns: list[Column], asked: Sequence[str], notes: Notes) -> list[Choice]:
    """Give the columns that the user named, in the order named, each once."""
    found: dict[tuple[int, str], Choice] = {}
    for pattern in asked:
        keyed = re.fullmatch(r"(.+)\[([^\[\]]+)\]", pattern.strip())
        matches = _matching(columns, pattern.strip())
        key = ""
        if not matches and keyed:
            matches, key = _matching(columns, keyed.group(1).strip()), keyed.group(2).strip()
        if not matches:
            near = difflib.get_close_matches(pattern, [column.name for column in columns], 3)
            hint = f"did you mean {shown_names(near)}?" if near else f"columns: {_all_names(columns)}"
            notes.fault(f"no column '{pattern}'", hint)
        elif bad := [column for column in matches if column.kind in ("foreign", "time")]:
            notes.fault(f"{_all_names(bad)} is not power", notes.choose)
        for column in matches:
            found.setdefault((column.index, key), Choice(column, key))
    return list(found.values())


def _all_names(columns: list[Column]) -> str:
    return shown_names([column.name for column in columns])


def _matching(columns: list[Column], pattern: str) -> list[Column]:
    """Give the columns with this name, in full or without its unit, or that the wildcards fit."""
    bare = {column: re.sub(r"\s*[\[(][^\[\]()]*[\])]$", "", column.name) for column in columns}
    for fold in (False, True):
        for name_of in ({column: column.name for column in columns}, bare):
            if found := [column for column in columns if matches(name_of[column], pattern, fold=fold)]:
                return found
    return []


def matches(name: str, pattern: str, *, fold: bool = False) -> bool:
    """Whether a name fits a pattern with `*` and `?`; brackets stand for themselves, as units have them."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, name, re.IGNORECASE if fold else 0) is not None


def choose(candidates: list[Column], notes: Notes) -> list[Column]:
    """Choose among the columns that may be power, when the user named none.

    The instant reading goes before the running average, AC before DC, a total before its parts; columns
    that differ only by a number (nodes, GPUs) are taken together. Anything else is for the user to decide.

    Parameters
    ----------
    candidates : list of Column
        Columns that are power by name and unit and hold values.
    notes : Notes
        Takes the warning about what was left out, or the fault.

    Returns
    -------
    list of Column
        Columns to use; empty after a fault.
    """
    if len(candidates) == 1:
        return _with_average_warning(candidates, notes)
    left = _by_draw(candidates, notes)
    left = _by_side(left, notes)
    whole = [column for column in left if column.plain in _WHOLE]
    if whole and len(left) > len(whole) == 1:
        others = [f"'{column.name}'" for column in left if column not in whole]
        notes.warn(f"power is read from '{whole[0].name}'; left out: {listed(others)}")
        left = whole
    if len({_numberless(column) for column in left}) > 1:
        names = shown_names([column.name for column in left])
        notes.fault(f"several different columns are power: {names}", notes.choose)
        return []
    return left


def _by_draw(columns: list[Column], notes: Notes) -> list[Column]:
    """Among nvidia-smi's power.draw, .instant and .average of the GPU, keep the fastest reading."""
    order = ("_instant", None, "_average")
    draws = {column: match for column in columns if (match := _DRAW.fullmatch(column.plain))}
    if len({_numberless(column) for column in draws}) < 2:
        return _with_average_warning(columns, notes)
    # module.power.draw and gpu.memory.power.draw stand beside the GPU's own, whose prefix is the shortest.
    best = min(draws, key=lambda column: (len(draws[column][1]), order.index(draws[column][2])))
    kept = [c for c in columns if c not in draws or _numberless(c) == _numberless(best)]
    others = [f"'{column.name}'" for column in columns if column not in kept]
    notes.warn(f"power is read from '{best.name}'; left out: {listed(others)}")
    return _with_average_warning(kept, notes)


def _numberless(column: Column) -> str:
    """Give the name with every number as `#`: columns that share it are nodes or GPUs of one kind."""
    return re.sub(r"\d+", "#", column.plain)


def _with_average_warning(columns: list[Column], notes: Notes) -> list[Column]:
    averages = [f"'{column.name}'" for column in columns if column.plain.endswith("_average")]
    if averages:
        notes.warn(f"{listed(averages)} is a running average: it hides spikes and lags the power")
    return columns


def _by_side(columns: list[Column], notes: Notes) -> list[Column]:
    """Where nodes have AC and DC readings, keep AC."""
    sides = {side: [c for c in columns if side in c.plain.split("_")] for side in ("ac", "dc")}
    if not (sides["ac"] and sides["dc"]):
        return columns
    notes.warn(
        f"AC and DC power are both there: the {len(sides['ac'])} AC columns are read; "
        f"for the {len(sides['dc'])} DC columns {notes.choose}"
    )
    return [column for column in columns if column not in sides["dc"]]
