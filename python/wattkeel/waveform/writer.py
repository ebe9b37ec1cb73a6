"""Writing of a course as a table for playback: CSV or Parquet."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from wattkeel.errors import MissingExtra
from wattkeel.jsonio import write_text
from wattkeel.waveform.model import PHASES, Course, Floats

POSITIVE = "v_positive"
"""Stem of the column of the positive sequence: what `voltage_columns` names to play it back."""


def course_columns(course: Course) -> dict[str, Floats]:
    """Columns of a course by name, time first.

    Voltages are called `v<phase>_rms`, `v_positive`, `v_negative`, `v_zero`, with the suffix `_v` or `_pu`;
    the frequency `frequency_hz`.
    """
    unit = "pu" if course.per_unit else "v"
    columns = {"t_s": course.time_s}
    count = course.rms_v.shape[1]
    names = PHASES[course.connection] if count == 3 else tuple(str(i + 1) for i in range(count))
    for place, phase in enumerate(names):
        columns[f"v{phase}_rms_{unit}"] = course.rms_v[:, place]
    for name, values in (
        (POSITIVE, course.positive_v), ("v_negative", course.negative_v), ("v_zero", course.zero_v),
    ):  # fmt: skip
        if values is not None:
            columns[f"{name}_{unit}"] = values
    if course.frequency_hz is not None:
        columns["frequency_hz"] = course.frequency_hz
    return columns


def write_course(course: Course, path: Path) -> None:
    """Write a course as CSV (nine digits), or as Parquet where the name ends so.

    Raises
    ------
    OSError
        The file cannot be written.
    MissingExtra
        Parquet without pyarrow.
    """
    columns = course_columns(course)
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            arrow: Any = importlib.import_module("pyarrow")
            parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError:
            raise MissingExtra("pyarrow", "io", "writing Parquet") from None
        table = arrow.table({name: np.array(values) for name, values in columns.items()})
        parquet.write_table(table, path, compression="zstd")
        return
    rows = np.stack(list(columns.values()), axis=1)
    lines = [",".join(columns), *(",".join(f"{value:.9g}" for value in row) for row in rows.tolist())]
    write_text(path, "\n".join(lines) + "\n")
