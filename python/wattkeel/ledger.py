"""The energy ledger: every joule that came in, and where it went.

The balance is written once, as a table of signal patterns: what comes in (grid, generation, cells) equals
what the loads took, what was lost and what the shelf stores gained. The residual is what rounding left
over; a correct core keeps it below 1e-12 of the energy that passed. Shares are of the sources together
(cells that end fuller than they began are taken off), so that the sources are 100 %.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from wattkeel.jsonio import number

OPEN_ABOVE = 1e-9
"""Relative residual above which a ledger does not close: the numbers of the run cannot be trusted."""

Group = Literal["source", "load", "loss", "stored"]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of the balance.

    Attributes
    ----------
    name : str
        Name of the entry; ``*`` stands for the place.
    group : {"source", "load", "loss", "stored"}
        Side of the balance: sources = loads + losses + stored.
    terms : tuple of (str, float)
        Signals, with ``*`` for the place, and the factor of each; the entry is the sum of their integrals
        over the run.
    """

    name: str
    group: Group
    terms: tuple[tuple[str, float], ...]


WORK, MEASURED = "gpu.*.work", "rack.*.it_measured"

ROWS: tuple[Row, ...] = (
    Row("poi.import", "source", (("poi.power_w", 1.0),)),
    Row("generation.*", "source", (("generation.*.power_w", 1.0),)),
    Row("storage.*.cells", "source", (("storage.*.cell_power_w", 1.0),)),
    Row("distribution.*.backup", "source", (("distribution.*.backup_power_w", 1.0),)),
    Row(
        WORK,
        "load",
        (("gpu.*.power_w", 1.0), ("gpu.*.floor_power_w", -1.0), ("gpu.*.overshoot_power_w", -1.0)),
    ),
    Row("gpu.*.floor", "load", (("gpu.*.floor_power_w", 1.0),)),
    Row("gpu.*.overshoot", "load", (("gpu.*.overshoot_power_w", 1.0),)),
    Row("rack.*.overhead", "load", (("rack.*.overhead_power_w", 1.0),)),
    Row("storage.*.auxiliary", "load", (("storage.*.auxiliary_power_w", 1.0),)),
    Row("cooling", "load", (("cooling.power_w", 1.0),)),
    Row("site.voltage_response", "load", (("site.voltage_response_power_w", 1.0),)),
    # The stages below draw what they need whatever the grid can give; what it could not give is taken back
    # here.
    Row("poi.unserved", "load", (("poi.unserved_power_w", -1.0),)),
    Row("poi.curtailed", "load", (("poi.curtailed_power_w", 1.0),)),
    Row("site.shed", "load", (("site.shed_power_w", -1.0),)),
    Row("distribution.*.lost", "load", (("distribution.*.lost_power_w", -1.0),)),
    Row("rack.*.psu_loss", "loss", (("rack.*.psu_loss_w", 1.0),)),
    Row("rack.*.store_loss", "loss", (("rack.*.store_loss_w", 1.0),)),
    Row("distribution.*.loss", "loss", (("distribution.*.loss_w", 1.0),)),
    Row("distribution.*.backup_loss", "loss", (("distribution.*.backup_loss_w", 1.0),)),
    Row("storage.*.converter_loss", "loss", (("storage.*.converter_loss_w", 1.0),)),
    Row("storage.*.cell_loss", "loss", (("storage.*.cell_loss_w", 1.0),)),
    Row("poi.transformer_loss", "loss", (("poi.transformer_loss_w", 1.0),)),
    Row("distribution.*.stored", "stored", (("distribution.*.stored_power_w", 1.0),)),
    Row("storage.*.polarisation", "stored", (("storage.*.polarisation_power_w", 1.0),)),
    # What came in less what went out, in exact quanta; the energy itself is recorded more coarsely.
    Row("rack.*.store_energy", "stored", (("rack.*.store_power_w", -1.0), ("rack.*.store_loss_w", -1.0))),
)
"""The balance. A signal that is missing in a run (no storage, no generation) has no row there."""


@dataclasses.dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of the ledger: name, group and energy [J]."""

    name: str
    group: Group
    energy_j: float


@dataclasses.dataclass(frozen=True, slots=True)
class Ledger:
    """Energy balance of a run.

    Attributes
    ----------
    entries : list of LedgerEntry
        Lines in order of the stages.
    through_j : float
        Energy that passed: the sum of the sizes of the sources, or of the other lines where that is larger
        (a site whose load the grid does not serve) [J].
    residual_j : float
        Sources less loads, losses and stored [J].
    residual_relative : float
        The residual over the energy that passed. NaN in a run that was cut before its ledger was written.
    """

    entries: list[LedgerEntry]
    through_j: float
    residual_j: float
    residual_relative: float

    @classmethod
    def not_recorded(cls) -> Ledger:
        """Return the ledger of a run that has none: without entries, all sums NaN."""
        return cls(entries=[], through_j=math.nan, residual_j=math.nan, residual_relative=math.nan)

    @property
    def recorded(self) -> bool:
        """Whether the run has a ledger at all."""
        return bool(self.entries) or not math.isnan(self.residual_relative)

    @property
    def closes(self) -> bool:
        """Whether the residual is rounding: at most `OPEN_ABOVE` of what passed. NaN does not close."""
        return abs(self.residual_relative) <= OPEN_ABOVE

    def share(self, energy_j: float) -> float:
        """Return an energy as a share of the sources together; NaN where they gave nothing."""
        sources_j = self.total_j("source")
        return energy_j / sources_j if sources_j > 0.0 else math.nan

    def total_j(self, group: Group) -> float:
        """Return the sum of one group [J]."""
        return math.fsum(entry.energy_j for entry in self.entries if entry.group == group)

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger as plain dictionaries and lists."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ledger:
        """Return the ledger that `to_dict` wrote."""
        entries = [LedgerEntry(**entry) for entry in data["entries"]]
        rest = {key: number(data[key]) for key in ("through_j", "residual_j", "residual_relative")}
        return cls(entries=entries, **rest)


def places_of(pattern: str, names: Iterable[str]) -> list[str]:
    """Return what ``*`` stands for in each name that matches; ``[""]`` for a plain name that is there."""
    head, star, tail = pattern.partition("*")
    if not star:
        return [""] if pattern in names else []
    matches = (name for name in names if fnmatch.fnmatchcase(name, pattern))
    return [name[len(head) : len(name) - len(tail)] for name in matches]


def build_ledger(meters: Mapping[str, float], measured: Collection[str] = ()) -> Ledger:
    """Draw up the ledger of a run.

    Parameters
    ----------
    meters : Mapping of str to float
        Signal name -> integral over the run, value * s (`Engine.meters`).
    measured : collection of str
        Rack populations that replay power measured at their inlet. What their GPUs took of it is not known:
        the line is ``rack.<name>.it_measured`` in place of ``gpu.<name>.work``.

    Returns
    -------
    Ledger
    """
    entries: list[LedgerEntry] = []
    balance: list[float] = []
    for row in ROWS:
        sign = 1.0 if row.group == "source" else -1.0
        for place in places_of(row.terms[0][0], meters):
            parts = [factor * meters[name.replace("*", place)] for name, factor in row.terms]
            pattern = MEASURED if row.name == WORK and place in measured else row.name
            entries.append(LedgerEntry(pattern.replace("*", place), row.group, math.fsum(parts)))
            balance.extend(sign * part for part in parts)
    source_j, other_j = (
        math.fsum(abs(entry.energy_j) for entry in entries if (entry.group == "source") is side)
        for side in (True, False)
    )
    through_j, residual_j = max(source_j, other_j), math.fsum(balance)
    relative = residual_j / through_j if through_j > 0.0 else 0.0
    return Ledger(entries=entries, through_j=through_j, residual_j=residual_j, residual_relative=relative)
