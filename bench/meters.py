"""Streaming meters: time of one tick, each alone and as the bank that four rule books need.

Every meter is checked against the plain reading of the whole record before its time counts; scipy's recursion
and rolling extremes, where scipy is installed, do the same work beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import SPIN, Findings, Measure, require, round_robin

TICK_S = 1e-3
SAMPLES = 620_000
CHUNK = 8192
BAND_HZ = (0.1, 55.0)
WINDOW_S = 5.0
PROFILES = ("ercot_power_variation_2026", "ieso_trlcl_v3", "caiso_large_load_straw_2026", "lipa_pseg")
CLOSE = 1e-9  # of the largest change, against the plain reading


def power(samples: int) -> np.ndarray:
    """Training iterations, noise and a slow swing, W."""
    time_s = np.arange(samples) * TICK_S
    rng = np.random.default_rng(1)
    wave = 5e6 * np.sign(np.sin(2.0 * np.pi * 0.55 * time_s)) + 4e6 * np.sin(2.0 * np.pi * 0.01 * time_s)
    return 1e8 + wave + 2e5 * rng.normal(size=samples)


def fed(meter: Any, record: np.ndarray) -> Any:
    """Feed a record as a run does, chunk by chunk."""
    for start in range(0, len(record), CHUNK):
        meter.feed(record[start : start + CHUNK])
    return meter


def _plain(order: int, zero_phase: bool, record: np.ndarray) -> float:
    from wattkeel import measures

    filtered = record
    if order:
        filtered = measures.band_pass(record, TICK_S, *BAND_HZ, order=order, zero_phase=zero_phase)
    return float(measures.rolling_change(filtered, TICK_S, WINDOW_S).max())


def _scipy(record: np.ndarray) -> Callable[[], float] | None:
    """Order 4, causal, range in 5 s, by scipy; None where there is none."""
    try:
        from scipy import ndimage, signal
    except ImportError:
        return None
    sections = signal.butter(4, BAND_HZ, "bandpass", fs=1.0 / TICK_S, output="sos")
    size = round(WINDOW_S / TICK_S) + 1

    def call() -> float:
        filtered = signal.sosfilt(sections, record - record[0])
        high = ndimage.maximum_filter1d(filtered, size, mode="nearest")
        return float((high - ndimage.minimum_filter1d(filtered, size, mode="nearest")).max())

    return call


def _single(record: np.ndarray) -> tuple[dict[str, Callable[[], Any]], list[str]]:
    """One call per meter, each checked."""
    from wattkeel import measures, meters

    calls: dict[str, Callable[[], Any]] = {}
    scale = CLOSE * float(np.ptp(record))
    for order, zero_phase in ((0, False), (1, False), (2, False), (4, False), (2, True), (4, True)):
        settings: dict[str, Any] = {"order": order, "zero_phase": zero_phase, "band_hz": BAND_HZ}

        def call(settings: dict[str, Any] = settings if order else {}) -> Any:
            return fed(meters.RollingRange(WINDOW_S, TICK_S, limit_w=1e7, **settings), record).result()

        kind = "zero-phase" if zero_phase else "causal"
        name = f"range in 5 s, {kind} n={order}" if order else "range in 5 s"
        expected = _plain(order, zero_phase, record)
        require(abs(call().value_w - expected) <= scale, f"{name}: {call().value_w}, plain {expected}")
        calls[name] = call

    def difference() -> Any:
        return fed(meters.RollingDifference(60.0, TICK_S), record).result()

    expected = float(np.abs(measures.rolling_difference(record, TICK_S, 60.0)).max())
    require(difference().value_w == expected, "difference over 60 s")
    calls["difference over 60 s"] = difference

    def mean() -> Any:
        return fed(meters.RollingMean(60.0, TICK_S), record).result()

    expected = float(_means(record, round(60.0 / TICK_S)).max())
    require(abs(mean().highest_w - expected) <= scale, "mean over 60 s")
    calls["mean over 60 s"] = mean
    tones_hz = [0.55, 1.1, 14.7, 23.0]

    def tones() -> Any:
        return fed(meters.Tones(tones_hz, 100.0, TICK_S), record).result()

    windows = [record[i : i + 100_000] for i in range(0, len(record) - 99_999, 100_000)]
    plain = np.max([measures.line_amplitude(window, TICK_S, tones_hz) for window in windows], axis=0)
    found = [tone.amplitude_w for tone in tones()]
    require(float(np.abs(np.array(found) - plain).max()) <= scale, "four tones in 100 s")
    calls["four tones in 100 s"] = tones
    voltage = np.where(record > 1e8, 1.0, 0.85)

    def timers() -> Any:
        meter = meters.Excursions([meters.Timer(0.8, 0.9), meters.Timer(0.5, 0.8)], (0.9, math.inf), TICK_S)
        return fed(meter, voltage)

    edges = np.flatnonzero(np.diff(np.concatenate([[False], voltage < 0.9, [False]]).astype(int)))
    longest_s = float(np.diff(edges)[::2].max()) * TICK_S
    require(timers().longest_s() == [longest_s, 0.0], "two timers of a voltage")
    calls["two timers of a voltage"] = timers
    return calls, ["meters: each is the plain reading of the whole record to 1e-9 of its swing"]


def _means(record: np.ndarray, ticks: int) -> np.ndarray:
    """Rolling means by sums that are exact enough: of the deviation from the mean."""
    level = float(record.mean())
    total = np.concatenate([[0.0], np.cumsum(record - level)])
    return level + (total[ticks:] - total[:-ticks]) / ticks


def _banks(record: np.ndarray) -> tuple[dict[str, Callable[[], Any]], list[str]]:
    """The bank of four rule books: what runs along, and with the spectra that are read at the end."""
    from wattkeel import meters
    from wattkeel.compliance import evaluate_series, load_profile
    from wattkeel.compliance.metering import meter_plan
    from wattkeel.compliance.rules import RULES

    profiles = [load_profile(name) for name in PROFILES]
    plan = meter_plan(profiles, [], len(record), TICK_S, rated_power_w=1.2e8)
    along = [one for one in plan if one.kind not in ("content", "percentile")]

    def call(wanted: list[Any]) -> dict[str, Any]:
        return fed(meters.MeterBank(wanted, TICK_S), record).close()

    found = call(plan)
    for one in along:
        if one.kind != "change" or one.band is None:
            continue
        behind = _behind(record, one)
        scale = CLOSE * float(np.ptp(record))
        require(abs(found[one.key()]["value"] - behind) <= scale, f"bank: {one}")
    judged = [f for f in evaluate_series(record, TICK_S, profiles, rated_power_w=1.2e8) if f.block in RULES]
    require(any(f.verdict == "fail" for f in judged), "bank: a swing of 10 MW breaks a rule")
    names = ", ".join(PROFILES)
    text = (
        f"meters: bank of {len(plan)} ({len(along)} without spectra) for {names}: filters as the plain ones"
    )
    return {
        "four rule books, without spectra": lambda: call(along),
        "four rule books, with spectra": lambda: call(plan),
    }, [text]


def _behind(record: np.ndarray, one: Any) -> float:
    from wattkeel import measures

    band = one.band
    filtered = measures.band_pass(
        record, TICK_S, band.low_hz, band.high_hz, order=band.order, zero_phase=band.zero_phase
    )
    return float(measures.rolling_change(filtered[one.skip :], TICK_S, one.ticks * TICK_S).max())


def measure(isas: list[str], quick: bool) -> Findings:
    """Nanoseconds of a tick; ``isas`` changes nothing, meters run on the best one."""
    found, record = Findings(), power(SAMPLES)
    calls, checks = _single(record)
    banks, more = _banks(record)
    plain = {"numpy, range in 5 s, causal n=4": lambda: _plain(4, False, record)}
    scipy = _scipy(record)
    if scipy is not None:
        expected = _plain(4, False, record)
        require(abs(scipy() - expected) <= 1e-6 * expected, "scipy reads another range")
        plain["scipy, range in 5 s, causal n=4"] = scipy
    best = round_robin({**calls, **banks, **plain}, budget_s=3.0 if quick else 15.0)
    for name in (*calls, *banks, *plain):
        ns = best[name] / SAMPLES * 1e9
        found.measures[f"meter/{name}/native"] = Measure(ns, "ns/tick", spin_s=best[SPIN])
    own = best["range in 5 s, causal n=4"]
    for name in plain:
        ratio = Measure(best[name] / own, "x", "higher")
        found.measures[f"meter/{name.partition(',')[0]} over meter/ratio"] = ratio
    found.checks += checks + more
    return found
