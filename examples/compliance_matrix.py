"""Measured training clusters, a training wave and the Virginia sag train against every shipped profile.

    python examples/compliance_matrix.py --out docs/compliance_matrix.md

Each case is run without and with storage. WATTKEEL_DATA names the folder that holds ``starter/`` with the
measured traces; cases whose trace is absent are left out and the page says so. Reading the traces needs the
extra `wattkeel[io]`. Some five minutes on two cores; ``--case NAME`` runs one case.
"""

# %% What is asked for
from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import wattkeel as wk
from wattkeel.compliance import Finding, load_profile, profile_names
from wattkeel.report import KINDS, kind_of

COMMAND = "python examples/compliance_matrix.py --out docs/compliance_matrix.md"
SIZES_MW = (20, 100, 500)
#: Runs of a case, and whether they have storage.
RUNS = {"without": False, "with": True}
#: Of the replays: what the converter of the battery (20 ms) asks for.
REPLAY_TICK = "40 ms"
SIGNS = {"fail": "✕", "marginal": "≈", "pass": "✓", "emt_required": "◇", "not_evaluated": "–"}
WORST = ("fail", "marginal", "pass", "emt_required", "not_evaluated")
UNJUDGED = ("emt_required", "not_evaluated")
GPT3 = "train_gpt3_64xH100x8_mlperf40_smc_2s.parquet"
LORA = "train_llama2_70b_lora_8xB200_mlperf50_lenovo_1s.csv.gz"
DIFFUSION = "train_stable_diffusion_8xB200_mlperf50_lenovo_1s.csv.gz"
DATA = Path(os.environ.get("WATTKEEL_DATA", "")) / "starter"

#: Start after the first and length of the six depressions of 10 July 2024, s, and what is left of the voltage
#: of the source, pu (NERC Incident Review, 8 January 2025, secondary: 0.25 to 0.40 pu on the line).
SAGS_S = ((0.0, 0.042), (0.532, 0.066), (15.860, 0.058), (21.279, 0.050), (76.249, 0.066), (81.665, 0.059))
SAG_PU = 0.4
FIRST_SAG_S = 20.0


@dataclass
class Case:
    """One load with and without storage: name, title, what the reader must know, the two scenarios."""

    name: str
    title: str
    about: str
    scenarios: dict[str, Callable[[], wk.Scenario]]
    needs: str = ""
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    lowest_pu: float = 1.0


# %% Storage, by one rule for all cases
def battery(swing_w: float) -> dict[str, Any]:
    """Return an LFP battery for a swing: the converter carries all of it, the cells for an hour (1C)."""
    return {
        "preset": "enerc-container",
        "energy": f"{swing_w / 1e6:.6g} MWh",
        "rated_power": f"{swing_w / 1e6:.6g} MW",
    }


def shelves(swing_w: float) -> dict[str, Any]:
    """Return supercapacitors for half of a swing during 12 s, as hybrid-supercapacitor-8mw has them."""
    return {
        "kind": "supercapacitor",
        "role": "fast",
        "supercapacitor": {"preset": "site-50kwh", "energy": f"{6.0 * swing_w:.6g} J"},
        "converter": {
            "preset": "notton-2",
            "rated_power": f"{0.5 * swing_w:.6g} W",
            "time_constant": "15 ms",
        },
    }


def control(size_mw: float, swing_w: float, tick: str) -> dict[str, Any]:
    """Return a control that lets the import follow the load at 90 % of the tightest ramp of all profiles.

    That is ERCOT NPRR1191 (2023) upwards: the lesser of 8 MW and 2 % of the peak per minute.
    """
    ramp = 0.9 * min(8.0, 0.02 * size_mw)
    return {
        "period": tick,
        "target": "follow",
        "ramp_up": f"{ramp:.6g} MW/min",
        "ramp_down": f"{ramp:.6g} MW/min",
        "soc_gain": f"{swing_w:.6g} W",
        "soc_power_max": f"{0.1 * swing_w:.6g} W",
    }


def grid(size_mw: float) -> dict[str, Any]:
    """Return a 60 Hz grid of medium strength whose contract is the size of the site."""
    return {"preset": "medium-60hz", "rated_power": f"{size_mw} MW", "nominal_voltage": "138 kV"}


# %% Measured clusters
def total_w(name: str) -> np.ndarray:
    """Return the AC power of all columns of a trace, W."""
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        table = pq.read_table(DATA / name)
        columns = [column for column in table.column_names if column.startswith("ac_w")]
        return np.sum([table[column].to_numpy() for column in columns], axis=0)
    with gzip.open(DATA / name, "rt", newline="") as lines:
        return np.array([float(row["ac_w"]) for row in csv.DictReader(lines)])


def replay(name: str, nodes: int, step_s: float, size_mw: float, *, stored: bool) -> wk.Scenario:
    """Return a site of so many copies of a measured cluster as its largest sample allows, in step."""
    power = total_w(name)
    copies = int(size_mw * 1e6 / power.max())
    swing_w = copies * float(np.ptp(power))
    store = {"battery": battery(swing_w)} if stored else {}
    return wk.Scenario.from_dict(
        {
            "title": f"{name} at {size_mw} MW, {'with' if stored else 'without'} storage",
            "schema_version": 1,
            "simulation": {"duration_s": (len(power) - 1) * step_s, "tick": REPLAY_TICK},
            "workload": {
                "cluster": {
                    "kind": "trace",
                    "trace": str(DATA / name),
                    "trace_columns": ["ac_w*"],
                    "trace_boundary": "rack",
                    "trace_gpus": 8,
                    "trace_interpolation": "linear",
                    "trace_repeat": False,
                }
            },
            "gpu": {"accelerator": {"preset": "h100"}},
            "rack": {
                "node": {
                    "preset": "measured-node",
                    "count": nodes * copies,
                    "gpu": "accelerator",
                    "workload": "cluster",
                }
            },
            "storage": store,
            "control": control(size_mw, swing_w, REPLAY_TICK) if stored else {"target": "off"},
            "grid": grid(size_mw),
            "compliance": {"profiles": PROFILES},
            "record": {"full_rate": ["poi.*"]},
        }
    )


def replays() -> Iterator[Case]:
    """Give every measured cluster at every size."""
    for name, nodes, step_s, title in (
        (GPT3, 64, 2.0, "GPT-3 175B on 64 nodes of 8 H100 (MLPerf Training v4.0)"),
        (LORA, 1, 1.0, "Llama-2-70B LoRA on one node of 8 B200 (MLPerf Training v5.0)"),
        (DIFFUSION, 1, 1.0, "Stable Diffusion on one node of 8 B200 (MLPerf Training v5.0)"),
    ):
        for size_mw in SIZES_MW:
            yield Case(
                f"{name.split('_')[1]}-{size_mw}mw",
                f"{title}, scaled to {size_mw} MW",
                f"Measured every {step_s:g} s, copied until the largest sample fills {size_mw} MW, all "
                "copies in step: a bound, since clusters that are not one job are not in step. Tick "
                f"{REPLAY_TICK}, power "
                f"between samples linear. What is faster than {0.5 / step_s:g} Hz is not in the data: bands "
                "above that are not evaluated, and a change within 5 s is a lower bound.",
                {
                    run: lambda n=name, k=nodes, s=step_s, m=size_mw, x=stored: replay(n, k, s, m, stored=x)
                    for run, stored in RUNS.items()
                },
                name,
            )


# %% A training wave at 1 ms, so that the bands are exercised
def wave(size_mw: float, edge: str, *, stored: bool) -> wk.Scenario:
    """Return a synchronous training job of 2 s per iteration on GB200 racks, 11 min at a tick of 1 ms."""
    swing_w = 0.5 * size_mw * 1e6
    store = {"battery": battery(swing_w), "shelves": shelves(swing_w)} if stored else {}
    return wk.Scenario.from_dict(
        {
            "title": f"Training wave, {size_mw} MW",
            "schema_version": 1,
            "simulation": {"duration": "660 s", "tick": "1 ms"},
            "workload": {
                "training": {
                    "kind": "training",
                    "period": "2 s",
                    "compute_fraction": 0.75,
                    "compute_pu": 0.95,
                    "communication_pu": 0.4,
                    "edge": edge,
                    "straggler": "40 ms",
                }
            },
            "gpu": {"gb200": {"preset": "gb200"}},
            "rack": {
                "hall": {
                    "preset": "gb200-nvl72",
                    "count": 7 * int(size_mw),
                    "gpu": "gb200",
                    "workload": "training",
                }
            },
            "storage": store,
            "control": {**control(size_mw, swing_w, "1 ms"), "measurement_delay": "2 ms", "split": "0.5 Hz",
                        "fast_soc_gain": f"{0.1 * swing_w:.6g} W"}
            if stored
            else {"target": "off"},
            "grid": grid(size_mw),
            "compliance": {"profiles": PROFILES},
            "record": {"full_rate": ["poi.*"]},
        }
    )  # fmt: skip


# %% The sag train of 10 July 2024
def sag_train(size_mw: float, *, counter: bool, stored: bool) -> wk.Scenario:
    """Return the GPT-3 cluster behind UPSs under the six depressions, 180 s at a tick of 1 ms.

    The UPSs go to their batteries below 0.70 pu as makers are quoted (preset ups-oem): with their counter of
    three sags in 60 s and a return after 7 s over 12 s; or, set for the grid, without a counter, back at once
    over half a second.
    """
    power = total_w(GPT3)
    copies = int(0.95 * size_mw * 1e6 / power.max())  # the losses of the UPSs come on top
    size_w = size_mw * 1e6
    store = {"battery": battery(size_w)} if stored else {}
    perc1: dict[str, Any] = {"preset": "ups-oem", "backup_energy": f"{size_mw / 12:.6g} MWh"}
    if not counter:
        perc1 |= {"sag_count": 0, "reconnect_delay": "50 ms", "reconnect_ramp": "0.5 s"}
    return wk.Scenario.from_dict(
        {
            "title": "Virginia, 10 July 2024",
            "schema_version": 1,
            "simulation": {"duration": "180 s", "tick": "1 ms"},
            "workload": {
                "cluster": {
                    "kind": "trace",
                    "trace": str(DATA / GPT3),
                    "trace_columns": ["ac_w*"],
                    "trace_boundary": "rack",
                    "trace_gpus": 8,
                    "trace_start": "600 s",
                    "trace_interpolation": "linear",
                }
            },
            "gpu": {"accelerator": {"preset": "h100"}},
            "rack": {
                "node": {
                    "preset": "measured-node",
                    "count": 64 * copies,
                    "gpu": "accelerator",
                    "workload": "cluster",
                    "feeds_from": "ups",
                }
            },
            "distribution": {
                "ups": {
                    "preset": "ups-double-conversion-97",
                    "count": int(size_mw / 1.5 / 0.8),
                    "ride_through": "perc1",
                    "perc1": perc1,
                }
            },
            "storage": store,
            "control": {**control(size_mw, size_w, "1 ms"), "measurement_delay": "2 ms"}
            if stored
            else {"target": "off"},
            "grid": {
                **grid(size_mw),
                "event": [
                    {"start_s": FIRST_SAG_S + start_s, "duration_s": length_s, "voltage_pu": SAG_PU}
                    for start_s, length_s in SAGS_S
                ],
            },
            "compliance": {"profiles": PROFILES},
            "record": {"full_rate": ["poi.*"]},
        }
    )


def others(size_mw: int = 100) -> Iterator[Case]:
    """Give the training wave, and the sag train against two settings of the UPSs."""
    for name, edge, about in (
        (
            "wave",
            "250 ms",
            "edges of 250 ms, as a block of 50 MW has them in the NERC paper of July 2025",
        ),
        (
            "wave-sharp",
            "10 ms",
            "edges of 10 ms, which the converters of the storage (15 and 20 ms) cannot meet",
        ),
    ):
        yield Case(
            name,
            f"Training wave of 2 s, {size_mw} MW, {edge} edges",
            "GB200 racks, three quarters of each iteration at 95 % of their power and a quarter at 40 %, "
            f"{about}; 11 min at a tick of 1 ms. Storage here: the battery, and supercapacitors for half "
            "of the swing during 12 s, split at 0.5 Hz.",
            {run: lambda e=edge, x=stored: wave(size_mw, e, stored=x) for run, stored in RUNS.items()},
        )
    sags = (
        f"The GPT-3 cluster at {size_mw} MW behind double-conversion UPSs; six depressions to {SAG_PU:g} pu "
        "of the source within 82 s, as transcribed from the NERC review; 180 s at a tick of 1 ms. Ramps are "
        "judged through the faults, which some of the rules exempt: a load that leaves is a ramp, too. "
    )
    for counter, name, title, about in (
        (True, "sags-counter", "UPSs as makers set them", "The UPSs transfer below 0.70 pu, return after 7 s "
         "over 12 s, and stay on their batteries after the third sag within 60 s."),
        (False, "sags-grid", "UPSs set for the grid", "The UPSs transfer below 0.70 pu, count no sags, and "
         "return 50 ms after the voltage is back, over half a second."),
    ):  # fmt: skip
        yield Case(
            name,
            f"Virginia, 10 July 2024: {title}",
            sags + about + " Storage: a battery of the size of the site that keeps the import steady.",
            {
                run: lambda c=counter, x=stored: sag_train(size_mw, counter=c, stored=x)
                for run, stored in RUNS.items()
            },
            GPT3,
        )


# %% What the page says
def margin(finding: Finding) -> str:
    """Return the margin in percent of the limit."""
    if finding.margin is None:
        return ""
    return f"{round(100.0 * finding.margin)} %".replace("-", "−")


def cell(findings: Sequence[Finding]) -> str:
    """Return verdict and margin of the worst rule, and how many rules could not be judged."""
    if not findings:
        return ""
    judged = [finding for finding in findings if finding.verdict not in UNJUDGED]
    unjudged = [finding for finding in findings if finding.verdict in UNJUDGED]
    if not judged:
        worst = min(unjudged, key=lambda finding: WORST.index(finding.verdict))
        return SIGNS[worst.verdict]
    worst = min(
        judged, key=lambda finding: (WORST.index(finding.verdict), finding.margin if finding.margin else 0.0)
    )
    rest = f"(+{len(unjudged)} –)" if unjudged else ""
    return " ".join(part for part in (SIGNS[worst.verdict], margin(worst), rest) if part)


def both(case: Case, chosen: Callable[[Finding], bool]) -> str:
    """Return the cell without storage, an arrow, and that with storage; one of them where they are alike."""
    first, second = (cell([f for f in case.findings[run] if chosen(f)]) for run in ("without", "with"))
    return first if first == second else f"{first} → {second}"


def matrix(case: Case) -> list[str]:
    """Return the matrix of a case as lines of a table."""
    found = case.findings["without"]
    profiles = list(dict.fromkeys(finding.profile for finding in found))
    kinds = [kind for kind in KINDS if any(kind_of(finding) == kind for finding in found)]
    lines = [
        "| profile | " + " | ".join(KINDS[kind] for kind in kinds) + " |",
        "|---|" + "---|" * len(kinds),
    ]
    for profile in profiles:
        cells = (
            both(case, lambda f, p=profile, k=kind: f.profile == p and kind_of(f) == k) for kind in kinds
        )
        lines.append(f"| `{profile}` | " + " | ".join(cells) + " |")
    return lines


def amount(value: float, unit: str) -> str:
    """Return a value with its unit to three digits."""
    return f"{value:.3g}" if unit == "1" else f"{value:.3g} {unit}"


def shown(finding: Finding | None) -> str:
    """Return verdict and value of a finding; of a time that was asked for, how much was asked for."""
    if finding is None:
        return "–"
    if finding.value is None:
        return SIGNS[finding.verdict]
    asked = f" of {amount(finding.limit, finding.unit)}" if finding.at_least and finding.limit else ""
    return f"{SIGNS[finding.verdict]} {amount(finding.value, finding.unit)}{asked}"


def changes(case: Case) -> list[str]:
    """Return the rules that fail or are marginal in either run, with what storage makes of them."""
    stored = {(f.profile, f.rule): f for f in case.findings["with"]}
    lines = ["| rule | limit | without storage | with storage |", "|---|---|---|---|"]
    for bare in case.findings["without"]:
        other = stored.get((bare.profile, bare.rule))
        verdicts = {bare.verdict, other.verdict if other else ""}
        if not verdicts & {"fail", "marginal"}:
            continue
        known = bare if bare.limit is not None else other
        limit = "as asked"
        if known is not None and known.limit is not None and not known.at_least:
            limit = amount(known.limit, known.unit)
        rule = f"`{bare.profile}` {bare.rule.replace('_', ' ')}"
        lines.append(f"| {rule} | {limit} | {shown(bare)} | {shown(other)} |")
    return lines if len(lines) > 2 else ["No rule is violated or marginal."]


def reasons(case: Case) -> dict[str, set[str]]:
    """Return why rules were not judged in either run, and of which profiles."""
    counted: dict[str, set[str]] = {}
    for finding in (*case.findings["without"], *case.findings["with"]):
        if finding.verdict in UNJUDGED:
            told = str(finding.details.get("reason") or finding.note).split("; ")[0]
            reason = re.sub(r" \([^)]*\)$", "", told) or "no reason given"
            counted.setdefault(f"{SIGNS[finding.verdict]} {reason}", set()).add(finding.profile)
    return counted


def listed(reasons_of: dict[str, set[str]]) -> list[str]:
    """Return reasons as a list, those of most profiles first."""
    ordered = sorted(reasons_of.items(), key=lambda item: (-len(item[1]), item[0]))
    return [f"- {reason}: " + ", ".join(f"`{name}`" for name in sorted(names)) for reason, names in ordered]


def page(cases: Sequence[Case], absent: Sequence[str]) -> str:
    """Return the page."""
    lines = [
        "# Compliance matrix",
        "",
        f"<!-- Written by `{COMMAND}`; do not edit. -->",
        "",
        "Every shipped profile against measured training clusters, a training wave and a train of voltage",
        "sags, each without and with storage. Made by",
        "",
        "```sh",
        f"WATTKEEL_DATA=... {COMMAND}",
        "```",
        "",
        "A cell names the worst rule of its kind: "
        + ", ".join(f"{sign} {verdict.replace('_', ' ')}" for verdict, sign in SIGNS.items())
        + ", with the margin as a share of the limit (negative: violated). Before the arrow: without "
        "storage; after it: with storage; one entry where both are alike. `(+2 –)`: two more rules of the "
        "kind could not be judged; that is never a pass.",
        "",
        "Storage is sized by one rule: the converter carries the swing of the load (largest less smallest "
        "power), the cells do so for an hour. The control lets the import follow the load at 90 % of the "
        "tightest ramp of all profiles, the lesser of 8 MW and 2 % of the peak per minute (ERCOT NPRR1191 "
        "upwards). The grid is the preset `medium-60hz`, its contract the size of the site. Nothing is left "
        "out of the judgement at the start. Values are rounded to three digits, margins to a percent.",
        "",
    ]
    if absent:
        lines += ["Left out, since their data were not there: " + ", ".join(absent) + ".", ""]
    everywhere = common([reasons(case) for case in cases])
    for case in cases:
        voltage = f"Lowest voltage at the POI in both runs: {case.lowest_pu:.2f} pu."
        lines += [f"## {case.title}", "", f"{case.about} {voltage}", "", *matrix(case), ""]
        lines += ["Violated or marginal rules, and what storage makes of them:", "", *changes(case), ""]
        own = {
            reason: names - everywhere.get(reason, set())
            for reason, names in reasons(case).items()
            if names - everywhere.get(reason, set())
        }
        lines += (
            ["Not judged here, beside what is not judged in any case:", "", *listed(own), ""] if own else []
        )
    lines += ["## Not judged in any case", "", *(listed(everywhere) or ["Nothing."]), ""]
    return "\n".join(lines)


def common(of_cases: Sequence[dict[str, set[str]]]) -> dict[str, set[str]]:
    """Return the reasons and profiles that all cases share."""
    first, *rest = of_cases
    shared = {
        reason: names.intersection(*(other.get(reason, set()) for other in rest))
        for reason, names in first.items()
    }
    return {reason: names for reason, names in shared.items() if names}


def rows(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Return every finding of every run, for further use."""
    keys = (
        "profile",
        "rule",
        "block",
        "verdict",
        "value",
        "limit",
        "unit",
        "margin",
        "time_s",
        "status",
        "note",
    )
    return [
        {"case": case.name, "storage": run == "with", **{key: getattr(finding, key) for key in keys}}
        for case in cases
        for run, findings in case.findings.items()
        for finding in findings
    ]


# %% Run
def judged_profiles() -> list[str]:
    """Return the shipped profiles that hold rules."""
    return [name for name in profile_names() if load_profile(name).rows]


PROFILES = judged_profiles()


def main() -> int:
    """Run the cases asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/compliance_matrix.md"), help="page to write")
    parser.add_argument("--json", type=Path, help="file for all findings")
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case (repeatable)")
    options = parser.parse_args()
    every = (*replays(), *others())
    if unknown := set(options.case or ()) - {case.name for case in every}:
        parser.error(f"no case {', '.join(sorted(unknown))}; there is {', '.join(c.name for c in every)}")
    cases, absent = [], []
    for case in every:
        if options.case and case.name not in options.case:
            continue
        if case.needs and not (DATA / case.needs).is_file():
            absent.append(f"{case.title} ({case.needs})")
            continue
        for run, scenario in case.scenarios.items():
            print(f"{case.name}, {run} storage", file=sys.stderr, flush=True)
            result = wk.simulate(scenario(), progress=False)
            case.findings[run] = list(result.findings)
            case.lowest_pu = min(case.lowest_pu, result.signals["poi.voltage_pu"].min())
        cases.append(case)
    if absent:
        print("WATTKEEL_DATA does not name the data of: " + "; ".join(absent), file=sys.stderr)
    if not cases:
        print("nothing to run", file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page(cases, absent), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(rows(cases), indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
