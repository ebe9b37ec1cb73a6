"""Record the power of a GPU while it trains a small GPT in several shapes of iteration.

    python record.py --out recording             # 7 minutes on one NVIDIA GPU; torch, numpy and nvidia-ml-py
    python record.py --out recording --dry-run   # a minute on a CPU, with a sensor that does not exist

Three processes poll NVML (sampling.py); this one trains (gpt.py) and notes when each phase of each step began
on the GPU. Settings of the GPU are read, never written. `analyse.py` makes the data set of what is left here:

    power.npz, energy.npz, slow.npz    readings where they changed, times of all polls
    marks.csv                          section, step, phase, start_ns, end_ns
    meta.json, log.txt                 what ran on what, and how it went
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import platform
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sampling
from device import Device, now_ns, sleep_until

# Only for the sensor of a dry run: the share of full load in each phase.
PRETENDED_LOAD = {
    "forward": 0.9, "backward": 1.0, "optimizer": 0.6, "evaluate": 0.85, "matmul": 1.0, "spin": 0.2,
    "copy": 0.4,
}  # fmt: skip


class Recorder:
    """Sections, marks, and the files that are left."""

    def __init__(self, out: Path, device: Device, shared: sampling.Shared, scale: float) -> None:
        self.out, self.device, self.shared, self.scale = out, device, shared, scale
        self.meta: dict[str, Any] = {"sections": []}
        self._marks: list[tuple[str, int, Any]] = []
        (out / "marks.csv").write_text("section,step,phase,start_ns,end_ns\n", encoding="utf-8")

    def log(self, text: str) -> None:
        """Print, and keep."""
        print(text, flush=True)
        with (self.out / "log.txt").open("a", encoding="utf-8") as file:
            file.write(text + "\n")

    def mark(self, phase: str, step: int = 0) -> None:
        """From here on the GPU is in this phase."""
        self.shared.load.value = PRETENDED_LOAD.get(phase, 0.0)
        self._marks.append((phase, step, self.device.event()))

    def section(self, name: str, run: Callable[[], dict[str, Any] | None], **parameters: Any) -> None:
        """Run one section; a fault in it is told and does not end the recording."""
        self.shared.section.value += 1
        time.sleep(0.3)  # the samplers write what they have
        self._marks = []
        entry: dict[str, Any] = {"name": name, "parameters": parameters, "fault": None}
        first, first_ns, first_half_ns = self.device.anchor()
        try:
            entry |= run() or {}
        except Exception:
            entry["fault"] = traceback.format_exc()
        try:
            self.mark("end")
            last, last_ns, last_half_ns = self.device.anchor()
            length_ns = first.elapsed_time(last) * 1e6
            rate = (last_ns - first_ns) / length_ns  # the two clocks run apart by parts in a million
            times = [first_ns + round(first.elapsed_time(event) * 1e6 * rate) for _, _, event in self._marks]
            entry |= {"start_ns": first_ns, "end_ns": last_ns, "clock_rate_minus_1": rate - 1.0}
            entry["mark_uncertainty_ns"] = max(first_half_ns, last_half_ns)
            self._write(name, times)
        except Exception:
            entry["fault"] = f"{entry['fault'] or ''}{traceback.format_exc()}"
        self.meta["sections"].append(entry)
        self.save_meta()
        length_s = (now_ns() - first_ns) * 1e-9
        self.log(f"{name}: {length_s:.1f} s {json.dumps({k: entry[k] for k in entry if k[:4] == 'loss'})}")
        if entry["fault"]:
            self.log(entry["fault"])

    def _write(self, name: str, times: list[int]) -> None:
        with (self.out / "marks.csv").open("a", encoding="utf-8") as file:
            for (phase, step, _), start_ns, end_ns in zip(self._marks, times, times[1:], strict=False):
                file.write(f"{name},{step},{phase},{start_ns},{end_ns}\n")

    def save_meta(self) -> None:
        """Write what is known so far."""
        self.meta["written_utc"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = json.dumps(self.meta, indent=1, default=str)
        (self.out / "meta.json").write_text(text, encoding="utf-8")


class Shapes:
    """The sections: each method is one shape of iteration."""

    def __init__(
        self, recorder: Recorder, training: Any, folder: Path, meter: Callable[[], float] | None
    ) -> None:
        self.recorder, self.training, self.folder, self.meter = recorder, training, folder, meter
        self.device, self.mark = recorder.device, recorder.mark
        self.steps = 0
        self._writer: threading.Thread | None = None

    # -- parts of an iteration

    def step(self, micro: int = 1, gap: Callable[[], None] | None = None) -> Any:
        """Forward and backward over some micro-batches, perhaps a gap, and the optimizer."""
        for _ in range(micro):
            self.mark("forward", self.steps)
            loss = self.training.loss() / micro
            self.mark("backward", self.steps)
            loss.backward()
        if gap:
            gap()
        self.mark("optimizer", self.steps)
        self.training.update()
        self.steps += 1
        return loss.detach() * micro

    def idle(self, seconds: float, phase: str = "idle") -> None:
        """Leave the GPU without work."""
        self.device.synchronize()
        self.mark(phase, self.steps)
        sleep_until(now_ns() + int(seconds * 1e9))

    def gap(self, seconds: float, kind: str) -> Callable[[], None]:
        """Stands for communication between backward pass and optimizer: idle, busy waiting, or copying."""

        def run() -> None:
            if kind == "idle":
                self.idle(seconds, "gap")
                return
            self.device.synchronize()
            self.mark(kind, self.steps)
            if kind == "spin":
                self.device.spin(seconds)
            else:
                self.device.burn_until(now_ns() + int(seconds * 1e9), self.device.copy)

        return run

    def evaluate(self, seconds: float) -> None:
        """Forward passes without gradients."""
        until_ns = now_ns() + int(seconds * 1e9)
        with self.device.torch.no_grad():
            while now_ns() < until_ns:
                self.mark("evaluate", self.steps)
                self.training.loss()
                self.device.synchronize()

    def checkpoint(self, *, full: bool, background: bool) -> None:
        """Copy the state to the host and write it, while training waits or in the background."""
        if self._writer is not None:
            self.device.synchronize()
            self.mark("checkpoint_wait", self.steps)
            self._writer.join()
        self.device.synchronize()
        self.mark("checkpoint_copy", self.steps)
        state = [part.cpu() for part in self.training.state(full=full)]
        if background:
            self._writer = threading.Thread(target=self._store, args=(state,))
            self._writer.start()
        else:
            self.mark("checkpoint_write", self.steps)
            self._store(state)

    def _store(self, state: list[Any]) -> None:
        path = self.folder / "checkpoint.bin"
        with path.open("wb") as file:
            for part in state:
                part.numpy().tofile(file)
        path.unlink()

    def train(
        self, seconds: float, after: Callable[[int], None] | None = None, **parts: Any
    ) -> dict[str, Any]:
        """Steps for some time; the host runs at most one step ahead of the GPU."""
        until_ns, first = now_ns() + int(seconds * self.recorder.scale * 1e9), self.steps
        losses, before = [], None
        while now_ns() < until_ns:
            losses.append(self.step(**parts))
            event = self.device.event()
            if before is not None:
                before.synchronize()
            before = event
            if after:
                after(self.steps - first)
        self.device.synchronize()
        found = {"steps": len(losses), "loss_first": float(losses[0]), "loss_last": float(losses[-1])}
        return found | {
            "tokens_per_step": self.training.batch * self.training.shape.context * parts.get("micro", 1)
        }

    # -- sections beyond plain training

    def square(self, seconds: float, period_s: float, work: Callable[[], object]) -> dict[str, Any]:
        """Load for one half of each period, none for the other."""
        start_ns, count = now_ns() + 1_000_000, 0
        while count * period_s < seconds * self.recorder.scale:
            self.mark("matmul", count)
            self.device.burn_until(start_ns + int((count + 0.5) * period_s * 1e9), work)
            self.mark("idle", count)
            sleep_until(start_ns + int((count + 1) * period_s * 1e9))
            count += 1
        return {"periods": count}

    def start_stop(self, rounds: int, idle_s: float, train_s: float) -> dict[str, Any]:
        """Jobs that start from idle and stop to idle."""
        found: dict[str, Any] = {}
        for _ in range(rounds):
            self.idle(idle_s * self.recorder.scale)
            found = self.train(train_s, micro=2)
        self.idle(idle_s * self.recorder.scale)
        return found

    def held(self, levels: list[float | None], seconds: float) -> dict[str, Any]:
        """Mean power held below a level by waits between steps: a cap in software, no setting of the GPU."""
        found: dict[str, Any] = {}
        for level_w in levels:
            found = self.train(seconds, self._pause(level_w))
        return found

    def _pause(self, level_w: float | None) -> Callable[[int], None] | None:
        if level_w is None:
            return None
        start_ns, start_j = now_ns(), self.meter() if self.meter else 0.0

        def pause(_: int) -> None:
            self.device.synchronize()
            spent_j = self.meter() - start_j if self.meter else 1.5 * level_w * (now_ns() - start_ns) * 1e-9
            behind_s = spent_j / level_w - (now_ns() - start_ns) * 1e-9
            if behind_s > 0.002:
                self.idle(min(behind_s, 0.5), "held")

        return pause

    def checkpoints(self, seconds: float) -> dict[str, Any]:
        """Three ways in turn: weights, weights in the background, weights and moments."""

        def after(step: int) -> None:
            if step % 15 == 0:
                turn = step // 15 % 3
                self.checkpoint(full=turn == 0, background=turn == 2)

        found = self.train(seconds, after, micro=2)
        if self._writer is not None:
            self._writer.join()
        return found

    def stalls(self, seconds: float) -> dict[str, Any]:
        """Every eighth step the loader is late, by 0.3, 0.6 or 0.9 s in turn."""

        def after(step: int) -> None:
            if step % 8 == 0:
                self.idle(0.3 * (step // 8 % 3 + 1) * min(self.recorder.scale, 1.0), "stall")

        return self.train(seconds, after)

    def evaluations(self, seconds: float) -> dict[str, Any]:
        """Every 20 steps an evaluation of 2 s."""
        length_s = 2.0 * self.recorder.scale
        return self.train(seconds, lambda step: self.evaluate(length_s) if step % 20 == 0 else None)

    def job(self, seconds: float, gap_s: float) -> dict[str, Any]:
        """A job as a whole: idle, steps with a gap, evaluations, checkpoints, idle."""

        def after(step: int) -> None:
            if step % 30 == 0:
                self.evaluate(1.5 * self.recorder.scale)
            if step % 50 == 0:
                self.checkpoint(full=False, background=False)

        self.idle(4.0 * self.recorder.scale)
        found = self.train(seconds, after, micro=3, gap=self.gap(gap_s, "idle"))
        self.idle(5.0 * self.recorder.scale)
        return found


def build(recorder: Recorder, options: argparse.Namespace) -> Any:
    """Make the model and take the first steps; with too little memory, with half the batch."""
    import gpt

    shape = gpt.Shape(options.layers, options.width, options.heads, options.vocabulary, options.context)
    made: list[Any] = []

    def run() -> dict[str, Any]:
        recorder.mark("init")
        training = gpt.Training(shape, recorder.device.name, compiled=options.compile)
        training.batch = options.batch
        made.append(training)
        while True:
            try:
                for number in range(3):
                    recorder.mark("first_steps", number)
                    loss = training.loss()
                    loss.backward()
                    training.update()
                return {
                    "batch": training.batch,
                    "parameters": training.parameters,
                    "loss": float(loss.detach()),
                }
            except recorder.device.torch.OutOfMemoryError:
                training.batch //= 2
                training.optimizer.zero_grad(set_to_none=True)
                if not training.batch:
                    raise

    recorder.section("job_start", run)
    return made[0]


def plan(shapes: Shapes) -> list[tuple[str, Callable[[], Any], dict[str, Any]]]:
    """All sections behind the self-check: name, what runs, and the parameters that are written down.

    Periods of the square waves are no simple fractions of 0.1 s, a usual period of such sensors: readings
    then fall on all phases of the wave. One wave of exactly 10 Hz shows what happens otherwise.
    """
    device = shapes.device
    plain, full = device.multiply(device.plain), device.multiply(device.full)
    made: list[tuple[str, Callable[[], Any], dict[str, Any]]] = [
        ("idle", lambda: shapes.idle(6.0 * shapes.recorder.scale), {}),
    ]

    def add(name: str, run: Callable[..., Any], **parameters: Any) -> None:
        made.append((name, lambda: run(**parameters), dict(parameters)))

    def square(name: str, seconds: float, period_s: float, work: Callable[[], object], factors: str) -> None:
        about = {"seconds": seconds, "period_s": period_s, "factors": factors}
        made.append((name, lambda: shapes.square(seconds, period_s, work), about))

    square("step_8s", 15.0, 8.0, plain, "plus or minus one")
    for name, seconds, period_s in (
        ("square_0p5hz", 12.0, 2.027), ("square_1hz", 10.0, 1.0137), ("square_2hz", 8.0, 0.5071),
        ("square_5hz", 8.0, 0.19370), ("square_10hz", 8.0, 0.10310), ("square_20hz", 8.0, 0.05170),
        ("square_10hz_locked", 6.0, 0.1),
    ):  # fmt: skip
        square(name, seconds, period_s, plain, "plus or minus one")
    square("square_1hz_full", 10.0, 1.0137, full, "normal")
    add("short_steps", shapes.train, seconds=20.0)
    add("long_steps", shapes.train, seconds=20.0, micro=10)
    for kind, gap_s, seconds in (
        ("idle", 0.1, 10.0), ("idle", 0.3, 12.0), ("idle", 0.6, 15.0), ("spin", 0.3, 12.0),
        ("copy", 0.3, 10.0),
    ):  # fmt: skip
        name = f"gap_{kind}_{1000 * gap_s:.0f}ms"
        gap = shapes.gap(gap_s, kind)
        about = {"seconds": seconds, "micro": 3, "gap": kind, "gap_s": gap_s}
        made.append((name, functools.partial(shapes.train, seconds, micro=3, gap=gap), about))
    add("job", shapes.job, seconds=60.0, gap_s=0.06)
    add("start_stop", shapes.start_stop, rounds=3, idle_s=4.0, train_s=4.0)
    add("checkpoints", shapes.checkpoints, seconds=28.0)
    add("stalls", shapes.stalls, seconds=16.0)
    add("evaluations", shapes.evaluations, seconds=16.0)
    add("held_power", shapes.held, levels=[None, 500.0, 350.0, None], seconds=7.0)
    made.append(("small_steps", lambda: small_steps(shapes), {"seconds": 10.0, "batch": 1}))
    return made


def small_steps(shapes: Shapes) -> dict[str, Any]:
    """The shortest steps: one row of text, so that the optimizer is a large part."""
    batch, shapes.training.batch = shapes.training.batch, 1
    try:
        return shapes.train(10.0)
    finally:
        shapes.training.batch = batch


def self_check(recorder: Recorder, sensor: Any) -> None:
    """How long the calls of the sensor take, and what the products and the marks are worth."""
    device = recorder.device

    def run() -> dict[str, Any]:
        recorder.mark("calls")
        calls = {"power": sensor.power, "energy": sensor.energy_mj, "usage": sensor.usage_mw}
        found: dict[str, Any] = {}
        for name, call in {**calls, **sensor.slow_readers()}.items():
            try:
                times = [now_ns()]
                while len(times) < 2000 and times[-1] - times[0] < 250_000_000:
                    call()
                    times.append(now_ns())
                found[name] = sorted(b - a for a, b in itertools.pairwise(times))[len(times) // 2]
            except Exception as error:
                found[name] = str(error)
        for name in ("plain", "full"):
            recorder.mark("matmul")
            device.burn_until(now_ns() + int(2e9 * recorder.scale), device.multiply(getattr(device, name)))
            found[f"{name}_instant_mw"] = sensor.power()[0]
        time.sleep(1.0 * recorder.scale)  # to the clock of an idle GPU, which a busy wait has too
        found["spin_hz"] = device.calibrate_spin()
        recorder.log(json.dumps(found, indent=1))
        return {"median_call_ns_and_readings": found}

    recorder.section("self_check", run)


def rest_power_w(sensor: Any, seconds: float) -> float:
    """Mean power by the energy counter, while this process sleeps."""
    start_ns, start_mj = now_ns(), sensor.energy_mj()
    time.sleep(seconds)
    return float((sensor.energy_mj() - start_mj) * 1e6 / (now_ns() - start_ns))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Record the power of a GPU that trains.")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is recorded")
    parser.add_argument("--index", type=int, default=0, help="number of the GPU")
    parser.add_argument(
        "--dry-run", action="store_true", help="on the CPU, with a sensor that does not exist"
    )
    parser.add_argument("--sections", default="", help="only these, separated by commas")
    parser.add_argument("--scale", type=float, help="factor on all lengths (1; dry run 0.05)")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    sizes = {"layers": 24, "width": 1536, "heads": 12, "vocabulary": 32_768, "context": 1024, "batch": 8}
    small = {"layers": 2, "width": 64, "heads": 2, "vocabulary": 512, "context": 64, "batch": 2}
    for name in sizes:
        parser.add_argument(f"--{name}", type=int, help=f"of the model ({sizes[name]})")
    options = parser.parse_args(arguments)
    for name, value in (small if options.dry_run else sizes).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.scale is None:
        options.scale = 0.05 if options.dry_run else 1.0
    return options


def record(options: argparse.Namespace) -> bool:
    """Run the recording; whether all sections went well."""
    options.out.mkdir(parents=True, exist_ok=True)
    shared = sampling.Shared()
    sensor = sampling.FakeNvml(shared.load) if options.dry_run else sampling.Nvml(options.index)
    rest_s = 3.0 * options.scale
    quiet = {"polled_by_nobody_w": rest_power_w(sensor, rest_s)}
    samplers = sampling.start(options.index, options.dry_run, shared, options.out)
    time.sleep(1.5)
    quiet["polled_w"] = rest_power_w(sensor, rest_s)
    device = Device(options.index, dry=options.dry_run)
    recorder = Recorder(options.out, device, shared, options.scale)
    recorder.meta |= {
        "options": {name: value for name, value in vars(options).items() if name != "out"},
        "gpu": {"name": "none"} if options.dry_run else sampling.describe(options.index),
        "rest_power_w": quiet,
        "software": {"python": platform.python_version(), "torch": device.torch.__version__,
                     "cuda": device.torch.version.cuda, "kernel": platform.release()},
        "cores": os.cpu_count(),
        "monotonic_ns": now_ns(),
        "realtime_ns": time.time_ns(),
    }  # fmt: skip
    recorder.log(json.dumps(recorder.meta, indent=1, default=str))
    wanted = [name for name in options.sections.split(",") if name]
    try:
        self_check(recorder, sensor)
        training = build(recorder, options)
        meter = None if options.dry_run else (lambda: sensor.energy_mj() * 1e-3)
        with tempfile.TemporaryDirectory() as folder:
            shapes = Shapes(recorder, training, Path(folder), meter)
            for name, run, parameters in plan(shapes):
                if not wanted or name in wanted:
                    recorder.section(name, run, **parameters)
    finally:
        shared.stop.value = 1
        for process in samplers:
            process.join(30.0)
    recorder.save_meta()
    return not any(entry["fault"] for entry in recorder.meta["sections"])


if __name__ == "__main__":
    sys.exit(0 if record(parse()) else 1)
