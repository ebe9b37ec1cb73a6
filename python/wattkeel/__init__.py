"""wattkeel: millisecond power balance of an AI data centre, from GPU to grid connection.

>>> import wattkeel as wk
>>> scenario = wk.load("examples/quickstart.toml")  # doctest: +SKIP
>>> result = wk.simulate(scenario)  # doctest: +SKIP
>>> result.signals["poi.power_w"]  # doctest: +SKIP

Names are imported when they are first used, so that ``import wattkeel`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from wattkeel._version import __version__

if TYPE_CHECKING:
    from wattkeel import (
        ageing,
        compliance,
        interop,
        meters,
        parameters,
        power_quality,
        qualify,
        resonance,
        sizing,
        stages,
    )
    from wattkeel.battery_stage import BatterySnapshot, BatteryStep, BatteryStepper
    from wattkeel.engine import Engine, Snapshot
    from wattkeel.errors import Fault, MissingExtra, ScenarioError, SimulationError
    from wattkeel.result import Result, open_result
    from wattkeel.scenario import Scenario, load
    from wattkeel.simulation import Interrupted, simulate

__all__ = [
    "BatterySnapshot",
    "BatteryStep",
    "BatteryStepper",
    "Engine",
    "Fault",
    "Interrupted",
    "MissingExtra",
    "Result",
    "Scenario",
    "ScenarioError",
    "SimulationError",
    "Snapshot",
    "__version__",
    "ageing",
    "compliance",
    "interop",
    "load",
    "meters",
    "open_result",
    "parameters",
    "power_quality",
    "qualify",
    "resonance",
    "simulate",
    "sizing",
    "stages",
]

_HOME = {
    "BatterySnapshot": "battery_stage",
    "BatteryStep": "battery_stage",
    "BatteryStepper": "battery_stage",
    "Engine": "engine",
    "Fault": "errors",
    "MissingExtra": "errors",
    "Result": "result",
    "Scenario": "scenario",
    "ScenarioError": "errors",
    "SimulationError": "errors",
    "Snapshot": "engine",
    "load": "scenario",
    "open_result": "result",
    "Interrupted": "simulation",
    "simulate": "simulation",
}

_MODULES = (
    "ageing",
    "compliance",
    "interop",
    "meters",
    "parameters",
    "power_quality",
    "qualify",
    "resonance",
    "sizing",
    "stages",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"wattkeel.{name}")
    if name in _HOME:
        value = getattr(importlib.import_module(f"wattkeel.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'wattkeel' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
