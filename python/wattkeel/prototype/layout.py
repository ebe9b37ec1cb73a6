"""Places in the vectors that a tick fills: signals, clock, tally."""

from __future__ import annotations

# Columns of the signal vector; python/wattkeel/signals.py gives them their names, in this order.
SITE_SIGNALS = 20
RACK_SIGNALS = 11
NODE_SIGNALS = 2
CHAIN_SIGNALS = 1  # of nodes with dynamics
RIDE_SIGNALS = 7  # of nodes with ride-through
GENERATION_SIGNALS = 1
STORAGE_SIGNALS = 13

# Entries of `clock`.
TICK, BUCKET_FILL = range(2)
# Entries of `tally` in a chunk.
ROWS, BUCKETS, EVENTS, EVENTS_LOST = range(4)
