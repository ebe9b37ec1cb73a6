"""Cautions: what a scenario may say but hardly means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wattkeel.scenario import Scenario

STORE = {"energy": "20 MWh", "rated_power": "1 kW"}
RULE = {"name": "swing", "kind": "power_variation", "limit": "1 MW", "window": "5 s"}


def warnings(**sections: Any) -> list[str]:
    """Warnings of a rack of eight GPUs with the given tables; those of the rack are laid over."""
    rack = {"count": 1, "gpu": "g", "gpus_per_rack": 8, "workload": "job"} | sections.pop("rack", {})
    base = {"workload": {"job": {}}, "gpu": {"g": {}}, "simulation": {"duration": "20 s"}}
    return Scenario.from_dict(base | sections | {"rack": {"a": rack}}).warnings


def told(texts: list[str], place: str, *parts: str) -> bool:
    """Whether exactly one warning is of the place, and it holds all parts."""
    mine = [text for text in texts if text.startswith(f"{place}: ")]
    return len(mine) == 1 and all(part in mine[0] for part in parts)


def trace_job(folder: Path, values: list[float], **keys: Any) -> dict[str, Any]:
    path = folder / "trace.csv"
    path.write_text("t_s,power_w\n" + "".join(f"{t},{value}\n" for t, value in enumerate(values)))
    return {"job": {"kind": "trace", "trace": str(path), **keys}}


def test_a_usual_scenario_has_none() -> None:
    assert warnings() == []
    assert warnings(storage={"b": STORE}, compliance={"rule": [RULE], "settle": "5 s"}) == []
    assert warnings(control={"target": "fixed"}) == []


def test_a_node_taken_for_one_gpu(tmp_path: Path) -> None:
    values = [3000.0, 6000.0, 4000.0]
    texts = warnings(workload=trace_job(tmp_path, values))
    assert told(texts, "workload.job.trace_gpus", "1 makes 6 kW per GPU", "1.5 times the 700 W of gpu.g")
    for right in ({"trace_gpus": 8}, {"trace_boundary": "rack"}):
        assert not any(
            "trace_gpus" in text for text in warnings(workload=trace_job(tmp_path, values, **right))
        )


def test_negative_values_count_as_zero(tmp_path: Path) -> None:
    texts = warnings(workload=trace_job(tmp_path, [-5.0, 400.0, 500.0]))
    assert any("values down to -5 W: a GPU draws no less than 0 W, so they count as 0" in t for t in texts)
    plant = tmp_path / "pv.csv"
    plant.write_text("t_s,power_w\n0,-5\n1,400\n2,500\n")
    texts = warnings(generation={"pv": {"rated_power": "1 kW", "trace": str(plant)}})
    assert any(
        t.startswith("generation.pv.trace: ") and "a plant delivers no less than 0 W" in t for t in texts
    )
    assert not any("kept" in text for text in texts)


@pytest.mark.parametrize(
    ("place", "sections", "parts"),
    [
        ("workload.job.period_s", {"workload": {"job": {"period": "50 ms"}}}, ("50 ms", "5 ms or less")),
        ("workload.job.edge_s", {"workload": {"job": {"edge": "5 ms"}}}, ("5 ms", "tick of 10 ms")),
        (
            "storage.b.converter.time_constant_s",
            {"storage": {"b": STORE | {"time_constant": "4 ms"}}},
            ("4 ms", "8 ms or less"),
        ),
        (
            "rack.a.store_average_s",
            {"rack": {"store_energy": "500 J", "store_power": "1 kW", "store_average": "40 ms"}},
            ("40 ms", "8 ms or less"),
        ),
    ],
)
def test_a_tick_too_coarse(place: str, sections: dict[str, Any], parts: tuple[str, ...]) -> None:
    plain = {"workload": {"job": {"edge": "10 ms"}}} | sections
    coarse = warnings(**plain, simulation={"duration": "20 s", "tick": "10 ms"})
    assert told(coarse, place, *parts)
    assert not any(text.startswith(place) for text in warnings(**plain))


def test_psus_below_the_load_of_a_rack() -> None:
    texts = warnings(rack={"psu_rated": "5 kW", "overhead": "1 kW"})
    assert told(texts, "rack.a.psu_rated_w", "5 kW is below", "6.32 kW")
    assert warnings(rack={"psu_rated": "8 kW", "overhead": "1 kW"}) == []


def test_converters_that_do_not_fit() -> None:
    place = "storage.b.converter"
    texts = warnings(storage={"b": {"energy": "20 kWh", "rated_power": "10 MW"}})
    assert told(texts, f"{place}.rated_power_w", "10 MW", "20 kWh", "500C")
    assert told(texts, f"{place}.loss_a", "72 kW at standstill", "largest load of the site")
    texts = warnings(storage={"b": {"strings": 1, "rated_power": "10 MW", "loss_a": 0}})
    assert told(texts, f"{place}.rated_power_w", "24.5C")
    texts = warnings(storage={"b": STORE | {"apparent_power": "800 VA"}})
    assert told(texts, f"{place}.apparent_power_va", "800 VA", "1 kW")


def test_control_without_effect() -> None:
    texts = warnings(storage={"b": STORE}, control={"target": "fixed"})
    assert told(texts, "control.target_power_w", "0 W")
    fast = {"b": STORE | {"role": "fast"}}
    texts = warnings(storage=fast, control={"soc_gain": "1 kW"})
    assert told(texts, "control.soc_gain_w", "1 kW")
    texts = warnings(control={"measurement_delay": "30 s"})
    assert told(texts, "control.measurement_delay_s", "30 s", "20 s")


def test_rules_for_which_the_run_is_too_short() -> None:
    texts = warnings(compliance={"rule": [RULE | {"window": "60 s"}]})
    assert told(texts, "compliance.rule[0].window_s", "'swing' will not be evaluated", "20 s")
    texts = warnings(compliance={"rule": [RULE], "settle": "15 s"})
    assert told(texts, "compliance.rule[0].window_s", "after 15 s of settling")
    assert warnings(compliance={"rule": [RULE], "settle": "14.999 s"}) == []
    for judged in ({"rule": [RULE]}, {"profiles": ["ieso_trlcl_v3"]}):
        texts = warnings(compliance=judged | {"settle": "20 s"})
        assert told(texts, "compliance.settle_s", "no rule will be evaluated")
        assert len(texts) == 1
    assert warnings(compliance={"settle": "20 s"}) == []


@pytest.mark.parametrize("name", ["supercapacitor-15mw", "enerc-container"])
def test_the_preset_decides_where_shorthand_keys_belong(name: str) -> None:
    base = {"workload": {"job": {}}, "gpu": {"g": {}}}
    rack = {"a": {"count": 1, "gpu": "g", "workload": "job"}}
    unit = {"preset": name, "energy": "0.1 kWh", "soc_initial": 0.4}
    scenario = Scenario.from_dict(base | {"rack": rack, "storage": {"s": unit}})
    model = scenario.model.storage["s"]
    cells, other = model.supercapacitor, model.battery
    if model.kind == "battery":
        cells, other = other, cells
    assert other is None
    assert cells is not None
    assert (cells.energy_j, cells.soc_initial) == (360e3, 0.4)
    raised = scenario.with_overrides({"storage.s.energy": "0.2 kWh"}).model.storage["s"]
    assert (raised.supercapacitor or raised.battery).energy_j == 720e3


def test_a_fast_unit_without_a_slow_one() -> None:
    fast = STORE | {"role": "fast"}
    texts = warnings(storage={"b": fast})
    assert told(texts, "storage.b.role", "no slow unit", "below control.split, 500 mHz")
    for quiet in (
        {"storage": {"b": fast, "c": STORE}},
        {"storage": {"b": fast}, "control": {"target": "off"}},
    ):
        assert not any(".role: " in text for text in warnings(**quiet))


def test_capacitors_in_resonance_with_the_source() -> None:
    def bank(steps: int) -> list[str]:
        size = {"rated_power": "10 MW", "scr": 5.0, "x_over_r": 1e3, "transformer_impedance": 0.0}
        return warnings(grid=size | {"capacitor_bank": {"step_var": "4 Mvar", "steps": steps}})

    # 20 Mvar on 50 MVA resonate at the root of 50 / 20.
    place = "grid.capacitor_bank.step_var"
    assert told(bank(5), place, "5 steps make 20 Mvar", "0.4 of", "at 1.6 times")
    assert bank(1) == []


def test_containers_that_cool_too_little() -> None:
    place = "storage.b.container.cooling_power_w"
    plant = {"energy": "61.1 MWh", "rated_power": "60 MW", "loss_a": 0, "preset": "enerc-container"}
    poor = plant | {"container": {"cooling_power": "60 kW"}}
    # 61.1 MWh at 3.2 V and 306 Ah; OCV and resistance of the cells at half charge as the preset has them.
    assert told(warnings(storage={"b": poor}), place, "900 kW in all", "2.485 MW")
    for quiet in (plant, poor | {"rated_power": "30 MW"}, poor | {"battery": {"cell_heat_capacity": 0}}):
        assert not any(text.startswith(place) for text in warnings(storage={"b": quiet}))
    bare = {"preset": "lfp-enerc-306ah", "energy": "61.1 MWh"}
    loose = {"battery": bare, "converter": {"rated_power": "60 MW", "loss_a": 0}}
    assert not any("container" in text for text in warnings(storage={"b": loose}))


def test_cells_colder_than_their_resistances() -> None:
    def cold(container: dict[str, Any] | None = None, **cells: Any) -> list[str]:
        unit = STORE | {"battery": {"preset": "lfp-314ah"} | cells}
        return warnings(storage={"b": unit | ({"container": container} if container else {})})

    place = "storage.b.battery.temperature_initial_k"
    assert told(cold(temperature_initial="-10 degC"), place, "263.15 K", "coldest", "283.15 K")
    assert told(cold(air_temperature="0 degC"), "storage.b.battery.air_temperature_k", "273.15 K")
    climate = {"set_temperature": "5 degC", "cooling_power": "1 MW"}
    assert told(cold(climate), "storage.b.container.set_temperature_k", "278.15 K")
    assert cold() == []
    assert cold(temperature_initial="10 degC") == []
