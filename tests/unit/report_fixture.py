"""Synthetic runs for the tests of the report: a 100 MW training campus with a battery, without the engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance import Finding
from wattkeel.events import Event
from wattkeel.ledger import Ledger, LedgerEntry
from wattkeel.result import Envelope, EventWindow, Result, SignalMap

Array = NDArray[np.float64]

SCENARIO_TOML = """
title = "Lindholm campus, 100 MW training"
schema_version = 1
[simulation]
duration_s = 60.0
tick_s = 0.001
seed = 7
[workload.llm]
kind = "training"
period_s = 2.0
compute_fraction = 0.75
[gpu.b200]
rated_power_w = 1000.0
[rack.hall_a]
count = 1000
gpus_per_rack = 72
gpu = "b200"
workload = "llm"
[storage.bess]
kind = "battery"
role = "slow"
[storage.bess.battery]
energy_j = 7.2e10
soc_initial = 0.5
ocv_soc = [0.0, 0.5, 1.0]
[storage.bess.converter]
rated_power_w = 60e6
[grid]
scr = 8.0
nominal_frequency_hz = 60.0
[[grid.event]]
start_s = 41.0
duration_s = 0.15
voltage_pu = 0.7
[compliance]
profiles = ["ercot_power_variation_2026", "ieso_trlcl_v3"]
"""


@dataclass(frozen=True)
class FakeScenario:
    """The part of a scenario that the report reads."""

    toml: str = SCENARIO_TOML
    title: str = "Lindholm campus, 100 MW training"
    warnings: tuple[str, ...] = ()
    unit: str = "bess"

    @property
    def model(self) -> Any:
        battery = SimpleNamespace(energy_j=7.2e10)
        unit = SimpleNamespace(kind="battery", battery=battery)
        compliance = SimpleNamespace(settle_s=0.0)
        rack = {"hall_a": SimpleNamespace(workload="llm")}
        return SimpleNamespace(title=self.title, storage={self.unit: unit}, compliance=compliance, rack=rack)

    def to_toml(self) -> str:
        return self.toml


def campus(duration_s: float, tick_s: float, seed: int = 7) -> dict[str, Array]:
    """Signals of a campus whose load is a square wave, smoothed by a battery."""
    ticks = round(duration_s / tick_s)
    time_s = (np.arange(ticks) + 0.5) * tick_s
    rng = np.random.default_rng(seed)
    inside = (time_s % 2.0) / 2.0
    rise, fall = np.clip(inside / 0.02, 0, 1), np.clip((inside - 0.75) / 0.03, 0, 1)
    load = (
        72e6 + 55e6 * (rise - fall) + 1.2e6 * np.sin(2 * np.pi * 14.7 * time_s) + rng.normal(0, 0.25e6, ticks)
    )
    load[(time_s > 25) & (time_s < 29)] = 58e6 + rng.normal(
        0, 0.1e6, int(((time_s > 25) & (time_s < 29)).sum())
    )
    wish = load - _lag(load, 15.0, tick_s)
    storage = _lag(np.clip(wish, -52e6, 52e6), 0.02, tick_s)
    loss = 0.4e6 + 0.03 * np.abs(storage)
    dip = (time_s > 41.0) & (time_s < 41.15)
    poi = load - storage + 0.6e6
    frequency = 60.0 - 0.004 * (poi - poi.mean()) / 100e6 + 0.002 * np.sin(2 * np.pi * 0.4 * time_s)
    return {
        "poi.power_w": poi,
        "poi.voltage_pu": 1.0 - 0.012 * poi / 100e6 - 0.3 * dip,
        "poi.frequency_hz": frequency,
        "site.load_power_w": load,
        "storage.bess.power_w": storage,
        "storage.bess.soc": 0.5 - np.cumsum(storage + loss) * tick_s / 7.2e10,
        "storage.bess.converter_loss_w": 0.7 * loss,
        "storage.bess.cell_loss_w": 0.3 * loss,
        "poi.unserved_power_w": np.zeros(ticks),
    }


def _lag(values: Array, tau_s: float, tick_s: float) -> Array:
    """First-order lag, in blocks of exact convolution with the exponential (no scipy)."""
    decay, block = math.exp(-tick_s / tau_s), 256
    weights = (1 - decay) * decay ** np.arange(block)
    out, state = np.empty_like(values), float(values[:2000].mean())
    for first in range(0, values.shape[0], block):
        part = values[first : first + block]
        size = part.shape[0]
        out[first : first + size] = np.convolve(part, weights)[:size] + state * decay ** np.arange(
            1, size + 1
        )
        state = float(out[first + size - 1])
    return out


def envelope(signals: Mapping[str, Array], tick_s: float, factor: int) -> Envelope:
    """Envelope of signals over buckets of ``factor`` ticks, the last one partial."""
    ticks = len(signals["poi.power_w"])
    edges = np.arange(0, ticks, factor)
    count = np.diff(np.append(edges, ticks))
    low = np.stack([np.minimum.reduceat(values, edges) for values in signals.values()], axis=1)
    mean = np.stack([np.add.reduceat(values, edges) / count for values in signals.values()], axis=1)
    high = np.stack([np.maximum.reduceat(values, edges) for values in signals.values()], axis=1)
    return Envelope(factor * tick_s, list(signals), low, mean, high, edges * tick_s)


def findings() -> list[Finding]:
    """One finding of each verdict."""
    ercot, address = "ercot_power_variation_2026", "https://www.ercot.com/files/docs/2026/06/19/a.pdf"
    return [
        Finding(
            profile=ercot,
            rule="power_variation unfiltered 5 s",
            verdict="fail",
            value=14.2,
            limit=10.0,
            unit="MW",
            margin=-0.42,
            time_s=26.318,
            duration_s=5.0,
            method="max - min in closed windows of 5 s",
            status="proposed",
            date="2026-09-17",
            source=address,
        ),
        Finding(
            profile=ercot,
            rule="power_variation filtered 0.1-55 Hz",
            verdict="marginal",
            value=10.1,
            limit=10.0,
            unit="MW",
            margin=-0.01,
            time_s=27.01,
            duration_s=0.4,
            method="Butterworth, all readings",
            status="proposed",
            date="2026-06-19",
            source=address,
            note="readings: causal n=1: 9.4 MW (pass), causal n=2: 10.1 MW (fail); "
            "the rule does not specify the filter",
        ),
        Finding(
            profile="ieso_trlcl_v3",
            rule="ramp 15 s",
            verdict="pass",
            value=4.1,
            limit=5.0,
            unit="MW",
            margin=0.18,
            time_s=12.5,
            duration_s=0.0,
            method="largest change in 15 s",
            status="guideline",
            date="2026-09-03",
        ),
        Finding(
            profile="caiso_large_load_straw_2026",
            rule="ramp 10 min",
            verdict="not_evaluated",
            limit=20.0,
            unit="MW/min",
            method="average over 600 s",
            status="draft",
            date="2026-06-15",
            source="straw proposal",
            note="record of 60 s is shorter than the window of 600 s",
        ),
    ]


def ledger() -> Ledger:
    """A ledger with a place of every kind; the cells gained energy."""
    rows = (
        ("poi.import", "source", 1661e3),
        ("generation.pv", "source", 40e3),
        ("storage.bess.cells", "source", -17.5e3),
        ("gpu.a.work", "load", 1080e3),
        ("gpu.a.floor", "load", 190e3),
        ("rack.a.overhead", "load", 130e3),
        ("cooling", "load", 170e3),
        ("rack.a.psu_loss", "loss", 62e3),
        ("distribution.ups.loss", "loss", 31e3),
        ("storage.bess.converter_loss", "loss", 9e3),
        ("storage.bess.cell_loss", "loss", 4e3),
        ("poi.transformer_loss", "loss", 7.5e3),
    )
    entries = [LedgerEntry(name, group, value * 3600.0) for name, group, value in rows]
    return Ledger(entries, 1718.5e3 * 3600.0, 2.4e-4, 3.9e-14)


def event(time_s: float, kind: str, place: str, duration_s: float | None = None) -> Event:
    """An event at a time of ticks of 1 ms."""
    value, limit, unit = (49.3e6, 52e6, "W") if kind == "storage_limited" else (math.nan, math.nan, "")
    return Event(time_s, round(time_s * 1e3), kind, place, value, limit, unit, duration_s)


def run(signals: Mapping[str, Array], kept: list[str], tick_s: float = 1e-3, **changes: Any) -> Result:
    """A run with these signals, of which ``kept`` are kept at full rate, and an envelope of 10 ms of all."""
    ticks = len(signals["poi.power_w"])
    rows = np.stack([signals[name] for name in kept], axis=1) if kept else np.empty((ticks, 0))
    manifest = {
        "version": "0.1.0",
        "engine": "native",
        "isa": "x86-64-v4",
        "seed": 7,
        "ticks": ticks,
        "complete": True,
        "inputs": {"site.toml": "sha256:9f2c51b7a0"},
        "command": ["wattkeel", "run", "site.toml"],
    }
    parts: dict[str, Any] = {
        "scenario": FakeScenario(),
        "tick_s": tick_s,
        "ticks": ticks,
        "signals": SignalMap(kept, rows, dict.fromkeys(signals, "")),
        "envelopes": [envelope(signals, tick_s, 10)],
        "windows": [],
        "events": [],
        "ledger": Ledger([], 0.0, 0.0, 0.0),
        "summary": {},
        "findings": [],
        "manifest": manifest,
        "directory": None,
    }
    changes["manifest"] = manifest | changes.get("manifest", {})
    return Result(**parts | changes)


def minute(**changes: Any) -> Result:
    """60 s at 1 ms: power, voltage and frequency at full rate, the rest as envelopes and around an event."""
    signals = campus(60.0, 1e-3)
    around = ["site.load_power_w", "storage.bess.power_w"]
    window = EventWindow(24_800, around, np.stack([signals[n][24_800:26_300] for n in around], axis=1), 1e-3)
    warning = "workload.llm.trace: sampled every 2 s; what is faster than 0.25 Hz is not in it"
    parts: dict[str, Any] = {
        "scenario": FakeScenario(warnings=(warning,)),
        "windows": [window],
        "findings": findings(),
        "ledger": ledger(),
        "envelopes": [envelope(signals, 1e-3, 10), envelope(signals, 1e-3, 1000)],
        "events": [
            event(0.0, "job_start", "workload.llm"),
            event(25.0, "storage_limited", "storage.bess", 0.412),
            event(41.0, "grid_event", "grid.event[0]", 0.15),
        ],
        "summary": {
            "duration_s": 60.0,
            "import_energy_j": 5.98e9,
            "voltage_min_pu": 0.689,
            "event_count": 3.0,
        },
    }
    return run(signals, ["poi.power_w", "poi.voltage_pu", "poi.frequency_hz"], **parts | changes)


def long_run(duration_s: float = 900.0) -> Result:
    """A run that does not fit a page at full rate, with very many events."""
    signals = campus(duration_s, 1e-3)
    events = [event(0.45 * k, "storage_limited", "storage.bess", 0.05) for k in range(int(duration_s / 0.45))]
    envelopes = [envelope(signals, 1e-3, 250)]
    return run(
        signals, list(signals), events=events, envelopes=envelopes, findings=findings(), ledger=ledger()
    )


def bare() -> Result:
    """A short run without storage, findings, events, ledger, or anything at full rate."""
    signals = {name: values for name, values in campus(2.0, 1e-3).items() if not name.startswith("storage.")}
    return run(signals, [], scenario=FakeScenario(toml='title = "bare"\n', title="bare"))
