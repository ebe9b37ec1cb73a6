"""Polls the power sensor of one NVIDIA GPU, in processes of their own, as fast as the driver answers.

All times are CLOCK_MONOTONIC in nanoseconds, the clock of the marks of the training loop. A reading is kept
where its value changed: `after_ns` is the middle of the call that first gave it, `before_ns` the middle of
the last call that still gave the one before it, so that the change is known to lie between the two.
"""

from __future__ import annotations

import array
import collections
import ctypes
import functools
import gc
import multiprocessing as mp
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RAW_S = 20.0  # every poll of so long is kept whole, to show what time stamps do between changes
POWER_REST_S = 200e-6
SLOW_PERIOD_S = 0.05
DRAIN_EVERY = 4  # slow periods
GPM_METRICS = {
    "sm_util_percent": 2,
    "sm_occupancy_percent": 3,
    "tensor_util_percent": 5,
    "dram_bandwidth_percent": 10,
    "pcie_transmit_mib_per_s": 20,
    "pcie_receive_mib_per_s": 21,
}

now_ns = time.monotonic_ns


class Nvml:
    """The few calls of NVML that are polled; values in the units of NVML (mW, mJ, us)."""

    def __init__(self, index: int) -> None:
        import pynvml

        self.lib = pynvml
        pynvml.nvmlInit()
        self.handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        self._fields = [
            getattr(pynvml, "NVML_FI_DEV_POWER_INSTANT", 186),
            getattr(pynvml, "NVML_FI_DEV_POWER_AVERAGE", 185),
        ]
        self._gpm: list[Any] = []

    def power(self) -> tuple[int, int, int, int]:
        """Instant and average power in mW, and the time stamps (us) that came with them."""
        instant, average = self.lib.nvmlDeviceGetFieldValues(self.handle, self._fields)
        if instant.nvmlReturn or average.nvmlReturn:
            raise RuntimeError(f"power fields: NVML errors {instant.nvmlReturn}, {average.nvmlReturn}")
        return instant.value.uiVal, average.value.uiVal, instant.timestamp, average.timestamp

    def energy_mj(self) -> int:
        """Counter of energy since the driver was loaded."""
        return int(self.lib.nvmlDeviceGetTotalEnergyConsumption(self.handle))

    def usage_mw(self) -> int:
        """What nvmlDeviceGetPowerUsage gives."""
        return int(self.lib.nvmlDeviceGetPowerUsage(self.handle))

    def field(self, field_id: int, scope: int = 0) -> int:
        """One unsigned field, or an error."""
        value = self.lib.nvmlDeviceGetFieldValues(self.handle, [(field_id, scope)])[0]
        if value.nvmlReturn:
            raise RuntimeError(f"NVML error {value.nvmlReturn}")
        return int(value.value.uiVal)

    def slow_readers(self) -> dict[str, Callable[[], float]]:
        """Readings that are polled at a lower rate."""
        lib, handle = self.lib, self.handle
        reasons = getattr(lib, "nvmlDeviceGetCurrentClocksEventReasons", None)
        reasons = reasons or lib.nvmlDeviceGetCurrentClocksThrottleReasons
        return {
            "gpu_temperature_degc": lambda: lib.nvmlDeviceGetTemperature(handle, 0),
            "memory_temperature_degc": lambda: self.field(82),
            "sm_clock_mhz": lambda: lib.nvmlDeviceGetClockInfo(handle, 1),
            "memory_clock_mhz": lambda: lib.nvmlDeviceGetClockInfo(handle, 2),
            "clocks_event_reasons": lambda: reasons(handle),
            "gpu_util_percent": lambda: lib.nvmlDeviceGetUtilizationRates(handle).gpu,
            "enforced_limit_mw": lambda: lib.nvmlDeviceGetEnforcedPowerLimit(handle),
            "module_power_instant_mw": lambda: self.field(186, 1),
            "module_power_average_mw": lambda: self.field(185, 1),
            "memory_power_instant_mw": lambda: self.field(186, 2),
            "memory_power_average_mw": lambda: self.field(185, 2),
        }

    def samples(self, kind: int, last_us: int) -> list[tuple[int, int]]:
        """Power samples newer than `last_us` from the buffer of the driver: (time stamp us, mW)."""
        try:
            _, found = self.lib.nvmlDeviceGetSamples(self.handle, kind, last_us)
        except self.lib.NVMLError as error:
            if error.value == self.lib.NVML_ERROR_NOT_FOUND:  # nothing newer
                return []
            raise
        return [(int(s.timeStamp), int(s.sampleValue.uiVal)) for s in found if s.timeStamp]

    def gpm(self) -> dict[str, float]:
        """Activity of the units of the GPU since the last call; empty at the first."""
        lib = self.lib
        sample = lib.nvmlGpmSampleAlloc()
        lib.nvmlGpmSampleGet(self.handle, sample)
        self._gpm.append(sample)
        if len(self._gpm) < 2:
            return {}
        question = lib.c_nvmlGpmMetricsGet_t()
        question.version = lib.NVML_GPM_METRICS_GET_VERSION
        question.numMetrics = len(GPM_METRICS)
        question.sample1, question.sample2 = self._gpm
        for slot, metric in enumerate(GPM_METRICS.values()):
            question.metrics[slot].metricId = metric
        lib.nvmlGpmMetricsGet(question)
        lib.nvmlGpmSampleFree(self._gpm.pop(0))
        found = zip(GPM_METRICS, question.metrics, strict=False)
        return {name: metric.value for name, metric in found if not metric.nvmlReturn}


class FakeNvml:
    """A sensor that does not exist: mean over 25 ms every 100 ms of a power that follows `load`."""

    TRUE_IDLE_W, TRUE_SPAN_W = 100.0, 500.0
    PERIOD_NS, WINDOW_NS = 100_000_000, 25_000_000

    def __init__(self, load: Any) -> None:
        self.load = load
        self._course: collections.deque[tuple[int, float]] = collections.deque(maxlen=20_000)
        self._power_mw = (0, 0)
        self._energy_mj = 0.0
        self._count = 0
        self._look()

    def _look(self) -> int:
        """Take note of the load now, and measure when a period of the sensor is over."""
        t_ns = now_ns()
        power_w = self.TRUE_IDLE_W + self.TRUE_SPAN_W * self.load.value
        if self._course:
            before_ns, before_w = self._course[-1]
            self._energy_mj += before_w * (t_ns - before_ns) * 1e-6
        self._course.append((t_ns, power_w))
        if t_ns // self.PERIOD_NS > self._count:
            self._count = t_ns // self.PERIOD_NS
            self._power_mw = (self._mean_mw(self.WINDOW_NS), self._mean_mw(1_000_000_000))
        return t_ns

    def _mean_mw(self, window_ns: int) -> int:
        end_ns = self._course[-1][0]
        recent = [watt for t_ns, watt in self._course if t_ns >= end_ns - window_ns]
        return round(1e3 * sum(recent) / len(recent)) + self._count % 7

    def power(self) -> tuple[int, int, int, int]:
        """As `Nvml.power`."""
        stamp_us = self._look() // 1000
        time.sleep(0.0005)
        return (*self._power_mw, stamp_us, stamp_us)

    def energy_mj(self) -> int:
        """As `Nvml.energy_mj`."""
        self._look()
        time.sleep(0.0005)
        return int(self._energy_mj)

    def usage_mw(self) -> int:
        """As `Nvml.usage_mw`."""
        self._look()
        return self._power_mw[1]

    def slow_readers(self) -> dict[str, Callable[[], float]]:
        """As `Nvml.slow_readers`, one of them without support."""

        def unsupported() -> float:
            raise RuntimeError("not supported by a sensor that does not exist")

        return {"sm_clock_mhz": lambda: 1980.0, "memory_temperature_degc": unsupported}

    def samples(self, kind: int, last_us: int) -> list[tuple[int, int]]:
        """As `Nvml.samples`."""
        self._look()
        stamp_us = time.time_ns() // 1000
        return [(stamp_us, self._power_mw[0])] if kind == 0 else []

    def gpm(self) -> dict[str, float]:
        """As `Nvml.gpm`."""
        return {"sm_util_percent": 100.0 * self.load.value}


class Channel:
    """One reading over time, where it changed."""

    def __init__(self, kind: str = "q") -> None:
        self.before_ns, self.after_ns = array.array("q"), array.array("q")
        self.value, self.stamp_us = array.array(kind), array.array("q")
        self._last: float | None = None
        self._polled_ns = 0

    def offer(self, t_ns: int, value: Any, stamp_us: int = 0) -> None:
        """Take one poll."""
        if value != self._last:
            self.before_ns.append(self._polled_ns)
            self.after_ns.append(t_ns)
            self.value.append(value)
            self.stamp_us.append(stamp_us)
            self._last = value
        self._polled_ns = t_ns

    def arrays(self, name: str) -> dict[str, Any]:
        """What is kept, as numpy arrays."""
        parts = ("before_ns", "after_ns", "value", "stamp_us")
        return {f"{name}.{part}": np.array(getattr(self, part)) for part in parts}


class Shared:
    """What the training loop and the samplers share: an end, the section, the load pretended."""

    def __init__(self) -> None:
        context = mp.get_context("spawn")
        self.stop = context.Value("b", 0, lock=False)
        self.section = context.Value("i", 0, lock=False)
        self.load = context.Value("d", 0.0, lock=False)


class Sampler:
    """Base of the three loops: it saves what it has whenever the section changes."""

    name = ""

    def __init__(self, sensor: Any, shared: Any, out: Path) -> None:
        self.sensor, self.shared, self.out = sensor, shared, out
        self.polls: dict[str, array.array[int]] = {}
        self.channels: dict[str, Channel] = {}
        self.notes: list[str] = []
        self.extra: dict[str, Any] = {}

    def run(self) -> None:
        """Poll until told to stop."""
        gc.disable()  # a collection would be a gap; nothing here makes cycles
        section = -1
        while not self.shared.stop.value:
            if section != self.shared.section.value:
                section = self.shared.section.value
                self.save(np.savez)  # packing would take too long here
            self.poll()
        self.save(np.savez_compressed)

    def poll(self) -> None:
        """One round of calls."""
        raise NotImplementedError

    def timed(self, name: str, call: Callable[[], Any]) -> tuple[int, Any]:
        """Middle of a call and what it gave; its start and end are kept as statistics."""
        start_ns = now_ns()
        value = call()
        end_ns = now_ns()
        kept = self.polls.setdefault(name, array.array("q"))
        kept.append(start_ns)
        kept.append(end_ns)
        return (start_ns + end_ns) // 2, value

    def save(self, write: Callable[..., None]) -> None:
        """Write all so far, so that a recording that is cut off still leaves its data."""
        data: dict[str, Any] = {"notes": np.array(self.notes, dtype=str), **self.extra_arrays()}
        for name, channel in self.channels.items():
            data |= channel.arrays(name)
        for name, times in self.polls.items():
            pairs = np.array(times).reshape(-1, 2)
            data[f"{name}.poll_first_ns"] = pairs[0, 0]
            data[f"{name}.poll_step_ns"] = np.minimum(np.diff(pairs[:, 0]), 2**31 - 1).astype(np.int32)
            data[f"{name}.poll_length_ns"] = (pairs[:, 1] - pairs[:, 0]).astype(np.int32)
        part = self.out / f".{self.name}.part.npz"
        write(part, **data)
        part.replace(self.out / f"{self.name}.npz")

    def extra_arrays(self) -> dict[str, Any]:
        """What is neither a channel nor a statistic."""
        return {name: np.array(rows) for name, rows in self.extra.items() if len(rows)}


class PowerSampler(Sampler):
    """Instant and average power, from one call."""

    name = "power"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.channels = {"instant": Channel(), "average": Channel()}
        self.extra["raw"] = []
        self._raw_until_ns = now_ns() + int(RAW_S * 1e9)

    def poll(self) -> None:
        """One call, then a short rest: the driver answers from memory, within 10 us."""
        time.sleep(POWER_REST_S)
        t_ns, (instant, average, stamp, average_stamp) = self.timed("power", self.sensor.power)
        self.channels["instant"].offer(t_ns, instant, stamp)
        self.channels["average"].offer(t_ns, average, average_stamp)
        if t_ns < self._raw_until_ns:
            self.extra["raw"].append((t_ns, instant, average, stamp, average_stamp))


class EnergySampler(Sampler):
    """The energy counter, and every tenth time the older power reading."""

    name = "energy"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.channels = {"energy": Channel(), "usage": Channel()}
        self._round = 0

    def poll(self) -> None:
        """One call, or two."""
        self.channels["energy"].offer(*self.timed("energy", self.sensor.energy_mj))
        self._round += 1
        if self._round % 10 == 0:
            self.channels["usage"].offer(*self.timed("usage", self.sensor.usage_mw))


class SlowSampler(Sampler):
    """Clocks, temperatures, reasons, activity, and the driver's own buffers of power samples."""

    name = "slow"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.readers = dict(self.sensor.slow_readers())
        self.buffers = {"total": 0, "module": 7}
        self.extra = {f"samples_{name}": [] for name in self.buffers} | {"clock_pairs_ns": []}
        self._last_us = dict.fromkeys(self.buffers, 0)
        self._has_gpm = True
        self._round = 0
        self._due_ns = now_ns()

    def guarded(self, name: str, call: Callable[[], Any]) -> tuple[int, Any] | None:
        """A call that is left out from its first fault on."""
        try:
            return self.timed(name, call)
        except Exception as error:
            self.notes.append(f"{name}: {type(error).__name__}: {error}")
            return None

    def poll(self) -> None:
        """One round, then a wait for the next."""
        for name, reader in list(self.readers.items()):
            found = self.guarded(name, reader)
            if found is None:
                del self.readers[name]
            else:
                self.channels.setdefault(name, Channel("d")).offer(found[0], float(found[1]))
        if self._round % DRAIN_EVERY == 0:
            self._drain()
        if self._has_gpm and self._round % 2 == 0:
            self._activity()
        self._round += 1
        self._due_ns = max(self._due_ns + int(SLOW_PERIOD_S * 1e9), now_ns())
        time.sleep(max(self._due_ns - now_ns(), 0) * 1e-9)

    def _drain(self) -> None:
        self.extra["clock_pairs_ns"].append((now_ns(), time.time_ns()))
        for name, kind in list(self.buffers.items()):
            last_us = self._last_us[name]
            found = self.guarded(f"samples_{name}", functools.partial(self.sensor.samples, kind, last_us))
            if found is None:
                del self.buffers[name]
            elif found[1]:
                self._last_us[name] = max(stamp for stamp, _ in found[1])
                self.extra[f"samples_{name}"] += [(found[0], *sample) for sample in found[1]]

    def _activity(self) -> None:
        found = self.guarded("gpm", self.sensor.gpm)
        self._has_gpm = found is not None
        if found is None:
            return
        for name, value in found[1].items():
            self.channels.setdefault(name, Channel("d")).offer(found[0], round(value, 3))


KINDS = {kind.name: kind for kind in (PowerSampler, EnergySampler, SlowSampler)}


def sample(kind: str, index: int, dry: bool, shared: Any, out: Path) -> None:
    """Body of one sampling process."""
    cores = os.cpu_count() or 1
    if cores >= 8 and hasattr(os, "sched_setaffinity"):  # a core for each; the training loop has the others
        os.sched_setaffinity(0, {cores - 1 - list(KINDS).index(kind)})
    try:
        KINDS[kind](FakeNvml(shared.load) if dry else Nvml(index), shared, out).run()
    except Exception as error:
        (out / f"{kind}-failed.txt").write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
        raise


def start(index: int, dry: bool, shared: Shared, out: Path) -> list[Any]:
    """Start the samplers."""
    context = mp.get_context("spawn")
    made = [
        context.Process(target=sample, args=(kind, index, dry, shared, out), name=kind, daemon=True)
        for kind in KINDS
    ]
    for process in made:
        process.start()
    return made


def describe(index: int) -> dict[str, Any]:
    """What the driver says of the GPU, read only: names, versions, limits, power smoothing."""
    sensor = Nvml(index)
    lib, handle = sensor.lib, sensor.handle
    questions: dict[str, Callable[[], Any]] = {
        "name": lambda: lib.nvmlDeviceGetName(handle),
        "driver": lib.nvmlSystemGetDriverVersion,
        "nvml": lib.nvmlSystemGetNVMLVersion,
        "cuda_driver": lambda: lib.nvmlSystemGetCudaDriverVersion(),
        "vbios": lambda: lib.nvmlDeviceGetVbiosVersion(handle),
        "persistence_mode": lambda: lib.nvmlDeviceGetPersistenceMode(handle),
        "mig_mode": lambda: lib.nvmlDeviceGetMigMode(handle),
        "virtualization_mode": lambda: lib.nvmlDeviceGetVirtualizationMode(handle),
        "memory_bytes": lambda: lib.nvmlDeviceGetMemoryInfo(handle).total,
        "power_limit_mw": lambda: lib.nvmlDeviceGetPowerManagementLimit(handle),
        "power_limit_range_mw": lambda: list(lib.nvmlDeviceGetPowerManagementLimitConstraints(handle)),
        "power_limit_default_mw": lambda: lib.nvmlDeviceGetPowerManagementDefaultLimit(handle),
        "power_limit_enforced_mw": lambda: lib.nvmlDeviceGetEnforcedPowerLimit(handle),
        "max_sm_clock_mhz": lambda: lib.nvmlDeviceGetMaxClockInfo(handle, 1),
        "gpm_supported": lambda: lib.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice,
    }
    for name, value in vars(lib).items():
        if name.startswith("NVML_FI_PWR_SMOOTHING_") and isinstance(value, int):
            questions[name.lower()] = functools.partial(sensor.field, value)
    answers: dict[str, Any] = {}
    for name, ask in questions.items():
        try:
            answer = ask()
            answers[name] = answer.decode() if isinstance(answer, bytes) else answer
        except (Exception, ctypes.ArgumentError) as error:
            answers[name] = f"{type(error).__name__}: {error}"
    return answers
