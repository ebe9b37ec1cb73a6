"""Storage against closed forms and a published study; the cases are data beside this file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sites import Run, case, laid_over, lossless_site

import wattkeel as wk
from wattkeel.parameters import Battery
from wattkeel.scenario import Scenario


class TestConstantPower:
    """ST-16: a source behind a resistance, asked for a power that it has or has not."""

    DATA = case("st_16_constant_power")

    @pytest.mark.parametrize("row", DATA["solve"], ids=lambda row: f"{row['power_w']:g} W")
    def test_static_solution(self, engine: str, row: dict[str, Any]) -> None:
        slack = self.DATA["rel_tol"]
        cell = Battery(**self.DATA["cell"])
        run = wk.stages.battery(
            cell, power_w=[row["power_w"]], time_step_s=self.DATA["tick_s"], engine=engine
        )
        assert run.current_a[0] == pytest.approx(row["current_a"], rel=slack)
        assert run.voltage_v[0] == pytest.approx(row["voltage_v"], rel=slack)
        delivered_w = row["power_w"] if row["feasible"] else self.DATA["largest_w"]
        assert run.power_w[0] == pytest.approx(delivered_w, rel=slack)
        assert run.cell_power_w[0] == pytest.approx(delivered_w + run.loss_w[0], rel=1e-14)
        assert bool(run.limited[0]) is not row["feasible"]

    def test_a_sweep_through_the_limit_has_no_gap(self, engine: str) -> None:
        largest_w = self.DATA["largest_w"]
        power_w = np.concatenate((np.linspace(0.0, 2.0 * largest_w, 2001), [1e9, 1e300]))
        run = wk.stages.battery(
            Battery(**self.DATA["cell"]), power_w=power_w, time_step_s=self.DATA["tick_s"], engine=engine
        )
        for values in (run.power_w, run.current_a, run.voltage_v, run.loss_w, run.cell_power_w, run.soc):
            assert np.isfinite(values).all()
        # Two formulas meet at the largest power: they may differ in the last bit.
        assert (np.diff(run.current_a) >= -np.spacing(run.current_a[:-1])).all()
        assert run.limited.tolist() == (power_w > largest_w).tolist()
        assert run.power_w == pytest.approx(np.minimum(power_w, largest_w), rel=1e-12)

    def test_infeasible_power_in_a_site_is_an_event(self, engine: str) -> None:
        cells = {key: value for key, value in self.DATA["cell"].items() if key != "strings"}
        unit = {
            "kind": "battery",
            "battery": cells | {"strings": 1.0},
            "converter": {"rated_power_w": 4000.0, "loss_a": 0.0, "loss_c": 0.0, "time_constant_s": 0.0},
        }
        tables = laid_over(self.DATA["scenario"], {"storage": {"cell": unit}})
        site = wk.Engine(Scenario.from_dict(lossless_site(1e4, tables)), engine=engine)
        site.advance(10)
        site.command("storage.cell.power_w", 2722.6)
        begun = site.advance(5).events.copy()
        assert site.state["storage.cell.power_w"] == pytest.approx(self.DATA["largest_w"], rel=1e-9)
        assert site.state["storage.cell.current_a"] == pytest.approx(self.DATA["largest_a"], rel=1e-9)
        assert site.state["storage.cell.shortfall_power_w"] == pytest.approx(0.1, rel=1e-6)
        assert all(np.isfinite(value) for value in site.state.values())
        site.command("storage.cell.power_w", 330.0)
        ended = site.advance(5).events.copy()
        assert site.state["storage.cell.shortfall_power_w"] == 0.0
        # (tick, kind 2 = storage_limited, place 0, phase), delivered and asked
        assert [event.tolist()[:4] for event in begun] == [(10, 2, 0, 1)]
        assert begun[0].value == pytest.approx(self.DATA["largest_w"], rel=1e-9)
        assert begun[0].limit == 2722.6
        assert [event.tolist()[:4] for event in ended] == [(15, 2, 0, 0)]


def test_cells_without_a_voltage_have_that_of_the_default_preset(engine: str) -> None:
    """An empty OCV table would be read beyond its end; the tables say whose voltage it stands for."""
    tables_v = []
    for cells in ({"energy_j": 1e9}, {"energy_j": 1e9, "preset": "lfp-enerc-306ah"}):
        unit = {"battery": cells, "converter": {"rated_power_w": 1e5}}
        tables = {"simulation": {"duration_s": 0.01}, "storage": {"cell": unit}}
        site = wk.Engine(Scenario.from_dict(lossless_site(1e6, tables)), engine=engine)
        site.step(5)
        assert site.plant.battery[0].ocv_intervals == 100
        assert 416 * 3.0 < site.state["storage.cell.voltage_v"] < 416 * 3.5
        tables_v.append(site.plant.table[:101].tolist())
    assert tables_v[0] == tables_v[1]


class TestRuleOfAHybridStorage:
    """PH-10: the rule baseline of a published study in a whole site."""

    DATA = case("ph_10_rule_hess")

    @pytest.mark.parametrize("variant", DATA["variant"], ids=lambda variant: variant["name"])
    def test_residual(self, engine: str, variant: dict[str, Any]) -> None:
        slack = self.DATA["rel_tol"]
        tables = laid_over(self.DATA["scenario"], {"storage": variant.get("storage", {})})
        run = Run(Scenario.from_dict(lossless_site(self.DATA["peak_w"], tables)), engine=engine)
        settled = slice(round(self.DATA["settle_s"] / run.engine.tick_s), None)
        load_w = run["site.load_power_w"]
        assert np.unique(load_w) == pytest.approx([35e6, 50e6], rel=1e-12)
        assert load_w[settled].std() / 1e6 == pytest.approx(self.DATA["raw_std_mw"], rel=slack)
        residual_mw = (run["poi.power_w"][settled] - self.DATA["target_w"]) / 1e6
        rms_mw = float(np.sqrt(np.mean(residual_mw**2)))
        assert rms_mw == pytest.approx(variant["rms_mw"], rel=slack)
        assert np.ptp(residual_mw) == pytest.approx(variant["peak_to_peak_mw"], rel=slack)
        if "fast_soc_min" in variant:
            lowest = run["storage.supercapacitor.soc"].min()
            assert lowest == pytest.approx(variant["fast_soc_min"], rel=slack)
        for name in run.names("_loss_w"):
            assert np.abs(run[name]).max() <= 1.0  # leakage, next to nothing: the study has no loss
