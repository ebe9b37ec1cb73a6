"""Every preset: a source for every value, a licence, keys and ranges of the spec, and its physics."""

from __future__ import annotations

import csv
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
    prefix = "psu_" if kind == "rack" else ""
    preset = catalogue.read_preset(kind, name)
    for part in ("loss_a", "loss_b", "loss_c"):
        assert preset.values[prefix + part] == pytest.approx(getattr(fit, part), abs=6e-7)
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
    ("name", "file", "column"),
    [
        ("lfp-enerc-306ah", "lfp_sony26650_ocv.csv", "OCV"),
        ("lfp-sony-26650", "lfp_sony26650_ocv.csv", "OCV"),
        ("lfp-280ah-grid", "lfp_bpx18650_ocv.csv", "ocv_V"),
    ],
)
def test_voltage_tables_are_those_of_the_data(data_dir: Path, name: str, file: str, column: str) -> None:
    with (data_dir / "battery" / file).open(newline="", encoding="utf-8") as text:
        measured_v = [float(row[column]) for row in csv.DictReader(text)][::2]
    assert catalogue.read_preset("battery", name).values["ocv_v"] == pytest.approx(measured_v, abs=6e-6)


def test_page_is_up_to_date(repository: Path) -> None:
    page = (repository / "docs" / "presets.md").read_text(encoding="utf-8")
    assert page == catalogue.markdown(), "run python -m wattkeel.presets.catalogue"


def test_unknown_names_are_told_with_near_ones() -> None:
    with pytest.raises(LookupError, match=r'no gpu preset "h10"; did you mean .*h100'):
        catalogue.describe("gpu", "h10")
    with pytest.raises(LookupError, match="there are battery, converter"):
        catalogue.list_presets("nothing")


def test_description_shows_values_sources_and_licence() -> None:
    text = catalogue.describe("storage", "enerc-container")
    for part in ("battery.energy = 4.073472 MWh", "vendor layout", "licence: ", "confidence: assumed"):
        assert part in text
    assert "(101 points)" in catalogue.describe("battery", "nmc-samsung-94ah")


@pytest.mark.parametrize("name", ["quickstart", "gigawatt", "weak-grid"])
def test_examples_load_without_remarks(repository: Path, name: str) -> None:
    assert wattkeel.scenario.load(repository / "examples" / f"{name}.toml").warnings == []


def test_measured_example_loads_with_its_file(repository: Path, data_dir: Path) -> None:
    trace = data_dir / "starter" / "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
    path = repository / "examples" / "measured-cluster.toml"
    scenario = wattkeel.scenario.load(path, [f"workload.cluster.trace={trace}"])
    # Remarks on the file itself are meant: its twin nodes and its sampling.
    assert all(text.startswith("workload.cluster.trace: ") for text in scenario.warnings)
