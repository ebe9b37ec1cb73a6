"""The command line as a user meets it: exit status, what goes to stdout, what to stderr."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wattkeel.cli import main
from wattkeel.rundir import open_array

SCENARIO = """
title = "two halls"
[simulation]
duration = "8 s"
[workload.job]
period = "1 s"
edge = "100 ms"
[gpu.h100]
rated_power = "700 W"
[rack.hall]
count = 50
gpu = "h100"
workload = "job"
[storage.bess.battery]
energy = "2 MWh"
[storage.bess.converter]
rated_power = "1.5 MW"
[control]
average = "2 s"
[[grid.event]]
start = "4 s"
duration = "0.2 s"
voltage_pu = 0.9
[[compliance.rule]]
name = "range"
kind = "dynamic_range"
limit = "{limit}"
"""


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    """A small scenario in an empty current folder; its one rule is met."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WATTKEEL_DEBUG", raising=False)
    (tmp_path / "site.toml").write_text(SCENARIO.replace("{limit}", "100 MW"))
    return "site.toml"


def wattkeel(*arguments, **options):
    command = [sys.executable, "-m", "wattkeel", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def wait_for_series(process, run):
    """Wait until a run under way has brought down something, or has ended."""
    deadline_s = time.monotonic() + 60.0
    while process.poll() is None and time.monotonic() < deadline_s:
        if any(len(open_array(series)) for series in run.glob("series/envelope_*.npy")):
            return
        time.sleep(0.05)


def test_run_writes_a_run_directory_and_says_where(scenario, capsys):
    assert main(["run", scenario]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "two halls: pass" in out
    assert "residual" in out
    run = Path("runs/site")
    assert str(run / "report.html") in out
    names = {path.name for path in run.iterdir()}
    wanted = {"manifest.json", "scenario.resolved.toml", "summary.json", "events.json", "ledger.json"}
    assert wanted | {"findings.json", "meters.json", "report.html", "series"} == names
    assert json.loads((run / "manifest.json").read_text())["complete"] is True


def test_json_is_one_object_and_the_numbers_hold_together(scenario, capsys):
    assert main(["run", scenario, "--json", "--out", "o", "--no-report", "--seed", "7"]) == 0
    out, _ = capsys.readouterr()
    run = json.loads(out)
    assert (run["verdict"], run["run_dir"], run["report"], run["complete"]) == ("pass", "o", None, True)
    assert abs(run["ledger"]["residual_relative"]) < 1e-12
    assert run["events"]["grid_event"] == 1
    assert run["findings"][0]["rule"] == "range"
    summary = run["summary"]
    assert summary["poi_power_min_w"] <= summary["poi_power_mean_w"] <= summary["poi_power_max_w"]
    assert summary["import_energy_j"] == pytest.approx(8.0 * summary["poi_power_mean_w"])
    assert summary["poi_range_5s_w"] < summary["load_range_5s_w"]
    assert json.loads(Path("o/manifest.json").read_text())["seed"] == 7


def test_violated_limit_is_status_1_unless_told_otherwise(scenario, capsys):
    Path(scenario).write_text(SCENARIO.replace("{limit}", "1 kW"))
    for fail_on, status in (("fail", 1), ("marginal", 1), ("never", 0)):
        assert main(["run", scenario, "--json", "--no-report", "--fail-on", fail_on]) == status
        assert json.loads(capsys.readouterr().out)["verdict"] == "fail"


def test_all_faults_on_stderr_status_2_nothing_else(scenario, capsys):
    faults = ["--set", "storage.bess.enrgy=3", "--set", "rack.hall.count=-1", "--set", "nonsense=1"]
    assert main(["run", scenario, *faults]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "3 faults" in err
    assert "Traceback" not in err
    assert not Path("runs").exists()


def test_older_run_stays_when_the_scenario_is_bad(scenario, capsys):
    assert main(["run", scenario, "--out", "o", "--no-report"]) == 0
    before = Path("o/manifest.json").read_bytes()
    assert main(["run", scenario, "--out", "o", "--set", "rack.hall.count=-1"]) == 2
    assert main(["run", scenario, "--out", "o", "--isa", "abacus"]) == 2
    assert main(["run", scenario, "--out", "o", "--set", 'compliance.profiles=["none_such"]']) == 2
    assert Path("o/manifest.json").read_bytes() == before


def test_foreign_directory_is_not_written_to(scenario, capsys):
    assert main(["run", scenario, "--out", "."]) == 2
    assert "not overwritten" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["site.toml"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write")
def test_place_that_cannot_be_written_is_told(scenario, capsys):
    assert main(["run", scenario, "--out", "/proc/run"]) == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "Traceback" not in err


def test_overrides_apply_in_order_and_options_win(scenario, capsys):
    options = ["--set", "simulation.duration=5 s", "--duration", "6", "--json", "--no-report"]
    assert main(["run", scenario, *options]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["duration_s"] == 6.0


def test_check_tells_counts_cost_and_values(scenario, capsys):
    assert main(["check", scenario]) == 0
    out = capsys.readouterr().out
    assert "50 racks" in out
    assert "3600 gpus" in out
    assert "storage.bess.battery.energy_j" in out
    assert "2 MWh" in out
    assert "seed" not in out
    assert main(["check", scenario, "--all"]) == 0
    assert "simulation.seed" in capsys.readouterr().out


def test_check_as_json(scenario, capsys):
    assert main(["check", scenario, "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["valid"] is True
    assert checked["counts"]["ticks"] == 8000
    assert checked["estimate"]["record_byte"] > 8000 * 3 * 8
    assert checked["parameters"]["storage.bess.battery.energy_j"] == 7.2e9
    assert main(["check", scenario, "--json", "--set", "rack.hall.count=0"]) == 2
    checked = json.loads(capsys.readouterr().out)
    assert checked["valid"] is False
    assert checked["faults"][0]["place"] == "rack.hall.count"


def test_report_is_built_anew(scenario, capsys):
    assert main(["run", scenario, "--out", "o", "--no-report"]) == 0
    assert main(["report", "o"]) == 0
    assert Path("o/report.html").read_text(encoding="utf-8").startswith("<!")
    assert main(["report", "o", "--out", "other.html"]) == 0
    assert Path("other.html").is_file()
    assert main(["report", "nowhere"]) == 2
    capsys.readouterr()


def test_init_copies_and_never_overwrites(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert "wattkeel run quickstart.toml" in capsys.readouterr().out
    assert main(["check", "quickstart.toml"]) == 0
    Path("quickstart.toml").write_text("mine")
    assert main(["init"]) == 2
    assert Path("quickstart.toml").read_text() == "mine"
    assert main(["init", "new/place", "--template", "weak-grid"]) == 0
    assert main(["init", "mine.toml", "--template", "gigawatt"]) == 0
    assert Path("new/place/weak-grid.toml").is_file()
    assert Path("mine.toml").is_file()
    capsys.readouterr()


def test_presets_are_listed_and_shown(capsys):
    assert main(["presets"]) == 0
    listed = capsys.readouterr().out
    assert "battery/" in listed
    assert "profile/" in listed
    name = next(line.split()[0] for line in listed.splitlines() if line.startswith("battery/"))
    assert main(["presets", name]) == 0
    assert "licence" in capsys.readouterr().out
    profile = next(line.split()[0] for line in listed.splitlines() if line.startswith("profile/"))
    assert main(["presets", profile]) == 0
    assert "source" in capsys.readouterr().out
    assert main(["presets", "--kind", "gpu", "--json"]) == 0
    assert {entry["kind"] for entry in json.loads(capsys.readouterr().out)} == {"gpu"}
    assert main(["presets", "--kind", "teapot"]) == 2
    assert main(["presets", "no-such-thing"]) == 2
    assert capsys.readouterr().out == ""


def test_schema_and_info(tmp_path, capsys):
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "storage" in schema["properties"]
    assert main(["schema", "--out", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == schema
    capsys.readouterr()
    assert main(["schema", "--profile"]) == 0
    assert "voltage_ride_through" in json.loads(capsys.readouterr().out)["$defs"]
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["instruction_sets_available"]
    assert info["instruction_set"] in info["instruction_sets_available"]
    assert "numba" in info["extras"]
    assert main(["info"]) == 0


def test_version_is_immediate():
    begin_s = time.perf_counter()
    done = wattkeel("--version")
    out, _ = done.communicate()
    assert out.startswith("wattkeel ")
    # 60 ms on a quiet machine; the limit leaves room for a busy one.
    assert time.perf_counter() - begin_s < 1.0


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run"], ["run", "x.toml", "--engine", "steam"]])
def test_usage_fault_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage" in err


def test_own_fault_asks_for_a_report_and_shows_where_only_when_asked(scenario, monkeypatch, capsys):
    def broken(*args, **options):
        raise RuntimeError("the roof fell in")

    monkeypatch.setattr("wattkeel.scenario.load", broken)
    assert main(["run", scenario]) == 3
    err = capsys.readouterr().err
    assert "please report" in err
    assert "Traceback" not in err
    monkeypatch.setenv("WATTKEEL_DEBUG", "1")
    assert main(["run", scenario]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_full_disk_is_told(scenario, monkeypatch, capsys):
    def full(self, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wattkeel.rundir.GrowingArray.append", full)
    assert main(["run", scenario, "--out", "o"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "No space left on device" in err
    assert "Traceback" not in err


COLLAPSE = SCENARIO.replace("voltage_pu = 0.9", "voltage_pu = 0.02").replace("{limit}", "100 MW")


def test_collapse_is_said_first(scenario, capsys):
    Path(scenario).write_text(COLLAPSE)
    main(["run", scenario, "--no-report"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("MIND: voltage collapse at the POI: once, at 4 s")
    assert lines[2].startswith("MIND: load not served: ")
    figures = lines.index("key figures")
    assert lines[figures + 1].split()[:2] == ["voltage", "collapse"]


def test_energy_is_in_one_unit_and_the_sources_are_all_of_it(scenario, capsys):
    main(["run", scenario, "--no-report"])
    out = capsys.readouterr().out
    table = out.split("energy\n")[-1].split("residual")[0].splitlines()[:-1]
    assert len({line.split()[2] for line in table}) == 1
    assert table[0].split()[0] == "sources"
    assert table[0].endswith("100.00%")


def test_why_a_rule_was_not_evaluated_is_printed_and_may_fail(scenario, capsys):
    ramp = '[[compliance.rule]]\nname = "long ramp"\nkind = "ramp"\nwindow = "1 h"\nlimit = "1 MW/min"\n'
    met, both = SCENARIO.replace("{limit}", "100 MW"), SCENARIO.replace("{limit}", "100 MW") + ramp
    Path(scenario).write_text(both)
    assert main(["run", scenario, "--no-report"]) == 0
    out = capsys.readouterr().out
    assert "\nnot evaluated\n  long ramp: record of 8 s is shorter" in out
    for fail_on, status in (("marginal", 0), ("not-evaluated", 1), ("never", 0)):
        assert main(["run", scenario, "--no-report", "--json", "--fail-on", fail_on]) == status
    Path(scenario).write_text(met)
    assert main(["run", scenario, "--no-report", "--json", "--fail-on", "not-evaluated"]) == 0
    bare = met[: met.index("[[compliance.rule]]")]
    Path(scenario).write_text(bare + ramp)
    capsys.readouterr()
    assert main(["run", scenario, "--no-report"]) == 0
    assert "NO RULE COULD BE EVALUATED" in capsys.readouterr().out
    Path(scenario).write_text(bare)
    assert main(["run", scenario, "--no-report", "--fail-on", "not-evaluated"]) == 1
    assert "no rule was checked" in capsys.readouterr().out


def test_open_ledger_is_status_3_and_keeps_the_run(scenario, monkeypatch, capsys):
    from wattkeel.engine import Engine

    meters = Engine.meters

    def leaking(self):
        return {
            name: value * (1.001 if name == "poi.power_w" else 1.0) for name, value in meters(self).items()
        }

    monkeypatch.setattr(Engine, "meters", leaking)
    assert main(["run", scenario, "--out", "o"]) == 3
    out, err = capsys.readouterr()
    assert "ledger does not close" in err
    assert "FAILED" in out
    assert Path("o/report.html").is_file()
    assert "does not close" in json.loads(Path("o/manifest.json").read_text())["failed"]
    assert main(["run", scenario, "--out", "o", "--json"]) == 3
    run = json.loads(capsys.readouterr().out)
    assert "does not close" in run["error"]
    assert run["verdict"] == "not_evaluated"


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["run", "site.toml", "--set", "nonsense=1"], "nonsense"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["presets", "no-such-thing"], "preset"),
        (["check", "site.toml", "--set", "nonsense=1"], "nonsense"),
    ],
)
def test_json_of_a_fault_is_one_object_and_the_text_goes_to_stderr(scenario, capsys, arguments, place):
    assert main([*arguments, "--json"]) == 2
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["faults"][0]["place"] == place
    assert told["error"] in err


def test_report_to_a_folder_or_into_none_is_told(scenario, capsys):
    assert main(["run", scenario, "--out", "o", "--no-report"]) == 0
    for target, says in ((".", "is a folder"), ("none/x.html", "there is no folder none")):
        assert main(["report", "o", "--out", target]) == 2
        assert says in capsys.readouterr().err
    Path("o/series/index.json").unlink()
    assert main(["report", "o"]) == 2
    assert "lacks series/index.json" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
@pytest.mark.parametrize(("closed", "status"), [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)])
def test_closed_streams_are_no_fault(scenario, tmp_path, closed, status):
    line = f'"{sys.executable}" -m wattkeel run site.toml --out o {closed}'
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert json.loads((tmp_path / "o" / "manifest.json").read_text())["complete"] is True
    # No file of the run took the number of the stream and its text.
    assert len(open_array(tmp_path / "o" / "series" / "full_rate.npy")) == 8000


def test_ascii_streams_take_every_text(scenario, tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    title = 'title="µ · 漢"'
    process = wattkeel("run", scenario, "--no-report", "--set", title, cwd=tmp_path, env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith("u * ?: pass")
    process = wattkeel("check", scenario, "--json", "--set", title, cwd=tmp_path, env=environment)
    assert json.loads(process.communicate(timeout=60)[0])["parameters"]["title"] == "µ · 漢"


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_second_run_into_a_directory_is_refused(scenario, tmp_path, capsys):
    process = wattkeel("run", scenario, "--out", "o", "--duration", "30 d", cwd=tmp_path)
    wait_for_series(process, tmp_path / "o")
    try:
        assert main(["run", scenario, "--out", "o"]) == 2
        assert f"another run (process {process.pid} " in capsys.readouterr().err
    finally:
        process.kill()
        process.communicate()
    assert main(["report", "o"]) == 0
    said = Path("o/report.html").read_text(encoding="utf-8")
    assert "Incomplete run." in said
    assert "names no compliance profile" not in said
    assert main(["run", scenario, "--out", "o"]) == 0


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch):
    from wattkeel.cli.common import verdict_text

    monkeypatch.setenv("TERM", "xterm")
    assert verdict_text("not_evaluated") == "not evaluated"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\033[" in verdict_text("fail")
    monkeypatch.setenv("NO_COLOR", "1")
    assert verdict_text("fail") == "fail"


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_is_readable(scenario, tmp_path, capsys, number, status):
    long = ["--set", "simulation.duration=30 d", "--set", 'record.envelope=["0.1 s"]']
    # An own session, as a shell gives it: the signal must reach the program alone.
    process = wattkeel("run", scenario, "--out", "o", "--json", *long, cwd=tmp_path, start_new_session=True)
    wait_for_series(process, tmp_path / "o")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "readable" in err
    assert "Traceback" not in err
    run = json.loads(out)
    assert (run["complete"], run["verdict"]) == (False, "not_evaluated")
    assert main(["report", "o"]) == 0
    capsys.readouterr()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_killed_run_is_readable(scenario, tmp_path):
    from wattkeel.result import open_result

    long = ["--set", "simulation.duration=30 d", "--set", 'record.envelope=["0.1 s"]']
    process = wattkeel("run", scenario, "--out", "o", "--no-report", *long, cwd=tmp_path)
    wait_for_series(process, tmp_path / "o")
    process.kill()
    process.communicate()
    result = open_result(tmp_path / "o")
    assert not result.complete
    assert len(result.envelopes[0].time_s) > 0


@pytest.mark.skipif(os.name != "posix", reason="POSIX pipes")
def test_closed_pipe_is_no_fault(scenario, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "wattkeel", "schema"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert err == ""
    assert process.returncode == 141
