"""The report in a real browser without a network: scripts run, charts draw, a link zooms to single ticks."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import report_fixture as runs

from wattkeel.compliance import evaluate_series
from wattkeel.compliance.record import Record
from wattkeel.report import compliance_page, write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")
# Nothing may be looked up, not even by the browser itself.
SWITCHES = (
    "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-extensions disable-component-update disable-sync mute-audio window-size=1366,768"
).split()
NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND"


def browse(folder: Path, address: str, *switches: str) -> str:
    """Open an address and give what the browser prints."""
    fixed = [f"--{switch}" for switch in SWITCHES]
    command = [str(BROWSER), *fixed, NO_NAMES, f"--user-data-dir={folder / 'profile'}", *switches, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def root_of(dom: str) -> str:
    """Opening tag of the page after its scripts have run."""
    found = re.search(r"<html[^>]*>", dom)
    assert found is not None
    return found.group(0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, result in (("minute", runs.minute()), ("long", runs.long_run()), ("bare", runs.bare())):
        write_report(result, folder / f"{name}.html")
    return folder


@pytest.mark.parametrize(("name", "panels"), [("minute", 5), ("long", 5), ("bare", 3)])
def test_scripts_run_and_charts_are_there(pages, tmp_path, name, panels):
    dom = browse(tmp_path, f"{(pages / name).as_uri()}.html", "--dump-dom")
    assert f'data-ready="{panels} panels"' in root_of(dom)
    assert "data-error" not in root_of(dom)
    assert dom.count("<canvas") == panels + 1  # and the spectrum


@pytest.mark.parametrize("name", ["minute", "long"])
def test_link_to_a_moment_shows_single_ticks(pages, tmp_path, name):
    dom = browse(tmp_path, f"{(pages / name).as_uri()}.html#t=26.2,26.4", "--dump-dom")
    found = re.search(r'data-view="([^"]+)"', root_of(dom))
    assert found is not None
    start_s, stop_s, step_s = map(float, found.group(1).split(","))
    assert (start_s, stop_s) == (pytest.approx(26.2), pytest.approx(26.4))
    assert step_s == 1e-3


def test_page_prints(pages, tmp_path):
    target = tmp_path / "report.pdf"
    browse(
        tmp_path, f"{(pages / 'minute').as_uri()}.html", f"--print-to-pdf={target}", "--no-pdf-header-footer"
    )
    paper = target.read_bytes()
    assert paper.startswith(b"%PDF")
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper)
    assert sizes
    assert {(round(float(w)), round(float(h))) for w, h in sizes} <= {(595, 842), (594, 841), (596, 842)}


def test_page_of_a_measured_record_shows_its_drawings(tmp_path):
    power_w = runs.campus(60.0, 1e-3)["poi.power_w"]
    findings = evaluate_series(power_w, 1e-3, ["ercot_power_variation_2026", "ieso_trlcl_v3", "lipa_pseg"])
    target = compliance_page(Record(power_w, 1e-3), findings, tmp_path / "record.html", title="Feeder 7")
    dom = browse(tmp_path, target.as_uri(), "--dump-dom")
    judged = [finding for finding in findings if finding.verdict in ("fail", "marginal", "pass")]
    assert dom.count('<figure class="moment') == len(judged) > 3
    assert "Not evaluated: whether these are met is not known" in dom
    paper = tmp_path / "record.pdf"
    browse(tmp_path, target.as_uri(), f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert paper.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_form_of_a_drawing_has_a_colour(tmp_path, scheme):
    """The style sheet knows each class that drawings use: nothing falls back to black on black."""
    page = (tmp_path / "colours.html").resolve()
    result = runs.minute()
    rules = ["ercot_power_variation_2026", "ieso_trlcl_v3"]
    findings = evaluate_series(result.signals["poi.power_w"], 1e-3, rules)
    write_report(runs.minute(findings=findings), page)
    assert page.read_text(encoding="utf-8").count('class="limit"') > 3
    probe = (
        "<script>addEventListener('load',()=>{const bad=[];for(const e of document.querySelectorAll("
        "'svg.rule .limit,svg.rule .l0,svg.rule .arrow')){const s=getComputedStyle(e);"
        "if(s.stroke==='none')bad.push(e.className.baseVal)}for(const e of document.querySelectorAll("
        "'svg.rule .allowed,svg.rule .zone')){const s=getComputedStyle(e);"
        "if(s.fill==='none'||s.fill==='rgb(0, 0, 0)')bad.push(e.className.baseVal)}"
        "document.documentElement.dataset.bad=bad.join(' ')+'!';})</script>"
    )
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", probe + "</body>"), encoding="utf-8")
    dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()
    dom = browse(tmp_path, page.as_uri(), *dark, "--dump-dom")
    assert 'data-bad="!"' in root_of(dom)
