"""One function per kind of rule: from a record and the keys of a row to all readings of the rule.

Which readings a rule admits where its text leaves them open, and the conventions of windows, ramps and
comparisons, are fixed here once: a closed window of w fs + 1 samples; "per minute" is a difference over 60 s,
not a derivative; peak-to-peak is max - min; "±" is half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from wattkeel import measures, meters
from wattkeel.compliance.profile import BAND_STATS, OPTIONS, SUBSYNCHRONOUS
from wattkeel.compliance.readings import (
    PLAIN,
    TAPERED,
    content,
    filter_settling,
    filtered,
    lasting_line,
    line_of,
    settling_text,
    skipped,
    span_of,
    windows,
    worst_moment,
)
from wattkeel.compliance.record import MW, CannotJudgeError, Measured, Reading, Record, lesser_limit

__all__ = ["RULES", "dynamic_range", "rule_name"]

Keys = Mapping[str, Any]

PER_MINUTE = 60.0
FILTER_OPEN = "the rule does not specify the filter"

#: Share of a window above which the spacing of samples hides what happens within it.
FEW = 0.1

#: Key of a row: whether its limit follows from the largest power of the record.
OF_RECORD = "limit_of_record"

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
    readings, sense = _difference(record, keys, window_s, limit, MW * PER_MINUTE)
    return Measured(readings, limit, "MW/min", method, notes + sense, details=_cautions(sense))


def _ramp_limit(record: Record, keys: Keys) -> tuple[float, list[str]]:
    """Limit, MW/min, the lesser of an absolute one and one in percent of the peak, and remarks."""
    words = "{percent:g} % of a peak of {size_mw:.6g} MW per minute"
    return lesser_limit(keys, "limit_mw_per_min", "limit_pct_peak_per_min", record.peak_mw, words)


def _difference(
    record: Record, keys: Keys, window_s: float, limit: float, scale: float
) -> tuple[list[Reading], list[str]]:
    """Largest average ramp over a rolling window, and its direction; `scale` from W/s to the rule's unit."""
    lengths, notes = windows(record, window_s)
    readings: list[Reading] = []
    for label, ticks in lengths:
        length_s = ticks * record.tick_s
        per_s = scale / length_s
        limit_w = _metered_limit(record, keys, limit / per_s)
        (found,) = record.read(meters.WantedDifference(ticks, keys["direction"], limit_w))
        known = limit_w is not None
        readings.append(worst_moment(record, label, found, length_s, limit=limit, scale=per_s, known=known))
        notes += [note for note in _sense(keys, found) if note not in notes]
    return readings, [*notes, *_unmetered(*readings)]


def _metered_limit(record: Record, keys: Keys, limit_w: float) -> float | None:
    """Limit that lengths are metered by, W; None where it follows from a record that is still to come."""
    by_peak = "limit_pct_peak_per_min" in keys and not record.peak_known
    by_size = "limit_pct_nominal" in keys and not record.size_known
    return record.limit_of_size(limit_w, not (by_peak or by_size or keys.get(OF_RECORD)))


def _sense(keys: Keys, found: Mapping[str, Any]) -> list[str]:
    """Say whether the worst change is a rise or a fall, where the rule limits both.

    A difference runs from one end of the window to the other; a range from its earlier extreme to the later.
    """
    if keys["direction"] != "both" or found["value"] == 0.0:
        return []
    return ["the largest change is a " + ("rise" if found["rise"] else "fall")]


def _unmetered(*readings: Reading) -> list[str]:
    """Remark where the length of an exceedance is not known."""
    if all(reading.duration_s is not None for reading in readings):
        return []
    return [
        "the length of the exceedance was not metered: its limit follows from the largest power of the run; "
        "give grid.rated_power_w"
    ]


def _change(
    record: Record, keys: Keys, window_s: float, limit: float, scale: float
) -> tuple[list[Reading], list[str]]:
    """Largest change between any two moments of a window, and its direction; `scale` from W."""
    lengths, notes = windows(record, window_s)
    readings: list[Reading] = []
    for label, ticks in lengths:
        (found,) = record.read(meters.WantedChange(ticks, keys["direction"], limit / scale))
        length_s = ticks * record.tick_s
        readings.append(worst_moment(record, label, found, length_s, limit=limit, scale=scale))
        notes += [note for note in _sense(keys, found) if note not in notes]
    return readings, notes


def _between_samples(record: Record, window_s: float) -> list[str]:
    """Remark where few samples stand for the extremes of a window."""
    if record.tick_s <= FEW * window_s:
        return []
    return [f"what rises and falls within the {record.tick_s:g} s between samples is not seen"]


def _largest_change(record: Record, keys: Keys) -> Measured:
    window_s, limit = float(keys["window_s"]), float(keys["limit_mw"])
    record.need_window(window_s)
    readings, sense = _change(record, keys, window_s, limit, MW)
    method = (
        f"largest change between any two moments of a closed window of {window_s:g} s that ends at each tick"
    )
    unseen = _between_samples(record, window_s)
    return Measured(readings, limit, "MW", method, [*sense, *unseen], details=_cautions(sense, unseen))


def _rate(record: Record, keys: Keys) -> Measured:
    """A rate without a window, for changes above a size: such a change must not fit into size / rate."""
    limit = float(keys["limit_mw_per_s"])
    if "window_s" in keys:
        window_s = float(keys["window_s"])
        record.need_window(window_s)
        readings, notes = _difference(record, keys, window_s, limit, MW)
        return Measured(readings, limit, "MW/s", f"|P(t) - P(t - {window_s:g} s)| / {window_s:g} s", notes)
    size_mw = float(keys["applies_when_change_mw_above"])
    window_s = size_mw / limit
    record.need_window(window_s)
    readings, sense = _change(record, keys, window_s, limit, MW / window_s)
    method = (
        f"largest change within {window_s:g} s, over {window_s:g} s: the time that a change of "
        f"{size_mw:g} MW takes at {limit:g} MW/s"
    )
    return Measured(readings, limit, "MW/s", method, ["the rule names no window for the rate", *sense])


def _percentile(record: Record, keys: Keys, limit: float, notes: list[str]) -> Measured:
    window_s = float(keys["window_s"])
    record.need_window(window_s)
    ticks = measures.window_ticks(window_s, record.tick_s)
    if record.samples - record.first() < 2 * ticks:
        raise CannotJudgeError(f"record of {record.length()} is shorter than two windows of {window_s:g} s")
    if keys["direction"] != "both":
        raise CannotJudgeError('a percentile of absolute ramps has no direction; write direction = "both"')
    lengths, sampled = windows(record, window_s)
    notes = [*notes, "the rule does not say how the averages follow", *sampled]
    readings: list[Reading] = []
    for length, ticks in lengths:
        if record.samples - record.first() < 2 * ticks:
            continue
        (found,) = record.read(meters.WantedPercentile(ticks, 75.0))
        rolling = {"rolling difference": found["rolling"]}
        if found["rolling_low"] != found["rolling_high"]:
            rolling = {f"rolling difference, {end}": found[f"rolling_{end}"] for end in ("low", "high")}
            sorted_in = (
                f"a record of more than {meters.KEPT} samples: ramps are sorted into classes, and the "
                "percentile of rolling differences lies between the two edges given"
            )
            notes += [] if sorted_in in notes else [sorted_in]
        for name, value in {**rolling, "difference of consecutive means": found["means"]}.items():
            label = ", ".join(part for part in (name, length) if part)
            readings.append(Reading(label, value * MW * PER_MINUTE))
    method = f"75th percentile of the absolute average ramps over {window_s:g} s"
    return Measured(readings, limit, "MW/min", method, notes)


# --------------------------------------------------------------------------------------------- power
# variation


def power_variation(record: Record, keys: Keys) -> Measured:
    """``[[power_variation]]``: max - min in a rolling window, of the power or of its band-passed part."""
    given = keys["window_s"]
    windows_s = [float(w) for w in given] if isinstance(given, list) else [float(given)]
    limit = float(keys["limit_mw"])
    chosen = keys.get("filter", "none")
    if chosen == "none":
        return _unfiltered_variation(record, keys, windows_s, limit)
    band_hz = (float(keys["band_hz"][0]), float(keys["band_hz"][1]))
    record.need_band(*band_hz)
    settle_s = filter_settling(record, band_hz, chosen)
    record.need_window(max(*windows_s, 1.0 / band_hz[0]), settle_s)
    readings = _variations(record, keys, filtered(band_hz, chosen), windows_s, settle_s)
    method = (
        f"max - min in closed rolling windows of {_list(windows_s)} s of the power band-passed to "
        f"{band_hz[0]:g}-{band_hz[1]:g} Hz (Butterworth, "
        f"{'all readings' if chosen == 'unspecified' else chosen}); {settling_text(record, settle_s)}"
    )
    notes = [FILTER_OPEN] if chosen == "unspecified" else []
    notes += [note for window_s in windows_s for note in windows(record, window_s, settle_s)[1]]
    return Measured(readings, limit, "MW", method, [*notes, *_unmetered(*readings)])


def _variations(
    record: Record,
    keys: Keys,
    bands: Mapping[str, meters.Band | None],
    windows_s: list[float],
    settle_s: float,
) -> list[Reading]:
    """Largest change in every window behind every filter (None: none), by the label of each."""
    limit = float(keys["limit_mw"])
    limit_w = _metered_limit(record, keys, limit / MW)
    names, wanted = [], []
    for label, band in bands.items():
        for window_s in windows_s:
            for length, ticks in windows(record, window_s, settle_s)[0]:
                parts = [label, f"{window_s:g} s" if len(windows_s) > 1 else "", length]
                names.append((", ".join(part for part in parts if part), ticks * record.tick_s))
                wanted.append(meters.WantedChange(ticks, "both", limit_w, band, skipped(record, settle_s)))
    known = limit_w is not None
    return [
        worst_moment(record, name, found, window_s, limit=limit, scale=MW, known=known)
        for (name, window_s), found in zip(names, record.read(*wanted), strict=True)
    ]


def _unfiltered_variation(record: Record, keys: Keys, windows_s: list[float], limit: float) -> Measured:
    record.need_window(max(windows_s))
    record.need_window(min(windows_s))
    readings = _variations(record, keys, {"": None}, windows_s, 0.0)
    notes = ["the window is only known to lie between its two values"] if len(windows_s) > 1 else []
    sampled = [note for window_s in windows_s for note in windows(record, window_s)[1]]
    sampled += _between_samples(record, min(windows_s))
    method = f"max - min in closed rolling windows of {_list(windows_s)} s, unfiltered"
    notes += [*sampled, *_unmetered(*readings)]
    return Measured(readings, limit, "MW", method, notes, details=_cautions(sampled))


def _cautions(*notes: list[str]) -> dict[str, Any]:
    """Details that say what even a pass does not show: remarks on the sampling."""
    found = [note for some in notes for note in some if note.startswith(("sampling ", "what rises"))]
    return {"cautions": found} if found else {}


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
        shares, remarks = _spectral(record, band_hz, "share", 0.0)
        return Measured(shares, float(keys["limit_fraction"]), "1", method, remarks)
    readings, remarks = _spectral(record, band_hz, stat, settle_s) if stat != "peak_to_peak" else ([], [])
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
    return Measured(readings, float(keys["limit_mw"]), "MW", method, notes + remarks)


def _spectral(
    record: Record, band_hz: tuple[float, float], stat: str, settle_s: float
) -> tuple[list[Reading], list[str]]:
    """Readings of the spectrum by a statistic, and remarks on how it came about."""
    names = {"unspecified": ["line", "rms"], "line_amplitude": ["line"]}.get(stat, [stat])
    if band_hz[0] > 0.0:
        names = [each for name in names for each in (name, f"tapered_{name}")]
    found, remarks = content(record, band_hz, settle_s, tuple(names))
    readings = []
    for name in names:
        taper = TAPERED if name.startswith("tapered") else PLAIN
        if name.endswith("line"):
            readings.append(line_of(found, name, f"largest line, {taper}, "))
        elif name.endswith("rms"):
            readings.append(Reading(f"RMS, {taper}", found[name]["value"] * MW))
        else:
            readings.append(Reading(taper, found[name]["value"]))
    return readings, remarks


def _filtered_peak_to_peak(record: Record, band_hz: tuple[float, float], settle_s: float) -> list[Reading]:
    bands = filtered(band_hz, "unspecified")
    skip = skipped(record, settle_s)
    spans = record.read(*(meters.WantedSpan(band, skip) for band in bands.values()))
    return [span_of(record, f"peak-to-peak, {name}", found) for name, found in zip(bands, spans, strict=True)]


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
    limit, notes = lesser_limit(keys, "limit_mw", "limit_pct_nominal", record.nominal_mw)
    window_s = 1.0 / band_hz[0]
    record.need_band(*band_hz)
    settle_s = filter_settling(record, band_hz, "unspecified")
    record.need_window(window_s, settle_s)
    found, remarks = content(record, band_hz, settle_s, ("line", "lasting"))
    readings = [line_of(found, "line", "largest line of the record, ")]
    lasting = lasting_line(record, found)
    if lasting is None:
        notes.append("the record is too short to tell a periodic component from a single change")
    else:
        readings.append(lasting)
    halves = _half_changes(record, keys, band_hz, limit, skipped(record, settle_s))
    readings += halves
    notes += [*remarks, *_unmetered(*halves)]
    if keys.get("band") == SUBSYNCHRONOUS:
        notes.append(f"sub-synchronous read as {band_hz[0]:g}-{band_hz[1]:g} Hz")
    method = (
        f"amplitude in {band_hz[0]:g}-{band_hz[1]:g} Hz, by spectral lines and by half of the peak-to-peak; "
        f"{settling_text(record, settle_s)}"
    )
    return Measured(readings, limit, "MW", method, notes, details={"band_hz": list(band_hz)})


def _half_changes(
    record: Record, keys: Keys, band_hz: tuple[float, float], limit: float, skip: int
) -> list[Reading]:
    """Half of the peak-to-peak in one period of the lowest frequency, behind every filter."""
    window_s, scale = 1.0 / band_hz[0], 0.5 * MW
    ticks = measures.window_ticks(window_s, record.tick_s)
    limit_w = _metered_limit(record, keys, limit / scale)
    bands = filtered(band_hz, "unspecified")
    wanted = [meters.WantedChange(ticks, "both", limit_w, band, skip) for band in bands.values()]
    known = limit_w is not None
    return [
        worst_moment(
            record, f"half of the peak-to-peak in {window_s:g} s, {label}", found, window_s,
            limit=limit, scale=scale, known=known,
        )
        for label, found in zip(bands, record.read(*wanted), strict=True)
    ]  # fmt: skip


# --------------------------------------------------------------------------------------------- dynamic range


def dynamic_range(record: Record, keys: Keys) -> Measured:
    """Largest minus smallest power of the record: ``limit_mw``, or ``limit_fraction`` of the largest
    power.
    """
    record.need_some()
    (span,) = record.read(meters.WantedSpan())
    found = span_of(record, "", span)
    if "limit_mw" in keys:
        method = "largest - smallest power of the record"
        return Measured([found], float(keys["limit_mw"]), "MW", method)
    largest_mw = float(span["high"]) * MW
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
