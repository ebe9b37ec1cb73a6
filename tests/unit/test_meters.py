"""Meters against plain numpy and scipy on the same samples; published vectors through the streaming path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from wattkeel import measures, meters
from wattkeel.meters import content

TICK_S = 0.01


def noisy(size: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time_s = np.arange(size) * TICK_S
    wave = 2e6 * np.sin(2.0 * np.pi * 1.37 * time_s) + 1e6 * np.sin(2.0 * np.pi * 7.7 * time_s + 0.3)
    return 5e7 + wave + 3e5 * rng.normal(size=size) + 1e4 * time_s


def banked(one: meters.Wanted, power: np.ndarray, parts: int = 7) -> dict[str, Any]:
    bank = meters.MeterBank([one], TICK_S)
    for part in np.array_split(power, parts):
        bank.feed(part)
    return bank.close()[one.key()]


READINGS = ("line", "tapered_line", "rms", "tapered_rms", "share", "tapered_share", "lasting")


class TestContent:
    def test_a_record_of_usual_length_is_read_as_a_whole(self) -> None:
        power = noisy(9000)
        found = banked(meters.WantedContent(1.0, 20.0, 500, READINGS), power)
        judged = power[500:]
        whole = measures.spectrum(judged, TICK_S)
        line = measures.peak_line(judged, TICK_S, 1.0, 20.0)
        assert found["line"] == {"value": line.amplitude_w, "frequency_hz": line.frequency_hz}
        assert found["rms"]["value"] == measures.band_rms(whole, 1.0, 20.0)
        assert found["share"]["value"] == measures.band_share(whole, 1.0, 20.0)
        tapered = measures.tapered_band_rms(judged, TICK_S, 1.0, 20.0)
        assert found["tapered_rms"]["value"] == tapered
        assert found["segments"] == 0

    @pytest.mark.parametrize("size", [3000, 3072, 3600, 10_000])
    def test_a_longer_one_is_averaged_over_segments(self, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
        signal = pytest.importorskip("scipy.signal")
        monkeypatch.setattr(content, "KEPT", 2048)
        monkeypatch.setattr(content, "SEGMENT", 1024)
        power, skip = noisy(size), 100
        found = banked(meters.WantedContent(1.0, 20.0, skip, READINGS), power)
        judged = power[skip:]
        starts = list(range(0, judged.size - 1023, 512))
        if starts[-1] + 1024 < judged.size:
            starts.append(judged.size - 1024)
        parts = [judged[start : start + 1024] for start in starts]
        assert (found["segment"], found["segments"]) == (1024, len(parts))
        lines = [measures.peak_line(part, TICK_S, 1.0, 20.0).amplitude_w for part in parts]
        assert found["line"]["value"] == max(lines)
        assert found["line"]["end"] == skip + starts[int(np.argmax(lines))] + 1024
        tapered = [measures.peak_line(measures.tapered(p), TICK_S, 1.0, 20.0).amplitude_w for p in parts]
        assert found["tapered_line"]["value"] == max(tapered)
        for name, window, trend in (("rms", "boxcar", "constant"), ("tapered_rms", "hann", None)):
            squares = []
            for part in parts:
                row = measures.tapered(part) if trend is None else part
                f, density = signal.welch(
                    row, 1.0 / TICK_S, "boxcar", 1024, detrend="constant", scaling="density"
                )
                within = (f >= 1.0) & (f <= 20.0)
                squares.append(density[within].sum() / (1024 * TICK_S) / (1.5 if window == "hann" else 1.0))
            assert found[name]["value"] == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-9)
        for name in ("", "tapered_"):
            share = found[f"{name}rms"]["value"] ** 2 / np.var(judged)  # of all that varies, trend and all
            assert found[f"{name}share"]["value"] == pytest.approx(share, rel=1e-9)
        stretch = 300
        lasting = []
        for start in range(0, judged.size - stretch + 1, stretch):
            part = judged[start : start + stretch]
            slope = np.polyfit(np.arange(stretch), part, 1)[0]
            lasting.append(
                measures.peak_line(part - slope * np.arange(stretch), TICK_S, 1.0, 20.0).amplitude_w
            )
        best = max(min(lasting[i : i + 3]) for i in range(len(lasting) - 2))
        assert found["lasting"]["value"] == pytest.approx(best, rel=1e-9)
        assert found["lasting"]["span"] == 3 * stretch

    def test_a_lasting_line_reads_the_same_in_segments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        power, one = noisy(60_000), meters.WantedContent(1.0, 20.0, 0, READINGS)
        whole = banked(one, power)
        monkeypatch.setattr(content, "KEPT", 32_768)
        monkeypatch.setattr(content, "SEGMENT", 16_384)
        cut = banked(one, power)
        for name in READINGS:
            assert cut[name]["value"] == pytest.approx(whole[name]["value"], rel=2e-2), name

    def test_a_band_that_needs_it_has_longer_segments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(content, "KEPT", 4096)
        monkeypatch.setattr(content, "SEGMENT", 1024)
        found = banked(meters.WantedContent(0.5, 20.0, 0, ("rms",)), noisy(9000))
        assert found["segment"] == 4096


class TestPercentile:
    def test_classes_hold_the_percentile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        power = noisy(20_000)
        one = meters.WantedPercentile(600, 75.0)
        plain = [
            measures.percentile_average_ramp(power, TICK_S, 75.0, 6.0, of_means=of_means)
            for of_means in (False, True)
        ]
        whole = banked(one, power)
        assert [whole["rolling"], whole["rolling_low"], whole["rolling_high"]] == [plain[0]] * 3
        assert whole["means"] == plain[1]
        monkeypatch.setattr(content, "KEPT", 4096)
        found = banked(one, power)
        assert found["rolling_low"] <= plain[0] <= found["rolling_high"]
        assert found["rolling_high"] <= found["rolling_low"] * (1.0 + 2.1e-3)
        assert found["means"] == pytest.approx(plain[1], rel=1e-9)

    def test_edges_are_those_of_the_classes(self) -> None:
        from wattkeel.prototype.meter_layout import RAMP_CLASSES
        from wattkeel.prototype.meters import ramp_class

        for number in (1, 2, 1024, 1025, 30_000, RAMP_CLASSES - 1):
            edge = content.class_edge(number)
            assert ramp_class(edge) == number
            assert ramp_class(math.nextafter(edge, 0.0)) == number - 1
        assert (content.class_edge(0), content.class_edge(RAMP_CLASSES)) == (0.0, math.inf)


class TestTones:
    def test_amplitudes_are_those_of_each_window(self) -> None:
        power = noisy(10_000)
        frequency_hz = [0.4, 1.37, 7.7, 23.0]
        for engine in ("native", "numba"):
            meter = meters.Tones(frequency_hz, 20.0, TICK_S, engine=engine)
            for part in np.array_split(power, 13):
                meter.feed(part)
            plain = np.array(
                [
                    measures.line_amplitude(power[i : i + 2000], TICK_S, frequency_hz)
                    for i in range(0, 10_000, 2000)
                ]
            )
            for tone, column in zip(meter.result(), plain.T, strict=True):
                assert tone.amplitude_w == pytest.approx(column.max(), rel=1e-9, abs=1e-3)
                assert tone.time_s == pytest.approx(20.0 * (1 + int(np.argmax(column))))

    def test_without_a_whole_window_there_is_no_tone(self) -> None:
        meter = meters.Tones([1.0], 20.0, TICK_S)
        meter.feed(np.ones(10))
        assert meter.result() == [meters.Tone(1.0, 0.0, None)]


class TestFeeding:
    @pytest.mark.parametrize("bad", [np.array([1.0, np.nan]), np.array([[1.0]]), np.array([np.inf])])
    def test_what_is_no_power_is_refused(self, bad: np.ndarray) -> None:
        for meter in (
            meters.RollingRange(1.0, TICK_S),
            meters.RollingDifference(1.0, TICK_S),
            meters.RollingMean(1.0, TICK_S),
            meters.Tones([1.0], 1.0, TICK_S),
        ):
            with pytest.raises(ValueError, match=r"finite|1-D"):
                meter.feed(bad)

    def test_a_result_can_be_asked_for_at_any_time(self) -> None:
        power = noisy(9000)
        meter = meters.RollingRange(1.0, TICK_S, band_hz=(1.0, 20.0), zero_phase=True)
        meter.feed(power[:4000])
        early = meter.result()
        assert early == meter.result()
        meter.feed(power[4000:])
        fresh = meters.RollingRange(1.0, TICK_S, band_hz=(1.0, 20.0), zero_phase=True)
        fresh.feed(power)
        assert meter.result() == fresh.result()

    def test_nothing_fed_nothing_found(self) -> None:
        for changes in ({}, {"band_hz": (1.0, 20.0)}, {"band_hz": (1.0, 20.0), "zero_phase": True}):
            found = meters.RollingRange(1.0, TICK_S, **changes).result()
            assert (found.value_w, found.samples, found.rise) == (0.0, 0, None)
        assert meters.RollingMean(1.0, TICK_S).result().highest_w is None

    def test_an_unknown_wish_is_a_mistake(self) -> None:
        with pytest.raises(TypeError, match="nothing that a bank meters"):
            meters.MeterBank([meters.Wanted()], TICK_S)
