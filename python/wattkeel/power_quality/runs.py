"""Power quality of a recorded voltage, and of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from wattkeel.errors import Fault, ScenarioError
from wattkeel.power_quality._input import Checks, voltage_of
from wattkeel.power_quality.changes import (
    RapidChange,
    Thresholds,
    VoltageEvent,
    rapid_changes,
    voltage_events,
)
from wattkeel.power_quality.cycles import Aggregates, aggregate, cycles, deviations
from wattkeel.power_quality.flickermeter import Flicker, flicker
from wattkeel.power_quality.lamps import LAMPS

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["PowerQuality", "assess", "of_run"]

SIGNAL = "poi.voltage_pu"
#: Lamps that are usual at a frequency.
USUAL_LAMP = {50.0: "230v_50hz", 60.0: "120v_60hz"}


@dataclass(frozen=True, eq=False)
class PowerQuality:
    """What a voltage is worth.

    Parameters
    ----------
    flicker
        Flicker.
    aggregates
        RMS values of 10/12 cycles and longer.
    declared
        Declared voltage, in the unit of the samples; NaN where none was given.
    under, over
        Underdeviation and overdeviation over the whole record, shares of the declared voltage.
    events
        Dips, swells and interruptions.
    changes
        Rapid voltage changes.
    flagged
        For every interval of the flicker, whether a dip, a swell or an interruption fell into it: its Pst is
        then no measure of a fluctuation (flagging, IEC 61000-4-30:2015, 4.7).
    notes
        What could not be judged, and why.
    """

    flicker: Flicker
    aggregates: Aggregates
    declared: float
    under: float
    over: float
    events: tuple[VoltageEvent, ...]
    changes: tuple[RapidChange, ...]
    flagged: tuple[bool, ...]
    notes: tuple[str, ...]


def assess(
    voltage: ArrayLike,
    tick_s: float,
    kind: str,
    *,
    lamp: str = "230v_50hz",
    declared: float | None = None,
    thresholds: Thresholds | None = None,
    interval_s: float = 600.0,
    settle_s: float = 60.0,
    series_s: float = 0.1,
    engine: str = "native",
) -> PowerQuality:
    """Flicker, RMS aggregates, events and rapid changes of one voltage.

    Parameters
    ----------
    voltage, tick_s, kind, lamp, interval_s, settle_s, series_s, engine
        As for `flicker`; the lamp tells the nominal frequency.
    declared
        Declared voltage, RMS, in the unit of the samples: what events and deviations are measured against.
        Without it they are not judged.
    thresholds
        What counts as an event.

    Raises
    ------
    ScenarioError
        All that is wrong with the input.
    """
    check = Checks()
    check.choice("lamp", lamp, tuple(LAMPS))
    if declared is not None:
        check.number("declared", declared, above=0.0)
    check.stop()
    limits = thresholds or Thresholds()
    limits.check(1.0)
    measured = flicker(
        voltage, tick_s, kind,
        lamp=lamp, interval_s=interval_s, settle_s=settle_s, series_s=series_s, engine=engine,
    )  # fmt: skip
    found = cycles(voltage_of(voltage, kind), tick_s, kind, LAMPS[lamp].frequency_hz)
    aggregates = aggregate(found)
    notes = list(measured.notes)
    events: tuple[VoltageEvent, ...] = ()
    changes: tuple[RapidChange, ...] = ()
    under = over = float("nan")
    if declared is None:
        notes.append("no declared voltage given: events, rapid changes and deviations are not judged")
    else:
        events, changes = voltage_events(found, declared, limits), rapid_changes(found, declared, limits)
        if len(aggregates.basic):
            under, over = deviations(aggregates.basic, declared)
        if len(found.rms) < found.per_second:
            notes.append("too short for rapid changes: one second of steady voltage needed")
    flagged = tuple(
        any(
            event.start_s < interval.start_s + interval_s
            and event.start_s + event.duration_s > interval.start_s
            for event in events
        )
        for interval in measured.intervals
    )
    return PowerQuality(
        flicker=measured,
        aggregates=aggregates,
        declared=float("nan") if declared is None else float(declared),
        under=under,
        over=over,
        events=events,
        changes=changes,
        flagged=flagged,
        notes=tuple(notes),
    )


def of_run(
    result: Result,
    *,
    lamp: str | None = None,
    thresholds: Thresholds | None = None,
    interval_s: float = 600.0,
    settle_s: float = 60.0,
    engine: str = "native",
) -> PowerQuality:
    """Power quality at the POI, from what a run recorded at every tick.

    A run has the RMS value of the voltage, in pu of the nominal one. Flicker is that of a lamp fed by the
    voltage of the POI itself: the way down to low voltage usually leaves a little less of it.

    Parameters
    ----------
    result
        A run, also one that was opened again, with a tick of at most 2.5 ms.
    lamp
        The usual one of the grid's nominal frequency (120 V at 60 Hz, 230 V at 50 Hz) when None.
    thresholds, interval_s, settle_s, engine
        As for `assess`.

    Returns
    -------
    PowerQuality
        Where the run is too short for a Pst there is none, and ``notes`` says what is missing.

    Raises
    ------
    ScenarioError
        The voltage was not recorded at every tick, the tick is too long, or the grid has neither 50 nor
        60 Hz.
    """
    if not hasattr(result, "signals"):
        remedy = "give what wk.simulate or wk.open_result returns"
        raise ScenarioError(
            [Fault("result", result, f"{type(result).__name__} is no result of a run", remedy)]
        )
    if SIGNAL not in result.signals:
        message = f"holds no {SIGNAL} at every tick"
        raise ScenarioError([Fault("result", None, message, f"add {SIGNAL} to record.full_rate, run again")])
    nominal_hz = result.scenario.model.grid.nominal_frequency_hz
    if lamp is None:
        lamp = USUAL_LAMP.get(nominal_hz)
        if lamp is None:
            place, remedy = "grid.nominal_frequency_hz", "name a lamp, or set 50 or 60 Hz"
            raise ScenarioError([Fault(place, nominal_hz, "no flickermeter is defined for it", remedy)])
    return assess(
        result.signals[SIGNAL], result.tick_s, "rms",
        lamp=lamp, declared=1.0, thresholds=thresholds, interval_s=interval_s, settle_s=settle_s,
        engine=engine,
    )  # fmt: skip
