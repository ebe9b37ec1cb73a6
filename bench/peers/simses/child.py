"""simses under commanded power, stepped as its API asks: one call of `Battery.step` per battery and tick.

simses counts power and current positive in charge; requests and answers count them positive in discharge.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from serving import Request, serve, tiled
from simses.battery import Battery
from simses.model.cell.sony_lfp import SonyLFP


class PlainCell(SonyLFP):
    """The Sony cell with its OCV table, a constant resistance and nothing else."""

    def __init__(self, resistance_ohm: float) -> None:
        super().__init__()
        self.resistance_ohm = resistance_ohm

    def internal_resistance(self, state: Any) -> float:
        return self.resistance_ohm

    def hysteresis_voltage(self, state: Any) -> float:
        return 0.0

    def entropic_coefficient(self, state: Any) -> float:
        return 0.0


class SignedCell(SonyLFP):
    """The Sony cell with the hysteresis voltage taken off in discharge; simses adds it in both directions."""

    def hysteresis_voltage(self, state: Any) -> float:
        volts = super().hysteresis_voltage(state)
        return volts if state.is_charge else -volts


def _cell(request: Request) -> SonyLFP:
    return SignedCell() if request["cell"] == "sony" else PlainCell(request["resistance_ohm"])


def _battery(cell: SonyLFP, soc: float, request: Request) -> Battery:
    start = {"start_soc": soc, "start_T": request["temperature_k"] - 273.15}
    limits = (request["soc_min"], request["soc_max"])
    return Battery(cell, (1, 1), start, soc_limits=limits)


def _state(battery: Battery) -> dict[str, float]:
    state = battery.state
    return {"soc": state.soc, "voltage_v": state.v, "current_a": -state.i}


def tables(request: Request) -> dict[str, Any]:
    """Tables of the Sony cell at their own points, so that both sides have the same."""
    cell = SonyLFP()
    soc = [k / 200 for k in range(201)]
    coarse, celsius = [k / 10 for k in range(11)], [10.0, 25.0, 40.0, 60.0]

    def values(table: Any, grid: list[float]) -> list[float]:
        return [table(SimpleNamespace(soc=z)) for z in grid]

    def ohms(charge: bool) -> list[float]:
        at = [SimpleNamespace(soc=z, T=t, is_charge=charge) for z in coarse for t in celsius]
        return [cell.internal_resistance(state) for state in at]

    return {
        "ocv_soc": soc, "ocv_v": values(cell.open_circuit_voltage, soc),
        "hysteresis_v": values(cell.hysteresis_voltage, soc),
        "entropy_soc": coarse, "entropy_v_per_k": values(cell.entropic_coefficient, coarse),
        "resistance_soc": coarse, "resistance_temperature_k": [t + 273.15 for t in celsius],
        "resistance_charge_ohm": ohms(True), "resistance_discharge_ohm": ohms(False),
    }  # fmt: skip


def single(request: Request) -> dict[str, Any]:
    """One cell under a series of powers; on request its voltage is read after every step."""
    battery = _battery(_cell(request), request["soc"][0], request)
    charge_w = [-power for power in tiled(request["power_w"], request["ticks"])]
    step, dt, state, seen_v = battery.step, request["tick_s"], battery.state, 0.0
    start = time.perf_counter()
    if request.get("read"):
        for power in charge_w:
            step(power, dt)
            seen_v = state.v
    else:
        for power in charge_w:
            step(power, dt)
    seconds = time.perf_counter() - start
    return {"seen_v": seen_v, "steps": len(charge_w), "seconds": seconds, "final": _state(battery)}


def many(request: Request) -> dict[str, Any]:
    """Many cells side by side, each with a share of the power of its own; a step is one cell and one tick."""
    cell = _cell(request)
    batteries = [_battery(cell, soc, request) for soc in request["soc"]]
    charge_w = [-power for power in tiled(request["power_w"], request["ticks"])]
    lanes = [(battery.step, share) for battery, share in zip(batteries, request["share"], strict=True)]
    dt = request["tick_s"]
    start = time.perf_counter()
    for power in charge_w:
        for step, share in lanes:
            step(power * share, dt)
    seconds = time.perf_counter() - start
    states = [_state(battery) for battery in batteries]
    final = {key: [state[key] for state in states] for key in states[0]}
    return {"steps": len(charge_w) * len(lanes), "seconds": seconds, "final": final}


if __name__ == "__main__":
    serve("simses", {"single": single, "many": many, "tables": tables})
