"""The battery alone: one unit of strings, or many batteries side by side; see ``wattkeel.stages.battery``."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wattkeel import battery_lowering, stages
from wattkeel._generated import dtypes, models
from wattkeel.cell_checks import battery_faults
from wattkeel.errors import Fault, ScenarioError
from wattkeel.plant import Floats, aligned_zeros, records
from wattkeel.stage_inputs import expect, expect_snapshot, known_engine, number, whole

if TYPE_CHECKING:
    from wattkeel import parameters
    from wattkeel.ageing import Stress

# POWER, CURRENT and VOLTAGE of prototype/battery.py, which loads Numba and so is not imported here.
_MODES = {"power_w": 0, "current_a": 1, "voltage_v": 2}
_NAMES = tuple(_MODES)
_TUPLE = tuple.__new__  # what a named tuple is made by; its own way takes longer than a tick
_OUTPUTS = 10


class Unit(NamedTuple):
    """One battery, or many side by side, as the kernels take it."""

    record: Any  # BatteryParams
    state: Any  # BatteryState
    climate: Any  # ContainerParams
    table: Floats
    cell: Floats  # (CELL_ROWS, groups of strings or batteries)


def prepare(
    params: parameters.Battery,
    container: parameters.Container | None,
    step_s: float,
    batteries: int | None = None,
    soc_initial: ArrayLike | None = None,
) -> Unit:
    """A battery before its first tick; with ``batteries``, as many that stand alone."""
    record, state, climate = (
        records(dtype, 1) for dtype in (dtypes.BatteryParams, dtypes.BatteryState, dtypes.ContainerParams)
    )
    table = battery_lowering.lower_battery(record[0], params, container, (0, 0), step_s)
    if container is not None:
        battery_lowering.lower_container(climate[0], params, container, step_s)
    cell = aligned_zeros(dtypes.CELL_ROWS, batteries or int(record[0].groups))
    soc = None if soc_initial is None else _soc(soc_initial, cell[0])
    battery_lowering.start_battery(state[0], cell, params, container, step_s, soc)
    return Unit(record, state, climate, table, cell)


class BatteryStep(NamedTuple):
    """What a battery did in one tick: numbers, or arrays of shape (batteries,).

    Names as in ``wattkeel.stages.BatteryRun``; ``limited`` is 1 where a limit was met.
    """

    power_w: float
    cell_power_w: float
    loss_w: float
    polarisation_power_w: float
    current_a: float
    voltage_v: float
    end_voltage_v: float
    soc: float
    limited: int


class BatterySnapshot(NamedTuple):
    """State of a `BatteryStepper`; it fits any stepper of the same parameters, on either engine."""

    battery: str
    state: Any
    cell: Floats


class BatteryStepper:
    """A battery alone, or many side by side, that Python steps tick by tick: for loops that Python closes.

    It checks parameters and builds tables once; its state stays from call to call. See
    ``wattkeel.stages.battery`` for what a battery is here, and ``wattkeel.prototype.battery`` for the model.

    Parameters
    ----------
    params
        Cells; an OCV table and a size are needed.
    time_step_s
        Length of a tick, s.
    batteries
        Number of batteries that stand alone, alike in their parameters; without it there is one, and what it
        gives are numbers in place of arrays.
    container
        Climate around one battery; without it the air keeps its temperature.
    soc_initial
        SoC at the start, one or (batteries,), instead of that of the parameters.
    engine
        "native" or "numba"; both give the same bits.

    Raises
    ------
    ScenarioError
        All faults of the input at once.

    Examples
    --------
    >>> cell = wk.parameters.preset("battery", "lfp-sony-26650", strings=1.0)  # doctest: +SKIP
    >>> battery = wk.BatteryStepper(cell, time_step_s=1e-3)  # doctest: +SKIP
    >>> battery.step(5.0).end_voltage_v  # doctest: +SKIP
    """

    def __init__(
        self,
        params: parameters.Battery,
        *,
        time_step_s: float,
        batteries: int | None = None,
        container: parameters.Container | None = None,
        soc_initial: ArrayLike | None = None,
        engine: str = "native",
    ) -> None:
        given: dict[str, tuple[object, type[models.Parameters]]] = {"params": (params, models.Battery)}
        given |= {} if container is None else {"container": (container, models.Container)}
        expect(**given)
        known_engine(engine)
        step_s = stages.positive("time_step_s", time_step_s)
        count = None if batteries is None else whole("batteries", batteries, 1, 10**7)
        faults = battery_faults("params", params)
        faults += [] if batteries is None else _alone(params, container, None)
        if faults:
            raise ScenarioError(faults)
        self._begin(prepare(params, container, step_s, count, soc_initial), count, engine)

    def _begin(self, unit: Unit, batteries: int | None, engine: str) -> None:
        self.engine = engine
        self.batteries = batteries
        self._unit = unit
        self._step = self._stepping()

    def _stepping(self) -> Callable[[int, Any], Any]:
        """The function that steps the buffers over one tick."""
        unit = self._unit
        if self.engine == "native":
            from wattkeel.native import core

            native = core().BatteryStepper(*unit[:3], unit.cell, unit.table)
            if self.batteries is None:
                step: Callable[[int, Any], Any] = native.step
                return step

            def step_many(mode: int, asked: Floats) -> Floats:
                out = np.empty((_OUTPUTS, asked.size))
                native.step_many(mode, asked, out)
                return out

            return step_many
        from wattkeel.prototype import battery, runs

        battery_step: Any = battery.battery_step
        batteries_run: Any = runs.batteries_run
        one = [array[0] for array in unit[:3]]
        if self.batteries is None:

            def prototype(mode: int, asked: Any) -> Any:
                if type(asked) is not float or not math.isfinite(asked):
                    return None
                return battery_step(*one, mode, unit.cell, unit.table, asked)

            return prototype

        def prototypes(mode: int, asked: Floats) -> Floats:
            out = np.empty((_OUTPUTS, 1, asked.size))
            batteries_run(1, 1, asked.size, *one, mode, unit.cell, unit.table, asked[np.newaxis], *out)
            return out[:, 0]

        return prototypes

    def step(
        self,
        power_w: ArrayLike | None = None,
        *,
        current_a: ArrayLike | None = None,
        voltage_v: ArrayLike | None = None,
    ) -> BatteryStep:
        """One tick under a power, current or voltage of the terminals, held over it; discharge is positive.

        Parameters
        ----------
        power_w, current_a, voltage_v
            One of them, W, A or V: a number, or shape (batteries,) where there are many.

        Raises
        ------
        ScenarioError
            None or more than one is given, or no finite number, or not one for each battery.
        """
        if current_a is None and voltage_v is None:
            mode, asked = 0, power_w
        else:
            name, asked = _driven_by({"power_w": power_w, "current_a": current_a, "voltage_v": voltage_v})
            mode = _MODES[name]
        if self.batteries is not None:
            return self._step_many(mode, asked)
        flow = self._step(mode, asked)
        if flow is None:  # no finite float: perhaps a number of another type
            name, asked = _driven_by({_NAMES[mode]: asked})
            flow = self._step(mode, number(name, asked))
        return _TUPLE(BatteryStep, flow)

    def _step_many(self, mode: int, asked: ArrayLike | None) -> BatteryStep:
        name, asked = _driven_by({_NAMES[mode]: asked})
        command = stages.series(name, asked)
        if len(command) != self.batteries:
            remedy = f"give one number for each of {self.batteries} batteries"
            raise ScenarioError([Fault(name, len(command), "lengths differ", remedy)])
        *flow, _, limited = self._step(mode, command)
        return BatteryStep._make((*flow, limited.astype(np.int64)))

    def run(
        self,
        *,
        power_w: ArrayLike | None = None,
        current_a: ArrayLike | None = None,
        voltage_v: ArrayLike | None = None,
        every: int = 1,
    ) -> stages.BatteryRun:
        """Many ticks at once, on from where it stands; as ``wattkeel.stages.battery``, without ageing."""
        drive = {"power_w": power_w, "current_a": current_a, "voltage_v": voltage_v}
        name, command = _command(drive)
        faults = _rows(every, len(command))
        columns = command.shape[1] if command.ndim == 2 else None
        if columns != self.batteries:
            wanted = "(ticks,)" if self.batteries is None else f"(ticks, {self.batteries})"
            faults.append(Fault(name, command.shape, "wrong shape", f"give an array of shape {wanted}"))
        if faults:
            raise ScenarioError(faults)
        return self._run(name, command, every, uncounted())

    def _run(self, name: str, command: Floats, every: int, counting: Counting) -> stages.BatteryRun:
        columns = self.batteries
        unit = self._unit
        one = [stages.one(array, self.engine) for array in unit[:3]]
        shape = (len(command) // every, *command.shape[1:])
        out: list[Any] = [np.empty(shape) for _ in range(_OUTPUTS)]
        if columns is not None:
            stages.kernel("batteries_run", self.engine)(
                len(command), every, columns, *one, _MODES[name], unit.cell, unit.table, command, *out
            )
            met = out.pop().astype(np.int64)
            return stages.BatteryRun(*[*out, np.zeros(shape), met])
        limited = np.empty(shape, dtype=np.int64)
        stages.kernel("battery_run", self.engine)(
            len(command), every, *one, _MODES[name], unit.cell, unit.table, *counting.arguments(self.engine),
            command, *out, limited,
        )  # fmt: skip
        return stages.BatteryRun(*[*out, limited, _stress(counting)])

    @property
    def temperature_k(self) -> float | Floats:
        """Temperature of the hottest string now, K; with many, shape (batteries,)."""
        kelvin = self._unit.cell[dtypes.CELL_TEMPERATURE_K]
        return float(kelvin.max()) if self.batteries is None else kelvin.copy()

    @property
    def auxiliary_power_w(self) -> float:
        """Power of HVAC and auxiliaries of the container now, W."""
        return float(self._unit.state[0].auxiliary_w)

    def snapshot(self) -> BatterySnapshot:
        """Copy of the state; parameters are not in it."""
        return BatterySnapshot(self._identity, self._unit.state.copy(), self._unit.cell.copy())

    def restore(self, snapshot: BatterySnapshot) -> None:
        """Return to a state; the run goes on from there with the same bits.

        Raises
        ------
        ScenarioError
            The snapshot is of another battery, or is none.
        """
        expect_snapshot(snapshot, BatterySnapshot)
        if snapshot.battery != self._identity or snapshot.cell.shape != self._unit.cell.shape:
            remedy = "restore it where the parameters are the same"
            raise ScenarioError([Fault("snapshot", None, "is of another battery", remedy)])
        self._unit.state[...] = snapshot.state
        self._unit.cell[...] = snapshot.cell

    @functools.cached_property
    def _identity(self) -> str:
        unit = self._unit
        fixed = unit.cell[: dtypes.CELL_SOC]  # the rows before the state
        parts = (unit.record.tobytes(), unit.climate.tobytes(), unit.table.tobytes(), fixed.tobytes())
        return hashlib.sha256(b"".join(parts)).hexdigest()


def run(
    params: parameters.Battery,
    drive: Mapping[str, ArrayLike | None],
    time_step_s: float,
    container: parameters.Container | None,
    soc_initial: ArrayLike | None,
    ageing: parameters.Ageing | None,
    every: int,
    engine: str,
) -> stages.BatteryRun:
    """Check the input and run the kernels; parameters as in ``wattkeel.stages.battery``."""
    name, command = _command(drive)
    step_s = stages.positive("time_step_s", time_step_s)
    columns = command.shape[1] if command.ndim == 2 else None
    faults = battery_faults("params", params) + _rows(every, len(command))
    faults += [] if columns is None else _alone(params, container, ageing)
    if faults:
        raise ScenarioError(faults)
    unit = prepare(params, container, step_s, columns, soc_initial)
    stepper = BatteryStepper.__new__(BatteryStepper)  # its input is checked
    stepper._begin(unit, columns, engine)
    return stepper._run(name, command, every, _counting(unit, params, ageing))


class Counting(NamedTuple):
    """Buffers that count the stress of a battery, as the kernel takes them."""

    counted: int
    params: Any  # StressParams
    state: Any  # StressState
    counter: Floats
    log: Floats

    def arguments(self, engine: str) -> list[Any]:
        """Arguments of ``battery_run``."""
        records_of = [stages.one(array, engine) for array in (self.params, self.state)]
        return [self.counted, *records_of, self.counter, self.log]


def uncounted() -> Counting:
    """No counting: buffers that the kernel does not touch."""
    params, state = (records(dtype, 1) for dtype in (dtypes.StressParams, dtypes.StressState))
    return Counting(0, params, state, np.zeros(1), np.zeros(1))


def _counting(unit: Unit, params: parameters.Battery, ageing: parameters.Ageing | None) -> Counting:
    if ageing is None:
        return uncounted()
    from wattkeel.ageing import Counter

    soc, kelvin = (float(unit.cell[row, 0]) for row in (dtypes.CELL_SOC, dtypes.CELL_TEMPERATURE_K))
    begun = Counter(soc, kelvin, ageing, soh_capacity=params.soh_capacity)
    return Counting(1, begun.params, begun.state, begun.counter, begun.log)


def _stress(counting: Counting) -> Stress | None:
    if counting.counted == 0:
        return None
    from wattkeel.ageing.stress import stress_of

    return stress_of(counting.state, counting.counter)


def _driven_by(drive: Mapping[str, ArrayLike | None]) -> tuple[str, ArrayLike]:
    """Name and values of the one input that is given."""
    given = {name: values for name, values in drive.items() if values is not None}
    if len(given) != 1:
        message = "give exactly one of power_w, current_a and voltage_v"
        raise ScenarioError([Fault("power_w", list(given) or None, "what drives it is not clear", message)])
    return next(iter(given.items()))


def _command(drive: Mapping[str, ArrayLike | None]) -> tuple[str, Floats]:
    name, values = _driven_by(drive)
    return name, stages.series(name, values, lanes=True)


def _rows(every: Any, ticks: int) -> list[Fault]:
    """The fault of rows that do not fit a run."""
    if isinstance(every, int) and 1 <= every <= ticks:
        return []
    message = "must be a whole number of ticks, no more than there are"
    return [Fault("every", every, message, f"give a whole number from 1 to {ticks}")]


def _alone(
    params: parameters.Battery, container: parameters.Container | None, ageing: parameters.Ageing | None
) -> list[Fault]:
    """What many batteries side by side cannot have."""
    faults = []
    if container is not None:
        faults.append(Fault("container", "given", "only one battery has a container", "run them one by one"))
    if ageing is not None:
        faults.append(Fault("ageing", "given", "stress is counted for one battery", "run them one by one"))
    if battery_lowering.string_groups(params) > 1:
        message = "batteries side by side have equal strings"
        faults.append(Fault("params.string_share", params.string_share, message, "run them one by one"))
    return faults


def _soc(values: ArrayLike, like: Floats) -> Floats:
    soc = np.asarray(values, dtype=np.float64)
    if soc.ndim > 1 or soc.shape not in ((), like.shape) or not ((soc >= 0.0) & (soc <= 1.0)).all():
        remedy = f"give one number or {len(like)}, from 0 to 1"
        raise ScenarioError([Fault("soc_initial", values, "is not a state of charge for each", remedy)])
    return np.broadcast_to(soc, like.shape)
