"""The schema of profiles: the check of a file, and the same as JSON schema.

Both come from the definitions in `head` and `blocks`. A file has a head (scalars above all tables), blocks of
rules, and facts. A block is an array of tables (``[[ramp]]``) or a single table (``[recovery]``), which is
one row. What is no rule stands under ``[facts.NAME]`` in any shape: nothing judges it. Every other name of
a block is a fault, so that a misspelt rule never passes unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.head import HEAD, HEAD_OPTIONAL, Key
from wattkeel.compliance.kinds import finite
from wattkeel.errors import Fault, shorten
from wattkeel.normalise import near

__all__ = ["FACTS", "faults_of", "is_block", "json_schema", "rows_of"]

#: Table that holds what is no rule.
FACTS = "facts"

#: Further addresses in the head: ``url_board``, ``url_read``, ...
_ADDRESS = re.compile(r"url_[a-z0-9_]+")


def _shown(name: str) -> str:
    """Key as it is shown in a place: in quotes where TOML needs them too."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) else shorten(name)


def is_block(value: object) -> bool:
    """Whether a value of a file is a block: a table, or an array of tables."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def rows_of(value: object) -> list[Mapping[str, Any]] | None:
    """Rows of a block, one for a single table; None if it is none."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return value
    return None


def faults_of(file: str, data: Mapping[str, Any]) -> list[Fault]:
    """Check what a profile file holds.

    Parameters
    ----------
    file : str
        Name of the file, for the places of the faults.
    data : mapping
        Content as TOML gives it.

    Returns
    -------
    list of Fault
        All faults: place, value, what is wrong, remedy. Empty for a profile that may be judged.
    """
    faults = list(_head_faults(file, data))
    for name, value in data.items():
        place = f"{file}: {_shown(name)}"
        if name == FACTS:
            faults += _facts_faults(place, value)
        elif name in BLOCKS:
            rows = rows_of(value)
            if rows is None:
                faults.append(
                    Fault(place, value, "must be an array of tables, or one table", f"write [[{name}]]")
                )
                continue
            for index, keys in enumerate(rows):
                faults += _row_faults(f"{place}[{index}]", name, keys)
        elif is_block(value):
            remedy = f"{near(name, BLOCKS)} (what is no rule stands under [{FACTS}.NAME])"
            faults.append(Fault(place, None, "is no block of rules", remedy))
        elif name not in HEAD and name not in HEAD_OPTIONAL and not _ADDRESS.fullmatch(name):
            remedy = near(name, [*HEAD, *HEAD_OPTIONAL, "url_..."])
            faults.append(Fault(place, value, "is no key above the blocks", remedy))
    return faults


def _head_faults(file: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    for name, key in HEAD.items():
        if name not in data:
            yield Fault(f"{file}: {name}", None, "is missing", f"must be {key.kind.wanted}")
    for name, value in data.items():
        known = HEAD.get(name) or HEAD_OPTIONAL.get(name)
        if known is not None and (wrong := known.kind.wrong(value)):
            yield Fault(f"{file}: {name}", value, wrong)
        if _ADDRESS.fullmatch(name) and not (isinstance(value, str) and value.strip()):
            yield Fault(f"{file}: {name}", value, "must be a text")


def _facts_faults(place: str, value: object) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(place, value, "must be a table of tables", f"write [{FACTS}.NAME]")
        return
    for name, fact in value.items():
        if not is_block(fact):
            yield Fault(f"{place}.{_shown(name)}", fact, "must be a table", f"write [{FACTS}.NAME]")
        elif not finite(fact):
            yield Fault(
                f"{place}.{_shown(name)}", None, "must hold finite numbers only, nested at most 16 deep"
            )


def _row_faults(place: str, block: str, keys: Mapping[str, Any]) -> list[Fault]:
    known = BLOCKS[block].keys
    faults: list[Fault] = []
    for name, value in keys.items():
        if name not in known:
            faults.append(
                Fault(f"{place}.{_shown(name)}", value, "is no key of this block", near(name, known))
            )
        elif wrong := known[name].kind.wrong(value):
            faults.append(Fault(f"{place}.{name}", value, wrong))
    if "seen" not in keys:
        remedy = "true if the number was read in a document, false for a slot without numbers"
        faults.append(Fault(f"{place}.seen", None, "is missing", remedy))
    if keys.get("seen") is False:
        given = [name for name in keys if name in known and known[name].kind.numeric]
        remedy = "leave the number out, or write seen = true if it was read"
        return faults + [
            Fault(f"{place}.{name}", keys[name], "numbers in a row with seen = false", remedy)
            for name in given
        ]
    for name in BLOCKS[block].required:
        if name not in keys:
            faults.append(Fault(f"{place}.{name}", None, "is missing", f"must be {known[name].kind.wanted}"))
    if not faults:  # a misspelt limit is one fault, not a missing limit as well
        faults += [Fault(place, None, wrong) for wrong in BLOCKS[block].contradictions(keys)]
    return faults


# ------------------------------------------------------------------------------------------- JSON schema


def json_schema() -> dict[str, Any]:
    """Schema of profile files, draft 2020-12.

    Never stricter than `faults_of`: what a JSON schema cannot say (edges that ascend, limits that need one
    another) is checked when the file is read. A TOML date counts as a text of format "date".
    """
    rows = {
        name: {
            "description": block.doc,
            "anyOf": [
                {"type": "array", "items": {"$ref": f"#/$defs/{name}"}},
                {"$ref": f"#/$defs/{name}"},
            ],
        }
        for name, block in BLOCKS.items()
    }
    facts = {
        "type": "object",
        "description": "What is no rule, in any shape: nothing judges it.",
        "additionalProperties": {
            "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Written by `python -m wattkeel.compliance.catalogue`; do not edit.",
        "title": "wattkeel compliance profile",
        "description": "Rules of one document, as `wattkeel comply --profile FILE.toml` reads them.",
        "type": "object",
        "properties": {**_properties({**HEAD, **HEAD_OPTIONAL}), **rows, FACTS: facts},
        "patternProperties": {f"^{_ADDRESS.pattern}$": {"type": "string", "description": "Further address."}},
        "additionalProperties": False,
        "required": list(HEAD),
        "$defs": {name: _row_schema(name) for name in BLOCKS},
    }


def _properties(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {name: {**key.kind.json, "description": key.doc} for name, key in keys.items()}


def _row_schema(name: str) -> dict[str, Any]:
    block = BLOCKS[name]
    schema: dict[str, Any] = {
        "type": "object",
        "description": block.doc,
        "properties": _properties(block.keys),
        "additionalProperties": False,
        "required": ["seen"],
    }
    numbers = [key for key, value in block.keys.items() if value.kind.numeric]
    seen: dict[str, Any] = {"required": list(block.required)} if block.required else {}
    return schema | {
        "if": {"properties": {"seen": {"const": False}}, "required": ["seen"]},
        "then": {"properties": dict.fromkeys(numbers, False)},
        **({"else": seen} if seen else {}),
    }
