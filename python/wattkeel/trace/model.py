"""The measured power trace that the rest of the package works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Interpolation: TypeAlias = Literal["hold", "linear"]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Trace:
    """Measured power of one or more meters on one time base.

    One pass of the trace lasts `length_s`: from the first sample to the last, and the last sample is
    then held for the median spacing, so that a repeated trace neither loses nor doubles a sample.

    Attributes
    ----------
    time_s : ndarray, shape (n,)
        Time of the samples, s, strictly ascending from 0.
    power_w : ndarray, shape (n, m), C-contiguous
        Power of the m columns, W. Both arrays are read-only.
    columns : tuple of str
        Names of the m columns as in the file; `name[gpu]` where rows of several GPUs were interleaved.
    source : str
        The path as it was given.
    sha256 : str
        Hash of the file as stored (compressed if it is compressed).
    sampling_s : float
        Median spacing of the samples, s.
    refresh_s : float
        Typical time between two changes of the value, s: the median per column, then over the columns.
        Well above `sampling_s` it shows a sensor that only repeats its last reading. Equal to
        `length_s` when no column changes more than once.
    length_s : float
        Time of one pass, s: last - first + median spacing.
    warnings : tuple of str
        What the importer decided or noticed: columns chosen, gaps, repeats, negative values.
    """

    time_s: Floats
    power_w: Floats
    columns: tuple[str, ...]
    source: str
    sha256: str
    sampling_s: float
    refresh_s: float
    length_s: float
    warnings: tuple[str, ...] = ()

    def energy_j(self, interpolation: Interpolation = "hold") -> Floats:
        """Energy of one pass per column.

        Parameters
        ----------
        interpolation : {"hold", "linear"}
            Course between two samples.

        Returns
        -------
        ndarray, shape (m,)
            Integral of the power over [0, `length_s`], J: exact for the stated course, to rounding.
        """
        return self._integral(0.0, self.length_s, interpolation)

    def mean_over(self, t0: float, t1: float, interpolation: Interpolation = "hold") -> Floats:
        """Mean power per column over a window of the trace's own time.

        Parameters
        ----------
        t0, t1 : float
            Begin and end of the window, s, with 0 <= t0 < t1 <= `length_s`.
        interpolation : {"hold", "linear"}
            Course between two samples.

        Returns
        -------
        ndarray, shape (m,)
            Mean power, W.

        Raises
        ------
        ValueError
            The window is empty or leaves the trace.
        """
        if not 0.0 <= t0 < t1 <= self.length_s:
            raise ValueError(f"window [{t0}, {t1}] s must lie in [0, {self.length_s}] s and not be empty")
        return self._integral(t0, t1, interpolation) / (t1 - t0)

    def _integral(self, t0: float, t1: float, interpolation: Interpolation) -> Floats:
        """Integral of the power over [t0, t1], J, shape (m,)."""
        if interpolation not in ("hold", "linear"):
            raise ValueError(f"interpolation must be 'hold' or 'linear', not {interpolation!r}")
        # Samples strictly inside the window; its two ends are added as corners of their own.
        first = int(np.searchsorted(self.time_s, t0, side="right"))
        last = int(np.searchsorted(self.time_s, t1, side="left"))
        corner_s = np.concatenate(([t0], self.time_s[first:last], [t1]))
        step_s = np.diff(corner_s)
        if interpolation == "hold":
            level_w = self.power_w[first - 1 : last]  # the sample at or before each corner but the last
            return np.asarray(step_s @ level_w)
        ends_w = [self._linear_at(time_s) for time_s in (t0, t1)]
        corner_w = np.vstack((ends_w[0], self.power_w[first:last], ends_w[1]))
        return np.asarray(0.5 * (step_s @ (corner_w[1:] + corner_w[:-1])))

    def _linear_at(self, time_s: float) -> Floats:
        """Power at one time, W, linear between samples and held after the last, shape (m,)."""
        row = min(int(np.searchsorted(self.time_s, time_s, side="right")) - 1, len(self.time_s) - 1)
        if row == len(self.time_s) - 1:
            return np.asarray(self.power_w[row])
        before_s, after_s = self.time_s[row : row + 2]
        share = (time_s - before_s) / (after_s - before_s)
        return np.asarray(self.power_w[row] + share * (self.power_w[row + 1] - self.power_w[row]))
