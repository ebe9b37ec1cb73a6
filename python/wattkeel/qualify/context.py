"""What every test is given: the system under test, its settings, the guideline, and how to tell progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wattkeel._generated import models
from wattkeel.loading import inlet_w, peak_gpu_w, peak_load_w, rated_power_w
from wattkeel.qualify.bench import Progress, Subject
from wattkeel.qualify.guideline import Guideline, GuidelineTest
from wattkeel.qualify.outcome import Criteria
from wattkeel.scenario import Scenario

__all__ = ["Context", "it_load_w"]


@dataclass(frozen=True)
class Context:
    """Everything a test reads.

    Attributes
    ----------
    subject : Subject
    settings : Qualify
        The ``[qualify]`` table, with defaults where it was not written.
    source : Guideline
    progress : callable or None
    """

    subject: Subject
    settings: models.Qualify
    source: Guideline
    progress: Progress | None = None

    @property
    def scenario(self) -> Scenario:
        """The user's scenario."""
        return self.subject.scenario

    @property
    def it_load_w(self) -> float:
        """Rating of the IT load, W."""
        return self.settings.it_load_w or it_load_w(self.scenario)

    @property
    def peak_w(self) -> float:
        """Largest load of the site bus that is expected, W."""
        return peak_load_w(self.scenario)

    @property
    def base_w(self) -> float:
        """Contracted power, the base of SCR, which a bench without the user's load would not find, W."""
        return rated_power_w(self.scenario)

    def test(self, number: int) -> GuidelineTest:
        """A test of the guideline."""
        return self.source.tests[number]

    def criteria(self, number: int) -> Criteria:
        """Empty list of criteria of a test."""
        return Criteria(self.source, self.test(number))

    def within(self, first: float, last: float) -> Progress | None:
        """Progress of a part of a test."""
        told: Callable[[float], None] | None = self.progress
        if told is None:
            return None
        return lambda share: told(first + (last - first) * share)


def it_load_w(scenario: Scenario) -> float:
    """Largest power of all rack inlets that the jobs ask for, W."""
    racks = scenario.model.rack.values()
    return sum(rack.count * inlet_w(scenario, rack, peak_gpu_w(scenario, rack)) for rack in racks)
