"""The decorator of all prototypes: compiled by Numba where it is installed, plain Python otherwise.

``NUMBA_DISABLE_JIT=1`` makes every prototype run as plain Python also where Numba is installed.
Strict floating point throughout: no fastmath, no contraction, IEEE division (``error_model="numpy"``),
so that a compiled prototype, the plain one and the C++ kernel give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

try:
    import numba
except ImportError:  # the prototypes are readable and run, slowly, without the `numba` extra
    AVAILABLE = False
else:
    AVAILABLE = True


def kernel(function: F) -> F:
    """Compile ``function`` with Numba under strict floating point, or return it unchanged."""
    if not AVAILABLE:
        return function
    compiled: Any = numba.njit(error_model="numpy", cache=True, nogil=True)(function)
    return cast(F, compiled)
