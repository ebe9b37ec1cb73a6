"""A record that was measured, and what its reader is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from wattkeel.compliance.record import Array, CannotJudgeError, Record
from wattkeel.trace.notes import Notes

Sign: TypeAlias = Literal["import", "export"]
Kind: TypeAlias = Literal["auto", "values", "waveform"]
Gaps: TypeAlias = Literal["refuse", "longest"]

STEP_S = 1e-3
"""Step at which waveforms are judged, s."""

#: Keys by which a row of a profile limits a band of frequencies.
BAND_KEYS = ("band_hz", "f_lo_hz", "f_hi_hz", "band")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a reader of records is asked for; the fields are the arguments of `load_record`."""

    power_columns: tuple[str, ...] = ()
    voltage_columns: tuple[str, ...] = ()
    frequency_column: str = ""
    reactive_column: str = ""
    power_unit: str = ""
    voltage_unit: str = ""
    nominal_voltage_v: float | None = None
    connection: str = "auto"
    nominal_frequency_hz: float | None = None
    sign: Sign = "import"
    kind: Kind = "auto"
    gaps: Gaps = "refuse"
    step_s: float = STEP_S
    settle_s: float = 0.0
    rated_power_w: float | None = None
    peak_power_w: float | None = None
    scale_to_w: float | None = None


class RecordNotes(Notes):
    """Faults and notes of a record; remedies name the options of ``wattkeel comply``."""

    @property
    def choose(self) -> str:
        """The remedy of naming the columns of power."""
        return "name the columns that hold power: --power-column NAME (wildcards * and ? are allowed)"


@dataclass(repr=False, eq=False)
class MeasuredRecord(Record):
    """What was measured at the point of interconnection; see `Record` for what rules read of it.

    A record of voltage and frequency alone has no `power_w`: asking for it raises `CannotJudgeError`, so that
    no rule of power can pass on it.

    Attributes
    ----------
    source, sha256 : str
        Path as given, and hash of the file as stored.
    kind : {"values", "waveform"}
        Values of a meter, or what was computed from waveforms.
    columns : dict of str to tuple of str
        Columns in use by quantity: "power", "reactive power", "voltage", "frequency", "current".
    notes : tuple of str
        What the reader decided or noticed.
    count : int
        Number of samples.
    has_power : bool
        Whether power was measured.
    banded : Record or None
        The same record with the power that rules of a band are judged on, where it differs: power of
        waveforms is a mean over a cycle, which hides what is faster.
    """

    source: str = ""
    sha256: str = ""
    kind: str = "values"
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    count: int = 0
    has_power: bool = True
    banded: Record | None = None

    def __post_init__(self) -> None:
        Record.__post_init__(self)
        if self.has_power:
            self.count = self.power_w.size
        else:
            del self.power_w

    if not TYPE_CHECKING:  # only what is absent is asked for here: a record without power

        def __getattr__(self, name: str) -> Array:
            if name == "power_w":
                raise CannotJudgeError("the record holds no power")
            raise AttributeError(name)

    def __repr__(self) -> str:
        held = [
            name
            for name in ("voltage_pu", "phase_voltage_pu", "frequency_hz")
            if getattr(self, name) is not None
        ]
        what = ", ".join((["power_w"] if self.has_power else []) + held)
        return f"<MeasuredRecord {self.source!r}: {self.length()} every {self.tick_s:g} s, {what}>"

    @property
    def samples(self) -> int:
        """Number of samples, of whatever quantity."""
        return self.count

    def of_rule(self, keys: Mapping[str, Any]) -> Record:
        """The record on which a rule is judged: that of fast power where it limits a band."""
        if self.banded is not None and any(key in keys for key in BAND_KEYS):
            return self.banded
        return self

    def twin(self, power_w: Array) -> Record:
        """The same record with another power."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(Record)}
        return Record(**{**fields, "power_w": power_w})

    def about(self) -> dict[str, Any]:
        """What was read, as JSON holds it."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "kind": self.kind,
            "columns": dict(self.columns),
            "samples": self.count,
            "tick_s": self.tick_s,
            "length_s": self.count * self.tick_s,
            "settle_s": self.settle_s,
            "clock_s": self.clock_s,
            "nominal_frequency_hz": self.nominal_frequency_hz,
            "rated_power_w": self.rated_power_w,
            "peak_power_w": self.peak_power_w,
            "mean_power_w": float(np.mean(self.power_w)) if self.has_power else None,
            "largest_power_w": float(np.max(self.power_w)) if self.has_power else None,
            "remarks": self.remarks,
            "notes": self.notes,
        }
