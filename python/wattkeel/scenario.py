"""Scenarios: read, resolve presets, override, check; all faults at once.

What a user wrote is first normalised (`wattkeel.normalise`), overrides are laid over it and presets under it,
every table becomes its model, and what the models cannot see alone is checked (`wattkeel.checks`). A table
with a fault is set aside, so that the faults of all the others are found in the same pass.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from wattkeel._generated.models import ScenarioModel
from wattkeel.checks import Judge, whole_ticks
from wattkeel.errors import Fault, ScenarioError
from wattkeel.layers import Overrides, Presets, fill_ocv, lay_over
from wattkeel.normalise import SECTIONS, Normaliser, Tree
from wattkeel.toml_text import read_toml, write_toml
from wattkeel.trace_files import TraceKey, playback_key, read_playback, read_traces, trace_keys
from wattkeel.validate import Validator

if TYPE_CHECKING:
    from wattkeel.trace import Trace
    from wattkeel.waveform import Playback

__all__ = ["Overrides", "Scenario", "from_dict", "load"]


@dataclass(frozen=True)
class Scenario:
    """A scenario that has passed all checks.

    Parameters
    ----------
    model
        All parameters in SI, presets resolved, paths absolute.
    base_dir
        Folder to which relative paths of the scenario refer.
    source
        File that it was read from, None when it came from a dict.
    traces
        Measured traces by ``workload.<name>`` and ``generation.<name>``.
    playback
        Measured record that drives the grid; None without one.
    warnings
        What is allowed but worth knowing.
    tree
        What was given under canonical names, before presets; the ground of `with_overrides`.
    """

    model: ScenarioModel
    base_dir: Path
    source: Path | None = None
    traces: dict[str, Trace] = field(default_factory=dict, compare=False, repr=False)
    playback: Playback | None = field(default=None, compare=False, repr=False)
    warnings: list[str] = field(default_factory=list, compare=False)
    tree: Tree = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        base_dir: str | os.PathLike[str] | None = None,
        overrides: Overrides = (),
    ) -> Scenario:
        """Make a scenario from nested dicts in the form of the TOML file.

        Parameters
        ----------
        data
            Tables, with quantities as in TOML.
        base_dir
            Folder of relative paths; the current one when None.
        overrides
            ``path=value`` texts, or values by path, applied in order.

        Raises
        ------
        ScenarioError
            All faults found.
        """
        if not isinstance(data, Mapping):
            raise ScenarioError([Fault("scenario", data, "must be a table", "give a dict of sections")])
        folder = Path.cwd() if base_dir is None else Path(base_dir).absolute()
        return _build(Normaliser(folder), data, overrides, None)

    def with_overrides(self, overrides: Overrides) -> Scenario:
        """Make the scenario that differs in some values; traces that stay are not read again.

        Parameters
        ----------
        overrides
            ``path=value`` texts, or values by path. Relative paths of files in them refer to the
            current folder.

        Raises
        ------
        ScenarioError
            All faults found.
        """
        cache = {key: self.traces[place] for place, key in trace_keys(self.model).items()}
        known = None if self.playback is None else (playback_key(self.model), self.playback)
        return _resolve(Normaliser(self.base_dir), self.tree, overrides, self.source, cache, known)

    def to_toml(self) -> str:
        """Write the resolved scenario: SI names, no presets, all defaults; it loads to an equal model."""
        return write_toml(self.model.model_dump(mode="python", exclude_none=True))


def expect_scenario(given: object, taker: str) -> None:
    """Raise unless a value is a scenario.

    Parameters
    ----------
    given
        What was handed over.
    taker
        What takes it, e.g. ``simulate``, for the message.

    Raises
    ------
    TypeError
        With what to write instead.
    """
    if not isinstance(given, Scenario):
        how = "Scenario.from_dict(values)" if isinstance(given, Mapping) else "load(path)"
        took = type(given).__name__
        raise TypeError(f"{taker} takes a Scenario, not {took}: wattkeel.{taker}(wattkeel.{how})")


def from_dict(data: Mapping[str, Any], base_dir: str | os.PathLike[str] | None = None) -> Scenario:
    """Make a scenario from nested dicts; see `Scenario.from_dict`."""
    return Scenario.from_dict(data, base_dir)


def load(path: str | os.PathLike[str], overrides: Overrides = ()) -> Scenario:
    """Read a scenario file.

    Parameters
    ----------
    path
        TOML file.
    overrides
        ``path=value`` texts, e.g. ``"storage.bess.energy=20 MWh"``, or values by path, applied in order.
        Relative paths of files in overrides refer to the current folder, in the file to its own folder.

    Returns
    -------
    Scenario
        Ready to run.

    Raises
    ------
    ScenarioError
        All faults found, each with place, value, message and remedy.
    """
    given: object = path
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        remedy = "give a path, e.g. examples/quickstart.toml"
        if isinstance(given, Mapping):
            remedy = "make a scenario of a dict with Scenario.from_dict(values)"
        elif isinstance(given, Scenario):
            remedy = "it is loaded already: simulate(scenario)"
        shown = None if isinstance(given, (Mapping, Scenario)) else given
        raise ScenarioError([Fault("path", shown, f"is no path but {type(given).__name__}", remedy)])
    data = read_toml(path)
    source = Path(path).absolute()
    return _build(Normaliser(source.parent), data, overrides, source)


def _build(
    normaliser: Normaliser, data: Mapping[str, Any], overrides: Overrides, source: Path | None
) -> Scenario:
    try:
        tree = normaliser.root(data)
    except RecursionError:
        fault = Fault("scenario", None, "is nested too deep", "simplify it")
        raise ScenarioError([fault]) from None
    return _resolve(normaliser, tree, overrides, source, {})


def _resolve(
    normaliser: Normaliser,
    tree: Tree,
    overrides: Overrides,
    source: Path | None,
    cache: Mapping[TraceKey, Trace],
    known: tuple[tuple[object, ...], Playback] | None = None,
) -> Scenario:
    """Override, lay presets under, validate, check, read traces; raise all faults at once."""
    tree = lay_over(normaliser, tree, overrides)
    whole = Presets(normaliser).root(tree)
    warnings = [*_fit_control_period(whole), *fill_ocv(whole)]
    validator = Validator(normaliser)
    model = validator.root(whole)
    judge = Judge(model, whole, validator.bad)
    judge.all()
    traces = read_traces(model, judge, cache)
    playback = read_playback(model, judge, known)
    faults = [*normaliser.faults, *(_as_written(normaliser, fault) for fault in judge.faults)]
    if faults:
        raise ScenarioError(faults)
    scenario = Scenario(
        model=model,
        base_dir=normaliser.base_dir,
        source=source,
        traces=traces,
        playback=playback,
        warnings=[*warnings, *judge.warnings],
        tree=tree,
    )
    # Loads numpy, which the tables alone do not need.
    from wattkeel.cautions import cautions

    scenario.warnings.extend(cautions(scenario))
    return scenario


def _as_written(normaliser: Normaliser, fault: Fault) -> Fault:
    """Name a place as the user wrote it."""
    place, value = normaliser.as_written(fault.place, fault.value)
    return Fault(place, value, fault.message, fault.remedy)


def _fit_control_period(tree: Tree) -> list[str]:
    """Where only the tick was given and the usual control period does not fit it, control every tick."""
    tick_s = tree.get("simulation", {}).get("tick_s")
    default = SECTIONS["control"].model_fields["period_s"].default
    if tick_s is None or "period_s" in tree.get("control", {}) or whole_ticks(default, tick_s):
        return []
    try:
        SECTIONS["simulation"].model_validate({"tick_s": tick_s})
    except ValidationError:  # a tick out of range is told when it is validated
        return []
    tree["control"] = {**tree.get("control", {}), "period_s": tick_s}
    return [
        f"control.period_s: not given; set to the tick, {tick_s:g} s, since {default:g} s does not fit it"
    ]
