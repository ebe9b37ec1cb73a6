"""Picture of a screening: lines of load and import against bands and modes, and the response below."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel.errors import Fault, MissingExtra, ScenarioError

if TYPE_CHECKING:
    from wattkeel.resonance.pieces import Floats
    from wattkeel.resonance.study import Study
    from wattkeel.resonance.targets import Target

__all__ = ["check_picture", "plot"]

SUFFIXES = (".svg", ".png", ".pdf")
#: Decades of amplitude that are shown below the largest line.
_DECADES = 5
_POINTS = 3000
# Lines that are named in the picture, how many are tried for it, and the distance of two names in decades.
_NAMED, _CANDIDATES, _APART = 6, 40, 0.22
# A band narrower than this ratio of its edges is marked like a mode.
_NARROW = 1.05
_LOAD, _IMPORT, _GAIN, _FREQUENCY = "#9aa3ad", "#1d4ed8", "#0f766e", "#b45309"
_BANDS = {"electromechanical": "#fde68a", "torsional": "#fecaca", "converter": "#ddd6fe", "other": "#e5e7eb"}
_MODES = {"electromechanical": "#a16207", "torsional": "#b91c1c", "converter": "#6d28d9", "other": "#374151"}


def plot(study: Study, path: str | Path) -> Path:
    """Draw a screening.

    Parameters
    ----------
    study : Study
        The screening.
    path : str or Path
        File to write: ``.svg``, ``.png`` or ``.pdf``.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ScenarioError
        The suffix of the file is not known.
    MissingExtra
        matplotlib is not installed.
    OSError
        The file cannot be written.
    """
    target = check_picture(path)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("matplotlib", "plot", "drawing a screening for resonances") from None
    with matplotlib.rc_context({"svg.hashsalt": "wattkeel", "font.size": 9, "axes.linewidth": 0.8}):
        figure = Figure(figsize=(11.0, 7.4), layout="constrained")
        above, middle, below = figure.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": [_rows(study) * 0.16 + 0.3, 3.0, 1.7]}
        )
        limits = _reach(study)
        _draw_targets(above, study, limits)
        _draw_spectra(middle, study, limits)
        _draw_response(below, study)
        for axes in (above, middle, below):
            axes.set_xscale("log")
            axes.set_xlim(*limits)
            axes.grid(True, which="major", color="#d1d5db", linewidth=0.6)
            axes.grid(True, which="minor", axis="x", color="#eef0f2", linewidth=0.5)
            axes.set_axisbelow(True)
        below.set_xlabel("frequency (Hz)")
        below.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        figure.suptitle(f"{study.title}: lines of the power and what they may excite", fontsize=11)
        figure.supxlabel(_foot(study), fontsize=7.5, color="#4b5563")
        figure.savefig(target, dpi=150, metadata={"Date": None} if target.suffix == ".svg" else None)
    return target


def check_picture(path: str | Path) -> Path:
    """Path of a picture; `ScenarioError` where its suffix names none that can be drawn."""
    target = Path(path)
    if target.suffix.lower() not in SUFFIXES:
        remedy = f"give one of {', '.join(SUFFIXES)}"
        raise ScenarioError([Fault("plot", str(path), "is no kind of picture that can be drawn", remedy)])
    return target


def _reach(study: Study) -> tuple[float, float]:
    """Lowest and highest frequency of the picture, Hz."""
    low_hz = max(float(study.power.frequency_hz[0]), 0.01)
    high_hz = min(float(study.power.frequency_hz[-1]), 100.0)
    modes = [mode.frequency_hz for target in study.targets for mode in target.modes]
    low_hz = min([low_hz * 1.0, *(0.5 * hz for hz in modes if hz >= low_hz)])
    return low_hz, max(high_hz, 2.0 * low_hz)


def _foot(study: Study) -> str:
    of = study.power
    segments = "one segment" if of.segments == 1 else f"{of.segments} segments"
    return (
        f"{study.start_s:g} to {study.stop_s:g} s of the run, Hann window, {segments}, a line every "
        f"{of.resolution_hz:.3g} Hz; {study.reach.why}. A screening of frequencies and amplitudes at the "
        "POI; no torsional study."
    )


def _rows(study: Study) -> int:
    return max(1, len(study.targets))


def _draw_targets(axes: Any, study: Study, limits: tuple[float, float]) -> None:
    """One row for each entry: bands as bars, modes as marks; names beside them."""
    names = []
    for row, target in enumerate(reversed(study.targets)):
        nature = target.parameters.nature
        names.append(target.name)
        if not target.modes:
            low_hz, high_hz = target.parameters.low_hz, target.parameters.high_hz
            axes.barh(row, high_hz - low_hz, left=low_hz, height=0.7, color=_BANDS[nature], zorder=3)
            axes.plot([low_hz, high_hz], [row, row], color=_MODES[nature], linewidth=1.0, zorder=4)
            if high_hz < _NARROW * low_hz:
                middle_hz = math.sqrt(low_hz * high_hz)
                axes.plot(middle_hz, row, marker="|", markersize=9, color=_MODES[nature], mew=1.6, zorder=4)
            continue
        half_hz = target.parameters.width_hz
        for mode in target.modes:
            left_hz = max(mode.frequency_hz - half_hz, limits[0] * 1e-3)
            width_hz = mode.frequency_hz + half_hz - left_hz
            axes.barh(row, width_hz, left=left_hz, height=0.5, color=_BANDS[nature], zorder=3)
            axes.plot(
                mode.frequency_hz, row, marker="|", markersize=9, color=_MODES[nature], mew=1.6, zorder=4
            )
    natures = list(dict.fromkeys(target.parameters.nature for target in study.targets))
    keys = [axes.barh(-9.0, 0.0, color=_BANDS[n], edgecolor=_MODES[n], label=n) for n in natures]
    axes.legend(handles=keys, loc="lower left", fontsize=7.5, framealpha=0.9)
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.tick_params(axis="y", length=0)


def _draw_spectra(axes: Any, study: Study, limits: tuple[float, float]) -> None:
    """Amplitudes of load and import, with the bands and modes behind them."""
    factor, unit = _scale(float(study.load.amplitude.max()))
    top = 0.0
    for spectrum, colour, name in (
        (study.load, _LOAD, "load of the site bus"),
        (study.power, _IMPORT, "import at the POI"),
    ):
        frequency, amplitude = _thinned(spectrum.frequency_hz, spectrum.amplitude * factor, limits)
        top = max(top, float(amplitude.max(initial=0.0)))
        axes.plot(frequency, amplitude, color=colour, linewidth=1.0, label=name, zorder=4)
    if top > 0.0:
        axes.set_yscale("log")
        axes.set_ylim(top * 10.0**-_DECADES, top * 3.0)
    _draw_behind(axes, study.targets)
    _name_lines(axes, study, factor, unit, limits)
    axes.set_ylabel(f"amplitude ({unit})\nhalf of peak to peak")
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9)


def _name_lines(axes: Any, study: Study, factor: float, unit: str, limits: tuple[float, float]) -> None:
    """Frequency and amplitude at the strongest lines of the import, as far apart as their texts are wide."""
    least = axes.get_ylim()[0] * 3.0
    named: list[float] = []
    for line in study.power.lines(_CANDIDATES):
        inside = limits[0] * 1.2 < line.frequency_hz < limits[1] / 1.2
        apart = all(abs(math.log10(line.frequency_hz / other)) > _APART for other in named)
        if not (inside and apart) or line.amplitude_w * factor < least or len(named) == _NAMED:
            continue
        named.append(line.frequency_hz)
        axes.annotate(
            f"{line.frequency_hz:.3g} Hz\n{line.amplitude_w * factor:.3g} {unit}",
            (line.frequency_hz, line.amplitude_w * factor),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=_IMPORT,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75},
            zorder=6,
        )


def _draw_behind(axes: Any, targets: tuple[Target, ...]) -> None:
    for target in targets:
        nature = target.parameters.nature
        if not target.modes and nature != "torsional":
            axes.axvspan(
                target.parameters.low_hz,
                target.parameters.high_hz,
                color=_BANDS[nature],
                alpha=0.45,
                zorder=1,
            )
        for mode in target.modes:
            axes.axvline(mode.frequency_hz, color=_MODES[nature], linewidth=0.7, alpha=0.55, zorder=2)


def _draw_response(axes: Any, study: Study) -> None:
    """Import over load in the small, and the frequency that a swing of the load causes."""
    if study.response is None:
        axes.text(0.5, 0.5, "no response was computed", transform=axes.transAxes, ha="center")
        return
    of = study.response
    axes.plot(of.frequency_hz, np.abs(of.power), color=_GAIN, linewidth=1.4, zorder=4)
    axes.axhline(1.0, color=_GAIN, linewidth=0.7, linestyle=":", zorder=2)
    axes.set_yscale("log")
    axes.set_ylabel("import over load,\nsmall signal (W/W)", color=_GAIN)
    axes.tick_params(axis="y", colors=_GAIN)
    frequency = np.abs(of.frequency_hz_per_w) * 1e9
    if float(frequency.max(initial=0.0)) > 0.0:
        beside = axes.twinx()
        beside.plot(of.frequency_hz, frequency, color=_FREQUENCY, linewidth=1.2, linestyle="--", zorder=4)
        beside.set_yscale("log")
        beside.set_ylabel("frequency at the POI\nper swing of load (mHz/MW)", color=_FREQUENCY)
        beside.tick_params(axis="y", colors=_FREQUENCY)


def _scale(largest_w: float) -> tuple[float, str]:
    for factor, unit, least in ((1e-6, "MW", 1e5), (1e-3, "kW", 1e2)):
        if largest_w >= least:
            return factor, unit
    return 1.0, "W"


def _thinned(frequency: Floats, amplitude: Floats, limits: tuple[float, float]) -> tuple[Floats, Floats]:
    """Lines of a log axis: all where they are sparse, elsewhere the largest of each share of the axis."""
    inside = (frequency >= limits[0]) & (frequency <= limits[1])
    frequency, amplitude = frequency[inside], amplitude[inside]
    if not len(frequency):
        return frequency, amplitude
    span = math.log(limits[1] / limits[0])
    place = np.minimum((np.log(frequency / limits[0]) / span * _POINTS).astype(int), _POINTS - 1)
    order = np.lexsort((-amplitude, place))
    _, first = np.unique(place[order], return_index=True)
    index = np.sort(order[first])
    return frequency[index], amplitude[index]
