"""Sites and runs that several folders of tests share."""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.engine import Engine
from wattkeel.plant import STATE_MEMBERS
from wattkeel.scenario import Scenario

CASES = Path(__file__).parent / "validation" / "cases"


def case(name: str) -> dict[str, Any]:
    """Inputs, expected values and tolerances of one check."""
    return tomllib.loads((CASES / f"{name}.toml").read_text(encoding="utf-8"))


def laid_over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables of `top` over those of `base`."""
    out = dict(base)
    for key, value in top.items():
        below = out.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        out[key] = laid_over(below, value) if both else value
    return out


def reference_columns(data_dir: Path, name: str) -> NDArray[np.float64]:
    """Columns of a reference file of the batteries, shape (columns, rows)."""
    with (data_dir / "reference_battery" / name).open(newline="", encoding="utf-8") as text:
        return np.array([[float(cell) for cell in row] for row in list(csv.reader(text))[1:]]).T


def lossless_site(peak_w: float, tables: Mapping[str, Any]) -> dict[str, Any]:
    """A site that draws exactly what its GPUs do: one rack of 100,000 GPUs, no loss, a stiff grid.

    `tables` are laid over it; the job is `job`, the GPU `gpu`, the population `racks`.
    """
    base = {
        "schema_version": 1,
        "workload": {"job": {"kind": "training", "edge_s": 0.0}},
        "gpu": {"gpu": {"rated_power_w": peak_w / 1e5, "idle_power_w": 0.0}},
        "rack": {
            "racks": {
                "count": 1,
                "gpus_per_rack": 100_000,
                "gpu": "gpu",
                "workload": "job",
                "psu_loss_a": 0.0,
                "psu_loss_c": 0.0,
            }
        },
        "grid": {
            "rated_power_w": peak_w,
            "scr": 1000.0,
            "power_factor": 1.0,
            "transformer_no_load_loss": 0.0,
            "transformer_load_loss": 0.0,
            "frequency_model": "fixed",
        },
        "record": {"full_rate": ["*"]},
    }
    return laid_over(base, tables)


class Run:
    """All signals of a run that was stepped to its end, and its events."""

    def __init__(self, scenario: Scenario, *, engine: str = "native", chunk: int = 0, **options: Any) -> None:
        self.engine = Engine(scenario, engine=engine, **options)
        rows, events = [], []
        size = chunk or self.engine.chunk_ticks
        while self.engine.tick < self.engine.ticks:
            part = self.engine.advance(min(size, self.engine.ticks - self.engine.tick))
            rows.append(part.full.copy())
            events += part.events.tolist()
        self.values = np.concatenate(rows)
        self.events: list[tuple[float, ...]] = events
        self._column = {name: i for i, name in enumerate(self.engine.full_rate_names)}

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        return self.values[:, self._column[name]]

    def names(self, ending: str = "") -> list[str]:
        """Names of the recorded signals with an ending."""
        return [name for name in self._column if name.endswith(ending)]


def state_bits(engine: Engine, members: Iterable[str] = STATE_MEMBERS) -> dict[str, bytes]:
    """Bytes of every state array."""
    return {name: getattr(engine.plant, name).tobytes() for name in members}


def digest(arrays: Mapping[str, bytes]) -> str:
    """SHA-256 of named bytes, names included."""
    total = hashlib.sha256()
    for name, content in arrays.items():
        total.update(name.encode())
        total.update(content)
    return total.hexdigest()
