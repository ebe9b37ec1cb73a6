"""Power electronics of a data centre from the grid to the chips: equations, operating point, linear models.

A rectifier (active front end) with its phase-locked loop (PLL), DC link, UPS inverter, power supplies (PSU)
and DC-DC converters feed a load; 21 states. Per unit of the power of the chain; currents are positive
towards the load. Equations, PI tuning and parameter sets: Zhao and Zhao, arXiv:2604.06624. How the power
drawn at the point of common coupling (PCC) follows the load does not depend on the base: the linear model
scales.

From the 21 states come all forms of ``distribution.<node>.dynamics``: the linearised chain, a reduced chain
by balanced residualisation, and a second-order block.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattkeel._generated import models
from wattkeel.linear import StateSpace

Floats = NDArray[np.float64]

STATES = (
    "pll_angle", "pll_integral", "pll_voltage_pu", "rectifier_current_d_pu", "rectifier_current_q_pu",
    "dc_voltage_integral", "rectifier_integral_d", "rectifier_integral_q", "dc_voltage_pu",
    "inverter_current_d_pu", "inverter_current_q_pu", "inverter_voltage_d_pu", "inverter_voltage_q_pu",
    "inverter_voltage_integral_d", "inverter_voltage_integral_q", "inverter_current_integral_d",
    "inverter_current_integral_q", "psu_voltage_pu", "psu_integral", "output_voltage_pu", "output_integral",
)  # fmt: skip
"""States of the full chain, in order."""

_STEP = 1e-30  # of the complex-step derivative: no difference is taken, so it may be this small
_NEWTON_STEPS = 20
_NEWTON_PU = 1e-12


class Loop(NamedTuple):
    """Gains of a PI controller."""

    kp: float
    ki: float


class Gains(NamedTuple):
    """PI gains of all control loops."""

    pll: Loop
    dc_voltage: Loop
    rectifier_current: Loop
    inverter_voltage: Loop
    inverter_current: Loop
    psu_voltage: Loop
    output_voltage: Loop


def gains(params: models.FacilityChain) -> Gains:
    """PI gains from natural frequencies and damping.

    Voltage loops on a capacitance C: kp = 2 zeta w C / w_b, ki = w^2 C / w_b; current loops on an inductance
    L: kp = 2 zeta w L / w_b - R, ki = w^2 L / w_b; the PLL is a voltage loop with C = 1.

    Parameters
    ----------
    params : FacilityChain

    Returns
    -------
    Gains
    """
    base = 2.0 * math.pi * params.base_frequency_hz

    def loop(name: str, store_pu: float, resistance_pu: float = 0.0) -> Loop:
        natural = 2.0 * math.pi * getattr(params, f"{name}_hz")
        damping = getattr(params, f"{name}_damping")
        kp = 2.0 * damping * natural * store_pu / base - resistance_pu
        return Loop(kp, natural * natural * store_pu / base)

    return Gains(
        loop("pll", 1.0),
        loop("dc_voltage", params.dc_capacitance_pu),
        loop("rectifier_current", params.rectifier_inductance_pu, params.rectifier_resistance_pu),
        loop("inverter_voltage", params.inverter_capacitance_pu),
        loop("inverter_current", params.inverter_inductance_pu, params.inverter_resistance_pu),
        loop("psu_voltage", params.psu_capacitance_pu),
        loop("output_voltage", params.output_capacitance_pu),
    )


def _load_side(p: models.FacilityChain, k: Gains, x: Any, load_pu: Any) -> tuple[Any, ...]:
    """DC-DC converter and PSU; returns (conductance that the inverter feeds, four derivatives)."""
    base = 2.0 * math.pi * p.base_frequency_hz
    v_u, v_v, v_psu, s_psu, v_out, s_out = x[11], x[12], x[17], x[18], x[19], x[20]
    conductance = load_pu / (3.0 * p.output_voltage_pu**2)
    i_out = k.output_voltage.kp * (p.output_voltage_pu - v_out) + k.output_voltage.ki * s_out
    d_out = base / p.output_capacitance_pu * (i_out - conductance * v_out)
    drawn = k.psu_voltage.kp * (1.0 - v_psu) + k.psu_voltage.ki * s_psu
    i_psu = (drawn - p.psu_resistance_pu * drawn * drawn) * (v_u * v_u + v_v * v_v) / (3.0 * v_psu)
    d_psu = base / p.psu_capacitance_pu * (i_psu - v_out / v_psu * i_out)
    return drawn, d_psu, 1.0 - v_psu, d_out, p.output_voltage_pu - v_out


def _inverter(p: models.FacilityChain, k: Gains, x: Any, drawn: Any) -> tuple[Any, Any]:
    """UPS inverter behind its filter; returns (power taken from the DC link, eight derivatives)."""
    base = 2.0 * math.pi * p.base_frequency_hz
    inductance, capacitance = p.inverter_inductance_pu, p.inverter_capacitance_pu
    i_u, i_v, v_u, v_v, s_u, s_v, n_u, n_v = x[9:17]
    want_u = k.inverter_voltage.kp * (1.0 - v_u) + k.inverter_voltage.ki * s_u - capacitance * v_v
    want_v = -k.inverter_voltage.kp * v_v + k.inverter_voltage.ki * s_v + capacitance * v_u
    e_u = k.inverter_current.kp * (want_u - i_u) + k.inverter_current.ki * n_u - inductance * i_v
    e_v = k.inverter_current.kp * (want_v - i_v) + k.inverter_current.ki * n_v + inductance * i_u
    ohmic = p.inverter_resistance_pu
    rates = (
        base / inductance * (e_u - v_u - ohmic * i_u + inductance * i_v),
        base / inductance * (e_v - v_v - ohmic * i_v - inductance * i_u),
        base / capacitance * (i_u - drawn * v_u + capacitance * v_v),
        base / capacitance * (i_v - drawn * v_v - capacitance * v_u),
        1.0 - v_u, -v_v, want_u - i_u, want_v - i_v,
    )  # fmt: skip
    return e_u * i_u + e_v * i_v, rates


def _rectifier(p: models.FacilityChain, k: Gains, x: Any, taken: Any) -> tuple[Any, Any]:
    """Network, PLL, rectifier and DC link; returns (power at the PCC, nine derivatives)."""
    base = 2.0 * math.pi * p.base_frequency_hz
    inductance, ohmic = p.rectifier_inductance_pu, p.rectifier_resistance_pu
    angle, s_pll, v_pll, i_d, i_q, s_dc, g_d, g_q, v_dc = x[:9]
    speed = 1.0 + k.pll.kp * v_pll + k.pll.ki * s_pll
    sine, cosine = np.sin(angle + 0.5 * math.pi), np.cos(angle + 0.5 * math.pi)
    i_r, i_i = sine * i_d + cosine * i_q, -cosine * i_d + sine * i_q
    v_r = p.source_voltage_pu - p.source_resistance_pu * i_r + p.source_reactance_pu * i_i
    v_i = -p.source_resistance_pu * i_i - p.source_reactance_pu * i_r
    v_d, v_q = sine * v_r - cosine * v_i, cosine * v_r + sine * v_i
    want_d = k.dc_voltage.kp * (1.0 - v_dc) + k.dc_voltage.ki * s_dc
    e_d = k.rectifier_current.kp * (i_d - want_d) + k.rectifier_current.ki * g_d + speed * inductance * i_q
    e_q = k.rectifier_current.kp * i_q + k.rectifier_current.ki * g_q - speed * inductance * i_d
    rates = (
        base * (speed - 1.0), v_pll, 2.0 * math.pi * p.pll_filter_hz * (v_q - v_pll),
        base / inductance * (v_d - e_d - ohmic * i_d + speed * inductance * i_q),
        base / inductance * (v_q - e_q - ohmic * i_q - speed * inductance * i_d),
        1.0 - v_dc, i_d - want_d, i_q,
        base / p.dc_capacitance_pu * (e_d * i_d + e_q * i_q - taken) / v_dc,
    )  # fmt: skip
    return v_r * i_r + v_i * i_i, rates


def derivatives(params: models.FacilityChain, state: Any, load_pu: Any) -> tuple[Any, Any]:
    """Right-hand side of the nonlinear chain.

    Parameters
    ----------
    params : FacilityChain
    state : ndarray (21,)
        In the order of `STATES`; complex numbers are allowed.
    load_pu : float
        Power of the load [pu].

    Returns
    -------
    (ndarray (21,), float)
        Derivatives of the state [1/s] and power at the PCC [pu].
    """
    k = gains(params)
    drawn, *load_rates = _load_side(params, k, state, load_pu)
    taken, inverter_rates = _inverter(params, k, state, drawn)
    power_pu, rectifier_rates = _rectifier(params, k, state, taken)
    return np.array([*rectifier_rates, *inverter_rates, *load_rates]), power_pu


def _first_guess(p: models.FacilityChain, load_pu: float) -> Floats:
    """Operating point from the static balance: every voltage at its reference, no reactive current."""
    k = gains(p)
    inner = 1.0 - 4.0 * p.psu_resistance_pu * load_pu
    drawn = 2.0 * load_pu / (1.0 + math.sqrt(inner)) if inner >= 0.0 else math.nan
    i_u, i_v = drawn, p.inverter_capacitance_pu
    e_u = 1.0 + p.inverter_resistance_pu * i_u - p.inverter_inductance_pu * i_v
    e_v = p.inverter_resistance_pu * i_v + p.inverter_inductance_pu * i_u
    taken = e_u * i_u + e_v * i_v
    # With i_q = v_q = 0: (v_d + R i)^2 + (X i)^2 = V^2, and the DC link takes (v_d - r i) i.
    i_d, drop = taken, p.source_resistance_pu + p.rectifier_resistance_pu
    for _ in range(200):
        left = p.source_voltage_pu**2 - (p.source_reactance_pu * i_d) ** 2
        behind = math.sqrt(left) if left >= 0.0 else math.nan
        i_d = taken / (behind - drop * i_d)
    v_d = behind - p.source_resistance_pu * i_d
    angle = -math.atan2(p.source_reactance_pu * i_d, behind)
    x = np.zeros(len(STATES))
    x[0], x[3], x[8] = angle, i_d, 1.0
    x[5] = i_d / k.dc_voltage.ki
    x[6] = (v_d - p.rectifier_resistance_pu * i_d) / k.rectifier_current.ki
    x[9:13] = i_u, i_v, 1.0, 0.0
    x[13] = i_u / k.inverter_voltage.ki
    x[15] = (e_u + p.inverter_inductance_pu * i_v) / k.inverter_current.ki
    x[16] = (e_v - p.inverter_inductance_pu * i_u) / k.inverter_current.ki
    x[17], x[18], x[19] = 1.0, drawn / k.psu_voltage.ki, p.output_voltage_pu
    x[20] = load_pu / (3.0 * p.output_voltage_pu) / k.output_voltage.ki
    return x


def jacobian(
    params: models.FacilityChain, state: Floats, load_pu: float
) -> tuple[Floats, Floats, Floats, float]:
    """Derivatives of the chain by the complex step, exact to rounding.

    Parameters
    ----------
    params : FacilityChain
    state : ndarray (21,)
    load_pu : float

    Returns
    -------
    (ndarray (21, 21), ndarray (21,), ndarray (21,), float)
        A, B, C, D of the deviations from `state`.
    """
    n = len(state)
    a, c = np.zeros((n, n)), np.zeros(n)
    for j in range(n):
        moved = state.astype(complex)
        moved[j] += 1j * _STEP
        rates, power_pu = derivatives(params, moved, load_pu)
        a[:, j], c[j] = rates.imag / _STEP, power_pu.imag / _STEP
    rates, power_pu = derivatives(params, state.astype(complex), load_pu + 1j * _STEP)
    return a, rates.imag / _STEP, c, float(power_pu.imag / _STEP)


def equilibrium(params: models.FacilityChain, load_pu: float | None = None) -> Floats:
    """Operating point by Newton's method.

    Parameters
    ----------
    params : FacilityChain
    load_pu : float, optional
        Power of the load [pu]; ``params.loading_pu`` without it.

    Returns
    -------
    ndarray (21,)

    Raises
    ------
    ValueError
        The network or the PSUs cannot carry the load.
    """
    load = params.loading_pu if load_pu is None else load_pu
    state = _first_guess(params, load)
    for _ in range(_NEWTON_STEPS):
        if not np.isfinite(state).all():
            break
        a, *_ = jacobian(params, state, load)
        step = np.linalg.solve(a, derivatives(params, state, load)[0])
        state = state - step
        if np.abs(step).max() <= _NEWTON_PU * max(1.0, float(np.abs(state).max())):
            return state
    raise ValueError(f"the chain has no operating point at a load of {load:g} pu")


def linearise(params: models.FacilityChain, load_pu: float | None = None) -> StateSpace:
    """Linear model of the full chain about its operating point, from load to power at the PCC.

    Parameters
    ----------
    params : FacilityChain
    load_pu : float, optional
        Where to linearise [pu]; ``params.loading_pu`` without it.

    Returns
    -------
    StateSpace
        Input ``load_pu``, output ``power_pu``; its gain at zero frequency is above 1 by the chain's losses.

    Raises
    ------
    ValueError
        There is no operating point.
    """
    load = params.loading_pu if load_pu is None else load_pu
    a, b, c, d = jacobian(params, equilibrium(params, load), load)
    return StateSpace(a, b[:, None], c[None], np.array([[d]]), STATES, ("load_pu",), ("power_pu",))


def second_order(params: models.FacilityChain) -> StateSpace:
    """Second-order form: (1 + s T) w^2 / (s^2 + 2 zeta w s + w^2), gain 1 at zero frequency.

    Parameters
    ----------
    params : FacilityChain
        Its ``second_order_*`` alone.

    Returns
    -------
    StateSpace
    """
    natural = 2.0 * math.pi * params.second_order_hz
    a = natural * np.array([[0.0, 1.0], [-1.0, -2.0 * params.second_order_damping]])
    b = natural * np.array([[0.0], [1.0]])
    c = np.array([[1.0, params.second_order_zero_s * natural]])
    return StateSpace(a, b, c, np.zeros((1, 1)), ("x1", "x2"), ("load_pu",), ("power_pu",))


def _gramian(a: Floats, source: Floats) -> Floats:
    """Solve A W + W A' + source = 0 by the Kronecker sum."""
    n = len(a)
    unit = np.eye(n)
    w = np.linalg.solve(np.kron(a, unit) + np.kron(unit, a), -source.reshape(-1)).reshape(n, n)
    return np.asarray(0.5 * (w + w.T))


def _root(gramian: Floats) -> Floats:
    """L with L L' = W; what rounding made negative is zero."""
    value, vector = np.linalg.eigh(gramian)
    return np.asarray(vector * np.sqrt(np.maximum(value, 0.0)))


def reduced(system: StateSpace, order: int, *, keep_gain: bool) -> StateSpace:
    """Reduce a stable system in balanced coordinates.

    Parameters
    ----------
    system : StateSpace
        Stable.
    order : int
        States to keep.
    keep_gain : bool
        False: truncation (Moore, IEEE TAC 26 (1981) 17). True: residualisation, the rest being taken as
        settled (Liu and Anderson, Int. J. Control 50 (1989) 1379): the gain at zero frequency is kept, on
        which the balance of energy rests.

    Returns
    -------
    StateSpace
    """
    controls, observes = (
        _root(_gramian(system.a, system.b @ system.b.T)),
        _root(_gramian(system.a.T, system.c.T @ system.c)),
    )
    left, hankel, right = np.linalg.svd(observes.T @ controls)
    # Beyond this the balanced states are rounding; nothing of the response is left there.
    kept = order if not keep_gain else max(order, int((hankel > 1e-9 * hankel[0]).sum()))
    scale = 1.0 / np.sqrt(hankel[:kept])
    into, back = (left[:, :kept] * scale).T @ observes.T, controls @ right[:kept].T * scale
    a, b, c, d = into @ system.a @ back, into @ system.b, system.c @ back, system.d
    if keep_gain and kept > order:
        rest = np.linalg.solve(a[order:, order:], np.hstack([a[order:, :order], b[order:]]))
        d = d - c[:, order:] @ rest[:, order:]
        b = b[:order] - a[:order, order:] @ rest[:, order:]
        c = c[:, :order] - c[:, order:] @ rest[:, :order]
        a = a[:order, :order] - a[:order, order:] @ rest[:, :order]
    names = tuple(f"x{i + 1}" for i in range(order))
    return StateSpace(a, b, c, d, names, system.inputs, system.outputs)


def block(params: models.FacilityChain, form: str) -> StateSpace:
    """Model that a distribution node steps: of gain 1 at zero frequency, since its losses are the loss law's.

    Parameters
    ----------
    params : FacilityChain
    form : {"chain", "chain_reduced", "chain_second_order"}
        As ``distribution.<node>.dynamics``.

    Returns
    -------
    StateSpace

    Raises
    ------
    ValueError
        There is no operating point, or it is not stable.
    """
    if form == "chain_second_order":
        return second_order(params)
    system = linearise(params)
    least = system.poles()[0]
    if not least.real < 0.0:
        where = f"at a load of {params.loading_pu:g} pu"
        raise ValueError(f"the chain is not stable {where}: eigenvalue {least:.4g} rad/s")
    if form == "chain_reduced":
        system = reduced(system, params.reduced_order, keep_gain=True)
    gain = float(system.gain()[0, 0])
    unit, names = 1.0 / gain, (system.states, system.inputs, system.outputs)
    return StateSpace(system.a, system.b, unit * system.c, unit * system.d, *names)
