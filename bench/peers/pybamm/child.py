"""PyBaMM's Thevenin model under commanded power, with the IDAKLU solver.

Open loop: one solver step for every stretch of constant power, the answer interpolated to every tick. Closed
loop: one `Simulation.step` per tick, after which the state is read, as a controller would.
"""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import numpy as np
import pybamm
from serving import Request, serve, tiled

POWER = "Power function [W]"


def _parameters(request: Request) -> pybamm.ParameterValues:
    soc, volts = np.array(request["ocv_soc"]), np.array(request["ocv_v"])
    values = pybamm.ParameterValues("ECM_Example")
    values.update(
        {
            "Initial SoC": request["soc"][0],
            "Initial temperature [K]": request["temperature_k"],
            "Ambient temperature [K]": request["temperature_k"],
            "Cell capacity [A.h]": request["capacity_ah"],
            "Nominal cell capacity [A.h]": request["capacity_ah"],
            "Lower voltage cut-off [V]": request["voltage_min_v"],
            "Upper voltage cut-off [V]": request["voltage_max_v"],
            # The cell loses its heat to a jig; one that never warms is the surrounding.
            "Cell thermal mass [J/K]": request["heat_capacity_j_per_k"],
            "Cell-jig heat transfer coefficient [W/K]": request["heat_transfer_w_per_k"],
            "Jig thermal mass [J/K]": 1e15,
            "Open-circuit voltage [V]": lambda z: pybamm.Interpolant(soc, volts, z, interpolator="linear"),
            "R0 [Ohm]": request["resistance_ohm"],
            "Entropic change [V/K]": 0.0,
            POWER: "[input]",
        },
        check_already_exists=False,
    )
    for k, (resistance_ohm, time_constant_s) in enumerate(request["rc"], start=1):
        values.update(
            {
                f"R{k} [Ohm]": resistance_ohm,
                f"C{k} [F]": time_constant_s / resistance_ohm,
                f"Element-{k} initial overpotential [V]": 0.0,
            },
            check_already_exists=False,
        )
    return values


def _simulation(request: Request) -> pybamm.Simulation:
    options = {"number of rc elements": len(request["rc"]), "operating mode": "power"}
    model = pybamm.equivalent_circuit.Thevenin(options=options)
    solver = pybamm.IDAKLUSolver(rtol=request["rtol"], atol=request["atol"])
    return pybamm.Simulation(model, parameter_values=_parameters(request), solver=solver)


def _final(solution: pybamm.Solution) -> dict[str, float]:
    names = {"soc": "SoC", "end_voltage_v": "Voltage [V]", "current_a": "Current [A]",
             "temperature_k": "Cell temperature [K]"}  # fmt: skip
    return {key: float(solution[name].entries[-1]) for key, name in names.items()}


def _stretches(power_w: list[float]) -> list[tuple[float, int]]:
    return [(power, len(list(ticks))) for power, ticks in itertools.groupby(power_w)]


def open_loop(request: Request) -> dict[str, Any]:
    """Every tick of the answer, without a look at it on the way."""
    sim, tick_s = _simulation(request), request["tick_s"]
    stretches = [
        (power, ticks * tick_s, np.linspace(0.0, ticks * tick_s, ticks + 1))
        for power, ticks in _stretches(tiled(request["power_w"], request["ticks"]))
    ]
    sim.build()
    start, solution = time.perf_counter(), None
    for power, length_s, ticks in stretches:
        solution = sim.step(
            length_s, t_eval=[0.0, length_s], t_interp=ticks, starting_solution=solution, save=False,
            inputs={POWER: power},
        )  # fmt: skip
    seconds = time.perf_counter() - start
    return {"steps": request["ticks"], "seconds": seconds, "final": _final(solution)}


def closed_loop(request: Request) -> dict[str, Any]:
    """Tick by tick; before the next one the voltage is read."""
    sim, tick_s = _simulation(request), request["tick_s"]
    power_w = tiled(request["power_w"], request["ticks"])
    sim.build()
    start, solution, seen_v = time.perf_counter(), None, 0.0
    for power in power_w:
        solution = sim.step(tick_s, starting_solution=solution, save=False, inputs={POWER: power})
        seen_v = float(solution["Voltage [V]"].entries[-1])
    seconds = time.perf_counter() - start
    return {"steps": len(power_w), "seconds": seconds, "seen_v": seen_v, "final": _final(solution)}


if __name__ == "__main__":
    pybamm.set_logging_level("ERROR")
    serve("pybamm", {"open_loop": open_loop, "closed_loop": closed_loop})
