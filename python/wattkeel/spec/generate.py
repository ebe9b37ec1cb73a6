"""Write everything that is derived from the spec tables.

Run as ``python -m wattkeel.spec.generate [--check]`` or by path. Only the standard library is used, since
the package itself may not be built yet. What is written is committed; ``--check`` tells what is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from wattkeel.spec.emit_core import NOTE, emit_dtypes, emit_header
    from wattkeel.spec.emit_docs import emit_reference, emit_schema
    from wattkeel.spec.emit_models import emit_models
    from wattkeel.spec.tables import SPEC_DIR, SpecError, read_spec
else:  # run as a plain script: the folder of the script is on the path
    from emit_core import NOTE, emit_dtypes, emit_header
    from emit_docs import emit_reference, emit_schema
    from emit_models import emit_models
    from tables import SPEC_DIR, SpecError, read_spec

ROOT = SPEC_DIR.parents[2]


def generate() -> dict[str, str]:
    """Make all files.

    Returns
    -------
    dict
        Text by path relative to the root of the repository.

    Raises
    ------
    SpecError
        A table contradicts itself.
    """
    spec = read_spec()
    package = "python/wattkeel/_generated"
    return {
        f"{package}/__init__.py": f'# {NOTE}\n"""Files written by the generator."""\n',
        f"{package}/dtypes.py": emit_dtypes(spec),
        f"{package}/models.py": emit_models(spec),
        f"{package}/schema.json": emit_schema(spec),
        "cpp/include/wattkeel/params.hpp": emit_header(spec),
        "docs/parameters.md": emit_reference(spec),
    }


def stale(root: Path = ROOT) -> list[str]:
    """Paths whose text differs from what the tables give."""
    return [path for path, text in generate().items() if _read(root / path) != text]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="wattkeel.spec.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    parser.add_argument("--root", type=Path, default=ROOT, help="root of the repository")
    options = parser.parse_args(argv)
    try:
        paths = stale(options.root)
        files = generate()
    except SpecError as error:
        print(f"spec: {error}", file=sys.stderr)
        return 2
    for path in paths:
        if options.check:
            print(f"stale: {path} (run python -m wattkeel.spec.generate)", file=sys.stderr)
        else:
            target = options.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(files[path], encoding="utf-8", newline="\n")
            print(f"wrote {path}")
    return 1 if options.check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
