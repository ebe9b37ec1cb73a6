"""Load shedding and grid support in scenarios: faults, cautions, events, summary, stages alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import lossless_site

import wattkeel as wk
from wattkeel.events import describe
from wattkeel.parameters import Converter, Grid, SheddingStage, Support
from wattkeel.scenario import Scenario

STEP = {"start": "2 s", "duration": "10 s", "frequency_offset": "-0.8 Hz"}


def scenario(**sections: Any) -> Scenario:
    """A site with a battery; ``grid`` and ``support`` are laid over, the rest taken as it is."""
    unit = {"kind": "battery", "energy": "200 MWh", "rated_power": "40 MW"}
    grid = {"frequency_model": "swing", "system_power": "2 GW"} | sections.pop("grid", {})
    helps = sections.pop("support", None)
    unit |= {"support": helps} if helps is not None else {}
    base = {"simulation": {"duration": "5 s", "tick": "10 ms"}, "storage": {"bess": unit}, "grid": grid}
    return Scenario.from_dict(lossless_site(1e8, base | sections))


def faults(**sections: Any) -> list[str]:
    with pytest.raises(wk.ScenarioError) as caught:
        scenario(**sections)
    return [str(fault) for fault in caught.value.faults]


class TestFaults:
    def test_all_of_load_shedding_at_once(self) -> None:
        rows = [
            {"threshold": "60 Hz", "share": 0.1},
            {"threshold": "59 Hz"},
            {"threshold": "61 Hz", "share": 0.1, "site_share": 0.2},
            {"threshold": "58.9 Hz", "share": 0.7, "delay": "15 ms"},
            {"threshold": "58.8 Hz", "share": 0.4},
        ]
        told = faults(grid={"load_shedding": rows})
        for place, part in (
            ("grid.load_shedding[0].threshold", "nominal frequency"),
            ("grid.load_shedding[1].share", "sheds nothing"),
            ("grid.load_shedding[2].site_share", "trips generation"),
            ("grid.load_shedding[3].delay", "whole number of ticks"),
            ("grid.load_shedding[4].share", "more than there is"),
        ):
            assert any(text.startswith(place) and part in text for text in told), place
        assert len(told) == 5

    @pytest.mark.parametrize(
        ("given", "place", "part"),
        [
            ({"response_power": 0.5}, "response_threshold", "is required by response_power"),
            ({"response_threshold": "59.5 Hz"}, "response_power", "is required by response_threshold"),
            ({"response_power": 0.5, "response_threshold": "60 Hz"}, "response_threshold", "nominal"),
            ({"frequency_gain": -1.0}, "frequency_gain", "out of range"),
            ({"droop": 0.05}, "droop", "unknown key"),
            ({"preset": "fingrid"}, "preset", "fingrid-ffr"),
        ],
    )
    def test_of_support(self, given: dict[str, Any], place: str, part: str) -> None:
        told = faults(support=given)
        assert len(told) == 1
        assert told[0].startswith(f"storage.bess.support.{place}")
        assert part in told[0]

    def test_of_stages_alone(self) -> None:
        flat: dict[str, Any] = {"frequency_hz": np.full(3, 60.0), "time_step_s": 1e-3}
        unit = Converter(rated_power_w=1e6)
        with pytest.raises(wk.ScenarioError) as caught:
            wk.stages.support(
                Support(),
                unit,
                **(flat | {"time_step_s": 0.0}),
                nominal_frequency_hz=-1.0,
                voltage_pu=[1.0, 1.0],
            )
        assert len(caught.value.faults) == 3
        with pytest.raises(wk.ScenarioError, match="response_threshold"):
            wk.stages.support(Support(response_power=1.0), unit, **flat, nominal_frequency_hz=60.0)
        for strange in (0.05, 1e300, -60.0):
            with pytest.raises(wk.ScenarioError, match=r"frequency_hz\[0\].* lies outside 30 to 90 Hz"):
                wk.stages.support(
                    Support(), unit, frequency_hz=[strange], time_step_s=1e-3, nominal_frequency_hz=60.0
                )
        with pytest.raises(wk.ScenarioError, match="is a dict, not Support"):
            wk.stages.support({}, unit, **flat, nominal_frequency_hz=60.0)  # type: ignore[arg-type]
        nothing = Grid(rated_power_w=1e9, load_shedding=(SheddingStage(threshold_hz=59.0),))
        with pytest.raises(wk.ScenarioError, match=r"load_shedding\[0\].share"):
            wk.stages.grid(nothing, power_w=np.zeros(3), time_step_s=1e-3)


class TestCautions:
    def warned(self, **helps: Any) -> list[str]:
        found = scenario(support=helps, grid={"system_power": "1 GW", "scr": 3.0}).warnings
        return [text for text in found if text.startswith("storage.bess.support: ")]

    def test_sane_settings_have_none(self) -> None:
        assert self.warned(frequency_gain=20.0, inertia="4 s", voltage_gain=5.0) == []
        assert scenario().warnings == scenario(support={}).warnings

    def test_an_unstable_loop(self) -> None:
        assert "from the frequency" in self.warned(frequency_gain=1e5)[0]
        assert "is unstable" in self.warned(frequency_gain=1e5)[0]
        assert "from the voltage" in self.warned(voltage_gain=1e4)[0]
        slow = {"storage.bess.converter.delay_s": 2.0}
        texts = scenario(support={"frequency_gain": 4000.0}).with_overrides(slow).warnings
        assert any("is unstable" in text for text in texts)

    def test_a_loop_that_rings(self) -> None:
        texts = [self.warned(frequency_gain=gain) for gain in np.geomspace(100.0, 1e5, 40)]
        assert texts[0] == []
        assert any("comes within" in text[0] for text in texts if text)


class TestEvents:
    def test_stages_and_response_are_events(self) -> None:
        rows = [
            {"threshold": "59.5 Hz", "share": 0.05, "delay": "0.1 s", "site_share": 0.25},
            {"threshold": "60.5 Hz", "share": 0.01},
        ]
        helps = {"response_power": 0.5, "response_threshold": "59.4 Hz", "response_delay": "0.3 s",
                 "response_sustain": "1 s", "response_release": "0.5 s"}  # fmt: skip
        given = {"load_shedding": rows, "event": [STEP]}
        result = wk.simulate(scenario(support=helps, grid=given), progress=False)
        shed = next(event for event in result.events if event.kind == "load_shed")
        assert (shed.place, shed.time_s, shed.limit, shed.unit) == ("grid.load_shedding[0]", 2.1, 59.5, "Hz")
        assert shed.value == pytest.approx(result.signals["poi.frequency_hz"][210])
        response = next(event for event in result.events if event.kind == "fast_response")
        assert response.place == "storage.bess"
        assert response.duration_s == pytest.approx(1.5)
        assert "fast frequency response" in describe(response)
        assert not any(event.kind == "generation_trip" for event in result.events)
        assert abs(result.ledger.residual_relative) <= 1e-12
        lines = {entry.name: entry.energy_j for entry in result.ledger.entries}
        assert lines["site.shed"] < 0.0

    def test_summary_tells_nadir_and_rate(self) -> None:
        for record in ({}, {"full_rate": ["poi.power_w"], "envelope": ["10 ms"]}):
            given = {"event": [STEP | {"duration": "0.5 s"}]}
            result = wk.simulate(scenario(grid=given, record=record), progress=False)
            summary = result.summary
            assert 2.0 < summary["frequency_nadir_s"] <= 2.5
            assert summary["rocof_window_min_hz_per_s"] == pytest.approx(-1.6, abs=0.2)
            assert summary["rocof_window_max_hz_per_s"] == pytest.approx(1.6, abs=0.2)
            assert summary["frequency_min_hz"] < 59.3
            assert "frequency_peak_s" in summary


def test_two_areas_swing_apart() -> None:
    """The site is in area 1: the other follows over the tie, and both end at one frequency."""
    grid = Grid(frequency_model="two_area", rated_power_w=1e9, scr=1000.0)
    power_w = np.full(60_000, 1e8)
    power_w[1:] = 1.1e9
    run = wk.stages.grid(grid, power_w=power_w, time_step_s=1e-3)
    assert run.frequency_hz[100] < run.remote_frequency_hz[100] < 60.0
    assert run.frequency_hz[-1] == pytest.approx(run.remote_frequency_hz[-1], abs=1e-4)


def test_a_phase_jump_of_the_grid_reaches_the_measurement() -> None:
    """As an impulse: droop answers the apparent frequency in the tick of the jump, though there is none."""
    event = {"start": "2 s", "duration": "1 s", "phase_jump_deg": 20.0}
    given = {"frequency_model": "fixed", "event": [event]}
    helps = {"frequency_gain": 50.0, "frequency_time_constant": "50 ms"}
    result = wk.simulate(scenario(support=helps, grid=given, record={"full_rate": ["*"]}), progress=False)
    power_w = result.signals["storage.bess.support_power_w"]
    assert (power_w[:200] == 0.0).all()
    hold = (1.0 - np.exp(-0.2)) / 0.2  # mean over the first tick
    peak_pu = hold * np.radians(20.0) / (2.0 * np.pi * 60.0 * 0.05)
    assert power_w[200] == pytest.approx(-50.0 * 40e6 * peak_pu, rel=1e-12)
    assert power_w[300] > 0.0  # it goes back
    assert (result.signals["poi.frequency_hz"] == 60.0).all()


def test_a_unit_that_forms_the_grid_has_its_own_droop() -> None:
    unit = {"kind": "battery", "energy": "200 MWh", "rated_power": "40 MW", "support": {}, "forming": {}}
    told = faults(storage={"bess": unit}, grid={"island": {}})
    assert [text for text in told if text.startswith("storage.bess.support") and "forms the grid" in text]


def test_with_one_area_the_other_frequency_is_that_at_the_poi(tmp_path: Path) -> None:
    """Whatever moves it: the model, events and a record that is played back."""
    path = tmp_path / "grid.csv"
    path.write_text("time_s,voltage_pu,frequency_hz\n0,1,60\n1,0.98,59.6\n3,1,60.1\n")
    played = {"file": str(path), "kind": "rms", "start": "1 s"}
    given = {"playback": played, "event": [STEP], "system_power": "500 MW"}
    result = wk.simulate(scenario(support={}, grid=given, record={"full_rate": ["*"]}), progress=False)
    frequency_hz = result.signals["poi.frequency_hz"]
    assert np.ptp(frequency_hz) > 0.8
    assert (result.signals["grid.remote_frequency_hz"] == frequency_hz).all()
