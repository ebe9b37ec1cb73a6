"""What several verbs share: arguments, tables, colour, JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattkeel.resonance import Study
    from wattkeel.result import Result

# "Action" of argparse's subparsers, whose type is private.
Verbs = Any

_COLOURS = {"fail": "31", "marginal": "33", "pass": "32", "emt_required": "2", "not_evaluated": "2"}


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Add the scenario file and ``--set``."""
    parser.add_argument("file", metavar="FILE", help="scenario (TOML)")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help='override a value, e.g. --set "storage.bess.energy=20 MWh"; may be repeated; '
        "relative paths refer to the current folder",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; a letter that the encoding does not know as an escape."""
    import json

    from wattkeel.cli.streams import knows
    from wattkeel.jsonio import dumps

    text = dumps(value)
    print(text if knows(text) else json.dumps(json.loads(text), indent=2))


def verdict_text(verdict: str) -> str:
    """Return a verdict for people, coloured on a terminal unless NO_COLOR is set."""
    from wattkeel.progress import use_colour

    text = verdict.replace("_", " ")
    return f"\033[{_COLOURS[verdict]}m{text}\033[0m" if use_colour(sys.stdout) else text


def table(rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), indent: str = "  ") -> list[str]:
    """Return rows as aligned lines.

    Parameters
    ----------
    rows : iterable of sequence of str
        Cells; all rows of one length.
    right : sequence of int
        Columns aligned to the right.
    indent : str
        Before each line.
    """
    cells = [list(row) for row in rows]
    if not cells:
        return []
    widths = [max(_width(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = []
    for row in cells:
        parts = [
            _pad(text, width, column in right)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(parts)).rstrip())
    return lines


def _width(text: str) -> int:
    """Return the length of a text on the screen, without colour codes."""
    return len(text) - (9 if text.startswith("\033[3") else 8 if text.startswith("\033[2") else 0)


def _pad(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def screening(result: Result) -> Study | None:
    """Return the screening of a run for resonances; None where it kept too little for one."""
    from wattkeel.errors import ScenarioError
    from wattkeel.resonance import screen

    try:
        return screen(result)
    except ScenarioError:
        return None


def counts_text(counts: Mapping[str, int]) -> str:
    """Return ``3 storage_limited, 1 grid_event``, or ``none``."""
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"
