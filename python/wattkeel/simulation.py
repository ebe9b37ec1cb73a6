"""Run a scenario: step the engine, record, draw up the result."""

from __future__ import annotations

import datetime
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel import rundir
from wattkeel._version import __version__
from wattkeel.errors import SimulationError
from wattkeel.ledger import OPEN_ABOVE, Ledger, build_ledger
from wattkeel.progress import Progress
from wattkeel.record import FULL_RATE, WINDOWS, RamStore, Recorder, RecordPlan, Store
from wattkeel.result import Envelope, Result, SignalMap, cut_windows
from wattkeel.signals import POWER
from wattkeel.summary import measured_racks, summarise
from wattkeel.trace_files import PLAYBACK

if TYPE_CHECKING:
    from wattkeel.engine import Chunk, Engine
    from wattkeel.scenario import Scenario

ProgressCallback = Callable[[int, int], None]

# Between two looks at the clock and at signals: short enough that Ctrl-C is felt as immediate.
_CHUNK_S = 0.1
_FIRST_CHUNK_TICKS = 256
_CHECKPOINT_S = 5.0


class Interrupted(KeyboardInterrupt):
    """A run was stopped from outside (Ctrl-C, SIGTERM).

    Attributes
    ----------
    result : Result
        What was recorded until then; ``complete`` is false.
    signal_number : int
        The signal that stopped it.
    """

    def __init__(self, result: Result, signal_number: int) -> None:
        self.result = result
        self.signal_number = signal_number
        super().__init__(
            f"stopped by {signal.Signals(signal_number).name} after {result.ticks * result.tick_s:g} s"
        )


class LedgerError(SimulationError):
    """The energy ledger of a run does not close: a fault of wattkeel, its numbers cannot be trusted.

    Attributes
    ----------
    result : Result
        The run, as it was written; its manifest says ``failed``.
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__("ledger", None, result.ticks, str(result.manifest["failed"]))

    def __reduce__(self) -> tuple[type[LedgerError], tuple[Result]]:
        """Rebuild from the result when it comes from another process."""
        return type(self), (self.result,)


def simulate(
    scenario: Scenario,
    *,
    engine: str | None = None,
    threads: int | None = None,
    isa: str | None = None,
    out_dir: str | Path | None = None,
    progress: ProgressCallback | bool | None = None,
) -> Result:
    """Run a scenario from its start to its end.

    Parameters
    ----------
    scenario : Scenario
        What to run.
    engine : {"native", "numba"}, optional
        Engine; the scenario's own when None.
    threads : int, optional
        Threads; the scenario's own when None. Never changes a result.
    isa : str, optional
        Instruction set of the kernels; the best of the machine when None. Never changes a result.
    out_dir : str or Path, optional
        Run directory. Series are then written to files as the run goes on and memory-mapped in the result;
        an older run in the directory is replaced. When None, everything stays in memory.
    progress : callable, bool or None
        Called as ``progress(tick, ticks)`` after each chunk; None or True shows progress on stderr; False
        shows none.

    Returns
    -------
    Result
        Signals, envelopes, events, ledger, summary and findings.

    Raises
    ------
    TypeError
        `scenario` is no `Scenario`.
    ScenarioError
        The scenario cannot be run as it is, or the directory holds something else or another run.
    Interrupted
        Ctrl-C or SIGTERM (in the main thread). A `KeyboardInterrupt` that carries the result so far; the
        run directory is readable and says that it is incomplete. A second Ctrl-C stops at once.
    SimulationError
        A fault of wattkeel itself. One whose stage is ``ledger`` carries the ``result``: everything is
        written, but the energy balance does not close.
    OSError
        The run directory cannot be written any more (disk full); what was written stays readable.
    """
    from wattkeel.engine import Engine
    from wattkeel.scenario import expect_scenario

    expect_scenario(scenario, "simulate")
    if out_dir is not None:
        rundir.check_directory(Path(out_dir))
    built = Engine(scenario, engine=engine, threads=threads, isa=isa)
    return record_run(scenario, built, out_dir=out_dir, progress=progress)


def record_run(
    scenario: Scenario,
    engine: Engine,
    *,
    out_dir: str | Path | None = None,
    progress: ProgressCallback | bool | None = None,
) -> Result:
    """Step an engine from where it stands to its end and draw up the result; see `simulate`."""
    run = _Run(scenario, engine, None if out_dir is None else Path(out_dir))
    try:
        result, stopped_by = _record(run, progress)
    finally:
        run.release()
    if stopped_by is not None:
        raise Interrupted(result, stopped_by)
    if not result.ledger.closes:
        raise LedgerError(result)
    return result


def _record(run: _Run, progress: ProgressCallback | bool | None) -> tuple[Result, int | None]:
    """Step to the end; return the result and the signal that stopped it before, if any did."""
    engine = run.engine
    shown = Progress(engine.tick_s) if progress is None or progress is True else None
    callback = shown if shown is not None else progress if callable(progress) else None
    try:
        with _signals_caught() as caught:
            _step_to_end(run, callback, caught)
    except BaseException as error:
        run.abandon(error)
        raise
    finally:
        if shown is not None:
            shown.close()
    stopped_by = caught[0] if caught else None
    return run.result(stopped_by), stopped_by


def _step_to_end(run: _Run, progress: ProgressCallback | None, caught: list[int]) -> None:
    engine, size = run.engine, min(_FIRST_CHUNK_TICKS, run.engine.chunk_ticks)
    while engine.tick < engine.ticks and not caught:
        begin_s = time.monotonic()
        run.take(engine.advance(min(size, engine.ticks - engine.tick)))
        wall_s = max(time.monotonic() - begin_s, 1e-6)
        size = int(min(engine.chunk_ticks, 2 * size, max(1, size * _CHUNK_S / wall_s)))
        run.checkpoint()
        if progress is not None:
            progress(engine.tick, engine.ticks)
    run.recorder.finish(engine.finish())
    run.take_events()


@contextmanager
def _signals_caught() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of acting on them; a second SIGINT raises KeyboardInterrupt.

    A signal that struck inside a chunk would otherwise lose what the engine had already stepped. Signals
    belong to the main thread; elsewhere nothing is caught.
    """
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _Run:
    """One run under way: engine, recorder, store and what is known of it."""

    def __init__(self, scenario: Scenario, engine: Engine, directory: Path | None) -> None:
        from wattkeel.compliance import RunMeter, load_profiles

        # A profile that cannot be read is told now, not after hours of stepping.
        profiles = load_profiles(scenario.model.compliance.profiles, scenario.base_dir)
        self.scenario = scenario
        self.engine = engine
        self._start_s = time.monotonic()
        self._checkpoint_s = self._start_s
        self._plan = RecordPlan.from_engine(scenario.model.record, engine)
        self._manifest = _first_manifest(scenario, engine)
        self._writer: rundir.RunWriter | None = None
        if directory is not None:
            self._writer = rundir.RunWriter(directory, self._plan, self._manifest, scenario.to_toml())
        self._store: Store = self._writer or RamStore(self._plan)
        settle_s = float(scenario.model.compliance.settle_s)
        self.recorder = Recorder(
            self._plan, self._store, list(scenario.model.workload), settle_s=settle_s, engine=engine.engine
        )
        self._meter: RunMeter | None = None
        if POWER in self._plan.chunk_names:
            ahead = engine.ticks - engine.tick
            meter = RunMeter(scenario.model, profiles, ahead, engine.tick_s, engine.engine)
            self._meter = meter if meter.wanted else None
            self._power_column = self._plan.chunk_names.index(POWER)

    def take(self, chunk: Chunk) -> None:
        """Record one chunk; its events are on disk at once."""
        self.recorder.take(chunk)
        if self._meter is not None:
            self._meter.feed(chunk.full[:, self._power_column])
        self.take_events()

    def take_events(self) -> None:
        """Bring down the events that began or ended."""
        changed = self.recorder.log.changed()
        if self._writer is not None:
            self._writer.append_events(changed)
            if changed:  # an event may have opened a window, which without its span cannot be read
                self._writer.write_windows(self.recorder.windows)

    def release(self) -> None:
        """Let other runs into the directory."""
        if self._writer is not None:
            self._writer.release()

    def checkpoint(self) -> None:
        """Bring down what a killed run should leave; now and then only."""
        writer, now_s = self._writer, time.monotonic()
        if writer is None or now_s - self._checkpoint_s < _CHECKPOINT_S:
            return
        self._checkpoint_s = now_s
        writer.flush()
        writer.write_windows(self.recorder.windows)
        ledger = self._ledger()
        writer.write_values({rundir.LEDGER: ledger, rundir.SUMMARY: self._summary()})
        writer.write_manifest(self._manifest_now(ledger), complete=False)

    def abandon(self, error: BaseException) -> None:
        """Close the files of a run that failed; a second failure must not hide the first."""
        if self._writer is None:
            return
        try:
            self._writer.close()
            self._writer.write_windows(self.recorder.windows)
            self._writer.write_events(self.recorder.log.events)
            failed = {"failed": f"{type(error).__name__}: {error}"}
            self._writer.write_manifest({**self._manifest_now(self._ledger()), **failed}, complete=False)
        except Exception:  # the run directory cannot be written (disk full): it stays as it is
            return

    def result(self, stopped_by: int | None) -> Result:
        """Draw up the result and write it out."""
        ledger = self._ledger()
        full = self._store.array(FULL_RATE)
        signals = SignalMap(self._plan.full_rate, full, self._plan.signal_units)
        envelopes = [
            Envelope.of_rows(
                period * self._plan.tick_s,
                self._plan.signal_names,
                self._store.array(self._plan.envelope_name(period)),
            )
            for period in self._plan.envelope_ticks
        ]
        rows = self._store.array(WINDOWS)
        manifest = {**self._manifest_now(ledger), "complete": stopped_by is None}
        if stopped_by is not None:
            manifest["stopped_by"] = signal.Signals(stopped_by).name
        if not ledger.closes:
            manifest["failed"] = _open_text(ledger)
        result = Result(
            scenario=self.scenario,
            tick_s=self._plan.tick_s,
            ticks=self.recorder.ticks,
            signals=signals,
            envelopes=envelopes,
            windows=cut_windows(self.recorder.windows, self._plan.event_signals, rows, self._plan.tick_s),
            events=self.recorder.log.events,
            ledger=ledger,
            summary=self._summary(signals, envelopes[0]),
            findings=[],
            manifest=manifest,
            directory=None if self._writer is None else self._writer.path,
            metered=None if self._meter is None else self._meter.close(),
        )
        self._write_recorded(result)
        # After what was recorded is safe.
        from wattkeel.compliance import evaluate

        result.findings = list(evaluate(result))
        if self._writer is not None:
            self._writer.write_values({rundir.FINDINGS: result.findings})
            # Last of all, so that "complete" is never said of a directory that lacks something.
            self._writer.write_manifest(result.manifest, complete=result.complete)
        return result

    def _write_recorded(self, result: Result) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer.write_windows(self.recorder.windows)
        self._writer.write_events(result.events)
        self._writer.write_values({rundir.LEDGER: result.ledger, rundir.SUMMARY: result.summary})
        if result.metered is not None:
            from wattkeel.compliance.metering import metered_row

            self._writer.write_values({rundir.METERS: metered_row(result.metered)})
        self._writer.write_manifest(result.manifest, complete=False)

    def _summary(self, signals: SignalMap | None = None, finest: Envelope | None = None) -> dict[str, float]:
        return summarise(
            self.scenario.model,
            meters=self.engine.meters(),
            final=self.engine.state,
            recorder=self.recorder,
            signals=signals,
            finest=finest,
        )

    def _ledger(self) -> Ledger:
        return build_ledger(self.engine.meters(), measured_racks(self.scenario.model))

    def _manifest_now(self, ledger: Ledger) -> dict[str, Any]:
        wall_s = time.monotonic() - self._start_s
        done_s = self.recorder.ticks * self._plan.tick_s
        return {
            **self._manifest,
            "ticks_done": self.recorder.ticks,
            "wall_s": wall_s,
            "real_time_factor": done_s / wall_s if wall_s > 0.0 else 0.0,
            "residual_relative": ledger.residual_relative,
            "event_counts": dict(self.recorder.log.counts),
            "events_dropped": self.recorder.log.dropped,
            "events_lost": self.recorder.log.lost,
            "event_windows_dropped": self.recorder.windows_dropped,
        }


def _open_text(ledger: Ledger) -> str:
    return (
        f"the energy ledger does not close: {ledger.residual_j:.3g} J are missing, "
        f"{ledger.residual_relative:.2g} of the energy that passed (rounding is below {OPEN_ABOVE:g}); "
        "the numbers of this run cannot be trusted"
    )


def _first_manifest(scenario: Scenario, engine: Engine) -> dict[str, Any]:
    """Return what is known of a run before it starts: versions, inputs and their hashes."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    return {
        **engine.describe(),
        "program": "wattkeel",
        "version": __version__,
        "title": scenario.model.title,
        "created": now.isoformat(),
        "scenario": None if scenario.source is None else str(scenario.source),
        "seed": scenario.model.simulation.seed,
        "tick_s": engine.tick_s,
        "ticks": engine.ticks,
        "inputs": _inputs(scenario),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def _inputs(scenario: Scenario) -> list[dict[str, Any]]:
    """Return place, file and hash of everything measured that a run replays."""
    inputs: list[dict[str, Any]] = [
        {
            "place": place,
            "source": trace.source,
            "sha256": trace.sha256,
            "sampling_s": trace.sampling_s,
            "refresh_s": trace.refresh_s,
        }
        for place, trace in sorted(scenario.traces.items())
    ]
    played = scenario.playback
    if played is not None:
        # A record of a grid has no sensor that only repeats itself: it is refreshed with every sample.
        sampling_s = played.sampling_s
        inputs.append(
            {
                "place": PLAYBACK,
                "source": played.source,
                "sha256": played.sha256,
                "sampling_s": sampling_s,
                "refresh_s": sampling_s,
            }
        )
    return inputs
