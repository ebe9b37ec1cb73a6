"""The figures as tables on the terminal, with the targets of the design beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MEMORY_GROWTH_MIB = 16.0  # what an allocator may do; the records of ten times the length are far more
BANK = "meter/four rule books, without spectra/native"


@dataclass(frozen=True)
class Target:
    """What is asked for. ``key`` names the measure; ``{isa}`` is the best instruction set of the machine."""

    text: str
    key: str
    limit: float
    higher: bool = True
    unit: str = "x"


TARGETS = (
    Target("10,000 racks (1 GW) at 1 ms, one core: times real time", "engine/10000/{isa}/1/real_time", 25.0),
    Target("10,000 racks (1 GW) at 1 ms, two cores: times real time", "engine/10000/{isa}/2/real_time", 45.0),
    Target("8 racks in three populations: ticks/s", "engine/8/{isa}/1/rate", 5e6, unit="ticks/s"),
    Target(
        "one battery: tables, three RC branches, heat, stress counted: ticks/s",
        "battery/one, means of 100 ticks, stress counted/native",
        1e7,
        unit="ticks/s",
    ),
    Target(
        "1,000 batteries side by side: battery-ticks/s",
        "battery/1000, means of 100 ticks/native",
        1e8,
        unit="1/s",
    ),
    Target("simses, one cell with all tables", "peer/simses/Sony cell, 1 ms/ratio", 40.0),
    Target("simses, 100 cells with all tables", "peer/simses/100 Sony cells, 1 ms/ratio", 400.0),
    Target("ageing: one count", "ageing/stress_add, rainflow, wave/native", 100.0, False, "ns"),
    Target(
        "ageing: 20 years of days, with feedback", "ageing/20 years, with feedback/native", 100.0, False, "ms"
    ),
    Target("meters: bank of ERCOT, IESO, CAISO, LIPA without spectra", BANK, 500.0, False, "ns"),
    Target("meters: scipy does one filtered range, times the meter", "meter/scipy over meter/ratio", 1.0),
    Target("ten times the length: growth of peak memory", "memory/growth", MEMORY_GROWTH_MIB, False, "MiB"),
)


def judge(measures: dict[str, Any], isa: str) -> list[dict[str, Any]]:
    """Every target with what was measured; ``met`` is None where nothing was."""
    rows = []
    for target in TARGETS:
        measure = measures.get(target.key.format(isa=isa))
        value = None if measure is None else measure["value"]
        met = None if value is None else (value >= target.limit if target.higher else value <= target.limit)
        rows.append(
            {"text": target.text, "value": value, "limit": target.limit, "higher": target.higher,
             "unit": target.unit, "met": met}
        )  # fmt: skip
    return rows


def number(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return "-"
    if abs(value) >= 100.0:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _columns(
    measures: dict[str, Any], prefix: str, last: str = ""
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Measures ``prefix/row/column[/last]`` as rows of columns, in the order of the measures."""
    rows: dict[str, dict[str, Any]] = {}
    names: dict[str, None] = {}
    for key, measure in measures.items():
        if not key.startswith(prefix) or not key.endswith(last):
            continue
        row, _, column = key[len(prefix) : len(key) - len(last)].partition("/")
        rows.setdefault(row, {})[column] = measure
        names[column] = None
    return list(names), rows


def kernel_lines(measures: dict[str, Any]) -> list[str]:
    """Table of the single kernels."""
    columns, rows = _columns(measures, "kernel/")
    if not rows:
        return []
    body = []
    for name, cells in rows.items():
        unit = next(iter(cells.values()))["unit"]
        body.append([name, unit, *(number(cells[c]["value"]) if c in cells else "-" for c in columns)])
    return ["Kernels", *table(["kernel", "unit", *columns], body), ""]


def battery_lines(measures: dict[str, Any]) -> list[str]:
    """Table of batteries alone."""
    columns, rows = _columns(measures, "battery/")
    if not rows:
        return []
    body = [
        [name, *(number(cells[c]["value"]) if c in cells else "-" for c in columns)]
        for name, cells in rows.items()
    ]
    return ["Batteries alone, battery-ticks/s", *table(["batteries", *columns], body), ""]


def engine_lines(measures: dict[str, Any]) -> list[str]:
    """Tables of the whole engine: time per rack-tick, and times real time."""
    lines: list[str] = []
    titles = {"/rack_tick": "Engine, ns per rack-tick", "/real_time": "Engine, times real time at 1 ms",
              "/rate": "Engine, ticks/s"}  # fmt: skip
    for last, title in titles.items():
        columns, rows = _columns(measures, "engine/", last)
        if not rows:
            continue
        body = [
            [f"{int(racks):,}", *(number(cells[c]["value"]) if c in cells else "-" for c in columns)]
            for racks, cells in rows.items()
        ]
        lines += [title, *table(["racks", *(c.replace("/", ", threads ") for c in columns)], body), ""]
    return lines


def prototype_lines(measures: dict[str, Any]) -> list[str]:
    """Table of the engine native, under Numba and as plain Python."""
    _, rows = _columns(measures, "prototype/")
    if not rows:
        return []
    rows = dict(sorted(rows.items(), key=lambda row: int(row[0])))
    columns = {
        "native/rack_tick": "native, ns",
        "numba/rack_tick": "Numba, ns",
        "plain/rack_tick": "Python, ns",
        "numba_over_native": "Numba / native",
        "plain_over_native": "Python / native",
    }
    body = [
        [f"{int(racks):,}", *(number(cells[c]["value"]) if c in cells else "-" for c in columns)]
        for racks, cells in rows.items()
    ]
    return ["Whole engine per rack-tick, one thread", *table(["racks", *columns.values()], body), ""]


def ageing_lines(measures: dict[str, Any]) -> list[str]:
    """Table of counting stress, and of years of ageing."""
    return _figures("Ageing", "ageing/", measures)


def meter_lines(measures: dict[str, Any]) -> list[str]:
    """Table of the streaming meters."""
    return _figures("Meters", "meter/", measures)


def flicker_lines(measures: dict[str, Any]) -> list[str]:
    """Table of the flickermeter."""
    return _figures("Flickermeter", "flicker/", measures)


def _figures(title: str, prefix: str, measures: dict[str, Any]) -> list[str]:
    columns, rows = _columns(measures, prefix)
    body = [
        [name, next(iter(cells.values()))["unit"],
         *(number(cells[c]["value"]) if c in cells else "-" for c in columns)]
        for name, cells in rows.items()
    ]  # fmt: skip
    return [title, *table(["what", "unit", *columns], body), ""] if body else []


def grid_lines(measures: dict[str, Any]) -> list[str]:
    """Table of what each addition to the grid costs."""
    _, rows = _columns(measures, "grid/")
    body = [
        [name, *(number(cells[c]["value"]) if c in cells else "-" for c in ("tick", "added"))]
        for name, cells in rows.items()
    ]
    return ["Grid, ns per tick", *table(["case", "ns/tick", "over plain"], body), ""] if body else []


def other_lines(measures: dict[str, Any]) -> list[str]:
    """Table of what is left: memory and whole runs."""
    names = [name for name in measures if name.startswith(("memory/", "simulate/"))]
    body = [[name, number(measures[name]["value"]), measures[name]["unit"]] for name in names]
    return (
        ["Whole runs (wk.simulate with a run directory)", *table(["figure", "value", "unit"], body), ""]
        if body
        else []
    )


def peer_lines(report: dict[str, Any]) -> list[str]:
    """Table of the other simulators, and what both sides of each row compute."""
    columns = {"peer": "peer, steps/s", "wattkeel": "wattkeel, steps/s", "ratio": "ratio of the best",
               "ratio_median": "median ratio"}  # fmt: skip
    rows: dict[str, list[str]] = {}
    for key, measure in report["measures"].items():
        if key.startswith("peer/"):
            _, peer, case, column = key.split("/")
            rows.setdefault(f"{peer}: {case}", ["-"] * len(columns))[list(columns).index(column)] = number(
                measure["value"]
            )
    table_lines = table(["case", *columns.values()], [[name, *cells] for name, cells in rows.items()])
    notes = [f"  {note}" for note in report["notes"]]
    return (
        ["Other simulators, in turns with wattkeel", *(table_lines if rows else []), *notes, ""]
        if notes
        else []
    )


def target_lines(targets: list[dict[str, Any]]) -> list[str]:
    """Table of what was asked for."""
    verdict = {True: "met", False: "MISSED", None: "not measured"}
    body = [
        [row["text"], f"{'>=' if row['higher'] else '<='} {number(row['limit'])} {row['unit']}",
         number(row["value"]), verdict[row["met"]]]
        for row in targets
    ]  # fmt: skip
    return ["Targets", *table(["target", "asked", "measured", "verdict"], body), ""]


def lines(report: dict[str, Any]) -> list[str]:
    """The whole report."""
    measures, where = report["measures"], report["environment"]
    loads = " -> ".join(
        "-" if load is None else f"{load[0]:.2f}"
        for load in (where["load_average_before"], where["load_average_after"])
    )
    head = [
        f"{where['cpu']}, {where['cores']} cores, load average {loads}",
        f"Python {where['python']}, numpy {where['numpy']}, Numba {where['numba']}; "
        f"{where['build']['compiler']}, {where['build']['build_type']}, {where['build']['float_flags']}",
        "",
    ]
    parts = (
        kernel_lines,
        battery_lines,
        ageing_lines,
        grid_lines,
        flicker_lines,
        meter_lines,
        engine_lines,
        prototype_lines,
        other_lines,
    )
    body = [line for part in parts for line in part(measures)]
    body += peer_lines(report)
    answers = ["Answers checked", *(f"  {check}" for check in report["checks"]), ""]
    return [*head, *body, *answers, *target_lines(report["targets"])]
