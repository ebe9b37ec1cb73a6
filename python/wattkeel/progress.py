"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

_BAR_WIDTH = 30
_BAR_EVERY_S = 0.1
_LINE_EVERY_S = 10.0


def is_terminal(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can rewrite a line."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def use_colour(stream: TextIO) -> bool:
    """Return whether colour may be written (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


class Progress:
    """Shows how far a run has come.

    Parameters
    ----------
    tick_s : float
        Length of a tick [s].
    stream : TextIO or None
        Where to write; None means stderr. On a terminal a bar is redrawn; elsewhere a line comes at most
        every 10 s, and none at all for a run that is shorter.
    unit : str
        What is counted, where it is not time: then `tick_s` is 1.
    """

    def __init__(self, tick_s: float, stream: TextIO | None = None, *, unit: str = "") -> None:
        self._tick_s = tick_s
        self._unit = unit
        self._stream = sys.stderr if stream is None else stream
        self._terminal = is_terminal(self._stream)
        self._every_s = _BAR_EVERY_S if self._terminal else _LINE_EVERY_S
        self._start_s = time.monotonic()
        self._shown_s = self._start_s
        self._length = 0

    def __call__(self, tick: int, ticks: int) -> None:
        """Show that `tick` of `ticks` are done, unless that was shown a moment ago."""
        now_s = time.monotonic()
        if now_s - self._shown_s < self._every_s:
            return
        self._shown_s = now_s
        text = self._text(tick, ticks, now_s - self._start_s)
        if self._terminal:
            share = tick / ticks if ticks else 1.0
            bar = ("#" * round(share * _BAR_WIDTH)).ljust(_BAR_WIDTH, ".")
            text = f"[{bar}] {text}"
            self._write("\r" + text.ljust(self._length))
            self._length = len(text)
        else:
            self._write(text + "\n")

    def _text(self, tick: int, ticks: int, wall_s: float) -> str:
        share = tick / ticks if ticks else 1.0
        if self._unit:
            return f"{share:4.0%}  {tick} of about {ticks} {self._unit}"
        speed = tick * self._tick_s / wall_s if wall_s > 0.0 else 0.0
        left_s = wall_s * (1.0 - share) / share if share > 0.0 else float("inf")
        left = f", {_time_text(left_s)} left" if left_s < float("inf") else ""
        done = f"{tick * self._tick_s:.6g} s of {ticks * self._tick_s:.6g} s"
        return f"{share:4.0%}  {done}  {speed:.3g} x real time{left}"

    def close(self) -> None:
        """Clear the bar."""
        if self._length:
            self._write("\r" + " " * self._length + "\r")
            self._length = 0

    def _write(self, text: str) -> None:
        """Write; a terminal that went away must not end the run."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._every_s = float("inf")


def _time_text(time_s: float) -> str:
    """Return a length of time for people: ``8 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole_s = round(time_s)
    if whole_s < 60:
        return f"{whole_s} s"
    if whole_s < 3600:
        return f"{whole_s // 60} min {whole_s % 60} s"
    return f"{whole_s // 3600} h {whole_s % 3600 // 60} min"
