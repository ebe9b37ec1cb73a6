"""Ticks of 0.1, 1 and 10 ms: the order in which results converge, measured on a site with every feedback."""

from __future__ import annotations

import numpy as np
import pytest
from sites import Run, case

from wattkeel.scenario import Scenario

DATA = case("tick_order")


@pytest.fixture(scope="module")
def window_means() -> list[dict[str, np.ndarray]]:
    """Means over the windows of every signal, one dictionary per tick."""
    found = []
    site = Scenario.from_dict(DATA["scenario"])
    for tick_s in DATA["tick_s"]:
        # Controlled every tick, so that the control itself becomes continuous with the tick.
        run = Run(site.with_overrides({"simulation.tick_s": tick_s, "control.period_s": tick_s}))
        ticks = round(DATA["window_s"] / tick_s)
        found.append({name: run[name].reshape(-1, ticks).mean(axis=1) for name in run.names()})
    return found


def differences(window_means: list[dict[str, np.ndarray]], name: str) -> tuple[float, float]:
    """Root mean square of 10 ms less 1 ms and of 1 ms less 0.1 ms, over the largest value."""
    coarse, middle, fine = (means[name] for means in window_means)
    scale = float(np.abs(fine).max())
    rms = [float(np.sqrt(np.mean((a - b) ** 2))) / scale for a, b in ((coarse, middle), (middle, fine))]
    return rms[0], rms[1]


@pytest.mark.parametrize("name", DATA["first_order"])
def test_feedback_converges_with_the_tick(window_means: list[dict[str, np.ndarray]], name: str) -> None:
    coarse, fine = differences(window_means, name)
    assert coarse / fine >= DATA["ratio_min"]
    assert coarse <= DATA["factor"] * DATA["first_order"][name]
    assert fine <= 0.15 * DATA["factor"] * DATA["first_order"][name]


@pytest.mark.parametrize("name", DATA["second_order"])
def test_demand_is_of_second_order(window_means: list[dict[str, np.ndarray]], name: str) -> None:
    coarse, fine = differences(window_means, name)
    assert coarse / fine >= 5.0 * DATA["ratio_min"]
    assert coarse <= DATA["factor"] * DATA["second_order"][name]
