"""Grid support of a battery in a whole site: closed forms, independent integration, limits of stability."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sites import Run, case, lossless_site

import wattkeel as wk
from wattkeel import support
from wattkeel.parameters import Converter, Grid, Support
from wattkeel.scenario import Scenario

DATA = case("support_loop")


def site(tick_s: float, length_s: float = DATA["length_s"], **given: Any) -> Scenario:
    """A load that rises for good in front of a battery that supports; nothing else moves.

    ``given`` are the support, or None for none, the grid and the converter, laid over those of the case.
    """
    helps = given.pop("support", DATA["support"])
    unit: dict[str, Any] = {
        "kind": "battery",
        "battery": {"energy_j": DATA["energy_j"], "soc_initial": 0.5},
        "converter": {
            "rated_power_w": DATA["rated_w"], "time_constant_s": DATA["converter_lag_s"],
            "loss_a": 0.0, "loss_c": 0.0,
        } | given.pop("converter", {}),
    }  # fmt: skip
    if helps is not None:
        unit["support"] = helps
    high_w = DATA["base_w"] + DATA["step_w"]
    tables = {
        "simulation": {"duration_s": length_s, "tick_s": tick_s},
        # Between start and end of its ramps of no length the job computes; before it idles.
        "workload": {"job": {"kind": "training", "edge_s": 0.0, "compute_fraction": 0.9, "compute_pu": 1.0,
                             "start_s": 1.0, "period_s": 1e6}},
        "gpu": {"gpu": {"rated_power_w": high_w / 1e5, "idle_power_w": DATA["base_w"] / 1e5}},
        "storage": {"bess": unit},
        "control": {"target": "off", "period_s": tick_s},
        "grid": {
            **DATA["grid"], "frequency_model": "swing", "system_power_w": DATA["system_power_w"],
            "reference_power_w": DATA["base_w"],
        } | given.pop("grid", {}),
    }  # fmt: skip
    assert not given
    return Scenario.from_dict(lossless_site(high_w, tables))


def deviation_hz(scenario: Scenario, engine: str = "native") -> np.ndarray:
    """Frequency from the step on, less nominal, at the ends of ticks."""
    run = Run(scenario, engine=engine)
    assert np.ptp(run["site.load_power_w"]) == pytest.approx(DATA["step_w"], rel=1e-9)
    first = round(1.0 / run.engine.tick_s)
    return np.asarray(run["poi.frequency_hz"][first:] - 60.0)


def continuous_hz(time_s: np.ndarray, lag_s: float) -> np.ndarray:
    """The loop without a tick: equations written down anew, for scipy to integrate."""
    integrate = pytest.importorskip("scipy.integrate")
    grid = wk.parameters.preset("grid", DATA["grid"]["preset"])
    helps, share = Support(**DATA["support"]), DATA["rated_w"] / DATA["system_power_w"]
    step = DATA["step_w"] / DATA["system_power_w"]

    def slope(_: float, x: np.ndarray) -> list[float]:
        w, gate, seen, rate, power = x
        command = -share * (helps.frequency_gain * seen + 2.0 * helps.inertia_s * rate)
        power = power if lag_s > 0.0 else command
        moves = (w - seen) / helps.frequency_time_constant_s
        return [
            (gate - (step - power) - grid.damping * w) / (2.0 * grid.inertia_s),
            (-w / grid.droop - gate) / grid.governor_time_constant_s,
            moves,
            (moves - rate) / helps.rocof_time_constant_s,
            (command - power) / lag_s if lag_s > 0.0 else 0.0,
        ]

    solved = integrate.solve_ivp(
        slope, (0.0, time_s[-1]), [0.0] * 5, method="DOP853", t_eval=time_s, rtol=1e-11, atol=1e-13
    )
    return np.asarray(60.0 * solved.y[0])


class TestLoop:
    @pytest.mark.parametrize("row", DATA["order"], ids=lambda row: f"lag {row['lag_s']:g} s")
    def test_converges_to_the_continuous_loop(self, row: dict[str, Any]) -> None:
        worst = []
        for tick_s in DATA["tick_s"]:
            got_hz = deviation_hz(site(tick_s, converter={"time_constant_s": row["lag_s"]}))
            time_s = np.arange(1, len(got_hz) + 1) * tick_s
            worst.append(float(np.abs(got_hz - continuous_hz(time_s, row["lag_s"])).max()))
        assert worst[1] <= row["worst_hz"]
        for coarse, fine in pairwise(worst):
            assert row["ratio"][0] <= coarse / fine <= row["ratio"][1]

    def test_final_deviation_and_nadir(self, engine: str) -> None:
        grid = wk.parameters.preset("grid", DATA["grid"]["preset"])
        step = DATA["step_w"] / DATA["system_power_w"]
        finals, lows = [], []
        for helps in (None, {"frequency_gain": 20.0}, DATA["support"]):
            got_hz = deviation_hz(site(1e-2, 40.0, support=helps), engine)
            finals.append(got_hz[-1])
            lows.append(got_hz.min())
        for final, gain in zip(finals, (0.0, 20.0, 20.0), strict=True):
            share = DATA["rated_w"] / DATA["system_power_w"]
            expected_hz = -60.0 * step / (grid.damping + 1.0 / grid.droop + gain * share)
            assert final == pytest.approx(expected_hz, rel=DATA["final_rel_tol"])
        assert lows[0] < lows[1] < lows[2]  # droop raises the nadir, inertia raises it further

    def test_deadband_is_taken_off(self) -> None:
        helps = {"frequency_gain": 20.0, "frequency_deadband_hz": 0.036}
        run = Run(site(1e-2, 60.0, support=helps))
        final_hz, power_w = run["poi.frequency_hz"][-1] - 60.0, run["storage.bess.support_power_w"][-1]
        assert power_w == pytest.approx(-20.0 * DATA["rated_w"] * (final_hz + 0.036) / 60.0, rel=1e-6)
        grid = wk.parameters.preset("grid", DATA["grid"]["preset"])
        share, step = DATA["rated_w"] / DATA["system_power_w"], DATA["step_w"] / DATA["system_power_w"]
        stiff = grid.damping + 1.0 / grid.droop + 20.0 * share
        assert final_hz == pytest.approx(-60.0 * (step + 20.0 * share * 0.036 / 60.0) / stiff, rel=1e-6)

    def test_limits_of_support_converter_and_cells(self) -> None:
        limited = Run(site(1e-2, support={"frequency_gain": 500.0, "up_limit": 0.1}))
        assert limited["storage.bess.support_power_w"].max() == 0.1 * DATA["rated_w"]
        strong = Run(site(1e-2, support={"frequency_gain": 2000.0, "up_limit": 5.0}))
        assert strong["storage.bess.support_power_w"].max() > DATA["rated_w"]
        assert strong["storage.bess.power_w"].max() <= DATA["rated_w"]
        absorbs = Run(site(1e-2, support={"frequency_gain": 500.0, "up_limit": 0.0}))
        assert absorbs["storage.bess.support_power_w"].max() == 0.0
        tables = site(1e-2).with_overrides({"storage.bess.battery.energy_j": 3e8})
        empty = Run(tables.with_overrides({"storage.bess.battery.soc_initial": 0.051}))
        assert empty["storage.bess.power_w"][-1] < 0.5 * empty["storage.bess.support_power_w"][-1]
        assert empty["storage.bess.soc"].min() >= 0.05 - 1e-9

    def test_adds_to_a_command_from_outside(self) -> None:
        engine = wk.Engine(site(1e-2, 5.0))
        engine.command("storage.bess.power_w", 1e6)
        engine.step(400)
        state = engine.state
        assert state["storage.bess.support_power_w"] > 1e6
        assert state["storage.bess.command_w"] == state["storage.bess.support_power_w"] + 1e6


class TestFastResponse:
    def run(self, **values: Any) -> Run:
        given = {"response_power": 0.5, "response_threshold_hz": 59.8, "response_delay_s": 0.2,
                 "response_sustain_s": 5.0, "response_release_s": 2.0, "response_rest_s": 900.0}  # fmt: skip
        return Run(site(1e-3, support=given | values, converter={"time_constant_s": 0.0}))

    def test_course(self) -> None:
        run = self.run()
        power_w = run["storage.bess.support_power_w"]
        on = np.flatnonzero(power_w)
        full_w = 0.5 * DATA["rated_w"]
        assert (power_w[on[:5000]] == full_w).all()
        # Released on a line, of which a tick has the mean; its area is that of half the time at full power.
        assert len(on) == 7000
        assert power_w[on[5000:]].sum() == pytest.approx(1000 * full_w, rel=1e-12)
        assert np.diff(power_w[on[5000:]]) == pytest.approx(-full_w / 2000, rel=1e-6)
        # The measured frequency lags the true one: the ramp of the swing equation, by about its lag.
        below = int(np.flatnonzero(run["poi.frequency_hz"] < 59.8)[0])
        assert 200 + 30 <= on[0] - below <= 200 + 60
        kinds = [event for event in run.events if event[1] == 12]
        assert [(event[0], event[3]) for event in kinds] == [(on[0], 1), (on[-1] + 1, 0)]
        assert kinds[0][5] == pytest.approx(59.8)

    def test_rests_before_it_may_come_again(self) -> None:
        again = self.run(response_sustain_s=1.0, response_release_s=0.5, response_rest_s=4.0)
        starts = [event[0] for event in again.events if event[1] == 12 and event[3] == 1]
        assert len(starts) >= 2  # the frequency stays low
        assert np.diff(starts) == pytest.approx(4000 + 200)  # armed again after 4 s, then the delay
        never = self.run(response_threshold_hz=58.0)
        assert not never["storage.bess.support_power_w"].any()

    def test_meets_the_published_times(self) -> None:
        """FFR of Fingrid: full power 0.7 s after 49.5 Hz, at least 5 s, released by at most 20 % a second."""
        preset = wk.parameters.preset("support", "fingrid-ffr")
        assert isinstance(preset, Support)
        time_s = np.arange(0.0, 15.0, 1e-3)
        falling = np.maximum(50.0 - 0.5 * time_s, 49.4)  # 49.5 Hz after 1 s
        unit = Converter(rated_power_w=1e7, time_constant_s=0.05)
        asked = wk.stages.support(
            preset, unit, frequency_hz=falling, time_step_s=1e-3, nominal_frequency_hz=50.0
        )
        given = wk.stages.converter(unit, command_w=asked.power_w, time_step_s=1e-3).power_w
        full = np.flatnonzero(given >= 0.99e7)
        assert time_s[full[0]] <= 1.0 + 0.7
        assert (full[-1] - full[0]) * 1e-3 >= 4.8
        assert asked.response.sum() == 10_000
        assert np.diff(asked.power_w).min() >= -0.2e7 * 1e-3 * (1.0 + 1e-9)


class TestPhaseJump:
    def test_is_an_impulse_of_frequency(self) -> None:
        """Measured frequency jumps by a/(2 pi T) Hz and decays; its rate has no lasting area."""
        params = Support(frequency_gain=1.0, inertia_s=0.0, frequency_time_constant_s=0.04)
        unit, nominal, tick_s = Converter(rated_power_w=1.0), 60.0, 1e-3
        jump = np.zeros(2000)
        jump[100] = math.radians(20.0)
        flat = np.full(2000, nominal)
        given: dict[str, Any] = {"frequency_hz": flat, "time_step_s": tick_s, "nominal_frequency_hz": nominal}
        run = wk.stages.support(params, unit, phase_jump_rad=jump, **given)
        seen_hz = -run.power_w * nominal
        height = jump[100] / (2.0 * math.pi * 0.04)
        ages = (np.arange(1900) + 0.5) * tick_s  # means over ticks lie by the middle, to second order
        assert seen_hz[100:] == pytest.approx(height * np.exp(-ages / 0.04), rel=1e-4, abs=1e-12)
        assert seen_hz[:100] == pytest.approx(0.0, abs=0.0)
        # The area of the measured frequency is the phase that jumped, in turns.
        assert seen_hz.sum() * tick_s == pytest.approx(jump[100] / (2.0 * math.pi), rel=1e-9)
        wide = {"frequency_gain": 0.0, "inertia_s": 5.0, "up_limit": 10.0, "down_limit": 10.0}
        inert = wk.stages.support(
            params.model_copy(update=wide), unit, phase_jump_rad=jump, **given
        ).power_w  # fmt: skip
        assert inert.min() < 0.0 < inert.max()
        assert inert.sum() == pytest.approx(0.0, abs=1e-6 * np.abs(inert).sum())


class TestVoltageSupport:
    def test_reactive_power_holds_up_the_voltage(self, engine: str) -> None:
        weak = {"scr": 4.0, "x_over_r": 10.0, "power_factor": 0.95}
        helps = {
            "voltage_gain": 10.0,
            "voltage_deadband_pu": 0.01,
            "reactive_limit": 0.8,
            "voltage_time_constant_s": 0.1,
        }
        runs = [Run(site(1e-2, 10.0, support=s, grid=weak), engine=engine) for s in (None, helps)]
        without, with_support = (run["poi.voltage_pu"][-1] for run in runs)
        assert without < with_support < 0.99
        q_var = runs[0]["poi.reactive_power_var"][-1] - runs[1]["poi.reactive_power_var"][-1]
        assert q_var == pytest.approx(10.0 * DATA["rated_w"] * (1.0 - 0.01 - with_support), rel=1e-4)


class TestStability:
    """`frequency_loop` says what a run does: just below the limit it settles, just above it grows."""

    @pytest.mark.parametrize(("tick_s", "delay_s"), [(1e-3, 0.0), (1e-2, 0.05)])
    def test_margin_tells_the_limit_of_a_run(self, tick_s: float, delay_s: float) -> None:
        grid = wk.parameters.preset("grid", DATA["grid"]["preset"], system_power_w=DATA["system_power_w"])
        assert isinstance(grid, Grid)
        unit = Converter(
            rated_power_w=DATA["rated_w"], time_constant_s=DATA["converter_lag_s"], delay_s=delay_s
        )

        def least(gain: float) -> float:
            loop = support.frequency_loop(grid, [(Support(frequency_gain=gain), unit)], tick_s)[1]
            return support.margin(loop)

        low, high = 1.0, 1e5
        while high / low > 1.001:
            middle = math.sqrt(low * high)
            low, high = (middle, high) if least(middle) > 0.0 else (low, middle)
        swings = []
        for gain in (0.9 * low, 1.1 * low):
            helps = {"frequency_gain": gain, "up_limit": 10.0, "down_limit": 10.0}
            wide = {"delay_s": delay_s, "overload_pu": 10.0, "overload_s": 1e4}
            scenario = site(tick_s, 8.0, support=helps, converter=wide)
            tick = round(1.0 / tick_s)
            rings = np.diff(deviation_hz(scenario), prepend=0.0)
            swings.append([float(np.abs(part).max()) for part in (rings[:tick], rings[-tick:])])
        assert swings[0][1] < 0.5 * swings[0][0]
        assert swings[1][1] > 2.0 * swings[1][0]

    def test_rule_of_thumb_for_droop(self) -> None:
        """k K/(2 H) < 1/T + 1/T_c where governor, damping and tick play no part."""
        grid = Grid(frequency_model="swing", inertia_s=5.0, damping=0.0, governor_time_constant_s=3.2e9)
        unit = Converter(rated_power_w=0.1 * grid.system_power_w, time_constant_s=0.04)
        limit = 2.0 * 5.0 / 0.1 * (1.0 / 0.05 + 1.0 / 0.04)
        for gain, stable in ((0.97 * limit, True), (1.03 * limit, False)):
            helps = Support(frequency_gain=gain, frequency_time_constant_s=0.05)
            loop = support.frequency_loop(grid, [(helps, unit)], 1e-4)[1]
            assert (support.margin(loop) > 0.0) is stable

    def test_sane_settings_are_well_damped(self) -> None:
        """Droop of 1 to 5 % and up to 10 s of inertia on a tenth of the system, ticks to 20 ms."""
        for model in ("swing", "sfr", "reheat", "two_area"):
            grid = Grid(frequency_model=model)
            unit = Converter(rated_power_w=0.1 * grid.system_power_w, time_constant_s=0.05)
            for gain in (20.0, 100.0):
                for tick_s in (1e-4, 1e-3, 2e-2):
                    helps = Support(frequency_gain=gain, inertia_s=10.0)
                    loop = support.frequency_loop(grid, [(helps, unit)], tick_s)[1]
                    assert support.margin(loop) > 0.5
