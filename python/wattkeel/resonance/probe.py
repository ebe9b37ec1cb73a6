"""Response of a site as the engine gives it: small sines on the load of a copy of the scenario.

Every population replays a trace of its mean power with a multisine on it. Its lines are odd multiples of one
base frequency, so that what a square law makes of them falls on even multiples, between the lines (Pintelon
and Schoukens, System Identification: A Frequency Domain Approach, 2012). The run goes on, window after
window of one base period, until two windows in a row give the same answer; whole periods leave no leakage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wattkeel import loading
from wattkeel._generated import models
from wattkeel.engine import Engine
from wattkeel.plant import GPU_POWER_W
from wattkeel.resonance.chain import Point
from wattkeel.resonance.pieces import Complexes, Floats
from wattkeel.scenario import Scenario
from wattkeel.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Answer", "harmonics", "measure", "probe_scenario"]

#: Relative change of the answer from one window to the next at which it counts as settled.
SETTLED = 1e-6
#: Windows after which a run that does not settle is given up.
MOST_WINDOWS = 24
#: Periods of the lowest line in a window: odd, so that the lowest line itself is an odd multiple.
LOWEST = 3

_OUT = ("poi.power_w", "poi.frequency_hz", "poi.voltage_pu")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe gave.

    Attributes
    ----------
    frequency_hz : ndarray (k,)
        Lines, Hz.
    response : ndarray (k, 3) of complex
        Import, W/W, frequency, Hz/W, and voltage, pu/W, over the input.
    change : float
        Largest relative change of the response between the last two windows.
    windows : int
        Windows that were run.
    limited : bool
        Whether a storage unit was at a limit during the last window.
    """

    frequency_hz: Floats
    response: Complexes
    change: float
    windows: int
    limited: bool


def harmonics(frequency_hz: Floats, tick_s: float, control_s: float) -> tuple[NDArray[np.int64], int]:
    """Odd multiples nearest to the frequencies asked for, and the ticks of a window.

    Lines that would fall on an image of another line, which a control period longer than the tick makes, are
    left out.
    """
    window = max(round(LOWEST / (float(frequency_hz.min()) * tick_s)), 64)
    per_control = window * tick_s / control_s
    kept: list[int] = []
    for frequency in np.sort(frequency_hz):
        number = 2 * round((float(frequency) * window * tick_s - 1.0) / 2.0) + 1
        number = max(number, 1)
        image = abs(number - round(number / per_control) * per_control)
        clear = all(abs(image - other) > 0.5 for other in kept if other != number)
        if number not in kept and 2 * number < window and (clear or control_s <= 1.5 * tick_s):
            kept.append(number)
    return np.asarray(kept, dtype=np.int64), window


def probe_scenario(scenario: Scenario, point: Point, at: str, shape: Floats) -> Scenario:
    """Copy of a scenario whose populations all replay ``1 + shape`` times their mean power.

    Generation keeps its mean; events, jitter and the clock of the jobs are gone; what followed from the load
    (contracted power, balance of the area) keeps its value.

    Parameters
    ----------
    scenario : Scenario
        The site.
    point : Point
        Its operating point.
    at : {"gpu", "rack"}
        Where the swing is put in.
    shape : ndarray (n,)
        Relative swing, one value a tick; repeated.
    """
    model = scenario.model
    tick_s = model.simulation.tick_s
    workloads, racks, traces = {}, {}, {}
    for name, rack in model.rack.items():
        job = f"probe-{name}"
        mean_w = point.gpu_w[name] if at == "gpu" else point.inlet_w[name]
        workloads[job] = models.Workload(
            kind="trace",
            trace=job,
            trace_boundary=at,
            trace_gpus=1.0 if at == "gpu" else float(rack.gpus_per_rack),
        )
        racks[name] = rack.model_copy(update={"workload": job})
        traces[f"workload.{job}"] = _trace(mean_w * (1.0 + shape), tick_s)
    generation = {}
    for name, plant in model.generation.items():
        mean_w = loading.mean_generation_w(_only(scenario, name))
        generation[name] = plant.model_copy(
            update={"trace_rated_power_w": plant.rated_power_w, "trace_start_s": 0.0, "trace_repeat": True}
        )
        traces[f"generation.{name}"] = _trace(np.full(2, mean_w), tick_s)
    grid = model.grid.model_copy(
        update={
            "rated_power_w": loading.rated_power_w(scenario),
            "reference_power_w": model.grid.reference_power_w or max(loading.mean_import_w(scenario), 0.0),
            "event": (),
        }
    )
    signals = [*_OUT, "site.load_power_w", "gpu.*.power_w", "rack.*.power_w"]
    if model.storage:
        signals.append("storage.*.shortfall_power_w")
    changed = {
        "workload": workloads,
        "rack": racks,
        "generation": generation,
        "grid": grid,
        "record": model.record.model_copy(update={"full_rate": tuple(signals), "event_signals": ()}),
        "simulation": model.simulation.model_copy(
            update={"duration_s": len(shape) * tick_s * (MOST_WINDOWS + 1)}
        ),
    }
    return Scenario(model=model.model_copy(update=changed), base_dir=Path.cwd(), traces=traces)


def _only(scenario: Scenario, plant: str) -> Scenario:
    """The scenario with one plant only, for its mean."""
    model = scenario.model.model_copy(update={"generation": {plant: scenario.model.generation[plant]}})
    return Scenario(model=model, base_dir=scenario.base_dir, traces=scenario.traces)


def _trace(power_w: Floats, tick_s: float) -> Trace:
    """A trace of one column with one sample a tick."""
    return Trace(
        time_s=np.arange(len(power_w), dtype=np.float64) * tick_s,
        power_w=np.ascontiguousarray(power_w, dtype=np.float64)[:, None],
        columns=("power_w",),
        source="probe",
        sha256="",
        sampling_s=tick_s,
        refresh_s=tick_s,
        length_s=len(power_w) * tick_s,
    )


def line_weights(numbers: NDArray[np.int64]) -> Floats:
    """Relative amplitudes of the lines: falling with frequency, so that few ramps come with the swing."""
    return np.asarray(1.0 / np.sqrt(numbers))


def multisine(numbers: NDArray[np.int64], window: int, weight: Floats) -> Floats:
    """Sum of sines at multiples of one base frequency, with the phases of Schroeder (1970): low crest.

    The amplitudes add up to 1 at most; shape (window,).
    """
    order = np.arange(len(numbers))
    phase = -np.pi * order * (order + 1) / max(len(numbers), 1)
    spectrum = np.zeros(window // 2 + 1, dtype=complex)
    spectrum[numbers] = weight / weight.sum() * np.exp(1j * phase) * window / 2.0
    return np.fft.irfft(spectrum, window)


def measure(
    scenario: Scenario, point: Point, at: str, frequency_hz: Floats, swing: float, settle_s: float
) -> Answer:
    """Probe a scenario.

    Parameters
    ----------
    scenario : Scenario
        The site.
    point : Point
        Its operating point.
    at : {"gpu", "rack", "site"}
        What the response is over: power of the GPUs, of the rack inlets, or of the site bus.
    frequency_hz : ndarray (k,)
        Frequencies wanted; the lines lie at the nearest odd multiples of the base frequency.
    swing : float
        Sum of the amplitudes over the mean power.
    settle_s : float
        Time before the first window, s.
    """
    tick_s = scenario.model.simulation.tick_s
    numbers, window = harmonics(frequency_hz, tick_s, scenario.model.control.period_s)
    weight = line_weights(numbers)
    where = "gpu" if at == "gpu" else "rack"
    shape = swing * multisine(numbers, window, weight)
    engine = Engine(probe_scenario(scenario, point, where, shape))
    for rack, gpu_w in zip(engine.plant.rack, point.gpu_w.values(), strict=True):
        # A start from idle would be a swing far larger than that of the probe.
        lanes = slice(rack.first_lane, rack.first_lane + rack.lane_count)
        engine.plant.lane[GPU_POWER_W, lanes] = gpu_w
    engine.step(-(-round(settle_s / tick_s) // window) * window)
    reader = _Reader(engine, at, numbers, window)
    before, change, windows = None, math.inf, 0
    while windows < MOST_WINDOWS:
        response, limited = reader.window()
        windows += 1
        if before is not None:
            size = np.abs(response).max(axis=0)
            change = float(np.max(np.abs(response - before) / np.where(size > 0.0, size, 1.0)))
            if change <= SETTLED:
                break
        before = response
    return Answer(numbers / (window * tick_s), response, change, windows, limited)


class _Reader:
    """Steps an engine by windows and demodulates its signals."""

    def __init__(self, engine: Engine, at: str, numbers: NDArray[np.int64], window: int) -> None:
        self.engine = engine
        self.numbers = numbers
        self.wheel = np.exp(-2j * np.pi * np.arange(window) / window)
        names = engine.full_rate_names
        ending = {"site": "site.load_power_w", "rack": ".power_w", "gpu": ".power_w"}[at]
        self.inputs = [i for i, n in enumerate(names) if n.startswith(at + ".") and n.endswith(ending)]
        self.outputs = [names.index(name) for name in _OUT]
        self.limits = [i for i, name in enumerate(names) if name.endswith(".shortfall_power_w")]

    def window(self) -> tuple[Complexes, bool]:
        """Response over one window, shape (lines, 3), and whether a storage unit was at a limit."""
        window = len(self.wheel)
        total = np.zeros((len(self.numbers), 1 + len(self.outputs)), dtype=complex)
        level: Floats | None = None
        limited, done = False, 0
        while done < window:
            part = self.engine.advance(min(self.engine.chunk_ticks, window - done)).full
            taken = np.column_stack([part[:, self.inputs].sum(axis=1), part[:, self.outputs]])
            level = taken[0].copy() if level is None else level  # a sum of small numbers keeps its digits
            ticks = done + np.arange(len(part), dtype=np.int64)
            turn = self.wheel[(self.numbers[:, None] * ticks[None, :]) % window]
            total += turn @ (taken - level)
            limited |= bool(np.abs(part[:, self.limits]).sum() > 0.0) if self.limits else False
            done += len(part)
        return np.asarray(total[:, 1:] / total[:, :1], dtype=np.complex128), limited


def settling_time(scenario: Scenario, slowest: Sequence[float]) -> float:
    """Time after which a probe is near its steady state, s: several of the slowest time constants."""
    model = scenario.model
    times = [*slowest, model.control.average_s]
    if model.cooling.lagged > 0.0:
        times.append(5.0 * model.cooling.time_constant_s)
    times += [5.0 * rack.store_average_s for rack in model.rack.values() if rack.store_energy_j > 0.0]
    return float(min(max(times, default=0.0), 3600.0))
