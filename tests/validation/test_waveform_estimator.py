"""The estimator of RMS values, sequences and frequency against closed forms; the case is data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sites import case
from waves import TURN, balanced, phasors, record, times

from wattkeel.errors import ScenarioError
from wattkeel.waveform import Course, estimate

DATA = case("phasor_estimator")
F0, RATE = DATA["nominal_hz"], DATA["rate_hz"]
T = DATA["cycles"] / F0
D = DATA["frequency_cycles"] / F0
N = round(T * RATE)
TIGHT = {"rel": DATA["rel_tol"], "abs": DATA["rel_tol"]}
OMEGA = 2.0 * np.pi * F0


def close(found: np.ndarray, wanted: np.ndarray | float, scale: float = 1.0, factor: float = 100.0) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0.0, atol=factor * DATA["rel_tol"] * scale)


def of(time_s: np.ndarray, voltage_v: np.ndarray, **options: float) -> Course:
    return estimate(record(time_s, voltage_v, F0), **options)


class TestStepOfMagnitude:
    """New samples weigh in by their share of the window: linear over T, half of it after T/2."""

    DATA = DATA["step"]

    def run(self) -> tuple[np.ndarray, Course]:
        time_s = times(0.5, RATE)
        before, after = self.DATA["before_v"], self.DATA["after_v"]
        level = np.where(time_s < self.DATA["at_s"], before, after)
        return time_s, of(time_s, balanced(OMEGA * time_s, level))

    def test_positive_sequence_is_the_mean_level_of_the_window(self) -> None:
        time_s, found = self.run()
        before, after = self.DATA["before_v"], self.DATA["after_v"]
        first = int(np.argmax(time_s >= self.DATA["at_s"]))
        share = np.clip((np.arange(len(time_s)) - first + 1) / N, 0.0, 1.0)
        assert found.positive_v is not None
        close(found.positive_v, before + (after - before) * share, before)
        assert found.delay_s == pytest.approx(T / 2)

    def test_rms_at_half_and_whole_windows(self) -> None:
        time_s, found = self.run()
        before, after = self.DATA["before_v"], self.DATA["after_v"]
        first = int(np.argmax(time_s >= self.DATA["at_s"]))
        half = math.sqrt((before**2 + after**2) / 2.0)
        for row, wanted in ((first - 1, before), (first + N // 2 - 1, half), (first + N - 1, after)):
            close(found.rms_v[row], wanted, before)

    def test_frequency_does_not_move(self) -> None:
        _, found = self.run()
        assert found.frequency_hz is not None
        close(found.frequency_hz, F0, F0)


class TestJumpOfAngle:
    DATA = DATA["jump"]

    def test_frequency_error_and_its_length(self) -> None:
        time_s = times(0.8, RATE)
        jump = math.radians(self.DATA["angle_deg"])
        found = of(time_s, balanced(OMEGA * time_s + jump * (time_s >= self.DATA["at_s"])))
        assert found.angle_rad is not None
        assert found.frequency_hz is not None
        first = int(np.argmax(time_s >= self.DATA["at_s"]))
        span = round(D * RATE)
        close(found.angle_rad[:first], 0.0)
        close(found.angle_rad[first + N - 1 :], jump)
        close(found.frequency_hz[first + N - 1 : first + span], F0 + jump / (2.0 * np.pi * D), F0)
        close(found.frequency_hz[first + span + N - 1 :], F0, F0)

    def test_magnitude_within_the_window(self) -> None:
        """Old and new phasor add: |N1 + N2 e^jp| / N."""
        time_s = times(0.5, RATE)
        jump = math.radians(self.DATA["angle_deg"])
        found = of(time_s, balanced(OMEGA * time_s + jump * (time_s >= self.DATA["at_s"])))
        first = int(np.argmax(time_s >= self.DATA["at_s"]))
        share = np.clip((np.arange(len(time_s)) - first + 1) / N, 0.0, 1.0)
        assert found.positive_v is not None
        close(found.positive_v, np.abs(1.0 - share + share * np.exp(1j * jump)))


class TestRampOfFrequency:
    DATA = DATA["ramp"]

    def test_ramp_is_read_late_by_the_stated_delay(self) -> None:
        time_s = times(2.0, RATE)
        rate = self.DATA["rate_hz_per_s"]
        angle = OMEGA * time_s + np.pi * rate * time_s**2
        found = of(time_s, balanced(angle))
        assert found.frequency_hz is not None
        assert found.frequency_delay_s == pytest.approx((T + D) / 2)
        # The window of N samples has its middle half a sample nearer to its end than (t - T, t].
        late_s = found.frequency_delay_s - 0.5 / RATE
        settled = time_s >= T + D
        wanted = F0 + rate * (time_s - late_s)
        np.testing.assert_allclose(
            found.frequency_hz[settled], wanted[settled], rtol=0.0, atol=self.DATA["abs_tol_hz"]
        )


class TestOffNominal:
    DATA = DATA["off_nominal"]

    @pytest.mark.parametrize("offset_hz", DATA["offsets_hz"])
    def test_balanced_set(self, offset_hz: float) -> None:
        """Frequency exact, magnitude by the Dirichlet kernel, RMS ripples at 2f."""
        time_s = times(1.0, RATE)
        found = of(time_s, balanced(2.0 * np.pi * (F0 + offset_hz) * time_s, 230.0))
        assert found.positive_v is not None
        assert found.frequency_hz is not None
        kernel = math.sin(math.pi * offset_hz * T) / (N * math.sin(math.pi * offset_hz * T / N))
        close(found.positive_v, 230.0 * kernel, 230.0, 1000.0)
        np.testing.assert_allclose(found.frequency_hz, F0 + offset_hz, rtol=0.0, atol=self.DATA["abs_tol_hz"])
        ripple = np.abs(found.rms_v / 230.0 - 1.0).max()
        # Of the mean square: |sin(2 pi d T)| / (N sin(2 pi f / rate)), about |d|/f.
        f = F0 + offset_hz
        square = abs(math.sin(2.0 * math.pi * offset_hz * T)) / (N * math.sin(2.0 * math.pi * f / RATE))
        assert ripple == pytest.approx(1.0 - math.sqrt(1.0 - square), rel=2e-3)
        assert ripple == pytest.approx(abs(offset_hz) / (2.0 * f), rel=0.06)

    def test_unbalance_ripples_in_magnitude_and_cancels_in_frequency(self) -> None:
        offset_hz, negative = 1.0, 0.3
        time_s = times(1.0, RATE)
        angle = 2.0 * np.pi * (F0 + offset_hz) * time_s
        found = of(time_s, balanced(angle) + negative * balanced(angle)[:, [0, 2, 1]])
        assert found.positive_v is not None
        assert found.frequency_hz is not None
        settled = time_s >= T + D
        ripple = np.ptp(found.positive_v[settled]) / 2.0
        stated = offset_hz / (2.0 * F0) * negative
        assert ripple == pytest.approx(stated, rel=0.05)
        # Without the difference over whole cycles the ripple would be 2 f0 times as large: 0.3 Hz.
        error_hz = np.abs(found.frequency_hz[settled] - F0 - offset_hz).max()
        assert error_hz < 2.0 * stated * 2.0 * np.pi * offset_hz * D / (2.0 * np.pi * D)


class TestUnbalancedSag:
    def test_sequences_of_a_type_c_sag(self) -> None:
        v = DATA["unbalanced"]["characteristic"]
        phases = np.array([1.0, -0.5 - 0.5j * math.sqrt(3.0) * v, -0.5 + 0.5j * math.sqrt(3.0) * v])
        time_s = times(0.2, RATE)
        found = of(time_s, phasors(time_s, F0, phases))
        assert found.positive_v is not None
        assert found.negative_v is not None
        assert found.zero_v is not None
        close(found.positive_v, (1.0 + v) / 2.0)
        close(found.negative_v, (1.0 - v) / 2.0)
        close(found.zero_v, 0.0)
        close(found.rms_v, np.broadcast_to(np.abs(phases), found.rms_v.shape))

    def test_zero_sequence_offset_and_harmonics(self) -> None:
        """An offset and whole harmonics are in the RMS value and in no sequence."""
        time_s = times(0.2, RATE)
        pure = phasors(time_s, F0, [1.0, TURN**2, TURN]) + phasors(time_s, F0, [0.1, 0.1, 0.1])
        dirty = pure + 0.05 + phasors(time_s, 5.0 * F0, [0.2, 0.2, 0.2])
        found, clean = of(time_s, dirty), of(time_s, pure)
        for name in ("positive_v", "negative_v", "zero_v"):
            close(getattr(found, name), getattr(clean, name))
        assert clean.zero_v is not None
        close(clean.zero_v, 0.1)
        close(found.rms_v**2, clean.rms_v**2 + 0.05**2 + 0.2**2)


class TestUnevenSampling:
    DATA = DATA["uneven"]

    def test_a_sinusoid_is_exact_at_any_rate_and_jitter(self) -> None:
        rng = np.random.default_rng(7)
        rate, nominal = self.DATA["rate_hz"], self.DATA["nominal_hz"]
        for spread, hertz in ((0.0, rate), (self.DATA["jitter"], 3000.0)):
            time_s = times(0.3, hertz)
            time_s[1:] += spread / hertz * rng.uniform(-0.5, 0.5, len(time_s) - 1)
            phases = np.array([1.0, 0.7 * TURN**2, 0.9 * TURN * np.exp(0.1j)])
            found = estimate(record(time_s, phasors(time_s, nominal, phases) + 0.02, nominal))
            assert found.positive_v is not None
            positive = abs(phases[0] + TURN * phases[1] + TURN**2 * phases[2]) / 3.0
            close(found.positive_v, positive, factor=1e4)
            # The mean of squares is a sum over the samples: off by the fraction of a sample in the window.
            np.testing.assert_allclose(
                found.rms_v, np.broadcast_to(np.abs(phases), found.rms_v.shape), rtol=0.02
            )

    def test_order_of_the_phases_is_found(self) -> None:
        time_s = times(0.2, RATE)
        found = of(time_s, balanced(OMEGA * time_s)[:, [0, 2, 1]])
        assert found.positive_v is not None
        close(found.positive_v, 1.0)
        assert any("a, c, b" in note for note in found.notes)

    def test_lines_of_a_long_record_do_not_drift(self) -> None:
        """Running sums are short: an outage after 400,000 samples reads as nothing."""
        time_s = times(200.0, RATE)
        level = np.where(time_s < 199.0, 1e5, 0.0)
        found = of(time_s, balanced(OMEGA * time_s, level))
        assert found.positive_v is not None
        close(found.positive_v[time_s < 199.0], 1e5, 1e5, 1e4)
        assert found.rms_v[time_s > 199.0 + T].max() < 1e-6 * 1e5
        assert found.positive_v[time_s > 199.0 + T].max() < 1e-9 * 1e5


class TestHolding:
    def test_frequency_is_held_while_there_is_no_voltage(self) -> None:
        time_s = times(2.0, RATE)
        level = np.where((time_s > 0.5) & (time_s < 1.2), 0.02, 1.0)
        found = of(time_s, balanced(2.0 * np.pi * 50.2 * time_s, level), hold_below=0.1)
        assert found.frequency_hz is not None
        # Windows that reach into the outage are not read: what is left is exact.
        np.testing.assert_allclose(found.frequency_hz, 50.2, rtol=0.0, atol=1e-9)
        held = found.held & (time_s > T + D)
        # Below the threshold from 0.5 s + 0.92 T to 1.2 s + 0.08 T; a window more on both sides, and usable
        # again when D lies wholly behind that.
        assert time_s[held][0] == pytest.approx(0.5 - 0.08 * T, abs=2.0 / RATE)
        assert time_s[held][-1] == pytest.approx(1.2 + 1.08 * T + D, abs=2.0 / RATE)
        assert any("frequency is held" in note for note in found.notes)

    def test_a_gap_holds_the_value_before(self) -> None:
        time_s = times(1.0, RATE)
        keep = (time_s < 0.5) | (time_s > 0.61)
        voltage = balanced(OMEGA * time_s, np.where(time_s < 0.5, 1.0, 0.5))
        found = of(time_s[keep], voltage[keep])
        assert found.positive_v is not None
        after = found.time_s > 0.6
        close(found.positive_v[~after], 1.0)
        close(found.positive_v[after & (found.time_s < 0.61 + T - 1.0 / RATE)], 1.0)
        close(found.positive_v[found.time_s > 0.61 + T], 0.5)
        assert any("gaps" in note for note in found.notes)

    def test_too_short_and_too_coarse_are_told_together(self) -> None:
        time_s = np.arange(3) * 6e-3
        with pytest.raises(ScenarioError) as caught:
            of(time_s, balanced(OMEGA * time_s), cycles=3)
        assert len(caught.value.faults) == 2
