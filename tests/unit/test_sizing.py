"""Sizing against closed forms, brute force and one another."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from sites import lossless_site

import wattkeel as wk
from wattkeel import measures, sizing
from wattkeel.parameters import Battery, Converter, preset
from wattkeel.scenario import Scenario

HOUR_S = 3600.0
# One unit of flat voltage and constant resistance, as the closed forms have it.
OHMIC = Battery(
    strings=10.0,
    cells_series=100,
    cell_capacity_ah=50.0,
    cell_voltage_v=3.3,
    cell_resistance_ohm=1e-3,
    cell_voltage_min_v=2.0,
    cell_voltage_max_v=4.5,
    ocv_soc=[0.0, 1.0],
    ocv_v=[3.3, 3.3],
    max_charge_c=10.0,
    max_discharge_c=10.0,
    soc_min=0.1,
    soc_max=0.9,
)
PCS = Converter(rated_power_w=400e3, loss_a=0.01, loss_b=0.005, loss_c=0.02)


def square_wave(periods: int, ticks: int, duty: float, swing_w: float) -> np.ndarray:
    high = round(duty * ticks)
    return np.tile(np.repeat([100.0 + swing_w, 100.0], [high, ticks - high]), periods)


class TestWaves:
    @pytest.mark.parametrize("time_constant_s", [math.inf, 0.05, 1.0, 300.0])
    @pytest.mark.parametrize("duty", [0.1, 0.5, 0.8])
    def test_square_wave_closed_form_is_that_of_the_record(self, duty: float, time_constant_s: float) -> None:
        load_w, tick_s = square_wave(1, 1000, duty, 700.0), 1e-3
        target_w = None
        if math.isfinite(time_constant_s):
            target_w = sizing.lag_target(load_w, tick_s, time_constant_s, periodic=True)
        need = sizing.flattening_need(load_w, tick_s, target_w)
        closed = sizing.square_wave_need(700.0, duty, 1.0, time_constant_s=time_constant_s)
        assert need.energy_j == pytest.approx(closed.energy_j, rel=1e-9)
        assert need.throughput_j == pytest.approx(closed.throughput_j, rel=1e-9)
        assert abs(need.drift_j) < 1e-9 * closed.energy_j
        # The closed form has the power at the edge, the record its mean over the tick after it.
        slack = 1e-12 if math.isinf(time_constant_s) else tick_s / time_constant_s
        assert need.discharge_power_w == pytest.approx(closed.discharge_power_w, rel=slack)
        assert need.charge_power_w == pytest.approx(closed.charge_power_w, rel=slack)

    def test_long_lag_is_the_mean(self) -> None:
        mean = sizing.square_wave_need(700.0, 0.3, 2.0)
        lag = sizing.square_wave_need(700.0, 0.3, 2.0, time_constant_s=1e7)
        assert lag.energy_j == pytest.approx(mean.energy_j, rel=1e-6)
        assert lag.power_w == pytest.approx(mean.power_w, rel=1e-6)

    def test_mean_target_is_the_measure(self) -> None:
        load_w = np.random.default_rng(1).normal(size=5000)
        need = sizing.flattening_need(load_w, 0.1)
        assert need.energy_j == pytest.approx(measures.flattening_energy(load_w, 0.1), rel=1e-12)

    @pytest.mark.parametrize("step_w", [500.0, -500.0])
    def test_steps(self, step_w: float) -> None:
        tick_s = 1e-3
        load_w = np.concatenate((np.full(10, 1000.0), np.full(40_000, 1000.0 + step_w)))
        targets = {
            "ramp_w_per_s": (sizing.ramp_target(load_w, tick_s, 50.0), 50.0, tick_s / 10.0),
            "time_constant_s": (sizing.lag_target(load_w, tick_s, 2.0), 2.0, 3e-9),  # e^-20 is still to come
            "window_s": (sizing.average_target(load_w, tick_s, 4.0), 4.0, tick_s / 4.0),
        }
        for name, (target_w, value, slack) in targets.items():
            need = sizing.flattening_need(load_w, tick_s, target_w)
            closed = sizing.step_need(step_w, **{name: value})
            # Discrete ramps and means are half a tick ahead of continuous ones.
            assert need.energy_j == pytest.approx(closed.energy_j, rel=1.01 * slack)
            assert need.drift_j == pytest.approx(closed.drift_j, rel=1.01 * slack)
            assert need.start_j == pytest.approx(closed.start_j, rel=1.01 * slack)
            assert need.power_w == pytest.approx(closed.power_w, rel=2e-3)

    def test_lag_has_the_energy_of_its_swing(self) -> None:
        load_w = np.random.default_rng(2).uniform(0.0, 1e6, 3000)
        target_w = sizing.lag_target(load_w, 0.5, 7.0)
        lagged_w = [load_w[0]]
        for value in load_w:
            lagged_w.append(value + (lagged_w[-1] - value) * math.exp(-0.5 / 7.0))
        need = sizing.flattening_need(load_w, 0.5, target_w)
        assert need.energy_j == pytest.approx(7.0 * np.ptp(lagged_w), rel=1e-9)

    def test_average_is_the_plain_sum(self) -> None:
        load_w = np.random.default_rng(3).uniform(0.0, 1.0, 200)
        for periodic in (False, True):
            before = np.tile(load_w, 9)[-1000:] if periodic else np.full(1000, load_w[0])
            longer = np.concatenate((before, load_w))
            for ticks in (1, 7, 200, 450):
                plain = [longer[1001 + k - ticks : 1001 + k].mean() for k in range(200)]
                target = sizing.average_target(load_w, 0.5, 0.5 * ticks, periodic=periodic)
                assert target == pytest.approx(plain, rel=1e-12)

    def test_efficiencies_move_what_is_stored(self) -> None:
        load_w = np.array([3.0, -1.0, -1.0, -1.0])
        need = sizing.flattening_need(load_w, 2.0, 0.0, charge_efficiency=0.8, discharge_efficiency=0.6)
        assert need.start_j == pytest.approx(3.0 / 0.6 * 2.0)
        assert need.drift_j == pytest.approx(-10.0 + 0.8 * 6.0)
        assert need.energy_j == pytest.approx(10.0)
        assert need.throughput_j == 6.0
        assert need.ramp_w_per_s == 2.0

    def test_losses_raise_the_level_at_which_the_store_closes(self) -> None:
        """Two levels: d (h - m)/down = up (1 - d)(m - l)."""
        load_w = square_wave(7, 10, 0.3, 700.0)
        up, down = 0.9, 0.8
        level_w = sizing.closing_target(load_w, up, down)
        a, b = 0.3 / down, 0.7 * up
        assert level_w == pytest.approx((a * 800.0 + b * 100.0) / (a + b), rel=1e-12)
        assert level_w > load_w.mean() == pytest.approx(sizing.closing_target(load_w))
        need = sizing.flattening_need(load_w, 2.0, charge_efficiency=up, discharge_efficiency=down)
        assert abs(need.drift_j) < 1e-9 * need.energy_j
        # One period sizes it, however long the record; with the mean as target it is mostly drift.
        assert need.energy_j == pytest.approx(3 * 2.0 * (800.0 - level_w) / down, rel=1e-12)
        mean = sizing.flattening_need(
            load_w, 2.0, load_w.mean(), charge_efficiency=up, discharge_efficiency=down
        )
        assert -mean.drift_j > 0.6 * mean.energy_j

    @pytest.mark.parametrize("ratio", [0.1, 1.0, 6.0])
    def test_hybrid_split_of_a_sine(self, ratio: float) -> None:
        ticks, frequency_hz = 4000, 0.5
        tick_s = 1.0 / (frequency_hz * ticks)
        load_w = 1e3 * np.sin(2.0 * np.pi * (np.arange(ticks) + 0.5) / ticks)
        split = sizing.hybrid_split(load_w, tick_s, frequency_hz / ratio, periodic=True)
        slow, fast = sizing.sine_split(1e3, frequency_hz, frequency_hz / ratio)
        assert split.slow_power_w + split.fast_power_w == pytest.approx(load_w, abs=1e-9)
        for part, closed in ((split.slow, slow), (split.fast, fast)):
            assert part.power_w == pytest.approx(closed.power_w, rel=1e-3)
            assert part.energy_j == pytest.approx(closed.energy_j, rel=1e-3)
            assert part.ramp_w_per_s == pytest.approx(closed.ramp_w_per_s, rel=1e-3)
        assert split.fast_share == pytest.approx(ratio**2 / (1.0 + ratio**2), rel=1e-3)


class TestCapacity:
    def test_ohmic_battery_gives_its_closed_form(self) -> None:
        cell_w = 300.0
        power_w = cell_w * 1000.0
        volts = 0.5 * (3.3 + math.sqrt(3.3**2 - 4.0 * 1e-3 * cell_w))
        usable = sizing.usable_energy(OHMIC, power_w=power_w)
        assert usable.limit == "window"
        assert usable.energy_j == pytest.approx(1000.0 * volts * 0.8 * 50.0 * 3600.0, rel=1e-12)
        assert usable.chemical_energy_j == pytest.approx(1000.0 * 3.3 * 0.8 * 50.0 * 3600.0, rel=1e-12)
        assert usable.duration_s == pytest.approx(usable.energy_j / power_w, rel=1e-15)
        volts = 0.5 * (3.3 + math.sqrt(3.3**2 + 4.0 * 1e-3 * cell_w))
        taken = sizing.usable_energy(OHMIC, power_w=power_w, charging=True)
        assert taken.energy_j == pytest.approx(1000.0 * volts * 0.8 * 50.0 * 3600.0, rel=1e-12)
        assert (taken.soc_start, taken.soc_end) == (0.1, 0.9)

    @pytest.mark.parametrize("charging", [False, True])
    def test_tables_of_the_cell_enter_by_direction_and_temperature(self, charging: bool) -> None:
        cell = OHMIC.model_copy(
            update={
                "resistance_soc": [0.0, 1.0],
                "resistance_temperature_k": [290.0, 300.0],
                "resistance_discharge_ohm": [1e-3, 2e-3, 1e-3, 2e-3],
                "resistance_charge_ohm": [3e-3, 5e-3, 3e-3, 5e-3],
                "rc_time_constant_s": [10.0, 100.0],
                "rc_resistance_ohm": [2e-4, 3e-4],
                "hysteresis_soc": [0.0, 1.0],
                "hysteresis_v": [0.02, 0.02],
                "entropy_soc": [0.0, 1.0],
                "entropy_v_per_k": [1e-3, 1e-3],
                "coulombic_efficiency": 0.99,
                "soh_resistance": 1.2,
            }
        )
        ohm = 1.2 * ((4e-3 if charging else 1.5e-3) + 5e-4)
        sign = 1.0 if charging else -1.0
        emf_v = 3.3 + (295.0 - 298.15) * 1e-3 + sign * 0.02
        volts = 0.5 * (emf_v + math.sqrt(emf_v**2 + sign * 4.0 * ohm * 200.0))
        charge_as = 0.8 * 50.0 * 3600.0 / (0.99 if charging else 1.0)
        usable = sizing.usable_energy(cell, power_w=200e3, charging=charging, temperature_k=295.0)
        assert usable.energy_j == pytest.approx(1000.0 * volts * charge_as, rel=1e-12)

    def test_voltage_ends_it_where_it_is_met(self) -> None:
        # OCV 3 + 0.6 z at 1 A ohmic drop: v = 3.1 is met where 3 + 0.6 z - R P/v = 3.1.
        sloped = OHMIC.model_copy(update={"ocv_v": [3.0, 3.6], "cell_voltage_min_v": 3.1})
        usable = sizing.usable_energy(sloped, power_w=3.1 * 60.0 * 1000.0)
        assert usable.limit == "voltage"
        assert usable.soc_end == pytest.approx((3.1 + 0.06 - 3.0) / 0.6, abs=1e-6)

    def test_current_and_power_end_it(self) -> None:
        slow = OHMIC.model_copy(update={"max_discharge_c": 1.0})
        assert sizing.usable_energy(slow, power_w=3.3 * 60e3).limit == "current"
        assert sizing.usable_energy(slow, power_w=3.3 * 60e3).energy_j == 0.0
        most_w = 3.3**2 / (4.0 * 1e-3)
        wide = OHMIC.model_copy(update={"cell_voltage_min_v": 0.5, "max_discharge_c": 1e6})
        assert sizing.usable_energy(wide, power_w=0.999 * most_w * 1000.0).limit == "window"
        assert sizing.usable_energy(wide, power_w=1.001 * most_w * 1000.0).limit == "power"

    def test_converter_and_auxiliaries_cost_time(self) -> None:
        power_w, aux_w = 200e3, 5e3
        bare = sizing.usable_energy(OHMIC, power_w=power_w)
        inner_w = power_w + aux_w
        x = inner_w / PCS.rated_power_w
        terminal_w = inner_w + PCS.rated_power_w * (0.01 + 0.005 * x + 0.02 * x**2)
        with_all = sizing.usable_energy(OHMIC, power_w=power_w, converter=PCS, auxiliary_power_w=aux_w)
        alone = sizing.usable_energy(OHMIC, power_w=terminal_w)
        assert with_all.duration_s == pytest.approx(alone.duration_s, rel=1e-9)
        assert with_all.energy_j == pytest.approx(power_w * alone.duration_s, rel=1e-9)
        assert with_all.energy_j < bare.energy_j

    def test_age_takes_capacity_and_voltage(self) -> None:
        aged = sizing.usable_energy(OHMIC, power_w=300e3, soh_capacity=0.8, soh_resistance=1.5)
        volts = 0.5 * (3.3 + math.sqrt(3.3**2 - 4.0 * 1.5e-3 * 300.0))
        assert aged.energy_j == pytest.approx(0.8 * 1000.0 * volts * 0.8 * 50.0 * 3600.0, rel=1e-12)

    def test_overbuild_is_the_product_of_its_parts(self) -> None:
        need = sizing.overbuild(
            energy_j=10.0 * HOUR_S, power_w=5.0, soc_window=0.9, fade=0.3, round_trip_efficiency=0.81,
            auxiliary_power_w=0.5, availability=0.95,
        )  # fmt: skip
        assert need.factor == pytest.approx(1.1 / (0.9 * 0.9 * 0.7 * 0.95), rel=1e-12)
        parts = need.window * need.fade * need.loss * need.auxiliary * need.availability
        assert need.factor == pytest.approx(parts, rel=1e-12)
        assert need.energy_j == pytest.approx(need.factor * 10.0 * HOUR_S)
        assert need.power_w == pytest.approx(5.5 / (0.9 * 0.95))

    def test_required_battery_agrees_with_the_arithmetic(self) -> None:
        """Flat voltage, no resistance: the search and the product of factors are the same."""
        ideal = OHMIC.model_copy(update={"cell_resistance_ohm": 0.0})
        sized = sizing.required_battery(
            ideal, energy_j=1e9, power_w=1e5, availability=0.9, soh_capacity=0.7, auxiliary_power_w=1e4
        )
        need = sizing.overbuild(
            energy_j=1e9, power_w=1e5, soc_window=0.8, fade=0.3, availability=0.9, auxiliary_power_w=1e4
        )
        assert sized.factor == pytest.approx(need.factor, rel=1e-9)
        assert sized.nominal_energy_j == pytest.approx(need.energy_j, rel=1e-9)
        assert sized.usable.energy_j == pytest.approx(1e9, rel=1e-9)

    def test_required_battery_grows_where_current_limits(self) -> None:
        slow = OHMIC.model_copy(update={"max_discharge_c": 1.0})
        sized = sizing.required_battery(slow, energy_j=1e6, power_w=1e6)
        current_a = 1e6 / (sized.strings * 100) / 3.25
        assert current_a == pytest.approx(50.0, rel=1e-3)


class TestEfficiency:
    def test_ohmic_closed_form(self) -> None:
        trip = sizing.round_trip_ohmic(1e5, ocv_v=330.0, resistance_ohm=0.01, charge_as=1e6)
        down, up = math.sqrt(330.0**2 - 4e3), math.sqrt(330.0**2 + 4e3)
        assert trip.efficiency == pytest.approx((330.0 + down) / (330.0 + up), rel=1e-12)
        assert trip.cell_efficiency == pytest.approx(trip.efficiency, rel=1e-12)

    @pytest.mark.parametrize("rest_s", [0.0, 7200.0])
    @pytest.mark.parametrize("auxiliary_power_w", [0.0, 3e3])
    def test_window_of_an_ohmic_battery_is_the_closed_form(
        self, auxiliary_power_w: float, rest_s: float
    ) -> None:
        duty: dict[str, Any] = {
            "converter": PCS, "auxiliary_power_w": auxiliary_power_w, "rest_s": rest_s,
        }  # fmt: skip
        charge_as = 10.0 * 50.0 * 3600.0 * 0.8
        closed = sizing.round_trip_ohmic(2e5, ocv_v=330.0, resistance_ohm=0.01, charge_as=charge_as, **duty)
        trip = sizing.round_trip(OHMIC, power_w=2e5, **duty)
        for name in ("efficiency", "cell_efficiency", "discharged_j", "charged_j", "discharge_s", "charge_s"):
            assert getattr(trip, name) == pytest.approx(getattr(closed, name), rel=1e-9), name

    @pytest.mark.parametrize("auxiliary_power_w", [0.0, 3e3])
    def test_run_of_the_stages_has_the_closed_form(self, engine: str, auxiliary_power_w: float) -> None:
        """The same cycle through converter and battery, with a rest, back to where it began."""
        tick_s, rest = 1.0, 600
        settled = PCS.model_copy(update={"time_constant_s": 0.0})
        discharge = 1200
        closed = sizing.round_trip_ohmic(
            2e5, ocv_v=330.0, resistance_ohm=0.01, converter=PCS, rest_s=rest * tick_s, charge_as=1.0,
            auxiliary_power_w=auxiliary_power_w,
        )  # fmt: skip
        # Charge moved in the discharge fixes how long the charge lasts: a fraction of a tick at its end.
        per_charge = closed.discharge_s
        charge_as = discharge * tick_s / per_charge
        closed = sizing.round_trip_ohmic(
            2e5, ocv_v=330.0, resistance_ohm=0.01, converter=PCS, rest_s=rest * tick_s,
            charge_as=charge_as, auxiliary_power_w=auxiliary_power_w,
        )  # fmt: skip
        ticks = round(closed.charge_s / tick_s)
        command_w = np.repeat([2e5, 0.0, -2e5], [discharge, rest, ticks])
        start = OHMIC.model_copy(update={"soc_initial": 0.8})
        run = sizing.duty_efficiency(
            start, settled, command_w=command_w, tick_s=tick_s, auxiliary_power_w=auxiliary_power_w,
            engine=engine,
        )  # fmt: skip
        assert run.limited_ticks == 0
        assert run.efficiency == pytest.approx(closed.efficiency, rel=5e-5)
        balance_j = run.charged_j - run.discharged_j - run.stored_j
        assert balance_j == pytest.approx(run.cell_loss_j + run.converter_loss_j + run.auxiliary_j, rel=1e-9)

    def test_a_limit_in_the_run_is_seen_at_the_ac_side(self, engine: str) -> None:
        command_w = np.full(100, 3.9e5)
        tired = OHMIC.model_copy(update={"max_discharge_c": 1.0})
        run = sizing.duty_efficiency(tired, PCS, command_w=command_w, tick_s=1.0, engine=engine)
        assert run.limited_ticks == 100
        # 50 A x 10 strings x (330 - 5) V at the terminals, less the converter's loss.
        assert run.discharged_j < 100.0 * 500.0 * 325.0
        balance_j = run.charged_j - run.discharged_j - run.stored_j
        assert balance_j == pytest.approx(run.cell_loss_j + run.converter_loss_j, rel=1e-9)

    def test_what_branches_hold_counts_as_stored(self, engine: str) -> None:
        cell = OHMIC.model_copy(update={"rc_time_constant_s": [500.0], "rc_resistance_ohm": [2e-3]})
        run = sizing.duty_efficiency(
            cell, None, command_w=np.full(200, 3e5), tick_s=1.0, auxiliary_power_w=1e3, engine=engine
        )
        balance_j = run.charged_j - run.discharged_j - run.stored_j
        assert balance_j == pytest.approx(run.cell_loss_j + run.auxiliary_j, rel=1e-9)
        assert run.efficiency == pytest.approx(run.discharged_j / -run.stored_j, rel=1e-12)

    def test_limit_inside_the_window_is_told(self) -> None:
        tired = OHMIC.model_copy(update={"max_charge_c": 1.0})
        with pytest.raises(wk.ScenarioError, match="current limit is met in charge at SoC 0") as caught:
            sizing.round_trip(tired, power_w=3e5)
        assert caught.value.faults[0].value == 3e5
        assert "W at the terminals" in caught.value.faults[0].message

    @pytest.mark.parametrize("name", ["lfp-314ah", "lfp-280ah-grid", "lfp-enerc-306ah"])
    def test_default_window_is_what_the_power_allows(self, name: str) -> None:
        cell = preset("battery", name, strings=1.0)
        power_w = 0.5 * cell.cells_series * cell.cell_voltage_v * cell.cell_capacity_ah
        trip = sizing.round_trip(cell, power_w=power_w)
        assert cell.soc_min < trip.soc_low < 0.15
        assert trip.soc_high == cell.soc_max
        (told,) = trip.narrowed
        assert told == f"current limit in discharge at SoC {trip.soc_low:.3f}"
        same = sizing.round_trip(cell, power_w=power_w, soc_low=trip.soc_low)
        assert (same.efficiency, same.narrowed) == (trip.efficiency, ())
        low = sizing.usable_energy(cell, power_w=power_w)
        assert trip.soc_low == pytest.approx(low.soc_end, abs=1e-3)
        with pytest.raises(wk.ScenarioError, match="current limit is met in discharge"):
            sizing.round_trip(cell, power_w=power_w, soc_low=cell.soc_min)

    def test_a_window_without_limits_is_the_battery_s(self) -> None:
        trip = sizing.round_trip(OHMIC, power_w=2e5)
        assert (trip.soc_low, trip.soc_high, trip.narrowed) == (0.1, 0.9, ())


class TestShaving:
    LOAD_W = np.array([2.0, 8.0, 9.0, 1.0, 7.0, 3.0])

    def test_rule_by_hand(self) -> None:
        run = sizing.shave_peak(
            self.LOAD_W, 2.0, limit_w=5.0, energy_j=20.0, power_w=3.5, charge_efficiency=0.5,
            discharge_efficiency=0.8, soc_initial=0.9,
        )  # fmt: skip
        assert run.battery_w == pytest.approx([-2.0, 3.0, 3.5, -3.5, 2.0, -2.0])
        assert run.soc * 20.0 == pytest.approx([20.0, 12.5, 3.75, 7.25, 2.25, 4.25])
        assert run.peak_w == 5.5
        assert (run.discharged_j, run.charged_j) == (pytest.approx(17.0), pytest.approx(15.0))

    def test_least_energy_is_just_enough(self) -> None:
        options: dict[str, float] = {"charge_efficiency": 0.9, "discharge_efficiency": 0.85, "power_w": 4.0}
        energy_j = sizing.shaving_energy(self.LOAD_W, 2.0, limit_w=5.0, **options)
        for factor, peak_w in ((1.0 + 1e-12, 5.0), (1.0 - 1e-3, None)):
            run = sizing.shave_peak(self.LOAD_W, 2.0, limit_w=5.0, energy_j=factor * energy_j, **options)
            if peak_w is None:
                assert run.peak_w > 5.0 + 1e-6
            else:
                assert run.peak_w == pytest.approx(peak_w, rel=1e-9)

    def test_no_energy_replaces_power(self) -> None:
        assert math.isinf(sizing.shaving_energy(self.LOAD_W, 1.0, limit_w=5.0, power_w=3.9))
        # The mean is 5: over a day after day nothing below it can be held.
        assert math.isinf(sizing.shaving_energy(self.LOAD_W, 1.0, limit_w=4.9, periodic=True))
        assert math.isfinite(sizing.shaving_energy(self.LOAD_W, 1.0, limit_w=5.0, periodic=True))

    def test_least_limit_against_a_sweep(self) -> None:
        options: dict[str, float] = {
            "energy_j": 9.0, "power_w": 3.0, "charge_efficiency": 0.9, "discharge_efficiency": 0.9,
            "soc_initial": 0.4,
        }  # fmt: skip
        least_w = sizing.least_limit(self.LOAD_W, 1.0, **options)
        for limit_w in np.linspace(0.0, 9.0, 901):
            kept = sizing.shave_peak(self.LOAD_W, 1.0, limit_w=limit_w, **options).peak_w <= limit_w + 1e-9
            assert kept == (limit_w >= least_w - 1e-9)


class TestStrings:
    def test_groups_keep_the_mean_and_grow_to_the_distribution(self) -> None:
        previous = 0.0
        for groups in (1, 2, 5, 50, 1000):
            spread = sizing.string_spread(groups, capacity_std=0.02, resistance_std=0.05)
            capacity, resistance = np.array(spread.capacity), np.array(spread.resistance)
            assert math.fsum(spread.share) == pytest.approx(1.0)
            assert capacity.mean() == pytest.approx(1.0, rel=1e-12)
            assert resistance.mean() == pytest.approx(1.0, rel=1e-12)
            assert np.all(np.diff(capacity) > 0.0)
            assert np.all(np.diff(resistance) < 0.0)
            assert capacity.var() == pytest.approx(spread.kept_variance * 0.02**2, rel=1e-9, abs=1e-15)
            assert spread.kept_variance > previous or groups == 1
            previous = spread.kept_variance
        assert previous > 0.999
        assert set(spread.parameters()) == {"string_share", "string_capacity", "string_resistance"}

    def test_two_halves_have_the_half_normal_mean(self) -> None:
        spread = sizing.string_spread(2, capacity_std=0.1)
        assert spread.capacity[1] == pytest.approx(1.0 + 0.1 * math.sqrt(2.0 / math.pi), rel=1e-12)
        assert spread.resistance == (1.0, 1.0)

    def test_quantile_means_by_sampling(self) -> None:
        deviates = np.array([NormalDist().inv_cdf((k + 0.5) / 400_000) for k in range(400_000)])
        spread = sizing.string_spread(4, capacity_std=0.1)
        assert np.array(spread.capacity) == pytest.approx(
            1.0 + 0.1 * deviates.reshape(4, -1).mean(axis=1), abs=1e-5
        )

    @pytest.mark.parametrize(
        ("needed", "availability", "confidence"), [(10, 0.97, 0.99), (1, 0.5, 0.9), (40, 0.9, 0.5)]
    )
    def test_strings_against_the_sum_of_the_distribution(
        self, needed: int, availability: float, confidence: float
    ) -> None:
        def enough(strings: int) -> float:
            return sum(
                math.comb(strings, k) * availability**k * (1.0 - availability) ** (strings - k)
                for k in range(needed, strings + 1)
            )

        built = sizing.strings_for_availability(needed, availability, confidence)
        assert enough(built) >= confidence > enough(built - 1)

    def test_strings_that_never_fail(self) -> None:
        assert sizing.strings_for_availability(7, 1.0, 0.999) == 7


class TestPage:
    """Figures that docs/sizing.md tells."""

    def test_figures(self, repository: Path) -> None:
        page = (repository / "docs" / "sizing.md").read_text(encoding="utf-8")
        wave = sizing.square_wave_need(20e6, 0.6, 2.0)
        ramp = sizing.step_need(-20e6, ramp_w_per_s=1e6)
        cell = preset("battery", "lfp-314ah", strings=1.0)
        duty: dict[str, Any] = {
            "energy_j": 200e6 * HOUR_S, "power_w": 50e6, "availability": 0.97, "auxiliary_power_w": 1e6,
        }  # fmt: skip
        pcs = Converter(rated_power_w=60e6)
        new = sizing.required_battery(cell, converter=pcs, **duty)
        old = sizing.required_battery(cell, converter=pcs, soh_capacity=0.7, soh_resistance=1.3, **duty)
        product = sizing.overbuild(soc_window=0.9, fade=0.3, round_trip_efficiency=0.88, **duty)
        spread = sizing.string_spread(3, capacity_std=0.02)
        for text in (
            f"{wave.power_w / 1e6:g} MW and {wave.energy_j / 3.6e6:.2f} kWh",
            f"{ramp.energy_j / 3.6e6:.1f} kWh",
            f"{new.nominal_energy_j / 3.6e9:.0f} MWh",
            f"{old.nominal_energy_j / 3.6e9:.0f} MWh",
            f"{product.energy_j / 3.6e9:.0f} MWh",
            f"{sizing.strings_for_availability(100, 0.97, 0.99)} strings",
            f"{spread.capacity[0]:.3f}, 1, {spread.capacity[2]:.3f}",
        ):
            assert text in page.replace("\n", " "), text

    def test_hybrid_of_the_page_runs(self, repository: Path) -> None:
        page = (repository / "docs" / "sizing.md").read_text(encoding="utf-8")
        snippet = tomllib.loads(page.split("```toml complete\n")[1].split("```")[0])
        tables = snippet | {"simulation": {"duration_s": 2.0, "tick_s": 1e-3}}
        site = wk.Engine(Scenario.from_dict(lossless_site(10e6, tables)))
        site.advance(2000)
        assert {name.split(".")[1] for name in site.state if name.startswith("storage.")} == {
            "energy",
            "power",
        }
