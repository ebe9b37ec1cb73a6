"""The HTML report: what it says, what it embeds, and that nothing of a user's text becomes markup."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import report_fixture as runs
from page_parser import HOSTILE, Page

from wattkeel.ledger import Ledger, LedgerEntry, build_ledger
from wattkeel.report import render, summary_html, write_report
from wattkeel.report.data import BUDGET_BYTES, embed, merged, pack, unpack
from wattkeel.report.markup import (
    decimals,
    duration,
    embedded_json,
    energy_scaling,
    number,
    quantity,
    span,
)
from wattkeel.report.outcome import outcome
from wattkeel.report.panels import build_panels
from wattkeel.report.sankey import sankey
from wattkeel.report.sections import ledger_table, storage_table
from wattkeel.report.series import Reader, coarsen, largest_change
from wattkeel.report.spectrum import Reach, amplitude_spectrum, trace_reach
from wattkeel.report.still import LETTER, WIDTH, spectrum_svg


def payload(source: str) -> dict:
    """What the page's scripts read."""
    found = re.search(r'<script type="application/json" id="wattkeel-data">(.*?)</script>', source, re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


@pytest.fixture(scope="module")
def minute():
    return runs.minute()


@pytest.fixture(scope="module")
def page(minute) -> str:
    return render(minute)


def test_page_is_well_formed_and_in_order(page):
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.faults == []
    sections = [attrs["id"] for tag, attrs in parsed.tags if tag == "section"]
    expected = "verdicts figures charts spectra events energy storage parameters provenance"
    assert sections == expected.split()


def test_page_loads_nothing_from_outside(page):
    loading = {"src", "srcset", "data", "poster", "action", "formaction", "background", "xlink:href"}
    for tag, attrs in Page(page).tags:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base"), tag
        assert not loading & set(attrs), (tag, attrs)
        if tag != "a":
            assert not any("://" in (value or "") for key, value in attrs.items() if key == "href")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|importScripts", page)
    policy = next(attrs for tag, attrs in Page(page).tags if "http-equiv" in attrs)
    assert "default-src 'none'" in (policy["content"] or "")


def test_embedded_series_are_the_signals_within_float32(minute, page):
    coded = payload(page)["series"]
    for name in minute.signals:
        series = coded[name]
        piece = series["pieces"][0]
        values = unpack(piece["value"], series["offset"], series["scale"])
        assert piece["start"] == 0.0
        assert piece["period"] == minute.tick_s
        error = np.abs(values - minute.signals[name]).max()
        assert error <= np.ptp(minute.signals[name]) * 2.0**-24
    band = coded["storage.bess.soc"]["pieces"][0]
    _, low, mean, high = minute.envelopes[0].of("storage.bess.soc")
    for key, kept in (("min", low), ("mean", mean), ("max", high)):
        values = unpack(band[key], coded["storage.bess.soc"]["offset"], coded["storage.bess.soc"]["scale"])
        np.testing.assert_allclose(values, kept, rtol=0, atol=np.ptp(mean) * 1e-6)


def test_windows_around_events_are_embedded_at_full_rate(minute, page):
    series = payload(page)["series"]["site.load_power_w"]
    piece = series["pieces"][-1]
    assert (piece["start"], piece["period"], piece["n"]) == (pytest.approx(24.8), 1e-3, 1500)
    window = minute.windows[0]
    values = unpack(piece["value"], series["offset"], series["scale"])
    np.testing.assert_allclose(values, window.values[:, 0], rtol=1e-6)


def test_hostile_text_stays_text():
    finding = runs.findings()[0]
    fields = dict.fromkeys(("profile", "rule", "method", "status", "date", "source", "note"), HOSTILE)
    hostile = [type(finding)(**{**finding.to_dict(), **fields})]
    toml = f"title = {json.dumps(HOSTILE)}\n[workload.{json.dumps(HOSTILE)}]\nkind = {json.dumps(HOSTILE)}\n"
    signals = runs.campus(2.0, 1e-3)
    signals[f"storage.{HOSTILE}.power_w"] = signals.pop("storage.bess.power_w")
    scenario = runs.FakeScenario(toml=toml, title=HOSTILE, warnings=(HOSTILE,), unit=HOSTILE)
    result = runs.run(
        {name: values for name, values in signals.items() if not name.startswith("storage.bess")},
        ["poi.power_w"],
        scenario=scenario,
        findings=hostile,
        events=[runs.event(0.1, "job_start", HOSTILE)],
        manifest={HOSTILE: HOSTILE},
        summary={HOSTILE: 1.0},
    )
    for source in (render(result), summary_html(result)):
        parsed = Page(source)
        assert parsed.faults == []
        assert sum(tag == "script" for tag, _ in parsed.tags) in (0, 2)
        assert not any(
            tag == "img" or any(key.startswith("on") for key in attrs) for tag, attrs in parsed.tags
        )
        assert HOSTILE in " ".join(parsed.texts.get("title", parsed.texts.get("strong", [])))
    assert payload(render(result))["marks"][0]["label"].startswith("</script>")


def test_embedded_json_has_no_markup():
    assert json.loads(embedded_json({"a": "</script><!--&"})) == {"a": "</script><!--&"}
    assert not re.search("[<>&]", embedded_json({"a": "</script><!--&"}))


def test_verdicts_have_words_worst_first_and_reasons(page):
    body = page[page.index('<section id="verdicts">') : page.index('<section id="figures">')]
    order = re.findall(r'<tr class="v-(\w+)"', body)
    assert order == ["fail", "marginal", "pass", "not_evaluated"]
    for word in ("FAIL", "MARGINAL", "PASS", "NOT EVALUATED", "record of 60 s is shorter", "14.20 MW", "−42"):
        assert word in body


def test_outcome_says_what_the_signals_are(minute, page):
    poi = minute.signals["poi.power_w"] / 1e6
    swing = largest_change(Reader(minute, "poi.power_w").levels[0], 5.0)[0] / 1e6
    said = " ".join(Page(page).texts["p"])
    assert f"the grid sees {poi.min():.1f}–{poi.max():.1f} MW" in said or f"{poi.max():.0f} MW" in said
    assert f"at most {swing:.0f} MW of change in any 5 s" in said
    assert "1 of 3 evaluated rules is violated, 1 marginal, 1 could not be evaluated." in said


def test_incomplete_run_is_announced():
    cut = render(runs.minute(manifest={"complete": False, "ticks": 120_000}))
    assert "Incomplete run." in Page(cut).text()
    assert "60 s of 120 s" in Page(cut).text()
    assert "Incomplete run." not in Page(render(runs.minute())).text()


def test_warnings_of_the_scenario_come_before_the_outcome(page):
    assert page.index("faster than 0.25 Hz") < page.index('class="outcome"')


def test_long_run_is_bounded_and_says_so():
    result = runs.long_run()
    source = render(result)
    assert len(source.encode()) < 12e6
    data = embed(result, build_panels(result))
    assert data.size_bytes <= BUDGET_BYTES
    assert not data.complete
    assert "too long to embed at full rate" in source
    series = payload(source)["series"]["poi.power_w"]
    worst = result.findings[0].time_s
    at = [
        p
        for p in series["pieces"]
        if p["period"] == 1e-3 and p["start"] <= worst <= p["start"] + p["n"] * 1e-3
    ]
    assert at, "the worst moment of the failed rule is not there at full rate"
    first = round(at[0]["start"] / 1e-3)
    kept = result.signals["poi.power_w"][first : first + at[0]["n"]]
    values = unpack(at[0]["value"], series["offset"], series["scale"])
    np.testing.assert_allclose(values, kept, rtol=1e-6)
    whole = series["pieces"][0]
    assert whole["n"] * whole["period"] >= result.ticks * result.tick_s - 1e-9


def test_many_events_are_counted_and_folded():
    source = render(runs.long_run(120.0))
    body = source[source.index('<section id="events">') : source.index('<section id="energy">')]
    assert "All 266 events" in body
    assert '<td class="n">266</td>' in body


@pytest.mark.parametrize("kept", [[], ["poi.power_w"]])
def test_run_without_storage_findings_events(kept):
    result = runs.bare()
    if kept:
        result = runs.run(runs.campus(2.0, 1e-3), kept, scenario=runs.FakeScenario(toml='title = "x"\n'))
    said = Page(render(result)).text()
    assert "No connection rule was checked" in said
    assert "No events." in said


def test_run_cut_before_its_first_tick():
    signals = {name: np.empty(0) for name in ("poi.power_w", "poi.voltage_pu")}
    empty = runs.run(signals, ["poi.power_w"], envelopes=[], manifest={"complete": False, "ticks": 1000})
    said = Page(render(empty)).text()
    assert "It stopped at 0 s of 1 s" in said
    assert "(incomplete)" in summary_html(empty)


def test_write_report_gives_the_path(tmp_path, minute, page):
    target = write_report(minute, tmp_path / "report.html")
    assert target == tmp_path / "report.html"
    assert target.read_text(encoding="utf-8") == page


def test_notebook_summary_has_table_and_line_and_no_script(minute):
    fragment = summary_html(minute)
    assert Page(fragment).open == []
    assert "<svg" in fragment
    assert "<table>" in fragment
    assert "<script" not in fragment
    assert len(fragment) < 40_000


# --------------------------------------------------------------------------------- numbers behind the page


def test_coarsened_band_keeps_extremes_and_means():
    rng = np.random.default_rng(1)
    values = rng.normal(size=10_007)
    result = runs.run({"poi.power_w": values}, ["poi.power_w"])
    band = coarsen(Reader(result, "poi.power_w").levels[0], 16)
    assert len(band) == 626
    blocks = np.split(values, range(16, values.size, 16))
    np.testing.assert_array_equal(band.minimum, [block.min() for block in blocks])
    np.testing.assert_array_equal(band.maximum, [block.max() for block in blocks])
    np.testing.assert_allclose(band.mean, [block.mean() for block in blocks], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kept", [["poi.power_w"], []])
def test_integral_counts_a_partial_bucket_by_its_length(kept):
    values = np.random.default_rng(2).normal(5.0, 1.0, 1_003)
    result = runs.run({"poi.power_w": values}, kept)
    assert Reader(result, "poi.power_w").integral() == pytest.approx(values.sum() * 1e-3, rel=1e-12)


def test_largest_change_on_an_envelope_is_close_to_that_of_the_ticks(minute):
    levels = Reader(minute, "poi.power_w").levels
    exact, when = largest_change(levels[0], 5.0)
    values, time = minute.signals["poi.power_w"], round(when / 1e-3)
    assert exact == np.ptp(values[time - 5001 : time])
    assert largest_change(levels[1], 5.0)[0] == pytest.approx(exact, rel=1e-3)
    assert math.isnan(largest_change(coarsen(levels[1], 200), 5.0)[0])


def test_spectrum_reads_the_amplitude_of_a_sine():
    time_s = np.arange(20_000) * 1e-3
    wave = 80e6 + 3e6 * np.sin(2 * np.pi * 0.5 * time_s) + 1e6 * np.sin(2 * np.pi * 14.7 * time_s)
    result = runs.run({"poi.power_w": wave}, ["poi.power_w"])
    spectrum = amplitude_spectrum(Reader(result, "poi.power_w"))
    assert spectrum is not None
    assert spectrum.peak(0.1, 0.8) == pytest.approx((0.5, 3e6), rel=2e-2)
    assert spectrum.peak(5.0, 55.0) == pytest.approx((14.7, 1e6), rel=2e-2)
    assert spectrum.peak(0.001, 0.01) is None
    frequency_hz, amplitude = spectrum.shown(200)
    assert len(frequency_hz) <= 200
    assert amplitude.max() == spectrum.amplitude.max()


def sine(duration_s, tick_s=1e-3, kept=("poi.power_w",), **changes):
    """A run whose power is a sine of 0.5 Hz and one of 14.7 Hz."""
    time_s = np.arange(round(duration_s / tick_s)) * tick_s
    wave = 80e6 + 3e6 * np.sin(2 * np.pi * 0.5 * time_s) + 1e6 * np.sin(2 * np.pi * 14.7 * time_s)
    return runs.run({"poi.power_w": wave}, list(kept), tick_s, **changes)


def test_spectrum_ends_at_four_tenths_of_its_sampling():
    full = amplitude_spectrum(Reader(sine(60.0), "poi.power_w"))
    assert 399.0 < full.frequency_hz[-1] <= 400.0
    result = sine(60.0, kept=())
    result.envelopes = [runs.envelope({"poi.power_w": sine(60.0).signals["poi.power_w"]}, 1e-3, 1000)]
    coarse = amplitude_spectrum(Reader(result, "poi.power_w"))
    assert 0.35 < coarse.frequency_hz[-1] <= 0.4
    assert "read from 1 s means" in coarse.method
    assert coarse.peak(1.0, 2.5) is None
    assert coarse.why_none(1.0, 2.5) == "means over 1 s: nothing above 0.400 Hz"
    assert "too short for 0.001 Hz" in coarse.why_none(0.001, 0.01)
    assert "means over 1 s: nothing above 0.400 Hz" in Page(render(result)).text()


def test_nothing_is_shown_above_what_a_measured_workload_holds():
    row = {"place": "workload.llm", "source": "t.csv", "sampling_s": 0.1, "refresh_s": 0.5}
    result = sine(60.0, manifest={"inputs": [row, {**row, "place": "workload.unused", "sampling_s": 60.0}]})
    measured = trace_reach(result)
    assert measured == Reach(1.0, "workload.llm was measured every 500 ms: nothing above 1 Hz")
    spectrum = amplitude_spectrum(Reader(result, "poi.power_w"), measured)
    assert spectrum.frequency_hz[-1] <= 1.0
    assert spectrum.why_none(1.5, 2.5) == measured.why
    page = render(result)
    curves = payload(page)["spectrum"]
    assert max(x for x, _ in curves["curves"][0]["points"]) <= 1.0
    assert curves["reach"]["hz"] == 1.0
    assert 'class="reach"' in page
    assert f"({measured.why})" in Page(page).text()
    assert trace_reach(sine(2.0)) is None


def test_trace_too_coarse_for_any_line_is_the_reason_given():
    row = {"place": "workload.llm", "source": "t.csv", "sampling_s": 60.0, "refresh_s": 60.0}
    said = Page(render(sine(20.0, manifest={"inputs": [row]}))).text()
    assert "too short for a spectrum (workload.llm was measured every 60 s: nothing above" in said


def test_label_of_a_band_at_the_edge_stays_inside():
    result = sine(60.0)
    limited = amplitude_spectrum(Reader(result, "poi.power_w"), Reach(1.05, "why"))
    drawing = spectrum_svg([("Grid", 0, limited)], 1e-6, "MW", Reach(1.05, "why"))
    for x, anchor, words in re.findall(
        r'<text class="dim" x="([\d.]+)"[^>]*text-anchor="(\w+)">([^<]*)', drawing
    ):
        left = float(x) - (LETTER * len(words) if anchor == "end" else 0.0)
        assert left >= 0.0
        assert left + LETTER * len(words) <= WIDTH


def test_pack_is_precise_on_the_swing_of_a_large_level():
    values = 60.0 + 1e-6 * np.sin(np.arange(1000.0))
    assert np.abs(unpack(pack(values, 60.0, 1e-6), 60.0, 1e-6) - values).max() < 1e-12


def test_sankey_balances_and_turns_a_charging_store_around():
    drawing = sankey(runs.ledger())
    assert "Into storage cells" in drawing
    assert "1.661 MWh" in drawing
    assert sankey(runs.bare().ledger) == ""


# ----------------------------------------------------------------------------- what comes before the rest


def collapsed():
    """A run in which the grid could not carry the load, nor take a surplus later."""
    signals = runs.campus(20.0, 1e-3)
    signals["poi.unserved_power_w"] = np.where(np.arange(20_000) < 4_000, 9e6, 0.0)
    signals["poi.curtailed_power_w"] = np.where(np.arange(20_000) > 19_000, 1e6, 0.0)
    rows = (
        ("poi.import", "source", 80.0),
        ("storage.bess.cells", "source", -20.0),
        ("gpu.a.work", "load", 55.0),
        ("poi.unserved", "load", -10.0),
        ("poi.curtailed", "load", 3.0),
        ("rack.a.psu_loss", "loss", 12.0),
    )
    entries = [LedgerEntry(name, group, value * 3.6e6) for name, group, value in rows]
    events = [runs.event(0.25, "voltage_collapse", "poi", 4.0)]
    return runs.run(signals, ["poi.power_w"], events=events, ledger=Ledger(entries, 3.6e8, 0.0, 0.0))


def test_collapse_comes_first():
    result = collapsed()
    said = outcome(result)
    assert said.startswith("The grid could not carry this site: voltage collapse at the POI: once, at 0.25 s")
    assert "; load not served: 10 kWh" in said
    assert "surplus that the grid could not take: 277.5 Wh" in said
    figures = render(result).split('<section id="figures">')[1]
    assert figures.index("Voltage collapse") < figures.index("Load not served") < figures.index("Grid import")
    assert "could not carry" not in outcome(runs.minute())
    assert "load not served" in summary_html(result)


def test_shares_are_of_the_sources_together_in_table_and_drawing():
    result = collapsed()
    assert result.ledger.share(result.ledger.total_j("source")) == 1.0
    table, drawing = ledger_table(result), sankey(result.ledger)
    assert re.search(r"Sources</td><td[^>]*>60\.0+</td><td[^>]*>100\.000 %", table)
    for energy, share in (
        ("80.00", "133.333"),
        ("20.00", "33.333"),
        ("55.00", "91.667"),
        ("12.00", "20.000"),
    ):
        assert f"{energy} kWh · {float(share):.1f} %" in drawing
        assert f"{share} %" in table
    assert 'class="unserved flow"' in drawing
    assert "Not served" in drawing
    assert "Not taken by the grid" in drawing
    assert "Unserved" not in drawing


def test_power_measured_at_the_inlet_is_not_called_work():
    meters = {
        "poi.power_w": 90.0,
        "gpu.a.power_w": 60.0,
        "gpu.a.floor_power_w": 0.0,
        "gpu.a.overshoot_power_w": 0.0,
        "gpu.b.power_w": 30.0,
        "gpu.b.floor_power_w": 0.0,
        "gpu.b.overshoot_power_w": 0.0,
    }
    ledger = build_ledger(meters, ["a"])
    names = {entry.name: entry.energy_j for entry in ledger.entries}
    assert (names["rack.a.it_measured"], names["gpu.b.work"]) == (60.0, 30.0)
    assert "gpu.a.work" not in names
    assert ledger.residual_j == 0.0
    drawing = sankey(ledger)
    assert "IT load (measured)" in drawing
    assert "GPU work" in drawing


def test_storage_that_is_off_gets_no_credit(minute):
    from types import SimpleNamespace

    class Off(runs.FakeScenario):
        @property
        def model(self):
            return SimpleNamespace(**vars(super().model), control=SimpleNamespace(target="off"))

    said = outcome(runs.minute(scenario=Off()))
    assert "With the storage unit" not in said
    assert "the storage is not used (control.target is off)" in said
    assert "With the storage unit bess" in outcome(minute)


def test_short_run_and_constant_signals_read_well():
    said = outcome(runs.bare())
    assert "any the run" not in said
    signals = runs.campus(8.0, 1e-3)
    signals["poi.frequency_hz"] = np.full(8000, 60.0)
    signals["poi.voltage_pu"] = np.full(8000, 1.0)
    result = runs.run(signals, ["poi.power_w"])
    assert "stays at 1.000 pu and the frequency at 60.000 Hz" in outcome(result)
    assert "60.000–60.000" not in render(result)


def test_one_unit_of_energy_in_a_table():
    body = storage_table(runs.minute())
    head = re.findall(r"<th[^>]*>([^<]*)</th>", body)
    assert len({re.search(r"\((\w+)\)", cell)[1] for cell in head if "(" in cell}) == 1
    assert not re.search(r"\d (J|kWh|MWh)<", body)
    assert energy_scaling([7.2e10, 1.4e7, math.nan, 0.0]) == (1 / 3.6e6, "kWh")
    page = render(runs.minute(summary={"import_energy_j": 5.98e9, "floor_energy_j": 7.2e4}))
    assert "<dd>1661 kWh</dd>" in page
    assert "<dd>0.02000 kWh</dd>" in page


def test_run_of_which_no_rule_could_be_judged_says_so():
    result = runs.minute(findings=runs.findings()[-1:])
    said = Page(render(result)).text()
    assert "No rule could be evaluated: whether the rules are met is not known." in said
    assert "1 could not be evaluated" not in said


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (quantity(8.2e6, "W"), "8.200 MW"),
        (quantity(-4.2, "MW", like=14.2), "−4.20 MW"),
        (quantity(math.nan, "W"), "–"),
        (quantity(math.inf, "W"), "∞ GW"),
        (quantity(20e6 / 60, "W/s"), "20 MW/min"),
        (quantity(7.2e10, "J"), "20 MWh"),
        (span(72.1e6, 131e6, "W"), "72.1–131.0 MW"),
        (span(-52e6, 26e6, "W", 3), "−52.0 to 26.0 MW"),
        (span(60.0, 60.0000001, "Hz"), "60.00 Hz"),
        (decimals(59.9812, 60.0, 3, "Hz"), "59.981–60.000 Hz"),
        (decimals(60.0, 60.0, 3, "Hz"), "60.000 Hz"),
        (number(0.0), "0"),
        (number(1.5e-7), "1.50e−7"),
        (duration(0.412), "412 ms"),
        (duration(86_400.0 * 3), "3 d"),
    ],
)
def test_numbers_read_well(shown, expected):
    assert shown == expected


def test_merged_intervals():
    assert merged([(3, 4), (0, 1), (0.5, 2), (4, 5)]) == [(0, 2), (3, 5)]
