"""The peer's half of a comparison: answers requests, one JSON line each; only the standard library.

`python child.py '{"case": ...}'` answers once. Without an argument it answers what it reads, line by line, so
that the parent can take turns with it without starting it anew.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

Request = Mapping[str, Any]


def tiled(pattern: list[float], ticks: int) -> list[float]:
    """One period, repeated for as many ticks."""
    return (pattern * (ticks // len(pattern) + 1))[:ticks]


def serve(package: str, cases: Mapping[str, Callable[[Request], dict[str, Any]]]) -> None:
    """Answer what the command line or standard input asks."""
    # What a peer prints belongs to the log, not among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    about = {"peer": package, "version": metadata.version(package), "python": platform.python_version()}
    for line in sys.argv[1:2] or sys.stdin:
        request = json.loads(line)
        if request["case"] == "hello":
            answer: dict[str, Any] = {}
        else:
            answer = cases[request["case"]](request)
        print(json.dumps({**about, "case": request["case"], **answer}), file=answers, flush=True)
