"""Compliance in the report: matrix, drawings whose points are where the numbers say, pages of a record."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import report_fixture as runs
from page_parser import HOSTILE, Page

from wattkeel import measures
from wattkeel.compliance import Finding, evaluate_series, load_profile
from wattkeel.compliance.record import Record
from wattkeel.compliance.verdicts import judge_profile
from wattkeel.report import compliance_page, kind_of, render, render_compliance
from wattkeel.report.compliance_page import source_of
from wattkeel.report.drawing import course, identity, samples
from wattkeel.report.interface import FindingLike
from wattkeel.report.matrix import KINDS, matrix_table, short_name
from wattkeel.report.moments import DRAWINGS, compliance_parts, day_of, draw
from wattkeel.result import EventWindow

DAY = date(2026, 11, 26)
MW = 1e6
#: A tenth of a unit of the picture is what coordinates are written with; two of them along a scale of 180.
PLACES = 2e-3


class Picture:
    """Reads values back from a drawing through the labels of its own axes."""

    def __init__(self, svg: str) -> None:
        self.svg = svg
        left = re.findall(r'<text x="56" y="([\d.]+)" text-anchor="end">([−\d.]+)</text>', svg)
        below = re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([−\d.]+)</text>', svg)
        self._y = self._line([(float(y) - 4.0, words) for y, words in left])
        # the last label may be moved into the picture
        self._x = self._line([(float(x), words) for x, words in below[:-1]])

    @staticmethod
    def _line(marks: list[tuple[float, str]]) -> tuple[float, float]:
        (a, first), (b, last) = marks[0], marks[-1]
        low, high = (float(words.replace("−", "-")) for words in (first, last))
        slope = (high - low) / (b - a)
        return slope, low - slope * a

    def x(self, place: float) -> float:
        return self._x[0] * place + self._x[1]

    def y(self, place: float) -> float:
        return self._y[0] * place + self._y[1]

    def paths(self, kind: str) -> list[list[tuple[float, float]]]:
        """Points of all lines of a kind."""
        found = re.findall(rf'<path class="{kind}" d="M([^"HV]+)"', self.svg)
        return [
            [(self.x(float(a)), self.y(float(b))) for a, b in (pair.split(",") for pair in line.split("L"))]
            for line in found
        ]

    def dots(self, kind: str) -> list[tuple[float, float]]:
        found = re.findall(rf'<circle class="{kind}" cx="([\d.]+)" cy="([\d.]+)"', self.svg)
        return [(self.x(float(a)), self.y(float(b))) for a, b in found]

    def arrow(self) -> tuple[float, float, float]:
        """Place, lower and upper end of the arrow."""
        found = re.search(r'<path class="arrow \w+" d="M([\d.]+),([\d.]+)V([\d.]+)', self.svg)
        assert found is not None
        a, bottom, top = map(float, found.groups())
        return self.x(a), self.y(bottom), self.y(top)


def judged(power_w, tick_s, profile="scenario", **rule):
    """The finding of one rule on a record, and the record as a source of drawings."""
    findings = evaluate_series(power_w, tick_s, [], rules=[{"name": profile, **rule}])
    assert len(findings) == 1
    return findings[0], source_of(Record(np.asarray(power_w, dtype=np.float64), tick_s))


def drawn(source, finding: FindingLike) -> Picture:
    drawing = draw(source, finding)
    assert drawing is not None
    return Picture(drawing.svg)


# ---------------------------------------------------------------------------------------------- drawings


def test_a_ramp_is_drawn_against_a_cone_from_the_start_of_its_window():
    time_s = np.arange(3000) * 0.1
    power = 50 * MW + np.clip(time_s - 100.0, 0.0, 90.0) * 0.5 * MW  # 30 MW/min for 90 s
    finding, source = judged(power, 0.1, kind="ramp", window_s=60.0, limit_w_per_s=20 * MW / 60.0)
    assert finding.verdict == "fail"
    assert finding.value == pytest.approx(30.0)
    picture = drawn(source, finding)
    assert finding.time_s is not None
    start, end = finding.time_s - 60.0, finding.time_s
    first = 50.0 + 0.5 * (start - 100.0)
    upper, lower = picture.paths("limit")
    span_s, span_mw = 132.0, 60.0
    for line, edge in ((upper, first + 20.0), (lower, first - 20.0)):
        assert line[0][0] == pytest.approx(start, abs=PLACES * span_s)
        assert line[0][1] == pytest.approx(first, abs=PLACES * span_mw)
        assert line[1] == (
            pytest.approx(end, abs=PLACES * span_s),
            pytest.approx(edge, abs=PLACES * span_mw),
        )
    spots = picture.dots("spot")
    assert [y for _, y in spots] == pytest.approx([first, first + 30.0], abs=PLACES * span_mw)
    assert "30.00 MW" in picture.svg
    assert "of 20 MW allowed" in draw(source, finding).caption


@pytest.mark.parametrize(("direction", "lines"), [("up", 1), ("down", 1), ("both", 2)])
def test_a_ramp_of_one_direction_has_one_edge(direction, lines):
    power = 50 * MW + np.concatenate([np.zeros(800), np.linspace(0, 60 * MW, 700), np.zeros(800)])
    finding, source = judged(
        power, 0.1, kind="ramp", direction=direction, window_s=60.0, limit_w_per_s=MW / 60.0
    )
    assert len(drawn(source, finding).paths("limit")) == lines


def test_a_variation_shows_extremes_to_the_tick_however_long_the_window():
    power = np.full(200_000, 80 * MW)
    power[90_000], power[93_000] = 95 * MW, 60 * MW  # single samples, far finer than a pixel
    finding, source = judged(power, 1e-3, kind="power_variation", window_s=5.0, limit_w=10 * MW)
    assert finding.value == pytest.approx(35.0)
    picture = drawn(source, finding)
    x, low, high = picture.arrow()
    assert (low, high) == (pytest.approx(60.0, abs=0.1), pytest.approx(95.0, abs=0.1))
    assert x == pytest.approx(finding.time_s, abs=PLACES * 11.0)
    (limit,) = picture.paths("limit")
    assert [y for _, y in limit] == pytest.approx([85.0, 85.0], abs=0.1)  # a fall: down from the largest
    assert "35.00 MW" in picture.svg
    tops = re.findall(r'<polygon class="f0" points="([^"]+)"', picture.svg)
    heights = [picture.y(float(pair.split(",")[1])) for pair in tops[0].split()]
    assert max(heights) == pytest.approx(95.0, abs=0.1)  # the hull of the trace keeps the spike
    assert min(heights) == pytest.approx(60.0, abs=0.1)


@pytest.mark.parametrize("size", [20, 8])
def test_a_filtered_variation_is_drawn_behind_the_filter_that_gave_the_value(size):
    rng = np.random.default_rng(3)
    power = 80 * MW + 0.3 * MW * rng.normal(size=120_000)
    power[70_000:] += size * MW
    (finding,) = (
        f
        for f in evaluate_series(power, 1e-3, ["ercot_power_variation_2026"])
        if "filtered" in f.rule and "unfiltered" not in f.rule
    )
    source = source_of(Record(power, 1e-3))
    drawing = draw(source, finding)
    assert "behind the band-pass" in drawing.svg
    _, low, high = Picture(drawing.svg).arrow()
    assert high - low == pytest.approx(finding.value, rel=5e-3)
    worst = max(finding.readings, key=lambda reading: reading["value"])
    assert worst["label"] in drawing.caption


def test_a_percentile_is_drawn_as_ramps_in_order_with_its_share():
    rng = np.random.default_rng(4)
    power = 50 * MW + np.cumsum(rng.normal(size=6000)) * 0.2 * MW
    (finding,) = (f for f in evaluate_series(power, 1.0, ["southern_company"]) if "percentile75" in f.rule)
    picture = drawn(source_of(Record(power, 1.0)), finding)
    expected = measures.percentile_average_ramp(power, 1.0, 75.0, 60.0) * 60.0 / MW
    ((x, y),) = picture.dots("spot")
    assert x == pytest.approx(75.0, abs=0.2)
    assert y == pytest.approx(expected, rel=0.01)
    assert all(y == pytest.approx(20.0, abs=0.2) for line in picture.paths("limit") for _, y in line)


def test_a_band_is_shaded_on_the_spectrum_with_its_limit():
    time_s = np.arange(120_000) * 1e-3
    power = 80 * MW + 6 * MW * np.sin(2 * np.pi * 2.5 * time_s)
    finding, source = judged(
        power, 1e-3, kind="band_power", band_low_hz=0.1, band_high_hz=5.0, limit_w=2 * MW
    )
    picture = drawn(source, finding)  # axes are decades: values below are labels, so logarithms are compared
    shade = re.search(r'<polygon class="zone" points="([^"]+)"', picture.svg)
    labels = {
        float(words): float(x)
        for x, words in re.findall(
            r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([\d.]+)</text>', picture.svg
        )
    }
    edges = sorted({float(pair.split(",")[0]) for pair in shade.group(1).split()})
    decade = labels[10.0] - labels[1.0]
    assert edges[0] == pytest.approx(labels[1.0] - decade, abs=1.0)
    assert edges[1] == pytest.approx(labels[1.0] + decade * math.log10(5.0), abs=1.0)
    dot = re.search(r'<circle class="spot" cx="([\d.]+)" cy="([\d.]+)"', picture.svg)
    limit = re.search(r'<path class="limit" d="M[\d.]+,([\d.]+)L', picture.svg)
    assert float(dot.group(1)) == pytest.approx(labels[1.0] + decade * math.log10(2.5), abs=1.0)
    assert float(dot.group(2)) < float(limit.group(1))  # the line at 6 MW is above the limit of 2 MW
    assert "6.00 MW at 2.50 Hz" in picture.svg


def ride(**details):
    """A finding of ride-through as the judge of voltage gives it."""
    given = {
        "curve": {
            "low": [[0.0, 0.0], [0.15, 0.0], [0.15, 0.5], [2.0, 0.5], [2.0, 0.9]],
            "high": [[0.0, 1.2], [2.0, 1.2], [2.0, 1.1]],
        },
        "unit": "pu",
        "side": "low",
        "band": [0.0, 0.5],
        "excursions": [
            {"start_s": 10.0, "duration_s": 0.1, "extreme": 0.3, "obliged_s": 0.1, "left_s": None},
            {"start_s": 20.0, "duration_s": 0.4, "extreme": 0.2, "obliged_s": 0.15, "left_s": 20.05},
        ],
        "excursion_count": 2,
    }
    return Finding(
        profile="p", rule="voltage_ride_through 0-0.5 pu 0.15 s", verdict="fail", value=0.05, limit=0.15,
        unit="s", margin=-0.667, at_least=True, time_s=20.05, block="voltage_ride_through",
        quantity="poi.voltage_pu", details=given | details,
    )  # fmt: skip


def voltage_source():
    voltage = np.ones(40_000)
    voltage[10_000:10_100] = 0.3
    voltage[20_000:20_400] = 0.2
    return source_of(Record(np.full(40_000, 50 * MW), 1e-3, voltage_pu=voltage))


def test_ride_through_is_drawn_in_the_plane_of_level_and_time():
    svg = draw(voltage_source(), ride()).svg
    labels = {
        float(words): float(x)
        for x, words in re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([\d.]+)</text>', svg)
    }
    decade = labels[0.1] - labels[0.01]
    heights = Picture(svg).y

    def time_s(place: float) -> float:
        return 0.01 * 10.0 ** ((place - labels[0.01]) / decade)

    curve = re.search(r'<path class="limit" d="M([^"]+)"', svg).group(1)
    corners = [tuple(map(float, pair.split(","))) for pair in curve.split("L")]
    assert [time_s(x) for x, _ in corners[1:5]] == pytest.approx([0.15, 0.15, 2.0, 2.0], rel=0.01)
    assert [heights(y) for _, y in corners[:6]] == pytest.approx([0, 0, 0.5, 0.5, 0.9, 0.9], abs=0.01)
    ((kept_x, kept_y),) = (
        (float(a), float(b)) for a, b in re.findall(r'class="good" cx="([\d.]+)" cy="([\d.]+)"', svg)
    )
    ((lost_x, lost_y),) = (
        (float(a), float(b)) for a, b in re.findall(r'class="bad" cx="([\d.]+)" cy="([\d.]+)"', svg)
    )
    assert (time_s(kept_x), heights(kept_y)) == (pytest.approx(0.1, rel=0.01), pytest.approx(0.3, abs=0.01))
    assert (time_s(lost_x), heights(lost_y)) == (pytest.approx(0.05, rel=0.01), pytest.approx(0.2, abs=0.01))
    line = re.search(r'<path class="l0 thick" d="M([^"]+)"', svg).group(1)
    longest = [tuple(map(float, pair.split(","))) for pair in line.split("L")]
    assert max(time_s(x) for x, _ in longest) == pytest.approx(0.4, rel=0.01)


def test_recovery_shows_level_and_deadline():
    power = np.full(20_000, 100 * MW)
    power[10_000:13_000] = 20 * MW
    finding = Finding(
        profile="p", rule="recovery 1 s", verdict="fail", value=2.9, limit=1.0, unit="s", margin=-1.9,
        time_s=10.1, block="recovery", details={
            "row": {"within_s": 1.0}, "p_fraction_min": 0.9, "after_v_pu": 0.9,
            "excursions": [
                {"start_s": 5.0, "back_s": 5.1, "before_w": 1.0, "recovered_s": 0.0},
                {"start_s": 10.0, "back_s": 10.1, "before_w": 100 * MW, "recovered_s": 2.9},
            ],
        },
    )  # fmt: skip
    picture = drawn(source_of(Record(power, 1e-3)), finding)
    (limit,) = picture.paths("limit")
    assert [x for x, _ in limit[:2]] == pytest.approx([11.1, 11.1], abs=0.02)
    assert [y for _, y in limit[1:]] == pytest.approx([90.0, 90.0], abs=0.3)
    (before,) = picture.paths("extreme")
    assert before[0][1] == pytest.approx(100.0, abs=0.3)


def test_what_was_not_kept_at_full_rate_is_drawn_from_envelopes_and_says_so():
    signals = runs.campus(60.0, 1e-3)
    bare = runs.run(signals, [])
    finding = replace(runs.findings()[0], block="power_variation", window_s=5.0, quantity="poi.power_w")
    drawing = draw(bare, finding)
    assert "did not keep poi.power_w at every tick" in drawing.caption
    assert "steps of 20 ms" in drawing.caption or "steps of 10 ms" in drawing.caption
    full = runs.run(signals, ["poi.power_w"])
    assert "did not keep" not in draw(full, finding).caption
    inside = slice(21_318, 26_319)
    window = EventWindow(15_000, ["poi.power_w"], signals["poi.power_w"][15_000:35_000].reshape(-1, 1), 1e-3)
    around = runs.run(signals, [], windows=[window])
    assert "did not keep" not in draw(around, finding).caption
    begin_s, values = samples(around, "poi.power_w", 21.318, 26.318)
    assert begin_s == pytest.approx(21.318)
    assert np.array_equal(values, signals["poi.power_w"][inside])
    assert draw(around, finding).svg == draw(full, finding).svg


def test_rules_of_a_band_are_drawn_on_the_power_that_they_were_judged_on():
    """Power of waveforms comes twice: a mean over a cycle, and a fast one for rules of a band."""
    slow, fast = np.full(120_000, 80 * MW), np.full(120_000, 80 * MW)
    fast[60_000:] += 12 * MW
    record = Record(slow, 1e-3)
    record.banded = Record(fast, 1e-3)  # as MeasuredRecord holds it
    (finding,) = (
        f for f in evaluate_series(fast, 1e-3, ["ercot_power_variation_2026"]) if " filtered" in f.rule
    )
    _, low, high = drawn(source_of(record), finding).arrow()
    assert high - low == pytest.approx(finding.value, rel=5e-3)
    _, low, high = drawn(source_of(record), replace(finding, details={}, readings=[])).arrow()
    assert high == low  # a rule without a band: the slow power, which is constant


def test_a_record_without_power_shows_what_it_holds():
    class VoltageOnly:
        tick_s, voltage_pu, frequency_hz, has_power = 1e-3, np.ones(5000), None, False

        @property
        def power_w(self):
            raise RuntimeError("the record holds no power")

    body = render_compliance(VoltageOnly(), [finding_of("not_evaluated")], on=DAY)
    assert "5 s in steps of 1 ms" in body
    assert 'aria-label="Voltage"' in body
    assert "No rule could be evaluated" in body


def test_nothing_is_drawn_of_what_was_not_recorded():
    source = source_of(Record(np.full(1000, MW), 1.0))
    finding = replace(ride(curve={}), time_s=None)
    assert course(source, "poi.voltage_pu", 0.0, 100.0) is None
    assert draw(source, finding) is None
    body = render_compliance(Record(np.full(1000, MW), 1.0), [finding], on=DAY)
    assert "the run kept nothing to draw" in body


# ------------------------------------------------------------------------------------------------ matrix


def finding_of(verdict: str, block: str = "ramp", **changes) -> Finding:
    given = {"profile": "p", "rule": f"{block} {verdict}", "verdict": verdict, "block": block, "margin": 0.5}
    if verdict in ("not_evaluated", "emt_required"):
        given |= {"margin": None, "note": f"because {verdict}"}
    return Finding(**given | changes)


@pytest.mark.parametrize("other", ["not_evaluated", "emt_required", "marginal", "fail"])
def test_a_cell_has_the_colour_of_a_pass_only_where_all_pass(other):
    alone = matrix_table([finding_of("pass")], {})
    assert 'class="c-pass"' in alone
    mixed = matrix_table([finding_of("pass"), finding_of(other)], {})
    assert 'class="c-pass"' not in mixed
    assert f'class="c-{other}"' in mixed


def test_rows_are_profiles_and_columns_kinds_that_occur():
    findings = [
        finding_of("pass", "ramp"),
        finding_of("fail", "oscillation", profile="q", margin=-0.25),
        finding_of("not_evaluated", "voltage_ride_through", profile="q"),
    ]
    parsed = Page(matrix_table(findings, {"p": "draft", "q": "in force"}))
    assert parsed.faults == []
    said = parsed.text()
    heads = [words for words in parsed.texts["th"] if words in KINDS.values()]
    assert heads == ["Ramp", "Oscillation", "Low voltage"]
    assert "−25\u00a0%" in said
    assert "50\u00a0%" in said
    assert "not evaluated" in said
    assert "draft" in said


def test_every_block_of_every_profile_has_a_column():
    from wattkeel.compliance import profile_names

    blocks = {row.block for name in profile_names() for row in load_profile(name).rows}
    other = {block for block in blocks if kind_of(finding_of("pass", block)) == "other"}
    assert other <= {"telemetry", "flat_start"}


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("voltage_ride_through 0.2-0.5 pu 0.25 s", "low_voltage"),
        ("voltage_ride_through 1.1-1.2 pu 2 s", "high_voltage"),
        ("voltage_ride_through >=1.1 pu 2 s", "high_voltage"),
        ("voltage_ride_through <0.9 pu 6 s", "low_voltage"),
        ("voltage_ride_through 0.9-1.1 pu continuous", "low_voltage"),
        ("voltage_ride_through", "low_voltage"),
    ],
)
def test_high_and_low_voltage_are_told_apart_without_a_verdict(rule, kind):
    assert kind_of(finding_of("not_evaluated", "voltage_ride_through", rule=rule)) == kind


def test_short_names_say_what_the_column_does_not():
    assert short_name(finding_of("pass", rule="ramp both per_minute 60 s")) == "per minute 60 s"
    assert short_name(finding_of("pass", rule="ramp")) == "ramp"


# -------------------------------------------------------------------------------------------------- page


@pytest.fixture(scope="module")
def record():
    """120 s at 1 ms with three sags, a loss of load and a swell: every kind of drawing."""
    rng = np.random.default_rng(1)
    ticks = 120_000
    voltage, power = 1.0 + 0.001 * rng.normal(size=ticks), 100 * MW + 2e5 * rng.normal(size=ticks)
    for start_s, level in ((40.0, 0.25), (45.0, 0.4), (60.0, 0.75)):
        begin = round(start_s * 1e3)
        voltage[begin : begin + 60] = level
        power[begin : begin + 60] *= 0.4
        power[begin + 60 : begin + 360] *= np.linspace(0.4, 1.0, 300)
    power[60_030:] = 30 * MW
    voltage[80_000:80_600] = 1.15
    frequency = 60.0 + 0.01 * rng.normal(size=ticks)
    frequency[90_000:95_000] += np.concatenate([np.linspace(0, 2, 2500), np.linspace(2, 0, 2500)])
    return Record(power, 1e-3, rated_power_w=100 * MW, voltage_pu=voltage, frequency_hz=frequency)


@pytest.fixture(scope="module")
def findings(record):
    names = ("ercot_power_variation_2026", "ercot_nogrr282", "caiso_large_load_straw_2026", "lipa_pseg",
             "southern_company", "ieso_trlcl_v3", "nvidia_bess_self_qualification")  # fmt: skip
    return [finding for name in names for finding in judge_profile(record, load_profile(name))]


@pytest.fixture(scope="module")
def page(record, findings):
    return render_compliance(record, findings, title="Feeder 7", on=DAY)


def test_page_is_whole_needs_no_network_and_no_script(page):
    parsed = Page(page)
    assert parsed.faults == []
    assert parsed.open == []
    kinds = {tag for tag, _ in parsed.tags}
    assert not kinds & {"script", "img", "link", "iframe", "object", "embed", "base"}
    for tag, attributes in parsed.tags:
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a":
            assert attributes["href"].startswith(("#", "https://", "http://"))
    policy = next(a["content"] for t, a in parsed.tags if t == "meta" and "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "url(" not in page


def test_no_number_of_a_drawing_is_missing(page):
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) > 15
    for picture in pictures:
        for values in re.findall(r' (?:d|points|x|y|cx|cy|width|height)="([^"]*)"', picture):
            assert not re.search(r"nan|inf|None", values), values


def test_drawings_are_named_for_those_who_cannot_see_them(page):
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))
    pictures = re.findall(r'<svg class="rule"[^>]*>.*?</svg>', page, re.DOTALL)
    assert pictures
    for picture in pictures:
        referred = re.search(r'aria-labelledby="([^"]+)"', picture)
        for name in referred.group(1).split():
            assert re.search(rf'<(?:title|desc) id="{name}">[^<]{{5,}}<', picture)
    targets = set(re.findall(r'href="#(rule-[^"]+)"', page))
    assert targets
    assert targets <= set(names)


def test_unjudged_rules_stand_apart_with_their_reasons(page, findings):
    part = page[page.index('<div class="unjudged') : page.index('<section id="verdicts">')]
    for finding in findings:
        reason = finding.note.split("; ")[0]
        assert (finding.verdict in ("not_evaluated", "emt_required")) <= (reason.split("'")[0][:30] in part)
    assert "EMT required" in part
    assert "v-pass" not in part


def test_standing_of_every_document_is_told(page):
    part = page[page.index('<section id="standing">') : page.index('<section id="charts">')]
    for words in (
        "proposed",
        "guideline",
        "draft",
        "not binding",
        "2026-06-15",
        "5 months",
        "quoted by another text",
    ):
        assert words in part, words


def test_page_is_the_same_each_time(record, findings, page):
    assert render_compliance(record, findings, title="Feeder 7", on=DAY) == page


def test_hostile_names_stay_text(record, tmp_path):
    hostile = [
        replace(
            finding, profile=HOSTILE, rule=HOSTILE, note=HOSTILE, method=HOSTILE, status=HOSTILE,
            date=HOSTILE, source=HOSTILE, remedy=HOSTILE, evidence=HOSTILE,
            readings=[{**reading, "label": HOSTILE + reading["label"]} for reading in finding.readings],
        )
        for finding in [*runs.findings(), ride()]
    ]  # fmt: skip
    path = compliance_page(record, hostile, tmp_path / "page.html", title=HOSTILE, notes=[HOSTILE], on=DAY)
    source = path.read_text(encoding="utf-8")
    parsed = Page(source)
    assert parsed.faults == []
    assert not {tag for tag, _ in parsed.tags} & {"script", "img"}
    assert parsed.text().count("alert(1)") > 10


def test_gaps_of_a_record_stay_gaps(record, findings):
    power = record.power_w.copy()
    power[30_000:32_000] = np.nan
    broken = replace(record, power_w=power)
    body = render_compliance(broken, findings, on=DAY)
    for values in re.findall(r' (?:d|points|cx|cy)="([^"]*)"', body):
        assert "nan" not in values
    assert body.count("<polyline") > 10


def test_the_number_of_drawings_is_bounded_and_the_rest_listed(record):
    some = runs.findings()[0]
    many = [
        replace(some, rule=f"rule {k:03d}", block="power_variation", window_s=5.0, quantity="poi.power_w",
                verdict="fail" if k % 2 else "pass", margin=-0.01 * k)
        for k in range(150)
    ]  # fmt: skip
    matrix, moments, _ = compliance_parts(source_of(record), many, DAY)
    assert moments.count('<svg class="rule"') == DRAWINGS
    assert f"({150 - DRAWINGS})" in moments
    assert matrix.count('href="#rule-') == DRAWINGS
    assert "rule 149" in moments[: moments.index("Not drawn")]  # the worst failure is drawn
    assert "rule 000" in moments[moments.index("Not drawn") :]
    assert len(moments) < 2_000_000


def test_the_report_of_a_run_holds_the_same_parts():
    result = runs.minute(manifest={"finished": "2026-11-26T10:00:00+00:00"})
    source = render(result)
    body = source[source.index('<section id="verdicts">') : source.index('<section id="figures">')]
    assert 'class="matrix"' in body
    assert body.count('<figure class="moment') >= 3
    assert "age on 2026-11-26" in body
    assert "What is not known" in body or "Not evaluated: whether these are met is not known" in body
    assert Page(source).faults == []
    assert identity(runs.findings()[0]) in body


def test_remedies_are_told_beside_the_rule():
    failed = replace(runs.findings()[0], remedy="a battery of 12 MW")
    assert "What would mend it:</b> a battery of 12 MW" in render(runs.minute(findings=[failed]))


# ------------------------------------------------------------------------------------------------ words


def test_the_day_of_a_run_is_that_of_its_manifest():
    assert day_of({"finished": "2025-03-01T23:59:00+00:00"}) == date(2025, 3, 1)
    assert day_of({"created": "2025-03-02T00:00:00", "finished": "not a time"}) == date(2025, 3, 2)
