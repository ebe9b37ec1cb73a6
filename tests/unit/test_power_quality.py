"""Cycles, aggregates, events and rapid changes of a voltage, and the power quality of runs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattkeel as wk
from wattkeel.cli import main
from wattkeel.power_quality import (
    Thresholds,
    aggregate,
    assess,
    cycles,
    deviations,
    flicker,
    rapid_changes,
    voltage_events,
)

TICK_S = 1e-3
GOOD = "t_s,u_v\n0,1\n0.001,1\n0.002,1\n"
LAMP = ["--lamp", "230v_50hz"]


def course(*parts: tuple[float, float]) -> np.ndarray:
    """RMS values at 1 ms: levels, each held for so many seconds."""
    return np.concatenate([np.full(round(seconds / TICK_S), level) for level, seconds in parts])


def wave(rms: np.ndarray, tick_s: float, frequency_hz: float) -> np.ndarray:
    time_s = (np.arange(len(rms)) + 0.5) * tick_s
    return math.sqrt(2.0) * rms * np.sin(2.0 * math.pi * frequency_hz * time_s + 0.3)


class TestCycles:
    def test_rms_values_of_a_course(self) -> None:
        found = cycles(course((1.0, 0.05), (0.5, 0.05)), TICK_S, "rms", 50.0)
        np.testing.assert_allclose(found.cut_s, 0.01 * np.arange(11))
        np.testing.assert_allclose(found.time_s, found.cut_s[2:])
        mixed = math.sqrt(0.5 * (1.0 + 0.25))
        np.testing.assert_allclose(found.rms, [1.0] * 4 + [mixed] + [0.5] * 4, rtol=1e-13)

    def test_half_cycles_that_are_no_whole_ticks(self) -> None:
        """60 Hz at 1 ms: 8 1/3 ticks."""
        rng = np.random.default_rng(2)
        values = 1.0 + 0.1 * rng.random(1000)
        found = cycles(values, TICK_S, "rms", 60.0)
        fine = np.repeat(values, 3)  # of a third of a tick: 25 to a half cycle
        for i in (0, 1, 57, len(found.rms) - 1):
            inside = fine[25 * i : 25 * i + 50]
            assert found.rms[i] == pytest.approx(math.sqrt(np.mean(inside**2)), rel=1e-12)
        assert len(found.rms) == 119

    @pytest.mark.parametrize("frequency_hz", [47.5, 50.0, 50.37, 52.0])
    def test_waveform_is_cut_where_it_crosses_zero(self, frequency_hz: float) -> None:
        tick_s = 1.0 / 12800.0
        voltage = wave(np.full(25600, 230.0), tick_s, frequency_hz)
        voltage += 20.0 * np.sin(2.0 * math.pi * 3.0 * frequency_hz * (np.arange(25600) + 0.5) * tick_s)
        found = cycles(voltage, tick_s, "waveform", 50.0)
        wanted = math.hypot(230.0, 20.0 / math.sqrt(2.0))
        inner = found.rms[4:-4]
        np.testing.assert_allclose(inner, wanted, rtol=1e-4)
        np.testing.assert_allclose(np.diff(found.cut_s)[4:-4], 0.5 / frequency_hz, rtol=1e-3)

    def test_waveform_and_its_rms_values_agree(self) -> None:
        level = np.repeat(course((1.0, 3.0), (0.93, 3.0), (1.04, 3.0)), 10)
        found = cycles(wave(level, 1e-4, 50.0), 1e-4, "waveform", 50.0)
        for at_s, wanted in ((1.5, 1.0), (4.5, 0.93), (7.5, 1.04)):
            near = np.abs(found.time_s - at_s) < 1.0
            np.testing.assert_allclose(found.rms[near], wanted, rtol=2e-4)

    def test_interruption_of_a_waveform_has_cycles_too(self) -> None:
        level = np.repeat(course((1.0, 1.0), (0.0, 0.5), (1.0, 1.0)), 10)
        found = cycles(wave(level, 1e-4, 50.0), 1e-4, "waveform", 50.0)
        assert (np.diff(found.cut_s) > 0.0).all()
        assert len(found.rms) == pytest.approx(248, abs=2)
        assert found.rms.min() < 1e-12
        events = voltage_events(found, 1.0)
        assert [event.kind for event in events] == ["dip", "interruption"]
        assert events[0].duration_s == pytest.approx(0.51, abs=0.021)
        assert events[1].duration_s == pytest.approx(0.49, abs=0.03)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ((np.ones(100), 1e-3, "rms", 55.0), "no nominal frequency of a system; give 50 or 60 Hz"),
            ((np.ones(100), 1e-2, "rms", 50.0), "100 samples/s are too few: RMS values need at least 200"),
            ((np.ones(100), 2e-3, "waveform", 50.0), "a waveform needs at least 1000"),
            ((np.ones(30), 1e-3, "rms", 50.0), "shorter than two cycles"),
            ((np.zeros(100), 1e-3, "rms", 50.0), "zero throughout"),
            ((np.ones(100), 1e-3, "peak", 49.0), "2 faults"),
        ],
    )  # fmt: skip
    def test_what_has_no_cycles_is_refused(self, arguments: Any, text: str) -> None:
        with pytest.raises(wk.ScenarioError, match=text):
            cycles(*arguments)


class TestAggregates:
    @pytest.mark.parametrize(("nominal_hz", "count"), [(50.0, 10), (60.0, 12)])
    def test_intervals_are_roots_of_mean_squares(self, nominal_hz: float, count: int) -> None:
        rng = np.random.default_rng(4)
        values = 1.0 + 0.05 * rng.normal(size=round(3.7 / TICK_S))
        found = aggregate(cycles(values, TICK_S, "rms", nominal_hz))
        assert count / nominal_hz == 0.2
        assert len(found.basic) == 18
        np.testing.assert_allclose(found.basic_s, 0.2 * np.arange(18), rtol=1e-12)
        wanted = np.sqrt(np.mean(values[:3600].reshape(18, 200) ** 2, axis=1))
        np.testing.assert_allclose(found.basic, wanted, rtol=1e-12)
        np.testing.assert_allclose(found.short, [math.sqrt(np.mean(wanted[:15] ** 2))])
        assert len(found.ten_minutes) == len(found.two_hours) == 0

    def test_ten_minutes_and_two_hours(self) -> None:
        tick_s = 5e-3
        level = np.repeat(1.0 + 0.01 * np.arange(12), round(600.0 / tick_s))
        found = aggregate(cycles(level, tick_s, "rms", 50.0))
        np.testing.assert_allclose(found.ten_minutes, 1.0 + 0.01 * np.arange(12), rtol=1e-9)
        np.testing.assert_allclose(found.two_hours, [math.sqrt(np.mean(found.ten_minutes**2))])

    def test_ten_minutes_of_a_waveform_beside_its_nominal_frequency(self) -> None:
        level = np.full(round(601.0 / 1e-3), 1.0)
        found = aggregate(cycles(wave(level, 1e-3, 49.9), 1e-3, "waveform", 50.0))
        assert found.ten_minutes == pytest.approx([1.0], rel=1e-3)

    def test_deviations_by_hand(self) -> None:
        """Of 0.9 and 1.2, the underdeviation sees 0.9 and 1, the overdeviation 1 and 1.2."""
        under, over = deviations([207.0, 276.0], 230.0)
        assert under == pytest.approx(1.0 - math.sqrt((0.81 + 1.0) / 2.0))
        assert over == pytest.approx(math.sqrt((1.0 + 1.44) / 2.0) - 1.0)
        assert deviations([1.0, 1.0], 1.0) == (0.0, 0.0)
        with pytest.raises(wk.ScenarioError, match="declared"):
            deviations([1.0], 0.0)


class TestEvents:
    def events(self, *parts: tuple[float, float], **thresholds: float) -> list[tuple[Any, ...]]:
        found = voltage_events(cycles(course(*parts), TICK_S, "rms", 50.0), 1.0, Thresholds(**thresholds))
        return [
            (e.kind, *(round(x, 9) for x in (e.start_s, e.duration_s, e.extreme)), e.complete) for e in found
        ]

    def test_dip(self) -> None:
        """It begins with the first cycle that is partly in it: 0.79 over the edge."""
        assert self.events((1.0, 1.0), (0.5, 0.2), (1.0, 1.0)) == [("dip", 0.99, 0.21, 0.5, True)]

    def test_swell(self) -> None:
        assert self.events((1.0, 1.0), (1.3, 0.1), (1.0, 1.0)) == [("swell", 0.99, 0.11, 1.3, True)]

    def test_interruption_is_a_dip_as_well(self) -> None:
        found = self.events((1.0, 1.0), (0.0, 0.1), (1.0, 1.0))
        assert found == [("dip", 0.99, 0.11, 0.0, True), ("interruption", 1.0, 0.09, 0.0, True)]

    def test_hysteresis(self) -> None:
        parts = (1.0, 1.0), (0.89, 0.1), (0.91, 0.1), (0.89, 0.1), (1.0, 1.0)
        assert len(self.events(*parts)) == 1
        assert len(self.events(*parts, hysteresis=0.005)) == 2

    def test_under_way_at_the_end(self) -> None:
        assert self.events((1.0, 1.0), (0.7, 0.5)) == [("dip", 0.99, 0.51, 0.7, False)]

    def test_none(self) -> None:
        assert self.events((1.0, 1.0), (0.91, 0.5), (1.09, 0.5)) == []

    @pytest.mark.parametrize(
        ("thresholds", "text"),
        [
            ({"dip": 1.2}, "dip = 1.2: out of range"),
            ({"swell": math.nan}, "swell = nan"),
            ({"change": 0.01}, "change_hysteresis = 0.015: not below the threshold of 0.01"),
            ({"interruption": 0.0, "hysteresis": -1.0}, "2 faults"),
        ],
    )
    def test_thresholds_are_checked(self, thresholds: dict[str, float], text: str) -> None:
        with pytest.raises(wk.ScenarioError, match=text):
            self.events((1.0, 1.0), **thresholds)


class TestRapidChanges:
    # A cycle that is half in the step lies within the threshold, 0.03, and is one of the hundred of a mean.
    HALF = 0.0003

    def changes(self, *parts: tuple[float, float], **thresholds: float) -> tuple[Any, ...]:
        found = cycles(230.0 * course(*parts), TICK_S, "rms", 50.0)
        return rapid_changes(found, 230.0, Thresholds(**thresholds))

    def test_step(self) -> None:
        (step,) = self.changes((1.0, 5.0), (0.95, 5.0))
        assert step.start_s == pytest.approx(5.0)
        assert step.duration_s == pytest.approx(0.01)
        assert step.delta_ss == pytest.approx(-0.05, abs=self.HALF)
        assert step.delta_max == pytest.approx(0.05, abs=self.HALF)
        assert step.before == pytest.approx(1.0, abs=self.HALF)
        assert step.complete

    def test_course_between_two_levels(self) -> None:
        """0.06 down for half a second, then 0.02 below the first level."""
        (change,) = self.changes((1.0, 5.0), (0.94, 0.5), (0.98, 5.0))
        assert change.delta_max == pytest.approx(0.06, abs=self.HALF)
        assert change.delta_ss == pytest.approx(-0.02, abs=2.0 * self.HALF)
        assert change.start_s == pytest.approx(5.0, abs=0.011)
        assert change.duration_s == pytest.approx(0.5, abs=0.031)

    def test_small_slow_or_deep_ones_are_none(self) -> None:
        assert self.changes((1.0, 5.0), (0.975, 5.0)) == ()
        slow = [(1.0 - 0.0005 * i, 0.1) for i in range(100)]  # 0.5 % a second
        assert self.changes((1.0, 5.0), *slow) == ()
        assert self.changes((1.0, 5.0), (0.85, 0.5), (1.0, 5.0)) == ()
        assert self.changes((1.0, 5.0), (1.15, 0.5), (1.0, 5.0)) == ()
        assert len(self.changes((1.0, 5.0), (0.975, 5.0), change=0.02, change_hysteresis=0.01)) == 1

    def test_two_steps_are_two_changes(self) -> None:
        found = self.changes((1.0, 5.0), (0.95, 5.0), (1.0, 5.0))
        assert [change.delta_ss for change in found] == pytest.approx([-0.05, 0.05], abs=2.0 * self.HALF)
        assert len(self.changes((1.0, 5.0), (0.95, 0.5), (1.0, 5.0))) == 1  # not steady in between

    def test_under_way_at_the_end(self) -> None:
        (change,) = self.changes((1.0, 5.0), (0.95, 0.5))
        assert not change.complete
        assert math.isnan(change.delta_ss)
        assert change.delta_max == pytest.approx(0.05, abs=self.HALF)

    def test_too_short_or_never_steady(self) -> None:
        assert self.changes((1.0, 0.9)) == ()
        assert self.changes(*[(1.0 + 0.05 * (-1) ** i, 0.1) for i in range(50)]) == ()


SITE = {
    "title": "two racks",
    "simulation": {"duration": "12 s"},
    "workload": {"job": {"period": "0.5 s", "edge": "1 ms"}},
    "gpu": {"h100": {"rated_power": "700 W"}},
    "rack": {"hall": {"count": 2, "gpu": "h100", "workload": "job"}},
    "grid": {"scr": 5.0, "nominal_frequency": "50 Hz", "frequency_model": "fixed"},
}


def run(**options: Any) -> wk.Result:
    return wk.simulate(wk.Scenario.from_dict(SITE, overrides=[f"{k}={v}" for k, v in options.items()]))


class TestRuns:
    def test_run_that_is_too_short_says_so(self) -> None:
        result = run()
        found = wk.power_quality.of_run(result)
        assert found.flicker.settings.lamp == "230v_50hz"
        assert found.flicker.kind == "rms"
        assert len(found.flicker.pst) == 0
        assert "too short for a Pst: 600 s + 60 s of settling needed, 12 s given" in found.notes
        assert len(found.aggregates.basic) == 60
        assert found.declared == 1.0

    def test_flicker_of_a_run_is_that_of_its_voltage(self) -> None:
        result = run()
        found = wk.power_quality.of_run(result, settle_s=4.0, interval_s=4.0)
        voltage = np.ascontiguousarray(result.signals["poi.voltage_pu"])
        direct = flicker(voltage, 1e-3, "rms", settle_s=4.0, interval_s=4.0)
        assert found.flicker.pst.tobytes() == direct.pst.tobytes()
        assert len(direct.pst) == 2
        assert direct.pst[0] > 0.1

    def test_a_grid_of_twice_the_strength_has_half_the_flicker(self) -> None:
        options = {"simulation.duration": "8 s", "grid.rated_power": "2 MW"}
        weak, strong = (
            wk.power_quality.of_run(run(**options, **{"grid.scr": scr}), settle_s=4.0, interval_s=4.0)
            for scr in (10, 20)
        )
        assert weak.flicker.pst[0] / strong.flicker.pst[0] == pytest.approx(2.0, rel=0.05)

    def test_dip_of_the_grid_is_found_and_flags_the_interval(self) -> None:
        event = '[{start="6 s", duration="0.2 s", voltage_pu=0.7}]'
        found = wk.power_quality.of_run(run(**{"grid.event": event}), settle_s=4.0, interval_s=4.0)
        assert [e.kind for e in found.events] == ["dip"]
        assert found.events[0].start_s == pytest.approx(6.0, abs=0.011)
        assert found.events[0].duration_s == pytest.approx(0.2, abs=0.02)
        assert found.flagged == (True, False)

    def test_what_a_run_cannot_tell_is_refused(self) -> None:
        with pytest.raises(wk.ScenarioError, match=r"add poi\.voltage_pu to record\.full_rate"):
            wk.power_quality.of_run(run(**{"record.full_rate": '["poi.power_w"]'}))
        with pytest.raises(wk.ScenarioError, match="200 samples/s are too few"):
            wk.power_quality.of_run(run(**{"simulation.tick": "5 ms"}))
        odd = run(**{"grid.nominal_frequency": "55 Hz"})
        with pytest.raises(wk.ScenarioError, match="no flickermeter is defined for it; name a lamp"):
            wk.power_quality.of_run(odd)
        assert wk.power_quality.of_run(odd, lamp="120v_60hz").flicker.settings.lamp == "120v_60hz"
        with pytest.raises(wk.ScenarioError, match="str is no result of a run"):
            wk.power_quality.of_run("runs/site")  # type: ignore[arg-type]

    def test_events_need_a_declared_voltage(self) -> None:
        found = assess(course((230.0, 3.0), (100.0, 1.0)), TICK_S, "rms")
        assert (found.events, found.changes) == ((), ())
        assert math.isnan(found.under)
        assert found.notes[-1] == (
            "no declared voltage given: events, rapid changes and deviations are not judged"
        )
        assert len(assess(course((230.0, 3.0), (100.0, 1.0)), TICK_S, "rms", declared=230.0).events) == 1


class TestCommandLine:
    @pytest.fixture
    def table(self, tmp_path: Path) -> Path:
        """230 V at 1 kHz with a dip and steps of 4 per cent every 5 s."""
        voltage = 230.0 * course(*[(level, 5.0) for level in (1.0, 0.96) * 4])
        voltage[12000:12100] *= 0.6
        path = tmp_path / "meter.csv"
        lines = [f"{i},1.0,{v:.6f}" for i, v in enumerate(voltage)]
        path.write_text("t_ms,current [A],u_rms [V]\n" + "\n".join(lines) + "\n")
        return path

    def test_file(self, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
        options = ["--lamp", "230v_50hz", "--declared", "230", "--settle", "5", "--interval", "10"]
        assert main(["flicker", str(table), *options]) == 0
        out = capsys.readouterr().out
        assert "u_rms [V], rms, 40 s, lamp 230v_50hz" in out
        assert out.count("Pst ") == 3
        assert "dips, swells and interruptions: 1" in out
        assert "rapid changes: 7" in out
        assert main(["flicker", str(table), *options, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["unit"] == "V"
        assert found["tick_s"] == pytest.approx(1e-3)
        assert [interval["flagged"] for interval in found["intervals"]] == [True, False, False]
        assert found["events"][0]["extreme"] == pytest.approx(0.6, abs=1e-3)
        assert len(found["rapid_changes"]) == 7
        direct = flicker(
            np.loadtxt(table, delimiter=",", skiprows=1, usecols=2),
            1e-3,
            "rms",
            settle_s=5.0,
            interval_s=10.0,
        )
        assert [interval["pst"] for interval in found["intervals"]] == list(direct.pst)

    def test_waveform_is_told_by_its_sign(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "wave.csv"
        values = wave(np.full(9000, 0.4), 1.0 / 3000.0, 60.0)
        path.write_text("u [kV]\n" + "\n".join(f"{v:.9g}" for v in values) + "\n")
        assert main(["flicker", str(path), "--lamp", "120v_60hz", "--rate", "3000", "--json"]) == 2
        assert "no comma, semicolon or tab" in capsys.readouterr().err
        path.write_text("n,u [kV]\n" + "\n".join(f"{i},{v:.9g}" for i, v in enumerate(values)) + "\n")
        assert main(["flicker", str(path), "--lamp", "120v_60hz", "--rate", "3000", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["kind"], found["unit"], found["length_s"]) == ("waveform", "V", pytest.approx(3.0))
        assert found["intervals"] == []

    def test_parquet(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        voltage = course((1.0, 2.0), (0.95, 2.0))
        stamps = pyarrow.array(1_000_000 * np.arange(len(voltage)), pyarrow.timestamp("ns"))
        path = tmp_path / "meter.parquet"
        parquet.write_table(pyarrow.table({"measured": stamps, "voltage_pu": voltage}), path)
        assert main(["flicker", str(path), *LAMP, "--settle", "1", "--interval", "1", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["unit"], found["declared"], len(found["intervals"])) == ("pu", 1.0, 3)
        assert len(found["rapid_changes"]) == 1

    def test_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        wk.simulate(wk.Scenario.from_dict(SITE), out_dir=tmp_path / "run")
        assert main(["flicker", str(tmp_path / "run")]) == 0
        out = capsys.readouterr().out
        assert "poi.voltage_pu, rms, 12 s, lamp 230v_50hz" in out
        assert "note: too short for a Pst: 600 s + 60 s of settling needed, 12 s given" in out
        assert main(["flicker", str(tmp_path / "run"), "--column", "u", "--rate", "5"]) == 2
        assert "2 faults" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("content", "options", "text"),
        [
            (GOOD, [], "a file does not tell lamp and frequency"),
            (GOOD, [*LAMP, "--rate", "-1"], "give a rate above 0"),
            (GOOD, [*LAMP, "--declared", "0"], "declared = 0.0"),
            (GOOD, [*LAMP, "--column", "x"], "no column 'x'"),
            (GOOD, ["--lamp", "led"], "unknown lamp"),
            ("t_s,u_v\n0,1\n0.001,1\n0.005,1\n", LAMP, "not evenly spaced"),
            ("t_s,u_v\n0,1\n0.001,nan\n0.002,1\n", LAMP, "empty or NaN"),
            ("t_s,u_v,v_v\n0,1,1\n0.001,1,1\n0.002,1,1\n", LAMP, "several columns are voltages"),
            ("t_s,p_w\n0,1\n0.001,1\n0.002,1\n", LAMP, "no column is a voltage"),
            ("n,u_v\n0,1\n1,1\n2,1\n", LAMP, "no column of time"),
        ],
    )  # fmt: skip
    def test_faults(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, options: list[str], text: str
    ) -> None:
        path = tmp_path / "meter.csv"
        path.write_text(content)
        assert main(["flicker", str(path), *options]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert text in err
        assert "Traceback" not in err

    def test_no_such_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["flicker", "none.csv", "--lamp", "230v_50hz"]) == 2
        assert "there is no such file" in capsys.readouterr().err
