"""Absurd numbers are refused with a fault, or they can be stepped: nothing else is raised."""

from __future__ import annotations

import copy
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from wattkeel._generated.models import MODELS
from wattkeel.engine import Engine
from wattkeel.errors import ScenarioError
from wattkeel.normalise import SECTIONS, field_type
from wattkeel.scenario import Scenario

METERS = Path(__file__).parents[1] / "golden" / "meters.csv"
EXTREMES = (0.0, 1e-300, 1e300, -1.0, math.nan, math.inf)
# Every section, every form of loss, cells of both kinds, each in one small site.
SITE = """
simulation = {duration_s = 0.1}
control = {average_s = 0.01, measurement_delay_s = 0.001, soc_gain_w = 1e4, fast_soc_gain_w = 1e4}
cooling = {fixed_w = 1e3, proportional = 0.1, lagged = 0.1}
resonance.own = {low_hz = 1.0, high_hz = 2.0}
record = {envelope_s = [0.01, 0.1]}
compliance = {rule = [{name = "rule", kind = "ramp", limit_w_per_s = 1e6}]}
workload.job = {edge_s = 0.0, checkpoint_every = 1}
workload.replay = {kind = "trace", trace = "METERS", trace_columns = ["?_w"], trace_interpolation = "linear"}
gpu.gpu = {percent_tmp_floor = 50.0, edp_factor = 1.1}
distribution.low = {rated_power_w = 1e5, loss_a = 0.01, loss_c = 0.01, feeds_from = "high"}
distribution.high = {rated_power_w = 1e5, load_pu = [0.5, 1.0], efficiency = [0.9, 0.9]}
generation.roof = {rated_power_w = 1e4, trace = "METERS", trace_column = "a_w"}
storage.slow = {battery = {energy_j = 1e8}}
storage.odd = {battery = {strings = 1.0, ocv_soc = [0.0, 0.4, 1.0], ocv_v = [3.0, 3.2, 3.4]}}
storage.fast = {role = "fast", kind = "supercapacitor", supercapacitor = {energy_j = 1e6}}
storage.flat = {kind = "supercapacitor", supercapacitor = {capacitance_f = 1.0, time_constant_s = 0.0}}
[grid]
event = [{start_s = 0.001, duration_s = 0.001, voltage_pu = 0.9, frequency_offset_hz = 0.1}]
load_shedding = [{threshold_hz = 59.0, share = 0.1, site_share = 0.1}]
island = {separate_after_s = 0.01, return_after_s = 0.01}
tap_changer = {delay_s = 0.01}
capacitor_bank = {step_var = 1e4, in_below_pu = 0.97, delay_s = 0.01}
frequency_model = "two_area"
remote = {inertia_s = 5.0}
[rack]
a = {workload = "job", feeds_from = "low", store_energy_j = 1e3, store_power_w = 1e3}
b = {workload = "job", psu_form = "table", psu_load_pu = [0.5, 1.0], psu_efficiency = [0.9, 0.9]}
c = {workload = "replay", psu_form = "offset", psu_offset_w = 10.0}
"""
Place = tuple[str | int, ...]


def site() -> dict[str, Any]:
    tables = tomllib.loads(SITE.replace("METERS", METERS.as_posix()))
    for rack in tables["rack"].values():
        rack |= {"count": 2, "gpu": "gpu"}
    for unit in tables["storage"].values():
        unit["converter"] = {"rated_power_w": 1e5}
    tables["storage"]["odd"]["forming"] = {"droop": 0.01}
    tables["storage"]["fast"]["support"] = {"inertia_s": 1.0, "frequency_gain": 10.0}
    return tables


def put(tables: dict[str, Any], path: Place, value: object) -> None:
    inner: Any = tables
    for step in path[:-1]:
        inner = inner[step] if isinstance(step, int) else inner.setdefault(step, {})
    inner[path[-1]] = value


def tables_of(place: str, tables: dict[str, Any]) -> Iterator[Place]:
    """Paths of all tables in the site that a model serves, e.g. of ``storage.*.battery``."""
    paths: list[Place] = [()]
    for step in place.split("."):
        longer: list[Place] = []
        for path in paths:
            inner: Any = tables
            for done in path:
                inner = inner[done] if isinstance(done, int) else inner.get(done, {})
            if step == "*":
                longer += [(*path, name) for name in inner]
            elif isinstance(inner.get(step, {}), list):
                longer += [(*path, step, index) for index in range(len(inner[step]))]
            elif len(path) == 0 or step in inner:
                longer.append((*path, step))
        paths = longer
    yield from paths


def quantities() -> list[Place]:
    """Paths of all quantities of the site, given or not; of lists the first entry."""
    found: list[Place] = []
    tables = site()
    for model in MODELS.values():
        if model.toml_section.split(".")[0] not in SECTIONS:  # of stages alone
            continue
        for path in tables_of(model.toml_section, tables):
            inner: Any = tables
            for step in path:
                inner = inner.get(step, {}) if isinstance(inner, dict) else inner[step]
            for name, info in model.model_fields.items():
                if field_type(info) == "float":
                    found.append((*path, name))
                elif field_type(info) == "floats" and name in inner:
                    found += [(*path, name, index) for index in range(len(inner[name]))]
    return found


QUANTITIES = quantities()


def survive(changes: dict[Place, float]) -> bool:
    """Whether a site with the changes is accepted; then it steps."""
    tables = copy.deepcopy(site())
    for path, value in changes.items():
        put(tables, path, value)
    try:
        Engine(Scenario.from_dict(tables)).step(3)
    except ScenarioError as error:
        found = error.faults
    else:
        return True
    assert found
    assert all(fault.message and fault.remedy for fault in found)
    return False


def edges(path: Place) -> list[float]:
    """Smallest and largest value that the range of a quantity allows, and a small one."""
    name = next(step for step in reversed(path) if isinstance(step, str))
    sections = {model.toml_section: model for model in MODELS.values()}
    keys = [step for step in path if isinstance(step, str)][:-1]
    for section, model in sections.items():
        steps = section.split(".")
        if len(steps) == len(keys) and all(a in ("*", b) for a, b in zip(steps, keys, strict=True)):
            info = model.model_fields[name]
            limits = [
                getattr(mark, key) for mark in info.metadata for key in ("ge", "le") if hasattr(mark, key)
            ]
            adapter = TypeAdapter(info.rebuild_annotation())
            return [value for value in [*limits, 1e-6] if allowed(adapter, value)]
    return []


def allowed(adapter: TypeAdapter[Any], value: float) -> bool:
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    return True


def test_the_site_steps_as_it_is() -> None:
    assert survive({})
    assert {path[0] for path in QUANTITIES} == set(SECTIONS)


@pytest.mark.parametrize("value", EXTREMES)
def test_one_extreme_value(value: float) -> None:
    accepted = {path for path in QUANTITIES if survive({path: value})}
    if math.isnan(value) or value == 1e300:
        assert not accepted


def test_ends_of_the_ranges() -> None:
    for path in QUANTITIES:
        for value in edges(path):
            survive({path: value})


@given(st.data())
@settings(max_examples=100)
def test_several_ends_of_ranges_together(data: st.DataObject) -> None:
    paths = data.draw(st.lists(st.sampled_from(QUANTITIES), min_size=2, max_size=4, unique=True))
    survive({path: data.draw(st.sampled_from(edges(path) or [0.0])) for path in paths})
