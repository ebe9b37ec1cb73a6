"""``wattkeel info``: the version, how the core was built, what this machine runs, which extras are there."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
from typing import Any

from wattkeel._version import __version__
from wattkeel.cli.common import Verbs, add_json, print_json, table

# Package that an extra stands for -> extra.
EXTRAS = {
    "numba": "numba",
    "pyarrow": "io",
    "comtrade": "io",
    "tomli_w": "io",
    "matplotlib": "plot",
    "power_grid_model": "grid",
    "opendssdirect": "opendss",
}


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("info", help="version, build, instruction sets, extras", description=__doc__)
    add_json(parser)
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Print what there is to say; status 2 when the core cannot be loaded."""
    info = _gather()
    if arguments.json:
        print_json(info)
    else:
        print(
            "\n".join(
                table(((key.replace("_", " "), _text(value)) for key, value in info.items()), indent="")
            )
        )
    return 2 if "core_error" in info else 0


def _gather() -> dict[str, Any]:
    info: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    try:
        from wattkeel import _core
    except ImportError as error:
        info["core_error"] = str(error)
    else:
        info |= {key: value for key, value in _core.build_info().items() if key != "version"}
        # As the engine chooses: the best there is, unless the environment names another.
        best = info["instruction_sets_available"][-1]
        info["instruction_set"] = os.environ.get("WATTKEEL_ISA") or best
    info["cores"] = os.cpu_count()
    info["extras"] = {
        package: f"installed (extra {extra})"
        if importlib.util.find_spec(package)
        else f"missing (extra {extra})"
        for package, extra in EXTRAS.items()
    }
    return info


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return ", ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)
