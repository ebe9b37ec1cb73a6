"""``wattkeel comply``: judge a run, or a record that was measured, by connection rules."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattkeel.cli.common import Verbs, add_json, print_json, table, verdict_text
from wattkeel.cli.findings import FAIL_ON, FAIL_ON_HELP, falls_short, findings_lines, item, number

if TYPE_CHECKING:
    from wattkeel.compliance import Finding, MeasuredRecord, Profile
    from wattkeel.errors import Fault
    from wattkeel.result import Result

PAGE = "compliance.html"
ALL = "all"

#: Options of quantities: attribute, unit, whether a file alone has it.
_QUANTITIES = (
    ("settle", "s", False),
    ("nominal_voltage", "V", True),
    ("nominal_frequency", "Hz", True),
    ("rated_power", "W", True),
    ("peak_power", "W", True),
    ("scale_to", "W", True),
    ("step", "s", True),
)
#: Other options that only a file has, and what they are when not given.
_OF_FILES: dict[str, Any] = {
    "power_column": None,
    "voltage_column": None,
    "frequency_column": "",
    "reactive_column": "",
    "power_unit": "",
    "voltage_unit": "",
    "connection": "auto",
    "sign": "import",
    "kind": "auto",
    "gaps": "refuse",
}


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "comply", help="judge a run or a measured record by connection rules", description=__doc__
    )
    parser.add_argument(
        "place",
        metavar="RUN|FILE",
        nargs="?",
        help="run directory, or a record of the point of interconnection: CSV (.gz), Parquet, COMTRADE",
    )
    rules = parser.add_argument_group("rules")
    rules.add_argument(
        "--profile",
        metavar="NAME",
        action="append",
        default=[],
        help='profile, or path of a profile file (*.toml); may be repeated; "all" for every shipped one; '
        "a run is judged by those of its scenario too",
    )
    rules.add_argument("--rules", metavar="FILE", help="TOML file with [[compliance.rule]] of your own")
    rules.add_argument("--list", action="store_true", help="list the shipped profiles and what they cover")
    rules.add_argument("--settle", metavar="S", help="time from the start that is not judged")
    rules.add_argument("--suggest", action="store_true", help="work out what would mend each failed rule")
    rules.add_argument("--fail-on", choices=FAIL_ON, default="fail", help=FAIL_ON_HELP)
    parser.add_argument("--out", metavar="DIR", help=f"write findings.json and {PAGE} there")
    _add_file_options(parser)
    add_json(parser)
    parser.set_defaults(act=act)


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add what only a file needs."""
    group = parser.add_argument_group("of a file")
    group.add_argument(
        "--power-column",
        "--column",
        "--channel",
        metavar="NAME",
        action="append",
        help="column of power; may be repeated, * and ? are wildcards: the columns are summed",
    )
    group.add_argument(
        "--voltage-column",
        metavar="NAME",
        action="append",
        help='column of voltage, repeated for the phases in their order; "none" to leave it out',
    )
    group.add_argument("--frequency-column", metavar="NAME", default="", help='"none" to leave it out')
    group.add_argument("--reactive-column", metavar="NAME", default="", help="column of reactive power")
    group.add_argument(
        "--power-unit", metavar="UNIT", default="", help="W, kW, MW, where the file states none"
    )
    group.add_argument(
        "--voltage-unit", metavar="UNIT", default="", help="V, kV, pu, where the file states none"
    )
    group.add_argument("--nominal-voltage", metavar="V", help='line-to-line voltage of 1 pu, e.g. "138 kV"')
    group.add_argument("--connection", choices=("auto", "phase_to_ground", "line_to_line"), default="auto")
    group.add_argument(
        "--nominal-frequency", metavar="HZ", help="told by the record's frequency where it has one"
    )
    group.add_argument(
        "--sign", choices=("import", "export"), default="import", help="what positive power means"
    )
    group.add_argument(
        "--kind",
        choices=("auto", "values", "waveform"),
        default="auto",
        help="values of a meter, or waveforms",
    )
    group.add_argument(
        "--gaps",
        choices=("refuse", "longest"),
        default="refuse",
        help="refuse a record with gaps, or judge its longest stretch without one",
    )
    group.add_argument("--step", metavar="S", help="step at which waveforms are judged (1 ms)")
    group.add_argument("--rated-power", metavar="P", help='contracted power of the site, e.g. "100 MW"')
    group.add_argument("--peak-power", metavar="P", help="registered peak of the site")
    group.add_argument("--scale-to", metavar="P", help="scale power so that its largest value becomes this")


@dataclass(slots=True)
class _Judged:
    """What was judged, and what came of it."""

    source: str
    findings: list[Finding]
    verdict: str
    result: Result | None = None
    record: MeasuredRecord | None = None
    notes: list[str] = field(default_factory=list)
    suggestions: list[Any] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)


def act(arguments: argparse.Namespace) -> int:
    """Judge and print."""
    from wattkeel.errors import Fault, ScenarioError

    if arguments.list:
        return _list(arguments.json)
    if arguments.place is None:
        remedy = "give a run directory or a file, or --list for the profiles"
        raise ScenarioError([Fault("RUN|FILE", None, "is missing", remedy)])
    place = Path(arguments.place)
    if place.suffix.lower() == ".toml":
        remedy = f"run it first: wattkeel run {place}; then: wattkeel comply runs/{place.stem}"
        raise ScenarioError([Fault("RUN|FILE", str(place), "is a scenario, not a run or a record", remedy)])
    out_dir = _out_dir(arguments.out)
    judged = _of_run(arguments) if place.is_dir() else _of_file(arguments)
    if arguments.suggest:
        _suggest(judged)
    page = _write(judged, out_dir) if out_dir is not None else None
    if arguments.json:
        print_json(_as_dict(judged, page))
    else:
        print("\n".join(_lines(judged, out_dir, page)))
    return int(falls_short(judged.verdict, judged.findings, arguments.fail_on))


# ---------------------------------------------------------------------------------------------- input


def _quantities(arguments: argparse.Namespace) -> dict[str, float | None]:
    """Quantities of the options in SI, by attribute; one error for all that cannot be read."""
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.units import UnitError, parse_quantity

    faults: list[Fault] = []
    found: dict[str, float | None] = {}
    for name, unit, _ in _QUANTITIES:
        text = getattr(arguments, name)
        found[name] = None
        if text is None:
            continue
        option = f"--{name.replace('_', '-')}"
        try:
            # A bare number is one of seconds or hertz; of volts or watts it would hide a slip of the unit.
            found[name] = (
                float(text) if unit in ("s", "Hz") and _is_number(text) else parse_quantity(text, unit)
            )
        except UnitError as error:
            faults.append(Fault(option, text, error.message, error.remedy))
            continue
        if found[name] is not None and not 0.0 <= (found[name] or 0.0) < 1e15:
            faults.append(Fault(option, text, "must be finite and not below 0", "correct it"))
    if faults:
        raise ScenarioError(faults)
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _profiles(names: Sequence[str]) -> list[Profile]:
    """Profiles that were named, each once, "all" for every shipped one."""
    from wattkeel.compliance import load_profiles, profile_names

    wanted = [one for name in names for one in (profile_names() if name == ALL else [name])]
    return load_profiles(dict.fromkeys(wanted), Path.cwd())


@dataclass(slots=True)
class _Asked:
    """What was asked for beside the rules of a scenario, and what is wrong with it."""

    profiles: list[Profile]
    rules: list[dict[str, Any]]
    settle_s: float
    faults: list[Fault]


def _asked(arguments: argparse.Namespace) -> _Asked:
    """Profiles and rules of ``--profile`` and ``--rules``."""
    from wattkeel.compliance import load_profiles, load_rules
    from wattkeel.errors import ScenarioError

    profiles: list[Profile] = []
    rules: list[dict[str, Any]] = []
    faults: list[Fault] = []
    settle_s = 0.0
    try:
        profiles = _profiles(arguments.profile)
    except ScenarioError as error:
        faults += error.faults
    if arguments.rules is not None:
        try:
            own = load_rules(arguments.rules)
            profiles += load_profiles(own.profiles, Path(arguments.rules).absolute().parent)
            rules, settle_s = [dict(rule) for rule in own.rule], own.settle_s
        except ScenarioError as error:
            faults += error.faults
    return _Asked(list({profile.name: profile for profile in profiles}.values()), rules, settle_s, faults)


def _nothing_to_judge() -> Fault:
    from wattkeel.compliance import profile_names
    from wattkeel.errors import Fault

    names = ", ".join(profile_names())
    remedy = f'give --profile NAME ("{ALL}" for every one), or --rules FILE; there is {names}'
    return Fault("--profile", None, "there is no rule to judge by", remedy)


def _of_run(arguments: argparse.Namespace) -> _Judged:
    from wattkeel.compliance import evaluate, load_profiles
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.result import open_result, overall_verdict

    given = [name for name, _, of_file in _QUANTITIES if of_file and getattr(arguments, name) is not None]
    given += [name for name, usual in _OF_FILES.items() if getattr(arguments, name) != usual]
    faults = [
        Fault(
            f"--{name.replace('_', '-')}",
            getattr(arguments, name),
            "is for a file, not for a run",
            "leave it out",
        )
        for name in given
    ]
    asked = _asked(arguments)
    if faults + asked.faults:
        raise ScenarioError(faults + asked.faults)
    settle_s = _quantities(arguments)["settle"]
    result = open_result(arguments.place)
    own = result.scenario.model.compliance
    of_scenario = load_profiles(own.profiles, result.scenario.base_dir) if own is not None else []
    profiles = list({profile.name: profile for profile in [*asked.profiles, *of_scenario]}.values())
    # Those of the scenario first, in their order, as the run itself judged them.
    order = [profile.name for profile in of_scenario]
    profiles.sort(key=lambda one: order.index(one.name) if one.name in order else len(order))
    rules = [*(dict(rule) for rule in (own.rule if own is not None else ())), *asked.rules]
    if not profiles and not rules:
        raise ScenarioError([_nothing_to_judge()])
    findings = evaluate(result, profiles, rules, settle_s=settle_s)
    if settle_s is None:
        findings = _with_those_of_the_run(findings, result.findings)
    verdict = overall_verdict(findings)
    if not (result.complete and "failed" not in result.manifest) and verdict != "fail":
        verdict = "not_evaluated"  # as of the run itself: what was cut cannot pass
    title = result.scenario.model.title or "run"
    beside = {"profiles": profiles, "rules": asked.rules, "settle_s": settle_s}
    return _Judged(f"{title}, {arguments.place}", findings, verdict, result=result, asked=beside)


def _with_those_of_the_run(findings: list[Finding], of_run: Sequence[Finding]) -> list[Finding]:
    """Findings; where a signal was not kept, what the run itself found while it had it."""
    found = {(one.profile, one.rule): one for one in of_run if one.verdict != "not_evaluated"}
    return [
        found.get((one.profile, one.rule), one) if one.verdict == "not_evaluated" else one for one in findings
    ]


def _of_file(arguments: argparse.Namespace) -> _Judged:
    from wattkeel.compliance import evaluate_record, load_record
    from wattkeel.errors import ScenarioError
    from wattkeel.result import overall_verdict

    asked = _asked(arguments)
    faults = asked.faults
    if not (asked.profiles or asked.rules or faults):
        faults = [_nothing_to_judge()]
    try:
        size = _quantities(arguments)
    except ScenarioError as error:
        raise ScenarioError([*faults, *error.faults]) from None
    if faults:
        raise ScenarioError(faults)
    options: dict[str, Any] = {name: getattr(arguments, name) for name in _OF_FILES}
    options |= {
        "power_columns": options.pop("power_column") or (),
        "voltage_columns": options.pop("voltage_column") or (),
        "settle_s": asked.settle_s if size["settle"] is None else size["settle"],
        "nominal_voltage_v": size["nominal_voltage"],
        "nominal_frequency_hz": size["nominal_frequency"],
        "rated_power_w": size["rated_power"],
        "peak_power_w": size["peak_power"],
        "scale_to_w": size["scale_to"],
    }
    if size["step"] is not None:
        options["step_s"] = size["step"]
    record = load_record(arguments.place, where="FILE", **options)
    findings = evaluate_record(record, asked.profiles, rules=asked.rules)
    verdict = overall_verdict(findings)
    return _Judged(arguments.place, findings, verdict, record=record, notes=[*record.notes, *record.remarks])


# ---------------------------------------------------------------------------------------------- suggestions


def _suggest(judged: _Judged) -> None:
    """Work out what would mend the failed rules; their findings take it over as `remedy`."""
    import importlib

    from wattkeel.progress import Progress

    # By name: the room runs scenarios, and is loaded only where it is asked for.
    room: Any = importlib.import_module("wattkeel.interconnection.suggest")
    if judged.result is not None:
        shown = Progress(1.0, unit="runs")
        try:
            judged.suggestions = list(
                room.suggest(judged.result, judged.findings, progress=shown, **judged.asked)
            )
        finally:
            shown.close()
    else:
        judged.suggestions = list(room.suggest_for_series(judged.record, judged.findings))
    mended = {(one.profile, one.rule): one.finding for one in judged.suggestions}
    judged.findings = [mended.get((one.profile, one.rule), one) for one in judged.findings]


# ---------------------------------------------------------------------------------------------- output


def _out_dir(text: str | None) -> Path | None:
    """Folder to write to; a run directory keeps its own findings."""
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.rundir import is_run_directory

    if text is None:
        return None
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise ScenarioError([Fault("--out", text, "is a file, not a folder", "name a folder")])
    if is_run_directory(folder):
        message = "is a run directory, whose own findings would be lost"
        raise ScenarioError([Fault("--out", text, message, "name another folder")])
    return folder


def _write(judged: _Judged, folder: Path) -> Path | None:
    """Write the findings and the page; return its path."""
    from wattkeel.jsonio import write_json
    from wattkeel.report import compliance_page
    from wattkeel.rundir import FINDINGS

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FINDINGS, judged.findings)
    source = judged.record if judged.result is None else judged.result
    if source is None:
        return None
    title = f"Compliance of {judged.source}"
    return compliance_page(source, judged.findings, folder / PAGE, title=title, notes=judged.notes)


def _as_dict(judged: _Judged, page: Path | None) -> dict[str, Any]:
    result, record = judged.result, judged.record
    about: dict[str, Any] = {
        "verdict": judged.verdict,
        "source": judged.source if result is None else str(result.directory),
        "run_dir": None if result is None else result.directory,
        "report": page,
        "record": None if record is None else record.about(),
        "findings": judged.findings,
    }
    return about | ({"suggestions": judged.suggestions} if judged.suggestions else {})


def _lines(judged: _Judged, out_dir: Path | None, page: Path | None) -> Iterator[str]:
    met = sum(one.verdict not in ("not_evaluated", "emt_required") for one in judged.findings)
    share = "" if met == len(judged.findings) else f" ({met} of {len(judged.findings)} rules judged)"
    yield f"{judged.source}: {verdict_text(judged.verdict)}{share}"
    if judged.record is not None:
        yield from _about(judged.record)
    yield from (f"note: {note}" for note in judged.notes)
    yield ""
    yield from findings_lines(judged.findings)
    if judged.suggestions:
        yield from ("", "what would mend it")
        yield from _suggestion_lines(judged.suggestions)
    if out_dir is not None:
        yield from ("", f"findings: {out_dir / 'findings.json'}")
    if page is not None:
        yield f"report: {page}"


def _about(record: MeasuredRecord) -> Iterator[str]:
    """What was read, in a few lines."""
    from wattkeel.units import format_quantity

    what = "waveforms" if record.kind == "waveform" else "values"
    tick = format_quantity(record.tick_s, "s", 6)
    yield f"  {what}: {record.length()} in {record.samples} samples, every {tick}"
    for quantity, names in record.columns.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield f"  {quantity}: {shown}"
    if record.has_power:
        low, high = (
            format_quantity(float(record.power_w.min()), "W"),
            format_quantity(float(record.power_w.max()), "W"),
        )
        yield f"  power from {low} to {high}"


def _suggestion_lines(suggestions: Sequence[Any]) -> Iterator[str]:
    """What to do for each rule, whether that was run, and how to write it."""
    for one in suggestions:
        yield from item(f"{one.profile}, {one.rule}", one.action or "nothing was found", indent="  ")
        after = "" if one.value_after is None else f", {number(one.value_after, one.finding.unit)}"
        checked = f"run again: {verdict_text(one.verdict_after)}{after}" if one.verified else "not run"
        if one.runs and not one.verified:
            checked = f"{one.runs} runs" if one.runs > 1 else "one run"
        yield from item("checked", f"{checked}; {one.method}")
        for place, value in one.overrides.items():
            yield f"    --set {place}={value}"
        yield from (f"    {line}" for line in one.toml.splitlines())


def _list(as_json: bool) -> int:
    """Print the shipped profiles: standing, date, and what they cover."""
    from wattkeel.compliance import load_profiles, profile_names

    profiles = load_profiles(profile_names())
    if as_json:
        print_json(
            [
                {
                    "name": one.name, "title": one.title, "issuer": one.issuer, "status": one.status,
                    "date": one.date, "evidence": one.evidence, "seen": one.seen, "source": one.source,
                    "covers": _covers(one),
                }
                for one in profiles
            ]
        )  # fmt: skip
        return 0
    rows = [
        (one.name, one.status.replace("_", " "), one.date, ", ".join(_covers(one)) or "facts only")
        for one in profiles
    ]
    print("\n".join(table(rows, indent="")))
    return 0


def _covers(profile: Profile) -> list[str]:
    """Kinds of rules that a profile holds, in the order of the file."""
    blocks = dict.fromkeys(row.block for row in profile.rows)
    return [block.replace("_", " ") for block in blocks]
