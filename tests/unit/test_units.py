"""Quantities: read, converted once, printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattkeel.units import SUFFIXES, UNITS, UnitError, convert, format_quantity, parse_quantity, split_name

READ = [
    ("20 MW", "W", 20e6),
    ("20MW", "W", 20e6),
    ("  1_000.5  kW ", "W", 1000.5e3),
    ("2.1 s", "s", 2.1),
    ("0.3 ms", "s", 0.0003),
    ("5 us", "s", 5e-6),
    ("5 µs", "s", 5e-6),
    ("5 μs", "s", 5e-6),
    ("2 min", "s", 120.0),
    ("1 h", "s", 3600.0),
    ("10 ms", "ms", 10.0),
    ("1 s", "ms", 1000.0),
    ("20 MW/min", "W/s", 20e6 / 60),
    ("5 MW/s", "W/s", 5e6),
    ("6 GW/h", "W/s", 6e9 / 3600),
    ("500 kWh", "J", 1.8e9),
    ("7.2e10 J", "J", 7.2e10),
    ("306 Ah", "Ah", 306.0),
    ("230 kV", "V", 230e3),
    ("95 %", "1", 0.95),
    ("95 %", "%", 95.0),
    ("0.5 pu", "%", 50.0),
    ("5 %", "pu", 0.05),
    ("1 C", "1/h", 1.0),
    ("0.47 mΩ", "ohm", 0.00047),
    ("0.47 mohm", "ohm", 0.00047),
    ("-3 MW", "W", -3e6),
    (".5 Hz", "Hz", 0.5),
    ("100 MVA", "VA", 1e8),
    ("3 MVAr", "var", 3e6),
    ("165 F", "F", 165.0),
    ("1 Hz/s", "Hz/s", 1.0),
    ("inf", "W", math.inf),
    ("inf s", "s", math.inf),
    ("-inf", "W", -math.inf),
    ("1e-999999999 MW", "W", 0.0),
]


@pytest.mark.parametrize(("text", "unit", "value"), READ)
def test_quantities_are_read(text, unit, value):
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-15)


REFUSED = [
    ("", "W", "is empty", '"20 MW"'),
    ("   ", "W", "is empty", '"20 MW"'),
    ("20", "W", "has no unit", '"20 MW"'),
    ("20 mW", "W", "milli", '"MW"'),
    ("20 mWh", "J", "milli", '"MWh"'),
    ("20 mw", "W", "unknown", '"MW"'),
    ("20 MWH", "J", "unknown", '"MWh"'),
    ("20 KW", "W", "unknown", '"kW"'),
    ("20 MVA", "W", "measures apparent power, not power", '"20 MW"'),
    ("20 MWh", "W", "measures energy, not power", '"20 MW"'),
    ("20 MW", "J", "measures power, not energy", '"20 MWh"'),
    ("5 apples", "s", "unknown", '"s"'),
    ("5 seconds", "s", "unknown", '"s"'),
    ("nan", "W", "NaN", "number"),
    ("NaN MW", "W", "NaN", "number"),
    ("2,5 s", "s", "sign", "2.5 s"),
    ("abc", "s", "does not begin with a number", '"2.1 s"'),
    ("MW 20", "W", "does not begin with a number", '"20 MW"'),
    ("20 MW MW", "W", "unknown", '"MW"'),
    ("1e400 W", "W", "beyond the range", "smaller"),
    ("1e308 GW", "W", "beyond the range", "smaller"),
    ("9" * 80 + " W", "W", "number", "number"),
    ("inf apples", "W", "unknown", '"W"'),
    ("0x10 W", "W", "unknown", '"W"'),
]


@pytest.mark.parametrize(("text", "unit", "message", "remedy"), REFUSED)
def test_mistakes_are_named_with_a_remedy(text, unit, message, remedy):
    with pytest.raises(UnitError) as caught:
        parse_quantity(text, unit)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200),
    st.sampled_from(sorted(UNITS)),
)
@example(0.3, "ms")
def test_round_trip(value, symbol):
    """A number in any unit is read back to itself, and through the base unit to within its rounding."""
    assert parse_quantity(f"{value!r} {symbol}", symbol) == value
    dimension = UNITS[symbol].dimension
    base = next(name for name, unit in UNITS.items() if unit.dimension == dimension and unit.factor == 1)
    there = parse_quantity(f"{value!r} {symbol}", base)
    slack = 1e-13 if UNITS[symbol].offset else 1e-300  # a value near an offset has that one's rounding
    assert convert(there, base, symbol) == pytest.approx(value, rel=1e-15, abs=slack)


@given(st.text(max_size=40), st.sampled_from(["W", "J", "s", "1", "%", "W/s", "1/h"]))
def test_any_text_is_read_or_refused(text, unit):
    try:
        result = parse_quantity(text, unit)
    except UnitError as error:
        result = error
    assert (result.message and result.remedy) if isinstance(result, UnitError) else not math.isnan(result)


def test_suffixes_are_unambiguous_lower_case():
    assert all(suffix == suffix.lower() and suffix.isidentifier() for suffix in SUFFIXES)
    assert SUFFIXES["mw"].symbol == "MW"
    assert SUFFIXES["ms"].symbol == "ms"
    assert "mv" not in SUFFIXES
    assert "mhz" not in SUFFIXES


def test_split_name():
    assert split_name("ramp_up_w_per_s", "W/s") == ("ramp_up", "w_per_s")
    assert split_name("loss_a", "pu") == ("loss_a", "")
    assert split_name("compute_pu", "pu") == ("compute", "pu")
    assert split_name("count", "1") == ("count", "")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (123.4e6, "W", "123.4 MW"),
        (999_999.0, "W", "1 MW"),
        (-2.5e3, "W", "-2.5 kW"),
        (0.0, "W", "0 W"),
        (7.2e10, "J", "20 MWh"),
        (65.0, "J", "65 J"),
        (0.005, "s", "5 ms"),
        (90.0, "s", "90 s"),
        (7200.0, "s", "2 h"),
        (86400.0 * 3, "s", "3 d"),
        (0.02, "Hz", "20 mHz"),
        (230e3, "V", "230 kV"),
        (1.03, "pu", "1.03 pu"),
        (0.95, "1", "0.95"),
        (math.inf, "W", "inf W"),
        (333333.333, "W/s", "333.3 kW/s"),
        (3.0, "widgets", "3 widgets"),
    ],
)
def test_values_are_printed_with_fitting_prefixes(value, unit, text):
    assert format_quantity(value, unit) == text


@given(st.floats(min_value=-1e290, max_value=1e290), st.sampled_from(["W", "J", "s", "Hz", "V", "W/s"]))
def test_what_is_printed_is_read_back(value, unit):
    text = format_quantity(value, unit, digits=17)
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-14, abs=1e-300)
