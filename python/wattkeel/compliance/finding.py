"""The verdict on one rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

__all__ = ["Finding", "Verdict"]

Verdict = Literal["pass", "fail", "marginal", "not_evaluated", "emt_required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Verdict on one rule of one profile, with what is needed to check it by hand.

    Attributes
    ----------
    profile : str
        Profile that holds the rule; "scenario" for a rule of the scenario itself.
    rule : str
        Name of the rule, unique within the profile.
    verdict : {"pass", "fail", "marginal", "not_evaluated", "emt_required"}
        pass: every admissible reading of the rule is met. fail: every one is violated. marginal: the readings
        disagree, or the margin is below the resolution. not_evaluated: no statement is possible.
        emt_required: outside what an engine of RMS values can decide. The last two are never a pass.
    value, limit : float or None
        Worst reading and limit, in `unit`; None where there is none.
    unit : str
        The rule's own unit: MW, MW/min, MW/s, s, Hz/s, %, or 1 for a share.
    margin : float or None
        (limit - value) / limit, or (value - limit) / limit where at least the limit is asked for; below 0
        when the rule is violated.
    time_s : float or None
        Worst moment, s from the start of the run: the end of the largest change. None for a measure of the
        whole record.
    duration_s : float or None
        Length of the exceedance that holds the worst moment, s; 0 when the limit is met.
    method : str
        How the value was computed.
    status, date, source : str
        Standing, date and address of the rule's document.
    note : str
        All readings with their values, exemptions that were not told apart, or why there is no verdict.
    window_s : float or None
        Length of the stretch that ends at the worst moment and holds the change, s; None for a measure of the
        whole record.
    block : str
        Kind of rule: the block of the profile that holds it ("ramp", "voltage_ride_through").
    evidence : str
        How the numbers of the rule were seen (`wattkeel.compliance.profile.EVIDENCE`).
    quantity : str
        Signal that was judged, as runs name it ("poi.power_w").
    at_least : bool
        Whether the limit is the least that is asked for, not the most that is allowed.
    readings : list of dict
        Every reading of the rule: label, value (in `unit`), verdict, time_s; limit where it has its own.
    details : dict
        What a drawing needs beyond value and limit: ``row`` (keys of the rule), ``band_hz``, ``curve``, ...
    remedy : str
        What would mend a failed rule, where that has been worked out.
    """

    profile: str
    rule: str
    verdict: Verdict
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    margin: float | None = None
    time_s: float | None = None
    duration_s: float | None = None
    method: str = ""
    status: str = ""
    date: str = ""
    source: str = ""
    note: str = ""
    window_s: float | None = None
    block: str = ""
    evidence: str = ""
    quantity: str = ""
    at_least: bool = False
    readings: list[dict[str, Any]] = field(default_factory=list)
    details: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict must be one of {', '.join(get_args(Verdict))}, got {self.verdict!r}")

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON; ``Finding(**row)`` reads them back."""
        return asdict(self)
