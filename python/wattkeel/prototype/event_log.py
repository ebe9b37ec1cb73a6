"""Events of a tick: their kinds, and the table that takes them."""

from __future__ import annotations

from wattkeel.prototype._jit import kernel
from wattkeel.prototype.layout import EVENTS, EVENTS_LOST

# Event kinds; python/wattkeel/events.py gives them their texts.
NODE_OVERLOAD = 1
STORAGE_LIMITED = 2
VOLTAGE_COLLAPSE = 3
GRID_EVENT = 4
JOB_START = 5
JOB_STOP = 6
CELLS_OUTSIDE = 7
LOAD_SHED = 10
GENERATION_TRIP = 11
FAST_RESPONSE = 12
LOAD_CEASED = 20
LOAD_RETURNING = 21
LOAD_TRANSFERRED = 22
BACKUP_EMPTY = 23
ISLAND = 30
BLACKOUT = 31
BLACK_START = 32
LOAD_PICKUP = 33
TAP_CHANGE = 34
CAPACITOR_SWITCH = 35
GRID_PLAYBACK = 40


@kernel
def log_event(k, tick, kind, place, phase, value, limit):
    """Append one event to the chunk; when its table is full, only count."""
    at = k.tally[EVENTS]
    if at >= k.event_index.shape[0]:
        k.tally[EVENTS_LOST] += 1
        return
    k.event_index[at, 0] = tick
    k.event_index[at, 1] = kind
    k.event_index[at, 2] = place
    k.event_index[at, 3] = phase
    k.event_value[at, 0] = value
    k.event_value[at, 1] = limit
    k.tally[EVENTS] = at + 1
