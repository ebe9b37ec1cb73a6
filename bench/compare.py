"""What changed between two reports: `python bench/compare.py A.json B.json`; see bench/README.md.

Times and rates are calibrated by the spin kernel that ran beside each of them, so that a machine which is
slower as a whole is no change.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from report import number, table

THRESHOLD = 0.20
# Differences here make two reports hard to compare.
SAME = ("cpu", "cores", "python", "numpy", "numba")


def progress(before: dict[str, Any], after: dict[str, Any]) -> float:
    """How many times better ``after`` is, calibrated where both sides have a spin time."""
    if before["value"] <= 0.0 or after["value"] <= 0.0:
        return 1.0
    ratio = after["value"] / before["value"]
    # A spin that takes longer now means a slower machine: times were to grow, rates to fall.
    spin = after["spin_s"] / before["spin_s"] if before["spin_s"] and after["spin_s"] else 1.0
    return ratio * spin if after["better"] == "higher" else spin / ratio


def changes(before: dict[str, Any], after: dict[str, Any], threshold: float) -> list[tuple[str, float]]:
    """Measures in both reports that changed by more than ``threshold``, the worst first."""
    common = [name for name in before if name in after]
    found = [(name, progress(before[name], after[name])) for name in common]
    beyond = [(name, gain) for name, gain in found if not 1.0 / (1.0 + threshold) <= gain <= 1.0 + threshold]
    return sorted(beyond, key=lambda change: change[1])


def _row(name: str, gain: float, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    word = f"{gain:.2f} x better" if gain > 1.0 else f"{1.0 / gain:.2f} x WORSE"
    return [name, number(before[name]["value"]), number(after[name]["value"]), after[name]["unit"], word]


def main(argv: list[str] | None = None) -> int:
    """Print what changed; 1 when something became worse, 0 otherwise."""
    parser = argparse.ArgumentParser(description="Show what changed between two benchmark reports.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="share that counts as a change")
    arguments = parser.parse_args(argv)
    before, after = (json.loads(path.read_text()) for path in (arguments.before, arguments.after))
    for key in SAME:
        old, new = before["environment"][key], after["environment"][key]
        if old != new:
            print(f"careful: {key} differs: {old} -> {new}")
    if before["quick"] != after["quick"]:
        print("careful: one report is a quick one")
    old, new = before["measures"], after["measures"]
    found = changes(old, new, arguments.threshold)
    print(
        f"{len(old.keys() & new.keys())} measures compared, {len(found)} changed by more than "
        f"{arguments.threshold:.0%}; {len(old.keys() ^ new.keys())} are in one report only"
    )
    if found:
        rows = [_row(name, gain, old, new) for name, gain in found]
        print("\n".join(table(["measure", "before", "after", "unit", "calibrated"], rows)))
    return 1 if any(gain < 1.0 for _, gain in found) else 0


if __name__ == "__main__":
    sys.exit(main())
