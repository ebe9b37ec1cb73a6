"""Checks of what a load may excite: what the parameters of one entry say together.

A finding names all the places that it reads, first the one to mend, as in `wattkeel.cell_checks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from wattkeel._generated.models import Resonance
from wattkeel.cell_checks import Finding

__all__ = ["DAMPING", "resonance_findings"]

#: Forms in which the damping of modes may be given, with the largest value of each.
DAMPING = {"damping_ratio": 0.99, "log_decrement": 40.0, "decay_per_s": 1e4, "quality": 1e9}

# Parameters that only one kind, or two, read.
_OWN = {
    "low_hz": ("band",),
    "high_hz": ("band",),
    "mode_hz": ("modes",),
    "inertia_s": ("shaft",),
    "stiffness_pu": ("shaft",),
    "generator_mass": ("shaft",),
    **dict.fromkeys(DAMPING, ("modes", "shaft")),
}
_LARGEST = 1e6


def resonance_findings(place: str, entry: Resonance) -> Iterator[Finding]:
    """What contradicts itself in one entry.

    Parameters
    ----------
    place
        Where it stands, for the messages.
    entry
        Its parameters.
    """
    for name, kinds in _OWN.items():
        if entry.kind not in kinds and getattr(entry, name):
            message = f'is not read where kind is "{entry.kind}"'
            yield [f"{place}.{name}", f"{place}.kind"], getattr(entry, name), message, "remove it"
    if entry.kind == "band":
        if not 0.0 < entry.low_hz < entry.high_hz:
            places = [f"{place}.low_hz", f"{place}.high_hz"]
            message = f"must be above 0 and below high, {entry.high_hz:g} Hz"
            yield places, entry.low_hz, message, "give both edges of the band"
        return
    modes = len(entry.mode_hz)
    if entry.kind == "modes":
        yield from _series(place, "mode_hz", entry.mode_hz, "give the frequencies of the modes")
        if any(a >= b for a, b in pairwise(entry.mode_hz)):
            yield [f"{place}.mode_hz"], entry.mode_hz, "must ascend", "sort them"
    else:
        yield from _shaft(place, entry)
        modes = max(0, len(entry.inertia_s) - 1)
    yield from _damping(place, entry, modes)


def _series(place: str, name: str, values: Sequence[float], remedy: str) -> Iterator[Finding]:
    """A list that must be there, of numbers above 0."""
    if not values:
        yield [f"{place}.{name}", f"{place}.kind"], None, "is missing", remedy
    for index, value in enumerate(values):
        if not 0.0 < value <= _LARGEST:
            yield [f"{place}.{name}[{index}]"], value, f"must be above 0 and at most {_LARGEST:g}", remedy


def _shaft(place: str, entry: Resonance) -> Iterator[Finding]:
    yield from _series(place, "inertia_s", entry.inertia_s, "give H of every mass")
    yield from _series(place, "stiffness_pu", entry.stiffness_pu, "give the stiffness of every section")
    masses = len(entry.inertia_s)
    if entry.inertia_s and entry.stiffness_pu and len(entry.stiffness_pu) != masses - 1:
        places = [f"{place}.stiffness_pu", f"{place}.inertia_s"]
        message = f"{masses} masses have {masses - 1} sections between them, not {len(entry.stiffness_pu)}"
        yield places, entry.stiffness_pu, message, "give one value a section, two masses at least"
    if masses and not 1 <= entry.generator_mass <= masses:
        places = [f"{place}.generator_mass", f"{place}.inertia_s"]
        message = f"must be one of the masses, 1 to {masses}"
        yield places, entry.generator_mass, message, "count the generator's mass from the first"


def _damping(place: str, entry: Resonance, modes: int) -> Iterator[Finding]:
    given = [name for name in DAMPING if getattr(entry, name)]
    if len(given) > 1:
        places = [f"{place}.{name}" for name in given]
        yield places, getattr(entry, given[0]), f"is also given as {given[1]}", "keep one of them"
    for name in given:
        values = getattr(entry, name)
        if modes and len(values) not in (1, modes):
            message = f"there are {modes} modes, and {len(values)} values"
            yield [f"{place}.{name}"], values, message, "give one for all, or one for each (0: not known)"
        for index, value in enumerate(values):
            if not 0.0 <= value <= DAMPING[name]:
                message = f"must be from 0 (not known) to {DAMPING[name]:g}"
                yield [f"{place}.{name}[{index}]"], value, message, "mend it"
