"""Distribution tree alone; see ``wattkeel.stages.distribution``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import facility_checks, facility_lowering, stage_inputs, stages
from wattkeel._generated import dtypes, models
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import records
from wattkeel.signals import RIDE_SIGNALS
from wattkeel.stage_inputs import expect, gather, like, positive, series

if TYPE_CHECKING:
    from wattkeel import parameters

Floats = NDArray[np.float64]

# Per unit of the nominal voltage: none below 0, and a slip of units above.
_VOLTAGE_PU = (0.0, 2.0)
_FREQUENCY_PU = (0.5, 1.5)


def _ordered(params: Mapping[str, parameters.Distribution]) -> dict[str, parameters.Distribution]:
    """Nodes, each before the one that feeds it."""
    faults = [
        Fault(f"params.{name}.feeds_from", node.feeds_from, "there is no such node", 'name one, or "site"')
        for name, node in params.items()
        if node.feeds_from not in params and node.feeds_from != "site"
    ]
    if faults:
        raise ScenarioError(faults)
    depth = {name: _depth(params, name) for name in params}
    return {name: params[name] for name in sorted(params, key=lambda name: -depth[name])}


def _depth(params: Mapping[str, parameters.Distribution], name: str) -> int:
    seen = [name]
    while params[seen[-1]].feeds_from in params:
        seen.append(params[seen[-1]].feeds_from)
        if len(seen) > len(params):
            raise ScenarioError(
                [Fault(f"params.{name}.feeds_from", seen[1], "the tree runs in a circle", "cut it")]
            )
    return len(seen)


def _loads(order: list[str], given: Mapping[str, ArrayLike]) -> Floats:
    """Load of every node, shape (ticks, nodes)."""
    unknown = [name for name in given if name not in order]
    if unknown or not given:
        raise ScenarioError([Fault("load_power_w", unknown, "no such node", "nodes: " + ", ".join(order))])
    loads = {name: series(f"load_power_w.{name}", values) for name, values in given.items()}
    ticks = len(next(iter(loads.values())))
    load_w = np.zeros((ticks, len(order)))
    for name, values in loads.items():
        if len(values) != ticks:
            raise ScenarioError(
                [Fault(f"load_power_w.{name}", len(values), "lengths differ", f"give {ticks}")]
            )
        load_w[:, order.index(name)] = values
    return load_w


def _tick_s(nodes: Mapping[str, parameters.Distribution], time_step_s: float | None) -> float:
    """Length of a tick; NaN where nothing depends on it."""
    moving = facility_lowering.with_dynamics(nodes) + facility_lowering.with_ride_through(nodes)
    if time_step_s is not None:
        return positive("time_step_s", time_step_s)
    if moving:
        message = f"is required by the dynamics or ride-through of {moving[0]}"
        raise ScenarioError([Fault("time_step_s", None, message, "give the length of a tick in s")])
    return math.nan


def run_distribution(
    params: Mapping[str, parameters.Distribution],
    load_power_w: Mapping[str, ArrayLike],
    time_step_s: float | None,
    voltage_pu: ArrayLike | None,
    frequency_pu: ArrayLike | None,
    engine: str,
) -> stages.DistributionRun:
    """Check the input and run the kernels; parameters as in ``wattkeel.stages.distribution``."""
    arguments: dict[str, object] = {"params": params, "load_power_w": load_power_w}
    for place, given in arguments.items():
        if not isinstance(given, Mapping):
            message = f"is {stage_inputs.of_type(given)}, not a mapping by the names of nodes"
            raise ScenarioError([Fault(place, None, message, 'write {"pdu": ...}')])
    expect(**{f"params.{name}": (node, models.Distribution) for name, node in params.items()})
    nodes = _ordered(params)
    order = list(nodes)
    load_w = _loads(order, load_power_w)
    found = [f for name, node in nodes.items() for f in facility_checks.node_findings(f"params.{name}", node)]
    found += facility_checks.tree_findings(nodes, "params")
    faults = [Fault(places[0], value, message, remedy) for places, value, message, remedy in found]
    tick_s = gather(faults, _tick_s, nodes, time_step_s)
    voltage = gather(faults, like, "voltage_pu", voltage_pu, load_w, 1.0, _VOLTAGE_PU, "pu")
    frequency = gather(faults, like, "frequency_pu", frequency_pu, load_w, 1.0, _FREQUENCY_PU, "pu")
    if faults or tick_s is None or voltage is None or frequency is None:
        raise ScenarioError(faults)
    tree = facility_lowering.lower_tree(nodes, 0.0, tick_s)
    ticks, rides, chains = len(load_w), len(tree.ride), len(tree.chain)
    input_w, loss_w, bus_w = np.zeros(load_w.shape), np.zeros(load_w.shape), np.zeros(ticks)
    changed, mode = np.zeros(load_w.shape, dtype=np.int64), np.zeros((ticks, rides), dtype=np.int64)
    stored_w, flow = np.zeros((ticks, chains)), np.zeros((ticks, rides * RIDE_SIGNALS))
    stages.kernel("distribution_run", engine)(
        ticks, len(order), tree.node, records(dtypes.NodeState, len(order)),
        tree.ride, records(dtypes.RideState, rides), tree.chain, records(dtypes.ChainState, chains),
        voltage, frequency - 1.0, load_w, input_w, loss_w, bus_w, changed, stored_w, flow, mode,
    )  # fmt: skip
    riding = facility_lowering.with_ride_through(nodes)
    overloaded = np.cumsum(changed, axis=0) > 0
    return stages.DistributionRun(
        {name: input_w[:, i] for i, name in enumerate(order)},
        {name: loss_w[:, i] for i, name in enumerate(order)},
        bus_w,
        {name: overloaded[:, i] for i, name in enumerate(order)},
        {name: stored_w[:, c] for c, name in enumerate(facility_lowering.with_dynamics(nodes))},
        {name: _ride_run(flow[:, RIDE_SIGNALS * r :], mode[:, r]) for r, name in enumerate(riding)},
    )


def _ride_run(flow: Floats, mode: NDArray[np.int64]) -> stages.RideRun:
    ceased, lost, backup, loss, spent, reactive, connected = (flow[:, j] for j in range(RIDE_SIGNALS))
    return stages.RideRun(ceased, lost, backup, loss, spent, reactive, connected, mode)
