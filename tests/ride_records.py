"""Records and profiles for the tests of ride-through, frequency, recovery and voltage quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel.compliance import Finding, Profile, load_profile
from wattkeel.compliance.profile import Row
from wattkeel.compliance.record import LoadModel, Record
from wattkeel.compliance.verdicts import judge_profile
from wattkeel.events import KINDS, Event

TICK_S = 1e-3
POWER_W = 100e6
MODELLED = LoadModel(on_voltage=True, on_frequency=True)

Array = NDArray[np.float64]


def stretches(*parts: tuple[float, float], tick_s: float = TICK_S) -> Array:
    """Values held one after the other: (value, length s)."""
    return np.concatenate([np.full(round(length_s / tick_s), float(value)) for value, length_s in parts])


def event(
    kind: str, at_s: float, length_s: float | None = None, place: str = "distribution.ups",
    value: float = 0.3, limit: float = 0.5, tick_s: float = TICK_S,
) -> Event:  # fmt: skip
    assert kind in {known.name for known in KINDS.values()}
    return Event(at_s, round(at_s / tick_s), kind, place, value, limit, "pu", length_s)


def run(voltage: Array | None, *events: Event, frequency: Array | None = None, **more: Any) -> Record:
    """A run whose load draws constant power and may trip."""
    series = voltage if voltage is not None else frequency
    assert series is not None
    power = more.pop("power_w", np.full(series.size, POWER_W))
    return Record(
        power, more.pop("tick_s", TICK_S), voltage_pu=voltage, frequency_hz=frequency, events=list(events),
        simulated=True, load_model=more.pop("load_model", MODELLED), **more,
    )  # fmt: skip


def measured(power: Array, voltage: Array | None = None, tick_s: float = TICK_S, **more: Any) -> Record:
    """A record of a meter."""
    return Record(power, tick_s, voltage_pu=voltage, **more)


def profile(blocks: Mapping[str, Sequence[Mapping[str, Any]]], **head: Any) -> Profile:
    """A user's profile of these rows."""
    rows = tuple(
        Row(block, index, {"seen": True, **keys})
        for block, given in blocks.items()
        for index, keys in enumerate(given)
    )
    return Profile(
        name="mine", title="mine", issuer="me", source="none", date="2026-01-02", status="user",
        evidence="none", seen=True, threshold_mw=0.0, rows=rows, head={"applies_to": "load", **head},
        facts={},
    )  # fmt: skip


def findings(record: Record, given: Profile | str) -> dict[str, Finding]:
    """Findings by rule; no two have one name."""
    found = judge_profile(record, load_profile(given) if isinstance(given, str) else given)
    assert len({one.rule for one in found}) == len(found)
    return {one.rule: one for one in found}


def one(record: Record, given: Profile | str, words: str) -> Finding:
    """The one finding whose rule begins with these words."""
    found = findings(record, given)
    matching = [finding for rule, finding in found.items() if rule.startswith(words)]
    assert len(matching) == 1, f"{words!r}: {list(found)}"
    return matching[0]


def bands(*rows: tuple[float, float, float | None]) -> list[dict[str, Any]]:
    """Rows of voltage ride-through: (from, to, time s), None for continuous."""
    return [
        {
            "v_min_pu": low,
            "v_max_pu": high,
            **({"continuous": True} if time_s is None else {"min_duration_s": time_s}),
        }
        for low, high, time_s in rows
    ]
