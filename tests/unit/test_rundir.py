"""Run directories: readable at every moment, never over something else."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from fake_engine import FakeEngine, fake_scenario

from wattkeel.errors import ScenarioError
from wattkeel.jsonio import dumps, write_json
from wattkeel.record import RecordPlan
from wattkeel.result import open_result
from wattkeel.rundir import GrowingArray, RunWriter, check_directory, open_array
from wattkeel.simulation import record_run


def plan_of(scenario):
    return RecordPlan.from_engine(scenario.model.record, FakeEngine(scenario))


@pytest.mark.parametrize("shape", [(3,), (3, 5), (0,)])
def test_growing_array_is_valid_after_every_flush(tmp_path, shape):
    rng = np.random.default_rng(1)
    array = GrowingArray(tmp_path / "a.npy", shape)
    assert np.load(tmp_path / "a.npy").shape == (0, *shape)
    wanted = np.empty((0, *shape))
    for rows in (1, 7, 0, 1000):
        part = rng.normal(size=(rows, *shape))
        wanted = np.concatenate([wanted, part])
        array.append(part)
        array.flush()
        np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), wanted)
    array.close()
    array.close()
    np.testing.assert_array_equal(open_array(tmp_path / "a.npy"), wanted)


def test_rows_that_are_not_flushed_do_no_harm(tmp_path):
    array = GrowingArray(tmp_path / "a.npy", (2,))
    array.append(np.ones((10, 2)))
    array.flush()
    with (tmp_path / "a.npy").open("ab") as file:
        file.write(b"\x01\x02\x03")  # the process died within a row
    assert open_array(tmp_path / "a.npy").shape == (10, 2)
    assert not open_array(tmp_path / "a.npy").flags.writeable
    array.close()


def test_foreign_directory_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    scenario = fake_scenario()
    with pytest.raises(ScenarioError, match="not overwritten"):
        RunWriter(tmp_path, plan_of(scenario), {}, "")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_file_in_place_of_a_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ScenarioError, match="is a file"):
        check_directory(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_directory_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ScenarioError, match="cannot be written"):
        RunWriter(tmp_path / "run", plan_of(fake_scenario()), {}, "")


def test_older_run_is_replaced_and_other_files_stay(tmp_path):
    scenario = fake_scenario(simulation={"duration_s": 1.0})
    record_run(scenario, FakeEngine(scenario), out_dir=tmp_path, progress=False)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "report.html").write_text("old")
    longer = fake_scenario(simulation={"duration_s": 2.0})
    record_run(longer, FakeEngine(longer), out_dir=tmp_path, progress=False)
    assert open_result(tmp_path).ticks == 2000
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "report.html").exists()


def test_killed_run_is_readable(tmp_path):
    """As after SIGKILL: the files as the last flush left them, the manifest as at the start."""
    scenario = fake_scenario(simulation={"duration_s": 10.0})
    plan, engine = plan_of(scenario), FakeEngine(scenario)
    writer = RunWriter(tmp_path, plan, {"tick_s": 1e-3, "ticks": 10000, "title": "t"}, scenario.to_toml())
    rows = engine.rows(0, 1234)
    writer.append("full_rate", rows[:, : len(plan.full_rate)])
    writer.flush()
    writer.append("full_rate", rows[:1, : len(plan.full_rate)])
    result = open_result(tmp_path)
    assert not result.complete
    assert result.ticks == 1234
    assert result.duration_s == 10.0
    assert result.verdict == "not_evaluated"
    assert len(result.signals["poi.power_w"]) == 1234
    assert result.summary == {}
    assert result.events == []
    assert result.ledger.entries == []
    writer.close()


def test_directory_without_a_run_is_told(tmp_path):
    with pytest.raises(ScenarioError, match="holds no run"):
        open_result(tmp_path)
    with pytest.raises(ScenarioError, match="holds no run"):
        open_result(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("manifest.json", '{"format": 99}', "update wattkeel"),
        ("series/index.json", "{", "damaged"),
        ("series/full_rate.npy", "no array", "damaged"),
    ],
)
def test_damage_is_told(tmp_path, name, content, says):
    scenario = fake_scenario(simulation={"duration_s": 1.0})
    record_run(scenario, FakeEngine(scenario), out_dir=tmp_path, progress=False)
    (tmp_path / name).write_text(content)
    with pytest.raises(ScenarioError, match=says):
        open_result(tmp_path)


def test_json_is_strict_and_whole(tmp_path):
    value = {"a": np.float64(1.5), "b": float("nan"), "c": np.arange(2), "d": (float("inf"), np.bool_(True))}
    assert json.loads(dumps(value)) == {"a": 1.5, "b": None, "c": [0, 1], "d": [None, True]}
    write_json(tmp_path / "x.json", value)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
