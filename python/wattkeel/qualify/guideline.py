"""The guideline as data: tests, criteria, versions and evidence of the shipped profile."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["METHODS", "PROFILE", "Guideline", "GuidelineTest", "guideline"]

PROFILE = "nvidia_bess_self_qualification"
_FOLDER = Path(__file__).resolve().parents[1] / "compliance" / "profiles"

METHODS = {
    1: "a third-party program written against v0.4 asks for hardware evidence",
    2: "a third-party program written against v0.4 asks for hardware evidence",
    3: "a third-party program written against v0.4 asks for hardware and EMT evidence",
    4: "third-party programs written against v0.4 disagree: one asks for hardware, one for EMT evidence",
    5: "a third-party program written against v0.4 asks for EMT evidence",
    6: "a third-party program written against v0.4 asks for hardware evidence",
    7: "third-party programs written against v0.4 ask for hardware or HIL evidence, or a factory test",
    8: "a third-party program written against v0.4 asks for hardware evidence",
    9: "third-party programs written against v0.4 ask for EMT evidence",
    10: "a third-party program written against v0.4 asks for hardware evidence",
    11: "third-party programs written against v0.4 disagree: one takes simulation, one asks for EMT evidence",
    12: "a third-party program written against v0.4 asks for a review of documents",
}
"""Method by the programs around the guideline, printed beside the verdict; none of it is confirmed."""


@dataclass(frozen=True, slots=True)
class GuidelineTest:
    """One test of the guideline.

    Attributes
    ----------
    number : int
    name, requirement_id : str
    version : str
        Version of the guideline that its numbers come from.
    evidence : str
        How they were seen: "primary_excerpt" (in the document) or "third_party_code".
    evaluation : str
        What an RMS engine can decide: "full", "screening" or "emt_required".
    keys : mapping
        All keys of its table.
    """

    number: int
    name: str
    requirement_id: str
    version: str
    evidence: str
    evaluation: str
    keys: Mapping[str, Any]

    @property
    def standing(self) -> str:
        """Version and evidence in words."""
        how = "read in the document" if self.evidence == "primary_excerpt" else "from third-party code"
        unseen = any(self.keys.get(key) is False for key in ("limits_seen", "limit_seen", "points_seen"))
        return f"v{self.version}, {how}" + ("; limits not seen" if unseen else "")

    @property
    def method_note(self) -> str:
        """What programs around the guideline say of the method; unconfirmed."""
        return f"unconfirmed: {METHODS[self.number]}"


@dataclass(frozen=True, slots=True)
class Guideline:
    """The guideline: its tests by number, and the facts around them ("boundary", "prd_response", ...)."""

    title: str
    document: str
    url: str
    date: str
    status: str
    facts: Mapping[str, Any]
    tests: Mapping[int, GuidelineTest]


def guideline() -> Guideline:
    """Read the shipped profile."""
    data = tomllib.loads((_FOLDER / f"{PROFILE}.toml").read_text(encoding="utf-8"))
    tests = {
        int(row["n"]): GuidelineTest(
            int(row["n"]),
            str(row["name"]),
            str(row["requirement_id"]),
            str(row["version"]),
            str(row["evidence"]),
            str(row["evaluation"]),
            row,
        )
        for row in data["test"]
    }
    return Guideline(
        str(data["title"]),
        str(data["document"]),
        str(data["url"]),
        data["date"].isoformat(),
        str(data["status"]),
        data.get("facts", {}),
        tests,
    )
