"""LFP battery, supercapacitor shelves, or both: what each does to the swing of a training cluster.

    python examples/compare_storage.py --out runs/compare_storage

The cells (`# %%`) also run one by one in an editor or a notebook. The load is GPT-3 175B training on 64 nodes
of 8 H100, measured every 2 s (MLPerf Training v4.0, Apache-2.0); WATTKEEL_DATA names the folder that holds
`starter/train_gpt3_64xH100x8_mlperf40_smc_2s.parquet`. Without it a generated job of the same period and
swing takes its place, and every figure says so. Drawing needs the extra `wattkeel[plot]`, reading the trace
`wattkeel[io]`.
"""

# %% What is asked for
from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

import wattkeel as wk
from wattkeel import measures

parser = argparse.ArgumentParser(description="Compare stores beside a training cluster.")
parser.add_argument("--out", type=Path, default=Path("runs/compare_storage"), help="folder for figures")
parser.add_argument("--duration", type=float, default=3400.0, metavar="SECONDS", help="length of the run")
options, _ = parser.parse_known_args()  # a notebook has arguments of its own
if options.duration < 200.0:
    parser.error("the figures need at least 200 s: --duration 200")

SETTLE_S = min(600.0, options.duration / 2)  # the average of the control, and the ramp after it
BAND_HZ = (0.1, 20.0)
RAMP_WINDOWS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
SECONDS_PER_DAY = 86_400.0
J_PER_KWH = 3.6e6

# %% The load: measured where the data are, else generated
measured = Path(os.environ.get("WATTKEEL_DATA", "")) / "starter/train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
if measured.is_file():
    source = "GPT-3 on 512 H100, measured every 2 s (MLPerf v4.0)"
    workload: dict[str, Any] = {
        "kind": "trace",
        "trace": str(measured),
        "trace_boundary": "rack",
        "trace_gpus": 8,
        "trace_interpolation": "linear",
    }
    rack: dict[str, Any] = {"preset": "measured-node", "count": 64}
else:
    source = "GENERATED training job (WATTKEEL_DATA does not name the measured one)"
    workload = {
        "kind": "training",
        "period": "10.9 s",  # as measured; 12 iterations, then an evaluation
        "compute_fraction": 0.7,
        "compute_pu": 0.68,
        "communication_pu": 0.60,
        "edge": "500 ms",
        "checkpoint_every": 12,
        "checkpoint": "9 s",
        "checkpoint_pu": 0.5,
    }
    rack = {"preset": "dgx-h100", "count": 16}  # of four nodes
print(f"load: {source}")

# %% The stores: about the same power, sized for what each is good at
# 250 kWh of the cells and the PCS of an LFP container; a whole one (4 MWh) would serve sixteen such clusters.
SHARE = 250.0 / 4073.472  # of the container: of its walls and climate control too
CONTAINER_20FT = {
    "wall_w_per_k": 87.737,
    "heat_capacity_j_per_k": 224e3,
    "cooling_power_w": 60e3,
    "heating_power_w": 10e3,
    "auxiliary_power_w": 1500.0,
}
BATTERY = {
    "preset": "enerc-container",
    "energy": "250 kWh",
    "rated_power": "200 kW",
    "container": {"preset": "20ft", **{key: SHARE * whole for key, whole in CONTAINER_20FT.items()}},
}
# Eight shelves of 15 kW and 75 kJ.
SHELVES = {
    "kind": "supercapacitor",
    "role": "fast",
    "supercapacitor": {"preset": "delta-capacitance-shelf", "energy": "600 kJ"},
    "converter": {"preset": "notton-2", "rated_power": "120 kW", "time_constant": "5 ms"},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "no store": {},
    "supercapacitor": {"shelves": SHELVES},
    "LFP battery": {"battery": BATTERY},
    "both": {"battery": BATTERY, "shelves": SHELVES},
}


def scenario(storage: dict[str, Any]) -> wk.Scenario:
    """Return the cluster with these stores beside it."""
    control = {
        "period": "10 ms",
        "measurement_delay": "10 ms",
        "target": "follow",
        "average": "300 s",  # longer than the 140 s between evaluations
        "ramp_up": "60 kW/min",
        "ramp_down": "60 kW/min",
        "split": "0.02 Hz",  # iterations (0.09 Hz) to the shelves, what is slower to the battery
        "soc_gain": "200 kW",
        "soc_power_max": "50 kW",
        "fast_soc_gain": "20 kW",
    }
    return wk.Scenario.from_dict(
        {
            "title": f"Training cluster: {', '.join(storage) or 'no store'}",
            "schema_version": 1,
            # 10 ms: the record holds nothing faster than 0.25 Hz, and the band asked for ends at 20 Hz.
            "simulation": {"duration_s": options.duration, "tick": "10 ms"},
            "workload": {"cluster": workload},
            "gpu": {"accelerator": {"preset": "h100"}},
            "rack": {"node": {**rack, "gpu": "accelerator", "workload": "cluster", "feeds_from": "pdu"}},
            "distribution": {"pdu": {"preset": "pdu", "count": 2, "feeds_from": "site"}},
            "cooling": {"proportional": 0.05, "lagged": 0.15, "time_constant": "120 s"},
            "storage": storage,
            "control": control if storage else {"target": "off"},
            "grid": {
                "nominal_voltage": "13.8 kV",
                "rated_power": "900 kW",
                "scr": 20,
                "x_over_r": 5,
                "frequency_model": "fixed",
            },
            "record": {"full_rate": ["poi.power_w", *(["storage.*"] if storage else [])]},
        }
    )


# %% Simulate
results = {name: wk.simulate(scenario(storage), progress=False) for name, storage in VARIANTS.items()}
tick_s = results["no store"].scenario.model.simulation.tick_s
settled = slice(round(SETTLE_S / tick_s), None)


# %% What the grid sees, and what it costs
def store_figures(result: wk.Result, unit: str) -> dict[str, float]:
    """Use and loss of one store after settling."""
    series = {
        key: result.signals[f"storage.{unit}.{key}"][settled]
        for key in ("cell_power_w", "cell_loss_w", "converter_loss_w", "auxiliary_power_w", "soc")
    }
    inner_j = np.abs(series["cell_power_w"]).sum() * tick_s
    energy_j = nominal_energy_j(result, unit)
    per_day = SECONDS_PER_DAY / (len(series["soc"]) * tick_s)
    return {
        "soc_min": float(series["soc"].min()),
        "soc_max": float(series["soc"].max()),
        # Of the energy between its limits: a battery's C-rate, and what corresponds to it in a capacitor.
        "c_rate_mean_per_h": float(np.abs(series["cell_power_w"]).mean() * 3600.0 / energy_j),
        "c_rate_max_per_h": float(np.abs(series["cell_power_w"]).max() * 3600.0 / energy_j),
        "heat_mean_w": float(series["cell_loss_w"].mean()),
        "converter_loss_mean_w": float(series["converter_loss_w"].mean()),
        "auxiliary_mean_w": float(series["auxiliary_power_w"].mean()),
        "full_cycles_per_day": float(inner_j / (2.0 * energy_j) * per_day),
    }


def nominal_energy_j(result: wk.Result, unit: str) -> float:
    """Return the energy that the SoC of a store refers to."""
    storage = result.scenario.model.storage[unit]
    cells = storage.battery if storage.kind == "battery" else storage.supercapacitor
    return float(cells.energy_j)


def years_to_80_percent(result: wk.Result, unit: str) -> float:
    """Return the time until a battery has four fifths of its capacity, if every hour were like this one.

    Large LFP cells by `lfp-250ah`; see `wattkeel.ageing` for what such a figure is worth.
    """
    every = round(0.1 / tick_s)
    soc, warm_k = (
        result.signals[f"storage.{unit}.{key}"][settled][::every] for key in ("soc", "temperature_k")
    )
    stress = wk.ageing.count(np.arange(len(soc)) * 0.1, soc, warm_k, dead_band_soc=1e-4)
    return wk.ageing.years_to(wk.ageing.model("lfp-250ah"), stress, 0.8).years


def figures(result: wk.Result) -> dict[str, Any]:
    """Return all figures of one variant after settling."""
    power_w = result.signals["poi.power_w"][settled]
    stores = {unit: store_figures(result, unit) for unit in result.scenario.model.storage}
    if "battery" in stores:
        stores["battery"]["years_to_80_percent"] = years_to_80_percent(result, "battery")
    lost = ("heat_mean_w", "converter_loss_mean_w", "auxiliary_mean_w")
    loss_w = sum(found[key] for found in stores.values() for key in lost)
    ramps_w = [float(np.abs(measures.rolling_change(power_w, tick_s, w)).max()) for w in RAMP_WINDOWS_S]
    return {
        "mean_w": float(power_w.mean()),
        "range_w": float(np.ptp(power_w)),
        "ramp_w": dict(zip(map(str, RAMP_WINDOWS_S), ramps_w, strict=True)),
        "band_rms_w": float(measures.tapered_band_rms(power_w, tick_s, *BAND_HZ)),
        "loss_j_per_day": float(loss_w * SECONDS_PER_DAY),
        "stores": stores,
    }


table = {name: figures(result) for name, result in results.items()}
options.out.mkdir(parents=True, exist_ok=True)
(options.out / "figures.json").write_text(json.dumps({"load": source, "variants": table}, indent=1) + "\n")

# %% The answers as a table
ROWS = (
    ("range at the grid, kW", lambda f: f"{f['range_w'] / 1e3:.1f}"),
    ("largest change in 1 s, kW", lambda f: f"{f['ramp_w']['1.0'] / 1e3:.2f}"),
    ("largest change in 60 s, kW", lambda f: f"{f['ramp_w']['60.0'] / 1e3:.1f}"),
    ("rms from 0.1 to 20 Hz, kW", lambda f: f"{f['band_rms_w'] / 1e3:.2f}"),
    ("losses, kWh a day", lambda f: f"{f['loss_j_per_day'] / J_PER_KWH:.0f}"),
)
STORE_ROWS = (
    ("SoC, lowest to highest", lambda s: f"{s['soc_min']:.3f} to {s['soc_max']:.3f}"),
    (
        "power over energy, mean / max, 1/h",
        lambda s: f"{s['c_rate_mean_per_h']:.3g} / {s['c_rate_max_per_h']:.3g}",
    ),
    ("heat of the cells, W", lambda s: f"{s['heat_mean_w']:.0f}"),
    ("full cycles a day", lambda s: f"{s['full_cycles_per_day']:.3g}"),
    (
        "years to 80 % capacity",
        lambda s: f"{s['years_to_80_percent']:.1f}" if "years_to_80_percent" in s else "-",
    ),
)
width = 24
print(f"\nafter the first {SETTLE_S:.0f} s".ljust(37) + "".join(name.rjust(width) for name in table))
for label, text in ROWS:
    print(label.ljust(36) + "".join(text(found).rjust(width) for found in table.values()))
for unit in ("battery", "shelves"):
    print(f"{unit}:")
    for label, text in STORE_ROWS:
        cells = (text(found["stores"][unit]) if unit in found["stores"] else "-" for found in table.values())
        print(f"  {label}".ljust(36) + "".join(cell.rjust(width) for cell in cells))

# %% Drawing: one message a picture
try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError:
    missing = wk.MissingExtra("matplotlib", "plot", "drawing the comparison")
    raise SystemExit(f"{missing}; the numbers are in {options.out / 'figures.json'}") from None

# Okabe and Ito: told apart with any colour vision, and by style in print.
LOOK = {
    "no store": {"color": "#000000", "linestyle": ":"},
    "supercapacitor": {"color": "#E69F00", "linestyle": "--"},
    "LFP battery": {"color": "#0072B2", "linestyle": "-."},
    "both": {"color": "#009E73", "linestyle": "-"},
}
drawn = {name: results[name].signals["poi.power_w"][settled] for name in VARIANTS}
time_s = SETTLE_S + np.arange(len(drawn["no store"])) * tick_s


def canvas(title: str, rows: int = 1, height: float = 4.2) -> tuple[Figure, list[Axes]]:
    """Return a figure with its message as the title, the load below it, and axes one above the other."""
    figure = Figure(figsize=(8.0, height), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(rows, 1, sharex=True)))
    figure.suptitle(title, fontsize=12, fontweight="bold")
    figure.supxlabel(f"load: {source}", fontsize=8, color="0.35")
    for ax in axes:
        ax.grid(color="0.9")
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, name: str) -> None:
    """Write a figure into the folder."""
    figure.savefig(options.out / f"{name}.png", dpi=150)
    print(f"drawn: {options.out / name}.png")


# %% The grid's power around the largest swing
middle = int(
    np.argmax(measures.rolling_change(drawn["no store"], tick_s, min(20.0, len(time_s) * tick_s / 4)))
)
span = slice(max(0, middle - round(100 / tick_s)), middle + round(100 / tick_s))
ranges = {name: table[name]["range_w"] / 1e3 for name in VARIANTS}
figure, axes = canvas(
    f"Between its lowest and highest, power from the grid varies by\n"
    f"{ranges['no store']:.0f} kW without a store, {ranges['both']:.1f} kW with both",
    rows=len(VARIANTS), height=6.4,
)  # fmt: skip
for ax, name in zip(axes, VARIANTS, strict=True):
    ax.plot(time_s[span], drawn[name][span] / 1e3, color=LOOK[name]["color"], linewidth=1.2)
    ax.set_title(name, loc="left", fontsize=10)
    ax.sharey(axes[0])
figure.supylabel("power at the point of interconnection, kW", fontsize=10)
axes[-1].set_xlabel("time, s")
axes[-1].set_xlim(time_s[span][0], time_s[span][-1])
save(figure, "grid_power")

# %% How fast the grid sees it change
first = str(RAMP_WINDOWS_S[0])
ramps = {name: {w: change_w / 1e3 for w, change_w in table[name]["ramp_w"].items()} for name in VARIANTS}
figure, (ax,) = canvas(
    f"Within 1 s the grid's power changes by up to {ramps['no store'][first]:.0f} kW without a store,\n"
    f"{ramps['supercapacitor'][first]:.1f} kW with shelves, {ramps['LFP battery'][first]:.1f} kW with "
    f"a battery, {ramps['both'][first]:.1f} kW with both"
)
for name in VARIANTS:
    ax.plot(RAMP_WINDOWS_S, list(ramps[name].values()), **LOOK[name], marker="o", label=name)
ax.set(xscale="log", yscale="log", xlabel="within, s", ylabel="largest change, kW")
ax.set_xticks(RAMP_WINDOWS_S, [f"{w:g}" for w in RAMP_WINDOWS_S])
ax.set_xticks([], minor=True)
ax.yaxis.set_major_formatter("{x:g}")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
save(figure, "ramps")

# %% At which frequencies
THIRD_OCTAVE = 2.0 ** (1.0 / 6.0)  # from the centre of a band to its edge
centres_hz = [0.1 * THIRD_OCTAVE ** (2 * k) for k in range(-9, 24)]
rms = {name: table[name]["band_rms_w"] / 1e3 for name in VARIANTS}
figure, (ax,) = canvas(
    f"From 0.1 to 20 Hz the grid sees {rms['no store']:.1f} kW rms without a store,\n"
    f"{rms['supercapacitor']:.2f} kW with shelves, {rms['LFP battery']:.2f} kW with a battery, "
    f"{rms['both']:.2f} kW with both"
)
for name in VARIANTS:
    power_kw = measures.tapered(drawn[name]) / 1e3
    whole = measures.spectrum(power_kw, tick_s)
    level_kw = [measures.band_rms(whole, f / THIRD_OCTAVE, f * THIRD_OCTAVE) for f in centres_hz]
    ax.plot(centres_hz, np.array(level_kw) / np.sqrt(measures.HANN_BANDWIDTH), **LOOK[name], label=name)
ax.axvspan(*BAND_HZ, color="0.94", zorder=0)
if measured.is_file():
    ax.axvline(0.25, color="0.4", linewidth=1.0)
    ax.annotate(
        "beyond 0.25 Hz:\nonly the line drawn\nbetween two samples", (0.25, 0.96),
        xycoords=ax.get_xaxis_transform(), xytext=(5, 0), textcoords="offset points", va="top", fontsize=8,
        color="0.3",
    )  # fmt: skip
ax.set(xscale="log", yscale="log", xlabel="frequency, Hz", ylabel="rms in a third of an octave, kW")
ax.set(xlim=(centres_hz[0], BAND_HZ[1]), ylim=(1e-3, None))
for axis in (ax.xaxis, ax.yaxis):
    axis.set_major_formatter("{x:g}")
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
save(figure, "spectrum")

# %% How far the stores are used
span = slice(max(0, middle - round(300 / tick_s)), middle + round(300 / tick_s))
used = {unit: found["soc_max"] - found["soc_min"] for unit, found in table["both"]["stores"].items()}
figure, axes = canvas(
    f"In the hybrid the shelves use {used['shelves']:.0%} of their energy, the battery {used['battery']:.1%}",
    rows=2, height=5.0,
)  # fmt: skip
for ax, unit, alone in ((axes[0], "shelves", "supercapacitor"), (axes[1], "battery", "LFP battery")):
    for name, width_pt in ((alone, 3.0), ("both", 1.2)):
        soc = results[name].signals[f"storage.{unit}.soc"][settled][span]
        label = name if name == "both" else f"{name} alone"
        ax.plot(time_s[span], 100.0 * soc, color=LOOK[name]["color"], linewidth=width_pt, label=label)
    ax.set_title(unit, loc="left", fontsize=10)
    ax.set_ylabel("state of charge, %")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
axes[-1].set_xlabel("time, s")
axes[-1].set_xlim(time_s[span][0], time_s[span][-1])
save(figure, "state_of_charge")

# %% What it costs in energy
PARTS = {
    ("shelves", "heat_mean_w"): ("shelves, heat", "#E69F00", ""),
    ("shelves", "converter_loss_mean_w"): ("shelves, converter", "#F5D08A", "//"),
    ("battery", "heat_mean_w"): ("battery, heat", "#0072B2", ""),
    ("battery", "converter_loss_mean_w"): ("battery, converter", "#8CC3E3", "//"),
    ("battery", "auxiliary_mean_w"): ("battery, climate", "#CCCCCC", "..."),
}
both = table["both"]
converters_w = sum(found["converter_loss_mean_w"] for found in both["stores"].values())
figure, (ax,) = canvas(
    f"Both stores lose {both['loss_j_per_day'] / J_PER_KWH:.0f} kWh a day, "
    f"{converters_w * SECONDS_PER_DAY / both['loss_j_per_day']:.0%} of it in the converters",
    height=3.6,
)
names = [name for name in VARIANTS if name != "no store"]
left = np.zeros(len(names))
for (unit, key), (label, color, hatch) in PARTS.items():
    watts = np.array([table[name]["stores"].get(unit, {}).get(key, 0.0) for name in names])
    if not watts.any():
        continue
    kwh = watts * SECONDS_PER_DAY / J_PER_KWH
    ax.barh(names, kwh, left=left, color=color, hatch=hatch, edgecolor="white", label=label)
    left += kwh
for name, total in zip(names, left, strict=True):
    ax.text(total + 0.01 * left.max(), name, f"{total:.0f}", va="center")
ax.set_xlabel("losses, kWh a day")
ax.grid(visible=False, axis="y")
ax.invert_yaxis()
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
save(figure, "losses")
