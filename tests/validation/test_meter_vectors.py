"""Test vectors of the compliance facts, through the streaming meters, in uneven pieces.

Source: computed with scipy for the project (`shared/specs/test_vectors.toml`): fs = 1 kHz, 120 s, Butterworth
band-pass 0.1-55 Hz, closed window of 5 s; NERC white paper (2025-07) for the AI block.
"""

from __future__ import annotations

import numpy as np
import pytest

from wattkeel import meters

TICK_S = 1e-3
TIME_S = np.arange(120_000) * TICK_S
STEP_W = np.where(TIME_S >= 60.0, 1e6, 0.0)
SQUARE_W = np.where(TIME_S % 1.0 < 0.5, 10e6, 0.0)
# 50 MW block ramps 1.9 pu/s for 0.25 s
BLOCK_W = 100e6 + 50e6 * 1.9 * np.clip(TIME_S - 60.0, 0.0, 0.25)

CASES = [
    # filter, zero-phase, step (1 MW), relative tolerance of the vector
    ((1, False), 0.9905), ((2, False), 1.2467), ((4, False), 1.4476),
    ((1, True), 0.9905), ((2, True), 1.0658), ((4, True), 1.1327),
]  # fmt: skip


def fed(power_w: np.ndarray, **settings: object) -> float:
    meter = meters.RollingRange(5.0, TICK_S, **settings)  # type: ignore[arg-type]
    for part in np.split(power_w, [1, 7000, 7001, 50_000, 61_000]):
        meter.feed(part)
    return meter.result().value_w


@pytest.mark.parametrize(("chosen", "expected_mw"), CASES)
def test_a_step_of_1_mw(chosen: tuple[int, bool], expected_mw: float) -> None:
    order, zero_phase = chosen
    found = fed(STEP_W, band_hz=(0.1, 55.0), order=order, zero_phase=zero_phase)
    assert found * 1e-6 == pytest.approx(expected_mw, rel=2e-3)


@pytest.mark.parametrize(("order", "expected_mw"), [(1, 11.449), (2, 13.067), (4, 16.155)])
def test_a_square_of_10_mw_at_1_hz(order: int, expected_mw: float) -> None:
    found = fed(SQUARE_W - SQUARE_W.mean(), band_hz=(0.1, 55.0), order=order, settle_s=60.0)
    assert found * 1e-6 == pytest.approx(expected_mw, rel=5e-3)


def test_unfiltered() -> None:
    assert fed(STEP_W) == 1e6
    assert fed(SQUARE_W) == 10e6


def test_the_block_of_the_nerc_white_paper() -> None:
    assert fed(BLOCK_W) * 1e-6 == pytest.approx(23.75, rel=1e-9)
    for order in (1, 2, 4):
        for zero_phase in (False, True):
            assert fed(BLOCK_W, band_hz=(0.1, 55.0), order=order, zero_phase=zero_phase) > 10e6


def test_450_to_40_mw_in_36_s() -> None:
    power_w = np.interp(TIME_S, [40.0, 76.0], [450e6, 40e6])
    meter = meters.RollingDifference(36.0, TICK_S, limit_w=12e6)
    meter.feed(power_w)
    found = meter.result()
    assert found.value_w / 36.0 * 1e-6 == pytest.approx(11.389, abs=5e-4)
    assert found.rise is False


def test_timers_of_the_two_sags() -> None:
    """0.15 pu for 0.14 s, then 0.85 pu for 1.90 s, by the bands of ERCOT NOGRR282."""
    voltage = np.repeat([1.0, 0.15, 0.85, 1.0], [1000, 140, 1900, 5000])
    bands = [(0.8, 0.9), (0.5, 0.8), (0.2, 0.5), (-np.inf, 0.2)]
    least_s = [2.0, 0.5, 0.25, 0.15]
    nested = meters.Excursions(meters.nested_timers(bands, below=True), (0.9, np.inf), TICK_S)
    alone = meters.Excursions(meters.timers_per_band(bands), (0.9, np.inf), TICK_S)
    for meter in (nested, alone):
        meter.feed(voltage)
    assert all(ran < least for ran, least in zip(alone.longest_s(), least_s, strict=True))
    assert nested.longest_s()[0] == pytest.approx(2.04)  # beyond 2.00 s: the obligation has ended
    assert nested.longest_s()[1:] == pytest.approx([0.14, 0.14, 0.14])
    assert alone.longest_s() == pytest.approx([1.90, 0.0, 0.0, 0.14])
