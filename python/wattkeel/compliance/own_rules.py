"""Rules of one's own from a file: the section ``[compliance]`` of a scenario, alone or in a whole one."""

from __future__ import annotations

import os
from pathlib import Path

from wattkeel._generated.models import Compliance, ScenarioModel
from wattkeel.checks import Judge
from wattkeel.errors import Fault, ScenarioError
from wattkeel.normalise import Normaliser
from wattkeel.toml_text import read_toml
from wattkeel.validate import Validator

__all__ = ["load_rules"]


def load_rules(path: str | os.PathLike[str]) -> Compliance:
    """Read the section ``[compliance]`` of a TOML file: profiles, ``settle``, and ``[[compliance.rule]]``.

    Other sections are left alone, so that a scenario will do.

    Parameters
    ----------
    path : path
        TOML file, with quantities as in a scenario.

    Raises
    ------
    ScenarioError
        All faults found.
    """
    data = read_toml(path)
    place = os.fspath(path)
    if "compliance" not in data:
        remedy = 'write [[compliance.rule]] with name, kind and limit, or [compliance] profiles = ["..."]'
        raise ScenarioError([Fault(place, None, "has no section [compliance]", remedy)])
    normaliser = Normaliser(Path(path).absolute().parent)
    tree = normaliser.section(data["compliance"], Compliance, "compliance")
    validator = Validator(normaliser)
    compliance = validator.table(tree or {}, Compliance, "compliance")
    faults = list(normaliser.faults)
    if compliance is not None:
        judge = Judge(ScenarioModel.model_construct(rack={}, compliance=compliance), {}, validator.bad)
        judge.compliance()
        faults += judge.faults
    if faults:
        raise ScenarioError([Fault(f"{place}: {f.place}", f.value, f.message, f.remedy) for f in faults])
    assert isinstance(compliance, Compliance)
    return compliance
