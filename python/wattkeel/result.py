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
from wattkeel.ledger import Ledger, build_ledger

if TYPE_CHECKING:
    from wattkeel.compliance import Finding
    from wattkeel.scenario import Scenario

Floats = NDArray[np.float64]

VERDICTS = ("fail", "marginal", "pass", "not_evaluated")
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
    """

    def __init__(self, names: Sequence[str], rows: Floats, units: Mapping[str, str]) -> None:
        self._columns = {name: index for index, name in enumerate(names)}
        self._rows = rows
        self.units = dict(units)

    def __getitem__(self, name: str) -> Floats:
        if name in self._columns:
            return self._rows[:, self._columns[name]]
        kept = ", ".join(self._columns) or "none"
        if name in self.units:
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
    """Return ``; did you mean 'x'?`` when a name is near."""
    import difflib

    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


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
        """Time that the run was to cover [s]; `ticks` says how much of it was recorded."""
        return float(self.manifest.get("ticks", self.ticks)) * self.tick_s

    @property
    def units(self) -> Mapping[str, str]:
        """Units of all signals, by name."""
        return self.signals.units

    @property
    def verdict(self) -> str:
        """The worst verdict of the findings; a run that did not reach its end can fail, but not pass."""
        verdict = overall_verdict(self.findings)
        return verdict if self.complete or verdict == "fail" else "not_evaluated"

    @property
    def event_counts(self) -> dict[str, int]:
        """Events by kind; exact even when there were more than are kept."""
        counts = self.manifest.get("event_counts")
        return dict(counts) if counts is not None else _count(event.kind for event in self.events)

    def __repr__(self) -> str:
        state = "" if self.complete else ", incomplete"
        place = f", {str(self.directory)!r}" if self.directory else ""
        title = self.manifest.get("title") or "run"
        return f"<Result {title!r}: {self.duration_s:g} s{state}, {self.verdict}{place}>"

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
        Series are memory-mapped; the scenario is read when it is first asked for.

    Raises
    ------
    ScenarioError
        There is no run directory, or it cannot be read.
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
        return Result(
            scenario=lambda: _load_scenario(directory),
            manifest=manifest,
            directory=directory,
            **_read_series(directory, manifest),
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
    try:
        return load(path)
    except ScenarioError as error:
        # What was run was valid; the measured inputs may since have moved.
        model = ScenarioModel.model_validate(read_toml(path))
        note = f"read without its measured inputs, so that it can be reported but not run again: {error}"
        return Scenario(model=model, base_dir=directory, source=path, warnings=[note])


def _read_series(directory: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of `Result` that come from the series."""
    index = read_json(directory / rundir.SERIES / rundir.INDEX)
    tick_s = float(manifest["tick_s"])
    if index is None:  # killed before the first series was there
        return {
            "tick_s": tick_s,
            "ticks": 0,
            "signals": SignalMap([], np.empty((0, 0)), {}),
            "envelopes": [],
            "windows": [],
        }

    def rows(name: str) -> NDArray[np.float64]:
        return rundir.open_array(directory / rundir.SERIES / f"{name}.npy")

    full = rows(index["full_rate"]["name"])
    columns = index["envelope_columns"]
    envelopes = [Envelope.of_rows(row["period_s"], columns, rows(row["name"])) for row in index["envelopes"]]
    ticks = manifest.get("ticks_done") if manifest["complete"] or not full.shape[1] else len(full)
    spans = [tuple(span) for span in index["windows"]["spans_tick"]]
    windows = cut_windows(spans, index["windows"]["columns"], rows(index["windows"]["name"]), tick_s)
    signals = SignalMap(index["full_rate"]["columns"], full, index["units"])
    return {
        "tick_s": tick_s,
        "ticks": int(ticks or 0),
        "signals": signals,
        "envelopes": envelopes,
        "windows": windows,
    }


def _read_values(directory: Path) -> dict[str, Any]:
    """Return the keyword arguments of `Result` that come from the JSON files; a killed run may lack them."""
    events = [
        Event(**{**row, "value": number(row["value"]), "limit": number(row["limit"])})
        for row in read_json(directory / rundir.EVENTS, [])
    ]
    ledger = read_json(directory / rundir.LEDGER)
    return {
        "events": events,
        "ledger": build_ledger({}, {}) if ledger is None else Ledger.from_dict(ledger),
        "summary": {key: number(value) for key, value in read_json(directory / rundir.SUMMARY, {}).items()},
        "findings": [_finding(row) for row in read_json(directory / rundir.FINDINGS, [])],
    }


def _finding(row: Mapping[str, Any]) -> Any:
    from wattkeel.compliance import Finding

    return Finding(**row)
