"""Stress of the batteries of a whole site, from what a run recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattkeel.ageing.stress import Stress, counted, settings_of
from wattkeel.errors import Fault, ScenarioError

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["of_run"]


def of_run(
    result: Result,
    unit: str,
    *,
    method: str = "rainflow",
    dead_band_soc: float = 0.001,
    rest_c_rate: float = 0.01,
    engine: str = "native",
) -> Stress:
    """Stress of a battery of a site, from means of SoC and temperature in the finest envelope of a run.

    Swings within a bucket of the envelope are not seen: with ``record.envelope_s`` of a second or less they
    lie far within the dead band of anything but an overloaded battery.

    Parameters
    ----------
    result
        A run, also one that was opened again.
    unit
        Name of the storage unit, a battery.
    method, dead_band_soc, rest_c_rate, engine
        As for `count`.

    Raises
    ------
    ScenarioError
        There is no such battery, or the run recorded fewer than two buckets.
    """
    if not hasattr(result, "envelopes"):
        remedy = "give what wk.simulate or wk.open_result returns"
        raise ScenarioError(
            [Fault("result", result, f"{type(result).__name__} is no result of a run", remedy)]
        )
    storage = result.scenario.model.storage
    batteries = [name for name, each in storage.items() if each.battery is not None]
    if unit not in batteries:
        remedy = f"batteries: {', '.join(batteries)}" if batteries else "the site has none"
        raise ScenarioError([Fault("unit", unit, "is no battery of this site", remedy)])
    settings = settings_of(method, dead_band_soc, rest_c_rate, engine)
    envelope = min(result.envelopes, key=lambda each: each.period_s, default=None)
    if envelope is None or len(envelope.time_s) < 2:
        remedy = "run longer, or set record.envelope"
        raise ScenarioError([Fault("result", None, "has fewer than two buckets of an envelope", remedy)])
    time_s, _, soc, _ = envelope.of(f"storage.{unit}.soc")
    _, _, temperature_k, _ = envelope.of(f"storage.{unit}.temperature_k")
    cells = storage[unit].battery
    assert cells is not None
    return counted(
        np.diff(time_s), np.ascontiguousarray(soc), np.ascontiguousarray(temperature_k), settings,
        soh_capacity=cells.soh_capacity, repeating=False, log_rows=0, engine=engine,
    )  # fmt: skip
