"""From what a user wrote to canonical names in SI: keys, units, names, preset tables.

A `Normaliser` turns one tree of tables into another: every key is the name of a parameter, every quantity a
number in its unit. Ranges are left to the models. Faults are gathered, not raised, and the faulty key is
left out, so that the rest can still be judged.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from wattkeel._generated.models import MODELS, Parameters, ScenarioModel
from wattkeel.errors import Fault, shorten
from wattkeel.presets.catalogue import read_preset
from wattkeel.units import (
    SUFFIXES,
    UNITS,
    UnitError,
    convert,
    parse_quantity,
    split_name,
    suffixes_for,
    suggest,
    zero_is_plain,
)

__all__ = ["SECTIONS", "Normaliser", "Tree", "field_type", "field_unit", "near", "nested_model"]

Tree = dict[str, Any]

# Sections of the root by name.
SECTIONS: dict[str, type[Parameters]] = {
    model.toml_section.removesuffix(".*"): model
    for model in MODELS.values()
    if "." not in model.toml_section.removesuffix(".*")
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RESERVED = {"distribution": ("site",)}
_ROOT_KEYS = ("title", "schema_version")
_UNSET = object()


def extra(info: FieldInfo) -> dict[str, Any]:
    """Notes of the spec tables on a field: unit, type, ref, source."""
    notes = info.json_schema_extra
    return dict(notes) if isinstance(notes, dict) else {}


def field_unit(info: FieldInfo) -> str:
    """Unit of a parameter."""
    return str(extra(info).get("unit", "1"))


def field_type(info: FieldInfo) -> str:
    """Type of a parameter in the words of the spec tables."""
    return str(extra(info).get("type", "float"))


def nested_model(info: FieldInfo) -> type[Parameters]:
    """Model of a nested table or list of tables."""
    for part in get_args(info.annotation):
        if isinstance(part, type) and issubclass(part, Parameters):
            return part
    raise TypeError("not a nested table")


def near(word: str, words: Iterable[str]) -> str:
    """Remedy that names what may have been meant, or what there is."""
    choices = sorted(set(words))
    folded = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower()[:80], folded, n=2, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(f'"{folded[name]}"' for name in close) + "?"
    if not choices:
        return "there is none"
    shown = ", ".join(f'"{choice}"' for choice in choices[:12])
    return f"there is {shown}" + (f" and {len(choices) - 12} more" if len(choices) > 12 else "")


@dataclass
class Normaliser:
    """Gathers faults and remembers how keys were written.

    Parameters
    ----------
    base_dir
        Folder to which relative paths in the tree refer.
    partial
        The tree is an override of another: lists of tables may be given by index.
    known
        Canonical tree that is overridden; tells which names and storage kinds there are.
    """

    base_dir: Path
    partial: bool = False
    known: Tree = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    # Canonical place -> (place as written, value as given).
    written: dict[str, tuple[str, object]] = field(default_factory=dict)

    def fault(self, place: str, value: object, message: str, remedy: str) -> None:
        """Keep a fault."""
        self.faults.append(Fault(place, value, message, remedy))

    def as_written(self, place: str, value: object) -> tuple[str, object]:
        """Place and value of a canonical place as the user wrote them.

        Parameters
        ----------
        place
            Canonical place, e.g. ``record.envelope_s[1]``.
        value
            Value to be shown when none was written, or a table or list was.
        """
        entry = re.fullmatch(r"(.*)\[(\d+)\]", place)
        if place in self.written:
            place, given = self.written[place]
        elif entry and entry[1] in self.written:
            place, rows = self.written[entry[1]]
            index = int(entry[2])
            place = f"{place}[{index}]"
            given = rows[index] if isinstance(rows, (list, tuple)) and index < len(rows) else value
        else:
            given = value
        return place, value if isinstance(given, (Mapping, list, tuple)) else given

    def root(self, data: Mapping[Any, Any]) -> Tree:
        """Normalise a whole scenario."""
        tree: Tree = {}
        for key, raw in data.items():
            if key in _ROOT_KEYS:
                self.written[key] = (key, raw)
                if key != "title" or self._text(key, raw) is not None:
                    tree[key] = raw
            elif not isinstance(key, str) or key not in SECTIONS:
                self.fault(
                    _show(key), _brief(raw), "unknown section", near(str(key), [*SECTIONS, *_ROOT_KEYS])
                )
            else:
                model = SECTIONS[key]
                named = model.toml_section.endswith(".*")
                part = self._named(raw, model, key) if named else self.section(raw, model, key)
                if part is not None:
                    tree[key] = part
        return tree

    def _named(self, raw: object, model: type[Parameters], section: str) -> Tree | None:
        """Normalise a table of named tables, e.g. ``rack``."""
        if not isinstance(raw, Mapping):
            self.fault(section, _brief(raw), "must hold tables by name", f"write [{section}.<name>]")
            return None
        tree: Tree = {}
        for name, table in raw.items():
            place = f"{section}.{_show(name)}"
            if isinstance(name, str) and not isinstance(table, Mapping) and self._is_key(model, name):
                self.fault(
                    place, _brief(table), "stands outside a named table", f"write it under [{section}.<name>]"
                )
            elif not isinstance(name, str) or not _NAME.fullmatch(name):
                self.fault(
                    place, None, "is not a name", "use letters, digits, _ and -, a letter first, at most 64"
                )
            elif name in _RESERVED.get(section, ()):
                self.fault(place, None, "is a reserved name", "use another name")
            elif self.partial and name not in self.known.get(section, {}):
                self.fault(
                    place,
                    None,
                    "an override names what is not there",
                    near(name, self.known.get(section, {})),
                )
            else:
                tree[name] = self.section(table, model, place)
        return {name: table for name, table in tree.items() if table is not None}

    def section(self, raw: object, model: type[Parameters], place: str) -> Tree | None:
        """Normalise one table of parameters."""
        if not isinstance(raw, Mapping):
            self.fault(place, _brief(raw), "must be a table", f"write [{place}] and its keys below")
            return None
        tree: Tree = {}
        forwarded: dict[str, Tree] = {}
        for key, value in raw.items():
            if key == "preset":
                self._preset_name(tree, model, place, value)
                continue
            found = self._find(model, key, value, f"{place}.{_show(key)}") if isinstance(key, str) else None
            if found is not None:
                self._store(tree, model, place, str(key), found, value)
            elif model is MODELS["Storage"] and (part := self._part(key, raw, place)):
                forwarded.setdefault(part, {})[key] = value
            elif not self._told(f"{place}.{_show(key)}"):
                self._unknown(model, key, value, place)
        for part, table in forwarded.items():
            self._forward(tree, model, place, part, table)
        return tree

    def _store(
        self, tree: Tree, model: type[Parameters], place: str, key: str, name: str, raw: object
    ) -> None:
        """Convert one value and keep it under its canonical name."""
        written = f"{place}.{key}"
        raw = _native(raw)
        canonical = f"{place}.{name}"
        if canonical in self.written and self.written[canonical][0] != written:
            other = self.written[canonical][0].rpartition(".")[2]
            self.fault(
                written, raw, f'is given twice: "{other}" is the same parameter', "keep one of the two"
            )
            return
        self.written[canonical] = (written, raw)
        value = self._value(model, name, key, raw, written)
        if value is not _UNSET:
            tree[name] = value

    def _forward(self, tree: Tree, model: type[Parameters], place: str, part: str, table: Tree) -> None:
        """Move keys that stand on a storage unit down to the part that they belong to."""
        child = nested_model(model.model_fields[part])
        inner = tree.setdefault(part, {})
        lower = f"{place}.{part}"
        for key, given in table.items():
            raw = _native(given)
            name = self._find(child, key, raw, f"{place}.{key}")
            if name is None:
                continue
            canonical = f"{lower}.{name}"
            if name in inner or canonical in self.written:
                self.fault(
                    f"{place}.{key}", raw, f"is given twice: also under [{lower}]", "keep one of the two"
                )
                continue
            self.written[canonical] = (f"{place}.{key}", raw)
            value = self._value(child, name, key, raw, f"{place}.{key}")
            if value is not _UNSET:
                inner[name] = value

    def _part(self, key: object, raw: Mapping[Any, Any], place: str) -> str:
        """Part of a storage unit that a key on the unit itself belongs to; empty when there is none."""
        if not isinstance(key, str):
            return ""
        unit = self.known
        for step in place.split("."):
            unit = unit.get(step, {}) if isinstance(unit, dict) else {}
        known = (raw.get("kind"), unit.get("kind"), _preset_kind(raw), _preset_kind(unit))
        kind = next((kind for kind in known if kind is not None), None)
        if kind not in ("battery", "supercapacitor"):
            kind = "supercapacitor" if "supercapacitor" in raw or "supercapacitor" in unit else "battery"
        parts = [part for part in (str(kind), "converter") if self._is_key(MODELS[part.capitalize()], key)]
        if len(parts) > 1:
            tables = " or ".join(f"[{place}.{part}]" for part in parts)
            self.fault(
                f"{place}.{key}", _brief(raw[key]), "may belong to either part", f"write it under {tables}"
            )
            return ""
        return parts[0] if parts else ""

    def _preset_name(self, tree: Tree, model: type[Parameters], place: str, value: object) -> None:
        if not model.preset_kind:
            self.fault(f"{place}.preset", value, "this section has no presets", "remove the key")
        elif self._text(f"{place}.preset", value) is not None:
            tree["preset"] = value

    def _is_key(self, model: type[Parameters], key: str) -> bool:
        """Whether a key names a parameter of the model in any form."""
        return self._find(model, key, None, "") is not None

    def _find(self, model: type[Parameters], key: str, raw: object, place: str) -> str | None:
        """Find the parameter that a key names: canonical name, stem, or stem with another suffix."""
        fields = model.model_fields
        if key in fields:
            return key
        stems = [
            (name, field_unit(info), stem)
            for name, info in fields.items()
            for stem, suffix in [split_name(name, field_unit(info))]
            if suffix
        ]
        same = [(name, unit) for name, unit, stem in stems if stem == key]
        if same:
            return self._by_unit(same, raw)
        split = [
            (name, unit, suffix)
            for name, unit, stem in stems
            for suffix in [key[len(stem) + 1 :]]
            if key.startswith(f"{stem}_") and suffix in SUFFIXES
        ]
        for name, unit, suffix in split:
            if suffix in suffixes_for(unit):
                return name
        for _name, unit, suffix in split:
            wanted, given = UNITS[unit].dimension, SUFFIXES[suffix].dimension
            if place:
                stem = key[: -len(suffix) - 1]
                message = f'suffix "{suffix}" measures {given}, not {wanted}'
                self.fault(place, raw, message, f'use e.g. "{stem}_{suffixes_for(unit)[0]}"')
                return None
        return None

    @staticmethod
    def _by_unit(same: list[tuple[str, str]], raw: object) -> str:
        """Of parameters that share a stem, the one whose dimension the value has."""
        for name, unit in same:
            try:
                parse_quantity(raw if isinstance(raw, str) else "", unit)
            except UnitError:
                continue
            return name
        return same[0][0]

    def _told(self, place: str) -> bool:
        return bool(self.faults) and self.faults[-1].place == place

    def _unknown(self, model: type[Parameters], key: object, value: object, place: str) -> None:
        words = set(model.model_fields)
        words |= {split_name(name, field_unit(info))[0] for name, info in model.model_fields.items()}
        if model.preset_kind:
            words.add("preset")
        if model is MODELS["Storage"]:
            for info in model.model_fields.values():
                if field_type(info) == "model":
                    fields = nested_model(info).model_fields.items()
                    words |= {split_name(name, field_unit(lower))[0] for name, lower in fields}
        self.fault(f"{place}.{_show(key)}", _brief(value), "unknown key", near(str(key), words))

    # -- values ---------------------------------------------------------------------------------------

    def _value(self, model: type[Parameters], name: str, key: str, raw: object, place: str) -> Any:
        info = model.model_fields[name]
        kind = field_type(info)
        alike = _of_stem(model, key)
        if len(alike) > 1 and str(raw).strip() in ("0", "0.0"):
            words = " or ".join(f'"{other}"' for other in alike)
            self.fault(place, raw, "has no unit and may mean more than one parameter", f"write {words}")
            return _UNSET
        if kind == "float":
            return self._quantity(info, name, key, raw, place)
        if kind == "int":
            return self._whole(raw, place)
        if kind == "bool":
            if isinstance(raw, bool):
                return raw
            self.fault(place, raw, "must be true or false", "write true or false without quotes")
            return _UNSET
        if kind == "model":
            table = self.section(raw, nested_model(info), place)
            return _UNSET if table is None else table
        if kind in ("strings", "floats", "models"):
            return self._list(info, name, key, raw, place)
        text = self._text(place, raw)
        if text is None:
            return _UNSET
        return self._path(text, place) if kind == "path" else text

    def _list(self, info: FieldInfo, name: str, key: str, raw: object, place: str) -> Any:
        kind = field_type(info)
        if kind == "models" and self.partial and isinstance(raw, Mapping):
            return self._by_index(info, raw, place)
        if not isinstance(raw, (list, tuple)):
            remedy = f"write [[{place}]] for each" if kind == "models" else f"write [{shorten(raw)}]"
            self.fault(place, _brief(raw), "must be a list", remedy)
            return _UNSET
        values = []
        for index, item in enumerate(raw):
            where = f"{place}[{index}]"
            if kind == "floats":
                values.append(self._quantity(info, name, key, item, where))
            elif kind == "models":
                self.written[where] = (where, item)
                values.append(self.section(item, nested_model(info), where))
            else:
                text = self._text(where, item)
                if text is not None and name == "profiles":
                    path, choice = _split_path(text)
                    text = self._path(path, where) + choice
                values.append(text)
        return _UNSET if any(value is _UNSET or value is None for value in values) else values

    def _by_index(self, info: FieldInfo, raw: Mapping[Any, Any], place: str) -> Any:
        tables: dict[int, Tree] = {}
        for index, table in raw.items():
            if not str(index).isdigit() or len(str(index)) > 6:
                self.fault(
                    f"{place}.{_show(index)}", None, "is not the index of an entry", "write 0 for the first"
                )
                continue
            tree = self.section(table, nested_model(info), f"{place}[{int(index)}]")
            if tree is not None:
                tables[int(index)] = tree
        return tables or _UNSET

    def _quantity(self, info: FieldInfo, name: str, key: str, raw: object, place: str) -> Any:
        unit = field_unit(info)
        stem, suffix = split_name(name, unit)
        try:
            if isinstance(raw, str):
                value = parse_quantity(raw, unit)
            elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
                if suffix and key == stem and raw == 0 and zero_is_plain(unit):
                    return 0.0
                if suffix and key == stem and not math.isnan(raw):
                    self.fault(place, raw, "has no unit", _with_unit(raw, name, stem, unit))
                    return _UNSET
                given = SUFFIXES[key[len(stem) + 1 :]].symbol if suffix and key not in (name, stem) else unit
                value = convert(float(raw), given, unit) if given != unit else float(raw)
            else:
                self.fault(
                    place, _brief(raw), "must be a number or a quantity", _with_unit(1, name, stem, unit)
                )
                return _UNSET
        except UnitError as error:
            self.fault(place, raw, error.message, error.remedy)
            return _UNSET
        except OverflowError:
            self.fault(place, raw, "is beyond the range of numbers", "write a smaller number")
            return _UNSET
        if math.isnan(value):
            self.fault(place, raw, "is not a number (NaN)", "write a number")
            return _UNSET
        return value

    def _whole(self, raw: object, place: str) -> Any:
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)
        if isinstance(raw, int) and not isinstance(raw, bool):
            if abs(raw) < 2**63:
                return raw
            self.fault(place, _brief(raw), "is beyond the range of whole numbers", "write a smaller number")
            return _UNSET
        self.fault(place, _brief(raw), "must be a whole number", "write it without unit, point and quotes")
        return _UNSET

    def _text(self, place: str, raw: object) -> str | None:
        if not isinstance(raw, str):
            self.fault(
                place,
                _brief(raw),
                "must be text",
                f'write "{shorten(raw)}"' if _plain(raw) else "write a string",
            )
            return None
        if "\0" in raw or any(0xD800 <= ord(letter) <= 0xDFFF for letter in raw):
            self.fault(place, raw, "holds characters that text cannot have", "remove them")
            return None
        return str(raw)

    def _path(self, text: str, place: str) -> str:
        """Make a path absolute, so that a resolved scenario loads from anywhere."""
        if not text:
            return ""
        return os.path.abspath(self.base_dir / Path(os.path.expanduser(text)))


def _preset_kind(unit: Mapping[Any, Any]) -> object:
    """Kind that the preset of a storage unit gives; None without one that is known."""
    name = unit.get("preset")
    try:
        return read_preset("storage", name).values.get("kind") if isinstance(name, str) else None
    except LookupError:  # told when the presets are laid under
        return None


def _split_path(text: str) -> tuple[str, str]:
    """Split the path of a profile from the choice behind it; no path where it is a name."""
    path, dot, choice = text.partition(".toml[")
    if text.endswith(".toml"):
        return text, ""
    return (f"{path}.toml", f"[{choice}") if dot and text.endswith("]") else ("", text)


def _plain(raw: object) -> bool:
    return isinstance(raw, (int, float)) and not isinstance(raw, bool)


def _with_unit(raw: float, name: str, stem: str, unit: str) -> str:
    if unit == "1":
        return "write a number without quotes"
    number = shorten(raw) if abs(raw) < 1e15 else repr(float(raw))
    remedy = f"write {stem} = {suggest(number, unit)} or whichever unit is meant"
    return f"{remedy}; or {name} = {number}" if name != stem else remedy


def _of_stem(model: type[Parameters], key: str) -> list[str]:
    """Parameters of a model that a key without a suffix may mean."""
    parts = {name: split_name(name, field_unit(info)) for name, info in model.model_fields.items()}
    return [name for name, (stem, suffix) in parts.items() if suffix and stem == key]


def _native(raw: object) -> Any:
    """A value of numpy as one of Python, and an array as a list; all else as it is."""
    if isinstance(raw, (list, tuple)):
        return [_native(item) for item in raw]
    return raw.tolist() if hasattr(raw, "tolist") else raw


def _show(key: object) -> str:
    """Key as it stands in a place."""
    text = str(key) if isinstance(key, str) else shorten(key)
    return text if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text) else shorten(text)


def _brief(raw: object) -> object:
    """Value for a fault; a table is not shown."""
    return None if isinstance(raw, Mapping) else raw


# The root model must offer exactly these sections; a stale generator would show here.
assert set(SECTIONS) | set(_ROOT_KEYS) == set(ScenarioModel.model_fields)
