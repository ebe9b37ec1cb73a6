"""Laws that responses, spectra and shafts keep, whatever their numbers."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wattkeel.resonance import Mode, pieces, shaft_modes
from wattkeel.spectra import line_spectrum

positive = st.floats(0.05, 20.0)


@given(
    inertia=st.lists(positive, min_size=2, max_size=7),
    springs=st.lists(st.floats(1.0, 200.0), min_size=6, max_size=6),
    generator=st.integers(1, 7),
)
def test_shaft_balances_a_slow_torque(inertia: list[float], springs: list[float], generator: int) -> None:
    """Modes are positive and ascend; a slow torque splits by the inertia on either side."""
    generator = min(generator, len(inertia))
    shaft = shaft_modes(inertia, springs[: len(inertia) - 1], generator, 60.0)
    assert (shaft.frequency_hz > 0.0).all()
    assert (np.diff(shaft.frequency_hz) >= 0.0).all()
    slow_hz = 1e-6 * float(shaft.frequency_hz[0])
    torque = np.abs(shaft.torque_pu([slow_hz], [0.01] * (len(inertia) - 1))[0])
    before = np.cumsum(inertia)[:-1] / sum(inertia)
    expected = np.where(np.arange(1, len(inertia)) < generator, before, 1.0 - before)
    np.testing.assert_allclose(torque, expected, rtol=1e-6, atol=1e-9)


@given(
    tau_s=st.floats(1e-4, 100.0),
    count=st.integers(1, 5000),
    tick_s=st.sampled_from([0.0, 1e-4, 1e-3, 1e-2]),
    period=st.integers(1, 100),
)
def test_low_passes_never_amplify(tau_s: float, count: int, tick_s: float, period: int) -> None:
    omega = 2.0 * math.pi * np.geomspace(1e-3, 40.0, 60)
    period_s = period * (tick_s or 1e-3)
    for response in (
        pieces.lag(omega, tau_s, tick_s),
        pieces.average(omega, count, period_s),
        pieces.hold(omega, period_s, tick_s),
        pieces.delay(omega, tau_s),
    ):
        assert (np.abs(response) <= 1.0 + 1e-9).all()
    slow = np.array([1e-9])
    assert abs(pieces.average(slow, count, period_s)[0] - 1.0) < 1e-5


@given(
    bin_at=st.floats(8.0, 900.0),
    amplitude=st.floats(1.0, 1e9),
    level=st.floats(-1e9, 1e9),
    phase=st.floats(0.0, 6.28),
)
def test_a_line_is_found_wherever_it_lies(
    bin_at: float, amplitude: float, level: float, phase: float
) -> None:
    count = 4096
    values = level + amplitude * np.cos(2.0 * math.pi * bin_at / count * np.arange(count) + phase)
    found = line_spectrum(values, 1.0)
    assert found is not None
    line = found.lines(1)[0]
    # The tolerance is the leakage of the mirror image and of the line that is taken out.
    assert abs(line.amplitude_w / amplitude - 1.0) < 5e-3 + 1e-6 * abs(level) / amplitude
    assert abs(line.frequency_hz * count - bin_at) < 0.05
    assert 0.0 <= found.share(0.1, 0.2) <= 1.0


@given(own_hz=st.floats(0.1, 100.0), zeta=st.floats(1e-4, 0.5), ratio=st.floats(0.01, 10.0))
def test_no_line_is_amplified_beyond_the_peak(own_hz: float, zeta: float, ratio: float) -> None:
    mode = Mode(own_hz, zeta)
    peak = 1.0 / (2.0 * zeta * math.sqrt(1.0 - zeta * zeta))
    assert mode.amplification(ratio * own_hz) <= peak * (1.0 + 1e-9)
