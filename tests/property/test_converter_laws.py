"""Laws of every converter: no loss below zero, an exact inverse, P and Q within the circle, any tick."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_sites import between, converters, maybe

import wattkeel as wk
from wattkeel import conversion, lowering
from wattkeel._generated import dtypes
from wattkeel.native import core
from wattkeel.parameters import Converter, Storage
from wattkeel.plant import records
from wattkeel.presets.catalogue import list_presets

POWER_W = 3e5
TICK_S = 1e-3
PRESETS = {preset.name: preset.values for preset in list_presets("converter")}
LAWS = settings(max_examples=min(60, settings.default.max_examples), deadline=None)
any_converter = st.one_of(
    converters(POWER_W, TICK_S).map(lambda values: Converter(**values)),
    st.sampled_from(sorted(PRESETS)).map(lambda name: Converter(rated_power_w=POWER_W, **PRESETS[name])),
)


def lowered(params: Converter) -> tuple[Any, Any]:
    """Record of a converter and its table, as the kernels take them."""
    assume(not list(conversion.findings(params)))
    record = records(dtypes.ConverterParams, 1)
    table = lowering.lower_converter(record[0], Storage(converter=params), 1.0, TICK_S)
    return record, np.append(table, 0.0)


def dc_power(record: Any, table: Any, ac_w: Any, var: float = 0.0) -> Any:
    call = core().kernels()["converter_dc"]
    return np.array([call(record, table, float(power), var) for power in ac_w])


@given(params=any_converter, var=maybe(between(0.0, 1.0)))
@LAWS
def test_no_loss_is_below_zero_and_dc_power_rises(params: Converter, var: float) -> None:
    record, table = lowered(params)
    ac_w = POWER_W * params.overload_pu * np.linspace(-1.0, 1.0, 401)
    dc_w = dc_power(record, table, ac_w, var * POWER_W)
    rounding_w = 1e-15 * POWER_W
    assert (dc_w - ac_w >= params.no_load_loss * POWER_W - rounding_w).all()
    assert (np.diff(dc_w) >= -rounding_w).all()
    more = dc_w - dc_power(record, table, ac_w)
    wanted = float(record[0].reactive_loss_per_w) * (var * POWER_W) ** 2
    assert more == pytest.approx(np.full(401, wanted), abs=1e-14 * POWER_W)


@given(params=any_converter, share=between(-1.0, 1.0), small=st.booleans(), var=maybe(between(0.0, 1.0)))
@LAWS
def test_the_inverse_is_exact(params: Converter, share: float, small: bool, var: float) -> None:
    record, table = lowered(params)
    ac_w = POWER_W * params.overload_pu * share * (1e-3 if small else 1.0)
    dc_w = float(dc_power(record, table, [ac_w], var * POWER_W)[0])
    back_w = core().kernels()["converter_ac"](record, table, dc_w, var * POWER_W)
    assert back_w == pytest.approx(ac_w, abs=1e-12 * POWER_W)


@given(params=any_converter, part=between(0.0, 1.0))
@LAWS
def test_a_dc_power_that_no_ac_power_takes_gives_none(params: Converter, part: float) -> None:
    """Between the standing losses of both directions lies a gap, where the law of charge begins at less."""
    record, table = lowered(params)
    idle = record[0].idle_w
    dc_w = float(idle[1] + part * (idle[0] - idle[1]))
    assert core().kernels()["converter_ac"](record, table, dc_w, 0.0) == pytest.approx(0.0, abs=1e-9)


@given(params=any_converter, data=st.data())
@LAWS
def test_the_engine_has_the_published_curve(params: Converter, data: st.DataObject) -> None:
    record, table = lowered(params)
    load = np.array(data.draw(st.lists(between(0.0, 1.0), min_size=20, max_size=20)))
    for charge, sign in ((False, 1.0), (True, -1.0)):
        ac_w = sign * load * POWER_W
        loss = (dc_power(record, table, ac_w) - ac_w) / POWER_W
        usual = load > 0.0  # at no power the loss is that of discharge
        wanted = conversion.loss_pu(params, load, charge=charge)
        assert loss[usual] == pytest.approx(wanted[usual], abs=1e-6)


@given(params=any_converter, seed=st.integers(0, 2**32 - 1))
@LAWS
def test_active_and_reactive_power_stay_within_the_circle(params: Converter, seed: int) -> None:
    lowered(params)
    rng = np.random.default_rng(seed)
    command = rng.uniform(-2.0, 2.0, (3, 12)).repeat(20, axis=1) * POWER_W
    voltage = np.abs(command[2]) / POWER_W
    run = wk.stages.converter(
        params, command_w=command[0], reactive_var=command[1], voltage_pu=voltage, time_step_s=TICK_S
    )
    limit_va = params.apparent_power_va or POWER_W
    part = np.minimum(1.0, params.current_limit_pu * voltage)
    apparent = np.hypot(run.power_w, run.reactive_power_var)
    assert (apparent <= limit_va * params.overload_pu * part * (1.0 + 1e-12)).all()
    limit_w = min(POWER_W, limit_va)
    assert (np.abs(run.power_w) <= limit_w * params.overload_pu * (1.0 + 1e-12)).all()
    assert (run.loss_w >= -1e-15 * POWER_W).all()
    # Area above the ratings: at most one budget, and a share of another for every recovery.
    over = np.maximum(np.maximum(np.abs(run.power_w) / limit_w, apparent / limit_va) - 1.0, 0.0)
    budget = (params.overload_pu - 1.0) * params.overload_s
    recovered = len(over) * TICK_S / params.overload_recovery_s
    assert over.sum() * TICK_S <= budget * (1.0 + recovered) + 1e-9


@given(params=any_converter, seed=st.integers(0, 2**32 - 1), finer=st.integers(2, 7))
@LAWS
def test_the_response_is_the_same_at_any_tick(params: Converter, seed: int, finer: int) -> None:
    """Dead time, lag and ramp are exact for a held command; the capability is left out of it."""
    wide = {"overload_pu": 1.0, "apparent_power_va": 0.0, "current_limit_pu": 100.0}
    params = params.model_copy(update=wide)
    lowered(params)
    command = np.random.default_rng(seed).uniform(-1.0, 1.0, 8).repeat(15) * POWER_W
    coarse = wk.stages.converter(params, command_w=command, time_step_s=TICK_S)
    fine = wk.stages.converter(params, command_w=command.repeat(finer), time_step_s=TICK_S / finer)
    assert fine.power_w[finer - 1 :: finer] == pytest.approx(coarse.power_w, abs=1e-11 * POWER_W)
    assert fine.loss_w[finer - 1 :: finer] == pytest.approx(coarse.loss_w, abs=1e-11 * POWER_W)


@given(x=st.one_of(between(0.0, 70.0), between(0.0, 1e-6)))
def test_decay_without_a_transcendental_function(x: float) -> None:
    assert core().kernels()["rise_of"](x) == pytest.approx(-math.expm1(-x), rel=1e-15)
