"""Text of the page: escaping, numbers with units, tables. Every string of the user passes `text`."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from wattkeel.report.interface import FindingLike, ResultLike

#: Steps of a unit: (smallest magnitude in SI, factor to the shown unit, shown unit), largest first.
_STEPS: dict[str, tuple[tuple[float, float, str], ...]] = {
    "W": ((1e10, 1e-9, "GW"), (1e6, 1e-6, "MW"), (1e3, 1e-3, "kW"), (0.0, 1.0, "W")),
    "var": ((1e10, 1e-9, "Gvar"), (1e6, 1e-6, "Mvar"), (1e3, 1e-3, "kvar"), (0.0, 1.0, "var")),
    "VA": ((1e10, 1e-9, "GVA"), (1e6, 1e-6, "MVA"), (1e3, 1e-3, "kVA"), (0.0, 1.0, "VA")),
    # Ramps of minutes are written in MW/min, those of seconds in MW/s.
    "W/s": ((2e6, 1e-6, "MW/s"), (1e3, 6e-5, "MW/min"), (1e1, 1e-3, "kW/s"), (0.0, 1.0, "W/s")),
    "W/min": ((1e6, 1e-6, "MW/min"), (1e3, 1e-3, "kW/min"), (0.0, 1.0, "W/min")),
    "J": ((3.6e13, 1 / 3.6e12, "GWh"), (3.6e9, 1 / 3.6e9, "MWh"), (3.6e5, 1 / 3.6e6, "kWh"), (0.0, 1.0, "J")),
    "V": ((1e3, 1e-3, "kV"), (0.0, 1.0, "V")),
    "1": ((0.0, 1.0, ""),),
}

#: Units that are given scaled: their base and factor, so that small values get a smaller unit.
_SCALED: dict[str, tuple[str, float]] = {"MW": ("W", 1e6), "MW/min": ("W/min", 1e6)}

#: Runs longer than this write times as h:mm:ss [s].
LONG_RUN_S = 600.0

#: Suffix of a name and its unit, longest suffix first.
SUFFIXES: tuple[tuple[str, str], ...] = (
    ("_w_per_s", "W/s"),
    ("_hz_per_s", "Hz/s"),
    ("_w", "W"),
    ("_var", "var"),
    ("_va", "VA"),
    ("_j", "J"),
    ("_mwh", "MWh"),
    ("_kwh", "kWh"),
    ("_mw", "MW"),
    ("_kw", "kW"),
    ("_s", "s"),
    ("_ms", "ms"),
    ("_h", "h"),
    ("_v", "V"),
    ("_a", "A"),
    ("_ah", "Ah"),
    ("_hz", "Hz"),
    ("_pu", "pu"),
    ("_ohm", "ohm"),
    ("_f", "F"),
    ("_c", "1/h"),
    ("_percent", "%"),
)


def text(value: object) -> str:
    """Escape any value for element content and quoted attributes."""
    return html.escape(str(value), quote=True)


def plain_name(name: str) -> str:
    """A name of the program as words."""
    return name.replace("_", " ")


def link(source: str) -> str:
    """A source as a link when it is one, else as text."""
    parts = urlsplit(source) if source.startswith(("https://", "http://")) else None
    if parts is None or not parts.netloc:
        return text(source)
    return f'<a href="{text(source)}" rel="noreferrer noopener">{text(parts.netloc)}</a>'


def embedded_json(value: object) -> str:
    """JSON that is safe inside a script element: no ``<``, ``>`` or ``&`` is left that could end it."""
    dumped = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return dumped.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def unit_of(name: str) -> str:
    """Unit that the suffix of a name states; empty when it has none (a pure number)."""
    for suffix, unit in SUFFIXES:
        if name.endswith(suffix):
            return unit
    return ""


def scaling(magnitude: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which a quantity of this magnitude [SI] is shown."""
    steps = _STEPS.get(unit)
    if steps is None:
        return 1.0, unit
    for smallest, factor, shown in steps:
        if abs(magnitude) >= smallest * (1.0 - 1e-9):
            return factor, shown
    return steps[-1][1], steps[-1][2]


def number(value: float | None, digits: int = 4) -> str:
    """A number to so many significant digits, without needless exponents; a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude > 8:
        mantissa, exponent = f"{value:.{max(digits - 2, 1)}e}".split("e")
        shown = f"{mantissa}e{int(exponent)}"
    else:
        decimals = max(digits - 1 - magnitude, 0)
        shown = f"{value:.{decimals}f}"
        if "." in shown and float(shown) == round(value):
            shown = shown.split(".")[0] if float(shown) == value else shown
    return shown.replace("-", "−")


def fixed(value: float | None, like: float, digits: int = 4) -> str:
    """A number with as many decimals as one of the size of ``like`` has at so many significant digits."""
    if value is None or not math.isfinite(value) or not math.isfinite(like) or like == 0:
        return number(value, digits)
    magnitude = math.floor(math.log10(abs(like)) + 1e-9)
    return f"{value:.{min(max(digits - 1 - magnitude, 0), 12)}f}".replace("-", "−")


def quantity(value: float | None, unit: str, *, like: float | None = None, digits: int = 4) -> str:
    """A number with its unit, scaled by its own size, or in the unit and decimals of a quantity ``like``."""
    if value is None or math.isnan(value):
        return "–"
    if unit in _SCALED:
        unit, factor = _SCALED[unit]
        return quantity(value * factor, unit, like=None if like is None else like * factor, digits=digits)
    like = None if like is None or not math.isfinite(like) or like == 0 else like
    factor, shown = scaling(value if like is None else like, unit)
    words = number(value * factor, digits) if like is None else fixed(value * factor, like * factor, digits)
    return f"{words} {shown}".rstrip()


def amount(value: float | None, unit: str, *, like: float | None = None) -> str:
    """A value of a finding with its unit; a length of time in the unit that reads best."""
    return duration(value) if unit == "s" else quantity(value, unit, like=like)


def amounts(finding: FindingLike) -> tuple[str, str]:
    """Value and limit of a finding, with as many decimals as each other."""
    finite = [abs(x) for x in (finding.limit, finding.value) if x is not None and math.isfinite(x)]
    like = max(finite, default=0.0)
    value, limit = (amount(x, finding.unit, like=like) for x in (finding.value, finding.limit))
    return value, limit


def span(low: float, high: float, unit: str, digits: int = 4) -> str:
    """A range in one unit and with the same decimals: ``72.1–131.0 MW``; one number where both read alike."""
    largest = max(abs(low), abs(high))
    factor, shown = scaling(largest, unit)
    first, last = (fixed(value * factor, largest * factor, digits) for value in (low, high))
    return f"{joined(first, last)} {shown}".rstrip()


def joined(first: str, last: str) -> str:
    """Two ends of a range as text; one of them where they read alike."""
    if first == last:
        return first
    return f"{first}{' to ' if '−' in first + last else '–'}{last}"


def decimals(low: float, high: float, digits: int, unit: str) -> str:
    """A range with so many decimals: ``59.981–60.004 Hz``, or ``60.000 Hz`` where both ends read alike."""
    first, last = (f"{value:.{digits}f}".replace("-", "−") for value in (low, high))
    return f"{joined(first, last)} {unit}"


def energy_scaling(energies_j: Iterable[float]) -> tuple[float, str]:
    """Factor and unit that suit all energies of a table: those of the middle of its sizes."""
    sizes = [abs(energy_j) for energy_j in energies_j if math.isfinite(energy_j) and energy_j != 0.0]
    return scaling(math.sqrt(min(sizes) * max(sizes)) if sizes else 0.0, "J")


def clock(time_s: float | None, *, long_run: bool = False) -> str:
    """A time of the run: seconds, or h:mm:ss for runs of more than ten minutes."""
    if time_s is None or math.isnan(time_s):
        return "–"
    if not long_run:
        return f"{time_s:.3f} s"
    millis = round(time_s * 1e3)
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours}:{minutes:02d}:{rest / 1e3:06.3f}"


def is_long(result: ResultLike) -> bool:
    """Whether times of a run are written as h:mm:ss."""
    return result.duration_s > LONG_RUN_S


def duration(value_s: float | None) -> str:
    """A length of time in the unit that reads best."""
    if value_s is None or math.isnan(value_s):
        return "–"
    for smallest, factor, unit in (
        (172_800.0, 1 / 86_400, "d"),
        (7200.0, 1 / 3600, "h"),
        (600.0, 1 / 60, "min"),
    ):
        if value_s >= smallest:
            return f"{number(value_s * factor)} {unit}"
    if 0 < abs(value_s) < 1.0:
        return f"{number(value_s * 1e3)} ms"
    return f"{number(value_s)} s"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numeric: Sequence[int] = (),
    kind: str = "",
    caption: str = "",
) -> str:
    """An HTML table of cells that are already markup; ``numeric`` columns are aligned to the right."""
    right = frozenset(numeric)

    def cell(tag: str, column: int, content: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        side = ' class="n"' if column in right else ""
        return f"<{tag}{scope}{side}>{content}</{tag}>"

    named = f' class="{kind}"' if kind else ""
    parts = [f'<div class="scroll"><table{named}>']
    if caption:
        parts.append(f"<caption>{caption}</caption>")
    if head:
        parts.append("<thead><tr>" + "".join(cell("th", i, h) for i, h in enumerate(head)) + "</tr></thead>")
    parts.append("<tbody>")
    parts.extend("<tr>" + "".join(cell("td", i, c) for i, c in enumerate(row)) + "</tr>" for row in rows)
    parts.append("</tbody></table></div>")
    return "".join(parts)
