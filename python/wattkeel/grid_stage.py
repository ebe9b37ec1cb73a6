"""Stages `grid` and `support` alone, for ``wattkeel.stages``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel import lowering, supply_lowering, support
from wattkeel._generated import dtypes, models
from wattkeel.errors import Fault, ScenarioError
from wattkeel.grid_checks import shedding_findings, support_findings
from wattkeel.plant import records, shedding_records, start_grid, switching_records
from wattkeel.stage_inputs import expect, gather, like, number, positive, series, strangers
from wattkeel.supply_checks import grid_findings

__all__ = ["GridRun", "SupportRun", "run_grid", "run_support"]

Floats = NDArray[np.float64]

# Frequencies that the window of the RoCoF remembers, one a tick: 80 MB.
_LONGEST_WINDOW_TICK = 1e7
# Measured frequency over nominal: beyond, no converter is on the grid, and a slip of units is likely.
_FREQUENCY_PU = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class GridRun:
    """State of the POI and of the site bus; shapes (ticks,).

    ``unserved_power_w`` is above 0 while the voltage has collapsed; ``loss_w`` is that of transformers and
    cable; ``voltage_response_power_w`` the change of the load by the voltage of the bus; ``nose_loading_pu``
    the load over that at the nose of the PV curve. ``rocof_hz_per_s`` is that of the model in each tick,
    ``rocof_window_hz_per_s`` that of the frequency over the rolling window. ``remote_frequency_hz`` is that
    of the other area (with one area that at the POI), ``shed_power_w`` the load shed in the system less
    generation tripped, ``site_shed_power_w`` what the stages take off the given load.
    """

    power_w: Floats
    reactive_power_var: Floats
    voltage_pu: Floats
    bus_voltage_pu: Floats
    frequency_hz: Floats
    rocof_hz_per_s: Floats
    unserved_power_w: Floats
    loss_w: Floats
    voltage_response_power_w: Floats
    nose_loading_pu: Floats
    rocof_window_hz_per_s: Floats
    remote_frequency_hz: Floats
    shed_power_w: Floats
    site_shed_power_w: Floats
    tap_position: NDArray[np.int64]
    capacitor_steps: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SupportRun:
    """What grid support adds to the commands of a converter; shapes (ticks,), W and var, positive delivers.

    ``response`` marks ticks in which the fast frequency response is held or released.
    """

    power_w: Floats
    reactive_power_var: Floats
    response: NDArray[np.bool_]


def run_grid(
    params: models.Grid,
    power_w: ArrayLike,
    time_step_s: float,
    reactive_power_var: ArrayLike | None,
    engine: str,
) -> GridRun:
    """Run ``wattkeel.stages.grid``."""
    from wattkeel.stages import kernel, one

    expect(params=(params, models.Grid))
    bus_w = series("power_w", power_w)
    findings = [*grid_findings("params", params), *shedding_findings("params", params)]
    faults = [Fault(places[0], value, message, remedy) for places, value, message, remedy in findings]
    if params.rated_power_w <= 0.0:
        faults.append(Fault("params.rated_power_w", params.rated_power_w, "no base", "give the rated power"))
    if params.playback is not None:
        remedy = "play it in a scenario, or hand over events"
        faults.append(Fault("params.playback", None, "the stage alone plays no record", remedy))
    if params.island is not None:
        remedy = "open the breaker in a scenario, where storage can carry the site"
        faults.append(Fault("params.island", None, "the stage alone has no grid-forming unit", remedy))
    step_s = gather(faults, positive, "time_step_s", time_step_s)
    if step_s is not None and params.rocof_window_s > _LONGEST_WINDOW_TICK * step_s:
        message = f"makes {params.rocof_window_s / step_s:.3g} ticks of params.rocof_window_s"
        remedy = f"give {params.rocof_window_s / _LONGEST_WINDOW_TICK:g} s or more"
        faults.append(Fault("time_step_s", step_s, message, remedy))
    if faults or step_s is None:
        raise ScenarioError(faults)
    record, state = records(dtypes.GridParams, 1), start_grid(params)
    reference_w = params.reference_power_w or math.nan
    lowering.lower_grid(record[0], params, params.rated_power_w, reference_w, step_s)
    event = supply_lowering.event_records(params.event, step_s)
    record[0].events = len(event)
    load_var = float(record[0].reactive_per_watt) * bus_w
    if reactive_power_var is not None:
        load_var = like("reactive_power_var", reactive_power_var, bus_w, 0.0)
    switching = [one(array, engine) for array in switching_records(params, float(record[0].base_va), step_s)]
    out: list[Any] = [np.zeros(bus_w.shape) for _ in range(14)]
    out += [np.zeros(len(bus_w), dtype=np.int64) for _ in range(2)]  # tap position, capacitor steps
    kernel("grid_run", engine)(
        len(bus_w), one(record, engine), one(state, engine), *switching, event,
        *shedding_records(params, step_s).values(), np.zeros(int(record[0].window_tick)), step_s, bus_w,
        load_var, *out,
    )  # fmt: skip
    return GridRun(*out)


def run_support(
    params: models.Support, converter: models.Converter, frequency_hz: ArrayLike, time_step_s: float,
    nominal_frequency_hz: float, voltage_pu: ArrayLike | None, phase_jump_rad: ArrayLike | None, engine: str,
) -> SupportRun:  # fmt: skip
    """Run ``wattkeel.stages.support``."""
    from wattkeel.stages import kernel, one

    faults = [
        *strangers("params", params, models.Support),
        *strangers("converter", converter, models.Converter),
    ]
    given_hz = gather(faults, series, "frequency_hz", frequency_hz)
    nominal_hz = gather(faults, number, "nominal_frequency_hz", nominal_frequency_hz, 1.0, 1000.0)
    if given_hz is not None and nominal_hz is not None:
        near_hz = (_FREQUENCY_PU[0] * nominal_hz, _FREQUENCY_PU[1] * nominal_hz)
        gather(faults, like, "frequency_hz", given_hz, given_hz, nominal_hz, near_hz, "Hz")
    step_s = gather(faults, positive, "time_step_s", time_step_s)
    voltage = gather(faults, like, "voltage_pu", voltage_pu, given_hz, 1.0, (0.0, 2.0), "pu")
    turn = (-2.0 * math.pi, 2.0 * math.pi)
    jump = gather(faults, like, "phase_jump_rad", phase_jump_rad, given_hz, 0.0, turn, "rad")
    if not faults and nominal_hz is not None:
        findings = support_findings("params", params, nominal_hz)
        faults += [Fault(finding[0][0], *finding[1:]) for finding in findings]
    if faults or given_hz is None or nominal_hz is None or step_s is None:
        raise ScenarioError(faults)
    record, state = records(dtypes.SupportParams, 1), records(dtypes.SupportState, 1)
    support.lower_support(record[0], params, converter, nominal_hz, step_s)
    power_w, reactive_var = np.zeros(given_hz.shape), np.zeros(given_hz.shape)
    change = np.zeros(len(given_hz), dtype=np.int64)
    kernel("support_run", engine)(
        len(given_hz), one(record, engine), one(state, engine), given_hz, jump, voltage, power_w,
        reactive_var, change,
    )  # fmt: skip
    return SupportRun(power_w, reactive_var, np.cumsum(change) == 1)
