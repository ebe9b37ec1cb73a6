"""The battery with everything in it, and unequal strings, against the differential equations themselves.

The references below are written from the documentation, for one cell, in continuous time; nothing of the
program is used in them. They need scipy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sites import case

import wattkeel as wk
from wattkeel import battery_stage, stages
from wattkeel._generated import dtypes
from wattkeel.parameters import Battery, Container, preset

Floats = NDArray[np.float64]
# Tick and refresh in s; bands around the answer of 0.1 s: temperature in K, electricity of the climate.
LONG_RENEWALS = [
    (1.0, 1.0, 0.1, 0.005), (10.0, 10.0, 0.2, 0.01), (1.0, 60.0, 0.6, 0.02), (60.0, 60.0, 0.6, 0.02),
    (300.0, 300.0, 1.2, 0.06), (900.0, 900.0, 2.5, 0.15),
]  # fmt: skip
DRIVES = ["power_w", "current_a"]


def solved(rates: Callable[[float, Floats], Floats], start: Floats, duration_s: float) -> Floats:
    """State at the end of a segment."""
    integrate = pytest.importorskip("scipy.integrate")
    found = integrate.solve_ivp(rates, (0.0, duration_s), start, method="LSODA", rtol=1e-11, atol=1e-13)
    assert found.success
    return np.asarray(found.y[:, -1])


class Rates(NamedTuple):
    """What follows from the state of a cell and what drives it."""

    current_a: float
    voltage_v: float
    change: Floats


class ReferenceCell:
    """One cell in continuous time: state SoC, hysteresis, four branches, temperature, heat given off in J.

    Branches and hysteresis are roots of energies as the documentation has them, so that tables mean the same.
    """

    def __init__(self, cell: Mapping[str, Any]) -> None:
        self.cell = cell
        self.charge_as = 3600.0 * cell["cell_capacity_ah"] * cell["soh_capacity"]
        self.tau_s = np.array([cell["transfer_time_constant_s"], *cell["rc_time_constant_s"]])

    def start(self) -> Floats:
        cell = self.cell
        width_v = self.curve("hysteresis", "hysteresis_v", cell["soc_initial"])
        x = cell["hysteresis_initial"] * np.sqrt(width_v)
        return np.array([cell["soc_initial"], x, 0.0, 0.0, 0.0, 0.0, cell["temperature_initial_k"], 0.0])

    def curve(self, of: str, name: str, soc: float) -> float:
        return float(np.interp(soc, self.cell[f"{of}_soc"], self.cell[name]))

    def table(self, values: list[float], soc: float, kelvin: float) -> float:
        """Two points of SoC, two of temperature, all temperatures of the first SoC first."""
        first, last = self.cell["resistance_temperature_k"]
        warm = (kelvin - first) / (last - first)
        low, high = (values[k] * (1.0 - warm) + values[k + 1] * warm for k in (0, 2))
        return float(low * (1.0 - soc) + high * soc)

    def resistances(self, soc: float, kelvin: float, out: bool) -> tuple[float, Floats]:
        """What acts at once, and the branches, charge transfer first."""
        cell = self.cell
        ohm = self.table(cell["resistance_discharge_ohm" if out else "resistance_charge_ohm"], soc, kelvin)
        share, slow = cell["transfer_fraction"], cell["rc_resistance_ohm"]
        if len(slow) > 3:
            slow = [self.table(slow[4 * k : 4 * k + 4], soc, kelvin) for k in range(3)]
        age = cell["soh_resistance"]
        return age * (1.0 - share) * ohm, age * np.array([share * ohm, *slow])

    def rates(self, state: Floats, drive: str, asked: float) -> Rates:
        cell = self.cell
        soc, x, kelvin = float(state[0]), float(state[1]), float(state[6])
        branch, out = state[2:6], asked >= 0.0
        instant, ohm = self.resistances(soc, kelvin, out)
        width_v = self.curve("hysteresis", "hysteresis_v", soc)
        entropy = self.curve("entropy", "entropy_v_per_k", soc)
        ocv_v = np.interp(soc, cell["ocv_soc"], cell["ocv_v"]) + entropy * (kelvin - 298.15)
        emf_v = ocv_v + np.sqrt(width_v) * x - (np.sqrt(ohm) * branch).sum()
        current_a = asked
        if drive == "power_w":
            current_a = (emf_v - np.sqrt(emf_v**2 - 4.0 * instant * asked)) / (2.0 * instant)
        leak_a = cell["self_discharge_per_s"] * self.charge_as * soc
        inner_a = current_a * (1.0 if out else cell["coulombic_efficiency"]) + leak_a
        turn = cell["hysteresis_rate"] * abs(current_a) / self.charge_as
        heat_w = instant * current_a**2 + (branch**2).sum() + x**2 * abs(current_a)
        heat_w += ocv_v * (inner_a - current_a)
        lost_w = cell["cell_heat_transfer_w_per_k"] * (kelvin - cell["air_temperature_k"])
        warming_w = heat_w - current_a * kelvin * entropy - lost_w
        change = np.array(
            [
                -inner_a / self.charge_as,
                turn * ((-1.0 if out else 1.0) * np.sqrt(width_v) - x),
                *(np.sqrt(ohm) * current_a - branch) / self.tau_s,
                warming_w / cell["cell_heat_capacity_j_per_k"],
                heat_w,
            ]
        )
        return Rates(float(current_a), float(emf_v - instant * current_a), change)

    def ends(self, segments: list[dict[str, float]], drive: str) -> dict[str, Floats]:
        """SoC, end voltage, temperature and heat so far at the end of every segment."""
        state, found = self.start(), []
        for segment in segments:
            asked = segment[drive]
            state = solved(lambda _, y, a=asked: self.rates(y, drive, a).change, state, segment["duration_s"])
            found.append([state[0], self.rates(state, drive, asked).voltage_v, state[6], state[7]])
        return dict(zip(("soc", "voltage_v", "temperature_k", "heat_j"), np.array(found).T, strict=True))


class TestFullModel:
    """All effects at once, with constant parameters and with tables over SoC and temperature."""

    DATA = case("battery_full_model")
    ENDS: ClassVar[dict[tuple[str, str], dict[str, Floats]]] = {}

    def cell(self, of: str) -> dict[str, Any]:
        changes: dict[str, Any] = self.DATA["tables"] if of == "tables" else {}
        return {**self.DATA["cell"], **changes}

    def reference(self, of: str, drive: str) -> dict[str, Floats]:
        if (of, drive) not in self.ENDS:
            self.ENDS[of, drive] = ReferenceCell(self.cell(of)).ends(self.DATA["segment"], drive)
        return self.ENDS[of, drive]

    def found(self, cell: dict[str, Any], drive: str, tick_s: float, engine: str) -> dict[str, Floats]:
        """Figures of one cell at the ends of the segments; a temperature is renewed in the tick after."""
        refresh_s = max(tick_s, 0.1)
        battery = Battery(**cell, refresh_s=refresh_s)
        cells = battery.strings * battery.cells_series
        size = cells if drive == "power_w" else battery.strings
        counts = [round(segment["duration_s"] / tick_s) for segment in self.DATA["segment"]]
        asked = np.repeat([size * segment[drive] for segment in self.DATA["segment"]], counts)
        asked = np.concatenate((asked, np.zeros(round(refresh_s / tick_s))))
        run = wk.stages.battery(battery, time_step_s=tick_s, engine=engine, **{drive: asked})
        assert not run.limited.any()
        assert getattr(run, drive) == pytest.approx(asked, rel=1e-12, abs=1e-12)
        ends = np.cumsum(counts)
        return {
            "soc": run.soc[ends - 1],
            "voltage_v": run.end_voltage_v[ends - 1] / battery.cells_series,
            "temperature_k": run.temperature_k[ends],
            "heat_j": np.cumsum(run.loss_w)[ends - 1] * tick_s / cells,
        }

    @pytest.mark.parametrize("drive", DRIVES)
    @pytest.mark.parametrize("row", DATA["allowed"], ids=lambda row: f"{row['of']} {row['time_step_s']} s")
    def test_against_the_equations(self, engine: str, row: dict[str, Any], drive: str) -> None:
        wanted = self.reference(row["of"], drive)
        found = self.found(self.cell(row["of"]), drive, row["time_step_s"], engine)
        for name, values in wanted.items():
            assert found[name] == pytest.approx(values, rel=0.0, abs=row[name]), name

    @pytest.mark.parametrize("effect", DATA["effect"], ids=lambda effect: str(effect["without"]))
    def test_no_effect_hides_in_the_tolerance(self, effect: dict[str, Any]) -> None:
        wanted = self.reference("constants", "power_w")
        cell = {**self.cell("constants"), **effect["without"]}
        found = self.found(cell, "power_w", 0.1, "native")
        allowed = next(row for row in self.DATA["allowed"] if row["time_step_s"] == 0.1)
        name = effect["figure"]
        assert np.abs(found[name] - wanted[name]).max() > 10.0 * allowed[name]

    def test_second_order(self, engine: str) -> None:
        """Under power, without self-discharge: a tenth of the tick has a hundredth of the error."""
        cell = {**self.cell("constants"), "self_discharge_per_s": 0.0}
        wanted = ReferenceCell(cell).ends(self.DATA["segment"], "power_w")
        errors = {
            tick_s: {
                name: np.abs(values - wanted[name]).max()
                for name, values in self.found(cell, "power_w", tick_s, engine).items()
            }
            for tick_s in (1.0, 10.0)
        }
        for name in ("soc", "heat_j"):
            assert errors[10.0][name] > 40.0 * errors[1.0][name], name


class Watched(NamedTuple):
    """Every tick of a battery, stepped one by one.

    Of all groups (ticks, groups): current, SoC at the end, temperature held in the tick, heat. Of the unit
    (ticks,): air held in the tick, electric power of the climate that led to it, whether it was limited.
    """

    current_a: Floats
    soc: Floats
    temperature_k: Floats
    heat_w: Floats
    air_k: Floats
    auxiliary_w: Floats
    limited: Floats


def watched(
    cell: Battery, drive: str, asked: Floats, tick_s: float, container: Container | None = None
) -> Watched:
    """What the outputs of a run do not hold: each group by itself. The native kernels give the same bits."""
    battery = pytest.importorskip("wattkeel.prototype.battery")
    pytest.importorskip("numba")
    unit = battery_stage.prepare(cell, container, tick_s)
    records = [stages.one(array, "numba") for array in unit[:3]]
    mode = battery.POWER if drive == "power_w" else battery.CURRENT
    rows = []
    for value in asked:
        step = battery.battery_step(*records, mode, unit.cell, unit.table, float(value))
        cells = unit.cell
        if cells.shape[1] > 1:
            current_a, heat_w = cells[dtypes.CELL_CURRENT_A].copy(), cells[dtypes.CELL_HEAT_W].copy()
        else:  # strings that are alike: all of them have what the unit has
            current_a, heat_w = (np.array([step[k]]) / cells[dtypes.CELL_STRINGS] for k in (4, 2))
        soc, kelvin = cells[dtypes.CELL_SOC].copy(), cells[dtypes.CELL_TEMPERATURE_K].copy()
        rows.append((current_a, soc, kelvin, heat_w, records[1].air_k, records[1].auxiliary_w, step[8]))
    return Watched(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))


class TestTwoStrings:
    """Groups that differ in everything: SoC, capacity, resistance and number."""

    DATA = case("battery_two_strings")
    ENDS: ClassVar[dict[str, list[Floats]]] = {}

    def currents(self, state: Floats, drive: str, asked: float) -> Floats:
        """Of one string of each group, for the state SoC, SoC, branch, branch in V, and charges so far."""
        cell = self.DATA["cell"]
        ohm = cell["cell_resistance_ohm"] * np.array(cell["string_resistance"])
        siemens = cell["strings"] * np.array(cell["string_share"]) / ohm
        emf_v = 3.0 + 0.6 * state[:2] - state[2:4]
        mean_v = (siemens * emf_v).sum() / siemens.sum()
        if drive == "power_w":
            voltage_v = 0.5 * (mean_v + np.sqrt(mean_v**2 - 4.0 * asked / siemens.sum()))
        else:
            voltage_v = mean_v - asked / siemens.sum()
        return np.asarray((emf_v - voltage_v) / ohm)

    def reference(self, drive: str) -> list[Floats]:
        """State at the ends of the segments."""
        cell = self.DATA["cell"]
        charge_as = 3600.0 * cell["cell_capacity_ah"] * np.array(cell["string_capacity"])
        ohm = cell["rc_resistance_ohm"][0] * np.array(cell["string_resistance"])
        tau_s = cell["rc_time_constant_s"][0]

        def rates(state: Floats, asked: float) -> Floats:
            current_a = self.currents(state, drive, asked)
            branch = (ohm * current_a - state[2:4]) / tau_s
            return np.concatenate((-current_a / charge_as, branch, current_a))

        if drive not in self.ENDS:
            state = np.array([*(cell["soc_initial"] + np.array(cell["string_soc"])), 0.0, 0.0, 0.0, 0.0])
            found = [state]
            for asked in self.DATA[drive]:
                state = solved(lambda _, y, a=asked: rates(y, a), state, self.DATA["duration_s"])
                found.append(state)
            self.ENDS[drive] = found
        return self.ENDS[drive]

    def asked(self, drive: str, tick_s: float) -> Floats:
        return np.repeat(np.array(self.DATA[drive]), round(self.DATA["duration_s"] / tick_s))

    def soc_error(self, drive: str, tick_s: float) -> float:
        ticks = round(self.DATA["duration_s"] / tick_s)
        run = watched(Battery(**self.DATA["cell"]), drive, self.asked(drive, tick_s), tick_s)
        ends = np.array([state[:2] for state in self.reference(drive)[1:]])
        return float(np.abs(run.soc[ticks - 1 :: ticks] - ends).max())

    @pytest.mark.parametrize("drive", DRIVES)
    def test_each_group(self, drive: str) -> None:
        errors = [self.soc_error(drive, tick_s) for tick_s in self.DATA["time_step_s"]]
        for error, row in zip(errors, self.DATA["allowed_soc"], strict=True):
            assert error < row
        assert errors[2] > 40.0 * errors[1]  # second order

    @pytest.mark.parametrize("drive", DRIVES)
    def test_whole_unit(self, engine: str, drive: str) -> None:
        """SoC is that of all charge over all capacity; the voltage is that of both groups."""
        cell, tick_s = Battery(**self.DATA["cell"]), 1.0
        run = wk.stages.battery(cell, time_step_s=tick_s, engine=engine, **{drive: self.asked(drive, tick_s)})
        weights = np.array(cell.string_share) * np.array(cell.string_capacity)
        ticks = round(self.DATA["duration_s"] / tick_s)
        for k, state in enumerate(self.reference(drive)[1:]):
            wanted = float((weights * state[:2]).sum() / weights.sum())
            assert run.soc[(k + 1) * ticks - 1] == pytest.approx(wanted, abs=self.DATA["allowed_soc"][1])
        assert abs(wanted - state[0]) > 1e-2  # the mean is not that of the first group

    def test_circulating_currents(self) -> None:
        """At rest the groups go on: one charges the other, as much as the circuit says."""
        tick_s = 1.0
        run = watched(Battery(**self.DATA["cell"]), "power_w", self.asked("power_w", tick_s), tick_s)
        ticks = round(self.DATA["duration_s"] / tick_s)
        rest = run.current_a[ticks : 2 * ticks]
        strings = 20.0 * np.array(self.DATA["cell"]["string_share"])
        assert (rest[:, 0] > 0.0).all()
        assert np.abs(rest @ strings).max() < 1e-12 * strings.sum()
        _, before, after, _ = self.reference("power_w")
        moved_as = after[4:] - before[4:]
        assert moved_as[0] > 50.0
        assert rest.sum(axis=0) * tick_s == pytest.approx(moved_as, rel=self.DATA["rel_tol_moved"])

    @pytest.mark.parametrize("direction", [1.0, -1.0])
    def test_the_weakest_string_rules(self, engine: str, direction: float) -> None:
        """At the C-rate of one group the unit stops, whatever the other could still give."""
        cell = Battery(**{**self.DATA["cell"], "string_soc": (0.0, 0.0), "max_discharge_c": 2.0,
                          "max_charge_c": 2.0})  # fmt: skip
        run = wk.stages.battery(cell, current_a=[500.0 * direction], time_step_s=1e-6, engine=engine)
        strings, ohm = 20.0 * np.array(cell.string_share), 0.045 * np.array(cell.string_resistance)
        limit_a = 2.0 * 3.0 * np.array(cell.string_capacity)
        # Equal voltages behind unequal resistances: the first group meets its limit, the second does not.
        drop_v = (limit_a * ohm).min()
        assert run.limited[0] == 1
        assert run.current_a[0] == pytest.approx(direction * (strings * drop_v / ohm).sum(), rel=1e-6)
        inside = watched(cell, "current_a", np.array([500.0 * direction]), 1e-6).current_a[0]
        assert abs(inside[0]) == pytest.approx(limit_a[0], rel=1e-12)
        assert abs(inside[1]) < 0.95 * limit_a[1]

    def test_circulating_currents_may_pass_a_limit(self, engine: str) -> None:
        """Nobody can forbid them; what passes the terminals does not add to them."""
        cell = Battery(**{**self.DATA["cell"], "string_soc": (0.4, -0.4), "max_charge_c": 0.5})
        asked = np.array([0.0, -10.0])
        inside = watched(cell, "current_a", asked, 1.0)
        assert inside.current_a[0, 1] < -0.5 * 2.4
        assert inside.limited.tolist() == [0.0, 1.0]
        run = wk.stages.battery(cell, current_a=asked, time_step_s=1.0, engine=engine)
        assert run.current_a == pytest.approx([0.0, 0.0], abs=1e-12)


class TestContainer:
    """First law of cells and air together, both directions of the climate, and any length of a renewal."""

    COP = MappingProxyType({"cooling": 4.0, "heating": 2.0})

    def battery(self, **values: Any) -> Battery:
        made = preset("battery", "lfp-enerc-306ah", strings=10.0, **values)
        assert isinstance(made, Battery)
        return made

    def container(self, **values: Any) -> Container:
        made = preset("container", "20ft", **values)
        assert isinstance(made, Container)
        return made

    @pytest.mark.parametrize("tick_s", [0.1, 10.0, 900.0])
    @pytest.mark.parametrize("way", ["cooling", "heating"])
    @pytest.mark.parametrize("groups", [1, 2])
    def test_first_law(self, way: str, tick_s: float, groups: int) -> None:
        """Change of energy = heat - I T dU/dT + climate - wall, each term formed here, to 1e-9."""
        out = 25.0 if way == "cooling" else -40.0
        spread = {"string_share": (0.7, 0.3), "string_resistance": (1.0, 1.5), "string_capacity": (1.0, 0.9)}
        cell = self.battery(
            refresh_s=tick_s, temperature_initial_k=298.15 + 0.3 * out, **(spread if groups > 1 else {})
        )
        house = self.container(
            ambient_temperature_k=298.15 + out, temperature_initial_k=298.15 + 0.3 * out,
            cop_cooling=self.COP["cooling"], cop_heating=self.COP["heating"],
        )  # fmt: skip
        ticks = 3000 if tick_s < 900.0 else 60
        asked = np.tile(np.repeat([4e5, -4e5], 2), ticks // 4)
        run = watched(cell, "power_w", asked, tick_s, house)
        soc = np.vstack((np.full((1, groups), cell.soc_initial), run.soc[:-1]))
        entropy = np.interp(soc, cell.entropy_soc, cell.entropy_v_per_k)
        strings = 10.0 * np.array(cell.string_share or (1.0,))
        # A renewal at the start of tick k + 1 ends the period of tick k.
        heat_w = (run.heat_w - run.current_a * run.temperature_k * cell.cells_series * entropy)[:-1] @ strings
        electric_w = run.auxiliary_w[1:] - house.auxiliary_power_w
        climate_w = electric_w * self.COP[way] * (-1.0 if way == "cooling" else 1.0)
        wall_w = house.wall_w_per_k * (run.air_k[1:] - house.ambient_temperature_k)
        cells_j_per_k = strings * cell.cells_series * cell.cell_heat_capacity_j_per_k
        stored_j = np.diff(run.temperature_k, axis=0) @ cells_j_per_k
        stored_j += house.heat_capacity_j_per_k * np.diff(run.air_k)
        brought_j = (heat_w + climate_w - wall_w) * tick_s
        turnover_j = (np.abs(heat_w) + np.abs(climate_w) + np.abs(wall_w)).sum() * tick_s
        assert (electric_w > 0.0).mean() > 0.05
        assert np.ptp(run.temperature_k) > 0.3 if tick_s > 1.0 else True
        assert stored_j.sum() == pytest.approx(brought_j.sum(), rel=0.0, abs=1e-9 * turnover_j)
        assert np.abs(stored_j - brought_j).max() < 1e-9 * turnover_j

    @pytest.mark.parametrize("way", ["cooling", "heating"])
    def test_electricity_of_the_climate(self, engine: str, way: str) -> None:
        """Full power over the COP of its direction, at the sign that brings the air back."""
        cold = way == "heating"
        outside_k = 243.15 if cold else 323.15
        cell = self.battery(temperature_initial_k=outside_k)
        house = self.container(
            ambient_temperature_k=outside_k, temperature_initial_k=outside_k,
            cop_cooling=self.COP["cooling"], cop_heating=self.COP["heating"],
        )  # fmt: skip
        run = wk.stages.battery(cell, power_w=np.zeros(3600), time_step_s=1.0, container=house, engine=engine)
        full_w = house.heating_power_w if cold else house.cooling_power_w
        assert run.auxiliary_power_w[0] == house.auxiliary_power_w
        assert run.auxiliary_power_w[10] == house.auxiliary_power_w + full_w / self.COP[way]
        assert (run.temperature_k[-1] - outside_k) * (1.0 if cold else -1.0) > 0.5

    @pytest.mark.parametrize("outside_k", [268.15, 298.15, 318.15])
    def test_long_renewals(self, outside_k: float) -> None:
        """A day of the shipped presets at 1 to 900 s stays near the answer of 0.1 s.

        The air is light against the cells: an explicit step of both would diverge at about a minute. What the
        climate does is settled once in a renewal, hence the bands: two and a half times what was measured.
        """
        begin = {"temperature_initial_k": 303.15}
        house = self.container(ambient_temperature_k=outside_k, temperature_initial_k=303.15)
        hours = np.tile([3e5, -3e5, 0.0, -3e5, 3e5, 0.0], 2)
        fine = wk.stages.battery(
            self.battery(refresh_s=0.1, **begin), power_w=np.repeat(hours, 36000), time_step_s=0.1,
            container=house, every=9000,
        )  # fmt: skip
        for tick_s, refresh_s, band_k, share in LONG_RENEWALS:
            ticks = round(900.0 / tick_s)
            run = wk.stages.battery(
                self.battery(refresh_s=refresh_s, **begin), power_w=np.repeat(hours, 4 * ticks),
                time_step_s=tick_s, container=house, every=ticks,
            )  # fmt: skip
            assert all(np.isfinite(getattr(run, name)).all() for name in ("temperature_k", "power_w", "soc"))
            assert np.abs(run.temperature_k - fine.temperature_k).max() < band_k, (tick_s, refresh_s)
            electric_w = fine.auxiliary_power_w.mean()
            assert run.auxiliary_power_w.mean() == pytest.approx(electric_w, rel=share), (tick_s, refresh_s)
            assert run.power_w == pytest.approx(fine.power_w, rel=1e-12)

    def test_relaxation_against_the_equations(self) -> None:
        """Without climate cells and air fade to the outside as two coupled nodes do; first order."""
        house = self.container(
            ambient_temperature_k=288.15, temperature_initial_k=293.15, band_k=100.0, wall_w_per_k=500.0
        )
        cell = self.battery(temperature_initial_k=308.15)
        cells = cell.strings * cell.cells_series
        cells_j_per_k, between = (
            cells * cell.cell_heat_capacity_j_per_k,
            cells * cell.cell_heat_transfer_w_per_k,
        )

        def rates(_: float, kelvin: Floats) -> Floats:
            flow_w = between * (kelvin[0] - kelvin[1])
            wall_w = 500.0 * (kelvin[1] - 288.15)
            return np.array([-flow_w / cells_j_per_k, (flow_w - wall_w) / house.heat_capacity_j_per_k])

        wanted = solved(rates, np.array([308.15, 293.15]), 7200.0)
        errors = []
        for tick_s in (1.0, 10.0, 900.0):
            made = cell.model_copy(update={"refresh_s": tick_s, "self_discharge_per_s": 0.0})
            run = watched(made, "power_w", np.zeros(round(7200.0 / tick_s) + 1), tick_s, house)
            ends = np.array([run.temperature_k[-1, 0], run.air_k[-1]])
            errors.append(np.abs(ends - wanted).max())
        assert errors[0] < 5e-4
        assert 8.0 * errors[0] < errors[1] < 12.0 * errors[0]
        assert errors[2] < 0.4
