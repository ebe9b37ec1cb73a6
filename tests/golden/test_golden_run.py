"""One small run, kept: an unintended change of any result shows here.

`pytest tests/golden --regenerate-golden` writes it anew; do that only for a change that is meant, and say
in the changelog what moved.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sites import Run, digest, state_bits

import wattkeel as wk
from wattkeel.plant import SCRATCH_MEMBERS, STATE_MEMBERS, Plant

HERE = Path(__file__).parent
SERIES = HERE / "site_with_everything.npz"
BITS = HERE / "site_with_everything.json"
EVERY = 20  # ticks between two rows of the series that are kept


def parameters_of(run: Run) -> np.ndarray:
    """All that the run was given, tables and parameters, as the core sees it, one number after another."""
    parts = []
    for name in Plant._fields:
        if name not in STATE_MEMBERS and name not in SCRATCH_MEMBERS:
            array = np.asarray(getattr(run.engine.plant, name))
            fields = array.dtype.names or ()
            parts += [array[field] for field in fields] if fields else [array]
    return np.concatenate([np.ravel(part).astype(np.float64) for part in parts])


@pytest.fixture
def run(engine: str) -> Run:
    return Run(wk.load(HERE / "site_with_everything.toml"), engine=engine)


def test_golden_run(run: Run, engine: str, request: pytest.FixtureRequest) -> None:
    names = run.engine.full_rate_names
    bits = {
        "parameters": digest({"parameters": parameters_of(run).tobytes()}),
        "series": digest({"series": run.values.tobytes()}),
        "state": {name: digest({name: content}) for name, content in state_bits(run.engine).items()},
    }
    events = np.array(run.events, dtype=np.float64)
    if request.config.getoption("--regenerate-golden") and engine == "native":
        np.savez_compressed(
            SERIES, names=names, values=run.values[::EVERY], events=events, parameters=parameters_of(run)
        )
        BITS.write_text(json.dumps(bits, indent=2) + "\n", encoding="utf-8")
        pytest.skip("written anew")
    kept = np.load(SERIES)
    assert kept["names"].tolist() == names
    for column, name in enumerate(names):
        scale = float(np.abs(kept["values"][:, column]).max())
        np.testing.assert_allclose(
            run.values[::EVERY, column], kept["values"][:, column], rtol=1e-9, atol=1e-9 * scale, err_msg=name
        )
    np.testing.assert_allclose(events, kept["events"], rtol=1e-9, atol=1e-9)
    # exp of the C library decides the last bits of a few parameters, and nothing more than those.
    np.testing.assert_allclose(parameters_of(run), kept["parameters"], rtol=1e-14, atol=0.0)
    known = json.loads(BITS.read_text(encoding="utf-8"))
    if bits["parameters"] != known["parameters"]:
        pytest.skip("another C library: parameters differ in their last bits; all but bits was compared")
    assert bits == known


def test_every_stage_is_at_work(run: Run) -> None:
    """A golden run that leaves a stage idle would guard nothing there."""
    assert {event[1] for event in run.events} == {1, 2, 3, 4, 5, 6, 7, 10, 22, 30, 34, 35, 40}
    constant = {name for name in run.engine.full_rate_names if np.ptp(run[name]) == 0.0}
    # Nothing is curtailed: that takes export into a grid that has no voltage or cannot carry it. A
    # supercapacitor has neither branches nor a temperature; one unit alone supports the grid, and one has a
    # container.
    none = {
        "storage.battery.support_power_w",
        "storage.former.auxiliary_power_w",
        "storage.former.support_power_w",
        "storage.supercapacitor.auxiliary_power_w",
        "storage.supercapacitor.polarisation_power_w",
        "storage.supercapacitor.temperature_k",
    }
    assert constant == {"poi.curtailed_power_w"} | none
