"""Measured grid records through a small site, end to end; the cases are data beside this file.

The records are not part of this repository: WATTKEEL_DATA names the folder that contains `starter/`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import Run, case, lossless_site

from wattkeel.scenario import Scenario

DATA = case("grid_records")
SECTION = (
    "base_voltage_v", "voltage", "kind", "trace_start_s", "interpolation", "record_frequency_hz", "cycles",
    "use_frequency",
)  # fmt: skip
BATTERY = {
    "battery": {"energy_j": 3.6e9},
    "converter": {"rated_power_w": 5e5, "time_constant_s": 0.0},
}


def site(folder: Path, row: dict[str, Any]) -> Scenario:
    tables = {
        "title": row["what"],
        "simulation": {"duration_s": row["duration_s"], "tick_s": row.get("tick_s", DATA["tick_s"])},
        "storage": {"bess": BATTERY},
        "control": {"target": "off"},
        "grid": {
            "nominal_frequency_hz": 50.0,
            "playback": {
                "file": str(folder / row["file"]),
                "at": "poi",
                **{key: row[key] for key in SECTION if key in row},
            },
        },
    }
    return Scenario.from_dict(lossless_site(1e6, tables))


def measured(statistic: str, time_s: np.ndarray, values: np.ndarray) -> float:
    name, _, level = statistic.partition(" ")
    if name == "below":
        return float(time_s[np.argmax(values < float(level))])
    if name == "above":
        return float(time_s[np.argmax(values > float(level))])
    if name == "dips":
        low = np.concatenate(([False], values < float(level), [False])).astype(int)
        return float((np.diff(low) == 1).sum())
    return float(getattr(np, name)(values))


@pytest.mark.parametrize("row", DATA["record"], ids=lambda row: row["what"])
def test_record_at_the_poi(data_dir: Path, row: dict[str, Any]) -> None:
    if not (data_dir / "starter" / row["file"]).is_file():
        pytest.skip(f"WATTKEEL_DATA has no starter/{row['file']}")
    run = Run(site(data_dir / "starter", row))
    time_s = np.arange(len(run.values)) * row.get("tick_s", DATA["tick_s"])
    wrong = []
    for signal, first_s, last_s, statistic, value, tolerance in row["checks"]:
        part = (time_s >= first_s) & (time_s < last_s)
        found = measured(statistic, time_s[part], run[signal][part])
        if not abs(found - value) <= tolerance:
            wrong.append(f"{signal} {statistic} in {first_s}-{last_s} s: {found:.6g}, expected {value}")
    assert wrong == []
    assert np.isfinite(run.values).all()


def test_power_follows_the_voltage_of_the_record(data_dir: Path) -> None:
    """Below 1/1.1 pu the converter's current limit holds its power down with the voltage, a tick later."""
    row = DATA["record"][0]
    scenario = site(data_dir / "starter", row).with_overrides({"control.target": "fixed"})
    run = Run(scenario.with_overrides({"control.target_power_w": 1e5, "control.period_s": 1e-3}))
    voltage = run["poi.voltage_pu"][:-1]
    most_w = 5e5 * np.minimum(1.0, 1.1 * voltage)
    power = run["storage.bess.power_w"][1:]
    assert (power <= most_w * (1.0 + 1e-9)).all()
    limited = (voltage < 0.5) & (np.arange(len(voltage)) > 1000)
    assert limited.sum() > 4000
    np.testing.assert_allclose(power[limited], most_w[limited], rtol=1e-6)
