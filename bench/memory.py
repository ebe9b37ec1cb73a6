"""Peak memory of a whole run, `wk.simulate` with a run directory, for one length and ten times that.

Each run is a child process, so that its peak is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import sites
from timing import Findings, Measure, require

RACKS = 8
DURATION_S = 60.0
FACTOR = 10
RESIDUAL_MAX = 1e-12


STATUS = Path("/proc/self/status")
SAMPLE_S = 0.005


def _status_bytes(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{key}:"))
    return 1024 * int(line.split()[1])


def peak_bytes() -> int:
    """Largest resident size of this process so far."""
    if STATUS.exists():  # ru_maxrss would begin with that of the parent
        return _status_bytes("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class PrivatePeak:
    """Watches the largest private size: without pages of mapped files, which the system can take back."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self.peak_bytes = max(self.peak_bytes, _status_bytes("RssAnon"))

    def __enter__(self) -> PrivatePeak:
        if STATUS.exists():
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()


def simulate(duration_s: float, directory: str) -> None:
    """What the child does: run, and print peaks, time and answer."""
    import wattkeel as wk

    scenario = sites.site(RACKS, duration_s)
    with PrivatePeak() as private:
        result = wk.simulate(scenario, out_dir=directory, progress=False)
    report = {
        "peak_bytes": peak_bytes(),
        "private_bytes": private.peak_bytes,
        "wall_s": result.manifest["wall_s"],
        "ticks": result.ticks,
        "complete": result.complete,
        "residual_relative": result.ledger.residual_relative,
    }
    print(json.dumps(report))


def _simulate_in_child(duration_s: float) -> dict:
    with tempfile.TemporaryDirectory(prefix="wattkeel-bench-") as directory:
        command = [sys.executable, str(Path(__file__).resolve()), str(duration_s), f"{directory}/run"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        require(done.returncode == 0, f"simulate {duration_s:g} s: {done.stderr.strip()[-500:]}")
        report = json.loads(done.stdout.splitlines()[-1])
    require(report["complete"], f"simulate {duration_s:g} s: incomplete")
    require(report["ticks"] == round(duration_s / sites.TICK_S), f"simulate {duration_s:g} s: ticks lack")
    require(
        abs(report["residual_relative"]) < RESIDUAL_MAX, f"simulate {duration_s:g} s: ledger does not close"
    )
    return report


def measure(isas: list[str], quick: bool) -> Findings:
    """Two runs; ``isas`` and ``quick`` change nothing here."""
    found = Findings()
    if sys.platform == "win32":
        return found
    short, long = (_simulate_in_child(DURATION_S * times) for times in (1, FACTOR))
    for name, report in (("1x", short), (f"{FACTOR}x", long)):
        found.measures[f"memory/{name}/peak"] = Measure(report["peak_bytes"] / 2**20, "MiB")
        if report["private_bytes"]:
            found.measures[f"memory/{name}/private"] = Measure(report["private_bytes"] / 2**20, "MiB")
        found.measures[f"simulate/{RACKS}/{name}/real_time"] = Measure(
            report["ticks"] * sites.TICK_S / report["wall_s"], "x", "higher"
        )
    growth = (long["peak_bytes"] - short["peak_bytes"]) / 2**20
    found.measures["memory/growth"] = Measure(growth, "MiB")
    found.checks.append(
        f"simulate, {RACKS} racks: {DURATION_S:g} s and {FACTOR} times that complete, ledgers close"
    )
    return found


if __name__ == "__main__":
    simulate(float(sys.argv[1]), sys.argv[2])
