"""Frequency models against closed forms, published modes and an independent integration."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import Run, case, lossless_site

import wattkeel as wk
from wattkeel import frequency
from wattkeel.parameters import Grid, RemoteArea, SheddingStage
from wattkeel.scenario import Scenario

BARE = {"scr": 1000.0, "transformer_no_load_loss": 0.0, "transformer_load_loss": 0.0, "power_factor": 1.0}


def preset_grid(name: str, **values: Any) -> Grid:
    """Grid of a preset, stiff and without loss, so that voltage plays no part."""
    grid = wk.parameters.preset("grid", name, rated_power_w=1e9, **BARE, **values)
    assert isinstance(grid, Grid)
    return grid


def step_response(
    grid: Grid, step_pu: float, length_s: float, tick_s: float, engine: str = "native"
) -> wk.stages.GridRun:
    """Run whose load rises after the first tick, at whose end the area is balanced."""
    power_w = np.full(round(length_s / tick_s) + 1, 0.5 * grid.system_power_w)
    power_w[1:] += step_pu * grid.system_power_w
    return wk.stages.grid(grid, power_w=power_w, time_step_s=tick_s, engine=engine)


class TestSystemFrequencyResponse:
    DATA = case("ph_03_sfr")

    def grid(self) -> Grid:
        name = self.DATA["grid"]["preset"]
        return preset_grid(name, system_power_w=self.DATA["system_power_w"])

    def closed_form(self, time_s: np.ndarray) -> np.ndarray:
        """Deviation after a step of load, pu: equations of the paper."""
        g, step = self.grid(), -self.DATA["step_w"] / self.DATA["system_power_w"]
        h, d, r, t, f, k = (
            g.inertia_s, g.damping, g.droop, g.reheat_time_constant_s, g.high_pressure_fraction, g.power_gain,
        )  # fmt: skip
        wn = math.sqrt((d * r + k) / (2.0 * h * r * t))
        z = wn * (2.0 * h * r + (d * r + k * f) * t) / (2.0 * (d * r + k))
        expected = self.DATA["expected"]
        assert wn == pytest.approx(expected["natural_rad_per_s"], rel=expected["rel_tol"])
        assert z == pytest.approx(expected["damping_ratio"], rel=expected["rel_tol"])
        root = math.sqrt(1.0 - z * z)
        wr = wn * root
        alpha = math.sqrt((1.0 - 2.0 * t * z * wn + (t * wn) ** 2) / (1.0 - z * z))
        phi = math.atan2(wr * t, 1.0 - z * wn * t) - math.atan2(root, -z)
        swing = 1.0 + alpha * np.exp(-z * wn * time_s) * np.sin(wr * time_s + phi)
        self.nadir_s = math.atan2(wr * t, z * wn * t - 1.0) / wr
        return r * step / (d * r + k) * swing

    @pytest.mark.parametrize("tick_s", DATA["tick_s"])
    def test_every_tick_lies_on_the_closed_form(self, engine: str, tick_s: float) -> None:
        step_pu = self.DATA["step_w"] / self.DATA["system_power_w"]
        run = step_response(self.grid(), step_pu, self.DATA["length_s"], tick_s, engine)
        deviation_pu = run.frequency_hz / 60.0 - 1.0
        wanted_pu = self.closed_form(np.arange(len(deviation_pu)) * tick_s)
        assert np.abs(deviation_pu - wanted_pu).max() <= self.DATA["closed_form_tol_pu"]
        coarse_hz = 0.5 * self.DATA["curvature_hz_per_s2"] * (0.5 * tick_s) ** 2
        low_hz, expected = float(run.frequency_hz.min()) - 60.0, self.DATA["expected"]
        assert -6e-7 <= low_hz - expected["nadir_hz"] <= coarse_hz + 6e-7
        assert abs(run.frequency_hz.argmin() * tick_s - expected["nadir_s"]) <= 0.5 * tick_s + 2e-6

    def test_published_figures(self) -> None:
        expected, tol = self.DATA["expected"], self.DATA["abs_tol_pu"]
        assert self.closed_form(np.array([1e3]))[0] == pytest.approx(expected["final_pu"], abs=1e-15)
        assert self.nadir_s == pytest.approx(expected["nadir_s"], abs=tol)
        assert self.closed_form(np.array([self.nadir_s]))[0] == pytest.approx(expected["nadir_pu"], abs=tol)


class TestReheatTurbine:
    DATA = case("reheat_turbine")

    @pytest.mark.parametrize("tick_s", DATA["tick_s"])
    def test_against_an_independent_integration(self, engine: str, tick_s: float) -> None:
        integrate = pytest.importorskip("scipy.integrate")
        g = preset_grid(self.DATA["grid"]["preset"])
        step_pu, length_s = self.DATA["step_pu"], self.DATA["length_s"]

        def slope(_: float, x: np.ndarray) -> list[float]:
            w, gate, chest, reheat = x
            power = g.high_pressure_fraction * chest + (1.0 - g.high_pressure_fraction) * reheat
            return [
                (power - step_pu - g.damping * w) / (2.0 * g.inertia_s),
                (-w / g.droop - gate) / g.governor_time_constant_s,
                (gate - chest) / g.chest_time_constant_s,
                (chest - reheat) / g.reheat_time_constant_s,
            ]

        run = step_response(g, step_pu, length_s, tick_s, engine)
        time_s = np.arange(len(run.frequency_hz)) * tick_s
        solved = integrate.solve_ivp(
            slope, (0.0, time_s[-1]), [0.0] * 4, method="DOP853", t_eval=time_s, rtol=1e-12, atol=1e-14
        )
        deviation_pu = run.frequency_hz / 60.0 - 1.0
        assert np.abs(deviation_pu - solved.y[0]).max() <= self.DATA["abs_tol_pu"]
        # What the second area would be is the same where there is none.
        assert (run.remote_frequency_hz == run.frequency_hz).all()

    def test_reheat_dips_deeper_than_the_first_order_governor(self) -> None:
        values = {"inertia_s": 5.0, "damping": 1.0, "droop": 0.05, "governor_time_constant_s": 0.2}
        grids = [
            Grid(frequency_model=name, rated_power_w=1e9, **BARE, **values) for name in ("swing", "reheat")
        ]
        lows = [float(step_response(grid, 0.05, 10.0, 1e-2).frequency_hz.min()) for grid in grids]
        assert lows[1] - 60.0 < 1.5 * (lows[0] - 60.0)


class TestTwoAreas:
    DATA = case("two_area_mode")

    def mode(self, grid: Grid) -> complex:
        """The oscillating mode of the highest frequency."""
        poles = frequency.frequency_model(grid).poles()
        return complex(poles[poles.imag.argmax()])

    def check(self, pole: complex) -> None:
        data = self.DATA
        assert pole.real == pytest.approx(data["real_per_s"], abs=data["real_abs_tol"])
        assert pole.imag == pytest.approx(data["imag_rad_per_s"], abs=data["imag_abs_tol"])
        hertz = pole.imag / (2.0 * math.pi)
        assert hertz == pytest.approx(data["frequency_hz"], abs=data["frequency_abs_tol"])
        assert -pole.real / abs(pole) == pytest.approx(data["damping_ratio"], abs=data["damping_abs_tol"])

    def test_preset_has_the_published_mode(self) -> None:
        self.check(self.mode(preset_grid(self.DATA["grid"]["preset"])))

    def test_machines_of_the_book_without_governors(self) -> None:
        """With governors that never act, and the areas' own equations in closed form."""
        damping, tie = self.DATA["no_governor_damping"], self.DATA["no_governor_synchronising_pu"]
        slow = {"damping": damping, "governor_time_constant_s": 3.2e9}
        grid = Grid(
            frequency_model="two_area", inertia_s=6.5, synchronising_pu=tie, **slow,
            remote=RemoteArea(inertia_s=6.175, **slow),
        )  # fmt: skip
        pole = self.mode(grid)
        self.check(pole)
        # s (2H s1 s + D s1)(2H' s2 s + D s2) + T w0 ((2H s + D) s1 + (2H' s + D) s2) = 0.
        first, second = np.poly1d([6.5, 0.5 * damping]), np.poly1d([6.175, 0.5 * damping])
        turn = 2.0 * math.pi * 60.0 * tie
        roots = (np.poly1d([1.0, 0.0]) * first * second + turn * (first + second)).roots
        assert min(abs(roots - pole)) <= 1e-6

    def test_ringing_of_a_run(self, engine: str) -> None:
        """Between the areas rings what the eigenvalue says; the mean of both is the area as one."""
        data = self.DATA
        run = step_response(
            preset_grid(data["grid"]["preset"]), data["step_pu"], 40.0, data["tick_s"], engine
        )
        between = (run.frequency_hz - run.remote_frequency_hz)[500:]
        crossing = np.flatnonzero((between[:-1] < 0.0) & (between[1:] >= 0.0))
        places = crossing + between[crossing] / (between[crossing] - between[crossing + 1])
        period_s = float(np.diff(places).mean()) * data["tick_s"]
        peaks = [float(between[a:b].max()) for a, b in pairwise(crossing)]
        decay = -math.log(peaks[-1] / peaks[0]) / ((len(peaks) - 1) * period_s)
        pole = self.mode(preset_grid(data["grid"]["preset"]))
        assert 2.0 * math.pi / period_s == pytest.approx(pole.imag, rel=data["run_frequency_rel_tol"])
        assert decay == pytest.approx(-pole.real, rel=data["run_damping_rel_tol"])

    def test_stiff_tie_makes_one_area(self) -> None:
        """Areas that are one swing as an area without chest and with the mean of both inertias."""
        grid = Grid(frequency_model="two_area", synchronising_pu=1e3, rated_power_w=1e9, **BARE)
        run = step_response(grid, 0.02, 20.0, 1e-2)
        mean_hz = 0.5 * (run.frequency_hz + run.remote_frequency_hz)
        assert np.abs(run.frequency_hz - run.remote_frequency_hz).max() <= 0.02 * np.ptp(mean_hz)
        final_hz = 60.0 * -0.02 / (grid.damping + 1.0 / grid.droop)
        late = step_response(grid, 0.02, 200.0, 0.1)
        assert late.frequency_hz[-1] - 60.0 == pytest.approx(final_hz, rel=1e-6)


@pytest.mark.parametrize("model", ["swing", "sfr", "reheat", "two_area"])
def test_no_model_depends_on_the_tick(model: str) -> None:
    """Samples at 0.1 ms, 10 ms and 1 s meet for a load that is held: every step is exact."""
    grid = Grid(frequency_model=model, rated_power_w=1e9, **BARE)
    runs = []
    for tick_s in (1e-4, 1e-2, 1.0):
        run = step_response(grid, 0.03, 10.0, tick_s)
        runs.append(
            (run.frequency_hz[:: round(1.0 / tick_s)], run.remote_frequency_hz[:: round(1.0 / tick_s)])
        )
    for other in runs[1:]:
        np.testing.assert_allclose(other, runs[0], rtol=0.0, atol=2e-10)


class TestSineThroughTheEngine:
    """PH-02 in a whole site that replays a sine: trace, racks, POI, frequency."""

    DATA = case("ph_02_swing_response")

    @pytest.mark.parametrize("line", DATA["line"][1:], ids=lambda line: f"{line['load_hz']} Hz")
    def test_amplitude(self, tmp_path: Path, line: dict[str, float]) -> None:
        hertz, base_w, swing_w = line["load_hz"], self.DATA["base_w"], self.DATA["swing_w"]
        length_s, row_s = self.DATA["settle_s"] + 4.0 / hertz, 0.005
        time_s = np.arange(round(length_s / row_s) + 1) * row_s
        power_w = base_w + swing_w * np.sin(2.0 * math.pi * hertz * time_s)
        path = tmp_path / "sine.csv"
        rows = "".join(f"{t:.3f},{p!r}\n" for t, p in zip(time_s, power_w.tolist(), strict=True))
        path.write_text("t_s,power_w\n" + rows)
        tables = {
            "simulation": {"duration_s": length_s, "tick_s": self.DATA["tick_s"]},
            "workload": {"job": {"kind": "trace", "trace": str(path), "trace_boundary": "rack",
                                 "trace_gpus": 100_000, "trace_interpolation": "linear"}},
            "grid": {**case("ph_01_swing")["grid"], "frequency_model": "swing", "reference_power_w": base_w},
        }  # fmt: skip
        run = Run(Scenario.from_dict(lossless_site(1e9, tables)))
        settled_hz = run["poi.frequency_hz"][round(self.DATA["settle_s"] / self.DATA["tick_s"]) :]
        amplitude_mhz = 0.5e3 * float(np.ptp(settled_hz))
        assert amplitude_mhz == pytest.approx(line["amplitude_mhz"], rel=self.DATA["rel_tol"])


def test_rolling_rocof_is_the_mean_of_the_rate() -> None:
    """Over the window, from nominal before the start; and with the offset of an imposed event."""
    grid = Grid(frequency_model="sfr", rated_power_w=1e9, rocof_window_s=0.5, **BARE)
    run = step_response(grid, 0.1, 5.0, 1e-3)
    summed = np.cumsum(run.rocof_hz_per_s) * 1e-3
    before = np.concatenate((np.zeros(500), summed[:-500]))
    np.testing.assert_allclose(run.rocof_window_hz_per_s, (summed - before) / 0.5, rtol=0.0, atol=1e-9)
    event = {"start_s": 1.0, "duration_s": 10.0, "frequency_offset_hz": -0.3}
    fixed = Grid(
        frequency_model="fixed", rated_power_w=1e9, event=(wk.parameters.GridEvent(**event),), **BARE
    )
    seen = wk.stages.grid(fixed, power_w=np.zeros(2000), time_step_s=1e-3).rocof_window_hz_per_s
    assert seen[999] == 0.0
    assert seen[1000] == pytest.approx(-0.6, rel=1e-12)
    assert seen[1499] == pytest.approx(-0.6, rel=1e-12)
    assert seen[1500] == 0.0


class TestLoadShedding:
    DATA = case("load_shedding_times")

    def grid(self, **values: Any) -> Grid:
        """Frequency falls on a line: no damping, no governor."""
        stages = wk.parameters.preset("grid", "ercot-load-shedding").load_shedding
        given = {"load_shedding": stages, "system_power_w": self.DATA["system_power_w"]} | values
        return Grid(
            frequency_model="swing", inertia_s=self.DATA["inertia_s"], damping=0.0,
            governor_time_constant_s=3.2e9, rated_power_w=60e9, **BARE, **given,
        )  # fmt: skip

    def falling_hz(self, shed_pu: np.ndarray) -> np.ndarray:
        """Frequency by the load that is shed in each tick."""
        rate = 60.0 * (shed_pu - self.DATA["step_pu"]) / (2.0 * self.DATA["inertia_s"])
        rate[0] = 0.0  # the load rises after the first tick
        return 60.0 + np.cumsum(rate) * self.DATA["tick_s"]

    def test_times_and_frequencies_of_the_stages(self, engine: str) -> None:
        tick_s = self.DATA["tick_s"]
        grid = self.grid()
        run = step_response(grid, self.DATA["step_pu"], self.DATA["length_s"], tick_s, engine)
        shed_pu = run.shed_power_w / grid.system_power_w
        np.testing.assert_allclose(run.frequency_hz, self.falling_hz(shed_pu), rtol=0.0, atol=1e-7)
        rises = np.flatnonzero(np.diff(shed_pu) > 0.0) + 1
        np.testing.assert_allclose(shed_pu[rises], 0.05 * np.arange(1, len(rises) + 1), rtol=1e-12)
        assert len(rises) == 4  # 0.18 pu are missing: the fourth stage turns the frequency, the fifth rests
        for stage, tick in zip(grid.load_shedding, rises, strict=False):
            below = int(np.flatnonzero(run.frequency_hz < stage.threshold_hz)[0])
            # 100 ms after the end of the first tick below it; off from the tick after.
            assert tick == below + round(stage.delay_s / tick_s) + 1
        assert run.frequency_hz[-1] > run.frequency_hz.min()

    def test_a_dip_shorter_than_the_delay_trips_nothing(self) -> None:
        step_w = self.DATA["step_pu"] * self.DATA["system_power_w"]
        power_w = np.full(3000, 30e9)
        power_w[1:680] += step_w
        power_w[680:] -= step_w
        run = wk.stages.grid(self.grid(), power_w=power_w, time_step_s=1e-3)
        assert 59.1 < run.frequency_hz.min() < 59.3
        assert (run.frequency_hz < 59.3).sum() < 100
        assert (run.shed_power_w == 0.0).all()

    def test_generation_trips_above_nominal_frequency(self, engine: str) -> None:
        stages = (SheddingStage(threshold_hz=60.5, delay_s=0.2, share=0.1),)
        run = step_response(self.grid(load_shedding=stages), -0.1, 4.0, 1e-3, engine)
        trip = int(np.flatnonzero(run.shed_power_w)[0])
        assert run.shed_power_w[trip:] == pytest.approx(-0.1 * self.DATA["system_power_w"])
        assert trip == int(np.flatnonzero(run.frequency_hz > 60.5)[0]) + 201
        assert np.ptp(run.frequency_hz[trip:]) <= 1e-8  # what is missing now was too much before

    def test_share_of_the_site_is_tripped_with_the_stage(self, engine: str) -> None:
        stages = (SheddingStage(threshold_hz=59.7, delay_s=0.0, site_share=0.25),)
        event = wk.parameters.GridEvent(start_s=0.5, duration_s=0.1, frequency_offset_hz=-0.4)
        grid = Grid(frequency_model="fixed", rated_power_w=1e9, load_shedding=stages, event=(event,), **BARE)
        run = wk.stages.grid(grid, power_w=np.full(1000, 8e8), time_step_s=1e-3, engine=engine)
        assert (run.power_w[:501] == 8e8).all()
        assert (run.power_w[501:] == 6e8).all()  # for good
        assert run.site_shed_power_w[501:] == pytest.approx(2e8)
        assert (run.shed_power_w == 0.0).all()
