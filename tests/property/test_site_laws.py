"""Laws of every site: energy goes somewhere, limits are kept, bits do not depend on how it was run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sites import sites
from sites import Run, state_bits

import wattkeel as wk
from wattkeel.engine import Engine
from wattkeel.native import core
from wattkeel.plant import STORE_ENERGY_J
from wattkeel.scenario import Scenario

ISAS = core().build_info()["instruction_sets_available"]
LAWS = settings(
    max_examples=min(50, settings.default.max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def power_quantum_w(engine: Engine) -> float:
    """Step of the grid on which lane powers lie."""
    return float(engine.plant.site[0].power_round_w) / (1.5 * 2.0**52)


def stored_slack_j(engine: Engine) -> float:
    """Rounding of the signals of stored energy: each rack's is rounded to the energy quantum.

    Without shelf stores, or with stores that empty in less than the run, it is far below 1e-12 of the energy
    that passes; with stores of many runs' energy in many racks it is not.
    """
    quantum_j = float(engine.plant.site[0].energy_round_j) / (1.5 * 2.0**52)
    return sum(int(rack.lane_count) for rack in engine.plant.rack if rack.store_energy_j > 0.0) * quantum_j


def capped_racks(scenario: Scenario) -> dict[str, Any]:
    """Populations on which a cap acts: not those that replay power measured at their inlets."""
    jobs = scenario.model.workload
    return {
        name: rack
        for name, rack in scenario.model.rack.items()
        if (jobs[rack.workload].kind, jobs[rack.workload].trace_boundary) != ("trace", "rack")
    }


def events_of(engine: Engine, ticks: int) -> list[Any]:
    """Events of a stretch, chunk by chunk."""
    found = []
    while ticks > 0:
        part = min(ticks, engine.chunk_ticks)
        found += engine.advance(part).events.tolist()
        ticks -= part
    return found


@given(scenario=sites())
@LAWS
def test_every_joule_is_accounted_for(scenario: Scenario) -> None:
    result = wk.simulate(scenario, progress=False)
    assert abs(result.ledger.residual_relative) <= 1e-12


@given(scenario=sites())
@LAWS
def test_shelf_stores_hold_what_the_ledger_says(scenario: Scenario) -> None:
    """The ledger counts what went in and out; the energy is a state of its own and must agree."""
    engine = Engine(scenario)
    engine.step(engine.ticks)
    meters = engine.meters()
    for name, rack in scenario.model.rack.items():
        flowed_j = meters[f"rack.{name}.store_power_w"] + meters[f"rack.{name}.store_loss_w"]
        start_j = rack.count * rack.store_energy_j * rack.store_soc_initial
        left_j = engine.state[f"rack.{name}.store_energy_j"]
        rounding_j = stored_slack_j(engine) + 1e-12 * rack.count * rack.store_energy_j * engine.ticks
        assert abs(start_j - flowed_j - left_j) <= rounding_j


def lowest_soc(run: Run, unit: int, cells: Any) -> float:
    """Lower end of the SoC window, less what the cells lose below it by themselves."""
    lowest: float = min(cells.soc_min, cells.soc_initial)
    pool = run.engine.plant.supercapacitor[unit]
    length_s = run.engine.ticks * run.engine.tick_s
    if pool.energy_usable_j <= 0.0:
        return lowest * (1.0 - cells.self_discharge_per_s * length_s)
    energy_j = pool.energy_empty_j + lowest * pool.energy_usable_j
    return lowest - float(energy_j * pool.leakage_per_s * length_s / pool.energy_usable_j)


@given(scenario=sites())
@LAWS
def test_signals_are_finite_and_powers_have_their_sign(scenario: Scenario) -> None:
    run = Run(scenario)
    assert np.isfinite(run.values).all()
    assert (run["poi.voltage_pu"] >= 0.0).all()
    assert (run["poi.frequency_hz"] > 0.0).all()
    largest_w = max(float(np.abs(run[name]).max()) for name in run.names("power_w"))
    for name in run.names("loss_w"):
        # a converter's loss is a difference of two powers: rounding of the larger one is left
        assert run[name].min() >= -1e-12 * largest_w, name
    for rack in scenario.model.rack:
        for ending in ("floor_power_w", "deficit_power_w", "overshoot_power_w", "power_w"):
            assert run[f"gpu.{rack}.{ending}"].min() >= 0.0


@given(scenario=sites())
@LAWS
def test_racks_keep_their_limits(scenario: Scenario) -> None:
    run, model = Run(scenario), scenario.model
    for index, (name, rack) in enumerate(model.rack.items()):
        slack_w = 2.0 * rack.count * power_quantum_w(run.engine)  # two roundings a lane
        cap_w = rack.count * rack.gpus_per_rack * model.gpu[rack.gpu].cap_w
        smoothed_w = run[f"gpu.{name}.power_w"] - run[f"gpu.{name}.overshoot_power_w"]
        assert name not in capped_racks(scenario) or smoothed_w.max() <= cap_w + slack_w
        store_w = np.abs(run[f"rack.{name}.store_power_w"]).max()
        assert store_w <= rack.count * rack.store_power_w + slack_w
        stored_j = run[f"rack.{name}.store_energy_j"]
        assert stored_j.min() >= 0.0
        assert stored_j.max() <= rack.count * rack.store_energy_j + stored_slack_j(run.engine)
        record = run.engine.plant.rack[index]
        lanes = slice(record.first_lane, record.first_lane + record.lane_count)
        energy_j = run.engine.plant.lane[STORE_ENERGY_J, lanes]
        assert energy_j.min() >= 0.0
        assert energy_j.max() <= rack.store_energy_j


@given(scenario=sites())
@LAWS
def test_storage_keeps_its_limits(scenario: Scenario) -> None:
    run = Run(scenario)
    for index, (name, unit) in enumerate(scenario.model.storage.items()):
        cells = unit.battery or unit.supercapacitor
        assert cells is not None
        assert unit.converter is not None
        soc = run[f"storage.{name}.soc"]
        assert soc.min() >= lowest_soc(run, index, cells) - 1e-9
        assert soc.max() <= max(cells.soc_max, cells.soc_initial) + 1e-9
        power_w = np.abs(run[f"storage.{name}.power_w"])
        assert power_w.max() <= unit.converter.rated_power_w * unit.converter.overload_pu * (1.0 + 1e-12)


@given(scenario=sites(), data=st.data())
@LAWS
def test_splitting_a_run_changes_no_bit(scenario: Scenario, data: st.DataObject) -> None:
    whole = Run(scenario)
    parts = Engine(scenario)
    cuts = data.draw(st.lists(st.integers(0, whole.engine.ticks), max_size=4).map(sorted))
    rows, events = [], []
    for cut in [*cuts, whole.engine.ticks]:
        chunk = parts.advance(cut - parts.tick)
        rows.append(chunk.full.copy())
        events += chunk.events.tolist()
    assert state_bits(parts) == state_bits(whole.engine)
    assert np.concatenate(rows).tobytes() == whole.values.tobytes()
    assert repr(events) == repr(whole.events)


@given(scenario=sites(), data=st.data())
@LAWS
def test_a_restored_snapshot_replays_the_same_bits(scenario: Scenario, data: st.DataObject) -> None:
    run = Engine(scenario)
    ticks = data.draw(st.integers(0, run.ticks), label="ticks before")
    more = data.draw(st.integers(1, 100), label="ticks after")
    caps = [f"gpu.{name}.cap_w" for name in capped_racks(scenario)]
    units = [f"storage.{u}.{q}" for u in scenario.model.storage for q in ("power_w", "reactive_power_var")]
    run.step(ticks)
    before = state_bits(run)
    kept = run.snapshot()
    first = events_of(run, more)
    after = state_bits(run)
    for name in [*caps, *units]:  # whatever happens in between
        run.command(name, data.draw(st.floats(1.0, 700.0), label=name))
    run.step(17)
    run.restore(kept)
    assert state_bits(run) == before
    assert repr(events_of(run, more)) == repr(first)
    assert state_bits(run) == after
    other = Engine(scenario)
    other.restore(kept)
    other.step(more)
    assert state_bits(other) == after


@given(scenario=sites(), seed=st.integers(0, 2**32 - 1))
@LAWS
def test_the_order_of_lanes_changes_no_bit_of_a_signal(scenario: Scenario, seed: int) -> None:
    plain, mixed = Engine(scenario), Engine(scenario)
    rng = np.random.default_rng(seed)
    orders = []
    for record in mixed.plant.rack:
        lanes = np.arange(record.first_lane, record.first_lane + record.lane_count)
        order = rng.permutation(lanes)
        orders.append((lanes, order))
        mixed.plant.lane_id[lanes] = mixed.plant.lane_id[order]
        mixed.plant.lane[:, lanes] = mixed.plant.lane[:, order]
    a, b = plain.advance(plain.ticks), mixed.advance(mixed.ticks)
    assert a.full.tobytes() == b.full.tobytes()
    assert a.envelope.tobytes() == b.envelope.tobytes()
    assert repr(a.events.tolist()) == repr(b.events.tolist())
    for lanes, order in orders:
        assert plain.plant.lane[:, order].tobytes() == mixed.plant.lane[:, lanes].tobytes()
    members = [name for name in state_bits(plain) if name != "lane"]
    assert state_bits(plain, members) == state_bits(mixed, members)


@given(scenario=sites(), chunk=st.integers(1, 60))
@LAWS
def test_threads_instruction_sets_and_chunks_change_no_bit(scenario: Scenario, chunk: int) -> None:
    first = Run(scenario, threads=1, isa=ISAS[0])
    others = [Run(scenario, threads=threads, isa=isa) for threads in (1, 2, 3) for isa in ISAS]
    for other in [*others, Run(scenario, chunk=chunk, threads=2)]:
        assert state_bits(other.engine) == state_bits(first.engine)
        assert other.values.tobytes() == first.values.tobytes()
        assert repr(other.events) == repr(first.events)


@given(scenario=sites())
@LAWS
def test_both_engines_give_the_same_bits(scenario: Scenario) -> None:
    pytest.importorskip("numba", reason="needs numba: pip install 'wattkeel[numba]'")
    native, prototype = Run(scenario), Run(scenario, engine="numba")
    assert state_bits(native.engine) == state_bits(prototype.engine)
    assert native.values.tobytes() == prototype.values.tobytes()
    assert repr(native.events) == repr(prototype.events)


@given(scenario=sites(), data=st.data())
@LAWS
def test_a_command_acts_within_its_limits(scenario: Scenario, data: st.DataObject) -> None:
    """Caps and storage commands of any size, at any tick: limits hold and signals stay finite."""
    run = Engine(scenario)
    names = run.full_rate_names
    # rounding of the rack's power and of its overshoot
    slack_w = {name: 2.0 * rack.count * power_quantum_w(run) for name, rack in scenario.model.rack.items()}
    for _ in range(data.draw(st.integers(1, 3), label="rounds")):
        caps = {}
        for name, rack in capped_racks(scenario).items():
            caps[name] = data.draw(st.floats(1.0, 3000.0), label=f"cap {name}")
            run.command(f"gpu.{name}.cap_w", caps[name])
            caps[name] *= rack.count * rack.gpus_per_rack
        for name in scenario.model.storage:
            power_w = data.draw(st.one_of(st.just(math.nan), st.floats(-1e9, 1e9)), label=f"power {name}")
            run.command(f"storage.{name}.power_w", power_w)
            most_var = run.plant.converter[list(scenario.model.storage).index(name)].limit_va
            share = data.draw(st.floats(-1.0, 1.0), label=f"reactive power {name}")
            run.command(f"storage.{name}.reactive_power_var", share * float(most_var))
        values = run.advance(data.draw(st.integers(1, 60), label="ticks")).full
        assert np.isfinite(values).all()
        for name, most_w in caps.items():
            power_w = values[:, names.index(f"gpu.{name}.power_w")]
            over_w = values[:, names.index(f"gpu.{name}.overshoot_power_w")]
            assert (power_w - over_w).max() <= most_w + slack_w[name]
        for name, unit in scenario.model.storage.items():
            assert unit.converter is not None
            power_w = np.abs(values[:, names.index(f"storage.{name}.power_w")])
            assert power_w.max() <= unit.converter.rated_power_w * unit.converter.overload_pu * (1.0 + 1e-12)
