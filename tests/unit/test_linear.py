"""Linear systems: exact step, response, poles."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from wattkeel import linear


def lag(time_constant_s: float) -> linear.StateSpace:
    a, b = np.array([[-1.0 / time_constant_s]]), np.array([[1.0 / time_constant_s]])
    return linear.StateSpace(a, b, np.eye(1), np.zeros((1, 1)), ("y",), ("u",), ("y",))


@pytest.mark.parametrize("size", [1e-12, 1e-3, 1.0, 40.0])
def test_exponential_agrees_with_scipy(size: float):
    matrix = np.random.default_rng(5).normal(size=(6, 6)) * size
    expected = scipy.linalg.expm(matrix)
    # Both lose about a unit in the last place per squaring, times the growth of the norm.
    bound = 1e-14 * np.exp(np.linalg.norm(matrix, 2))
    assert np.abs(linear.exponential(matrix) - expected).max() <= bound


def test_step_of_a_lag_is_its_exponential():
    forward, given = lag(0.3).step(0.05)
    assert forward[0, 0] == pytest.approx(np.exp(-0.05 / 0.3), rel=1e-15)
    assert given[0, 0] == pytest.approx(1.0 - np.exp(-0.05 / 0.3), rel=1e-14)


def test_response_gain_and_pole_of_a_lag():
    system = lag(0.3)
    corner_hz = 1.0 / (2.0 * np.pi * 0.3)
    assert system.response([corner_hz])[0, 0, 0] == pytest.approx(1.0 / (1.0 + 1.0j), rel=1e-14)
    assert system.gain()[0, 0] == pytest.approx(1.0, rel=1e-14)
    assert system.poles()[0] == pytest.approx(-1.0 / 0.3, rel=1e-14)


def test_wrong_shape_is_told():
    with pytest.raises(ValueError, match="b: shape"):
        linear.StateSpace(np.eye(1), np.eye(2), np.eye(1), np.eye(1), ("x",), ("u",), ("y",))
