"""The HTML report: what it says, what it embeds, and that nothing of a user's text becomes markup."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import report_fixture as runs

from wattkeel.report import render, summary_html, write_report
from wattkeel.report.data import BUDGET_BYTES, embed, merged, pack, unpack
from wattkeel.report.markup import duration, embedded_json, number, quantity, span
from wattkeel.report.panels import build_panels
from wattkeel.report.sankey import sankey
from wattkeel.report.series import Reader, coarsen, largest_change
from wattkeel.report.spectrum import amplitude_spectrum

VOID = {"meta", "link", "br", "img", "input", "hr", "rect", "path", "polygon", "polyline"}
HOSTILE = "</script></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{$title}}"


class Page(HTMLParser):
    """Collects tags, attributes and text of a page, and whether every element is closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        where = self.open[-1] if self.open else ""
        self.texts.setdefault(where, []).append(data)

    def text(self) -> str:
        """Everything a reader sees."""
        return " ".join(
            part for tag, parts in self.texts.items() if tag not in ("script", "style") for part in parts
        )


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
    order = re.findall(r'class="v-(\w+)"', body)
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


def test_pack_is_precise_on_the_swing_of_a_large_level():
    values = 60.0 + 1e-6 * np.sin(np.arange(1000.0))
    assert np.abs(unpack(pack(values, 60.0, 1e-6), 60.0, 1e-6) - values).max() < 1e-12


def test_sankey_balances_and_turns_a_charging_store_around():
    drawing = sankey(runs.ledger())
    assert "Into storage cells" in drawing
    assert "1.661 MWh" in drawing
    assert sankey(runs.bare().ledger) == ""


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
