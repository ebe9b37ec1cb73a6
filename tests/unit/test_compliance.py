from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from compliance_records import HEAD, TICK_S, judge, one, seconds, write

from wattkeel import compliance
from wattkeel.compliance import Finding, evaluate, evaluate_series, load_profile, profile_names
from wattkeel.errors import ScenarioError


class TestProfiles:
    def test_every_shipped_profile_reads(self) -> None:
        assert len(profile_names()) == 25
        for name in profile_names():
            profile = load_profile(name)
            assert profile.name == name
            assert profile.source.startswith("https://") or profile.head["url"] in ("none", "see blocks")
            assert profile.rows or profile.facts

    def test_shipped_texts_name_no_file_of_a_machine(self) -> None:
        for path in Path(compliance.__file__).parent.joinpath("profiles").glob("*.toml"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?<![:\w/])/(work|home|tmp|root)\b|\.\./|\breference/", text), path.name

    def test_a_placeholder_date_is_not_shown_as_a_day(self) -> None:
        assert load_profile("southern_company").date == "2025 (day not seen)"
        assert load_profile("lipa_pseg").date == "2026-06-15"

    def test_a_misspelt_name_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(ScenarioError, match='did you mean "lipa_pseg"'):
            load_profile("lipa_psge")

    def test_faults_of_all_files_come_at_once(self, tmp_path: Path) -> None:
        path = write(tmp_path, '[[ramp]]\ndirection = "sideways"\nseen = true\n')
        with pytest.raises(ScenarioError) as caught:
            evaluate_series([1.0, np.nan], 0.0, ["nowhere", path, "missing.toml"])
        places = [fault.place for fault in caught.value.faults]
        assert "power_w[1]" in places
        assert "tick_s" in places
        assert places.count("compliance.profiles") == 2
        assert "mine.toml: ramp[0].direction" in places
        assert "mine.toml: ramp[0].stat" in places

    def test_a_relative_path_starts_at_the_scenario(self, tmp_path: Path) -> None:
        write(tmp_path, "")
        assert load_profile("mine.toml", tmp_path).status == "user"

    def test_no_toml_is_a_fault_not_a_crash(self, tmp_path: Path) -> None:
        with pytest.raises(ScenarioError, match="TOML: "):
            load_profile(write(tmp_path, "[[ramp"))

    @pytest.mark.parametrize(
        ("rules", "message"),
        [
            ('[[ramp]]\ndirection="up"\nstat="per_minute"\nwindow_s=60.0\nseen=true', "no limit: give"),
            (
                '[[ramp]]\ndirection="up"\nstat="per_minute"\nlimit_mw_per_mn=5\nwindow_s=60.0\nseen=true',
                'did you mean "limit_mw_per_min"',
            ),
            ('[[ramp]]\ndirection="up"\nstat="per_minute"\nlimit_mw_per_min=5\nseen=true', "needs window_s"),
            (
                '[[ramp]]\ndirection="up"\nstat="per_minute"\nwindow_s=60\nseen=true\n'
                "limit_mw_per_min=5\nlimit_pct_peak_per_min=5",
                'need combine = "lesser"',
            ),
            ('[[ramp]]\ndirection="up"\nstat="rate"\nlimit_mw_per_s=1\nseen=true', "needs either window_s"),
            (
                '[[power_variation]]\nstat="peak_to_peak"\nlimit_mw=1\nwindow_s=5\nfilter="unspecified"\nseen=true',
                "needs band_hz",
            ),
            (
                '[[power_variation]]\nstat="peak_to_peak"\nlimit_mw=1\nwindow_s=[6,4]\nseen=true',
                "two ascending ones",
            ),
            (
                '[[power_variation]]\nstat="peak_to_peak"\nlimit_mw=1\nwindow_s=5\nband_hz=[1,5]\nseen=true',
                "band_hz needs a filter",
            ),
            ('[[band_power]]\nstat="rms"\nf_lo_hz=5\nf_hi_hz=1\nlimit_mw=1\nseen=true', "must be below"),
            (
                '[[band_power]]\nstat="rms"\nf_lo_hz=1\nf_hi_hz=5\nlimit_fraction=0.1\nseen=true',
                "needs limit_mw",
            ),
            ('[[oscillation]]\nstat="amplitude"\nlimit_mw=1\nseen=true', "needs either band or band_hz"),
            (
                '[[oscillation]]\nlimit_mw=1\nstat="amplitude"\nseen=false',
                "numbers in a row with seen = false",
            ),
            ('[[band_power]]\nstat="rms"\nf_lo_hz=1\nf_hi_hz=5\nlimit_mw=1', "true if the number was read"),
            ('[[ramps]]\nstat="rate"', 'did you mean "ramp"'),
            ('ramp = "fast"', "must be an array of tables"),
            ('[[ramp]]\ndirection="up"\nstat="rate"\nwindow_s=1\nlimit_mw_per_s=-1\nseen=true', "above 0"),
            ('[[ramp]]\ndirection="up"\nstat="rate"\nwindow_s=1\nlimit_mw_per_s=nan\nseen=true', "above 0"),
        ],
    )
    def test_what_is_wrong_in_a_row_is_said(self, tmp_path: Path, rules: str, message: str) -> None:
        with pytest.raises(ScenarioError, match=re.escape(message)):
            load_profile(write(tmp_path, rules))

    def test_the_head_is_checked(self, tmp_path: Path) -> None:
        bad = HEAD.replace("schema_version = 1", "schema_version = 2").replace("2026-01-02", '"2026-01-02"')
        bad = bad.replace('status = "user"', 'status = "usr"').replace('issuer = "me"\n', "")
        with pytest.raises(ScenarioError) as caught:
            load_profile(write(tmp_path, "", bad))
        assert {fault.place for fault in caught.value.faults} == {
            "mine.toml: schema_version",
            "mine.toml: date",
            "mine.toml: status",
            "mine.toml: issuer",
        }


class TestVerdicts:
    def test_a_filter_left_open_makes_a_step_of_10_mw_marginal(self) -> None:
        power_w = np.where(seconds(120.0) >= 60.0, 60e6, 50e6)
        found = one(judge(power_w, "ercot_power_variation_2026"), "filtered")
        assert found.verdict == "marginal"
        assert found.value == pytest.approx(14.476, rel=2e-3)  # the worst reading, n = 4
        assert found.margin == pytest.approx((10.0 - found.value) / 10.0)
        for text in ("causal n=1: 9.90", "(pass)", "causal n=2: 12.4", "zero-phase n=4: 11.3", "(fail)"):
            assert text in found.note
        assert "evidence: secondary quote" in found.note
        assert (found.status, found.date) == ("proposed", "2026-06-19")
        assert found.source.startswith("https://www.ercot.com/")
        plain = one(judge(power_w, "ercot_power_variation_2026"), "unfiltered")
        assert (plain.verdict, plain.value, plain.margin) == ("pass", 10.0, 0.0)

    def test_exactly_at_the_limit_passes(self) -> None:
        power_w = 50e6 + 20e6 / 60.0 * seconds(1200.0, 0.1)
        caiso = one(judge(power_w, "caiso_large_load_straw_2026", 0.1), "average_over_window")
        ieso = judge(power_w, "ieso_trlcl_v3", 0.1, rated_power_w=500e6)
        for found, value in (
            (caiso, 20.0),
            (one(ieso, "per_minute"), 20.0),
            (one(ieso, "max_change_in_window"), 5.0),
        ):
            assert found.verdict == "pass"
            assert found.value == pytest.approx(value, rel=1e-9)
            assert found.duration_s == 0.0
            assert "rise" in found.note

    def test_a_step_of_150_mw_passes_the_slow_average_and_fails_the_fast_rules(self) -> None:
        power_w = np.where(seconds(1300.0, 0.005) >= 650.0, 200e6, 50e6)
        caiso = one(judge(power_w, "caiso_large_load_straw_2026", 0.005), "average_over_window")
        assert (caiso.verdict, caiso.value) == ("pass", pytest.approx(15.0))
        assert one(judge(power_w, "ieso_trlcl_v3", 0.005), "max_change_in_window").verdict == "fail"
        assert one(judge(power_w, "ercot_power_variation_2026", 0.005), "filtered").verdict == "fail"
        assert one(judge(power_w, "lipa_pseg", 0.005), "0.1-5").verdict == "marginal"
        assert one(judge(power_w, "spp_hill", 0.005), "rate").verdict == "fail"

    def test_time_and_length_of_the_worst_case(self) -> None:
        power_w = np.full(120_000, 50e6)
        power_w[20_000:21_000] += 12e6  # above the limit from 20 s until the window has left the pulse
        power_w[70_000:70_500] -= 20e6
        found = one(judge(power_w, "ercot_power_variation_2026"), "unfiltered")
        assert found.verdict == "fail"
        assert found.value == pytest.approx(20.0)
        assert found.time_s == pytest.approx(70.0)
        # a closed window sees the pulse until its start lies 5 s behind the pulse's last sample
        assert found.duration_s == pytest.approx(5.5)
        assert "above the limit for 11.5 s in all" in found.note

    def test_settling_is_not_judged(self) -> None:
        power_w = np.where(seconds(60.0) < 3.0, 0.0, 80e6)
        assert one(judge(power_w, "ercot_power_variation_2026"), "unfiltered").verdict == "fail"
        later = one(judge(power_w, "ercot_power_variation_2026", settle_s=3.0), "unfiltered")
        assert (later.verdict, later.value) == ("pass", 0.0)
        filtered = one(judge(power_w, "ercot_power_variation_2026", settle_s=3.0), "filtered")
        assert "filters start at 3 s at the power of that moment" in filtered.method
        assert "settle for 30 s: judged from 33 s on" in filtered.method

    def test_up_and_down_have_their_own_limits_and_the_lesser_counts(self) -> None:
        power_w = 100e6 - 4e6 / 60.0 * seconds(180.0, 0.1)
        found = judge(power_w, "ercot_nprr1191_2023", 0.1, rated_power_w=100e6)
        assert one(found, "down").limit == 5.0
        assert one(found, "down").value == pytest.approx(4.0)
        assert one(found, "down").verdict == "pass"
        assert (one(found, "up").limit, one(found, "up").value) == (2.0, 0.0)
        assert one(found, "both").limit == 20.0
        large = judge(power_w, "ercot_nprr1191_2023", 0.1, peak_power_w=1e9)
        assert (one(large, "down").limit, one(large, "up").limit) == (20.0, 8.0)
        unknown = judge(power_w, "ercot_nprr1191_2023", 0.1)
        assert one(unknown, "down").limit == pytest.approx(5.0)
        assert "registered peak not given: largest power of the record" in one(unknown, "down").note

    def test_a_pair_of_windows_gives_two_readings(self) -> None:
        power_w = 50e6 + 2e6 * np.clip(seconds(60.0) - 20.0, 0.0, 20.0)  # 8 MW in 4 s, 12 MW in 6 s
        found = one(judge(power_w, "southern_company"), "change_in_window")
        assert found.verdict == "marginal"
        assert "4 s: 8 MW (pass), 6 s: 12 MW (fail)" in found.note

    def test_percentile_has_two_readings(self) -> None:
        power_w = 500e6 - 25e6 / 60.0 * seconds(600.0, 0.1)
        found = one(judge(power_w, "southern_company", 0.1), "percentile75_of_1min_average")
        assert (found.verdict, found.value) == ("fail", pytest.approx(25.0))
        assert found.time_s is None
        assert "difference of consecutive means: 25 MW/min" in found.note

    def test_a_rate_counts_only_for_large_changes(self) -> None:
        small = np.where(seconds(300.0, 0.01) >= 150.0, 149e6, 100e6)
        large = np.where(seconds(300.0, 0.01) >= 150.0, 151e6, 100e6)
        slow = 100e6 + 0.49e6 * np.clip(seconds(400.0, 0.01) - 50.0, 0.0, 250.0)
        for power_w, verdict in ((small, "pass"), (large, "fail"), (slow, "pass")):
            assert one(judge(power_w, "spp_hill", 0.01), "rate").verdict == verdict

    def test_share_of_the_harmonic_energy(self) -> None:
        slow = 100e6 + 10e6 * np.sin(2 * np.pi * 0.02 * seconds(500.0, 0.01))
        fast = 100e6 + 10e6 * np.sin(2 * np.pi * 1.0 * seconds(500.0, 0.01))
        for power_w, verdict, share in ((slow, "pass", 0.0), (fast, "fail", 1.0)):
            found = next(iter(judge(power_w, "arxiv_2508_14318_example", 0.01).values()))
            assert (found.verdict, found.unit) == (verdict, "1")
            assert found.value == pytest.approx(share, abs=1e-9)


class TestOscillation:
    def test_a_lasting_oscillation_fails_by_every_reading(self) -> None:
        power_w = 400e6 + 2e6 * np.sin(2 * np.pi * 1.37 * seconds(150.0, 0.005))
        found = one(judge(power_w, "ieso_trlcl_v3", 0.005, rated_power_w=400e6), "oscillation")
        assert (found.verdict, found.limit) == ("fail", 1.0)
        assert found.value == pytest.approx(2.0, rel=0.02)
        line = re.search(r"largest line of the record, 1.37 Hz: (\S+) MW", found.note)
        assert line is not None
        assert float(line[1]) == pytest.approx(2.0, rel=1e-3)

    def test_the_absolute_limit_counts_for_a_large_site(self) -> None:
        power_w = 4e9 + 2e6 * np.sin(2 * np.pi * 1.37 * seconds(150.0, 0.005))
        found = one(judge(power_w, "ieso_trlcl_v3", 0.005, rated_power_w=4e9), "oscillation")
        assert (found.verdict, found.limit) == ("pass", 2.5)

    def test_a_single_step_is_not_taken_for_a_lasting_oscillation(self) -> None:
        power_w = np.where(seconds(180.0, 0.005) >= 100.0, 450e6, 400e6)
        found = one(judge(power_w, "ieso_trlcl_v3", 0.005, rated_power_w=450e6), "oscillation")
        assert found.verdict == "marginal"
        assert re.search(r"line that lasts 90 s: \S+ MW \(pass\)", found.note)

    def test_a_steady_ramp_is_no_oscillation(self) -> None:
        power_w = 400e6 + 10e6 / 60.0 * seconds(180.0, 0.005)
        found = one(judge(power_w, "ieso_trlcl_v3", 0.005, rated_power_w=450e6), "oscillation")
        lasting = re.search(r"line that lasts 90 s: (\S+) MW", found.note)
        assert lasting is not None
        assert float(lasting[1]) < 1e-6

    def test_the_nominal_frequency_ends_the_band(self) -> None:
        power_w = 400e6 + 2e6 * np.sin(2 * np.pi * 55.0 * seconds(150.0, 0.002))
        limit = {"rated_power_w": 400e6}
        at_60 = one(judge(power_w, "ieso_trlcl_v3", 0.002, **limit), "oscillation")
        at_50 = one(judge(power_w, "ieso_trlcl_v3", 0.002, nominal_frequency_hz=50.0, **limit), "oscillation")
        assert "largest line of the record, 55 Hz: " in at_60.note
        assert "read as 0.1-50 Hz" in at_50.note
        assert "largest line of the record, 55 Hz" not in at_50.note


class TestNotEvaluated:
    def test_a_short_record_says_so(self) -> None:
        found = one(judge(np.full(60_000, 1e8), "caiso_large_load_straw_2026"), "average_over_window")
        assert found.verdict == "not_evaluated"
        assert "record of 60 s is shorter than the 600 s window" in found.note
        assert (found.value, found.limit, found.margin) == (None, None, None)

    def test_the_settling_of_the_filter_counts(self) -> None:
        found = one(judge(np.full(32_000, 1e8), "ercot_power_variation_2026"), "filtered")
        assert found.verdict == "not_evaluated"
        assert "behind the first 30 s, which are not judged" in found.note

    def test_a_record_of_settling_only(self) -> None:
        rules = [{"name": "range", "kind": "dynamic_range", "limit_w": 1.0}]
        (found,) = evaluate_series(np.ones(1000), TICK_S, [], rules=rules, settle_s=1.0)
        assert found.verdict == "not_evaluated"
        assert "not longer than the 1 s" in found.note

    @pytest.mark.parametrize("tick_s", [2.0, 0.01, 1.0 / 110.0])
    def test_coarse_sampling_cannot_show_the_band(self, tick_s: float) -> None:
        found = judge(np.full(5000, 1e8), "ercot_power_variation_2026", tick_s)
        assert one(found, "filtered").verdict == "not_evaluated"
        assert f"sampling {tick_s:g} s cannot show 0.1-55 Hz" in one(found, "filtered").note
        assert one(found, "unfiltered").verdict == "pass"

    def test_coarse_sampling_cannot_show_a_window(self) -> None:
        found = judge(np.full(5000, 1e8), "ercot_power_variation_2026", 10.0)
        assert "sampling 10 s cannot show a window of 5 s" in one(found, "unfiltered").note

    def test_other_blocks_and_unseen_numbers_never_pass(self) -> None:
        findings = evaluate_series(np.full(90_000, 1e8), 0.008, profile_names(), rated_power_w=1e8)
        for found in findings:
            unseen = "were not seen" in found.note
            assert found.verdict in ("pass", "not_evaluated", "emt_required"), found
            assert not (unseen and found.verdict == "pass"), found
            if found.block in ("ramp", "power_variation", "band_power", "oscillation"):
                assert (found.verdict == "pass") != unseen, found
            json.dumps(found.to_dict(), allow_nan=False)
            assert Finding(**json.loads(json.dumps(found.to_dict()))) == found
        assert {f.profile for f in findings} == set(profile_names())
        blocks = {f.block for f in findings if f.profile == "caiso_large_load_straw_2026"}
        assert blocks == {"ramp", "voltage_ride_through", "frequency_ride_through", "recovery"}

    def test_a_document_that_was_not_seen(self, tmp_path: Path) -> None:
        head = HEAD.replace("seen = true", "seen = false")
        row = '[[power_variation]]\nstat="peak_to_peak"\nlimit_mw=1\nwindow_s=5\nseen=true'
        (found,) = evaluate_series(np.ones(9000), TICK_S, [write(tmp_path, row, head)])
        assert found.verdict == "not_evaluated"


class TestUserProfile:
    def test_a_named_filter_is_the_only_reading(self, tmp_path: Path) -> None:
        row = (
            '[[power_variation]]\nstat="peak_to_peak"\nlimit_mw=10\nwindow_s=5\nband_hz=[0.1,55.0]\n'
            'filter="causal n=1"\nseen=true'
        )
        power_w = np.where(seconds(120.0) >= 60.0, 60e6, 50e6)
        (found,) = evaluate_series(power_w, TICK_S, [write(tmp_path, row)])
        assert (found.profile, found.verdict, found.status) == ("mine", "pass", "user")
        assert found.value == pytest.approx(9.905, rel=2e-3)

    def test_rows_that_differ_only_in_their_limit_keep_their_names_apart(self, tmp_path: Path) -> None:
        row = '[[power_variation]]\nstat="peak_to_peak"\nlimit_mw=%d\nwindow_s=5\nseen=true\n'
        findings = evaluate_series(np.ones(9000), TICK_S, [write(tmp_path, row % 1 + row % 2)])
        assert len({f.rule for f in findings}) == 2

    def test_a_document_for_larger_sites_says_so(self) -> None:
        found = one(judge(np.full(60_000, 1e6), "spp_hill", rated_power_w=5e6), "change_in_window")
        assert "applies from 50 MW; the site has 5 MW" in found.note


BAND = {"band_low_hz": 0.1, "band_high_hz": 20.0}
RULES = [
    {"name": "r", "kind": "ramp", "window_s": 10.0, "limit_w_per_s": 0.5e6},
    {"name": "v", "kind": "power_variation", "window_s": 5.0, "limit_w": 4e6},
    {"name": "f", "kind": "power_variation", "window_s": 5.0, "limit_w": 4e6, **BAND},
    {"name": "d", "kind": "dynamic_range", "limit_w": 60e6, "limit_fraction": 0.5},
    {"name": "b", "kind": "band_power", "limit_w": 3e6, "limit_fraction": 0.2, **BAND},
]


class TestScenarioRules:
    def test_every_kind_is_judged(self) -> None:
        power_w = 100e6 + 2.5e6 * np.sin(2 * np.pi * 1.0 * seconds(80.0))
        findings = evaluate_series(power_w, TICK_S, [], rules=RULES)
        assert [(f.rule, f.verdict) for f in findings] == [
            ("r", "pass"),
            ("v", "fail"),
            ("f", "fail"),
            ("d (power)", "pass"),
            ("d (share)", "pass"),
            ("b (power)", "pass"),
            ("b (share)", "fail"),
        ]
        values = {f.rule: f.value for f in findings}
        assert values["v"] == pytest.approx(5.0, rel=1e-4)
        assert values["d (share)"] == pytest.approx(5.0 / 102.5, rel=1e-4)
        assert values["b (power)"] == pytest.approx(2.5, rel=1e-6)
        assert all(f.profile == "scenario" and f.status == "user" for f in findings)

    def test_a_ramp_has_its_direction_and_unit(self) -> None:
        power_w = 100e6 - 1e6 * seconds(60.0)
        rules = [{**RULES[0], "direction": way} for way in ("up", "down", "both")]
        up, down, both = evaluate_series(power_w, TICK_S, [], rules=rules)
        assert (up.verdict, down.verdict, both.verdict) == ("pass", "fail", "fail")
        assert (down.value, down.limit, down.unit) == (pytest.approx(60.0), pytest.approx(30.0), "MW/min")

    @pytest.mark.parametrize(
        ("rule", "remedy"),
        [
            ({"kind": "ramp"}, "needs limit_w_per_s"),
            ({"kind": "power_variation"}, "needs limit_w or limit_fraction"),
            ({"kind": "power_variation", "limit_w": 1.0, "band_high_hz": 5.0}, "0 < band_low_hz"),
            ({"kind": "band_power", "limit_w": 1.0}, "band_low_hz below band_high_hz"),
            ({"kind": "dynamic_range"}, "needs limit_w or limit_fraction"),
            ({"kind": "colour", "limit_w": 1.0}, "no rule of kind 'colour'"),
        ],
    )
    def test_a_rule_that_says_too_little_is_not_evaluated(self, rule: dict[str, Any], remedy: str) -> None:
        (found,) = evaluate_series(np.ones(9000), TICK_S, [], rules=[rule])
        assert found.verdict == "not_evaluated"
        assert remedy in found.note

    def test_a_fraction_of_the_contracted_power(self) -> None:
        power_w = 50e6 + np.where(seconds(80.0) < 40.0, 0.0, 6e6)
        rules: list[dict[str, Any]] = [
            {"name": "v", "kind": "power_variation", "window_s": 5.0, "limit_w": 7e6, "limit_fraction": 0.05},
            {"name": "r", "kind": "ramp", "window_s": 30.0, "limit_w_per_s": 1e6, "limit_fraction": 0.05},
            {"name": "f", "kind": "power_variation", "window_s": 5.0, "limit_fraction": 0.1, **BAND},
        ]
        known = evaluate_series(power_w, TICK_S, [], rules=rules, rated_power_w=100e6)
        assert [(f.rule, f.verdict) for f in known] == [
            ("v (power)", "pass"),
            ("v (share)", "fail"),
            ("r (power)", "pass"),
            ("r (share)", "fail"),
            ("f", "pass"),
        ]
        assert (known[1].value, known[1].limit, known[1].unit) == (6.0, pytest.approx(5.0), "MW")
        # 6 MW in 30 s are 12 MW/min, where 5 MW in 30 s may be covered
        assert (known[3].value, known[3].limit) == (pytest.approx(12.0), pytest.approx(10.0))
        assert "limit_fraction 0.05 of 100 MW, the contracted power, within 5 s" in known[1].note
        unknown = evaluate_series(power_w, TICK_S, [], rules=rules)
        assert unknown[1].limit == pytest.approx(2.8)
        assert "largest power of the record, 56 MW, used" in unknown[1].note
        (export,) = evaluate_series(-power_w, TICK_S, [], rules=[rules[2]])
        assert export.verdict == "not_evaluated"

    def test_the_largest_power_is_that_of_the_judged_part(self) -> None:
        power_w = np.where(seconds(60.0) < 5.0, 90e6, 50e6)
        rule = {"name": "v", "kind": "power_variation", "window_s": 5.0, "limit_fraction": 0.1}
        (found,) = evaluate_series(power_w, TICK_S, [], rules=[rule], settle_s=10.0)
        assert found.limit == pytest.approx(5.0)

    def test_a_share_of_an_export_is_not_evaluated(self) -> None:
        rules = [{"name": "d", "kind": "dynamic_range", "limit_fraction": 0.1}]
        (found,) = evaluate_series(-np.ones(9000), TICK_S, [], rules=rules)
        assert found.verdict == "not_evaluated"


def run(signals: dict[str, np.ndarray], complete: bool = True, **changes: Any) -> SimpleNamespace:
    rule = {"name": "range", "kind": "dynamic_range", "limit_w": 5e6}
    settings: dict[str, Any] = {"profiles": ["ieso_trlcl_v3"], "settle_s": 0.0, "rule": [rule], **changes}
    grid = SimpleNamespace(rated_power_w=100e6, nominal_frequency_hz=60.0)
    model = SimpleNamespace(compliance=SimpleNamespace(**settings), grid=grid)
    scenario = SimpleNamespace(model=model, base_dir=Path())
    return SimpleNamespace(
        scenario=scenario, tick_s=0.01, complete=complete, signals=signals, events=[], metered=None
    )


class TestRun:
    def test_a_run_is_judged_by_its_scenario(self) -> None:
        findings = evaluate(run({"poi.power_w": np.full(10_000, 5e7)}))
        assert [f.verdict for f in findings].count("pass") == 3
        assert findings[-1].profile == "scenario"
        assert findings[-1].limit == pytest.approx(5.0)

    def test_a_column_of_a_table_will_do(self) -> None:
        table = np.column_stack([np.full(10_000, 5e7), np.arange(10_000.0)])
        assert evaluate(run({"poi.power_w": table[:, 0]}))[0].verdict == "pass"

    def test_power_that_was_not_kept_is_never_replaced(self) -> None:
        findings = evaluate(run({}))
        assert {f.verdict for f in findings} == {"not_evaluated"}
        assert 'add "poi.power_w" to record.full_rate' in findings[0].note

    def test_a_run_that_did_not_reach_its_end_says_so(self) -> None:
        findings = evaluate(run({"poi.power_w": np.full(10_000, 5e7)}, complete=False))
        assert all("did not reach its end: judged to 100 s" in f.note for f in findings)
        empty = evaluate(run({"poi.power_w": np.empty(0)}, complete=False))
        assert {f.verdict for f in empty} == {"not_evaluated"}

    def test_nothing_asked_nothing_found(self) -> None:
        assert evaluate(run({"poi.power_w": np.ones(10)}, profiles=[], rule=[])) == []

    def test_an_unknown_verdict_is_refused(self) -> None:
        with pytest.raises(ValueError, match="verdict"):
            Finding(profile="p", rule="r", verdict="maybe")  # type: ignore[arg-type]
