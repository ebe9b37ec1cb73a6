"""Profiles as plain data for the tests: shipped files, JSON form, and a right row of every block."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path
from typing import Any

from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.schema import rows_of
from wattkeel.profile_files import shipped_profiles

HEAD: dict[str, Any] = {
    "schema_version": 1,
    "id": "mine",
    "title": "My utility",
    "issuer": "me",
    "jurisdiction": "here",
    "url": "none",
    "date": datetime.date(2026, 1, 2),
    "status": "user",
    "evidence": "none",
    "seen": True,
    "applies_to": "load",
}


def shipped() -> dict[str, dict[str, Any]]:
    """Content of the shipped files by name."""
    return {
        name: tomllib.loads(Path(path).read_text(encoding="utf-8"))
        for name, path in shipped_profiles().items()
    }


def as_json(value: Any) -> Any:
    """What a program that checks TOML by a JSON schema sees: dates are texts."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else value


def right_rows() -> dict[str, dict[str, Any]]:
    """A row of every block without a fault: the first seen one that is shipped."""
    found: dict[str, dict[str, Any]] = {"demand": {"interval_s": 900.0, "limit_mw": 50.0, "seen": True}}
    for data in shipped().values():
        for block in BLOCKS:
            for row in rows_of(data.get(block, [])) or []:
                if row["seen"]:
                    found.setdefault(block, dict(row))
    return found
