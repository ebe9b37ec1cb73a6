"""Laws of frequency models and grid support: bounded, without drift, the same however a run is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import lossless_site, state_bits

import wattkeel as wk
from wattkeel import frequency, support
from wattkeel.engine import Engine
from wattkeel.parameters import Converter, Grid, RemoteArea, SheddingStage, Support
from wattkeel.scenario import Scenario

MODELS = ["swing", "sfr", "reheat", "two_area"]
LAWS = settings(max_examples=min(60, settings.default.max_examples), deadline=None)
BARE: dict[str, Any] = {
    "rated_power_w": 1e9, "scr": 1000.0, "power_factor": 1.0, "transformer_no_load_loss": 0.0,
    "transformer_load_loss": 0.0,
}  # fmt: skip


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Any model with settings that real areas have."""

    def area() -> dict[str, float]:
        return {
            "inertia_s": draw(st.floats(1.0, 10.0)),
            "damping": draw(st.floats(0.5, 5.0)),
            "droop": draw(st.floats(0.03, 0.2)),
            "governor_time_constant_s": draw(st.floats(0.05, 0.3)),
            "reheat_time_constant_s": draw(st.floats(4.0, 12.0)),
            "high_pressure_fraction": draw(st.floats(0.2, 0.5)),
        }

    return Grid(
        frequency_model=draw(st.sampled_from(MODELS)),
        area_share=draw(st.floats(0.1, 0.9)),
        synchronising_pu=draw(st.floats(0.01, 1.0)),
        remote=draw(st.none() | st.builds(lambda: RemoteArea(**area()))),
        **area(), **BARE,
    )  # fmt: skip


@LAWS
@given(grids(), st.sampled_from([1e-3, 2e-2, 1.0]), st.integers(0, 2**32 - 1))
def test_response_is_bounded_by_that_of_the_model(grid: Grid, tick_s: float, seed: int) -> None:
    """Any load within bounds moves the frequency by at most the area of the impulse response."""
    system = frequency.frequency_model(grid)
    assert system.poles().real.max() < 0.0
    ticks = 400
    load_pu = np.random.default_rng(seed).uniform(-0.02, 0.02, ticks)
    load_pu[0] = 0.0
    power_w = 0.5 * grid.system_power_w + load_pu * grid.system_power_w
    run = wk.stages.grid(grid, power_w=power_w, time_step_s=tick_s)
    step, held = system.step(tick_s)
    state, area = held[:, 0], np.zeros(2)
    for _ in range(ticks):
        area += np.abs(system.c @ state)
        state = step @ state
    for got_hz, bound in zip((run.frequency_hz, run.remote_frequency_hz), area, strict=True):
        assert np.abs(got_hz / 60.0 - 1.0).max() <= 0.021 * bound + 1e-12


@LAWS
@given(grids(), st.sampled_from([1e-3, 0.1, 1.0]))
def test_final_deviation_is_the_gain_of_the_model(grid: Grid, tick_s: float) -> None:
    system = frequency.frequency_model(grid)
    slow_s = -1.0 / float(system.poles().real.max())
    ticks = min(200_000, int(40.0 * slow_s / tick_s) + 2)
    power_w = np.full(ticks, 0.51 * grid.system_power_w)
    power_w[0] = 0.5 * grid.system_power_w
    run = wk.stages.grid(grid, power_w=power_w, time_step_s=tick_s)
    settled = 0.01 * system.gain()[:, 0]
    # The poles that rule decay by exp(-40) in the longest runs, and less where the run is cut.
    slack = 1e-9 + np.exp(-ticks * tick_s / slow_s)
    assert run.frequency_hz[-1] / 60.0 - 1.0 == pytest.approx(settled[0], abs=slack)
    assert run.remote_frequency_hz[-1] / 60.0 - 1.0 == pytest.approx(settled[1], abs=slack)


@LAWS
@given(grids())
def test_at_rest_it_stays_there(grid: Grid) -> None:
    """A deviation ends on the grid of the states: no denormals, no cycle that is worth a microhertz."""
    power_w = np.full(200_000, 0.5 * grid.system_power_w)
    power_w[1:1000] *= 1.02
    run = wk.stages.grid(grid, power_w=power_w, time_step_s=1e-2)
    assert np.abs(run.frequency_hz[-1000:] - 60.0).max() <= 1e-7
    small = np.abs(run.frequency_hz / 60.0 - 1.0)
    assert small[small > 0.0].min() >= 2.0**-54


@LAWS
@given(
    st.floats(0.0, 200.0), st.floats(0.0, 20.0), st.floats(0.0, 0.5), st.floats(0.1, 1.0),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_support_keeps_its_limits_and_its_sign(
    gain: float, inertia_s: float, band_hz: float, limit: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    unit = Converter(rated_power_w=1e8)
    given_hz = 60.0 + np.cumsum(rng.normal(0.0, 0.01, 1000))
    params = Support(
        frequency_gain=gain,
        inertia_s=inertia_s,
        frequency_deadband_hz=band_hz,
        up_limit=limit,
        down_limit=0.5,
    )
    asked: dict[str, Any] = {"frequency_hz": given_hz, "time_step_s": 1e-2, "nominal_frequency_hz": 60.0}
    power_w = wk.stages.support(params, unit, **asked).power_w
    assert power_w.max() <= limit * 1e8
    assert power_w.min() >= -0.5e8
    droop = params.model_copy(update={"inertia_s": 0.0, "frequency_time_constant_s": 1e-4})
    power_w = wk.stages.support(droop, unit, **asked).power_w
    # With a lag of a hundredth of a tick, a mean lies between the frequency and that of the tick before.
    deviation = np.stack((given_hz - 60.0, np.concatenate(([0.0], given_hz[:-1] - 60.0))))
    assert (power_w[(deviation < 0.0).all(axis=0)] >= 0.0).all()
    assert (power_w[(deviation > 0.0).all(axis=0)] <= 0.0).all()
    assert np.abs(power_w[(np.abs(deviation) <= band_hz - 1e-9).all(axis=0)]).max(initial=0.0) == 0.0
    if gain >= 1.0:
        assert (power_w[(deviation < -band_hz - 1e-6).all(axis=0)] > 0.0).all()


def supporting_site(model: str, duration_s: float, tick_s: float = 1e-3) -> Scenario:
    """A job that swings by a fifth of its area, in front of a battery with all kinds of support."""
    tables = {
        "simulation": {"duration_s": duration_s, "tick_s": tick_s},
        "workload": {"job": {"kind": "training", "period_s": 2.3, "compute_pu": 1.0, "communication_pu": 0.5,
                             "edge_s": 0.0, "period_jitter": 0.05}},
        "storage": {"bess": {
            "kind": "battery", "battery": {"energy_j": 1e12},
            "converter": {"rated_power_w": 4e7, "delay_s": tick_s},
            "support": {"frequency_gain": 40.0, "inertia_s": 5.0, "frequency_deadband_hz": 0.02,
                        "voltage_gain": 5.0, "response_power": 0.3, "response_threshold_hz": 59.94,
                        "response_rest_s": 20.0},
        }},
        "control": {"target": "off", "period_s": tick_s},
        "grid": {"frequency_model": model, "system_power_w": 5e8, "scr": 5.0, "load_shedding": [
            {"threshold_hz": 59.92, "delay_s": 0.0, "share": 0.02, "site_share": 0.1},
        ]},
        "record": {"full_rate": ["poi.frequency_hz"]},
    }  # fmt: skip
    return Scenario.from_dict(lossless_site(1e8, tables))


@pytest.mark.parametrize("model", MODELS)
def test_splits_engines_and_restores_change_no_bit(model: str) -> None:
    scenario = supporting_site(model, 30.0)
    whole, other, numba = Engine(scenario), Engine(scenario), Engine(scenario, engine="numba")
    whole.step(20_000)
    for part in (1, 2, 7_777, 5, 12_215):
        other.step(part)
        if part == 7_777:
            kept = other.snapshot()
            other.step(50)
            other.restore(kept)
    numba.step(20_000)
    assert whole.plant.shedding_state[0].tripped == 2
    assert state_bits(whole) == state_bits(other) == state_bits(numba)


@pytest.mark.parametrize("model", MODELS)
def test_an_area_of_many_hours_does_not_drift(model: str) -> None:
    """10^7 ticks through the closed loop: after a job the frequency is back, and as it was an hour before."""
    tick_s, ticks = 1e-3, 10_000_000
    scenario = supporting_site(model, ticks * tick_s)
    quiet = {"workload.job.stop_s": 9000.0, "grid.load_shedding": [], "grid.reference_power_w": 0.0}
    engine = Engine(scenario.with_overrides(quiet))
    engine.step(ticks // 2)
    assert np.isfinite(list(engine.state.values())).all()
    engine.step(ticks // 2)
    final = engine.state
    # The area is balanced for the mean of the job; without it, it rests where the loop's gain says.
    rest_pu = -float(engine.plant.grid_state[0].reference_w) / 5e8
    power_pu = (final["poi.power_w"] - float(engine.plant.grid_state[0].reference_w)) / 5e8
    gain = float(frequency.frequency_model(scenario.model.grid).gain()[0, 0])
    assert rest_pu < power_pu < 0.0  # the battery absorbs
    assert final["poi.frequency_hz"] / 60.0 - 1.0 == pytest.approx(gain * power_pu, rel=1e-9)
    residual = engine.meters()["poi.rocof_hz_per_s"] - (final["poi.frequency_hz"] - 60.0)
    assert abs(residual) <= 1e-9


@LAWS
@given(st.lists(st.floats(59.0, 61.0).filter(lambda hz: abs(hz - 60.0) > 0.01), min_size=1, max_size=5))
def test_shedding_latches_and_sums(thresholds: list[float]) -> None:
    stages = tuple(SheddingStage(threshold_hz=hz, delay_s=0.0, share=0.01) for hz in thresholds)
    events = (
        wk.parameters.GridEvent(start_s=0.1, duration_s=0.1, frequency_offset_hz=-2.0),
        wk.parameters.GridEvent(start_s=0.3, duration_s=0.1, frequency_offset_hz=2.0),
    )
    grid = Grid(frequency_model="fixed", load_shedding=stages, event=events, **BARE)
    run = wk.stages.grid(grid, power_w=np.zeros(500), time_step_s=1e-3)
    shed = run.shed_power_w / grid.system_power_w
    under = 0.01 * sum(hz < 60.0 for hz in thresholds)
    assert shed[:101] == pytest.approx(0.0)
    assert shed[101:301] == pytest.approx(under)
    assert shed[301:] == pytest.approx(under - 0.01 * sum(hz > 60.0 for hz in thresholds))


def test_margin_of_known_loops() -> None:
    """Loops whose closed poles are known: a gain with one delay is stable below 1."""
    z = np.exp(1j * np.pi * np.logspace(-8.0, 0.0, 4000))
    for gain, stable in ((0.9, True), (1.1, False)):
        assert (support.margin(gain / z) > 0.0) is stable
    assert support.margin(0.9 / z) == pytest.approx(0.1, rel=1e-6)
    assert support.margin(0.0 * z) == 1.0
    # An integrator with a lag in the sampled plane: x+ = x - k y, y+ = c y + (1 - c) x; Jury's limit.
    c = 0.5
    for gain, stable in ((0.98, True), (1.02, False)):
        loop = gain / (z - 1.0) * (1.0 - c) / (z - c)
        assert (support.margin(loop) > 0.0) is stable
