"""``wattkeel report``: build the HTML report of a run directory anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from wattkeel.cli.common import Verbs, screening


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("report", help="build the report of a run anew", description=__doc__)
    parser.add_argument("directory", metavar="DIR", help="run directory")
    parser.add_argument(
        "--out", metavar="FILE", help="file to write; report.html in the run directory by default"
    )
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Write the report and print its path."""
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.report import write_report
    from wattkeel.result import open_result
    from wattkeel.rundir import REPORT

    result = open_result(arguments.directory)
    target = Path(arguments.directory) / REPORT if arguments.out is None else Path(arguments.out)
    if target.is_dir():
        raise ScenarioError(
            [Fault("--out", str(target), "is a folder, not a file", f"name a file: {target / REPORT}")]
        )
    if not target.parent.is_dir():
        message = f"there is no folder {target.parent}"
        raise ScenarioError([Fault("--out", str(target), message, "make it first, or name another file")])
    print(write_report(result, target, screening(result)))
    return 0
