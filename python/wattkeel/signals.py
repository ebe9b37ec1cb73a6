"""Names, units and meanings of the signals of a site, in the order of the engine's signal vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wattkeel._generated.models import ScenarioModel

#: What rules of power are metered on.
POWER = "poi.power_w"

# (name, unit, meaning). Powers are means over the tick. The order is that of prototype/layout.py.
_SITE = (
    ("poi.power_w", "W", "Active power at the POI, import positive"),
    ("poi.reactive_power_var", "var", "Reactive power at the POI, import positive"),
    ("poi.voltage_pu", "pu", "Voltage at the POI"),
    ("poi.frequency_hz", "Hz", "Frequency at the POI"),
    ("poi.rocof_hz_per_s", "Hz/s", "Rate of change of frequency in the tick, by the model"),
    ("poi.transformer_loss_w", "W", "Loss of the POI transformers and of the cable to them"),
    (
        "poi.unserved_power_w",
        "W",
        "Power that the load asks for and does not get (voltage collapse, shortage, blackout)",
    ),
    ("poi.curtailed_power_w", "W", "Surplus that the grid cannot take (export into a fault)"),
    ("site.load_power_w", "W", "Load of the site bus, before storage and generation"),
    ("site.it_power_w", "W", "Power at all rack inlets"),
    ("site.target_power_w", "W", "Import that the storage control holds"),
    ("cooling.power_w", "W", "Cooling and other facility overhead"),
    ("site.voltage_pu", "pu", "Voltage of the site bus"),
    (
        "site.frequency_hz",
        "Hz",
        "Frequency of the site bus: of the grid or the island, 0 while it is dark",
    ),
    ("site.voltage_response_power_w", "W", "Change of the load by the voltage of the site bus"),
    ("poi.nose_loading_pu", "pu", "Load over that at the nose of the PV curve; 1 is voltage collapse"),
    ("poi.rocof_window_hz_per_s", "Hz/s", "Rate of change of frequency over the rolling window"),
    ("grid.remote_frequency_hz", "Hz", "Frequency of the other area; with one area that at the POI"),
    ("grid.shed_power_w", "W", "Load shed in the system, less generation tripped"),
    ("site.shed_power_w", "W", "Load of the site that load shedding has tripped"),
)
_RACK = (
    ("gpu.{}.demand_power_w", "W", "Power that the GPUs' work asks for"),
    ("gpu.{}.power_w", "W", "Power that the GPUs draw"),
    ("gpu.{}.floor_power_w", "W", "Part of it without work (power floor, ramp-down)"),
    ("gpu.{}.deficit_power_w", "W", "Demand not served (cap, ramp-up): work lost or delayed"),
    ("gpu.{}.overshoot_power_w", "W", "Part of it that is short overshoot (EDP peak)"),
    ("rack.{}.overhead_power_w", "W", "Servers, fans and switches beside the GPUs"),
    ("rack.{}.psu_loss_w", "W", "Loss of the PSUs"),
    ("rack.{}.store_power_w", "W", "Power delivered by the shelf stores"),
    ("rack.{}.store_loss_w", "W", "Loss of the shelf stores"),
    ("rack.{}.store_energy_j", "J", "Energy in the shelf stores"),
    ("rack.{}.power_w", "W", "Power at the rack inlets"),
)
_NODE = (
    ("distribution.{}.power_w", "W", "Power that the node draws from upstream"),
    ("distribution.{}.loss_w", "W", "Loss of the node"),
)
_CHAIN = (("distribution.{}.stored_power_w", "W", "Power that goes into the node's power electronics"),)
_RIDE = (
    ("distribution.{}.ceased_power_w", "W", "Load that the node does not draw from upstream"),
    ("distribution.{}.lost_power_w", "W", "Part of it that nothing carries; below 0 drawn beyond demand"),
    ("distribution.{}.backup_power_w", "W", "Power that leaves the node's backup, below 0 in recharge"),
    ("distribution.{}.backup_loss_w", "W", "Loss of recharging the backup"),
    ("distribution.{}.backup_spent_j", "J", "Energy taken from the backup and not yet returned"),
    ("distribution.{}.reactive_power_var", "var", "Reactive power of the load behind the node"),
    ("distribution.{}.connected", "1", "Share of the load that is connected, end of the tick"),
)
_GENERATION = (("generation.{}.power_w", "W", "Power delivered to the site bus"),)
_STORAGE = (
    ("storage.{}.command_w", "W", "Command, positive delivers"),
    ("storage.{}.power_w", "W", "Power delivered to the site bus"),
    ("storage.{}.converter_loss_w", "W", "Loss of the converter"),
    ("storage.{}.cell_loss_w", "W", "Heat of the cells, leakage included"),
    ("storage.{}.cell_power_w", "W", "Power that leaves the chemistry or the field"),
    ("storage.{}.soc", "1", "State of charge"),
    ("storage.{}.voltage_v", "V", "Terminal voltage of the cells"),
    ("storage.{}.current_a", "A", "Current of the cells, positive in discharge"),
    ("storage.{}.shortfall_power_w", "W", "Converter's power less power delivered"),
    ("storage.{}.polarisation_power_w", "W", "Power that goes into polarisation and hysteresis"),
    ("storage.{}.temperature_k", "K", "Temperature of the hottest cells; 0 where it is not modelled"),
    ("storage.{}.auxiliary_power_w", "W", "Power of the container's climate and auxiliaries"),
    ("storage.{}.support_power_w", "W", "Part of the command that supports the grid's frequency"),
)

RIDE_SIGNALS = len(_RIDE)


@dataclass(frozen=True, slots=True)
class Signal:
    """One column of the signal vector."""

    name: str
    unit: str
    meaning: str


def distribution_order(model: ScenarioModel) -> list[str]:
    """Names of the distribution nodes, every node before the one that feeds it."""
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            depth[name] = 0  # stops a cycle, which the checks of a scenario report
            parent = model.distribution[name].feeds_from
            depth[name] = 0 if parent not in model.distribution else 1 + depth_of(parent)
        return depth[name]

    return sorted(model.distribution, key=lambda name: -depth_of(name))


def judged_signals(model: ScenarioModel) -> list[str]:
    """Signals that must leave the engine at every tick for the rules that the scenario names."""
    compliance = model.compliance
    return [POWER] if compliance.profiles or compliance.rule else []


def site_signals(model: ScenarioModel) -> list[Signal]:
    """Signals of a site in the order of the engine's signal vector."""
    signals = [Signal(*row) for row in _SITE]
    for names, block in (
        (list(model.rack), _RACK),
        (distribution_order(model), _NODE),
        ([n for n in distribution_order(model) if model.distribution[n].dynamics != "none"], _CHAIN),
        ([n for n in distribution_order(model) if model.distribution[n].ride_through != "none"], _RIDE),
        (list(model.generation), _GENERATION),
        (list(model.storage), _STORAGE),
    ):
        signals += [Signal(name.format(of), unit, meaning) for of in names for name, unit, meaning in block]
    return signals


def signal_names(model: ScenarioModel) -> list[str]:
    """Names of the signals of a site, in order."""
    return [signal.name for signal in site_signals(model)]
