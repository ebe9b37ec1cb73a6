"""Converter and transformer alone; see ``wattkeel.stages.converter`` and ``wattkeel.stages.transformer``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wattkeel import conversion, lowering, stages
from wattkeel._generated import dtypes, models
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import records
from wattkeel.stage_inputs import gather, known_engine, like, number, series, strangers, whole_ticks

if TYPE_CHECKING:
    from wattkeel import parameters

# Per unit of the nominal voltage: none below 0, and a slip of units above.
_VOLTAGE_PU = (0.0, 2.0)


def run_converter(
    params: parameters.Converter,
    command_w: ArrayLike,
    time_step_s: float,
    reactive_var: ArrayLike | None,
    voltage_pu: ArrayLike | None,
    engine: str,
) -> stages.ConverterRun:
    """Check the input and run the kernels; parameters as in ``wattkeel.stages.converter``."""
    faults = strangers("params", params, models.Converter)
    if not faults:
        faults += [
            Fault(f"params.{keys[0]}", value, message, remedy)
            for keys, value, message, remedy in conversion.findings(params)
        ]
        # Tells of the length of a tick, too.
        gather(faults, whole_ticks, "params.delay_s", params.delay_s, time_step_s)
    command = gather(faults, series, "command_w", command_w)
    var = gather(faults, like, "reactive_var", reactive_var, command, 0.0)
    voltage = gather(faults, like, "voltage_pu", voltage_pu, command, 1.0, _VOLTAGE_PU, "pu")
    gather(faults, known_engine, engine)
    if faults or command is None:
        raise ScenarioError(faults)
    record, state = records(dtypes.ConverterParams, 1), records(dtypes.ConverterState, 1)
    storage = models.Storage(converter=params)
    table = lowering.lower_converter(record[0], storage, 1.0, time_step_s)
    ring = np.zeros(max(1, 2 * int(record[0].delay_tick)))
    state[0].override_w = np.nan
    power_w, delivered_var, dc_w = (np.zeros(command.shape) for _ in range(3))
    limited = np.zeros(len(command), dtype=np.int64)
    stages.kernel("converter_run", engine)(
        len(command), stages.one(record, engine), stages.one(state, engine), ring, np.append(table, 0.0),
        command, var, voltage, power_w, delivered_var, dc_w, limited,
    )  # fmt: skip
    return stages.ConverterRun(power_w, delivered_var, dc_w, dc_w - power_w, limited != 0)


def run_transformer(
    params: parameters.Distribution,
    power_w: ArrayLike,
    reactive_power_var: ArrayLike | None,
    source_voltage_pu: ArrayLike | None,
    impedance_pu: float,
    engine: str,
) -> stages.TransformerRun:
    """Check the input and run the kernels; parameters as in ``wattkeel.stages.transformer``."""
    faults = strangers("params", params, models.Distribution)
    least_pu = 0.0 if faults else max(params.loss_c, 1e-9)
    z_pu = gather(faults, number, "impedance_pu", impedance_pu)
    if z_pu is not None and z_pu != 0.0 and not least_pu <= z_pu <= 1.0:
        message = f"must be 0, or from loss_c = {least_pu:g} to 1, in pu"
        faults.append(Fault("impedance_pu", z_pu, message, "6 % is usual: write 0.06"))
    load = gather(faults, series, "power_w", power_w)
    var = gather(faults, like, "reactive_power_var", reactive_power_var, load, 0.0)
    source = gather(faults, like, "source_voltage_pu", source_voltage_pu, load, 1.0, _VOLTAGE_PU, "pu")
    gather(faults, known_engine, engine)
    if faults or load is None or var is None:
        raise ScenarioError(faults)
    node, z = records(dtypes.NodeParams, 1), records(dtypes.GridParams, 1)
    lowering.lower_node(node[0], params, -1)
    lowering.lower_impedance(z[0], params, impedance_pu)
    input_w, input_var, loss_w, voltage_pu, share = (np.zeros(load.shape) for _ in range(5))
    stages.kernel("transformer_run", engine)(
        len(load), stages.one(node, engine), stages.one(z, engine), source, load, var,
        input_w, input_var, loss_w, voltage_pu, share,
    )  # fmt: skip
    overloaded = np.hypot(load, var) * share > float(node[0].rated_w)
    return stages.TransformerRun(input_w, input_var, loss_w, voltage_pu, (1.0 - share) * load, overloaded)
