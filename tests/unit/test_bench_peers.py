"""The comparison with other simulators (bench/peers): a wrong answer stops it, ratios are what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"

# A peer of the standard library alone: a step adds a number, and takes as long as it is told.
CHILD = """
import sys
sys.path.append({bench!r})
from serving import serve, tiled

def add(request):
    print("chatter of the peer")
    total = sum(tiled(request["add"], request["ticks"]))
    return {{"steps": request["ticks"], "seconds": 0.25, "final": {{"sum": total}}}}

def fail(request):
    raise ValueError("no such battery")

serve("pytest", {{"add": add, "fail": fail}})
"""


@pytest.fixture
def peers(monkeypatch, tmp_path):
    """Modules of the benchmark, and an environment with a peer called `adder`."""
    monkeypatch.syspath_prepend(str(BENCH))
    import peers.link as link

    (tmp_path / "adder").mkdir()
    (tmp_path / "adder" / "child.py").write_text(CHILD.format(bench=str(BENCH / "peers")))
    monkeypatch.setattr(link, "HERE", tmp_path)
    monkeypatch.setattr(link, "interpreter", lambda name: Path(sys.executable))
    return link


def case(link, ours, tolerance=1e-9):
    return link.Case(
        "three numbers",
        "a sum",
        {"case": "add", "add": [1.0, 2.0], "ticks": 3},
        ours,
        3,
        {"sum": tolerance},
        "exact",
    )


def test_answers_are_compared_and_rates_follow_from_the_times(peers):
    with peers.Peer("adder") as peer:
        assert peer.about.startswith("pytest ")
        found = peers.measure_case(peer, case(peers, lambda: {"sum": 4.0}), quick=True)
    values = {name.rpartition("/")[2]: measure.value for name, measure in found.measures.items()}
    assert values["peer"] == 3 / 0.25
    assert values["ratio"] == pytest.approx(values["wattkeel"] / values["peer"])
    assert found.checks == ["adder, three numbers: differences sum 0 (limit 1e-09); exact"]


def test_wrong_answer_stops_the_run(peers):
    from timing import WrongAnswer

    with peers.Peer("adder") as peer, pytest.raises(WrongAnswer, match=r"sum differs by 0\.01"):
        peers.measure_case(peer, case(peers, lambda: {"sum": 4.01}), quick=True)
    with peers.Peer("adder") as peer:
        peers.measure_case(peer, case(peers, lambda: {"sum": 4.01}, tolerance=0.02), quick=True)


def test_an_answer_that_is_no_number_is_wrong(peers):
    from timing import WrongAnswer

    with peers.Peer("adder") as peer, pytest.raises(WrongAnswer):
        peers.measure_case(peer, case(peers, lambda: {"sum": float("nan")}), quick=True)


def test_failure_of_a_peer_is_told(peers):
    from timing import WrongAnswer

    with peers.Peer("adder") as peer, pytest.raises(WrongAnswer, match="ValueError: no such battery"):
        peer.ask({"case": "fail"})


def test_peer_that_is_not_installed_is_named_and_skipped(peers, monkeypatch, tmp_path):
    import peers as package

    monkeypatch.setattr(peers, "interpreter", lambda name: tmp_path / "nowhere")
    found = package.measure([], quick=True)
    assert found.measures == {}
    assert found.notes == [f"{name}: skipped, not installed: make peers" for name in package.PEERS]


def test_child_answers_once_on_the_command_line(peers, tmp_path):
    request = json.dumps({"case": "add", "add": [1.5], "ticks": 2})
    done = subprocess.run(
        [sys.executable, str(tmp_path / "adder" / "child.py"), request],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["final"] == {"sum": 3.0}
    assert "chatter" in done.stderr


def test_every_peer_has_a_child_a_lower_bound_and_a_least_python(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import peers as package
    from peers import install

    assert set(package.PEERS) == set(install.LEAST_PYTHON)
    for name in package.PEERS:
        assert (BENCH / "peers" / name / "child.py").is_file()
        lines = (BENCH / "peers" / name / "requirements.txt").read_text().split()
        assert lines
        assert all(">=" in line and "==" not in line for line in lines)
