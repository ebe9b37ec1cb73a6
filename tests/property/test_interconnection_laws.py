"""A suggestion that says verified passes when it is made and run again; what stays is what was asked for."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import laid_over, lossless_site

import wattkeel as wk
from wattkeel.compliance import evaluate_series
from wattkeel.compliance.record import Record
from wattkeel.interconnection.needs import Wave, store_for
from wattkeel.interconnection.suggest import suggest, suggest_for_series
from wattkeel.scenario import Scenario

RULES: list[dict[str, Any]] = [
    {"name": "rule", "kind": "power_variation", "window_s": 2.0},
    {"name": "rule", "kind": "power_variation", "window_s": 2.0, "band_low_hz": 0.4, "band_high_hz": 5.0},
    {"name": "rule", "kind": "dynamic_range"},
    {"name": "rule", "kind": "band_power", "band_low_hz": 0.5, "band_high_hz": 5.0},
]


@st.composite
def failing_sites(draw: st.DrawFn) -> Scenario:
    """Small jobs with a rule that their swing exceeds."""
    swing_pu = draw(st.floats(0.2, 0.6))
    size_w = draw(st.sampled_from([5e6, 80e6]))
    rule = draw(st.sampled_from(RULES)) | {"limit_w": draw(st.floats(0.1, 0.5)) * swing_pu * size_w}
    tables: dict[str, Any] = {
        "simulation": {"duration_s": 60.0, "tick_s": 0.01},
        "workload": {
            "job": {
                "period_s": draw(st.sampled_from([1.0, 2.0])),
                "compute_fraction": draw(st.floats(0.3, 0.7)),
                "compute_pu": 1.0,
                "communication_pu": 1.0 - swing_pu,
                "edge_s": draw(st.sampled_from([0.05, 0.2])),
            }
        },
        "control": {"period_s": 0.01},
        "compliance": {"settle_s": 10.0, "rule": [rule]},
    }
    return Scenario.from_dict(lossless_site(size_w, tables))


@given(failing_sites())
@settings(max_examples=8, deadline=None)
def test_verified_suggestions_pass_when_made_by_hand(scenario: Scenario) -> None:
    result = wk.simulate(scenario, progress=False)
    for found in suggest(result, result.findings, runs=10):
        assert found.finding.remedy
        if not found.verified:
            assert found.tried
            continue
        tree = laid_over(scenario.tree, tomllib.loads(found.toml))
        texts = [f"{path}={value}" for path, value in found.overrides.items()]  # as --set takes them
        made = Scenario.from_dict(tree).with_overrides(texts)
        (after,) = wk.simulate(made, progress=False).findings
        assert after.verdict == "pass"
        assert after.value == found.value_after


@given(
    st.lists(st.floats(1e6, 1e8), min_size=20, max_size=60),
    st.floats(1e5, 1e7),
    st.floats(1.01, 3.0),
)
@settings(max_examples=60, deadline=None)
def test_a_stricter_ramp_never_needs_less_energy_of_a_rising_load(
    values: list[float], ramp: float, looser: float
) -> None:
    """Behind a limited rise the import lags; the slower it rises, the more the store has to give."""
    load_w = np.sort(np.asarray(values))
    strict = store_for(load_w, 0.1, Wave(ramp, 1.0, ""), 0.1)[0]
    loose = store_for(load_w, 0.1, Wave(looser * ramp, 1.0, ""), 0.1)[0]
    assert loose.energy_j <= strict.energy_j * (1.0 + 1e-9) + 1e-3
    assert loose.power_w <= strict.power_w * (1.0 + 1e-9) + 1e-3


@given(st.lists(st.floats(1e6, 1e8), min_size=20, max_size=60), st.floats(1e5, 1e7), st.floats(0.1, 10.0))
@settings(max_examples=40, deadline=None)
def test_the_store_scales_with_the_load(values: list[float], ramp: float, scale: float) -> None:
    load_w = np.asarray(values)
    one = store_for(load_w, 0.1, Wave(ramp, 1.0, ""), 0.5)[0]
    other = store_for(scale * load_w, 0.1, Wave(scale * ramp, 1.0, ""), 0.5)[0]
    assert np.isclose(other.energy_j, scale * one.energy_j, rtol=1e-9, atol=1e-3)
    assert np.isclose(other.power_w, scale * one.power_w, rtol=1e-9, atol=1e-3)


@given(st.floats(0.5, 50.0), st.floats(0.2, 0.8), st.integers(1, 5))
@settings(max_examples=10, deadline=None)
def test_a_record_gets_closed_forms_that_claim_no_proof(size_mw: float, duty: float, periods: int) -> None:
    tick_s = 0.05
    t = np.arange(1200) * tick_s
    power_w = 1e6 * size_mw * (1.0 + (np.mod(t / (2.0 * periods), 1.0) < duty))
    rule = {"name": "range", "kind": "dynamic_range", "limit_w": 0.2e6 * size_mw}
    findings = evaluate_series(power_w, tick_s, [], rules=[rule])
    (found,) = suggest_for_series(Record(power_w, tick_s), findings)
    assert not found.verified
    assert found.verdict_after is None
    assert "not verified: no scenario" in found.finding.remedy
    assert not found.overrides
