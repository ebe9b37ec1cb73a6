"""Checks of cells: what the parameters of a battery or a supercapacitor say together.

Used for scenarios and for stages that run alone. A finding names all the places that it reads, first the one
to mend, so that a caller can stay silent where one of them has a fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from wattkeel._generated.models import Battery, Supercapacitor
from wattkeel.errors import Fault
from wattkeel.units import format_quantity

__all__ = ["Finding", "battery_faults", "battery_findings", "supercapacitor_findings"]

# Places, value, message, remedy.
Finding = tuple[list[str], object, str, str]

_LEAST_VOLTAGE_SHARE = 0.05
_LEAST_STEP = 1e-6
_MOST_BRANCHES = 3
_MOST_GROUPS = 64
_SHARE_SUM = 1e-6
# Hysteresis over the lowest OCV, below which it must stay so that no cell is left without a voltage.
_HYSTERESIS_SHARE = 0.5


def battery_faults(place: str, cells: Battery) -> list[Fault]:
    """Faults of a battery that stands alone.

    Parameters
    ----------
    place
        Where it stands, for the messages.
    cells
        Its parameters.

    Returns
    -------
    list of Fault
    """
    faults = [
        Fault(places[0], value, message, remedy)
        for places, value, message, remedy in battery_findings(place, cells)
    ]
    if not cells.ocv_v and not cells.ocv_soc:
        faults.append(Fault(f"{place}.ocv_v", None, "no OCV table", "give ocv_soc and ocv_v, or a preset"))
    return faults


def battery_findings(place: str, cells: Battery) -> Iterator[Finding]:
    """What contradicts itself in the parameters of a battery."""
    energy, strings = ("energy_j", cells.energy_j), ("strings", cells.strings)
    yield from _one_size(place, energy, strings, 'energy = "20 MWh"')
    yield from _window(place, cells)
    limits = [f"{place}.cell_voltage_min_v", f"{place}.cell_voltage_max_v"]
    if cells.cell_voltage_min_v >= cells.cell_voltage_max_v:
        message = f"must be below cell_voltage_max, {cells.cell_voltage_max_v:g} V"
        yield limits, cells.cell_voltage_min_v, message, "lower it"
    elif not cells.cell_voltage_min_v <= cells.cell_voltage_v <= cells.cell_voltage_max_v:
        places = [f"{place}.cell_voltage_v", *limits]
        message = f"lies outside {cells.cell_voltage_min_v:g} to {cells.cell_voltage_max_v:g} V"
        yield places, cells.cell_voltage_v, message, "give the nominal voltage of a cell"
    yield from _ocv(place, cells)
    yield from _resistance(place, cells)
    yield from _branches(place, cells)
    yield from _curve(place, "hysteresis_soc", cells.hysteresis_soc, (0.0, 1.0), {
        "hysteresis_v": (cells.hysteresis_v, 0.0, 1e3)})  # fmt: skip
    yield from _hysteresis(place, cells)
    yield from _curve(place, "entropy_soc", cells.entropy_soc, (0.0, 1.0), {
        "entropy_v_per_k": (cells.entropy_v_per_k, -0.1, 0.1)})  # fmt: skip
    yield from _curve(place, "derate_temperature_k", cells.derate_temperature_k, (150.0, 500.0), {
        "derate_charge": (cells.derate_charge, 0.0, 1.0),
        "derate_discharge": (cells.derate_discharge, 0.0, 1.0)})  # fmt: skip
    yield from _curve(place, "derate_soc", cells.derate_soc, (0.0, 1.0), {
        "derate_soc_charge": (cells.derate_soc_charge, 0.0, 1.0),
        "derate_soc_discharge": (cells.derate_soc_discharge, 0.0, 1.0)})  # fmt: skip
    yield from _groups(place, cells)


def _one_size(
    place: str, one: tuple[str, float], other: tuple[str, float], example: str
) -> Iterator[Finding]:
    places = [f"{place}.{one[0]}", f"{place}.{other[0]}"]
    if one[1] > 0.0 and other[1] > 0.0:
        yield places, one[1], f"{one[0]} and {other[0]} both size the cells", "keep one of the two"
    elif one[1] <= 0.0 and other[1] <= 0.0:
        yield places, None, f"neither {one[0]} nor {other[0]} is given", f"write {example}"


def _window(place: str, cells: Battery | Supercapacitor) -> Iterator[Finding]:
    places = [f"{place}.{key}" for key in ("soc_min", "soc_max", "soc_initial")]
    if cells.soc_min >= cells.soc_max:
        message = f"must be below soc_max, {cells.soc_max:g}"
        yield places[:2], cells.soc_min, message, "widen the SoC window"
    elif not cells.soc_min <= cells.soc_initial <= cells.soc_max:
        message = f"lies outside the SoC window, {cells.soc_min:g} to {cells.soc_max:g}"
        yield places[::-1], cells.soc_initial, message, "start within the window"


def _ascends(points: Sequence[float]) -> bool:
    return all(b - a >= _LEAST_STEP for a, b in pairwise(points))


def _ocv(place: str, cells: Battery) -> Iterator[Finding]:
    socs, volts = cells.ocv_soc, cells.ocv_v
    places = [f"{place}.ocv_soc", f"{place}.ocv_v"]
    if len(socs) != len(volts):
        message = f"{len(socs)} SoC points but {len(volts)} voltages"
        yield places, list(socs), message, "give as many of each"
    elif socs:
        if len(socs) < 2 or socs[0] != 0.0 or socs[-1] != 1.0 or not _ascends(socs):
            yield places[:1], list(socs), "must ascend from 0 to 1", "begin with 0 and end with 1"
        if not all(1e-3 <= volt <= 1e3 for volt in volts) or any(a > b for a, b in pairwise(volts)):
            yield places[1:], list(volts), "must be > 0 and <= 1000, in V, and never fall", "sort it by SoC"
        elif cells.cell_voltage_min_v >= cells.cell_voltage_max_v:
            pass  # told by itself
        elif volts[-1] <= cells.cell_voltage_min_v or volts[0] >= cells.cell_voltage_max_v:
            limits = [f"{place}.cell_voltage_min_v", f"{place}.cell_voltage_max_v"]
            message = "lies wholly outside the voltage limits of the cell"
            yield [places[1], *limits], list(volts), message, "check the table and the limits"


def _points(place: str, key: str, points: Sequence[float], ends: tuple[float, float]) -> Iterator[Finding]:
    """Points of a table must ascend within their range."""
    if points and not (_ascends(points) and ends[0] <= points[0] and points[-1] <= ends[1]):
        message = f"must ascend within {ends[0]:g} to {ends[1]:g}"
        yield [f"{place}.{key}"], list(points), message, "sort it and check the unit"


def _values(place: str, key: str, values: Sequence[float], ends: tuple[float, float]) -> Iterator[Finding]:
    if not all(ends[0] <= value <= ends[1] for value in values):
        message = f"must lie within {ends[0]:g} to {ends[1]:g}"
        yield [f"{place}.{key}"], list(values), message, "check the unit"


def _curve(
    place: str,
    key: str,
    points: Sequence[float],
    ends: tuple[float, float],
    curves: dict[str, tuple[Sequence[float], float, float]],
) -> Iterator[Finding]:
    """Curves over common points: as many values as points, all within their range."""
    yield from _points(place, key, points, ends)
    for name, (values, least, most) in curves.items():
        if len(values) != len(points):
            message = f"{len(values)} values but {len(points)} points of {key}"
            yield [f"{place}.{name}", f"{place}.{key}"], list(values), message, "give as many of each"
        yield from _values(place, name, values, (least, most))


def _resistance(place: str, cells: Battery) -> Iterator[Finding]:
    yield from _points(place, "resistance_soc", cells.resistance_soc, (0.0, 1.0))
    yield from _points(place, "resistance_temperature_k", cells.resistance_temperature_k, (150.0, 500.0))
    size = len(cells.resistance_soc) * len(cells.resistance_temperature_k)
    grid = [f"{place}.resistance_soc", f"{place}.resistance_temperature_k"]
    given = cells.resistance_discharge_ohm or cells.resistance_charge_ohm
    if bool(cells.resistance_soc) != bool(cells.resistance_temperature_k):
        remedy = "one temperature is enough"
        yield grid, None, "needs both SoC points and temperatures", remedy
        return
    if given and not size:
        yield grid, None, "is missing: the resistances have no SoC points and temperatures", "give both"
        return
    if cells.resistance_charge_ohm and not cells.resistance_discharge_ohm:
        yield [f"{place}.resistance_discharge_ohm"], None, "is missing beside resistance_charge", "give it"
    for key in ("resistance_discharge_ohm", "resistance_charge_ohm"):
        values: Sequence[float] = getattr(cells, key)
        if values and len(values) != size:
            message = f"{len(values)} values, not {size}: SoC points times temperatures"
            yield [f"{place}.{key}", *grid], None, message, "for each SoC point give all temperatures"
        yield from _values(place, key, values, (0.0, 1e6))


def _branches(place: str, cells: Battery) -> Iterator[Finding]:
    times, ohms = cells.rc_time_constant_s, cells.rc_resistance_ohm
    places = [f"{place}.rc_time_constant_s", f"{place}.rc_resistance_ohm"]
    if len(times) > _MOST_BRANCHES:
        yield places[:1], list(times), f"{len(times)} branches, more than {_MOST_BRANCHES}", "keep three"
    yield from _values(place, "rc_time_constant_s", times, (1e-9, 1e9))
    yield from _values(place, "rc_resistance_ohm", ohms, (0.0, 1e6))
    size = len(cells.resistance_soc) * len(cells.resistance_temperature_k)
    if len(ohms) not in (len(times), len(times) * size):
        message = f"{len(ohms)} resistances for {len(times)} time constants"
        yield places[::-1], None, message, f"give {len(times)}, or for each a table of {size} values"


def _hysteresis(place: str, cells: Battery) -> Iterator[Finding]:
    width_v = max(cells.hysteresis_v, default=0.0) * cells.hysteresis_scale
    least_v = min(cells.ocv_v, default=float("inf"))
    if least_v > 0.0 and width_v >= _HYSTERESIS_SHARE * least_v:
        keys = ("hysteresis_v", "hysteresis_scale", "ocv_v")
        message = f"times hysteresis_scale is {width_v:g} V, not below half the lowest OCV, {least_v:g} V"
        yield [f"{place}.{key}" for key in keys], list(cells.hysteresis_v), message, "check the unit"


def _groups(place: str, cells: Battery) -> Iterator[Finding]:
    shares = cells.string_share
    where = f"{place}.string_share"
    if len(shares) > _MOST_GROUPS:
        yield [where], len(shares), f"more than {_MOST_GROUPS} groups", "make fewer groups"
    if shares and (min(shares) <= 0.0 or abs(sum(shares) - 1.0) > _SHARE_SUM):
        yield [where], list(shares), "must be shares above 0 that sum to 1", "check the shares"
    for key, least, most in (
        ("string_capacity", 0.05, 2.0),
        ("string_resistance", 0.05, 100.0),
        ("string_soc", -1.0, 1.0),
    ):
        values: Sequence[float] = getattr(cells, key)
        if values and len(values) != max(1, len(shares)):
            message = f"{len(values)} values but {max(1, len(shares))} groups of strings"
            yield [f"{place}.{key}", where], list(values), message, "give one for each of string_share"
        yield from _values(place, key, values, (least, most))
    starts = [cells.soc_initial + difference for difference in cells.string_soc]
    if starts and not (min(starts) >= -_SHARE_SUM and max(starts) <= 1.0 + _SHARE_SUM):
        message = (
            f"with soc_initial = {cells.soc_initial:g} groups begin at {min(starts):g} to {max(starts):g}"
        )
        places = [f"{place}.string_soc", f"{place}.soc_initial"]
        yield places, list(cells.string_soc), message, "keep all within 0 to 1"
    tables = cells.resistance_discharge_ohm or (cells.cell_resistance_ohm,)
    if len(shares) > 1 and min((*tables, *(cells.resistance_charge_ohm or tables))) <= 0.0:
        message = "unequal strings in parallel need a resistance to share a current"
        yield [f"{place}.cell_resistance_ohm", where], cells.cell_resistance_ohm, message, "give one"


def supercapacitor_findings(place: str, cells: Supercapacitor) -> Iterator[Finding]:
    """What contradicts itself in the parameters of a supercapacitor."""
    energy, capacitance = ("energy_j", cells.energy_j), ("capacitance_f", cells.capacitance_f)
    yield from _one_size(place, energy, capacitance, 'energy = "50 kWh"')
    yield from _window(place, cells)
    places = [f"{place}.voltage_min_v", f"{place}.voltage_max_v"]
    if cells.voltage_min_v >= cells.voltage_max_v:
        message = f"must be below voltage_max, {cells.voltage_max_v:g} V"
        yield places, cells.voltage_min_v, message, "lower it"
    elif cells.voltage_min_v < _LEAST_VOLTAGE_SHARE * cells.voltage_max_v:
        message = f"is below 5 % of voltage_max, {cells.voltage_max_v:g} V: no converter works from that"
        remedy = f'half is usual: "{format_quantity(0.5 * cells.voltage_max_v, "V")}"'
        yield places, cells.voltage_min_v, message, remedy
