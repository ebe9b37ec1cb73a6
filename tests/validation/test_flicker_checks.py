"""The flickermeter against the tables of its standard; the rows are data beside it."""

from __future__ import annotations

from typing import Any

import pytest
from flicker_signals import fluctuating
from sites import case

from wattkeel.power_quality import flicker

STEPS = case("ph_20_flicker_pst")
SENSATION = case("ph_22_flicker_p_inst")
SETTLE_S = 60.0


def steps(lamp: str, kind: str, per_minute: int, percent: float) -> float:
    """Pst of rectangular changes."""
    tick_s = STEPS[f"{kind}_tick_s"]
    voltage = fluctuating(
        lamp, kind, tick_s, SETTLE_S + STEPS["interval_s"], "rectangle", per_minute / 120.0, 0.01 * percent,
        start_s=SETTLE_S + 1.0,
    )  # fmt: skip
    found = flicker(voltage, tick_s, kind, lamp=lamp, settle_s=SETTLE_S, interval_s=STEPS["interval_s"])
    assert len(found.pst) == 1
    return float(found.pst[0])


def sensation(lamp: str, kind: str, tick_s: float, shape: str, frequency_hz: float, percent: float) -> float:
    """Largest P_inst of a fluctuation."""
    voltage = fluctuating(
        lamp, kind, tick_s, SENSATION["length_s"], shape, frequency_hz, 0.01 * percent, start_s=SETTLE_S
    )
    return flicker(voltage, tick_s, kind, lamp=lamp, settle_s=SETTLE_S, series_s=0.0).p_inst_max


def close(value: float, data: dict[str, Any], tolerance: float) -> None:
    assert tolerance <= data["standard_tolerance"]
    assert value == pytest.approx(data["expected"], abs=tolerance)


@pytest.mark.parametrize(
    ("lamp", "per_minute", "percent"),
    [
        (table["lamp"], n, percent)
        for table in STEPS["table"]
        for n, percent in zip(table["changes_per_minute"], table["change_percent"], strict=True)
    ],
)
def test_pst_is_one(lamp: str, per_minute: int, percent: float) -> None:
    """Table 5."""
    close(steps(lamp, "waveform", per_minute, percent), STEPS, STEPS["tolerance"])
    close(steps(lamp, "rms", per_minute, percent), STEPS, STEPS["rms_tolerance"])


@pytest.mark.parametrize("table", SENSATION["table"], ids=lambda table: f"{table['shape']} {table['lamp']}")
@pytest.mark.parametrize("kind", ["waveform", "rms"])
def test_largest_p_inst_is_one(kind: str, table: dict[str, Any]) -> None:
    """Tables 1 and 2."""
    rows = list(zip(table["frequency_hz"], table["change_percent"], strict=True))
    assert len(rows) >= 37
    if kind == "rms" and table["shape"] == "rectangle":
        rows = [row for row in rows if row[0] <= SENSATION["rms_rectangular_to_hz"]]
        assert len(rows) == 23
    tick_s = SENSATION[f"{kind}_tick_s"]
    tolerance = SENSATION["tolerance" if kind == "waveform" else "rms_tolerance"]
    for frequency_hz, percent in rows:
        close(
            sensation(table["lamp"], kind, tick_s, table["shape"], frequency_hz, percent),
            SENSATION,
            tolerance,
        )


def test_waveform_at_the_slowest_sampling() -> None:
    """2 kHz, the least that is taken, is within the standard at every row of 230 V, 50 Hz."""
    for table in SENSATION["table"]:
        if table["lamp"] == "230v_50hz":
            for frequency_hz, percent in zip(table["frequency_hz"], table["change_percent"], strict=True):
                found = sensation("230v_50hz", "waveform", 5e-4, table["shape"], frequency_hz, percent)
                close(found, SENSATION, SENSATION["standard_tolerance"])


def test_rms_at_the_slowest_sampling() -> None:
    """400 Hz, the least that is taken, is within the standard up to 25 Hz."""
    table = next(t for t in SENSATION["table"] if t["shape"] == "sine" and t["lamp"] == "120v_60hz")
    for frequency_hz, percent in zip(table["frequency_hz"], table["change_percent"], strict=True):
        if frequency_hz <= 25.0:
            found = sensation("120v_60hz", "rms", 2.5e-3, "sine", frequency_hz, percent)
            close(found, SENSATION, SENSATION["standard_tolerance"])
