"""Broken scenarios and traces: each is refused with place, value and remedy, and nothing else is raised."""

from __future__ import annotations

import copy
import pickle
import tomllib

import pytest

from wattkeel._generated.models import MODELS
from wattkeel.errors import Fault, MissingExtra, ScenarioError, SimulationError
from wattkeel.scenario import Scenario, load

GOOD = """
[simulation]
duration = "60 s"
[workload.job]
[gpu.h100]
[rack.hall]
count = 100
gpu = "h100"
workload = "job"
feeds_from = "pdu"
[distribution.pdu]
rated_power = "10 MW"
[storage.bess.battery]
energy = "20 MWh"
[storage.bess.converter]
rated_power = "10 MW"
[storage.cap]
kind = "supercapacitor"
role = "fast"
[storage.cap.supercapacitor]
energy = "50 kWh"
[storage.cap.converter]
rated_power = "10 MW"
[[grid.event]]
start = "10 s"
duration = "150 ms"
voltage = "20 %"
"""
REMOVE = object()
BATTERY = "storage.bess.battery"
CAP = "storage.cap.supercapacitor"
RULE = {"name": "a", "kind": "ramp", "limit": "20 MW/min"}

# Name of the case, changes by path, place of the fault, part of its message, part of its remedy.
CASES = [
    # misspelt
    ("section", {"gird": {"scr": 3}}, "gird", "unknown section", '"grid"'),
    ("key", {"grid.srr": 3}, "grid.srr", "unknown key", '"scr"'),
    ("key of a stem", {f"{BATTERY}.enrgy": "1 MWh"}, f"{BATTERY}.enrgy", "unknown key", '"energy"'),
    ("key on a unit", {"storage.bess.energi": "1 MWh"}, "storage.bess.energi", "unknown key", '"energy"'),
    (
        "key without name",
        {"workload.period": "2 s"},
        "workload.period",
        "outside a named",
        "[workload.<name>]",
    ),
    ("choice", {"workload.job.kind": "trainig"}, "workload.job.kind", "not one of the choices", '"training"'),
    ("gpu name", {"rack.hall.gpu": "h10"}, "rack.hall.gpu", "no gpu of that name", '"h100"'),
    ("job name", {"rack.hall.workload": "jbo"}, "rack.hall.workload", "no workload of that", '"job"'),
    ("node name", {"rack.hall.feeds_from": "pud"}, "rack.hall.feeds_from", "no distribution", '"pdu"'),
    ("upstream", {"distribution.pdu.feeds_from": "sit"}, "distribution.pdu.feeds_from", "no distr", '"site"'),
    ("preset", {"gpu.h100.preset": "h1000"}, "gpu.h100.preset", "unknown gpu preset", '"h100"'),
    ("no presets", {"control.preset": "x"}, "control.preset", "has no presets", "remove"),
    ("signal", {"record.full_rate": ["poi.powr_w"]}, "record.full_rate[0]", "matches no", '"poi.power_w"'),
    ("pattern", {"record.event_signals": ["x*"]}, "record.event_signals[0]", "matches no signal", "there is"),
    ("profile", {"compliance.profiles": ["spp_hil"]}, "compliance.profiles[0]", "no shipped", '"spp_hill"'),
    ("profile file", {"compliance.profiles": ["no.toml"]}, "compliance.profiles[0]", "no such file", ""),
    # units
    ("no unit", {"simulation.duration": "60"}, "simulation.duration", "has no unit", '"60 s"'),
    ("bare number", {"simulation.duration": 60}, "simulation.duration", "has no unit", '"60 s"'),
    ("milli", {f"{BATTERY}.energy": "20 mWh"}, f"{BATTERY}.energy", "milli", '"MWh"'),
    ("case", {f"{BATTERY}.energy": "20 MWH"}, f"{BATTERY}.energy", "unknown", '"MWh"'),
    ("dimension", {f"{BATTERY}.energy": "20 MW"}, f"{BATTERY}.energy", "measures power", '"20 MWh"'),
    ("suffix", {f"{BATTERY}.energy_mw": 20}, f"{BATTERY}.energy_mw", "measures power", "energy_j"),
    ("unit", {"grid.nominal_voltage": "5 parsecs"}, "grid.nominal_voltage", "unknown", '"kV"'),
    ("empty", {"grid.nominal_voltage": ""}, "grid.nominal_voltage", "is empty", '"230 kV"'),
    ("comma", {"simulation.tick": "0,5 s"}, "simulation.tick", "sign", "decimal point"),
    ("quoted number", {"grid.scr": "5"}, "grid.scr", "has no unit", "write"),
    ("in a list", {"record.envelope": ["10 ms", "1 m"]}, "record.envelope[1]", "unknown", '"ms"'),
    # not numbers
    ("nan", {"grid.scr": float("nan")}, "grid.scr", "NaN", "number"),
    ("nan text", {"grid.scr": "nan"}, "grid.scr", "NaN", "number"),
    ("nan limit", {"control.shape_hz": float("nan")}, "control.shape_hz", "NaN", "number"),
    ("inf", {"grid.scr": float("inf")}, "grid.scr", "", "write a finite number"),
    ("inf text", {f"{BATTERY}.energy": "inf"}, f"{BATTERY}.energy", "", "write a finite number"),
    ("huge int", {"grid.scr": 10**400}, "grid.scr", "beyond the range", "smaller"),
    ("huge count", {"rack.hall.count": 10**30}, "rack.hall.count", "beyond the range", "smaller"),
    # ranges
    ("negative", {"simulation.duration": "-1 s"}, "simulation.duration", "> 0", "> 0"),
    ("zero", {"rack.hall.count": 0}, "rack.hall.count", ">= 1", ">= 1"),
    ("too much", {"grid.power_factor": 1.2}, "grid.power_factor", "<= 1", "<= 1"),
    ("per cent", {f"{BATTERY}.soc_initial": "150 %"}, f"{BATTERY}.soc_initial", "<= 1", "<= 1"),
    ("tick", {"simulation.tick": "1 us"}, "simulation.tick", ">= 0.0001", ">= 0.0001 s"),
    ("tick of zero", {"simulation.tick": "0 s"}, "simulation.tick", ">= 0.0001", ">= 0.0001 s"),
    ("long start", {"workload.job.start_s": 1e300}, "workload.job.start_s", "<= 3200000000", "<= "),
    ("long phase", {"workload.job.phase_s": 1e300}, "workload.job.phase_s", "<= 3200000000", "<= "),
    ("long period", {"workload.job.period_s": 1e300}, "workload.job.period_s", "<= 3200000000", "<= "),
    ("late envelope", {"record.envelope_s": [1.0, 1e300]}, "record.envelope_s[1]", "<= 3200000000", "short"),
    ("huge psu", {"rack.hall.psu_rated_w": 1e300}, "rack.hall.psu_rated_w", "<= 1e+12", "<= "),
    ("tiny psu", {"rack.hall.psu_rated_w": 1e-300}, "rack.hall.psu_rated_w", ">= 0.001 or 0", "W or 0"),
    ("huge limit", {"control.ramp_up_w_per_s": 1e300}, "control.ramp_up_w_per_s", "1e+16 or inf", "or inf"),
    ("event range", {"grid.event.0.duration": "0 s"}, "grid.event[0].duration", "> 0", "> 0"),
    # types
    ("text", {"rack.hall.gpu": 7}, "rack.hall.gpu", "must be text", '"7"'),
    ("truth", {"workload.job.trace_repeat": "yes"}, "workload.job.trace_repeat", "true or false", "true"),
    ("whole", {"rack.hall.count": 1.5}, "rack.hall.count", "whole number", "without"),
    ("whole text", {"rack.hall.count": "100"}, "rack.hall.count", "whole number", "quotes"),
    ("truth as number", {"grid.scr": True}, "grid.scr", "must be a number", "number"),
    ("list as number", {"grid.scr": [1, 2]}, "grid.scr", "must be a number", "number"),
    ("list", {"record.full_rate": "poi.*"}, "record.full_rate", "must be a list", "['poi.*']"),
    ("table", {"grid": 3}, "grid", "must be a table", "[grid]"),
    ("named table", {"rack": 3}, "rack", "must hold tables", "[rack.<name>]"),
    ("one event", {"grid.event": {"start": "1 s"}}, "grid.event", "must be a list", "[[grid.event]]"),
    ("name", {"rack.a b": {"count": 1}}, "rack.'a b'", "not a name", "letters"),
    ("reserved", {"distribution.site": {"rated_power": "1 MW"}}, "distribution.site", "reserved", "another"),
    ("version", {"schema_version": 2}, "schema_version", "not known", "write 1"),
    ("title", {"title": 5}, "title", "must be text", '"5"'),
    # missing
    ("no rack", {"rack": REMOVE}, "rack", "no rack", "[rack.<name>]"),
    ("count", {"rack.hall.count": REMOVE}, "rack.hall.count", "is required", "whole number"),
    ("gpu", {"rack.hall.gpu": REMOVE}, "rack.hall.gpu", "is required", "name a gpu"),
    (
        "rating",
        {"distribution.pdu.rated_power": REMOVE},
        "distribution.pdu.rated_power_w",
        "is required",
        "W",
    ),
    ("energy", {f"{BATTERY}.energy": REMOVE}, f"{BATTERY}.energy_j", "neither", '"20 MWh"'),
    ("cells", {BATTERY: REMOVE}, BATTERY, "is required", f"[{BATTERY}]"),
    ("converter", {"storage.bess.converter": REMOVE}, "storage.bess.converter", "is required", "rated_power"),
    ("trace", {"workload.job.kind": "trace"}, "workload.job.trace", "is required", "file.csv"),
    # given twice
    ("twice", {f"{BATTERY}.energy_mwh": 20}, f"{BATTERY}.energy_mwh", "given twice", "keep one"),
    ("twice above", {"storage.bess.energy": "1 MWh"}, "storage.bess.energy", "given twice", "keep one"),
    ("unclear", {"storage.cap.time_constant": "1 s"}, "storage.cap.time_constant", "either part", "or"),
    ("rules", {"compliance.rule": [RULE, RULE]}, "compliance.rule[1].name", "two rules", "rename"),
    # contradictions
    ("two sizes", {f"{BATTERY}.strings": 5}, f"{BATTERY}.energy", "both size", "keep one"),
    ("two cap sizes", {f"{CAP}.capacitance": "1 F"}, f"{CAP}.energy", "both size", "keep one"),
    ("window", {f"{BATTERY}.soc_min": 0.96}, f"{BATTERY}.soc_min", "below soc_max", "widen"),
    ("start", {f"{BATTERY}.soc_initial": 0.01}, f"{BATTERY}.soc_initial", "outside the SoC", "within"),
    ("ocv alone", {f"{BATTERY}.ocv_v": [3.0, 3.4]}, f"{BATTERY}.ocv_soc", "0 SoC points", "as many"),
    ("ocv length", {f"{BATTERY}.ocv_soc": [0.0, 1.0]}, f"{BATTERY}.ocv_soc", "0 voltages", "as many"),
    (
        "ocv order",
        {f"{BATTERY}.ocv_soc": [0.0, 0.5, 0.4, 1.0], f"{BATTERY}.ocv_v": [3.0, 3.1, 3.2, 3.3]},
        f"{BATTERY}.ocv_soc",
        "ascend from 0 to 1",
        "begin with 0",
    ),
    (
        "ocv falls",
        {f"{BATTERY}.ocv_soc": [0.0, 0.5, 1.0], f"{BATTERY}.ocv_v": [3.0, 3.3, 3.2]},
        f"{BATTERY}.ocv_v",
        "never fall",
        "sort",
    ),
    ("cell limits", {f"{BATTERY}.cell_voltage_min": "4 V"}, f"{BATTERY}.cell_voltage_min", "below", "lower"),
    ("cap limits", {f"{CAP}.voltage_min": "800 V"}, f"{CAP}.voltage_min", "below voltage_max", "lower"),
    ("empty cap", {f"{CAP}.voltage_min": "39 V"}, f"{CAP}.voltage_min", "below 5 %", "half is usual"),
    ("leak", {f"{CAP}.leakage_time_constant": "1 ms"}, f"{CAP}.leakage_time_constant", "two ticks", "unit"),
    (
        "converter losses",
        {"storage.bess.converter.loss_b": 0.4, "storage.bess.converter.loss_c": 0.3},
        "storage.bess.converter.loss_c",
        "less would be delivered",
        "lower",
    ),
    ("recovery", {"rack.hall.store_recovery": "0.5 ms"}, "rack.hall.store_recovery", "one tick", "lengthen"),
    (
        "other cells",
        {"storage.bess.supercapacitor": {"energy": "1 kWh"}},
        "storage.bess.supercapacitor",
        "contradicts",
        "remove",
    ),
    ("idle", {"gpu.h100.idle_power": "700 W"}, "gpu.h100.idle_power", "below the rated", "lower"),
    ("cap", {"gpu.h100.cap": "50 W"}, "gpu.h100.cap", "below the idle", "raise"),
    ("store", {"rack.hall.store_power": "5 kW"}, "rack.hall.store_power", "no energy", "store_energy"),
    ("psu table", {"rack.hall.psu_form": "table"}, "rack.hall.psu_load_pu", "is required", "psu_efficiency"),
    (
        "psu form",
        {"rack.hall.psu_load_pu": [0.5], "rack.hall.psu_efficiency": [0.9]},
        "rack.hall.psu_load_pu",
        "not used",
        "table",
    ),
    (
        "loss table",
        {"distribution.pdu.load_pu": [0.5, 0.2], "distribution.pdu.efficiency": [0.9, 0.95]},
        "distribution.pdu.load_pu",
        "ascending",
        "sort",
    ),
    (
        "efficiency",
        {"distribution.pdu.load_pu": [0.2, 0.5], "distribution.pdu.efficiency": [0.9, 95.0]},
        "distribution.pdu.efficiency",
        "<= 1",
        "0.96",
    ),
    (
        "many points",
        {"distribution.pdu.load_pu": [i / 10 for i in range(1, 9)], "distribution.pdu.efficiency": [0.9] * 8},
        "distribution.pdu.load_pu",
        "more than 7",
        "leave",
    ),
    (
        "cycle",
        {"distribution.pdu.feeds_from": "pdu"},
        "distribution.pdu.feeds_from",
        "cycle: pdu -> pdu",
        '"site"',
    ),
    (
        "stop",
        {"workload.job.stop": "5 s", "workload.job.start": "6 s"},
        "workload.job.stop",
        "after",
        "later",
    ),
    (
        "ramps",
        {"workload.job.stop": "5 s", "workload.job.stop_ramp": "6 s"},
        "workload.job.stop_ramp",
        "fit",
        "short",
    ),
    ("straggler", {"workload.job.straggler": "1 s"}, "workload.job.period_s", "of the shortest", "lengthen"),
    (
        "edge",
        {"workload.job.edge": "0.3 s", "workload.job.compute_fraction": 0.1},
        "workload.job.edge",
        "longer",
        "shorten",
    ),
    (
        "stray trace",
        {"workload.job.trace": "a.csv"},
        "workload.job.trace",
        "of kind training",
        'kind = "trace"',
    ),
    ("period", {"control.period": "1.5 ms"}, "control.period", "whole number of ticks", "0.002 s"),
    (
        "delay",
        {"control.measurement_delay": "2.5 ms"},
        "control.measurement_delay",
        "whole number",
        "nearest",
    ),
    (
        "envelopes",
        {"record.envelope": ["10 ms", "25 ms"]},
        "record.envelope[1]",
        "multiple of the first",
        "choose",
    ),
    ("order", {"record.envelope": ["1 s", "10 ms"]}, "record.envelope[1]", "longer than", "ascending"),
    (
        "limit",
        {"compliance.rule": [{"name": "a", "kind": "ramp"}]},
        "compliance.rule[0].limit_w_per_s",
        "required",
        "limit",
    ),
    (
        "band",
        {"compliance.rule": [{"name": "a", "kind": "band_power", "limit": "5 %"}]},
        "compliance.rule[0].band_high_hz",
        "above band_low",
        "upper edge",
    ),
    # absurd
    (
        "racks",
        {"rack.hall.count": 10_000_000, "rack.b": {"count": 1, "gpu": "h100", "workload": "job"}},
        "rack.hall.count",
        "more than 10000000",
        "fewer",
    ),
    (
        "power",
        {"rack.hall.count": 9_000_000, "rack.hall.gpus_per_rack": 100_000},
        "rack.hall",
        "absurd",
        "units",
    ),
    ("average", {"control.average": "1e9 s"}, "control.average", "1e+12 values, one a period", "shorten"),
    (
        "old measurement",
        {"control.measurement_delay": "1e9 s"},
        "control.measurement_delay",
        "1e+12 values, one a tick",
        "shorten",
    ),
    (
        "node rating",
        {"distribution.pdu.rated_power": "1 W", "distribution.pdu.loss_c": 0.5},
        "distribution.pdu.rated_power",
        "absurd",
        "check the rating",
    ),
    ("ticks", {"simulation.duration": "3e9 s"}, "simulation.duration", "ticks, more than", "shorten"),
    (
        "short",
        {"simulation.duration": "0.1 ms", "grid.event": []},
        "simulation.duration",
        "shorter than one tick",
        "lengthen",
    ),
]


def change(data, path, value):
    *steps, last = path.split(".")
    for step in steps:
        data = data[int(step)] if isinstance(data, list) else data.setdefault(step, {})
    if value is REMOVE:
        del data[last]
    else:
        data[last] = copy.deepcopy(value)


def check(error, place, message, remedy):
    """One fault is at the place, with message and remedy; the text of the error names all of it."""
    found = [fault for fault in error.faults if fault.place == place and message in fault.message]
    assert found, str(error)
    assert remedy in found[0].remedy, found[0].remedy
    assert place in str(error)
    assert all(fault.message and fault.remedy for fault in error.faults)
    assert all("\n" not in str(fault) for fault in error.faults)
    return found[0]


@pytest.mark.parametrize(
    ("changes", "place", "message", "remedy"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_broken_scenarios(changes, place, message, remedy):
    data = tomllib.loads(GOOD)
    Scenario.from_dict(data)
    for path, value in changes.items():
        change(data, path, value)
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data)
    fault = check(caught.value, place, message, remedy)
    # One mistake, one fault: nothing that merely follows from it.
    assert caught.value.faults == (fault,)


def test_the_value_is_shown_as_given():
    data = tomllib.loads(GOOD)
    change(data, f"{BATTERY}.energy", "-20 MWh")
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data)
    assert caught.value.faults[0].value == "-20 MWh"
    assert "'-20 MWh'" in str(caught.value)


def test_all_faults_at_once():
    """Faults of all kinds in all sections are told in one go, and none of them hides another."""
    names = ["section", "key", "choice", "gpu name", "milli", "suffix", "negative", "event range", "truth"]
    names += ["window", "idle", "cycle", "period", "envelopes", "cap limits", "profile", "reserved", "preset"]
    chosen = [case for case in CASES if case[0] in names]
    assert len(chosen) == len(names)
    data = tomllib.loads(GOOD)
    for case in chosen:
        for path, value in case[1].items():
            change(data, path, value)
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data)
    places = {fault.place for fault in caught.value.faults}
    assert {case[2] for case in chosen} <= places
    assert str(caught.value).startswith(f"{len(caught.value.faults)} faults")


def test_a_cycle_is_told_once_with_its_path():
    data = tomllib.loads(GOOD)
    for name, above in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")):
        data["distribution"][name] = {"rated_power": "1 MW", "feeds_from": above}
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data)
    assert len(caught.value.faults) == 1
    assert "a -> b -> c -> a" in str(caught.value)


# Name, bytes of the file, end of the place, part of the message, part of the remedy.
FILES = [
    ("empty", b"  \n", "", "is empty", "wattkeel init"),
    ("binary", bytes(range(256)), "", "not UTF-8", "TOML file"),
    ("utf-16", "[grid]\nscr = 3".encode("utf-16"), "", "UTF-16", "UTF-8"),
    ("unquoted", b"[simulation]\nduration = 60 s\n", ":2:15", "TOML", 'quotes, as in power = "20 MW"'),
    ("bare text", b"[simulation]\nengine = native\n", ":2:10", "TOML", "put text in quotes"),
    ("capital", b"[a]\nx = True\n", ":2:5", "TOML", "lower case"),
    ("bracket", b"[simulation\nduration = 1\n", ":1:12", "TOML", "close the bracket"),
    ("quotes", b'title = "abc\n', ":1:13", "TOML", "close the quotes"),
    ("no equals", b"[simulation]\nduration\n", ":2:9", "TOML", "key = value"),
    ("section twice", b"[grid]\nscr=1\n[grid]\nscr=2\n", ":3:6", "TOML", "stands twice"),
    ("key twice", b"[grid]\nscr=1\nscr=2\n", ":3:6", "TOML", "stands twice"),
    ("deep", b"x = " + b"[" * 20000, "", "", "simplify"),
    ("trace", b"time_s,power_w\n0,1\n1,2\n", ":1:7", "TOML", "key = value"),
]


@pytest.mark.parametrize(
    ("content", "end", "message", "remedy"), [f[1:] for f in FILES], ids=[f[0] for f in FILES]
)
def test_broken_files(tmp_path, content, end, message, remedy):
    path = tmp_path / "site.toml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    check(caught.value, f"{path}{end}", message, remedy)


def test_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "site.toml").write_text(GOOD, encoding="utf-8")
    for place, message, remedy in (
        (tmp_path / "sit.toml", "no such file", "site.toml"),
        (tmp_path, "is a folder", "name the scenario file"),
        (tmp_path / "none" / "site.toml", "no such file", "check the path"),
    ):
        with pytest.raises(ScenarioError) as caught:
            load(place)
        check(caught.value, str(place), message, remedy)


OVERRIDES = [
    ("x", "override", "is not path=value", "storage.bess.energy"),
    ("=3", "override", "is not path=value", "storage.bess.energy"),
    ("a..b=3", "override", "is not path=value", "storage.bess.energy"),
    ("grid.scrr=3", "grid.scrr", "unknown key", '"scr"'),
    ("storage.bes.energy=3 MWh", "storage.bes", "names what is not there", '"bess"'),
    ("storage.bess.energy=3", "storage.bess.energy", "has no unit", "MWh"),
    ("storage.bess.energy=3 MW", "storage.bess.energy", "measures power", "MWh"),
    ("grid.event.7.duration=1 s", "grid.event.7", "no such entry", "there are 1"),
    ("grid.event.first.duration=1 s", "grid.event.first", "not the index", "0"),
    ("grid.scr=nan", "grid.scr", "NaN", "number"),
    ("grid=", "grid", "must be a table", "[grid]"),
    ("rack.hall.count=-5", "rack.hall.count", ">= 1", ">= 1"),
]


@pytest.mark.parametrize(("override", "place", "message", "remedy"), OVERRIDES)
def test_broken_overrides(override, place, message, remedy):
    scenario = Scenario.from_dict(tomllib.loads(GOOD))
    with pytest.raises(ScenarioError) as caught:
        scenario.with_overrides([override])
    check(caught.value, place, message, remedy)


# Name, text of the trace, part of the message or value.
TRACES = [
    ("empty", b""),
    ("header only", b"time_s,power_w\n"),
    ("binary", bytes(range(256)) * 4),
    ("no power", b"time_s,colour\n0,1\n1,2\n2,3\n"),
    ("truncated", b"time_s,power_w\n0,100\n1,200\n2,\n3,4\n"),
    ("backwards", b"time_s,power_w\n0,100\n1,200\n0.5,300\n"),
    ("words", b"time_s,power_w\n0,abc\n1,def\n2,ghi\n"),
    ("nan", b"time_s,power_w\n0,100\n1,nan\n2,100\n"),
]


@pytest.mark.parametrize("content", [trace[1] for trace in TRACES], ids=[trace[0] for trace in TRACES])
@pytest.mark.parametrize("section", ["workload", "generation"])
def test_broken_traces(tmp_path, section, content):
    (tmp_path / "t.csv").write_bytes(content)
    data = tomllib.loads(GOOD)
    if section == "workload":
        data["workload"]["job"] = {"kind": "trace", "trace": "t.csv"}
    else:
        data["generation"] = {"job": {"rated_power": "1 MW", "trace": "t.csv"}}
    data["grid"]["scr"] = -1  # told together with the faults of the trace
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data, tmp_path)
    places = [fault.place for fault in caught.value.faults]
    assert f"{section}.job.trace" in places
    assert "grid.scr" in places
    assert all(fault.message and fault.remedy for fault in caught.value.faults)


def test_trace_that_is_not_there(tmp_path):
    (tmp_path / "pretrain.csv").write_text("time_s,power_w\n0,1\n1,2\n", encoding="utf-8")
    data = tomllib.loads(GOOD)
    data["workload"]["job"] = {"kind": "trace", "trace": "pretrian.csv"}
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data, tmp_path)
    check(caught.value, "workload.job.trace", "no such file", '"pretrain.csv"')
    data["workload"]["job"]["trace"] = "."
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data, tmp_path)
    check(caught.value, "workload.job.trace", "is a folder", "")


def test_replay_that_begins_past_the_end(tmp_path):
    (tmp_path / "t.csv").write_text("time_s,power_w\n0,1\n1,2\n2,3\n", encoding="utf-8")
    data = tomllib.loads(GOOD)
    data["workload"]["job"] = {"kind": "trace", "trace": "t.csv", "trace_start": "1 h"}
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data, tmp_path)
    check(caught.value, "workload.job.trace_start", "past the end", "earlier")


def test_not_even_a_dict():
    for data in (None, 3, "x", [1]):
        with pytest.raises(ScenarioError):
            Scenario.from_dict(data)


def test_a_list_that_holds_itself():
    loop = []
    loop.append(loop)
    nest = {}
    nest["nest"] = nest
    for value in (loop, nest):
        data = tomllib.loads(GOOD) | {"grid": value, "record": {"full_rate": value, "envelope": value}}
        with pytest.raises(ScenarioError):
            Scenario.from_dict(data)


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_refuses_a_table_and_a_lone_surrogate(name):
    """Whatever stands at a parameter, the answer is a fault at its place."""
    model = MODELS[name]
    for key in model.model_fields:
        for value in ({"x": 1}, "\ud800", object(), b"bytes", None, -1e308):
            data = tomllib.loads(GOOD)
            path = model.toml_section.replace(".rule", ".rule.0").replace(".event", ".event.0").split(".")
            table = {key: value}
            for step in reversed(path):
                table = [table] if step == "0" else {("a" if step == "*" else step): table}
            result = None
            try:
                Scenario.from_dict(data | table)
            except ScenarioError as error:
                result = error
            assert result is None or str(result)


def test_fault_and_error_texts():
    fault = Fault("a.b", 3, "is wrong", "correct it")
    assert str(fault) == "a.b = 3: is wrong; correct it"
    assert str(Fault("a.b", None, "is wrong")) == "a.b: is wrong"
    assert len(str(Fault("a", "x" * 1000, "m"))) < 120
    assert str(ScenarioError([fault])) == "1 fault in the input:\n  a.b = 3: is wrong; correct it"
    assert isinstance(ScenarioError([fault]), ValueError)


def test_errors_pass_between_processes():
    fault = Fault("a.b", 3, "is wrong", "correct it")
    for error in (
        ScenarioError([fault]),
        SimulationError("rack", 3, 17, "power is NaN"),
        MissingExtra("pyarrow", "io", "reading Parquet"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
    assert str(SimulationError("rack", 3, 17, "power is NaN")) == "rack, lane 3, tick 17: power is NaN"
    assert 'pip install "wattkeel[io]"' in str(MissingExtra("pyarrow", "io", "reading Parquet"))
