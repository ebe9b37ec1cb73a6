"""Responses of a site and modes of shafts; the cases are data beside this file."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sites import case, laid_over, lossless_site

import wattkeel as wk
from wattkeel.linear import StateSpace
from wattkeel.parameters import Resonance, preset
from wattkeel.resonance import Target, log_grid, pieces, transfer
from wattkeel.scenario import Scenario

DATA = case("resonance_transfer")


def site(changes: dict[str, Any] | None = None) -> Scenario:
    tables = {name: table for name, table in DATA["site"].items() if name != "peak_w"}
    return Scenario.from_dict(lossless_site(DATA["site"]["peak_w"], laid_over(tables, changes or {})))


class TestTwoWays:
    @pytest.mark.parametrize("name", DATA["case"])
    def test_parts_and_engine_agree(self, name: str) -> None:
        changes = dict(DATA["case"][name])
        at = changes.pop("at", "site")
        scenario = site(changes)
        measured = transfer(scenario, method="measured", at=at, frequency_hz=DATA["frequency_hz"])
        computed = transfer(scenario, at=at, frequency_hz=measured.frequency_hz)
        assert len(measured.frequency_hz) >= 14
        for part, slack in (
            ("power", DATA["power_tol"]),
            ("frequency_hz_per_w", DATA["power_tol"]),
            ("voltage_pu_per_w", DATA["voltage_tol"]),
        ):
            engine, parts = getattr(measured, part), getattr(computed, part)
            assert np.abs(engine - parts).max() <= slack * np.abs(parts).max(), part
        # Half the swing gives the same response: what was measured is linear.
        assert measured.nonlinearity <= DATA["power_tol"]
        assert not any("settled" in note or "limit during" in note for note in measured.notes)
        # The cases differ from doing nothing, so that they test something.
        if name != "no_storage":
            assert np.abs(computed.power - 1.0).max() > 0.1


class TestFrequencyOfTheArea:
    """PH-02 by the transfer function, in continuous time and at the tick."""

    LINES = case("ph_02_swing_response")

    @pytest.mark.parametrize("tick_s", [None, 0.0])
    def test_amplitudes_under_sinusoids(self, tick_s: float | None) -> None:
        scenario = site({"grid": {"scr": 1000.0, "power_factor": 1.0}})
        load_hz = [line["load_hz"] for line in self.LINES["line"]]
        found = transfer(scenario, frequency_hz=load_hz, tick_s=tick_s)
        amplitude_mhz = 1e3 * np.abs(found.frequency_hz_per_w) * self.LINES["swing_w"]
        expected = [line["amplitude_mhz"] for line in self.LINES["line"]]
        assert amplitude_mhz == pytest.approx(expected, rel=self.LINES["rel_tol"])


class TestClosedForms:
    def test_battery_behind_a_moving_average(self) -> None:
        """1 - exp(-s T) (1 - A(s)) / (1 + s tau), A the mean over the window; a held command adds 0.5 ms."""
        changes = laid_over(
            DATA["case"]["battery_follows"],
            {
                "storage": {"battery": {"converter": {"time_constant": "30 ms", "delay": "0 ms"}}},
                "control": {"measurement_delay": "5 ms"},
            },
        )
        frequency = log_grid(0.05, 20.0, 40)
        found = transfer(site(changes), frequency_hz=frequency, tick_s=0.0).power
        s = 2j * math.pi * frequency
        mean = (1.0 - np.exp(-4.0 * s)) / (4.0 * s)
        closed = 1.0 - np.exp(-(0.005 + 0.0005) * s) * (1.0 - mean) / (1.0 + 0.03 * s)
        # The mean of samples leads that of the course by half a period, w T/2 of its size; a held command is
        # late by half a period but for terms of the order of (w T)^2.
        period = 2.0 * math.pi * frequency * 1e-3
        assert (np.abs(found - closed) <= 0.51 * period * np.abs(mean) + period**2 / 20.0).all()

    def test_answer_at_the_tick_converges_to_that_without(self) -> None:
        scenario = site(DATA["case"]["hybrid"])
        frequency = log_grid(0.1, 30.0, 20)
        limit = transfer(scenario, frequency_hz=frequency, tick_s=0.0).power
        errors = [
            float(np.abs(transfer(scenario, frequency_hz=frequency, tick_s=tick_s).power - limit).max())
            for tick_s in (1e-3, 5e-4, 2.5e-4)
        ]
        assert errors[0] > errors[1] > errors[2] > 0.0
        # First order: held inputs. The control keeps its period of 1 ms.
        assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.2)
        assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.2)

    def test_voltage_slope_is_that_of_the_thevenin_source(self) -> None:
        scenario = site({"grid": {"rated_power_w": 1e8}})
        found = transfer(scenario, frequency_hz=[0.1]).voltage_pu_per_w[0]
        step_w = 1e4
        power_w = 0.75e8 + np.array([-step_w, step_w])
        run = wk.stages.grid(scenario.model.grid, power_w=power_w, time_step_s=1e-3)
        slope = (run.voltage_pu[1] - run.voltage_pu[0]) / (2.0 * step_w)
        assert found.real == pytest.approx(slope, rel=1e-5)
        assert abs(found.imag) <= 1e-12 * abs(found.real)


class TestShafts:
    @pytest.mark.parametrize("shaft", case("shaft_modes")["shaft"], ids=lambda shaft: shaft["preset"])
    def test_published_modes(self, shaft: dict[str, Any]) -> None:
        parameters = preset("resonance", shaft["preset"])
        assert isinstance(parameters, Resonance)
        found = [mode.frequency_hz for mode in Target.of("unit", parameters).modes]
        assert found == pytest.approx(shaft["mode_hz"], abs=shaft["abs_tol_hz"])


def test_chain_peaks_where_the_preset_says() -> None:
    data = case("resonance_peak")
    order = len(data["denominator"]) - 1
    companion = np.eye(order, k=1)
    companion[-1] = -np.array(data["denominator"][:0:-1])
    system = StateSpace(
        a=companion,
        b=np.eye(order)[:, -1:],
        c=np.array([data["numerator"][::-1]]),
        d=np.zeros((1, 1)),
        states=tuple(f"x{i}" for i in range(order)),
        inputs=("load_w",),
        outputs=("power_w",),
    )
    frequency = np.linspace(3.0, 8.0, 5001)
    gain = np.abs(pieces.stepped(system, 2.0 * math.pi * frequency, 0.0)[:, 0, 0])
    peak = int(gain.argmax())
    assert frequency[peak] == pytest.approx(data["peak_hz"], abs=data["abs_tol_hz"])
    assert gain[peak] == pytest.approx(data["peak_gain"], abs=data["abs_tol_gain"])
    named = preset("resonance", "facility-chain")
    assert isinstance(named, Resonance)
    assert named.mode_hz == (pytest.approx(data["peak_hz"]),)
    inside = np.abs(frequency - data["peak_hz"]) <= named.width_hz
    assert gain[inside].min() > 1.65
