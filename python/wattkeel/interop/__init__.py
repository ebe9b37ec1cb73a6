"""Exchange with other programs. Each format is a module; none is loaded unless it is asked for.

`handover` turns a run into what a network solver needs, `power_grid_model` and `opendss` into its files,
`write_csv` into a table, `write_poi` into a COMTRADE record.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattkeel.interop.comtrade import write_poi
    from wattkeel.interop.dss import OpenDss, opendss
    from wattkeel.interop.pgm import PowerGridModelInput, power_grid_model
    from wattkeel.interop.poi import Handover, Network, Voltages, handover, handover_of_arrays
    from wattkeel.interop.table import write_csv

__all__ = [
    "Handover",
    "Network",
    "OpenDss",
    "PowerGridModelInput",
    "Voltages",
    "handover",
    "handover_of_arrays",
    "opendss",
    "power_grid_model",
    "write_csv",
    "write_poi",
]

_HOME = {
    "Handover": "poi",
    "Network": "poi",
    "OpenDss": "dss",
    "PowerGridModelInput": "pgm",
    "Voltages": "poi",
    "handover": "poi",
    "handover_of_arrays": "poi",
    "opendss": "dss",
    "power_grid_model": "pgm",
    "write_csv": "table",
    "write_poi": "comtrade",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"wattkeel.interop.{_HOME[name]}"), name)
    raise AttributeError(f"module 'wattkeel.interop' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
