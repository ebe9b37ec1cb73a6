"""``wattkeel flicker``: flicker, rapid changes, dips and swells of a recorded voltage or of a run."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wattkeel.cli.common import Verbs, add_json, print_json, table

SHOWN = 10  # events listed; --json gives all


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("flicker", help="flicker and events of a voltage", description=__doc__)
    parser.add_argument(
        "place",
        metavar="FILE|RUN",
        help="CSV or Parquet with a column of time and one of voltage, or a run directory",
    )
    parser.add_argument("--column", default="", metavar="NAME", help="column of the voltage")
    parser.add_argument(
        "--kind",
        choices=("waveform", "rms"),
        help="samples of the voltage or its RMS values; told by values below zero when not given",
    )
    parser.add_argument(
        "--rate",
        type=float,
        metavar="HZ",
        help="samples per second, where the file has no column of time or a coarse one",
    )
    parser.add_argument(
        "--lamp",
        metavar="NAME",
        help="230v_50hz, 120v_60hz, 120v_50hz or 230v_60hz; needed for a file, a run has its frequency",
    )
    parser.add_argument(
        "--declared",
        type=float,
        metavar="VOLTAGE",
        help="declared RMS voltage in V, or in pu where the file is: what events are judged against",
    )
    parser.add_argument("--interval", type=float, default=600.0, metavar="S", help="time of one Pst (600)")
    parser.add_argument("--settle", type=float, default=60.0, metavar="S", help="time not judged (60)")
    parser.add_argument("--change", type=float, metavar="SHARE", help="threshold of a rapid change (0.03)")
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from wattkeel.rundir import is_run_directory

    is_run = is_run_directory(Path(arguments.place))
    about, found = _of_run(arguments) if is_run else _of_file(arguments)
    if arguments.json:
        print_json(about | as_dict(found))
    else:
        print("\n".join(_lines(about, found)))
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    from wattkeel.power_quality import Thresholds

    change = arguments.change
    limits = Thresholds() if change is None else Thresholds(change=change, change_hysteresis=0.5 * change)
    return {"thresholds": limits, "interval_s": arguments.interval, "settle_s": arguments.settle}


def _of_run(arguments: argparse.Namespace) -> tuple[dict[str, Any], Any]:
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.power_quality import of_run
    from wattkeel.result import open_result

    unfit = {f"--{name}": getattr(arguments, name) for name in ("column", "kind", "rate", "declared")}
    faults = [
        Fault(name, value, "is for a file: a run has its own voltage, in pu", "leave it out")
        for name, value in unfit.items()
        if value not in (None, "")
    ]
    if faults:
        raise ScenarioError(faults)
    found = of_run(open_result(arguments.place), lamp=arguments.lamp, **_options(arguments))
    return {"source": arguments.place, "column": "poi.voltage_pu", "unit": "pu"}, found


def _of_file(arguments: argparse.Namespace) -> tuple[dict[str, Any], Any]:
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.power_quality import LAMPS, assess
    from wattkeel.trace.voltage import read_voltage

    if arguments.lamp is None:
        remedy = f"write --lamp with one of {', '.join(LAMPS)}"
        raise ScenarioError([Fault("--lamp", None, "a file does not tell lamp and frequency", remedy)])
    trace = read_voltage(arguments.place, arguments.column, rate_hz=arguments.rate)
    kind = arguments.kind or ("waveform" if float(trace.voltage.min()) < 0.0 else "rms")
    declared = 1.0 if arguments.declared is None and trace.unit == "pu" else arguments.declared
    found = assess(
        trace.voltage, trace.tick_s, kind, lamp=arguments.lamp, declared=declared, **_options(arguments)
    )
    about = {"source": arguments.place, "column": trace.column, "unit": trace.unit}
    return about | {"warnings": trace.warnings}, found


def as_dict(found: Any) -> dict[str, Any]:
    """What was found, as JSON holds it."""
    flicker = found.flicker
    return {
        "kind": flicker.kind,
        "lamp": flicker.settings.lamp,
        "tick_s": flicker.tick_s,
        "length_s": flicker.length_s,
        "settle_s": flicker.settings.settle_s,
        "interval_s": flicker.settings.interval_s,
        "p_inst_max": flicker.p_inst_max,
        "intervals": [
            {"start_s": i.start_s, "pst": i.pst, "p_inst_max": i.p_inst_max, "flagged": flagged}
            for i, flagged in zip(flicker.intervals, found.flagged, strict=True)
        ],
        "plt": flicker.plt,
        "declared": found.declared,
        "ten_minutes": found.aggregates.ten_minutes,
        "underdeviation": found.under,
        "overdeviation": found.over,
        "events": found.events,
        "rapid_changes": found.changes,
        "notes": found.notes,
    }


def _lines(about: dict[str, Any], found: Any) -> Iterator[str]:
    flicker = found.flicker
    what = f"{about['column']}, {flicker.kind}, {flicker.length_s:g} s, lamp {flicker.settings.lamp}"
    yield f"{about['source']}: {what}"
    yield from (f"warning: {warning}" for warning in about.get("warnings", ()))
    if not math.isnan(flicker.p_inst_max):
        yield f"P_inst,max {flicker.p_inst_max:.3f}"
    rows = [
        (
            f"{i.start_s:g} s",
            f"Pst {i.pst:.3f}",
            f"P_inst,max {i.p_inst_max:.3f}",
            "flagged" if flagged else "",
        )
        for i, flagged in zip(flicker.intervals, found.flagged, strict=True)
    ]
    yield from table(rows, right=(0,))
    yield from (f"Plt {value:.3f}" for value in flicker.plt)
    if not math.isnan(found.declared):
        yield f"deviation: {100.0 * found.under:.3f} % under, {100.0 * found.over:.3f} % over"
        yield f"dips, swells and interruptions: {len(found.events)}"
        yield from table(_event_rows(found.events), right=(1, 2))
        yield f"rapid changes: {len(found.changes)}"
        yield from table(_change_rows(found.changes), right=(0, 1))
    yield from (f"note: {note}" for note in found.notes)


def _event_rows(events: Any) -> Iterator[tuple[str, ...]]:
    for event in events[:SHOWN]:
        reach = f"{100.0 * event.extreme:.2f} %"
        open_end = "" if event.complete else "under way at the end"
        yield event.kind, f"{event.start_s:.3f} s", f"for {event.duration_s:.3f} s", reach, open_end


def _change_rows(changes: Any) -> Iterator[tuple[str, ...]]:
    for change in changes[:SHOWN]:
        most = f"largest {100.0 * change.delta_max:.2f} %"
        lasting = f"lasting {100.0 * change.delta_ss:.2f} %" if change.complete else "under way at the end"
        yield f"{change.start_s:.3f} s", f"for {change.duration_s:.3f} s", most, lasting
