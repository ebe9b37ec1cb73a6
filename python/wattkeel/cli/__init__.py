"""The command line: ``wattkeel VERB ...``.

Results go to stdout, progress and faults to stderr. Exit status: 0 done; 1 a limit is violated
(``--fail-on``); 2 bad input or a place that cannot be written; 3 a fault of wattkeel itself; 130
interrupted (143 by SIGTERM). Everything heavy is imported by the verb that needs it, so that ``--version``
and ``--help`` are immediate.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

from wattkeel._version import __version__

BAD_INPUT = 2
OWN_FAULT = 3
INTERRUPTED = 130
BROKEN_PIPE = 141

_EPILOG = """\
exit status: 0 done, 1 a limit is violated (run --fail-on), 2 bad input, 3 a fault of wattkeel,
130 interrupted.
First steps: wattkeel init && wattkeel check quickstart.toml && wattkeel run quickstart.toml
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs; each sets ``act``, the function that does it."""
    from wattkeel.cli import check, info, init, presets, report, run, schema

    parser = argparse.ArgumentParser(
        prog="wattkeel",
        description="Step the power balance of an AI data centre, from GPU to grid, by the millisecond.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"wattkeel {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in (init, check, run, report, presets, schema, info):
        verb.add_parser(verbs)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process when None.

    Returns
    -------
    int
        Exit status. A usage fault ends in `SystemExit` with status 2, as argparse does.
    """
    arguments = build_parser().parse_args(argv)
    try:
        status: int = arguments.act(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("wattkeel: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _explain(error)
    return status


def _drop_stdout() -> None:
    """Send what is left for stdout nowhere, so that the interpreter does not fail on it at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _explain(error: Exception) -> int:
    """Say on stderr what went wrong and return the exit status."""
    from wattkeel.errors import MissingExtra, ScenarioError

    if os.environ.get("WATTKEEL_DEBUG") == "1":
        traceback.print_exception(error)
    if isinstance(error, (ScenarioError, MissingExtra, LookupError)) and not isinstance(
        error, (KeyError, IndexError)
    ):
        print(f"wattkeel: {error}", file=sys.stderr)
        return BAD_INPUT
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        print(f"wattkeel: {place}{error.strerror or error}", file=sys.stderr)
        return BAD_INPUT
    if isinstance(error, MemoryError):
        text = "memory is used up; give --out, keep fewer signals at full rate, or simulate fewer racks"
        print(f"wattkeel: {text}", file=sys.stderr)
        return BAD_INPUT
    print(f"wattkeel: {type(error).__name__}: {error}", file=sys.stderr)
    print(
        "This is a fault of wattkeel, not of your input: please report it, with the scenario. "
        "WATTKEEL_DEBUG=1 shows where it arose.",
        file=sys.stderr,
    )
    return OWN_FAULT
