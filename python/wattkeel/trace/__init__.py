"""Import of measured power traces: CSV, nvidia-smi CSV (either gzipped) and Parquet.

`read_trace` finds the time and the power columns by name and unit, turns them into seconds and watts,
pivots the interleaved rows of several GPUs, checks the quality of the samples and refuses, with all
faults at once, what cannot be replayed honestly. What it decided by itself stands in `Trace.warnings`.
"""

from __future__ import annotations

from wattkeel.trace.model import Interpolation, Trace
from wattkeel.trace.notes import TraceError
from wattkeel.trace.reader import read_trace

__all__ = ["Interpolation", "Trace", "TraceError", "read_trace"]
