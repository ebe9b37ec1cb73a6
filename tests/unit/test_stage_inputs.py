"""Wrong inputs of stages, presets and quantities are told with place and remedy, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wattkeel as wk
from wattkeel import conversion, parameters, stages
from wattkeel.cell_checks import battery_faults
from wattkeel.errors import Fault

CONVERTER = parameters.Converter(rated_power_w=1e6, time_constant_s=0.0)
CELLS = parameters.Battery(strings=4.0, ocv_soc=(0.0, 0.5, 1.0), ocv_v=(3.0, 3.3, 3.4))
NODE = parameters.Distribution(rated_power_w=1e6, loss_a=0.001, loss_c=0.01)
GPU = parameters.Gpu(rated_power_w=1000.0, idle_power_w=100.0)
TABLE: dict[str, Any] = {"load_pu": (0.1, 1.0), "efficiency": (0.9, 0.95)}
SONY = "lfp-sony-26650"


def faults(call: Any) -> dict[str, Fault]:
    with pytest.raises(wk.ScenarioError) as caught:
        call()
    assert "np." not in str(caught.value)
    return {fault.place: fault for fault in caught.value.faults}


# -- converter and transformer ------------------------------------------------------------------------------


@pytest.mark.parametrize("voltage_pu", [-1.0, 2.01, [1.0, -0.1]])
def test_a_voltage_out_of_range_is_refused(voltage_pu: Any) -> None:
    at = "[1]" if isinstance(voltage_pu, list) else "[0]"
    told = faults(
        lambda: stages.converter(CONVERTER, command_w=[1e5, 1e5], voltage_pu=voltage_pu, time_step_s=1e-3)
    )
    assert "0 to 2 pu" in told[f"voltage_pu{at}"].message
    told = faults(lambda: stages.transformer(NODE, power_w=[1e5, 1e5], source_voltage_pu=voltage_pu))
    assert list(told) == [f"source_voltage_pu{at}"]


def test_one_number_stands_for_all_ticks(engine: str) -> None:
    command = np.array([1e5, 6e5, -9e5])
    inputs = [(0.8, 2e5), (np.full(3, 0.8), np.full(3, 2e5))]
    one, all_ = (
        stages.converter(
            CONVERTER, command_w=command, voltage_pu=v, reactive_var=q, time_step_s=1e-3, engine=engine
        )
        for v, q in inputs
    )
    assert np.array_equal(one.power_w, all_.power_w)
    assert np.array_equal(one.reactive_power_var, all_.reactive_power_var)
    assert one.reactive_power_var[0] == pytest.approx(2e5)
    one, all_ = (
        stages.transformer(
            NODE, power_w=command, source_voltage_pu=v, reactive_power_var=q, impedance_pu=0.06
        )
        for v, q in inputs
    )
    assert np.array_equal(one.voltage_pu, all_.voltage_pu)


def test_all_faults_of_a_converter_and_a_transformer_at_once() -> None:
    broken = parameters.Converter(rated_power_w=1e6, loss_a=0.01, loss_b=0.99, loss_c=0.5)
    told = faults(
        lambda: stages.converter(
            broken,
            command_w=[1.0, np.nan],
            voltage_pu=-1,
            reactive_var=["a"],
            time_step_s=1e6,
            engine="nativ",
        )
    )
    wrong = {"params.loss_c", "command_w[1]", "voltage_pu[0]", "reactive_var", "time_step_s", "engine"}
    assert set(told) == wrong
    assert 'did you mean "native"' in told["engine"].remedy
    told = faults(
        lambda: stages.transformer(
            NODE, power_w=[True], source_voltage_pu=3.0, impedance_pu=2.0, engine="C++"
        )
    )
    assert set(told) == {"power_w", "source_voltage_pu[0]", "impedance_pu", "engine"}


def test_a_table_without_its_form_is_not_ignored() -> None:
    found = list(conversion.findings(CONVERTER.model_copy(update=TABLE)))
    assert len(found) == 1
    assert "loss_form" in found[0][0]
    assert 'a table is given but loss_form is "quadratic"' in found[0][2]
    assert list(conversion.findings(CONVERTER.model_copy(update=TABLE | {"loss_form": "table"}))) == []
    uneven = CONVERTER.model_copy(update=TABLE | {"load_pu": (0.1, 0.5, 1.0)})
    messages = [message for _, _, message, _ in conversion.findings(uneven)]
    assert any("3 load points but 2 efficiencies" in message for message in messages)
    with pytest.raises(wk.ScenarioError, match="a table is given"):
        stages.converter(uneven, command_w=[1.0], time_step_s=1.0)


# -- cells --------------------------------------------------------------------------------------------------


def test_groups_begin_between_empty_and_full() -> None:
    shares = {"string_share": (0.5, 0.5), "cell_resistance_ohm": 1e-3}
    for differences, good in (((-0.5, 0.5), True), ((-0.6, 0.1), False), ((0.0, 0.51), False)):
        cells = CELLS.model_copy(update=shares | {"string_soc": differences})
        told = [fault.place for fault in battery_faults("params", cells)]
        assert told == ([] if good else ["params.string_soc"])


def test_hysteresis_stays_below_half_the_voltage() -> None:
    table = {"hysteresis_soc": (0.0, 1.0), "hysteresis_v": (0.1, 0.7)}
    for scale, good in ((1.0, True), (2.1, True), (2.2, False)):
        cells = CELLS.model_copy(update=table | {"hysteresis_scale": scale})
        told = [fault.place for fault in battery_faults("params", cells)]
        assert told == ([] if good else ["params.hysteresis_v"])


def test_a_heat_capacity_is_not_next_to_nothing() -> None:
    told = faults(lambda: parameters.preset("battery", SONY, strings=1, cell_heat_capacity="1e-5 J/K"))
    assert "0.001" in told["battery.cell_heat_capacity"].message


# -- objects and numbers ------------------------------------------------------------------------------------

ONE: dict[str, Any] = {"time_step_s": 1.0}
CALLS: dict[str, tuple[Any, str]] = {
    "workload": (lambda p: stages.workload(p, GPU, duration_s=1.0, **ONE), "Workload"),
    "gpu": (lambda p: stages.gpu(p, demand_power_w=[1.0], **ONE), "Gpu"),
    "rack": (lambda p: stages.rack(p, GPU, gpu_power_w=[1.0], **ONE), "Rack"),
    "cooling": (lambda p: stages.cooling(p, it_power_w=[1.0], **ONE), "Cooling"),
    "converter": (lambda p: stages.converter(p, command_w=[1.0], **ONE), "Converter"),
    "transformer": (lambda p: stages.transformer(p, power_w=[1.0]), "Distribution"),
    "battery": (lambda p: stages.battery(p, power_w=[1.0], **ONE), "Battery"),
    "supercapacitor": (lambda p: stages.supercapacitor(p, power_w=[1.0], **ONE), "Supercapacitor"),
    "control": (lambda p: stages.control(p, load_w=[1.0], slow_power_w=1.0, **ONE), "Control"),
    "grid": (lambda p: stages.grid(p, power_w=[1.0], **ONE), "Grid"),
    "support": (
        lambda p: stages.support(p, CONVERTER, frequency_hz=[60.0], nominal_frequency_hz=60.0, **ONE),
        "Support",
    ),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", ["text", None, 3, {"strings": 1.0}, parameters.Generation, np.ones(3)])
def test_a_stage_says_what_it_takes(name: str, wrong: Any) -> None:
    call, kind = CALLS[name]
    told = faults(lambda: call(wrong))["params"]
    assert told.message.endswith(f", not {kind}")
    assert f"wk.parameters.{kind}(" in told.remedy
    if isinstance(wrong, str) and kind in ("Gpu", "Rack", "Converter", "Battery", "Grid"):
        assert f'wk.parameters.preset("{kind.lower()}", name)' in told.remedy


def test_every_stage_is_asked() -> None:
    assert set(stages.__all__) == {*CALLS, "distribution"}


def test_parts_of_a_battery_and_a_tree_have_their_kind() -> None:
    told = faults(
        lambda: stages.battery(CELLS, power_w=[1.0], time_step_s=1.0, container=CELLS, ageing="SoH")  # type: ignore[arg-type]
    )
    assert set(told) == {"container", "ageing"}
    assert "Battery, not Container" in told["container"].message
    assert "params" in faults(lambda: stages.distribution(NODE, load_power_w={"a": [1.0]}))  # type: ignore[arg-type]
    assert "params.a" in faults(lambda: stages.distribution({"a": CELLS}, load_power_w={"a": [1.0]}))  # type: ignore[dict-item]


@pytest.mark.parametrize("step", ["1 ms", None, True, 0.0, -1.0, np.nan, 1.1e5, 10**400])
def test_a_tick_is_a_number_of_seconds(step: Any) -> None:
    for name in ("gpu", "cooling", "converter", "battery", "supercapacitor", "control", "grid"):
        extra = {"grid": {"rated_power_w": 1e6}, "supercapacitor": {"energy_j": 1e6}}.get(name, {})
        given = {"gpu": GPU, "converter": CONVERTER, "battery": CELLS}.get(name)
        params = given or getattr(parameters, name.capitalize())(**extra)
        array = {
            "gpu": "demand_power_w",
            "cooling": "it_power_w",
            "converter": "command_w",
            "control": "load_w",
        }
        inputs = {array.get(name, "power_w"): [1.0], "time_step_s": step}
        inputs |= {"slow_power_w": 1.0} if name == "control" else {}
        assert "time_step_s" in faults(lambda n=name, p=params, i=inputs: getattr(stages, n)(p, **i))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([True, False], "booleans"),
        ([1j], "complex"),
        (["1.0"], "not an array of numbers"),
        (None, "not an array of numbers"),
        ([[1.0], [1.0, 2.0]], "not an array of numbers"),
        ([np.datetime64("2026-01-01")], "not an array of numbers"),
    ],
)
def test_arrays_hold_numbers(values: Any, said: str) -> None:
    assert (
        said
        in faults(lambda: stages.cooling(parameters.Cooling(), it_power_w=values, **ONE))[
            "it_power_w"
        ].message
    )


def test_shapes_have_the_words_of_their_stage() -> None:
    cube = np.ones((2, 2, 2))
    told = faults(lambda: stages.gpu(GPU, demand_power_w=cube, **ONE))["demand_power_w"]
    assert "(ticks, gpus)" in told.remedy
    told = faults(lambda: stages.battery(CELLS, power_w=cube, **ONE))["power_w"]
    assert "(ticks, batteries)" in told.remedy


def test_messages_have_plain_numbers() -> None:
    assert str(Fault("a", np.float64("nan"), "wrong")) == "a = nan: wrong"
    assert str(Fault("a", [np.int64(2), (np.float32(0.5),)], "wrong")) == "a = [2, (0.5,)]: wrong"
    assert str(Fault("a", np.arange(3.0), "wrong")) == "a = [0.0, 1.0, 2.0]: wrong"
    assert len(str(Fault("a", np.zeros((1000, 1000)), "wrong"))) < 110
    told = faults(lambda: stages.battery(CELLS, power_w=[1.0, np.nan], **ONE))
    assert "power_w[1] = nan" in str(told["power_w[1]"])


def test_loads_and_engines_say_what_they_take() -> None:
    for wrong, remedy in (
        (None, "give a path"),
        ({"rack": {}}, "from_dict"),
        (3, "give a path"),
        (b"x", "give"),
    ):
        assert remedy in faults(lambda w=wrong: wk.load(w))["path"].remedy
    for wrong, remedy in ((None, "load"), ({}, "from_dict")):
        with pytest.raises(TypeError, match=f"Engine takes a Scenario.*{remedy}"):
            wk.Engine(wrong)  # type: ignore[arg-type]
    rack = {"count": 1, "gpu": "g", "gpus_per_rack": 8, "workload": "w"}
    site = wk.Scenario.from_dict({"workload": {"w": {}}, "gpu": {"g": {}}, "rack": {"a": rack}})
    assert "threads" in faults(lambda: wk.Engine(site, threads="2"))  # type: ignore[arg-type]
    assert 'did you mean "numba"' in faults(lambda: wk.Engine(site, engine="numbba"))["engine"].remedy


# -- presets and quantities ---------------------------------------------------------------------------------


def sony(**values: Any) -> Any:
    return parameters.preset("battery", SONY, **values)


def test_a_preset_takes_arrays_and_numbers_of_numpy() -> None:
    cells = sony(strings=np.int64(4), derate_soc=np.array([0, 0.5, 1]), derate_soc_charge=np.ones(3),
                 derate_soc_discharge=(np.float32(1), 1, 1))  # fmt: skip
    assert cells.strings == 4.0
    assert cells.derate_soc == (0.0, 0.5, 1.0)
    assert cells.derate_soc_charge == cells.derate_soc_discharge == (1.0, 1.0, 1.0)
    assert "battery.derate_soc[1]" in faults(lambda: sony(derate_soc=np.array([0.0, np.nan, 1.0])))


def test_a_preset_has_a_kind_and_a_name() -> None:
    told = faults(lambda: parameters.preset(1, 2))  # type: ignore[arg-type]
    assert set(told) == {"kind", "name"}
    assert "preset(" in told["kind"].remedy


@pytest.mark.parametrize(
    ("key", "value", "said", "unsaid"),
    [
        ("temperature_initial", 25, '"25 degC"', "K)"),
        ("temperature_initial", 298.15, '"298.15 K"', "degC"),
        ("temperature_initial", 0, '"0 degC"', "MW"),
        ("energy", 20e6, '"20000000 J" (5.556 kWh)', "MWh"),
        ("energy", 20e6, "energy_j = 20000000.0", "MWh"),
        ("energy", "20e6", '"20000000 J" (5.556 kWh)', "MWh"),
        ("energy", 20, '"20 MWh"', "kWh"),
        ("energy", 10**100, "energy_j = 1e+100", "MWh"),
        ("energy", float("nan"), "write a number", "nan MWh"),
        ("strings", "12", "write a number: 12 without quotes", "degC"),
        ("soc_initial", "0.5", "write a number: 0.5 without quotes", "%"),
    ],
)
def test_remedies_fit_the_number(key: str, value: Any, said: str, unsaid: str) -> None:
    told = faults(lambda: sony(**{key: value}))[f"battery.{key}"]
    assert said in told.remedy
    assert unsaid not in told.remedy


def test_nothing_needs_no_unit() -> None:
    for zero in (0, 0.0, "0", "0.0"):
        assert sony(strings=1, self_discharge=zero).self_discharge_per_s == 0.0
        assert "range" in faults(lambda z=zero: sony(cell_capacity=z))["battery.cell_capacity"].message
        assert (
            "no unit"
            in faults(lambda z=zero: sony(temperature_initial=z))["battery.temperature_initial"].message
        )
        told = faults(
            lambda z=zero: parameters.preset("converter", "notton-2", rated_power="1 MW", overload=z)
        )
        assert "overload_pu" in told["converter.overload"].remedy


# -- presets in the cold ------------------------------------------------------------------------------------

LITHIUM = ["lfp-bpx-18650", "lfp-prada-2013", SONY, "nmc-94ah-temperature", "nmc-samsung-94ah"]


@pytest.mark.parametrize("name", LITHIUM)
@pytest.mark.parametrize(
    ("celsius", "charges", "delivers"), [(-20, 0, None), (0, 0, None), (25, 1, 1), (61, 0, 0)]
)
def test_lithium_is_not_charged_in_the_cold(
    name: str, celsius: float, charges: int, delivers: int | None
) -> None:
    cells = parameters.preset("battery", name, strings=1.0, temperature_initial=f"{celsius} degC",
                              air_temperature=f"{celsius} degC")  # fmt: skip
    half_c = 0.5 * cells.cell_capacity_ah
    taken = stages.battery(cells, current_a=[-half_c], time_step_s=0.1).current_a[0]
    assert taken == (pytest.approx(-half_c) if charges else 0.0)
    if delivers is not None:
        given = stages.battery(cells, current_a=[half_c], time_step_s=0.1).current_a[0]
        assert given == (pytest.approx(half_c) if delivers else 0.0)


# -- key figures --------------------------------------------------------------------------------------------


def test_batteries_with_heat_have_figures_of_it() -> None:
    rack = {"count": 4, "gpu": "g", "gpus_per_rack": 8, "workload": "w"}
    warm = {"preset": "enerc-container", "energy": "40 kWh", "rated_power": "20 kW", "role": "slow",
            "battery": {"temperature_initial": "30 degC"}}  # fmt: skip
    cool = {"energy": "40 kWh", "rated_power": "20 kW"}
    site = {"workload": {"w": {}}, "gpu": {"g": {}}, "rack": {"a": rack}, "simulation": {"duration": "2 s"}}
    result = wk.simulate(
        wk.Scenario.from_dict(site | {"storage": {"warm": warm, "cool": cool}}), progress=False
    )
    figures, ledger = result.summary, {line.name: line.energy_j for line in result.ledger.entries}
    assert figures["storage.warm.temperature_max_k"] == pytest.approx(303.15, abs=0.01)
    assert figures["storage.warm.auxiliary_energy_j"] == pytest.approx(
        ledger["storage.warm.auxiliary"], rel=1e-9
    )
    assert figures["storage.warm.auxiliary_energy_j"] > 0.0
    assert not any(
        key.startswith("storage.cool.") and key.endswith(("_k", "auxiliary_energy_j")) for key in figures
    )
