"""Benchmarks run at a tiny size: what they measure is called, and their answers are checked."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from wattkeel import _core

BENCH = Path(__file__).resolve().parents[2] / "bench"
ISAS = list(_core.build_info()["instruction_sets_available"])


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a module of the benchmarks: they import one another by plain names, which tests have too."""
    names = [path.stem for path in BENCH.glob("*.py")]
    kept = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    monkeypatch.syspath_prepend(str(BENCH))
    yield importlib.import_module
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(kept)


def test_every_kernel_is_measured_in_every_engine(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba's engine too, where it is installed: it refuses arguments that C++ takes."""
    kernels = bench("kernels")
    for name, tiny in {"LANES": 16, "TICKS": 20, "WARM_TICKS": 30, "CALLS": 1}.items():
        monkeypatch.setattr(kernels, name, tiny)
    cases = kernels.all_cases()
    implemented = kernels.implementations(ISAS, {case.kernel for case in cases.values()})
    for name, case in cases.items():
        answers = {
            who: kernels._answer(functions[case.kernel], case, who == "numba")
            for who, functions in implemented.items()
        }
        assert len(set(answers.values())) == 1, name
        assert answers[ISAS[0]], name
    found = kernels.measure_case("rack_load", cases["rack_load"], implemented, budget_s=0.0)
    assert len(found.measures) == len(implemented)


def test_every_row_of_batteries(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    batteries = bench("batteries")
    tiny = {
        name: batteries.Row(min(row.batteries, 9), 240, min(row.every, 20), row.counted, row.loop)
        for name, row in batteries.ROWS.items()
    }
    monkeypatch.setattr(batteries, "ROWS", tiny)
    monkeypatch.setattr(
        batteries, "round_robin", lambda calls, budget_s: dict.fromkeys([*calls, "spin"], 1.0)
    )
    found = batteries.measure([], quick=True)
    assert len(found.checks) == len(tiny)
    assert {key.split("/")[1] for key in found.measures} == set(tiny)


def test_a_wrong_answer_of_batteries_is_found(bench: Any) -> None:
    batteries, timing = bench("batteries"), bench("timing")
    row = batteries.Row(1, 40, 20)
    right, wrong = (batteries.Work(batteries.cell(), row, "native") for _ in range(2))
    wrong.power_w = wrong.power_w * (1.0 + 1e-12)
    with pytest.raises(timing.WrongAnswer, match="differs from native"):
        batteries.check("one", {"native": right, "other": wrong})


def test_engines_and_ageing(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, ageing, prototype = bench("engine"), bench("ageing"), bench("prototype")
    found = engine.measure_size(8, 20, ISAS[-1:], budget_s=0.0)
    assert found.checks
    monkeypatch.setattr(ageing, "CALLS", 300)
    assert len(ageing._counts(budget_s=0.0).checks) == 1
    assert prototype._interpreted(8, 2, ISAS[-1]).checks


def test_targets_name_measures_that_there_are(bench: Any) -> None:
    """A renamed row would otherwise leave its target unmeasured for ever."""
    report, batteries = bench("report"), bench("batteries")
    rows = {f"battery/{name}/native" for name in batteries.ROWS}
    asked = {target.key for target in report.TARGETS if target.key.startswith("battery/")}
    assert asked
    assert asked <= rows


def test_every_meter(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = bench("meters")
    monkeypatch.setattr(meters, "SAMPLES", 110_000)
    monkeypatch.setattr(meters, "round_robin", lambda calls, budget_s: dict.fromkeys([*calls, "spin"], 1.0))
    found = meters.measure([], quick=True)
    assert len(found.checks) == 2
    assert "meter/four rule books, without spectra/native" in found.measures
    monkeypatch.setattr(meters, "CLOSE", -1.0)  # an answer that is not the plain one is told
    with pytest.raises(bench("timing").WrongAnswer):
        meters.measure([], quick=True)
