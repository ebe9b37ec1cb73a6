"""Round-trip efficiency: in closed form, over an SoC window, and measured on a run of the stages."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wattkeel import stages
from wattkeel.sizing._input import Checks, Floats
from wattkeel.sizing.cells import CellCurves, cell_curves, dc_power, power_curve

if TYPE_CHECKING:
    from wattkeel import parameters

__all__ = ["DutyEfficiency", "RoundTrip", "duty_efficiency", "round_trip", "round_trip_ohmic"]

_CURVE_POINTS = 4001


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One cycle at constant power, charge back to where the discharge began.

    Parameters
    ----------
    efficiency
        Energy delivered over energy taken, at the point of use, with auxiliaries and rests.
    cell_efficiency
        The same at the terminals of the cells.
    discharged_j, charged_j
        Energy delivered and taken at the point of use, J.
    discharge_s, charge_s
        Durations, s.
    soc_low, soc_high
        Window that was cycled; NaN in the closed form.
    narrowed
        What ends the window before the battery's own ends, e.g. ``"current limit in discharge at SoC
        0.071"``; empty where nothing does.
    """

    efficiency: float
    cell_efficiency: float
    discharged_j: float
    charged_j: float
    discharge_s: float
    charge_s: float
    soc_low: float = math.nan
    soc_high: float = math.nan
    narrowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Duty:
    """One cycle: power at the AC side both ways, auxiliaries and rest; and powers at the terminals, W."""

    power_w: float
    auxiliary_w: float
    rest_s: float
    discharge_w: float
    charge_w: float
    standby_w: float

    def trip(self, discharge_s: float, charge_s: float) -> RoundTrip:
        """Energies of the cycle, once it is known how long each part lasts."""
        delivered_j = (self.power_w - self.auxiliary_w) * discharge_s
        taken_j = (self.power_w + self.auxiliary_w) * charge_s + self.auxiliary_w * self.rest_s
        given_j = self.discharge_w * discharge_s + self.standby_w * self.rest_s
        return RoundTrip(
            efficiency=delivered_j / taken_j,
            cell_efficiency=given_j / (self.charge_w * charge_s),
            discharged_j=delivered_j,
            charged_j=taken_j,
            discharge_s=discharge_s,
            charge_s=charge_s,
        )


def _duty(
    power_w: float, converter: parameters.Converter | None, auxiliary_power_w: float, rest_s: float
) -> _Duty:
    check = Checks()
    check.number("power_w", power_w, above=0.0)
    check.number("auxiliary_power_w", auxiliary_power_w, least=0.0)
    check.number("rest_s", rest_s, least=0.0)
    check.converter(converter)
    check.stop()
    discharge_w, charge_w, standby_w = dc_power(converter, [power_w, -power_w, 0.0]).tolist()
    if charge_w >= 0.0:
        check.fault("power_w", power_w, "the converter loses all of it", "give more power")
    check.stop()
    return _Duty(power_w, auxiliary_power_w, rest_s, discharge_w, -charge_w, standby_w)


def round_trip_ohmic(
    power_w: float,
    *,
    ocv_v: float,
    resistance_ohm: float,
    charge_as: float,
    converter: parameters.Converter | None = None,
    auxiliary_power_w: float = 0.0,
    rest_s: float = 0.0,
) -> RoundTrip:
    """Round trip of a flat open-circuit voltage behind a resistance at constant power, in closed form.

    The charge moved is the same both ways, so the trip at the terminals is the ratio of mean voltages:
    (E + sqrt(E^2 - 4 R P)) / (E + sqrt(E^2 + 4 R P)) at equal powers.

    Parameters
    ----------
    power_w : float
        Power of the converter at its AC side, W, both ways.
    ocv_v, resistance_ohm : float
        Of the whole battery, V and ohm.
    charge_as : float
        Charge moved each way, As.
    converter
        Its losses; None for none.
    auxiliary_power_w : float
        Auxiliaries, W, at all times.
    rest_s : float
        Rest in a cycle, s, in which the cells feed the energised converter and the grid the auxiliaries.

    Raises
    ------
    ScenarioError
        An input is out of range, or the power is beyond that of the cells.
    """
    check = Checks()
    check.number("ocv_v", ocv_v, above=0.0)
    check.number("resistance_ohm", resistance_ohm, least=0.0)
    check.number("charge_as", charge_as, above=0.0)
    check.stop()
    duty = _duty(power_w, converter, auxiliary_power_w, rest_s)
    if ocv_v**2 < 4.0 * resistance_ohm * duty.discharge_w:
        remedy = f"stay below {ocv_v**2 / (4.0 * resistance_ohm):g} W at the terminals"
        message = (
            f"with losses {duty.discharge_w:g} W at the terminals, beyond the largest power of the cells"
        )
        check.fault("power_w", power_w, message, remedy)
    check.stop()

    def current_a(terminal_w: float) -> float:
        """Current at a power, positive in discharge."""
        return 2.0 * terminal_w / (ocv_v + math.sqrt(ocv_v**2 - 4.0 * resistance_ohm * terminal_w))

    moved_as = charge_as + current_a(duty.standby_w) * rest_s
    return duty.trip(charge_as / current_a(duty.discharge_w), moved_as / -current_a(-duty.charge_w))


def round_trip(
    battery: parameters.Battery,
    *,
    power_w: float,
    converter: parameters.Converter | None = None,
    soc_low: float | None = None,
    soc_high: float | None = None,
    auxiliary_power_w: float = 0.0,
    rest_s: float = 0.0,
    temperature_k: float = 298.15,
) -> RoundTrip:
    """Round trip of the settled model over an SoC window at constant power.

    Parameters
    ----------
    battery
        Parameters, with their ages.
    power_w
        Power of the converter at its AC side, W, both ways.
    converter
        Its losses; None for none.
    soc_low, soc_high
        Window. An end that is not given is that of the battery, or the SoC up to which the power can be held
        both ways where that comes earlier; the result says so.
    auxiliary_power_w, rest_s
        As in `round_trip_ohmic`.
    temperature_k
        Temperature of the cells, K, held.

    Raises
    ------
    ScenarioError
        An input is not valid, strings are unequal, or a limit of the battery is met within the window that
        was given.
    """
    check = Checks()
    check.battery(battery)
    check.stop()
    duty = _duty(power_w, converter, auxiliary_power_w, rest_s)
    down, up = (
        cell_curves(
            battery, charging=charging, temperature_k=temperature_k, soc_low=soc_low, soc_high=soc_high
        )
        for charging in (False, True)
    )
    low, high, narrowed = _held_window(down, up, duty, (soc_low is None, soc_high is None))
    if narrowed:
        down, up = (
            cell_curves(battery, charging=charging, temperature_k=temperature_k, soc_low=low, soc_high=high)
            for charging in (False, True)
        )
    window_as = down.capacity_as * float(down.soc[-1] - down.soc[0])
    rest_as = float(power_curve(down, duty.standby_w / down.cells).current_a.mean()) * rest_s
    discharge_s = _window_time(down, duty.discharge_w, power_w)
    trip = duty.trip(discharge_s, _window_time(up, duty.charge_w, power_w) * (1.0 + rest_as / window_as))
    return dataclasses.replace(trip, soc_low=low, soc_high=high, narrowed=narrowed)


def _held_window(
    down: CellCurves, up: CellCurves, duty: _Duty, free: tuple[bool, bool]
) -> tuple[float, float, tuple[str, ...]]:
    """Window over which the power is held both ways, and what ends it; only free ends move inward.

    It is the widest stretch without a limit; where there is none, the whole window, which is refused later.
    """
    soc, curves = down.soc, {}
    for way, cell, terminal_w in (("discharge", down, duty.discharge_w), ("charge", up, duty.charge_w)):
        curves[way] = power_curve(cell, terminal_w / cell.cells)
    least = np.minimum(curves["discharge"].margin, curves["charge"].margin)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (least >= 0.0).astype(np.int64), [0]))))
    first, last = max(
        ((a, b - 1) for a, b in edges.reshape(-1, 2).tolist()), key=lambda run: run[1] - run[0],
        default=(0, len(soc) - 1),
    )  # fmt: skip
    if last - first < 1:
        return float(soc[0]), float(soc[-1]), ()
    told = []
    ends = [0, len(soc) - 1]
    for end, (moves, at, beyond) in enumerate(
        ((free[0] and first > 0, first, first - 1), (free[1] and last < len(soc) - 1, last, last + 1))
    ):
        if moves:
            way = min(curves, key=lambda name: float(curves[name].margin[beyond]))
            told.append(f"{curves[way].limit[beyond]} limit in {way} at SoC {soc[at]:.3f}")
            ends[end] = at
    return float(soc[ends[0]]), float(soc[ends[1]]), tuple(told)


def _window_time(cell: CellCurves, terminal_w: float, asked_w: float) -> float:
    """Time to cross the window at a power, s."""
    curve = power_curve(cell, terminal_w / cell.cells)
    beyond = np.flatnonzero(curve.margin < 0.0)
    if beyond.size:
        check = Checks()
        at = int(beyond[0] if cell.charging else beyond[-1])
        way = "charge" if cell.charging else "discharge"
        terminal = f"{terminal_w:g} W at the terminals of the cells"
        message = (
            f"with losses {terminal}: the {curve.limit[at]} limit is met in {way} at SoC {cell.soc[at]:.3f}"
        )
        check.fault("power_w", asked_w, message, "give less power, or a narrower soc_low to soc_high")
        check.stop()
    return float(np.trapezoid(cell.capacity_as / (curve.current_a * cell.charge_share), cell.soc))


@dataclass(frozen=True, slots=True)
class DutyEfficiency:
    """What a run of converter and cells cost.

    Parameters
    ----------
    efficiency
        (delivered + gained in store) / (taken + lost from store) at the point of use, where auxiliaries
        draw; a change of what is stored counts at its chemical energy.
    discharged_j, charged_j
        Energy delivered and taken at the point of use, J.
    auxiliary_j, cell_loss_j, converter_loss_j
        Where it went, J.
    stored_j
        What is stored more at the end than at the start, J.
    limited_ticks
        Ticks in which the cells met a limit.
    """

    efficiency: float
    discharged_j: float
    charged_j: float
    auxiliary_j: float
    cell_loss_j: float
    converter_loss_j: float
    stored_j: float
    limited_ticks: int


def duty_efficiency(
    battery: parameters.Battery,
    converter: parameters.Converter | None,
    *,
    command_w: ArrayLike,
    tick_s: float,
    container: parameters.Container | None = None,
    auxiliary_power_w: float = 0.0,
    engine: str = "native",
) -> DutyEfficiency:
    """Run a duty through `wattkeel.stages` and add up where its energy went.

    Standby of the energised converter is in its loss; auxiliaries draw at the point of use.

    Parameters
    ----------
    battery, converter, container
        Parameters; without a converter the command is that of the cells, without a container there is no
        climate.
    command_w : array_like, shape (ticks,)
        Power wanted at the AC side, W, positive delivers.
    tick_s : float
        Length of a tick, s.
    auxiliary_power_w : float
        Auxiliaries beside those of the container, W.
    engine : str
        "native" or "numba".

    Raises
    ------
    ScenarioError
        An input is not valid.
    """
    check = Checks()
    check.battery(battery)
    check.converter(converter)
    check.container(container)
    check.choice("engine", engine, ("native", "numba"))
    command = check.series("command_w", command_w)
    check.number("tick_s", tick_s, above=0.0)
    check.number("auxiliary_power_w", auxiliary_power_w, least=0.0)
    check.stop()
    ac_w, wanted_w = command, command
    if converter is not None:
        asked = stages.converter(converter, command_w=command, time_step_s=tick_s, engine=engine)
        ac_w, wanted_w = asked.power_w, asked.dc_power_w
    cells = stages.battery(battery, power_w=wanted_w, time_step_s=tick_s, container=container, engine=engine)
    if converter is not None:
        short = np.abs(cells.power_w - wanted_w) > 1e-9 * converter.rated_power_w
        ac_w = np.where(short, _ac_power(converter, cells.power_w), ac_w)
    else:
        ac_w = cells.power_w
    auxiliary_w = cells.auxiliary_power_w + auxiliary_power_w
    net_w = ac_w - auxiliary_w
    stored_j = float((cells.polarisation_power_w - cells.cell_power_w).sum()) * tick_s
    discharged_j = float(np.maximum(net_w, 0.0).sum()) * tick_s
    charged_j = float(np.maximum(-net_w, 0.0).sum()) * tick_s
    spent_j = charged_j + max(-stored_j, 0.0)
    return DutyEfficiency(
        efficiency=(discharged_j + max(stored_j, 0.0)) / spent_j if spent_j > 0.0 else math.nan,
        discharged_j=discharged_j,
        charged_j=charged_j,
        auxiliary_j=float(auxiliary_w.sum()) * tick_s,
        cell_loss_j=float(cells.loss_w.sum()) * tick_s,
        converter_loss_j=float((cells.power_w - ac_w).sum()) * tick_s,
        stored_j=stored_j,
        limited_ticks=int(np.count_nonzero(cells.limited)),
    )


def _ac_power(converter: parameters.Converter, terminal_w: Floats) -> Floats:
    """AC power of a settled converter for powers at its DC side, from its curve, W."""
    ac_w = np.linspace(-converter.rated_power_w, converter.rated_power_w, _CURVE_POINTS)
    return np.interp(terminal_w, dc_power(converter, ac_w), ac_w)
