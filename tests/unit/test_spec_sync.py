"""The generated files are those that the spec tables give, and the tables are sound."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wattkeel import units
from wattkeel._generated import dtypes, models
from wattkeel.spec import generate, tables

ROOT = Path(__file__).resolve().parents[2]
SPEC = tables.read_spec()
INPUTS = [(model, row) for model in SPEC.models.values() for row in model.input]


def test_generated_files_are_not_stale():
    assert generate.stale(ROOT) == []


def test_generator_runs_by_path_and_tells_what_is_stale(tmp_path):
    script = ROOT / "python/wattkeel/spec/generate.py"
    good = subprocess.run([sys.executable, "-S", script, "--check"], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(
        [sys.executable, script, "--check", "--root", tmp_path], capture_output=True, text=True
    )
    assert bad.returncode == 1
    assert bad.stderr.count("stale: ") == len(generate.generate())


def test_generator_is_deterministic():
    assert generate.generate() == generate.generate()


@pytest.mark.parametrize("name", dtypes.STRUCTS)
def test_structs_have_no_padding(name):
    dtype = dtypes.STRUCTS[name]
    fields = [dtype.fields[field] for field in dtype.names]
    assert dtype.itemsize == sum(field[0].itemsize for field in fields)
    offsets = [field[1] for field in fields]
    assert offsets == sorted(offsets)
    assert all(offset % 8 == 0 for offset in offsets)
    assert all(field[0].base in (np.dtype("i8"), np.dtype("f8")) for field in fields)


def test_layout_lists_every_field():
    rows = dtypes.layout()
    assert len(rows) == sum(len(core) for _, _, core in SPEC.structs())
    by_name = {(struct, field): (offset, kind, count) for struct, field, offset, kind, count in rows}
    assert by_name["JobParams", "kind"] == (0, "i", 1)
    assert by_name["RackParams", "knot_w"][1:] == ("f", 8)


def test_header_has_every_field_and_no_other_include():
    text = (ROOT / "cpp/include/wattkeel/params.hpp").read_text(encoding="utf-8")
    assert set(re.findall(r"#include <(\w+)>", text)) == {"cstddef", "cstdint", "type_traits"}
    for struct, field, offset, _, _ in dtypes.layout():
        assert f"static_assert(offsetof({struct}, {field}) == {offset});" in text
    for index, name in enumerate(dtypes.LANE_STATE):
        assert f"lane_{name} = {index};" in text


def test_lane_rows_are_those_of_gpu_then_rack():
    rows = [row.name for name in ("Gpu", "Rack") for row in SPEC.models[name].lane_state]
    assert list(dtypes.LANE_STATE) == rows
    assert len(rows) == dtypes.LANE_ROWS
    assert [getattr(dtypes, f"LANE_{name.upper()}") for name in rows] == list(range(len(rows)))


@pytest.mark.parametrize(("model", "row"), INPUTS, ids=[f"{m.name}.{r.name}" for m, r in INPUTS])
def test_input_rows_are_complete(model, row):
    info = models.MODELS[model.name].model_fields[row.name]
    assert info.description == row.doc
    assert row.doc.endswith(".")
    assert info.json_schema_extra["unit"] == row.unit
    assert info.json_schema_extra.get("source", "") == row.source
    assert row.unit in units.UNITS or row.unit in ("1", "pu"), "a unit that no user could write"
    if row.type == "choice":
        coded = dtypes.CHOICES.get(f"{model.name}.{row.name}")
        assert coded is None or list(coded) == list(row.choices)
    if row.type == "float" and row.has_default:
        assert info.default == row.default


def test_every_quantity_has_an_upper_end():
    for model, row in INPUTS:
        if row.type in ("float", "int"):
            assert any(key in ("lt", "le") for key, _ in row.bounds), f"{model.name}.{row.name}"


def test_model_json_schema_is_valid_and_closed():
    schema = json.loads((ROOT / "python/wattkeel/_generated/schema.json").read_text(encoding="utf-8"))
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(models.ScenarioModel.model_fields)
    battery = schema["$defs"]["Battery"]
    assert {"energy", "energy_j", "preset"} <= set(battery["properties"])
    patterns = battery["patternProperties"]
    assert any(re.match(pattern, "energy_mwh") for pattern in patterns)
    assert not any(re.match(pattern, "energy_mw") for pattern in patterns)
    for definition in schema["$defs"].values():
        assert definition["additionalProperties"] is False
        for pattern in definition.get("patternProperties", {}):
            re.compile(pattern)


def test_reference_page_names_every_parameter():
    page = (ROOT / "docs/parameters.md").read_text(encoding="utf-8")
    for _, row in INPUTS:
        assert f"`{row.name}`" in page


def test_models_refuse_nan_and_unknown_names():
    with pytest.raises(ValueError, match="finite"):
        models.Grid(scr=math.nan)
    with pytest.raises(ValueError, match="greater than or equal to"):
        models.Control(shape_hz=math.nan)
    with pytest.raises(ValueError, match="finite"):
        models.Grid(scr=math.inf)
    assert models.Control(shape_hz=math.inf).shape_hz == math.inf
    with pytest.raises(ValueError, match="less than or equal to"):
        models.Control(shape_hz=1e300)
    assert models.Rack(count=1, gpu="g", workload="w", psu_rated_w=0.0).psu_rated_w == 0.0
    with pytest.raises(ValueError, match="greater than or equal to"):
        models.Rack(count=1, gpu="g", workload="w", psu_rated_w=1e-300)
    with pytest.raises(ValueError, match="Extra inputs"):
        models.Grid(scrr=3.0)
    with pytest.raises(ValueError, match="frozen"):
        models.Grid().scr = 3.0


def _write(folder, text):
    for stage in tables.STAGES:
        source = ROOT / f"python/wattkeel/spec/{stage}.toml"
        (folder / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "cooling.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{name="x", unit="W", doc="No stop"}', "must be a sentence"),
        ('{name="x", unit="W", default=-1.0, ge=0.0, doc="X."}', "out of its range"),
        ('{name="x", unit="W", defualt=-1.0, doc="X."}', "unknown keys"),
        ('{name="X", unit="W", doc="X."}', "lower-case"),
        ('{name="x", doc="X."}', "unit is missing"),
        ('{name="x", unit="1", type="choice", doc="X."}', "needs choices"),
        ('{name="x", unit="1", type="ref", ref="gpus", doc="X."}', "no section"),
        ('{name="x", unit="1", type="number", doc="X."}', "unknown type"),
        ('{name="x", unit="W", default=0.5, least=1.0, doc="X."}', "out of its range"),
        ('{name="x", unit="W", ge=0.0, least=1.0, doc="X."}', "another lower end"),
        ('{name="x", unit="W", doc="X."}, {name="x", unit="W", doc="X."}', "occurs twice"),
    ],
)
def test_unsound_tables_are_refused(tmp_path, row, message):
    text = f'stage="cooling"\ndoc="C."\n[model.Cooling]\nsection="cooling"\ndoc="C."\ninput=[{row}]\n'
    with pytest.raises(tables.SpecError, match=message):
        tables.read_spec(_write(tmp_path, text))
