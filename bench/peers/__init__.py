"""Other simulators beside wattkeel: the same case on both sides, in turns, answers compared first.

Each peer runs in an environment of its own (`make peers`), in a process that answers requests; see
`README.md`. A peer that is not installed is skipped and named.
"""

from __future__ import annotations

from timing import Findings

from . import pybamm_cases, pysam_cases, simses_cases
from .link import NotInstalled, Peer, measure_case

PEERS = {"simses": simses_cases, "pybamm": pybamm_cases, "pysam": pysam_cases}


def measure(isas: list[str], quick: bool) -> Findings:
    """All peers that are installed; ``isas`` is not used: wattkeel takes the best."""
    del isas
    found = Findings()
    for name, cases in PEERS.items():
        try:
            with Peer(name) as peer:
                found.notes.append(f"{name}: {peer.about}")
                for case in cases.cases(peer):
                    found.add(measure_case(peer, case, quick))
        except NotInstalled as absent:
            found.notes.append(f"{name}: skipped, {absent}")
    return found
