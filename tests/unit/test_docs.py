"""The documentation agrees with the program: its snippets load and run, its tables name all there is."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from sites import CASES, laid_over

import wattkeel as wk
from wattkeel import cli, events, ledger, rundir, scenario, signals
from wattkeel.compliance import Finding, Verdict, load_profile
from wattkeel.compliance.head import EVIDENCE, OPTIONS, STATUSES, TIMERS
from wattkeel.normalise import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+) *(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHORT = ["simulation.duration=2 s", "grid.event=[]"]
PLACES = {"rack": "<rack>", "node": "<node>", "plant": "<plant>", "unit": "<unit>"}


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, the word after it, its text, and the text that follows."""

    page: str
    line: int
    language: str
    mark: str
    text: str
    after: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    rest = [match[3] if match[1] == "text" else "" for match in found[1:]]
    return [
        Block(page.name, text.count("\n", 0, match.start()) + 1, match[1], match[2], match[3], after)
        for match, after in zip(found, [*rest, ""], strict=False)
    ]


def all_blocks(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def write_files(page: Path, folder: Path) -> None:
    """Write the files that a page shows: text blocks that begin with their name."""
    for block in blocks(page):
        if named := re.match(r"# (\S+\.csv)\n", block.text):
            (folder / named[1]).write_text(block.text, encoding="utf-8")


def load(block: Block, folder: Path) -> wk.Scenario:
    """A complete block as it stands; any other laid over the first complete one of its page."""
    page = next(page for page in PAGES if page.name == block.page)
    write_files(page, folder)
    tree: Mapping[str, Any] = tomllib.loads(block.text)
    if block.mark != "complete":
        base = next(found for found in blocks(page) if found.mark == "complete")
        tree = laid_over(tomllib.loads(base.text), tree)
    return wk.Scenario.from_dict(tree, base_dir=folder)


TOML = [block for block in all_blocks("toml") if not block.mark.endswith("profile")]


@pytest.mark.parametrize("block", [b for b in TOML if b.mark != "wrong"], ids=str)
def test_toml_loads(block: Block, tmp_path: Path) -> None:
    assert load(block, tmp_path).model.rack


@pytest.mark.parametrize("block", [b for b in TOML if b.mark == "wrong"], ids=str)
def test_mistakes_are_told_as_shown(block: Block, tmp_path: Path) -> None:
    with pytest.raises(wk.ScenarioError) as caught:
        load(block, tmp_path)
    shown = block.after.splitlines()
    assert shown
    assert len(caught.value.faults) == len(shown)
    for line in shown:
        assert line in str(caught.value)


@pytest.mark.parametrize("block", [b for b in all_blocks("toml") if b.mark == "profile"], ids=str)
def test_profiles_load(block: Block, tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text(block.text, encoding="utf-8")
    assert load_profile("profile.toml", tmp_path).rows


@pytest.mark.parametrize("block", [b for b in all_blocks("toml") if b.mark == "wrong_profile"], ids=str)
def test_mistakes_in_profiles_are_told_as_shown(block: Block, tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_text(block.text, encoding="utf-8")
    with pytest.raises(wk.ScenarioError) as caught:
        load_profile("profile.toml", tmp_path)
    assert [str(fault) for fault in caught.value.faults] == block.after.splitlines()


def test_words_of_profiles_are_listed() -> None:
    page = read("compliance.md")
    for words in (STATUSES, EVIDENCE):
        for word, meaning in words.items():
            assert re.search(rf"^\| `{word}` \| {re.escape(meaning.partition(':')[0])}", page, re.M), word
    for word in [*OPTIONS, *get_args(Verdict)]:
        assert f"| `{word}` |" in page
    for word in TIMERS:
        assert f"`{word}`" in page


def test_all_fragments_together_run(tmp_path: Path) -> None:
    """The page's scenario with every addition but the trace of the job is one site, and it runs."""
    page = ROOT / "docs" / "scenarios.md"
    write_files(page, tmp_path)
    tree: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "toml" and block.mark != "wrong" and "node_power.csv" not in block.text:
            tree = laid_over(tree, tomllib.loads(block.text))
    result = wk.simulate(wk.Scenario.from_dict(tree, base_dir=tmp_path), progress=False)
    assert abs(result.ledger.residual_relative) <= 1e-12
    assert {finding.profile for finding in result.findings} >= {"scenario", "ieso_trlcl_v3"}


def test_sampling_warning_is_told_as_shown(tmp_path: Path) -> None:
    block = next(b for b in TOML if "node_power.csv" in b.text)
    shown = next(text for text in re.findall(r"^\| `(sampled every.*?)` \|", read("scenarios.md"), re.M))
    assert any(shown in warning for warning in load(block, tmp_path).warnings)


def test_every_section_is_described() -> None:
    page = read("scenarios.md")
    for model in SECTIONS.values():
        assert f"`[{model.toml_section.replace('*', '<name>')}]`" in page


# -- Python --------------------------------------------------------------------------------------------


def short_load(path: str, overrides: list[str] | None = None) -> wk.Scenario:
    return scenario.load(ROOT / path, [*SHORT, *(overrides or [])])


def test_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in one namespace, as a reader would type it; on a short duration."""
    monkeypatch.setattr(wk, "load", short_load)
    space: dict[str, Any] = {}
    for block in blocks(ROOT / "README.md"):
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), space)
    assert len(space["result"].signals["poi.power_w"]) == 2000
    assert space["engine"].tick == 100


def test_python_of_the_results_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wk.simulate(short_load("examples/quickstart.toml"), out_dir=tmp_path / "runs/quickstart", progress=False)
    monkeypatch.chdir(tmp_path)
    found = [block for block in blocks(ROOT / "docs/results.md") if block.language == "python"]
    assert found
    space: dict[str, Any] = {}
    for block in found:
        exec(compile(block.text, str(block), "exec"), space)
    assert space["time_s"].shape == space["power_w"].shape
    assert (space["low_w"] <= space["high_w"]).all()
    # numpy alone: the page promises it
    assert not any("wattkeel" in block.text.replace("without wattkeel", "") for block in found)


def test_python_of_the_power_quality_page_runs() -> None:
    found = [block for block in blocks(ROOT / "docs/power_quality.md") if block.language == "python"]
    space: dict[str, Any] = {}
    for block in found:
        exec(compile(block.text, str(block), "exec"), space)
    assert [round(float(pst), 2) for pst in space["found"].pst] == [1.05]
    assert len(space["changes"]) == 37


def test_python_of_the_qualification_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wk, "load", lambda path: scenario.load(ROOT / path))
    monkeypatch.chdir(tmp_path)
    found = [block for block in blocks(ROOT / "docs/qualify.md") if block.language == "python"]
    space: dict[str, Any] = {}
    for block in found:
        exec(compile(block.text, str(block), "exec"), space)
    assert [outcome.verdict for outcome in space["found"].outcomes] == ["pass"] * 3
    assert (tmp_path / "evidence/index.html").is_file()


# -- tables of the results page ------------------------------------------------------------------------


def signal_rows() -> Iterator[str]:
    """Rows of the table of signals; print them to write the page anew."""
    for place, part in (
        ("", signals._SITE),
        (PLACES["rack"], signals._RACK),
        (PLACES["node"], signals._NODE),
        (PLACES["node"], signals._CHAIN),
        (PLACES["node"], signals._RIDE),
        (PLACES["plant"], signals._GENERATION),
        (PLACES["unit"], signals._STORAGE),
    ):
        yield from (f"| `{name.format(place)}` | {unit} | {meaning} |" for name, unit, meaning in part)


def test_every_signal_is_listed() -> None:
    listed = re.findall(r"^\| `[a-z]+\.[^`]*` \| \S+ \| .* \|$", read("results.md"), re.M)
    assert [row for row in listed if row in set(signal_rows())] == list(signal_rows())


def test_the_table_of_signals_is_that_of_a_site() -> None:
    """The private tables of `signals` are all that a site has."""
    model = scenario.load(ROOT / "tests/golden/site_with_everything.toml").model
    names = {name for name, _, _ in map(split_row, signal_rows())}
    for signal in signals.site_signals(model):
        stage, _, rest = signal.name.partition(".")
        pattern = re.compile(rf"{stage}\.(<\w+>\.)?{re.escape(rest.rpartition('.')[2])}")
        assert any(pattern.fullmatch(name) for name in names)


def split_row(row: str) -> tuple[str, ...]:
    return tuple(cell.strip(" `") for cell in row.strip("|").split(" | "))


def test_every_ledger_line_event_and_file_is_listed() -> None:
    page = read("results.md")
    listed = {re.sub(r"<\w+>", "*", name) for name in re.findall(r"^\| `([^`]+)` \| [a-z]+ \|", page, re.M)}
    assert {row.name for row in ledger.ROWS} <= listed
    for kind in events.KINDS.values():
        assert f"| `{kind.name}` |" in page
    for name in (rundir.MANIFEST, rundir.SCENARIO, rundir.SUMMARY, rundir.EVENTS, rundir.LEDGER):
        assert f"`{name}`" in page
    for name in (rundir.FINDINGS, rundir.REPORT, f"{rundir.SERIES}/{rundir.INDEX}"):
        assert f"`{name}`" in page


def test_verdicts_findings_and_exit_codes_are_listed() -> None:
    page = read("results.md")
    for verdict in get_args(Verdict):
        assert f"| `{verdict}` |" in page
    for field in dataclasses.fields(Finding):
        assert f"`{field.name}`" in page
    for status in (0, 1, cli.BAD_INPUT, cli.OWN_FAULT, cli.INTERRUPTED, cli.BROKEN_PIPE):
        assert re.search(rf"^\| {status} \|", page, re.M)


def test_summary_keys_are_described(tmp_path: Path) -> None:
    page = read("results.md")
    summary = wk.simulate(short_load("examples/quickstart.toml"), progress=False).summary
    for key in summary:
        assert f"`{re.sub(r'^storage[.][a-z]+', 'storage.<unit>', key)}`" in page
    assert np.isfinite(list(summary.values())).all()


def test_every_validation_case_is_named() -> None:
    page = read("stages.md")
    for path in CASES.glob("*.toml"):
        assert f"| `{path.stem}` |" in page
    for name in set(re.findall(r"`(test_\w+\.py)`", page)):
        assert (ROOT / "tests/validation" / name).is_file()
    for name in set(re.findall(r"`(tests/[\w/]+(?:\.py)?)/?`", page)):
        assert (ROOT / name).exists()
