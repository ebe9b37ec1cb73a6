"""Write the pydantic models."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from wattkeel.spec.emit_core import NOTE
    from wattkeel.spec.tables import Model, Row, Spec
else:  # run as a plain script: the folder of the script is on the path
    from emit_core import NOTE
    from tables import Model, Row, Spec

WIDTH = 110
_HEAD = '''"""Parameter models of every section of a scenario, in SI units."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema


def _not_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("must not be NaN")
    return value


class AtMost:
    """Upper end of a range beside which infinity stands for no limit."""

    beside = "inf"

    def __init__(self, le: float) -> None:
        self.le = le

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: float) -> float:
        if self.le < value < math.inf:
            raise PydanticKnownError("less_than_equal", {"le": self.le})
        return value


class AtLeast:
    """Lower end of a range beside which 0 stands for none, or for what suits."""

    beside = "0"

    def __init__(self, ge: float) -> None:
        self.ge = ge

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: float) -> float:
        if value != 0.0 and value < self.ge:
            raise PydanticKnownError("greater_than_equal", {"ge": self.ge})
        return value


# Strict: a scenario has turned quantities to numbers before, so that text or a truth value is a mistake.
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Limit = Annotated[float, Field(strict=True), AfterValidator(_not_nan)]
Whole = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True)]


class Parameters(BaseModel):
    """Base of all parameter models: frozen, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Section of the scenario that holds the parameters, and kind of the presets that it takes.
    toml_section: ClassVar[str] = ""
    preset_kind: ClassVar[str] = ""
'''
_SCALARS = {"int": "Whole", "bool": "Flag", "str": "Text", "ref": "Text", "path": "Text"}


def literal(value: object) -> str:
    """Python text of a default."""
    if isinstance(value, float):
        return "math.inf" if math.isinf(value) else repr(value)
    if isinstance(value, (list, tuple)):
        items = [literal(item) for item in value]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if isinstance(value, str):
        return quoted(value)
    return repr(value)


def quoted(text: str) -> str:
    """Python string, in the quotes that a formatter would choose."""
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def emit_models(spec: Spec) -> str:
    """Text of ``_generated/models.py``."""
    out = [f"# {NOTE}", *_HEAD.splitlines()]
    done: set[str] = set()

    def add(model: Model) -> None:
        for row in model.input:  # nested models stand before the model that holds them
            if row.model and row.model not in done:
                add(spec.models[row.model])
        if model.name not in done:
            done.add(model.name)
            out.extend(_class(model))

    for model in spec.models.values():
        add(model)
    out += _root(spec)
    return "\n".join(out) + "\n"


def _class(model: Model) -> list[str]:
    out = ["", "", f"class {model.name}(Parameters):", *_docstring(model), ""]
    out.append(f'    toml_section: ClassVar[str] = "{model.section}"')
    if model.presets:
        out.append(f'    preset_kind: ClassVar[str] = "{model.presets}"')
    out.append("")
    for row in model.input:
        out += _field(row)
    return out


def _docstring(model: Model) -> list[str]:
    out = [f'    """Section ``{model.section}``.', "", *[f"    {line}" for line in _wrap(model.doc, 4)]]
    out += ["", "    Parameters", "    ----------"]
    for row in model.input:
        out.append(f"    {row.name}")
        out += [f"        {line}" for line in _wrap(f"{row.doc} [{row.unit}]", 8)]
    return [*out, '    """']


def _wrap(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text.replace("\\", "\\\\"), WIDTH - indent - 3)


def _annotation(row: Row) -> str:
    if row.type == "float":
        base = "Limit" if row.unlimited else "Finite"
        marks = [f"AtMost({limit!r})" for _, limit in row.beside()]
        marks += [f"AtLeast({row.least!r})"] if row.least else []
        return f"Annotated[{', '.join([base, *marks])}]" if marks else base
    if row.type == "choice":
        return f"Literal[{', '.join(quoted(choice) for choice in row.choices)}]"
    nested = {"strings": "tuple[Text, ...]", "floats": "tuple[Finite, ...]"}
    nested |= {"model": f"{row.model} | None", "models": f"tuple[{row.model}, ...]"}
    return nested.get(row.type) or _SCALARS[row.type]


def _field(row: Row) -> list[str]:
    args = []
    if row.type == "model":
        args.append("default=None")
    elif row.has_default:
        args.append(f"default={literal(row.default)}")
    args += [f"{key}={limit!r}" for key, limit in row.plain()]
    args += [f"description={quoted(row.doc)}"]
    extra = f'"unit": {quoted(row.unit)}'
    if row.type != "float":
        extra += f', "type": "{row.type}"'
    if row.ref:
        extra += f', "ref": "{row.ref}"'
    extra += f', "source": {quoted(row.source)}' if row.source else ""
    args += [f"json_schema_extra={{{extra}}}"]
    return _call(f"    {row.name}: {_annotation(row)} = Field", args)


def _call(head: str, args: list[str]) -> list[str]:
    """Lay a call out as the formatter does: one line, one indented line, or a line an argument."""
    line = f"{head}({', '.join(args)})"
    if len(line) <= WIDTH:
        return [line]
    inner = f"        {', '.join(args)}"
    if len(inner) <= WIDTH:
        return [f"{head}(", inner, "    )"]
    out = [f"{head}("]
    for arg in args:
        out += _argument(arg)
    return [*out, "    )"]


def _argument(arg: str) -> list[str]:
    if len(arg) + 9 <= WIDTH:
        return [f"        {arg},"]
    name, value = arg.split("=", 1)
    if name == "json_schema_extra":
        # Commas within a source stay: it is the last entry.
        others, source = value[1:-1].split(', "source": ', 1)
        lines = [f"            {other}," for other in others.split(", ")]
        if len(source) + 23 <= WIDTH:
            lines.append(f'            "source": {source},')
        else:
            lines += ['            "source": (', *_parts(source, 16), "            ),"]
        return ["        json_schema_extra={", *lines, "        },"]
    return [f"        {name}=(", *_parts(value, 12), "        ),"]


def _parts(text: str, indent: int) -> list[str]:
    """Split a quoted string into adjacent strings that fit."""
    quote, body = text[0], text[1:-1]
    pieces = textwrap.wrap(
        body, WIDTH - indent - 3, break_on_hyphens=False, break_long_words=False, drop_whitespace=False
    )
    return [f"{' ' * indent}{quote}{piece}{quote}" for piece in pieces]


def _root(spec: Spec) -> list[str]:
    out = [
        "",
        "",
        "class ScenarioModel(Parameters):",
        '    """A whole scenario: one member per section.',
        "",
        "    Parameters",
        "    ----------",
        "    title",
        "        Name of the scenario, printed on reports.",
        "    schema_version",
        "        Version of the scenario format.",
    ]
    members: list[str] = []
    for model in spec.models.values():
        name = model.key
        if "." in name:
            continue
        doc = f"Section ``{model.section}``: {model.doc}"
        out += [f"    {name}", *[f"        {line}" for line in _wrap(doc, 8)]]
        if model.optional:
            members.append(f"    {name}: {model.name} | None = None")
        elif not model.named:
            members.append(f"    {name}: {model.name} = {model.name}()")
        elif name == "rack":
            members.append(f"    {name}: dict[Text, {model.name}] = Field(min_length=1)")
        else:
            members.append(f"    {name}: dict[Text, {model.name}] = Field(default_factory=dict)")
    out += [
        '    """',
        "",
        '    title: Text = Field(default="", description="Name of the scenario, printed on reports.")',
        "    schema_version: Literal[1] = Field(",
        '        default=1, description="Version of the scenario format.", json_schema_extra={"unit": "1"}',
        "    )",
    ]
    out += members
    out += ["", "", "# Every model by its name.", "MODELS: dict[str, type[Parameters]] = {"]
    return [*out, *[f'    "{model.name}": {model.name},' for model in spec.models.values()], "}"]
