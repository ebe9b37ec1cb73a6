"""``wattkeel resonance``: hold the lines of a run against bands, modes and shafts that they may excite."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wattkeel.cli.common import Verbs, add_json, print_json, table
from wattkeel.units import format_quantity

if TYPE_CHECKING:
    from wattkeel.resonance import Reading, Study
    from wattkeel.result import Result

_VERDICTS = {"exceeds": "EXCEEDS LIMIT", "within": "within limit", "no_limit": "", "not_seen": "not seen"}
_SHOWN_LINES = 8


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("resonance", help="hold the lines of a run against what they may excite")
    parser.description = __doc__
    parser.add_argument("source", metavar="RUN|FILE", help="run directory, or a scenario that is run first")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="override a value of the scenario; may be repeated",
    )
    parser.add_argument("--plot", metavar="IMAGE", help="draw it: .svg, .png or .pdf (needs wattkeel[plot])")
    parser.add_argument(
        "--measured",
        action="store_true",
        help="measure the response on the engine, by small sines on the load, instead of computing it",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Screen and print; 1 where a limit is exceeded."""
    from wattkeel.resonance import plot, screen, transfer
    from wattkeel.resonance.plot import check_picture

    if arguments.plot is not None:
        check_picture(arguments.plot)
        _check_folder(Path(arguments.plot))
    result = _result(arguments)
    response = transfer(result.scenario, method="measured") if arguments.measured else None
    study = screen(result, response=response)
    picture = None if arguments.plot is None else plot(study, arguments.plot)
    if arguments.json:
        print_json(study.as_dict() | {"picture": picture})
    else:
        print("\n".join(_text(study)))
        if picture is not None:
            print(f"picture: {picture}")
    return int(study.exceeds)


def _check_folder(target: Path) -> None:
    """Refuse a place that cannot be written before a run is made for it."""
    from wattkeel.errors import Fault, ScenarioError

    if not target.parent.is_dir():
        message = f"there is no folder {target.parent}"
        raise ScenarioError([Fault("--plot", str(target), message, "make it first, or name another file")])


def _result(arguments: argparse.Namespace) -> Result:
    """The run: opened, or made from a scenario, in memory."""
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.result import open_result
    from wattkeel.scenario import load
    from wattkeel.simulation import simulate

    if Path(arguments.source).is_dir():
        if arguments.overrides:
            message = "a run cannot be changed any more"
            raise ScenarioError([Fault("--set", arguments.overrides[0], message, "give the scenario file")])
        return open_result(arguments.source)
    scenario = load(arguments.source, arguments.overrides)
    for warning in scenario.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return simulate(scenario, progress=False if arguments.quiet else None)


def _text(study: Study) -> Iterator[str]:
    of = study.power
    segments = "one segment" if of.segments == 1 else f"{of.segments} segments"
    part = f"{study.start_s:g} to {study.stop_s:g} s, {segments}"
    yield f"{study.title}: {part}, a line every {of.resolution_hz:.3g} Hz"
    yield f"reach: {study.reach.why}"
    yield ""
    yield "strongest lines of the import (amplitude is half of peak to peak)"
    yield from table(
        (
            (_hz(line.frequency_hz), format_quantity(line.amplitude_w, "W", 3))
            for line in of.lines(_SHOWN_LINES)
        ),
        right=(0, 1),
    )
    bands = [each for each in study.readings if math.isnan(each.mode_hz)]
    modes = [each for each in study.readings if not math.isnan(each.mode_hz)]
    if bands:
        yield ""
        yield "bands: strongest line of load and import, share of the AC energy, frequency that it causes"
        yield from table([_BAND_HEAD, *map(_band_row, bands)])
    if modes:
        yield ""
        yield "modes: strongest line near each, its distance, and what the mode makes of it (steady state)"
        yield from table([_MODE_HEAD, *map(_mode_row, modes)])
    yield ""
    yield from (f"note: {note}" for note in study.notes)


_BAND_HEAD = ("", "Hz", "load", "at", "import", "at", "ratio", "small signal", "share", "frequency", "")
_MODE_HEAD = (
    "",
    "mode",
    "load",
    "import",
    "at",
    "distance",
    "at the mode",
    "amplified",
    "Q",
    "shaft torque",
    "",
)


def _band_row(of: Reading) -> tuple[str, ...]:
    return (
        of.target,
        f"{of.low_hz:g} to {of.high_hz:g}",
        _watts(of.load_w),
        _hz(of.load_hz),
        _watts(of.import_w),
        _hz(of.import_hz),
        _plain(of.ratio),
        # A swing beyond the ramp limit of the target is not small.
        _plain(of.gain) + ("*" if of.load_w > of.ramp_limit_w else ""),
        "" if math.isnan(of.import_share) else f"{of.import_share:.1%}",
        "" if math.isnan(of.frequency_hz) else f"{of.frequency_hz * 1e3:.3g} mHz",
        _VERDICTS[of.verdict],
    )


def _mode_row(of: Reading) -> tuple[str, ...]:
    torque = "" if math.isnan(of.torque_gain) else f"{of.torque_gain:.3g} x electrical"
    if not math.isnan(of.torque_pu):
        torque = f"{of.torque_pu:.2g} pu"
    return (
        of.target,
        _hz(of.mode_hz),
        _watts(of.load_w),
        _watts(of.import_w),
        _hz(of.import_hz),
        "" if math.isnan(of.distance_hz) else f"{of.distance_hz:.2g} Hz",
        _watts(of.at_mode_w),
        _plain(of.amplification),
        _plain(of.quality),
        torque,
        _VERDICTS[of.verdict],
    )


def _hz(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g} Hz"


def _watts(value: float) -> str:
    return "" if math.isnan(value) else format_quantity(value, "W", 3)


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}"
