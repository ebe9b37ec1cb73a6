"""Draw the pictures of the data sheet from data/: needs matplotlib.

python draw.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.patches

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from dataset import FOLDER, Recording, folded, read, rows

HERE = Path(__file__).resolve().parent
COLOURS = {
    "forward": "#9ecae1", "backward": "#6baed6", "optimizer": "#e6550d", "evaluate": "#a1d99b",
    "matmul": "#9ecae1", "gap": "#f0f0f0", "spin": "#dadaeb", "copy": "#fdd0a2", "checkpoint_copy": "#fa9fb5",
    "checkpoint_write": "#dd3497", "checkpoint_wait": "#fcc5c0", "stall": "#ffeda0", "held": "#d9d9d9",
    "init": "#c7e9c0", "first_steps": "#41ab5d",
}  # fmt: skip
# Section, seconds from its start, length of the excerpt.
EXCERPTS = (
    ("job_start", 17.0, 6.0), ("short_steps", 10.0, 0.6), ("long_steps", 10.0, 3.0),
    ("gap_idle_100ms", 5.0, 2.0), ("gap_idle_300ms", 5.0, 3.0), ("gap_idle_600ms", 5.0, 4.0),
    ("gap_spin_300ms", 5.0, 3.0), ("gap_copy_300ms", 5.0, 3.0), ("start_stop", 2.0, 18.0),
    ("checkpoints", 0.0, 28.2), ("stalls", 2.0, 8.0),
    ("evaluations", 0.0, 10.0), ("held_power", 4.0, 20.0), ("square_1hz_full", 3.0, 4.0), ("job", 0.0, 69.1),
)  # fmt: skip


def excerpt(axes: Any, recording: Recording, section: str, start_s: float, length_s: float) -> set[str]:
    """One section: samples of the buffer over the phases; gives the phases shown."""
    begin_s = recording.span(section)[0] + start_s
    t, p = recording.within(begin_s, begin_s + length_s)
    shown = set()
    for mark in recording.of(section):
        if mark.end_s > begin_s and mark.start_s < begin_s + length_s and mark.phase in COLOURS:
            axes.axvspan(mark.start_s - begin_s, mark.end_s - begin_s, color=COLOURS[mark.phase], lw=0)
            shown.add(mark.phase)
    axes.plot(t - begin_s, p, "k.-", ms=2.0, lw=0.6)
    axes.set(title=section, xlim=(0, length_s), ylim=(0, 1000), xlabel="s", ylabel="W")
    return shown


def draw_shapes(recording: Recording) -> None:
    """A panel for each shape of iteration."""
    figure, panels = plt.subplots(5, 3, figsize=(13, 14))
    shown = set()
    for axes, (section, start_s, length_s) in zip(panels.flat, EXCERPTS, strict=True):
        shown |= excerpt(axes, recording, section, start_s, length_s)
    patches = [
        matplotlib.patches.Rectangle((0, 0), 1, 1, color=COLOURS[name]) for name in COLOURS if name in shown
    ]
    names = [name for name in COLOURS if name in shown]
    figure.legend(patches, names, ncols=7, loc="lower center", fontsize=9)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(HERE / "shapes.png", dpi=62)


def draw_sensor(recordings: dict[int, Recording]) -> None:
    """What the sensor makes of known loads, and the sharpened waveforms."""
    figure, panels = plt.subplots(2, 3, figsize=(13, 7))
    sharp = [row for row in rows(FOLDER / "folded.csv.gz") if row[0] == "1"]
    shapes = ("square_2hz", "square_10hz", "square_20hz", "short_steps", "gap_idle_100ms")
    for axes, section in zip(panels.flat, shapes, strict=False):
        phase_s, power_w, length_s = folded(recordings[1], section)
        mine = np.array([[row[2], row[3], row[6]] for row in sharp if row[1] == section], dtype=float)
        axes.plot(phase_s * 1e3, power_w, ".", ms=2.5, color="0.6", label="samples of the buffer")
        axes.stairs(mine[:, 2], np.append(mine[:, 0], mine[-1, 1]) * 1e3, label="sharpened (estimate)")
        first = recordings[1].of(section)
        start_s = next(mark.start_s for mark in first if mark.step == first[0].step + 5)
        for mark in first:
            if start_s - 1e-6 <= mark.start_s < start_s + length_s:
                axes.axvline((mark.start_s - start_s) * 1e3, color="k", lw=0.6)
        axes.set(title=f"{section}, folded", xlabel="ms since the iteration began", ylabel="W", ylim=(0, 900))
    panels[0, 0].legend(fontsize=8)
    start_s = recordings[2].span("step_8s")[0]
    axes = panels.flat[-1]
    t, p = recordings[2].within(start_s + 7.5, start_s + 10.0)
    axes.plot(t - start_s, p, ".-", ms=3, lw=0.5, color="0.6", label="buffer, 20 ms")
    for name, colour in (("power_instant_w", "C1"), ("power_average_w", "C2")):
        t, p = recordings[2].readings[name]
        keep = (t > start_s + 7.5) & (t < start_s + 10.0)
        axes.step(t[keep] - start_s, p[keep], where="post", color=colour, label=name)
    axes.set(title="step of load at 8 s", xlabel="s", ylabel="W", ylim=(0, 900))
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(HERE / "sensor.png", dpi=62)


if __name__ == "__main__":
    both = {number: read(number) for number in (1, 2)}
    draw_shapes(both[1])
    draw_sensor(both)
