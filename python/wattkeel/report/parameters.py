"""The resolved scenario and the manifest as tables."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from wattkeel.report.interface import ResultLike
from wattkeel.report.markup import scaling, table, text


def parameters(result: ResultLike) -> dict[str, Any]:
    """The resolved scenario as nested dictionaries; empty when its text cannot be read back."""
    try:
        return tomllib.loads(result.scenario.to_toml())
    except tomllib.TOMLDecodeError:
        return {}


def _definitions() -> dict[str, dict[str, dict[str, str]]]:
    """Definition rows of the parameters: model section pattern -> name -> row."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    folder = resources.files("wattkeel").joinpath("spec")
    if not folder.is_dir():
        return found
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            for model in tomllib.loads(file.read_text(encoding="utf-8")).get("model", {}).values():
                if "section" in model:
                    found[model["section"]] = {row["name"]: row for row in model.get("input", ())}
    return found


def _rows_of(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Leaves of the scenario: (section path, name, value); rows of tables get their number."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _rows_of(value, (*path, key))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for index, member in enumerate(value):
                yield from _rows_of(member, (*path, f"{key}[{index}]"))
        else:
            yield path, key, value


def _section_of(path: tuple[str, ...], patterns: Mapping[str, Any]) -> str:
    """Section pattern that a path belongs to (``storage.bess.battery`` -> ``storage.*.battery``)."""
    plain = [part.split("[")[0] for part in path]
    for pattern in patterns:
        parts = pattern.split(".")
        if len(parts) == len(plain) and all(a in ("*", b) for a, b in zip(parts, plain, strict=True)):
            return pattern
    return ""


def _value(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and not unit.strip("1"):
        return str(value)
    if isinstance(value, int | float):
        factor, shown = scaling(float(value), unit)
        return f"{float(value) * factor:.6g} {shown}".replace("inf", "∞").replace("-", "−").rstrip()
    if isinstance(value, list):
        shown = ", ".join(_value(item, "") for item in value[:12])
        return f"[{shown}{', …' if len(value) > 12 else ''}] {unit if unit != '1' and value else ''}".rstrip()
    return str(value) or "(none)"


def parameter_tables(tree: Mapping[str, Any]) -> str:
    """The resolved scenario, one folded group per stage."""
    definitions = _definitions()
    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for path, name, value in _rows_of(tree, ()):
        row = definitions.get(_section_of(path, definitions), {}).get(name, {})
        cells = (".".join(path), name, _value(value, row.get("unit", "")), row.get("doc", ""))
        groups.setdefault(path[0].split("[")[0] if path else "scenario", []).append(cells)
    parts = []
    for group, rows in groups.items():
        body = table(
            ("Section", "Parameter", "Value", "Meaning"),
            (tuple(text(cell) for cell in row) for row in rows),
            kind="parameters",
        )
        parts.append(f"<details><summary><b>{text(group)}</b> ({len(rows)})</summary>{body}</details>")
    return "".join(parts)


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping | list) for item in value):
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}[{index}]")
    elif isinstance(value, list | tuple):
        yield path, " ".join(str(item) for item in value)
    else:
        yield path, str(value)


def provenance_table(result: ResultLike) -> str:
    """The manifest: what ran, with which inputs, on which engine."""
    rows = [(text(key), f"<code>{text(value)}</code>") for key, value in _flat(dict(result.manifest), "")]
    return table(("Entry", "Value"), rows, kind="provenance")
