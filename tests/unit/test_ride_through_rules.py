"""Verdicts on voltage ride-through; every expected time is counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ride_records import (
    MODELLED,
    POWER_W,
    TICK_S,
    bands,
    event,
    findings,
    measured,
    one,
    profile,
    run,
    stretches,
)

from wattkeel.compliance.record import LoadModel, Record

ERCOT = "ercot_nogrr282"
DEEP = "voltage_ride_through 0.2-0.5 pu"
WHOLE = "voltage_ride_through 0.9-1.1 pu"


def sag(depth: float, length_s: float, after_s: float = 5.0) -> np.ndarray:
    """A sag that begins at 1 s."""
    return stretches((1.0, 1.0), (depth, length_s), (1.0, after_s))


class TestTimes:
    @pytest.mark.parametrize(
        ("stays_s", "verdict"),
        [(0.1, "fail"), (0.248, "fail"), (0.249, "marginal"), (0.25, "marginal"), (0.251, "marginal"),
         (0.252, "pass"), (0.29, "pass")],
    )  # fmt: skip
    def test_a_trip_before_the_time_fails_and_within_a_tick_is_marginal(
        self, stays_s: float, verdict: str
    ) -> None:
        found = one(run(sag(0.3, 0.3), event("load_transferred", 1.0 + stays_s)), ERCOT, DEEP)
        assert found.verdict == verdict
        assert found.value == pytest.approx(stays_s)
        assert found.limit == pytest.approx(0.25)
        assert found.margin == pytest.approx((stays_s - 0.25) / 0.25)
        assert found.time_s == pytest.approx(1.0 + stays_s)
        assert found.duration_s == pytest.approx(0.3)
        assert found.at_least
        assert found.unit == "s"
        assert "the load was transferred" in found.note

    def test_a_record_shows_no_more_than_it_asks(self) -> None:
        found = one(run(sag(0.3, 0.066)), ERCOT, DEEP)
        assert (found.verdict, found.value, found.limit) == (
            "pass",
            pytest.approx(0.066),
            pytest.approx(0.066),
        )
        assert "the rule asks for 0.25 s, the record for 0.066 s of them" in found.note
        assert found.details["min_duration_s"] == 0.25

    def test_what_stays_longer_than_it_must_has_a_margin(self) -> None:
        found = one(run(sag(0.3, 0.4)), ERCOT, DEEP)
        assert (found.verdict, found.value, found.limit) == ("pass", pytest.approx(0.4), pytest.approx(0.25))
        assert found.margin == pytest.approx(0.6)

    def test_a_band_that_was_never_entered_is_no_pass(self) -> None:
        found = findings(run(sag(0.3, 0.066)), ERCOT)
        entered = {DEEP + " 0.25 s", WHOLE + " continuous"}
        rules = {rule for rule in found if rule.startswith("voltage_ride_through")}
        assert len(rules) == 7
        for rule in rules - entered - {"voltage_ride_through stricter curve"}:
            assert found[rule].verdict == "not_evaluated"
            assert "the record does not enter this band" in found[rule].note
            assert "wattkeel capability" in found[rule].note

    def test_a_trip_as_the_voltage_falls_further_fails(self) -> None:
        # Per band, 0.25 s at 0.8 pu end because the voltage falls on, not because a time is over.
        volts = stretches((1.0, 1.0), (0.8, 0.25), (0.6, 1.0), (1.0, 2.0))
        found = one(run(volts, event("load_transferred", 1.249)), ERCOT, "voltage_ride_through 0.8-0.9 pu")
        assert found.verdict == "fail"
        assert {each["verdict"] for each in found.readings} == {"fail"}

    def test_timers_start_anew_on_return(self) -> None:
        voltage = stretches((1.0, 1.0), (0.3, 0.2), (1.0, 0.001), (0.3, 0.2), (1.0, 1.0))
        found = one(run(voltage, event("load_transferred", 1.341)), ERCOT, DEEP)
        assert (found.verdict, found.value, found.limit) == ("fail", pytest.approx(0.14), pytest.approx(0.2))

    def test_timers_hold_between_bands(self) -> None:
        """0.2 s at 0.3 pu, 0.1 s at 0.85, 0.1 s at 0.3: the timers reach 0.25 s at 1.35 s, per band."""
        voltage = stretches((1.0, 1.0), (0.3, 0.2), (0.85, 0.1), (0.3, 0.1), (1.0, 1.0))
        allowed = one(run(voltage, event("load_transferred", 1.36)), ERCOT, DEEP)
        assert (allowed.verdict, allowed.limit) == ("pass", pytest.approx(0.25))
        assert one(run(voltage, event("load_transferred", 1.34)), ERCOT, DEEP).verdict == "fail"

    def test_where_no_band_is_nothing_is_owed(self) -> None:
        voltage = stretches((1.0, 1.0), (1.15, 0.1), (1.25, 0.1), (1.15, 0.1), (1.0, 1.0))
        found = one(run(voltage, event("load_transferred", 1.25)), ERCOT, "voltage_ride_through 1.1-1.2 pu")
        assert (found.verdict, found.limit) == ("pass", pytest.approx(0.1))
        early = one(run(voltage, event("load_transferred", 1.05)), ERCOT, "voltage_ride_through 1.1-1.2 pu")
        assert early.verdict == "fail"

    def test_the_band_in_which_load_left_is_blamed(self) -> None:
        voltage = stretches((1.0, 1.0), (0.3, 0.1), (0.85, 1.0), (1.0, 2.0))
        found = findings(run(voltage, event("load_transferred", 1.05)), ERCOT)
        assert found[DEEP + " 0.25 s"].verdict == "fail"
        mild = found["voltage_ride_through 0.8-0.9 pu 2 s"]
        assert mild.verdict == "not_evaluated"
        assert "only while the load was off already" in mild.note
        later = findings(run(voltage, event("load_transferred", 1.5)), ERCOT)
        assert later[DEEP + " 0.25 s"].verdict == "pass"
        assert later["voltage_ride_through 0.8-0.9 pu 2 s"].verdict == "fail"

    def test_excursions_while_the_load_is_off_say_nothing(self) -> None:
        voltage = stretches((1.0, 1.0), (0.3, 0.1), (1.0, 10.0), (0.3, 0.1), (1.0, 1.0))
        record = run(voltage, event("load_transferred", 5.0))
        found = one(record, ERCOT, DEEP)
        assert (found.verdict, found.value) == ("pass", pytest.approx(0.1))
        assert found.time_s == pytest.approx(1.0)
        assert found.details["excursion_count"] == 2
        assert one(record, ERCOT, WHOLE).verdict == "fail"


class TestContinuousBand:
    def test_a_trip_at_normal_voltage_fails(self) -> None:
        found = one(run(stretches((1.0, 10.0)), event("load_transferred", 4.0)), ERCOT, WHOLE)
        assert (found.verdict, found.value, found.limit) == ("fail", pytest.approx(4.0), pytest.approx(10.0))
        assert found.time_s == pytest.approx(4.0)

    def test_a_trip_of_another_cause_is_left_to_its_rule(self) -> None:
        frequency = stretches((60.0, 3.0), (57.5, 2.0), (60.0, 5.0))
        record = run(stretches((1.0, 10.0)), event("load_transferred", 4.0), frequency=frequency)
        assert one(record, ERCOT, WHOLE).verdict == "pass"
        assert one(record, ERCOT, "frequency_ride_through 57-58.8").verdict == "fail"

    @pytest.mark.parametrize("left_s", [1.098, 1.099, 1.1])
    def test_a_trip_as_the_voltage_comes_back_fails(self, left_s: float) -> None:
        # Neither 0.25 s nor the continuous band let it leave: a tick more or less changes nothing.
        record = run(sag(0.3, 0.1), event("load_transferred", left_s))
        found = one(record, ERCOT, DEEP)
        assert (found.verdict, found.value) == ("fail", pytest.approx(left_s - 1.0))
        assert found.limit == pytest.approx(0.1 if left_s < 1.1 else 0.101)
        assert one(record, ERCOT, WHOLE).verdict == "pass"
        assert one(run(sag(0.3, 0.1), event("load_transferred", 1.102)), ERCOT, WHOLE).verdict == "fail"

    def test_an_island_counts_where_the_voltage_opened_the_breaker(self) -> None:
        voltage = stretches((1.0, 10.0))
        planned = run(voltage, event("island", 4.0, 2.0, "site", value=1.0, limit=0.5))
        assert one(planned, ERCOT, WHOLE).verdict == "pass"
        driven = run(sag(0.3, 0.2), event("island", 1.1, 2.0, "site", value=0.3, limit=0.5))
        assert one(driven, ERCOT, DEEP).verdict == "fail"


class TestCessation:
    def test_forgiven_where_the_rule_says_when_load_must_be_back(self) -> None:
        record = run(sag(0.3, 0.2), event("load_ceased", 1.05, 1.0))
        found = one(record, ERCOT, DEEP)
        assert found.verdict == "pass"
        assert "back in time: the load ceased at 1.05 s" in found.note

    def test_not_forgiven_when_it_comes_too_late(self) -> None:
        record = run(sag(0.3, 0.2), event("load_ceased", 1.05, 3.0))
        found = one(record, ERCOT, DEEP)
        assert (found.verdict, found.value) == ("fail", pytest.approx(0.05))

    def test_undecided_where_the_record_ends_before(self) -> None:
        record = run(sag(0.3, 0.2, after_s=1.0), event("load_ceased", 1.05))
        assert one(record, ERCOT, DEEP).verdict == "marginal"
        longer = run(sag(0.3, 0.2, after_s=2.5), event("load_ceased", 1.05))
        assert one(longer, ERCOT, DEEP).verdict == "fail"

    def test_the_time_runs_anew_from_a_sag_that_follows(self) -> None:
        voltage = stretches((1.0, 1.0), (0.3, 0.1), (1.0, 1.5), (0.3, 0.1), (1.0, 5.0))
        record = run(voltage, event("load_ceased", 1.05, 4.0))  # back 2.35 s after the second sag: too late
        assert one(record, ERCOT, DEEP).verdict == "fail"
        record = run(voltage, event("load_ceased", 1.05, 3.5))  # 1.85 s after it
        assert one(record, ERCOT, DEEP).verdict == "pass"

    def test_read_both_ways_where_the_rule_is_silent(self) -> None:
        record = run(sag(0.3, 0.2), event("load_ceased", 1.05, 0.5))
        found = one(record, "nerc_prc024_3", "voltage_ride_through 0-0.45 pu")
        assert found.verdict == "marginal"
        assert {reading["verdict"] for reading in found.readings} == {"pass", "fail"}
        assert any("a momentary cessation counts" in reading["label"] for reading in found.readings)
        late = run(sag(0.3, 0.2), event("load_ceased", 1.05, 2.0))
        assert one(late, "nerc_prc024_3", "voltage_ride_through 0-0.45 pu").verdict == "fail"

    def test_allowed_where_the_band_says_so(self) -> None:
        record = run(sag(0.4, 0.2), event("load_ceased", 1.05, 0.5))
        found = findings(record, "ieee1547_2018")
        assert found["voltage_ride_through 0.3-0.45 pu 0.16 s category II"].verdict == "pass"
        mandatory = run(sag(0.75, 0.2), event("load_ceased", 1.05, 0.5))
        found = findings(mandatory, "ieee1547_2018")
        assert found["voltage_ride_through 0.65-0.88 pu 3-5.001 s category II"].verdict == "marginal"

    def test_a_transfer_is_no_cessation_even_if_it_comes_back(self) -> None:
        record = run(sag(0.3, 0.2), event("load_transferred", 1.05, 0.5))
        assert one(record, ERCOT, DEEP).verdict == "fail"


class TestOpenQuestions:
    def test_voltage_quantity_can_turn_a_verdict(self) -> None:
        """One phase at 0.3 pu, two at nominal: positive sequence (0.3 + 2) / 3. Load leaves after 0.3 s.

        By the worst phase it may leave after 0.25 s, by the positive sequence it must stay for 0.5 s.
        """
        phases = np.stack([sag(0.3, 0.4), np.ones(6400), np.ones(6400)])
        record = run(phases.mean(axis=0), event("load_transferred", 1.3), phase_voltage_pu=phases)
        found = one(record, ERCOT, "voltage_ride_through 0.5-0.8 pu")
        assert found.verdict == "marginal"
        assert "not violated where the value is read otherwise" in found.note
        assert "worst phase" in found.note
        assert one(record, ERCOT, DEEP).verdict == "pass"
        # violated by both, each in its own band
        early = run(phases.mean(axis=0), event("load_transferred", 1.1), phase_voltage_pu=phases)
        assert one(early, ERCOT, "voltage_ride_through 0.5-0.8 pu").verdict == "fail"
        assert one(early, ERCOT, DEEP).verdict == "fail"
        named = profile(
            {"voltage_ride_through": bands((0.0, 0.5, 0.35), (0.9, 1.1, None))},
            voltage_quantity="positive_sequence",
        )
        assert one(record, named, "voltage_ride_through 0-0.5 pu").verdict == "not_evaluated"

    def test_nested_and_per_band_part(self) -> None:
        voltage = stretches((1.0, 1.0), (0.15, 0.14), (0.85, 1.9), (1.0, 5.0))
        found = one(run(voltage, event("load_transferred", 3.02)), ERCOT, "voltage_ride_through 0.8-0.9 pu")
        by_label = {reading["label"]: reading for reading in found.readings}
        assert found.verdict == "marginal"
        assert by_label["nested timers"]["verdict"] == "pass"
        assert by_label["a timer per band"]["verdict"] == "fail"
        assert by_label["nested timers"]["limit"] == pytest.approx(2.0)
        assert by_label["a timer per band"]["limit"] == pytest.approx(1.9)

    def test_a_nested_timer_of_a_mild_band_runs_out_deep_in_a_sag_too(self) -> None:
        """0.85 pu for 1.95 s, then 0.3 pu: below 0.9 pu for 2 s at 2.95 s, below 0.5 pu for no 0.25 s yet."""
        voltage = stretches((1.0, 1.0), (0.85, 1.95), (0.3, 0.2), (1.0, 5.0))
        found = one(run(voltage, event("load_transferred", 3.03)), ERCOT, DEEP)
        by_label = {reading["label"]: reading["verdict"] for reading in found.readings}
        assert by_label == {"nested timers": "pass", "a timer per band": "fail"}
        assert found.verdict == "marginal"

    def test_one_timer_per_excursion(self) -> None:
        """IEEE 1547 II, 0.1 s at 0.8 and 0.1 s at 0.4 pu: the one timer reaches 0.16 s at 1.16 s."""
        voltage = stretches((1.0, 1.0), (0.8, 0.1), (0.4, 0.1), (1.0, 2.0))
        rule = "voltage_ride_through 0.3-0.45 pu 0.16 s category II"
        assert (
            findings(run(voltage, event("load_transferred", 1.15)), "ieee1547_2018")[rule].verdict == "fail"
        )
        found = findings(run(voltage, event("load_transferred", 1.17)), "ieee1547_2018")[rule]
        assert (found.verdict, found.value, found.limit) == ("pass", pytest.approx(0.17), pytest.approx(0.16))

    @pytest.mark.parametrize(("stays_s", "verdict"), [(1.05, "fail"), (1.1, "marginal"), (1.2, "pass")])
    def test_a_slope(self, stays_s: float, verdict: str) -> None:
        """Category I at 0.8 pu: 0.7 s + 4 s/pu * 0.1 pu = 1.1 s."""
        record = run(sag(0.8, 3.0), event("load_transferred", 1.0 + stays_s))
        found = findings(record, "ieee1547_2018")["voltage_ride_through 0.7-0.88 pu 0.7-1.42 s category I"]
        assert (found.verdict, found.limit) == (verdict, pytest.approx(1.1))

    @pytest.mark.parametrize(("stays_s", "verdict"), [(0.5, "fail"), (2.0, "marginal"), (3.5, "pass")])
    def test_the_operator_may_ask_for_longer(self, stays_s: float, verdict: str) -> None:
        rows: list[dict[str, Any]] = bands((0.9, 1.1, None))
        rows.append(
            {"v_min_pu": 0.5, "v_max_pu": 0.9, "min_duration_s": 1.0, "max_duration_s": 3.0, "tso": True}
        )
        record = run(sag(0.7, 5.0), event("load_transferred", 1.0 + stays_s))
        found = one(record, profile({"voltage_ride_through": rows}), "voltage_ride_through 0.5-0.9 pu")
        assert found.verdict == verdict
        assert "the system operator may ask for longer" in found.note

    def test_a_time_that_only_the_operator_knows(self) -> None:
        rows = [*bands((0.9, 1.1, None)), {"v_min_pu": 0.5, "v_max_pu": 0.9, "tso": True}]
        found = one(
            run(sag(0.7, 1.0)), profile({"voltage_ride_through": rows}), "voltage_ride_through 0.5-0.9 pu"
        )
        assert found.verdict == "not_evaluated"
        assert "the system operator sets the time" in found.note

    @pytest.mark.parametrize(("stays_s", "verdict"), [(0.1, "fail"), (0.14, "marginal"), (0.17, "pass")])
    def test_about_means_about(self, stays_s: float, verdict: str) -> None:
        record = run(sag(0.6, 0.3), event("load_transferred", 1.0 + stays_s))
        found = one(record, "spp_hill", "voltage_ride_through 0.5-0.9 pu")
        assert found.verdict == verdict
        assert "approximate" in found.note

    def test_tables_of_a_choice_are_judged_apart(self) -> None:
        swell = run(stretches((1.0, 1.0), (1.07, 2.0), (1.0, 1.0)), load_model=None)
        found = findings(swell, "eu_nc_dcc_2016_1388")
        assert found[
            "voltage_ride_through 0.9-1.118 pu continuous area CE, voltage row A"
        ].value == pytest.approx(4.0)
        row_b = found["voltage_ride_through 1.05-1.1 pu 1200 s area CE, voltage row B"]
        assert (row_b.verdict, row_b.value) == ("pass", pytest.approx(2.0))


class TestAboveNominal:
    """No trip above nominal is in the model of a load: a swell that a run rides shows nothing."""

    SWELL = stretches((1.0, 1.0), (1.15, 1.0), (1.0, 4.0))
    RULE = "voltage_ride_through 1.1-1.2 pu 2 s"

    def test_a_ridden_swell_is_not_evaluated(self) -> None:
        found = one(run(self.SWELL), ERCOT, self.RULE)
        assert found.verdict == "not_evaluated"
        assert "above nominal" in found.note

    def test_load_that_is_lost_in_it_still_fails(self) -> None:
        assert one(run(self.SWELL, event("load_transferred", 1.5)), ERCOT, self.RULE).verdict == "fail"

    def test_a_measured_record_shows_it(self) -> None:
        record = measured(np.full(self.SWELL.size, 1e8), self.SWELL)
        assert one(record, ERCOT, self.RULE).verdict == "pass"

    def test_over_frequency_too(self) -> None:
        high = stretches((60.0, 1.0), (61.5, 1.0), (60.0, 4.0))
        record = run(np.ones(high.size), frequency=high)
        found = one(record, ERCOT, "frequency_ride_through 61.2-61.8 Hz 299 s")
        assert found.verdict == "not_evaluated"


class TestOtherForms:
    @pytest.mark.parametrize(("stays_s", "verdict"), [(0.4, "fail"), (0.5, "pass")])
    def test_a_curve(self, stays_s: float, verdict: str) -> None:
        """Type C at 0.5 pu: 0.15 s + 0.45 / 0.8 * 0.6 s = 0.4875 s; the tick that begins then is free."""
        record = run(sag(0.5, 1.0), event("load_transferred", 1.0 + stays_s))
        found = one(record, "fingrid_sjv2024_bess", "frt_curve <0.9 pu 1.5 s category C")
        assert (found.verdict, found.limit) == (verdict, pytest.approx(0.488))
        assert found.details["curve"]["low"] == [[0.0, 0.05], [0.15, 0.05], [0.75, 0.85], [1.5, 0.9]]

    def test_on_the_curve_the_site_must_stay(self) -> None:
        record = run(sag(0.05, 0.1), event("load_transferred", 1.05))
        assert one(record, "fingrid_sjv2024_bess", "frt_curve <0.9 pu 1.5 s category C").verdict == "fail"
        below = run(sag(0.04, 0.1), event("load_transferred", 1.05))
        found = one(below, "fingrid_sjv2024_bess", "frt_curve <0.9 pu 1.5 s category C")
        assert found.verdict == "not_evaluated"

    @pytest.mark.parametrize(("stays_s", "verdict"), [(3.0, "fail"), (7.0, "marginal"), (11.0, "pass")])
    def test_over_voltages_are_read_from_and_up_to_their_point(self, stays_s: float, verdict: str) -> None:
        """1.12 pu: 10 s where the point 1.10 holds from there on, 5 s where 1.15 holds up to there."""
        voltage = stretches((1.0, 1.0), (1.12, 15.0), (1.0, 1.0))
        record = run(voltage, event("load_transferred", 1.0 + stays_s))
        found = one(record, "fingrid_sjv2024_bess", "overvoltage_withstand 1.1-1.15 pu 10 s")
        assert (found.verdict, found.limit) == (verdict, pytest.approx(10.0))

    def test_reclosing_shots(self) -> None:
        voltage = stretches((1.0, 1.0), (0.3, 0.06), (1.0, 0.5), (0.3, 0.06), (1.0, 5.0))
        assert one(run(voltage), "other_utilities", "reclosing").verdict == "pass"
        left = one(run(voltage, event("load_transferred", 1.57)), "other_utilities", "reclosing")
        assert (left.verdict, left.value, left.limit) == ("fail", pytest.approx(0.01), pytest.approx(0.06))

    def test_the_curve_for_a_drawing(self) -> None:
        curve = one(run(sag(0.3, 0.1)), ERCOT, DEEP).details["curve"]
        assert curve["low"] == [
            [0.0, 0.0], [0.15, 0.0], [0.15, 0.2], [0.25, 0.2], [0.25, 0.5], [0.5, 0.5], [0.5, 0.8],
            [2.0, 0.8], [2.0, 0.9],
        ]  # fmt: skip
        assert curve["high"] == [[0.0, 1.2], [2.0, 1.2], [2.0, 1.1]]


class TestMeasured:
    """Losses of load by the power of a meter."""

    def power(self, voltage: np.ndarray, exponent: float = 2.0) -> np.ndarray:
        return POWER_W * np.minimum(1.0, voltage**exponent)

    def test_a_constant_impedance_is_no_loss(self) -> None:
        voltage = sag(0.3, 0.2)
        assert one(measured(self.power(voltage), voltage), ERCOT, DEEP).verdict == "pass"

    def test_a_load_that_draws_a_little_less_is_no_loss(self) -> None:
        """V^2.3 at 0.5 pu is 0.81 of a constant impedance; V^4 is a quarter of it, and gone."""
        voltage = sag(0.5, 0.2)
        rule = "voltage_ride_through 0.45-0.65 pu"
        assert one(measured(self.power(voltage, 2.3), voltage), "nerc_prc024_3", rule).verdict == "pass"
        assert one(measured(self.power(voltage, 4.0), voltage), "nerc_prc024_3", rule).verdict == "marginal"

    def test_load_that_goes_and_comes_back_in_time(self) -> None:
        voltage = sag(0.3, 0.2)
        power = self.power(voltage)
        power[1050:1800] = 0.0
        assert one(measured(power, voltage), ERCOT, DEEP).verdict == "pass"
        found = one(measured(power, voltage), "nerc_prc024_3", "voltage_ride_through 0-0.45 pu")
        assert found.verdict == "marginal"
        assert "half of what a constant impedance would draw" in found.method

    def test_load_that_stays_away(self) -> None:
        voltage = sag(0.3, 0.2)
        power = self.power(voltage)
        power[1050:] = 1e6
        found = one(measured(power, voltage), ERCOT, DEEP)
        assert (found.verdict, found.value, found.time_s) == (
            "fail",
            pytest.approx(0.05),
            pytest.approx(1.05),
        )

    def test_a_swing_of_the_work_is_no_loss(self) -> None:
        voltage = sag(0.7, 0.3)
        beat = np.where((np.arange(voltage.size) // 400) % 2 == 0, 1.0, 0.4)
        assert (
            one(
                measured(POWER_W * beat * voltage**2, voltage), ERCOT, "voltage_ride_through 0.5-0.8 pu"
            ).verdict
            == "pass"
        )

    def test_deep_in_a_fault_nothing_is_told(self) -> None:
        voltage = sag(0.1, 0.1)
        power = self.power(voltage, 1.0)
        power[1010:1090] = 0.0
        found = one(measured(power, voltage), "nerc_prc024_3", "voltage_ride_through 0-0.45 pu")
        # 0 MW for 80 ms, where a constant impedance draws 1 MW: it may have ceased, which counts there or not
        assert found.verdict == "marginal"
        assert {row["label"]: row["verdict"] for row in found.readings} == {
            "a momentary cessation counts": "marginal",
            "a cessation of up to 1 s after the excursion does not count": "pass",
        }
        drawing = one(
            measured(self.power(voltage), voltage), "nerc_prc024_3", "voltage_ride_through 0-0.45 pu"
        )
        assert drawing.verdict == "pass"

    def test_a_drop_without_an_excursion_is_left_open(self) -> None:
        power = np.full(20_000, POWER_W)
        power[12_000:] = 10e6
        found = one(measured(power, np.ones(20_000)), ERCOT, WHOLE)
        assert found.verdict == "not_evaluated"
        assert "whether load left or its work ended" in found.note
        assert "12 s" in found.note
        assert one(measured(np.full(20_000, POWER_W), np.ones(20_000)), ERCOT, WHOLE).verdict == "pass"

    @pytest.mark.parametrize("before_w", [0.0, -50e6])
    def test_where_no_load_was_drawn_none_rides_through(self, before_w: float) -> None:
        voltage = sag(0.3, 0.1)
        record = measured(np.full(voltage.size, before_w), voltage)
        found = one(record, ERCOT, DEEP)
        assert found.verdict == "not_evaluated"
        assert "with no import before" in found.note
        whole = one(record, ERCOT, WHOLE)
        assert (whole.verdict, "shows no import" in whole.note) == ("not_evaluated", True)

    def test_a_sag_at_the_first_sample_has_no_power_before(self) -> None:
        voltage = stretches((0.3, 0.1), (1.0, 2.0))
        power = np.where(np.arange(voltage.size) < 500, 0.0, POWER_W)
        assert one(measured(power, voltage), ERCOT, DEEP).verdict == "not_evaluated"

    def test_load_that_comes_back_and_leaves_again(self) -> None:
        voltage = sag(0.85, 0.3)
        power = self.power(voltage)
        power[1050:1080] = 0.0
        power[1110:] = 0.0  # after 0.11 of about 0.15 s, and for good: no momentary cessation
        found = one(measured(power, voltage), "spp_hill", "voltage_ride_through 0.5-0.9 pu")
        values = {row["label"]: (row["verdict"], row["value"]) for row in found.readings}
        assert values == {
            "a momentary cessation counts": ("fail", pytest.approx(0.05)),
            "a cessation of up to 1 s after the excursion does not count": ("fail", pytest.approx(0.11)),
        }


class TestHoles:
    """A table of 0.9-1.1 and 0.5-0.85 pu says nothing of 0.87 pu."""

    TABLE = profile(
        {
            "voltage_ride_through": [
                {"v_min_pu": 0.9, "v_max_pu": 1.1, "continuous": True},
                {"v_min_pu": 0.5, "v_max_pu": 0.85, "min_duration_s": 0.6},
            ]
        }
    )

    def test_load_that_leaves_in_one_is_no_pass(self) -> None:
        volts = stretches((1.0, 1.0), (0.87, 0.5), (1.0, 2.0))
        found = one(run(volts, event("load_transferred", 1.2)), self.TABLE, WHOLE)
        assert found.verdict == "marginal"
        assert "at a value for which the table has no row" in found.note
        assert one(run(volts), self.TABLE, WHOLE).verdict == "pass"

    def test_passing_through_one_ends_no_obligation(self) -> None:
        volts = stretches((1.0, 1.0), (0.87, 0.01), (0.7, 0.5), (1.0, 2.0))
        found = one(
            run(volts, event("load_transferred", 1.2)), self.TABLE, "voltage_ride_through 0.5-0.85 pu"
        )
        assert (found.verdict, found.value) == ("fail", pytest.approx(0.19))


class TestWhatCannotBeTold:
    @pytest.mark.parametrize(
        ("voltage", "text"),
        [
            (None, "the record holds no voltage"),
            (np.full(3000, 138e3), "give it in pu"),
            (np.full(3000, -1.0), "not a waveform"),
            (np.where(np.arange(3000) == 1500, np.nan, 1.0), "not known for 0.001 s, first at 1.5 s"),
        ],
    )
    def test_voltages(self, voltage: np.ndarray | None, text: str) -> None:
        record = measured(np.full(3000, POWER_W), voltage)
        found = findings(record, ERCOT)
        rules = [rule for rule in found if rule.startswith("voltage_ride_through") and "stricter" not in rule]
        assert len(rules) == 6
        for rule in rules:
            assert found[rule].verdict == "not_evaluated"
            assert text in found[rule].note

    def test_a_run_says_what_to_keep(self) -> None:
        record = run(None, frequency=np.full(3000, 60.0))
        assert 'add "poi.voltage_pu" to record.full_rate' in one(record, ERCOT, DEEP).note

    def test_a_load_that_cannot_trip_rides_through_nothing(self) -> None:
        record = run(sag(0.3, 0.2), load_model=LoadModel())
        found = one(record, ERCOT, DEEP)
        assert found.verdict == "not_evaluated"
        assert "asserted, not shown" in found.note
        assert 'ride_through = "perc1"' in found.note
        assert one(run(sag(0.3, 0.2), load_model=MODELLED), ERCOT, DEEP).verdict == "pass"

    def test_sampling_too_slow_for_a_band(self) -> None:
        voltage = stretches((1.0, 100.0), (0.3, 4.0), (0.85, 100.0), (1.0, 100.0), tick_s=2.0)
        record = Record(np.full(voltage.size, POWER_W), 2.0, voltage_pu=voltage)
        found = findings(record, ERCOT)
        assert "sampling 2 s cannot show 0.25 s" in found[DEEP + " 0.25 s"].note
        assert found[DEEP + " 0.25 s"].verdict == "not_evaluated"
        assert found[WHOLE + " continuous"].verdict == "not_evaluated"
        mild = stretches((1.0, 100.0), (0.85, 100.0), (1.0, 100.0), tick_s=2.0)
        record = Record(np.full(mild.size, POWER_W), 2.0, voltage_pu=mild)
        slow = profile({"voltage_ride_through": bands((0.5, 0.9, 60.0), (0.9, 1.1, None))})
        assert one(record, slow, "voltage_ride_through 0.5-0.9 pu").verdict == "pass"

    def test_noise_at_the_edge_is_no_row_of_excursions(self) -> None:
        voltage = 0.9 + 0.001 * np.where(np.arange(40_000) % 2 == 0, 1.0, -1.0)
        found = one(measured(np.full(40_000, POWER_W), voltage), ERCOT, "voltage_ride_through 0.8-0.9 pu")
        assert found.verdict == "not_evaluated"
        assert "noise at the edge" in found.note

    def test_settling_is_not_judged(self) -> None:
        voltage = stretches((0.3, 0.2), (1.0, 5.0))
        record = run(voltage, event("load_transferred", 0.05), settle_s=1.0)
        assert one(record, ERCOT, DEEP).verdict == "not_evaluated"
        found = one(record, ERCOT, WHOLE)
        assert (found.verdict, found.value) == ("pass", pytest.approx(4.2))
        assert record.tick_s == TICK_S
