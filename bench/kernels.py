"""Single kernels: time per lane-tick or per call, for every instruction set and beside the Numba prototype.

A call from Python costs far more than one lane. So every kernel is called with many lanes, or its ``_run``
form with many ticks, and the time of the same call with none is taken off. Before it is timed, every kernel
runs once on fresh arguments in every implementation; all arguments and results must agree bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sites
from timing import SPIN, Findings, Measure, require, round_robin

LANES = 512  # the arrays of a kernel then fit the first-level cache, as a tile of the engine does
TICKS = 1000
LINE = 64
PAGE = 4096
WARM_TICKS = 1500  # of a site of LANES racks, from which the kernels take parameters and state
CALLS = (
    100  # of a lane kernel in one timed slice; numbers of calls and ticks give slices of some 0.1 to 10 ms
)
POPULATION = 2


@dataclass(frozen=True)
class One:
    """A single record: an array of one for C++, the record itself for a prototype."""

    record: Any


@dataclass(frozen=True)
class Case:
    """A kernel and how to call it; its first argument counts lanes or ticks."""

    kernel: str
    arguments: Callable[[], list[Any]]
    unit: str = "ns/lane-tick"
    calls: int = CALLS
    lanes: int = 1  # beside that count


def _placed(array: np.ndarray, place: int) -> np.ndarray:
    """Copy on whole cache lines, the n-th array of a call n lines into a page.

    Where arrays happen to lie would otherwise decide: a vector may straddle two lines, and a load may wait
    for a store to another page at the same offset.
    """
    raw = np.zeros(array.nbytes + 2 * PAGE, dtype=np.uint8)
    first = -raw.ctypes.data % PAGE + place * LINE % PAGE
    copy = raw[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _copies(*values: Any) -> list[Any]:
    return [
        One(value.record.copy()) if isinstance(value, One)
        else _placed(value, place) if isinstance(value, np.ndarray) and value.dtype.names is None
        else value.copy() if isinstance(value, np.ndarray)
        else value
        for place, value in enumerate(values)
    ]  # fmt: skip


def _warm_plant() -> Any:
    from wattkeel.engine import Engine

    engine = Engine(sites.site(2 * LANES), isa="")
    engine.advance(WARM_TICKS)
    return engine.plant


def lane_cases(plant: Any) -> dict[str, Case]:
    """The kernels that run over lanes, with what they meet inside a site."""
    r = POPULATION
    first = int(plant.rack[r].first_lane)
    rows = [plant.lane[row, first : first + LANES] for row in range(plant.lane.shape[0])]
    offset, power, below, over, average, energy = rows
    rack, gpu = One(plant.rack[r : r + 1]), One(plant.gpu[r : r + 1])
    j = int(plant.rack[r].job_index)
    job, state = One(plant.job[j : j + 1]), One(plant.job_state[j : j + 1])
    magic, tick_s = float(plant.site[0].power_round_w), float(plant.site[0].tick_s)
    rated, idle = float(plant.gpu[r].rated_power_w), float(plant.gpu[r].idle_power_w)
    gpus, cap = float(plant.rack[r].gpus), float(plant.gpu_state[r].cap_w)
    spread = np.linspace(0.0, 1.0, LANES)
    demand = rated * (0.4 + 0.55 * spread)
    gpu_w, load_w = gpus * demand, 21e3 + 1.1 * gpus * demand
    out = [np.zeros(LANES) for _ in range(5)]
    n = LANES
    whole = np.rint(load_w)  # sums of whole numbers are exact
    arguments = {
        "workload_demand": (n, job, state, rated, idle, offset, out[0]),
        "gpu_power": (n, gpu, gpus, magic, cap, 0.0, demand, power, below, over, *out),
        "rack_load": (n, rack, magic, gpu_w, out[0], out[1]),
        "rack_store": (n, rack, magic, tick_s, 0, load_w, average, energy, out[0], out[1], out[2]),
        "rack_psu": (n, rack, magic, load_w, out[0], out[1]),
        "lane_sum": (n, whole),
        "workload_offset": (n, job, state, 7, plant.lane_id[first : first + LANES], offset),
    }
    return {name: Case(name, partial(_copies, *args)) for name, args in arguments.items()}


def storage_cases(plant: Any) -> dict[str, Case]:
    """Capacitors and control over a run of ticks."""
    tick_s = float(plant.site[0].tick_s)
    turn = np.where(np.arange(TICKS) % 100 < 50, 1.0, -1.0)
    out = [np.zeros(TICKS) for _ in range(6)]
    flags = np.zeros(TICKS, dtype=np.int64)
    pool, charge = One(plant.supercapacitor[1:2]), One(plant.supercapacitor_state[1:2])
    limit_w = float(plant.converter[0].limit_w)
    command = 0.5 * limit_w * turn
    load_w = limit_w * (1.0 + 0.3 * turn)
    control, held = One(plant.control[0:1]), One(plant.control_state[0:1])
    arguments = {
        "supercapacitor_step": ("supercapacitor_run", (pool, charge, tick_s, 0.2 * command, *out, flags)),
        "control_step": ("control_run", (control, held, plant.ring, load_w, 0.5, 0.5, *out[:3])),
    }
    return {name: _run_case(kernel, args) for name, (kernel, args) in arguments.items()}


def _not_counted() -> tuple[Any, ...]:
    """Arguments of ``battery_run`` that count no stress."""
    from wattkeel import battery_stage

    none = battery_stage.uncounted()
    return none.counted, One(none.params), One(none.state), none.counter, none.log


def battery_cases() -> dict[str, Case]:
    """One battery with all its tables, also at its lower limit and with strings that differ; and many."""
    from wattkeel import battery_stage, parameters
    from wattkeel.prototype.battery import POWER

    cell = parameters.preset("battery", "lfp-sony-26650", strings=1.0)
    spread = parameters.preset("battery", "lfp-sony-26650", strings=1.0, string_share=[0.25] * 4)
    turn_w = np.where(np.arange(TICKS) % 100 < 50, 5.0, -5.0)
    found = {}
    for name, params, soc, command in (
        ("battery", cell, 0.5, turn_w),
        ("battery, empty", cell, cell.soc_min, np.abs(turn_w)),
        ("battery, 4 groups of strings", spread, 0.5, turn_w),
    ):
        unit = battery_stage.prepare(params.model_copy(update={"soc_initial": soc}), None, 1e-3)
        out = [np.zeros(TICKS) for _ in range(10)]
        records = [One(record) for record in unit[:3]]
        met = np.zeros(TICKS, dtype=np.int64)
        tables = (unit.cell, unit.table)
        arguments = (1, *records, POWER, *tables, *_not_counted(), command, *out, met)
        found[name] = _run_case("battery_run", arguments)
    unit = battery_stage.prepare(cell, None, 1e-3, LANES)
    command = np.outer(turn_w, np.linspace(0.1, 1.0, LANES))
    out = [np.zeros((1, LANES)) for _ in range(10)]
    records = [One(record) for record in unit[:3]]
    arguments = (TICKS, LANES, *records, POWER, unit.cell, unit.table, command, *out)
    many = partial(_copies, TICKS, *arguments)
    found[f"battery, {LANES} side by side"] = Case("batteries_run", many, calls=1, lanes=LANES)
    return found


def grid_cases(plant: Any) -> dict[str, Case]:
    """The way to the grid with every frequency model, and grid support with all it has."""
    from wattkeel import lowering, support
    from wattkeel._generated import dtypes
    from wattkeel.parameters import Converter, Grid, Support
    from wattkeel.plant import records

    tick_s = float(plant.site[0].tick_s)
    bus_w = float(plant.grid[0].base_va) * np.linspace(0.2, 0.9, TICKS)
    switching = (
        plant.tap_changer, plant.tap_changer_state, plant.capacitor_bank, plant.capacitor_bank_state,
    )  # fmt: skip
    found = {}
    for model in ("fixed", "swing", "sfr", "reheat", "two_area"):
        params = Grid(frequency_model=model)
        record = records(dtypes.GridParams, 1)
        lowering.lower_grid(record[0], params, float(plant.grid[0].base_va), float(bus_w.mean()), tick_s)
        out = [np.zeros(TICKS) for _ in range(14)] + [np.zeros(TICKS, dtype=np.int64) for _ in range(2)]
        args = (
            One(record), One(plant.grid_state[0:1]), *(One(array[0:1]) for array in switching),
            plant.grid_event[:0], plant.shedding[:0], plant.shedding_state[:0],
            np.zeros(int(record[0].window_tick)), tick_s, bus_w, 0.2 * bus_w, *out,
        )  # fmt: skip
        found[f"grid, {model}"] = _run_case("grid_run", args)
    unit = records(dtypes.SupportParams, 1)
    helps = Support(
        frequency_gain=20.0, inertia_s=4.0, voltage_gain=5.0, response_power=0.5, response_threshold_hz=59.5
    )
    support.lower_support(unit[0], helps, Converter(rated_power_w=1e8), 60.0, tick_s)
    hertz = 60.0 + 0.1 * np.sin(np.arange(TICKS) / 50.0)
    flags = np.zeros(TICKS, dtype=np.int64)
    args = (
        One(unit), One(records(dtypes.SupportState, 1)), hertz, np.zeros(TICKS), np.ones(TICKS),
        np.zeros(TICKS), np.zeros(TICKS), flags,
    )  # fmt: skip
    return found | {"grid support": _run_case("support_run", args)}


def distribution_cases() -> dict[str, Case]:
    """One node: its loss alone, with each form of dynamics, and with ride-through."""
    from wattkeel import facility_lowering, parameters
    from wattkeel._generated import dtypes
    from wattkeel.plant import records
    from wattkeel.prototype.layout import RIDE_SIGNALS

    load_w = 1e6 * (1.0 + 0.5 * np.sin(np.arange(TICKS) / 50.0)).reshape(TICKS, 1)
    found = {}
    for name, values in (
        ("node", {}),
        ("node, chain of 21 states", {"dynamics": "chain"}),
        ("node, chain of 5 states", {"dynamics": "chain_reduced"}),
        ("node, second order", {"dynamics": "chain_second_order"}),
        ("node, ride-through", {"ride_through": "perc1"}),
    ):
        node = parameters.Distribution(rated_power_w=2e6, loss_b=0.02, **values)
        tree = facility_lowering.lower_tree({"node": node}, 0.2, 1e-3)
        rides, chains = len(tree.ride), len(tree.chain)
        arguments = (
            1, tree.node, records(dtypes.NodeState, 1), tree.ride, records(dtypes.RideState, rides),
            tree.chain, records(dtypes.ChainState, chains), np.ones(TICKS), np.zeros(TICKS), load_w,
            np.zeros((TICKS, 1)), np.zeros((TICKS, 1)), np.zeros(TICKS), np.zeros((TICKS, 1), dtype=np.int64),
            np.zeros((TICKS, chains)), np.zeros((TICKS, rides * RIDE_SIGNALS)),
            np.zeros((TICKS, rides), dtype=np.int64),
        )  # fmt: skip
        found[name] = _run_case("distribution_run", arguments)
    return found


def _run_case(kernel: str, args: tuple[Any, ...]) -> Case:
    return Case(kernel, partial(_copies, TICKS, *args), unit="ns/call", calls=3)


def record_case() -> Case:
    """Recording of one tick; the time is per signal."""
    n = LANES
    signal = np.linspace(-1.0, 1.0, n)
    buffers = [np.zeros(n) for _ in range(5)]
    keep = np.arange(3)
    args = (n, signal, *buffers, 5, 10_000, 3, keep, np.zeros(3), np.zeros((3, n)))
    return Case("record_tick", partial(_copies, *args), unit="ns/signal-tick")


def all_cases() -> dict[str, Case]:
    """Every kernel that is timed, by the name that is shown."""
    plant = _warm_plant()
    cases = lane_cases(plant) | storage_cases(plant) | battery_cases() | grid_cases(plant)
    cases |= distribution_cases()
    return cases | {"record_tick": record_case()}


def implementations(isas: list[str], kernels: set[str]) -> dict[str, dict[str, Callable[..., Any]]]:
    """Kernels by implementation: each instruction set, and Numba where it is installed."""
    from wattkeel import _core
    from wattkeel.prototype import _jit, gpu, numeric, rack, record, runs, workload

    found = {isa: _core.kernels(isa) for isa in isas}
    if _jit.AVAILABLE:
        modules = (gpu, numeric, rack, record, workload, runs)
        prototypes = {
            name: getattr(module, name) for module in modules for name in kernels if hasattr(module, name)
        }
        found["numba"] = prototypes
    return found


def _passed(arguments: list[Any], prototype: bool) -> list[Any]:
    return [
        (value.record[0] if prototype else value.record) if isinstance(value, One) else value
        for value in arguments
    ]  # fmt: skip


def _answer(function: Callable[..., Any], case: Case, prototype: bool) -> bytes:
    """All bits that a call leaves: its result and its arguments."""
    arguments = case.arguments()
    result = np.asarray(function(*_passed(arguments, prototype)), dtype=object)
    numbers = [] if result.item(0) is None else [float(x) for x in result.ravel()]
    arrays = [a.record if isinstance(a, One) else a for a in arguments]
    left = [a.tobytes() for a in arrays if isinstance(a, np.ndarray)]
    return np.array(numbers).tobytes() + b"".join(left)


def _repeat(function: Callable[..., Any], arguments: list[Any], calls: int) -> None:
    for _ in range(calls):
        function(*arguments)


def measure_case(name: str, case: Case, implemented: dict[str, Any], budget_s: float) -> Findings:
    """Check and time one kernel in all implementations."""
    timed: dict[str, Callable[[], None]] = {}
    answers: dict[str, bytes] = {}
    for who, functions in implemented.items():
        function, prototype = functions[case.kernel], who == "numba"
        answers[who] = _answer(function, case, prototype)
        full = _passed(case.arguments(), prototype)
        timed[who] = partial(_repeat, function, full, case.calls)
        timed[f"{who}, empty"] = partial(_repeat, function, [0, *full[1:]], case.calls)
    reference = next(iter(answers))
    for who, answer in answers.items():
        require(answer == answers[reference], f"{name}: {who} differs from {reference}")
    best = round_robin(timed, budget_s=budget_s, least=5, most=1000)
    found = Findings()
    for who in implemented:
        per_call_s = (best[who] - best[f"{who}, empty"]) / case.calls
        ns = max(0.0, per_call_s) / (case.arguments()[0] * case.lanes) * 1e9
        found.measures[f"kernel/{name}/{who}"] = Measure(ns, case.unit, spin_s=best[SPIN])
    return found


def measure(isas: list[str], quick: bool) -> Findings:
    """All kernels; ``isas`` ascend."""
    found = Findings()
    cases = all_cases()
    implemented = implementations(isas, {case.kernel for case in cases.values()})
    for name, case in cases.items():
        found.add(measure_case(name, case, implemented, budget_s=0.3 if quick else 2.0))
    found.checks.append(f"kernels: {len(cases)} cases equal in all bits in {', '.join(implemented)}")
    return found
