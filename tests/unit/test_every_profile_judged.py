"""Every shipped profile on every kind of record: a finding per rule, no exception, no easy pass."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ride_records import POWER_W, event, findings, stretches

from wattkeel.compliance import Finding, profile_names
from wattkeel.compliance.record import LoadModel, Record

BLOCKS = {
    "poi.voltage_pu": ("voltage_ride_through", "overvoltage_withstand", "frt_curve", "recovery", "reclosing",
                       "recovery_level", "rapid_voltage_change", "flicker"),
    "poi.frequency_hz": ("frequency_ride_through", "frequency_point", "rocof"),
}  # fmt: skip


def wild(nominal_hz: float) -> Record:
    """Sags, swells, frequency excursions and a load that ceases, shorter and longer than the rules' times."""
    voltage = stretches(
        (1.0, 3.0), (0.1, 0.1), (1.0, 3.0), (0.4, 0.4), (1.0, 3.0), (0.7, 0.6), (0.85, 3.0), (1.0, 3.0),
        (1.12, 0.5), (1.3, 0.01), (1.17, 0.3), (1.0, 5.0),
    )  # fmt: skip
    steps = nominal_hz + np.cumsum(np.random.default_rng(3).normal(0.0, 1e-3, voltage.size))
    frequency = steps - np.where((np.arange(voltage.size) // 4000) % 2 == 1, 1.5, 0.0)
    events = [event("load_ceased", 6.15, 0.7), event("load_transferred", 13.0), event("load_shed", 14.0)]
    phases = np.stack([voltage, np.minimum(1.0, voltage), 0.5 * (voltage + 1.0)])
    return Record(
        POWER_W * np.minimum(1.0, voltage), 1e-3, rated_power_w=200e6, nominal_frequency_hz=nominal_hz,
        voltage_pu=phases.mean(axis=0), phase_voltage_pu=phases, frequency_hz=frequency, events=events,
        simulated=True, load_model=LoadModel(True, True, 3), reactive_power_var=np.full(voltage.size, 10e6),
    )  # fmt: skip


def records() -> dict[str, Record]:
    rich = wild(60.0)
    assert rich.voltage_pu is not None
    assert rich.frequency_hz is not None
    size = rich.power_w.size
    gaps = rich.voltage_pu.copy()
    gaps[5000:5100] = np.nan
    slow = slice(None, None, 2000)
    return {
        "a run": rich,
        "a run at 50 Hz": wild(50.0),
        "measured": Record(rich.power_w, 1e-3, voltage_pu=rich.voltage_pu, frequency_hz=rich.frequency_hz),
        "measured, 50 Hz taken for 60": Record(rich.power_w, 1e-3, frequency_hz=np.full(size, 50.0)),
        "power alone": Record(rich.power_w, 1e-3),
        "with gaps": Record(rich.power_w, 1e-3, voltage_pu=gaps, frequency_hz=gaps * 60.0),
        "in volts": Record(rich.power_w, 1e-3, voltage_pu=rich.voltage_pu * 230e3),
        "every two seconds": Record(
            rich.power_w[slow], 2.0, voltage_pu=rich.voltage_pu[slow], frequency_hz=rich.frequency_hz[slow]
        ),
        "one sample": Record(rich.power_w[:1], 1e-3, voltage_pu=np.ones(1), frequency_hz=np.full(1, 60.0)),
        "all of it settling": Record(rich.power_w, 1e-3, settle_s=1e4, voltage_pu=rich.voltage_pu),
        "dead": Record(np.zeros(5000), 1e-3, voltage_pu=np.zeros(5000), frequency_hz=np.full(5000, 60.0)),
    }


RECORDS = records()


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("name", profile_names())
def test_every_rule_is_answered(name: str, kind: str) -> None:
    record = RECORDS[kind]
    found = findings(record, name)
    assert found
    for finding in found.values():
        text = json.dumps(finding.to_dict(), allow_nan=False)
        assert Finding(**json.loads(text)).rule == finding.rule
        if finding.verdict in ("not_evaluated", "emt_required"):
            assert finding.note
            assert finding.value is None
        else:
            assert finding.limit is not None
            assert finding.method
    for signal, blocks in BLOCKS.items():
        series = record.voltage_pu if signal == "poi.voltage_pu" else record.frequency_hz
        if series is None:
            assert {f.verdict for f in found.values() if f.block in blocks} <= {"not_evaluated"}


@pytest.mark.parametrize(
    "kind", ["with gaps", "in volts", "every two seconds", "one sample", "all of it settling"]
)
def test_what_shows_nothing_passes_nothing(kind: str) -> None:
    for finding in findings(RECORDS[kind], "ercot_nogrr282").values():
        if finding.block in BLOCKS["poi.voltage_pu"]:
            assert finding.verdict == "not_evaluated", finding
