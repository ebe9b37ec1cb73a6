"""``wattkeel qualify``: run the NVIDIA BESS self-qualification tests on a battery system."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wattkeel.cli.common import Verbs, add_json, add_scenario, print_json, table, verdict_text

if TYPE_CHECKING:
    from wattkeel.qualify import Qualification, TestOutcome

_SHOWN = ("fail", "marginal")


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "qualify", help="run the NVIDIA BESS self-qualification tests", description=__doc__
    )
    add_scenario(parser)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder of the evidence; runs/<name of FILE>-qualification by default; an older package in it "
        "is replaced",
    )
    parser.add_argument("--tests", metavar="N,N", help="tests to run, e.g. 1,4,11; all twelve by default")
    parser.add_argument(
        "--map",
        dest="map_points",
        type=int,
        default=0,
        metavar="N",
        help="map of stability with N x N points of SCR and X/R for each load level; 0 (default) for none",
    )
    parser.add_argument(
        "--fail-on",
        choices=("fail", "marginal", "not-evaluated", "never"),
        default="fail",
        help="exit 1 when a test fails (default); when one is also marginal; when one could also not be "
        "evaluated or needs EMT; or never",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Run, write the package, print the outcome."""
    from wattkeel.qualify.evidence import PAGE, Package, as_dict, check_folder
    from wattkeel.qualify.suite import qualify
    from wattkeel.scenario import load

    tests = _tests(arguments.tests)
    scenario = load(arguments.file, arguments.overrides)
    for warning in scenario.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    folder = Path(arguments.out or Path("runs") / f"{Path(arguments.file).stem}-qualification")
    check_folder(folder)  # before the hours, not after them
    package: list[Package] = []

    def take(outcome: TestOutcome) -> None:
        if not package:  # the input is sound: now a folder may be made
            package.append(Package(folder))
        package[0].take(outcome)

    shown = None if arguments.quiet else _Shown()
    found = qualify(scenario, tests=tests, map_points=arguments.map_points, progress=shown, taker=take)
    if not package:
        package.append(Package(folder))
    package[0].close(found)
    if arguments.json:
        print_json({**as_dict(found), "out": folder, "report": folder / PAGE})
    else:
        print("\n".join(_outcome(found, folder / PAGE)))
    return int(_falls_short(found, arguments.fail_on))


def _tests(text: str | None) -> list[int] | None:
    """Numbers of tests from the command line."""
    from wattkeel.errors import Fault, ScenarioError

    if text is None:
        return None
    faults, numbers = [], []
    for word in text.split(","):
        if word.strip().isascii() and word.strip().isdigit():
            numbers.append(int(word))
        else:
            faults.append(
                Fault("--tests", word.strip(), "is no number of a test", "write e.g. --tests 1,4,11")
            )
    if faults:
        raise ScenarioError(faults)
    return numbers


class _Shown:
    """Progress on stderr: the share on a terminal, a line for each test elsewhere."""

    def __init__(self) -> None:
        from wattkeel.progress import is_terminal

        self._terminal = is_terminal(sys.stderr)
        self._last = ("", -1)

    def __call__(self, what: str, share: float) -> None:
        percent = int(100.0 * share)
        if not self._terminal:
            if percent >= 100 and self._last != (what, 100):
                print(f"done: {what}", file=sys.stderr)
        elif (what, percent) != self._last:
            end = "\r\033[K" if percent >= 100 else ""
            print(f"\r\033[K{what}: {percent} %{end}", end="", file=sys.stderr, flush=True)
        self._last = (what, percent)


def _outcome(found: Qualification, report: Path) -> list[str]:
    """What people read."""
    source = found.source
    lines = [f"{source.title} ({source.document}, {source.date}): {found.unit}", ""]
    rows = [
        (
            str(outcome.test.number),
            outcome.test.name,
            verdict_text(outcome.verdict),
            outcome.summary,
            outcome.test.standing,
        )
        for outcome in found.outcomes
    ]
    lines += table([("#", "test", "verdict", "criteria", "numbers from"), *rows], right=(0,))
    for outcome in found.outcomes:
        lines += _details(outcome)
    if found.stability is not None:
        counts = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in found.stability.counts().items())
        lines += [
            "",
            f"map of stability: {found.stability.runs} runs in {found.stability.wall_s:.1f} s: {counts}",
        ]
    lines += [
        "",
        "What needs EMT or is not evaluated is no pass; passing does not imply site-level stability.",
        f"evidence: {report}",
    ]
    return lines


def _details(outcome: TestOutcome) -> list[str]:
    """Criteria that failed or disagree, open ones with what would close them, and the note on the method."""
    lines = []
    for row in outcome.criteria:
        finding = row.finding
        if finding.verdict in _SHOWN:
            value = "none" if finding.value is None else f"{finding.value:.4g} {finding.unit}".strip()
            limit = f"{finding.limit:.4g} {finding.unit}".strip()
            lines.append(
                f"  {verdict_text(finding.verdict)}  {row.item}: {value}, limit {limit}. {finding.note}"
            )
        elif finding.verdict in ("not_evaluated", "emt_required"):
            lines.append(f"  {verdict_text(finding.verdict)}  {row.item}: {finding.note}")
    return ["", f"test {outcome.test.number} (method, {outcome.test.method_note})", *lines]


def _falls_short(found: Qualification, fail_on: str) -> bool:
    """Return whether a test met a verdict that ``--fail-on`` names."""
    order = ("fail", "marginal", "not_evaluated", "emt_required")
    limits = order[: {"never": 0, "fail": 1, "marginal": 2, "not-evaluated": 4}[fail_on]]
    return any(outcome.verdict in limits for outcome in found.outcomes)
