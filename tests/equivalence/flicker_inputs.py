"""Inputs of the flickermeter's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from kernel_inputs import builder, record

from wattkeel._generated import dtypes
from wattkeel.parameters import Flickermeter
from wattkeel.power_quality.lamps import LAMPS, lower_flickermeter
from wattkeel.prototype import flicker as layout


def meter(rng: np.random.Generator) -> list[Any]:
    """A flickermeter at its begin, in the middle of a record, or all but decayed, about to be tidied."""
    settings = Flickermeter(lamp=str(rng.choice(list(LAMPS))))
    p = lower_flickermeter(settings, float(rng.choice([1e-3, 5e-4, 1e-4, 2.5e-3])))
    size = float(rng.choice([0.0, 1.0, 1e-3, 1e-60, 1e-300]))
    s = record(
        dtypes.FlickerState, rng,
        samples=rng.choice([0, 1, 1000, 255, 511, 10**12]), mean_square=rng.choice([0.0, 1.0, 5e4, 1e-70]),
        last=rng.uniform(0.0, 2.0), high=size * rng.normal(), memory=size * rng.normal(size=10),
        smooth=size * size, p_inst_max=rng.choice([0.0, 1e3]), phase=rng.integers(0, 2),
    )  # fmt: skip
    return [p, s]


def voltage(rng: np.random.Generator, n: int) -> np.ndarray:
    level = float(rng.choice([1.0, 230.0, 0.0, 1e-30]))
    wave = np.sin(2.0 * np.pi * 50.0 * np.arange(n) * 1e-3) if rng.integers(0, 2) else np.ones(n)
    return level * wave * (1.0 + 0.01 * rng.normal(size=n))


@builder
def flicker_class(rng: np.random.Generator, n: int) -> list[Any]:
    edge = 2.0 ** int(rng.integers(-26, 27)) * (1.0 + int(rng.integers(0, 256)) / 256.0)
    near = float(np.nextafter(edge, rng.choice([0.0, np.inf])))
    return [float(rng.choice([0.0, -1.0, np.nan, np.inf, 5e-324, edge, near, 10.0 ** rng.uniform(-9, 9)]))]


@builder
def flicker_step(rng: np.random.Generator, n: int) -> list[Any]:
    return [*meter(rng), float(rng.choice([0.0, -0.0, 1.0, -325.0, 1e9, rng.normal()]))]


@builder
def flicker_run(rng: np.random.Generator, n: int) -> list[Any]:
    every = int(rng.choice([0, 2, 7]))
    p, s = meter(rng)
    classes = rng.integers(0, 5, layout.FLICKER_CLASSES)
    series = np.full((n + int(s.phase[0])) // every if every else 0, np.nan)
    return [n, p, s, classes, int(rng.integers(0, 2)), every, voltage(rng, n), series]
