"""The decorator of all prototypes: compiled by Numba where it is installed, plain Python otherwise.

``NUMBA_DISABLE_JIT=1`` makes every prototype run as plain Python also where Numba is installed.
Strict floating point throughout: no fastmath, no contraction, IEEE division (``error_model="numpy"``),
so that a compiled prototype, the plain one and the C++ kernel give the same bits.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

try:
    import numba
except ImportError:  # the prototypes are readable and run, slowly, without the `numba` extra
    AVAILABLE = False
else:
    AVAILABLE = True
    _settings: Any = numba.config


@functools.cache
def _cache_folder() -> str:
    """Folder for compiled prototypes of exactly these sources; empty where none can be written.

    Numba looks only at the file of a function for changes, not at the files of what it calls. The digest of
    all prototypes in the folder's name keeps a caller from being reused with a callee of another version.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    base = _settings.CACHE_DIR or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "wattkeel", "numba"
    )
    folder = os.path.join(base, digest.hexdigest()[:16])
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return ""
    return folder if os.access(folder, os.W_OK) else ""


def kernel(function: F) -> F:
    """Compile ``function`` with Numba under strict floating point, or return it unchanged."""
    return _compiled(function, "never")


def part(function: F) -> F:
    """The same for a small part of a kernel: Numba puts it into its callers, which saves the call."""
    return _compiled(function, "always")


def _compiled(function: F, inline: Literal["never", "always"]) -> F:
    if not AVAILABLE:
        return function
    folder = _cache_folder()
    before = _settings.CACHE_DIR
    _settings.CACHE_DIR = folder  # read when a function is decorated, so it is set for that moment only
    try:
        compiled: Any = numba.njit(error_model="numpy", cache=bool(folder), nogil=True, inline=inline)(
            function
        )
    finally:
        _settings.CACHE_DIR = before
    return cast(F, compiled)
