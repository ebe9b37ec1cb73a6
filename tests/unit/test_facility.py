"""Dynamics and ride-through of distribution nodes: linear models, responses, backup, events, faults."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sites import Run, laid_over, lossless_site

import wattkeel as wk
from wattkeel import facility_chain, facility_lowering
from wattkeel._generated import dtypes
from wattkeel.cautions import cautions
from wattkeel.engine import Engine
from wattkeel.native import core
from wattkeel.parameters import Distribution, FacilityChain, Perc1
from wattkeel.plant import records
from wattkeel.scenario import Scenario

LOAD_W = 1e6
FORMS = ("chain", "chain_reduced", "chain_second_order")


def ride(
    voltage_pu: Any, engine: str = "native", load_w: Any = LOAD_W, tick_s: float = 1e-3, **perc1: Any
) -> Any:
    """Run one node of 2 MW with ride-through."""
    voltage = np.asarray(voltage_pu, dtype=float)
    node = Distribution(rated_power_w=2.0 * LOAD_W, ride_through="perc1", perc1=Perc1(**perc1))
    load = np.broadcast_to(np.asarray(load_w, dtype=float), voltage.shape)
    return wk.stages.distribution(
        {"n": node}, load_power_w={"n": load}, time_step_s=tick_s, voltage_pu=voltage, engine=engine
    )


def sag(ticks: int, first: int, length: int, depth_pu: float) -> np.ndarray:
    voltage = np.ones(ticks)
    voltage[first : first + length] = depth_pu
    return voltage


def site(tables: dict[str, Any]) -> dict[str, Any]:
    base: dict[str, Any] = {
        "simulation": {"duration_s": 3.0, "tick_s": 1e-3},
        "title": "facility",
        "workload": {"job": {"period_s": 0.2}},
        "rack": {"racks": {"feeds_from": "pdu"}},
        "distribution": {
            "pdu": {"rated_power_w": 1.5e8, "feeds_from": "ups"},
            "ups": {
                "kind": "ups", "rated_power_w": 1.5e8, "loss_b": 0.02,
                "dynamics": "chain", "ride_through": "perc1",
            },
        },
        "grid": {
            "scr": 20.0, "power_factor": 0.98,
            "event": [{"start_s": 1.0, "duration_s": 0.1, "voltage_pu": 0.2}],
        },
    }  # fmt: skip
    return lossless_site(1e8, laid_over(base, tables))


class TestChain:
    def test_case_9_is_faster(self) -> None:
        node = wk.parameters.preset("chain", "zhao-case9")
        assert isinstance(node, FacilityChain)
        system = facility_chain.linearise(node)
        grid_hz = np.arange(9.0, 14.0, 0.01)
        gains = np.abs(system.response(grid_hz)[:, 0, 0])
        assert grid_hz[gains.argmax()] == pytest.approx(11.53, abs=0.05)
        assert gains.max() == pytest.approx(1.971, abs=2e-3)

    def test_default_preset_is_the_default(self) -> None:
        assert wk.parameters.preset("chain", "zhao-default") == FacilityChain()

    @pytest.mark.parametrize("load_pu", [0.01, 0.5, 1.0, 1.3])
    def test_jacobian_is_that_of_differences(self, load_pu: float) -> None:
        params = FacilityChain()
        state = facility_chain.equilibrium(params, load_pu)
        a, b, c, _ = facility_chain.jacobian(params, state, load_pu)
        move = 1e-6 * np.random.default_rng(3).normal(size=len(state))
        ahead, behind = (facility_chain.derivatives(params, state + s * move, load_pu) for s in (1.0, -1.0))
        assert 0.5 * (ahead[0] - behind[0]) == pytest.approx(a @ move, rel=1e-6, abs=1e-6)
        assert 0.5 * (ahead[1] - behind[1]) == pytest.approx(c @ move, rel=1e-6, abs=1e-12)
        more, less = (facility_chain.derivatives(params, state, load_pu + s * 1e-4)[0] for s in (1.0, -1.0))
        assert 0.5 * (more - less) == pytest.approx(b * 1e-4, rel=1e-9, abs=1e-9)

    @pytest.mark.parametrize("form", FORMS)
    def test_gain_is_one(self, form: str) -> None:
        assert facility_chain.block(FacilityChain(), form).gain()[0, 0] == pytest.approx(1.0, rel=1e-12)

    @pytest.mark.parametrize("form", FORMS)
    def test_starts_settled_and_energy_is_a_state(self, form: str, engine: str) -> None:
        rng = np.random.default_rng(7)
        load = LOAD_W * np.concatenate([np.full(200, 0.7), rng.uniform(0.1, 1.0, 3000), np.full(3000, 0.7)])
        node = Distribution(rated_power_w=2.0 * LOAD_W, dynamics=form)
        run = wk.stages.distribution({"n": node}, load_power_w={"n": load}, time_step_s=1e-3, engine=engine)
        stored_w = run.stored_power_w["n"]
        assert np.abs(stored_w[:200]).max() < 1e-7
        assert np.abs(stored_w[200:]).max() > 0.1 * LOAD_W
        # Back at the old load it holds the old energy.
        assert abs(stored_w.sum()) * 1e-3 < 1e-9 * np.abs(stored_w).sum() * 1e-3

    def test_states_end_at_zero_and_not_in_denormals(self) -> None:
        p, s = records(dtypes.ChainParams, 1), records(dtypes.ChainState, 1)
        facility_lowering.lower_chain(p[0], facility_chain.block(FacilityChain(), "chain"), 1e-3)
        step = core().kernels()["chain_step"]
        step(p, s, LOAD_W)
        for _ in range(40_000):
            step(p, s, 0.0)
            state = np.abs(s[0].state)
            assert ((state == 0.0) | (state > 1e-300)).all()
        assert (s[0].state == 0.0).all()

    def test_matrix_of_a_coarse_tick_has_no_denormals(self) -> None:
        p = records(dtypes.ChainParams, 1)
        facility_lowering.lower_chain(p[0], facility_chain.block(FacilityChain(), "chain"), 1.0)
        for name in ("forward", "given", "settled"):
            values = np.abs(p[0][name])
            assert ((values == 0.0) | (values > 1e-100)).all()

    def test_overloaded_chain_is_refused(self) -> None:
        node = Distribution(
            rated_power_w=1e6, dynamics="chain", chain=FacilityChain(loading_pu=1.5, source_reactance_pu=0.6)
        )
        with pytest.raises(wk.ScenarioError, match="no operating point"):
            wk.stages.distribution({"n": node}, load_power_w={"n": [1.0]}, time_step_s=1e-3)
        unstable = FacilityChain(psu_voltage_damping=0.3, loading_pu=1.0)
        node = node.model_copy(update={"chain": unstable})
        with pytest.raises(wk.ScenarioError, match="not stable"):
            wk.stages.distribution({"n": node}, load_power_w={"n": [1.0]}, time_step_s=1e-3)


class TestRideThrough:
    def test_steady_voltage_changes_nothing(self, engine: str) -> None:
        for voltage_pu in (1.0, 0.97, 1.043):
            run = ride(np.full(500, voltage_pu), engine, load_w=LOAD_W * (1.0 + 0.3 * np.sin(np.arange(500))))
            assert (run.ride["n"].ceased_power_w == 0.0).all()
            assert (run.ride["n"].connected == 1.0).all()

    def test_cease_and_return(self, engine: str) -> None:
        run = ride(
            sag(2000, 100, 200, 0.2), engine, cease_share=0.8, reconnect_share=0.5, reconnect_ramp_s=0.5
        )
        mode, share = run.ride["n"].mode, run.ride["n"].connected
        ceased, back, done = (int(np.flatnonzero(mode == m)[0]) for m in (1, 2, 1))
        assert ceased > 100
        assert share[ceased] == pytest.approx(0.2)
        assert back - 300 == pytest.approx(50 + 1e3 * 0.02 * math.log(0.8 / 0.4), abs=1.0)
        end = back + 500
        assert share[end - 2] < 0.6
        assert share[end] == pytest.approx(0.6)
        assert mode[end] == 0
        assert share[-1] == pytest.approx(0.2 + 0.5 * 0.8)
        assert done == ceased
        assert np.diff(share[back:end]) == pytest.approx(0.4 / 500.0)

    def test_sag_in_the_ramp_ceases_again(self, engine: str) -> None:
        voltage = sag(3000, 100, 100, 0.2)
        voltage[600:700] = 0.2
        mode = ride(voltage, engine, reconnect_ramp_s=1.0).ride["n"].mode
        changes = mode[np.flatnonzero(np.diff(mode)) + 1]
        assert changes.tolist() == [1, 2, 1, 2, 0]

    def test_thresholds_are_strict(self, engine: str) -> None:
        assert (ride(sag(500, 100, 300, 0.5), engine).ride["n"].mode == 0).all()
        assert (ride(sag(500, 100, 300, 0.499), engine).ride["n"].mode == 1).any()

    @pytest.mark.parametrize(("exponent", "expected"), [(0, 1.0), (1, 0.9), (2, 0.81)])
    def test_voltage_exponents(self, engine: str, exponent: int, expected: float) -> None:
        run = ride(
            sag(1000, 100, 900, 0.9),
            engine,
            active_exponent=exponent,
            reactive_exponent=exponent,
            power_factor=0.8,
        )
        assert run.bus_power_w[-1] == pytest.approx(expected * LOAD_W, rel=1e-12)
        assert run.ride["n"].reactive_power_var[-1] == pytest.approx(0.75 * expected * LOAD_W, rel=1e-12)
        # With the current of before, the first tick of the sag draws 0.9 of the power.
        assert run.bus_power_w[100] == pytest.approx(LOAD_W * 0.9, rel=0.02)

    def test_current_limit(self, engine: str) -> None:
        run = ride(sag(1000, 100, 900, 0.6), engine, load_w=1.9 * LOAD_W, active_current_max_pu=1.0)
        assert run.bus_power_w[-1] == pytest.approx(0.6 * 2.0 * LOAD_W, rel=1e-12)

    def test_droop_and_deadband(self, engine: str) -> None:
        perc1 = Perc1(frequency_droop=10.0, deadband_low_pu=0.001, deadband_high_pu=0.002)
        node = Distribution(rated_power_w=2.0 * LOAD_W, ride_through="perc1", perc1=perc1)
        for frequency_pu, expected in ((0.9985, -0.005), (0.9995, 0.0), (1.0015, 0.0), (1.003, 0.01)):
            run = wk.stages.distribution(
                {"n": node}, load_power_w={"n": np.full(500, LOAD_W)}, time_step_s=1e-3,
                frequency_pu=frequency_pu, engine=engine,
            )  # fmt: skip
            assert run.bus_power_w[-1] == pytest.approx(LOAD_W * (1.0 + expected), rel=1e-9)

    def test_washout_passes_the_edge_only(self, engine: str) -> None:
        run = ride(
            sag(3000, 100, 2900, 0.9), engine, active_washout=2.0, output_filter_s=0.0, voltage_filter_s=0.0
        )
        assert run.bus_power_w[100] == pytest.approx(LOAD_W * (1.0 - 0.2), rel=0.01)
        assert run.bus_power_w[-1] == pytest.approx(LOAD_W, rel=1e-9)

    def test_lead_and_lag(self, engine: str) -> None:
        values = {"active_exponent": 2, "active_lag_s": 0.1, "voltage_filter_s": 0.0, "output_filter_s": 0.0}
        slow = ride(sag(2000, 100, 1900, 0.9), engine, **values).bus_power_w
        assert slow[100] == pytest.approx(LOAD_W, rel=5e-3)
        assert slow[200] == pytest.approx(LOAD_W * (0.81 + 0.19 * math.exp(-1.01)), rel=1e-9)
        led = ride(sag(2000, 100, 1900, 0.9), engine, active_lead_s=0.05, **values).bus_power_w
        assert led[100] == pytest.approx(
            LOAD_W * (1.0 - 0.19 * (0.5 + 0.5 * (1.0 - math.exp(-0.01)))), rel=1e-9
        )

    def test_counter_returns_after_its_time(self, engine: str) -> None:
        voltage = np.ones(4000)
        for first in (100, 300, 500):
            voltage[first : first + 5] = 0.8
        mode = ride(voltage, engine, sag_count=3, sag_return_s=1.0, reconnect_ramp_s=0.1).ride["n"].mode
        assert np.flatnonzero(mode == 3).tolist() == list(range(500, 1500))
        assert mode[1500] == 2  # the voltage has been good for long
        assert mode[-1] == 0

    def test_sags_out_of_the_window_do_not_count(self, engine: str) -> None:
        voltage = np.ones(4000)
        for first in (100, 300, 1301):
            voltage[first : first + 5] = 0.8
        for window_s, transfers in ((1.2, False), (1.201, True)):
            mode = ride(voltage, engine, sag_count=3, sag_window_s=window_s).ride["n"].mode
            assert (mode == 3).any() == transfers


class TestBackup:
    def test_recharge_costs_its_loss(self, engine: str) -> None:
        run = ride(
            sag(30_000, 100, 500, 0.1),
            engine,
            ceased_load="backup",
            backup_efficiency=0.8,
            reconnect_ramp_s=0.2,
        )
        n = run.ride["n"]
        assert n.backup_spent_j.max() > 0.4 * LOAD_W
        assert n.backup_spent_j[-1] == 0.0
        discharged_j = n.backup_power_w[n.backup_power_w > 0.0].sum() * 1e-3
        assert n.backup_power_w.sum() * 1e-3 == pytest.approx(0.0, abs=1e-6)
        assert n.backup_loss_w.sum() * 1e-3 == pytest.approx(discharged_j * (1.0 / 0.8 - 1.0), rel=1e-9)
        assert np.abs(n.lost_power_w).max() < 1e-9 * LOAD_W
        drawn = run.bus_power_w
        balance = drawn + n.backup_power_w - LOAD_W - n.backup_loss_w + n.lost_power_w
        assert np.abs(balance).max() < 1e-9 * LOAD_W
        # Recharge of a tenth of the rating, and what is left of the current's overshoot after the sag.
        assert drawn[run.ride["n"].mode == 0].max() == pytest.approx(1.2 * LOAD_W, rel=1e-4)

    def test_spent_backup_loses_the_load(self, engine: str) -> None:
        run = ride(sag(3000, 100, 2000, 0.1), engine, ceased_load="backup", backup_energy_j=5e5)
        n = run.ride["n"]
        assert n.backup_spent_j.max() == 5e5
        empty = int(np.flatnonzero(n.backup_spent_j == 5e5)[0])
        assert (n.lost_power_w[empty + 1 : 2000] == LOAD_W).all()
        assert n.backup_power_w[:2000].sum() * 1e-3 == pytest.approx(5e5, rel=1e-12)

    def test_lost_load_is_lost(self, engine: str) -> None:
        n = ride(sag(1000, 100, 500, 0.1), engine).ride["n"]
        assert np.array_equal(n.ceased_power_w, n.lost_power_w)
        assert (n.backup_power_w == 0.0).all()


class TestSite:
    def test_events_tell_when_where_and_why(self) -> None:
        perc1 = {"ceased_load": "backup", "backup_energy_j": 2e6, "reconnect_ramp_s": 0.2}
        scenario = Scenario.from_dict(site({"distribution": {"ups": {"perc1": perc1}}}))
        result = wk.simulate(scenario, progress=False)
        found = {event.kind: event for event in result.events if event.place == "distribution.ups"}
        assert list(found) == ["load_ceased", "backup_empty", "load_returning"]
        assert found["load_ceased"].time_s == pytest.approx(1.03, abs=0.02)
        assert found["load_ceased"].limit == 0.5
        assert found["load_ceased"].value < 0.5
        assert found["load_returning"].duration_s == pytest.approx(0.2, abs=2e-3)
        assert found["backup_empty"].duration_s is not None
        assert abs(result.ledger.residual_relative) <= 1e-12
        rows = {entry.name: entry for entry in result.ledger.entries}
        assert rows["distribution.ups.backup"].group == "source"
        assert rows["distribution.ups.lost"].energy_j < 0.0
        assert rows["distribution.ups.stored"].group == "stored"

    def test_manual_return(self, engine: str) -> None:
        perc1 = {"sag_count": 1, "reconnect_ramp_s": 0.1}
        run = Engine(Scenario.from_dict(site({"distribution": {"ups": {"perc1": perc1}}})), engine=engine)
        run.command("distribution.ups.reconnect", 1.0)  # nothing to return yet
        run.step(2000)
        assert run.state["distribution.ups.connected"] == 0.0
        run.command("distribution.ups.reconnect", 1.0)
        run.step(500)
        assert run.state["distribution.ups.connected"] == 1.0
        with pytest.raises(wk.ScenarioError, match="give 1"):
            run.command("distribution.ups.reconnect", 0.0)
        with pytest.raises(wk.ScenarioError, match="no such command"):
            run.command("distribution.pdu.reconnect", 1.0)

    def test_reactive_power_has_its_own_factor(self) -> None:
        tables = {
            "distribution": {"ups": {"dynamics": "none", "perc1": {"power_factor": 0.8}}},
            "grid": {"event": []},
        }
        run = Run(Scenario.from_dict(site(tables)))
        load_w, drawn_w = run["site.load_power_w"], run["rack.racks.power_w"]
        own = run["distribution.ups.reactive_power_var"]
        assert own[0] == pytest.approx(0.75 * drawn_w[0], rel=1e-12)
        expected = own + math.tan(math.acos(0.98)) * (load_w - drawn_w)
        assert run["poi.reactive_power_var"][0] == pytest.approx(expected[0], rel=1e-12)

    def test_splits_and_engines_give_the_same_bits(self) -> None:
        perc1 = {"sag_count": 2, "ceased_load": "backup", "backup_energy_j": 1e7, "active_washout": 0.1}
        scenario = Scenario.from_dict(site({"distribution": {"ups": {"perc1": perc1}}}))
        runs = [Run(scenario), Run(scenario, chunk=377), Run(scenario, engine="numba")]
        assert runs[0].values.tobytes() == runs[1].values.tobytes() == runs[2].values.tobytes()
        assert runs[0].events == runs[1].events == runs[2].events

    def test_snapshot_restores_every_state(self) -> None:
        engine = Engine(Scenario.from_dict(site({})))
        engine.step(1020)
        snapshot = engine.snapshot()
        engine.step(700)
        expected = dict(engine.state)
        engine.restore(snapshot)
        engine.step(700)
        assert dict(engine.state) == expected

    def test_signals_only_where_they_mean_something(self) -> None:
        plain = Scenario.from_dict(
            site({"distribution": {"ups": {"dynamics": "none", "ride_through": "none"}}})
        )
        names = Engine(plain).signal_names
        assert [name for name in names if name.startswith("distribution.")] == [
            "distribution.pdu.power_w", "distribution.pdu.loss_w",
            "distribution.ups.power_w", "distribution.ups.loss_w",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("tables", "said"),
        [
            ({"ups": {"ride_through": "none", "perc1": {}}}, 'not used by ride_through = "none"'),
            ({"ups": {"dynamics": "none", "chain": {}}}, 'not used by dynamics = "none"'),
            ({"pdu": {"ride_through": "perc1"}}, "has ride-through already"),
            ({"ups": {"perc1": {"active_lead_s": 0.1}}}, "needs a lag"),
            ({"ups": {"perc1": {"reconnect_voltage_pu": 0.4}}}, "below the voltage at which the load ceases"),
            ({"ups": {"perc1": {"active_current_min_pu": 2.0}}}, "is above active_current_max_pu"),
            ({"ups": {"perc1": {"backup_energy_j": 1e6}}}, 'not used by ceased_load = "lost"'),
            ({"ups": {"chain": {"loading_pu": 1.5, "source_reactance_pu": 0.6}}}, "no operating point"),
        ],
    )
    def test_contradictions_are_refused(self, tables: dict[str, Any], said: str) -> None:
        with pytest.raises(wk.ScenarioError, match=said):
            Scenario.from_dict(site({"distribution": tables}))

    def test_doubtful_ones_are_told(self) -> None:
        tables = {"distribution": {"pdu": {"dynamics": "chain_reduced"}}, "simulation": {"tick_s": 0.1}}
        told = "\n".join(cautions(Scenario.from_dict(site(tables))))
        assert "distribution.pdu.dynamics" in told
        assert "distribution.ups.perc1.voltage_filter" in told

    def test_presets_run(self) -> None:
        node = wk.parameters.preset("distribution", "ups-97-dynamic")
        assert isinstance(node, Distribution)
        assert node.dynamics == "chain_reduced"
        assert node.perc1 is not None
        assert node.perc1.sag_count == 3
        run = wk.stages.distribution({"ups": node}, load_power_w={"ups": np.full(50, 1e6)}, time_step_s=1e-3)
        assert run.bus_power_w == pytest.approx(1e6 + run.loss_w["ups"], rel=1e-12)
        default = wk.parameters.preset("perc1", "epri-default")
        assert default.model_copy(update={"power_factor": 0.0}) == Perc1()


def test_time_step_is_asked_for_where_it_matters() -> None:
    node = Distribution(rated_power_w=1e6, dynamics="chain")
    with pytest.raises(wk.ScenarioError, match="time_step_s"):
        wk.stages.distribution({"n": node}, load_power_w={"n": [1.0]})
    with pytest.raises(wk.ScenarioError, match="voltage_pu"):
        wk.stages.distribution({"n": node}, load_power_w={"n": [1.0]}, time_step_s=1e-3, voltage_pu=[400.0])
