"""What the parameters of a distribution node say together about dynamics and ride-through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wattkeel import facility_chain
from wattkeel._generated.models import Distribution, FacilityChain, Perc1

__all__ = ["Finding", "node_findings", "tree_findings"]

# Places that are read, the first being at fault; value, message, remedy.
Finding = tuple[list[str], object, str, str]


def node_findings(place: str, node: Distribution) -> Iterator[Finding]:
    """Find contradictions of one node.

    Parameters
    ----------
    place : str
        Of the node, e.g. ``distribution.ups``.
    node : Distribution

    Yields
    ------
    Finding
        Places, value, message and remedy.
    """
    for key, word in (("dynamics", "chain"), ("ride_through", "perc1")):
        if getattr(node, word) is not None and getattr(node, key) == "none":
            message = f'is not used by {key} = "none"'
            yield [f"{place}.{word}", f"{place}.{key}"], None, message, f'add {key} = "{word}" or remove it'
    if node.dynamics != "none":
        chain = node.chain or FacilityChain()
        try:
            facility_chain.block(chain, node.dynamics)
        except ValueError as error:
            places = [f"{place}.chain.loading_pu", f"{place}.chain"]
            yield places, chain.loading_pu, str(error), "lower the loading, or check the other parameters"
    if node.ride_through != "none":
        yield from _ride_findings(f"{place}.perc1", node.perc1 or Perc1())


def _ride_findings(place: str, perc1: Perc1) -> Iterator[Finding]:
    if perc1.reconnect_voltage_pu < perc1.cease_voltage_pu:
        places = [f"{place}.reconnect_voltage_pu", f"{place}.cease_voltage_pu"]
        message = f"is below the voltage at which the load ceases, {perc1.cease_voltage_pu:g} pu"
        yield places, perc1.reconnect_voltage_pu, message, "raise it"
    for power in ("active", "reactive"):
        lead, lag = f"{power}_lead_s", f"{power}_lag_s"
        if getattr(perc1, lead) > 0.0 and getattr(perc1, lag) <= 0.0:
            message = "a lead needs a lag beside it"
            yield [f"{place}.{lead}", f"{place}.{lag}"], getattr(perc1, lead), message, f"give {lag}"
        least, most = f"{power}_current_min_pu", f"{power}_current_max_pu"
        if getattr(perc1, least) > getattr(perc1, most):
            message = f"is above {most}, {getattr(perc1, most):g} pu"
            yield [f"{place}.{least}", f"{place}.{most}"], getattr(perc1, least), message, "lower it"
    if perc1.ceased_load == "lost" and perc1.backup_energy_j != Perc1().backup_energy_j:
        places = [f"{place}.backup_energy_j", f"{place}.ceased_load"]
        message = 'is not used by ceased_load = "lost"'
        yield places, perc1.backup_energy_j, message, 'write ceased_load = "backup" or remove it'


def tree_findings(nodes: Mapping[str, Distribution], section: str = "distribution") -> Iterator[Finding]:
    """Find a ride-through above another: the lower load would be ceased twice.

    Parameters
    ----------
    nodes : Mapping of str to Distribution
    section : str
        Place of the nodes.

    Yields
    ------
    Finding
    """
    for name, node in nodes.items():
        above = node.feeds_from
        for _ in nodes:  # no longer than the tree, which may run in a circle
            if above not in nodes or node.ride_through == "none":
                break
            if nodes[above].ride_through != "none":
                places = [f"{section}.{name}.ride_through", f"{section}.{above}.ride_through"]
                message = f"the node feeds from {above}, which has ride-through already"
                yield places, node.ride_through, message, "keep one of them"
                break
            above = nodes[above].feeds_from
