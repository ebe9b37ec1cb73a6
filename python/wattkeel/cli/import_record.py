"""``wattkeel import``: read a measured grid record, tell what it holds, write its course for playback."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattkeel.cli.common import Verbs, add_json, print_json, table

if TYPE_CHECKING:
    from wattkeel.waveform import Course, Record


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "import", help="read a measured grid record (COMTRADE, CSV, Parquet)", description=__doc__
    )
    parser.add_argument("file", metavar="FILE", help="record: .cfg (with .dat), .cff, CSV (.gz), Parquet")
    parser.add_argument("--out", metavar="FILE", help="write RMS values and frequency as CSV or .parquet")
    parser.add_argument(
        "--kind", choices=("waveform", "rms"), help="samples of three phases, or RMS values; told by the file"
    )
    parser.add_argument(
        "--columns", metavar="A,B,C", default="", help="columns of voltage in the order of the phases"
    )
    parser.add_argument("--frequency-column", metavar="NAME", default="", help="column of frequency (rms)")
    parser.add_argument("--connection", choices=("auto", "phase_to_ground", "line_to_line"), default="auto")
    parser.add_argument("--base", metavar="V", help='RMS voltage that is 1 pu, as recorded, e.g. "158.8 kV"')
    parser.add_argument("--nominal", metavar="HZ", type=float, default=0.0, help="nominal frequency")
    parser.add_argument("--cycles", metavar="N", type=int, default=1, help="window of the estimator (1)")
    parser.add_argument(
        "--frequency-cycles",
        metavar="N",
        type=int,
        default=5,
        help="cycles over which the angle is differenced (5)",
    )
    parser.add_argument(
        "--hold-below",
        metavar="PU",
        type=float,
        default=0.1,
        help="frequency is held below this voltage (0.1)",
    )
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Read, print, write."""
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.waveform.writer import write_course

    _judge(arguments)
    record, course = _read(arguments)
    base_v = _base_v(arguments.base)
    if arguments.out is not None:
        target = Path(arguments.out)
        if target.is_dir() or not target.parent.is_dir():
            message = "is a folder, not a file" if target.is_dir() else f"there is no folder {target.parent}"
            raise ScenarioError(
                [Fault("--out", arguments.out, message, "name a file in a folder that is there")]
            )
        write_course(course, target)
    facts = _facts(record, course, base_v)
    if arguments.json:
        print_json({**facts, "out": arguments.out})
        return 0
    _print(arguments, record, course, facts)
    return 0


def _judge(arguments: argparse.Namespace) -> None:
    """Refuse numbers out of range, all at once."""
    from wattkeel.errors import Fault, ScenarioError

    ranges = (
        ("--cycles", arguments.cycles, 1, 50), ("--frequency-cycles", arguments.frequency_cycles, 1, 500),
        ("--hold-below", arguments.hold_below, 0.0, 1.0),
    )  # fmt: skip
    faults = [
        Fault(name, value, f"is out of range: >= {least:g} and <= {most:g}", "choose a value within")
        for name, value, least, most in ranges
        if not least <= value <= most
    ]
    if arguments.nominal and not 45.0 <= arguments.nominal <= 65.0:
        faults.append(
            Fault("--nominal", arguments.nominal, "is out of range: >= 45 and <= 65", "give 50 or 60")
        )
    if faults:
        raise ScenarioError(faults)


def _base_v(text: str | None) -> float | None:
    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.units import UnitError, parse_quantity

    if text is None:
        return None
    try:
        base_v = parse_quantity(text, "V")
    except UnitError as error:
        raise ScenarioError([Fault("--base", text, error.message, error.remedy)]) from None
    if not base_v > 0.0:
        raise ScenarioError([Fault("--base", text, "must be > 0", 'write e.g. "158.8 kV"')])
    return base_v


def _read(arguments: argparse.Namespace) -> tuple[Record | None, Course]:
    """Read the record and its course; where the kind is not given, RMS values are what is no waveform."""
    from wattkeel.trace.notes import TraceError
    from wattkeel.waveform import estimate, read_course, read_record
    from wattkeel.waveform.estimator import LEAST_PER_CYCLE

    columns = [name for name in arguments.columns.split(",") if name.strip()]
    common: dict[str, Any] = {
        "connection": arguments.connection,
        "nominal_frequency_hz": arguments.nominal,
        "where": "FILE",
    }
    base_v = _base_v(arguments.base)
    failed: TraceError | None = None
    if arguments.kind != "rms":
        try:
            record = read_record(arguments.file, columns, **common)
        except TraceError as error:
            if arguments.kind == "waveform":
                raise
            failed = error
        else:
            slow = record.sampling.rate_hz < LEAST_PER_CYCLE * record.nominal_frequency_hz
            if arguments.kind == "waveform" or not slow:
                course = estimate(
                    record,
                    cycles=arguments.cycles,
                    frequency_cycles=arguments.frequency_cycles,
                    hold_below=arguments.hold_below,
                    base_v=1.0 if record.per_unit else base_v,
                )
                return record, course
    try:
        course = read_course(
            arguments.file, columns, frequency_column=arguments.frequency_column,
            hold_below=arguments.hold_below, base_v=base_v, **common,
        )  # fmt: skip
    except TraceError as error:
        raise failed or error from None
    return None, course


def _facts(record: Record | None, course: Course, base_v: float | None) -> dict[str, Any]:
    """What the record holds."""
    from wattkeel.waveform.writer import course_columns

    columns = course_columns(course)
    base = 1.0 if course.per_unit else base_v
    facts: dict[str, Any] = {
        "source": course.source,
        "sha256": course.sha256,
        "kind": "rms" if record is None else "waveform",
        "connection": course.connection,
        "columns": course.columns,
        "nominal_frequency_hz": course.nominal_frequency_hz,
        "length_s": course.length_s,
        "samples": len(course.time_s),
        "sampling_s": course.sampling_s,
        "sampling": None if record is None else record.sampling,
        "currents": record is not None and record.current_a is not None,
        "delay_s": course.delay_s,
        "frequency_delay_s": course.frequency_delay_s,
        "held_s": float(course.held.mean() * course.length_s),
        "base_v": base,
        "quantities": {name: _extremes(course, values) for name, values in columns.items() if name != "t_s"},
        "notes": course.notes,
    }
    return facts


def _extremes(course: Course, values: Any) -> dict[str, float]:
    low, high = int(values.argmin()), int(values.argmax())
    return {
        "first": float(values[0]),
        "lowest": float(values[low]),
        "lowest_at_s": float(course.time_s[low]),
        "highest": float(values[high]),
        "highest_at_s": float(course.time_s[high]),
    }


def _print(
    arguments: argparse.Namespace, record: Record | None, course: Course, facts: dict[str, Any]
) -> None:
    from wattkeel.units import format_quantity

    kind = "RMS values" if record is None else "waveforms"
    between = "to ground" if course.connection == "phase_to_ground" else "between lines"
    nominal = f"{course.nominal_frequency_hz:g} Hz nominal"
    print(f"{course.source}: {kind} of {', '.join(course.columns)}, {between}, {nominal}")
    length = format_quantity(course.length_s, "s")
    print(f"  {length} in {facts['samples']} samples, every {format_quantity(course.sampling_s, 's')}")
    if record is not None:
        per_cycle = record.sampling.rate_hz / record.nominal_frequency_hz
        print(
            f"  {record.sampling.rate_hz:.6g} Hz, {per_cycle:.4g} samples per cycle, jitter "
            f"{format_quantity(record.sampling.jitter_s, 's')}, {record.sampling.gaps} gaps"
        )
        voltage, frequency = (
            format_quantity(value, "s") for value in (course.delay_s, course.frequency_delay_s)
        )
        print(f"  the estimate lags by {voltage}, its frequency by {frequency}")
    if facts["held_s"] > 0.0:
        print(f"  frequency is held, not measured, for {format_quantity(facts['held_s'], 's', 3)}")
    rows = [("", "first", "lowest", "at", "highest", "at")]
    for name, found in facts["quantities"].items():
        base = None if name == "frequency_hz" else facts["base_v"]
        unit = "Hz" if name == "frequency_hz" else "pu" if base else "V"
        shown = [
            f"{found[key] / (base or 1.0):.4g} {unit}" if unit != "V" else format_quantity(found[key], "V")
            for key in ("first", "lowest", "highest")
        ]
        low, high = (f"{found[key]:.4g} s" for key in ("lowest_at_s", "highest_at_s"))
        rows.append((name, shown[0], shown[1], low, shown[2], high))
    print("\n".join(table(rows, right=(1, 2, 3, 4, 5))))
    for note in course.notes:
        print(f"note: {note}")
    if arguments.out is None:
        return
    print(f"written: {arguments.out}")
    print("\n".join(_section(arguments.out, course, facts)))


def _section(out: str, course: Course, facts: dict[str, Any]) -> list[str]:
    """The lines of a scenario that play back what was written."""
    from wattkeel.waveform.writer import POSITIVE

    unit = "pu" if course.per_unit else "v"
    lines = ["to play it back:", "[grid.playback]", f'file = "{out}"', 'kind = "rms"']
    if course.positive_v is not None:
        lines.append(f'voltage_columns = ["{POSITIVE}_{unit}"]')
    if not course.per_unit:
        told = (
            f'"{facts["base_v"]:.6g} V"' if facts["base_v"] else '"... kV"    # the RMS voltage that is 1 pu'
        )
        lines.append(f"base_voltage = {told}")
    return lines
