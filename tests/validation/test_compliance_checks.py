"""Rules of connection against published events and computed vectors; the cases are data beside this file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ride_records import event, findings, run
from sites import case, lossless_site

import wattkeel as wk
from wattkeel.compliance import Finding, evaluate, evaluate_series
from wattkeel.scenario import Scenario


class TestSagTrainJudged:
    """PH-17 (and PH-15 from end to end): the sags, a site whose UPS counts them, and the rule against it."""

    DATA = case("ph_17_sags_judged")
    SAGS = case("ph_15_sag_train")

    def judged(self, perc1: dict[str, Any], residual_pu: float) -> tuple[Any, dict[tuple[str, str], Finding]]:
        data = self.DATA
        events = [
            {"start_s": data["before_s"] + start_s, "duration_s": length_s, "voltage_pu": residual_pu}
            for start_s, length_s in self.SAGS["sag"]
        ]
        profiles = list(dict.fromkeys(row["profile"] for row in data["verdict"]))
        tables: dict[str, Any] = {
            "simulation": {"tick_s": 1e-3, "duration_s": data["length_s"]},
            "title": "PH-17",
            "workload": {"job": {"compute_pu": 0.8, "communication_pu": 0.8}},
            "rack": {"racks": {"feeds_from": "ups"}},
            "distribution": {
                "ups": {"kind": "ups", "rated_power_w": 1e8, "ride_through": "perc1", "perc1": perc1}
            },
            "grid": {"event": events, "rated_power_w": 1e9},
            "compliance": {"profiles": profiles},
        }
        result = wk.simulate(Scenario.from_dict(lossless_site(1e8, tables)), progress=False)
        return result, {(found.profile, found.rule): found for found in evaluate(result)}

    @pytest.mark.parametrize("residual_pu", DATA["residual_pu"])
    def test_a_site_that_counts_sags_does_not_comply(self, residual_pu: float) -> None:
        result, found = self.judged({"sag_count": self.DATA["count"]}, residual_pu)
        for row in self.DATA["verdict"]:
            assert found[row["profile"], row["rule"]].verdict == row["verdict"], row
        left_s = self.DATA["before_s"] + self.SAGS["transfer"][0]["time_s"] + result.tick_s
        ridden = found["ercot_nogrr282", "voltage_ride_through 0.2-0.5 pu 0.25 s"]
        assert ridden.time_s == pytest.approx(left_s)
        assert ridden.value == pytest.approx(self.DATA["left_after_s"])
        assert ridden.limit == pytest.approx(self.DATA["asked_s"])
        assert found["ercot_nogrr282", "sag counting"].time_s == pytest.approx(left_s)

    @pytest.mark.parametrize("residual_pu", DATA["residual_pu"])
    def test_the_same_site_without_the_counter_complies(self, residual_pu: float) -> None:
        _, found = self.judged({"cease_voltage_pu": 0.1}, residual_pu)
        for row in self.DATA["rides_through"]:
            assert found[row["profile"], row["rule"]].verdict == row["verdict"], row
        ridden = found["ercot_nogrr282", "voltage_ride_through 0.2-0.5 pu 0.25 s"]
        assert ridden.details["excursion_count"] == len(self.SAGS["sag"])


class TestRideThroughVector:
    DATA = case("ride_through_vector")

    def voltage(self) -> np.ndarray:
        data = self.DATA
        parts = zip([1.0, *data["v_pu"]], [data["before_s"], *data["duration_s"]], strict=True)
        return np.concatenate([np.full(round(length_s / data["tick_s"]), level) for level, length_s in parts])

    @pytest.mark.parametrize("row", DATA["trip"], ids=lambda row: f"left after {row['after_s']} s")
    def test_a_trip(self, row: dict[str, Any]) -> None:
        at_s = self.DATA["before_s"] + row["after_s"]
        found = findings(run(self.voltage(), event("load_transferred", at_s)), self.DATA["profile"])[
            row["rule"]
        ]
        assert found.verdict == row["verdict"]
        verdicts = {reading["label"]: reading["verdict"] for reading in found.readings}
        whole = verdicts.get("")
        assert verdicts.get("nested timers", whole) == row["nested"]
        assert verdicts.get("a timer per band", whole) == row["per_band"]

    def test_the_obligation_ends(self) -> None:
        record = run(self.voltage(), event("load_transferred", self.DATA["before_s"] + 2.02))
        found = findings(record, self.DATA["profile"])["voltage_ride_through 0.8-0.9 pu 2 s"]
        limits = {reading["label"]: reading["limit"] for reading in found.readings}
        assert limits["nested timers"] == pytest.approx(self.DATA["nested_obligation_ends_s"])
        assert limits["a timer per band"] == pytest.approx(self.DATA["duration_s"][1])
        (excursion,) = found.details["excursions"]
        assert excursion["duration_s"] == pytest.approx(self.DATA["event_s"])

    def test_a_load_that_stays_passes_in_every_reading(self) -> None:
        found = findings(run(self.voltage()), self.DATA["profile"])
        for rule in {row["rule"] for row in self.DATA["trip"]}:
            assert found[rule].verdict == "pass"


class TestRampVectors:
    DATA = case("ramp_vectors")

    @pytest.mark.parametrize("row", DATA["case"], ids=lambda row: row["name"])
    def test_verdicts(self, row: dict[str, Any]) -> None:
        time_s = np.arange(round(row["length_s"] / row["tick_s"])) * row["tick_s"]
        if row["wave"] == "ramp":
            power_w = 50e6 + row["rate_mw_per_min"] / 60.0 * 1e6 * time_s
        else:
            power_w = 50e6 + np.where(time_s >= 0.5 * row["length_s"], row["step_mw"] * 1e6, 0.0)
        profiles = list(dict.fromkeys(asked["profile"] for asked in row["verdict"]))
        found = evaluate_series(power_w, row["tick_s"], profiles, rated_power_w=500e6)
        for asked in row["verdict"]:
            matching = [
                one for one in found
                if one.profile == asked["profile"] and asked["rule"] in one.rule.split()
            ]  # fmt: skip
            assert len(matching) == 1, asked
            verdicts = asked["verdict"] if isinstance(asked["verdict"], list) else [asked["verdict"]]
            assert matching[0].verdict in verdicts, asked
            if "value" in asked:
                assert matching[0].value == pytest.approx(asked["value"], rel=1e-9)
