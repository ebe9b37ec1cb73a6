"""Checks of the supply: what the parameters of grid, island and grid-forming units say together.

Used for scenarios and for the grid stage alone; findings are as in `cell_checks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from wattkeel._generated.models import CapacitorBank, Forming, Grid, GridEvent, Island, TapChanger
from wattkeel.cell_checks import Finding
from wattkeel.supply_lowering import PICKUP_STEPS

__all__ = ["forming_findings", "grid_findings"]

_SHARE_SUM = 1e-9
# Turn of the swing of a forming unit in a tick, rad, up to which stepping it is accurate and stable.
_MOST_SWING_RAD = 0.5


def grid_findings(place: str, grid: Grid) -> Iterator[Finding]:
    """What contradicts itself in the parameters of the grid, with all that is nested in it."""
    for kind, what in (("load", "active"), ("reactive", "reactive")):
        keys = [f"{place}.{kind}_current_share", f"{place}.{kind}_impedance_share"]
        shares = [getattr(grid, key.rpartition(".")[2]) for key in keys]
        if sum(shares) > 1.0 + _SHARE_SUM:
            message = f"the shares of the {what} power sum to {sum(shares):g}, more than 1"
            yield keys, shares[0], message, "lower one; the rest is constant power"
    for index, event in enumerate(grid.event):
        yield from _event(f"{place}.event[{index}]", event, grid.island is not None)
    if grid.tap_changer is not None:
        yield from _tap_changer(f"{place}.tap_changer", grid.tap_changer)
    if grid.capacitor_bank is not None:
        yield from _capacitor_bank(f"{place}.capacitor_bank", grid.capacitor_bank)
    if grid.island is not None:
        yield from _island(f"{place}.island", grid.island)


def _event(place: str, event: GridEvent, can_separate: bool) -> Iterator[Finding]:
    if event.opens_breaker and not can_separate:
        remedy = "add [grid.island], or use voltage = 0 for an interruption"
        yield [f"{place}.opens_breaker"], True, "nothing says how the site separates", remedy
    after, durations = event.repeat_after_s, event.repeat_duration_s
    keys = [f"{place}.repeat_after_s", f"{place}.repeat_duration_s"]
    if any(not 0.0 < value < math.inf for value in after) or any(b <= a for a, b in pairwise(after)):
        yield keys[:1], list(after), "must be times above 0, ascending", "count them from start"
    if durations and len(durations) != len(after):
        message = f"{len(durations)} durations for {len(after)} repetitions"
        yield keys[::-1], list(durations), message, "give one for each of repeat_after, or none"
    if any(not 0.0 < value < math.inf for value in durations):
        yield keys[1:], list(durations), "must be times above 0", "leave out those without length"
    starts = [0.0, *after]
    lengths = [event.duration_s, *(durations or [event.duration_s] * len(after))]
    for (begin_s, next_s), length_s in zip(pairwise(starts), lengths, strict=False):
        if begin_s + length_s > next_s > begin_s:
            message = f"begins after {next_s:g} s, before the one of {begin_s:g} s has ended"
            yield keys, list(after), message, "an event cannot overlap itself; use two rows"
            return


def _tap_changer(place: str, tap: TapChanger) -> Iterator[Finding]:
    if not tap.lowest <= tap.initial <= tap.highest:
        keys = [f"{place}.{key}" for key in ("initial", "lowest", "highest")]
        yield keys, tap.initial, f"lies outside {tap.lowest} to {tap.highest}", "begin within"
    if tap.deadband_pu <= 0.5 * tap.step_pu:
        message = f"is not wider than half a step, {0.5 * tap.step_pu:g}: the tap changer hunts"
        yield [f"{place}.deadband_pu", f"{place}.step_pu"], tap.deadband_pu, message, "widen it"
    if 1.0 + tap.lowest * tap.step_pu < 0.5:
        keys = [f"{place}.lowest", f"{place}.step_pu"]
        yield keys, tap.lowest, "lowers the voltage by more than half", "use fewer or smaller steps"


def _capacitor_bank(place: str, bank: CapacitorBank) -> Iterator[Finding]:
    if bank.initial > bank.steps:
        keys = [f"{place}.initial", f"{place}.steps"]
        yield keys, bank.initial, f"more than there are, {bank.steps}", "lower it or add steps"
    if bank.in_below_pu >= bank.out_above_pu:
        keys = [f"{place}.in_below_pu", f"{place}.out_above_pu"]
        message = f"must be below out_above, {bank.out_above_pu:g} pu"
        yield keys, bank.in_below_pu, message, "leave room for a step between them"


def _island(place: str, island: Island) -> Iterator[Finding]:
    if island.return_low_pu >= island.return_high_pu:
        keys = [f"{place}.return_low_pu", f"{place}.return_high_pu"]
        message = f"must be below return_high, {island.return_high_pu:g} pu"
        yield keys, island.return_low_pu, message, "give a band"
    if island.separate_below_pu > island.return_low_pu:
        keys = [f"{place}.separate_below_pu", f"{place}.return_low_pu"]
        message = f"is above return_low, {island.return_low_pu:g} pu: the site would separate at once again"
        yield keys, island.separate_below_pu, message, "lower it"
    if island.sync_slip_hz >= island.sync_band_hz:
        keys = [f"{place}.sync_slip_hz", f"{place}.sync_band_hz"]
        message = f"must be below sync_band, {island.sync_band_hz:g} Hz, or the breaker never closes"
        yield keys, island.sync_slip_hz, message, "lower it"
    shares = island.pickup_share
    where = [f"{place}.pickup_share"]
    if not 1 <= len(shares) <= PICKUP_STEPS:
        yield where, len(shares), f"needs 1 to {PICKUP_STEPS} steps", "list the shares after each step"
    elif any(b <= a for a, b in pairwise([0.0, *shares])) or shares[-1] > 1.0:
        yield where, list(shares), "must ascend, above 0 and at most 1", "e.g. [0.1, 0.25, 0.5, 1.0]"


def forming_findings(place: str, forming: Forming, nominal_hz: float, tick_s: float) -> Iterator[Finding]:
    """What a tick is too long for: the swing of a forming unit against a stiff grid."""
    swing_hz = math.sqrt(
        forming.droop * nominal_hz / (forming.virtual_reactance * forming.power_filter_s * 2.0 * math.pi)
    )
    turn = 2.0 * math.pi * swing_hz * tick_s
    if turn > _MOST_SWING_RAD:
        keys = [
            f"{place}.power_filter_s",
            f"{place}.droop",
            f"{place}.virtual_reactance",
            "simulation.tick_s",
        ]
        message = f"the unit swings at about {swing_hz:.3g} Hz, too fast for a tick of {tick_s:g} s"
        yield keys, forming.power_filter_s, message, "shorten the tick, or lengthen the filter"
