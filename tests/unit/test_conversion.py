"""Converter and transformer alone: capability, response, overload; efficiency curves; what a law must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sites import Run, laid_over, lossless_site

import wattkeel as wk
from wattkeel import conversion, stages
from wattkeel.parameters import Converter, Distribution
from wattkeel.presets.catalogue import read_preset
from wattkeel.scenario import Scenario

RATED_W = 1e6
AT_ONCE = {"rated_power_w": RATED_W, "time_constant_s": 0.0}
TICK_S = 1e-3


def run(values: dict[str, Any], command_w: Any, engine: str = "native", **inputs: Any) -> Any:
    return stages.converter(
        Converter(**values),
        command_w=command_w,
        time_step_s=inputs.pop("tick_s", TICK_S),
        engine=engine,
        **inputs,
    )


# -- capability ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "active_w", "reactive_var"),
    [("active", 0.8e6, 0.6e6), ("reactive", np.sqrt(1e12 - 0.81e12), 0.9e6)],
)
def test_priority_in_the_circle(engine: str, priority: str, active_w: float, reactive_var: float) -> None:
    values = AT_ONCE | {"priority": priority}
    out = run(values, [0.8e6, 0.3e6], engine, reactive_var=[0.9e6, 0.3e6])
    assert out.power_w == pytest.approx([active_w, 0.3e6], rel=1e-12)
    assert out.reactive_power_var == pytest.approx([reactive_var, 0.3e6], rel=1e-12)
    assert out.limited.tolist() == [True, False]


def test_reactive_power_costs_its_share(engine: str) -> None:
    """At Q = 0 the loss is the published one; Q adds the square part of the law."""
    command = np.array([0.6e6, -0.6e6, 0.0])
    plain = run(AT_ONCE, command, engine)
    with_var = run(AT_ONCE, command, engine, reactive_var=np.full(3, 0.5e6))
    assert plain.loss_w[0] == pytest.approx(RATED_W * (0.0072 + 0.0345 * 0.36), rel=1e-12)
    assert with_var.loss_w - plain.loss_w == pytest.approx(np.full(3, RATED_W * 0.0345 * 0.25), rel=1e-9)
    table = {"loss_form": "table", "load_pu": [0.1, 0.5, 1.0], "efficiency": [0.9, 0.96, 0.95]}
    idle, full = run(AT_ONCE | table, [0.0, RATED_W], engine).loss_w
    of_var = run(AT_ONCE | table, [0.0], engine, reactive_var=[RATED_W]).loss_w[0]
    assert of_var == pytest.approx(full, rel=1e-9)
    assert full > idle > 0.0


def test_current_limits_the_power_at_low_voltage(engine: str) -> None:
    voltage = np.array([1.0, 0.95, 0.8, 0.5, 0.0])
    command, var = np.full(5, RATED_W), np.full(5, 0.2e6)
    out = run(AT_ONCE, command, engine, voltage_pu=voltage)
    assert out.power_w == pytest.approx(RATED_W * np.minimum(1.0, 1.1 * voltage))
    assert out.limited.tolist() == [False, False, True, True, True]
    assert (out.loss_w > 0.0).all()
    out = run(AT_ONCE | {"priority": "reactive"}, command, engine, voltage_pu=voltage, reactive_var=var)
    room = RATED_W * np.minimum(1.0, 1.1 * voltage)
    assert out.reactive_power_var == pytest.approx(np.minimum(room, var))
    assert out.power_w == pytest.approx(np.sqrt(room**2 - out.reactive_power_var**2))


def test_a_dip_limits_a_unit_of_a_site_one_tick_later(engine: str) -> None:
    """The voltage that limits is that of the tick before, and the event says what was asked for."""
    unit = {
        "battery": {"energy_j": 1e12, "preset": "lfp-enerc-306ah"},
        "converter": AT_ONCE | {"loss_a": 0.0, "loss_c": 0.0},
    }
    dip = {"start_s": 0.05, "duration_s": 0.05, "voltage_pu": 0.5}
    tables = {
        "simulation": {"duration_s": 0.15},
        "storage": {"bess": unit},
        "grid": {"event": [dip]},
        "control": {"target": "fixed", "target_power_w": 1e6},
    }
    site = Run(Scenario.from_dict(laid_over(lossless_site(1e7, {}), tables)), engine=engine)
    power_w, voltage = site["storage.bess.power_w"], site["poi.voltage_pu"]
    assert voltage[49] > 0.99
    assert voltage[50:100] == pytest.approx(np.full(50, 0.5), abs=0.01)
    assert power_w[:51] == pytest.approx(np.full(51, RATED_W))
    assert power_w[51:101] == pytest.approx(RATED_W * 1.1 * voltage[50:100], rel=1e-9)
    assert power_w[101:] == pytest.approx(np.full(49, RATED_W))
    assert site["storage.bess.shortfall_power_w"][51:101] == pytest.approx(RATED_W - power_w[51:101])
    told = [event[:4] for event in site.events if event[1] == 2]
    assert told == [(51, 2, 0, 1), (101, 2, 0, 0)]


# -- response -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tick_s", [1e-4, 1e-3, 1e-2])
def test_dead_time_then_ramp_then_lag(engine: str, tick_s: float) -> None:
    """dP/dt = (w - P)/tau within the ramp r: a line to r tau from the command, then an exponential."""
    lag_s, ramp, delay_s = 0.05, 5e6, 0.02
    values = {"rated_power_w": RATED_W, "time_constant_s": lag_s, "ramp_w_per_s": ramp, "delay_s": delay_s}
    count = round(0.5 / tick_s)
    out = run(values, np.full(count, RATED_W), engine, tick_s=tick_s)
    time_s = np.maximum(0.0, (np.arange(count) + 1) * tick_s - delay_s)
    turn_s = (RATED_W - ramp * lag_s) / ramp
    late = RATED_W - ramp * lag_s * np.exp(-np.maximum(0.0, time_s - turn_s) / lag_s)
    assert out.power_w == pytest.approx(np.where(time_s < turn_s, ramp * time_s, late), rel=1e-11, abs=1e-6)


def test_reactive_power_follows_dead_time_and_lag(engine: str) -> None:
    values = {"rated_power_w": RATED_W, "time_constant_s": 0.01, "ramp_w_per_s": 1e6, "delay_s": 3e-3}
    out = run(values, np.zeros(50), engine, reactive_var=np.full(50, 0.5e6))
    time_s = np.maximum(0.0, (np.arange(50) + 1) * TICK_S - 3e-3)
    assert out.reactive_power_var == pytest.approx(
        0.5e6 * (1.0 - np.exp(-time_s / 0.01)), rel=1e-11, abs=1e-6
    )


def test_a_snapshot_keeps_the_dead_time() -> None:
    unit = {
        "battery": {"energy_j": 1e12, "preset": "lfp-enerc-306ah"},
        "converter": AT_ONCE | {"delay_s": 0.01},
    }
    tables = laid_over(lossless_site(1e7, {}), {"simulation": {"duration_s": 0.1}, "storage": {"bess": unit}})
    engine = wk.Engine(Scenario.from_dict(tables))
    engine.step(20)
    engine.command("storage.bess.power_w", 4e5)
    engine.step(4)
    kept = engine.snapshot()
    engine.step(6)
    assert engine.state["storage.bess.power_w"] != 4e5
    engine.step(1)
    assert engine.state["storage.bess.power_w"] == 4e5
    assert engine.state["storage.bess.command_w"] == 4e5
    other = wk.Engine(Scenario.from_dict(tables), engine="native")
    other.restore(kept)
    other.step(6)
    assert other.state["storage.bess.power_w"] != 4e5
    other.step(1)
    assert other.state["storage.bess.power_w"] == 4e5


# -- overload -----------------------------------------------------------------------------------------------

OVERLOAD = AT_ONCE | {"overload_pu": 1.5, "overload_s": 0.1, "overload_recovery_s": 0.4}


@pytest.mark.parametrize("tick_s", [1e-3, 3e-3, 7e-3])
def test_overload_lasts_as_long_as_its_budget(engine: str, tick_s: float) -> None:
    count = round(1.2 / tick_s)
    out = run(OVERLOAD, np.full(count, 2e6), engine, tick_s=tick_s)
    over = out.power_w / RATED_W - 1.0
    first = int(np.argmax(over == 0.0))
    assert over[: first - 1] == pytest.approx(np.full(first - 1, 0.5))
    # The area is that of the budget at any tick: the last tick takes what is left.
    assert over[:first].sum() * tick_s == pytest.approx(0.5 * 0.1, rel=1e-9)
    again = first + int(np.argmax(over[first:] > 0.0))
    assert (again - first) * tick_s == pytest.approx(0.4, abs=1.5 * tick_s)
    assert out.limited[first:again].all()


def test_less_overload_lasts_longer_and_recovers_in_proportion(engine: str) -> None:
    out = run(OVERLOAD, np.full(400, 1.25e6), engine)
    assert int(np.argmax(out.power_w < 1.24e6)) == pytest.approx(200, abs=1)
    # half the budget, half the recovery, then half the budget and a whole one are not spent: it is 1/2 + 1/2
    command = np.concatenate((np.full(50, 1.5e6), np.full(200, 1e6), np.full(100, 1.5e6), np.full(9, 1.5e6)))
    out = run(OVERLOAD, command, engine)
    assert out.power_w[250:349] == pytest.approx(np.full(99, 1.5e6))
    assert (out.power_w[351:] < 1.01e6).all()


def test_overload_of_apparent_power_is_counted(engine: str) -> None:
    out = run(OVERLOAD, np.full(300, 0.9e6), engine, reactive_var=np.full(300, 1.2e6))
    apparent = np.hypot(out.power_w, out.reactive_power_var)
    assert apparent[:99] == pytest.approx(np.full(99, 1.5e6))
    assert apparent[101:] == pytest.approx(np.full(199, 1e6))


# -- efficiency curves --------------------------------------------------------------------------------------


def test_efficiency_at_the_edges() -> None:
    params = Converter(rated_power_w=1.0)
    assert float(conversion.efficiency(params, 0.0)) == 0.0
    assert np.isnan(conversion.efficiency(params, 0.0, charge=True))
    assert float(conversion.efficiency(params, 1e-3, charge=True)) < 0.0
    assert conversion.loss_pu(params, [0.0, 1.0]) == pytest.approx([0.0072, 0.0417])


def test_a_table_is_met_at_its_points_and_beyond_them(engine: str) -> None:
    load, share, charge_share = [0.1, 0.5, 1.0], [0.9, 0.96, 0.95], [0.89, 0.955, 0.94]
    table = {"loss_form": "table", "load_pu": load, "efficiency": share, "charge_efficiency": charge_share}
    loads = np.array(load)
    out = run(AT_ONCE | table, np.concatenate((loads, -loads, [0.0])) * RATED_W, engine)
    assert out.loss_w[:3] / RATED_W == pytest.approx(loads * (1.0 / np.array(share) - 1.0), rel=1e-12)
    assert out.loss_w[3:6] / RATED_W == pytest.approx(loads * (1.0 - np.array(charge_share)), rel=1e-12)
    first = (loads[1] * (1.0 / 0.96 - 1.0) - loads[0] * (1.0 / 0.9 - 1.0)) / 0.4
    assert out.loss_w[6] / RATED_W == pytest.approx(0.1 * (1.0 / 0.9 - 1.0) - 0.1 * first, rel=1e-12)


def test_floor_without_load_holds_in_both_directions(engine: str) -> None:
    values = AT_ONCE | read_preset("converter", "sinamics-s120").values
    out = run(values, np.linspace(-0.03, 0.03, 61) * RATED_W, engine)
    assert out.loss_w == pytest.approx(np.full(61, 0.00601144 * RATED_W), rel=1e-9)


FALLING = {"loss_a": 0.001, "loss_b": -0.02, "loss_c": 0.01}
STEEP = {"loss_b": 0.4, "loss_c": 0.3}
TABLE = {"loss_form": "table", "load_pu": [0.5, 1.0]}


@pytest.mark.parametrize(
    ("values", "key", "said"),
    [
        (STEEP, "loss_c", "less would be delivered"),
        (STEEP | {"charge_loss": [0.0, 0.0, 0.1]}, "", ""),
        ({"charge_loss": [0.0, 0.4, 0.3]}, "charge_loss", "less would be delivered"),
        ({"charge_loss": [0.0, 0.4, 0.3], "charge_form": "efficiency"}, "", ""),
        (FALLING, "loss_c", "discharge is negative at load 1"),
        (FALLING | {"no_load_loss": 1e-3}, "", ""),
        ({"charge_loss": [0.01, 0.0, 0.0]}, "charge_loss", "0.01 pu are lost in charge but 0.0072"),
        ({"charge_loss": [0.01, 0.0, 0.0], "no_load_loss": 0.01}, "", ""),
        ({"charge_loss": [0.01, 0.0]}, "charge_loss", "three numbers"),
        ({"charge_loss": [0.3, 0.0, 0.0]}, "charge_loss", "out of range"),
        ({"loss_rise": 0.02, "loss_rise_rate": 100.0}, "loss_c", "less would be stored"),
        ({"overload_pu": 1.2}, "overload_s", "is required"),
        ({"overload_pu": 1.5, "overload_s": 1.0, "loss_b": 0.2, "loss_c": 0.3}, "loss_c", "would be stored"),
        ({"loss_form": "table"}, "load_pu", "is required"),
        ({"loss_form": "table", "load_pu": [0.5, 0.1], "efficiency": [0.9, 0.9]}, "load_pu", "ascending"),
        (TABLE | {"efficiency": [0.9]}, "efficiency", "2 load points but 1"),
        (TABLE | {"efficiency": [0.9, 96.0]}, "efficiency", "<= 1"),
        (TABLE | {"efficiency": [0.9, 0.9], "charge_efficiency": [0.9, 0.44]}, "charge_efficiency", "stored"),
        (TABLE | {"efficiency": [0.2, 0.95]}, "efficiency", "falls faster"),
    ],
)
def test_laws_that_no_converter_has_are_refused(values: dict[str, Any], key: str, said: str) -> None:
    found = list(conversion.findings(Converter(rated_power_w=1.0, **values)))
    if not key:
        assert found == []
        return
    assert said in " ".join(message for _, _, message, _ in found)
    assert key in {keys[0] for keys, *_ in found}
    with pytest.raises(wk.ScenarioError, match=key):
        run({"rated_power_w": 1.0, **values}, [0.0])


def test_wrong_inputs_of_the_stages_are_refused() -> None:
    for inputs, said in (
        ({"reactive_var": [0.0]}, "reactive_var"),
        ({"voltage_pu": [1.0, np.nan]}, r"voltage_pu\[1\]"),
        ({"engine": "x"}, "engine"),
    ):
        with pytest.raises(wk.ScenarioError, match=said):
            run(AT_ONCE, [0.0, 1.0], **inputs)
    with pytest.raises(wk.ScenarioError, match="whole number of ticks"):
        run(AT_ONCE | {"delay_s": 1.5e-3}, [0.0])
    with pytest.raises(wk.ScenarioError, match="impedance_pu"):
        stages.transformer(Distribution(rated_power_w=1.0, loss_c=0.1), power_w=[1.0], impedance_pu=0.05)


# -- transformer --------------------------------------------------------------------------------------------

MV_LV = Distribution(kind="transformer", rated_power_w=2.5e6, count=2, loss_a=0.00063, loss_c=0.0074)


def test_transformer_losses_follow_the_apparent_power(engine: str) -> None:
    load, var = np.array([0.0, 1e6, 5e6, 3e6, -4e6]), np.array([0.0, 0.0, 0.0, 4e6, 0.0])
    out = stages.transformer(MV_LV, power_w=load, reactive_power_var=var, engine=engine)
    wanted = 5e6 * (0.00063 + 0.0074 * (load**2 + var**2) / 25e12)
    assert out.loss_w == pytest.approx(wanted, rel=1e-12)
    assert out.power_w == pytest.approx(load + out.loss_w, rel=1e-12)
    assert out.voltage_pu.tolist() == [1.0] * 5
    assert not out.overloaded.any()
    assert (out.unserved_power_w == 0.0).all()
    # the same law as a node of the distribution tree, where power is all active
    tree = stages.distribution({"t": MV_LV}, load_power_w={"t": np.abs(load)}, engine=engine)
    active = var == 0.0
    assert out.loss_w[active].tolist() == tree.loss_w["t"][active].tolist()


def test_transformer_voltage_behind_its_impedance(engine: str) -> None:
    """Short-circuit test and load drop: |1 - Z I| with the current of the load at the secondary voltage."""
    load, var = np.array([5e6, 4e6, 0.0]), np.array([0.0, 3e6, 0.0])
    out = stages.transformer(MV_LV, power_w=load, reactive_power_var=var, impedance_pu=0.06, engine=engine)
    impedance = 0.0074 + 1j * np.sqrt(0.06**2 - 0.0074**2)
    current = np.conj((load + 1j * var) / 5e6 / out.voltage_pu)
    assert np.abs(out.voltage_pu + impedance * current) == pytest.approx(np.ones(3), rel=1e-12)
    assert out.reactive_power_var - var == pytest.approx(
        5e6 * impedance.imag * np.abs(current) ** 2, rel=1e-12
    )
    assert out.voltage_pu[2] == 1.0
    assert out.voltage_pu[1] < out.voltage_pu[0] < 1.0


def test_transformer_beyond_its_largest_power(engine: str) -> None:
    out = stages.transformer(MV_LV, power_w=[4e6, 6e6, 1e9], impedance_pu=0.06, engine=engine)
    assert out.overloaded.tolist() == [False, True, True]
    assert out.unserved_power_w[1] == 0.0
    assert 0.0 < out.unserved_power_w[2] < 1e9
    assert np.isfinite(out.voltage_pu).all()
