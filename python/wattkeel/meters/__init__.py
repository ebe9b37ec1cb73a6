"""Streaming meters: what the rules read of a power, while it comes, in memory that does not grow with it.

Each meter gives the numbers of the plain reading of the whole record (`wattkeel.measures`), however the
record is cut into pieces. Kernels: `wattkeel.prototype.meters` and its C++ twin.
"""

from __future__ import annotations

from wattkeel.meters._nodes import CHUNK, Band, Range, Span
from wattkeel.meters.bank import (
    VERSION,
    MeterBank,
    Wanted,
    WantedChange,
    WantedContent,
    WantedDifference,
    WantedPercentile,
    WantedSpan,
    check_found,
)
from wattkeel.meters.content import KEPT, SEGMENT, Kept, lasting_line
from wattkeel.meters.excursions import Excursion, Excursions, Timer, nested_timers, timers_per_band
from wattkeel.meters.rolling import (
    Change,
    MeanExtremes,
    RollingDifference,
    RollingMean,
    RollingRange,
    Tone,
    Tones,
)

__all__ = [
    "CHUNK",
    "KEPT",
    "SEGMENT",
    "VERSION",
    "Band",
    "Change",
    "Excursion",
    "Excursions",
    "Kept",
    "MeanExtremes",
    "MeterBank",
    "Range",
    "RollingDifference",
    "RollingMean",
    "RollingRange",
    "Span",
    "Timer",
    "Tone",
    "Tones",
    "Wanted",
    "WantedChange",
    "WantedContent",
    "WantedDifference",
    "WantedPercentile",
    "WantedSpan",
    "check_found",
    "lasting_line",
    "nested_timers",
    "timers_per_band",
]
