"""Best-of timing for a noisy machine, a spin kernel to calibrate by, and what a machine is."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# Work that no change to wattkeel, numpy or Python alters: it shows how fast the machine was meanwhile.
SPIN_BYTES = bytes(1 << 20)
SPIN = "spin"


class WrongAnswer(AssertionError):
    """A benchmark did not compute what it had to; its time is worth nothing."""


def require(holds: bool, text: str) -> None:
    """Raise `WrongAnswer` unless ``holds``; unlike ``assert`` also under ``python -O``."""
    if not holds:
        raise WrongAnswer(text)


@dataclass(frozen=True)
class Measure:
    """One figure. ``better`` says which way is progress; ``spin_s`` was the spin kernel's time beside it."""

    value: float
    unit: str
    better: str = "lower"
    spin_s: float = 0.0


@dataclass
class Findings:
    """Figures by name, the answers that were checked on the way, and what else must be said beside them."""

    measures: dict[str, Measure] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take over what another module found."""
        self.measures.update(other.measures)
        self.checks.extend(other.checks)
        self.notes.extend(other.notes)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "measures": {name: asdict(measure) for name, measure in self.measures.items()},
            "checks": self.checks,
            "notes": self.notes,
        }


def spin() -> None:
    """The spin kernel."""
    hashlib.sha256(SPIN_BYTES).digest()


def seconds(call: Callable[[], object]) -> float:
    """Time of one call, s."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def round_robin(
    cases: Mapping[str, Callable[[], object]], *, budget_s: float, least: int = 3, most: int = 200
) -> dict[str, float]:
    """Best time of every case and of the spin kernel, s.

    Each round calls every case once, so that a disturbance hits all alike; rounds go on until ``budget_s`` is
    spent, but there are at least ``least``.
    """
    calls = {SPIN: spin, **cases}
    best = dict.fromkeys(calls, float("inf"))
    end = time.perf_counter() + budget_s
    done = 0
    while done < least or (done < most and time.perf_counter() < end):
        for name, call in calls.items():
            best[name] = min(best[name], seconds(call))
        done += 1
    return best


def _version(package: str) -> str | None:
    try:
        return str(importlib.import_module(package).__version__)
    except ImportError:
        return None


def cpu_model() -> str:
    """Name of the processor as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load_average() -> list[float] | None:
    """Load of the machine in the last 1, 5 and 15 minutes, where the system tells."""
    return list(os.getloadavg()) if hasattr(os, "getloadavg") else None


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> dict[str, Any]:
    """What a figure depends on beside the code."""
    from wattkeel import _core

    return {
        "build": dict(_core.build_info()),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "numpy": _version("numpy"),
        "numba": _version("numba"),
        "load_average_before": load_average(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
