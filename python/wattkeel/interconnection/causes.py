"""What happens at the worst moment of a rule: what changes by how much, and which events fall in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattkeel.interconnection.trials import LOAD, POWER

if TYPE_CHECKING:
    from wattkeel.compliance import Finding
    from wattkeel.result import Result

__all__ = ["explain"]

#: Events that say something of a change of power, as they are told.
_TELLING = {
    "grid_event": "an event of the grid",
    "storage_limited": "a limit of the storage",
    "voltage_collapse": "a voltage collapse",
    "load_ceased": "load that ceased",
    "load_returning": "load that returns",
    "load_transferred": "load that was transferred",
    "island": "an island",
    "blackout": "a blackout",
    "job_start": "the start of a job",
    "job_stop": "the end of a job",
    "load_shed": "load shedding",
}
#: Events so shortly before the change belong to it, s.
_BEFORE_S = 0.5
#: Time within which the fastest change of the load is told, s.
_FAST_S = 0.02


def explain(result: Result, finding: Finding) -> str:
    """Say what happens at the worst moment of a rule on power.

    Parameters
    ----------
    result : Result
        Run that was judged, with power at the POI at full rate.
    finding : Finding

    Returns
    -------
    str
        Empty where the rule has no worst moment.
    """
    if finding.time_s is None or finding.quantity != POWER:
        return ""
    try:
        power_w = result.signals[POWER]
    except KeyError:
        return ""
    tick_s = result.tick_s
    end = min(round(finding.time_s / tick_s) + 1, len(power_w))
    begin = max(0, end - 1 - max(round((finding.window_s or 1.0) / tick_s), 1))
    part_w = np.asarray(power_w[begin:end])
    first, last = sorted((int(np.argmin(part_w)), int(np.argmax(part_w))))
    if first == last:
        return ""
    text = (
        f"between {(begin + first) * tick_s:.6g} and {(begin + last) * tick_s:.6g} s the import changes by "
        f"{1e-6 * (part_w[last] - part_w[first]):+.4g} MW"
    )
    try:
        load_w = np.asarray(result.signals[LOAD][begin:end])
    except KeyError:
        load_w = np.empty(0)
    if load_w.size:
        fast = max(1, round(_FAST_S / tick_s))
        text += f", the load by {1e-6 * (load_w[last] - load_w[first]):+.4g} MW"
        if load_w.size > fast:
            steps_w = np.abs(load_w[fast:] - load_w[:-fast])
            at = int(np.argmax(steps_w))
            within = f"within {fast * tick_s * 1e3:g} ms at {(begin + at + fast) * tick_s:.6g} s"
            text += f"; its fastest change there is {1e-6 * steps_w[at]:.4g} MW {within}"
    told = _events(result, (begin + first) * tick_s, (begin + last) * tick_s)
    return text + (f"; at that time {', '.join(told)}" if told else "")


def _events(result: Result, begin_s: float, end_s: float) -> list[str]:
    """Events that overlap a time, each kind once."""
    told: dict[str, None] = {}
    for event in result.events:
        last_s = event.time_s + (event.duration_s or 0.0)
        if event.kind in _TELLING and event.time_s <= end_s and last_s >= begin_s - _BEFORE_S:
            told[_TELLING[event.kind]] = None
    return list(told)
