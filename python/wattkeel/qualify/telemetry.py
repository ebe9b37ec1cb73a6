"""Test 1: telemetry verification and data integrity, on the log of the run itself.

The system holds 10, 50, 75 and 100 % of rated power in discharge and in charge. Its meter (the parameters of
``[qualify.telemetry]``) logs the terminals; the reference is the balance of the network at every tick, which
the engine solves apart from the converter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wattkeel._generated import models
from wattkeel.qualify.bench import LEAST_W, Bench, Log, Order, Segment, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import OWN, Chart, Criteria, Reading, Series, TestOutcome, verdict_of
from wattkeel.qualify_checks import CHANNELS
from wattkeel.scenario import Scenario

__all__ = ["lag_s", "telemetry_test"]

Floats = NDArray[np.float64]

START_S = 2.0
SETTLED = 0.2
"""Share of a hold that is not judged."""
LEAST_Q = 0.01
"""Reactive power, of the apparent-power limit, below which an error of the reading says nothing."""
DIP_S, DIP_PU = 0.2, 0.7
FORMING_SOURCE_PU = 0.97
"""Source voltage beside a forming unit: without a difference it would carry no reactive power."""
SEARCH_S, FINE_S = 0.5, 1e-4
DAY_S = 86400.0
POINT_PCT = 2.0
"""How far from a point, of rated power, the system may be: the auxiliaries come off at the terminals."""


@dataclass(frozen=True)
class _Hold:
    """One held power: share of rated power (positive discharges), from when to when, s."""

    share: float
    start_s: float
    stop_s: float

    @property
    def judged(self) -> tuple[float, float]:
        """What of it is judged, s."""
        return self.start_s + SETTLED * (self.stop_s - self.start_s), self.stop_s


def telemetry_test(context: Context) -> TestOutcome:
    """Run and judge test 1."""
    settings = context.settings.telemetry or models.QualifyTelemetry()
    test = context.test(1)
    holds = _holds(test.keys["power_points_pct"], settings.hold_s)
    log = run(_scenario(context, holds), _orders(context, holds, settings), progress=context.progress)
    reference = _truth(context, log)
    logged = _Logger(settings, reference, log.tick_s)
    criteria = context.criteria(1)
    _judge_points(context, criteria, logged, reference, holds)
    for name, unit in (("P", "p"), ("Q", "q")):
        _judge_error(context, criteria, logged, reference, holds, name, unit)
    _judge_clock(context, criteria, logged, reference, log)
    _judge_channels(criteria, logged, reference)
    _judge_retention(context, criteria, settings)
    criteria.open(
        "pcs_temperature",
        "PCS temperature is logged",
        "the engine has the temperature of the cells, none of the PCS: prove it on the system itself",
    )
    if "modbus_tcp_clients_v0_4" in test.keys:
        criteria.open(
            "clients",
            f"{test.keys['modbus_tcp_clients_v0_4']} simultaneous Modbus TCP clients (v0.4 only)",
            "communication is not modelled: prove it on the system itself",
            evidence="third_party_code",
            version="0.4",
        )
    return TestOutcome(
        test,
        verdict_of(criteria.rows),
        criteria.rows,
        [
            "the reference is exact: add the uncertainty of a class 0.5S meter to that of your own",
            test.method_note,
        ],
        logs={"telemetry": log},
        series=[
            Series(
                "telemetry",
                {
                    "time_s": logged.stamp_s,
                    **logged.values,
                    "P_reference": logged.mean(reference["P"]),
                    "Q_reference": logged.mean(reference["Q"]),
                },
            )
        ],
        charts=[
            Chart("Active power", "MW", 1e-6, (("logged", "P"), ("reference", "P_reference"))),
            Chart("Reactive power", "Mvar", 1e-6, (("logged", "Q"), ("reference", "Q_reference"))),
        ],
    )


def _holds(points_pct: list[float], hold_s: float) -> list[_Hold]:
    shares = [sign * point / 100.0 for sign in (1.0, -1.0) for point in points_pct]
    return [
        _Hold(share, START_S + index * hold_s, START_S + (index + 1) * hold_s)
        for index, share in enumerate(shares)
    ]


def _scenario(context: Context, holds: list[_Hold]) -> Scenario:
    """Grid-connected, a load of next to nothing; V, f and the current limit move once each."""
    end_s = holds[-1].stop_s
    names = ["poi.*", "site.*", f"storage.{context.subject.name}.*"]
    bench = Bench(context.subject, "Test 1: telemetry", end_s + 3.0, record=names)
    middle = holds[1]
    events = [
        {
            "start_s": 0.5 * (middle.start_s + middle.stop_s),
            "duration_s": 0.25 * (middle.stop_s - middle.start_s),
            "frequency_offset_hz": 0.05,
            "frequency_ramp_hz_per_s": 0.1,
        },
        {"start_s": end_s + 1.0, "duration_s": DIP_S, "voltage_pu": DIP_PU},
    ]
    if context.subject.forms:
        events.append({"start_s": 0.0, "duration_s": end_s + 3.0, "voltage_pu": FORMING_SOURCE_PU})
    load = [Segment(0.0, math.inf, LEAST_W)]
    grid = {"power_factor": 1.0, "reference_power_w": LEAST_W, "event": events}
    return bench.scenario(load, grid={"rated_power_w": context.base_w, **grid})


def _orders(context: Context, holds: list[_Hold], settings: models.QualifyTelemetry) -> list[Order]:
    subject = context.subject
    orders = [Order(0.0, subject.command, 0.0)]
    for hold in holds:
        active_w = hold.share * subject.rated_w
        orders.append(Order(hold.start_s, subject.command, active_w))
        room = math.sqrt(max(0.0, subject.limit_va**2 - active_w**2))
        var = min(settings.reactive_pu * subject.limit_va, room)
        orders.append(Order(hold.start_s, subject.signal("reactive_power_var"), var))
    orders.append(Order(holds[-1].stop_s, subject.command, subject.rated_w))
    orders.append(Order(holds[-1].stop_s, subject.signal("reactive_power_var"), 0.0))
    return orders


def _truth(context: Context, log: Log) -> dict[str, Floats]:
    """Terminals of the system at every tick, by the balance of the network."""
    subject, grid = context.subject, context.scenario.model.grid
    power = log["site.load_power_w"] + log["site.voltage_response_power_w"] + log["poi.transformer_loss_w"]
    power = power + log["poi.curtailed_power_w"] - log["poi.unserved_power_w"] - log["poi.power_w"]
    var = -log["poi.reactive_power_var"]
    volts = log["site.voltage_pu"] * grid.nominal_voltage_v
    with np.errstate(divide="ignore", invalid="ignore"):
        amps = np.where(volts > 0.0, np.hypot(power, var) / (math.sqrt(3.0) * volts), 0.0)
    flags = np.zeros(log.ticks)
    for event in log.events:
        if event.kind == "storage_limited":
            stop = log.ticks if event.duration_s is None else log.at(event.time_s + event.duration_s)
            flags[event.tick : stop] = 1.0
    mode = np.sign(log[subject.signal("command_w")])
    return {
        "V": log["site.voltage_pu"],
        "I": amps,
        "P": power,
        "Q": var,
        "f": log["site.frequency_hz"],
        "SOC": log[subject.signal("soc")],
        "current_limit_flags": flags,
        "mode_state": mode,
        "converter_w": log[subject.signal("power_w")] - log[subject.signal("auxiliary_power_w")],
    }


class _Logger:
    """What the system's logger makes of the terminals."""

    def __init__(self, settings: models.QualifyTelemetry, truth: dict[str, Floats], tick_s: float) -> None:
        self.every = max(1, round(settings.sampling_s / tick_s))
        self.sampling_s = self.every * tick_s
        count = truth["P"].size // self.every
        self.true_s: Floats = np.asarray((np.arange(count) + 1) * self.sampling_s, dtype=np.float64)
        self.stamp_s = self.true_s * (1.0 + settings.clock_drift) + settings.clock_offset_s
        self.values: dict[str, Floats] = {}
        sources = {**truth, "P": truth["converter_w"]}  # its own converter, not the network's balance
        gain = settings.gain_error + settings.gain_drift_per_h * self.true_s / 3600.0
        for name in CHANNELS:
            seen = self.mean(sources[name])
            if name in ("P", "Q"):
                seen = seen * (1.0 + gain) + settings.offset_w
            elif name == "I":
                seen = seen * (1.0 + gain)
            elif name in ("current_limit_flags", "mode_state"):
                seen = sources[name][self.every - 1 :: self.every][:count].copy()
                if name == "current_limit_flags":  # a flag that was set at any time since the last sample
                    seen = sources[name][: count * self.every].reshape(count, self.every).max(axis=1)
            if name in ("P", "Q") and settings.power_quantum_w > 0.0:
                seen = np.round(seen / settings.power_quantum_w) * settings.power_quantum_w
            if name in settings.frozen:
                seen = np.full(count, seen[0])
            if name in settings.missing:
                seen = np.full(count, math.nan)
            self.values[name] = seen

    def mean(self, values: Floats) -> Floats:
        """Mean over each sampling interval."""
        count = values.size // self.every
        return np.asarray(values[: count * self.every].reshape(count, self.every).mean(axis=1))

    def within(self, start_s: float, stop_s: float) -> NDArray[np.bool_]:
        """Samples whose interval lies within a time."""
        slack = 1e-6 * self.sampling_s
        return np.asarray(
            (self.true_s - self.sampling_s >= start_s - slack) & (self.true_s <= stop_s + slack)
        )


def _judge_points(
    context: Context, criteria: Criteria, logged: _Logger, truth: dict[str, Floats], holds: list[_Hold]
) -> None:
    """Whether the system was at the points at all: a meter that is right at half of it proves nothing."""
    reference, rated_w = logged.mean(truth["P"]), context.subject.rated_w
    off = [
        Reading(
            f"{100 * hold.share:g} %",
            100.0 * abs(float(reference[logged.within(*hold.judged)].mean()) / rated_w - hold.share),
            hold.stop_s,
        )
        for hold in holds
    ]
    criteria.judge(
        "points",
        "the system is at the points of the test, in % of rated power",
        [_worst_of("farthest", off)],
        POINT_PCT,
        "%",
        method=f"mean power at the terminals; {POINT_PCT:g} % is our choice: auxiliaries count",
        evidence=OWN,
    )


def _judge_error(
    context: Context,
    criteria: Criteria,
    logged: _Logger,
    truth: dict[str, Floats],
    holds: list[_Hold],
    name: str,
    key: str,
) -> None:
    """P or Q error of reading at every point: of the worst sample, and of the mean of a hold."""
    limit = float(context.test(1).keys[f"{key}_error_pct_of_reading_max"])
    description = f"{name} error at 10/50/75/100 % of rated power, both directions, of reading"
    reference, seen = logged.mean(truth[name]), logged.values[name]
    samples: list[Reading] = []
    means: list[Reading] = []
    skipped = []
    for hold in holds:
        mask = logged.within(*hold.judged)
        true, said = reference[mask], seen[mask]
        least = LEAST_Q * context.subject.limit_va if name == "Q" else 0.0
        if not true.size or abs(true.mean()) <= least:
            skipped.append(f"{100 * hold.share:g} %")
            continue
        error = 100.0 * np.abs(said - true) / np.abs(true)
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
        at = f"{100 * hold.share:g} %"
        samples.append(Reading(at, float(error[worst]), float(logged.true_s[mask][worst])))
        means.append(Reading(at, 100.0 * abs(said.mean() - true.mean()) / abs(true.mean()), hold.stop_s))
    if not samples:
        reason = f"no point carries {name} that could be read" + (
            ": give the converter an apparent_power above its rated_power" if name == "Q" else ""
        )
        criteria.open(f"{key}_error", description, reason, counts=True)
        return
    note = f"not judged at {', '.join(skipped)}: no {name} there" if skipped else ""
    readings = [_worst_of("worst sample", samples), _worst_of("mean of a hold", means)]
    method = f"means over {logged.sampling_s:g} s against the balance of the network"
    criteria.judge(
        f"{key}_error", description, readings, limit, "%", method=method, note=note,
        quantity="poi.power_w" if name == "P" else "poi.reactive_power_var",
    )  # fmt: skip


def _worst_of(label: str, points: list[Reading]) -> Reading:
    worst = max(points, key=lambda one: math.inf if math.isnan(one.value) else one.value)
    return Reading(f"{label} (at {worst.label})", worst.value, worst.time_s)


def _judge_clock(
    context: Context, criteria: Criteria, logged: _Logger, truth: dict[str, Floats], log: Log
) -> None:
    """Alignment of samples and events, and the resolution of the event log."""
    test = context.test(1)
    settings = context.settings.telemetry or models.QualifyTelemetry()
    half = logged.true_s.size // 2
    found = []
    for label, part in (("first half", slice(0, half)), ("second half", slice(half, None))):
        found.append((f"samples, {label}", abs(lag_s(logged, truth["P"], log.tick_s, part))))
    resolution_s = settings.event_resolution_s
    off = 0.0
    for event in log.events:
        stamp = event.time_s * (1.0 + settings.clock_drift) + settings.clock_offset_s
        stamp = math.floor(stamp / resolution_s + 1e-9) * resolution_s
        off = max(off, abs(stamp - event.time_s))
    found.append((f"log of {len(log.events)} events", off))
    worst = max(found, key=lambda one: math.inf if math.isnan(one[1]) else one[1])
    note = "; ".join(f"{label}: {1e3 * value:.3g} ms" for label, value in found)
    criteria.judge(
        "alignment",
        "time alignment of telemetry with the reference",
        [Reading(worst[0], worst[1])],
        float(test.keys["time_alignment_error_s_max"]),
        "s",
        method=f"lag of the best fit of logged P to the reference, searched within {SEARCH_S:g} s",
        note=note,
    )
    criteria.judge(
        "event_resolution",
        "resolution of the event log",
        [Reading("as set", resolution_s)],
        float(test.keys["event_resolution_s"]),
        "s",
        method="qualify.telemetry.event_resolution; the engine's own events have that of a tick",
    )


def lag_s(logged: _Logger, power_w: Floats, tick_s: float, part: slice) -> float:
    """Lag of logged power behind the reference, s: where the two fit best, gain and offset left free.

    Infinite where the best fit lies at the end of the search, NaN where nothing is logged or nothing moves.
    """
    seen, stamp_s = logged.values["P"][part], logged.stamp_s[part]
    if np.isnan(seen).any() or not seen.size or np.ptp(seen) <= 0.0:
        return math.nan
    charge = np.concatenate([[0.0], np.cumsum(power_w) * tick_s])
    time = np.arange(charge.size) * tick_s

    def misfit(lag: float) -> float:
        end = stamp_s - lag
        true = np.interp(end, time, charge) - np.interp(end - logged.sampling_s, time, charge)
        inside = (end - logged.sampling_s >= 0.0) & (end <= time[-1])
        x, y = true[inside] / logged.sampling_s, seen[inside]
        if x.size < 4:
            return math.inf
        x, y = x - x.mean(), y - y.mean()
        power = float(x @ x)
        return float(y @ y - (x @ y) ** 2 / power) if power > 0.0 else math.inf

    lags = np.arange(-SEARCH_S, SEARCH_S + 1e-9, 0.005)
    best = lags[int(np.argmin([misfit(lag) for lag in lags]))]
    if abs(best) > SEARCH_S - 0.006:
        return math.inf
    fine = best + np.arange(-0.006, 0.006 + 1e-9, FINE_S)
    return float(fine[int(np.argmin([misfit(lag) for lag in fine]))])


def _judge_channels(criteria: Criteria, logged: _Logger, truth: dict[str, Floats]) -> None:
    """Channels that are missing, or flat although what they measure moved."""
    bad = []
    for name in CHANNELS:
        seen = logged.values[name]
        if np.isnan(seen).any():
            bad.append(f"{name} missing")
        elif np.ptp(seen) == 0.0 and np.ptp(logged.mean(truth[name])) > 0.0:
            bad.append(f"{name} flat")
    still = [name for name in CHANNELS if np.ptp(truth[name]) == 0.0]
    note = ", ".join(bad)
    if still:
        note += f"; {', '.join(still)} did not move in this test: a flat channel could not be told"
    criteria.judge(
        "channels",
        f"no missing or flat channel among {', '.join(CHANNELS)}",
        [Reading("missing or flat", float(len(bad)))],
        0.0,
        "",
        method="every sample of every channel",
        note=note.removeprefix("; "),
    )


def _judge_retention(context: Context, criteria: Criteria, settings: models.QualifyTelemetry) -> None:
    """Days that the storage of the logger holds, by arithmetic."""
    least_d = float(context.test(1).keys["log_retention_days_min"])
    per_day = (len(CHANNELS) + 1) * settings.bytes_per_value * DAY_S / settings.sampling_s
    note = f"{per_day / 1e6:.4g} MB a day with the PCS temperature; 7 days need {7 * per_day / 1e9:.3g} GB"
    if settings.storage_bytes == 0.0:
        reason = f"criterion not judged: set qualify.telemetry.storage_bytes to judge it. {note}"
        criteria.open("retention", f"log retention of at least {least_d:g} days", reason, counts=True)
        return
    criteria.judge(
        "retention",
        f"log retention of at least {least_d:g} days",
        [Reading("days", settings.storage_bytes / per_day)],
        least_d,
        "d",
        method="storage_bytes over bytes a day of all channels",
        note=note,
        at_least=True,
    )
