"""Sizing: every wrong input is a fault that says what to give instead."""

from __future__ import annotations

import math
from typing import Any

import pytest
from test_sizing import OHMIC, PCS

import wattkeel as wk
from wattkeel import sizing
from wattkeel.parameters import Battery
from wattkeel.sizing._input import Checks


class TestFaults:
    def test_all_faults_at_once(self) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            sizing.shave_peak([1.0, math.nan], -1.0, limit_w=5.0, energy_j=0.0, power_w=1.0)
        assert [fault.place for fault in caught.value.faults] == ["load_w[1]", "tick_s", "energy_j"]

    def test_auxiliaries_are_told_beside_the_power_given(self) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            sizing.usable_energy(OHMIC, power_w=399e3, converter=PCS, auxiliary_power_w=2e3)
        (fault,) = caught.value.faults
        assert fault.value == 399e3
        assert fault.message == "with auxiliaries 401000 W, beyond the rating of the converter"

    @pytest.mark.parametrize(
        ("bounds", "remedy"),
        [
            ({}, "give a number"),
            ({"above": 0.0}, "give a number above 0"),
            ({"above": 0.0, "most": 1.0}, "give a number above 0 and at most 1"),
            ({"least": 1, "whole": True}, "give a whole number at least 1"),
        ],
    )
    def test_remedies_read_well(self, bounds: dict[str, Any], remedy: str) -> None:
        for wrong in (math.nan, "15", None, True, [1.0], 10**400):
            check = Checks()
            check.number("x", wrong, **bounds)
            assert [fault.remedy for fault in check.faults] == [remedy], wrong

    @pytest.mark.parametrize(
        "groups",
        [
            {"string_capacity": [0.9, 1.1]},
            {"string_resistance": [1.0, 1.2]},
            {"string_soc": [0.0, 0.1]},
        ],
    )
    def test_unequal_strings_are_refused(self, groups: dict[str, list[float]]) -> None:
        uneven = OHMIC.model_copy(update={"string_share": [0.5, 0.5], **groups})
        calls: list[Any] = [
            lambda: sizing.usable_energy(uneven, power_w=1e5),
            lambda: sizing.required_battery(uneven, power_w=1e5, energy_j=1e8),
            lambda: sizing.round_trip(uneven, power_w=1e5),
        ]
        for call in calls:
            with pytest.raises(wk.ScenarioError, match="all strings as alike") as caught:
                call()
            assert [fault.place for fault in caught.value.faults] == [f"battery.{name}" for name in groups]
        even = OHMIC.model_copy(update={"string_share": [0.5, 0.5]})
        assert sizing.usable_energy(even, power_w=1e5) == sizing.usable_energy(OHMIC, power_w=1e5)

    @pytest.mark.parametrize("age", [{"soh_capacity": 80.0}, {"soh_capacity": 0.01}, {"soh_resistance": 0.4}])
    def test_ages_are_those_that_a_battery_may_have(self, age: dict[str, float]) -> None:
        (name,) = age
        calls: list[tuple[Any, str]] = [
            (lambda: sizing.usable_energy(OHMIC, power_w=1e5, **age), name),
            (lambda: sizing.required_battery(OHMIC, energy_j=1e8, power_w=1e5, **age), name),
            (lambda: sizing.round_trip(OHMIC.model_copy(update=age), power_w=1e5), f"battery.{name}"),
        ]
        for call, place in calls:
            with pytest.raises(wk.ScenarioError) as caught:
                call()
            assert [fault.place for fault in caught.value.faults] == [place]

    @pytest.mark.parametrize("wrong", [PCS, "lfp-314ah", None, 3.0], ids=str)
    def test_a_battery_must_be_one(self, wrong: Any) -> None:
        calls: list[Any] = [
            lambda: sizing.usable_energy(wrong, power_w=1e5),
            lambda: sizing.required_battery(wrong, energy_j=1e8, power_w=1e5),
            lambda: sizing.round_trip(wrong, power_w=1e5),
            lambda: sizing.duty_efficiency(wrong, None, command_w=[1.0], tick_s=1.0),
        ]
        for call in calls:
            with pytest.raises(wk.ScenarioError, match="is no Battery") as caught:
                call()
            assert caught.value.faults[0].place == "battery"

    @pytest.mark.parametrize("wrong", [OHMIC, "pcs", 3.0], ids=lambda x: type(x).__name__)
    def test_a_converter_must_be_one(self, wrong: Any) -> None:
        calls: list[Any] = [
            lambda: sizing.usable_energy(OHMIC, power_w=1e5, converter=wrong),
            lambda: sizing.required_battery(OHMIC, energy_j=1e8, power_w=1e5, converter=wrong),
            lambda: sizing.round_trip(OHMIC, power_w=1e5, converter=wrong),
            lambda: sizing.round_trip_ohmic(
                1e5, ocv_v=330.0, resistance_ohm=0.0, charge_as=1.0, converter=wrong
            ),
            lambda: sizing.duty_efficiency(OHMIC, wrong, command_w=[1.0], tick_s=1.0),
        ]
        for call in calls:
            with pytest.raises(wk.ScenarioError, match="is no Converter"):
                call()

    @pytest.mark.parametrize(
        ("call", "place"),
        [
            (lambda: sizing.flattening_need([], 1.0), "load_w"),
            (lambda: sizing.flattening_need(5.0, 1.0, [1.0]), "load_w"),
            (lambda: sizing.closing_target([1.0], 0.0), "charge_efficiency"),
            (lambda: sizing.strings_for_availability("x", 0.9, 0.9), "needed"),  # type: ignore[arg-type]
            (lambda: sizing.string_spread(2.5, capacity_std=0.1), "groups"),  # type: ignore[arg-type]
            (
                lambda: sizing.duty_efficiency(
                    OHMIC,
                    None,
                    command_w=[1.0],
                    tick_s=1.0,
                    container=PCS,  # type: ignore[arg-type]
                ),
                "container",
            ),
            (lambda: sizing.flattening_need([1.0, 2.0], 1.0, [1.0]), "target_w"),
            (lambda: sizing.flattening_need("no", 1.0), "load_w"),
            (lambda: sizing.step_need(1.0), "step_need"),
            (lambda: sizing.step_need(1.0, window_s=1.0, time_constant_s=1.0), "step_need"),
            (lambda: sizing.square_wave_need(1.0, 1.0, 1.0), "duty"),
            (lambda: sizing.overbuild(energy_j=1.0, power_w=1.0, fade=1.0), "fade"),
            (lambda: sizing.string_spread(0, capacity_std=0.1), "groups"),
            (lambda: sizing.string_spread(1000, capacity_std=0.0, resistance_std=0.5), "resistance_std"),
            (lambda: sizing.usable_energy(OHMIC, power_w=5e5, converter=PCS), "power_w"),
            (lambda: sizing.usable_energy(Battery(strings=1.0), power_w=5e5), "battery.ocv_v"),
            (
                lambda: sizing.usable_energy(OHMIC, power_w=1.0, auxiliary_power_w=2.0, charging=True),
                "power_w",
            ),
            (lambda: sizing.round_trip_ohmic(1e9, ocv_v=3.0, resistance_ohm=1.0, charge_as=1.0), "power_w"),
            (
                lambda: sizing.round_trip_ohmic(
                    1e3, ocv_v=3.0, resistance_ohm=0.0, charge_as=1.0, converter=PCS
                ),
                "power_w",
            ),
            (lambda: sizing.least_limit([1.0], 1.0, energy_j=math.inf, power_w=1.0), "energy_j"),
            (lambda: sizing.strings_for_availability(1, 1e-9, 0.9), "availability"),
        ],
    )
    def test_each_is_a_scenario_error(self, call: Any, place: str) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            call()
        assert caught.value.faults[0].place == place
