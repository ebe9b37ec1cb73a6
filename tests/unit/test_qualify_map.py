"""The map of stability: its closed forms against the engine, its classes, its picture."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from qualification import FOLLOWING, outcome, settings, site, subject, unit

from wattkeel import lowering
from wattkeel._generated import models
from wattkeel.qualify import envelope as mapping
from wattkeel.qualify import guideline, map_svg, qualify
from wattkeel.qualify.bench import Bench, Order, Segment, merged, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.map_svg import COLOURS
from wattkeel.qualify.small_signal import _synchronising_pu, forming_loop, network_of, support_margin
from wattkeel.scenario import Scenario

LATE: dict[str, Any] = merged(
    FOLLOWING,
    unit(
        converter={"delay": "50 ms"},
        support={
            "voltage_deadband_pu": 0.0,
            "voltage_time_constant": "20 ms",
            "voltage_reference_pu": 0.97,
            "reactive_limit": 1.0,
        },
    ),
)


def context(scenario: Scenario) -> Context:
    return Context(subject(scenario), scenario.model.qualify or models.Qualify(), guideline())


def points(scenario: Scenario, **values: Any) -> list[mapping.MapPoint]:
    """Points of a small map."""
    changed = scenario.with_overrides({f"qualify.map.{key}": value for key, value in values.items()})
    return mapping.envelope(context(changed), 1).points


@pytest.mark.parametrize(("gain", "stable"), [(2.0, True), (6.0, True), (14.0, False), (20.0, False)])
def test_the_margin_of_voltage_support_agrees_with_the_engine(gain: float, stable: bool) -> None:
    """Dead time of 50 ms and a gain through the reactance: the sign of the margin is what the engine does."""
    scenario = site(LATE, unit(support={"voltage_gain": gain}))
    point = points(scenario, scr=[2.5], x_over_r=[5.0], load_pu=[0.65])[0]
    assert (point.margin > 0.0) is stable
    assert (point.swing_pu < 0.001) is stable
    assert (point.state == "unstable") is not stable


def test_the_boundary_lies_where_the_engine_begins_to_swing() -> None:
    """Bisection on the gain by the margin; the engine is quiet 10 % below and swings 10 % above."""

    def point(gain: float) -> mapping.MapPoint:
        scenario = site(LATE, unit(support={"voltage_gain": gain}))
        return points(scenario, scr=[2.5], x_over_r=[5.0], load_pu=[0.65], settle_s=8.0)[0]

    low, high = 2.0, 20.0
    for _ in range(6):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if point(middle).margin > 0.0 else (low, middle)
    assert point(0.9 * low).swing_pu < 0.005
    assert point(1.1 * high).swing_pu > 0.05


def forming_site(damped: bool) -> Scenario:
    droop = {"droop": 0.02, "power_filter": "0.5 s" if not damped else "20 ms", "virtual_reactance": 0.3}
    change = {"grid": {"frequency_model": "fixed", "power_factor": 1.0}, "control": {"target": "off"}}
    return site(change, unit(forming=droop, container=None))


def test_a_grid_forming_unit_rings_at_the_pole_of_its_loop() -> None:
    """Free swing of the engine after a small step of the load, against the roots of 1 + L(z).

    With the synchronising power K, droop R, filter d and a tick of dt the poles are the roots of
    (z - 1)(z - d) + K 2 pi f0 dt R (1 - d) z/P_r. The step is 0.1 % of the load, so that the angle stays
    linear; 2 % leave room for zero crossings between ticks and the first, fast part of the answer.
    """
    scenario = forming_site(damped=False)
    own = context(scenario)
    peak_w = own.peak_w
    bench = Bench(own.subject, "ring", 8.0, record=[own.subject.signal("power_w")])
    load = [Segment(0.0, math.inf, 0.6 * peak_w), Segment(2.0, math.inf, 1e-3 * peak_w)]
    ringing = bench.scenario(
        load, grid={"rated_power_w": own.base_w}, control={"target": "off"}, own_way=True
    )
    log = run(ringing)
    power = log.part(own.subject.signal("power_w"), 2.2, 8.0)
    power = power - power[-1]
    forming, converter = own.subject.unit.forming, own.subject.converter
    assert forming is not None
    network = network_of(ringing, 0.6 * peak_w, 0.0)
    stiffness_w = _synchronising_pu(network, forming, converter, 0.0) * network.base_va
    decay, dt = lowering.lag_decay(forming.power_filter_s, 1e-3), 1e-3
    turn = 2.0 * math.pi * 60.0 * dt * stiffness_w * forming.droop / converter.rated_power_w
    pole = np.log(np.roots([1.0, -(1.0 + decay) + turn * (1.0 - decay), decay])[0]) / dt
    crossings = np.flatnonzero(np.diff(np.sign(power[:4000])))
    half_s = float(np.mean(np.diff(crossings))) * dt
    assert math.pi / half_s == pytest.approx(abs(pole.imag), rel=0.02)
    # Successive extremes fall by exp(sigma T/2).
    peaks = [np.abs(power[a:b]).max() for a, b in pairwise(crossings)]
    fall = float(np.mean(np.diff(np.log(peaks)))) / half_s
    assert fall == pytest.approx(pole.real, rel=0.03)


def test_the_margin_of_a_grid_forming_unit_tells_damping_apart() -> None:
    damped, ringing = (context(forming_site(flag)) for flag in (True, False))
    margins = [
        mapping.envelope(one, 1).points[0].margin
        for one in (
            context(one.scenario.with_overrides({"qualify.map.scr": [5.0], "qualify.map.x_over_r": [10.0]}))
            for one in (damped, ringing)
        )
    ]
    assert margins[0] > 0.5 > 0.3 > margins[1] > 0.0


def test_voltage_and_its_slope_are_those_of_the_engine() -> None:
    scenario = site(FOLLOWING, {"grid": {"scr": 3.0, "power_factor": 0.97}})
    own = context(scenario)
    load_w = 0.8 * own.peak_w
    found = []
    for more_var in (0.0, 1e5):
        bench = Bench(own.subject, "voltage", 0.2, record=["site.voltage_pu"])
        at_rest = bench.scenario(
            [Segment(0.0, math.inf, load_w)], grid={"rated_power_w": own.base_w}, own_way=True
        )
        orders = [Order(0.0, own.subject.command, 0.0)]
        orders.append(Order(0.0, own.subject.signal("reactive_power_var"), more_var))
        found.append(float(run(at_rest, orders)["site.voltage_pu"][-1]))
    var = load_w * math.tan(math.acos(0.97))
    network = network_of(scenario, load_w, var)
    voltage = network.voltage(network.power, network.var, 1.0, network.impedance)
    # The container's auxiliaries, some 0.1 % of the load, are not in the closed form here.
    assert voltage == pytest.approx(found[0], abs=2e-4)
    slope = (found[1] - found[0]) / (1e5 / network.base_va)
    assert network.var_slope() == pytest.approx(slope, rel=0.01)


def test_no_solution_means_no_margin() -> None:
    scenario = site(FOLLOWING, unit(support={"voltage_gain": 2.0}), {"grid": {"scr": 1.0}})
    assert math.isnan(support_margin(scenario, 200e6, 50e6))
    assert np.isnan(forming_loop(site({"grid": {"scr": 0.5}}), 200e6, 0.0)).all()


def test_the_classes_of_the_map() -> None:
    """A load alone: no solution where the closed form has none, marginal near the nose, stable beyond."""
    plain = site(FOLLOWING, {"control": {"target": "off"}, "grid": {"power_factor": 1.0}})
    # A resistive load behind a reactance carries at most SCR/2 of the base.
    own = context(plain)
    nose_scr = 2.0 * own.peak_w / own.base_w
    near = points(
        plain, scr=[0.98 * nose_scr, 1.04 * nose_scr], x_over_r=[100.0, 101.0, 102.0], load_pu=[1.0]
    )
    assert {point.state for point in near if point.scr < nose_scr} == {"no_solution"}
    assert {point.state for point in near if point.scr > nose_scr} == {"marginal"}
    for point in near:
        if point.state == "marginal":
            assert 0.0 < point.collapse_margin < 0.05
            assert "nose" in point.reason


def test_axes_are_filled_in_the_logarithm_or_taken() -> None:
    assert mapping.axis([1.0, 100.0], 3) == [1.0, 10.0, 100.0]
    assert mapping.axis([3.0, 1.0, 2.0], 7) == [1.0, 2.0, 3.0]


def test_the_map_is_one_run_a_point_and_drawn() -> None:
    found = qualify(site(settings("map", load_pu=[0.5, 1.0])), tests=[], map_points=3)
    stability = found.stability
    assert stability is not None
    assert stability.runs == len(stability.points) == 3 * 3 * 2
    assert sum(stability.counts().values()) == stability.runs
    assert stability.own == (5.0, 10.0)
    for load_pu in stability.load_pu:
        picture = map_svg(stability, load_pu)
        root = ElementTree.fromstring(picture)
        cells = [node for node in root.iter("{http://www.w3.org/2000/svg}rect") if node.get("stroke")]
        assert len(cells) == 9
        fills = {COLOURS[point.state][0] for point in stability.level(load_pu)}
        assert {cell.get("fill") for cell in cells} == fills
        assert "this site" in picture
        letters = [COLOURS[point.state][1] for point in stability.level(load_pu)]
        words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        for letter in set(letters):
            assert words.count(letter) == letters.count(letter)


def test_a_unit_that_takes_no_part_is_told_so() -> None:
    found = outcome(9, FOLLOWING)
    note = next(row.finding.note for row in found.criteria if row.item == "small_signal")
    assert "takes no part" in note
