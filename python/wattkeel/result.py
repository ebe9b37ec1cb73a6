"""What a run gives: signals, envelopes, windows, events, ledger, summary and findings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattkeel import rundir
from wattkeel.errors import Fault, ScenarioError
from wattkeel.events import Event
from wattkeel.jsonio import number, read_json
from wattkeel.ledger import Ledger

if TYPE_CHECKING:
    from wattkeel.compliance import Finding, Metered
    from wattkeel.scenario import Scenario

Floats = NDArray[np.float64]

VERDICTS = ("fail", "marginal", "pass", "emt_required", "not_evaluated")
"""Verdicts, worst first."""


class SignalMap(Mapping[str, Floats]):
    """Signals kept at every tick, by name; each is a view, (ticks,).

    Parameters
    ----------
    names : sequence of str
        Columns.
    rows : ndarray (ticks, len(names))
        Values, in memory or memory-mapped.
    units : Mapping of str to str
        Units of all signals of the run; says which names exist but were not kept.
    missing : sequence of str
        Files of which the signals are gone; told by the KeyError.
    """

    def __init__(
        self, names: Sequence[str], rows: Floats, units: Mapping[str, str], missing: Sequence[str] = ()
    ) -> None:
        self._columns = {name: index for index, name in enumerate(names)}
        self._rows = rows
        self._missing = tuple(missing)
        self.units = dict(units)

    def __getitem__(self, name: str) -> Floats:
        if name in self._columns:
            return self._rows[:, self._columns[name]]
        kept = ", ".join(self._columns) or "none"
        if self._missing:
            text = f"{name!r} is not there: the run directory lacks {', '.join(self._missing)}"
        elif name in self.units:
            text = (
                f"{name!r} was not kept at full rate (kept: {kept}). Add it to record.full_rate and run "
                "again, or use result.envelopes, which hold every signal"
            )
        else:
            text = (
                f"{name!r} is no signal of this run{_nearest(name, self.units)} (kept at full rate: {kept})"
            )
        raise KeyError(text)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"SignalMap({list(self._columns)}, {len(self._rows)} ticks)"


def _nearest(name: str, names: Mapping[str, str]) -> str:
    """Return ``; did you mean 'x' or 'y'?`` when names are near, or hold what was given."""
    import difflib

    given = str(name).lower()
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.7)
    near = near or [known for known in names if given and given in known.lower()][:3]
    near = near or difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Envelope:
    """Smallest, mean and largest value of every signal in equal stretches of time.

    Attributes
    ----------
    period_s : float
        Length of a bucket [s]; the last one may be shorter.
    names : list of str
        Signals, the columns.
    minimum, mean, maximum : ndarray (n, len(names))
        Over the ticks of each bucket.
    time_s : ndarray (n,)
        Start of each bucket [s].
    """

    period_s: float
    names: list[str]
    minimum: Floats
    mean: Floats
    maximum: Floats
    time_s: Floats

    @classmethod
    def of_rows(cls, period_s: float, names: Sequence[str], rows: Floats) -> Envelope:
        """Return an envelope over stored rows, (n, 3, S), without a copy."""
        time_s = np.asarray(np.arange(len(rows)) * period_s, dtype=np.float64)
        return cls(period_s, list(names), rows[:, 0], rows[:, 1], rows[:, 2], time_s)

    def of(self, name: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Return time, minimum, mean and maximum of one signal, each (n,).

        Raises
        ------
        KeyError
            There is no such signal.
        """
        if name not in self.names:
            near = _nearest(name, dict.fromkeys(self.names, ""))
            raise KeyError(f"{name!r} is no signal of this run{near}")
        column = self.names.index(name)
        return self.time_s, self.minimum[:, column], self.mean[:, column], self.maximum[:, column]


@dataclasses.dataclass(frozen=True, slots=True)
class EventWindow:
    """Signals at every tick around one event or several.

    Attributes
    ----------
    first_tick : int
        Tick of the first row.
    names : list of str
        Signals, the columns.
    values : ndarray (n, len(names))
        Values.
    tick_s : float
        Length of a tick [s].
    """

    first_tick: int
    names: list[str]
    values: Floats
    tick_s: float

    @property
    def time_s(self) -> Floats:
        """Start of each tick [s], (n,)."""
        return np.asarray((self.first_tick + np.arange(len(self.values))) * self.tick_s, dtype=np.float64)

    def of(self, name: str) -> tuple[Floats, Floats]:
        """Return time and values of one signal, each (n,)."""
        return self.time_s, self.values[:, self.names.index(name)]


def cut_windows(
    spans: Sequence[Sequence[int]], names: Sequence[str], rows: Floats, tick_s: float
) -> list[EventWindow]:
    """Return the windows over rows that lie one after the other; the last may be shorter than its span."""
    windows: list[EventWindow] = []
    first = 0
    for start, stop in spans:
        values = rows[first : first + stop - start]
        first += stop - start
        if len(values):
            windows.append(EventWindow(int(start), list(names), values, tick_s))
    return windows


class Result:
    """A run: what was recorded and what follows from it.

    Full-rate arrays lie in memory when the run had no directory, and are memory-mapped from its files
    otherwise; either way they are views, not copies.

    Parameters
    ----------
    scenario : Scenario or callable
        What was run; a callable is asked when the scenario is first needed.
    tick_s : float
        Length of a tick [s].
    ticks : int
        Ticks recorded.
    signals : SignalMap
        Signals at every tick.
    envelopes : list of Envelope
        Ascending period; every signal.
    windows : list of EventWindow
        Around events.
    events : list of Event
        In order of time.
    ledger : Ledger
        Energy balance.
    summary : dict of str to float
        Key figures; the unit is the suffix of the key.
    findings : list of Finding
        Verdicts on rules.
    manifest : dict
        How the run came about.
    directory : Path or None
        Run directory.
    missing : sequence of str
        Files that the run directory lacks: not recorded where the run was cut, lost where it was complete.
        The ledger is then `Ledger.not_recorded`, and summary, events or findings are empty without that
        meaning anything.
    metered : Metered or None
        What meters of the scenario's rules found while it ran.
    """

    def __init__(
        self,
        *,
        scenario: Scenario | Callable[[], Scenario],
        tick_s: float,
        ticks: int,
        signals: SignalMap,
        envelopes: list[Envelope],
        windows: list[EventWindow],
        events: list[Event],
        ledger: Ledger,
        summary: dict[str, float],
        findings: list[Finding],
        manifest: dict[str, Any],
        directory: Path | None,
        missing: Sequence[str] = (),
        metered: Metered | None = None,
    ) -> None:
        self._scenario = scenario
        self.tick_s = tick_s
        self.ticks = ticks
        self.signals = signals
        self.envelopes = envelopes
        self.windows = windows
        self.events = events
        self.ledger = ledger
        self.summary = summary
        self.findings = findings
        self.manifest = manifest
        self.directory = directory
        self.missing = tuple(missing)
        self.metered = metered

    @property
    def scenario(self) -> Scenario:
        """What was run."""
        if callable(self._scenario):
            self._scenario = self._scenario()
        return self._scenario

    @property
    def complete(self) -> bool:
        """Whether the run reached its end."""
        return bool(self.manifest.get("complete", False))

    @property
    def duration_s(self) -> float:
        """Time that the run was to cover [s]; `recorded_s` says how much of it was recorded."""
        return float(self.manifest.get("ticks", self.ticks)) * self.tick_s

    @property
    def recorded_s(self) -> float:
        """Time that was recorded [s]: `ticks` ticks; less than `duration_s` in a run that was cut."""
        return self.ticks * self.tick_s

    @property
    def units(self) -> Mapping[str, str]:
        """Units of all signals, by name."""
        return self.signals.units

    @property
    def verdict(self) -> str:
        """The worst verdict of the findings; a run that was cut, or failed, can fail a rule, but not pass."""
        verdict = overall_verdict(self.findings)
        sound = self.complete and "failed" not in self.manifest
        return verdict if sound or verdict == "fail" else "not_evaluated"

    @property
    def event_counts(self) -> dict[str, int]:
        """Events by kind; exact even when there were more than are kept."""
        counts = dict(self.manifest.get("event_counts") or {})
        for kind, count in _count(event.kind for event in self.events).items():
            counts[kind] = max(counts.get(kind, 0), count)  # the manifest of a killed run is behind
        return counts

    def __repr__(self) -> str:
        length = f"{self.duration_s:g} s"
        if not self.complete:
            length = f"{self.recorded_s:g} s of {length}, incomplete"
        place = f", {str(self.directory)!r}" if self.directory else ""
        title = self.manifest.get("title") or "run"
        return f"<Result {title!r}: {length}, {self.verdict}{place}>"

    def _repr_html_(self) -> str:
        """Return a small table and the course of the import, for notebooks."""
        from wattkeel.report import summary_html

        return summary_html(self)


def overall_verdict(findings: Sequence[Finding]) -> str:
    """Return the worst verdict; "not_evaluated" when nothing was judged."""
    met = {finding.verdict for finding in findings}
    return next((verdict for verdict in VERDICTS if verdict in met), "not_evaluated")


def _count(kinds: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def open_result(path: str | Path) -> Result:
    """Open a run directory, complete or not.

    Parameters
    ----------
    path : str or Path
        The run directory.

    Returns
    -------
    Result
        Series are memory-mapped; the scenario is read when it is first asked for. What the directory lacks
        is named in ``missing``.

    Raises
    ------
    ScenarioError
        There is no run directory, or it cannot be read: also where ``series/index.json``, without which the
        series mean nothing, is lost.
    """
    directory = Path(path)
    if not rundir.is_run_directory(directory):
        raise ScenarioError(
            [Fault("run directory", str(path), "holds no run of wattkeel", "give the --out of a run")]
        )
    try:
        manifest = read_json(directory / rundir.MANIFEST)
        if manifest["format"] > rundir.FORMAT:
            message = f"was written in layout {manifest['format']}; this version reads up to {rundir.FORMAT}"
            raise ScenarioError([Fault("run directory", str(path), message, "update wattkeel")])
        missing = [name for name in rundir.VALUES if not (directory / name).is_file()]
        if (directory / rundir.EVENTS_LOG).is_file() and rundir.EVENTS in missing:
            missing.remove(rundir.EVENTS)
        series = _read_series(directory, manifest, missing)
        return Result(
            scenario=lambda: _load_scenario(directory),
            manifest=manifest,
            directory=directory,
            missing=missing,
            **series,
            **_read_values(directory),
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        if isinstance(error, ScenarioError):
            raise
        message = f"is damaged: {type(error).__name__}: {error}"
        raise ScenarioError([Fault("run directory", str(path), message, "run the scenario again")]) from error


def _load_scenario(directory: Path) -> Scenario:
    """Read the resolved scenario; where its traces are gone, without them."""
    from wattkeel._generated.models import ScenarioModel
    from wattkeel.scenario import Scenario, load
    from wattkeel.toml_text import read_toml

    path = directory / rundir.SCENARIO
    if not path.is_file():
        message = f"lacks {rundir.SCENARIO}, without which the run cannot be described"
        raise ScenarioError([Fault("run directory", str(directory), message, "run the scenario again")])
    try:
        return load(path)
    except ScenarioError as error:
        # What was run was valid; the measured inputs may since have moved.
        model = ScenarioModel.model_validate(read_toml(path))
        note = f"read without its measured inputs, so that it can be reported but not run again: {error}"
        return Scenario(model=model, base_dir=directory, source=path, warnings=[note])


def _read_series(directory: Path, manifest: Mapping[str, Any], missing: list[str]) -> dict[str, Any]:
    """Return the keyword arguments of `Result` that come from the series; add what is `missing`."""
    index_name = f"{rundir.SERIES}/{rundir.INDEX}"
    index, tick_s = read_json(directory / index_name), float(manifest["tick_s"])
    if index is None and manifest["complete"]:
        message = f"lacks {index_name}, which says what its series hold"
        remedy = "copy the file from where the run was made, or run the scenario again"
        raise ScenarioError([Fault("run directory", str(directory), message, remedy)])
    if index is None:  # killed before the first series was there
        missing.append(index_name)
        signals = SignalMap([], np.empty((0, 0)), {}, [index_name])
        return {"tick_s": tick_s, "ticks": 0, "signals": signals, "envelopes": [], "windows": []}
    units, columns = index["units"], index["envelope_columns"]

    def rows(name: str, *shape: int) -> tuple[NDArray[np.float64], list[str]]:
        file = f"{rundir.SERIES}/{name}.npy"
        if (directory / file).is_file():
            return rundir.open_array(directory / file), []
        missing.append(file)
        return np.empty((0, *shape)), [file]

    kept = index["full_rate"]["columns"]
    full, gone = rows(index["full_rate"]["name"], len(kept))
    around = index["windows"]["columns"]
    spans = [tuple(span) for span in index["windows"]["spans_tick"]]
    windows = cut_windows(spans, around, rows(index["windows"]["name"], len(around))[0], tick_s)
    envelopes = [
        Envelope.of_rows(row["period_s"], columns, rows(row["name"], 3, len(columns))[0])
        for row in index["envelopes"]
    ]
    return {
        "tick_s": tick_s,
        "ticks": _ticks_recorded(manifest, full, envelopes),
        "signals": SignalMap([] if gone else kept, full, units, gone),
        "envelopes": [envelope for envelope in envelopes if len(envelope.time_s) or not manifest["complete"]],
        "windows": windows,
    }


def _ticks_recorded(manifest: Mapping[str, Any], full: Floats, envelopes: Sequence[Envelope]) -> int:
    """Return the ticks that a run directory holds; the manifest of a killed run is behind its series."""
    done = int(manifest.get("ticks_done") or 0)
    if manifest["complete"] or "stopped_by" in manifest:
        return done
    if full.shape[1] and len(full):
        return len(full)
    if "failed" in manifest:
        return done
    buckets = max((len(envelope.time_s) * envelope.period_s for envelope in envelopes), default=0.0)
    reached = min(round(buckets / float(manifest["tick_s"])), int(manifest.get("ticks", 0)))
    return max(done, reached)


def _read_values(directory: Path) -> dict[str, Any]:
    """Return the keyword arguments of `Result` that come from the JSON files; a killed run may lack them."""
    events = [
        Event(**{**row, "value": number(row["value"]), "limit": number(row["limit"])})
        for row in rundir.read_events(directory) or []
    ]
    ledger = read_json(directory / rundir.LEDGER)
    return {
        "events": events,
        "ledger": Ledger.not_recorded() if ledger is None else Ledger.from_dict(ledger),
        "summary": {key: number(value) for key, value in read_json(directory / rundir.SUMMARY, {}).items()},
        "findings": [_finding(row) for row in read_json(directory / rundir.FINDINGS, [])],
        "metered": _metered(directory),
    }


def _metered(directory: Path) -> Any:
    from wattkeel.compliance.metering import read_metered

    if not (directory / rundir.METERS).is_file():
        return None
    return read_metered(read_json(directory / rundir.METERS))


def _finding(row: Mapping[str, Any]) -> Any:
    from wattkeel.compliance import Finding

    return Finding(**row)
