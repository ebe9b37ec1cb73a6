"""Flickermeter: its parts against their definitions, its classes, what it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
from flicker_signals import fluctuating

import wattkeel as wk
from wattkeel import filters
from wattkeel.parameters import Flickermeter as Settings
from wattkeel.power_quality import LAMPS, Flickermeter, flicker, lamps, long_term
from wattkeel.power_quality.flickermeter import class_edges, exceeded, short_term
from wattkeel.prototype import flicker as layout

FREQUENCY_HZ = np.geomspace(0.02, 33.0, 40)


def analogue(lamp: lamps.Lamp, frequency_hz: float) -> complex:
    """Response of the filters as the standard writes them down."""
    s = 2j * math.pi * frequency_hz
    w1, w2, w3, w4 = (2.0 * math.pi * f for f in lamp.corner_hz)
    high = s / (s + 2.0 * math.pi * 0.05)
    b, a = scipy.signal.butter(6, 2.0 * math.pi * lamp.low_pass_hz, analog=True)
    low = np.polyval(b, s) / np.polyval(a, s)
    band = lamp.gain * w1 * s / (s * s + 4.0 * math.pi * lamp.damping_hz * s + w1 * w1)
    return complex(high * low * band * (1.0 + s / w2) / ((1.0 + s / w3) * (1.0 + s / w4)))


@pytest.mark.parametrize("name", LAMPS)
@pytest.mark.parametrize(("tick_s", "tolerance"), [(1e-3, 1e-2), (2.5e-4, 1e-3), (1e-5, 1e-6)])
def test_digital_filters_respond_as_the_analogue_ones(name: str, tick_s: float, tolerance: float) -> None:
    params = lamps.lower_flickermeter(Settings(lamp=name), tick_s)
    for frequency_hz in FREQUENCY_HZ:
        wanted = abs(analogue(LAMPS[name], frequency_hz))
        assert abs(lamps.response(params, tick_s, frequency_hz)) == pytest.approx(wanted, rel=tolerance)


def test_scale_is_calibrated_at_any_sampling() -> None:
    """A fluctuation of the calibration has a largest P_inst of 1, measured and not computed."""
    for tick_s in (2.5e-3, 1e-3, 1e-4):
        for name, lamp in LAMPS.items():
            voltage = fluctuating(name, "rms", tick_s, 75.0, "sine", lamps.CALIBRATION_HZ, lamp.calibration)
            found = flicker(voltage, tick_s, "rms", lamp=name, series_s=0.0)
            droop = np.sinc(lamps.CALIBRATION_HZ * tick_s) ** 2  # of means over a tick
            assert found.p_inst_max == pytest.approx(droop, abs=1e-3)


def test_sections_are_those_of_scipy() -> None:
    for order, f_hz, tick_s in ((2, 10.0, 1e-3), (6, 35.0, 5e-4), (8, 42.0, 1e-4)):
        ours = filters.butterworth_low(order, f_hz, tick_s)
        theirs = scipy.signal.butter(order, f_hz, fs=1.0 / tick_s, output="sos")
        at = np.linspace(0.0, 0.49 / tick_s, 200)
        responses = [scipy.signal.sosfreqz(sos, at, fs=1.0 / tick_s)[1] for sos in (ours, theirs)]
        np.testing.assert_allclose(responses[0], responses[1], rtol=1e-8, atol=1e-12)
    b, a = scipy.signal.bilinear((3.0, 2.0, 1.0), (4.0, 5.0, 6.0), fs=100.0)
    low = 1e-4  # without pre-warping
    np.testing.assert_allclose(
        filters.bilinear((3.0, 2.0, 1.0), (4.0, 5.0, 6.0), 0.01, low), [*b, *a], rtol=1e-9
    )
    for bad in (0.0, 50.0):
        with pytest.raises(ValueError, match="half the sampling rate"):
            filters.bilinear((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), 0.01, bad)
    with pytest.raises(ValueError, match="even"):
        filters.butterworth_low(3, 1.0, 0.01)


def test_classes_and_their_edges_agree() -> None:
    edges = class_edges()
    assert len(edges) == layout.FLICKER_CLASSES + 1
    assert (np.diff(edges) > 0.0).all()
    assert (np.diff(edges[1:]) / edges[1:-1] <= 1.0 / 256.0).all()
    rng = np.random.default_rng(3)
    for place in rng.integers(0, layout.FLICKER_CLASSES, 500):
        inside = edges[place] + rng.random() * (edges[place + 1] - edges[place])
        assert layout.flicker_class(inside) == place
        assert layout.flicker_class(edges[place]) == place


def test_percentiles_are_those_of_all_samples() -> None:
    """Against the sorted P_inst themselves."""
    tick_s = 1e-3
    rng = np.random.default_rng(7)
    levels = np.repeat(1.0 + 0.004 * rng.normal(size=800), 150)  # a step every 150 ms
    settings: dict[str, Any] = {"settle_s": 20.0, "interval_s": 100.0, "series_s": tick_s}
    found = flicker(levels, tick_s, "rms", **settings)
    judged = np.sort(found.p_inst[20000:])
    classes = np.bincount([layout.flicker_class(p) for p in judged], minlength=layout.FLICKER_CLASSES)

    def exact(percent: float) -> float:
        return float(np.quantile(judged, 1.0 - 0.01 * percent, method="linear"))

    for percent in (0.1, 1.0, 10.0, 50.0, 80.0):
        assert exceeded(classes, percent, judged[-1]) == pytest.approx(exact(percent), rel=1.0 / 256.0)
    groups = ((0.1,), (0.7, 1.0, 1.5), (2.2, 3.0, 4.0), (6.0, 8.0, 10.0, 13.0, 17.0), (30.0, 50.0, 80.0))
    means = [np.mean([exact(percent) for percent in group]) for group in groups]
    pst = math.sqrt(np.dot((0.0314, 0.0525, 0.0657, 0.28, 0.08), means))
    assert found.pst[0] == pytest.approx(pst, rel=1e-3)
    assert found.pst[0] == short_term(classes, judged[-1])
    assert found.p_inst_max == found.intervals[0].p_inst_max == judged[-1]


def test_any_cut_gives_the_same_bits(engine: str) -> None:
    tick_s = 1e-3
    voltage = fluctuating("120v_60hz", "rms", tick_s, 30.0, "rectangle", 2.7, 0.02)
    settings = Settings(lamp="120v_60hz", settle_s=5.0, interval_s=7.0, series_s=0.05)
    whole = Flickermeter(tick_s, "rms", settings, engine=engine)
    whole.add(voltage)
    cut = Flickermeter(tick_s, "rms", settings)
    rng = np.random.default_rng(1)
    start = 0
    while start < len(voltage):
        stop = start + int(rng.integers(1, 4000))
        cut.add(voltage[start:stop])
        cut = cut.copy()  # nothing is kept beside the flat arrays and what was found
        start = stop
    a, b = whole.found(), cut.found()
    assert a.pst.tobytes() == b.pst.tobytes()
    assert len(a.pst) == 3
    assert a.p_inst.tobytes() == b.p_inst.tobytes()
    assert (a.p_inst_max, a.plt, a.length_s, a.notes) == (b.p_inst_max, b.plt, b.length_s, b.notes)
    assert whole.state.tobytes() == cut.state.tobytes()
    assert whole.classes.tobytes() == cut.classes.tobytes()


def test_waveform_and_rms_values_agree() -> None:
    """Below the frequencies that beat with the system's, both see the same."""
    values = {}
    for kind, tick_s in (("waveform", 2e-4), ("rms", 1e-3)):
        voltage = fluctuating("120v_60hz", kind, tick_s, 90.0, "rectangle", 1.3, 0.01)
        values[kind] = flicker(voltage, tick_s, kind, lamp="120v_60hz", settle_s=30.0, interval_s=60.0).pst[0]
    assert values["rms"] == pytest.approx(values["waveform"], rel=0.01)


def test_volts_or_pu_do_not_matter_and_pst_is_linear() -> None:
    def measured(change: float, scale: float) -> Any:
        wave = fluctuating("230v_50hz", "rms", 1e-3, 60.0, "sine", 4.0, change)
        return flicker(scale * wave, 1e-3, "rms", settle_s=30.0, interval_s=30.0)

    assert measured(0.01, 256.0).pst.tobytes() == measured(0.01, 1.0).pst.tobytes()
    assert measured(0.01, 230e3).pst == pytest.approx(measured(0.01, 1.0).pst, rel=1e-9)
    assert measured(0.01, 1.0).pst == pytest.approx(2.0 * measured(0.005, 1.0).pst, rel=0.005)


@pytest.mark.parametrize(("kind", "tick_s"), [("rms", 1e-3), ("waveform", 2.5e-4)])
def test_steady_voltage_does_not_flicker(kind: str, tick_s: float) -> None:
    voltage = fluctuating("230v_50hz", kind, tick_s, 80.0, "sine", 1.0, 0.0)
    found = flicker(voltage, tick_s, kind, interval_s=20.0)
    if kind == "rms":
        assert (found.p_inst_max, found.pst[0]) == (0.0, 0.0)
    assert found.p_inst_max < 1e-3
    assert found.pst[0] < 0.02


def test_states_end_at_zero_and_not_among_denormals() -> None:
    meter = Flickermeter(1e-3, "rms", Settings(settle_s=0.0))
    meter.add(fluctuating("230v_50hz", "rms", 1e-3, 5.0, "rectangle", 8.8, 0.1))
    smallest = []
    for _ in range(40):
        meter.add(np.ones(60_000))
        raw = meter.state.view(np.ndarray)[0]
        values = np.abs([raw["high"], raw["smooth"], *raw["memory"]])
        smallest.append(values[values > 0.0].min(initial=1.0))
    assert min(smallest) > 1e-200
    assert float(raw["smooth"]) == 0.0


def test_long_term_is_the_cubic_mean() -> None:
    assert long_term([0.7] * 12) == pytest.approx(0.7)
    assert long_term([1.2, *[0.0] * 11]) == pytest.approx(1.2 / 12.0 ** (1.0 / 3.0))
    voltage = fluctuating("230v_50hz", "rms", 2e-3, 26.5, "rectangle", 1.0, 0.01)
    found = flicker(voltage, 2e-3, "rms", settle_s=2.0, interval_s=2.0)
    assert len(found.pst) == 12
    assert found.plt == (long_term(found.pst),)
    assert found.notes == ("the last 0.5 s are no whole interval: in P_inst only",)
    for bad in ([], [1.0, math.nan], [-1.0]):
        with pytest.raises(wk.ScenarioError, match="not a list of severities"):
            long_term(bad)


def test_what_is_too_short_is_said() -> None:
    voltage = np.ones(50_000)
    assert flicker(voltage, 1e-3, "rms").notes == (
        "too short for a P_inst: 60 s of settling, 50 s given",
        "too short for a Pst: 600 s + 60 s of settling needed, 50 s given",
    )
    found = flicker(voltage, 1e-3, "rms", settle_s=20.0)
    assert found.notes == ("too short for a Pst: 600 s + 20 s of settling needed, 50 s given",)
    assert math.isnan(flicker(voltage, 1e-3, "rms").p_inst_max)
    assert found.p_inst_max == 0.0
    assert len(found.pst) == len(found.plt) == 0
    found = flicker(voltage, 1e-3, "rms", settle_s=20.0, interval_s=10.0)
    assert found.notes == ("too short for a Plt: 12 intervals of 10 s needed, 3 given",)


def test_series_has_its_spacing() -> None:
    found = flicker(np.ones(10_000), 1e-3, "rms", series_s=0.25)
    np.testing.assert_allclose(found.p_inst_time_s, 0.25 * np.arange(1, 41))
    assert len(found.p_inst) == 40
    assert len(flicker(np.ones(10_000), 1e-3, "rms", series_s=0.0).p_inst) == 0
    assert len(flicker(np.ones(10_000), 1e-3, "rms", series_s=1e-6).p_inst) == 10_000


SINE = np.sin(np.linspace(0.0, 600.0, 4000))


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (([1.0, math.nan, 1.0], 1e-3, "rms"), {}, r"voltage\[1\] = nan: not a finite number"),
        (([1.0, math.inf], 1e-3, "rms"), {}, r"voltage\[1\] = inf: not a finite number"),
        (([1.0, -0.1, 1.0], 1e-3, "rms"), {}, r"voltage\[1\] = -0.1: below zero: no RMS value"),
        (([1.0, 2e9], 1e-3, "rms"), {}, "above 1e\\+09 V; check the unit"),
        (([], 1e-3, "rms"), {}, "not one row of samples"),
        ((np.ones((3, 2)), 1e-3, "rms"), {}, "not one row of samples"),
        ((["a", "b"], 1e-3, "rms"), {}, "not an array of numbers"),
        ((np.zeros(100), 1e-3, "rms"), {}, "zero throughout"),
        ((np.ones(100), 1e-4, "waveform"), {}, 'never below zero: no waveform; give kind="rms"'),
        ((SINE + 0.5, 1e-4, "waveform"), {}, "no alternating voltage; remove the offset"),
        ((SINE, 1e-3, "waveform"), {}, "1000 samples/s are too few: a waveform needs at least 2000"),
        ((np.ones(9), 5e-3, "rms"), {}, "200 samples/s are too few: RMS values need at least 400"),
        ((np.ones(9), 1e-7, "rms"), {}, "too many: at most 1e\\+06; .* is it in seconds"),
        ((np.ones(9), 0.0, "rms"), {}, "tick_s = 0.0: out of range; give a number above 0"),
        ((np.ones(9), "fast", "rms"), {}, "tick_s = 'fast': not a number"),
        ((np.ones(9), 1e-3, "peak"), {}, 'kind = \'peak\': unknown kind; write "waveform" or "rms"'),
        ((np.ones(9), 1e-3, "rms"), {"engine": "abacus"}, "unknown engine"),
        ((np.ones(9), 1e-3, "rms"), {"lamp": "led"}, "unknown lamp; write \"230v_50hz\""),
        ((np.ones(9), 1e-3, "rms"), {"interval_s": 0.1, "settle_s": -1.0}, "2 faults"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(arguments: Any, options: Any, text: str) -> None:
    with pytest.raises(wk.ScenarioError, match=text):
        flicker(*arguments, **options)


def test_refused_samples_are_not_taken_in() -> None:
    meter = Flickermeter(1e-3, "rms")
    meter.add([1.0, 1.0])
    before = meter.state.tobytes()
    with pytest.raises(wk.ScenarioError):
        meter.add([1.0, math.nan])
    assert meter.state.tobytes() == before
    assert meter.samples == 2
