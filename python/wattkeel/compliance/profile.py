"""Compliance profiles: one TOML file of rules each, with status, date and source.

wattkeel ships profiles as data; a user's own file of the same schema (``status = "user"``) is given by its
path. Reading a file checks all of it and raises one `ScenarioError` with every fault.
"""

from __future__ import annotations

import datetime
import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattkeel.errors import Fault, ScenarioError

__all__ = ["Profile", "Row", "load_profile", "profile_names"]

FOLDER = Path(__file__).parent / "profiles"

STATUSES = (
    "in_force",
    "adopted",
    "adopted_secondary",
    "proposed",
    "draft",
    "guideline",
    "equipment_envelope",
    "example",
    "not_seen",
    "user",
)
EVIDENCE = ("primary_excerpt", "secondary_quote", "code_transcription", "third_party_code", "none")

#: Filters that a rule may name; "unspecified" stands for all others but "none". Value: (order, zero phase).
FILTERS: dict[str, tuple[int, bool]] = {
    "causal n=1": (1, False),
    "causal n=2": (2, False),
    "causal n=4": (4, False),
    "zero-phase n=2": (2, True),
    "zero-phase n=4": (4, True),
}

RAMP_STATS = (
    "average_over_window",
    "per_minute",
    "max_change_in_window",
    "percentile75_of_1min_average",
    "rate",
)
VARIATION_STATS = ("peak_to_peak", "change_in_window")
BAND_STATS = ("unspecified", "line_amplitude", "rms", "peak_to_peak", "share of total harmonic energy")
SUBSYNCHRONOUS = "sub-synchronous"


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of a profile: its block, its place among the block's rows, and its keys as written."""

    block: str
    index: int
    keys: Mapping[str, Any]

    @property
    def seen(self) -> bool:
        """Whether the numbers of the row were read in a document."""
        return bool(self.keys.get("seen", True))


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one document.

    Attributes
    ----------
    name : str
        Name of a shipped profile, or the stem of a user's file.
    title, issuer, source, date, status, evidence : str
        As in the file; `source` is its ``url``, `date` in ISO form ("2026 (day not seen)" for a placeholder).
    seen : bool
        False: the document's numbers are unknown; nothing of it is evaluated.
    threshold_mw : float
        Size of site, MW, from which the document applies; 0 when it states none.
    rows : tuple of Row
        Rules that this version evaluates, in the order of `RULE_BLOCKS`.
    later : dict of str to int
        Other blocks of the file (ride-through, recovery, ...) and their number of rows.
    head : dict
        All other keys of the file that stand above its blocks ("timer", "voltage_quantity", ...).
    """

    name: str
    title: str
    issuer: str
    source: str
    date: str
    status: str
    evidence: str
    seen: bool
    threshold_mw: float
    rows: tuple[Row, ...]
    later: Mapping[str, int]
    head: Mapping[str, Any]

    def rows_of(self, block: str) -> list[Row]:
        """Rows of one block, in the order of the file."""
        return [row for row in self.rows if row.block == block]


def profile_names() -> list[str]:
    """Names of the shipped profiles, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(name: str | Path, base_dir: Path | None = None) -> Profile:
    """Read a profile.

    Parameters
    ----------
    name : str or Path
        Name of a shipped profile, or path of a file (``*.toml``).
    base_dir : Path, optional
        Folder from which a relative path starts; the working directory when None.

    Raises
    ------
    ScenarioError
        If there is no such profile or file, with the nearest name, or if the file has faults (all of them).
    """
    path = _find(name, base_dir)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError([Fault(str(name), None, f"cannot be read as TOML: {error}")]) from error
    faults = _check_head(path.name, data)
    rows: list[Row] = []
    for block in RULE_BLOCKS:
        found = data.get(block, [])
        if not isinstance(found, list) or not all(isinstance(keys, dict) for keys in found):
            faults.append(
                Fault(f"{path.name}: {block}", None, "must be an array of tables", f"write [[{block}]]")
            )
            continue
        for index, keys in enumerate(found):
            faults += _check_row(path.name, block, index, keys)
            rows.append(Row(block, index, keys))
    if faults:
        raise ScenarioError(faults)
    return _profile(path.stem, data, tuple(rows))


def _profile(name: str, data: Mapping[str, Any], rows: tuple[Row, ...]) -> Profile:
    later = {
        key: len(value) if isinstance(value, list) else 1
        for key, value in data.items()
        if key not in RULE_BLOCKS and key not in NOT_RULES and _is_block(value)
    }
    date: datetime.date = data["date"]
    return Profile(
        name=name,
        title=data["title"],
        issuer=data["issuer"],
        source=data["url"],
        date=date.isoformat() if data.get("date_seen", True) else f"{date.year} (day not seen)",
        status=data["status"],
        evidence=data["evidence"],
        seen=data["seen"],
        threshold_mw=float(data.get("threshold_mw", 0.0)),
        rows=rows,
        later=later,
        head={key: value for key, value in data.items() if not _is_block(value)},
    )


def _is_block(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)


def _find(name: str | Path, base_dir: Path | None) -> Path:
    text = str(name)
    if not text.endswith(".toml"):
        path = FOLDER / f"{text}.toml"
        if text in profile_names():
            return path
        near = difflib.get_close_matches(text, profile_names(), n=1)
        remedy = (
            f"did you mean {near[0]!r}?" if near else f"one of {', '.join(profile_names())}, or a path *.toml"
        )
        raise ScenarioError([Fault("compliance.profiles", text, "is no shipped profile", remedy)])
    path = (base_dir or Path()) / text
    if not path.is_file():
        raise ScenarioError([Fault("compliance.profiles", text, "no such file", f"looked for {path}")])
    return path


# ------------------------------------------------------------------------------------------------- checks

Check = Callable[[Any], str]
"""Gives what a value must be, or an empty text when it is that."""


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: Any) -> str:
    return "" if _number(value) and value > 0.0 else "must be a number above 0"


def _share(value: Any) -> str:
    return "" if _number(value) and 0.0 < value <= 1.0 else "must be a number above 0, at most 1"


def _percent(value: Any) -> str:
    return "" if _number(value) and 0.0 < value <= 100.0 else "must be a number above 0, at most 100"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value else "must be a text"


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _texts(value: Any) -> str:
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return "" if good else "must be a list of texts"


def _pair(value: Any) -> str:
    good = isinstance(value, list) and len(value) == 2 and all(_number(v) for v in value)
    return "" if good and 0.0 < value[0] < value[1] else "must be two ascending numbers above 0"


def _window(value: Any) -> str:
    return (
        "" if not _positive(value) or not _pair(value) else "must be a number above 0, or two ascending ones"
    )


def _one_of(*choices: str) -> Check:
    return lambda value: "" if value in choices else f"must be one of {', '.join(map(repr, choices))}"


def _date(value: Any) -> str:
    # a TOML datetime is a date to isinstance, but carries a time of day
    good = isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    return "" if good else "must be a TOML date (2026-06-19, without quotes)"


def _version(value: Any) -> str:
    return "" if value == 1 and not isinstance(value, bool) else "must be 1"


HEAD: dict[str, Check] = {
    "schema_version": _version,
    "id": _text,
    "title": _text,
    "issuer": _text,
    "jurisdiction": _text,
    "url": _text,
    "date": _date,
    "status": _one_of(*STATUSES),
    "evidence": _one_of(*EVIDENCE),
    "seen": _truth,
    "applies_to": _text,
}
HEAD_OPTIONAL: dict[str, Check] = {"threshold_mw": _positive, "date_seen": _truth}

_COMMON: dict[str, Check] = {
    "seen": _truth,
    "note": _text,
    "rationale": _text,
    "evidence": _one_of(*EVIDENCE),
    "who": _text,
    "scope": _text,
    "variant": _text,
    "name": _text,
    "applies": _texts,
    "excludes": _texts,
    "window": _one_of("rolling"),
    "window_implied": _truth,
    "combine": _one_of("lesser"),
}
_DIRECTION = _one_of("up", "down", "both")

#: Keys of the blocks that this version evaluates.
RULE_BLOCKS: dict[str, dict[str, Check]] = {
    "ramp": _COMMON
    | {
        "direction": _DIRECTION,
        "stat": _one_of(*RAMP_STATS),
        "window_s": _positive,
        "limit_mw": _positive,
        "limit_mw_per_min": _positive,
        "limit_mw_per_s": _positive,
        "limit_pct_peak_per_min": _percent,
        "applies_when_change_mw_above": _positive,
    },
    "power_variation": _COMMON
    | {
        "stat": _one_of(*VARIATION_STATS),
        "window_s": _window,
        "limit_mw": _positive,
        "band_hz": _pair,
        "filter": _one_of("unspecified", "none", *FILTERS),
    },
    "band_power": _COMMON
    | {
        "stat": _one_of(*BAND_STATS),
        "f_lo_hz": _positive,
        "f_hi_hz": _positive,
        "limit_mw": _positive,
        "limit_fraction": _share,
    },
    "oscillation": _COMMON
    | {
        "stat": _one_of("amplitude"),
        "periodic": _truth,
        "band": _one_of(SUBSYNCHRONOUS),
        "band_hz": _pair,
        "limit_mw": _positive,
        "limit_pct_nominal": _percent,
    },
}

#: Tables that describe the document and hold no rule.
NOT_RULES = ("worked_case",)

_REQUIRED: dict[str, tuple[str, ...]] = {
    "ramp": ("direction", "stat"),
    "power_variation": ("stat", "window_s", "limit_mw"),
    "band_power": ("stat", "f_lo_hz", "f_hi_hz"),
    "oscillation": ("stat",),
}


def _check_head(file: str, data: Mapping[str, Any]) -> list[Fault]:
    faults = [
        Fault(f"{file}: {key}", None, "is missing", check(None))
        for key, check in HEAD.items()
        if key not in data
    ]
    for key, check in (HEAD | HEAD_OPTIONAL).items():
        if key in data and (wrong := check(data[key])):
            faults.append(Fault(f"{file}: {key}", data[key], wrong))
    for key, value in data.items():
        if not _is_block(value) or key in RULE_BLOCKS:
            continue
        near = difflib.get_close_matches(key, RULE_BLOCKS, n=1, cutoff=0.8)
        if near:  # a misspelt rule must not pass unseen
            faults.append(
                Fault(f"{file}: {key}", None, "is no block of rules", f"did you mean [[{near[0]}]]?")
            )
    return faults


def _check_row(file: str, block: str, index: int, keys: Mapping[str, Any]) -> list[Fault]:
    place = f"{file}: {block}[{index}]"
    known = RULE_BLOCKS[block]
    faults: list[Fault] = []
    for key, value in keys.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            faults.append(Fault(f"{place}.{key}", value, "is no key of this block", remedy))
        elif wrong := known[key](value):
            faults.append(Fault(f"{place}.{key}", value, wrong))
    if "seen" not in keys:
        faults.append(Fault(f"{place}.seen", None, "is missing", "true if the number was read in a document"))
    if keys.get("seen") is False:
        given = [
            key
            for key, value in keys.items()
            if _number(value) or not _pair(value) or key.startswith("limit_")
        ]
        faults += [Fault(f"{place}.{key}", keys[key], "numbers in a row with seen = false") for key in given]
        return faults
    faults += [Fault(f"{place}.{key}", None, "is missing") for key in _REQUIRED[block] if key not in keys]
    if not faults:
        faults += [Fault(place, None, wrong) for wrong in _contradictions(block, keys)]
    return faults


def _contradictions(block: str, keys: Mapping[str, Any]) -> list[str]:
    """What does not fit together in a row whose keys are right one by one."""
    wrong = []
    if block == "ramp":
        wrong += _ramp_contradictions(keys)
    if block == "power_variation":
        filtered = keys.get("filter", "none")
        if filtered != "none" and "band_hz" not in keys:
            wrong.append(f"filter {filtered!r} needs band_hz")
        if filtered == "none" and "band_hz" in keys:
            wrong.append('band_hz needs a filter; write filter = "unspecified" for all readings')
    if block == "band_power":
        if keys["f_lo_hz"] >= keys["f_hi_hz"]:
            wrong.append("f_lo_hz must be below f_hi_hz")
        wanted = "limit_fraction" if keys["stat"] == BAND_STATS[-1] else "limit_mw"
        if wanted not in keys:
            wrong.append(f"stat {keys['stat']!r} needs {wanted}")
    if block == "oscillation":
        if ("band" in keys) == ("band_hz" in keys):
            wrong.append("needs either band or band_hz")
        wrong += _limits(keys, ("limit_mw", "limit_pct_nominal"))
    return wrong


def _ramp_contradictions(keys: Mapping[str, Any]) -> list[str]:
    stat = keys["stat"]
    if stat == "max_change_in_window":
        wrong = [] if "limit_mw" in keys else [f"stat {stat!r} needs limit_mw"]
    elif stat == "rate":
        wrong = [] if "limit_mw_per_s" in keys else [f"stat {stat!r} needs limit_mw_per_s"]
        if ("window_s" in keys) == ("applies_when_change_mw_above" in keys):
            wrong.append(f"stat {stat!r} needs either window_s or applies_when_change_mw_above")
        return wrong
    else:
        wrong = _limits(keys, ("limit_mw_per_min", "limit_pct_peak_per_min"))
    if "window_s" not in keys:
        wrong.append(f"stat {stat!r} needs window_s")
    return wrong


def _limits(keys: Mapping[str, Any], names: tuple[str, str]) -> list[str]:
    given = [name for name in names if name in keys]
    if not given:
        return [f"no limit: give {' or '.join(names)}"]
    if len(given) == 2 and "combine" not in keys:
        return [f'{" and ".join(names)} together need combine = "lesser"']
    return []
