"""Hypothesis strategies: small sites of any shape, with all their features switched on and off."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from wattkeel.errors import ScenarioError
from wattkeel.scenario import Scenario

METERS = Path(__file__).parent / "golden" / "meters.csv"
GRID_RECORD = Path(__file__).parent / "property" / "grid_record.csv"  # made up: an unbalanced sag
TICKS_S = (1e-4, 1e-3, 1e-2)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def maybe(values: st.SearchStrategy[Any], none: Any = 0.0) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(none), values)


@st.composite
def jobs(draw: st.DrawFn, tick_s: float, ticks: int) -> dict[str, Any]:
    run_s = ticks * tick_s
    common = {
        "start_s": draw(maybe(between(0.0, 0.4))) * run_s,
        "start_ramp_s": draw(maybe(between(0.0, 0.1))) * run_s,
    }
    if draw(st.booleans()):
        common |= {
            "stop_s": draw(between(0.7, 1.2)) * run_s,
            "stop_ramp_s": draw(maybe(between(0.0, 0.1))) * run_s,
        }
    if draw(st.integers(0, 3)) == 0:
        return common | {
            "kind": "trace",
            "trace": str(METERS),
            "trace_columns": ["?_w"],
            "trace_boundary": draw(st.sampled_from(["gpu", "rack"])),
            "trace_interpolation": draw(st.sampled_from(["hold", "linear"])),
            "trace_start_s": draw(between(0.0, 0.4)),
            "trace_repeat": draw(st.booleans()),
            "trace_gpus": draw(st.sampled_from([1.0, 8.0])),
        }
    period_s = draw(between(max(3.0, 1.001e-3 / tick_s), 0.8 * ticks)) * tick_s
    compute = draw(between(0.3, 0.6))
    spare_s = 0.3 * period_s
    jitter = draw(maybe(between(0.0, 0.02)))
    return common | {
        "kind": "training",
        "period_s": period_s,
        "compute_fraction": compute,
        "compute_pu": draw(between(0.3, 1.3)),
        "communication_pu": draw(between(0.0, 1.0)),
        "checkpoint_pu": draw(between(0.0, 1.0)),
        "checkpoint_every": draw(st.integers(0, 3)),
        "checkpoint_s": period_s,
        "edge_s": draw(maybe(between(0.0, 0.2))) * spare_s,
        "straggler_s": draw(maybe(between(0.0, 0.3))) * spare_s,
        "rack_jitter_s": draw(maybe(between(0.0, 0.3))) * spare_s,
        "phase_s": draw(maybe(between(0.0, 1.0))) * period_s,
        "period_jitter": jitter,
    }


@st.composite
def gpus(draw: st.DrawFn, tick_s: float) -> dict[str, Any]:
    rated_w = draw(between(100.0, 2000.0))
    out = {
        "rated_power_w": rated_w,
        "idle_power_w": draw(between(0.0, 0.3)) * rated_w,
        "percent_tmp_floor": draw(maybe(between(10.0, 100.0))),
        "ramp_down_hysteresis_ms": draw(maybe(between(0.0, 50.0))) * tick_s * 1e3,
        "secondary_floor_w": draw(maybe(between(0.0, 0.8))) * rated_w,
        "edp_factor": draw(maybe(between(1.0, 1.5), 1.0)),
        "edp_time_constant_s": draw(between(0.5, 50.0)) * tick_s,
    }
    for key, values in (
        ("cap_w", between(0.4, 1.2)),
        ("ramp_up_w_per_s", between(1e-3, 0.5)),
        ("ramp_down_w_per_s", between(1e-3, 0.5)),
    ):
        if draw(st.booleans()):
            out[key] = draw(values) * rated_w / (1.0 if key == "cap_w" else tick_s)
    return out


@st.composite
def racks(draw: st.DrawFn, tick_s: float, names: dict[str, list[str]]) -> dict[str, Any]:
    out = {
        "count": draw(st.one_of(st.integers(1, 20), st.sampled_from([255, 256, 257, 700]))),
        "gpus_per_rack": draw(st.integers(1, 100)),
        "gpu": draw(st.sampled_from(names["gpu"])),
        "workload": draw(st.sampled_from(names["workload"])),
        "feeds_from": draw(st.sampled_from(["site", *names["distribution"]])),
        "overhead_w": draw(maybe(between(0.0, 2e4))),
        "overhead_fraction": draw(maybe(between(0.0, 0.2))),
    }
    form = draw(st.sampled_from(["quadratic", "table", "offset"]))
    if form == "table":
        out |= {
            "psu_form": form,
            "psu_load_pu": [0.1, 0.2, 0.5, 1.0],
            "psu_efficiency": [0.90, 0.94, 0.96, 0.94],
        }
    elif form == "offset":
        out |= {"psu_form": form, "psu_offset_w": 13.0}
    if draw(st.booleans()):
        out["store_energy_j"] = draw(between(1.0, 1e5)) * tick_s * out["gpus_per_rack"]
        out["store_power_w"] = draw(between(1.0, 1e3)) * out["gpus_per_rack"]
        out["store_efficiency"] = draw(between(0.8, 1.0))
        out["store_average_s"] = draw(between(1.0, 100.0)) * tick_s
        out["store_recovery_s"] = draw(between(1.0, 300.0)) * tick_s
        out["store_soc_initial"] = draw(between(0.0, 1.0))
    return out


@st.composite
def rides(draw: st.DrawFn, tick_s: float) -> dict[str, Any]:
    """Ride-through with thresholds that a random grid meets, in times of a few ticks."""
    share = st.sampled_from([0.0, 0.3, 1.0])
    out = {
        "voltage_filter_s": draw(maybe(between(0.5, 5.0))) * tick_s,
        "output_filter_s": draw(maybe(between(0.5, 5.0))) * tick_s,
        "active_exponent": draw(st.integers(0, 2)),
        "active_washout": draw(maybe(between(-1.0, 1.0))),
        "frequency_droop": draw(maybe(between(0.0, 5.0))),
        "cease_voltage_pu": draw(between(0.3, 0.95)),
        "cease_delay_s": draw(maybe(between(0.5, 5.0))) * tick_s,
        "cease_share": draw(share),
        "reconnect_voltage_pu": 0.95,
        "reconnect_delay_s": draw(maybe(between(0.5, 20.0))) * tick_s,
        "reconnect_ramp_s": draw(maybe(between(0.5, 50.0))) * tick_s,
        "reconnect_share": draw(share),
        "ceased_load": draw(st.sampled_from(["backup", "lost"])),
        "sag_count": draw(st.integers(0, 3)),
        "sag_return_s": draw(st.sampled_from([10.0 * tick_s, 1e9])),
    }
    if out["ceased_load"] == "backup":
        out["backup_energy_j"] = draw(st.sampled_from([0.0, 1e3, 1e16]))
    return out


@st.composite
def nodes(draw: st.DrawFn, above: list[str], tick_s: float, ride: bool) -> dict[str, Any]:
    forms = ["none", "none", "chain", "chain_reduced", "chain_second_order"]
    out: dict[str, Any] = {
        "kind": draw(st.sampled_from(["pdu", "ups", "transformer", "busway"])),
        "rated_power_w": draw(between(1e4, 1e7)),
        "count": draw(st.integers(1, 5)),
        "feeds_from": draw(st.sampled_from(["site", *above])),
        "dynamics": draw(st.sampled_from(forms)),
    }
    if ride:
        out |= {"ride_through": "perc1", "perc1": draw(rides(tick_s))}
    if draw(st.booleans()):
        return out | {"load_pu": [0.25, 0.5, 1.0], "efficiency": [0.93, 0.96, 0.95]}
    return out | {
        "loss_a": draw(maybe(between(0.0, 0.02))),
        "loss_b": 0.005,
        "loss_c": draw(maybe(between(0.0, 0.02))),
    }


@st.composite
def converters(draw: st.DrawFn, power_w: float, tick_s: float) -> dict[str, Any]:
    """A converter of any form of loss, capability and response."""
    out = {
        "rated_power_w": power_w,
        "time_constant_s": draw(maybe(between(0.0, 20.0))) * tick_s,
        "delay_s": draw(maybe(st.integers(1, 30), 0)) * tick_s,
        "priority": draw(st.sampled_from(["active", "reactive"])),
        "current_limit_pu": draw(between(0.8, 1.5)),
        "apparent_power_va": draw(maybe(between(0.7, 1.5))) * power_w,
        "no_load_loss": draw(maybe(between(0.0, 0.02))),
        "reactive_loss": draw(maybe(between(0.0, 0.05))),
    }
    if draw(st.booleans()):
        out["ramp_w_per_s"] = draw(between(0.01, 1.0)) * power_w / tick_s
    if draw(st.booleans()):
        out["overload_pu"] = draw(between(1.0, 1.6))
        out["overload_s"] = draw(between(0.5, 40.0)) * tick_s
        out["overload_recovery_s"] = draw(between(1.0, 100.0)) * tick_s
    form = draw(st.sampled_from(["quadratic", "rise", "efficiency", "table"]))
    if form == "table":
        table = {"load_pu": [0.05, 0.2, 0.6, 1.0], "efficiency": [0.8, 0.95, 0.96, 0.95]}
        return out | table | {"loss_form": "table", "charge_efficiency": [0.78, 0.94, 0.955, 0.94]}
    for key, most in (("loss_a", 0.02), ("loss_b", 0.05), ("loss_c", 0.05)):
        out[key] = draw(maybe(between(0.0, most)))
    if form == "rise":
        out |= {"loss_rise": draw(between(0.0, 0.01)), "loss_rise_rate": draw(between(1.0, 80.0))}
    if form == "efficiency":
        out |= {"charge_form": form, "charge_loss": [draw(maybe(between(0.0, 0.02))), 0.0, 0.02]}
    return out


@st.composite
def supports(draw: st.DrawFn, tick_s: float) -> dict[str, Any]:
    out = {
        "frequency_gain": draw(maybe(between(0.0, 200.0))),
        "frequency_deadband_hz": draw(maybe(between(0.0, 0.1))),
        "inertia_s": draw(maybe(between(0.0, 20.0))),
        "frequency_time_constant_s": draw(between(0.5, 50.0)) * tick_s + 1e-4,
        "up_limit": draw(between(0.0, 2.0)),
        "voltage_gain": draw(maybe(between(0.0, 20.0))),
    }
    if draw(st.booleans()):
        out["response_power"] = draw(between(0.1, 1.0))
        out["response_threshold_hz"] = draw(st.sampled_from([59.9, 59.99, 60.01]))
        out["response_delay_s"] = draw(st.integers(0, 3)) * tick_s
        out["response_sustain_s"] = draw(st.integers(1, 9)) * tick_s
        out["response_release_s"] = draw(st.integers(0, 9)) * tick_s
        out["response_rest_s"] = draw(st.integers(0, 30)) * tick_s
    return out


@st.composite
def storage_units(draw: st.DrawFn, tick_s: float) -> dict[str, Any]:
    power_w = draw(between(1e3, 1e7))
    window = {
        "soc_min": 0.1,
        "soc_max": 0.9,
        "soc_initial": draw(st.one_of(between(0.1, 0.9), st.sampled_from([0.1, 0.9]))),
    }
    energy_j = power_w * tick_s * draw(between(3.0, 3e4))
    converter = draw(converters(power_w, tick_s))
    kind = draw(st.sampled_from(["battery", "supercapacitor"]))
    role = draw(st.sampled_from(["slow", "fast"]))
    if kind == "battery":
        c_rate = 3600.0 * power_w / energy_j
        cells = {
            "preset": "lfp-enerc-306ah",
            "energy_j": energy_j,
            "cell_resistance_ohm": draw(maybe(between(1e-6, 0.2))) / c_rate / 300.0,
            "max_charge_c": c_rate * draw(between(0.3, 3.0)),
            "max_discharge_c": c_rate * draw(between(0.3, 3.0)),
        }
        if draw(st.booleans()):
            cells |= {"ocv_soc": [0.0, 0.3, 1.0], "ocv_v": [2.9, 3.2, 3.5]}  # uneven
    else:
        cells = {
            "energy_j": energy_j,
            "voltage_min_v": draw(st.sampled_from([40.0, 400.0])),
            "time_constant_s": draw(maybe(between(1e-6, 5.0))) * tick_s,
            "leakage_time_constant_s": draw(st.sampled_from([2e6, 10.0])),
        }
    unit = {"kind": kind, "role": role, kind: cells | window, "converter": converter}
    if draw(st.sampled_from([True, False, False])):
        # Its swing turns by at most half a radian in a tick: droop * 2 pi f / (x T) <= (0.5 / tick)^2.
        reactance, droop = draw(between(0.1, 1.0)), draw(between(0.001, 0.05))
        least_s = 4.0 * droop * 2.0 * math.pi * 60.0 / reactance * tick_s**2
        filter_s = max(1.5 * least_s, draw(between(0.5, 50.0)) * tick_s, 1e-4)
        unit["forming"] = {
            "droop": droop,
            "virtual_reactance": reactance,
            "virtual_resistance": draw(maybe(between(0.0, 0.3))),
            "power_filter_s": filter_s,
        }
    elif draw(st.booleans()):
        unit["support"] = draw(supports(tick_s))
    return unit


@st.composite
def controls(draw: st.DrawFn, tick_s: float) -> dict[str, Any]:
    out = {
        "period_s": draw(st.integers(1, 5)) * tick_s,
        "measurement_delay_s": draw(st.integers(0, 4)) * tick_s,
        "target": draw(st.sampled_from(["off", "fixed", "follow", "follow"])),
        "target_power_w": draw(between(0.0, 5e6)),
        "average_s": draw(maybe(between(1.0, 60.0))) * tick_s,
        "split_hz": draw(between(0.001, 0.1)) / tick_s,
        "soc_gain_w": draw(maybe(between(0.0, 1e7))),
        "fast_soc_gain_w": draw(maybe(between(0.0, 1e7))),
    }
    if draw(st.booleans()):
        out["shape_hz"] = 2.0 * out["split_hz"]
        out["ramp_up_w_per_s"] = draw(between(1e2, 1e5)) / tick_s
        out["ramp_down_w_per_s"] = draw(between(1e2, 1e5)) / tick_s
    return out


@st.composite
def supplies(draw: st.DrawFn, run_s: float) -> dict[str, Any]:
    """What lies between the source and the site bus, and whether the site can separate."""
    out: dict[str, Any] = {
        "transformer_impedance": draw(maybe(between(0.01, 0.2))),
        "cable_reactance_ohm": draw(maybe(between(1.0, 1e3))),
        "load_current_share": draw(maybe(between(0.0, 0.5))),
        "load_impedance_share": draw(maybe(between(0.0, 0.5))),
        "reactive_impedance_share": draw(maybe(between(0.0, 1.0))),
    }
    if draw(st.booleans()):
        out["tap_changer"] = {"delay_s": 0.05 * run_s, "interval_s": 0.02 * run_s}
    if draw(st.booleans()):
        out["capacitor_bank"] = {
            "step_var": draw(between(1e3, 1e6)),
            "steps": 3,
            "in_below_pu": 0.97,
            "out_above_pu": 1.03,
            "delay_s": 0.03 * run_s,
        }
    if draw(st.booleans()):
        waits = (
            "separate_after_s",
            "return_after_s",
            "blackout_after_s",
            "black_start_after_s",
            "energise_s",
        )
        out["island"] = {key: draw(between(0.0, 0.1)) * run_s for key in waits} | {
            "black_start": draw(st.booleans()),
            "pickup_interval_s": draw(between(0.0, 0.05)) * run_s,
            "restore_s": max(1e-3, 0.1 * run_s),
        }
    return out


@st.composite
def grids(draw: st.DrawFn, run_s: float, tick_s: float) -> dict[str, Any]:
    event = st.fixed_dictionaries(
        {
            "start_s": between(0.0, 0.95).map(lambda share: share * run_s),
            "duration_s": between(0.01, 0.5).map(lambda share: share * run_s),
            "voltage_pu": st.one_of(st.just(0.0), between(0.1, 1.2)),
            "frequency_offset_hz": between(-1.0, 1.0),
            "frequency_ramp_hz_per_s": st.sampled_from([math.inf, 4.0 / run_s]),
            "phase_jump_deg": maybe(between(-90.0, 90.0)),
            "impedance_factor": st.sampled_from([1.0, 2.0]),
        }
    )
    stages = st.fixed_dictionaries(
        {
            "threshold_hz": between(59.0, 61.0).filter(lambda hz: abs(hz - 60.0) > 0.01),
            "delay_s": st.sampled_from([0.0, tick_s, 3.0 * tick_s]),
            "share": between(0.001, 0.1),
        }
    )
    out = draw(supplies(run_s))
    if "island" in out:
        event = st.tuples(event, st.booleans()).map(lambda pair: pair[0] | {"opens_breaker": pair[1]})
    playback = {
        "file": str(GRID_RECORD),
        "kind": "rms",
        "voltage": draw(st.sampled_from(["mean_rms", "least_phase", "phase_b"])),
        "base_voltage_v": draw(between(220.0, 240.0)),
        "start_s": draw(between(0.0, 0.9)) * run_s,
        "trace_start_s": draw(maybe(between(0.0, 0.4))),
        "interpolation": draw(st.sampled_from(["hold", "linear"])),
        "after": draw(st.sampled_from(["last", "nominal"])),
        "at": draw(st.sampled_from(["source", "poi"])),
        "use_frequency": draw(st.booleans()),
    }
    return out | {
        **draw(maybe(st.just({"playback": playback}), {})),
        "scr": draw(between(1.5, 30.0)),
        "x_over_r": draw(between(0.0, 30.0)),
        "power_factor": draw(between(0.8, 1.0)),
        "system_power_w": draw(between(1e7, 1e11)),
        "frequency_model": draw(st.sampled_from(["swing", "sfr", "reheat", "two_area", "fixed"])),
        "synchronising_pu": draw(between(0.01, 1.0)),
        "rocof_window_s": draw(between(1e-4, 0.5)),
        "load_shedding": [
            row | ({"site_share": 0.3} if row["threshold_hz"] < 60.0 else {})
            for row in draw(st.lists(stages, max_size=3))
        ],
        "event": draw(st.lists(event, max_size=3)),
    }


@st.composite
def site_tables(draw: st.DrawFn) -> dict[str, Any]:
    """A scenario as tables: 1 to 3 populations, 0 to 2 storage units, a random tree."""
    tick_s = draw(st.sampled_from(TICKS_S))
    ticks = draw(st.integers(40, 250))
    names = {
        "workload": [f"j{i}" for i in range(draw(st.integers(1, 2)))],
        "gpu": [f"g{i}" for i in range(draw(st.integers(1, 2)))],
        "distribution": [f"n{i}" for i in range(draw(st.integers(0, 4)))],
    }
    order = names["distribution"]
    ride = draw(st.integers(-1, max(-1, len(order) - 1)))  # of one node, since two on a path are refused
    return {
        "title": "random",
        "schema_version": 1,
        "simulation": {
            "duration_s": ticks * tick_s,
            "tick_s": tick_s,
            "seed": draw(st.integers(0, 2**63 - 1)),
        },
        "workload": {name: draw(jobs(tick_s, ticks)) for name in names["workload"]},
        "gpu": {name: draw(gpus(tick_s)) for name in names["gpu"]},
        "rack": {f"r{i}": draw(racks(tick_s, names)) for i in range(draw(st.integers(1, 3)))},
        "distribution": {name: draw(nodes(order[:i], tick_s, i == ride)) for i, name in enumerate(order)},
        "cooling": {"fixed_w": 1e4, "proportional": 0.05, "lagged": 0.1, "time_constant_s": 30.0 * tick_s},
        "storage": {f"s{i}": draw(storage_units(tick_s)) for i in range(draw(st.integers(0, 2)))},
        "generation": draw(
            maybe(st.just({"pv": {"rated_power_w": 5e4, "trace": str(METERS), "trace_column": "a_w"}}), {})
        ),
        "control": draw(controls(tick_s)),
        "grid": draw(grids(ticks * tick_s, tick_s)),
        "record": {"full_rate": ["*"], "envelope_s": [7 * tick_s]},
    }


def sites() -> st.SearchStrategy[Scenario]:
    """Scenarios that have passed all checks."""
    return site_tables().map(scenario_of_sane_size).filter(lambda scenario: scenario is not None)


def scenario_of_sane_size(tables: dict[str, Any]) -> Scenario | None:
    """The scenario; None where the losses of overloaded nodes run away, which is refused."""
    try:
        return Scenario.from_dict(tables)
    except ScenarioError as error:
        if all("an absurd size" in fault.message for fault in error.faults):
            return None
        raise
