"""Waveforms of three phases with known RMS values, sequences and frequency, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.waveform import Record, Sampling

Floats = NDArray[np.float64]
TURN = np.exp(2j * np.pi / 3.0)
SHIFT = np.array([0.0, -2.0 * np.pi / 3.0, 2.0 * np.pi / 3.0])


def times(length_s: float, rate_hz: float) -> Floats:
    return np.arange(round(length_s * rate_hz)) / rate_hz


def balanced(angle_rad: ArrayLike, rms_v: ArrayLike = 1.0) -> Floats:
    """Three phases of one RMS value, shape (n, 3), for the angle of phase a over time."""
    angle = np.asarray(angle_rad, dtype=np.float64)[:, None]
    level = np.broadcast_to(np.asarray(rms_v, dtype=np.float64), len(angle))
    return np.sqrt(2.0) * level[:, None] * np.cos(angle + SHIFT)


def phasors(time_s: Floats, frequency_hz: float, of: ArrayLike) -> Floats:
    """Sinusoids of the phasors (RMS) of three phases, shape (n, 3)."""
    turning = np.exp(2j * np.pi * frequency_hz * time_s)[:, None]
    return np.sqrt(2.0) * np.real(np.asarray(of) * turning)


def record(
    time_s: Floats, voltage_v: Floats, nominal_hz: float = 50.0, connection: str = "phase_to_ground"
) -> Record:
    step_s = np.diff(time_s)
    return Record(
        time_s=time_s, voltage_v=voltage_v, connection=connection, current_a=None,
        nominal_frequency_hz=nominal_hz, columns=("va", "vb", "vc"),
        sampling=Sampling(float(1.0 / np.median(step_s)), 0.0, 0, 0.0), per_unit=False, source="made",
        sha256="",
    )  # fmt: skip


def write_csv(path: Path, time_s: ArrayLike, header: str, *columns: ArrayLike) -> Path:
    rows = np.column_stack([time_s, *columns])
    text = "\n".join([header, *(",".join(f"{value:.12g}" for value in row) for row in rows.tolist())])
    path.write_text(text + "\n", encoding="utf-8")
    return path
