"""Random and edge inputs for the kernels of the distribution; see `kernel_inputs`."""

from __future__ import annotations

from typing import Any

import numpy as np
from kernel_inputs import builder, lanes, poison, record

from wattkeel import facility_lowering, parameters
from wattkeel._generated import dtypes
from wattkeel.linear import StateSpace
from wattkeel.plant import records
from wattkeel.prototype.layout import RIDE_SIGNALS

TICKS = 40


def chain(rng: np.random.Generator) -> list[Any]:
    """A stable system of 1 to 23 states, at rest or under way, also at no power and close to zero."""
    n = int(rng.choice([1, 2, 5, 7, 8, 15, 16, 21, 23]))
    turn = rng.normal(size=(n, n))
    a = 30.0 * (turn - turn.T) - np.diag(rng.uniform(1.0, 300.0, n))
    b, c = rng.normal(size=(n, 1)), rng.normal(size=(1, n))
    system = StateSpace(a, b, c, np.zeros((1, 1)), ("x",) * n, ("u",), ("y",))
    p, s = records(dtypes.ChainParams, 1), records(dtypes.ChainState, 1)
    facility_lowering.lower_chain(p[0], system, float(rng.choice([1e-4, 1e-3, 1e-2, 1.0])))
    s[0].started = rng.integers(0, 2)
    s[0].state[: n + 1] = lanes(rng, n + 1, -1e7, 1e7) * float(rng.choice([1.0, 1e-99, 0.0]))
    return [p, s]


@builder
def chain_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [*chain(rng), float(rng.choice([0.0, 1e6, rng.uniform(-1e6, 1e7)]))]


def ride(rng: np.random.Generator) -> list[Any]:
    """A ride-through with every option, in any of its modes."""
    some = lambda *values: float(rng.choice(values))  # noqa: E731
    perc1 = parameters.Perc1(
        power_factor=some(0.0, 0.9), voltage_filter_s=some(0.0, 0.02), output_filter_s=some(0.0, 0.02),
        frequency_droop=some(0.0, 2.0), deadband_low_pu=0.001, deadband_high_pu=some(0.0, 0.002),
        active_washout=some(0.0, 0.3), reactive_washout=some(0.0, -0.3), active_lag_s=some(0.0, 0.05),
        reactive_lag_s=0.03, reactive_lead_s=some(0.0, 0.01), active_exponent=int(rng.integers(0, 3)),
        reactive_exponent=int(rng.integers(0, 3)), cease_delay_s=some(0.0, 0.003), cease_share=some(1.0, 0.6),
        reconnect_delay_s=some(0.0, 0.004), reconnect_ramp_s=some(0.0, 0.01), reconnect_share=some(1.0, 0.0, 0.7),
        ceased_load=str(rng.choice(["backup", "lost"])), sag_count=int(rng.integers(0, 4)),
        sag_merge_s=some(0.0, 0.005), sag_window_s=some(0.02, 60.0), sag_return_s=some(np.inf, 0.01),
    )  # fmt: skip
    perc1 = perc1.model_copy(update={"backup_energy_j": some(np.inf, 0.0, 1e5)})
    p, s = records(dtypes.RideParams, 1), records(dtypes.RideState, 1)
    facility_lowering.lower_ride(p[0], perc1, 5e6, 0.2, 1e-3)
    s[0] = record(
        dtypes.RideState, rng, mode=rng.integers(0, 4), below_tick=rng.integers(0, 9), above_tick=rng.integers(0, 9),
        ramp=0.1, per_nominal=1.02, voltage_pu=rng.uniform(0.0, 1.1), frequency_pu=rng.uniform(-0.01, 0.01),
        slow_voltage_pu=rng.uniform(0.5, 1.1, 2), lag=rng.uniform(0.5, 1.5, 2), current=rng.uniform(0.5, 5.0, 2),
        sag_total=rng.integers(1, 9), sag_tick=np.sort(rng.integers(0, 50, 8))[::-1], spent_j=some(0.0, 1e3, 1e-9),
    )[0]  # fmt: skip
    return [p, s]


@builder
def perc1_step(rng: np.random.Generator, n: int) -> list[Any]:
    voltage_pu = float(rng.choice([np.nan, 0.0, 1.0, rng.uniform(0.0, 1.2)]))
    frequency_pu = float(rng.choice([0.0, rng.uniform(-0.02, 0.02)]))
    return [*ride(rng), 60, voltage_pu, frequency_pu, float(rng.choice([0.0, 4e6, rng.uniform(-1e5, 9e6)]))]


@builder
def distribution_step(rng: np.random.Generator, n: int) -> list[Any]:
    count = min(n, 9)
    p, s = records(dtypes.NodeParams, count), records(dtypes.NodeState, count)
    rides, chains = [ride(rng) for _ in range(count)], [chain(rng) for _ in range(count)]
    for i in range(count):
        p[i] = record(
            dtypes.NodeParams, rng, parent_index=rng.integers(i + 1, count) if i + 1 < count and rng.random() < 0.8 else -1,
            rated_w=5e6, loss_0_w=1e4, loss_1=0.01, loss_2_per_w=2e-9, knots=rng.integers(0, 8),
            knot_w=np.sort(rng.uniform(0, 1e7, 8)), knot_slope=rng.uniform(-0.01, 0.02, 8),
            ride_index=rng.choice([-1, i]), chain_index=rng.choice([-1, i]),
        )[0]  # fmt: skip
    s.overloaded = rng.integers(0, 2, count)
    pools = [
        np.concatenate(part).view(np.recarray) for of in (rides, chains) for part in zip(*of, strict=True)
    ]
    changed = np.full(count, 99)
    load_w = lanes(rng, count, -1e6, 1e7)
    drive = [int(rng.integers(0, 100)), float(rng.choice([np.nan, rng.uniform(0.0, 1.1)])), 0.001]
    return [count, p, s, *pools, *drive, load_w, poison(count), poison(count), changed]


@builder
def distribution_run(rng: np.random.Generator, n: int) -> list[Any]:
    count, p, s, *pools = distribution_step(rng, n)[:7]
    voltage_pu = np.where(rng.random(TICKS) < 0.3, rng.uniform(0.0, 0.9, TICKS), 1.0)
    shape = (TICKS, count)
    return [
        TICKS, count, p, s, *pools, voltage_pu, rng.uniform(-0.01, 0.01, TICKS), rng.uniform(0, 1e7, shape),
        poison(*shape), poison(*shape), poison(TICKS), np.full(shape, 99), poison(*shape),
        poison(TICKS, count * RIDE_SIGNALS), np.full(shape, 99),
    ]  # fmt: skip
