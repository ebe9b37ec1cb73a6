"""``wattkeel init``: copy an example scenario to start from."""

from __future__ import annotations

import argparse
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wattkeel.cli.common import Verbs

TEMPLATES = (
    "quickstart",
    "measured-cluster",
    "gpu-training-trace",
    "gigawatt",
    "weak-grid",
    "outage",
    "grid-playback",
    "bess-qualification",
)


def add_parser(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser("init", help="copy an example scenario", description=__doc__)
    parser.add_argument(
        "target", metavar="DIR|FILE", nargs="?", default=".", help="folder, or file that ends in .toml"
    )
    parser.add_argument("--template", choices=TEMPLATES, default=TEMPLATES[0], help="example to copy")
    parser.set_defaults(act=act)


def template_folder() -> Path:
    """Return the folder of the examples: in the installed package, or at the top of the source tree."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "templates"
    return installed if installed.is_dir() else package.parents[1] / "examples"


def act(arguments: argparse.Namespace) -> int:
    """Copy the template and the files it names; refuse to overwrite."""
    from wattkeel.errors import Fault, ScenarioError

    source = template_folder() / f"{arguments.template}.toml"
    if not source.is_file():
        fault = Fault(
            "template",
            arguments.template,
            "is not installed",
            "install wattkeel from its wheel or source tree",
        )
        raise ScenarioError([fault])
    given = Path(arguments.target)
    target = given if given.suffix == ".toml" else given / source.name
    copies = {source: target}
    for path in _files_named(tomllib.loads(source.read_text(encoding="utf-8"))):
        if (source.parent / path).is_file():
            copies[source.parent / path] = target.parent / path
    taken = [str(copy) for copy in copies.values() if copy.exists()]
    if taken:
        raise ScenarioError(
            [Fault(path, None, "exists already and is not overwritten", "name another") for path in taken]
        )
    for original, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
        print(copy)
    print(f"next: wattkeel run {target}")
    return 0


def _files_named(tree: Any) -> Iterator[Path]:
    """Give the relative paths that ``trace`` and ``file`` keys of a scenario name."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if (
                key in ("trace", "file")
                and isinstance(value, str)
                and not Path(value).is_absolute()
                and ".." not in value
            ):
                yield Path(value)
            else:
                yield from _files_named(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _files_named(value)
