"""Random and edge inputs for the kernels of converters, transformers and distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from grid_inputs import grid
from kernel_inputs import MAGIC, TICKS, builder, poison, record

from wattkeel._generated import dtypes


def converter(rng: np.random.Generator) -> tuple[Any, Any, np.ndarray]:
    """A converter of 3 MW with a random form of the loss in each direction; and its table."""
    power = np.concatenate(([0.0], np.sort(rng.uniform(1e3, 3e6, 9)), [3e10]))
    loss = np.cumsum(np.append(rng.uniform(0.0, 2e4), np.diff(power) * rng.uniform(0.0, 0.1, 10)))
    p = record(
        dtypes.ConverterParams, rng, limit_w=3e6, limit_va=3e6, per_limit_w=1 / 3e6, per_limit_va=1 / 3e6,
        most_w=4.5e6, most_va=4.5e6, current_limit_pu=rng.choice([1.0, 1.1]), priority=rng.integers(0, 2),
        overload_extra=rng.choice([0.0, 0.5]), overload_room=rng.choice([0.1, 5.0]), overload_use=0.2,
        overload_recover=0.01, delay_tick=rng.integers(0, 3), ring_first=2,
        law=rng.integers(0, 3, 2), loss_0_w=2e4, loss_1=rng.choice([0.0, 0.01]), loss_2_per_w=1e-8,
        table_first=1, table_points=11, idle_w=np.array([[2e4, rng.choice([0.0, 2e4])]]),
        no_load_w=rng.choice([0.0, 1.5e4]), reactive_loss_per_w=1e-8, power_round_w=MAGIC,
        decay=rng.choice([0.0, 0.95]), lag_per_tick=0.05, ramp_w_per_tick=1e4, ramp_lag_w=rng.choice([np.inf, 2e5, 0.0]),
    )  # fmt: skip
    s = record(
        dtypes.ConverterState, rng, command_w=rng.uniform(-5e6, 5e6), power_w=rng.uniform(-3e6, 3e6),
        override_w=rng.choice([np.nan, 0.0, -1e6]), reactive_var=rng.choice([0.0, 4e6, -1e6]), room_va=3e6,
        reactive_power_var=rng.choice([0.0, 2e6, -3e6]), ring_head=rng.integers(0, max(1, int(p[0].delay_tick))),
        overload_used=rng.choice([0.0, 0.9999, 1.0, 0.3]),
    )  # fmt: skip
    return p, s, np.concatenate(([np.nan], power, loss))


@builder
def converter_response(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, _ = converter(rng)
    near = float(np.clip(s[0].command_w, -4.5e6, 4.5e6)) + rng.uniform(-3e5, 3e5)
    s[0].power_w = rng.choice([float(s[0].power_w), near])
    return [p, s, rng.uniform(-4e6, 4e6, 8), float(rng.choice([0.0, 0.5, 1.0, 1.05]))]


@builder
def converter_capability(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, _ = converter(rng)
    power, var = float(rng.uniform(-5e6, 5e6)), float(rng.choice([0.0, 2e6, -4e6]))
    return [p, s, power, var, float(rng.choice([0.0, 0.5, 1.0, 1.05]))]


@builder
def converter_settle(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, _ = converter(rng)
    return [p, s, float(rng.choice([0.0, -3e6, 3.6e6, rng.uniform(-3e6, 3e6)]))]


@builder
def converter_dc(rng: np.random.Generator, n: int) -> list[Any]:
    p, _, table = converter(rng)
    ac_w = float(rng.choice([0.0, -0.0, 9e6, -9e6, rng.uniform(-3e6, 3e6)]))
    return [p, table, ac_w, float(rng.choice([0.0, 1e6]))]


@builder
def converter_ac(rng: np.random.Generator, n: int) -> list[Any]:
    p, _, table = converter(rng)
    dc_w = float(rng.choice([0.0, 2e4, -4e9, 1e4, rng.uniform(-3e6, 3e6)]))
    return [p, table, dc_w, float(rng.choice([0.0, 1e6]))]


@builder
def converter_run(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, table = converter(rng)
    s.override_w = np.nan
    series = [rng.uniform(-5e6, 5e6, TICKS), rng.uniform(-5e6, 5e6, TICKS), rng.uniform(0.0, 1.1, TICKS)]
    series[0][10:] = series[0][10]  # long enough for the lag to follow the ramp
    out = [poison(TICKS) for _ in range(3)]
    return [TICKS, p, s, np.zeros(8), table, *series, *out, np.full(TICKS, 99)]


@builder
def transformer_step(rng: np.random.Generator, n: int) -> list[Any]:
    p = record(
        dtypes.NodeParams, rng, loss_0_w=5e4, loss_1=0.001, loss_2_per_w=4e-11, knots=rng.integers(0, 8)
    )
    load = [
        float(rng.choice([0.0, rng.uniform(-1e8, 6e8)])),
        float(rng.choice([0.0, rng.uniform(-5e7, 2e8)])),
    ]
    return [p, grid(rng)[0], float(rng.choice([0.0, 1.0, 0.9])), *load]


@builder
def transformer_run(rng: np.random.Generator, n: int) -> list[Any]:
    p, z, *_ = transformer_step(rng, n)
    load = [rng.uniform(0.5, 1.1, TICKS), rng.uniform(-1e8, 6e8, TICKS), rng.uniform(-5e7, 2e8, TICKS)]
    return [TICKS, p, z, *load, *(poison(TICKS) for _ in range(5))]
