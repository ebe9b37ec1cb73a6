"""Laws of every battery: energy goes somewhere, losses are losses, limits hold, runs can be split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wattkeel as wk
from wattkeel import battery_stage, stages
from wattkeel._generated import dtypes
from wattkeel.errors import ScenarioError
from wattkeel.parameters import Battery, preset
from wattkeel.presets.catalogue import list_presets
from wattkeel.prototype.battery import CURRENT, POWER

SWEEP = settings(max_examples=min(12, settings.default.max_examples), deadline=None)
LAWS = settings(
    max_examples=min(40, settings.default.max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
PRESETS = [each.name for each in list_presets("battery")]
# Chemical energy against terminals, heat and polarisation: rounding of sums of a few thousand ticks.
CLOSES = 1e-9


def battery_of(name: str, **values: Any) -> Battery:
    """A preset's cells as one string, with values laid over."""
    made = preset("battery", name)
    assert isinstance(made, Battery)
    size = {} if made.strings or made.energy_j else {"strings": 1.0}
    return made.model_copy(update=size | values)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """SoC, temperature, age and rate of a battery, anywhere that a user may go."""
    return {
        "soc_initial": draw(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.05, 0.95, 1.0]))),
        "temperature_initial_k": draw(st.floats(243.15, 343.15)),
        "soh_capacity": draw(st.floats(0.6, 1.0)),
        "soh_resistance": draw(st.floats(1.0, 3.0)),
        "hysteresis_initial": draw(st.floats(-1.0, 1.0)),
        "coulombic_efficiency": draw(st.sampled_from([1.0, 0.99])),
        "self_discharge_per_s": draw(st.sampled_from([0.0, 1e-8])),
        "soc_min": 0.0,
        "soc_max": 1.0,
    }


def waves(battery: Battery, rate_c: float, seed: int, ticks: int) -> np.ndarray:
    """Random blocks of power of up to ``rate_c``, rests among them, W."""
    rng = np.random.default_rng(seed)
    nominal_w = battery.cell_voltage_v * battery.cell_capacity_ah * battery.cells_series
    strings = battery.strings or battery.energy_j / (3600.0 * nominal_w)
    blocks = rng.uniform(-1.0, 1.0, 40) * rng.choice([0.0, 1e-3, 1.0, 1.0], 40)
    return rate_c * nominal_w * strings * np.repeat(blocks, -(-ticks // 40))[:ticks]


@pytest.mark.parametrize("name", PRESETS)
@LAWS
@given(
    condition=conditions(),
    rate_c=st.sampled_from([0.01, 0.2, 1.0, 5.0]),
    tick_s=st.sampled_from([1e-4, 1e-3, 0.1, 1.0, 10.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_energy_closes_and_losses_are_losses(
    name: str, condition: dict[str, Any], rate_c: float, tick_s: float, seed: int
) -> None:
    """ST-25: the test that a simulator fails whose hysteresis has one sign in charge and discharge.

    Irreversible heat is a sum of squares in this model but for the hysteresis, whose turnover in a tick is
    foreseen; what that misses is of second order in the tick and far below the resistive heat.
    """
    battery = battery_of(name, **condition)
    power_w = waves(battery, rate_c, seed, 2000)
    run = stages.battery(battery, power_w=power_w, time_step_s=tick_s)
    assert run.stress is None
    for field in set(run.__dataclass_fields__) - {"stress"}:
        assert np.isfinite(getattr(run, field)).all(), field
    passed_w = np.abs(run.cell_power_w) + np.abs(run.power_w)
    residual_w = run.cell_power_w - run.power_w - run.loss_w - run.polarisation_power_w
    assert np.abs(residual_w).max() <= 1e-13 * max(passed_w.max(), 1e-300)
    assert abs(residual_w.sum()) <= CLOSES * passed_w.sum()
    assert run.loss_w.min() >= -1e-14 * passed_w.max()
    within = run.limited == 0
    assert (run.power_w[within] == power_w[within]).all()
    asked, got = power_w[~within], run.power_w[~within]
    assert (np.abs(got) <= np.abs(asked) * (1.0 + 1e-12)).all()
    assert (
        run.voltage_v[within] <= battery.cells_series * battery.cell_voltage_max_v * (1.0 + 1e-12)
    ).all() or (condition["soc_initial"] > 0.9)
    step = np.abs(np.diff(run.soc, prepend=condition["soc_initial"])).max()
    assert run.soc.min() >= min(condition["soc_initial"], 0.0) - step - 1e-12
    assert run.soc.max() <= 1.0 + 1e-12


@pytest.mark.parametrize("name", PRESETS)
def test_chemical_energy_is_that_of_the_table(name: str) -> None:
    """What leaves the chemistry is the integral of the OCV over the charge moved, whatever the path."""
    cell = battery_of(name, soc_initial=0.8, soc_min=0.0, soc_max=1.0, cell_heat_capacity_j_per_k=0.0)
    cell = cell.model_copy(update={"temperature_initial_k": cell.reference_temperature_k})
    tick_s = 0.1
    run = stages.battery(cell, power_w=waves(cell, 1.0, 7, 20000), time_step_s=tick_s)
    energy_j = run.cell_power_w.sum() * tick_s
    soc = np.linspace(0.8, run.soc[-1], 200001)
    ocv_v = np.interp(soc, cell.ocv_soc, cell.ocv_v)
    strings = cell.strings or cell.energy_j / (
        3600.0 * cell.cells_series * cell.cell_voltage_v * cell.cell_capacity_ah
    )
    stored_as = 3600.0 * cell.cell_capacity_ah * strings * cell.soh_capacity
    exact_j = -cell.cells_series * stored_as * np.trapezoid(ocv_v, soc)
    passed_j = np.abs(run.cell_power_w).sum() * tick_s
    # Second order in the tick: only the corners of the table within a tick are missed.
    assert energy_j == pytest.approx(exact_j, abs=1e-7 * passed_j)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("soc", [0.3, 0.6])
def test_a_round_trip_costs_energy(name: str, soc: float) -> None:
    """Out and back to the same state of charge takes more than it gave."""
    cell = battery_of(name, soc_initial=soc, self_discharge_per_s=0.0, coulombic_efficiency=1.0)
    out = np.full(3000, 0.2 * cell.cell_capacity_ah * (cell.strings or 1.0))
    run = stages.battery(cell, current_a=np.concatenate((out, -out)), time_step_s=0.1)
    if run.limited.any():
        pytest.skip("the preset's limits do not allow this duty here")
    assert run.soc[-1] == pytest.approx(soc, abs=1e-12)
    assert run.power_w.sum() < 0.0
    assert run.power_w[:3000].sum() < -run.power_w[3000:].sum()


@pytest.mark.parametrize("name", PRESETS)
def test_the_answer_does_not_depend_on_the_tick(name: str) -> None:
    """0.1 ms to 10 s give the same state; the difference falls at least with the tick.

    Temperature, resistances and limits are held between renewals, so that their part is of first order in the
    renewal period; so is, with a small factor, the expected turnover of the hysteresis at constant power.
    """
    cell = battery_of(name, soc_initial=0.4)
    power_w = waves(cell, 0.1 * min(cell.max_charge_c, cell.max_discharge_c), 11, 40)
    ends = {}
    for tick_s in (1e-3, 0.1, 1.0, 10.0):
        run = stages.battery(cell, power_w=np.repeat(power_w, round(20.0 / tick_s)), time_step_s=tick_s)
        assert not run.limited.any()
        ends[tick_s] = np.array(
            [run.soc[-1], run.loss_w.mean() / np.abs(power_w).mean(), run.temperature_k[-1] / 300.0]
        )
    for tick_s, slack in ((0.1, 1e-6), (1.0, 1e-5), (10.0, 1e-4)):
        assert ends[tick_s] == pytest.approx(ends[1e-3], abs=slack), tick_s


@pytest.mark.parametrize("name", PRESETS)
def test_finest_tick_agrees(name: str) -> None:
    """0.1 ms and 1 ms over two seconds of a 2 Hz wave."""
    cell = battery_of(name, soc_initial=0.6)
    nominal_w = cell.cell_voltage_v * cell.cell_capacity_ah * cell.cells_series * (cell.strings or 1.0)
    power_w = 0.5 * nominal_w * np.sign(np.sin(2.0 * np.pi * (2.0 * np.arange(2000) * 1e-3 + 1e-9)))
    coarse = stages.battery(cell, power_w=power_w, time_step_s=1e-3)
    fine = stages.battery(cell, power_w=np.repeat(power_w, 10), time_step_s=1e-4, every=10)
    assert coarse.soc[-1] == pytest.approx(fine.soc[-1], abs=1e-10)
    assert coarse.loss_w.sum() == pytest.approx(fine.loss_w.sum(), rel=1e-4)


@LAWS
@given(
    condition=conditions(),
    groups=st.integers(1, 5),
    mode=st.sampled_from([POWER, CURRENT]),
    seed=st.integers(0, 2**32 - 1),
)
def test_unequal_strings_share_and_close(
    condition: dict[str, Any], groups: int, mode: int, seed: int
) -> None:
    """Strings of one voltage: their currents sum to that of the terminals, and energy closes."""
    rng = np.random.default_rng(seed)
    share, begin = rng.uniform(0.2, 1.0, groups), condition["soc_initial"]
    spread = {
        "string_share": tuple(share / share.sum()),
        "string_capacity": tuple(rng.uniform(0.8, 1.05, groups)),
        "string_resistance": tuple(rng.uniform(0.9, 1.5, groups)),
        "string_soc": tuple(np.clip(begin + rng.uniform(-0.05, 0.05, groups), 0.0, 1.0) - begin),
    }
    cell = battery_of("lfp-sony-26650", **condition, **spread).model_copy(
        update={"strings": 40.0, "energy_j": 0.0}
    )
    command = waves(cell, 1.0, seed, 1500) / (cell.cell_voltage_v if mode == CURRENT else 1.0)
    drive = {"current_a": command} if mode == CURRENT else {"power_w": command}
    run = stages.battery(cell, time_step_s=1e-2, **drive)  # type: ignore[arg-type]
    residual_w = run.cell_power_w - run.power_w - run.loss_w - run.polarisation_power_w
    # Circulating currents pass energy from string to string that no total shows.
    scale_w = max(np.abs(run.cell_power_w).max(), 1.0)
    assert np.abs(residual_w).max() <= 1e-10 * scale_w
    assert run.loss_w.min() >= -1e-10 * scale_w
    assert run.power_w == pytest.approx(run.voltage_v * run.current_a, rel=1e-9, abs=1e-9 * scale_w)


def test_split_runs_and_copies_give_the_same_bits(engine: str) -> None:
    """The state is all there is: a run in parts, from a copied state, ends in the same bits."""
    cell = battery_of("lfp-sony-26650", soc_initial=0.5)
    power_w = waves(cell, 0.8, 3, 1200)
    ends = []
    for parts in ([1200], [1, 399, 7, 793]):
        unit = battery_stage.prepare(cell, None, 1e-3)
        at = 0
        for ticks in parts:
            out = [np.zeros(ticks) for _ in range(10)]
            one = [stages.one(array.copy(), engine) for array in unit[:3]]
            stages.kernel("battery_run", engine)(
                ticks,
                1,
                *one,
                POWER,
                unit.cell,
                unit.table,
                *battery_stage.uncounted().arguments(engine),
                power_w[at : at + ticks],
                *out,
                np.zeros(ticks, dtype=np.int64),
            )
            unit.state[0] = one[1][0] if engine == "native" else one[1]
            at += ticks
        ends.append((unit.cell.tobytes(), unit.state.tobytes()))
    assert ends[0] == ends[1]


def test_many_batteries_are_one_battery_many_times(engine: str) -> None:
    cell = battery_of("lfp-sony-26650")
    soc = np.linspace(0.1, 0.9, 70)
    power_w = np.stack([waves(cell, 1.0, k, 300) for k in range(70)], axis=1)
    many = stages.battery(cell, power_w=power_w, time_step_s=1e-2, soc_initial=soc, engine=engine)
    for k in (0, 33, 69):
        alone = cell.model_copy(update={"soc_initial": float(soc[k])})
        one = stages.battery(alone, power_w=power_w[:, k], time_step_s=1e-2, engine=engine)
        for name in ("power_w", "loss_w", "current_a", "soc", "temperature_k", "end_voltage_v"):
            assert getattr(many, name)[:, k].tobytes() == getattr(one, name).tobytes(), name


def test_rows_of_a_result_are_means(engine: str) -> None:
    cell = battery_of("lfp-sony-26650")
    power_w = waves(cell, 1.0, 5, 600)
    fine = stages.battery(cell, power_w=power_w, time_step_s=1e-2, engine=engine)
    rows = stages.battery(cell, power_w=power_w, time_step_s=1e-2, every=50, engine=engine)
    assert rows.loss_w == pytest.approx(fine.loss_w.reshape(-1, 50).mean(axis=1), rel=1e-12)
    assert rows.soc.tolist() == fine.soc[49::50].tolist()
    assert rows.limited.tolist() == fine.limited.reshape(-1, 50).sum(axis=1).tolist()


@pytest.mark.parametrize("shape", [(1003, 3, 100), (199, 70, 100), (100, 1, 100), (101, 2, 7), (5, 65, 1)])
def test_rows_are_whole_also_for_many_batteries(engine: str, shape: tuple[int, int, int]) -> None:
    """A rest that fills no row is left out: neither stepped nor written beyond the end."""
    ticks, batteries, every = shape
    cell = battery_of("lfp-sony-26650", soc_initial=0.5)
    power_w = np.stack([waves(cell, 1.0, k, ticks) for k in range(batteries)], axis=1)
    run = stages.battery(cell, power_w=power_w, time_step_s=0.1, every=every, engine=engine)
    whole = stages.battery(
        cell, power_w=power_w[: ticks // every * every], time_step_s=0.1, every=every, engine=engine
    )
    one = stages.battery(cell, power_w=power_w[:, -1], time_step_s=0.1, every=every, engine=engine)
    for name in ("power_w", "loss_w", "soc", "temperature_k", "end_voltage_v", "limited"):
        rows = getattr(run, name)
        assert rows.shape == (ticks // every, batteries), name
        assert rows.tobytes() == getattr(whole, name).tobytes(), name
        assert len(getattr(one, name)) == ticks // every, name
    assert run.soc[:, -1].tobytes() == one.soc.tobytes()


@pytest.mark.parametrize("every", [0, -1, 11, 2.5])
@pytest.mark.parametrize("shape", [(10,), (10, 4)])
def test_no_row_can_be_longer_than_the_run(engine: str, every: Any, shape: tuple[int, ...]) -> None:
    cell = battery_of("lfp-sony-26650")
    with pytest.raises(ScenarioError, match="every"):
        stages.battery(cell, power_w=np.zeros(shape), time_step_s=0.1, every=every, engine=engine)


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("lfp-")])
@pytest.mark.parametrize("tick_s", [1e-3, 0.1, 1.0, 10.0, 60.0])
@SWEEP
@given(
    soc=st.floats(0.1, 0.9),
    hysteresis=st.floats(-1.0, 1.0),
    rate=st.sampled_from([5.0, 50.0, 1000.0, 1e18]),
    step_v=st.sampled_from([0.003, 0.01, 0.03, 0.1]),
    held_ticks=st.sampled_from([1, 3, 20]),
    seed=st.integers(0, 2**32 - 1),
)
def test_steps_of_voltage_lose_energy(
    name: str, tick_s: float, soc: float, hysteresis: float, rate: float, step_v: float, held_ticks: int,
    seed: int,
) -> None:  # fmt: skip
    """Driven by voltage the hysteresis turns over under a current that nobody knows beforehand."""
    cell = battery_of(
        name, soc_initial=soc, hysteresis_initial=hysteresis, hysteresis_rate=rate, soc_min=0.0, soc_max=1.0
    )
    steps_v = np.random.default_rng(seed).uniform(-step_v, step_v, -(-300 // held_ticks))
    rest_v = np.interp(soc, cell.ocv_soc, cell.ocv_v)
    voltage_v = cell.cells_series * (rest_v + np.repeat(steps_v, held_ticks))
    run = stages.battery(cell, voltage_v=voltage_v, time_step_s=tick_s)
    passed_w = np.abs(run.cell_power_w) + np.abs(run.power_w) + np.abs(run.polarisation_power_w)
    residual_w = run.cell_power_w - run.power_w - run.loss_w - run.polarisation_power_w
    assert np.isfinite(run.loss_w).all()
    assert np.abs(residual_w).max() <= 1e-13 * passed_w.max()
    # A current of 1e-14 A is the rounding of two voltages: no share of it means anything.
    nominal_w = cell.cells_series * cell.cell_capacity_ah * cell.cell_voltage_v
    assert (run.loss_w >= -1e-12 * passed_w - 1e-15 * nominal_w).all()
    within = run.limited == 0
    assert run.voltage_v[within] == pytest.approx(voltage_v[within], rel=1e-12)


@LAWS
@given(
    ohm=st.floats(0.01, 3.0),
    jump=st.floats(1.0, 200.0),
    rate_c=st.floats(0.1, 10.0),
    tick_s=st.sampled_from([0.1, 1.0, 10.0, 60.0]),
    groups=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**32 - 1),
)
def test_power_delivered_is_voltage_times_current(
    ohm: float, jump: float, rate_c: float, tick_s: float, groups: int, seed: int
) -> None:
    """Also where polarisation eats the whole voltage: no power comes from nowhere."""
    strings = {"string_share": (0.5, 0.5), "string_soc": (0.02, -0.02)} if groups == 2 else {}
    cell = Battery(
        strings=2.0, cells_series=1, cell_capacity_ah=10.0, cell_voltage_v=3.3, cell_voltage_min_v=0.01,
        cell_voltage_max_v=5.0, ocv_soc=[0.0, 1.0], ocv_v=[3.0, 3.4], max_charge_c=10.0, max_discharge_c=10.0,
        soc_initial=0.5, soc_min=0.0, soc_max=1.0, resistance_soc=[0.0, 0.49, 0.5, 1.0],
        resistance_temperature_k=[298.15], resistance_discharge_ohm=[1e-3] * 4, rc_time_constant_s=[3600.0],
        rc_resistance_ohm=[ohm * jump, ohm * jump, ohm, ohm], hysteresis_soc=[0.0, 1.0],
        hysteresis_v=[0.05, 0.05], **strings,
    )  # fmt: skip
    power_w = np.abs(waves(cell, rate_c, seed, 200)) * np.random.default_rng(seed).choice([1, 1, 1, -1], 200)
    run = stages.battery(cell, power_w=power_w, time_step_s=tick_s)
    passed_w = np.abs(run.cell_power_w) + np.abs(run.power_w) + np.abs(run.polarisation_power_w)
    allowed_w = 1e-9 * passed_w + 1e-12 * np.abs(power_w).max()
    assert (np.abs(run.power_w - run.voltage_v * run.current_a) <= allowed_w).all()
    within = run.limited == 0
    assert (run.power_w[within] == power_w[within]).all()
    assert (np.abs(run.power_w) <= np.abs(power_w) * (1.0 + 1e-12)).all()


def polarised(engine: str, asked: float, groups: int = 1) -> stages.BatteryRun:
    """A cell whose slow branch has more voltage than the cell: its resistance rose with falling SoC."""
    cell = Battery(
        strings=2.0, cells_series=1, cell_capacity_ah=10.0, cell_voltage_v=3.3, cell_voltage_min_v=0.01,
        cell_voltage_max_v=5.0, ocv_soc=[0.0, 1.0], ocv_v=[3.0, 3.4], max_charge_c=10.0, max_discharge_c=10.0,
        soc_initial=0.55, soc_min=0.0, soc_max=1.0, cell_resistance_ohm=1e-3,
        resistance_soc=[0.0, 0.49, 0.5, 1.0], resistance_temperature_k=[298.15],
        resistance_discharge_ohm=[1e-3] * 4, rc_time_constant_s=[3600.0],
        rc_resistance_ohm=[1e3, 1e3, 0.05, 0.05], string_share=(1.0 / groups,) * groups if groups > 1 else (),
    )  # fmt: skip
    power_w = np.concatenate((np.full(5, 60.0), np.full(10, asked)))
    return stages.battery(cell, power_w=power_w, time_step_s=60.0, engine=engine)


@pytest.mark.parametrize("asked", [60.0, 0.0, -60.0])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_cell_without_voltage_gives_nothing(engine: str, asked: float, groups: int) -> None:
    """An inner voltage below zero: what is asked is not met, and that is told."""
    run = polarised(engine, asked, groups)
    after = slice(5, 15)
    assert (run.power_w[after] == 0.0).all()
    assert (run.limited[after] == (0 if asked == 0.0 else 1)).all()
    assert run.power_w == pytest.approx(run.voltage_v * run.current_a, abs=1e-9)


def test_hysteresis_wider_than_the_voltage_is_refused() -> None:
    cell = battery_of(
        "lfp-sony-26650", hysteresis_soc=(0.0, 1.0), hysteresis_v=(4.0, 4.0), hysteresis_initial=-1.0
    )
    with pytest.raises(ScenarioError, match="hysteresis"):
        stages.battery(cell, power_w=[1.0], time_step_s=1.0)
    scaled = cell.model_copy(update={"hysteresis_v": (0.5, 0.5), "hysteresis_scale": 8.0})
    with pytest.raises(ScenarioError, match="hysteresis"):
        stages.battery(scaled, power_w=[1.0], time_step_s=1.0)


def test_voltage_drive_charges_to_the_voltage_and_fades(engine: str) -> None:
    """CC-CV: at constant voltage the current falls and the SoC rises towards the OCV of that voltage."""
    cell = battery_of("lfp-sony-26650", soc_initial=0.85, soc_max=1.0)
    run = wk.stages.battery(
        cell, voltage_v=np.full(20000, 3.45 * cell.cells_series), time_step_s=1.0, engine=engine
    )
    held = run.limited == 0
    assert held[-1]
    assert run.voltage_v[held] == pytest.approx(3.45 * cell.cells_series, rel=1e-12)
    assert (np.diff(-run.current_a[held]) <= 1e-9).all()
    assert abs(run.current_a[-1]) < 0.01
    assert run.soc[-1] > 0.98


def test_a_container_holds_its_temperature(engine: str) -> None:
    """Heat of the cells, walls and HVAC balance: the air stays in the band, and cooling costs power."""
    heat = {"cell_heat_capacity_j_per_k": 5500.0, "cell_heat_transfer_w_per_k": 2.0}
    cell = battery_of("lfp-enerc-306ah", strings=10.0, energy_j=0.0, temperature_initial_k=298.15, **heat)
    container = wk.parameters.Container(
        wall_w_per_k=90.0, heat_capacity_j_per_k=2e6, ambient_temperature_k=308.15, cooling_power_w=300e3,
        heating_power_w=10e3, auxiliary_power_w=1000.0, band_k=2.0,
    )  # fmt: skip
    power_w = np.tile(np.repeat([1.5e6, -1.5e6], 900), 12)
    run = stages.battery(cell, power_w=power_w, time_step_s=1.0, container=container, engine=engine)
    on_w = 1000.0 + 300e3 / 3.0
    # Full power, or as much of it as leads to the set temperature.
    assert run.auxiliary_power_w.min() == 1000.0
    assert run.auxiliary_power_w.max() == pytest.approx(on_w, rel=1e-12)
    assert run.temperature_k.max() < 318.15
    cooled_w = 3.0 * (run.auxiliary_power_w - 1000.0)
    warmed_w = 10.0 * 416 * 5500.0 * (run.temperature_k[-1] - 298.15) / len(power_w)
    wall_w = 90.0 * 10.0  # within the band of 2 K around 25 degC, against 35 outside
    balance_w = run.loss_w.mean() + wall_w - cooled_w.mean() - warmed_w
    # What the band leaves open of the wall and of the air, and the reversible heat, which nearly cancels.
    assert abs(balance_w) < 90.0 * 4.0 + 2e6 * 4.0 / len(power_w) + 0.05 * run.loss_w.mean()


def test_every_row_of_the_cell_matrix_is_used() -> None:
    unit = battery_stage.prepare(battery_of("lfp-sony-26650"), None, 1e-3)
    assert unit.cell.shape == (dtypes.CELL_ROWS, 1)
