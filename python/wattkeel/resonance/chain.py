"""Response of a site from its parts: facility, storage control, grid.

The parts are those of the engine, in the order of its tick. Loops are closed where the engine closes them:
the SoC that the control sees is that of the tick before. What has no linear response is left out and told in
notes: ramp limits (but see `ramp_limit_w`), limits of power and energy, floors and caps of GPUs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from wattkeel import facility_chain, loading, lowering
from wattkeel._generated import dtypes, models
from wattkeel.linear import StateSpace
from wattkeel.plant import records, role_limits, start_grid, switching_records
from wattkeel.resonance import pieces
from wattkeel.resonance.pieces import Complexes, Floats
from wattkeel.stages import kernel
from wattkeel.summary import nominal_energy_j

if TYPE_CHECKING:
    from wattkeel.scenario import Scenario

__all__ = ["Point", "grid_response", "operating_point", "ramp_limit_w", "storage_response", "upstream"]

_STEP = 1e-4  # relative step of a difference quotient: exact for square laws, small against knots of tables


@dataclass(frozen=True, slots=True)
class Point:
    """Operating point about which a site is linear.

    Attributes
    ----------
    gpu_w, inlet_w : dict of str to float
        Power of one GPU and of one rack of every population, W.
    load_w, generation_w, storage_w : float
        Load of the site bus, generation and storage, W.
    """

    gpu_w: dict[str, float]
    inlet_w: dict[str, float]
    load_w: float
    generation_w: float
    storage_w: float


def operating_point(scenario: Scenario) -> Point:
    """Mean of the load while all jobs run; the storage does what its control asks for at a steady load."""
    model = scenario.model
    gpu = {name: loading.mean_gpu_w(scenario, rack) for name, rack in model.rack.items()}
    inlet = {name: loading.inlet_w(scenario, rack, gpu[name]) for name, rack in model.rack.items()}
    load_w = loading.bus_load_w(scenario, inlet)
    generation_w = loading.mean_generation_w(scenario)
    storage_w = 0.0
    if model.control.target == "fixed" and model.storage:
        slow_w = role_limits(list(model.storage.values()))["slow"]
        wanted_w = load_w - generation_w - model.control.target_power_w
        storage_w = min(max(wanted_w, -slow_w), slow_w)
    return Point(gpu, inlet, load_w, generation_w, storage_w)


# --------------------------------------------------------------------------------------------- facility


def upstream(scenario: Scenario, point: Point, omega: Floats, tick_s: float) -> tuple[Complexes, Complexes]:
    """Response of the site bus to the power at all rack inlets, and to that of all GPUs.

    Populations swing together, each in proportion to its share of the power. From the GPU on: servers and
    fans, shelf store (linear within its energy and power), PSU; from the inlet on: distribution and cooling.
    """
    model = scenario.model
    inlets = {name: rack.count * point.inlet_w[name] for name, rack in model.rack.items()}
    gpus = {name: r.count * r.gpus_per_rack * point.gpu_w[name] for name, r in model.rack.items()}
    cooling = model.cooling
    warmth = cooling.proportional + cooling.lagged * pieces.lag(omega, cooling.time_constant_s, tick_s)
    from_rack = np.zeros(len(omega), dtype=complex)
    from_gpu = np.zeros(len(omega), dtype=complex)
    for name, rack in model.rack.items():
        tree = _tree_slope(scenario, point, name) - cooling.proportional - cooling.lagged
        bus = tree * _electronics(model, rack, omega, tick_s) + warmth
        from_rack += inlets[name] / sum(inlets.values()) * bus
        inlet = _inlet_slope(scenario, point, name) * _shelf(rack, omega, tick_s)
        from_gpu += gpus[name] / sum(gpus.values()) * inlet * bus
    return from_rack, from_gpu


def _tree_slope(scenario: Scenario, point: Point, name: str) -> float:
    """Change of the load of the site bus, settled cooling included, over that of a population's inlets."""
    rack = scenario.model.rack[name]
    step_w = _STEP * max(point.inlet_w[name], 1.0)
    ends = [
        loading.bus_load_w(scenario, point.inlet_w | {name: point.inlet_w[name] + side * step_w})
        for side in (-1.0, 1.0)
    ]
    return (ends[1] - ends[0]) / (2.0 * step_w * rack.count)


def _electronics(model: models.ScenarioModel, rack: models.Rack, omega: Floats, tick_s: float) -> Complexes:
    """Response of the power electronics on the way from a rack to the site bus."""
    passed = np.ones(len(omega), dtype=complex)
    above = rack.feeds_from
    while above in model.distribution:
        node = model.distribution[above]
        if node.dynamics != "none":
            system = facility_chain.block(node.chain or models.FacilityChain(), node.dynamics)
            passed *= pieces.conserving(system, omega, tick_s)
        above = node.feeds_from
    return passed


def _inlet_slope(scenario: Scenario, point: Point, name: str) -> float:
    """Change of the power at the inlet of a rack over that of its GPUs."""
    rack = scenario.model.rack[name]
    step_w = _STEP * max(point.gpu_w[name], 1.0)
    ends = [loading.inlet_w(scenario, rack, point.gpu_w[name] + side * step_w) for side in (-1.0, 1.0)]
    return (ends[1] - ends[0]) / (2.0 * step_w * rack.gpus_per_rack)


def _shelf(rack: models.Rack, omega: Floats, tick_s: float) -> Complexes:
    """What of a swing passes the shelf store: it delivers the load less its average and refills slowly."""
    if rack.store_energy_j <= 0.0:
        return np.ones(len(omega), dtype=complex)
    above = 1.0 - pieces.lag(omega, rack.store_average_s, tick_s)
    # A watt out takes 1/efficiency, a watt in leaves efficiency: their mean is the linear part.
    drain = 0.5 * (1.0 / rack.store_efficiency + rack.store_efficiency)
    pull = 1.0 / rack.store_recovery_s
    if tick_s > 0.0:
        pull = -math.expm1(-tick_s * pull) / tick_s
    refill = drain * pull * pieces.integral(omega, tick_s) * pieces.delay(omega, tick_s)
    return np.asarray(1.0 - above / (1.0 + refill))


# --------------------------------------------------------------------------------------------- storage


@dataclass(slots=True)
class _Role:
    """All units of a role: response of their power to the command, and loss of SoC with it."""

    power: Complexes
    drain: Complexes


def _role(model: models.ScenarioModel, name: str, omega: Floats, tick_s: float) -> _Role:
    limits = role_limits(list(model.storage.values()))
    power = np.zeros(len(omega), dtype=complex)
    drain = np.zeros(len(omega), dtype=complex)
    for unit in model.storage.values():
        converter = unit.converter
        if unit.role != name or converter is None:
            continue
        share = converter.rated_power_w / limits[name]
        answer = share * pieces.delay(omega, converter.delay_s)
        answer = answer * pieces.lag(omega, converter.time_constant_s, tick_s)
        power += answer
        drain += share * answer * pieces.integral(omega, tick_s) / nominal_energy_j(unit)
    return _Role(power, drain)


def _soc(model: models.ScenarioModel, role: str) -> float:
    """Start SoC of all units of a role, as the control sees it."""
    limits = role_limits(list(model.storage.values()))
    soc = 0.0
    for unit in model.storage.values():
        cells = unit.battery or unit.supercapacitor
        if unit.role == role and unit.converter is not None and cells is not None:
            soc += unit.converter.rated_power_w / limits[role] * cells.soc_initial
    return soc


def _slow_gain_w(model: models.ScenarioModel) -> float:
    """Recovery power per unit of SoC about the start: none within the deadband, none beyond its limit."""
    control = model.control
    beyond = abs(control.soc_target - _soc(model, "slow")) - control.soc_deadband
    if beyond < 0.0 or (beyond == 0.0 and control.soc_deadband > 0.0):
        return 0.0
    return control.soc_gain_w if control.soc_gain_w * beyond < control.soc_power_max_w else 0.0


def storage_response(scenario: Scenario, point: Point, omega: Floats, tick_s: float) -> Complexes:
    """Share of a swing of the load that remains behind the storage; 1 without storage.

    With M the measured load (delayed), A the moving average of the target, the difference D from the target
    is split: fast = b D, slow = (1 - b) D, b = shape (1 - low-pass), with SoC recovery in both. Commands are
    held over the control period; converters add dead time and lag.
    """
    model, control = scenario.model, scenario.model.control
    remains = np.ones(len(omega), dtype=complex)
    if not model.storage or control.target == "off":
        return remains
    limits = role_limits(list(model.storage.values()))
    # The same grid of whole ticks that the engine runs on.
    period_s = max(1, round(control.period_s / scenario.model.simulation.tick_s)) * model.simulation.tick_s
    held = pieces.hold(omega, period_s, tick_s)
    late = held * pieces.delay(omega, tick_s)  # the SoC seen is that of the tick before
    slow, fast = (_role(model, name, omega, tick_s) for name in ("slow", "fast"))
    free = limits["slow"] > 0.0 and abs(_steady_w(scenario, point)) < limits["slow"]

    split = np.zeros(len(omega), dtype=complex)
    if limits["fast"] > 0.0:
        low = pieces.lag(omega, 1.0 / (2.0 * math.pi * control.split_hz), period_s)
        shape = pieces.lag(omega, 1.0 / (2.0 * math.pi * control.shape_hz), period_s)
        split = shape * (1.0 - low) / (1.0 + control.fast_soc_gain_w * fast.drain * late)
    difference = pieces.delay(omega, control.measurement_delay_s)
    if control.target == "follow":
        count = round(control.average_s / period_s)
        difference = difference * (1.0 - pieces.average(omega, count, period_s))
    if free:
        difference = difference / (1.0 + _slow_gain_w(model) * slow.drain * late * (1.0 - split))
        remains = remains - slow.power * held * (1.0 - split) * difference
    return np.asarray(remains - fast.power * held * split * difference)


def _steady_w(scenario: Scenario, point: Point) -> float:
    """What the slow units would have to deliver at a steady load, W."""
    control = scenario.model.control
    if control.target != "fixed":
        return 0.0
    return point.load_w - point.generation_w - control.target_power_w


def ramp_limit_w(scenario: Scenario, omega: Floats) -> Floats:
    """Amplitude of a sine of the load above which the ramp limit of the target acts; inf for none.

    A target that may not follow leaves more to the storage than the linear response says.
    """
    model, control = scenario.model, scenario.model.control
    ramp = min(control.ramp_up_w_per_s, control.ramp_down_w_per_s)
    if not model.storage or control.target != "follow" or math.isinf(ramp):
        return np.full(len(omega), math.inf)
    count = round(control.average_s / control.period_s)
    passed = np.abs(pieces.average(omega, count, control.period_s))
    with np.errstate(divide="ignore"):
        return np.asarray(ramp / (omega * passed))


# --------------------------------------------------------------------------------------------- grid


@dataclass(frozen=True, slots=True)
class GridResponse:
    """Slopes and responses from the site bus to the POI.

    Attributes
    ----------
    power_per_load, power_per_storage : float
        Import over load of the site bus, and (as a reduction) over power that the storage delivers, W/W.
    voltage_per_load, voltage_per_storage : float
        Voltage at the POI over the same, pu/W.
    frequency_hz_per_w : ndarray (k,) of complex
        Frequency over import.
    """

    power_per_load: float
    power_per_storage: float
    voltage_per_load: float
    voltage_per_storage: float
    frequency_hz_per_w: Complexes = field(repr=False)


def frequency_system(grid: models.Grid) -> StateSpace | None:
    """Frequency of the area in pu for the import over the rating of the area; None where it is fixed."""
    if grid.frequency_model == "fixed":
        return None
    inertia, governor = 2.0 * grid.inertia_s, grid.governor_time_constant_s
    swing = [[-grid.damping / inertia, 1.0 / inertia], [-1.0 / (grid.droop * governor), -1.0 / governor]]
    return StateSpace(
        a=np.array(swing),
        b=np.array([[-1.0 / inertia], [0.0]]),
        c=np.array([[1.0, 0.0]]),
        d=np.zeros((1, 1)),
        states=("frequency_pu", "mechanical_pu"),
        inputs=("load_pu",),
        outputs=("frequency_pu",),
    )


def grid_response(scenario: Scenario, point: Point, omega: Floats, tick_s: float) -> GridResponse:
    """Way from the site bus to the source, and the frequency, about the operating point.

    The way has no memory but switches (tap changer, capacitors), which a small swing does not move: its
    slopes are difference quotients of the engine's own step. NaN where the voltage has no solution.
    """
    grid = scenario.model.grid
    system = frequency_system(grid)
    frequency = np.zeros(len(omega), dtype=complex)
    if system is not None:
        per_load = pieces.stepped(system, omega, tick_s)[:, 0, 0]
        frequency = np.asarray(grid.nominal_frequency_hz / grid.system_power_w * per_load)
    step_w = _STEP * loading.rated_power_w(scenario)
    ends = {
        (load, storage): _poi(
            scenario, point.load_w + load * step_w, point, point.storage_w + storage * step_w
        )
        for load, storage in ((1, 0), (-1, 0), (0, 1), (0, -1))
    }
    by_load = (ends[1, 0] - ends[-1, 0]) / (2.0 * step_w)
    by_storage = (ends[0, 1] - ends[0, -1]) / (2.0 * step_w)
    return GridResponse(
        power_per_load=float(by_load[0]),
        power_per_storage=float(-by_storage[0]),
        voltage_per_load=float(by_load[1]),
        voltage_per_storage=float(-by_storage[1]),
        frequency_hz_per_w=frequency,
    )


def _poi(scenario: Scenario, load_w: float, point: Point, storage_w: float) -> Floats:
    """Import, W, and POI voltage, pu, for a steady load and storage; NaN where the load is not served."""
    model = scenario.model
    tick_s = model.simulation.tick_s
    record, state = records(dtypes.GridParams, 1), start_grid(model.grid)
    base_va = loading.rated_power_w(scenario)
    lowering.lower_grid(record[0], model.grid, base_va, 0.0, tick_s)
    tap_state, bank, bank_state = switching_records(model.grid, base_va, tick_s)[1:]
    bus_w = load_w - point.generation_w - storage_w
    load_var = float(record[0].reactive_per_watt) * load_w
    capacitor_pu = float(bank[0].step_pu) * int(bank_state[0].in_use)
    power_w, _, _, unserved_w, *_ = kernel("grid_step", "native")(
        record, state, tick_s, float(tap_state[0].ratio), capacitor_pu, bus_w, load_w, load_var, 0.0
    )
    return np.array([power_w, state[0].voltage_pu]) if unserved_w == 0.0 else np.full(2, math.nan)
