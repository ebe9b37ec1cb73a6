"""Write examples/grid-playback.csv: the six voltage depressions in Virginia on 10 July 2024.

Times and durations: NERC, Incident Review: Considering Simultaneous Voltage-Sensitive Load Reductions,
8 January 2025. The review gives the residual voltage in the area of the lost load as 0.25 to 0.40 pu, not one
by one: the middle of that range is taken for all six [assumed]. Rows stand where the voltage changes, so play
it back with interpolation = "hold".

    python examples/make_grid_playback.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

# Start s, duration s.
DEPRESSIONS = (
    (0.000, 0.042),
    (0.532, 0.066),
    (15.860, 0.058),
    (21.279, 0.050),
    (76.249, 0.066),
    (81.665, 0.059),
)
RESIDUAL_PU = 0.5 * (0.25 + 0.40)
END_S = 90.0


def rows() -> list[tuple[float, float]]:
    """Time s and voltage pu of every change."""
    course = []
    for start_s, duration_s in DEPRESSIONS:
        course += [(start_s, RESIDUAL_PU), (start_s + duration_s, 1.0)]
    return [*course, (END_S, 1.0)]


def text() -> str:
    """The file."""
    return "t_s,voltage_pu\n" + "".join(f"{time_s:.3f},{voltage_pu:g}\n" for time_s, voltage_pu in rows())


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("grid-playback.csv")
    target.write_text(text(), encoding="utf-8", newline="\n")
    print(target)
