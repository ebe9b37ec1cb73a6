"""Self-qualification of a battery system by the NVIDIA BESS guidelines, as far as RMS values decide it.

`qualify` runs the tests on one storage unit of a scenario; `write_package` writes what it found as evidence.
The module stands above the rooms: it steps the engine, and puts what compliance and report give into one
answer.
"""

from __future__ import annotations

from pathlib import Path

from wattkeel.qualify.envelope import Envelope, MapPoint
from wattkeel.qualify.evidence import PAGE, Package, requirement_rows
from wattkeel.qualify.guideline import Guideline, GuidelineTest, guideline
from wattkeel.qualify.map_svg import map_svg
from wattkeel.qualify.outcome import Criterion, TestOutcome
from wattkeel.qualify.suite import Qualification, qualify

__all__ = [
    "Criterion",
    "Envelope",
    "Guideline",
    "GuidelineTest",
    "MapPoint",
    "Package",
    "Qualification",
    "TestOutcome",
    "guideline",
    "map_svg",
    "qualify",
    "requirement_rows",
    "write_package",
]


def write_package(found: Qualification, path: str | Path) -> Path:
    """Write the evidence of a qualification into a folder; returns its page.

    Parameters
    ----------
    found : Qualification
    path : str or Path
        Folder; new, empty, or an earlier package, which is replaced.

    Raises
    ------
    ScenarioError
        The folder holds something else.
    """
    package = Package(Path(path))
    for outcome in found.outcomes:
        package.take(outcome)
    package.close(found)
    return package.path / PAGE
