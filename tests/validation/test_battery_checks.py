"""The battery against closed forms and published tools: ST-01 to ST-04, 14, 15, 17, 18, 22, 24, 26, 27."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sites import case, reference_columns

import wattkeel as wk
from wattkeel.parameters import Battery, preset

KWH_J = 3.6e6


def cell_of(data: dict[str, Any], **changes: Any) -> Battery:
    """Battery of a case: its own keys over those of the preset that it names."""
    own = dict(data["cell"]) | changes
    name = own.pop("preset", None)
    made = Battery(**own) if name is None else preset("battery", name, **own)
    assert isinstance(made, Battery)
    return made


class TestSingleStep:
    """ST-01, ST-02."""

    DATA = case("st_01_sony_single_step")

    @pytest.mark.parametrize("step", DATA["step"], ids=lambda step: step["id"])
    def test_step(self, engine: str, step: dict[str, Any]) -> None:
        slack = self.DATA["rel_tol"]
        cell = cell_of(self.DATA, hysteresis_initial=step["hysteresis_initial"])
        run = wk.stages.battery(
            cell, power_w=[step["power_w"]], time_step_s=self.DATA["time_step_s"], engine=engine
        )
        assert run.current_a[0] == pytest.approx(step["current_a"], rel=slack)
        assert run.voltage_v[0] == pytest.approx(step["voltage_v"], rel=slack)
        assert run.loss_w[0] == pytest.approx(step["loss_w"], rel=slack)
        assert run.soc[0] == pytest.approx(step["soc"], abs=slack)
        if "simses_loss_w" in step:
            assert run.loss_w[0] > step["simses_loss_w"] * (1.0 + 1e-3)


class TestRoundTrip:
    """ST-03."""

    DATA = case("st_03_sony_round_trip")

    @pytest.mark.parametrize("trip", DATA["trip"], ids=lambda trip: f"{trip['power_w']} W")
    def test_percent(self, engine: str, trip: dict[str, Any]) -> None:
        data, power_w = self.DATA, trip["power_w"]
        # Long enough for the slowest; cut at the first step past the limit.
        ticks = math.ceil(1.2 * 3.0 * 3.4 * 0.8 * 3600.0 / power_w)
        up = wk.stages.battery(
            cell_of(data), power_w=np.full(ticks, -power_w), time_step_s=data["time_step_s"], engine=engine
        )
        charge = int(np.argmax(up.soc >= data["soc_high"])) + 1
        full = cell_of(data, soc_initial=float(up.soc[charge - 1]), hysteresis_initial=1.0)
        down = wk.stages.battery(
            full, power_w=np.full(ticks, power_w), time_step_s=data["time_step_s"], engine=engine
        )
        discharge = int(np.argmax(down.soc <= data["soc_low"])) + 1
        assert up.soc[charge - 1] >= data["soc_high"]
        assert down.soc[discharge - 1] <= data["soc_low"]
        assert up.power_w[:charge] == pytest.approx(-power_w, rel=1e-12)
        percent = -100.0 * down.power_w[:discharge].sum() / up.power_w[:charge].sum()
        assert percent == pytest.approx(trip["percent"], abs=data["abs_tol_percent"])
        assert percent < trip["simses_percent"] - 1.0


class TestSquareWave:
    """ST-04."""

    DATA = case("st_04_sony_square")

    def test_soc(self, engine: str) -> None:
        data = self.DATA
        half = round(data["half_period_s"] / data["time_step_s"])
        periods = round(data["duration_s"] / data["half_period_s"] / 2)
        power_w = np.tile(np.repeat([-data["power_w"], data["power_w"]], half), periods)
        run = wk.stages.battery(
            cell_of(data), power_w=power_w, time_step_s=data["time_step_s"], engine=engine
        )
        assert run.soc[-1] == pytest.approx(data["soc"], abs=data["abs_tol"])


class TestTwoBranches:
    """ST-14, ST-15."""

    DATA = case("st_14_two_branches")
    # Heat of each resistance, J: analytic_params_and_energy.json.
    PARTS_J: ClassVar[dict[str, float]] = {"R0": 375.0, "R1": 128.10890609094847, "R2": 23.433303236905452}

    def run(self, engine: str, **changes: Any) -> Any:
        tick_s = self.DATA["time_step_s"]
        ends = [0, *(round(segment["until_s"] / tick_s) for segment in self.DATA["segment"])]
        current_a = np.repeat([segment["current_a"] for segment in self.DATA["segment"]], np.diff(ends))
        cell = cell_of(self.DATA, **changes)
        return wk.stages.battery(cell, current_a=current_a, time_step_s=tick_s, engine=engine)

    def test_voltage(self, engine: str) -> None:
        run, data = self.run(engine), self.DATA
        for point in data["voltage"]:
            at = round(point["time_s"] / data["time_step_s"]) - 1
            assert run.end_voltage_v[at] == pytest.approx(point["voltage_v"], abs=data["abs_tol_v"])
        assert run.soc[-1] == pytest.approx(data["energy"]["soc_end"], abs=1e-12)

    def test_voltage_of_the_whole_file(self, engine: str, data_dir: Path) -> None:
        """At a step of the current the file has the value after it, a tick's end the one before."""
        run, data = self.run(engine), self.DATA
        time_s, current_a, soc, _, _, voltage_v = reference_columns(data_dir, data["file"])
        ticks = np.round(time_s / data["time_step_s"]).astype(int)
        same = (ticks > 0) & (run.current_a[np.maximum(ticks - 1, 0)] == current_a)
        assert same.sum() > 0.9 * len(same)
        at = ticks[same] - 1
        assert run.end_voltage_v[at] == pytest.approx(voltage_v[same], abs=data["abs_tol_v"])
        assert run.soc[at] == pytest.approx(soc[same], abs=1e-11)

    def test_energy(self, engine: str) -> None:
        run, want, tick_s = self.run(engine), self.DATA["energy"], self.DATA["time_step_s"]
        slack = self.DATA["rel_tol_energy"] * want["chemical_j"]
        found = {
            "chemical_j": run.cell_power_w, "terminal_j": run.power_w, "loss_j": run.loss_w,
            "stored_j": run.polarisation_power_w,
        }  # fmt: skip
        for name, power_w in found.items():
            assert math.fsum(power_w) * tick_s == pytest.approx(want[name], abs=slack), name
        stored_j = math.fsum(run.polarisation_power_w) * tick_s
        assert stored_j == pytest.approx(want["stored_j"], rel=0.0, abs=1e-9)

    @pytest.mark.parametrize("name", PARTS_J)
    def test_heat_of_each_resistance(self, engine: str, name: str) -> None:
        """At a given current the branches do not know of each other, so that each can run alone."""
        times_s, ohms = (self.DATA["cell"][f"rc_{key}"] for key in ("time_constant_s", "resistance_ohm"))
        kept = [k for k in range(2) if name == f"R{k + 1}"]
        run = self.run(
            engine,
            cell_resistance_ohm=0.0 if kept else self.DATA["cell"]["cell_resistance_ohm"],
            rc_time_constant_s=[times_s[k] for k in kept],
            rc_resistance_ohm=[ohms[k] for k in kept],
        )
        tick_s = self.DATA["time_step_s"]
        assert math.fsum(run.loss_w) * tick_s == pytest.approx(self.PARTS_J[name], rel=0.0, abs=1e-6)


class TestConstantPowerRun:
    """ST-17."""

    DATA = case("st_17_constant_power_run")
    # Two and a half times what was measured.
    AT_1_S: ClassVar[dict[str, float]] = {"soc": 1e-9, "current_a": 7e-7, "voltage_v": 1e-8}

    def end(self, tick_s: float, engine: str) -> dict[str, float]:
        ticks = round(self.DATA["time_s"] / tick_s)
        run = wk.stages.battery(
            cell_of(self.DATA), power_w=np.full(ticks + 1, self.DATA["power_w"]), time_step_s=tick_s,
            engine=engine,
        )  # fmt: skip
        # The file is at a time, the run holds ticks: soc at the end of the last tick, current and voltage
        # between the last tick and the one after it.
        return {
            "soc": float(run.soc[ticks - 1]),
            "current_a": float(run.current_a[ticks - 1 : ticks + 1].mean()),
            "voltage_v": float(run.voltage_v[ticks - 1 : ticks + 1].mean()),
        }

    def test_end_and_order(self, engine: str) -> None:
        """The error of the coarsest tick, and an eightieth of it per tenth of the tick: second order.

        The floor is that of the reference: 12 digits, solved to 1e-12 a step.
        """
        data, ticks_s = self.DATA, sorted(self.DATA["time_step_s"], reverse=True)
        errors = {
            tick_s: {name: abs(value - data[name]) for name, value in self.end(tick_s, engine).items()}
            for tick_s in ticks_s
        }
        assert ticks_s == [1.0, 0.1, 0.01, 0.001]
        for name, allowed in self.AT_1_S.items():
            assert 0.1 * allowed < errors[1.0][name] < allowed, name  # enough for ratios to say something
            for before_s, tick_s in pairwise(ticks_s):
                floor = 1e-11 * abs(data[name])
                assert errors[tick_s][name] < errors[before_s][name] / 80.0 + floor, (name, tick_s)


class TestAdiabaticRoundTrip:
    """ST-18."""

    DATA = case("st_18_adiabatic_round_trip")

    def test_energies_and_temperature(self, engine: str) -> None:
        data, tick_s = self.DATA, self.DATA["time_step_s"]
        counts = [round(segment["duration_s"] / tick_s) for segment in data["segment"]]
        current_a = np.repeat([segment["current_a"] for segment in data["segment"]], counts)
        run = wk.stages.battery(cell_of(data), current_a=current_a, time_step_s=tick_s, engine=engine)
        assert run.current_a == pytest.approx(current_a)
        out_wh = np.maximum(run.power_w, 0.0).sum() * tick_s / 3600.0
        in_wh = np.maximum(-run.power_w, 0.0).sum() * tick_s / 3600.0
        assert out_wh == pytest.approx(data["out_wh"], rel=data["rel_tol_energy"])
        assert in_wh == pytest.approx(data["in_wh"], rel=data["rel_tol_energy"])
        assert out_wh / in_wh == pytest.approx(data["efficiency"], rel=data["rel_tol_energy"])
        assert run.temperature_k[-1] == pytest.approx(data["temperature_end_k"], abs=data["abs_tol_k"])


class TestPeakShavingWithCells:
    """ST-22: the rule of simses, step by step, on cells and a converter curve."""

    DATA = case("st_22_peak_shaving_cells")

    def terminal_w(self, ac_w: np.ndarray) -> np.ndarray:
        """Power on the DC side of the converter; at rest it loses nothing, as simses has it."""
        pcs = self.DATA["converter"]
        x = np.abs(ac_w) / pcs["rated_power_w"]
        loss = pcs["k0"] * -np.expm1(-pcs["m0"] * x) + pcs["k1"] * x + pcs["k2"] * x**2
        return np.asarray(ac_w + loss * pcs["rated_power_w"])

    def test_soc(self, engine: str, data_dir: Path) -> None:
        data = self.DATA
        file = reference_columns(data_dir, data["file"])
        load_w, soc_file = file[1], file[6]
        excess_w = load_w - data["limit_w"]
        rated_w = data["converter"]["rated_power_w"]
        ac_w = np.clip(excess_w, -rated_w, rated_w)
        while True:
            run = wk.stages.battery(
                cell_of(data),
                power_w=self.terminal_w(ac_w),
                time_step_s=data["time_step_s"],
                engine=engine,
            )
            before = np.concatenate(([data["soc_initial"]], run.soc[:-1]))
            full = np.flatnonzero((ac_w < 0.0) & (before >= data["recharge_below_soc"]))
            if not full.size:
                break
            # The rule looks at the SoC: no recharge from here to the next discharge.
            again = np.flatnonzero(excess_w[full[0] :] > 0.0)
            ac_w[full[0] : full[0] + again[0] if again.size else None] = 0.0
        assert run.power_w == pytest.approx(self.terminal_w(ac_w), rel=1e-9, abs=1e-6)
        assert (load_w - ac_w).max() == pytest.approx(data["grid_peak_w"], rel=1e-12)
        slack = data["abs_tol_soc"]
        assert run.soc.min() == pytest.approx(data["soc_min"], abs=slack)
        assert run.soc[-1] == pytest.approx(data["simses_soc_end"], abs=slack)
        assert run.soc[-1] == pytest.approx(data["soc_end"], abs=1e-6)
        assert np.abs(run.soc - soc_file).max() < slack


class TestLumpedHeat:
    """ST-24."""

    DATA = case("st_24_lumped_heat")

    @pytest.mark.parametrize("tick_s", DATA["time_step_s"])
    def test_path(self, engine: str, data_dir: Path, tick_s: float) -> None:
        data = self.DATA
        ticks = round(data["duration_s"] / tick_s)
        every = round(60.0 / tick_s)
        cell = cell_of(data, refresh_s=max(tick_s, 1.0))
        run = wk.stages.battery(
            cell, current_a=np.full(ticks + every, data["current_a"]), time_step_s=tick_s, every=every,
            engine=engine,
        )  # fmt: skip
        assert run.loss_w == pytest.approx(data["heat_w"], rel=1e-14)
        time_s, degc = reference_columns(data_dir, data["file"])
        rise_k = run.temperature_k - data["air_temperature_k"]
        # A temperature is renewed at the start of the first tick after its period.
        renewed_s = 60.0 * np.arange(1, len(rise_k) + 1) - tick_s
        renewed_s -= np.mod(np.round(renewed_s / tick_s), round(cell.refresh_s / tick_s)) * tick_s
        closed_k = data["rise_k"] * -np.expm1(-renewed_s / data["time_constant_s"])
        assert rise_k == pytest.approx(closed_k, rel=data["rel_tol"], abs=1e-12)
        wanted_k = data["rise_k"] * -np.expm1(-time_s / data["time_constant_s"])
        assert degc - 25.0 == pytest.approx(wanted_k, abs=2e-10)


class TestStatefulPack:
    """ST-26."""

    DATA = case("st_26_pysam_stateful")

    def test_voltage(self, engine: str, data_dir: Path) -> None:
        data = self.DATA
        _, command_kw, power_kw, voltage_v, *_ = reference_columns(data_dir, data["file"])
        run = wk.stages.battery(
            cell_of(data), power_w=1e3 * command_kw, time_step_s=data["time_step_s"], engine=engine
        )
        assert run.end_voltage_v == pytest.approx(voltage_v, rel=data["rel_tol"])
        # Met to rounding here, to 0.26 % there.
        assert run.power_w == pytest.approx(1e3 * command_kw, rel=1e-12)
        off = np.abs(power_kw - command_kw).max() / np.abs(command_kw).max()
        assert 1e-3 < off <= data["rel_tol_pysam_command"] * 1.01

    def test_table_is_the_law(self) -> None:
        data, law = self.DATA, self.DATA["tremblay"]
        soc = np.array(data["cell"]["ocv_soc"])
        used = soc >= data["cell"]["soc_min"]
        wanted_v = (
            law["e0_v"] - law["k_v"] / soc[used]
            + law["a_v"] * np.exp(-law["b_per_ah"] * law["full_ah"] * (1.0 - soc[used]))
        )  # fmt: skip
        assert np.array(data["cell"]["ocv_v"])[used] == pytest.approx(wanted_v, abs=1e-6)


class TestElectrochemicalModel:
    """ST-27."""

    DATA = case("st_27_prada_cross_check")

    @pytest.mark.parametrize("row", DATA["run"], ids=lambda row: row["file"])
    def test_end_of_discharge(self, engine: str, row: dict[str, Any]) -> None:
        data = self.DATA
        drive = {key: np.full(3600, row[key]) for key in ("current_a", "power_w") if key in row}
        run = wk.stages.battery(cell_of(data), time_step_s=data["time_step_s"], engine=engine, **drive)
        ended = int(np.argmax(run.limited > 0))
        assert run.limited[ended]
        assert run.end_voltage_v[ended] == pytest.approx(2.5, abs=0.05)
        assert ended * data["time_step_s"] == pytest.approx(row["duration_s"], rel=data["rel_tol"])
        charge_ah = run.current_a[:ended].sum() * data["time_step_s"] / 3600.0
        assert charge_ah == pytest.approx(row["charge_ah"], rel=data["rel_tol"])


class TestDerating:
    """Limits over temperature and SoC: each direction has its own curves, and they multiply."""

    KELVIN, SOC = (263.15, 283.15, 303.15, 323.15), (0.0, 0.25, 0.5, 1.0)
    OVER_K: ClassVar[dict[str, tuple[float, ...]]] = {"out": (0.4, 1.0, 0.9, 0.2), "in": (0.0, 0.3, 1.0, 0.6)}
    OVER_SOC: ClassVar[dict[str, tuple[float, ...]]] = {
        "out": (0.1, 0.7, 1.0, 0.8),
        "in": (0.9, 1.0, 0.6, 0.05),
    }

    def cell(self, **values: Any) -> Battery:
        return Battery(
            strings=3.0, cells_series=2, cell_capacity_ah=5.0, soh_capacity=0.8, cell_voltage_v=3.3,
            cell_voltage_min_v=0.1, cell_voltage_max_v=10.0, ocv_soc=[0.0, 1.0], ocv_v=[3.3, 3.3],
            cell_resistance_ohm=1e-3, soc_min=0.0, soc_max=1.0, max_discharge_c=3.0, max_charge_c=1.5,
            derate_temperature_k=self.KELVIN, derate_discharge=self.OVER_K["out"],
            derate_charge=self.OVER_K["in"], derate_soc=self.SOC,
            derate_soc_discharge=self.OVER_SOC["out"], derate_soc_charge=self.OVER_SOC["in"], **values,
        )  # fmt: skip

    @pytest.mark.parametrize("kelvin", [255.0, 273.15, 283.15, 308.15, 330.0])
    @pytest.mark.parametrize("soc", [0.1, 0.25, 0.4, 0.9])
    def test_each_side_has_its_curve(self, engine: str, kelvin: float, soc: float) -> None:
        cell = self.cell(temperature_initial_k=kelvin, soc_initial=soc)
        rated_a = {"out": 3.0 * 4.0 * 3.0, "in": -3.0 * 4.0 * 1.5}
        limits_a = {}
        for side, most_a in rated_a.items():
            share = np.interp(kelvin, self.KELVIN, self.OVER_K[side])
            limits_a[side] = most_a * share * np.interp(soc, self.SOC, self.OVER_SOC[side])
            run = wk.stages.battery(cell, current_a=[2.0 * most_a], time_step_s=1e-3, engine=engine)
            assert run.current_a[0] == pytest.approx(limits_a[side], rel=1e-12, abs=1e-12), side
            assert run.limited[0] == 1
        assert abs(limits_a["out"] / 36.0 + limits_a["in"] / 18.0) > 0.01  # the sides differ everywhere

    @pytest.mark.parametrize("efficiency", [1.0, 0.9])
    @pytest.mark.parametrize("tick_s", [0.1, 60.0])
    def test_charge_ends_at_the_window(self, engine: str, efficiency: float, tick_s: float) -> None:
        """Of the charge that goes in, what the efficiency leaves may fill the window, to the last bit."""
        cell = self.cell(
            soc_initial=0.5, coulombic_efficiency=efficiency, temperature_initial_k=303.15
        ).model_copy(update={"soc_max": 0.503, "derate_soc": (), "derate_soc_charge": (),
                             "derate_soc_discharge": (), "max_charge_c": 1.0})  # fmt: skip
        asked_a = -3.0 * 4.0 * np.ones(round(60.0 / tick_s))
        run = wk.stages.battery(cell, current_a=asked_a, time_step_s=tick_s, engine=engine)
        assert run.limited[-1] == 1
        assert run.soc.max() == pytest.approx(0.503, rel=0.0, abs=1e-15)
        assert run.soc[-1] == pytest.approx(0.503, rel=0.0, abs=1e-15)
        moved_as = -run.current_a.sum() * tick_s
        assert moved_as == pytest.approx(0.003 * 3.0 * 4.0 * 3600.0 / efficiency, rel=1e-10)


@pytest.mark.parametrize("order", [1, -1])
def test_temperature_is_that_of_the_hottest_string(engine: str, order: int) -> None:
    """Adiabatic strings of equal voltage: R i is common, so that heat goes with 1/R, whichever is first."""
    ohms = (1.0, 1.6)[::order]
    cell = Battery(
        strings=2.0, cells_series=1, cell_capacity_ah=1e6, cell_voltage_v=3.3, cell_voltage_min_v=0.1,
        cell_voltage_max_v=10.0, ocv_soc=[0.0, 1.0], ocv_v=[3.3, 3.3], cell_resistance_ohm=0.05, soc_min=0.0,
        soc_max=1.0, cell_heat_capacity_j_per_k=70.0, temperature_initial_k=298.15, refresh_s=1.0,
        string_share=(0.5, 0.5), string_resistance=ohms,
    )  # fmt: skip
    run = wk.stages.battery(cell, current_a=np.full(601, 5.2), time_step_s=1.0, engine=engine)
    hot_a = 5.2 * 1.6 / 2.6
    rise_k = 600.0 * 0.05 * hot_a**2 / 70.0
    assert run.temperature_k[-1] - 298.15 == pytest.approx(rise_k, rel=1e-9)
    assert rise_k > 4.0
