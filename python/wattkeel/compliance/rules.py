"""One function per kind of rule: from a record and the keys of a row to all readings of the rule.

Which readings a rule admits where its text leaves them open, and the conventions of windows, ramps and
comparisons, are fixed here once: a closed window of w fs + 1 samples; "per minute" is a difference over 60 s,
not a derivative; peak-to-peak is max - min; "±" is half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import measures
from wattkeel.compliance.profile import BAND_STATS, OPTIONS, SUBSYNCHRONOUS
from wattkeel.compliance.readings import (
    PLAIN,
    TAPERED,
    filter_settling,
    filtered,
    largest_line,
    lasting_line,
    settling_text,
    tapered_line,
    worst_moment,
)
from wattkeel.compliance.record import MW, CannotJudgeError, Measured, Reading, Record

__all__ = ["RULES", "dynamic_range", "rule_name"]

Keys = Mapping[str, Any]

PER_MINUTE = 60.0
FILTER_OPEN = "the rule does not specify the filter"

#: Lower edge where a rule says only "sub-synchronous", Hz; that of the other large-load rules (ERCOT, LIPA).
SUBSYNCHRONOUS_LOW_HZ = 0.1


# --------------------------------------------------------------------------------------------- ramp


def ramp(record: Record, keys: Keys) -> Measured:
    """``[[ramp]]``: change of power over or within a window, up, down or both."""
    stat = keys["stat"]
    if stat == "max_change_in_window":
        return _largest_change(record, keys)
    if stat == "rate":
        return _rate(record, keys)
    limit, notes = _ramp_limit(record, keys)
    if stat == "percentile75_of_1min_average":
        return _percentile(record, keys, limit, notes)
    window_s = float(keys["window_s"])
    record.need_window(window_s)
    method = f"|P(t) - P(t - {window_s:g} s)| / {window_s:g} s at every tick"
    reading, sense = _difference(record, keys, window_s, limit, MW * PER_MINUTE)
    return Measured([reading], limit, "MW/min", method, notes + sense)


def _ramp_limit(record: Record, keys: Keys) -> tuple[float, list[str]]:
    """Limit, MW/min, the lesser of an absolute one and one in percent of the peak, and remarks."""
    limits = [float(keys["limit_mw_per_min"])] if "limit_mw_per_min" in keys else []
    notes: list[str] = []
    if "limit_pct_peak_per_min" in keys:
        percent = float(keys["limit_pct_peak_per_min"])
        peak_mw, notes = record.peak_mw()
        limits.append(0.01 * percent * peak_mw)
        notes = [f"{percent:g} % of a peak of {peak_mw:.6g} MW per minute", *notes]
    return min(limits), notes


def _difference(
    record: Record, keys: Keys, window_s: float, limit: float, scale: float
) -> tuple[Reading, list[str]]:
    """Largest average ramp over a rolling window, and its direction; `scale` from W/s to the rule's unit."""
    power = record.judged()
    series = measures.rolling_average_ramp(power, record.tick_s, window_s)
    ticks = power.size - series.size
    if keys["direction"] == "down":
        np.negative(series, out=series)
    if keys["direction"] == "both":
        np.abs(series, out=series)
    else:
        np.maximum(series, 0.0, out=series)
    reading = worst_moment(record, "", series, record.first() + ticks, window_s, limit=limit, scale=scale)
    return reading, _sense(record, keys, reading, between_ends=True)


def _sense(record: Record, keys: Keys, reading: Reading, *, between_ends: bool) -> list[str]:
    """Say whether the worst change is a rise or a fall, where the rule limits both.

    A difference runs from one end of the window to the other; a range from its earlier extreme to the later.
    """
    if keys["direction"] != "both" or reading.value == 0.0 or reading.time_s is None or not reading.window_s:
        return []
    end, ticks = round(reading.time_s / record.tick_s), measures.window_ticks(reading.window_s, record.tick_s)
    window = record.power_w[max(end - ticks, record.first()) : end + 1]
    rise = window[-1] > window[0] if between_ends else np.argmax(window) > np.argmin(window)
    return ["the largest change is a " + ("rise" if rise else "fall")]


def _largest_change(record: Record, keys: Keys) -> Measured:
    window_s, limit = float(keys["window_s"]), float(keys["limit_mw"])
    record.need_window(window_s)
    series = measures.rolling_change(record.judged(), record.tick_s, window_s, keys["direction"])
    reading = worst_moment(record, "", series, record.first(), window_s, limit=limit, scale=MW)
    method = (
        f"largest change between any two moments of a closed window of {window_s:g} s that ends at each tick"
    )
    sense = _sense(record, keys, reading, between_ends=False)
    return Measured([reading], limit, "MW", method, sense)


def _rate(record: Record, keys: Keys) -> Measured:
    """A rate without a window, for changes above a size: such a change must not fit into size / rate."""
    limit = float(keys["limit_mw_per_s"])
    if "window_s" in keys:
        window_s = float(keys["window_s"])
        record.need_window(window_s)
        reading, notes = _difference(record, keys, window_s, limit, MW)
        return Measured([reading], limit, "MW/s", f"|P(t) - P(t - {window_s:g} s)| / {window_s:g} s", notes)
    size_mw = float(keys["applies_when_change_mw_above"])
    window_s = size_mw / limit
    record.need_window(window_s)
    series = measures.rolling_change(record.judged(), record.tick_s, window_s, keys["direction"])
    reading = worst_moment(record, "", series, record.first(), window_s, limit=limit, scale=MW / window_s)
    method = (
        f"largest change within {window_s:g} s, over {window_s:g} s: the time that a change of "
        f"{size_mw:g} MW takes at {limit:g} MW/s"
    )
    sense = _sense(record, keys, reading, between_ends=False)
    return Measured([reading], limit, "MW/s", method, ["the rule names no window for the rate", *sense])


def _percentile(record: Record, keys: Keys, limit: float, notes: list[str]) -> Measured:
    window_s = float(keys["window_s"])
    record.need_window(window_s)
    if record.judged().size < 2 * measures.window_ticks(window_s, record.tick_s):
        raise CannotJudgeError(f"record of {record.length()} is shorter than two windows of {window_s:g} s")
    if keys["direction"] != "both":
        raise CannotJudgeError('a percentile of absolute ramps has no direction; write direction = "both"')
    readings = []
    for label, of_means in (("rolling difference", False), ("difference of consecutive means", True)):
        value = measures.percentile_average_ramp(
            record.judged(), record.tick_s, 75.0, window_s, of_means=of_means
        )
        readings.append(Reading(label, value * MW * PER_MINUTE))
    method = f"75th percentile of the absolute average ramps over {window_s:g} s"
    return Measured(
        readings, limit, "MW/min", method, [*notes, "the rule does not say how the averages follow"]
    )


# --------------------------------------------------------------------------------------------- power
# variation


def power_variation(record: Record, keys: Keys) -> Measured:
    """``[[power_variation]]``: max - min in a rolling window, of the power or of its band-passed part."""
    given = keys["window_s"]
    windows_s = [float(w) for w in given] if isinstance(given, list) else [float(given)]
    limit = float(keys["limit_mw"])
    chosen = keys.get("filter", "none")
    if chosen == "none":
        return _unfiltered_variation(record, windows_s, limit)
    band_hz = (float(keys["band_hz"][0]), float(keys["band_hz"][1]))
    record.need_band(*band_hz)
    settle_s = filter_settling(record, band_hz, chosen)
    record.need_window(max(*windows_s, 1.0 / band_hz[0]), settle_s)
    first = record.first(settle_s)
    readings = []
    for label, power in filtered(record, band_hz, chosen, settle_s):
        for window_s in windows_s:
            series = measures.rolling_change(power, record.tick_s, window_s)
            name = f"{label}, {window_s:g} s" if len(windows_s) > 1 else label
            readings.append(worst_moment(record, name, series, first, window_s, limit=limit, scale=MW))
    method = (
        f"max - min in closed rolling windows of {_list(windows_s)} s of the power band-passed to "
        f"{band_hz[0]:g}-{band_hz[1]:g} Hz (Butterworth, "
        f"{'all readings' if chosen == 'unspecified' else chosen}); {settling_text(record, settle_s)}"
    )
    notes = [FILTER_OPEN] if chosen == "unspecified" else []
    return Measured(readings, limit, "MW", method, notes)


def _unfiltered_variation(record: Record, windows_s: list[float], limit: float) -> Measured:
    record.need_window(max(windows_s))
    record.need_window(min(windows_s))
    readings = []
    for window_s in windows_s:
        series = measures.rolling_change(record.judged(), record.tick_s, window_s)
        label = f"{window_s:g} s" if len(windows_s) > 1 else ""
        readings.append(worst_moment(record, label, series, record.first(), window_s, limit=limit, scale=MW))
    notes = ["the window is only known to lie between its two values"] if len(windows_s) > 1 else []
    method = f"max - min in closed rolling windows of {_list(windows_s)} s, unfiltered"
    return Measured(readings, limit, "MW", method, notes)


def _list(values: list[float]) -> str:
    return " and ".join(f"{value:g}" for value in values)


# --------------------------------------------------------------------------------------------- bands


def band_power(record: Record, keys: Keys) -> Measured:
    """``[[band_power]]``: content between two frequencies, by the statistic named or by every one offered.

    Spectra are read twice, with and without a window function: no rule names one, and without it a slow ramp
    leaks into every band. A band from 0 Hz holds the trend itself, so that it is read without only.
    """
    band_hz = (float(keys["f_lo_hz"]), float(keys["f_hi_hz"]))
    stat = keys["stat"]
    record.need_band(*band_hz)
    by_filter = stat in ("unspecified", "peak_to_peak")
    settle_s = filter_settling(record, band_hz, "unspecified") if by_filter else 0.0
    if band_hz[0] > 0.0:
        record.need_window(1.0 / band_hz[0], settle_s)
    part = f"{band_hz[0]:g}-{band_hz[1]:g} Hz"
    if stat == BAND_STATS[-1]:
        method = f"share of the AC energy in {part} (rfft, edges included), without and with window function"
        return Measured(_shares(record, band_hz), float(keys["limit_fraction"]), "1", method)
    readings = []
    if stat in ("unspecified", "line_amplitude"):
        readings += _lines(record, band_hz, settle_s)
    if stat in ("unspecified", "rms"):
        readings += _rms(record, band_hz, settle_s)
    if by_filter:
        readings += _filtered_peak_to_peak(record, band_hz, settle_s)
    method = {
        "unspecified": "largest line, RMS, and peak-to-peak behind a band-pass",
        "line_amplitude": "amplitude of the largest spectral line",
        "rms": "RMS of the spectrum's content",
        "peak_to_peak": "max - min behind a band-pass",
    }[stat] + f", {part}, whole judged record"
    if by_filter:
        method += f"; {settling_text(record, settle_s)}"
    notes = ["the rule does not specify the statistic"] if stat == "unspecified" else []
    return Measured(readings, float(keys["limit_mw"]), "MW", method, notes)


def _shares(record: Record, band_hz: tuple[float, float]) -> list[Reading]:
    whole = record.spectrum()
    readings = [Reading(PLAIN, measures.band_share(whole, *band_hz))]
    if band_hz[0] > 0.0:
        share = measures.tapered_band_share(record.judged(), record.tick_s, *band_hz, of=whole)
        readings.append(Reading(TAPERED, share))
    return readings


def _lines(record: Record, band_hz: tuple[float, float], settle_s: float) -> list[Reading]:
    readings = [largest_line(record, *band_hz, settle_s, f"largest line, {PLAIN}, ")]
    if band_hz[0] > 0.0:
        readings.append(tapered_line(record, *band_hz, settle_s, f"largest line, {TAPERED}, "))
    return readings


def _rms(record: Record, band_hz: tuple[float, float], settle_s: float) -> list[Reading]:
    readings = [Reading(f"RMS, {PLAIN}", measures.band_rms(record.spectrum(settle_s), *band_hz) * MW)]
    if band_hz[0] > 0.0:
        rms_w = measures.tapered_band_rms(record.judged(settle_s), record.tick_s, *band_hz)
        readings.append(Reading(f"RMS, {TAPERED}", rms_w * MW))
    return readings


def _filtered_peak_to_peak(record: Record, band_hz: tuple[float, float], settle_s: float) -> list[Reading]:
    readings = []
    for label, power in filtered(record, band_hz, "unspecified", settle_s):
        readings.append(_range(record, f"peak-to-peak, {label}", power, record.first(settle_s)))
    return readings


def _range(record: Record, label: str, power: NDArray[np.float64], first: int) -> Reading:
    """Largest less smallest power of a stretch that begins at sample `first`, MW."""
    high, low = int(np.argmax(power)), int(np.argmin(power))
    time_s, window_s = (first + max(high, low)) * record.tick_s, abs(high - low) * record.tick_s
    return Reading(label, float(power[high] - power[low]) * MW, time_s, window_s=window_s)


def oscillation(record: Record, keys: Keys) -> Measured:
    """``[[oscillation]]``: amplitude of a periodic component.

    Readings: the largest line of the record; the largest line that lasts (a single step has lines too, but
    not in every stretch of the record); half of the peak-to-peak in one period of the lowest frequency, by
    every filter.
    """
    if keys.get("band") == SUBSYNCHRONOUS:
        band_hz = (SUBSYNCHRONOUS_LOW_HZ, record.nominal_frequency_hz)
    else:
        band_hz = (float(keys["band_hz"][0]), float(keys["band_hz"][1]))
    limit, notes = _oscillation_limit(record, keys)
    window_s = 1.0 / band_hz[0]
    record.need_band(*band_hz)
    settle_s = filter_settling(record, band_hz, "unspecified")
    record.need_window(window_s, settle_s)
    readings = [largest_line(record, *band_hz, settle_s, "largest line of the record, ")]
    lasting = lasting_line(record, *band_hz, settle_s)
    if lasting is None:
        notes.append("the record is too short to tell a periodic component from a single change")
    else:
        readings.append(lasting)
    first = record.first(settle_s)
    for label, power in filtered(record, band_hz, "unspecified", settle_s):
        series = measures.rolling_change(power, record.tick_s, window_s)
        name = f"half of the peak-to-peak in {window_s:g} s, {label}"
        readings.append(worst_moment(record, name, series, first, window_s, limit=limit, scale=0.5 * MW))
    if keys.get("band") == SUBSYNCHRONOUS:
        notes.append(f"sub-synchronous read as {band_hz[0]:g}-{band_hz[1]:g} Hz")
    method = (
        f"amplitude in {band_hz[0]:g}-{band_hz[1]:g} Hz, by spectral lines and by half of the peak-to-peak; "
        f"{settling_text(record, settle_s)}"
    )
    return Measured(readings, limit, "MW", method, notes)


def _oscillation_limit(record: Record, keys: Keys) -> tuple[float, list[str]]:
    limits = [float(keys["limit_mw"])] if "limit_mw" in keys else []
    notes: list[str] = []
    if "limit_pct_nominal" in keys:
        percent = float(keys["limit_pct_nominal"])
        nominal_mw, notes = record.nominal_mw()
        limits.append(0.01 * percent * nominal_mw)
        notes = [f"{percent:g} % of {nominal_mw:.6g} MW", *notes]
    return min(limits), notes


# --------------------------------------------------------------------------------------------- dynamic range


def dynamic_range(record: Record, keys: Keys) -> Measured:
    """Largest minus smallest power of the record: ``limit_mw``, or ``limit_fraction`` of the largest
    power.
    """
    power = record.judged()
    found = _range(record, "", power, record.first())
    if "limit_mw" in keys:
        method = "largest - smallest power of the record"
        return Measured([found], float(keys["limit_mw"]), "MW", method)
    largest_mw = float(power.max()) * MW
    if largest_mw <= 0.0:
        raise CannotJudgeError("the record shows no import, so its range is no share of the largest power")
    share = replace(found, value=found.value / largest_mw)
    method = "largest - smallest power of the record, as a share of the largest"
    return Measured([share], float(keys["limit_fraction"]), "1", method)


#: The function of every rule block of a profile.
RULES: dict[str, Callable[[Record, Keys], Measured]] = {
    "ramp": ramp,
    "power_variation": power_variation,
    "band_power": band_power,
    "oscillation": oscillation,
}


def rule_name(block: str, keys: Keys) -> str:
    """Name of a row, made of what tells it from the other rows of its block."""
    parts = [block, keys.get("name"), keys.get("variant"), keys.get("direction"), keys.get("stat")]
    window = keys.get("window_s")
    if window is not None:
        ends = window if isinstance(window, list) else [window]
        parts.append("-".join(f"{float(w):g}" for w in ends) + " s")
    if "f_lo_hz" in keys and "f_hi_hz" in keys:
        parts.append(f"{float(keys['f_lo_hz']):g}-{float(keys['f_hi_hz']):g} Hz")
    if "band_hz" in keys:
        parts.append(f"{float(keys['band_hz'][0]):g}-{float(keys['band_hz'][1]):g} Hz")
    parts += [keys.get("band"), keys.get("scope")]
    parts += ["/".join(value) if isinstance(value := keys.get(key), list) else value for key in OPTIONS]
    if "n" in keys:
        parts.insert(1, keys["n"])
    return " ".join(str(part) for part in parts if part)
