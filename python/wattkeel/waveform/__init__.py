"""Measured records of grid voltage: readers, estimation of RMS values and frequency, playback.

`read_record` reads the waveforms of three phases from COMTRADE, CSV or Parquet, `estimate` makes of them RMS
values, symmetrical components and frequency; `read_course` reads RMS values that were recorded as such.
`play` turns either into what drives the grid of a site. What was decided on the way stands in `notes`.
"""

from __future__ import annotations

from wattkeel.waveform.estimator import estimate
from wattkeel.waveform.model import Course, Record, Sampling
from wattkeel.waveform.playback import Playback, play
from wattkeel.waveform.reader import read_course, read_record

__all__ = ["Course", "Playback", "Record", "Sampling", "estimate", "play", "read_course", "read_record"]
