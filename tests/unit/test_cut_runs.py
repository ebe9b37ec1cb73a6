"""Runs that were killed, that fail, that lack files or that meet another run say only what is known."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import re
import shutil

import numpy as np
import pytest
from fake_engine import UNITS, FakeEngine, fake_scenario

from wattkeel.errors import ScenarioError, SimulationError
from wattkeel.ledger import Ledger
from wattkeel.report import render, summary_html
from wattkeel.result import open_result
from wattkeel.rundir import LOCK, check_directory
from wattkeel.runlock import HeldError, RunLock
from wattkeel.simulation import record_run, simulate

# Grid event, voltage collapse, storage limited; the last two never end.
EVENTS = ((100, 4, 0, 1), (150, 4, 0, 0), (200, 3, 0, 1, 1.2, 0.9), (300, 2, 0, 1, 1e6, 2e6))


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the program runs after it."""


@pytest.fixture
def scenario():
    return fake_scenario(simulation={"duration_s": 10.0})


def killed(scenario, folder, monkeypatch, at_tick=3000, before=None):
    """Run until `at_tick` and die there; gives the directory as it is then."""

    def die(tick, ticks):
        if before is not None:
            before()
        if tick >= at_tick:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("wattkeel.simulation._Run.abandon", lambda self, error: self._writer.flush())
        patch.setattr("wattkeel.rundir.RunWriter.release", lambda self: self.close())
        with pytest.raises(Killed):
            record_run(scenario, FakeEngine(scenario, EVENTS), out_dir=folder, progress=die)
    return folder


def words(page):
    """What a reader sees, without what is folded away in scripts and styles."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", bare).split())


def test_killed_run_knows_its_events_and_says_what_it_does_not_know(scenario, tmp_path, monkeypatch):
    result = open_result(killed(scenario, tmp_path / "o", monkeypatch))
    assert [(event.kind, event.duration_s) for event in result.events] == [
        ("grid_event", pytest.approx(0.05)),
        ("voltage_collapse", None),
        ("storage_limited", None),
    ]
    assert result.event_counts == {"grid_event": 1, "voltage_collapse": 1, "storage_limited": 1}
    assert result.missing == ("summary.json", "ledger.json", "findings.json")
    assert np.isnan(result.ledger.residual_relative)
    assert not result.ledger.recorded
    assert 3000 <= result.ticks < 10_000
    assert (result.recorded_s, result.duration_s) == (pytest.approx(result.ticks * 1e-3), 10.0)
    assert f"{result.recorded_s:g} s of 10 s, incomplete" in repr(result)
    assert len(result.windows) > 0


def test_report_of_a_killed_run_says_no_falsehood(scenario, tmp_path, monkeypatch):
    result = open_result(killed(scenario, tmp_path / "o", monkeypatch))
    said = words(render(result))
    for falsehood in (
        "names no compliance profile",
        "Losses 0",
        "Residual",
        "No events",
        "No connection rule",
    ):
        assert falsehood not in said
    assert "Not recorded: summary.json, ledger.json, findings.json" in said
    assert "Verdicts were not recorded" in said
    assert "Losses not recorded" in said
    assert "voltage collapse at the POI: once, at 0.2 s" in said
    assert "not recorded" in summary_html(result)


def test_killed_run_without_full_rate_counts_its_envelope(tmp_path, monkeypatch):
    record = {"full_rate": [], "event_signals": [], "event_windows": 0}
    scenario = fake_scenario(simulation={"duration_s": 10.0}, record=record)
    result = open_result(killed(scenario, tmp_path / "o", monkeypatch))
    assert 3000 <= result.ticks < 10_000
    assert result.ticks == round(len(result.envelopes[0].time_s) * result.envelopes[0].period_s / 1e-3)


def test_figures_of_a_killed_run_may_be_older_than_its_series(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr("wattkeel.simulation._CHECKPOINT_S", 0.0)
    result = open_result(killed(scenario, tmp_path / "o", monkeypatch))
    assert result.missing == ("findings.json",)
    assert result.ledger.closes
    assert result.summary["duration_s"] <= result.recorded_s


def test_line_of_an_event_that_was_cut_is_left_out(scenario, tmp_path, monkeypatch):
    folder = killed(scenario, tmp_path / "o", monkeypatch)
    with (folder / "events.jsonl").open("a") as file:
        file.write('[3, {"time_s": 1.0, "ti')
    assert len(open_result(folder).events) == 3


def test_finished_run_has_one_list_of_events(scenario, tmp_path):
    record_run(scenario, FakeEngine(scenario, EVENTS), out_dir=tmp_path / "o", progress=False)
    assert not (tmp_path / "o" / "events.jsonl").exists()
    assert len(json.loads((tmp_path / "o" / "events.json").read_text())) == 3
    assert open_result(tmp_path / "o").missing == ()


@pytest.mark.parametrize("name", ["summary.json", "events.json", "ledger.json", "findings.json"])
def test_missing_file_of_a_complete_run_is_named(scenario, tmp_path, name):
    record_run(scenario, FakeEngine(scenario, EVENTS), out_dir=tmp_path / "o", progress=False)
    (tmp_path / "o" / name).unlink()
    result = open_result(tmp_path / "o")
    assert result.missing == (name,)
    said = words(render(result))
    assert f"its directory lacks {name}" in said
    assert f"Not recorded: {name} is missing" in said


def test_missing_series_are_named(scenario, tmp_path):
    record_run(scenario, FakeEngine(scenario, EVENTS), out_dir=tmp_path / "o", progress=False)
    (tmp_path / "o" / "series" / "full_rate.npy").unlink()
    result = open_result(tmp_path / "o")
    assert result.missing == ("series/full_rate.npy",)
    assert result.ticks == 10_000
    with pytest.raises(KeyError, match=r"lacks series/full_rate\.npy"):
        result.signals["poi.power_w"]
    assert "lacks series/full_rate.npy" in words(render(result))
    (tmp_path / "o" / "series" / "index.json").unlink()
    with pytest.raises(ScenarioError, match=r"lacks series/index\.json"):
        open_result(tmp_path / "o")


def test_lost_scenario_is_told(scenario, tmp_path):
    record_run(scenario, FakeEngine(scenario), out_dir=tmp_path / "o", progress=False)
    (tmp_path / "o" / "scenario.resolved.toml").unlink()
    with pytest.raises(ScenarioError, match=r"lacks scenario\.resolved\.toml"):
        render(open_result(tmp_path / "o"))


# ------------------------------------------------------------------------------------ a ledger that is open


class Leaking(FakeEngine):
    """Loses a millionth of what it imports."""

    def meters(self):
        meters = super().meters()
        meters["poi.power_w"] *= 1.0 + 1e-6
        return meters


@pytest.mark.parametrize("in_memory", [True, False])
def test_open_ledger_is_a_failure_after_everything_is_written(scenario, tmp_path, in_memory):
    folder = None if in_memory else tmp_path / "o"
    with pytest.raises(SimulationError, match="does not close") as caught:
        record_run(scenario, Leaking(scenario), out_dir=folder, progress=False)
    assert caught.value.stage == "ledger"
    results = [caught.value.result] if in_memory else [caught.value.result, open_result(tmp_path / "o")]
    for result in results:
        assert result.complete
        assert result.missing == ()
        assert "ledger does not close" in result.manifest["failed"]
        assert result.verdict == "not_evaluated"
        assert len(result.signals["poi.power_w"]) == 10_000
        assert "This run failed." in words(render(result))
    assert folder is None or not (folder / LOCK).exists()


def test_ledger_that_is_not_a_number_does_not_close():
    ledger = Ledger([], 0.0, 0.0, 0.0)
    assert ledger.closes
    assert ledger.recorded
    assert not dataclasses.replace(ledger, residual_relative=float("nan")).closes
    row = json.loads('{"entries": [], "through_j": null, "residual_j": null, "residual_relative": null}')
    assert not Ledger.from_dict(row).recorded


# ----------------------------------------------------------------------------------- two runs, one directory


def test_second_run_into_a_directory_is_refused(scenario, tmp_path, monkeypatch):
    def second():
        with pytest.raises(ScenarioError, match=f"another run .process {os.getpid()} "):
            record_run(scenario, FakeEngine(scenario), out_dir=tmp_path / "o", progress=False)

    killed(scenario, tmp_path / "o", monkeypatch, before=second)
    assert open_result(tmp_path / "o").ticks >= 3000


def _hold(path, ready, done):
    lock = RunLock(path)
    ready.set()
    done.wait(30.0)
    os._exit(9 if lock is None else 0)  # without release, as one that is killed


@pytest.mark.skipif(os.name != "posix", reason="starts a process by fork")
def test_lock_of_a_dead_process_is_taken_over(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(tmp_path / LOCK, ready, done))
    process.start()
    assert ready.wait(30.0)
    with pytest.raises(HeldError, match=f"process {process.pid}"):
        RunLock(tmp_path / LOCK)
    done.set()
    process.join(30.0)
    assert (tmp_path / LOCK).is_file()
    lock = RunLock(tmp_path / LOCK)
    lock.release()
    lock.release()
    assert not (tmp_path / LOCK).exists()


def test_directory_of_a_run_that_died_before_its_manifest_is_taken(scenario, tmp_path):
    (tmp_path / "o" / "series").mkdir(parents=True)
    (tmp_path / "o" / LOCK).write_text("process 1 on nowhere\n")
    check_directory(tmp_path / "o")
    record_run(scenario, FakeEngine(scenario), out_dir=tmp_path / "o", progress=False)
    assert open_result(tmp_path / "o").complete
    (tmp_path / "other" / "series").mkdir(parents=True)
    (tmp_path / "other" / "series" / "data.csv").write_text("mine")
    with pytest.raises(ScenarioError, match="not overwritten"):
        check_directory(tmp_path / "other")


def test_disk_that_is_full_from_the_start_leaves_no_directory(scenario, tmp_path, monkeypatch):
    def full(path, text):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("wattkeel.rundir.write_json", full)
        with pytest.raises(ScenarioError, match="No space left"):
            record_run(scenario, FakeEngine(scenario), out_dir=tmp_path / "o", progress=False)
    assert not (tmp_path / "o").exists()


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_write_that_the_disk_does_not_take_names_its_file(scenario, tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"full_rate|envelope") as caught:
            record_run(scenario, FakeEngine(scenario), out_dir=tmp_path / "o", progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(tmp_path / "o") in str(caught.value.filename)
    check_directory(tmp_path / "o")
    shutil.rmtree(tmp_path / "o")


# -------------------------------------------------------------------------------------------- what was given


@pytest.mark.parametrize(("given", "how"), [("site.toml", r"load\(path\)"), ({"title": "x"}, "from_dict")])
def test_simulate_takes_a_scenario_and_says_how_to_get_one(given, how):
    with pytest.raises(TypeError, match=how):
        simulate(given)


@pytest.mark.parametrize(
    ("given", "near"),
    [("poi.powerw", "poi.power_w"), ("soc", "storage.bess.soc"), ("voltage", "poi.voltage_pu")],
)
def test_wrong_name_of_a_signal_gives_near_ones(scenario, given, near):
    result = record_run(scenario, FakeEngine(scenario), progress=False)
    assert near in UNITS
    with pytest.raises(KeyError, match=f"did you mean.*'{re.escape(near)}'"):
        result.signals[given]
    with pytest.raises(KeyError, match=f"did you mean.*'{re.escape(near)}'"):
        result.envelopes[0].of(given)
