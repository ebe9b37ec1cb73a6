"""``wattkeel presets``: what presets and profiles there are, and where their numbers come from."""

from __future__ import annotations

import argparse
from typing import Any

from wattkeel.cli.common import Verbs, add_json, print_json, table

PROFILE = "profile"
#: Keys of a profile's head that are shown under the names of `Profile`.
_READ = (
    "schema_version", "title", "issuer", "url", "date", "date_seen", "status", "evidence", "seen",
    "threshold_mw",
)  # fmt: skip


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("presets", help="list presets and profiles, or show one", description=__doc__)
    parser.add_argument("name", metavar="NAME", nargs="?", help="preset to show: NAME or KIND/NAME")
    parser.add_argument(
        "--kind", metavar="KIND", help="section that it serves, or profile (connection rules)"
    )
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """List or show."""
    kind, name = arguments.kind, arguments.name
    if name and "/" in name:
        kind, name = name.split("/", 1)
    found = _find(kind, name)
    if arguments.json:
        print_json([_as_dict(entry) for entry in found])
    elif name:
        print("\n\n".join(_describe(entry) for entry in found))
    else:
        rows = [(f"{entry[0]}/{entry[1]}", entry[2]) for entry in found]
        print("\n".join(table(rows, indent="")))
    return 0


# kind, name, title, the preset or profile itself
Entry = tuple[str, str, str, Any]


def _find(kind: str | None, name: str | None) -> list[Entry]:
    """Return what matches; a name that nothing has is a `ScenarioError` with a near one."""
    import difflib

    from wattkeel.errors import Fault, ScenarioError
    from wattkeel.presets.catalogue import kinds, list_presets

    known = (*kinds(), PROFILE)
    if kind is not None and kind not in known:
        raise ScenarioError([Fault("kind", kind, "is no kind of preset", f"there is {', '.join(known)}")])
    presets = [] if kind == PROFILE else list_presets(kind)
    entries: list[Entry] = [(preset.kind, preset.name, preset.title, preset) for preset in presets]
    if kind in (None, PROFILE):
        entries += _profiles()
    if name is None:
        return entries
    found = [entry for entry in entries if entry[1] == name]
    if not found:
        near = difflib.get_close_matches(name, [entry[1] for entry in entries], n=3)
        remedy = f"did you mean {' or '.join(near)}?" if near else "`wattkeel presets` lists all"
        raise ScenarioError([Fault("preset", name, "there is none of this name", remedy)])
    return found


def _profiles() -> list[Entry]:
    from wattkeel.compliance import load_profile, profile_names

    return [(PROFILE, name, load_profile(name).title, load_profile(name)) for name in profile_names()]


def _as_dict(entry: Entry) -> dict[str, Any]:
    kind, name, _, content = entry
    return {"kind": kind, "name": name} | {
        key: value for key, value in _fields(content) if key not in ("kind", "name")
    }


def _fields(content: Any) -> list[tuple[str, Any]]:
    import dataclasses

    return [(field.name, getattr(content, field.name)) for field in dataclasses.fields(content)]


def _describe(entry: Entry) -> str:
    """Return all there is to say of one preset or profile."""
    kind, name, title, content = entry
    if kind != PROFILE:
        from wattkeel.presets.catalogue import describe

        return describe(kind, name)
    lines = [f"{kind}/{name}: {title}"]
    shown = ("issuer", "source", "date", "status", "evidence", "seen", "threshold_mw")
    lines += [f"  {key} = {getattr(content, key)}" for key in shown]
    lines += [f"  {key} = {value}" for key, value in content.head.items() if key not in _READ]
    lines += [f"  choose {key} = {' | '.join(values)}" for key, values in content.options().items()]
    for row in content.rows:
        numbers = ", ".join(f"{key} = {value}" for key, value in row.keys.items() if key != "seen")
        unseen = "" if row.seen else " (numbers not seen, not evaluated)"
        lines.append(f"  {row.block}: {numbers}{unseen}".rstrip(": "))
    if content.facts:
        lines.append(f"  facts, no rules: {', '.join(content.facts)}")
    return "\n".join(lines)
