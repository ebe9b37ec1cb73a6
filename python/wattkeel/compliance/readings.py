"""Ways to read a rule of power: rolling changes behind filters, spectral lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures
from wattkeel.compliance.profile import FILTERS
from wattkeel.compliance.record import MW, Reading, Record, within

Array = NDArray[np.float64]

#: Shortest time given to a band-pass filter before its output is judged, s (three periods of 0.1 Hz).
FILTER_SETTLE_S = 30.0


def worst_moment(
    record: Record, label: str, series: Array, first: int, window_s: float, *, limit: float, scale: float
) -> Reading:
    """Largest value of a reading that exists at every sample, and the exceedance around it.

    Parameters
    ----------
    record : Record
    label : str
        Name of the reading.
    series : ndarray, shape (m,)
        Reading in its own unit, e.g. W.
    first : int
        Sample of the record to which ``series[0]`` belongs.
    window_s : float
        Time that one value of the reading looks back, s.
    limit : float
        Limit in the rule's unit.
    scale : float
        From the unit of `series` to that of the rule.
    """
    worst = int(np.argmax(series))
    value = float(series[worst]) * scale
    duration_s = total_s = 0.0
    if not within(value, limit):
        over = series > limit / scale * (1.0 + measures.TOLERANCE)
        # argmin of a boolean view stops at the first False: the edges of the stretch around the worst sample
        before, after = over[worst::-1], over[worst:]
        left = before.size if before.all() else int(np.argmin(before))
        right = after.size if after.all() else int(np.argmin(after))
        duration_s = max(1, left + right - 1) * record.tick_s
        total_s = max(1, int(np.count_nonzero(over))) * record.tick_s
    return Reading(label, value, (first + worst) * record.tick_s, duration_s, total_s, window_s)


def _filters(name: str) -> Mapping[str, tuple[int, bool]]:
    return FILTERS if name == "unspecified" else {name: FILTERS[name]}


def filter_settling(record: Record, band_hz: tuple[float, float], name: str) -> float:
    """Time that the filters of a rule are given before their output is judged, s.

    `FILTER_SETTLE_S`, or longer until the slowest filter has forgotten its start to a thousandth: 288 s from
    0.01 Hz on, 600 s for 0.1-0.11 Hz.

    Parameters
    ----------
    record, band_hz, name
        As `filtered`.
    """
    orders = {order for order, _ in _filters(name).values()}
    times_s = [measures.settling_time(order, *band_hz, record.tick_s) for order in orders]
    return max(FILTER_SETTLE_S, *times_s)


def filtered(
    record: Record, band_hz: tuple[float, float], name: str, settle_s: float
) -> Iterator[tuple[str, Array]]:
    """Label and band-passed, settled power for every filter that a rule admits.

    All filters see only the judged part of the record; causal ones start from the power of its first sample.

    Parameters
    ----------
    record : Record
    band_hz : (float, float)
        Edges, Hz.
    name : str
        One of `FILTERS`, or "unspecified" for all of them.
    settle_s : float
        From `filter_settling`; the first value belongs to ``record.first(settle_s)``.
    """
    skipped = record.first(settle_s) - record.first()
    for label, (order, zero_phase) in _filters(name).items():
        power = measures.band_pass(
            record.judged(), record.tick_s, *band_hz, order=order, zero_phase=zero_phase
        )
        yield label, power[skipped:]


def settling_text(record: Record, settle_s: float) -> str:
    """Clause of a method: where its filters start, and from when on the rule is judged."""
    first_s, judged_s = record.first() * record.tick_s, record.first(settle_s) * record.tick_s
    return (
        f"filters start at {first_s:g} s at the power of that moment and settle for {settle_s:.4g} s: "
        f"judged from {judged_s:.6g} s on"
    )


#: How the two spectra of a record differ, as labels of their readings.
PLAIN, TAPERED = "no window function", "Hann window, trend removed"


def largest_line(record: Record, f_low_hz: float, f_high_hz: float, settle_s: float, label: str) -> Reading:
    """Amplitude of the largest line of the judged record, no window function, MW."""
    line = measures.peak_line(
        record.judged(settle_s), record.tick_s, f_low_hz, f_high_hz, of=record.spectrum(settle_s)
    )
    return Reading(f"{label}{line.frequency_hz:.4g} Hz", line.amplitude_w * MW)


def tapered_line(record: Record, f_low_hz: float, f_high_hz: float, settle_s: float, label: str) -> Reading:
    """Amplitude of the largest line of the judged record behind a Hann window, trend removed, MW."""
    power = measures.tapered(record.judged(settle_s))
    line = measures.peak_line(power, record.tick_s, f_low_hz, f_high_hz)
    return Reading(f"{label}{line.frequency_hz:.4g} Hz", line.amplitude_w * MW)


def lasting_line(record: Record, f_low_hz: float, f_high_hz: float, settle_s: float) -> Reading | None:
    """Largest line that is there in three consecutive stretches, MW: periodic, not a single change.

    A stretch is three periods of the lower edge (longer in records of more than 200 of them), its linear
    trend removed. None if the record is shorter than three stretches.
    """
    power = record.judged(settle_s)
    count = min(math.floor(power.size * record.tick_s * f_low_hz / 3.0 * (1.0 + measures.TOLERANCE)), 200)
    if count < 3:
        return None
    ticks = power.size // count
    centred = np.arange(ticks) - 0.5 * (ticks - 1)
    lines = []
    for index in range(count):
        part = power[index * ticks : (index + 1) * ticks]
        slope = float(centred @ (part - part.mean())) / float(centred @ centred)
        lines.append(
            measures.peak_line(part - slope * centred, record.tick_s, f_low_hz, f_high_hz).amplitude_w
        )
    lasting = [min(lines[index : index + 3]) for index in range(count - 2)]
    best = int(np.argmax(lasting))
    span_s = ticks * record.tick_s
    end_s = record.first(settle_s) * record.tick_s + (best + 3) * span_s
    return Reading(f"line that lasts {3.0 * span_s:g} s", lasting[best] * MW, end_s, window_s=3.0 * span_s)
