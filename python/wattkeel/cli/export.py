"""``wattkeel export``: hand a run over to other programs: network solvers, fault record viewers, tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattkeel.cli.common import Verbs, add_json, print_json

if TYPE_CHECKING:
    from wattkeel.interop import Handover, Voltages
    from wattkeel.result import Result


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "export",
        help="hand a run over to other programs",
        description="Hand a run over to OpenDSS, power-grid-model, COMTRADE or a table; several at once.",
    )
    parser.add_argument("directory", metavar="RUN", help="run directory")
    targets = parser.add_argument_group("what to write")
    targets.add_argument(
        "--opendss", metavar="DIR", help="OpenDSS scripts and load shapes; run wattkeel_run.dss"
    )
    targets.add_argument(
        "--power-grid-model",
        metavar="FILE",
        help="input of power-grid-model (.json, .msgpack), and its batch as <name>_update beside it",
    )
    targets.add_argument("--csv", metavar="FILE", help="signals as comma-separated values")
    targets.add_argument(
        "--comtrade", metavar="FILE", help="signals as a COMTRADE record (IEEE C37.111-2013): .cfg and .dat"
    )
    series = parser.add_argument_group("which part of the run")
    series.add_argument("--window", metavar="S", help='length of a step, e.g. "100 ms"; a tick without it')
    series.add_argument(
        "--statistic",
        choices=("mean", "minimum", "maximum"),
        default="mean",
        help="what is taken of a signal in a step",
    )
    series.add_argument("--from", dest="begin", metavar="S", help="begin; 0 without it")
    series.add_argument("--to", dest="end", metavar="S", help="end; that of the run without it")
    series.add_argument(
        "--signals",
        metavar="A,B",
        help="signals of --csv and --comtrade; without it those kept at full rate, of --comtrade the POI's",
    )
    network = parser.add_argument_group("network of --opendss and --power-grid-model")
    network.add_argument(
        "--at",
        choices=("poi", "site"),
        default="poi",
        help="where the load hangs: POI, or site bus behind it",
    )
    network.add_argument(
        "--site-voltage", metavar="V", help='nominal voltage of the site bus, e.g. "34.5 kV"'
    )
    network.add_argument("--master", metavar="FILE", help="OpenDSS circuit of your own that takes the load")
    network.add_argument("--bus", metavar="NAME", help="its bus")
    network.add_argument("--bus-voltage", metavar="V", help="nominal voltage of that bus, line to line")
    network.add_argument("--network", metavar="FILE", help="power-grid-model input of your own")
    network.add_argument("--node", metavar="ID", type=int, help="its node")
    network.add_argument(
        "--solve", action="store_true", help="solve too, and compare with the run's voltages"
    )
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Write what was asked for and say what it is."""
    from wattkeel.result import open_result

    _judge(arguments)
    run = open_result(arguments.directory)
    options = _options(arguments)
    done: dict[str, Any] = {"run_dir": arguments.directory}
    if arguments.opendss or arguments.power_grid_model:
        done |= _networks(run, arguments, options)
    names = arguments.signals.split(",") if arguments.signals else None
    if arguments.csv:
        from wattkeel.interop import write_csv

        done["csv"] = {"files": [write_csv(run, arguments.csv, signals=names, **options)]}
    if arguments.comtrade:
        from wattkeel.interop import write_poi

        done["comtrade"] = {"files": list(write_poi(run, arguments.comtrade, names, **options))}
    if arguments.json:
        print_json(done)
    else:
        print("\n".join(_text(done)))
    return 0


def _judge(arguments: argparse.Namespace) -> None:
    """Raise for options that go with nothing that is written, all at once."""
    from wattkeel.errors import Fault, ScenarioError

    faults = []
    targets = ("opendss", "power_grid_model", "csv", "comtrade")
    if not any(getattr(arguments, name) for name in targets):
        remedy = "add --opendss DIR, --power-grid-model FILE, --comtrade FILE or --csv FILE"
        faults.append(Fault("export", None, "nothing is asked for", remedy))
    for name, target in (
        ("master", "opendss"), ("bus", "opendss"), ("bus_voltage", "opendss"),
        ("network", "power_grid_model"), ("node", "power_grid_model"),
    ):  # fmt: skip
        if getattr(arguments, name) is not None and not getattr(arguments, target):
            option, needed = (f"--{key.replace('_', '-')}" for key in (name, target))
            faults.append(Fault(option, getattr(arguments, name), f"belongs to {needed}", f"add {needed}"))
    if arguments.signals is not None and not (arguments.csv or arguments.comtrade):
        message = "belongs to --csv and --comtrade"
        faults.append(Fault("--signals", arguments.signals, message, "add one of them"))
    for name in ("csv", "power_grid_model", "comtrade"):
        given = getattr(arguments, name)
        folder = Path(given).parent if given else Path()
        if given and (Path(given).is_dir() or not folder.is_dir()):
            message = "is a folder, not a file" if Path(given).is_dir() else f"there is no folder {folder}"
            faults.append(
                Fault(f"--{name.replace('_', '-')}", given, message, "name a file in a folder that is")
            )
    if faults:
        raise ScenarioError(faults)


def _quantity(option: str, text: str | None, unit: str) -> float | None:
    """A number in SI, or a text with its unit."""
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.units import UnitError, parse_quantity

    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_quantity(text, unit)
    except UnitError as error:
        raise ScenarioError([Fault(option, text, error.message, error.remedy)]) from error


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Options that all formats share."""
    begin_s, end_s = (_quantity(f"--{key}", text, "s") for key, text in
                      (("from", arguments.begin), ("to", arguments.end)))  # fmt: skip
    given = begin_s is not None or end_s is not None
    return {
        "window_s": _quantity("--window", arguments.window, "s"),
        "statistic": arguments.statistic,
        "span_s": (begin_s or 0.0, float("inf") if end_s is None else end_s) if given else None,
    }


def _networks(run: Result, arguments: argparse.Namespace, options: dict[str, Any]) -> dict[str, Any]:
    """Both network solvers from one hand-over."""
    from wattkeel.interop import handover, opendss, power_grid_model

    site_v = _quantity("--site-voltage", arguments.site_voltage, "V")
    series = handover(run, at=arguments.at, site_voltage_v=site_v, **options)
    done: dict[str, Any] = {}
    if arguments.opendss:
        voltage_v = _quantity("--bus-voltage", arguments.bus_voltage, "V")
        written = opendss(
            series, arguments.opendss, master=arguments.master, bus=arguments.bus, voltage_v=voltage_v
        )
        done["opendss"] = _told(series, written.files, written.series.notes, written.solve, arguments)
    if arguments.power_grid_model:
        made = power_grid_model(series, network=arguments.network, node=arguments.node)
        files = made.write(arguments.power_grid_model)
        done["power_grid_model"] = _told(series, files, made.notes, made.solve, arguments)
    return done


def _told(
    series: Handover,
    files: tuple[Path, ...],
    notes: tuple[str, ...],
    solve: Callable[[], Voltages],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """What there is to say of one format."""
    told: dict[str, Any] = {
        "files": list(files), "at": series.at, "steps": series.steps, "time_step_s": series.time_step_s,
        "notes": list(notes),
    }  # fmt: skip
    if arguments.solve:
        found = solve()
        solved = found.poi_pu[~found.unsolved]
        told["voltages"] = {
            "unsolved_steps": int(found.unsolved.sum()),
            "minimum_pu": float(solved.min()) if len(solved) else None,
            "maximum_pu": float(solved.max()) if len(solved) else None,
            "largest_difference_pu": found.differences(series.recorded),
        }
    return told


def _text(done: dict[str, Any]) -> list[str]:
    """Lines for a person."""
    lines = []
    for name, told in done.items():
        if name == "run_dir":
            continue
        lines += [str(file) for file in told["files"]]
        if "steps" in told:
            where = "POI" if told["at"] == "poi" else "site bus"
            lines.append(f"  load at the {where}: {told['steps']} steps of {told['time_step_s']:g} s")
        lines += [f"  note: {note}" for note in told.get("notes", ())]
        if found := told.get("voltages"):
            if found["minimum_pu"] is not None:
                lines.append(f"  voltage {found['minimum_pu']:.6f} to {found['maximum_pu']:.6f} pu")
            if found["unsolved_steps"]:
                lines.append(f"  no voltage was found for {found['unsolved_steps']} steps")
            for signal, largest in found["largest_difference_pu"].items():
                lines.append(f"  largest difference from {signal}: {largest:.2g} pu")
    return lines
