"""PH-07 and PH-08 through the engine: the waves of the measures, made by the stages workload and gpu."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sites import Run, case, lossless_site

import wattkeel as wk
from wattkeel import measures
from wattkeel.parameters import Gpu
from wattkeel.scenario import Scenario


class TestSquareWaveOfAJob:
    """PH-07: a job without edges is the two-level wave, tick by tick, up to the POI."""

    DATA = case("ph_07_spectrum")
    PEAK_W = 1e6

    def run(self, engine: str) -> Run:
        wave = self.DATA["wave"]
        job = {"period_s": wave["period_s"], "compute_fraction": wave["duty"], "edge_s": 0.0}
        levels = {"compute_pu": wave["high_w"], "communication_pu": wave["low_w"]}
        tables = {
            "simulation": {"duration_s": wave["length_s"], "tick_s": wave["tick_s"]},
            "workload": {"job": job | levels},
            "record": {"full_rate": ["poi.power_w"]},
        }
        return Run(Scenario.from_dict(lossless_site(self.PEAK_W, tables)), engine=engine)

    def test_lines_and_shares(self, engine: str) -> None:
        wave, slack = self.DATA["wave"], self.DATA["abs_tol"]
        power_pu = self.run(engine)["poi.power_w"] / self.PEAK_W
        half = round(0.5 * wave["period_s"] / wave["tick_s"])
        levels = np.where(np.arange(len(power_pu)) // half % 2 == 0, wave["high_w"], wave["low_w"])
        np.testing.assert_allclose(power_pu, levels, rtol=1e-14)
        found = measures.spectrum(power_pu, wave["tick_s"])
        for line in self.DATA["line"]:
            place = int(np.argmin(np.abs(found.frequency_hz - line["frequency_hz"])))
            assert found.amplitude_w[place] == pytest.approx(line["amplitude_w"], abs=slack)
        for row in self.DATA["share"]:
            assert measures.band_share(found, *row["band_hz"]) == pytest.approx(row["share"], abs=slack)


# Default of the GPU stage.
EDP_TIME_CONSTANT_S = 0.02


class TestFloorOfAGpu:
    """PH-08: the stage `gpu` with a floor that is always armed."""

    DATA = case("ph_08_floor_overhead")
    RATED_W = 1000.0

    def gpu(self, floor: float, edp_factor: float = 1.0) -> Gpu:
        return Gpu(
            rated_power_w=self.RATED_W, idle_power_w=100.0, percent_tmp_floor=100.0 * floor,
            ramp_down_hysteresis_ms=1e9, edp_factor=edp_factor,
        )  # fmt: skip

    def demand_w(self, low: float, duty: float, period: int, periods: int) -> np.ndarray:
        place = np.arange(period * periods) % period
        return np.where(place < round(duty * period), self.RATED_W, low * self.RATED_W)

    @pytest.mark.parametrize("row", DATA["floor"], ids=lambda row: f"L {row['low']} d {row['duty']}")
    def test_energy_overhead(self, engine: str, row: dict[str, float]) -> None:
        demand_w = self.demand_w(row["low"], row["duty"], 1_000_000, 1)  # the duties have up to seven digits
        run = wk.stages.gpu(self.gpu(row["floor"]), demand_power_w=demand_w, time_step_s=1e-3, engine=engine)
        overhead = measures.energy_overhead(run.power_w, demand_w)
        assert overhead == pytest.approx(row["overhead"], abs=0.01 * self.DATA["abs_tol"])
        burnt = float(run.floor_power_w.sum() / demand_w.sum())
        assert burnt == pytest.approx(overhead, rel=1e-9)
        assert (run.deficit_power_w == 0.0).all()

    def test_dynamic_range(self, engine: str) -> None:
        row = self.DATA["range"]
        demand_w = self.demand_w(0.5, 0.768, 1000, 5)
        plain, peaked = (
            wk.stages.gpu(
                self.gpu(row["floor"], factor), demand_power_w=demand_w, time_step_s=1e-3, engine=engine
            ).power_w
            / self.RATED_W
            for factor in (1.0, row["edp_factor"])
        )
        assert measures.dynamic_range(plain) == pytest.approx(row["without_edp"], rel=1e-12)
        # Powers are means over the tick, so the peak of a decaying overshoot reads this share of it.
        read = -math.expm1(-1e-3 / EDP_TIME_CONSTANT_S) * EDP_TIME_CONSTANT_S / 1e-3
        peak = (row["edp_factor"] - 1.0) * read
        # The first rise is a full one, from idle.
        unread = (row["edp_factor"] - 1.0) - peak
        assert measures.dynamic_range(peaked) >= row["with_edp_at_least"] - unread - 1e-12
        assert peaked.max() == pytest.approx(1.0 + peak, rel=1e-9)
        # Later rises are from the floor: the overshoot of this model goes with the rise, 0.1 of 0.9 pu.
        share = (1.0 - row["floor"]) / (1.0 - 0.1)
        settled = row["without_edp"] + peak * share
        assert measures.dynamic_range(peaked[1000:]) == pytest.approx(settled, rel=1e-9)
