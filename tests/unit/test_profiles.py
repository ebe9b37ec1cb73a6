"""Profiles as data: the schema of every block, names, choices, the shipped JSON schema and the page."""

from __future__ import annotations

import datetime
import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomli_w
from compliance_records import write
from profile_texts import HEAD, as_json, right_rows, shipped

import wattkeel as wk
from wattkeel.compliance import catalogue, evaluate_series, load_profile, profile_names
from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.head import HEAD as HEAD_KEYS
from wattkeel.compliance.head import HEAD_OPTIONAL, OPTIONS
from wattkeel.compliance.schema import faults_of, json_schema
from wattkeel.errors import Fault, ScenarioError
from wattkeel.profile_files import SCHEMA

ROWS = right_rows()
VALIDATOR = jsonschema.Draft202012Validator(json_schema())

#: Values that some kind accepts and others do not.
VALUES: list[Any] = [
    0, 1, -1, 0.5, 0.0, -0.5, 60.0, 1e9, math.nan, math.inf, -math.inf, 10**400, True, False, "", " ", "text",
    "up", "secondary_quote", [], [1.0, 2.0], [2.0, 1.0], [0.5], ["text"], ["text", 1], [math.nan], {},
    {"a": 1.0},
    datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4), datetime.time(1, 2),
]  # fmt: skip


def faults(**blocks: Any) -> list[Fault]:
    return faults_of("mine.toml", {**HEAD, **blocks})


def told(found: list[Fault], place: str, text: str = "") -> bool:
    return any(fault.place == f"mine.toml: {place}" and text in str(fault) for fault in found)


def accepted_by_schema(data: dict[str, Any]) -> bool:
    return bool(VALIDATOR.is_valid(as_json(data)))


class TestShipped:
    @pytest.mark.parametrize("name", profile_names())
    def test_it_reads_and_the_json_schema_takes_it(self, name: str) -> None:
        data = shipped()[name]
        assert faults_of(name, data) == []
        VALIDATOR.validate(as_json(data))
        profile = load_profile(name)
        assert profile.name == name
        assert profile.head["id"] == data["id"]
        assert len(profile.rows) == sum(
            1 if isinstance(data[block], dict) else len(data[block]) for block in BLOCKS if block in data
        )

    def test_every_document_of_the_register_is_there(self) -> None:
        assert len(profile_names()) == 25
        ids = [load_profile(name).head["id"] for name in profile_names()]
        assert len(set(ids)) == len(ids)

    def test_every_block_is_shipped_or_for_users(self) -> None:
        used = {row.block for name in profile_names() for row in load_profile(name).rows}
        assert set(BLOCKS) - used == {"demand"}

    def test_a_single_table_is_a_row(self) -> None:
        (row,) = load_profile("ieso_trlcl_v3").rows_of("recovery")
        assert (row.index, row.keys["within_s"], row.seen) == (0, 1.0, True)

    def test_single_numbers_of_utilities_are_rules(self) -> None:
        profile = load_profile("other_utilities")
        found = {(row.block, row.keys["who"]) for row in profile.rows}
        assert {
            ("ramp", "AESO"),
            ("rapid_voltage_change", "Dominion"),
            ("power_factor", "CAISO"),
            ("voltage_distortion", "PG&E"),
        } <= found
        assert profile.facts["nerc"]["level2_reported_limits_mw_per_min"] == [8.0, 300.0]

    def test_facts_are_kept(self) -> None:
        train = load_profile("oscillation_events").facts["virginia_2024_07_10"]
        assert train["t_s"][2] == 15.860
        assert load_profile("nvidia_bess_self_qualification").facts["boundary"]["qualified"]
        assert load_profile("nvidia_dsx_flex").facts["message"]["load_target_set"]["targets_min"] == 1

    def test_a_file_without_rules_says_so(self) -> None:
        for name in ("measurement_conventions", "oscillation_events", "nvidia_dsx_flex"):
            (found,) = evaluate_series([1e8] * 100, 0.01, [name])
            assert found.verdict == "not_evaluated"
            assert "facts and no rule" in found.note

    def test_unseen_rows_hold_no_verdict_and_say_why(self) -> None:
        findings = evaluate_series([1e8] * 100, 0.01, ["eirgrid_mpid345", "aemc_package2_draft"])
        unseen = [f for f in findings if f.block == "voltage_ride_through"]
        assert [f.verdict for f in unseen] == ["not_evaluated"] * 2
        assert "figure not seen" in unseen[0].note

    def test_emt_is_required_where_rms_values_cannot_tell(self) -> None:
        findings = evaluate_series([1e8] * 100, 0.01, ["nvidia_bess_self_qualification", "other_utilities"])
        emt = {f.rule for f in findings if f.verdict == "emt_required"}
        assert {rule.split()[1] for rule in emt if rule.startswith("test")} == {"3", "5", "8", "12"}
        assert any(rule.startswith("voltage_distortion") for rule in emt)

    def test_a_row_of_an_unseen_file_needs_evidence_of_its_own(self) -> None:
        (jump,) = load_profile("ieee2800_2022").rows_of("phase_jump")
        assert jump.seen
        flicker = load_profile("flicker")
        assert flicker.rows
        assert not any(row.seen for row in flicker.rows)

    def test_a_document_about_other_plants_says_so(self) -> None:
        findings = evaluate_series([1e8] * 100, 0.01, ["nerc_prc024_3", "ieso_trlcl_v3"])
        compared = {f.profile for f in findings if "about generators, not about loads" in f.note}
        assert compared == {"nerc_prc024_3"}

    def test_the_address_of_a_row_is_that_of_its_document(self) -> None:
        (found,) = [f for f in evaluate_series([1e8] * 900, 1.0, ["other_utilities[who=AESO]"]) if f.limit]
        assert found.rule == "ramp both per_minute 60 s AESO"
        assert found.source.startswith("https://stakeholdercenter.caiso.com/")


class TestSchema:
    def test_a_right_row_of_every_block(self) -> None:
        assert set(ROWS) == set(BLOCKS)
        for block, row in ROWS.items():
            assert faults(**{block: [row]}) == [], block
            assert faults(**{block: row}) == [], block

    @pytest.mark.parametrize("block", BLOCKS)
    def test_every_key_refuses_what_is_not_of_its_kind(self, block: str) -> None:
        for name, key in BLOCKS[block].keys.items():
            refused = [value for value in VALUES if not key.kind.test(value)]
            assert len(refused) > 10
            for value in refused:
                found = faults(**{block: [{**ROWS[block], name: value}]})
                assert told(found, f"{block}[0].{name}", key.kind.wanted), (name, value)

    @pytest.mark.parametrize("block", BLOCKS)
    def test_every_required_key_is_missed(self, block: str) -> None:
        for name in (*BLOCKS[block].required, "seen"):
            row = {key: value for key, value in ROWS[block].items() if key != name}
            assert told(faults(**{block: [row]}), f"{block}[0].{name}", "is missing"), name
            assert not accepted_by_schema({**HEAD, block: [row]})

    @pytest.mark.parametrize("block", BLOCKS)
    def test_a_slot_holds_no_number(self, block: str) -> None:
        row = {**ROWS[block], "seen": False}
        numeric = [name for name in row if BLOCKS[block].keys[name].kind.numeric]
        found = faults(**{block: [row]})
        assert [fault.place for fault in found] == [f"mine.toml: {block}[0].{name}" for name in numeric]
        bare = {name: value for name, value in row.items() if name not in numeric}
        assert faults(**{block: [bare]}) == []
        assert accepted_by_schema({**HEAD, block: [bare]})
        assert accepted_by_schema({**HEAD, block: [row]}) == (not numeric)

    @pytest.mark.parametrize("block", BLOCKS)
    def test_a_misspelt_key_is_answered(self, block: str) -> None:
        found = faults(**{block: [{**ROWS[block], "notee": "x"}]})
        assert told(found, f"{block}[0].notee", 'did you mean "note"')

    @pytest.mark.parametrize("name", [*HEAD_KEYS, *HEAD_OPTIONAL])
    def test_every_key_of_the_head_refuses_what_is_not_of_its_kind(self, name: str) -> None:
        kind = {**HEAD_KEYS, **HEAD_OPTIONAL}[name].kind
        for value in VALUES:
            if not kind.test(value):
                assert told(faults(**{name: value}), name, "must be"), value
        if name in HEAD_KEYS:
            data = {key: value for key, value in HEAD.items() if key != name}
            assert told(faults_of("mine.toml", data), name, "is missing")

    def test_the_json_schema_is_never_the_stricter(self) -> None:
        for block, row in ROWS.items():
            for name, key in BLOCKS[block].keys.items():
                for value in VALUES:
                    data = {**HEAD, block: [{**row, name: value}]}
                    if key.kind.test(value) and not faults_of("mine.toml", data):
                        assert accepted_by_schema(data), (block, name, value)

    def test_the_json_schema_refuses_what_it_can_say(self) -> None:
        for wrong in (
            {"ramps": [{"seen": True}]},
            {"ramp": [{**ROWS["ramp"], "limit_mw_per_min": -1.0}]},
            {"ramp": [{**ROWS["ramp"], "limit_mw_per_mn": 1.0}]},
            {"voltage_ride_through": [{**ROWS["voltage_ride_through"], "v_min_pu": 90.0}]},
            {"timer": "sometimes"},
            {"colour": "red"},
            {"facts": {"a": 1}},
        ):
            assert faults_of("mine.toml", {**HEAD, **wrong})
            assert not accepted_by_schema({**HEAD, **wrong})

    @pytest.mark.parametrize(
        ("block", "changes", "message"),
        [
            ("voltage_ride_through", {"v_min_pu": 1.2, "v_max_pu": 1.1}, "v_min_pu must be below v_max_pu"),
            ("voltage_ride_through", {"min_duration_s": 1.0, "continuous": True}, "needs one of continuous"),
            ("voltage_ride_through", {"continuous": False}, "no duration: give continuous"),
            ("voltage_ride_through", {"continuous": None, "t0_s": 1.0}, "a slope needs t0_s"),
            ("voltage_ride_through", {"v_min_pu": None, "v_max_pu": None}, "needs v_min_pu or v_max_pu"),
            (
                "voltage_ride_through",
                {"continuous": None, "min_duration_s": 5.0, "max_duration_s": 4.0},
                "min_duration_s must be below max_duration_s",
            ),
            ("frequency_ride_through", {"f_min_hz": 62.0}, "f_min_hz must be below f_max_hz"),
            ("frequency_ride_through", {"continuous": None}, "no duration"),
            ("frt_curve", {"t_s": [0.0, 1.0]}, "as many points"),
            ("recovery", {"p_fraction_min": None}, "give p_fraction_min or p_tolerance_pct"),
            (
                "recovery",
                {"p_fraction_min": 0.9, "p_fraction_max": 0.8},
                "p_fraction_min must be below p_fraction_max",
            ),
            ("phase_jump", {"excused_above_deg": None, "withstand_deg": None}, "give withstand_deg"),
            ("flicker", {"pst_max": None}, "give pst_max or plt_max"),
            ("rapid_voltage_change", {"limit_pct": None, "marginal_pct": None}, "give limit_pct"),
            ("power_factor", {"lag_min": None, "lead_min": None}, "give lag_min or lead_min"),
            ("enter_service", {"v_min_pu": 1.1}, "v_min_pu must be below v_max_pu"),
            ("demand", {"subinterval_s": 400.0}, "whole number of subinterval_s"),
            ("demand", {"limit_mw": None}, "give limit_mw or limit_pct_nominal"),
            ("demand", {"limit_pct_nominal": 90.0}, 'need combine = "lesser"'),
        ],
    )
    def test_what_does_not_fit_together_is_said(
        self, block: str, changes: dict[str, Any], message: str
    ) -> None:
        row = {key: value for key, value in {**ROWS[block], **changes}.items() if value is not None}
        found = faults(**{block: [row]})
        assert told(found, f"{block}[0]", message), found

    def test_a_system_operator_may_set_the_time(self) -> None:
        row = {"f_min_hz": 48.5, "f_max_hz": 49.0, "tso": True, "seen": True}
        assert faults(frequency_ride_through=[row]) == []

    def test_all_faults_come_at_once(self) -> None:
        found = faults(
            timer="often",
            url_board=1,
            colour="red",
            ramps=[{"seen": True}],
            recovery=3,
            facts={"a": {"b": math.nan}, "c": 1},
            rocof={"withstand_hz_per_s": -1.0},
        )
        assert [fault.place.removeprefix("mine.toml: ") for fault in found] == [
            "timer", "url_board", "colour", "ramps", "recovery", "facts.a", "facts.c",
            "rocof[0].withstand_hz_per_s", "rocof[0].seen",
        ]  # fmt: skip
        assert all(fault.remedy or "must " in fault.message for fault in found)

    def test_facts_hold_anything_finite(self) -> None:
        deep: Any = 1.0
        for _ in range(40):
            deep = [deep]
        assert faults(facts={"a": {"b": [1, {"c": datetime.date(2026, 1, 1)}]}, "d": [{"e": 1}]}) == []
        assert told(faults(facts={"a": {"b": deep}}), "facts.a", "16 deep")
        assert told(faults(facts=[1]), "facts", "table of tables")


class TestNames:
    @pytest.mark.parametrize(
        ("written", "name"),
        [
            ("ercot-power-variation", "ercot_power_variation_2026"),
            ("ieso-trlcl", "ieso_trlcl_v3"),
            ("ieso-trlcl-3.0", "ieso_trlcl_v3"),
            ("IEEE-1547", "ieee1547_2018"),
            ("ercot-nogrr282-2026", "ercot_nogrr282"),
            ("ercot_nogrr282", "ercot_nogrr282"),
            ("nerc-prc-024-3", "nerc_prc024_3"),
            ("ieso", "ieso_trlcl_v3"),
        ],
    )
    def test_a_profile_is_found_by_file_id_or_beginning(self, written: str, name: str) -> None:
        assert load_profile(written).name == name

    def test_every_id_is_a_name(self) -> None:
        for name in profile_names():
            assert load_profile(load_profile(name).head["id"]).name == name

    @pytest.mark.parametrize("written", ["ercot", "nvidia"])
    def test_a_beginning_of_several_is_refused_with_all_of_them(self, written: str) -> None:
        with pytest.raises(ScenarioError, match=rf"fits several profiles; write {written}_\S+ or {written}_"):
            load_profile(written)

    @pytest.mark.parametrize("written", ["ercot_pow", "itc", "", "-", "x" * 5000, "itic_20001"])
    def test_a_part_of_a_word_is_no_name(self, written: str) -> None:
        with pytest.raises(ScenarioError, match=r"is no shipped profile; (did you mean|there is)"):
            load_profile(written)

    @pytest.mark.parametrize(
        "written", ["flicker[]", "flicker[a]", "flicker[a=]", "flicker[a=b,a=c]", "flicker]", "[a=b]x]"]
    )
    def test_what_is_no_choice_is_refused(self, written: str) -> None:
        with pytest.raises(ScenarioError, match="does not end in a choice of key=value"):
            load_profile(written)

    def test_scenarios_take_the_same_names(self, tmp_path: Path) -> None:
        write(tmp_path, "[[flicker]]\npst_max = 1.0\nvoltage_class = 'HV'\nseen = true\n")
        names = ["ercot-power-variation", "eu-nc-dcc[area=CE,voltage_row=B]", "mine.toml[voltage_class=HV]"]
        site = {
            "workload": {"job": {}},
            "gpu": {"g": {}},
            "rack": {"a": {"count": 1, "gpu": "g", "workload": "job"}},
        }
        model = wk.Scenario.from_dict({**site, "compliance": {"profiles": names}}, tmp_path).model
        assert list(model.compliance.profiles[:2]) == names[:2]
        assert model.compliance.profiles[2] == f"{tmp_path / 'mine.toml'}[voltage_class=HV]"


class TestChoice:
    def test_without_one_every_variant_is_apart(self) -> None:
        variants = load_profile("ieee1547_2018").variants_of("voltage_ride_through")
        assert [variant.label for variant in variants] == ["category I", "category II", "category III"]
        assert [len(variant.rows) for variant in variants] == [5, 6, 4]
        (frequency,) = load_profile("ieee1547_2018").variants_of("frequency_ride_through")
        assert (frequency.label, len(frequency.rows)) == ("", 3)

    def test_two_keys_and_rows_that_belong_to_all(self, tmp_path: Path) -> None:
        row = "[[voltage_ride_through]]\nv_min_pu=%g\nmin_duration_s=1.0\nseen=true\n%s\n"
        text = row % (0.1, "") + row % (0.2, "area='CE'\nvoltage_row='A'")
        text += row % (0.3, "area='CE'\nvoltage_row='B'") + row % (0.4, "area='GB'")
        profile = load_profile(write(tmp_path, text))
        found = {v.label: [row.index for row in v.rows] for v in profile.variants_of("voltage_ride_through")}
        assert found == {
            "area CE, voltage row A": [0, 1],
            "area CE, voltage row B": [0, 2],
            "area GB": [0, 3],
        }
        chosen = profile.select({"area": "GB"})
        assert [row.index for row in chosen.rows] == [0, 3]

    def test_a_timed_band_does_not_reach_into_the_continuous_one(self, tmp_path: Path) -> None:
        text = "[[voltage_ride_through]]\nv_min_pu=0.9\nv_max_pu=1.1\ncontinuous=true\nseen=true\n"
        row = "[[voltage_ride_through]]\nv_min_pu=0.5\nv_max_pu=%g\nmin_duration_s=1.0\nseen=true\n"
        assert len(load_profile(write(tmp_path, text + row % 0.9)).rows) == 2
        with pytest.raises(
            ScenarioError, match=r"voltage_ride_through\[1\]: reaches into the continuous band"
        ):
            load_profile(write(tmp_path, text + row % 0.95))

    def test_it_is_part_of_the_name_and_reads_back(self) -> None:
        for text in (
            "eu_nc_dcc_2016_1388[area=CE,voltage_row=A]",
            'other_utilities[who="PG&E"]',
            'eu_nc_dcc_2016_1388[who="Austria, demand units with demand response (BGBl, par. 8)"]',
        ):
            profile = load_profile(text)
            assert load_profile(profile.name) == profile
            assert profile.name.replace('"', "") == text.replace('"', "")

    def test_a_block_that_it_empties_is_reported(self) -> None:
        findings = evaluate_series([1e8] * 100, 0.01, ["eu_nc_dcc_2016_1388[area=GB]"])
        (left,) = [f for f in findings if f.block == "voltage_ride_through"]
        assert (left.verdict, left.rule) == ("not_evaluated", "voltage_ride_through")
        assert "no row of this block belongs to the choice" in left.note
        assert left.profile == "eu_nc_dcc_2016_1388[area=GB]"

    def test_an_unknown_key_and_value_are_told_together(self) -> None:
        with pytest.raises(ScenarioError) as caught:
            load_profile("eu_nc_dcc_2016_1388[aera=CE, voltage_row=C]")
        assert len(caught.value.faults) == 2
        assert 'did you mean "area"?' in str(caught.value)
        assert 'there is "A", "B"' in str(caught.value)

    def test_options_have_an_order_and_a_meaning(self) -> None:
        assert load_profile("eu_nc_dcc_2016_1388").options()["area"] == (
            "CE",
            "Nordic",
            "GB",
            "IE_NI",
            "Baltic",
        )
        for name in profile_names():
            assert set(load_profile(name).options()) <= set(OPTIONS)


class TestWritten:
    def test_json_schema_is_up_to_date(self) -> None:
        assert SCHEMA.read_text(encoding="utf-8") == catalogue.schema_text(), (
            "run python -m wattkeel.compliance.catalogue"
        )
        jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))

    def test_page_is_up_to_date(self, repository: Path) -> None:
        page = (repository / "docs" / "profiles.md").read_text(encoding="utf-8")
        assert page == catalogue.markdown(), "run python -m wattkeel.compliance.catalogue"

    def test_page_shows_every_number_of_every_row(self, repository: Path) -> None:
        page = (repository / "docs" / "profiles.md").read_text(encoding="utf-8")
        for name in profile_names():
            section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
            for row in load_profile(name).rows:
                for key, value in row.keys.items():
                    if isinstance(value, float):
                        assert re.search(rf"(?<![\d.]){re.escape(f'{value:g}')}(?![\d])", section), (
                            name,
                            key,
                        )
        assert page.count("**not seen**") >= 10
        assert page.count("**needs EMT**") == 5

    def test_check_tells_what_is_stale(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(catalogue, "SCHEMA", tmp_path / "s.json")
        monkeypatch.setattr(catalogue, "_PAGE", tmp_path / "p.md")
        assert catalogue.main(["--check"]) == 1
        assert catalogue.main([]) == 0
        assert catalogue.main(["--check"]) == 0
        assert "p.md is up to date" in capsys.readouterr().out

    def test_a_profile_written_as_toml_reads_back(self, tmp_path: Path) -> None:
        data = {**HEAD, **{block: [row] for block, row in ROWS.items()}}
        path = tmp_path / "all.toml"
        path.write_text(tomli_w.dumps(data), encoding="utf-8")
        assert {row.block for row in load_profile(path).rows} == set(BLOCKS)
