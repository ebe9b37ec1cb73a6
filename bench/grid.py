"""What each addition to the grid costs a tick, beside the plain Thevenin source in one run.

The stage alone by `wattkeel.stages.grid`, and a whole site of 8 racks, which also knows islands and
grid-forming units. All cases of a group take turns; `added` is the best time less that of the plain case.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import sites
from timing import SPIN, Findings, Measure, require, round_robin

import wattkeel as wk

TICK_S = 1e-3
RATED_W = 100e6
STAGE_TICKS = 4000  # short slices, of which some are undisturbed; arrays that the second-level cache holds
SITE_RACKS = 8
SITE_W = sites.RACK_W * SITE_RACKS
SITE_TICKS = 1024
SITE_S = 1e5  # never reached
MOST = 5000  # rounds
PHASOR_MAX_PU = 1e-12
RESIDUAL_MAX = 1e-12
PLAIN = "plain"

SWITCHING = {
    "tap_changer": {"delay_s": 0.1, "interval_s": 0.05},
    "capacitor_bank": {"step_var": 2e6, "steps": 4, "in_below_pu": 0.985, "delay_s": 0.1},
}
# Parameters of the grid over those of the plain case.
STAGE: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "cable and transformer impedance": {"cable_reactance_ohm": 20.0, "transformer_impedance": 0.1},
    "constant impedance (quadratic)": {"load_impedance_share": 0.3},
    "constant current (quartic)": {"load_current_share": 0.3},
    "tap changer and capacitor bank": SWITCHING,
}
# Tables of the scenario over those of the benchmark's site.
SITE: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "constant impedance (quadratic)": {"grid": {"load_impedance_share": 0.3}},
    "constant current (quartic)": {"grid": {"load_current_share": 0.3}},
    "tap changer and capacitor bank": {
        "grid": {**SWITCHING, "capacitor_bank": {"step_var": 1e4, "in_below_pu": 0.985, "delay_s": 0.5}}
    },
    "island table": {"grid": {"island": {}}},
    "grid-forming unit, connected": {
        "grid": {"island": {}}, "storage": {"battery": {"forming": {"droop": 0.02}}},
    },
    "grid-forming unit, islanded": {
        "grid": {
            "island": {},
            "event": [{"start_s": 0.0, "duration_s": SITE_S, "opens_breaker": True}],
        },
        "storage": {"battery": {"forming": {"droop": 0.02}}},
    },
}  # fmt: skip


def _stage_run(params: Any, power_w: np.ndarray, engine: str = "native") -> Any:
    return wk.stages.grid(params, power_w=power_w, time_step_s=TICK_S, engine=engine)


def _check_stage(name: str, params: Any, power_w: np.ndarray) -> str:
    """Engines agree bit by bit; P and Q at the POI meet the voltage of the source; switches have moved."""
    from wattkeel.prototype import _jit

    native = _stage_run(params, power_w)
    engines = ["native", "numba"] if _jit.AVAILABLE else ["native"]
    for engine in engines[1:]:
        other = _stage_run(params, power_w, engine)
        for quantity in native.__dataclass_fields__:
            same = getattr(native, quantity).tobytes() == getattr(other, quantity).tobytes()
            require(same, f"grid, {name}: {quantity} of {engine} differs from native")
    size = 1.0 / params.scr
    source = size / np.sqrt(1.0 + params.x_over_r**2) * (1.0 + 1j * params.x_over_r)
    current = (native.power_w - 1j * native.reactive_power_var) / RATED_W / native.voltage_pu
    gap_pu = float(np.abs(np.abs(native.voltage_pu + source * current) - params.source_voltage_pu).max())
    require(gap_pu < PHASOR_MAX_PU, f"grid, {name}: the phasor equation is open by {gap_pu:g} pu")
    require(not native.unserved_power_w.any(), f"grid, {name}: the voltage collapsed")
    if params.tap_changer is not None:
        moved = [len(np.unique(native.tap_position)), len(np.unique(native.capacitor_steps))]
        require(min(moved) > 1, f"grid, {name}: nothing was switched")
    return f"grid, {name}: equal in all bits in {', '.join(engines)}; phasor equation holds"


def measure_stage(budget_s: float) -> Findings:
    """The stage alone: a load of 0.3 to 0.9 pu behind SCR 5."""
    found, cases = Findings(), {}
    power_w = RATED_W * (0.6 + 0.3 * np.sin(np.arange(STAGE_TICKS) * 0.01))
    for name, values in STAGE.items():
        params = wk.parameters.Grid(rated_power_w=RATED_W, scr=5.0, frequency_model="fixed", **values)
        found.checks.append(_check_stage(name, params, power_w))
        cases[name] = partial(_stage_run, params, power_w)
    _add(found, "stage", round_robin(cases, budget_s=budget_s, most=MOST), STAGE_TICKS)
    return found


def _site_engine(tables: dict[str, Any]) -> Any:
    """An engine of the benchmark's site with tables laid over it, two levels deep."""
    from wattkeel.engine import Engine
    from wattkeel.scenario import Scenario

    values = sites.site_dict(SITE_RACKS, SITE_S)
    # A battery that carries the whole site for as long as it is measured.
    values["storage"]["battery"] |= {"rated_power_w": 3.0 * SITE_W, "energy_wh": 10.0 * SITE_W}
    for section, table in tables.items():
        for key, value in table.items():
            both = isinstance(value, dict) and isinstance(values[section].get(key), dict)
            values[section][key] = values[section][key] | value if both else value
    return Engine(Scenario.from_dict(values), threads=1)


def _step(engine: Any) -> None:
    ticks = SITE_TICKS
    while ticks > 0:
        part = min(ticks, engine.chunk_ticks)
        engine.advance(part)
        ticks -= part


def _check_site(name: str, engine: Any, plain: Any) -> str:
    """The ledger closes, the site is in the mode of the case, and a table that waits changes nothing."""
    residual = abs(sites.ledger_residual(engine))
    require(
        residual < RESIDUAL_MAX, f"grid, site, {name}: the ledger lacks {residual:g} of the energy passed"
    )
    mode = int(engine.plant.island_state[0].mode)
    require(mode == int(name.endswith("islanded")), f"grid, site, {name}: the island is in mode {mode}")
    if name == "island table":
        same = engine.plant.meter.tobytes() == plain.plant.meter.tobytes()
        require(same, f"grid, site, {name}: meters differ from the plain case")
    unserved_j = engine.meters()["poi.unserved_power_w"]
    require(unserved_j == 0.0, f"grid, site, {name}: {unserved_j:g} J were not served")
    return f"grid, site, {name}: ledger closes after {engine.tick} ticks"


def measure_site(budget_s: float) -> Findings:
    """A whole site of a few racks, where the grid is a good part of a tick."""
    found = Findings()
    engines = {name: _site_engine(tables) for name, tables in SITE.items()}
    cases = {name: partial(_step, engine) for name, engine in engines.items()}
    best = round_robin(cases, budget_s=budget_s, most=MOST)
    for name, engine in engines.items():
        found.checks.append(_check_site(name, engine, engines[PLAIN]))
    _add(found, "site", best, SITE_TICKS)
    return found


def _add(found: Findings, group: str, best: dict[str, float], ticks: int) -> None:
    for name, time_s in best.items():
        if name == SPIN:
            continue
        key = f"grid/{group}: {name}"
        found.measures[f"{key}/tick"] = Measure(time_s / ticks * 1e9, "ns", spin_s=best[SPIN])
        added_s = time_s - best[PLAIN]
        if name != PLAIN:
            found.measures[f"{key}/added"] = Measure(added_s / ticks * 1e9, "ns", spin_s=best[SPIN])


def measure(isas: list[str], quick: bool) -> Findings:
    """Stage and site; ``isas`` is not used: the best is taken."""
    del isas
    found = measure_stage(0.5 if quick else 4.0)
    found.add(measure_site(2.0 if quick else 12.0))
    return found
