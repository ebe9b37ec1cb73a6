"""``wattkeel run``: run a scenario, judge it, write its run directory and report."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattkeel.cli.common import Verbs, add_json, add_scenario, print_json, screening
from wattkeel.cli.findings import FAIL_ON, FAIL_ON_HELP, falls_short

if TYPE_CHECKING:
    from wattkeel.result import Result

INTERRUPTED = 128
OWN_FAULT = 3


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("run", help="run a scenario", description=__doc__)
    add_scenario(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="run directory; runs/<name of FILE> by default; an older run in it is replaced",
    )
    parser.add_argument("--engine", choices=("native", "numba"), help="engine; both give the same bits")
    parser.add_argument("--threads", type=int, metavar="N", help="threads; never changes a result")
    parser.add_argument(
        "--isa", metavar="NAME", help="instruction set (see `wattkeel info`); never changes a result"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random numbers")
    parser.add_argument("--duration", metavar="S", help='length of the run: seconds, or "2 h"')
    parser.add_argument(
        "--fail-on",
        choices=FAIL_ON,
        default="fail",
        help=FAIL_ON_HELP,
    )
    parser.add_argument("--no-report", action="store_true", help="do not write report.html")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Run and print the outcome."""
    from wattkeel.report import write_report
    from wattkeel.rundir import REPORT
    from wattkeel.scenario import load
    from wattkeel.simulation import Interrupted, LedgerError, simulate

    scenario = load(arguments.file, _overrides(arguments))
    for warning in scenario.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    fault = ""
    out_dir = Path(arguments.out or Path("runs") / Path(arguments.file).stem)
    try:
        result = simulate(
            scenario,
            engine=arguments.engine,
            threads=arguments.threads,
            isa=arguments.isa,
            out_dir=out_dir,
            progress=False if arguments.quiet else None,
        )
    except Interrupted as stop:
        print(
            f"wattkeel: {stop}; {out_dir} is readable, `wattkeel report {out_dir}` shows it", file=sys.stderr
        )
        if arguments.json:
            print_json(_as_dict(stop.result, None))
        return INTERRUPTED + (stop.signal_number or signal.SIGINT)
    except LedgerError as error:
        result, fault = error.result, str(error)
    report = None if arguments.no_report else write_report(result, out_dir / REPORT, screening(result))
    if arguments.json:
        print_json(_as_dict(result, report) | ({"error": fault} if fault else {}))
    else:
        from wattkeel.cli.outcome import outcome

        print(outcome(result, report))
    if fault:
        text = "This is a fault of wattkeel, not of your input: please report it, with the scenario"
        print(f"wattkeel: {fault}\n{text}. {out_dir} is kept.", file=sys.stderr)
        return OWN_FAULT
    return int(falls_short(result.verdict, result.findings, arguments.fail_on))


def _overrides(arguments: argparse.Namespace) -> list[str]:
    """Return the overrides, those with options of their own last."""
    overrides = list(arguments.overrides)
    if arguments.seed is not None:
        overrides.append(f"simulation.seed={arguments.seed}")
    if arguments.duration is not None:
        try:
            overrides.append(f"simulation.duration_s={float(arguments.duration)!r}")
        except ValueError:
            overrides.append(f"simulation.duration={arguments.duration}")
    return overrides


def _as_dict(result: Result, report: Path | None) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "complete": result.complete,
        "run_dir": result.directory,
        "report": report,
        "summary": result.summary,
        "ledger": result.ledger,
        "events": result.event_counts,
        "findings": result.findings,
    }
