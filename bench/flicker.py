"""Flickermeter: time of one sample of a voltage; Pst is checked against the standard before it is timed."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from timing import SPIN, Findings, Measure, require, round_robin

TICK_S = 2.5e-4
LENGTH_S = 660.0
SAMPLES = 400_000  # of a timed call: 3 MB, as an instrument reads them from memory
# IEC 61000-4-15:2010, Table 5, 230 V, 50 Hz: 39 changes a minute of 0.894 % are a Pst of 1, within 5 %.
CHANGES_HZ, CHANGE, TOLERANCE = 39.0 / 60.0, 0.00894, 0.05
OWN_TOLERANCE = 0.006


def _voltage() -> np.ndarray:
    time_s = (np.arange(round(LENGTH_S / TICK_S)) + 0.5) * TICK_S
    level = 1.0 + 0.5 * CHANGE * np.where((0.5 * CHANGES_HZ * time_s) % 1.0 < 0.5, 1.0, -1.0)
    return math.sqrt(2.0) * level * np.sin(2.0 * math.pi * 50.0 * time_s)


def _calls(voltage: np.ndarray, isas: list[str]) -> dict[str, Any]:
    """One call of the kernel in every implementation, on buffers of its own."""
    from wattkeel import _core
    from wattkeel.power_quality import Flickermeter
    from wattkeel.prototype import _jit
    from wattkeel.prototype import flicker as prototype

    calls = {}
    for name in [*isas, *(["numba"] if _jit.AVAILABLE else [])]:
        meter, series = Flickermeter(TICK_S, "waveform"), np.zeros(SAMPLES // 400)
        whole = (meter.params, meter.state)
        records = tuple(record[0] for record in whole) if name == "numba" else whole
        run = prototype.flicker_run if name == "numba" else _core.kernels(name)["flicker_run"]
        calls[name] = (
            partial(run, SAMPLES, *records, meter.classes, 1, 400, voltage[:SAMPLES], series),
            (meter.state, meter.classes, series),
        )
    return calls


def measure(isas: list[str], quick: bool) -> Findings:
    """Nanoseconds of a sample, in every implementation."""
    from wattkeel.power_quality import flicker

    found, voltage = Findings(), _voltage()
    pst = float(flicker(voltage, TICK_S, "waveform").pst[0])
    require(abs(pst - 1.0) <= min(TOLERANCE, OWN_TOLERANCE), f"39 changes a minute: Pst {pst}, not 1")
    calls = _calls(voltage, isas)
    for call, _ in calls.values():
        call()
    bits = {b"".join(array.tobytes() for array in arrays) for _, arrays in calls.values()}
    require(len(bits) == 1, "flicker_run: the implementations differ")
    best = round_robin({name: call for name, (call, _) in calls.items()}, budget_s=0.3 if quick else 2.0)
    for name in calls:
        ns = best[name] / SAMPLES * 1e9
        found.measures[f"flicker/flicker_run/{name}"] = Measure(ns, "ns/sample", spin_s=best[SPIN])
    found.checks.append(
        f"flicker: 39 changes a minute of 0.894 % have a Pst of {pst:.4f} (1 by the standard)"
    )
    found.checks.append("flicker: equal in all bits in every implementation")
    return found
