"""Frequency and voltage at the POI against closed forms; the cases are data beside this file."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sites import Run, case, laid_over, lossless_site

import wattkeel as wk
from wattkeel import frequency
from wattkeel.parameters import Grid
from wattkeel.scenario import Scenario


def swing_grid() -> Grid:
    """The grid of PH-01, by its preset, stiff enough that voltage plays no part."""
    tables = {"simulation": {"duration_s": 1.0}, "title": "PH-01", "grid": case("ph_01_swing")["grid"]}
    tables["grid"] = {**tables["grid"], "frequency_model": "swing"}
    return Scenario.from_dict(lossless_site(1e9, tables)).model.grid


class TestLoadStep:
    DATA = case("ph_01_swing")

    @pytest.mark.parametrize("tick_s", DATA["tick_s"])
    def test_nadir_and_end(self, engine: str, tick_s: float) -> None:
        expected, slack_hz = self.DATA["expected"], self.DATA["abs_tol_hz"]
        power_w = np.full(round(self.DATA["length_s"] / tick_s) + 1, self.DATA["base_w"])
        power_w[1:] += self.DATA["step_w"]  # the area is balanced for the load of the first tick
        run = wk.stages.grid(swing_grid(), power_w=power_w, time_step_s=tick_s, engine=engine)
        deviation_hz = run.frequency_hz - 60.0
        lowest = int(deviation_hz.argmin())
        # The sample of a tick is that at its end, and the step comes one tick after the start.
        assert deviation_hz[lowest] == pytest.approx(expected["nadir_hz"], abs=slack_hz)
        assert lowest * tick_s == pytest.approx(expected["nadir_s"], abs=0.5 * tick_s + 5e-5)
        assert deviation_hz[-1] == pytest.approx(expected["final_hz"], abs=slack_hz)
        assert deviation_hz[0] == 0.0
        assert (run.unserved_power_w == 0.0).all()

    def test_initial_slope(self, engine: str) -> None:
        power_w = np.array([0.0, self.DATA["step_w"]]) + self.DATA["base_w"]
        run = wk.stages.grid(swing_grid(), power_w=power_w, time_step_s=1e-3, engine=engine)
        expected = self.DATA["expected"]["rocof_hz_per_s"]
        assert run.rocof_hz_per_s[1] == pytest.approx(expected, abs=self.DATA["rocof_abs_tol"])
        slope_hz_per_s = (run.frequency_hz[1] - run.frequency_hz[0]) / 1e-3
        assert run.rocof_hz_per_s[1] == pytest.approx(slope_hz_per_s, rel=1e-9)

    @pytest.mark.parametrize("tick_s", DATA["tick_s"])
    def test_eigenvalues_of_the_discrete_step(self, tick_s: float) -> None:
        expected = self.DATA["expected"]
        matrix, _ = frequency.frequency_model(swing_grid()).step(tick_s)
        found = np.log(np.linalg.eigvals(matrix).astype(complex)) / tick_s
        found = found[found.imag.argmax()]
        assert [found.real, found.imag] == pytest.approx(expected["eigenvalue"], rel=self.DATA["rel_tol"])
        assert abs(found) == pytest.approx(expected["natural_rad_per_s"], rel=self.DATA["rel_tol"])
        assert -found.real / abs(found) == pytest.approx(expected["damping_ratio"], rel=self.DATA["rel_tol"])

    def test_every_tick_gives_the_same_curve(self) -> None:
        """The step is exact: curves at 0.1, 1 and 10 ms meet where they have samples in common."""
        curves = []
        for tick_s in self.DATA["tick_s"]:
            power_w = np.full(round(5.0 / tick_s) + 1, self.DATA["base_w"])
            power_w[1:] += self.DATA["step_w"]
            run = wk.stages.grid(swing_grid(), power_w=power_w, time_step_s=tick_s)
            curves.append(run.frequency_hz[:: round(0.01 / tick_s)])
        np.testing.assert_allclose(curves[0], curves[2], rtol=0.0, atol=1e-10)
        np.testing.assert_allclose(curves[1], curves[2], rtol=0.0, atol=1e-10)


class TestSinusoidalLoad:
    DATA = case("ph_02_swing_response")

    @pytest.mark.parametrize("line", DATA["line"], ids=lambda line: f"{line['load_hz']} Hz")
    def test_amplitude(self, engine: str, line: dict[str, float]) -> None:
        tick_s, settle_s = self.DATA["tick_s"], self.DATA["settle_s"]
        length_s = settle_s + 4.0 / line["load_hz"]
        time_s = np.arange(round(length_s / tick_s)) * tick_s
        power_w = self.DATA["base_w"] + self.DATA["swing_w"] * np.sin(
            2.0 * math.pi * line["load_hz"] * time_s
        )
        run = wk.stages.grid(swing_grid(), power_w=power_w, time_step_s=tick_s, engine=engine)
        settled_hz = run.frequency_hz[time_s >= settle_s]
        amplitude_mhz = 0.5e3 * float(np.ptp(settled_hz))
        assert amplitude_mhz == pytest.approx(line["amplitude_mhz"], rel=self.DATA["rel_tol"])


class TestVoltage:
    DATA = case("ph_04_thevenin")

    def grid(self, scr: float) -> Grid:
        return Grid(
            rated_power_w=self.DATA["rated_w"], scr=scr, x_over_r=self.DATA["x_over_r"], power_factor=1.0,
            transformer_no_load_loss=0.0, transformer_load_loss=0.0, frequency_model="fixed",
        )  # fmt: skip

    @pytest.mark.parametrize("load", DATA["load"], ids=lambda load: f"SCR {load['scr']:g}")
    def test_rated_load(self, engine: str, load: dict[str, float]) -> None:
        rated_w = self.DATA["rated_w"]
        run = wk.stages.grid(self.grid(load["scr"]), power_w=[rated_w], time_step_s=1e-3, engine=engine)
        assert run.voltage_pu[0] == pytest.approx(load["voltage_pu"], abs=self.DATA["abs_tol"])
        assert run.power_w[0] == rated_w
        assert run.unserved_power_w[0] == 0.0

    def test_no_solution_serves_the_nose_of_the_curve(self, engine: str) -> None:
        row, rated_w = self.DATA["collapse"], self.DATA["rated_w"]
        load_pu = np.array([0.999999, 1.000001, 1.1, 1e6]) * row["largest_pu"]
        grid = self.grid(row["scr"])
        run = wk.stages.grid(grid, power_w=load_pu * rated_w, time_step_s=1e-3, engine=engine)
        assert (run.unserved_power_w > 0.0).tolist() == [False, True, True, True]
        assert run.power_w[1:] / rated_w == pytest.approx(row["largest_pu"], abs=self.DATA["abs_tol"])
        assert run.power_w + run.unserved_power_w == pytest.approx(load_pu * rated_w, rel=1e-15)
        assert np.isfinite(run.voltage_pu).all()
        # The nose lies at V^2 = E^2/2 - RP, reached from above.
        nose_pu = math.sqrt(0.5 - row["largest_pu"] * 0.5 / math.sqrt(101.0))
        assert run.voltage_pu[1:] == pytest.approx(nose_pu, abs=1e-6)
        assert run.voltage_pu[0] > nose_pu


class TestVoltageStepOfASite:
    """PH-05 in a whole site: a job in front of a Thevenin source, from the GPUs to the POI."""

    DATA = case("ph_05_voltage_step")

    def site(self, scr: float) -> Scenario:
        tables = laid_over(self.DATA["scenario"], {"grid": {"scr": scr}})
        return Scenario.from_dict(lossless_site(self.DATA["peak_w"], tables))

    @pytest.mark.parametrize("step", DATA["step"], ids=lambda step: f"SCR {step['scr']:g}")
    def test_change(self, engine: str, step: dict[str, float]) -> None:
        run = Run(self.site(step["scr"]), engine=engine)
        voltage_pu, power_w = run["poi.voltage_pu"], run["poi.power_w"]
        assert np.unique(power_w) == pytest.approx([0.5 * self.DATA["peak_w"], self.DATA["peak_w"]])
        change = 100.0 * float(np.ptp(voltage_pu))
        assert change == pytest.approx(step["change_percent"], abs=self.DATA["abs_tol_percent"])
        assert (change <= self.DATA["limit_percent"]) == step["within_limit"]
        assert len(np.unique(voltage_pu)) == 2

    def test_known_voltages(self, engine: str) -> None:
        for row in case("ph_04_thevenin")["load"]:
            lowest = Run(self.site(row["scr"]), engine=engine)["poi.voltage_pu"].min()
            assert lowest == pytest.approx(row["voltage_pu"], abs=self.DATA["abs_tol_voltage"])

    def test_collapse_is_an_event(self, engine: str) -> None:
        row, half_s = self.DATA["collapse"], self.DATA["half_period_s"]
        result = wk.simulate(self.site(row["scr"]), engine=engine, progress=False)
        collapses = [event for event in result.events if event.kind == "voltage_collapse"]
        half_ticks = round(half_s / result.tick_s)
        assert [event.tick for event in collapses] == [0, 2 * half_ticks]  # with every rise to full power
        assert [event.place for event in collapses] == ["poi", "poi"]
        assert [event.duration_s for event in collapses] == pytest.approx([half_s, half_s])
        for event in collapses:
            assert event.value == pytest.approx(row["load_pu"], rel=1e-12)
            assert event.limit == pytest.approx(row["largest_pu"], abs=1e-7)
        assert all(np.isfinite(result.signals[name]).all() for name in result.signals)
        unserved_w = result.signals["poi.unserved_power_w"]
        expected_w = (row["load_pu"] - row["largest_pu"]) * self.DATA["peak_w"]
        assert unserved_w[:half_ticks] == pytest.approx(expected_w, rel=1e-5)
        assert (unserved_w[half_ticks : 2 * half_ticks] == 0.0).all()
        assert abs(result.ledger.residual_relative) <= 1e-12
