"""A battery of wattkeel that is built once, as those of the peers are, and then run from its start."""

from __future__ import annotations

from typing import Any

import numpy as np

import wattkeel as wk

from .link import Answer

FINAL = ("soc", "voltage_v", "end_voltage_v", "current_a")


class Ours:
    """One battery, or one for each SoC that is given, before its first tick; building it is not timed."""

    def __init__(self, params: Any, tick_s: float, soc: np.ndarray | None = None) -> None:
        many = None if soc is None else len(soc)
        self.stepper = wk.BatteryStepper(params, time_step_s=tick_s, batteries=many, soc_initial=soc)
        self.start = self.stepper.snapshot()

    def run(self, power_w: np.ndarray, every: int = 0) -> Answer:
        """All ticks in one call; the last row of the result, which holds ``every`` ticks, or all of them."""
        self.stepper.restore(self.start)
        run = self.stepper.run(power_w=power_w, every=every or len(power_w))
        return {name: getattr(run, name)[-1] for name in FINAL} | {"temperature_k": run.temperature_k[-1]}

    def loop(self, power_w: list[float]) -> Answer:
        """Commanded and read from Python at every tick."""
        self.stepper.restore(self.start)
        step, seen_v = self.stepper.step, 0.0
        for power in power_w:
            flow = step(power)
            seen_v = flow.end_voltage_v
        return {name: getattr(flow, name) for name in FINAL} | {"seen_v": seen_v}
