"""Catalogue of the shipped profiles: the page of the documentation, and the JSON schema.

``python -m wattkeel.compliance.catalogue`` writes ``docs/profiles.md`` and the JSON schema of profile files
anew; with ``--check`` it only says whether they are up to date.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.head import (
    APPLIES_TO,
    EVIDENCE,
    HEAD_OPTIONAL,
    HEAD_RULES,
    OPTIONS,
    STATUSES,
    TIMERS,
)
from wattkeel.compliance.judges import HEADS, ROWS, TABLES
from wattkeel.compliance.profile import Profile, Row, load_profile, profile_names
from wattkeel.compliance.schema import json_schema
from wattkeel.profile_files import SCHEMA

__all__ = ["files", "main", "markdown", "schema_text"]

_ROOT = Path(__file__).resolve().parents[3]
_PAGE = _ROOT / "docs" / "profiles.md"
#: Keys of the head that have a place of their own in the text of a profile.
_TOLD = (
    "schema_version", "id", "title", "issuer", "jurisdiction", "url", "date", "date_seen", "status",
    "evidence", "seen", "applies_to", "threshold_mw", "note", "rationale",
)  # fmt: skip
#: Keys of rows that stand below the table.
_BELOW = ("seen", "note", "rationale", "url")
#: Columns of a table from which on keys of few rows share one.
_MOST_COLUMNS = 9


def schema_text() -> str:
    """JSON schema of profile files, as it is shipped."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def files() -> dict[Path, str]:
    """All that is written, by path."""
    return {SCHEMA: schema_text(), _PAGE: markdown()}


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with ``--check`` compare them; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    stale = 0
    for path, text in files().items():
        fresh = path.is_file() and path.read_text(encoding="utf-8") == text
        if given == ["--check"]:
            stale += not fresh
            print(f"{path.name} is {'up to date' if fresh else 'stale: run python -m ' + __spec__.name}")
        elif not fresh:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {path}")
    return min(stale, 1)


# ------------------------------------------------------------------------------------------------- page


def markdown() -> str:
    """Page of all profiles for the documentation."""
    profiles = [load_profile(name) for name in profile_names()]
    lines = [
        "# Profiles",
        "",
        "<!-- Written by `python -m wattkeel.compliance.catalogue`; do not edit. -->",
        "",
        "Every profile that comes along, with the numbers of its rules. What the verdicts mean, and how to",
        "write a profile of your own, is in [Compliance](compliance.md). Few of these documents are in",
        "force, and most were read at second hand: **read the document itself before you claim compliance.**",
        'A slot without numbers ("not seen") is never a pass.',
        "",
        "| profile | issuer | where | date | status | evidence | about | rules |",
        "|---|---|---|---|---|---|---|---|",
        *(_summary(profile) for profile in profiles),
        "",
        "| evidence | meaning |",
        "|---|---|",
        *(f"| {_words(word)} | {meaning} |" for word, meaning in EVIDENCE.items()),
        "",
        "## Kinds of rules",
        "",
        "| block | asks for | judged |",
        "|---|---|---|",
        *(f"| `{name}` | {block.doc} | {_judged(name)} |" for name, block in BLOCKS.items()),
        *(
            f"| `{name} = true` (head) | {HEAD_OPTIONAL[name].doc} | {_head_judged(name)} |"
            for name in HEAD_RULES
        ),
        "",
        "## Profiles one by one",
    ]
    for profile in profiles:
        lines += _section(profile)
    return "\n".join(lines) + "\n"


def _summary(profile: Profile) -> str:
    head = profile.head
    count = str(len(profile.rows)) if profile.rows else "none: facts"
    cells = [
        f"[`{profile.name}`](#profile-{profile.name})",
        profile.issuer,
        head["jurisdiction"],
        profile.date,
        _words(profile.status),
        _words(profile.evidence),
        APPLIES_TO[head["applies_to"]],
        count,
    ]
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _judged(block: str) -> str:
    if block in ROWS or block in TABLES:
        return "yes"
    if block == "test":
        return "by `wattkeel qualify`, where an RMS engine can; the rest needs EMT"
    verdict, reason = BLOCKS[block].unjudged({})
    return f"{_words(verdict)}: {reason}"


def _head_judged(name: str) -> str:
    return "yes" if name in HEADS else f"not evaluated: {HEAD_RULES[name]}"


def _section(profile: Profile) -> list[str]:
    head = profile.head
    size = f", from {profile.threshold_mw:g} MW" if profile.threshold_mw else ""
    lines = ["", f"(profile-{profile.name})=", f"### {profile.name}", "", f"{profile.title}.", ""]
    lines += [
        f"- Issuer: {profile.issuer} ({head['jurisdiction']}); id `{head['id']}`",
        f"- Status: {STATUSES[profile.status]}; date {profile.date}",
        f"- Evidence: {EVIDENCE[profile.evidence]}" + ("" if profile.seen else "; **numbers not seen**"),
        f"- About: {APPLIES_TO[head['applies_to']]}{size}",
        f"- Document: {_address(profile.source)}",
    ]
    for name, value in head.items():
        if name in ("timer", "voltage_quantity"):
            lines.append(f"- {_words(name).capitalize()}: {_words(value)} ({_meaning(name, value)})")
        elif name not in _TOLD:
            lines.append(f"- `{name}`: {_value(value)}")
    for name in ("rationale", "note"):
        if name in head:
            lines.append(f"- {name.capitalize()}: {head[name]}")
    for name, values in profile.options().items():
        given = ", ".join(f"`{value}`" for value in values)
        lines.append(f"- Choice of `{name}` ({OPTIONS[name]}): {given}")
    for block in dict.fromkeys(row.block for row in profile.rows):
        lines += _table(block, profile.rows_of(block))
    lines += _facts(profile.facts)
    return lines


def _meaning(name: str, value: str) -> str:
    if name == "timer":
        return TIMERS[value]
    return "not defined: all that are known" if value == "unspecified" else "the only one that counts"


def _table(block: str, rows: list[Row]) -> list[str]:
    count = {key: sum(key in row.keys for row in rows) for key in BLOCKS[block].keys if key not in _BELOW}
    used = [key for key, times in count.items() if times]
    # what tells the rows apart comes first; a key of few rows gets no column of its own in a wide table
    used.sort(key=lambda key: key not in ("n", "name", "variant", *OPTIONS))
    rare = [key for key in used if len(used) > _MOST_COLUMNS and 2 * count[key] <= len(rows)]
    columns = [key for key in used if key not in rare]
    names = [*(f"`{key}`" for key in columns), *(["further"] if rare else []), "seen"]
    lines = ["", f"`{block}`: {BLOCKS[block].doc}", ""]
    lines += ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for row in rows:
        cells = [_value(row.keys[key]) if key in row.keys else "" for key in columns]
        if rare:
            cells.append("; ".join(f"`{key}` {_value(row.keys[key])}" for key in rare if key in row.keys))
        lines.append("| " + " | ".join(_cell(cell) for cell in [*cells, _seen(row)]) + " |")
    notes = list(_notes(rows))
    return lines + (["", *notes] if notes else [])


def _notes(rows: list[Row]) -> Iterator[str]:
    for index, row in enumerate(rows):
        which = f"Row {index + 1}: " if len(rows) > 1 else ""
        for key in ("note", "rationale", "url"):
            if key in row.keys:
                yield f"- {which}{_address(row.keys[key]) if key == 'url' else row.keys[key]}"


def _seen(row: Row) -> str:
    verdict, _ = BLOCKS[row.block].unjudged(row.keys)
    words = "yes" if row.seen else "**not seen**"
    return f"{words}; **needs EMT**" if verdict == "emt_required" and row.block not in ROWS else words


def _facts(facts: Mapping[str, Any]) -> list[str]:
    if not facts:
        return []
    lines = ["", "Facts that are no rule:", "", "| fact | value |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(_value(value))} |" for name, value in _flat(facts) if _told(name)]
    return lines


def _told(name: str) -> bool:
    return not name.endswith(".seen")


def _flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        place = f"{above}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{place}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                yield from _flat(item, f"{place}[{index}].")
        else:
            yield place, value


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    return str(value)


def _address(text: str) -> str:
    return f"<{text}>" if text.startswith("https://") and " " not in text else text


def _words(word: str) -> str:
    return word.replace("_", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
