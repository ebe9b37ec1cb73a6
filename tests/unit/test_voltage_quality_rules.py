"""Verdicts on rapid changes, flicker, power factor and demand."""

from __future__ import annotations

import numpy as np
import pytest
from ride_records import POWER_W, TICK_S, event, findings, measured, one, profile, run, stretches

import wattkeel as wk
from wattkeel import power_quality
from wattkeel.compliance import demand
from wattkeel.compliance.record import Record
from wattkeel.errors import ScenarioError

UTILITIES = "other_utilities"
CHANGE = "rapid_voltage_change"


class TestRapidChange:
    @pytest.mark.parametrize(
        ("step", "verdict"), [(0.0, "pass"), (0.025, "pass"), (0.035, "fail"), (-0.035, "fail")]
    )
    def test_a_step(self, step: float, verdict: str) -> None:
        voltage = stretches((1.0, 5.0), (1.0 + step, 5.0))
        found = one(measured(np.full(10_000, POWER_W), voltage), UTILITIES, CHANGE + " Dominion")
        assert (found.verdict, found.unit) == (verdict, "%")
        assert found.value == pytest.approx(100.0 * abs(step), rel=1e-6, abs=1e-9)

    def test_a_slow_drift_is_none(self) -> None:
        voltage = np.linspace(1.0, 0.95, 50_000)  # 0.1 % in a second
        found = one(measured(np.full(50_000, POWER_W), voltage), UTILITIES, CHANGE + " Dominion")
        assert (found.verdict, found.value) == ("pass", pytest.approx(0.1, rel=0.02))

    def test_readings_part_at_two_steps_within_a_second(self) -> None:
        """0.02 up, then 0.04 down half a second later: 4 % range; 3 % from the mean of the second before."""
        voltage = stretches((1.0, 5.0), (1.02, 0.5), (0.98, 5.0))
        found = one(measured(np.full(voltage.size, POWER_W), voltage), UTILITIES, CHANGE + " Dominion")
        by_label = {reading["label"]: reading["value"] for reading in found.readings}
        assert by_label["within a second"] == pytest.approx(4.0, rel=1e-6)
        assert by_label["from the mean of the second before"] == pytest.approx(3.0, rel=0.02)

    def test_dips_are_the_grid_s(self) -> None:
        voltage = stretches((1.0, 5.0), (0.3, 0.0603), (1.0, 5.0))
        found = one(measured(np.full(voltage.size, POWER_W), voltage), UTILITIES, CHANGE + " Dominion")
        assert (found.verdict, found.value) == ("pass", pytest.approx(0.0, abs=1e-9))

    def test_what_the_document_calls_marginal_is_marginal(self) -> None:
        for step, verdict in ((-0.015, "pass"), (-0.025, "marginal"), (0.025, "pass")):
            voltage = stretches((1.0, 5.0), (1.0 + step, 5.0))
            found = one(measured(np.full(10_000, POWER_W), voltage), UTILITIES, CHANGE + " Ameren")
            assert found.verdict == verdict

    def test_too_slow_and_too_short(self) -> None:
        slow = Record(np.full(100, POWER_W), 0.02, voltage_pu=np.ones(100))
        found = one(slow, UTILITIES, CHANGE + " Dominion")
        assert found.verdict == "not_evaluated"
        assert "samples/s are too few" in found.note
        short = measured(np.full(800, POWER_W), np.ones(800))
        assert "not longer than the second" in one(short, UTILITIES, CHANGE + " Dominion").note


class TestFlicker:
    RULES = profile({"flicker": [{"pst_max": 1.0, "plt_max": 0.8}]})

    def record(self, length_s: float, depth: float, simulated: bool = True, clock_s: float = 0.0) -> Record:
        tick_s = 2e-3
        time_s = np.arange(round(length_s / tick_s)) * tick_s
        voltage = 1.0 + 0.5 * depth * np.sign(np.sin(2.0 * np.pi * 8.0 * time_s))
        return Record(
            np.full(time_s.size, POWER_W), tick_s, voltage_pu=voltage, simulated=simulated, clock_s=clock_s
        )

    def test_the_severity_is_that_of_the_instrument(self) -> None:
        record = self.record(700.0, 0.01)
        found = findings(record, self.RULES)
        meter = power_quality.assess(record.voltage_pu, 2e-3, "rms", lamp="120v_60hz", declared=1.0)
        pst = found["flicker Pst"]
        assert pst.value == pytest.approx(float(meter.flicker.pst.max()), rel=1e-9)
        assert (pst.verdict, pst.limit, pst.window_s) == ("fail", 1.0, 600.0)
        assert pst.time_s == pytest.approx(660.0)
        assert found["flicker Plt"].verdict == "not_evaluated"
        assert "too short for a Plt" in found["flicker Plt"].note
        calm = one(self.record(700.0, 0.001), self.RULES, "flicker Pst")
        assert calm.verdict == "pass"
        assert calm.value == pytest.approx(0.1 * pst.value, rel=0.05)

    def test_intervals_of_a_meter_are_those_of_the_clock(self) -> None:
        """From 00:03:00 on, settled at 00:04:00: the first whole ten minutes begin at 00:10:00."""
        found = one(self.record(1100.0, 0.01, simulated=False, clock_s=180.0), self.RULES, "flicker Pst")
        assert found.time_s == pytest.approx(1020.0)
        short = one(self.record(1000.0, 0.01, simulated=False, clock_s=180.0), self.RULES, "flicker Pst")
        assert short.verdict == "not_evaluated"
        assert "too short for a Pst" in short.note

    def test_an_interval_with_a_dip_is_left_out(self) -> None:
        record = self.record(700.0, 0.001)
        assert record.voltage_pu is not None
        record.voltage_pu[150_000:150_100] = 0.4
        found = one(record, self.RULES, "flicker Pst")
        assert found.verdict == "not_evaluated"
        assert "1 intervals of positive sequence hold a dip" in found.note

    def test_levels_that_were_not_seen_are_not_judged(self) -> None:
        for finding in findings(self.record(700.0, 0.01), "flicker").values():
            assert finding.verdict == "not_evaluated"

    def test_no_lamp_for_another_frequency(self) -> None:
        record = self.record(700.0, 0.01)
        record.nominal_frequency_hz = 55.0
        assert "no flickermeter is defined for 55 Hz" in one(record, self.RULES, "flicker Pst").note


class TestPowerFactor:
    def record(self, reactive_var: float, length_s: float = 20.0) -> Record:
        size = round(length_s / TICK_S)
        return measured(np.full(size, POWER_W), reactive_power_var=np.full(size, reactive_var))

    def test_lagging_and_leading_have_their_own_limits(self) -> None:
        lag = one(self.record(40e6), UTILITIES, "power_factor Ameren")
        assert (lag.verdict, lag.value, lag.limit) == ("fail", pytest.approx(1.0 / np.hypot(1.0, 0.4)), 0.95)
        lead = self.record(-20e6)  # 0.9806
        assert one(lead, UTILITIES, "power_factor Ameren").verdict == "pass"
        caiso = one(lead, UTILITIES, "power_factor CAISO")
        assert (caiso.verdict, caiso.limit) == ("fail", 0.99)
        assert one(self.record(20e6), UTILITIES, "power_factor CAISO").verdict == "pass"

    def test_a_moment_is_not_a_quarter_of_an_hour(self) -> None:
        record = self.record(0.0, 1000.0)
        assert record.reactive_power_var is not None
        record.reactive_power_var[100_000:110_000] = 60e6
        found = one(record, UTILITIES, "power_factor Ameren")
        assert found.verdict == "marginal"
        assert len(found.readings) == 2

    def test_without_reactive_power(self) -> None:
        assert (
            "holds no reactive power"
            in one(measured(np.full(100, POWER_W)), UTILITIES, "power_factor Ameren").note
        )
        told = one(run(np.ones(5000)), UTILITIES, "power_factor Ameren").note
        assert 'add "poi.reactive_power_var" to record.full_rate' in told


def test_imbalance_is_told_and_not_judged() -> None:
    phases = np.stack([np.full(5000, level) for level in (1.06, 1.0, 0.94)])
    found = one(measured(np.full(5000, POWER_W), phase_voltage_pu=phases), UTILITIES, "phase_imbalance")
    assert found.verdict == "not_evaluated"
    assert "6 % in means of 3 s, against 10 %" in found.note


class TestDemand:
    def test_blocks_follow_the_clock(self) -> None:
        """From 00:05 on: 100 MW, from 00:20 on 40 MW. The first whole quarter begins at 00:15."""
        power_w = np.concatenate([np.full(15, 100e6), np.full(45, 40e6)])
        found = demand(power_w, 60.0, 900.0, clock_s=300.0)
        assert found.start_s == pytest.approx([600.0, 1500.0, 2400.0])
        assert found.power_w == pytest.approx([60e6, 40e6, 40e6])  # 5 of 15 min at 100 MW
        assert (found.highest_w, found.highest_start_s) == (pytest.approx(60e6), 600.0)

    def test_rolling_finds_the_peak_between_blocks(self) -> None:
        power_w = np.full(3600, 10e6)
        power_w[600:1500] = 90e6  # 00:10 to 00:25
        assert demand(power_w, 1.0, 900.0).highest_w == pytest.approx((300 * 10e6 + 600 * 90e6) / 900.0)
        rolling = demand(power_w, 1.0, 900.0, 300.0)
        assert (rolling.highest_w, rolling.highest_start_s) == (pytest.approx(90e6), 600.0)
        assert rolling.power_w.size == 10

    def test_ticks_that_do_not_fit(self) -> None:
        power_w = np.arange(1000.0)
        found = demand(power_w, 7.0, 300.0)
        energy = np.concatenate(([0.0], np.cumsum(power_w))) * 7.0
        edges = np.interp([300.0, 600.0], np.arange(1001) * 7.0, energy)
        assert found.power_w[1] == pytest.approx((edges[1] - edges[0]) / 300.0, rel=1e-12)

    def test_of_a_plain_mean(self) -> None:
        power_w = np.random.default_rng(7).uniform(0.0, 1e8, 86_400)
        for minutes in (5, 10, 15, 30, 60):
            found = demand(power_w, 1.0, 60.0 * minutes)
            assert found.power_w == pytest.approx(power_w.reshape(-1, 60 * minutes).mean(axis=1), rel=1e-12)

    def test_too_short_a_record_has_none(self) -> None:
        found = demand(np.full(100, 1.0), 1.0, 900.0)
        assert found.power_w.size == 0
        assert np.isnan(found.highest_w)

    def test_it_is_public(self) -> None:
        assert wk.compliance.demand is demand

    def test_all_faults_at_once(self) -> None:
        with pytest.raises(ScenarioError) as caught:
            demand([1.0, np.nan], -1.0, np.inf, 0.0, np.nan)
        assert {fault.place for fault in caught.value.faults} == {
            "power_w[1]", "tick_s", "interval_s", "subinterval_s", "clock_s",
        }  # fmt: skip
        with pytest.raises(ScenarioError, match="no whole number"):
            demand([1.0], 1.0, 900.0, 400.0)
        with pytest.raises(ScenarioError, match="shorter than"):
            demand([1.0], 600.0, 300.0)

    def test_a_limit_is_judged(self) -> None:
        power_w = np.full(3600, 10e6)
        power_w[600:1500] = 90e6
        record = Record(power_w, 1.0)
        rolling = {"interval_s": 900.0, "subinterval_s": 300.0, "limit_mw": 80.0}
        found = one(record, profile({"demand": [rolling]}), "demand")
        assert (found.verdict, found.value, found.time_s) == (
            "fail",
            pytest.approx(90.0),
            pytest.approx(1500.0),
        )
        assert found.window_s == 900.0
        blocks = {"interval_s": 900.0, "limit_mw": 80.0}
        assert one(record, profile({"demand": [blocks]}), "demand").verdict == "pass"
        long = {"interval_s": 7200.0, "limit_mw": 80.0}
        assert "no whole interval of 7200 s" in one(record, profile({"demand": [long]}), "demand").note

    def test_events_do_not_matter(self) -> None:
        record = run(np.ones(5000), event("load_transferred", 1.0))
        limit = {"interval_s": 1.0, "limit_mw": 80.0}
        assert one(record, profile({"demand": [limit]}), "demand").value == pytest.approx(100.0)
