"""Separation, islands, blackouts, black starts and grid-forming units, in whole sites."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import Run, laid_over, lossless_site

import wattkeel as wk
from wattkeel.prototype import event_log
from wattkeel.scenario import Scenario

LOAD_W = 1e7
TICK_S = 1e-3
# The breaker opens for a second.
OPEN = {"start_s": 0.5, "duration_s": 1.0, "opens_breaker": True}
LOSSLESS = {
    "loss_a": 0.0,
    "loss_c": 0.0,
    "rated_power_w": 2e7,
    "current_limit_pu": 1.2,
    "time_constant_s": 0.0,
}


def site(**tables: Any) -> Scenario:
    """A flat load of 10 MW, a lossless battery of 20 MW that forms the grid, a site that can separate."""
    base = {
        "simulation": {"duration_s": 3.0, "tick_s": TICK_S},
        "workload": {"job": {"compute_pu": 1.0, "communication_pu": 1.0, "edge_s": 0.0}},
        "control": {"target": "off"},
        "storage": {
            "bess": {
                "kind": "battery",
                "battery": {"preset": "lfp-enerc-306ah", "energy_j": 7.2e10},
                "converter": LOSSLESS,
                "forming": {"droop": 0.02, "virtual_reactance": 0.2, "power_filter_s": 0.02},
            }
        },
        "grid": {
            "scr": 5.0,
            "island": {
                "separate_after_s": 0.05,
                "return_after_s": 0.3,
                "blackout_after_s": 0.02,
                "pickup_interval_s": 0.1,
                "pickup_share": [0.5, 1.0],
                "restore_s": 0.3,
                "sync_slip_hz": 0.09,
            },
        },
    }
    return Scenario.from_dict(lossless_site(LOAD_W, laid_over(base, tables)))


def events(run: Run, kind: int) -> list[tuple[int, int]]:
    """(tick, phase) of the events of a kind."""
    return [(int(e[0]), int(e[3])) for e in run.events if int(e[1]) == kind]


def balance_w(run: Run) -> np.ndarray:
    """Import and what the battery delivers, less what is drawn, at every tick."""
    return (
        run["poi.power_w"] + run["storage.bess.power_w"] + run["poi.unserved_power_w"]
        - run["poi.curtailed_power_w"] - run["site.load_power_w"] - run["site.voltage_response_power_w"]
        - run["poi.transformer_loss_w"] - run["storage.bess.auxiliary_power_w"]
    )  # fmt: skip


class TestConnected:
    def test_a_forming_unit_rests_at_its_command(self, engine: str) -> None:
        """In step with the grid at nominal frequency it delivers what it is set to: nothing."""
        run = Run(site(grid={"frequency_model": "fixed"}), engine=engine)
        assert run["storage.bess.power_w"][-1] == pytest.approx(0.0, abs=1e-6 * LOAD_W)
        assert run["site.frequency_hz"][-1] == 60.0

    def test_droop_in_steady_state(self) -> None:
        """The grid at f0 - 0.1 Hz: power = (0.1/60)/0.02 of rating."""
        event = {"start_s": 0.0, "duration_s": 9.0, "frequency_offset_hz": -0.1}
        run = Run(site(grid={"frequency_model": "fixed", "event": [event]}))
        assert run["storage.bess.power_w"][-1] == pytest.approx(2e7 * 0.1 / 60.0 / 0.02, rel=1e-6)

    def test_a_phase_jump_is_answered_at_once_by_the_impedances(self) -> None:
        """P = E V sin(angle) / X between the unit and the source in the tick of the jump."""
        event = {"start_s": 1.0, "duration_s": 9.0, "phase_jump_deg": -5.0}
        zero = {"workload": {"job": {"compute_pu": 0.0, "communication_pu": 0.0}}}
        run = Run(site(grid={"frequency_model": "fixed", "x_over_r": 1000.0, "event": [event]}, **zero))
        power_w = run["storage.bess.power_w"]
        # On the base of 10 MVA: source 0.2, unit 0.2 / 2.
        expected_w = np.sin(np.radians(5.0)) / (0.2 + 0.1) * 1e7
        assert power_w[999] == pytest.approx(0.0, abs=1e3)
        assert power_w[1000] == pytest.approx(expected_w, rel=2e-3)  # the source has a resistance of 1/1000
        assert abs(power_w[-1]) < 0.02 * power_w[1000]


class TestIsland:
    def test_the_unit_carries_the_load(self, engine: str) -> None:
        run = Run(site(grid={"event": [OPEN]}), engine=engine)
        during = slice(500, 1500)
        assert (run["poi.unserved_power_w"][during] == 0.0).all()
        assert run["storage.bess.power_w"][during] == pytest.approx(LOAD_W, rel=1e-12)
        assert (run["poi.power_w"][during] == 0.0).all()
        assert np.abs(balance_w(run)).max() <= 1e-7
        # The droop lowers the frequency; the secondary control brings it back.
        assert run["site.frequency_hz"][during].min() < 59.8
        assert run["site.frequency_hz"][1499] > run["site.frequency_hz"][during].min() + 0.05

    def test_separation_by_voltage_takes_its_time_and_return_waits_for_synchronism(self) -> None:
        sag = {"start_s": 0.5, "duration_s": 0.5, "voltage_pu": 0.05}
        run = Run(site(simulation={"duration_s": 14.0}, grid={"event": [sag]}))
        ((begin, _), (end, phase)) = events(run, event_log.ISLAND)
        assert begin == 500 + 50  # low in 50 ticks, known in the next
        assert phase == 0
        assert end >= 1000 + 300
        assert abs(run["site.voltage_pu"][end - 1] - run["poi.voltage_pu"][end - 1]) <= 0.03
        # Closed within 10 degrees: what flows over is bounded by sin(10 deg) / X, on 10 MVA and 0.3 pu.
        change_w = run["storage.bess.power_w"][end] - run["storage.bess.power_w"][end - 1]
        assert abs(change_w) <= math.sin(math.radians(10.0)) / 0.3 * 1e7
        assert run["poi.power_w"][-1] > 0.0

    def test_two_units_share_by_rating_and_limits(self) -> None:
        small = {"rated_power_w": 2e6, "apparent_power_va": 2e6}
        unit = {
            "kind": "battery",
            "battery": {"preset": "lfp-enerc-306ah", "energy_j": 7.2e9},
            "converter": LOSSLESS | small,
            "forming": {"droop": 0.02, "virtual_reactance": 0.02, "power_filter_s": 0.02},
        }
        run = Run(site(storage={"small": unit}, grid={"event": [OPEN]}))
        # Cells that turn out weaker than their converter are found so in a tick, and helped from the next.
        during = slice(510, 1500)
        assert (run["poi.unserved_power_w"][during] == 0.0).all()
        both = run["storage.bess.power_w"] + run["storage.small.power_w"]
        assert both[during] == pytest.approx(LOAD_W, rel=1e-9)
        assert run["storage.small.power_w"].max() <= 2e6 * (1.0 + 1e-12)
        # About in proportion to the ratings once the swing between them has died away; the secondary control
        # of each unit keeps what the first moments gave it.
        share = run["storage.small.power_w"][1490] / run["storage.bess.power_w"][1490]
        assert share == pytest.approx(0.1, rel=0.2)

    def test_a_shortage_is_a_blackout(self, engine: str) -> None:
        weak = {"storage": {"bess": {"converter": {"rated_power_w": 4e6}}}}
        result = wk.simulate(site(grid={"event": [OPEN]}, **weak), engine=engine, progress=False)
        dark = [event for event in result.events if event.kind == "blackout"]
        assert len(dark) == 1
        assert dark[0].place == "site"
        assert 0.5 <= dark[0].time_s <= 0.53
        assert dark[0].duration_s == pytest.approx(1.5 + 0.3 - dark[0].time_s, abs=3e-3)
        assert result.signals["site.voltage_pu"][1000] == 0.0
        assert result.signals["poi.unserved_power_w"][1000] == pytest.approx(LOAD_W)
        assert abs(result.ledger.residual_relative) <= 1e-12
        picked = [event.value for event in result.events if event.kind == "load_pickup"]
        assert picked == [0.5, 1.0]
        assert result.signals["poi.unserved_power_w"][-1] == 0.0

    def test_without_a_forming_unit_separation_is_a_blackout(self) -> None:
        battery = {"preset": "lfp-enerc-306ah", "energy_j": 7.2e10}
        base = {
            "simulation": {"duration_s": 1.0},
            "control": {"target": "off"},
            "storage": {"bess": {"kind": "battery", "battery": battery, "converter": LOSSLESS}},
            "grid": {"scr": 5.0, "island": {}, "event": [OPEN]},
        }
        run = Run(Scenario.from_dict(lossless_site(LOAD_W, base)))
        assert events(run, event_log.BLACKOUT)[0][1] == 1
        assert run["site.voltage_pu"][-1] == 0.0
        assert run["site.frequency_hz"][-1] == 0.0


class TestBlackStart:
    def test_the_bus_is_energised_and_the_load_comes_back_in_steps(self, engine: str) -> None:
        island = {"black_start": True, "black_start_after_s": 0.2, "energise_s": 0.1, "separate_after_s": 0.0}
        # The unit cannot carry the load at once, but half of it.
        tables = {
            "storage": {"bess": {"converter": {"rated_power_w": 7e6}}},
            "grid": {
                "island": island | {"pickup_share": [0.25, 0.5]},
                "event": [{"start_s": 0.5, "duration_s": 9.0, "voltage_pu": 0.0}],
            },
        }
        run = Run(site(**tables), engine=engine)
        ((dark, _), (lit, _)) = events(run, event_log.BLACKOUT)
        ((start, _), (done, _)) = events(run, event_log.BLACK_START)
        assert lit == start == dark + 201
        pickups = [tick for tick, _ in events(run, event_log.LOAD_PICKUP)]
        assert len(pickups) == 2
        assert pickups[-1] == done
        voltage = run["site.voltage_pu"]
        rise = voltage[start + 1 : start + 99]
        assert (np.diff(rise) > 0.0).all()
        assert run["storage.bess.power_w"][pickups[0] + 5] == pytest.approx(0.25 * LOAD_W, rel=1e-9)
        assert run["storage.bess.power_w"][-1] == pytest.approx(0.5 * LOAD_W, rel=1e-9)
        assert run["poi.unserved_power_w"][-1] == pytest.approx(0.5 * LOAD_W, rel=1e-9)
        assert np.abs(balance_w(run)).max() <= 1e-7

    def test_an_empty_unit_fails_to_start_and_says_so(self) -> None:
        island = {
            "black_start": True,
            "black_start_after_s": 0.1,
            "energise_s": 0.02,
            "blackout_after_s": 0.01,
        }
        empty = {"battery": {"soc_initial": 0.1, "soc_min": 0.1}}
        grid = {"island": island, "event": [{"start_s": 0.2, "duration_s": 9.0, "opens_breaker": True}]}
        run = Run(site(storage={"bess": empty}, grid=grid))
        starts = [tick for tick, phase in events(run, event_log.BLACKOUT) if phase == 1]
        assert len(starts) > 2  # dark, started, dark again
        assert run["storage.bess.power_w"][210:].max() <= 1e-6
        ends = [tick for tick, phase in events(run, event_log.BLACK_START) if phase == 0]
        assert len(ends) >= len(starts) - 2  # a start that fails is an event that ends


@pytest.mark.parametrize("tick_s", [1e-4, 1e-2])
def test_an_island_is_the_same_at_other_ticks(tick_s: float) -> None:
    """First order in the tick: frequency of the island a while after the separation."""
    runs = [
        Run(site(simulation={"tick_s": t, "duration_s": 1.5}, control={"period_s": t},
                 storage={"bess": {"forming": {"power_filter_s": 0.2}}},
                 grid={"event": [OPEN | {"duration_s": 9.0}]}))
        for t in (TICK_S, tick_s)
    ]  # fmt: skip
    values = [run["site.frequency_hz"][round(1.0 / run.engine.tick_s) - 1] for run in runs]
    assert values[0] == pytest.approx(
        values[1], abs=0.02 * abs(values[0] - 60.0) + 3.0 * abs(tick_s - TICK_S)
    )


def sagging(voltage_pu: float, **tables: Any) -> Run:
    """Half a second of low voltage on a site that does not separate."""
    event = {"start_s": 0.5, "duration_s": 0.5, "voltage_pu": voltage_pu}
    grid = {"event": [event], "island": {"separate_below_pu": 0.0}, "frequency_model": "fixed"}
    return Run(site(simulation={"duration_s": 1.2}, grid=grid, **tables))


@pytest.mark.parametrize("voltage_pu", [0.05, 0.3, 0.6])
def test_current_is_limited_in_a_sag(voltage_pu: float) -> None:
    small = {"storage": {"bess": {"converter": {"rated_power_w": 6e6, "apparent_power_va": 6e6}}}}
    run = sagging(voltage_pu, **small)
    # In the first tick of a collapse the unit still sees the voltage that a served load would have.
    active_va = np.abs(run["storage.bess.power_w"][501:1000])
    assert (active_va <= 1.2 * 6e6 * run["site.voltage_pu"][501:1000] * (1.0 + 1e-6)).all()
    assert np.abs(balance_w(run)).max() <= 1e-7


def test_units_near_their_limits_do_not_work_against_each_other() -> None:
    """Two units of half the load each, with unlike droops: neither takes while the other gives."""
    unit = {
        "kind": "battery",
        "battery": {"preset": "lfp-enerc-306ah", "energy_j": 7.2e10},
        "converter": LOSSLESS | {"rated_power_w": 6e6, "current_limit_pu": 1.1},
        "forming": {"droop": 0.04, "virtual_reactance": 0.2, "power_filter_s": 0.02},
    }
    first = {"converter": {"rated_power_w": 6e6, "current_limit_pu": 1.1}, "forming": {"droop": 0.02}}
    event = OPEN | {"duration_s": 9.0}
    run = Run(site(storage={"bess": first, "other": unit}, grid={"event": [event]}))
    powers = np.array([run[f"storage.{name}.power_w"][520:] for name in ("bess", "other")])
    assert powers.min() > 0.0
    missing = np.abs(powers.sum(axis=0) - LOAD_W) / LOAD_W
    # Where a unit changes between its limits of current and of power the others learn it a tick later.
    assert missing.max() < 0.01
    assert (missing > 1e-6).sum() <= 10


def test_a_surplus_is_curtailed_at_full_voltage() -> None:
    trace = Path(__file__).parents[1] / "golden" / "meters.csv"
    sun = {"rated_power_w": 8e7, "trace": str(trace), "trace_column": "a_w", "trace_repeat": True}
    run = Run(site(generation={"pv": sun}, grid={"event": [OPEN | {"duration_s": 9.0}]}))
    surplus = run["generation.pv.power_w"] > LOAD_W + 2.1e7
    surplus[:520] = False
    assert surplus.any()
    assert (run["poi.curtailed_power_w"][surplus] > 0.0).all()
    assert run["site.voltage_pu"][surplus].min() > 0.9
    assert np.abs(run["storage.bess.power_w"]).max() <= 2e7 * (1.0 + 1e-9)


def test_a_dead_source_without_island_serves_nothing() -> None:
    event = {"start_s": 0.5, "duration_s": 0.5, "voltage_pu": 0.0}
    taps = {"tap_changer": {"delay_s": 0.05, "interval_s": 0.05}}
    base = {
        "simulation": {"duration_s": 1.2},
        "control": {"target": "off"},
        "grid": {"scr": 5.0, "event": [event], **taps},
    }
    run = Run(Scenario.from_dict(lossless_site(LOAD_W, base)))
    assert (run["poi.unserved_power_w"][500:1000] == run["site.load_power_w"][500:1000]).all()
    changes = [tick for tick, _ in events(run, event_log.TAP_CHANGE)]
    assert all(not 500 <= tick < 1000 for tick in changes)  # blocked on a dead bus
