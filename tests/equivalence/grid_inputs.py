"""Random and edge inputs for the kernels of the grid, the island and grid-forming units."""

from __future__ import annotations

from typing import Any

import numpy as np
from kernel_inputs import TICKS, builder, poison, record

from wattkeel._generated import dtypes
from wattkeel.plant import records

RING, STAGES = 5, 4


def grid(rng: np.random.Generator) -> tuple[Any, Any, Any]:
    events = records(dtypes.GridEvent, 3)
    events.start_tick = rng.integers(0, 50, 3)
    events.stop_tick = events.start_tick + rng.integers(1, 50, 3)
    events.end_tick = events.stop_tick + rng.integers(0, 20, 3)
    events.ramp_per_tick = rng.choice([0.05, 0.3, 1e9], 3)
    events.phase_jump_rad = rng.choice([0.0, 0.2, -3.0], 3)
    events.impedance_factor = rng.choice([1.0, 2.0], 3)
    events.opens_breaker = rng.integers(0, 2, 3)
    events.voltage_pu = rng.uniform(0, 1.2, 3)
    events.frequency_offset_hz = rng.uniform(-1, 1, 3)
    current, impedance = rng.choice([0.0, 0.3], 2), rng.choice([0.0, 0.4], 2)
    states = int(rng.choice([0, 2, 4, 7, 8]))
    matrix = np.where(np.eye(8) > 0.0, 0.99, rng.uniform(-1e-3, 1e-3, (8, 8)))
    p = record(
        dtypes.GridParams, rng, nominal_frequency_hz=60.0, source_voltage_pu=1.0, base_va=1e8,
        per_base=1e-8, resistance_pu=0.02, reactance_pu=0.2, cable_resistance_pu=rng.choice([0.0, 0.01]), cable_reactance_pu=0.02,
        transformer_resistance_pu=0.004, transformer_reactance_pu=rng.choice([0.0, 0.1]), transformer_loss_0_w=5e4,
        load_current_share=current[0], load_impedance_share=impedance[0], reactive_current_share=current[1],
        reactive_impedance_share=impedance[1], reactive_per_watt=0.2, per_system=5e-11, states=states,
        step_matrix=matrix.reshape(-1), step_input=rng.uniform(-1e-3, 0.0, 8), output_matrix=rng.uniform(-1.0, 1.0, 16),
        state_magic=rng.choice([0.375, 6.0], 8), window_tick=RING, per_window_s=200.0, shedding_stages=STAGES, system_power_w=2e10,
        events=3, reference_core_w=rng.choice([np.nan, 9e7]),
    )  # fmt: skip
    s = record(
        dtypes.GridState, rng, event_voltage_pu=rng.choice([0.0, 0.5, 1.0]), event_impedance=rng.choice([1.0, 2.0]),
        reference_w=9e7, frequency_pu=rng.uniform(-1e-3, 1e-3), next_change_tick=rng.integers(0, 90),
        model_state=rng.uniform(-1e-3, 1e-3, 8), shed_pu=rng.choice([0.0, 0.05]), shed_share=rng.choice([0.0, 0.3]),
        window_head=rng.integers(0, RING), frequency_hz=rng.uniform(58.0, 62.0),
    )  # fmt: skip
    return p, s, events


def load_parts(rng: np.random.Generator) -> list[float]:
    """p0, p1, p2, q0, q1, q2 and the voltage of the tick before, some of them 0."""
    parts = rng.uniform([-0.5, 0.0, 0.0, -0.3, 0.0, -0.3], [3.0, 1.0, 1.0, 1.0, 0.5, 0.5])
    parts *= rng.integers(0, 2, 6)
    return [*map(float, parts), float(rng.choice([0.0, 0.6, 1.0]))]


@builder
def playback_step(rng: np.random.Generator, n: int) -> list[Any]:
    """A record of a few rows in a pool, at any place of it, some with a jump; and none at all."""
    rows = int(rng.integers(0, 6))
    time = np.sort(rng.uniform(0.0, 20.0, rows))
    if rows > 2 and rng.random() < 0.5:
        time[-1] = time[-2]
    before = int(rng.integers(0, 3))
    p = record(
        dtypes.PlaybackParams, rng, start_tick=rng.integers(0, 5), stop_tick=rng.integers(5, 30), trace_first=before,
        trace_rows=rows, trace_value_first=2 * before, trace_repeat_core=0, trace_length_tick=2.0**62,
        trace_offset_tick=rng.choice([0.0, rng.uniform(0.0, 8.0)]),
    )  # fmt: skip
    s = grid(rng)[1]
    s.playback_cursor = int(rng.integers(0, max(1, rows - 1)))
    first = time[0] if rows else 0.0
    pool = [
        np.concatenate((np.zeros(before), time - first, np.zeros(1))),
        rng.uniform(0.0, 1.2, 2 * (before + rows) + 2),
    ]
    return [p, s, *pool, poison(2), int(rng.integers(0, 30))]


@builder
def grid_events(rng: np.random.Generator, n: int) -> list[Any]:
    return [*grid(rng), int(rng.integers(0, 130))]


@builder
def largest_root(rng: np.random.Generator, n: int) -> list[Any]:
    return [*map(float, rng.uniform([0.1, 0.0, -2.0, -0.2, 0.0], [2.0, 0.5, 0.5, 0.2, 0.3]))]


@builder
def bus_voltage(rng: np.random.Generator, n: int) -> list[Any]:
    source = float(rng.choice([0.0, 1.0, 0.5]))
    return [source, float(rng.choice([0.0, 0.02])), float(rng.choice([0.05, 0.2])), *load_parts(rng)]


@builder
def tap_step(rng: np.random.Generator, n: int) -> list[Any]:
    p = record(
        dtypes.TapChangerParams, rng, step_pu=0.0125, lowest=-2, highest=2, target_pu=1.0, deadband_pu=0.01, present=rng.integers(0, 2),
        delay_tick=4, interval_tick=2,
    )  # fmt: skip
    s = record(
        dtypes.TapChangerState, rng, position=rng.integers(-2, 3), waited_tick=rng.integers(0, 5), wait_tick=4
    )
    return [p, s, float(rng.choice([1.0, 0.98, 1.02]))]


@builder
def capacitor_step(rng: np.random.Generator, n: int) -> list[Any]:
    p = record(
        dtypes.CapacitorBankParams, rng, steps=3, in_below_pu=0.97, out_above_pu=1.03, delay_tick=3, present=rng.integers(0, 2)
    )  # fmt: skip
    s = record(dtypes.CapacitorBankState, rng, in_use=rng.integers(0, 4), waited_tick=rng.integers(0, 4))
    return [p, s, float(rng.choice([1.0, 0.9, 1.1]))]


@builder
def turned(rng: np.random.Generator, n: int) -> list[Any]:
    angle = rng.uniform(-np.pi, np.pi)
    by = float(rng.choice([0.0, 1e-9, -np.pi, rng.uniform(-40.0, 40.0)]))
    return [float(np.cos(angle)), float(np.sin(angle)), by]


def forming(rng: np.random.Generator, count: int) -> tuple[Any, Any]:
    """Units of which some form the grid, at least one; there are two at least, so that they stay an array."""
    p, s = records(dtypes.FormingParams, count), records(dtypes.FormingState, count)
    angle = rng.uniform(-0.5, 0.5, count)
    p.present = rng.integers(0, 2, count)
    p.present[0] = 1
    p.voltage_setpoint_pu = rng.uniform(0.95, 1.05, count)
    p.conductance_pu = rng.uniform(0.0, 0.2, count)
    p.susceptance_pu = rng.uniform(-3.0, -0.5, count)
    p.droop_per_w, p.decay, p.weight = 1e-9, rng.uniform(0.0, 1.0), 1.0 / count
    s.cosine, s.sine = np.cos(angle), np.sin(angle)
    s.fixed[1:] = rng.integers(0, 2, count - 1)
    s.deviation_pu = rng.uniform(-1e-3, 1e-3, count)
    s.set_w = rng.uniform(-1e7, 1e8, count)
    s.wanted_w = rng.uniform(-1e7, 1e8, count)
    s.wanted_var = rng.uniform(-1e7, 1e7, count)
    return p, s


@builder
def forming_solve(rng: np.random.Generator, n: int) -> list[Any]:
    count = 2 + n % 4
    source = float(rng.choice([0.0, 1.0, 0.3]))
    energised = float(rng.choice([0.0, 0.5, 1.0]))
    return [count, *forming(rng, count), energised, source, 0.02, 0.2, *load_parts(rng), 1e8]


@builder
def forming_begin(rng: np.random.Generator, n: int) -> list[Any]:
    count = 2 + n % 4
    return [
        count,
        *forming(rng, count),
        0.02,
        0.2,
        *map(float, rng.uniform(-0.5, 1.0, 2)),
        float(rng.choice([0.0, 0.9])),
    ]


@builder
def forming_step(rng: np.random.Generator, n: int) -> list[Any]:
    p, s = (array[:1] for array in forming(rng, 2))
    return [p, s, float(rng.choice([0.0, 1e-3])), 0.377, float(rng.uniform(-1e-3, 1e-3))]


def island(rng: np.random.Generator) -> tuple[Any, Any]:
    p = record(
        dtypes.IslandParams, rng, present=rng.choice([0, 1, 1, 1]), separate_below_pu=0.5, separate_tick=3, return_low_pu=0.9,
        return_high_pu=1.1, return_band_hz=0.5, return_tick=2, blackout_tick=2, black_start_tick=3, energise_per_tick=0.5,
        pickup_tick=1, pickup_steps=3, pickup=np.linspace(0.3, 1.0, 8), sync_cosine=0.98, sync_voltage_pu=0.03,
        restore_decay=0.9, turn_per_hz=6e-3, rounding_w=1e-6, sync_band_hz=0.1,
    )  # fmt: skip
    s = record(
        dtypes.IslandState, rng, mode=rng.integers(0, 3), waited_tick=rng.integers(0, 5), short_tick=rng.integers(0, 4),
        dark_tick=rng.integers(0, 5), energised=rng.choice([0.0, 0.7, 1.0]), step=rng.integers(0, 4), step_tick=rng.integers(0, 3),
        short_of_w=rng.choice([0.0, 1e6, -1e6]), cosine=rng.choice([1.0, 0.9]), bus_cosine=1.0, bus_sine=0.1, frequency_hz=rng.choice([60.0, 60.2]),
    )  # fmt: skip
    return p, s


@builder
def island_step(rng: np.random.Generator, n: int) -> list[Any]:
    forming_unit, opened = int(rng.integers(0, 2)), int(rng.choice([0, 0, 1]))
    voltage = [float(rng.choice([0.0, 0.95, 1.0, 1.2])) for _ in range(2)]
    return [*island(rng), forming_unit, opened, *voltage, float(rng.choice([0.0, -0.7, 0.2])), 60.0]


@builder
def island_balance(rng: np.random.Generator, n: int) -> list[Any]:
    demand = float(rng.choice([0.0, 1e8, -1e6]))
    return [*island(rng), demand, float(rng.choice([demand, np.nextafter(demand, 1e9), 9e7, 0.0]))]


@builder
def island_lift(rng: np.random.Generator, n: int) -> list[Any]:
    p, s = island(rng)
    s.lift_pu = rng.choice([0.0, 0.1, -0.03])
    return [p, s, 1.0, float(rng.uniform(0.5, 1.2))]


@builder
def island_turn(rng: np.random.Generator, n: int) -> list[Any]:
    pu = [float(x) for x in rng.uniform(-1e-2, 1e-2, 2)]
    return [*island(rng), *pu, 60.0, float(rng.choice([0.0, 0.3]))]


@builder
def frequency_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [*grid(rng)[:2], float(rng.uniform(0, 2e8))]


@builder
def grid_step(rng: np.random.Generator, n: int) -> list[Any]:
    ratio, bank = float(rng.choice([1.0, 0.95, 1.05])), float(rng.choice([0.0, 0.2]))
    bus_w = float(rng.uniform(-1e8, 6e8))
    load_w = max(0.0, bus_w) + float(rng.choice([0.0, 1e7]))
    load_var, given_var = float(rng.uniform(0.0, 2e8)), float(rng.uniform(-5e7, 5e7))
    return [*grid(rng)[:2], 1e-3, ratio, bank, bus_w, load_w, load_var, given_var]


@builder
def grid_run(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, event = grid(rng)
    s.next_change_tick = 0
    tap, bank = tap_step(rng, n)[:2], capacitor_step(rng, n)[:2]
    tap[1].ratio = 1.0 + tap[1].position * 0.0125
    bank[0].step_pu = 0.05
    load = [rng.uniform(0, 2e8, TICKS), rng.uniform(0, 5e7, TICKS)]
    places = [np.full(TICKS, 99) for _ in range(2)]
    out = [poison(TICKS) for _ in range(14)]
    return [
        TICKS,
        p,
        s,
        *tap,
        *bank,
        event,
        *shedding(rng),
        rng.uniform(-1.0, 1.0, RING),
        1e-3,
        *load,
        *out,
        *places,
    ]


def shedding(rng: np.random.Generator) -> list[Any]:
    """Stages on both sides of nominal frequency, armed, waiting and tripped."""
    stage, state = records(dtypes.SheddingStage, STAGES), records(dtypes.SheddingState, STAGES)
    stage.direction = rng.choice([-1.0, 1.0], STAGES)
    stage.threshold_hz = 60.0 - stage.direction * rng.uniform(0.0, 1.5, STAGES)
    stage.delay_tick = rng.integers(0, 4, STAGES)
    stage.site_share = rng.uniform(0.0, 0.5, STAGES)
    stage.shed_pu = stage.direction * rng.uniform(0.0, 0.1, STAGES)
    state.tripped = rng.integers(0, 3, STAGES)
    state.waited_tick = rng.integers(0, 4, STAGES)
    return [stage, state]


@builder
def frequency_window(rng: np.random.Generator, n: int) -> list[Any]:
    return [*grid(rng)[:2], rng.uniform(-1.0, 1.0, RING)]


@builder
def load_shedding(rng: np.random.Generator, n: int) -> list[Any]:
    return [*grid(rng)[:2], *shedding(rng)]


def support(rng: np.random.Generator) -> list[Any]:
    """A unit with everything, at any place of its fast response."""
    p = record(
        dtypes.SupportParams, rng, active=1, nominal_hz=60.0, per_nominal_hz=1.0 / 60.0, droop_w=rng.choice([0.0, 2e9]),
        deadband_pu=rng.choice([0.0, 6e-4]), inertia_w_s=rng.choice([0.0, 1e9]), decay=0.98, hold=0.99, rate_decay=0.99, rate_hold=0.995,
        rate_gain=0.19, rate_mean=0.1, jump_pu=0.05, per_rate_s=10.0, up_w=rng.choice([0.0, 1e8]), down_w=1e8,
        response_w=rng.choice([0.0, 5e7, -5e7]), response_pu=rng.uniform(-0.01, 0.01), response_sign=rng.choice([-1.0, 1.0]),
        delay_tick=rng.integers(0, 4), sustain_tick=rng.integers(1, 4), release_tick=rng.integers(0, 4), per_release=0.3,
        rest_tick=rng.integers(8, 12), voltage_var=rng.choice([0.0, 1e9]), middle_pu=1.0, voltage_band_pu=rng.choice([0.0, 0.02]),
        voltage_decay=0.99, voltage_hold=0.995, limit_var=4.4e7,
    )  # fmt: skip
    s = record(
        dtypes.SupportState, rng, frequency_pu=rng.uniform(-0.01, 0.01), rate_per_s=rng.uniform(-0.01, 0.01), voltage_pu=rng.uniform(0.8, 1.2),
        response_tick=rng.choice([0, 0, 2, 7]), waited_tick=rng.integers(0, 4),
    )  # fmt: skip
    return [p, s]


@builder
def support_step(rng: np.random.Generator, n: int) -> list[Any]:
    frequency = float(rng.choice([60.0, 0.0, rng.uniform(59.0, 61.0)]))
    return [*support(rng), frequency, float(rng.choice([0.0, 0.3, -0.3])), float(rng.uniform(0.0, 1.3))]


@builder
def support_run(rng: np.random.Generator, n: int) -> list[Any]:
    series = [rng.uniform(59.0, 61.0, TICKS), rng.choice([0.0, 0.1], TICKS), rng.uniform(0.8, 1.2, TICKS)]
    return [TICKS, *support(rng), *series, poison(TICKS), poison(TICKS), np.full(TICKS, 99)]
