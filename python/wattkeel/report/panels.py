"""Which signals the page charts, in which panel, with which unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wattkeel.report.interface import SourceLike
from wattkeel.report.markup import scaling
from wattkeel.report.series import Reader

#: Most units of storage that a panel shows; more lines than this cannot be told apart.
UNITS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: its lines share the axis.

    ``factor`` turns SI values to ``unit``; ``smallest_span`` is the least height of the axis [``unit``], so
    that rounding noise of a constant does not fill the chart; ``colours`` are indices of the style sheet's
    palette.
    """

    key: str
    title: str
    unit: str
    factor: float
    smallest_span: float
    height_px: int
    lines: tuple[Reader, ...]
    labels: tuple[str, ...]
    colours: tuple[int, ...]
    note: str = ""


def storage_units(names: Iterable[str]) -> list[str]:
    """Names of the storage units that occur in signal names, in order."""
    units = (name.split(".")[1] for name in names if name.startswith("storage.") and name.count(".") >= 2)
    return list(dict.fromkeys(units))


def signal_names(result: SourceLike) -> list[str]:
    """Names of all signals that the run kept in any form."""
    names: dict[str, None] = {}
    for envelope in result.envelopes:
        names.update(dict.fromkeys(envelope.names))
    names.update(dict.fromkeys(result.signals))
    return list(names)


def _panel(
    key: str,
    title: str,
    unit: str,
    height_px: int,
    lines: list[tuple[Reader, str, int]],
    floor: float,
    note: str = "",
) -> Panel | None:
    kept = [line for line in lines if line[0]]
    if not kept:
        return None
    magnitude = max(max(map(abs, line[0].extremes())) for line in kept)
    factor, shown = (100.0, "%") if unit == "%" else scaling(magnitude, unit)
    smallest = floor * (magnitude * factor if unit == "W" else 1.0) or 1.0
    readers, labels, colours = zip(*kept, strict=True)
    return Panel(key, title, shown, factor, smallest, height_px, readers, labels, colours, note)


def build_panels(result: SourceLike) -> list[Panel]:
    """Panels of the run, in the order of the page; signals that the run did not keep are left out."""

    def read(name: str) -> Reader:
        return Reader(result, name)

    units = storage_units(signal_names(result))
    shown = units[:UNITS_SHOWN]
    note = f"{UNITS_SHOWN} of {len(units)} storage units are shown." if len(units) > UNITS_SHOWN else ""
    power = [(read(f"storage.{unit}.power_w"), unit, 2 + i) for i, unit in enumerate(shown)]
    charge = [(read(f"storage.{unit}.soc"), unit, 2 + i) for i, unit in enumerate(shown)]
    site = [(read("site.load_power_w"), "Site load", 1), (read("poi.power_w"), "Grid import (POI)", 0)]
    voltage = [(read("poi.voltage_pu"), "POI", 0), (read("site.voltage_pu"), "Site bus", 1)]
    frequency = [(read("poi.frequency_hz"), "POI", 0), (read("site.frequency_hz"), "Site bus", 1)]
    panels = [
        _panel("power", "Active power", "W", 250, site, 0.02),
        _panel("voltage", "Voltage", "pu", 140, voltage, 0.004),
        _panel("frequency", "Frequency", "Hz", 140, frequency, 0.01),
        _panel("storage", "Storage power (+ delivers)", "W", 170, power, 0.02, note),
        _panel("soc", "State of charge", "%", 140, charge, 0.5, note),
    ]
    return [panel for panel in panels if panel is not None]
