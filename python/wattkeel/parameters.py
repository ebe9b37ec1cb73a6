"""Parameter models of every section, for use from Python: ``wk.parameters.Battery(energy_j=7.2e10, ...)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wattkeel._generated.models import (
    MODELS,
    Ageing,
    Battery,
    CapacitorBank,
    Compliance,
    Container,
    Control,
    Converter,
    Cooling,
    Distribution,
    FacilityChain,
    Flickermeter,
    Forming,
    Generation,
    Gpu,
    Grid,
    GridEvent,
    GridPlayback,
    Island,
    Parameters,
    Perc1,
    Qualify,
    QualifyBlackStart,
    QualifyBuffering,
    QualifyCycling,
    QualifyDispatch,
    QualifyGenerator,
    QualifyIsland,
    QualifyMap,
    QualifyPoint,
    QualifyRideThrough,
    QualifyTelemetry,
    QualifyTrip,
    Rack,
    Record,
    RemoteArea,
    Resonance,
    Rule,
    ScenarioModel,
    SheddingStage,
    Simulation,
    Storage,
    Supercapacitor,
    Support,
    TapChanger,
    Workload,
)

__all__ = [
    "Ageing",
    "Battery",
    "CapacitorBank",
    "Compliance",
    "Container",
    "Control",
    "Converter",
    "Cooling",
    "Distribution",
    "FacilityChain",
    "Flickermeter",
    "Forming",
    "Generation",
    "Gpu",
    "Grid",
    "GridEvent",
    "GridPlayback",
    "Island",
    "Perc1",
    "Qualify",
    "QualifyBlackStart",
    "QualifyBuffering",
    "QualifyCycling",
    "QualifyDispatch",
    "QualifyGenerator",
    "QualifyIsland",
    "QualifyMap",
    "QualifyPoint",
    "QualifyRideThrough",
    "QualifyTelemetry",
    "QualifyTrip",
    "Rack",
    "Record",
    "RemoteArea",
    "Resonance",
    "Rule",
    "ScenarioModel",
    "SheddingStage",
    "Simulation",
    "Storage",
    "Supercapacitor",
    "Support",
    "TapChanger",
    "Workload",
    "preset",
]


def preset(kind: str, name: str, **values: Any) -> Parameters:
    """Parameters of a preset, for stages that run alone.

    Parameters
    ----------
    kind, name
        E.g. ``"battery"``, ``"lfp-sony-26650"``; ``wattkeel presets`` lists them.
    **values
        Values over those of the preset, as in a scenario file: ``energy="20 MWh"`` or ``strings=40.0``;
        arrays may stand for lists.

    Returns
    -------
    BaseModel
        The model of the section that takes such presets, e.g. `Battery`.

    Raises
    ------
    ScenarioError
        The preset or a value is not known or not allowed.

    Examples
    --------
    >>> cell = preset("battery", "lfp-sony-26650", strings=40.0)
    >>> cell.cell_capacity_ah
    3.0
    """
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.layers import Presets
    from wattkeel.normalise import Normaliser, near
    from wattkeel.validate import Validator

    models = {model.preset_kind: model for model in MODELS.values() if model.preset_kind}
    words = {"kind": kind, "name": name}
    faults = [
        Fault(place, word, "must be text", 'write e.g. preset("battery", "lfp-sony-26650", strings=40.0)')
        for place, word in words.items()
        if not isinstance(word, str)
    ]
    if isinstance(kind, str) and kind not in models:
        faults.append(Fault("kind", kind, "no presets of this kind", near(kind, list(models))))
    if faults:
        raise ScenarioError(faults)
    normaliser = Normaliser(Path.cwd())
    tree = normaliser.section({"preset": name, **values}, models[kind], kind) or {}
    made = Validator(normaliser).table(
        Presets(normaliser).table(tree, models[kind], kind), models[kind], kind
    )
    if normaliser.faults:
        raise ScenarioError(normaliser.faults)
    assert isinstance(made, Parameters)
    return made
