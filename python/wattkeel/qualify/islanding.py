"""Tests 2, 9 and 10: the system without the grid, alone on a dead bus or beside a generator.

What the engine gives of voltage and frequency is that of its RMS model of a grid-forming unit (a voltage
behind an impedance with a droop): a screening. Energy and power of a black start are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from wattkeel._generated import models
from wattkeel.qualify.bench import Bench, Log, Order, Segment, dark, run
from wattkeel.qualify.context import Context
from wattkeel.qualify.outcome import OWN, Chart, Criteria, Reading, TestOutcome, series_of, verdict_of
from wattkeel.qualify.small_signal import forming_margin, support_margin
from wattkeel.qualify.swings import band_swing, settled_after_s

__all__ = ["black_start_test", "generator_test", "island_test"]

ORDER_S = 0.1
"""Time in the dark before the order to start."""
LIVE_PU = 0.9
"""Voltage from which a bus counts as energised."""
SERVED = 0.999
"""Share of the asked energy from which a load counts as served: rounding, and a tick of each step."""
DEAD: dict[str, Any] = {"start_s": 0.0, "duration_s": 1e9, "voltage_pu": 0.0}
TAKES_PART = 0.1
"""Share of an order: a droop shares it with the governor, but a system without energy gives none of it."""
CHOICE = "the deviation of 1.0 Hz of third-party programs is their own choice, not a limit of the guideline"


def _signals(context: Context) -> list[str]:
    unit = context.subject.name
    return ["site.*", "poi.unserved_power_w", "poi.power_w", f"storage.{unit}.power_w", f"storage.{unit}.soc"]


def _charts(context: Context) -> list[Chart]:
    power = context.subject.signal("power_w")
    return [
        Chart("Power of the system", "MW", 1e-6, (("delivered", power),)),
        Chart("Frequency of the bus", "Hz", 1.0, (("frequency", "site.frequency_hz"),)),
        Chart("Voltage of the bus", "pu", 1.0, (("voltage", "site.voltage_pu"),)),
    ]


def _energised_s(log: Log) -> float:
    """Time from the order to start until the bus has its voltage; infinite where it stays dark."""
    live = np.flatnonzero(log["site.voltage_pu"] >= LIVE_PU)
    return float(live[0]) * log.tick_s - ORDER_S if live.size else math.inf


def _deviation(log: Log, name: str, nominal: float, start_s: float, stop_s: float) -> Reading:
    """Largest deviation from nominal in a time, and when."""
    part = log.part(name, start_s, stop_s)
    if not part.size:
        return Reading("after a step", math.nan)
    off = np.abs(part - nominal)
    worst = int(np.argmax(off))
    return Reading("after a step", float(off[worst]), start_s + worst * log.tick_s)


def _judge_deviations(
    criteria: Criteria,
    log: Log,
    section: str,
    limits: tuple[float, float],
    span: tuple[float, float],
    counts: bool,
) -> None:
    """Largest deviation of frequency and of voltage from the first step on."""
    nominal_hz = log.scenario.model.grid.nominal_frequency_hz
    rows = (
        ("frequency_deviation", "site.frequency_hz", nominal_hz, limits[0], "Hz", "frequency_limit"),
        ("voltage_deviation", "site.voltage_pu", 1.0, limits[1], "pu", "voltage_limit"),
    )
    for item, signal, nominal, limit, unit, key in rows:
        criteria.judge(
            item,
            f"largest deviation of the {item.partition('_')[0]} after a step",
            [_deviation(log, signal, nominal, *span)],
            limit,
            unit,
            method="every tick; positive-sequence RMS model",
            missing=f"qualify.{section}.{key}",
            note=CHOICE if unit == "Hz" else "",
            quantity=signal,
            counts=counts,
        )


def _judge_start(criteria: Criteria, context: Context, log: Log, limit_s: float, missing: str) -> float:
    """Whether the system brings a dead bus up; returns how long it took, s."""
    took_s = _energised_s(log)
    why = "" if context.subject.forms else "the unit has no grid-forming control: it cannot hold a bus"
    criteria.judge(
        "dead_bus",
        "black start onto a dead bus: the bus has its voltage",
        [
            Reading(
                "bus above 0.9 pu", float(math.isfinite(took_s)), took_s if math.isfinite(took_s) else None
            )
        ],
        1.0,
        "",
        method="voltage of the site bus",
        note=why,
        at_least=True,
        quantity="site.voltage_pu",
    )
    if missing:
        criteria.judge(
            "energise_time",
            "time from the order to start until the bus has its voltage",
            [Reading("to 0.9 pu", took_s)],
            limit_s,
            "s",
            method="voltage of the site bus",
            missing=missing,
            quantity="site.voltage_pu",
        )
    return took_s


def _restoring(shares: Sequence[float], interval_s: float, own: models.Island | None) -> dict[str, Any]:
    """Island section of a black start; times of the user's own island are kept."""
    energise_s = own.energise_s if own is not None else models.Island().energise_s
    restore_s = own.restore_s if own is not None else models.Island().restore_s
    blackout_s = own.blackout_after_s if own is not None else models.Island().blackout_after_s
    return {
        "black_start": True,
        "black_start_after_s": ORDER_S,
        "energise_s": energise_s,
        "restore_s": restore_s,
        "blackout_after_s": blackout_s,
        "pickup_share": list(shares),
        "pickup_interval_s": interval_s,
    }


# ------------------------------------------------------------------------------------------------ test 2


def island_test(context: Context) -> TestOutcome:
    """Run and judge test 2: black start, then steps of an R/L/C bank."""
    settings = context.settings.island or models.QualifyIsland()
    subject, test = context.subject, context.test(2)
    own = context.scenario.model.grid.island
    energise_s = own.energise_s if own is not None else models.Island().energise_s
    first_s = ORDER_S + energise_s + settings.hold_s
    steps = [
        (first_s + index * settings.hold_s, share * subject.rated_w)
        for index, share in enumerate(settings.load_pu)
    ]
    end_s = first_s + len(steps) * settings.hold_s
    grid: dict[str, Any] = {
        "rated_power_w": context.base_w,
        "power_factor": settings.power_factor,
        "load_current_share": 0.0,
        "load_impedance_share": 1.0,
        "reactive_current_share": 0.0,
        "reactive_impedance_share": 1.0,
        "island": _restoring([1.0], 1e-3, own),
        "event": [DEAD],
    }
    if settings.capacitor_pu > 0.0:
        grid["capacitor_bank"] = {"step_var": settings.capacitor_pu * subject.rated_w, "initial": 1}
    bench = Bench(subject, "Test 2: islanded regulation", end_s, record=_signals(context))
    log = run(bench.scenario(_stairs(steps), grid=grid), before=dark, progress=context.progress)
    criteria = context.criteria(2)
    took_s = _judge_start(criteria, context, log, settings.energise_limit_s, "qualify.island.energise_limit")
    if math.isfinite(took_s):
        limits = (settings.frequency_limit_hz, settings.voltage_limit_pu)
        _judge_deviations(criteria, log, "island", limits, (first_s, end_s), counts=True)
        _judge_settling(criteria, context, log, settings, [at for at, _ in steps])
    else:
        for item in ("frequency_deviation", "voltage_deviation", "settling_time"):
            criteria.open(item, f"{item.replace('_', ' ')} after a step", "the bus stays dark", counts=True)
    criteria.open(
        "thd",
        "total harmonic distortion of the voltage",
        "the limit was not seen, and an RMS engine has no harmonics: measure it on the system itself",
        evidence="none",
    )
    _judge_served(criteria, log, first_s, end_s)
    notes = [
        "screening: a positive-sequence RMS model has no inrush, harmonics or converter dynamics",
        f"steps of the bank: {', '.join(f'{100 * share:g} %' for share in settings.load_pu)} of rated power, "
        "a choice: those of the guideline were not seen",
        test.method_note,
    ]
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"island": log}, series=[series_of("island", log)], charts=_charts(context),
    )  # fmt: skip


def _stairs(steps: Sequence[tuple[float, float]]) -> list[Segment]:
    """Segments of a load that takes the levels in turn, the first from the start on."""
    found = []
    for index, (start_s, power_w) in enumerate(steps):
        stop_s = steps[index + 1][0] if index + 1 < len(steps) else math.inf
        found.append(Segment(0.0 if index == 0 else start_s, stop_s, power_w))
    return found


def _judge_settling(
    criteria: Criteria, context: Context, log: Log, settings: models.QualifyIsland, starts: list[float]
) -> None:
    """Time after a step until frequency and voltage stay within their bands."""
    nominal_hz = context.scenario.model.grid.nominal_frequency_hz
    bands = (
        ("site.frequency_hz", nominal_hz - settings.settling_hz, nominal_hz + settings.settling_hz),
        ("site.voltage_pu", 1.0 - settings.settling_pu, 1.0 + settings.settling_pu),
    )
    took = [
        (
            max(
                settled_after_s(log.part(name, at, at + settings.hold_s), log.tick_s, low, high)
                for name, low, high in bands
            ),
            at,
        )
        for at in starts
    ]
    worst_s, at_s = max(took)
    criteria.judge(
        "settling_time",
        f"time after a step until f stays within {settings.settling_hz:g} Hz and V within "
        f"{settings.settling_pu:g} pu of nominal",
        [Reading("slowest step", worst_s, at_s)],
        settings.settling_limit_s,
        "s",
        method="every tick; secondary control (grid.island.restore) included",
        missing="qualify.island.settling_limit",
        note="" if math.isfinite(worst_s) else "a step does not settle within hold",
    )


def _judge_served(criteria: Criteria, log: Log, start_s: float, stop_s: float) -> None:
    """Energy that the connected load got, of what it asked for at its voltage."""
    asked = log.part("site.load_power_w", start_s, stop_s) + log.part(
        "site.voltage_response_power_w", start_s, stop_s
    )
    lost = log.part("poi.unserved_power_w", start_s, stop_s)
    total = float(asked.sum())
    share = max(0.0, float((asked - lost).sum()) / total) if total > 0.0 else math.nan
    short = np.flatnonzero(lost > 1e-6 * np.abs(asked))
    criteria.judge(
        "served",
        "share of the load's energy that is served from the first step on",
        [Reading("energy", share, start_s + float(short[0]) * log.tick_s if short.size else None)],
        SERVED,
        "",
        method="sum over ticks of load less unserved power, over the load",
        note="a shortage of power or energy" if short.size else "",
        evidence=OWN,
        at_least=True,
        quantity="poi.unserved_power_w",
    )


# ----------------------------------------------------------------------------------------------- test 10


def black_start_test(context: Context) -> TestOutcome:
    """Run and judge test 10: black start, load steps of 10, 25 and 50 % of rated power, held."""
    settings = context.settings.black_start or models.QualifyBlackStart()
    subject, test = context.subject, context.test(10)
    own = context.scenario.model.grid.island
    levels = [share / 100.0 for share in test.keys["load_steps_pct_rated"]]
    energise_s = own.energise_s if own is not None else models.Island().energise_s
    first_s = ORDER_S + energise_s + settings.interval_s
    end_s = first_s + (len(levels) - 1) * settings.interval_s + settings.hold_s + 1.0
    grid = {
        "rated_power_w": context.base_w,
        "power_factor": settings.power_factor,
        "island": _restoring([level / levels[-1] for level in levels], settings.interval_s, own),
        "event": [DEAD],
    }
    unit: dict[str, Any] = {}
    if settings.soc > 0.0:
        unit = {subject.unit.kind: {"soc_initial": settings.soc}}
    bench = Bench(subject, "Test 10: black start", end_s, record=_signals(context))
    load = [Segment(0.0, math.inf, levels[-1] * subject.rated_w)]
    log = run(bench.scenario(load, grid=grid, unit=unit), before=dark, progress=context.progress)
    criteria = context.criteria(10)
    took_s = _judge_start(criteria, context, log, 0.0, "")
    _judge_steps(criteria, log, levels, subject.rated_w, settings)
    criteria.open(
        "energy_left",
        "SoC at the end of the last step",
        f"no criterion: SoC {float(log[subject.signal('soc')][-1]):.4f} after {settings.hold_s:g} s at "
        f"{100 * levels[-1]:g} %, from {float(log[subject.signal('soc')][0]):.4f}",
    )
    if math.isfinite(took_s):
        limits = (settings.frequency_limit_hz, settings.voltage_limit_pu)
        _judge_deviations(criteria, log, "black_start", limits, (first_s, end_s), counts=False)
    notes = [
        "decided on energy and power; transients of energising (inrush, protection) need EMT or hardware",
        test.method_note,
    ]
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"black_start": log}, series=[series_of("black_start", log)], charts=_charts(context),
    )  # fmt: skip


def _judge_steps(
    criteria: Criteria, log: Log, levels: list[float], rated_w: float, settings: models.QualifyBlackStart
) -> None:
    """Every step is picked up and carried to its end."""
    taken = log.times("load_pickup")[: len(levels)]
    blackouts = log.times("blackout")
    unserved = log["poi.unserved_power_w"]
    total_w = levels[-1] * rated_w
    for index, level in enumerate(levels):
        share = math.nan
        at_s = taken[index] if index < len(taken) else None
        if at_s is not None:
            last = index + 1 == len(levels)
            stop_s = at_s + (settings.hold_s if last else settings.interval_s)
            part = unserved[log.at(at_s) : log.at(min(stop_s, log.duration_s))]
            # What is not connected yet counts as unserved in the engine's signal.
            carried = total_w - part.astype(float)
            share = float(np.clip(carried / (level * rated_w), 0.0, 1.0).mean()) if part.size else math.nan
        note = "" if index < len(taken) else "the step is never reached"
        if blackouts:
            note = f"blackout at {blackouts[0]:g} s"
        criteria.judge(
            f"step_{100 * level:g}pct",
            f"the step to {100 * level:g} % of rated power is carried to its end",
            [Reading("share of the energy asked for", share, at_s)],
            SERVED,
            "",
            method="load less unserved power, over the level, over the time of the step",
            note=note,
            at_least=True,
            quantity="poi.unserved_power_w",
        )


# ------------------------------------------------------------------------------------------------ test 9


def _generator_grid(settings: models.QualifyGenerator, rated_w: float, base_w: float) -> dict[str, Any]:
    """A generator as a grid of its own: swing equation behind a transient reactance."""
    return {
        "rated_power_w": rated_w,
        "source_resistance_ohm": 0.0,
        "source_reactance_ohm": 0.0,
        "scr": 1.0 / settings.reactance_pu,
        "x_over_r": settings.x_over_r,
        "frequency_model": "swing",
        "system_power_w": rated_w,
        "reference_power_w": base_w,
        "inertia_s": settings.inertia_s,
        "damping": settings.damping,
        "droop": settings.droop,
        "governor_time_constant_s": settings.governor_time_constant_s,
        "remote": None,
    }


def generator_test(context: Context) -> TestOutcome:
    """Run and judge test 9: a small system led by a generator; what swings on after steps.

    The load steps up and down, then the system is ordered to deliver as much, and to stop.
    """
    settings = context.settings.generator or models.QualifyGenerator()
    subject, test = context.subject, context.test(9)
    rated_w = settings.rated_power_w or subject.rated_w
    base_w, step_w = settings.load_pu * rated_w, settings.load_step_pu * rated_w
    times = [(1 + index) * settings.hold_s for index in range(5)]
    up_s, down_s, given_s, back_s, end_s = times
    order_w = min(step_w, subject.rated_w)
    load = [Segment(0.0, math.inf, base_w), Segment(up_s, down_s, step_w)]
    bench = Bench(
        subject, "Test 9: generator following", end_s, record=[*_signals(context), "poi.frequency_hz"]
    )
    scenario = bench.scenario(load, grid=_generator_grid(settings, rated_w, base_w))
    orders = [Order(0.0, subject.command, 0.0), Order(given_s, subject.command, order_w)]
    orders.append(Order(back_s, subject.command, 0.0))
    log = run(scenario, orders, progress=context.progress)
    criteria = context.criteria(9)
    low_hz, high_hz = test.keys["oscillation_band_hz"]
    _judge_swings(criteria, context, log, settings, list(pairwise(times)), low_hz, high_hz)
    _judge_part(criteria, context, log, order_w, (given_s, back_s))
    nominal_hz = scenario.model.grid.nominal_frequency_hz
    criteria.judge(
        "frequency_deviation",
        "largest deviation of the frequency after a step",
        [_deviation(log, "site.frequency_hz", nominal_hz, up_s, end_s)],
        settings.frequency_limit_hz,
        "Hz",
        method="every tick; swing equation of the generator",
        missing="qualify.generator.frequency_limit",
        note=CHOICE,
        quantity="site.frequency_hz",
        counts=False,
    )
    var = base_w * math.tan(math.acos(scenario.model.grid.power_factor))
    margin = (forming_margin if subject.forms else support_margin)(scenario, base_w, var)
    takes_part = subject.forms or subject.unit.support is not None
    criteria.open(
        "small_signal",
        "distance of the loop gain from -1 (modulus margin), negative where unstable",
        f"no criterion: {margin:.3f} with the generator at {100 * settings.load_pu:g} % load"
        if takes_part
        else "the system neither forms nor supports a grid: it takes no part in the frequency",
    )
    notes = [
        "screening: the generator is a swing equation behind its reactance, without exciter or shaft; "
        "interaction above some hertz needs EMT",
        f"steps of {step_w / 1e6:.4g} MW: load up at {up_s:g} s, down at {down_s:g} s; the system delivers "
        f"{order_w / 1e6:.4g} MW from {given_s:g} to {back_s:g} s",
        test.method_note,
    ]
    return TestOutcome(
        test, verdict_of(criteria.rows), criteria.rows, notes,
        logs={"generator": log}, series=[series_of("generator", log)], charts=_charts(context),
    )  # fmt: skip


def _judge_part(
    criteria: Criteria, context: Context, log: Log, order_w: float, span: tuple[float, float]
) -> None:
    """Whether the system moves at all when it is ordered to: one that is empty swings least."""
    name, third_s = context.subject.signal("power_w"), (span[1] - span[0]) / 3.0
    before_w = float(log.part(name, span[0] - third_s, span[0]).mean())
    given_w = float(log.part(name, span[1] - third_s, span[1]).mean())
    criteria.judge(
        "takes_part",
        "share of an order to deliver that the system's power moves by, droop and governor at work",
        [Reading("last third of the stretch", (given_w - before_w) / order_w, span[1])],
        TAKES_PART,
        "",
        method="mean power at the terminals with the order less that before it, of the order",
        evidence=OWN,
        at_least=True,
        quantity=name,
    )


def _judge_swings(
    criteria: Criteria,
    context: Context,
    log: Log,
    settings: models.QualifyGenerator,
    spans: list[tuple[float, float]],
    low_hz: float,
    high_hz: float,
) -> None:
    """What still swings in the band in the last third of each stretch after a step."""
    name = context.subject.signal("power_w")
    found = []
    for start_s, stop_s in spans:
        last_s = stop_s - (stop_s - start_s) / 3.0
        size = band_swing(log.part(name, last_s, stop_s), log.tick_s, low_hz, high_hz)
        found.append(Reading(f"after the step at {start_s:g} s", size / context.subject.rated_w, stop_s))
    worst = max(found, key=lambda one: one.value)
    ends = "; ".join(f"{one.label}: {one.value:.3g} pu" for one in found)
    blackouts = [*log.times("blackout"), *log.times("voltage_collapse")]
    if blackouts:
        ends += f"; the voltage collapsed at {blackouts[0]:g} s"
        worst = Reading("collapse", math.inf, blackouts[0])
    criteria.judge(
        "oscillation",
        f"swing of the system's power at {low_hz:g} to {high_hz:g} Hz at the end of a step, of rated power",
        [worst],
        settings.oscillation_limit_pu,
        "pu",
        method="peak to peak of the sine with the RMS of the band, last third of each stretch, Hann window",
        missing="qualify.generator.oscillation_limit",
        note=ends,
        quantity=name,
    )
