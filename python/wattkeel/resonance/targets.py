"""What the screening looks for: the presets of kind ``resonance`` and the entries of a scenario."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wattkeel._generated.models import Resonance
from wattkeel.errors import Fault, ScenarioError
from wattkeel.resonance.shafts import ShaftModes, shaft_modes
from wattkeel.resonance_checks import DAMPING, resonance_findings

__all__ = ["Mode", "Target", "damping_ratios", "known_targets"]


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode: its frequency, Hz, and its damping over the critical one, NaN where it is not known."""

    frequency_hz: float
    damping_ratio: float

    @property
    def quality(self) -> float:
        """Amplification at resonance in the steady state, 1 / (2 zeta); NaN where damping is not known."""
        return 0.5 / self.damping_ratio if self.damping_ratio > 0.0 else math.nan

    def amplification(self, frequency_hz: float) -> float:
        """Steady-state response at a frequency over that to a slow force; NaN at an undamped resonance.

        ``1 / |1 - r^2 + 2 j zeta r|``, r the frequency over that of the mode. Where damping is not known it
        is left out, which holds as long as the distance is large against the width of the resonance.
        """
        ratio = frequency_hz / self.frequency_hz
        zeta = self.damping_ratio if self.damping_ratio > 0.0 else 0.0
        size = math.hypot(1.0 - ratio * ratio, 2.0 * zeta * ratio)
        return 1.0 / size if size > 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class Target:
    """A band, modes or a shaft that the screening looks at.

    Attributes
    ----------
    name, title : str
        Name of the entry, and one line about it.
    parameters : Resonance
        Its parameters.
    own : bool
        Whether it comes from the scenario and not from the presets.
    modes : tuple of Mode
        Its modes; empty for a band.
    shaft : ShaftModes or None
        Shapes and torques, for a shaft.
    """

    name: str
    title: str
    parameters: Resonance
    own: bool
    modes: tuple[Mode, ...]
    shaft: ShaftModes | None

    @classmethod
    def of(cls, name: str, parameters: Resonance, *, title: str = "", own: bool = True) -> Target:
        """Target of an entry.

        Raises
        ------
        ScenarioError
            The entry contradicts itself.
        """
        faults = [
            Fault(places[0], value, message, remedy)
            for places, value, message, remedy in resonance_findings(f"resonance.{name}", parameters)
        ]
        if faults:
            raise ScenarioError(faults)
        shaft = None
        frequencies = list(parameters.mode_hz)
        if parameters.kind == "shaft":
            shaft = shaft_modes(
                parameters.inertia_s,
                parameters.stiffness_pu,
                parameters.generator_mass,
                parameters.nominal_frequency_hz,
            )
            frequencies = shaft.frequency_hz.tolist()
        modes = tuple(map(Mode, frequencies, damping_ratios(parameters, frequencies)))
        return cls(name, title or name, parameters, own, modes, shaft)

    def windows(self) -> list[tuple[float, float, Mode | None]]:
        """Frequencies to look at: lower and upper edge, Hz, and the mode in the middle, None for a band."""
        if self.parameters.kind == "band":
            return [(self.parameters.low_hz, self.parameters.high_hz, None)]
        half_hz = self.parameters.width_hz
        return [
            (max(mode.frequency_hz - half_hz, 0.0), mode.frequency_hz + half_hz, mode) for mode in self.modes
        ]


def damping_ratios(parameters: Resonance, frequency_hz: list[float]) -> list[float]:
    """Damping of each mode over the critical one, in whatever form it was given; NaN: not known."""
    given = [name for name in DAMPING if getattr(parameters, name)]
    if not given:
        return [math.nan] * len(frequency_hz)
    values = np.broadcast_to(np.asarray(getattr(parameters, given[0]), dtype=np.float64), len(frequency_hz))
    own = 2.0 * math.pi * np.asarray(frequency_hz)
    with np.errstate(divide="ignore"):
        ratios = {
            "damping_ratio": values,
            "log_decrement": values / np.hypot(2.0 * math.pi, values),
            "decay_per_s": values / own,
            "quality": 0.5 / values,
        }[given[0]]
    return [float(ratio) if value > 0.0 else math.nan for value, ratio in zip(values, ratios, strict=True)]


def known_targets(own: Mapping[str, Resonance] | None = None) -> list[Target]:
    """All presets of kind ``resonance``, and entries of one's own, which go before presets of their name.

    Parameters
    ----------
    own : mapping of str to Resonance, optional
        Entries of a scenario, ``scenario.model.resonance``.

    Raises
    ------
    ScenarioError
        An entry contradicts itself.
    """
    from wattkeel.parameters import preset
    from wattkeel.presets.catalogue import list_presets

    entries = dict(own or {})
    targets = []
    for found in list_presets("resonance"):
        if found.name not in entries:
            parameters = preset("resonance", found.name)
            assert isinstance(parameters, Resonance)
            targets.append(Target.of(found.name, parameters, title=found.title, own=False))
    targets += [Target.of(name, parameters) for name, parameters in entries.items()]
    # Bands first, wide before narrow; then by the lowest mode.
    return sorted(targets, key=lambda each: (bool(each.modes), each.windows()[0][0]))
