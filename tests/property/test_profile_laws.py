"""Profiles that were broken at random: a ScenarioError that says where, or a profile that can be judged."""

from __future__ import annotations

import copy
import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from profile_texts import HEAD, as_json, shipped

from wattkeel.compliance import load_profile
from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.profile import Profile
from wattkeel.compliance.record import Record
from wattkeel.compliance.schema import faults_of, json_schema
from wattkeel.compliance.verdicts import judge_profile
from wattkeel.errors import Fault, ScenarioError
from wattkeel.profile_files import shipped_profiles

SHIPPED = shipped()
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in shipped_profiles().items()}
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = sorted({*HEAD, *BLOCKS, *(key for block in BLOCKS.values() for key in block.keys), "facts"})
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from([0.0, -1.0, 0.9, 1.1, 60.0, 1e308, 5e-324, math.nan, math.inf, 10**400]),
    st.text(max_size=6),
    st.sampled_from(["up", "both", "per_minute", "unspecified", "load", "user", "none", "CE", "nested"]),
    st.dates(),
    st.datetimes(),
    st.times(),
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=12,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of everything within a file but the file itself."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from places(value[key], (*path, key))


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """A shipped file with a few changes: keys dropped, added, swapped, or given another value.

    Numbers that are only scaled leave many files right, but with limits and windows of any size."""
    data: dict[str, Any] = copy.deepcopy(SHIPPED[draw(st.sampled_from(sorted(SHIPPED)))])
    for _ in range(draw(st.integers(1, 4))):
        known = list(places(data))
        if not known:
            break
        *above, last = draw(st.sampled_from(known))
        parent: Any = data
        for key in above:
            parent = parent[key]
        change = draw(st.sampled_from(["drop", "replace", "add", "swap", "scale", "scale"]))
        if change == "drop":
            del parent[last]
        elif change == "replace":
            parent[last] = draw(JUNK)
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(WORDS) | st.text(max_size=6))] = draw(JUNK)
        elif change == "scale" and isinstance(parent[last], float):
            parent[last] *= draw(st.sampled_from([0.5, 1.01, 3.0, 1e3, 1e-6, -1.0]))
        elif change == "swap":
            other = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else range(len(parent))))
            parent[last], parent[other] = parent[other], parent[last]
    return data


def read(path: Path) -> Profile | None:
    """A profile, or None where all faults were told; any other exception is a failure of the test."""
    try:
        return load_profile(path)
    except ScenarioError as error:
        faults = error.faults
    assert faults
    for fault in faults:
        assert path.name in fault.place
        assert "\n" not in str(fault)
        assert fault.message
    return None


def judge(profile: Profile) -> None:
    """Whatever was read can be judged: one finding per rule that is not a table, names apart."""
    time_s = np.arange(6000) * 0.02
    power_w = 1e8 + 5e6 * np.sin(time_s) + 2e7 * (time_s > 70.0)
    voltage = np.where((time_s > 40.0) & (time_s < 40.3), 0.4, 1.0) + 0.15 * (time_s > 90.0)
    power_w[2005:2030] = 0.0
    record = Record(
        power_w, 0.02, rated_power_w=1.2e8, voltage_pu=voltage, phase_voltage_pu=np.array([voltage] * 3),
        frequency_hz=60.0 - 1.5 * np.clip(time_s - 60.0, 0.0, 1.0),
    )  # fmt: skip
    findings = judge_profile(record, profile)
    assert findings
    assert len({found.rule for found in findings}) == len(findings)
    for found in findings:
        assert found.verdict == "not_evaluated" or found.method or found.note
        assert found.value is None or math.isfinite(found.value)


@given(data=broken())
@FAST
def test_a_broken_file_is_told_or_judged(tmp_path: Path, data: dict[str, Any]) -> None:
    path = tmp_path / "broken.toml"
    try:
        text = tomli_w.dumps(data)
    except (TypeError, ValueError, AttributeError):  # no TOML can hold it
        faults_of("broken.toml", data)
        return
    path.write_text(text, encoding="utf-8", newline="\n")
    profile = read(path)
    if profile is not None:
        assert VALIDATOR.is_valid(as_json(data))  # the JSON schema is never the stricter
        judge(profile)


@given(name=st.sampled_from(sorted(TEXTS)), data=st.data())
@FAST
def test_a_broken_text_is_told_or_judged(tmp_path: Path, name: str, data: st.DataObject) -> None:
    text = TEXTS[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 30)))
        given_text = data.draw(
            st.sampled_from(["", '"', "[", "]]", "=", "\n", "nan", "-", "1e999", "#", text[:40]])
        )
        text = text[:start] + given_text + text[end:]
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8", newline="\n")
    profile = read(path)
    if profile is not None:
        judge(profile)


@given(content=st.binary(max_size=200))
@example(content=b"\xff\xfe\x00")
@example(content=b"a = " + b"[" * 5000)
@example(content=b"a = " + b"9" * 5000)
@example(content=b"")
@FAST
def test_what_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.toml"
    path.write_bytes(content)
    assert read(path) is None


@given(block=st.sampled_from(sorted(BLOCKS)), row=JUNK)
@FAST
def test_any_row_gives_faults_or_none(block: str, row: Any) -> None:
    data = {**HEAD, block: [row]}
    if not faults_of("x.toml", data):
        assert VALIDATOR.is_valid(as_json(data))


@given(
    text=st.text(max_size=30)
    | st.sampled_from(sorted(TEXTS)).flatmap(lambda n: st.text(max_size=12).map(n.__add__))
)
@example(text="flicker[voltage_class=HTB3]")
@example(text="\0.toml")
@example(text="a" * 5000 + ".toml")
@FAST
def test_any_name_is_a_profile_or_a_fault(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        load_profile(text)
    except ScenarioError as error:
        faults = error.faults
    assert all(fault.remedy for fault in faults)


def test_a_date_with_a_time_is_no_date() -> None:
    found = faults_of("x.toml", {**HEAD, "date": datetime.datetime(2026, 1, 2, 3)})
    assert [fault.place for fault in found] == ["x.toml: date"]


def test_the_fuzz_reaches_both_ends() -> None:
    """A change may leave a file right, and most do not: neither branch of the tests above is idle."""
    ends = {True: 0, False: 0}

    @given(data=broken())
    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    def count(data: dict[str, Any]) -> None:
        ends[not faults_of("x.toml", data)] += 1

    count()
    assert min(ends.values()) >= 5, ends
    with pytest.raises(ScenarioError):
        load_profile("x.toml")
