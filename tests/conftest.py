"""Fixtures and profiles for all tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # makes the helpers beside this file importable

# `ci` repeats itself exactly; `dev` searches on from what it found before.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.register_profile("dev", deadline=None, max_examples=30)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--regenerate-golden", action="store_true", help="write the golden runs anew instead of checking them"
    )


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the measured data, named by WATTKEEL_DATA; without it the test is skipped."""
    named = os.environ.get("WATTKEEL_DATA", "")
    if not named:
        pytest.skip("needs measured data: set WATTKEEL_DATA to its folder")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"needs measured data: WATTKEEL_DATA={named} is no folder")
    return folder


@pytest.fixture(params=["native", "numba"])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine; a test that takes it runs with each of them."""
    name: str = request.param
    if name == "numba" and importlib.util.find_spec("numba") is None:
        pytest.skip("needs numba: pip install 'wattkeel[numba]'")
    return name
