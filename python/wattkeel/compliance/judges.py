"""Who judges which block of a profile.

A block of rules that stand for themselves has a function per row (`ROWS`): record and keys give all
readings. A block whose rows are one table (ride-through) has a function for the whole of it (`TABLES`):
record and profile give one `Judged` per rule. What the head of a profile prohibits has one too (`HEADS`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wattkeel.compliance.demand import demand_limit
from wattkeel.compliance.frequency import frequency_point, frequency_ride_through, phase_jump, rocof
from wattkeel.compliance.judged import Judged
from wattkeel.compliance.profile import Profile
from wattkeel.compliance.record import Measured, Record
from wattkeel.compliance.recovery import recovery, recovery_level
from wattkeel.compliance.ride_through import (
    frt_curve,
    overvoltage_withstand,
    reclosing,
    voltage_ride_through,
)
from wattkeel.compliance.rules import RULES
from wattkeel.compliance.sags import sag_counting
from wattkeel.compliance.voltage_quality import (
    flicker,
    phase_imbalance,
    power_factor,
    rapid_voltage_change,
)

__all__ = ["HEADS", "ROWS", "TABLES", "Judged"]


#: Blocks whose rows are judged one by one.
ROWS: dict[str, Callable[[Record, Any], Measured]] = {
    **RULES,
    "demand": demand_limit,
    "phase_jump": phase_jump,
    "rapid_voltage_change": rapid_voltage_change,
    "power_factor": power_factor,
    "phase_imbalance": phase_imbalance,
}

#: Blocks that are judged as a whole. A judge raises `CannotJudgeError` where nothing of it can be told.
TABLES: dict[str, Callable[[Record, Profile], list[Judged]]] = {
    "voltage_ride_through": voltage_ride_through,
    "frt_curve": frt_curve,
    "overvoltage_withstand": overvoltage_withstand,
    "reclosing": reclosing,
    "recovery": recovery,
    "recovery_level": recovery_level,
    "frequency_ride_through": frequency_ride_through,
    "frequency_point": frequency_point,
    "rocof": rocof,
    "flicker": flicker,
}

#: Rules that stand in the head of a profile: judged where their key is true.
HEADS: dict[str, Callable[[Record, Profile], Judged]] = {"sag_counting_transfer_prohibited": sag_counting}
