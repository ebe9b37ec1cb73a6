"""From the parameters of distribution nodes to records of the core: loss law, dynamics, ride-through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from wattkeel import facility_chain, lowering
from wattkeel._generated import dtypes, models
from wattkeel.linear import StateSpace

CHAIN_ROWS = 24
_VECTOR = 8  # rows are computed in whole vectors
# Entries of a step below this act on no sum that they meet; as denormals they would only cost time.
_LEAST_ENTRY = 1e-30


class Tree(NamedTuple):
    """Records of a distribution tree: nodes, and the rides and chains that some of them have."""

    node: Any
    ride: Any
    chain: Any


def with_dynamics(nodes: Mapping[str, models.Distribution]) -> list[str]:
    """Names of the nodes with dynamics, in the order given."""
    return [name for name, node in nodes.items() if node.dynamics != "none"]


def with_ride_through(nodes: Mapping[str, models.Distribution]) -> list[str]:
    """Names of the nodes with ride-through, in the order given."""
    return [name for name, node in nodes.items() if node.ride_through != "none"]


def lower_tree(nodes: Mapping[str, models.Distribution], reactive_per_watt: float, tick_s: float) -> Tree:
    """Records of all nodes.

    Parameters
    ----------
    nodes : Mapping of str to Distribution
        Every node before the one that feeds it.
    reactive_per_watt : float
        Q/P of loads without a power factor of their own.
    tick_s : float
        Length of a tick [s]; NaN where no node has dynamics or ride-through.

    Returns
    -------
    Tree
    """
    order, rides, chains = list(nodes), with_ride_through(nodes), with_dynamics(nodes)
    tree = Tree(
        np.zeros(len(order), dtype=dtypes.NodeParams).view(np.recarray),
        np.zeros(len(rides), dtype=dtypes.RideParams).view(np.recarray),
        np.zeros(len(chains), dtype=dtypes.ChainParams).view(np.recarray),
    )
    for i, (name, node) in enumerate(nodes.items()):
        parent = order.index(node.feeds_from) if node.feeds_from in nodes else -1
        lowering.lower_node(tree.node[i], node, parent)
        if name in rides:
            tree.node[i].ride_index = rides.index(name)
            record = tree.ride[rides.index(name)]
            rated_w = float(tree.node[i].rated_w)
            lower_ride(record, node.perc1 or models.Perc1(), rated_w, reactive_per_watt, tick_s)
        if name in chains:
            tree.node[i].chain_index = chains.index(name)
            system = facility_chain.block(node.chain or models.FacilityChain(), node.dynamics)
            lower_chain(tree.chain[chains.index(name)], system, tick_s)
    return tree


def lower_chain(record: Any, system: StateSpace, tick_s: float) -> None:
    """Exact step of a linear model of gain 1 at zero frequency; the energy that it holds is one more row.

    Parameters
    ----------
    record : ChainParams
        Filled in place.
    system : StateSpace
        Stable, one input and one output, at most 23 states.
    tick_s : float
        Length of a tick [s].
    """
    n = len(system.states)
    forward, given = system.step(tick_s)
    # Each state in units of what a unit step leaves in it, so that all are of the size of the power.
    settled = np.linalg.solve(np.eye(n) - forward, given[:, 0])
    energy = np.linalg.solve(system.a.T, system.c[0])
    size = np.where(np.abs(settled) > 1e-6 * np.abs(settled).max(), np.abs(settled), 1.0)
    forward, given, settled, energy = (
        forward * size / size[:, None], given[:, 0] / size, settled / size, energy * size,
    )  # fmt: skip
    rows = np.zeros((CHAIN_ROWS, CHAIN_ROWS))
    rows[:n, :n], rows[n, :n] = forward, energy @ forward
    rows[np.abs(rows) < _LEAST_ENTRY] = 0.0
    record.states, record.width = n, -(-(n + 1) // _VECTOR) * _VECTOR
    record.forward[:] = rows.T.reshape(-1)
    record.given[: n + 1] = [*given, energy @ given]
    record.settled[: n + 1] = [*settled, energy @ settled]
    record.per_tick_hz = 1.0 / tick_s


def lower_ride(
    record: Any, perc1: models.Perc1, rated_w: float, reactive_per_watt: float, tick_s: float
) -> None:
    """Filters, thresholds and times of a ride-through in ticks.

    Parameters
    ----------
    record : RideParams
        Filled in place.
    perc1 : Perc1
    rated_w : float
        Rating of the node, base of its per unit [W].
    reactive_per_watt : float
        Q/P where `perc1` has no power factor.
    tick_s : float
        Length of a tick [s].
    """
    lowering.fill(record, perc1)
    decay, ticks = lowering.lag_decay, lowering.in_ticks
    factor = perc1.power_factor
    record.base_w = rated_w
    record.reactive_ratio = lowering.reactive_per_watt(factor) if factor else reactive_per_watt
    record.voltage_decay = decay(perc1.voltage_filter_s, tick_s)
    record.frequency_decay = decay(perc1.frequency_filter_s, tick_s)
    record.output_decay = decay(perc1.output_filter_s, tick_s)
    for a, name in enumerate(("active", "reactive")):
        lead_s, lag_s, washout_s = (
            getattr(perc1, f"{name}_{key}") for key in ("lead_s", "lag_s", "washout_s")
        )
        record.exponent[a] = getattr(perc1, f"{name}_exponent")
        record.washout[a] = getattr(perc1, f"{name}_washout")
        record.washout_decay[a] = decay(washout_s, tick_s)
        record.lead_ratio[a] = lead_s / lag_s if lag_s > 0.0 else 1.0
        record.lag_decay[a] = decay(lag_s, tick_s)
        record.current_min_w[a] = getattr(perc1, f"{name}_current_min_pu") * rated_w
        record.current_max_w[a] = getattr(perc1, f"{name}_current_max_pu") * rated_w
    record.cease_tick = ticks(perc1.cease_delay_s, tick_s)
    record.ceased_share = 1.0 - perc1.cease_share
    record.reconnect_tick = ticks(perc1.reconnect_delay_s, tick_s)
    record.returned_share = record.ceased_share + perc1.reconnect_share * perc1.cease_share
    record.ramp_per_tick = lowering.per_tick(perc1.reconnect_ramp_s, tick_s)
    record.backup_j = perc1.backup_energy_j
    record.recharge_w = perc1.backup_recharge_pu * rated_w
    record.recharge_efficiency = perc1.backup_efficiency
    record.dt_s, record.per_tick_hz = tick_s, 1.0 / tick_s
    record.sags = perc1.sag_count
    record.sag_window_tick = ticks(perc1.sag_window_s, tick_s)
    record.sag_merge_tick = ticks(perc1.sag_merge_s, tick_s)
    record.sag_return_tick = ticks(perc1.sag_return_s, tick_s)
