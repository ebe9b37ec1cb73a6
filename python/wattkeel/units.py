"""Quantities with units: ``"20 MW"`` to watts and back.

Only the standard library is used, so that the generator of the spec tables can load this file alone.
Factors are exact fractions and a value is rounded once: ``"0.3 ms"`` is the float nearest to 0.0003.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

__all__ = [
    "SUFFIXES",
    "UNITS",
    "Unit",
    "UnitError",
    "convert",
    "format_quantity",
    "parse_quantity",
    "split_name",
    "suffixes_for",
    "suggest",
    "zero_is_plain",
]

_PREFIXES = {
    "n": Fraction(1, 10**9),
    "µ": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
}
_NUMBER = re.compile(
    r"[+-]?(?:\d+(?:_\d+)*)(?:\.(?:\d+(?:_\d+)*)?)?(?:[eE][+-]?\d+)?|[+-]?\.\d+(?:[eE][+-]?\d+)?"
)
_LONGEST = 60


class UnitError(ValueError):
    """A quantity cannot be understood.

    Parameters
    ----------
    message
        What is wrong.
    remedy
        What to write instead.
    """

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}; {remedy}")


@dataclass(frozen=True)
class Unit:
    """A unit: what it measures and its factor to the base unit of that.

    Parameters
    ----------
    symbol
        As it is written after a number.
    dimension
        What is measured, e.g. ``power``.
    factor
        Base units in one of this unit.
    suffix
        How it is written at the end of a key; empty when that would be ambiguous.
    offset
        Value of the base unit at zero of this unit.
    """

    symbol: str
    dimension: str
    factor: Fraction
    suffix: str = ""
    offset: Fraction = Fraction(0)


def _table() -> dict[str, Unit]:
    units: dict[str, Unit] = {}

    def add(symbol: str, dimension: str, factor: Fraction, suffix: str = "") -> None:
        units[symbol] = Unit(symbol, dimension, factor, suffix)

    # Base symbol, dimension, prefixes, prefixes that keys may have: a key is lower-case, so that where both
    # milli and mega are of use only one of them can stand in a key.
    prefixed = (
        ("W", "power", " kMGT", " kMGT", Fraction(1)),
        ("VA", "apparent power", " kMG", " kMG", Fraction(1)),
        ("var", "reactive power", " kMG", " kMG", Fraction(1)),
        ("J", "energy", " kMGT", " kMGT", Fraction(1)),
        ("Wh", "energy", " kMGT", " kMGT", Fraction(3600)),
        ("s", "time", "nµm ", "nµm ", Fraction(1)),
        ("Hz", "frequency", "m kM", " k", Fraction(1)),
        ("V", "voltage", "m kM", " k", Fraction(1)),
        ("A", "current", "m kM", " k", Fraction(1)),
        ("Ah", "charge", "m k", " k", Fraction(3600)),
        ("As", "charge", " ", " ", Fraction(1)),
        ("F", "capacitance", "µm k", "µm k", Fraction(1)),
        ("ohm", "resistance", "µm k", "µm ", Fraction(1)),
    )
    for symbol, dimension, prefixes, in_keys, base in prefixed:
        for prefix in (letter.strip() for letter in prefixes):
            suffix = f"{prefix}{symbol}".lower().replace("µ", "u") if (prefix or " ") in in_keys else ""
            add(f"{prefix}{symbol}", dimension, _PREFIXES[prefix] * base, suffix)
    for symbol, seconds in (("min", 60), ("h", 3600), ("d", 86400)):
        add(symbol, "time", Fraction(seconds), symbol)
    for prefix in ("", "k", "M", "G"):
        for symbol, seconds in (("s", 1), ("min", 60), ("h", 3600)):
            suffix = f"{prefix}w_per_{symbol}".lower()
            add(f"{prefix}W/{symbol}", "power per time", _PREFIXES[prefix] / seconds, suffix)
    for symbol, seconds in (("s", 1), ("min", 60)):
        add(f"Hz/{symbol}", "frequency per time", Fraction(1, seconds), f"hz_per_{symbol}")
    add("pu", "ratio", Fraction(1), "pu")
    add("%", "ratio", Fraction(1, 100), "percent")
    add("1", "ratio", Fraction(1), "fraction")
    add("1/h", "C-rate", Fraction(1), "c")
    add("C", "C-rate", Fraction(1))
    for symbol, seconds in (("s", 1), ("d", 86400)):
        add(f"1/{symbol}", "share per time", Fraction(1, seconds), f"per_{symbol}")
    for prefix in ("", "k", "M"):
        add(f"{prefix}J/K", "heat capacity", _PREFIXES[prefix], f"{prefix}j_per_k".lower())
        add(f"{prefix}W/K", "heat transfer", _PREFIXES[prefix], f"{prefix}w_per_k".lower())
    for prefix in ("", "m"):
        add(f"{prefix}V/K", "voltage per temperature", _PREFIXES[prefix], f"{prefix}v_per_k".lower())
    add("deg", "angle", Fraction(1), "deg")
    add("K", "temperature", Fraction(1), "k")
    units["degC"] = Unit("degC", "temperature", Fraction(1), "degc", Fraction(5463, 20))
    return units


# Every unit by its symbol.
UNITS: dict[str, Unit] = _table()
_ALIASES = {
    "Ω": "ohm",
    "Ohm": "ohm",
    "u": "µ",
    "μ": "µ",
    "sec": "s",
    "VAr": "var",
    "Var": "var",
    "°C": "degC",
}
for _symbol in [symbol for symbol in UNITS if symbol.endswith("ohm")]:
    _ALIASES[_symbol.removesuffix("ohm") + "Ω"] = _symbol
for _symbol in [symbol for symbol in UNITS if symbol.startswith("µ")]:
    _ALIASES["u" + _symbol[1:]] = _ALIASES["μ" + _symbol[1:]] = _symbol
for _symbol in [symbol for symbol in UNITS if symbol.endswith("var")]:
    _ALIASES[_symbol.removesuffix("var") + "VAr"] = _ALIASES[_symbol.removesuffix("var") + "VAR"] = _symbol
# Units by the suffix of a key.
SUFFIXES: dict[str, Unit] = {unit.suffix: unit for unit in UNITS.values() if unit.suffix}
_TINY = {"mW": "MW", "mWh": "MWh", "mJ": "MJ", "mVA": "MVA", "mvar": "Mvar", "mW/s": "MW/s"}
_TINY |= {"mW/min": "MW/min", "mW/h": "MW/h"}


def split_name(name: str, unit: str) -> tuple[str, str]:
    """Split the canonical name of a parameter into stem and suffix.

    Parameters
    ----------
    name
        E.g. ``ramp_up_w_per_s``.
    unit
        Its unit in the spec tables, e.g. ``W/s``.

    Returns
    -------
    tuple
        (``ramp_up``, ``w_per_s``); the suffix is empty when the name carries none.
    """
    suffix = UNITS[unit].suffix if unit in UNITS else ""
    if suffix and name.endswith(f"_{suffix}"):
        return name[: -len(suffix) - 1], suffix
    return name, ""


def suffixes_for(unit: str) -> tuple[str, ...]:
    """Suffixes of keys that measure the same as ``unit``."""
    if unit not in UNITS:
        return ()
    dimension = UNITS[unit].dimension
    return tuple(suffix for suffix, other in SUFFIXES.items() if other.dimension == dimension)


def parse_quantity(text: str, unit: str) -> float:
    """Turn a quantity into a number.

    Parameters
    ----------
    text
        Number and unit, e.g. ``"20 MW/min"``; ``"inf"`` may stand without one, and 0 but for temperatures.
    unit
        Unit of the result, e.g. ``"W/s"``.

    Returns
    -------
    float
        Value in ``unit``, correctly rounded.

    Raises
    ------
    UnitError
        Empty, not a number, NaN, unit missing, unknown or of another dimension.
    """
    stripped = text.strip()
    if not stripped:
        raise UnitError("is empty", f"write a number with a unit, e.g. {_example(unit)}")
    unbounded = re.fullmatch(r"([+-]?)(inf(?:inity)?|nan)\b\s*(.*)", stripped, re.IGNORECASE | re.DOTALL)
    if unbounded:
        sign, word, symbol = unbounded.groups()
        if word.lower() == "nan":
            raise UnitError("is not a number (NaN)", f"write a number with a unit, e.g. {_example(unit)}")
        if symbol:
            _check_dimension(_find(symbol, unit), unit)
        return -math.inf if sign == "-" else math.inf
    match = _NUMBER.match(stripped)
    if not match or len(match.group()) > _LONGEST:
        raise UnitError("does not begin with a number", f"write a number with a unit, e.g. {_example(unit)}")
    number, symbol = match.group(), stripped[match.end() :].strip()
    if symbol[:1] in (",", "'", "’") and symbol[1:2].isdigit():
        raise UnitError("has a sign that is not read in numbers", 'use a decimal point, as in "2.5 s"')
    if not symbol:
        return _bare(number, unit)
    found = _find(symbol, unit)
    _check_dimension(found, unit)
    return convert(number, found.symbol, unit)


def convert(number: str | float, unit: str, to: str) -> float:
    """Convert a number between two units of one dimension, rounding once.

    Parameters
    ----------
    number
        Number or its text.
    unit, to
        Symbols in `UNITS`.

    Returns
    -------
    float
        The number in ``to``; infinity stays.

    Raises
    ------
    UnitError
        The result is beyond the range of a float.
    """
    text = number if isinstance(number, str) else repr(float(number))
    value = float(text)
    factor = UNITS[unit].factor / UNITS[to].factor
    shift = (UNITS[unit].offset - UNITS[to].offset) / UNITS[to].factor
    # Without this way out an exponent of a million digits would be written out as a fraction.
    if not math.isfinite(value) or value == 0.0 or (factor == 1 and shift == 0):
        if isinstance(number, str) and math.isinf(value):
            raise UnitError("is beyond the range of numbers", "write a smaller number")
        return value if value != 0.0 or shift == 0 else float(shift)
    try:
        return float(Fraction(Decimal(text)) * factor + shift)
    except OverflowError:
        raise UnitError("is beyond the range of numbers", "write a smaller number") from None


def _bare(number: str, unit: str) -> float:
    """Value of a number without a unit: only nothing needs none."""
    if float(number) == 0.0 and zero_is_plain(unit):
        return 0.0
    if UNITS[unit].dimension != "ratio":
        raise UnitError("has no unit", f"write one, e.g. {suggest(number, unit)}")
    share = f', or "{number} %" for a share' if 1.0 < float(number) <= 100.0 else ""
    raise UnitError("has no unit", f"write a number: {number} without quotes{share}")


def _find(symbol: str, unit: str) -> Unit:
    name = " ".join(symbol.split()).replace(" / ", "/")
    name = _ALIASES.get(name, name)
    if name in UNITS:
        return UNITS[name]
    if name in _TINY:
        mega = _TINY[name]
        raise UnitError(
            f'unit "{name}" would be milli, which nothing here is measured in',
            f'write "{mega}" for mega: case matters',
        )
    wanted = UNITS.get(unit)
    near = [other for other in UNITS if other.lower() == name.lower()]
    near.sort(key=lambda other: wanted is None or UNITS[other].dimension != wanted.dimension)
    if near:
        raise UnitError(f'unit "{_cut(name)}" is unknown', f'write "{near[0]}": case matters')
    candidates = [other for other in UNITS if wanted is None or UNITS[other].dimension == wanted.dimension]
    close = difflib.get_close_matches(name[:_LONGEST], candidates, n=3, cutoff=0.5)
    choices = ", ".join(f'"{other}"' for other in close or candidates[:6])
    raise UnitError(f'unit "{_cut(name)}" is unknown', f"use one of {choices}")


def _check_dimension(found: Unit, unit: str) -> None:
    wanted = UNITS[unit]
    if found.dimension != wanted.dimension:
        raise UnitError(
            f'unit "{found.symbol}" measures {found.dimension}, not {wanted.dimension}',
            f"give {wanted.dimension}, e.g. {_example(unit)}",
        )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _example(unit: str) -> str:
    examples = {
        "power": "20 MW",
        "energy": "20 MWh",
        "time": "2.1 s",
        "power per time": "20 MW/min",
        "voltage": "230 kV",
        "ratio": "95 %",
        "C-rate": "1 C",
        "temperature": "25 degC",
    }
    return f'"{examples.get(UNITS[unit].dimension, f"1 {unit}")}"'


# Unit that people mean who leave it out, by the unit of the spec tables.
_USUAL = {"W": "MW", "VA": "MVA", "var": "Mvar", "J": "MWh", "1/h": "C", "K": "degC"}
# Beyond this a number is in the unit of the spec tables: watts, not megawatts.
_MOST_USUAL = 1e4
# From here on a temperature is in kelvin.
_LEAST_KELVIN = 150.0


def zero_is_plain(unit: str) -> bool:
    """Whether nothing is the same in all units of that kind, so that 0 needs none; no temperature is."""
    dimension = UNITS[unit].dimension
    return all(other.offset == 0 for other in UNITS.values() if other.dimension == dimension)


def suggest(number: str, unit: str) -> str:
    """A quantity that a number without a unit may mean, for a remedy.

    Parameters
    ----------
    number
        As it was written.
    unit
        Unit of the spec tables.

    Returns
    -------
    str
        In quotes, with its size in usual units where that is not plain: ``"20000000 J" (5.556 kWh)``.
    """
    value = float(number)
    most = _LEAST_KELVIN if unit == "K" else _MOST_USUAL
    if abs(value) < most or not math.isfinite(value):
        return f'"{number} {_USUAL.get(unit, unit)}"'
    usual = format_quantity(value, unit)
    text = f'"{value:.10g} {unit}"'
    return text if usual.endswith(f" {unit}") else f"{text} ({usual})"


_ENGINEERING = {
    "W": ("T", "G", "M", "k", ""),
    "VA": ("G", "M", "k", ""),
    "var": ("G", "M", "k", ""),
    "Wh": ("T", "G", "M", "k", ""),
    "V": ("k", "", "m"),
    "A": ("k", "", "m"),
    "Ah": ("k", ""),
    "Hz": ("k", "", "m"),
    "F": ("k", "", "m", "µ"),
    "ohm": ("k", "", "m", "µ"),
    "W/s": ("G", "M", "k", ""),
}


def format_quantity(value: float, unit: str, digits: int = 4) -> str:
    """Print a value with the prefix that suits its size.

    Energies of a watt-hour and more are printed in Wh, times from two minutes on in min, h or d.

    Parameters
    ----------
    value
        Value in ``unit``.
    unit
        Unit of the spec tables or of a signal; an unknown one is printed as it is.
    digits
        Significant digits.

    Returns
    -------
    str
        E.g. ``"123.4 MW"``.
    """
    if not math.isfinite(value):
        return f"{value:g}" if unit == "1" else f"{value:g} {unit}"
    if unit == "J" and abs(value) >= 3600.0:
        value, unit = value / 3600.0, "Wh"
    if unit == "s":
        return _format_time(value, digits)
    prefixes = _ENGINEERING.get(unit, ("",))
    for prefix in prefixes:
        scaled = value / float(_PREFIXES[prefix])
        # Rounded first, so that 999.99 kW prints as 1 MW and not as 1000 kW.
        if abs(float(f"{scaled:.{digits}g}")) >= 1.0:
            return f"{_number(scaled, digits)} {prefix}{unit}"
    if value == 0.0 or len(prefixes) == 1:
        return _number(value, digits) if unit == "1" else f"{_number(value, digits)} {unit}"
    prefix = prefixes[-1]
    return f"{_number(value / float(_PREFIXES[prefix]), digits)} {prefix}{unit}"


def _format_time(value: float, digits: int) -> str:
    size = abs(value)
    # Least size, seconds in one, symbol.
    long = ((172800.0, 86400.0, "d"), (7200.0, 3600.0, "h"), (120.0, 60.0, "min"))
    short = ((1.0, 1.0, "s"), (1e-3, 1e-3, "ms"), (1e-6, 1e-6, "µs"))
    for least, one, symbol in (*long, *short):
        if size >= least:
            return f"{_number(value / one, digits)} {symbol}"
    return f"{_number(value, digits)} s"


def _number(value: float, digits: int) -> str:
    if value != 0.0 and 1e-4 <= abs(value) < 10.0**digits:
        return f"{value:.{digits}g}"
    if 10.0**digits <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"
