"""Scenarios: quantities, presets, overrides, resolved text."""

from __future__ import annotations

import copy
import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattkeel._generated.models import MODELS
from wattkeel.checks import whole_ticks
from wattkeel.engine import Engine
from wattkeel.errors import ScenarioError
from wattkeel.normalise import Normaliser
from wattkeel.presets.catalogue import list_presets
from wattkeel.scenario import Scenario, load
from wattkeel.toml_text import write_toml

SITE = """
title = "a site"

[simulation]
duration = "2 min"

[workload.pretrain]
period = "2 s"

[gpu.h100]
preset = "h100"

[rack.hall]
count = 100
gpus_per_rack = 32
gpu = "h100"
workload = "pretrain"
feeds_from = "pdu"

[distribution.pdu]
rated_power = "500 kW"
count = 10
feeds_from = "ups"

[distribution.ups]
kind = "ups"
rated_power = "2.5 MW"
count = 2

[storage.bess]
kind = "battery"
[storage.bess.battery]
energy = "20 MWh"
[storage.bess.converter]
rated_power_mw = 10

[control]
ramp_up = "20 MW/min"

[[grid.event]]
start = "10 s"
duration = "150 ms"
voltage = "20 %"
"""


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def minimal():
    return {
        "workload": {"job": {}},
        "gpu": {"g": {}},
        "rack": {"a": {"count": 1, "gpu": "g", "workload": "job"}},
    }


def test_load(site):
    scenario = load(site)
    model = scenario.model
    assert model.title == "a site"
    assert model.simulation.duration_s == 120.0
    assert model.gpu["h100"].rated_power_w == 700.0
    assert model.storage["bess"].battery.energy_j == 7.2e10
    assert model.storage["bess"].converter.rated_power_w == 10e6
    assert model.control.ramp_up_w_per_s == 20e6 / 60
    assert model.grid.event[0].voltage_pu == 0.2
    assert model.grid.event[0].duration_s == 0.15
    assert scenario.base_dir == site.parent
    assert scenario.source == site
    assert scenario.warnings == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("energy", "20 MWh"),
        ("energy_mwh", 20),
        ("energy_j", 7.2e10),
        ("energy_j", "20 MWh"),
        ("energy_gj", 72),
    ],
)
def test_all_forms_of_a_quantity_are_one(key, value):
    data = minimal() | {"storage": {"b": {"battery": {key: value}, "converter": {"rated_power": "1 MW"}}}}
    assert Scenario.from_dict(data).model.storage["b"].battery.energy_j == 7.2e10


def test_storage_keys_may_stand_on_the_unit():
    data = minimal() | {"storage": {"b": {"energy": "20 MWh", "rated_power": "1 MW", "soc_initial": "60 %"}}}
    unit = Scenario.from_dict(data).model.storage["b"]
    assert unit.battery.energy_j == 7.2e10
    assert unit.battery.soc_initial == 0.6
    assert unit.converter.rated_power_w == 1e6
    data["storage"]["b"]["kind"] = "supercapacitor"
    assert Scenario.from_dict(data).model.storage["b"].supercapacitor.energy_j == 7.2e10


def test_dimension_chooses_between_parameters_of_one_stem():
    rules = [
        {"name": "ramp", "kind": "ramp", "limit": "20 MW/min"},
        {"name": "swing", "kind": "power_variation", "limit": "5 MW"},
        {"name": "band", "kind": "dynamic_range", "limit": "10 %"},
    ]
    rule = Scenario.from_dict(minimal() | {"compliance": {"rule": rules}}).model.compliance.rule
    assert rule[0].limit_w_per_s == 20e6 / 60
    assert rule[1].limit_w == 5e6
    assert rule[2].limit_fraction == 0.1


def test_lists_of_quantities():
    data = minimal() | {"record": {"envelope": ["10 ms", "1 s"]}}
    assert Scenario.from_dict(data).model.record.envelope_s == (0.01, 1.0)
    data = minimal() | {"record": {"envelope_ms": [10, 1000]}}
    assert Scenario.from_dict(data).model.record.envelope_s == (0.01, 1.0)


def test_infinity_where_it_is_the_default():
    data = minimal() | {"control": {"ramp_up": "inf", "shape": "8 Hz"}}
    control = Scenario.from_dict(data).model.control
    assert control.ramp_up_w_per_s == float("inf")
    assert control.shape_hz == 8.0


def test_preset_lies_under_own_keys_and_overrides(site):
    scenario = load(site)
    assert scenario.with_overrides(["gpu.h100.idle_power=100 W"]).model.gpu["h100"].idle_power_w == 100.0
    changed = scenario.with_overrides(["gpu.h100.preset=b200"]).model.gpu["h100"]
    assert changed.rated_power_w == 1000.0


def test_nested_presets():
    data = minimal() | {
        "storage": {"b": {"preset": "enerc-container", "battery": {"preset": "nmc-samsung-94ah"}}}
    }
    data["storage"]["b"]["energy"] = "1 MWh"
    unit = Scenario.from_dict(data).model.storage["b"]
    assert unit.battery.cell_capacity_ah == pytest.approx(94.0, rel=0.05)
    assert unit.battery.energy_j == 3.6e9
    assert unit.converter.rated_power_w > 0.0


def test_the_upper_layer_decides_how_a_store_is_sized(site):
    scenario = load(site).with_overrides({"storage.bess.strings": 3})
    assert scenario.model.storage["bess"].battery.strings == 3.0
    assert scenario.model.storage["bess"].battery.energy_j == 0.0


def test_overrides(site):
    scenario = load(
        site,
        [
            "storage.bess.energy=5 MWh",
            "grid.scr=5",
            "grid.event.0.duration=0.3 s",
            "rack.hall.count=50",
            "control.target=fixed",
            'title="other"',
            "workload.pretrain.trace_repeat=false",
            "record.full_rate=['poi.*']",
        ],
    )
    model = scenario.model
    assert model.storage["bess"].battery.energy_j == 1.8e10
    assert model.grid.scr == 5.0
    assert model.grid.event[0].duration_s == 0.3
    assert model.grid.event[0].start_s == 10.0
    assert model.rack["hall"].count == 50
    assert model.control.target == "fixed"
    assert model.title == "other"
    assert model.workload["pretrain"].trace_repeat is False
    assert model.record.full_rate == ("poi.*",)
    by_path = load(site).with_overrides({"storage.bess.energy_mwh": 7, "grid.scr": 3})
    assert by_path.model.storage["bess"].battery.energy_j == pytest.approx(7 * 3.6e9)


def test_overrides_leave_the_first_scenario_alone(site):
    scenario = load(site)
    before = copy.deepcopy(scenario.tree)
    scenario.with_overrides(["storage.bess.energy=5 MWh", "grid.event.0.duration=0.3 s"])
    assert scenario.tree == before
    assert scenario.with_overrides([]).model == scenario.model


def test_paths_are_relative_to_where_they_are_written(tmp_path, monkeypatch):
    for folder, power in (("scenarios", 400), ("here", 500)):
        (tmp_path / folder).mkdir()
        rows = "".join(f"{i * 0.1:.1f},{power + i % 2}\n" for i in range(20))
        (tmp_path / folder / "t.csv").write_text(f"time_s,power_w\n{rows}", encoding="utf-8")
    text = SITE.replace('period = "2 s"', 'kind = "trace"\ntrace = "t.csv"')
    path = tmp_path / "scenarios" / "site.toml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    scenario = load(path)
    trace = scenario.traces["workload.pretrain"]
    assert trace.power_w.min() == 400.0
    assert os.path.isabs(scenario.model.workload["pretrain"].trace)
    assert any(
        "sampled every 100 ms; at a tick of 1 ms nothing faster than 5 Hz" in w for w in scenario.warnings
    )
    other = scenario.with_overrides(["workload.pretrain.trace=t.csv"])
    assert other.traces["workload.pretrain"].power_w.min() == 500.0
    assert scenario.with_overrides(["grid.scr=4"]).traces["workload.pretrain"] is trace


def test_resolved_scenario_loads_to_an_equal_model(site, tmp_path):
    scenario = load(site)
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(scenario.to_toml(), encoding="utf-8")
    assert load(resolved).model == scenario.model
    assert "preset" not in tomllib.loads(scenario.to_toml())["gpu"]["h100"]


def test_a_battery_without_a_voltage_table_gets_that_of_the_preset(site):
    scenario = load(site)
    cells = scenario.model.storage["bess"].battery
    values = next(preset for preset in list_presets("battery") if preset.name == "lfp-enerc-306ah").values
    assert cells.ocv_soc == tuple(values["ocv_soc"])
    assert cells.ocv_v == tuple(values["ocv_v"])
    resolved = tomllib.loads(scenario.to_toml())["storage"]["bess"]["battery"]
    assert resolved["ocv_v"] == values["ocv_v"]
    Engine(scenario).step(3)
    own = scenario.with_overrides(
        {"storage.bess.battery.ocv_soc": [0.0, 1.0], "storage.bess.battery.ocv_v": [3.0, 3.5]}
    )
    assert own.model.storage["bess"].battery.ocv_v == (3.0, 3.5)


def test_another_cell_with_the_usual_voltage_table_is_warned_of(site):
    cell = {"cell_voltage": "3.7 V", "cell_voltage_max": "4.2 V"}
    scenario = load(site, {f"storage.bess.battery.{key}": value for key, value in cell.items()})
    assert any("storage.bess.battery.ocv_v: not given" in warning for warning in scenario.warnings)


def test_an_event_after_a_shortened_run_is_a_warning(site):
    scenario = load(site, ["simulation.duration=5 s"])
    assert scenario.warnings == ["grid.event[0]: starts after the end of the run"]


def test_a_loss_that_falls_with_load_is_warned_of(site):
    table = {"load_pu": [0.1, 0.5, 1.0], "efficiency": [0.8, 0.96, 0.95]}
    scenario = load(site, {f"distribution.pdu.{key}": value for key, value in table.items()})
    (warning,) = scenario.warnings
    assert warning.startswith(
        "distribution.pdu.efficiency: the loss falls from 0.025 pu at load 0.1 to 0.0208"
    )
    rounded = {"load_pu": [0.5, 0.5001], "efficiency": [0.96, 0.96005]}
    assert load(site, {f"distribution.pdu.{key}": value for key, value in rounded.items()}).warnings == []


def test_control_follows_a_tick_that_the_usual_period_does_not_fit():
    scenario = Scenario.from_dict(minimal() | {"simulation": {"tick": "0.25 s"}})
    assert scenario.model.control.period_s == 0.25
    assert any("control.period_s" in warning for warning in scenario.warnings)


def test_bytes_of_windows_editors(site):
    site.write_bytes(b"\xef\xbb\xbf" + SITE.replace("\n", "\r\n").encode())
    assert load(site).model.title == "a site"


@pytest.mark.parametrize(("kind", "name"), [(preset.kind, preset.name) for preset in list_presets()])
def test_presets_speak_the_language_of_scenarios(kind, name):
    model = next(model for model in MODELS.values() if model.preset_kind == kind)
    preset = next(preset for preset in list_presets(kind) if preset.name == name)
    normaliser = Normaliser(base_dir=None)
    tree = normaliser.section(preset.values, model, name)
    assert normaliser.faults == []
    assert tree


@pytest.mark.parametrize(
    ("time_s", "tick_s", "ticks"),
    [
        (0.3, 0.1, 3),
        (1.0, 1e-4, 10000),
        (0.0, 1e-3, 0),
        (0.0015, 0.001, None),
        (float("inf"), 1.0, None),
        (1.0, 0.0, None),
    ],
)
def test_whole_ticks(time_s, tick_s, ticks):
    assert whole_ticks(time_s, tick_s) == ticks


# -- properties -------------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["20 MW", "2 s", "5 %", "inf", "nan", "1 C", "h100", "site", "training", "g", "job", "poi.*"]
    ),
)
SECTION_NAMES = st.sampled_from([model.toml_section.split(".")[0] for model in MODELS.values()])
KEYS = st.one_of(
    st.sampled_from(
        sorted({name for model in MODELS.values() for name in model.model_fields} | {"preset", "energy"})
    ),
    st.text(max_size=8),
    st.integers(),
)
TABLES = st.recursive(
    VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)


def attempt(data):
    """Scenario, or the error that tells what is wrong; anything else that is raised fails the test."""
    try:
        return Scenario.from_dict(data)
    except ScenarioError as error:
        return error


@given(st.dictionaries(st.one_of(SECTION_NAMES, st.text(max_size=6)), TABLES, max_size=4))
def test_any_dict_is_a_scenario_or_a_scenario_error(data):
    result = attempt(data)
    assert isinstance(result, Scenario) or (result.faults and str(result))


@given(SECTION_NAMES, KEYS, TABLES)
def test_one_odd_value_in_a_good_scenario(section, key, value):
    data = minimal() | {"storage": {"a": {"energy": "1 MWh", "rated_power": "1 MW"}}, "distribution": {}}
    table = data.setdefault(section, {})
    for part in [table, table.get("a"), table.get("g"), table.get("job")]:
        if isinstance(part, dict):
            part[key] = value
    result = attempt(data)
    if isinstance(result, Scenario):
        assert Scenario.from_dict(tomllib.loads(result.to_toml())).model == result.model
    else:
        assert all(fault.message and fault.remedy for fault in result.faults)


@given(
    st.floats(min_value=1e-3, max_value=1e3),
    st.floats(min_value=1.0, max_value=100.0),
    st.one_of(st.just(float("inf")), st.floats(min_value=1e-3, max_value=1e9)),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
)
def test_resolved_text_keeps_every_bit(period_s, scr, ramp, title):
    data = minimal() | {"title": title, "grid": {"scr": scr}, "control": {"ramp_up_w_per_s": ramp}}
    data["workload"]["job"] = {"period_s": period_s, "edge_s": 0.0}
    scenario = Scenario.from_dict(data)
    assert Scenario.from_dict(tomllib.loads(scenario.to_toml())).model == scenario.model


@given(
    st.recursive(
        st.dictionaries(
            st.text(st.characters(exclude_categories=("Cs",)), max_size=5), st.none() | st.integers()
        ),
        lambda inner: st.dictionaries(
            st.text(st.characters(exclude_categories=("Cs",)), max_size=5),
            inner
            | st.lists(st.floats(allow_nan=False), max_size=3)
            | st.booleans()
            | st.lists(inner, max_size=2),
        ),
        max_leaves=6,
    )
)
def test_written_toml_reads_back(tree):
    def clean(value):
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items() if item is not None}
        return [clean(item) for item in value] if isinstance(value, list) else value

    assert tomllib.loads(write_toml(tree)) == clean(tree)
