"""OpenDSS: scripts and load shapes of a load series, in a circuit of one source or in the user's.

https://opendss.epri.com: the text language. The scripts need nothing of wattkeel and open in any OpenDSS;
`OpenDss.solve` runs them through OpenDSSDirect (extra `opendss`). Load shapes are files of little-endian
32-bit floats (.sng): a value has 24 bits, 6e-8 of it.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattkeel.errors import Fault, MissingExtra, ScenarioError
from wattkeel.interop.poi import Handover, Voltages, handover
from wattkeel.interop.steps import Floats
from wattkeel.jsonio import write_text

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["OpenDss", "opendss"]

PREFIX = "wattkeel_"
NETWORK, LOAD, RUN = "wattkeel_network.dss", "wattkeel_load.dss", "wattkeel_run.dss"
# Below Vminpu (default 0.95) and above Vmaxpu (1.05) a load of OpenDSS becomes a constant impedance, below
# Vlowpu (0.5) in any case. What is handed over is a recorded power: it stays one at any voltage of a run.
_LIMITS = "vminpu=0.1 vlowpu=0.05 vmaxpu=2"
_MODEL = {"power": 1, "current": 5, "impedance": 2}
# The default of 1e-4 leaves the voltage uncertain by about as much.
_TOLERANCE = 1e-9
_MOST_ITERATIONS = 1000  # of a fixed-point iteration, slow near the nose of the PV curve
_LARGEST_TAP = 2.0


@dataclass(frozen=True, slots=True)
class OpenDss:
    """Scripts and load shapes that were written.

    Attributes
    ----------
    series : Handover
        What was handed over.
    directory : Path
        Where the files are; `wattkeel_run.dss` is the one to run.
    files : tuple of Path
        All that were written.
    bus : str
        Where the load hangs.
    start : tuple of str
        Commands up to the first step.
    segments : tuple of (int, tuple of str)
        Number of steps, and the commands before them.
    master : Path or None
        Circuit of the user.
    """

    series: Handover
    directory: Path
    files: tuple[Path, ...]
    bus: str
    start: tuple[str, ...]
    segments: tuple[tuple[int, tuple[str, ...]], ...]
    master: Path | None = None

    def solve(self) -> Voltages:
        """Run the scripts through OpenDSSDirect, in a context of their own, step by step.

        Returns
        -------
        Voltages
            Positive sequence; NaN where OpenDSS did not converge.

        Raises
        ------
        MissingExtra
            OpenDSSDirect is not installed.
        ScenarioError
            OpenDSS refuses the circuit, or the bus is not in it.
        """
        start = [_absolute(command, self.directory) for command in self.start]
        with contextlib.chdir(os.curdir):  # OpenDSS changes the working folder of the process
            engine, refusal = _engine()
            try:
                return self._run(engine, start)
            except refusal as error:
                place = str(self.master or self.directory / RUN)
                message = f"OpenDSS refuses it: {' '.join(str(error).split())}"
                fault = Fault(place, None, message, "open it in OpenDSS to mend it")
                raise ScenarioError([fault]) from error

    def _run(self, engine: Any, start: list[str]) -> Voltages:
        """Step through the series."""
        for command in start:
            engine.Text.Command(command)
        buses = self._buses(engine)
        rows = np.full((self.series.steps, len(buses)), np.nan)
        rest = iter(rows)
        for count, commands in self.segments:
            for command in commands:
                engine.Text.Command(command)
            for row in islice(rest, count):
                _solve_step(engine, buses, row)
        return Voltages(self.series.time_s, rows[:, 0], rows[:, 1] if len(buses) > 1 else None)

    def _buses(self, engine: Any) -> list[tuple[str, float]]:
        """Buses whose voltage is asked for and their nominal line-to-ground voltage [V]."""
        name = self.bus.partition(".")[0]
        wanted = [name] if self.master is not None or self.series.at == "poi" else ["poi", name]
        known = list(engine.Circuit.AllBusNames())
        found = []
        for bus in wanted:
            if engine.Circuit.SetActiveBus(bus) < 0 or bus.lower() not in known:
                shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
                raise ScenarioError([Fault("bus", bus, "is no bus of the circuit", f"buses are {shown}")])
            base_v = 1e3 * float(engine.Bus.kVBase())
            if base_v <= 0.0:
                remedy = "put Set VoltageBases=[...] and CalcVoltageBases into the master file"
                raise ScenarioError([Fault("bus", bus, "has no base voltage in the circuit", remedy)])
            found.append((bus, base_v))
        return found


def opendss(
    run: Result | str | Path | Handover,
    directory: str | Path,
    *,
    master: str | Path | None = None,
    bus: str | None = None,
    voltage_v: float | None = None,
    **options: Any,
) -> OpenDss:
    """Write OpenDSS scripts of a run: its load over time, in the network of its scenario or another circuit.

    Parameters
    ----------
    run : Result, str, Path or Handover
        A run, its directory, or what `handover` made of one.
    directory : str or Path
        Folder for the files, made when missing; files of an earlier call are replaced.
    master : str or Path, optional
        A circuit of your own: its master file, which is not changed. `wattkeel_run.dss` runs it, adds the
        load and steps through the series; its controls and tolerance hold.
    bus : str, optional
        Its bus where the load hangs, three-phase.
    voltage_v : float, optional
        Nominal voltage of that bus, line to line [V]; that of the run without it.
    **options
        As in `handover`.

    Returns
    -------
    OpenDss
        What was written; `solve` runs it.

    Raises
    ------
    ScenarioError
        As in `handover`, or `master` and `bus` do not fit.
    OSError
        A file cannot be written.
    """
    series = run if isinstance(run, Handover) else handover(run, **options)
    own = Path(master).absolute() if master is not None else None
    faults = []
    if own is not None and not own.is_file():
        faults.append(Fault("master", str(master), "there is no such file", "name the master file (.dss)"))
    if (own is None) != (bus is None):
        place, given = ("bus", bus) if own is None else ("master", str(master))
        faults.append(Fault(place, given, "needs the other", "give both, master and bus, or none"))
    if voltage_v is not None and not (math.isfinite(voltage_v) and voltage_v > 0.0):
        faults.append(Fault("voltage_v", voltage_v, "must be above 0", "give volts, line to line"))
    if faults:
        raise ScenarioError(faults)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for older in folder.glob(f"{PREFIX}*"):
        if older.suffix in (".dss", ".sng"):
            older.unlink()
    network = series.network
    usual_v = network.voltage_v if series.at == "poi" else network.site_voltage_v
    where = bus or ("poi" if series.at == "poi" else "site")
    shapes = _write_shapes(series, folder, own is None)
    load = _load_lines(series, where, voltage_v or usual_v)
    texts = {LOAD: load} if own is not None else {NETWORK: _network_lines(series), LOAD: load}
    start, segments = _start_lines(series, own), _segments(series, where, own is None)
    texts[RUN] = _run_lines(series, start, segments)
    for name, lines in texts.items():
        write_text(folder / name, "\n".join(lines) + "\n")
    files = (*(folder / name for name in texts), *shapes)
    return OpenDss(series, folder, files, where, tuple(start), segments, own)


def _engine() -> tuple[Any, type[Exception]]:
    """An OpenDSS of its own, so that a circuit that the caller has open stays, and its exception."""
    try:
        import opendssdirect
        from dss import DSSException
    except ImportError as error:
        raise MissingExtra("opendssdirect.py", "opendss", "solving through OpenDSS") from error
    return opendssdirect.dss.NewContext(), DSSException


def _absolute(command: str, folder: Path) -> str:
    """A Redirect to one of the files, from any folder."""
    verb, _, name = command.partition(" ")
    return (
        f'{verb} "{folder.absolute() / name}"' if verb == "Redirect" and name in (NETWORK, LOAD) else command
    )


def _solve_step(engine: Any, buses: list[tuple[str, float]], row: Floats) -> None:
    engine.Solution.Solve()
    if not engine.Solution.Converged():
        return
    for column, (bus, base_v) in enumerate(buses):
        engine.Circuit.SetActiveBus(bus)
        row[column] = engine.Bus.SeqVoltages()[1] / base_v


def _number(value: float) -> str:
    return repr(float(value))


def _shape(name: str, series: Handover, mult: str, qmult: str = "") -> str:
    """A load shape in kW and kvar, or of the source in pu."""
    out = f"New Loadshape.{name} npts={series.steps} sinterval={_number(series.time_step_s)}"
    out += f" mult=(sngfile={mult})"
    return out + (f" qmult=(sngfile={qmult}) useactual=yes" if qmult else "")


def _write_shapes(series: Handover, folder: Path, with_source: bool) -> list[Path]:
    """Load shapes as 32-bit floats: kW and kvar of every part; pu of the source where it moves."""
    found = {}
    for part in series.parts:
        found[f"wattkeel_{part.law}_kw.sng"] = part.power_w / 1e3
        found[f"wattkeel_{part.law}_kvar.sng"] = part.reactive_power_var / 1e3
    if with_source and _moves(series.source_voltage_pu):
        found["wattkeel_source_pu.sng"] = series.source_voltage_pu
    for name, values in found.items():
        (folder / name).write_bytes(np.asarray(values, dtype="<f4").tobytes())
    return [folder / name for name in found]


def _moves(values: Floats) -> bool:
    return bool(np.ptp(values) > 0.0)


def _load_lines(series: Handover, bus: str, voltage_v: float) -> list[str]:
    """Load shapes, the load by its laws, capacitors and a monitor."""
    lines = [f"! Load of a wattkeel run: {series.steps} steps of {series.time_step_s:g} s, kW and kvar."]
    for part in series.parts:
        name = f"wattkeel_{part.law}"
        lines += [
            _shape(name, series, f"{name}_kw.sng", f"{name}_kvar.sng"),
            f"New Load.{name} bus1={bus} phases=3 conn=wye kv={_number(voltage_v / 1e3)} "
            f"model={_MODEL[part.law]} kw=1 kvar=1 yearly={name} daily={name} duty={name} "
            f"status=exempt {_LIMITS}",
        ]
    if series.capacitor_var.any():
        kvar = _number(max(series.capacitor_var[0] / 1e3, 1e-6))
        size = f"kv={_number(voltage_v / 1e3)} kvar={kvar}"
        lines.append(f"New Capacitor.wattkeel_bank bus1={bus} phases=3 conn=wye {size}")
    first = series.parts[0].law
    lines.append(f"New Monitor.wattkeel element=Load.wattkeel_{first} terminal=1 mode=0 vipolar=yes")
    return lines


def _network_lines(series: Handover) -> list[str]:
    """The Thevenin source, cable and transformers as far as they are asked for."""
    network = series.network
    kv = _number(network.voltage_v / 1e3)
    mva = _number(network.short_circuit_va / 1e6)
    r, x = network.source_resistance_pu, network.source_reactance_pu
    lines = [
        f"! Source of a wattkeel run: {mva} MVA at the POI, X/R {x / r if r > 0.0 else math.inf:g}.",
        f"Set DefaultBaseFrequency={_number(network.frequency_hz)}",
        f"New Circuit.wattkeel bus1=poi basekv={kv} pu={_number(series.source_voltage_pu[0])} angle=0 "
        f"phases=3 frequency={_number(network.frequency_hz)} {_impedance(series, series.source_factor[0])}",
    ]
    if _moves(series.source_voltage_pu):
        lines += [
            _shape("wattkeel_source", series, "wattkeel_source_pu.sng"),
            "Edit Vsource.source pu=1 yearly=wattkeel_source daily=wattkeel_source duty=wattkeel_source",
        ]
    bases = [network.voltage_v]
    if series.at == "site":
        lines += _way_lines(series)
        bases.append(network.site_voltage_v)
    shown = ", ".join(_number(v / 1e3) for v in dict.fromkeys(bases))
    return [*lines, f"Set VoltageBases=[{shown}]", "CalcVoltageBases"]


def _impedance(series: Handover, factor: float) -> str:
    """Short-circuit power and X/R; R and X where one of them is 0."""
    network = series.network
    r, x = network.source_resistance_pu, network.source_reactance_pu
    if r > 0.0 and x > 0.0:
        mva, ratio = _number(network.short_circuit_va / 1e6 / factor), _number(x / r)
        return f"mvasc3={mva} x1r1={ratio} mvasc1={mva} x0r0={ratio}"
    ohm = f"[{_number(r * network.base_ohm * factor)}, {_number(x * network.base_ohm * factor)}]"
    return f"z1={ohm} z2={ohm} z0={ohm}"


def _way_lines(series: Handover) -> list[str]:
    network = series.network
    lines = []
    bus = "poi"
    if network.has_cable:
        bus = "way"
        r = _number(network.cable_resistance_pu * network.base_ohm)
        x = _number(network.cable_reactance_pu * network.base_ohm)
        lines.append(
            f"New Line.cable bus1=poi bus2={bus} phases=3 length=1 units=none r1={r} x1={x} r0={r} x0={x} "
            "c1=0 c0=0"
        )
    percent = 100.0 * network.transformer_va / network.base_va
    half = _number(0.5 * percent * network.transformer_resistance_pu)
    # OpenDSS takes no transformer without a reactance.
    xhl = _number(max(percent * network.transformer_reactance_pu, 1e-5))
    kva = _number(network.transformer_va / 1e3)
    kvs = f"{_number(network.voltage_v / 1e3)}, {_number(network.site_voltage_v / 1e3)}"
    lines.append(
        f"New Transformer.poi phases=3 windings=2 buses=[{bus}, site] conns=[wye, wye] kvs=[{kvs}] "
        f"kvas=[{kva}, {kva}] %rs=[{half}, {half}] xhl={xhl} %noloadloss=0 %imag=0 ppm_antifloat=0 "
        f"wdg=1 maxtap={_LARGEST_TAP} mintap={1.0 / _LARGEST_TAP} tap={_tap(series.tap_ratio[0])}"
    )
    return lines


def _tap(ratio: float) -> str:
    """The tap is on the side of the POI, so that the impedance stays on that of the site bus."""
    return _number(1.0 / ratio)


def _start_lines(series: Handover, master: Path | None) -> list[str]:
    """Commands up to the first step."""
    step = f"stepsize={_number(series.time_step_s)}s"
    lines = ["Clear", f"Redirect {NETWORK}" if master is None else f'Redirect "{master}"', f"Redirect {LOAD}"]
    lines.append(f"Set mode=yearly {step} number=1 hour=0 sec=0")
    if master is None:
        lines += ["Set controlmode=off", f"Set tolerance={_TOLERANCE} maxiterations={_MOST_ITERATIONS}"]
    return lines


def _segments(series: Handover, bus: str, with_network: bool) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Stretches of steps in which nothing is switched, and the commands that switch before them."""
    states = {"bank": series.capacitor_var}
    if with_network:
        states |= {"source": series.source_factor, "tap": series.tap_ratio}
    moved = {name: np.append(False, np.diff(values) != 0.0) for name, values in states.items()}
    begins = np.flatnonzero(np.any(list(moved.values()), axis=0))
    found = []
    edges = [0, *begins.tolist(), series.steps]
    for begin, end in pairwise(edges):
        commands = []
        if with_network and moved["source"][begin]:
            commands.append(f"Edit Vsource.source {_impedance(series, series.source_factor[begin])}")
        if with_network and series.at == "site" and moved["tap"][begin]:
            commands.append(f"Edit Transformer.poi wdg=1 tap={_tap(series.tap_ratio[begin])}")
        if moved["bank"][begin]:
            kvar = _number(max(series.capacitor_var[begin] / 1e3, 1e-6))
            commands.append(f"Edit Capacitor.wattkeel_bank kvar={kvar}")
        found.append((end - begin, tuple(commands)))
    return tuple(found)


def _run_lines(
    series: Handover, start: list[str], segments: tuple[tuple[int, tuple[str, ...]], ...]
) -> list[str]:
    """The script to run."""
    lines = [f"! Steps through the load of a wattkeel run from {series.time_s[0]:g} s on.", *start]
    for count, commands in segments:
        lines += [*commands, f"Set number={count}", "Solve"]
    return [*lines, "Export Monitors wattkeel"]
