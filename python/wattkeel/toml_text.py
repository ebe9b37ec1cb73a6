"""TOML text: read with clear faults, and write."""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattkeel.errors import Fault, ScenarioError

__all__ = ["parse_override", "parse_toml", "read_toml", "write_toml"]

# A scenario is a page or two; a file of this size is something else, e.g. a trace.
_LARGEST = 16 * 2**20
_UNQUOTED = re.compile(r"=\s*[+-]?[\d_]+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*[A-Za-z%µ]")


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ScenarioError
        The file is missing, a folder, empty, not text or not TOML; the place is ``file:line:column``.
    """
    place = os.fspath(path)
    if os.path.isdir(place):
        raise _error(place, "is a folder", "name the scenario file in it")
    try:
        with open(place, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise _error(place, "no such file", _siblings(place)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _error(place, f"cannot be read: {reason}", "check the path and its permissions") from None
    if len(data) > _LARGEST:
        raise _error(place, "is larger than 16 MiB", "name a scenario file, not a trace")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _error(place, "is UTF-16 text", "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (byte {error.start}, line {line})"
        raise _error(place, message, "name a TOML file, saved as UTF-8") from None
    if not text.strip():
        raise _error(place, "is empty", "write a scenario; `wattkeel init` makes one")
    return parse_toml(text, place)


def parse_toml(text: str, place: str) -> dict[str, Any]:
    """Parse TOML text.

    Raises
    ------
    ScenarioError
        A mistake in the text, with line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_fault(text, place, str(error))]) from None
    except (RecursionError, ValueError) as error:  # nested too deep, an int of too many digits
        reason = "is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise _error(place, reason, "simplify the file") from None


def _syntax_fault(text: str, place: str, message: str) -> Fault:
    lines = text.splitlines() or [""]
    match = re.search(r"\(at line (\d+), column (\d+)\)", message)
    line, column = (int(match[1]), int(match[2])) if match else (len(lines), len(lines[-1]) + 1)
    bad = lines[min(line, len(lines)) - 1].strip()
    words = re.sub(r"\s*\(at .*\)$", "", message)
    return Fault(f"{place}:{line}:{column}", bad, f"TOML: {words}", _syntax_remedy(words, bad))


def _syntax_remedy(words: str, line: str) -> str:
    if _UNQUOTED.search(line):
        return 'put a quantity in quotes, as in power = "20 MW"'
    if re.match(r"(Cannot (declare|overwrite|mutate|define|redefine))", words):
        return "a table or key stands twice; keep one"
    if re.match(r"\[?\[[^\]]*$", line):
        return "close the bracket of the section"
    if re.search(r"=\s*(True|False|TRUE|FALSE|yes|no|None|null)\b", line):
        return "write true or false in lower case"
    if re.search(r"=\s*[A-Za-z./~]", line):
        return "put text in quotes"
    if line.count('"') % 2:
        return "close the quotes"
    if "=" not in line and not line.startswith("["):
        return "write key = value"
    return "correct the line; a section is [name], a parameter key = value"


def parse_override(text: str) -> tuple[list[str], Any]:
    """Split ``storage.bess.energy=20 MWh`` into path and value.

    The value is read as TOML where it is TOML, otherwise as text.

    Raises
    ------
    ScenarioError
        There is no path or no ``=``.
    """
    path, sign, value = text.partition("=")
    steps = [step.strip() for step in path.split(".")]
    if not sign or not all(steps):
        raise ScenarioError(
            [Fault("override", text, "is not path=value", 'write e.g. "storage.bess.energy=20 MWh"')]
        )
    value = value.strip()
    if "\n" not in value and "\r" not in value:
        try:
            return steps, tomllib.loads(f"value = {value}")["value"]
        except (tomllib.TOMLDecodeError, RecursionError, ValueError):
            pass
    return steps, value


def _error(place: str, message: str, remedy: str) -> ScenarioError:
    return ScenarioError([Fault(place, None, message, remedy)])


def _siblings(place: str) -> str:
    folder = Path(place).absolute().parent
    try:
        names = sorted(path.name for path in folder.glob("*.toml"))[:6]
    except (OSError, ValueError):
        names = []
    return f"that folder holds {', '.join(names)}" if names else "check the path"


def write_toml(tree: Mapping[str, Any]) -> str:
    """Write nested tables as TOML.

    Parameters
    ----------
    tree
        Text, numbers, truth values, lists of these, tables and lists of tables. None is left out.

    Returns
    -------
    str
        TOML that reads back to the same values, bit for bit.
    """
    out: list[str] = []
    _write_table(tree, (), out)
    return "\n".join(out).lstrip("\n") + "\n"


def _write_table(tree: Mapping[str, Any], path: tuple[str, ...], out: list[str]) -> None:
    for key, value in tree.items():
        if value is not None and not isinstance(value, Mapping) and not _tables(value):
            out.append(f"{_key(key)} = {_literal(value)}")
    for key, value in tree.items():
        name = ".".join(_key(step) for step in (*path, key))
        if isinstance(value, Mapping):
            # A table that only holds named tables needs no header of its own.
            if not value or not all(isinstance(below, Mapping) for below in value.values()):
                out += ["", f"[{name}]"]
            _write_table(value, (*path, key), out)
        elif _tables(value):
            for table in value:
                out += ["", f"[[{name}]]"]
                _write_table(table, (*path, key), out)


def _tables(value: object) -> bool:
    return (
        isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, Mapping) for item in value)
    )


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _string(key)


def _string(text: str) -> str:
    # JSON escapes are TOML escapes; TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return repr(float(value))
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(_literal(item) for item in value)}]"
    raise TypeError(f"no TOML form for {type(value).__name__}")
