"""The native engine: time per rack-tick and times real time, by size, instruction set and threads.

Every stage is at work and recording is on. All engines of a size step the same ticks, so at the end their
states must agree bit by bit, and their ledgers must close.
"""

from __future__ import annotations

from functools import partial

import sites
from timing import SPIN, Findings, Measure, require, round_robin

# Racks -> ticks of one timed slice: long enough to hold a new iteration of the jobs, where lanes draw anew.
SLICE_TICKS = {8: 16384, 1_000: 2400, 10_000: 1200, 100_000: 150}
QUICK_SLICE_TICKS = {8: 8192, 10_000: 600}
# A thread pays from some tiles of 256 lanes upwards.
LEAST_RACKS_FOR_THREADS = 1_000
RESIDUAL_MAX = 1e-12


def _step(engine, ticks: int) -> None:
    # Through advance(), chunk by chunk, as a recorder does.
    while ticks > 0:
        part = min(ticks, engine.chunk_ticks)
        engine.advance(part)
        ticks -= part


def _engines(racks: int, isas: list[str]) -> dict[str, object]:
    """An engine for each instruction set, and one with two threads on the best."""
    from wattkeel.engine import Engine

    scenario = sites.site(racks)
    engines = {f"{isa}/1": Engine(scenario, isa=isa, threads=1) for isa in isas}
    if racks >= LEAST_RACKS_FOR_THREADS:
        engines[f"{isas[-1]}/2"] = Engine(scenario, isa=isas[-1], threads=2)
    return engines


def _check(racks: int, engines: dict[str, object]) -> str:
    reference, *others = engines
    digests = {name: sites.state_digest(engine) for name, engine in engines.items()}
    for name in others:
        require(digests[name] == digests[reference], f"{racks} racks: {name} differs from {reference}")
    residual = abs(sites.ledger_residual(engines[reference]))
    require(residual < RESIDUAL_MAX, f"{racks} racks: the ledger lacks {residual:g} of the energy passed")
    ticks = engines[reference].tick
    return (
        f"engine, {racks} racks: {len(engines)} engines equal in all bits after {ticks} ticks; ledger closes"
    )


def measure_size(racks: int, ticks: int, isas: list[str], budget_s: float) -> Findings:
    """Time all engines of one size, s per slice, and check them against each other."""
    found = Findings()
    engines = _engines(racks, isas)
    cases = {name: partial(_step, engine, ticks) for name, engine in engines.items()}
    best = round_robin(cases, budget_s=budget_s)
    found.checks.append(_check(racks, engines))
    for name in engines:
        tick_s = best[name] / ticks
        key = f"engine/{racks}/{name}"
        found.measures[f"{key}/rack_tick"] = Measure(tick_s / racks * 1e9, "ns", spin_s=best[SPIN])
        found.measures[f"{key}/rate"] = Measure(1.0 / tick_s, "ticks/s", "higher", best[SPIN])
        found.measures[f"{key}/real_time"] = Measure(sites.TICK_S / tick_s, "x", "higher", best[SPIN])
    return found


def measure(isas: list[str], quick: bool) -> Findings:
    """All sizes; ``isas`` ascend."""
    found = Findings()
    for racks, ticks in (QUICK_SLICE_TICKS if quick else SLICE_TICKS).items():
        found.add(measure_size(racks, ticks, isas, budget_s=3.0 if quick else 15.0))
    return found
