"""How the load of a run may leave the grid, from its scenario."""

from __future__ import annotations

from typing import Any

from wattkeel.compliance.record import LoadModel

__all__ = ["load_model_of"]


def load_model_of(model: Any) -> LoadModel:
    """What the parameters of a scenario say of trips, transfers and counters of sags.

    Parameters
    ----------
    model : Scenario model
        ``scenario.model``: nodes under ``distribution``, shedding and island under ``grid``.
    """
    nodes = [
        node for node in (getattr(model, "distribution", None) or {}).values() if node.ride_through != "none"
    ]
    # a node without a table of its own counts as the defaults do: not at all
    counts = [node.perc1.sag_count for node in nodes if node.perc1 is not None and node.perc1.sag_count > 0]
    grid = model.grid
    island = getattr(grid, "island", None)
    opens = island is not None and island.separate_below_pu > 0.0
    stages = getattr(grid, "load_shedding", ())
    sheds = any(stage.site_share > 0.0 and stage.threshold_hz < grid.nominal_frequency_hz for stage in stages)
    return LoadModel(on_voltage=bool(nodes) or opens, on_frequency=sheds, sag_count=min(counts, default=0))
