"""What the parameters of ``[qualify]`` say together; used by the checks of a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from wattkeel._generated import models

__all__ = ["CHANNELS", "qualify_findings"]

CHANNELS = ("V", "I", "P", "Q", "f", "SOC", "current_limit_flags", "mode_state")
"""Channels of telemetry that the engine knows; it has no PCS temperature, which the guideline asks for."""

Finding = tuple[list[str], object, str, str]
"""Places, value, message, remedy."""

_HIGHEST_LOAD = 2.0
_SCR = (0.01, 1000.0)
_X_OVER_R = (0.01, 1000.0)


def qualify_findings(settings: models.Qualify) -> Iterator[Finding]:
    """Yield what is wrong with the section, all of it."""
    if settings.telemetry is not None:
        yield from _telemetry(settings.telemetry)
    if settings.island is not None:
        place = "qualify.island.load_pu"
        yield from _values(place, settings.island.load_pu, 0.0, _HIGHEST_LOAD, "of rated power, above 0")
    if settings.ride_through is not None:
        yield from _ride_through(settings.ride_through)
    if settings.map is not None:
        yield from _values("qualify.map.scr", settings.map.scr, *_SCR, "short-circuit ratios")
        yield from _values("qualify.map.x_over_r", settings.map.x_over_r, *_X_OVER_R, "X/R")
        yield from _values("qualify.map.load_pu", settings.map.load_pu, 0.0, _HIGHEST_LOAD, "of the load")


def _values(place: str, values: tuple[float, ...], low: float, high: float, what: str) -> Iterator[Finding]:
    """A list that has values, each within its range."""
    if not values:
        yield [place], None, "is empty", f"give values, {what}"
    for index, value in enumerate(values):
        if not low < value <= high and not (low > 0.0 and value == low):
            message = f"is out of range: {low:g} to {high:g}, {what}"
            yield [f"{place}[{index}]"], value, message, "correct or leave out the value"


def _telemetry(settings: models.QualifyTelemetry) -> Iterator[Finding]:
    for key in ("missing", "frozen"):
        for index, name in enumerate(getattr(settings, key)):
            if name not in CHANNELS:
                place = f"qualify.telemetry.{key}[{index}]"
                yield [place], name, "is no channel", f"one of {', '.join(CHANNELS)}"
    if settings.sampling_s > settings.hold_s / 5.0:
        message = f"gives fewer than five samples in a hold of {settings.hold_s:g} s"
        places = ["qualify.telemetry.sampling_s", "qualify.telemetry.hold_s"]
        yield places, settings.sampling_s, message, "sample more often, or lengthen hold"


def _ride_through(settings: models.QualifyRideThrough) -> Iterator[Finding]:
    for index, trip in enumerate(settings.trip):
        if (trip.below_pu > 0.0) == (trip.above_pu > 0.0):
            place = f"qualify.ride_through.trip[{index}]"
            remedy = "give the voltage beyond which it trips"
            yield [place], None, "needs one of below_pu and above_pu", remedy
