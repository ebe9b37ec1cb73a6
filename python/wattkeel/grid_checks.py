"""What the parameters of load shedding and of grid support say together."""

from __future__ import annotations

from collections.abc import Iterator

from wattkeel._generated import models

__all__ = ["shedding_findings", "support_findings"]

Finding = tuple[list[str], object, str, str]
"""Places (the first is told), value, message, remedy."""

_NEAREST_HZ = 1e-3


def shedding_findings(place: str, grid: models.Grid) -> Iterator[Finding]:
    """Find contradictions of the stages of ``grid.load_shedding``.

    Parameters
    ----------
    place
        Place of the section, e.g. ``grid``.
    grid
        Its parameters.

    Yields
    ------
    tuple
        Places, value, message, remedy.
    """
    nominal_hz = grid.nominal_frequency_hz
    sums = {"share": 0.0, "site_share": 0.0}
    for index, stage in enumerate(grid.load_shedding):
        row = f"{place}.load_shedding[{index}]"
        places = [f"{row}.threshold_hz", f"{place}.nominal_frequency_hz"]
        if abs(stage.threshold_hz - nominal_hz) < _NEAREST_HZ:
            message = f"is the nominal frequency, {nominal_hz:g} Hz"
            yield places, stage.threshold_hz, message, "give a frequency below or above it"
        if stage.share == 0.0 and stage.site_share == 0.0:
            yield (
                [f"{row}.share", f"{row}.site_share"],
                0.0,
                "the stage sheds nothing",
                "give share or site_share",
            )
        if stage.threshold_hz > nominal_hz:
            if stage.site_share > 0.0:
                message = "above nominal frequency a stage trips generation, not the load of the site"
                yield [f"{row}.site_share", *places], stage.site_share, message, "remove it"
            continue
        for key in sums:
            sums[key] += getattr(stage, key)
            if getattr(stage, key) > 0.0 and sums[key] > 1.0 + 1e-9:
                message = f"makes {sums[key]:.3g} with the stages before it: more than there is"
                yield (
                    [f"{row}.{key}"],
                    getattr(stage, key),
                    message,
                    "shares are those of one stage, not sums",
                )


def support_findings(place: str, support: models.Support, nominal_hz: float) -> Iterator[Finding]:
    """Find contradictions of a unit's grid support.

    Parameters
    ----------
    place
        Place of the section, e.g. ``storage.bess.support``.
    support
        Its parameters.
    nominal_hz
        Nominal frequency of the grid [Hz].

    Yields
    ------
    tuple
        Places, value, message, remedy.
    """
    threshold_hz = support.response_threshold_hz
    places = [f"{place}.response_threshold_hz", f"{place}.response_power"]
    if support.response_power > 0.0 and threshold_hz == 0.0:
        yield places, None, "is required by response_power", "give the frequency that sets it off"
    elif threshold_hz > 0.0 and support.response_power == 0.0:
        yield places[::-1], None, "is required by response_threshold", "give the step of power"
    elif threshold_hz > 0.0 and abs(threshold_hz - nominal_hz) < _NEAREST_HZ:
        message = f"is the nominal frequency, {nominal_hz:g} Hz"
        yield places[:1], threshold_hz, message, "give a frequency below or above it"
