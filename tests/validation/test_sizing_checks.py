"""Sizing against figures of others: ST-05, ST-21, ST-23; the cases are data beside this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sites import case, reference_columns

import wattkeel as wk
from wattkeel import battery_lowering, sizing
from wattkeel.parameters import preset


class TestContainer:
    """ST-05: the energy of a container follows from its cells."""

    DATA = case("st_05_enerc_energy")

    def test_nominal_energy(self) -> None:
        data = self.DATA
        cells = preset("battery", data["battery_preset"], strings=1.0)
        string_j = cells.cells_series * cells.cell_capacity_ah * cells.cell_voltage_v * 3600.0
        strings = data["parallel"] * data["racks"]
        assert string_j * strings == pytest.approx(data["energy_j"], rel=data["rel_tol"])
        assert round(data["energy_j"] / 3.6e9, 2) == data["nameplate_mwh"]
        unit = preset("storage", data["storage_preset"]).battery
        assert unit.energy_j == pytest.approx(data["energy_j"], rel=data["rel_tol"])
        assert battery_lowering.battery_strings(unit) == pytest.approx(strings, rel=1e-14)


class TestPeakShavingByRule:
    """ST-21."""

    DATA = case("st_21_peak_shaving")

    def load_w(self) -> np.ndarray:
        load, k = self.DATA["load"], np.arange(self.DATA["load"]["steps"])
        bumps = zip(load["height_w"], load["centre"], load["width"], strict=True)
        return np.asarray(
            load["base_w"] + sum(height * np.exp(-(((k - at) / wide) ** 2)) for height, at, wide in bumps)
        )

    def run(self, **changes: float) -> sizing.ShavingRun:
        options = {
            name: self.DATA[name]
            for name in ("energy_j", "power_w", "charge_efficiency", "discharge_efficiency", "soc_initial")
        }
        limit_w = changes.pop("limit_w", self.DATA["limit_w"])
        return sizing.shave_peak(
            self.load_w(), self.DATA["time_step_s"], limit_w=limit_w, **(options | changes)
        )

    def test_figures(self) -> None:
        data, run = self.DATA, self.run()
        assert self.load_w().max() == pytest.approx(data["load_peak_w"], rel=data["rel_tol"])
        assert run.peak_w == pytest.approx(data["grid_peak_w"], rel=data["rel_tol"])
        assert run.soc.min() == pytest.approx(data["soc_min"], rel=data["rel_tol"])
        assert run.soc[-1] == pytest.approx(data["soc_end"], rel=data["rel_tol"])
        assert run.discharged_j == pytest.approx(data["discharged_j"], rel=data["rel_tol"])

    def test_every_step(self, data_dir: Path) -> None:
        _, load_kw, battery_kw, grid_kw, soc = reference_columns(data_dir, self.DATA["file"])
        run, slack = self.run(), self.DATA["rel_tol"]
        assert self.load_w() == pytest.approx(1e3 * load_kw, rel=slack)
        assert run.battery_w == pytest.approx(1e3 * battery_kw, rel=slack, abs=1e-3)
        assert run.grid_w == pytest.approx(1e3 * grid_kw, rel=slack)
        assert run.soc == pytest.approx(soc, rel=slack)

    def test_the_store_could_do_more(self) -> None:
        """The rule's limit is above the least one, which the same rule keeps and nothing below it."""
        data = self.DATA
        least_w = sizing.least_limit(
            self.load_w(), data["time_step_s"], energy_j=data["energy_j"], power_w=data["power_w"],
            charge_efficiency=data["charge_efficiency"],
            discharge_efficiency=data["discharge_efficiency"], soc_initial=data["soc_initial"],
        )  # fmt: skip
        assert data["load_peak_w"] - data["power_w"] <= least_w < data["limit_w"]
        assert self.run(limit_w=least_w).peak_w == pytest.approx(least_w, rel=1e-9)
        assert self.run(limit_w=0.999 * least_w).peak_w > least_w


class TestLookAhead:
    """ST-23: no dispatch shaves more than perfect foresight."""

    DATA = case("st_23_look_ahead")

    def test_published_peaks_are_not_below_the_bound(self, data_dir: Path) -> None:
        data = self.DATA
        _, load_kw, grid_kw, battery_kw, soc_percent = reference_columns(data_dir, data["file"])
        load_w, tick_s = 1e3 * load_kw, data["time_step_s"]
        assert load_w.max() == pytest.approx(data["load_peak_w"], rel=1e-9)
        # What the bound rests on is in the file: the window, and the energy per SoC.
        assert soc_percent.min() >= 100.0 * data["soc_low"] - 1e-6
        assert soc_percent.max() <= 100.0 * data["soc_high"] + 1e-6
        rises = np.diff(soc_percent) / 100.0
        per_soc_j = -1e3 * battery_kw[1:][rises > 1e-3] * tick_s / rises[rises > 1e-3]
        assert per_soc_j.max() <= data["energy_per_soc_j"]
        bound_w = sizing.least_limit(
            load_w,
            tick_s,
            energy_j=(data["soc_high"] - data["soc_low"]) * data["energy_per_soc_j"],
            power_w=float(load_w.max()),
        )
        assert bound_w == pytest.approx(data["bound_w"], rel=1e-7)
        assert 1e3 * grid_kw.max() == pytest.approx(data["week_peak_w"], rel=1e-6)
        for peak_w in (data["week_peak_w"], data["year_peak_15min_w"], data["year_peak_hourly_w"]):
            assert bound_w <= peak_w <= data["above_bound"] * bound_w
            assert peak_w < data["load_peak_w"]


class TestGridCells:
    """Presets of cells of which no table is published, against what a data sheet promises."""

    DATA = case("grid_cell_efficiency")

    @pytest.mark.parametrize("name", DATA["presets"])
    def test_efficiency(self, name: str) -> None:
        data = self.DATA
        cell = preset("battery", name, strings=1.0)
        nominal_wh = cell.cells_series * cell.cell_voltage_v * cell.cell_capacity_ah
        trip = sizing.round_trip(
            cell, power_w=data["rate_p"] * nominal_wh, soc_low=data["soc_from"], soc_high=data["soc_to"]
        )
        assert data["efficiency_min"] <= trip.efficiency <= data["efficiency_max"]
        # Settled and run through the engine it is the same cycle, but for what changes at its two ends.
        ticks = [int(trip.discharge_s), int(trip.charge_s)]
        power_w = data["rate_p"] * nominal_wh * np.repeat([1.0, -1.0], ticks)
        start = cell.model_copy(
            update={
                "soc_initial": data["soc_to"],
                "hysteresis_initial": -1.0,
                "self_discharge_per_s": 0.0,
                "cell_heat_capacity_j_per_k": 0.0,
                "soc_min": 0.0,
                "soc_max": 1.0,
            }
        )
        run = sizing.duty_efficiency(start, None, command_w=power_w, tick_s=1.0)
        assert run.limited_ticks == 0
        assert run.efficiency == pytest.approx(trip.efficiency, abs=2e-3)

    @pytest.mark.parametrize("name", DATA["presets"])
    def test_usable_energy_is_what_a_run_gives(self, name: str) -> None:
        """Until the first limit; the settled model leaves out how branches and hysteresis begin."""
        cell = preset("battery", name, strings=1.0, soc_initial=0.95, soh_capacity=0.8)
        held = cell.model_copy(update={"cell_heat_capacity_j_per_k": 0.0, "hysteresis_initial": -1.0})
        power_w = 0.5 * cell.cells_series * cell.cell_voltage_v * cell.cell_capacity_ah
        usable = sizing.usable_energy(held, power_w=power_w)
        run = wk.stages.battery(held, power_w=np.full(7200, power_w), time_step_s=1.0)
        ended = int(np.argmax(run.limited > 0))
        assert run.limited[ended]
        assert ended == pytest.approx(usable.duration_s, rel=3e-3)
        assert run.soc[ended] == pytest.approx(usable.soc_end, abs=2e-3)
