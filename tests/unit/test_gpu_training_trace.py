"""The data set examples/gpu-training-trace: it loads, its numbers follow from it, and its recorder runs."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wattkeel as wk
from wattkeel.cli import main
from wattkeel.trace import read_trace

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FOLDER = EXAMPLES / "gpu-training-trace"
DATA = FOLDER / "data"
SCENARIO = EXAMPLES / "gpu-training-trace.toml"
GPUS = 8192


@pytest.fixture(scope="module")
def scripts():
    """Imports a script of the example; its neighbours have names that are common, so they go again."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))
    for name in set(sys.modules) - before:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and Path(origin).parent == FOLDER:
            del sys.modules[name]


@pytest.fixture(scope="module")
def recordings(scripts):
    dataset = scripts("dataset")
    return {number: dataset.read(number) for number in (1, 2)}


@pytest.fixture(scope="module")
def figures():
    return json.loads((DATA / "figures.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", [1, 2])
def test_power_is_a_trace(number, recordings):
    trace = read_trace(DATA / f"recording-{number}-power.csv.gz")
    assert trace.warnings == ()
    np.testing.assert_array_equal(trace.power_w[:, 0], recordings[number].power_w)
    assert np.median(np.diff(trace.time_s)) == pytest.approx(0.020, rel=0.02)
    assert 100.0 < trace.power_w.min() < trace.power_w.max() < 1000.0


@pytest.mark.parametrize("number", [1, 2])
def test_marks_follow_one_another(number, recordings):
    """Within a section each phase begins where the one before it ended, and sections do not overlap."""
    marks = recordings[number].marks
    for one, next_one in itertools.pairwise(marks):
        assert one.start_s < one.end_s <= next_one.start_s + 1.5e-6
        if one.section == next_one.section:
            assert next_one.start_s == pytest.approx(one.end_s, abs=1.5e-6)


@pytest.mark.parametrize("number", [1, 2])
def test_energy_counter_agrees_with_the_samples(number, recordings):
    recording = recordings[number]
    t, energy_j = recording.readings["energy_j"]
    inside = (t > recording.time_s[0]) & (t < recording.time_s[-1])
    t, energy_j = t[inside], energy_j[inside]
    steps_s = np.diff(recording.time_s)
    held_j = np.concatenate([[0.0], np.cumsum(recording.power_w[1:] * steps_s)])
    sampled_j = np.interp(t[[0, -1]], recording.time_s, held_j)
    assert energy_j[-1] - energy_j[0] == pytest.approx(sampled_j[1] - sampled_j[0], rel=3e-3)


def test_power_follows_the_marks(recordings):
    """Samples well inside gaps are those of an idle GPU, samples well inside computing are not."""
    for recording in recordings.values():
        for section in ("gap_idle_300ms", "gap_idle_600ms"):
            gaps = [recording.within(m.start_s + 0.1, m.end_s)[1] for m in recording.of(section, "gap")]
            assert np.concatenate(gaps).max() < 150.0
        busy = [recording.within(m.start_s + 0.1, m.end_s)[1] for m in recording.of("step_8s", "matmul")]
        assert np.concatenate(busy).min() > 550.0


def test_figures_follow_from_the_data(scripts, figures, tmp_path):
    """All numbers and the folded waveforms, made anew; a fit may end elsewhere in the last digits."""
    pytest.importorskip("scipy")
    analyse, dataset = scripts("analyse"), scripts("dataset")
    for path in DATA.glob("recording-*"):
        (tmp_path / path.name).symlink_to(path)
    assert_alike(analyse.figures(tmp_path), figures, "")
    mine, shipped = (dataset.rows(folder / "folded.csv.gz") for folder in (tmp_path, DATA))
    assert [row[:5] for row in mine] == [row[:5] for row in shipped]
    for column, within_w in ((5, 0.2), (6, 1.0)):
        watts = [np.array([float(row[column] or "nan") for row in rows]) for rows in (mine, shipped)]
        np.testing.assert_allclose(*watts, atol=within_w)


def assert_alike(one, other, where):
    if isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key in other:
            assert_alike(one[key], other[key], f"{where}.{key}")
    elif isinstance(other, list):
        for k, pair in enumerate(zip(one, other, strict=True)):
            assert_alike(*pair, f"{where}[{k}]")
    else:
        assert one == pytest.approx(other, rel=0.02), where


def test_data_sheet_states_the_figures(scripts, figures):
    pytest.importorskip("scipy")
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for row in scripts("analyse").table(figures):
        assert row in page
    for number, (delay_ms, width_ms) in {"1": (4.3, 11.8), "2": (4.2, 13.0)}.items():
        response = figures["sensor"][number]["buffer"]["low_pass"]
        assert round(1e3 * response["delay_s"], 1) == delay_ms
        assert round(1e3 * response["width_s"], 1) == width_ms
        assert (
            response["error_median_w"] < 0.7 * figures["sensor"][number]["buffer"]["window"]["error_median_w"]
        )
    assert "a first-order low pass of 11.8 / 13.0 ms, 4.3 / 4.2 ms behind" in page
    second = figures["sensor"]["2"]
    assert second["power_instant_w"]["lag_s"] == 0.009
    assert second["power_average_w"]["window_s"] == 1.01
    assert second["power_usage_w"]["share_equal_to_average"] == 1.0
    falls_s = figures["sharpened"]["fall_80_to_20_percent_s"].values()
    assert "7 to 14 ms" in page
    assert (round(1e3 * min(falls_s)), round(1e3 * max(falls_s))) == (7, 14)


def test_sharpening_undoes_a_low_pass(scripts):
    """A square of known edges through delay and low pass, sampled at random, comes back to some 5 ms."""
    dataset = scripts("dataset")
    random = np.random.default_rng(3)
    length_s, delay_s, tau_s, fine_s = 0.1, 0.004, 0.012, 1e-4
    wave_w = np.where(np.arange(1000) < 500, 700.0, 130.0)
    kernel = np.exp(-np.arange(4000) * fine_s / tau_s)
    seen_w = np.convolve(np.tile(wave_w, 6), kernel / kernel.sum())[4000:5000]
    phase_s = random.uniform(0.0, length_s, 400)
    power_w = seen_w[((phase_s - delay_s) % length_s / fine_s).astype(int)] + random.normal(0.0, 5.0, 400)
    found_w = dataset.sharpened(phase_s, power_w, length_s, delay_s=delay_s, tau_s=tau_s, bins=33)
    middle_s = (np.arange(33) + 0.5) * length_s / 33
    settled = np.abs((middle_s + 0.025) % 0.05 - 0.025) > 0.012  # not beside an edge
    true_w = np.where(middle_s < 0.05, 700.0, 130.0)
    assert np.abs(found_w - true_w)[settled].max() < 40.0
    assert np.abs(found_w - true_w)[settled].mean() < 15.0


def test_checksums(scripts):
    pytest.importorskip("scipy")
    assert (DATA / "SHA256SUMS").read_text(encoding="utf-8") == scripts("analyse").checksums()


def test_scenario_replays_the_job(recordings):
    recording = recordings[1]
    start_s, end_s = recording.span("job")
    scenario = wk.load(SCENARIO, ["simulation.duration=20 s", "compliance.settle=9 s"])
    assert [text.partition(":")[0] for text in scenario.warnings] == ["workload.job.trace"]  # of its sampling
    result = wk.simulate(scenario, progress=False)
    assert abs(result.ledger.residual_relative) <= 1e-12
    assert {event.kind for event in result.events} == {"job_start"}
    per_gpu_w = result.signals["gpu.hall.power_w"] / GPUS
    t = recording.time_s[0] + 227.44 + (np.arange(len(per_gpu_w)) + 0.5) * 1e-3
    assert abs(t[0] - start_s) < 0.01
    assert end_s - start_s == pytest.approx(69.0, abs=0.2)
    np.testing.assert_allclose(per_gpu_w, np.interp(t, recording.time_s, recording.power_w), atol=10.0)


def test_template_comes_with_its_trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--template", "gpu-training-trace"]) == 0
    assert main(["check", "gpu-training-trace.toml"]) == 0


def test_recorder_runs_dry(scripts, tmp_path):
    """Every step of the recording without a GPU, and the files made of it."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("the recorder trains with PyTorch, which wattkeel does not need")
    sections = "square_5hz,gap_idle_100ms,gap_spin_300ms,gap_copy_300ms,held_power,checkpoints,evaluations"
    command = [
        sys.executable,
        str(FOLDER / "record.py"),
        "--dry-run",
        "--scale",
        "0.02",
        "--out",
        str(tmp_path),
    ]
    subprocess.run(
        [*command, "--sections", sections], check=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    )
    scripts("convert").convert(tmp_path, 3, tmp_path / "data")
    recording = scripts("dataset").read(3, tmp_path / "data")
    assert [entry["fault"] for entry in recording.meta["sections"]] == [None] * 9
    assert {mark.section for mark in recording.marks} == {"self_check", "job_start", *sections.split(",")}
    assert {"power_instant_w", "power_average_w", "energy_j"} <= recording.readings.keys()
