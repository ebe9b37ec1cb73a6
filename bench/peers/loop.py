"""A battery of wattkeel in a closed loop: commanded and read from Python at every tick."""

from __future__ import annotations

from typing import Any

import wattkeel as wk

from .link import Answer


class Loop:
    """A site with nothing at work but one battery behind a converter without losses, stepped from Python.

    The engine steps the whole chain around it too, which a program for batteries alone need not do.
    """

    def __init__(self, params: Any, tick_s: float, rated_power_w: float) -> None:
        self.engine = wk.Engine(wk.Scenario.from_dict(_site(params, tick_s, rated_power_w)), threads=1)
        self.start = self.engine.snapshot()

    def __call__(self, power_w: list[float]) -> Answer:
        engine = self.engine
        engine.restore(self.start)
        for power in power_w:
            engine.command("storage.battery.power_w", power)
            engine.step(1)
            state = engine.state
        place = "storage.battery"
        return {key: state[f"{place}.{key}"] for key in ("soc", "voltage_v", "current_a")}


def _site(params: Any, tick_s: float, rated_power_w: float) -> dict[str, Any]:
    converter = {"loss_a": 0.0, "loss_b": 0.0, "loss_c": 0.0, "time_constant_s": 0.0}
    rack = {"preset": "dgx-h100", "count": 1, "gpu": "one", "workload": "idle", "feeds_from": "site"}
    return {
        "title": "one battery",
        "simulation": {"duration_s": 1.0, "tick_s": tick_s},
        "workload": {"idle": {"kind": "training", "period_s": 1.0}},
        "gpu": {"one": {"preset": "h100"}},
        "rack": {"one": rack},
        "storage": {
            "battery": {
                "battery": params.model_dump(exclude_defaults=True),
                "converter": {**converter, "rated_power_w": rated_power_w},
            },
        },
        "control": {"target": "off"},
        "grid": {"preset": "strong-60hz", "rated_power_w": 1e5, "frequency_model": "fixed"},
    }
