"""Talks to a peer's process, compares answers, and lets both sides take turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from timing import Findings, Measure, require, seconds

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / ".venv" / "peers"
ROUNDS, QUICK_ROUNDS = 9, 3
LEAST_S = 0.02  # of a slice of ours: shorter ones are repeated

Answer = Mapping[str, Any]


class NotInstalled(Exception):
    """The peer has no environment here."""


@dataclass(frozen=True)
class Case:
    """The same work on both sides.

    Attributes
    ----------
    name
        Of the row that is shown.
    physics
        What both sides compute, and where they do not do the same.
    request
        What the peer is told.
    ours
        The same by wattkeel; gives the final state.
    steps
        Battery-ticks of one call.
    tolerance
        Largest difference of each final value that is compared.
    argument
        Why that much.
    checked
        Gives the two answers that are compared; default: those of the timed work itself.
    """

    name: str
    physics: str
    request: Answer
    ours: Callable[[], Answer]
    steps: int
    tolerance: Mapping[str, float]
    argument: str
    checked: Callable[[], tuple[Answer, Answer]] | None = None


def interpreter(name: str) -> Path:
    """Python of a peer's environment."""
    home = ENVIRONMENTS / name
    windows = home / "Scripts" / "python.exe"
    return windows if windows.exists() else home / "bin" / "python"


class Peer:
    """A process that answers requests; use as a context."""

    def __init__(self, name: str) -> None:
        self.name = name
        python = interpreter(name)
        if not python.exists():
            raise NotInstalled("not installed: make peers")
        command = [str(python), str(HERE / name / "child.py")]
        # One thread, like wattkeel's side.
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # not a pipe, which would fill
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env={**os.environ, **single},
        )  # fmt: skip
        hello = self.ask({"case": "hello"})
        self.about = f"{hello['peer']} {hello['version']}, Python {hello['python']}"

    def ask(self, request: Answer) -> Answer:
        """Answer of the peer."""
        pipes = self._process
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        try:
            pipes.stdin.write(json.dumps(request) + "\n")
            pipes.stdin.flush()
            line = pipes.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            pipes.communicate()
            self._log.seek(0)
            require(False, f"{self.name}: {self._log.read().strip()[-800:] or 'no answer'}")
        return json.loads(line)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._log.close()


def difference(ours: Answer, theirs: Answer, tolerance: Mapping[str, float], what: str) -> dict[str, float]:
    """Largest difference of every value that is compared; a wrong answer stops the run."""
    found = {}
    for key, limit in tolerance.items():
        gap = float(np.max(np.abs(np.asarray(ours[key]) - np.asarray(theirs[key]))))
        require(gap <= limit, f"{what}: {key} differs by {gap:.3g}, more than {limit:.3g}")
        found[key] = gap
    return found


def _ours_s(case: Case, calls: int) -> float:
    def work() -> None:
        for _ in range(calls):
            case.ours()

    return seconds(work) / calls


def measure_case(peer: Peer, case: Case, quick: bool) -> Findings:
    """Compare the answers, then time both in turns."""
    name = f"peer/{peer.name}/{case.name}"
    first = peer.ask(case.request)
    ours, theirs = case.checked() if case.checked else (case.ours(), first["final"])
    gaps = difference(ours, theirs, case.tolerance, f"{peer.name}, {case.name}")
    require(first["steps"] == case.steps, f"{name}: {first['steps']} steps, not {case.steps}")
    calls = max(1, round(LEAST_S / _ours_s(case, 1)))
    times: dict[str, list[float]] = {"peer": [], "wattkeel": []}
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        times["peer"].append(peer.ask(case.request)["seconds"])
        times["wattkeel"].append(_ours_s(case, calls))
    found = Findings()
    for who, values in times.items():
        found.measures[f"{name}/{who}"] = Measure(case.steps / min(values), "steps/s", "higher")
    best = min(times["peer"]) / min(times["wattkeel"])
    median = statistics.median(p / w for p, w in zip(times["peer"], times["wattkeel"], strict=True))
    found.measures[f"{name}/ratio"] = Measure(best, "x", "higher")
    found.measures[f"{name}/ratio_median"] = Measure(median, "x", "higher")
    said = ", ".join(f"{key} {gap:.2g} (limit {case.tolerance[key]:.2g})" for key, gap in gaps.items())
    found.checks.append(f"{peer.name}, {case.name}: differences {said}; {case.argument}")
    found.notes.append(f"{peer.name}, {case.name}: {case.physics}")
    return found
