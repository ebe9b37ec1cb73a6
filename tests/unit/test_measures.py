from __future__ import annotations

import math

import numpy as np
import pytest

from wattkeel import filters, measures, meters

TICK_S = 1e-3


def square(low: float, high: float, period_s: float, duty: float, length_s: float) -> np.ndarray:
    ticks = round(period_s / TICK_S)
    phase = np.arange(round(length_s / TICK_S)) % ticks
    return np.where(phase < round(duty * ticks), high, low)


class TestSpectrum:
    def test_a_sinusoid_reads_its_amplitude_and_the_mean(self) -> None:
        time = np.arange(20_000) * TICK_S
        found = measures.spectrum(5.0 + 3.0 * np.sin(2 * np.pi * 1.5 * time), TICK_S)
        bin_ = int(np.argmin(np.abs(found.frequency_hz - 1.5)))
        assert found.amplitude_w[0] == pytest.approx(5.0)
        assert found.amplitude_w[bin_] == pytest.approx(3.0, rel=1e-12)

    @pytest.mark.parametrize("size", [1000, 1001])
    def test_rms_over_all_bins_is_that_of_the_samples(self, size: int) -> None:
        power = np.random.default_rng(3).normal(size=size)
        found = measures.spectrum(power, TICK_S)
        assert measures.band_rms(found, 0.0, 500.0) == pytest.approx(float(power.std()), rel=1e-12)

    @pytest.mark.parametrize("size", [1000, 1001])
    def test_shares_follow_the_definition_by_bins(self, size: int) -> None:
        power = np.random.default_rng(4).normal(size=size) + 7.0
        squared = np.abs(np.fft.rfft(power - power.mean())) ** 2
        hz = np.fft.rfftfreq(size, TICK_S)
        found = measures.spectrum(power, TICK_S)
        for low, high in ((0.0, 500.0), (3.0, 40.0), (40.0, 500.0)):
            expected = squared[1:][(hz[1:] >= low) & (hz[1:] <= high)].sum() / squared[1:].sum()
            assert measures.band_share(found, low, high) == pytest.approx(expected, rel=1e-9)

    def test_edges_are_included_in_spite_of_rounding(self) -> None:
        time = np.arange(10_000) * TICK_S
        found = measures.spectrum(np.sin(2 * np.pi * 0.3 * time), TICK_S)
        assert measures.band_share(found, 0.1, 0.3) == pytest.approx(1.0)
        assert measures.band_share(found, 0.3, 1.0) == pytest.approx(1.0)

    @pytest.mark.parametrize("level", [0.0, 1e8 / 3.0])
    def test_constant_power_has_no_share_anywhere(self, level: float) -> None:
        assert measures.band_share(measures.spectrum(np.full(999, level), TICK_S), 0.1, 55.0) == 0.0

    def test_a_line_between_two_bins_is_found_at_its_height(self) -> None:
        time = np.arange(60_000) * TICK_S
        power = 100.0 + 2.5 * np.cos(2 * np.pi * (1.0 + 0.5 / 60.0) * time)
        assert measures.spectrum(power, TICK_S).amplitude_w[1:].max() < 1.7
        line = measures.peak_line(power, TICK_S, 0.1, 55.0)
        assert line.amplitude_w == pytest.approx(2.5, rel=1e-3)
        assert line.frequency_hz == pytest.approx(1.0 + 0.5 / 60.0, abs=1e-3)

    def test_line_amplitude_agrees_with_the_plain_sum(self) -> None:
        power = np.random.default_rng(5).normal(size=12_347)
        hz = np.array([0.37, 5.0, 411.1])
        time = np.arange(power.size) * TICK_S
        plain = [
            2.0 / power.size * abs(np.sum((power - power.mean()) * np.exp(-2j * np.pi * f * time)))
            for f in hz
        ]
        np.testing.assert_allclose(measures.line_amplitude(power, TICK_S, hz), plain, rtol=1e-9)

    def test_no_line_in_a_band_that_the_record_cannot_hold(self) -> None:
        with pytest.raises(ValueError, match="no line between"):
            measures.peak_line(np.arange(100.0), TICK_S, 0.1, 1.0)


class TestBandPass:
    BANDS = ((0.1, 55.0), (0.1, 5.0), (5.0, 55.0), (20.0, 21.0))

    @pytest.mark.parametrize("band", BANDS)
    @pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
    def test_equals_scipy_butter(self, order: int, band: tuple[float, float]) -> None:
        signal = pytest.importorskip("scipy.signal")
        theirs = signal.butter(order, band, btype="band", fs=1000.0, output="sos")
        power = np.cumsum(np.random.default_rng(1).normal(size=40_000)) * 1e5 + 1e8
        causal = measures.band_pass(power, TICK_S, *band, order=order)
        expected = signal.sosfilt(theirs, power - power[0])
        assert np.max(np.abs(causal - expected)) < 1e-7 * np.ptp(expected)
        both = measures.band_pass(power, TICK_S, *band, order=order, zero_phase=True)
        expected = signal.sosfiltfilt(theirs, power, padlen=min(power.size - 1, round(2000 / band[0])))
        assert np.max(np.abs(both - expected)) < 1e-7 * np.ptp(expected)

    def test_blocks_and_segments_leave_no_seam(self) -> None:
        signal = pytest.importorskip("scipy.signal")
        size = 256 * 4096 + 256 * 3 + 17  # more than one segment, the last block not full
        power = np.random.default_rng(2).normal(size=size) + 50.0
        expected = signal.sosfilt(
            signal.butter(2, [0.1, 55.0], btype="band", fs=1000.0, output="sos"), power - power[0]
        )
        found = measures.band_pass(power, TICK_S, 0.1, 55.0, order=2)
        np.testing.assert_allclose(found, expected, atol=1e-8)

    def test_gains_of_the_reference(self) -> None:
        # compliance reference 1.3: gains at 0.1 / 1 / 5 / 10 / 23 / 55 Hz, fs = 1 kHz
        table = {
            1: (0.70711, 0.99664, 0.99755, 0.98579, 0.92488, 0.70711),
            2: (0.70711, 0.99998, 0.99999, 0.99958, 0.98601, 0.70711),
            4: (0.70711, 1.0, 1.0, 1.0, 0.99959, 0.70711),
        }
        z = np.exp(-2j * np.pi * np.array([0.1, 1.0, 5.0, 10.0, 23.0, 55.0]) * TICK_S)
        for order, gains in table.items():
            response = np.ones_like(z)
            for b0, b1, b2, _, a1, a2 in measures.butterworth_band(order, 0.1, 55.0, TICK_S):
                response *= (b0 + b1 * z + b2 * z * z) / (1.0 + a1 * z + a2 * z * z)
            np.testing.assert_allclose(np.abs(response), gains, atol=6e-6)

    @pytest.mark.parametrize("order", [1, 2, 3, 4])
    def test_sections_of_a_short_tick_keep_their_digits(self, order: int) -> None:
        # Butterworth's closed form behind the bilinear transform, w = tan(pi f T). In z the coefficients
        # leave eight digits at 0.1 ms and none at 1 ns; the bound is 1e4 roundings, an edge amplifies them.
        for tick_s in (1e-3, 1e-4, 1e-6, 1e-9):
            low, high = (math.tan(math.pi * f * tick_s) for f in (0.1, 55.0))
            sections = filters.band_sections(order, 0.1, 55.0, tick_s)
            for frequency_hz in (0.1, 0.3, 2.0, 55.0):
                w = math.tan(math.pi * frequency_hz * tick_s)
                d = 2j * w / (1.0 - 1j * w)
                found = math.prod(
                    abs(np.polyval(row[:3], d) / np.polyval((1, *row[3:]), d)) for row in sections
                )
                detuned = (w * w - low * high) / (w * (high - low))
                assert found == pytest.approx(1.0 / math.sqrt(1.0 + detuned ** (2 * order)), rel=2e-12)

    @pytest.mark.parametrize("order", [2, 4])
    def test_a_short_tick_costs_no_digits(self, order: int) -> None:
        # 0.1 Hz at 10 us, against 64 bits of fraction; a recursion in z misses this by 1e-9
        if np.finfo(np.longdouble).nmant < 60:
            pytest.skip("no number wider than a double here")
        tick_s, power = 1e-5, np.random.default_rng(3).normal(size=20_000) + np.arange(20_000) // 5000
        wide = np.longdouble(power) - np.longdouble(power[0])
        for b0, b1, b2, d1, d2 in np.longdouble(filters.band_sections(order, 0.1, 55.0, tick_s)):
            first = second = np.longdouble(0.0)
            for i, v in enumerate(wide):
                wide[i] = out = b0 * v + first
                first, second = first + (b1 * v + second) - d1 * out, second + b2 * v - d2 * out
        scale = float(np.ptp(wide))
        plain = measures.band_pass(power, tick_s, 0.1, 55.0, order=order)
        assert float(np.abs(plain - wide).max()) < 1e-13 * scale
        band = meters.Band(0.1, 55.0, order)
        bank = meters.MeterBank([meters.WantedSpan(band)], tick_s)
        bank.feed(power)
        (found,) = bank.close().values()
        assert found["high"] == pytest.approx(float(wide.max()), rel=0.0, abs=1e-13 * scale)
        assert found["low"] == pytest.approx(float(wide.min()), rel=0.0, abs=1e-13 * scale)

    def test_a_level_held_since_ever_gives_nothing(self) -> None:
        for zero_phase in (False, True):
            found = measures.band_pass(np.full(5000, 3e8), TICK_S, 0.1, 55.0, order=4, zero_phase=zero_phase)
            assert not found.any()

    @pytest.mark.parametrize("band", [(0.0, 5.0), (5.0, 5.0), (5.0, 500.0), (5.0, math.nan)])
    def test_edges_out_of_range_are_refused(self, band: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="half the sampling rate"):
            measures.band_pass(np.ones(100), TICK_S, *band)

    def test_order_below_one_is_refused(self) -> None:
        with pytest.raises(ValueError, match="order"):
            measures.butterworth_band(0, 0.1, 5.0, TICK_S)


class TestRolling:
    def test_closed_window_includes_both_ends(self) -> None:
        ramp = np.arange(101, dtype=float)  # 1 W per tick of 1 s
        assert measures.rolling_range(ramp, 1.0, 15.0).rise_w == 15.0
        assert measures.rolling_difference(ramp, 1.0, 15.0).tolist() == [15.0] * 86
        assert measures.rolling_average_ramp(ramp, 1.0, 15.0)[0] == 1.0

    def test_a_window_of_inexact_length_keeps_its_ticks(self) -> None:
        assert measures.window_ticks(0.3, 0.1) == 3
        assert measures.window_ticks(5.0, 1e-3) == 5000
        assert measures.window_ticks(1.0, 0.3) == 3

    def test_rise_and_fall_are_told_apart_and_timed(self) -> None:
        power = np.full(100, 50.0)
        power[30:33] = (55.0, 62.0, 60.0)
        power[33:] = 48.0
        found = measures.rolling_range(power, 0.5, 2.0)
        assert (found.rise_w, found.rise_time_s) == (12.0, 15.5)
        assert (found.fall_w, found.fall_time_s) == (14.0, 16.5)
        assert found.peak_to_peak_w == 14.0
        assert found.time_s == 16.5

    def test_trailing_changes_of_every_sample(self) -> None:
        power = np.array([1.0, 3.0, 2.0, 5.0, 0.0])
        assert measures.rolling_change(power, 1.0, 2.0).tolist() == [0.0, 2.0, 2.0, 3.0, 5.0]
        assert measures.rolling_change(power, 1.0, 2.0, "up").tolist() == [0.0, 2.0, 1.0, 3.0, 0.0]
        assert measures.rolling_change(power, 1.0, 2.0, "down").tolist() == [0.0, 0.0, 1.0, 0.0, 5.0]

    def test_a_record_of_exactly_the_window_is_enough_and_one_less_is_not(self) -> None:
        assert measures.rolling_range(np.arange(6.0), 1.0, 5.0).rise_w == 5.0
        with pytest.raises(ValueError, match=r"record of 5 s is shorter than the 5 s window \(6 samples\)"):
            measures.rolling_range(np.arange(5.0), 1.0, 5.0)

    def test_a_window_below_a_tick_is_refused(self) -> None:
        with pytest.raises(ValueError, match="shorter than one tick"):
            measures.rolling_difference(np.arange(5.0), 2.0, 1.0)

    def test_percentile_of_minute_ramps(self) -> None:
        power = np.concatenate([np.full(61, 10.0), 10.0 + np.arange(1, 181) / 60.0])  # 1 s, then 1 W/min
        ramps = np.abs(power[60:] - power[:-60]) / 60.0
        assert measures.percentile_average_ramp(power, 1.0) == pytest.approx(np.percentile(ramps, 75))
        means = power[:240].reshape(4, 60).mean(axis=1)
        expected = np.percentile(np.abs(np.diff(means)) / 60.0, 75)
        assert measures.percentile_average_ramp(power, 1.0, of_means=True) == pytest.approx(expected)
        with pytest.raises(ValueError, match="two windows"):
            measures.percentile_average_ramp(power[:119], 1.0, of_means=True)

    def test_no_measure_changes_its_input(self) -> None:
        power = np.random.default_rng(6).normal(size=2000)
        before = power.copy()
        measures.rolling_range(power, TICK_S, 0.1)
        measures.percentile_average_ramp(power, TICK_S, window_s=0.2)
        measures.band_pass(power, TICK_S, 5.0, 50.0, zero_phase=True)
        measures.flattening_energy(power, TICK_S)
        measures.rms_residual(power, power)
        np.testing.assert_array_equal(power, before)


class TestWholeRecord:
    def test_flattening_energy_of_the_series_is_the_closed_form(self) -> None:
        power = square(300.0, 1000.0, 0.5, 0.3, 5.0)
        expected = measures.flattening_energy_two_level(700.0, 0.3, 0.5)
        assert measures.flattening_energy(power, TICK_S) == pytest.approx(expected, rel=1e-9)

    def test_no_swing_is_flat_for_ever(self) -> None:
        assert measures.flattening_period(65.0, 0.0, 0.5) == math.inf
        assert measures.flattening_energy(np.full(10, 5.0), TICK_S) == 0.0

    def test_rms_residual_about_zero(self) -> None:
        power = np.array([1.0, 3.0, 1.0, 3.0])
        assert measures.rms_residual(power) == 1.0
        assert measures.rms_residual(power, power - 2.0) == 0.0
        assert measures.rms_residual(power, 0.0, reference_w=0.0) == pytest.approx(math.sqrt(5.0))

    def test_dynamic_range_and_overhead(self) -> None:
        assert measures.dynamic_range([3.0, -1.0, 2.0]) == 4.0
        assert measures.energy_overhead([2.0, 2.0], [1.0, 2.0]) == pytest.approx(1.0 / 3.0)
        with pytest.raises(ValueError, match="one shape"):
            measures.energy_overhead([1.0], [0.0])


@pytest.mark.parametrize("power", [[], [[1.0]], [1.0, math.nan], [1.0, math.inf]])
def test_what_is_no_record_is_refused(power: list[object]) -> None:
    with pytest.raises(ValueError, match="power_w"):
        measures.dynamic_range(power)
