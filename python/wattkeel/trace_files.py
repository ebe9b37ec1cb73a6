"""Read the measured traces that a scenario names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wattkeel._generated.models import ScenarioModel
from wattkeel.errors import ScenarioError
from wattkeel.normalise import near
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.checks import Judge
    from wattkeel.trace import Trace

__all__ = ["TraceKey", "read_traces", "trace_keys"]

# Path and columns: what decides the content of a trace.
TraceKey = tuple[str, tuple[str, ...]]


def trace_keys(model: ScenarioModel) -> dict[str, TraceKey]:
    """Traces that a scenario replays, by ``workload.<name>`` and ``generation.<name>``."""
    keys: dict[str, TraceKey] = {}
    for name, job in model.workload.items():
        if job.kind == "trace" and job.trace:
            keys[f"workload.{name}"] = (job.trace, job.trace_columns)
    for name, plant in model.generation.items():
        if plant.trace:
            keys[f"generation.{name}"] = (plant.trace, (plant.trace_column,) if plant.trace_column else ())
    return keys


def read_traces(
    model: ScenarioModel, judge: Judge, cache: Mapping[TraceKey, Trace] | None = None
) -> dict[str, Trace]:
    """Read all traces, each file once.

    Parameters
    ----------
    model
        Scenario, without its faulty parts.
    judge
        Takes faults and warnings.
    cache
        Traces that were read before.

    Returns
    -------
    dict
        Traces by ``workload.<name>`` and ``generation.<name>``; those with faults are left out.
    """
    known = dict(cache or {})
    traces: dict[str, Trace] = {}
    for place, key in trace_keys(model).items():
        if judge.is_bad(f"{place}.trace"):
            continue
        if key not in known:
            trace = _read(key, f"{place}.trace", judge)
            if trace is None:
                continue
            known[key] = trace
        traces[place] = known[key]
        _judge(model, place, known[key], judge)
    return traces


def _read(key: TraceKey, place: str, judge: Judge) -> Trace | None:
    path, columns = key
    if not os.path.isfile(path):
        folder = os.path.isdir(path)
        message = "is a folder, not a trace" if folder else "no such file"
        judge.fault([place], path, message, _siblings(path))
        return None
    from wattkeel.trace import read_trace

    try:
        return read_trace(path, columns, where=place)
    except ScenarioError as error:
        for fault in error.faults:
            judge.fault([fault.place], fault.value, fault.message, fault.remedy)
        return None


def _siblings(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    with os.scandir(folder) as entries:
        names = [entry.name for entry, _ in zip(entries, range(1000), strict=False) if entry.is_file()]
    return near(Path(path).name, names)


def _judge(model: ScenarioModel, place: str, trace: Trace, judge: Judge) -> None:
    """Check a trace against the use that the scenario makes of it."""
    section, _, name = place.partition(".")
    use = model.workload[name] if section == "workload" else model.generation[name]
    judge.warnings += [f"{place}.trace: {warning}" for warning in trace.warnings]
    lowest_w = float(trace.power_w.min())
    if lowest_w < 0.0:
        held = "a GPU draws" if section == "workload" else "a plant delivers"
        judge.warnings.append(
            f"{place}.trace: values down to {format_quantity(lowest_w, 'W')}: {held} no less than 0 W, "
            "so they count as 0; check the sign and the offset of the meter"
        )
    if use.trace_start_s >= trace.length_s:
        message = f"lies past the end of the trace, which lasts {format_quantity(trace.length_s, 's')}"
        judge.fault([f"{place}.trace_start_s"], use.trace_start_s, message, "start earlier")
    if section == "generation" and trace.power_w.shape[1] != 1:
        message = f"the trace has {len(trace.columns)} columns of power and a plant needs one"
        remedy = f"name one: {', '.join(trace.columns[:6])}"
        judge.fault([f"{place}.trace_column"], model.generation[name].trace_column, message, remedy)
    if section == "generation" and float(trace.power_w.max()) <= 0.0:
        remedy = "turn its sign, or name another column"
        judge.fault([f"{place}.trace"], trace.source, "the plant never delivers power in this trace", remedy)
    _judge_sampling(model.simulation.tick_s, place, trace, judge)


def _judge_sampling(tick_s: float, place: str, trace: Trace, judge: Judge) -> None:
    if max(trace.sampling_s, trace.refresh_s) < 2.0 * tick_s:
        return
    if trace.refresh_s > 1.5 * trace.sampling_s and trace.refresh_s < trace.length_s:
        course = f"sampled every {format_quantity(trace.sampling_s, 's')} but its values change only every"
        slow_s = trace.refresh_s
    else:
        course, slow_s = "sampled every", trace.sampling_s
    tick = format_quantity(tick_s, "s")
    judge.warnings.append(
        f"{place}.trace: {course} {format_quantity(slow_s, 's')}; at a tick of {tick} "
        f"nothing faster than {0.5 / slow_s:.3g} Hz can be seen in the result"
    )
