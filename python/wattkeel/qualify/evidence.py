"""The evidence package: a folder with the requirement table, every test's scenario and series, and hashes."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattkeel._version import __version__
from wattkeel.compliance.finding import Finding
from wattkeel.errors import Fault, ScenarioError
from wattkeel.jsonio import read_json, write_json, write_text
from wattkeel.qualify.envelope import Envelope
from wattkeel.qualify.map_svg import map_svg
from wattkeel.qualify.outcome import Series, TestOutcome
from wattkeel.qualify.page import page
from wattkeel.qualify.suite import Qualification

__all__ = ["COLUMNS", "MANIFEST", "PAGE", "Package", "check_folder", "requirement_rows"]

Floats = NDArray[np.float64]

MANIFEST, PAGE = "manifest.json", "index.html"
TABLE = "requirements"
PROGRAM = "wattkeel qualify"
ROWS_MAX = 4000
"""Most rows of a series; a longer one is written as minimum, mean and maximum of as many buckets."""
COLUMNS = (
    "requirement_id",
    "item",
    "description",
    "partner_response",
    "evidence_id",
    "evidence_file",
    "test",
    "verdict",
    "value",
    "limit",
    "unit",
    "margin",
    "guideline_version",
    "evidence_of_criterion",
    "method",
    "note",
    "current_behaviour",
    "roadmap",
    "workaround",
    "risk",
    "substitute_and_results",
)
"""Columns of the requirement table. The first four are those of the guideline's answer format; the last five
are what it asks for of a non-compliance and of an exception, of which only the behaviour is known here."""
PARTNER = 4
"""Columns at the end that the partner fills in."""


class Package:
    """Writes the package as tests end, so that what a stopped run has done is there.

    Parameters
    ----------
    path : Path
        Folder; new, empty, or an earlier package, which is replaced.

    Raises
    ------
    ScenarioError
        It holds something else.
    OSError
        It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, str] = {}
        check_folder(path)
        path.mkdir(parents=True, exist_ok=True)
        _clear(path)
        write_json(path / MANIFEST, {"program": PROGRAM, "version": __version__, "complete": False})

    def _write(self, name: str, content: str) -> str:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, content)
        self.files[name] = hashlib.sha256(content.encode("utf-8")).hexdigest()
        return name

    def take(self, outcome: TestOutcome) -> None:
        """Write scenario, events, series and further files of one test."""
        folder = folder_of(outcome)
        for name, log in outcome.logs.items():
            self._write(f"{folder}/{name}.scenario.toml", log.scenario.to_toml())
            events = [event.to_dict() for event in log.events]
            self._write(f"{folder}/{name}.events.json", _json(events))
        for series in outcome.series:
            self._write(f"{folder}/{series.name}.csv", series_csv(series))
        for name, content in outcome.files.items():
            self._write(f"{folder}/{name}", content)

    def close(self, found: Qualification) -> None:
        """Write what is said of all tests together; the manifest last."""
        rows = requirement_rows(found)
        self._write(f"{TABLE}.csv", _table_csv(rows))
        self._write(f"{TABLE}.json", _json(rows))
        self._write("qualification.json", _json(as_dict(found)))
        if found.stability is not None:
            for load_pu in found.stability.load_pu:
                self._write(f"map/{_map_name(load_pu)}", map_svg(found.stability, load_pu))
            self._write("map/map.csv", _map_csv(found.stability))
        self._write(PAGE, page(found, rows))
        write_json(self.path / MANIFEST, {**_manifest(found), "files": self.files, "complete": True})


def folder_of(outcome: TestOutcome) -> str:
    """Folder of a test within the package."""
    return f"tests/{outcome.test.number:02d}"


def _json(value: Any) -> str:
    from wattkeel.jsonio import dumps

    return dumps(value) + "\n"


def check_folder(path: Path) -> None:
    """Refuse a folder that holds something else than an earlier package; nothing is written.

    Raises
    ------
    ScenarioError
        With what to choose instead.
    """
    remedy = "choose an empty, a new or an earlier folder of `wattkeel qualify`"
    if path.exists() and not path.is_dir():
        raise ScenarioError([Fault("out", str(path), "is a file, not a folder", remedy)])
    if not path.is_dir() or not any(path.iterdir()):
        return
    try:
        manifest = read_json(path / MANIFEST)
    except ValueError:
        manifest = None
    if not isinstance(manifest, Mapping) or manifest.get("program") != PROGRAM:
        message = "holds files that are no evidence package; they are not overwritten"
        raise ScenarioError([Fault("out", str(path), message, remedy)])


def _clear(path: Path) -> None:
    """Remove what an earlier package wrote here, by its places, and nothing else."""
    for pattern in ("tests/[0-9][0-9]/*", "map/*", f"{TABLE}.*", "qualification.json", PAGE):
        for file in path.glob(pattern):
            if file.is_file():
                file.unlink()


def requirement_rows(found: Qualification) -> list[dict[str, Any]]:
    """Requirement table: one row a criterion."""
    rows = []
    for outcome in found.outcomes:
        test = outcome.test
        files = [f"{folder_of(outcome)}/{series.name}.csv" for series in outcome.series]
        for criterion in outcome.criteria:
            finding = criterion.finding
            values = (
                test.requirement_id,
                criterion.item,
                criterion.description,
                criterion.answer,
                f"T{test.number:02d}-{criterion.item}",
                files[0] if files else "",
                test.number,
                finding.verdict,
                finding.value,
                finding.limit,
                finding.unit,
                finding.margin,
                criterion.version or test.version,
                finding.evidence,
                finding.method,
                finding.note,
                _behaviour(finding) if finding.verdict in ("fail", "marginal") else "",
                *[""] * PARTNER,
            )
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    rows.append(_unseen())
    return rows


def _behaviour(finding: Finding) -> str:
    """What the system does now, in place of what is asked for."""
    value = "no value" if finding.value is None else f"{finding.value:.4g} {finding.unit}".rstrip()
    asked = "at least" if finding.at_least else "at most"
    return f"{value}; {asked} {finding.limit:.4g} {finding.unit} is asked for".rstrip()


def _unseen() -> dict[str, Any]:
    """A last row for all that the requirements document asks and nobody here has seen."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    row |= dict.fromkeys(("test", "value", "limit", "margin"))
    return row | {
        "requirement_id": "PRD",
        "item": "other_rows",
        "description": "all other rows of the BESS Requirements Document",
        "partner_response": "not evaluated",
        "verdict": "not_evaluated",
        "note": "the rows were not seen: add them from the document",
    }


def _table_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: "" if value is None else _cell(value) for key, value in row.items()})
    return out.getvalue()


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def series_csv(series: Series) -> str:
    """A series as CSV, bounded: raw where it is short, else minimum, mean and maximum of buckets."""
    names = list(series.columns)
    count = len(series.columns[names[0]])
    columns: dict[str, Floats] = dict(series.columns)
    if count > ROWS_MAX:
        every = -(-count // ROWS_MAX)
        columns = {}
        for name in names:
            values = series.columns[name]
            edges = np.arange(0, count, every)
            if name == "time_s":
                columns[name] = values[edges]
                continue
            columns[f"{name}.min"] = np.minimum.reduceat(values, edges)
            sizes = np.diff(np.append(edges, count))
            columns[f"{name}.mean"] = np.add.reduceat(values, edges) / sizes
            columns[f"{name}.max"] = np.maximum.reduceat(values, edges)
    out = io.StringIO()
    out.write(",".join(f'"{name}"' for name in columns) + "\n")
    table = np.column_stack(list(columns.values()))
    for row in table.tolist():
        out.write(",".join(f"{value:.9g}" for value in row) + "\n")
    return out.getvalue()


def _map_name(load_pu: float) -> str:
    return f"load_{1000 * load_pu:04.0f}.svg"


def _map_csv(found: Envelope) -> str:
    keys = ("load_pu", "scr", "x_over_r", "state", "margin", "collapse_margin", "swing_pu", "unserved_pu")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*keys, "reason"])
    for point in found.points:
        writer.writerow([*(getattr(point, key) for key in keys), point.reason])
    return out.getvalue()


def _manifest(found: Qualification) -> dict[str, Any]:
    """How the package came about."""
    scenario = found.scenario
    resolved = scenario.to_toml()
    source = scenario.source
    given = None
    if source is not None and source.is_file():
        given = hashlib.sha256(source.read_bytes()).hexdigest()
    return {
        "program": PROGRAM,
        "version": __version__,
        "guideline": {
            "document": found.source.document,
            "title": found.source.title,
            "date": found.source.date,
            "url": found.source.url,
            "versions": {outcome.test.number: outcome.test.version for outcome in found.outcomes},
        },
        "created": datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat(),
        "scenario": None if source is None else source.name,
        "scenario_sha256": given,
        "resolved_sha256": hashlib.sha256(resolved.encode("utf-8")).hexdigest(),
        "inputs": {place: trace.sha256 for place, trace in sorted(scenario.traces.items())},
        "unit": found.unit,
        "verdict": found.verdict,
        "seed": scenario.model.simulation.seed,
        "runs": {
            f"{outcome.test.number:02d} {name}": {
                **log.manifest,
                "tick_s": log.tick_s,
                "ticks": log.ticks,
            }
            for outcome in found.outcomes
            for name, log in outcome.logs.items()
        },
        "map_runs": 0 if found.stability is None else found.stability.runs,
        "wall_s": found.wall_s,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def as_dict(found: Qualification) -> dict[str, Any]:
    """All outcomes as plain values, for JSON."""
    stability = found.stability
    return {
        "verdict": found.verdict,
        "guideline": {
            "document": found.source.document,
            "title": found.source.title,
            "date": found.source.date,
            "status": found.source.status,
            "does_not_imply": found.source.facts.get("boundary", {}).get("does_not_imply", ""),
        },
        "unit": found.unit,
        "tests": [
            {
                "number": outcome.test.number,
                "name": outcome.test.name,
                "requirement_id": outcome.test.requirement_id,
                "verdict": outcome.verdict,
                "summary": outcome.summary,
                "guideline_version": outcome.test.version,
                "evidence": outcome.test.evidence,
                "evaluation": outcome.test.evaluation,
                "notes": outcome.notes,
                "wall_s": outcome.wall_s,
                "criteria": [
                    {
                        "item": row.item,
                        "description": row.description,
                        "answer": row.answer,
                        "counts": row.counts,
                        "finding": row.finding.to_dict(),
                    }
                    for row in outcome.criteria
                ],
            }
            for outcome in found.outcomes
        ],
        "map": None
        if stability is None
        else {
            "runs": stability.runs,
            "wall_s": stability.wall_s,
            "counts": stability.counts(),
            "scr": stability.scr,
            "x_over_r": stability.x_over_r,
            "load_pu": stability.load_pu,
            "notes": stability.notes,
            "points": stability.points,
        },
        "wall_s": found.wall_s,
    }
