"""What a battery went through: counters, and the stress that ageing models read from them."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel._generated import dtypes
from wattkeel._generated.models import Ageing, Battery
from wattkeel.ageing import grid
from wattkeel.ageing._input import Checks
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import records
from wattkeel.prototype import ageing as layout

Floats = NDArray[np.float64]

__all__ = ["Counter", "Stress", "count"]

_MOST_LOG_ROWS = 100_000_000
METHODS = ("rainflow", "half_cycle")
CLOSES = 1e-6  # a repeating duty ends at the SoC at which it begins


@dataclass(frozen=True, eq=False)
class Stress:
    """Stress of a duty; stresses add, and a stress times a number is that of so many repetitions.

    Parameters
    ----------
    dwell_s
        Dwell time over (SoC, temperature), deposited on `grid`, s.
    cycle_fec
        Equivalent full cycles over (depth, C-rate, temperature).
    swing_fec
        Equivalent full cycles over (depth, mean SoC).
    elapsed_s
        Time, s.
    throughput_fec
        Half of all movement of the SoC, of the nominal capacity.
    counted_fec
        Part of it that belongs to half cycles; the rest lies within the dead band or is still under way.
    half_cycles
        Number of half cycles.
    outside_s
        Time beyond the grid, counted at its edge, s.
    soc_range, temperature_range_k, depth_range
        Least and largest values met; the least above the largest where there was none.
    c_rate_max
        Largest mean C-rate of a half cycle, 1/h.
    overflows
        Reversals that were counted early because more than 64 were open.
    log
        Half cycles, one a row: time of the count s, SoC at its begin and end, C-rate 1/h, temperature K,
        duration s, equivalent full cycles; empty when none was asked for.
    """

    dwell_s: Floats
    cycle_fec: Floats
    swing_fec: Floats
    elapsed_s: float
    throughput_fec: float
    counted_fec: float
    half_cycles: float
    outside_s: float
    soc_range: tuple[float, float]
    temperature_range_k: tuple[float, float]
    depth_range: tuple[float, float]
    c_rate_max: float
    overflows: float = 0.0
    log: Floats = field(default_factory=lambda: np.zeros((0, layout.LOG_COLUMNS)))

    @property
    def equivalent_full_cycles(self) -> float:
        """Throughput over twice the nominal capacity."""
        return self.throughput_fec

    def throughput_ah(self, capacity_ah: float) -> float:
        """Charge moved in both directions by a cell of this nominal capacity, Ah."""
        return 2.0 * self.throughput_fec * capacity_ah

    def throughput_j(self, energy_j: float) -> float:
        """Energy moved in both directions by a battery of this nominal energy, J."""
        return 2.0 * self.throughput_fec * energy_j

    @property
    def mean_soc(self) -> float:
        """Time mean of the SoC; NaN where no time was counted."""
        return self._mean(0)

    @property
    def mean_temperature_k(self) -> float:
        """Time mean of the temperature, K; NaN where no time was counted."""
        return self._mean(1)

    def _mean(self, axis: int) -> float:
        along = self.dwell_s.sum(axis=1 - axis)
        total = float(along.sum())
        return float(np.dot(along, grid.axes("calendar")[axis])) / total if total > 0.0 else math.nan

    def __add__(self, other: Stress) -> Stress:
        """Stress of one after the other, in either order."""
        if not isinstance(other, Stress):
            return NotImplemented
        changes: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in _SUMS}
        changes |= {name: _hull(getattr(self, name), getattr(other, name)) for name in _RANGES}
        changes["c_rate_max"] = max(self.c_rate_max, other.c_rate_max)
        changes["log"] = np.concatenate((self.log, other.log))
        return dataclasses.replace(self, **changes)

    def __mul__(self, times: float) -> Stress:
        """Stress of so many repetitions; the log is that of one."""
        if not np.isfinite(times) or times < 0.0:
            raise ScenarioError([Fault("times", times, "a number of repetitions", "0 or more")])
        changes: dict[str, Any] = {name: times * getattr(self, name) for name in _SUMS}
        return dataclasses.replace(self, **changes)

    __rmul__ = __mul__


_SUMS = (
    "dwell_s",
    "cycle_fec",
    "swing_fec",
    "elapsed_s",
    "throughput_fec",
    "counted_fec",
    "half_cycles",
    "outside_s",
    "overflows",
)
_RANGES = ("soc_range", "temperature_range_k", "depth_range")


def _hull(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return min(a[0], b[0]), max(a[1], b[1])


@functools.cache
def _kernels(engine: str) -> dict[str, Callable[..., Any]]:
    names = ("stress_begin", "stress_add", "stress_close", "stress_run")
    if engine == "native":
        from wattkeel.native import core

        functions = core().kernels()
        return {name: functions[name] for name in names}
    if engine == "numba":
        return {name: getattr(layout, name) for name in names}
    raise ScenarioError([Fault("engine", engine, "unknown engine", 'write "native" or "numba"')])


_CLEARED = (
    "elapsed_s", "elapsed_carry_s", "throughput_fec", "throughput_carry_fec", "counted_fec", "half_cycles",
    "outside_s", "depth_max", "c_rate_max", "overflows", "log_used",
)  # fmt: skip


class Counter:
    """Counts the stress of one battery while it runs.

    Parameters
    ----------
    soc, temperature_k
        State at the begin.
    settings
        How to count; the defaults of `wattkeel._generated.models.Ageing`.
    soh_capacity
        Present over nominal capacity; C-rates and full cycles are of the nominal one.
    log_rows
        Half cycles that the log can take.
    engine
        "native" or "numba"; both give the same bits.

    Notes
    -----
    ``params``, ``state``, ``counter`` and ``log`` are the arguments of the kernels, flat arrays (180 kB) that
    can be copied at any time: a run that is split gives the same bits.
    """

    def __init__(
        self,
        soc: float,
        temperature_k: float,
        settings: Ageing | None = None,
        *,
        soh_capacity: float = 1.0,
        log_rows: int = 0,
        engine: str = "native",
    ) -> None:
        settings = settings or Ageing()
        self.engine = engine
        self.params = records(dtypes.StressParams, 1)
        lower_stress(self.params, settings, log_rows)
        self.state = records(dtypes.StressState, 1)
        self.state.view(np.ndarray)["soh_capacity"] = soh_capacity
        self.counter = np.zeros(layout.COUNTER_SIZE)
        self.log = np.zeros(max(1, log_rows) * layout.LOG_COLUMNS)
        self._call("stress_begin", self.counter, soc, temperature_k)
        self.clear()

    def _call(self, name: str, *rest: Any) -> None:
        native = self.engine == "native"
        p, s = (self.params, self.state) if native else (self.params[0], self.state[0])
        _kernels(self.engine)[name](p, s, *rest)

    def clear(self) -> None:
        """Forget what was counted, not what is under way."""
        clear_stress(self.state, self.counter)

    def add(self, soc: float, temperature_k: float, elapsed_s: float) -> None:
        """Count a stretch of time at whose end the battery has this SoC and temperature."""
        self._call("stress_add", self.counter, self.log, soc, temperature_k, elapsed_s)

    def run(self, soc: Floats, temperature_k: Floats, elapsed_s: Floats) -> None:
        """Count stretches of time; float64 arrays of one length."""
        native = self.engine == "native"
        p, s = (self.params, self.state) if native else (self.params[0], self.state[0])
        _kernels(self.engine)["stress_run"](
            len(soc), p, s, self.counter, self.log, soc, temperature_k, elapsed_s
        )

    def close(self) -> None:
        """End the history: what is under way counts as half cycles."""
        self._call("stress_close", self.counter, self.log)

    def copy(self) -> Counter:
        """Copy that goes on from here by itself."""
        return copy.deepcopy(self)

    def stress(self, *, closed: bool = False) -> Stress:
        """What has been counted; ``closed`` takes in, as half cycles, what is still under way."""
        counter = self
        if closed:
            counter = self.copy()
            counter.close()
        return stress_of(counter.state, counter.counter, counter.log)


def lower_stress(params: Any, settings: Ageing, log_rows: int = 0) -> None:
    """Fill the core's record of how to count; ``params`` is an array of one `StressParams`."""
    method = METHODS.index(settings.method)
    params.view(np.ndarray)[0] = (method, settings.dead_band_soc, settings.rest_c_rate, log_rows)


def clear_stress(state: Any, counter: Floats) -> None:
    """Set what was counted to nothing, not what is under way; ``state``: array of one `StressState`."""
    counter[: layout.STACK_FIRST] = 0.0
    s = state.view(np.ndarray)  # without the record's attributes: quicker
    for name in _CLEARED:
        s[name] = 0
    s["soc_min"] = s["soc_max"] = s["soc"]
    s["temperature_min_k"] = s["temperature_max_k"] = s["temperature_k"]
    s["depth_min"] = 1.0


def stress_of(state: Any, counter: Floats, log: Floats | None = None) -> Stress:
    """Stress that flat buffers of the core hold.

    Parameters
    ----------
    state
        Array of one `StressState`.
    counter
        Tables, shape (COUNTER_SIZE,).
    log
        Log of half cycles, 7 numbers a row; None or an empty one gives none.
    """
    s = dict(zip(dtypes.StressState.names or (), state.item(), strict=True))
    parts = np.split(counter[: layout.STACK_FIRST], [layout.CYCLE_FIRST, layout.SWING_FIRST])
    kinds = ("calendar", "cycle", "swing")
    dwell, cycle, swing = (
        part.reshape(grid.shape(kind)).copy() for part, kind in zip(parts, kinds, strict=True)
    )
    rows = np.zeros(0) if log is None else log
    return Stress(
        dwell_s=dwell,
        cycle_fec=cycle,
        swing_fec=swing,
        elapsed_s=float(s["elapsed_s"]),
        throughput_fec=float(s["throughput_fec"]),
        counted_fec=float(s["counted_fec"]),
        half_cycles=float(s["half_cycles"]),
        outside_s=float(s["outside_s"]),
        soc_range=(float(s["soc_min"]), float(s["soc_max"])),
        temperature_range_k=(float(s["temperature_min_k"]), float(s["temperature_max_k"])),
        depth_range=(float(s["depth_min"]), float(s["depth_max"])),
        c_rate_max=float(s["c_rate_max"]),
        overflows=float(s["overflows"]),
        log=rows.reshape(-1, layout.LOG_COLUMNS)[: int(s["log_used"])].copy(),
    )


def checked(
    time_s: ArrayLike, soc: ArrayLike, temperature_k: ArrayLike, name: str = "temperature_k"
) -> tuple[Floats, Floats, Floats]:
    """Arrays of one length, finite, in their ranges, time not running back.

    Raises
    ------
    ScenarioError
        They are not; ``name`` is the place of the temperature.
    """
    faults: list[Fault] = []
    time, z, warm = (
        _array(place, values, faults)
        for place, values in (("time_s", time_s), ("soc", soc), (name, temperature_k))
    )
    if faults:
        raise ScenarioError(faults)
    if time.ndim != 1 or time.shape != z.shape or len(time) < 2:
        text = f"shapes {time.shape} and {z.shape}: two or more samples of each"
        raise ScenarioError([Fault("time_s, soc", None, text, "give one SoC for each time")])
    if warm.shape not in ((), z.shape):
        text = f"shape {warm.shape} beside {z.shape} of the SoC"
        raise ScenarioError([Fault(name, None, text, "give one temperature, or one for each time")])
    warm = np.ascontiguousarray(np.broadcast_to(warm, z.shape))
    if not np.isfinite(time).all() or (np.diff(time) < 0.0).any():
        faults.append(Fault("time_s", None, "times must be finite and must not run back", "sort them"))
    if not ((z >= -1e-9) & (z <= 1.0 + 1e-9)).all():
        faults.append(Fault("soc", None, "a SoC lies outside 0 to 1", "give fractions, not per cent"))
    if not ((warm > 150.0) & (warm < 450.0)).all():
        faults.append(Fault(name, None, "a temperature lies outside 150 to 450 K", "give kelvin"))
    if faults:
        raise ScenarioError(faults)
    return time, z, warm


def _array(place: str, values: ArrayLike, faults: list[Fault]) -> Floats:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iufO":
            raise TypeError
        return np.ascontiguousarray(array, dtype=np.float64) if array.ndim else array.astype(np.float64)
    except (TypeError, ValueError):
        faults.append(Fault(place, values, "not an array of numbers", "give one number for each time"))
        return np.zeros(0)


def settings_of(method: str, dead_band_soc: float, rest_c_rate: float, engine: str = "native") -> Ageing:
    """Checked settings of the count.

    Raises
    ------
    ScenarioError
        A setting is out of its range, or there is no such engine.
    """
    check = Checks()
    check.choice("method", method, METHODS)
    check.within("dead_band_soc", dead_band_soc, Ageing)
    check.within("rest_c_rate", rest_c_rate, Ageing)
    check.choice("engine", engine, ("native", "numba"))
    check.stop()
    return Ageing.model_validate(
        {"method": method, "dead_band_soc": float(dead_band_soc), "rest_c_rate": float(rest_c_rate)}
    )


def count(
    time_s: ArrayLike,
    soc: ArrayLike,
    temperature_k: ArrayLike,
    *,
    method: str = "rainflow",
    dead_band_soc: float = 0.001,
    rest_c_rate: float = 0.01,
    soh_capacity: float = 1.0,
    repeating: bool = False,
    log_rows: int = 0,
    engine: str = "native",
) -> Stress:
    """Stress of a duty that is given as a SoC and a temperature over time.

    Parameters
    ----------
    time_s
        Times of the samples, s, shape (n,); SoC and temperature run straight between them.
    soc
        SoC of the present capacity, shape (n,).
    temperature_k
        Cell temperature, K, shape (n,) or one number.
    method
        "rainflow" (ASTM E1049-85) or "half_cycle" (every reversal, as simses).
    dead_band_soc
        A reversal counts when the SoC has moved back by more than this.
    rest_c_rate
        Slower changes of the SoC are rest, whose time is not in the duration of a half cycle, 1/h.
    soh_capacity
        Present over nominal capacity, 0.05 to 1.2.
    repeating
        Count one repetition in the midst of many: nothing is left open at the ends. The SoC must end
        where it began.
    log_rows
        Half cycles to write down one by one as well.
    engine
        "native" (C++) or "numba" (prototype).

    Raises
    ------
    ScenarioError
        An array is malformed, a setting is out of its range, or a repeating duty does not close.
    """
    settings = settings_of(method, dead_band_soc, rest_c_rate, engine)
    check = Checks()
    check.within("soh_capacity", soh_capacity, Battery)
    check.number("log_rows", log_rows, least=0, most=_MOST_LOG_ROWS, whole=True)
    check.stop()
    log_rows = int(log_rows)
    time, z, warm = checked(time_s, soc, temperature_k)
    if repeating and abs(z[-1] - z[0]) > CLOSES:
        gap = f"it begins at {z[0]:.6g} and ends at {z[-1]:.6g}"
        raise ScenarioError(
            [Fault("soc", None, f"a repeating duty must close: {gap}", "give repeating=False")]
        )
    return counted(
        np.diff(time), z, warm, settings,
        soh_capacity=soh_capacity, repeating=repeating, log_rows=log_rows, engine=engine,
    )  # fmt: skip


def counted(
    elapsed_s: Floats,
    soc: Floats,
    temperature_k: Floats,
    settings: Ageing,
    *,
    soh_capacity: float,
    repeating: bool,
    log_rows: int,
    engine: str,
) -> Stress:
    """`count` without its checks."""
    counter = Counter(
        soc[0], temperature_k[0], settings, soh_capacity=soh_capacity, log_rows=log_rows, engine=engine
    )
    counter.run(soc[1:], temperature_k[1:], elapsed_s)
    if repeating:  # a first pass sets up what is under way at the seam
        counter.clear()
        counter.run(soc[1:], temperature_k[1:], elapsed_s)
    else:
        counter.close()
    return counter.stress()
