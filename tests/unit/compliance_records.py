"""Records and profiles of the tests of the compliance room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wattkeel.compliance import Finding, evaluate_series

TICK_S = 1e-3

HEAD = """
schema_version = 1
id = "mine"
title = "My utility"
issuer = "me"
jurisdiction = "here"
url = "none"
date = 2026-01-02
status = "user"
evidence = "none"
seen = true
applies_to = "load"
"""


def seconds(length_s: float, tick_s: float = TICK_S) -> np.ndarray:
    return np.arange(round(length_s / tick_s)) * tick_s


def judge(power_w: np.ndarray, profile: str, tick_s: float = TICK_S, **more: Any) -> dict[str, Finding]:
    findings = evaluate_series(power_w, tick_s, [profile], **more)
    assert len({f.rule for f in findings}) == len(findings)
    return {f.rule: f for f in findings}


def one(findings: dict[str, Finding], *words: str) -> Finding:
    found = [f for rule, f in findings.items() if all(word in rule.split() for word in words)]
    assert len(found) == 1, f"{words}: {list(findings)}"
    return found[0]


def write(folder: Path, rules: str, head: str = HEAD) -> str:
    (folder / "mine.toml").write_text(head + rules, encoding="utf-8")
    return str(folder / "mine.toml")
