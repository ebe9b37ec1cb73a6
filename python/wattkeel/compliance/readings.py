"""Ways to read a rule of power: rolling changes behind filters, spectral lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattkeel import measures, meters
from wattkeel.compliance.profile import FILTERS
from wattkeel.compliance.record import MW, CannotJudgeError, Reading, Record, within

#: Shortest time given to a band-pass filter before its output is judged, s (three periods of 0.1 Hz).
FILTER_SETTLE_S = 30.0

#: Share of a window below which the spacing of samples does not matter.
FINE = 1e-3

Found = Mapping[str, Any]


def worst_moment(
    record: Record,
    label: str,
    found: Found,
    window_s: float,
    *,
    limit: float,
    scale: float,
    known: bool = True,
) -> Reading:
    """Largest value of a reading that exists at every sample, and the exceedance around it.

    Parameters
    ----------
    record : Record
    label : str
        Name of the reading.
    found : Mapping
        What a meter of changes or differences gave.
    window_s : float
        Time that one value of the reading looks back, s.
    limit : float
        Limit in the rule's unit.
    scale : float
        From W to the rule's unit.
    known : bool
        Whether the meter knew the limit; otherwise lengths above it are not told.
    """
    value = float(found["value"]) * scale
    duration_s: float | None = 0.0
    total_s: float | None = 0.0
    if not within(value, limit):
        duration_s = max(1, found["stretch"]) * record.tick_s if known else None
        total_s = max(1, found["total"]) * record.tick_s if known else None
    return Reading(
        label, value, (record.first() + found["at"]) * record.tick_s, duration_s, total_s, window_s
    )


def windows(
    record: Record, window_s: float, settle_s: float = 0.0
) -> tuple[list[tuple[str, int]], list[str]]:
    """Windows in ticks that stand for one in seconds, by the label of their reading, and a remark.

    Samples seldom show a window that is no whole number of their spacing: what changes by just the limit in
    15 s changes by less in the 14 s that samples every 2 s show, and by more in 16 s. Both are read.

    Parameters
    ----------
    record : Record
    window_s : float
        Length of the closed window, s.
    settle_s : float
        Time that filters settle, s.
    """
    ticks = measures.window_ticks(window_s, record.tick_s)
    shorter_s = ticks * record.tick_s
    if shorter_s >= window_s * (1.0 - measures.TOLERANCE) or record.tick_s <= FINE * window_s:
        return [("", ticks)], []
    found = [(f"samples {shorter_s:.6g} s apart", ticks)]
    text = f"{shorter_s:.6g} s"
    if record.samples - record.first(settle_s) > ticks + 1:
        longer_s = shorter_s + record.tick_s
        found.append((f"samples {longer_s:.6g} s apart", ticks + 1))
        text += f" and over {longer_s:.6g} s"
    return found, [f"sampling {record.tick_s:g} s has no window of {window_s:g} s: read over {text}"]


def span_of(record: Record, label: str, found: Found) -> Reading:
    """Largest less smallest power, MW, of what a meter of extremes gave."""
    high, low = found["high_at"], found["low_at"]
    time_s, window_s = (record.first() + max(high, low)) * record.tick_s, abs(high - low) * record.tick_s
    return Reading(label, float(found["high"] - found["low"]) * MW, time_s, window_s=window_s)


def _filters(name: str) -> Mapping[str, tuple[int, bool]]:
    return FILTERS if name == "unspecified" else {name: FILTERS[name]}


def filter_settling(record: Record, band_hz: tuple[float, float], name: str) -> float:
    """Time that the filters of a rule are given before their output is judged, s.

    `FILTER_SETTLE_S`, or longer until the slowest filter has forgotten its start to a thousandth: 288 s from
    0.01 Hz on, 600 s for 0.1-0.11 Hz.

    Parameters
    ----------
    record : Record
    band_hz, name
        As `filtered`.
    """
    orders = {order for order, _ in _filters(name).values()}
    times_s = [measures.settling_time(order, *band_hz, record.tick_s) for order in orders]
    return max(FILTER_SETTLE_S, *times_s)


def filtered(band_hz: tuple[float, float], name: str) -> dict[str, meters.Band]:
    """Band-passes that a rule admits, by their label.

    All of them see only the judged part of the record; causal ones start from the power of its first sample.

    Parameters
    ----------
    band_hz : (float, float)
        Edges, Hz.
    name : str
        One of `FILTERS`, or "unspecified" for all of them.
    """
    return {
        label: meters.Band(*band_hz, order, zero_phase)
        for label, (order, zero_phase) in _filters(name).items()
    }


def skipped(record: Record, settle_s: float) -> int:
    """Judged samples in which filters still settle."""
    return record.first(settle_s) - record.first()


def settling_text(record: Record, settle_s: float) -> str:
    """Clause of a method: where its filters start, and from when on the rule is judged."""
    first_s, judged_s = record.first() * record.tick_s, record.first(settle_s) * record.tick_s
    return (
        f"filters start at {first_s:g} s at the power of that moment and settle for {settle_s:.4g} s: "
        f"judged from {judged_s:.6g} s on"
    )


#: How the two spectra of a record differ, as labels of their readings.
PLAIN, TAPERED = "no window function", "Hann window, trend removed"


def content(
    record: Record, band_hz: tuple[float, float], settle_s: float, readings: tuple[str, ...]
) -> tuple[Found, list[str]]:
    """Content of a band, and a remark where the record was too long to be read as a whole.

    Parameters
    ----------
    record : Record
    band_hz : (float, float)
        Edges, Hz.
    settle_s : float
        Time that filters of the same rule settle, s: not judged here either.
    readings : tuple of str
        As `wattkeel.meters.WantedContent`.

    Raises
    ------
    CannotJudgeError
        If a period of the lower edge is longer than a segment, or no segment is judged.
    """
    record.need_some(settle_s)
    longest_s = meters.KEPT * record.tick_s
    if record.samples - record.first() > meters.KEPT and 0.0 < band_hz[0] * longest_s < 1.0:
        raise CannotJudgeError(
            f"a record of more than {meters.KEPT} samples is read in segments of {longest_s:.6g} s, "
            f"which cannot show {band_hz[0]:g} Hz"
        )
    (found,) = record.read(meters.WantedContent(*band_hz, skipped(record, settle_s), readings))
    if not found["segment"]:
        return found, []
    segment_s = found["segment"] * record.tick_s
    if not found["segments"]:
        raise CannotJudgeError(
            f"a record of more than {meters.KEPT} samples is read in segments of {segment_s:.6g} s; less "
            f"than one is left behind the {record.settle_s + settle_s:.6g} s that are not judged"
        )
    remark = (
        f"a record of more than {meters.KEPT} samples: spectra of {found['segments']} segments of "
        f"{segment_s:.6g} s that overlap by half; RMS and share are their mean, a line is the largest of any"
    )
    return found, [remark]


def line_of(found: Found, name: str, label: str) -> Reading:
    """Amplitude of the largest line, MW."""
    line = found[name]
    return Reading(f"{label}{line['frequency_hz']:.4g} Hz", line["value"] * MW)


def lasting_line(record: Record, found: Found) -> Reading | None:
    """Largest line that is there in three consecutive stretches, MW: periodic, not a single change.

    None if the record is shorter than three stretches (`wattkeel.meters.lasting_line`).
    """
    line = found["lasting"]
    if line is None:
        return None
    end_s, span_s = (record.first() + line["end"]) * record.tick_s, line["span"] * record.tick_s
    return Reading(f"line that lasts {span_s:g} s", line["value"] * MW, end_s, window_s=span_s)
