"""Measure wattkeel: `python bench/run.py [--quick] [--json FILE]`; see bench/README.md."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Before Numba is imported: compiled prototypes are kept between runs.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / "build" / "numba"))

import ageing  # noqa: E402
import batteries  # noqa: E402
import engine  # noqa: E402
import flicker  # noqa: E402
import grid  # noqa: E402
import kernels  # noqa: E402
import memory  # noqa: E402
import meters  # noqa: E402
import peers  # noqa: E402
import prototype  # noqa: E402
import report  # noqa: E402
import timing  # noqa: E402

MODULES = {
    "kernels": kernels,
    "batteries": batteries,
    "ageing": ageing,
    "flicker": flicker,
    "meters": meters,
    "grid": grid,
    "engine": engine,
    "prototype": prototype,
    "memory": memory,
    "peers": peers,
}
SCHEMA = 1


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure wattkeel. Every benchmark checks its answer.")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(MODULES),
        default=list(MODULES),
        help="what to measure; default: all",
    )
    return parser.parse_args(argv)


def measure(names: list[str], quick: bool) -> dict:
    """Run the modules and draw up the report."""
    where = timing.environment()
    isas = list(where["build"]["instruction_sets_available"])
    found = timing.Findings()
    for name in names:
        start = time.perf_counter()
        found.add(MODULES[name].measure(isas, quick))
        print(f"{name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
    where["load_average_after"] = timing.load_average()
    out = {"schema": SCHEMA, "quick": quick, "best_isa": isas[-1], "environment": where, **found.to_dict()}
    out["targets"] = report.judge(out["measures"], isas[-1])
    return out


def main(argv: list[str] | None = None) -> int:
    """Measure, print, write; 1 when an answer is wrong, 0 otherwise, also when a target is missed."""
    arguments = _arguments(argv)
    try:
        out = measure(arguments.only, arguments.quick)
    except timing.WrongAnswer as wrong:
        print(f"WRONG ANSWER: {wrong}", file=sys.stderr)
        return 1
    print("\n".join(report.lines(out)))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(out, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
