"""Random and edge inputs for every kernel: one builder per kernel, named like it.

A builder takes a random generator and the number of lanes and returns the arguments. Arrays that a kernel
only writes are poisoned with NaN, so that a lane it forgets shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wattkeel._generated import dtypes
from wattkeel.battery_lowering import straight_pieces
from wattkeel.lowering import rounding_magic
from wattkeel.plant import records
from wattkeel.prototype import ageing

Builder = Callable[[np.random.Generator, int], list[Any]]
BUILDERS: dict[str, Builder] = {}
MAGIC = rounding_magic(1e7)
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, 5e-324, 1e5, 0.1])


def builder(function: Builder) -> Builder:
    BUILDERS[function.__name__] = function
    return function


def poison(*shape: int) -> np.ndarray:
    return np.full(shape, np.nan)


def lanes(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """Random values with edge values mixed in where they lie in the range."""
    x = rng.uniform(low, high, n)
    edges = EDGES[(low <= EDGES) & (high >= EDGES)]
    where = rng.random(n) < 0.15
    x[where] = rng.choice(edges, where.sum()) if len(edges) else x[where]
    return x


def record(dtype: np.dtype[Any], rng: np.random.Generator, **values: Any) -> Any:
    """One record with small random numbers, and the given values."""
    made = records(dtype, 1)
    for name in dtype.names or ():
        field = made[name]
        if np.issubdtype(field.dtype, np.integer):
            field[...] = rng.integers(0, 2, field.shape)
        else:
            field[...] = rng.uniform(0.0, 1.0, field.shape)
    for name, value in values.items():
        made[name] = value
    return made


def snapped(x: np.ndarray) -> np.ndarray:
    return (x + MAGIC) - MAGIC


@builder
def lane_sum(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, snapped(rng.uniform(0, 1e5, n))]


@builder
def snapped_sum(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, rng.uniform(-1e5, 1e5, n), MAGIC]


@builder
def compensated_add(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, lanes(rng, n, -1e9, 1e9), lanes(rng, n, -1e18, 1e18), lanes(rng, n, -1.0, 1.0)]


@builder
def philox_bell(rng: np.random.Generator, n: int) -> list[Any]:
    return [int(rng.integers(0, 2**63 - 1)), int(rng.integers(0, 2**32)), int(rng.integers(0, 2**40))]


@builder
def philox_fill(rng: np.random.Generator, n: int) -> list[Any]:
    seed = int(rng.integers(0, 2**63 - 1))
    return [
        n,
        seed,
        int(rng.integers(0, 2**32)),
        int(rng.integers(0, 2**40)),
        rng.integers(0, 2**32, n),
        poison(n),
    ]


def job_params(rng: np.random.Generator) -> Any:
    return record(
        dtypes.JobParams, rng, kind=0, start_tick=rng.uniform(-5, 5), stop_tick=rng.choice([np.inf, 5000.0]),
        start_ramp_per_tick=rng.choice([1e9, 0.01]), stop_ramp_per_tick=rng.choice([1e9, 0.02]),
        period_tick=rng.uniform(0.3, 900.0), checkpoint_tick=rng.uniform(1.0, 50.0), edge_per_tick=0.2,
        checkpoint_every=rng.integers(0, 4), period_jitter=rng.choice([0.0, 0.05]), compute_fraction_core=0.7,
        straggler_tick=8.0, rack_jitter_tick=3.0, stream=3,
    )  # fmt: skip


def job_state(rng: np.random.Generator) -> Any:
    return record(
        dtypes.JobState, rng, iteration=rng.integers(-1, 5), begin_tick=rng.integers(0, 50), length_tick=rng.uniform(0, 90),
        elapsed_tick=rng.uniform(-10.0, 900.0), compute_end_tick=rng.uniform(0.0, 900.0), envelope=rng.choice([0.0, 0.3, 1.0]),
    )  # fmt: skip


@builder
def job_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [job_params(rng), job_state(rng), 7, int(rng.integers(0, 1000))]


@builder
def workload_offset(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, job_params(rng), job_state(rng), 11, rng.integers(0, 2**31, n), poison(n)]


@builder
def workload_demand(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, job_params(rng), job_state(rng), 1000.0, 90.0, lanes(rng, n, 0.0, 12.0), poison(n)]


@builder
def trace_mean(rng: np.random.Generator, n: int) -> list[Any]:
    rows, columns = int(rng.integers(1, 40)), int(rng.integers(1, 5))
    time = np.concatenate(([0.0], np.cumsum(rng.uniform(0.05, 3.0, rows - 1))))
    length = time[-1] + rng.uniform(0.1, 2.0)
    turn = int(rng.integers(0, 3))
    start = turn * length + rng.uniform(0.0, length)
    linear, repeat = int(rng.integers(0, 2)), int(rng.integers(0, 2))
    value = rng.uniform(0, 700, rows * columns)
    return [start, time, value, rows, columns, length, linear, repeat, 0, turn, poison(columns)]


@builder
def trace_demand(rng: np.random.Generator, n: int) -> list[Any]:
    columns = int(rng.integers(1, 5))
    level = rng.uniform(0, 700, columns)
    return [n, job_state(rng), columns, 0.125, 70.0, rng.integers(0, 1000, n), level, poison(n)]


@builder
def gpu_power(rng: np.random.Generator, n: int) -> list[Any]:
    p = record(
        dtypes.GpuParams, rng, floor_w=rng.choice([0.0, 650.0]), hysteresis_tick=3.0, edp_max_w=100.0, edp_gain=0.1,
        ramp_up_w_per_tick=rng.choice([np.inf, 20.0]), ramp_down_w_per_tick=rng.choice([np.inf, 5.0]),
    )  # fmt: skip
    state = [lanes(rng, n, 50.0, 1000.0), np.floor(lanes(rng, n, 0.0, 6.0)), lanes(rng, n, 0.0, 100.0)]
    cap, floor = float(rng.choice([np.inf, 800.0])), float(rng.choice([0.0, 200.0]))
    return [n, p, 72.0, MAGIC, cap, floor, lanes(rng, n, 0.0, 1200.0), *state, *(poison(n) for _ in range(5))]


def rack_params(rng: np.random.Generator) -> Any:
    knots = int(rng.integers(0, 8))
    return record(
        dtypes.RackParams, rng, overhead_w=8000.0, overhead_fraction=0.08, loss_0_w=900.0, loss_1=0.02, loss_2_per_w=1e-7,
        knots=knots, knot_w=np.sort(rng.uniform(0, 1e5, 8)), knot_slope=rng.uniform(-0.02, 0.05, 8), store_energy_j=4680.0,
        store_power_w=3e4, store_charge_factor=0.97, store_discharge_factor=1 / 0.97, store_average_decay=0.999,
        store_target_j=2340.0, store_recovery_per_s=0.05,
    )  # fmt: skip


@builder
def rack_load(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, rack_params(rng), MAGIC, snapped(lanes(rng, n, 0.0, 1e5)), poison(n), poison(n)]


@builder
def rack_store(rng: np.random.Generator, n: int) -> list[Any]:
    load = snapped(lanes(rng, n, 0.0, 1.2e5))
    energy = np.clip(lanes(rng, n, -500.0, 5200.0), 0.0, 4680.0)
    first = int(rng.integers(0, 2))
    return [
        n,
        rack_params(rng),
        MAGIC,
        1e-3,
        first,
        load,
        lanes(rng, n, 0, 1e5),
        energy,
        *(poison(n) for _ in range(3)),
    ]


@builder
def rack_psu(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, rack_params(rng), MAGIC, snapped(lanes(rng, n, 0.0, 1.2e5)), poison(n), poison(n)]


@builder
def cooling_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [record(dtypes.CoolingParams, rng), record(dtypes.CoolingState, rng), float(rng.uniform(0, 1e8))]


@builder
def rise_of(rng: np.random.Generator, n: int) -> list[Any]:
    return [float(rng.choice([0.0, 5e-324, 1e-9, 64.0, 64.1, 1e300, rng.uniform(0.0, 70.0)]))]


def battery(rng: np.random.Generator, columns: int, groups: int | None = None) -> dict[str, Any]:
    """Parameters, state, container, cell matrix and tables of batteries with everything in them."""
    tau = rng.uniform(1.0, 1e5, 4)
    intervals, warm_intervals = int(rng.integers(1, 12)), int(rng.integers(1, 4))
    ocv = straight_pieces(np.sort(rng.uniform(1000.0, 1400.0, 11))).reshape(-1)
    slow = rng.uniform(0.0, 1.0, (warm_intervals + 1, intervals + 1, 9))
    slow *= np.array(
        [1e-3, 1e-3, 2e-4, 3e-4, rng.choice([0.0, 1e-3]), rng.choice([0.0, 0.02]), 1e-4, 1.0, 1.0]
    )
    p = record(
        dtypes.BatteryParams, rng, dt_s=1e-3, series=400.0, groups=groups or columns, ocv_first=2, ocv_intervals=10.0,
        mean_ocv=rng.choice([0.0, 0.5]), slow_first=2 + len(ocv), slow_intervals=intervals, slow_warm_intervals=warm_intervals,
        slow_first_k=270.0, slow_per_k=0.1, table_least_k=280.0, table_most_k=290.0, soc_min=0.05, soc_max=0.95,
        rise=-np.expm1(-1.0 / tau), hold=-np.expm1(-1.0 / tau) * tau, half_tau_per_tick=0.5 * tau,
        hysteresis_per_soc=rng.choice([0.0, 50.0, 1e18]), hysteresis_w=rng.choice([0.0, 36.0]), charge_share=0.97,
        per_charge_share=1.0 / 0.97, leak_per_s=rng.choice([0.0, 1e-6]), reference_k=298.15, voltage_min_v=1000.0,
        voltage_max_v=1460.0, refresh_tick=rng.integers(1, 4), refresh_per_s=1e3, warm_k_per_w=rng.choice([0.0, 1e-6]),
        heat_w_per_k=300.0, heat_j_per_k=1e5, contained=rng.integers(0, 2),
    )  # fmt: skip
    s = record(
        dtypes.BatteryState,
        rng,
        held_tick=rng.integers(-1, 3),
        air_k=rng.uniform(270.0, 310.0),
        hvac=rng.integers(-1, 2),
    )
    c = record(
        dtypes.ContainerParams, rng, set_temperature_k=rng.uniform(280.0, 300.0), cooling_core_w=1e4, heating_core_w=5e3,
        ambient_temperature_k=290.0, band_k=3.0, wall_core_w_per_k=90.0, air_w_per_k=2e6,
    )  # fmt: skip
    return {
        "p": p,
        "s": s,
        "c": c,
        "cell": cells(rng, columns),
        "table": np.concatenate(([np.nan] * 2, ocv, slow.reshape(-1))),
    }


CELL_RANGES = {
    "strings": (1.0, 50.0), "per_strings": (0.02, 1.0), "capacity_ah": (100.0, 300.0), "charge_per_tick": (1e-9, 3e-9), "current_per_soc_a": (3e8, 1e9),
    "resistance_scale": (0.8, 2.0), "soc": (0.0, 1.0), "soc_carry": (-1e-17, 1e-17), "hysteresis": (-3.0, 3.0),
    "branch_0": (-50.0, 50.0), "branch_1": (-50.0, 50.0), "branch_2": (-50.0, 50.0), "branch_3": (0.0, 0.0),
    "temperature_k": (265.0, 305.0), "heat_sum_w": (0.0, 1e5), "current_sum_a": (-1e3, 1e3), "discharge_ohm": (0.0, 0.3),
    "charge_ohm": (0.0, 0.3), "discharge_root_0": (0.0, 0.5), "charge_root_0": (0.0, 0.5), "discharge_mean_ohm": (0.0, 0.5), "charge_mean_ohm": (0.0, 0.5),
    "held_ocv_v": (1100.0, 1400.0), "root_0": (0.0, 0.5), "root_1": (0.0, 0.5),
    "root_2": (0.0, 0.5), "root_3": (0.0, 0.0), "width": (0.0, 3.0), "shift_v": (-1.0, 1.0), "entropy_v": (-20.0, 20.0),
    "most_a": (0.0, 900.0), "least_a": (-900.0, 0.0), "ocv_v": (1100.0, 1400.0), "ocv_ohm": (0.0, 1e-6),
    "instant_ohm": (0.0, 0.3), "emf_v": (900.0, 1500.0), "source_ohm": (0.0, 0.5), "mean_ohm": (0.0, 0.5), "bias_v": (-8.0, 8.0), "high_a": (0.0, 900.0),
    "low_a": (-900.0, 0.0), "current_a": (-900.0, 900.0),
}  # fmt: skip


def cells(rng: np.random.Generator, n: int) -> np.ndarray:
    """A cell matrix of plausible values with edges among them; rows that a tick only writes are NaN."""
    matrix = poison(dtypes.CELL_ROWS, n)
    for name, (low, high) in CELL_RANGES.items():
        matrix[dtypes.CELL_STATE.index(name)] = rng.uniform(low, high, n)
    for name, edges in (
        ("soc", (0.0, 0.05, 0.95, 1.0)), ("source_ohm", (0.0,)), ("current_a", (0.0,)), ("discharge_mean_ohm", (0.0,)), ("branch_0", (0.0, 1e-99)),
    ):  # fmt: skip
        where = rng.random(n) < 0.2
        matrix[dtypes.CELL_STATE.index(name), where] = rng.choice(edges, where.sum())
    return matrix


def mode(rng: np.random.Generator) -> int:
    return int(rng.integers(0, 3))


def asked(rng: np.random.Generator, drive: int, shape: Any = ()) -> Any:
    low, high = ((-3e6, 3e6), (-900.0, 900.0), (1000.0, 1460.0))[drive]
    values = rng.uniform(low, high, shape)
    return (
        np.where(rng.random(shape) < 0.1, 0.0, values)
        if shape
        else float(rng.choice([0.0, 1e3 * high, low, values]))
    )


@builder
def battery_warm(rng: np.random.Generator, n: int) -> list[Any]:
    b = battery(rng, n)
    return [n, b["p"], b["s"], b["c"], b["cell"]]


@builder
def battery_hold(rng: np.random.Generator, n: int) -> list[Any]:
    b = battery(rng, n)
    return [n, b["p"], b["s"], b["cell"], b["table"]]


@builder
def battery_source(rng: np.random.Generator, n: int) -> list[Any]:
    drive, b = mode(rng), battery(rng, n)
    return [n, b["p"], drive, b["cell"], b["table"], asked(rng, drive)]


@builder
def battery_share(rng: np.random.Generator, n: int) -> list[Any]:
    drive, b = mode(rng), battery(rng, n)
    b["cell"][dtypes.CELL_SOURCE_OHM] += 0.01
    return [n, b["p"], drive, b["cell"], asked(rng, drive)]


@builder
def battery_apply(rng: np.random.Generator, n: int) -> list[Any]:
    b = battery(rng, n)
    return [n, b["p"], b["cell"]]


@builder
def battery_step(rng: np.random.Generator, n: int) -> list[Any]:
    drive, b = mode(rng), battery(rng, 1 if n < 8 else min(n, 64))
    return [b["p"], b["s"], b["c"], drive, b["cell"], b["table"], asked(rng, drive)]


def supercapacitor(rng: np.random.Generator) -> list[Any]:
    p = record(
        dtypes.SupercapacitorParams, rng, voltage_max_v=800.0, voltage_min_v=400.0, capacitance_core_f=50.0,
        two_per_farad=0.04, resistance_ohm=0.01,
        per_ohm=rng.choice([0.0, 100.0]), voltage_least_v=8e-4, leakage_per_s=1e-6, energy_empty_j=4e6, energy_usable_j=12e6, energy_min_j=4e6,
        energy_max_j=16e6,
    )  # fmt: skip
    return [
        p,
        record(
            dtypes.SupercapacitorState, rng, energy_j=rng.choice([0.0, 4e6, 16e6, rng.uniform(4e6, 16e6)])
        ),
    ]


@builder
def supercapacitor_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [*supercapacitor(rng), 1e-3, float(rng.choice([0.0, 1e12, -1e12, rng.uniform(-1e7, 1e7)]))]


def stress(rng: np.random.Generator) -> list[Any]:
    """A counter in the middle of a history: a rainflow stack of shrinking ranges, a leg under way."""
    points = int(rng.choice([1, 2, 3, 9, 63, 64]))
    p = record(dtypes.StressParams, rng, method=rng.integers(0, 2), dead_band_soc=rng.choice([0.0, 1e-3]),
               rest_c_rate=rng.choice([0.0, 0.01]), log_rows=rng.choice([0, 3]))  # fmt: skip
    s = record(dtypes.StressState, rng, soc=0.4, temperature_k=rng.uniform(230.0, 350.0), soh_capacity=rng.choice([1.0, 0.9]), elapsed_s=1e6,
               temperature_min_k=280.0, temperature_max_k=300.0, half_cycles=5, overflows=0, log_used=rng.integers(0, 4),
               direction=rng.integers(-1, 2), leg_s=rng.choice([0.0, 900.0]), leg_ks=9e4, tail_s=rng.choice([0.0, 30.0]),
               stack_points=points)  # fmt: skip
    counter = rng.uniform(0.0, 10.0, ageing.COUNTER_SIZE)
    stack = counter[ageing.STACK_FIRST :].reshape(-1, 3)
    at = np.arange(64)
    stack[:, 0] = 0.5 + 0.5 * (-0.96) ** at
    stack[:, 1] = rng.uniform(1.0, 3600.0, 64)
    stack[:, 2] = 295.0 * stack[:, 1]
    s.turn_soc = stack[points - 1, 0]
    s.extreme_soc = rng.choice([0.4, stack[points, 0]] if points < 64 else [0.4])
    return [p, s, counter, np.full(21, np.nan)]


@builder
def dwell_add(rng: np.random.Generator, n: int) -> list[Any]:
    soc = float(rng.choice([0.0, -0.0, 1.0, -0.1, 1.1, np.nan, rng.uniform(0, 1)]))
    return [stress(rng)[2], soc, float(rng.choice([200.0, 400.0, 298.15, rng.uniform(240, 340)])), 0.1]


@builder
def stress_begin(rng: np.random.Generator, n: int) -> list[Any]:
    return [*stress(rng)[:3], 0.7, 300.0]


@builder
def stress_add(rng: np.random.Generator, n: int) -> list[Any]:
    soc = float(rng.choice([0.4, 0.0, 1.0, 0.4005, 1.2, rng.uniform(0, 1)]))
    return [*stress(rng), soc, float(rng.uniform(230.0, 350.0)), float(rng.choice([0.0, 1e-3, 900.0]))]


@builder
def stress_close(rng: np.random.Generator, n: int) -> list[Any]:
    return stress(rng)


@builder
def stress_run(rng: np.random.Generator, n: int) -> list[Any]:
    begun = stress(rng)
    begun[1].stack_points, begun[1].direction = 1, 0
    soc = np.clip(0.5 + np.cumsum(rng.choice([-1.0, 0.0, 1.0], n) * rng.choice([0.03, 2e-4])), 0.0, 1.0)
    return [n, *begun, soc, rng.uniform(280.0, 310.0, n), rng.choice([0.0, 1.0, 900.0], n)]


def control(rng: np.random.Generator) -> list[Any]:
    p = record(
        dtypes.ControlParams, rng, target=rng.integers(0, 3), period_tick=rng.integers(1, 4), delay_tick=3, average_count=rng.integers(0, 6),
        delay_first=0, average_first=4, soc_target=0.5, soc_deadband=0.01, soc_gain_w=1e6, soc_power_max_w=rng.choice([np.inf, 1e4]),
        ramp_up_w_per_period=rng.choice([np.inf, 1e3]), ramp_down_w_per_period=1e4, slow_limit_w=1e7,
        fast_limit_w=rng.choice([0.0, 5e6]), fast_soc_gain_w=1e6,
    )  # fmt: skip
    s = record(
        dtypes.ControlState, rng, target_w=rng.uniform(0, 1e8), low_w=rng.uniform(-1e6, 1e6), average_sum_w=rng.uniform(0, 1e9),
        average_fill=rng.integers(0, 2), average_head=0,
    )  # fmt: skip
    return [p, s, rng.uniform(0, 1e8, 12)]


@builder
def measured_load(rng: np.random.Generator, n: int) -> list[Any]:
    return [*control(rng), int(rng.integers(0, 100)), float(rng.uniform(0, 1e8))]


@builder
def moving_average(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, ring = control(rng)
    p.average_count = rng.integers(1, 6)
    return [p, s, ring, float(rng.uniform(0, 1e8))]


@builder
def control_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [*control(rng), float(rng.uniform(0, 1e8)), float(rng.uniform(0, 1)), float(rng.uniform(0, 1))]


@builder
def record_tick(rng: np.random.Generator, n: int) -> list[Any]:
    keep = np.sort(rng.choice(n, min(n, 5), replace=False)).astype(np.int64)
    ticks = int(rng.integers(1, 4))
    signal = lanes(rng, n, -1e8, 1e9)
    sums = [
        lanes(rng, n, 0, 1e12),
        lanes(rng, n, -1, 1),
        lanes(rng, n, -1e9, 0),
        lanes(rng, n, 0, 1e9),
        lanes(rng, n, 0, 1e9),
    ]
    return [
        n,
        signal,
        *sums,
        int(rng.integers(0, ticks)),
        ticks,
        len(keep),
        keep,
        poison(len(keep)),
        poison(3, n),
    ]


TICKS = 40


@builder
def workload_run(rng: np.random.Generator, n: int) -> list[Any]:
    s = job_state(rng)
    s.begin_tick, s.begin_fraction, s.length_tick, s.iteration = 0, 0.25, 0.0, -1
    return [TICKS, n, job_params(rng), s, 5, 1000.0, 90.0, np.arange(n), np.zeros(n), poison(TICKS, n)]


@builder
def gpu_run(rng: np.random.Generator, n: int) -> list[Any]:
    _, p, gpus, magic, cap, _, _, *rest = gpu_power(rng, n)
    return [
        TICKS,
        n,
        p,
        gpus,
        magic,
        cap,
        rng.uniform(0, 1200, (TICKS, n)),
        *rest[:3],
        *(poison(TICKS, n) for _ in range(5)),
    ]


@builder
def rack_run(rng: np.random.Generator, n: int) -> list[Any]:
    power = snapped(rng.uniform(2e4, 1e5, (TICKS, n)))
    state = [np.zeros(n), np.full(n, 2340.0), poison(n), poison(n)]
    return [TICKS, n, rack_params(rng), MAGIC, 1e-3, power, *state, *(poison(TICKS, n) for _ in range(6))]


@builder
def cooling_run(rng: np.random.Generator, n: int) -> list[Any]:
    return [TICKS, *cooling_step(rng, n)[:2], rng.uniform(0, 1e8, TICKS), poison(TICKS)]


@builder
def battery_run(rng: np.random.Generator, n: int) -> list[Any]:
    drive, every, b = mode(rng), int(rng.integers(1, 4)), battery(rng, 1 if n < 8 else min(n, 12))
    rows = TICKS // every
    out = [*(poison(rows) for _ in range(10)), np.full(rows, 99)]
    command = asked(rng, drive, (TICKS,))
    stress = stress_add(rng, n)[:4]
    counted = int(rng.integers(0, 2))
    return [
        TICKS,
        every,
        b["p"],
        b["s"],
        b["c"],
        drive,
        b["cell"],
        b["table"],
        counted,
        *stress,
        command,
        *out,
    ]


@builder
def batteries_run(rng: np.random.Generator, n: int) -> list[Any]:
    drive, every, b = mode(rng), int(rng.choice([1, TICKS])), battery(rng, n, 1)
    b["p"].contained = 0
    b["s"].held_tick = -1  # tiles begin anew
    out = [poison(TICKS // every, n) for _ in range(10)]
    command = asked(rng, drive, (TICKS, n))
    return [TICKS, every, n, b["p"], b["s"], b["c"], drive, b["cell"], b["table"], command, *out]


@builder
def supercapacitor_run(rng: np.random.Generator, n: int) -> list[Any]:
    out = [poison(TICKS) for _ in range(6)]
    return [TICKS, *supercapacitor(rng), 1e-3, rng.uniform(-1e8, 1e8, TICKS), *out, np.full(TICKS, 99)]


@builder
def control_run(rng: np.random.Generator, n: int) -> list[Any]:
    p, s, ring = control(rng)
    s.started = 0
    return [
        TICKS,
        p,
        s,
        ring,
        rng.uniform(0, 1e8, TICKS),
        0.4,
        0.6,
        poison(TICKS),
        poison(TICKS),
        poison(TICKS),
    ]
