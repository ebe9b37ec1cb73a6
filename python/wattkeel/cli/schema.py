"""``wattkeel schema``: the JSON schema of scenarios, or of compliance profiles, for editors and programs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wattkeel.cli.common import Verbs


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "schema", help="print the JSON schema of scenarios or profiles", description=__doc__
    )
    parser.add_argument(
        "--profile", action="store_true", help="that of compliance profiles, not of scenarios"
    )
    parser.add_argument("--out", metavar="FILE", help="write to a file instead of stdout")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Print or write the schema."""
    from wattkeel.jsonio import write_text
    from wattkeel.profile_files import SCHEMA

    scenario = Path(__file__).resolve().parents[1] / "_generated" / "schema.json"
    text = (SCHEMA if arguments.profile else scenario).read_text(encoding="utf-8")
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        write_text(Path(arguments.out), text)
    return 0
