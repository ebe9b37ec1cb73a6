"""Results: ledger, summary, signals; in memory and from a directory, finished, stopped and failed."""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from fake_engine import CONVERTER_W, FLOOR_W, HIGH_W, LOW_W, MEAN_W, PSU_W, FakeEngine, fake_scenario

from wattkeel.ledger import build_ledger
from wattkeel.progress import Progress
from wattkeel.result import open_result, overall_verdict
from wattkeel.simulation import Interrupted, record_run
from wattkeel.summary import nominal_energy_j

DURATION_S = 7.0
EVENTS = ((1000, 4, 0, 1), (1200, 2, 0, 1, 1e6, 2e6), (1250, 2, 0, 0), (2000, 4, 0, 0))


def run(out_dir=None, engine=FakeEngine, progress=False, **record):
    scenario = fake_scenario(simulation={"duration_s": DURATION_S}, record=record)
    return record_run(scenario, engine(scenario, EVENTS), out_dir=out_dir, progress=progress)


@pytest.fixture(params=["memory", "directory", "opened"])
def result(request, tmp_path):
    if request.param == "memory":
        return run()
    made = run(tmp_path)
    return made if request.param == "directory" else open_result(tmp_path)


def test_ledger_closes_and_names_every_joule(result):
    energy_j = {entry.name: entry.energy_j for entry in result.ledger.entries}
    gpu_w = MEAN_W - PSU_W + (HIGH_W - LOW_W) / 2.0 / 7.0  # seven and a half swings: one more high than low
    assert energy_j["gpu.train.floor"] == pytest.approx(FLOOR_W * DURATION_S)
    assert energy_j["rack.train.psu_loss"] == pytest.approx(PSU_W * DURATION_S)
    assert energy_j["storage.bess.converter_loss"] == pytest.approx(CONVERTER_W * DURATION_S)
    assert energy_j["poi.import"] == pytest.approx(MEAN_W * DURATION_S)
    assert energy_j["gpu.train.work"] > 0.9 * (gpu_w - FLOOR_W) * DURATION_S * 0.9
    assert abs(result.ledger.residual_relative) < 1e-12
    sources = result.ledger.total_j("source")
    assert sources == pytest.approx(sum(result.ledger.total_j(group) for group in ("load", "loss", "stored")))


def test_summary_is_that_of_the_square_wave(result):
    summary = result.summary
    assert summary["poi_power_max_w"] == summary["poi_power_min_w"] == MEAN_W
    assert summary["load_power_max_w"] == HIGH_W + PSU_W
    assert summary["load_power_min_w"] == LOW_W + PSU_W
    assert summary["poi_range_5s_w"] == 0.0
    assert summary["load_range_5s_w"] == HIGH_W - LOW_W
    assert summary["storage.bess.throughput_j"] == pytest.approx(30e6 * DURATION_S)
    assert summary["storage.bess.equivalent_full_cycles"] == pytest.approx(30e6 * DURATION_S / 2 / 3.6e10)
    assert (
        summary["storage.bess.soc_min"] == summary["storage.bess.soc_final"] < summary["storage.bess.soc_max"]
    )
    assert summary["floor_energy_j"] == pytest.approx(FLOOR_W * DURATION_S)
    assert summary["facility_ratio"] == pytest.approx(summary["load_energy_j"] / summary["it_energy_j"])
    assert summary["event_count"] == 2.0


def test_signals_are_views_and_complete(result):
    power = result.signals["poi.power_w"]
    assert power.shape == (7000,)
    assert power.base is not None
    assert not power.flags.writeable
    assert result.complete
    assert result.ticks == 7000
    assert result.duration_s == DURATION_S


def test_signal_that_was_not_kept_tells_how_to_keep_it(result):
    with pytest.raises(KeyError, match=r"record\.full_rate"):
        result.signals["gpu.train.power_w"]
    with pytest.raises(KeyError, match=r"did you mean .poi\.power_w."):
        result.signals["poi.powerw"]
    with pytest.raises(KeyError, match="no signal"):
        result.envelopes[0].of("nothing")


def test_envelopes_windows_and_events(result):
    assert [envelope.period_s for envelope in result.envelopes] == pytest.approx([0.01, 1.0])
    time_s, low, mean, high = result.envelopes[-1].of("site.load_power_w")
    assert time_s.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert (low == LOW_W + PSU_W).all()
    assert (high == HIGH_W + PSU_W).all()
    np.testing.assert_allclose(mean, MEAN_W)
    (window,) = result.windows
    assert (window.first_tick, len(window.values)) == (800, 2001)
    np.testing.assert_array_equal(window.of("poi.power_w")[1], MEAN_W)
    assert window.time_s[0] == pytest.approx(0.8)
    grid, limited = result.events
    assert (grid.kind, grid.duration_s) == ("grid_event", pytest.approx(1.0))
    assert (limited.kind, limited.place, limited.value) == ("storage_limited", "storage.bess", 1e6)
    assert result.event_counts == {"grid_event": 1, "storage_limited": 1}


def test_scenario_comes_back_even_when_its_trace_is_gone(tmp_path):
    trace = tmp_path / "power.csv"
    trace.write_text("time_s,power_w\n" + "".join(f"{i / 10},{300 + i % 7}\n" for i in range(100)))
    job = {"job": {"kind": "trace", "trace": str(trace)}}
    scenario = fake_scenario(simulation={"duration_s": 1.0}, workload=job)
    made = record_run(scenario, FakeEngine(scenario), out_dir=tmp_path / "run", progress=False)
    assert made.manifest["inputs"][0]["sha256"] == scenario.traces["workload.job"].sha256
    assert open_result(tmp_path / "run").scenario.model == scenario.model
    trace.unlink()
    opened = open_result(tmp_path / "run")
    assert opened.scenario.model == scenario.model
    assert "measured inputs" in opened.scenario.warnings[0]


def test_power_measured_at_the_inlet_is_summed_apart(tmp_path):
    trace = tmp_path / "power.csv"
    trace.write_text("time_s,power_w\n" + "".join(f"{i / 10},{300 + i % 7}\n" for i in range(100)))
    job = {"job": {"kind": "trace", "trace": str(trace), "trace_boundary": "rack"}}
    scenario = fake_scenario(simulation={"duration_s": 1.0}, workload=job)
    result = record_run(scenario, FakeEngine(scenario), progress=False)
    assert result.summary["measured_it_energy_j"] == pytest.approx(0.5 * (HIGH_W + LOW_W))
    assert "gpu_energy_j" not in result.summary
    assert "rack.train.it_measured" in {entry.name for entry in result.ledger.entries}
    (row,) = result.manifest["inputs"]
    assert row["sampling_s"] == pytest.approx(0.1)


def test_result_shows_itself(result):
    assert repr(result).startswith("<Result 'square wave': 7 s, not_evaluated")
    assert "square wave" in result._repr_html_()


def test_every_chunking_gives_the_same_result(tmp_path):
    class Small(FakeEngine):
        chunk_ticks = 13

    one, other = run(tmp_path / "a"), run(tmp_path / "b", engine=Small)
    for name in ("full_rate", "envelope_10ms", "windows"):
        file = f"series/{name}.npy"
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert repr(one.events) == repr(other.events)  # NaN is not equal to itself
    assert one.summary == pytest.approx(other.summary)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_is_readable_and_says_so(tmp_path, number):
    def stop(tick, ticks):
        if tick >= 3000:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=number.name) as caught:
        run(tmp_path, progress=stop)
    assert signal.getsignal(number) is before
    for result in (caught.value.result, open_result(tmp_path)):
        assert not result.complete
        assert 3000 <= result.ticks < 7000
        assert len(result.signals["poi.power_w"]) == result.ticks
        assert result.manifest["stopped_by"] == number.name
        assert abs(result.ledger.residual_relative) < 1e-12
        assert result.verdict == "not_evaluated"


def test_second_interrupt_stops_at_once(tmp_path):
    def stop(tick, ticks):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(tmp_path, progress=stop)
    assert not isinstance(caught.value, Interrupted)
    assert not open_result(tmp_path).complete


def test_failed_run_is_readable_and_says_why(tmp_path):
    class Failing(FakeEngine):
        def advance(self, n):
            if self.tick > 3000:
                raise RuntimeError("the roof fell in")
            return super().advance(n)

    with pytest.raises(RuntimeError, match="roof"):
        run(tmp_path, engine=Failing)
    result = open_result(tmp_path)
    assert not result.complete
    assert "roof" in result.manifest["failed"]
    assert len(result.signals["poi.power_w"]) > 3000


def test_full_disk_is_an_error_of_the_system_and_leaves_what_there_was(tmp_path, monkeypatch):
    from wattkeel.rundir import GrowingArray

    append = GrowingArray.append

    def full(self, rows):
        if self.rows > 2000:
            raise OSError(28, "No space left on device")
        append(self, rows)

    monkeypatch.setattr(GrowingArray, "append", full)
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path)
    assert open_result(tmp_path).ticks > 2000


def test_runs_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(run()))
    thread.start()
    thread.join()
    assert results[0].complete


def test_worst_verdict_wins():
    def of(*verdicts):
        return overall_verdict([SimpleNamespace(verdict=verdict) for verdict in verdicts])

    assert of() == "not_evaluated"
    assert of("pass", "not_evaluated") == "pass"
    assert of("pass", "marginal") == "marginal"
    assert of("marginal", "fail", "pass") == "fail"


def test_ledger_of_nothing_is_empty():
    ledger = build_ledger({})
    assert (ledger.entries, ledger.residual_relative) == ([], 0.0)


def test_unserved_power_is_taken_off_the_loads():
    meters = {"poi.power_w": 90.0, "cooling.power_w": 100.0, "poi.unserved_power_w": 10.0}
    ledger = build_ledger(meters)
    assert ledger.residual_j == 0.0
    assert ledger.total_j("load") == 90.0


def test_nominal_energy_by_strings_and_by_capacitance():
    model = fake_scenario(
        storage={
            "b": {"battery": {"strings": 2.0, "cells_series": 10}, "converter": {"rated_power_w": 1.0}},
            "c": {
                "kind": "supercapacitor",
                "supercapacitor": {"capacitance_f": 2.0, "voltage_max_v": 3.0, "voltage_min_v": 1.0},
                "converter": {"rated_power_w": 1.0},
            },
        }
    ).model
    assert nominal_energy_j(model.storage["b"]) == pytest.approx(2 * 306 * 3600 * 10 * 3.2)
    assert nominal_energy_j(model.storage["c"]) == pytest.approx(8.0)


class Stream:
    def __init__(self, terminal):
        self.text = ""
        self.isatty = lambda: terminal
        self.flush = lambda: None

    def write(self, text):
        self.text += text


def test_progress_is_a_bar_on_a_terminal_and_silent_for_a_short_run_elsewhere(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("wattkeel.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setenv("TERM", "xterm")
    for terminal in (True, False):
        stream = Stream(terminal)
        clock[0] = 0.0
        progress = Progress(1e-3, stream)
        for tick in (100, 200, 300):
            clock[0] += 1.0
            progress(tick, 1000)
        progress.close()
        assert ("#" in stream.text) is terminal
        clock[0] += 20.0
        progress(900, 1000)
        assert "90%" in stream.text


def test_progress_survives_a_stream_that_went_away():
    stream = Stream(True)
    stream.write = lambda text: (_ for _ in ()).throw(BrokenPipeError())
    progress = Progress(1e-3, stream)
    progress._shown_s = -10.0
    progress(1, 10)
    progress.close()
