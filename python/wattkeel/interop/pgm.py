"""power-grid-model: input and batch update of a load series, in a network of one source or in the user's.

https://power-grid-model.readthedocs.io: components, attributes and the JSON format. The package is needed
(extra `grid`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel.errors import Fault, MissingExtra, ScenarioError
from wattkeel.interop.poi import Handover, Voltages, handover
from wattkeel.interop.steps import Floats
from wattkeel.jsonio import write_text

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["PowerGridModelInput", "power_grid_model"]

# Records of one component, (components,), or of a batch, (steps, components).
Records = Any

POI_NODE, SITE_SIDE_NODE, SITE_NODE = 1, 2, 3
_CHUNK = 50_000  # steps that are solved at a time
_PURE_RESISTANCE = 1e9  # R/X of a source without reactance
_SUFFIXES = (".json", ".msgpack")


@dataclass(frozen=True, slots=True)
class PowerGridModelInput:
    """Input and batch update for `power_grid_model.PowerGridModel`.

    Attributes
    ----------
    series : Handover
        What was handed over.
    input_data : dict of str to ndarray
        Components by name.
    update_data : dict of str to ndarray (n, components)
        What changes from step to step.
    node : int
        Where the load hangs.
    poi_node : int or None
        The POI; None in a network of the user.
    notes : tuple of str
        Those of `series`, and what was found in the network.
    """

    series: Handover
    input_data: dict[str, Records]
    update_data: dict[str, Records]
    node: int
    poi_node: int | None
    notes: tuple[str, ...] = ()

    def solve(self, *, method: str = "newton_raphson", threading: int = -1) -> Voltages:
        """Power flow of every step.

        Parameters
        ----------
        method : str
            As `calculation_method` of power-grid-model.
        threading : int
            Threads; -1 for none, 0 for all of the machine.

        Returns
        -------
        Voltages
            NaN where the solver did not converge.
        """
        package = _package()
        model = package.PowerGridModel(self.input_data)
        wanted = [self.node] if self.poi_node is None else [self.poi_node, self.node]
        at = [int(np.flatnonzero(self.input_data["node"]["id"] == node)[0]) for node in wanted]
        rows = []
        for begin in range(0, self.series.steps, _CHUNK):
            part = {name: records[begin : begin + _CHUNK] for name, records in self.update_data.items()}
            found = model.calculate_power_flow(
                update_data=part, calculation_method=method, threading=threading,
                output_component_types={"node": ["u_pu"]}, continue_on_batch_error=True,
            )  # fmt: skip
            voltage = np.array(found["node"]["u_pu"][:, at])
            if model.batch_error is not None:
                voltage[model.batch_error.failed_scenarios] = np.nan
            rows.append(voltage)
        voltage = np.concatenate(rows)
        site = voltage[:, 1] if self.poi_node is not None and self.node != self.poi_node else None
        return Voltages(self.series.time_s, voltage[:, 0], site)

    def write(self, path: str | Path) -> tuple[Path, Path]:
        """Write the input to `path`, and the batch update beside it as `<name>_update`.

        Parameters
        ----------
        path : str or Path
            File ending in .json or .msgpack; the latter is smaller and quicker for long series.

        Raises
        ------
        ScenarioError
            The ending is another.
        OSError
            A file cannot be written.
        """
        target = Path(path)
        if target.suffix not in _SUFFIXES:
            message = "ends neither in .json nor in .msgpack"
            raise ScenarioError([Fault("path", str(path), message, f"name it {target.stem}.json")])
        utils = _package("utils")
        other = target.with_name(f"{target.stem}_update{target.suffix}")
        for file, data, kind in ((target, self.input_data, "input"), (other, self.update_data, "update")):
            if target.suffix == ".json":
                text = utils.json_serialize(data, kind, use_compact_list=True, indent=-1)
                write_text(file, text + "\n")
            else:
                file.write_bytes(utils.msgpack_serialize(data, kind, use_compact_list=True))
        return target, other


def power_grid_model(
    run: Result | str | Path | Handover,
    *,
    network: str | Path | Mapping[str, Records] | None = None,
    node: int | None = None,
    **options: Any,
) -> PowerGridModelInput:
    """Input of power-grid-model for a run: its load as a batch, in the network of its scenario or another.

    Parameters
    ----------
    run : Result, str, Path or Handover
        A run, its directory, or what `handover` made of one.
    network : str, Path or mapping, optional
        A network of your own: a file of power-grid-model (.json or .msgpack), or its `input_data`. It is not
        changed; the load is added to a copy.
    node : int, optional
        Id of its node where the load hangs.
    **options
        As in `handover`.

    Returns
    -------
    PowerGridModelInput
        To `solve` or to `write`.

    Raises
    ------
    MissingExtra
        power-grid-model is not installed.
    ScenarioError
        As in `handover`, or the network does not fit.
    """
    _package()
    series = run if isinstance(run, Handover) else handover(run, **options)
    if network is None:
        if node is not None:
            remedy = "give network, too"
            raise ScenarioError([Fault("node", node, "belongs to a network of your own", remedy)])
        return _of_scenario(series)
    return _of_user(series, network, node)


def _package(module: str = "") -> Any:
    """The package, or a module of it."""
    try:
        return importlib.import_module(f"power_grid_model.{module}".rstrip("."))
    except ImportError as error:
        purpose = "handing over to power-grid-model"
        raise MissingExtra("power-grid-model", "grid", purpose) from error


def _records(component: str, count: int, **values: Any) -> Records:
    records = _package().initialize_array("input", component, count)
    for name, value in values.items():
        records[name] = value
    return records


def _updates(component: str, ids: Any, steps: int, **values: Any) -> Records:
    records = _package().initialize_array("update", component, (steps, len(ids)))
    records["id"] = ids
    for name, value in values.items():
        records[name] = value
    return records


def _of_scenario(series: Handover) -> PowerGridModelInput:
    """One source, cable and transformers as far as they are asked for, and the load."""
    network = series.network
    voltage = {POI_NODE: network.voltage_v}
    if series.at == "site":
        voltage |= {SITE_SIDE_NODE: network.voltage_v} if network.has_cable else {}
        voltage |= {SITE_NODE: network.site_voltage_v}
    data = {"node": _records("node", len(voltage), id=list(voltage), u_rated=list(voltage.values()))}
    update: dict[str, Records] = {}
    node, next_id = POI_NODE, SITE_NODE + 1
    next_id = _add_source(series, data, update, next_id)
    if series.at == "site":
        next_id = _add_way(series, data, update, next_id)
        node = SITE_NODE
    _add_load(series, data, update, next_id, node, voltage[node])
    return PowerGridModelInput(series, data, update, node, POI_NODE, series.notes)


def _add_source(series: Handover, data: dict[str, Records], update: dict[str, Records], first_id: int) -> int:
    """Source components, one for each impedance that occurs, of which one is in service; next free id.

    An update can switch a source and move its voltage, but not change its short-circuit power. Without
    voltage all are off: the nodes are then without energy, at 0.
    """
    network = series.network
    factors = np.unique(series.source_factor)
    ids = first_id + np.arange(len(factors))
    x = network.source_reactance_pu
    on = (series.source_factor[:, None] == factors) & (series.source_voltage_pu > 0.0)[:, None]
    data["source"] = _records(
        "source", len(factors), id=ids, node=POI_NODE, status=factors == series.source_factor[0],
        u_ref=_reference_pu(series)[0], sk=network.short_circuit_va / factors,
        rx_ratio=network.source_resistance_pu / x if x > 0.0 else _PURE_RESISTANCE,
    )  # fmt: skip
    if len(factors) > 1 or np.ptp(series.source_voltage_pu) > 0.0:
        update["source"] = _updates(
            "source", ids, series.steps, status=on, u_ref=_reference_pu(series)[:, None]
        )
    return first_id + len(factors)


def _reference_pu(series: Handover) -> Floats:
    """Voltage of the source, which must be above 0 even of one that is off."""
    return np.where(series.source_voltage_pu > 0.0, series.source_voltage_pu, 1.0)


def _add_way(series: Handover, data: dict[str, Records], update: dict[str, Records], first_id: int) -> int:
    """Cable, and transformers: one for each ratio that occurs, of which one is in service; next free id.

    The tap of power-grid-model moves a winding by equal steps of voltage; this ratio is the inverse of such,
    with the impedance on the side of the site bus. So u1 stands for it.
    """
    network = series.network
    side = POI_NODE
    if network.has_cable:
        side = SITE_SIDE_NODE
        data["generic_branch"] = _records(
            "generic_branch", 1, id=first_id, from_node=POI_NODE, to_node=side, from_status=1, to_status=1,
            r1=network.cable_resistance_pu * network.base_ohm,
            x1=network.cable_reactance_pu * network.base_ohm, g1=0.0, b1=0.0, k=1.0, theta=0.0,
        )  # fmt: skip
        first_id += 1
    ratios = np.unique(series.tap_ratio)
    ids = first_id + np.arange(len(ratios))
    on = series.tap_ratio[:, None] == ratios
    per_rating = network.transformer_va / network.base_va
    r, x = network.transformer_resistance_pu * per_rating, network.transformer_reactance_pu * per_rating
    data["transformer"] = _records(
        "transformer", len(ratios), id=ids, from_node=side, to_node=SITE_NODE, from_status=on[0],
        to_status=on[0], u1=network.voltage_v / ratios, u2=network.site_voltage_v, sn=network.transformer_va,
        uk=np.hypot(r, x), pk=r * network.transformer_va, i0=0.0, p0=0.0, winding_from=1, winding_to=1,
        clock=0, tap_side=0, tap_pos=0, tap_min=0, tap_max=0, tap_size=0.0,
    )  # fmt: skip
    if len(ratios) > 1:
        update["transformer"] = _updates("transformer", ids, series.steps, from_status=on, to_status=on)
    return first_id + len(ratios)


def _add_load(
    series: Handover, data: dict[str, Records], update: dict[str, Records], first_id: int, node: int,
    voltage_v: float,
) -> None:  # fmt: skip
    """The load by its laws, and the capacitors that are not within it."""
    kinds = _package().LoadGenType
    law = {"power": kinds.const_power, "current": kinds.const_current, "impedance": kinds.const_impedance}
    ids = first_id + np.arange(len(series.parts))
    power_w = np.stack([part.power_w for part in series.parts], axis=1)
    var = np.stack([part.reactive_power_var for part in series.parts], axis=1)
    added = _records(
        "sym_load", len(ids), id=ids, node=node, status=1, type=[law[part.law] for part in series.parts],
        p_specified=power_w[0], q_specified=var[0],
    )  # fmt: skip
    _append(data, "sym_load", added)
    update["sym_load"] = _updates("sym_load", ids, series.steps, p_specified=power_w, q_specified=var)
    if series.capacitor_var.any():
        siemens = series.capacitor_var / voltage_v**2
        shunt = [first_id + len(ids)]
        bank = _records("shunt", 1, id=shunt, node=node, status=1, g1=0.0, b1=siemens[0])
        _append(data, "shunt", bank)
        if np.ptp(siemens) > 0.0:
            update["shunt"] = _updates("shunt", shunt, series.steps, b1=siemens[:, None])


def _append(data: dict[str, Records], component: str, added: Records) -> None:
    data[component] = np.concatenate([data[component], added]) if component in data else added


def _of_user(
    series: Handover, given: str | Path | Mapping[str, Records], node: int | None
) -> PowerGridModelInput:
    """The load at a node of a network that is given."""
    data = _read(given)
    nodes = data.get("node")
    known = [] if nodes is None else [int(x) for x in nodes["id"]]
    if node is None or node not in known:
        shown = ", ".join(map(str, known[:10])) + (", ..." if len(known) > 10 else "")
        message = "is no node of the network" if node is not None else "says where the load hangs"
        raise ScenarioError([Fault("node", node, message, f"nodes are {shown or 'not there'}")])
    voltage_v = float(data["node"]["u_rated"][known.index(node)])
    usual_v = series.network.voltage_v if series.at == "poi" else series.network.site_voltage_v
    notes = list(series.notes)
    if abs(voltage_v / usual_v - 1.0) > 0.01:
        notes.append(f"node {node} has {voltage_v:g} V, the run {usual_v:g} V")
    update: dict[str, Records] = {}
    first_id = 1 + max(int(records["id"].max()) for records in data.values() if len(records))
    _add_load(series, data, update, first_id, node, voltage_v)
    return PowerGridModelInput(series, data, update, node, None, tuple(notes))


def _read(given: str | Path | Mapping[str, Records]) -> dict[str, Records]:
    """`input_data` as rows of records, from a file or as given."""
    if isinstance(given, Mapping):
        return {str(name): records for name, records in given.items()}
    utils, PowerGridError = _package("utils"), _package("errors").PowerGridError
    path = Path(given)
    read = utils.msgpack_deserialize_from_file if path.suffix == ".msgpack" else (
        utils.json_deserialize_from_file
    )  # fmt: skip
    try:
        data = read(path)
    except OSError as error:
        message, remedy = error.strerror or str(error), "name a file of power-grid-model"
        raise ScenarioError([Fault("network", str(path), message, remedy)]) from error
    except (PowerGridError, ValueError, KeyError) as error:
        message = f"is no input of power-grid-model: {error}"
        remedy = "write it with power_grid_model.utils.json_serialize_to_file"
        raise ScenarioError([Fault("network", str(path), message, remedy)]) from error
    return {str(getattr(name, "value", name)): records for name, records in data.items()}
