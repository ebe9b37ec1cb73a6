"""The resonance room: spectra, pieces, shafts, what is looked for, screening, picture, part of the report."""

from __future__ import annotations

import dataclasses
import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import laid_over, lossless_site

import wattkeel as wk
from wattkeel.errors import ScenarioError
from wattkeel.jsonio import dumps
from wattkeel.linear import StateSpace
from wattkeel.parameters import Resonance
from wattkeel.report import render
from wattkeel.resonance import (
    Mode,
    Study,
    Target,
    known_targets,
    pieces,
    plot,
    screen,
    shaft_modes,
    spectrum_of,
)
from wattkeel.resonance.probe import harmonics, multisine
from wattkeel.scenario import Scenario
from wattkeel.spectra import line_spectrum
from wattkeel.trace import Trace

OMEGA = 2.0 * math.pi * np.geomspace(0.01, 40.0, 50)
SWING_W = 10e6


def site(changes: dict[str, Any] | None = None) -> Scenario:
    """A site of 100 MW that swings by 50 MW every 2 s, half of the time high."""
    tables = {
        "simulation": {"duration_s": 40.0},
        "workload": {
            "job": {"period_s": 2.0, "compute_fraction": 0.5, "compute_pu": 1.0, "communication_pu": 0.5}
        },
        "grid": {"preset": "ko25-swing", "frequency_model": "swing"},
    }
    return Scenario.from_dict(lossless_site(1e8, laid_over(tables, changes or {})))


@pytest.fixture(scope="module")
def study() -> Study:
    return screen(wk.simulate(site(), progress=False))


def reading(study: Study, name: str, mode: int = 0) -> Any:
    return [each for each in study.readings if each.target == name][mode]


# -- spectra -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5, 0.8])
def test_line_between_bins_is_found(offset: float) -> None:
    count, tick_s = 20_000, 1e-3
    frequency_hz = (40.0 + offset) / (count * tick_s)
    values = 5e6 + SWING_W * np.sin(2.0 * math.pi * frequency_hz * np.arange(count) * tick_s)
    found = line_spectrum(values, tick_s)
    assert found is not None
    line = found.strongest(1.0, 3.0)
    assert line is not None
    assert line.frequency_hz == pytest.approx(frequency_hz, abs=0.02 / (count * tick_s))
    assert line.amplitude_w == pytest.approx(SWING_W, rel=2e-3)
    assert found.lines(1)[0] == line
    assert found.rms(1.0, 3.0) == pytest.approx(SWING_W / math.sqrt(2.0), rel=1e-3)
    assert found.share(1.0, 3.0) == pytest.approx(1.0, abs=1e-4)
    assert found.at(frequency_hz) == line.amplitude_w
    assert found.strongest(500.0, 600.0) is None
    assert math.isnan(found.at(700.0))


def test_lines_are_apart_and_ordered() -> None:
    time_s = np.arange(60_000) * 1e-3
    values = sum(a * np.sin(2.0 * math.pi * f * time_s) for a, f in ((3.0, 0.5), (1.0, 1.5), (2.0, 7.0)))
    found = line_spectrum(values, 1e-3)
    assert found is not None
    assert [line.frequency_hz for line in found.lines(3)] == pytest.approx([0.5, 7.0, 1.5], abs=1e-3)
    assert [line.amplitude_w for line in found.lines(3)] == pytest.approx([3.0, 2.0, 1.0], rel=1e-3)


def test_spectrum_of_a_trace_ends_where_its_sensor_does() -> None:
    time_s = np.arange(4000) * 0.1
    power_w = 1000.0 + 200.0 * np.sin(2.0 * math.pi * 0.2 * time_s)
    trace = Trace(time_s, np.column_stack([power_w, power_w]), ("a", "b"), "made", "", 0.1, 0.5, 400.0)
    found = spectrum_of(trace)
    assert found is not None
    assert found.frequency_hz[-1] <= 1.0 + 1e-9
    line = found.lines(1)[0]
    assert line.frequency_hz == pytest.approx(0.2, abs=1e-3)
    assert line.amplitude_w == pytest.approx(400.0, rel=5e-3)  # of both columns together


# -- pieces --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [
        lambda tick_s: pieces.lag(OMEGA, 0.1, tick_s),
        lambda tick_s: pieces.hold(OMEGA, 0.01, tick_s),
        lambda tick_s: pieces.integral(OMEGA, tick_s),
    ],
)
def test_pieces_converge_to_continuous_time(piece: Any) -> None:
    limit = piece(0.0)
    errors = [float(np.abs(piece(tick_s) / limit - 1.0).max()) for tick_s in (1e-3, 1e-4)]
    assert errors[1] < 0.15 * errors[0] < 0.15


def test_pieces_are_the_recursions() -> None:
    """Each piece against its own recursion, driven by a sine over whole periods."""
    tick_s, periods, count = 0.01, 4, 1000
    number = 7
    n = np.arange(periods * count)
    turn = np.exp(2j * np.pi * number * n / count)
    omega = np.array([2.0 * math.pi * number / (count * tick_s)])

    def steady(out: np.ndarray) -> complex:
        return complex((out[-count:] * turn[-count:].conj()).mean())

    lagged = np.zeros(len(n), dtype=complex)
    summed = np.zeros(len(n), dtype=complex)
    decay = math.exp(-tick_s / 0.05)
    for i in range(len(n)):
        before = lagged[i - 1] if i else 0.0
        lagged[i] = turn[i] + (before - turn[i]) * decay
        summed[i] = turn[max(0, i - 24) : i + 1].sum() / 25.0
    assert steady(lagged) == pytest.approx(complex(pieces.lag(omega, 0.05, tick_s)[0]), rel=1e-9)
    assert steady(summed) == pytest.approx(complex(pieces.average(omega, 25, tick_s)[0]), rel=1e-9)
    held = turn[(n // 10) * 10]
    assert steady(held) == pytest.approx(complex(pieces.hold(omega, 10 * tick_s, tick_s)[0]), rel=1e-9)


def test_average_has_its_zeros_and_whole_turns() -> None:
    found = pieces.average(2.0 * math.pi * np.array([0.25, 0.5, 100.0, 50.0]), 400, 0.01)
    assert np.abs(found[:2]).max() < 1e-12  # periods that fit into the window
    assert found[2] == pytest.approx(1.0)  # one sample a period sees a constant
    assert abs(found[3]) < 1e-9


def test_stepped_system_is_a_lag() -> None:
    system = StateSpace(*(np.array([[x]]) for x in (-5.0, 5.0, 1.0, 0.0)), ("x",), ("u",), ("y",))
    for tick_s in (0.0, 1e-3, 0.05):
        found = pieces.stepped(system, OMEGA, tick_s)[:, 0, 0]
        assert found == pytest.approx(pieces.lag(OMEGA, 0.2, tick_s), rel=1e-9)


def test_multisine_is_odd_and_low() -> None:
    numbers, window = harmonics(np.geomspace(0.1, 100.0, 20), 1e-3, 1e-3)
    assert (numbers % 2 == 1).all()
    assert len(set(numbers.tolist())) == len(numbers)
    shape = multisine(numbers, window, np.ones(len(numbers)))
    lines = np.abs(np.fft.rfft(shape)) * 2.0 / window
    assert lines[numbers] == pytest.approx(np.full(len(numbers), 1.0 / len(numbers)), rel=1e-9)
    lines[numbers] = 0.0
    assert lines.max() < 1e-12
    assert np.abs(shape).max() < 0.75  # of the sum of all amplitudes


def test_lines_of_a_probe_avoid_images_of_the_control() -> None:
    numbers, window = harmonics(np.linspace(1.0, 99.0, 99), 1e-3, 1e-2)
    per_control = window * 1e-3 / 1e-2
    image = np.abs(numbers - np.round(numbers / per_control) * per_control)
    for i, number in enumerate(numbers):
        assert not np.isclose(np.delete(numbers, i)[:, None], image[i]).any(), number


# -- shafts and modes ----------------------------------------------------------------------------------


def test_slow_torque_accelerates_the_whole_shaft() -> None:
    """Far below the modes a section carries the torque that accelerates the masses beyond it."""
    inertia = np.array([0.1, 0.2, 0.9, 0.9, 0.8, 0.05])
    shaft = shaft_modes(inertia, [20.0, 30.0, 50.0, 70.0, 3.0], 5, 60.0)
    torque = shaft.torque_pu([1e-4], [0.0] * 5)[0]
    before = np.cumsum(inertia) / inertia.sum()
    assert np.abs(torque[:4]) == pytest.approx(before[:4], rel=1e-6)
    assert abs(torque[4]) == pytest.approx(1.0 - before[4], rel=1e-6)


def test_shaft_of_two_masses_has_the_closed_form() -> None:
    a, b, k = 1.0, 3.0, 40.0
    shaft = shaft_modes([a, b], [k], 2, 50.0)
    own = math.sqrt(k * 100.0 * math.pi * (1.0 / (2.0 * a) + 1.0 / (2.0 * b)))
    assert shaft.frequency_hz == pytest.approx([own / (2.0 * math.pi)])
    frequency_hz, zeta = np.array([0.5, 1.0, 1.7]) * own / (2.0 * math.pi), 0.01
    ratio = frequency_hz * 2.0 * math.pi / own
    expected = a / (a + b) / np.abs(1.0 - ratio**2 + 2j * zeta * ratio)
    assert np.abs(shaft.torque_pu(frequency_hz, [zeta])[:, 0]) == pytest.approx(expected, rel=1e-9)
    # Met exactly and undamped there is no steady state.
    assert math.isnan(Mode(10.0, 0.0).amplification(10.0))


@pytest.mark.parametrize(
    "given",
    [
        {"damping_ratio": (0.001,)},
        {"log_decrement": (2.0 * math.pi * 0.001 / math.sqrt(1.0 - 0.001**2),)},
        {"decay_per_s": (0.001 * 2.0 * math.pi * 20.0,)},
        {"quality": (500.0,)},
    ],
)
def test_every_form_of_damping_is_the_same(given: dict[str, Any]) -> None:
    target = Target.of("unit", Resonance(kind="modes", nature="torsional", mode_hz=(20.0,), **given))
    assert target.modes[0].damping_ratio == pytest.approx(0.001, rel=1e-9)
    assert target.modes[0].quality == pytest.approx(500.0, rel=1e-9)
    assert target.modes[0].amplification(20.0) == pytest.approx(500.0, rel=1e-9)
    assert target.modes[0].amplification(0.002) == pytest.approx(1.0, rel=1e-6)


def test_own_entries_go_before_presets() -> None:
    own = Resonance(kind="band", low_hz=0.2, high_hz=0.6, nature="electromechanical")
    before, after = known_targets(), known_targets({"inter-area": own, "mine": own})
    assert len(after) == len(before) + 1
    found = {target.name: target for target in after}
    assert found["inter-area"].own
    assert found["inter-area"].parameters.high_hz == 0.6
    assert not found["local-plant"].own


def test_entries_are_judged_all_at_once() -> None:
    wrong = {
        "upside": {"kind": "band", "low_hz": 2.0, "high_hz": 1.0},
        "none": {"kind": "modes"},
        "shaft": {
            "kind": "shaft", "inertia_s": [1.0, 2.0], "stiffness_pu": [1.0, 2.0], "generator_mass": 3,
            "quality": [1.0, 2.0, 3.0], "log_decrement": [0.01],
        },
        "mixed": {"kind": "band", "low_hz": 1.0, "high_hz": 2.0, "mode_hz": [3.0], "damping_ratio": [0.1]},
        "order": {"kind": "modes", "mode_hz": [3.0, 2.0], "quality": [-1.0]},
    }  # fmt: skip
    with pytest.raises(ScenarioError) as caught:
        site({"resonance": wrong})
    places = {fault.place for fault in caught.value.faults}
    assert places == {
        "resonance.upside.low_hz",
        "resonance.none.mode_hz",
        "resonance.shaft.stiffness_pu",
        "resonance.shaft.generator_mass",
        "resonance.shaft.quality",
        "resonance.shaft.log_decrement",
        "resonance.mixed.mode_hz",
        "resonance.mixed.damping_ratio",
        "resonance.order.mode_hz",
        "resonance.order.quality[0]",
    }
    assert all(fault.remedy for fault in caught.value.faults)


# -- transfer ------------------------------------------------------------------------------------------


def test_wrong_arguments_are_told_all_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        wk.resonance.transfer(site(), method="guess", at="moon", frequency_hz=[0.0], tick_s=2.0, swing=1.0)
    assert [fault.place for fault in caught.value.faults] == [
        "method", "at", "frequency_hz", "tick_s", "swing"
    ]  # fmt: skip
    with pytest.raises(ScenarioError, match=r"0\.4 of the rate"):
        wk.resonance.transfer(site(), frequency_hz=[450.0])
    with pytest.raises(TypeError, match="takes a Scenario"):
        wk.resonance.transfer({})  # type: ignore[arg-type]


def test_target_without_average_is_told() -> None:
    storage = {"battery": {"preset": "enerc-container", "energy": "200 MWh", "rated_power": "100 MW"}}
    idle = wk.resonance.transfer(site({"storage": storage, "control": {"target": "follow"}}))
    assert np.abs(idle.power - 1.0).max() < 1e-12
    assert "does nothing" in idle.notes[0]
    ramp = {"target": "follow", "ramp_up": "20 MW/min", "ramp_down": "10 MW/min"}
    held = wk.resonance.transfer(site({"storage": storage, "control": ramp}), frequency_hz=[0.5])
    assert "only its ramp limit" in held.notes[0]
    assert held.ramp_limit_w[0] == pytest.approx(10e6 / 60.0 / math.pi, rel=1e-9)


def test_grid_forming_unit_is_measured_only() -> None:
    """It answers voltage and frequency; the engine knows how, the parts do not."""
    unit = {"preset": "enerc-container", "energy": "200 MWh", "rated_power": "100 MW", "forming": {}}
    scenario = site({"storage": {"battery": unit}, "grid": {"scr": 5.0}, "control": {"average": "4 s"}})
    with pytest.raises(ScenarioError, match=r"storage\.battery\.forming.*measured"):
        wk.resonance.transfer(scenario)
    measured = wk.resonance.transfer(scenario, method="measured", frequency_hz=np.geomspace(0.1, 50.0, 12))
    assert measured.nonlinearity < 1e-5
    assert np.abs(measured.power).min() < 0.5
    result = wk.simulate(scenario, progress=False)
    assert "no response was computed" in screen(result).notes[-1]
    assert math.isnan(reading(screen(result), "inter-area").gain)
    found = reading(screen(result, response=measured), "local-plant")
    assert found.gain == pytest.approx(found.ratio, rel=0.1)
    assert found.frequency_hz > 0.0


# -- screening -----------------------------------------------------------------------------------------


def test_square_wave_meets_the_bands(study: Study) -> None:
    """Harmonics of a square wave: 2 A / (n pi) at n / T; no storage, so that all of it reaches the POI."""
    low, plant = reading(study, "inter-area"), reading(study, "local-plant")
    assert low.load_hz == pytest.approx(0.5, abs=1e-3)
    assert low.import_w == pytest.approx(2.0 * 50e6 / math.pi, rel=2e-3)
    assert low.ratio == pytest.approx(1.0, rel=1e-6)
    assert low.gain == pytest.approx(1.0, rel=1e-6)
    assert plant.import_hz == pytest.approx(1.5, abs=1e-3)
    assert plant.import_w == pytest.approx(2.0 * 50e6 / (3.0 * math.pi), rel=2e-3)
    assert low.import_share == pytest.approx(8.0 / math.pi**2, rel=5e-3)
    # PH-02: 19.4364 mHz for 10 MW at 0.5 Hz.
    assert low.frequency_hz == pytest.approx(19.4364e-3 * low.import_w / 10e6, rel=2e-3)
    assert {low.verdict, plant.verdict} == {"no_limit"}


def test_frequency_of_the_run_is_that_of_the_reading(study: Study) -> None:
    result = wk.simulate(site(), progress=False)
    found = line_spectrum(result.signals["poi.frequency_hz"][20_000:], 1e-3)
    assert found is not None
    assert found.at(0.5) == pytest.approx(reading(study, "inter-area").frequency_hz, rel=2e-3)


def test_own_mode_on_a_line_is_found() -> None:
    own = {
        "unit": {
            "kind": "shaft", "nature": "torsional", "inertia_s": [1.0, 1.0], "stiffness_pu": [0.1],
            "generator_mass": 1, "quality": [200.0], "width_hz": 0.2, "interaction": 0.1,
            "rated_power": "500 MVA", "limit": "1 MW",
        },
        "beyond": {"kind": "modes", "nature": "torsional", "mode_hz": [900.0]},
        "slow": {"kind": "band", "low_hz": 0.001, "high_hz": 0.002},
    }  # fmt: skip
    found = screen(wk.simulate(site({"resonance": own}), progress=False))
    unit = reading(found, "unit")
    # sqrt(K w0 (1/2H + 1/2H)) / 2 pi
    assert unit.mode_hz == pytest.approx(math.sqrt(0.1 * 120.0 * math.pi) / (2.0 * math.pi), rel=1e-9)
    assert unit.mode_hz == pytest.approx(0.977, abs=1e-3)
    assert reading(found, "beyond").verdict == reading(found, "slow").verdict == "not_seen"
    # The strongest line within 0.2 Hz is the skirt of a harmonic; the limit is on it.
    assert unit.distance_hz <= 0.2
    assert unit.machine_w == pytest.approx(0.1 * unit.import_w)
    assert unit.torque_gain_at_mode == pytest.approx(0.5 * 200.0, rel=1e-2)
    assert unit.torque_pu == pytest.approx(unit.torque_gain * unit.machine_w / 500e6)
    assert not found.exceeds


def test_limit_is_held_against_the_import() -> None:
    own = {"mine": {"kind": "band", "low_hz": 0.4, "high_hz": 0.6, "limit": "20 MW"}}
    result = wk.simulate(site({"resonance": own}), progress=False)
    found = screen(result)
    assert reading(found, "mine").verdict == "exceeds"
    assert found.exceeds
    one = Target.of("wide", Resonance(kind="band", low_hz=0.4, high_hz=0.6, limit_w=40e6))
    assert [each.verdict for each in screen(result, targets=[one]).readings] == ["within"]


def test_storage_is_seen_in_run_and_response() -> None:
    changes = {
        "simulation": {"duration_s": 60.0},
        "compliance": {"settle_s": 20.0},
        "storage": {"battery": {"preset": "enerc-container", "energy": "200 MWh", "rated_power": "100 MW"}},
        "control": {"target": "follow", "average": "8 s"},
    }
    found = reading(screen(wk.simulate(site(changes), progress=False)), "inter-area")
    assert found.load_hz == pytest.approx(0.5, abs=1e-3)
    assert found.ratio < 0.1
    assert found.ratio == pytest.approx(found.gain, rel=0.02)


def test_run_without_full_rate_is_read_from_its_envelopes() -> None:
    result = wk.simulate(site({"record": {"full_rate": [], "envelope": ["0.1 s"]}}), progress=False)
    found = screen(result)
    assert found.reach.limit_hz == pytest.approx(4.0)
    assert any("full_rate" in note for note in found.notes)
    assert reading(found, "ieee-first-benchmark").verdict == "not_seen"
    assert reading(found, "inter-area").import_w == pytest.approx(2.0 * 50e6 / math.pi, rel=0.01)


def test_too_short_a_run_is_refused() -> None:
    result = wk.simulate(site({"simulation": {"duration_s": 0.01}}), progress=False)
    with pytest.raises(ScenarioError, match="too few"):
        screen(result)


def test_study_is_plain_json(study: Study) -> None:
    told = json.loads(dumps(study.as_dict()))
    assert told["import_lines"][0]["frequency_hz"] == pytest.approx(0.5, abs=1e-3)
    assert len(told["readings"]) == len(study.readings)
    assert {field.name for field in dataclasses.fields(study.readings[0])} == set(told["readings"][0])
    assert len(told["response"]["frequency_hz"]) == len(told["response"]["power_gain"])
    assert any("no torsional study" in note for note in told["notes"])


# -- picture and report --------------------------------------------------------------------------------


def test_picture_names_axes_bands_and_modes(study: Study, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        path = plot(study, tmp_path / "a.svg")
    words = " ".join(ElementTree.parse(path).getroot().itertext())
    for part in ("frequency (Hz)", "amplitude (MW)", "inter-area", "ercot-23hz", "mHz/MW", "0.5 Hz"):
        assert part in words
    assert plot(study, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ScenarioError, match="no kind of picture"):
        plot(study, tmp_path / "a.doc")
    without = dataclasses.replace(study, response=None)
    assert plot(without, tmp_path / "b.svg").stat().st_size > 10_000


def test_report_shows_the_screening(study: Study) -> None:
    result = wk.simulate(site(), progress=False)
    assert "What the lines may excite" not in render(result)
    page = render(result, study)
    for part in ("What the lines may excite", "ieee-first-benchmark", "0.1–0.8 Hz", "no torsional study"):
        assert part in page
    odd = dataclasses.replace(study.readings[0], title="<b>x</b>")
    assert "<b>x</b>" not in render(result, dataclasses.replace(study, readings=(odd,)))
