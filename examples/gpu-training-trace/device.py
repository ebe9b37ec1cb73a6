"""The GPU as the recorder needs it: events on the clock of the host, waits, and loads other than training."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

now_ns = time.monotonic_ns

SPIN_STREAMS = 16  # thread blocks that wait busily, as many as a collective of NCCL may hold


def sleep_until(t_ns: int) -> None:
    """Sleep, and spin through the last fifth of a millisecond."""
    time.sleep(max(t_ns - now_ns() - 200_000, 0) * 1e-9)
    while now_ns() < t_ns:
        pass


class HostEvent:
    """Stands in for a CUDA event where there is no GPU."""

    def __init__(self) -> None:
        self.t_ns = now_ns()

    def synchronize(self) -> None:
        """Nothing is pending on a CPU."""

    def elapsed_time(self, other: HostEvent) -> float:
        """Milliseconds to another event."""
        return (other.t_ns - self.t_ns) * 1e-6


class Device:
    """The GPU, or in a dry run the CPU: events, waits, and loads other than training."""

    def __init__(self, index: int, *, dry: bool) -> None:
        import torch

        self.torch, self.dry = torch, dry
        self.name = "cpu" if dry else f"cuda:{index}"
        size = 256 if dry else 4096
        self.spin_hz = 1e9
        if not dry:
            torch.cuda.set_device(index)
            self.streams = [torch.cuda.Stream() for _ in range(SPIN_STREAMS)]
        random = torch.randn(2, size, size, device=self.name)
        self.full = random.to(torch.bfloat16)
        self.plain = random.sign().to(torch.bfloat16)  # toggles fewer bits: stays below the power limit
        self.product = torch.empty_like(self.full[0])
        self.block = torch.empty(2, 2**20 if dry else 2**28, dtype=torch.uint8, device=self.name)
        self.synchronize()

    def event(self) -> Any:
        """Event that the GPU passes once all work before it is done."""
        if self.dry:
            return HostEvent()
        event = self.torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def synchronize(self) -> None:
        """Wait until the GPU is idle."""
        if not self.dry:
            self.torch.cuda.synchronize()

    def anchor(self) -> tuple[Any, int, int]:
        """An event, when it was passed on the host's clock, and by how much that may be off."""
        self.synchronize()
        tries = []
        for _ in range(30):
            start_ns = now_ns()
            event = self.event()
            event.synchronize()
            end_ns = now_ns()
            tries.append((end_ns - start_ns, event, (start_ns + end_ns) // 2))
        width_ns, event, t_ns = min(tries, key=lambda found: found[0])
        return event, t_ns, width_ns // 2

    def burn_until(self, t_ns: int, work: Callable[[], object]) -> None:
        """Keep the GPU busy; two portions are in flight, so that it never waits for the host."""
        before = None
        while now_ns() < t_ns:
            work()
            event = self.event()
            if before is not None:
                before.synchronize()
            before = event
        self.synchronize()

    def multiply(self, factors: Any) -> Callable[[], None]:
        """Half a millisecond of matrix products."""

        def work() -> None:
            for _ in range(1 if self.dry else 2):
                self.torch.mm(factors[0], factors[1], out=self.product)

        return work

    def copy(self) -> None:
        """Copy 256 MiB within the memory of the GPU."""
        self.block[1].copy_(self.block[0])

    def spin(self, seconds: float) -> None:
        """Let one thread in each of some blocks wait busily, as kernels of a collective do."""
        if self.dry:
            sleep_until(now_ns() + int(seconds * 1e9))
            return
        cuda = self.torch.cuda
        for stream in self.streams:
            stream.wait_stream(cuda.current_stream())
            with cuda.stream(stream):
                cuda._sleep(int(seconds * self.spin_hz))
        for stream in self.streams:
            cuda.current_stream().wait_stream(stream)

    def calibrate_spin(self) -> float:
        """Find the rate of the clock that the busy wait counts."""
        if not self.dry:
            self.torch.cuda._sleep(1000)
            first = self.event()
            self.torch.cuda._sleep(100_000_000)
            last = self.event()
            self.synchronize()
            self.spin_hz = 1e8 / (first.elapsed_time(last) * 1e-3)
        return self.spin_hz
