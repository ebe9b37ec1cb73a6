"""Environments of the peers: `python bench/peers/install.py [NAME ...]`; see README.md.

One environment for each, because their requirements exclude one another. Packages come from the package
index and nothing else is fetched. The interpreter is the first that a peer takes: this one, those on the
path, those of pyenv; PEERS_PYTHON names another.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / ".venv" / "peers"
LEAST_PYTHON = {"simses": (3, 12), "pybamm": (3, 11), "pysam": (3, 11)}


def candidates() -> list[str]:
    """Interpreters to try, the preferred first."""
    named = os.environ.get("PEERS_PYTHON")
    if named:
        return [named]
    on_path = [shutil.which(f"python3.{minor}") for minor in range(14, 10, -1)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [sys.executable, *filter(None, on_path), *map(str, sorted(pyenv.glob("versions/3.*/bin/python")))]


def version(python: str) -> tuple[int, int]:
    """Major and minor version of an interpreter; (0, 0) when it does not run."""
    ask = "import sys, ensurepip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    numbers = done.stdout.split()
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else (0, 0)


def install(name: str) -> str:
    """Make the environment of one peer anew where its requirements changed; says what was done."""
    home, wanted = ENVIRONMENTS / name, (HERE / name / "requirements.txt").read_text(encoding="utf-8")
    stamp = home / "installed.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return "is there"
    least = LEAST_PYTHON[name]
    python = next((python for python in candidates() if version(python) >= least), None)
    if python is None:
        return f"skipped: it needs Python {least[0]}.{least[1]}; name one: make peers PEERS_PYTHON=..."
    subprocess.run([python, "-m", "venv", "--clear", str(home)], check=True)
    inside = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(inside), "-m", "pip", "install", "--quiet", "-r", str(HERE / name / "requirements.txt")]
    if subprocess.run(pip, check=False).returncode:
        shutil.rmtree(home)
        return "FAILED: the package index did not give it"
    stamp.write_text(wanted, encoding="utf-8")
    return "installed"


def main() -> int:
    """Install all or the named ones; 1 when one failed."""
    parser = argparse.ArgumentParser(description="Set up the environments of the peers.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(LEAST_PYTHON)}; default: all"
    )
    names = parser.parse_args().names or list(LEAST_PYTHON)
    unknown = [name for name in names if name not in LEAST_PYTHON]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}")
    outcomes = {}
    for name in names:
        outcomes[name] = install(name)
        print(f"{name}: {outcomes[name]}", flush=True)
    return 1 if any(outcome.startswith("FAILED") for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
