"""Inputs of the streaming meters' kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from kernel_inputs import builder, lanes, poison

from wattkeel.filters import band_sections
from wattkeel.prototype import meter_layout as layout


def power(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise, plateaus (so that equal values occur), steps, or next to nothing."""
    kind = int(rng.integers(0, 4))
    if kind == 0:
        return lanes(rng, n, -1e9, 1e9)
    if kind == 1:
        return rng.integers(0, 3, n).astype(np.float64)
    if kind == 2:
        return np.where(np.arange(n) < n // 2, 5e7, 6e7)
    return float(rng.choice([0.0, 1e-300, 1e-65])) * rng.normal(size=n)


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@builder
def filter_run(rng: np.random.Generator, n: int) -> list[Any]:
    count, sections = int(rng.choice([1, 2, 3, 4, 5, 8, 9])), int(rng.choice([1, 2, 3, 4, 6]))
    section = np.zeros((sections, layout.COEFFICIENTS, count))
    section[:, 0] = 1.0
    for lane in range(count):
        order = int(rng.integers(1, sections + 1))
        section[:order, :, lane] = band_sections(order, 0.1, 55.0, 1e-3)
    memory = float(rng.choice([0.0, 1.0, 1e-59, 1e-310])) * rng.normal(size=sections * 2 * count)
    tally = ints(int(rng.choice([0, 1, 255, 500])))
    across = int(rng.choice([0, n, n + 3]))
    x = power(rng, (count - 1) * across + n)
    level = power(rng, count)
    return [n, count, across, sections, section.reshape(-1), memory, tally, level, x, poison(count * n)]


@builder
def range_run(rng: np.random.Generator, n: int) -> list[Any]:
    ticks = int(rng.choice([1, 2, 5, 40, 300]))
    at = int(rng.integers(0, ticks + 1))
    past = np.sort(power(rng, 3 * (ticks + 1) + 2))
    past[2 * (ticks + 1)], past[-1] = -np.inf, np.inf
    level = np.array([past[0], past[ticks]]) if at else np.array([-np.inf, np.inf])
    return [n, ticks, int(rng.integers(0, 3)), ints(at), level, past, power(rng, n), poison(n)]


@builder
def mean_run(rng: np.random.Generator, n: int) -> list[Any]:
    ticks = int(rng.choice([1, 2, 5, 40, 300]))
    past = power(rng, 2 * ticks + 1)
    past[-1] = 0.0
    tally = ints(int(rng.integers(0, ticks)), int(rng.integers(0, 2)))
    return [n, ticks, tally, power(rng, 1), past, power(rng, n), poison(n)]


@builder
def difference_run(rng: np.random.Generator, n: int) -> list[Any]:
    ticks = int(rng.choice([1, 2, 5, 40, 300]))
    filled = int(rng.choice([0, ticks // 2, ticks]))
    at = int(rng.integers(0, ticks)) if filled == ticks else filled
    return [n, ticks, ints(at, filled), power(rng, ticks), power(rng, n), poison(n)]


@builder
def worst_run(rng: np.random.Generator, n: int) -> list[Any]:
    y = power(rng, n)
    size = float(np.abs(y).max())
    limit = float(rng.choice([np.inf, 0.0, 0.5 * size, size, -1.0]))
    worst = float(rng.choice([-np.inf, 0.3 * size, 2.0 * size]))
    tally = rng.integers(0, 9, 8)
    tally[3] = rng.integers(0, 2)
    return [n, int(rng.integers(0, 3)), limit, tally, np.array([worst, worst]), y]


@builder
def span_run(rng: np.random.Generator, n: int) -> list[Any]:
    x = power(rng, n)
    begun = bool(rng.integers(0, 2))
    level = np.array([x[0], x[0]]) if begun else np.array([-np.inf, np.inf])
    return [n, ints(int(begun), 0, 0), level, x]


@builder
def tones_run(rng: np.random.Generator, n: int) -> list[Any]:
    tones = int(rng.choice([1, 2, 3, 4, 7, 16]))
    angle = rng.uniform(0.0, np.pi, tones)
    turn = np.concatenate([np.cos(angle), np.sin(angle)])
    return [n, tones, turn, rng.normal(size=6 * tones), rng.normal(size=2), power(rng, n)]


@builder
def ramp_class(rng: np.random.Generator, n: int) -> list[Any]:
    edge = 2.0 ** int(rng.integers(-12, 46)) * (1.0 + int(rng.integers(0, 1024)) / 1024.0)
    near = float(np.nextafter(edge, rng.choice([0.0, np.inf])))
    return [float(rng.choice([0.0, -1.0, np.nan, np.inf, 5e-324, edge, near, 10.0 ** rng.uniform(-5, 15)]))]


@builder
def classes_run(rng: np.random.Generator, n: int) -> list[Any]:
    return [n, rng.integers(0, 5, layout.RAMP_CLASSES), power(rng, n)]


@builder
def excursion_run(rng: np.random.Generator, n: int) -> list[Any]:
    timers, capacity = int(rng.integers(1, 7)), int(rng.choice([1, 3, 50]))
    edges = np.sort(rng.uniform(0.0, 0.9, (timers, 2)), axis=1)
    low, high = np.ascontiguousarray(edges[:, 0]), np.ascontiguousarray(edges[:, 1])
    x = np.repeat(rng.choice([1.0, 0.9, 1.1, 0.5, 0.2, 1.3], n), 3)[:n] + 0.0
    begun, before = int(rng.integers(0, 2)), int(rng.integers(1, 3))
    rows = rng.integers(0, 5, capacity * (2 + timers))
    count = rng.integers(0, 5, 3 * timers)
    return [
        n, timers, low, high, np.array([0.9, 1.1]), capacity, ints(17, begun, before),
        count, rows, rng.uniform(0.0, 2.0, 2 * capacity), x,
    ]  # fmt: skip
