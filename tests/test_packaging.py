"""The package as a stranger gets it: an sdist, and a wheel built from it alone."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import wattkeel

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, repository, cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, sdist, cwd=folder)
    (archive,) = folder.glob("*.whl")
    return archive


def test_sdist_holds_the_sources_and_nothing_else(sdist: Path):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CMakeLists.txt", "LICENSE", "pyproject.toml", "cpp/tests/check.hpp"} <= names
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {".venv", "build", "runs", "dist", ".git", ".github", ".ci"}
    assert not any("__pycache__" in name for name in names)


def test_wheel_holds_data_and_types(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"wattkeel/py.typed", "wattkeel/_core.pyi", "wattkeel/spec/storage.toml"} <= names
    assert "wattkeel/templates/quickstart.toml" in names
    assert "wattkeel/compliance/profile.schema.json" in names
    assert any(name.startswith("wattkeel/presets/") and name.endswith(".toml") for name in names)
    assert not any(name.startswith(("cpp/", "tests/", "lib/", "include/")) for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_wheel_installs_and_runs(wheel: Path, tmp_path: Path):
    venv.create(tmp_path / "venv", with_pip=True)
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    run(scripts / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    assert wattkeel.__version__ in run(scripts / "wattkeel", "--version", cwd=tmp_path)
    run(scripts / "wattkeel", "init", cwd=tmp_path)
    run(scripts / "wattkeel", "run", "quickstart.toml", "--fail-on", "never", cwd=tmp_path)
    assert (tmp_path / "runs" / "quickstart" / "report.html").is_file()
