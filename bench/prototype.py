"""The whole engine three ways side by side: C++, prototypes under Numba, prototypes as plain Python.

Plain Python runs in a child process with NUMBA_DISABLE_JIT=1 and takes few ticks. All three must reach the
same state, bit by bit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import sites
from timing import SPIN, Findings, Measure, require, round_robin, seconds

SLICE_TICKS = {8: 2000, 10_000: 40}
PLAIN_TICKS = {8: 24, 1_000: 2}
QUICK_PLAIN_TICKS = {8: 24}


def plain(racks: int, ticks: int) -> None:
    """What the child does: step, and print time per tick and state."""
    from wattkeel.engine import Engine

    engine = Engine(sites.site(racks), engine="numba")
    # The first half meets what later ticks do not: the jobs' first draws.
    engine.advance(ticks // 2)
    rest = ticks - ticks // 2
    tick_s = seconds(partial(engine.advance, rest)) / rest
    print(json.dumps({"tick_s": tick_s, "digest": sites.state_digest(engine)}))


def _plain_in_child(racks: int, ticks: int) -> dict:
    command = [sys.executable, str(Path(__file__).resolve()), str(racks), str(ticks)]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"plain Python, {racks} racks: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def _compiled(racks: int, ticks: int, isa: str, budget_s: float) -> Findings:
    from wattkeel.engine import Engine

    scenario = sites.site(racks)
    engines = {
        "native": Engine(scenario, isa=isa, threads=1),
        "numba": Engine(scenario, engine="numba"),
    }
    best = round_robin(
        {name: partial(engine.advance, ticks) for name, engine in engines.items()}, budget_s=budget_s
    )
    digests = {sites.state_digest(engine) for engine in engines.values()}
    require(len(digests) == 1, f"{racks} racks: native and Numba differ")
    found = Findings()
    done = engines["native"].tick
    found.checks.append(f"prototype, {racks} racks: native {isa} and Numba equal after {done} ticks")
    for name in engines:
        rack_tick_ns = best[name] / ticks / racks * 1e9
        found.measures[f"prototype/{racks}/{name}/rack_tick"] = Measure(rack_tick_ns, "ns", spin_s=best[SPIN])
    ratio = best["numba"] / best["native"]
    found.measures[f"prototype/{racks}/numba_over_native"] = Measure(ratio, "x", "higher")
    return found


def _interpreted(racks: int, ticks: int, isa: str) -> Findings:
    from wattkeel.engine import Engine

    child = _plain_in_child(racks, ticks)
    engine = Engine(sites.site(racks), isa=isa, threads=1)
    engine.advance(ticks)
    require(sites.state_digest(engine) == child["digest"], f"{racks} racks: native and plain Python differ")
    # Timed after the check, in slices long enough for the clock.
    best = round_robin({"native": partial(engine.advance, 500)}, budget_s=0.2)
    ratio = child["tick_s"] / (best["native"] / 500)
    found = Findings()
    found.checks.append(f"prototype, {racks} racks: native {isa} and plain Python equal after {ticks} ticks")
    rack_tick_ns = child["tick_s"] / racks * 1e9
    found.measures[f"prototype/{racks}/plain/rack_tick"] = Measure(rack_tick_ns, "ns", spin_s=best[SPIN])
    found.measures[f"prototype/{racks}/plain_over_native"] = Measure(ratio, "x", "higher")
    return found


def measure(isas: list[str], quick: bool) -> Findings:
    """All sizes, with the best instruction set."""
    from wattkeel.prototype import _jit

    found = Findings()
    if _jit.AVAILABLE:
        for racks, ticks in SLICE_TICKS.items():
            found.add(_compiled(racks, ticks, isas[-1], budget_s=1.0 if quick else 5.0))
    for racks, ticks in (QUICK_PLAIN_TICKS if quick else PLAIN_TICKS).items():
        found.add(_interpreted(racks, ticks, isas[-1]))
    return found


if __name__ == "__main__":
    plain(int(sys.argv[1]), int(sys.argv[2]))
