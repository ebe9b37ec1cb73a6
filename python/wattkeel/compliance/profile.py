"""Compliance profiles: one TOML file of rules each, with status, date and source.

wattkeel ships profiles as data; a user's own file of the same schema (``status = "user"``) is given by its
path. Reading a file checks all of it and raises one `ScenarioError` with every fault. Between rows that are
alternatives (an area, a category) a user chooses by ``name[key=value, ...]``; without a choice every variant
is judged, named apart.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.head import (
    BAND_STATS,
    EVIDENCE,
    FILTERS,
    OPTIONS,
    RAMP_STATS,
    STATUSES,
    SUBSYNCHRONOUS,
    VARIATION_STATS,
)
from wattkeel.compliance.schema import FACTS, faults_of, is_block, rows_of
from wattkeel.errors import Fault, ScenarioError
from wattkeel.normalise import near
from wattkeel.profile_files import PLACE, find_profile, shipped_profiles
from wattkeel.toml_text import read_toml

__all__ = [
    "BAND_STATS",
    "EVIDENCE",
    "FILTERS",
    "OPTIONS",
    "RAMP_STATS",
    "STATUSES",
    "SUBSYNCHRONOUS",
    "VARIATION_STATS",
    "Profile",
    "Row",
    "Variant",
    "load_profile",
    "profile_names",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of a profile: its block, its place among the block's rows, and its keys as written.

    `document_seen` is the ``seen`` of the file.
    """

    block: str
    index: int
    keys: Mapping[str, Any]
    document_seen: bool = True

    @property
    def seen(self) -> bool:
        """Whether the numbers of the row were read in a document.

        In a file that was not seen, only where the row carries evidence of its own.
        """
        own = self.keys.get("evidence", "none") != "none"
        return bool(self.keys.get("seen", True)) and (self.document_seen or own)

    def options(self) -> dict[str, tuple[str, ...]]:
        """Choices to which the row belongs: values by key (one of `OPTIONS`)."""
        return {name: _values(self.keys[name]) for name in OPTIONS if name in self.keys}

    def belongs(self, chosen: Mapping[str, str]) -> bool:
        """Whether the row belongs to a choice; a row without a key belongs to all of its values."""
        return all(chosen[name] in values for name, values in self.options().items() if name in chosen)


@dataclass(frozen=True, slots=True)
class Variant:
    """Rows of one block that belong together.

    Attributes
    ----------
    chosen : dict of str to str
        The choice, by key; empty where a block has none.
    rows : tuple of Row
        Rows that were seen, in the order of the file.
    """

    chosen: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def label(self) -> str:
        """Choice as text ("category II", "area CE, voltage row A"); empty where there is none."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.chosen.items())


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one document.

    Attributes
    ----------
    name : str
        Name of a shipped profile, or the stem of a user's file; with the choice in brackets, if one was made.
    title, issuer, source, date, status, evidence : str
        As in the file; `source` is its ``url``, `date` in ISO form ("2026 (day not seen)" for a placeholder).
    seen : bool
        False: the numbers of the document are unknown; see `Row.seen`.
    threshold_mw : float
        Size of site, MW, from which the document applies; 0 when it states none.
    rows : tuple of Row
        All rules, in the order of `wattkeel.compliance.blocks.BLOCKS`; a single table is a row with index 0.
    head : dict
        All keys of the file that stand above its blocks ("timer", "voltage_quantity", "applies_to", ...).
    facts : dict
        What the file holds under ``[facts]``: no rule, judged by nothing.
    left_out : tuple of str
        Blocks of the file of which no row belongs to the choice that was made.
    """

    name: str
    title: str
    issuer: str
    source: str
    date: str
    status: str
    evidence: str
    seen: bool
    threshold_mw: float
    rows: tuple[Row, ...]
    head: Mapping[str, Any]
    facts: Mapping[str, Any]
    left_out: tuple[str, ...] = ()

    def rows_of(self, block: str) -> list[Row]:
        """Rows of one block, in the order of the file."""
        return [row for row in self.rows if row.block == block]

    def options(self) -> dict[str, tuple[str, ...]]:
        """Choices that the file offers: the values of each key, in the order of the file."""
        offered: dict[str, dict[str, None]] = {}
        for row in self.rows:
            for name, values in row.options().items():
                offered.setdefault(name, {}).update(dict.fromkeys(values))
        return {name: tuple(offered[name]) for name in OPTIONS if name in offered}

    def select(self, chosen: Mapping[str, str]) -> Profile:
        """Take only the rows that belong to a choice.

        Rows that do not carry a key stay: they hold for all of its values.

        Parameters
        ----------
        chosen : mapping of str to str
            Value by key, e.g. ``{"area": "CE", "voltage_row": "A"}``.

        Raises
        ------
        ScenarioError
            If the profile offers no such key or value (all of them), with what there is.
        """
        offered = self.options()
        faults = []
        for name, value in chosen.items():
            if name not in offered:
                faults.append(Fault(PLACE, name, f"is no choice of {self.name}", near(name, offered)))
            elif value not in offered[name]:
                message = f"is no {name} of {self.name}"
                faults.append(Fault(PLACE, value, message, near(value, offered[name])))
        if faults:
            raise ScenarioError(faults)
        if not chosen:
            return self
        text = ",".join(f"{name}={_quoted(value)}" for name, value in chosen.items())
        rows = tuple(row for row in self.rows if row.belongs(chosen))
        left = {row.block: None for row in self.rows}
        for row in rows:
            left.pop(row.block, None)
        return replace(self, name=f"{self.name}[{text}]", rows=rows, left_out=tuple(left))

    def variants_of(self, block: str) -> list[Variant]:
        """Seen rows of a block, split by the choices that are open: each variant is judged by itself.

        Rows without a key belong to every variant. A block without choices is one variant.
        """
        rows = [row for row in self.rows_of(block) if row.seen]
        values: dict[str, dict[str, None]] = {}
        for row in rows:
            for name, own in row.options().items():
                values.setdefault(name, {}).update(dict.fromkeys(own))
        found: list[Variant] = []
        for combination in itertools.product(*values.values()):
            chosen = dict(zip(values, combination, strict=True))
            taken = tuple(row for row in rows if row.belongs(chosen))
            named = {name for row in taken for name in row.options()}
            variant = Variant({name: value for name, value in chosen.items() if name in named}, taken)
            if taken and all(other.rows != taken for other in found):
                found.append(variant)
        sets = [{row.index for row in variant.rows} for variant in found]
        return [
            variant
            for variant, own in zip(found, sets, strict=True)
            if not any(own < other for other in sets)
        ]


def _values(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _quoted(value: str) -> str:
    return f'"{value}"' if any(sign in value for sign in ',[]= "') else value


def profile_names() -> list[str]:
    """Names of the shipped profiles, sorted."""
    return sorted(shipped_profiles())


def load_profile(name: str | Path, base_dir: Path | None = None) -> Profile:
    """Read a profile.

    Parameters
    ----------
    name : str or Path
        Name of a shipped profile (the stem of its file, its ``id``, or the beginning of either where only one
        profile begins so; "-" counts as "_"), or path of a file (``*.toml``). A choice between its rows
        follows in brackets: ``eu_nc_dcc_2016_1388[area=CE, voltage_row=A]``.
    base_dir : Path, optional
        Folder from which a relative path starts; the working directory when None.

    Raises
    ------
    ScenarioError
        If there is no such profile, file or choice, with the nearest name, or if the file has faults (all of
        them).
    """
    path, chosen = find_profile(str(name), base_dir)
    data = read_toml(path)
    if faults := faults_of(path.name, data):
        raise ScenarioError(faults)
    profile = _profile(path.stem, data)
    if faults := _tables_faults(path.name, profile):
        raise ScenarioError(faults)
    return profile.select(chosen)


#: Blocks whose rows are one table of bands: lower and upper edge, and their unit.
_TABLES = {
    "voltage_ride_through": ("v_min_pu", "v_max_pu", "pu"),
    "frequency_ride_through": ("f_min_hz", "f_max_hz", "Hz"),
}


def _tables_faults(file: str, profile: Profile) -> list[Fault]:
    """Timed bands that reach into the continuous band of their table: there no time runs."""
    faults: dict[tuple[str, int], Fault] = {}
    for block, (low, high, unit) in _TABLES.items():
        for variant in profile.variants_of(block):
            whole = [row.keys for row in variant.rows if row.keys.get("continuous")]
            if not whole:
                continue
            begin = min(float(keys.get(low, -math.inf)) for keys in whole)
            end = max(float(keys.get(high, math.inf)) for keys in whole)
            for row in variant.rows:
                edges = float(row.keys.get(low, -math.inf)), float(row.keys.get(high, math.inf))
                if row.keys.get("continuous") or edges[1] <= begin or edges[0] >= end:
                    continue
                message = f"reaches into the continuous band, {begin:g} to {end:g} {unit}, where no time runs"
                place, remedy = f"{file}: {block}[{row.index}]", "end it where the continuous band begins"
                faults[block, row.index] = Fault(place, None, message, remedy)
    return list(faults.values())


def _profile(name: str, data: Mapping[str, Any]) -> Profile:
    date: datetime.date = data["date"]
    seen = bool(data["seen"])
    return Profile(
        name=name,
        title=data["title"],
        issuer=data["issuer"],
        source=data["url"],
        date=date.isoformat() if data.get("date_seen", True) else f"{date.year} (day not seen)",
        status=data["status"],
        evidence=data["evidence"],
        seen=seen,
        threshold_mw=float(data.get("threshold_mw", 0.0)),
        rows=tuple(
            Row(block, index, keys, seen)
            for block in BLOCKS
            for index, keys in enumerate(rows_of(data.get(block, [])) or [])
        ),
        head={key: value for key, value in data.items() if key != FACTS and not is_block(value)},
        facts=data.get(FACTS, {}),
    )
