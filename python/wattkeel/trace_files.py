"""Read the measured traces and the grid record that a scenario names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wattkeel._generated.models import ScenarioModel
from wattkeel.errors import Fault, MissingExtra, ScenarioError
from wattkeel.normalise import near
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.checks import Judge
    from wattkeel.trace import Trace
    from wattkeel.waveform import Playback

__all__ = ["PLAYBACK", "TraceKey", "playback_key", "read_playback", "read_traces", "trace_keys"]

PLAYBACK = "grid.playback"
"""Place of the record that drives the grid."""

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


def playback_key(model: ScenarioModel) -> tuple[object, ...]:
    """All that decides what a playback is; empty without one."""
    given = model.grid.playback
    return () if given is None else (*given.model_dump().items(), model.grid.nominal_frequency_hz)


def read_playback(
    model: ScenarioModel, judge: Judge, known: tuple[tuple[object, ...], Playback] | None = None
) -> Playback | None:
    """Read the record that drives the grid.

    Parameters
    ----------
    model
        Scenario, without its faulty parts.
    judge
        Takes faults and warnings.
    known
        Key and content of a playback that was read before.

    Returns
    -------
    Playback or None
        None where there is none, or it has faults.
    """
    given = model.grid.playback
    told = ("file", "kind", "voltage_columns", "frequency_column", "connection")
    if given is None or any(judge.is_bad(f"{PLAYBACK}.{key}") for key in told):
        return None
    if not os.path.isfile(given.file):
        message = "is a folder, not a record" if os.path.isdir(given.file) else "no such file"
        judge.fault([f"{PLAYBACK}.file"], given.file, message, _siblings(given.file))
        return None
    if known is not None and known[0] == playback_key(model):
        playback = known[1]
    else:
        from wattkeel.waveform import play

        try:
            playback = play(given, model.grid.nominal_frequency_hz, PLAYBACK)
        except (ScenarioError, MissingExtra) as error:
            for fault in getattr(error, "faults", ()) or [Fault(f"{PLAYBACK}.file", given.file, str(error))]:
                place = fault.place if fault.place.startswith(PLAYBACK) else f"{PLAYBACK}.file"
                judge.fault([place], fault.value, fault.message, fault.remedy)
            return None
    judge.warnings += [f"{PLAYBACK}: {note}" for note in playback.notes]
    if given.at == "poi" and model.grid.frequency_model != "fixed" and playback.offset_hz.any():
        judge.warnings.append(
            f"{PLAYBACK}.at: a frequency measured at the POI contains the answer of the area already, and "
            f'the model "{model.grid.frequency_model}" adds its own; set grid.frequency_model = "fixed"'
        )
    if given.trace_start_s >= playback.length_s:
        message = f"lies past the end of the record, which lasts {format_quantity(playback.length_s, 's')}"
        judge.fault([f"{PLAYBACK}.trace_start_s"], given.trace_start_s, message, "start earlier")
    return playback
