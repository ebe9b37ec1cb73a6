"""What the header of one column says: quantity and unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# (multiplier, divisor) to SI: a division by 1000 is exact to the last bit where a product with 1e-3 is not.
POWER_UNITS: dict[str, tuple[float, float]] = {
    "W": (1.0, 1.0),
    "kW": (1e3, 1.0),
    "MW": (1e6, 1.0),
    "GW": (1e9, 1.0),
    "mW": (1.0, 1e3),
}
TIME_UNITS: dict[str, tuple[float, float]] = {
    "s": (1.0, 1.0),
    "ms": (1.0, 1e3),
    "us": (1.0, 1e6),
    "ns": (1.0, 1e9),
    "min": (60.0, 1.0),
    "h": (3600.0, 1.0),
}
# Neither milli nor mega can be told from these; they differ by 1e9, so nothing is assumed.
AMBIGUOUS_POWER_UNITS = frozenset({"mw", "Mw"})

_POWER_WORDS = {
    "w": "W", "watt": "W", "watts": "W", "kw": "kW", "kilowatt": "kW", "kilowatts": "kW", "gw": "GW",
    "megawatt": "MW", "megawatts": "MW", "milliwatt": "mW", "milliwatts": "mW",
}  # fmt: skip
_TIME_WORDS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms",
    "us": "us", "µs": "us", "μs": "us", "usec": "us", "microseconds": "us", "ns": "ns", "nanoseconds": "ns",
    "min": "min", "mins": "min", "minutes": "min", "h": "h", "hr": "h", "hour": "h", "hours": "h",
}  # fmt: skip
_OTHER_UNITS = frozenset(
    "v kv mv a ma ka hz khz mhz ghz c °c degc k % pct mib gib mb gb j kj mj gj wh kwh mwh gwh va kva mva "
    "var kvar mvar pu rpm usd eur".split()
)
_TIME_NAMES = (
    "t", "time", "timestamp", "ts", "datetime", "date_time", "measured_on", "elapsed", "elapsed_time",
    "epoch", "unix", "unix_time", "unixtime", "test_time", "seconds", "date",
)  # fmt: skip
_NOT_A_READING = frozenset(
    "limit limits cap pcap max min minimum maximum default enforced factor reactive apparent management "
    "state violation rated target setpoint requested budget std percentile smoothing profile".split()
)
_GPU_KEYS = (
    "gpu_index", "gpu_id", "gpu", "index", "device_index", "device_id", "device", "gpu_uuid", "uuid",
    "pci_bus_id", "gpu_bus_id", "minor_number", "serial",
)  # fmt: skip
_HOST_KEYS = ("hostname", "host", "node", "node_id")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file, as far as its header tells.

    Attributes
    ----------
    index : int
        Position in the file.
    name : str
        Header as written, without blanks at its ends.
    plain : str
        Header in lower case, without unit, `.`, `-` and blanks turned to `_`.
    unit : str
        Canonical unit of power or time, an ambiguous or foreign unit in lower case, or "" when not stated.
    kind : {"time", "power", "foreign", "unknown"}
        `foreign` is known not to be power; `unknown` may hold anything.
    """

    index: int
    name: str
    plain: str
    unit: str
    kind: Literal["time", "power", "foreign", "unknown"]

    @property
    def is_reading(self) -> bool:
        """Whether it is measured active power, not a limit, setting or statistic."""
        return self.kind == "power" and _NOT_A_READING.isdisjoint(self.plain.split("_"))


def power_unit(text: str) -> str:
    """Give the canonical power unit, the ambiguous unit as written, or "" for anything else."""
    text = text.strip()
    if text in POWER_UNITS or text in AMBIGUOUS_POWER_UNITS:
        return text
    return _POWER_WORDS.get(text.lower(), "")


def time_unit(text: str) -> str:
    """Give the canonical unit of time or ""."""
    return _TIME_WORDS.get(text.strip().lower(), "")


def describe_column(index: int, header: str) -> Column:
    """Read quantity and unit from one header, such as `power.draw [W]`, `t_ms`, `Time(s)`, `ac_w_node07`."""
    name = header.strip()
    bracket = re.fullmatch(r"(.*?)\s*[\[(]\s*([^\[\]()]*?)\s*[\])]", name)
    stem, stated = (bracket.group(1), bracket.group(2)) if bracket else (name, "")
    words = [word for word in re.split(r"[\s_.\-/]+", stem) if word]
    plain = "_".join(words).lower()
    if bracket is None:
        # The last word, or a power unit further in, as in ac_w_node07 (but not in ghi_w_m2).
        for position in range(len(words) - 1, -1, -1):
            is_last = position == len(words) - 1
            per_area = not is_last and words[position + 1].lower() in ("m2", "h", "hr", "kg")
            if (is_last and _is_unit(words[position])) or (power_unit(words[position]) and not per_area):
                stated = words[position]
                plain = "_".join(words[:position] + words[position + 1 :]).lower()
                break
    return _classify(index, name, plain, stated, in_bracket=bracket is not None)


def _is_unit(word: str) -> bool:
    return bool(power_unit(word) or time_unit(word) or word.lower() in _OTHER_UNITS)


def _classify(index: int, name: str, plain: str, stated: str, *, in_bracket: bool) -> Column:
    """Give the column for a name without unit and the unit it states."""
    if unit := power_unit(stated):
        return Column(index, name, plain, unit, "power")
    whole = f"{plain}_{stated.lower()}".strip("_") if stated and not in_bracket else plain
    words = whole.split("_")
    if (plain in _TIME_NAMES or plain.startswith("time_")) and (not stated or time_unit(stated)):
        return Column(index, name, plain, time_unit(stated), "time")
    if (whole in _TIME_NAMES or whole.startswith("time_")) and not (in_bracket and stated):
        return Column(index, name, whole, time_unit(stated), "time")
    if "power" in words and (not stated or (not in_bracket and len(stated) == 1)):
        # The noun decides: the `a` of power_phase_a is a phase, not amperes.
        return Column(index, name, whole, "", "power")
    if stated:
        return Column(index, name, plain, stated.lower(), "foreign")
    return Column(index, name, plain, "", "unknown")


def time_column(columns: list[Column]) -> Column | None:
    """Give the column of time: one that states its unit before others, then in the order of usual names."""
    times = [column for column in columns if column.kind == "time"]

    def rank(column: Column) -> tuple[bool, int, int]:
        usual = _TIME_NAMES.index(column.plain) if column.plain in _TIME_NAMES else len(_TIME_NAMES)
        return (not column.unit, usual, column.index)

    return min(times, key=rank) if times else None


def key_columns(columns: list[Column]) -> list[Column]:
    """Give the columns that tell interleaved meters apart: host, then GPU; none, one or both."""
    found = []
    for names in (_HOST_KEYS, _GPU_KEYS):
        named = {column.plain: column for column in reversed(columns) if column.kind == "unknown"}
        if key := next((name for name in names if name in named), None):
            found.append(named[key])
    return found
