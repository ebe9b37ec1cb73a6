"""What the swing of a run may excite: its lines against bands, modes and shafts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wattkeel.errors import Fault, ScenarioError
from wattkeel.resonance.pieces import Floats
from wattkeel.resonance.targets import Mode, Target, known_targets
from wattkeel.resonance.transfer import Transfer, log_grid, transfer
from wattkeel.spectra import LineSpectrum, Reach, line_spectrum, trace_reach
from wattkeel.summary import settled_s

if TYPE_CHECKING:
    from wattkeel.measures import Line
    from wattkeel.result import Result
    from wattkeel.trace import Trace

__all__ = ["LIMITS_OF_SCREENING", "Reading", "Study", "screen", "spectrum_of"]

Verdict = Literal["exceeds", "within", "no_limit", "not_seen"]

LOAD, IMPORT = "site.load_power_w", "poi.power_w"

#: What a screening is not; printed with every study.
LIMITS_OF_SCREENING = (
    "This is a screening: it holds the lines of the import against bands and modes from elsewhere.",
    "It is no torsional study: that takes the shaft, the network and the converters' control in EMT, and the "
    "fatigue of the shaft.",
    "How much of the swing reaches a machine is not known without the network (interaction factor); the "
    "frequency of the area is that of one mass with a governor, without modes of its own.",
    "Presets name machines and events elsewhere as examples: ask the system operator for the modes near you.",
)
# What answers as a mass on a spring even where its damping is not known.
_RESONATORS = ("electromechanical", "torsional")
# The response is computed as far as the spectra go, but no further than this.
_MOST_HZ = 100.0
_LEAST_HZ = 0.01
_LOWEST_RESPONSE_HZ = 1e-4


@dataclass(frozen=True, slots=True)
class Reading:
    """One band or mode against the spectra of a run. Amplitudes are half of peak to peak; NaN: not known.

    Attributes
    ----------
    target, title, nature : str
        Entry that it belongs to.
    own : bool
        Whether the entry is the scenario's own.
    low_hz, high_hz : float
        Frequencies looked at, Hz.
    mode_hz, damping_ratio, quality : float
        The mode, Hz, its damping, and its amplification at resonance in the steady state; NaN for a band.
    load_hz, load_w : float
        Strongest line of the load of the site bus within these frequencies.
    import_hz, import_w : float
        Strongest line of the import.
    import_rms_w : float
        RMS of the import within these frequencies: what jitter spreads over many lines counts in full.
    load_share, import_share : float
        Share of the AC energy.
    ratio : float
        Import over load at the strongest line of the load, in this run.
    gain : float
        The same by the small-signal response; see `ramp_limit_w`.
    ramp_limit_w : float
        Amplitude of that line above which the ramp limit of the storage's target acts, and `gain` no longer
        holds; NaN where the response is not known, inf without such a limit.
    frequency_hz, voltage_pu : float
        Amplitude of frequency and voltage at the POI that the strongest line of the import causes.
    distance_hz : float
        Distance of the strongest line of the import from the mode.
    at_mode_w : float
        Amplitude of the import at the mode itself.
    amplification : float
        Steady-state response of the mode to that line, over its response to a slow force of this size; NaN
        for what is no mass on a spring.
    torque_gain, torque_gain_at_mode : float
        Shaft: largest torque in any section, per unit of swing of the machine's electrical torque, at that
        line and at the mode.
    machine_w : float
        Swing of the machine's electrical power, where its interaction factor is known.
    torque_pu : float
        Largest torque in any section that this causes, per unit of the machine's rating.
    limit_w : float
        Largest amplitude allowed; NaN without a limit.
    verdict : str
        ``exceeds`` or ``within`` the limit, ``no_limit``, or ``not_seen`` where the record does not reach.
    """

    target: str
    title: str
    nature: str
    own: bool
    low_hz: float
    high_hz: float
    mode_hz: float = math.nan
    damping_ratio: float = math.nan
    quality: float = math.nan
    load_hz: float = math.nan
    load_w: float = math.nan
    import_hz: float = math.nan
    import_w: float = math.nan
    import_rms_w: float = math.nan
    load_share: float = math.nan
    import_share: float = math.nan
    ratio: float = math.nan
    gain: float = math.nan
    ramp_limit_w: float = math.nan
    frequency_hz: float = math.nan
    voltage_pu: float = math.nan
    distance_hz: float = math.nan
    at_mode_w: float = math.nan
    amplification: float = math.nan
    torque_gain: float = math.nan
    torque_gain_at_mode: float = math.nan
    machine_w: float = math.nan
    torque_pu: float = math.nan
    limit_w: float = math.nan
    verdict: Verdict = "not_seen"


@dataclass(frozen=True, slots=True)
class Study:
    """Screening of one run.

    Attributes
    ----------
    title : str
        Title of the run.
    load, power : LineSpectrum
        Spectra of the load of the site bus and of the import.
    start_s, stop_s : float
        Part of the run that they are of.
    reach : Reach
        How far up they go, and why no further.
    response : Transfer or None
        Small-signal response from the site bus; None where it could not be computed.
    targets : tuple of Target
        What was looked at.
    readings : tuple of Reading
        One for each band and each mode.
    notes : tuple of str
        What the numbers do not hold for.
    """

    title: str
    load: LineSpectrum
    power: LineSpectrum
    start_s: float
    stop_s: float
    reach: Reach
    response: Transfer | None
    targets: tuple[Target, ...]
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]

    @property
    def exceeds(self) -> bool:
        """Whether a limit is exceeded."""
        return any(reading.verdict == "exceeds" for reading in self.readings)

    def as_dict(self, lines: int = 20) -> dict[str, Any]:
        """Study as plain values, for JSON: readings, the strongest lines and the response."""
        out: dict[str, Any] = {
            "title": self.title,
            "start_s": self.start_s,
            "stop_s": self.stop_s,
            "resolution_hz": self.power.resolution_hz,
            "reach_hz": self.reach.limit_hz,
            "reach_why": self.reach.why,
            "load_lines": self.load.lines(lines),
            "import_lines": self.power.lines(lines),
            "readings": self.readings,
            "notes": self.notes,
        }
        if self.response is not None:
            of = self.response
            out["response"] = {
                "method": of.method,
                "at": of.at,
                "frequency_hz": of.frequency_hz,
                "power_gain": np.abs(of.power),
                "power_phase_rad": np.angle(of.power),
                "frequency_gain_hz_per_w": np.abs(of.frequency_hz_per_w),
                "voltage_gain_pu_per_w": np.abs(of.voltage_pu_per_w),
                "ramp_limit_w": of.ramp_limit_w,
                "nonlinearity": of.nonlinearity,
            }
        return out


def spectrum_of(source: Result | Trace, signal: str = IMPORT) -> LineSpectrum | None:
    """Line spectrum of a signal of a run, or of the sum of the columns of a trace.

    Parameters
    ----------
    source : Result or Trace
        A run, from its settling time on; or a measured trace, whose samples are taken as held.
    signal : str
        Signal of the run.

    Returns
    -------
    LineSpectrum or None
        None where the record is too short, or the run did not keep the signal.
    """
    if hasattr(source, "power_w"):
        trace: Any = source
        edges = np.arange(0.0, trace.length_s + 1e-9 * trace.sampling_s, trace.sampling_s)
        steps = np.diff(np.append(trace.time_s, trace.length_s))
        energy = np.concatenate(([0.0], np.cumsum(steps * trace.power_w.sum(axis=1))))
        mean_w = np.diff(np.interp(edges, np.append(trace.time_s, trace.length_s), energy)) / trace.sampling_s
        slow_s = max(trace.sampling_s, min(trace.refresh_s, trace.length_s))
        return line_spectrum(mean_w, trace.sampling_s, 0.5 / slow_s)
    run: Any = source
    values, sampling_s, _ = _record(run, signal)
    measured = trace_reach(run)
    return line_spectrum(values, sampling_s, math.inf if measured is None else measured.limit_hz)


def screen(
    result: Result, *, targets: Sequence[Target] | None = None, response: Transfer | None = None
) -> Study:
    """Hold the spectra of a run against what they may excite.

    Parameters
    ----------
    result : Result
        The run; best with ``poi.power_w`` and ``site.load_power_w`` at full rate. The time before
        ``compliance.settle`` is left out.
    targets : sequence of Target, optional
        What to look at; the presets and the scenario's own entries when None.
    response : Transfer, optional
        Response from the site bus; the analytic one when None.

    Returns
    -------
    Study

    Raises
    ------
    ScenarioError
        The run is too short for a spectrum, or did not keep its power.
    """
    model = result.scenario.model
    load, sampling_s, start_s = _record(result, LOAD)
    power, *_ = _record(result, IMPORT)
    reach = Reach(
        0.4 / sampling_s, f"one sample every {sampling_s:g} s: nothing above {0.4 / sampling_s:g} Hz"
    )
    measured = trace_reach(result)
    if measured is not None and measured.limit_hz < reach.limit_hz:
        reach = measured
    spectra = [line_spectrum(values, sampling_s, reach.limit_hz) for values in (load, power)]
    if spectra[0] is None or spectra[1] is None:
        message = (
            f"{len(power)} samples of {sampling_s:g} s are too few for a spectrum up to {reach.limit_hz:g} Hz"
        )
        raise ScenarioError([Fault("run", None, message, "run longer, or keep the power at full rate")])
    notes = [*LIMITS_OF_SCREENING]
    if sampling_s > result.tick_s:
        notes.append(
            f"the power was kept every {sampling_s:g} s only: give record.full_rate {IMPORT} and {LOAD}"
        )
    if response is None:
        response, why = _response(result, reach)
        notes += [why] if why else []
    if response is not None:
        notes += [note for note in response.notes if note not in notes]
    chosen = known_targets(model.resonance) if targets is None else list(targets)
    looked = [(target, window) for target in chosen for window in target.windows()]
    readings = [_reading(target, window, spectra[0], spectra[1]) for target, window in looked]
    if response is not None:
        readings = _with_causes(readings, result, spectra[0], response)
    return Study(
        title=model.title or "run",
        load=spectra[0],
        power=spectra[1],
        start_s=start_s,
        stop_s=start_s + len(power) * sampling_s,
        reach=reach,
        response=response,
        targets=tuple(chosen),
        readings=tuple(readings),
        notes=tuple(notes),
    )


def _record(result: Result, name: str) -> tuple[Floats, float, float]:
    """Settled part of a signal, the time between its samples and its start, s: full rate, else means."""
    skip_s = settled_s(result.scenario.model, result.duration_s)
    if name in result.signals:
        first = round(skip_s / result.tick_s)
        return result.signals[name][first:], result.tick_s, first * result.tick_s
    for envelope in result.envelopes:
        if name in envelope.names:
            mean = envelope.of(name)[2]
            first = math.ceil(skip_s / envelope.period_s - 1e-9)
            return mean[first:], envelope.period_s, first * envelope.period_s
    message = "the run did not keep it"
    raise ScenarioError([Fault(name, None, message, "run again; every run keeps its envelopes")])


def _response(result: Result, reach: Reach) -> tuple[Transfer | None, str]:
    """Analytic response of the scenario of a run, or why there is none."""
    scenario = result.scenario
    lacking = [
        f"workload.{name}"
        for name, job in scenario.model.workload.items()
        if job.kind == "trace" and f"workload.{name}" not in scenario.traces
    ]
    lacking += [
        f"generation.{n}" for n in scenario.model.generation if f"generation.{n}" not in scenario.traces
    ]
    if lacking:
        return None, f"no response was computed: the trace of {', '.join(lacking)} could not be read again"
    top = min(reach.limit_hz, _MOST_HZ, 0.4 / scenario.model.simulation.tick_s)
    if top <= 2.0 * _LEAST_HZ:
        return None, "no response was computed: the record does not reach beyond 0.02 Hz"
    try:
        return transfer(scenario, frequency_hz=log_grid(_LEAST_HZ, top)), ""
    except ScenarioError as error:
        return None, f"no response was computed: {error.faults[0]}"


def _reading(
    target: Target,
    window: tuple[float, float, Mode | None],
    load: LineSpectrum,
    power: LineSpectrum,
) -> Reading:
    low_hz, high_hz, mode = window
    parameters = target.parameters
    known: dict[str, Any] = {
        "target": target.name,
        "title": target.title,
        "nature": parameters.nature,
        "own": target.own,
        "low_hz": low_hz,
        "high_hz": high_hz,
        "limit_w": parameters.limit_w or math.nan,
    }
    if mode is not None:
        known |= {
            "mode_hz": mode.frequency_hz,
            "damping_ratio": mode.damping_ratio,
            "quality": mode.quality,
        }
    top = load.strongest(low_hz, high_hz)
    out = power.strongest(low_hz, high_hz)
    # A band counts as seen where the record resolves its lower edge and reaches its middle.
    middle_hz = mode.frequency_hz if mode is not None else math.sqrt(low_hz * high_hz)
    if top is None or out is None or power.frequency_hz[-1] < middle_hz or power.resolution_hz > low_hz > 0.0:
        return Reading(**known)
    known |= {
        "load_hz": top.frequency_hz,
        "load_w": top.amplitude_w,
        "import_hz": out.frequency_hz,
        "import_w": out.amplitude_w,
        "import_rms_w": power.rms(low_hz, high_hz),
        "load_share": load.share(low_hz, high_hz),
        "import_share": power.share(low_hz, high_hz),
        "ratio": power.at(top.frequency_hz) / top.amplitude_w if top.amplitude_w > 0.0 else math.nan,
    }
    if mode is not None:
        known |= _on_mode(target, mode, out, power)
    if parameters.limit_w > 0.0:
        known["verdict"] = "exceeds" if out.amplitude_w > parameters.limit_w else "within"
    else:
        known["verdict"] = "no_limit"
    return Reading(**known)


def _with_causes(
    readings: list[Reading], result: Result, load: LineSpectrum, response: Transfer
) -> list[Reading]:
    """Readings with what their lines cause at the POI, by the small-signal response at these lines.

    The frequency answers the import as it is; the voltage answers the import and the reactive power of the
    load, which the storage does not take away.
    """
    reach = _LOWEST_RESPONSE_HZ, 0.4 / result.tick_s
    seen = [index for index, each in enumerate(readings) if each.verdict != "not_seen"]
    lines = [line for index in seen for line in (readings[index].load_hz, readings[index].import_hz)]
    if not lines:
        return readings
    try:
        exact = transfer(result.scenario, frequency_hz=np.clip(lines, *reach))
    except ScenarioError:  # a part that only a measurement has
        exact = response.between(lines)
    gain = np.abs(exact.power)
    swing = np.abs(exact.frequency_hz_per_w) / np.where(gain > 0.0, gain, math.nan)
    voltage = np.abs(exact.voltage_pu_per_w)
    out = list(readings)
    for place, index in enumerate(seen):
        of = readings[index]
        at_load, at_import = 2 * place, 2 * place + 1
        out[index] = replace(
            of,
            gain=float(gain[at_load]),
            ramp_limit_w=float(exact.ramp_limit_w[at_load]),
            frequency_hz=float(swing[at_import]) * of.import_w,
            voltage_pu=float(voltage[at_import]) * load.at(of.import_hz),
        )
    return out


def _on_mode(target: Target, mode: Mode, out: Line, power: LineSpectrum) -> dict[str, float]:
    """How near the strongest line comes to a mode, and what mode and shaft make of it."""
    parameters = target.parameters
    found = {
        "distance_hz": abs(out.frequency_hz - mode.frequency_hz),
        "at_mode_w": power.at(mode.frequency_hz),
    }
    if mode.damping_ratio > 0.0 or parameters.nature in _RESONATORS:
        found["amplification"] = mode.amplification(out.frequency_hz)
    if parameters.interaction > 0.0:
        found["machine_w"] = parameters.interaction * out.amplitude_w
    if target.shaft is not None:
        zeta = [each.damping_ratio if each.damping_ratio > 0.0 else 0.0 for each in target.modes]
        gains = np.abs(target.shaft.torque_pu([out.frequency_hz, mode.frequency_hz], zeta)).max(axis=1)
        found["torque_gain"] = float(gains[0])
        if mode.damping_ratio > 0.0:
            found["torque_gain_at_mode"] = float(gains[1])
        if parameters.interaction > 0.0 and parameters.rated_power_va > 0.0:
            found["torque_pu"] = found["torque_gain"] * found["machine_w"] / parameters.rated_power_va
    return found
