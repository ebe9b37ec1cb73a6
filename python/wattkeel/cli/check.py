"""``wattkeel check``: judge a scenario without running it: faults, what it resolves to, what a run costs."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from wattkeel.cli.common import Verbs, add_json, add_scenario, print_json, table

# Rough costs of the native engine on one core of a present-day machine; the check says "about".
_LANE_TICK_S = 2e-9
_TICK_S = 3e-7
_LANE_BYTE = 160
_BASE_BYTE = 120e6


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("check", help="judge a scenario without running it", description=__doc__)
    add_scenario(parser)
    parser.add_argument("--all", action="store_true", help="show the defaults too, not only what was given")
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Load, and print what there is to say."""
    from wattkeel.compliance import load_profiles
    from wattkeel.errors import ScenarioError
    from wattkeel.scenario import load

    try:
        scenario = load(arguments.file, arguments.overrides)
        load_profiles(scenario.model.compliance.profiles, scenario.base_dir)
    except ScenarioError as error:
        if not arguments.json:
            raise
        print(f"wattkeel: {error}", file=sys.stderr)
        print_json({"valid": False, "error": str(error), "faults": error.faults})
        return 2
    counts, cost = _counts(scenario.model), _cost(scenario.model)
    parameters = list(_parameters(scenario.model, everything=arguments.all))
    if arguments.json:
        values = {place: value for place, value, _ in parameters}
        warnings = scenario.warnings
        print_json(
            {"valid": True, "counts": counts, "estimate": cost, "warnings": warnings, "parameters": values}
        )
        return 0
    _print(scenario, counts, cost, parameters)
    return 0


def _print(
    scenario: Any, counts: dict[str, int], cost: dict[str, float], parameters: list[tuple[str, Any, str]]
) -> None:
    from wattkeel.units import format_quantity

    simulation = scenario.model.simulation
    print(f"{scenario.model.title or scenario.source}: valid")
    print("\n".join(table((place, _shown(value, unit)) for place, value, unit in parameters)))
    print("counts: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count))
    length = format_quantity(simulation.duration_s, "s")
    print(f"run: {length} in {counts['ticks']} ticks of {format_quantity(simulation.tick_s, 's')}")
    time = format_quantity(cost["wall_s"], "s", 2)
    memory, disk = _bytes(cost["memory_byte"]), _bytes(cost["record_byte"])
    print(f"cost: about {time} on one core, {memory} of memory, {disk} of files (in memory without --out)")
    for name, trace in scenario.traces.items():
        sampling = f"every {trace.sampling_s:g} s"
        print(
            f"trace {name}: {len(trace.columns)} columns, {format_quantity(trace.length_s, 's')}, {sampling}"
        )
    if played := scenario.playback:
        length = format_quantity(played.length_s, "s")
        print(f"grid playback: {', '.join(played.course.columns)}, {length}, every {played.sampling_s:g} s")
    free_byte = shutil.disk_usage(".").free
    if cost["record_byte"] > free_byte:
        print(f"warning: the files take {disk}; this disk has {_bytes(free_byte)} free", file=sys.stderr)
    for warning in scenario.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _bytes(count: float) -> str:
    return f"{count / 1e9:.2g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _shown(value: Any, unit: str) -> str:
    """Return a value for people, with the prefix that suits it and the SI number behind."""
    from wattkeel.units import format_quantity

    if isinstance(value, bool) or not isinstance(value, (int, float)):
        text = ", ".join(str(part) for part in value) if isinstance(value, tuple) else str(value)
        return text if len(text) <= 60 else text[:57] + "..."
    if unit in ("1", ""):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return format_quantity(value, unit)


def _parameters(model: Any, *, everything: bool, place: str = "") -> Iterator[tuple[str, Any, str]]:
    """Give place, value in SI and unit of each parameter that was given (or of all)."""
    from pydantic import BaseModel

    for name, info in type(model).model_fields.items():
        if not everything and name not in model.model_fields_set:
            continue
        value, where = getattr(model, name), f"{place}{name}"
        extra = info.json_schema_extra
        unit = str(extra.get("unit", "1")) if isinstance(extra, dict) else "1"
        if isinstance(value, BaseModel):
            yield from _parameters(value, everything=everything, place=f"{where}.")
        elif isinstance(value, dict):
            for key, part in value.items():
                yield from _parameters(part, everything=everything, place=f"{where}.{key}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, part in enumerate(value):
                yield from _parameters(part, everything=everything, place=f"{where}[{index}].")
        elif value is not None:
            yield where, value, unit


def _counts(model: Any) -> dict[str, int]:
    return {
        "racks": sum(rack.count for rack in model.rack.values()),
        "gpus": sum(rack.count * rack.gpus_per_rack for rack in model.rack.values()),
        "rack populations": len(model.rack),
        "jobs": len(model.workload),
        "distribution nodes": len(model.distribution),
        "storage units": len(model.storage),
        "generation plants": len(model.generation),
        "grid events": len(model.grid.event),
        "ticks": round(model.simulation.duration_s / model.simulation.tick_s),
    }


def _cost(model: Any) -> dict[str, float]:
    """Return what a run would take, roughly: wall time on one core [s], memory and files [byte]."""
    from wattkeel.record import RecordPlan

    racks, ticks = _counts(model)["racks"], _counts(model)["ticks"]
    return {
        "wall_s": ticks * (_TICK_S + racks * _LANE_TICK_S),
        "memory_byte": _BASE_BYTE + racks * _LANE_BYTE,
        "record_byte": float(RecordPlan.from_model(model).size_byte()),
    }
