"""Strict JSON of results: numpy scalars become numbers, what is not finite becomes null."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """Return `value` in types that JSON knows.

    Mappings, sequences, dataclasses, paths and dates are taken apart; NaN and infinity become None, since
    JSON has no number for them.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "tolist"):  # numpy scalar or array, without importing numpy
        return plain(value.tolist())
    return str(value)


def dumps(value: Any) -> str:
    """Return strict JSON, indented, ending without a line feed."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees either the old or the new text, never a part.

    Raises
    ------
    OSError
        The file cannot be written; the old one is untouched.
    """
    scratch = path.with_name(f".{path.name}.tmp")
    try:
        with scratch.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        # The name that the caller knows, not that of the scratch file; a failed write names none at all.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` as strict JSON, atomically (see `write_text`)."""
    write_text(path, dumps(value) + "\n")


def read_json(path: Path, default: Any = None) -> Any:
    """Return the content of a JSON file, or `default` when there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default


def number(value: float | None) -> float:
    """Return a number read from JSON; null is NaN."""
    return float("nan") if value is None else float(value)
