"""stdout and stderr that take any text: also closed ones, and those that know only ASCII."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys

# What the program prints beyond ASCII, as it reads without.
_ASCII = {
    "µ": "u", "·": "*", "×": "x", "°": " deg", "Ω": "ohm", "²": "2",
    "–": "-", "—": "-", "−": "-", "…": "...",
    "≤": "<=", "≥": ">=", "≈": "~", "→": "->", "∞": "inf",
    "“": '"', "”": '"', "‘": "'", "’": "'",
}  # fmt: skip
_HANDLER = "wattkeel.ascii"


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Spell the characters that an encoding does not know; what has no spelling becomes ``?``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_ASCII.get(letter, "?") for letter in lost), error.end


def prepare() -> None:
    """Make both streams take any text.

    A stream that was closed before the program began becomes a sink; otherwise the first file that is opened
    would take its number. A character that the encoding of a stream does not know is spelled.
    """
    codecs.register_error(_HANDLER, _spell)
    for name in ("stdin", "stdout", "stderr"):  # the order of their numbers
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            sink = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115  # for as long as the process lives
            setattr(sys, name, sink)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _knows_all(stream.encoding):
            stream.reconfigure(errors=_HANDLER)


def _knows_all(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("_", "-").startswith(("utf", "u8"))


def knows(text: str) -> bool:
    """Return whether stdout can take a text letter by letter."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def drop_stdout() -> None:
    """Send what is left for stdout nowhere, so that the interpreter does not fail on it at exit."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
