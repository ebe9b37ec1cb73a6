"""Who may know whom: rules of the tree that no compiler checks."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "wattkeel"
LONGEST_FILE_LINES = 600
LONGEST_FUNCTION_LINES = 60

# Rooms around the core. They take a Scenario or a Result and give a value; none knows another.
# `power_quality` is no room: like `measures` it is an instrument that rooms read (flicker, rapid changes).
ROOMS = {
    "compliance",
    "economics",
    "interop",
    "reliability",
    "report",
    "resonance",
    "sizing",
}
# Studies run scenarios again and again and judge them: they stand above simulation and know any room. Nothing
# but the command line knows them, so that a run never depends on a study of runs; nor does one know another.
STUDIES = {"interconnection", "qualify"}
# Modules that compose rooms for the user, or write down what the rooms found.
COMPOSERS = {"__init__", "cli", "result", "rundir", "simulation"}

# Never loaded by a run without the extra that names them.
OPTIONAL = {
    "comtrade", "dss", "matplotlib", "numba", "opendssdirect", "pandas", "polars", "power_grid_model",
    "pyarrow", "scipy", "tomli_w",
}  # fmt: skip


def sources(folder: str, *suffixes: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes)


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Dotted names of the modules of wattkeel that a file imports when it runs."""
    package = ("wattkeel", *path.relative_to(PACKAGE).parent.parts)
    for node in runtime_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree, leaving out what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from runtime_nodes(child)


def room_of(module: str) -> str:
    """First name below wattkeel, or an empty text."""
    parts = module.split(".")
    return parts[1] if parts[0] == "wattkeel" and len(parts) > 1 else ""


def test_core_knows_no_python():
    files = sources("cpp/include", ".hpp", ".h") + sources("cpp/src", ".hpp", ".cpp", ".h")
    assert files, "no C++ sources found"
    guilty = [short(f) for f in files if re.search(r"pybind11|Python\.h", f.read_text(encoding="utf-8"))]
    assert guilty == []


def test_build_never_relaxes_floating_point():
    files = [ROOT / name for name in ("CMakeLists.txt", "CMakePresets.json", "Makefile", "pyproject.toml")]
    files += sources("cmake", ".cmake") + sources("cpp", ".hpp", ".cpp", ".txt")
    relaxed = re.compile(r"-ffast-math|-Ofast|-funsafe-math|-fassociative-math|/fp:fast|-ffp-contract=fast")
    guilty = [short(f) for f in files if f.is_file() and relaxed.search(f.read_text(encoding="utf-8"))]
    assert guilty == []


def test_prototypes_never_relax_floating_point():
    for path in sources("python/wattkeel", ".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "fastmath":
                assert ast.unparse(node.value) == "False", f"{short(path)}:{node.value.lineno}"


def test_files_are_short():
    files = sources("python", ".py") + sources("tests", ".py") + sources("cpp", ".cpp", ".hpp")
    long = {}
    for path in files:
        if "_generated" in path.parts or path.name == "params.hpp":
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_FILE_LINES:
            long[short(path)] = lines
    assert long == {}


def test_functions_are_short():
    long = {}
    for path in sources("python", ".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            # The docstring is documentation, not length.
            start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            lines = (node.end_lineno or 0) - (start or 0) + 1
            if lines > LONGEST_FUNCTION_LINES:
                long[f"{short(path)}:{node.name}"] = lines
    assert long == {}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_rooms_do_not_know_one_another(room: str):
    folder, single = PACKAGE / room, PACKAGE / f"{room}.py"
    files = sources(f"python/wattkeel/{room}", ".py") if folder.is_dir() else [single]
    others = (ROOMS | STUDIES) - {room}
    sideways = {
        f"{short(path)} imports {module}"
        for path in files
        if path.is_file()
        for module in imported(path)
        if room_of(module) in others
    }
    assert sideways == set()


def test_core_does_not_know_the_rooms():
    upward = set()
    for path in sources("python/wattkeel", ".py"):
        home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if home in ROOMS | STUDIES | COMPOSERS:
            continue
        upward |= {f"{short(path)} imports {m}" for m in imported(path) if room_of(m) in ROOMS | STUDIES}
    assert upward == set()


def test_only_the_command_line_knows_the_studies():
    known = set()
    for path in sources("python/wattkeel", ".py"):
        home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        others = STUDIES - {home}
        if home != "cli":
            known |= {f"{short(path)} imports {m}" for m in imported(path) if room_of(m) in others}
    assert known == set()


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a fresh interpreter holds after `code`."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_bare_import_is_light():
    assert not loaded_after("import wattkeel; wattkeel.__version__") & (OPTIONAL | {"numpy", "pydantic"})


def test_version_option_is_light():
    code = "import contextlib\nfrom wattkeel.cli import main\n"
    code += "with contextlib.suppress(SystemExit): main(['--version'])"
    assert not loaded_after(code) & (OPTIONAL | {"numpy", "pydantic"})


def test_core_loads_no_optional_package():
    code = "import wattkeel as wk; wk.load, wk.simulate, wk.Engine, wk.open_result, wk.ScenarioError"
    assert not loaded_after(code) & OPTIONAL


def test_tests_run_against_the_installed_package():
    import wattkeel

    where = Path(wattkeel.__file__).resolve()
    assert not where.is_relative_to(PACKAGE), f"{where} is the source tree, not an installation"
