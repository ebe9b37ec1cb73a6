"""Names of compliance profiles: from what a user writes to a file and a choice between its rows.

Known to the check of scenarios and to the room of compliance alike; of what a file says only its ``id`` is
read here.
"""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path

from wattkeel.errors import Fault, ScenarioError
from wattkeel.normalise import near

__all__ = ["PLACE", "SCHEMA", "find_profile", "shipped_profiles"]

#: Place of faults in the name of a profile.
PLACE = "compliance.profiles"

#: JSON schema of profile files.
SCHEMA = Path(__file__).resolve().parent / "compliance" / "profile.schema.json"

_FOLDER = Path(__file__).resolve().parent / "compliance" / "profiles"
_CHOICE = re.compile(r"(?P<name>[^\[\]]*)\[(?P<choice>.*)\]", re.DOTALL)
_PAIR = re.compile(r'\s*(?P<key>\w+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>[^,"=\[\]]+?))\s*(?:,|$)')


@functools.cache
def shipped_profiles() -> dict[str, Path]:
    """Files of the shipped profiles by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


@functools.cache
def _ids() -> dict[str, str]:
    """Names of the shipped profiles by their ``id``."""
    return {
        tomllib.loads(path.read_text(encoding="utf-8"))["id"]: name
        for name, path in shipped_profiles().items()
    }


def find_profile(text: str, base_dir: Path | None = None) -> tuple[Path, dict[str, str]]:
    """Find a profile by what a user writes.

    Parameters
    ----------
    text : str
        Name of a shipped profile or path of a file (``*.toml``), and a choice in brackets:
        ``name[key=value, key="value, with comma"]``. A name is the stem of the file, the ``id`` in it, or the
        beginning of either up to the end of a word, where only one profile begins so. "-", "." and "_" count
        as equal, and so do capitals.
    base_dir : Path, optional
        Folder from which a relative path starts; the working directory when None.

    Returns
    -------
    path : Path
        The file, which exists.
    choice : dict of str to str
        Value by key, as written; empty where nothing was chosen.

    Raises
    ------
    ScenarioError
        If there is no such profile or file, with the nearest name; if a name fits several; or if what stands
        in brackets is no choice.
    """
    name, choice = text, {}
    if text.endswith("]"):
        found = _CHOICE.fullmatch(text)
        pairs = None if found is None else _pairs(found["choice"])
        if found is None or pairs is None:
            remedy = "write name[key=value, key=value], each key once"
            raise ScenarioError([Fault(PLACE, text, "does not end in a choice of key=value", remedy)])
        name, choice = found["name"].strip(), pairs
    if not name.endswith(".toml"):
        return shipped_profiles()[_shipped(name)], choice
    path = (base_dir or Path()) / name
    if not _is_file(path):
        raise ScenarioError([Fault(PLACE, name, "no such file", f"looked for {path}")])
    return path, choice


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _pairs(text: str) -> dict[str, str] | None:
    """Keys and values of a choice, or None where the text is none."""
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None or found["key"] in pairs:
            return None
        pairs[found["key"]] = found["quoted"] if found["quoted"] is not None else found["plain"]
        at = found.end()
    return pairs or None


def _plain(name: str) -> str:
    return re.sub(r"[-. ]", "_", name.strip().lower())


def _shipped(text: str) -> str:
    names = {_plain(name): name for name in shipped_profiles()}
    names |= {_plain(each): name for each, name in _ids().items()}
    wanted = _plain(text)
    if wanted in names:
        return names[wanted]
    begun = sorted({name for plain, name in names.items() if wanted and plain.startswith(wanted + "_")})
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise ScenarioError([Fault(PLACE, text, "fits several profiles", f"write {' or '.join(begun)}")])
    remedy = near(wanted, names)
    if remedy.startswith("did you mean"):
        close = dict.fromkeys(names[each] for each in re.findall(r'"([^"]*)"', remedy))
        remedy = "did you mean " + " or ".join(f'"{name}"' for name in close) + "?"
    else:
        remedy = f"{near(wanted, shipped_profiles())}; or give the path of a file *.toml"
    raise ScenarioError([Fault(PLACE, text, "is no shipped profile", remedy)])
