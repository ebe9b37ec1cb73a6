"""Every preset: a source for every value, a licence, keys and ranges of the spec, and its physics."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from pydantic import TypeAdapter

import wattkeel.scenario
from wattkeel._generated.models import MODELS, Parameters
from wattkeel.normalise import Normaliser, Tree, nested_model
from wattkeel.presets import catalogue, fit_losses
from wattkeel.presets.catalogue import CONFIDENCE, Preset

PRESETS = catalogue.list_presets()
SERVED = {model.preset_kind: model for model in MODELS.values() if model.preset_kind}
LICENSES = Path(catalogue.__file__).parent / "LICENSES"
MARK = re.compile(r"\[(\w+)\]$")

each = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: f"{preset.kind}/{preset.name}")


def canonical(preset: Preset) -> Tree:
    """Values in SI under canonical names, with the presets that they name in turn left out."""
    normaliser = Normaliser(Path.cwd())
    tree = normaliser.section(preset.values, SERVED[preset.kind], f"{preset.kind}.{preset.name}")
    assert normaliser.faults == []
    assert tree is not None
    return tree


def check_ranges(tree: Tree, model: type[Parameters]) -> None:
    """Validate each value by the field it belongs to; a preset need not have the required ones."""
    for name, value in tree.items():
        if name == "preset":
            catalogue.read_preset(model.preset_kind, value)
        elif isinstance(value, dict):
            check_ranges(value, nested_model(model.model_fields[name]))
        else:
            info = model.model_fields[name]
            TypeAdapter(Annotated[info.annotation, info]).validate_python(value)


def psu_loss_w(values: Tree, load_w: float) -> float:
    """PSU loss of a rack by the law of the preset."""
    if values["psu_form"] == "offset":
        return (load_w + values["psu_offset_w"]) / values["psu_offset_efficiency"] - load_w
    x = load_w / values["psu_rated_w"]
    if values["psu_form"] == "table":
        load_pu = np.asarray(values["psu_load_pu"])
        loss_pu = load_pu / np.asarray(values["psu_efficiency"]) - load_pu
        return float(np.interp(x, load_pu, loss_pu)) * float(values["psu_rated_w"])
    loss_pu = values["psu_loss_a"] + values["psu_loss_b"] * x + values["psu_loss_c"] * x**2
    return float(loss_pu * values["psu_rated_w"])


def inlet_w(rack: str, gpu: str, share: float) -> float:
    """Power at the inlet of one rack with its GPUs at a share between idle (0) and rated power (1)."""
    values = canonical(catalogue.read_preset("rack", rack))
    module = canonical(catalogue.read_preset("gpu", gpu))
    gpu_w = module["idle_power_w"] + share * (module["rated_power_w"] - module["idle_power_w"])
    gpus_w = values["gpus_per_rack"] * gpu_w
    load_w = gpus_w * (1.0 + values["overhead_fraction"]) + values["overhead_w"]
    return float(load_w + psu_loss_w(values, load_w))


def test_every_kind_of_the_spec_has_presets() -> None:
    assert set(catalogue.kinds()) == set(SERVED)


@each
def test_every_value_has_a_source_with_a_mark(preset: Preset) -> None:
    keys = [key for key, _ in preset.flat()]
    assert keys
    assert list(preset.sources) == keys
    for source in preset.sources.values():
        mark = MARK.search(source)
        assert mark, source
        assert mark.group(1) in CONFIDENCE
        assert len(source) > len(mark.group(0)) + 4


@each
def test_confidence_licence_and_notes(preset: Preset) -> None:
    marks = {source.rpartition("[")[2].rstrip("]") for source in preset.sources.values()}
    assert preset.confidence in marks
    assert preset.title
    assert preset.notes
    assert preset.licence
    for named in re.findall(r"LICENSES/([\w.-]+\.txt)", preset.licence):
        assert (LICENSES / named).is_file()


@each
def test_keys_and_ranges_are_those_of_the_spec(preset: Preset) -> None:
    check_ranges(canonical(preset), SERVED[preset.kind])


def test_every_licence_text_is_used() -> None:
    used = {name for preset in PRESETS for name in re.findall(r"LICENSES/([\w.-]+\.txt)", preset.licence)}
    assert used == {path.name for path in LICENSES.iterdir()}


@pytest.mark.parametrize(("kind", "name"), fit_losses.FITS)
def test_quadratic_presets_are_the_fits(kind: str, name: str) -> None:
    fit = fit_losses.FITS[kind, name]()
    preset = catalogue.read_preset(kind, name)
    for part in ("loss_a", "loss_b", "loss_c"):
        assert preset.values["psu_" + part] == pytest.approx(getattr(fit, part), abs=6e-7)
    assert f"{100.0 * fit.efficiency_residual:.2f} points of efficiency" in preset.notes


def test_fit_finds_a_curve_that_is_quadratic() -> None:
    load_pu = np.linspace(0.1, 1.0, 10)
    fit = fit_losses.fit_quadratic(load_pu, 0.01 + 0.02 * load_pu + 0.03 * load_pu**2, np.ones(10))
    assert (fit.loss_a, fit.loss_b, fit.loss_c) == pytest.approx((0.01, 0.02, 0.03), abs=1e-12)
    assert fit.loss_residual < 1e-12
    # A falling part is not allowed: the constant takes its place.
    fit = fit_losses.fit_quadratic(load_pu, 0.05 - 0.01 * load_pu, np.ones(10))
    assert (fit.loss_b, fit.loss_c) == (0.0, 0.0)
    assert fit.loss_a == pytest.approx(float(np.mean(0.05 - 0.01 * load_pu)))


@pytest.mark.parametrize(("share", "site_w"), [(0.0, 7.3065e6), (1.0, 28.2279e6)])
def test_frontier_rack_reproduces_the_published_site(share: float, site_w: float) -> None:
    # ExaDigiT/RAPS 6c142bf: 74 racks and 25 CDUs, switches through the rectifiers (check PH-13).
    assert 74 * inlet_w("frontier-raps", "mi250x", share) + 25 * 8473.47 == pytest.approx(site_w, rel=1e-5)


@pytest.mark.parametrize(
    ("rack", "gpu", "power_w", "rel"),
    [
        ("dgx-h100", "h100", 4 * 8.4e3, 0.01),  # largest measured: Latif et al., IEEE Access 13, 2025
        ("gb200-nvl72", "gb200", 123e3, 0.005),  # 120 kW DC
        ("gb300-nvl72", "gb300", 135.5e3, 0.005),  # 132 kW DC
        ("cloudmatrix-384", "ascend-910c", 559e3 / 12, 0.01),  # SemiAnalysis
    ],
)
def test_racks_draw_the_sums_they_are_calibrated_to(rack: str, gpu: str, power_w: float, rel: float) -> None:
    assert inlet_w(rack, gpu, 1.0) == pytest.approx(power_w, rel=rel)


def test_idle_node_is_near_the_measured_one() -> None:
    # 8 x H200 node, idle, AC: 2.39 kW (MLPerf Inference v4.1).
    assert inlet_w("dgx-h100", "h200", 0.0) / 4 == pytest.approx(2390.0, rel=0.03)


def test_container_has_its_nameplate() -> None:
    cells = canonical(catalogue.read_preset("battery", "lfp-enerc-306ah"))
    unit = canonical(catalogue.read_preset("storage", "enerc-container"))["battery"]
    string_j = cells["cells_series"] * cells["cell_voltage_v"] * cells["cell_capacity_ah"] * 3600.0
    assert unit["energy_j"] / string_j == pytest.approx(10.0, rel=1e-12)


def test_published_round_trip_of_the_lossy_hybrid() -> None:
    loss_b = canonical(catalogue.read_preset("storage", "ko25-battery"))["converter"]["loss_b"]
    assert (1.0 - loss_b) / (1.0 + loss_b) == pytest.approx(0.97**2, abs=1e-5)


@pytest.mark.parametrize("name", [preset.name for preset in PRESETS if preset.kind == "battery"])
def test_voltage_tables_rise_within_the_limits(name: str) -> None:
    values = canonical(catalogue.read_preset("battery", name))
    soc, ocv_v = np.asarray(values["ocv_soc"]), np.asarray(values["ocv_v"])
    assert soc[0] == 0.0
    assert soc[-1] == 1.0
    assert np.all(np.diff(soc) > 0.0)
    assert np.all(np.diff(ocv_v) >= 0.0)
    assert ocv_v[-1] <= values["cell_voltage_max_v"]
    assert np.interp(0.05, soc, ocv_v) > values["cell_voltage_min_v"]


@pytest.mark.parametrize(
    ("name", "file", "column", "every"),
    [
        ("lfp-enerc-306ah", "lfp_sony26650_ocv.csv", "OCV", 2),
        ("lfp-314ah", "lfp_sony26650_ocv.csv", "OCV", 2),
        ("lfp-sony-26650", "lfp_sony26650_ocv.csv", "OCV", 1),
        ("lfp-280ah-grid", "lfp_bpx18650_ocv.csv", "ocv_V", 2),
        ("lfp-bpx-18650", "lfp_bpx18650_ocv.csv", "ocv_V", 1),
        ("lfp-prada-2013", "lfp_prada2013_ocv.csv", "ocv_V", 1),
    ],
)
def test_voltage_tables_are_those_of_the_data(
    data_dir: Path, name: str, file: str, column: str, every: int
) -> None:
    measured_v = [float(row[column]) for row in rows_of(data_dir, file)][::every]
    slack_v = 1e-9 if every == 1 else 6e-6
    assert catalogue.read_preset("battery", name).values["ocv_v"] == pytest.approx(measured_v, abs=slack_v)


def rows_of(data_dir: Path, file: str) -> list[dict[str, str]]:
    with (data_dir / "battery" / file).open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text, skipinitialspace=True))


@pytest.mark.parametrize("name", ["lfp-sony-26650", "lfp-enerc-306ah", "lfp-314ah"])
def test_sony_resistances_are_those_of_the_data_scaled_by_capacity(data_dir: Path, name: str) -> None:
    values = catalogue.read_preset("battery", name).values
    rows = rows_of(data_dir, "lfp_sony26650_rint.csv")
    scale = 3.0 / values["cell_capacity_ah"]
    assert values["resistance_soc"] == [float(row["SOC"]) for row in rows]
    assert values["resistance_temperature_k"] == [283.15, 298.15, 313.15, 333.15]
    for key, mark in (("resistance_discharge_ohm", "R_DCh"), ("resistance_charge_ohm", "R_Ch")):
        measured_ohm = [scale * float(row[f"{mark}(T={t})"]) for row in rows for t in (10, 25, 40, 60)]
        assert values[key] == pytest.approx(measured_ohm, rel=1e-5 if scale < 1.0 else 1e-9)
    for key, file, column in (
        ("hysteresis_v", "lfp_sony26650_hysteresis.csv", "HystV"),
        ("entropy_v_per_k", "lfp_sony26650_entropy.csv", "S"),
    ):
        assert values[key] == pytest.approx([float(row[column]) for row in rows_of(data_dir, file)], rel=1e-9)


@pytest.mark.parametrize("name", ["lfp-bpx-18650", "lfp-280ah-grid"])
def test_bpx_branches_are_those_of_the_fit_scaled_by_capacity(data_dir: Path, name: str) -> None:
    values = catalogue.read_preset("battery", name).values
    rows = rows_of(data_dir, "lfp_bpx18650_3rc_fixed_tau_derived.csv")
    scale = 2.0 / values["cell_capacity_ah"]
    fitted = {(float(row["soc"]), float(row["T_C"])): row for row in rows}
    points = [(soc, warm) for soc in values["resistance_soc"] for warm in (10.0, 25.0, 40.0)]
    columns = ("R0_ohm", "R_tau2s_ohm", "R_tau20s_ohm", "R_tau120s_ohm")
    table = [[scale * float(fitted[point][column]) for point in points] for column in columns]
    assert values["resistance_discharge_ohm"] == pytest.approx(table[0], rel=1e-5)
    assert values["rc_resistance_ohm"] == pytest.approx(table[1] + table[2] + table[3], rel=1e-5)
    assert values["rc_time_constant_s"] == [2.0, 20.0, 120.0]


@pytest.mark.parametrize("name", [preset.name for preset in PRESETS if preset.kind == "battery"])
def test_tables_of_a_cell_fit_together(name: str) -> None:
    values = catalogue.read_preset("battery", name).values
    points = len(values.get("resistance_soc", ())) * len(values.get("resistance_temperature_k", ()))
    branches = len(values.get("rc_time_constant_s", ()))
    for key in ("resistance_discharge_ohm", "resistance_charge_ohm"):
        assert len(values.get(key, ())) in (0, points)
    assert len(values.get("rc_resistance_ohm", ())) in (branches, branches * points)
    for axis, tables in {
        "hysteresis_soc": ("hysteresis_v",),
        "entropy_soc": ("entropy_v_per_k",),
        "derate_temperature_k": ("derate_charge", "derate_discharge"),
        "derate_soc": ("derate_soc_charge", "derate_soc_discharge"),
    }.items():
        assert np.all(np.diff(values.get(axis, ())) > 0.0)
        for table in tables:
            assert len(values.get(table, ())) == len(values.get(axis, ()))
    # Passive only if the hysteresis changes slower with SoC than it turns over (|dM/dz| <= 2 rate M).
    if "hysteresis_v" in values:
        slope_v = np.abs(np.diff(values["hysteresis_v"]) / np.diff(values["hysteresis_soc"]))
        assert np.all(slope_v <= 2.0 * values["hysteresis_rate"] * np.min(values["hysteresis_v"]))


def test_sodium_ion_curve_is_that_of_the_slow_discharge(data_dir: Path) -> None:
    values = catalogue.read_preset("battery", "sodium-ion-nvpf-chayambuka").values
    runs = {}
    for rate in ("C50", "1C"):
        rows = rows_of(data_dir, f"naion_chayambuka2022_{rate}.csv")
        pairs = sorted((float(row["Q_discharged_Ah"]), float(row["V_V"])) for row in rows)
        runs[rate] = np.array(pairs).T
    capacity_ah = values["cell_capacity_ah"]
    assert capacity_ah == pytest.approx(runs["C50"][0][-1], rel=1e-6)
    soc, ohm = np.asarray(values["resistance_soc"]), np.asarray(values["resistance_discharge_ohm"])
    ocv_v = np.interp(soc, values["ocv_soc"], values["ocv_v"])
    # The model gives back both runs: the slow one at 0.06 mA, the fast one at 3 mA.
    for rate, current_a, slack_v in (("C50", 6e-5, 0.008), ("1C", 3e-3, 0.008)):
        run_v = np.interp((1.0 - soc) * capacity_ah, *runs[rate])
        assert np.abs(ocv_v - current_a * ohm - run_v).max() < slack_v


@pytest.mark.parametrize(("name", "feet"), [("20ft", "ft20"), ("40ft", "ft40")])
def test_container_walls_are_those_of_the_layers(data_dir: Path, name: str, feet: str) -> None:
    published = json.loads((data_dir / "battery" / "container_thermal.json").read_text(encoding="utf-8"))
    room = published[feet]
    length, width, height = room["L"], room["W"], room["H"]
    area = 2.0 * (length * width + length * height + width * height)
    layers = [published["layers"][layer] for layer in room["layers"]]
    resistance = 1.0 / room["h_in"] + 1.0 / room["h_out"] + sum(each["t"] / each["k"] for each in layers)
    values = catalogue.read_preset("container", name).values
    assert values["wall_w_per_k"] == pytest.approx(area / resistance, rel=1e-4)
    lining = area * layers[0]["t"] * layers[0]["rho"] * layers[0]["cp"]
    insulation = area * layers[1]["t"] * layers[1]["rho"] * layers[1]["cp"]
    air = 1.2 * 1005.0 * length * width * height
    assert values["heat_capacity_j_per_k"] == pytest.approx(air + lining + 0.5 * insulation, rel=1e-3)


def test_page_is_up_to_date(repository: Path) -> None:
    page = (repository / "docs" / "presets.md").read_text(encoding="utf-8")
    assert page == catalogue.markdown(), "run python -m wattkeel.presets.catalogue"


def test_unknown_names_are_told_with_near_ones() -> None:
    with pytest.raises(LookupError, match=r'no gpu preset "h10"; did you mean .*h100'):
        catalogue.describe("gpu", "h10")
    with pytest.raises(LookupError, match="there are battery, chain, container, converter"):
        catalogue.list_presets("zzz")


def test_description_shows_values_sources_and_licence() -> None:
    text = catalogue.describe("storage", "enerc-container")
    for part in ("battery.energy = 4.073472 MWh", "vendor layout", "licence: ", "confidence: assumed"):
        assert part in text
    assert "(101 points)" in catalogue.describe("battery", "nmc-samsung-94ah")


@pytest.mark.parametrize(
    "name", ["quickstart", "gigawatt", "weak-grid", "outage", "grid-playback", "bess-qualification"]
)
def test_examples_load_without_remarks(repository: Path, name: str) -> None:
    assert wattkeel.scenario.load(repository / "examples" / f"{name}.toml").warnings == []


def test_measured_example_loads_with_its_file(repository: Path, data_dir: Path) -> None:
    trace = data_dir / "starter" / "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
    path = repository / "examples" / "measured-cluster.toml"
    scenario = wattkeel.scenario.load(path, [f"workload.cluster.trace={trace}"])
    # Remarks on the file itself are meant: its twin nodes and its sampling.
    assert all(text.startswith("workload.cluster.trace: ") for text in scenario.warnings)
