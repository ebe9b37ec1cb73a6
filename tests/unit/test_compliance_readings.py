"""How rules are read: where filters start, window functions, the sense and the window of a change."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from compliance_records import TICK_S, seconds, write

from wattkeel import measures
from wattkeel.compliance import Finding, evaluate_series
from wattkeel.report.sections import half_width_s


class TestSettlingOfFilters:
    RULE: ClassVar[dict[str, Any]] = {
        "name": "f", "kind": "power_variation", "window_s": 5.0, "limit_w": 10e6,
        "band_low_hz": 0.1, "band_high_hz": 20.0,
    }  # fmt: skip

    def judge(self, power_w: np.ndarray, tick_s: float = TICK_S, **changes: Any) -> Finding:
        settle_s = changes.pop("settle_s", 0.0)
        (found,) = evaluate_series(power_w, tick_s, [], rules=[{**self.RULE, **changes}], settle_s=settle_s)
        return found

    def test_what_happened_before_the_judged_part_reaches_no_verdict(self) -> None:
        power_w = np.where(seconds(180.0) < 29.0, 50e6, 100e6)
        found = self.judge(power_w, settle_s=30.0)
        assert (found.verdict, found.value) == ("pass", 0.0)
        assert "judged from 60 s on" in found.method
        band = {"kind": "band_power", "band_low_hz": 0.1, "band_high_hz": 5.0}
        assert self.judge(power_w, settle_s=30.0, **band).value == 0.0

    def test_a_low_edge_settles_longer(self) -> None:
        power_w = np.where(seconds(600.0, 0.01) < 1.0, 50e6, 100e6)
        found = self.judge(power_w, 0.01, band_low_hz=0.01)
        assert found.verdict == "pass"
        assert found.value is not None
        assert found.value < 50.0 * 1.5e-3
        assert "settle for 287.5 s" in found.method

    @pytest.mark.parametrize(("low_hz", "high_hz"), [(0.1, 0.11), (0.01, 20.0), (0.1, 40.0)])
    def test_the_start_is_forgotten_to_a_thousandth(self, low_hz: float, high_hz: float) -> None:
        for order in (1, 2, 4):
            settle_s = measures.settling_time(order, low_hz, high_hz, 0.01)
            step = np.ones(round(2.0 * settle_s / 0.01))
            step[0] = 0.0
            passed = np.abs(measures.band_pass(step, 0.01, low_hz, high_hz, order=order))
            assert passed[round(settle_s / 0.01) :].max() < 2e-3 * max(1.0, passed.max())

    def test_a_record_too_short_to_settle_is_not_evaluated(self) -> None:
        found = self.judge(np.full(20_000, 1e8), 0.01, band_low_hz=0.01)
        assert found.verdict == "not_evaluated"
        assert "filters settle for 287.5 s" in found.note
        # settling of the site and of the filter follow one another
        assert self.judge(np.full(69_000, 1e8), settle_s=30.0).verdict == "not_evaluated"
        assert self.judge(np.full(71_000, 1e8), settle_s=30.0).verdict == "pass"

    def test_the_worst_moment_is_a_time_of_the_run(self) -> None:
        power_w = np.where(seconds(120.0) >= 90.0, 60e6, 50e6)
        found = self.judge(power_w, settle_s=20.0)
        assert found.time_s == pytest.approx(90.0, abs=5.0)
        assert found.window_s == 5.0


class TestWindowFunction:
    BAND: ClassVar[dict[str, Any]] = {
        "name": "b",
        "kind": "band_power",
        "band_low_hz": 0.1,
        "band_high_hz": 20.0,
    }

    def judge(self, power_w: np.ndarray, limit_w: float, share: float) -> list[Finding]:
        rules = [{**self.BAND, "limit_w": limit_w, "limit_fraction": share}]
        return evaluate_series(power_w, 0.01, [], rules=rules)

    def test_a_slow_ramp_does_not_fail_by_leakage(self) -> None:
        power_w = 100e6 + 8e6 / 60.0 * seconds(600.0, 0.01)
        line, share = self.judge(power_w, 0.4e6, 0.01)
        assert (line.verdict, share.verdict) == ("marginal", "marginal")
        assert line.value == pytest.approx(0.4244, rel=1e-3)
        assert share.value == pytest.approx(0.01017, rel=1e-3)
        for found in (line, share):
            assert "no window function" in found.note
            assert re.search(r"Hann window, trend removed\S* (\S+ Hz: )?\S+e-\d\d( MW)? \(pass\)", found.note)

    def test_a_ripple_on_a_ramp_is_no_large_share(self) -> None:
        time_s = seconds(600.0, 0.01)
        power_w = 100e6 + 8e6 / 60.0 * time_s + 1e5 * np.sin(2 * np.pi * 1.37 * time_s)
        _, share = self.judge(power_w, 1e6, 0.2)
        assert share.verdict == "pass"

    def test_an_oscillation_fails_by_both(self) -> None:
        time_s = seconds(600.0, 0.01)
        power_w = 100e6 + 3e6 * np.sin(2 * np.pi * 1.3704 * time_s)
        line, share = self.judge(power_w, 2.9e6, 0.99)
        assert (line.verdict, share.verdict) == ("fail", "fail")
        assert line.note.count("1.37 Hz: 2.999") == 2
        assert share.note.count("(fail)") == 2
        assert share.value == 1.0

    def test_measures_keep_their_scale(self) -> None:
        time_s = seconds(200.0, 0.01)
        power_w = 5e7 + 1e5 * time_s + 2e6 * np.sin(2 * np.pi * 1.5 * time_s + 0.3)
        tapered = measures.tapered(power_w)
        assert abs(tapered.mean()) < 1e-7
        assert measures.peak_line(tapered, 0.01, 1.0, 2.0).amplitude_w == pytest.approx(2e6, rel=1e-5)
        rms_w = measures.tapered_band_rms(power_w, 0.01, 1.0, 2.0)
        assert rms_w == pytest.approx(2e6 / np.sqrt(2.0), rel=1e-5)
        assert measures.tapered_band_share(np.full(500, 3e8 + 0.1), 0.01, 0.1, 20.0) == 0.0

    def test_a_band_from_zero_holds_the_trend(self) -> None:
        rule = {**self.BAND, "band_low_hz": 0.0, "limit_w": 1e6, "limit_fraction": 0.5}
        findings = evaluate_series(100e6 + 1e5 * seconds(600.0, 0.01), 0.01, [], rules=[rule])
        assert [f.verdict for f in findings] == ["fail", "fail"]


class TestSense:
    RAMP: ClassVar[dict[str, Any]] = {"name": "r", "kind": "ramp", "window_s": 10.0, "limit_w_per_s": 1e9}
    RANGE = '[[ramp]]\ndirection="both"\nstat="max_change_in_window"\nlimit_mw=1\nwindow_s=10.0\nseen=true'

    @pytest.mark.parametrize("mirrored", [False, True])
    def test_up_and_half_way_down_is_a_rise(self, tmp_path: Path, mirrored: bool) -> None:
        power_w = np.interp(seconds(10.01, 0.01), [0.0, 8.0, 10.0], [0.0, 100e6, 50e6])
        power_w = 100e6 - power_w if mirrored else power_w
        profile = write(tmp_path, self.RANGE)
        for found in evaluate_series(power_w, 0.01, [profile], rules=[self.RAMP]):
            assert found.note.count("the largest change is a " + ("fall" if mirrored else "rise")) == 1
            assert found.window_s == 10.0


class TestWindowOfTheFinding:
    RANGE: ClassVar[dict[str, Any]] = {"name": "range", "kind": "dynamic_range", "limit_w": 60e6}

    def test_it_comes_with_every_moment(self) -> None:
        power_w = 50e6 + np.where(seconds(120.0, 0.005) < 70.0, 0.0, 40e6)
        names = ["ercot_power_variation_2026", "ieso_trlcl_v3", "spp_hill"]
        for found in evaluate_series(power_w, 0.005, names, rules=[self.RANGE]):
            assert (found.window_s is None) == (found.time_s is None)

    def test_the_report_shows_all_of_it(self) -> None:
        long = Finding(profile="p", rule="r", verdict="fail", time_s=700.0, duration_s=90.0, window_s=600.0)
        assert half_width_s(long) >= 600.0
        assert half_width_s(replace(long, window_s=None)) == 15.0
        assert half_width_s(replace(long, window_s=None, duration_s=0.0)) == 3.0


class TestWindowsBetweenSamples:
    """Samples every 2 s have no window of 15 s or 5 s: both neighbours are read (IESO, ERCOT)."""

    def judge(self, mw_per_min: float, tick_s: float, profile: str, words: str) -> Finding:
        time_s = np.arange(0.0, 600.0, tick_s)
        power_w = (50.0 + mw_per_min / 60.0 * time_s) * 1e6
        found = evaluate_series(power_w, tick_s, [profile], rated_power_w=500e6)
        return next(finding for finding in found if words in finding.rule)

    @pytest.mark.parametrize(
        ("mw_per_min", "verdict"),
        [(18.0, "pass"), (18.75, "pass"), (19.0, "marginal"), (21.0, "marginal"), (21.43, "fail"),
         (24.0, "fail")],
    )  # fmt: skip
    def test_a_change_in_15_s(self, mw_per_min: float, verdict: str) -> None:
        """5 MW in 16 s are 18.75 MW/min, in 14 s 21.43 MW/min; 20 MW/min is the limit itself."""
        found = self.judge(mw_per_min, 2.0, "ieso_trlcl_v3", "15 s")
        assert found.verdict == verdict
        values = {row["label"]: row["value"] for row in found.readings}
        assert values == {
            "samples 14 s apart": pytest.approx(mw_per_min * 14.0 / 60.0),
            "samples 16 s apart": pytest.approx(mw_per_min * 16.0 / 60.0),
        }
        assert "sampling 2 s has no window of 15 s: read over 14 s and over 16 s" in found.note

    def test_a_rate_is_that_over_its_own_time(self) -> None:
        found = self.judge(20.0, 7.0, "ieso_trlcl_v3", "per_minute")
        assert [row["value"] for row in found.readings] == [pytest.approx(20.0)] * 2
        assert (found.verdict, "read over 56 s and over 63 s" in found.note) == ("pass", True)

    def test_peak_to_peak_in_5_s(self) -> None:
        found = self.judge(110.0, 2.0, "ercot_power_variation_2026", "unfiltered")
        assert (found.verdict, found.value, found.window_s) == ("marginal", pytest.approx(11.0), 6.0)

    def test_whole_windows_are_read_once(self) -> None:
        for tick_s in (1.0 / 60.0, 0.02, 1.0 / 3.0, 1.0):
            found = self.judge(20.0, tick_s, "ieso_trlcl_v3", "15 s")
            assert (found.verdict, len(found.readings), "has no window" in found.note) == ("pass", 1, False)
