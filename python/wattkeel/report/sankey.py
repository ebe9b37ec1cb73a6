"""Energy flow of the run as inline SVG: sources, the site bus, loads and losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wattkeel.report.interface import LedgerLike
from wattkeel.report.markup import fixed, number, scaling, text

WIDTH, FLOW_HEIGHT = 700.0, 230.0
#: Left and right edge of the bars, their width, smallest pitch of two labels.
LEFT, RIGHT, BAR, PITCH = 168.0, 512.0, 12.0, 33.0
#: Share of the energy below which entries of a group are joined to one flow.
SMALL = 0.004
#: Share below which a flow is left out.
INVISIBLE = 0.0005

#: Kind of a flow that there was not: load that the grid did not serve.
UNSERVED = "unserved"

#: Words for the entries of the ledger, without the place in the middle.
LABELS = {
    "poi.import": "Grid",
    "generation": "On-site generation",
    "storage.cells": "Storage cells",
    "site.voltage_response": "Load by voltage",
    "gpu.work": "GPU work",
    "gpu.floor": "GPU idle and floor",
    "gpu.overshoot": "GPU overshoot",
    "rack.overhead": "Rack overhead",
    "cooling": "Cooling",
    "poi.unserved": "Not served",
    "poi.curtailed": "Not taken by the grid",
    "rack.it_measured": "IT load (measured)",
    "rack.psu_loss": "Power supplies",
    "rack.store_loss": "Rack stores",
    "distribution.loss": "Distribution",
    "distribution.backup": "UPS backup",
    "distribution.lost": "Not served",
    "distribution.backup_loss": "UPS backup (loss)",
    "distribution.stored": "Power electronics (gain)",
    "storage.converter_loss": "Storage converters",
    "storage.cell_loss": "Storage cells (loss)",
    "poi.transformer_loss": "POI transformer",
    "rack.store_energy": "Rack stores (gain)",
}


@dataclass(slots=True)
class _Flow:
    label: str
    kind: str
    energy_j: float
    top: float = 0.0
    slot: float = 0.0


def _flows(ledger: LedgerLike) -> tuple[list[_Flow], list[_Flow]]:
    """Flows into and out of the bus. A negative entry runs the other way; places of one kind are joined."""
    joined: dict[tuple[str, str, bool], float] = {}
    for entry in ledger.entries:
        parts = entry.name.split(".")
        key = (
            f"{parts[0]}.{parts[-1]}"
            if len(parts) > 2
            else parts[0]
            if parts[0] == "generation"
            else entry.name
        )
        inward = (entry.group == "source") == (entry.energy_j >= 0)
        flow = (LABELS.get(key, entry.name), entry.group, inward)
        joined[flow] = joined.get(flow, 0.0) + abs(entry.energy_j)
    sides: tuple[list[_Flow], list[_Flow]] = ([], [])
    for (label, group, inward), energy_j in joined.items():
        words = label
        if group == "source" and not inward:
            words = {"Grid": "Export to the grid", "Storage cells": "Into storage cells"}.get(label, label)
        elif group == "source" and label == "Storage cells":
            words = "From storage cells"
        elif group == "stored":
            words = "Into rack stores" if not inward else "From rack stores"
        kind = "stored" if "torage cells" in words and group == "source" else group
        if label == LABELS["poi.unserved"]:
            if not energy_j:
                continue
            kind = UNSERVED
        sides[0 if inward else 1].append(_Flow(words, kind, energy_j))
    order = {"source": 0, "load": 1, "stored": 2, "loss": 3, UNSERVED: 4}
    for side in sides:
        side.sort(key=lambda flow: (order.get(flow.kind, 9), -flow.energy_j))
    total = max(sum(flow.energy_j for flow in sides[1]), 1e-300)
    seen = [flow for flow in sides[0] if flow.energy_j >= INVISIBLE * total or flow.kind == UNSERVED]
    return seen, _without_small(sides[1], total)


def _without_small(flows: list[_Flow], total_j: float) -> list[_Flow]:
    """Join the flows of a kind that are too thin to see."""
    kept = [flow for flow in flows if flow.energy_j >= SMALL * total_j]
    for kind, word in (("load", "Other loads"), ("loss", "Other losses"), ("stored", "Other stores")):
        small = [flow for flow in flows if flow.kind == kind and flow.energy_j < SMALL * total_j]
        energy_j = sum(flow.energy_j for flow in small)
        if energy_j >= INVISIBLE * total_j and energy_j > 0:
            kept.append(_Flow(word if len(small) > 1 else small[0].label, kind, energy_j))
    order = {"load": 1, "stored": 2, "loss": 3}
    return sorted(kept, key=lambda flow: order.get(flow.kind, 0))


def _stack(flows: list[_Flow], scale: float) -> float:
    """Place the bars of one side below each other, each with room for its label; gives the height."""
    at = 6.0
    for flow in flows:
        height = flow.energy_j * scale
        room = max(height + 8.0, PITCH)
        flow.top = at + (room - 8.0 - height) / 2
        at += room
    return at


def sankey(ledger: LedgerLike) -> str:
    """SVG of the energy flow; empty where no energy passed.

    Shares are those of the ledger: of the sources together. What the grid did not serve is drawn beside the
    sources as an empty outline, so that the loads, which are what the site asks for, have their height.
    """
    inward, outward = _flows(ledger)
    total_j = sum(flow.energy_j for flow in inward)
    if total_j <= 0 or not outward:
        return ""
    scale = FLOW_HEIGHT / max(total_j, sum(flow.energy_j for flow in outward))
    stacks = (_stack(inward, scale), _stack(outward, scale))
    height = max(*stacks, FLOW_HEIGHT + 30.0) + 6.0
    for side, stack in zip((inward, outward), stacks, strict=True):
        for flow in side:
            flow.top += (height - 6.0 - stack) / 2
    middle, bus_top = (LEFT + RIGHT) / 2, (height - FLOW_HEIGHT) / 2
    factor, unit = scaling(total_j, "J")
    bus = "Asked for" if any(flow.kind == UNSERVED for flow in inward) else "Site"
    parts = [
        f'<svg class="sankey" viewBox="0 0 {WIDTH:g} {height:.0f}" role="img" aria-label="Energy '
        'flow of the run">',
        f'<rect class="bus" x="{middle - BAR / 2:g}" y="{bus_top:.1f}" width="{BAR:g}" '
        f'height="{FLOW_HEIGHT:.1f}"/>',
        f'<text x="{middle - BAR / 2 - 6:g}" y="{bus_top + FLOW_HEIGHT / 2:.1f}" text-anchor="end">{bus}, '
        f"{number(total_j * factor)} {unit}</text>",
    ]
    for flows, left_side in ((inward, True), (outward, False)):
        at = bus_top
        for flow in flows:
            thick = flow.energy_j * scale
            parts.append(_flow_svg(flow, thick, at, middle, left_side))
            x, anchor = (LEFT - BAR - 8, "end") if left_side else (RIGHT + BAR + 8, "start")
            y = flow.top + thick / 2
            share = ledger.share(flow.energy_j)
            value = f"{fixed(flow.energy_j * factor, total_j * factor)} {unit}"
            if not math.isnan(share):
                value += f" · {100 * share:.1f} %"
            parts.append(
                f'<text x="{x:g}" y="{y - 2:.1f}" text-anchor="{anchor}">{text(flow.label)}'
                f'<tspan class="dim" x="{x:g}" dy="13">{text(value)}</tspan></text>'
            )
            at += thick
    return "".join(parts) + "</svg>"


def _flow_svg(flow: _Flow, thick: float, at: float, middle: float, left_side: bool) -> str:
    """Bar at the edge and the band from there to the bus."""
    bar_x = LEFT - BAR if left_side else RIGHT
    x0, x1 = (LEFT, middle - BAR / 2) if left_side else (middle + BAR / 2, RIGHT)
    y0, y1 = (flow.top, at) if left_side else (at, flow.top)
    bend, shown = (x0 + x1) / 2, max(thick, 0.75)
    path = (
        f"M{x0:g},{y0:.1f} C{bend:g},{y0:.1f} {bend:g},{y1:.1f} {x1:g},{y1:.1f} "
        f"V{y1 + shown:.1f} C{bend:g},{y1 + shown:.1f} {bend:g},{y0 + shown:.1f} {x0:g},{y0 + shown:.1f} Z"
    )
    bar = f'<rect class="{flow.kind}" x="{bar_x:g}" y="{flow.top:.1f}" width="{BAR:g}" height="{shown:.1f}"/>'
    return f'<path class="{flow.kind} flow" d="{path}"/>{bar}'
