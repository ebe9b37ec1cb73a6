"""The blocks of a profile: which rules there are, and with which keys.

This is the one definition of the schema of profiles. From it come the check of a file (`schema.faults_of`),
the JSON schema (`schema.json_schema`) and the reference in the documentation (`catalogue`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wattkeel.compliance import block_checks as checks
from wattkeel.compliance.block_checks import Contradictions, Unjudged
from wattkeel.compliance.head import (
    BAND_STATS,
    EVIDENCE,
    FILTERS,
    OPTIONS,
    RAMP_STATS,
    SUBSYNCHRONOUS,
    VARIATION_STATS,
    Key,
)
from wattkeel.compliance.kinds import (
    ASCENDING,
    COUNT,
    DATE,
    DURATIONS,
    FREQUENCIES,
    FREQUENCY,
    NOT_NEGATIVE,
    ORDINAL,
    PAIR,
    PERCENT,
    PERCENTS,
    POSITIVE,
    SHARE,
    TEXT,
    TEXT_OR_TEXTS,
    TEXTS,
    TRUTH,
    VOLTAGE,
    VOLTAGES,
    WINDOW,
    any_of,
    choice,
)

__all__ = ["BLOCKS", "Block"]


@dataclass(frozen=True, slots=True)
class Block:
    """A kind of rule.

    Attributes
    ----------
    doc : str
        What a row asks for.
    keys : dict of str to Key
        All keys that a row may have.
    required : tuple of str
        Keys without which a row that was seen says nothing.
    contradictions : callable
        What does not fit together in a row whose keys are right one by one.
    unjudged : callable
        Verdict and reason of a row where no judge is registered for the block (see `judges`).
    """

    doc: str
    keys: Mapping[str, Key]
    required: tuple[str, ...]
    contradictions: Contradictions
    unjudged: Unjudged


# ------------------------------------------------------------------------------------------------- rows

_COMMON: dict[str, Key] = {
    "seen": Key(
        TRUTH, "Whether the numbers of the row were read; false: a slot without numbers, never a pass."
    ),
    "name": Key(TEXT, "Name of the row, printed with the verdict."),
    "note": Key(TEXT, "What a reader must know; printed with the verdict."),
    "rationale": Key(TEXT, "Why the issuer asks for it."),
    "evidence": Key(choice(*EVIDENCE), "How the numbers of the row were seen, where it differs."),
    "url": Key(TEXT, "Address of the document of the row, where it differs."),
    "effective": Key(DATE, "Day from which the row is in force, where it differs."),
    "threshold_mw": Key(POSITIVE, "Size of site from which the row applies, MW, where it differs."),
    "scope": Key(TEXT, "What the row is about, where it is not the whole site."),
    "variant": Key(TEXT, "Which of several wordings."),
    "applies": Key(TEXTS, "States of the site in which the row applies."),
    "excludes": Key(TEXTS, "States of the site that are exempt."),
    **{name: Key(TEXT_OR_TEXTS, f"Choice: {doc}.") for name, doc in OPTIONS.items() if name != "who"},
    "who": Key(TEXT, f"Choice: {OPTIONS['who']}."),
}
_WINDOW: dict[str, Key] = {
    "window": Key(choice("rolling"), "How the window moves."),
    "window_implied": Key(TRUTH, "The window is our reading, not written in the rule."),
}
_COMBINE = {"combine": Key(choice("lesser"), "Of two limits the smaller one counts.")}
_DIRECTION = {"direction": Key(choice("up", "down", "both"), "Direction of the change.")}


_PLANT_TEST = checks.because("a test of the storage plant, not of a record: it has to be run")


def _block(
    doc: str,
    keys: Mapping[str, Key],
    required: tuple[str, ...] = (),
    contradictions: Contradictions = checks.no_contradiction,
    unjudged: Unjudged = checks.later,
) -> Block:
    return Block(doc, {**_COMMON, **keys}, required, contradictions, unjudged)


_TIMED: dict[str, Key] = {
    "min_duration_s": Key(POSITIVE, "Least time to stay connected, s."),
    "max_duration_s": Key(POSITIVE, "Longest time that the system operator may ask for, s."),
    "continuous": Key(TRUTH, "No limit of time."),
    "tso": Key(TRUTH, "The system operator sets the time, at least `min_duration_s`."),
    "implied": Key(TRUTH, "The row is our reading, not written in the rule."),
    "approximate": Key(TRUTH, "The numbers are approximate in the source."),
    "lower_bound_seen": Key(TRUTH, "False: the rule may end somewhere below; where was not seen."),
    "upper_bound_seen": Key(TRUTH, "False: the rule may end somewhere above; where was not seen."),
}
_RECOVERY: dict[str, Key] = {
    "p_fraction_min": Key(SHARE, "Least share of the power before the event that must be back."),
    "p_fraction_max": Key(POSITIVE, "Largest share of the power before the event that is allowed."),
    "p_tolerance_pct": Key(PERCENT, "Power must be back to within this of the power before the event, %."),
    "within_s": Key(POSITIVE, "Time allowed from the return of the voltage, s."),
    "after_v_pu": Key(VOLTAGE, "Voltage above which the time runs, pu."),
    "reference": Key(TEXT, "Power that the shares refer to."),
    "ramp_up": Key(TEXT, "What is said of the ramp of the return."),
    "ramp_limit_applies": Key(TRUTH, "Whether the ramp limits of the document hold during the recovery."),
    "earlier_draft_within_s": Key(POSITIVE, "`within_s` of an earlier draft; not judged."),
    "first_draft_after_v_pu": Key(VOLTAGE, "`after_v_pu` of the first draft; not judged."),
}

#: The rules of a profile by block, in the order in which they are judged.
BLOCKS: dict[str, Block] = {
    "ramp": _block(
        "Largest rate of change of the power.",
        _WINDOW
        | _COMBINE
        | _DIRECTION
        | {
            "stat": Key(choice(*RAMP_STATS), "Statistic that is limited."),
            "window_s": Key(POSITIVE, "Window, s."),
            "limit_mw": Key(POSITIVE, "Limit of the change in the window, MW."),
            "limit_mw_per_min": Key(POSITIVE, "Limit, MW/min."),
            "limit_mw_per_s": Key(POSITIVE, "Limit, MW/s."),
            "limit_pct_peak_per_min": Key(PERCENT, "Limit in % of the registered peak per minute."),
            "applies_when_change_mw_above": Key(POSITIVE, "Only changes of more than this count, MW."),
        },
        ("direction", "stat"),
        checks.of_ramp,
    ),
    "power_variation": _block(
        "Largest less smallest power in a rolling window, of the power or of its band-passed part.",
        _WINDOW
        | {
            "stat": Key(choice(*VARIATION_STATS), "Statistic that is limited."),
            "window_s": Key(WINDOW, "Window, s; a pair stands for any length between."),
            "limit_mw": Key(POSITIVE, "Limit, MW."),
            "band_hz": Key(PAIR, "Edges of the band-pass, Hz."),
            "filter": Key(choice("unspecified", "none", *FILTERS), "Band-pass; unspecified: all of them."),
        },
        ("stat", "window_s", "limit_mw"),
        checks.of_variation,
    ),
    "band_power": _block(
        "Content of the power between two frequencies.",
        {
            "stat": Key(choice(*BAND_STATS), "Statistic that is limited; unspecified: all of them."),
            "f_lo_hz": Key(POSITIVE, "Lower edge, Hz."),
            "f_hi_hz": Key(POSITIVE, "Upper edge, Hz."),
            "limit_mw": Key(POSITIVE, "Limit, MW."),
            "limit_fraction": Key(SHARE, "Limit as a share of the AC energy."),
        },
        ("stat", "f_lo_hz", "f_hi_hz"),
        checks.of_band,
    ),
    "oscillation": _block(
        "Amplitude of a periodic component of the power.",
        _COMBINE
        | {
            "stat": Key(choice("amplitude"), "Statistic that is limited: half of the peak-to-peak."),
            "periodic": Key(TRUTH, "The rule names periodic components."),
            "band": Key(choice(SUBSYNCHRONOUS), "Band by its name: up to the nominal frequency."),
            "band_hz": Key(PAIR, "Band by its edges, Hz."),
            "limit_mw": Key(POSITIVE, "Limit, MW."),
            "limit_pct_nominal": Key(PERCENT, "Limit in % of the nominal power of the site."),
        },
        ("stat",),
        checks.of_oscillation,
    ),
    "demand": _block(
        "Largest average power of the metering intervals.",
        {
            "interval_s": Key(POSITIVE, "Metering interval, s."),
            "subinterval_s": Key(POSITIVE, "Step of a rolling interval, s; without it intervals follow."),
            "clock_aligned": Key(TRUTH, "Whether intervals start at full multiples of the time of day."),
            "limit_mw": Key(POSITIVE, "Limit, MW."),
            "limit_pct_nominal": Key(PERCENT, "Limit in % of the contracted power."),
            **_COMBINE,
        },
        ("interval_s",),
        checks.of_demand,
    ),
    "voltage_ride_through": _block(
        "Stay connected at least the time given while v_min_pu <= V < v_max_pu.",
        _TIMED
        | {
            "v_min_pu": Key(VOLTAGE, "Lower edge, pu."),
            "v_max_pu": Key(VOLTAGE, "Upper edge, pu."),
            "t0_s": Key(POSITIVE, "Slope: time at `v_min_pu`, s."),
            "slope_s_per_pu": Key(POSITIVE, "Slope: further time per pu above `v_min_pu`, s/pu."),
            "mode": Key(
                choice("mandatory", "permissive", "momentary_cessation"),
                "What the plant must or may do in the band; not given reads as mandatory.",
            ),
        },
        (),
        checks.of_ride_through("v_min_pu", "v_max_pu"),
    ),
    "frt_curve": _block(
        "Stay connected while V lies above a curve of points: time from the start of the fault, voltage.",
        {
            "t_s": Key(DURATIONS, "Times from the start of the fault, s."),
            "v_pu": Key(VOLTAGES, "Least voltages at these times, pu."),
        },
        ("t_s", "v_pu"),
        checks.of_curve,
    ),
    "overvoltage_withstand": _block(
        "Stay connected at least the time given at a voltage up to `v_pu`.",
        {
            "v_pu": Key(VOLTAGE, "Voltage, pu."),
            "min_duration_s": Key(POSITIVE, "Least time to stay connected, s."),
        },
        ("v_pu", "min_duration_s"),
    ),
    "overvoltage_instantaneous": _block(
        "From this voltage on there is no obligation to stay connected.",
        {"v_pu": Key(VOLTAGE, "Voltage, pu.")},
        ("v_pu",),
        unjudged=checks.because(
            "says where the obligation of the ride-through table ends: no rule of its own"
        ),
    ),
    "reclosing": _block(
        "Stay connected through the depressions of a reclosing sequence.",
        {
            "shots": Key(any_of("a text or a whole number of at least 1", TEXT, COUNT), "Number of shots."),
            "shot_s": Key(PAIR, "Shortest and longest depression, s."),
        },
        ("shot_s",),
    ),
    "undervoltage_pickup": _block(
        "The under-voltage pick-up of the site's transfer must not lie above this voltage.",
        {"pickup_pct_max": Key(PERCENT, "Highest pick-up, % of nominal.")},
        ("pickup_pct_max",),
        unjudged=checks.because("a setting of the site's relays, which a record does not show"),
    ),
    "recovery": _block(
        "Power back in time after a disturbance.", _RECOVERY, ("within_s",), checks.of_recovery
    ),
    "recovery_level": _block(
        "Power back in time after a disturbance, by level of the standard.",
        _RECOVERY,
        ("standard", "within_s"),
        checks.of_recovery,
    ),
    "reconnection": _block(
        "How the site returns from its own supply.",
        {"plan": Key(TEXT, "What is asked for.")},
        unjudged=checks.because("no number: the plan is agreed for each site"),
    ),
    "frequency_ride_through": _block(
        "Stay connected at least the time given while f_min_hz <= f < f_max_hz.",
        _TIMED
        | {
            "f_min_hz": Key(FREQUENCY, "Lower edge, Hz."),
            "f_max_hz": Key(FREQUENCY, "Upper edge, Hz."),
        },
        (),
        checks.of_ride_through("f_min_hz", "f_max_hz"),
    ),
    "frequency_point": _block(
        "Stay connected at least the time given while f is beyond a point.",
        {
            "side": Key(choice("over", "under"), "Side of the point on which the timer runs."),
            "f_hz": Key(FREQUENCY, "Frequency, Hz."),
            "min_duration_s": Key(POSITIVE, "Least time to stay connected, s."),
        },
        ("side", "f_hz", "min_duration_s"),
    ),
    "rocof": _block(
        "Stay connected up to this rate of change of frequency.",
        {
            "withstand_hz_per_s": Key(POSITIVE, "Rate, Hz/s."),
            "window_s": Key(POSITIVE, "Window over which the rate is taken, s."),
            "window": _WINDOW["window"],
            "window_seen": Key(TRUTH, "False: the window was not seen."),
        },
        ("withstand_hz_per_s",),
    ),
    "phase_jump": _block(
        "Stay connected through a jump of the voltage's phase.",
        {
            "withstand_deg": Key(POSITIVE, "Jump up to which the site must stay, degrees."),
            "excused_above_deg": Key(POSITIVE, "Jump above which a trip is excused, degrees."),
        },
        (),
        checks.needs_one_of("withstand_deg", "excused_above_deg"),
    ),
    "load_shedding": _block(
        "Share of the load that under-frequency relays of the utility may shed.",
        {
            "stages_hz": Key(FREQUENCIES, "Frequencies of the stages, Hz."),
            "stage_share_pct": Key(PERCENT, "Share of the load in each stage, %."),
        },
        ("stages_hz",),
        unjudged=checks.because("relays of the utility: no limit of the site"),
    ),
    "reactive_current": _block(
        "Reactive current during a fault in proportion to the depth of the voltage.",
        {
            "k_default": Key(POSITIVE, "Factor, pu of current per pu of voltage."),
            "k_range": Key(PAIR, "Range in which the factor must be settable."),
        },
        ("k_default",),
        unjudged=checks.because("needs the reactive current, which a record of active power does not hold"),
    ),
    "enter_service": _block(
        "When and how fast a source may return.",
        {
            "v_min_pu": Key(VOLTAGE, "Lowest voltage, pu."),
            "v_max_pu": Key(VOLTAGE, "Highest voltage, pu."),
            "f_min_hz": Key(FREQUENCY, "Lowest frequency, Hz."),
            "f_max_hz": Key(FREQUENCY, "Highest frequency, Hz."),
            "delay_s": Key(NOT_NEGATIVE, "Time for which voltage and frequency must be in range, s."),
            "ramp_s": Key(POSITIVE, "Time of the ramp to full power, s."),
        },
        ("delay_s",),
        checks.of_enter_service,
        checks.because("a rule for sources; the record is that of a load"),
    ),
    "flicker": _block(
        "Flicker severity at the point of interconnection.",
        {
            "pst_max": Key(POSITIVE, "Limit of the short-term severity Pst (10 min)."),
            "plt_max": Key(POSITIVE, "Limit of the long-term severity Plt (2 h)."),
        },
        (),
        checks.needs_one_of("pst_max", "plt_max"),
    ),
    "rapid_voltage_change": _block(
        "Largest quick change of the voltage.",
        {
            "limit_pct": Key(PERCENT, "Limit, % of nominal."),
            "marginal_pct": Key(PERCENT, "Change from which the document calls it marginal, % of nominal."),
            "what": Key(TEXT, "Change that is limited, and where."),
        },
        (),
        checks.needs_one_of("limit_pct", "marginal_pct"),
    ),
    "power_factor": _block(
        "Least power factor.",
        {
            "lag_min": Key(SHARE, "Least power factor while the site draws reactive power."),
            "lead_min": Key(SHARE, "Least power factor while it gives reactive power."),
        },
        (),
        checks.needs_one_of("lag_min", "lead_min"),
        checks.because("needs the reactive power, which the record does not hold"),
    ),
    "voltage_distortion": _block(
        "Total harmonic distortion of the voltage.",
        {"thd_pct_max": Key(PERCENT, "Limit, % of the fundamental.")},
        ("thd_pct_max",),
        unjudged=checks.because("harmonics need a waveform: RMS values do not show them", "emt_required"),
    ),
    "phase_imbalance": _block(
        "Imbalance between the phases.",
        {"limit_pct": Key(PERCENT, "Limit, %.")},
        ("limit_pct",),
        unjudged=checks.because("needs the three phases; whether of voltage or current is not said"),
    ),
    "telemetry": _block(
        "What the operator must be told, and what must be kept.",
        {
            "scan_s_max": Key(POSITIVE, "Longest time between two scans, s."),
            "substation_visibility_mw": Key(POSITIVE, "Size of load that must be seen by itself, MW."),
            "log_retention_days_min": Key(POSITIVE, "Days for which logs of power quality are kept."),
            "harmonics_to_order": Key(COUNT, "Highest order of harmonics that is logged."),
        },
        unjudged=checks.because("about the meters of the site, not about its power"),
    ),
    "flat_start": _block(
        "Model test: stable from a flat start.",
        {
            "clause": Key(TEXT, "Clause of the document."),
            "min_stable_s": Key(POSITIVE, "Least time without a drift, s."),
        },
        ("min_stable_s",),
        unjudged=_PLANT_TEST,
    ),
    "lvrt": _block(
        "Model test: low voltage.",
        {
            "clause": Key(TEXT, "Clause of the document."),
            "p_recovered_within_s": Key(POSITIVE, "Time for the power to be back, s."),
            "after_v_pu": Key(VOLTAGE, "Voltage above which that time runs, pu."),
            "p_recovery_starts_before_v_pu": Key(VOLTAGE, "Voltage before which it must begin, pu."),
            "sustained_test_v_pu": Key(VOLTAGE, "Voltage of the lasting test, pu."),
            "no_momentary_cessation": Key(TRUTH, "Current must not cease."),
            "oscillations": Key(TEXT, "What is said of oscillations."),
        },
        ("p_recovered_within_s", "after_v_pu"),
        unjudged=_PLANT_TEST,
    ),
    "hvrt": _block(
        "Model test: high voltage.",
        {
            "clause": Key(TEXT, "Clause of the document."),
            "q_absorption_response_s": Key(POSITIVE, "Time to absorb reactive power, s."),
            "p_reduction_pct_max": Key(PERCENT, "Largest loss of active power, %."),
            "sustained_test_v_pu": Key(VOLTAGE, "Voltage of the lasting test, pu."),
            "p_fully_recovered_in_v_pu": Key(PAIR, "Range of voltage with full power, pu."),
            "no_momentary_cessation": Key(TRUTH, "Current must not cease."),
        },
        ("p_reduction_pct_max",),
        unjudged=_PLANT_TEST,
    ),
    "small_voltage_steps": _block(
        "Model test: small steps of the voltage.",
        {
            "clause": Key(TEXT, "Clause of the document."),
            "down_pu": Key(VOLTAGES, "Voltages of the steps down, pu."),
            "up_pu": Key(VOLTAGES, "Voltages of the steps up, pu."),
            "stays_connected": Key(TRUTH, "The plant must stay connected."),
            "p_held": Key(TRUTH, "The active power must be held."),
            "no_sustained_oscillation": Key(TRUTH, "No oscillation may last."),
        },
        ("down_pu", "up_pu"),
        unjudged=_PLANT_TEST,
    ),
    "test": _block(
        "Test of a storage plant's qualification.",
        {
            "n": Key(ORDINAL, "Number of the test."),
            "evaluation": Key(
                choice("full", "screening", "emt_required"),
                "What an engine of RMS values can decide of it, from the criteria known.",
            ),
            "requirement_id": Key(TEXT, "Requirement that it belongs to."),
            "version": Key(TEXT, "Version of the document in which it was read."),
            "mode": Key(TEXT, "Mode of the plant."),
            "setup": Key(TEXT, "How it is set up."),
            "first_step": Key(TEXT, "What it begins with."),
            "hints": Key(TEXTS, "What is said of it without a number."),
            "baseline": Key(TEXT, "Document whose values it takes."),
            "profile": Key(TEXT, "Course of the load."),
            "statistic": Key(TEXT, "Statistic that is limited."),
            "reference_meter": Key(TEXT, "Meter to compare with."),
            "channels": Key(TEXTS, "Channels that must be there."),
            "deliverables": Key(TEXTS, "What must be handed in."),
            "r_over_x": Key(TEXT, "Ratio R/X of the grid, where only words were seen."),
            "limits_seen": Key(TRUTH, "False: the limits were not seen."),
            "limit_seen": Key(TRUTH, "False: the limit was not seen."),
            "points_seen": Key(TRUTH, "False: the points were not seen."),
            "no_missing_or_flatlined_channel": Key(TRUTH, "No channel may be missing or flat."),
            "no_sustained_oscillation": Key(TRUTH, "No oscillation may last."),
            "failing_fails_whole_qualification": Key(TRUTH, "Failing it fails all of the qualification."),
            "power_points_pct": Key(PERCENTS, "Points of power, % of rated."),
            "load_steps_pct_rated": Key(ASCENDING, "Steps of the load, % of rated."),
            "soc_window_pct_unconfirmed": Key(PAIR, "Window of the state of charge, %, not confirmed."),
            "oscillation_band_hz": Key(PAIR, "Band that is searched for oscillations, Hz."),
            "event_resolution_s": Key(POSITIVE, "Resolution of the log of events, s."),
            "log_retention_days_min": Key(POSITIVE, "Days for which the log is kept."),
            "p_error_pct_of_reading_max": Key(PERCENT, "Largest error of active power, % of reading."),
            "q_error_pct_of_reading_max": Key(PERCENT, "Largest error of reactive power, % of reading."),
            "time_alignment_error_s_max": Key(POSITIVE, "Largest error of the clock, s."),
            "modbus_tcp_clients_v0_4": Key(COUNT, "Clients served at a time, in version 0.4."),
            "third_party_frequency_deviation_hz": Key(POSITIVE, "Limit that programs chose themselves, Hz."),
            "ramp_pct_it_load_per_s_max": Key(PERCENT, "Largest ramp at the grid, % of IT load per s."),
            "tracking_error_pct_max": Key(PERCENT, "Largest error of tracking, %."),
            "scr": Key(POSITIVE, "Short-circuit ratio of the grid."),
            "fast_response_s_max": Key(POSITIVE, "Longest time of a fast response, s."),
            "slow_response_s_max": Key(POSITIVE, "Longest time of a slow response, s."),
            "duration_h": Key(POSITIVE, "Length, h."),
            "soc_drift_pct_max": Key(PERCENT, "Largest net drift of the state of charge, % of usable."),
            "emt_time_step_s_max": Key(POSITIVE, "Longest time step of the EMT model, s."),
            "dq_impedance_operating_points_min": Key(COUNT, "Least number of operating points."),
        },
        ("n", "name", "evaluation"),
        unjudged=checks.of_test,
    ),
}
