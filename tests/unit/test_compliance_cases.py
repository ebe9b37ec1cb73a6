"""Every rule of every profile: a record that meets it and one that does not.

The records are synthetic and told by hand beside each profile. Rules of ride-through get excursions inside
their bands, ridden through in one record and left in the other; the judge must name exactly these rules.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from wattkeel.compliance import Finding, judges, load_profile, profile_names
from wattkeel.compliance.blocks import BLOCKS
from wattkeel.compliance.head import HEAD_RULES
from wattkeel.compliance.record import LoadModel, Record
from wattkeel.compliance.verdicts import judge_profile
from wattkeel.events import Event

SITE_W = 100e6
#: Time before the first excursion, and between two: longer than any look back of a judge, s.
QUIET_S = 20.0

Make = Callable[[], Record]


# --------------------------------------------------------------------------------------- records of power


def power(change_w: Callable[[np.ndarray], np.ndarray], length_s: float, tick_s: float) -> Record:
    """Record of the site's power with a change added to it."""
    time_s = np.arange(round(length_s / tick_s)) * tick_s
    return Record(SITE_W + change_w(time_s), tick_s, rated_power_w=SITE_W, peak_power_w=SITE_W)


def steady() -> Record:
    """No change at all for 20 min."""
    return power(lambda t: 0.0 * t, 1200.0, 0.1)


def steady_fast() -> Record:
    """The same, sampled fast enough for 55 Hz."""
    return power(lambda t: 0.0 * t, 120.0, 0.005)


def swing() -> Record:
    """20 MW of 1 Hz and 10 MW of 10 Hz, amplitudes."""
    return power(lambda t: 20e6 * np.sin(2.0 * np.pi * t) + 10e6 * np.sin(20.0 * np.pi * t), 120.0, 0.005)


def climb() -> Record:
    """60 MW/min upwards, for 20 min."""
    return power(lambda t: 1e6 * t, 1200.0, 0.1)


def fall() -> Record:
    """60 MW/min downwards, from a gigawatt."""
    return power(lambda t: 1.2e9 - 1e6 * t, 1200.0, 0.1)


# ------------------------------------------------------------------- records of voltage and frequency


def excursions(
    kind: str,
    spans: Sequence[tuple[float, float]],
    *,
    left: int | None = None,
    tick_s: float = 1e-3,
    nominal_hz: float = 60.0,
    back_s: float = 0.0,
) -> Record:
    """Record with (value, length in s) of voltage (pu) or frequency (Hz), one after the other.

    `left` is the number of the excursion in which the load ceases after 40 % of its length, for good. After
    every excursion the power is down by half for `back_s`.
    """
    length_s = QUIET_S + sum(span_s + QUIET_S for _, span_s in spans)
    count = round(length_s / tick_s)
    series = np.full(count, 1.0 if kind == "voltage" else nominal_hz)
    power_w, events = np.full(count, SITE_W), []
    at = round(QUIET_S / tick_s)
    for number, (value, span_s) in enumerate(spans):
        ticks = round(span_s / tick_s)
        series[at : at + ticks] = value
        power_w[at : at + ticks + round(back_s / tick_s)] *= 0.5 if back_s else 1.0
        if number == left:
            tick = at + round(0.4 * ticks)
            power_w[tick:] = 0.0
            events.append(
                Event(tick * tick_s, tick, "load_ceased", "distribution.hall", 0.0, 0.0, "pu", None)
            )
        at += ticks + round(QUIET_S / tick_s)
    return Record(
        power_w, tick_s, rated_power_w=SITE_W, nominal_frequency_hz=nominal_hz, simulated=True, events=events,
        voltage_pu=series if kind == "voltage" else np.ones(count),
        frequency_hz=series if kind == "frequency" else np.full(count, nominal_hz),
    )  # fmt: skip


def counter(sag_count: int) -> Record:
    """Run of a site whose nodes count sags, or do not."""
    return replace(steady(), simulated=True, load_model=LoadModel(on_voltage=True, sag_count=sag_count))


def voltage_steps(depth_pu: float) -> Record:
    """A voltage that falls by a step and returns after 10 s."""
    tick_s = 1e-3
    time_s = np.arange(60_000) * tick_s
    voltage = np.where((time_s > 30.0) & (time_s < 40.0), 1.0 - depth_pu, 1.0)
    return Record(np.full(time_s.size, SITE_W), tick_s, rated_power_w=SITE_W, voltage_pu=voltage)


def reactive(factor: float, *, leading: bool) -> Record:
    """Constant power with a constant power factor."""
    power_w = np.full(120_000, SITE_W)
    q_var = power_w * np.tan(np.arccos(factor)) * (-1.0 if leading else 1.0)
    more: dict[str, Any] = {"reactive_power_var": q_var}
    return Record(power_w, 0.01, rated_power_w=SITE_W, **more)


def ramp_of_frequency(rate_hz_per_s: float, *, trips: bool, nominal_hz: float) -> Record:
    """A frequency that falls at a rate for half a second; the load may cease at its end."""
    tick_s = 0.01
    time_s = np.arange(6000) * tick_s
    frequency = nominal_hz - rate_hz_per_s * np.clip(time_s - 30.0, 0.0, 0.5)
    tick = 3045
    power_w = np.where(trips & (np.arange(time_s.size) >= tick), 0.0, SITE_W)
    event = Event(tick * tick_s, tick, "load_ceased", "distribution.hall", 0.0, 0.0, "pu", None)
    return Record(
        power_w, tick_s, rated_power_w=SITE_W, nominal_frequency_hz=nominal_hz, simulated=True,
        events=[event] if trips else [], voltage_pu=np.ones(time_s.size), frequency_hz=frequency,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ cases


@dataclass(frozen=True)
class Case:
    """Records of one block of a profile.

    Every rule of the block passes in one of `good` and fails in none of them, and fails in one of `bad`.
    `unfailing` are words of rules that no record can break, and `open_` of those that no record can meet
    either: the reason stands beside them.
    """

    good: Sequence[Make]
    bad: Sequence[Make]
    unfailing: tuple[str, ...] = ()
    open_: tuple[str, ...] = ()


def ridden(
    kind: str, *spans: tuple[float, float], tick_s: float = 1e-3, nominal_hz: float = 60.0,
    open_: tuple[str, ...] = (),
) -> Case:  # fmt: skip
    """Case of ride-through: all excursions in one record, and a record for each in which the load leaves.

    A value inside the continuous band is no excursion: the load that leaves there breaks the continuous row.
    """
    make = functools.partial(excursions, kind, spans, tick_s=tick_s, nominal_hz=nominal_hz)
    leaving = [functools.partial(make, left=number) for number in range(len(spans))]
    return Case([make], leaving, open_=open_)


def recovers(depth_pu: float, good_s: float, bad_s: float) -> Case:
    """Case of recovery: the power is back within a time, or too late."""
    make = functools.partial(excursions, "voltage", [(depth_pu, 0.1)], tick_s=0.01)
    return Case([functools.partial(make, back_s=good_s)], [functools.partial(make, back_s=bad_s)])


def rate(good: float, *, nominal_hz: float) -> Case:
    """Case of RoCoF: the same rate ridden through, and tripped at."""
    make = functools.partial(ramp_of_frequency, good, nominal_hz=nominal_hz)
    return Case([functools.partial(make, trips=False)], [functools.partial(make, trips=True)])


FREQUENCY_60 = ridden("frequency", (58.0, 100.0), (61.5, 100.0), (59.5, 2.0), tick_s=0.05)

#: By profile (with a choice where a file has alternatives of unlike nominal values) and block.
CASES: dict[tuple[str, str], Case] = {
    # power
    ("arxiv_2508_14318_example", "band_power"): Case([steady_fast], [swing]),
    ("caiso_large_load_straw_2026", "ramp"): Case([steady], [climb]),
    ("ercot_nprr1191_2023", "ramp"): Case([steady], [climb, fall]),
    ("ercot_power_variation_2026", "power_variation"): Case([steady_fast], [swing]),
    ("ieso_trlcl_v3", "ramp"): Case([steady], [climb]),
    ("ieso_trlcl_v3", "oscillation"): Case([steady_fast], [swing]),
    ("lipa_pseg", "band_power"): Case([steady_fast], [swing]),
    ("other_utilities", "ramp"): Case([steady], [climb]),
    ("southern_company", "ramp"): Case([steady], [climb]),
    ("southern_company", "power_variation"): Case([steady], [swing]),
    ("spp_hill", "ramp"): Case([steady], [climb]),
    ("spp_hill", "power_variation"): Case([steady], [swing]),
    # voltage
    ("caiso_large_load_straw_2026", "voltage_ride_through"): ridden(
        "voltage", (1.12, 1.0), (0.8, 3.0), (0.6, 1.5), (0.4, 0.6), (0.2, 0.1), (0.95, 2.0)
    ),
    ("ercot_nogrr282", "voltage_ride_through"): ridden(
        "voltage", (1.15, 1.0), (0.85, 1.0), (0.65, 0.3), (0.4, 0.15), (0.1, 0.1), (0.95, 2.0)
    ),
    ("spp_hill", "voltage_ride_through"): ridden("voltage", (0.7, 0.1), (0.95, 2.0)),
    ("itic_2000", "voltage_ride_through"): ridden(
        "voltage", (0.5, 0.016), (0.75, 0.3), (0.85, 5.0), (1.15, 0.3), (1.3, 0.0025), (0.95, 2.0),
        tick_s=5e-4,
    ),
    ("semi_f47", "voltage_ride_through"): ridden("voltage", (0.6, 0.15), (0.75, 0.4), (0.85, 0.8)),
    ("nerc_prc024_3", "voltage_ride_through"): ridden(
        "voltage", (0.4, 0.1), (0.6, 0.2), (0.7, 1.0), (0.8, 2.0), (1.12, 0.8), (1.16, 0.4), (1.19, 0.15)
    ),
    ("ieee1547_2018[category=I]", "voltage_ride_through"): ridden(
        "voltage", (0.8, 0.5), (0.6, 0.1), (1.12, 0.8), (1.16, 0.4), (1.19, 0.15)
    ),
    ("ieee1547_2018[category=II]", "voltage_ride_through"): ridden(
        "voltage", (0.8, 2.0), (0.6, 0.2), (0.4, 0.1), (1.12, 0.8), (1.16, 0.4), (1.19, 0.15)
    ),
    ("ieee1547_2018[category=III]", "voltage_ride_through"): ridden(
        "voltage", (0.8, 10.0), (0.6, 5.0), (0.3, 0.5), (1.15, 6.0)
    ),
    ("eu_nc_dcc_2016_1388[area=CE,voltage_row=A]", "voltage_ride_through"): ridden(
        "voltage", (1.13, 600.0), (0.95, 2.0), tick_s=0.05, nominal_hz=50.0
    ),
    ("eu_nc_dcc_2016_1388[area=CE,voltage_row=B]", "voltage_ride_through"): ridden(
        "voltage", (1.07, 600.0), (0.95, 2.0), tick_s=0.05, nominal_hz=50.0
    ),
    ("fingrid_sjv2024_bess", "voltage_ride_through"): ridden(
        "voltage", (1.07, 600.0), (0.95, 2.0), tick_s=0.05, nominal_hz=50.0
    ),
    ("fingrid_sjv2024_bess", "frt_curve"): ridden("voltage", (0.1, 0.1), nominal_hz=50.0),
    ("fingrid_sjv2024_bess", "overvoltage_withstand"): ridden(
        "voltage", (1.12, 4.0), (1.17, 3.0), (1.2, 3.0), nominal_hz=50.0
    ),
    ("other_utilities", "reclosing"): ridden("voltage", (0.5, 0.06)),
    ("ercot_nogrr282", "sag_counting_transfer_prohibited"): Case(
        [functools.partial(counter, 0)], [functools.partial(counter, 3)]
    ),
    # recovery
    ("aemc_package2_draft", "recovery_level"): recovers(0.5, 0.3, 1.5),
    ("caiso_large_load_straw_2026", "recovery"): recovers(0.5, 2.0, 5.0),
    ("eirgrid_mpid345", "recovery"): recovers(0.5, 0.3, 1.5),
    ("ercot_nogrr282", "recovery"): recovers(0.6, 1.0, 4.0),
    ("fingrid_sjv2024_bess", "recovery"): recovers(0.6, 2.0, 5.0),
    ("ieso_trlcl_v3", "recovery"): recovers(0.5, 0.5, 3.0),
    # frequency
    ("caiso_large_load_straw_2026", "frequency_ride_through"): FREQUENCY_60,
    ("ercot_nogrr282", "frequency_ride_through"): FREQUENCY_60,
    ("spp_hill", "frequency_ride_through"): FREQUENCY_60,
    ("ieee1547_2018", "frequency_ride_through"): FREQUENCY_60,
    ("fingrid_sjv2024_bess", "frequency_ride_through"): ridden(
        "frequency", (48.0, 600.0), (51.2, 600.0), (49.5, 2.0), tick_s=0.05, nominal_hz=50.0
    ),
    **{
        (f"eu_nc_dcc_2016_1388[area={area}]", "frequency_ride_through"): ridden(
            "frequency", *spans, (49.5, 2.0), tick_s=0.05, nominal_hz=50.0,
            open_=("time of the operator",),  # no number: the system operator sets it
        )
        for area, spans in {
            "CE": [(48.0, 600.0), (48.7, 600.0), (51.2, 600.0)],
            "Nordic": [(48.0, 600.0), (48.7, 600.0), (51.2, 600.0)],
            "GB": [(47.2, 10.0), (48.0, 600.0), (48.7, 600.0), (51.2, 600.0), (51.7, 300.0)],
            "IE_NI": [(48.0, 600.0), (48.7, 600.0), (51.2, 600.0)],
            "Baltic": [(48.0, 600.0), (51.2, 600.0)],
        }.items()
    },
    ("nerc_prc024_3[area=western]", "frequency_point"): ridden(
        "frequency", (61.7, 20.0), (60.8, 100.0), (57.2, 0.5), (57.6, 5.0), (58.2, 20.0), (59.2, 100.0),
        tick_s=0.02,
    ),
    ("nerc_prc024_3[area=ercot]", "frequency_point"): ridden("frequency", (60.8, 300.0), tick_s=0.02),
    ("eirgrid_mpid345", "rocof"): rate(0.8, nominal_hz=50.0),
    ("eu_nc_dcc_2016_1388", "rocof"): rate(1.5, nominal_hz=50.0),
    ("fingrid_sjv2024_bess", "rocof"): rate(1.5, nominal_hz=50.0),
    ("ieso_trlcl_v3", "rocof"): rate(4.0, nominal_hz=60.0),
    # quality of the voltage
    ("other_utilities", "rapid_voltage_change"): Case(
        [functools.partial(voltage_steps, 0.01)], [functools.partial(voltage_steps, 0.05)],
        unfailing=("Ameren",),  # the document calls 2 % marginal: there is nothing to fail
    ),
    ("other_utilities", "power_factor"): Case(
        [functools.partial(reactive, 0.995, leading=leading) for leading in (False, True)],
        [functools.partial(reactive, 0.9, leading=leading) for leading in (False, True)],
    ),
}  # fmt: skip

#: Blocks that are judged and yet have neither: why no record of these shows a verdict.
NO_VERDICT: dict[tuple[str, str], str] = {
    ("fingrid_sjv2024_bess", "phase_jump"): "a record holds no angle of the voltage",
    ("ieee2800_2022", "phase_jump"): "a record holds no angle of the voltage",
    ("other_utilities", "phase_imbalance"): "the rule says neither voltage nor current",
}


def is_judged(block: str) -> bool:
    return block in judges.ROWS or block in judges.TABLES or block in judges.HEADS


#: Blocks whose judge is not there yet. Their cases are skipped, and they must leave this list with the judge.
PENDING: set[str] = set()


def test_the_list_of_pending_blocks_is_true() -> None:
    assert {block for block in PENDING if is_judged(block)} == set()
    assert {block for _, block in CASES if not is_judged(block)} <= PENDING


@pytest.mark.parametrize("name", profile_names())
def test_every_judged_rule_has_a_case(name: str) -> None:
    profile = load_profile(name)
    there = {row.block for row in profile.rows if row.seen} | {
        key for key in HEAD_RULES if profile.head.get(key)
    }
    given = {block for key, block in [*CASES, *NO_VERDICT] if key.partition("[")[0] == name}
    assert {block for block in there if is_judged(block)} <= given
    assert given <= there


def found(case: tuple[str, str], makes: Sequence[Make]) -> list[list[Finding]]:
    """Findings of the block for each record."""
    profile, block = load_profile(case[0]), case[1]
    out = []
    for make in makes:
        findings = [f for f in judge_profile(make(), profile) if f.block == block]
        out.append([f for f in findings if "were not seen" not in f.note])
        assert out[-1]
    return out


@pytest.mark.parametrize("case", [key for key in CASES if key[1] not in PENDING], ids="-".join)
class TestCases:
    def test_a_record_that_meets_it_passes(self, case: tuple[str, str]) -> None:
        every = [finding for each in found(case, CASES[case].good) for finding in each]
        assert [f for f in every if f.verdict == "fail"] == []
        rules = {f.rule for f in every if not any(word in f.rule for word in CASES[case].open_)}
        assert rules
        passed = {f.rule for f in every if f.verdict == "pass"}
        assert rules - passed == set()

    def test_a_record_that_does_not_fails(self, case: tuple[str, str]) -> None:
        every = [finding for each in found(case, CASES[case].bad) for finding in each]
        spared = (*CASES[case].unfailing, *CASES[case].open_)
        rules = {f.rule for f in every if not any(word in f.rule for word in spared)}
        failed = {f.rule for f in every if f.verdict == "fail"}
        assert rules - failed == set()

    def test_the_verdicts_carry_what_an_engineer_needs(self, case: tuple[str, str]) -> None:
        for finding in found(case, CASES[case].bad)[0]:
            assert finding.method or finding.note
            assert finding.status
            assert finding.evidence in ("primary_excerpt", "secondary_quote", "code_transcription")
            if finding.verdict in ("pass", "fail"):
                assert finding.limit is not None
                assert finding.value is not None
                assert finding.unit
                assert finding.readings


def test_blocks_without_a_verdict_say_why() -> None:
    for name, block in NO_VERDICT:
        if is_judged(block):
            for finding in judge_profile(steady_fast(), load_profile(name)):
                if finding.block == block:
                    assert finding.verdict == "not_evaluated"
                    assert finding.note


def test_every_block_is_judged_or_says_why_not() -> None:
    for name, block in BLOCKS.items():
        verdict, reason = block.unjudged({})
        assert is_judged(name) or verdict in ("not_evaluated", "emt_required")
        assert reason
