"""Read and check the spec tables.

Row keys: ``name``, ``unit``, ``doc``; ``type`` (float when missing, int, bool, str, strings, floats,
choice, ref, path, model, models); ``default`` (``"inf"`` is infinity; none means required);
``gt``/``ge``/``lt``/``le``, where a default of infinity lies beside the range; ``least`` (0, or at least
this); ``choices``; ``ref`` (the section that is referred to); ``model`` (of a nested
table); ``core`` (copied into the core struct); ``count`` (array length of a derived row); ``source``.
"""

from __future__ import annotations

import math
import operator
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SPEC_DIR = Path(__file__).resolve().parent
# Order of the stages on every generated page: clock first, then as power flows.
STAGES = (
    "simulation",
    "workload",
    "gpu",
    "rack",
    "distribution",
    "cooling",
    "storage",
    "ageing",
    "generation",
    "control",
    "grid",
    "record",
    "compliance",
    "power_quality",
    "resonance",
    "qualify",
)
TYPES = (
    "float",
    "int",
    "bool",
    "str",
    "strings",
    "floats",
    "choice",
    "ref",
    "path",
    "model",
    "models",
)
INDEX_TYPES = ("int", "bool", "choice")
_BOUND_KEYS = ("gt", "ge", "lt", "le")
_ROW_KEYS = frozenset(
    [
        *_BOUND_KEYS,
        "least",
        "name",
        "unit",
        "type",
        "default",
        "doc",
        "source",
        "core",
        "choices",
        "ref",
        "model",
        "count",
    ]
)
_MODEL_KEYS = frozenset(
    (
        "section",
        "struct",
        "state_struct",
        "presets",
        "optional",
        "doc",
        "input",
        "derived",
        "state",
        "lane_state",
        "cell_state",
        "slow_state",
    )
)


class SpecError(ValueError):
    """A spec table contradicts itself."""


@dataclass(frozen=True)
class Row:
    """One row of a spec table: a parameter, a derived core field or a state."""

    name: str
    unit: str
    type: str
    doc: str
    source: str = ""
    default: Any = None
    has_default: bool = False
    bounds: tuple[tuple[str, float], ...] = ()
    least: float = 0.0
    core: bool = False
    choices: tuple[str, ...] = ()
    ref: str = ""
    model: str = ""
    count: int = 1

    @property
    def unlimited(self) -> bool:
        """Whether the default is infinity, which lies beside the range."""
        return isinstance(self.default, float) and math.isinf(self.default)

    def plain(self) -> tuple[tuple[str, float], ...]:
        """Bounds that hold for every value."""
        return tuple(bound for bound in self.bounds if bound not in self.beside())

    def beside(self) -> tuple[tuple[str, float], ...]:
        """Upper bound beside which infinity is allowed."""
        return tuple(bound for bound in self.bounds if self.unlimited and bound[0] == "le")

    @property
    def kind(self) -> str:
        """Kind of the core field: ``i`` for int64, ``f`` for float64."""
        return "i" if self.type in INDEX_TYPES else "f"


@dataclass(frozen=True)
class Model:
    """One ``[model.X]`` table."""

    name: str
    stage: str
    section: str
    doc: str
    struct: str = ""
    state_struct: str = ""
    presets: str = ""
    optional: bool = False
    input: tuple[Row, ...] = ()
    derived: tuple[Row, ...] = ()
    state: tuple[Row, ...] = ()
    lane_state: tuple[Row, ...] = ()
    cell_state: tuple[Row, ...] = ()
    slow_state: tuple[Row, ...] = ()

    @property
    def named(self) -> bool:
        """Whether the section holds tables by name (``workload.*``)."""
        return self.section.endswith(".*")

    @property
    def key(self) -> str:
        """Section without the star."""
        return self.section.removesuffix(".*")

    def core_rows(self) -> tuple[Row, ...]:
        """Rows of the core struct, in order."""
        return tuple(row for row in self.input if row.core) + self.derived


@dataclass(frozen=True)
class Spec:
    """All tables."""

    models: dict[str, Model]
    stage_docs: dict[str, str] = field(default_factory=dict)

    def structs(self) -> list[tuple[str, str, tuple[Row, ...]]]:
        """Core structs in order: (name, doc, rows)."""
        result: list[tuple[str, str, tuple[Row, ...]]] = []
        for model in self.models.values():
            if model.struct:
                result.append((model.struct, model.doc, model.core_rows()))
            if model.state_struct:
                result.append((model.state_struct, f"State of {model.struct}.", model.state))
        return result

    def matrices(self) -> list[tuple[str, list[Row]]]:
        """Rows of the lane matrix (gpu, then rack), of the cell matrix and of the slow table, by its name."""
        models = self.models.values()
        return [
            ("lane", [row for model in models for row in model.lane_state]),
            ("cell", [row for model in models for row in model.cell_state]),
            ("slow", [row for model in models for row in model.slow_state]),
        ]

    def choice_rows(self) -> list[tuple[Model, Row, str]]:
        """Choices that have codes: (model, row, prefix of their constants)."""
        coded = {model.stage for model in self.models.values() if model.struct}
        result = []
        for model in self.models.values():
            prefix = snake((model.struct or model.name).removesuffix("Params"))
            rows = [row for row in model.input if row.type == "choice" and model.stage in coded]
            result += [(model, row, f"{prefix}_{row.name}") for row in rows]
        return result


def snake(name: str) -> str:
    """``GridEvent`` to ``grid_event``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _row(place: str, data: dict[str, Any], given: bool) -> Row:
    unknown = set(data) - _ROW_KEYS
    if unknown:
        raise SpecError(f"{place}: unknown keys {sorted(unknown)}")
    for key in ("name", "unit", "doc"):
        if not data.get(key):
            raise SpecError(f"{place}: {key} is missing")
    kind = data.get("type", "float")
    if kind not in TYPES:
        raise SpecError(f"{place}.{data['name']}: unknown type {kind!r}")
    default = data.get("default")
    if kind == "float" and default is not None:
        default = float(default)
    row = Row(
        name=data["name"],
        unit=data["unit"],
        type=kind,
        doc=data["doc"],
        source=data.get("source", ""),
        default=default,
        has_default=given and "default" in data,
        # A whole bound stays an int: 2^63 - 1 has no float.
        bounds=tuple(
            (key, data[key] if kind == "int" else float(data[key])) for key in _BOUND_KEYS if key in data
        ),
        least=float(data.get("least", 0.0)),
        core=bool(data.get("core", False)),
        choices=tuple(data.get("choices", ())),
        ref=data.get("ref", ""),
        model=data.get("model", ""),
        count=int(data.get("count", 1)),
    )
    _check_row(f"{place}.{row.name}", row)
    return row


def _check_row(place: str, row: Row) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", row.name):
        raise SpecError(f"{place}: name must be lower-case words joined by _")
    if not row.doc.endswith("."):
        raise SpecError(f"{place}: doc must be a sentence")
    if row.type == "choice" and not row.choices:
        raise SpecError(f"{place}: a choice needs choices")
    if row.type == "choice" and row.has_default and row.default not in row.choices:
        raise SpecError(f"{place}: default is not one of the choices")
    if row.core and row.type not in ("float", *INDEX_TYPES):
        raise SpecError(f"{place}: type {row.type} cannot be a core field")
    if row.least and (row.type != "float" or any(key in ("gt", "ge") for key, _ in row.bounds)):
        raise SpecError(f"{place}: least is for a float without another lower end")
    if row.least and row.has_default and row.default != 0.0 and row.default < row.least:
        raise SpecError(f"{place}: default {row.default} is out of its range")
    if row.type in ("float", "int") and row.has_default:
        tests = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
        for key, limit in row.bounds:
            if not row.unlimited and not tests[key](row.default, limit):
                raise SpecError(f"{place}: default {row.default} is out of its range")


def _model(name: str, stage: str, data: dict[str, Any]) -> Model:
    unknown = set(data) - _MODEL_KEYS
    if unknown:
        raise SpecError(f"{name}: unknown keys {sorted(unknown)}")
    parts = {
        part: tuple(_row(f"{name}.{part}", row, part == "input") for row in data.get(part, ()))
        for part in ("input", "derived", "state", "lane_state", "cell_state", "slow_state")
    }
    model = Model(
        name=name,
        stage=stage,
        section=data["section"],
        doc=data["doc"],
        struct=data.get("struct", ""),
        state_struct=data.get("state_struct", ""),
        presets=data.get("presets", ""),
        optional=bool(data.get("optional", False)),
        **parts,
    )
    for rows in (
        model.input,
        model.core_rows(),
        model.state,
        model.lane_state,
        model.cell_state,
        model.slow_state,
    ):
        names = [row.name for row in rows]
        if len(names) != len(set(names)):
            raise SpecError(f"{name}: a name occurs twice in one struct")
    if bool(model.state) != bool(model.state_struct):
        raise SpecError(f"{name}: state rows and state_struct belong together")
    return model


def read_spec(spec_dir: Path = SPEC_DIR) -> Spec:
    """Read all tables.

    Parameters
    ----------
    spec_dir
        Folder with one ``<stage>.toml`` per stage.

    Raises
    ------
    SpecError
        A table contradicts itself.
    """
    models: dict[str, Model] = {}
    docs: dict[str, str] = {}
    files = {path.stem for path in spec_dir.glob("*.toml")}
    if files != set(STAGES):
        raise SpecError(f"tables without a place in the order of stages: {sorted(files ^ set(STAGES))}")
    for stage in STAGES:
        data = tomllib.loads((spec_dir / f"{stage}.toml").read_text(encoding="utf-8"))
        docs[stage] = data["doc"]
        for name, table in data["model"].items():
            models[name] = _model(name, stage, table)
    sections = {model.section.removesuffix(".*") for model in models.values()}
    for model in models.values():
        for row in model.input:
            if row.model and row.model not in models:
                raise SpecError(f"{model.name}.{row.name}: no model {row.model}")
            if row.ref and row.ref not in sections:
                raise SpecError(f"{model.name}.{row.name}: no section {row.ref}")
    structs = [name for name, _, _ in Spec(models).structs()]
    if len(structs) != len(set(structs)):
        raise SpecError("two structs share a name")
    return Spec(models, docs)
