"""Parameter models of every section, for use from Python: ``wk.parameters.Battery(energy_j=7.2e10, ...)``."""

from __future__ import annotations

from wattkeel._generated.models import (
    Battery,
    Compliance,
    Control,
    Converter,
    Cooling,
    Distribution,
    Generation,
    Gpu,
    Grid,
    GridEvent,
    Rack,
    Record,
    Rule,
    ScenarioModel,
    Simulation,
    Storage,
    Supercapacitor,
    Workload,
)

__all__ = [
    "Battery",
    "Compliance",
    "Control",
    "Converter",
    "Cooling",
    "Distribution",
    "Generation",
    "Gpu",
    "Grid",
    "GridEvent",
    "Rack",
    "Record",
    "Rule",
    "ScenarioModel",
    "Simulation",
    "Storage",
    "Supercapacitor",
    "Workload",
]
