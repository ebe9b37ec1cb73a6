"""Amplitudes between the bins of a spectrum are the plain sums over all samples."""

from __future__ import annotations

import numpy as np
import pytest

from wattkeel import measures
from wattkeel.fine_spectrum import FineSpectrum

TICK_S = 1e-3


@pytest.mark.parametrize("samples", [1, 2, 3, 5, 16, 17, 100, 1001, 4999, 20_000])
@pytest.mark.parametrize("level_w", [0.0, 1e9])
def test_amplitudes_are_the_plain_sums(samples: int, level_w: float) -> None:
    rng = np.random.default_rng(samples)
    time_s = np.arange(samples) * TICK_S
    power = level_w + rng.normal(size=samples) + 3.0 * np.sin(2.0 * np.pi * 31.4 * time_s)
    asked_hz = np.concatenate([rng.uniform(0.0, 500.0, 60), [0.0, 1e-6, 31.4, 250.0, 499.999, 500.0]])
    mean_w = float(power.mean())
    plain = [abs(((power - mean_w) * np.exp(-2j * np.pi * f * time_s)).sum()) for f in asked_hz]
    found = FineSpectrum(power, TICK_S).amplitude_w(asked_hz)
    # 3e-14 of the kernel and the rounding of a transform, of the largest line; that of the mean is in both
    np.testing.assert_allclose(found, 2.0 / samples * np.array(plain), rtol=0.0, atol=4e-12)


def test_a_peak_is_found_with_the_spectrum_at_hand_or_without() -> None:
    power = 5e7 + 2e6 * np.sin(2.0 * np.pi * 7.0613 * np.arange(30_000) * TICK_S)
    fine, whole = FineSpectrum(power, TICK_S), measures.spectrum(power, TICK_S)
    line = measures.peak_line(power, TICK_S, 0.1, 55.0)
    assert measures.peak_line(power, TICK_S, 0.1, 55.0, of=whole, fine=fine) == line
    assert line.amplitude_w == pytest.approx(2e6, rel=3e-3)  # leakage of its mirror image
    assert line.amplitude_w == pytest.approx(
        float(measures.line_amplitude(power, TICK_S, line.frequency_hz)[0]), rel=1e-12
    )
