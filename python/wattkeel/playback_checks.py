"""What the parameters of a playback of a grid record say together."""

from __future__ import annotations

from collections.abc import Iterator

from wattkeel._generated.models import ScenarioModel

_PLACE = "grid.playback"

# Places that the finding reads, value, message, remedy.
Finding = tuple[list[str], object, str, str]


def playback_findings(model: ScenarioModel) -> Iterator[Finding]:
    """Find contradictions in a scenario, whose faulty parts are left out."""
    playback = model.grid.playback
    if playback is None:
        return
    if playback.kind == "rms" and playback.voltage == "positive_sequence":
        message = "RMS values have no positive sequence"
        remedy = 'choose "mean_rms" or "least_phase"'
        yield [f"{_PLACE}.voltage", f"{_PLACE}.kind"], playback.voltage, message, remedy
    if playback.kind == "waveform" and playback.frequency_column:
        message = "is given, but the frequency of waveforms is estimated from them"
        places = [f"{_PLACE}.frequency_column", f"{_PLACE}.kind"]
        yield places, playback.frequency_column, message, 'remove it, or set kind = "rms"'
    if playback.at == "poi" and model.grid.source_voltage_pu != 1.0:
        message = "contradicts the playback at the POI, which imposes the voltage itself"
        places = ["grid.source_voltage_pu", f"{_PLACE}.at"]
        yield places, model.grid.source_voltage_pu, message, "remove one of the two"


def playback_warnings(model: ScenarioModel) -> list[str]:
    """Tell what is allowed but hardly meant."""
    playback = model.grid.playback
    if playback is None or playback.start_s < model.simulation.duration_s:
        return []
    return [f"{_PLACE}.start_s: the playback starts after the end of the run"]
