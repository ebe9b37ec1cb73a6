"""Make the numbers of the data sheet: what the sensor is, and what the sections draw.

    python analyse.py             # writes data/figures.json and data/folded.csv.gz; needs scipy

Every number stands on the files in data/ alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from convert import write
from dataset import FOLDER, Floats, Recording, folded, iterations, read, sharpened
from scipy.optimize import least_squares

SLOW_SQUARES = ("square_0p5hz", "square_1hz", "square_2hz", "square_5hz")
# Sections of equal iterations, and how long one part of the sharpened waveform is, s.
FOLDED = {
    "square_2hz": 4e-3, "square_5hz": 4e-3, "square_10hz": 3e-3, "square_20hz": 3e-3, "square_1hz_full": 5e-3,
    "short_steps": 3e-3, "long_steps": 7e-3, "gap_idle_100ms": 4e-3, "gap_idle_300ms": 4e-3,
    "gap_idle_600ms": 5e-3, "gap_spin_300ms": 4e-3, "gap_copy_300ms": 4e-3,
}  # fmt: skip
QUANTILES = (0.01, 0.5, 0.99)


def rounded(value: Any, digits: int = 4) -> Any:
    """Numbers with so many significant digits, in nested tables too."""
    if isinstance(value, dict):
        return {key: rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry, digits) for entry in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float | np.floating) else value


def spacing(time_s: Floats) -> list[float]:
    """Quantiles 1, 50, 99 % of the time between changes, s, and its mean."""
    steps_s = np.diff(time_s)
    return [*(float(np.quantile(steps_s, q)) for q in QUANTILES), float(np.mean(steps_s))]


def falling_edges(recording: Recording) -> tuple[Floats, Floats]:
    """Samples around the ends of load in the slow square waves: time since the end s, power W."""
    since, power = [], []
    for section in SLOW_SQUARES:
        for mark in recording.of(section, "matmul")[1:]:
            t, p = recording.within(mark.end_s - 0.03, mark.end_s + 0.09)
            since.append(t - mark.end_s)
            power.append(p)
    return np.concatenate(since), np.concatenate(power)


def step_response(kind: str, since_s: Floats, delay_s: float, width_s: float) -> Floats:
    """What is left of a load that ended at 0, behind a delay and a low pass or a mean over a window."""
    late_s = since_s - delay_s
    if kind == "low pass":
        return np.exp(-np.maximum(late_s, 0.0) / width_s)
    return np.clip(1.0 - late_s / width_s, 0.0, 1.0)


def buffer_response(recording: Recording, kind: str) -> dict[str, float]:
    """Fit delay and width to the falling edges; levels and a slow tail of 50 ms are free."""
    since_s, power_w = falling_edges(recording)

    def left(p: Floats) -> Floats:
        rest = step_response(kind, since_s, p[3], p[4])
        tail = p[2] * np.exp(-np.maximum(since_s, 0.0) / 0.05) * (1.0 - rest)
        return np.asarray(p[1] + tail + (p[0] - p[1]) * rest - power_w)

    begin = [680.0, 130.0, 10.0, 0.003, 0.015]
    scale = [100.0, 100.0, 10.0, 0.01, 0.01]
    fit = least_squares(left, begin, loss="soft_l1", f_scale=20.0, x_scale=scale)
    error_w = left(fit.x)
    return {
        "delay_s": float(fit.x[3]),
        "width_s": float(fit.x[4]),
        "samples": len(power_w),
        "error_median_w": float(np.median(np.abs(error_w))),
        "error_rms_w": float(np.sqrt(np.mean(error_w**2))),
    }


def instant_lag_s(recording: Recording) -> dict[str, float]:
    """By how much the instant reading is late of the buffer, by the least mean difference up to 60 W."""
    t, p = recording.readings["power_instant_w"]
    first, last = recording.span("square_0p5hz")[0], recording.span("square_20hz")[1]
    keep = (t > first) & (t < last)
    t, p = t[keep], p[keep]
    lags_s = np.arange(-0.02, 0.0401, 0.0005)
    apart_w = [np.abs(np.interp(t - lag_s, recording.time_s, recording.power_w) - p) for lag_s in lags_s]
    errors = [float(np.mean(np.minimum(apart, 60.0))) for apart in apart_w]
    best = int(np.argmin(errors))
    return {"lag_s": float(lags_s[best]), "mean_error_w": errors[best]}


def energy_j(recording: Recording) -> Floats:
    """Integral of the buffer up to each of its samples, linearly between them."""
    middle_w = 0.5 * (recording.power_w[1:] + recording.power_w[:-1])
    return np.concatenate([[0.0], np.cumsum(middle_w * np.diff(recording.time_s))])


def average_window(recording: Recording, name: str) -> dict[str, float]:
    """Length and delay of the mean that explains a reading, taken over the samples of the buffer."""
    t, p = recording.readings[name]
    start_s, end_s = recording.span("step_8s")[0] + 1.5, recording.span("square_0p5hz")[1]
    keep = (t > start_s) & (t < end_s)
    t, p = t[keep], p[keep]
    total_j = energy_j(recording)
    tries = []
    for window_s in np.arange(0.8, 1.2, 0.005):
        for delay_s in np.arange(-0.02, 0.06, 0.0025):
            ends = np.interp(t - delay_s, recording.time_s, total_j)
            begins = np.interp(t - delay_s - window_s, recording.time_s, total_j)
            error_w = (ends - begins) / window_s - p
            tries.append((float(np.sqrt(np.mean(error_w**2))), float(window_s), float(delay_s)))
    error_w, window_s, delay_s = min(tries)
    return {"window_s": window_s, "lag_behind_buffer_s": delay_s, "error_rms_w": error_w}


def energy_counter(recording: Recording) -> dict[str, float]:
    """The counter against the integral of the buffer: in all, and from one change to the next."""
    t, e = recording.readings["energy_j"]
    keep = (t > recording.time_s[5]) & (t < recording.time_s[-5])
    t, e = t[keep], e[keep]
    total_j = energy_j(recording)
    ours = np.interp(t, recording.time_s, total_j)
    apart_w = (np.diff(e) - np.diff(ours)) / np.diff(t)
    return {
        "counted_j": float(e[-1] - e[0]),
        "counted_over_integral": float((e[-1] - e[0]) / (ours[-1] - ours[0])),
        "difference_median_w": float(np.median(np.abs(apart_w))),
        "difference_rms_w": float(np.sqrt(np.mean(apart_w**2))),
    }


def agreement(recording: Recording, name: str, other: str) -> float:
    """Share of the values of one reading that are values of the other within 0.3 s."""
    t, p = recording.readings[name]
    u, q = recording.readings[other]
    return float(
        np.mean([bool((np.abs(q[np.abs(u - s) < 0.3] - v) < 5e-4).any()) for s, v in zip(t, p, strict=True)])
    )


def sensor(recording: Recording) -> dict[str, Any]:
    """All that is known of the sensor from one recording."""
    found: dict[str, Any] = {"buffer": {"spacing_s_p1_p50_p99_mean": spacing(recording.time_s)}}
    for kind in ("low pass", "window"):
        found["buffer"][kind.replace(" ", "_")] = buffer_response(recording, kind)
    for name in ("power_instant_w", "power_average_w", "power_usage_w", "energy_j"):
        if name in recording.readings:
            found[name] = {"spacing_s_p1_p50_p99_mean": spacing(recording.readings[name][0])}
    if "power_instant_w" in recording.readings:
        found["power_instant_w"] |= instant_lag_s(recording)
        found["power_average_w"] |= average_window(recording, "power_average_w")
        same = agreement(recording, "power_usage_w", "power_average_w")
        found["power_usage_w"]["share_equal_to_average"] = same
    found["energy_j"] |= energy_counter(recording)
    return found


def section_figures(recording: Recording) -> dict[str, Any]:
    """Power of each section by the buffer, and the length of its iterations."""
    found = {}
    for entry in recording.meta["sections"]:
        t, p = recording.within(entry["start_s"], entry["end_s"])
        figures: dict[str, Any] = {
            "start_s": entry["start_s"],
            "length_s": entry["end_s"] - entry["start_s"],
            "mean_w": float(np.trapezoid(p, t) / (t[-1] - t[0])),
            "lowest_w": float(p.min()),
            "highest_w": float(p.max()),
        }
        if entry["name"] in FOLDED:
            starts, figures["iteration_s"] = iterations(recording, entry["name"])
            figures["iterations_folded"] = len(starts)
        if entry["name"] == "held_power":
            figures["mean_of_quarters_w"] = quarter_means(t, p)
        for key in ("steps", "loss_first", "loss_last"):
            if key in entry:
                figures[key] = entry[key]
        found[entry["name"]] = figures
    return found


def quarter_means(t_s: Floats, power_w: Floats) -> list[float]:
    """Mean power in each quarter of a section, without the first fifth of the quarter."""
    edges = np.linspace(t_s[0], t_s[-1], 5)
    spans = [(0.8 * a + 0.2 * b, b) for a, b in itertools.pairwise(edges)]
    inside = [(t_s >= a) & (t_s < b) for a, b in spans]
    return [float(np.trapezoid(power_w[k], t_s[k]) / np.ptp(t_s[k])) for k in inside]


def fall_s(edges_s: Floats, power_w: Floats, end_s: float) -> float:
    """Time in which a sharpened square falls from 80 to 20 % of its height, about the end of load."""
    middle_s = 0.5 * (edges_s[1:] + edges_s[:-1])
    near = np.abs(middle_s - end_s) < 0.4 * end_s
    high = float(np.median(power_w[(middle_s > 0.4 * end_s) & (middle_s < 0.8 * end_s)]))
    low = float(np.median(power_w[(middle_s > 1.3 * end_s) & (middle_s < 1.8 * end_s)]))
    share = (power_w[near] - low) / (high - low)
    times = middle_s[near]
    last = int(np.flatnonzero(share > 0.8)[-1])

    def crossing(level: float) -> float:
        k = last + int(np.flatnonzero(share[last:] < level)[0])
        slope = (share[k] - share[k - 1]) / (times[k] - times[k - 1])
        return float(times[k - 1] + (level - share[k - 1]) / slope)

    return crossing(0.2) - crossing(0.8)


def fold(recordings: dict[int, Recording], found: dict[str, Any], path: Path) -> dict[str, Any]:
    """Write the waveforms of iterations that repeat; give what the sharpened ones of known squares show."""
    lines, checks = [], {}
    for number, recording in recordings.items():
        response = found["1"]["buffer"]["low_pass"]
        for section, part_s in FOLDED.items():
            phase_s, power_w, length_s = folded(recording, section)
            bins = round(length_s / part_s)
            sharp_w = sharpened(
                phase_s, power_w, length_s, delay_s=response["delay_s"], tau_s=response["width_s"], bins=bins
            )
            edges_s = np.linspace(0.0, length_s, bins + 1)
            of = np.clip(np.searchsorted(edges_s, phase_s, "right") - 1, 0, bins - 1)
            for k in range(bins):
                seen = power_w[of == k]
                middle = f"{np.median(seen):.1f}" if len(seen) else ""
                span = f"{edges_s[k]:.6f},{edges_s[k + 1]:.6f}"
                lines.append(f"{number},{section},{span},{len(seen)},{middle},{sharp_w[k]:.1f}")
            if section in ("square_2hz", "square_5hz", "square_10hz"):
                checks[f"{section}, recording {number}"] = fall_s(edges_s, sharp_w, length_s / 2)
    write(path, "recording,section,start_s,end_s,samples,seen_power_w,sharpened_power_w", lines)
    return {"fall_80_to_20_percent_s": checks}


def figures(folder: Path = FOLDER) -> dict[str, Any]:
    """Make all numbers, and write the folded waveforms."""
    recordings = {number: read(number, folder) for number in (1, 2)}
    found = {str(number): sensor(recording) for number, recording in recordings.items()}
    sharp = fold(recordings, found, folder / "folded.csv.gz")
    return {
        "sensor": rounded(found),
        "sharpened": rounded(sharp, 2),
        "sections": {str(number): rounded(section_figures(r), 5) for number, r in recordings.items()},
    }


def table(found: dict[str, Any]) -> list[str]:
    """Rows of the data sheet: section, its span in both recordings, iteration, mean and range of power."""
    lines = []
    for name, one in found["sections"]["1"].items():
        two = found["sections"]["2"][name]
        spans = [f"{f['start_s']:.1f} to {f['start_s'] + f['length_s']:.1f}" for f in (one, two)]
        iteration = f"{one['iteration_s']:.3f}" if "iteration_s" in one else ""
        powers = " | ".join(f"{one[key]:.0f}" for key in ("mean_w", "lowest_w", "highest_w"))
        lines.append(f"| `{name}` | {spans[0]} | {spans[1]} | {iteration} | {powers} |")
    return lines


def checksums(folder: Path = FOLDER) -> str:
    """SHA-256 of the data files, as sha256sum writes them."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".gz", ".json"))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)


if __name__ == "__main__":
    text = json.dumps(figures(), indent=1) + "\n"
    (FOLDER / "figures.json").write_text(text, encoding="utf-8")
    (FOLDER / "SHA256SUMS").write_text(checksums(), encoding="utf-8")
    print(text, *table(json.loads(text)), sep="\n")
