"""Write the JSON schema for editors and the reference page of all parameters."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from wattkeel.spec.emit_core import NOTE
    from wattkeel.spec.tables import SPEC_DIR, Model, Row, Spec
else:  # run as a plain script: the folder of the script is on the path
    from emit_core import NOTE
    from tables import SPEC_DIR, Model, Row, Spec

_NAME = "^[A-Za-z][A-Za-z0-9_-]*$"
_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_LISTS = ("grid.event", "compliance.rule", "qualify.ride_through.point", "qualify.ride_through.trip")
_Property = dict[str, Any]


def _load_units() -> ModuleType:
    """Load the unit table without importing the package, which may not be built yet."""
    name = "wattkeel_spec_units"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SPEC_DIR.parent / "units.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def emit_schema(spec: Spec) -> str:
    """Text of ``_generated/schema.json``."""
    root: _Property = {
        "title": {"type": "string", "description": "Name of the scenario, printed on reports."},
        "schema_version": {"const": 1, "description": "Version of the scenario format."},
    }
    for model in spec.models.values():
        if "." not in model.key:
            reference: _Property = {"$ref": f"#/$defs/{model.name}"}
            root[model.key] = reference
            if model.named:
                root[model.key] = {
                    "type": "object",
                    "description": model.doc,
                    "propertyNames": {"pattern": _NAME},
                    "additionalProperties": reference,
                }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": NOTE,
        "title": "wattkeel scenario",
        "type": "object",
        "properties": root,
        "additionalProperties": False,
        "required": ["rack"],
        "$defs": {model.name: _definition(spec, model) for model in spec.models.values()},
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _definition(spec: Spec, model: Model) -> _Property:
    properties, patterns = _members(model)
    if model.presets:
        properties["preset"] = {
            "type": "string",
            "description": f"Name of a preset (kind {model.presets}); own keys override it.",
        }
    if model.name == "Storage":
        # Keys of the parts may stand one level higher where that is clear.
        for row in model.input:
            if row.type == "model":
                below, patterns_below = _members(spec.models[row.model])
                properties = below | properties
                patterns |= patterns_below
    result: _Property = {"type": "object", "description": model.doc, "properties": properties}
    if patterns:
        result["patternProperties"] = patterns
    return result | {"additionalProperties": False}


def _members(model: Model) -> tuple[_Property, _Property]:
    """Properties under their canonical names and stems, and patterns for other suffixes."""
    units = _load_units()
    properties: _Property = {}
    patterns: _Property = {}
    for row in model.input:
        properties[row.name] = _property(row)
        stem, suffix = units.split_name(row.name, row.unit)
        if not suffix or row.type not in ("float", "floats"):
            continue
        text: _Property = {
            "type": "string",
            "description": f"{row.doc} A number with a unit, e.g. of {row.unit}.",
        }
        if row.type == "floats":
            text = {"type": "array", "items": {"type": "string"}, "description": row.doc}
        properties.setdefault(stem, text)
        others = sorted(other for other in units.suffixes_for(row.unit) if other != suffix)
        if others:
            number: _Property = {"type": "number", "description": row.doc}
            if row.type == "floats":
                number = {"type": "array", "items": number}
            patterns[f"^{stem}_({'|'.join(others)})$"] = number
    return properties, patterns


def _property(row: Row) -> _Property:
    makers: dict[str, Callable[[], _Property]] = {
        "float": lambda: _number(row),
        "int": lambda: {"type": "integer"} | _bounds(row),
        "bool": lambda: {"type": "boolean"},
        "choice": lambda: {"enum": list(row.choices)},
        "strings": lambda: {"type": "array", "items": {"type": "string"}},
        "floats": lambda: {"type": "array", "items": {"type": ["number", "string"]}},
        "model": lambda: {"$ref": f"#/$defs/{row.model}"},
        "models": lambda: {"type": "array", "items": {"$ref": f"#/$defs/{row.model}"}},
    }
    result = makers.get(row.type, lambda: {"type": "string"})()
    result["description"] = f"{row.doc} [{row.unit}]" if row.unit != "1" else row.doc
    if row.has_default and not (isinstance(row.default, float) and math.isinf(row.default)):
        result["default"] = row.default
    return result


def _bounds(row: Row) -> _Property:
    # Numbers beside a range, 0 and infinity, cannot be told: such a bound is left out.
    return {_LIMITS[key]: limit for key, limit in row.plain()} | ({"minimum": 0.0} if row.least else {})


def _number(row: Row) -> _Property:
    # Bounds hold for the number only; a string carries its own unit and is checked when it is read.
    return {"anyOf": [{"type": "number"} | _bounds(row), {"type": "string"}]}


def emit_reference(spec: Spec) -> str:
    """Text of ``docs/parameters.md``."""
    out = [
        f"<!-- {NOTE} -->",
        "# Parameters",
        "",
        "Every parameter of a scenario, by section. Names carry the SI unit in which the value is held. In",
        "a scenario file a quantity is a string with its unit under the name without suffix",
        '(`energy = "20 MWh"`), a number in the unit that another suffix names (`energy_mwh = 20`), or a',
        "number under the full name (`energy_j = 7.2e10`). *Required* parameters have no default. One",
        "without a source is a choice of the user, and its default neutral or plainly typical.",
        "",
    ]
    stage = ""
    for model in spec.models.values():
        if model.stage != stage:
            stage = model.stage
            out += [f"## {stage}", "", spec.stage_docs[stage], ""]
        out += _table(model)
    return "\n".join(out).rstrip() + "\n"


def _table(model: Model) -> list[str]:
    section = model.section.replace(".*", ".<name>")
    brackets = ("[[", "]]") if model.section in _LISTS else ("[", "]")
    out = [f"### `{brackets[0]}{section}{brackets[1]}`", "", model.doc, ""]
    if model.presets:
        out += [f"Takes `preset`: see `wattkeel presets --kind {model.presets}`.", ""]
    out += ["| name | unit | default | range | meaning | source |", "|---|---|---|---|---|---|"]
    for row in model.input:
        cells = [f"`{row.name}`", row.unit, _default(row), _range(row), row.doc, row.source]
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*out, ""]


def _default(row: Row) -> str:
    if row.type == "model":
        return "none"
    if not row.has_default:
        return "*required*"
    if isinstance(row.default, float):
        return f"{row.default:g}"
    if isinstance(row.default, bool):
        return "true" if row.default else "false"
    if row.default in ("", []):
        return "empty"
    if isinstance(row.default, list):
        return ", ".join(f"`{item}`" for item in row.default)
    return f"`{row.default}`"


def _range(row: Row) -> str:
    if row.type == "choice":
        return ", ".join(f"`{choice}`" for choice in row.choices)
    if row.type == "ref":
        return f"a name under `{row.ref}`"
    if row.type in ("model", "models"):
        return "table" if row.type == "model" else "tables"
    form = "d" if row.type == "int" else "g"
    parts = [f"{_SIGNS[key]} {limit:{form}}" for key, limit in row.bounds]
    lead = [f"0 or >= {row.least:g}"] if row.least else []
    return ", ".join([*lead, *parts]) + (" or inf" if row.beside() else "")
