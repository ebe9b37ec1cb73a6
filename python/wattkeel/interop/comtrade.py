"""Write COMTRADE records: IEEE C37.111-1999 and -2013 (IEC 60255-24:2013), ASCII or 32-bit float data.

Channels are analog and in primary values. ASCII data are whole numbers of five digits that the configuration
scales (multiplier a, offset b), so that readers of either revision take them: they resolve 1/199996 of the
range of each channel. Float data (-2013 only) hold the values themselves in single precision.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattkeel.errors import Fault, ScenarioError
from wattkeel.interop.steps import Statistic, courses, opened, steps_of
from wattkeel.jsonio import write_text

if TYPE_CHECKING:
    from wattkeel.result import Result

__all__ = ["Channel", "write_comtrade", "write_poi"]

Format = Literal["ASCII", "FLOAT32"]
Revision = Literal["1999", "2013"]

POI = ("poi.voltage_pu", "poi.frequency_hz", "poi.power_w", "poi.reactive_power_var")
"""Signals that `write_poi` writes when none are named, as far as they were kept."""

_ASCII_MOST = 99998  # 99999 marks a missing value
_LONGEST_US = 4294967295.0  # time stamps are 32-bit
_EVEN = 1e-6  # spacings within this part of their mean are one sampling rate
_NAME = str.maketrans(dict.fromkeys(",\r\n", " "))


@dataclass(frozen=True, slots=True)
class Channel:
    """One analog channel.

    Parameters
    ----------
    name : str
        At most 64 letters; commas become blanks.
    unit : str
        Unit of the values, e.g. V, kV, A, Hz, pu.
    values : array_like, shape (n,)
        Finite primary values.
    phase : str
        A, B, C, AB, ...; empty where there is none.
    """

    name: str
    unit: str
    values: ArrayLike
    phase: str = ""


def write_comtrade(
    path: str | Path,
    time_s: ArrayLike,
    channels: Sequence[Channel],
    *,
    frequency_hz: float,
    station: str = "wattkeel",
    device: str = "simulation",
    start: datetime.datetime = datetime.datetime(2000, 1, 1),
    trigger_s: float = 0.0,
    form: Format = "FLOAT32",
    revision: Revision = "2013",
) -> tuple[Path, Path]:
    """Write a record as a pair of files.

    Parameters
    ----------
    path : path
        The configuration, with or without `.cfg`; the data stand beside it as `.dat`.
    time_s : array_like, shape (n,)
        Time of the samples, s, strictly ascending. Even spacing is written as one sampling rate; otherwise
        readers take the time stamps, which are whole microseconds (or multiples, over 4294 s).
    channels : sequence of Channel
        At least one.
    frequency_hz : float
        Nominal line frequency, Hz.
    station, device : str
        Names in the head of the configuration.
    start : datetime
        Time of the first sample (local time of the record; UTC is stated in revision 2013).
    trigger_s : float
        Time of the trigger from the first sample, s.
    form : {"FLOAT32", "ASCII"}
        Format of the data.
    revision : {"2013", "1999"}
        Revision of the standard; 1999 knows no float data.

    Returns
    -------
    tuple of Path
        Configuration and data.

    Raises
    ------
    ScenarioError
        The input makes no record; holds all faults.
    OSError
        A file cannot be written.
    """
    target = Path(path)
    base = target.with_suffix("") if target.suffix.lower() in (".cfg", ".dat") else target
    moment = np.asarray(time_s, dtype=np.float64)
    values = [np.asarray(channel.values, dtype=np.float64) for channel in channels]
    _judge(moment, channels, values, form, revision, frequency_hz)
    moment = moment - moment[0]
    step_s = float(moment[-1]) / (len(moment) - 1)
    even = bool(np.all(np.abs(np.diff(moment) - step_s) <= _EVEN * step_s))
    multiple = max(1, math.ceil(moment[-1] * 1e6 / _LONGEST_US))
    stamp = np.rint(moment * 1e6 / multiple).astype(np.uint32)
    scales = [_scale(x) if form == "ASCII" else (1.0, 0.0) for x in values]
    cfg, dat = base.with_name(f"{base.name}.cfg"), base.with_name(f"{base.name}.dat")
    head = [f"{_text(station)},{_text(device)},{revision}", f"{len(channels)},{len(channels)}A,0D"]
    for number, (channel, x, scale) in enumerate(zip(channels, values, scales, strict=True), 1):
        head.append(_analog(number, channel, x, scale, form))
    rate = f"{1.0 / step_s:.12g}" if even else "0"
    trigger = start + datetime.timedelta(seconds=trigger_s)
    head += [f"{frequency_hz:g}", "1" if even else "0", f"{rate},{len(moment)}"]
    head += [_stamp(start), _stamp(trigger), form, f"{multiple}"]
    if revision == "2013":
        head += ["0,0", "0,0"]  # UTC; quality of the clock normal, no leap second
    _write_data(dat, stamp, values, scales, form)
    write_text(cfg, "\r\n".join(head) + "\r\n")
    return cfg, dat


def write_poi(
    run: Result | str | Path,
    path: str | Path,
    signals: Sequence[str] | None = None,
    *,
    form: Format = "FLOAT32",
    window_s: float | None = None,
    statistic: Statistic = "mean",
    span_s: tuple[float, float] | None = None,
) -> tuple[Path, Path]:
    """Write signals of a run that were recorded at full rate, for a viewer of fault records.

    Parameters
    ----------
    run : Result, str or Path
        A run, or its directory.
    path, form
        As in `write_comtrade`.
    signals : sequence of str, optional
        Names of signals; those of `POI` that were kept at full rate without it.
    window_s, statistic, span_s
        As in `wattkeel.interop.handover`.

    Raises
    ------
    ScenarioError
        A signal was not recorded, or the window or span does not fit.
    """
    result = opened(run)
    names = [name for name in POI if name in result.signals] if signals is None else list(signals)
    steps = steps_of(result, window_s, statistic, span_s)
    found = courses(result, names or POI, steps)
    channels = [Channel(name, result.units.get(name, ""), values) for name, values in found.items()]
    model = result.scenario.model
    return write_comtrade(
        path, steps.time_s, channels, frequency_hz=model.grid.nominal_frequency_hz,
        station=model.title or "wattkeel", form=form,
    )  # fmt: skip


def _judge(
    moment: NDArray[np.float64],
    channels: Sequence[Channel],
    values: Sequence[NDArray[np.float64]],
    form: str,
    revision: str,
    frequency_hz: float,
) -> None:
    """Raise all faults of the input."""
    faults = []
    if moment.ndim != 1 or len(moment) < 2 or not np.isfinite(moment).all() or (np.diff(moment) <= 0.0).any():
        faults.append(
            Fault("time_s", None, "must be at least two finite times, ascending", "sort the samples")
        )
    if not channels:
        faults.append(Fault("channels", None, "there is none", "give at least one channel"))
    for channel, x in zip(channels, values, strict=True):
        if x.shape != moment.shape or not np.isfinite(x).all():
            message = f"must hold {moment.size} finite values"
            faults.append(Fault(f"channels.{channel.name}", None, message, "one value for every time"))
    if form not in ("ASCII", "FLOAT32") or revision not in ("1999", "2013"):
        message = "the formats are ASCII and FLOAT32, the revisions 1999 and 2013"
        faults.append(Fault("form", f"{form}, {revision}", message, "choose among them"))
    elif form == "FLOAT32" and revision == "1999":
        message = "revision 1999 of the standard knows no 32-bit floats"
        faults.append(Fault("form", form, message, 'revision = "2013", or form = "ASCII"'))
    if form == "FLOAT32" and any(np.abs(x).max(initial=0.0) > np.finfo(np.float32).max for x in values):
        faults.append(Fault("channels", None, "a value is beyond 32-bit floats", "scale it: kV for V"))
    if not 0.0 < frequency_hz < math.inf:
        faults.append(Fault("frequency_hz", frequency_hz, "must be above 0", "give 50 or 60"))
    if faults:
        raise ScenarioError(faults)


def _text(text: str) -> str:
    return text.translate(_NAME)[:64]


def _scale(values: NDArray[np.float64]) -> tuple[float, float]:
    """Multiplier and offset that spread the range of a channel over the whole numbers of the format."""
    low, high = float(values.min()), float(values.max())
    step = (high - low) / (2.0 * _ASCII_MOST)
    # A channel that does not move needs no resolution; its offset holds the value.
    return (step, 0.5 * (low + high)) if step > 0.0 else (1.0, low)


def _counts(values: NDArray[np.float64], scale: tuple[float, float]) -> NDArray[np.int64]:
    return np.clip(np.rint((values - scale[1]) / scale[0]), -_ASCII_MOST, _ASCII_MOST).astype(np.int64)


def _analog(
    number: int, channel: Channel, values: NDArray[np.float64], scale: tuple[float, float], form: str
) -> str:
    """The line of one channel: number, name, phase, component, unit, a, b, skew, least, most, ratio, P."""
    if form == "ASCII":
        least, most = f"{-_ASCII_MOST}", f"{_ASCII_MOST}"
    else:
        least, most = f"{values.min():.9g}", f"{values.max():.9g}"
    return (
        f"{number},{_text(channel.name)},{_text(channel.phase)},,{_text(channel.unit)},"
        f"{scale[0]:.17g},{scale[1]:.17g},0,{least},{most},1,1,P"
    )


def _stamp(moment: datetime.datetime) -> str:
    return moment.strftime("%d/%m/%Y,%H:%M:%S.%f")


def _write_data(
    path: Path,
    stamp: NDArray[np.uint32],
    values: Sequence[NDArray[np.float64]],
    scales: Sequence[tuple[float, float]],
    form: str,
) -> None:
    """Write the samples: number from 1, time stamp, values."""
    number = np.arange(1, len(stamp) + 1, dtype=np.uint32)
    if form == "ASCII":
        table = np.stack(
            [number, stamp, *(_counts(x, s) for x, s in zip(values, scales, strict=True))], axis=1
        )
        write_text(path, "".join(",".join(map(str, row)) + "\r\n" for row in table.tolist()))
        return
    rows = np.zeros(
        len(stamp), dtype=[("number", "<u4"), ("stamp", "<u4"), ("values", "<f4", (len(values),))]
    )
    rows["number"], rows["stamp"] = number, stamp
    rows["values"] = np.stack(values, axis=1)
    path.write_bytes(rows.tobytes())
