"""From parameters to records: events, tap changer, capacitor bank, island, grid-forming units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from wattkeel._generated import dtypes, models
from wattkeel.lowering import fill, in_ticks, lag_decay, per_tick

PICKUP_STEPS = 8
ROUNDING = 1e-14


def wait_ticks(time_s: float, tick_s: float) -> int:
    """Whole ticks of a wait."""
    return round(in_ticks(time_s, tick_s))


def event_records(events: Sequence[models.GridEvent], tick_s: float) -> Any:
    """Rows of the event table in whole ticks, at least one each; repetitions are rows of their own."""
    rows = []
    for index, event in enumerate(events):
        starts = [event.start_s, *(event.start_s + after_s for after_s in event.repeat_after_s)]
        durations = event.repeat_duration_s or [event.duration_s] * len(event.repeat_after_s)
        for start_s, duration_s in zip(starts, [event.duration_s, *durations], strict=True):
            rows.append((index, event, start_s, duration_s))
    found = np.zeros(len(rows), dtype=dtypes.GridEvent).view(np.recarray)
    for record, (index, event, start_s, duration_s) in zip(found, rows, strict=True):
        fill(record, event)
        record.row = index
        record.start_tick = round(start_s / tick_s)
        record.stop_tick = record.start_tick + max(1, round(duration_s / tick_s))
        size = abs(event.frequency_offset_hz)
        ramp_s = size / event.frequency_ramp_hz_per_s
        record.ramp_per_tick = per_tick(ramp_s, tick_s)
        record.end_tick = record.stop_tick + math.ceil(in_ticks(ramp_s, tick_s))
        record.phase_jump_rad = math.radians(event.phase_jump_deg)
    return found


def lower_tap_changer(record: Any, state: Any, tap: models.TapChanger | None, tick_s: float) -> None:
    """Delays in ticks; without a tap changer the ratio is 1."""
    state.ratio = 1.0
    if tap is None:
        return
    fill(record, tap)
    record.present = 1
    record.delay_tick = wait_ticks(tap.delay_s, tick_s)
    record.interval_tick = max(1, wait_ticks(tap.interval_s, tick_s))
    state.position = tap.initial
    state.ratio = 1.0 + tap.initial * tap.step_pu
    state.wait_tick = record.delay_tick


def lower_capacitor_bank(
    record: Any, state: Any, bank: models.CapacitorBank | None, base_va: float, tick_s: float
) -> None:
    """Susceptance of a step and delay in ticks."""
    if bank is None:
        return
    fill(record, bank)
    record.present = 1
    record.step_pu = bank.step_var / base_va
    record.delay_tick = max(1, wait_ticks(bank.delay_s, tick_s))
    state.in_use = bank.initial


def lower_island(record: Any, state: Any, grid: models.Grid, base_va: float, tick_s: float) -> None:
    """Waits in ticks; the site begins connected with all of its load."""
    record.turn_per_hz = 2.0 * math.pi * tick_s
    record.rounding_w = ROUNDING * base_va
    state.connected = 1.0
    state.energised = 1.0
    state.cosine = 1.0
    state.frequency_hz = grid.nominal_frequency_hz
    island = grid.island
    if island is None:
        return
    fill(record, island)
    record.present = 1
    record.separate_tick = max(1, wait_ticks(island.separate_after_s, tick_s))
    record.return_tick = wait_ticks(island.return_after_s, tick_s)
    record.blackout_tick = max(1, wait_ticks(island.blackout_after_s, tick_s))
    record.black_start_tick = wait_ticks(island.black_start_after_s, tick_s)
    record.energise_per_tick = per_tick(island.energise_s, tick_s)
    record.pickup_tick = wait_ticks(island.pickup_interval_s, tick_s)
    record.pickup_steps = len(island.pickup_share)
    record.pickup[: record.pickup_steps] = island.pickup_share
    record.sync_cosine = math.cos(math.radians(island.sync_angle_deg))
    record.restore_decay = lag_decay(island.restore_s, tick_s)
    state.step = record.pickup_steps


def lower_forming(record: Any, state: Any, unit: models.Storage, base_va: float, tick_s: float) -> None:
    """Virtual admittance on the base of the site, droop and filter; the weight follows once all are known."""
    state.cosine = 1.0
    forming, converter = unit.forming, unit.converter
    if forming is None or converter is None:
        return
    fill(record, forming)
    record.present = 1
    apparent_va = converter.apparent_power_va or converter.rated_power_w
    impedance = complex(forming.virtual_resistance, forming.virtual_reactance)
    admittance = apparent_va / base_va / impedance
    record.conductance_pu, record.susceptance_pu = admittance.real, admittance.imag
    record.droop_per_w = forming.droop / converter.rated_power_w
    record.decay = lag_decay(forming.power_filter_s, tick_s)
