"""The sites that are measured: one shape, any number of racks, every stage of the chain at work.

Fixed here rather than taken from examples/, so that an edited example does not change a figure.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattkeel.engine import Engine
    from wattkeel.scenario import Scenario

TICK_S = 1e-3
RACK_W = 1e5  # of the site bus, roughly: sizes storage and grid

# Share of the racks and job of each population.
HALLS = {"north": (0.25, "large"), "south": (0.25, "large"), "east": (0.5, "small")}

RACK = {
    "gpus_per_rack": 72, "gpu": "gb300", "overhead": "21 kW", "overhead_fraction": 0.1,
    "psu_rated": "264 kW", "psu_form": "table",
    "psu_load_pu": [0.1, 0.2, 0.5, 1.0], "psu_efficiency": [0.953, 0.966, 0.975, 0.972],
    "store_energy": "4680 J", "store_power": "50.4 kW", "store_efficiency": 0.97,
    "store_average": "50 ms", "store_recovery": "2 s",
}  # fmt: skip

JOBS = {
    "large": {
        "kind": "training", "period": "2.4 s", "compute_fraction": 0.78, "compute_pu": 0.95,
        "communication_pu": 0.45, "edge": "10 ms", "straggler": "60 ms", "rack_jitter": "30 ms",
        "period_jitter": 0.01, "checkpoint_every": 5, "checkpoint": "3 s",
    },
    "small": {
        "kind": "training", "period": "1.1 s", "phase": "0.3 s", "compute_fraction": 0.7, "compute_pu": 0.9,
        "communication_pu": 0.5, "edge": "10 ms", "straggler": "40 ms", "rack_jitter": "20 ms",
        "period_jitter": 0.015,
    },
}  # fmt: skip


def hall_counts(racks: int) -> dict[str, int]:
    """Racks of each population; together ``racks``."""
    counts = {name: int(racks * share) for name, (share, _) in HALLS.items()}
    counts["east"] += racks - sum(counts.values())
    return counts


def _distribution(counts: dict[str, int]) -> dict[str, Any]:
    nodes: dict[str, Any] = {}
    for name, count in counts.items():
        nodes[f"ups_{name}"] = {
            "preset": "ups-double-conversion-97",
            "count": count // 8 + 1,
            "feeds_from": f"transformer_{name}",
        }
        nodes[f"transformer_{name}"] = {
            "preset": "transformer-mv-lv-3150", "count": count // 18 + 1, "feeds_from": "site",
        }  # fmt: skip
    return nodes


def site_dict(racks: int, duration_s: float = 60.0) -> dict[str, Any]:
    """Scenario of a site as its TOML would give it."""
    counts = hall_counts(racks)
    site_w = RACK_W * racks
    return {
        "title": f"benchmark, {racks} racks",
        "schema_version": 1,
        "simulation": {"duration_s": duration_s, "tick_s": TICK_S, "seed": 7},
        "workload": JOBS,
        "gpu": {"gb300": {"preset": "gb300", "percent_tmp_floor": 60.0}},
        "rack": {
            name: {**RACK, "count": count, "workload": HALLS[name][1], "feeds_from": f"ups_{name}"}
            for name, count in counts.items()
        },
        "distribution": _distribution(counts),
        "cooling": {
            "fixed_w": 0.015 * site_w, "proportional": 0.03, "lagged": 0.08, "time_constant": "180 s",
        },
        "storage": {
            "battery": {
                "preset": "enerc-container", "energy_wh": 0.8 * site_w, "rated_power_w": 0.8 * site_w,
            },
            "supercapacitor": {
                "preset": "supercapacitor-15mw", "kind": "supercapacitor", "energy_wh": 0.0015 * site_w,
                "rated_power_w": 0.45 * site_w, "ramp_w_per_s": 15.0 * site_w,
            },
        },
        "control": {
            "measurement_delay": "2 ms", "target": "follow", "average": "12 s", "split": "0.5 Hz",
            "soc_gain_w": 0.4 * site_w, "soc_power_max_w": 0.05 * site_w, "fast_soc_gain_w": 0.45 * site_w,
        },
        "grid": {"preset": "strong-60hz", "rated_power_w": 1.6 * site_w},
        "record": {
            "full_rate": ["poi.power_w", "poi.voltage_pu", "poi.frequency_hz", "site.load_power_w",
                          "storage.*.power_w"],
        },
    }  # fmt: skip


def site(racks: int, duration_s: float = 60.0) -> Scenario:
    """Checked scenario of a site."""
    from wattkeel.scenario import Scenario

    return Scenario.from_dict(site_dict(racks, duration_s), base_dir=Path(__file__).parent)


def state_digest(engine: Engine) -> str:
    """Hash of every bit of an engine's state."""
    from wattkeel.plant import STATE_MEMBERS

    digest = hashlib.sha256()
    for name in STATE_MEMBERS:
        digest.update(getattr(engine.plant, name).tobytes())
    return digest.hexdigest()


def ledger_residual(engine: Engine) -> float:
    """Share of the energy passed that the ledger of a stepped engine does not account for."""
    from wattkeel.ledger import build_ledger

    state = engine.state
    stored = {
        f"rack.{name}.store_energy_j": rack.count * rack.store_energy_j * rack.store_soc_initial
        for name, rack in engine.scenario.model.rack.items()
    }
    change = {name: state[name] - energy_j for name, energy_j in stored.items()}
    return build_ledger(engine.meters(), change).residual_relative
