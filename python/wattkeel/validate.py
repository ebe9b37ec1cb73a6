"""From canonical tables to models, one table at a time, with the models' faults in our words."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from wattkeel._generated.models import Parameters, ScenarioModel
from wattkeel.errors import shorten
from wattkeel.normalise import SECTIONS, Normaliser, Tree, extra, field_type, near, nested_model

__all__ = ["Validator"]

_RANGE = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Validator:
    """Turns tables into models; what is faulty is set aside, so that all the rest can be judged.

    Parameters
    ----------
    normaliser
        Takes the faults, and knows how keys were written.

    Attributes
    ----------
    bad
        Canonical places of values and tables with faults: checks that read them say nothing.
    """

    def __init__(self, normaliser: Normaliser) -> None:
        self.normaliser = normaliser
        places = [fault.place for fault in normaliser.faults]
        self.bad = set(places)
        for canonical, (written, _) in normaliser.written.items():
            if any(place == written or place.startswith(f"{written}[") for place in places):
                self.bad.add(canonical)

    def root(self, tree: Tree) -> ScenarioModel:
        """Model of the whole scenario; without the faulty parts when faults were found."""
        parts: dict[str, Any] = {}
        for key, model in SECTIONS.items():
            if model.toml_section.endswith(".*"):
                entries = {
                    name: self.table(table, model, f"{key}.{name}")
                    for name, table in tree.get(key, {}).items()
                }
                parts[key] = {name: entry for name, entry in entries.items() if entry is not None}
            elif key in tree or ScenarioModel.model_fields[key].default is not None:
                parts[key] = self.table(tree.get(key, {}), model, key) or model()
            else:  # an optional section that was not written
                parts[key] = None
        parts["title"] = tree.get("title", "")
        version = tree.get("schema_version", 1)
        if type(version) is not int or version != 1:
            self.normaliser.fault("schema_version", version, "is a version that is not known here", "write 1")
        if not tree.get("rack") and not any(_within(place, "rack") for place in self.bad):
            self.normaliser.fault("rack", None, "there is no rack", "add a section [rack.<name>]")
        if self.normaliser.faults:
            return ScenarioModel.model_construct(**parts)
        return ScenarioModel(**parts)

    def table(self, table: Tree, model: type[Parameters], place: str) -> Any:
        """Model of one table with faulty values at their defaults; None when one has no default."""
        try:
            return model.model_validate(table)
        except ValidationError as error:
            rest = copy.deepcopy(table)
            for item in error.errors(include_url=False, include_context=True):
                self.bad.add(_join(place, item["loc"]))
                self._fault(dict(item), model, place)
                _drop(rest, item["loc"])
        try:
            return model.model_validate(rest)
        except ValidationError:
            self.bad.add(place)
            return None

    def _fault(self, item: dict[str, Any], model: type[Parameters], place: str) -> None:
        """Turn one error of pydantic into a fault in our words."""
        info = None
        where = place
        inner: type[Parameters] | None = model
        for step in item["loc"]:
            where = f"{where}[{step}]" if isinstance(step, int) else f"{where}.{step}"
            if isinstance(step, str) and inner is not None and step in inner.model_fields:
                info = inner.model_fields[step]
                inner = nested_model(info) if field_type(info) in ("model", "models") else None
        written, raw = self.normaliser.as_written(where, item.get("input"))
        if item["type"] == "missing":
            # A key that was given and refused is not missing too.
            if where in self.normaliser.written:
                return
            expected = f" ({_expected(info)})" if info is not None else ""
            message, remedy, raw = f"is required{expected}", _how(info, str(item["loc"][-1])), None
        elif item["type"] in _RANGE and info is not None:
            message, remedy = f"is out of range: {_expected(info)}", _range_remedy(info, item)
        elif item["type"] == "literal_error" and info is not None:
            message, remedy = "is not one of the choices", near(str(item.get("input")), _choices(info))
        elif item["type"] == "finite_number":
            message, remedy = "must be finite", "write a finite number"
        else:
            message, remedy = str(item["msg"]), "correct the value"
        self.normaliser.fault(written, raw, message, remedy)


def _within(place: str, table: str) -> bool:
    return place == table or place.startswith((f"{table}.", f"{table}["))


def _join(place: str, steps: Sequence[str | int]) -> str:
    for step in steps:
        place = f"{place}[{step}]" if isinstance(step, int) else f"{place}.{step}"
    return place


def _drop(table: Any, steps: Sequence[str | int]) -> None:
    """Remove a value; of a list the whole list, since its entries belong together."""
    for here, after in zip(steps, (*steps[1:], ""), strict=True):
        if not isinstance(table, dict) or here not in table:
            return
        if after == "" or isinstance(after, int):
            del table[here]
            return
        table = table[here]


def _choices(info: Any) -> list[str]:
    return [str(choice) for choice in getattr(info.annotation, "__args__", ())]


def _bounds(info: Any) -> list[tuple[str, float, str]]:
    """Sign, limit and the number beside the range that is allowed too."""
    return [
        (sign, getattr(mark, key), f" or {mark.beside}" if hasattr(mark, "beside") else "")
        for mark in info.metadata
        for key, sign in _BOUNDS.items()
        if hasattr(mark, key)
    ]


def _expected(info: Any) -> str:
    """Range and unit in words, e.g. ``> 0 and <= 1, in W``."""
    unit = extra(info).get("unit", "1")
    ranges = " and ".join(f"{sign} {limit:.10g}{beside}" for sign, limit, beside in _bounds(info))
    return ", in ".join(part for part in (ranges or "a value", unit if unit != "1" else "") if part)


def _range_remedy(info: Any, item: Mapping[str, Any]) -> str:
    unit = extra(info).get("unit", "1")
    limit = next(value for value in item["ctx"].values())
    sign = _RANGE[item["type"]]
    beside = next((beside for at, _, beside in _bounds(info) if at == sign), "")
    return f"give a value {sign} {shorten(limit)}" + ("" if unit == "1" else f" {unit}") + beside


def _how(info: Any, name: str) -> str:
    kind = "table" if info is None else field_type(info)
    if kind == "ref":
        return f"name a {extra(info)['ref']}"
    if kind == "choice":
        return f"choose one of {', '.join(_choices(info))}"
    if kind == "int":
        return f"write {name} = a whole number"
    if kind == "float":
        unit = extra(info).get("unit", "1")
        return (
            f"write {name} = a number in {unit}, or a quantity with its unit"
            if unit != "1"
            else f"write {name}"
        )
    return f'write {name} = "..."'
