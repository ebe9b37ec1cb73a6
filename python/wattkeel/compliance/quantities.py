"""Voltage and frequency of a record, checked before a rule reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wattkeel.compliance.record import Array, CannotJudgeError, Record

__all__ = ["FREQUENCY", "VOLTAGE", "need_model", "need_time", "need_voltage", "of_frequency", "of_voltage"]

VOLTAGE, FREQUENCY = "poi.voltage_pu", "poi.frequency_hz"

#: Voltage and frequency beyond which a record is in another unit, or a deviation.
HIGHEST_VOLTAGE_PU, LOWEST_FREQUENCY_HZ, HIGHEST_FREQUENCY_HZ = 5.0, 10.0, 100.0
#: How far from nominal the middle of a record of frequency may lie, Hz; 50 and 60 Hz are 10 Hz apart.
NOMINAL_RANGE_HZ = 5.0

POSITIVE, WORST_PHASE = "positive sequence", "worst phase"


def need_voltage(record: Record) -> None:
    """Raise CannotJudgeError unless the record holds a voltage in pu without gaps."""
    if record.voltage_pu is None and record.phase_voltage_pu is None:
        raise CannotJudgeError(_missing(record, "voltage", VOLTAGE))
    for series in (record.voltage_pu, record.phase_voltage_pu):
        if series is None:
            continue
        judged = series[..., record.first() :]
        _need_numbers(judged, record, "voltage")
        highest = float(judged.max())
        if highest > HIGHEST_VOLTAGE_PU:
            raise CannotJudgeError(
                f"voltage of up to {highest:.6g} pu: give it in pu of nominal, not in V or %"
            )
        if float(judged.min()) < 0.0:
            raise CannotJudgeError("voltage below 0: give RMS values, not a waveform")


def of_voltage(record: Record, head: Mapping[str, Any]) -> list[tuple[str, Array, Array]]:
    """Voltages that a rule may mean: label, series for under-voltage, series for over-voltage, pu.

    Both the positive sequence (or the only voltage known) and the worst phase, unless the profile's head says
    which (``voltage_quantity``).
    """
    need_voltage(record)
    wanted = str(head.get("voltage_quantity", "unspecified"))
    found = []
    if record.voltage_pu is not None:
        found.append((POSITIVE, record.voltage_pu, record.voltage_pu))
    if record.phase_voltage_pu is not None:
        phases = record.phase_voltage_pu
        found.append((WORST_PHASE, phases.min(axis=0), phases.max(axis=0)))
    chosen = [item for item in found if item[0].replace(" ", "_") == wanted]
    return chosen or found


def of_frequency(record: Record, nominal_hz: float | None = None) -> Array:
    """Frequency of a record, Hz, for rules of a system of `nominal_hz`, or of any when None.

    Raises
    ------
    CannotJudgeError
        If there is none, it has gaps, or it is that of a system of another nominal frequency.
    """
    if record.frequency_hz is None:
        raise CannotJudgeError(_missing(record, "frequency", FREQUENCY))
    judged = record.frequency_hz[record.first() :]
    _need_numbers(judged, record, "frequency")
    middle_hz = float(np.median(judged))
    if not LOWEST_FREQUENCY_HZ <= middle_hz <= HIGHEST_FREQUENCY_HZ:
        raise CannotJudgeError(f"frequency of {middle_hz:.4g} Hz: give it in Hz, not in pu or as a deviation")
    if nominal_hz is not None and abs(middle_hz - nominal_hz) > NOMINAL_RANGE_HZ:
        raise CannotJudgeError(
            f"the rule is for a system of {nominal_hz:g} Hz, the record is of {middle_hz:.4g} Hz"
        )
    return record.frequency_hz


def _missing(record: Record, what: str, signal: str) -> str:
    remedy = f'; add "{signal}" to record.full_rate and run again' if record.simulated else ""
    return f"the record holds no {what}{remedy}"


def _need_numbers(judged: Array, record: Record, what: str) -> None:
    if judged.size == 0:
        raise CannotJudgeError(f"record of {record.length()} is not longer than what is not judged")
    good = np.isfinite(judged)
    if good.all():
        return
    bad = ~(good if good.ndim == 1 else good.all(axis=0))
    at_s = (record.first() + int(np.argmax(bad))) * record.tick_s
    raise CannotJudgeError(
        f"the {what} is not known for {int(np.count_nonzero(bad)) * record.tick_s:g} s, first at {at_s:.6g} s"
    )


def need_time(record: Record, time_s: float) -> None:
    """Raise CannotJudgeError unless the sampling shows a time: at least two samples of it."""
    if record.tick_s * 2.0 > time_s * (1.0 + 1e-9):
        raise CannotJudgeError(f"sampling {record.tick_s:g} s cannot show {time_s:g} s")


def need_model(record: Record, quantity: str) -> None:
    """Raise CannotJudgeError where the load of a run has no way to leave at this quantity.

    A load that cannot trip in the model would ride through by assertion.
    """
    model = record.load_model
    if not record.simulated or model is None:
        return
    if quantity == VOLTAGE and not model.on_voltage:
        raise CannotJudgeError(
            "no part of the load of this run can leave at a voltage, so that riding through would be "
            'asserted, not shown: give its nodes ride_through = "perc1" with the settings of the site'
        )
    if quantity == FREQUENCY and not model.on_frequency:
        raise CannotJudgeError(
            "no part of the load of this run can leave at a frequency, so that riding through would be "
            "asserted, not shown: give [[grid.load_shedding]] with site_share, or judge a measured record"
        )
