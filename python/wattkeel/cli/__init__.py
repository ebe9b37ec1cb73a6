"""The command line: ``wattkeel VERB ...``.

Results go to stdout, progress and faults to stderr. Exit status: 0 done; 1 a limit is violated
(``--fail-on``); 2 bad input or a place that cannot be written; 3 a fault of wattkeel itself; 130
interrupted (143 by SIGTERM). Everything heavy is imported by the verb that needs it, so that ``--version``
and ``--help`` are immediate.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from wattkeel._version import __version__
from wattkeel.cli.streams import drop_stdout, prepare

BAD_INPUT = 2
OWN_FAULT = 3
INTERRUPTED = 130
BROKEN_PIPE = 141

_EPILOG = """\
exit status: 0 done, 1 a limit is violated (--fail-on), 2 bad input, 3 a fault of wattkeel,
130 interrupted.
First steps: wattkeel init && wattkeel check quickstart.toml && wattkeel run quickstart.toml
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs; each sets ``act``, the function that does it."""
    from wattkeel.cli import (
        capability,
        check,
        comply,
        export,
        flicker,
        import_record,
        info,
        init,
        presets,
        qualify,
        report,
        resonance,
        run,
        schema,
    )

    parser = argparse.ArgumentParser(
        prog="wattkeel",
        description="Step the power balance of an AI data centre, from GPU to grid, by the millisecond.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"wattkeel {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in (
        init,
        import_record,
        check,
        run,
        comply,
        qualify,
        report,
        export,
        flicker,
        resonance,
        capability,
        presets,
        schema,
        info,
    ):
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
    prepare()
    arguments = build_parser().parse_args(argv)
    as_json = bool(getattr(arguments, "json", False))
    try:
        status: int = arguments.act(arguments)
        return _flushed(status)
    except BrokenPipeError:
        drop_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("wattkeel: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _explain(error, as_json)


def _flushed(status: int) -> int:
    """Bring down what was printed; a stdout that does not take it (a full disk) is bad input."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_stdout()
        print(f"wattkeel: stdout: {error.strerror or error}", file=sys.stderr)
        return BAD_INPUT
    return status


def _explain(error: Exception, as_json: bool) -> int:
    """Say what went wrong, on stderr and for ``--json`` on stdout too, and return the exit status."""
    if os.environ.get("WATTKEEL_DEBUG") == "1":
        traceback.print_exception(error)
    text, status = _judged(error)
    print(f"wattkeel: {text}", file=sys.stderr)
    try:
        if as_json:
            from wattkeel.cli.common import print_json

            print_json({"error": text, "faults": getattr(error, "faults", ())})
        sys.stdout.flush()
    except OSError:  # stdout itself is at fault, or is too by now; stderr has said what there is to say
        drop_stdout()
    return status


def _judged(error: Exception) -> tuple[str, int]:
    """Return what there is to say of a fault, and the exit status that it means."""
    from wattkeel.errors import MissingExtra, ScenarioError

    if isinstance(error, (ScenarioError, MissingExtra, LookupError)) and not isinstance(
        error, (KeyError, IndexError)
    ):
        return str(error), BAD_INPUT
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}", BAD_INPUT
    if isinstance(error, MemoryError):
        text = "memory is used up; give --out, keep fewer signals at full rate, or simulate fewer racks"
        return text, BAD_INPUT
    text = (
        f"{type(error).__name__}: {error}\n"
        "This is a fault of wattkeel, not of your input: please report it, with the scenario. "
        "WATTKEEL_DEBUG=1 shows where it arose."
    )
    return text, OWN_FAULT
