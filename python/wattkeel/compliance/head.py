"""The words of a profile, and the keys that stand above its blocks."""

from __future__ import annotations

from dataclasses import dataclass

from wattkeel.compliance.kinds import DATE, POSITIVE, SHARE, TEXT, TEXTS, TRUTH, Kind, choice
from wattkeel.standing import EVIDENCE, STANDING

__all__ = [
    "APPLIES_TO",
    "BAND_STATS",
    "EVIDENCE",
    "FILTERS",
    "HEAD",
    "HEAD_OPTIONAL",
    "HEAD_RULES",
    "OPTIONS",
    "RAMP_STATS",
    "STATUSES",
    "SUBSYNCHRONOUS",
    "TIMERS",
    "VARIATION_STATS",
    "Key",
]

STATUSES: dict[str, str] = {status: meaning for status, (_, meaning) in STANDING.items()}
APPLIES_TO: dict[str, str] = {
    "load": "loads",
    "transmission_connected_demand": "demand at the transmission grid",
    "bess": "storage plants",
    "bess_pcs_ac_terminals": "storage at the AC terminals of its converters",
    "ibr": "inverter-based plants",
    "der": "distributed sources",
    "generator": "generators",
    "it_equipment": "IT equipment",
    "equipment": "equipment",
    "load_target_interface": "the interface for load targets",
    "measurement": "how quantities are measured: no rule",
    "validation": "observed events: no rule",
}
TIMERS: dict[str, str] = {
    "nested": "the timer of a row runs while V is below its upper edge (over-voltage: above its lower edge)",
    "per_band": "the timer of a row runs only while V is between its edges",
    "per_excursion": "one timer for a whole excursion, reset on return",
    "unspecified": "not defined: all readings",
}

#: Filters that a rule may name; "unspecified" stands for all others but "none". Value: (order, zero phase).
FILTERS: dict[str, tuple[int, bool]] = {
    "causal n=1": (1, False),
    "causal n=2": (2, False),
    "causal n=4": (4, False),
    "zero-phase n=2": (2, True),
    "zero-phase n=4": (4, True),
}

RAMP_STATS = (
    "average_over_window",
    "per_minute",
    "max_change_in_window",
    "percentile75_of_1min_average",
    "rate",
)
VARIATION_STATS = ("peak_to_peak", "change_in_window")
BAND_STATS = ("unspecified", "line_amplitude", "rms", "peak_to_peak", "share of total harmonic energy")
SUBSYNCHRONOUS = "sub-synchronous"

#: Keys of rows between which a user chooses, with their meaning.
OPTIONS: dict[str, str] = {
    "area": "synchronous area or interconnection",
    "voltage_row": "row of the table of voltages, by class of voltage",
    "category": "performance category of the plant, or its type",
    "standard": "level of the access standard",
    "voltage_class": "class of voltage at the connection",
    "who": "who issued the row, where it is not the issuer of the file",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key: what its value may be, and what it means."""

    kind: Kind
    doc: str


HEAD: dict[str, Key] = {
    "schema_version": Key(
        Kind("1", lambda value: value == 1 and not isinstance(value, bool), {"const": 1}),
        "Version of the schema.",
    ),
    "id": Key(TEXT, "Name of the document, unique among profiles; understood by `--profile` too."),
    "title": Key(TEXT, "Title of the document."),
    "issuer": Key(TEXT, "Who issued it."),
    "jurisdiction": Key(TEXT, "Where it holds, e.g. US-TX."),
    "url": Key(TEXT, 'Address of the document; "none" where there is none.'),
    "date": Key(DATE, "Date of the document, a TOML date."),
    "status": Key(choice(*STATUSES), "Standing of the document."),
    "evidence": Key(choice(*EVIDENCE), "How its numbers were seen; a row may carry its own."),
    "seen": Key(
        TRUTH,
        "Whether its numbers were seen. Of a document that was not, only rows that are seen and carry "
        "evidence of their own are judged.",
    ),
    "applies_to": Key(choice(*APPLIES_TO), "What the document is about."),
}
HEAD_OPTIONAL: dict[str, Key] = {
    "note": Key(TEXT, "What a reader must know."),
    "rationale": Key(TEXT, "Why the issuer asks for it."),
    "document": Key(TEXT, "Number of the document."),
    "source": Key(TEXT, "Where the numbers were read, in words."),
    "date_seen": Key(TRUTH, "False: only the year of `date` is known."),
    "threshold_mw": Key(POSITIVE, "Size of site from which the document applies, MW."),
    "threshold_mw_before": Key(POSITIVE, "The same in the rule that the document would replace, MW."),
    "threshold_mw_at_69kv": Key(POSITIVE, "The same for a connection at 69 kV, MW."),
    "threshold_kv": Key(POSITIVE, "Voltage of the connection from which the document applies, kV."),
    "computational_share_min": Key(SHARE, "Least share of computational load in the site."),
    "effective": Key(DATE, "Day from which it is in force."),
    "approved": Key(DATE, "Day of its approval."),
    "puct_approval": Key(DATE, "Day of its approval by the Public Utility Commission of Texas."),
    "exemption_cutoff": Key(DATE, "Sites of before this day are exempt."),
    "timer": Key(choice(*TIMERS), "How the timers of ride-through run; not given reads as unspecified."),
    "timer_note": Key(TEXT, "More about the timers."),
    "voltage_quantity": Key(
        choice("positive_sequence", "worst_phase", "unspecified"),
        "Voltage that ride-through is judged on; not given reads as unspecified.",
    ),
    "sag_counting_transfer_prohibited": Key(
        TRUTH, "Whether a transfer to own supply that is triggered by counting sags is prohibited."
    ),
    "no_automatic_reconnection_from_backup": Key(
        TRUTH, "Whether the return from own supply needs the operator's approval."
    ),
    "constant_current_in_disturbance": Key(
        TRUTH, "Whether the load must draw constant current, not constant power, in a disturbance."
    ),
    "frequency_deadband_hz": Key(POSITIVE, "Deadband of primary control that the document names, Hz."),
    "follows": Key(TEXTS, "Documents that it refers to."),
    "shape": Key(TEXT, "How a curve runs between its points."),
}

#: Keys of the head that are rules where they are true, and why one without a judge is not judged.
HEAD_RULES: dict[str, str] = {
    "sag_counting_transfer_prohibited": "needs the settings of the transfer, which a record does not show",
    "no_automatic_reconnection_from_backup": "needs the operator's approval, which a record does not show",
    "constant_current_in_disturbance": "current in a disturbance is not judged by this version",
}
