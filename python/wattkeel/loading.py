"""What a site will draw, told from its parameters before it runs: mean, steady maximum, bound.

These figures size defaults (contracted power, balance of the grid area) and the power quantum. A run does not
depend on their being exact; the bound must hold, so that sums over lanes stay exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wattkeel import lowering
from wattkeel._generated import models
from wattkeel.signals import distribution_order

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

# Power of one GPU as a function of its demand, both W.
Smoothing = Callable[[float], float]


def is_bypassed(job: models.Workload) -> bool:
    """Whether a job replays power measured at the rack inlet: caps, overhead and PSU losses are in it."""
    return job.kind == "trace" and job.trace_boundary == "rack"


def demand_levels(scenario: Scenario, rack: models.Rack) -> list[tuple[float, float]]:
    """Levels of the demand of one GPU as (share of the time, W); a trace has its mean and its maximum."""
    job = scenario.model.workload[rack.workload]
    if job.kind == "trace":
        trace = scenario.traces[f"workload.{rack.workload}"]
        mean_w = float(trace.energy_j(job.trace_interpolation).mean()) / trace.length_s
        return [(1.0, mean_w / job.trace_gpus), (0.0, float(trace.power_w.max()) / job.trace_gpus)]
    rated_w = scenario.model.gpu[rack.gpu].rated_power_w
    training_s = job.checkpoint_every * job.period_s
    checkpoint = job.checkpoint_s / (training_s + job.checkpoint_s) if job.checkpoint_every else 0.0
    compute = (1.0 - checkpoint) * job.compute_fraction
    return [
        (compute, job.compute_pu * rated_w),
        (1.0 - checkpoint - compute, job.communication_pu * rated_w),
        (checkpoint, job.checkpoint_pu * rated_w),
    ]


def _smoothing(rack: models.Rack, scenario: Scenario) -> Smoothing:
    """Floor and cap of a GPU; a bypassed population has neither."""
    gpu = scenario.model.gpu[rack.gpu]
    if is_bypassed(scenario.model.workload[rack.workload]):
        return lambda demand_w: demand_w
    floor_w = gpu.percent_tmp_floor / 100.0 * gpu.rated_power_w
    return lambda demand_w: min(max(demand_w, floor_w), gpu.cap_w)


def inlet_w(scenario: Scenario, rack: models.Rack, gpu_power_w: float) -> float:
    """Inlet power of one rack at a steady power per GPU, W."""
    if is_bypassed(scenario.model.workload[rack.workload]):
        return rack.gpus_per_rack * gpu_power_w
    gpu = scenario.model.gpu[rack.gpu]
    load_w = lowering.rack_load_w(rack, gpu, gpu_power_w)
    return load_w + lowering.apply_law(lowering.rack_law(rack, gpu), load_w)


def bus_load_w(scenario: Scenario, inlet: Mapping[str, float]) -> float:
    """Load of the site bus for given inlet powers of one rack of every population, W."""
    model = scenario.model
    load = dict.fromkeys(distribution_order(model), 0.0)
    bus_w = model.cooling.fixed_w
    for name, rack in model.rack.items():
        power_w = rack.count * inlet[name]
        bus_w += (model.cooling.proportional + model.cooling.lagged) * power_w
        if rack.feeds_from in load:
            load[rack.feeds_from] += power_w
        else:
            bus_w += power_w
    for name in load:
        node = model.distribution[name]
        law = lowering.node_law(node)
        power_w = load[name] + lowering.apply_law(law, load[name])
        if node.feeds_from in load:
            load[node.feeds_from] += power_w
        else:
            bus_w += power_w
    return bus_w


def peak_gpu_w(scenario: Scenario, rack: models.Rack) -> float:
    """Steady maximum of the power of one GPU of a population, W."""
    smoothed = _smoothing(rack, scenario)
    peak_w = max(smoothed(demand_w) for _, demand_w in demand_levels(scenario, rack))
    return max(peak_w, scenario.model.gpu[rack.gpu].idle_power_w)


def peak_load_w(scenario: Scenario) -> float:
    """Load of the site bus when all racks draw their steady maximum at once, W."""
    racks = scenario.model.rack
    return bus_load_w(
        scenario, {name: inlet_w(scenario, rack, peak_gpu_w(scenario, rack)) for name, rack in racks.items()}
    )


def mean_gpu_w(scenario: Scenario, rack: models.Rack) -> float:
    """Power of one GPU of a population expected on average while its job runs, W."""
    smoothed = _smoothing(rack, scenario)
    return sum(share * smoothed(demand_w) for share, demand_w in demand_levels(scenario, rack))


def mean_generation_w(scenario: Scenario) -> float:
    """Mean power of all generation, W."""
    total_w = 0.0
    for name, plant in scenario.model.generation.items():
        trace = scenario.traces[f"generation.{name}"]
        measured_w = plant.trace_rated_power_w or float(trace.power_w[:, 0].max())
        mean_w = float(trace.energy_j(plant.trace_interpolation)[0]) / trace.length_s
        total_w += plant.rated_power_w * mean_w / measured_w
    return total_w


def mean_import_w(scenario: Scenario) -> float:
    """Import expected on average while all jobs run, without storage losses, W."""
    inlet = {
        name: inlet_w(scenario, rack, mean_gpu_w(scenario, rack))
        for name, rack in scenario.model.rack.items()
    }
    return bus_load_w(scenario, inlet) - mean_generation_w(scenario)


def rated_power_w(scenario: Scenario) -> float:
    """Contracted power: as given, else 1.25 times the largest load, W."""
    return scenario.model.grid.rated_power_w or 1.25 * peak_load_w(scenario)


def lane_power_bound_w(scenario: Scenario) -> float:
    """Bound on the sum over all lanes of any power that a lane reports, W.

    Demand is summed as well as what is drawn, so caps do not lower the bound; overshoot, floors, shelf
    charging and the PSU loss at all of these together raise it.
    """
    bound_w = 0.0
    for rack in scenario.model.rack.values():
        gpu = scenario.model.gpu[rack.gpu]
        demand_w = max(abs(demand_w) for _, demand_w in demand_levels(scenario, rack))
        steady_w = max(demand_w, gpu.rated_power_w, gpu.secondary_floor_w, gpu.idle_power_w)
        gpu_w = steady_w + (gpu.edp_factor - 1.0) * gpu.rated_power_w
        load_w = lowering.rack_load_w(rack, gpu, gpu_w) + rack.store_power_w
        bound_w += rack.count * (load_w + lowering.apply_law(lowering.rack_law(rack, gpu), load_w))
    return bound_w
