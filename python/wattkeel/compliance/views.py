"""What is open in a rule of riding through (timers, voltage, losses): one view per answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from wattkeel.compliance.band_judge import Ask, View, judge_bands, unjudged
from wattkeel.compliance.bands import TIMERS, Excursions, Table, Ticks, band_from, excursions, table_of
from wattkeel.compliance.judged import Judged
from wattkeel.compliance.losses import (
    COUNTED,
    RETURN_S,
    Loss,
    doubtful,
    of_power,
    of_run,
    sudden_drop,
    unreturned,
    untold,
)
from wattkeel.compliance.profile import Profile, Row, Variant
from wattkeel.compliance.record import Array, CannotJudgeError, Record

__all__ = [
    "Counted",
    "Series",
    "counted_losses",
    "judge_views",
    "normal_band",
    "outside_within",
    "table_from",
]

#: Bands in which a quantity is normal where a profile names none: pu, and Hz either side of nominal.
NORMAL_PU, NORMAL_HZ = (0.9, 1.1), 1.2
#: Time after an excursion of another quantity in which a loss is put down to that, s.
AFTER_S = 1.0
#: Forgiven cessations that a note lists.
LISTED = 3


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity that a rule may mean: its label, and its values for the low and for the high side."""

    label: str
    low: Array
    high: Array


@dataclass(frozen=True, slots=True)
class Counted:
    """One way to count losses of load.

    Attributes
    ----------
    label : str
    losses : list of Loss
        In order of time.
    undecided : list of Loss
        Of those, the ones of which the record ends too soon to tell, or that are near nothing either way.
    forgiven : list of Loss
        Cessations that do not count.
    """

    label: str
    losses: list[Loss]
    undecided: list[Loss] = field(default_factory=list)
    forgiven: list[Loss] = field(default_factory=list)


def counted_losses(
    record: Record,
    profile: Profile,
    sides: Sequence[Excursions],
    voltage: Array | None,
    *,
    may_cease: bool | None = None,
) -> tuple[list[Counted], str]:
    """Losses of load in every reading, and how they were told.

    A rule that says when the load must be back (``recovery``) lets it cease for that time. One that does not
    is read both ways: a momentary cessation counts, or it does not when the load is back within a second.
    Where the document forbids cessation, it counts. Load shedding by under-frequency relays, which the
    operator asks for, is read both ways too.

    Parameters
    ----------
    record : Record
    profile : Profile
    sides : sequence of Excursions
        Where losses of a measured record are looked for.
    voltage : ndarray or None
        Voltage by which a constant impedance is reckoned, pu.
    may_cease : bool, optional
        Whether the rule itself says so.
    """
    given = [float(row.keys["within_s"]) for row in recovery_rows(profile)]
    return_s = max(given, default=RETURN_S)
    if record.simulated:
        found, how = of_run(record), "losses of load by the events of the run"
        shed, open_ = [loss for loss in of_run(record, shed=True) if loss.kind == "load_shed"], []
    else:
        found, shed = of_power(record, sides, return_s, voltage), []
        open_ = doubtful(record, sides, found, voltage)
        how = (
            "load counts as lost where the power is below half of what a constant impedance would draw, from "
            "the lowest power of the 10 s before"
        )
    lasting, undecided = unreturned(found, sides, record, return_s)
    kept = sorted([*lasting, *undecided], key=lambda loss: loss.tick)
    forgiven = [loss for loss in found if loss not in kept]
    back = f"a cessation of up to {return_s:g} s after the excursion does not count"
    told = sorted([*found, *open_], key=lambda loss: loss.tick)
    strict, mild = Counted(COUNTED, told, open_), Counted(back, kept, undecided, forgiven)
    if may_cease is False or _forbids_cessation(profile):
        readings, how = [strict], f"{how}; {COUNTED}"
    elif given or may_cease:
        readings, how = [mild], f"{how}; {back}"
    else:
        readings, how = [strict, mild], f"{how}; the rule does not say whether a momentary cessation counts"
    if shed:
        readings = [each for one in readings for each in (_with_shed(one, shed), one)]
        how += "; nor whether load shedding by the operator's relays counts"
    return readings, how


def _with_shed(one: Counted, shed: list[Loss]) -> Counted:
    losses = sorted([*one.losses, *shed], key=lambda loss: loss.tick)
    return Counted(f"{one.label}, load shedding counts", losses, one.undecided, one.forgiven)


def recovery_rows(profile: Profile) -> list[Row]:
    """Rows that say when the load must be back."""
    rows = [*profile.rows_of("recovery"), *profile.rows_of("recovery_level")]
    return [row for row in rows if row.seen and "within_s" in row.keys]


def _forbids_cessation(profile: Profile) -> bool:
    tests = [*profile.rows_of("lvrt"), *profile.rows_of("hvrt")]
    return any(row.keys.get("no_momentary_cessation") for row in tests)


def judge_views(
    record: Record,
    profile: Profile,
    ask: Ask,
    tables: Sequence[tuple[str, Table]],
    series: Callable[[], Iterable[Series]],
    *,
    timers: Sequence[str] | None = None,
    ends: Callable[[Excursions], Ticks] | None = None,
) -> list[Judged]:
    """Judge tables of bands in all readings; where nothing can be told, every band says why.

    Parameters
    ----------
    record, profile
    ask : Ask
        Without what follows from the record here: method, drops and remarks.
    tables : sequence of (label, Table)
        Readings of the table itself; one with an empty label where there is nothing open.
    series : callable
        Gives the quantities that the rule may mean; may raise CannotJudgeError.
    timers : sequence of str, optional
        Ways in which timers may run; those of the profile when None.
    ends : callable, optional
        Ticks for which each excursion obliges, where that does not follow from the bands.
    """
    try:
        views, how, forgiven = _views(record, profile, tables, list(series()), timers, ends)
        drops = "" if record.simulated else _drops(record, views)
    except CannotJudgeError as reason:
        return unjudged(ask, tables[0][1], str(reason))
    notes = [f"back in time: {loss.text(record.tick_s)}" for loss in forgiven[:LISTED]]
    if len(forgiven) > LISTED:
        notes.append(f"{len(forgiven)} cessations were back in time")
    return judge_bands(record, ask.on(how, drops, notes), views)


def _views(
    record: Record,
    profile: Profile,
    tables: Sequence[tuple[str, Table]],
    series: Sequence[Series],
    timers: Sequence[str] | None,
    ends: Callable[[Excursions], Ticks] | None,
) -> tuple[list[View], str, list[Loss]]:
    views: list[View] = []
    how = ""
    forgiven: dict[tuple[int, str], Loss] = {}
    first, tick_s = record.first(), record.tick_s
    for label, table in tables:
        for one in series:
            below = excursions(one.low, first, table, True, tick_s)
            above = excursions(one.high, first, table, False, tick_s)
            counted, how = counted_losses(record, profile, (below, above), lowest_voltage(record))
            silent = frozenset[int]() if record.simulated else untold(record, (below, above))
            for way in counted:
                forgiven |= {(loss.tick, loss.place): loss for loss in way.forgiven}
                for timer in timers or timers_of(profile):
                    views.append(
                        View(
                            (TIMERS[timer], one.label, way.label, label),
                            table,
                            timer,
                            below,
                            above,
                            way.losses,
                            way.undecided,
                            COUNTED in way.label,
                            None if ends is None else ends(below),
                            silent,
                        )
                    )
    return views, how, list(forgiven.values())


def lowest_voltage(record: Record) -> Array | None:
    """Voltage of the worst phase, pu, or the only one known."""
    if record.phase_voltage_pu is not None:
        lowest: Array = record.phase_voltage_pu.min(axis=0)
        return lowest
    return record.voltage_pu


def timers_of(profile: Profile) -> list[str]:
    """Ways in which the timers of a profile may run."""
    given = str(profile.head.get("timer", "unspecified"))
    return [given] if given in TIMERS else ["nested", "per_band"]


def table_from(variant: Variant, low_key: str, high_key: str, nominal: float) -> Table:
    """Table of the rows of a variant that have the keys of the ride-through blocks."""
    return table_of([band_from(row, low_key, high_key) for row in variant.rows], nominal, variant.label)


def normal_band(profile: Profile, nominal_hz: float | None = None) -> tuple[float, float]:
    """Band in which nothing is the matter: of voltage, pu, or of frequency, Hz, where `nominal_hz` is given.

    That of the profile's own table, where it has one.
    """
    if nominal_hz is None:
        block, low_key, high_key, nominal = "voltage_ride_through", "v_min_pu", "v_max_pu", 1.0
        default = NORMAL_PU
    else:
        block, low_key, high_key, nominal = "frequency_ride_through", "f_min_hz", "f_max_hz", nominal_hz
        default = (nominal - NORMAL_HZ, nominal + NORMAL_HZ)
    tables = [table_from(variant, low_key, high_key, nominal) for variant in profile.variants_of(block)]
    found = [(table.low, table.high) for table in tables if table.low <= nominal < table.high]
    low = max((edge for edge, _ in found if math.isfinite(edge)), default=default[0])
    return low, min((edge for _, edge in found if math.isfinite(edge)), default=default[1])


def outside_within(
    record: Record, low: Array | None, high: Array | None, band: tuple[float, float]
) -> Callable[[Loss], bool]:
    """Whether a loss began while another quantity was outside its band, or within a second after."""
    ticks = max(1, round(AFTER_S / record.tick_s))

    def outside(loss: Loss) -> bool:
        if low is None or high is None:
            return False
        part = slice(max(record.first(), loss.tick - ticks), loss.tick + 1)
        return bool((low[part] < band[0]).any() or (high[part] >= band[1]).any())

    return outside


def _drops(record: Record, views: Sequence[View]) -> str:
    """Of a measured record: where the power fell to half without an excursion, which may be a loss or not."""
    if float(record.judged().max()) <= 0.0:
        return "the record shows no import: there is no load that could leave"
    tick = sudden_drop(record, [side for view in views for side in (view.below, view.above)])
    if tick is None:
        return ""
    return (
        f"the power falls below half of its lowest value of the 10 s before at {tick * record.tick_s:.6g} s, "
        "while the value is in this band: the record does not say whether load left or its work ended"
    )
