"""The example examples/compare_storage.py: its figures against the runs that it made, and its pictures."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import wattkeel as wk

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "compare_storage.py"
DURATION_S = 700.0
PICTURES = ("grid_power", "ramps", "spectrum", "state_of_charge", "losses")
STORES = {"supercapacitor": ["shelves"], "LFP battery": ["battery"], "both": ["battery", "shelves"]}


def run_example(out, duration_s=DURATION_S):
    """Run the example as `python examples/compare_storage.py` would; returns the names it leaves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(SCRIPT), "--out", str(out), "--duration", str(duration_s)])
        return runpy.run_path(str(SCRIPT), run_name="__main__")


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """What the example leaves without measured data, and its folder."""
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("compare_storage")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WATTKEEL_DATA", raising=False)
        return run_example(out), out


def settled(left, variant, signal):
    """A signal of a variant after the time that the figures leave out: 350 s at 10 ms."""
    series = left["results"][variant].signals[signal]
    assert len(series) == 70_000
    return series[35_000:]


def test_figures_of_the_grid_are_those_of_the_run(generated):
    signal = pytest.importorskip("scipy.signal")
    left, out = generated
    written = json.loads((out / "figures.json").read_text())
    assert written["load"].startswith("GENERATED")
    assert list(written["variants"]) == ["no store", *STORES]
    for variant, found in written["variants"].items():
        power_w = settled(left, variant, "poi.power_w")
        assert found["range_w"] == power_w.max() - power_w.min()
        blocks = power_w[: len(power_w) // 101 * 101].reshape(-1, 101)  # closed windows of 1 s
        assert found["ramp_w"]["1.0"] >= np.ptp(blocks, axis=1).max()
        assert found["ramp_w"]["60.0"] <= found["range_w"]
        # Another road to the rms of a band: the density of a periodogram, integrated.
        hz, density = signal.periodogram(power_w, 100.0, "hann", detrend="linear")
        band = (hz >= 0.1 * (1 - 1e-9)) & (hz <= 20.0 * (1 + 1e-9))
        assert found["band_rms_w"] == pytest.approx(np.sqrt(density[band].sum() * hz[1]), rel=1e-3)


def test_figures_of_the_stores_are_those_of_the_run(generated):
    left, out = generated
    variants = json.loads((out / "figures.json").read_text())["variants"]
    for variant, units in STORES.items():
        found = variants[variant]
        assert sorted(found["stores"]) == units
        lost_w = 0.0
        for unit in units:
            store, place = found["stores"][unit], f"storage.{unit}"
            soc = settled(left, variant, f"{place}.soc")
            assert (store["soc_min"], store["soc_max"]) == (soc.min(), soc.max())
            assert 0.0 <= store["soc_min"] < store["soc_max"] <= 1.0
            # What left the chemistry and neither arrived nor stayed in branches and hysteresis.
            cells_w, kept_w, delivered_w, climate_w = (
                settled(left, variant, f"{place}.{key}")
                for key in ("cell_power_w", "polarisation_power_w", "power_w", "auxiliary_power_w")
            )
            lost_w += (cells_w - kept_w - delivered_w + climate_w).mean()
        assert found["loss_j_per_day"] == pytest.approx(lost_w * 86_400.0, rel=1e-6)


def test_full_cycles_are_half_the_way_of_the_state_of_charge(generated):
    left, out = generated
    stores = json.loads((out / "figures.json").read_text())["variants"]["both"]["stores"]
    for unit, tolerance in (("battery", 0.06), ("shelves", 0.01)):  # a battery's voltage is not its nominal
        way = np.abs(np.diff(settled(left, "both", f"storage.{unit}.soc"))).sum()
        per_day = way / 2.0 * 86_400.0 / 350.0
        assert stores[unit]["full_cycles_per_day"] == pytest.approx(per_day, rel=tolerance)


def test_years_shrink_with_use_and_stay_within_what_rest_allows(generated):
    found = generated[0]["table"]
    alone, shared = (
        found[name]["stores"]["battery"]["years_to_80_percent"] for name in ("LFP battery", "both")
    )
    rest = wk.ageing.count([0.0, 3600.0], [0.5, 0.5], 298.15)
    assert 1.0 < alone < shared < 1.02 * wk.ageing.years_to(wk.ageing.model("lfp-250ah"), rest, 0.8).years


def test_stores_do_what_the_example_says(generated):
    found = generated[0]["table"]
    rms_w = {name: figures["band_rms_w"] for name, figures in found.items()}
    assert rms_w["both"] < rms_w["LFP battery"] < rms_w["supercapacitor"] < 0.5 * rms_w["no store"]
    cycles = {
        name: found[name]["stores"]["battery"]["full_cycles_per_day"] for name in ("LFP battery", "both")
    }
    assert cycles["both"] < 0.7 * cycles["LFP battery"]  # the shelves spare the battery
    assert found["both"]["loss_j_per_day"] > found["LFP battery"]["loss_j_per_day"]


def test_pictures_show_something(generated):
    image = pytest.importorskip("matplotlib.image")
    for name in PICTURES:
        pixels = image.imread(generated[1] / f"{name}.png")[..., :3]
        assert pixels.shape[0] > 400
        assert pixels.shape[1] == 1200
        coloured = np.ptp(pixels, axis=2) > 0.2
        assert coloured.mean() > 1e-3, name
        edge = np.concatenate(
            [pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()]
        )
        assert edge.min() == 1.0, f"{name}: something is cut off"


def test_missing_matplotlib_is_told_and_the_figures_stay(tmp_path, monkeypatch):
    monkeypatch.delenv("WATTKEEL_DATA", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r'needs matplotlib: pip install "wattkeel\[plot\]"'):
        run_example(tmp_path, 200.0)
    assert list(json.loads((tmp_path / "figures.json").read_text())["variants"]) == ["no store", *STORES]
    assert list(tmp_path.glob("*.png")) == []


def test_measured_cluster_is_taken_where_it_is(data_dir, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("pyarrow")
    trace = data_dir / "starter" / "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
    if not trace.is_file():
        pytest.skip(f"needs {trace.name}")
    left = run_example(tmp_path)
    assert "measured" in json.loads((tmp_path / "figures.json").read_text())["load"]
    # 448 kW in the median (reference of the data) plus distribution and cooling.
    assert left["table"]["no store"]["mean_w"] == pytest.approx(530e3, rel=0.03)
