"""Catalogue of the presets: find, read and show them.

A preset is a TOML file ``<kind>/<name>.toml`` beside this module with the tables ``preset`` (title,
confidence, licence, notes), ``values`` (keys of the section that it serves, as a scenario would write them)
and ``sources`` (where each value comes from). The confidence of a preset is that of the worst of its numbers
that matter.

``python -m wattkeel.presets.catalogue`` writes ``docs/presets.md`` anew; with ``--check`` it only says
whether that page is up to date.
"""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CONFIDENCE", "Preset", "describe", "kinds", "list_presets", "markdown", "read_preset"]

# Words of confidence, from best to worst, with their meaning.
CONFIDENCE: Mapping[str, str] = {
    "measured": "read off a measurement",
    "published": "stated by its maker, a standard or a paper, and read there",
    "secondary": "read in a text that quotes the origin",
    "derived": "computed by us from figures that are measured or published; how is said",
    "assumed": "chosen by us; the reasoning is given",
}
_DIRECTORY = Path(__file__).resolve().parent
_PAGE = _DIRECTORY.parents[2] / "docs" / "presets.md"
_SHOWN_POINTS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One preset.

    Parameters
    ----------
    kind, name
        Folder and file name; ``kind`` is the section that the preset serves.
    title
        One line.
    confidence
        ``measured``, ``published``, ``secondary`` or ``assumed``: the worst of the numbers that matter.
    licence
        Licence of the numbers, with the text's place where it demands one.
    notes
        What a user should know: limits, other figures, how a value came about.
    values
        Keys of the section in scenario syntax; tables for the parts of a storage unit.
    sources
        Source of each value by its (dotted) key.
    """

    kind: str
    name: str
    title: str
    confidence: str
    licence: str
    notes: str
    values: Mapping[str, Any]
    sources: Mapping[str, str]

    def flat(self) -> Iterator[tuple[str, Any]]:
        """Dotted key and value of every number, in the order of the file."""
        for key, value in self.values.items():
            if isinstance(value, Mapping):
                yield from ((f"{key}.{inner}", part) for inner, part in value.items())
            else:
                yield key, value


def kinds() -> tuple[str, ...]:
    """Kinds of presets that there are, in alphabetical order."""
    return tuple(sorted({path.parent.name for path in _DIRECTORY.glob("*/*.toml")}))


def list_presets(kind: str | None = None) -> list[Preset]:
    """Read all presets, or those of one kind, ordered by kind and name.

    Raises
    ------
    LookupError
        There is no such kind; the text names those that there are.
    """
    if kind is not None:
        _check(kind, kinds(), "kind of presets")
    chosen = kinds() if kind is None else (kind,)
    return [read_preset(each, path.stem) for each in chosen for path in sorted(_files(each))]


def read_preset(kind: str, name: str) -> Preset:
    """Read one preset.

    Raises
    ------
    LookupError
        There is no such kind or preset; the text names near ones.
    """
    _check(kind, kinds(), "kind of presets")
    paths = {path.stem: path for path in _files(kind)}
    _check(name, tuple(paths), f"{kind} preset")
    with paths[name].open("rb") as file:
        content = tomllib.load(file)
    head = content["preset"]
    return Preset(
        kind=kind,
        name=name,
        title=head["title"],
        confidence=head["confidence"],
        licence=head["licence"],
        notes=" ".join(head["notes"].split()),
        values=content["values"],
        sources=content["sources"],
    )


def describe(kind: str, name: str) -> str:
    """Describe one preset for reading in a terminal: values with their sources, licence, notes.

    Raises
    ------
    LookupError
        There is no such kind or preset; the text names near ones.
    """
    preset = read_preset(kind, name)
    lines = [f"{kind}/{name}: {preset.title}", f"confidence: {preset.confidence}", ""]
    for key, value in preset.flat():
        lines += [f"  {key} = {_shown(value)}", f"      {preset.sources[key]}"]
    lines += ["", f"licence: {preset.licence}", f"notes: {preset.notes}"]
    return "\n".join(lines)


def markdown() -> str:
    """Page of all presets for the documentation."""
    lines = [
        "# Presets",
        "",
        "<!-- Written by `python -m wattkeel.presets.catalogue`; do not edit. -->",
        "",
        'A section that has presets takes one by `preset = "name"`; its own keys override those of the',
        "preset. Every number has a source, which ends with a mark of confidence; a preset bears the worst",
        "mark of its numbers that matter. `wattkeel presets` shows the same in the terminal.",
        "",
        *(f"- **{word}**: {meaning}" for word, meaning in CONFIDENCE.items()),
    ]
    for kind in kinds():
        presets = list_presets(kind)
        lines += ["", f"## {kind}", "", "| preset | what it is | confidence |", "|---|---|---|"]
        lines += [
            f"| [`{preset.name}`](#{kind}-{preset.name}) | {preset.title} | {preset.confidence} |"
            for preset in presets
        ]
        for preset in presets:
            lines += ["", f"({kind}-{preset.name})=", f"### {preset.name}", "", f"{preset.title}.", ""]
            lines += [preset.notes, "", "| key | value | source |", "|---|---|---|"]
            lines += [
                f"| `{key}` | `{_shown(value)}` | {preset.sources[key].replace('|', '/')} |"
                for key, value in preset.flat()
            ]
            lines += ["", f"Licence: {preset.licence}."]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or with ``--check`` compare it; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    page = markdown()
    if given == ["--check"]:
        fresh = _PAGE.is_file() and _PAGE.read_text(encoding="utf-8") == page
        print(f"{_PAGE.name} is {'up to date' if fresh else 'stale: run python -m ' + __spec__.name}")
        return 0 if fresh else 1
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text(page, encoding="utf-8")
    print(f"wrote {_PAGE}")
    return 0


def _files(kind: str) -> list[Path]:
    return list((_DIRECTORY / kind).glob("*.toml"))


def _check(word: str, words: tuple[str, ...], what: str) -> None:
    """Refuse a word that is not among the words, naming near ones."""
    if word not in words:
        close = difflib.get_close_matches(word, words, n=3, cutoff=0.5)
        hint = "did you mean" if close else "there are"
        raise LookupError(f'no {what} "{word}"; {hint} {", ".join(close or sorted(words))}')


def _shown(value: Any) -> str:
    """Text of a value; long tables are cut."""
    if isinstance(value, list) and len(value) > _SHOWN_POINTS:
        return f"{value[0]}, {value[1]}, ... {value[-2]}, {value[-1]} ({len(value)} points)"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
