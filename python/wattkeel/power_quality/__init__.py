"""Power quality of a voltage: flicker, rapid changes, dips, swells, interruptions, RMS aggregates.

    >>> import wattkeel as wk  # doctest: +SKIP
    >>> found = wk.power_quality.of_run(wk.open_result("runs/site"))  # doctest: +SKIP
    >>> found.flicker.pst, found.changes, found.notes  # doctest: +SKIP
    >>> wk.power_quality.flicker(samples_v, 1e-4, "waveform", lamp="120v_60hz").pst  # doctest: +SKIP

Flicker is that of IEC 61000-4-15 edition 2, the rest of IEC 61000-4-30 edition 3. A run has RMS values; the
instruments here take waveforms too.
"""

from __future__ import annotations

from wattkeel.power_quality.changes import (
    RapidChange,
    Thresholds,
    VoltageEvent,
    rapid_changes,
    voltage_events,
)
from wattkeel.power_quality.cycles import Aggregates, Cycles, aggregate, cycles, deviations
from wattkeel.power_quality.flickermeter import Flicker, Flickermeter, Interval, flicker, long_term
from wattkeel.power_quality.lamps import LAMPS, Lamp
from wattkeel.power_quality.runs import PowerQuality, assess, of_run

__all__ = [
    "LAMPS",
    "Aggregates",
    "Cycles",
    "Flicker",
    "Flickermeter",
    "Interval",
    "Lamp",
    "PowerQuality",
    "RapidChange",
    "Thresholds",
    "VoltageEvent",
    "aggregate",
    "assess",
    "cycles",
    "deviations",
    "flicker",
    "long_term",
    "of_run",
    "rapid_changes",
    "voltage_events",
]
