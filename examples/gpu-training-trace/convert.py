"""Turn what record.py left into the files of the data set.

python convert.py RECORDING 2        # writes data/recording-2*
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from dataset import FOLDER

# Unit of what was polled -> factor to the unit of the name that is written.
POWER = {"instant": "power_instant_w", "average": "power_average_w", "usage": "power_usage_w"}
SCALED = {"_mw": ("_w", 1e-3), "_mhz": ("_hz", 1e6), "_mib_per_s": ("_byte_per_s", 2.0**20)}
DROPPED = ("gpu_util_percent", "sm_occupancy_percent", "pcie_transmit_mib_per_s", "pcie_receive_mib_per_s")


def write(path: Path, header: str, lines: Iterable[str]) -> None:
    """Write a gzipped CSV whose bytes depend on its content alone."""
    text = header + "\n" + "".join(f"{line}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def buffer_samples(slow: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times (CLOCK_MONOTONIC, ns) and W of the driver's buffer, whose stamps are of the real-time clock."""
    samples, pairs = slow["samples_total"], slow["clock_pairs_ns"]
    stamp_ns = samples[:, 1] * 1000
    offset_ns = pairs[:, 0] - pairs[:, 1]
    since = np.interp(stamp_ns - pairs[0, 1], pairs[:, 1] - pairs[0, 1], offset_ns - offset_ns[0])
    t_ns = stamp_ns + offset_ns[0] + since.astype(np.int64)
    keep = np.concatenate([[True], np.diff(t_ns) > 0])
    return t_ns[keep], samples[keep, 2] * 1e-3


def reading_lines(data: Any, zero_ns: int) -> Iterable[str]:
    """Changes of all readings of a file: name, last time of the old value, first time of the new, value."""
    names = sorted(key.removesuffix(".after_ns") for key in data if key.endswith(".after_ns"))
    for name in names:
        if name in DROPPED:
            continue
        shown, factor, digits = POWER.get(name, name), 1.0, 3
        if name in POWER:
            factor = 1e-3
        elif name == "energy":
            shown, factor = "energy_j", 1e-3
        for old, (new, scale) in SCALED.items():
            if name.endswith(old):
                shown, factor, digits = name.removesuffix(old) + new, scale, 0 if scale > 1 else 3
        columns = (data[f"{name}.{part}"] for part in ("before_ns", "after_ns", "value"))
        first_value = data[f"{name}.value"][0] if name == "energy" else 0
        for before_ns, after_ns, value in zip(*columns, strict=True):
            before_s = f"{(before_ns - zero_ns) * 1e-9:.5f}" if before_ns else ""
            value = (value - first_value) * factor
            yield f"{shown},{before_s},{(after_ns - zero_ns) * 1e-9:.5f},{value:.{digits}f}"


def poll_statistics(data: Any) -> dict[str, Any]:
    """How often each call was made, and how long it took."""
    found = {}
    for key in data:
        if key.endswith(".poll_step_ns"):
            name = key.removesuffix(".poll_step_ns")
            step_s, length_s = data[key] * 1e-9, data[f"{name}.poll_length_ns"] * 1e-9
            found[name] = {
                "polls": len(length_s),
                "interval_s_median_p99_max": [
                    round(float(np.quantile(step_s, q)), 6) for q in (0.5, 0.99, 1)
                ],
                "call_s_median_p99_max": [round(float(np.quantile(length_s, q)), 6) for q in (0.5, 0.99, 1)],
            }
    return found


def clean_meta(meta: dict[str, Any], zero_ns: int) -> dict[str, Any]:
    """Times from the beginning of the recording; the many refusals to tell of power smoothing as one."""
    sections = []
    for entry in meta["sections"]:
        kept = {key: value for key, value in entry.items() if key not in ("start_ns", "end_ns")}
        kept["start_s"] = round((entry["start_ns"] - zero_ns) * 1e-9, 6)
        kept["end_s"] = round((entry["end_ns"] - zero_ns) * 1e-9, 6)
        sections.append(kept)
    gpu = dict(meta["gpu"])
    smoothing = {key: gpu.pop(key) for key in list(gpu) if "pwr_smoothing" in key}
    gpu["power_smoothing_fields"] = sorted({str(answer) for answer in smoothing.values()})
    kept = {key: meta[key] for key in meta if key not in ("monotonic_ns", "realtime_ns", "sections", "gpu")}
    kept["options"] = {key: value for key, value in meta["options"].items() if key != "out"}
    kept["software"] = meta["software"] | {"kernel": meta["software"]["kernel"].partition("-")[0]}
    return {**kept, "gpu": gpu, "sections": sections}


def convert(raw: Path, number: int, folder: Path = FOLDER) -> None:
    """Write the files of one recording."""
    folder.mkdir(parents=True, exist_ok=True)
    meta = json.loads((raw / "meta.json").read_text(encoding="utf-8"))
    zero_ns = min(entry["start_ns"] for entry in meta["sections"])
    stem = f"recording-{number}"
    parts = {
        name: dict(np.load(path))
        for name in ("power", "energy", "slow")
        if (path := raw / f"{name}.npz").is_file()
    }
    t_ns, power_w = buffer_samples(parts["slow"])
    inside = t_ns >= zero_ns
    write(
        folder / f"{stem}-power.csv.gz",
        "time_s,power_w",
        (f"{(t - zero_ns) * 1e-9:.6f},{p:.3f}" for t, p in zip(t_ns[inside], power_w[inside], strict=True)),
    )
    lines = [line for data in parts.values() for line in reading_lines(data, zero_ns)]
    write(folder / f"{stem}-readings.csv.gz", "reading,before_s,time_s,value", lines)
    marks = [line.split(",") for line in (raw / "marks.csv").read_text(encoding="utf-8").splitlines()[1:]]
    write(
        folder / f"{stem}-marks.csv.gz",
        "section,step,phase,start_s,end_s",
        (
            f"{section},{step},{phase},{(int(a) - zero_ns) * 1e-9:.6f},{(int(b) - zero_ns) * 1e-9:.6f}"
            for section, step, phase, a, b in marks
        ),
    )
    known = clean_meta(meta, zero_ns)
    known["polls"] = {name: found for data in parts.values() for name, found in poll_statistics(data).items()}
    known["not_supported"] = [str(note) for data in parts.values() for note in data["notes"]]
    text = json.dumps(known, indent=1) + "\n"
    (folder / f"{stem}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the files of the data set.")
    parser.add_argument("raw", type=Path, help="folder that record.py wrote")
    parser.add_argument("number", type=int, help="number of the recording")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write")
    options = parser.parse_args()
    convert(options.raw, options.number, options.folder)
