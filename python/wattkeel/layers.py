"""Layers of a scenario: overrides over what was written, presets under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from wattkeel._generated.models import MODELS, Parameters
from wattkeel.errors import ScenarioError
from wattkeel.normalise import SECTIONS, Normaliser, Tree, field_type, near, nested_model
from wattkeel.presets.catalogue import kinds, list_presets, read_preset
from wattkeel.toml_text import parse_override

__all__ = ["Overrides", "Presets", "fill_ocv", "lay_over"]

# "path=value" texts, or values by path.
Overrides = Sequence[str] | Mapping[str, object]
# Table of the open-circuit voltage, and the cell whose table is taken where none is given.
_OCV = ("ocv_soc", "ocv_v")
_OCV_PRESET = "lfp-enerc-306ah"
# Relative difference of nominal voltages from which cells are not those of the preset.
_OTHER_CELL = 0.1
# Two ways to size the same thing: the upper layer decides which.
_EITHER = (("energy_j", "strings"), ("energy_j", "capacitance_f"))


def lay_over(normaliser: Normaliser, tree: Tree, overrides: Overrides) -> Tree:
    """Lay overrides over a canonical tree, one after the other.

    Parameters
    ----------
    normaliser
        Takes the faults, and how the keys were written.
    tree
        Canonical tree; it is left as it is.
    overrides
        ``path=value`` texts, or values by path.

    Returns
    -------
    dict
        Canonical tree with the overrides.
    """
    for steps, value in _pairs(normaliser, overrides):
        given: Any = value
        for step in reversed(steps):
            given = {step: given}
        part = Normaliser(Path.cwd(), partial=True, known=tree)
        try:
            canonical = part.root(given)
        except RecursionError:
            part.fault(".".join(steps[:4]), None, "is nested too deep", "name a parameter")
            canonical = {}
        normaliser.faults += part.faults
        tree = _merge(tree, canonical, "", normaliser)
        normaliser.written |= part.written
    return tree


def _pairs(normaliser: Normaliser, overrides: Overrides) -> list[tuple[list[str], Any]]:
    if isinstance(overrides, Mapping):
        return [([step.strip() for step in str(path).split(".")], value) for path, value in overrides.items()]
    pairs = []
    for text in [overrides] if isinstance(overrides, str) else overrides:
        try:
            pairs.append(parse_override(text))
        except ScenarioError as error:
            normaliser.faults += error.faults
    return pairs


def _merge(under: Tree, over: Tree, place: str, normaliser: Normaliser) -> Tree:
    """Lay one canonical tree over another; tables merge, everything else is replaced."""
    result = dict(under)
    for pair in _EITHER:
        for one, other in (pair, pair[::-1]):
            if one in over and other not in over:
                result.pop(other, None)
    for key, value in over.items():
        where = f"{place}.{key}" if place else key
        below = result.get(key)
        if isinstance(value, dict) and value and all(isinstance(index, int) for index in value):
            result[key] = _merge_rows(below or [], value, where, normaliser)
        elif isinstance(value, dict) and isinstance(below, dict):
            result[key] = _merge(below, value, where, normaliser)
        else:
            result[key] = value
    return result


def _merge_rows(
    rows: Sequence[Tree], over: dict[int, Tree], place: str, normaliser: Normaliser
) -> list[Tree]:
    result = list(rows)
    for index, table in over.items():
        if index < len(result):
            result[index] = _merge(result[index], table, f"{place}[{index}]", normaliser)
        else:
            normaliser.fault(f"{place}.{index}", None, "there is no such entry", f"there are {len(result)}")
    return result


@cache
def _usual_cell() -> Tree:
    """Canonical values of the cell whose table is taken where none is given; not to be changed."""
    return Presets(Normaliser(Path.cwd())).values(_OCV_PRESET, MODELS["Battery"], "")


def fill_ocv(tree: Tree) -> list[str]:
    """Give batteries without a table of the open-circuit voltage that of a preset.

    Parameters
    ----------
    tree
        Canonical tree with presets; it is filled in place.

    Returns
    -------
    list of str
        Warnings, where the nominal voltage of the cell says that it is of another kind.
    """
    warnings = []
    for name, unit in tree.get("storage", {}).items():
        cells = unit.get("battery")
        if cells is None or any(cells.get(key) for key in _OCV):
            continue
        values = _usual_cell()
        unit["battery"] = cells | {key: list(values[key]) for key in _OCV}
        usual_v = values["cell_voltage_v"]
        if abs(cells.get("cell_voltage_v", usual_v) - usual_v) > _OTHER_CELL * usual_v:
            warnings.append(
                f"storage.{name}.battery.ocv_v: not given; it is that of {_OCV_PRESET}, a cell of "
                f"{usual_v:g} V, but cell_voltage is {cells['cell_voltage_v']:g} V"
            )
    return warnings


class Presets:
    """Lays presets under the tables that name them.

    Parameters
    ----------
    normaliser
        Takes the faults.
    """

    def __init__(self, normaliser: Normaliser) -> None:
        self.normaliser = normaliser
        self.cache: dict[tuple[str, str], Tree] = {}

    def root(self, tree: Tree) -> Tree:
        """Resolve all presets of a scenario."""
        result: Tree = {}
        for key, value in tree.items():
            model = SECTIONS.get(key)
            if model is None:
                result[key] = value
            elif model.toml_section.endswith(".*"):
                result[key] = {
                    name: self.table(table, model, f"{key}.{name}") for name, table in value.items()
                }
            else:
                result[key] = self.table(value, model, key)
        return result

    def table(self, table: Tree, model: type[Parameters], place: str) -> Tree:
        """Resolve the presets of one table and of the tables in it; its own keys win."""
        own = {key: value for key, value in table.items() if key != "preset"}
        for key, info in model.model_fields.items():
            if field_type(info) == "model" and key in own:
                own[key] = self.table(own[key], nested_model(info), f"{place}.{key}")
        if "preset" not in table:
            return own
        return _merge(self.values(table["preset"], model, place), own, place, self.normaliser)

    def values(self, name: str, model: type[Parameters], place: str) -> Tree:
        """Canonical values of one preset."""
        kind = model.preset_kind
        if (kind, name) in self.cache:
            return self.cache[kind, name]
        self.cache[kind, name] = {}
        names = [preset.name for preset in list_presets(kind)] if kind in kinds() else []
        if name not in names:
            self.normaliser.fault(f"{place}.preset", name, f"unknown {kind} preset", near(name, names))
            return {}
        data = read_preset(kind, name).values
        reader = Normaliser(Path(__file__).parent)
        values = reader.section(data, model, f"preset {kind}/{name}") or {}
        self.normaliser.faults += reader.faults
        self.cache[kind, name] = self.table(values, model, f"preset {kind}/{name}")
        return self.cache[kind, name]
