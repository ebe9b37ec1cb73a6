"""Sizing arithmetic that follows from the models: how much storage a wave, a duty or a peak needs.

Functions take arrays and the parameters of `wattkeel.parameters` and give frozen records in SI units; most
have a closed form beside them. A wrong input raises `wattkeel.errors.ScenarioError` with all faults.
"""

from __future__ import annotations

from wattkeel.sizing.capacity import (
    Overbuild,
    SizedBattery,
    UsableEnergy,
    overbuild,
    required_battery,
    usable_energy,
)
from wattkeel.sizing.efficiency import (
    DutyEfficiency,
    RoundTrip,
    duty_efficiency,
    round_trip,
    round_trip_ohmic,
)
from wattkeel.sizing.shaving import ShavingRun, least_limit, shave_peak, shaving_energy
from wattkeel.sizing.strings import StringSpread, string_spread, strings_for_availability
from wattkeel.sizing.waves import (
    HybridSplit,
    StorageNeed,
    average_target,
    closing_target,
    flattening_need,
    hybrid_split,
    lag_target,
    ramp_target,
    sine_split,
    square_wave_need,
    step_need,
)

__all__ = [
    "DutyEfficiency",
    "HybridSplit",
    "Overbuild",
    "RoundTrip",
    "ShavingRun",
    "SizedBattery",
    "StorageNeed",
    "StringSpread",
    "UsableEnergy",
    "average_target",
    "closing_target",
    "duty_efficiency",
    "flattening_need",
    "hybrid_split",
    "lag_target",
    "least_limit",
    "overbuild",
    "ramp_target",
    "required_battery",
    "round_trip",
    "round_trip_ohmic",
    "shave_peak",
    "shaving_energy",
    "sine_split",
    "square_wave_need",
    "step_need",
    "string_spread",
    "strings_for_availability",
    "usable_energy",
]
