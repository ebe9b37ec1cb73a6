"""Records from files: what was measured at a point of interconnection, as the rules judge it.

`load_record` reads power, voltage and frequency from CSV, Parquet or COMTRADE: as values that a meter wrote,
or from waveforms of three phases. It refuses, with all faults at once, what cannot be judged honestly, and
says in `MeasuredRecord.notes` what it decided by itself.
"""

from __future__ import annotations

from wattkeel.compliance.records.model import MeasuredRecord, Wanted
from wattkeel.compliance.records.reader import load_record

__all__ = ["MeasuredRecord", "Wanted", "load_record"]
