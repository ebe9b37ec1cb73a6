"""The outcome of a run as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wattkeel.cli.common import counts_text, table, verdict_text
from wattkeel.cli.findings import findings_lines
from wattkeel.ledger import Group, Ledger
from wattkeel.summary import troubles
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.result import Result

_GROUPS: tuple[tuple[Group, str], ...] = (
    ("source", "sources"),
    ("load", "loads"),
    ("loss", "losses"),
    ("stored", "stored"),
)


def outcome(result: Result, report: Path | None) -> str:
    """Return verdicts, key figures, ledger, events and the place of the report."""
    title = result.scenario.model.title or "run"
    lines = [f"{title}: {verdict_text(result.verdict) if result.findings else 'no rule was checked'}"]
    if "failed" in result.manifest:
        lines.append(f"FAILED: {result.manifest['failed']}")
    found = troubles(result.summary, result.event_counts, result.events)
    lines += [f"MIND: {trouble.name}: {trouble.amount}" for trouble in found]
    if result.findings:
        lines += ["", *findings_lines(result.findings)]
    figures = [(trouble.name, trouble.amount) for trouble in found]
    lines += ["", "key figures", *table([*figures, *_figures(result.summary)], right=(1,))]
    lines += ["", "energy", *_ledger(result.ledger)]
    lines += ["", f"events: {counts_text(result.event_counts)}"]
    manifest = result.manifest
    speed = f"{manifest.get('real_time_factor', math.nan):.3g} x real time"
    lines.append(f"took {format_quantity(float(manifest.get('wall_s', math.nan)), 's', 3)}, {speed}")
    if result.directory is not None:
        lines.append(f"run: {result.directory}")
    if report is not None:
        lines.append(f"report: {report}")
    return "\n".join(lines)


def _figures(summary: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Give label and value of the figures that are asked for first."""

    def span(stem: str, unit: str, name: str, digits: int = 4) -> Iterator[tuple[str, str]]:
        low, high = summary.get(f"{stem}_min_{unit}"), summary.get(f"{stem}_max_{unit}")
        if low is not None and high is not None:
            yield name, f"{format_quantity(low, symbol, digits)} to {format_quantity(high, symbol, digits)}"

    symbol = "W"
    yield from span("load_power", "w", "site load")
    yield from span("poi_power", "w", "grid import")
    for key, label in (
        ("load_range_5s_w", "swing in 5 s (settled), load"),
        ("poi_range_5s_w", "swing in 5 s (settled), grid"),
    ):
        if key in summary:
            yield label, format_quantity(summary[key], "W")
    symbol = "pu"
    yield from span("voltage", "pu", "voltage", 5)
    symbol = "Hz"
    yield from span("frequency", "hz", "frequency", 6)
    if "facility_ratio" in summary:
        yield "site load over IT energy", f"{summary['facility_ratio']:.4f}"
    for key, label in (
        ("floor_energy_j", "GPU energy without work"),
        ("deficit_energy_j", "GPU work not served"),
    ):
        if summary.get(key, 0.0) > 0.0:
            yield label, format_quantity(summary[key], "J")
    heads = [key.removesuffix(".throughput_j") for key in summary if key.endswith(".throughput_j")]
    for head in heads:
        name = head.removeprefix("storage.")
        if f"{head}.soc_min" in summary:
            low, high = summary[f"{head}.soc_min"], summary[f"{head}.soc_max"]
            yield f"{name}: SoC", f"{low:.1%} to {high:.1%}, {summary[f'{head}.soc_final']:.1%} at the end"
        cycles = summary[f"{head}.equivalent_full_cycles"]
        turned = format_quantity(summary[f"{head}.throughput_j"], "J")
        yield f"{name}: throughput", f"{turned}, {cycles:.3g} full cycles"


def _ledger(ledger: Ledger) -> list[str]:
    """Return the ledger with the places of a stage joined, and its residual."""
    rows: list[tuple[str, str, str]] = []
    factor, unit = _unit(ledger.through_j)

    def line(name: str, energy_j: float) -> tuple[str, str, str]:
        share = ledger.share(energy_j)
        return name, f"{energy_j * factor:.4f} {unit}", "" if math.isnan(share) else f"{share:.2%}"

    for group, title in _GROUPS:
        joined: dict[str, float] = {}
        for entry in ledger.entries:
            if entry.group == group:
                parts = entry.name.split(".")
                name = f"{parts[0]}.{parts[-1]}" if len(parts) > 2 else entry.name
                joined[name] = joined.get(name, 0.0) + entry.energy_j
        joined = {name: energy_j for name, energy_j in joined.items() if energy_j != 0.0}
        if joined:
            rows.append(line(title, sum(joined.values())))
            rows += [line(f"  {name}", energy_j) for name, energy_j in joined.items()]
    size = format_quantity(ledger.residual_j, "J", 2)
    residual = f"residual {size}, {ledger.residual_relative:.1e} of what passed"
    return [*table(rows, right=(1, 2)), f"  {residual}"]


def _unit(energy_j: float) -> tuple[float, str]:
    """Return factor and symbol of the unit in which a table with this energy is written."""
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)):
        if energy_j >= 3600.0 * size:
            return 1.0 / (3600.0 * size), f"{prefix}Wh"
    return 1.0, "J"
