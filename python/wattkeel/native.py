"""The compiled core, with a check that it was built from the same parameter tables as the Python side."""

from __future__ import annotations

import functools
from typing import Any

from wattkeel._generated import dtypes
from wattkeel.errors import SimulationError


@functools.cache
def core() -> Any:
    """The extension module ``wattkeel._core``.

    Raises
    ------
    SimulationError
        When the layout of a struct differs from the dtype that Python fills: a stale or mixed installation.
    ImportError
        When the extension module is missing.
    """
    from wattkeel import _core

    built = {tuple(row) for row in _core.param_fields()}
    expected = set(dtypes.layout())
    if built != expected:
        struct = sorted(built ^ expected)[0][0]
        raise SimulationError(
            "core", None, None, f"the compiled core has another layout of {struct}: reinstall wattkeel"
        )
    return _core


@functools.cache
def kernels() -> Any:
    """Kernels of the best instruction set, or of that which WATTKEEL_ISA forces, by name."""
    return core().kernels()
