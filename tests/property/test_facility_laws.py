"""Laws of dynamics and ride-through: energy goes somewhere, bounds hold, whatever the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_sites import between, rides

import wattkeel as wk
from wattkeel.parameters import Distribution, FacilityChain, Perc1

LAWS = settings(max_examples=min(60, settings.default.max_examples), deadline=None)
RATED_W = 1e7
FORMS = st.sampled_from(["chain", "chain_reduced", "chain_second_order"])


@st.composite
def drives(draw: st.DrawFn) -> dict[str, Any]:
    """Load and voltage of 300 ticks: levels, edges, sags to nothing, voltages above nominal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    load = np.repeat(rng.choice([0.0, 0.3, 1.0, 1.4], 30), 10) * draw(between(0.0, 1.0)) * RATED_W
    voltage = np.repeat(rng.choice([1.0, 1.0, 1.1, 0.8, 0.4, 0.0], 60), 5)
    tick_s = draw(st.sampled_from([1e-4, 1e-3, 1e-2]))
    return {"load_power_w": {"n": load}, "voltage_pu": voltage, "time_step_s": tick_s}


@st.composite
def chains(draw: st.DrawFn) -> FacilityChain:
    factor = lambda: draw(between(0.7, 1.4))  # noqa: E731
    return FacilityChain(
        loading_pu=draw(between(0.05, 0.8)), dc_voltage_hz=5.0 * factor(), psu_voltage_hz=10.0 * factor(),
        psu_capacitance_pu=2.0 * factor(), dc_capacitance_pu=2.0 * factor(), pll_hz=20.0 * factor(),
        reduced_order=draw(st.integers(1, 20)), second_order_zero_s=draw(between(-0.1, 0.1)),
    )  # fmt: skip


@given(drive=drives(), chain=chains(), form=FORMS)
@LAWS
def test_a_chain_neither_makes_nor_loses_energy(
    drive: dict[str, Any], chain: FacilityChain, form: str
) -> None:
    """After a long rest at the first load, what went in has come out."""
    load = np.concatenate([drive["load_power_w"]["n"], np.full(20_000, drive["load_power_w"]["n"][0])])
    node = Distribution(rated_power_w=RATED_W, dynamics=form, chain=chain)
    run = wk.stages.distribution({"n": node}, load_power_w={"n": load}, time_step_s=1e-2)
    stored_w = run.stored_power_w["n"]
    assert abs(stored_w.sum()) <= 1e-12 * (np.abs(stored_w).sum() + RATED_W)
    np.testing.assert_allclose(run.bus_power_w, load + stored_w, rtol=1e-14, atol=1e-14 * RATED_W)


@given(drive=drives(), chain=chains(), form=FORMS)
@LAWS
def test_a_chain_draws_no_more_than_its_impulse_response_allows(
    drive: dict[str, Any], chain: FacilityChain, form: str
) -> None:
    load, tick_s = drive["load_power_w"]["n"], drive["time_step_s"]
    node = Distribution(rated_power_w=RATED_W, dynamics=form, chain=chain)

    def drawn(values: np.ndarray) -> np.ndarray:
        return wk.stages.distribution({"n": node}, load_power_w={"n": values}, time_step_s=tick_s).bus_power_w

    pulse = np.zeros(len(load) + 1)
    pulse[1] = 1.0
    largest = np.abs(load - load[0]).max() * np.abs(drawn(pulse)).sum()
    assert np.abs(drawn(load) - load[0]).max() <= largest * (1.0 + 1e-9) + 1e-9 * RATED_W


@given(drive=drives(), data=st.data(), form=st.one_of(st.just("none"), FORMS))
@LAWS
def test_ride_through_keeps_its_books(drive: dict[str, Any], data: st.DataObject, form: str) -> None:
    perc1 = Perc1(**data.draw(rides(drive["time_step_s"])))
    node = Distribution(rated_power_w=RATED_W, loss_b=0.01, dynamics=form, ride_through="perc1", perc1=perc1)
    run = wk.stages.distribution({"n": node}, **drive)
    n, tick_s = run.ride["n"], drive["time_step_s"]
    asked_w = drive["load_power_w"]["n"] + run.stored_power_w.get("n", 0.0)
    delivered_w = run.bus_power_w - run.loss_w["n"]
    # Drawn + from the backup = asked - lost + loss of the recharge, as in the ledger.
    books = delivered_w + n.backup_power_w - asked_w + n.lost_power_w - n.backup_loss_w
    assert np.abs(books).max() <= 1e-12 * RATED_W
    assert (n.connected >= 0.0).all()
    assert (n.connected <= 1.0).all()
    assert (n.backup_loss_w >= 0.0).all()
    assert (n.backup_spent_j >= 0.0).all()
    assert (n.backup_spent_j <= perc1.backup_energy_j).all()
    spent_j = np.cumsum(n.backup_power_w) * tick_s
    assert np.abs(n.backup_spent_j - spent_j).max() <= 1e-12 * RATED_W * tick_s * len(spent_j) + 1e-6
    drawn_w = asked_w - n.ceased_power_w
    limit_w = perc1.active_current_max_pu * RATED_W * drive["voltage_pu"]
    assert (drawn_w <= limit_w * (1.0 + 1e-12) + 1e-9 * RATED_W).all()
    assert (drawn_w >= -1e-9 * RATED_W).all()


@given(drive=drives(), data=st.data())
@LAWS
def test_both_engines_agree(drive: dict[str, Any], data: st.DataObject) -> None:
    perc1 = Perc1(**data.draw(rides(drive["time_step_s"])))
    node = Distribution(rated_power_w=RATED_W, dynamics="chain", ride_through="perc1", perc1=perc1)
    native, numba = (wk.stages.distribution({"n": node}, engine=e, **drive) for e in ("native", "numba"))
    assert native.bus_power_w.tobytes() == numba.bus_power_w.tobytes()
    assert native.ride["n"].mode.tobytes() == numba.ride["n"].mode.tobytes()
