"""PySAM's BatteryStateful (the SSC library) under commanded power: one `execute` per tick."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

import PySAM.BatteryStateful as BatteryStateful
from serving import Request, serve, tiled

NO_LOSS = dict.fromkeys(("monthly_charge_loss", "monthly_discharge_loss", "monthly_idle_loss"), [0.0] * 12)
# Of the points of the curve that is read from the formula; it has a pole at 0.
LEAST_SOC, INTERVALS = 0.02, 200


def _battery(request: Request) -> Any:
    battery = BatteryStateful.default("LFPGraphite")
    capacity_ah, cell_v = request["capacity_ah"], request["cell_voltage_v"]
    cell = {
        "initial_SOC": 100.0 * request["soc"][0], "minimum_SOC": 100.0 * request["soc_min"],
        "maximum_SOC": 100.0 * request["soc_max"], "Qfull": capacity_ah,
        "resistance": request["resistance_ohm"], "Vnom_default": cell_v, "calendar_choice": 0.0,
    }  # fmt: skip
    if request["ocv_v"]:
        points = zip(request["ocv_soc"], request["ocv_v"], strict=True)
        table = [[100.0 * (1.0 - soc), volts] for soc, volts in points]
        cell |= {"voltage_choice": 1.0, "voltage_matrix": table[::-1]}
    pack = {
        "nominal_energy": capacity_ah * cell_v * request["series"] / 1e3,
        "nominal_voltage": cell_v * request["series"], "T_room_init": request["temperature_k"] - 273.15,
        "cap_vs_temp": [[-20.0, 100.0], [25.0, 100.0], [60.0, 100.0]],
        "loss_choice": 0.0, "replacement_option": 0.0, "schedule_loss": [0.0], "availabilty_loss": [0.0],
        **NO_LOSS,
    }  # fmt: skip
    battery.ParamsCell.replace(battery.ParamsCell.export() | cell)
    battery.ParamsPack.replace(battery.ParamsPack.export() | pack)
    battery.Controls.replace({"control_mode": 1.0, "dt_hr": request["tick_s"] / 3600.0, "input_power": 0.0})
    battery.setup()
    return battery


def _final(battery: Any, series: float) -> dict[str, float]:
    pack = battery.StatePack
    return {"soc": pack.Q / pack.Q_max, "voltage_v": pack.V / series, "current_a": pack.I}


def curve(request: Request) -> dict[str, Any]:
    """Voltage at rest of the formula that is used when no table is given, on an even SoC grid."""
    grid = [k / INTERVALS for k in range(INTERVALS + 1)]
    volts = []
    for soc in grid:
        whole = {"soc": [max(soc, LEAST_SOC)], "soc_min": 0.0, "soc_max": 1.0, "ocv_v": []}
        battery = _battery({**request, **whole})
        battery.execute(0)
        volts.append(battery.StatePack.V / request["series"])
    return {"ocv_soc": grid, "ocv_v": volts}


def power(request: Request) -> dict[str, Any]:
    """One battery; on request also what it delivered in every tick (untimed)."""
    battery = _battery(request)
    commands_kw = [watts / 1e3 for watts in tiled(request["power_w"], request["ticks"])]
    controls, execute, pack = battery.Controls, battery.execute, battery.StatePack
    delivered_w = []
    if request.get("delivered"):
        for command_kw in commands_kw:
            controls.input_power = command_kw
            execute(0)
            delivered_w.append(pack.P * 1e3)
        return {"delivered_w": delivered_w, "final": _final(battery, request["series"])}
    start = time.perf_counter()
    for command_kw in commands_kw:
        controls.input_power = command_kw
        execute(0)
    seconds = time.perf_counter() - start
    return {"steps": len(commands_kw), "seconds": seconds, "final": _final(battery, request["series"])}


if __name__ == "__main__":
    serve("nrel-pysam", {"power": power, "curve": curve})
