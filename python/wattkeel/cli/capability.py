"""``wattkeel capability``: run a site through what a profile asks it to ride through."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattkeel.cli.common import Verbs, add_json, add_scenario, print_json, table, verdict_text

if TYPE_CHECKING:
    from wattkeel.compliance import Finding
    from wattkeel.interconnection.capability import Capability

_EXAMPLE = """\
The site is brought to its steady swing once. From there sags and swells of rising length are run at moments
spread over the cycle of its load, and the longest that it rides is found to a tick. The grid events of the
scenario are left out. Exit status: 0 nothing fails, 1 a rule is violated, 2 bad input.

  wattkeel capability site.toml --profile ercot_nogrr282 --svg capability.svg
"""


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "capability",
        help="run a site through what a profile asks it to ride through",
        description=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_scenario(parser)
    parser.add_argument("--profile", required=True, metavar="NAME|FILE", help="profile with ride-through")
    parser.add_argument(
        "--depths", metavar="PU,...", type=_numbers, help="voltages to run, pu; default: edges of the bands"
    )
    parser.add_argument(
        "--durations",
        metavar="S,...",
        type=_numbers,
        help="durations to run, s; default: shares of the limit",
    )
    parser.add_argument("--phases", metavar="N", type=int, default=8, help="moments of the cycle (default 8)")
    parser.add_argument(
        "--source",
        choices=("stiff", "scenario"),
        default="stiff",
        help="what stands behind the POI: a test stand (default) or the scenario's own grid",
    )
    parser.add_argument("--longest", metavar="S", type=float, default=300.0, help="longest test, s (300)")
    parser.add_argument("--no-trains", action="store_true", help="leave the observed trains of sags out")
    parser.add_argument("--svg", metavar="FILE", help="draw the capability over what is asked for")
    parser.add_argument("--out", metavar="DIR", help="write capability.json and capability.svg there")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_json(parser)
    parser.set_defaults(act=act)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(" ", ",").split(",") if part]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers; write 0.2,0.5,0.8") from None


def act(arguments: argparse.Namespace) -> int:
    """Run, print, draw; 1 where a rule is violated."""
    from wattkeel.interconnection.capability import capability
    from wattkeel.scenario import load

    pictures = [Path(path) for path in (arguments.svg,) if path is not None]
    if arguments.out is not None:
        pictures.append(Path(arguments.out) / "capability.svg")
    _check_places(arguments)
    scenario = load(arguments.file, arguments.overrides)
    for warning in scenario.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    counter = None if arguments.quiet else _Counter()
    try:
        study = capability(
            scenario,
            arguments.profile,
            depths_pu=arguments.depths,
            durations_s=arguments.durations,
            phases=arguments.phases,
            source=arguments.source,
            longest_s=arguments.longest,
            trains=() if arguments.no_trains else None,
            progress=counter,
        )
    finally:
        if counter is not None:
            counter.close()
    _write(arguments, study, pictures)
    if arguments.json:
        print_json(study.to_dict())
    else:
        print("\n".join([*_text(study), *(f"picture: {path}" for path in pictures)]))
    return int(study.failed)


def _check_places(arguments: argparse.Namespace) -> None:
    """Refuse places that cannot be written before anything is run."""
    from wattkeel.errors import Fault, ScenarioError

    faults = []
    if arguments.svg is not None:
        target = Path(arguments.svg)
        if target.suffix.lower() != ".svg":
            faults.append(Fault("--svg", str(target), "is no .svg file", "name it capability.svg"))
        if not target.parent.is_dir():
            faults.append(Fault("--svg", str(target), f"there is no folder {target.parent}", "make it first"))
    if arguments.out is not None and Path(arguments.out).exists() and not Path(arguments.out).is_dir():
        faults.append(Fault("--out", arguments.out, "is no folder", "name another one"))
    if faults:
        raise ScenarioError(faults)


def _write(arguments: argparse.Namespace, study: Capability, pictures: list[Path]) -> None:
    if arguments.out is not None:
        from wattkeel.jsonio import dumps

        folder = Path(arguments.out)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "capability.json").write_text(dumps(study.to_dict()) + "\n", encoding="utf-8")
    drawing = study.to_svg() if pictures else ""
    for path in pictures:
        path.write_text(drawing, encoding="utf-8")


def _text(study: Capability) -> Iterator[str]:
    yield f"{study.title or 'site'}: ride-through against {study.profile}"
    yield study.statement()
    yield ""
    yield from table(map(_row, study.findings), right=(2, 4))
    reasons: dict[str, list[str]] = {}
    for finding in study.findings:
        if finding.note:
            reasons.setdefault(finding.note, []).append(finding.rule)
    yield ""
    for reason, rules in reasons.items():
        yield f"{', '.join(rules)}:"
        yield f"    {reason}"
    yield from (f"note: {note}" for note in study.notes)


def _row(finding: Finding) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.4g} {finding.unit}".removesuffix(" 1")

    bound = "" if finding.limit is None else "at least" if finding.at_least else "at most"
    return (
        verdict_text(finding.verdict),
        finding.rule,
        number(finding.value),
        bound,
        number(finding.limit),
    )


class _Counter:
    """Runs done on stderr."""

    def __init__(self) -> None:
        from wattkeel.progress import Progress

        self._shown: Any = Progress(1.0, unit="runs")

    def __call__(self, done: int, expected: int) -> None:
        self._shown(done, expected)

    def close(self) -> None:
        """Clear the line."""
        self._shown.close()
