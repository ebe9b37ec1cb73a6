"""Laws that hold for any duty: additivity, order, monotony, counting against an independent rainflow."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wattkeel as wk
from wattkeel.ageing import grid
from wattkeel.ageing.laws import PowerLaw
from wattkeel.ageing.stress import CLOSES

MODELS = [wk.ageing.model(name) for name in wk.ageing.models()]
ADDITIVE = [model for model in MODELS if model.name != "lfp-sony-blast"]
DAY_S = 86400.0


def names(model: Any) -> str:
    return str(model.name)


def duties(seed: int, count: int) -> list[wk.ageing.Stress]:
    """Random walks of the SoC at random temperatures."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        n = int(rng.integers(3, 200))
        soc = np.clip(0.5 + np.cumsum(rng.normal(0.0, 0.1, n)), 0.0, 1.0)
        time_s = np.cumsum(rng.uniform(1.0, 7200.0, n))
        warm = np.clip(298.15 + np.cumsum(rng.normal(0.0, 2.0, n)), 285.0, 315.0)
        made.append(wk.ageing.count(time_s, soc, warm, dead_band_soc=float(rng.choice([0.0, 0.01]))))
    return made


def assert_same_fade(a: wk.ageing.Fade, b: wk.ageing.Fade) -> None:
    for name, value in a.parts.items():
        assert value == pytest.approx(b.parts[name], rel=1e-12, abs=1e-18), name


@pytest.mark.parametrize("model", ADDITIVE, ids=names)
@given(seed=st.integers(0, 10**6))
def test_order_and_splits_do_not_matter(model: wk.ageing.Model, seed: int) -> None:
    pieces = duties(seed, 4)
    whole = model.fade(sum(pieces[1:], pieces[0]))
    chain = None
    for i in np.random.default_rng(seed).permutation(4):
        chain = model.fade(pieces[i] * 0.25, start=chain)
        chain = model.fade(pieces[i] * 0.75, start=chain)
    assert chain is not None
    assert_same_fade(chain, whole)


@pytest.mark.parametrize("model", MODELS, ids=names)
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 9))
def test_repetitions_are_a_multiplication(model: wk.ageing.Model, seed: int, parts: int) -> None:
    stress = duties(seed, 1)[0]
    chain = None
    for _ in range(parts):
        chain = model.fade(stress, start=chain)
    assert chain is not None
    whole = model.fade(stress * parts)
    for name, value in chain.parts.items():
        assert value == pytest.approx(whole.parts[name], rel=1e-9, abs=1e-15), name


@pytest.mark.parametrize("model", MODELS, ids=names)
@given(seed=st.integers(0, 10**6))
def test_fade_is_never_negative_and_never_falls(model: wk.ageing.Model, seed: int) -> None:
    before = None
    for stress in duties(seed, 5):
        after = model.fade(stress, start=before)
        for name, value in after.parts.items():
            assert math.isfinite(value)
            assert value >= (before.parts[name] if before else 0.0)
        before = after


@pytest.mark.parametrize("model", MODELS, ids=names)
@given(soc=st.floats(0.05, 0.95), warmer=st.floats(0.5, 20.0), longer=st.floats(1.01, 20.0))
def test_rest_ages_more_when_longer_or_warmer(
    model: wk.ageing.Model, soc: float, warmer: float, longer: float
) -> None:
    low, high = model.valid.temperature_k
    cool = min(low, high - warmer)
    base = model.calendar(100.0 * DAY_S, soc, cool)
    assert model.calendar(100.0 * DAY_S * longer, soc, cool).capacity_loss > base.capacity_loss
    assert model.calendar(100.0 * DAY_S, soc, cool + warmer).capacity_loss > base.capacity_loss


# Rates are held below 0.2 % within the range of each model. Where a rate falls to nothing (tiny depths, the
# zero of a line) the measure is a share of the largest rate.
FLOOR = 0.02
LAWS = [(model, law) for model in MODELS for law in model.laws if isinstance(law, PowerLaw)]


@pytest.mark.parametrize(("model", "law"), LAWS, ids=[f"{m.name} {law.name}" for m, law in LAWS])
def test_grid_holds_every_rate_to_a_fifth_of_a_per_cent(model: wk.ageing.Model, law: PowerLaw) -> None:
    rng = np.random.default_rng(5)
    n, valid = 20000, model.valid
    warm, depth = (
        rng.uniform(*valid.temperature_k, n),
        rng.uniform(max(0.01, valid.depth[0]), valid.depth[1], n),
    )
    at: tuple[np.ndarray, ...] = (rng.uniform(*valid.soc, n), warm)
    if law.kind == "cycle":
        at = (depth, rng.uniform(0.02, valid.c_rate_max, n), warm)
    elif law.kind == "swing":
        at = (depth, 0.5 + (rng.uniform(0.0, 1.0, n) - 0.5) * (1.0 - depth))
    exact = law.speed(*at)
    error = np.abs(grid.interpolate(law.kind, grid.table(law.kind, law.speed), *at) - exact)
    assert (error / np.maximum(exact, FLOOR * exact.max())).max() < 2e-3


def test_deposits_are_the_interpolation() -> None:
    """A counted duty gives the sum of the interpolated rates of its log, and the exact rates within 0.2 %."""
    rng = np.random.default_rng(2)
    soc = np.clip(0.5 + 0.45 * np.sin(np.cumsum(rng.uniform(0.0, 0.8, 2000))), 0.0, 1.0)
    time_s = 600.0 * np.arange(2000)
    warm = 298.15 + 8.0 * np.sin(np.arange(2000) / 300.0)
    stress = wk.ageing.count(time_s, soc, warm, dead_band_soc=0.0, log_rows=4000)
    assert len(stress.log) == stress.half_cycles > 100
    _, begin, end, c_rate, heat, _, fec = stress.log.T
    model = wk.ageing.model("naumann-lfp")
    law = next(law for law in model.laws if law.name == "cycle capacity")
    assert isinstance(law, PowerLaw)
    at = (np.abs(end - begin), c_rate, heat)
    between = grid.interpolate("cycle", grid.table("cycle", law.speed), *at)
    assert law.prepared(stress)[0] == pytest.approx(float(np.sum(fec * between)), rel=1e-12)
    assert law.prepared(stress)[0] == pytest.approx(float(np.sum(fec * law.speed(*at))), rel=2e-3)
    assert stress.dwell_s.sum() == pytest.approx(time_s[-1], rel=1e-12)
    middle = 0.5 * (soc[1:] + soc[:-1])
    assert stress.mean_soc == pytest.approx(middle.mean(), rel=1e-12)
    assert stress.mean_temperature_k == pytest.approx((0.5 * (warm[1:] + warm[:-1])).mean(), rel=1e-12)


def reference_rainflow(points: list[float]) -> dict[float, float]:
    """ASTM E1049-85, 5.4.4, written from the text of the standard: cycles by range."""
    counts: dict[float, float] = {}
    held: list[float] = []
    for point in points:
        held.append(point)
        while len(held) >= 3:
            x, y = abs(held[-1] - held[-2]), abs(held[-2] - held[-3])
            if x < y:
                break
            if len(held) == 3:  # Y contains the starting point: half a cycle
                counts[y] = counts.get(y, 0.0) + 0.5
                held.pop(0)
            else:
                counts[y] = counts.get(y, 0.0) + 1.0
                del held[-3:-1]
    for a, b in itertools.pairwise(held):
        counts[abs(b - a)] = counts.get(abs(b - a), 0.0) + 0.5
    return counts


@given(
    levels=st.lists(st.integers(0, 64), min_size=2, max_size=120),
    still=st.integers(0, 3),
)
def test_rainflow_is_that_of_the_standard(levels: list[int], still: int) -> None:
    """Levels of 1/64 are exact, so that ties are ties; repeated samples are rests."""
    soc = np.repeat(np.array(levels) / 64.0, still + 1)
    stress = wk.ageing.count(
        60.0 * np.arange(len(soc)), soc, 298.15, dead_band_soc=0.0, log_rows=500
    ) if len(soc) > 1 else None  # fmt: skip
    turns = [soc[0]]
    for value in soc[1:]:
        if value == turns[-1]:
            continue
        if len(turns) >= 2 and (value - turns[-1]) * (turns[-1] - turns[-2]) > 0.0:
            turns[-1] = value
        else:
            turns.append(value)
    expected = reference_rainflow(turns)
    assert stress is not None
    found: dict[float, float] = {}
    for _, begin, end, *_ in stress.log:
        found[abs(end - begin)] = found.get(abs(end - begin), 0.0) + 0.5
    assert found == expected
    assert stress.counted_fec == pytest.approx(stress.throughput_fec, rel=1e-12)
    in_motion_s = 60.0 * np.count_nonzero(np.diff(soc))
    assert stress.log[:, 5].sum() == pytest.approx(in_motion_s, rel=1e-12)


@pytest.mark.parametrize("method", ["rainflow", "half_cycle"])
@given(depth=st.floats(0.01, 1.0), cycles=st.integers(1, 40), hours=st.floats(0.3, 40.0))
def test_triangles(method: str, depth: float, cycles: int, hours: float) -> None:
    """N triangles of depth D: 2 N half cycles, N D full cycles, C-rate 2 D over the period."""
    soc = 0.5 + depth * 0.5 * np.tile([-1.0, 1.0], cycles + 1)[: 2 * cycles + 1]
    time_s = 0.5 * hours * 3600.0 * np.arange(2 * cycles + 1)
    stress = wk.ageing.count(time_s, soc, 300.0, method=method, log_rows=2 * cycles)
    assert stress.half_cycles == 2 * cycles
    assert stress.throughput_fec == pytest.approx(cycles * depth, rel=1e-12)
    assert stress.counted_fec == pytest.approx(cycles * depth, rel=1e-12)
    assert stress.depth_range == (pytest.approx(depth, rel=1e-12), pytest.approx(depth, rel=1e-12))
    assert stress.c_rate_max == pytest.approx(
        2.0 * depth / hours if 2.0 * depth / hours > 0.01 else 0.0, rel=1e-9
    )
    assert stress.cycle_fec.sum() == pytest.approx(cycles * depth, rel=1e-12)


@given(seed=st.integers(0, 10**6), cut=st.integers(1, 299))
def test_a_split_run_and_either_engine_give_the_same_bits(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    soc = np.clip(0.5 + np.cumsum(rng.normal(0.0, 0.02, 300)), 0.0, 1.0)
    warm, step = rng.uniform(285.0, 310.0, 300), rng.uniform(0.0, 900.0, 300)
    settings = wk.parameters.Ageing(method=("rainflow", "half_cycle")[seed % 2])
    kept = []
    for engine in ("native", "numba"):
        whole = wk.ageing.Counter(0.5, 300.0, settings, engine=engine, log_rows=20)
        parts = whole.copy()
        whole.run(soc, warm, step)
        parts.run(soc[:cut], warm[:cut], step[:cut])
        parts = parts.copy()
        for row in range(cut, 300):
            parts.add(soc[row], warm[row], step[row])
        for counter in (whole, parts):
            counter.close()
            kept.append(counter.counter.tobytes() + counter.state.tobytes() + counter.log.tobytes())
    assert kept[1:] == kept[:-1]


@given(seed=st.integers(0, 10**6))
def test_a_repeating_duty_is_steady_after_one_pass(seed: int) -> None:
    """One repetition in the midst of many is what every further one adds."""
    rng = np.random.default_rng(seed)
    soc = np.clip(0.5 + np.cumsum(rng.normal(0.0, 0.1, 60)), 0.0, 1.0)
    soc[-1] = soc[0]
    assert abs(soc[-1] - soc[0]) < CLOSES
    step, warm = rng.uniform(10.0, 900.0, 59), np.full(60, 300.0)
    time_s = np.concatenate(([0.0], np.cumsum(step)))
    one = wk.ageing.count(time_s, soc, warm, repeating=True)
    counter = wk.ageing.Counter(soc[0], 300.0)
    for _ in range(4):
        counter.run(soc[1:], warm[1:], step)
    before = counter.stress()
    for _ in range(3):
        counter.run(soc[1:], warm[1:], step)
    after = counter.stress()
    assert after.half_cycles - before.half_cycles == 3.0 * one.half_cycles
    assert after.cycle_fec - before.cycle_fec == pytest.approx(3.0 * one.cycle_fec, abs=1e-9)
    assert after.dwell_s - before.dwell_s == pytest.approx(3.0 * one.dwell_s, abs=1e-6)
