"""Import of the measured files of the starter pack.

The pack is not part of this repository: WATTKEEL_DATA names the folder that contains `starter/`. Each test
states where its numbers come from; "recomputed" means from the file by other code than ours.
"""

from __future__ import annotations

import csv
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from wattkeel.trace import Trace, TraceError, read_trace

FOLDER = Path(os.environ.get("WATTKEEL_DATA", "")) / "starter"

pytestmark = pytest.mark.skipif(
    not os.environ.get("WATTKEEL_DATA") or not FOLDER.is_dir(),
    reason="WATTKEEL_DATA does not name a folder that contains starter/ (the measured files)",
)

GPT3 = "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
POWER_FILES = [
    "gpu_3xV100_nvml_75Hz.csv.gz",
    "gpu_nvml_a100_square_50ms.csv.gz",
    "gpu_nvml_a100_step.csv.gz",
    "gpu_nvml_rtx3090_step.csv.gz",
    "gpu_nvml_rtx4090_step.csv.gz",
    "gpu_pmd_a100_square_50ms_4873Hz.parquet",
    "gpu_pmd_a100_step_4873Hz.parquet",
    "gpu_pmd_rtx3090_step_4873Hz.parquet",
    "gpu_pmd_rtx4090_step_4873Hz.parquet",
    "gpu_v100_bursty_nvml_100Hz.csv.gz",
    "gpu_v100_powercap_step_nvml_200Hz.csv.gz",
    "infer_llama2_70b_offline_8xH200_mlperf41_nvidia_1s.csv.gz",
    "infer_llama2_70b_server_8xH200_mlperf41_nvidia_1s.csv.gz",
    "pv_serf_east_nrel_1min_ac.csv.gz",
    GPT3,
    "train_llama2_70b_lora_8xB200_mlperf50_lenovo_1s.csv.gz",
    "train_stable_diffusion_8xB200_mlperf50_lenovo_1s.csv.gz",
]


def load(name: str, *columns: str) -> Trace:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow", reason="Parquet needs pyarrow")
    return read_trace(FOLDER / name, columns)


def amplitude_at(trace: Trace, power_w: np.ndarray, low_hz: float, high_hz: float) -> tuple[float, float]:
    """Give frequency, Hz, and amplitude, W, of the strongest line of a band."""
    grid_s = np.arange(0.0, trace.time_s[-1], trace.sampling_s)
    even_w = np.interp(grid_s, trace.time_s, power_w)
    line_w = 2.0 * np.abs(np.fft.rfft(even_w - even_w.mean())) / len(even_w)
    line_hz = np.fft.rfftfreq(len(even_w), trace.sampling_s)
    band = np.flatnonzero((line_hz > low_hz) & (line_hz < high_hz))
    best = band[line_w[band].argmax()]
    return float(line_hz[best]), float(line_w[best])


@pytest.mark.parametrize("name", POWER_FILES)
def test_every_power_file_is_read_without_naming_columns(name: str) -> None:
    # Rows and hash: MANIFEST.csv of the pack.
    with (FOLDER / "MANIFEST.csv").open(encoding="utf-8") as stream:
        entry = next(row for row in csv.DictReader(stream) if row["file"] == name)
    trace = load(name)
    assert trace.sha256 == entry["sha256"]
    assert len(trace.time_s) * (3 if "3xV100" in name else 1) == int(entry["rows"])
    assert trace.time_s[0] == 0.0
    assert (np.diff(trace.time_s) > 0.0).all()
    assert np.isfinite(trace.power_w).all()


@pytest.mark.parametrize("name", POWER_FILES)
@pytest.mark.parametrize("interpolation", ["hold", "linear"])
def test_energy_is_the_sum_of_its_windows(name: str, interpolation: str) -> None:
    # Property: the integral over one pass is the sum over windows that do not meet samples.
    trace = load(name)
    edges_s = np.linspace(0.0, trace.length_s, 8)
    edges_s[-1] = trace.length_s
    parts_j = [trace.mean_over(a, b, interpolation) * (b - a) for a, b in pairwise(edges_s)]
    np.testing.assert_allclose(np.sum(parts_j, axis=0), trace.energy_j(interpolation), rtol=1e-12)


@pytest.mark.parametrize("name", sorted({"gpu_v100_ffr_latency_runs.csv", "MANIFEST.csv", "README.md"}))
def test_files_that_are_no_trace_are_refused(name: str) -> None:
    with pytest.raises(TraceError) as caught:
        load(name)
    assert all(fault.remedy for fault in caught.value.faults)


def test_gridpilot_e2() -> None:
    """PH-25: GridPilot E2 (denisa-c/gridpilot@481a339, CC-BY-4.0), recomputed; tolerance 1e-3 relative."""
    trace = load("gpu_v100_powercap_step_nvml_200Hz.csv.gz")
    power_w = trace.power_w[:, 0]
    assert power_w.min() == pytest.approx(55.64, rel=1e-3)
    assert power_w.max() == pytest.approx(281.86, rel=1e-3)
    # The published trapezoid ends at the last sample; one pass holds it for the median spacing.
    trapezoid_j = trace.energy_j("linear")[0] - power_w[-1] * trace.sampling_s
    assert trapezoid_j == pytest.approx(10738.03, rel=1e-6)
    # 46.2 s resolve 0.0216 Hz: the frequency of 0.198 Hz is met within half a line.
    assert amplitude_at(trace, power_w, 0.1, 1.0)[0] == pytest.approx(0.198, abs=0.5 / trace.length_s)
    # Sensor refresh of the V100: 20.3 ms, recomputed.
    assert trace.refresh_s == pytest.approx(0.0203, rel=0.01)


def test_power_cap_is_followed_within_two_refreshes() -> None:
    """Below 210 W 21 ms after the command 280 -> 200 W at t = 10 s: recomputed (CC-BY-4.0 data)."""
    trace = load("gpu_v100_powercap_step_nvml_200Hz.csv.gz")
    after = np.flatnonzero((trace.time_s >= 10.0001) & (trace.power_w[:, 0] < 210.0))[0]
    assert trace.time_s[after] - 10.0001 < 0.0225


@pytest.mark.parametrize(
    ("name", "refresh_s", "poll_s"),
    [
        ("gpu_nvml_a100_step.csv.gz", 0.104, 0.013),
        ("gpu_nvml_rtx4090_step.csv.gz", 0.100, 0.007),
        ("gpu_nvml_rtx3090_step.csv.gz", 0.100, 0.007),
    ],
)
def test_nvml_refreshes_about_every_100_ms(name: str, refresh_s: float, poll_s: float) -> None:
    """JimZeyuYang/GPU_Power_Benchmark@4b5c944 (Yang et al., SC24); 104 / 100 / 100 ms recomputed."""
    trace = load(name)
    assert trace.refresh_s == pytest.approx(refresh_s, abs=0.001)
    assert trace.sampling_s == pytest.approx(poll_s, abs=1e-9)
    assert any("changes only every" in text for text in trace.warnings)


def test_instant_reading_is_chosen_and_leads_the_average() -> None:
    """On the RTX 3090 power.draw equals power.draw.average and lags the instant reading (same source)."""
    name = "gpu_nvml_rtx3090_step.csv.gz"
    instant = load(name)
    assert instant.columns == ("power.draw.instant [W]",)
    draw = load(name, "power.draw [W]", "power.draw.average [W]")
    assert any("2 columns; 1 sets of columns are identical" in text for text in draw.warnings)

    def first_above(trace: Trace) -> float:
        return float(trace.time_s[np.argmax(trace.power_w[:, 0] > 300.0)])

    assert first_above(instant) < first_above(draw)


def test_pmd_square_wave() -> None:
    """A100, 50 ms on / off, shunt meter: 51.9 to 205.4 W, mean 115.9 W, recomputed (same source, MIT)."""
    trace = load("gpu_pmd_a100_square_50ms_4873Hz.parquet")
    assert trace.columns == ("power_w",)
    assert trace.power_w.min() == pytest.approx(51.9, abs=0.05)
    assert trace.power_w.max() == pytest.approx(205.4, abs=0.05)
    assert trace.power_w.mean() == pytest.approx(115.9, abs=0.05)
    assert trace.mean_over(0.0, trace.length_s, "linear")[0] == pytest.approx(115.9, abs=0.05)
    assert 1.0 / trace.sampling_s == pytest.approx(4873.0, rel=2e-3)
    # A shunt meter sees every sample anew.
    assert trace.refresh_s == pytest.approx(trace.sampling_s, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "edge_s", "steady_w", "most_w"),
    [
        ("a100", 1.0502, 200.7, 206.0),
        ("rtx4090", 1.0511, 387.9, 404.0),
        ("rtx3090", 1.0519, 440.6, 463.0),
    ],
)
def test_pmd_load_step(name: str, edge_s: float, steady_w: float, most_w: float) -> None:
    """Edge, steady load and maximum behind the shunt meter, recomputed (same source)."""
    trace = load(f"gpu_pmd_{name}_step_4873Hz.parquet")
    half_w = 0.5 * (trace.power_w[0, 0] + steady_w)
    assert trace.time_s[np.argmax(trace.power_w[:, 0] > half_w)] == pytest.approx(edge_s, abs=3e-4)
    assert trace.mean_over(2.0, 6.0)[0] == pytest.approx(steady_w, rel=2.5e-3)
    assert trace.power_w.max() == pytest.approx(most_w, rel=2e-3)


def test_gpt3_cluster() -> None:
    """512 x H100, GPT-3 175B, mlcommons/training_results_v4.0@6fe9543; sum over nodes recomputed."""
    trace = load(GPT3)
    assert trace.columns == tuple(f"ac_w_node{node:02d}" for node in range(1, 65))
    total_w = trace.power_w.sum(axis=1)
    assert np.median(total_w) == pytest.approx(448e3, rel=2e-3)
    assert np.percentile(total_w, [1, 99]) == pytest.approx([393e3, 457e3], rel=2e-3)
    assert np.abs(np.diff(total_w)).max() == pytest.approx(87e3, rel=0.01)
    for low_hz, high_hz, line_hz, amplitude_w in (
        (0.08, 0.10, 0.0914, 18e3),
        (0.17, 0.19, 0.183, 7e3),
        (0.006, 0.008, 0.0071, 6e3),
    ):
        found_hz, found_w = amplitude_at(trace, total_w, low_hz, high_hz)
        assert found_hz == pytest.approx(line_hz, abs=1.0 / trace.length_s)
        # The exact amplitude depends on the length analysed: leakage between two lines.
        assert found_w == pytest.approx(amplitude_w, rel=0.2)
    assert any("AC and DC" in text for text in trace.warnings)


def test_gpt3_dc_by_wildcard() -> None:
    """Largest 2 s step 147 kW DC (same source)."""
    trace = load(GPT3, "dc_w_node*")
    assert trace.columns == tuple(f"dc_w_node{node:02d}" for node in range(1, 65))
    assert np.abs(np.diff(trace.power_w.sum(axis=1))).max() == pytest.approx(147e3, rel=0.01)


@pytest.mark.parametrize("columns", ["ac_w_node*", "dc_w_node*"])
def test_gpt3_duplicate_nodes(columns: str) -> None:
    """30 pairs of node files are identical in the submission itself, AC and DC alike (MANIFEST.csv)."""
    trace = load(GPT3, columns)
    assert any("34 distinct records among 64 columns; 30 sets" in text for text in trace.warnings)
    # Relative deviation of the distinct nodes against that of their sum: 5.3 and 4.4 % AC, 9.1 and 5.3 % DC.
    distinct_w = np.unique(trace.power_w, axis=1)
    total_w = distinct_w.sum(axis=1)
    node, cluster = (0.053, 0.044) if columns.startswith("ac") else (0.091, 0.053)
    assert np.median(distinct_w.std(axis=0) / distinct_w.mean(axis=0)) == pytest.approx(node, abs=6e-4)
    assert total_w.std() / total_w.mean() == pytest.approx(cluster, abs=6e-4)


def test_three_interleaved_gpus() -> None:
    """3 x V100 under a budget of 900 W: means 285 / 272 / 282 W, recomputed (gridpilot, CC-BY-4.0)."""
    trace = load("gpu_3xV100_nvml_75Hz.csv.gz")
    assert trace.columns == ("power_w[0]", "power_w[1]", "power_w[2]")
    assert trace.power_w.shape == (6445, 3)
    assert trace.power_w.mean(axis=0) == pytest.approx([285.0, 272.0, 282.0], abs=0.5)
    assert trace.power_w[0].tolist() == [81.89, 40.52, 38.65]
    assert 1.0 / trace.sampling_s == pytest.approx(75.0, rel=0.01)
    assert trace.refresh_s == pytest.approx(0.020, abs=0.003)
    assert load("gpu_3xV100_nvml_75Hz.csv.gz", "power_w[1]").power_w.mean() == trace.power_w[:, 1].mean()


def test_b200_node() -> None:
    """Llama-2-70B LoRA, 8 x B200, mlcommons/training_results_v5.0@0fdc28f; median 9.63, max 10.10 kW."""
    trace = load("train_llama2_70b_lora_8xB200_mlperf50_lenovo_1s.csv.gz")
    power_w = trace.power_w[:, 0]
    assert np.median(power_w) == pytest.approx(9630.0, abs=5.0)
    assert power_w.max() == pytest.approx(10100.0, abs=5.0)
    step_w, at_s = np.diff(power_w), trace.time_s[1:]
    assert step_w[at_s < 657.0].min() == pytest.approx(-6320.0, abs=5.0)
    assert step_w.max() == pytest.approx(5530.0, abs=5.0)
    dips_s = at_s[step_w < -2800.0]
    assert sorted(set(dips_s[dips_s < 657.0])) == [293.0, 380.0, 468.0, 555.0, 643.0]
    assert (np.diff(trace.time_s) == 2.0).sum() == 34  # the gaps of 2 s of MANIFEST.csv


def test_stable_diffusion_node() -> None:
    """Same node: 9.59 to 10.25 kW, largest step 0.38 kW, recomputed; the energy counts its 50 gaps of 2 s."""
    trace = load("train_stable_diffusion_8xB200_mlperf50_lenovo_1s.csv.gz")
    assert trace.power_w.min() == pytest.approx(9590.0, abs=5.0)
    assert trace.power_w.max() == pytest.approx(10250.0, abs=5.0)
    assert np.abs(np.diff(trace.power_w[:, 0])).max() == pytest.approx(380.0, abs=5.0)
    assert trace.length_s == 897.0 + 50.0


@pytest.mark.parametrize(
    ("case", "load_w", "step_w"), [("server", 6300.0, 1800.0), ("offline", 6160.0, 1820.0)]
)
def test_h200_inference_takes_the_sum_of_the_channels(case: str, load_w: float, step_w: float) -> None:
    """8 x H200 MaxQ, mlcommons/inference_results_v4.1@198fc46: 6.30 / 6.16 kW; W sums three channels."""
    name = f"infer_llama2_70b_{case}_8xH200_mlperf41_nvidia_1s.csv.gz"
    trace = load(name)
    assert trace.columns == ("W",)
    power_w = trace.power_w[:, 0]
    assert np.median(power_w[power_w > 5000.0]) == pytest.approx(load_w, abs=5.0)
    assert np.abs(np.diff(power_w)).max() == pytest.approx(step_w, abs=5.0)
    np.testing.assert_allclose(load(name, "Ch?_W").power_w.sum(axis=1), power_w, rtol=1e-9)


def test_pv_night_is_kept_below_zero() -> None:
    """NREL SERF East, pvlib/pvanalytics@06fd596: range -5.3 to 4,628.5, unit not stated (MANIFEST.csv)."""
    trace = load("pv_serf_east_nrel_1min_ac.csv.gz")
    assert trace.power_w.min() == pytest.approx(-5.3, abs=0.05)
    assert trace.power_w.max() == pytest.approx(4628.5, abs=0.05)
    assert trace.sampling_s == 60.0
    assert any("below zero" in text for text in trace.warnings)
    assert any("states no unit: taken as W" in text for text in trace.warnings)


def test_irradiance_is_read_only_when_asked() -> None:
    """SMUD site 22, sandialabs/MATLAB_PV_LIB@684553a: largest one-minute step 627 W/m2."""
    name = "ghi_smud22_sacramento_1min_4days.csv.gz"
    with pytest.raises(TraceError, match="trace_columns"):
        load(name)
    trace = load(name, "ghi_w_m2")
    minute = np.diff(trace.time_s) == 60.0
    assert np.abs(np.diff(trace.power_w[:, 0]))[minute].max() == pytest.approx(627.0, abs=1.0)
    assert any("gap" in text for text in trace.warnings)  # the four days are not consecutive


@pytest.mark.parametrize(
    ("name", "limit_s"), [("gpu_pmd_a100_step_4873Hz.parquet", 0.5), ("gpu_3xV100_nvml_75Hz.csv.gz", 1.0)]
)
def test_reading_is_quick(name: str, limit_s: float) -> None:
    """67,051 rows of Parquet under 0.5 s, 19,335 rows of CSV under 1 s, pyarrow loaded; best of three."""
    load(name)
    spent_s = []
    for _ in range(3):
        begin_s = time.perf_counter()
        load(name)
        spent_s.append(time.perf_counter() - begin_s)
    assert min(spent_s) < limit_s
