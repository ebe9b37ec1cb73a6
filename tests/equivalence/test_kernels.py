"""Every C++ kernel gives the bits of its prototype: on random and edge inputs, on every instruction set."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import conversion_inputs  # noqa: F401 registers its builders
import distribution_inputs  # noqa: F401 registers its builders
import flicker_inputs  # noqa: F401 registers its builders
import grid_inputs  # noqa: F401 registers its builders
import meter_inputs  # noqa: F401 registers its builders
import numpy as np
import pytest
from kernel_inputs import BUILDERS

from wattkeel import _core, prototype

ISAS = _core.build_info()["instruction_sets_available"]
SIZES = (1, 2, 3, 7, 8, 9, 31, 64, 255, 256)
# Prototypes that other prototypes inline and that have no table entry of their own in the core.
INNER = {
    "clamp",
    "fast_response",
    "past",
    "battery_renew",
    "climate_w",
    "battery_alone",
    "end_voltage",
    "find_piece",
    "gentle_rise",
    "hold_resistances",
    "ocv_of",
    "turned_share",
    "string_apply",
    "string_current",
    "string_limits",
    "string_source",
    "mean_heat",
    "current_for_power",
    "hottest",
    "slow_value",
    "snap",
    "loss_curve",
    "philox_words",
    "philox_uniform",
    "kernel",
    "part",
    "_compiled",
    "two_sum",
    "begin_restoration",
    "connected_step",
    "dark_step",
    "event_share",
    "forming_beyond",
    "forming_curtailed",
    "forming_limit",
    "forming_place",
    "forming_shift",
    "go_dark",
    "grid_is_back",
    "islanded_step",
    "load_response",
    "network_load",
    "network_source",
    "pickup_step",
    "converter_asked",
    "cubic_place",
    "half_cycle_add",
    "rainflow_oldest",
    "rainflow_push",
    "reversal",
    "converter_heard",
    "converter_lag",
    "converter_loss",
    "converter_room",
    "dc_place",
    "delivered_size",
    "stored_size",
    "table_place",
    "backup_step",
    "filtered",
    "ride_begin",
    "ride_mode",
    "ride_response",
    "ride_share",
    "ride_signals",
    "sag_counted",
    "voltage_power",
    "flicker_tidy",
}
WHOLE_SITE = {"advance", "bus_step", "envelope_add", "envelope_clear", "envelope_close", "facility_step",
              "generation_step", "jobs_step", "lanes_step", "limit_k", "log_event", "role_soc", "store_step",
              "events_step", "following_step", "forming_units_step", "forming_network", "forming_cells", "forming_dead", "forming_held", "forming_shared", "forming_unit_step", "log_island", "poi_step",
              "play_back", "separated_step", "site_deviation", "supply_step", "switching_step", "frequency_end", "shedding_step",
              "unit_support", "frequency_deviation", "ride_events", "seen_voltage"}  # fmt: skip


def prototypes() -> dict[str, Any]:
    """All kernels written in the prototype package, by name."""
    found = {}
    for module_info in pkgutil.iter_modules(prototype.__path__):
        module = importlib.import_module(f"wattkeel.prototype.{module_info.name}")
        for name, value in vars(module).items():
            plain = getattr(value, "py_func", value)
            if inspect.isfunction(plain) and plain.__module__ == module.__name__:
                found[name] = value
    return found


PROTOTYPES = prototypes()


def copied(arguments: list[Any]) -> list[Any]:
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def for_python(arguments: list[Any], name: str) -> list[Any]:
    """Single records are records for Python and arrays of one for C++; lists of nodes and events stay arrays."""
    many = name.startswith("distribution")
    made = []
    for a in arguments:
        is_record = isinstance(a, np.ndarray) and a.dtype.names is not None
        made.append(a[0] if is_record and len(a) == 1 and not many else a)
    return made


def bits(value: Any) -> bytes:
    if isinstance(value, tuple):
        return b"".join(bits(v) for v in value)
    if value is None:
        return b"none"
    return np.asarray(value, dtype=np.float64 if isinstance(value, float) else None).tobytes()


def compare(name: str, arguments: list[Any], call: Any, native: Any) -> None:
    expected, got = copied(arguments), copied(arguments)
    with np.errstate(all="ignore"):
        wanted = call(*for_python(expected, name))
    returned = native(*got)
    assert bits(wanted) == bits(returned), f"{name} returned {returned}, the prototype {wanted}"
    for i, (a, b) in enumerate(zip(expected, got, strict=True)):
        if isinstance(a, np.ndarray):
            assert a.tobytes() == b.tobytes(), f"{name}: argument {i} differs"


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_native_kernel_gives_the_bits_of_its_prototype(name: str, isa: str) -> None:
    native = _core.kernels(isa)[name]
    for seed in range(60):
        rng = np.random.default_rng([seed, *name.encode()])
        arguments = BUILDERS[name](rng, SIZES[seed % len(SIZES)])
        compare(name, arguments, PROTOTYPES[name], native)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_prototype_runs_as_plain_python(name: str) -> None:
    """The prototypes are readable Python first: uncompiled they give the same bits."""
    plain = getattr(PROTOTYPES[name], "py_func", PROTOTYPES[name])
    native = _core.kernels()[name]
    for seed in range(3):
        rng = np.random.default_rng([100 + seed, *name.encode()])
        compare(name, BUILDERS[name](rng, 9), plain, native)


def test_every_kernel_has_a_prototype_and_a_test() -> None:
    native = set(_core.kernels())
    assert native == set(BUILDERS)
    assert native <= set(PROTOTYPES)
    assert set(PROTOTYPES) - native == INNER | WHOLE_SITE


def test_kernels_take_the_arguments_of_their_prototypes() -> None:
    """A call that works natively has as many arguments as the prototype; compare() checks their order."""
    for name, build in BUILDERS.items():
        plain = getattr(PROTOTYPES[name], "py_func", PROTOTYPES[name])
        assert len(build(np.random.default_rng(1), 8)) == len(inspect.signature(plain).parameters), name


def test_philox_known_answer() -> None:
    """Random123 known-answer test: all-zero counter and key."""
    words = PROTOTYPES["philox_words"](*(np.uint64(0) for _ in range(6)))
    assert [int(w) for w in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_philox_bell_has_unit_variance() -> None:
    draws = np.array([PROTOTYPES["philox_bell"](1, 2, i) for i in range(20000)])
    assert abs(draws.mean()) < 4.0 / np.sqrt(len(draws))
    assert abs(draws.var() - 1.0) < 0.05
    assert np.abs(draws).max() < 6.0


def test_wrong_arrays_are_refused() -> None:
    call = _core.kernels()["lane_sum"]
    with pytest.raises(TypeError, match=r"lane_sum, argument 1: wrong dtype float32"):
        call(3, np.zeros(3, dtype=np.float32))
    with pytest.raises(TypeError, match="not C-contiguous"):
        call(3, np.zeros((3, 3))[:, 0])
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="read-only"):
        _core.kernels()["compensated_add"](3, np.zeros(3), frozen, np.zeros(3))
