"""An engine of known answers: one rack population on a square wave, one battery that takes off its swing.

It keeps the contract of `wattkeel.engine.Engine`, so that what is built on that is tested without a core.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from wattkeel.record import envelope_periods_tick, expand
from wattkeel.scenario import Scenario
from wattkeel.signals import judged_signals

EVENT = np.dtype(
    [("tick", "i8"), ("kind", "i8"), ("place", "i8"), ("phase", "i8"), ("value", "f8"), ("limit", "f8")]
)
HIGH_W, LOW_W, FLOOR_W, PSU_W, CONVERTER_W = 100e6, 40e6, 5e6, 3e6, 1e6
MEAN_W = 0.5 * (HIGH_W + LOW_W) + PSU_W
HALF_PERIOD_S = 0.5
UNITS = {
    "poi.power_w": "W",
    "poi.voltage_pu": "pu",
    "poi.frequency_hz": "Hz",
    "poi.unserved_power_w": "W",
    "poi.transformer_loss_w": "W",
    "site.load_power_w": "W",
    "site.it_power_w": "W",
    "gpu.train.power_w": "W",
    "gpu.train.floor_power_w": "W",
    "gpu.train.overshoot_power_w": "W",
    "gpu.train.deficit_power_w": "W",
    "rack.train.psu_loss_w": "W",
    "rack.train.store_energy_j": "J",
    "storage.bess.command_w": "W",
    "storage.bess.power_w": "W",
    "storage.bess.cell_power_w": "W",
    "storage.bess.converter_loss_w": "W",
    "storage.bess.soc": "1",
}


@dataclasses.dataclass
class FakeChunk:
    first_tick: int
    full: Any
    envelope: Any
    first_bucket: int
    events: Any
    events_lost: int = 0


def fake_scenario(**sections: Any) -> Scenario:
    """A scenario that fits the fake engine, with `sections` laid over it."""
    return Scenario.from_dict(
        {
            "title": "square wave",
            "workload": {"job": {}},
            "gpu": {"h100": {}},
            "rack": {"train": {"count": 10, "gpu": "h100", "workload": "job"}},
            "storage": {"bess": {"battery": {"energy": "10 MWh"}, "converter": {"rated_power": "5 MW"}}},
            **sections,
        }
    )


class FakeEngine:
    """Square wave of known integrals; `events` are (tick, kind, place, phase[, value, limit])."""

    chunk_ticks = 700
    engine = "native"

    def __init__(self, scenario: Any, events: tuple[Any, ...] = (), **options: Any) -> None:
        simulation, record = scenario.model.simulation, scenario.model.record
        self.tick_s = simulation.tick_s
        self.ticks = round(simulation.duration_s / self.tick_s)
        self.tick = 0
        self.signal_names = list(UNITS)
        self.signal_units = dict(UNITS)
        patterns = [*record.full_rate, *record.event_signals, *judged_signals(scenario.model)]
        self.full_rate_names = expand(patterns, self.signal_names)
        self.envelope_tick = envelope_periods_tick(record.envelope_s, self.tick_s, self.ticks)[0]
        self.options = options
        self._events = [(*event, 0.0, 0.0)[:6] for event in events]
        self._waiting = np.empty((0, len(UNITS)))
        self._rows_sum = np.zeros(len(UNITS))
        self._last = np.zeros(len(UNITS))

    def rows(self, first: int, count: int) -> Any:
        """All signals of some ticks, (count, S)."""
        tick = first + np.arange(count)
        half = round(HALF_PERIOD_S / self.tick_s)
        gpu = np.where((tick // half) % 2 == 0, HIGH_W, LOW_W)
        load = gpu + PSU_W
        storage = load - MEAN_W
        columns = {
            "poi.power_w": load - storage,
            "poi.voltage_pu": np.full(count, 1.0),
            "poi.frequency_hz": 60.0 - 1e-6 * tick,
            "site.load_power_w": load,
            "site.it_power_w": gpu,
            "gpu.train.power_w": gpu,
            "gpu.train.floor_power_w": np.full(count, FLOOR_W),
            "rack.train.psu_loss_w": np.full(count, PSU_W),
            "storage.bess.command_w": storage,
            "storage.bess.power_w": storage,
            "storage.bess.cell_power_w": storage + CONVERTER_W,
            "storage.bess.converter_loss_w": np.full(count, CONVERTER_W),
            "storage.bess.soc": 0.5 - 1e-6 * tick,
        }
        return np.stack([columns.get(name, np.zeros(count)) for name in UNITS], axis=1)

    def advance(self, n: int) -> FakeChunk:
        assert 0 < n <= self.chunk_ticks
        first, rows = self.tick, self.rows(self.tick, n)
        self.tick += n
        self._last = rows[-1]
        self._rows_sum += rows.sum(axis=0)
        first_bucket = (first - len(self._waiting)) // self.envelope_tick
        rest = np.concatenate([self._waiting, rows])
        buckets = len(rest) // self.envelope_tick
        full = rest[: buckets * self.envelope_tick].reshape(buckets, self.envelope_tick, len(UNITS))
        envelope = np.stack([full.min(axis=1), full.mean(axis=1), full.max(axis=1)], axis=1)
        self._waiting = rest[buckets * self.envelope_tick :]
        return self._chunk(first, rows, envelope, first_bucket)

    def finish(self) -> FakeChunk:
        rest = self._waiting
        envelope = np.empty((0, 3, len(UNITS)))
        if len(rest):
            envelope = np.stack([rest.min(axis=0), rest.mean(axis=0), rest.max(axis=0)])[None]
        first_bucket = (self.tick - len(rest)) // self.envelope_tick
        return self._chunk(self.tick, np.empty((0, len(UNITS))), envelope, first_bucket)

    def _chunk(self, first: int, rows: Any, envelope: Any, first_bucket: int) -> FakeChunk:
        columns = [self.signal_names.index(name) for name in self.full_rate_names]
        met = [event for event in self._events if first <= event[0] < first + len(rows)]
        events = np.array(met, dtype=EVENT).view(np.recarray)
        return FakeChunk(first, rows[:, columns], envelope, first_bucket, events)

    @property
    def state(self) -> dict[str, float]:
        return dict(zip(self.signal_names, self._last.tolist(), strict=True))

    def meters(self) -> dict[str, float]:
        return dict(zip(self.signal_names, (self._rows_sum * self.tick_s).tolist(), strict=True))

    def describe(self) -> dict[str, Any]:
        return {"engine": "fake", **self.options}
