"""Frequency models of the grid as linear systems, and their step for the core.

Every model is written down once, in continuous time: input is the change of load in pu of the system base (a
rise is positive and lowers the frequency), outputs are the deviations of frequency in pu at the site and in
the other area. The core steps the exact discrete form whatever the model is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import linear
from wattkeel._generated import models

__all__ = ["frequency_model", "lower_frequency", "lower_stage"]

Floats = NDArray[np.float64]

STATES = 8  # of the core's records
OUTPUTS = ("frequency_pu", "remote_frequency_pu")
_FREQUENCY_MAGIC = 1.5 * 2.0**-2
_OTHER_MAGIC = 1.5 * 2.0**2
"""1.5 * 2^52 quanta: 2^-54 pu for frequencies (up to 0.125 pu), 2^-50 for powers in pu and angles in rad (up
to 2). Far below any effect, and a state that decays ends on the grid instead of among the denormals."""


def frequency_model(grid: models.Grid) -> linear.StateSpace:
    """Write the frequency model of a grid as a linear system.

    Parameters
    ----------
    grid : Grid
        Parameters; ``frequency_model`` chooses:

        ``swing``
            Swing equation with a first-order governor: Ko, Zhu and Shim, arXiv:2512.08076.
        ``sfr``
            System frequency response of a reheat plant: P. M. Anderson and M. Mirheydar, "A low-order system
            frequency response model", IEEE Trans. Power Systems 5 (1990) 720-729.
        ``reheat``
            Governor, steam chest and reheater: P. Kundur, Power System Stability and Control (1994), ch. 11.
        ``two_area``
            Two areas on a tie, each with governor and reheater: Kundur (1994), section 11.1.

    Returns
    -------
    StateSpace
        Input ``load_pu`` (of ``system_power_w``), outputs ``frequency_pu`` and ``remote_frequency_pu``; in
        models of one area both are the same. ``fixed`` has no states.
    """
    if grid.frequency_model == "fixed":
        return _system({}, {})
    return {"swing": _swing, "sfr": _sfr, "reheat": _reheat, "two_area": _two_area}[grid.frequency_model](
        grid
    )


def _system(rates: Mapping[str, Mapping[str, float]], load: Mapping[str, float]) -> linear.StateSpace:
    """A system from its equations: derivative of each state by state, and by load."""
    states = tuple(rates)
    a = np.array([[row.get(name, 0.0) for name in states] for row in rates.values()]).reshape(
        len(states), len(states)
    )
    b = np.array([[load.get(name, 0.0)] for name in states]).reshape(len(states), 1)
    c = np.zeros((len(OUTPUTS), len(states)))
    if states:
        remote = OUTPUTS[1] if OUTPUTS[1] in states else OUTPUTS[0]
        c[0, states.index(OUTPUTS[0])] = 1.0
        c[1, states.index(remote)] = 1.0
    return linear.StateSpace(a, b, c, np.zeros((len(OUTPUTS), 1)), states, ("load_pu",), OUTPUTS)


def _swing(grid: models.Grid) -> linear.StateSpace:
    """2H dw/dt = m - dP - D w;  T_g dm/dt = -m - w/R."""
    inertia, lag = 2.0 * grid.inertia_s, grid.governor_time_constant_s
    return _system(
        {
            "frequency_pu": {"frequency_pu": -grid.damping / inertia, "mechanical_pu": 1.0 / inertia},
            "mechanical_pu": {"frequency_pu": -1.0 / (grid.droop * lag), "mechanical_pu": -1.0 / lag},
        },
        {"frequency_pu": -1.0 / inertia},
    )


def _sfr(grid: models.Grid) -> linear.StateSpace:
    """2H dw/dt = m - dP - D w;  m = K_m (1 + F_H T_R s)/(1 + T_R s) (-w/R).

    With the power r behind the reheater, T_R dr/dt = -K_m w/R - r, it is m = F_H (-K_m w/R) + (1 - F_H) r.
    """
    inertia, lag = 2.0 * grid.inertia_s, grid.reheat_time_constant_s
    gain, early = grid.power_gain / grid.droop, grid.high_pressure_fraction
    return _system(
        {
            "frequency_pu": {
                "frequency_pu": -(grid.damping + early * gain) / inertia,
                "reheat_pu": (1.0 - early) / inertia,
            },
            "reheat_pu": {"frequency_pu": -gain / lag, "reheat_pu": -1.0 / lag},
        },
        {"frequency_pu": -1.0 / inertia},
    )


def _reheat(grid: models.Grid) -> linear.StateSpace:
    """2H dw/dt = m - dP - D w with m = F_H c + (1 - F_H) r behind governor g, chest c and reheater r.

    T_G dg/dt = -w/R - g;  T_CH dc/dt = g - c;  T_RH dr/dt = c - r.
    """
    inertia, lag = 2.0 * grid.inertia_s, grid.governor_time_constant_s
    chest, reheat = grid.chest_time_constant_s, grid.reheat_time_constant_s
    early = grid.high_pressure_fraction
    return _system(
        {
            "frequency_pu": {
                "frequency_pu": -grid.damping / inertia,
                "chest_pu": early / inertia,
                "reheat_pu": (1.0 - early) / inertia,
            },
            "governor_pu": {"frequency_pu": -1.0 / (grid.droop * lag), "governor_pu": -1.0 / lag},
            "chest_pu": {"governor_pu": 1.0 / chest, "chest_pu": -1.0 / chest},
            "reheat_pu": {"chest_pu": 1.0 / reheat, "reheat_pu": -1.0 / reheat},
        },
        {"frequency_pu": -1.0 / inertia},
    )


def _two_area(grid: models.Grid) -> linear.StateSpace:
    """Two areas of the shares s1 and s2 of the system base, and the angle d between them.

    2H1 dw1/dt = m1 - D1 w1 - (dP + T d)/s1;  2H2 dw2/dt = m2 - D2 w2 + T d/s2;  dd/dt = 2 pi f0 (w1 - w2);
    m = F_H g + (1 - F_H) r;  T_G dg/dt = -w/R - g;  T_RH dr/dt = g - r in each area, on its own rating.
    """
    share = grid.area_share
    tie = grid.synchronising_pu
    near = _area("", grid, -tie / share)
    far = _area("remote_", grid.remote or grid, tie / (1.0 - share))
    turn = 2.0 * math.pi * grid.nominal_frequency_hz
    angle = {"angle_rad": {"frequency_pu": turn, "remote_frequency_pu": -turn}}
    return _system(near | far | angle, {"frequency_pu": -1.0 / (2.0 * grid.inertia_s * share)})


def _area(head: str, area: models.Grid | models.RemoteArea, tie: float) -> dict[str, dict[str, float]]:
    """Equations of one area; ``tie`` is the power that it gets per radian, on its rating."""
    inertia, lag = 2.0 * area.inertia_s, area.governor_time_constant_s
    reheat, early = area.reheat_time_constant_s, area.high_pressure_fraction
    w, g, r = f"{head}frequency_pu", f"{head}governor_pu", f"{head}reheat_pu"
    return {
        w: {
            w: -area.damping / inertia,
            g: early / inertia,
            r: (1.0 - early) / inertia,
            "angle_rad": tie / inertia,
        },
        g: {w: -1.0 / (area.droop * lag), g: -1.0 / lag},
        r: {g: 1.0 / reheat, r: -1.0 / reheat},
    }


def lower_frequency(record: Any, grid: models.Grid, tick_s: float) -> None:
    """Exact step, outputs and quanta of the frequency model, window of the RoCoF, count of stages."""
    system = frequency_model(grid)
    count = len(system.states)
    matrix, outputs = np.zeros((STATES, STATES)), np.zeros((len(OUTPUTS), STATES))
    record.states = count
    if count:
        step, held = system.step(tick_s)
        matrix[:count, :count] = step
        outputs[:, :count] = system.c
        record.step_input[:count] = held[:, 0]
    record.step_matrix[:] = matrix.reshape(-1)
    record.output_matrix[:] = outputs.reshape(-1)
    record.state_magic[:] = _OTHER_MAGIC
    for j, name in enumerate(system.states):
        if name.endswith("frequency_pu"):
            record.state_magic[j] = _FREQUENCY_MAGIC
    record.window_tick = max(1, round(grid.rocof_window_s / tick_s))
    record.per_window_s = 1.0 / (record.window_tick * tick_s)
    record.shedding_stages = len(grid.load_shedding)


def lower_stage(record: Any, stage: models.SheddingStage, nominal_hz: float, tick_s: float) -> None:
    """One stage of load shedding, or of the trip of generation above nominal frequency."""
    record.threshold_hz = stage.threshold_hz
    record.site_share = stage.site_share
    record.direction = 1.0 if stage.threshold_hz < nominal_hz else -1.0
    record.shed_pu = record.direction * stage.share
    record.delay_tick = round(stage.delay_s / tick_s)
