"""Converter losses against the published curves; the cases are data beside this file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import case

import wattkeel as wk
from wattkeel import conversion
from wattkeel.parameters import Converter
from wattkeel.presets.catalogue import read_preset

RATED_W = 1e6
ST_06, ST_07, ST_08 = (case(name) for name in ("st_06_notton", "st_07_sungrow", "st_08_sinamics"))


def preset(name: str, **changes: Any) -> Converter:
    """A converter of 1 MW that answers at once, with the losses of a preset."""
    return Converter(
        rated_power_w=RATED_W, time_constant_s=0.0, **{**read_preset("converter", name).values, **changes}
    )


def stage_loss_pu(params: Converter, load_pu: Any, engine: str, *, charge: bool = False) -> Any:
    """Loss at loads by the stage that a site runs."""
    sign = -1.0 if charge else 1.0
    command_w = sign * RATED_W * np.asarray(load_pu)
    run = wk.stages.converter(params, command_w=command_w, time_step_s=1.0, engine=engine)
    assert run.power_w == pytest.approx(command_w, rel=1e-14, abs=2e-15 * RATED_W)  # the power quantum
    return run.loss_w / RATED_W


def stage_efficiency(params: Converter, load_pu: float, engine: str, *, charge: bool = False) -> float:
    loss = float(stage_loss_pu(params, [load_pu], engine, charge=charge)[0])
    return (load_pu - loss) / load_pu if charge else load_pu / (load_pu + loss)


class TestNotton:
    """ST-06."""

    PARAMS = preset(ST_06["preset"])

    @pytest.mark.parametrize("row", ST_06["discharge"], ids=lambda row: f"{row['load_pu']:g} pu")
    def test_points(self, engine: str, row: dict[str, float]) -> None:
        wanted = pytest.approx(row["efficiency"], abs=row["abs_tol"])
        assert stage_efficiency(self.PARAMS, row["load_pu"], engine) == wanted
        assert float(conversion.efficiency(self.PARAMS, row["load_pu"])) == wanted

    def test_peak_and_european_weighting(self) -> None:
        load_pu, share = conversion.peak_efficiency(self.PARAMS)
        assert load_pu == pytest.approx(ST_06["peak"]["load_pu"], abs=ST_06["peak"]["load_abs_tol"])
        assert share == pytest.approx(ST_06["peak"]["efficiency"], abs=ST_06["peak"]["abs_tol"])
        # sqrt(P0/K) and 1/(1 + 2 sqrt(P0 K))
        assert share == pytest.approx(1.0 / (1.0 + 2.0 * (0.0072 * 0.0345) ** 0.5), rel=1e-12)
        european = ST_06["european"]
        assert conversion.european_efficiency(self.PARAMS) == pytest.approx(
            european["efficiency"], abs=european["abs_tol"]
        )

    def test_dc_power_of_the_data(self, engine: str, data_dir: Path) -> None:
        with (data_dir / "reference_battery" / ST_06["dc_power"]["file"]).open(newline="") as text:
            rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(text)]
        as_published = preset(ST_06["preset"], charge_form="efficiency")
        load = np.array([row["p_ac_pu"] for row in rows])
        slack = ST_06["dc_power"]["abs_tol_pu"]
        for charge, column in ((False, "p_dc_discharge_pu"), (True, "p_dc_charge_pu")):
            loss = stage_loss_pu(as_published, load, engine, charge=charge)
            dc_pu = load - loss if charge else load + loss
            assert dc_pu == pytest.approx([row[column] for row in rows], abs=slack)


@pytest.mark.parametrize("row", ST_07["charge"], ids=lambda row: f"{row['load_pu']:g} pu")
def test_sungrow_in_charge(engine: str, row: dict[str, float]) -> None:
    """ST-07."""
    params = preset(ST_07["preset"])
    wanted = pytest.approx(row["efficiency"], abs=ST_07["abs_tol"])
    assert stage_efficiency(params, row["load_pu"], engine, charge=True) == wanted
    assert float(conversion.efficiency(params, row["load_pu"], charge=True)) == wanted


class TestSinamics:
    """ST-08."""

    @pytest.mark.parametrize("row", ST_08["charge"], ids=lambda row: f"{row['load_pu']:g} pu")
    def test_points_of_the_fit(self, engine: str, row: dict[str, float]) -> None:
        params = preset(ST_08["preset"])
        wanted = pytest.approx(row["efficiency"], abs=ST_08["abs_tol"])
        assert stage_efficiency(params, row["load_pu"], engine, charge=True) == wanted

    @pytest.mark.parametrize("charge", [False, True])
    def test_the_engine_has_the_whole_fit(self, engine: str, charge: bool) -> None:
        """The published curve falls to 0 at standstill: it is there without the floor of the preset."""
        params = preset(ST_08["preset"], no_load_loss=0.0)
        load = np.concatenate((np.linspace(0.0, 0.1, 3001), np.linspace(0.1, 1.0, 1001)))
        fit = 0.00601144 * (1.0 - np.exp(-97.0 * load)) + 0.00863612 * load + 0.01195589 * load**2
        loss = stage_loss_pu(params, load, engine, charge=charge)
        assert loss == pytest.approx(fit, abs=ST_08["table_abs_tol_pu"])
        assert loss[0] == 0.0

    @pytest.mark.parametrize(("charge", "column"), [(False, "Discharging"), (True, "Charging")])
    def test_measured_table(self, engine: str, data_dir: Path, charge: bool, column: str) -> None:
        with (data_dir / "battery" / ST_08["measured"]["file"]).open(newline="") as text:
            rows = list(csv.DictReader(text))[1:]
        load = np.arange(1, 1001) / 1000.0
        share = np.array([float(row[column]) for row in rows])
        measured = load * (1.0 - share) if charge else load * (1.0 / share - 1.0)
        whole = Converter(
            rated_power_w=RATED_W,
            time_constant_s=0.0,
            loss_form="table",
            load_pu=load.tolist(),
            efficiency=[float(row["Discharging"]) for row in rows],
            charge_efficiency=[float(row["Charging"]) for row in rows],
        )
        loss = stage_loss_pu(whole, load, engine, charge=charge)
        assert loss == pytest.approx(measured, abs=ST_08["row_abs_tol_pu"])
        thinned = preset(ST_08["measured"]["preset"], no_load_loss=0.0)
        loss = stage_loss_pu(thinned, load, engine, charge=charge)
        assert loss == pytest.approx(measured, abs=ST_08["measured"]["abs_tol_pu"])


def test_presets_have_the_published_coefficients(data_dir: Path) -> None:
    """Coefficients of the presets are those of the data folder, per direction."""
    data = json.loads((data_dir / "battery" / "inverter_loss_models.json").read_text(encoding="utf-8"))
    both = {
        "notton-1": data["notton"]["type1"],
        "notton-2": data["notton"]["type2"],
        "notton-3": data["notton"]["type3"],
        "bonfiglioli-tl4q": data["notton"]["bonfiglioli_rps_tl4q_datasheet"],
    }
    for name, (constant, square) in both.items():
        params = preset(name)
        assert (params.loss_a, params.loss_b, params.loss_c) == (constant, 0.0, square)
        assert (params.charge_loss, params.charge_form) == ((), "loss")
    fields = {"bonfiglioli-field": "bonfiglioli_field", "sungrow-sc1000tl": "sungrow_sc1000tl_field"}
    for name, key in fields.items():
        rows, params = data["notton_asymmetric"][key], preset(name)
        assert [params.loss_a, params.loss_c] == rows["discharge"]
        assert [params.charge_loss[0], params.charge_loss[2]] == rows["charge"]
        assert params.charge_form == "efficiency"
    m2b, fit = preset("m2b-modular-multilevel"), preset("sinamics-s120")
    assert [m2b.loss_a, m2b.loss_b, m2b.loss_c] == data["rampinelli"]["M2B_modular_multilevel"]
    published = data["sinamics_s120_fit"]
    assert (fit.loss_rise, fit.loss_b, fit.loss_c) == (published["k0"], published["k1"], published["k2"])
    assert (fit.loss_a, fit.loss_rise_rate) == (0.0, published["m0"])
