"""Ageing of batteries: what a user calls, what it answers, and what it refuses."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wattkeel as wk
from wattkeel.prototype import ageing as layout

ROOT = Path(__file__).parents[2]
HOUR_S = 3600.0
YEAR_S = 365.25 * 86400.0


# Hours, SoC and temperature at the ends of stretches.
LONG_STRETCHES = {
    "page": ([0, 6, 7, 18, 22, 24], [0.9, 0.9, 0.1, 0.1, 0.9, 0.9], [298.15] * 6),
    "triangle": ([0, 12, 24], [0.1, 0.9, 0.1], [298.15] * 3),
    "full": ([0, 12, 24], [0.0, 1.0, 0.0], [285.0, 315.0, 285.0]),
    "low": ([0, 12, 24], [0.0, 0.2, 0.0], [298.15] * 3),
    "warm": ([0, 12, 24], [0.5, 0.5, 0.5], [285.0, 315.0, 285.0]),
    "steps": (
        [2 * k for k in range(13)],
        [0.3, 0.8, 0.1, 0.95, 0.4, 0.7, 0.05, 0.5, 0.9, 0.2, 0.6, 0.55, 0.3],
        [290, 312, 286, 300, 315, 288, 310, 295, 285, 305, 299, 311, 290],
    ),
}


def day(depth: float = 0.7, ambient_k: float | None = 298.15) -> wk.ageing.Duty:
    """One cycle a day about 50 % SoC, at 1C and then 0.2C, warm while it moves."""
    hour = np.array([0.0, 6.0, 6.0 + depth, 18.0, 18.0 + 5.0 * depth, 24.0])
    soc = 0.5 + 0.5 * depth * np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0])
    warm = 298.15 + np.array([0.0, 0.0, 8.0, 0.0, 2.0, 0.0])
    return wk.ageing.duty(hour * HOUR_S, soc, warm, ambient_k=ambient_k)


class TestModels:
    def test_every_model_says_what_it_is(self) -> None:
        names = wk.ageing.models()
        assert {"naumann-lfp", "lfp-250ah"} < set(names)
        assert len(names) >= 5
        for name in names:
            model = wk.ageing.model(name)
            assert model.name == name
            assert "doi:" in model.source or "EVERLASTING" in model.source
            assert model.licence == "BSD-3-Clause"
            assert {law.quantity for law in model.laws} <= {"capacity", "resistance"}

    def test_unknown_name_is_refused_with_a_near_one(self) -> None:
        with pytest.raises(wk.ScenarioError, match='did you mean "naumann-lfp"'):
            wk.ageing.model("nauman-lfp")

    def test_resistance_only_where_it_is_published(self) -> None:
        known = {name for name in wk.ageing.models() if self._rest(name).soh_resistance is not None}
        assert known == {"naumann-lfp", "lfp-sony-blast", "nmc111-sanyo"}

    def _rest(self, name: str) -> wk.ageing.Fade:
        return wk.ageing.model(name).calendar(YEAR_S, 0.5, 298.15)

    def test_fades_of_two_models_do_not_mix(self) -> None:
        with pytest.raises(wk.ScenarioError, match="another model"):
            wk.ageing.model("naumann-lfp").calendar(1.0, 0.5, 298.15, start=self._rest("lfp-250ah"))

    @pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
    def test_amounts_are_checked(self, bad: float) -> None:
        model = wk.ageing.model("naumann-lfp")
        with pytest.raises(wk.ScenarioError, match="time_s"):
            model.calendar(bad, 0.5, 298.15)
        with pytest.raises(wk.ScenarioError, match="c_rate"):
            model.cycle(1.0, 0.5, bad, 298.15)


class TestCautions:
    def test_use_within_the_range_is_silent(self) -> None:
        model = wk.ageing.model("lfp-250ah")
        assert model.cycle(100.0, 0.9, 0.5, 298.15).cautions == ()
        assert model.calendar(YEAR_S, 0.5, 298.15).cautions == ()

    def test_use_beyond_the_range_is_told(self) -> None:
        model = wk.ageing.model("lfp-250ah")
        (warm,) = model.calendar(YEAR_S, 0.5, 333.15).cautions
        assert "temperature 60 to 60 °C was met" in warm
        assert "10 to 45 °C" in warm
        told = model.cycle(10.0, 0.3, 2.0, 298.15).cautions
        assert any("depth 0.3" in text for text in told)
        assert any("C-rate 2/h" in text for text in told)

    def test_a_counted_duty_tells_too(self) -> None:
        told = wk.ageing.model("lfp-250ah").fade(day(0.3).stress()).cautions
        assert any(text.startswith("depth 0.3 to 0.3 was met") for text in told)

    def test_throughput_without_cycles_is_told(self) -> None:
        """Ripple within the dead band is no cycle, but it is not passed over in silence."""
        soc = 0.5 + 4e-4 * (np.arange(1000) % 2)
        stress = wk.ageing.count(np.arange(1000.0), soc, 298.15)
        assert stress.half_cycles == 0
        assert stress.throughput_fec == pytest.approx(0.5 * 999 * 4e-4, rel=1e-9)
        told = wk.ageing.model("naumann-lfp").fade(stress).cautions
        assert any("100% of the throughput is in no counted cycle" in text for text in told)
        counted = wk.ageing.count(np.arange(1000.0), soc, 298.15, dead_band_soc=0.0)
        assert counted.half_cycles == 999

    def test_cautions_stay_with_the_fade(self) -> None:
        model = wk.ageing.model("lfp-250ah")
        first = model.calendar(YEAR_S, 0.5, 333.15)
        later = model.calendar(YEAR_S, 0.5, 298.15, start=first)
        assert later.cautions == first.cautions

    def test_a_projection_tells_each_once_with_its_range(self) -> None:
        told = wk.ageing.project("lfp-250ah", day(0.6), 15.0).fade.cautions
        kinds = [text.split()[0] for text in told]
        assert sorted(kinds) == ["depth", "loss"]
        (depth,) = [text for text in told if text.startswith("depth")]
        last = wk.ageing.project("lfp-250ah", day(0.6), 15.0).soh_capacity[-1]
        low, high = float(depth.split()[1]), float(depth.split()[3])
        assert low == pytest.approx(0.6, abs=1e-3)
        assert 0.6 < high < 0.6 / last + 1e-3
        assert copy.deepcopy(told) == told
        assert pickle.loads(pickle.dumps(told)) == told

    def test_large_losses_are_extrapolations(self) -> None:
        fade = wk.ageing.model("naumann-lfp").calendar(40.0 * YEAR_S, 1.0, 313.15)
        assert fade.capacity_loss > 0.2
        assert any("knee" in text for text in fade.cautions)


class TestCount:
    def test_stress_adds_and_scales(self) -> None:
        a, b = day(0.7).stress(), day(0.4).stress()
        both = 2.0 * a + b * 3.0
        assert both.elapsed_s == pytest.approx(5.0 * 86400.0)
        assert both.throughput_fec == pytest.approx(2.0 * 0.7 + 3.0 * 0.4)
        assert both.throughput_ah(3.0) == pytest.approx(6.0 * both.equivalent_full_cycles)
        assert both.throughput_j(2.0) == pytest.approx(4.0 * both.equivalent_full_cycles)
        assert both.depth_range == (pytest.approx(0.4), pytest.approx(0.7))
        assert both.half_cycles == 10.0
        with pytest.raises(wk.ScenarioError):
            a * -1.0
        with pytest.raises(TypeError):
            a + 1.0  # type: ignore[operator]

    def test_rest_has_no_part_in_the_c_rate(self) -> None:
        stress = day(0.7).stress()
        assert stress.c_rate_max == pytest.approx(1.0, rel=1e-9)
        slow = wk.ageing.count(
            [0.0, HOUR_S, 101 * HOUR_S], [0.5, 0.9, 0.1], 298.15, rest_c_rate=0.01, log_rows=2
        )
        assert slow.log[:, 3] == pytest.approx([0.4, 0.0])  # 0.008/h is rest

    def test_a_battery_that_has_aged_moves_less_charge(self) -> None:
        new, aged = day().stress(), day().stress(scale=1.25, soh_capacity=0.8)
        assert aged.throughput_fec == pytest.approx(new.throughput_fec, rel=1e-12)
        assert aged.c_rate_max == pytest.approx(new.c_rate_max, rel=1e-12)
        assert aged.depth_range[1] == pytest.approx(1.25 * new.depth_range[1], rel=1e-12)

    def test_heat_grows_with_resistance(self) -> None:
        assert day().stress(soh_resistance=2.0).temperature_range_k[1] == pytest.approx(298.15 + 16.0)
        assert day(ambient_k=None).stress(soh_resistance=2.0).temperature_range_k[1] == pytest.approx(306.15)

    def test_more_reversals_than_the_stack_holds_are_counted_early(self) -> None:
        """Ever smaller swings close no cycle; the oldest make room, and it is told."""
        soc = 0.5 + 0.5 * (-0.98) ** np.arange(100.0)
        stress = wk.ageing.count(60.0 * np.arange(100.0), soc, 298.15, dead_band_soc=0.0)
        assert stress.overflows == 99 - layout.STACK_ROWS + 1
        assert stress.half_cycles == 99
        assert stress.counted_fec == pytest.approx(stress.throughput_fec, rel=1e-12)
        assert any("64" in text for text in wk.ageing.model("naumann-lfp").fade(stress).cautions)

    def test_what_is_under_way_can_be_taken_in(self) -> None:
        counter = wk.ageing.Counter(0.5, 298.15)
        counter.run(np.array([0.9, 0.2]), np.full(2, 298.15), np.full(2, HOUR_S))
        before = counter.state.tobytes() + counter.counter.tobytes()
        assert counter.stress().half_cycles == 0
        assert counter.stress(closed=True).counted_fec == pytest.approx(0.5 * (0.4 + 0.7))
        assert counter.state.tobytes() + counter.counter.tobytes() == before
        assert counter.stress().mean_soc == pytest.approx(0.5 * (0.7 + 0.55), rel=1e-12)

    def test_memory_of_a_counter(self) -> None:
        counter = wk.ageing.Counter(0.5, 298.15)
        assert counter.counter.nbytes + counter.state.nbytes < 200_000

    @pytest.mark.parametrize("engine", ["native", "numba"])
    @pytest.mark.parametrize("duty", LONG_STRETCHES, ids=list(LONG_STRETCHES))
    def test_long_stretches_are_those_of_a_minute(self, duty: str, engine: str) -> None:
        """SoC and temperature run straight over hours; counted minute by minute it is the same.

        0.02 % of every part of every model: docs/ageing.md tells it.
        """
        hour, soc, warm = LONG_STRETCHES[duty]
        fine_s = 60.0 * np.arange(24 * 60 + 1)
        time_s = np.array(hour) * HOUR_S
        at = [np.interp(fine_s, time_s, values) for values in (soc, warm)]
        coarse = wk.ageing.count(time_s, soc, warm, engine=engine) * 365.0
        fine = wk.ageing.count(fine_s, *at, engine=engine) * 365.0
        for name in wk.ageing.models():
            model = wk.ageing.model(name)
            few, many = model.fade(coarse), model.fade(fine)
            for part, value in many.parts.items():
                assert few.parts[part] == pytest.approx(value, rel=2e-4), (name, part)

    def test_pieces_are_bounded(self) -> None:
        """However far it jumps, the time is all there, once."""
        stress = wk.ageing.count([0.0, 1e9], [0.0, 1.0], [200.0, 440.0])
        assert stress.dwell_s.sum() == pytest.approx(1e9, rel=1e-12)
        assert stress.outside_s == pytest.approx(1e9 * (1.0 - 100.0 / 240.0), rel=0.02)

    @pytest.mark.parametrize(
        ("inputs", "place"),
        [
            ({"time_s": [0.0, 1.0], "soc": [0.5], "temperature_k": 300.0}, "time_s, soc"),
            ({"time_s": [1.0, 0.0], "soc": [0.5, 0.5], "temperature_k": 300.0}, "time_s"),
            ({"time_s": [0.0, 1.0], "soc": [50.0, 60.0], "temperature_k": 300.0}, "soc"),
            ({"time_s": [0.0, 1.0], "soc": [0.5, math.nan], "temperature_k": 300.0}, "soc"),
            ({"time_s": [0.0, 1.0], "soc": [0.5, 0.5], "temperature_k": 25.0}, "temperature_k"),
            ({"time_s": [0.0, 1.0], "soc": [0.5, 0.5], "temperature_k": 300.0, "method": "rain"}, "method"),
            (
                {"time_s": [0.0, 1.0], "soc": [0.5, 0.5], "temperature_k": 300.0, "dead_band_soc": -1.0},
                "dead_band_soc",
            ),
            ({"time_s": [0.0, 1.0], "soc": [0.5, 0.5], "temperature_k": 300.0, "engine": "cuda"}, "engine"),
            ({"time_s": [0.0, 1.0], "soc": [0.5, 0.6], "temperature_k": 300.0, "repeating": True}, "soc"),
        ],
    )
    def test_bad_input_is_refused(self, inputs: dict[str, object], place: str) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            wk.ageing.count(**inputs)  # type: ignore[arg-type]
        assert place in [fault.place for fault in caught.value.faults]

    def test_all_faults_at_once(self) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            wk.ageing.count([1.0, 0.0], [2.0, 3.0], 20.0)
        assert len(caught.value.faults) == 3


class TestProjection:
    """Years from one repetition."""

    MODEL = "naumann-lfp"

    def test_without_feedback_it_is_the_full_run(self) -> None:
        """Ten years, every day counted one after the other: the same but for rounding."""
        model, duty = wk.ageing.model(self.MODEL), day()
        counter = wk.ageing.Counter(duty.soc[0], duty.temperature_k[0])
        days = 3652
        counter.run(duty.soc[1:], duty.temperature_k[1:], duty.elapsed_s)
        counter.clear()
        for _ in range(days):
            counter.run(duty.soc[1:], duty.temperature_k[1:], duty.elapsed_s)
        full = model.fade(counter.stress())
        quick = wk.ageing.project(model, duty, days / 365.25, feedback=False).fade
        for name, value in full.parts.items():
            assert quick.parts[name] == pytest.approx(value, rel=1e-11), name

    @pytest.mark.parametrize("name", ["naumann-lfp", "lfp-250ah", "nmc-50ah-b1"])
    def test_with_feedback_the_error_falls_with_the_square_of_the_steps(self, name: str) -> None:
        model, duty = wk.ageing.model(name), day()
        full = wk.ageing.project(model, duty, 8.0, macro_steps=None)
        error = []
        for steps in (4, 8, 16, 32):
            quick = wk.ageing.project(model, duty, 8.0, macro_steps=steps)
            assert quick.time_s[-1] == pytest.approx(full.time_s[-1], rel=1e-12)
            error.append(abs(quick.fade.capacity_loss - full.fade.capacity_loss))
        ratio = np.array(error[:-1]) / np.array(error[1:])
        assert (ratio > 3.0).all(), error
        assert error[-1] < 3e-6
        assert abs(
            full.fade.capacity_loss - wk.ageing.project(model, duty, 8.0, feedback=False).fade.capacity_loss
        ) > (100.0 * error[-1])

    def test_as_many_steps_as_days_are_the_full_run(self) -> None:
        model, duty = wk.ageing.model(self.MODEL), day()
        days = 40
        full = wk.ageing.project(model, duty, days / 365.25, macro_steps=None)
        fade = None
        for _ in range(days):
            fade = model.fade(
                duty.stress()
                if fade is None
                else duty.stress(1.0 / fade.soh_capacity, fade.soh_capacity, fade.soh_resistance or 1.0),
                start=fade,
            )
        assert fade is not None
        assert full.fade.capacity_loss == pytest.approx(fade.capacity_loss, rel=1e-12)
        assert len(full.time_s) == days + 1

    def test_throughput_is_conserved_while_the_swing_fits(self) -> None:
        found = wk.ageing.project(wk.ageing.model(self.MODEL), day(0.6), 5.0)
        days = found.time_s[-1] / 86400.0
        assert found.equivalent_full_cycles[-1] == pytest.approx(0.6 * days, rel=1e-9)
        assert (np.diff(found.soh_capacity) < 0.0).all()
        assert found.soh_resistance is not None
        assert (np.diff(found.soh_resistance) > 0.0).all()

    def test_a_swing_that_is_cut_is_told(self) -> None:
        found = wk.ageing.project(wk.ageing.model(self.MODEL), day(0.99), 5.0)
        assert any("outgrown" in text for text in found.fade.cautions)

    def test_a_battery_that_is_worn_out_ends_at_zero(self) -> None:
        found = wk.ageing.project(wk.ageing.model("nmc111-sanyo"), day(0.9), 40.0)
        assert found.fade.soh_capacity == 0.0
        assert np.isfinite(found.soh_capacity).all()

    @pytest.mark.parametrize("bad", [{"years": 0.0}, {"years": math.nan}, {"years": 1.0, "macro_steps": 0}])
    def test_bad_input_is_refused(self, bad: dict[str, float]) -> None:
        with pytest.raises(wk.ScenarioError):
            wk.ageing.project(wk.ageing.model(self.MODEL), day(), **bad)  # type: ignore[arg-type]

    def test_a_duty_must_close(self) -> None:
        with pytest.raises(wk.ScenarioError, match="must close"):
            wk.ageing.duty([0.0, 1.0], [0.5, 0.6], 298.15)


class TestLife:
    def test_rest_in_closed_form(self) -> None:
        """q = k sqrt(t): 20 % after (0.2 / k)^2."""
        model = wk.ageing.model("naumann-lfp")
        rest = wk.ageing.count([0.0, YEAR_S], [0.5, 0.5], 298.15)
        life = wk.ageing.years_to(model, rest)
        first = model.fade(rest).capacity_loss
        assert life.closed_form
        assert life.years == pytest.approx((0.2 / first) ** 2, rel=1e-12)
        assert life.fade is not None
        assert life.fade.soh_capacity == pytest.approx(0.8, rel=1e-12)
        assert life.equivalent_full_cycles == 0.0
        half = wk.ageing.years_to(model, rest, start=model.fade(rest * (0.5 * life.years)))
        assert half.years == pytest.approx(0.5 * life.years, rel=1e-9)

    @pytest.mark.parametrize("name", wk.ageing.models())
    @pytest.mark.parametrize("target", [0.95, 0.8, 0.6])
    def test_the_root_is_where_the_fade_is(self, name: str, target: float) -> None:
        model, stress = wk.ageing.model(name), day(0.8).stress()
        life = wk.ageing.years_to(model, stress, target)
        if life.fade is None:  # the sigmoid ends below this loss
            assert life.years == math.inf
            assert model.fade(stress * 4e5).capacity_loss < 1.0 - target
        else:
            assert life.fade.capacity_loss == pytest.approx(1.0 - target, rel=1e-9)
            assert life.repetitions == pytest.approx(life.years * 365.25, rel=1e-9)
            assert life.equivalent_full_cycles == pytest.approx(0.8 * life.repetitions, rel=1e-9)

    def test_bad_input_is_refused(self) -> None:
        with pytest.raises(wk.ScenarioError):
            wk.ageing.years_to(wk.ageing.model("lfp-250ah"), day().stress(), 1.2)

    def test_already_there(self) -> None:
        model, stress = wk.ageing.model("naumann-lfp"), day().stress()
        assert wk.ageing.years_to(model, stress, start=model.fade(stress * 1e5)).years == 0.0


class TestAugmentation:
    MODEL = "lfp-250ah"

    def plan(self, **changes: float) -> wk.ageing.Augmentation:
        given = {"required_energy_j": 1e9, "years": 20.0, "interval_years": 5.0} | changes
        return wk.ageing.augmentation(wk.ageing.model(self.MODEL), day(0.85), **given)

    def test_the_energy_is_kept_and_just_met(self) -> None:
        plan = self.plan()
        assert [a.year for a in plan.additions] == pytest.approx([0.0, 5.0, 10.0, 15.0])
        energy = np.array(plan.energy_j)
        assert energy.min() >= 1e9 * (1.0 - 2e-7)
        at_ends = [energy[np.searchsorted(plan.years, year - 1e-9)] for year in (5.0, 10.0, 15.0, 20.0)]
        assert at_ends == pytest.approx([1e9] * 4, rel=2e-7)
        assert plan.installed_j == pytest.approx(sum(a.energy_j for a in plan.additions))

    def test_vintages_age_by_themselves(self) -> None:
        plan = self.plan()
        loss = [a.fade.capacity_loss for a in plan.additions if a.fade is not None]
        assert len(loss) == 4
        assert (np.diff(loss) < 0.0).all()
        total = sum(a.energy_j * a.fade.soh_capacity for a in plan.additions if a.fade is not None)
        assert total == pytest.approx(plan.energy_j[-1], rel=1e-12)

    def test_what_is_built_first_lasts_until_it_falls_short(self) -> None:
        plan = self.plan(initial_energy_j=1.1e9)
        first, second = plan.additions[:2]
        assert first.energy_j == 1.1e9
        assert second.year > 1.0
        short = plan.energy_j[int(np.searchsorted(plan.years, second.year - 1e-9))]
        assert short == pytest.approx(1e9, rel=1e-6)
        assert len(self.plan(initial_energy_j=3e9).additions) == 1

    def test_the_step_hardly_matters(self) -> None:
        coarse, fine = self.plan(step_years=1.0), self.plan(step_years=0.25)
        assert coarse.installed_j == pytest.approx(fine.installed_j, rel=2e-5)

    def test_one_interval_is_the_projection(self) -> None:
        """Without an addition the plant is one battery under conserved energy."""
        plan = self.plan(years=5.0, step_years=0.1)
        (built,) = plan.additions
        duty = day(0.85)
        scaled = dataclasses.replace(duty, soc=0.5 + (duty.soc - 0.5) * 1e9 / built.energy_j)
        alone = wk.ageing.project(wk.ageing.model(self.MODEL), scaled, 5.0)
        assert built.fade is not None
        assert built.fade.capacity_loss == pytest.approx(alone.fade.capacity_loss, rel=1e-4)

    def test_a_battery_that_does_not_last_is_refused(self) -> None:
        with pytest.raises(wk.ScenarioError, match="interval_years"):
            wk.ageing.augmentation(
                wk.ageing.model("nmc111-sanyo"),
                day(0.9),
                required_energy_j=1.0,
                years=40.0,
                interval_years=40.0,
            )

    def test_bad_input_is_refused(self) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            self.plan(years=-1.0, interval_years=0.0, initial_energy_j=1.0)
        assert len(caught.value.faults) == 3

    @pytest.mark.parametrize(
        ("bad", "place"),
        [
            ({"step_years": 1e-6}, "step_years"),
            ({"step_years": 100.0}, "step_years"),
            ({"interval_years": 1e-6}, "interval_years"),
            ({"years": 1e9}, "years"),
            ({"required_energy_j": "1 GJ"}, "required_energy_j"),
        ],
    )
    def test_what_would_never_end_is_refused(self, bad: dict[str, float], place: str) -> None:
        with pytest.raises(wk.ScenarioError) as caught:
            self.plan(**bad)
        assert [fault.place for fault in caught.value.faults] == [place]

    def test_energies_are_nominal_and_a_short_interval_has_a_short_step(self) -> None:
        plan = self.plan(years=0.5, interval_years=0.25)
        assert (plan.basis, plan.required_energy_j) == ("nominal", 1e9)
        assert len(plan.additions) == 2


NAUMANN = wk.ageing.model("naumann-lfp")


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (lambda a: a.model(["x"]), "model"),
        (lambda a: a.model(None), "model"),
        (lambda a: a.project("nowhere", day(), 1.0), "model"),
        (lambda a: a.project(NAUMANN, day().stress(), 15), "repeated"),
        (lambda a: a.project(NAUMANN, day(), 15, start=0.9), "start"),
        (lambda a: a.project(NAUMANN, day(), "15"), "years"),
        (lambda a: a.project(NAUMANN, day(), 1e5), "years"),
        (lambda a: a.project(NAUMANN, day(), 1.0, macro_steps=2.5), "macro_steps"),
        (lambda a: a.duty("a", "b", "c"), "time_s"),
        (lambda a: a.duty([0, 3600, 7200], [0.9, 0.1, 0.9], [298, 299]), "temperature_k"),
        (lambda a: a.duty([0, 1], [0.5, 0.5], 298.0, ambient_k=20.0), "ambient_k"),
        (lambda a: a.duty([0, 1], [0.5, 0.5], 298.0, pivot_soc="x"), "pivot_soc"),
        (lambda a: a.duty([0, 1], [0.5, 0.5], 298.0, engine=["native"]), "engine"),
        (lambda a: a.years_to(NAUMANN, 3.0), "stress"),
        (lambda a: a.years_to(NAUMANN, day(), "0.8"), "soh_capacity"),
        (lambda a: a.augmentation("x", day(), required_energy_j=1, years=1, interval_years=1), "model"),
        (lambda a: a.augmentation(NAUMANN, 3, required_energy_j=1, years=1, interval_years=1), "repeated"),
        (lambda a: a.count([0, 1], [0.5, 0.5], 298.0, soh_capacity=0), "soh_capacity"),
        (lambda a: a.count([0, 1], [0.5, 0.5], 298.0, soh_capacity=80), "soh_capacity"),
        (lambda a: a.count([0, 1], [0.5, 0.5], 298.0, log_rows=-1), "log_rows"),
        (lambda a: a.count([0, 1], [0.5, None], 298.0), "soc"),
        (lambda a: a.of_run(3.0, "bess"), "result"),
        (lambda a: day().stress(soh_capacity=80.0), "soh_capacity"),
        (lambda a: NAUMANN.fade(day()), "stress"),
        (lambda a: NAUMANN.calendar("x", 0.5, 298.15), "time_s"),
        (lambda a: NAUMANN.calendar(1.0, 50.0, 25.0), "soc"),
        (lambda a: NAUMANN.cycle(1.0, 80.0, 1.0, 298.15), "depth"),
    ],
)
def test_mistakes_are_faults(call: Callable[[Any], Any], place: str) -> None:
    with pytest.raises(wk.ScenarioError) as caught:
        call(wk.ageing)
    assert caught.value.faults[0].place == place
    assert all(fault.remedy for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ({"method": "astm"}, 'write "rainflow" or "half_cycle"'),
        ({"dead_band_soc": -1.0}, "give a number at least 0 and at most 0.5"),
        ({"rest_c_rate": "x"}, "give a number at least 0 and at most 1"),
    ],
)
def test_settings_are_refused_in_words(setting: dict[str, Any], remedy: str) -> None:
    with pytest.raises(wk.ScenarioError) as caught:
        wk.ageing.duty([0.0, 1.0], [0.5, 0.5], 298.15, **setting)
    (fault,) = caught.value.faults
    assert fault.remedy == remedy
    assert "Input should" not in str(caught.value)


def test_a_model_by_name_and_a_duty_for_its_stress() -> None:
    name, duty = NAUMANN.name, day()
    assert wk.ageing.model(NAUMANN) is NAUMANN
    by_name, by_model = (wk.ageing.project(each, duty, 2.0).fade for each in (name, NAUMANN))
    assert by_name.parts == by_model.parts
    assert wk.ageing.years_to(name, duty).years == wk.ageing.years_to(NAUMANN, duty.stress()).years
    plan = {"required_energy_j": 1.0, "years": 1.0, "interval_years": 1.0}
    assert (
        wk.ageing.augmentation(name, duty, **plan).installed_j
        == wk.ageing.augmentation(NAUMANN, duty, **plan).installed_j
    )


def test_a_battery_counts_what_it_does(engine: str) -> None:
    """Counting inside a run gives what counting its recorded SoC and temperature afterwards gives."""
    cell = wk.parameters.preset("battery", "lfp-sony-26650", strings=1.0, soc_initial=0.5, refresh_s=1.0)
    power_w = np.tile(np.repeat([6.0, -6.4, 0.0], [900, 800, 300]), 3)
    run = wk.stages.battery(
        cell, power_w=power_w, time_step_s=1.0, ageing=wk.parameters.Ageing(), engine=engine
    )
    stress = run.stress
    assert stress is not None
    assert stress.elapsed_s == 6000.0
    assert stress.throughput_fec == pytest.approx(
        0.5 * np.abs(np.diff(run.soc, prepend=0.5)).sum(), rel=1e-12
    )
    time_s = np.arange(6001.0)
    after = wk.ageing.count(
        time_s,
        np.append(0.5, run.soc),
        np.append(cell.temperature_initial_k, run.temperature_k),
        engine=engine,
    )
    model = wk.ageing.model("naumann-lfp")
    assert model.fade(stress).parts["calendar capacity"] == pytest.approx(
        model.fade(after).parts["calendar capacity"], rel=1e-6
    )
    assert wk.stages.battery(cell, power_w=power_w, time_step_s=1.0, engine=engine).stress is None


def test_stress_of_a_run_of_a_site() -> None:
    scenario = wk.load(ROOT / "examples/quickstart.toml", ["simulation.duration_s=20"])
    result = wk.simulate(scenario)
    unit = next(iter(scenario.model.storage))
    stress = wk.ageing.of_run(result, unit)
    soc = result.envelopes[0].of(f"storage.{unit}.soc")[2]
    assert stress.throughput_fec == pytest.approx(0.5 * np.abs(np.diff(soc)).sum(), rel=1e-9)
    assert 0.0 < wk.ageing.model("lfp-250ah").fade(stress).capacity_loss < 1e-3
    with pytest.raises(wk.ScenarioError, match="is no battery of this site"):
        wk.ageing.of_run(result, "nowhere")
