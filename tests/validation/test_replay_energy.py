"""Replay in a whole site keeps the energy of the trace, at any tick and for both courses between samples."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import case, lossless_site

from wattkeel.engine import Engine
from wattkeel.scenario import Scenario

DATA = case("replay_energy")
TICKS_S = (1e-2, 1e-3, 1e-4)


def replay(path: Path, row: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """A site whose racks replay a trace measured at their inlets, and draw nothing before and after."""
    gpus = row["trace_gpus"]
    whole = {"kind": "trace", "trace": str(path), "trace_boundary": "rack", "trace_gpus": gpus} | job
    tables = {
        "title": row["name"],
        "workload": {"job": whole},
        "rack": {"racks": {"count": row["racks"], "gpus_per_rack": gpus}},
    }
    return lossless_site(1e4 * gpus * row["racks"], tables)


def stepped(site: Scenario, tick_s: float, length_s: float, engine: str) -> Engine:
    """The site after a run that covers `length_s`."""
    ticks = math.ceil(length_s / tick_s - 1e-9)
    clock = {"simulation.tick_s": tick_s, "simulation.duration_s": ticks * tick_s, "control.period_s": tick_s}
    built = Engine(site.with_overrides(clock), engine=engine)
    built.step(ticks)
    return built


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
@pytest.mark.parametrize("row", DATA["trace"], ids=lambda row: row["file"].split(".")[0])
def test_measured_energy_is_kept(
    data_dir: Path, engine: str, row: dict[str, Any], interpolation: str
) -> None:
    path = data_dir / "starter" / row["file"]
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    job = {"trace_interpolation": interpolation, "trace_repeat": False}
    once = Scenario.from_dict(replay(path, row, job))
    trace = once.traces["workload.job"]
    assert trace.power_w.shape[1] == row["racks"]
    most_ticks = DATA["most_ticks"][engine]
    for tick_s in TICKS_S:
        if trace.length_s / tick_s <= most_ticks:
            expected_j = float(trace.energy_j(interpolation).sum())
            run = stepped(once, tick_s, trace.length_s + 3.0 * tick_s, engine)
            assert run.state["poi.power_w"] == 0.0  # the trace is over
        else:
            start_s = DATA["window_start_share"] * trace.length_s
            length_s = min(most_ticks, math.floor((trace.length_s - start_s) / tick_s)) * tick_s
            mean_w = trace.mean_over(start_s, start_s + length_s, interpolation)
            expected_j = float(mean_w.sum()) * length_s
            window = once.with_overrides({"workload.job.trace_start_s": start_s})
            run = stepped(window, tick_s, length_s, engine)
        for name in ("poi.power_w", "gpu.racks.power_w", "rack.racks.power_w"):
            assert run.meters()[name] == pytest.approx(expected_j, rel=DATA["rel_tol"])


def write_trace(folder: Path) -> tuple[Path, list[Fraction], np.ndarray]:
    """Two meters with uneven spacing: file, times and powers."""
    rng = np.random.default_rng(7)
    steps = rng.choice([0.0007, 0.0031, 0.0124, 0.05], 300)
    time_s = np.concatenate(([0.0], np.cumsum(steps))).round(4)
    power_w = rng.uniform(50.0, 900.0, (len(time_s), 2)).round(1)
    path = folder / "meters.csv"
    rows = [f"{t:.4f},{a},{b}" for t, (a, b) in zip(time_s, power_w.tolist(), strict=True)]
    path.write_text("time_s,a_w,b_w\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path, [Fraction(f"{t:.4f}") for t in time_s], power_w


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
@pytest.mark.parametrize("tick_s", TICKS_S)
def test_energy_of_several_passes(tmp_path: Path, engine: str, interpolation: str, tick_s: float) -> None:
    """Needs no measured data: an uneven trace, three passes, against exact rational arithmetic."""
    path, time, power_w = write_trace(tmp_path)
    row = {"name": "uneven", "racks": 2, "trace_gpus": 1}
    job = {"trace_interpolation": interpolation, "trace_columns": ["?_w"]}
    site = Scenario.from_dict(replay(path, row, job))
    spacing = sorted(b - a for a, b in pairwise(time))
    middle = len(spacing) // 2
    last = spacing[middle] if len(spacing) % 2 else (spacing[middle - 1] + spacing[middle]) / 2
    exact = Fraction(0)
    for meter in range(2):
        level = [Fraction(value) for value in power_w[:, meter].tolist()]
        for i, (a, b) in enumerate(pairwise(time)):
            exact += (b - a) * (level[i] if interpolation == "hold" else (level[i] + level[i + 1]) / 2)
        exact += last * level[-1]
    length_s = float(time[-1] + last)
    passes = 3
    ticks = math.ceil(passes * length_s / tick_s - 1e-9)
    run = stepped(site, tick_s, ticks * tick_s, engine)
    # What the last tick holds of a fourth pass: the first level or ramp, over less than a tick.
    over_s = ticks * tick_s - passes * length_s
    trace = site.traces["workload.job"]
    rest_j = float(trace.mean_over(0.0, over_s, interpolation).sum()) * over_s if over_s > 1e-12 else 0.0
    assert run.meters()["poi.power_w"] == pytest.approx(passes * float(exact) + rest_j, rel=1e-12)
