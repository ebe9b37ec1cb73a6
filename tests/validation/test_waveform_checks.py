"""Measures and verdicts against published or closed-form numbers; the cases are data beside this file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattkeel as wk
from wattkeel import measures
from wattkeel.compliance import Finding, evaluate_series
from wattkeel.parameters import Gpu

CASES = Path(__file__).parent / "cases"


def case(name: str) -> dict[str, Any]:
    return tomllib.loads((CASES / f"{name}.toml").read_text(encoding="utf-8"))


def two_level(
    low_w: float, high_w: float, period_s: float, duty: float, ticks: int, tick_s: float
) -> np.ndarray:
    period = round(period_s / tick_s)
    return np.where(np.arange(ticks) % period < round(duty * period), high_w, low_w)


def finding_of(findings: list[Finding], row: dict[str, Any]) -> Finding:
    found = [f for f in findings if f.profile == row["profile"] and row["rule"] in f.rule.split()]
    assert len(found) == 1
    return found[0]


class TestFlatteningEnergy:
    DATA = case("ph_06_flattening_energy")

    @pytest.mark.parametrize("row", DATA["wave"])
    def test_closed_form_and_series(self, row: dict[str, float]) -> None:
        swing_w, duty, period_s = row["swing_w"], row["duty"], row["period_s"]
        slack = self.DATA["rel_tol"]
        closed_j = measures.flattening_energy_two_level(swing_w, duty, period_s)
        assert closed_j == pytest.approx(row["energy_j"], rel=slack)
        power_w = two_level(100.0, 100.0 + swing_w, period_s, duty, 10 * round(period_s / 1e-3), 1e-3)
        assert measures.flattening_energy(power_w, 1e-3) == pytest.approx(row["energy_j"], rel=slack)

    @pytest.mark.parametrize("row", DATA["store"])
    def test_longest_period_of_a_store(self, row: dict[str, float]) -> None:
        found_s = measures.flattening_period(row["energy_j"], row["swing_w"], row["duty"])
        assert found_s == pytest.approx(row["period_s"], rel=self.DATA["rel_tol"])


class TestSpectrum:
    DATA = case("ph_07_spectrum")

    def spectrum(self) -> measures.Spectrum:
        wave = self.DATA["wave"]
        ticks = round(wave["length_s"] / wave["tick_s"])
        power_w = two_level(
            wave["low_w"], wave["high_w"], wave["period_s"], wave["duty"], ticks, wave["tick_s"]
        )
        return measures.spectrum(power_w, wave["tick_s"])

    def test_lines(self) -> None:
        found = self.spectrum()
        for line in self.DATA["line"]:
            bin_ = int(np.argmin(np.abs(found.frequency_hz - line["frequency_hz"])))
            assert found.amplitude_w[bin_] == pytest.approx(line["amplitude_w"], abs=self.DATA["abs_tol"])

    def test_shares(self) -> None:
        found = self.spectrum()
        for row in self.DATA["share"]:
            share = measures.band_share(found, *row["band_hz"])
            assert share == pytest.approx(row["share"], abs=self.DATA["abs_tol"])


class TestSmoothingAlone:
    """PH-09: the wave of the stage `gpu` with the highest floor and the published EDP peak."""

    DATA = case("ph_09_smoothing_alone")

    def findings(self, engine: str, edp_factor: float) -> list[Finding]:
        data = self.DATA
        gpu = Gpu(
            rated_power_w=1000.0, idle_power_w=100.0, edp_factor=edp_factor,
            percent_tmp_floor=100.0 * data["floor"], ramp_down_hysteresis_ms=1e9,
        )  # fmt: skip
        demand_w = two_level(500.0, 1000.0, 2.0, 0.7, 60_000, 1e-3)
        run = wk.stages.gpu(gpu, demand_power_w=demand_w, time_step_s=1e-3, engine=engine)
        rules = [
            {"name": "range", "kind": "dynamic_range", "limit_w": data["allowed_w"]},
            {"name": "share", "kind": "dynamic_range", "limit_fraction": data["allowed_share"]},
        ]
        return evaluate_series(data["job_w"] / 1000.0 * run.power_w, 1e-3, [], rules=rules)

    def test_peaks_take_it_beyond_a_tenth(self, engine: str) -> None:
        in_watts, share = self.findings(engine, self.DATA["edp_factor"])
        assert in_watts.verdict == share.verdict == self.DATA["verdict"]
        assert in_watts.value == pytest.approx(self.DATA["range_w"] / 1e6, rel=self.DATA["rel_tol"])

    def test_the_floor_alone_is_exactly_at_the_limit(self, engine: str) -> None:
        in_watts, share = self.findings(engine, 1.0)
        assert in_watts.verdict == share.verdict == "pass"
        assert in_watts.value == pytest.approx(self.DATA["allowed_w"] / 1e6, rel=1e-9)


def test_nerc_block_of_23_75_mw() -> None:
    data = case("ph_18_nerc_block")
    change_w = data["block_w"] * data["rate_pu_per_s"] * data["ramp_s"]
    assert change_w == data["change_w"]
    time_s = np.arange(round(data["length_s"] / data["tick_s"])) * data["tick_s"]
    power_w = data["start_w"] + change_w * np.clip((time_s - data["at_s"]) / data["ramp_s"], 0.0, 1.0)
    profiles = list(dict.fromkeys(row["profile"] for row in data["verdict"]))
    findings = evaluate_series(power_w, data["tick_s"], profiles, rated_power_w=200e6)
    for row in data["verdict"]:
        found = finding_of(findings, row)
        assert found.verdict == row["verdict"]
        if "value" in row:
            assert found.value == pytest.approx(row["value"], rel=1e-12)
            assert found.time_s == pytest.approx(data["at_s"] + data["ramp_s"])


def test_nerc_drop_of_683_mw_per_minute() -> None:
    data = case("ph_19_nerc_drop")
    time_s = np.arange(round(data["length_s"] / data["tick_s"])) * data["tick_s"]
    fraction = np.clip((time_s - data["at_s"]) / data["ramp_s"], 0.0, 1.0)
    power_w = data["from_w"] + (data["to_w"] - data["from_w"]) * fraction
    ramp = np.abs(measures.rolling_average_ramp(power_w, data["tick_s"], data["ramp_s"])).max()
    assert ramp / 1e6 == pytest.approx(data["ramp_mw_per_s"], rel=1e-12)
    assert ramp * 60.0 / 1e6 == pytest.approx(data["ramp_mw_per_min"], rel=1e-12)
    profiles = list(dict.fromkeys(row["profile"] for row in data["verdict"]))
    findings = evaluate_series(power_w, data["tick_s"], profiles, rated_power_w=data["from_w"])
    for row in data["verdict"]:
        found = finding_of(findings, row)
        assert found.verdict == row["verdict"]
        if row["rule"] == "per_minute":
            assert found.value == pytest.approx(data["difference_over_60_s_mw"], rel=1e-12)
            assert "fall" in found.note


class TestBandPassVectors:
    DATA = case("band_pass_vectors")

    @pytest.mark.parametrize("row", DATA["case"], ids=lambda row: row["name"])
    def test_peak_to_peak(self, row: dict[str, Any]) -> None:
        tick_s, window_s = self.DATA["tick_s"], self.DATA["window_s"]
        ticks = round(self.DATA["length_s"] / tick_s)
        if row["wave"] == "step":
            power_w = np.where(np.arange(ticks) >= round(row["at_s"] / tick_s), row["high_w"], 0.0)
        else:
            power_w = two_level(0.0, row["high_w"], row["period_s"], 0.5, ticks, tick_s)
        first = round(row["judged_from_s"] / tick_s)
        unfiltered = measures.rolling_range(power_w[first:], tick_s, window_s)
        assert unfiltered.peak_to_peak_w / 1e6 == pytest.approx(row["unfiltered"])
        for kind in ("causal", "zero_phase"):
            for order, expected_mw in row[kind].items():
                passed = measures.band_pass(
                    power_w, tick_s, *self.DATA["band_hz"], order=int(order), zero_phase=kind == "zero_phase"
                )
                found = measures.rolling_range(passed[first:], tick_s, window_s)
                assert found.peak_to_peak_w / 1e6 == pytest.approx(expected_mw, rel=row["rel_tol"])
