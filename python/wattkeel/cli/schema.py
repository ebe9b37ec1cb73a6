"""``wattkeel schema``: the JSON schema of a scenario, for editors and programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattkeel.cli.common import Verbs


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("schema", help="print the JSON schema of a scenario", description=__doc__)
    parser.add_argument("--out", metavar="FILE", help="write to a file instead of stdout")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Print or write the schema."""
    from wattkeel.jsonio import write_text

    text = (Path(__file__).resolve().parents[1] / "_generated" / "schema.json").read_text(encoding="utf-8")
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_text(Path(arguments.out), text)
    return 0
